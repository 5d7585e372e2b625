import io
import logging

import numpy as np
import obspy
import pytest
from obspy import UTCDateTime

from clew.errors import DataError
from clew.read import miniseed
from clew.read.miniseed import AHEAD, Records, decoded, open_miniseed
from tests.conftest import shared

START = UTCDateTime(2020, 2, 29, 23, 59, 12, 345600)


def counts(n, seed=0):
    return np.cumsum(np.random.default_rng(seed).normal(0, 40, n)).astype(np.int32)


def written(values, *, start=START, rate=100.0, channel="HHZ", encoding="STEIM2", reclen=512, byteorder=">"):
    """The bytes of one channel as ObsPy writes them."""
    header = {
        "network": "XX",
        "station": "CLEW",
        "channel": channel,
        "sampling_rate": rate,
        "starttime": start,
    }
    out = io.BytesIO()
    obspy.Trace(values, header).write(out, "MSEED", encoding=encoding, reclen=reclen, byteorder=byteorder)
    return out.getvalue()


def saved(folder, *parts):
    path = folder / "a.mseed"
    path.write_bytes(b"".join(parts))
    return path


def opened(path):
    notes = []
    return open_miniseed(path, source="a.mseed", notes=notes), notes


def values_of(trace):
    return trace.stretch.read(0, trace.stretch.n)


def same_as_obspy(path):
    traces, _ = opened(path)
    stream = obspy.read(str(path))
    mine = sorted((t.identifier, t.stretch.start, t.rate, t.stretch.n) for t in traces)
    assert mine == sorted(
        (t.id, t.stats.starttime.timestamp, t.stats.sampling_rate, t.stats.npts) for t in stream
    )
    for trace in traces:
        (theirs,) = [
            t
            for t in stream
            if t.id == trace.identifier and t.stats.starttime.timestamp == trace.stretch.start
        ]
        np.testing.assert_array_equal(values_of(trace), theirs.data)
    return traces


