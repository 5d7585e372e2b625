"""Is it worth labelling on? What the last labels brought, what the next would, and whether the strategy helps here.

Every figure rests on control labels alone: they were drawn at random, whereas the strategy's labels are the hard rows,
or the odd ones, and a figure on them says little of all rows. Each control label is predicted by a model that learnt
from no label of its group.

That predictions stop changing before the labels are spent is the sign of Bloodgood & Vijay-Shanker, CoNLL (2009) 39,
arXiv:1409.5165; the curve is drawn on as in `clew.validate.extrapolation`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.intervals import FEWEST_GROUPS, number
from clew.learn.active import quick_forest
from clew.learn.control_curves import FEWEST_LATER, UNKNOWN, ControlCurves, ahead_of_control
from clew.result import Result, step
from clew.samples import Samples
from clew.splits import By
from clew.validate.extrapolation import FEWEST_SIZES, extrapolate
from clew.validate.ground import WORDS, prepare
from clew.validate.metrics import Model

Verdict = Literal["go on", "nearly there", "stop"]
Metric = Literal["balanced_accuracy", "accuracy"]
LAST, AHEAD = 20, 80  # labels that are looked back on, and forward to
FEWEST_CONTROL, FEWEST_TO_STOP = (
    20,
    40,
)  # control labels: before, nothing is judged, and nobody is told to stop
FEWEST_LABELS = 10  # of the first point of a curve
N_SIZES, N_CONTROL_SIZES, N_FOLDS = 7, 4, 10
SMALL = 0.005  # a gain by 20 labels, as the curve expects it
CHANGED = 0.02  # share of predictions: fewer are few
FLAT = 0.02  # a gain by all the labels ahead that is small
MOST_PREDICTED = 20_000  # rows by which changed predictions are counted; of more, a random part


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class StopLight(Result):
    """Whether to go on labelling, with the reasons.

    Parameters
    ----------
    verdict : {"go on", "nearly there", "stop"}
    sentence : str
        The verdict with what the next labels should bring.
    reasons : list of (bool, str, str)
        Whether it is met, what it is, and its figure: (True, "Gain of last 20 labels", "0.004 [-0.02, 0.03]").
    helps : str
        Whether the strategy does better than labelling at random, in a sentence; "" where that is not known.
    metric : str
        "balanced_accuracy" or "accuracy".
    labels, control_labels : int
        The labels given, and those of control rows.
    active, control : ndarray of float64, shape (n_sizes, 4)
        Number of labels, figure on held-out control labels, and the ends of its 95% interval: learning from the first
        labels of all, and from the first control labels alone.
    forecast : ndarray of float64, shape (n_points, 4)
        The active curve drawn on, from the labels that there are to `AHEAD` more, or to all rows; no point where it cannot be.
    gain, ahead : list of float
        What the last `LAST` labels brought, and by how much all labels are ahead of as many control labels, each with
        its 95% interval over groups.
    changed, by_chance : float
        The share of predictions that the last `LAST` labels changed, and that another seed alone changes.
    chance : float
        The figure without any look at the features; NaN where nothing was judged.
    wanted : float or None
    notes : list of str
        What to mind.
    """

    verdict: str
    sentence: str
    reasons: list[tuple[bool, str, str]]
    helps: str
    metric: str
    labels: int
    control_labels: int
    active: np.ndarray
    control: np.ndarray
    forecast: np.ndarray
    gain: list[float]
    ahead: list[float]
    changed: float
    by_chance: float
    chance: float
    wanted: float | None
    notes: list[str]

    def headline(self) -> str:
        """Say the verdict in a sentence."""
        return self.sentence

    def summary(self) -> dict[str, Any]:
        """Return the verdict and its figures."""
        return {
            "verdict": self.verdict,
            "sentence": self.sentence,
            "helps": self.helps,
            "labels": self.labels,
            "control_labels": self.control_labels,
            "gain": [number(value) for value in self.gain],
            "ahead": [number(value) for value in self.ahead],
            "changed": number(self.changed),
            "by_chance": number(self.by_chance),
            "forecast": [number(value) for value in self.forecast[-1]] if len(self.forecast) else [],
            "notes": list(self.notes),
        }


@step(sees="open")
def stop_light(
    samples: Samples,
    order: np.ndarray,
    control: np.ndarray,
    *,
    strategy: str = "the strategy",
    wanted: float | None = None,
    metric: Metric = "balanced_accuracy",
    by: By = "auto",
    fit: Callable[[Samples], Model] | None = None,
    random_state: int = 0,
) -> StopLight:
    """Judge from the history of labels whether more are worth their while.

    Parameters
    ----------
    samples : Samples
        All open rows; `labels` are people's, "" where there is none.
    order : ndarray of int64, shape (n_labels,)
        The labelled rows, in the order in which they got their label.
    control : ndarray of bool, shape (n_labels,)
        Which of them were drawn at random.
    strategy : str
        Its name, for the sentences.
    wanted : float, optional
        The figure that is wanted.
    metric : {"balanced_accuracy", "accuracy"}
    by : str
        What is kept together when rows are held out, as for `clew.splits.folds`.
    fit : callable, optional
        Takes training samples and returns a model; `quick_forest` by default.
    random_state : int

    Raises
    ------
    DataError
        If a row of `order` has no label, or stands twice.
    SettingError
        If `wanted` is no share.

    Notes
    -----
    A model of the first 100 labels learns from those of other folds only, some 90: the curves are a little too low, both
    alike. Measured on three clouds in 60 groups, 160 labels by hybrid of which 58 are control: intervals of gain, lead over
    control and last figure covered the truth in 0.96, 0.95 and 0.94 of 160 runs with labels that mean nothing, in 0.99, 0.97
    and 0.92 of 160 runs where classes are apart, and in 0.99, 0.88 and 0.98 of 80 runs where one is rare. On labels that mean
    nothing a gain was claimed in 0.02 of runs, a lead in 0.05 and "stop" in 0.01, and the last figure was 0.02 too high: a
    strategy that asks until its answers agree with a label looks good on it.
    """
    order, control = np.asarray(order, np.int64), np.asarray(control, bool)
    labels = np.full(samples.n_rows, "") if samples.labels is None else samples.labels
    check(len(np.unique(order)) == len(order) == len(control) and (labels[order] != "").all(), DataError, "The 'order' of stop_light must name {} different rows, each with a label. Got {} rows, {} of them with a label.", len(control), len(np.unique(order)), int((labels[order] != "").sum()))  # fmt: skip
    check(wanted is None or 0 < wanted <= 1, SettingError, "The 'wanted' of stop_light must be above 0 and at most 1. Got {} instead.", wanted)  # fmt: skip
    order, control, notes = _judged(labels, order, control)
    nothing = _nothing(metric, wanted, len(order), int(control.sum()), notes)
    if why := _too_little(labels[order], control):
        return replace(nothing, sentence=f"Go on. {why}")

    fit = fit or quick_forest(random_state)
    try:
        ground = prepare(samples.take(order), "classification", metric, of="stop_light", n_folds=N_FOLDS, by=by, gap=None, random_state=random_state)  # fmt: skip
    except DataError as error:  # rows that cannot be held out from each other: labelling goes on all the same
        return replace(nothing, sentence=f"Go on. It cannot be judged. {error}")
    curves = ControlCurves(ground, fit, np.flatnonzero(control))
    n, n_control = len(order), int(control.sum())
    sizes = np.unique([*np.geomspace(FEWEST_LABELS, n, N_SIZES).round().astype(int), n - LAST, n])
    of_control = np.unique(np.geomspace(FEWEST_LABELS, n_control, N_CONTROL_SIZES).round().astype(int))
    active, moved = curves.along(np.arange(n), sizes)
    alone, _ = curves.along(np.flatnonzero(control), of_control)

    before = int(np.searchsorted(sizes, n - LAST))
    gain = curves.difference(active[-1], active[before], moved[:, -1] - moved[:, before])
    ahead = ahead_of_control(ground, fit, control)
    changed, by_chance = _changed(samples, order, fit, random_state)
    forecast = _forecast(active, moved, min(n + AHEAD, samples.n_rows), random_state)
    found = replace(
        nothing,
        active=active,
        control=alone,
        forecast=forecast,
        gain=list(gain),
        ahead=list(ahead),
        changed=changed,
        by_chance=by_chance,
        chance=ground.figure.chance(ground.truth[control]),
        helps=_helps(strategy, n_control, ahead) if n_control < n else "",
        notes=[*notes, *ground.warnings],
    )
    reasons = _reasons(found)
    verdict = _verdict(found, [met for met, *_ in reasons[:2]])
    if not (labels == "").any():
        return replace(found, reasons=reasons, verdict="stop", sentence="Stop. Every row has a label.")
    return replace(found, reasons=reasons, verdict=verdict, sentence=_sentence(found, verdict))


# ---- what can be judged ----
def _judged(labels: np.ndarray, order: np.ndarray, control: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[str]]:  # fmt: skip
    """Leave classes with one label out, since whoever holds that label out cannot learn the class."""
    classes, code, counts = np.unique(labels[order], return_inverse=True, return_counts=True)
    kept = (counts > 1)[code] if len(order) else np.zeros(0, bool)
    single = [f"'{name}'" for name in classes[counts == 1]]
    note = [f"Classes with one label are not judged yet: {', '.join(single)}."] if single else []
    return order[kept], control[kept], note


def _too_little(labels: np.ndarray, control: np.ndarray) -> str:
    """Say what is missing before anything can be judged; "" for nothing."""
    n_control = int(control.sum())
    if len(np.unique(labels)) < 2:
        return "Labels of two classes are needed before anything can be judged."
    if n_control < FEWEST_CONTROL:
        return f"{n_control} control label{'s are' if n_control != 1 else ' is'} too few to judge: {FEWEST_CONTROL} are needed."
    if len(np.unique(labels[control])) < 2:
        return "All control labels are of one class: they cannot judge yet."
    if len(labels) < FEWEST_LABELS + LAST:
        return f"{len(labels)} labels are too few to judge: {FEWEST_LABELS + LAST} are needed."
    return ""


def _nothing(metric: str, wanted: float | None, n: int, n_control: int, notes: list[str]) -> StopLight:
    return StopLight(
        verdict="go on",
        sentence="",
        reasons=[],
        helps="",
        metric=metric,
        labels=n,
        control_labels=n_control,
        active=np.empty((0, 4)),
        control=np.empty((0, 4)),
        forecast=np.empty((0, 4)),
        gain=list(UNKNOWN),
        ahead=list(UNKNOWN),
        changed=np.nan,
        by_chance=np.nan,
        chance=np.nan,
        wanted=wanted,
        notes=notes,
    )


# ---- figures ----
def _changed(samples: Samples, order: np.ndarray, fit: Callable[[Samples], Model], random_state: int) -> tuple[float, float]:  # fmt: skip
    """Return the share of predictions of rows without a label that the last labels changed, and what chance changes.

    By chance means: learning from the same labels in another order, which draws other rows for each tree.
    """
    random = np.random.default_rng(random_state)
    others = np.setdiff1d(np.arange(samples.n_rows), order)
    others = random.permutation(others)[:MOST_PREDICTED]
    if not len(others):
        return np.nan, np.nan
    rest = samples.take(others)

    def said(rows: np.ndarray) -> np.ndarray:
        known = samples.take(rows)
        assert known.labels is not None
        if len(np.unique(known.labels)) == 1:
            return np.repeat(known.labels[:1], len(others))
        return np.asarray(fit(known).predict(rest).label)

    now, before, again = said(order), said(order[:-LAST]), said(random.permutation(order))
    return float((now != before).mean()), float((now != again).mean())


def _forecast(active: np.ndarray, moved: np.ndarray, end: int, random_state: int) -> np.ndarray:
    """Draw the active curve on to a number of labels, float64 (n_points, 4); no point where that cannot be done.

    Where leaving a unit out changes less than the interval of the figure allows, as where all is told right, the rest of
    the interval moves the whole curve.
    """
    if len(moved) < FEWEST_GROUPS or len(active) < FEWEST_SIZES:
        return np.empty((0, 4))
    width = (active[:, 3] - active[:, 2]) / 4  # a standard deviation
    rest = np.sqrt(np.maximum(width**2 - (moved**2).sum(axis=0), 0))
    found = extrapolate(
        active[:, 0],
        1 - active[:, 1],
        [moved, rest[None]],
        freedom=len(moved) - 1,
        labelled=int(active[-1, 0]),
        desired=None,
        random_state=random_state,
    )
    at = np.linspace(active[-1, 0], end, 9)
    error = np.column_stack([np.interp(at, found.rows, column) for column in found.error.T])
    return np.column_stack([at, 1 - error[:, [0, 2, 1]]])


# ---- words ----
def _spelt(figure: Any, digits: int = 2) -> str:
    value, low, high = figure
    if np.isnan(value):
        return "not known"
    interval = "" if np.isnan(low) else f" [{low:z.2f}, {high:z.2f}]"
    return f"{value:z.{digits}f}{interval}"


def _helps(strategy: str, n: int, ahead: tuple[float, float, float]) -> str:
    value, low, high = ahead
    name, half = strategy[:1].upper() + strategy[1:], (high - low) / 2
    side = f"is {'ahead' if value >= 0 else 'behind'} by {_spelt([abs(value), *sorted([low, high] if value >= 0 else [-low, -high])])}"  # fmt: skip
    if np.isnan(value):
        return f"Whether {strategy} helps cannot be told yet: fewer than {FEWEST_LATER} control labels came after the first {n} labels."
    if np.isnan(low):
        return f"At {n} labels {strategy} {side}; groups are too few to say how sure that is."
    if low > 0:
        return f"At {n} labels {strategy} {side}: it helps."
    if high < 0:
        return f"At {n} labels {strategy} {side}: label at random instead."
    if abs(value) > half / 2:
        return (
            f"At {n} labels {strategy} {side}: likely {'helpful' if value > 0 else 'harmful'}, not certain."
        )
    return (
        f"{name} and random labels do equally well as far as {n} labels can tell: difference {_spelt(ahead)}."
    )


def _reasons(found: StopLight) -> list[tuple[bool, str, str]]:
    gain, ahead, now = found.gain, found.ahead, found.active[-1]
    none = gain[1] <= 0 and _expected(found) < SMALL  # the last labels' own gain is within its error, mostly
    few = found.changed <= max(CHANGED, found.by_chance)
    reasons = [
        (none, f"Gain of last {LAST} labels", _spelt(gain, 3)),
        (few, "Predictions they changed", f"{100 * found.changed:.1f} %, {100 * found.by_chance:.1f} % by chance"),
    ]  # fmt: skip
    if not np.isnan(ahead[0]):
        reasons.append((ahead[1] > 0, f"Ahead of control, {found.control_labels} labels", _spelt(ahead)))
    if found.wanted is not None:
        reasons.append((bool(now[2] >= found.wanted), f"Wanted {found.wanted:g} reached", _spelt(now[1:])))
    return [(bool(met), text, figure) for met, text, figure in reasons]


def _verdict(found: StopLight, settled: list[bool]) -> Verdict:
    now, last = found.active[-1], found.forecast[-1] if len(found.forecast) else np.full(4, np.nan)
    may_stop = found.control_labels >= FEWEST_TO_STOP
    if found.wanted is not None and now[1] >= found.wanted:
        return "stop" if now[2] >= found.wanted and may_stop else "nearly there"
    if not all(settled) or not _learnt(found):
        return "go on"
    hopeless = last[3] < found.wanted if found.wanted is not None else last[1] - found.forecast[0, 1] < FLAT
    return "stop" if hopeless and may_stop else "nearly there"


def _sentence(found: StopLight, verdict: Verdict) -> str:
    told = {"go on": "Go on.", "nearly there": "Nearly there.", "stop": "Stop."}[verdict]
    figure, now = WORDS.get(found.metric, found.metric), found.active[-1]
    if verdict == "stop" and found.wanted is not None:
        if now[2] >= found.wanted:
            return f"{told} The wanted {found.wanted:g} is reached: {figure} {_spelt(now[1:])}."
        told = f"{told} More labels of this kind will not bring {found.wanted:g}; look for other features."
    if not _learnt(found):
        return f"Go on, or look for other features: nothing better than chance ({found.chance:.2f}) is shown yet."
    if not len(found.forecast):
        return f"{told} The curve cannot be drawn on yet."
    last = found.forecast[-1]
    return f"{told} The next {LAST} labels should bring about {_expected(found):.3f}. Forecast at {last[0]:.0f}: {_spelt(last[1:])}."  # fmt: skip


def _learnt(found: StopLight) -> bool:
    """Tell whether the last figure is above chance, whatever the control labels may have been."""
    last = found.active[-1]
    return bool(last[2] > found.chance or (np.isnan(last[2]) and last[1] > found.chance))


def _expected(found: StopLight) -> float:
    """Return what the next `LAST` labels should bring, by the curve; NaN where it cannot be drawn on."""
    if not len(found.forecast):
        return np.nan
    at, value = found.forecast[:, 0], found.forecast[:, 1]
    return float(np.interp(found.labels + LAST, at, value) - value[0])
