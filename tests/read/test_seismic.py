import gzip
import io
import pickle

import numpy as np
import obspy
import pytest
from obspy import UTCDateTime
from obspy.io.sac import SACTrace
from obspy.io.segy.unpack import unpack_4byte_ibm

from clew.errors import DataError
from clew.read.recording import InMemory
from clew.read.seismic import InFile, of_ibm, open_seismic, seismic_format
from tests.conftest import shared

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore:CREATING TRACE HEADER")
START = UTCDateTime(2011, 3, 11, 5, 46, 24, 123000)


def counts(n=3000, seed=0):
    return np.cumsum(np.random.default_rng(seed).normal(0, 40, n)).astype(np.int32)


def stream(n=3000, *, kind=np.int32, channels=("HHZ",)):
    header = {"network": "XX", "station": "CLEW", "sampling_rate": 100.0, "starttime": START}
    return obspy.Stream(
        [
            obspy.Trace(counts(n, i).astype(kind), {**header, "channel": channel})
            for i, channel in enumerate(channels)
        ]
    )


def opened(path):
    notes = []
    return open_seismic(path, source=path.name, notes=notes), notes


def same_as_obspy(path):
    traces, notes = opened(path)
    theirs = obspy.read(str(path))
    assert len(traces) == len(theirs)
    for mine, one in zip(traces, theirs):
        assert mine.stretch.start == one.stats.starttime.timestamp
        assert mine.rate == pytest.approx(one.stats.sampling_rate, rel=1e-5)
        np.testing.assert_array_equal(mine.stretch.read(0, mine.stretch.n), one.data.astype(np.float64))
        np.testing.assert_array_equal(mine.stretch.read(7, 19), one.data[7:19])
    return traces, notes


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("sac/II.TLY.BHZ.SAC", "II.TLY.00.BHZ"),
        ("gse2/loc_RNON20040609200559.z", ".RNON..Z"),
        ("coincidence_network/BW.UH3._.SHE.D.2010.147.cut.slist.gz", "BW.UH3..SHE"),
        ("coincidence_network/BW.UH4._.EHZ.D.2010.147.cut.slist.gz", "BW.UH4..EHZ"),
    ],
)
def test_real_files_read_as_obspy_reads_them(name, whole):
    (trace,), notes = same_as_obspy(shared(f"signals/obspy/{name}"))
    assert trace.identifier == whole and trace.dated and notes == []
    assert trace.station == ".".join(filter(None, whole.split(".")[:2]))


@pytest.mark.parametrize("name", ["SAC", "GSE2", "SLIST", "TSPAIR", "SACXY", "SEGY", "SU", "SH_ASC"])
def test_what_obspy_writes_reads_as_obspy_reads_it(tmp_path, name):
    path = tmp_path / "some.data"
    kind = np.float32 if name in ("SAC", "SACXY", "SEGY", "SU", "SH_ASC") else np.int32
    stream(kind=kind).write(str(path), format=name)
    assert seismic_format(path) == name
    traces, _ = same_as_obspy(path)
    assert isinstance(traces[0].stretch.data, InFile if name in ("SAC", "SEGY") else InMemory)


def test_gzipped_files_read_as_they_are_unpacked(tmp_path):
    path = tmp_path / "a.sac"
    stream(kind=np.float32).write(str(path), format="SAC")
    packed = tmp_path / "a.sac.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    (trace,), _ = opened(packed)
    np.testing.assert_array_equal(trace.stretch.read(0, 3000), counts())
    packed.write_bytes(packed.read_bytes()[:-500])
    with pytest.raises(DataError, match="whole packed file"):
        opened(packed)


# ---- SAC ----
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_a_window_of_a_sac_file_reads_its_own_bytes_only(tmp_path, byteorder, monkeypatch):
    path = tmp_path / "a.sac"
    stream(kind=np.float32).write(str(path), format="SAC", byteorder=byteorder)
    (trace,), _ = same_as_obspy(path)
    sizes = []
    plain = np.frombuffer
    monkeypatch.setattr(np, "frombuffer", lambda data, *more: sizes.append(len(data)) or plain(data, *more))
    np.testing.assert_array_equal(trace.stretch.read(1000, 1100), counts()[1000:1100])
    assert sizes == [400]


def test_a_sac_file_above_two_gib_is_read_at_its_far_end(tmp_path):
    n = 600_000_000
    path = tmp_path / "huge.sac"
    header = SACTrace(
        npts=n, delta=0.01, nzyear=2020, nzjday=1, nzhour=0, nzmin=0, nzsec=0, nzmsec=0, b=0.0, kstnm="A"
    )
    head = io.BytesIO()
    header.data = np.zeros(4, np.float32)
    header.write(head)
    raw = bytearray(head.getvalue()[:632])
    raw[316:320] = int(n).to_bytes(4, "little")
    with path.open("wb") as file:
        file.write(raw)
        file.seek(632 + 4 * (n - 3))
        file.write(np.array([1, 2, 3], "<f4").tobytes())
    (trace,), notes = opened(path)
    assert trace.stretch.n == n and notes == []
    np.testing.assert_array_equal(trace.stretch.read(n - 4, n), [0, 1, 2, 3])


