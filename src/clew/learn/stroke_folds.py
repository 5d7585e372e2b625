"""Folds of painted pixels: whole strokes are held out, or regions of large ones, or images, with a gap around them.

A pixel's features are read from its surroundings, as far as the largest filter reaches. What lies so near to a tested
pixel does not train: neighbouring pixels are nearly copies.

Blocks with a buffer after Roberts et al., Ecography 40 (2017) 913, doi:10.1111/ecog.02881.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.intervals import FEWEST_GROUPS
from clew.result import step
from clew.splits import Folds

FEWEST_IMAGES = 5  # that hold each class, for whole images to be held out
LONG = 2.0  # gaps that a stroke must be long to be cut: a shorter one would be of one piece still
LARGE = 2.0  # fair shares of its class (an n_folds-th) that a stroke must hold to be cut, where strokes are enough
UNITS_PER_FOLD = 4  # of a class; where there are more strokes, neighbours are held out together
SLACK = 0.25  # fair shares by which a fold may hold more than another, so that neighbours come into one fold
SWEEPS = 3  # times that each unit chooses its fold


@step(sees="open")
def stroke_folds(
    image: np.ndarray,
    place: np.ndarray,
    labels: np.ndarray,
    *,
    gap: Sequence[int],
    n_folds: int = 5,
    random_state: int = 0,
) -> Folds:
    """Divide painted pixels for cross-validation, so that a tested pixel shares neither stroke nor surroundings.

    A stroke is what hangs together of one class in one image and time point, by 8 neighbours (26 in 3D). Whole
    images are held out where each class was painted in at least five; else whole strokes, neighbours together
    where there are many; and compact regions of a stroke that is large or where a class has too few.

    Parameters
    ----------
    image : ndarray, shape (n_pixels,)
        The number or the name of the image of each pixel.
    place : ndarray of int, shape (n_pixels, 4)
        Where it lies there: t, z, y and x, in px.
    labels : ndarray of str or int, shape (n_pixels,)
        Its class.
    gap : three ints
        The radius of the largest filter along z, y and x in px: in a fold, pixels whose distance to a tested pixel
        of their image and time point is no more than this on every axis do not train.
    n_folds : int
        The number of parts; fewer where there is less to hold out.
    random_state : int
        Decides among equal choices. The order of the pixels decides nothing.

    Returns
    -------
    Folds
        With `by` "stroke", "region" or "image". A fold is tested only where all classes train; pixels that cannot
        be tested are in no row of `test`, and the reason counts them.

    Raises
    ------
    SettingError
        If `gap` is not three ints of at least 0, or `n_folds` is below 2.
    DataError
        If the rows do not fit each other, a pixel stands twice, there is one class only, or fewer than two classes
        can be tested.
    """
    return Division(image, place, labels, gap=gap, n_folds=n_folds, random_state=random_state).folds


class Division:
    """Painted pixels, what is held out of them as a whole, and the folds."""

    def __init__(
        self, image: Any, place: Any, labels: Any, *, gap: Sequence[int], n_folds: int, random_state: int
    ) -> None:
        self.gap = _checked(gap, n_folds)
        image, place, labels = _checked_pixels(image, place, labels)
        self.n_folds = int(n_folds)
        self.classes, self.code = np.unique(labels), _numbered(labels)
        check(
            len(self.classes) >= 2,
            DataError,
            "The painted pixels must be of at least 2 classes. Got only '{}' instead.",
            self.classes[0],
        )
        self.image = _numbered(image)
        time = place[:, 0] - place[:, 0].min()
        self.scene = _numbered(self.image * (time.max() + 1) + time)
        key = _keys(self.scene, place[:, 1:])
        order = np.argsort(key, kind="stable")  # what follows sees the pixels in this order, whatever came
        _refuse_doubles(key[order], image[order], place[order])
        self.image, self.scene, self.code = (x[order] for x in (self.image, self.scene, self.code))
        # Scaled so that a box distance below 1 is one within the gap, and no distance is exactly 1.
        self.scaled = place[order, 1:] / (np.array(self.gap) + 0.5)
        self.stroke = _strokes(key[order], place[order, 1:], self.code)
        self.strokes = np.bincount(first_of(self.stroke, self.code), minlength=len(self.classes))

        self.alike = False  # whether an interval must take regions of one stroke as independent
        self.by, self.unit, self.independent = self._units()
        random = np.random.default_rng(random_state)
        self.part = _deal(self._counts(), self._neighbourhood(), self.n_folds, random)[self.unit]
        training, testing = self._leave_gap()
        back = np.argsort(order)
        self.folds = Folds(
            train=training[:, back],
            test=testing[:, back],
            by=self.by,
            reason=self._reason(training, testing),
            gap=0.0 if self.by == "image" else float(max(self.gap)),
        )
        # and back in the order that they came in
        for name in ("image", "scene", "code", "stroke", "unit", "independent", "part"):
            setattr(self, name, getattr(self, name)[back])

    # ---- what is held out as a whole ----
    def _units(self) -> tuple[str, np.ndarray, np.ndarray]:
        """Return what is held out, the number of that of each pixel, and of what an interval may take as independent.

        Regions of a stroke resemble each other: where a class has strokes enough for an interval, these count.
        """
        images = np.zeros((self.image.max() + 1, len(self.classes)), bool)
        images[self.image, self.code] = True
        if (images.sum(axis=0) >= FEWEST_IMAGES).all():
            return "image", self.image, self.image
        pieces = self._pieces()
        unit = self._joined(pieces)[self.stroke]  # of whole strokes
        start = len(pieces) + unit.max() + 1
        cut, many = (pieces > 1)[self.stroke], (self.strokes >= FEWEST_GROUPS)[self.code]
        self.alike = bool((cut & ~many).any())
        for stroke in np.flatnonzero(pieces > 1):
            rows = np.flatnonzero(self.stroke == stroke)
            unit[rows] = start + _halved(self.scaled[rows], np.ones(len(rows)), int(pieces[stroke]))
            start += pieces[stroke]
        by = "region" if (pieces > 1).any() else "stroke"
        return by, _numbered(unit), _numbered(np.where(cut & many, self.stroke, unit))

    def _pieces(self) -> np.ndarray:
        """Return into how many regions each stroke is cut: 1 for most."""
        size = np.bincount(self.stroke)
        of_class = first_of(self.stroke, self.code)
        low, high = _boxes(self.stroke, self.scaled)
        fair = (np.bincount(self.code) / self.n_folds)[of_class]
        too_few = (self.strokes < self.n_folds)[of_class]
        cut = (too_few | (size > LARGE * fair)) & ((high - low).max(axis=1) > LONG)
        return np.where(cut, np.minimum(np.ceil(size / fair), size), 1).astype(np.int64)

    def _joined(self, pieces: np.ndarray) -> np.ndarray:
        """Return the unit of each stroke: itself, or with its neighbours where its class has many in the scene."""
        of_class, of_scene = first_of(self.stroke, self.code), first_of(self.stroke, self.scene)
        centre = np.stack([_means(self.stroke, axis) for axis in self.scaled.T], axis=1)
        size, unit, start = np.bincount(self.stroke).astype(float), np.arange(len(pieces)), len(pieces)
        most = UNITS_PER_FOLD * self.n_folds
        for k in np.flatnonzero(self.strokes > most):
            for scene in np.unique(of_scene[of_class == k]):
                rows = np.flatnonzero((of_class == k) & (of_scene == scene) & (pieces == 1))
                n = max(round(most * len(rows) / self.strokes[k]), 1)
                if len(rows) > n:
                    unit[rows] = start + _halved(centre[rows], size[rows], n)
                    start += n
        return unit

    def _counts(self) -> np.ndarray:
        """Return the pixels of each class in each unit, float64 of shape (n_units, n_classes)."""
        counts = np.zeros((self.unit.max() + 1, len(self.classes)))
        np.add.at(counts, (self.unit, self.code), 1)
        return counts

    def _neighbourhood(self) -> np.ndarray:
        """Return what the gap would cost, in fair shares, were two units in different folds: (n_units, n_units).

        Estimated by boxes: the part of each unit's box that lies within the gap of the other's.
        """
        n = self.unit.max() + 1
        if self.by == "image":
            return np.zeros((n, n))
        low, high = _boxes(self.unit, self.scaled)
        high = high + 1 / (np.array(self.gap) + 0.5)  # a pixel has a width
        near = np.equal.outer(*[first_of(self.unit, self.scene)] * 2).astype(float)  # [i, j]: of j, near to i
        for a, b in zip(low.T, high.T, strict=True):
            both = np.minimum(b[:, None] + 1, b) - np.maximum(a[:, None] - 1, a)
            near *= np.clip(both / (b - a), 0, 1)
        counts = self._counts()
        cost = near * (counts / counts.sum(axis=0)).sum(axis=1) * self.n_folds
        return cost + cost.T

    # ---- which pixels train ----
    def _leave_gap(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the training and the tested pixels, bool of shape (n_folds, n_pixels) each.

        Pixels of a class that the gap leaves no other pixels of are not tested; they train instead, as the others
        need them. Where a class is still missing, nothing is tested: choosing among fewer classes would flatter.
        """
        rows = []
        for fold in np.unique(self.part):
            tested = self.part == fold
            trains = self._trains(tested)
            if not self._all_train(trains):
                tested &= np.isin(self.code, self.code[trains])
                trains = self._trains(tested)
            if tested.any() and self._all_train(trains):
                rows.append((trains, tested))
        testable = {int(k) for _, tested in rows for k in np.unique(self.code[tested])}
        check(len(testable) >= 2, DataError, "{}", self._nothing_to_test(testable))
        return np.array([trains for trains, _ in rows]), np.array([tested for _, tested in rows])

    def _trains(self, tested: np.ndarray) -> np.ndarray:
        """Return the pixels that are neither tested nor within the gap of a tested one, bool of shape (n_pixels,)."""
        from scipy.spatial import cKDTree

        trains = ~tested
        if self.by == "image" or not tested.any():
            return trains
        points = np.column_stack([2.0 * self.scene, self.scaled])  # pixels of two scenes are never near
        points = points[:, np.ptp(points, axis=0) > 0]
        others = np.flatnonzero(trains)
        distance, _ = cKDTree(points[tested]).query(points[others], p=np.inf, distance_upper_bound=1.0)
        trains[others] = distance == np.inf
        return trains

    def _all_train(self, trains: np.ndarray) -> bool:
        return len(np.unique(self.code[trains])) == len(self.classes)

    # ---- words ----
    def _reach(self) -> str:
        """Say the gap: "41 px", or along each axis where they differ."""
        z, y, x = self.gap
        flat = np.ptp(self.scaled[:, 0]) == 0
        if y == x and (flat or z == y):
            return f"{y} px"
        return f"{y} x {x} px (y, x)" if flat else f"{z} x {y} x {x} px (z, y, x)"

    def _nothing_to_test(self, testable: set[int]) -> str:
        lacking = [k for k in range(len(self.classes)) if k not in testable]
        got = " and ".join(_several(self.strokes[k], "stroke", self.classes[k]) for k in lacking)
        return (
            f"The strokes of each class must lie more than {self._reach()} (the reach of the largest filter) from some of"
            f" their class, so that these train while they are tested. Got {got}, where none does: paint more of"
            f" {_listed(self.classes[lacking])}, further apart than that or in another image."
        )

    def _reason(self, training: np.ndarray, testing: np.ndarray) -> str:
        counts = ", ".join(f"{n:,} of '{name}'" for n, name in zip(self.strokes, self.classes, strict=True))
        text = f"{len(testing)} folds{'' if len(testing) == self.n_folds else f' instead of {self.n_folds}'} by {self.by}: "
        n_units = len(self._counts())
        if self.by == "image":
            text += f"all strokes of an image are held out together ({n_units} images; strokes: {counts})"
        elif self.by == "stroke":
            joined = f", neighbours together in {n_units} units" if n_units < self.strokes.sum() else ""
            text += f"whole strokes are held out ({counts}{joined})"
        else:
            text += f"strokes are few or large ({counts}), so regions of them are held out ({n_units} in all)"
        if self.by != "image":
            lost = 1 - training.sum() / (~testing).sum()
            never = int((~training.any(axis=0)).sum())
            text += f", and pixels within {self._reach()} of them do not train with them: {lost:.0%} of the others in a fold; {never:,} of {self.code.size:,} never train"
        return f"{text}.{self._untested(testing)}"

    def _untested(self, testing: np.ndarray) -> str:
        missed = np.bincount(self.code[~testing.any(axis=0)], minlength=len(self.classes))
        if not missed.any():
            return ""
        each = ", ".join(f"{n:,} of {np.sum(self.code == k):,} pixels of '{self.classes[k]}'" for k, n in enumerate(missed) if n)  # fmt: skip
        return f" Untested, as the gap would leave no pixels of some class to train on: {each}."


