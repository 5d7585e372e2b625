"""Known and found picks side by side, within what is judged, and which belongs to which: one to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from clew.errors import DataError, SettingError, check, check_choice
from clew.measure.picks import Picks
from clew.read.picks import KnownPick, family_of
from clew.words import listed

if TYPE_CHECKING:
    from clew.read.recording import Recording

By = Literal["event", "station", "recording"]
BY = ("event", "station", "recording")
FAMILIES = ("P", "S")  # that every picker is to find
HOUR = 3600.0
ROUNDING = 1e-6  # s: a pick that is off by the tolerance is within, whatever seconds since 1970 round to


@dataclass(frozen=True)
class Span:
    """A stretch of a recording in which picks are judged.

    Parameters
    ----------
    recording : str
        Its name.
    start, end : float
        In s, as `Recording.time` gives them; the end does not belong to it.
    noise : bool
        Whether nobody knows of an event in it: every pick there is a false alarm, and the rate of them is of such spans.
    """

    recording: str
    start: float
    end: float
    noise: bool = False


def spans_of(recordings: Sequence[Recording], *, noise: bool = False) -> list[Span]:
    """Return each recording as one span, from its first sample to behind its last."""
    return [Span(one.name, one.start, one.start + one.duration, noise) for one in recordings]


# ---- one to one ----
def match(known: np.ndarray, found: np.ndarray, tolerance: float) -> np.ndarray:
    """Pair times with times, each with one at most: as many pairs as can be, and of those ways the one with the least sum.

    Parameters
    ----------
    known, found : ndarray of float64, shape (n_known,) and (n_found,)
        Times in s, in any order.
    tolerance : float
        Pairs are at most so far apart, in s.

    Returns
    -------
    ndarray of int64, shape (n_known,)
        Which found time belongs to each known one; -1 where none does.

    Notes
    -----
    Times that no chain of steps of at most ``tolerance`` joins cannot be pairs, so each chain is solved for itself: most hold
    one of either. The others are an assignment (scipy.optimize.linear_sum_assignment) in which no pair costs more than all
    within the tolerance do together.
    """
    paired = np.full(len(known), -1, np.int64)
    if not len(known) or not len(found):
        return paired
    reach = tolerance + ROUNDING
    times = np.concatenate([known, found])
    order = np.argsort(times, kind="stable")
    chain = np.concatenate([[0], np.cumsum(np.diff(times[order]) > reach)])
    mine = order < len(known)
    n_mine, n_all = np.bincount(chain[mine], minlength=chain[-1] + 1), np.bincount(chain)
    alone = (n_mine == 1) & (n_all == 2)
    one, other = mine & alone[chain], ~mine & alone[chain]
    paired[order[one]] = order[other] - len(known)
    for which in np.flatnonzero((n_mine > 0) & (n_all > n_mine) & ~alone):
        low, high = np.searchsorted(chain, [which, which + 1])
        members = order[low:high]
        a, b = members[members < len(known)], members[members >= len(known)] - len(known)
        rows, columns = _assigned(known[a], found[b], reach)
        paired[a[rows]] = b[columns]
    return paired


def _assigned(known: np.ndarray, found: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Return which known times go with which found ones in one chain."""
    from scipy.optimize import linear_sum_assignment

    off = np.abs(known[:, None] - found[None, :])
    never = reach * (min(off.shape) + 1)
    rows, columns = linear_sum_assignment(np.where(off <= reach, off, never))
    near = off[rows, columns] <= reach
    return rows[near], columns[near]


# ---- what is judged ----
@dataclass(frozen=True, eq=False)
class Judged:
    """Known and found picks side by side, in columns, within what is judged."""

    recording: np.ndarray
    station: np.ndarray
    phase: np.ndarray
    event: np.ndarray
    known: np.ndarray
    group: np.ndarray  # codes of the groups of known picks
    found_recording: np.ndarray
    found_station: np.ndarray
    found_phase: np.ndarray
    found: np.ndarray
    found_group: np.ndarray
    found_noise: np.ndarray
    probability: np.ndarray
    n_groups: int
    hours: float
    noise_hours: float
    notes: list[str]

    def pairs(self, phase: str, tolerance: float, kept: np.ndarray | None = None) -> np.ndarray:
        """Return for each known pick which found one is its own, int64 (n_known,); only those of ``kept``.

        Recordings are laid one behind the other, too far apart for pairs across.
        """
        mine = np.flatnonzero(self.phase == phase)
        theirs = np.flatnonzero((self.found_phase == phase) & (True if kept is None else kept))
        paired = np.full(self.known.size, -1, np.int64)
        if not mine.size or not theirs.size:
            return paired
        where = np.concatenate([self.recording[mine], self.found_recording[theirs]])
        times = np.concatenate([self.known[mine], self.found[theirs]])
        code = np.unique(where, return_inverse=True)[1].reshape(-1)
        low, high = np.full(code.max() + 1, np.inf), np.full(code.max() + 1, -np.inf)
        np.minimum.at(low, code, times)
        np.maximum.at(high, code, times)
        begins = np.concatenate([[0.0], np.cumsum(high - low + 4 * tolerance + 1.0)[:-1]])
        laid = times - low[code] + begins[code]
        got = match(laid[: mine.size], laid[mine.size :], tolerance)
        paired[mine[got >= 0]] = theirs[got[got >= 0]]
        return paired

    def false_rate(self, false: np.ndarray) -> float:
        """Return how many of some false picks (numbers) an hour has: of noise, where there is any."""
        if self.noise_hours:
            return float(self.found_noise[false].sum() / self.noise_hours)
        return false.size / self.hours if self.hours else float("nan")


