import io
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from clew.errors import DataError, WriteError
from clew.read.quakeml import EVENT_TYPES, read_quakeml, write_quakeml
from tests.conftest import shared

obspy = pytest.importorskip("obspy")

EVENTS = pd.DataFrame(
    {
        "recording": ["BW.UH1.SH", "BW.UH1.SH", "BW.UH4.00.EH", "weather.csv"],
        "station": ["BW.UH1", "BW.UH1", "BW.UH4", "weather.csv"],
        "start": ["2010-05-27T16:24:33.210", "2010-05-27T16:24:33.210", "2010-05-27T16:27:01.260", "2010-05-27T00:00:00.000"],
        "end": ["2010-05-27T16:24:37.480", "2010-05-27T16:24:37.480", "2010-05-27T16:27:04.700", "2010-05-28T00:00:00.000"],
        "label": ["earthquake", "earthquake", "jump; probability: 2 <ü&>", "Quarry Blast"],
        "probability": [0.93, 0.93, 0.5, np.nan],
    }
)  # fmt: skip


def test_obspy_reads_the_picks_that_were_written(tmp_path):
    write_quakeml(EVENTS, tmp_path / "a.xml")
    catalogue = obspy.read_events(str(tmp_path / "a.xml"))
    assert len(catalogue) == 4
    for event, (_, row) in zip(catalogue, EVENTS.iterrows()):
        (pick,) = event.picks
        assert pick.time == obspy.UTCDateTime(row["start"])
        assert event.event_descriptions[0].text == row["label"]
        assert event.event_type_certainty == "suspected" and pick.evaluation_mode == "automatic"
    codes = [event.picks[0].waveform_id for event in catalogue]
    assert [
        (one.network_code, one.station_code, one.location_code, one.channel_code) for one in codes[:3]
    ] == [
        ("BW", "UH1", "", "SH"),
        ("BW", "UH1", "", "SH"),
        ("BW", "UH4", "00", "EH"),
    ]
    write_quakeml(EVENTS, tmp_path / "z.xml", component="Z")
    codes = [event.picks[0].waveform_id for event in obspy.read_events(str(tmp_path / "z.xml"))]
    assert [one.channel_code for one in codes] == ["SHZ", "SHZ", "EHZ", None]
    assert [event.event_type for event in catalogue] == [
        "earthquake",
        "earthquake",
        "other event",
        "quarry blast",
    ]


def test_what_is_written_is_valid_quakeml(tmp_path):
    from obspy.io.quakeml.core import _validate

    write_quakeml(EVENTS, tmp_path / "a.xml")
    assert _validate(str(tmp_path / "a.xml"))
    text = (tmp_path / "a.xml").read_text().replace("<evaluationMode>automatic", "<evaluationMode>by hand")
    (tmp_path / "b.xml").write_text(text)
    assert not _validate(str(tmp_path / "b.xml"))  # so validation can fail


