"""Outlines of QuPath become pixels by their centres, no pixel twice and none lost."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.path import Path as Outline

from clew.errors import DataError
from clew.read.canvas import slices_at
from clew.read.geojson import drawing_of, inside_of, read_detections, read_drawing

RNG = np.random.default_rng(0)
SQUARE = [[2, 3], [6, 3], [6, 8], [2, 8], [2, 3]]  # x 2..6, y 3..8: rows 3-7, columns 2-5
HERE = Path("cells.geojson")


def feature(geometry, name="Tumor", **properties):
    told = {"objectType": "annotation", **properties}
    if name:
        told["classification"] = {"name": name, "color": [200, 0, 10]}
    return {"type": "Feature", "id": "7f0d", "geometry": geometry, "properties": told}


def polygon(*rings, **more):
    return {"type": "Polygon", "coordinates": list(rings), **more}


def drawn(*features, wrap=True):
    document = {"type": "FeatureCollection", "features": list(features)} if wrap else list(features)
    return read_drawing(json.dumps(document).encode(), HERE)


def painted(drawing, shape=(1, 1, 20, 20)):
    found = np.zeros(shape, int)
    for place, labels in drawing.pieces:
        found[slices_at(place, labels.shape)] = labels
    return found


# ---- what lies inside ----
def mask(rings, shape=(40, 40)):
    top, left, inside = inside_of([np.array(ring, float) for ring in rings])
    found = np.zeros(shape, bool)
    found[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return found


def by_matplotlib(rings, shape=(40, 40)):
    """The independent witness: matplotlib's test of points, exclusive-or over the rings."""
    rows, columns = np.indices(shape)
    centres = np.c_[columns.ravel() + 0.5, rows.ravel() + 0.5]
    inside = np.zeros(len(centres), bool)
    for ring in rings:
        inside ^= Outline(np.r_[ring, ring[:1]], closed=True).contains_points(centres)
    return inside.reshape(shape)


def star(n, centre=20, reach=18):
    angles = np.sort(RNG.random(n)) * 2 * np.pi
    radii = RNG.uniform(0.2, 1, n) * reach
    return centre + np.c_[np.cos(angles), np.sin(angles)] * radii[:, None]


def test_pixels_inside_are_those_that_matplotlib_finds():
    for n in (3, 4, 7, 30):
        for _ in range(10):
            rings = [star(n), star(5, reach=6)]
            np.testing.assert_array_equal(mask(rings), by_matplotlib(rings))


def test_the_comparison_can_fail():
    rings = [star(9)]
    shifted = [rings[0] + [1, 0]]  # the mutant: one column off
    assert (mask(shifted) != by_matplotlib(rings)).any()


def test_polygons_that_share_edges_share_no_pixel_and_leave_none_out():
    hub = np.array([16.5, 12.5])  # on a pixel's centre, and so are many points of the diagonals
    corners = np.array([[0.5, 0.5], [30, 0], [32.5, 28.5], [0, 32]])
    parts = [mask([[corners[i], corners[(i + 1) % 4], hub]]) for i in range(4)]
    np.testing.assert_array_equal(sum(part.astype(int) for part in parts), mask([corners]).astype(int))


def test_a_rectangle_on_pixel_borders_is_its_area():
    assert mask([SQUARE]).sum() == 20 and mask([SQUARE])[3:8, 2:6].all()
    assert mask([SQUARE[::-1]]).sum() == 20  # whichever way round
    assert mask([SQUARE, [[3, 4], [5, 4], [5, 6], [3, 6]]]).sum() == 16


# ---- what QuPath writes ----
def test_a_centre_on_an_edge_belongs_to_what_is_below_or_to_the_right():
    found = painted(drawn(feature(polygon([[0.5, 0.5], [2.5, 0.5], [2.5, 2.5], [0.5, 2.5]]))))
    assert np.argwhere(found[0, 0]).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


@pytest.mark.parametrize("wrap", [True, False])
def test_classes_are_numbered_by_name_and_keep_names_and_colours(wrap):
    drawing = drawn(
        feature(polygon(SQUARE), "Tumor"),
        feature({"type": "Point", "coordinates": [10.9, 15.2]}, "Stroma"),
        wrap=wrap,
    )
    assert drawing.class_names == {1: "Stroma", 2: "Tumor"} and drawing.colors[2] == (200, 0, 10)
    found = painted(drawing)
    assert (found == 2).sum() == 20 and found[0, 0, 15, 10] == 1 and not drawing.notes


