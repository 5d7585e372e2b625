"""Label Studio: regions and spans as its documentation shows them, and as it exports them in short."""

from __future__ import annotations

import json

import numpy as np
import pytest

from clew.errors import DataError
from clew.read.labels_studio import is_label_studio, read_label_studio, studio_images, studio_spans
from clew.read.marks import objects_under

SIZE = {"original_width": 640, "original_height": 480, "image_rotation": 0}


def task(*regions, **more):
    annotation = {"id": 1001, "was_cancelled": False, "result": list(regions), **more}
    return {
        "id": 1,
        "data": {"image": "/data/upload/1/1a2b3c4d-a.png"},
        "annotations": [annotation],
        "predictions": [],
    }


def region(kind, **value):
    return {"from_name": "tag", "to_name": "img", "type": kind, "value": {kind: ["round"], **value}, **SIZE}


BOX = region("rectanglelabels", x=50, y=25, width=10, height=5, rotation=0)


def corners(mark):
    return np.concatenate(mark.rings).tolist()


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (BOX, [[320, 120], [384, 120], [384, 144], [320, 144]]),
        (region("rectanglelabels", x=50, y=25, width=10, height=5, rotation=90), [[320, 120], [320, 184], [296, 184], [296, 120]]),
        (region("polygonlabels", points=[[0, 0], [10, 0], [10, 10]]), [[0, 0], [64, 0], [64, 48]]),
        (region("keypointlabels", x=50, y=50, width=0.5), [[320, 240]]),
    ],
)  # fmt: skip
def test_regions_in_per_cent_become_pixels(one, expected):
    (mark,) = read_label_studio([task(one)], "s.json")
    assert (mark.label, mark.of) == ("round", "/data/upload/1/1a2b3c4d-a.png")
    np.testing.assert_allclose(corners(mark), expected, atol=1e-9)


def test_an_ellipse_is_as_large_as_it_says():
    (mark,) = read_label_studio(
        [task(region("ellipselabels", x=50, y=50, radiusX=10, radiusY=5, rotation=0))], "s.json"
    )
    np.testing.assert_allclose(np.ptp(np.array(corners(mark)), axis=0), [128, 48])
    np.testing.assert_allclose(np.mean(corners(mark), axis=0), [320, 240])


def test_the_short_export_and_the_old_one_say_the_same():
    (told,) = read_label_studio([task(BOX)], "s.json")
    short = [
        {
            "image": "/data/upload/1/1a2b3c4d-a.png",
            "id": 1,
            "label": [{**BOX["value"], **SIZE}],
            "annotator": 1,
        }
    ]
    old = [{"id": 1, "data": task()["data"], "completions": task(BOX)["annotations"]}]
    for document in (short, old):
        assert is_label_studio(document)
        (mark,) = read_label_studio(document, "s.json")
        assert (mark.of, corners(mark)) == (told.of, corners(told))
    assert not is_label_studio([{"type": "Feature", "properties": {}, "geometry": None}])
    assert not is_label_studio([])


def test_spans_of_time_are_numbers_or_dates():
    spans = [
        {
            "type": "timeserieslabels",
            "value": {"start": start, "end": end, "instant": False, "timeserieslabels": ["Run"]},
        }
        for start, end in ((1.5, 3), ("2020-01-01 00:00:10", "2020-01-01 00:00:20.5"))
    ]
    document = [{"id": 1, "data": {"csv": "http://example.com/w.csv"}, "annotations": [{"result": spans}]}]
    marks = read_label_studio(document, "s.json")
    assert [(mark.of, mark.start, mark.end) for mark in marks] == [
        ("http://example.com/w.csv", 1.5, 3.0), ("http://example.com/w.csv", 1577836810.0, 1577836820.5)
    ]  # fmt: skip


def test_cancelled_annotations_and_relations_are_passed_over():
    assert (
        read_label_studio(
            [task(BOX, was_cancelled=True), task({"type": "relation", "from_id": "a"})], "s.json"
        )
        == []
    )


@pytest.mark.parametrize(
    ("one", "said"),
    [
        ({"type": "choices", "value": {"choices": ["x"]}}, "Got 'choices'"),
        (region("brushlabels", format="rle", rle=[1]), "brush labels"),
        ({**BOX, "original_width": 0}, "size of their image"),
        (region("rectanglelabels", x=50), "whole JSON"),
        ({"type": "t", "value": {"timeserieslabels": ["a"], "start": "next week"}}, "next week"),
    ],
)
def test_what_lies_nowhere_is_refused(one, said):
    with pytest.raises(DataError, match=said):
        read_label_studio([task(one)], "s.json")


def test_what_is_written_is_read_again():
    labels = np.zeros((40, 50), int)
    labels[3:9, 4:11] = 2
    labels[20:30, 20:41] = 7
    labels[23:25, 25:30] = 0
    marks = read_label_studio(
        json.loads(studio_images([("a.tif", labels)], {("a.tif", 2): "x", ("a.tif", 7): "y"})), "s"
    )
    assert [mark.label for mark in marks] == ["x", "y"]
    assert objects_under(labels, marks).tolist() == [2, 7]
    spans = read_label_studio(
        json.loads(studio_spans([("w.mseed", 1.0, 2.5, "x"), ("v.mseed", 0.0, 1.0, "y")])), "s"
    )
    assert [(m.of, m.start, m.end, m.label) for m in spans] == [
        ("w.mseed", 1.0, 2.5, "x"),
        ("v.mseed", 0.0, 1.0, "y"),
    ]
