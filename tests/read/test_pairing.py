"""Every annotation finds its own image, or none: by content, by name, and in order only where nothing tells."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import tifffile

from clew.errors import DataError, SettingError
from clew.read.annotations import Annotation, write_annotation
from clew.read.pairing import pair_annotations
from tests.conftest import shared
from tests.read.test_ilastik import write_project

SHAPE = (1, 1, 1, 12, 17)


@dataclass
class Painted:
    """An image as pairing sees it; its content is told by one letter."""

    path: Path
    content: str = "a"
    shape: tuple = SHAPE
    hashed: list = field(default_factory=list)

    @property
    def name(self):
        return self.path.name

    def sha256(self):
        self.hashed.append(self.name)
        return self.content * 64


def labels(row, number=1):
    plane = np.zeros((12, 17), np.uint8)
    plane[row, 2:6] = number
    return plane


def save(path, row=0, number=1):
    path.parent.mkdir(exist_ok=True)
    tifffile.imwrite(path, labels(row, number))
    return path


def write_geojson(path, *classes):
    """One rectangle of 3 pixels a class, in rows 1, 2, ..."""
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [[[1, y], [4, y], [4, y + 1], [1, y + 1]]]},
            "properties": {"objectType": "annotation", "classification": {"name": name, "color": [y, y, y]}},
        }
        for y, name in enumerate(classes, start=1)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def images_of(folder, *names, **settings):
    return [Painted(folder / name, **settings) for name in names]


def rows(pairs):
    """The images and the first labelled row of each: enough to tell the annotations apart."""
    return [(home, one.pieces[0][0][2]) for home, one in pairs]


# ---- real files ----
def test_the_crops_of_a_folder_find_their_masks():
    folder = shared("images/bbbc007/pixel_annotated_crops")
    files = sorted(folder.glob("*_crop?.tif"))
    images = [Painted(file, shape=(1, 1, 1, *tifffile.imread(file).shape)) for file in files]
    pairs, notes = pair_annotations(images[::-1], sorted(folder.glob("*_annotation.tif")))
    assert [one.name for _, one in pairs] == [f"A9_p5d_crop{i}_annotation.tif" for i in (4, 3, 2, 1)]
    assert "4 annotations are paired with the images by name." in notes
    assert "A9_p5d_crop1.tif: 174 pixels of class '1', 204 of '2' (A9_p5d_crop1_annotation.tif)." in notes
    assert pair_annotations(images, [folder])[1][:1] == ["4 annotations are paired with the images by name."]


def test_two_annotations_of_blobs_are_put_together():
    folder = shared("images/blobs")
    image = Painted(folder / "blobs.tif", shape=(1, 1, 1, 254, 256))
    sparse, second = (folder / f"blobs_pixel_annotation_{i}.tif" for i in ("sparse", "2"))
    a, b = tifffile.imread(sparse), tifffile.imread(second)
    clash = (a > 0) & (b > 0) & (a != b)
    if clash.any():
        with pytest.raises(DataError, match=f"must not contradict each other. Got {clash.sum()} pixel"):
            pair_annotations([image], [sparse, second])
    else:
        [(_, one)], _ = pair_annotations([image], [sparse, second])
        np.testing.assert_array_equal(one.dense(image.shape)[0, 0], np.maximum(a, b))


# ---- by content ----
def test_content_comes_before_names(tmp_path):
    images = [Painted(tmp_path / "a.tif", "a"), Painted(tmp_path / "b.tif", "b")]
    one = Annotation.of(labels(3))
    path = write_annotation(one, tmp_path / "a_annotation.tif", image_sha256="b" * 64, image_name="old.tif")
    pairs, notes = pair_annotations(images, [path])
    assert rows(pairs) == [(1, 3)]
    assert notes[0] == "1 annotation is paired with the images by the content of the image."
    assert notes[-1] == "Without annotation: a.tif."


def test_an_annotation_of_other_content_is_refused_even_where_its_name_fits(tmp_path):
    images = [Painted(tmp_path / "a.tif", "a"), Painted(tmp_path / "b.tif", "b")]
    path = write_annotation(Annotation.of(labels(3)), tmp_path / "a_annotation.tif", image_sha256="c" * 64)
    with pytest.raises(DataError, match=r"must belong to one of the images. Got one that was painted on an image with other content \(SHA-256 cccccccccccc...\) than any of: a.tif, b.tif"):  # fmt: skip
        pair_annotations(images, [path])


def test_of_two_copies_the_one_of_the_name_is_taken(tmp_path):
    images = images_of(tmp_path, "a.tif", "b.tif")
    path = write_annotation(
        Annotation.of(labels(3)), tmp_path / "x.tif", image_sha256="a" * 64, image_name="b.tif"
    )
    assert rows(pair_annotations(images, [path])[0]) == [(1, 3)]


def test_every_image_is_hashed_once(tmp_path):
    images = [Painted(tmp_path / f"{c}.tif", c) for c in "abc"]
    paths = [
        write_annotation(Annotation.of(labels(i)), tmp_path / f"{i}.tif", image_sha256=c * 64)
        for i, c in enumerate("abc")
    ]
    assert rows(pair_annotations(images, paths)[0]) == [(0, 0), (1, 1), (2, 2)]
    assert [image.hashed for image in images] == [["a.tif"], ["b.tif"], ["c.tif"]]


def test_no_content_is_hashed_unless_an_annotation_tells_one(tmp_path):
    images = images_of(tmp_path, "a.tif", "b.tif")
    pair_annotations(images, [save(tmp_path / "a_labels.tif"), save(tmp_path / "b_labels.tif")])
    assert not images[0].hashed and not images[1].hashed


# ---- by name ----
@pytest.mark.parametrize(
    ("image", "annotation"),
    [
        ("cells.tif", "cells_labels.tif"),
        ("cells.ome.tif", "cells_annotation.tif"),
        ("cells_image.tif", "cells_mask.tif"),
        ("cells.png", "cells_pixel_annotation_sparse.tif"),
        ("cells.tif", "cells_pixel_annotation_2.tif"),
        ("cells.tif", "cells-scribbles3.tif"),
        ("cells.tif", "masks/cells.tif"),
        ("cells.zarr", "cells_cp_masks.tif"),
        ("cells.tif", "cells.tif_labels.tif"),
        ("cells_sparse.tif", "cells_sparse_annotation.tif"),
        ("cells_2.tif", "cells_2_annotation_2.tif"),
    ],
)
def test_names_that_people_use_fit(tmp_path, image, annotation):
    images = images_of(tmp_path, "cells_3.tif", image, "other.tif")
    pairs, _ = pair_annotations(images, [save(tmp_path / annotation, 4)])
    assert rows(pairs) == [(1, 4)]


def test_geojson_of_qupath_is_called_like_its_image_suffix_and_all(tmp_path):
    images = images_of(tmp_path, "b.tif", "a.ome.tif")
    for name in ("a.geojson", "a.ome.tif.geojson", "a_annotations.json"):
        pairs, _ = pair_annotations(images, [write_geojson(tmp_path / name, "cell")])
        assert [home for home, _ in pairs] == [1]


def test_the_longest_name_wins(tmp_path):
    images = images_of(tmp_path, "cells.tif", "cells_sparse.tif")
    pairs, _ = pair_annotations(images, [save(tmp_path / "cells_sparse_labels.tif", 4)])
    assert rows(pairs) == [(1, 4)]


def test_of_images_of_one_name_the_one_in_the_same_folder_is_meant(tmp_path):
    images = [*images_of(tmp_path / "one", "cells.tif"), *images_of(tmp_path / "two", "cells.tif")]
    paths = [save(tmp_path / "two/cells_labels.tif", 7), save(tmp_path / "one/cells_labels.tif", 5)]
    assert rows(pair_annotations(images, paths)[0]) == [(0, 5), (1, 7)]
    with pytest.raises(
        DataError, match="must belong to one of the images, by its name. Got 2 images: cells.tif, cells.tif"
    ):
        pair_annotations(images, [save(tmp_path / "else/cells_labels.tif", 7)])


def test_of_two_images_that_a_name_fits_alike_none_is_guessed(tmp_path):
    annotation = save(tmp_path / "cells_annotation.tif")
    images = [Painted(tmp_path / name) for name in ("cells.tif", "cells.png", "other.tif")]
    with pytest.raises(
        DataError, match=r"'cells_annotation.tif' must belong to one of the images, by its name"
    ):
        pair_annotations(images, [annotation])


def test_annotations_of_one_name_in_two_folders_are_not_taken_for_one_image(tmp_path):
    images = images_of(tmp_path / "one", "cells.tif")  # that of the second folder is not given
    paths = [save(tmp_path / "one/cells_labels.tif", 5), save(tmp_path / "two/cells_labels.tif", 7)]
    with pytest.raises(
        DataError, match="of the image 'cells.tif' must have different names. Got .*one.* and .*two"
    ):
        pair_annotations(images, paths)
    assert rows(pair_annotations(images, [paths[0], paths[0].parent])[0]) == [(0, 5)]  # one file, told twice


def test_a_name_that_fits_none_is_refused_where_others_fit(tmp_path):
    images = images_of(tmp_path, "a.tif", "b.tif")
    with pytest.raises(
        DataError, match="The annotation 'c_labels.tif' must belong to one of the images, by its name"
    ):
        pair_annotations(images, [save(tmp_path / "a_labels.tif"), save(tmp_path / "c_labels.tif")])


def test_where_no_name_fits_the_order_tells_and_is_said(tmp_path):
    images = images_of(tmp_path, "a.tif", "b.tif")
    paths = [save(tmp_path / f"scan{i}.tif", i) for i in (5, 2)]
    pairs, notes = pair_annotations(images, paths)
    assert rows(pairs) == [(0, 5), (1, 2)]
    assert (
        notes[0] == "Paired in order, since the names do not fit: scan5.tif with a.tif, scan2.tif with b.tif."
    )
    with pytest.raises(
        DataError, match="must belong to one of the images, by its name. Got 2 images: a.tif, b.tif"
    ):
        pair_annotations(images, paths[:1])


def test_a_shape_that_does_not_fit_is_refused_with_both_names(tmp_path):
    images = images_of(tmp_path, "a.tif", shape=(1, 1, 1, 40, 50))
    path = save(tmp_path / "a_labels.tif")
    with pytest.raises(
        DataError,
        match="'a_labels.tif' must have the shape of the image 'a.tif', 40 x 50 pixels. Got 12 x 17",
    ):
        pair_annotations(images, [path])
    assert rows(pair_annotations(images, [path], offset=(3, 4))[0]) == [(0, 3)]
    with pytest.raises(SettingError, match="must be given for one annotation. Got 2"):
        pair_annotations(images, [path, save(tmp_path / "b.tif")], offset=(3, 4))


# ---- ilastik ----
def test_lanes_find_their_images_and_others_are_left_aside(tmp_path):
    lanes = [(f"data/{name}", labels(i)[None, None]) for i, name in enumerate(["a.h5/x", "b.png", "c.png"])]
    project = write_project(tmp_path / "p.ilp", lanes, axes="yx")
    images = images_of(tmp_path, "c.png", "a.tif")
    pairs, notes = pair_annotations(images, [project])
    assert rows(pairs) == [(0, 2), (1, 0)]
    assert "Left aside: p.ilp (b.png), whose image is not among those given." in notes
    assert "2 annotations are paired with the images by the image's name in the file." in notes
    with pytest.raises(DataError, match="by the name it tells, 'a.h5'. Got 3 images: d.tif, e.tif, f.tif"):
        pair_annotations(images_of(tmp_path, "d.tif", "e.tif", "f.tif"), [project])  # as many, but not they


def test_one_project_of_one_image_that_was_renamed_is_taken_and_said(tmp_path):
    project = write_project(tmp_path / "p.ilp", [("old.png", labels(2)[None, None])], axes="yx")
    pairs, notes = pair_annotations(images_of(tmp_path, "new.png"), [project])
    assert rows(pairs) == [(0, 2)] and notes[0].startswith(
        "Paired in order, since the names do not fit: p.ilp"
    )
    with pytest.raises(DataError, match="must have the shape"):
        pair_annotations(images_of(tmp_path, "new.png", shape=(1, 1, 1, 40, 50)), [project])


# ---- classes ----
def test_classes_of_one_name_get_one_number_in_all_files(tmp_path):
    images = images_of(tmp_path, "a.tif", "b.tif", "c.tif")
    a = write_geojson(tmp_path / "a.geojson", "stroma", "tumor")  # 1, 2
    b = write_geojson(tmp_path / "b.geojson", "tumor")  # 1 of its own
    pairs, notes = pair_annotations(images[:2], [a, b])
    assert [one.class_names for _, one in pairs] == [{1: "stroma", 2: "tumor"}] * 2
    assert [one.counts() for _, one in pairs] == [{1: 3, 2: 3}, {2: 3}]
    assert pairs[1][1].colors == {2: (1, 1, 1)}
    assert "The files number their classes differently; by name they are 1 'stroma', 2 'tumor'." in notes
    with pytest.raises(
        DataError, match="Got 2 that disagree about the number of a class, and 'c_labels.tif' without names"
    ):
        pair_annotations(images, [a, b, save(tmp_path / "c_labels.tif")])
    chosen, _ = pair_annotations(images[:2], [a, b], class_names=["tumor", "stroma"])
    assert [one.counts() for _, one in chosen] == [{1: 3, 2: 3}, {1: 3}]
    named, _ = pair_annotations(images, [a, save(tmp_path / "c_labels.tif", 4, 2)])
    assert [one.told() for _, one in named] == [
        "3 pixels of class 'stroma', 3 of 'tumor'",
        "4 pixels of class 'tumor'",
    ]


# ---- several annotations of one image ----
def test_annotations_of_one_image_are_put_together(tmp_path):
    images = images_of(tmp_path, "a.tif")
    paths = [save(tmp_path / "a_labels.tif", 4), save(tmp_path / "a_annotation.tif", 6, 2)]
    [(home, one)], _ = pair_annotations(images, paths)
    np.testing.assert_array_equal(one.dense(SHAPE)[0, 0], labels(4) + labels(6, 2))
    assert home == 0 and one.name == "a_labels.tif + a_annotation.tif" and one.image_name == "a.tif"


def test_contradictions_are_refused_with_their_place(tmp_path):
    paths = [save(tmp_path / "a_labels.tif", 4), save(tmp_path / "a_annotation.tif", 4, 2)]
    with pytest.raises(DataError, match=r"of the image 'a.tif' must not contradict each other. Got 4 pixels with two classes: '1' \(a_labels.tif\) and '2' \(a_annotation.tif\) at t 0, z 0, row 4, column 2"):  # fmt: skip
        pair_annotations(images_of(tmp_path, "a.tif"), paths)


# ---- folders ----
def test_of_a_folder_annotations_are_taken_and_the_rest_is_left_aside(tmp_path):
    images = [Painted(save(tmp_path / "a.tif")), Painted(save(tmp_path / "b.tif"))]
    save(tmp_path / "a_labels.tif", 3)
    (tmp_path / "notes.docx").touch()
    pairs, notes = pair_annotations(images, [tmp_path])
    assert rows(pairs) == [(0, 3)]
    assert notes[0] == f"Left aside in the folder '{tmp_path.name}', being no annotations: notes.docx."
    with pytest.raises(DataError, match="must be other files than the images. Got .*a.tif' as both"):
        pair_annotations(images, [tmp_path / "a.tif"])


def test_no_annotation_at_all_is_refused(tmp_path):
    with pytest.raises(DataError, match="must name at least one file .* Got none"):
        pair_annotations(images_of(tmp_path, "a.tif"), [])
    with pytest.raises(DataError, match="must name at least one file"):
        pair_annotations(images_of(tmp_path, "a.tif"), [tmp_path])