@pytest.mark.parametrize("encoding", ["STEIM1", "STEIM2", "INT32", "FLOAT32", "FLOAT64", "INT16"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_every_encoding_reads_as_obspy_reads_it(tmp_path, encoding, byteorder):
    kind = {"FLOAT32": np.float32, "FLOAT64": np.float64, "INT16": np.int16}.get(encoding, np.int32)
    same_as_obspy(
        saved(tmp_path, written((counts(3000) % 30000).astype(kind), encoding=encoding, byteorder=byteorder))
    )


@pytest.mark.parametrize("reclen", [256, 512, 1024, 4096])
@pytest.mark.parametrize("rate", [0.1, 1 / 3, 20.0, 62.5, 500.0])
def test_every_record_length_and_rate_reads_as_obspy_reads_it(tmp_path, reclen, rate):
    (trace,) = opened(saved(tmp_path, written(counts(5000), reclen=reclen, rate=rate)))[0]
    (theirs,) = obspy.read(str(tmp_path / "a.mseed"))
    assert trace.rate == pytest.approx(rate, rel=1e-12)
    assert trace.stretch.start == theirs.stats.starttime.timestamp
    np.testing.assert_array_equal(values_of(trace), theirs.data)


@pytest.mark.parametrize(
    "name",
    ["rjob_20090824_event/BW.RJOB.EH.2009-08-24T00-20-03.mseed", "mseed/IU_ULN_00_LH1_2015-07-18T02.mseed"],
)
def test_real_files_read_as_obspy_reads_them(name):
    path = shared(f"signals/obspy/{name}")
    assert len(same_as_obspy(path)) == (3 if "RJOB" in name else 1)


def test_channels_and_record_lengths_may_be_mixed_in_any_order(tmp_path):
    rng = np.random.default_rng(1)
    records = []
    for channel, reclen, order in (
        ("HHZ", 512, ">"),
        ("HHN", 1024, "<"),
        ("LOG", 256, ">"),
        ("HHE", 4096, ">"),
    ):
        data = written(counts(20000, ord(channel[-1])), channel=channel, reclen=reclen, byteorder=order)
        records.append([data[i : i + reclen] for i in range(0, len(data), reclen)])
    mixed = []
    while any(records):
        mixed.append(rng.choice([i for i, own in enumerate(records) if own]))
        mixed[-1] = records[mixed[-1]].pop(0)
    traces, notes = opened(saved(tmp_path, *mixed))
    assert notes == []
    assert {trace.component for trace in traces} == {"Z", "N", "E", "G"}
    for trace in traces:
        np.testing.assert_array_equal(values_of(trace), counts(20000, ord(trace.identifier[-1])))


def test_windows_in_any_order_are_pieces_of_the_whole(tmp_path):
    whole = counts(3 * AHEAD)
    (trace,) = opened(saved(tmp_path, written(whole)))[0]
    rng = np.random.default_rng(2)
    firsts = np.r_[np.arange(0, 200_000, 700), rng.integers(0, len(whole) - 3000, 40)]
    for first in firsts.tolist():
        got = trace.stretch.read(first, first + 3000)
        assert got.dtype == np.float64
        np.testing.assert_array_equal(got, whole[first : first + 3000])
    np.testing.assert_array_equal(values_of(trace), whole)
    assert trace.stretch.read(5, 5).shape == (0,)
    assert (whole[700:3700] != whole[:3000]).any()  # a window off by one would be seen


def test_windows_in_order_decode_every_record_about_once(tmp_path, monkeypatch):
    (trace,) = opened(saved(tmp_path, written(counts(2 * AHEAD))))[0]
    asked = []
    monkeypatch.setattr(miniseed, "decoded", lambda raw: asked.append(raw.size) or decoded(raw))
    for first in range(0, 2 * AHEAD - 1000, 500):
        trace.stretch.read(first, first + 1000)
    assert sum(asked) < 1.2 * (tmp_path / "a.mseed").stat().st_size
    asked.clear()
    for first in range(0, 2 * AHEAD - 1000, 500)[
        ::-1
    ]:  # backwards, nothing is decoded ahead, but records again
        trace.stretch.read(first, first + 1000)
    assert sum(asked) > 1.2 * (tmp_path / "a.mseed").stat().st_size


def test_one_window_of_a_file_above_two_gib_reads_its_records_only(tmp_path):
    """A sparse file: 2.2 GiB of nothing between a record and another; only the bytes of the records are read."""
    data = written(counts(5000))
    records = [data[i : i + 512] for i in range(0, len(data), 512)]
    place = 2_362_232_832
    path = tmp_path / "huge.mseed"
    with path.open("wb") as file:
        file.write(records[0])
        file.seek(place)
        file.write(b"".join(records[1:]))
    sizes = [int(obspy.read(io.BytesIO(one))[0].stats.npts) for one in records]
    offset = np.array([0, *range(place, place + 512 * (len(records) - 1), 512)])
    rows = Records(path, "huge", offset, np.full(len(records), 512, np.uint32), np.cumsum([0, *sizes]))
    np.testing.assert_array_equal(rows.read(0, 5000), counts(5000))
    assert len(rows._bytes(0, len(records))) == len(data)


# ---- the clock ----
def test_gaps_and_overlaps_begin_new_stretches_where_obspy_begins_traces(tmp_path):
    later = [START + 10, START + 25.005, START + 24]  # the second starts where the first ends
    parts = [written(counts(1000, i), start=start) for i, start in enumerate([START, *later])]
    traces, notes = opened(saved(tmp_path, *parts))
    assert [round(trace.stretch.start - START.timestamp, 3) for trace in traces] == [0, 24, 25.005]
    assert [trace.stretch.n for trace in traces] == [2000, 1000, 1000]
    assert len(obspy.read(str(tmp_path / "a.mseed"))) == 3
    np.testing.assert_array_equal(values_of(traces[1]), counts(1000, 3))
    assert len(notes) == 1 and "the clock runs backwards at 1 of" in notes[0]


def test_records_out_of_order_are_put_in_order_and_it_is_said(tmp_path):
    data = written(counts(20000))
    records = [data[i : i + 512] for i in range(0, len(data), 512)]
    (trace,), notes = opened(saved(tmp_path, *records[10:], *records[:10]))
    np.testing.assert_array_equal(values_of(trace), counts(20000))
    assert "the clock runs backwards at 1 of" in notes[0]
    assert opened(saved(tmp_path, data))[1] == []


def test_streams_that_overlap_stay_whole_each(tmp_path):
    parts = [written(counts(20000, i), start=START + i * 33.337, encoding="STEIM1") for i in range(3)]
    records = [part[i : i + 512] for part in parts for i in range(0, len(part), 512)]
    records.sort(key=lambda one: obspy.read(io.BytesIO(one))[0].stats.starttime)
    for order in (parts, records):
        traces, _ = opened(saved(tmp_path, *order))
        assert [trace.stretch.n for trace in traces] == [20000] * 3
        for i, trace in enumerate(traces):
            np.testing.assert_array_equal(values_of(trace), counts(20000, i))


def test_records_that_stand_there_twice_are_used_once_unless_they_differ(tmp_path):
    data = written(counts(5000))
    (trace,), notes = opened(saved(tmp_path, data, data))
    np.testing.assert_array_equal(values_of(trace), counts(5000))
    assert any(f"{len(data) // 512} records stand there more than once" in note for note in notes)
    other = bytearray(data)
    other[len(data) - 512 + 100] ^= 1
    traces, _ = opened(saved(tmp_path, data, bytes(other)))
    assert len(traces) == 2 and traces[1].stretch.n < 512 * 8


def test_a_clock_that_drifts_against_the_rate_is_followed_within_a_sample(tmp_path):
    true_rate, n = 100.004, 400  # 40 ppm fast: a sample in 250 s
    parts = [written(counts(n, i), start=START + i * n / true_rate, reclen=4096) for i in range(200)]
    traces, notes = opened(saved(tmp_path, *parts))
    assert len(traces) == 4  # 800 s
    assert "drift apart: 3 times" in notes[0]
    whole = np.concatenate([values_of(trace) for trace in traces])
    np.testing.assert_array_equal(whole, np.concatenate([counts(n, i) for i in range(200)]))
    for trace in traces:  # where the grid puts the last sample, against where the true rate puts it
        last = trace.stretch.start + (trace.stretch.n - 1) / trace.rate
        before = (
            sum(t.stretch.n for t in traces if t.stretch.start < trace.stretch.start) + trace.stretch.n - 1
        )
        assert abs(last - (START.timestamp + before / true_rate)) < 0.0105
    steady = [written(counts(n, i), start=START + i * n / 100, reclen=4096) for i in range(200)]
    assert len(opened(saved(tmp_path, *steady))[0]) == 1


def test_two_rates_of_one_channel_are_told_apart(tmp_path):
    traces, _ = opened(
        saved(tmp_path, written(counts(1000)), written(counts(1000), start=START + 10, rate=50.0))
    )
    assert sorted((trace.rate, trace.stretch.n) for trace in traces) == [(50, 1000), (100, 1000)]


def test_the_quality_of_records_does_not_part_a_channel(tmp_path):
    data = bytearray(written(counts(20000)))
    data[512 * 3 + 6] = ord("Q")
    (trace,), _ = opened(saved(tmp_path, bytes(data)))
    np.testing.assert_array_equal(values_of(trace), counts(20000))


# ---- what is broken ----
def test_a_damaged_record_counts_as_missing_and_its_neighbours_as_they_are(tmp_path, caplog):
    data = bytearray(written(counts(20000)))
    sizes = [obspy.read(io.BytesIO(bytes(data[i : i + 512])))[0].stats.npts for i in range(0, 2048, 512)]
    data[1024 + 200 : 1024 + 300] = b"\x55" * 100
    (trace,), _ = opened(saved(tmp_path, bytes(data)))
    with caplog.at_level(logging.WARNING):
        got = values_of(trace)
    lost = slice(sum(sizes[:2]), sum(sizes[:3]))
    assert np.isnan(got[lost]).all() and np.isnan(got).sum() == sizes[2]
    np.testing.assert_array_equal(np.delete(got, np.r_[lost]), np.delete(counts(20000), np.r_[lost]))
    assert "the record at byte 1024 is damaged" in caplog.text


def test_a_header_that_obspy_only_warns_of_costs_no_samples(tmp_path):
    data = bytearray(written(counts(300)))
    data[39] += 2  # more blockettes than there are
    (trace,), _ = opened(saved(tmp_path, bytes(data)))
    with pytest.warns(obspy.io.mseed.InternalMSEEDWarning, match="Number of blockettes"):
        obspy.read(str(tmp_path / "a.mseed"))
    np.testing.assert_array_equal(values_of(trace), counts(300))


def test_a_file_that_shrinks_while_it_is_read_is_noticed(tmp_path):
    path = saved(tmp_path, written(counts(20000)))
    (trace,), _ = opened(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match="must stay as it was"):
        values_of(trace)


def test_text_channels_are_passed_over_and_a_file_of_nothing_else_is_refused(tmp_path):
    log = bytearray(written(np.frombuffer(b"clock locked", "S1"), channel="LOG", encoding="ASCII", rate=0.0))
    (trace,), notes = opened(saved(tmp_path, bytes(log), written(counts(300))))
    assert trace.component == "Z"
    assert notes == ["'a.mseed': XX.CLEW..LOG: no samples but text or nothing, passed over."]
    with pytest.raises(DataError, match="must hold records with samples. Got 1 records without any"):
        opened(saved(tmp_path, bytes(log)))


def test_an_encoding_that_nobody_decodes_is_refused_by_its_number(tmp_path):
    data = bytearray(written(counts(300)))
    data[52] = 2  # 24-bit integers
    with pytest.raises(DataError, match=r"XX.CLEW..HHZ.*Got number 2"):
        opened(saved(tmp_path, bytes(data)))
