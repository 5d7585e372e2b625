"""How far apart must rows be so as not to resemble each other? Their places in time and in an image, and the gap between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.samples import Samples

FORGOTTEN = np.exp(-1)  # an autocorrelation below it counts as none
SLOWEST = 0.9  # quantile over the features of the time after which each has forgotten itself
MOST_OF_RECORD = 0.05  # share of the record that a measured gap takes at most
MOST_CELLS = 2**17  # of the time axis, when autocorrelations are measured
MOST_FEATURES = 100  # whose autocorrelations are measured
FEWEST_PAIRS = 10  # of cells, to tell an autocorrelation from
SAME = 1e-6  # s: times that differ by less are one, as those of windows that touch are after rounding
UNITS = (
    (365.2425 * 86400, "year"), (86400.0, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"),
)  # fmt: skip


# ---- places ----
def has_times(samples: Samples) -> bool:
    """Tell whether every row has a finite time (``start`` of `origin`, in s), and not all the same."""
    start = samples.origin.get("start")
    if start is None or start.dtype.kind not in "fiu":
        return False
    values = start.to_numpy(np.float64)
    return bool(np.isfinite(values).all() and len(np.unique(values)) > 1)


def times(samples: Samples) -> np.ndarray:
    """Return when each row starts and ends, float64 of shape (n_rows, 2), in s; the same where there is no ``end``."""
    start = samples.origin["start"].to_numpy(np.float64)
    end = samples.origin["end"].to_numpy(np.float64) if "end" in samples.origin else start
    return np.stack([start, np.where(np.isfinite(end), np.maximum(start, end), start)], axis=1)


def has_places(samples: Samples) -> bool:
    """Tell whether all rows have a place in one and the same image."""
    origin = samples.origin
    if not {"source", "centroid_row", "centroid_col"} <= set(origin.columns):
        return False
    return bool(origin["source"].nunique() == 1 and np.isfinite(positions(samples)).all())


def positions(samples: Samples) -> np.ndarray:
    """Return row and column of each sample in its image, float64 of shape (n_rows, 2), in px."""
    return samples.origin[["centroid_row", "centroid_col"]].to_numpy(dtype=np.float64)


# ---- gaps ----
def time_gap(samples: Samples) -> tuple[float, bool]:
    """Measure how long rows resemble each other.

    Parameters
    ----------
    samples : Samples
        With times; not all the same.

    Returns
    -------
    gap : float
        The first lag at which the autocorrelation of nine features in ten has fallen below 1/e, in s, counted from
        the end of one row to the start of the next; a twentieth of the record at most, so that rows are left.
    longer : bool
        Whether rows still resemble each other then.

    Notes
    -----
    Autocorrelations of ranks, so that no outlier decides, over pairs of cells of the time axis that hold rows: times
    may be uneven and have holes. A cell is as long as the usual (median) step from one time to the next.
    """
    start, end = times(samples).T
    record, steps = np.ptp(start), np.diff(np.unique(start))
    cell = max(float(np.median(steps)), record / MOST_CELLS)
    window = float(np.median(end - start))
    n_lags = int(MOST_OF_RECORD * record / cell)
    varied = np.flatnonzero(np.ptp(samples.features, axis=0) > 0)
    if n_lags < 2 or not varied.size:
        return max(cell - window, 0.0), False
    chosen = varied[np.linspace(0, varied.size - 1, min(varied.size, MOST_FEATURES)).astype(int)]
    at = np.rint((start - start.min()) / cell).astype(np.int64)
    lags = [_forgets_after(samples.features[:, column], at, n_lags) for column in chosen]
    lag = int(np.quantile(lags, SLOWEST, method="higher"))
    return max(min(lag, n_lags) * cell - window, 0.0), lag > n_lags


def _forgets_after(values: np.ndarray, at: np.ndarray, n_lags: int) -> int:
    """Return the first lag, in cells, at which ranks are no longer correlated; ``n_lags + 1`` if that comes later.

    ``values`` (n_rows,) stand in the cells ``at`` (n_rows,), whose mean is taken. All pairs of cells that far apart
    count, by the products of Fourier transforms.
    """
    from scipy.stats import rankdata

    n_cells = int(at.max()) + 1
    held = np.bincount(at, minlength=n_cells)
    full = held > 0
    mean = np.zeros(n_cells)
    mean[full] = np.bincount(at, weights=rankdata(values), minlength=n_cells)[full] / held[full]
    mean[full] -= mean[full].mean()
    pairs, products = (_autocorrelation(x, n_lags) for x in (full.astype(float), mean))
    known = np.rint(pairs) >= FEWEST_PAIRS
    variance = products[0] / full.sum()
    low = known & (products <= FORGOTTEN * variance * pairs)
    low[0] = False
    return int(np.argmax(low)) if low.any() else n_lags + 1


def _autocorrelation(x: np.ndarray, n_lags: int) -> np.ndarray:
    """Return the sum over i of x[i] x[i + lag] for each lag from 0 to ``n_lags``."""
    from scipy.fft import irfft, next_fast_len, rfft

    size = next_fast_len(len(x) + n_lags, real=True)
    return irfft(np.abs(rfft(x, size)) ** 2, size)[: n_lags + 1]


def space_gap(places: np.ndarray) -> float:
    """Return the median distance between nearest neighbours, in px; ``places`` is of shape (n_rows, 2)."""
    from scipy.spatial import cKDTree

    return float(np.median(cKDTree(places).query(places, k=2)[0][:, 1]))


def far_in_time(rows: np.ndarray, others: np.ndarray, gap: float) -> np.ndarray:
    """Tell which rows keep the gap to all others, bool of shape (n_rows,); rows that overlap another never do.

    Parameters
    ----------
    rows, others : ndarray of float64, shape (n_rows, 2) and (n_others, 2)
        Start and end, in s.
    gap : float
        From the end of one row to the start of the next, in s.
    """
    others = others[np.argsort(others[:, 0], kind="stable")]
    ends = np.maximum.accumulate(others[:, 1])
    n_before = np.searchsorted(others[:, 0], rows[:, 0], side="right")
    before = np.append(-np.inf, ends)[n_before]  # the latest end among those that start no later
    after = np.append(others[:, 0], np.inf)[n_before]
    return (rows[:, 0] - before >= gap) & (after - rows[:, 1] >= gap)


def far_in_space(rows: np.ndarray, others: np.ndarray, gap: float) -> np.ndarray:
    """Tell which places, shape (n_rows, 2), keep the gap to all others, in px; bool of shape (n_rows,)."""
    from scipy.spatial import cKDTree

    return cKDTree(others).query(rows)[0] >= gap


def far(samples: Samples, rows: Any, others: Any, *, by: str, gap: float) -> np.ndarray:
    """Tell which of the rows keep the gap to all of the others: both are masks of shape (n_rows,), so is the answer."""
    place, keeps = (times, far_in_time) if by == "time" else (positions, far_in_space)
    places = place(samples)
    kept = np.array(rows, bool)
    if kept.any() and np.any(others):
        kept[kept] = keeps(places[kept], places[others], gap)
    return kept


# ---- samples that rows share ----
@dataclass(frozen=True)
class Spans:
    """Which rows of one recording overlap in time, told by ranks: what is later, or of a later recording, has a higher one.

    Parameters
    ----------
    starts, until : ndarray of int64, shape (n_rows,)
        Ranks of where rows start and, among those, of where they end.
    ends, since : ndarray of int64, shape (n_rows,)
        Ranks of where rows end and, among those, of where they start.
    order : ndarray of int64, shape (n_rows,)
        The rows by their start.
    """

    starts: np.ndarray
    until: np.ndarray
    ends: np.ndarray
    since: np.ndarray
    order: np.ndarray

    def shared(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Tell which of the rows overlap one of the others: both are masks of shape (n_rows,), so is the answer."""
        other = self.order[others[self.order]]
        latest = np.append(-1, np.maximum.accumulate(self.ends[other]))
        found = rows.copy()
        n_before = np.searchsorted(
            self.starts[other], self.until[rows]
        )  # those that start before the row ends
        found[rows] = latest[n_before] > self.since[rows]
        return found


