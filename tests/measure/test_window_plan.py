"""What is settled once for all windows: components, spectra, lengths; and that a model keeps it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from clew.errors import DataError, SettingError
from clew.measure.window_plan import WindowPlan, plan_windows, row_of
from clew.read.recording import recording_of


def recording(components="ZNE", *, rate=100.0, seconds=60.0, name="A", unit="counts", start=None):
    values = np.random.default_rng(0).normal(size=(len(components), int(rate * seconds)))
    return recording_of(values, rate=rate, name=name, components=components, unit=unit, start=start)


def test_of_a_seismometer_the_vertical_is_measured_and_what_takes_three():
    plan = plan_windows([recording("ZNE")])
    assert (plan.components, plan.of, plan.three, plan.stand_in) == (("Z", "N", "E"), (0,), (0, 1, 2), True)
    assert plan_windows([recording("Z12")]).components == ("Z", "N", "E")
    assert row_of(recording("Z12"), "E") == 2


def test_of_other_sensors_every_component_is_measured():
    plan = plan_windows([recording("xyz")])
    assert (plan.components, plan.of, plan.three) == (("x", "y", "z"), (0, 1, 2), None)
    each = plan_windows([recording("ZNE")], components="each")
    assert (each.of, each.three, each.stand_in) == ((0, 1, 2), (0, 1, 2), False)
    assert plan_windows([recording("Z12")], components="each").components == ("Z", "N", "E")


def test_what_all_recordings_have_is_measured():
    assert plan_windows([recording("ab"), recording("bc", name="B")]).components == ("b",)
    assert plan_windows([recording("ZNE"), recording("Z", name="B")]).three == (
        0,
        1,
        2,
    )  # `lacking` settles it
    with pytest.raises(DataError, match="a component in common. Got 'A' with a; 'B' with b"):
        plan_windows([recording("a"), recording("b", name="B")])


def test_components_may_be_named():
    plan = plan_windows([recording("ZNE")], components="E, Z")
    assert (plan.components, plan.of, plan.three) == (("E", "Z"), (0, 1), None)
    with pytest.raises(SettingError, match="auto, each, or names among Z, N, E.*Got 'z'.*Did you mean 'Z'"):
        plan_windows([recording("ZNE")], components="z")


def test_a_plan_is_the_same_after_it_was_kept_with_a_model():
    plan = plan_windows([recording("ZNE")], highpass=1, step=5, highest=20)
    kept = json.loads(json.dumps(plan.to_settings()))
    assert WindowPlan.from_settings({**kept, "trigger": "none"}) == plan
    assert WindowPlan.from_settings({**kept, "window": 20.0}) != plan


def test_spectra_reach_up_to_what_the_slowest_shows():
    fast, slow = recording(rate=200.0), recording(rate=50.0, name="B")
    plan = plan_windows([fast, slow])
    assert plan.highest == 20.0
    assert plan.features(200.0).names == plan.features(50.0).names
    with pytest.raises(DataError, match="'C' must reach 20 Hz.*Got 20 samples per second, which reach 10 Hz"):
        plan.rows_in(recording(rate=20.0, name="C"))
    with pytest.raises(SettingError, match="'highest'.*at most half the lowest sampling rate .25 Hz"):
        plan_windows([fast, slow], highest=30.0)


def test_a_recording_that_does_not_fit_is_refused():
    plan = plan_windows([recording("ZNE")], components="each")
    with pytest.raises(DataError, match="'B' must have the component 'N' and 'E'. Got 'Z'"):
        plan.rows_in(recording("Z", name="B"))
    with pytest.raises(DataError, match="'Z' of 'B' must be in counts, as in the others. Got m/s"):
        plan.rows_in(recording("ZNE", name="B", unit="m/s"))


def test_without_three_components_the_vertical_is_measured_alone():
    plan = plan_windows([recording("ZNE")])
    alone = plan.without_three()
    assert (alone.components, alone.of, alone.three, alone.units) == (("Z",), (0,), None, ("counts",))
    assert set(alone.features(100.0).names) < set(plan.features(100.0).names)


def test_what_a_window_depends_on_is_its_filters_context_and_the_length_of_padding():
    plan = plan_windows([recording("ZNE")], highpass=1.0, phase="causal")
    context = plan.filter(100.0).before
    assert plan.least_flat(100.0) == 200
    assert plan.reach(100.0) == (context + 199, 199)
    assert plan_windows([recording("ZNE")], flat=0).reach(100.0) == (0, 0)
    assert plan_windows([recording("a", rate=1.0, seconds=600)], window=60).least_flat(1.0) == 100  # samples


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"window": 0}, "'window' setting .* Got 0 instead"),
        ({"window": 0.1}, "at least 16 samples, which is 0.16 s at 100 samples per second. Got 0.1 s"),
        ({"window": 3600.0}, "at least as long as a window .1 h.. Got 60 s, 'A', as the longest"),
        ({"window": float("nan")}, "'window'"),
        ({"step": 0}, "'step'"),
        ({"missing": 1.0}, "'missing' setting .* from 0 to 0.99. Got 1.0"),
        ({"flat": -1}, "'flat'"),
        ({"taper": 2}, "'taper'"),
        ({"phase": "zeros"}, "'phase' setting.*Did you mean 'zero'"),
        ({"detrend": "line"}, "'detrend' setting"),
        ({"highpass": 0.0005}, "must fit windows of 10 s. Got 0.0005 and None Hz, whose filter hears"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_words(settings, words):
    with pytest.raises((SettingError, DataError), match=words):
        plan_windows([recording("ZNE")], **settings)


def test_no_recordings_are_refused():
    with pytest.raises(DataError, match="at least one recording"):
        plan_windows([])


def test_a_unit_that_nobody_knows_fits_any_and_two_that_differ_do_not():
    plan = plan_windows([recording("Z", unit="")])
    assert plan.rows_in(recording("Z", unit="counts")) == [0]
    assert plan_windows([recording("Z", unit="counts")]).rows_in(recording("Z", unit="")) == [0]
    with pytest.raises(DataError, match="must be in counts, as in the others. Got m/s"):
        plan_windows([recording("Z", unit="counts")]).rows_in(recording("Z", unit="m/s"))


def test_a_lone_component_without_a_name_stands_for_the_vertical_only():
    microphone = recording([""], name="M")
    assert row_of(microphone, "Z") == 0 and row_of(microphone, "N") is None
    assert plan_windows([recording("ZNE"), microphone]).stand_in
    assert row_of(recording("xy"), "Z") is None


def test_values_that_stay_are_no_padding_where_a_sensor_is_slow():
    slow = WindowPlan(highest=0.1, components=("Z",), of=(0,), units=("",))
    assert slow.least_flat(0.5) == 0
    assert slow.least_flat(1.0) == 100 and slow.least_flat(100.0) == 200


def test_every_component_keeps_its_own_unit():
    both = recording("ab")
    channels = tuple(
        type(one)(one.component, one.stretches, unit)
        for one, unit in zip(both.channels, ("°C", "hPa"), strict=True)
    )
    weather = type(both)("W", both.rate, channels, dated=False)
    table = plan_windows([weather]).features(weather.rate)
    units = dict(zip(table.names, table.units, strict=True))
    assert (units["rms_amplitude_a"], units["rms_amplitude_b"]) == ("°C", "hPa")
    assert units["centroid_frequency_b"] == "Hz"


def test_the_recording_that_lacks_what_the_others_have_is_named_and_the_share_of_gaps_by_its_flag():
    many = [recording("Z", name=name) for name in "ABCDE"]
    with pytest.raises(DataError, match=r"in common. Got 'X' with pressure; the other 5 have Z\.$"):
        plan_windows([*many, recording(("pressure",), name="X")])
    with pytest.raises(SettingError, match=r"'missing' setting of the windows \(--gaps\) must be"):
        plan_windows(many, missing=2)
