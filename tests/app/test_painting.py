"""The painter's room without a browser: what is asked, answered and pushed."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import DataError
from tests.app.fakes import fake_session

VIEW = [0, 0, 512, 512]


def draw(session, image, value, points, client, **more):
    data = {"image": image, "class": value, "radius": 4, "points": points, "plane": [0, 0], **more}
    if not more.get("erase"):
        data.setdefault("name", {1: "blob", 2: "ground"}[value])
    session.ask("strokes.add", client=client, stroke=data)


@pytest.fixture
def session(blob_study):
    return fake_session(blob_study)


@pytest.fixture
def image(session):
    return session.ask("paint.images")["images"][0]["name"]


@pytest.fixture
def painted(session, image):
    draw(session, image, 1, [[10, 10], [40, 60]], "stroke-01")
    draw(session, image, 2, [[110, 110], [140, 60]], "stroke-02")
    return session


def pushes(session, name):
    return [one for one in session.pushed if one.get("push") == name]


def test_an_image_opens_with_its_axes_and_a_contrast_that_shows_something(session, image):
    told = session.ask("paint.open", image=image)
    height, width = told["shape"][3:]
    (contrast,) = told["contrast"]
    assert (
        told["channels"] == ["gray"]
        and contrast["least"] <= contrast["low"] < contrast["high"] <= contrast["most"]
    )
    pixels = session.ask("paint.view", image=image, height=height, width=width)
    whole = session.ask("paint.view", image=image, top=100, left=50, height=20, width=30)
    assert pixels["size"] == [height, width] and pixels["step"] == 1
    np.testing.assert_array_equal(
        whole["arrays"][0].reshape(20, 30), pixels["arrays"][0].reshape(height, width)[100:120, 50:80]
    )


def test_a_large_window_comes_in_bands_and_with_every_so_many_pixels(session, image, monkeypatch):
    from clew.app import painting

    pixels = session.ask("paint.view", image=image, height=512, width=512)["arrays"][0].reshape(512, 512)
    monkeypatch.setattr(painting, "MOST_SIDE", 100)
    monkeypatch.setattr(painting, "BAND", 7)
    told = session.ask("paint.view", image=image, top=5, left=3, height=507, width=509)
    assert told["step"] == 6 and told["size"] == [85, 85]
    np.testing.assert_array_equal(told["arrays"][0].reshape(85, 85), pixels[5::6, 3::6])


def test_what_no_study_names_is_not_opened(session):
    for name in ("../../etc/passwd", "other.tif", ""):
        with pytest.raises(DataError, match="must be one of the study"):
            session.ask("paint.open", image=name)
    with pytest.raises(DataError, match="must be one that it has"):
        session.ask(
            "paint.view", image=session.ask("paint.images")["images"][0]["name"], z=7, height=9, width=9
        )


def test_without_two_classes_the_answer_says_what_is_missing(session, image):
    told = session.ask("paint.show", image=image, view=VIEW)
    assert (
        not told["ready"]
        and "Paint at least two classes" in told["why"]
        and not pushes(session, "paint.tile")
    )
    assert session.ask("paint.accuracy")["why"] and session.ask(
        "paint.reasons", image=image, view=VIEW, of=1
    ) == {"features": []}
    with pytest.raises(DataError, match="Paint two classes first"):
        session.ask("paint.spot", image=image)


def test_strokes_are_answered_by_a_preview_and_then_by_tiles_that_agree_with_it(painted, image):
    told = painted.ask("paint.show", image=image, view=VIEW, shares=True)
    assert told["ready"] and told["exact"] and told["done"] == told["tiles"] == 4
    assert told["strokes"] == {1: 1, 2: 1} and told["pixels"][1] > 200
    (preview,) = pushes(painted, "paint.preview")
    tiles = pushes(painted, "paint.tile")
    assert {(one["top"], one["left"]) for one in tiles} == {(y, x) for y in (0, 256) for x in (0, 256)}
    assert {one["generation"] for one in [preview, *tiles]} == {told["generation"]}
    for one in [preview, *tiles]:
        classes, *shares = (array.astype(int) for array in one["arrays"])
        assert len(shares) == 2 and set(np.unique(classes)) <= {1, 2} and abs(sum(shares) - 255).max() <= 1
        sure = np.max(shares, axis=0) > 140
        likeliest = np.array(one["classes"])[np.argmax(shares, axis=0)]
        np.testing.assert_array_equal(classes[sure], likeliest[sure])


def test_only_what_has_not_been_sent_is_sent_again(painted, image):
    painted.ask("paint.show", image=image, view=[0, 0, 200, 200])
    painted.pushed.clear()
    painted.ask("paint.show", image=image, view=[0, 0, 200, 500])
    assert [(one["top"], one["left"]) for one in pushes(painted, "paint.tile")] == [(0, 256)]
    assert not pushes(painted, "paint.preview")
    draw(painted, image, 1, [[300, 300]], "stroke-03")
    painted.pushed.clear()
    painted.ask("paint.show", image=image, view=[0, 0, 200, 500])
    assert len(pushes(painted, "paint.tile")) == 2 and len(pushes(painted, "paint.preview")) == 1


def test_a_newer_stroke_ends_the_tiles_of_an_older_one(painted, image):
    from clew.app.handling import handler_of
    from clew.app.session import Ticket

    painted.lanes["paint"] = 2  # a newer request of the lane has come
    handler_of("paint.show").run(painted, image=image, view=VIEW, ticket=Ticket(painted, "paint", 1))
    assert not pushes(painted, "paint.tile")
    handler_of("paint.show").run(painted, image=image, view=VIEW, ticket=Ticket(painted, "paint", 2))
    assert len(pushes(painted, "paint.tile")) == 4


def test_a_stroke_taken_back_is_gone_from_what_the_forest_learns(painted, image):
    before = painted.ask("paint.show", image=image, view=VIEW)
    draw(painted, image, 1, [[300, 300], [320, 320]], "stroke-03")
    assert painted.ask("paint.show", image=image, view=VIEW)["pixels"][1] > before["pixels"][1]
    painted.ask("strokes.undo", client="undoing-1", of="stroke-03")
    after = painted.ask("paint.show", image=image, view=VIEW)
    assert after["pixels"] == before["pixels"] and after["generation"] == before["generation"] + 2


def test_views_far_beside_the_image_are_answered_too(painted, image):
    for view in ([-900, -900, -800, -800], [9e9, 9e9, 1e10, 1e10]):
        assert painted.ask("paint.show", image=image, view=view)["ready"]


def test_what_speaks_for_a_class_comes_with_a_map_as_large_as_what_is_seen(painted, image):
    painted.ask("paint.show", image=image, view=VIEW)
    told = painted.ask("paint.reasons", image=image, view=VIEW, of=1)
    values = [one["shap"] for one in told["features"]]
    assert values == sorted(values, reverse=True) and told["feature"] == told["features"][0]["name"]
    assert told["arrays"][0].size == 128 * 128 and abs(told["arrays"][0]).max() == pytest.approx(told["most"])
    assert abs(told["arrays"][0]).mean() == pytest.approx(values[0], rel=1e-5)
    other = painted.ask("paint.reasons", image=image, view=VIEW, of=1, feature=told["features"][1]["name"])
    assert abs(other["arrays"][0]).mean() == pytest.approx(values[1], rel=1e-5)
    with pytest.raises(DataError, match="must be one that was painted"):
        painted.ask("paint.reasons", image=image, view=VIEW, of=7)


def test_accuracy_is_honest_or_says_why_it_cannot_be(painted, image):
    painted.ask("paint.show", image=image, view=VIEW)
    assert "must lie more than" in painted.ask("paint.accuracy")["why"]
    for i, (value, row, column) in enumerate(
        [(1, 300, 300), (2, 310, 90), (1, 400, 100), (2, 60, 400), (1, 60, 300), (2, 420, 420)]
    ):
        draw(painted, image, value, [[row, column], [row + 20, column + 30]], f"stroke-1{i}")
    generation = painted.ask("paint.show", image=image, view=VIEW)["generation"]
    told = painted.ask("paint.accuracy")
    assert (
        told["by"] in ("stroke", "region")
        and 0 <= told["honest"]["low"] <= told["honest"]["value"] <= told["honest"]["high"] <= 1
    )
    assert 0 <= told["naive"]["value"] <= 1 and told["generation"] == generation


def test_the_most_uncertain_spot_lies_on_the_image(painted, image):
    painted.ask("paint.show", image=image, view=VIEW)
    spot = painted.ask("paint.spot", image=image)
    assert 0 <= spot["row"] < 512 and 0 <= spot["column"] < 512 and 0 < spot["uncertainty"] <= 1


def test_a_small_picture_of_an_image_is_small(session, image):
    told = session.ask("paint.thumb", image=image)
    assert max(told["size"]) <= 64 and told["arrays"][0].max() > 200
