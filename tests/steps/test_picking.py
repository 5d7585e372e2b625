"""`clew pick`: what is written, what a stopped run leaves, what is refused, and what is said."""

from __future__ import annotations

import json

import numpy as np
import pytest

from clew.errors import DataError, SettingError, Stopped
from clew.measure.pick_files import read_pick_file
from clew.read.miniseed_writer import write_miniseed
from clew.steps import picking
from clew.steps.picking import gathered, pick, thresholds_in
from tests.steps.picking_worlds import RATE, keen_picker, shaken


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("picking")
    model = keen_picker(folder / "picker")
    return shaken(folder / "a.mseed", seconds=240), model


def run(world, out, **settings):
    path, model = world
    return pick([path], out=out, model=str(model), engine="torch", **settings)


def test_every_format_holds_the_same_picks(world, tmp_path):
    told = run(world, tmp_path / "p.csv")
    picks = told.result
    assert told.status == 0 and len(picks) == told.data["picks"] > 5
    assert sum(sum(one.values()) for one in told.data["stations"].values()) == len(picks)
    for name in ("p.xml", "p.parquet", "p.jsonl"):
        run(world, tmp_path / name)
    for name in ("p.csv", "p.xml", "p.parquet", "p.jsonl"):
        back = read_pick_file(tmp_path / name)
        assert back.phase.tolist() == picks.phase.tolist()
        np.testing.assert_allclose(back.time, picks.time, atol=1e-6, rtol=0)
    assert any("p.csv" in line for line in told.lines)


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(world, tmp_path, monkeypatch):
    monkeypatch.setattr(picking, "EVERY", 20.0)
    whole, parts = tmp_path / "whole.csv", tmp_path / "parts.csv"
    run(world, whole)
    for until in (100, 180):
        with pytest.raises(Stopped, match="the same command goes on"):
            run(world, parts, batch_size=1, on_progress=lambda done, total, until=until: done < until)
        assert not parts.exists()
    lines = (tmp_path / ".parts.csv.progress").read_text().splitlines()
    assert len(lines) > 3 and json.loads(lines[-1])["states"]
    told = run(world, parts)
    assert any("Went on from an earlier run" in note for note in told.warnings)
    assert parts.read_bytes() == whole.read_bytes()
    assert not (tmp_path / ".parts.csv.progress").exists()


def test_progress_of_other_settings_is_not_gone_on_from(world, tmp_path, monkeypatch):
    monkeypatch.setattr(picking, "EVERY", 20.0)
    with pytest.raises(Stopped):
        run(world, tmp_path / "p.csv", batch_size=1, on_progress=lambda done, total: done < 150)
    told = run(world, tmp_path / "p.csv", threshold=["P=0.6"])
    assert any("Began anew" in note for note in told.warnings)
    assert (told.result.probability[told.result.phase == "P"] >= 0.6).all()


def test_known_picks_score_what_was_found(world, tmp_path):
    found = run(world, tmp_path / "p.csv").result
    told = run(world, tmp_path / "q.csv", truth=tmp_path / "p.csv")
    scores = told.data["scores"]["phases"]["P"]["0.1"]
    assert scores["precision"]["value"] == scores["recall"]["value"] == 1.0
    assert any(line.startswith("  P within 0.1 s: precision 1.00") for line in told.lines)
    assert len(found) > 5


def test_a_bad_file_among_good_ones_is_named_and_the_others_are_picked(world, tmp_path):
    path, model = world
    bad = tmp_path / "bad.mseed"
    bad.write_bytes(path.read_bytes()[:300] + b"\0" * 100)
    told = pick([path, bad], out=tmp_path / "p.csv", model=str(model), engine="torch")
    assert told.status == 1 and len(told.result) > 5
    assert any("bad.mseed" in note for note in told.warnings)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"threshold": ["P:0.4"]}, "must be such as P=0.4. Got 'P:0.4'"),
        ({"threshold": ["Pg=0.4"]}, "must be of P and S. Got 'Pg'"),
        ({"threshold": ["P=1.4"]}, "must be a probability"),
        ({"overlap": 400}, "from 0 to 399 samples"),
        ({"batch_size": 0}, "at least 1"),
    ],
)
def test_settings_out_of_range_are_refused_before_anything_is_written(world, tmp_path, settings, told):
    with pytest.raises(SettingError, match=told):
        run(world, tmp_path / "p.csv", **settings)
    assert not (tmp_path / "p.csv").exists()


def test_outputs_that_cannot_hold_the_picks_are_refused(world, tmp_path):
    with pytest.raises(SettingError, match="must name the file"):
        run(world, None)
    (tmp_path / "own.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SettingError, match=r"own\.csv"):
        run(world, tmp_path / "own.csv")
    assert (tmp_path / "own.csv").read_text() == "a,b\n1,2\n"
    bare = tmp_path / "bare.npy"
    np.save(bare, np.random.default_rng(0).normal(size=(3, 2000)))
    with pytest.raises(SettingError, match="must be dated"):
        pick([bare], out=tmp_path / "p.xml", model=str(world[1]), rate=RATE, engine="torch")


def test_recordings_that_fit_no_model_are_refused(world, tmp_path):
    odd = write_miniseed(
        tmp_path / "x.mseed",
        np.arange(3000, dtype=np.int32)[None] % 7,
        station="X",
        channels=["HHX"],
        rate=RATE,
        start=0.0,
    )
    with pytest.raises(DataError, match="must have one of the components"):
        pick([odd], out=tmp_path / "p.csv", model=str(world[1]))
    with pytest.raises(DataError, match="one that comes with clew"):
        pick([world[0]], out=tmp_path / "p.csv", model="nothing")


def test_thresholds_come_one_by_one_or_together():
    assert thresholds_in(["P=0.4", "S=0.3,Detection=0.2"]) == {"P": 0.4, "S": 0.3, "Detection": 0.2}
    assert thresholds_in(None) == {}


def test_what_is_to_be_said_of_many_recordings_is_said_once():
    alike = [f"'{name}': N is not there." for name in "abcd"]
    near = [f"'{name}': left out {n} runs." for name, n in zip("abc", (1, 22, 3.5))]
    assert gathered([*alike, "Whole.", *near, "'z': other."]) == [
        "4 recordings ('a', 'b', ...): N is not there.",
        "Whole.",
        "3 recordings ('a', 'b', ...): left out 1 runs, in the first; in the others likewise.",
        "'z': other.",
    ]
