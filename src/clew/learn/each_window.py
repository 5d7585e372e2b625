"""What a model says of each window of recordings: a number, or a class and how probable each one is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from clew.errors import DataError, Stopped, check
from clew.learn.forest import Prediction
from clew.learn.window_model import Way, WindowModel, blocks_of
from clew.read.recording import Recording


@dataclass(frozen=True, eq=False)
class WindowsSaid:
    """Some windows of one recording, and what the model says of them.

    Parameters
    ----------
    recording : Recording
    start, end : ndarray of float64, shape (w,)
        In s since 1970-01-01 UTC, or since the start of the recording where it is not dated.
    prediction : Prediction
        Of these windows, in order of time; those that could not be used are not there.
    """

    recording: Recording
    start: np.ndarray
    end: np.ndarray
    prediction: Prediction


def walk_windows(
    model: WindowModel,
    recordings: Sequence[Recording],
    *,
    on_progress: Callable[[int, int], bool | None] | None = None,
) -> Iterator[tuple[Way, WindowsSaid]]:
    """Go along recordings, one after the other, and yield what the model says of each window, a block at a time.

    Memory does not grow with the length of the recordings.

    Parameters
    ----------
    model : WindowModel
    recordings : sequence of Recording
    on_progress : callable, optional
        Takes the numbers of windows done and in all; returning False stops.

    Raises
    ------
    DataError
        If a recording does not fit the model, or there is none.
    Stopped
        If ``on_progress`` said so.
    """
    check(recordings, DataError, "The recordings must be at least one. Got none.")
    for recording in recordings:
        model.check(recording)
    done, total = 0, sum(map(model.n_windows, recordings))
    for recording in recordings:
        way = Way(model, recording)
        for block in blocks_of(model, recording, recordings):
            usable, known = way.measured(block)
            prediction = model.predict(known)
            yield way, WindowsSaid(recording, block.start[usable], block.end[usable], prediction)
            done += len(usable)
            if on_progress is not None and on_progress(done, total) is False:
                raise Stopped("Stopped; nothing was written.")
