"""How good is a classifier of painted pixels? Neighbouring pixels are nearly copies, so whole strokes are held out.

A pixel's features are read from its surroundings. Shuffled pixels have their neighbours on the other side, and a
classifier that has learnt a stroke by heart scores as well as one that has learnt the class. Here strokes, regions
of large ones, or whole images are tested in turn (`stroke_folds`), and the naive figure is given beside the honest one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.intervals import number
from clew.learn.stroke_folds import Division, first_of
from clew.learn.training import train
from clew.result import Result, step
from clew.samples import Samples
from clew.splits import spread_over_groups
from clew.validate.metrics import Scores, scores

FitPredict = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

HELD_OUT = {"stroke": "strokes", "region": "regions", "image": "images"}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class StrokeValidation(Result):
    """How well painted pixels are predicted from other strokes, and what shuffled pixels would have said.

    Parameters
    ----------
    scores : Scores
        Every figure of the tested pixels, each predicted without its stroke and what lies within the gap of it;
        with intervals over what was held out.
    naive : Scores
        The figures of the same pixels and the same classifier where single pixels are dealt to as many folds; its
        intervals take pixels as independent, as that practice does.
    truth, predicted : ndarray of str, shape (n_pixels,)
        The class of each pixel and what was predicted; "" where a pixel could not be tested.
    unit : ndarray of int64, shape (n_pixels,)
        What the intervals of `scores` take as independent: the number of the image, the stroke (or of neighbouring
        strokes that are held out together), or, of a class of less than four strokes, the region.
    fold : ndarray of int64, shape (n_pixels,)
        The fold that tested each pixel; -1 where none did.
    pixels : dict of str to dict
        For each class "pixels", "share" (of all pixels), "strokes" and "untested" (pixels).
    split : dict
        How the pixels were divided: "by", "reason", "folds", "gap".
    baselines : dict of str to dict
        The same figures for the "commonest_class" of the training pixels, and for labels "permuted" among strokes.
    warnings : list of str
        What to mind when reading the figures.
    """

    scores: Scores
    naive: Scores
    truth: np.ndarray
    predicted: np.ndarray
    unit: np.ndarray
    fold: np.ndarray
    pixels: dict[str, dict[str, Any]]
    split: dict[str, Any]
    baselines: dict[str, dict[str, float | None]]
    warnings: list[str]

    def headline(self) -> str:
        """Say the honest figure, and what shuffled pixels would have said."""
        honest, naive = (one.metrics["balanced_accuracy"] for one in (self.scores, self.naive))
        ends = f" [{honest.low:.2f}, {honest.high:.2f}]" if np.isfinite(honest.low) else ""
        held_out = HELD_OUT[self.split["by"]]
        return f"balanced accuracy {honest.value:.2f}{ends} on held-out {held_out}; shuffled pixels would have said {naive.value:.2f}"

    def summary(self) -> dict[str, Any]:
        """Return every figure, the naive ones beside it, how the pixels were divided, and the baselines."""
        return self.scores.summary() | {
            "naive": {name: one.summary() for name, one in self.naive.metrics.items()},
            "pixels": self.pixels,
            "split": dict(self.split),
            "baselines": self.baselines,
            "warnings": list(self.warnings),
        }


@step(sees="open")
def validate_strokes(
    features: np.ndarray,
    labels: np.ndarray,
    image: np.ndarray,
    place: np.ndarray,
    *,
    classifier: FitPredict | Mapping[str, Any],
    gap: Sequence[int],
    n_folds: int = 5,
    train_pixels: int | None = None,
    permutations: int = 3,
    random_state: int = 0,
) -> StrokeValidation:
    """Validate a classifier of painted pixels on strokes that it was not trained on, beside shuffled pixels.

    Parameters
    ----------
    features : ndarray of float, shape (n_pixels, n_features)
        What the filters say of each pixel.
    labels : ndarray of str, shape (n_pixels,)
        Its class. Classes keep their shares: nothing is balanced away.
    image, place
        Where each pixel lies, as for `stroke_folds`.
    classifier : dict, or callable
        Settings of `clew.learn.training.train`, such as ``{"trees": 100, "depth": 4}``; or what takes training
        features, training labels and test features and returns the predicted labels. All that learns from data
        must happen inside.
    gap, n_folds
        As for `stroke_folds`.
    train_pixels : int, optional
        The largest number of pixels to train on in a fold, drawn from all strokes by their share, and said; all by
        default. All pixels are tested in any case.
    permutations : int
        The number of times that strokes exchange their classes within folds, for the baseline; 0 for none.
    random_state : int
        Decides the folds, the drawing of training pixels, and the permutations.

    Raises
    ------
    SettingError
        If `train_pixels` is below 2, `permutations` below 0, or as for `stroke_folds`.
    DataError
        If the rows do not fit each other, or as for `stroke_folds`.

    Notes
    -----
    Strokes that train together make the same mistakes, which an interval over strokes cannot see (Bengio &
    Grandvalet, JMLR 5 (2004) 1089): where strokes got their classes by chance, 87 to 93 of 100 intervals held 0.5.
    """
    features, labels = np.asarray(features), np.asarray(labels).astype(str)
    check(
        features.ndim == 2 and len(features) == len(labels),
        DataError,
        "The features of validate_strokes must be a table with a row for each of the {} labels. Got the shape {} instead.",
        len(labels),
        features.shape,
    )
    check(
        train_pixels is None or train_pixels >= 2,
        SettingError,
        "The 'train_pixels' of validate_strokes must be at least 2. Got {} instead.",
        train_pixels,
    )
    check(
        permutations >= 0,
        SettingError,
        "The 'permutations' of validate_strokes must be at least 0. Got {} instead.",
        permutations,
    )
    division = Division(image, place, labels, gap=gap, n_folds=n_folds, random_state=random_state)
    trial = _Trial(features, division.unit, classifier, train_pixels, random_state)
    parts, classes = division.folds, [str(name) for name in division.classes]
    tested = np.asarray(parts.test.any(axis=0))
    predicted = trial.predict(labels, parts.train, parts.test)
    shuffled = _shuffled(division.code, parts.n_folds, random_state)
    naive = trial.predict(labels, ~shuffled, shuffled)

    def scored(truth: np.ndarray, said: np.ndarray, groups: np.ndarray | None = None) -> Scores:
        return scores(truth[tested], said[tested], classes=classes, groups=groups)

    found = scored(labels, predicted, division.independent[tested])
    return StrokeValidation(
        scores=found,
        naive=scored(labels, naive),
        truth=labels,
        predicted=predicted,
        unit=division.independent,
        fold=np.where(tested, parts.test.argmax(axis=0), -1),
        pixels=_pixels(division, tested),
        split=parts.summary(),
        baselines=_baselines(trial, division, labels, scored, permutations),
        warnings=[*_caveats(division), *_said_cap(parts.train, train_pixels), *found.warnings],
    )


@dataclass(frozen=True)
class _Trial:
    """A classifier that is tried on one table of features with several labels and folds."""

    features: np.ndarray
    unit: np.ndarray
    classifier: FitPredict | Mapping[str, Any]
    train_pixels: int | None
    random_state: int

    def predict(self, labels: np.ndarray, training: np.ndarray, testing: np.ndarray) -> np.ndarray:
        """Return what each pixel is predicted to be in the fold that tests it; "" where none does."""
        predicted = np.zeros_like(labels)
        for trains, tested in zip(training, testing, strict=True):
            rows = self._drawn(np.flatnonzero(trains))
            if (labels[rows] == labels[rows[0]]).all():  # permuted labels may leave one class
                predicted[tested] = labels[rows[0]]
            else:
                predicted[tested] = self._fit_predict(
                    self.features[rows], labels[rows], self.features[tested]
                )
        return predicted

    def _drawn(self, rows: np.ndarray) -> np.ndarray:
        if self.train_pixels is None:
            return rows
        return rows[spread_over_groups(self.unit[rows], self.train_pixels, random_state=self.random_state)]

    def _fit_predict(self, features: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
        if callable(self.classifier):
            return self.classifier(features, labels, test)
        label = train(_as_samples(features, labels), **self.classifier).predict(test).label
        assert label is not None
        return label


def _as_samples(features: np.ndarray, labels: np.ndarray) -> Samples:
    """Return pixels as the forest takes them."""
    import pandas as pd

    n_rows, n_features = features.shape
    names = np.arange(n_rows).astype(str)
    return Samples(
        features=features,
        feature_names=tuple(f"feature {i}" for i in range(n_features)),
        units=("",) * n_features,
        sample=names,
        origin=pd.DataFrame({"source": ["pixels"] * n_rows}),
        group=names,
        labels=labels,
    )


def _shuffled(code: np.ndarray, n_folds: int, random_state: int) -> np.ndarray:
    """Return the tested pixels where single pixels are dealt, class after class: bool of shape (n_folds, n_pixels)."""
    order = np.random.default_rng(random_state).permutation(code.size)
    order = order[np.argsort(code[order], kind="stable")]
    part = np.empty(code.size, np.int64)
    part[order] = np.arange(code.size) % n_folds
    return part == np.arange(n_folds)[:, None]


def _baselines(
    trial: _Trial,
    division: Division,
    labels: np.ndarray,
    scored: Callable[[np.ndarray, np.ndarray], Scores],
    permutations: int,
) -> dict[str, dict[str, float | None]]:
    """Return the figures of what looks at no feature, and of the classifier where strokes exchanged their classes.

    They exchange within their fold: else a fold would train on less of what it tests, and fall below chance.
    """
    parts = division.folds
    commonest = np.zeros_like(labels)
    for trains, tested in zip(parts.train, parts.test, strict=True):
        commonest[tested] = division.classes[np.bincount(division.code[trains]).argmax()]
    found = {"commonest_class": [scored(labels, commonest).metrics]}
    painted = division.stroke if division.by == "image" else division.unit  # each is of one class
    each, fold = first_of(painted, labels), first_of(painted, division.part)
    random = np.random.default_rng(trial.random_state)
    for _ in range(permutations):
        order = np.lexsort((random.random(len(fold)), fold))
        mixed = np.empty_like(each)
        mixed[np.argsort(fold, kind="stable")] = each[order]
        said = trial.predict(mixed[painted], parts.train, parts.test)
        found.setdefault("permuted", []).append(scored(mixed[painted], said).metrics)
    return {
        name: {key: number(float(np.mean([one[key].value for one in runs]))) for key in runs[0]}
        for name, runs in found.items()
    }


def _pixels(division: Division, tested: np.ndarray) -> dict[str, dict[str, Any]]:
    told = {}
    for k, name in enumerate(division.classes):
        mine = division.code == k
        told[str(name)] = {
            "pixels": int(mine.sum()),
            "share": float(mine.mean()),
            "strokes": int(division.strokes[k]),
            "untested": int((mine & ~tested).sum()),
        }
    return told


def _caveats(division: Division) -> list[str]:
    """Say what the interval is over, and what it says nothing about."""
    n_images, told = int(division.image.max()) + 1, []
    if division.alike:
        told.append("Regions of one stroke are held out in turn: they resemble each other, so that the interval may be too narrow.")  # fmt: skip
    if n_images == 1:
        told.append("All strokes are in one image: the figures say nothing about other images.")
    elif division.by != "image":
        told.append(f"The strokes are in {n_images} images, and strokes of a tested image train: other images may differ more.")  # fmt: skip
    if division.by != "image" and division.scene.max() + 1 > n_images:
        told.append("The gap holds within a time point: other time points of the same place train.")
    return told


def _said_cap(training: np.ndarray, train_pixels: int | None) -> list[str]:
    most = int(training.sum(axis=1).max())
    if train_pixels is None or most <= train_pixels:
        return []
    return [f"At most {train_pixels:,} of up to {most:,} pixels trained in a fold, as asked."]
