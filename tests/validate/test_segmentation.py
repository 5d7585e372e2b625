"""Comparing classes of pixels: the lesson of accuracy and Jaccard, closed forms, slow twins and scikit-learn."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
import tifffile
from sklearn.metrics import accuracy_score, jaccard_score, precision_recall_fscore_support

from clew.errors import DataError, SettingError
from clew.result import Result
from clew.validate.objects import compare_objects
from clew.validate.segmentation import FLATTERED, compare_segmentations
from tests.conftest import shared


def rectangles(shape, *boxes):
    """A label image of boxes (row, column, height, width), numbered from 1."""
    image = np.zeros(shape, np.int32)
    for label, (y, x, height, width) in enumerate(boxes, 1):
        image[y : y + height, x : x + width] = label
    return image


def discs(seed, *, n=40, size=160, jitter=2.0):
    """True discs, and the same ones moved, swollen, cut in two and lost, with any numbers."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    truth, predicted = np.zeros((2, size, size), np.int64)
    numbers = rng.permutation(10 * n)[: 2 * n].reshape(2, n) + 1
    for label, other in numbers.T:
        cy, cx = rng.uniform(0, size, 2)
        r = rng.uniform(4, 12)
        truth[(y - cy) ** 2 + (x - cx) ** 2 < r**2] = label
        if rng.random() < 0.85:
            dy, dx, grown = rng.normal(0, jitter, 3)
            where = (y - cy - dy) ** 2 + (x - cx - dx) ** 2 < (r + grown) ** 2
            predicted[where] = other
            if rng.random() < 0.2:
                predicted[where & (x > cx)] = 20 * n + other
    return truth, predicted


# ---- the lesson: accuracy moves with empty background, Jaccard does not ----
@pytest.fixture(scope="module")
def lesson():
    folder = shared("walkthroughs/jaccard_vs_accuracy/expected.json").parent
    names = ("reference_labels.tif", "test_labels.tif")
    truth, predicted = (tifffile.imread(folder / name) for name in names)
    return truth, predicted, json.loads((folder / "expected.json").read_text())


@pytest.mark.parametrize(("part", "crop"), [("full", np.s_[:, :]), ("cropped_20_20", np.s_[20:, 20:])])
def test_the_walk_through_of_accuracy_and_jaccard_is_reproduced_exactly(lesson, part, crop):
    truth, predicted, expected = lesson
    expected = expected[part]
    pixels = compare_segmentations(truth[crop], predicted[crop], classes="foreground")
    foreground = pixels.per_class["foreground"]
    assert {name: foreground[name] for name in ("tp", "fp", "fn", "tn")} == {
        name: expected[name] for name in ("tp", "fp", "fn", "tn")
    }
    assert pixels.metrics["accuracy"].value == expected["accuracy"]
    assert pixels.metrics["jaccard"].value == expected["jaccard_binary"]
    objects = compare_objects(truth[crop], predicted[crop])
    assert objects.metrics["sparse_jaccard"].value == expected["jaccard_sparse"]
    assert objects.iou.round(8).tolist() == expected.get("per_object_iou", objects.iou.round(8).tolist())


def test_the_warning_tells_what_background_does_to_accuracy(lesson):
    truth, predicted, _ = lesson
    result = compare_segmentations(truth, predicted, classes="foreground")
    rows, columns = (np.flatnonzero(((truth > 0) | (predicted > 0)).any(axis=axis)) for axis in (1, 0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    on_the_box = compare_segmentations(truth[box], predicted[box], classes="foreground")
    assert result.metrics["cropped_accuracy"].value == on_the_box.metrics["accuracy"].value
    assert result.metrics["jaccard"].value == on_the_box.metrics["jaccard"].value
    assert result.warnings == [
        "Accuracy is 0.974 on the whole image and 0.901 on the part that holds objects: empty background flatters it; "
        "Jaccard is 0.728 on both."
    ]
    assert on_the_box.warnings == []


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 10, 400])  # of empty background below
def test_the_warning_comes_when_a_crop_changes_accuracy_by_more_than_a_hundredth(rows):
    truth, predicted = (
        rectangles((20 + rows, 20), (0, 0, 20, 20)),
        rectangles((20 + rows, 20), (0, 0, 20, 18)),
    )
    result = compare_segmentations(truth, predicted)
    accuracy = 1 - 40 / (20 * (20 + rows))
    assert result.metrics["accuracy"].value == pytest.approx(accuracy, abs=1e-15)
    assert result.metrics["cropped_accuracy"].value == 0.9
    assert result.metrics["jaccard"].value == 0.9
    assert bool(result.warnings) == (accuracy - 0.9 > FLATTERED) == (rows > 2)


