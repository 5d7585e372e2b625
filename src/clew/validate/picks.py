"""How good are picks of seismic phases: what was found, what was missed, how far off, and how often nothing was there?"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import SettingError, check, check_choice
from clew.intervals import Interval, number, sums_interval
from clew.measure.picks import Picks
from clew.measure.signal_to_noise import signal_to_noise
from clew.result import Result
from clew.validate.pick_pairs import HOUR, ROUNDING, By, Judged, Span, judge, match, spans_of, within
from clew.validate.pick_thresholds import (
    THRESHOLDS,
    ThresholdCurve,
    choose_threshold,
    curve_of,
    recall_at,
    threshold_curve,
)

if TYPE_CHECKING:
    from clew.read.picks import KnownPick
    from clew.read.recording import Recording

__all__ = [
    "PickScores", "Span", "ThresholdCurve", "choose_threshold", "match", "recall_at", "score_picks", "spans_of", "threshold_curve",
]  # fmt: skip

SNR_EDGES = (5.0, 10.0, 20.0, 30.0)  # dB between the classes of the ratio of signal to noise


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class PickScores(Result):
    """How picks compare with known ones, one to one, phase by phase.

    Parameters
    ----------
    phases : list of str
    tolerances : list of float
        In s, rising.
    figures : dict
        For each phase, tolerance (as "0.1") and of "precision", "recall", "f1" an `Interval` over groups.
    counts : dict
        For each phase and tolerance: "true" (right picks), "false", "missed".
    chance : dict
        For each phase and tolerance the "recall" and "precision" that as many picks at random moments would have; NaN where
        it is not known how long was judged.
    residuals : dict
        For each phase "mean" and "mae" (mean absolute) as `Interval`, "sd", "median" in s, and "n": found less known, of
        pairs within the largest tolerance.
    stations, ratios : dict
        For each station, and for each class of the ratio of signal to noise in dB, by phase: "n" known picks, and the
        "recall" at each tolerance as an `Interval`. Of stations also "mean", of the residuals in s, and "false" picks.
    false_per_hour : dict
        Of each phase, at the largest tolerance.
    hours, noise_hours : float
        How long was judged, and how much of that is noise; where there is any, `false_per_hour` is of noise alone.
    recording, station, phase, event : ndarray of str, shape (n_known,)
        Of each known pick.
    known, found, probability, ratio : ndarray of float64, shape (n_known,)
        When it is, when it was picked (NaN where missed, within the largest tolerance), with which probability, and the
        signal-to-noise ratio in dB (NaN where not known).
    false_recording, false_station, false_phase : ndarray of str, shape (n_false,)
        Of the picks that no known one is near to, at the largest tolerance.
    false_time, false_probability : ndarray of float64, shape (n_false,)
    detections : dict
        Of a model that tells spans: "recall" of events as an `Interval`, "false_per_hour"; empty of others.
    curves : dict of str to ThresholdCurve
        Of each phase at the smallest tolerance, where the picks have probabilities.
    by : str
        What the intervals are over.
    notes : list of str
        What was left out.
    """

    phases: list[str]
    tolerances: list[float]
    figures: dict[str, dict[str, dict[str, Interval]]]
    counts: dict[str, dict[str, dict[str, int]]]
    chance: dict[str, dict[str, dict[str, float]]]
    residuals: dict[str, dict[str, Any]]
    stations: dict[str, dict[str, Any]]
    ratios: dict[str, dict[str, Any]]
    false_per_hour: dict[str, float]
    hours: float
    noise_hours: float
    recording: np.ndarray
    station: np.ndarray
    phase: np.ndarray
    event: np.ndarray
    known: np.ndarray
    found: np.ndarray
    probability: np.ndarray
    ratio: np.ndarray
    false_recording: np.ndarray
    false_station: np.ndarray
    false_phase: np.ndarray
    false_time: np.ndarray
    false_probability: np.ndarray
    detections: dict[str, Any] = dataclasses.field(default_factory=dict)
    curves: dict[str, ThresholdCurve] = dataclasses.field(default_factory=dict)
    by: str = "event"
    notes: list[str] = dataclasses.field(default_factory=list)

    @property
    def residual(self) -> np.ndarray:
        """Found less known in s, float64 (n_known,); NaN where missed."""
        return np.asarray(self.found - self.known)

    def headline(self) -> str:
        """Say how many were found of each phase, and F1."""
        told = []
        for phase in self.phases:
            known, near = int((self.phase == phase).sum()), f"{self.tolerances[0]:g} s"
            right = [f"{self.counts[phase][_key(t)]['true']:,} within {t:g} s" for t in self.tolerances]
            f1 = self.figures[phase][_key(self.tolerances[0])]["f1"].value
            said = f", F1 {f1:.2f} within {near}" if np.isfinite(f1) else ""
            if not self.residuals[phase]["n"]:
                right, said = [f"none within {self.tolerances[-1]:g} s"], ""
            told.append(f"{phase}: of {known:,} known picks {' and '.join(right)} found{said}")
        return "; ".join(told)

    def outliers(self, n: int = 12, *, phase: str | None = None) -> np.ndarray:
        """Return which known picks were found the furthest off: int64 (at most n,), the worst first.

        Of those within the largest tolerance and not within the smallest; of ``phase`` only, where it is given.
        """
        off = np.abs(self.residual)
        worth = off > self.tolerances[0] + ROUNDING
        if phase is not None:
            worth &= self.phase == phase
        at = np.flatnonzero(worth)
        return at[np.argsort(-off[at], kind="stable")][:n]

    def histogram(self, phase: str, *, bins: int = 41) -> tuple[np.ndarray, np.ndarray]:
        """Return how many residuals of a phase lie in equal bins: int64 (bins,), and their edges in s, float64 (bins + 1,)."""
        check_choice(phase, self.phases, what="'phase'", of="the histogram")
        values = self.residual[(self.phase == phase) & np.isfinite(self.found)]
        reach = self.tolerances[-1]
        counts, edges = np.histogram(np.clip(values, -reach, reach), bins, (-reach, reach))
        return counts, edges

    def summary(self) -> dict[str, Any]:
        """Return every figure as JSON holds it, by phase and tolerance."""
        return {
            "phases": {
                phase: {
                    key: {name: one.summary() for name, one in figures.items()}
                    | self.counts[phase][key]
                    | {"chance": _plain(self.chance[phase][key])}
                    for key, figures in by.items()
                }
                for phase, by in self.figures.items()
            },
            "residual": _plain(self.residuals),
            "false_alarms_per_hour": _plain(self.false_per_hour),
            "hours": number(self.hours),
            "noise_hours": self.noise_hours,
            "stations": _plain(self.stations),
            "signal_to_noise": _plain(self.ratios),
            "detections": _plain(self.detections),
            "thresholds": {phase: number(one.chosen) for phase, one in self.curves.items()},
            "outliers": [self._row(i) for i in self.outliers()],
            "known": len(self.known),
            "by": self.by,
            "notes": list(self.notes),
        }

    def _row(self, i: int) -> dict[str, Any]:
        text = {name: str(getattr(self, name)[i]) for name in ("recording", "station", "phase", "event")}
        return text | {
            "known": float(self.known[i]),
            "found": float(self.found[i]),
            "residual": float(self.residual[i]),
        }


# ---- scores ----
def score_picks(
    found: Picks,
    truth: Sequence[KnownPick],
    *,
    judged: Sequence[Span] | None = None,
    recordings: Sequence[Recording] = (),
    tolerances: Sequence[float] = (0.1, 0.5),
    phases: Sequence[str] | None = None,
    by: By = "event",
    snr_edges: Sequence[float] = SNR_EDGES,
    level: float = 0.95,
) -> PickScores:
    """Compare picks with known ones.

    Parameters
    ----------
    found : Picks
        Of a model or a classical picker, above its threshold.
    truth : sequence of KnownPick
        What people or a catalogue say. Where it is not complete, what it lacks counts as false.
    judged : sequence of Span, optional
        Where picks are judged, and what of that is noise; all of ``recordings`` by default, and without them everywhere:
        then it is not known how long that is.
    recordings : sequence of Recording, optional
        They tell how long was judged, and the ratio of signal to noise of each known pick.
    tolerances : sequence of float
        How far a pick may be from the known one, in s.
    phases : sequence of str, optional
        Which to score; by default those that are known and found, and P and S. Where ``found`` holds no finer ones, the
        known Pg, Pn, ... count as P, and likewise for S.
    by : {"event", "station", "recording"}
        What belongs together: intervals are over these, for picks of one earthquake resemble each other.
    snr_edges : sequence of float
        Between the classes of the ratio of signal to noise, in dB.
    level : float
        The share of intervals that are to cover the true value.

    Returns
    -------
    PickScores

    Raises
    ------
    SettingError
        If tolerances are not above 0, or a span ends before it starts.
    DataError
        If no known pick is judged, and no noise.

    Notes
    -----
    Of two picks within the tolerance of one known pick, one is right and the other a false alarm: `match`. The intervals are
    those of `clew.intervals`: Wilson's on an effective number, by leaving out one group at a time.
    """
    lengths = sorted(float(one) for one in tolerances)
    check(
        lengths and lengths[0] > 0,
        SettingError,
        "The 'tolerances' of score_picks must be seconds above 0. Got {} instead.",
        list(tolerances),
    )
    if judged is None and recordings:
        judged = spans_of(recordings)
    data = judge(found, truth, judged, by, phases, recordings)
    names = (
        [str(one) for one in phases]
        if phases is not None
        else np.unique(np.concatenate([data.phase, data.found_phase])).tolist()
    )
    ratio = _ratios(data, recordings)
    figures: dict[str, dict[str, dict[str, Interval]]] = {phase: {} for phase in names}
    counts: dict[str, dict[str, dict[str, int]]] = {phase: {} for phase in names}
    chance: dict[str, dict[str, dict[str, float]]] = {phase: {} for phase in names}
    residuals, rates = {}, {}
    paired = {}  # of each phase and tolerance
    whose = np.full(data.known.size, -1, np.int64)
    false_at: list[np.ndarray] = []
    for phase in names:
        mine, theirs = np.flatnonzero(data.phase == phase), np.flatnonzero(data.found_phase == phase)
        for length in lengths:
            pairs = data.pairs(phase, length)
            key = _key(length)
            paired[phase, key] = pairs
            sums = _sums(data, pairs, mine, theirs)
            n_true, n_false, n_missed = (int(one) for one in sums.sum(axis=0))
            figures[phase][key] = _figures(sums, level)
            counts[phase][key] = {"true": n_true, "false": n_false, "missed": n_missed}
            chance[phase][key] = _chance(mine.size, theirs.size, length, data.hours * HOUR)
        whose[mine] = pairs[mine]
        false = np.setdiff1d(theirs, pairs[pairs >= 0])
        false_at.append(false)
        rates[phase] = data.false_rate(false)
        residuals[phase] = _residuals(data, pairs, level)
    false_all = np.sort(np.concatenate(false_at)) if false_at else np.empty(0, np.int64)
    got = np.where(whose >= 0, whose, 0)
    times, likely = ((one[got] if one.size else np.full(got.size, np.nan)) for one in (data.found, data.probability))  # fmt: skip
    curves = {
        phase: curve_of(data, phase, lengths[0], THRESHOLDS)
        for phase in names
        if np.isfinite(data.probability[data.found_phase == phase]).any()
    }
    return PickScores(
        phases=names, tolerances=lengths, figures=figures, counts=counts, chance=chance, residuals=residuals,
        stations=_by_station(data, names, paired, lengths, false_all, level),
        ratios=_by_ratio(data, names, paired, lengths, ratio, sorted(float(one) for one in snr_edges), level),
        false_per_hour=rates, hours=data.hours if judged else float("nan"), noise_hours=data.noise_hours,
        recording=data.recording, station=data.station, phase=data.phase, event=data.event, known=data.known,
        found=np.where(whose >= 0, times, np.nan), probability=np.where(whose >= 0, likely, np.nan), ratio=ratio,
        false_recording=data.found_recording[false_all], false_station=data.found_station[false_all],
        false_phase=data.found_phase[false_all], false_time=data.found[false_all],
        false_probability=data.probability[false_all], detections=_detections(found, data, judged, level),
        curves=curves, by=by, notes=data.notes,
        settings={"tolerances": lengths, "phases": names, "by": by, "level": level, "snr_edges": [float(one) for one in snr_edges]},
    )  # fmt: skip


def _key(tolerance: float) -> str:
    return f"{tolerance:g}"


def _sums(data: Judged, pairs: np.ndarray, mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Return how many picks of each group are right, false and missed: float64 (n_groups, 3)."""
    hit = pairs[mine] >= 0
    false = np.setdiff1d(theirs, pairs[mine][hit])
    parts = (data.group[mine][hit], data.found_group[false], data.group[mine][~hit])
    sums = np.stack([np.bincount(part, minlength=data.n_groups) for part in parts], axis=1)
    return sums.astype(np.float64)


