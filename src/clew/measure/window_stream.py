"""Windows of one recording, in blocks: read, judged, cut out with their filter's context, and measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from clew.measure.window_plan import WindowPlan
from clew.read.recording import Recording

BLOCK = 256  # windows at most that are held at a time,
SAMPLES = 4_000_000  # and samples at most, which is 32 MB, where windows are long; but one window at least
NO_LOSS = 0.05  # of a sample, by which a time just above the half still counts as half: sums of times are no exact numbers
WHY = ("", "gap", "flat", "dead")  # by the states of `clew.kernels.windows.look`


@dataclass(frozen=True, eq=False)
class WindowBlock:
    """Some windows of one recording, measured.

    Parameters
    ----------
    first : ndarray of int64, shape (w,)
        The first sample of each.
    start, end : ndarray of float64, shape (w,)
        In s.
    features : ndarray of float64, shape (w, f)
        NaN where a window is not usable.
    usable : ndarray of bool, shape (w,)
    why : list of str
        "gap", "flat", "dead", "alone" (no other station at that time) or "undefined" where it is not; else "".
    dead : list of str
        The components that did not move, "N, E", where that is why; else "".
    clipped : ndarray of bool, shape (w,)
        Whether samples look cut off at the top or bottom.
    cut : Cut
        What was measured.
    """

    first: np.ndarray
    start: np.ndarray
    end: np.ndarray
    features: np.ndarray
    usable: np.ndarray
    why: list[str]
    dead: list[str]
    clipped: np.ndarray
    cut: Cut


@dataclass(frozen=True, eq=False)
class Cut:
    """Some windows of one recording, judged and cut out but not measured.

    Parameters
    ----------
    first : ndarray of int64, shape (w,)
    values : ndarray of float64, shape (w, c, n)
        Filtered and levelled; NaN where nothing was recorded, and throughout where a component does not live.
    live : ndarray of bool, shape (w, c)
    state : ndarray of int8, shape (w, k)
        What each component of the plan is, horizontals that may stand in included: an index of `WHY`.
    chosen : ndarray of int64, shape (w,)
        The component that is measured as the vertical, where one may stand in; else 0.
    clipped : ndarray of bool, shape (w,)
    """

    first: np.ndarray
    values: np.ndarray
    live: np.ndarray
    state: np.ndarray
    chosen: np.ndarray
    clipped: np.ndarray

    def why(self, plan: WindowPlan) -> np.ndarray:
        """Return for each window the index in `WHY` of what keeps it from being measured; 0 for nothing, int8 (w,)."""
        if plan.three is None and plan.stand_in:
            return np.where(self.live[:, 0], 0, self.state[:, 0])
        state = self.state
        first_bad = np.argmax(state != 0, axis=1)
        return state[np.arange(len(state)), first_bad]


def grid(
    recording: Recording, plan: WindowPlan, *, first: int = 0, stop: int | None = None
) -> Iterator[np.ndarray]:
    """Yield the first samples of sliding windows that lie whole within ``first`` and ``stop``, int64, some at a time.

    Windows begin at whole multiples of the step: since 1970-01-01 UTC where the recording is dated, so that those of
    several stations, of daily files and of a resumed run fall on the same times, to the nearest sample; else since the
    first sample.
    """
    rate, n = recording.rate, plan.n(recording.rate)
    stop = recording.n if stop is None else min(stop, recording.n)
    origin = recording.start if recording.dated else 0.0

    def sample(number: np.ndarray) -> np.ndarray:
        return np.floor((number * plan.step - origin) * rate + 0.5 + NO_LOSS).astype(np.int64)

    first = max(first, 0)
    number = int(np.floor((origin + first / rate) / plan.step)) - 1
    while True:
        places = sample(np.arange(number, number + BLOCK, dtype=np.float64))
        yield places[(places >= first) & (places + n <= stop)]
        if places[-1] + n > stop:
            return
        number += BLOCK


def cut_windows(recording: Recording, firsts: Iterable[np.ndarray], *, plan: WindowPlan) -> Iterator[Cut]:
    """Yield windows cut out of a recording, a block at a time.

    Parameters
    ----------
    recording : Recording
    firsts : iterable of ndarray of int64, shape (w,)
        The first samples of the windows, rising; of any number of them, what is held at a time is bounded.
    plan : WindowPlan
        Of a plan with three components all are cut out, and what they are is told; windows which lack the horizontals
        have them dead.
    """
    rows = plan.rows_in(recording)
    n = plan.n(recording.rate)
    before, after = plan.reach(recording.rate)
    held = len(rows) * (n + before + after)
    for some in firsts:
        while some.size:
            near = (some - some[0]) * len(rows) + held <= SAMPLES
            near &= np.arange(1, some.size + 1) * n * len(rows) <= SAMPLES
            k = int(np.clip(np.argmin(near) if not near.all() else some.size, 1, BLOCK))
            yield _cut(recording, some[:k], rows, plan)
            some = some[k:]


def _cut(recording: Recording, first: np.ndarray, rows: list[int | None], plan: WindowPlan) -> Cut:
    """Read what the windows of one block need, judge it, and cut them out."""
    from clew.kernels.windows import LIVE, cut, look

    n, passes = plan.n(recording.rate), plan.filter(recording.rate)
    before, after = plan.reach(recording.rate)
    start, stop = int(first[0]) - before, int(first[-1]) + n + after
    x, flat = _read(recording, rows, start, stop, plan.least_flat(recording.rate))
    at = first - start
    state, clipped = np.empty((first.size, len(rows)), np.int8), np.empty((first.size, len(rows)), bool)
    look(x, flat, at, n, plan.missing, state, clipped)
    live = state == LIVE
    chosen = _stand_ins(live) if plan.stand_in else np.zeros(first.size, np.int64)
    wanted = live
    if plan.stand_in and plan.three is None:
        wanted = live & (np.arange(len(rows)) == chosen[:, None])
    values = np.empty((first.size, len(rows), n))
    level = ("none", "mean", "linear").index(plan.detrend)

    def cut_some(some: slice) -> None:
        cut(
            x, at[some], n, passes.before, passes.after, wanted[some], passes.sos, passes.steady, passes.padding,
            passes.period, passes.zero_phase, passes.passes_mean, level, values[some],
        )  # fmt: skip

    _on_threads(cut_some, first.size)
    stands = np.flatnonzero(chosen)  # what stands in for the vertical is in its place, and nothing else
    values[stands, 0], live[stands, 0] = values[stands, chosen[stands]], True
    values[stands, 1:], live[stands, 1:] = np.nan, False
    of_plan = slice(len(plan.components))
    return Cut(first, values[:, of_plan], live[:, of_plan], state, chosen, np.asarray(clipped.any(axis=1)))


def _read(
    recording: Recording, rows: list[int | None], start: int, stop: int, least_flat: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return some rows of a recording, NaN where they are lacking or padding, and where they are padding, (c, N) both."""
    from clew.kernels.windows import flat_runs

    x = np.full((len(rows), stop - start), np.nan)
    there = [i for i, row in enumerate(rows) if row is not None]
    x[there] = recording.read(start, stop, [row for row in rows if row is not None])
    flat = np.zeros(x.shape, bool)
    for i in range(len(rows) if least_flat else 0):
        flat_runs(x[i], least_flat, flat[i])
    return x, flat


