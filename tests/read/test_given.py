import numpy as np
import pandas as pd
import pytest

from clew.errors import DataError
from clew.read.given import read_given
from clew.read.quakeml import write_quakeml
from clew.read.recording import recording_of
from clew.read.recordings import read_recordings
from tests.conftest import shared

BEGIN = pd.Timestamp("2010-05-27T16:24:00", tz="UTC").timestamp()


def undated(name, seconds=100.0, source=None):
    return recording_of(np.zeros(round(seconds * 10)), rate=10, name=name, source=source)


def dated(name, station, start=BEGIN, seconds=100.0):
    one = recording_of(np.zeros(round(seconds * 10)), rate=10, name=name, start=start)
    object.__setattr__(one, "station", station)
    return one


def read(tmp_path, text, recordings, name="given.csv", **settings):
    (tmp_path / name).write_text(text)
    return read_given(tmp_path / name, recordings, **settings)


def test_windows_and_moments_of_files_are_found_with_all_that_is_said_of_them(tmp_path):
    recordings = [undated("a.wav"), undated("sub/b.wav")]
    text = "file,start,end,label,magnitude,who\na.wav,1,2.5,jump,1.5,ann\nb.wav,3.5s,,quiet,,\n"
    first, second = read(tmp_path, text, recordings)
    assert (first.recording, first.start, first.end, first.label) == ("a.wav", 1.0, 2.5, "jump")
    assert first.columns == {"magnitude": 1.5, "who": "ann"}
    assert (second.recording, second.start, second.end, second.label) == ("sub/b.wav", 3.5, None, "quiet")
    assert np.isnan(second.columns["magnitude"]) and second.columns["who"] == ""


@pytest.mark.parametrize(
    "text", ["2010-05-27T16:24:10.5", "2010-05-27 18:24:10.5+02:00", "27.05.2010 16:24:10.5"]
)
def test_dates_are_seconds_since_1970(tmp_path, text):
    (one,) = read(tmp_path, f"station,start,duration\nBW.UH1,{text},4\n", [dated("BW.UH1.SH", "BW.UH1")])
    assert one.start == pytest.approx(BEGIN + 10.5, abs=1e-6)
    assert one.end == pytest.approx(BEGIN + 14.5, abs=1e-6)


def test_a_station_stands_for_all_its_recordings_that_were_running(tmp_path):
    recordings = [dated("U.SH", "U"), dated("U.BH", "U"), dated("U.late", "U", BEGIN + 500), dated("V", "V")]
    found = read(tmp_path, "station,pick\nU,2010-05-27T16:24:10\n", recordings)
    assert [(one.recording, one.end) for one in found] == [("U.SH", None), ("U.BH", None)]
    found = read(tmp_path, "station,time\n*,2010-05-27T16:24:10\n", recordings)
    assert [one.recording for one in found] == ["U.SH", "U.BH", "V"]
    found = read(tmp_path, "recording,time\nU.BH,2010-05-27T16:24:10\n", recordings)
    assert [one.recording for one in found] == ["U.BH"]


def test_a_lone_recording_needs_no_name_and_a_table_without_times_is_of_whole_recordings(tmp_path):
    (one,) = read(tmp_path, "start,label\n5,x\n", [undated("a")])
    assert (one.recording, one.start) == ("a", 5.0)
    text = "file,surface\na.ogg,dirt\nb.ogg,wood\n"
    found = read(tmp_path, text, [undated("a.ogg", 3), undated("b.ogg", 4)])
    assert [(one.start, one.end, one.columns) for one in found] == [
        (0.0, 3.0, {"surface": "dirt"}),
        (0.0, 4.0, {"surface": "wood"}),
    ]


def test_parquet_and_recordings_with_and_without_dates_may_be_mixed(tmp_path):
    table = pd.DataFrame({"recording": ["a", "U"], "start": ["2.5", "2010-05-27T16:24:10"], "label": [1, 2]})
    table.to_parquet(tmp_path / "given.parquet")
    first, second = read_given(tmp_path / "given.parquet", [undated("a"), dated("U", "U")])
    assert (first.start, first.label, second.start, second.label) == (2.5, "1", BEGIN + 10, "2")


