"""Where points lie thickest, as a picture: what the map shows where points cannot be drawn."""

from __future__ import annotations

import io

import numpy as np

INK = (76, 79, 85)  # readable on light and on dark paper
MARGIN = 24  # px on each side


def density_picture(
    places: np.ndarray, extent: tuple[float, float, float, float], width: int, height: int
) -> bytes:
    """Return a PNG whose opacity grows with the square root of the number of points in a pixel.

    Parameters
    ----------
    places : ndarray of float32, shape (n_points, 2)
        Rows that are not finite are left out.
    extent : tuple of float
        Left, right, lowest, highest.
    width, height : int
        px
    """
    from PIL import Image

    counts = counted(places, extent, width, height)
    most = max(1, int(counts.max()))
    picture = np.empty((height, width, 4), np.uint8)
    picture[..., :3] = INK
    picture[..., 3] = np.where(counts > 0, 64 + 191 * np.sqrt(counts / most), 0)
    out = io.BytesIO()
    Image.fromarray(picture, "RGBA").save(out, "PNG")
    return out.getvalue()


def counted(
    places: np.ndarray, extent: tuple[float, float, float, float], width: int, height: int
) -> np.ndarray:
    """Return how many points lie in each pixel, int64 (height, width); the picture keeps the proportions of the map."""
    left, right, low, high = extent
    scale = min((width - 2 * MARGIN) / (right - left), (height - 2 * MARGIN) / (high - low))
    scale = max(scale, 1e-12)
    there = places[np.isfinite(places).all(axis=1)].astype(np.float64)
    column = np.floor(width / 2 + (there[:, 0] - (left + right) / 2) * scale).astype(np.int64)
    row = np.floor(height / 2 - (there[:, 1] - (low + high) / 2) * scale).astype(np.int64)
    within = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    flat = row[within] * width + column[within]
    return np.bincount(flat, minlength=width * height).reshape(height, width)
