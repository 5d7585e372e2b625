import json
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from clew.bench import pixels as bench
from clew.bench import stages
from clew.bench.pixels import (
    Scene,
    classify_file,
    our_labels,
    our_table,
    strokes,
    textures,
    works,
    write_tiled,
)
from clew.bench.rivals import SIGMAS, shape_of_table
from clew.bench.timing import check_installed, measure
from clew.learn.forest import Forest
from clew.learn.pixels import PixelClassifier

SIDE = 192


@pytest.fixture(scope="module")
def scene():
    return Scene(SIDE)


@pytest.fixture(autouse=True)
def known_rate(monkeypatch):
    monkeypatch.setattr(stages, "copy_bandwidth", lambda: 10e9)


def row_of(name: str, side: int = SIDE) -> dict:
    """Measure the row of this name once, on a small image."""
    work = next(one for one in works() if one.name == name)
    prepare = partial(work.prepare.func, side, *work.prepare.args[1:])
    return measure(replace(work, prepare=prepare, peak=False), repeats=1)


def test_every_figure_of_the_issue_has_its_row():
    names = [one.name for one in works()]
    assert len(set(names)) == len(names) == 14
    assert [one.name for one in works() if one.on_request] == ["pixels-disk"]
    assert all(name.startswith("pixels") for name in names)


def test_what_the_rows_need_is_installed():
    pytest.importorskip("tl2cgen")
    pytest.importorskip("cv2")
    check_installed(works())


def test_the_image_has_three_textures_and_strokes_lie_on_their_own():
    pixels, truth = textures(300)
    np.testing.assert_array_equal(pixels, textures(300)[0])
    assert pixels.dtype == np.uint8
    assert np.bincount(truth.ravel()).min() > 0.1 * truth.size
    roughness = [
        np.abs(np.diff(pixels.astype(float), axis=1))[truth[:, 1:] == grain].mean() for grain in range(3)
    ]
    assert roughness[0] > 1.3 * roughness[1] > 1.5 * roughness[2]
    painted = strokes(truth)
    np.testing.assert_array_equal(painted[painted > 0] - 1, truth[painted > 0])
    assert np.bincount(painted.ravel())[1:].min() > 200
    assert painted.any(axis=0).sum() > 100


# ---- both sides are comparable ----
def test_both_sides_have_the_same_forest(scene):
    ours, theirs = scene.ours.forest_, [tree.tree_ for tree in scene.theirs.estimators_]
    assert ours.n_trees == len(theirs) == 100
    inner = ours.feature >= 0
    np.testing.assert_array_equal(
        ours.feature[inner], np.concatenate([t.feature[t.feature >= 0] for t in theirs])
    )
    np.testing.assert_array_equal(
        ours.threshold[inner], np.concatenate([t.threshold[t.feature >= 0] for t in theirs])
    )
    np.testing.assert_allclose(ours.value, np.concatenate([t.value[:, 0] for t in theirs]), atol=1e-15)


def test_ours_says_of_every_pixel_what_scikit_learn_says(scene):
    answer = scene.theirs.predict(scene.rows).reshape(SIDE, SIDE)
    np.testing.assert_array_equal(scene.ours.predict(scene.pixels), answer)
    labels = our_labels(scene.table.reshape(33, -1), scene.ours)
    np.testing.assert_array_equal(labels.reshape(SIDE, SIDE), answer)
    assert len(np.unique(answer)) == 3


def test_the_table_is_what_painted_pixels_have(scene):
    table, painted = (
        our_table(scene.pixels, np.empty(shape_of_table(scene.pixels.shape), np.float32)),
        scene.ours.painted_,
    )
    t, z, y, x = painted.place.T
    np.testing.assert_array_equal(table[:, y, x].T, painted.features)


def test_a_label_that_is_not_scikit_learns_is_counted(scene):
    found = scene.answer.copy()
    assert scene.judge([found])["differing_pixels"] == 0
    found[3, 4] = found[3, 4] % 3 + 1
    assert scene.judge([found.ravel()])["differing_pixels"] == 1
    assert scene.accuracy([scene.truth + 1])["accuracy"] == 1.0
    assert scene.accuracy([scene.truth[::4, ::4] + 1])["accuracy"] == 1.0
    assert scene.accuracy([scene.truth + 2])["accuracy"] == 0.0


