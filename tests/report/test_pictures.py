"""Objects are painted by group, sealed ones by none."""

from __future__ import annotations

import re

from clew import steps
from clew.report import pictures
from clew.report.gathered import gather
from tests.report.studies import image_study


def test_sealed_objects_are_painted_without_a_group(tmp_path):
    study = image_study(tmp_path)
    steps.explore(study, k=2, runs=3, references=99)
    painted = pictures.paintings(gather(study), pictures.Pictures(gather(study)))
    assert len(painted) == 1
    _, drawing, n_open = painted[0]
    assert n_open == study.counts()["open"]
    bright = len(re.findall(r"stroke: #56b4e9|stroke: #e69f00", drawing))
    assert bright == n_open
    assert len(re.findall(r"stroke: #9a9a9a", drawing)) == study.counts()["sealed"]
