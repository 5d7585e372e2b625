from dataclasses import replace
from itertools import pairwise

import numpy as np
import obspy
import pytest

from clew.errors import DataError, SettingError
from clew.read import response as module
from clew.read.recording import Channel, InMemory, Recording, Stretch
from clew.read.response import with_response

START = obspy.UTCDateTime(2009, 8, 24)
SHORT = {"lowest": 0.5, "highest": 30.0}


@pytest.fixture(scope="module")
def inventory(tmp_path_factory):
    """The example that ObsPy carries: BW.RJOB, whose epochs end and begin in 2006, 2007 and 2009."""
    path = tmp_path_factory.mktemp("inventory") / "rjob.xml"
    obspy.read_inventory().write(str(path), "STATIONXML")
    return path


def ground(n=60_000, seed=0):
    rng = np.random.default_rng(seed)
    return np.round(20_000 + np.cumsum(rng.normal(0, 3, n)) + rng.normal(0, 500, n))


def recorded(values, *, start=START, cuts=(), channel="EHZ"):
    bounds = [0, *cuts, len(values)]
    stretches = tuple(
        Stretch(start.timestamp + a / 100, b - a, InMemory(values), a, "a.mseed") for a, b in pairwise(bounds)
    )
    return Recording(
        "BW.RJOB.EH",
        100.0,
        (Channel(channel[-1], stretches, "counts", f"BW.RJOB..{channel}"),),
        station="BW.RJOB",
    )


def by_obspy(values, inventory, output, lowest, highest):
    header = {
        "network": "BW",
        "station": "RJOB",
        "channel": "EHZ",
        "sampling_rate": 100.0,
        "starttime": START,
    }
    trace = obspy.Trace(values.copy(), header)
    corners = (lowest / 2, lowest, highest, 1.2 * highest)
    trace.remove_response(
        obspy.read_inventory(str(inventory)), output=output, pre_filt=corners, water_level=None
    )
    return trace.data


@pytest.mark.parametrize(
    ("output", "theirs", "unit"),
    [("displacement", "DISP", "m"), ("velocity", "VEL", "m/s"), ("acceleration", "ACC", "m/s^2")],
)
def test_ground_motion_is_that_of_obspy_in_the_middle(inventory, output, theirs, unit):
    values = ground()
    moved = with_response(recorded(values), inventory, output=output, **SHORT)
    mine, right = (
        moved.read(0, 60_000)[0][15_000:-15_000],
        by_obspy(values, inventory, theirs, 0.5, 30.0)[15_000:-15_000],
    )
    assert moved.unit == unit
    assert np.abs(mine - right).max() < 1e-3 * np.abs(right).max()
    assert np.sqrt(((mine - right) ** 2).mean()) < 1e-3 * np.sqrt((right**2).mean())
    other = by_obspy(values, inventory, theirs, 0.6, 25.0)[15_000:-15_000]
    assert np.abs(mine - other).max() > 1e-3 * np.abs(right).max()  # another pass band would be seen


def test_the_default_pass_band_is_that_of_the_documentation(inventory):
    values = ground(200_000)
    mine = with_response(recorded(values), inventory).read(90_000, 110_000)[0]
    right = by_obspy(values, inventory, "VEL", 0.05, 40.0)[90_000:110_000]
    assert np.abs(mine - right).max() < 1e-3 * np.abs(right).max()


def test_a_sample_does_not_depend_on_the_window_it_is_read_in(inventory):
    moved = with_response(recorded(ground()), inventory, **SHORT)
    whole = moved.read(0, 60_000)
    for first, stop in ((0, 10), (25_590, 25_700), (31_000, 60_000), (12, 12_000)):
        np.testing.assert_array_equal(moved.read(first, stop), whole[:, first:stop])
    assert np.isnan(moved.read(-5, 3)[0, :5]).all()


def test_gaps_stay_gaps_and_do_not_reach_far(inventory):
    values = ground()
    plain = with_response(recorded(values), inventory, **SHORT).read(0, 60_000)[0]
    gappy = recorded(values, cuts=(30_000, 30_500))
    stretches = gappy.channels[0].stretches
    gappy = replace(gappy, channels=(replace(gappy.channels[0], stretches=(stretches[0], stretches[2])),))
    moved = with_response(gappy, inventory, **SHORT)
    got = moved.read(0, 60_000)[0]
    assert moved.gaps() == gappy.gaps() == (1, 5.0, 0)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(got)), np.arange(30_000, 30_500))
    far = int(module.REACH / 0.25 * 100) + 1
    scale = np.abs(plain[far:-far]).max()
    np.testing.assert_allclose(got[: 30_000 - far], plain[: 30_000 - far], atol=1e-9 * scale)
    np.testing.assert_allclose(got[30_500 + far :], plain[30_500 + far :], atol=1e-9 * scale)
    assert np.abs(got - plain)[29_990:30_000].max() > 1e-3 * scale  # next to the gap they must differ