# ---- pixels ----
@pytest.mark.parametrize("shape", [(40, 50), (6, 20, 30)])
def test_every_figure_equals_scikit_learns(shape):
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 4, shape)
    predicted = np.where(rng.random(shape) < 0.7, truth, rng.integers(0, 4, shape)).astype(np.uint8)
    region = rng.random(shape) < 0.5
    result = compare_segmentations(truth, predicted, region)
    a, b = truth[region], predicted[region]
    figures = precision_recall_fscore_support(a, b)[:3]
    for name, values in zip(
        ("precision", "recall", "f1", "jaccard"), (*figures, jaccard_score(a, b, average=None))
    ):
        np.testing.assert_allclose(
            [result.per_class[str(k)][name].value for k in range(4)], values, atol=1e-15
        )
        assert result.metrics[name].value == pytest.approx(
            values[1:].mean(), abs=1e-15
        )  # without the background
    assert result.metrics["accuracy"].value == pytest.approx(accuracy_score(a, b), abs=1e-15)
    for k in range(4):
        counts = [result.per_class[str(k)][name] for name in ("tp", "fp", "fn", "tn")]
        assert counts == [np.sum((a == k) & (b == k)), np.sum((a != k) & (b == k)), np.sum((a == k) & (b != k)), np.sum((a != k) & (b != k))]  # fmt: skip
    everywhere = compare_segmentations(truth, predicted)
    assert (
        everywhere.metrics["accuracy"].value != result.metrics["accuracy"].value
    )  # the region can be seen to matter


def test_pixels_that_nobody_labelled_do_not_count():
    rng = np.random.default_rng(2)
    whole, predicted = rng.integers(1, 3, (2, 60, 60))
    sparse = np.where(rng.random(whole.shape) < 0.1, whole, 0)
    painted = sparse > 0
    result = compare_segmentations(sparse, predicted, unlabelled=0, background=1)
    within = compare_segmentations(whole, predicted, painted, background=1)
    assert result.classes == ["1", "2"]
    np.testing.assert_array_equal(result.confusion, within.confusion)
    np.testing.assert_array_equal(result.cropped, within.cropped)
    assert any("labelled" in note and f"{painted.sum():,} of 3,600" in note for note in result.notes)
    assert (
        compare_segmentations(sparse, predicted).confusion.sum() == whole.size
    )  # the mutant: 0 taken for a class


def test_the_crop_holds_only_what_counts():
    truth, predicted = np.ones((2, 30, 30), int)
    truth[10:14, 10:14] = predicted[10:14, 10:15] = 2
    truth[0, 0] = 2
    region = np.ones(truth.shape, bool)
    region[0, 0] = False
    result = compare_segmentations(truth, predicted, region, background=1)
    assert result.cropped.tolist() == [[16, 20]]
    truth[0] = 0  # another way to have that pixel not count
    result = compare_segmentations(truth, predicted, background=1, unlabelled=0)
    assert result.cropped.tolist() == [[16, 20]]


