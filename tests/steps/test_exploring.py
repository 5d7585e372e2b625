"""Looking and naming."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from clew import steps
from clew.errors import DataError, SettingError
from clew.explore.stability import in_words
from tests.steps.worlds import QUICK


def test_choosing_other_features_is_a_look_of_its_own_on_record(table):
    study, _ = table
    steps.explore(study, **QUICK)
    told = steps.explore(study, features="a,b", **QUICK)
    assert told.data["looks"] == 2
    assert [one.settings["features"] for one in study.steps() if one.verb == "explore"] == ["all", "a,b"]
    assert told.data["hypotheses_on_record"] == len(study.hypotheses())


def test_names_must_be_pairs(table):
    with pytest.raises(SettingError, match="NUMBER=NAME"):
        steps.name(table[0], ["round"])


def test_what_is_on_the_screen_stays_short_and_tiny_groups_get_no_hypothesis(table):
    study, _ = table
    told = steps.explore(study, k=60, **QUICK)
    assert told.data["k"] > 50
    assert max(len(line) for line in told.lines) < 400
    assert any("and 5" in line and "more" in line for line in told.lines)
    assert told.data["hypotheses"] == []
    assert any("No hypothesis" in line for line in told.lines)


def test_the_variance_of_two_components_is_a_share(table):
    study, _ = table
    line = next(line for line in steps.explore(study, **QUICK).lines if line.startswith("The map,"))
    X = study.samples().features
    singular = np.linalg.svd((X - X.mean(axis=0)) / X.std(axis=0), compute_uv=False) ** 2
    assert f"explain {singular[:2].sum() / singular.sum():.0%} of" in line


def test_stability_is_summed_up_in_one_sentence_and_rows_shown_are_counted(table):
    study, _ = table
    told = steps.explore(study, **QUICK)
    said = [line for line in told.lines if "on the run (ARI" in line]
    assert said == [in_words(told.result)]
    assert not any("80%" in line for line in told.lines)
    assert any(line.startswith("The map, 72 shown of 72 rows: ") for line in told.lines)


def test_the_open_rows_are_exported_and_come_back_as_labels(table, tmp_path):
    study, _ = table
    steps.explore(study, k=2, **QUICK)
    told = steps.export(study, out=tmp_path / "rows.csv")
    frame = pd.read_csv(tmp_path / "rows.csv")
    assert told.data["rows"] == len(frame) == study.counts()["open"]
    assert told.lines[0].endswith(f"the {study.counts()['sealed']} sealed ones stay sealed.")
    assert set(frame["sample"]) == set(study.samples().sample), "sealed rows stay sealed"
    found = study.result(study.last("explore"))
    np.testing.assert_array_equal(frame["group"], found.groups)
    np.testing.assert_allclose(frame[["a", "b", "c", "d", "e"]], study.samples().features)
    assert frame["label"].isna().all()
    frame["label"] = np.where(frame["group"] == 0, "x", "y")
    frame.to_csv(tmp_path / "labelled.csv", index=False)
    steps.label(study, tmp_path / "labelled.csv")
    assert set(study.samples().labels) == {"x", "y"}
    with pytest.raises(SettingError, match="must be new or hold earlier"):
        steps.export(study, out=tmp_path / "cells.csv")


def test_names_of_groups_do_not_become_labels_of_people_by_way_of_an_export(table, tmp_path):
    study, _ = table
    steps.explore(study, k=2, **QUICK)
    steps.name(study, ["0=low", "1=high"])
    steps.export(study, out=tmp_path / "rows.csv")
    frame = pd.read_csv(tmp_path / "rows.csv")
    assert set(frame["name"]) == {"low", "high"}
    assert frame["label"].isna().all()
    with pytest.raises(DataError, match="at least one sample"):
        steps.label(study, tmp_path / "rows.csv")


def test_a_cut_as_asked_is_called_one(table):
    study, _ = table
    lines = "\n".join(steps.explore(study, k=3, **QUICK).lines)
    assert "Cut into 3 groups as asked; the evidence is for 2: 72 of 72 rows" in lines
    assert "the cut into 3 depends" in lines or "the cut into 3 does not depend" in lines
    assert "2 groups by kmeans: 72 of 72 rows" not in lines.lower()
    assert "2 groups by kmeans: 72 of 72 rows" in "\n".join(steps.explore(study, **QUICK).lines)


def test_names_that_do_not_count_are_told(table, tmp_path):
    study, _ = table
    rows = study.samples().sample
    pd.DataFrame({"sample": rows, "label": ["x", "y"] * (len(rows) // 2)}).to_csv(
        tmp_path / "l.csv", index=False
    )
    steps.label(study, tmp_path / "l.csv")
    steps.explore(study, k=2, **QUICK)
    told = steps.name(study, ["0=a", "1=b"])
    assert any("the names do not count" in warning for warning in told.warnings)
    one = steps.name(study, ["0=a", "1=a"])
    assert not any("clew train" in line for line in one.lines)


def test_a_function_cannot_be_repeated_from_the_record_and_is_refused(table):
    study, _ = table
    before = len(study.steps())
    with pytest.raises(
        SettingError, match="must be one that can be repeated from the record. Got a function"
    ):
        steps.explore(study, metric=lambda a, b: 0.0, **QUICK)
    assert len(study.steps()) == before


def test_one_sealed_row_stays_sealed(table, tmp_path, monkeypatch):
    study, _ = table
    steps.explore(study, k=2, **QUICK)
    monkeypatch.setattr(type(study), "counts", lambda _: {"open": 71, "sealed": 1})
    assert steps.export(study, out=tmp_path / "rows.csv").lines[0].endswith("; the sealed one stays sealed.")