# ---- rows ----
def test_features_of_both_are_judged_by_scipy():
    pytest.importorskip("cv2")
    row = row_of("pixels-features")
    assert row["quality"]["ours"]["features"] == row["quality"]["rival"]["features"] == 33
    assert row["quality"]["ours"]["off_by"] < 1e-4
    assert row["quality"]["rival"]["off_by"] < 1e-3
    assert "rank" not in row["where"]["cpu_ms"]
    assert row_of("pixels-features-skimage")["quality"]["rival"] == {"features": 16}
    assert row_of("pixels-features-scipy")["quality"]["rival"]["off_by"] < 1e-3


def test_labels_of_both_are_the_same():
    pytest.importorskip("cv2")
    for name in ("pixels-forest", "pixels-2048"):
        row = row_of(name)
        assert row["quality"]["ours"]["differing_pixels"] == 0
        assert row["quality"]["rival"]["differing_pixels"] < 10
        assert row["quality"]["ours"]["accuracy"] > 0.6
        assert row["where"]["cpu_ms"]["trees"] > 0
    assert row_of("pixels-forest")["quality"]["rival"]["differing_pixels"] == 0


def test_scikit_image_is_about_as_right():
    for name in ("pixels-2048-skimage", "pixels-stroke"):
        quality = row_of(name)["quality"]
        assert quality["rival"]["accuracy"] == pytest.approx(quality["ours"]["accuracy"], abs=0.15)
        assert quality["rival"]["accuracy"] > 0.6


@pytest.mark.slow
def test_the_translated_forest_answers_the_same():
    pytest.importorskip("tl2cgen")
    pytest.importorskip("cv2")
    assert row_of("pixels-forest-tl2cgen")["quality"]["rival"]["differing_pixels"] == 0
    assert row_of("pixels-2048-best")["quality"]["rival"]["differing_pixels"] < 10


# ---- whole processes ----
def test_a_file_is_classified_as_the_image_it_holds(tmp_path, capsys):
    tifffile = pytest.importorskip("tifffile")
    pixels, truth = textures(512)
    classifier = PixelClassifier(sigmas=list(SIGMAS), trees=10).fit([pixels], [strokes(truth)])
    classifier.forest_.save_model(tmp_path / "model")
    write_tiled(tmp_path / "image.tif", pixels, 1024)
    classify_file(*(str(tmp_path / name) for name in ("model", "image.tif", "labels.tif")))
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"s_per_megapixel", "process_peak_mb"}
    labels = tifffile.imread(tmp_path / "labels.tif")
    model = PixelClassifier.of(Forest.load_model(tmp_path / "model"))
    np.testing.assert_array_equal(labels + 1, model.predict(np.tile(pixels, (2, 2))))


@pytest.mark.slow
def test_the_second_start_compiles_nothing_and_the_first_says_so(tmp_path, monkeypatch):
    rooms = [tmp_path / "first", tmp_path / "again"]
    for room in rooms:
        room.mkdir()
    made = iter([SimpleNamespace(name=str(room)) for room in rooms])
    monkeypatch.setattr(bench.tempfile, "TemporaryDirectory", lambda prefix: next(made))
    first, again = (bench._first_use(again=again) for again in (False, True))
    quality = first.judge([first.ours.run(0)])
    assert quality["compiled"] > 10
    assert quality["said"] == 1
    assert [one.name for one in rooms[0].iterdir()] == ["0"]
    (rooms[0] / "0").rename(rooms[1] / "kept")  # what the first start compiled, so that it is compiled once
    assert again.judge([again.ours.run(1)]) == {"compile_s": 0.0, "compiled": 0, "said": 0}
    assert [one.name for one in rooms[1].iterdir()] == ["kept"]


@pytest.mark.slow
def test_a_whole_process_tells_its_memory():
    row = row_of("pixels-disk-2048", 1024)
    assert 50 < row["quality"]["ours"]["process_peak_mb"] < 600
    assert row["quality"]["ours"]["s_per_megapixel"] > 0
