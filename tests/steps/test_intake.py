"""Making a study, and what people bring to it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tifffile

import clew.steps.intake
from clew import steps
from clew.errors import DataError, SettingError
from clew.simulate import blobs
from clew.study.study import Study
from tests.steps.worlds import QUICK, write_table


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


def test_a_target_named_when_the_study_is_made_is_kept_out_of_the_features(tmp_path):
    path, _ = write_table(tmp_path)
    steps.new(tmp_path / "r.study", [path], target="e")
    study = Study(tmp_path / "r.study")
    assert "e" not in study.samples().feature_names
    assert steps.train(study, trees=10).data["kind"] == "regression"


def test_label_images_beside_the_images_are_used_and_groups_are_the_images(tmp_path):
    for i in range(3):
        made = blobs(n_round=8, n_elongated=6, size=220, random_state=i)
        tifffile.imwrite(tmp_path / f"{i}.tif", made.pixels)
        tifffile.imwrite(tmp_path / f"{i}_labels.tif", made.label_image.astype(np.uint16))
    told = steps.new(tmp_path / "m.study", [tmp_path], sealed=0.34)
    study = Study(tmp_path / "m.study")
    assert told.data["groups"] == 3
    assert len(set(study.samples().group)) == 2, "a whole image is sealed"
    assert {source.role for source in study.sources()} >= {"data", "labels of 0.tif"}
    assert steps.verify(study).data["same"]


def test_nothing_is_left_behind_when_the_data_are_refused(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(DataError):
        steps.new(tmp_path / "x.study", [tmp_path / "empty.csv"])
    path, _ = write_table(tmp_path)
    with pytest.raises(SettingError, match="Did you mean"):
        steps.new(tmp_path / "x.study", [path], features="aa")
    with pytest.raises(DataError, match="all images or all tables"):
        tifffile.imwrite(tmp_path / "i.tif", np.zeros((9, 9), np.uint8))
        steps.new(tmp_path / "x.study", [path, tmp_path / "i.tif"])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cells.csv", "empty.csv", "i.tif"]


def test_a_moved_source_is_relinked_on_record(tmp_path, table):
    study, _ = table
    (tmp_path / "far").mkdir()
    (tmp_path / "cells.csv").rename(tmp_path / "far" / "cells.csv")
    assert not steps.verify(study).data["same"]
    assert steps.relink(study, [tmp_path / "far"]).data["relinked"] == ["cells.csv"]
    assert steps.verify(study).data["same"]


def test_settings_of_the_other_kind_of_data_are_refused(tmp_path):
    path, _ = write_table(tmp_path)
    with pytest.raises(SettingError, match="--threshold must go with images"):
        steps.new(tmp_path / "x.study", [path], threshold=5)
    tifffile.imwrite(tmp_path / "i.tif", blobs(n_round=8, n_elongated=6, size=220).pixels)
    with pytest.raises(SettingError, match="--leave-out must go with tables"):
        steps.new(tmp_path / "x.study", [tmp_path / "i.tif"], leave_out=["a"])
    assert not (tmp_path / "x.study").exists()


def test_the_same_data_under_two_names_are_refused(tmp_path):
    made = blobs(n_round=8, n_elongated=6, size=220)
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / name, made.pixels)
    with pytest.raises(DataError, match=r"same bytes in 'a\.tif' and 'b\.tif'"):
        steps.new(tmp_path / "x.study", [tmp_path / "a.tif", tmp_path / "b.tif"])
    assert not (tmp_path / "x.study").exists()


def test_copies_of_rows_across_the_seal_are_told(tmp_path):
    path, _ = write_table(tmp_path)
    frame = pd.read_csv(path)
    pd.concat([frame, frame]).to_csv(tmp_path / "twice.csv", index=False)
    told = steps.new(tmp_path / "x.study", [tmp_path / "twice.csv"])
    assert any("180 rows equal another row" in w and "beyond the seal" in w for w in told.warnings)
    assert not any("equal another" in w for w in steps.new(tmp_path / "y.study", [path]).warnings)


def test_labels_that_come_with_a_table_are_there_as_soon_as_the_study_is(tmp_path, monkeypatch):
    path, kind = write_table(tmp_path)
    frame = pd.read_csv(path)
    frame["label"] = np.array(["x", "y"])[kind]
    frame.to_csv(path, index=False)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("clew.study.study.settle", killed)
    with pytest.raises(KeyboardInterrupt):
        steps.new(tmp_path / "x.study", [path])
    assert not (tmp_path / "x.study").exists()
    monkeypatch.undo()
    steps.new(tmp_path / "x.study", [path])
    assert len(Study(tmp_path / "x.study").labels()) == 72


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


def test_a_file_that_changes_while_it_is_measured_is_noticed(tmp_path, monkeypatch):
    path, _ = write_table(tmp_path)
    real = clew.steps.intake.measure

    def slow(kind, files, how):
        measured = real(kind, files, how)
        path.write_text(path.read_text() + "1,2,3,4,5\n")
        return measured

    monkeypatch.setattr("clew.steps.intake.measure", slow)
    with pytest.raises(DataError, match="must stay as it is while it is measured"):
        steps.new(tmp_path / "x.study", [path])
    assert not (tmp_path / "x.study").exists()