def test_windows_that_begin_before_the_recording_but_reach_into_it_stay(tmp_path):
    (one,) = read(tmp_path, "start,end\n-2,3\n", [undated("a")])
    assert (one.start, one.end) == (-2.0, 3.0)


BAD = [
    ("file,start\na,1\nc,2\n", "must be of a recording that there is. Got file 'c' in line 3; there are: a, b"),
    ("start,label\n1,x\n", r"must say whose it is: .* Got none in line 2"),
    ("file,start,end\na,5,4\n", "must end behind its start. Got 5.000s to 4.000s in line 2"),
    ("file,start,end\na,1,2\na,5,5\n", "must end behind its start.* in line 3"),
    ("file,start\na,200\n", r"must lie in its recording. Got 200.000s, where 'a' lasts from 0.000s to 100.000s \(line 2\)"),
    ("file,start,end\na,-5,-2\n", "must lie in its recording"),
    ("file,start\na,2010-05-27\n", "must be in s since the start of 'a', which is not dated. Got '2010-05-27' in line 2"),
    ("file,start\na,soon\n", "must be in s. Got 'soon' in line 2"),
    ("file,start\na,\n", "must have its 'start'. Got none in line 2"),
    ("file,end\na,3\n", "must say when its rows start"),
    ("file,start,time\na,3,4\n", "must have one of the columns start, pick, time. Got: start, time"),
    ("file,start,end,duration\na,3,4,1\n", "must have one of the columns end, duration"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), BAD)
def test_rows_that_fit_nothing_are_refused_with_their_line(tmp_path, text, sentence):
    with pytest.raises(DataError, match=sentence):
        read(tmp_path, text, [undated("a"), undated("b")])


def test_numbers_are_no_dates(tmp_path):
    with pytest.raises(DataError, match="'start' must hold dates"):
        read(tmp_path, "start\n5\n", [dated("U", "U")])


def test_a_file_of_several_stations_needs_the_station_as_well(tmp_path):
    both = [dated("U", "U"), dated("V", "V")]
    for one in both:
        object.__setattr__(one.channels[0].stretches[0], "source", "net.mseed")
    with pytest.raises(
        DataError, match=r"which station it is of.* source 'net.mseed' in line 2, which holds 2 stations"
    ):
        read(tmp_path, "source,start\nnet.mseed,2010-05-27T16:24:10\n", both)
    text = "source,station,start\nnet.mseed,V,2010-05-27T16:24:10\n"
    assert [one.recording for one in read(tmp_path, text, both)] == ["V"]


def test_picks_of_a_catalogue_become_moments_and_those_of_other_stations_are_counted(tmp_path):
    table = pd.DataFrame(
        {
            "recording": ["BW.UH1.SH", "BW.UH1.BH", "XX.FAR.HH"],
            "station": ["BW.UH1", "BW.UH1", "XX.FAR"],
            "start": "2010-05-27T16:24:33.210",
            "end": "2010-05-27T16:24:37.5",
            "label": ["earthquake", "jump", "jump"],
            "probability": 0.9,
        }
    )
    write_quakeml(table, tmp_path / "events.xml")
    recordings = [dated("BW.UH1.SH", "BW.UH1"), dated("BW.UH1.BH", "BW.UH1"), undated("a")]
    notes = []
    first, second = read_given(tmp_path / "events.xml", recordings, notes=notes)
    assert (first.recording, first.label, second.recording, second.label) == (
        "BW.UH1.SH", "earthquake", "BW.UH1.BH", "jump",
    )  # fmt: skip
    assert (first.start, first.end) == (
        pytest.approx(BEGIN + 33.21, abs=1e-6),
        pytest.approx(BEGIN + 37.5, abs=1e-6),
    )
    assert first.columns["event"].startswith("smi:local/clew/event/")
    assert notes == ["'events.xml': 1 of 3 picks are of nothing that was recorded and were passed over."]
    with pytest.raises(DataError, match="must be of recordings that there are"):
        read_given(tmp_path / "events.xml", [undated("a")])


