"""Row by row: the group that pushes it most, and the feature that another depends on."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import SettingError
from clew.explain.rows import interacting, per_sample
from tests.explain.copies import explained, named


def test_each_row_gets_the_group_that_pushes_it_most(copies):
    found = per_sample(copies)
    of = copies.outputs.index(found.output[7])
    values = copies.group_values[7, :, of]
    assert found.value[7] == values[np.abs(values).argmax()]
    assert found.feature[7] == copies.group_names[int(np.abs(values).argmax())]
    assert (found.output == np.array(copies.outputs)[copies.prediction.argmax(axis=1)]).all()
    assert set(per_sample(copies, output="low").output) == {"low"}
    assert "rows most" in found.headline()
    with pytest.raises(SettingError, match="Did you mean 'low'"):
        per_sample(copies, output="lo")


def test_the_feature_that_another_depends_on_is_found():
    X = np.random.default_rng(0).normal(size=(300, 4))
    found = explained(named(X, ["a", "b", "c", "d"], np.where(X[:, 0] * X[:, 2] > 0, "y", "n")), refits=2)
    assert interacting(found, "a") == "c"
    assert interacting(found, "c") == "a"
    one = explained(named(X[:, :1], ["a"], np.where(X[:, 0] > 0, "y", "n")), refits=2)
    assert interacting(one, "a") is None
