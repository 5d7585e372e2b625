"""How one window of a recording is cut and measured: settled once for all recordings, kept with a model, used again."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, check, check_choice, did_you_mean
from clew.measure.filtering import Filter, Phase, design
from clew.measure.waveforms import FeatureTable, describe
from clew.read.recording import Recording, spell_seconds

Detrend = Literal["linear", "mean", "none"]
THREE = ("Z", "N", "E")
ALIASES = {"N": ("N", "1"), "E": ("E", "2")}  # horizontals that point anywhere are called 1 and 2
OF_NYQUIST = 0.8  # up to which spectra are looked at: digitisers cut off what lies above
FEWEST = 16  # samples of a window
LONGEST_RUN = 100  # samples: shorter runs of one value are no padding, whatever they last
SLOWEST = 1.0  # Hz: slower sensors say 0 for weeks, and mean it
MOST_CONTEXT = 100  # windows: a corner frequency so low that the filter hears more is no filter of windows


@dataclass(frozen=True, kw_only=True)
class WindowPlan:
    """How one window is cut and measured, whichever recording it is from.

    Parameters
    ----------
    window, step : float
        How long a window is, and from the start of one to the start of the next, in s.
    highpass, lowpass : float, optional
        Corner frequencies of a Butterworth filter of order 4, in Hz.
    phase : {"zero", "causal"}
    detrend : {"linear", "mean", "none"}
        What is taken away from each window behind the filter.
    taper : float
        The share of a window that is tapered for its spectrum, at both ends together.
    missing : float
        The share of a window that may be missing.
    flat : float
        Runs of one value of at least so many s, and 100 samples, count as not recorded; 0 keeps them, and so do rates below
        1 Hz.
    highest : float
        The frequency up to which spectra are looked at, in Hz.
    components : tuple of str
        What is cut out, in this order; "N" and "E" may be "1" and "2" in a recording.
    of : tuple of int
        Which of them each get their measurements.
    three : tuple of int, optional
        Which of them are Z, N and E for what takes three; None where that is not measured.
    stand_in : bool
        Whether the one component that lives stands in for a dead vertical.
    units : tuple of str
        Of the components.
    network : bool
        Whether windows are compared with those of other stations.
    """

    window: float = 10.0
    step: float = 10.0
    highpass: float | None = None
    lowpass: float | None = None
    phase: Phase = "zero"
    detrend: Detrend = "linear"
    taper: float = 0.05
    missing: float = 0.0
    flat: float = 2.0
    highest: float
    components: tuple[str, ...]
    of: tuple[int, ...]
    three: tuple[int, ...] | None = None
    stand_in: bool = False
    units: tuple[str, ...] = ()
    network: bool = False

    def to_settings(self) -> dict[str, Any]:
        """Return all of it in plain types, for the record and for a model."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }

    @staticmethod
    def from_settings(settings: dict[str, Any]) -> WindowPlan:
        """Return the plan that `to_settings` wrote; what else stands beside it is passed over."""
        known = {field.name for field in dataclasses.fields(WindowPlan)}
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in settings.items()
            if name in known
        }
        return WindowPlan(**plain)

    @property
    def unit(self) -> str:
        """Return the unit of the components that are measured; "" where they differ."""
        units = {self.units[i] for i in self.of}
        return units.pop() if len(units) == 1 else ""

    def without_three(self) -> WindowPlan:
        """Return the plan that measures the vertical alone, and so needs no horizontals."""
        return dataclasses.replace(
            self,
            components=self.components[:1],
            of=(0,),
            three=None,
            units=self.units[:1],
            stand_in=self.components[0] == "Z",
        )

    # ---- in samples of a recording ----
    def n(self, rate: float) -> int:
        """Return how many samples a window has at a rate."""
        return round(self.window * rate)

    def filter(self, rate: float) -> Filter:
        """Return the filter at a rate."""
        return design(rate, highpass=self.highpass, lowpass=self.lowpass, phase=self.phase)

    def least_flat(self, rate: float) -> int:
        """Return how many equal samples in a row count as not recorded; 0 for never."""
        return max(LONGEST_RUN, round(self.flat * rate)) if self.flat and rate >= SLOWEST else 0

    def reach(self, rate: float) -> tuple[int, int]:
        """Return how many samples before and behind a window its measurements depend on.

        A window of a growing recording is final once so much behind it is there.
        """
        found = self.filter(rate)
        beyond = max(0, self.least_flat(rate) - 1)
        return found.before + beyond, found.after + beyond

    def features(self, rate: float) -> FeatureTable:
        """Return what is measured of each window of a recording at a rate: names, units, sets and sources."""
        return _described(self, float(rate))

    def rows_in(self, recording: Recording) -> list[int | None]:
        """Return which rows of a recording hold what is cut out, the horizontals too where one may stand in.

        None where a recording lacks a component that it may lack.

        Raises
        ------
        DataError
            If it lacks one that it must have, has other units, or is too slow for the spectra.
        """
        check(
            recording.rate / 2 >= self.highest,
            DataError,
            "The recording '{}' must reach {:g} Hz, up to which spectra are looked at. Got {:g} samples per second, which "
            "reach {:g} Hz.",
            recording.name,
            self.highest,
            recording.rate,
            recording.rate / 2,
        )
        wanted = THREE if self.stand_in else self.components
        rows = [row_of(recording, name) for name in wanted]
        lacking = [name for name, row in zip(wanted, rows) if row is None]
        check(
            not lacking or (self.stand_in and lacking != list(wanted)),
            DataError,
            "The recording '{}' must have the component {}. Got {}.",
            recording.name,
            " and ".join(f"'{name}'" for name in lacking),
            ", ".join(f"'{name}'" for name in recording.components),
        )
        for name, unit in zip(self.components, self.units):
            row = row_of(recording, name)
            found = unit if row is None else recording.channels[row].unit
            check(
                found == unit or not (found and unit),  # of one that nobody knows it can be that of the other
                DataError,
                "The component '{}' of '{}' must be in {}, as in the others. Got {}.",
                name,
                recording.name,
                unit,
                found,
            )
        return rows


