import numpy as np
import pytest

from clew.errors import DataError
from clew.read.picks import KnownPick, family_of, phase_of, read_picks
from clew.read.recording import Channel, InMemory, Recording, Stretch, recording_of
from clew.read.recordings import read_recordings
from tests.conftest import shared

BEGIN = 1274977440.0  # 2010-05-27T16:24:00


def undated(name, seconds=90.0):
    return recording_of(np.zeros(round(seconds * 100)), rate=100, name=name)


def dated(station, sensor="SH", location="", seconds=100.0, start=BEGIN):
    """Return a recording as read_recordings makes it of SEED's codes."""
    stretch = Stretch(
        start, round(seconds * 100), InMemory(np.zeros(round(seconds * 100))), source=f"{station}.mseed"
    )
    channel = Channel("Z", (stretch,), "counts", f"{station}.{location}.{sensor}Z")
    name = ".".join(filter(None, (station, location, sensor)))
    return Recording(name, 100.0, (channel,), station=station)


def read(tmp_path, text, recordings, name="picks.csv", **settings):
    (tmp_path / name).write_text(text)
    return read_picks(tmp_path / name, recordings, **settings)


# ---- tables ----
@pytest.mark.parametrize("named", ["recording", "station", "trace_id", "station_id", "Source"])
def test_rows_find_their_recording_by_whatever_names_it(tmp_path, named):
    names = {"recording": "BW.UH1.SH", "station": "UH1", "trace_id": "BW.UH1.", "station_id": "BW.UH1..SH"}
    whose = names.get(named, "BW.UH1.mseed")
    recordings = [dated("BW.UH1"), dated("BW.UH2")]
    text = f"{named},phase,time,event,weight\n{whose},Pg,2010-05-27T16:24:10.5,e7,0.5\n"
    (one,) = read(tmp_path, text, recordings)
    assert one == KnownPick("BW.UH1.SH", "Pg", BEGIN + 10.5, 0.5, "picks.csv, line 2", "e7")
    assert one.family == "P"


def test_times_of_undated_recordings_are_seconds_and_samples_count_from_their_start(tmp_path):
    recordings = [undated("a.npz"), undated("b.npz")]
    seconds = read(tmp_path, "file,phase,time\na.npz,P,30\nb.npz,S,12.345000s\n", recordings)
    samples = read(tmp_path, "file,phase,phase_index\na.npz,P,3000\nb.npz,S,1234.5\n", recordings)
    assert [(one.recording, one.phase, one.time) for one in seconds] == [
        ("a.npz", "P", 30.0),
        ("b.npz", "S", 12.345),
    ]
    assert [(a.phase, a.time) for a in seconds] == [(a.phase, pytest.approx(a.time)) for a in samples]


def test_picks_come_sorted_whatever_the_order_of_the_rows(tmp_path):
    rows = ["BW.UH1,S,2010-05-27T16:24:20", "BW.UH2,P,2010-05-27T16:24:30", "BW.UH1,P,2010-05-27T16:24:10"]
    recordings = [dated("BW.UH1"), dated("BW.UH2")]
    found = [
        [
            (one.recording, one.time)
            for one in read(tmp_path, "\n".join(["station,phase,time", *order]), recordings)
        ]
        for order in (rows, rows[::-1])
    ]
    assert found[0] == found[1] == sorted(found[0])


