"""Studies to paint on: any stack is taken, nothing is measured, and what needs rows says so."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tifffile

from clew import steps
from clew.app.painting_studio import studio_of
from clew.errors import DataError, SettingError
from clew.learn.forest import Forest
from clew.report.verb import report
from clew.study.study import Study
from tests.app.fakes import fake_session
from tests.app.test_painting import draw
from tests.steps.worlds import stack, time_series

REFUSED = r"must have rows for this\. Got none: it is for painting \(clew serve "


@pytest.fixture
def study(tmp_path):
    """A study of a stack of 4 planes and 2 channels and of a time series of 3, with both beside it."""
    stack(tmp_path / "embryo.tif")
    time_series(tmp_path / "divisions.tif")
    steps.new(tmp_path / "p.study", [tmp_path / "embryo.tif", tmp_path / "divisions.tif"], paint=True)
    return Study(tmp_path / "p.study")


def paint(session, image, t, z, names=("1", "2"), top=10):
    for number, client in enumerate(names, 1):
        points = [[top + 30 * number, 10], [top + 30 * number + 6, 50]]
        draw(session, image, number, points, f"stroke-{client}-{t}-{z}", plane=[t, z])


def test_any_image_is_taken_with_its_hash_and_there_are_no_rows(study):
    told = study.sources()
    assert [(one.name, one.kind, one.role) for one in told] == [
        ("embryo.tif", "image", "data"),
        ("divisions.tif", "image", "data"),
    ]
    assert study.facts()["paint"] is True and study.counts() == {"open": 0, "sealed": 0}
    rows = study.samples()
    assert rows.n_rows == rows.n_features == rows.n_groups == 0 and list(rows.origin) == ["source"]
    assert [one.verb for one in study.steps()] == ["sources"]
    assert json.dumps(study.described()) and study.places().empty


def test_what_was_found_is_said_with_its_axes(tmp_path):
    stack(tmp_path / "embryo.tif")
    (tmp_path / "notes.txt").write_text("none")
    said = steps.new(tmp_path / "p.study", [tmp_path], paint=True)
    assert said.lines == [
        f"{tmp_path / 'p.study'}: 1 image to paint on, and no rows.",
        "embryo.tif: 2 channels, 4 planes of 96 x 80 pixels.",
        f"Left aside in the folder '{tmp_path.name}', being no images: notes.txt.",
        f"Next: clew serve {tmp_path / 'p.study'}",
    ]
    assert said.data["images"] == [{"name": "embryo.tif", "axes": "CZYX", "shape": (1, 2, 4, 96, 80)}]


def test_the_thread_is_told_and_verified_and_a_changed_file_is_found_out(study):
    assert steps.log(study).lines[0] == "Study p: 0 open rows, 0 sealed, 1 steps"
    assert steps.verify(study).data["same"]
    path = study.locate(study.sources()[0])
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert steps.verify(study).status == 1


@pytest.mark.parametrize(
    "verb",
    [
        steps.explore, steps.train, steps.validate, steps.explain, steps.curve, steps.compare, steps.repeat, steps.sensors,
        steps.confirm, steps.test, steps.next_up, steps.export, steps.label,
        lambda study: steps.name(study, ["0=a"]), lambda study: steps.state(study, "area"),
    ],
)  # fmt: skip
def test_what_needs_rows_says_that_there_are_none(study, verb):
    with pytest.raises(DataError, match=REFUSED):
        verb(study)
    assert [one.verb for one in study.steps()] == ["sources"]


def test_a_row_to_show_is_not_to_be_had(study, tmp_path):
    from clew.report.showing import show

    with pytest.raises(DataError, match=REFUSED):
        show(study, "embryo.tif#1", out=tmp_path / "o.png")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"threshold": 5.0}, "--threshold must go with images. Got images to paint on"),
        ({"window": "3s"}, "--window must go with recordings"),
        ({"sealed": 0.1}, "--sealed must go with what is measured. Got images to paint on"),
        ({"features": "shape"}, "--features must go with what is measured"),
        ({"symmetrise": "max"}, "--symmetrise must go with distances"),
    ],
)
def test_settings_of_what_is_measured_are_refused(tmp_path, given, said):
    stack(tmp_path / "e.tif")
    with pytest.raises(SettingError, match=said):
        steps.new(tmp_path / "p.study", [tmp_path / "e.tif"], paint=True, **given)
    assert not (tmp_path / "p.study").exists()


def test_files_beside_the_images_are_refused(tmp_path):
    stack(tmp_path / "e.tif")
    for name in ("masks", "distances", "annotations", "response"):
        value = [tmp_path / "e.tif"] if name == "masks" else tmp_path / "e.tif"
        with pytest.raises(SettingError, match=f"--{name} must go with what is measured"):
            steps.new(tmp_path / "p.study", [tmp_path / "e.tif"], paint=True, **{name: value})


def test_what_cannot_be_painted_on_is_refused_and_leaves_nothing(tmp_path):
    stack(tmp_path / "e.tif")
    shutil.copy(tmp_path / "e.tif", tmp_path / "again.tif")
    (tmp_path / "cut.tif").write_bytes((tmp_path / "e.tif").read_bytes()[:900])
    (tmp_path / "z.zarr").mkdir()
    (tmp_path / "z.zarr" / "zarr.json").write_text("{}")
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    for paths, said in (
        ([], "at least one image"),
        (["e.tif", "again.tif"], "different data"),
        (["cut.tif"], "cut.tif"),
        (["z.zarr"], "must be files .* Got the OME-Zarr"),
        (["t.csv"], "must be an image"),
    ):
        with pytest.raises((DataError, SettingError), match=said):
            steps.new(tmp_path / "p.study", [tmp_path / one for one in paths], paint=True)
    assert not list(tmp_path.glob("*p.study*"))


def test_the_page_bears_a_study_without_rows(study):
    session = fake_session(study.folder)
    assert session.ask("about")["study"]["paint"] is True
    told = session.ask("thread")
    assert told["items"][0]["title"] == "2 images read" and told["seal"]["state"] == "none"
    assert [one["verb"] for one in told["next"]] == ["report", "verify"]
    assert {one["verb"] for one in session.ask("verbs")["verbs"]} == {
        "new",
        "demo",
        "predict",
        "pick",
        "denoise",
        "verify",
        "report",
    }
    images = session.ask("paint.images")
    assert [one["name"] for one in images["images"]] == ["embryo.tif", "divisions.tif"] and images[
        "sealed"
    ] == 0


def test_the_report_says_that_there_are_no_rows_and_what_was_saved(study):
    report(study)
    before = (study.folder / "report.html").read_text()
    assert "<b>No rows: this study is for painting.</b> No model was saved yet." in before
    assert "2 images to paint on, no rows" in before and "clew explore" not in before
    session = fake_session(study.folder)
    assert "No rows: this study is for painting." in str(session.ask("reporting.state")["finding"])
    paint(session, "embryo.tif", 0, 1)
    session.ask("paint.show", image="embryo.tif", z=1, view=[0, 0, 96, 80])
    session.ask("paint.save")
    report(study)
    after = (study.folder / "report.html").read_text()
    assert "A pixel classifier was saved once, the last for" in after


def test_what_was_painted_in_two_planes_and_saved_is_what_training_on_what_was_kept_gives(study, tmp_path):
    session = fake_session(study.folder)
    paint(session, "embryo.tif", 0, 0)
    paint(session, "embryo.tif", 0, 3, top=0)
    session.ask("paint.show", image="embryo.tif", z=3, view=[0, 0, 96, 80])
    saved = session.ask("paint.save")
    assert saved["same"]
    kept = tifffile.imread(study.folder / "arrays" / "painted-1" / "embryo_annotation.tif")
    assert kept.shape == (4, 96, 80) and [bool(plane.any()) for plane in kept] == [True, False, False, True]
    image, model = tmp_path / "embryo.tif", study.folder / "models" / saved["model"]
    again = tmp_path / "again"
    steps.pixels.train(
        [image], annotations=[study.folder / "arrays" / "painted-1"], out=again, dimensions="2", folds=0
    )
    assert Forest.load_model(again).sha256 == Forest.load_model(model).sha256
    for each, out in ((model, "a"), (again, "b")):
        steps.pixels.predict(each, [image], out=tmp_path / out, probabilities=True)
    written = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.tif"))
    assert len(written) == 2
    for path in written:
        assert np.array_equal(
            tifffile.imread(tmp_path / "a" / path), tifffile.imread(tmp_path / "b" / path)
        ), path
    classes = tifffile.imread(next((tmp_path / "a" / "classes").glob("*.tif")))
    tiles = [push for push in session.pushed if push.get("push") == "paint.tile"]
    shown = tiles[-1]["arrays"][0].reshape(96, 80)
    assert np.array_equal(classes.reshape(4, 96, 80)[3], shown), "the page shows what predict writes"


def test_images_called_alike_in_two_folders_keep_what_was_painted_on_each(tmp_path):
    for i, folder in enumerate("ba"):
        (tmp_path / folder).mkdir()
        time_series(tmp_path / folder / "x.tif", seed=i)
    paths = [tmp_path / folder / "x.tif" for folder in "ba"]
    steps.new(tmp_path / "p.study", paths, paint=True)
    session = fake_session(tmp_path / "p.study")
    names = [one["name"] for one in session.ask("paint.images")["images"]]
    for t, name in enumerate(reversed(names)):  # opened in another order than they were named
        paint(session, name, t, 0, names=(f"{t}a", f"{t}b"))
        session.ask("paint.show", image=name, t=t, view=[0, 0, 96, 80])
    saved = session.ask("paint.save")
    assert len(studio_of(session.workspace).easel.learnt_from()) == 2
    kept = tmp_path / "p.study" / "arrays" / "painted-1"
    assert len(list(kept.glob("*.tif"))) == 2
    steps.pixels.train(paths, annotations=[kept], out=tmp_path / "again", dimensions="2", folds=0)
    assert Forest.load_model(tmp_path / "again").sha256 == saved["sha256"]
