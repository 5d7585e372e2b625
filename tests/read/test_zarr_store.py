"""OME-Zarr of both versions is read as zarr reads it, with axes, scale and names from hand-written metadata."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from clew.errors import DataError
from clew.read.stacks import open_stack
from tests.conftest import shared

zarr = pytest.importorskip("zarr")
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 60_000, (2, 3, 5, 40, 50)).astype(np.uint16)  # T, C, Z, Y, X
WHOLE = slice(None)


def _written(path, pixels, axes="tczyx", *, format=3, units=None, scale=None, options=None, **more):
    """Write an OME-Zarr by zarr and by hand: not by our own writer."""
    units = units or {}
    kinds = {"t": "time", "c": "channel"}
    described = [
        {"name": a, "type": kinds.get(a, "space"), **({"unit": units[a]} if a in units else {})} for a in axes
    ]
    scales = [{"type": "scale", "scale": scale or [1.0] * len(axes)}]
    image = {"axes": described, "datasets": [{"path": "full", "coordinateTransformations": scales}]}
    group = zarr.open_group(str(path), mode="w", zarr_format=format)
    array = group.create_array(
        "full", shape=pixels.shape, dtype=pixels.dtype, **(options or {"chunks": "auto"})
    )
    array[...] = pixels
    if format == 3:
        group.attrs["ome"] = {"version": "0.5", "multiscales": [image], **more}
    else:
        group.attrs.update({"multiscales": [{"version": "0.4", **image}], **more})
    return path


CHUNKED = [
    {"chunks": (1, 1, 2, 16, 16)},
    {"chunks": (2, 3, 5, 40, 50), "compressors": None},
    {"chunks": (1, 1, 1, 10, 25), "shards": (1, 3, 5, 40, 50)},
]


@pytest.mark.parametrize(
    ("format", "options"), [(2, CHUNKED[0]), (2, CHUNKED[1]), *((3, o) for o in CHUNKED)]
)
def test_both_versions_are_read_region_by_region(tmp_path, format, options):
    stack = open_stack(_written(tmp_path / "a.zarr", PIXELS, format=format, options=options))
    assert (
        stack.shape == PIXELS.shape and stack.dtype == np.uint16 and stack.channel_names == ("c1", "c2", "c3")
    )
    for t in range(2):
        np.testing.assert_array_equal(stack.read(t, WHOLE, WHOLE, WHOLE), PIXELS[t])
        np.testing.assert_array_equal(
            stack.read(t, slice(1, 4), slice(7, 33), slice(15, 50)), PIXELS[t, :, 1:4, 7:33, 15:50]
        )


def test_channels_and_times_of_other_names_are_told_by_their_type(tmp_path):
    path = _written(tmp_path / "a.zarr", PIXELS)
    metadata = json.loads((path / "zarr.json").read_text())
    axes = metadata["attributes"]["ome"]["multiscales"][0]["axes"]
    axes[0]["name"], axes[1]["name"] = "frame", "stain"
    (path / "zarr.json").write_text(json.dumps(metadata))
    stack = open_stack(path)
    assert stack.shape == PIXELS.shape
    np.testing.assert_array_equal(stack.read(1, WHOLE, WHOLE, WHOLE), PIXELS[1])


@pytest.mark.parametrize("axes", ["yx", "cyx", "zyx", "tyx", "czyx", "tczyx", "xyc"])
def test_axes_come_from_the_metadata(tmp_path, axes):
    pixels = PIXELS[tuple(slice(None) if a in axes else 0 for a in "tczyx")]
    ordered = "".join(a for a in "tczyx" if a in axes)
    stored = pixels.transpose([ordered.index(a) for a in axes])
    stack = open_stack(_written(tmp_path / "a.zarr", stored, axes))
    expected = PIXELS[tuple(slice(None) if a in axes else slice(0, 1) for a in "tczyx")]
    assert stack.shape == expected.shape
    np.testing.assert_array_equal(stack.read(0, WHOLE, WHOLE, WHOLE), expected[0])


@pytest.mark.parametrize("format", [2, 3])
def test_scale_units_and_channel_names_come_from_the_metadata(tmp_path, format):
    stack = open_stack(
        _written(
            tmp_path / "a.zarr",
            PIXELS,
            format=format,
            units={"z": "micrometer", "y": "nanometer", "x": "millimeter", "t": "second"},
            scale=[30.0, 1.0, 2.0, 250.0, 0.001],
            omero={"channels": [{"label": "DAPI"}, {"label": "actin"}, {"label": "tubulin"}]},
        )
    )
    assert stack.pixel_size == pytest.approx((2.0, 0.25, 1.0)) and not stack.notes
    assert stack.channel_names == ("DAPI", "actin", "tubulin")


def test_the_scale_of_all_resolutions_is_multiplied_in(tmp_path):
    path = _written(
        tmp_path / "a.zarr", PIXELS[0, 0, 0], "yx", units={"y": "micrometer", "x": "nm"}, scale=[2.0, 4.0]
    )
    group = zarr.open_group(str(path), mode="r+")
    ome = group.attrs["ome"]
    ome["multiscales"][0]["coordinateTransformations"] = [{"type": "scale", "scale": [0.5, 10.0]}]
    group.attrs["ome"] = ome
    assert open_stack(path).pixel_size == pytest.approx((None, 1.0, 0.04))


def test_a_scale_without_a_length_is_said_and_one_of_1_is_not(tmp_path):
    stack = open_stack(
        _written(tmp_path / "a.zarr", PIXELS[0, 0], "zyx", scale=[2.0, 1.0, 1.0], units={"x": "parsnip"})
    )
    assert stack.pixel_size == (None, None, None) and len(stack.notes) == 2
    assert "'parsnip' is no length" in stack.notes[1]


# ---- bad input ----
def test_a_corrupt_chunk_in_the_middle_is_named_and_the_others_are_read(tmp_path):
    options = {"chunks": (1, 1, 1, 20, 25)}
    path = _written(tmp_path / "a.zarr", PIXELS, options=options)
    stack = open_stack(path)
    chunk = path / "full" / "c" / "1" / "2" / "3" / "1" / "0"
    for broken in (chunk.read_bytes()[:-20], b"", bytes(100)):
        chunk.write_bytes(broken)
        np.testing.assert_array_equal(stack.read(0, WHOLE, WHOLE, WHOLE), PIXELS[0])
        np.testing.assert_array_equal(stack.read(1, slice(0, 3), WHOLE, WHOLE), PIXELS[1][:, :3])
        with pytest.raises(
            DataError, match=r"a\.zarr' must be whole. Got, at t 1, c 2, z 3, y 20 to 39, x 0 to 24"
        ):
            stack.read(1, WHOLE, WHOLE, WHOLE)


def test_what_is_no_ome_zarr_image_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "a.zarr"
    group = zarr.open_group(str(path), mode="w")
    with pytest.raises(DataError, match="with 'multiscales' in its metadata. Got a group without"):
        open_stack(path)
    for key, told in (
        ("plate", "Got a plate: name one of its fields"),
        ("bioformats2raw.layout", "Got a collection"),
    ):
        group.attrs["ome"] = {key: {}}
        with pytest.raises(DataError, match=told):
            open_stack(path)
    group.attrs["ome"] = {
        "multiscales": [{"axes": [{"name": "y"}, {"name": "x"}], "datasets": [{"path": "gone"}]}]
    }
    with pytest.raises(DataError, match="must describe its image. Got metadata that cannot be read"):
        open_stack(path)
    (path / "zarr.json").write_text("{")
    with pytest.raises(DataError, match="must be a whole Zarr"):
        open_stack(path)
    shutil.rmtree(path)
    path.mkdir()
    with pytest.raises(DataError, match="must be a whole Zarr"):
        open_stack(path)


def test_the_axes_of_a_plain_array_must_be_said(tmp_path):
    zarr.save_array(str(tmp_path / "a.zarr"), PIXELS[0, 0])
    with pytest.raises(DataError, match=r"must be known. Got a plain Zarr array of shape \(5, 40, 50\)"):
        open_stack(tmp_path / "a.zarr")
    stack = open_stack(tmp_path / "a.zarr", axes="TYX")
    np.testing.assert_array_equal(stack.read(3, WHOLE, WHOLE, WHOLE)[0, 0], PIXELS[0, 0, 3])


@pytest.mark.parametrize("axes", ["qyx", "yyx", "zcx", "yx"])
def test_unknown_axes_are_refused(tmp_path, axes):
    with pytest.raises(DataError, match="must be among T, C, Z, Y, X"):
        open_stack(_written(tmp_path / "a.zarr", PIXELS[0, 0], axes))


def test_complex_pixels_and_axes_without_length_are_refused(tmp_path):
    with pytest.raises(DataError, match="must be integers or real numbers. Got complex64"):
        open_stack(_written(tmp_path / "a.zarr", PIXELS[0, 0, 0].astype(np.complex64), "yx"))
    with pytest.raises(DataError, match=r"must have a length. Got YX \(0, 5\)"):
        open_stack(
            _written(tmp_path / "b.zarr", np.zeros((0, 5), np.uint8), "yx", options={"chunks": (1, 5)})
        )


# ---- identity ----
def test_the_hash_is_that_of_the_pixels_files_alone(tmp_path):
    path = _written(tmp_path / "a.zarr", PIXELS)
    before = open_stack(path).sha256()
    zarr.open_group(str(path), mode="r+").create_group("labels")
    known = json.loads((path / "zarr.json").read_text())
    known["attributes"]["ome"]["omero"] = {"channels": []}
    (path / "zarr.json").write_text(json.dumps(known))
    assert open_stack(path).sha256() == before
    shutil.copytree(path, tmp_path / "b.zarr")
    assert open_stack(tmp_path / "b.zarr").sha256() == before
    changed = PIXELS.copy()
    changed[1, 2, 3, 4, 5] += 1
    assert open_stack(_written(tmp_path / "c.zarr", changed)).sha256() != before


def test_a_real_volume_is_the_same_as_zarr_and_as_tiff(tmp_path):
    tiff = open_stack(shared("images/platynereis_3d_labels/platynereis_tp7_voronoi_otsu.tif"))
    pixels = tiff.read(0, WHOLE, WHOLE, WHOLE)
    stack = open_stack(_written(tmp_path / "a.ome.zarr", pixels[0], "zyx", format=2))
    np.testing.assert_array_equal(
        stack.read(0, slice(20, 70), WHOLE, slice(100, 256)), pixels[:, 20:70, :, 100:]
    )
