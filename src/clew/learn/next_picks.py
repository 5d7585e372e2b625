"""Which of a model's picks a person is to be asked of next: those it is least sure of, of all stations in turn."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from clew.errors import DataError, SettingError, check

NEAR = 0.5  # s within which what a person says is about the same arrival
LEAST = 1e-6  # of a probability and of what it lacks to 1, so that odds are finite


def next_picks(
    probability: np.ndarray,
    station: np.ndarray,
    *,
    threshold: float | np.ndarray = 0.3,
    judged: np.ndarray | None = None,
) -> np.ndarray:
    """Order a model's picks by what there is to learn from a person's answer.

    First the pick of each station that is nearest to the threshold, the nearest of these before the others; then the second
    of each station, and so on. Nearness is that of the log odds, in which 0.01 counts for more at 0.98 than at 0.5.

    Parameters
    ----------
    probability : ndarray of float, shape (n,)
        What the model gives each of its picks, from 0 to 1.
    station : ndarray of str, shape (n,)
    threshold : float or ndarray of float, shape (n,)
        Above which a pick counts, between 0 and 1.
    judged : ndarray of bool, shape (n,), optional
        Those of which a person has told already: they are left out.

    Returns
    -------
    ndarray of int64, shape (n_unjudged,)
        Places among the given picks, to be asked in this order.

    Raises
    ------
    DataError
        If the arrays are not of one length, or a probability is none.
    SettingError
        If the threshold is not between 0 and 1.

    Notes
    -----
    Uncertainty sampling after Lewis & Gale (1994), doi:10.1007/978-1-4471-2099-5_1.
    """
    probability, station = np.asarray(probability, np.float64), np.asarray(station, str)
    left = np.ones(len(probability), bool) if judged is None else ~np.asarray(judged, bool)
    check(
        len(station) == len(left) == len(probability),
        DataError,
        "The picks to order must each have a probability, a station and a mark. Got {}, {} and {}.",
        len(probability),
        len(station),
        len(left),
    )
    check(((probability >= 0) & (probability <= 1)).all(), DataError, "The probability of each pick to order must be from 0 to 1. Got others.")  # fmt: skip
    limits = np.broadcast_to(np.asarray(threshold, np.float64), probability.shape)
    check(((limits > 0) & (limits < 1)).all(), SettingError, "The 'threshold' of picks must be between 0 and 1. Got {} instead.", threshold)  # fmt: skip
    away = np.abs(_log_odds(probability) - _log_odds(limits))
    order = np.argsort(away, kind="stable")
    order = order[left[order]]
    return order[np.argsort(_turns(station[order]), kind="stable")]


def judged_picks(
    recording: np.ndarray,
    phase: np.ndarray,
    time: np.ndarray,
    said: Iterable[tuple[str, str, float]],
    *,
    within: float = NEAR,
) -> np.ndarray:
    """Return which of a model's picks a person has told of: said something of this phase at the same moment, bool (n,).

    Parameters
    ----------
    recording, phase : ndarray of str, shape (n,)
    time : ndarray of float, shape (n,)
        In s.
    said : iterable of (recording, phase, time)
        What people said; of a model's pick that was moved, its own time.
    within : float
        In s.
    """
    by: dict[tuple[str, str], list[float]] = {}
    for where, what, at in said:
        by.setdefault((where, what), []).append(at)
    times = {key: np.sort(held) for key, held in by.items()}
    found = np.zeros(len(time), bool)
    for i, (where, what, at) in enumerate(zip(recording, phase, time)):
        held = times.get((str(where), str(what)))
        if held is not None:
            near = np.searchsorted(held, at)
            found[i] = min(abs(held[k] - at) for k in (near - 1, near) if 0 <= k < len(held)) <= within
    return found


def _log_odds(probability: np.ndarray) -> np.ndarray:
    inside = np.clip(probability, LEAST, 1 - LEAST)
    return np.log(inside / (1 - inside))


def _turns(station: np.ndarray) -> np.ndarray:
    """Return how many of the same station stand before each, int64 (n,)."""
    seen: dict[str, int] = {}
    turns = np.empty(len(station), np.int64)
    for i, one in enumerate(station.tolist()):
        turns[i] = seen[one] = seen.get(one, -1) + 1
    return turns
