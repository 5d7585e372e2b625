"""What Validate shows is what validate, test and confirm put on record: nothing is computed in the page."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from clew import steps
from clew.errors import DataError, SettingError
from clew.study.study import Study
from tests.app.fakes import fake_session


def test_without_a_model_the_page_is_told_what_there_is_to_learn_from(looked_at):
    told = fake_session(looked_at / "blobs.study").ask("judging.model")
    assert told["model"] is None and told["open"] is None and told["metrics"] is None and told["asks"] == {}
    assert told["labels"] == {"person": 0, "group": Study(looked_at / "blobs.study").counts()["open"]}


def test_the_figures_are_those_of_the_record(judged):
    study = Study(judged)
    told, found = fake_session(study).ask("judging.model"), study.result(study.last("validate"))
    summary = found.summary()
    assert list(found.scores.shown)[1] == "balanced_accuracy"
    row = told["metrics"]["rows"][1]
    assert row["open"] == summary["metrics"]["balanced_accuracy"] and row["sealed"] is None
    assert row["blind"] == summary["baselines"]["commonest_class"]["balanced_accuracy"]
    assert np.mean(row["band"]) == pytest.approx(summary["baselines"]["permuted"]["balanced_accuracy"])
    assert row["shuffled"] == summary["shuffled"]["balanced_accuracy"]
    assert told["open"]["confusion"] == summary["confusion"] and told["sealed"] is None
    assert told["circular"] and told["judged"] == ["explain"]
    assert sorted(told["asks"]) == ["compare", "curve", "explain", "repeat"]  # sensors are for recordings
    (curve,) = told["open"]["calibration"]
    assert [point["value"] for point in curve["points"]] == summary["calibration"][curve["name"]]["observed"]


def test_every_interval_lies_on_the_scale(judged):
    told = fake_session(judged).ask("judging.model")["metrics"]
    ends = [
        end
        for row in told["rows"]
        if row["drawn"]
        for end in (row["open"]["low"], row["open"]["high"], *row["band"], row["blind"])
        if end is not None
    ]
    assert told["from"] <= max(min(ends), -0.3) and max(ends) <= told["to"]


def test_sealed_rows_stand_beside_open_ones_and_second_looks_apart(judged, tmp_path):
    shutil.copytree(judged.parent, tmp_path / "room")
    study = Study(tmp_path / "room" / "blobs.study")
    steps.test(study, reason="the first time")
    steps.test(study, reason="the second time")
    steps.confirm(study, reason="do they replicate", references=39, permutations=99)
    told = fake_session(study).ask("judging.model")
    first = study.result(next(one for one in study.steps() if one.verb == "test"))
    row = told["metrics"]["rows"][1]
    assert row["sealed"] == first.summary()["metrics"]["balanced_accuracy"] != row["open"]
    assert [one["reason"] for one in told["again"]] == ["the second time"] and told["openings"] == 3
    assert told["sealed"]["where"] == "sealed rows" and told["open"]["where"] == "open rows, held out"
    found = study.result(study.last("confirm")).replication
    shown = told["confirmation"]["histogram"]
    assert shown["value"] == found.index
    assert [sum(kind) for kind in shown["counts"]] == [len(found.draws)] * 2


def test_a_cell_of_the_confusion_gives_its_rows(judged):
    study = Study(judged)
    session, found = fake_session(study), study.result(study.last("validate"))
    names = session.workspace.samples.sample
    taken = 0
    for truth in found.scores.classes:
        for predicted in found.scores.classes:
            rows = session.ask("judging.cell", truth=truth, predicted=predicted)["rows"]
            here = (found.truth == truth) & (found.predicted == predicted)
            assert sorted(names[rows]) == sorted(found.sample[here])
            i, j = (found.scores.classes.index(one) for one in (truth, predicted))
            assert len(rows) == found.scores.confusion[i, j]
            taken += len(rows)
    assert taken == len(found.sample)
    with pytest.raises(SettingError, match="truth"):
        session.ask("judging.cell", truth="square", predicted="round")


def test_a_cell_of_nothing_is_refused(looked_at):
    with pytest.raises(DataError, match="run validate first"):
        fake_session(looked_at / "blobs.study").ask("judging.cell", truth="round", predicted="round")
