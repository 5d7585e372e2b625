"""Planes of a TIFF are read piece by piece as tifffile reads them whole, and what is not whole is refused at once."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from clew.errors import DataError
from clew.read.images import read_image
from clew.read.stacks import open_stack
from tests.conftest import shared

RNG = np.random.default_rng(0)
VOLUME = RNG.integers(0, 60_000, (2, 3, 61, 83)).astype(np.uint16)
WHOLE = slice(None)


def _same_everywhere(stack, expected):
    """Compare a stack with an array (T, C, Z, Y, X), whole and region by region."""
    assert stack.shape == expected.shape and stack.dtype == expected.dtype
    for t in range(len(expected)):
        np.testing.assert_array_equal(stack.read(t, WHOLE, WHOLE, WHOLE), expected[t])
    for _ in range(8):
        t = int(RNG.integers(len(expected)))
        starts = [int(RNG.integers(n)) for n in expected.shape[2:]]
        z, y, x = (slice(a, int(RNG.integers(a + 1, n + 1))) for a, n in zip(starts, expected.shape[2:]))
        np.testing.assert_array_equal(stack.read(t, z, y, x), expected[t][:, z, y, x])


LAYOUTS = [
    {},
    {"compression": "zlib"},
    {"compression": "zlib", "predictor": True, "rowsperstrip": 7},
    {"rowsperstrip": 7},
    {"tile": (32, 16)},
    {"tile": (32, 16), "compression": "zlib", "bigtiff": True},
    {"byteorder": ">"},
    {"byteorder": ">", "compression": "zlib"},
    {"bigtiff": True, "compression": "lzma"},
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_every_layout_of_a_stack_is_read_as_it_was_written(tmp_path, layout):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, VOLUME, photometric="minisblack", metadata={"axes": "ZCYX"}, **layout)
    _same_everywhere(open_stack(path), VOLUME.swapaxes(0, 1)[None])


@pytest.mark.parametrize("layout", [{}, {"compression": "zlib"}, {"truncate": True}], ids=str)
def test_hyperstacks_of_imagej_are_read_in_their_order(tmp_path, layout):
    stack = np.stack([VOLUME, VOLUME[:, ::-1]])  # (T, Z, C, Y, X)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "TZCYX"}, **layout)
    _same_everywhere(open_stack(tmp_path / "a.tif"), stack.swapaxes(1, 2))


@pytest.mark.parametrize("order", ["TCZYX", "ZTCYX", "CZTYX"])
def test_ome_stacks_are_read_whatever_their_order(tmp_path, order):
    stack = RNG.integers(0, 255, [{"T": 2, "C": 3, "Z": 4, "Y": 20, "X": 30}[a] for a in order]).astype(
        np.uint8
    )
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, photometric="minisblack", metadata={"axes": order})
    _same_everywhere(open_stack(tmp_path / "a.ome.tif"), stack.transpose([order.index(a) for a in "TCZYX"]))


@pytest.mark.parametrize(
    "layout", [{}, {"tile": (16, 32)}, {"compression": "zlib", "rowsperstrip": 5}], ids=str
)
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_the_samples_of_colour_are_channels(tmp_path, planar, layout):
    pixels = np.moveaxis(VOLUME[0], 0, -1) if planar == "contig" else VOLUME[0]
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", planarconfig=planar, **layout)
    stack = open_stack(tmp_path / "a.tif")
    assert stack.channel_names == ("red", "green", "blue")
    _same_everywhere(stack, VOLUME[0][None, :, None])


@pytest.mark.parametrize("layout", [{}, {"tile": (32, 32)}], ids=str)
def test_colour_that_is_compressed_as_jpeg_is_red_green_and_blue(tmp_path, layout):
    pytest.importorskip("imagecodecs")
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:32, :, 0], pixels[32:, :, 2] = 200, 100
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", compression="jpeg", **layout)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.pages[0].photometric.name == "YCBCR"  # which tifffile turns into red, green and blue
    stack, image = open_stack(tmp_path / "a.tif"), read_image(tmp_path / "a.tif")
    assert stack.channel_names == image.channel_names == ("red", "green", "blue")
    block = stack.read(0, WHOLE, WHOLE, WHOLE)[:, 0]
    np.testing.assert_array_equal(block, image.pixels)
    inner = np.r_[:24, 40:64]  # where red meets blue JPEG blurs
    np.testing.assert_allclose(block[:, inner].astype(int), np.moveaxis(pixels, -1, 0)[:, inner], atol=3)


@pytest.mark.parametrize("layout", [{}, {"tile": (32, 16), "compression": "zlib"}], ids=str)
@pytest.mark.parametrize("axes", ["CYX", "ZYX", "TYX", "ZCYX", "TZYX"])
def test_planes_that_lie_in_a_page_as_samples_are_what_the_metadata_say(tmp_path, axes, layout):
    planes = (
        VOLUME if len(axes) == 4 else VOLUME[0]
    )  # three of them: tifffile takes them for red, green and blue
    sampled = {"photometric": "rgb", "planarconfig": "separate", "metadata": {"axes": axes}}
    tifffile.imwrite(tmp_path / "a.tif", planes, **sampled, **layout)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.pages[0].samplesperpixel == 3 and tiff.series[0].axes == axes
    order = planes.transpose([axes.index(axis) for axis in "TCZYX" if axis in axes])
    _same_everywhere(
        open_stack(tmp_path / "a.tif"), order[tuple(slice(None) if a in axes else None for a in "TCZYX")]
    )


def test_samples_that_the_metadata_call_rows_are_refused(tmp_path):
    metadata = {"axes": "CYX"}  # and yet the channels lie together at every pixel
    tifffile.imwrite(tmp_path / "a.tif", VOLUME[0, :, :3, :3], photometric="rgb", metadata=metadata)
    with pytest.raises(
        DataError, match=r"must hold whole planes. Got pages of \(3, 3, 3\), and an image of CYX"
    ):
        open_stack(tmp_path / "a.tif")


def test_rows_that_lie_in_another_order_are_read_strip_by_strip(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, VOLUME[0], photometric="minisblack", rowsperstrip=10, metadata=None)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:  # of the second page the first two strips change places
        page = tiff.pages[1]
        (a, b), n = page.dataoffsets[:2], page.databytecounts[0]
        tag = page.tags["StripOffsets"]
        values = np.frombuffer(
            data, f"<u{tag.valuebytecount // tag.count}", tag.count, tag.valueoffset
        ).copy()
        values[:2] = values[1::-1]
        data[tag.valueoffset : tag.valueoffset + tag.valuebytecount] = values.tobytes()
        data[a : a + n], data[b : b + n] = data[b : b + n], data[a : a + n]
    path.write_bytes(data)
    np.testing.assert_array_equal(tifffile.imread(path), VOLUME[0])
    _same_everywhere(open_stack(path), VOLUME[0][None, None])


def test_tiles_that_are_deep_are_read(tmp_path):
    deep = RNG.integers(0, 255, (19, 40, 50)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", deep, volumetric=True, tile=(16, 16, 16), compression="zlib")
    _same_everywhere(open_stack(tmp_path / "a.tif"), deep[None, None])


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "f2", "f4", "f8"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_every_depth_keeps_its_pixels_and_its_dtype(tmp_path, dtype, compression):
    pixels = (VOLUME[0, 0] % 100).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels, byteorder=">", compression=compression)
    _same_everywhere(open_stack(tmp_path / "a.tif"), pixels[None, None, None])


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1)])
def test_images_of_one_row_or_column_are_read(tmp_path, shape):
    pixels = RNG.integers(0, 255, shape).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    _same_everywhere(open_stack(tmp_path / "a.tif"), pixels[None, None, None])


# ---- what metadata tell ----
def test_unmarked_pages_are_depth_and_that_is_said_and_can_be_told_otherwise(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", VOLUME[0], photometric="minisblack")
    stack = open_stack(tmp_path / "a.tif")
    assert stack.shape == (1, 1, 3, 61, 83) and "read as planes in depth (Z)" in stack.notes[0]
    for axes, shape in (("CYX", (1, 3, 1, 61, 83)), ("tyx", (3, 1, 1, 61, 83))):
        told = open_stack(tmp_path / "a.tif", axes=axes)
        assert told.shape == shape and not told.notes
    for axes in ("YX", "XYZ", "CYXZ", "AYX"):
        with pytest.raises(DataError, match="axes of .*a.tif' must be"):
            open_stack(tmp_path / "a.tif", axes=axes)
    tifffile.imwrite(tmp_path / "a.tif", VOLUME, photometric="minisblack")
    with pytest.raises(DataError, match=r"each once. Got QQYX \(2, 3, 61, 83\): say what they are"):
        open_stack(tmp_path / "a.tif")
    _same_everywhere(open_stack(tmp_path / "a.tif", axes="TCYX"), VOLUME[:, :, None])


@pytest.mark.parametrize(
    ("labels", "names"),
    [(["DAPI", "actin", "myosin"] * 2, ("DAPI", "actin", "myosin")), (list("abcdef"), ("c1", "c2", "c3"))],
)
def test_labels_of_planes_are_channels_where_they_repeat(tmp_path, labels, names):
    metadata = {"axes": "ZCYX", "Labels": labels}
    tifffile.imwrite(tmp_path / "a.tif", VOLUME, imagej=True, metadata=metadata)
    assert open_stack(tmp_path / "a.tif").channel_names == names


def test_the_size_of_pixels_comes_from_imagej_and_ome(tmp_path):
    metadata = {"axes": "ZCYX", "spacing": 2.0, "unit": "um"}
    tifffile.imwrite(tmp_path / "a.tif", VOLUME, imagej=True, resolution=(4, 2), metadata=metadata)
    assert open_stack(tmp_path / "a.tif").pixel_size == pytest.approx((2.0, 0.5, 0.25))
    sizes = {f"PhysicalSize{axis}": size for axis, size in zip("XYZ", (250, 500, 2.0))}
    units = {f"PhysicalSize{axis}Unit": unit for axis, unit in zip("XYZ", ("nm", "nm", "mm"))}
    metadata = {"axes": "ZCYX", **sizes, **units, "Channel": {"Name": ["DAPI", "actin", "tubulin"]}}
    tifffile.imwrite(tmp_path / "a.ome.tif", VOLUME, photometric="minisblack", metadata=metadata)
    stack = open_stack(tmp_path / "a.ome.tif")
    assert stack.pixel_size == pytest.approx((2000.0, 0.5, 0.25))
    assert stack.channel_names == ("DAPI", "actin", "tubulin")
    tifffile.imwrite(
        tmp_path / "b.tif", VOLUME, imagej=True, metadata={"axes": "ZCYX", "spacing": 2.0, "unit": "ell"}
    )
    stack = open_stack(tmp_path / "b.tif")
    assert stack.pixel_size == (None, None, None) and "'ell' is no length" in stack.notes[0]


# ---- bad input ----
@pytest.mark.parametrize(
    "options", [{"imagej": True}, {"ome": True}, {"tile": (16, 16)}, {"compression": "zlib"}], ids=str
)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.97])
def test_a_tiff_cut_anywhere_is_refused_when_it_is_opened(tmp_path, capfd, options, share):
    path = tmp_path / "cut.tif"
    tifffile.imwrite(path, VOLUME, photometric="minisblack", metadata={"axes": "ZCYX"}, **options)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(DataError, match=r"cut\.tif' must (be (a )?whole|hold)") as error:
        open_stack(path)
    assert "\n" not in str(error.value) and capfd.readouterr() == ("", "")


@pytest.mark.parametrize("options", [{}, {"imagej": True}, {"tile": (32, 16)}], ids=str)
def test_a_tiff_that_lacks_one_byte_is_refused_when_it_is_opened(tmp_path, options):
    tifffile.imwrite(tmp_path / "a.tif", VOLUME[0, 0], **options)
    data = (tmp_path / "a.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        end = max(map(sum, zip(tiff.pages[0].dataoffsets, tiff.pages[0].databytecounts)))
    (tmp_path / "a.tif").write_bytes(data[: end - 1])
    with pytest.raises(DataError, match="must be whole"):
        open_stack(tmp_path / "a.tif")


def test_a_corrupt_strip_is_named_with_its_place_and_the_others_are_read(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        VOLUME[0],
        photometric="minisblack",
        compression="zlib",
        rowsperstrip=20,
        metadata={"axes": "CYX"},
    )
    with tifffile.TiffFile(path) as tiff:
        place = tiff.pages[1].dataoffsets[2]
    data = bytearray(path.read_bytes())
    data[place : place + 20] = bytes(20)
    path.write_bytes(data)
    stack = open_stack(path)
    np.testing.assert_array_equal(stack.read(0, WHOLE, slice(0, 40), WHOLE), VOLUME[0][:, None, :40])
    with pytest.raises(DataError, match=r"a\.tif' must be whole. Got, at c 1, y 40 to 59, x 0 to 82"):
        stack.read(0, WHOLE, slice(30, 61), slice(0, 5))


def test_a_file_that_changes_while_it_is_open_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", VOLUME[0, 0], tile=(16, 16))
    stack = open_stack(tmp_path / "a.tif")
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:-16])
    with pytest.raises(DataError, match="must stay as it is while it is read"):
        stack.read(0, WHOLE, WHOLE, WHOLE)


def test_several_images_and_complex_pixels_are_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(VOLUME[0, 0])
        writer.write(VOLUME[0, 0, :30].astype(np.uint8))
    with pytest.raises(DataError, match=r"must hold one image. Got 2: YX \(61, 83\), YX \(30, 83\)"):
        open_stack(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", VOLUME[0, 0].astype(np.complex64))
    with pytest.raises(DataError, match="must be integers or real numbers. Got complex64"):
        open_stack(tmp_path / "b.tif")


def test_a_compression_that_needs_another_package_is_refused_by_its_name(tmp_path, monkeypatch):
    Pillow.fromarray(VOLUME[0, 0].astype(np.uint8)).save(tmp_path / "a.tif", compression="tiff_lzw")
    monkeypatch.setattr(tifffile.TIFF, "DECOMPRESSORS", {1: None})
    for read in (open_stack, read_image):
        with pytest.raises(DataError, match="compressed as LZW, which needs the package 'imagecodecs'"):
            read(tmp_path / "a.tif")


def test_strips_larger_than_what_is_kept_are_said(tmp_path, monkeypatch):
    monkeypatch.setattr("clew.read.tiff.RECENT_BYTES", 5000)
    tifffile.imwrite(tmp_path / "a.tif", VOLUME[0, 0], compression="zlib", rowsperstrip=61)
    assert "held in memory whole" in open_stack(tmp_path / "a.tif").notes[0]
    tifffile.imwrite(tmp_path / "a.tif", VOLUME[0, 0], compression="zlib", rowsperstrip=8)
    assert not open_stack(tmp_path / "a.tif").notes


# ---- real files ----
def test_the_channels_of_bbbc022_and_the_planes_of_platynereis_are_tifffiles():
    path = shared("images/bbbc022/IXMtest_A02_s9_crop.tif")
    stack = open_stack(path)
    assert stack.channel_names == ("c1", "c2", "c3") and "those of files" in stack.notes[0]
    _same_everywhere(stack, tifffile.imread(path)[None, :, None])
    path = shared("images/platynereis_3d_labels/platynereis_tp7_ground_truth.tif")
    stack = open_stack(path)
    assert stack.shape == (1, 1, 103, 256, 256)
    _same_everywhere(stack, tifffile.imread(path)[None, None])


def test_a_slide_of_256_mb_is_read_in_tiles_in_little_memory(tmp_path):
    import subprocess
    import sys
    import zlib

    band = np.zeros((64, 16_384), np.uint8)
    band[:, ::200] = RNG.integers(0, 255, (64, 82))
    path = tmp_path / "slide.tif"

    def bands():
        for i in range(16_384 // 64):
            yield zlib.compress(np.roll(band, i, axis=1), 1)

    tifffile.imwrite(
        path, bands(), shape=(16_384, 16_384), dtype=np.uint8, rowsperstrip=64, compression="zlib"
    )
    code = f"""
import resource, sys
from clew.read.stacks import open_stack
stack = open_stack({str(path)!r})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
total = sum(int(stack.read(0, slice(0, 1), slice(y, y + 1024), slice(x, x + 1024)).sum(dtype="u8"))
            for y in range(0, 16384, 1024) for x in range(0, 16384, 1024))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(total, (after - before) * (1 if sys.platform == "darwin" else 1024))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    total, grown = map(int, done.stdout.split())
    assert total == 256 * int(band.sum(dtype=np.uint64))
    assert grown < 120 * 2**20  # of 256 MB