@lru_cache(maxsize=64)  # asked for each recording, and there may be thousands of short ones
def _described(plan: WindowPlan, rate: float) -> FeatureTable:
    """Return what a plan measures at a rate."""
    return describe(
        plan.components,
        of=plan.of,
        three=plan.three,
        rate=rate,
        n=plan.n(rate),
        unit=[plan.units[i] for i in plan.of],
        highest=plan.highest,
        network=plan.network,
    )


def row_of(recording: Recording, component: str) -> int | None:
    """Return which row of a recording holds a component, None for none.

    "1" is found as "N" and "2" as "E"; the one component without a name, of a microphone, say, stands for "Z".
    """
    if component == "Z" and recording.components == ("",):
        return 0
    for name in ALIASES.get(component, (component,)):
        if name in recording.components:
            return recording.components.index(name)
    return None


def plan_windows(
    recordings: Sequence[Recording],
    *,
    window: float = 10.0,
    step: float | None = None,
    highpass: float | None = None,
    lowpass: float | None = None,
    phase: Phase = "zero",
    detrend: Detrend = "linear",
    taper: float = 0.05,
    components: str = "auto",
    missing: float = 0.0,
    flat: float = 2.0,
    highest: float | None = None,
    network: bool = False,
) -> WindowPlan:
    """Settle how the windows of some recordings are cut and measured.

    Parameters
    ----------
    recordings : sequence of Recording
        Their rates may differ; spectra are then looked at up to what the slowest can show.
    window, step : float
        In s; the step is the window by default.
    highpass, lowpass : float, optional
        In Hz.
    phase, detrend, taper, missing, flat, network
        As `WindowPlan` has them.
    components : str
        "auto": of a seismometer with Z, N and E the vertical, and what takes all three; of other sensors each component.
        "each" component, or some by name: "Z", or "Z,N,E".
    highest : float, optional
        In Hz; 0.8 of half the lowest rate by default.

    Raises
    ------
    SettingError, DataError
        If a setting is out of range, or the recordings do not fit it or each other.
    """
    check(recordings, DataError, "There must be at least one recording to cut windows from. Got none.")
    check_choice(phase, ("zero", "causal"), what="'phase' setting", of="the windows")
    check_choice(detrend, ("linear", "mean", "none"), what="'detrend' setting", of="the windows")
    step = window if step is None else step
    _check_number("window", window, low=0.0, above=True)
    _check_number("step", step, low=0.001)
    _check_number("missing", missing, low=0.0, high=0.99, flag=" (--gaps)")
    _check_number("flat", flat, low=0.0)
    _check_number("taper", taper, low=0.0, high=1.0)
    slowest = min(recordings, key=lambda one: one.rate)
    highest = OF_NYQUIST * slowest.rate / 2 if highest is None else highest
    check(
        0 < highest <= slowest.rate / 2,
        SettingError,
        "The 'highest' setting of the windows must be above 0 and at most half the lowest sampling rate ({:g} Hz). "
        "Got {} Hz.",
        slowest.rate / 2,
        highest,
    )
    names, of, three = _components(recordings, components)
    plan = WindowPlan(
        window=float(window),
        step=float(step),
        highpass=None if highpass is None else float(highpass),
        lowpass=None if lowpass is None else float(lowpass),
        phase=phase,
        detrend=detrend,
        taper=float(taper),
        missing=float(missing),
        flat=float(flat),
        highest=float(highest),
        components=names,
        of=of,
        three=three,
        stand_in=components == "auto" and three is not None,
        units=_units(recordings, names),
        network=network,
    )
    _check_lengths(plan, recordings)
    for recording in recordings:
        plan.rows_in(recording)
    return plan


