"""What is written as OME-Zarr is what zarr and ome-zarr read; cut short, it is marked incomplete and gone on with."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from clew.errors import DataError, SettingError, WriteError
from clew.read.stacks import open_stack
from clew.read.zarr_writer import DONE, ZarrWriter
from tests.read.test_stack_writer import (
    PIXELS,
    RNG,
    SIZE,
    block_of,
    no_file_above,
    tiles_of,
    tiles_that_do_not_fit,
    write_tiles,
)

zarr = pytest.importorskip("zarr")
WHOLE = slice(None)


def _zarr(path, pixels=PIXELS, **settings):
    return ZarrWriter(
        path, **({"shape": pixels.shape, "dtype": pixels.dtype, "chunk": (1, 16, 16)} | settings)
    )


# ---- OME-Zarr ----
@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("kept", ["YX", "CYX", "ZYX", "TCZYX"])
def test_zarrs_are_what_zarr_reads_and_what_the_specification_says(tmp_path, kept, version):
    pixels = PIXELS[tuple(slice(None) if axis in kept else slice(0, 1) for axis in "TCZYX")]
    names = ("a", "b", "c") if "C" in kept else ()
    write_tiles(
        _zarr(tmp_path / "a.zarr", pixels, version=version, channel_names=names, pixel_size=SIZE), pixels
    )
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="r")
    assert group.metadata.zarr_format == {"0.4": 2, "0.5": 3}[version]
    ome = dict(group.attrs) if version == "0.4" else group.attrs["ome"]
    (image,) = ome["multiscales"]
    assert (image if version == "0.4" else ome)["version"] == version
    assert "".join(axis["name"] for axis in image["axes"]).upper() == kept
    units = {axis["name"]: axis.get("unit") for axis in image["axes"]}
    assert units["y"] == units["x"] == "micrometer" and units.get("c") is None
    assert image["datasets"][0]["coordinateTransformations"][0]["scale"][-2:] == [0.5, 0.25]
    array = group[image["datasets"][0]["path"]]
    assert array.chunks == (1,) * (len(kept) - 2) + (16, 16)
    expected = pixels.squeeze(tuple(i for i, axis in enumerate("TCZYX") if axis not in kept))
    np.testing.assert_array_equal(array[...], expected)
    assert group.attrs["clew"]["complete"] is True and not (tmp_path / "a.zarr" / DONE).exists()
    stack = open_stack(tmp_path / "a.zarr")
    assert (
        stack.pixel_size == pytest.approx((SIZE[0] if "Z" in kept else None, 0.5, 0.25)) and not stack.notes
    )
    assert stack.channel_names == (names or ("gray",))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_label_images_lie_in_their_image_and_are_listed_there(tmp_path, version):
    shares, labels = PIXELS[:1].astype(np.float32) / 200, PIXELS[:1, :1] % 4
    out = tmp_path / "a.zarr"
    write_tiles(_zarr(out, shares, version=version, channel_names=("a", "b", "c")), shares)
    for name in ("classes", "again"):
        write_tiles(_zarr(out / "labels" / name, labels, version=version, classes=("a", "b", "c")), labels)
    group = zarr.open_group(str(out), mode="r")
    unwrap = (lambda attributes: attributes["ome"]) if version == "0.5" else dict
    assert unwrap(group["labels"].attrs)["labels"] == ["again", "classes"]
    told = unwrap(group["labels/classes"].attrs)["image-label"]
    assert told["properties"] == [{"label-value": i, "class": name} for i, name in enumerate("abc", start=1)]
    assert (
        told["source"] == {"image": "../../"}
        and len({tuple(colour["rgba"]) for colour in told["colors"]}) == 3
    )
    np.testing.assert_array_equal(
        open_stack(out / "labels" / "classes").read(0, WHOLE, WHOLE, WHOLE), labels[0]
    )
    np.testing.assert_array_equal(open_stack(out).read(0, WHOLE, WHOLE, WHOLE), shares[0])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_the_models_of_ome_zarr_find_images_and_labels_valid(tmp_path, version):
    models = pytest.importorskip("ome_zarr_models")
    labels, out = PIXELS[:1, :1] % 4, tmp_path / "a.zarr"
    write_tiles(_zarr(out, version=version, channel_names=("a", "b", "c"), pixel_size=SIZE), PIXELS)
    write_tiles(_zarr(out / "labels" / "classes", labels, version=version, classes=("x", "y", "z")), labels)
    models.open_ome_zarr(zarr.open_group(str(out), mode="r"))  # raises where the metadata are not valid
    models.open_ome_zarr(zarr.open_group(str(out / "labels" / "classes"), mode="r"))


# ---- tiles that do not fit ----
def test_tiles_that_do_not_fit_are_refused(tmp_path):
    writer = _zarr(tmp_path / "a.zarr")
    tiles_that_do_not_fit(writer)
    good = (slice(0, 1), slice(0, 16), slice(0, 16))
    block = PIXELS[0, :, :1, :16, :16]
    with pytest.raises(SettingError, match=r"must begin and end with chunks of \(1, 16, 16\)"):
        writer.write(0, slice(0, 1), slice(8, 24), slice(0, 16), block)
    writer.write(0, *good, block)
    with pytest.raises(SettingError, match="must be written once"):
        writer.write(0, *good, block)
    with pytest.raises(SettingError, match="All tiles of .* must be written. Got 1 of 96 chunks"):
        writer.finish()
    writer.abandon()


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": (1, 1, 5, 5)},
        {"shape": (1, 1, 1, 0, 5)},
        {"dtype": "complex64"},
        {"chunk": (0, 1, 1)},
        {"version": "0.3"},
        {"channel_names": ("a",)},
    ],
)
def test_settings_that_make_no_image_are_refused(tmp_path, wrong):
    with pytest.raises(SettingError):
        _zarr(tmp_path / "a.zarr", **wrong)
    assert not (tmp_path / "a.zarr").exists()


# ---- a full disk, a kill ----
def test_a_disk_that_is_full_leaves_a_readable_zarr_that_is_marked_incomplete(tmp_path):
    pixels = np.zeros((1, 1, 1, 256, 64), np.uint8)
    pixels[..., :128, :] = 7  # compresses to a few bytes a chunk
    pixels[..., 128:, :] = RNG.integers(0, 255, (128, 64))  # and this does not
    tiles = tiles_of(pixels.shape, (1, 64, 64))
    writer = _zarr(tmp_path / "a.zarr", pixels, chunk=(1, 64, 64))
    with (
        pytest.raises(
            WriteError, match=r"The disk must take what is written to '.*a\.zarr'. Got: .*too large"
        ),
        no_file_above(3500),
    ):
        write_tiles(writer, pixels, tiles[:2] + tiles[2:], n_threads=1)
    stack = open_stack(tmp_path / "a.zarr")
    assert "is incomplete" in stack.notes[0]
    done = [tile for tile in tiles if writer.is_done(*tile)]
    assert set(map(str, done)) <= set(map(str, tiles[:2]))
    for tile in done:
        np.testing.assert_array_equal(stack.read(*tile), block_of(pixels, tile))
    again = _zarr(tmp_path / "a.zarr", pixels, chunk=(1, 64, 64), resume=True)
    assert [tile for tile in tiles if again.is_done(*tile)] == done
    write_tiles(again, pixels, [tile for tile in tiles if not again.is_done(*tile)])
    stack = open_stack(tmp_path / "a.zarr")
    np.testing.assert_array_equal(stack.read(0, WHOLE, WHOLE, WHOLE), pixels[0])
    assert not stack.notes


def test_a_killed_process_is_gone_on_with_and_nothing_half_written_is_taken_for_done(tmp_path):
    code = """
