"""Images come in as they were stored, and what cannot be measured is refused in one sentence."""

from __future__ import annotations

import hashlib
import io
import logging

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from clew.errors import DataError
from clew.read.images import find_images, read_image, read_label_image
from tests.conftest import shared

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 200, (3, 20, 30)).astype(np.uint8)


# ---- TIFF ----
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "float32", "float64"])
def test_every_depth_keeps_its_pixels_and_its_dtype(tmp_path, dtype):
    pixels = (RNG.random((20, 30)) * 100).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels, compression="zlib")
    image = read_image(tmp_path / "a.tif")
    assert image.pixels.dtype == dtype and image.channel_names == ("gray",) and image.pixel_size is None
    np.testing.assert_array_equal(image.pixels, pixels[None])
    assert image.sha256 == hashlib.sha256((tmp_path / "a.tif").read_bytes()).hexdigest()


@pytest.mark.parametrize(("unit", "um"), [("µm", 1.0), ("nm", 1e-3), ("mm", 1e3)])
def test_ome_axes_names_and_pixel_size_come_back(tmp_path, unit, um):
    metadata = {
        "axes": "CYX",
        "Channel": {"Name": ["DAPI", "actin", "tubulin"]},
        "PhysicalSizeX": 0.5,
        "PhysicalSizeXUnit": unit,
        "PhysicalSizeY": 0.25,
        "PhysicalSizeYUnit": unit,
    }
    tifffile.imwrite(tmp_path / "a.ome.tif", NOISE, metadata=metadata)
    image = read_image(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(image.pixels, NOISE)
    assert image.channel_names == ("DAPI", "actin", "tubulin")
    assert image.pixel_size == pytest.approx((0.25 * um, 0.5 * um))  # rows first: not the order of the file


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["DAPI", "actin", "tubulin"], ("DAPI", "actin", "tubulin")),
        (["s9_c1.TIF", "s9_c2.TIF", "s9_c3.TIF"], ("c1", "c2", "c3")),
        (["DAPI", "actin", "s9.png"], ("c1", "c2", "c3")),  # all of them, or none
        (["DAPI", "actin", "c:3/3 - field 9 of the second plate"], ("c1", "c2", "c3")),
    ],
)
def test_slices_of_imagej_that_are_called_after_files_do_not_name_channels(tmp_path, labels, names):
    tifffile.imwrite(tmp_path / "a.tif", NOISE, imagej=True, metadata={"axes": "CYX", "Labels": labels})
    image = read_image(tmp_path / "a.tif")
    assert image.channel_names == names
    assert len(image.notes) == (names == ("c1", "c2", "c3"))


def test_channels_of_ome_keep_their_names_whatever_these_look_like(tmp_path):
    names = ["a.tif", "b", "the mitochondria, stained after fixation"]
    tifffile.imwrite(tmp_path / "a.ome.tif", NOISE, metadata={"axes": "CYX", "Channel": {"Name": names}})
    image = read_image(tmp_path / "a.ome.tif")
    assert image.channel_names == tuple(names) and not image.notes


def test_single_planes_of_ome_stacks_are_read_and_real_stacks_are_not(tmp_path):
    tifffile.imwrite(tmp_path / "a.ome.tif", NOISE[None, :, None], metadata={"axes": "TCZYX"})
    np.testing.assert_array_equal(read_image(tmp_path / "a.ome.tif").pixels, NOISE)
    for axes in ("ZYX", "TYX"):
        tifffile.imwrite(tmp_path / "b.ome.tif", NOISE, metadata={"axes": axes})
        with pytest.raises(DataError, match=rf"must have axes C, Y, X. Got {axes} \(3, 20, 30\) instead"):
            read_image(tmp_path / "b.ome.tif")


def test_imagej_channels_and_resolution_come_back(tmp_path):
    metadata = {"axes": "CYX", "unit": "um", "Labels": ["a", "b", "c"]}
    tifffile.imwrite(tmp_path / "a.tif", NOISE, imagej=True, resolution=(4, 2), metadata=metadata)
    image = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.pixels, NOISE)
    assert image.channel_names == ("a", "b", "c")
    assert image.pixel_size == pytest.approx((0.5, 0.25))


