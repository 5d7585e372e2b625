"""The verb says which station tells most, with the settings of the latest model, and puts it on record."""

from __future__ import annotations

import json

import pytest

from clew import steps
from clew.errors import DataError
from clew.learn.sensors import SHARED
from clew.steps.learning import CIRCULAR
from clew.steps.sensing import sensors
from tests.steps.recorded import recorded_study
from tests.steps.worlds import QUICK

FAST = {"trees": 10, "depth": 4, "grower": "auto", "permutations": 3}


def test_stations_are_compared_and_that_is_on_record(tmp_path):
    study = recorded_study(tmp_path, sealed=0.2)
    told = sensors(study, **FAST)
    assert "alone it reaches a balanced accuracy of" in told.lines[0]
    assert any(line.startswith("  XX.AAA: alone ") for line in told.lines)
    assert SHARED in told.lines
    assert any(line.endswith("with one label.") for line in told.lines)
    assert any(line.startswith("5 folds by time") for line in told.lines)
    assert told.lines[-1] == f"Next: clew report {study.folder}"
    last = study.steps()[-1]
    assert (last.verb, last.sees) == ("sensors", "open")
    assert study.rerun(last).digest() == told.result.digest()
    data = json.loads(json.dumps(told.data))
    assert data["by"] == "station"
    assert {one["name"] for one in data["sensors"]} == {"XX.AAA", "XX.BBB"}
    assert {"alone", "behind_best", "permuted", "informs"} <= set(data["sensors"][0])


def test_it_learns_as_the_latest_model_did(table):
    study, _ = table
    steps.explore(study, k=2, **QUICK)
    steps.name(study, ["0=low", "1=high"])
    steps.train(study, trees=12, depth=3, features="a,b,c")
    told = sensors(study, permutations=2)
    assert {name: told.result.settings[name] for name in ("trees", "depth", "features")} == {
        "trees": 12, "depth": 3, "features": "a,b,c",
    }  # fmt: skip
    assert told.result.by == "measurement"
    assert told.result.names == ["a", "b", "c"]
    assert CIRCULAR in told.warnings
    assert sensors(study, trees=5, permutations=2).result.settings["trees"] == 5


def test_without_labels_it_says_what_is_missing(table):
    with pytest.raises(DataError, match="must have labels"):
        sensors(table[0], permutations=2)
