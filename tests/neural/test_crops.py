"""Pieces of images as rows."""

import numpy as np
import pytest
import torch

from clew.errors import DataError
from clew.neural.crops import Crops, padded
from clew.neural.objectives import PADDING


def images(*shapes):
    random = np.random.default_rng(0)
    return [random.normal(size=shape).astype(np.float32) for shape in shapes]


def test_a_row_is_the_piece_at_its_place():
    given = images((2, 20, 17), (2, 9, 30))
    answers = [np.arange(one[0].size).reshape(one.shape[1:]) for one in given]
    crops = Crops.of(given, answers, size=(8, 6), stride=3)
    rows = crops.take(torch.arange(len(crops)))
    assert rows.x.shape == (len(crops), 2, 8, 6) and rows.y.shape == (len(crops), 8, 6)
    for (number, y, x), piece, said in zip(crops.places.tolist(), rows.x.numpy(), rows.y.numpy()):
        np.testing.assert_array_equal(piece, given[number][:, y : y + 8, x : x + 6])
        np.testing.assert_array_equal(said, answers[number][y : y + 8, x : x + 6])


def test_every_pixel_is_in_a_row_whatever_the_stride():
    for stride in (1, 5, 100):
        crops = Crops.of(images((1, 21, 34)), size=(8, 8), stride=min(stride, 8))
        seen = np.zeros((21, 34), bool)
        for _, y, x in crops.places.tolist():
            seen[y : y + 8, x : x + 8] = True
        assert seen.all()


def test_only_places_where_something_is_known_are_rows():
    answers = np.full((40, 40), PADDING)
    answers[5, 5] = 1
    crops = Crops.of(images((1, 40, 40)), [answers], size=(8, 8))
    slow = {(y, x) for y in range(33) for x in range(33) if (answers[y : y + 8, x : x + 8] != PADDING).any()}
    assert {tuple(one) for one in crops.places[:, 1:].tolist()} == slow and len(slow) == 36
    with pytest.raises(DataError, match="known somewhere"):
        Crops.of(images((1, 40, 40)), [np.full((40, 40), PADDING)], size=(8, 8))


def test_numbers_that_nobody_knows_are_nan():
    answers = np.full((1, 12), np.nan, np.float32)
    answers[0, 2] = 0.5
    crops = Crops.of(images((1, 12)), [answers], size=(4,))
    assert crops.places[:, 1].tolist() == [0, 1, 2]


def test_an_image_smaller_than_a_piece_is_mirrored_at_its_ends_and_not_asked_about_there():
    [image] = images((1, 5, 9))
    crops = Crops.of([image], [np.ones((5, 9), np.int64)], size=(8, 8))
    rows = crops.take(torch.zeros(1, dtype=torch.int64))
    np.testing.assert_array_equal(rows.x[0, 0, 1:6], image[0, :, :8])
    np.testing.assert_array_equal(rows.x[0, 0, 0], image[0, 0, :8])
    assert (rows.y[0, 1:6] == 1).all() and (rows.y[0, [0, 6, 7]] == PADDING).all()
    assert padded(image, (5, 9)) is image


def test_there_are_never_more_places_than_are_looked_through(monkeypatch):
    monkeypatch.setattr("clew.neural.crops.MOST_PLACES", 50)
    crops = Crops.of(images((1, 64, 64)), size=(8, 8))
    assert len(crops) <= 100 and {(0, 0, 0), (0, 56, 56)} <= {tuple(one) for one in crops.places.tolist()}
