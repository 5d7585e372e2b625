"""The studio: which images are offered, what it learns from the journal, and the model that it keeps."""

from __future__ import annotations

import numpy as np
import pytest

from clew import simulate, steps
from clew.app.painting_studio import Studio, _annotation_names, studio_of
from clew.errors import DataError
from clew.study.study import Study
from tests.app.fakes import fake_session
from tests.app.test_painting import VIEW, draw


@pytest.fixture
def two_images(tmp_path):
    import tifffile

    pixels = simulate.blobs().pixels
    tifffile.imwrite(tmp_path / "left.tif", pixels[:, :260])
    tifffile.imwrite(tmp_path / "right.tif", pixels[:, 252:])
    steps.new(
        tmp_path / "pair.study", [tmp_path / "left.tif", tmp_path / "right.tif"], sealed=0.0, features="shape"
    )
    return tmp_path


def test_an_image_whose_rows_are_all_sealed_is_not_offered(two_images):
    study = Study(two_images / "pair.study")
    names = [one.name for one in study.sources()]
    with study.store.writing() as db:  # as if the seal had dealt whole images
        db.execute(
            "UPDATE parts SET part = 'sealed' WHERE sample LIKE ?", (f"%{names[1].rpartition('.')[0]}%",)
        )
    session = fake_session(study)
    told = session.ask("paint.images")
    sources = set(session.workspace.samples.origin["source"])
    assert sources == {names[0]}  # the ruse worked
    assert [one["name"] for one in told["images"]] == names[:1] and told["sealed"] == 1
    with pytest.raises(DataError, match="open rows"):
        session.ask("paint.open", image=names[1])


def test_the_model_is_the_one_that_the_command_line_trains_on_what_is_kept_of_the_painting(two_images):
    session = fake_session(two_images / "pair.study")
    one, two = (each["name"] for each in session.ask("paint.images")["images"])
    draw(session, one, 1, [[10, 10], [40, 60]], "stroke-01")
    draw(session, two, 2, [[110, 110], [140, 60]], "stroke-02")
    draw(session, two, 1, [[300, 100], [340, 60]], "stroke-03")
    draw(session, two, 1, [[310, 100]], "stroke-04", erase=True)
    session.ask("paint.show", image=two, view=VIEW)
    before = len(session.workspace.study.steps())
    saved = session.ask("paint.save")
    folder = two_images / "pair.study"
    assert saved["model"] == "pixels-1" and saved["same"]  # the live forest was the same, number for number

    from clew.steps import pixels

    images = [two_images / name for name in ("left.tif", "right.tif")]
    again = pixels.train(
        images,
        annotations=[folder / "arrays" / "painted-1"],
        out=two_images / "again",
        folds=0,
        dimensions="2",
    )
    assert again.data["sha256"] == saved["sha256"]
    for file in ("arrays.npz", "config.json"):
        assert (two_images / "again" / file).read_bytes() == (
            folder / "models" / "pixels-1" / file
        ).read_bytes()
    step = session.workspace.study.steps()[-1]
    assert len(session.workspace.study.steps()) == before + 1
    assert (
        step.verb == "paint"
        and set(step.inputs["images"]) == {one, two}
        and step.inputs["model"] == "models/pixels-1"
    )
    assert any(one.get("push") == "changed" for one in session.pushed)
    assert session.ask("paint.save")["model"] == "pixels-2"  # numbered, never overwritten
    assert steps.thread.verify(Study(folder)).status == 0


def test_a_saved_model_writes_the_tiles_that_were_shown(two_images):
    from clew.steps import pixels

    session = fake_session(two_images / "pair.study")
    one = session.ask("paint.images")["images"][0]["name"]
    draw(session, one, 1, [[10, 10], [40, 60]], "stroke-01")
    draw(session, one, 2, [[110, 110], [140, 60]], "stroke-02")
    session.ask("paint.show", image=one, view=[0, 0, 600, 600])
    saved = session.ask("paint.save")
    pixels.predict(
        two_images / "pair.study" / "models" / saved["model"],
        [two_images / "left.tif"],
        out=two_images / "out",
    )

    from tifffile import imread

    written = imread(next((two_images / "out" / "classes").glob("*.tif")))
    shown = np.zeros_like(written)
    for tile in (push for push in session.pushed if push.get("push") == "paint.tile"):
        (rows, columns), (classes,) = tile["size"], tile["arrays"]
        shown[tile["top"] : tile["top"] + rows, tile["left"] : tile["left"] + columns] = classes.reshape(
            rows, columns
        )
    np.testing.assert_array_equal(shown, written)
    assert len(np.unique(written)) == 2


def test_a_painted_image_that_has_gone_does_not_hinder_the_others(two_images):
    session = fake_session(two_images / "pair.study")
    one, two = (each["name"] for each in session.ask("paint.images")["images"])
    for image in (one, two):
        draw(session, image, 1, [[10, 10], [40, 60]], f"stroke-1-{image[:4]}")
        draw(session, image, 2, [[110, 110], [140, 60]], f"stroke-2-{image[:4]}")
    (two_images / "left.tif").rename(two_images / "elsewhere.tif")
    session.workspace.kept.pop("studio", None)
    gone, here = (one, two) if "left" in one else (two, one)
    told = session.ask("paint.show", image=here, view=VIEW)
    assert told["ready"] and told["left_out"] == [gone] and told["strokes"] == {1: 1, 2: 1}
    with pytest.raises(DataError, match="must be where it was"):
        session.ask("paint.open", image=gone)


def test_the_studio_goes_with_the_study(blob_study):
    session = fake_session(blob_study)
    first = studio_of(session.workspace)
    assert isinstance(first, Studio) and studio_of(session.workspace) is first
    assert first.sync() == first.sync() == 1
    session.workspace.open(Study(blob_study))
    assert studio_of(session.workspace) is not first


def test_without_strokes_no_model_is_saved(blob_study):
    with pytest.raises(DataError, match="must have strokes"):
        fake_session(blob_study).ask("paint.save")


def test_no_annotation_is_written_over_that_of_another_image():
    names = _annotation_names(["a/x.tif", "b/x.tif", "c.tif", "c.png", "d"])
    assert names[0] == "a-x_annotation.tif" and names[4] == "d_annotation.tif"
    assert len(set(names)) == 5
