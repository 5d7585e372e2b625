"""The Label view in a real browser, by keys alone."""

from __future__ import annotations

import json
import signal
import sqlite3

from clew.study.study import Study
from tests.app.conftest import enter, shot, until

SHOWN = """() => { const card = document.querySelector('.label-view .card[data-shown=yes]');
  return card && card.querySelectorAll('svg, canvas, img').length > 0; }"""


GIVE = """async (samples) => { const { give } = await import('/static/core/outbox.js'); await give(samples, 'round'); }"""
REFUSE_ONCE = """() => { const send = WebSocket.prototype.send; let times = 0;
  WebSocket.prototype.send = function (text) {
    return send.call(this, text.includes('queue.next') && !times++ ? text.replace('"have":[]', '"have":[-1]') : text); }; }"""


def labels_of(study):
    """What stands in SQLite, of people: {sample: label or None}."""
    with sqlite3.connect(study / "study.sqlite") as db:
        events = db.execute("SELECT id, how, sample, label, undoes FROM labels ORDER BY id").fetchall()
    undone = {undoes for *_, undoes in events if undoes}
    return {
        sample: label
        for number, how, sample, label, undoes in events
        if how == "person" and undoes is None and number not in undone
    }


def shown(page):
    return page.evaluate("() => window.clew.queue.items[0]?.sample ?? null")


def go(page, key, view):
    """Go to a view by its two keys; again where a busy machine took longer than the page waits for the second."""

    def there():
        page.keyboard.press("Escape")
        page.keyboard.press("g")
        page.keyboard.press(key)
        return page.evaluate("() => window.clew.state.view") == view

    until(there, what=f"the view {view}")


def all_saved(page):
    return page.evaluate("() => window.clew.state.unsent") == 0


def test_a_queue_is_labelled_by_keys_alone_and_the_study_holds_what_was_pressed(opened):
    page, pressed = opened, {}
    go(page, "l", "label")
    until(lambda: len(page.evaluate("() => window.clew.queue?.items ?? []")) >= 7, what="items ahead")
    until(lambda: page.evaluate(SHOWN), what="the first item")
    control = {}
    for number in range(12):
        sample = shown(page)
        control[sample] = page.evaluate("() => window.clew.queue.items[0].control")
        page.keyboard.press("12"[number % 2])
        pressed[sample] = ("round", "elongated")[number % 2]
        assert shown(page) != sample  # at once, without asking
    assert len(pressed) == 12

    skipped = shown(page)
    page.keyboard.press("s")
    unsure = shown(page)
    page.keyboard.press("0")
    pressed[unsure] = None
    taken_back = shown(page)
    page.keyboard.press("1")
    assert shown(page) != taken_back
    page.keyboard.press("u")
    assert shown(page) == taken_back
    page.keyboard.press("2")
    pressed[taken_back] = "elongated"
    page.keyboard.press("n")
    page.keyboard.type("odd 1")  # a digit in a name labels nothing
    page.keyboard.press("Enter")
    until(lambda: "odd 1" in page.inner_text(".label-view .classes"), what="the new class")
    third = shown(page)
    page.keyboard.press("3")
    pressed[third] = "odd 1"
    until(lambda: all_saved(page) and labels_of(page.study) == pressed, what="the labels to be in the study")
    assert skipped not in labels_of(page.study)

    until(lambda: page.evaluate("() => window.clew.label")["shown"] == 17, what="each item to be painted")
    until(lambda: "forest after" in page.inner_text(".label-view .asked"), what="the refit")
    with sqlite3.connect(page.study / "study.sqlite") as db:
        handed = dict(db.execute("SELECT sample, max(control) FROM handed GROUP BY sample"))
    assert set(pressed) <= set(handed)
    assert list(control.values()) == [number % 3 == 2 for number in range(12)]
    assert all(handed[sample] for sample, drawn in control.items() if drawn)
    shot(page, "label-light")

    before = shown(page)
    page.keyboard.press("ArrowRight")
    until(lambda: page.locator(".label-view .bar.away").count(), what="the neighbour")
    assert shown(page) == before
    page.keyboard.press("Escape")
    told = sum(label is not None for label in pressed.values())
    assert page.inner_text("header nav [aria-current]").split() == ["Label", str(told)]
    page.select_option(".label-view .two-asked", "5")
    until(lambda: "every 5th item" in page.inner_text(".label-view .worth"), what="the study to have it")
    page.reload()
    until(lambda: page.evaluate("() => Boolean(window.clew?.state.about)"), what="the page to come back")
    assert labels_of(page.study) == pressed
    page.evaluate("() => window.clew.set({view: 'label'})")
    until(lambda: shown(page), what="items after the reload")
    assert page.input_value(".label-view .two-asked") == "5"
    assert page.evaluate("() => window.clew.queue.skipped") == 1
    assert skipped not in page.evaluate("() => window.clew.queue.items.map((one) => one.sample)")
    rest = [name for name in Study(page.study).samples().sample if name not in {*pressed, skipped}]
    page.evaluate(GIVE, rest)
    until(lambda: page.evaluate("() => window.clew.queue.items.at(-1)?.again"), what="what was skipped")
    while shown(page) != skipped:
        page.keyboard.press("1")
    assert "nothing else is left" in page.inner_text(".label-view .bar")
    page.keyboard.press("2")
    until(lambda: labels_of(page.study).get(skipped) == "elongated", what="what was skipped to be labelled")
    until(lambda: "Nothing is left" in page.inner_text(".label-view .stage"), what="the end")


