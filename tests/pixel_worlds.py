"""Small images of bright discs, with strokes, for the tests of pixel classification."""

from __future__ import annotations

import numpy as np
import tifffile

from clew.learn.forest import Forest
from clew.learn.pixel_model import PixelModel
from clew.learn.pixel_training import train_pixels
from clew.read.annotations import Annotation
from clew.read.stacks import Stack

NAMES = {1: "ground", 3: "cell"}  # a number left out, as happens to people
STROKES = [
    (1, 2, 2),
    (1, 2, 120),
    (1, 150, 60),
    (1, 95, 2),
    (3, 36, 36),
    (3, 84, 132),
    (3, 132, 36),
    (3, 36, 84),
]


def discs(seed=0, shape=(192, 192)):
    """Discs of radius 9 every 48 pixels, dim, and noise; in another place for each seed."""
    y, x = ((np.indices(shape)[axis] + 3 * seed) % 48 - 36 for axis in (0, 1))
    rng = np.random.default_rng(seed)
    return (60 + 100 * (y**2 + x**2 < 81) + rng.normal(0, 8, shape)).clip(0, 255).astype(np.uint8)


def strokes(shape=(192, 192)):
    """Labels of `discs`: short strokes far from each other, 0 elsewhere."""
    labels = np.zeros(shape, np.uint8)
    for value, y, x in STROKES:
        labels[y : y + 3, x - 4 * (value == 3) : x + 4] = value
    return labels


def model(**settings) -> PixelModel:
    """A quick model of ground and cells."""
    return PixelModel(forest(**settings))


def forest(image=None, axes="YX", **settings) -> Forest:
    image = discs() if image is None else image
    painted = strokes()
    if "Z" in axes:
        painted = np.repeat(painted[None], image.shape[axes.index("Z")], axis=0)
    annotation = Annotation.of(painted, class_names=NAMES)
    settings = {"features": "small", "trees": 10} | settings
    return train_pixels([Stack.of(image, axes=axes)], [annotation], **settings)[0]


def write_images(folder, n=3, shape=(192, 192), **options):
    """Write images of different seeds; return their paths."""
    folder.mkdir(exist_ok=True)
    for i in range(n):
        tifffile.imwrite(folder / f"{'abcdefgh'[i]}.tif", discs(i + 1, shape), **options)
    return sorted(folder.iterdir())


def files_of(folder):
    """Return the bytes of all files of a folder, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
