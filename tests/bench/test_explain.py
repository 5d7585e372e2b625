from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from clew.bench.explain import AGAINST, FEATURES, TREES, Table, works
from clew.bench.timing import check_installed, measure

pytest.importorskip("shap")
ROWS = 60


def row_of(name: str) -> dict:
    """Measure the row of this name once, on few rows."""
    work = next(one for one in works() if one.name == name)
    prepare = partial(work.prepare.func, ROWS, **work.prepare.keywords)
    return measure(replace(work, prepare=prepare, peak=False), repeats=1)


def test_every_figure_of_the_issue_has_its_row():
    rows = {one.name: one for one in works()}
    assert {"shap-10k", "shap-1m", "shap-deep", "shap-background", "woodelf-10k", "woodelf-1m"} <= set(rows)
    assert len(rows) == len(works())
    assert "1,000,000 rows" in rows["shap-1m"].what
    assert all("one thread" in one.rival for one in works())


def test_what_the_rows_need_is_installed():
    pytest.importorskip("woodelf")
    check_installed(works())


def test_forests_are_as_said():
    for depth, n_classes in ((4, 2), (8, 2), (4, 3), (4, 1)):
        table = Table(5, depth=depth, n_classes=n_classes)
        assert len(table.model.estimators_) == TREES
        assert max(tree.get_depth() for tree in table.model.estimators_) == depth
        assert table.model.n_features_in_ == FEATURES
        assert table.predicted(5).shape == (5, n_classes)
    assert len(Table(5, background=True).background) == AGAINST


@pytest.mark.parametrize(
    "name", ["shap-10k", "shap-classes", "shap-regression", "shap-deep", "shap-background"]
)
def test_ours_is_as_exact_as_shap(name):
    quality = row_of(name)["quality"]
    assert quality["ours"]["off_shap"] < (
        1e-7 if "background" in name else 1e-9
    )  # its weights are float32 there
    assert quality["ours"]["off_sum"] < 1e-12
    assert quality["rival"]["off_shap"] == 0.0


@pytest.mark.parametrize("name", ["woodelf-10k", "woodelf-background"])
def test_woodelf_answers_the_same_question(name):
    pytest.importorskip("woodelf")
    quality = row_of(name)["quality"]
    assert quality["rival"]["off_shap"] < 1e-6
    assert quality["ours"]["off_sum"] < 1e-12


def test_values_that_are_off_are_told():
    table = Table(ROWS)
    values, base = table.ours(0)
    assert table.judge([(values, base)])["off_shap"] < 1e-9
    values = np.array(values)
    values[3, 4, 1] += 0.25
    told = table.judge([(values, base)])
    assert told["off_shap"] == pytest.approx(0.25)
    assert told["off_sum"] == pytest.approx(0.25)
