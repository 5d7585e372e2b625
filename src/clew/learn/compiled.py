"""A forest made ready for millions of rows: bytes for floats, and integers for sums, with the same answers.

A trained forest asks each feature about a few dozen thresholds. `CompiledForest.rank` turns a feature into the number
of thresholds below it, a byte a row (a *plane*), after which no tree needs the feature itself: features stream
through one after the other. `CompiledForest.classify` passes the planes down all trees. (Where a tree has more than 6
levels, the planes hold the features themselves as float32, and rows walk down the trees.)

Why the labels are those of `Forest.predict`, which sums float64 shares in the order of trees, n of them:

- A float32 lies above a float64 threshold just where it lies above the largest float32 that is not above that.
- The shares of each leaf become whole numbers of a unit, 2^-bits, that sum to exactly 1 (largest remainders), so each
  is off by at most e <= 1 units, and their sum by n e. The float64 sum is off by less than n 2^-21 units, since each of
  its n roundings moves a sum of less than 2^32 units by at most 2^-53 of it. So where the two largest whole sums are
  further apart than 2 n e + 1, the float64 sums are so too, by at least half a unit, which the division by n cannot
  level: both name one class. Where they are not, the row is summed in float64, in the order of trees.
- Where nothing was rounded (votes, pure leaves), whole sums and float64 sums are both exact, and unequal ones have
  unequal means: no row is in doubt, and at a tie both name the first class.

A probability is off by at most one unit (2^-24 for up to 255 trees, 2^-20 for 4,095, the most there may be) and the
rounding to float32, 2^-25: less than 1e-6 whatever the number of classes, as the last has exactly what others leave.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.learn.forest import Forest, votes

TILE = 8192  # rows whose sums are kept at a time; whole vectors of 64
MOST_BITS, MOST_TREES = 24, 4095


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class CompiledForest:
    """A forest for classes, ready for millions of rows; made by `CompiledForest.of`, safe to share among threads.

    Parameters
    ----------
    used : tuple of int
        The features that trees ask for, rising: only these must be measured.
    planes : int
        The number of planes: one a used feature, more where it has over 255 thresholds; at least 1.
    first_plane : dict of int to int
        Where the planes of each used feature begin.
    thresholds : dict of int to list of ndarray of float32
        For each used feature its sorted thresholds, a plane an array, filled up with inf to a multiple of 4; None
        where planes hold the features themselves, as a tree has more than 6 levels.
    n_classes, n_trees : int
        How many there are.
    total : int
        What the integer sums of a row add up to.
    margin : int
        Rows whose two largest sums are no further apart are summed once more in float64.
    nodes : tuple of ndarray
        What `clew.kernels.forest.add_leaves` takes, with planes for features.
    trees : tuple of ndarray
        What `sum_leaves` takes or, where planes hold the features themselves, `sum_walks`.
    """

    used: tuple[int, ...]
    planes: int
    first_plane: dict[int, int]
    thresholds: dict[int, list[np.ndarray]] | None
    n_classes: int
    n_trees: int
    total: int
    margin: int
    nodes: tuple[np.ndarray, ...]
    trees: tuple[np.ndarray, ...]

    @staticmethod
    def of(forest: Forest) -> CompiledForest:
        """Return the forest in the form for millions of rows.

        Raises
        ------
        DataError
            If it predicts numbers, has more than 4,095 trees, or leaves whose shares do not sum to 1.
        """
        from clew.kernels.forest import SINGLE

        check(
            forest.kind == "classification",
            DataError,
            "The forest to compile must tell classes apart. Got one that predicts {}.",
            forest.target_name,
        )
        check(
            forest.n_trees <= MOST_TREES,
            DataError,
            "The forest to compile must have at most {:,} trees. Got {:,}.",
            MOST_TREES,
            forest.n_trees,
        )
        value = votes(forest.value) if forest.combine == "vote" else forest.value
        check(
            (value >= 0).all() and np.abs(value.sum(axis=1) - 1).max() < 1e-9,
            DataError,
            "The leaves of the forest to compile must hold shares that sum to 1. Got others.",
        )
        bits = min(MOST_BITS, ((2**32 - 1) // forest.n_trees).bit_length() - 1)
        whole, error = _whole_shares(value, bits)
        error = error[forest.feature < 0].max()
        used = np.unique(forest.feature[forest.feature >= 0]).tolist()
        levels = _levels(forest)
        thresholds = _thresholds(forest, used) if levels <= SINGLE else None
        counts = [len(thresholds[feature]) if thresholds else 1 for feature in used]
        first_plane = dict(zip(used, np.cumsum([0, *counts]).tolist(), strict=False))
        plane, bound = _questions(forest, first_plane, ranked=levels <= SINGLE)
        flatten = _perfect if levels <= SINGLE else _walks
        return CompiledForest(
            used=tuple(used),
            planes=max(1, sum(counts)),
            first_plane=first_plane,
            thresholds=thresholds,
            n_classes=value.shape[1],
            n_trees=forest.n_trees,
            total=forest.n_trees << bits,
            margin=int(np.ceil(2 * forest.n_trees * error)) + 1 if error else -1,
            nodes=(plane, bound, forest.left, forest.right, value, forest.tree_start),
            trees=flatten(forest, levels, plane, bound, _words(whole)),
        )

    def empty_planes(self, n_rows: int) -> np.ndarray:
        """Return planes to be filled by `rank`, of shape (`planes`, ``n_rows`` made up to an odd multiple of 64).

        They are int8, or float32 where a tree has more than 6 levels, and begin at a multiple of 64 bytes, where vectors
        are loaded twice as fast; the odd multiple keeps planes from competing for the same places of the cache. Columns
        beyond ``n_rows`` are padding and may hold anything.
        """
        width = 64 * (-(-n_rows // 64) | 1)
        kind = np.dtype(np.int8 if self.thresholds is not None else np.float32)
        room = np.empty(self.planes * width * kind.itemsize + 63, np.uint8)
        start = -room.ctypes.data % 64
        return room[start : start + room.size - 63].view(kind).reshape(self.planes, width)

    def rank(self, feature: int, values: np.ndarray, planes: np.ndarray) -> None:
        """Fill the planes of a feature.

        Parameters
        ----------
        feature : int
            Its number among the features of the forest; one of `used`.
        values : ndarray of float32, shape (n_rows,)
            Its finite values; nan would count as lower than all thresholds.
        planes : ndarray, shape (`planes`, width)
            From `empty_planes`; the first ``n_rows`` columns of the planes of the feature are written.

        Raises
        ------
        SettingError
            If no tree asks for the feature, or the planes have no room for the rows.
        """
        from clew.kernels.forest import count_below

        values = np.ascontiguousarray(values, np.float32)
        check(
            feature in self.first_plane
            and planes.shape[0] == self.planes
            and values.shape <= planes.shape[1:],
            SettingError,
            "The feature to rank must be one of {}, and fit into {} planes. Got feature {} of shape {} and planes of shape {}.",
            self.used,
            self.planes,
            feature,
            values.shape,
            planes.shape,
        )
        first = self.first_plane[feature]
        if self.thresholds is None:
            planes[first, : values.size] = values
            return
        for plane, thresholds in enumerate(self.thresholds[feature], first):
            count_below(values, thresholds, planes[plane, : values.size])

    def classify(
        self, planes: np.ndarray, *, labels: np.ndarray | None = None, probability: np.ndarray | None = None
    ) -> None:
        """Write the class of each row, its probabilities, or both; the same bits for any tiling.

        Parameters
        ----------
        planes : ndarray, shape (`planes`, width)
            From `empty_planes`, and every used feature ranked.
        labels : ndarray of uint8 or uint16, shape (n_rows,), optional
            Overwritten with the place of the class among the forest's: the label of `Forest.predict` on every row.
        probability : ndarray of float32, shape (n_classes, n_rows), optional
            Overwritten with probabilities, within 1e-6 of those of `Forest.predict`.

        Raises
        ------
        SettingError
            If planes or results have another shape or type, or neither result is asked for.
        """
        from clew.kernels.forest import decide, shares, sum_leaves, sum_walks

        n_rows = self._rows(planes, labels, probability)
        add = sum_walks if self.thresholds is None else sum_leaves
        doubtful = np.empty(min(TILE, n_rows), np.int64)
        for start in range(0, n_rows, TILE):
            stop = min(start + TILE, n_rows)
            sums = np.empty((max(1, self.n_classes // 2), stop - start), np.uint64)
            add(planes, start, *self.trees, sums)
            if probability is not None:
                shares(sums, self.total, start, probability)
            if labels is not None:
                n = decide(sums, self.n_classes, self.total, self.margin, labels[start:stop], doubtful)
                if n:
                    rows = start + doubtful[:n]
                    labels[rows] = self._exact(planes[:, rows])

    def _exact(self, planes: np.ndarray) -> np.ndarray:
        """Return the classes of rows, planes of shape (n_planes, n_rows), as `Forest.predict` finds them."""
        from clew.kernels.forest import add_leaves

        sums = np.zeros((planes.shape[1], self.n_classes))
        add_leaves(np.ascontiguousarray(planes.T, np.float32), *self.nodes, sums)
        return (sums / self.n_trees).argmax(axis=1)

    def _rows(self, planes: np.ndarray, labels: np.ndarray | None, probability: np.ndarray | None) -> int:
        """Return the number of rows; refuse arrays that do not fit."""
        rows = {array.shape[-1] for array in (labels, probability) if array is not None}
        fits = (
            len(rows) == 1
            and planes.dtype == (np.float32 if self.thresholds is None else np.int8)
            and planes.flags.c_contiguous
            and planes.shape[0] == self.planes
            and planes.shape[1] % 64 == 0
            and planes.shape[1] >= max(rows)
        )
        if fits and labels is not None:
            holds = labels.dtype in (np.uint8, np.uint16) and self.n_classes - 1 <= np.iinfo(labels.dtype).max
            fits = holds and labels.ndim == 1
        if fits and probability is not None:
            fits = probability.dtype == np.float32 and probability.shape[:-1] == (self.n_classes,)
        if not fits:
            got = (
                "none" if one is None else f"{one.dtype} {one.shape}" for one in (planes, labels, probability)
            )
            raise SettingError(
                f"The arrays of classify must be planes from empty_planes, labels of uint8 or uint16 (n_rows,) that hold {self.n_classes} classes, and probability of float32 ({self.n_classes}, n_rows), at least one of the two. Got planes {next(got)}, labels {next(got)}, probability {next(got)}."
            )
        return max(rows)


# ---- thresholds ----
def _thresholds(forest: Forest, used: list[int]) -> dict[int, list[np.ndarray]]:
    """Return the sorted thresholds of each used feature, in parts of at most 255, filled up with inf."""
    from clew.kernels.forest import PER_PLANE

    limit, thresholds = _float32_below(forest.threshold), {}
    for feature in used:
        every = np.unique(limit[forest.feature == feature])
        parts = [every[i : i + PER_PLANE] for i in range(0, len(every), PER_PLANE)]
        thresholds[feature] = [np.pad(part, (0, -len(part) % 4), constant_values=np.inf) for part in parts]
    return thresholds


def _questions(forest: Forest, first_plane: dict[int, int], *, ranked: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the plane (n_nodes,) that each node asks for, -1 at a leaf, and the bound above which rows go right.

    Where planes hold ranks, the node of the j-th threshold of a plane (from 0) goes right if more than j thresholds
    lie below the value; ranks are kept less 128.
    """
    from clew.kernels.forest import PER_PLANE

    plane, bound = np.full(len(forest.feature), -1, np.int32), _float32_below(forest.threshold).astype(float)
    for feature, first in first_plane.items():
        nodes = np.flatnonzero(forest.feature == feature)
        place = np.unique(bound[nodes], return_inverse=True)[1] if ranked else np.zeros(len(nodes), int)
        plane[nodes] = first + place // PER_PLANE
        if ranked:
            bound[nodes] = place % PER_PLANE - 128
    return plane, bound


