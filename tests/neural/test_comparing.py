"""Nets among the families of models, and their learning curve."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import SettingError
from clew.learn.families import FAMILIES, compare
from clew.neural.comparing import WORDS, compare_nets, curve_net, parted
from clew.neural.net_settings import NETS
from clew.neural.training import validate_net
from tests.neural.test_training import QUICK, rows


def test_the_forest_is_always_beside_a_net():
    assert parted("cnn") == (["cnn"], ["forest"])
    assert parted(["mlp", "linear"]) == (["mlp"], ["linear", "forest"])
    assert parted("all,lstm")[1][0] == "dummy" and WORDS.keys() == set(NETS)
    with pytest.raises(SettingError, match="must hold a net"):
        parted("forest,linear")
    with pytest.raises(SettingError, match="Did you mean 'lstm'"):
        parted("forest,lstn")


def test_nets_and_forest_stand_on_the_same_folds_with_the_figures_that_each_has_alone():
    samples = rows()
    found = compare_nets(samples, families="mlp", folds=3, **QUICK)
    assert [one.name for one in found.families] == ["forest", "mlp"] and found.reference == "forest"
    alone = validate_net(samples, folds=3, **QUICK).scores.metrics["balanced_accuracy"].value
    assert found.figure(found.family("mlp")).value == pytest.approx(alone)
    forests = compare(samples, families="dummy,forest", folds=3, repeats=1, pair=["a", "b"])
    assert found.figure(found.family("forest")).value == pytest.approx(
        forests.figure(forests.family("forest")).value
    )
    assert found.choice.value == found.figure(found.family("forest")).value  # a net has no part in the choice
    assert any("not tuned" in one for one in found.warnings)


def test_scikit_learns_warnings_that_a_net_stopped_early_do_not_reach_people(recwarn, monkeypatch):
    family = FAMILIES["network"]

    def hasty(*given, **settings):
        return family.make(*given, **settings).set_params(mlpclassifier__max_iter=1)

    monkeypatch.setitem(FAMILIES, "network", family._replace(make=hasty))
    compare_nets(rows(), families="mlp,network", folds=2, epochs=1, members=1)
    assert not [one for one in recwarn if "onverge" in f"{one.category.__name__} {one.message}"]


def test_a_net_has_a_learning_curve():
    found = curve_net(rows(), values=[20, 60], folds=2, epochs=8, members=1, lr=0.01)
    assert found.rows.tolist() == pytest.approx([20, 60], abs=6) and np.isfinite(found.held_out[:, 0]).all()
    with pytest.raises(SettingError, match="whole numbers"):
        curve_net(rows(), values=[20.5])
