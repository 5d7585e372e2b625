"""A model and the recordings that it is given: what they must have, and why windows are left out."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from clew.errors import DataError
from clew.learn.detect import Detector, detect
from clew.learn.live import Live
from clew.learn.window_model import Way, WindowModel, blocks_of
from clew.measure.window_plan import plan_windows
from clew.measure.window_stream import stream_windows
from clew.read.recording import recording_of
from tests.detection_worlds import RATE, START, forest_of, model, noise_with_knocks, recording


def three(values=None, components=("Z", "N", "E"), *, name="BW.UH1.SH"):
    """A seismometer with three components, of noise and knocks."""
    values = np.stack([noise_with_knocks(seed=i) for i in range(3)]) if values is None else values
    return recording_of(
        values[: len(components)],
        rate=RATE,
        name=name,
        start=START,
        unit="counts",
        components=list(components),
    )


def model_of_three():
    plan = plan_windows([three()], window=4.0)
    assert plan.three is not None
    features = np.concatenate([one.features for one in stream_windows(three(), plan=plan)])
    labels = np.where(np.isin(np.arange(len(features)), (25, 26, 75, 112, 113)), "knock", "noise")
    return forest_of(features, labels, plan)


def test_a_recording_without_the_horizontals_that_a_model_measures_is_refused():
    """Before, all its windows were left out as gaps, and there was an empty table."""
    forest = model_of_three()
    for components, lacking in (
        (("Z",), "components 'N' and 'E', which the model measures together with the others. Got 'Z'"),
        (("Z", "N"), "component 'E', which the model measures together with the others. Got 'Z', 'N'"),
    ):
        with pytest.raises(DataError, match=f"'BW.UH1.SH' must have the {lacking}"):
            detect(forest, [three(components=components)])
        with pytest.raises(DataError, match=f"'BW.UH1.SH' must have the {lacking}"):
            Live(Detector(forest)).grow(three(components=components))
    assert len(detect(forest, [three()])) == 3
    assert len(detect(forest, [three(components=("Z", "1", "2"))])) == 3


def test_a_model_of_the_vertical_alone_needs_no_horizontals():
    forest = model()
    how = plan_windows([three()], window=4.0).without_three().to_settings()
    forest = dataclasses.replace(forest, measure=forest.measure | {"plan": how})
    assert detect(forest, [three(components=("Z",))]).left_out == {}


def test_a_component_that_is_dead_is_named():
    forest = model_of_three()
    still = np.stack([noise_with_knocks(seed=i) for i in range(3)])
    still[1] = 7.0
    events = detect(forest, [three(still)])
    assert events.left_out == {"dead: N": 150}
    assert events.headline() == "no events in 150 windows: 150 left out (dead: N)"
    still[2, 400:600] = 0.0
    assert detect(forest, [three(still)]).left_out == {"dead: N": 149, "dead: N, E": 1}
    still[1] = np.nan  # not recorded is another matter
    assert detect(forest, [three(still)]).left_out == {"gap": 150}


def test_a_recording_that_was_cut_already_has_one_window_wherever_it_begins():
    """Data sets of traces of one window each: none begins at a whole step since 1970."""
    forest, plan = model(), Detector(model()).plan
    values = noise_with_knocks(4.0, knocks=(0.0,))
    lone = recording(values, start=START + 1.3)
    assert list(stream_windows(lone, plan=plan)) == []  # the witness: the grid alone finds none
    (block,) = blocks_of(WindowModel(forest), lone, [lone])
    assert block.start.tolist() == [START + 1.3]
    (on_the_grid,) = stream_windows(recording(values), plan=plan)
    np.testing.assert_array_equal(block.features, on_the_grid.features)
    assert len(detect(forest, [lone])) == 1
    assert list(blocks_of(WindowModel(forest), lone, [lone], first=1)) == []  # it was taken
    longer = recording(noise_with_knocks(9.0), start=START + 1.3)
    (block,) = blocks_of(WindowModel(forest), longer, [longer])
    assert block.start.tolist() == [START + 4.0]  # one lies on the grid


def test_what_a_way_knows_can_be_put_down_and_taken_up():
    forest, heard = model(), recording()
    blocks = list(blocks_of(WindowModel(forest), heard, [heard]))
    once = Way(WindowModel(forest), heard)
    for block in blocks * 2:
        once.measured(block)
    first = Way(WindowModel(forest), heard)
    for block in blocks:
        first.measured(block)
    second = Way(WindowModel(forest), heard, first.state())
    for block in blocks:
        second.measured(block)
    assert second.state() == once.state()
    assert once.n == 300


def test_a_model_of_something_else_is_refused():
    forest = dataclasses.replace(model(), measure={"kind": "table"})
    with pytest.raises(DataError, match="must be trained on windows of recordings. Got 10 trees"):
        WindowModel(forest)
