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
from tests.conftest import shared
from tests.steps.recorded import START, recorded_study
from tests.steps.worlds import nuclei, write_table


def test_a_target_named_when_the_study_is_made_is_kept_out_of_the_features(tmp_path):
    path, _ = write_table(tmp_path)
    steps.new(tmp_path / "r.study", [path], target="e")
    study = Study(tmp_path / "r.study")
    assert "e" not in study.samples().feature_names
    assert steps.train(study, trees=10).data["kind"] == "regression"


def test_what_is_measured_is_named_up_to_a_dozen(tmp_path):
    values = np.random.default_rng(0).normal(size=(30, 14))
    for n, said in ((1, "c1"), (3, "c1, c2 and c3"), (12, "c11 and c12."), (14, "c11, c12 and 2 more.")):
        frame = pd.DataFrame(values[:, :n], columns=[f"c{i + 1}" for i in range(n)])
        frame.to_csv(tmp_path / f"{n}.csv", index=False)
        lines = steps.new(tmp_path / f"{n}.study", [tmp_path / f"{n}.csv"]).lines
        assert lines[1].startswith("The measurements: c1") and said in lines[1], n


def test_a_column_of_0_and_1_is_learnt_as_a_label_and_rows_alone_are_no_groups(tmp_path):
    x = np.random.default_rng(0).normal(size=(60, 2))
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "dead": (x[:, 0] > 0).astype(int)})
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match="Got 60 rows, each a group of its own"):
        steps.new(tmp_path / "g.study", [tmp_path / "t.csv"], label="dead", by="group")
    told = steps.new(tmp_path / "t.study", [tmp_path / "t.csv"])
    assert "'dead' holds only 0 and 1: --label dead if it is what is to be learnt." in told.lines
    steps.new(tmp_path / "d.study", [tmp_path / "t.csv"], label="dead")
    study = Study(tmp_path / "d.study")
    assert steps.train(study, trees=10).data["kind"] == "classification"
    assert set(study.samples().labels) == {"0", "1"} and study.samples().feature_names == ("a", "b")


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


def test_rows_measured_twice_across_the_seal_are_told_by_name(tmp_path):
    path, _ = write_table(tmp_path)
    frame = pd.read_csv(path)[["a", "b", "c", "d"]]
    again = frame + 0.005 * np.random.default_rng(0).normal(size=frame.shape)
    pd.concat([frame, again]).to_csv(tmp_path / "twice.csv", index=False)
    told = steps.new(tmp_path / "x.study", [tmp_path / "twice.csv"])
    (found,) = [w for w in told.warnings if "nearly equal" in w]
    assert "beyond the seal (such as twice.csv#" in found and "flatters the final test" in found
    assert not any("nearly" in w for w in steps.new(tmp_path / "y.study", [path]).warnings)


def test_a_column_of_dates_divides_the_study_by_time(tmp_path):
    path, _ = write_table(tmp_path)
    frame = pd.read_csv(path)
    frame["when"] = pd.date_range("2024-01-01", periods=90).strftime("%d.%m.%Y")
    frame.to_csv(path, index=False)
    told = steps.new(tmp_path / "x.study", [path])
    study = Study(tmp_path / "x.study")
    assert any("'when' is taken as the time" in w for w in told.warnings)
    assert study.last("seal").summary["by"] == "time" and "start" in study.samples().origin
    assert steps.verify(study).data["same"]
    late = steps.new(tmp_path / "y.study", [path], by="latest", time="when", sealed=0.1)
    assert "the latest ones, as for a forecast" in " ".join(late.lines)
    assert Study(tmp_path / "y.study").samples().origin["row"].max() == 81
    assert Study(tmp_path / "y.study").facts()["measure"]["time"] == "when"
    by_row = steps.new(tmp_path / "z.study", [path], by="row")
    assert "rows close in time are open and sealed, which flatters" in " ".join(by_row.lines)
    assert Study(tmp_path / "z.study").last("seal").settings["by"] == "row"
    with pytest.raises(DataError, match=r"must be dates .* Got 'soon' in bad\.csv#1"):
        frame.assign(when="soon").to_csv(tmp_path / "bad.csv", index=False)
        steps.new(tmp_path / "w.study", [tmp_path / "bad.csv"], time="when")
    assert not (tmp_path / "w.study").exists()


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


