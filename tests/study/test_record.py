import numpy as np

from clew.study.record import (
    LabelEvent,
    add_labels,
    effective_labels,
    labels_by_person,
    standing_labels,
    versions,
    who,
)
from tests.study.worlds import make


def event(number, sample, label, how="person", undoes=None):
    return LabelEvent(number, "2026-01-01T00:00:00+00:00", "ak", how, sample, label, undoes, None)


def test_the_latest_label_of_a_person_stands():
    assert effective_labels([event(1, "a", "x"), event(2, "a", "y")]) == {"a": ("y", "person")}


def test_a_group_name_never_replaces_what_a_person_said():
    events = [
        event(1, "a", "x"),
        event(2, "a", "round", how="group"),
        event(3, "b", "round", how="group"),
        event(4, "b", "y"),
    ]
    assert effective_labels(events) == {"a": ("x", "person"), "b": ("y", "person")}


def test_an_undo_brings_back_what_stood_before():
    events = [event(1, "a", "x"), event(2, "a", "y"), event(3, "a", None, undoes=2)]
    assert effective_labels(events) == {"a": ("x", "person")}
    assert effective_labels([*events, event(4, "a", None, undoes=1)]) == {}


def test_labels_are_appended_and_never_overwritten(tmp_path):
    study = make(tmp_path / "s.study")
    for label in ("x", "y"):
        with study.store.writing() as db:
            add_labels(db, [("t.csv#1", label)], how="person", step=None)
    assert [(one.sample, one.label) for one in study.label_events()] == [("t.csv#1", "x"), ("t.csv#1", "y")]
    assert study.labels() == {"t.csv#1": ("y", "person")}
    assert study._labels(upto=1) == {"t.csv#1": ("x", "person")}


def test_versions_name_what_can_change_a_figure(monkeypatch):
    assert versions()["numpy"] == np.__version__
    monkeypatch.setenv("CLEW_USER", "Ada")
    assert who() == "Ada"


def test_naming_another_look_takes_the_names_of_the_earlier_one_away():
    def named(number, sample, label, step):
        return LabelEvent(number, "2026-01-01T00:00:00+00:00", "ak", "group", sample, label, None, step)

    events = [named(1, "a", "A", 4), named(2, "b", "B", 4), event(3, "c", "mine"), named(4, "a", "big", 6)]
    assert effective_labels(events) == {"a": ("big", "group"), "c": ("mine", "person")}


def test_the_database_finds_what_stands_as_one_by_one(tmp_path):
    rng = np.random.default_rng(0)
    store = make(tmp_path / "s.study").store
    with store.writing() as db:
        for _ in range(4):
            db.execute(
                "INSERT INTO steps (at, verb, function, sees, settings, inputs, versions, seconds, result, digest, headline, summary)"
                " VALUES ('', '', '', '', '', '', '', 0, '', '', '', '')"
            )
        for number in range(1, 120):
            how = ("group", "person")[rng.integers(2)]
            undoes = int(rng.integers(1, number)) if number > 5 and rng.random() < 0.3 else None
            values = (
                how,
                f"s{rng.integers(12)}",
                [None, "a", "b"][rng.integers(3)],
                undoes,
                int(rng.integers(1, 5)),
            )
            db.execute(
                "INSERT INTO labels (at, who, how, sample, label, undoes, step) VALUES ('', '', ?, ?, ?, ?, ?)",
                values,
            )
    with store.reading() as db:
        events = [LabelEvent(**dict(row)) for row in db.execute("SELECT * FROM labels ORDER BY id")]
        for upto in (0, 1, 7, 40, 80, None):
            slow = effective_labels([one for one in events if upto is None or one.id <= upto])
            assert standing_labels(db, upto=upto) == slow, upto
        some = ["s1", "s5", "nobody"]
        assert standing_labels(db, samples=some) == {name: slow[name] for name in some if name in slow}
        assert slow != effective_labels(
            [one for one in events if one.undoes is None]
        )  # the mutant: nothing taken back
    said = labels_by_person(
        [
            LabelEvent(1, "", "anna", "person", "s", "a", None, None),
            LabelEvent(2, "", "ben", "person", "s", "b", None, None),
        ]
    )
    assert said == {"anna": {"s": "a"}, "ben": {"s": "b"}}
