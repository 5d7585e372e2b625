"""Labels of people: from tables, painted, taken back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tifffile

from clew import steps
from clew.errors import DataError, SettingError
from clew.study.study import Study
from tests.steps.worlds import QUICK, nuclei


def test_peoples_labels_stand_above_names_and_stay_on_record(tmp_path, table):
    study, _ = table
    steps.explore(study, k=2, **QUICK)
    steps.name(study, ["0=low", "1=high"])
    rows = study.samples().sample[:3]
    pd.DataFrame({"sample": rows, "label": ["mine"] * 3}).to_csv(tmp_path / "l.csv", index=False)
    told = steps.label(study, tmp_path / "l.csv")
    assert told.data["changed"] == 3
    steps.name(study, ["0=low", "1=high"])
    assert study.samples().labels[:3].tolist() == ["mine"] * 3
    assert sum(event.sample == rows[0] for event in study.label_events()) == 3


def test_labels_that_do_not_fit_change_nothing(tmp_path, table):
    study, _ = table
    pd.DataFrame({"sample": [study.samples().sample[0], "nobody"], "label": ["x", "y"]}).to_csv(
        tmp_path / "l.csv", index=False
    )
    with pytest.raises(DataError, match="nobody"):
        steps.label(study, tmp_path / "l.csv")
    assert study.label_events() == []


def test_the_last_labels_are_taken_back_and_stay_on_record(tmp_path, table):
    study, _ = table
    rows = study.samples().sample[:2]
    for label in ("first", "second"):
        pd.DataFrame({"sample": rows, "label": [label] * 2}).to_csv(tmp_path / "l.csv", index=False)
        steps.label(study, tmp_path / "l.csv")
    assert set(study.samples().labels[:2]) == {"second"}
    steps.label(study, undo=True)
    assert set(study.samples().labels[:2]) == {"first"}
    steps.label(study, undo=True)
    assert set(study.samples().labels[:2]) == {""}
    assert [event.label for event in study.label_events()].count("second") == 2
    assert [one.headline for one in study.steps()][-1].startswith("labels of step")
    with pytest.raises(DataError, match="Got none that stand"):
        steps.label(study, undo=True)
    with pytest.raises(SettingError, match="beside --undo"):
        steps.label(study, tmp_path / "l.csv", undo=True)
    with pytest.raises(SettingError, match=r"FILE\.csv"):
        steps.label(study)
    assert steps.verify(study).data["same"]


def test_painted_objects_are_labelled_by_name_of_the_image_and_can_be_undone(tmp_path):
    paths = [nuclei(tmp_path, name, seed) for seed, name in enumerate(("a.tif", "b.tif"))]
    steps.new(tmp_path / "s.study", paths, sealed=0, split="distance")
    study = Study(tmp_path / "s.study")
    (tmp_path / "painted").mkdir()
    for name in ("a", "b"):
        annotation = np.zeros((160, 220), np.uint8)
        annotation[30, 25:35], annotation[30, 53:63] = 1, 2
        annotation[25:28, 53:63] = 1  # two classes on one object: the highest counts
        if name == "b":
            annotation[5, 200:210] = 1  # on no object
            annotation[130, 120] = 1
        tifffile.imwrite(tmp_path / "painted" / f"{name}_annotation.tif", annotation)
    told = steps.label(study, tmp_path / "painted")
    assert told.data["labels"] == 5 and study.labels() == {
        "a.tif#1": ("1", "person"),
        "a.tif#2": ("2", "person"),
        "b.tif#1": ("1", "person"),
        "b.tif#2": ("2", "person"),
        "b.tif#7": ("1", "person"),
    }
    assert "b.tif: 1 stroke touches no object." in told.lines
    assert all(event.who and event.step == told.step.id for event in study.label_events())
    assert steps.train(study, trees=5).data["classes"] == ["1", "2"]
    steps.label(study, undo=True)
    assert study.labels() == {}


def test_paint_that_does_not_fit_changes_nothing(tmp_path, table):
    steps.new(tmp_path / "s.study", [nuclei(tmp_path, "a.tif")], sealed=0)
    study = Study(tmp_path / "s.study")
    tifffile.imwrite(tmp_path / "a_annotation.tif", np.ones((9, 9), np.uint8))
    with pytest.raises(DataError, match="must have the shape of"):
        steps.label(study, tmp_path / "a_annotation.tif")
    beside = np.zeros((160, 220), np.uint8)
    beside[5, 200:210] = 1
    tifffile.imwrite(tmp_path / "a_annotation.tif", beside)
    with pytest.raises(
        DataError, match="must be painted on at least one of the 5 objects. Got strokes beside"
    ):
        steps.label(study, tmp_path / "a_annotation.tif")
    assert study.label_events() == []
    with pytest.raises(DataError, match="a study of tables must come from a table. Got .*annotation"):
        steps.label(table[0], tmp_path / "a_annotation.tif")
