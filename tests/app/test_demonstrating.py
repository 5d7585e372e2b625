from __future__ import annotations

import pytest

import clew.app.demonstrating
import clew.app.verb
from clew.app.demonstrating import demo
from clew.steps.outcome import Outcome


@pytest.fixture
def walked(monkeypatch, tmp_path):
    served = []
    done = Outcome(["done"], {"report": tmp_path / "a.study" / "report.html"})
    monkeypatch.setattr(clew.app.demonstrating, "walk_through", lambda what, *, out, on_progress: done)
    monkeypatch.setattr(clew.app.verb, "serve", served.append)
    return served


def test_the_walk_through_ends_with_the_page_at_a_terminal(walked, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    outcome = demo()
    assert walked == []  # nothing opens before all was said
    outcome.then()
    assert walked == [tmp_path / "a.study"]


@pytest.mark.parametrize(("terminal", "no_serve"), [(False, False), (True, True), (False, True)])
def test_a_script_or_a_person_who_does_not_want_it_gets_no_page(walked, monkeypatch, terminal, no_serve):
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal, raising=False)
    outcome = demo(no_serve=no_serve)
    assert outcome.then is None
    assert any("clew serve" in line for line in outcome.lines) != no_serve


def test_a_walk_through_without_a_study_has_nothing_to_show(monkeypatch):
    monkeypatch.setattr(
        clew.app.demonstrating, "walk_through", lambda what, *, out, on_progress: Outcome(["no groups"], {})
    )
    assert demo().then is None
