import io
import struct

import numpy as np
import obspy
import pytest
from obspy.io.mseed.util import get_record_information

from clew.errors import DataError
from clew.read import miniseed_index
from clew.read.miniseed_index import index_of, is_miniseed
from tests.conftest import shared
from tests.read.test_miniseed import START, counts, opened, same_as_obspy, saved, values_of, written


def same_records_as_obspy(path):
    notes = []
    records, channels = index_of(path, source="a.mseed", notes=notes)
    data = path.read_bytes()
    for record in records:
        theirs = get_record_information(io.BytesIO(data), offset=int(record["offset"]))
        identifier, rate = channels[record["channel"]]
        codes = (theirs[name] for name in ("network", "station", "location", "channel"))
        assert identifier == ".".join(codes)
        assert rate == pytest.approx(theirs["samp_rate"], rel=1e-6)
        assert (record["length"], record["n"]) == (theirs["record_length"], theirs["npts"])
        assert record["encoding"] == theirs["encoding"]
        assert abs(record["time"] - theirs["starttime"].timestamp) < 5e-7  # ObsPy goes by way of a float
    assert notes == []
    return records


def test_real_records_are_what_obspy_finds_them_to_be():
    for name in (
        "rjob_20090824_event/BW.RJOB.EH.2009-08-24T00-20-03.mseed",
        "mseed/IU_ULN_00_LH1_2015-07-18T02.mseed",
    ):
        path = shared(f"signals/obspy/{name}")
        assert is_miniseed(path.read_bytes()[:512])
        assert same_records_as_obspy(path)["length"].sum() == path.stat().st_size


def test_records_of_any_length_order_and_rate_are_what_obspy_finds_them_to_be(tmp_path):
    rng = np.random.default_rng(3)
    parts = []
    for rate in (0.01, 1 / 3, 12.5, 99.37, 100.0, 1000.0):
        for reclen in (256, 512, 4096):
            order, start = rng.choice([">", "<"]), START + rng.uniform(0, 1e8)
            parts.append(written(counts(700), rate=rate, reclen=reclen, byteorder=str(order), start=start))
    records = same_records_as_obspy(saved(tmp_path, *parts))
    assert np.array_equal(np.cumsum(records["length"])[:-1], records["offset"][1:])
    wrong = bytearray(b"".join(parts))
    wrong[24] ^= 1  # the hour of the first record: a twin that reads the same bytes would see the same
    assert index_of(saved(tmp_path, bytes(wrong)), source="", notes=[])[0]["time"][0] != records["time"][0]


@pytest.mark.parametrize(
    ("factor", "multiplier", "rate"), [(20, 5, 100), (200, -2, 100), (-10, 1, 0.1), (-5, -2, 0.1), (0, 1, 0)]
)
def test_factor_and_multiplier_make_the_rate_as_the_manual_says(tmp_path, factor, multiplier, rate):
    data = bytearray(written(counts(50)))
    data[32:36] = struct.pack(">hh", factor, multiplier)
    _, ((identifier, got),) = index_of(saved(tmp_path, bytes(data)), source="", notes=[])
    assert identifier == "XX.CLEW..HHZ" and got == pytest.approx(rate)


@pytest.mark.parametrize("order", [">", "<"])
def test_the_rate_of_blockette_100_goes_before_that_of_the_header(tmp_path, order):
    data = bytearray(written(counts(10), encoding="INT32", byteorder=order))
    data[128:168], data[64:68] = data[64:104], struct.pack(order + "HH", 100, 0)
    data[68:72], data[72:128] = struct.pack(order + "f", 62.5), bytes(56)
    data[44:46], data[50:52] = (
        struct.pack(order + "H", 128),
        struct.pack(order + "H", 64),
    )  # data; what follows 1000
    data[39] = 2
    path = saved(tmp_path, bytes(data))
    same_records_as_obspy(path)
    (trace,) = same_as_obspy(path)
    assert trace.rate == 62.5
    data[50:52] = bytes(2)
    assert index_of(saved(tmp_path, bytes(data)), source="", notes=[])[1] == [("XX.CLEW..HHZ", 100.0)]


