"""Names and p-values read as a person would write them."""

from __future__ import annotations

import pytest

from clew.words import listed, spell_p


@pytest.mark.parametrize(
    "names, said", [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_names_are_listed_with_commas_and_one_and(names, said):
    assert listed(names) == said
    assert listed(names, last="or") == said.replace(" and ", " or ")


@pytest.mark.parametrize(
    "p, said", [(1.0, "1.00"), (0.414, "0.41"), (0.0994, "0.099"), (0.005, "0.005"), (0.00002, "2e-05")]
)
def test_p_values_have_the_digits_that_count(p, said):
    assert spell_p(p) == said
