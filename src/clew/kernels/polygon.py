"""Which points lie within a polygon, by the even-odd rule."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def inside(points, polygon, out):
    """Write into ``out`` (n_points,) of bool which points (n_points, 2) of float32 lie within a polygon (n_vertices, 2) of float64.

    Even-odd rule after Shimrat, Comm. ACM 5 (1962) 434, doi:10.1145/368637.368653: a ray to the right crosses an odd
    number of edges. An edge owns its lower end and not its upper one, and a point on an edge lies right of it; where an
    edge crosses a height is computed from its lower end, whichever way it is gone. So of polygons that share an edge
    exactly one has the points on it. A point that is not finite lies nowhere.
    """
    n = polygon.shape[0]
    left, right = polygon[:, 0].min(), polygon[:, 0].max()
    low, high = polygon[:, 1].min(), polygon[:, 1].max()
    edges = np.empty((n, 3))  # x and y of the lower end, and how far right the edge goes for one up
    for j in range(n):
        i = j - 1 if j else n - 1
        a, b = (i, j) if polygon[i, 1] <= polygon[j, 1] else (j, i)
        rise = polygon[b, 1] - polygon[a, 1]
        edges[j, 0], edges[j, 1] = polygon[a, 0], polygon[a, 1]
        edges[j, 2] = (polygon[b, 0] - polygon[a, 0]) / rise if rise > 0.0 else 0.0
    for row in range(points.shape[0]):
        x, y = np.float64(points[row, 0]), np.float64(points[row, 1])
        within = False
        if left <= x <= right and low <= y <= high:
            before = polygon[n - 1, 1] > y
            for j in range(n):
                above = polygon[j, 1] > y
                if above != before and x < edges[j, 0] + (y - edges[j, 1]) * edges[j, 2]:
                    within = not within
                before = above
        out[row] = within
