"""The clock of the page, on a page of our own that takes a known time."""

from __future__ import annotations

import pytest

from clew.bench import page as bench_page
from clew.bench.page import Page, browser_path
from clew.errors import MissingError


def test_without_a_browser_it_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(bench_page.shutil, "which", lambda name: None)
    with pytest.raises(MissingError, match="needs Chromium"):
        browser_path()


class Told:
    """A page that keeps what it is asked to evaluate."""

    def __init__(self):
        self.asked = []

    def evaluate(self, code, *given):
        self.asked.append((code, given))
        return 1500.0


def test_the_clock_starts_with_the_event_and_is_the_pages_own():
    page = Page.__new__(Page)
    page.page = Told()
    page.begin_at("keydown")
    assert page.since("done()") == 1.5
    (begin, kind), (wait, _) = page.page.asked
    assert kind == ("keydown",) and "capture: true" in begin
    assert "performance.now() - window.clewBegan" in wait and "(done())" in wait
    assert wait.count("(") == wait.count(")") and wait.count("{") == wait.count("}")