def test_the_current_item_stays_while_others_label_and_items_are_there_without_a_connection(
    opened, context, browser
):
    page = opened
    page.evaluate("() => window.clew.set({view: 'label'})")
    until(lambda: len(page.evaluate("() => window.clew.queue?.items ?? []")) >= 7, what="items ahead")
    first = shown(page)
    items = page.evaluate("() => window.clew.queue.items.map((one) => one.sample)")
    invited = page.evaluate("() => window.clew.ask('invite', { name: 'second' })")["address"]
    second = browser.new_context(viewport={"width": 1280, "height": 800})
    try:
        page.served.address = invited
        other = enter(second, page.served)
        other.evaluate("() => window.clew.ask('who.set', {name: 'bob'})")
        for i, sample in enumerate(items[:5]):
            request = {"client": f"from-bob-{i}", "samples": [sample], "label": "round"}
            other.evaluate(f"() => window.clew.ask('labels.give', {json.dumps(request)})")
        until(
            lambda: (
                not set(page.evaluate("() => window.clew.queue.items.slice(1).map((one) => one.sample)"))
                & set(items[1:5])
            ),
            what="rows labelled elsewhere to leave",
        )
        assert shown(page) == first
        other.evaluate("() => window.clew.set({view: 'label'})")
        until(lambda: len(other.evaluate("() => window.clew.queue?.items ?? []")) >= 7, what="bob's items")
        mine, theirs = (
            set(one.evaluate("() => window.clew.queue.items.map((item) => item.sample)"))
            for one in (page, other)
        )
        assert not mine & theirs
        shot(other, "label-1280")
    finally:
        second.close()

    context.set_offline(True)
    page.served.stop()
    until(lambda: not page.evaluate("() => window.clew.state.connected"), what="the connection to break")
    passed = []
    for _ in range(5):
        passed.append(shown(page))
        page.keyboard.press("1")
    assert None not in passed and len(set(passed)) == 5
    assert page.evaluate("() => window.clew.state.unsent") == 5


def test_what_hinders_the_first_items_is_said_and_they_come_when_it_is_gone(opened, serve, context):
    """A refusal at the first request; no server when the view is opened."""
    page = opened
    page.evaluate(REFUSE_ONCE)
    page.evaluate("() => window.clew.set({view: 'label'})")
    until(lambda: "No items could be fetched" in page.inner_text(".label-view .stage"), what="the refusal")
    assert "from 0 to 79. Got -1" in page.inner_text(".label-view .stage")
    page.click(".label-view .stage button")
    until(lambda: shown(page), what="the first item")

    page.evaluate(
        "() => window.clew.set({view: 'explore'})"
    )  # where it comes back: nothing is fetched before the server is gone
    page.reload()
    until(lambda: page.evaluate("() => Boolean(window.clew?.state.about)"), what="the page to come back")
    assert page.evaluate("() => window.clew.state.view") == "explore"
    page.served.stop(signal.SIGKILL)
    until(lambda: not page.evaluate("() => window.clew.state.connected"), what="the connection to break")
    page.evaluate("() => window.clew.set({view: 'label'})")
    until(lambda: "No connection" in page.inner_text(".label-view .stage"), what="the reason")
    enter(context, serve(page.study, port=page.served.port))  # lets the old page in as well
    until(lambda: shown(page), what="the first item of the server that came back")
