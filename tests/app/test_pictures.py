from __future__ import annotations

import io
import sqlite3
import threading

import numpy as np
import pytest
from PIL import Image

from clew.app import beside
from clew.app.pictures import (
    Held,
    Opened,
    blended,
    check_open,
    found_file,
    label_image,
    opened,
    outlines_of,
    piece,
)
from clew.errors import DataError, MissingError, SealedError, SettingError
from tests.app.fakes import fake_session

GREY = ("gray",)


def levels_of(pixels):
    return np.quantile(pixels.reshape(len(pixels), -1).astype(float), np.linspace(0, 1, 1001), axis=1).T


def forget_first_place(study):
    """Let a copied study know its image only beside itself, not where the study was made."""
    with sqlite3.connect(study / "study.sqlite") as db:
        db.execute("UPDATE sources SET path = '/nowhere/blobs.tif'")


def decoded(picture):
    return np.asarray(Image.open(io.BytesIO(picture.data)))


# ---- what is held ----
def test_what_is_held_is_made_once_however_many_threads_ask():
    held, made, gate = Held(), [], threading.Event()

    def make():
        gate.wait(5)
        made.append(1)
        return np.zeros(4)

    threads = [threading.Thread(target=lambda: held.get("a", make)) for _ in range(8)]
    for one in threads:
        one.start()
    gate.set()
    for one in threads:
        one.join()
    assert made == [1]


def test_what_was_used_longest_ago_goes_when_too_much_is_held():
    held = Held(limit=100)
    for name in "ab":
        held.get(name, lambda: np.zeros(48, np.uint8))
    held.get("a", lambda: pytest.fail("a is held"))
    held.get("c", lambda: np.zeros(48, np.uint8))
    made = []
    held.get("a", lambda: made.append("a"))
    held.get("b", lambda: made.append("b"))
    assert made == ["b"] and held.bytes <= 100 + 64


def test_a_refusal_is_held_too():
    held, asked = Held(), []

    def refuse():
        asked.append(1)
        raise DataError("no")

    for _ in range(2):
        with pytest.raises(DataError, match="no"):
            held.get("a", refuse)
    assert asked == [1]


# ---- contrast ----
def test_contrast_runs_from_the_low_to_the_high_percentile():
    pixels = np.random.default_rng(0).integers(0, 4096, (1, 40, 50)).astype(np.uint16)
    low, high = np.percentile(pixels, [5, 90])
    slow = [
        [round(float(np.clip((x - low) / (high - low), 0, 1)) ** 0.5 * 255) for x in row]
        for row in pixels[0].astype(float)
    ]
    shown = blended(pixels, GREY, levels_of(pixels), low=5, high=90, gamma=2.0)
    assert np.abs(shown.astype(int) - np.array(slow)).max() <= 1  # float32 may round the other way
    assert (shown != blended(pixels, GREY, levels_of(pixels), low=5, high=90)).any()


def test_a_colour_picture_keeps_its_colours():
    pixels = np.random.default_rng(1).integers(0, 256, (3, 30, 20)).astype(np.uint8)
    pixels[:, 0, 0], pixels[:, 0, 1] = 0, 255
    shown = blended(pixels, ("red", "green", "blue"), levels_of(pixels), low=0, high=100)
    np.testing.assert_array_equal(shown, np.moveaxis(pixels, 0, -1))


def test_channels_that_are_no_colours_get_one_each():
    pixels = np.zeros((2, 2, 2), np.uint16)
    pixels[0, 0, 0] = pixels[1, 1, 1] = 1000
    shown = blended(pixels, ("DNA", "actin"), levels_of(pixels), low=0, high=100)
    assert shown.shape == (2, 2, 3) and not (shown[0, 0] == shown[1, 1]).all() and not shown[0, 1].any()


def test_a_flat_image_is_black():
    pixels = np.full((1, 5, 5), 7, np.uint8)
    assert not blended(pixels, GREY, levels_of(pixels)).any()


def test_a_part_is_cut_and_thinned():
    pixels = np.arange(10_000).reshape(1, 100, 100)
    image = Opened(pixels, GREY, None, levels_of(pixels), pixels[0].astype(np.uint8))
    part = piece(image, (10, 20, 70, 60), width=30, channels=[0], low=0, high=100)
    whole = blended(pixels, GREY, image.levels, low=0, high=100)
    np.testing.assert_array_equal(part, whole[20:60:2, 10:70:2])