def test_a_unit_that_is_no_length_is_said_and_pixels_are_none(tmp_path):
    for unit, said in (("parsnip", True), ("pixel", False)):
        tifffile.imwrite(
            tmp_path / "a.tif", NOISE[0], imagej=True, resolution=(4, 4), metadata={"unit": unit}
        )
        image = read_image(tmp_path / "a.tif")
        assert image.pixel_size is None and any(unit in note for note in image.notes) == said


def test_colour_tiff_is_read_in_both_layouts(tmp_path):
    for planar in ("contig", "separate"):
        pixels = np.moveaxis(NOISE, 0, -1) if planar == "contig" else NOISE
        tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", planarconfig=planar)
        image = read_image(tmp_path / "a.tif")
        np.testing.assert_array_equal(image.pixels, NOISE)
        assert image.channel_names == ("red", "green", "blue")


def test_pages_without_axes_are_no_channels(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", NOISE, photometric="minisblack")
    with pytest.raises(DataError, match="channels must be marked as axis C"):
        read_image(tmp_path / "a.tif")


# ---- PNG and JPEG ----
def test_alpha_is_dropped_and_equal_channels_collapse_and_both_are_said(tmp_path):
    gray = NOISE[0]
    Pillow.fromarray(np.dstack([gray, gray, gray, 255 - gray])).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(image.pixels, gray[None])
    assert "alpha" in image.notes[0] and "though it varies" in image.notes[0] and "equal" in image.notes[1]
    Pillow.fromarray(np.moveaxis(NOISE, 0, -1)).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_image(tmp_path / "b.png").pixels, NOISE)  # colour does not collapse


def test_png_of_16_bits_and_of_1_bit_keep_their_values(tmp_path):
    deep = RNG.integers(0, 65_536, (20, 30)).astype(np.uint16)
    Pillow.fromarray(deep).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").pixels[0], deep)
    Pillow.fromarray(deep > 30_000).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_image(tmp_path / "b.png").pixels[0], deep > 30_000)


def test_jpeg_is_read_close_to_what_was_saved(tmp_path):
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    Pillow.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_image(tmp_path / "a.jpg").pixels[0].astype(int) - smooth).max() <= 3


def test_png_of_16_bit_colour_is_refused_rather_than_cut_to_8_bits(tmp_path):
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(range(6)) * 2 for _ in range(2))
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0))
    (tmp_path / "a.png").write_bytes(png + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    assert np.asarray(Pillow.open(tmp_path / "a.png")).dtype == np.uint8  # why: Pillow alone says nothing
    with pytest.raises(DataError, match="Got 16-bit colour"):
        read_image(tmp_path / "a.png")


# ---- bad input ----
def _tiff(pixels, **options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "zlib"}, {"imagej": True}, {"tile": (16, 16)}, {"rowsperstrip": 5}],
    ids=str,
)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.97])
def test_a_tiff_cut_anywhere_is_refused_quietly(tmp_path, capfd, options, share):
    data = _tiff(RNG.integers(0, 60_000, (100, 120)).astype(np.uint16), **options)
    path = tmp_path / "cut.tif"
    path.write_bytes(data)
    assert read_image(path).pixels.shape == (1, 100, 120)
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(DataError, match=r"cut\.tif' must be (a )?whole") as error:
        read_image(path)
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "options", [{"imagej": True}, {"ome": True}, {"ome": True, "bigtiff": True}], ids=str
)
@pytest.mark.parametrize("loud", [True, False])
def test_a_tiff_that_lost_channels_is_refused_even_where_logging_is_off(tmp_path, options, loud):
    pixels = RNG.integers(1, 60_000, (3, 60, 80)).astype(np.uint16)
    data = _tiff(pixels, metadata={"axes": "CYX"}, **options)
    path = tmp_path / "cut.tif"
    logging.disable(logging.NOTSET if loud else logging.CRITICAL)
    try:
        path.write_bytes(data)
        np.testing.assert_array_equal(read_image(path).pixels, pixels)
        for share in (0.3, 0.5, 0.8, 0.9):
            path.write_bytes(data[: int(share * len(data))])
            with pytest.raises(DataError, match=r"must be (a )?whole"):
                read_image(path)
    finally:
        logging.disable(logging.NOTSET)


