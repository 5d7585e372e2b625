"""ilastik's projects are read as ilastik lays them out, whatever the axes and the version.

The fixtures are written here, group by group, as ilastik's serializers do: see the sources that clew.read.ilastik names.
"""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from clew.errors import DataError
from clew.read.annotations import read_annotation, read_annotations
from clew.read.canvas import slices_at
from clew.read.ilastik import _image_name, read_project

SHAPE = {"t": 3, "z": 4, "y": 12, "x": 17, "c": 2}
NAMES = (b"sky", "Zellkörper".encode())


def tags(axes):
    return json.dumps(
        {"axes": [{"key": a, "typeFlags": 2, "resolution": 0, "description": ""} for a in axes]}
    )


def scribbles(shape):
    """Sparse labels of shape (t, z, y, x): a line of class 1, a speck of class 2."""
    labels = np.zeros(shape, np.uint8)
    labels[-1, -1, 3, 2:9] = 1
    labels[-1, -1, 7:9, 11:13] = 2
    labels[0, 0, 0, -1] = 1
    return labels


def write_project(
    path,
    lanes,
    *,
    axes,
    block_axes=None,
    version=b"1.4.0",
    tagged=True,
    roles=True,
    workflow=b"Pixel Classification",
    names=NAMES,
    key="labels{:03d}",
):
    """Write lanes of (file path, labels (t, z, y, x) or None) as a version of ilastik does."""
    with h5py.File(path, "w") as file:
        file["ilastikVersion"], file["workflowName"] = version, workflow
        infos = file.create_group("Input Data/infos")
        sets = file.create_group("PixelClassification/LabelSets")
        saved = np.array(names if len(names) else [0.0])
        listed = file["PixelClassification"].create_dataset("LabelNames", data=saved)
        listed.attrs["isEmpty"] = len(names) == 0
        colors = file["PixelClassification"].create_dataset("LabelColors", data=[(255, 0, 0), (0, 255, 0)])
        colors.attrs["isEmpty"] = False
        for i, (file_path, labels) in enumerate(lanes):
            info = infos.create_group(f"lane{i:04d}" + "/Raw Data" * roles)
            info["filePath"], info["nickname"] = file_path.encode(), b"nick" + str(i).encode()
            info["location"] = b"ProjectInternal" if file_path.startswith("/Input Data") else b"FileSystem"
            if tagged:
                info["axistags"] = tags(axes).encode()
                info["shape"] = [dict(zip("tzyx", labels.shape), c=2)[a] for a in axes]
            else:
                info["axisorder"] = axes.encode()
            group = sets.create_group(key.format(i))
            order = block_axes or axes + "c" * ("c" not in axes)
            whole = labels[..., None].transpose(["tzyxc".index(a) for a in "tzyxc"])
            keep = ["tzyxc".index(a) for a in order]
            whole = whole.transpose(keep + [j for j in range(5) if j not in keep]).reshape(
                [whole.shape[j] for j in keep]
            )
            # two blocks, as ilastik cuts its label array, each shrunk to the box of its labels
            middle = whole.shape[order.index("x")] // 2
            for part in (slice(0, middle), slice(middle, None)):
                window = [slice(None)] * whole.ndim
                window[order.index("x")] = part
                block = whole[tuple(window)]
                used = np.argwhere(block)
                if not len(used):
                    continue
                low, high = used.min(axis=0), used.max(axis=0) + 1
                start = low + [(part.start if a == "x" else 0) for a in order]
                data = group.create_dataset(f"block{len(group):04d}", data=block[slices_at(low, high - low)])
                bounds = ",".join(f"{a}:{a + n}" for a, n in zip(start, high - low))
                data.attrs["blockSlice"] = np.bytes_(f"[{bounds}]") if tagged else f"[{bounds}]"
                if tagged:
                    data.attrs["axistags"] = tags(order)
    return path


def dense(annotation, labels):
    t, z, y, x = labels.shape
    return annotation.dense((t, 2, z, y, x))


