"""What the exact Shapley values of a forest need that is the same for all rows, tabulated once.

Every part of a forest answers one question, ``add(features, values)``: add what its trees give each feature of rows, where
features lie along the first axis. Path-dependent parts hold what an answer does to the products along a path (a few
numbers a question); interventional ones hold what a piece of a tree says for every set of answers, so that rows cost the
same whatever the size of the background; and where such tables would be too large, rows meet the background one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Literal, Protocol, TypeVar

import numpy as np

from clew.errors import DataError, check

Method = Literal["path", "interventional"]
SAYS = {
    "path": "Tells how the answer moves as features become known: those not yet known are averaged over training rows "
    "like this one. So features that go together share credit.",
    "interventional": "Tells how the answer moves as features become known: those not yet known are taken from other "
    "rows, whatever goes with them. So only features that the forest asks get credit, and rows may be mixed as never occur.",
}
T = TypeVar("T")
BLOCK, FEW = (
    2048,
    32,
)  # rows at a time: their values stay in the cache; those that meet a background take their time
PART = 64 * 2**20  # bytes of tables that rows stream through at a time
ANSWERS, MOST_ANSWERS = 9, 14  # of a piece; of a leaf that has more features above it


class Part(Protocol):
    """Some trees of a forest, ready to be asked."""

    rows: int  # to hand to it at a time

    def add(self, features: np.ndarray, values: np.ndarray) -> None:
        """Add the Shapley values of rows, float64 (n_outputs, n_used, n_rows); features are float32 (n_used, n_rows)."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A forest as the parts need it, checked.

    Parameters
    ----------
    feature : ndarray of int32, shape (n_nodes,)
        The place in `used` of the feature that a node asks for; -1 at a leaf.
    threshold : ndarray of float32, shape (n_nodes,)
        The largest float32 not above the threshold: a float32 lies above both or neither.
    left, right : ndarray of int32, shape (n_nodes,)
    value : ndarray of float64, shape (n_nodes, n_outputs)
        What a leaf says: shares, votes or numbers, of all outputs.
    cover : ndarray of float64, shape (n_nodes,)
    roots, ends : ndarray of int32, shape (n_trees,)
        Where the nodes of each tree begin and end.
    used : ndarray of int32, shape (n_used,)
        The features that trees ask for, rising.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray
    cover: np.ndarray
    roots: np.ndarray
    ends: np.ndarray
    used: np.ndarray

    @staticmethod
    def of(forest: Any, *, method: Method) -> Frame:
        """Return the frame of a forest, or refuse it.

        Raises
        ------
        DataError
            If there are no trees, or they lead astray, or leaves say what is no number, or nobody came by.
        """
        roots = np.array(forest.tree_start, np.int32)
        check(len(roots), DataError, "The forest to explain must have at least one tree. Got none.")
        feature, n_nodes = np.asarray(forest.feature, np.int32), len(forest.feature)
        inner, here = feature >= 0, np.arange(n_nodes)
        left, right = (
            np.array(forest.left, np.int32),
            np.array(forest.right, np.int32),
        )  # writable: one type to compile for
        ends = np.append(roots[1:], n_nodes).astype(np.int32)
        end = np.repeat(ends, ends - roots) if roots[0] == 0 and (ends > roots).all() else here
        sound = (
            len(end) == n_nodes
            and all(((side > here) & (side < end))[inner].all() for side in (left, right))
            and (feature < len(forest.feature_names)).all()
            and np.isfinite(forest.threshold)[inner].all()
        )
        check(
            sound,
            DataError,
            "The trees of the forest to explain must lead on to their own leaves. Got nodes that lead astray.",
        )
        value = np.array(forest.value, np.float64)
        bad = int((~np.isfinite(value[~inner])).any(axis=1).sum())
        check(
            not bad,
            DataError,
            "The leaves of the forest to explain must say finite numbers. Got {} that do not.",
            bad,
        )
        if forest.combine == "vote":
            value = np.eye(value.shape[1])[value.argmax(axis=1)]
        cover = np.array(forest.cover, np.float64)
        if method == "path":
            _check_cover(cover, left[inner], right[inner], cover[inner])
        used = np.unique(feature[inner])
        return Frame(
            feature=np.where(inner, np.searchsorted(used, feature), -1).astype(np.int32),
            threshold=_single(np.asarray(forest.threshold, np.float64)),
            left=left,
            right=right,
            value=value,
            cover=cover,
            roots=roots,
            ends=ends,
            used=used,
        )

    @property
    def n_trees(self) -> int:
        """Return the number of trees."""
        return len(self.roots)

    def sums_to_one(self) -> bool:
        """Tell whether leaves hold shares, so that the last output follows from the others."""
        says = self.value[self.feature < 0]
        return says.shape[1] > 1 and bool(np.abs(says.sum(axis=1) - 1).max() < 1e-12)

    def expected(self) -> np.ndarray:
        """Return what the forest says where no feature is known, float64 (n_outputs,): by its training rows."""
        from clew.kernels.shapley import average_leaves

        mean = average_leaves(self.feature, self.left, self.right, self.cover, self.value)
        return mean[self.roots].sum(axis=0) / self.n_trees

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Return what the forest says of rows, float64 (n_rows, n_outputs); features are float32 (n_used, n_rows)."""
        from clew.kernels.forest import add_leaves

        rows, out = np.ascontiguousarray(features.T), np.zeros((features.shape[1], self.value.shape[1]))
        nodes = (self.feature, self.threshold.astype(np.float64), self.left, self.right)
        add_leaves(rows, *nodes, self.value, self.roots, out)
        return out / self.n_trees


def _check_cover(cover: np.ndarray, left: np.ndarray, right: np.ndarray, own: np.ndarray) -> None:
    empty = int((~(cover > 0)).sum())
    check(
        not empty,
        DataError,
        "Every node of a forest must have been reached by training rows to be explained by 'path'. Got {} with a cover of 0; 'interventional' does not need it.",
        empty,
    )
    check(
        np.allclose(cover[left] + cover[right], own, rtol=1e-6),
        DataError,
        "The cover of each node of the forest to explain must be the sum of those below. Got others.",
    )


def _single(threshold: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        single = threshold.astype(np.float32)
    return np.where(single > threshold, np.nextafter(single, np.float32(-np.inf)), single).astype(np.float32)


# ---- path-dependent ----
@dataclass(frozen=True, eq=False)
class PathPart:
    """Trees, and what each answer does to the products along a path; see `clew.kernels.shapley.explain_path`."""

    arrays: tuple[Any, ...]
    rows = BLOCK

    def add(self, features: np.ndarray, values: np.ndarray) -> None:
        """Add path-dependent Shapley values."""
        from clew.kernels.shapley import explain_path

        explain_path(features, values, *self.arrays)


def path_parts(frame: Frame, outputs: list[int]) -> list[Callable[[], PathPart]]:
    """Return what makes each part of a forest, for the path-dependent values of some outputs."""
    from clew.kernels import shapley as kernel

    own = frame.feature, frame.left, frame.right
    paths = kernel.look_up_paths(frame.feature, frame.threshold, frame.left, frame.right, frame.cover)
    trees: list[_Tree] = []
    for root, end in zip(frame.roots, frame.ends, strict=True):
        if frame.feature[root] >= 0:  # a single leaf depends on no feature
            t, weight = integral(int(paths.depth[root:end].max()), kernel.POINTS)
            plan = kernel.plan_tree(root, end, *own, paths.height)
            trees.append(_Tree(plan, t, weight / frame.n_trees))
    says = np.ascontiguousarray(frame.value[:, outputs].T)
    groups = _groups(trees, [8 * len(says) * tree.size for tree in trees])
    return [partial(_path_part, group, says, frame, paths) for group in groups]


def _groups(items: Sequence[T], n_bytes: Sequence[int]) -> Iterator[list[T]]:
    """Put items together, in order, until their tables fill a part."""
    group: list[T] = []
    taken = 0
    for item, size in zip(items, n_bytes, strict=True):
        if group and taken + size > PART:
            yield group
            group, taken = [], 0
        group.append(item)
        taken += size
    if group:
        yield group


@dataclass(frozen=True, eq=False)
class _Tree:
    """One tree: its plan, and the points of the integral with their weights, both (n_passes, POINTS)."""

    plan: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
    t: np.ndarray
    weight: np.ndarray

    @property
    def size(self) -> int:
        """Return the numbers in its tables, for one output."""
        return 5 * self.t.size * len(self.plan[3])


@cache
def integral(degree: int, together: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points and weights, float64 (n, together), that integrate products of below ``degree`` terms from 0 to 1 exactly.

    Gauss and Legendre's; n points for polynomials of degree 2 n - 1.
    """
    n = -(-degree // 2)
    n = -(-n // together) * together
    t, weight = np.polynomial.legendre.leggauss(n)
    return ((t + 1) / 2).reshape(-1, together), (weight / 2).reshape(-1, together)


def _path_part(trees: list[_Tree], says: np.ndarray, frame: Frame, paths: Any) -> PathPart:
    """Return trees one after the other, with their tables for each output, as `explain_path` takes them."""
    from clew.kernels.shapley import tabulate_path

    passes, weights, tables, step, place, begin = [], [], [], 0, 0, 0
    for tree in trees:
        kind, _, first, places = tree.plan
        ends = step + len(kind), place + len(places)
        for output, value in enumerate(says):
            for t, weight in zip(tree.t, tree.weight, strict=True):
                table = np.empty((len(places), 5, len(t)))
                tabulate_path(kind, first, places, frame.left, frame.right, paths.share, value, t, table)
                passes.append((output, step, ends[0], place, ends[1], begin))
                weights.append(weight)
                tables.append(table.reshape(len(places), -1))
                begin += len(places)
        step, place = ends
    steps = np.concatenate([np.stack(tree.plan[:3]) for tree in trees], axis=1)
    places = np.concatenate([tree.plan[3] for tree in trees])
    node, asks = np.maximum(places, 0), places >= 0
    column = np.where(asks, frame.feature[node], 0).astype(np.int32)
    any_does = np.array([-np.inf, np.inf, np.inf], np.float32)  # where a subtree is filled up
    bounds = np.where(asks[:, None], paths.bounds[node], any_does)
    again = asks & (np.isfinite(bounds[:, [0, 2]]).any(axis=1) | (paths.share[node, 0] < 1))
    known = np.array(passes, np.int64), np.array(weights), np.concatenate(tables)
    return PathPart((*known, steps, column, bounds, again.astype(np.uint8), int(steps[1].max()) + 1))


# ---- interventional ----
@dataclass(frozen=True, eq=False)
class PiecePart:
    """Pieces of trees, and what each says for every set of answers; see `clew.kernels.shapley_background`."""

    arrays: tuple[np.ndarray, ...]
    rows = BLOCK

    def add(self, features: np.ndarray, values: np.ndarray) -> None:
        """Add interventional Shapley values."""
        from clew.kernels.shapley_background import explain_pieces

        explain_pieces(features, values, *self.arrays)


@dataclass(frozen=True, eq=False)
class PairPart:
    """Trees, and a background that rows meet one by one."""

    frame: Frame
    background: np.ndarray  # (n_background, n_used)
    value: np.ndarray  # (n_nodes, n_outputs)
    weight: np.ndarray
    rows = FEW

    def add(self, features: np.ndarray, values: np.ndarray) -> None:
        """Add interventional Shapley values."""
        from clew.kernels.shapley_background import explain_against

        frame, rows = self.frame, np.ascontiguousarray(features.T)
        out = np.zeros((*rows.shape, len(values)))
        nodes = (frame.feature, frame.threshold, frame.left, frame.right, self.value, frame.roots)
        scale = 1 / len(self.background) / frame.n_trees
        explain_against(rows, self.background, *nodes, self.weight, scale, out)
        values += out.transpose(2, 1, 0)


@dataclass(frozen=True, eq=False)
class _Piece:
    """A node, the answers that its leaves depend on, and the columns that they bear on."""

    node: int
    asked: np.ndarray
    bounds: np.ndarray
    question: np.ndarray
    slots: np.ndarray

    @property
    def n_questions(self) -> int:
        """Return the number of questions within."""
        return int((self.question >= 0).sum())

    def size(self, n_outputs: int) -> int:
        """Return the numbers in its table."""
        return n_outputs * len(self.slots) * 2 ** len(self.asked)


class Pieces:
    """The pieces into which a forest is cut for a background: what their tables take, and the tables.

    Parameters
    ----------
    frame : Frame
    background : ndarray of float32, shape (n_used, n_background)
    outputs : list of int
    """

    def __init__(self, frame: Frame, background: np.ndarray, outputs: list[int]) -> None:
        from clew.kernels import shapley_background as kernel
        from clew.kernels.shapley import look_up_paths

        self.frame, self.background = frame, background
        self.value = np.ascontiguousarray(frame.value[:, outputs])
        own = frame.feature, frame.threshold, frame.left, frame.right
        paths = look_up_paths(*own, np.ones(len(frame.cover)))
        self.parent, self.deepest = paths.parent, int(paths.depth.max())
        self.weight = kernel.beta_weights(self.deepest + 1)
        self.pieces: list[_Piece] = []
        if self.deepest > MOST_ANSWERS:
            return
        for root in frame.roots[frame.feature[frame.roots] >= 0]:
            for node in kernel.cut_tree(root, frame.feature, frame.left, frame.right, paths.depth, ANSWERS):
                asked, bounds, question = kernel.list_answers(node, *own, self.parent)
                self.pieces.append(_Piece(int(node), asked, bounds, question, np.unique(asked)))

    def parts(self, n_rows: int) -> list[Callable[[], Part]]:
        """Return what makes each part: tables, or where these take longer than the rows themselves, none."""
        if self.deepest > MOST_ANSWERS or self._nanoseconds(n_rows) > self._nanoseconds_in_pairs(n_rows):
            return [self._pairs]
        n_outputs = self.value.shape[1]
        groups = _groups(self.pieces, [8 * one.size(n_outputs) for one in self.pieces])
        return [partial(self._part, group) for group in groups]

    def _nanoseconds(self, n_rows: int) -> float:
        """Return about how long tables take: to look up what rows are told, and to make them."""
        look_up = sum(len(one.slots) * self.value.shape[1] + len(one.asked) for one in self.pieces)
        make = sum(2.0 ** len(one.asked) * len(one.asked) * (one.n_questions + 1) for one in self.pieces)
        count = len(self.frame.feature) / 2 * self.background.shape[1] * self.deepest
        return n_rows * look_up + 2 * (make + count)

    def _nanoseconds_in_pairs(self, n_rows: int) -> float:
        return 60.0 * n_rows * self.background.shape[1] * self.frame.n_trees * self.deepest

    def _part(self, pieces: list[_Piece]) -> PiecePart:
        from clew.kernels.shapley_background import tabulate_piece

        frame, n_outputs = self.frame, self.value.shape[1]
        own = frame.feature, frame.threshold, frame.left, frame.right, self.parent
        place = []
        answer = slot = begin = 0
        tables = np.zeros(sum(one.size(n_outputs) for one in pieces))
        for one in pieces:
            table = tables[begin : begin + one.size(n_outputs)].reshape(-1, n_outputs, len(one.slots))
            column = np.searchsorted(one.slots, one.asked).astype(np.int32)
            known = one.node, one.asked, one.question, column, self.background
            tabulate_piece(*known, *own, self.value, self.weight, 1 / frame.n_trees, table)
            place.append((answer, answer + len(one.asked), slot, slot + len(one.slots), begin))
            answer, slot, begin = answer + len(one.asked), slot + len(one.slots), begin + table.size
        return PiecePart(
            (
                np.array(place, np.int64),
                np.concatenate([one.asked for one in pieces]),
                np.concatenate([one.bounds for one in pieces]),
                np.concatenate([one.slots for one in pieces]),
                tables,
            )
        )

    def _pairs(self) -> PairPart:
        """Return the part that needs no tables."""
        rows = np.ascontiguousarray(self.background.T)
        return PairPart(self.frame, rows, self.value, self.weight)
