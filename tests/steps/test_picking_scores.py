"""Picks by `clew pick` beside known ones: the same figures as by hand, rivals on the same recordings, and what flatters."""

import csv
from unittest import mock

import numpy as np
import pytest

from clew.errors import SettingError
from clew.measure.pick_rivals import rival_picks
from clew.read.picks import read_picks
from clew.read.recordings import read_recordings
from clew.steps import pick
from clew.steps.picking_scores import judged
from clew.validate.picks import score_picks
from tests.steps.picking_worlds import START, keen_picker, shaken


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judged")
    recording = shaken(folder / "quakes.mseed", seconds=180)
    known = folder / "known.csv"
    with known.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["station", "phase", "time"])
        for at in (30, 90, 150):
            rows.writerow(["BW.UH1", "P", np.datetime64(round((START + at) * 1e3), "ms")])
            rows.writerow(["BW.UH1", "S", np.datetime64(round((START + at + 2) * 1e3), "ms")])
    return folder, recording, known, keen_picker(folder / "keen")


def test_the_pickers_without_a_net_stand_beside_on_the_same_recordings(world):
    folder, recording, known, model = world
    told = pick([recording], out=folder / "q.csv", model=str(model), truth=known)
    recordings = read_recordings([recording]).recordings
    truth = read_picks(known, recordings)
    for name, phases in {"sta_lta": ["P"], "ar": ["P", "S"], "kurtosis": ["P"]}.items():
        alone = score_picks(rival_picks(recordings, method=name), truth, recordings=recordings)
        got = told.data["rivals"][name]
        assert sorted(got) == phases
        for phase in phases:
            assert got[phase] == alone.summary()["phases"][phase]
    found = told.data["rivals"]["sta_lta"]["P"]["0.5"]
    assert found["true"] == 3  # three loud onsets: the mutant that scores nothing would have none
    assert sum(line.startswith("  beside it, ") for line in told.lines) == 3


def test_what_the_model_was_trained_on_is_said_beside_its_figures(world):
    _, recording, known, _ = world
    recordings = read_recordings([recording]).recordings
    truth = read_picks(known, recordings)
    picks = rival_picks(recordings)
    with_card = judged(picks, truth, recordings, learnt_from=["Picks of people at 3 stations."])
    assert with_card.told()[-1] == "Picks of people at 3 stations."
    assert not any("trained on" in line for line in judged(picks, truth, recordings).told())
    assert judged(picks, [], recordings) is None


def test_what_the_pickers_without_a_net_cannot_hear_is_said(world):
    folder, recording, known, _ = world
    recordings = read_recordings([recording]).recordings
    early = folder / "early.csv"
    early.write_text(
        f"station,phase,time\nBW.UH1,P,{np.datetime64(round((START + 9) * 1e3), 'ms')}\n"
        + known.read_text().split("\n", 1)[1]
    )
    told = judged(rival_picks(recordings), read_picks(early, recordings), recordings).told()
    assert (
        "1 of 7 known picks lie in the first 10 s of their recording, where the pickers beside it hear nothing."
        in told
    )
    late = judged(rival_picks(recordings), read_picks(known, recordings), recordings).told()
    assert not any("hear nothing" in line for line in late)


def test_events_of_too_few_picks_are_refused_before_anything_is_picked(world):
    folder, recording, _, model = world
    where = folder / "stations.csv"
    where.write_text("station,latitude,longitude,elevation\nBW.UH1,48,11,500\n")
    with mock.patch("clew.steps.picking._found", side_effect=AssertionError("it began to pick")):
        with pytest.raises(SettingError, match="at least 4 picks"):
            pick([recording], out=folder / "e.csv", model=str(model), stations=where, least_picks=3)
        with pytest.raises(AssertionError, match="it began to pick"):  # the mutant: what is allowed goes on
            pick([recording], out=folder / "e.csv", model=str(model), stations=where, least_picks=4)