def _stand_ins(live: np.ndarray) -> np.ndarray:
    """Return for each window (w, c) the component that is measured as the vertical: the one that lives, or the vertical."""
    alone = ~live[:, 0] & (live.sum(axis=1) == 1)
    return np.where(alone, np.argmax(live, axis=1), 0)


def _on_threads(do: Callable[[slice], None], count: int) -> None:
    """Do something with all of ``count`` windows, an equal part of them on each thread."""
    from clew.kernels.threads import n_threads

    borders = np.linspace(0, count, min(n_threads(), count) + 1).astype(int)
    parts = [slice(a, b) for a, b in pairwise(borders)]
    if len(parts) == 1:
        do(parts[0])
    else:
        with ThreadPoolExecutor(len(parts)) as pool:
            list(pool.map(do, parts))


def measure_cut(
    cut: Cut, recording: Recording, *, plan: WindowPlan, neighbours: Sequence[Recording] = ()
) -> np.ndarray:
    """Measure windows that were cut out, float64 of shape (w, f); NaN where a measurement is not defined."""
    from clew.measure.waveforms import measure_waveforms

    features = measure_waveforms(
        cut.values,
        cut.live,
        rate=recording.rate,
        of=plan.of,
        three=plan.three,
        highest=plan.highest,
        taper=plan.taper,
    )
    if not plan.network:
        return features
    from clew.measure.coherence import coherence

    vertical = cut.values[:, plan.of[0]]
    others = [_at_the_same_time(cut, recording, one, plan=plan) for one in neighbours]
    beside = np.stack(others or [np.full(vertical.shape, np.nan)], axis=1)
    return np.column_stack([features, coherence(vertical, beside, rate=recording.rate, highest=plan.highest)])