import sys, time
import numpy as np
from clew.read.zarr_writer import ZarrWriter
pixels = np.random.default_rng(1).integers(0, 200, (1, 1, 1, 512, 512)).astype(np.uint8)
writer = ZarrWriter(sys.argv[1], shape=pixels.shape, dtype="uint8", chunk=(1, 64, 64), about={"model": "abc"})
for y in range(0, 512, 64):
    for x in range(0, 512, 64):
        writer.write(0, slice(0, 1), slice(y, y + 64), slice(x, x + 64), pixels[0, :, :, y:y + 64, x:x + 64])
        print(y, x, flush=True)
        time.sleep(0.01)
"""
    path = tmp_path / "a.zarr"
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    said = [process.stdout.readline() for _ in range(20)]
    process.kill()
    said += process.stdout.readlines()
    process.wait()
    pixels = np.random.default_rng(1).integers(0, 200, (1, 1, 1, 512, 512)).astype(np.uint8)
    tiles, settings = (
        tiles_of(pixels.shape, (1, 64, 64)),
        {"chunk": (1, 64, 64), "about": {"model": "abc"}, "resume": True},
    )
    assert open_stack(path).notes
    writer = _zarr(path, pixels, **settings)
    n_done = sum(writer.is_done(*tile) for tile in tiles)
    assert len(said) <= n_done + 1 and 20 <= n_done < 64
    writer.abandon()
    # a chunk that a power cut emptied, one that it took away, and a line that it cut
    chunks = [path / "0" / "c" / "0" / str(i) for i in (0, 1)]
    chunks[0].write_bytes(b"")
    chunks[1].unlink()
    with open(path / DONE, "ab") as file:
        file.write(b"[0, 0, 1, 448, 512, 448, 5")
    writer = _zarr(path, pixels, **settings)
    left = [tile for tile in tiles if not writer.is_done(*tile)]
    assert len(left) == 64 - n_done + 2 and left[:2] == tiles[:2]
    write_tiles(writer, pixels, left)
    np.testing.assert_array_equal(open_stack(path).read(0, WHOLE, WHOLE, WHOLE), pixels[0])
    assert json.loads((path / "zarr.json").read_text())["attributes"]["clew"]["complete"] is True
    finished = _zarr(path, pixels, **settings)
    assert all(finished.is_done(*tile) for tile in tiles)
    finished.finish()


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_what_ended_before_it_had_an_array_is_gone_on_with(tmp_path, monkeypatch, version):
    def no_room(*_, **__):
        raise OSError(28, "No space left")

    with monkeypatch.context() as full:
        full.setattr(zarr.Group, "create_array", no_room)
        with pytest.raises(WriteError, match=r"must take the image '.*a\.zarr'. Got: No space left"):
            _zarr(tmp_path / "a.zarr", version=version)
    write_tiles(_zarr(tmp_path / "a.zarr", version=version, resume=True), PIXELS)
    stack = open_stack(tmp_path / "a.zarr")
    np.testing.assert_array_equal(stack.read(1, WHOLE, WHOLE, WHOLE), PIXELS[1])
    assert not stack.notes


def test_only_what_was_begun_with_the_same_settings_is_gone_on_with(tmp_path):
    _zarr(tmp_path / "a.zarr", about={"model": "abc"}).abandon()
    with pytest.raises(DataError, match="must be one where nothing is"):
        _zarr(tmp_path / "a.zarr", about={"model": "abc"})
    for other, told in (
        ({"about": {"model": "abd"}}, "another about"),
        ({"about": {"model": "abc"}, "chunk": (1, 32, 32)}, "another chunk"),
        ({"about": {"model": "abc"}, "pixel_size": SIZE}, "another metadata"),
        ({"about": {"model": "abc"}, "dtype": "uint16"}, "another dtype"),
    ):
        with pytest.raises(DataError, match=told):
            _zarr(tmp_path / "a.zarr", resume=True, **other)
    _zarr(tmp_path / "a.zarr", about={"model": "abc"}, resume=True).abandon()
    shutil.rmtree(tmp_path / "a.zarr")
    (tmp_path / "a.zarr").mkdir()
    with pytest.raises(DataError, match="must be one that was begun"):
        _zarr(tmp_path / "a.zarr", resume=True)


def test_the_checksum_of_a_tile_can_fail(tmp_path):
    """The mutant: with the pixels of another tile in its chunk, a tile must not count as done."""
    writer = _zarr(tmp_path / "a.zarr")
    tiles = tiles_of(PIXELS.shape, (1, 16, 16))
    for tile in tiles[:2]:
        writer.write(*tile, block_of(PIXELS, tile))
    writer.abandon()
    first, second = ((tmp_path / "a.zarr" / "0" / "c" / "0" / "0" / "0" / "0" / name) for name in "01")
    first.write_bytes(second.read_bytes())
    writer = _zarr(tmp_path / "a.zarr", resume=True)
    assert [writer.is_done(*tile) for tile in tiles[:3]] == [False, True, False]
    writer.abandon()