def _float32_below(threshold: np.ndarray) -> np.ndarray:
    """Return the largest float32 that is not above each threshold."""
    with np.errstate(over="ignore"):
        near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)


# ---- shares ----
def _whole_shares(value: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Return shares (n_nodes, n_classes) in whole units of 2^-bits that sum to 1, and their largest error a node."""
    exact = np.ldexp(value, bits)
    whole = np.floor(exact)
    missing = 2.0**bits - whole.sum(axis=1, keepdims=True)
    order = np.argsort(np.argsort(whole - exact, axis=1, kind="stable"), axis=1)  # largest remainder first
    whole += order < missing
    return whole.astype(np.int64), np.abs(whole - exact).max(axis=1)


def _words(whole: np.ndarray) -> np.ndarray:
    """Return all classes but the last, two to a word of 64 bits, uint64 of shape (n_words, n_nodes)."""
    n_nodes, n_classes = whole.shape
    words = np.zeros((max(1, n_classes // 2), n_nodes), np.uint64)
    for k in range(n_classes - 1):
        words[k // 2] |= whole[:, k].astype(np.uint64) << np.uint64(32 * (k % 2))
    return words


# ---- trees ----
def _levels(forest: Forest) -> int:
    """Return how many questions the longest way to a leaf has."""
    level, nodes = 0, forest.tree_start
    while len(nodes := nodes[forest.feature[nodes] >= 0]):
        level, nodes = level + 1, np.concatenate([forest.left[nodes], forest.right[nodes]])
    return level


def _perfect(
    forest: Forest, levels: int, plane: np.ndarray, bound: np.ndarray, words: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what `sum_leaves` takes: plane, bound and table of trees made perfect, two of 4 levels or one of 6 a byte.

    A leaf that comes early stands in all places below it, so that it does not matter what is asked there.
    """
    from clew.kernels.forest import PAIRED, SINGLE

    paired = levels <= PAIRED
    level, grid = forest.tree_start[:, None], []
    for _ in range(PAIRED if paired else SINGLE):
        grid.append(level)
        inner = forest.feature[level] >= 0
        sides = [np.where(inner, side[level], level) for side in (forest.left, forest.right)]
        level = np.stack(sides, axis=2).reshape(forest.n_trees, -1)
    node = np.concatenate(grid, axis=1)  # (n_trees, 15 or 63)
    asks = plane[node] >= 0
    plane, bound = np.where(asks, plane[node], 0), np.where(asks, bound[node], 0)
    table = words[:, level]  # (n_words, n_trees, 16 or 64)
    if paired:  # an odd tree is beside one that says nothing
        odd = ((0, forest.n_trees % 2), (0, 0))
        plane, bound = (np.pad(array, odd).reshape(-1, 2, 15) for array in (plane, bound))
        table = np.pad(table, ((0, 0), *odd))
        table = (table[:, 1::2, :, None] + table[:, ::2, None, :]).reshape(len(words), -1, 256)
    table = np.pad(table, ((0, 0), (0, -table.shape[1] % 4), (0, 0)))
    return plane.astype(np.int32), bound.astype(np.int8), table


def _walks(
    forest: Forest, levels: int, plane: np.ndarray, bound: np.ndarray, words: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Return what `sum_walks` takes: tree after tree, level after level, so that siblings stand side by side."""
    nodes, tree = [forest.tree_start], [np.arange(forest.n_trees)]
    while len(nodes[-1]):
        inner = forest.feature[nodes[-1]] >= 0
        parents = nodes[-1][inner]
        nodes.append(np.stack([forest.left[parents], forest.right[parents]], axis=1).ravel())
        tree.append(np.repeat(tree[-1][inner], 2))
    order = np.concatenate(nodes)[np.argsort(np.concatenate(tree), kind="stable")]
    place = np.empty(len(forest.feature), np.int32)
    place[order] = np.arange(len(order))
    inner = forest.feature[order] >= 0
    threshold = np.where(inner, bound[order], np.inf).astype(np.float32)
    column = np.where(inner, plane[order], 0).astype(np.int32)
    child = np.where(inner, place[forest.left[order]], np.arange(len(order))).astype(np.int32)
    return threshold, column, child, place[forest.tree_start], np.ascontiguousarray(words[:, order])
