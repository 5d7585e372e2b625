"""Label images give their numbers as they are stored, and ours say which image they belong to."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from clew.errors import DataError
from clew.read.label_images import label_tiff, read_class_numbers, size_text

LABELS = np.zeros((5, 12, 17), np.uint8)
LABELS[2, 3, 4:9] = 1
LABELS[0, 8, 2] = 2


def read(data, name="a.tif"):
    notes = []
    labels, told = read_class_numbers(data, Path(name), notes)
    return labels, told, notes


def tiff(pixels, **settings):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **settings)
    return buffer.getvalue()


def png(picture):
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


# ---- TIFF ----
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "uint32", "float32", "float64"])
def test_every_depth_of_tiff_is_read(dtype):
    labels, told, _ = read(tiff(LABELS[0].astype(dtype), compression="zlib"))
    np.testing.assert_array_equal(labels.squeeze(), LABELS[0])
    assert labels.dtype == dtype and told == {}


@pytest.mark.parametrize(
    ("axes", "shape"),
    [("ZYX", (1, 5, 12, 17)), ("TYX", (5, 1, 12, 17)), ("QYX", (1, 5, 12, 17)), ("IYX", (1, 5, 12, 17))],
)
def test_planes_are_what_the_file_calls_them_or_else_z(axes, shape):
    named = axes in ("ZYX", "TYX")
    data = (
        tiff(LABELS, imagej=True, metadata={"axes": axes}) if named else tiff(LABELS, metadata={"axes": axes})
    )
    labels, _, _ = read(data)
    assert labels.shape == shape
    np.testing.assert_array_equal(labels.squeeze(), LABELS)


def test_stacks_over_time_and_files_of_ome_are_read():
    both = np.stack([LABELS, LABELS * 2])
    for data in (
        tiff(both, imagej=True, metadata={"axes": "TZYX"}),
        tiff(both, ome=True, metadata={"axes": "TZYX"}),
        tiff(both[:, None], ome=True, metadata={"axes": "TCZYX"}),
        tiff(both.swapaxes(0, 1), metadata={"axes": "ZTYX"}),
    ):
        labels, _, _ = read(data)
        np.testing.assert_array_equal(labels.reshape(both.shape), both)


def test_several_channels_and_colours_are_refused():
    with pytest.raises(DataError, match="one channel of class numbers with the axes T, Z, Y, X. Got CYX"):
        read(tiff(LABELS[:3], imagej=True, metadata={"axes": "CYX"}))
    colour = np.stack([LABELS[0], LABELS[0], LABELS[0] * 2], axis=-1)
    with pytest.raises(DataError, match="one channel of class numbers .* Got 3 channels that differ: a picture in colour"):  # fmt: skip
        read(tiff(colour, photometric="rgb"))
    gray = np.stack([LABELS[0]] * 3, axis=-1)
    labels, _, _ = read(tiff(gray, photometric="rgb"))
    np.testing.assert_array_equal(labels.squeeze(), LABELS[0])


def test_several_images_in_one_file_are_refused():
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(LABELS[0])
        writer.write(LABELS[0, :5])
    with pytest.raises(DataError, match="must hold one image. Got 2"):
        read(buffer.getvalue())


# ---- PNG and .npy ----
def test_png_of_every_kind_is_read():
    plane = LABELS[2]
    palette = Pillow.fromarray(plane, mode="P")
    palette.putpalette([0, 0, 0, 255, 0, 0, 0, 0, 255])
    rgba = Pillow.fromarray(np.dstack([plane] * 3 + [np.full_like(plane, 255)]))
    la = Pillow.fromarray(np.dstack([plane, np.full_like(plane, 255)]))
    for picture in (
        Pillow.fromarray(plane),
        Pillow.fromarray(plane.astype(np.uint16)),
        Pillow.fromarray(plane == 1),
        palette,
        rgba,
        la,
    ):
        labels, _, notes = read(png(picture), "a.png")
        np.testing.assert_array_equal(labels, plane)
        assert bool(notes) == (picture.mode == "P")


def test_a_coloured_png_is_refused():
    colour = Pillow.fromarray(np.dstack([LABELS[0], LABELS[2], LABELS[2]]))
    with pytest.raises(DataError, match="must be one channel of class numbers"):
        read(png(colour), "a.png")


def test_arrays_of_numpy_are_read_and_pickles_are_not():
    buffer = io.BytesIO()
    np.save(buffer, LABELS)
    labels, _, _ = read(buffer.getvalue(), "a.npy")
    np.testing.assert_array_equal(labels, LABELS)
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}], dtype=object))
    with pytest.raises(DataError, match=r"must be a whole \.npy array"):
        read(buffer.getvalue(), "a.npy")


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.npy"])
def test_files_that_are_cut_are_refused(name):
    noise = np.random.default_rng(0).integers(0, 3, (60, 70)).astype(np.uint8)
    buffer = io.BytesIO()
    np.save(buffer, noise)
    whole = {"a.tif": tiff(noise), "a.png": png(Pillow.fromarray(noise)), "a.npy": buffer.getvalue()}[name]
    for n in (3, 60, len(whole) // 2, len(whole) - 30):
        with pytest.raises(DataError, match="must be "):
            read(whole[:n], name)


# ---- ours ----
TOLD = {"image_sha256": "ab" * 32, "image_name": "Zellen µ.tif", "image_shape": (1, 9, 40, 50), "offset": (0, 2, 3, 4), "class_names": {1: "sky", 2: "Zellkörper"}}  # fmt: skip


@pytest.mark.parametrize("shape", [(1, 1, 12, 17), (1, 5, 12, 17), (3, 1, 12, 17), (3, 5, 12, 17), (1, 1, 1, 1), (2, 1, 1, 4)])  # fmt: skip
def test_what_a_file_of_ours_tells_comes_back(shape):
    labels = np.random.default_rng(0).integers(0, 3, shape).astype(np.uint8)
    back, told, _ = read(label_tiff(labels, TOLD))
    np.testing.assert_array_equal(back, labels)
    assert {key: told[key] for key in ("image_sha256", "image_name", "class_names")} == {
        key: TOLD[key] for key in ("image_sha256", "image_name", "class_names")
    }
    assert told["image_shape"] == (1, 9, 40, 50) and tuple(told["offset"]) == (0, 2, 3, 4)


def test_it_survives_being_saved_again_by_imagej_with_lines_added():
    labels = np.stack([LABELS] * 2)
    with tifffile.TiffFile(io.BytesIO(label_tiff(labels, TOLD))) as file:
        assert file.is_imagej and file.series[0].axes == "TZYX"
        info = file.imagej_metadata["Info"]
    again = tiff(
        labels * 2, imagej=True, metadata={"axes": "TZYX", "Info": f"Added line\n{info}\nAnother = 1"}
    )
    back, told, _ = read(again)
    np.testing.assert_array_equal(back, labels * 2)
    assert told["image_sha256"] == "ab" * 32


def test_a_crop_of_ours_is_refused():
    with tifffile.TiffFile(io.BytesIO(label_tiff(LABELS[None], TOLD))) as file:
        info = file.imagej_metadata["Info"]
    crop = tiff(LABELS[:, 2:], imagej=True, metadata={"axes": "ZYX", "Info": info})
    with pytest.raises(DataError, match="must have the 5 x 12 x 17 pixels it was written with. Got 5 x 10 x 17: it was cropped"):  # fmt: skip
        read(crop)


def test_sizes_are_said_without_leading_ones():
    assert size_text((1, 1, 60, 61)) == "60 x 61" and size_text((1, 5, 1, 2)) == "5 x 1 x 2"
    assert size_text((1, 1, 1, 1)) == "1 x 1"
