"""Folders of images: what is written, what is kept, what a kill or a full disk leaves, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.io
import tifffile
import zarr

from clew.errors import SettingError, Stopped
from clew.learn import batch
from clew.learn.batch import RECORD, Wanted, check_model_folder, classify_files, is_zarr_name
from clew.learn.pixels import PixelClassifier
from clew.read.stack_writer import WriteError
from clew.read.stacks import open_stack
from clew.read.zarr_writer import ZarrWriter
from tests.pixel_worlds import discs, files_of, forest, model, write_images
from tests.study.test_study import disk_of

ROOM = int(4e9)
CLASSES = Wanted()
ALL = Wanted(probabilities=True, uncertainty=True, objects="cell", min_area=20)
SMALL = (1, 64, 128)  # a tile, of which images here have several


@pytest.fixture(scope="module")
def pixel_model():
    return model()


def run(pixel_model, paths, out, wanted=CLASSES, **settings):
    return classify_files(pixel_model, paths, out, **({"wanted": wanted, "memory": ROOM} | settings))


def small_tiles(monkeypatch):
    """Let images of the tests have several tiles."""
    monkeypatch.setattr(type(model()), "tiles", ((1, 128, 128), SMALL))


def write_zarr(path, pixels, chunk=(1, 64, 64), pixel_size=(None, 0.5, 0.5)):
    t, c, z, y, x = pixels.shape
    with ZarrWriter(
        path, shape=pixels.shape, dtype=pixels.dtype, chunk=chunk, pixel_size=pixel_size
    ) as writer:
        for i in range(t):
            writer.write(i, slice(0, z), slice(0, y), slice(0, x), pixels[i])
    return path


def killed(script, *args):
    """Run a script in a process that kills itself where the script says so."""
    code = f"import os, signal\nfrom tests.learn.test_batch import *\ndie = lambda: os.kill(os.getpid(), signal.SIGKILL)\n{script}"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, args)], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


# ---- what is written ----
def test_a_folder_gives_label_images_with_the_numbers_of_the_annotation(pixel_model, tmp_path):
    paths = write_images(tmp_path / "in", imagej=True, resolution=(4, 4), metadata={"unit": "um"})
    results = run(pixel_model, paths, tmp_path / "out", ALL)
    assert [one.status for one in results] == ["done"] * 3
    classifier = PixelClassifier.of(pixel_model.forest)
    for path, result in zip(paths, results):
        pixels = tifffile.imread(path)
        labels = tifffile.imread(tmp_path / "out" / "classes" / path.name)
        assert labels.dtype == np.uint8
        assert set(np.unique(labels)) == {1, 3}
        np.testing.assert_array_equal(labels, classifier.predict(pixels))
        assert result.pixels == {"ground": int((labels == 1).sum()), "cell": int((labels == 3).sum())}
        shares = open_stack(tmp_path / "out" / "probabilities" / path.name)
        assert shares.channel_names == ("cell", "ground")  # as the forest has them
        assert shares.dtype == np.float32
        whole = slice(None)
        np.testing.assert_array_equal(
            shares.read(0, whole, whole, whole)[:, 0], classifier.predict_proba(pixels)
        )
        unsure = tifffile.imread(tmp_path / "out" / "uncertainty" / path.name)
        np.testing.assert_array_equal(unsure, classifier.uncertainty(pixels))
        objects = tifffile.imread(tmp_path / "out" / "objects" / path.name)
        assert objects.max() == result.objects == 16  # discs
        assert np.bincount(objects.ravel())[1:].min() >= 20
        for what in ("classes", "probabilities", "uncertainty", "objects"):
            assert open_stack(tmp_path / "out" / what / path.name).pixel_size[1:] == pytest.approx(
                (0.25, 0.25)
            )


def test_times_of_an_ome_zarr_become_an_ome_zarr_with_objects_of_each_time(pixel_model, tmp_path):
    pixels = np.stack([discs(1), discs(2, (96, 192)).repeat(2, axis=0), discs(3)])[:, None, None]
    path = write_zarr(tmp_path / "movie.zarr", pixels)
    result = run(pixel_model, [path], tmp_path / "out", ALL)[0]
    assert result.out == [
        *(f"{what}/movie.zarr" for what in ("probabilities", "uncertainty", "classes")),
        "objects/movie.tif",  # which clew new takes
    ]
    counts = [
        open_stack(tmp_path / "out/objects/movie.tif").read(t, *[slice(None)] * 3).max() for t in range(3)
    ]
    assert counts[0] == counts[2] == 16
    assert result.objects == sum(counts)
    classes = open_stack(tmp_path / "out/classes/movie.zarr")
    assert classes.shape == (3, 1, 1, 192, 192)
    assert classes.pixel_size == (None, 0.5, 0.5)
    assert classes.notes == []
    shares = open_stack(tmp_path / "out/probabilities/movie.zarr")
    assert shares.channel_names == ("cell", "ground")  # as the forest has them
    attributes = zarr.open_group(tmp_path / "out/classes/movie.zarr", mode="r").attrs["ome"]["image-label"]
    assert attributes["properties"][2] == {"label-value": 3, "class": "cell"}
    assert attributes["properties"][1]["class"] == "unused 2"


def test_a_stack_of_all_five_axes_keeps_them(tmp_path):
    volume = np.stack([discs(i, (96, 192)) for i in range(12)]).reshape(2, 2, 3, 96, 192)
    axes, path = "TZCYX", tmp_path / "five.tif"
    told = {"axes": axes, "unit": "um", "spacing": 2.0}
    tifffile.imwrite(path, volume.transpose(0, 2, 1, 3, 4), imagej=True, resolution=(4, 4), metadata=told)
    stack = open_stack(path)
    assert stack.shape == (2, 2, 3, 96, 192)
    image = np.stack([discs(1), discs(2)])
    two = model_of(image, "CYX", list(stack.channel_names))
    result = run(two, [path], tmp_path / "out", Wanted(probabilities=True))[0]
    assert result.status == "done", result.why
    assert open_stack(tmp_path / "out/classes/five.tif").shape == (2, 1, 3, 96, 192)
    assert open_stack(tmp_path / "out/probabilities/five.tif").shape == (2, 2, 3, 96, 192)
    with tifffile.TiffFile(tmp_path / "out/classes/five.tif") as labels:  # as Fiji sees them
        assert labels.series[0].axes == "TZYX"
        assert labels.imagej_metadata["unit"] == "um"
        assert labels.imagej_metadata["spacing"] == 2.0
        numerator, denominator = labels.pages[0].tags["XResolution"].value
        assert numerator / denominator == 4
    with tifffile.TiffFile(tmp_path / "out/probabilities/five.tif") as shares:
        assert shares.series[0].axes == "TZCYX"
        assert shares.series[0].dtype == np.float32


def model_of(image, axes, channel_names):
    """A model of an image of several channels."""
    from clew.learn.pixel_model import PixelModel
    from clew.learn.pixel_training import train_pixels
    from clew.read.annotations import Annotation
    from clew.read.stacks import Stack
    from tests.pixel_worlds import NAMES, strokes

    stack = Stack.of(image, axes=axes, channel_names=channel_names)
    return PixelModel(
        train_pixels([stack], [Annotation.of(strokes(), class_names=NAMES)], features="small", trees=5)[0]
    )


def test_a_model_of_volumes_names_the_planes_it_refuses(tmp_path):
    from clew.learn.pixel_model import PixelModel

    volumes = PixelModel(forest(np.stack([discs(i) for i in range(3)]), "ZYX", sigmas=[1.0]))
    (plane,) = write_images(tmp_path / "in", 1)
    (result,) = run(volumes, [plane], tmp_path / "out")
    assert result.status == "failed"
    assert "trained on volumes" in result.why
    assert "a.tif" in result.why


def test_images_of_one_name_keep_apart(pixel_model, tmp_path):
    paths = [write_images(tmp_path / name, 1)[0] for name in ("x", "y")]
    results = run(pixel_model, paths, tmp_path / "out")
    assert [one.out for one in results] == [["classes/x/a.tif"], ["classes/y/a.tif"]]
    shutil.copy(paths[0], tmp_path / "x" / "a.tiff")
    results = run(pixel_model, [paths[0], tmp_path / "x" / "a.tiff"], tmp_path / "out 2")
    assert [one.out for one in results] == [["classes/a.tif.tif"], ["classes/a.tiff.tif"]]


# ---- one bad image ----
def test_bad_images_do_not_stop_the_others_and_are_named(pixel_model, tmp_path):
    paths = write_images(tmp_path / "in", 5)
    alone = run(pixel_model, paths[4:], tmp_path / "alone")
    paths[0].write_bytes(paths[0].read_bytes()[:20_000])
    pixels = discs(2).astype(np.float32)
    pixels[50, 60] = np.nan
    tifffile.imwrite(paths[1], pixels)
    tifffile.imwrite(paths[2], np.stack([discs(1), discs(2), discs(3)], axis=-1), photometric="rgb")
    paths[3].write_bytes(b"")
    results = run(pixel_model, paths, tmp_path / "out")
    assert [one.status for one in results] == ["failed"] * 4 + ["done"]
    for result, said in zip(results, ("a.tif", "y 50, x 60", "3 channels", "empty")):
        assert said in result.why
        assert result.why.endswith(".")
    assert results[4].pixels == alone[0].pixels
    assert list(files_of(tmp_path / "out" / "classes")) == ["e.tif"]  # nothing half-written


def test_a_corrupt_chunk_in_the_middle_fails_that_image_and_its_results_are_marked(
    pixel_model, tmp_path, monkeypatch
):
    small_tiles(monkeypatch)
    path = write_zarr(tmp_path / "a.zarr", discs(1, (320, 320))[None, None, None])
    other = write_zarr(tmp_path / "b.zarr", discs(2)[None, None, None])
    chunk = path / "0" / "c" / "2" / "2"
    chunk.write_bytes(chunk.read_bytes()[:30])
    bad, good = run(pixel_model, [path, other], tmp_path / "out", memory=ROOM)
    assert (bad.status, good.status) == ("failed", "done")
    assert "y 128 to 191, x 128 to 191" in bad.why
    left = tmp_path / "out/classes/a.zarr"
    assert not left.exists() or "incomplete" in " ".join(open_stack(left).notes)
    assert run(pixel_model, [path, other], tmp_path / "out")[1].status == "kept"


# ---- going on ----
def test_what_is_finished_is_kept_and_what_changed_is_done_again(pixel_model, tmp_path):
    paths, out = write_images(tmp_path / "in"), tmp_path / "out"
    run(pixel_model, paths, out)
    before = files_of(out)
    assert [one.status for one in run(pixel_model, paths, out)] == ["kept"] * 3
    assert files_of(out) == before
    tifffile.imwrite(paths[0], discs(9))
    (out / "classes" / "b.tif").unlink()
    results = run(pixel_model, paths, out)
    assert [one.status for one in results] == ["done", "done", "kept"]
    assert results[0].notes == ["a.tif: has changed since it was classified, and is classified again."]
    after = files_of(out)
    assert after["classes/b.tif"] == before["classes/b.tif"]
    assert after["classes/a.tif"] != before["classes/a.tif"]
    assert [one.status for one in run(pixel_model, paths, out)] == ["kept"] * 3


def test_a_changed_ome_zarr_is_done_again(pixel_model, tmp_path):
    path = write_zarr(tmp_path / "a.zarr", discs(1)[None, None, None])
    run(pixel_model, [path], tmp_path / "out", ALL)
    shutil.rmtree(path)
    write_zarr(path, discs(2)[None, None, None])
    assert run(pixel_model, [path], tmp_path / "out", ALL)[0].status == "done"
    run(pixel_model, [path], tmp_path / "new", ALL)
    assert files_of(tmp_path / "out") == {
        name: content if name != RECORD else files_of(tmp_path / "out")[RECORD]
        for name, content in files_of(tmp_path / "new").items()
    }


@pytest.mark.parametrize("cut", [1, 30])
def test_a_line_of_the_record_that_was_cut_short_is_ignored(pixel_model, tmp_path, cut):
    paths, out = write_images(tmp_path / "in"), tmp_path / "out"
    run(pixel_model, paths, out)
    whole = (out / RECORD).read_bytes()
    (out / RECORD).write_bytes(whole[:-cut])
    statuses = [one.status for one in run(pixel_model, paths, out)]
    assert statuses == ["kept", "kept", "done" if cut > 1 else "kept"]
    if cut > 1:
        assert (out / RECORD).read_bytes() == whole
    assert [one.status for one in run(pixel_model, paths, out)] == ["kept"] * 3


def test_results_of_another_model_or_other_settings_are_refused_and_replaced_on_request(
    pixel_model, tmp_path
):
    paths, out = write_images(tmp_path / "in"), tmp_path / "out"
    run(pixel_model, paths, out, ALL)
    before = files_of(out)
    other = model(random_state=1)
    for chosen, wanted in ((other, ALL), (pixel_model, Wanted()), (pixel_model, Wanted(objects="ground"))):
        with pytest.raises(SettingError, match=r"must be new.*objects cell.*--restart"):
            run(chosen, paths, out, wanted)
    assert files_of(out) == before
    assert [one.status for one in run(other, paths[:2], out, restart=True)] == ["done"] * 2
    assert set(files_of(out)) == {RECORD, "classes/a.tif", "classes/b.tif"}  # c.tif was another model's


def test_restart_does_the_named_images_again_and_keeps_the_others(pixel_model, tmp_path):
    paths, out = write_images(tmp_path / "in"), tmp_path / "out"
    run(pixel_model, paths, out)
    before = files_of(out)
    (out / "classes" / "a.tif").write_bytes(b"spoilt")
    assert run(pixel_model, paths[:1], out, restart=True)[0].status == "done"
    after = files_of(out)
    assert {name: content for name, content in after.items() if name != RECORD} == {
        name: content for name, content in before.items() if name != RECORD
    }
    assert [one.status for one in run(pixel_model, paths, out)] == ["kept"] * 3


@pytest.mark.parametrize("restart", [False, True])
def test_what_others_wrote_is_never_replaced(pixel_model, tmp_path, restart):
    paths, out = write_images(tmp_path / "in", 1), tmp_path / "out"
    (out / "classes").mkdir(parents=True)
    (out / "classes" / "a.tif").write_bytes(b"painted by hand")
    write_zarr(tmp_path / "raw.zarr", discs(5)[None, None, None])
    raw = files_of(tmp_path / "raw.zarr")
    for place in (out, tmp_path / "raw.zarr"):
        with pytest.raises(SettingError, match="did not write there"):
            run(pixel_model, paths, place, restart=restart)
    assert (out / "classes" / "a.tif").read_bytes() == b"painted by hand"
    assert files_of(tmp_path / "raw.zarr") == raw
    write_zarr(tmp_path / "new.probabilities.zarr", discs(5)[None, None, None])
    with pytest.raises(SettingError, match="did not write there"):
        run(pixel_model, paths, tmp_path / "new.zarr", Wanted(probabilities=True), restart=restart)


def test_an_ome_zarr_of_results_is_kept_refused_and_replaced(pixel_model, tmp_path):
    paths, out = write_images(tmp_path / "in", 2), tmp_path / "out.zarr"
    done = run(pixel_model, paths[:1], out, ALL)[0]
    assert done.out == ["out.probabilities.zarr", "out.uncertainty.zarr", "out.zarr", "out.objects.zarr"]
    kept = run(pixel_model, paths[:1], out, ALL)[0]
    assert (kept.status, kept.pixels, kept.objects) == ("kept", done.pixels, done.objects)
    for path, wanted in ((paths[0], Wanted()), (paths[1], ALL)):
        with pytest.raises(SettingError, match=r"Got others \(model .*a.tif, .*objects cell"):
            run(pixel_model, [path], out, wanted)
    replaced = run(pixel_model, paths[1:], out, ALL, restart=True)[0]
    assert replaced.status == "done"
    labels = open_stack(out).read(0, *[slice(None)] * 3)
    np.testing.assert_array_equal(
        labels[0, 0], PixelClassifier.of(pixel_model.forest).predict(tifffile.imread(paths[1]))
    )


# ---- kills, full disks, stops ----
def test_a_folder_goes_on_after_a_kill_and_ends_as_if_there_had_been_none(pixel_model, tmp_path):
    paths = write_images(tmp_path / "in", 4)
    killed(
        """
