"""Names and p-values read as a person would write them."""

from __future__ import annotations

import pytest

from clew.words import listed, said_once, spell_p


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


def test_the_same_remark_on_many_files_is_made_once_and_others_stay_as_they_are():
    remarks = ["Before.", *(f"'{i}.npz': dead." for i in range(5)), "'a': cut.", "'b': cut.", "Before."]
    assert said_once(remarks) == [
        "Before.",
        "5 files ('0.npz', '1.npz', ...): dead.",
        "'a': cut.",
        "'b': cut.",
    ]
    assert said_once(remarks, most=5)[1:6] == remarks[1:6]
    assert said_once([]) == []
