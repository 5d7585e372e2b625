"""Nested cross-validation of families of models: each is tuned inside the folds that judge it, on the same folds for all."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, cast

import numpy as np

from clew.errors import DataError, SettingError, Stopped, check, check_choice
from clew.explore.dip import holm
from clew.figures import BEYOND_CHANCE, CLASS_FIGURES, mean_of_defined, share_of
from clew.intervals import NO_BOUNDS, Interval, sums_interval
from clew.samples import Samples
from clew.splits import By, Folds, folds, units
from clew.validate.comparison import ERRORS, Comparison, Contender, Difference, best_of, corrected_t_test
from clew.validate.metrics import Kind, Model, labelled, regression_scores, scores

OF_CLASSES = ("balanced_accuracy", "accuracy", *CLASS_FIGURES, *BEYOND_CHANCE)
OF_NUMBERS = ("r2", "rmse", "mae")
N_INNER = 3  # folds within the training rows of a fold, to choose among candidates

OnProgress = Callable[[int, int], bool | None]
Fit = Callable[[Samples], Model]


class Entry(NamedTuple):
    """A family that enters the comparison: its settings to choose among, and a fit for each.

    Of two that are as good the first is chosen, so the plainest comes first. One that is dear to fit may stay out of the
    inner folds (``inner`` False): its first settings stand, and it has no part in the choice of the best of all.
    """

    name: str
    words: str
    grid: list[dict[str, Any]]
    fits: list[Fit]
    inner: bool = True


# ---- judging by sums over rows, so that a fold or a group less costs a subtraction ----
class _Judge(Protocol):
    @property
    def metric(self) -> str:
        """Return the name of the metric."""

    def sums(self, truth: np.ndarray, said: np.ndarray, part: np.ndarray, n_parts: int) -> np.ndarray:
        """Return the sums over the rows of each part, float64 of shape (n_parts, n_sums)."""

    def figure(self, sums: np.ndarray) -> np.ndarray:
        """Return the metric of sums of shape (..., n_sums), shape (...)."""


@dataclass(frozen=True)
class _OfClasses:
    metric: str
    k: int

    def sums(self, truth: np.ndarray, said: np.ndarray, part: np.ndarray, n_parts: int) -> np.ndarray:
        cells = self.k * self.k
        counts = np.bincount(part * cells + truth * self.k + said, minlength=n_parts * cells)
        return counts.reshape(n_parts, cells).astype(np.float64)

    def figure(self, sums: np.ndarray) -> np.ndarray:
        tables = sums.reshape(*sums.shape[:-1], self.k, self.k)
        if self.metric == "accuracy":
            return share_of(np.trace(tables, axis1=-2, axis2=-1), tables.sum(axis=(-2, -1)))
        if self.metric in BEYOND_CHANCE:
            return BEYOND_CHANCE[self.metric](tables)
        name = "recall" if self.metric == "balanced_accuracy" else self.metric
        return mean_of_defined(CLASS_FIGURES[name][0](tables))


@dataclass(frozen=True)
class _OfNumbers:
    metric: str
    spread: (
        float  # the variance of all rows: R2 of a fold is measured against it, so that small folds have one
    )

    def sums(self, truth: np.ndarray, said: np.ndarray, part: np.ndarray, n_parts: int) -> np.ndarray:
        error = truth - said
        parts = (np.ones_like(error), np.abs(error), error**2)
        return np.stack([np.bincount(part, weights, minlength=n_parts) for weights in parts], axis=1)

    def figure(self, sums: np.ndarray) -> np.ndarray:
        absolute, squared = (share_of(sums[..., i], sums[..., 0]) for i in (1, 2))
        return {"mae": absolute, "rmse": np.sqrt(squared), "r2": 1 - squared / self.spread}[self.metric]


# ---- nested cross-validation ----
class _Fold(NamedTuple):
    """The rows of one fold of one division, and how its training rows are divided once more to choose."""

    train: np.ndarray  # (n_rows,) bool
    test: np.ndarray
    inner: Folds | None


class _Answer(NamedTuple):
    """What the candidates of one family say in one fold."""

    said: np.ndarray  # (n_candidates, n_test) codes of classes, or numbers
    inner: np.ndarray  # (n_candidates,) the metric on the inner folds


def compare_fits(
    samples: Samples,
    entries: Sequence[Entry],
    *,
    reference: str,
    kind: Kind = "classification",
    metric: str = "auto",
    n_folds: int = 5,
    repeats: int = 3,
    by: By = "auto",
    gap: float | None = None,
    random_state: int = 0,
    n_jobs: int | None = None,
    on_progress: OnProgress | None = None,
) -> Comparison:
    """Compare families of models by nested cross-validation on the same folds.

    In every fold each family chooses among its settings by folds within the training rows, and then predicts the rows
    that were held out. The test rows of a fold so have no say in what is tested on them.

    Parameters
    ----------
    samples : Samples
        Rows with labels or, for numbers, a target; the others are left out.
    entries : sequence of Entry
        The families, from the simplest to the most complex, with a fit for each of their settings.
    reference : str
        The name of the family that all others are compared with.
    kind : {"classification", "regression"}
        Whether labels or the target are learnt.
    metric : str
        "auto" is balanced accuracy or R2; one of `OF_CLASSES` or `OF_NUMBERS` otherwise.
    n_folds, by, gap
        As for `clew.splits.folds`.
    repeats : int
        The number of divisions; those that come out the same (few groups, space, time) count once.
    random_state : int
        The seed of the first division; the others take the next ones.
    n_jobs : int, optional
        The number of threads, -1 for all cores; the result is the same for any.
    on_progress : callable (done, total), optional
        Returning False stops.

    Raises
    ------
    DataError
        If there are no labels, fewer than two classes, a class with one row, a target that is always the same, or rows
        that cannot be divided.
    SettingError
        If a setting is out of range, or a metric is not defined for every family.
    Stopped
        If `on_progress` asked for it.

    Notes
    -----
    Nested cross-validation after Varma & Simon, BMC Bioinformatics 7:91 (2006), doi:10.1186/1471-2105-7-91.
    """
    known = labelled(samples, kind, of="compare")
    judge, truth, classes = _judging(known, kind, metric)
    divisions, note = _divisions(known, n_folds, repeats, by, gap, random_state)
    prepared = [[_fold(known, parts, i, random_state) for i in range(parts.n_folds)] for parts in divisions]

    def answer(entry: Entry, fold: _Fold) -> _Answer:
        return _answer(entry, known, fold, judge, classes)

    tasks = [(entry, fold) for entry in entries for parts in prepared for fold in parts]
    flat = iter(in_threads(answer, tasks, n_jobs=n_jobs, on_progress=on_progress))
    answers = [[[next(flat) for _ in parts] for parts in prepared] for _ in entries]

    held = _Held(known, truth, classes, judge, prepared)
    contenders = [_contender(entry, each, held) for entry, each in zip(entries, answers, strict=True)]
    families = _differences(contenders, answers, held, reference)
    place = [entry.name for entry in entries].index(reference)
    choice = held.figures(
        [
            [_chosen_of_all(row, judge.metric, place) for row in zip(*division, strict=True)]
            for division in zip(*answers, strict=True)
        ]
    )
    n_left_out = samples.n_rows - known.n_rows
    caveat = units(known)[1]
    warnings = (
        [f"{n_left_out} rows without a {'label' if classes else 'target'} are left out."]
        if n_left_out
        else []
    )
    return Comparison(
        kind=kind,
        metric=judge.metric,
        families=families,
        reference=reference,
        choice=choice[judge.metric],
        n_candidates=sum(len(entry.fits) for entry in entries),
        classes=classes,
        split=divisions[0].summary() | {"repeats": len(divisions)},
        n_rows=known.n_rows,
        n_groups=known.n_groups,
        warnings=[*warnings, *_poor_folds(prepared, truth, classes), *note, *([caveat] if caveat else [])],
    )


def paired_difference(
    known: Samples,
    parts: Folds,
    one: np.ndarray,
    other: np.ndarray,
    *,
    to: str,
    kind: Kind = "classification",
    metric: str = "auto",
) -> Difference:
    """Return by how much one model's figure is above another's, on rows that the same folds held out.

    Parameters
    ----------
    known : Samples
        Rows that all have a label, or a target.
    parts : Folds
    one, other : ndarray, shape (n_rows,)
        The class (str) or number that each model says of each row, out of fold.
    to : str
        The name of the other.
    kind, metric
        As for `compare_fits`.
    """
    judge, truth, classes = _judging(known, kind, metric)
    prepared = [[_Fold(*rows, None) for rows in zip(parts.train, parts.test, strict=True)]]
    held = _Held(known, truth, classes, judge, prepared)
    codes = (np.searchsorted(classes, said) if classes else said for said in (one, other))
    mine, its = ([[said[test] for test in parts.test]] for said in codes)
    return _compared({"one": mine, to: its}, held, to)["one"]


def _judging(known: Samples, kind: Kind, metric: str) -> tuple[_Judge, np.ndarray, list[str]]:
    """Return how predictions are judged, the truth as codes of classes or as numbers, and the classes."""
    choices = OF_CLASSES if kind == "classification" else OF_NUMBERS
    metric = choices[0] if metric == "auto" else metric
    check_choice(metric, choices, what="'metric' setting", of="compare")
    if kind == "classification":
        assert known.labels is not None
        classes, truth = np.unique(known.labels, return_inverse=True)
        return _OfClasses(metric, len(classes)), truth.reshape(-1), classes.tolist()
    assert known.target is not None
    return _OfNumbers(metric, float(known.target.var())), known.target, []


def _divisions(
    known: Samples, n_folds: int, repeats: int, by: By, gap: Any, random_state: int
) -> tuple[list[Folds], list[str]]:
    """Return the different divisions of the rows, and a sentence where there are fewer than asked for."""
    check(
        isinstance(repeats, (int, np.integer)) and repeats >= 1,
        SettingError,
        "The 'repeats' of compare must be an int of at least 1. Got {} instead.",
        repeats,
    )
    found: dict[bytes, Folds] = {}
    for i in range(repeats):
        parts = folds(known, n_folds=n_folds, by=by, gap=gap, random_state=(random_state + i) % 2**31)
        found.setdefault(np.unique(parts.test, axis=0).tobytes(), parts)  # whatever the order of the folds
    fewer = f"Other seeds divide these rows in the same way: {len(found)} of {repeats} divisions differ, and count."
    return list(found.values()), [fewer] if len(found) < repeats else []


def _fold(known: Samples, parts: Folds, i: int, random_state: int) -> _Fold:
    inner, gap = None, parts.gap or None
    with contextlib.suppress(
        DataError, SettingError
    ):  # too few groups to divide once more: `_poor_folds` says so
        inner = folds(
            known.take(parts.train[i]),
            n_folds=N_INNER,
            by=cast(By, parts.by),
            gap=gap,
            random_state=random_state,
        )
    return _Fold(parts.train[i], parts.test[i], inner)


def _answer(entry: Entry, known: Samples, fold: _Fold, judge: _Judge, classes: list[str]) -> _Answer:
    """Return what every candidate of a family says of the held-out rows, and how good it is on the inner folds."""
    outer, held_out = known.take(fold.train), known.take(fold.test)
    said = np.stack([_predict(fit, outer, held_out, classes) for fit in entry.fits])
    if fold.inner is None or not entry.inner:
        return _Answer(said, np.full(len(entry.fits), np.nan))
    sums = np.zeros((len(entry.fits), 1))
    for train, test in zip(fold.inner.train, fold.inner.test, strict=True):
        training, tested = outer.take(train), outer.take(test)
        truth, one = _truth(tested, classes), np.zeros(tested.n_rows, np.int64)
        each = [judge.sums(truth, _predict(fit, training, tested, classes), one, 1)[0] for fit in entry.fits]
        sums = sums + np.stack(each)  # (n_candidates, n_sums)
    return _Answer(said, judge.figure(sums))


def _predict(fit: Fit, training: Samples, tested: Samples, classes: list[str]) -> np.ndarray:
    """Return the codes of the predicted classes, or the predicted numbers, of the tested rows."""
    truth = _truth(training, classes)
    if (truth == truth[0]).all():  # nothing to learn: the model can only repeat what it has seen
        return np.full(tested.n_rows, truth[0])
    prediction = fit(training).predict(tested)
    return np.searchsorted(classes, prediction.label) if classes else prediction.value


def _truth(samples: Samples, classes: list[str]) -> np.ndarray:
    truth = np.searchsorted(classes, np.asarray(samples.labels)) if classes else samples.target
    assert truth is not None
    return truth


def _best_inner(inner: np.ndarray, metric: str) -> int:
    """Return the candidate that is best on the inner folds; the first where nothing could be tried."""
    return 0 if np.isnan(inner).all() else int(np.nanargmax(inner * (-1 if metric in ERRORS else 1)))


def _chosen_of_all(answers: Sequence[_Answer], metric: str, reference: int) -> np.ndarray:
    """Return what the best of all candidates says; the reference's first where nothing could be tried."""
    inner = np.concatenate([each.inner for each in answers])
    if np.isnan(inner).all():
        return answers[reference].said[0]
    return np.concatenate([each.said for each in answers])[_best_inner(inner, metric)]