@pytest.mark.parametrize("axes", ["yx", "xy", "yxc", "cyx", "zyx", "tyxc", "xyt", "tzyxc", "txyzc", "czyxt"])
@pytest.mark.parametrize(("tagged", "version"), [(True, b"1.4.0"), (False, b"1.2.2"), (True, b"1.4.0b5")])
def test_labels_come_back_in_every_order_of_axes(tmp_path, axes, tagged, version):
    labels = scribbles([SHAPE[a] if a in axes else 1 for a in "tzyx"])
    path = write_project(
        tmp_path / "p.ilp", [("a/cells.h5/data", labels)], axes=axes, tagged=tagged, version=version
    )
    one = read_annotation(path)
    np.testing.assert_array_equal(dense(one, labels), labels)
    assert one.class_names == {1: "sky", 2: "Zellkörper"} and one.colors == {1: (255, 0, 0), 2: (0, 255, 0)}
    assert one.image_name == "cells.h5" and one.name == "p.ilp"
    assert one.image_shape == (labels.shape if tagged else None)


def test_the_comparison_sees_swapped_axes(tmp_path):
    labels = scribbles((1, 1, 12, 12))
    path = write_project(tmp_path / "p.ilp", [("a.png", labels)], axes="yx", block_axes="yxc")
    with h5py.File(path, "a") as file:  # the mutant: the block says x before y
        for block in file["PixelClassification/LabelSets/labels000"].values():
            block.attrs["axistags"] = tags("xyc")
    assert (dense(read_annotation(path), labels) != labels).any()


@pytest.mark.parametrize(
    ("version", "own_axes"), [(b"1.4.0b5", False), (b"1.3.3post3", False), (b"1.4.0", True)]
)
def test_versions_that_tagged_blocks_wrongly_are_read_along_the_axes_of_the_file(tmp_path, version, own_axes):
    labels = scribbles((1, 1, 12, 12))
    path = write_project(tmp_path / "p.ilp", [("a.png", labels)], axes="yx", version=version)
    with h5py.File(path, "a") as file:
        for block in file["PixelClassification/LabelSets/labels000"].values():
            block.attrs["axistags"] = tags("xyc")
    expected = labels.swapaxes(2, 3) if own_axes else labels
    np.testing.assert_array_equal(dense(read_annotation(path), labels), expected)


def test_early_versions_bring_every_image_into_five_axes(tmp_path):
    labels = scribbles((1, 1, 12, 17))
    path = write_project(
        tmp_path / "p.ilp",
        [("cells.png", labels)],
        axes="yxc",
        block_axes="txyzc",
        tagged=False,
        roles=False,  # before the roles: the info lies in the lane itself
        version=b"0.6",
        key="labels{}",
    )
    np.testing.assert_array_equal(dense(read_annotation(path), labels), labels)


def test_the_order_that_version_1_3_3_forced_is_undone(tmp_path):
    labels = scribbles((1, 4, 12, 17))
    path = write_project(
        tmp_path / "p.ilp",
        [("cells.h5/data", labels)],
        axes="tzyxc",
        block_axes="txyzc",
        tagged=False,
        version=b"1.3.3post1",
        workflow=b"Object Classification (from pixel classification)",
    )
    np.testing.assert_array_equal(dense(read_annotation(path), labels), labels)


def test_every_lane_is_an_annotation_and_lanes_keep_their_order(tmp_path):
    base = np.zeros((1, 1, 12, 17), np.uint8)
    lanes = []
    for i in range(12):  # unpadded, "labels10" sorts before "labels2"
        labels = base.copy()
        labels[0, 0, i, 5] = 1
        lanes.append((f"folder/img{i}.tif", labels if i != 3 else base))
    path = write_project(tmp_path / "p.ilp", lanes, axes="yxc", key="labels{}")
    found = read_annotations(path)
    assert [one.image_name for one in found] == [f"img{i}.tif" for i in range(12) if i != 3]
    for one in found:
        [(place, _)] = one.pieces
        assert place[2] == int(one.image_name[3:-4])
    assert found[0].notes == ["p.ilp: 1 of its 12 images have no labels."]
    with pytest.raises(DataError, match="must be of one image. Got 11: img0.tif, img1.tif"):
        read_annotation(path)


