"""The verb says how good the model is, then what it goes by, then what to mind."""

from __future__ import annotations

import json

import pytest

from clew import steps
from clew.errors import DataError
from clew.explain.explanation import CAUSE
from clew.steps.explaining import explain
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
    assert told.lines[1].startswith("What forest-1 goes by, over ")
    assert told.lines[2].startswith("  1. ")
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


def test_numbers_are_explained_too(table):
    study, _ = table
    steps.train(study, target="e", trees=10)
    told = explain(study, **FEW)
    assert "R2" in told.lines[0]
    assert told.result.outputs == ["e"]
