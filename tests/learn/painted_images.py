"""Images with known truth, strokes on them, and what scikit-learn would make of these."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage as ndi
from sklearn.ensemble import RandomForestClassifier

from clew.errors import DataError
from clew.learn.pixels import PixelClassifier
from clew.learn.tiling import scale_of
from clew.measure.pixels import block_of
from clew.read.stacks import Stack

FEW = {"grower": "scikit-learn", "features": "small", "trees": 20}  # what most tests need no more than


def truth_of(shape, *, seed=0, coarse=6):
    """Two classes (1, 2) in patches."""
    field = ndi.gaussian_filter(np.random.default_rng(seed).normal(size=shape), coarse)
    return 1 + (field > np.quantile(field, 0.6)).astype(np.uint8)


def image_of(truth, *, seed=1, dtype=np.uint8):
    """Bright and grainy where the truth is 2, dark where it is 1."""
    noise = ndi.gaussian_filter(np.random.default_rng(seed).normal(size=truth.shape), 0.7)
    return (60 + 70 * (truth == 2) + noise * np.where(truth == 2, 40, 15)).clip(0, 255).astype(dtype)


def strokes_of(truth, *, n=12, length=15, seed=2):
    """Short horizontal strokes, as many of each class, of the class that most of the stroke lies on."""
    rng, painted = np.random.default_rng(seed), np.zeros_like(truth)
    for k in np.unique(truth):
        for where in rng.permutation(np.argwhere(truth == k))[:n]:
            *at, x = where
            line = (*at, slice(x, x + length))
            painted[line][truth[line] == k] = k
    return painted


def example(shape=(120, 150), *, seed=0, dtype=np.uint8, **strokes):
    truth = truth_of(shape, seed=seed)
    return image_of(truth, seed=seed + 1, dtype=dtype), strokes_of(truth, seed=seed + 2, **strokes), truth


def table_of(stack, model):
    """Every feature of every pixel, (n_pixels, n_features) in the order T, Z, Y, X: no tiles, no planes, no ranks."""
    bank, scale, shape = model.bank(stack), scale_of(stack, model.normalise), stack.shape[2:]
    table = np.empty((len(bank), stack.shape[0], *shape), np.float32)
    for t in range(stack.shape[0]):
        block = block_of(
            lambda z, y, x, t=t: scale.apply(stack.read(t, z, y, x)), shape, (0, 0, 0), shape, bank.halo()
        )
        bank.apply(block, lambda i, values, t=t: table[i, t].__setitem__(..., values))
    return table.reshape(len(bank), -1).T


def rival_of(classifier, **settings):
    """scikit-learn's forest on the painted pixels."""
    painted = classifier.painted_
    settings = {"n_estimators": classifier.trees, "max_depth": classifier.depth, "random_state": 0} | settings
    return RandomForestClassifier(**settings).fit(painted.features, painted.labels)


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def volume(shape=(9, 40, 50), *, size=(1.0, 0.5, 0.5)):
    truth = truth_of(shape, coarse=(2, 4, 4))
    return Stack.of(image_of(truth), axes="ZYX", pixel_size=size), strokes_of(truth), truth


def collected(model, stack, **settings):
    """Labels and probabilities of an image, put together from tiles, and how many there were."""
    labels = np.zeros((stack.shape[0], *stack.shape[2:]), np.uint8)
    shares = np.zeros((len(model.forest.classes), *labels.shape), np.float32)
    starts = []

    def write(t, start, tile, share):
        at = (t, *(slice(a, a + n) for a, n in zip(start, tile.shape, strict=True)))
        labels[at], shares[(slice(None), *at)] = tile, share
        starts.append((t, start))

    model.predict(stack, write, probability=True, **settings)
    return labels, shares, starts


def three_images():
    return [example((60, 80), seed=10 * i)[:2] for i in range(3)]


def refused(images, annotations, sentence, error=DataError, **settings):
    with pytest.raises(error, match=sentence) as refusal:
        PixelClassifier(**FEW | settings).fit(images, annotations)
    assert "\n" not in str(refusal.value)


def two_images():
    (a, painted_a), (b, painted_b), _ = three_images()
    return (Stack.of(a, name="a.tif"), Stack.of(b, name="b.tif")), [painted_a, painted_b]
