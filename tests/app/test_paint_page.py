"""The painter in a real browser: the brush paints, the forest answers, and nothing that was acknowledged is lost."""

from __future__ import annotations

import signal
import sqlite3

import numpy as np
import tifffile

from clew.steps import pixels
from clew.study.journal import Journal
from clew.study.study import Study
from tests.app.conftest import enter, shot, start_server, until
from tests.steps import worlds

PLACES = [(1, [[30, 30], [60, 80]]), (2, [[110, 200], [150, 150]])]


def to_painter(page):
    page.evaluate("() => window.clew.set({ view: 'paint' })")
    until(lambda: page.evaluate("() => Boolean(window.clew.painter && window.clew.painter.pictures.length)"))
    return page.locator(".paint-canvas canvas")


def drag(page, canvas, points):
    """Draw a stroke with the mouse along rows and columns of the image."""
    box = canvas.bounding_box()
    at = page.evaluate(
        "points => points.map(([row, column]) => { const p = window.clew.painter; return [(column - p.left) * p.scale, (row - p.top) * p.scale]; })",
        points,
    )
    page.mouse.move(box["x"] + at[0][0], box["y"] + at[0][1])
    page.mouse.down()
    for x, y in at[1:]:
        page.mouse.move(box["x"] + x, box["y"] + y, steps=5)
    page.mouse.up()


def answered(page):
    until(
        lambda: page.evaluate("() => window.clew.paint.full > 0 && window.clew.paint.saved > 0"),
        what="the forest to answer",
    )


def seen(page):
    return page.evaluate(
        "() => { const p = window.clew.painter; return { tiles: p.tiles.size, strokes: p.strokes.map(s => [s.class, s.erase, s.saved]), classes: [...p.counts().keys()].sort() }; }"
    )


def test_a_brush_paints_the_overlay_answers_and_the_strokes_survive_the_death_of_the_server(opened, serve):
    page, study = opened, opened.study
    canvas = to_painter(page)
    until(lambda: page.get_by_text("Nothing is painted yet").count() == 1, what="what to do first")
    for number, points in PLACES:
        page.keyboard.press(str(number))
        drag(page, canvas, points)
        until(lambda: page.evaluate("() => window.clew.paint.saved > 0"))
    answered(page)
    now = seen(page)
    assert now["tiles"] == 4 and now["classes"] == [1, 2] and [one[0] for one in now["strokes"]] == [1, 2]
    told = page.evaluate("() => window.clew.paint")
    assert told["drawn"] < told["saved"] < told["preview"] <= told["full"]
    assert "tiles at full resolution" in page.evaluate("() => window.clew.state.status")
    strokes = Journal(Study(study)).strokes()
    assert [(one.number, one.name, one.radius) for one in strokes] == [
        (1, "object", 3.0),
        (2, "background", 3.0),
    ]
    assert abs(strokes[0].points[0] - [30, 30]).max() < 1.5  # the mouse moves by whole pixels of the screen
    until(lambda: page.locator(".paint-bars li").count() == 6, what="what speaks for the class")
    shot(page, "paint")

    page.served.process.send_signal(signal.SIGKILL)
    page.served.process.wait(20)
    until(lambda: not page.evaluate("() => window.clew.state.connected"))
    drag(page, canvas, [[200, 60], [220, 90]])
    assert seen(page)["strokes"][-1] == [2, False, False]  # drawn, not saved
    assert page.evaluate("() => window.clew.state.unsent") == 1
    with sqlite3.connect(study / "study.sqlite") as db:
        assert db.execute("SELECT count(*) FROM strokes").fetchone() == (2,)
    again = start_server(study, port=page.served.port)
    try:
        page.goto(again.address)  # a new address, as a new server prints it
        page.wait_for_url(lambda url: "enter" not in url)
        until(
            lambda: page.evaluate(
                "() => Boolean(window.clew && window.clew.state.about && window.clew.state.unsent === 0)"
            )
        )
        until(lambda: len(Journal(Study(study)).strokes()) == 3)
        to_painter(page)
        until(
            lambda: len(seen(page)["strokes"]) == 3 and seen(page)["tiles"] == 4,
            what="strokes and overlay to come back",
        )
    finally:
        again.process.kill()


