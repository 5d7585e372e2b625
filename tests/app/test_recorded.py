from __future__ import annotations

import pytest

from clew import steps
from clew.app.recorded import record_at, record_of, said
from clew.errors import SettingError
from clew.report import words
from clew.study.journal import Journal
from clew.study.study import Study
from tests.app.fakes import fake_session


def test_a_sentence_of_the_report_keeps_its_words_in_pieces():
    html = "<b>Two groups,</b> by <i>area &amp; more</i> tell <em>A &lt; B</em>: see <code>clew log</code>."
    assert said(html) == [
        ["strong", "Two groups,"],
        ["", " by "],
        ["feature", "area & more"],
        ["", " tell "],
        ["group", "A < B"],
        ["", ": see "],
        ["code", "clew log"],
        ["", "."],
    ]


def test_no_text_of_the_data_becomes_markup():
    name = "<script>alert(1)</script><b>x"
    pieces = said(f"<i>{words.safe(name)}</i> tells")
    assert pieces == [["feature", name], ["", " tells"]]
    assert said(f"<i>{name}</i>") != [
        ["feature", name]
    ]  # the mutant: unescaped, it would have been taken for markup


def test_the_record_is_gathered_once_and_again_when_something_is_new(blob_study):
    workspace = fake_session(blob_study).workspace
    first = record_of(workspace)
    assert record_of(workspace) is first
    steps.state(Study(blob_study), "area")
    second = record_of(workspace)
    assert second is not first and len(second.hypotheses) == len(first.hypotheses) + 1
    workspace.changed("record")
    assert record_of(workspace) is second  # nothing new stands in it
    sample = str(second.samples.sample[0])
    Journal(workspace.study).give("a-label-given", [(sample, "round")], "AK")
    third = record_of(workspace)
    assert third.people == ["AK"]
    assert third.samples is second.samples  # rows and results never change: they are not read again
    assert third.exploration is second.exploration


def test_another_look_is_shown_with_its_own_names(blob_study):
    study = Study(blob_study)
    workspace = fake_session(study).workspace
    named = record_at(workspace, None)
    assert named.names == {"0": "round", "1": "elongated"} and named.look.id == workspace.looks()[0].id
    with pytest.raises(SettingError, match="look on record"):
        record_at(workspace, 999)
