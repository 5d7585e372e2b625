"""The verb says how good the model is, then what it goes by, then what to mind."""

from __future__ import annotations

import json

import pytest

from clew import steps
from clew.errors import DataError
from clew.explain.explanation import CAUSE
from clew.steps.explaining import explain
from clew.steps.learning import CIRCULAR
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