def test_labels_that_are_taken_as_none_are_told_and_sodium_is_kept(tmp_path):
    path, kind = write_table(tmp_path)
    frame = pd.read_csv(path)
    frame["label"] = np.array(["Na", "K"])[kind]
    frame.loc[frame.index[:5], "label"] = "nan"
    frame.to_csv(path, index=False)
    lines = steps.new(tmp_path / "x.study", [path]).lines
    assert any(line.startswith("5 labels in 'label' read 'nan' and are taken as no label") for line in lines)
    given = Study(tmp_path / "x.study").labels()
    assert {name for name, _ in given.values()} == {"Na", "K"}


def test_a_file_that_changes_while_it_is_measured_is_noticed(tmp_path, monkeypatch):
    path, _ = write_table(tmp_path)
    real = clew.steps.intake.measure

    def slow(kind, files, how, **more):
        measured = real(kind, files, how, **more)
        path.write_text(path.read_text() + "1,2,3,4,5\n")
        return measured

    monkeypatch.setattr("clew.steps.intake.measure", slow)
    with pytest.raises(DataError, match="must stay as it is while it is measured"):
        steps.new(tmp_path / "x.study", [path])
    assert not (tmp_path / "x.study").exists()


# ---- distances ----
def write_distances(folder, names, seed=1, name="far.csv"):
    """Distances between points in a plane, as a square table."""
    at = np.random.default_rng(seed).normal(size=(len(names), 2))
    far = np.sqrt(((at[:, None] - at[None]) ** 2).sum(axis=2))
    pd.DataFrame(far, index=names, columns=names).to_csv(folder / name)
    return folder / name, far


def test_distances_alone_make_a_study(tmp_path):
    path, far = write_distances(tmp_path, [f"p{i}" for i in range(20)])
    told = steps.new(tmp_path / "d.study", distances=path)
    study = Study(tmp_path / "d.study")
    rows = [int(name[1:]) for name in study.samples().sample]
    assert (told.data["rows"], told.data["open"], told.data["features"]) == (20, 16, [])
    np.testing.assert_array_equal(study.samples().distances, far[np.ix_(rows, rows)])
    (source,) = study.sources()
    assert (source.role, source.name, len(source.sha256)) == ("distances", "far.csv", 64)
    assert study.facts()["kind"] == "distances"
    assert steps.verify(study).data["same"]
    pd.DataFrame({"sample": study.samples().sample[:2], "label": ["x", "y"]}).to_csv(
        tmp_path / "l.csv", index=False
    )
    steps.label(study, tmp_path / "l.csv")
    assert study.samples().labels[:2].tolist() == ["x", "y"]
    assert steps.export(study, out=tmp_path / "out.csv").data["rows"] == 16
    assert "distances only" in steps.log(study).lines[2]
    for verb in (steps.train, steps.validate):
        with pytest.raises(DataError, match="at least 1 feature to learn from. Got distances only"):
            verb(study)


def test_a_table_that_holds_distances_is_recognised_and_it_is_said(tmp_path):
    path, far = write_distances(tmp_path, [f"p{i}" for i in range(20)])
    told = steps.new(tmp_path / "d.study", [path])
    assert Study(tmp_path / "d.study").facts()["kind"] == "distances"
    assert any("far.csv: holds distances" in note for note in told.warnings)
    with pytest.raises(SettingError, match="which holds distances itself"):
        steps.new(tmp_path / "e.study", [path], distances=path)
    table, _ = write_table(tmp_path)
    assert not any("holds distances" in note for note in steps.new(tmp_path / "t.study", [table]).warnings)


def test_rows_of_a_table_get_their_distances_by_name_in_whatever_order(tmp_path):
    path, _ = write_table(tmp_path, n=30)
    frame = pd.read_csv(path)
    frame.insert(0, "well", [f"w{i:02}" for i in range(30)])
    frame.loc[4, "a"] = np.nan  # left out, and with it its distances
    frame.to_csv(path, index=False)
    order = np.random.default_rng(0).permutation(30)
    between, far = write_distances(tmp_path, [f"w{i:02}" for i in order])
    told = steps.new(tmp_path / "d.study", [path], distances=between, identifier="well", symmetrise="max")
    study = Study(tmp_path / "d.study")
    samples = study.samples()
    rows = [order.tolist().index(int(name[1:])) for name in samples.sample]
    np.testing.assert_array_equal(samples.distances, far[np.ix_(rows, rows)])
    assert samples.n_features == 5
    assert any(
        "1 of 30 names in the distances left out" in note and "'w04'" in note for note in told.warnings
    )
    assert study.facts()["distances"]["symmetrise"] == "max"
    assert study.last("measure").settings["symmetrise"] == "max"
    assert {one.role for one in study.sources()} == {"data", "distances"}
    assert steps.verify(study).data["same"]
    (tmp_path / "far").mkdir()
    between.rename(tmp_path / "far" / "there.csv")
    assert not steps.verify(study).data["same"]
    assert steps.relink(study, [tmp_path / "far"]).data["relinked"] == ["distances in far.csv"]
    assert steps.verify(study).data["same"]
    (tmp_path / "far" / "there.csv").write_text("other")
    assert not steps.verify(study).data["same"]