def _at_the_same_time(cut: Cut, recording: Recording, other: Recording, *, plan: WindowPlan) -> np.ndarray:
    """Cut the first component that is measured out of another recording at the times of the windows, float64 (w, n)."""
    first = np.floor(
        (recording.start + cut.first / recording.rate - other.start) * other.rate + 0.5 + NO_LOSS
    )
    same = cut_windows(other, [first.astype(np.int64)], plan=plan)
    return np.concatenate([one.values[:, plan.of[0]] for one in same])


def stream_windows(
    recording: Recording,
    *,
    plan: WindowPlan,
    first: int = 0,
    stop: int | None = None,
    neighbours: Sequence[Recording] = (),
) -> Iterator[WindowBlock]:
    """Measure sliding windows over one recording, in constant memory.

    Parameters
    ----------
    recording : Recording
    plan : WindowPlan
        Windows begin where `grid` says.
    first, stop : int
        The samples that windows must lie within; all by default. Results do not depend on them: filters hear what lies
        beyond.
    neighbours : sequence of Recording
        Other stations at the same rate, where the plan compares with them.

    Yields
    ------
    WindowBlock
        At most `BLOCK` windows each, in order of time.

    Raises
    ------
    DataError
        If the recording does not fit the plan.
    """
    for cut in cut_windows(recording, grid(recording, plan, first=first, stop=stop), plan=plan):
        features = measure_cut(cut, recording, plan=plan, neighbours=neighbours)
        yield block_of(cut, features, recording, plan)


def block_of(cut: Cut, features: np.ndarray, recording: Recording, plan: WindowPlan) -> WindowBlock:
    """Put together what is known of some windows, and say which are not usable, and why."""
    why = np.array(WHY, dtype=object)[cut.why(plan)]
    network = plan.features(recording.rate).sets["network"] if plan.network else ()
    n_own = features.shape[1] - len(network)
    why[(why == "") & ~np.isfinite(features[:, :n_own]).all(axis=1)] = "undefined"
    why[(why == "") & ~np.isfinite(features[:, n_own:]).all(axis=1)] = "alone"
    usable = why == ""
    start = recording.start + cut.first / recording.rate
    end = start + plan.n(recording.rate) / recording.rate
    known = np.where(usable[:, None], features, np.nan)
    return WindowBlock(
        cut.first, start, end, known, usable, why.tolist(), _dead(cut, why, plan), cut.clipped, cut
    )


def _dead(cut: Cut, why: np.ndarray, plan: WindowPlan) -> list[str]:
    """Name for each window the components that did not move, where that keeps it from being measured."""
    dead = cut.state[:, : len(plan.components)] == WHY.index("dead")
    return [
        ", ".join(name for name, still in zip(plan.components, row) if still) if one == "dead" else ""
        for one, row in zip(why.tolist(), dead.tolist())
    ]


def window_at(recording: Recording, first: int, plan: WindowPlan) -> np.ndarray:
    """Return one window as it was measured: filtered and levelled, float64 of shape (n_components, n)."""
    (cut,) = cut_windows(recording, [np.array([first], np.int64)], plan=plan)
    return cut.values[0]