@pytest.mark.parametrize(
    ("file_path", "name"),
    [
        ("cells.tif", "cells.tif"),
        ("/home/me/cells.ome.tif", "cells.ome.tif"),
        ("C:\\data\\2d.h5\\exported_data", "2d.h5"),
        ("../a/2d.h5/volume/data", "2d.h5"),
        ("a/z*.tif", "nick"),
        ("a/z0.tif:a/z1.tif", "nick"),
        ("", "nick"),
    ],
)
def test_the_image_is_called_by_its_file_or_else_by_its_nickname(file_path, name):
    assert _image_name(file_path, "nick") == name


def test_images_inside_the_project_are_called_by_their_nicknames(tmp_path):
    labels = scribbles((1, 1, 12, 17))
    path = write_project(tmp_path / "p.ilp", [("/Input Data/local_data/3ccc", labels)], axes="yxc")
    assert read_project(path).lanes[0].image_name == "nick0"


def test_classes_without_saved_names_are_called_by_their_numbers(tmp_path):
    labels = scribbles((1, 1, 12, 17))
    path = write_project(tmp_path / "p.ilp", [("a.png", labels)], axes="yx", names=())
    assert read_annotation(path).class_names == {1: "1", 2: "2"}


def test_labels_of_images_with_a_mask_are_read(tmp_path):
    labels = scribbles((1, 1, 12, 17))
    path = write_project(tmp_path / "p.ilp", [("a.png", labels)], axes="yxc")
    with h5py.File(path, "a") as file:
        group = file["PixelClassification/LabelSets/labels000"]
        for key in list(group):
            data, attrs = group[key][()], dict(group[key].attrs)
            del group[key]
            masked = group.create_group(key)
            masked["data"], masked["mask"], masked["fill_value"] = data, data == 2, 0
            masked.attrs.update(attrs)
    np.testing.assert_array_equal(dense(read_annotation(path), labels), labels * (labels == 1))


def test_the_second_stage_of_autocontext_is_left_aside_and_said(tmp_path):
    path = write_project(tmp_path / "p.ilp", [("a.png", scribbles((1, 1, 12, 17)))], axes="yxc")
    with h5py.File(path, "a") as file:
        file.create_group("PixelClassification01")
    assert "second stage" in read_annotation(path).notes[0]


# ---- what is refused ----
def broken(path, change):
    write_project(path, [("a.png", scribbles((1, 1, 12, 17)))], axes="yxc")
    with h5py.File(path, "a") as file:
        change(file)
    return path


def set_version(file):
    del file["ilastikVersion"]
    file["ilastikVersion"] = 0.5


def objects_only(file):
    del file["PixelClassification"]
    del file["workflowName"]
    file["workflowName"] = b"Object Classification (from label image)"


def no_infos(file):
    del file["Input Data/infos/lane0000"]


def wrong_slice(file):
    file["PixelClassification/LabelSets/labels000/block0000"].attrs["blockSlice"] = "[0:1,0:1,0:1]"


def no_slice(file):
    del file["PixelClassification/LabelSets/labels000/block0000"].attrs["blockSlice"]


def no_labels(file):
    del file["PixelClassification/LabelSets/labels000"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_version, "must be of ilastik 0.6 or later. Got version 0.5: open it in ilastik 1.x"),
        (objects_only, "must hold a Pixel Classification. Got the workflow 'Object Classification"),
        (no_infos, "must tell the image of all labels. Got labels of 1 images, and 0 told"),
        (wrong_slice, r"must have the shape of its place \[0:1,0:1,0:1\]. Got \(4?"),
        (no_slice, "must be a whole .ilp file"),
        (no_labels, "must hold labels. Got none in"),
    ],
)
def test_other_projects_are_refused_in_one_sentence(tmp_path, change, said):
    with pytest.raises(DataError, match=said) as told:
        read_annotations(broken(tmp_path / "p.ilp", change))
    assert "\n" not in str(told.value)


def test_corrupt_projects_are_refused_wherever_they_are_cut(tmp_path):
    path = write_project(tmp_path / "p.ilp", [("a.png", scribbles((1, 1, 12, 17)))], axes="yxc")
    data = path.read_bytes()
    for n in (1, 100, len(data) // 2, len(data) - 100):
        path.write_bytes(data[:n])
        with pytest.raises(DataError, match="must be a whole .ilp file"):
            read_annotations(path)
    with pytest.raises(DataError, match="must be one that can be read"):
        read_annotations(tmp_path / "no.ilp")