def test_rows_at_distance_0_across_the_seal_are_told(tmp_path):
    path, far = write_distances(tmp_path, [f"p{i}" for i in range(20)])
    doubled = np.kron(far, np.ones((2, 2)))  # every place twice, at distance 0
    np.save(tmp_path / "far.npy", doubled)
    told = steps.new(tmp_path / "d.study", distances=tmp_path / "far.npy")
    assert any(note == "20 pairs of different rows at distance 0." for note in told.warnings)
    numbers = [int(name.partition("#")[2]) - 1 for name in Study(tmp_path / "d.study").samples().sample]
    alone = 2 * sum(i ^ 1 not in numbers for i in numbers)
    assert any(f"{alone} rows are at distance 0 from one beyond the seal" in note for note in told.warnings)
    assert alone and not any("beyond" in n for n in steps.new(tmp_path / "e.study", distances=path).warnings)


def test_changed_distances_in_the_folder_are_noticed(tmp_path):
    path, _ = write_distances(tmp_path, [f"p{i}" for i in range(20)])
    steps.new(tmp_path / "d.study", distances=path)
    study = Study(tmp_path / "d.study")
    file = study.folder / "arrays" / "distances.npy"
    far = np.load(file)
    far[3, 4] = far[4, 3] = far[3, 4] * 1.001
    np.save(file, far)
    assert "samples.parquet has changed" in " ".join(steps.verify(study).lines)


def test_what_was_adapted_is_said_and_stays_on_record(tmp_path):
    path, far = write_distances(tmp_path, [f"p{i}" for i in range(20)])
    uneven = far**3 * (1 + 0.5 * np.tri(20))
    names = [f"p{i}" for i in range(20)]
    pd.DataFrame(uneven, index=names, columns=names).to_csv(path)
    told = steps.new(tmp_path / "d.study", distances=path)
    notes = " ".join(told.lines)
    for said in (
        "190 of 190 pairs of rows differ by direction",
        "by the mean of both directions",
        "triangle inequality",
    ):
        assert said in notes
        assert said in " ".join(Study(tmp_path / "d.study").last("measure").summary["notes"])
    assert told.data["distances"]["asymmetric"] == 190 and told.data["distances"]["triangle_violations"] > 0.2


def test_an_array_without_names_is_for_the_rows_in_their_order(tmp_path):
    path, _ = write_table(tmp_path, n=30)
    _, far = write_distances(tmp_path, list(range(30)))
    np.save(tmp_path / "far.npy", far)
    told = steps.new(tmp_path / "d.study", [path], distances=tmp_path / "far.npy", sealed=0)
    np.testing.assert_array_equal(Study(tmp_path / "d.study").samples().distances, far)
    assert any("taken for the rows in their order" in note for note in told.warnings)
    np.save(tmp_path / "few.npy", far[:29, :29])
    with pytest.raises(DataError, match="Got 29 distances for 30 rows, 30 of them whole"):
        steps.new(tmp_path / "e.study", [path], distances=tmp_path / "few.npy")


def test_the_karate_club_comes_with_its_clubs(tmp_path):
    edges, clubs = (shared(f"distances/karate_club_{name}.csv") for name in ("edges", "groups"))
    told = steps.new(tmp_path / "k.study", [clubs], distances=edges, identifier="node", label="club")
    study = Study(tmp_path / "k.study")
    samples = study.samples()
    assert (samples.n_rows, samples.n_features) == (27, 0)
    assert set(samples.labels) == {"Mr. Hi", "Officer"}
    assert any("'weight' is not taken for a length" in note for note in told.warnings)
    friends = pd.read_csv(edges)
    here = set(samples.sample)
    joined = sum(a in here and b in here for a, b in friends[["source", "target"]].astype(str).to_numpy())
    assert (np.triu(samples.distances) == 1).sum() == joined
    assert steps.verify(study).data["same"]


