"""The verb says how good the model is, then what it goes by, then what to mind."""

from __future__ import annotations

import json

import pytest

from clew import steps
from clew.errors import DataError, SettingError
from clew.explain.explanation import CAUSE
from clew.steps.explaining import explain
from clew.steps.learning import CIRCULAR
from clew.steps.networks import raw_again
from clew.study.study import Study
from tests.steps.test_networks import labelled, spots
from tests.steps.worlds import QUICK

FEW = {"permutations": 3, "refits": 3}


@pytest.fixture
def trained(table):
    study, _ = table
    steps.explore(study, k=2, **QUICK)
    steps.name(study, ["0=low", "1=high"])
    steps.train(study, trees=15)
    return study


def test_a_study_is_explained_and_that_is_on_record(trained):
    told = explain(trained, **FEW)
    assert told.lines[0].startswith("The model predicts rows that it was not trained on: balanced accuracy")
    assert told.lines[1] == CIRCULAR  # the labels are names of groups
    assert told.lines[2].startswith("What forest-1 goes by, over ")
    assert told.lines[3].startswith("  1. ")
    assert any(line.startswith(CAUSE) for line in told.lines)
    assert told.lines[-1] == f"Next: clew report {trained.folder}"
    assert trained.steps()[-1].verb == "explain"
    assert trained.steps()[-1].sees == "open"
    assert trained.result(trained.steps()[-1]).digest() == told.result.digest()


def test_scripts_get_what_the_design_promises(trained):
    data = json.loads(json.dumps(explain(trained, **FEW).data))
    assert {"features", "correlated_groups", "groups", "model"} <= set(data)
    assert {"name", "shap", "permutation"} <= set(data["features"][0])
    assert any({"a", "e"} <= set(group) for group in data["correlated_groups"])


def test_every_line_of_warning_stands_once(trained):
    lines = explain(trained, **FEW).lines
    assert len(lines) == len(set(lines))


def test_a_study_without_a_model_says_what_to_run_first(table):
    with pytest.raises(DataError, match="must have run `clew train"):
        explain(table[0])


def test_names_of_groups_are_said_to_be_learnt_as_validate_says_it(trained):
    told = explain(trained, **FEW)
    assert CIRCULAR in told.warnings
    assert CIRCULAR in steps.validate(trained).warnings


def test_numbers_are_explained_too(table):
    study, _ = table
    steps.explore(study, k=2, **QUICK)
    steps.name(study, ["0=low", "1=high"])
    steps.train(study, target="e", trees=10)
    told = explain(study, **FEW)
    assert CIRCULAR not in told.warnings  # a target is no label
    assert "R2" in told.lines[0]
    assert told.result.outputs == ["e"]


def test_a_model_of_selected_features_is_judged_as_validate_judges_it(trained):
    steps.train(trained, trees=15, select=2)
    told = explain(trained, **FEW)
    assert len(told.result.feature_names) == 2
    assert told.data["predicts"] is True
    figure = steps.validate(trained).data["metrics"]["balanced_accuracy"]
    assert {name: told.data["score"][name] for name in ("value", "low", "high")} == pytest.approx(
        {name: figure[name] for name in ("value", "low", "high")}
    )
    assert any("selected among 5. Every fold selected anew" in line for line in told.lines)


# ---- nets ----
def test_a_net_on_measurements_is_explained_beside_a_forest(trained):
    steps.train(trained, model="mlp", epochs=6, members=1, lr=0.01, hidden="8")
    told = explain(trained, folds=2, permutations=2)
    assert told.lines[0].startswith("The model predicts") and "A forest on the same folds" in told.lines[0]
    assert told.lines[2].startswith("What mlp-2 goes by, over ")
    assert "the forest's by" in told.lines[3] and told.data["model"] == "mlp-2"
    assert trained.steps()[-1].verb == "explain" and "raw" not in trained.steps()[-1].inputs
    with pytest.raises(SettingError, match=r"--refits must go with the forest. Got the model 'mlp-2'"):
        explain(trained, refits=3)  # which a net has not


def test_a_net_on_images_says_first_whether_its_maps_can_be_believed_and_repeats(tmp_path):
    files = [spots(tmp_path, f"s{i}.tif", i) for i in range(2)]
    steps.new(tmp_path / "s.study", files, threshold=60, sealed=0.2)
    study = labelled(
        Study(tmp_path / "s.study"),
        lambda name: "top" if int(name.rpartition("#")[2]) % 2 else "bottom",
        tmp_path,
    )
    steps.train(study, model="cnn", epochs=3, members=1, lr=0.01, augment="none")
    told = explain(study, averaged=4, draws=1, steps=4)
    assert told.lines[0].startswith(("On the ", "This net is not shown to beat chance"))
    assert told.lines[1].startswith("What cnn-1 goes by, over 4 held-out rows:")
    assert any("no causal claim" in line for line in told.lines)
    recorded = study.steps()[-1]
    assert recorded.inputs["raw"] and set(told.result.sample) <= set(
        study.samples().sample
    )  # open rows alone
    again = study.rerun(recorded, raw=raw_again(study, recorded))
    assert again.digest() == recorded.digest