@dataclass(frozen=True)
class _Held:
    """The rows that folds hold out, and how what is said of them becomes figures."""

    known: Samples
    truth: np.ndarray
    classes: list[str]
    judge: _Judge
    prepared: list[list[_Fold]]

    def rows(self, said: list[np.ndarray], division: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the held-out rows of a division, what is said of them, and their folds, fold after fold."""
        tests = [np.flatnonzero(fold.test) for fold in self.prepared[division]]
        fold = np.repeat(np.arange(len(tests)), [len(test) for test in tests])
        return np.concatenate(tests), np.concatenate(said), fold

    def figures(self, said: list[list[np.ndarray]]) -> dict[str, Interval]:
        """Return every figure with its interval over groups; the mean over divisions."""
        unit = units(self.known)[0]
        found = []
        for division, each in enumerate(said):
            rows, answers, _ = self.rows(each, division)
            if self.classes:
                names = np.array(self.classes)
                found.append(
                    scores(names[self.truth[rows]], names[answers], classes=self.classes, groups=unit[rows])
                )
            else:
                found.append(regression_scores(self.truth[rows], answers, groups=unit[rows]))
        return {name: _mean_interval([one.metrics[name] for one in found]) for name in found[0].metrics}

    def by_fold(self, said: list[list[np.ndarray]]) -> np.ndarray:
        """Return the metric in each fold, float64 of shape (n_divisions, n_folds)."""
        figures = []
        for division, each in enumerate(said):
            rows, answers, fold = self.rows(each, division)
            figures.append(self.judge.figure(self.judge.sums(self.truth[rows], answers, fold, len(each))))
        return np.stack(figures)

    def parts(self, one: list[list[np.ndarray]], other: list[list[np.ndarray]]) -> np.ndarray:
        """Return the part of each fold in the difference of two figures, float64 of shape (n_divisions, n_folds)."""
        parts = []
        for division, pair in enumerate(zip(one, other, strict=True)):
            sums = []
            for said in pair:
                rows, answers, fold = self.rows(said, division)
                sums.append(self.judge.sums(self.truth[rows], answers, fold, len(said)))
            parts.append(parts_of_difference(self.judge, *sums))
        return np.stack(parts)

    def by_group(self, said: list[list[np.ndarray]]) -> np.ndarray:
        """Return the sums of each group, float64 of shape (n_groups, n_sums); the mean over divisions."""
        group = np.unique(units(self.known)[0], return_inverse=True)[1].reshape(-1)
        sums = []
        for division, each in enumerate(said):
            rows, answers, _ = self.rows(each, division)
            sums.append(self.judge.sums(self.truth[rows], answers, group[rows], int(group.max()) + 1))
        return np.mean(sums, axis=0)

    def overall(self, said: list[list[np.ndarray]]) -> float:
        """Return the metric over all held-out rows; the mean over divisions."""
        return float(self.judge.figure(self.by_group(said).sum(axis=0)))

    @property
    def rows_of_a_fold(self) -> tuple[float, float]:
        """Return the mean number of test and of training rows of a fold."""
        every = [fold for parts in self.prepared for fold in parts]
        return float(np.mean([fold.test.sum() for fold in every])), float(
            np.mean([fold.train.sum() for fold in every])
        )


def parts_of_difference(judge: _Judge, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the part of each fold in the difference of two figures of all rows; their mean is that difference.

    A figure of a fold alone would be a mean over the classes that the fold happens to hold, and the mean of those is not
    the figure of all rows. The parts are the pseudo-values of the jackknife over folds: where all folds hold the same
    numbers of each class, they are the differences within the folds.

    Parameters
    ----------
    judge : _Judge
    one, other : ndarray of float64, shape (n_folds, n_sums)
        What two families' figures are made of, in each fold.
    """
    totals = [sums.sum(axis=0) for sums in (one, other)]
    whole = judge.figure(totals[0]) - judge.figure(totals[1])
    without = judge.figure(totals[0] - one) - judge.figure(totals[1] - other)  # each fold
    check(
        np.isfinite(whole) and np.isfinite(without).all(),
        SettingError,
        "The 'metric' of compare must be defined for every family. Got '{}', which is not: take another or more folds.",
        judge.metric,
    )
    return whole - (len(one) - 1) * (without - without.mean())


def _mean_interval(intervals: Sequence[Interval]) -> Interval:
    """Return the mean of a figure over repeated divisions; its interval does not shrink, since the rows are the same."""
    mean: dict[str, Any] = {
        name: float(np.mean([getattr(one, name) for one in intervals]))
        for name in ("value", "low", "high", "n_effective")
    }
    return dataclasses.replace(intervals[0], **mean)


def _contender(entry: Entry, answers: list[list[_Answer]], held: _Held) -> Contender:
    metric = held.judge.metric
    chosen = [[_best_inner(each.inner, metric) for each in division] for division in answers]
    said = _said(answers, chosen)
    candidates = [held.overall([[each.said[c] for each in division] for division in answers]) for c in range(len(entry.fits))]  # fmt: skip
    return Contender(
        name=entry.name,
        words=entry.words,
        grid=list(entry.grid),
        chosen=np.array(chosen),
        metrics=_first(held.figures(said), metric),
        by_fold=held.by_fold(said),
        candidates=candidates,
    )


def _said(answers: list[list[_Answer]], chosen: Any) -> list[list[np.ndarray]]:
    """Return what the chosen candidates say, for each division and fold."""
    return [[each.said[c] for each, c in zip(*row, strict=True)] for row in zip(answers, chosen, strict=True)]


def _first(metrics: dict[str, Interval], name: str) -> dict[str, Interval]:
    return {name: metrics[name]} | metrics


def _differences(
    contenders: list[Contender], answers: list[list[list[_Answer]]], held: _Held, reference: str
) -> list[Contender]:
    """Return the families with their differences to the reference, and to the best of them."""
    metric = held.judge.metric
    said = {one.name: _said(each, one.chosen) for one, each in zip(contenders, answers, strict=True)}
    best = best_of(contenders, [one.metrics[metric].value for one in contenders], metric).name
    to_reference, to_best = (_compared(said, held, to) for to in (reference, best))
    return [
        dataclasses.replace(one, to_reference=to_reference.get(one.name), to_best=to_best.get(one.name))
        for one in contenders
    ]


def _compared(said: dict[str, list[list[np.ndarray]]], held: _Held, to: str) -> dict[str, Difference]:
    """Return the difference of each family but one to that one, with Holm's correction over all of them."""
    n_test, n_train = held.rows_of_a_fold
    least = 1 / n_test if held.classes else 0.0
    tested = {
        name: corrected_t_test(
            held.parts(mine, said[to]).reshape(-1), test_to_train=n_test / n_train, least_spread=least
        )
        for name, mine in said.items()
        if name != to
    }
    adjusted = holm(np.array([p for *_, p in tested.values()])) if tested else np.empty(0)
    return {
        name: Difference(
            to=to,
            value=value,
            low=low,
            high=high,
            p_value=p,
            p_adjusted=float(p_adjusted),
            over_groups=_over_groups(held.by_group(said[name]), held.by_group(said[to]), held),
        )
        for (name, (value, low, high, p)), p_adjusted in zip(tested.items(), adjusted, strict=True)
    }


def _over_groups(a: np.ndarray, b: np.ndarray, held: _Held) -> Interval:
    n_sums = a.shape[1]
    figure = held.judge.figure
    return sums_interval(
        lambda sums: figure(sums[..., :n_sums]) - figure(sums[..., n_sums:]),
        np.hstack([a, b]),
        n_rows=held.known.n_rows,
        bounds=NO_BOUNDS,
    )


def _poor_folds(prepared: list[list[_Fold]], truth: np.ndarray, classes: list[str]) -> list[str]:
    """Return sentences on folds in which there was nothing to learn, or to choose by."""
    every = [fold for parts in prepared for fold in parts]
    alone = sum(np.ptp(truth[fold.train]) == 0 for fold in every)
    untuned = sum(fold.inner is None for fold in every)
    told = []
    if alone:
        what = "class" if classes else "number"
        told.append(f"{alone} of {len(every)} folds train on one {what} alone, and every family repeats it.")
    if untuned:
        told.append(
            f"{untuned} of {len(every)} folds have too few training groups to choose settings by: the first of each family stand."
        )
    return told


# ---- threads ----
def in_threads(
    work: Callable[..., Any],
    tasks: Sequence[tuple[Any, ...]],
    *,
    n_jobs: int | None = None,
    on_progress: OnProgress | None = None,
) -> list[Any]:
    """Return ``work(*task)`` of each task, in order, with libraries held to one thread each.

    Sums over several threads differ in their last bits; scikit-learn's boosting and networks would give other answers.

    Parameters
    ----------
    work : callable
    tasks : sequence of tuple
    n_jobs : int, optional
        The number of tasks at a time, -1 for all cores; 1 by default.
    on_progress : callable (done, total), optional
        Returning False stops.
    """
    from threadpoolctl import ThreadpoolController

    check(
        n_jobs is None or n_jobs == -1 or n_jobs >= 1,
        SettingError,
        "The 'n_jobs' of compare must be at least 1, or -1 for all cores. Got {}.",
        n_jobs,
    )
    controller = ThreadpoolController()

    def alone(task: tuple[Any, ...]) -> Any:
        with controller.limit(limits=1, user_api="openmp"):  # OpenMP counts per thread, BLAS for all
            return work(*task)

    done: list[Any] = []
    n_threads = (os.cpu_count() or 1) if n_jobs == -1 else n_jobs or 1
    with controller.limit(limits=1), ThreadPoolExecutor(n_threads) as pool:
        waiting = [pool.submit(alone, task) for task in tasks]
        try:
            for future in waiting:
                done.append(future.result())
                going = on_progress is None or on_progress(len(done), len(tasks)) is not False
                check(
                    going,
                    Stopped,
                    "Stopped after {} of {} fits; nothing was recorded.",
                    len(done),
                    len(tasks),
                )
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return done