def _figures(sums: np.ndarray, level: float) -> dict[str, Interval]:
    """Return precision, recall and F1 of sums (n_groups, 3), each with its interval."""
    weights = {"precision": ([1, 0, 0], [1, 1, 0]), "recall": ([1, 0, 0], [1, 0, 1]), "f1": ([2, 0, 0], [2, 1, 1])}  # fmt: skip
    return {
        name: _share(sums @ np.array(above, float), sums @ np.array(below, float), level, 2 if name == "f1" else 1)
        for name, (above, below) in weights.items()
    }  # fmt: skip


def _share(above: np.ndarray, below: np.ndarray, level: float, times: int = 1) -> Interval:
    """Return a share over groups: sums (n_groups,) above and below the line; groups without any do not count."""
    there = below > 0
    if not there.any():
        return Interval(value=np.nan, low=np.nan, high=np.nan, n_groups=0, n_rows=0, note="Not defined for these rows.")  # fmt: skip
    return sums_interval(
        _ratio_of, np.stack([above, below], axis=1)[there], n_rows=round(float(below.sum()) / times), level=level
    )  # fmt: skip


def _ratio_of(sums: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1])


def _residuals(data: Judged, pairs: np.ndarray, level: float) -> dict[str, Any]:
    """Return how far pairs are apart: found less known, in s."""
    at = np.flatnonzero(pairs >= 0)
    off = data.found[pairs[at]] - data.known[at]
    if not off.size:
        none = Interval(value=np.nan, low=np.nan, high=np.nan, n_groups=0, n_rows=0, note="Not defined for these rows.")  # fmt: skip
        return {"mean": none, "mae": none, "sd": float("nan"), "median": float("nan"), "n": 0}
    n = np.bincount(data.group[at], minlength=data.n_groups)
    ends = {"mean": (-np.inf, np.inf), "mae": (0.0, np.inf)}
    means = {
        name: sums_interval(
            _ratio_of,
            np.stack([np.bincount(data.group[at], values, data.n_groups), n], axis=1)[n > 0],
            n_rows=off.size,
            bounds=ends[name],
            level=level,
        )
        for name, values in (("mean", off), ("mae", np.abs(off)))
    }
    return means | {
        "sd": float(off.std(ddof=1)) if off.size > 1 else float("nan"),
        "median": float(np.median(off)),
        "n": int(off.size),
    }