def test_the_station_of_a_file_that_tells_none_is_a_column():
    folder = shared("signals/phasenet_ncedc")
    table = pd.read_csv(folder / "index.csv")
    found = read_recordings([folder], rate=100).recordings
    given = read_given(folder / "index.csv", found)
    assert [one.recording for one in given] == table["fname"].tolist()
    assert [one.columns["station_code"] for one in given] == table["station"].tolist()
    assert [one.columns["itp"] for one in given] == table["itp"].tolist()
    assert all(one.end - one.start == pytest.approx(90.01) for one in given)


def test_a_station_that_contradicts_its_file_is_refused(tmp_path):
    one = dated("U", "U")
    object.__setattr__(one.channels[0].stretches[0], "source", "u.mseed")
    with pytest.raises(DataError, match="Got source 'u.mseed' of station 'V' in line 2"):
        read(tmp_path, "source,station,start\nu.mseed,V,2010-05-27T16:24:10\n", [one])


def test_names_in_capitals_and_common_synonyms_of_start_and_end_are_understood(tmp_path):
    plain = read(tmp_path, "file,start,end,label\na,1,3,x\n", [undated("a"), undated("b")])
    for head in ("File,Begin,Stop,Label", "SOURCE,start_time,endtime,LABEL", "fname,onset,end_time,label"):
        assert read(tmp_path, f"{head}\na,1,3,x\n", [undated("a"), undated("b")]) == plain
    (one,) = read(
        tmp_path, "Start,Duration,onset\n1,2,9\n", [undated("a")]
    )  # beside a start it is something else
    assert (one.start, one.end, one.columns) == (1.0, 3.0, {"onset": 9.0})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("file,startt,label\na,1,x\n", "start in a column 'start'. Got 'startt'.*Did you mean 'start'"),
        ("file,arrival_s,label\na,1,x\n", "Got 'arrival_s', which may be it"),
        ("file,when,label\na,2010-05-27T16:24:10,x\n", "Got 'when', which may be it"),
        ("file,start,finish,label\na,1,2,x\n", "rows end in a column 'end'. Got 'finish'"),
        ("file,start,end_s\na,1,2\n", "rows end in a column 'end'. Got 'end_s'"),
        ("file,label\na,x\na,y\n", "or have one row for each recording. Got 2 rows for 'a'"),
    ],
)
def test_times_in_columns_that_are_not_known_are_refused_rather_than_taken_for_whole_recordings(
    tmp_path, text, sentence
):
    with pytest.raises(DataError, match=sentence):
        read(tmp_path, text, [undated("a"), undated("b")])


def test_rows_that_speak_of_whole_recordings_are_told(tmp_path):
    notes = []
    text = "file,label,recorded,weekend\na.ogg,x,2024-05-01,1\nb.ogg,y,2024-05-02,0\n"  # a day is no start
    assert len(read(tmp_path, text, [undated("a.ogg", 3), undated("b.ogg", 4)], notes=notes)) == 2
    assert any(
        "has no column 'start': each of its rows speaks of a whole recording, of 3" in n for n in notes
    )
    notes = []
    read(tmp_path, "file,start\na.ogg,1\n", [undated("a.ogg", 3)], notes=notes)
    assert not any("whole recording" in note for note in notes)


def test_a_station_may_be_told_without_its_network_where_that_leaves_no_doubt(tmp_path):
    network = [dated("XX.SIM1.HH", "XX.SIM1"), dated("XX.SIM2.HH", "XX.SIM2"), undated("b.SIM2")]
    text = "station,start\n{},2010-05-27T16:24:10\n"
    for code in ("SIM1", "XX.SIM1"):
        assert [one.recording for one in read(tmp_path, text.format(code), network)] == ["XX.SIM1.HH"]
    assert [one.recording for one in read(tmp_path, text.format("SIM2"), network)] == ["XX.SIM2.HH"]
    with pytest.raises(DataError, match="there are: XX.SIM1.HH, .*; stations: XX.SIM1, XX.SIM2"):
        read(tmp_path, text.format("SIM3"), network)
    with pytest.raises(DataError, match="Got station 'SIM1'.*stations: XX.SIM1, XX.SIM2, YY.SIM1"):
        read(tmp_path, text.format("SIM1"), [*network, dated("YY.SIM1.HH", "YY.SIM1")])
