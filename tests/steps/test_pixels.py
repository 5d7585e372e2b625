"""From painted images to a model and to label images, as a person types it: what is said, and what is refused."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import tifffile

from clew import steps
from clew.cli import main
from clew.errors import DataError, Stopped
from clew.learn.forest import Forest
from clew.read.annotations import Annotation, write_annotation
from clew.read.stacks import open_stack
from clew.steps import pixels
from clew.steps.outcome import plain
from clew.steps.pixel_nets import few
from tests.conftest import shared
from tests.learn.test_batch import write_zarr
from tests.pixel_worlds import NAMES, discs, files_of, strokes, write_images

QUICK = {"features": "small", "trees": 10}
FLAGS = ["--features", "small", "--trees", "10"]
NAMED = "1=ground,3=cell"


@pytest.fixture
def clew(capsys):
    """Run a command line in this process; return exit status, what it printed, and what it said on stderr."""

    def run(*args):
        with pytest.raises(SystemExit) as left:
            main([str(arg) for arg in args])
        said = capsys.readouterr()
        return left.value.code, said.out, said.err

    return run


@pytest.fixture
def world(tmp_path):
    """A folder with an image and, beside it, what was painted on it."""
    folder = tmp_path / "painted"
    folder.mkdir()
    tifffile.imwrite(folder / "cells.tif", discs())
    tifffile.imwrite(folder / "cells_annotation.tif", strokes())
    return folder


@pytest.fixture
def trained(world, tmp_path):
    pixels.train([world], annotations=[world], out=tmp_path / "model", classes=NAMED, folds=0, **QUICK)
    return tmp_path / "model"


def refused(status, out, err, said):
    """One sentence on stderr, nothing on stdout, exit status 2."""
    sentences = [line for line in err.splitlines() if not line.startswith("Compiling")]
    assert (status, out) == (2, "")
    assert len(sentences) == 1, err
    assert "Traceback" not in err
    assert said in sentences[0], sentences[0]
    assert sentences[0].endswith((".", "?")), sentences[0]


# ---- train ----
def test_a_folder_may_hold_images_and_annotations_together(world, tmp_path):
    (world / "notes.txt").write_text("by hand")
    told = pixels.train([world], annotations=[world], out=tmp_path / "model", classes=NAMED, **QUICK)
    assert told.data["images"] == ["cells.tif"]
    assert told.data["classes"] == ["cell", "ground"]
    assert told.data["pixels"] == (strokes() > 0).sum()
    text = "\n".join(told.lines)
    assert (
        f"Trained on {told.data['pixels']} painted pixels of 1 image; classes: ground (1), cell (3)." in text
    )
    assert "Next: clew pixels predict" in text
    assert Forest.load_model(tmp_path / "model").sha256 == told.data["sha256"]


def test_what_validation_says_is_in_text_and_json(world, tmp_path):
    told = pixels.train([world], annotations=[world], out=tmp_path / "model", classes=NAMED, **QUICK)
    assert "On held-out strokes" in "\n".join(told.lines)
    data = json.loads(json.dumps(plain(told.data), allow_nan=False))
    assert 0.9 < data["validation"]["metrics"]["accuracy"]["value"] <= 1
    assert {"model", "images", "pixels", "classes", "sha256", "validation", "features"} <= set(data)


def test_without_folds_nothing_is_validated(world, tmp_path):
    told = pixels.train([world], annotations=[world], out=tmp_path / "model", folds=0, **QUICK)
    assert told.data["validation"] is None
    assert "Not validated" not in "\n".join(told.lines)


def test_what_cannot_be_validated_stays_a_model_and_the_reason_is_said(world, tmp_path):
    labels = strokes()
    labels[60:] = 0  # one stroke of cells
    tifffile.imwrite(world / "cells_annotation.tif", labels)
    told = pixels.train(
        [world], annotations=[world], out=tmp_path / "model", **QUICK | {"features": "medium"}
    )
    (reason,) = [one for one in told.warnings if one.startswith("Not validated")]
    assert "--features small" in reason
    assert told.data["validation"] is None
    assert Forest.load_model(tmp_path / "model").n_trees == 10
    told = pixels.train([world], annotations=[world], out=tmp_path / "model 2", **QUICK)
    assert not any("--features small" in one for one in told.warnings)  # they are


def test_large_annotations_are_validated_in_part_and_that_is_said(world, tmp_path, monkeypatch):
    monkeypatch.setattr(pixels, "MOST_VALIDATED", 60)
    told = pixels.train([world], annotations=[world], out=tmp_path / "model", **QUICK)
    assert any(re.match(r"At most 60 of up to \d+ pixels trained in a fold", one) for one in told.warnings)


def test_order_names_and_places_of_files_do_not_change_the_model(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    for i, (first, second) in enumerate((("a", "z"), ("b", "y"), ("c", "x"))):
        for folder, name in (("one", first), ("two", second)):
            tifffile.imwrite(tmp_path / folder / f"{name}.tif", np.roll(discs(), 2 * i, axis=1))
            tifffile.imwrite(tmp_path / folder / f"{name}_annotation.tif", np.roll(strokes(), 2 * i, axis=1))
    one, two = sorted((tmp_path / "one").iterdir()), sorted((tmp_path / "two").iterdir())
    pixels.train([tmp_path / "one"], annotations=[tmp_path / "one"], out=tmp_path / "m1", folds=0, **QUICK)
    pixels.train(two[0::2][::-1], annotations=two[1::2], out=tmp_path / "m2", folds=0, n_jobs=1, **QUICK)
    assert files_of(tmp_path / "m1") == files_of(tmp_path / "m2")
    pixels.train(one[0::2][:2], annotations=one[1::2][:2], out=tmp_path / "m3", folds=0, **QUICK)
    assert files_of(tmp_path / "m1") != files_of(tmp_path / "m3")  # the mutant: another painting


def test_an_annotation_of_a_part_needs_its_offset(clew, tmp_path):
    folder = shared("images/nuclei_bbbc038_0bf4b1/0bf4b1.tif").parent
    painted = [
        "--annotations",
        folder / "0bf4b1_pixel_annotation.tif",
        "--out",
        tmp_path / "model",
        "--folds",
        "0",
    ]
    args = ["pixels", "train", folder / "0bf4b1.tif", *painted, *FLAGS]
    refused(*clew(*args), "Got 60 x 60 instead. Give its 'offset'")
    assert not (tmp_path / "model").exists()
    status, out, _ = clew(*args, "--offset", "4,106")
    assert status == 0
    assert "Trained on 969 painted pixels" in out


def no_class(world):
    tifffile.imwrite(world / "cells_annotation.tif", np.where(strokes() == 3, 3, 0).astype(np.uint8))


def one_pixel(world):
    labels = np.where(strokes() == 3, 3, 0).astype(np.uint8)
    labels[2, 2] = 1
    tifffile.imwrite(world / "cells_annotation.tif", labels)


def other_content(world):
    (world / "cells_annotation.tif").unlink()
    tifffile.imwrite(world / "other.tif", discs(1))
    sha256 = open_stack(world / "other.tif").sha256()
    (world / "other.tif").unlink()
    painted = Annotation.of(
        strokes(),
        class_names=NAMES,
        image_name="cells.tif",
        image_sha256=sha256,
        image_shape=(1, 1, 192, 192),
    )
    write_annotation(painted, world / "cells_annotation.tif")


def not_a_number(world):
    image = discs().astype(np.float32)
    image[90, 7] = np.nan
    tifffile.imwrite(world / "cells.tif", image)


def cut_short(world):
    (world / "cells.tif").write_bytes((world / "cells.tif").read_bytes()[:9000])


def zero_size(world):
    import zarr

    (world / "cells.tif").unlink()
    group = zarr.open_group(str(world / "cells.zarr"), mode="w")
    group.create_array("0", shape=(0, 192), dtype="uint8", chunks=(64, 64))
    axes = [{"name": axis, "type": "space"} for axis in "yx"]
    scale = [{"type": "scale", "scale": [1.0, 1.0]}]
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}],
    }


@pytest.mark.parametrize(
    "spoil, said",
    [
        (no_class, "at least two classes. Got only '3'"),
        (one_pixel, "at least 2 painted pixels. Got 1 of '1'"),
        (other_content, "with other content"),
        (not_a_number, "must be finite numbers. Got nan at t 0, channel 0 (gray), z 0, y 90, x 7"),
        (cut_short, "cells.tif"),
        (zero_size, "must have a length"),
        (
            lambda world: tifffile.imwrite(world / "cells_annotation.tif", strokes()[:60]),
            "must have the shape of the image",
        ),
        (lambda world: (world / "cells_annotation.tif").unlink(), "must name at least one file"),
        (lambda world: (world / "cells.tif").unlink(), "must name at least one file"),
    ],
)
def test_what_cannot_train_is_one_sentence_and_leaves_nothing(clew, world, tmp_path, spoil, said):
    spoil(world)
    refused(
        *clew("pixels", "train", world, "--annotations", world, "--out", tmp_path / "model", *FLAGS), said
    )
    assert {path.name for path in tmp_path.iterdir()} == {"painted"}


@pytest.mark.parametrize(
    "flags, said",
    [
        (["--classes", "ground,cell"], "like 1=background,2=nucleus"),
        (["--classes", "1=ground,1=cell"], "each number once"),
        (["--classes", "1=,3=cell"], "like 1=background"),
        (["--classes", "1=cell,3=cell"], "must all differ"),
        (["--offset", "4;106"], "like 4,106"),
        (["--offset", "4,-106"], "like 4,106"),
        (["--offset", "²,1"], "like 4,106"),
        (["--sigmas", "1,x"], "numbers with commas"),
        (["--sigmas", "1,-2"], "sigmas"),
        (["--sigmas", "nan"], "sigmas"),
        (["--features", "gausian"], "Did you mean 'gaussian'?"),
        (["--folds", "1"], "0, or at least 2"),
        (["--folds", "two"], "not a valid int"),
        (["--trees", "0"], "trees"),
        (["--depth", "0"], "depth"),
        (["--normalise", "otsy"], "otsy"),
        (["--dimensions", "4"], "4"),
        (["--random-state", "-1"], "random_state"),
        (["--n-jobs", "0"], "n_jobs"),
        (["--out", "no/such/model"], "must exist to hold a model"),
        (["--out", "painted"], "must be a new one"),
    ],
)
def test_settings_that_cannot_be_are_one_sentence_and_leave_nothing(
    clew, world, tmp_path, monkeypatch, flags, said
):
    monkeypatch.chdir(tmp_path)
    refused(
        *clew("pixels", "train", "painted", "--annotations", "painted", "--out", "model", *FLAGS, *flags),
        said,
    )
    assert {path.name for path in tmp_path.iterdir()} == {"painted"}


def test_annotations_that_a_shell_spread_among_the_images_are_not_lost(clew, world, tmp_path):
    tifffile.imwrite(world / "more.tif", discs(1))
    tifffile.imwrite(world / "more_annotation.tif", strokes())
    spread = [
        world / "cells.tif",
        world / "more.tif",
        "--annotations",
        world / "cells_annotation.tif",
        world / "more_annotation.tif",
    ]
    refused(*clew("pixels", "train", *spread, "--out", tmp_path / "model"), "must be named by --annotations")


def test_annotations_that_are_not_named_are_said_to_be_left_aside(world, tmp_path):
    tifffile.imwrite(world / "cells_annotation_2.tif", strokes())
    told = pixels.train(
        [world], annotations=[world / "cells_annotation.tif"], out=tmp_path / "model", folds=0, **QUICK
    )
    assert "Left aside, being named as annotations of other images: cells_annotation_2.tif." in told.warnings


def test_an_interrupt_in_training_leaves_nothing(clew, world, tmp_path, monkeypatch):
    from clew.learn import model_file

    def interrupt(*args, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(model_file, "_write", interrupt)  # at the worst moment: the folder is half-written
    status, out, err = clew(
        "pixels", "train", world, "--annotations", world, "--out", tmp_path / "model", *FLAGS
    )
    assert (status, out) == (130, "")
    assert err.splitlines()[-1] == "Stopped; nothing was recorded."
    assert {path.name for path in tmp_path.iterdir()} == {"painted"}


# ---- predict ----
def test_a_folder_is_predicted_and_failures_are_named_at_the_end_with_status_1(clew, trained, tmp_path):
    paths = write_images(tmp_path / "in", 4)
    paths[1].write_bytes(paths[1].read_bytes()[:9000])
    tifffile.imwrite(paths[2], np.stack([discs(i) for i in range(3)], axis=-1), photometric="rgb")
    args = ["pixels", "predict", trained, tmp_path / "in", "--out", tmp_path / "out"]
    status, out, err = clew(*args)
    assert status == 1
    lines = out.splitlines()
    assert re.match(r"2 of 4 images classified: cell \(3\) 1\d\.\d%, ground \(1\) 8\d\.\d%\.", lines[0])
    assert lines[1] == f"Results: {tmp_path / 'out'}"
    assert lines[2] == "2 failed:"
    assert lines[3].startswith("  b.tif: ")
    assert lines[4].startswith("  c.tif: The model was trained on images with 1 channel (gray)")
    assert "4 images" not in err
    assert "2 images, 0.07 megapixels in 2 tiles: about 1 s on" in err  # what can be done
    status, out, err = clew(*args, "--json")
    data = json.loads(out)
    assert status == 1
    assert {"out", "model_sha256", "classes", "files", "failed", "warnings", "seconds", "verb"} <= set(data)
    assert data["failed"] == 2
    assert data["classes"] == {"cell": 3, "ground": 1}
    assert [one["status"] for one in data["files"]] == ["kept", "failed", "failed", "kept"]
    keys = {"source", "status", "out", "pixels", "objects", "small", "seconds", "why", "notes"}
    assert all(set(one) == keys for one in data["files"])


def test_when_all_fail_that_is_said(clew, trained, tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\0")
    status, out, _ = clew("pixels", "predict", trained, tmp_path / "a.tif", "--out", tmp_path / "out")
    assert status == 1
    assert out.splitlines()[:2] == ["0 of 1 image classified.", "No results."]


def test_annotations_beside_the_images_are_not_classified(trained, world, tmp_path):
    told = pixels.predict(trained, [world], out=tmp_path / "out")
    assert [one["source"] for one in told.data["files"]] == ["cells.tif"]
    assert "cells_annotation.tif" in told.warnings[-1]
    told = pixels.predict(trained, [world / "cells_annotation.tif"], out=tmp_path / "other")
    assert told.data["files"][0]["status"] == "done"  # who names it, wants it


def test_one_ome_zarr_lists_all_that_was_written(trained, world, tmp_path):
    told = pixels.predict(
        trained,
        [world / "cells.tif"],
        out=tmp_path / "o.zarr",
        probabilities=True,
        objects="cell",
        min_area=30,
    )
    written = [f"{tmp_path}/o.{name}zarr" for name in ("probabilities.", "", "objects.")]
    assert f"Results: {', '.join(written)}" in told.lines
    assert "16 objects of cell (3)." in told.lines
    told = pixels.predict(
        trained, [world / "cells.tif"], out=tmp_path / "o2.zarr", objects="cell", min_area=10**5
    )
    assert any(re.match(r"0 objects of cell \(3\); \d+ smaller ones left out\.", line) for line in told.lines)


def test_a_model_trained_at_another_depth_says_what_was_done(trained, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", discs().astype(np.uint16) * 200)
    told = pixels.predict(trained, [tmp_path / "a.tif"], out=tmp_path / "out")
    assert told.warnings == ["a.tif: the model was trained on uint8, this is uint16; each image is normalised by itself (otsu), so the depth does not matter."]  # fmt: skip


@pytest.mark.parametrize(
    "flags, said",
    [
        (["--memory", "2"], "like 2GB or 500MB"),
        (["--memory", "1MB"], "of pixels predict must be at least "),
        (["--objects", "cells"], "Did you mean 'cell'?"),
        (["--min-area", "5"], "go with 'objects'"),
        (["--objects", "cell", "--min-area", "-5"], "at least 0"),
        (["--split", "watershed"], "watershed"),
        (["--out", "painted/cells.tif"], "not be one of the images"),
    ],
)
def test_predictions_that_cannot_be_are_one_sentence(
    clew, trained, world, tmp_path, monkeypatch, flags, said
):
    monkeypatch.chdir(tmp_path)
    refused(*clew("pixels", "predict", "model", "painted", "--out", "out", *flags), said)
    assert {path.name for path in tmp_path.iterdir()} == {"painted", "model"}


def test_models_of_another_kind_are_refused_with_the_verb_to_use(clew, trained, world, tmp_path):
    frame = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0) % 2})
    frame.to_csv(tmp_path / "t.csv", index=False)
    from clew.learn.training import train
    from clew.samples import Samples

    samples = Samples(
        features=frame.to_numpy(np.float32),
        feature_names=("a", "b"),
        units=("", ""),
        sample=np.array([str(i) for i in range(20)]),
        origin=pd.DataFrame({"source": ["t.csv"] * 20}),
        group=np.array([str(i) for i in range(20)]),
        labels=np.where(frame["b"] > 0, "x", "y"),
    )
    train(samples, trees=3, measure={"kind": "table"}).save_model(tmp_path / "table")
    refused(
        *clew("pixels", "predict", tmp_path / "table", world, "--out", tmp_path / "o"),
        "rows of a table, which `clew predict` uses",
    )
    refused(
        *clew("predict", trained, tmp_path / "t.csv", "--out", tmp_path / "p.csv"),
        "which `clew pixels predict` uses",
    )
    refused(
        *clew("pixels", "predict", tmp_path / "none", world, "--out", tmp_path / "o"),
        "none' must exist",
    )
    refused(*clew("pixels", "predict", trained, tmp_path / "none.tif", "--out", tmp_path / "o"), "must exist")


def test_an_interrupt_says_that_the_same_command_goes_on(clew, trained, world, tmp_path, monkeypatch):
    from clew.learn import batch

    def interrupt(*args, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(batch, "classify_files", interrupt)
    status, out, err = clew("pixels", "predict", trained, world, "--out", tmp_path / "o")
    assert (status, out) == (130, "")
    assert err == "Stopped; what is finished stays, and the same command goes on.\n"


def test_a_full_disk_is_one_sentence_with_status_2(clew, trained, tmp_path, monkeypatch):
    from clew.read.stack_writer import TiffWriter

    write_images(tmp_path / "in")
    put, times = TiffWriter._put, []

    def full(self, place, block):
        times.append(1)
        if len(times) > 1:
            raise OSError(28, "No space left on device")
        put(self, place, block)

    args = ["pixels", "predict", trained, tmp_path / "in", "--out", tmp_path / "out"]
    with monkeypatch.context() as one:  # `undo` would take back what other fixtures have patched
        one.setattr(TiffWriter, "_put", full)
        status, out, err = clew(*args)
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith("The disk must take what is written to")
    assert [name for name in files_of(tmp_path / "out") if name.startswith("classes")] == ["classes/a.tif"]
    status, out, err = clew(*args)
    assert status == 0, err
    assert out.startswith("3 of 3 images classified, 1 of them before: ")


def test_a_stop_by_the_progress_goes_on_later(trained, tmp_path):
    write_images(tmp_path / "in")
    with pytest.raises(Stopped, match="the same command goes on"):
        pixels.predict(
            trained, [tmp_path / "in"], out=tmp_path / "out", on_progress=lambda done, total: done < 2
        )
    told = pixels.predict(trained, [tmp_path / "in"], out=tmp_path / "out")
    assert told.lines[0].startswith("3 of 3 images classified, 1 of them before: ")


def test_a_movie_as_ome_zarr_goes_in_and_out(trained, tmp_path):
    movie = write_zarr(tmp_path / "movie.zarr", np.stack([discs(1), discs(2)])[:, None, None])
    told = pixels.predict(trained, [movie], out=tmp_path / "out", uncertainty=True)
    assert told.data["files"][0]["out"] == ["uncertainty/movie.zarr", "classes/movie.zarr"]
    assert open_stack(tmp_path / "out/uncertainty/movie.zarr").shape == (2, 1, 1, 192, 192)


def test_what_is_said_of_many_images_is_said_once_to_people_and_of_each_to_scripts(trained, tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(4):
        tifffile.imwrite(tmp_path / "in" / f"{i}.tif", discs(i).astype(np.uint16))
    told = pixels.predict(trained, [tmp_path / "in"], out=tmp_path / "out")
    assert told.lines[-1].startswith("4 images (0.tif, ...): the model was trained on uint8, this is uint16")
    assert len(told.warnings) == 4


def test_many_remarks_are_cut_for_people():
    said = few([f"Remark {i}" for i in range(25)])
    assert said[0] == ""
    assert said[1] == "Remark 0."
    assert said[-1] == "... and 5 more remarks (--json lists all)."
    assert few([]) == []


# ---- the whole way, on real images ----
def test_a_folder_of_annotated_crops_is_the_issues_example(tmp_path):
    crops = shared("images/bbbc007/pixel_annotated_crops")
    told = pixels.train([crops], annotations=[crops], out=tmp_path / "model", folds=0, trees=20)
    assert len(told.data["images"]) == 4
    assert told.data["class_counts"] == {"1": 2218, "2": 1803}
    predicted = pixels.predict(tmp_path / "model", [crops], out=tmp_path / "out")
    assert [one["status"] for one in predicted.data["files"]] == ["done"] * 4
    right = total = 0
    for annotation in sorted(crops.glob("*_annotation.tif")):
        painted = tifffile.imread(annotation)
        labels = tifffile.imread(tmp_path / "out" / "classes" / annotation.name.replace("_annotation", ""))
        right, total = right + (labels == painted)[painted > 0].sum(), total + (painted > 0).sum()
    assert right / total > 0.9


def test_results_are_compared_by_the_third_verb(trained, world, tmp_path):
    out = pixels.predict(trained, [world / "cells.tif"], out=tmp_path / "out")
    y, x = (np.indices((192, 192))[axis] % 48 - 36 for axis in (0, 1))
    (tmp_path / "truth").mkdir()
    tifffile.imwrite(tmp_path / "truth" / "cells.tif", np.where(y**2 + x**2 < 81, 3, 1).astype(np.uint8))
    told = steps.comparing.compare(tmp_path / "truth", tmp_path / "out" / "classes", background=1)
    assert told.data["pixels"]["metrics"]["jaccard"]["value"] > 0.8
    assert out.status == 0


def test_models_and_results_move_with_their_folders(trained, world, tmp_path):
    pixels.predict(trained, [world / "cells.tif"], out=tmp_path / "out")
    for name in ("model", "out", "painted"):
        shutil.move(tmp_path / name, tmp_path / f"moved {name}")
    told = pixels.predict(tmp_path / "moved model", [tmp_path / "moved painted"], out=tmp_path / "moved out")
    assert told.data["files"][0]["status"] == "kept"


def test_the_model_refuses_what_is_none_for_pixels_in_python_too(world, tmp_path):
    with pytest.raises(DataError, match="must be a model that clew saved"):
        pixels.predict(world, [world], out=tmp_path / "out")


def test_names_of_classes_that_nobody_painted_are_refused(clew, world, tmp_path):
    refused(
        *clew(
            "pixels",
            "train",
            world,
            "--annotations",
            world,
            "--classes",
            "1=ground,9=cell",
            "--out",
            tmp_path / "m",
        ),
        "must be painted ones (1, 3). Got 9=cell",
    )
    assert not (tmp_path / "m").exists()


def test_axes_that_no_file_tells_are_told_on_the_command_line(clew, trained, tmp_path):
    tifffile.imwrite(tmp_path / "movie.tif", np.stack([discs(1), discs(2)]), photometric="minisblack")
    series = clew(
        "pixels", "predict", trained, tmp_path / "movie.tif", "--out", tmp_path / "t", "--axes", "TYX"
    )
    assert series[0] == 0
    assert open_stack(tmp_path / "t/classes/movie.tif").shape[0] == 2
    assert "planes in depth (Z)" not in series[1]
    depth = clew("pixels", "predict", trained, tmp_path / "movie.tif", "--out", tmp_path / "z")
    assert "planes in depth (Z)" in depth[1] and "--axes TYX" in depth[1]
    assert open_stack(tmp_path / "z/classes/movie.tif").shape[2] == 2


def test_many_close_calls_are_said_and_few_are_not(tmp_path):
    folder = shared("images/nuclei_bbbc038_0bf4b1/0bf4b1.tif").parent
    image, painted = folder / "0bf4b1.tif", folder / "0bf4b1_pixel_annotation.tif"
    said = {}
    for features in (
        "small",
        "medium",
    ):  # filters that reach further than what was painted, a corner, only guess elsewhere
        pixels.train(
            [image], annotations=[painted], offset="4,106", out=tmp_path / features, features=features
        )
        told = pixels.predict(tmp_path / features, [image], out=tmp_path / f"{features}.out")
        said[features] = any("nearly as likely" in one for one in told.warnings)
    assert said == {"small": False, "medium": True}
