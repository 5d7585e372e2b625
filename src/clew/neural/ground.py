"""Ground motion as a picking net takes it: components by name, filtered and resampled piece by piece, window by window."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.measure.filtering import context_of
from clew.measure.measured import counted
from clew.measure.runs import Run, living_runs
from clew.neural.picking_net import PickingNet
from clew.read.recording import Recording, spell_seconds
from clew.words import listed

Missing = Literal["zeros", "copy", "refuse"]
SHORTEST = 1.0  # s: a run that is shorter is left out
SAME_RATE = (
    1e-3  # relative: of rates that differ by less the samples are taken as they are, their times as recorded
)
LARGEST = 1000  # of the numbers of which the ratio of two rates is made
BLOCK = 2**16  # samples that are prepared together; the same for every setting, so that the bits are
KAISER, ZEROS = 5.0, 10  # of the low-pass of resampling: its shape, and its zero crossings on each side
NUMBERED = {"N": "1", "E": "2"}  # what horizontals are called that point elsewhere


@dataclass(frozen=True)
class Resampling:
    """From one rate to another, by a ratio of whole numbers: sample k lies at ``k * down / up`` of those that come in.

    Parameters
    ----------
    up, down : int

    Notes
    -----
    A low-pass at the lower of both Nyquist frequencies, a sinc in a Kaiser window of beta 5 with 10 zero crossings on each
    side, evaluated only where it is needed (polyphase: Crochiere & Rabiner, Multirate Digital Signal Processing, 1983), by
    scipy.signal.upfirdn. Before the first sample and behind the last the signal is continued by their values.
    """

    up: int
    down: int

    @property
    def reach(self) -> int:
        """Return how many samples on the finer grid the low-pass hears on each side."""
        return ZEROS * max(self.up, self.down)

    def count(self, n: int) -> int:
        """Return how many samples come out of ``n``."""
        return (n - 1) * self.up // self.down + 1 if n else 0

    def reads(self, first: int, stop: int) -> tuple[int, int]:
        """Return the first sample that goes into those from ``first`` up to ``stop``, and the one behind the last."""
        low = -((self.reach - first * self.down) // self.up)
        return low, ((stop - 1) * self.down + self.reach) // self.up + 1

    def apply(self, x: np.ndarray, low: int, first: int, stop: int) -> np.ndarray:
        """Resample ``x`` (c, m), whose first sample is number ``low``, to samples ``first`` to ``stop``, float64 (c, stop - first)."""
        from scipy.signal import upfirdn

        taps = _taps(self.up, self.down)
        # on the fine grid, x[0] lies at low * up, and output k at k * down + reach of what the convolution gives
        ahead = first * self.down + self.reach - low * self.up
        lead = -ahead % self.down
        padded = np.concatenate([np.zeros(lead), taps])
        y = upfirdn(padded, x, self.up, self.down, axis=1)
        at = (ahead + lead) // self.down
        out: np.ndarray = y[:, at : at + stop - first]
        return out


@lru_cache(maxsize=16)
def _taps(up: int, down: int) -> np.ndarray:
    from scipy.signal import firwin

    largest = max(up, down)
    taps: np.ndarray = firwin(2 * ZEROS * largest + 1, 1 / largest, window=("kaiser", KAISER)) * up
    return taps


def resampling_of(given: float, wanted: float) -> Resampling | None:
    """Return how recordings of one rate come to another, in Hz; None where they may stay as they are.

    Raises
    ------
    DataError
        If no ratio of whole numbers up to 1000 comes near.
    """
    if abs(given / wanted - 1) < SAME_RATE:
        return None
    ratio = Fraction(wanted / given).limit_denominator(LARGEST)
    near = ratio > 0 and abs(float(ratio) * given / wanted - 1) < SAME_RATE and ratio.numerator <= LARGEST
    check(near, DataError, "The rate of a recording must be from {:g} to {:g} Hz, for a model that takes {:g} Hz. Got {:g} Hz.", wanted / LARGEST, wanted * LARGEST, wanted, given)  # fmt: skip
    return Resampling(ratio.numerator, ratio.denominator)


# ---- the filter of a model ----
@dataclass(frozen=True, eq=False)
class Passing:
    """The filter that a recording passes before a net sees it.

    Parameters
    ----------
    sos : ndarray of float64, shape (n_sections, 6)
    zero_phase : bool
        Whether it runs backward, too.
    level : float
        What of a constant comes out.
    reach : int
        How many samples around a piece it hears, at most.
    """

    sos: np.ndarray
    zero_phase: bool
    level: float
    reach: int

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Filter a piece (c, m), in float64; at its ends as if the first value had always been there."""
        from scipy.signal import sosfilt

        begin = x[:, :1]
        y = sosfilt(self.sos, x - begin, axis=1)
        if self.zero_phase:
            end = y[:, -1:]
            y = sosfilt(self.sos, (y - end)[:, ::-1], axis=1)[:, ::-1] + self.level * end
        out: np.ndarray = y + (self.level**2 if self.zero_phase else self.level) * begin
        return out