def test_classes_get_the_numbers_that_are_given():
    data = json.dumps(feature(polygon(SQUARE), "Tumor")).encode()
    drawing = read_drawing(data, HERE, {"Stroma": 1, "Tumor": 3})
    assert drawing.class_names == {1: "Stroma", 3: "Tumor"} and painted(drawing).max() == 3
    with pytest.raises(DataError, match="must be among the class names \\(Stroma\\). Got 'Tumor'"):
        read_drawing(data, HERE, {"Stroma": 1})


def test_every_geometry_is_painted():
    line = {"type": "LineString", "coordinates": [[1.5, 1.5], [1.5, 6.5], [5.5, 6.5]]}
    assert painted(drawn(feature(line))).sum() == 10  # 6 down, 4 more to the right
    several = {"type": "MultiPolygon", "coordinates": [[SQUARE], [[[10, 10], [12, 10], [12, 11], [10, 11]]]]}
    assert painted(drawn(feature(several))).sum() == 22
    points = {"type": "MultiPoint", "coordinates": [[0.5, 0.5], [19.5, 19.5, 0]]}
    assert painted(drawn(feature(points))).sum() == 2
    both = {"type": "GeometryCollection", "geometries": [several, points]}
    assert painted(drawn(feature(both))).sum() == 24
    lines = {"type": "MultiLineString", "coordinates": [line["coordinates"], [[0, 0], [0, 0.4]]]}
    assert painted(drawn(feature(lines))).sum() == 11


def test_planes_of_stacks_and_times_are_told():
    found = painted(drawn(feature(polygon(SQUARE, plane={"c": -1, "z": 3, "t": 2}))), (4, 5, 20, 20))
    assert found[2, 3].sum() == found.sum() == 20


def test_what_is_no_trained_annotation_is_left_aside_and_counted():
    old = {"type": "Feature", "id": "PathDetectionObject", "geometry": polygon(SQUARE), "properties": {"classification": {"name": "Tumor", "colorRGB": -3670016}}}  # fmt: skip
    drawing = drawn(
        feature(polygon([[10, 10], [12, 10], [12, 12], [10, 12]])),
        feature(polygon(SQUARE), None),
        feature(polygon(SQUARE), "Cell", objectType="cell"),
        feature(polygon(SQUARE), "Region*"),
        old,
    )
    assert painted(drawing).sum() == 4
    [note] = drawing.notes
    for told in ("1 without a class", "1 of kind 'cell'", "1 of kind 'detection'", "1 of class 'Region*'"):
        assert told in note


@pytest.mark.parametrize("kind", ["Polygon", "MultiPolygon", "LineString", "GeometryCollection"])
@pytest.mark.parametrize("nothing", [[], [[]], [[[]]]])
def test_empty_geometries_are_left_aside_and_counted(kind, nothing):
    key = "geometries" if kind == "GeometryCollection" else "coordinates"
    drawing = drawn(feature({"type": kind, key: nothing}), feature(polygon(SQUARE)))
    assert painted(drawing).any() and drawing.notes == ["cells.geojson: left aside are 1 without a geometry."]


def test_an_outline_without_the_centre_of_a_pixel_is_told():
    sliver = polygon([[1, 1.1], [9, 1.1], [9, 1.2], [1, 1.2]])
    drawing = drawn(feature(sliver), feature(polygon(SQUARE)))
    assert painted(drawing).sum() == painted(drawn(feature(polygon(SQUARE)))).sum()
    assert drawing.notes == ["cells.geojson: 1 annotation so small that no centre of a pixel lies inside."]


def test_annotations_of_the_first_qupath_versions_and_nested_ones_are_read():
    old = {"type": "Feature", "id": "PathAnnotationObject", "geometry": polygon(SQUARE), "properties": {"classification": {"name": "Tumor", "colorRGB": -3670016}}}  # fmt: skip
    assert drawn(old).colors == {1: (200, 0, 0)}
    child = feature({"type": "Point", "coordinates": [15, 15]}, "Stroma")
    parent = feature(polygon(SQUARE), "Tumor", childObjects=[child])
    assert drawn(parent).class_names == {1: "Stroma", 2: "Tumor"}
    derived = feature(polygon(SQUARE), None, classification={"names": ["Tumor", "Positive"]})
    assert drawn(derived).class_names == {1: "Tumor: Positive"}


