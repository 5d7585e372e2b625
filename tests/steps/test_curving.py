"""The verb `curve` says first what ails the model, then what would help."""

import json

from clew.steps.curving import curve
from clew.steps.exploring import explore, name
from clew.steps.learning import CIRCULAR, train
from tests.steps.worlds import QUICK

FEW = {"folds": 3, "repeats": 1}


def learnt(table):
    study, kind = table
    explore(study, **QUICK)
    name(study, ["0=low", "1=high"])
    train(study, trees=4, depth=3, grower="clew")
    return study


def test_a_curve_takes_the_latest_models_settings_and_goes_on_record(table):
    study = learnt(table)
    told = curve(study, desired=0.9, **FEW)
    assert study.last("curve").settings["trees"] == 4
    assert study.last("curve").settings["depth"] == 3
    assert told.lines[0] == told.data["diagnosis"]["sentence"]
    assert told.lines[1] == told.data["diagnosis"]["advice"]
    assert told.lines[-1].startswith("Next: clew ")
    assert CIRCULAR in told.warnings
    assert json.loads(json.dumps(told.data))["sizes"][-1]["held_out"]["value"] > 0.9


def test_a_setting_is_tried_and_the_best_is_said_to_flatter(table):
    study = learnt(table)
    told = curve(study, over="depth", values=[1, 2, float("inf")], grower="scikit-learn", folds=3)
    assert told.data["n_tried"] == 3
    assert "flattered" in " ".join(told.lines)
    assert any("without limit" in one for one in told.lines)
    json.dumps(told.data, allow_nan=False)


def test_a_number_is_learnt_without_a_model(table):
    study, _ = table
    told = curve(study, target="e", trees=3, **FEW)
    assert told.data["metric"] == "r2"
    assert told.data["diagnosis"]["verdict"] != "chance"
    json.dumps(told.data, allow_nan=False)
