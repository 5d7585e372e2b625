"""The queue: who gets which row, when, and that control comes as often as was asked."""

from __future__ import annotations

import numpy as np
import pytest

from clew.app.labelling import journal_of
from clew.app.queueing import Said, queue_of
from clew.errors import DataError, SettingError
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


def pass_over(session, row, number, **how):
    name = str(session.workspace.samples.sample[row])
    return session.ask("queue.skip", client=f"skip-{number:04d}", sample=name, **how)


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


def test_the_last_word_of_each_person_stands():
    said = Said.of([("b", "ann", "x"), ("b", "bob", "y"), ("c", "ann", None), ("b", "ann", "z")], 5)
    assert said.by == {"b": {"ann": "z", "bob": "y"}, "c": {"ann": None}}
    assert said.last == 5


def test_a_group_is_nobody_and_an_undone_word_was_not_said(session):
    queue, names = queue_of(session.workspace), session.workspace.samples.sample[:3].tolist()
    assert queue.said().by == {}  # all rows have the names of their groups
    for number, name in enumerate(names):
        session.ask("labels.give", client=f"give-000{number}", samples=[name], label="x")
        assert list(queue.said().by) == names[: number + 1]
    session.ask("labels.undo", client="undo-0001", of="give-0001")
    assert queue.said().by == {names[0]: {"ann": "x"}, names[2]: {"ann": "x"}}
    settled(session)


def test_what_is_heard_event_by_event_is_what_all_events_say():
    rng = np.random.default_rng(0)
    events = [
        event(n, ["ann", "bob"][rng.integers(2)], "abcd"[rng.integers(4)], "xyz"[rng.integers(3)], how=["person", "group"][n % 5 == 0])
        for n in range(1, 60)
    ]  # fmt: skip

    def of(some):
        return Said.of((one.sample, one.who, one.label) for one in some if one.how == "person")

    said = before = of(events[:20])
    for one in events[20:]:
        said = said.and_then([one])
    assert said.by == of(events).by
    assert list(said.by) == list(of(events).by)
    assert before.by == of(events[:20]).by  # others may be reading it


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


def test_what_was_just_answered_is_not_asked_again_though_its_label_is_still_on_the_way(session):
    opened(session)
    first = rows(session.ask("queue.next", have=[], n=9))
    answer = session.ask("queue.next", have=first[3:], n=9, passed=first[:3], place=9)
    assert set(first[:3]).isdisjoint(rows(answer))
    again = session.ask("queue.next", have=first[3:], n=9, place=9)  # the mutant: not told, it asks again
    assert not set(first[:3]).isdisjoint(rows(again))


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
    pass_over(session, second, 1)
    n = session.workspace.samples.n_rows
    everything = session.ask("queue.next", have=[], n=40, since=1)
    more = session.ask("queue.next", have=rows(everything), n=0)
    assert {first, second}.isdisjoint(rows(everything))
    assert more["left"] == n - 2 - 40
    pass_over(session, second, 2, back=True)
    assert session.ask("queue.next", have=rows(everything), n=0)["left"] == n - 1 - 40


def test_what_a_person_skipped_is_on_record_and_comes_back_when_nothing_else_is_left(session):
    opened(session)
    names = [str(name) for name in session.workspace.samples.sample]
    for number, row in enumerate([5, 3, 9, 3]):  # 3 a second time: it comes after 9
        pass_over(session, row, number)
    pass_over(session, 3, 3)  # sent again
    with pytest.raises(DataError, match="open row"):
        session.ask("queue.skip", client="skip-of-nothing", sample="gone#1")
    skips = journal_of(session.workspace).deliveries("skip")
    assert [(one.who, one.what["sample"]) for one in skips] == [("ann", names[row]) for row in (5, 3, 9, 3)]
    anew = opened(fake_session(session.workspace.study, who="ann"))  # another server, after a crash
    rest = [name for row, name in enumerate(names) if row not in (3, 5, 7, 9)]
    anew.ask("labels.give", client="all-but-four", samples=rest, label="a")
    told = anew.ask("queue.next", have=[], n=9)
    assert [(item["row"], item["again"]) for item in told["items"]] == [
        (7, False),
        (5, True),
        (9, True),
        (3, True),
    ]
    assert (told["left"], told["skipped"]) == (0, 3)
    anew.ask("queue.next", have=[], n=0)
    other = opened(fake_session(None, who="bob", workspace=anew.workspace))
    theirs = other.ask("queue.next", have=[], n=9)
    assert sorted(rows(theirs)) == [3, 5, 7, 9]  # bob skipped nothing
    assert not any(item["again"] for item in theirs["items"])


def test_every_mth_item_is_asked_of_two(session):
    other = fake_session(None, who="bob", workspace=session.workspace)
    opened(session)
    opened(other)
    session.ask("queue.ask_two", client="two-0001", every=2)
    assert other.pushed[-1] == {"push": "queue.asks_two", "every": 2, "who": "ann"}
    labelled = [4, 8, 15, 16]
    for row in labelled:
        give(session, row, "a", f"of-both-{row}")
    items = other.ask("queue.next", have=[], n=8)["items"]
    assert [item["both"] for item in items] == [False, True] * 4
    assert sorted(item["row"] for item in items if item["both"]) == labelled
    kept = [item["row"] for item in items]
    assert other.ask("queue.next", have=kept, n=0, twice=labelled)["gone"] == []
    give(other, 8, "b", "second-word")
    assert other.ask("queue.next", have=kept, n=0, twice=labelled)["gone"] == [8]
    anew = opened(fake_session(session.workspace.study))  # another server
    assert anew.ask("queue.open")["both"] == 2


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
        ("queue.ask_two", {"client": "two-0001", "every": 1}, "asked of two must be 0 or from 2"),
        ("queue.next", {"have": [], "n": 9}, "opened first"),
    ],
)
def test_what_cannot_be_is_refused(session, name, given, said):
    with pytest.raises(SettingError, match=said):
        session.ask(name, **given)