def test_distances_that_do_not_fit_leave_nothing_behind(tmp_path):
    table, _ = write_table(tmp_path)
    between, _ = write_distances(tmp_path, [f"p{i}" for i in range(20)])
    tifffile.imwrite(tmp_path / "i.tif", blobs(n_round=8, n_elongated=6, size=220).pixels)
    before = sorted(tmp_path.iterdir())
    for paths, how, error, said in (
        (
            [table],
            {"distances": between},
            DataError,
            "--identifier.* Got 90 rows without distances: .*; without a row: 'p0'",
        ),
        (
            [tmp_path / "i.tif"],
            {"distances": between},
            SettingError,
            "--distances must go with tables, or alone",
        ),
        ([], {"distances": between, "masks": [between]}, SettingError, "masks must go with images"),
        (
            [],
            {"distances": between, "label": "x"},
            SettingError,
            "--label must go with tables. Got distances",
        ),
        ([table], {"symmetrise": "max"}, SettingError, "--symmetrise must go with distances. Got tables"),
        (
            [table],
            {"distances": between, "channel": 1},
            SettingError,
            "--channel must go with images. Got tables and dist",
        ),
        ([], {"distances": between, "features": "area"}, SettingError, "must be among: all. Got 'area'"),
        ([], {"distances": tmp_path / "none.csv"}, DataError, "can be read"),
        ([], {}, SettingError, "at least one file"),
        ([tmp_path / "far.npy"], {}, DataError, "must exist"),
    ):
        with pytest.raises(error, match=said):
            steps.new(tmp_path / "x.study", paths, **how)
        assert sorted(tmp_path.iterdir()) == before


def test_distances_that_change_while_they_are_read_are_noticed(tmp_path, monkeypatch):
    path, _ = write_distances(tmp_path, [f"p{i}" for i in range(20)])
    real = clew.steps.intake.measure

    def slow(*args, **more):
        measured = real(*args, **more)
        path.write_text(path.read_text() + "\n")
        return measured

    monkeypatch.setattr("clew.steps.intake.measure", slow)
    with pytest.raises(DataError, match="must stay as it is while it is measured"):
        steps.new(tmp_path / "x.study", distances=path)


# ---- touching objects ----


def test_touching_objects_are_split_from_the_study_to_the_prediction(tmp_path):
    path = nuclei(tmp_path, "a.tif")
    assert steps.new(tmp_path / "whole.study", [path], sealed=0).data["rows"] == 5
    told = steps.new(tmp_path / "split.study", [path], sealed=0, split="distance")
    assert told.data["rows"] == 8
    assert "5 connected pieces cut apart at necks into 8 objects." in told.lines
    study = Study(tmp_path / "split.study")
    assert study.facts()["measure"]["split"] == "distance" and steps.verify(study).data["same"]
    names = study.sample_names()
    pd.DataFrame({"sample": names, "label": ["x", "y"] * 4}).to_csv(tmp_path / "l.csv", index=False)
    steps.label(study, tmp_path / "l.csv")
    model = tmp_path / "split.study" / steps.train(study, trees=5).data["model"]
    steps.predict(model, [nuclei(tmp_path, "b.tif", seed=5)], out=tmp_path / "p.csv")
    assert len(pd.read_csv(tmp_path / "p.csv")) == 8


def test_splitting_goes_with_images_only(tmp_path):
    path, _ = write_table(tmp_path)
    with pytest.raises(SettingError, match="--split must go with images. Got tables"):
        steps.new(tmp_path / "t.study", [path], split="distance")


# ---- recordings ----
@pytest.fixture
def marked(tmp_path):
    """Two stations with a burst in every second window, and a table of what somebody marked of the first."""
    recorded_study(tmp_path, labels=False)
    marks = pd.DataFrame({"station": "XX.AAA", "start": [START + 10.0 * i + 5 for i in range(20)]})
    marks["end"], marks["kind"], marks["size"] = marks.start + 5, ["a", "b"] * 10, np.arange(20.0)
    marks["start"], marks["end"] = (pd.to_datetime(marks[one], unit="s") for one in ("start", "end"))
    marks.to_csv(tmp_path / "marks.csv", index=False)
    return tmp_path, [tmp_path / "AAA.mseed", tmp_path / "BBB.mseed"]


def test_what_people_marked_comes_with_recordings_and_is_checked_again(marked):
    folder, paths = marked
    told = steps.new(
        folder / "m.study", paths, annotations=folder / "marks.csv", label="kind", window="5s", sealed=0.25
    )
    study = Study(folder / "m.study")
    assert told.data["rows"] == 20 and told.data["groups"] > 1
    assert [one.role for one in study.sources()] == ["data", "data", "annotations"]
    assert set(study.samples().sample) <= set(study.labels()) <= set(study.sample_names())
    assert set(study.samples().labels) == {"a", "b"}
    assert study.facts()["what"] == "windows" and "20 windows" in told.lines[0]
    assert steps.verify(study).data["same"]
    (folder / "marks.csv").write_text((folder / "marks.csv").read_text().replace(",a,", ",b,"))
    again = steps.verify(study)
    assert again.status == 1 and any("marks.csv" in line for line in again.lines)