def passing_of(said: Mapping[str, Any], rate: float) -> Passing | None:
    """Return the filter that a model's "args" and "kwargs" say, as ObsPy's ``Stream.filter`` takes them, at a rate in Hz.

    Butterworth filters: "bandpass", "bandstop" (freqmin, freqmax), "highpass", "lowpass" (freq), with corners and zerophase.
    A band-pass whose upper corner lies beyond what the rate holds is a high-pass.

    Raises
    ------
    SettingError
        If it is of another kind, or the rate does not hold it.
    """
    args, kwargs = list(said.get("args") or ()), dict(said.get("kwargs") or {})
    kind = args[0] if args else kwargs.pop("type", None)
    if kind is None:
        return None
    known = {"bandpass": 2, "bandstop": 2, "highpass": 1, "lowpass": 1}
    check(kind in known, SettingError, "The 'filter' of a picking model must be one of: {}. Got {} instead.", ", ".join(known), kind)  # fmt: skip
    names = ("freqmin", "freqmax") if known[kind] == 2 else ("freq",)
    given = dict(zip([*names, "corners", "zerophase"], args[1:])) | kwargs
    corners, zero = int(given.get("corners", 4)), bool(given.get("zerophase", False))
    at = [float(given[one]) for one in names if one in given]
    check(len(at) == len(names), SettingError, "The 'filter' of a picking model must say {} in Hz. Got {}.", listed(names), given)  # fmt: skip
    if kind == "bandpass" and at[1] >= rate / 2 * (1 - 1e-6):
        kind, at = "highpass", at[:1]
    check(all(0 < one < rate / 2 for one in at), SettingError, "The 'filter' of a picking model must lie between 0 and half the rate ({:g} Hz). Got {} at {} Hz.", rate / 2, kind, listed([f"{one:g}" for one in at]))  # fmt: skip
    from scipy.signal import butter

    sos = butter(corners, at if len(at) == 2 else at[0], kind, fs=rate, output="sos")
    level = float(np.prod(sos[:, :3].sum(axis=1) / sos[:, 3:].sum(axis=1)))
    return Passing(np.ascontiguousarray(sos), zero, round(level, 9), context_of(sos))


# ---- components ----
@dataclass(frozen=True, eq=False)
class Fitting:
    """Which components of a recording a net takes, and how.

    Parameters
    ----------
    rows : tuple of int
        Of each component of the net, the one of the recording; -1 where there is none.
    notes : tuple of str
        What is to be said of it.
    """

    rows: tuple[int, ...]
    notes: tuple[str, ...] = ()


def fit(model: PickingNet, recording: Recording, *, missing: Missing = "zeros") -> Fitting:
    """Match the components of a recording with those that a net takes, by their names.

    Horizontals that are called 1 and 2 are taken as N and E. A recording of one component without a name is taken as the
    vertical one.

    Parameters
    ----------
    model : PickingNet
    recording : Recording
    missing : {"zeros", "copy", "refuse"}
        What stands for a component that is not there: nothing (zeros), the first that is there, or an error.

    Raises
    ------
    DataError
        If none of the net's components is there, or one is missing and that is refused.
    """
    names = [one.upper() for one in recording.components]
    rows, notes = [], []
    for wanted in model.components:
        other = NUMBERED.get(wanted, wanted)
        taken = next((one for one in (wanted, other) if one in names), None)
        rows.append(-1 if taken is None else names.index(taken))
        if taken not in (None, wanted):
            notes.append(f"'{recording.name}': component {taken} was taken as {wanted}.")
    if names == [""] and "Z" in model.components:
        rows[model.components.index("Z")] = 0
        notes.append(f"'{recording.name}': its one component has no name and was taken as Z.")
    absent = [one for one, row in zip(model.components, rows) if row < 0]
    there = listed([f"'{one}'" for one in recording.components])
    check(len(absent) < len(rows), DataError, "The recording '{}' must have one of the components {} that the model takes. Got {}.", recording.name, listed(list(model.components)), there)  # fmt: skip
    check(not absent or missing != "refuse", DataError, "The recording '{}' must have all components that the model takes ({}), as 'missing' is \"refuse\". Got {}.", recording.name, listed(list(model.components)), there)  # fmt: skip
    if absent:
        how = "zeros" if missing == "zeros" else "copies of the first that is there"
        verb = "is" if len(absent) == 1 else "are"
        notes.append(f"'{recording.name}': {listed(absent)} {verb} not there and {verb} taken as {how}.")
    return Fitting(tuple(rows), tuple(notes))