def _checked(gap: Sequence[int], n_folds: int) -> tuple[int, ...]:
    whole = (int, np.integer)
    check(
        isinstance(gap, (tuple, list, np.ndarray)) and len(gap) == 3 and all(isinstance(g, whole) and g >= 0 for g in gap),
        SettingError,
        "The 'gap' of stroke_folds must be three ints of at least 0, the reach of the largest filter along z, y and x in px. Got {} instead.",
        gap,
    )  # fmt: skip
    check(
        isinstance(n_folds, whole) and n_folds >= 2,
        SettingError,
        "The 'n_folds' of stroke_folds must be an int of at least 2. Got {} instead.",
        n_folds,
    )
    return tuple(int(g) for g in gap)


def _checked_pixels(image: Any, place: Any, labels: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return images, places and classes of the pixels; refuse what does not fit each other."""
    image, place, labels = np.asarray(image), np.asarray(place), np.asarray(labels)
    check(
        place.ndim == 2 and place.shape[1] == 4 and place.dtype.kind in "iu",
        DataError,
        "The places of painted pixels must be ints of shape (n_pixels, 4): t, z, y and x. Got {} of shape {} instead.",
        place.dtype,
        place.shape,
    )
    check(
        image.shape == labels.shape == (len(place),) and len(place) > 0,
        DataError,
        "Painted pixels must each have an image, a place and a class, and be at least 1. Got shapes {}, {} and {} instead.",
        image.shape,
        place.shape,
        labels.shape,
    )
    labels = labels.astype(str)
    check(
        (labels != "").all(),
        DataError,
        "Each painted pixel must have a class. Got {} without.",
        np.sum(labels == ""),
    )
    return image, place.astype(np.int64), labels


# ---- strokes ----
def _keys(scene: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return one int64 for each pixel, shape (n_pixels,), in which a step to a neighbour is a constant difference.

    Stretches without pixels are closed up to one empty line, so that the key of pixels far apart stays small.
    """
    z = place[:, 0] - place[:, 0].min()
    key = _closed_up(scene * (z.max() + 2) + z)
    for axis in (1, 2):
        line = _closed_up(place[:, axis])
        key = key * _width(line) + line
    return key


def _closed_up(values: np.ndarray) -> np.ndarray:
    """Return values with the same order and the same neighbours, from 0, and at most 2 apart."""
    found, inverse = np.unique(values, return_inverse=True)
    return np.concatenate([[0], np.cumsum(np.minimum(np.diff(found), 2))])[inverse.reshape(-1)]


def _width(line: np.ndarray) -> int:
    return int(line.max()) + 2  # an empty place behind the last, lest it neighbours the next line's first


def _refuse_doubles(key: np.ndarray, image: np.ndarray, place: np.ndarray) -> None:
    """Refuse pixels that are given twice; all are sorted by ``key``."""
    twice = np.flatnonzero(np.diff(key) == 0)
    if twice.size:
        t, z, y, x = place[twice[0]]
        raise DataError(
            f"Each painted pixel must be given once. Got the pixel at t {t}, z {z}, y {y}, x {x} of image {image[twice[0]]} twice."
        )


def _strokes(key: np.ndarray, place: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Return the number of each pixel's stroke, int64 of shape (n_pixels,); pixels are sorted by ``key``."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    height, width = (_width(_closed_up(place[:, axis])) for axis in (1, 2))
    pairs = []
    for dz, dy, dx in product((0, 1), (-1, 0, 1), (-1, 0, 1)):
        if (dz, dy, dx) <= (0, 0, 0) or (dz and np.ptp(place[:, 0]) == 0):
            continue  # each pair of neighbours is looked for from one side
        wanted = key + (dz * height + dy) * width + dx
        found = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
        there = np.flatnonzero((key[found] == wanted) & (code[found] == code))
        pairs.append((there, found[there]))
    a, b = (np.concatenate(side) for side in zip(*pairs, strict=True))
    graph = coo_array((np.ones(len(a), bool), (a, b)), shape=(len(key), len(key)))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _numbered(unit: np.ndarray) -> np.ndarray:
    return np.unique(unit, return_inverse=True)[1].reshape(-1)


def first_of(unit: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the value of the first pixel of each unit, shape (n_units,)."""
    return values[np.unique(unit, return_index=True)[1]]


def _means(unit: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.bincount(unit, weights=values) / np.bincount(unit)


def _boxes(unit: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest coordinates of each unit, float64 of shape (n_units, 3)."""
    order = np.argsort(unit, kind="stable")
    starts = np.searchsorted(unit[order], np.arange(unit.max() + 1))
    return np.minimum.reduceat(points[order], starts), np.maximum.reduceat(points[order], starts)


def _halved(points: np.ndarray, weight: np.ndarray, n_parts: int) -> np.ndarray:
    """Return the part of each point, int64 of shape (n_points,): halved across the longest side, again and again.

    Parts weigh about the same, and none is empty.
    """
    part = np.empty(len(points), np.int64)
    waiting = [(np.arange(len(points)), 0, n_parts)]
    while waiting:
        rows, first, n = waiting.pop()
        if n == 1:
            part[rows] = first
            continue
        side = np.argmax(np.ptp(points[rows], axis=0))
        rows = rows[np.argsort(points[rows, side], kind="stable")]
        n_first = n // 2
        until = np.cumsum(weight[rows])
        cut = int(np.searchsorted(until, until[-1] * n_first / n, "right"))
        cut = min(max(cut, n_first), len(rows) - (n - n_first))
        waiting += [(rows[:cut], first, n_first), (rows[cut:], first + n_first, n - n_first)]
    return part


def _deal(counts: np.ndarray, cost: np.ndarray, n_folds: int, random: np.random.Generator) -> np.ndarray:
    """Return the fold of each unit, int64 of shape (n_units,): classes even, and neighbours in one fold.

    Class after class, large units first, each unit goes to one of the folds that lack its classes most: to that
    where its neighbours are, since the gap costs nothing between pixels that are tested together. Then each
    chooses again, as the later ones had no place at first.

    Parameters
    ----------
    counts : ndarray of float64, shape (n_units, n_classes)
        Pixels of each class.
    cost : ndarray of float64, shape (n_units, n_units)
        What the gap costs where two units are in different folds.
    """
    total = counts.sum(axis=0)
    share = counts / total * n_folds  # in fair shares: 1 is what each fold should hold
    rank = np.argsort(np.argsort(-total, kind="stable"))[share.argmax(axis=1)]
    order = np.lexsort((random.permutation(len(counts)), -share.sum(axis=1), rank))
    tie = random.permutation(n_folds)
    held, fold = np.zeros((n_folds, counts.shape[1])), np.full(len(counts), -1)
    for unit in np.tile(order, SWEEPS):
        if fold[unit] >= 0:
            held[fold[unit]] -= share[unit]
            fold[unit] = -1
        uneven = 2 * held @ share[unit]  # growth of the squares of what folds hold
        too_uneven = np.maximum(uneven - uneven.min() - 2 * SLACK * share[unit].sum(), 0)
        placed = fold >= 0
        near = np.bincount(fold[placed], weights=cost[unit, placed], minlength=n_folds)
        # then to where the other classes are, so that a fold lacks no class that another has twice
        keys = (-held.sum(axis=1), uneven, -near, too_uneven)
        fold[unit] = np.lexsort((tie, *(key.round(9) for key in keys)))[0]
        held[fold[unit]] += share[unit]
    return fold


def _several(n: int, what: str, name: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'} of '{name}'"


def _listed(names: Iterable[str]) -> str:
    return " and ".join(f"'{name}'" for name in names)
