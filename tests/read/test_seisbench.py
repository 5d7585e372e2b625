import numpy as np
import pandas as pd
import pytest

from clew.errors import DataError
from clew.read.seisbench import open_seisbench
from tests.conftest import shared
from tests.read.slicing import differing_parts

h5py = pytest.importorskip("h5py")


def stored(folder, rows, datasets, chunk="", **form):
    """Write a data set in SeisBench's layout."""
    folder.mkdir(exist_ok=True)
    pd.DataFrame(rows).to_csv(folder / f"metadata{chunk}.csv", index=False)
    with h5py.File(folder / f"waveforms{chunk}.hdf5", "w") as file:
        for name, values in datasets.items():
            file[f"data/{name}"] = values
        for name, value in form.items():
            file[f"data_format/{name}"] = value
    return folder


def row(name, **more):
    return {"trace_name": name, "station_network_code": "NA", "station_code": "007", **more}


FORM = {"dimension_order": "CW", "component_order": "ZNE", "sampling_rate": 20}


def test_real_traces_are_what_h5py_reads_and_carry_their_metadata():
    folder = shared("signals/ipoc_seisbench")
    table = pd.read_csv(folder / "metadata.csv")
    traces, given = open_seisbench(folder, source="ipoc")
    assert len(traces) == 300 and len({one.recording for one in given}) == 100
    with h5py.File(folder / "waveforms.hdf5") as file:
        for i, said in enumerate(given):
            bucket, place = table["trace_name"][i].split("$")
            values = file["data"][bucket][int(place.split(",")[0])]
            own = traces[3 * i : 3 * i + 3]
            assert [one.component for one in own] == ["Z", "N", "E"]
            for one, samples in zip(own, values):
                np.testing.assert_array_equal(one.stretch.read(100, 1200), samples[100:])
            start = pd.Timestamp(table["trace_start_time"][i], tz="UTC").timestamp()
            assert said.start == own[0].stretch.start == pytest.approx(start, abs=1e-6)
            assert said.end - said.start == pytest.approx(60)
            assert said.recording == f"{own[0].station}.{own[0].sensor}"
            assert said.columns["source_magnitude"] == table["source_magnitude"][i]
            assert said.columns["source_event_category"] == table["source_event_category"][i]
    assert (own[0].station, own[0].rate, own[0].unit) == ("CX.PB01", 20.0, "counts")


@pytest.mark.parametrize("order", ["CW", "WC", "NCW"])
@pytest.mark.parametrize("place", ["$1,:3,:80", "$1,0:2,5:90", ""])
def test_any_part_of_a_trace_is_that_part_of_the_whole(tmp_path, order, place):
    values = np.random.default_rng(0).normal(size=(2, 3, 100))
    one = values[1] if place else values[0]
    whole = {"$1,:3,:80": one[:, :80], "$1,0:2,5:90": one[:2, 5:90], "": one}[place]
    held = values if place else values[0]
    if order == "WC":
        held = np.swapaxes(held, -1, -2)
        place = {"$1,:3,:80": "$1,:80,:3", "$1,0:2,5:90": "$1,5:90,0:2", "": ""}[place]
    form = FORM | {"dimension_order": order, "component_order": "ZNE"[: len(whole)]}
    folder = stored(tmp_path / "set", [row(f"bucket0{place}")], {"bucket0": held}, **form)
    traces, _ = open_seisbench(folder, source="set")
    assert [trace.component for trace in traces] == list("ZNE"[: len(whole)])
    for trace, samples in zip(traces, whole, strict=True):
        assert not differing_parts(trace.stretch.read, samples, n_draws=5)
    other = np.roll(whole[0], 1)  # the mutant: one sample late
    assert differing_parts(traces[0].stretch.read, other, n_draws=5)


def test_zeros_behind_the_end_of_a_trace_are_not_samples(tmp_path):
    values = np.zeros((2, 3, 100))
    values[0, :, :60] = values[1, :, :70] = 1
    rows = [row("b$0,:3,:60", trace_npts=np.nan), row("b$1,:3,:100", trace_npts=70)]
    traces, given = open_seisbench(stored(tmp_path / "set", rows, {"b": values}, **FORM), source="set")
    assert [one.stretch.n for one in traces] == [60] * 3 + [70] * 3
    assert all((one.stretch.read(0, one.stretch.n) == 1).all() for one in traces)
    assert [one.end for one in given] == [3.0, 3.5]