def test_a_tiff_whose_pixel_size_is_corrupt_does_not_pass_as_one_without(tmp_path):
    data = _tiff(NOISE[0], imagej=True, resolution=(4, 4), metadata={"unit": "um"})
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        place = tiff.pages[0].tags["XResolution"].offset + 8
        beyond = np.array(10**8, f"{tiff.byteorder}u4").tobytes()
    (tmp_path / "a.tif").write_bytes(data[:place] + beyond + data[place + 4 :])
    with pytest.raises(DataError, match=r"must be whole.* invalid value offset"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_a_picture_cut_anywhere_is_refused(tmp_path, kind):
    Pillow.fromarray(np.moveaxis(NOISE, 0, -1)).save(tmp_path / f"a.{kind}")
    data = (tmp_path / f"a.{kind}").read_bytes()
    for share in (0.05, 0.5, 0.9):
        (tmp_path / f"a.{kind}").write_bytes(data[: int(share * len(data))])
        with pytest.raises(DataError, match="must be a whole PNG or JPEG"):
            read_image(tmp_path / f"a.{kind}")


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.jpg"])
def test_empty_and_foreign_files_are_refused(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"Got an empty file \(0 bytes\)"):
        read_image(tmp_path / name)
    (tmp_path / name).write_bytes(b"this is no image at all, but some text")
    with pytest.raises(DataError, match="must be a whole"):
        read_image(tmp_path / name)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_finite_number_are_refused_with_their_place(tmp_path, value):
    pixels = np.ones((20, 30), np.float32)
    pixels[7, 11] = value
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    with pytest.raises(DataError, match=rf"Got {value} at channel 0, row 7, column 11 \(1 such pixel\)"):
        read_image(tmp_path / "a.tif")


# ---- label images ----
def test_labels_of_any_whole_dtype_are_read(tmp_path):
    labels = np.kron(np.arange(6).reshape(2, 3), np.ones((4, 4)))
    for dtype in ("uint8", "uint16", "int32", "float32", "float64"):
        tifffile.imwrite(tmp_path / "a.tif", labels.astype(dtype))
        read = read_label_image(tmp_path / "a.tif", shape=(8, 12))
        assert read.dtype == np.int32
        np.testing.assert_array_equal(read, labels)


@pytest.mark.parametrize(("value", "dtype"), [(-1, "int16"), (1.5, "float32"), (2**31, "uint32")])
def test_labels_that_are_no_counting_numbers_are_refused_with_their_place(tmp_path, value, dtype):
    labels = np.zeros((8, 12), dtype)
    labels[2, 3] = value
    tifffile.imwrite(tmp_path / "a.tif", labels)
    with pytest.raises(DataError, match=rf"Got {value}(\.0)? at row 2, column 3 instead"):
        read_label_image(tmp_path / "a.tif", shape=(8, 12))


def test_a_label_image_of_another_shape_is_refused_with_both_shapes(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 12), np.uint8))
    with pytest.raises(
        DataError, match=r"a\.tif' must have the shape of its image, 12 x 8 pixels. Got 8 x 12"
    ):
        read_label_image(tmp_path / "a.tif", shape=(12, 8))


def test_colours_and_jpegs_are_no_label_images(tmp_path):
    for name in ("a.png", "a.jpg"):
        Pillow.fromarray(np.moveaxis(NOISE, 0, -1)).save(tmp_path / name)
    with pytest.raises(DataError, match=r"must have one channel. Got 3"):
        read_label_image(tmp_path / "a.png", shape=(20, 30))
    with pytest.raises(DataError, match="Got a JPEG"):
        read_label_image(tmp_path / "a.jpg", shape=(20, 30))