# ---- what one run gives ----
@dataclass(frozen=True, eq=False)
class Ground:
    """One run of a recording without a gap, at the rate of a net.

    Parameters
    ----------
    run : Run
    rows : tuple of int
        Of each component of the net, the place among ``run.rows``; -1 for zeros.
    window : int
        Samples of a window.
    resampling : Resampling, optional
    passing : Passing, optional
    """

    run: Run
    rows: tuple[int, ...]
    window: int
    resampling: Resampling | None = None
    passing: Passing | None = None
    _blocks: dict[int, np.ndarray] = field(default_factory=dict)

    @cached_property
    def n(self) -> int:
        """Return the number of samples at the net's rate."""
        return self.resampling.count(self.run.n) if self.resampling else self.run.n

    @property
    def padded(self) -> int:
        """Return how many samples of a window it is too short by; half of them stand before it."""
        return max(0, self.window - self.n)

    @property
    def ahead(self) -> int:
        """Return how many samples of zeros stand before the first sample in its window."""
        return self.padded // 2

    @property
    def rate(self) -> float:
        """Return the rate at which the net sees it, in Hz."""
        rate = self.run.recording.rate
        return rate * self.resampling.up / self.resampling.down if self.resampling else rate

    def place(self, sample: float) -> float:
        """Return where on the grid of the recording a sample at the net's rate lies."""
        return self.run.first + (
            sample * self.resampling.down / self.resampling.up if self.resampling else sample
        )

    def nearest(self, index: int) -> int:
        """Return the last sample at the net's rate that is not behind a sample of the recording."""
        within = index - self.run.first
        return within * self.resampling.up // self.resampling.down if self.resampling else within

    def time(self, sample: float) -> float:
        """Return the time of a sample, in s as the recording has it."""
        recording = self.run.recording
        return recording.start + self.place(sample) / recording.rate

    def read(self, start: int, out: np.ndarray) -> None:
        """Write the window that begins at a sample, each component about its mean, into ``out`` (n_components, window) of float32.

        A run that is shorter than a window stands in its middle, between zeros.
        """
        out[:] = 0.0
        n = min(self.window, self.n)
        start = 0 if self.padded else start
        x = self._samples(start, start + n)
        out_here = out[:, self.ahead : self.ahead + n]
        for i, row in enumerate(self.rows):
            if row >= 0:
                np.subtract(x[row], x[row].mean(), out=out_here[i], casting="same_kind")

    def forget(self) -> None:
        """Let go of the samples that were read."""
        self._blocks.clear()

    def _samples(self, first: int, stop: int) -> np.ndarray:
        low, high = first // BLOCK, (stop - 1) // BLOCK
        for old in [one for one in self._blocks if one < low]:
            del self._blocks[old]
        if low == high:
            return self._block(low)[:, first - low * BLOCK : stop - low * BLOCK]
        pieces = [
            self._block(i)[:, max(0, first - i * BLOCK) : stop - i * BLOCK] for i in range(low, high + 1)
        ]
        return np.concatenate(pieces, axis=1)

    def _block(self, number: int) -> np.ndarray:
        if number not in self._blocks:
            first = number * BLOCK
            self._blocks[number] = self._prepared(first, min(first + BLOCK, self.n))
        return self._blocks[number]

    def _prepared(self, first: int, stop: int) -> np.ndarray:
        """Return living components at the net's rate, filtered, float64 (n, stop - first)."""
        if self.resampling is None:
            return self._filtered(first, stop)
        low, high = self.resampling.reads(first, stop)
        inner_low, inner_high = max(0, low), min(self.run.n, high)
        x = self._filtered(inner_low, inner_high)
        x = np.pad(x, ((0, 0), (inner_low - low, high - inner_high)), mode="edge")
        return self.resampling.apply(x, low, first, stop)

    def _filtered(self, first: int, stop: int) -> np.ndarray:
        run, reach = self.run, self.passing.reach if self.passing else 0
        low = max(0, first - reach)
        high = min(run.n, stop + reach) if self.passing and self.passing.zero_phase else stop
        x = run.recording.read(run.first + low, run.first + high, run.rows)
        if self.passing:
            x = self.passing.apply(x)
        return x[:, first - low : stop - low]


