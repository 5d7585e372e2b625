"""Outlines along pixel edges paint the very same pixels."""

from __future__ import annotations

import numpy as np
import pytest

from clew.read.geojson import inside_of
from clew.read.outlines import is_hole, rings_of


def painted(rings, shape):
    top, left, inside = inside_of([ring.astype(float) for ring in rings])
    mask = np.zeros(shape, bool)
    mask[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return mask


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_any_mask_is_painted_again(share):
    mask = np.random.default_rng(3).random((23, 31)) < share
    rings = rings_of(mask)
    np.testing.assert_array_equal(painted(rings, mask.shape), mask)
    assert (
        painted([ring + 1 for ring in rings], (24, 32))[:-1, :-1] != mask
    ).any()  # the mutant: one pixel beside


def test_a_square_has_four_corners_and_a_ring_a_hole():
    mask = np.zeros((6, 7), bool)
    mask[1:5, 2:6] = True
    (ring,) = rings_of(mask)
    assert sorted(map(tuple, ring.tolist())) == [(2, 1), (2, 5), (6, 1), (6, 5)]
    mask[2:4, 3:5] = False
    assert sorted(map(is_hole, rings_of(mask))) == [False, True]


def test_pixels_that_touch_at_a_corner_have_an_outline_each():
    rings = rings_of(np.eye(3, dtype=bool))
    assert [len(ring) for ring in rings] == [4, 4, 4]
    assert rings_of(np.zeros((3, 3), bool)) == []
