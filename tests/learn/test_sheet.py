"""A sheet: strokes that win over strokes, and refusals of those that make no sense."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import DataError
from clew.learn.sheet import Sheet, Stroke
from clew.read.stacks import Stack


def across(value, row, column, radius=4.0, plane=(0, 0), length=40):
    points = np.column_stack(
        [np.linspace(row, row + length, 20), np.linspace(column, column + length / 2, 20)]
    )
    return Stroke(points, radius, value, plane)


def test_later_strokes_and_the_eraser_win():
    sheet = Sheet(Stack.of(np.zeros((60, 60), np.uint8)))
    sheet.draw([across(1, 5, 5), across(2, 5, 5, 2.0), across(0, 25, 15, 2.0, length=1)])
    labels = sheet.labels(0, 0)
    assert set(np.unique(labels)) == {0, 1, 2}
    assert (
        labels[6, 5] == 2
        and labels[25, 15] == 0
        and sheet.counts()
        == {
            1: int((labels == 1).sum()),
            2: int((labels == 2).sum()),
        }
    )


def test_strokes_drawn_one_by_one_are_those_drawn_at_once_and_those_taken_back_are_gone():
    strokes = [across(1, 5, 5), across(2, 9, 5), across(1, 2, 9)]
    slow, fast = (Sheet(Stack.of(np.zeros((60, 60), np.uint8))) for _ in range(2))
    for n in (1, 2, 3):
        fast.draw(strokes[:n])
    slow.draw(strokes)
    np.testing.assert_array_equal(fast.labels(0, 0), slow.labels(0, 0))
    fast.draw(strokes[:1])
    slow.draw([])
    slow.draw(strokes[:1])
    np.testing.assert_array_equal(fast.labels(0, 0), slow.labels(0, 0))
    assert not np.array_equal(fast.labels(0, 0) > 0, np.zeros((60, 60)))


@pytest.mark.parametrize(
    ("stroke", "told"),
    [
        (lambda: across(1, 500, 500), "Got one beside it"),
        (lambda: across(1, 5, 5, plane=(0, 3)), "Got t 0, z 3"),
        (lambda: across(1, np.nan, 5), "finite pairs"),
        (lambda: across(99, 5, 5), "a class from 1 to 64"),
        (lambda: across(1, 5, 5, radius=0), "a radius up to 500"),
    ],
)
def test_a_stroke_that_makes_no_sense_is_refused_in_one_sentence(stroke, told):
    with pytest.raises(DataError, match=told):
        Sheet(Stack.of(np.zeros((60, 60), np.uint8))).paint(stroke())


def test_what_is_painted_becomes_an_annotation_bound_to_its_image():
    stack = Stack.of(np.arange(3600, dtype=np.uint16).reshape(60, 60), name="ramp")
    sheet = Sheet(stack)
    sheet.draw([across(1, 5, 5), across(3, 9, 25)])
    found = sheet.annotation({1: "a", 2: "never painted", 3: "b"})
    np.testing.assert_array_equal(found.dense(stack.shape)[0, 0], sheet.labels(0, 0))
    assert found.class_names == {1: "a", 3: "b"} and found.image_sha256 == stack.sha256()
    with pytest.raises(DataError, match="must belong to"):
        found.check_fits(stack.shape, image_sha256="0" * 64)