def spans(samples: Samples) -> Spans | None:
    """Return how rows of one recording (column ``recording``, else ``source``) overlap; None where no two of them do."""
    origin = samples.origin
    name = "recording" if "recording" in origin else "source"
    if not {name, "end"} <= set(origin.columns) or not has_times(samples):
        return None
    recording = origin[name].factorize()[0]
    start, end = times(samples).T
    starts, until = _ranks(recording, start, end - SAME)
    ends, since = _ranks(recording, end, start + SAME)
    order = np.argsort(starts, kind="stable")
    reach = np.maximum.accumulate(ends[order])
    if not (reach[:-1] > since[order][1:]).any():
        return None
    return Spans(starts, until, ends, since, order)


def _ranks(recording: np.ndarray, one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ranks of two times of each row among all of them, by recording first; equal ones share a rank."""
    whose, time = np.tile(recording, 2), np.concatenate([one, other])
    order = np.lexsort((time, whose))
    rises = (np.diff(whose[order]) > 0) | (np.diff(time[order]) > 0)
    rank = np.empty(order.size, np.int64)
    rank[order] = np.append(0, np.cumsum(rises))
    return rank[: one.size], rank[one.size :]


def spell_time(seconds: float) -> str:
    """Say a duration in the unit that people would: "0.25 seconds", "68 days"."""
    size, name = next(((size, name) for size, name in UNITS if seconds >= size), UNITS[-1])
    if name == "year" and seconds < 2 * size:  # a year and a half is better said in days
        size, name = UNITS[1]
    number = f"{seconds / size:.3g}" if seconds < 1000 * size else f"{seconds / size:,.0f}"
    return f"{number} {name}{'s' * (number != '1')}"
