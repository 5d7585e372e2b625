"""Painting: the pixels that a round brush covers on its way."""

from __future__ import annotations

import math

from numba import njit


@njit(cache=True, nogil=True)
def sweep(plane, points, radius, value):
    """Give ``value`` to each pixel of ``plane`` that a disc covers which is drawn along a line of points.

    ``plane`` uint8 (height, width); ``points`` float64 (n_points, 2), rows and columns where pixel (r, c) reaches from
    (r, c) to (r + 1, c + 1). A pixel is covered if its centre lies no farther than ``radius`` from the line, or a
    point lies in it, so that the finest brush leaves no gap where it is set down. Only the box around each piece of
    the line is looked at. Returns the box of what may have changed: first row and column, and one past the last.
    """
    height, width = plane.shape
    top, left, bottom, right = height, width, 0, 0
    for i in range(max(1, len(points) - 1)):
        a, b = points[i], points[min(i + 1, len(points) - 1)]
        down, across = b[0] - a[0], b[1] - a[1]
        length = down * down + across * across
        first_row = max(0, math.floor(min(a[0], b[0]) - radius))
        first_column = max(0, math.floor(min(a[1], b[1]) - radius))
        last_row = min(height, math.floor(max(a[0], b[0]) + radius) + 1)
        last_column = min(width, math.floor(max(a[1], b[1]) + radius) + 1)
        if first_row >= last_row or first_column >= last_column:
            continue
        top, left = min(top, first_row), min(left, first_column)
        bottom, right = max(bottom, last_row), max(right, last_column)
        for row in range(first_row, last_row):
            for column in range(first_column, last_column):
                y, x = row + 0.5 - a[0], column + 0.5 - a[1]
                along = (y * down + x * across) / length if length > 0 else 0.0
                along = min(1.0, max(0.0, along))
                y, x = y - along * down, x - along * across
                if y * y + x * x <= radius * radius:
                    plane[row, column] = value
        for point in (a, b):
            row, column = math.floor(point[0]), math.floor(point[1])
            if 0 <= row < height and 0 <= column < width:
                plane[row, column] = value
    return top, left, bottom, right
