"""Objects are painted where they are, and cropped round their middle."""

from __future__ import annotations

import numpy as np

from clew.plot.measure import common_side, crop, outlines, painted
from clew.plot.style import BRIGHT

LABELS = np.zeros((40, 60), np.int32)
LABELS[5:15, 10:20] = 1
LABELS[20:35, 30:50] = 2
LABELS[38:, 0:3] = 7


def test_an_outline_closes_round_its_object():
    found = dict(outlines(LABELS))
    assert sorted(found) == [1, 2, 7]
    for label, line in found.items():
        rows, columns = np.nonzero(label == LABELS)
        np.testing.assert_array_equal(line[0], line[-1])
        np.testing.assert_allclose(line.min(axis=0), [columns.min() - 0.5, rows.min() - 0.5])
        np.testing.assert_allclose(line.max(axis=0), [columns.max() + 0.5, rows.max() + 0.5])


def test_only_the_given_objects_wear_a_group():
    from matplotlib.colors import to_hex

    axes = painted(np.zeros((40, 60), np.uint8), LABELS, {1: 0, 2: 1}).axes[0]
    worn = {to_hex(lines.get_color()[0]): len(lines.get_segments()) for lines in axes.collections}
    assert worn[BRIGHT[0]] == worn[BRIGHT[1]] == 1
    assert worn["#9a9a9a"] == 1
    styles = [
        lines.get_linestyle()[0] for lines in axes.collections if to_hex(lines.get_color()[0]) in BRIGHT
    ]
    assert styles[0] != styles[1]


def test_outlines_fit_a_smaller_picture():
    axes = painted(np.zeros((20, 30), np.uint8), LABELS, {2: 0}).axes[0]
    line = np.concatenate(
        [lines.get_segments()[0] for lines in axes.collections if len(lines.get_segments()) == 1]
    )
    assert line[:, 0].max() <= 24.6 and line[:, 1].max() <= 17.6
    assert line[:, 0].min() >= 14.4


def test_a_crop_has_its_object_in_the_middle():
    picture = np.where(LABELS == 2, 255, 0).astype(np.uint8)
    square = crop(picture, LABELS.shape, (20, 30, 35, 50), side=30)
    assert square.shape == (30, 30)
    rows, columns = np.nonzero(square)
    assert abs(rows.mean() - 14.5) <= 1 and abs(columns.mean() - 14.5) <= 1
    assert square.sum() == picture.sum()


def test_a_crop_at_the_border_is_black_outside():
    square = crop(np.full((40, 60), 9, np.uint8), LABELS.shape, (38, 0, 40, 3), side=10)
    assert square.shape == (10, 10)
    assert set(np.unique(square)) == {0, 9}


def test_a_crop_of_a_smaller_picture_is_smaller():
    square = crop(np.zeros((20, 30), np.uint8), LABELS.shape, (20, 30, 35, 50), side=30)
    assert square.shape == (16, 16) or square.shape == (14, 14)


def test_a_crop_of_a_colour_picture_keeps_its_colours():
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    square = crop(picture, (40, 60), (10, 20, 16, 30), side=10)
    np.testing.assert_array_equal(square, picture[8:18, 20:30])


def test_one_side_holds_nearly_all_objects():
    boxes = np.array([[0, 0, n, 5] for n in range(1, 101)], float)
    side = common_side(boxes)
    assert side == np.quantile(np.maximum(np.arange(1, 101), 5), 0.9) * 1.15 + 2
    assert (boxes[:, 2] <= side).mean() >= 0.9
