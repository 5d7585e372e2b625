"""The forest's validation, repeated: its seeds and folds change, its settings do not."""

import numpy as np
import pytest

from clew.errors import SettingError
from clew.learn.repeats import repeat
from tests.validate.test_metrics import make

FAST = {"trees": 5, "depth": 3, "grower": "clew"}


def overlapping(n=120, seed=0):
    random = np.random.default_rng(seed)
    labels = np.repeat(["left", "right"], n // 2)
    return make(random.normal(size=(n, 3)) + (labels == "right")[:, None], labels, groups=np.arange(n) % 12)


def test_a_forest_is_repeated_with_other_seeds():
    found = repeat(overlapping(), runs=3, **FAST)
    assert found.predicted.shape == (3, 120)
    assert len({one.tobytes() for one in found.predicted}) == 3
    assert found.trueness["balanced_accuracy"].low > 0.5
    assert found.settings["runs"] == 3 and found.settings["trees"] == 5


def test_more_trees_make_runs_agree_more():
    few, many = (repeat(overlapping(), runs=4, trees=n, depth=3, grower="clew") for n in (1, 60))
    assert many.precision["kappa"].value > few.precision["kappa"].value + 0.1


def test_numbers_are_repeated_too():
    samples = overlapping()
    found = repeat(samples, target="f0", runs=3, trees=5)
    assert found.kind == "regression"
    assert found.precision["repeatability_sd"].value > 0


def test_labels_and_a_target_together_are_refused():
    samples = overlapping()
    with pytest.raises(SettingError, match="'kind' of train"):
        repeat(samples.with_target(np.arange(120.0)), runs=2, **FAST)


def test_the_step_sees_open_rows_only():
    assert repeat.step.sees == "open"
