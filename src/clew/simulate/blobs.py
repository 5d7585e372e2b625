"""Data with known truth, for demos and tests. Always called simulated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clew.errors import SettingError, check
from clew.result import Result


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class SimulatedBlobs(Result):
    """A simulated photograph of round and elongated blobs, and what each of them is.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width)
        Bright blobs on a dark, noisy ground.
    label_image : ndarray of int32, shape (height, width)
        The true outline of each blob, 1.. ; 0 between them.
    kind : ndarray of str, shape (n_blobs,)
        "round" or "elongated", blob 1 first.
    radius : ndarray of float64, shape (n_blobs,)
        Of the circle with the blob's area, in px: drawn alike for both kinds, so that size tells nothing.
    aspect_ratio : ndarray of float64, shape (n_blobs,)
        Longer axis over shorter.
    """

    pixels: np.ndarray
    label_image: np.ndarray
    kind: np.ndarray
    radius: np.ndarray
    aspect_ratio: np.ndarray

    def headline(self) -> str:
        """Say how many of each kind."""
        height, width = self.pixels.shape
        kinds = ", ".join(f"{(self.kind == kind).sum()} {kind}" for kind in ("round", "elongated"))
        return f"{kinds} blobs in {height} x {width} px, simulated"


def blobs(
    *,
    n_round: int = 60,
    n_elongated: int = 40,
    size: int = 512,
    noise: float = 6.0,
    random_state: int = 0,
) -> SimulatedBlobs:
    """Simulate an image of blobs, random in place, size, turn and shape.

    Parameters
    ----------
    n_round, n_elongated : int
        Blobs of each kind: aspect ratio about 1.2 (1 to 1.6), or about 2.1 (1.45 to 2.85); the kinds overlap a little.
    size : int
        Height and width in px.
    noise : float
        Standard deviation of the camera noise, in counts of 255.
    random_state : int

    Raises
    ------
    SettingError
        If so many blobs do not fit into the image without touching.
    """
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(random_state)
    n = n_round + n_elongated
    kind = rng.permutation(np.array(["round"] * n_round + ["elongated"] * n_elongated))
    radius = rng.uniform(8, 14, n)
    aspect = np.where(kind == "round", 1 + rng.beta(2, 3, n) * 0.6, 1.45 + rng.beta(2, 2, n) * 1.4)
    turn = rng.uniform(0, np.pi, n)
    brightness = rng.uniform(150, 220, n)
    truth = np.zeros((size, size), np.int32)
    light = np.zeros((size, size))
    rows, columns = np.mgrid[:size, :size]
    for i in np.argsort(-radius * np.sqrt(aspect)):  # the largest first, while there is room
        major, minor = radius[i] * np.sqrt(aspect[i]), radius[i] / np.sqrt(aspect[i])
        for _ in range(3000):
            y, x = rng.uniform(major + 4, size - major - 4, 2)
            along = (columns - x) * np.cos(turn[i]) + (rows - y) * np.sin(turn[i])
            across = (rows - y) * np.cos(turn[i]) - (columns - x) * np.sin(turn[i])
            near = (along / (major + 4)) ** 2 + (across / (minor + 4)) ** 2 <= 1
            if not truth[near].any():
                inside = (along / major) ** 2 + (across / minor) ** 2 <= 1
                truth[inside] = i + 1
                light[inside] = brightness[i]
                break
        else:
            check(
                False,
                SettingError,
                "The blobs must fit into {} x {} px without touching. Got {} of them; make 'size' larger.",
                size,
                size,
                n,
            )
    seen = gaussian_filter(light, 1.0) + 20 + rng.normal(0, noise, light.shape)
    return SimulatedBlobs(
        pixels=np.clip(np.rint(seen), 0, 255).astype(np.uint8),
        label_image=truth,
        kind=kind,
        radius=radius,
        aspect_ratio=aspect,
        settings={
            "n_round": n_round,
            "n_elongated": n_elongated,
            "size": size,
            "noise": noise,
            "random_state": random_state,
        },
    )


def strokes(
    truth: SimulatedBlobs, *, n: int = 24, length: int = 15, width: int = 3, random_state: int = 0
) -> np.ndarray:
    """Simulate what a person paints on the blobs: short strokes on the ground (1) and within blobs (2), half of each.

    Parameters
    ----------
    truth : SimulatedBlobs
    n : int
        The number of strokes.
    length, width : int
        In px; a stroke in a blob ends where the blob does.
    random_state : int

    Returns
    -------
    ndarray of uint8, shape (height, width)
        0 where nothing is painted.
    """
    rng = np.random.default_rng(random_state)
    painted = np.zeros(truth.label_image.shape, np.uint8)
    inside = truth.label_image > 0
    for i in range(n):
        value = 1 + i % 2
        rows, columns = np.nonzero(inside == (value == 2))
        start = rng.integers(len(rows))
        y, x = int(rows[start]), int(columns[start])
        stroke = (
            (slice(y, y + width), slice(x, x + length))
            if rng.random() < 0.5
            else (slice(y, y + length), slice(x, x + width))
        )
        fits = inside[stroke] == (value == 2)
        painted[stroke][fits] = value
    return painted
