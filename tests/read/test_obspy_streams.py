"""Streams that ObsPy holds in memory are the recordings that their files would be."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import DataError
from clew.read.miniseed_writer import write_miniseed
from clew.read.obspy_streams import is_stream, recordings_of
from clew.read.recording import recording_of
from clew.read.recordings import read_recordings

obspy = pytest.importorskip("obspy")
START, RATE = 1_700_000_000.0, 50.0


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two stations of three components, 20 s of each."""
    random = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("streams")
    for station in ("A", "B"):
        counts = random.integers(-999, 999, (3, 1000)).astype(np.int32)
        channels = ["HHE", "HHZ", "HHN"]
        write_miniseed(
            folder / f"{station}.mseed", counts, station=station, channels=channels, rate=RATE, start=START
        )
    return sorted(folder.iterdir())


def stream_of(files):
    stream = obspy.Stream()
    for path in files:
        stream += obspy.read(path)
    return stream


def test_a_stream_is_what_its_files_are(files):
    ours, theirs = recordings_of(stream_of(files)), read_recordings(files).recordings
    assert [one.name for one in ours] == ["XX.A.HH", "XX.B.HH"]
    for one, other in zip(ours, theirs, strict=True):
        for name in ("name", "station", "components", "rate", "start", "n", "unit", "dated"):
            assert getattr(one, name) == getattr(other, name)
        np.testing.assert_array_equal(one.read(0, one.n), other.read(0, other.n))


def test_masked_samples_are_missing_and_pieces_are_put_together(files):
    whole = obspy.read(files[0]).select(component="Z")
    at = obspy.UTCDateTime(START)
    pieces = whole.slice(at, at + 5) + whole.slice(at + 8, at + 30)
    merged = pieces.copy().merge()
    assert np.ma.isMaskedArray(merged[0].data)
    (apart,), (masked,) = recordings_of(pieces), recordings_of(merged[0])
    read = masked.read(0, masked.n)
    assert np.isnan(read).sum() == 3 * RATE - 1
    np.testing.assert_array_equal(read, apart.read(0, apart.n))
    known = ~np.isnan(read[0])
    np.testing.assert_array_equal(read[0][known], whole[0].data[known])


def test_a_unit_is_known_only_of_samples_that_nobody_scaled(files):
    raw = obspy.read(files[0])
    scaled = raw.copy().integrate()
    filtered = raw.copy().filter("highpass", freq=1.0)
    assert [one.unit for stream in (raw, filtered, scaled) for one in recordings_of(stream)] == [
        "counts",
        "counts",
        "",
    ]


def test_a_trace_without_codes_or_date_is_a_recording_too():
    (made,) = recordings_of(obspy.Trace(np.arange(100.0)))
    assert (made.name, made.dated, made.start, made.n) == ("stream", False, 0.0, 100)


def test_what_is_no_stream_is_refused_in_one_sentence(files):
    assert is_stream(obspy.Stream()) and not is_stream(np.zeros(3)) and not is_stream("a.mseed")
    with pytest.raises(DataError, match="must hold samples. Got none"):
        recordings_of(obspy.Stream())
    with pytest.raises(DataError, match="a Stream or a Trace of ObsPy, or a list of them. Got: str"):
        recordings_of("a.mseed")
    with pytest.raises(DataError, match="must be an array. Got a Stream of ObsPy: .*recordings_of makes"):
        recording_of(obspy.read(files[0]))
    with pytest.raises(DataError, match="'rate' .* must be its samples per second. Got none"):
        recording_of(np.zeros(30))