# ---- files ----
def test_a_picture_shows_the_pixels_that_were_measured(blob_study):
    import tifffile

    workspace = fake_session(blob_study).workspace
    raw = tifffile.imread(blob_study.parent / "blobs.tif").astype(float)
    shown = decoded(
        beside.image_picture(
            workspace, source="blobs.tif", x0="40", y0="30", x1="200", y1="90", low="0", high="100"
        )
    )
    low, high = np.quantile(opened(workspace, "blobs.tif").levels, [0, 1])
    assert shown.shape == (60, 160)
    assert np.abs(shown - np.clip((raw[30:90, 40:200] - low) / (high - low), 0, 1) * 255).max() <= 0.51


def test_a_file_that_has_changed_is_refused_and_one_found_again_is_shown(blob_study):
    forget_first_place(blob_study)
    workspace = fake_session(blob_study).workspace
    file = blob_study.parent / "blobs.tif"
    whole = file.read_bytes()
    assert found_file(workspace, "blobs.tif").resolve() == file.resolve()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(DataError, match="has changed"):
        opened(workspace, "blobs.tif")
    file.unlink()
    with pytest.raises(MissingError, match="clew relink"):
        opened(workspace, "blobs.tif")
    moved = blob_study.parent / "moved.tif"
    moved.write_bytes(whole)
    workspace.study.relink([moved])
    assert found_file(workspace, "blobs.tif").resolve() == moved.resolve()


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "other.tif", ""])
def test_only_what_the_study_names_is_opened(blob_study, name):
    workspace = fake_session(blob_study).workspace
    with pytest.raises(DataError, match="one that the study names"):
        beside.image_picture(workspace, source=name)


def test_an_image_that_is_sealed_as_a_whole_is_not_shown(blob_study):
    workspace = fake_session(blob_study).workspace
    check_open(workspace, "blobs.tif")
    workspace.kept["open_sources"] = {"another.tif"}  # as if all objects of this one were sealed
    with pytest.raises(SealedError, match="sealed"):
        beside.image_picture(workspace, source="blobs.tif")


@pytest.mark.parametrize(
    "wrong",
    [{"x0": "-1"}, {"x0": "9e9"}, {"x0": "50", "x1": "50"}, {"low": "nan"}, {"low": "99", "high": "98"}, {"gamma": "0"}, {"channels": "0,0"}, {"channels": "7"}, {"w": "1e9"}, {"y1": "a"}],
)  # fmt: skip
def test_a_picture_outside_its_limits_is_refused(blob_study, wrong):
    with pytest.raises(SettingError):
        beside.image_picture(fake_session(blob_study).workspace, source="blobs.tif", **wrong)


# ---- outlines ----
def shoelace(points):
    x, y = points.T.astype(float)
    return abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2


def test_the_outline_of_a_rectangle_runs_along_its_border(blob_study, monkeypatch):
    labels = np.zeros((60, 80), np.int32)
    labels[10:20, 30:45] = 3  # 10 x 15 px
    monkeypatch.setattr("clew.app.pictures.label_image", lambda workspace, source: labels)
    traced = outlines_of(fake_session(blob_study).workspace, "drawn")
    assert traced.labels.tolist() == [3] and traced.starts.tolist() == [0, 8]
    assert traced.points.min(axis=0).tolist() == [30, 10] and traced.points.max(axis=0).tolist() == [45, 20]
    assert shoelace(traced.points) == 150 - 4 / 8  # each corner is cut off by a triangle of 1/8 px


def test_outlines_hold_as_many_pixels_as_their_objects(blob_study):
    workspace = fake_session(blob_study).workspace
    traced, labels = outlines_of(workspace, "blobs.tif"), label_image(workspace, "blobs.tif")
    pixels = np.bincount(labels.reshape(-1))
    areas = np.array([shoelace(traced.points[a:b]) for a, b in zip(traced.starts[:-1], traced.starts[1:])])
    assert sorted(traced.labels.tolist()) == list(range(1, 101))
    np.testing.assert_allclose(areas, pixels[traced.labels], rtol=0.05)
    with pytest.raises(AssertionError):  # the other labels' areas do not fit
        np.testing.assert_allclose(areas, np.roll(pixels[traced.labels], 1), rtol=0.05)
