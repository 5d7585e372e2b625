"""What a model says of each window: the same as of all windows at once, block by block."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import DataError, Stopped
from clew.learn.each_window import walk_windows
from clew.learn.window_model import WindowModel
from clew.measure import window_stream
from tests.detection_worlds import model, noise_with_knocks, recording


def test_blocks_change_no_bit_and_windows_without_data_are_not_there(monkeypatch):
    values = noise_with_knocks()
    values[1000:1010] = np.nan
    one = WindowModel(model())
    blocks = list(window_stream.stream_windows(recording(values), plan=one.plan))
    features = np.concatenate([block.features for block in blocks])
    whole = one.forest.predict(features[np.isfinite(features).all(axis=1)]).probability
    for size in (1, 7, 256):
        monkeypatch.setattr(window_stream, "BLOCK", size)
        said = list(walk_windows(one, [recording(values)]))
        assert np.array_equal(np.concatenate([part.prediction.probability for _, part in said]), whole)
        assert max(len(part.start) for _, part in said) <= size
        assert said[-1][0].left_out == {"gap": 1}
        assert said[-1][0].used == 149


def test_progress_stops_it_and_nothing_is_no_input():
    with pytest.raises(Stopped):
        list(walk_windows(WindowModel(model()), [recording()], on_progress=lambda done, total: False))
    with pytest.raises(DataError, match="at least one"):
        list(walk_windows(WindowModel(model()), []))
