"""The walk-through on blobs, as a newcomer runs it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from clew.demo.blobs import blobs
from clew.steps import pixels
from clew.study.study import Study


@pytest.fixture(scope="module")
def told(demonstrated):
    return demonstrated("clew demo --out clew-demo --no-serve")


def test_all_four_steps_are_told_in_order(told):
    text = "\n".join(told[1].lines)
    places = [text.index(f"({number})") for number in (1, 2, 3, 4)]
    assert places == sorted(places)
    assert "Drawn twice, the map differs" in text
    assert "run 1 and run 2 agree at an adjusted Rand index of" in text
    assert "circular" in text
    assert re.search(
        r"Hypothesis: .* tells? group 0 from group 1 \(cross-validated balanced accuracy (1\.0|0\.9)", text
    )


def test_the_forest_gives_one_hash_on_any_number_of_threads(told):
    threads = told[1].data["threads"]
    assert set(threads) == {"1", "2"}
    assert len(set(threads.values())) == 1


def test_two_maps_differ_though_the_ensemble_is_repeatable(told):
    study = Study(told[0] / "blobs.study")
    embedding = study.result(study.last("explore")).embedding
    assert (embedding.coordinates[0] != embedding.coordinates[1]).any()
    assert 0.5 < embedding.neighbor_overlap.mean() < 0.99


def test_the_truth_is_found_but_not_perfectly(told):
    truth = told[1].data["truth"]
    assert (truth["open"], truth["sealed"]) == (80, 20)
    assert 72 <= truth["open_right"] <= 80
    assert 17 <= truth["sealed_right"] <= 20


def test_the_report_is_there_and_the_thread_is_on_record(told):
    out, outcome = told
    assert (out / "blobs.study" / "report.html").stat().st_size > 50_000
    assert str(out / "blobs.study" / "report.html") in "\n".join(outcome.lines)
    verbs = [one.verb for one in Study(out / "blobs.study").steps()]
    assert verbs == ["sources", "measure", "seal", "explore", "name", "train", "validate", "explain", "test"]


def test_what_was_painted_trains_a_pixel_classifier_by_the_command_that_is_told(told, tmp_path):
    out, outcome = told
    (line,) = (one.strip() for one in outcome.lines if "clew pixels train" in one)
    image, _, painted, _, classes, _, _ = line.split()[3:]
    assert (image, painted) == (str(out / "simulated-blobs.tif"), str(out / "painted"))
    trained = pixels.train(
        [Path(image)],
        annotations=[Path(painted)],
        classes=classes,
        out=tmp_path / "blob.model",
        features="small",
    )
    assert trained.data["classes"] == ["blob", "ground"]
    assert trained.data["validation"]["metrics"]["balanced_accuracy"]["value"] > 0.97


def test_nothing_is_ever_replaced_by_a_demo(told, tmp_path, monkeypatch):
    (first, outcome), out = told, tmp_path / "clew-demo"
    shutil.copytree(first, out)
    monkeypatch.chdir(tmp_path)
    (out / "mine.txt").write_text("precious")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    again = blobs(out=Path("clew-demo"))
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert (tmp_path / "clew-demo-2" / "blobs.study" / "report.html").exists()
    again_told, told_before = (  # a longer path may fold a line in two
        " ".join(" ".join(one.lines).replace(str(folder), "OUT").split())
        for one, folder in ((again, "clew-demo-2"), (outcome, first))
    )
    assert again_told == told_before