def test_a_sac_file_that_is_cut_gives_what_there_is_and_says_so(tmp_path):
    path = tmp_path / "a.sac"
    stream(kind=np.float32).write(str(path), format="SAC")
    path.write_bytes(path.read_bytes()[: 632 + 4 * 1000 + 2])
    (trace,), notes = opened(path)
    np.testing.assert_array_equal(trace.stretch.read(0, trace.stretch.n), counts()[:1000])
    assert "ends after 1,000 of 3,000 samples" in notes[0]
    path.write_bytes(path.read_bytes()[:632])
    with pytest.raises(DataError, match="must hold samples"):
        opened(path)


def test_a_sac_file_without_a_date_or_a_station_goes_by_its_own_name(tmp_path):
    path = tmp_path / "a.sac"
    SACTrace(data=np.arange(10, dtype=np.float32), delta=0.01, b=3.5, lcalda=False).write(str(path))
    (trace,), _ = opened(path)
    assert (trace.station, trace.dated, trace.stretch.start) == ("a.sac", False, 3.5)
    raw = bytearray(path.read_bytes())
    raw[280:304] = np.full(6, -12345, "<i4").tobytes()  # as SAC itself writes it
    path.write_bytes(raw)
    assert not opened(path)[0][0].dated


def test_a_sac_file_that_is_no_time_series_is_refused(tmp_path):
    path = tmp_path / "a.sac"
    SACTrace(data=np.arange(10, dtype=np.float32), delta=0.01, iftype="irlim").write(str(path))
    with pytest.raises(DataError, match="evenly sampled samples over time. Got irlim"):
        opened(path)


def test_the_unit_of_a_sac_file_is_what_its_header_says(tmp_path):
    path = tmp_path / "a.sac"
    for said, unit in (("ivel", "nm/s"), ("iunkn", "counts")):
        SACTrace(data=np.arange(10, dtype=np.float32), delta=0.01, idep=said).write(str(path))
        assert opened(path)[0][0].unit == unit


# ---- SEG-Y ----
@pytest.mark.parametrize(
    ("encoding", "kind"), [(1, np.float32), (2, np.int32), (3, np.int16), (5, np.float32)]
)
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_every_format_of_segy_reads_as_obspy_reads_it(tmp_path, encoding, kind, byteorder):
    path = tmp_path / "line.sgy"
    stream(200, kind=kind, channels="abcde").write(
        str(path), format="SEGY", data_encoding=encoding, byteorder=byteorder
    )
    traces, notes = same_as_obspy(path)
    assert [(one.station, one.sensor, one.component) for one in traces[:2]] == [
        ("line.sgy", "1", ""),
        ("line.sgy", "2", ""),
    ]
    assert notes == [] and traces[0].dated
    assert isinstance(traces[0].stretch.data, InFile)


def test_a_segy_file_that_is_cut_gives_its_whole_traces_and_says_so(tmp_path):
    path = tmp_path / "line.sgy"
    stream(200, kind=np.float32, channels="abc").write(str(path), format="SEGY", data_encoding=5)
    path.write_bytes(path.read_bytes()[:-10])
    traces, notes = opened(path)
    assert len(traces) == 2
    assert "the last 1,030 bytes, from byte 5,680 on, are no whole trace" in notes[0]


def test_a_segy_trace_without_a_date_has_none(tmp_path):
    path = tmp_path / "line.sgy"
    undated = stream(200, kind=np.float32)
    undated[0].stats.starttime = UTCDateTime(0)
    undated.write(str(path), format="SEGY", data_encoding=5)
    assert not opened(path)[0][0].dated


def test_floats_of_ibm_are_what_obspy_makes_of_them():
    words = np.random.default_rng(0).integers(0, 2**32, 4000, dtype=np.uint32)
    words = words[((words >> 24) & 0x7F > 40) & ((words >> 24) & 0x7F < 90)]  # what a float32 holds
    theirs = unpack_4byte_ibm(io.BytesIO(words.astype(">u4").tobytes()), len(words))
    np.testing.assert_array_equal(of_ibm(words).astype(np.float32), theirs)
    assert of_ibm(np.array([0xC276A000], np.uint32))[0] == -118.625  # the example of the standard


# ---- what is refused ----
def test_a_pickle_is_never_opened(tmp_path):
    path = tmp_path / "a.pickle"
    stream().write(str(path), format="PICKLE")
    assert obspy.read(str(path))[0].id == "XX.CLEW..HHZ"  # ObsPy would run it
    assert seismic_format(path) == ""
    with pytest.raises(DataError, match="must be in a format of seismic data"):
        opened(path)
    assert pickle.loads(path.read_bytes())


def test_a_gse2_file_that_is_cut_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "a.gse2"
    stream().write(str(path), format="GSE2")
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DataError, match="must be whole and in the format GSE2"):
        opened(path)


def test_what_obspy_does_not_know_is_refused(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("not a seismogram\n")
    with pytest.raises(DataError, match="a format of seismic data that ObsPy knows"):
        opened(path)
