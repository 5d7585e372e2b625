from __future__ import annotations

import pytest

from clew.bench import app
from clew.study.study import Study


def test_every_figure_that_is_promised_has_a_row():
    names = [one.name for one in app.works()]
    assert names == [
        "ready-200k",
        "lasso-200k",
        "ready-1m",
        "lasso-1m",
        "stroke-saved",
        "stroke-preview",
        "stroke-full",
        "label-key",
    ]


@pytest.mark.slow
def test_the_study_of_many_rows_places_all_of_them(monkeypatch):
    monkeypatch.setattr(app, "SHOWN", 500)
    study = Study(app.rows_study(1500))
    look = study.result(study.last("explore"))
    assert look.placed.shape == (1500, 2) and len(look.shown) == 500 and study.counts()["sealed"] == 0