def _chance(n_known: int, n_found: int, tolerance: float, seconds: float) -> dict[str, float]:
    """Return recall and precision of as many picks at random moments.

    Of picks that fall as a Poisson process, a known one that lies far from the others has at least one within ``tolerance``
    on either side with the probability ``1 - exp(-2 tolerance rate)``.
    """
    if not seconds:
        return {"recall": float("nan"), "precision": float("nan")}
    recall = 1 - np.exp(-2 * tolerance * n_found / seconds)
    return {
        "recall": float(recall) if n_known else float("nan"),
        "precision": float(min(1.0, recall * n_known / n_found)) if n_found else float("nan"),
    }


# ---- parts of the known picks ----
def _ratios(data: Judged, recordings: Sequence[Recording]) -> np.ndarray:
    """Return the signal-to-noise ratio of each known pick in dB; noise is what lies before the first of its event."""
    ratio = np.full(data.known.size, np.nan)
    where = {one.name: one for one in recordings}
    first: dict[tuple[str, str], float] = {}
    for name, event, time in zip(data.recording.tolist(), data.event.tolist(), data.known.tolist()):
        first[name, event] = min(time, first.get((name, event), np.inf))
    for i, name in enumerate(data.recording.tolist()):
        if name in where:
            time, begins = float(data.known[i]), first[name, str(data.event[i])]
            near = begins if data.event[i] or time - begins < 120.0 else time
            ratio[i] = signal_to_noise(where[name], time, noise_before=near)
    return ratio