def test_a_slow_drift_goes_on_across_a_gap(inventory):
    ramp = np.arange(60_000) * 10.0
    whole = with_response(recorded(ramp), inventory, **SHORT).read(0, 60_000)[0]
    gappy = ramp.copy()
    gappy[30_000:30_500] = np.nan
    got = with_response(recorded(gappy), inventory, **SHORT).read(0, 60_000)[0]
    step = with_response(recorded(np.where(np.isnan(gappy), ramp[20_000], gappy)), inventory, **SHORT).read(
        0, 60_000
    )[0]
    there = ~np.isnan(gappy)
    assert np.isnan(got[~there]).all()
    scale = np.abs(step - whole)[there].max()  # what a gap of any other value would do
    assert np.abs(got - whole)[there].max() < 1e-9 * scale


def test_stretches_that_follow_each_other_are_one_for_the_operator(inventory):
    values = ground()
    once = with_response(recorded(values), inventory, **SHORT)
    cut = with_response(recorded(values, cuts=(20_000, 40_001)), inventory, **SHORT)
    assert len(cut.channels[0].stretches) == 3 and cut.source_at(30_000) == "a.mseed"
    np.testing.assert_array_equal(once.read(0, 60_000), cut.read(0, 60_000))


def test_a_constant_is_no_motion(inventory):
    moved = with_response(recorded(np.full(60_000, 123_456.0)), inventory, **SHORT).read(0, 60_000)
    usual = with_response(recorded(ground()), inventory, **SHORT).read(0, 60_000)
    assert np.abs(moved).max() < 1e-12 * np.abs(usual).max()


def test_each_epoch_has_its_own_response(inventory, tmp_path):
    known = obspy.read_inventory(str(inventory)).select(channel="EHZ", time=START)
    later = known.copy()
    change = START + 300
    known[0][0][0].end_date, later[0][0][0].start_date = change, change
    for stage in later[0][0][0].response.response_stages:
        stage.stage_gain *= 2 if stage.stage_sequence_number == 1 else 1
    (known + later).write(str(tmp_path / "two.xml"), "STATIONXML")
    values = ground()
    once = with_response(recorded(values), inventory, **SHORT).read(0, 60_000)[0]
    moved = with_response(recorded(values), tmp_path / "two.xml", **SHORT)
    twice = moved.read(0, 60_000)[0]
    assert [stretch.n for stretch in moved.channels[0].stretches] == [30_000, 30_000]
    np.testing.assert_allclose(twice[:30_000], once[:30_000], rtol=1e-9)
    np.testing.assert_allclose(twice[30_000:] * 2, once[30_000:], rtol=1e-6)


# ---- what is refused ----
def test_a_channel_without_a_response_is_refused_by_name(inventory):
    with pytest.raises(
        DataError, match=r"response of the channel 'BW.RJOB..HHZ' at 2009-08-24T00:00:00.000. Got none"
    ):
        with_response(recorded(ground(100), channel="HHZ"), inventory)
    with pytest.raises(DataError, match="at 1990"):
        with_response(recorded(ground(100), start=obspy.UTCDateTime(1990, 1, 1)), inventory)


def test_a_recording_without_dates_is_refused(inventory):
    with pytest.raises(DataError, match="must have dates"):
        with_response(replace(recorded(ground(100)), dated=False), inventory)


@pytest.mark.parametrize("band", [{"lowest": 0.0}, {"highest": 50.0}, {"lowest": 20.0, "highest": 10.0}])
def test_a_pass_band_beyond_the_rate_is_refused(inventory, band):
    with pytest.raises(SettingError, match="must lie between 0 and 50 Hz"):
        with_response(recorded(ground(100)), inventory, **band)


def test_an_unknown_output_is_refused(inventory):
    with pytest.raises(SettingError, match="Did you mean 'velocity'"):
        with_response(recorded(ground(100)), inventory, output="velocty")


def test_a_file_that_is_no_inventory_is_refused(tmp_path):
    for name, content in (("a.xml", "<a/>"), ("a.csv", "a,b\n1,2\n")):
        (tmp_path / name).write_text(content)
        with pytest.raises(DataError) as refused:
            with_response(recorded(ground(100)), tmp_path / name)
        told = f"The file '{tmp_path / name}' of --response must be StationXML. Got something else."
        assert str(refused.value) == told  # and not the name of a copy that ObsPy made
    with pytest.raises(DataError, match="must be a file that can be read"):
        with_response(recorded(ground(100)), tmp_path / "b.xml")
