from __future__ import annotations

import shutil

import pytest
import tifffile

from clew import steps
from clew.simulate import blobs
from clew.study.study import Study
from tests.steps.worlds import QUICK, write_table


@pytest.fixture
def table(tmp_path):
    path, kind = write_table(tmp_path)
    steps.new(tmp_path / "t.study", [path])
    return Study(tmp_path / "t.study"), kind


@pytest.fixture(scope="session")
def walked(tmp_path_factory):
    """A study of a simulated image that has gone all the way."""
    folder = tmp_path_factory.mktemp("picture")
    made = blobs(n_round=40, n_elongated=30, size=420)
    tifffile.imwrite(folder / "one.tif", made.pixels)
    steps.new(folder / "p.study", [folder / "one.tif"], features="shape")
    study = Study(folder / "p.study")
    steps.explore(study, **QUICK)
    steps.name(study, ["0=round", "1=long"])
    steps.train(study, trees=20)
    steps.validate(study, trees=10)
    steps.test(study, reason="the test")
    return study, made


@pytest.fixture
def picture(walked, tmp_path):
    """A copy of that study for one test, which may do with it what it likes."""
    study, made = walked
    shutil.copytree(study.folder, tmp_path / "copy" / study.folder.name)
    return Study(tmp_path / "copy" / study.folder.name), made
