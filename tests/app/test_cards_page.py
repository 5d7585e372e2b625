"""The column "How sure is this?", Validate and Report, in a real browser."""

from __future__ import annotations

import shutil
from pathlib import Path

from clew.study.study import Study
from tests.app.conftest import enter, shot, until


def text(page, selector):
    return page.evaluate("s => document.querySelector(s)?.textContent ?? ''", selector)


def test_the_column_says_how_sure_a_look_is_and_leads_on(opened):
    page, study = opened, Study(opened.study)
    until(lambda: page.evaluate("() => document.querySelectorAll('.cards .strip').length"), what="the strips")
    headline = study.result(study.last("explore")).evidence.headline()
    assert (
        text(page, ".cards .finding").partition("p = ")[2]
        == headline.partition("p = ")[2].partition(" k =")[0]
    )
    dots = page.evaluate(
        "() => [...document.querySelectorAll('.evidence svg circle')].map(one => one.getAttribute('stroke'))"
    )
    ks = study.result(study.last("explore")).evidence.ks
    assert len(dots) == len(ks) and dots.count("var(--thread)") == 1 and dots[0] == "var(--thread)"  # k = 2
    pairs = page.evaluate("() => document.querySelectorAll('.agreement svg line[stroke-opacity]').length")
    assert pairs == 4 * 3 / 2  # of 4 runs
    assert "1 stated, 0 confirmed" in text(page, ".hypotheses") and "circular" in text(page, ".hypotheses")

    page.click(".features summary")  # the matrix comes when it is asked for, and the keyboard reads it
    until(
        lambda: page.evaluate("() => document.querySelectorAll('.features rect').length"), what="the matrix"
    )
    page.focus(".features .heat svg")
    page.keyboard.press("ArrowRight")
    until(lambda: ": " in text(page, ".features .heat figcaption"))
    cells = page.evaluate("() => document.querySelectorAll('.features .as-table td').length")
    n = len(study.result(study.last("explore")).features)
    assert cells == n * (n + 2)
    shot(page, "cards")

    page.click(".evidence button.k[title^='k = 3']")  # another k is a new look, by the form
    until(
        lambda: page.evaluate("() => document.querySelector('dialog[open] #field-explore-k')?.value === '3'")
    )
    page.keyboard.press("Escape")
    until(lambda: page.evaluate("() => document.querySelector('dialog[open]') === null"))

    page.click(".groups li:first-child .name")
    page.fill(".groups input", "plump")
    page.keyboard.press("Enter")
    until(
        lambda: sum(label == "plump" for label, _ in study.labels().values()) > 0, what="the name on record"
    )
    until(lambda: "plump" in text(page, ".groups") and "plump" in text(page, ".hypotheses"))
    assert {label for label, _ in study.labels().values()} == {"plump", "elongated"}


def test_a_model_is_judged_and_the_report_is_made_and_shown(serve, judged, tmp_path, context):
    shutil.copytree(judged.parent, tmp_path / "room")
    folder = tmp_path / "room" / "blobs.study"
    page = enter(context, serve(folder))
    page.evaluate("() => window.clew.set({ view: 'validate' })")
    until(
        lambda: page.evaluate("() => document.querySelectorAll('.validate .from-report svg').length > 2"),
        what="what it goes by",
    )
    found = Study(folder).result(Study(folder).last("validate"))
    assert page.evaluate(
        "() => document.querySelectorAll('.validate table.rows th[scope=row]').length"
    ) == len(found.scores.shown)
    assert "0.50" not in text(page, ".validate .lead") and "balanced accuracy" in text(
        page, ".validate .lead"
    )
    shot(page, "validate")
    page.click(".matrix button.cell")  # the rows of a cell are selected, and seen in Explore
    until(
        lambda: page.evaluate("() => window.clew.state.view === 'explore' && window.clew.state.selection.n")
    )
    first = int(next(n for n in found.scores.confusion.ravel() if n))
    assert page.evaluate("() => window.clew.state.selection.n") == first

    page.evaluate("() => window.clew.set({ view: 'report' })")
    until(lambda: "not made yet" in text(page, ".reporting"))
    page.click(".reporting .bar .button")
    until(
        lambda: page.evaluate("() => document.querySelector('.reporting iframe') !== null"), what="the report"
    )
    inside = page.frame_locator(".reporting iframe")
    inside.locator("h1").wait_for()
    assert inside.locator("h1").inner_text() == "blobs" and inside.locator(".sheet").count() > 1
    assert (folder / "report.html").is_file() and "says what the record says" in text(page, ".reporting")
    with page.expect_download() as download:
        page.click("text=Download")
    assert download.value.suggested_filename == "blobs-report.html"
    assert Path(download.value.path()).read_bytes() == (folder / "report.html").read_bytes()
    shot(page, "report")
