"""The verb writes the page into the study, or where it is told."""

from __future__ import annotations

from clew.report.verb import report
from tests.report.studies import table_study, two_clouds


def test_the_report_lies_in_the_study_unless_told_otherwise(tmp_path):
    study = table_study(tmp_path, two_clouds())
    outcome = report(study)
    assert outcome.data == {"report": str(study.folder / "report.html")}
    other = report(study, out=tmp_path / "page.html")
    assert (tmp_path / "page.html").read_bytes() == (study.folder / "report.html").read_bytes()
    assert str(tmp_path / "page.html") in other.lines[0]
