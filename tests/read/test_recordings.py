import hashlib
import tracemalloc

import numpy as np
import obspy
import pytest
from obspy import UTCDateTime

from clew.errors import DataError, Stopped
from clew.read.recordings import read_recordings
from tests.conftest import shared

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
START = UTCDateTime(2020, 1, 1)


def counts(n=1000, seed=0):
    return np.cumsum(np.random.default_rng(seed).normal(0, 40, n)).astype(np.int32)


def trace(channel="HHZ", *, at=0.0, n=1000, rate=100.0, station="CLEW", location="", seed=0, values=None):
    header = {"network": "XX", "station": station, "location": location, "channel": channel}
    header |= {"sampling_rate": rate, "starttime": START + at}
    return obspy.Trace(counts(n, seed) if values is None else values, header)


def saved(path, *traces, form="MSEED"):
    path.parent.mkdir(parents=True, exist_ok=True)
    obspy.Stream(list(traces)).write(str(path), format=form)
    return path


# ---- grouping ----
def test_components_of_a_sensor_are_one_recording_in_their_usual_order(tmp_path):
    path = saved(
        tmp_path / "a.mseed",
        *[trace(f"HH{c}", seed=ord(c)) for c in "ENZ"],
        *[trace(f"BH{c}", location="00") for c in "2Z1"],
    )
    read = read_recordings([path])
    assert [(one.name, one.station, one.components) for one in read.recordings] == [
        ("XX.CLEW.00.BH", "XX.CLEW", ("Z", "1", "2")),
        ("XX.CLEW.HH", "XX.CLEW", ("Z", "N", "E")),
    ]
    np.testing.assert_array_equal(read.recordings[1].read(0, 1000), [counts(1000, ord(c)) for c in "ZNE"])
    assert read.notes == [
        "XX.CLEW.00.BH: the horizontals 1 and 2 may point anywhere; no azimuth follows from them."
    ]
    assert read.counts == {"files": 1, "recordings": 2, "stations": 1, "gaps": 0, "overlaps": 0}
    assert read.given == []


def test_files_of_one_day_each_are_joined_whatever_the_order_they_are_named_in(tmp_path):
    whole = counts(3000)
    files = [
        saved(tmp_path / f"day{i}", trace(at=10.0 * i, values=whole[1000 * i : 1000 * (i + 1)]))
        for i in (2, 0, 1)
    ]
    (one,) = read_recordings(files).recordings
    np.testing.assert_array_equal(one.read(0, 3000)[0], whole)
    assert one.gaps() == (0, 0, 0)
    assert [one.source_at(i) for i in (0, 1500, 2999)] == ["day0", "day1", "day2"]


def test_gaps_and_overlaps_are_counted_and_said(tmp_path):
    parts = [
        trace(at=0),
        trace(at=12, seed=1),
        trace(at=21.5, values=counts(1000, 1)[950:]),
        trace(at=30, seed=2),
    ]
    read = read_recordings([saved(tmp_path / "a.mseed", *parts)])
    (one,) = read.recordings
    assert read.counts["gaps"] == 2 and read.counts["overlaps"] == 1
    assert read.notes == [
        "XX.CLEW.HH: 2 gaps, 10 s in all, are kept as missing.",
        "XX.CLEW.HH: 1 overlap: samples that agree count once, those that differ are missing.",
    ]
    got = one.read(0, one.n)[0]
    assert np.isnan(got).sum() == 1000
    np.testing.assert_array_equal(got[1200:2200], counts(1000, 1))


def test_two_rates_of_a_sensor_are_two_recordings_and_it_is_said(tmp_path):
    read = read_recordings([saved(tmp_path / "a.mseed", trace(), trace(at=10, rate=50.0))])
    assert [(one.name, one.rate) for one in read.recordings] == [
        ("XX.CLEW.HH 100 Hz", 100),
        ("XX.CLEW.HH 50 Hz", 50),
    ]
    assert read.notes == ["XX.CLEW.HH: sampled at 50 Hz and 100 Hz; each rate is a recording of its own."]


def test_rates_that_differ_by_rounding_are_one(tmp_path):
    files = [saved(tmp_path / "a", trace(rate=99.9999)), saved(tmp_path / "b", trace(at=10))]
    files += [
        saved(tmp_path / "c", trace("EHZ", rate=62.5)),
        saved(tmp_path / "d", trace("EHN", rate=62.5003)),
    ]
    read = read_recordings(files)
    assert [(one.rate, len(one.components)) for one in read.recordings] == [(62.5, 2), (100, 1)]
    assert read.notes == []


