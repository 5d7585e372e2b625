"""Objects that were cut into too many pieces are put together again, as strokes across some borders teach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.learn.painted import FromPaint, as_images, as_painted, check_one_each
from clew.measure.measured import counted
from clew.measure.segment import connected_pieces
from clew.measure.touching import borders, measure_touching
from clew.read.annotations import Annotation
from clew.read.images import Image
from clew.result import Result

MERGE, APART = "merge", "apart"  # painted as 1 and 2, as for APOC's ObjectMerger


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Merging(Result):
    """A label image in which pieces were put together.

    Parameters
    ----------
    labels : ndarray of int32, shape (Y, X)
        Merged objects have the smallest number of their pieces; all others keep theirs.
    pair : ndarray of int32, shape (n_pairs, 2)
        The numbers of the objects that touch.
    probability : ndarray of float64, shape (n_pairs,)
        How likely it is that they are one.
    merged : ndarray of bool, shape (n_pairs,)
        Whether the forest says that they are one.
    notes : list of str
    """

    labels: np.ndarray
    pair: np.ndarray
    probability: np.ndarray
    merged: np.ndarray
    notes: list[str]

    def headline(self) -> str:
        """Say how many pairs were merged."""
        return f"{int(self.merged.sum())} of {counted(len(self.pair), 'touching pair')} merged"

    def summary(self) -> dict[str, Any]:
        """Return the numbers of pairs and objects."""
        n_objects = len(np.unique(self.labels[self.labels > 0]))
        return {"pairs": len(self.pair), "merged": int(self.merged.sum()), "objects": n_objects}


class ObjectMerger(FromPaint):
    """Learn from strokes which touching objects are pieces of one.

    A stroke of 1 that crosses the border between two objects says that they are one; a stroke of 2 that they are not.

    Parameters
    ----------
    features : str or list of str
        What to learn from: "all", or names of features of `measure_touching`.
    trees, depth, random_state
        As for `ObjectClassifier`.

    Attributes
    ----------
    forest_, classes_, feature_names_, feature_importances_
        As of `ObjectClassifier`.
    samples_ : Samples
        The pairs that strokes say something about, labelled "merge" or "apart".

    Notes
    -----
    After the ObjectMerger of APOC (Robert Haase, https://github.com/haesleinhuepf/apoc): the same strokes, a forest on
    the same and further features of the common border.
    """

    mark = "pairs"

    def __init__(
        self,
        *,
        features: str | list[str] = "all",
        trees: int = 100,
        depth: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.features, self.trees, self.depth, self.random_state = features, trees, depth, random_state

    def fit(
        self,
        images: Sequence[Image | np.ndarray],
        label_images: Sequence[np.ndarray],
        annotations: Sequence[np.ndarray | Annotation],
    ) -> ObjectMerger:
        """Learn from strokes across borders.

        Parameters
        ----------
        images : sequence of Image, or of ndarray of shape (Y, X) or (C, Y, X)
        label_images : sequence of ndarray of int, shape (Y, X)
            Objects, cut into too many pieces.
        annotations : sequence of Annotation, or of ndarray of int, shape (Y, X)
            1 across borders that should go, 2 across those that should stay, 0 elsewhere.

        Raises
        ------
        DataError
            If shapes do not fit, no objects touch, no stroke crosses a border, or all say the same.
        """
        check_one_each(images, label_images, annotations)
        measured = measure_touching(as_images(images), list(label_images))
        names, origin = list(measured.label_images), measured.samples.origin
        said: dict[tuple[str, int, int], int] = {}
        notes: list[str] = []
        for name, annotation in zip(names, annotations):
            crossed, remarks = _crossed(measured.label_images[name], annotation)
            said |= {(name, *pair): number for pair, number in crossed.items()}
            notes += [f"{name}: {remark}" for remark in remarks]
        pairs = origin[["source", "label_a", "label_b"]].itertuples(index=False, name=None)
        labels = np.array([("", MERGE, APART)[said.get(pair, 0)] for pair in pairs], dtype=str)
        check(
            (labels != "").any(),
            DataError,
            "The annotation must cross the border between two objects that touch. Got no such stroke.",
        )
        self._learn(measured, labels, {"kind": "image", "pairs": "touching", **measured.settings}, notes)
        return self

    def predict(self, image: Image | np.ndarray, label_image: np.ndarray) -> Merging:
        """Merge the touching objects of an image that are pieces of one.

        Raises
        ------
        DataError
            If the image has other channels, units or depth than those of the training, or no objects touch.
        """
        measured = measure_touching(as_images([image]), [label_image])
        samples = self._rows(measured)
        said = self.forest_.predict(samples)
        pair = samples.origin[["label_a", "label_b"]].to_numpy(np.int32)
        merged = np.asarray(said.label) == MERGE
        labels, became = _union(np.asarray(label_image), pair, merged)
        across = int((~merged & (became[:, 0] == became[:, 1])).sum())
        notes = [*measured.notes, *self.forest_.outside(samples)]
        if across:
            notes.append(f"{counted(across, 'pair')} said to be apart became one through a third object.")
        return Merging(
            labels=labels,
            pair=pair,
            probability=np.asarray(said.probability)[:, said.classes.index(MERGE)],
            merged=merged,
            notes=notes,
        )


def _crossed(
    labels: np.ndarray, annotation: np.ndarray | Annotation
) -> tuple[dict[tuple[int, int], int], list[str]]:
    """Return the highest number of the strokes across the border of each pair of objects (a < b), and remarks."""
    painted = as_painted(annotation, labels.shape)
    check(
        painted.max(initial=0) <= 2,
        DataError,
        "The annotation of ObjectMerger must be 1 across borders that should go and 2 across those that should stay. Got {}.",
        painted.max(initial=0),
    )
    here, there = borders(labels, corners=True)  # a thin stroke may cross from corner to corner
    flat, paint = labels.ravel(), painted.ravel()
    across = (flat[here] > 0) & (flat[there] > 0) & (paint[here] > 0) & (paint[here] == paint[there])
    here, there = here[across], there[across]
    found = np.column_stack(
        [np.minimum(flat[here], flat[there]), np.maximum(flat[here], flat[there]), paint[here]]
    )
    rows = np.unique(found, axis=0)  # rising, so the highest number of a pair comes last and stands
    crossed = {(int(a), int(b)): int(number) for a, b, number in rows}
    remarks = []
    if len(rows) > len(crossed):
        remarks.append(
            f"{counted(len(rows) - len(crossed), 'pair')} crossed by both kinds of stroke: taken as apart."
        )
    strokes = sum(connected_pieces(painted == number)[1] for number in (1, 2))
    crossing = sum(
        len(np.unique(connected_pieces(painted == number)[0].ravel()[here[paint[here] == number]]))
        for number in (1, 2)
    )
    if crossing < strokes:
        remarks.append(f"{counted(strokes - crossing, 'stroke')} without a border to cross.")
    return crossed, remarks


def _union(labels: np.ndarray, pair: np.ndarray, merged: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Put the merged pairs together; return the labels, and what the numbers of each pair (n_pairs, 2) became."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    values, of_value = np.unique(labels, return_inverse=True)
    place = np.searchsorted(values, pair)
    a, b = place[merged].T
    links = coo_array((np.ones(len(a)), (a, b)), shape=(len(values), len(values)))
    _, group = connected_components(links, directed=False)
    _, smallest = np.unique(group, return_index=True)  # values rise, so the first of a group is its smallest
    number = values[smallest[group]].astype(np.int32)
    return number[of_value].reshape(labels.shape), number[place]
