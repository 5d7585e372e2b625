"""Comparing label images in files: what is paired, what is read, and what is said."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image as Picture

from clew.errors import DataError, SettingError
from clew.steps.comparing import compare
from clew.steps.outcome import plain
from clew.validate.objects import compare_objects
from clew.validate.segmentation import compare_segmentations
from tests.conftest import shared


def scene(seed, shape=(60, 60)):
    """Nine true squares, and the same ones with a tenth of their pixels lost, in a wide background."""
    truth = np.zeros(shape, np.uint16)
    for label in range(9):
        y, x = 6 + 16 * (label // 3), 6 + 16 * (label % 3)
        truth[..., y : y + 9, x : x + 9] = label + 1
    truth = np.pad(truth, [(0, 0)] * (truth.ndim - 2) + [(0, 200)] * 2)
    rng = np.random.default_rng(seed)
    return truth, np.where(rng.random(truth.shape) < 0.9, truth, 0).astype(truth.dtype)


@pytest.fixture
def folders(tmp_path):
    """Five images with truth and prediction, named alike but for their endings."""
    for side in ("truth", "said"):
        (tmp_path / side).mkdir()
    for i in range(5):
        truth, said = scene(i)
        tifffile.imwrite(tmp_path / "truth" / f"cell{i}_labels.tif", truth)
        Picture.fromarray(said).save(tmp_path / "said" / f"cell{i}.png")
    return tmp_path / "truth", tmp_path / "said"


def text(outcome):
    json.dumps(plain(outcome.data), allow_nan=False)
    return "\n".join(outcome.lines)


def test_the_walk_through_is_told_with_its_warning():
    folder = shared("walkthroughs/jaccard_vs_accuracy/expected.json").parent
    expected = json.loads((folder / "expected.json").read_text())["full"]
    outcome = compare(folder / "reference_labels.tif", folder / "test_labels.tif", objects=True)
    pixels, objects = outcome.data["pixels"]["metrics"], outcome.data["objects"]["metrics"]
    assert pixels["accuracy"]["value"] == expected["accuracy"]
    assert pixels["jaccard"]["value"] == expected["jaccard_binary"]
    assert objects["sparse_jaccard"]["value"] == expected["jaccard_sparse"]
    assert "Accuracy is 0.974 on the whole image and 0.901 on the part that holds objects" in text(outcome)
    assert any(warning.startswith("Accuracy is") for warning in outcome.warnings)
    assert "no interval" in text(outcome)


def test_folders_are_paired_by_name_and_give_what_the_arrays_give(folders):
    outcome = compare(*folders, objects=True)
    truths, said = zip(*(scene(i) for i in range(5)))
    pixels = compare_segmentations(list(truths), list(said), classes="foreground")
    objects = compare_objects(list(truths), list(said))
    assert outcome.data["pixels"]["metrics"] == pixels.summary()["metrics"]
    assert outcome.data["objects"]["at_iou"] == objects.summary()["at_iou"]
    assert [one["name"] for one in outcome.data["per_image"]] == [f"cell{i}_labels.tif" for i in range(5)]
    for i, one in enumerate(outcome.data["per_image"]):
        alone = compare_segmentations(truths[i], said[i], classes="foreground")
        assert one["jaccard"] == pytest.approx(alone.metrics["jaccard"].value)
        assert (one["true"], one["tp"], one["ap_50"]) == (9, 9, 1.0)
    assert "5 label images compared with the truth; in brackets: 95% intervals over images." in text(outcome)
    assert "Objects: 45 true, 45 predicted, 45 matched" in text(outcome)
    assert "Least alike by AP" in text(outcome)


def test_the_figures_printed_are_those_of_the_data(folders):
    outcome = compare(*folders)
    jaccard = outcome.data["pixels"]["metrics"]["jaccard"]
    printed = f"{jaccard['value']:.2f} [{jaccard['low']:.2f}, {jaccard['high']:.2f}]"
    assert any(line.split() == ["Jaccard", *printed.split()] for line in outcome.lines)
    counts = outcome.data["pixels"]["per_class"]["3"]
    row = next(line.split() for line in outcome.lines if line.startswith("  3 "))
    assert row[-4:] == [f"{counts[name]:,}" for name in ("tp", "fp", "fn", "tn")]


def test_predictions_without_truth_are_left_out_but_not_the_reverse(folders):
    truth, said = folders
    (truth / "cell3_labels.tif").unlink()
    outcome = compare(truth, said)
    assert outcome.data["images"] == 4
    assert "1 in 'said' have no truth, and are left out: cell3.png." in text(outcome)
    with pytest.raises(
        DataError, match="must hold a prediction for each of the 5 .* Got none for 1 of them: cell3.png"
    ):
        compare(said, truth)


def test_images_that_lie_beside_their_label_images_are_left_aside(folders):
    truth, said = folders
    for i in range(5):
        Picture.fromarray(np.zeros((4, 4), np.uint8)).save(truth / f"cell{i}.png")
    outcome = compare(truth, said)
    assert outcome.data["images"] == 5
    assert "Of 10 images in 'truth' the 5 that are named as label images are compared." in text(outcome)


def test_only_pixels_in_the_region_count(folders, tmp_path):
    truth, said = folders
    (tmp_path / "where").mkdir()
    for i in range(5):
        mask = np.zeros(scene(i)[0].shape, np.uint8)
        mask[:60, :60] = 255
        Picture.fromarray(mask).save(tmp_path / "where" / f"cell{i}_mask.png")
    whole, inside = (
        compare(truth, said, objects=True),
        compare(truth, said, objects=True, region=tmp_path / "where"),
    )
    assert whole.data["pixels"]["metrics"]["jaccard"] == inside.data["pixels"]["metrics"]["jaccard"]
    accuracy = [one.data["pixels"]["metrics"]["accuracy"]["value"] for one in (whole, inside)]
    assert accuracy[0] > accuracy[1] + 0.01
    assert any("on the whole images" in warning for warning in whole.warnings)
    assert "18,000 of 338,000 pixels are in the region" in text(inside)


def test_a_sparse_truth_counts_only_where_it_says_something(tmp_path):
    truth, said = scene(0)
    some = np.where(truth <= 4, truth, 0)
    for name, image in (("truth", some), ("said", said), ("classes", (said > 0) + 1), ("painted", np.where(truth == 1, 2, np.where(truth == 2, 1, 0)))):  # fmt: skip
        tifffile.imwrite(tmp_path / f"{name}.tif", image.astype(np.uint8))
    outcome = compare(tmp_path / "truth.tif", tmp_path / "said.tif", objects=True, sparse=True)
    assert outcome.data["pixels"] is None
    assert (outcome.data["objects"]["predicted"], outcome.data["objects"]["left_out"]) == (4, 5)
    assert "5 predicted ones touch none of these" in text(outcome)
    outcome = compare(tmp_path / "painted.tif", tmp_path / "classes.tif", sparse=True, background=1)
    assert outcome.data["pixels"]["pixels"] == 2 * 81
    assert outcome.data["pixels"]["background"] == "1"


def test_stacks_and_zarr_are_read_with_their_depth(tmp_path):
    truth, said = scene(0, (5, 60, 60))
    tifffile.imwrite(tmp_path / "truth.tif", truth, metadata={"axes": "ZYX"}, imagej=True)
    group = zarr.open_group(tmp_path / "said.ome.zarr", mode="w", zarr_format=2)
    group.create_array("0", data=said, chunks=(1, 64, 64))
    axes = [{"name": name, "type": "space"} for name in "zyx"]
    scales = [{"type": "scale", "scale": [1.0, 1.0, 1.0]}]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scales}]}]  # fmt: skip
    outcome = compare(tmp_path / "truth.tif", tmp_path / "said.ome.zarr", objects=True)
    assert outcome.data["pixels"]["pixels"] == truth.size
    assert outcome.data["objects"]["at_iou"][0]["tp"] == 9
    assert "nothing tells" not in text(outcome)


def test_nuclei_in_three_dimensions_from_files():
    folder = shared("images/platynereis_3d_labels/platynereis_tp7_ground_truth.tif").parent
    outcome = compare(
        folder / "platynereis_tp7_ground_truth.tif", folder / "platynereis_tp7_voronoi_otsu.tif", objects=True
    )
    assert outcome.data["pixels"]["metrics"]["jaccard"]["value"] == pytest.approx(0.7088, abs=5e-5)
    assert (outcome.data["objects"]["true"], outcome.data["objects"]["predicted"]) == (36, 33)


# ---- bad input ----
def test_files_that_do_not_fit_are_refused_by_name(folders, tmp_path):
    truth, said = folders
    tifffile.imwrite(truth / "cell2_labels.tif", np.ones((10, 10), np.uint8))
    with pytest.raises(
        DataError,
        match=r"prediction of image 'cell2_labels.tif' .* must have the shape of its truth, \(10, 10\)",
    ):
        compare(truth, said)
    tifffile.imwrite(truth / "cell2_labels.tif", np.full(scene(0)[0].shape, 0.5, np.float32))
    with pytest.raises(
        DataError, match=r"truth of image 'cell2_labels.tif' .* whole numbers .* Got 0.5 at \(0, 0\)"
    ):
        compare(truth, said)
    tifffile.imwrite(
        truth / "cell2_labels.tif", np.ones((4, 260, 260), np.uint8), metadata={"axes": "TYX"}, imagej=True
    )
    with pytest.raises(DataError, match=r"cell2_labels.tif' must have one channel and one time. Got 1 and 4"):
        compare(truth, said)


@pytest.mark.parametrize(
    ("truth", "said", "says"),
    [
        ("truth", "said/cell0.png", "must be two label images, or two folders"),
        ("truth", "nowhere", "nowhere' must exist"),
        ("truth", "truth", "must be different files"),
        ("truth/cell0_labels.tif", "photo.jpg", "must be a TIFF, PNG or OME-Zarr, which keep numbers"),
        ("truth/cell0_labels.tif", "note.txt", "must be a TIFF, PNG or OME-Zarr"),
        ("empty", "said", "must hold label images .* Got none"),
        (
            "twice",
            "said",
            "must differ in name by more than their ending. Got 'a_labels.tif' and 'a_masks.tif'",
        ),
    ],
)
def test_what_is_no_pair_of_label_images_is_refused(folders, tmp_path, truth, said, says):
    (tmp_path / "empty").mkdir()
    (tmp_path / "twice").mkdir()
    for name in ("a_labels.tif", "a_masks.tif"):
        tifffile.imwrite(tmp_path / "twice" / name, np.ones((4, 4), np.uint8))
    Picture.fromarray(np.ones((260, 260), np.uint8)).save(tmp_path / "photo.jpg")
    (tmp_path / "note.txt").write_text("no image")
    with pytest.raises(DataError, match=says) as refused:
        compare(tmp_path / truth, tmp_path / said)
    assert "\n" not in str(refused.value)


def test_outlines_of_objects_are_compared_with_one_class_of_pixels(tmp_path):
    truth, classes = np.zeros((20, 30), np.uint16), np.ones((20, 30), np.uint8)
    truth[2:8, 2:12], truth[10:16, 4:20] = 1, 7
    classes[2:8, 2:12], classes[10:16, 4:16] = 2, 2
    for name, labels in (("truth.tif", truth), ("classes.tif", classes)):
        tifffile.imwrite(tmp_path / name, labels)
    told = compare(tmp_path / "truth.tif", tmp_path / "classes.tif", foreground=2)
    one = told.data["pixels"]["per_class"]["foreground"]
    assert (one["tp"], one["fp"], one["fn"]) == (60 + 72, 0, 24)
    assert (
        compare(tmp_path / "truth.tif", tmp_path / "classes.tif", foreground=1).data["pixels"]["per_class"][
            "foreground"
        ]["tp"]
        == 24
    )
    with pytest.raises(SettingError, match="must go without 'objects'"):
        compare(tmp_path / "truth.tif", tmp_path / "classes.tif", foreground=2, objects=True)