def test_unusual_channel_codes_are_said(tmp_path):
    files = [saved(tmp_path / f"{code}.sac", trace(code), form="SAC") for code in ("bhz", "BHN", "WIND")]
    read = read_recordings(files)
    assert [(one.name, one.components) for one in read.recordings] == [
        ("XX.CLEW", ("WIND",)),
        ("XX.CLEW.BH", ("Z", "N")),
    ]
    assert "XX.CLEW..bhz: lower-case channel codes are read as upper-case." in read.notes
    assert (
        "XX.CLEW..WIND: the channel code is none of SEED's; it is used as the name of the component."
        in read.notes
    )


def test_recordings_without_dates_stay_apart_and_it_is_said(tmp_path):
    for name in ("a", "b"):
        undated = trace(seed=ord(name))
        undated.stats.starttime = UTCDateTime(0)
        saved(tmp_path / f"{name}.sac", undated, form="SAC")
    saved(tmp_path / "c.mseed", trace())
    read = read_recordings([tmp_path])
    assert [(one.name, one.dated, one.station) for one in read.recordings] == [
        ("XX.CLEW.HH", True, "XX.CLEW"),
        ("XX.CLEW.HH a.sac", False, "XX.CLEW"),
        ("XX.CLEW.HH b.sac", False, "XX.CLEW"),
    ]
    np.testing.assert_array_equal(read.recordings[2].read(0, 1000)[0], counts(1000, ord("b")))
    assert read.notes[-1].startswith("2 of 3 recordings have no dates (XX.CLEW.HH a.sac, XX.CLEW.HH b.sac)")


def test_names_differ_where_one_sensor_has_dates_and_not(tmp_path):
    undated = trace()
    undated.stats.starttime = UTCDateTime(0)
    saved(tmp_path / "a.sac", undated, form="SAC")
    saved(tmp_path / "b.mseed", trace())
    assert [one.name for one in read_recordings([tmp_path]).recordings] == [
        "XX.CLEW.HH dated",
        "XX.CLEW.HH undated",
    ]


# ---- real data ----
def test_the_six_formats_of_obspy_read_as_obspy_reads_them():
    folder = shared("signals/obspy")
    names = ["coincidence_network", "gse2", "mseed", "rjob_20090824_event", "sac"]
    read = read_recordings([folder / name for name in names])
    assert [one.name for one in read.recordings] == [
        "BW.RJOB.EH", "BW.UH1.SH", "BW.UH2.SH", "BW.UH3.SH", "BW.UH4.EH", "II.TLY.00.BH", "IU.ULN.00.LH", "RNON",
    ]  # fmt: skip
    assert read.notes == [] and read.counts["files"] == 10
    theirs = {
        one.id: one
        for name in names
        for file in sorted((folder / name).iterdir())
        for one in obspy.read(str(file))
    }
    assert len(theirs) == sum(len(one.channels) for one in read.recordings)
    for one in read.recordings:
        for row, channel in enumerate(one.channels):
            same = theirs[channel.identifier]
            first = one.index(same.stats.starttime.timestamp)
            np.testing.assert_array_equal(one.read(first, first + same.stats.npts)[row], same.data)
            assert abs(one.time(first) - same.stats.starttime.timestamp) < 1e-3
            assert one.rate == pytest.approx(same.stats.sampling_rate, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "settings", "n", "components"),
    [
        ("obspy/rjob_20050801_event", {"rate": 200}, 1, ("Z", "N", "E")),
        ("obspy/noise_day", {"rate": 100}, 1, None),
        ("phasenet_ncedc", {"rate": 100}, 77, None),
        ("footsteps_audio", {}, 23, None),
        ("basic_motions", {"rate": 10}, 40, None),
        ("ipoc_seisbench", {}, 100, ("Z", "N", "E")),
    ],
)
def test_every_folder_of_real_signals_is_read(name, settings, n, components):
    read = read_recordings([shared(f"signals/{name}")], **settings)
    assert len(read.recordings) == n == len({one.name for one in read.recordings})
    assert components is None or all(one.components == components for one in read.recordings)
    for given in read.given:
        assert given.recording in {one.name for one in read.recordings}
    for one in read.recordings[:3]:
        assert np.isfinite(one.read(0, 10)).all()


# ---- names and hashes ----
def test_files_by_one_name_in_two_folders_are_told_apart_and_hashed(tmp_path):
    a, b = saved(tmp_path / "a" / "x.mseed", trace()), saved(tmp_path / "b" / "x.mseed", trace("HHN"))
    read = read_recordings([a, b])
    assert read.sha256 == {
        f"{p.parent.name}/x.mseed": hashlib.sha256(p.read_bytes()).hexdigest() for p in (a, b)
    }