from clew.read.stack_writer import TiffWriter
finish, times = TiffWriter.finish, []
TiffWriter.finish = lambda self: (times.append(1), die() if len(times) == 7 else finish(self))
run(model(), sorted(Path(sys.argv[1]).iterdir()), Path(sys.argv[2]), ALL)
""",
        tmp_path / "in",
        tmp_path / "out",
    )
    left = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert any(name.endswith(".partial") for name in left)
    assert [one.status for one in run(pixel_model, paths, tmp_path / "out", ALL)] == [
        "kept",
        "done",
        "done",
        "done",
    ]
    run(pixel_model, paths, tmp_path / "whole", ALL)
    assert files_of(tmp_path / "out") == files_of(tmp_path / "whole")


@pytest.mark.parametrize("at", [3, 4, 11])  # between the two files of a tile, and between tiles
def test_a_large_ome_zarr_goes_on_after_a_kill_and_ends_as_if_there_had_been_none(
    pixel_model, tmp_path, monkeypatch, at
):
    small_tiles(monkeypatch)
    path = tmp_path / "large.tif"
    tifffile.imwrite(path, discs(1, (300, 700)))
    wanted = Wanted(probabilities=True, objects="cell")
    killed(
        f"""
import types
small_tiles(types.SimpleNamespace(setattr=setattr))
write, times = ZarrWriter._write, []
ZarrWriter._write = lambda self, *args: (times.append(1), die() if len(times) == {at} else write(self, *args))
run(model(), [Path(sys.argv[1])], Path(sys.argv[2]), Wanted(probabilities=True, objects="cell"))
""",
        path,
        tmp_path / "out.zarr",
    )
    assert "incomplete" in " ".join(open_stack(tmp_path / "out.zarr").notes)
    steps = []
    went_on = run(pixel_model, [path], tmp_path / "out.zarr", wanted, on_progress=lambda *n: steps.append(n))[
        0
    ]
    assert len(steps) < steps[-1][1] == steps[-1][0] == 18 if at > 4 else steps[-1] == (18, 18)
    whole = run(pixel_model, [path], tmp_path / "whole.zarr", wanted)[0]
    assert went_on.pixels == whole.pixels
    assert sum(went_on.pixels.values()) == 300 * 700  # of the whole image, not of this run's tiles
    assert went_on.objects == whole.objects
    for kind in ("", ".probabilities", ".objects"):
        out, straight = files_of(tmp_path / f"out{kind}.zarr"), files_of(tmp_path / f"whole{kind}.zarr")
        assert out.pop("zarr.json").replace(b'"name": "out', b'"name": "whole') == straight.pop("zarr.json")
        assert {name: out[name] for name in out if name != RECORD} == {
            name: straight[name] for name in straight if name != RECORD
        }


def test_a_large_image_goes_on_with_the_tile_it_was_begun_with(pixel_model, tmp_path, monkeypatch):
    small_tiles(monkeypatch)
    path = tmp_path / "large.tif"
    tifffile.imwrite(path, discs(1, (300, 700)))
    with pytest.raises(Stopped, match="the same command goes on"):
        run(pixel_model, [path], tmp_path / "out.zarr", on_progress=lambda done, total: done < 5)
    monkeypatch.setattr(type(pixel_model), "tiles", ((1, 256, 512), SMALL))  # as more memory would have it
    assert run(pixel_model, [path], tmp_path / "out.zarr")[0].status == "done"
    assert zarr.open_group(tmp_path / "out.zarr", mode="r")["0"].chunks == (128, 128)
    run(pixel_model, [path], tmp_path / "other.zarr")
    same = [open_stack(tmp_path / f"{name}.zarr").read(0, *[slice(None)] * 3) for name in ("out", "other")]
    np.testing.assert_array_equal(*same)


def test_a_stop_is_clean_and_a_later_run_goes_on(pixel_model, tmp_path):
    paths = write_images(tmp_path / "in")
    steps = []

    def until_the_second(done, total):
        steps.append((done, total))
        return done < 2

    with pytest.raises(Stopped, match="Stopped after 1 of 3 images; what is finished stays"):
        run(pixel_model, paths, tmp_path / "out", on_progress=until_the_second)
    assert steps == [(1, 3), (2, 3)]  # tiles over all files
    assert [one.status for one in run(pixel_model, paths, tmp_path / "out")] == ["kept", "done", "done"]


@pytest.mark.parametrize("out", ["out", "out.zarr"])
def test_a_full_disk_is_one_sentence_and_leaves_what_was_written(pixel_model, tmp_path, monkeypatch, out):
    small_tiles(monkeypatch)
    disk = tmp_path / "disk"
    disk_of(1, disk)
    path = tmp_path / "large.tif"
    rng = np.random.default_rng(0)
    tifffile.imwrite(path, rng.integers(0, 255, (512, 1024), np.uint8))
    (small,) = write_images(tmp_path / "in", 1)
    wanted = Wanted(probabilities=True)
    try:
        if out == "out":
            run(pixel_model, [small], disk / out, wanted)
        else:
            (disk / "filler").write_bytes(bytes(900_000))
        with pytest.raises(WriteError, match="^The disk must take"):
            run(pixel_model, [path], disk / out, wanted)
        if out == "out":  # nothing half-written, and what was finished is there
            assert {name for name in files_of(disk) if "partial" in name} == set()
            assert run(pixel_model, [small], disk / out, wanted)[0].status == "kept"
            return
        assert "incomplete" in " ".join(open_stack(disk / out).notes)
        (disk / "filler").unlink()
        whole = run(pixel_model, [path], disk / out, wanted)[0]
        assert sum(whole.pixels.values()) == 512 * 1024
        assert open_stack(disk / out).notes == []
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_disk_that_fails_is_no_fault_of_the_image(pixel_model, tmp_path, monkeypatch):
    paths = write_images(tmp_path / "in")
    monkeypatch.setattr(
        batch._Record, "add", lambda *args: (_ for _ in ()).throw(OSError(28, "No space left"))
    )
    with pytest.raises(OSError, match="No space"):
        run(pixel_model, paths, tmp_path / "out")


# ---- before the start ----
def test_the_work_is_said_before_it_begins(pixel_model, tmp_path):
    paths, said = write_images(tmp_path / "in"), []
    run(pixel_model, paths, tmp_path / "out", say=said.append)
    (sentence,) = said
    assert sentence.startswith("3 images, 0.11 megapixels in 3 tiles: about 1 s on ")
    assert sentence.endswith(" GB of memory.")
    run(pixel_model, paths, tmp_path / "out", say=said.append)
    assert len(said) == 1  # nothing to do


def test_places_and_settings_that_cannot_be_are_refused_before_the_work(pixel_model, tmp_path):
    paths = write_images(tmp_path / "in")
    (tmp_path / "file").write_text("text")
    for out, said in (
        (tmp_path / "no" / "out", "in a folder that is there"),
        (tmp_path / "file", "Got the file"),
        (tmp_path / "x.tif", "Got the file"),
        (tmp_path / "x.zarr", "a folder for several images"),
        (paths[0], "not be one of the images"),
    ):
        with pytest.raises(SettingError, match=said):
            run(pixel_model, paths, out)
    for wanted, said in (
        (Wanted(objects="cel"), "Did you mean 'cell'"),
        (Wanted(objects="cell", min_area=-1), "at least 0"),
        (Wanted(split="distance"), "go with 'objects'"),
    ):
        with pytest.raises(SettingError, match=said):
            run(pixel_model, paths, tmp_path / "out", wanted)
    assert not (tmp_path / "out").exists()
    assert is_zarr_name(Path("a.ZARR"))
    with pytest.raises(SettingError, match="It exists"):
        check_model_folder(tmp_path / "in")
    with pytest.raises(SettingError, match="must exist"):
        check_model_folder(tmp_path / "no" / "model")


def test_the_record_tells_what_made_the_results_and_no_place_of_this_machine(pixel_model, tmp_path):
    run(pixel_model, write_images(tmp_path / "in", 1), tmp_path / "out", ALL)
    made, line = map(json.loads, (tmp_path / "out" / RECORD).read_text().splitlines())
    assert made["made"]["model_sha256"] == pixel_model.forest.sha256
    assert made["made"]["wanted"]["objects"] == "cell"
    assert line["result"]["source"] == "a.tif"
    assert str(tmp_path) not in (tmp_path / "out" / RECORD).read_text()
    assert os.sep + "home" not in (tmp_path / "out" / RECORD).read_text()


def test_results_of_images_of_one_name_never_meet(pixel_model, tmp_path):
    (tmp_path / "in").mkdir()
    for seed, name in enumerate(("c.tif", "c.png", "c.png.tif", "d.ome.tif")):
        skimage.io.imsave(tmp_path / "in" / name, discs(seed), check_contrast=False)
    paths = sorted((tmp_path / "in").iterdir())
    results = run(pixel_model, paths, tmp_path / "out", Wanted())
    written = [name for one in results for name in one.out]
    assert sorted(written) == [
        "classes/c.png.tif",
        "classes/c.png.tif.tif",
        "classes/c.tif.tif",
        "classes/d.tif",
    ]
    assert len(list((tmp_path / "out" / "classes").iterdir())) == 4
