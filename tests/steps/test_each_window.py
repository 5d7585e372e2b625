"""What a model says of each window: numbers and classes, written as they come, with the reasons of what is left out."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from clew import steps
from clew.errors import DataError, SettingError, Stopped
from clew.learn.training import train
from clew.measure import window_stream
from clew.measure.window_plan import plan_windows
from clew.samples import Samples
from clew.steps import each_window
from clew.steps.each_window import predict_windows
from tests.detection_worlds import RATE, START, model, noise_with_knocks, recording, write


def numbers():
    """A forest for windows of 4 s that says the logarithm of how much they move."""
    heard = recording(noise_with_knocks(seed=7) * np.linspace(1, 20, round(600 * RATE)))
    plan = plan_windows([heard], window=4.0)
    features = np.concatenate([one.features for one in window_stream.stream_windows(heard, plan=plan)])
    table, n = plan.features(RATE), len(features)
    samples = Samples(
        features=features,
        feature_names=table.names,
        units=table.units,
        sample=np.arange(n).astype(str),
        origin=pd.DataFrame({"source": ["simulated"] * n}),
        group=np.arange(n).astype(str),
        target=np.log10(features[:, 1]),
    )
    measure = {"kind": "signal", "plan": plan.to_settings(), "rate": RATE, "how": {"target": "loudness"}}
    return train(samples, trees=10, measure=measure)


def run(tmp_path, *paths, forest, out="w.csv", **settings):
    return predict_windows(forest, tmp_path / "forest-1", list(paths), out=tmp_path / out, **settings)


def test_numbers_have_a_row_a_window_as_the_forest_says_them(tmp_path):
    forest = numbers()
    told = run(tmp_path, write(tmp_path / "a.mseed"), forest=forest)
    table = pd.read_csv(tmp_path / "w.csv")
    assert table.columns.tolist() == ["recording", "station", "start", "end", "value"]
    assert len(table) == told.data["windows"] == 150
    assert table["recording"].unique().tolist() == ["BW.UH1.SH"]
    assert table["start"].tolist()[:2] == ["2010-05-27T16:24:32.000", "2010-05-27T16:24:36.000"]
    blocks = window_stream.stream_windows(recording(), plan=plan_windows([recording()], window=4.0))
    witness = forest.predict(np.concatenate([one.features for one in blocks])).value
    np.testing.assert_array_equal(table["value"], witness)  # the bits of all windows at once
    knocks = table["value"].to_numpy().argsort()[-3:]
    assert set(knocks) <= {25, 26, 75, 112, 113}
    assert told.data["mean"] == pytest.approx(witness.mean(), abs=1e-12)
    assert told.lines[0] == (
        f"150 windows: {forest.target_name} from {witness.min():.4g} to {witness.max():.4g}, mean {witness.mean():.4g}."
    )


def test_classes_have_a_column_each_and_the_events_are_made_of_them(tmp_path):
    told = run(tmp_path, write(tmp_path / "a.mseed"), forest=model())
    table = pd.read_csv(tmp_path / "w.csv")
    assert table.columns.tolist()[4:] == ["label", "probability", "probability_knock", "probability_noise"]
    assert np.flatnonzero(table["label"] == "knock").tolist() == [25, 26, 75, 112, 113]
    shares = table[["probability_knock", "probability_noise"]]
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_array_equal(shares.max(axis=1), table["probability"])
    assert told.lines[0] == "150 windows: 5 knock, 145 noise."
    assert told.data["labels"] == {"knock": 5, "noise": 145}


@pytest.mark.parametrize("of", [numbers, model])
def test_all_formats_say_the_same_and_parquet_has_real_times(tmp_path, monkeypatch, of):
    monkeypatch.setattr(each_window, "AT_ONCE", 40)
    monkeypatch.setattr(window_stream, "BLOCK", 7)
    path, forest = write(tmp_path / "a.mseed"), of()
    for name in ("w.csv", "w.parquet", "w.jsonl"):
        run(tmp_path, path, forest=forest, out=name)
    table, parquet = pd.read_csv(tmp_path / "w.csv"), pd.read_parquet(tmp_path / "w.parquet")
    rows = [json.loads(line) for line in (tmp_path / "w.jsonl").read_text().splitlines()]
    pd.testing.assert_frame_equal(pd.DataFrame(rows), table)
    for name in ("start", "end"):
        assert str(parquet[name].dtype) == "datetime64[us, UTC]"
        table[name] = pd.to_datetime(table[name], utc=True)
    assert parquet["start"][0].timestamp() == START
    pd.testing.assert_frame_equal(parquet, table, check_dtype=False)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.mseed", "w.csv", "w.jsonl", "w.parquet"]


def test_recordings_without_dates_have_seconds(tmp_path):
    np.save(tmp_path / "a.npy", noise_with_knocks())
    forest = numbers()
    how = forest.measure["plan"] | {"components": [""], "units": [""]}
    forest = dataclasses.replace(forest, measure=forest.measure | {"plan": how})
    run(tmp_path, tmp_path / "a.npy", rate=RATE, forest=forest, out="w.parquet")
    assert pd.read_parquet(tmp_path / "w.parquet")["start"].tolist()[:3] == [0.0, 4.0, 8.0]


def test_windows_that_are_left_out_are_counted_by_reason(tmp_path):
    values = noise_with_knocks()
    values[1000:1200] = 5.0  # one window
    values[2000:2600] = np.linspace(0, 3000, 600).round()
    told = run(tmp_path, write(tmp_path / "a.mseed", values), forest=numbers())
    assert told.data["left_out"] == {"dead: Z": 1}
    assert "1 of 150 windows left out: 1 dead: Z." in told.lines
    assert len(pd.read_csv(tmp_path / "w.csv")) == 149
    told = run(tmp_path, write(tmp_path / "b.mseed", np.zeros(30_000)), forest=numbers(), out="none.csv")
    assert told.lines[:2] == ["No window could be used.", "150 of 150 windows left out: 150 dead: Z."]
    assert (tmp_path / "none.csv").read_text() == "recording,station,start,end,value\n"


def test_memory_holds_a_block_at_a_time(tmp_path, monkeypatch):
    """No more rows than those of a block, or of a group of Parquet, are ever held."""
    monkeypatch.setattr(window_stream, "BLOCK", 7)
    monkeypatch.setattr(each_window, "AT_ONCE", 30)
    held = []
    put = each_window._Parquet._put
    monkeypatch.setattr(
        each_window._Parquet, "_put", lambda self: (held.append(len(self.held)), put(self))[1]
    )
    run(tmp_path, write(tmp_path / "a.mseed"), forest=numbers(), out="w.parquet")
    assert sum(held) == 150
    assert max(held) < 30 + 7


def test_quakeml_is_refused_for_numbers_in_words(tmp_path):
    path = write(tmp_path / "a.mseed")
    with pytest.raises(SettingError, match="QuakeML holds events, and this is loudness for each window"):
        run(tmp_path, path, forest=numbers(), out="w.xml")
    with pytest.raises(SettingError, match="this is a class for each window"):
        run(tmp_path, path, forest=model(), out="w.xml")


def test_only_earlier_windows_are_replaced_and_that_is_said(tmp_path):
    path = write(tmp_path / "a.mseed")
    for name in ("w.csv", "w.parquet", "w.jsonl"):
        assert not any("Replaced" in one for one in run(tmp_path, path, forest=model(), out=name).warnings)
        for forest in (model(), numbers()):
            told = run(tmp_path, path, forest=forest, out=name)
            assert f"Replaced the earlier table in {tmp_path / name}." in told.warnings
    for name, content in (("x.csv", "a,b\n1,2\n"), ("x.jsonl", "[1]\n"), ("x.parquet", "PAR")):
        (tmp_path / name).write_text(content)
        with pytest.raises(SettingError, match="must be new or hold earlier predictions"):
            run(tmp_path, path, forest=numbers(), out=name)
        assert (tmp_path / name).read_text() == content


def test_a_run_that_is_stopped_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(window_stream, "BLOCK", 7)
    path, seen = write(tmp_path / "a.mseed"), []

    def stop(done, total):
        seen.append((done, total))
        return done < 90

    with pytest.raises(Stopped, match="nothing was written"):
        run(tmp_path, path, forest=numbers(), on_progress=stop)
    assert seen[:2] == [(6, 150), (13, 150)]
    assert [one.name for one in tmp_path.iterdir()] == ["a.mseed"]

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(Stopped, match="nothing was written"):
        run(tmp_path, path, forest=numbers(), on_progress=interrupt)
    assert [one.name for one in tmp_path.iterdir()] == ["a.mseed"]


def test_recordings_that_do_not_fit_are_named_and_the_others_used(tmp_path):
    write(tmp_path / "a.mseed")
    write(tmp_path / "b.mseed", noise_with_knocks(3), station="UH2")
    told = run(tmp_path, tmp_path / "a.mseed", tmp_path / "b.mseed", forest=numbers())
    assert told.status == 1
    assert told.data["windows"] == 150
    assert any(
        "Left out: The recording 'BW.UH2.SH' must be as long as one window" in w for w in told.warnings
    )
    with pytest.raises(DataError, match="BW.UH2.SH"):
        run(tmp_path, tmp_path / "b.mseed", forest=numbers())


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_used(tmp_path):
    good, bad = write(tmp_path / "a.mseed"), tmp_path / "b.mseed"
    bad.write_bytes(b"no seed at all")
    told = run(tmp_path, good, bad, forest=numbers())
    assert told.status == 1 and told.data["windows"] == 150
    assert any("Left out" in one and "b.mseed" in one for one in told.warnings)
    with pytest.raises(DataError, match=r"b\.mseed"):
        run(tmp_path, bad, forest=numbers())


def test_the_verb_asks_for_windows_where_a_model_says_numbers_or_somebody_wants_them(tmp_path):
    path = write(tmp_path / "a.mseed")
    numbers().save_model(tmp_path / "n")
    model().save_model(tmp_path / "c")
    told = steps.predict(tmp_path / "n", [path], out=tmp_path / "n.csv")
    assert told.data["windows"] == 150
    told = steps.predict(tmp_path / "c", [path], out=tmp_path / "c.csv", each_window=True)
    assert told.data["labels"] == {"knock": 5, "noise": 145}
    assert steps.predict(tmp_path / "c", [path], out=tmp_path / "e.csv").data["events"] == 3
    for name in ("n", "c"):
        for setting in (
            {"threshold": 0.5},
            {"join": 1.0},
            {"ignore": ["noise"]},
            {"live": True},
            {"restart": True},
        ):
            with pytest.raises(
                SettingError, match=f"--{next(iter(setting))} must go with events. Got a table of each"
            ):
                steps.predict(tmp_path / name, [path], out=tmp_path / "x.csv", each_window=True, **setting)