def test_copies_are_said_and_a_file_that_is_listed_twice_is_refused(tmp_path):
    a, b = saved(tmp_path / "a.mseed", trace()), saved(tmp_path / "b.mseed", trace())
    assert "a.mseed, b.mseed hold the same bytes." in read_recordings([a, b]).notes
    with pytest.raises(DataError, match="must be listed once"):
        read_recordings([a, tmp_path])


# ---- what is refused, each in one sentence ----
def test_nothing_is_refused():
    with pytest.raises(DataError, match="at least one file or folder. Got none"):
        read_recordings([])


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.mseed", b"", r"must hold samples. Got an empty file \(0 bytes\)"),
        ("a.mseed", b"MS\x03" + bytes(100), "Got version 3, which ObsPy does not read"),
        ("a.sac", b"no seismogram at all" * 40, "must be in a format of seismic data that ObsPy knows"),
        (
            "a.dat",
            b"\0garbage\0" * 30,
            "must be a recording in a known format .* Got bytes that no reader knows",
        ),
        ("a.slist.gz", b"\x1f\x8bnot gzip", "must be one that can be read"),
    ],
)
def test_a_file_that_is_no_recording_is_refused(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        read_recordings([tmp_path / name])


def test_reading_can_be_followed_and_stopped(tmp_path):
    files = [saved(tmp_path / f"{i}.mseed", trace(at=10 * i)) for i in range(3)]
    seen = []
    read_recordings(files, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    with pytest.raises(Stopped):
        read_recordings(files, on_progress=lambda done, total: done < 1)


def test_the_response_is_removed_where_it_is_given(tmp_path):
    path = tmp_path / "rjob.xml"
    obspy.read_inventory().write(str(path), "STATIONXML")
    data = saved(tmp_path / "a.mseed", *obspy.read().select(channel="EHZ"))
    (plain,), (moved,) = (
        read_recordings([data], response=given, output="acceleration").recordings for given in (None, path)
    )
    assert (plain.unit, moved.unit) == ("counts", "m/s^2")
    assert 0 < np.abs(moved.read(0, 3000)).max() < 1e-3 * np.abs(plain.read(0, 3000)).max()


# ---- constant memory ----
def test_reading_window_by_window_takes_the_same_memory_for_a_long_recording(tmp_path):
    """What Python and NumPy allocate, in MB, for half an hour and for four hours of 3 components."""
    peaks = []
    for hours in (0.5, 4):
        n = int(hours * 360_000)
        path = saved(tmp_path / f"{hours}.mseed", *[trace(f"HH{c}", n=n, seed=ord(c)) for c in "ZNE"])
        read_recordings([path])  # what is imported first does not count
        tracemalloc.start()
        (one,) = read_recordings([path]).recordings
        for first in range(0, n, 1000):
            one.read(first, first + 1000)
        peaks.append(tracemalloc.get_traced_memory()[1] / 1e6)
        tracemalloc.stop()
    assert max(peaks) < 30  # the samples of the long one take 35 as they are returned
    assert peaks[1] < peaks[0] + 4
    tracemalloc.start()
    one.read(0, n)  # this must be seen, or the test shows nothing
    assert tracemalloc.get_traced_memory()[1] / 1e6 > 35
    tracemalloc.stop()


def test_files_that_cannot_be_read_are_passed_over_where_that_is_asked_for(tmp_path):
    good = saved(tmp_path / "good.mseed", trace())
    (tmp_path / "bad.mseed").write_bytes(good.read_bytes()[:100])
    (tmp_path / "empty.mseed").write_bytes(b"")
    with pytest.raises(DataError, match="bad.mseed"):
        read_recordings([tmp_path])
    read = read_recordings([tmp_path], lenient=True)
    assert [one.name for one in read.recordings] == ["XX.CLEW.HH"]
    assert len(read.failed) == 2 and "bad.mseed" in read.failed[0] and "0 bytes" in read.failed[1]
    assert list(read.sha256) == ["good.mseed"] and read.counts["files"] == 1
    assert read_recordings([good]).failed == []
    with pytest.raises(DataError, match="bad.mseed"):
        read_recordings([tmp_path / "bad.mseed"], lenient=True)


def test_a_rate_that_is_not_the_files_own_is_said(tmp_path):
    path = saved(tmp_path / "a.mseed", trace())
    (note,) = read_recordings([path], rate=50.0).notes
    assert note == "'a.mseed' tells its rate itself, 100 Hz; the 50 Hz of --rate were not used."
    assert read_recordings([path], rate=100.0).notes == read_recordings([path]).notes == []
    np.save(tmp_path / "b.npy", counts())
    assert not any("of --rate" in note for note in read_recordings([tmp_path / "b.npy"], rate=50.0).notes)
