"""Picks in a real browser: judged by keyboard, moved by mouse, and on the disk before anybody is told so."""

from __future__ import annotations

import signal

import pytest

from clew.study.study import Study
from tests.app.conftest import enter, shot, start_server, until
from tests.app.picking_worlds import RATE, make_quakes, record_found


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = make_quakes(tmp_path_factory.mktemp("picked"))
    record_found(Study(path))
    return path


def to_picks(page):
    page.evaluate("() => window.clew.set({ view: 'picks' })")
    canvas = page.locator(".picks canvas")
    until(lambda: "of a model not judged" in canvas.get_attribute("aria-label"), what="the recording")
    until(lambda: page.get_by_text("0 of 9 picks judged").count() or page.get_by_text("picks judged").count())
    page.mouse.move(5, 5)
    return canvas


def cursor(canvas):
    return float(canvas.get_attribute("aria-label").partition("cursor is at ")[2].partition(" s.")[0])


def said(study):
    return [(one.phase, round(one.time, 3), one.kind) for one in study.picks()]


def test_picks_are_judged_put_and_moved_by_keyboard_and_mouse_and_survive_the_death_of_the_server(
    made, context, serve
):
    study, served = Study(made), serve(made)
    page = enter(context, served)
    page.keyboard.press("Escape")
    canvas = to_picks(page)

    def press(key, heard, what):
        page.keyboard.press(key)
        until(heard, what=what)

    # the least sure of all is asked first, and judging leads on to that of another station
    press("n", lambda: page.get_by_text("probability 0.31").count() > 0, "the least sure pick")
    assert cursor(canvas) == 40.0
    press("Delete", lambda: said(study) == [("P", 40.0, "rejected")], "the rejection on the disk")
    until(lambda: page.get_by_text("probability 0.36").count() > 0, what="the next one")
    for _ in range(3):
        page.keyboard.press("l")
    until(lambda: cursor(canvas) == 40.06, what="three samples on")
    press("Enter", lambda: ("P", 40.06, "put") in said(study), "the confirmed pick on the disk")
    (confirmed,) = [one for one in study.picks() if one.kind == "put"]
    assert (confirmed.asked, round(confirmed.probability, 2), confirmed.who) == (40.0, 0.36, "tester")
    until(lambda: page.get_by_text("2 of 9 picks judged").count() == 1, what="the count")

    # by hand: the cursor by mouse, an S there, moved by the mouse and by keys, taken back
    page.keyboard.press("Escape")
    page.keyboard.press("0")
    box = canvas.bounding_box()
    left, wide = box["x"] + 64, box["width"] - 64 - 12

    def x_of(time):
        return left + time / 60.0 * wide

    until(lambda: "60.0 s;" in canvas.get_attribute("aria-label"), what="the whole recording")
    page.mouse.click(x_of(10.0), box["y"] + 300)
    until(lambda: abs(cursor(canvas) - 10.0) < 0.1, what="the cursor")
    press("s", lambda: any(one[0] == "S" for one in said(study)), "the S on the disk")
    at = next(one[1] for one in said(study) if one[0] == "S")
    page.mouse.move(x_of(at), box["y"] + 300)
    page.mouse.down()
    page.mouse.move(x_of(12.0), box["y"] + 300, steps=4)
    page.mouse.up()
    until(lambda: any(one[0] == "S" and abs(one[1] - 12) < 0.1 for one in said(study)), what="the S by mouse")
    before = next(one[1] for one in said(study) if one[0] == "S")
    press("Shift+H", lambda: ("S", round(before - 10 / RATE, 3), "put") in said(study), "ten samples back")
    press("u", lambda: ("S", before, "put") in said(study), "the move taken back")
    shot(page, "picks-light")
    page.evaluate("() => window.clew.set({ theme: 'dark' })")
    shot(page, "picks-dark")

    # the same as a table, for those who do not see the traces
    rows = page.locator(".picks-table tbody tr")
    assert rows.filter(has_text="tester").count() >= 1 and rows.filter(has_text="model").count() >= 2
    rows.filter(has_text="model, 0.90").first.locator("button").click()
    until(lambda: abs(cursor(canvas) - 20.04) < 1e-6, what="the pick of the line")

    # a server that dies: what is said meanwhile goes out when it is back
    served.stop(signal.SIGKILL)
    until(lambda: not page.evaluate("() => window.clew.state.connected"), what="the loss of the connection")
    known = said(study)
    canvas.focus()
    page.keyboard.press("Enter")
    until(lambda: page.get_by_text("not saved").count() > 0, what="what is not saved to be said")
    assert said(study) == known
    again = start_server(made, port=served.port)
    try:
        page.goto(again.address)
        until(lambda: len(said(study)) == len(known) + 1, what="the pick that was kept")
        to_picks(page)
        assert ("P", 20.04, "put") in said(study)
    finally:
        again.stop(signal.SIGKILL)
