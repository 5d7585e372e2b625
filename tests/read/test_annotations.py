"""Annotations say which pixels have which class, and refuse every image but their own."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from clew.errors import DataError, SettingError
from clew.read import annotations as module
from clew.read.annotations import Annotation, read_annotation, read_annotations, write_annotation
from tests.conftest import shared

PLANE = np.zeros((12, 17))
PLANE[3, 4:9], PLANE[8, 2] = 1, 2
SHAPE = (1, 3, 1, 12, 17)
HASH = "ab" * 32


# ---- real files ----
def test_the_sparse_annotation_of_blobs_is_read():
    path = shared("images/blobs/blobs_pixel_annotation_sparse.tif")
    one = read_annotation(path, shape=(1, 1, 1, 254, 256))
    assert one.counts() == {1: 737, 2: 361} and one.class_names == {1: "1", 2: "2"}
    assert one.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    np.testing.assert_array_equal(one.dense((1, 1, 1, 254, 256))[0, 0], tifffile.imread(path))
    assert repr(one) == "<Annotation blobs_pixel_annotation_sparse.tif: 737 pixels of class '1', 361 of '2'>"


def test_the_annotation_of_a_part_needs_its_offset():
    path = shared("images/nuclei_bbbc038_0bf4b1/0bf4b1_pixel_annotation.tif")
    shape = (1, 1, 1, 256, 256)
    one = read_annotation(path, shape=shape, offset=(4, 106))
    assert one.counts() == {1: 353, 2: 616}
    np.testing.assert_array_equal(one.dense(shape)[0, 0, 4:64, 106:166], tifffile.imread(path))
    with pytest.raises(
        DataError, match=r"shape of its image, 256 x 256 pixels. Got 60 x 60 instead. Give its 'offset'"
    ):
        read_annotation(path, shape=shape)
    with pytest.raises(
        DataError, match=r"must lie inside its image of 256 x 256 pixels. Got one from \(0, 0, 4, 206\)"
    ):
        read_annotation(path, shape=shape, offset=(4, 206))


def test_crops_whose_masks_are_floats_are_read():
    counts = [(174, 204), (243, 289), (999, 564), (802, 746)]
    for i, (a, b) in enumerate(counts, start=1):
        path = shared(f"images/bbbc007/pixel_annotated_crops/A9_p5d_crop{i}_annotation.tif")
        assert read_annotation(path).counts() == {1: a, 2: b}


def test_label_images_of_objects_are_told_from_annotations():
    with pytest.raises(DataError, match="Got 255: it looks like a mask of one value"):
        Annotation.of((PLANE > 0) * 255)
    path = shared("images/nuclei_stardist_dsb2018")
    mask = next(
        file for file in sorted(path.rglob("*.tif")) if "mask" in file.name or "mask" in str(file.parent)
    )
    with pytest.raises(DataError, match="it looks like a label image of 125 objects"):
        read_annotation(mask)


# ---- arrays ----
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64"])
@pytest.mark.parametrize("axes", [2, 3, 4])
def test_arrays_of_every_kind_give_the_same_annotation(dtype, axes):
    array = PLANE.astype(dtype)[(None,) * (axes - 2)]
    one = Annotation.of(array, class_names=["sky", "cell"])
    assert one.counts() == {1: 5, 2: 1} and one.class_names == {1: "sky", 2: "cell"}
    np.testing.assert_array_equal(one.dense(SHAPE)[0, 0], PLANE)
    assert all(labels.dtype == np.int32 and not labels.flags.writeable for _, labels in one.pieces)


def test_offsets_of_two_three_and_four_axes_say_where():
    big = (2, 1, 3, 40, 50)
    for offset, place in [((5, 6), (0, 0, 5, 6)), ((2, 5, 6), (0, 2, 5, 6)), ((1, 2, 5, 6), (1, 2, 5, 6))]:
        t, z, y, x = place
        found = Annotation.of(PLANE, offset=offset).dense(big)
        np.testing.assert_array_equal(found[t, z, y : y + 12, x : x + 17], PLANE)
        assert (found > 0).sum() == 6


def test_booleans_are_one_class():
    assert Annotation.of(PLANE > 0).counts() == {1: 6}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1.5, "Got 1.5 at row 2, column 3"),
        (-1, "Got -1.0 at row 2, column 3"),
        (np.nan, "Got nan at row 2, column 3"),
        (np.inf, "Got inf at row 2, column 3"),
        (65, "Got 65.0: it looks like a label image of 3 objects"),
    ],
)
def test_numbers_that_are_no_classes_are_refused_with_their_place(value, said):
    array = PLANE.copy()
    array[2, 3] = value
    with pytest.raises(DataError, match=said):
        Annotation.of(array)
    stack = np.stack([PLANE, array])
    if "row" in said:
        with pytest.raises(DataError, match=said.replace("at row", "at z 1, row")):
            Annotation.of(stack)


def test_other_arrays_are_refused():
    with pytest.raises(DataError, match="Got only zeros"):
        Annotation.of(PLANE * 0)
    with pytest.raises(DataError, match=r"must have the axes .* Got shape \(12,\)"):
        Annotation.of(PLANE[:, 0])
    with pytest.raises(DataError, match=r"Got an array of shape \(1, 1, 0, 17\)"):
        Annotation.of(PLANE[:0])
    with pytest.raises(DataError, match="Got complex128 instead"):
        Annotation.of(PLANE.astype(complex))
    assert Annotation.of(np.arange(65).reshape(5, 13)).counts().keys() == set(range(1, 65))  # 64 are allowed


@pytest.mark.parametrize("offset", [(1,), (-1, 0), (0.5, 1), (1, 2, 3, 4, 5)])
def test_offsets_of_another_form_are_refused(offset):
    with pytest.raises(SettingError, match="The 'offset' of an annotation must be"):
        Annotation.of(PLANE, offset=offset)


def test_class_names_must_be_different_and_names():
    with pytest.raises(DataError, match="must all differ. Got 'sky' twice"):
        Annotation.of(PLANE, class_names={1: "sky", 2: "sky"})
    for wrong in ("sky", {0: "sky"}, [""], {65: "x"}):
        with pytest.raises(SettingError, match="The 'class_names' must"):
            Annotation.of(PLANE, class_names=wrong)
    assert Annotation.of(PLANE, class_names={2: "cell"}).class_names == {1: "1", 2: "cell"}


# ---- whose image ----
def test_other_content_is_refused_whatever_the_shape():
    one = Annotation.of(PLANE, image_sha256=HASH, image_name="blobs.tif")
    one.check_fits(SHAPE, image_sha256=HASH)
    one.check_fits(SHAPE)  # nothing to compare with
    Annotation.of(PLANE).check_fits(SHAPE, image_sha256=HASH)
    with pytest.raises(DataError, match=r"must belong to the image 'x.tif'. Got one that was painted on 'blobs.tif', whose content \(SHA-256 abababababab...\)"):  # fmt: skip
        one.check_fits(SHAPE, image_sha256="cd" * 32, image_name="x.tif")


@pytest.mark.parametrize("shape", [(1, 1, 1, 12, 18), (1, 1, 1, 17, 12), (1, 1, 2, 12, 17), (2, 1, 1, 12, 17), (1, 1, 1, 120, 170)])  # fmt: skip
def test_other_shapes_are_refused(shape):
    with pytest.raises(DataError, match="must have the shape of its image"):
        Annotation.of(PLANE).check_fits(shape)


@pytest.mark.parametrize(("planes", "shape"), [((5, 1), (1, 1, 5, 12, 17)), ((1, 5), (5, 1, 1, 12, 17))])
def test_a_series_of_planes_is_turned_to_what_its_image_calls_it(tmp_path, planes, shape):
    labels = np.zeros((*planes, 12, 17), np.uint8)
    labels.reshape(5, 12, 17)[3] = PLANE
    tifffile.imwrite(tmp_path / "a.tif", labels, imagej=True, metadata={"axes": "TZYX"})
    one = read_annotation(tmp_path / "a.tif", shape=shape)
    np.testing.assert_array_equal(one.dense(shape).reshape(5, 12, 17), labels.reshape(5, 12, 17))
    assert one.notes == ["a.tif: T and Z are swapped, as its image has them."]
    assert not read_annotation(tmp_path / "a.tif", shape=(planes[0], 1, planes[1], 12, 17)).notes
    with pytest.raises(DataError, match="must have the shape of its image, 2 x 5 x 12 x 17 pixels"):
        read_annotation(tmp_path / "a.tif", shape=(2, 1, 5, 12, 17))


def test_planes_over_both_time_and_depth_are_never_turned(tmp_path):
    labels = np.zeros((2, 3, 12, 17), np.uint8)
    labels[1, 2] = PLANE
    tifffile.imwrite(tmp_path / "a.tif", labels, imagej=True, metadata={"axes": "TZYX"})
    with pytest.raises(DataError, match="3 x 2 x 12 x 17 pixels. Got 2 x 3 x 12 x 17 instead"):
        read_annotation(tmp_path / "a.tif", shape=(3, 1, 2, 12, 17))


# ---- files ----
def test_every_kind_of_label_image_gives_the_same(tmp_path):
    plane = PLANE.astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", PLANE)
    Pillow.fromarray(plane).save(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", PLANE)
    for name in ("a.tif", "a.png", "a.npy"):
        one = read_annotation(tmp_path / name, shape=SHAPE, class_names=["sky", "cell"])
        np.testing.assert_array_equal(one.dense(SHAPE)[0, 0], PLANE)
        assert one.name == name and one.class_names == {1: "sky", 2: "cell"}


def write_geojson(path, *corners, name="cell", **geometry):
    feature = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [corners], **geometry},
        "properties": {"objectType": "annotation", "classification": {"name": name, "color": [1, 2, 3]}},
    }
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    return path


def test_outlines_are_read_and_cut_at_the_border_by_a_part_of_a_pixel_only(tmp_path):
    path = write_geojson(tmp_path / "a.geojson", [15, 10], [17.7, 10], [17.7, 12.9], [15, 12.9])
    one = read_annotation(path, shape=SHAPE)
    assert one.counts() == {1: 4} and one.class_names == {1: "cell"} and one.colors == {1: (1, 2, 3)}
    far = write_geojson(tmp_path / "b.geojson", [15, 10], [19, 10], [19, 11], [15, 11])
    with pytest.raises(
        DataError, match=r"must lie inside its image of 12 x 17 pixels. Got one from \(0, 0, 10, 15\)"
    ):
        read_annotation(far, shape=SHAPE)
    with pytest.raises(DataError, match="Got only zeros"):
        read_annotation(write_geojson(tmp_path / "c.json", [1.1, 1.1], [1.2, 1.1], [1.2, 1.2]))


def test_outlines_on_z_planes_are_turned_for_a_series_in_time(tmp_path):
    path = write_geojson(
        tmp_path / "a.geojson", [1, 1], [3, 1], [3, 3], [1, 3], plane={"c": 0, "z": 3, "t": 0}
    )
    assert read_annotation(path, shape=(5, 1, 1, 12, 17)).pieces[0][0] == (3, 0, 1, 1)
    assert read_annotation(path, shape=(5, 1, 4, 12, 17)).pieces[0][0] == (0, 3, 1, 1)


def test_offsets_and_suffixes_that_make_no_sense_are_refused(tmp_path):
    path = write_geojson(tmp_path / "a.geojson", [1, 1], [3, 1], [3, 3])
    with pytest.raises(SettingError, match="must be given for label images only"):
        read_annotation(path, offset=(1, 2))
    with pytest.raises(DataError, match=r"must be a label image .* Got '.jpg' instead"):
        read_annotation(tmp_path / "a.jpg")
    with pytest.raises(DataError, match="must be one that can be read"):
        read_annotations(tmp_path / "no.tif")
    (tmp_path / "empty.tif").touch()
    with pytest.raises(DataError, match="empty file"):
        read_annotations(tmp_path / "empty.tif")


# ---- writing ----
@pytest.mark.parametrize("image_shape", [None, (2, 3, 4, 40, 50)])
def test_what_is_written_comes_back_with_its_image(tmp_path, image_shape):
    one = Annotation.of(PLANE, offset=(1, 2, 5, 6), class_names=["sky", "Zellkörper"])
    path = write_annotation(
        one, tmp_path / "a.tif", image_sha256=HASH, image_name="µ.tif", image_shape=image_shape
    )
    back = read_annotation(path, shape=(2, 3, 4, 40, 50))
    np.testing.assert_array_equal(back.dense((2, 3, 4, 40, 50)), one.dense((2, 3, 4, 40, 50)))
    assert back.image_sha256 == HASH and back.image_name == "µ.tif"
    assert back.class_names == {1: "sky", 2: "Zellkörper"}
    assert tifffile.imread(path).shape == ((2, 4, 40, 50) if image_shape else (6, 7))
    with pytest.raises(DataError, match="whose content"):
        back.check_fits((2, 3, 4, 40, 50), image_sha256="cd" * 32)


def test_of_a_large_image_only_the_labels_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LARGEST_WHOLE", 1000)
    one = Annotation.of(PLANE, offset=(5, 6))
    path = write_annotation(one, tmp_path / "a.tif", image_sha256=HASH, image_shape=(1, 1, 1, 40, 50))
    assert tifffile.imread(path).shape == (6, 7)
    back = read_annotation(path)
    np.testing.assert_array_equal(back.dense((1, 1, 1, 40, 50)), one.dense((1, 1, 1, 40, 50)))
    with pytest.raises(DataError, match="must have the shape of its image, 40 x 51 pixels. Got 40 x 50"):
        back.check_fits((1, 1, 1, 40, 51))


def test_nothing_is_written_that_does_not_tell_its_image(tmp_path):
    one = Annotation.of(PLANE)
    with pytest.raises(SettingError, match="The 'image_sha256' must be given"):
        write_annotation(one, tmp_path / "a.tif")
    with pytest.raises(SettingError, match="must end in .tif or .tiff"):
        write_annotation(one, tmp_path / "a.png", image_sha256=HASH)
    with pytest.raises(DataError, match="must have the shape"):
        write_annotation(one, tmp_path / "a.tif", image_sha256=HASH, image_shape=(1, 1, 1, 40, 50))
    other = Annotation.of(PLANE, image_sha256="cd" * 32)
    with pytest.raises(DataError, match="whose content"):
        write_annotation(other, tmp_path / "a.tif", image_sha256=HASH)
    far = np.zeros((1, 1, 1, 1), np.int32) + 1
    apart = Annotation((((0, 0, 0, 0), far), ((0, 0, 90_000, 90_000), far)))
    with pytest.raises(DataError, match="must lie in a box of at most"):
        write_annotation(apart, tmp_path / "a.tif", image_sha256=HASH)
    assert not list(tmp_path.iterdir())


def test_the_same_annotation_is_written_as_the_same_bytes(tmp_path):
    one = Annotation.of(PLANE)
    paths = [write_annotation(one, tmp_path / f"{i}.tif", image_sha256=HASH) for i in (1, 2)]
    assert paths[0].read_bytes() == paths[1].read_bytes()
