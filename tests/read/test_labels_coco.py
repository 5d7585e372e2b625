"""COCO: boxes, polygons and runs, as other tools write them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from clew.errors import DataError
from clew.read.labels_coco import coco, is_coco, mask_of_runs, read_coco, runs_of_mask, unpacked
from clew.read.marks import objects_under


def packed(runs):
    """The letters of runs, after rleToString of COCO's own tools."""
    text = ""
    for i, run in enumerate(runs):
        x = run - (runs[i - 2] if i > 2 else 0)
        more = True
        while more:
            letter = x & 31
            x >>= 5
            more = x != -1 if letter & 16 else x != 0
            text += chr((letter | 32 if more else letter) + 48)
    return text


def document(**annotation):
    return {
        "images": [{"id": 7, "file_name": "plates/a.tif", "width": 30, "height": 20}],
        "categories": [{"id": 3, "name": "round", "supercategory": "cell"}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "iscrowd": 0, **annotation}],
    }


LABELS = np.zeros((20, 30), int)
LABELS[2:6, 3:9] = 5
LABELS[10:16, 10:20] = 6
LABELS[12:14, 12:16] = 0


def test_boxes_polygons_and_runs_mean_the_same_object():
    runs = runs_of_mask(LABELS == 5)
    for told in (
        {"bbox": [3, 2, 6, 4]},
        {"bbox": [3, 2, 6, 4], "segmentation": []},
        {"segmentation": [[3, 2, 9, 2, 9, 6, 3, 6]]},
        {"segmentation": {"size": [20, 30], "counts": runs}},
        {"segmentation": {"size": [20, 30], "counts": packed(runs)}},
    ):
        (mark,) = read_coco(document(**told), "l.json")
        assert (mark.label, mark.of) == ("round", "plates/a.tif")
        assert objects_under(LABELS, [mark]).tolist() == [5], told


def test_runs_are_of_columns_and_come_back():
    mask = np.random.default_rng(0).random((13, 17)) < 0.4
    runs = runs_of_mask(mask)
    np.testing.assert_array_equal(mask_of_runs(runs, 13, 17), mask)
    slow, last, n = [], False, 0
    for x in range(17):
        for y in range(13):
            if mask[y, x] != last:
                slow.append(n)
                last, n = mask[y, x], 0
            n += 1
    assert runs == [*slow, n]
    assert unpacked(packed(runs)) == runs
    long = [0, 100_000, 3, 70, 5_000_000, 1]
    assert unpacked(packed(long)) == long


def test_what_is_written_is_read_again_with_holes():
    given = {("a.tif", 5): "round", ("a.tif", 6): "long"}
    made = json.loads(coco([("a.tif", LABELS)], given, ["long", "round"]))
    assert is_coco(made)
    marks = read_coco(made, "l.json")
    assert [mark.label for mark in marks] == ["round", "long"]
    assert objects_under(LABELS, marks).tolist() == [5, 6]
    five, six = made["annotations"]
    assert (five["bbox"], five["area"], five["iscrowd"]) == ([3, 2, 6, 4], 24, 0)
    np.testing.assert_array_equal(mask_of_runs(six["segmentation"]["counts"], 20, 30), LABELS == 6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image_id": 8}, "image and a category"),
        ({"category_id": 9}, "image and a category"),
        ({}, "box or a segmentation"),
        ({"segmentation": {"size": [20, 30], "counts": [1, 2]}}, "whole COCO"),
        ({"segmentation": [["a"]]}, "whole COCO"),
    ],
)
def test_what_is_not_whole_is_refused(change, said):
    with pytest.raises(DataError, match=said):
        read_coco(document(**change), "l.json")


def test_a_mask_is_kept_as_the_box_around_it_and_an_absurd_one_is_refused():
    mask = np.zeros((40, 60), bool)
    mask[10:13, 20:25] = True

    def told(size, counts):
        document = {
            "images": [{"id": 1, "file_name": "a.tif"}],
            "categories": [{"id": 1, "name": "x"}],
            "annotations": [
                {"id": 1, "image_id": 1, "category_id": 1, "segmentation": {"size": size, "counts": counts}}
            ],
        }
        return read_coco(document, "c.json")[0].inside

    top, left, box = told([40, 60], runs_of_mask(mask))
    assert (top, left, box.shape, bool(box.all())) == (10, 20, (3, 5), True)
    with pytest.raises(DataError, match="100000 x 100000"):
        told([100_000, 100_000], [0, 10**10])