def test_picks_within_one_sample_are_one_and_counted(tmp_path):
    rows = "P,30\nP,30.01\nP,30.02\nS,30.01\nP,31\n"
    notes = []
    found = read(tmp_path, f"phase,time\n{rows}", [undated("a")], notes=notes)
    assert [(one.phase, one.time) for one in found] == [("P", 30), ("S", 30.01), ("P", 30.02), ("P", 31)]
    assert notes == ["1 of 5 picks stand there twice, within one sample, and were kept once."]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("station,phase,time\nBW.UH9,P,2010-05-27T16:24:10\n", "Got station 'BW.UH9' in line 2; there are: BW.UH1.SH.*Did you mean 'BW.UH1'"),
        ("station,phase,time\nBW.UH1,P,2010-05-28T16:24:10\n", r"must lie in its recording. Got P at 2010-05-28T16:24:10.000 in line 2, where 'BW.UH1.SH' lasts"),
        ("station,phase,time\nBW.UH1,P,2010-05-27T16:24:10\nBW.UH1,Q,2010-05-27T16:24:10\n", "of a phase such as P, S.*Got 'Q' in line 3"),
        ("station,phase,time\nBW.UH1,P,12.5\n", "must be a date, as those of 'BW.UH1.SH' are. Got '12.5' in line 2"),
        ("station,phase,time\nBW.UH1,P,soon\n", "must hold dates.*Got 'soon' in line 2"),
        ("station,phase,time\nBW.UH1,P,\n", "must have its 'time'. Got none in line 2"),
        ("station,time\nBW.UH1,2010-05-27T16:24:10\n", "must have the columns 'phase' and 'time'"),
        ("station,phase,time,weight\nBW.UH1,P,2010-05-27T16:24:10,4\n", "'weight' of 'picks.csv' must be from 0 to 1. Got '4' in line 2"),
        ("station,phase,time,event\nBW.UH1,P,2010-05-27T16:24:10,e\nBW.UH1,S,2010-05-27T16:24:09,e\n", r"P must come before S of one event. Got P 1.000 s behind S in 'BW.UH1.SH' \(picks.csv, line 2; picks.csv, line 3\)"),
    ],
)  # fmt: skip
def test_bad_rows_are_refused_with_their_place(tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        read(tmp_path, text, [dated("BW.UH1")])


def test_a_row_that_names_nobody_is_refused_where_there_are_several(tmp_path):
    with pytest.raises(DataError, match="must say whose it is.*line 2"):
        read(tmp_path, "phase,time\nP,3\n", [undated("a"), undated("b")])


def test_s_before_p_is_no_disorder_between_two_events_or_of_later_phases(tmp_path):
    rows = (
        "BW.UH1,P,2010-05-27T16:24:30,b\nBW.UH1,S,2010-05-27T16:24:09,a\nBW.UH1,PcP,2010-05-27T16:24:20,a\n"
    )
    assert len(read(tmp_path, f"station,phase,time,event\n{rows}", [dated("BW.UH1")])) == 3


@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_tables_of_seisbench_are_read(tmp_path):
    annotations = pytest.importorskip("seisbench.util.annotations")
    from obspy import UTCDateTime

    time = UTCDateTime(BEGIN + 10.25)
    one = annotations.Pick("BW.UH1.", time - 1, time + 1, time, 0.7, "S")
    annotations.PickList([one]).to_dataframe().to_csv(tmp_path / "seisbench.csv")
    (found,) = read_picks(tmp_path / "seisbench.csv", [dated("BW.UH1"), dated("BW.UH2")])
    assert (found.recording, found.phase, found.time) == ("BW.UH1.SH", "S", BEGIN + 10.25)


# ---- the recordings' own files ----
def test_samples_in_real_arrays_of_phasenet_are_picks():
    folder = shared("signals/phasenet_ncedc")
    recordings = read_recordings(sorted(folder.glob("*.npz"))[:5], rate=100).recordings
    own = read_picks(sorted(folder.glob("*.npz"))[:5], recordings)
    assert len(own) == 10 and {one.time for one in own if one.phase == "P"} == {
        30.0
    }  # DATA.md: always sample 3000
    told = np.load(folder / own[1].recording)
    assert own[1].phase == "S" and own[1].time == pytest.approx(int(told["its"]) / 100)


def test_an_index_of_phasenet_is_as_good_as_its_arrays(tmp_path):
    for name, its in (("a.npz", 3100), ("b.npz", 3250)):
        np.savez(tmp_path / name, data=np.ones((9001, 3)), itp=3000, its=its, channels="HHE_HHN_HHZ")
    recordings = read_recordings([tmp_path / "a.npz", tmp_path / "b.npz"], rate=100).recordings
    own = read_picks(tmp_path, recordings)
    index = read(tmp_path, "fname,itp,its\na.npz,3000,3100\nb.npz,3000,3250\n", recordings)
    assert [(one.recording, one.phase, one.time) for one in own] == [
        (one.recording, one.phase, one.time) for one in index
    ]
    assert [one.time for one in own] == [30.0, 31.0, 30.0, 32.5]


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"itp": 9500}, "Got P at 95.000s, where 'a.npz' lasts from 0.000s to 90.010s"),
        ({"itp": 3000, "its": 2990}, "P must come before S of one event. Got P 0.100 s behind S in 'a.npz'"),
        ({"other": 3}, "must hold samples of picks"),
    ],
)
def test_bad_samples_of_arrays_are_refused(tmp_path, held, said):
    np.savez(tmp_path / "a.npz", data=np.ones((9001, 3)), **held)
    recordings = read_recordings([tmp_path / "a.npz"], rate=100).recordings
    with pytest.raises(DataError, match=said):
        read_picks(tmp_path / "a.npz", recordings)


def test_marks_of_sac_files_are_picks_where_they_name_a_phase(tmp_path):
    obspy = pytest.importorskip("obspy")
    trace = obspy.Trace(
        np.zeros(6000, np.float32), {"delta": 0.01, "network": "XX", "station": "A", "channel": "HHZ"}
    )
    trace.stats.starttime = obspy.UTCDateTime(BEGIN)
    trace.stats.sac = {
        "b": 5.0,
        "a": 15.5,
        "ka": "IPU0",
        "t0": 20.25,
        "kt0": "S",
        "t1": 21.0,
        "t2": 500.0,
        "kt2": "S",
    }
    trace.write(str(tmp_path / "a.sac"), format="SAC")
    recordings = read_recordings([tmp_path / "a.sac"]).recordings
    start = recordings[0].start
    notes = []
    found = read_picks(tmp_path / "a.sac", recordings, notes=notes)
    assert [one.phase for one in found] == ["P", "S"]
    assert [one.time - start for one in found] == pytest.approx([10.5, 15.25], abs=1e-4)  # from b = 5 s on
    assert notes == [
        "'a.sac': the marks T2 lie outside of the recording and were passed over.",
        "'a.sac': the marks T1 name no phase and were passed over.",
    ]


