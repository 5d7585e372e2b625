"""Picks in studies: told by files, found, learnt from and exported; what is sealed is neither read nor shown."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import DataError, SettingError
from clew.measure.pick_files import read_pick_file
from clew.read.picks import KnownPick
from clew.steps import export, label, new, pick, train, verify
from clew.steps.picking_studies import open_recordings, standing, without
from clew.study.picks import is_sealed, spans_of
from clew.study.study import Study
from tests.steps.picking_worlds import START, keen_picker, shaken

STATIONS = [f"BW.S{i}.SH" for i in range(8)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make a study of eight stations, two minutes each, and a table of the picks in it."""
    folder = tmp_path_factory.mktemp("picks")
    for i, name in enumerate(STATIONS):
        shaken(folder / f"{i}.mseed", name=name, seconds=120, start=START + 1000 * i, seed=i)
    new(
        folder / "s",
        [folder / f"{i}.mseed" for i in range(8)],
        window="10",
        step="10",
        group="station",
        sealed=0.25,
    )
    rows = ["station,phase,time"]
    for i, name in enumerate(STATIONS):
        for minute in (30, 90):
            rows += [
                f"{name[:5]},{phase},{iso(START + 1000 * i + minute + later)}"
                for phase, later in (("P", 0), ("S", 2))
            ]
    (folder / "picks.csv").write_text("\n".join(rows) + "\n")
    return folder


def iso(seconds):
    return str(np.datetime64(round(seconds * 1000), "ms"))


@pytest.fixture
def study(made, tmp_path):
    import shutil

    shutil.copytree(made / "s", tmp_path / "s")
    return Study(tmp_path / "s")


def test_picks_of_a_file_stand_once_and_sealed_ones_not_at_all(study, made):
    told = label(study, made / "picks.csv", picks=True)
    spans = spans_of(study)
    assert told.data["picks"] == 24 and told.data["sealed"] == 8
    assert not any(is_sealed(spans, one.recording, one.time) for one in standing(study))
    assert label(study, made / "picks.csv", picks=True).data == {"picks": 0, "standing": 24, "sealed": 8}


def test_a_file_that_does_not_fit_leaves_nothing_behind(study, made, tmp_path):
    (tmp_path / "bad.csv").write_text((made / "picks.csv").read_text() + "BW.S0,P,1999-01-01T00:00:00\n")
    with pytest.raises(DataError, match="line"):
        label(study, tmp_path / "bad.csv", picks=True)
    assert standing(study) == []


def test_sealed_moments_are_gaps_to_whoever_learns_or_picks(study):
    recordings, notes, _ = open_recordings(study)
    assert len(recordings) == 6 and "2 recordings have no open rows" in notes[0]
    one = recordings[0]
    assert np.isfinite(one.read(0, one.n)).all()
    sealed = np.array([[START + 20, START + 40], [START + 35, START + 50]])
    opened = np.array([[START + 30, START + 33]])
    hidden = without(one, sealed, opened)
    gone = np.isnan(hidden.read(0, one.n)[0])
    wanted = np.zeros(one.n, bool)
    wanted[2000:5000], wanted[3000:3300] = True, False
    np.testing.assert_array_equal(gone, wanted)
    np.testing.assert_array_equal(hidden.read(0, one.n)[:, ~gone], one.read(0, one.n)[:, ~gone])
    assert without(one, None, None) is one


def test_picks_of_a_model_go_on_record_outside_of_what_is_sealed(study, made, tmp_path):
    model = keen_picker(tmp_path / "picker")
    told = pick([study.folder], model=str(model), engine="torch")
    last = study.last("pick")
    assert last.id == told.step.id and len(told.result) > 5
    assert set(told.result.recording) <= set(spans_of(study).opened)
    np.testing.assert_array_equal(study.result(last).time, told.result.time)
    with pytest.raises(SettingError, match="when a study is made"):
        pick([study.folder], model=str(model), rate=100.0)


def test_a_picker_learns_from_the_picks_that_stand_and_is_verified(study, made):
    with pytest.raises(DataError, match="must hold picks to learn from"):
        train(study, model="phasenet", epochs=1)
    label(study, made / "picks.csv", picks=True)
    how = {"epochs": 1, "rows_per_epoch": 8, "batch_size": 4, "simulated": 4}
    told = train(study, model="phasenet", **how)
    assert told.data["model"].endswith("phasenet-1") and told.step.sees == "open"
    again = pick([study.folder], model=told.data["model"], threshold=["P=0.99"], engine="torch")
    assert again.result.model_sha256 == told.data["sha256"]
    tuned = train(study, model="phasenet", from_=told.data["model"], **how)
    assert tuned.result.origin == {"started from": told.data["sha256"]}
    with pytest.raises(SettingError, match="--trees must go with another model"):
        train(study, model="phasenet", trees=5)
    told = verify(study)
    assert told.status == 0


def test_picks_of_people_are_exported_as_they_stand(study, made, tmp_path):
    with pytest.raises(DataError, match="must hold picks of people"):
        export(study, picks=tmp_path / "out.csv")
    label(study, made / "picks.csv", picks=True)
    told = export(study, picks=tmp_path / "out.xml")
    back = read_pick_file(tmp_path / "out.xml")
    assert told.data["picks"] == len(back) == 24
    stood = sorted((one.recording, one.time, one.phase) for one in standing(study))
    assert [one[2] for one in stood] == back.phase.tolist()
    np.testing.assert_allclose(back.time, [one[1] for one in stood], atol=1e-6, rtol=0)
    assert all(isinstance(one, KnownPick) for one in standing(study))
