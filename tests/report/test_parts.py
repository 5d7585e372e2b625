"""What both sheets are made of."""

from __future__ import annotations

import dataclasses

import pytest

from clew import steps
from clew.plot.style import Drawing
from clew.report.gathered import gather
from clew.report.parts import SIGNS, day, drawn, empty, next_command, section, sign
from tests.report.studies import Page, table_study, two_clouds


def test_every_part_is_closed_and_its_title_is_only_text():
    parts = section("a < b", "<i>aside</i>", empty("what", "clew <x>"), kind="two") + sign(2)
    page = Page(parts + drawn(Drawing(20, 10), "name", "caption", label='"quoted"'))
    assert "a < b" in page.text and "clew <x>" in page.text and "caption" in page.text
    assert ("section", {"class": "two"}) in page.tags


def test_groups_have_signs_of_their_own():
    assert len(set(SIGNS)) == 6 and sign(0) == sign(6) != sign(1)
    assert "var(--rule2)" in sign(-1)


def test_times_are_written_for_a_reader():
    assert day("2026-11-04T14:02:09+00:00") == "4 Nov 2026, 14:02 UTC"


@pytest.mark.parametrize(
    ("k", "labelled", "command"),
    [
        (2, {}, "clew name a.study 0=... 1=..."),
        (0, {}, "clew label a.study LABELS.csv"),
        (2, {"group": 9}, "clew train a.study"),
    ],
)
def test_the_next_command_is_one_that_can_be_run(tmp_path, k, labelled, command):
    study = table_study(tmp_path, two_clouds())
    assert next_command(gather(study)) == "clew explore a.study"
    steps.explore(study, k=2, runs=2, references=99)
    record = gather(study)
    look = dataclasses.replace(record.exploration, k=k)
    assert next_command(dataclasses.replace(record, exploration=look, labelled=labelled)) == command