def test_a_column_of_the_marks_is_the_target_and_a_wrong_one_is_refused(marked):
    folder, paths = marked
    common = {"annotations": folder / "marks.csv", "window": "5s", "sealed": 0.0}
    steps.new(folder / "t.study", paths, target="size", **common)
    assert sorted(Study(folder / "t.study").samples().target) == list(range(20))
    for settings, words in (
        ({"target": "sise"}, "--target must name a column .* Did you mean 'size'"),
        ({"target": "kind"}, "--target must name a column of numbers"),
        ({"label": "kynd"}, "--label must name a column .* Did you mean 'kind'"),
    ):
        with pytest.raises(SettingError, match=words):
            steps.new(folder / "x.study", paths, **common, **settings)
        assert not (folder / "x.study").exists()


def test_windows_everywhere_have_the_class_of_the_rest(marked):
    folder, paths = marked
    steps.new(
        folder / "e.study",
        paths[:1],
        annotations=folder / "marks.csv",
        label="kind",
        everywhere=True,
        rest="noise",
        window="5s",
        sealed=0.0,
    )
    counts = pd.Series(Study(folder / "e.study").samples().labels).value_counts()
    assert counts["a"] == counts["b"] == 10 and counts.sum() == 40


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"window": "10x"}, "--window' must be a duration above 0"),
        ({"window": "-3"}, "--window' must be a duration above 0"),
        ({"window": "0"}, "--window' must be a duration above 0"),
        ({"window": "1e9"}, "at least as long as a window"),
        ({"rest": "noise"}, "'rest'"),
        ({"masks": ["m.tif"]}, "masks must go with images"),
        ({"threshold": 3.0}, "--threshold must go with images. Got recordings"),
        ({"group": "statoin"}, "Did you mean 'station'"),
    ],
    ids=str,
)
def test_settings_that_do_not_fit_recordings_are_refused(marked, settings, words):
    folder, paths = marked
    with pytest.raises((SettingError, DataError), match=words):
        steps.new(folder / "x.study", paths, **{"window": "5s"} | settings)
    assert not (folder / "x.study").exists()


def test_settings_of_recordings_are_refused_with_tables(tmp_path):
    path, _ = write_table(tmp_path)
    for settings in ({"highpass": 1.0}, {"network": True}, {"response": path}):
        with pytest.raises(
            SettingError, match=f"--{next(iter(settings))} must go with recordings. Got tables"
        ):
            steps.new(tmp_path / "x.study", [path], **settings)


def test_labels_of_annotations_are_recorded_as_theirs_and_a_table_without_is_told(marked):
    folder, paths = marked
    common = {"annotations": folder / "marks.csv", "window": "5s", "sealed": 0.0}
    told = steps.new(folder / "u.study", paths, **common)
    assert any("carry no labels; their other columns: kind and size." in line for line in told.lines)
    told = steps.new(folder / "t.study", paths, target="size", **common)
    assert not any("carry no labels" in line for line in told.lines)
    told = steps.new(folder / "m.study", paths, label="kind", **common)
    assert not any("carry no labels" in line for line in told.lines)
    (step,) = [step for step in Study(folder / "m.study").steps() if step.verb == "label"]
    assert "from annotations in marks.csv" in step.headline


def test_rows_at_equal_steps_of_time_may_be_a_recording(tmp_path):
    def notes(name, time, n):
        values = np.random.default_rng(0).normal(size=n)
        pd.DataFrame({"time": time[:n], "Z": values}).to_csv(tmp_path / f"{name}.csv", index=False)
        return steps.new(tmp_path / f"{name}.study", [tmp_path / f"{name}.csv"]).warnings

    def is_said(found):
        return any("Rows at equal steps of time" in note and "--window" in note for note in found)

    even = np.arange(200) / 100
    assert is_said(notes("even", even, 200)) and not is_said(notes("few", even, 99))
    assert not is_said(notes("uneven", np.sort(np.random.default_rng(1).random(200)), 200))


def test_each_setting_of_windows_has_a_text_of_its_own():
    from clew.steps.settings import described

    told = described(steps.new)
    for pair in (("window", "step"), ("sta", "lta"), ("on", "off"), ("highpass", "lowpass")):
        assert told[pair[0]] != told[pair[1]]