def test_the_index_reaches_beyond_a_chunk_wherever_it_ends(tmp_path, monkeypatch):
    path = saved(
        tmp_path,
        written(counts(20000), reclen=4096),
        b"x" * 700,
        written(counts(20000), channel="HHN", reclen=256),
    )
    monkeypatch.setattr(miniseed_index, "CHUNK", 5000)
    traces, notes = opened(path)
    for trace in traces:
        np.testing.assert_array_equal(values_of(trace), counts(20000))
    assert [trace.component for trace in traces] == ["Z", "N"]
    assert any("700 bytes from byte" in note for note in notes)


def test_a_time_correction_counts_unless_it_is_applied_already(tmp_path):
    data = bytearray(written(counts(300)))
    data[40:44] = (-15000).to_bytes(4, "big", signed=True)  # in 0.1 ms
    (trace,), _ = opened(saved(tmp_path, bytes(data)))
    assert (
        trace.stretch.start
        == (START - 1.5).timestamp
        == obspy.read(str(tmp_path / "a.mseed"))[0].stats.starttime
    )
    data[36] |= 2
    (trace,), _ = opened(saved(tmp_path, bytes(data)))
    assert trace.stretch.start == START.timestamp == obspy.read(str(tmp_path / "a.mseed"))[0].stats.starttime


def test_microseconds_of_blockette_1001_count(tmp_path):
    start = START + 0.000037
    traces = same_as_obspy(saved(tmp_path, written(counts(300), start=start)))
    assert traces[0].stretch.start == start.timestamp != START.timestamp


def test_a_file_that_is_cut_gives_its_whole_records_and_says_what_is_left(tmp_path):
    data = written(counts(20000))
    (whole,), _ = opened(saved(tmp_path, data))
    (trace,), notes = opened(saved(tmp_path, data[:-700]))
    assert 0 < trace.stretch.n < whole.stretch.n
    np.testing.assert_array_equal(values_of(trace), counts(20000)[: trace.stretch.n])
    assert f"the last 324 bytes, from byte {len(data) - 1024:,} on, are no whole record" in notes[0]


@pytest.mark.parametrize("n", [60, 64, 200, 511])
def test_a_file_without_one_whole_record_is_refused(tmp_path, n):
    with pytest.raises(DataError, match=f"at least one whole miniSEED record. Got {n} bytes without one"):
        opened(saved(tmp_path, written(counts(300))[:n]))


def test_foreign_bytes_between_records_are_passed_over_and_said(tmp_path):
    data, junk = written(counts(5000)), bytes(range(256)) * 5
    (trace,), notes = opened(saved(tmp_path, data[:1024], junk, data[1024:]))
    np.testing.assert_array_equal(values_of(trace), counts(5000))
    assert notes == ["'a.mseed': 1,280 bytes from byte 1,024 on are no data records and were passed over."]


def test_blank_records_and_control_headers_are_passed_over_and_said(tmp_path):
    data = written(counts(5000))
    path = saved(tmp_path, b"000001V 010".ljust(512), data[:512], b"000003 ".ljust(512), data[512:])
    assert is_miniseed(path.read_bytes()[:512])
    (trace,), notes = opened(path)
    np.testing.assert_array_equal(values_of(trace), counts(5000))
    assert "1,024 bytes from byte 0 on" in notes[0]


@pytest.mark.parametrize(
    "head", [b"", b"MS\x03" + b"\0" * 600, b"TIMESERIES BW_UH1", b"000001D " + b"\0" * 504, b"a,b\n1,2\n"]
)
def test_what_is_no_miniseed_is_not_taken_for_it(head):
    assert not is_miniseed(head)