# ---- finding images ----
def _touch(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def _as_names(pairs):
    return [(image.name, mask.name if mask else None) for image, mask in pairs]


def test_label_images_beside_their_images_are_paired_by_name(tmp_path):
    _touch(
        tmp_path / "d",
        "a.tif",
        "a_labels.tif",
        "b_image.png",
        "b_masks.png",
        "c.ome.tif",
        "c_seg.tif",
        "e.jpg",
    )
    pairs, notes = find_images([tmp_path / "d"])
    assert _as_names(pairs) == [
        ("a.tif", "a_labels.tif"),
        ("b_image.png", "b_masks.png"),
        ("c.ome.tif", "c_seg.tif"),
        ("e.jpg", None),
    ]
    assert notes == ["3 of 4 images have a label image beside them, which is used."]
    assert _as_names(find_images([tmp_path / "d" / "a.tif"])[0]) == [("a.tif", "a_labels.tif")]


def test_a_table_among_images_is_left_aside_and_named(tmp_path):
    pairs, notes = find_images([_touch(tmp_path / "d", "a.tif", "index.csv", ".hidden")])
    assert _as_names(pairs) == [("a.tif", None)]
    assert notes == ["Left aside in the folder 'd', being no images: index.csv."]


def test_explicit_masks_are_paired_by_name_or_else_in_order(tmp_path):
    images = _touch(
        tmp_path / "images", "a.tif", "b.tif", "a_labels.tif"
    )  # a_labels is neither image nor mask here
    masks = _touch(tmp_path / "masks", "b.tif", "a_mask.tif")
    assert _as_names(find_images([images], masks=[masks])[0]) == [("a.tif", "a_mask.tif"), ("b.tif", "b.tif")]
    odd = _touch(tmp_path / "odd", "1.tif", "2.tif")
    pairs, notes = find_images([images], masks=[odd / "2.tif", odd / "1.tif"])
    assert _as_names(pairs) == [("a.tif", "2.tif"), ("b.tif", "1.tif")] and "in order" in notes[-1]
    with pytest.raises(DataError, match=r"or be as many \(2\). Got 1 mask, none of them for 'a.tif'"):
        find_images([images], masks=[odd / "1.tif"])


def _refused(images, masks):
    with pytest.raises(DataError) as error:
        find_images(images, masks=masks)
    return str(error.value)


def test_one_mask_is_never_the_mask_of_two_images(tmp_path):
    a, b = (_touch(tmp_path / folder, "x.tif") / "x.tif" for folder in ("ia", "ib"))
    ma, mb = (_touch(tmp_path / folder, "x_mask.tif") / "x_mask.tif" for folder in ("mia", "mib"))
    refusal = _refused([a, b], [ma])
    assert refusal == (
        "The masks must be named like the images, each name once, or be as many (2). "
        "Got 1 mask, and the name 'x' more than once."
    )
    pairs, notes = find_images([a, b], masks=[ma, mb])  # as many, and in order
    assert [mask for _, mask in pairs] == [ma, mb] and "in order, since the name 'x' is not unique" in notes[
        -1
    ]
    assert "Got 2 masks, and the name 'x' more than once" in _refused([a], [ma, mb])
    (tmp_path / "ia" / "x.png").touch()
    (tmp_path / "ia" / "x_labels.tif").touch()
    with pytest.raises(DataError, match=r"must belong to one image. Got 'x\.png' and 'x\.tif'"):
        find_images([tmp_path / "ia"])


def test_masks_are_not_paired_in_an_order_that_their_names_contradict(tmp_path):
    a, b = (_touch(tmp_path / folder, "x.tif", "y.tif") for folder in ("ia", "ib"))
    masks = [_touch(tmp_path / folder, "x_mask.tif", "y_mask.tif") for folder in ("mia", "mib")]
    assert len(find_images([a, b], masks=masks)[0]) == 4
    crossed = [masks[0] / "y_mask.tif", masks[0] / "x_mask.tif", masks[1]]
    assert "Got 'y_mask.tif' in the place of the mask of 'x.tif'" in _refused([a, b], crossed)
    half = _touch(tmp_path / "half", "1.tif", "x.tif")
    assert "Got 'x.tif' in the place of the mask of 'y.tif', none of them for 'y.tif'" in _refused(
        [a], [half]
    )


def test_masks_that_are_left_over_are_refused_and_named(tmp_path):
    images = _touch(tmp_path / "i", "a.tif")
    masks = _touch(tmp_path / "m", "a_mask.tif", "b_mask.tif", "c_mask.tif")
    refusal = _refused([images], [masks])
    assert refusal.endswith("one for each image (1). Got 2 left over: b_mask.tif, c_mask.tif.")
    pairs, notes = find_images([images], masks=[masks / "a_mask.tif"])
    assert len(pairs) == 1 and notes == ["1 image is paired with its label image by name."]


def test_an_image_that_is_its_own_mask_is_refused_plainly(tmp_path, monkeypatch):
    folder = _touch(tmp_path / "d", "a.tif", "b.tif")
    monkeypatch.chdir(folder)
    sentence = "The label images (--masks) must be other files than the images. Got '{}' as both."
    assert _refused(["a.tif"], ["a.tif"]) == sentence.format("a.tif")
    assert _refused(["a.tif", "b.tif"], [folder / "b.tif"]) == sentence.format(folder / "b.tif")
    assert _refused([folder], [folder]) == sentence.format(folder)
    assert sentence[:40] in _refused([folder], ["a.tif", "b.tif"])
    assert _as_names(find_images([folder], masks=["a.tif"])[0]) == [
        ("b.tif", "a.tif")
    ]  # one of a folder may be


def test_a_label_image_without_an_image_is_read_as_an_image_and_said(tmp_path):
    pairs, notes = find_images([_touch(tmp_path / "d", "a_labels.tif")])
    assert _as_names(pairs) == [("a_labels.tif", None)] and "Named like label images" in notes[0]


def test_two_label_images_for_one_image_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"must have one label image .* a_labels\.tif, a_mask\.tif"):
        find_images([_touch(tmp_path / "d", "a.tif", "a_labels.tif", "a_mask.tif")])


