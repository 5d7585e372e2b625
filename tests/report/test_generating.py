"""Rows that a vae made up: never without the word, never beside sealed rows."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest

from clew import steps
from clew.errors import DataError, SettingError
from clew.report.generating import generate
from clew.study.study import Study
from tests.steps.worlds import write_table


@pytest.fixture(scope="module")
def made_study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generating")
    path, _ = write_table(folder)
    steps.new(folder / "t.study", [path])
    study = Study(folder / "t.study")
    steps.train(study, model="vae", epochs=2)
    steps.train(study, model="autoencoder", epochs=2)
    return study


@pytest.fixture
def study(made_study, tmp_path):
    shutil.copytree(made_study.folder, tmp_path / "t.study")
    return Study(tmp_path / "t.study")


def test_the_latest_vae_is_asked_and_every_row_says_that_it_is_generated(study, tmp_path):
    outcome = generate(study, n=4, out=tmp_path / "new")
    table = pd.read_csv(tmp_path / "new" / "generated.csv")
    assert outcome.data["model"] == "vae-1" and len(table) == 4 and table["generated"].all()
    assert (tmp_path / "new" / "generated.png").read_bytes()[:4] == b"\x89PNG"
    assert set(table["nearest"]) <= set(study.samples().sample)  # open rows only
    assert study.last("generate").sees == "open" and "none of them measured" in outcome.lines[0]
    assert steps.verify(study).status == 0


def test_between_rows_an_autoencoder_is_enough(study, tmp_path):
    a, b = study.samples().sample[:2]
    outcome = generate(study, between=f"{a},{b}", n=3, out=tmp_path / "way")
    assert outcome.data["model"] == "autoencoder-2" and outcome.data["how"] == "between"


def test_what_cannot_be_is_refused_and_nothing_is_recorded(study, tmp_path):
    n = len(study.steps())
    sealed = next(name for name in study.sample_names() if name not in set(study.samples().sample))
    for settings, said in (
        ({}, "--out must name the folder"),
        ({"out": tmp_path}, "must be new"),
        ({"out": tmp_path / "x", "model": "autoencoder-2"}, "no known distribution"),
        ({"out": tmp_path / "x", "label": "round"}, "label"),
        ({"out": tmp_path / "x", "between": f"{sealed},{study.samples().sample[0]}"}, "must be among"),
        ({"out": tmp_path / "x", "model": "forest-1"}, "must be one of"),
    ):
        with pytest.raises((SettingError, DataError), match=said):
            generate(study, **settings)
    assert len(study.steps()) == n and not (tmp_path / "x").exists()