def _check_number(
    name: str, value: Any, *, low: float, high: float = np.inf, above: bool = False, flag: str = ""
) -> None:
    """Refuse a setting that is no number from ``low`` (or ``above`` it) to ``high``; ``flag`` is what it is called elsewhere."""
    number = isinstance(value, Real) and not isinstance(value, bool) and np.isfinite(float(value))
    fits = number and low <= value <= high and not (above and value == low)
    bounds = (
        f"above {low:g}" if above else f"from {low:g} on" if high == np.inf else f"from {low:g} to {high:g}"
    )
    check(
        fits,
        SettingError,
        "The '{}' setting of the windows{} must be a number {}. Got {} instead.",
        name,
        flag,
        bounds,
        value,
    )


def _components(
    recordings: Sequence[Recording], asked: str
) -> tuple[tuple[str, ...], tuple[int, ...], tuple[int, ...] | None]:
    """Return what is cut out, which of it is measured by itself, and which is Z, N and E."""

    def all_have(name: str) -> bool:
        return all(row_of(one, name) is not None for one in recordings)

    def has_three(one: Recording) -> bool:
        return all(row_of(one, name) is not None for name in THREE)

    if asked == "auto" and all_have("Z") and any(has_three(one) for one in recordings):
        return THREE, (0,), (0, 1, 2)
    if asked in ("auto", "each"):
        names = THREE if all(map(has_three, recordings)) else recordings[0].components
        names = tuple(name for name in (*names, *recordings[0].components) if all_have(name))
        names = tuple(dict.fromkeys(n for n in names if not (names[:3] == THREE and n in ("1", "2"))))
        check(
            names,
            DataError,
            "The recordings must have a component in common. Got {}.",
            _odd_ones(recordings),
        )
    else:
        names = tuple(name.strip() for name in asked.split(","))
        for one in recordings:
            for name in names:
                check(
                    row_of(one, name) is not None,
                    SettingError,
                    "The 'components' setting of the windows must be auto, each, or names among {}, which '{}' has. Got "
                    "'{}'.{}",
                    ", ".join(one.components),
                    one.name,
                    name,
                    did_you_mean(name, one.components),
                )
    three = tuple(names.index(name) for name in THREE) if set(THREE) <= set(names) else None
    return names, tuple(range(len(names))), three


def _odd_ones(recordings: Sequence[Recording]) -> str:
    """Say which recordings lack the component that most have, and what they have instead; of all where most have none."""
    usual, n = Counter(name for one in recordings for name in dict.fromkeys(one.components)).most_common(1)[0]
    few = 2 * n <= len(recordings)
    odd = [one for one in recordings if few or usual not in one.components]
    told = "; ".join(f"'{one.name}' with {', '.join(one.components)}" for one in odd[:4])
    told += f"; and {len(odd) - 4} more" if len(odd) > 4 else ""
    return told if few else f"{told}; the other {len(recordings) - len(odd)} have {usual}"


def _units(recordings: Sequence[Recording], names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the unit of each component, by the first recording that has it."""
    units = []
    for name in names:
        rows = ((one, row_of(one, name)) for one in recordings)
        units.append(next(one.channels[row].unit for one, row in rows if row is not None))
    return tuple(units)


def _check_lengths(plan: WindowPlan, recordings: Sequence[Recording]) -> None:
    """Refuse windows of a few samples, longer than everything, or much shorter than what their filter hears."""
    for rate in sorted({one.rate for one in recordings}):
        check(
            plan.n(rate) >= FEWEST,
            SettingError,
            "The 'window' setting must hold at least {} samples, which is {} at {:g} samples per second. Got {}.",
            FEWEST,
            spell_seconds(FEWEST / rate),
            rate,
            spell_seconds(plan.window),
        )
        heard = plan.filter(rate).before / rate
        check(
            heard <= MOST_CONTEXT * plan.window,
            SettingError,
            "The 'highpass' and 'lowpass' settings must fit windows of {}. Got {} and {} Hz, whose filter hears {} around a "
            "window; a longer window or a wider filter helps.",
            spell_seconds(plan.window),
            plan.highpass,
            plan.lowpass,
            spell_seconds(heard),
        )
    longest = max(recordings, key=lambda one: one.duration)
    check(
        any(one.n >= plan.n(one.rate) for one in recordings),
        DataError,
        "The recordings must be at least as long as a window ({}). Got {}, '{}', as the longest.",
        spell_seconds(plan.window),
        spell_seconds(longest.duration),
        longest.name,
    )
