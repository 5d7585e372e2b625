from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from clew.bench import pick
from clew.bench.pick import KINDS, Picked, n_windows, works
from tests.neural.picking_models import apart


def test_every_row_says_what_it_is_and_a_month_waits_to_be_asked_for():
    rows = {one.name: one for one in works()}
    names = [f"{name}-{row}" for name in KINDS for row in ("usual", "best")]
    assert set(names) < set(rows) and {
        f"{row}-{name}" for row in ("gappy", "padded") for name in KINDS
    } < set(rows)
    assert [name for name, one in rows.items() if one.on_request] == [f"month-{name}" for name in KINDS]
    assert all(one.rival for one in rows.values() if not one.on_request)
    assert (n_windows(KINDS["eqtransformer"]), n_windows(KINDS["phasenet"])) == (2879, 5756)
    assert "2,879 windows" in rows["eqtransformer-usual"].what


@pytest.fixture
def short(monkeypatch):
    """Make an hour of three minutes, with a wave in it."""
    hour = (100 * np.random.default_rng(0).normal(size=(3, 18_000))).astype(np.int32)
    hour[:, 9_000:11_000] *= 5
    monkeypatch.setattr(pick, "PART", 18_000)
    monkeypatch.setattr(pick, "RARE", 0.98)

    def made(name, **how):
        data = Picked(name, hours=1, **how)
        data.__dict__["hour"] = hour
        return data

    return made


def test_both_sides_find_the_same_and_the_judge_sees_when_they_do_not(short):
    pytest.importorskip("seisbench")
    data = short("phasenet")
    data.write()
    ours, theirs = (
        apart(data.judge, [data.picked(0)]),
        apart(lambda: data.judge([data.annotated(0, batch=16)])),
    )
    assert ours["picks"] == theirs["picks"] > 0
    assert ours["off_annotate"] < 1e-5
    data.__dict__["model"] = dataclasses.replace(
        data.model, norm_per_component=False
    )  # the mutant: another scale
    assert apart(data.off_annotate) > 1e-3


def test_eqtransformer_answers_as_seisbenchs_does(short):
    pytest.importorskip("seisbench")
    data = short("eqtransformer")
    assert apart(data.off_annotate) < 1e-4
    curve = data._curve(data.model)
    assert np.nanstd(curve, axis=1).min() > 1e-2  # it does say something


def test_gaps_are_where_they_should_be(short):
    from clew.read.recordings import read_recordings

    data = short("phasenet", gaps=20)
    data.write()
    (recording,) = read_recordings([data.path]).recordings
    values = recording.read(0, recording.n)
    lost = np.isnan(values).any(axis=0)
    assert 10 < np.count_nonzero(np.diff(lost.astype(int)) == 1) <= 20
    kept = ~lost
    assert np.array_equal(values[:, kept], data.hour[:, : recording.n][:, kept])
    assert len(data.picked(0)) >= 0


def test_a_month_is_picked_by_the_command_in_a_process_of_its_own(monkeypatch):
    monkeypatch.setattr(pick, "MONTH", 1)
    monkeypatch.setattr(pick, "_write", written)
    sides = pick._month("phasenet")
    (picks, memory) = sides.ours.run(0)
    assert picks >= 0 and 100 < memory < 2000
    assert sides.judge([(picks, memory)]) == {"picks": picks, "command_mb": round(memory)}


def written(name, path):
    """Write an hour: what a spawned process imports has MONTH as it stands in the module."""
    data = Picked(name, hours=1)
    data.path = path
    data.write()
