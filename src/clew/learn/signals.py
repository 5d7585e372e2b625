"""`SignalClassifier`: scikit-learn's contract for recordings, from labelled pieces to classes and events."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.learn.contract import Learner
from clew.learn.detect import Detector, Scan, detect
from clew.learn.events import Events
from clew.learn.forest import Forest
from clew.learn.training import ClassWeight, train, validate
from clew.measure.filtering import Phase
from clew.measure.window_plan import Detrend
from clew.measure.window_stream import stream_windows
from clew.measure.windows import measure_windows
from clew.read.given import Given
from clew.read.recording import Recording, recording_of
from clew.samples import Samples
from clew.splits import By
from clew.validate.metrics import Validation

WINDOWS = ("step", "before", "highpass", "lowpass", "phase", "detrend", "components", "highest")
TRAINING = ("features", "trees", "depth", "class_weight", "random_state")


class SignalClassifier(Learner):
    """Learn what is going on in a recording from pieces of which somebody said so.

    Parameters
    ----------
    rate : float, optional
        Samples per second of arrays, in Hz; a `Recording` tells its own.
    window : float, optional
        How long a window is, in s; as long as the shortest recording where it is None.
    step : float, optional
        From the start of one window to the start of the next, in s; the window by default.
    before, highpass, lowpass, phase, detrend, components, highest
        As for `measure_windows`.
    features, trees, depth, class_weight, random_state
        As for `clew.learn.training.train`.

    Attributes
    ----------
    forest_ : Forest
        The model; `save` keeps it, `load` and ``clew predict`` take it up again.
    classes_ : ndarray of str
        The classes, in the order of probabilities.
    feature_names_ : tuple of str
    feature_importances_ : ndarray of float64
        Mean decrease in impurity; correlated features divide it among themselves.
    samples_ : Samples
        The labelled windows that it was fitted to.
    """

    samples_: Samples

    def __init__(
        self,
        *,
        rate: float | None = None,
        window: float | None = 10.0,
        step: float | None = None,
        before: float = 2.0,
        highpass: float | None = None,
        lowpass: float | None = None,
        phase: Phase = "zero",
        detrend: Detrend = "linear",
        components: str = "auto",
        highest: float | None = None,
        features: str | list[str] = "all",
        trees: int = 100,
        depth: int | None = None,
        class_weight: ClassWeight = "given",
        random_state: int = 0,
    ) -> None:
        self.rate, self.window, self.step, self.before = rate, window, step, before
        self.highpass, self.lowpass, self.phase, self.detrend = highpass, lowpass, phase, detrend
        self.components, self.highest = components, highest
        self.features, self.trees, self.depth = features, trees, depth
        self.class_weight, self.random_state = class_weight, random_state

    @classmethod
    def of(cls, forest: Forest, *, rate: float | None = None) -> SignalClassifier:
        """Return a classifier that predicts by a forest that was trained before; it has no windows to be validated on.

        Raises
        ------
        DataError
            If the forest was not trained on windows of recordings.
        """
        plan = Detector(forest, ignore=[]).plan
        known = {name: getattr(plan, name) for name in ("window", "step", "highpass", "lowpass", "phase")}
        classifier = cls(rate=rate, **known, detrend=plan.detrend, highest=plan.highest)
        classifier._take(forest)
        return classifier

    @classmethod
    def load(cls, folder: str | Path, *, rate: float | None = None) -> SignalClassifier:
        """Read a classifier that `save` or ``clew train`` wrote.

        Raises
        ------
        DataError
            If the folder holds no model for windows.
        """
        return cls.of(Forest.load_model(folder), rate=rate)

    def save(self, folder: str | Path) -> Path:
        """Write the model into a new folder, for `load` and ``clew predict``: the same bytes for the same windows.

        Raises
        ------
        SettingError
            If it is not fitted, or the folder exists.
        """
        return self._fitted().save_model(folder)

    def _fitted(self) -> Forest:
        check(
            hasattr(self, "forest_"),
            SettingError,
            "A SignalClassifier must be fitted before it is used. Call fit first.",
        )
        return self.forest_

    # ---- learn ----
    def fit(self, recordings: Sequence[Any], given: Sequence[Any]) -> SignalClassifier:
        """Learn from labelled pieces of recordings.

        Parameters
        ----------
        recordings : sequence of Recording, or of ndarray of shape (n,) or (n_components, n)
        given : sequence of Given, or of str
            What is said of pieces of the recordings; or one class for each whole recording.

        Raises
        ------
        DataError
            If nothing is labelled, there is one class only, or the recordings do not fit each other.
        SettingError
            If a setting is out of range.
        """
        read = self._recordings(recordings)
        how = {name: getattr(self, name) for name in WINDOWS} | {"window": self._window(read)}
        measured = measure_windows(read, given=self._given(read, given), **how)
        measure = {"kind": "signal", "how": how, **measured.settings}
        learning = {name: getattr(self, name) for name in TRAINING}
        forest = train(measured.samples, **learning, measure=measure)
        self._take(dataclasses.replace(forest, notes=[*measured.notes, *forest.notes]))
        labels = measured.samples.labels
        self.samples_ = measured.samples.take(np.zeros(0, int) if labels is None else labels != "")
        return self

    def _window(self, recordings: Sequence[Recording]) -> float:
        return min(one.duration for one in recordings) if self.window is None else self.window

    def _recordings(self, given: Sequence[Any]) -> list[Recording]:
        """Return recordings as they are, and arrays as recordings without a date."""
        check(len(given), DataError, "The recordings of a SignalClassifier must be at least one. Got none.")
        width = len(str(len(given)))
        made = []
        for i, one in enumerate(given, 1):
            if not isinstance(one, Recording):
                check(
                    self.rate is not None,
                    SettingError,
                    "The 'rate' of a SignalClassifier must be the samples per second of arrays. Got none.",
                )
                one = recording_of(one, rate=self.rate or 0.0, name=f"recording {i:0{width}}")
            made.append(one)
        return made

    def _given(self, recordings: Sequence[Recording], given: Sequence[Any]) -> list[Given]:
        """Return what is said of pieces; one class for each recording is said of all of it."""
        if all(isinstance(one, Given) for one in given):
            return list(given)
        check(
            len(given) == len(recordings),
            DataError,
            "The labels of a SignalClassifier must be one for each of the {} recordings, or what is Given of pieces of them. "
            "Got {}.",
            len(recordings),
            len(given),
        )
        return [
            Given(one.name, one.start, one.start + one.duration, str(label), {})
            for one, label in zip(recordings, given)
        ]

    def validate(self, *, folds: int = 5, by: By = "auto", gap: float | None = None) -> Validation:
        """Cross-validate on the labelled windows; what is kept together is as for `clew.learn.training.validate`.

        Raises
        ------
        DataError
            If the windows cannot be divided.
        SettingError
            If it was not fitted here.
        """
        check(
            hasattr(self, "samples_"),
            SettingError,
            "A SignalClassifier must be fitted to be validated: a forest alone does not hold the windows.",
        )
        learning = {name: getattr(self, name) for name in TRAINING}
        return validate(self.samples_, **learning, folds=folds, by=by, gap=gap)

    # ---- predict ----
    def predict_proba(self, recordings: Sequence[Any]) -> np.ndarray:
        """Return for each recording the mean over its windows of the probability of each class, float64 (n, n_classes).

        Raises
        ------
        DataError
            If a recording does not fit the model, or none of its windows can be used.
        """
        detector = Detector(self._fitted(), ignore=[])
        return np.array([self._mean(detector, one) for one in self._recordings(recordings)])

    def _mean(self, detector: Detector, recording: Recording) -> np.ndarray:
        detector.check(recording)
        scan, total, n = Scan(detector, recording), np.zeros(len(self.classes_)), 0
        for block in stream_windows(recording, plan=detector.plan):
            usable, probability = scan.classify(block)
            total += probability[usable].sum(axis=0)
            n += int(usable.sum())
        check(
            n,
            DataError,
            "The recording '{}' must have a window that can be used. Got none: {}.",
            recording.name,
            ", ".join(scan.left_out) or "not one whole window",
        )
        return total / n

    def predict(self, recordings: Sequence[Any]) -> np.ndarray:
        """Return the class of each recording, as a whole: the most probable one; what happened within is for `detect`.

        Raises
        ------
        DataError
            As `predict_proba`.
        """
        shares = self.predict_proba(recordings)
        return self.classes_[shares.argmax(axis=1)]

    def score(self, recordings: Sequence[Any], labels: Sequence[str]) -> float:
        """Return the share of recordings that are of the class they are said to be of."""
        return float((self.predict(recordings) == np.asarray(labels, dtype=str)).mean())

    def detect(
        self,
        recordings: Any,
        *,
        threshold: float | None = None,
        join: float = 0.0,
        ignore: list[str] | None = None,
    ) -> Events:
        """Find events in a recording, or in several; see `clew.learn.detect.detect`.

        Parameters
        ----------
        recordings : Recording or ndarray, or a list of them
        threshold, join, ignore
            As for `clew.learn.detect.detect`.
        """
        several = recordings if isinstance(recordings, (list, tuple)) else [recordings]
        read = self._recordings(several)
        return detect(self._fitted(), read, threshold=threshold, join=join, ignore=ignore)
