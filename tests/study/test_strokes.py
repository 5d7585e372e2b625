"""Strokes: bound to content, drawn as given, taken back, and refused where they paint nothing."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import DataError, SettingError
from clew.study.journal import Journal
from tests.study.worlds import make

SHAPE = (1, 3, 40, 50)


def stroke(journal, client="stroke-01", **changed):
    given = {
        "image": "t.csv", "sha256": "content", "shape": SHAPE, "number": 1, "name": "soil", "radius": 3.5,
        "points": [[1.25, 2], [3, 4]], "plane": (0, 2), "who": "anna",
    }  # fmt: skip
    return journal.add_stroke(client, **(given | changed))


def test_a_stroke_comes_back_as_it_was_drawn_and_follows_the_content_of_its_image(tmp_path):
    study = make(tmp_path / "s.study")
    journal = Journal(study)
    content = study.sources()[0].sha256
    stroke(journal, sha256=content, image="once called otherwise")
    stroke(journal, "stroke-02", image="t.csv")  # the name is that of the source, the content is another
    (one,) = journal.strokes("t.csv")
    assert (one.client, one.who, one.plane, one.number, one.name, one.radius, one.erase) == (
        "stroke-01", "anna", (0, 2), 1, "soil", 3.5, False
    )  # fmt: skip
    np.testing.assert_array_equal(one.points, np.array([[1.25, 2], [3, 4]], np.float32))
    assert one.points.dtype == np.float32
    assert len(journal.strokes()) == 2
    with pytest.raises(DataError, match="source of the study"):
        journal.strokes("nobody.tif")


def test_strokes_are_taken_back_one_by_one_from_the_last(tmp_path):
    journal = Journal(make(tmp_path / "s.study"))
    stroke(journal)
    stroke(journal, "stroke-02", who="ben")
    stroke(journal, "stroke-03", sha256="other")
    taken = journal.undo_stroke("undo-0001", None, "anna", sha256="content")
    assert taken.answer["of"] == "stroke-01"
    assert [one.client for one in journal.strokes()] == ["stroke-02", "stroke-03"]
    journal.undo_stroke("undo-0002", "stroke-02", "anna")
    assert journal.undo_stroke("undo-0002", "stroke-02", "anna").again
    for of in (None, "stroke-02"):
        with pytest.raises(DataError, match="must stand"):
            journal.undo_stroke(f"undo-9{of}", of, "ben")
    assert [one.client for one in journal.strokes()] == ["stroke-03"]


def test_an_eraser_needs_no_class_and_a_class_keeps_its_number_when_renamed(tmp_path):
    journal = Journal(make(tmp_path / "s.study"))
    stroke(journal)
    stroke(journal, "stroke-02", number=0, name=None, erase=True)
    journal.name_painter_class("name-0001", 1, "grass")
    assert [(one.number, one.name, one.erase) for one in journal.strokes()] == [
        (1, "grass", False),
        (0, "", True),
    ]
    assert journal.painter_classes() == {1: "grass"}
    with pytest.raises(SettingError, match="name of its own"):
        journal.name_painter_class("name-0002", 2, "grass")
    assert journal.classes() == []  # the classes of rows are others


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"points": [[40, 10], [-1, 3]]}, DataError, "wholly outside"),
        ({"plane": (0, 3)}, DataError, "plane"),
        ({"points": [[1, 1]] * 20_001}, SettingError, "20000 points"),
        ({"points": []}, SettingError, "points"),
        ({"points": [[1, float("nan")]]}, SettingError, "finite"),
        ({"points": [[1, 10**400]]}, SettingError, "points"),
        ({"points": [[1, 2, 3]]}, SettingError, "points"),
        ({"points": ["a", "b"]}, SettingError, "points"),
        ({"radius": 501}, SettingError, "radius"),
        ({"radius": 0}, SettingError, "radius"),
        ({"number": 2, "name": None}, SettingError, "painter's"),
        ({"number": 256}, SettingError, "1 to 255"),
    ],
)
def test_what_paints_nothing_or_too_much_is_refused(tmp_path, changed, error, said):
    journal = Journal(make(tmp_path / "s.study"))
    with pytest.raises(error, match=said):
        stroke(journal, **changed)
    assert journal.strokes() == []
    assert journal.deliveries() == []
    stroke(journal, points=[[-3, -3], [0, 0]])  # part of it lies on the image
    assert len(journal.strokes()) == 1
