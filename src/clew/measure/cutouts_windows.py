"""Windows of recordings as they were measured, in one array for models that look for themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.measure.cutouts import Cutouts, check_memory, rows_of_each
from clew.measure.measured import counted
from clew.measure.window_plan import WindowPlan
from clew.measure.window_stream import WindowBlock
from clew.measure.window_stream import cut_windows as cut_blocks
from clew.read.recording import Recording
from clew.samples import Samples
from clew.words import listed


def cut_windows(recordings: Mapping[str, Recording], samples: Samples, plan: WindowPlan) -> Cutouts:
    """Cut the windows of rows out of their recordings again, filtered and levelled as they were measured.

    A component that a window lacks, or in which nothing moves, is 0; a gap within a component is its mean there.

    Parameters
    ----------
    recordings : mapping of str to Recording
        By name, all at one rate.
    samples : Samples
        Windows: their origin tells the recording and the first sample.
    plan : WindowPlan
        With which they were measured.

    Returns
    -------
    Cutouts
        Values of shape (n_rows, C, T), the components in the plan's order and units, T samples a window.

    Raises
    ------
    DataError
        If the rows are no windows of these recordings, the recordings differ in rate or do not fit the plan, or the
        cut-outs would not fit into the memory.
    """
    lacking = [name for name in ("recording", "first") if name not in samples.origin]
    check(
        not lacking,
        DataError,
        "The rows to cut out must be windows of recordings, and say where they lie. Got no {}.",
        listed(lacking),
    )
    check(len(samples), DataError, "The rows to cut out must be at least one. Got none.")
    by_name = rows_of_each(samples.origin["recording"].to_numpy(str))
    first = samples.origin["first"].to_numpy(np.int64)
    unknown = [name for name in by_name if name not in recordings]
    check(
        not unknown,
        DataError,
        "The recordings must hold '{}', to cut windows out of it. Got none.",
        *unknown[:1],
    )
    rate = one_rate([recordings[name] for name in by_name])
    shape = (len(samples), len(plan.components), plan.n(rate))
    check_memory(shape, helps="shorter windows, a lower rate, or fewer rows,")
    values, live, whole = np.empty(shape, np.float32), np.empty(shape[:2], bool), np.empty(shape[:2], bool)
    for name, rows in by_name.items():
        rows = rows[np.argsort(first[rows], kind="stable")]
        for cut in cut_blocks(recordings[name], [first[rows]], plan=plan):
            here, rows = rows[: len(cut.first)], rows[len(cut.first) :]
            values[here], live[here] = _filled(cut.values), cut.live
            whole[here] = ~np.isnan(cut.values).any(axis=-1)
    how: dict[str, Any] = {"kind": "signal", "channels": list(plan.components)}
    how |= {"plan": plan.to_settings(), "rate": rate}
    return Cutouts(
        values=values,
        sample=samples.sample,
        axes="ct",
        channels=how["channels"],
        rate=rate,
        how=how,
        notes=_notes(live, whole, plan),
    )


def raw_of(block: WindowBlock, rows: np.ndarray | None = None) -> np.ndarray:
    """Return windows that were measured along a recording as `cut_windows` cuts them, bit for bit.

    Parameters
    ----------
    block : WindowBlock
        As `clew.measure.window_stream.stream_windows` yields it.
    rows : ndarray of bool, shape (w,), optional
        Which of them, such as those that can be used; all by default.

    Returns
    -------
    ndarray of float32, shape (w', C, T)
    """
    return _filled(block.cut.values if rows is None else block.cut.values[rows])


def one_rate(recordings: Sequence[Recording], *, rate: float | None = None) -> float:
    """Return the sampling rate that recordings share, in Hz.

    Parameters
    ----------
    recordings : sequence of Recording
    rate : float, optional
        What it must be; that of the first by default.

    Raises
    ------
    DataError
        If one has another.
    """
    wanted = recordings[0].rate if rate is None else rate
    for one in recordings:
        check(
            one.rate == wanted,
            DataError,
            "The recordings must be sampled at one rate, {:g} Hz, for their windows to have as many samples. Got {:g} Hz in "
            "'{}': resample it first.",
            wanted,
            one.rate,
            one.name,
        )
    return wanted


def _filled(values: np.ndarray) -> np.ndarray:
    """Return windows (w, C, T) as float32, the mean of its component in place of what was not recorded, 0 where nothing was."""
    gap = np.isnan(values)
    if gap.any():
        known = (~gap).sum(axis=-1, keepdims=True)
        mean = np.where(gap, 0.0, values).sum(axis=-1, keepdims=True) / np.maximum(known, 1)
        values = np.where(gap, mean, values)
    return values.astype(np.float32)


def _notes(live: np.ndarray, whole: np.ndarray, plan: WindowPlan) -> list[str]:
    """Say which components are 0 in how many windows, and in how many a gap was filled; both bool (n, C)."""
    dead = {name: int(n) for name, n in zip(plan.components, (~live).sum(axis=0)) if n}
    n_dead, n_gaps = int((~live).any(axis=1).sum()), int((live & ~whole).any(axis=1).sum())
    told = listed([f"{name} in {n:,}" for name, n in dead.items()])
    said = [
        f"A component is lacking or still in {counted(n_dead, 'window')} of {len(live)} and is 0 there: {told}."
    ]
    filled = [f"Gaps in {counted(n_gaps, 'window')} of {len(live)} are filled with the component's mean."]
    return said * bool(n_dead) + filled * bool(n_gaps)
