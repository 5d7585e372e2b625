"""Labels and strokes through the handlers of the page: pushed to everybody, kept in step with other processes, refused plainly."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from clew import steps
from clew.app.labelling import CANNOT_TELL, MOST_TOLD, journal_of, on_labels, on_strokes
from clew.errors import DataError, SettingError
from clew.study.study import Study
from tests.app.fakes import fake_session


@pytest.fixture
def two(blob_study):
    """Two people at one study."""
    anna = fake_session(blob_study, who="anna")
    return anna, fake_session(None, who="ben", workspace=anna.workspace)


def pushed(session, name):
    return [one for one in session.pushed if one.get("push") == name]


def all_labels(session):
    answer = session.ask("labels.all")
    numbers, how = answer["arrays"]
    names = ["", *answer["classes"]]
    return [None if n == CANNOT_TELL else names[n] for n in numbers], how.tolist()


def test_groups_come_first_in_their_order_and_a_new_label_reaches_everybody(two):
    anna, ben = two
    samples = anna.workspace.samples.sample.tolist()
    answer = anna.ask("labels.all")
    assert answer["classes"] == ["round", "elongated"]
    assert [one.dtype.name for one in answer["arrays"]] == ["uint16", "uint8"]
    heard = []
    on_labels(anna.workspace, heard.append)
    assert anna.ask("labels.give", client="give-0001", samples=samples[:2], label="odd")["n"] == 2
    (push,) = pushed(ben, "labelled")
    assert (push["rows"], push["numbers"], push["how"], push["who"]) == ([0, 1], [3, 3], [1, 1], "anna")
    assert push["classes"] == ["round", "elongated", "odd"]
    assert heard == [samples[:2]]
    anna.ask("labels.give", client="give-0001", samples=samples[:2], label="odd")  # sent again
    assert len(pushed(ben, "labelled")) == 1
    ben.ask("labels.give", client="give-0002", samples=samples[:1], label=None)
    now, how = all_labels(anna)
    assert (now[:2], how[:3]) == ([None, "odd"], [1, 1, 2])
    ben.ask("labels.undo", client="undo-0001")
    assert all_labels(ben)[0][0] == "odd"
    assert pushed(anna, "labelled")[-1]["numbers"] == [3]


def test_a_selection_of_any_size_is_one_act(two, monkeypatch):
    anna, ben = two
    chosen = anna.ask("select", kind="rule", rule="area > 0")
    anna.ask("labels.all")
    answer = anna.ask("labels.give_selection", client="give-0001", selection=chosen["selection"], label="all")
    assert answer["n"] == len(anna.workspace.samples.sample)
    assert set(all_labels(ben)[0]) == {"all"}
    anna.ask("labels.undo", client="undo-0001", of="give-0001")
    assert set(all_labels(ben)[0]) == {"round", "elongated"}
    monkeypatch.setattr("clew.app.labelling.MOST_TOLD", 3)
    anna.ask("labels.give_selection", client="give-0002", selection=chosen["selection"], label="all")
    assert pushed(ben, "labelled")[-1]["all"] is True
    assert "rows" not in pushed(ben, "labelled")[-1]
    assert MOST_TOLD > 3
    with pytest.raises(
        SettingError, match="selection must be made"
    ):  # 0 means all rows elsewhere, never here
        anna.ask("labels.give_selection", client="give-0003", selection=0, label="all")


def test_labels_of_the_command_line_are_seen_as_soon_as_anybody_asks(two, blob_study, tmp_path):
    anna, ben = two
    samples = anna.workspace.samples.sample.tolist()
    all_labels(anna)
    (tmp_path / "l.csv").write_text(f"sample,label\n{samples[3]},elsewhere\n")
    steps.label(Study(blob_study), tmp_path / "l.csv")
    assert all_labels(anna)[0][3] == "elsewhere"
    steps.label(Study(blob_study), undo=True)
    anna.ask("labels.give", client="give-0001", samples=samples[:1], label="odd")
    assert pushed(ben, "labelled")[-1]["all"] is True  # somebody else wrote in between: ask for all
    assert all_labels(anna)[0][:4:3] == ["odd", all_labels(ben)[0][3]]
    assert all_labels(ben)[0][3] != "elsewhere"


def test_the_command_line_takes_back_what_was_given_on_the_page_and_logs_it(two, blob_study):
    anna, _ = two
    samples = anna.workspace.samples.sample.tolist()
    anna.ask("labels.give", client="give-0001", samples=samples[:2], label="odd")
    told = steps.label(Study(blob_study), undo=True)
    assert told.lines[0].startswith("2 labels that anna gave on the page")
    assert all_labels(anna)[0][0] != "odd"
    lines = steps.log(Study(blob_study)).lines
    assert any(line.startswith("On the page anna labelled once") for line in lines)


def test_what_does_not_fit_is_refused(two):
    anna, _ = two
    sample = anna.workspace.samples.sample[0]
    sealed = (set(anna.workspace.study.sample_names()) - set(anna.workspace.samples.sample.tolist())).pop()
    with pytest.raises(DataError, match="sealed"):
        anna.ask("labels.give", client="give-0001", samples=[sealed], label="x")
    with pytest.raises(SettingError, match="at most 20000"):
        anna.ask("labels.give", client="give-0001", samples=[sample] * 20_001, label="x")
    for extra in ({"act": "undo"}, {"long": "x" * 300}, {"list": [1]}):
        with pytest.raises(SettingError, match="short values"):
            anna.ask("labels.give", client="give-0001", samples=[sample], label="x", extra=extra)
    anna.ask("labels.give", client="give-0001", samples=[sample], label="x", extra={"arm": "control"})
    (one,) = journal_of(anna.workspace).deliveries("give")
    assert one.what == {"act": "give", "arm": "control"}


def test_strokes_are_told_to_everybody_and_come_back_with_their_points(two):
    anna, ben = two
    image = anna.workspace.study.sources()[0].name
    heard = []
    on_strokes(anna.workspace, heard.append)
    stroke = {
        "image": image,
        "class": 2,
        "name": "soil",
        "radius": 4,
        "points": [[1, 2], [3, 4.5]],
        "sequence": 7,
    }
    assert anna.ask("strokes.add", client="stroke-01", stroke=stroke)["sequence"] == 7
    push = pushed(ben, "stroked")[-1]
    assert (push["image"], push["who"], push["classes"], push["act"]) == (
        image,
        "anna",
        {"2": "soil"},
        "stroke",
    )
    anna.ask(
        "strokes.add",
        client="stroke-02",
        stroke={"image": image, "radius": 9, "points": [[5, 5]], "erase": True},
    )
    back = ben.ask("strokes.all", image=image)
    assert [(one["client"], one["class"], one["erase"], one["n"]) for one in back["strokes"]] == [
        ("stroke-01", 2, False, 2), ("stroke-02", 0, True, 1)
    ]  # fmt: skip
    np.testing.assert_array_equal(
        back["arrays"][0].reshape(-1, 2), np.array([[1, 2], [3, 4.5], [5, 5]], np.float32)
    )
    anna.ask("strokes.name", client="name-0001", number=2, name="grass")
    assert ben.ask("strokes.all")["strokes"][0]["name"] == "grass"
    anna.ask("strokes.undo", client="undo-0001", image=image)
    assert [one["client"] for one in ben.ask("strokes.all", image=image)["strokes"]] == ["stroke-01"]
    assert heard == [image, image, "", image]


@pytest.mark.parametrize(
    "change",
    [
        {"image": 3}, {"class": "1"}, {"class": True}, {"radius": "wide"}, {"points": "none"}, {"plane": [0]},
        {"plane": [0.5, 0]}, {"sequence": "x"}, {"points": [[-9, -9]]}, {"image": "gone.tif"}, {"name": 5},
    ],
)  # fmt: skip
def test_a_stroke_that_is_none_is_refused(two, change):
    anna, _ = two
    stroke = {
        "image": anna.workspace.study.sources()[0].name,
        "class": 1,
        "name": "x",
        "radius": 3,
        "points": [[1, 2]],
    }
    with pytest.raises((SettingError, DataError)):
        anna.ask("strokes.add", client="stroke-01", stroke=stroke | change)
    anna.ask("strokes.add", client="stroke-01", stroke=stroke)


def test_two_people_are_compared_on_what_both_have_labelled(two):
    anna, ben = two
    assert "Two people" in anna.ask("labels.agreement")["note"]
    samples = anna.workspace.samples.sample.tolist()
    anna.ask("labels.give", client="give-0001", samples=samples[:6], label="a")
    assert "So far it is anna" in anna.ask("labels.agreement")["note"]
    ben.ask("labels.give", client="give-0002", samples=samples[10:12], label="b")
    assert "no row in common" in anna.ask("labels.agreement")["note"]
    ben.ask("labels.give", client="give-0003", samples=samples[1:4], label="a")
    ben.ask("labels.give", client="give-0004", samples=samples[4:6], label="b")
    told = anna.ask("labels.agreement")
    assert told["people"] == {"ben": 7, "anna": 6}
    assert told["agreement"]["n"] == 5
    assert [one["sample"] for one in told["agreement"]["disagreements"]] == samples[4:6]
    assert told["agreement"]["names"] == ["ben", "anna"]


def test_many_threads_share_one_journal(two):
    anna, _ = two
    samples = anna.workspace.samples.sample.tolist()
    found = []
    threads = [threading.Thread(target=lambda: found.append(journal_of(anna.workspace))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1
    threads = [
        threading.Thread(target=found[0].give, args=(f"thread-{i:02}", [(samples[i], "t")]))
        for i in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found[0].deliveries("give")) == 16
