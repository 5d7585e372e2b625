from __future__ import annotations

import hashlib

import pytest

from clew import steps
from clew.app.reporting import BY_SYSTEM, report
from clew.errors import MissingError
from clew.report import write_report
from clew.report.gathered import gather
from clew.study.study import Study
from tests.app.fakes import fake_session


def test_the_report_is_shown_as_it_lies_in_the_study(blob_study):
    session = fake_session(blob_study)
    told = session.ask("reporting.state")
    assert not told["made"] and not told["current"] and told["finding"] and told["openings"] == []
    with pytest.raises(MissingError, match="run report first"):
        report(session.workspace)

    path = write_report(Study(blob_study), blob_study / "report.html")
    told = session.ask("reporting.state")
    assert told["made"] and told["current"] and told["sha256"] == gather(Study(blob_study)).sha256
    assert told["file"] == hashlib.sha256(path.read_bytes()).hexdigest()
    kept = report(session.workspace, save="yes", paper="dark")
    assert kept.data == path.read_bytes() and kept.name == "blobs-report.html"  # the very bytes

    steps.state(Study(blob_study), "area")
    assert not session.ask("reporting.state")["current"]  # the record has gone on


def test_the_report_wears_the_paper_of_the_page(blob_study):
    write_report(Study(blob_study), blob_study / "report.html")
    workspace = fake_session(blob_study).workspace
    whole = report(workspace).data
    assert whole.count(BY_SYSTEM) == 1  # else nothing could be turned
    dark, light = (report(workspace, paper=paper).data for paper in ("dark", "light"))
    assert dark == whole.replace(BY_SYSTEM, b"@media all {")
    assert light == whole.replace(BY_SYSTEM, b"@media not all {")


def test_a_name_that_no_header_can_carry_is_spelt_plainly(blob_study):
    odd = blob_study.rename(blob_study.parent / 'käfer "2".study')
    write_report(Study(odd), odd / "report.html")
    assert report(fake_session(odd).workspace, save="yes").name == "k_fer_2_-report.html"