def test_keys_paint_erase_rename_and_undo_and_a_second_page_sees_it(opened, context):
    page, other = opened, enter_again(opened, context)
    canvas = to_painter(page)
    to_painter(other)
    canvas.focus()
    for key in ["Enter", *["Shift+ArrowRight"] * 3, "Enter"]:
        page.keyboard.press(key)
    until(lambda: seen(page)["strokes"] == [[1, False, True]], what="a stroke painted with keys")
    until(lambda: seen(other)["strokes"] == [[1, False, True]], what="the other page to see the stroke")
    page.keyboard.press("2")
    for key in ["Shift+ArrowDown", "Shift+ArrowDown", "]", "Enter", *["Shift+ArrowDown"] * 3, "Enter"]:
        page.keyboard.press(key)
    answered(page)
    page.keyboard.press("e")
    for key in ["Enter", "ArrowUp", "Enter"]:
        page.keyboard.press(key)
    until(lambda: len(seen(page)["strokes"]) == 3 and seen(page)["strokes"][2][1:] == [True, True])
    page.keyboard.press("u")
    until(lambda: len(seen(page)["strokes"]) == 2 and len(seen(other)["strokes"]) == 2)
    assert [one.radius for one in Journal(Study(page.study)).strokes()] == [3.0, 6.0]
    for key in ("v", "o"):
        page.keyboard.press(key)
    until(
        lambda: page.evaluate(
            "() => { const p = window.clew.painter; return p.beside && p.overlay === 'probability' && [...p.tiles.values()].every(t => t.shares.length === 2); }"
        )
    )
    page.get_by_text("rename", exact=True).click()
    page.locator(".paint-class input").fill("matrix")
    page.keyboard.press("Enter")
    until(lambda: Journal(Study(page.study)).painter_classes() == {1: "object", 2: "matrix"})
    until(lambda: other.locator(".paint-class .name").all_text_contents() == ["object", "matrix"])
    canvas.focus()
    page.keyboard.press("Control+s")
    until(lambda: page.locator(".paint-keep code").count() == 1, what="the model to be saved")
    assert (page.study / "models" / "pixels-1" / "config.json").exists()
    shot(page, "paint_keys")


def enter_again(page, context):
    """A second tab of the same person."""
    other = context.new_page()
    other.goto(page.url)
    until(lambda: other.evaluate("() => Boolean(window.clew && window.clew.state.about)"))
    return other


def test_a_stack_and_a_time_series_become_a_study_that_is_painted_slice_by_slice(serve, context, tmp_path):
    worlds.stack(tmp_path / "embryo.tif")
    worlds.time_series(tmp_path / "divisions.tif")
    page = enter(context, serve(None, cwd=tmp_path))
    page.keyboard.press("Control+o")
    page.get_by_role("button", name="Take the whole folder").click()
    make = page.get_by_role("button", name="Make the study")
    make.wait_for()
    assert page.get_by_role("radio", name="Paint only").is_checked()
    assert page.get_by_role("radio", name="Find objects").is_disabled()
    shot(page, "start_stacks")
    page.get_by_label("Called").fill("slices.study")
    make.click()
    page.locator(".paint-canvas canvas").wait_for()  # the study opens, and in the Paint view
    study = Study(tmp_path / "slices.study")

    models = {}
    for image, slider, places, size in (
        ("embryo.tif", "Depth", (0, 3), "4"),
        ("divisions.tif", "Time", (0, 2), "3"),
    ):
        page.get_by_role("button", name=image).click()
        for place in places:
            page.get_by_role("slider", name=slider).fill(str(place))
            page.get_by_text(f"{place + 1} of {size}").wait_for()
            before = len(Journal(study).strokes())
            until(
                lambda: page.evaluate(
                    "() => { const r = window.clew.painter; return r.pictures.length > 0 && r.strokes.length === 0; }"
                )
            )
            canvas = page.locator(".paint-canvas canvas")
            for number, points in ((1, [[34, 30], [34, 50]]), (2, [[80, 5], [88, 30]])):
                page.keyboard.press(str(number))
                drag(page, canvas, points)
                until(
                    lambda n=before + number: len(Journal(study).strokes()) == n, what="the stroke to be kept"
                )
            answered(page)
        page.get_by_role("button", name="Probability").click()
        until(
            lambda: page.evaluate(
                "() => { const p = window.clew.painter; return p.overlay === 'probability' && p.tiles.size === 1 && [...p.tiles.values()].every(t => t.shares.length === 2); }"
            ),
            what="the probabilities of the plane",
        )
        canvas.focus()
        shot(page, f"paint_{slider}")
        page.keyboard.press("Control+s")
        until(lambda: len(list((study.folder / "models").glob("*/config.json"))) == len(models) + 1)
        models[image] = study.folder / "models" / f"pixels-{len(models) + 1}"
    assert [one.plane for one in Journal(study).strokes()] == [(0, 0)] * 2 + [(0, 3)] * 2 + [(0, 0)] * 2 + [
        (2, 0)
    ] * 2
    page.get_by_role("button", name="Explore").click()
    assert "No rows: this study is for painting." in page.locator("main").inner_text()
    shot(page, "paint_no_rows")
    page.locator("main").get_by_role("button", name="Paint").click()
    page.locator(".paint-canvas canvas").wait_for()

    for image, model in models.items():
        pixels.predict(model, [tmp_path / image], out=tmp_path / f"{image}.out")
        written = tifffile.imread(next((tmp_path / f"{image}.out" / "classes").glob("*.tif")))
        kept = tifffile.imread(
            next((study.folder / "arrays" / model.name.replace("pixels", "painted")).glob("*.tif"))
        )
        assert written.shape == kept.shape and len(kept) in (3, 4)
        painted = kept > 0
        assert np.mean(written[painted] == kept[painted]) > 0.95
