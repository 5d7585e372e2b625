"""`SignalClassifier`: scikit-learn's contract for recordings, from labelled pieces to classes and events."""

from __future__ import annotations

import dataclasses
from collections import Counter
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
from clew.read.kinds import some_of
from clew.read.obspy_streams import is_stream, recordings_of
from clew.read.recording import Recording, recording_of
from clew.read.recordings import Recordings, read_recordings
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
        Samples per second of arrays, in Hz; all else tells its own. Where a model is used and this is None, it is the
        rate that the model was trained at.
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

        Its settings are those of the forest, the rate of arrays too if there was one and no other is given.

        Raises
        ------
        DataError
            If the forest was not trained on windows of recordings.
        """
        plan, how = Detector(forest, ignore=[]).plan, forest.measure.get("how", {})
        cut = {name: getattr(plan, name) for name in ("window", *WINDOWS) if hasattr(plan, name)}
        cut |= {"before": how.get("before", 2.0), "components": how.get("components", "auto")}
        learnt = {name: forest.settings[name] for name in TRAINING if name in forest.settings}
        classifier = cls(rate=_rate_of(forest) if rate is None else rate, **cut, **learnt)
        classifier._take(forest)
        return classifier

    @classmethod
    def load(cls, folder: str | Path, *, rate: float | None = None) -> SignalClassifier:
        """Read a classifier that `save` or ``clew train`` wrote, with all its settings.

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
        recordings : sequence of Recording, of ndarray of shape (n,) or (n_components, n), of obspy.Stream, or of paths; or Recordings
        given : sequence of Given, or of str
            What is said of pieces of the recordings; or one class for each whole recording.

        Raises
        ------
        DataError
            If nothing is labelled, there is one class only, or the recordings do not fit each other.
        SettingError
            If a setting is out of range.
        """
        read = self._each(recordings, self.rate)
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

    def _each(self, given: Any, rate: float | None) -> list[Recording]:
        """Return one recording for each that is given, with different names."""
        several = _several(given)
        if several is None:
            return _opened(given, rate, "recording")
        check(several, DataError, "The recordings of a SignalClassifier must be at least one. Got none.")
        width = len(str(len(several)))
        made = []
        for i, one in enumerate(several, 1):
            found = _opened(one, rate, f"recording {i:0{width}}")
            check(
                len(found) == 1,
                DataError,
                "Each of the {} recordings must be of one sensor. Got number {} with {}: {}.",
                len(several),
                i,
                len(found),
                some_of([each.name for each in found]),
            )
            made += found
        taken = Counter(one.name for one in made)
        return [
            dataclasses.replace(one, name=f"{one.name} ({i:0{width}})") if taken[one.name] > 1 else one
            for i, one in enumerate(made, 1)
        ]

    def _together(self, given: Any, rate: float | None) -> list[Recording]:
        """Return the recordings of all that is given: files and traces of one sensor are put together."""
        several = _several(given)
        if several and (all(map(_is_path, several)) or all(map(is_stream, several))):
            return _opened(several, rate, "")
        return self._each([given] if isinstance(given, np.ndarray) else given, rate)

    @property
    def _rate(self) -> float | None:
        """Return the samples per second of arrays that a model is to look at."""
        return _rate_of(self._fitted()) if self.rate is None else self.rate

    def _given(self, recordings: Sequence[Recording], given: Sequence[Any]) -> list[Given]:
        """Return what is said of pieces; one class for each recording is said of all of it."""
        if all(isinstance(one, Given) for one in given):
            return list(given)
        check(
            len(given) == len(recordings),
            DataError,
            "The labels of a SignalClassifier must be one for each of the {} recordings, or a list of Given, each of which "
            "says what a piece of a recording is. Got {} label{}.",
            len(recordings),
            len(given),
            "s" * (len(given) != 1),
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
        return np.array([self._mean(detector, one) for one in self._each(recordings, self._rate)])

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
        recordings : Recording, ndarray, obspy.Stream, obspy.Trace, str or Path, a list of one kind of them, or Recordings
            Paths are read by `clew.read.recordings.read_recordings`.
        threshold, join, ignore
            As for `clew.learn.detect.detect`.
        """
        read = self._together(recordings, self._rate)
        return detect(self._fitted(), read, threshold=threshold, join=join, ignore=ignore)


# ---- what is given ----
def _rate_of(forest: Forest) -> float | None:
    """Return the sampling rate that a forest was trained at, in Hz; None where there were several."""
    rate = forest.measure.get("rate")
    return float(rate) if isinstance(rate, (int, float)) else None


def _is_path(given: Any) -> bool:
    return isinstance(given, (str, Path))


def _several(given: Any) -> list[Any] | None:
    """Return what is in a list of recordings, or in an array of arrays; None where one thing is given."""
    if isinstance(given, Recordings):
        return list(given.recordings)
    return list(given) if isinstance(given, (list, tuple, np.ndarray)) else None


def _opened(given: Any, rate: float | None, name: str) -> list[Recording]:
    """Return the recordings of one thing: itself, those of files or of traces, or that of an array under a name."""
    if isinstance(given, Recording):
        return [given]
    several = given if isinstance(given, list) and given else [given]
    if all(map(_is_path, several)):
        return read_recordings(several, rate=rate).recordings
    if all(map(is_stream, several)):
        return recordings_of(several)
    numbers = np.asarray(given) if isinstance(given, (np.ndarray, list, tuple)) else np.array("")
    check(
        numbers.ndim in (1, 2) and numbers.dtype.kind in "biuf",
        DataError,
        "What a SignalClassifier takes must be a Recording, an array of shape (n,) or (n_components, n), a Stream or a Trace "
        "of ObsPy, the path of a file, a list of one kind of them, or the Recordings of read_recordings. Got: {}.",
        type(given).__name__,
    )
    check(
        rate is not None,
        SettingError,
        "The 'rate' of a SignalClassifier must be the samples per second of arrays. Got none.",
    )
    return [recording_of(numbers, rate=rate, name=name)]
