"""Answers that come late, and focus that must not be lost: what a quick hand and a slow server do to each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.app.conftest import Served, enter, until

# holds back chosen requests, as a slow server would
HELD = """(() => { const send = WebSocket.prototype.send; window.held = {};
WebSocket.prototype.send = function (text) { const one = window.held[JSON.parse(text).do];
  if (one && (!one.of || text.includes(one.of))) setTimeout(() => send.call(this, text), one.ms); else send.call(this, text); }; })()"""
MAP = "import('/static/map/store.js').then(({ map }) => %s)"


def opened(context: Any, served: Served) -> Any:
    context.add_init_script(HELD)
    page = enter(context, served)
    page.evaluate("clew.set({ view: 'explore' })")
    until(lambda: page.evaluate(MAP % "map.strip !== null"), what="the map")
    return page


def test_nothing_selected_is_never_named_and_what_is_late_is_not_drawn(
    context: Any, serve: Callable[..., Served], blob_study: Path
) -> None:
    page = opened(context, serve(blob_study))
    page.evaluate(
        "clew.ask('select', { kind: 'rows', rows: [0, 1] }).then((a) => clew.set({ selection: { id: a.selection, n: a.n, how: 'group', bits: a.arrays[0] } }))"
    )
    until(lambda: page.evaluate("clew.state.selection.n === 2"), what="the selection")
    page.keyboard.press("n")
    page.locator(".beside .bar button", has_text="Clear").click()
    page.locator(".map .line input").fill("everything")
    page.locator(".map .line input").press("Enter")
    until(lambda: "Nothing is selected" in page.locator("#map-refusal").text_content(), what="the refusal")
    page.locator(".map .line input").press("Escape")

    page.keyboard.press("/")
    page.keyboard.type("area")
    status = page.evaluate("clew.state.status")
    page.keyboard.press("Control+z")  # undoes the typing, not a label
    assert page.evaluate("clew.state.status") == status
    page.keyboard.press("Escape")

    page.evaluate("clew.set({ run: 1 })")
    until(lambda: page.evaluate("clew.map.run === 1"), what="run 2")
    page.evaluate(
        "held['map.positions'] = { ms: 600, of: '\"run\":4' }; held['map.colours'] = { ms: 600 }; clew.set({ run: 4, colour: 'feature:area' })"
    )
    page.wait_for_timeout(50)
    page.evaluate("clew.set({ run: 1, colour: 'group' })")
    page.wait_for_timeout(1500)
    assert page.evaluate(MAP % "map.colours.by") == "group"
    assert page.evaluate(
        "Promise.all([clew.ask('map.positions', { run: 1, step: null }), import('/static/map/store.js')]).then(([a, { map }]) => a.arrays[0].every((x, i) => x === map.places[i]))"
    )


def test_focus_goes_round_the_columns_and_comes_back_from_dialogs(
    context: Any, serve: Callable[..., Served], blob_study: Path
) -> None:
    page = opened(context, serve(blob_study))
    seen = []
    for _ in range(5):
        page.keyboard.press("F6")
        seen.append(page.evaluate("document.activeElement.getAttribute('aria-label')"))
    assert seen[4] == seen[0] and len(set(seen[:4])) == 4
    page.keyboard.press(".")
    until(lambda: page.locator("[role=menuitem]:focus").count(), what="the menu")
    page.keyboard.press("Enter")
    page.locator(".verb-form .field").first.wait_for()
    page.keyboard.press("Escape")
    until(lambda: page.evaluate("document.activeElement.classList.contains('next')"), what="the focus")


def test_a_painter_that_was_left_says_nothing(
    context: Any, serve: Callable[..., Served], blob_study: Path
) -> None:
    page = opened(context, serve(blob_study))
    page.evaluate("clew.set({ view: 'paint' })")
    until(lambda: page.evaluate("Boolean(clew.painter?.pictures.length)"), what="the image")
    page.evaluate(
        "held['paint.show'] = { ms: 500 }; import('/static/paint/paint_room.js').then((room) => void room.show())"
    )
    page.wait_for_timeout(50)
    page.evaluate("clew.set({ view: 'report', status: '' })")
    page.wait_for_timeout(1200)
    assert "Cannot read" not in page.evaluate("clew.state.status")