def test_images_are_the_groups_of_the_intervals():
    rng = np.random.default_rng(3)
    truths = [rng.integers(0, 3, (20, 20)) for _ in range(9)]
    predictions = [
        np.where(rng.random(t.shape) < share, t, 0) for t, share in zip(truths, np.linspace(0.5, 0.9, 9))
    ]
    result = compare_segmentations(truths, predictions)
    for name, figure in result.metrics.items():
        assert figure.low <= figure.value <= figure.high, name
        assert figure.n_groups == 9
    assert result.per_class["1"]["jaccard"].low < result.per_class["1"]["jaccard"].high
    for figure in ("accuracy", "jaccard"):
        alone = [compare_segmentations(t, p).metrics[figure].value for t, p in zip(truths, predictions)]
        np.testing.assert_allclose(result.of_images(figure), alone, atol=1e-15)
    tripled = compare_segmentations([np.tile(t, 3) for t in truths], [np.tile(p, 3) for p in predictions])
    for end in ("low", "high"):  # three times the pixels of the same images tell nothing new
        ends = [getattr(one.metrics["jaccard"], end) for one in (result, tripled)]
        assert ends[0] == pytest.approx(ends[1], abs=1e-9)


def test_images_without_objects_do_not_make_figures_of_objects_surer():
    pairs = [discs(seed, n=15, size=100) for seed in range(6)]
    with_empty = [*pairs, *[(np.zeros((100, 100), int),) * 2] * 9]
    for figures, compare in (
        (("cropped_accuracy", "precision", "recall", "f1", "jaccard"), partial(compare_segmentations, classes="foreground")),
        (("recall", "mean_ap", "panoptic_quality"), compare_objects),
    ):  # fmt: skip
        few, many = (compare(*zip(*some)).metrics for some in (pairs, with_empty))
        for name in figures:
            assert few[name].summary() == many[name].summary()
            assert few[name].n_groups == many[name].n_groups == 6


def test_a_class_of_one_image_does_not_widen_the_interval_of_the_mean():
    rng = np.random.default_rng(6)
    truths = [np.pad(np.ones((20, 20), int), 5) for _ in range(12)]
    truths[0][10:15, 10:15] = 2
    predictions = [np.where(rng.random(truth.shape) < 0.9, truth, 0) for truth in truths]
    predictions[0][truths[0] == 2] = 1  # the rare class is never found
    figure = compare_segmentations(truths, predictions).metrics["jaccard"]
    assert 0.4 < figure.low < figure.value < figure.high < 0.5


def test_labels_of_chance_score_chance():
    rng = np.random.default_rng(4)
    truths, predictions = rng.random((2, 12, 50, 50)) < 0.3
    result = compare_segmentations(list(truths), list(predictions))
    assert abs(result.metrics["matthews"].value) < 0.02
    assert result.metrics["balanced_accuracy"].value == pytest.approx(0.5, abs=0.01)
    assert result.metrics["jaccard"].value == pytest.approx(0.09 / 0.51, abs=0.01)


def test_classes_that_are_numbered_otherwise_are_told():
    mask = rectangles((20, 20), (2, 2, 16, 16))
    result = compare_segmentations(mask, 255 * mask)
    assert result.metrics["jaccard"].value == 0
    assert any("Only the truth has the class 1 and only the prediction 255" in one for one in result.warnings)
    assert not compare_segmentations(mask, 255 * mask, classes="foreground").warnings


def test_results_come_back_from_a_file(tmp_path):
    truth, predicted = discs(0)
    for result in (
        compare_segmentations(truth, predicted, classes="foreground"),
        compare_objects(truth, predicted),
    ):
        again = Result.load(result.save(tmp_path / "one.zip"))
        assert again.digest() == result.digest()
        assert again.headline() == result.headline()
        json.dumps(result.summary(), allow_nan=False)
        assert result.headline() in repr(result)


def test_numbers_of_objects_are_no_classes():
    objects = np.arange(100).reshape(10, 10)
    with pytest.raises(
        DataError,
        match="at most 64 classes. Got 100 numbers; those of objects are compared by compare_objects",
    ):
        compare_segmentations(objects, objects)
    with pytest.raises(SettingError, match="Did you mean 'foreground'"):
        compare_segmentations(objects, objects, classes="forground")
