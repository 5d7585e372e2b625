"""The density picture: every point is in it, at its place."""

from __future__ import annotations

import io

import numpy as np

from clew.app.density import MARGIN, counted, density_picture

EXTENT = (0.0, 2.0, 0.0, 1.0)


def test_every_point_is_counted_once_at_its_place():
    points = np.array([[0, 0], [2, 1], [1, 0.5], [1, 0.5], [np.nan, 1]], np.float32)
    counts = counted(points, EXTENT, 248, 200)  # 100 px a unit
    assert counts.sum() == 4
    assert counts[100, 124] == 2
    assert counts[100 + 50, MARGIN] == 1 and counts[100 - 50, 248 - MARGIN] == 1


def test_points_out_of_the_picture_do_not_wrap_round():
    assert counted(np.array([[-5, 0.5], [9, 0.5], [1, 99]], np.float32), EXTENT, 100, 100).sum() == 0


def test_the_picture_is_a_png_that_is_opaque_where_points_are_thickest():
    from PIL import Image

    points = np.array([[0, 0], *[[2, 1]] * 9], np.float32)
    picture = np.asarray(Image.open(io.BytesIO(density_picture(points, EXTENT, 248, 200))))
    assert picture.shape == (200, 248, 4)
    assert picture[50, 224, 3] == 255 and picture[150, 24, 3] == 64 + int(191 / 3)
    assert (picture[..., 3] > 0).sum() == 2
