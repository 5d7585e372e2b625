"""The desk of picks: bands that move nothing, blanks where nobody may look, and a live model that says what it would say alone."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from clew.app.picking_desk import LONGEST, Candidates, desk_of, rows_of
from clew.errors import DataError
from clew.read.recording import recording_of
from clew.study.picks import Spans, StudyPick
from clew.study.study import Study
from tests.app.fakes import fake_session
from tests.app.picking_worlds import RATE, found, make_quakes

NEVER = lambda done, total: True  # noqa: E731


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_quakes(tmp_path_factory.mktemp("desk"))


@pytest.fixture
def desk(made):
    return desk_of(fake_session(made).workspace)


def net(made):
    """Save a tiny net of random weights as a model of the study."""
    import torch

    from clew.neural.nets.phasenet import PhaseNet, PhaseNetConfig
    from clew.neural.picking_net import PickingNet

    torch.manual_seed(1)
    module = PhaseNet(PhaseNetConfig(3, 3, 4, 3)).eval()
    weights = {f"0.{name}": one.numpy() for name, one in module.state_dict().items()}
    settings = {"n_in": 3, "n_out": 3, "filters_root": 4, "depth": 3}
    model = PickingNet(
        architecture="phasenet", net_settings=settings, recipe={}, seeds=[0], weights=weights, histories=[], labels=["P", "S", "N"],
        rate=RATE, window=500, overlap=250, thresholds={"P": 0.5, "S": 0.5},
    )  # fmt: skip
    study = Study(made)
    (made / "models").mkdir(exist_ok=True)
    model.save_model(made / "models" / "phasenet-1")
    with study.store.writing() as db:
        db.execute("INSERT INTO models (name, path, sha256, step) VALUES ('phasenet-1', 'models/phasenet-1', ?, 1)", (model.sha256,))  # fmt: skip
    return model


def test_a_live_model_says_what_it_says_of_the_recording_alone(made):
    from clew.neural.scan import curves, scan

    model = net(made)
    page = fake_session(made)
    desk = desk_of(page.workspace)
    assert (
        desk.models()[0] == "phasenet-1"
        and desk.named(model.sha256) == "phasenet-1"
        and desk.named("cd") == ""
    )
    recording = desk.recording(desk.names()[0])
    alone = curves(model, recording, first=500, stop=1500, engine="torch")
    told = page.ask("picks.curves", recording=recording.name, start=10.0, lasts=20.0, points=4096, model="phasenet-1")  # fmt: skip
    assert told["labels"] == ["P", "S"] and told["thresholds"] == [0.5, 0.5]
    np.testing.assert_allclose(told["arrays"][0], alone.probability[:2], atol=1e-4)

    assert not desk.heard("phasenet-1", recording.name) and desk.candidates("phasenet-1") is None
    page.ask("picks.ask", recording=recording.name, model="phasenet-1")
    all_of = scan(model, [recording], thresholds={"P": 0.25, "S": 0.25}, engine="torch")  # half of its own
    heard = page.ask("picks.of", recording=recording.name, model="phasenet-1")
    assert heard["heard"] and heard["model"] == model.sha256
    assert [one["phase"] for one in heard["candidates"]] == all_of.phase.tolist() and len(all_of) > 0
    np.testing.assert_allclose([one["time"] for one in heard["candidates"]], all_of.time)
    assert page.ask("picks.next", model="phasenet-1")["left"] == len(all_of)
    with pytest.raises(DataError, match="model"):
        page.ask("picks.ask", recording=recording.name, model="phasenet-2")
    long = SimpleNamespace(name="long", duration=LONGEST + 1)
    with pytest.raises(DataError, match="run clew pick"):
        desk.ask("phasenet-1", long, NEVER)


def test_a_filter_moves_nothing_and_a_gap_stays_one(desk):
    recording = desk.recording(desk.names()[0])
    raw = desk.piece(recording, 500, 1500, band="as recorded")
    filtered = desk.piece(recording, 500, 1500, band="2 to 8 Hz")
    assert filtered.shape == raw.shape == (3, 1000)
    np.testing.assert_allclose(raw.mean(axis=1), 0, atol=1e-9)
    late = np.roll(filtered, 5, axis=1)  # the mutant: as one that passes forth only would give
    fits = [np.corrcoef(raw[0], one[0])[0, 1] for one in (filtered, late)]
    assert fits[0] > 0.8 > abs(fits[1])

    gappy = np.array(recording.read(0, 1000, [0, 1, 2]))
    gappy[:, 400:420] = np.nan
    held = recording_of(gappy, rate=RATE, name=recording.name)
    for band in ("as recorded", "1 to 20 Hz"):
        found = np.isnan(desk.piece(held, 300, 600, band=band))
        assert found[:, 100:120].all() and found.sum() == 60


def test_sealed_stretches_are_blank_and_filters_carry_nothing_of_them_over(desk):
    name = desk.names()[0]
    recording = desk.recording(name)
    desk.journal._spans = Spans({name: np.array([[0.0, 30.0]])}, {name: np.array([[28.0, 40.0]])})
    before = desk.piece(recording, 1000, 2500, band="1 to 20 Hz")
    blank = np.isnan(before[0])
    assert np.flatnonzero(blank).tolist() == list(range(500, 1000))  # 30 to 40 s, as the piece begins at 20 s
    values = np.array(recording.read(0, recording.n))
    values[:, 1500:2000] *= 1e6  # what is sealed is another
    after = desk.piece(recording_of(values, rate=RATE, name=name), 1000, 2500, band="1 to 20 Hz")
    np.testing.assert_array_equal(before, after)
    picks = found(desk.study)
    kept = Candidates.of(picks, desk.blank)
    own = picks.recording == name
    assert sorted(picks.time[own].tolist()) == [20.04, 26.04, 40.0]
    desk.journal._spans = Spans({name: np.array([[0.0, 25.0]])}, {name: np.array([[25.0, 40.0]])})
    assert sorted(Candidates.of(picks, desk.blank).take(Candidates.of(picks, desk.blank).recording == name).time.tolist()) == [20.04, 40.0]  # fmt: skip
    assert len(kept.time) == len(picks)


def test_a_candidate_is_judged_by_its_own_moment_where_a_person_moved_it(desk):
    picks = Candidates.of(found(desk.study), desk.blank)
    name = picks.recording[0]
    moved = StudyPick("c", "anna", "", str(name), "P", 43.0, asked=40.0)
    judged = picks.judged([moved])
    assert judged.sum() == 1 and picks.time[judged] == 40.0 and picks.recording[judged] == name
    assert picks.judged([StudyPick("c", "anna", "", str(name), "P", 43.0)]).sum() == 0


def test_the_first_components_that_people_know_are_shown():
    for names, rows in (
        (["E", "N", "Z"], [2, 1, 0]),
        (["1", "2", "Z"], [2, 0, 1]),
        (["a", "b", "c", "d"], [0, 1, 2]),
    ):
        assert rows_of(recording_of(np.ones((len(names), 9)), rate=1.0, components=names)) == rows
