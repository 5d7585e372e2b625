"""What was handed out stays known, so that control labels are known for what they are."""

from clew.study.handed import add_handed, control_samples, hand_out, handed_out, label_history
from clew.study.record import add_labels
from tests.study.worlds import make


def test_an_older_study_has_handed_out_nothing_and_the_table_comes_when_it_is_needed(tmp_path):
    study = make(tmp_path / "s.study")
    assert handed_out(study) == []
    assert control_samples(study) == set()
    hand_out(study, [("t.csv#1", False), ("t.csv#2", True)], strategy="hybrid", who="mk")
    with study.store.writing() as db:
        add_handed(db, [("t.csv#3", True)], strategy="random")
    assert [(one.sample, one.strategy, one.control) for one in handed_out(study)] == [
        ("t.csv#1", "hybrid", False),
        ("t.csv#2", "hybrid", True),
        ("t.csv#3", "random", True),
    ]
    assert handed_out(study)[0].who == "mk"
    assert control_samples(study) == {"t.csv#2", "t.csv#3"}


def test_a_row_drawn_at_random_stays_control_when_a_strategy_takes_it_too(tmp_path):
    study = make(tmp_path / "s.study")
    hand_out(study, [("t.csv#1", True)], strategy="hybrid")
    hand_out(study, [("t.csv#1", False)], strategy="hybrid")
    assert control_samples(study) == {"t.csv#1"}


def test_history_is_what_people_said_in_the_order_of_their_first_word(tmp_path):
    study = make(tmp_path / "s.study")

    def say(*pairs, how="person"):
        with study.store.writing() as db:
            add_labels(db, pairs, how=how, step=None)

    say(("t.csv#4", "a"), ("t.csv#2", "b"))
    say(("t.csv#3", "c"), how="group")
    say(("t.csv#1", None), ("t.csv#4", "b"), ("t.csv#11", "a"))  # cannot tell; changed her mind; sealed
    with study.store.writing() as db:
        db.execute(
            "INSERT INTO labels (at, who, how, sample, undoes) VALUES ('', 'me', 'person', 't.csv#2', 2)"
        )
    found = label_history(study)
    assert found.labels == [("t.csv#4", "b"), ("t.csv#1", "")]
    assert found.upto == 7
