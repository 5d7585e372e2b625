"""What is painted comes back pixel for pixel, once, and clashes are counted."""

from __future__ import annotations

import numpy as np
import pytest

from clew.read import canvas as canvas_module
from clew.read.canvas import Canvas, slices_at

RNG = np.random.default_rng(0)


def whole(pieces, shape, dtype=np.int32):
    found, times = np.zeros(shape, dtype), np.zeros(shape, int)
    for place, labels in pieces:
        found[slices_at(place, labels.shape)] = labels
        times[slices_at(place, labels.shape)] += 1
    assert times.max() <= 1  # pieces do not overlap
    return found


@pytest.mark.parametrize(("planes", "side"), [(16, 1024), (2, 7), (1, 1)])
def test_painted_pixels_come_back_whatever_the_blocks(monkeypatch, planes, side):
    monkeypatch.setattr(canvas_module, "PLANES", planes)
    monkeypatch.setattr(canvas_module, "SIDE", side)
    twin = np.zeros((2, 5, 20, 30), np.int32)
    canvas = Canvas()
    for _ in range(6):
        size = RNG.integers(1, [2, 4, 9, 12])
        place = tuple(int(i) for i in RNG.integers(0, np.array(twin.shape) - size))
        labels = RNG.integers(0, 3, size) * (twin[slices_at(place, size)] == 0)  # not where something is
        canvas.paint(place, labels)
        twin[slices_at(place, size)] += labels
    np.testing.assert_array_equal(whole(canvas.pieces(), twin.shape), twin)
    assert canvas.clashes() == (0, None)
    for _, labels in canvas.pieces():  # trimmed: every face of the box has a label
        for axis in range(4):
            assert labels.take(0, axis).any() and labels.take(-1, axis).any()
        assert labels.dtype == np.int32


def test_a_pixel_of_two_classes_clashes_and_stays_so():
    canvas = Canvas()
    canvas.paint((0, 0, 10, 10), np.full((1, 1, 2, 2), 1))
    canvas.paint((0, 0, 11, 11), np.full((1, 1, 2, 2), 1))  # the same class: no clash
    assert canvas.clashes() == (0, None)
    canvas.paint((0, 0, 11, 10), np.full((1, 1, 1, 2), 2))
    canvas.paint((0, 0, 11, 10), np.full((1, 1, 1, 1), 1))
    assert canvas.clashes() == (2, (0, 0, 11, 10))
    labels = whole(canvas.pieces(), (1, 1, 20, 20))
    assert labels.sum() == 5 and not labels[0, 0, 11, 10:12].any()


def test_the_first_clash_is_told_across_blocks(monkeypatch):
    monkeypatch.setattr(canvas_module, "SIDE", 4)
    canvas = Canvas()
    canvas.paint((0, 0, 0, 0), np.ones((1, 1, 9, 9), int))
    canvas.paint((0, 0, 3, 8), np.full((1, 1, 1, 1), 2))  # in a later block, but an earlier row
    canvas.paint((0, 0, 8, 0), np.full((1, 1, 1, 1), 2))
    assert canvas.clashes() == (2, (0, 0, 3, 8))


def test_a_canvas_holds_only_what_is_painted():
    canvas = Canvas()
    canvas.paint((3, 4, 100_000, 200_000), np.ones((1, 1, 1, 1), int))
    [(place, labels)] = canvas.pieces()
    assert place == (3, 4, 100_000, 200_000) and labels.shape == (1, 1, 1, 1)
