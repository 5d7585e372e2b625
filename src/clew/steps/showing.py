"""What there is to see of a row: its window found again in the recordings, and its values in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clew.errors import DataError, SealedError, check, check_choice
from clew.words import listed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from clew.measure.window_plan import WindowPlan
    from clew.read.recording import Recording
    from clew.samples import Samples
    from clew.study.study import Study

MOST_VALUES = 12  # measurements that are told


def open_row(study: Study, sample: str) -> tuple[Samples, int]:
    """Return the open rows, and which of them has a name.

    Raises
    ------
    SealedError
        If the row is sealed.
    DataError
        If there is no row of that name.
    """
    study.need_rows()
    samples = study.samples()
    names = samples.sample.tolist()
    check(
        sample in names or sample not in study.sample_names(),
        SealedError,
        "The sample to show must be open. Got '{}', which is sealed: nobody looks at sealed rows before the test.",
        sample,
    )
    if len(names) <= MOST_VALUES:
        check_choice(sample, names, what="sample", of=f"'{study.folder}'", error=DataError)
    check(
        sample in names,
        DataError,
        "The sample to show must be an open row of '{}', such as '{}'. Got '{}' instead; clew export lists all.",
        study.folder,
        names[0] if names else "",
        sample,
    )
    return samples, names.index(sample)


def values_of(samples: Samples, row: int) -> str:
    """Say what was measured of a row, with units."""
    told = [
        f"{name} {value:.4g}{f' {unit}' if unit else ''}"
        for name, value, unit in zip(samples.feature_names, samples.features[row], samples.units)
    ]
    more = [f"{len(told) - MOST_VALUES} more"] if len(told) > MOST_VALUES else []
    return listed([*told[:MOST_VALUES], *more])


class Windows:
    """The recordings of a study, found where they lie now and opened once, for windows to be cut out again.

    Parameters
    ----------
    study : Study

    Raises
    ------
    MissingError
        If a file is not where it was; the sentence says how to go on (clew relink).
    DataError
        If the study is about something else, or a file has changed.
    """

    def __init__(self, study: Study) -> None:
        from clew.measure.window_plan import WindowPlan
        from clew.read.recordings import read_recordings

        facts = study.facts()
        check(
            facts["kind"] == "signal",
            DataError,
            "The study '{}' must be about recordings to have windows. Got {}s.",
            study.folder,
            facts["kind"],
        )
        sources = study.sources()
        paths = [study.locate(one) for one in sources if one.role == "data"]
        response = next((study.locate(one) for one in sources if one.role == "response"), None)
        reading = {
            name: facts["measure"][name]
            for name in ("rate", "time")
            if facts["measure"].get(name) is not None
        }
        read = read_recordings(paths, **reading, response=response)
        self.by_name: dict[str, Recording] = {one.name: one for one in read.recordings}
        measured = facts["measured"]
        self.plan: WindowPlan = WindowPlan.from_settings(measured["plan"])

    def recording(self, origin: pd.Series[Any]) -> Recording:
        """Return the recording that a row's window is from; ``origin`` is the row's line of `Samples.origin`."""
        name = str(origin["recording"])
        check(name in self.by_name, DataError, "The sources must hold the recording '{}'. Got {}.", name, listed(list(self.by_name)))  # fmt: skip
        return self.by_name[name]

    def raw(self, origin: pd.Series[Any]) -> np.ndarray:
        """Return a window as it was recorded, all components, float64 (n_components, n); NaN where nothing was."""
        recording, first = self.recording(origin), int(origin["first"])
        return recording.read(first, first + self.plan.n(recording.rate))

    def measured(self, origin: pd.Series[Any]) -> np.ndarray:
        """Return a window as it was measured, filtered and levelled, float64 (n_components, n), components as in `plan`."""
        from clew.measure.window_stream import window_at

        return window_at(self.recording(origin), int(origin["first"]), self.plan)

    def how(self) -> str:
        """Say what was done to windows before they were measured."""
        plan = self.plan
        corners = [
            f"{word} {corner:g} Hz"
            for word, corner in (("above", plan.highpass), ("below", plan.lowpass))
            if corner is not None
        ]
        levelled = {"linear": "without its trend", "mean": "without its mean", "none": ""}[plan.detrend]
        return ", ".join(filter(None, [" and ".join(corners), levelled])) or "as recorded"