def judge(
    found: Picks, truth: Sequence[KnownPick], judged: Sequence[Span] | None, by: By, phases: Sequence[str] | None,
    recordings: Sequence[Recording] = (),
) -> Judged:  # fmt: skip
    """Put known and found picks into columns, within what is judged and of the phases that are.

    The arguments are those of `clew.validate.picks.score_picks`; ``recordings`` tell the stations of known picks.
    """
    check_choice(by, BY, what="'by' setting", of="score_picks")
    notes: list[str] = []
    told = set(np.unique(found.phase).tolist())
    fold = all(family_of(one) == one for one in told)
    rows = list({(one.recording, one.family if fold else one.phase, one.time): one for one in truth}.values())
    if len(rows) < len(truth):
        notes.append(f"{len(truth) - len(rows):,} known picks were given twice and count once.")
    recording, event = (np.array([getattr(one, name) for one in rows], np.str_) for name in ("recording", "event"))  # fmt: skip
    spelt = np.array([one.phase for one in rows], np.str_)
    phase = np.array([one.family for one in rows], np.str_) if fold else spelt
    for name in np.unique(phase[phase != spelt]).tolist():
        alike = (phase == name) & (phase != spelt)
        notes.append(
            f"{int(alike.sum()):,} known picks of {listed(np.unique(spelt[alike]).tolist())} count as {name}."
        )
    known = np.array([one.time for one in rows], np.float64)
    check(
        np.isfinite(known).all(),
        DataError,
        "The time of every known pick must be a number. Got NaN or infinity in {} of {}.",
        int((~np.isfinite(known)).sum()),
        known.size,
    )
    inside, _ = within(recording, known, judged)
    found_inside, noise = within(found.recording, found.time, judged)
    sought = told | set(FAMILIES)
    named = np.array([one for one in np.unique(phase[inside]).tolist() if one in sought] if phases is None else list(phases), np.str_)  # fmt: skip
    mine, theirs = inside & np.isin(phase, named), found_inside.copy()
    if phases is not None or named.size:
        theirs &= np.isin(found.phase, named)
    for n, what in (
        ((~inside).sum(), "known picks lie outside of what is judged and are left out"),
        ((~found_inside).sum(), "picks lie outside of what is judged and are left out"),
        ((inside & ~mine).sum(), f"known picks are of phases that are not scored ({listed(np.unique(phase[inside & ~mine]).tolist())}) and are left out"),
        ((found_inside & ~theirs).sum(), f"picks are of phases that nobody has picked ({listed(np.unique(found.phase[found_inside & ~theirs]).tolist())}) and are left out"),
    ):  # fmt: skip
        if n:
            notes.append(f"{int(n):,} {what}.")
    hours = sum(one.end - one.start for one in judged or ()) / HOUR
    noise_hours = sum(one.end - one.start for one in judged or () if one.noise) / HOUR
    check(
        inside.any() or noise_hours,
        DataError,
        "The known picks to score against must lie in what is judged. Got none of {} there.",
        len(rows),
    )
    recording, phase, event, known = recording[mine], phase[mine], event[mine], known[mine]
    stations = dict(zip(found.recording.tolist(), found.station.tolist()))
    stations |= {one.name: one.station or one.name for one in recordings}
    station = np.array([stations.get(name, name) for name in recording.tolist()], np.str_)
    at = np.flatnonzero(theirs)
    columns = (found.recording[at], found.station[at], found.phase[at], found.time[at])
    group, found_group = _groups(by, recording, station, event, known, columns)
    codes = np.unique(np.concatenate([group, found_group]), return_inverse=True)[1].reshape(-1)
    return Judged(
        recording, station, phase, event, known, codes[: known.size], *columns, codes[known.size :], noise[at],
        found.probability[at], int(codes.max(initial=-1)) + 1, hours, noise_hours, notes,
    )  # fmt: skip


def within(
    recording: np.ndarray, time: np.ndarray, judged: Sequence[Span] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Tell of each pick whether it is judged, and whether in noise; all are where no spans are given."""
    inside = np.full(len(time), judged is None)
    noise = np.zeros(len(time), bool)
    if judged is None or not len(time):
        return inside, noise
    order = np.lexsort((time, recording))
    names, times = recording[order], time[order]
    for span in judged:
        check(
            span.end > span.start,
            SettingError,
            "The 'end' of a span of '{}' must be behind its start ({}). Got {} instead.",
            span.recording,
            span.start,
            span.end,
        )
        low, high = np.searchsorted(names, span.recording), np.searchsorted(names, span.recording, "right")
        a, b = low + np.searchsorted(times[low:high], [span.start, span.end])
        inside[order[a:b]] = True
        noise[order[a:b]] |= span.noise
    return inside, noise


def _groups(
    by: By, recording: np.ndarray, station: np.ndarray, event: np.ndarray, known: np.ndarray, columns: tuple[np.ndarray, ...]
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return the name of the group of each known and each found pick.

    A found pick belongs to the event of the known pick that is nearest in its recording; where there is none, to its
    recording, as a known pick without an event does.
    """
    found_recording, found_station, _, time = columns
    if by == "station":
        return station, found_station
    if by == "recording":
        return recording, found_recording
    mine = np.array([one or f"recording {where}" for one, where in zip(event.tolist(), recording.tolist())], object)  # fmt: skip
    theirs = np.array([f"recording {where}" for where in found_recording.tolist()], object)
    for name in np.unique(recording):
        a, b = np.flatnonzero(recording == name), np.flatnonzero(found_recording == name)
        a = a[np.argsort(known[a], kind="stable")]
        middles = (known[a][1:] + known[a][:-1]) / 2
        theirs[b] = mine[a[np.searchsorted(middles, time[b])]]
    return mine.astype(np.str_), theirs.astype(np.str_)