def grounds_of(
    model: PickingNet, recording: Recording, *, missing: Missing = "zeros", shortest: float = SHORTEST
) -> tuple[list[Ground], list[str]]:
    """Divide a recording into runs without a gap, as a net takes them; and say what is to be said of it.

    A new run begins wherever a component of the net comes, goes, or is dead (one value for 2 s).

    Parameters
    ----------
    model : PickingNet
    recording : Recording
    missing : {"zeros", "copy", "refuse"}
        As for `fit`; with "refuse" runs in which a component is missing are left out.
    shortest : float
        Runs that are shorter are left out, in s.

    Returns
    -------
    grounds : list of Ground
        In the order of time.
    notes : list of str

    Raises
    ------
    DataError
        If the recording does not fit the net.
    """
    fitting = fit(model, recording, missing=missing)
    passing = passing_of(model.filter, recording.rate)
    resampling = resampling_of(recording.rate, model.rate)
    live = tuple(sorted({row for row in fitting.rows if row >= 0}))
    grounds: list[Ground] = []
    seconds: defaultdict[str, float] = defaultdict(float)
    counts: Counter[str] = Counter()
    for run in living_runs(recording, live):
        lost = [one for one, row in zip(model.components, fitting.rows) if row >= 0 and row not in run.rows]
        taken = tuple(run.rows.index(row) if row in run.rows else -1 for row in fitting.rows)
        if missing == "copy":
            first = next((one for one in taken if one >= 0), -1)
            taken = tuple(first if one < 0 else one for one in taken)
        if not run.rows or run.n < shortest * recording.rate or (lost and missing == "refuse"):
            why = "dead" if not run.rows else "short" if run.n < shortest * recording.rate else "lacking"
            counts[why] += 1
            seconds[why] += run.n / recording.rate
            continue
        for one in lost:
            seconds[f"lost {one}"] += run.n / recording.rate
        ground = Ground(run, taken, model.window, resampling, passing)
        grounds.append(ground)
        counts["padded"] += ground.padded > 0
        seconds["padded"] += ground.padded / model.rate
    notes = [*fitting.notes]
    if resampling:
        bound = f"; above {recording.rate / 2:g} Hz it holds nothing" * (recording.rate < model.rate)
        notes.append(f"'{recording.name}': resampled from {recording.rate:g} to {model.rate:g} Hz{bound}.")
    notes += _said(model, recording, counts, seconds, len(grounds), shortest)
    return grounds, notes


def _said(
    model: PickingNet,
    recording: Recording,
    counts: Counter[str],
    seconds: Mapping[str, float],
    n: int,
    shortest: float,
) -> list[str]:
    """Say what of a recording was left out or padded."""
    name, length = recording.name, model.window / model.rate
    notes = []
    if counts["padded"]:
        those = "It is" if n == counts["padded"] == 1 else f"{counts['padded']:,} of {counted(n, 'run')} without a gap {'is' if counts['padded'] == 1 else 'are'}"  # fmt: skip
        notes.append(f"'{name}': {those} shorter than a window ({length:g} s) and padded with {spell_seconds(seconds['padded'])} of zeros.")  # fmt: skip
    for why, what in (("short", f"shorter than {shortest:g} s"), ("dead", "in which every component is dead"), ("lacking", "in which a component is missing")):  # fmt: skip
        if counts[why]:
            notes.append(f"'{name}': left out {counted(counts[why], 'run')} {what} ({spell_seconds(seconds[why])}).")  # fmt: skip
    for one in model.components:
        if seconds[f"lost {one}"]:
            notes.append(f"'{name}': component {one} is missing or dead for {spell_seconds(seconds[f'lost {one}'])} in which others live.")  # fmt: skip
    return notes
