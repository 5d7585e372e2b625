from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy.stats import rankdata

from clew.app import beside
from clew.app.pictures import opened
from clew.app.thumbnails import bars, hatched, ranks, thumbnail_of
from clew.errors import SettingError
from clew.plot.measure import common_side
from tests.app.fakes import fake_session
from tests.app.test_pictures import forget_first_place


def test_the_picture_of_an_object_is_cut_out_of_its_image_pixel_by_pixel(blob_study):
    workspace = fake_session(blob_study).workspace
    origin = workspace.samples.origin
    boxes = origin[["min_row", "min_col", "max_row", "max_col"]].to_numpy(float)
    half = round(common_side(boxes) / 2)
    inside = np.flatnonzero((boxes[:, :2] > half).all(axis=1) & (boxes[:, 2:] < 512 - half).all(axis=1))
    row = int(inside[0])
    middle = np.floor((boxes[row, :2] + boxes[row, 2:]) / 2).astype(int)
    shown = opened(workspace, "blobs.tif").shown
    wanted = shown[middle[0] - half : middle[0] + half, middle[1] - half : middle[1] + half]
    np.testing.assert_array_equal(thumbnail_of(workspace, row, height=2 * half, width=2 * half), wanted)
    png = beside.row_picture(workspace, row=str(row), size=str(2 * half))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png.data))), wanted)
    wide = thumbnail_of(workspace, row, height=2 * half, width=4 * half)
    np.testing.assert_array_equal(wide[:, half : 3 * half], wanted)


def test_what_cannot_be_read_is_a_hatched_tile_with_the_name_of_the_file(blob_study):
    forget_first_place(blob_study)
    workspace = fake_session(blob_study).workspace
    before = thumbnail_of(workspace, 0, height=88, width=88)
    (blob_study.parent / "blobs.tif").unlink()
    tile = thumbnail_of(workspace, 0, height=88, width=88)
    np.testing.assert_array_equal(tile, hatched("blobs.tif", height=88, width=88))
    assert before.shape != tile.shape
    assert (tile[:15] != hatched("other.tif", height=88, width=88)[:15]).any()  # the name can be told


def test_ranks_are_those_of_scipy():
    features = np.random.default_rng(0).integers(0, 9, (50, 4)).astype(float)
    wanted = (rankdata(features, axis=0) - 0.5) / len(features)
    np.testing.assert_allclose([ranks(features, row) for row in range(50)], wanted, atol=1e-12)


def test_bars_go_up_above_the_middle_and_down_below():
    light = (bars(np.array([1.0, 0.0]), height=40, width=40) == 233).any(axis=2)
    left, right = np.flatnonzero(light[:, :20].any(axis=1)), np.flatnonzero(light[:, 20:].any(axis=1))
    assert left.tolist() == list(range(21)) and right.tolist() == list(range(20, 40))


@pytest.mark.parametrize(
    "wrong", [{"row": "-1"}, {"row": "80"}, {"row": "x"}, {"size": "9999"}, {"width": "2"}]
)
def test_a_row_that_is_not_there_or_a_size_out_of_range_is_refused(blob_study, wrong):
    with pytest.raises(SettingError):
        beside.row_picture(fake_session(blob_study).workspace, **{"row": "0", **wrong})
