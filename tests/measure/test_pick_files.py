import dataclasses
import json
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from clew.errors import DataError, SettingError
from clew.measure.association import Associated
from clew.measure.pick_files import SUFFIXES, read_pick_file, to_obspy, write_picks
from clew.measure.picks import PICKED
from clew.read.picks import read_picks
from tests.measure.test_picks import BEGIN, example
from tests.read.test_picks import dated

EXACT = (".parquet", ".pq", ".jsonl", ".ndjson")
needs_obspy = pytest.mark.skipif(find_spec("obspy") is None, reason="needs ObsPy")


def associated(event=(0, 0, -1)):
    """Return one event of the first two picks."""
    event = np.array(event)
    return Associated(
        time=np.array([BEGIN + 25.5]),
        latitude=np.array([48.1]),
        longitude=np.array([11.6]),
        depth=np.array([7.25]),
        n_picks=np.array([2]),
        n_stations=np.array([1]),
        rms=np.array([0.125]),
        event=event,
        residual=np.where(event == 0, 0.1, np.nan),
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_picks_come_back_with_all_that_was_known(tmp_path, suffix):
    picks = example()
    back = read_pick_file(write_picks(picks, tmp_path / f"a{suffix}"))
    for name in PICKED:
        mine, other = getattr(picks, name), getattr(back, name)
        if mine.dtype.kind == "f" and suffix not in EXACT:
            np.testing.assert_allclose(mine, other, rtol=0, atol=0.6e-6)  # to the microsecond
        else:
            np.testing.assert_array_equal(mine, other)
    assert (back.model_sha256, back.settings, back.notes) == (picks.model_sha256, picks.settings, picks.notes)
    assert back.detections.digest() == picks.detections.digest()
    if suffix in EXACT:
        assert back.digest() == picks.digest()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_picks_give_the_same_bytes_also_when_they_were_read_back(tmp_path, suffix):
    first = write_picks(example(), tmp_path / f"a{suffix}").read_bytes()
    again = write_picks(read_pick_file(tmp_path / f"a{suffix}"), tmp_path / f"b{suffix}").read_bytes()
    assert first == again
    moved = example()
    object.__setattr__(moved, "time", moved.time + 1e-3)
    assert write_picks(moved, tmp_path / f"c{suffix}").read_bytes() != first  # the test above can fail


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_undated_picks_have_their_seconds_in_files(tmp_path, suffix):
    picks = example(dated=False, detections=False)
    back = read_pick_file(write_picks(picks, tmp_path / f"a{suffix}"))
    np.testing.assert_allclose(back.time, picks.time, rtol=0, atol=0.6e-6)
    assert not back.dated.any() and back.detections is None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_picks_are_a_file_too(tmp_path, suffix):
    picks = example().take(np.zeros(3, bool))
    back = read_pick_file(write_picks(picks, tmp_path / f"a{suffix}"))
    assert len(back) == 0 and back.settings == picks.settings


def test_other_programs_read_the_tables(tmp_path):
    picks = example()
    write_picks(picks, tmp_path / "a.csv", associated=associated())
    table = pd.read_csv(tmp_path / "a.csv")
    assert set(table["model_sha256"]) == {"ab" * 32}
    assert table["event"].tolist()[:2] == [0, 0] and np.isnan(table["event"][2])
    utc = pd.to_datetime(table["time"]).astype("datetime64[us]").astype("int64").to_numpy()
    np.testing.assert_allclose(utc / 1e6, picks.time, rtol=0, atol=1e-6)
    write_picks(picks, tmp_path / "a.parquet", associated=associated())
    table = pd.read_parquet(tmp_path / "a.parquet")
    np.testing.assert_array_equal(table["probability"], picks.probability)
    assert str(table["utc"][1]) == "2010-05-27 16:24:29.300000+00:00"
    write_picks(picks, tmp_path / "a.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert lines[0]["settings"] == picks.settings and lines[2]["probability"] == 0.1 + 0.2


@needs_obspy
@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".xml"])
def test_files_of_picks_are_known_picks_elsewhere(tmp_path, suffix):
    recordings = [dated("BW.UH1"), dated("BW.UH3", sensor="EH", location="00")]
    write_picks(example(), tmp_path / f"a{suffix}", associated=associated())
    found = read_picks(tmp_path / f"a{suffix}", recordings)
    assert [(one.recording, one.phase) for one in found] == [
        ("BW.UH1.SH", "P"),
        ("BW.UH1.SH", "S"),
        ("BW.UH3.00.EH", "P"),
    ]
    assert [one.time for one in found] == pytest.approx(example().time.tolist(), abs=1e-6)
    assert found[0].event == found[1].event != "" and found[2].event == ""  # which QuakeML's carrier is not