def _part(
    data: Judged, here: np.ndarray, phase: str, paired: Mapping[tuple[str, str], np.ndarray], lengths: list[float], level: float
) -> dict[str, Any]:  # fmt: skip
    """Return the recall of some known picks (numbers) at each tolerance."""
    below = np.bincount(data.group[here], minlength=data.n_groups).astype(np.float64)
    recall = {}
    for length in lengths:
        hit = here[paired[phase, _key(length)][here] >= 0]
        above = np.bincount(data.group[hit], minlength=data.n_groups).astype(np.float64)
        recall[_key(length)] = _share(above, below, level)
    return {"n": int(here.size), "recall": recall}


def _by_station(
    data: Judged, names: list[str], paired: Mapping[tuple[str, str], np.ndarray], lengths: list[float], false: np.ndarray, level: float
) -> dict[str, dict[str, Any]]:  # fmt: skip
    found: dict[str, dict[str, Any]] = {}
    for station in np.unique(np.concatenate([data.station, data.found_station[false]])).tolist():
        found[station] = {}
        for phase in names:
            here = np.flatnonzero((data.station == station) & (data.phase == phase))
            wrong = int(((data.found_station[false] == station) & (data.found_phase[false] == phase)).sum())
            if not here.size and not wrong:
                continue
            pairs = paired[phase, _key(lengths[-1])][here]
            off = data.found[pairs[pairs >= 0]] - data.known[here[pairs >= 0]]
            found[station][phase] = _part(data, here, phase, paired, lengths, level) | {
                "mean": float(off.mean()) if off.size else float("nan"),
                "false": wrong,
            }
    return found


