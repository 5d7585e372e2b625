"""The queue: who gets which row, when, and that control comes as often as was asked."""

from __future__ import annotations

import pytest

from clew.app.queueing import Said, queue_of
from clew.errors import SettingError
from clew.study.handed import handed_out
from clew.study.record import LabelEvent
from tests.app.fakes import fake_session


@pytest.fixture
def session(blob_study):
    return fake_session(blob_study, who="ann")


def rows(answer):
    return [item["row"] for item in answer["items"]]


def give(session, row, label, client):
    name = str(session.workspace.samples.sample[row])
    return session.ask("labels.give", client=f"client-{client}", samples=[name], label=label)


def settled(session):
    """Wait until the background has learnt and written what it was asked to."""
    assert queue_of(session.workspace).refit.wait()
    session.workspace.threads["writer"].submit(lambda: None).result(20)


def opened(session, **how):
    session.ask("queue.open", **how)
    settled(session)
    return session


def event(number, who, sample, label, how="person", undoes=None):
    return LabelEvent(number, "2026-11-23", who, how, sample, label, undoes, None)


def test_a_group_is_nobody_and_an_undone_word_was_not_said():
    said = Said.of(
        [
            event(1, "ann", "a", "x", how="group"),
            event(2, "ann", "b", "x"),
            event(3, "bob", "b", "y"),
            event(4, "ann", "b", None, undoes=2),
            event(5, "ann", "c", None),
        ]
    )
    assert said.by == {"b": {"bob": "y"}, "c": {"ann": None}}
    assert said.last == 5


def test_rows_named_by_group_are_asked_for_all_the_same(session):
    assert len(session.workspace.study.labels()) == session.workspace.samples.n_rows
    answer = opened(session).ask("queue.next", have=[], n=9)
    assert len(answer["items"]) == 9
    assert answer["left"] == session.workspace.samples.n_rows - 9


def test_every_third_item_is_control_however_often_the_rest_is_renewed(session):
    opened(session)
    items, done = session.ask("queue.next", have=[], n=9)["items"], []
    for number in range(24):  # each answer renews all but the next three
        done.append(items.pop(0))
        give(session, done[-1]["row"], "a" if number % 2 else "b", f"third-{number}")
        kept = items[:3]
        before = [*done, *kept]
        since = next((i for i, item in enumerate(reversed(before)) if item["control"]), len(before))
        answer = session.ask(
            "queue.next", have=rows({"items": kept}), n=9 - len(kept), place=len(before), since=since
        )
        items = kept + answer["items"]
    assert [item["control"] for item in done] == [i % 3 == 2 for i in range(24)]


def test_control_follows_an_order_that_no_label_changes_and_labelled_rows_on_its_way_count(session):
    opened(session)
    queue = queue_of(session.workspace)
    first, second = queue.control[:2]
    give(session, first, "a", "ahead-of-control")  # some strategy came before the control's draw
    answer = session.ask("queue.next", have=[], n=3)
    assert [item["row"] for item in answer["items"] if item["control"]] == [second]
    settled(session)
    names = session.workspace.samples.sample
    control = {one.sample for one in handed_out(session.workspace.study) if one.control}
    assert control == {str(names[first]), str(names[second])}


def test_two_pages_never_hold_the_same_row(session):
    other = fake_session(None, who="bob", workspace=session.workspace)
    opened(session)
    opened(other)
    mine, theirs = session.ask("queue.next", have=[], n=20), other.ask("queue.next", have=[], n=20)
    assert len(mine["items"]) == len(theirs["items"]) == 20
    assert set(rows(mine)).isdisjoint(rows(theirs))


def test_what_a_page_holds_no_more_is_free_for_others_and_so_is_all_when_it_goes(session):
    queue = queue_of(opened(session).workspace)
    first = rows(session.ask("queue.next", have=[], n=9))
    session.ask("queue.next", have=first[:2], n=0)
    assert set(queue.held) == set(first[:2])
    session.closed = True
    other = fake_session(None, workspace=session.workspace)
    opened(other).ask("queue.next", have=[], n=1)
    assert session not in queue.held.values()


def test_a_row_labelled_elsewhere_leaves(session):
    opened(session)
    mine = rows(session.ask("queue.next", have=[], n=6))
    other = fake_session(None, who="bob", workspace=session.workspace)
    give(other, mine[3], "a", "from-elsewhere")
    answer = session.ask("queue.next", have=mine, n=1)
    assert answer["gone"] == [mine[3]]
    assert mine[3] not in rows(answer)


def test_cannot_tell_and_skipped_are_not_asked_again(session):
    opened(session)
    first, second = rows(session.ask("queue.next", have=[], n=2))
    give(session, first, None, "cannot-tell")
    session.ask("queue.skip", row=second)
    n = session.workspace.samples.n_rows
    everything = session.ask("queue.next", have=[], n=40, since=1)
    more = session.ask("queue.next", have=rows(everything), n=0)
    assert {first, second}.isdisjoint(rows(everything))
    assert more["left"] == n - 2 - 40
    session.ask("queue.skip", row=second, back=True)
    assert session.ask("queue.next", have=rows(everything), n=0)["left"] == n - 1 - 40


def test_every_mth_item_is_asked_of_two(session):
    other = fake_session(None, who="bob", workspace=session.workspace)
    opened(session)
    opened(other, both=2)
    labelled = [4, 8, 15, 16]
    for row in labelled:
        give(session, row, "a", f"of-both-{row}")
    items = other.ask("queue.next", have=[], n=8)["items"]
    assert [item["both"] for item in items] == [False, True] * 4
    assert sorted(item["row"] for item in items if item["both"]) == labelled
    assert other.ask("queue.next", have=[item["row"] for item in items], n=0)["gone"] == []


def test_after_labels_of_two_classes_the_page_is_told_and_items_have_probabilities(session):
    opened(session)
    for row in range(6):
        give(session, row, "a" if row % 2 else "b", f"teaches-{row}")
    settled(session)
    assert "queue.renewed" in [push["push"] for push in session.pushed]
    answer = session.ask("queue.next", have=[], n=3)
    assert answer["model"]["about"] == "forest after 6 labels"
    assert [set(item["probability"]) for item in answer["items"]] == [{"a", "b"}] * 3
    kept = session.ask("queue.next", have=rows(answer)[:2], n=0)
    assert kept["told"] == [item["probability"] for item in answer["items"][:2]]


def test_a_row_is_shown_by_number_or_name(session):
    name = str(session.workspace.samples.sample[7])
    assert session.ask("queue.item", row=7) == session.ask("queue.item", sample=name)
    assert session.ask("queue.item", row=7)["item"]["sample"] == name


def test_the_judgement_is_there_when_the_page_asks(session):
    queue = queue_of(opened(session).workspace)
    assert queue.light.wait()
    assert session.ask("queue.worth")["light"]["verdict"] == "go on"


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("queue.open", {"strategy": "entropie"}, "did you mean|entropy"),
        ("queue.open", {"control_every": 1}, "always on"),
        ("queue.open", {"both": 1}, "'both'"),
        ("queue.next", {"have": [], "n": 9}, "opened first"),
        ("queue.skip", {"row": 80}, "from 0 to 79"),
    ],
)
def test_what_cannot_be_is_refused(session, name, given, said):
    with pytest.raises(SettingError, match=said):
        session.ask(name, **given)