def test_real_sac_marks_of_one_moment_are_one_pick():
    path = shared("signals/obspy/sac/II.TLY.BHZ.SAC")
    notes = []
    (one,) = read_picks(path, read_recordings([path]).recordings, notes=notes)
    assert (one.recording, one.phase) == ("II.TLY.00.BH", "P") and len(notes) == 2


def test_arrivals_in_the_metadata_of_seisbench_are_read(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "waveforms.hdf5", "w") as file:
        file["data/bucket0"] = np.ones((2, 3, 1000))
        file["data_format/component_order"] = "ZNE"
        file["data_format/sampling_rate"] = 50.0
    (tmp_path / "metadata.csv").write_text(
        "trace_name,station_network_code,station_code,trace_start_time,trace_p_arrival_sample,trace_Sn_arrival_sample,source_id\n"
        '"bucket0$0,:3,:1000",XX,A,2010-05-27T16:24:00,100,250.5,e1\n"bucket0$1,:3,:1000",XX,A,2010-05-27T17:24:00,,300,e2\n'
    )
    found = read_picks(tmp_path, read_recordings([tmp_path]).recordings)
    assert [(one.phase, round(one.time - BEGIN, 6), one.event) for one in found] == [
        ("P", 2.0, "e1"),
        ("Sn", 5.01, "e1"),
        ("Sn", 3606.0, "e2"),
    ]


def test_metadata_without_arrivals_say_what_is_missing():
    folder = shared("signals/ipoc_seisbench")
    with pytest.raises(
        DataError, match=r"must have columns such as 'trace_P_arrival_sample' to hold picks. Got: trace_start"
    ):
        read_picks(folder, read_recordings([folder]).recordings)


# ---- QuakeML ----
def test_arrivals_of_a_catalogue_are_read_and_what_was_not_recorded_is_counted(tmp_path):
    event = pytest.importorskip("obspy.core.event")
    from obspy import UTCDateTime

    picks = [
        event.Pick(time=UTCDateTime(BEGIN + at), phase_hint=phase, waveform_id=event.WaveformStreamID(*codes))
        for at, phase, codes in (
            (10, "P", ("BW", "UH1", "", "SHZ")),
            (20, "Sg", ("BW", "UH1", "", "SHN")),
            (30, "AML", ("BW", "UH1", "", "SHN")),
            (40, "P", ("BW", "UH7", "", "SHZ")),
        )
    ]
    catalogue = event.Catalog(
        [event.Event(picks=picks, resource_id=event.ResourceIdentifier("smi:local/e1"))]
    )
    catalogue.write(str(tmp_path / "a.xml"), format="QUAKEML")
    notes = []
    found = read_picks(tmp_path / "a.xml", [dated("BW.UH1"), dated("BW.UH2")], notes=notes)
    assert [(one.recording, one.phase, one.time - BEGIN) for one in found] == [
        ("BW.UH1.SH", "P", 10),
        ("BW.UH1.SH", "Sg", 20),
    ]
    assert {one.event for one in found} == {"smi:local/e1"}
    assert notes == [
        "'a.xml': 1 of 4 picks are of nothing that was recorded and were passed over.",
        "'a.xml': 1 of 4 picks are of no wave that is known (AML) and were passed over.",
    ]


# ---- phases, and paths ----
def test_phases_are_read_as_people_and_programs_write_them():
    spelt = {
        "P": "P",
        "p": "P",
        "s": "S",
        "iPg": "Pg",
        "eS": "S",
        "PmP": "PmP",
        "Lg": "Lg",
        "AML": "",
        "": "",
        "X": "",
    }
    assert {text: phase_of(text) for text in spelt} == spelt
    families = {"Pn": "P", "PKP": "P", "Sb": "S", "SP": "P", "PcS": "S", "Lg": "Lg"}
    assert {phase: family_of(phase) for phase in families} == families


def test_what_holds_no_picks_is_refused(tmp_path):
    (tmp_path / "a.docx").write_text("P")
    with pytest.raises(DataError, match="must be a table, QuakeML"):
        read_picks(tmp_path / "a.docx", [undated("a")])
    with pytest.raises(DataError, match="must exist"):
        read_picks(tmp_path / "b.csv", [undated("a")])
    with pytest.raises(DataError, match=r"named file by file. Got: a.docx"):
        read_picks(tmp_path, [undated("a")])
