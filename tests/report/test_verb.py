"""The verb writes the page into the study, or where it is told."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clew import steps
from clew.report.verb import report
from clew.study.study import Study
from tests.report.studies import table_study, two_clouds
from tests.steps.worlds import QUICK, write_table


def test_the_report_lies_in_the_study_unless_told_otherwise(tmp_path):
    study = table_study(tmp_path, two_clouds())
    outcome = report(study)
    assert outcome.data == {"report": str(study.folder / "report.html")}
    other = report(study, out=tmp_path / "page.html")
    assert (tmp_path / "page.html").read_bytes() == (study.folder / "report.html").read_bytes()
    assert str(tmp_path / "page.html") in other.lines[0]


def test_a_study_with_labels_of_people_undone_ones_and_predictions_can_be_reported(tmp_path):
    path, kind = write_table(tmp_path)
    frame = pd.read_csv(path)
    frame["label"] = np.array(["x", "y"])[kind]
    frame.to_csv(path, index=False)
    steps.new(tmp_path / "x.study", [path])
    study = Study(tmp_path / "x.study")
    for act in (
        lambda: steps.explore(study, k=2, **QUICK),
        lambda: steps.train(study, trees=5),
        lambda: steps.predict(study.folder, [path], out=tmp_path / "p.csv"),
        lambda: steps.relink(study, [path]),
        lambda: steps.label(study, undo=True),
        lambda: steps.train(study, target="e", trees=5),
        lambda: steps.validate(study),
    ):
        act()
        assert report(study).data["report"]