def test_pixels_of_two_classes_stay_unlabelled_and_are_told():
    drawing = drawn(
        feature(polygon(SQUARE), "Tumor"),
        feature(polygon([[4, 3], [8, 3], [8, 8], [4, 8]]), "Stroma"),
    )
    found = painted(drawing)
    assert (found == 1).sum() == (found == 2).sum() == 10
    assert "10 pixels" in drawing.notes[0] and "row 3, column 4" in drawing.notes[0]


def test_outlines_over_the_upper_left_border_lose_only_what_is_outside():
    found = painted(drawn(feature(polygon([[-0.8, -0.8], [3, -0.8], [3, 2], [-0.8, 2]]))))
    assert found[0, 0, :2, :3].all() and found.sum() == 6


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"{", "must be whole GeoJSON"),
        (b"[1, 2]", "must be whole GeoJSON"),
        (b'{"a": 1}', "must be whole GeoJSON"),
        (b'{"type": "FeatureCollection", "features": []}', "must hold annotations with a class. Got 0 features"),
        ([feature(polygon(SQUARE), None)], "Got 1 feature: 1 without a class"),
        ([feature({"type": "Circle", "coordinates": [1, 1]})], "must be polygons, lines or points. Got 'Circle'"),
        ([feature(polygon([[0, 0], [1, "x"]]))], "must be finite numbers"),
        ([feature(polygon([["1", "1"], ["5", "1"], ["5", "5"]]))], "must be finite numbers. Got .'1', '1'. instead"),
        ([feature({"type": "Polygon", "coordinates": []})], "Got 1 feature: 1 without a geometry"),
        ([feature({"type": "Polygon"})], "must be whole GeoJSON"),
        ([feature(polygon([[0, 0], [1, float("nan")]]))], "must be finite numbers. Got .1.0, nan. instead"),
        ([feature(polygon([[-50, 0], [1, 1], [0, 5]]))], "must be pixels of the image, from 0 on. Got x = -50"),
        ([feature(polygon([[0, 0], [1e6, 0], [1e6, 1e6]]))], "must lie in a box of at most"),
        ([feature(polygon(SQUARE), f"class {i}") for i in range(65)], "must have at most 64 classes. Got 65"),
    ],
)  # fmt: skip
def test_what_cannot_be_painted_is_refused_in_one_sentence(document, said):
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(DataError, match=said.replace("*", r"\*")) as told:
        read_drawing(data, HERE)
    assert "cells.geojson" in str(told.value) and "\n" not in str(told.value)


def test_labelled_objects_are_written_as_outlines_that_paint_them_again():
    labels = np.zeros((20, 20), int)
    labels[2:9, 2:9], labels[4:6, 4:6] = 1, 0  # with a hole
    labels[2:9, 9:12] = 2  # touches it
    labels[12:14, 3:5] = labels[14:16, 5:7] = 3  # two pieces
    text = drawing_of(labels, {1: "Tumor", 2: "Stroma", 3: "Tumor"})
    drawing = read_drawing(text.encode(), HERE)
    assert drawing.class_names == {1: "Stroma", 2: "Tumor"}
    np.testing.assert_array_equal(painted(drawing)[0, 0], np.choose(labels, [0, 2, 1, 2]))
    first = json.loads(text)["features"][0]
    assert len(first["geometry"]["coordinates"]) == 2  # outline and hole
    assert first["geometry"]["coordinates"][0][0] == first["geometry"]["coordinates"][0][-1]  # closed


def test_detections_and_cells_are_single_objects():
    features = [
        feature(polygon(SQUARE), objectType="detection"),
        feature(polygon(SQUARE), "Stroma", objectType="cell"),
        feature({"type": "Point", "coordinates": [4, 5]}, objectType="tile"),
        feature(polygon(SQUARE), None, objectType="detection"),
    ]
    found = read_detections({"type": "FeatureCollection", "features": features}, HERE)
    assert [name for name, _ in found] == ["Tumor", "Stroma", "Tumor"]
    assert [len(rings[0]) for _, rings in found] == [5, 5, 1]
    assert (
        read_detections([*features, feature(polygon(SQUARE))], HERE) == []
    )  # an annotation is painted instead
    with pytest.raises(DataError, match="polygons or points"):
        read_detections(feature({"type": "LineString", "coordinates": SQUARE}, objectType="cell"), HERE)
