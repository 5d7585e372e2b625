"""The easel: strokes on images become a pixel classifier while they are painted, without waiting and without any web.

An `Easel` holds a `Sheet` for each image. A stroke is rasterised inside its box; only pixels that were not painted
before are measured; a small forest answers at every fourth pixel, and then the forest that `train_pixels` would give,
tree for tree, at every pixel of a tile.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.learn.forest import Forest
from clew.learn.pixel_model import PixelModel, entropy
from clew.learn.pixel_training import (
    FEWEST,
    PaintedPixels,
    samples_of_painted,
)
from clew.learn.reasons import Reasons, reasons_of
from clew.learn.sheet import NORMALISE, Sheet
from clew.learn.strokes import StrokeValidation, validate_strokes
from clew.learn.tiling import OnProgress, block_at, in_threads, scale_of
from clew.learn.training import train
from clew.measure.pixels import Buffers, PixelFeatures, Shape, kinds_of, sigmas_of
from clew.read.stacks import Stack

SETTINGS: dict[str, Any] = {
    "trees": 100,
    "depth": 4,
    "grower": "auto",
    "random_state": 0,
}  # of `train_pixels`
QUICK_TREES, QUICK_PIXELS = 24, 4_000  # of the forest that answers first
EXACT_PIXELS = 30_000  # painted pixels up to which the live forest is the one that is saved
FOLD_PIXELS = 2_000  # that train in a fold of the live validation
TILE, STRIDE = 256, 4  # px; the coarse answer takes every fourth
COARSE_BYTES = 256 * 2**20  # features at every fourth pixel that are kept
AROUND = 5  # coarse pixels over which uncertainty is averaged for the next place to paint


@dataclass(frozen=True, eq=False)
class Painting:
    """A live model, and what it was grown from.

    Parameters
    ----------
    model : PixelModel
    painted : PaintedPixels
    exact : bool
        Whether its trees are those of the model that would be saved now.
    """

    model: PixelModel
    painted: PaintedPixels
    exact: bool


class Easel:
    """Several images being painted with the same classes, and the forest that learns from all strokes on them.

    Filters are those of `train_pixels` by default ("medium"), in planes: what is painted on a slice is seen in that slice.

    Parameters
    ----------
    names : mapping of int to str
        The name of each class number.

    Attributes
    ----------
    sheets : dict of str to Sheet
        By the name of the image.
    channels : tuple of str, or None
        If given, only images with these channels train.
    """

    def __init__(self, names: Mapping[int, str]) -> None:
        self.names = dict(names)
        self.sheets: dict[str, Sheet] = {}
        self.channels: tuple[str, ...] | None = None
        self._coarse: OrderedDict[tuple[str, int, int, int, int], np.ndarray] = OrderedDict()
        self._lock, self._local = threading.Lock(), threading.local()

    def features_of(self, stack: Stack) -> PixelFeatures:
        """Return what is measured of every pixel of an image."""
        return PixelFeatures(
            kinds=kinds_of("medium"), sigmas=sigmas_of("medium"), channel_names=tuple(stack.channel_names), dimensions=2
        )  # fmt: skip

    # ---- learning ----
    def learnt_from(self) -> list[Sheet]:
        """Return the painted sheets that train, in the order of `train_pixels`."""
        return sorted(
            (
                one
                for one in self.sheets.values()
                if one.painted and self.channels in (None, tuple(one.stack.channel_names))
            ),
            key=lambda one: one.stack.sha256(),
        )

    def painted(self) -> PaintedPixels:
        """Return all painted pixels with their features, as `train_pixels` orders them.

        Raises
        ------
        DataError
            If fewer than two classes have two painted pixels, or painted images have different channels.
        """
        sheets = self.learnt_from()
        for one in sheets[1:]:
            check(
                one.stack.channel_names == sheets[0].stack.channel_names,
                DataError,
                "Painted images must have the same channels. Got {} in '{}' and {} in '{}': erase the strokes of one.",
                ", ".join(sheets[0].stack.channel_names),
                sheets[0].name,
                ", ".join(one.stack.channel_names),
                one.name,
            )
        parts = [one.measured(self.features_of(one.stack)) for one in sheets]
        values = np.concatenate([np.zeros(0, np.int64), *(part[1] for part in parts)])
        counts = np.bincount(values, minlength=2)[1:]
        check(
            (counts >= FEWEST).sum() >= 2 and not ((counts > 0) & (counts < FEWEST)).any(),
            DataError,
            "Paint at least two classes, each on at least {} pixels. Got {} so far.",
            FEWEST,
            ", ".join(f"{n} of {self.names.get(i, i)}" for i, n in enumerate(counts, 1) if n) or "none",
        )
        reach = np.max([self.features_of(one.stack).at().halo() for one in sheets], axis=0)
        name_of = np.array([self.names.get(value, str(value)) for value in range(int(values.max()) + 1)])
        return PaintedPixels(
            np.concatenate([part[2] for part in parts]),
            name_of[values],
            np.repeat(np.arange(len(parts)), [len(part[1]) for part in parts]),
            np.concatenate([part[0] for part in parts]),
            tuple(reach.tolist()),
        )

    def fit(self, *, quick: bool = False, painted: PaintedPixels | None = None) -> Painting:
        """Grow the live forest: up to 30,000 painted pixels it has the very trees of the model that would be saved.

        Parameters
        ----------
        quick : bool
            24 trees on at most 4,000 of the pixels, for an answer at once.
        painted : PaintedPixels, optional
            As `painted` returned it, not to be gathered again.

        Raises
        ------
        DataError
            As for `painted`.
        """
        from clew.kernels.threads import n_threads

        painted = self.painted() if painted is None else painted
        most = QUICK_PIXELS if quick else EXACT_PIXELS
        learnt = painted if len(painted) <= most else _spread(painted, most)
        stacks = [one.stack for one in self.learnt_from()]
        stack = stacks[0]
        features = self.features_of(stack)
        settings = SETTINGS | ({"trees": QUICK_TREES} if quick else {})
        there = set(np.unique(painted.labels).tolist())
        forest: Forest = train(
            samples_of_painted(learnt, features, stacks),
            **settings,
            n_jobs=n_threads(),
            measure={
                "kind": "pixels",
                "features": features.to_dict(),
                "normalise": NORMALISE,
                "axes": stack.axes,
                "dtype": str(stack.dtype),
                "pixel_size": list(stack.pixel_size or (None,) * 3),
                "values": {name: value for value, name in sorted(self.names.items()) if name in there},
            },
        )
        return Painting(PixelModel(forest), painted, exact=not quick and learnt is painted)

    # ---- answers ----
    def prepare(
        self,
        image: str,
        t: int,
        z: int,
        tiles: Sequence[tuple[int, int]],
        *,
        on_progress: OnProgress | None = None,
    ) -> None:
        """Measure every fourth pixel of tiles (top, left), once: what the coarse answer waits for.

        Raises
        ------
        Stopped
            If ``on_progress`` said so.
        """  # fmt: skip
        missing = [at for at in tiles if (image, t, z, *at) not in self._coarse]
        if missing:
            in_threads(lambda at: self._coarse_tile(image, t, z, at), missing, on_progress)

    def _coarse_tile(self, image: str, t: int, z: int, at: tuple[int, int]) -> np.ndarray:
        """Return all features at every fourth pixel of a tile, float32 (n_features, rows, columns)."""
        key = (image, t, z, *at)
        with self._lock:
            if key in self._coarse:
                self._coarse.move_to_end(key)
                return self._coarse[key]
        stack = self.sheets[image].stack
        bank = self.features_of(stack).at(stack.pixel_size)
        start, stop = _box(stack, z, at)
        shape = (stop[1] - start[1], stop[2] - start[2])
        block = block_at(stack, t, start, stop, bank.halo(), scale_of(stack, NORMALISE), self._buffers())
        found = np.empty((len(bank), *(-(-n // STRIDE) for n in shape)), np.float32)

        def keep(index: int, values: np.ndarray) -> None:
            found[index] = values[0, ::STRIDE, ::STRIDE]

        bank.apply(block, keep)
        with self._lock:
            self._coarse[key] = found
            size = sum(one.nbytes for one in self._coarse.values())
            while size > COARSE_BYTES and len(self._coarse) > 1:
                size -= self._coarse.popitem(last=False)[1].nbytes
        return found

    def _buffers(self) -> Buffers:
        if not hasattr(self._local, "buffers"):
            self._local.buffers = Buffers()
        return self._local.buffers

    def preview(
        self, live: Painting, image: str, t: int, z: int, at: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Classify every fourth pixel of a tile.

        Returns
        -------
        classes : ndarray of uint8, shape (rows, columns)
            Class numbers, as painted.
        probability : ndarray of float32, shape (n_classes, rows, columns)
            In the order of ``live.model.forest.classes``.
        """
        live.model.check(self.sheets[image].stack)
        found, compiled = self._coarse_tile(image, t, z, at), live.model.compiled
        shape = found.shape[1:]
        n = math.prod(shape)
        planes = compiled.empty_planes(n)
        for index in compiled.used:
            compiled.rank(index, found[index].reshape(-1), planes)
        labels, shares = np.empty(n, np.uint8), np.empty((compiled.n_classes, n), np.float32)
        compiled.classify(planes, labels=labels, probability=shares)
        return _numbers(live)[labels].reshape(shape), shares.reshape(-1, *shape)

    def tile(
        self, live: Painting, image: str, t: int, z: int, at: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Classify every pixel of a tile: of an exact model the bits that `clew pixels predict` writes; as `preview` otherwise."""
        stack = self.sheets[image].stack
        labels, shares = live.model.predict_tile(
            stack, scale_of(stack, live.model.normalise), t, *_box(stack, z, at), probability=True, buffers=self._buffers()
        )  # fmt: skip
        assert shares is not None
        return _numbers(live)[labels[0]], shares[:, 0]

    def most_uncertain(
        self, live: Painting, image: str, t: int, z: int, tiles: Sequence[tuple[int, int]]
    ) -> tuple[int, int, float]:
        """Return row, column and uncertainty (0 to 1) of the spot where a stroke would tell most, away from strokes."""
        from scipy.ndimage import uniform_filter

        best = (0, 0, -1.0)
        painted = self.sheets[image].labels(t, z) > 0
        for top, left in tiles:
            unsure = uniform_filter(
                entropy(self.preview(live, image, t, z, (top, left))[1]), AROUND, mode="nearest"
            )
            here = painted[top : top + TILE, left : left + TILE][::STRIDE, ::STRIDE]
            unsure[here] = -1
            row, column = np.unravel_index(int(unsure.argmax()), unsure.shape)
            if unsure[row, column] > best[2]:
                best = (
                    top + int(row) * STRIDE,
                    left + int(column) * STRIDE,
                    float(unsure[row, column]),
                )
        return best

    @staticmethod
    def warm_up() -> None:
        """Have ready what the first stroke would wait for where compiled loops are not on disk yet."""
        from clew.kernels.strokes import sweep
        from clew.learn.compiled import CompiledForest

        sweep(np.zeros((4, 4), np.uint8), np.zeros((2, 2)), 1.0, 1)
        rows = np.arange(16, dtype=np.float32)[:, None]
        place = np.zeros((16, 4), np.int64)
        made_up = PaintedPixels(rows, np.repeat(["a", "b"], 8), place[:, 0], place, (0, 0, 0))
        features = PixelFeatures(kinds=("original",))
        stack = Stack.of(np.zeros((4, 4), np.uint8))
        compiled = CompiledForest.of(
            train(samples_of_painted(made_up, features, [stack]), **SETTINGS, n_jobs=1)
        )
        planes = compiled.empty_planes(16)
        compiled.rank(0, rows[:, 0], planes)
        compiled.classify(planes, labels=np.empty(16, np.uint8), probability=np.empty((2, 16), np.float32))

    # ---- how good, and why ----
    def accuracy(self, painted: PaintedPixels) -> StrokeValidation:
        """Validate on whole strokes held out, beside shuffled pixels, with 24 trees on at most 2,000 pixels a fold.

        Raises
        ------
        DataError
            If the strokes are too few or too near each other to be held out.
        """
        return validate_strokes(
            painted.features,
            painted.labels,
            painted.image,
            painted.place,
            classifier=SETTINGS | {"trees": QUICK_TREES},
            gap=painted.reach,
            train_pixels=FOLD_PIXELS,
            permutations=0,
        )

    def reasons(
        self, live: Painting, image: str, t: int, z: int, tiles: Sequence[tuple[int, int]], *, of: str
    ) -> Reasons:
        """Return how far each filter moves the probability of a class, at every fourth pixel of some tiles: exact SHAP values."""
        live.model.check(self.sheets[image].stack)
        return reasons_of(live.model.forest, [self._coarse_tile(image, t, z, at) for at in tiles], of=of)


def weakest(found: StrokeValidation) -> tuple[str, str, float] | None:
    """Return which class is most often taken for which, and of what share of its tested pixels; None if none is."""
    tested = found.predicted != ""
    truth, said = found.truth[tested], found.predicted[tested]
    wrong = truth != said
    if not wrong.any():
        return None
    pairs, n = np.unique(np.column_stack([truth[wrong], said[wrong]]), axis=0, return_counts=True)
    share = n / np.array([(truth == pair[0]).sum() for pair in pairs])
    worst = int(share.argmax())
    return str(pairs[worst][0]), str(pairs[worst][1]), float(share[worst])


def tiles_in(
    stack: Stack, view: tuple[float, float, float, float], *, most: int = 64
) -> list[tuple[int, int]]:
    """Return the corners (top, left) of the tiles that a view (top, left, bottom, right, in px) shows, its middle first."""
    _, _, _, height, width = stack.shape
    top, left = (int(min(max(0.0, at), n - 1)) for at, n in zip(view[:2], (height, width)))
    bottom, right = (
        max(first + 1, math.ceil(min(at, n))) for at, first, n in zip(view[2:], (top, left), (height, width))
    )
    rows, columns = range(top // TILE * TILE, bottom, TILE), range(left // TILE * TILE, right, TILE)
    middle = ((top + bottom - TILE) / 2, (left + right - TILE) / 2)
    corners = [(y, x) for y in rows for x in columns]
    corners.sort(key=lambda at: (max(abs(at[0] - middle[0]), abs(at[1] - middle[1])), at))
    return corners[:most]


def _box(stack: Stack, z: int, at: tuple[int, int]) -> tuple[Shape, Shape]:
    bottom, right = (min(a + TILE, n) for a, n in zip(at, stack.shape[3:]))
    return (z, *at), (z + 1, bottom, right)


def _numbers(live: Painting) -> np.ndarray:
    """Return the painted number of each class of the forest."""
    return np.array([live.model.values[name] for name in live.model.forest.classes], np.uint8)


def _spread(painted: PaintedPixels, most: int) -> PaintedPixels:
    """Return about ``most`` of the pixels, evenly along their order, of each class its share and at least two."""
    rows = [
        of[np.unique(np.linspace(0, of.size - 1, max(FEWEST, most * of.size // len(painted))).astype(int))]
        for of in (np.flatnonzero(painted.labels == name) for name in np.unique(painted.labels))
    ]
    chosen = np.sort(np.concatenate(rows))
    return PaintedPixels(
        painted.features[chosen], painted.labels[chosen], painted.image[chosen], painted.place[chosen], painted.reach
    )  # fmt: skip