def test_the_same_events_give_the_same_bytes_in_another_process(tmp_path):
    write_quakeml(EVENTS, tmp_path / "a.xml")
    EVENTS.to_pickle(tmp_path / "events.pkl")
    code = (
        "import pandas as pd; from clew.read.quakeml import write_quakeml;"
        f"write_quakeml(pd.read_pickle(r'{tmp_path / 'events.pkl'}'), r'{tmp_path / 'b.xml'}')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    first = (tmp_path / "a.xml").read_bytes()
    assert first == (tmp_path / "b.xml").read_bytes()
    write_quakeml(EVENTS.iloc[::-1], tmp_path / "c.xml")
    assert first != (tmp_path / "c.xml").read_bytes()


def test_identifiers_differ_even_where_events_do_not(tmp_path):
    write_quakeml(EVENTS, tmp_path / "a.xml")
    events = [pick.event for pick in read_quakeml(tmp_path / "a.xml")]
    assert len(set(events)) == 4
    write_quakeml(EVENTS.iloc[[2]], tmp_path / "b.xml")
    assert read_quakeml(tmp_path / "b.xml")[0].event == events[2]  # whatever else is in the file


def test_what_was_written_is_read_back(tmp_path):
    write_quakeml(EVENTS, tmp_path / "a.xml")
    picks = read_quakeml(tmp_path / "a.xml")
    assert [one.label for one in picks] == EVENTS["label"].tolist()
    assert [one.station for one in picks] == EVENTS["station"].tolist()
    assert [one.sensor for one in picks] == ["SH", "SH", "00.EH", ""]
    np.testing.assert_array_equal([one.probability for one in picks], EVENTS["probability"])
    for name in ("start", "end"):
        seconds = [pd.Timestamp(text, tz="UTC").timestamp() for text in EVENTS[name]]
        got = [one.time if name == "start" else one.end for one in picks]
        np.testing.assert_allclose(got, seconds, rtol=0, atol=1e-6)


def test_the_types_of_event_are_those_of_obspy():
    from obspy.core.event.header import EventType

    assert set(EVENT_TYPES) <= set(EventType)
    assert len(set(EventType) - EVENT_TYPES) < 12  # ObsPy knows those of other versions too


def test_times_since_the_start_of_a_recording_are_refused(tmp_path):
    for start in (12.5, "12.5", "12.500s"):
        with pytest.raises(
            DataError, match="must be dated to become QuakeML.*write .csv or .parquet instead"
        ):
            write_quakeml(EVENTS.assign(start=start), tmp_path / "a.xml")
    assert not (tmp_path / "a.xml").exists()


def test_missing_columns_and_folders_are_named(tmp_path):
    with pytest.raises(DataError, match="must have the column 'label'"):
        write_quakeml(EVENTS.drop(columns="label"), tmp_path / "a.xml")
    with pytest.raises(WriteError, match="cannot be written"):
        write_quakeml(EVENTS, tmp_path / "nowhere" / "a.xml")


def test_no_events_are_an_empty_catalogue(tmp_path):
    write_quakeml(EVENTS.iloc[:0], tmp_path / "a.xml")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(obspy.read_events(str(tmp_path / "a.xml"))) == 0
    with pytest.raises(DataError, match="Got 0 events without any"):
        read_quakeml(tmp_path / "a.xml")


def test_picks_of_other_programs_have_phase_and_magnitude(tmp_path):
    from obspy.core import event as of

    pick = of.Pick(
        time=obspy.UTCDateTime(2020, 1, 1, 0, 0, 1, 250000),
        waveform_id=of.WaveformStreamID("CX", "PB01", "", "BHZ"),
        phase_hint="P",
    )
    later = of.Pick(
        time=obspy.UTCDateTime(2020, 1, 1, 0, 0, 9), waveform_id=of.WaveformStreamID("CX", "PB02")
    )
    origin = of.Origin(
        time=obspy.UTCDateTime(2020, 1, 1),
        latitude=0,
        longitude=0,
        arrivals=[of.Arrival(pick_id=later.resource_id, phase="Sg")],
    )
    magnitudes = [of.Magnitude(mag=2.5), of.Magnitude(mag=3.5)]
    event = of.Event(event_type="quarry blast", picks=[pick, later], origins=[origin], magnitudes=magnitudes)
    event.preferred_magnitude_id = magnitudes[1].resource_id
    data = io.BytesIO()
    of.Catalog([event]).write(data, format="QUAKEML")
    (tmp_path / "a.xml").write_bytes(data.getvalue())
    first, second = read_quakeml(tmp_path / "a.xml")
    assert (first.station, first.sensor, first.phase, first.label) == ("CX.PB01", "BH", "P", "quarry blast")
    assert (first.magnitude, first.end, first.time) == (3.5, None, 1577836801.25)
    assert (second.station, second.sensor, second.phase) == ("CX.PB02", "", "Sg")


def test_a_real_catalogue_without_picks_is_refused_in_words():
    with pytest.raises(DataError, match="must hold picks at stations. Got 3 events without any"):
        read_quakeml(shared("signals/obspy/quakeml/neries_events.xml"))


def test_what_is_no_quakeml_is_refused(tmp_path):
    (tmp_path / "a.xml").write_text("<html></html>")
    with pytest.raises(DataError, match="must be QuakeML"):
        read_quakeml(tmp_path / "a.xml")


def test_nobody_reads_the_start_of_a_window_as_the_pick_of_a_phase(tmp_path):
    write_quakeml(EVENTS, tmp_path / "a.xml", component="Z", window=10.0)
    for event in obspy.read_events(str(tmp_path / "a.xml")):
        (pick,) = event.picks
        assert pick.phase_hint is None
        assert pick.time_errors.uncertainty == 10.0
        told = "the start of the first window of 10 s that is of this event, not the onset of a phase"
        assert pick.comments[0].text == told
    assert [one.sensor for one in read_quakeml(tmp_path / "a.xml")] == ["SH", "SH", "00.EH", ""]
    write_quakeml(EVENTS, tmp_path / "b.xml")  # who does not know the window claims no uncertainty
    (pick,) = obspy.read_events(str(tmp_path / "b.xml"))[0].picks
    assert pick.time_errors.uncertainty is None
