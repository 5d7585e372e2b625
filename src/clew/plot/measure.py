"""Figures of what was measured: the groups painted back on their image, and crops of single objects."""

from __future__ import annotations

import numpy as np

from clew.plot.style import BRIGHT, LINES, Drawing, bare, drawn

CASING = "#101114"
OTHERS = "#9a9a9a"
DENSE = 60_000  # corners of outlines beyond which they become part of the picture


@drawn
def painted(
    picture: np.ndarray, labels: np.ndarray, groups: dict[int, int], *, width: float = 460
) -> Drawing:
    """Draw the outlines of objects on their picture, a colour and a kind of line for each group.

    Parameters
    ----------
    picture : ndarray of uint8, shape (y, x)
        The grey picture; smaller than the label image where that is large.
    labels : ndarray of int, shape (Y, X)
        The label image.
    groups : dict of int to int
        Label to group, for the objects that may be shown; all others get a thin grey outline.
    """
    from matplotlib.collections import LineCollection

    height = width * picture.shape[0] / picture.shape[1]
    figure = Drawing(width, height)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest", aspect="auto")
    scale = np.array([picture.shape[1] / labels.shape[1], picture.shape[0] / labels.shape[0]])
    lines: dict[int, list[np.ndarray]] = {}
    for label, outline in outlines(labels):
        lines.setdefault(groups.get(label, -1), []).append((outline + 0.5) * scale - 0.5)
    for group, found in sorted(lines.items()):
        if group < 0:
            axes.add_collection(LineCollection(found, colors=OTHERS, linewidths=0.6, alpha=0.7))
            continue
        axes.add_collection(LineCollection(found, colors=CASING, linewidths=3, alpha=0.75))
        style = LINES[group % len(LINES)]
        axes.add_collection(
            LineCollection(found, colors=BRIGHT[group % len(BRIGHT)], linewidths=1.6, linestyles=[style])
        )
    bare(axes)
    axes.set_xlim(-0.5, picture.shape[1] - 0.5)
    axes.set_ylim(picture.shape[0] - 0.5, -0.5)
    return figure


def outlines(labels: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Return (label, closed outline of shape (n, 2) as x, y) of each piece of each object."""
    from contourpy import contour_generator
    from scipy.ndimage import find_objects

    found = []
    for label, box in enumerate(find_objects(labels), start=1):
        if box is None:
            continue
        inside = np.pad(labels[box] == label, 1).astype(np.float64)
        corner = np.array([box[1].start - 1, box[0].start - 1], dtype=np.float64)
        for line in contour_generator(z=inside).lines(0.5):
            found.append((label, np.asarray(line) + corner))
    return found


def common_side(boxes: np.ndarray) -> float:
    """Return the side of a square that holds nearly all objects: one scale for all, so that sizes can be compared.

    Parameters
    ----------
    boxes : ndarray of float64, shape (n, 4)
        min_row, min_col, max_row, max_col of each.
    """
    longest = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    return float(np.quantile(longest, 0.9)) * 1.15 + 2


def crop(
    picture: np.ndarray, labels_shape: tuple[int, int], box: tuple[float, float, float, float], *, side: float
) -> np.ndarray:
    """Return a square of a picture round one object, uint8 (n, n) or (n, n, 3); what lies outside the picture is black.

    Parameters
    ----------
    picture : ndarray of uint8, shape (y, x) or (y, x, 3)
    labels_shape : tuple of int
        Height and width of the label image, in whose pixels ``box`` and ``side`` are.
    box : tuple of float
        min_row, min_col, max_row, max_col.
    side : float
        Of the square.
    """
    scale = np.array(picture.shape[:2]) / labels_shape
    middle = np.array([box[0] + box[2], box[1] + box[3]]) / 2 * scale
    half = max(1, round(side * float(scale.mean()) / 2))
    start = np.floor(middle).astype(int) - half
    low, high = np.clip([start, start + 2 * half], 0, picture.shape[:2])
    framed = np.zeros((2 * half, 2 * half, *picture.shape[2:]), picture.dtype)
    inside = picture[low[0] : high[0], low[1] : high[1]]
    framed[low[0] - start[0] : high[0] - start[0], low[1] - start[1] : high[1] - start[1]] = inside
    return framed