def _by_ratio(
    data: Judged, names: list[str], paired: Mapping[tuple[str, str], np.ndarray], lengths: list[float], ratio: np.ndarray,
    edges: list[float], level: float,
) -> dict[str, dict[str, Any]]:  # fmt: skip
    if not np.isfinite(ratio).any():
        return {}
    ends = [-np.inf, *edges, np.inf]
    found: dict[str, dict[str, Any]] = {}
    for low, high in itertools.pairwise(ends):
        name = f"below {high:g}" if np.isinf(low) else f"{low:g} or more" if np.isinf(high) else f"{low:g} to {high:g}"  # fmt: skip
        inside = (ratio >= low) & (ratio < high)
        found[name] = {
            phase: _part(data, here, phase, paired, lengths, level)
            for phase in names
            if (here := np.flatnonzero(inside & (data.phase == phase))).size
        }
    return {name: one for name, one in found.items() if one}


def _detections(found: Picks, data: Judged, judged: Sequence[Span] | None, level: float) -> dict[str, Any]:
    """Return how many events the spans of a model touch, from the first to the last known pick in a recording."""
    spans = found.detections
    if spans is None:
        return {}
    middle = (spans.start + spans.end) / 2
    inside, noise = within(spans.recording, middle, judged)
    events: dict[tuple[str, str], list[float]] = {}
    code: dict[tuple[str, str], int] = {}
    for i, key in enumerate(zip(data.recording.tolist(), data.event.tolist())):
        low, high = events.get(key, [np.inf, -np.inf])
        events[key] = [min(low, float(data.known[i])), max(high, float(data.known[i]))]
        code[key] = int(data.group[i])
    above, below = np.zeros(data.n_groups), np.zeros(data.n_groups)
    right = np.zeros(len(middle), bool)
    for (name, event), (low, high) in events.items():
        touching = (spans.recording == name) & (spans.start <= high) & (spans.end >= low)
        right |= touching
        below[code[name, event]] += 1
        above[code[name, event]] += bool((touching & inside).any())
    wrong = inside & ~right
    hours = data.noise_hours or data.hours
    rate = float((wrong & noise if data.noise_hours else wrong).sum() / hours) if hours else float("nan")
    return {"events": len(events), "recall": _share(above, below, level), "false": int(wrong.sum()), "false_per_hour": rate}  # fmt: skip


def _plain(value: Any) -> Any:
    """Return nested figures as JSON holds them."""
    if isinstance(value, Interval):
        return value.summary()
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    return number(value) if isinstance(value, float) else value
