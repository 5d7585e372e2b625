"""The frame of the page in a real browser: thread, seal, forms, jobs, keys, notices."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from clew.study.study import Study
from tests.app.conftest import shot, until

STATE = "() => { const { about, ...rest } = window.clew.state; return { ...rest, selection: null, looks: about ? about.study.looks.length : 0 }; }"


def state(page):
    return page.evaluate(STATE)


def titles(page):
    return page.locator(".rail .step .title").all_inner_texts()


def palette(page):
    return page.get_by_role("combobox", name="Go to or run")


def said(page):
    return page.locator(".status [role=status]").inner_text()


def run_form(page, verb, **fields):
    """Open a form by the palette, as a person who knows the verb's name; fill it, and run it."""
    page.keyboard.press("Control+k")
    palette(page).fill(f"run {verb}")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    until(lambda: dialog.locator(".field").count(), what="the form")
    more = dialog.get_by_role("button", name=re.compile("more settings"))
    if more.count():
        more.click()
    for name, value in fields.items():
        dialog.get_by_label(name.replace("_", " "), exact=True).fill(value)
    return dialog


def workers_of(server):
    """The processes that a server has started and that live."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "stat").read_text()
        except OSError:
            continue
        kind, parent = text.rpartition(")")[2].split()[:2]
        if int(parent) == server and kind != "Z":
            found.append(int(folder.name))
    return found


def test_the_form_of_train_shows_what_the_chosen_model_has(opened):
    page = opened
    dialog = run_form(page, "train")
    assert (
        dialog.get_by_label("trees", exact=True).count()
        and not dialog.get_by_label("epochs", exact=True).count()
    )
    dialog.get_by_label("trees", exact=True).fill("7")
    dialog.get_by_label("model", exact=True).select_option("cnn")
    assert (
        dialog.get_by_label("epochs", exact=True).count()
        and not dialog.get_by_label("trees", exact=True).count()
    )
    dialog.get_by_label("epochs", exact=True).fill("9")
    assert (
        dialog.locator(".command").inner_text() == "clew train blobs.study --model cnn --epochs 9"
    )  # no trees
    shot(page, "form of a net")


def test_a_step_is_run_from_its_form_and_hangs_on_the_thread(opened):
    page = opened
    until(lambda: len(titles(page)) == 5, what="the thread")
    assert titles(page)[-2:] == ["explore", "name"]
    assert page.locator(".rail [aria-current=step]").inner_text().startswith("explore")
    assert "Sealed, never opened" in page.locator(".seal-box").inner_text()
    assert "All saved" in page.locator(".top .save").inner_text()

    page.keyboard.press(".")  # the loose end, by keyboard alone
    until(lambda: page.evaluate("() => document.activeElement.getAttribute('role')") == "menuitem")
    assert page.get_by_role("menuitem").first.inner_text().startswith("train")
    page.keyboard.press("Escape")
    assert page.get_by_role("menuitem").count() == 0

    dialog = run_form(page, "explore", k="300", runs="4", references="99")
    command = dialog.locator(".command")
    assert command.inner_text() == "clew explore blobs.study --k 300 --runs 4 --references 99"
    assert "last time" in dialog.locator(".foot").inner_text()
    shot(page, "form")
    page.keyboard.press("Enter")
    until(lambda: page.locator(".rail .failure").count(), what="the refusal on the thread")
    assert "Got 300" in page.locator(".rail .failure").inner_text()
    assert said(page).startswith("explore was refused.")
    page.get_by_role("button", name="Put away").click()
    until(lambda: not page.locator(".rail .failure").count())

    run_form(page, "explore", k="3", runs="4", references="99")
    page.keyboard.press("Enter")
    until(lambda: state(page)["looks"] == 2, what="the second look")
    until(lambda: len(titles(page)) == 6)
    until(
        lambda: (
            page.locator(".rail [aria-current=step]").inner_text().startswith("explore\n")
            and "k 3" in page.locator(".rail [aria-current=step]").inner_text()
        )
    )
    steps = Study(page.study).steps()
    assert (steps[-1].verb, steps[-1].settings["k"], steps[-1].settings["embed"]) == ("explore", 3, "umap")

    page.locator(".rail .step .go").nth(3).click()  # back to the first look
    until(lambda: state(page)["step"] == steps[3].id)
    assert "k 2" in page.locator(".rail [aria-current=step]").inner_text()
    page.locator(".rail .step .go").nth(1).click()  # what stands on record of another step
    until(lambda: "100 objects x 17 measurements" in page.get_by_role("dialog").inner_text())
    page.keyboard.press("Escape")
    page.reload()
    until(lambda: page.evaluate("() => window.clew && window.clew.state.jobs.length"), what="the jobs again")
    assert [one["state"] for one in state(page)["jobs"]] == ["done"]
    shot(page, "thread")


def test_the_seal_is_opened_with_a_typed_reason_only(opened):
    page = opened
    page.get_by_role("button", name="What opening means").click()
    until(lambda: page.evaluate("() => document.activeElement.textContent") == "Leave it closed")
    told = page.get_by_role("dialog").inner_text()
    assert "20 rows, seen by nobody yet" in told and "1 look" in told
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^Confirm, breaks")).click()
    dialog = page.get_by_role("dialog")
    until(lambda: dialog.locator(".field").count())
    seal, leave = (dialog.get_by_role("button", name=name) for name in ("Open the seal", "Leave it closed"))
    assert seal.is_disabled() and "primary" in leave.get_attribute("class")
    assert seal.get_attribute("type") == "button"  # Enter in a field never opens it
    for name in ("references", "permutations"):
        dialog.get_by_label(name).fill("99")
    dialog.get_by_label("reason").fill("the question is asked once")
    shot(page, "seal")
    page.keyboard.press("Enter")
    assert seal.is_enabled() and Study(page.study).openings() == []
    seal.click()
    until(lambda: "Opened" in page.locator(".seal-box").inner_text(), what="the broken seal")
    (opening,) = Study(page.study).openings()
    assert (opening.reason, opening.who, opening.verb) == ("the question is asked once", "tester", "confirm")
    assert "the question is asked once" in page.locator(".seal-box").inner_text()


def test_keys_views_and_sheets_and_a_server_that_is_killed(opened):
    page = opened
    page.keyboard.press("g")
    page.keyboard.press("v")
    until(lambda: state(page)["view"] == "validate")
    page.keyboard.press("Control+k")
    page.keyboard.type("g e eccentricity")  # typed, not acted upon
    assert state(page)["view"] == "validate"
    palette(page).fill("colour eccentricity")
    page.keyboard.press("Enter")
    until(lambda: state(page)["colour"] == "feature:eccentricity" and state(page)["view"] == "explore")
    until(lambda: not palette(page).count())  # its dialog would take the next key
    until(lambda: page.get_by_label("Single keys act").count() or page.keyboard.press("?"))
    page.get_by_label("Single keys act").uncheck()
    page.keyboard.press("Escape")
    for key in "gv":
        page.keyboard.press(key)
    page.keyboard.press("Control+k")  # keys with Ctrl still act
    until(lambda: palette(page).count())
    assert state(page)["view"] == "explore"
    page.keyboard.press("Escape")

    page.evaluate("() => { void window.clew.ask('map.nothing'); }")  # a refusal that nobody has caught
    until(lambda: page.locator(".notices [role=alert], .notices .notice").count(), what="the notice")
    assert "The request must be one that this clew knows" in page.locator(".notices").inner_text()
    page.get_by_role("button", name=re.compile("^Light or dark")).click()
    page.get_by_role("button", name=re.compile("^Light or dark")).click()
    until(lambda: page.evaluate("() => document.documentElement.dataset.theme") == "dark")
    shot(page, "dark")
    for place in ("rail", "column"):
        page.keyboard.press("F6")
        assert place in page.evaluate("() => document.activeElement.className")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.locator(".status").click()
    assert page.evaluate("() => document.querySelector('.rail').offsetWidth") == 48
    page.locator(".rail .step .go").first.focus()
    assert page.evaluate("() => document.querySelector('.rail').offsetWidth") == 232
    page.set_viewport_size({"width": 1024, "height": 768})
    tab = page.get_by_role("button", name="How sure is this?")
    tab.click()
    assert tab.get_attribute("aria-expanded") == "true"
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 1024
    shot(page, "narrow")

    page.set_viewport_size({"width": 1440, "height": 900})
    run_form(page, "explore", runs="50", references="5000")
    page.keyboard.press("Enter")
    until(lambda: any(one["done"] for one in state(page)["jobs"]), what="progress")
    assert re.search(r"\d+ of \d+, .* left", page.locator(".rail .work").inner_text())
    (worker,) = workers_of(page.served.process.pid)
    page.served.stop(signal.SIGKILL)
    until(lambda: not Path(f"/proc/{worker}").exists(), what="the worker to end")
    until(lambda: "Offline" in page.locator(".top .save").inner_text())
    assert len(Study(page.study).steps()) == 5
