"""Rows lead back to the pixels and the waves behind them, as they were measured; whoever has none is told so."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import tifffile

from clew import steps
from clew.errors import DataError, MissingError, SettingError
from clew.measure.cutouts_objects import BOX
from clew.measure.cutouts_windows import raw_of
from clew.measure.window_stream import stream_windows
from clew.steps.cutting import cut_measured, cutter, cutter_like
from clew.steps.measuring import gather, measure
from clew.steps.showing import Windows
from clew.study.study import Study
from tests.steps.recorded import recorded_study
from tests.steps.worlds import nuclei, write_table

HOW = {"threshold": "otsu", "split": "distance"}


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cells")
    paths = [nuclei(folder, f"{name}.tif", seed=seed) for seed, name in enumerate("abc")]
    steps.new(folder / "c.study", paths, split="distance", sealed=0.3)
    return Study(folder / "c.study")


@pytest.fixture(scope="module")
def waves(tmp_path_factory):
    return recorded_study(tmp_path_factory.mktemp("waves"), labels=False)


def test_objects_are_cut_out_of_the_files_that_were_measured(cells):
    samples = cells.samples()
    cut = cutter(cells, side=24)(samples)
    assert cut.sample.tolist() == samples.sample.tolist()
    for row, origin in samples.origin.iterrows():
        pixels = tifffile.imread(cells.folder.parent / origin["source"])
        row0, column0 = ((origin[a] + origin[b]) // 2 - 12 for a, b in zip(BOX[:2], BOX[2:]))
        np.testing.assert_array_equal(cut.values[row, 0], pixels[row0 : row0 + 24, column0 : column0 + 24])


def test_a_neighbour_is_blanked_by_the_label_image_that_was_measured(cells):
    samples = cells.samples()
    side = 40  # wide enough to see the disk that touches
    shown = cutter(cells, side=side, around="keep")(samples).values > 0
    blank = cutter(cells, side=side)(samples).values > 0
    area = samples.features[:, samples.feature_names.index("area")]
    np.testing.assert_array_equal(blank.sum(axis=(1, 2, 3)), area)
    assert (shown.sum(axis=(1, 2, 3)) > area).any()


def test_windows_are_those_that_were_measured(waves):
    samples, windows = waves.samples(), Windows(waves)
    cut = cutter(waves)(samples)
    for row in (0, 7, len(samples) - 1):
        measured = windows.measured(samples.origin.iloc[row])
        np.testing.assert_array_equal(cut.values[row], measured.astype(np.float32))


def test_a_recording_walked_along_later_gives_the_same_bits(waves):
    samples, windows = waves.samples(), Windows(waves)
    cut = cutter(waves)(samples)
    for name, recording in windows.by_name.items():
        blocks = list(stream_windows(recording, plan=windows.plan))
        met = dict(
            zip(
                np.concatenate([b.first for b in blocks]).tolist(),
                np.concatenate([raw_of(b) for b in blocks]),
            )
        )
        rows = np.flatnonzero(samples.origin["recording"] == name)
        assert len(rows) > 5
        for row in rows:
            np.testing.assert_array_equal(met[int(samples.origin["first"].iloc[row])], cut.values[row])


def test_nothing_is_opened_before_rows_are_there_and_each_image_once_then(cells, monkeypatch):
    opened = []
    whole = Study.locate
    monkeypatch.setattr(
        Study, "locate", lambda self, source: opened.append(source.name) or whole(self, source)
    )
    cut = cutter(cells)
    assert opened == []
    samples = cells.samples()
    cut(samples)
    assert opened == sorted(set(samples.origin["source"]))


def test_rows_are_cut_as_a_model_knows_them(cells, waves):
    samples = cells.samples()
    known = cutter(cells, around="blank")(samples.take([0, 1, 2]))
    again = cutter_like(cells, known.how)(samples)
    np.testing.assert_array_equal(again.values[:3], known.values)
    assert again.how == known.how
    seen = cutter(waves)(waves.samples())
    assert cutter_like(waves, seen.how)(waves.samples()).digest() == seen.digest()


def test_new_images_are_cut_as_the_models_own(cells, tmp_path):
    samples = cells.samples()
    known = cutter(cells, side=24, around="blank")(samples)
    paths = sorted(cells.folder.parent.glob("*.tif"))
    kind, files, _ = gather(paths, [], signals=False)
    measured = measure(kind, files, HOW | {"fewest": 1})
    cut = cut_measured(files, measured, known.how)
    assert set(samples.sample) < set(cut.sample)
    np.testing.assert_array_equal(cut.of(samples).values, known.values)
    assert cut.how == known.how
    with pytest.raises(DataError, match=r"depth that the model knows \(uint16\). Got uint8"):
        cut_measured(files, measured, known.how | {"dtype": "uint16"})
    with pytest.raises(DataError, match="must have the channels red and green. Got gray"):
        cut_measured(files, measured, known.how | {"channels": ["red", "green"]})


def test_an_image_that_changes_after_it_was_measured_is_refused(tmp_path):
    path = nuclei(tmp_path, "a.tif")
    files = [(path, None)]
    measured = measure("image", files, HOW)
    how = {"side": 24, "around": "keep", "channels": ["gray"], "pixel_size": None, "dtype": "uint8"}
    assert len(cut_measured(files, measured, how)) == len(measured.samples)
    nuclei(tmp_path, "a.tif", seed=5)
    with pytest.raises(DataError, match="must stay as it is while it is looked at"):
        cut_measured(files, measured, how)


def test_a_study_of_tables_has_no_raw_data(tmp_path):
    path, _ = write_table(tmp_path)
    steps.new(tmp_path / "t.study", [path])
    with pytest.raises(DataError, match="Got rows of tables: mlp and perceptron take their measurements"):
        cutter(Study(tmp_path / "t.study"))


def test_what_is_set_for_objects_is_refused_for_windows(waves):
    for name, value in (("side", 32), ("around", "keep")):
        with pytest.raises(SettingError, match=f"The '{name}' setting must go with objects in images"):
            cutter(waves, **{name: value})


def test_files_that_moved_or_changed_are_not_looked_at(cells, tmp_path):
    shutil.copytree(cells.folder.parent, tmp_path / "other")
    study = Study(tmp_path / "other" / "c.study")
    samples = study.samples()
    name = samples.origin["source"].iloc[0]
    original, copy = cells.folder.parent / name, tmp_path / "other" / name
    kept = original.read_bytes()
    copy.unlink()
    original.unlink()
    try:
        with pytest.raises(MissingError, match="clew relink"):
            cutter(study)(samples)
        nuclei(tmp_path / "other", name, seed=9)
        with pytest.raises(DataError, match="it has changed"):
            cutter(study)(samples)
    finally:
        original.write_bytes(kept)
    (study.folder / "arrays" / f"{name}.labels.tif").unlink()
    with pytest.raises(DataError, match="must keep a label image"):
        cutter(study)(samples)