# ---- real files ----
def test_the_nuclei_are_54_pairs_that_fit():
    pairs, notes = find_images([shared("images/nuclei_dsb2018")])
    assert len(pairs) == 54 and all(mask is not None for _, mask in pairs)
    assert any("index.csv" in note for note in notes)


@pytest.mark.parametrize(
    ("path", "shape", "dtype"),
    [
        ("images/blobs/blobs.tif", (1, 254, 256), "uint8"),
        ("images/human_mitosis/human_mitosis.tif", (1, 512, 512), "uint8"),
        ("images/bbbc022/IXMtest_A02_s9_crop.tif", (3, 395, 695), "uint16"),
        ("images/bbbc007/sparse/A9_p7d.tif", (1, 340, 340), "uint16"),
        ("images/captioned/astronaut.png", (3, 512, 512), "uint8"),
        ("images/blood_cells_bccd/BloodImage_00002.jpg", (3, 480, 640), "uint8"),
    ],
)
def test_real_images_have_their_shape_and_dtype(path, shape, dtype):
    image = read_image(shared(path))
    assert image.pixels.shape == shape and image.pixels.dtype == dtype


def test_the_slices_of_bbbc022_are_called_after_files_and_are_renamed_aloud():
    image = read_image(shared("images/bbbc022/IXMtest_A02_s9_crop.tif"))
    assert image.channel_names == ("c1", "c2", "c3")
    assert image.notes == [
        "IXMtest_A02_s9_crop.tif: the channels are called c1, c2, c3; "
        "their names in the file are those of files, or remarks."
    ]


def test_a_float_annotation_of_whole_numbers_is_a_label_image():
    path = shared("images/bbbc007/pixel_annotated_crops/A9_p5d_crop1_annotation.tif")
    assert set(np.unique(read_label_image(path, shape=(104, 102)))) == {0, 1, 2}


def test_a_stack_is_refused_with_its_axes():
    with pytest.raises(DataError, match=r"must have axes C, Y, X. Got QYX \(103, 256, 256\)"):
        read_image(shared("images/platynereis_3d_labels/platynereis_tp7_ground_truth.tif"))
