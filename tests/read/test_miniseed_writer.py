"""Written miniSEED against ObsPy, which reads it."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import DataError
from clew.read.miniseed_writer import MiniseedFile, seed_identifier, write_miniseed

obspy = pytest.importorskip("obspy")
CHANNELS = ("HHZ", "HHN", "HHE")


def counts(n=5000):
    return np.random.default_rng(0).integers(-(2**23), 2**23, (3, n)).astype(np.int32)


def test_obspy_reads_the_same_counts_times_and_codes(tmp_path):
    values, start = counts(), 1709532000.1234
    path = write_miniseed(
        tmp_path / "a.mseed",
        values,
        station="SIM1",
        location="00",
        channels=CHANNELS,
        rate=100.0,
        start=start,
    )
    stream = obspy.read(path)
    assert [trace.id for trace in stream] == [f"XX.SIM1.00.{channel}" for channel in CHANNELS]
    for trace, row in zip(stream, values):
        np.testing.assert_array_equal(trace.data, row)
        assert trace.stats.sampling_rate == 100.0
        assert trace.stats.starttime.timestamp == pytest.approx(start, abs=1e-6)
        assert trace.stats.mseed.encoding == "STEIM2"


def test_the_same_counts_give_the_same_bytes_and_others_do_not(tmp_path):
    how = {"station": "A", "channels": CHANNELS, "rate": 50.0, "start": 0.0}
    values = counts(300)
    first, again = (write_miniseed(tmp_path / name, values, **how).read_bytes() for name in ("a", "b"))
    values[2, 299] += 1
    assert first == again != write_miniseed(tmp_path / "c", values, **how).read_bytes()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"values": counts().astype(float)}, "must be int32 of shape .3, n.. Got float64"),
        ({"values": counts()[:2]}, "Got int32 of shape .2, 5000."),
        ({"values": counts(0)}, "Got int32 of shape .3, 0."),
        ({"station": "STATION"}, "station code of .* must be at most 5 letters or figures. Got 'STATION'"),
        ({"channels": ("HHZ", "HHN", "EAST")}, "channel code .* Got 'EAST'"),
        ({"network": "Ö"}, "network code .* Got 'Ö'"),
    ],
)
def test_what_miniseed_cannot_hold_is_refused_and_nothing_written(tmp_path, change, told):
    how = {"values": counts(), "station": "A", "channels": CHANNELS, "rate": 50.0, "start": 0.0, **change}
    with pytest.raises(DataError, match=told):
        write_miniseed(tmp_path / "a.mseed", how.pop("values"), **how)
    assert not list(tmp_path.iterdir())


def test_a_file_grows_piece_by_piece_and_is_read_as_one(tmp_path):
    values = counts()
    with MiniseedFile(tmp_path / "a.mseed") as file:
        for row, code in zip(values, CHANNELS):
            for first in range(0, 5000, 1200):
                file.append(
                    row[first : first + 1200], identifier=f"XX.A..{code}", rate=100.0, start=1e9 + first / 100
                )
        assert not (tmp_path / "a.mseed").exists()
    stream = obspy.read(tmp_path / "a.mseed").merge()
    found = {one.stats.channel: one.data for one in stream}
    for row, code in zip(values, CHANNELS):
        np.testing.assert_array_equal(found[code], row)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_kept_to_the_bit(tmp_path, dtype):
    values = np.random.default_rng(0).standard_normal(1000).astype(dtype)
    with MiniseedFile(tmp_path / "a.mseed") as file:
        file.append(values, identifier="XX.A..HHZ", rate=100.0, start=1e9)
    np.testing.assert_array_equal(obspy.read(tmp_path / "a.mseed")[0].data, values)


def test_an_interrupted_file_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.mseed"
    path.write_bytes(b"before")
    with pytest.raises(RuntimeError), MiniseedFile(path) as file:
        file.append(counts()[0], identifier="XX.A..HHZ", rate=100.0, start=1e9)
        raise RuntimeError
    assert path.read_bytes() == b"before" and len(list(tmp_path.iterdir())) == 1


def test_names_that_are_none_of_seeds_become_such():
    assert seed_identifier("BW.UH1..SHZ", station="BW.UH1", component="Z") == "BW.UH1..SHZ"
    assert seed_identifier("pressure", station="my sensor.csv", component="pressure") == "XX.MYSEN..PRE"
    assert seed_identifier("", station="", component="") == "XX.NONE.."