def test_codes_stay_text_and_missing_values_stay_missing(tmp_path):
    rows = [
        row("x.1", source_id="01", source_magnitude=1.5, source_type="", trace_category="noise"),
        row("x 1", source_id="02", source_magnitude=np.nan, source_type="quake", trace_category=""),
    ]
    values = {"x.1": np.ones((3, 9)), "x 1": np.ones((3, 9))}
    notes = []
    traces, given = open_seisbench(stored(tmp_path / "set", rows, values, **FORM), source="set", notes=notes)
    assert traces[0].station == "NA.007"
    assert [one.recording for one in given] == ["NA.007.x-1", "NA.007.x-1-2"]
    assert [one.label for one in given] == ["noise", ""]
    assert [one.columns["source_id"] for one in given] == ["01", "02"]
    assert given[0].columns["source_type"] == "" and np.isnan(given[1].columns["source_magnitude"])
    assert notes == ["'set': 6 of 6 traces have no start time and are not dated."]


def test_the_rate_and_the_order_of_a_trace_go_before_those_of_the_data_set(tmp_path):
    rows = [
        row("a", trace_sampling_rate_hz=100.0, trace_component_order="12Z"),
        row("b", trace_dt_s=0.01, trace_start_time="2024-01-01T00:00:00Z"),
        row("c"),
    ]
    folder = stored(tmp_path / "set", rows, {name: np.ones((3, 9)) for name in "abc"}, **FORM)
    traces, _ = open_seisbench(folder, source="set")
    assert [one.rate for one in traces[::3]] == [100.0, 100.0, 20.0]
    assert [one.component for one in traces[:6]] == ["1", "2", "Z", "Z", "N", "E"]
    assert [one.dated for one in traces[::3]] == [False, True, False]


def test_chunks_are_read_together_or_one_by_one_and_their_traces_stay_apart(tmp_path):
    for chunk in ("_1", "_2"):
        folder = stored(
            tmp_path / "set", [row("b$0,:3,:9")], {"b": np.full((1, 3, 9), int(chunk[1]))}, chunk, **FORM
        )
    traces, given = open_seisbench(folder, source="set")
    assert [one.recording for one in given] == ["NA.007.1-b-0", "NA.007.2-b-0"]
    assert [one.stretch.read(0, 1)[0] for one in traces[::3]] == [1.0, 2.0]
    for name in ("metadata_2.csv", "waveforms_2.hdf5"):
        (said,) = open_seisbench(folder / name, source=name)[1]
        assert said.recording == "NA.007.2-b-0"


def test_one_trace_may_be_of_several_events(tmp_path):
    rows = [row("a", source_id="1"), row("a", source_id="2")]
    traces, given = open_seisbench(
        stored(tmp_path / "set", rows, {"a": np.ones((3, 9))}, **FORM), source="set"
    )
    assert len(traces) == 3 and len({one.recording for one in given}) == 1


def test_what_does_not_fit_is_refused(tmp_path):
    values = {"b": np.ones((2, 3, 9))}
    cases = [
        ([row("c$0,:3,:9")], FORM, "must hold the trace 'c'"),
        ([row("b$7,:3,:9")], FORM, r"must hold the trace 'b\$7"),
        ([row("b$x")], FORM, "must be like 'bucket0"),
        ([row("b$0,:3,:9")], {}, "rate of .* must be known"),
        ([{"name": "b"}], FORM, "must have the column 'trace_name'"),
    ]
    for i, (rows, form, sentence) in enumerate(cases):
        with pytest.raises(DataError, match=sentence):
            open_seisbench(stored(tmp_path / f"set{i}", rows, values, **form), source="set")


def test_files_that_are_missing_or_cut_are_named(tmp_path):
    folder = stored(tmp_path / "set", [row("b")], {"b": np.ones((3, 5000))}, **FORM)
    data = (folder / "waveforms.hdf5").read_bytes()
    (folder / "waveforms.hdf5").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match="must be a whole HDF5 file"):
        open_seisbench(folder, source="set")
    (folder / "waveforms.hdf5").unlink()
    with pytest.raises(DataError, match=r"must have the file 'waveforms.hdf5'"):
        open_seisbench(folder, source="set")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="Got neither"):
        open_seisbench(tmp_path / "empty", source="set")