@needs_obspy
def test_quakeml_keeps_its_schema_and_obspy_reads_events_picks_and_arrivals(tmp_path):
    import obspy
    from obspy.io.quakeml.core import _validate

    path = write_picks(example(), tmp_path / "a.xml", associated=associated())
    assert _validate(str(path))
    event, carrier = obspy.read_events(str(path))
    origin = event.preferred_origin()
    assert (origin.latitude, origin.longitude, origin.depth) == (48.1, 11.6, 7250.0)  # m
    assert origin.time.timestamp == BEGIN + 25.5 and origin.quality.standard_error == 0.125
    assert [one.phase for one in origin.arrivals] == ["P", "S"]
    assert [one.pick_id.get_referred_object().phase_hint for one in origin.arrivals] == ["P", "S"]
    first = event.picks[0]
    assert abs(first.time.timestamp - example().time[0]) <= 1e-6
    assert first.time_errors.uncertainty == 0.02 and first.method_id.id.endswith("ab" * 32)
    assert json.loads(first.comments[0].text)["probability"] == 0.9
    assert [one.waveform_id.get_seed_string() for one in carrier.picks] == ["BW.UH3.00.EH"]
    assert carrier.event_type == "not reported" and not carrier.origins


@needs_obspy
def test_what_people_picked_is_manual_and_what_programs_did_automatic():
    unknown = np.full(3, np.nan)
    people = dataclasses.replace(example(detections=False), model_sha256="", settings={}, probability=unknown)
    assert {one.evaluation_mode for one in to_obspy(people)[0].picks} == {"manual"}
    rival = dataclasses.replace(people, settings={"method": "ar"})
    assert {one.evaluation_mode for one in to_obspy(rival)[0].picks} == {"automatic"}
    assert {one.evaluation_mode for one in to_obspy(example())[0].picks} == {"automatic"}


@needs_obspy
def test_obspy_s_catalogue_is_that_of_the_file(tmp_path):
    import obspy

    write_picks(example(), tmp_path / "a.xml")
    (mine,), (other,) = to_obspy(example()), obspy.read_events(str(tmp_path / "a.xml"))
    assert [one.resource_id for one in mine.picks] == [one.resource_id for one in other.picks]


def test_what_cannot_be_written_is_refused_and_nothing_is_left(tmp_path):
    with pytest.raises(
        SettingError, match=r"must end in one of: .csv.*Got 'a.cvs' instead. Did you mean '.csv'"
    ):
        write_picks(example(), tmp_path / "a.cvs")
    with pytest.raises(DataError, match="must be dated to become QuakeML"):
        write_picks(example(dated=False), tmp_path / "a.xml")
    with pytest.raises(
        DataError, match=r"must be of the picks that are written \(3\). Got events of 1 picks"
    ):
        write_picks(example(), tmp_path / "a.csv", associated=associated((0,)))
    assert not list(tmp_path.iterdir())


def test_a_table_without_what_lay_beside_it_says_so(tmp_path):
    write_picks(example(), tmp_path / "a.csv")
    (tmp_path / "a.csv.json").unlink()
    back = read_pick_file(tmp_path / "a.csv")
    assert (
        back.model_sha256 == "ab" * 32
        and back.settings == {}
        and "came without 'a.csv.json'" in back.notes[0]
    )


@pytest.mark.parametrize(
    ("suffix", "text", "said"),
    [
        (".csv", "recording,time\na,1\n", "must have the column 'station' to be clew's picks"),
        (".jsonl", '{"clew": "other"}\n', "must be of version 1. Got none"),
        (".jsonl", "{", "must hold picks as clew writes them"),
        (".xml", "<a/>", "must be QuakeML that clew wrote picks to"),
        (".xml", "<a", "must be QuakeML. Got"),
        (".parquet", "PAR1", "must hold picks as clew writes them"),
        (".csv", "", "must hold data"),
        (".zip", "x", "must end in one of"),
    ],
)
def test_other_files_are_refused(tmp_path, suffix, text, said):
    (tmp_path / f"a{suffix}").write_text(text)
    with pytest.raises(DataError, match=said):
        read_pick_file(tmp_path / f"a{suffix}")
