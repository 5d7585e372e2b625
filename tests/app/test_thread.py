"""The thread as the rail shows it."""

from __future__ import annotations

import dataclasses

import pytest

from clew import steps
from clew.app.thread import in_short, is_fork, label_knots, shortened
from clew.errors import SettingError
from tests.app.fakes import fake_session


@pytest.fixture
def session(blob_study):
    return fake_session(blob_study)


def test_every_step_has_a_title_and_a_second_line(session):
    told = session.ask("thread")
    assert (told["steps"], told["looks"]) == (5, 1)
    titles = [one["title"] for one in told["items"]]
    assert titles == ["1 image read", "100 objects measured", "20 rows sealed", "explore", "name"]
    details = [one["detail"] for one in told["items"]]
    assert details[0].startswith("blobs.tif, sha256 ") and details[1] == "17 measurements"
    assert details[3].startswith("k 2: 2 groups, ARI ") and details[4] == "0 round, 1 elongated"
    assert [one["look"] for one in told["items"]] == [None, None, None, 1, None]


def test_a_look_that_nothing_was_built_on_is_a_fork_once_another_was_taken(session):
    (first,) = session.workspace.looks()
    assert not is_fork(first, [first])
    later = dataclasses.replace(first, id=first.id + 5)
    assert is_fork(first, [first, later]) and not is_fork(later, [first, later])
    named = dataclasses.replace(first, id=first.id + 1, verb="name", inputs={"steps": [first.id]})
    assert not is_fork(first, [first, named, later])


def test_labels_given_between_steps_are_one_knot_a_person_and_day():
    days = [("AK", 2, "2026-11-20T09:01:00+00:00"), ("MK", 1, "2026-11-20T09:02:00+00:00")]
    assert [(one["id"], one["detail"], one["at"]) for one in label_knots(days)] == [
        ("AK-2026-11-20", "2 labels by AK", "2026-11-20T09:01:00+00:00"),
        ("MK-2026-11-20", "1 label by MK", "2026-11-20T09:02:00+00:00"),
    ]


def test_a_knot_of_labels_stands_where_it_was_tied_and_steps_keep_their_order(session):
    study = session.workspace.study
    sample = str(session.workspace.samples.sample[0])
    with study.store.writing() as db:
        for at in ("2001-01-01T00:00:00+00:00", "2999-01-01T00:00:00+00:00"):
            db.execute(
                "INSERT INTO labels (at, who, how, sample, label) VALUES (?, 'AK', 'person', ?, 'x')",
                (at, sample),
            )
    kinds = [one["kind"] for one in session.ask("thread")["items"]]
    assert kinds == ["labels", *["step"] * 5, "labels"]


def test_what_comes_next_follows_from_what_was_done(session):
    def offered():
        return [one["verb"] for one in session.ask("thread")["next"]]

    assert offered()[:3] == ["train", "explore", "state"]
    assert {"confirm", "test"} & set(offered()) == {"confirm"}  # there is no model to test
    steps.train(session.workspace.study, trees=5)
    assert offered()[:2] == ["validate", "explain"] and "test" in offered()
    steps.test(session.workspace.study, reason="the end")
    assert not {"confirm", "test"} & set(
        offered()
    )  # a second opening is asked for at the seal, where it says what it costs


def test_the_seal_tells_what_it_keeps_what_was_tried_and_every_opening(session):
    study = session.workspace.study
    seal = session.ask("thread")["seal"]
    assert (seal["state"], seal["rows"], seal["openings"]) == ("closed", 20, [])
    assert seal["tried"] == {"looks": 1, "hypotheses": len(study.hypotheses()), "models": 0, "validations": 0}
    steps.train(study, trees=5)
    steps.test(study, reason="the end")
    seal = session.ask("thread")["seal"]
    assert seal["state"] == "opened" and seal["tried"]["models"] == 1
    assert [(one["reason"], one["independent"]) for one in seal["openings"]] == [("the end", True)]
    steps.test(study, reason="again")
    seal = session.ask("thread")["seal"]
    assert seal["state"] == "again" and not seal["openings"][-1]["independent"]


def test_a_step_on_record_is_told_with_the_settings_that_somebody_chose(session):
    told = session.ask("thread.step", step=4)
    assert told["settings"] == {"features": "shape", "runs": 4, "references": 99, "k": 2}
    assert told["again"] == "clew explore blobs.study"
    assert session.ask("thread.step", step=1)["again"] == ""
    with pytest.raises(SettingError, match="must be on record. Got 99"):
        session.ask("thread.step", step=99)


def test_second_lines_are_short():
    assert shortened("accuracy 0.90 [0.55, 0.99], over 4 groups; 20 rows") == "accuracy 0.90 [0.55, 0.99]"
    assert shortened("One. Two.") == "One" and len(shortened("word " * 60)) <= 80


def test_a_verb_without_words_of_its_own_is_told_by_its_headline(session):
    step = dataclasses.replace(session.workspace.looks()[0], verb="repeat", headline="10 runs. More.")
    assert in_short(step, session.workspace.study) == ("repeat", "10 runs")


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({"found": 9, "border": 4, "degenerate": 0, "small": 0, "kept": 9}, ""),  # at the border, and kept
        ({"found": 9, "border": 4, "degenerate": 0, "small": 2, "kept": 7}, "; left out: 2 small"),
        ({"found": 9, "border": 4, "degenerate": 0, "small": 2, "kept": 3}, "; left out: 4 border, 2 small"),
    ],
)
def test_what_is_left_out_is_told_and_what_is_only_marked_is_not(counts, told):
    from types import SimpleNamespace

    from clew.app.thread import _measure

    step = SimpleNamespace(headline="9 rows x 5 features", summary={"counts": counts})
    assert _measure(step, None)[1] == f"5 features{told}"
