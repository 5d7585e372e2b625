"""Written miniSEED against ObsPy, which reads it."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import DataError
from clew.read.miniseed_writer import write_miniseed

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
