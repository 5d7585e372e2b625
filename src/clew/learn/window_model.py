"""A model for windows, and its way along a recording: which windows it can use, and what to say of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.learn.forest import Forest, Prediction
from clew.measure.cutouts_windows import one_rate, raw_of
from clew.measure.measured import counted
from clew.measure.window_plan import THREE, WindowPlan, row_of
from clew.measure.window_stream import WindowBlock, block_of, cut_windows, grid, measure_cut, stream_windows
from clew.read.recording import Recording, spell_seconds

UNDEFINED = "undefined"  # a measurement of a window that the model asks for
FAR_OUT = 0.05  # of the windows beyond what was seen in training, from which on that is said of a measurement
SAID = 5  # measurements of which it is said


class WindowModel:
    """A forest for windows of recordings, and how they are cut and measured; or a net, which may look at them raw.

    Parameters
    ----------
    forest : Forest or NetModel
        Trained on windows of recordings.

    Raises
    ------
    DataError
        If the model is none for windows.
    """

    def __init__(self, forest: Forest) -> None:
        check(
            forest.measure.get("kind") == "signal",
            DataError,
            "The model must be trained on windows of recordings. Got {}.",
            forest.headline(),
        )
        self.forest = forest
        self.cut: dict[str, Any] = getattr(forest, "cut", {})  # of a net that looks at raw windows
        self.plan = WindowPlan.from_settings(forest.measure["plan"])

    def n_windows(self, recording: Recording) -> int:
        """Return how many windows there are in a recording, give or take the first: they begin at whole steps."""
        spare = recording.duration - self.plan.window
        return int(spare / self.plan.step) + 1 if spare >= 0 else 0

    def check_sensor(self, recording: Recording) -> None:
        """Refuse a recording that does not fit the model, however long it is.

        Raises
        ------
        DataError
            As `WindowPlan.rows_in`: if it lacks a component, has another unit, or is too slow for the spectra. A model that
            measures three components together needs all of them.
        """
        self.plan.rows_in(recording)
        wanted = THREE if self.plan.three is not None else ()
        lacking = [f"'{name}'" for name in wanted if row_of(recording, name) is None]
        check(
            not lacking,
            DataError,
            "The recording '{}' must have the component{} {}, which the model measures together with the others. Got {}.",
            recording.name,
            "s" * (len(lacking) > 1),
            " and ".join(lacking),
            ", ".join(f"'{name}'" for name in recording.components),
        )
        if self.cut:
            one_rate([recording], rate=self.cut["rate"])

    def predict(self, known: np.ndarray) -> Prediction:
        """Return what the model says of windows as `Way.measured` gives them; there may be none."""
        if len(known):
            return self.forest.predict(known)
        if self.forest.kind != "classification":
            return Prediction(label=None, probability=None, value=np.empty(0), classes=[])
        names = list(self.forest.classes)
        nothing = np.empty((0, len(names)))
        return Prediction(label=np.empty(0, str), probability=nothing, value=None, classes=names)

    def check(self, recording: Recording) -> None:
        """Refuse a recording that does not fit the model, or is shorter than one window.

        Raises
        ------
        DataError
            As `check_sensor`; and if it is too short.
        """
        self.check_sensor(recording)
        check(
            recording.n >= self.plan.n(recording.rate),
            DataError,
            "The recording '{}' must be as long as one window of the model ({}). Got {}.",
            recording.name,
            spell_seconds(self.plan.window),
            spell_seconds(recording.duration),
        )

    def remarks(self, ways: Sequence[Way]) -> list[str]:
        """Say what to mind of the windows that were used."""
        n = sum(way.used for way in ways)
        outside = np.sum([way.outside for way in ways], axis=0) if ways else np.zeros(0)
        return [*_clipped(sum(way.clipped for way in ways)), *self._unlike(outside, n)]

    def _unlike(self, outside: np.ndarray, n: int) -> list[str]:
        """Say which measurements lie outside of what was seen in training: there a model only guesses."""
        worst = [i for i in np.argsort(-outside, kind="stable") if outside[i] > max(FAR_OUT * n, 1)]
        names = self.forest.feature_names
        names = [f"the standard deviation of {name}" for name in names] if self.cut else names
        told = [f"{names[i]} ({int(outside[i]):,} of {counted(n, 'window')})" for i in worst[:SAID]]
        more = f" and {len(worst) - SAID} more" if len(worst) > SAID else ""
        return (
            [f"Unlike the training rows, so the answer is a guess: {', '.join(told)}{more}."] if told else []
        )


def _clipped(n: int) -> list[str]:
    if not n:
        return []
    look = "looks" if n == 1 else "look"
    return [
        f"{counted(n, 'window')} {look} clipped, with many samples at the very top or bottom, and stay{'s' * (n == 1)} in: "
        "amplitudes are too small there."
    ]


class Way:
    """The way of a model along one recording: takes its windows in order, in any pieces.

    Parameters
    ----------
    model : WindowModel
    recording : Recording
    state : dict, optional
        As `state` gave it, to go on from there.

    Attributes
    ----------
    used : int
        The windows that could be used.
    clipped : int
        Those of them that look clipped.
    left_out : Counter of str
        The others, by reason.
    outside : ndarray of int64, shape (n_features,)
        How many of those used lie beyond the training rows in each measurement.
    """

    def __init__(
        self, model: WindowModel, recording: Recording, state: Mapping[str, Any] | None = None
    ) -> None:
        self.model, self.recording = model, recording
        names = list(model.plan.features(recording.rate).names)
        wanted = [] if model.cut else model.forest.feature_names
        absent = [name for name in wanted if name not in names]
        check(
            not absent,
            DataError,
            "The windows of '{}' must be measured as the model's were. Got none of: {}.",
            recording.name,
            ", ".join(absent[:SAID]),
        )
        self.columns = [names.index(name) for name in wanted]
        state = state or {}
        self.used: int = state.get("used", 0)
        self.clipped: int = state.get("clipped", 0)
        self.left_out: Counter[str] = Counter(state.get("left_out", {}))
        self.outside = np.array(state.get("outside", [0] * len(model.forest.feature_names)), np.int64)

    def state(self) -> dict[str, Any]:
        """Return all that must be known to go on, as JSON keeps it."""
        return {
            "used": self.used,
            "clipped": self.clipped,
            "left_out": dict(self.left_out),
            "outside": self.outside.tolist(),
        }

    @property
    def n(self) -> int:
        """Return how many windows were taken."""
        return self.used + self.left_out.total()

    def measured(self, block: WindowBlock) -> tuple[np.ndarray, np.ndarray]:
        """Return which windows can be used, bool (w,), and what the model asks for of these.

        That are their measurements, float64 (w', n_features), or raw windows, float32 (w', C, T).
        """
        features = block.features[:, self.columns]
        usable = block.usable & np.isfinite(features).all(axis=1)
        known = raw_of(block, usable) if self.model.cut else features[usable]
        compared = known.std(axis=2, dtype=np.float64) if self.model.cut else known
        low, high = self.model.forest.feature_range.T
        self.outside += ((compared < low) | (compared > high)).sum(axis=0)
        self.used += len(known)
        self.clipped += int((block.clipped & usable).sum())
        for why, dead, good in zip(block.why, block.dead, usable.tolist()):
            if not good:
                self.left_out[f"{why}: {dead}" if dead else why or UNDEFINED] += 1
        return usable, known


def blocks_of(
    model: WindowModel, recording: Recording, recordings: Sequence[Recording], *, first: int = 0
) -> Iterator[WindowBlock]:
    """Yield the measured windows of one of several recordings; the other stations' are its neighbours.

    A recording that is long enough, but too short for one to begin at a whole step, has one window: from its first sample
    on, as data sets of traces that were cut already are measured.
    """
    plan, others = model.plan, [one for one in recordings if _comparable(one, recording)]
    if any(some.size for some in grid(recording, plan)):
        yield from stream_windows(recording, plan=plan, first=first, neighbours=others)
    elif first == 0 and recording.n >= plan.n(recording.rate):
        for cut in cut_windows(recording, [np.zeros(1, np.int64)], plan=plan):
            features = measure_cut(cut, recording, plan=plan, neighbours=others)
            yield block_of(cut, features, recording, plan)


def _comparable(one: Recording, other: Recording) -> bool:
    """Tell whether two recordings are of different stations, at the same times and rate."""
    return one.station != other.station and one.rate == other.rate and one.dated and other.dated
