"""A stack always has the axes T, C, Z, Y, X, whatever the file, and what it cannot give is refused with its place."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from clew.errors import DataError, SettingError
from clew.read import stacks
from clew.read.images import read_image
from clew.read.pieces import _Recent
from clew.read.stacks import Stack, find_stacks, open_stack
from tests.conftest import shared

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 200, (2, 3, 4, 20, 30)).astype(np.uint8)  # T, C, Z, Y, X
WHOLE = slice(None)


def _plane(stack):
    return stack.read(0, WHOLE, WHOLE, WHOLE)[:, 0]


# ---- arrays ----
@pytest.mark.parametrize("axes", ["YX", "XY", "YXC", "YXS", "CYX", "ZYX", "TYX", "XCZTY", "TCZYX"])
def test_arrays_of_any_axes_become_stacks(axes):
    told = axes.replace("S", "C")
    expected = PIXELS[tuple(slice(None) if axis in told else slice(0, 1) for axis in "TCZYX")]
    array = expected.squeeze(tuple(i for i, axis in enumerate("TCZYX") if axis not in told))
    ordered = [axis for axis in "TCZYX" if axis in told]
    stack = Stack.of(array.transpose([ordered.index(axis) for axis in told]), axes=axes)
    assert stack.shape == expected.shape and stack.dtype == np.uint8 and stack.path is None
    for t in range(len(expected)):
        np.testing.assert_array_equal(
            stack.read(t, WHOLE, slice(3, 9), slice(5, 30)), expected[t][:, :, 3:9, 5:]
        )


def test_the_array_is_not_copied_and_cannot_be_changed_through_the_stack():
    array = PIXELS[0, 0, 0].copy()
    block = Stack.of(array).read(0, WHOLE, WHOLE, WHOLE)
    assert np.shares_memory(block, array)
    with pytest.raises(ValueError, match="read-only"):
        block[0, 0, 0, 0] = 1
    array[0, 0] = 77  # still the caller's


def test_channels_and_pixel_sizes_are_told_and_checked():
    stack = Stack.of(
        PIXELS[0, :, 0], axes="CYX", channel_names=("a", "b", "c"), pixel_size=(0.5, 0.25), name="my"
    )
    assert stack.channel_names == ("a", "b", "c") and stack.pixel_size == (None, 0.5, 0.25)
    assert repr(stack) == "<Stack my: CYX 3 x 20 x 30 of uint8>"
    assert Stack.of(PIXELS[0, :, 0], axes="CYX").channel_names == ("c1", "c2", "c3")
    assert Stack.of(PIXELS[0, 0, 0]).channel_names == ("gray",)
    for wrong in (
        {"axes": "YX"},
        {"axes": "AYX"},
        {"axes": "CYY"},
        {"axes": "CZX"},
        {"axes": "CYX", "channel_names": ("a", "b")},
        {"axes": "CYX", "channel_names": ("a", "b", "a")},
        {"axes": "CYX", "pixel_size": (0.5, 0.0)},
        {"axes": "CYX", "pixel_size": (1.0, 1.0, 1.0, 1.0)},
    ):
        with pytest.raises(SettingError, match="of 'image' must be"):
            Stack.of(PIXELS[0, :, 0], **wrong)


@pytest.mark.parametrize(
    "array", [np.zeros((0, 5)), np.zeros((5, 5), complex), np.full((5, 5), "a"), np.zeros((3, 3), "M8[s]")]
)
def test_arrays_without_pixels_or_numbers_are_refused(array):
    with pytest.raises(DataError, match="'image' must"):
        Stack.of(array)


def test_booleans_are_numbers_and_other_byte_orders_are_ours():
    assert Stack.of(PIXELS[0, 0, 0] > 100).dtype == np.uint8
    foreign = Stack.of(PIXELS[0, 0, 0].astype(">u2"))
    assert foreign.dtype.isnative and _plane(foreign).dtype.isnative
    np.testing.assert_array_equal(_plane(foreign)[0], PIXELS[0, 0, 0])


def test_regions_are_checked():
    stack = Stack.of(PIXELS, axes="TCZYX")
    for t in (-1, 2):
        with pytest.raises(SettingError, match="'t' of <Stack image.* must be from 0 to 1"):
            stack.read(t, WHOLE, WHOLE, WHOLE)
    with pytest.raises(SettingError, match="must have no step"):
        stack.read(0, WHOLE, slice(0, 9, 2), WHOLE)
    with pytest.raises(SettingError, match="must not be empty"):
        stack.read(0, WHOLE, slice(25, 40), WHOLE)
    assert stack.read(0, WHOLE, slice(15, 40), WHOLE).shape == (3, 4, 5, 30)


# ---- what no pixel may be ----
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_pixels_that_are_no_finite_number_are_refused_with_their_place_in_the_whole(tmp_path, value, dtype):
    pixels = PIXELS.astype(dtype)
    pixels[1, 2, 3, 17, 11] = value
    tifffile.imwrite(
        tmp_path / "a.tif", pixels.swapaxes(1, 2), photometric="minisblack", metadata={"axes": "TZCYX"}
    )
    stack = open_stack(tmp_path / "a.tif")
    place = rf"a\.tif' must be finite numbers. Got {value} at t 1, channel 2 \(c3\), z 3, y 17, x 11"
    for region in ((WHOLE, WHOLE, WHOLE), (slice(2, 4), slice(10, 20), slice(11, 12))):
        with pytest.raises(DataError, match=place):
            stack.read(1, *region)
    assert stack.read(1, slice(0, 3), WHOLE, WHOLE).shape == (3, 3, 20, 30)  # what is sound is given
    assert stack.read(0, WHOLE, WHOLE, WHOLE).shape == (3, 4, 20, 30)


# ---- pictures ----
def test_pictures_are_read_as_read_image_reads_them(tmp_path):
    gray, colour = PIXELS[0, 0, 0], np.moveaxis(PIXELS[0, :, 0], 0, -1)
    made = {
        "gray.png": gray,
        "equal.png": np.dstack([gray] * 3),
        "equal_with_alpha.png": np.dstack([gray, gray, gray, 255 - gray]),
        "gray_with_alpha.png": np.dstack([gray, 255 - gray]),
        "colour.png": colour,
        "colour_with_alpha.png": np.dstack([colour, gray]),
        "colour.jpg": colour,
        "deep.png": gray.astype(np.uint16) * 300,
        "bits.png": gray > 100,
    }
    for name, pixels in made.items():
        Pillow.fromarray(pixels).save(tmp_path / name)
        image, stack = read_image(tmp_path / name), open_stack(tmp_path / name)
        np.testing.assert_array_equal(_plane(stack), image.pixels)
        assert stack.dtype == image.pixels.dtype and stack.channel_names == image.channel_names
        assert stack.sha256() == image.sha256 and len(stack.notes) == len(image.notes)


@pytest.mark.parametrize(
    "layout", [{}, {"tile": (16, 16)}, {"compression": "zlib", "rowsperstrip": 5}], ids=str
)
def test_equal_channels_of_a_tiff_become_one_and_a_single_odd_pixel_keeps_three(tmp_path, layout):
    gray = RNG.integers(0, 200, (60, 80)).astype(np.uint8)
    pixels = np.dstack([gray, gray, gray])
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", **layout)
    stack = open_stack(tmp_path / "a.tif")
    np.testing.assert_array_equal(_plane(stack), gray[None])
    assert stack.channel_names == ("gray",) and "read as one channel" in stack.notes[0]
    for channel in range(3):
        odd = pixels.copy()
        odd[59, 79, channel] += 1
        tifffile.imwrite(tmp_path / "b.tif", odd, photometric="rgb", **layout)
        stack = open_stack(tmp_path / "b.tif")
        np.testing.assert_array_equal(_plane(stack), np.moveaxis(odd, -1, 0))
        assert stack.channel_names == ("red", "green", "blue") and not stack.notes


def test_a_picture_is_decoded_anew_when_it_is_no_longer_kept_and_refused_when_changed(tmp_path, monkeypatch):
    monkeypatch.setattr("clew.read.pieces._recent", _Recent(1))
    for name in ("a.png", "b.png"):
        Pillow.fromarray(PIXELS[0, 0, 0]).save(tmp_path / name)
    stack, _ = open_stack(tmp_path / "a.png"), open_stack(tmp_path / "b.png")
    np.testing.assert_array_equal(_plane(stack)[0], PIXELS[0, 0, 0])
    Pillow.fromarray(PIXELS[0, 0, 0, :10]).save(tmp_path / "a.png")
    open_stack(tmp_path / "b.png")
    with pytest.raises(DataError, match="must stay as it is while it is read"):
        _plane(stack)
    with pytest.raises(SettingError, match="'axes' of .* must not be given"):
        open_stack(tmp_path / "a.png", axes="YX")


def test_alpha_of_a_tiff_is_left_out_but_a_channel_called_alpha_is_not(tmp_path):
    pixels = np.moveaxis(PIXELS[:, :2, 0].reshape(4, 20, 30), 0, -1)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=["unassalpha"])
    stack = open_stack(tmp_path / "a.tif")
    np.testing.assert_array_equal(_plane(stack), np.moveaxis(pixels, -1, 0)[:3])
    assert "alpha" in stack.notes[0]
    metadata = {"axes": "CYX", "Channel": {"Name": ["beta", "alpha"]}}
    tifffile.imwrite(tmp_path / "b.ome.tif", PIXELS[0, :2, 0], photometric="minisblack", metadata=metadata)
    assert open_stack(tmp_path / "b.ome.tif").channel_names == ("beta", "alpha")


def test_a_large_gray_picture_in_colour_is_not_read_whole_and_stays_three_channels_aloud(
    tmp_path, monkeypatch
):
    gray = RNG.integers(0, 200, (60, 80)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", np.dstack([gray] * 3), photometric="rgb", tile=(16, 16))
    monkeypatch.setattr(stacks, "COMPARED_BYTES", gray.size)
    decoded = []
    plain = stacks.Pieces.piece
    monkeypatch.setattr(
        stacks.Pieces, "piece", lambda self, index: (decoded.append(index), plain(self, index))[1]
    )
    stack = open_stack(tmp_path / "a.tif")
    assert stack.shape == (1, 3, 1, 60, 80) and "too large to compare" in stack.notes[0]
    assert len(set(decoded)) == 2  # the first piece and the middle one


# ---- files ----
@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.jpg", "a.zarr"])
def test_missing_empty_and_foreign_files_are_refused(tmp_path, name):
    path = tmp_path / name
    with pytest.raises(DataError, match=f"'{path}' must be one that can be read"):
        open_stack(path)
    path.touch()
    if name == "a.zarr":
        with pytest.raises(DataError, match="Got the suffix '.zarr'"):
            open_stack(path)
        return
    with pytest.raises(DataError, match=r"Got an empty file \(0 bytes\)"):
        open_stack(path)
    path.write_bytes(b"this is no image at all, but some text")
    with pytest.raises(DataError, match="must be a whole"):
        open_stack(path)
    with pytest.raises(DataError, match="Got the suffix '.txt'"):
        open_stack(path.rename(tmp_path / "a.txt"))


def test_threads_read_what_one_thread_reads(tmp_path):
    pixels = RNG.integers(0, 60_000, (700, 900)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pixels, tile=(64, 64), compression="zlib")
    zarr = pytest.importorskip("zarr")
    zarr.create_array(str(tmp_path / "a.zarr"), data=pixels, chunks=(64, 64))
    tiles = [(slice(y, y + 150), slice(x, x + 130)) for y in range(0, 700, 100) for x in range(0, 900, 100)]
    for stack in (open_stack(tmp_path / "a.tif"), open_stack(tmp_path / "a.zarr", axes="YX")):
        with ThreadPoolExecutor(8) as threads:
            blocks = threads.map(lambda tile, stack=stack: stack.read(0, WHOLE, *tile), tiles)
            for (y, x), block in zip(tiles, blocks):
                np.testing.assert_array_equal(block[0, 0], pixels[y, x])


def test_more_images_can_be_open_than_files(tmp_path):
    resource = pytest.importorskip("resource")
    tifffile.imwrite(tmp_path / "a.tif", PIXELS[0, 0, 0])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    try:
        opened = [open_stack(tmp_path / "a.tif") for _ in range(300)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    np.testing.assert_array_equal(_plane(opened[0]), _plane(opened[-1]))


def test_hashes_tell_contents(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", PIXELS[0, 0, 0])
    assert (
        open_stack(tmp_path / "a.tif").sha256()
        == hashlib.sha256((tmp_path / "a.tif").read_bytes()).hexdigest()
    )
    square = PIXELS[0, 0, 0, :20, :20]
    same = [Stack.of(square), Stack.of(np.asfortranarray(square), name="b"), Stack.of(square.T, axes="XY")]
    assert len({stack.sha256() for stack in same}) == 1
    other = [
        Stack.of(square.T),
        Stack.of(square.astype("u2")),
        Stack.of(square.reshape(10, 40)),
        Stack.of(square[None], axes="ZYX"),
    ]
    hashes = [stack.sha256() for stack in (same[0], *other[:3])]
    assert len(set(hashes)) == 4
    assert other[3].sha256() == hashes[0]  # T, C, Z of length 1 are no other image


# ---- finding ----
def test_images_are_found_in_folders_with_zarr_and_without_label_images(tmp_path):
    for name in ("b.tif", "b_labels.tif", "a.PNG", "notes.csv", ".hidden.tif"):
        (tmp_path / name).touch()
    (tmp_path / "c.ome.zarr").mkdir()
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "zarr.json").touch()
    (tmp_path / "sub").mkdir()
    found, notes = find_stacks([tmp_path])
    assert [path.name for path in found] == ["a.PNG", "b.tif", "c.ome.zarr", "plain"]
    assert (
        "being no images: notes.csv, sub" in notes[0] and "label images of others: b_labels.tif" in notes[1]
    )
    found, notes = find_stacks([tmp_path / "b_labels.tif", tmp_path / "c.ome.zarr", tmp_path / "c.ome.zarr"])
    assert [path.name for path in found] == [
        "b_labels.tif",
        "c.ome.zarr",
    ] and not notes  # named: taken; each once


def test_paths_that_are_no_images_are_refused(tmp_path):
    (tmp_path / "a.csv").touch()
    with pytest.raises(DataError, match="must exist"):
        find_stacks([tmp_path / "gone.tif"])
    with pytest.raises(DataError, match="Got the suffix '.csv'"):
        find_stacks([tmp_path / "a.csv"])
    with pytest.raises(DataError, match="Got a folder without"):
        find_stacks([tmp_path])


def test_the_real_folders_give_what_read_image_reads():
    found, notes = find_stacks([shared("images/nuclei_dsb2018")])
    assert len(found) == 54 and "label images of others" in notes[1]
    for path in (*found[:6], shared("images/blobs/blobs.tif"), shared("images/captioned/astronaut.png")):
        image, stack = read_image(path), open_stack(path)
        np.testing.assert_array_equal(_plane(stack), image.pixels)
        assert stack.channel_names == image.channel_names and stack.sha256() == image.sha256
    skimage = pytest.importorskip("skimage.io")
    np.testing.assert_array_equal(
        _plane(open_stack(shared("images/captioned/astronaut.png"))),
        np.moveaxis(skimage.imread(shared("images/captioned/astronaut.png")), -1, 0),
    )
