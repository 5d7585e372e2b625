import dataclasses

import numpy as np
import pytest

from clew.errors import DataError
from clew.measure.picks import Detections, Picks, picks_of_people, spell_moment, to_seisbench
from clew.read.picks import KnownPick
from clew.read.recording import recording_of
from clew.result import Result

BEGIN = 1274977440.0  # 2010-05-27T16:24:00


def example(*, dated=True, detections=True):
    """Return three picks of a model at two stations, one without a span."""
    begin = BEGIN if dated else 0.0
    spans = Detections(
        recording=np.array(["BW.UH1.SH"]),
        station=np.array(["BW.UH1"]),
        start=np.array([begin + 26.0]),
        end=np.array([begin + 46.5]),
        probability=np.array([0.99]),
        dated=np.array([dated]),
    )
    return Picks(
        recording=np.array(["BW.UH1.SH", "BW.UH1.SH", "BW.UH3.00.EH"]),
        station=np.array(["BW.UH1", "BW.UH1", "BW.UH3"]),
        phase=np.array(["P", "S", "P"]),
        time=np.array([27.123456789, 29.3, 28.0]) + begin,
        probability=np.array([0.9, 0.1 + 0.2, np.nan]),
        uncertainty=np.array([0.02, np.nan, 0.1]),
        start=np.array([26.5, 29.0, np.nan]) + begin,
        end=np.array([28.0, 30.25, np.nan]) + begin,
        dated=np.full(3, dated),
        detections=spans if detections else None,
        model_sha256="ab" * 32,
        notes=["padded"],
        settings={"overlap": 1500, "thresholds": {"P": 0.3}},
    )


def test_picks_say_how_many_they_are():
    picks = example()
    assert picks.headline() == "2 P, 1 S picks at 2 stations" and len(picks) == 3
    assert picks.summary()["phases"] == {"P": 2, "S": 1}
    assert picks.detections.headline() == "1 detection"
    assert picks.detections.summary() == {"detections": 1, "seconds": 20.5}
    assert picks.take(np.arange(3) == 0).headline() == f"1 {picks.phase[0]} pick at 1 station"
    assert picks.take(np.zeros(3, bool)).headline() == "no picks at 0 stations"


def test_some_picks_keep_all_that_is_known_of_them():
    picks = example()
    some = picks.take(picks.probability > 0.5)
    assert some.phase.tolist() == ["P"] and some.settings == picks.settings
    assert some.take(np.array([0])).digest() == some.digest()


def test_picks_are_saved_and_loaded_as_other_results(tmp_path):
    picks = example()
    assert Result.load(picks.save(tmp_path / "a.zip")).digest() == picks.digest()


def test_columns_of_different_length_are_refused():
    with pytest.raises(
        DataError, match=r"'phase' of Picks must have as many entries as its recordings \(3\). Got 1"
    ):
        dataclasses.replace(example(), phase=np.array(["P"]))
    with pytest.raises(DataError, match="'start' of Detections"):
        dataclasses.replace(example().detections, start=np.zeros(2))


def test_moments_are_spelt_to_the_microsecond():
    assert spell_moment(BEGIN + 0.5, dated=True) == "2010-05-27T16:24:00.500000"
    assert spell_moment(BEGIN - 1e-7, dated=True) == "2010-05-27T16:24:00.000000"  # carried over
    assert spell_moment(-0.25, dated=True) == "1969-12-31T23:59:59.750000"
    assert spell_moment(12.5, dated=False) == "12.500000s"
    assert spell_moment(float("nan"), dated=True) == ""


def test_tables_of_picks_hold_a_row_a_pick():
    table = example().to_dataframe()
    assert table["time"].tolist()[1] == "2010-05-27T16:24:29.300000" and table["start"].tolist()[2] == ""
    assert list(table.columns) == [
        "recording", "station", "phase", "time", "probability", "uncertainty", "start", "end",
    ]  # fmt: skip
    assert example(dated=False).to_dataframe()["time"].tolist()[0] == "27.123457s"
    assert example().detections.to_dataframe()["end"].tolist() == ["2010-05-27T16:24:46.500000"]


@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_seisbench_s_own_lists_select_and_tell_the_same():
    annotations = pytest.importorskip("seisbench.util.annotations")
    found, spans = to_seisbench(example())
    names = ("trace_id", "start_time", "end_time", "peak_time", "peak_value", "phase")
    others = annotations.PickList(
        [annotations.Pick(**{name: getattr(one, name) for name in names}) for one in found]
    )
    others.sort()
    assert [str(one) for one in others] == [str(one) for one in found]
    known = [one for one in found if one.peak_value is not None]  # SeisBench compares None with numbers
    others = annotations.PickList([one for one in others if one.peak_value is not None])
    for told in (
        {"phase": "P"},
        {"trace_id": "BW.UH1."},
        {"min_confidence": 0.5},
        {"phase": "S", "trace_id": "x"},
    ):
        own = type(found)(known).select(**told)
        assert [str(one) for one in own] == [str(one) for one in others.select(**told)]
    own, table = found.to_dataframe(), others.to_dataframe()
    assert set(own.columns) <= set(table.columns)
    assert own["time"].dropna().isin(table["time"]).sum() == len(table)
    assert own["time"].dtype == table["time"].dtype
    (span,) = spans
    assert (span.trace_id, span.end_time - span.start_time, span.peak_value) == ("BW.UH1.", 20.5, 0.99)
    assert list(spans.to_dataframe().columns) == ["station", "start_time", "end_time", "probability"]
    assert found.settings == {"overlap": 1500, "thresholds": {"P": 0.3}}


def test_seisbench_like_lists_hold_what_the_picks_do():
    pytest.importorskip("obspy")
    found, _ = to_seisbench(example())
    assert [one.trace_id for one in found] == ["BW.UH1.", "BW.UH1.", "BW.UH3.00"]
    assert abs(found[0].peak_time.timestamp - example().time[0]) <= 1e-6
    assert found[2].peak_value is None and found[2].start_time is None and found[2].uncertainty == 0.1
    assert {one.model_sha256 for one in found} == {"ab" * 32}


def test_undated_picks_become_no_lists_of_seisbench_s():
    with pytest.raises(
        DataError, match=r"must be dated to become SeisBench's lists.*Got picks in 'BW.UH1.SH'"
    ):
        to_seisbench(example(dated=False))


def test_picks_of_people_are_picks_without_probability():
    recordings = [
        recording_of(np.zeros(9), rate=1, name="b"),
        recording_of(np.zeros(9), rate=1, name="a", start=BEGIN),
    ]
    picks = picks_of_people([KnownPick("b", "P", 3.0), KnownPick("a", "S", BEGIN + 2)], recordings)
    assert picks.recording.tolist() == picks.station.tolist() == ["a", "b"] and picks.dated.tolist() == [
        True,
        False,
    ]
    assert picks.time.tolist() == [BEGIN + 2, 3.0] and np.isnan(picks.probability).all()
    with pytest.raises(DataError, match="must be of recordings that there are: b, a. Got 'c'"):
        picks_of_people([KnownPick("c", "P", 3.0)], recordings)
