from __future__ import annotations

import threading

import pytest

from clew.app.figures import KINDS
from clew.errors import SettingError
from clew.report import judged as sections
from clew.report.gathered import gather
from clew.study.study import Study
from tests.app.fakes import fake_session


def test_a_section_is_that_of_the_report_and_drawn_once(judged, monkeypatch):
    session = fake_session(judged)
    first = session.ask("figures.section", kind="explain")["html"]
    assert first == sections.explained(gather(Study(judged))) and "<svg" in first
    monkeypatch.setattr(sections, "explained", lambda record: "drawn again")
    assert session.ask("figures.section", kind="explain")["html"] == first
    session.workspace.changed("record")  # and again when the record has changed
    assert session.ask("figures.section", kind="explain")["html"] == "drawn again"


def test_what_was_not_asked_has_no_section(judged):
    session = fake_session(judged)
    empty = {kind for kind in KINDS if not session.ask("figures.section", kind=kind)["html"]}
    assert (
        empty >= {"curve", "compare", "repeat", "sensors", "confirm", "predicted"} and "explain" not in empty
    )
    with pytest.raises(SettingError, match="kind"):
        session.ask("figures.section", kind="../report.html")


def test_no_section_holds_a_script(judged):
    session = fake_session(judged)
    for kind in KINDS:
        text = session.ask("figures.section", kind=kind)["html"]
        assert "<script" not in text and "javascript:" not in text


def test_two_that_draw_at_once_get_the_same(judged):
    session, found = fake_session(judged), []
    threads = [
        threading.Thread(target=lambda: found.append(session.ask("figures.section", kind="explain")["html"]))
        for _ in range(4)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(found) == 4 and len(set(found)) == 1
