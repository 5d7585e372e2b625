"""The section on an autoencoder, beside what the page says of the model that learns answers."""

from __future__ import annotations

import pandas as pd
import pytest

from clew import steps
from clew.report.coders import coded
from clew.report.gathered import gather
from clew.report.generating import generate
from clew.report.page import page
from clew.study.study import Study
from tests.steps.worlds import write_table


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A table, labelled, with a forest, and a vae after it."""
    folder = tmp_path_factory.mktemp("coders")
    path, kind = write_table(folder)
    steps.new(folder / "t.study", [path])
    study = Study(folder / "t.study")
    names = study.sample_names()
    labels = ["xy"[kind[int(name.rpartition("#")[2]) - 1]] for name in names]
    pd.DataFrame({"sample": names, "label": labels}).to_csv(folder / "l.csv", index=False)
    steps.label(study, folder / "l.csv")
    steps.train(study, trees=5)
    steps.train(study, model="vae", epochs=2)
    return study


def test_the_page_shows_training_what_comes_back_and_idle_units(study):
    record = gather(study)
    html = coded(record)
    for said in ("The variational autoencoder", "vae-2", "What comes back of the rows", "principal component", "latent numbers", "clew predict t.study/models/vae-2"):  # fmt: skip
        assert said in html
    assert "Generated rows" not in html


def test_rows_that_were_made_up_stand_there_as_such(study, tmp_path):
    generate(study, n=3, out=tmp_path / "new")
    html = coded(gather(study))
    assert "Generated rows" in html and "none of them measured" in html and ">generated<" in html


def test_the_classifier_of_the_page_is_still_the_forest(study):
    record = gather(study)
    assert record.model["name"] == "forest-1" and record.forest.n_trees == 5 and not record.is_net
    assert record.trained.settings["trees"] == 5
    whole = page(record)
    assert "5 trees" in whole and "What comes back of the rows" in whole
