"""The grid of time that the rows of a table lie on: its rate, its gaps, and the rows that stand there twice."""

from __future__ import annotations

import numpy as np

from clew.errors import DataError, check
from clew.read.recording import spell_time
from clew.read.sensor_lines import Layout, Rows

TOLERANCE = 0.3  # of a step: how far a time may be from a whole number of steps behind the one before
NEAR = 10  # steps up to which this is asked for: behind a longer gap the sensor was started anew
DRIFT = 1.0  # samples that a run may be too long or too short for the rate


class Grid:
    """The times of rows as they come, run by run: in a run, each row is one step behind the row before.

    Parameters
    ----------
    layout : Layout
    stated : float, optional
        The rate that was given, in Hz.
    """

    def __init__(self, layout: Layout, stated: float | None) -> None:
        self.layout, self.stated = layout, stated
        self.rate = 0.0  # of the most frequent step
        self.twice = self.n = 0
        self.first: list[
            float
        ] = []  # of each run: when its first and its last row were taken, and how many it has
        self.last: list[float] = []
        self.size: list[int] = []
        self._before: tuple[float, np.ndarray] | None = None  # the last row that counts

    def add(self, rows: Rows) -> np.ndarray:
        """Take the next rows; return which of them count, bool (n,): not those that stand there twice.

        Raises
        ------
        DataError
            If the times do not rise step by step.
        """
        if not len(rows.values):
            return np.empty(0, bool)
        assert rows.seconds is not None
        seconds, values, lines = rows.seconds, rows.values, rows.lines
        joined = self._before is not None
        if self._before is not None:
            seconds = np.append(self._before[0], seconds)
            values = np.concatenate([self._before[1][None], values])
            lines = np.append(lines[0], lines)
        counts = self._not_twice(seconds, values, lines)
        seconds, lines = seconds[counts], lines[counts]
        self._extend(seconds, lines, joined=joined)
        self._before = float(seconds[-1]), values[counts][-1]
        return counts[joined:]

    def _not_twice(self, seconds: np.ndarray, values: np.ndarray, lines: np.ndarray) -> np.ndarray:
        """Return which rows are not the row before once more; refuse those that contradict it, and times that fall."""
        step = np.diff(seconds)
        if (step < 0).any():
            row = int(np.argmax(step < 0)) + 1
            self._refuse(
                f"'{self._spell(seconds[row])}' behind '{self._spell(seconds[row - 1])}'", lines[row]
            )
        again = np.append(False, step == 0)
        twice = np.flatnonzero(again)
        same = (values[twice] == values[twice - 1]) | (np.isnan(values[twice]) & np.isnan(values[twice - 1]))
        if not same.all():
            row = int(twice[np.argmin(same.all(axis=1))])
            self._refuse(f"'{self._spell(seconds[row])}' twice with different values", lines[row])
        self.twice += twice.size
        return ~again

    def _extend(self, seconds: np.ndarray, lines: np.ndarray, *, joined: bool) -> None:
        """Go on with the runs; the first row is the last of the block before where it is ``joined``."""
        step = np.diff(seconds)
        if not self.rate and step.size:
            self.rate = self._usual_rate(step)
        steps = np.rint(step * self.rate)
        off = (np.abs(step * self.rate - steps) > TOLERANCE) & (steps <= NEAR)
        off |= steps == 0
        if off.any():
            self._refuse_uneven(step, off, seconds, lines)
        begins = np.append([] if joined else [0], np.flatnonzero(steps != 1) + 1).astype(np.int64)
        bounds = np.append(begins, len(seconds))
        if joined:
            stop = int(bounds[0])
            self.last[-1], self.size[-1] = float(seconds[stop - 1]), self.size[-1] + stop - 1
        self.first += seconds[begins].tolist()
        self.last += seconds[bounds[1:] - 1].tolist()
        self.size += np.diff(bounds).tolist()
        self.n += len(seconds) - joined
        check(
            len(self.size) <= max(8, self.n // 3),
            DataError,
            "The times of '{}' must be even, one row a step. Got {} gaps in {} rows: resample it to an even rate first.",
            self.layout.source,
            len(self.size) - 1,
            self.n,
        )

    def _usual_rate(self, step: np.ndarray) -> float:
        usual = 1 / float(np.median(step))
        if self.stated is None:
            return usual
        check(
            abs(self.stated / usual - 1) <= 0.1,
            DataError,
            "The rate of '{}' must be that of its times, {:.6g} Hz. Got {:.6g} Hz.",
            self.layout.source,
            usual,
            self.stated,
        )
        return self.stated

    def _refuse_uneven(
        self, step: np.ndarray, off: np.ndarray, seconds: np.ndarray, lines: np.ndarray
    ) -> None:
        usual = 1 / self.rate
        if off.mean() > 0.05:
            low, high = np.quantile(step, (0.1, 0.9))
            raise DataError(
                f"The times of '{self.layout.source}' must be even, one row a step. Got steps from {low:.4g} s to {high:.4g} s"
                f" (the middle {usual:.4g} s): resample it to an even rate first."
            )
        row = int(np.argmax(off)) + 1
        self._refuse(
            f"a step of {step[row - 1]:.6g} s instead of {usual:.6g} s before '{self._spell(seconds[row])}'",
            lines[row],
        )

    def _spell(self, time: float) -> str:
        return spell_time(float(time), dated=self.layout.dated)

    def _refuse(self, got: str, line: int) -> None:
        raise DataError(
            f"The times of '{self.layout.source}' must rise, one row a step. Got {got} in line {line}."
        )

    def notes(self) -> list[str]:
        """Say what was done."""
        if not self.twice:
            return []
        rows = f"{self.twice} row{'s' * (self.twice > 1)}"
        return [f"'{self.layout.source}': {rows} with the time and values of the row before, used once."]

    def settle(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Return when each run starts, in s, how many rows it has, and the rate in Hz, made exact by all of them."""
        first, last, size = np.array(self.first), np.array(self.last), np.array(self.size, np.int64)
        rows, seconds = int((size - 1).sum()), float((last - first).sum())
        check(
            rows or self.stated,
            DataError,
            "The rate of '{}' must be known. Got one row: give it in Hz with --rate.",
            self.layout.source,
        )
        rate = self.stated or _meant(rows / seconds, most=int(size.max()))
        off = np.abs((last - first) * rate - (size - 1))
        worst = int(np.argmax(off))
        check(
            off[worst] <= DRIFT,
            DataError,
            "The times of '{}' must keep to one rate ({:.6g} Hz). Got {:.3g} samples too many or too few from {} to {}: resample"
            " it to an even rate first.",
            self.layout.source,
            rate,
            off[worst],
            self._spell(first[worst]),
            self._spell(last[worst]),
        )
        return first, size, rate


def _meant(exact: float, *, most: int) -> float:
    """Return the whole rate or interval next to a rate, if that moves none of ``most`` samples by half a step."""
    for whole in (float(round(exact)), 1 / round(1 / exact) if exact < 1 else 0.0):
        if whole > 0 and abs(whole / exact - 1) < min(0.01, 0.5 / most):
            return whole
    return exact
