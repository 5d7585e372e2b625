"""Which object, and which window, a mark of another tool means."""

from __future__ import annotations

import numpy as np
import pytest

from clew.read.marks import Mark, box, objects_under, source_of, windows_under

LABELS = np.zeros((20, 30), int)
LABELS[2:6, 2:6] = 1
LABELS[2:18, 7:25] = 2


@pytest.mark.parametrize(
    ("rings", "number"),
    [
        ((box(2, 2, 4, 4),), 1),
        ((box(1, 1, 9, 6),), 1),  # holds more pixels of 2 than half of 1's, but is hardly 2
        ((box(7, 2, 18, 16),), 2),
        ((box(26, 1, 3, 3),), 0),
        ((box(-5, -5, 9, 9),), 1),  # stands out of the image
        ((box(40, 40, 3, 3),), 0),
        ((np.array([[3.5, 3.5]]),), 1),  # a point
        ((np.array([[6.5, 3.5]]),), 0),
    ],
)
def test_a_mark_means_the_object_with_the_largest_overlap(rings, number):
    assert objects_under(LABELS, [Mark("a", "i", rings)]).tolist() == [number]


def test_a_mask_means_the_object_that_it_covers():
    assert objects_under(LABELS, [Mark("a", "i", inside=(0, 0, LABELS == 2))]).tolist() == [2]


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (5, 15, [1]),  # the very window, and not its neighbours that overlap it
        (0, 20, [0, 1, 2]),
        (7, 7, [0, 1]),  # a moment
        (6, 8, [0, 1]),  # shorter than a window
        (99, 99, []),
        (10, 10, [1, 2]),  # the end of a window is not of it
    ],
)
def test_a_span_means_the_windows_within_it_or_those_that_hold_it(start, end, found):
    starts = np.array([0.0, 5, 10])
    assert windows_under(starts, starts + 10, Mark("a", "r", start=start, end=end)).tolist() == found


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("a.tif", "a.tif"),
        ("/data/upload/3/1a2b3c4d-a.tif", "a.tif"),  # as Label Studio calls what was uploaded
        ("/data/local-files/?d=plates/b%20c.png", "b c.png"),
        ("s3://bucket/plates/a.jpg", "a.tif"),  # the same picture, exported otherwise
        ("C:\\plates\\a.tif", "a.tif"),
        ("d.tif", None),
        ("", None),
    ],
)
def test_a_name_or_address_is_known_by_its_last_part(told, found):
    assert source_of(told, ["a.tif", "b c.png"]) == found


def test_a_mark_says_where_it_is():
    assert str(Mark("a", "i.tif", (box(3, 4, 5, 6),))) == "'a' at x = 3, y = 4 of 'i.tif'"
    assert str(Mark("a", "", start=1.0, end=1.0, station="BW.UH1")) == "'a' at 1.000 s of 'BW.UH1'"
