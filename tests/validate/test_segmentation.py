"""Comparing segmentations: closed forms on rectangles, slow twins, scikit-learn, and real label images."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial

import numpy as np
import pytest
import tifffile
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import accuracy_score, jaccard_score, precision_recall_fscore_support

from clew.errors import DataError, SettingError
from clew.result import Result
from clew.validate.segmentation import FLATTERED, THRESHOLDS, compare_objects, compare_segmentations
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


@pytest.mark.parametrize(("n", "says"), [(3, "3 images are too few"), (5, "Only 5 images"), (8, None)])
def test_few_images_are_told(n, says):
    pairs = [discs(seed, n=10, size=80) for seed in range(n)]
    for compare in (partial(compare_segmentations, classes="foreground"), compare_objects):
        result = compare(*zip(*pairs))
        assert result.notes == [] if says is None else result.notes[0].startswith(says)
        assert np.isnan(result.metrics["recall"].low) == (n < 4)


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


def test_one_image_has_no_interval_and_says_why():
    truth, predicted = discs(0)
    for result in (
        compare_segmentations(truth, predicted, classes="foreground"),
        compare_objects(truth, predicted),
    ):
        assert all(np.isnan(figure.low) for figure in result.metrics.values())
        assert "There is one image, so no interval" in result.notes[0]


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


# ---- objects ----
def slow_pairs(truth, predicted):
    """IoU of every pair of objects that meet, by sets of pixels."""
    areas = [Counter(image.ravel().tolist()) for image in (truth, predicted)]
    both = Counter(zip(truth.ravel().tolist(), predicted.ravel().tolist()))
    return {(a, b): n / (areas[0][a] + areas[1][b] - n) for (a, b), n in both.items() if a and b}


def slow_tp(truth, predicted, threshold):
    """Most pairs of at least an IoU, each object in one at most, by the Hungarian method on the whole table."""
    pairs = slow_pairs(truth, predicted)
    rows, columns = (sorted(set(image.ravel().tolist()) - {0}) for image in (truth, predicted))
    table = np.array([[pairs.get((a, b), 0) for b in columns] for a in rows])
    enough = (table >= threshold) * 1.0
    return int(enough[linear_sum_assignment(-enough)].sum()), len(rows), len(columns)


@pytest.mark.parametrize("seed", range(6))
def test_matches_equal_those_of_the_hungarian_method_on_the_whole_table(seed):
    truth, predicted = discs(seed, jitter=[1.0, 2.0, 4.0][seed % 3])
    result = compare_objects(truth, predicted)
    for threshold, counts, ap in zip(THRESHOLDS, result.counts, result.average_precision):
        tp, n_true, n_predicted = slow_tp(truth, predicted, threshold)
        assert counts.tolist() == [tp, n_predicted - tp, n_true - tp]
        assert ap == tp / (n_predicted + n_true - tp)
    assert result.metrics["mean_ap"].value == pytest.approx(result.average_precision.mean(), abs=1e-15)
    pairs = slow_pairs(truth, predicted)
    best = [
        max((iou for (a, _), iou in pairs.items() if a == label), default=0) for label in result.true_label
    ]
    np.testing.assert_array_equal(result.best_iou, best)
    matched = [(a, b) for a, b in zip(result.true_label, result.matched_label) if b]
    assert len({b for _, b in matched}) == len(matched)
    for a, b, iou in zip(result.true_label, result.matched_label, result.iou):
        assert iou == (pairs[a, b] if b else 0)
    # below 0.5: the largest sum of IoU among those that are left
    left = {pair: iou for pair, iou in pairs.items() if not any((pair[0] == a or pair[1] == b) and pairs[a, b] >= 0.5 for a, b in matched)}  # fmt: skip
    rows, columns = (sorted({pair[side] for pair in left}) for side in (0, 1))
    table = np.array([[left.get((a, b), 0) for b in columns] for a in rows]).reshape(len(rows), len(columns))
    assert result.iou[result.iou < 0.5].sum() == pytest.approx(
        table[linear_sum_assignment(-table)].sum(), abs=1e-12
    )


def test_a_greedy_match_would_lose_a_pair_where_none_reaches_a_half():
    # true A (10) and B (10); one prediction lies 4 in A and 3 in B, another 3 in A only
    truth = rectangles((3, 40), (0, 0, 1, 10), (0, 10, 1, 10))
    predicted = rectangles((3, 40), (0, 6, 1, 7), (0, 0, 1, 3))
    result = compare_objects(truth, predicted)
    assert result.iou.tolist() == [3 / 10, 3 / 14]  # greedily: 4 / 13 and nothing
    assert result.best_iou.tolist() == [4 / 13, 3 / 14]
    assert result.metrics["mean_matched_iou"].value == pytest.approx((3 / 10 + 3 / 14) / 2)


def test_panoptic_quality_of_rectangles_is_what_a_pencil_gives():
    # 10 x 10 boxes, one shifted by 1 (IoU 90/110), one by 2 (80/120), one by 5 (50/150, no match), one found where none is
    truth = rectangles((60, 60), (0, 0, 10, 10), (0, 20, 10, 10), (0, 40, 10, 10))
    predicted = rectangles((60, 60), (0, 1, 10, 10), (0, 22, 10, 10), (0, 45, 10, 10), (40, 40, 10, 10))
    result = compare_objects(truth, predicted)
    value = {name: figure.value for name, figure in result.metrics.items()}
    assert value["segmentation_quality"] == pytest.approx((9 / 11 + 2 / 3) / 2)
    assert value["recognition_quality"] == pytest.approx(2 / (2 + 0.5 * 2 + 0.5 * 1))
    assert value["panoptic_quality"] == pytest.approx((9 / 11 + 2 / 3) / 3.5)
    assert value["precision"] == 2 / 4
    assert value["recall"] == pytest.approx(2 / 3)
    assert value["f1"] == pytest.approx(4 / 7)
    assert value["ap_50"] == 2 / 5
    assert result.counts[:, 0].tolist() == [
        2,
        2,
        2,
        2,
        1,
        1,
        1,
        0,
        0,
        0,
    ]  # 0.667 reaches 0.65, 0.818 reaches 0.80
    assert value["mean_true_iou"] == pytest.approx((9 / 11 + 2 / 3 + 1 / 3) / 3)
    assert value["sparse_jaccard"] == value["mean_true_iou"]


def test_an_iou_that_lies_on_a_threshold_reaches_it():
    for percent in range(50, 100, 5):
        truth = rectangles((4, 120), (0, 0, 1, 100))
        predicted = rectangles((4, 120), (0, 0, 1, percent))
        tp = compare_objects(truth, predicted).counts[:, 0]
        assert tp.sum() == (percent - 50) // 5 + 1


def test_two_halves_of_an_object_match_it_once_and_panoptic_quality_asks_for_more_than_half():
    truth, predicted = rectangles((9, 9), (0, 0, 4, 8)), rectangles((9, 9), (0, 0, 4, 4), (0, 4, 4, 4))
    for result in (compare_objects(truth, predicted), compare_objects(predicted, truth)):
        assert result.counts[0, 0] == 1
        assert result.metrics["panoptic_quality"].value == 0


def test_a_pair_of_exactly_a_half_goes_before_a_larger_sum_of_lesser_ones():
    # A of 10 px has 6 in p, which has 2 more that are all of B, and 4 in q: 0.5 for A with p, or 0.4 + 0.25 without
    truth, predicted = (
        rectangles((1, 20), (0, 0, 1, 10), (0, 10, 1, 2)),
        rectangles((1, 20), (0, 4, 1, 8), (0, 0, 1, 4)),
    )
    result = compare_objects(truth, predicted)
    assert result.iou.tolist() == [0.5, 0]
    assert result.counts[0].tolist() == [1, 1, 1]


def test_split_and_merged_objects_are_counted():
    truth = rectangles((40, 90), (0, 0, 10, 20), (0, 30, 10, 10), (0, 40, 10, 10), (20, 0, 10, 10))
    predicted = rectangles((40, 90), (0, 0, 10, 9), (0, 9, 10, 11), (0, 30, 10, 20), (20, 0, 10, 9))
    result = compare_objects(truth, predicted)
    assert result.pieces.tolist() == [
        2,
        0,
        0,
        1,
    ]  # half of the merging one lies in each, and that is not more than half
    assert result.merged.tolist() == [0, 1, 2, 1]
    assert (result.n_split, result.n_merging) == (1, 1)
    the_other_way = compare_objects(predicted, truth)
    assert (the_other_way.n_split, the_other_way.n_merging) == (1, 1)
    assert the_other_way.merged.tolist() == [2, 0, 0, 1]
    assert compare_objects(truth, truth).n_split == compare_objects(truth, truth).n_merging == 0


def test_where_only_some_are_annotated_the_others_do_not_count():
    truth, predicted = discs(7, n=60)
    numbers = np.unique(truth)[1:]
    some = np.where(np.isin(truth, numbers[::4]), truth, 0)
    sparse, naive = compare_objects(some, predicted, sparse=True), compare_objects(some, predicted)
    touching = np.unique(predicted[(some > 0) & (predicted > 0)])
    assert sparse.predicted_label.tolist() == touching.tolist()
    assert sparse.left_out == len(np.unique(predicted)) - 1 - len(touching) > 0
    assert sparse.metrics["sparse_jaccard"].value == naive.metrics["sparse_jaccard"].value
    assert sparse.metrics["precision"].value > naive.metrics["precision"].value
    assert sparse.metrics["recall"].value == naive.metrics["recall"].value
    assert any("compare them as sparse" in warning for warning in naive.warnings)
    assert not sparse.warnings


def test_other_numbers_for_the_same_objects_change_nothing():
    truth, predicted = discs(8)
    rng = np.random.default_rng(0)
    renamed = rng.permutation(2**20)[: predicted.max() + 1] + 2**31 - 2**21
    renamed[0] = 0
    one, other = compare_objects(truth, predicted), compare_objects(truth, renamed[predicted])
    assert one.metrics["mean_true_iou"].value == pytest.approx(
        other.metrics["mean_true_iou"].value, abs=1e-12
    )
    np.testing.assert_array_equal(one.counts, other.counts)
    half = np.where(truth > np.median(truth[truth > 0]), 0, truth)
    assert not np.array_equal(compare_objects(half, predicted).counts, one.counts)


def test_objects_of_several_images_are_those_of_each():
    pairs = [discs(seed, n=15, size=100) for seed in range(6)]
    together = compare_objects(*zip(*pairs))
    alone = [compare_objects(*pair) for pair in pairs]
    np.testing.assert_array_equal(together.counts, sum(one.counts for one in alone))
    np.testing.assert_array_equal(together.iou, np.concatenate([one.iou for one in alone]))
    assert together.image.tolist() == [i for i, one in enumerate(alone) for _ in one.iou]
    assert all(figure.low < figure.value < figure.high for figure in together.metrics.values())
    assert len(together.to_frame()) == len(together.iou)


def test_what_lies_outside_of_the_region_does_not_count():
    truth, predicted = discs(9)
    region = np.zeros(truth.shape, bool)
    region[20:90, 30:120] = True
    box = np.s_[20:90, 30:120]
    inside, cut = compare_objects(truth, predicted, region), compare_objects(truth[box], predicted[box])
    assert inside.digest() != compare_objects(truth, predicted).digest()
    np.testing.assert_array_equal(inside.iou, cut.iou)
    np.testing.assert_array_equal(inside.counts, cut.counts)


def test_nothing_predicted_scores_nothing():
    result = compare_objects(discs(0)[0], np.zeros((160, 160), int))
    assert result.metrics["precision"].value == result.metrics["panoptic_quality"].value == 0
    assert np.isnan(result.metrics["mean_matched_iou"].value)
    assert result.summary()["metrics"]["mean_matched_iou"]["value"] is None


def test_objects_laid_at_random_hardly_match():
    truth, _ = discs(10)
    assert compare_objects(truth, truth).metrics["mean_ap"].value == 1
    assert compare_objects(truth, np.roll(truth, (53, 71), (0, 1))).metrics["mean_ap"].value < 0.05


def test_a_mask_that_is_not_cut_into_objects_is_told():
    truth = discs(0)[0]
    assert any("one number" in one for one in compare_objects(truth, truth > 0).warnings)
    assert not compare_objects(truth, truth).warnings


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


# ---- bad input ----
@pytest.mark.parametrize("compare", [compare_segmentations, compare_objects])
@pytest.mark.parametrize(
    ("truth", "predicted", "region", "says"),
    [
        (np.ones((3, 4), int), np.ones((3, 5), int), None, r"prediction .* must have the shape of its truth, \(3, 4\)"),
        (np.full((3, 4), 0.5), np.ones((3, 4)), None, r"truth .* whole numbers .* Got 0.5 at \(0, 0\)"),
        (np.ones((3, 4)), np.array([[1, 1], [1, np.nan]]), None, r"prediction .* Got nan at \(1, 1\)"),
        (np.array([[1, np.inf]]), np.ones((1, 2)), None, r"Got inf at \(0, 1\)"),
        (np.array([[1, -2]]), np.ones((1, 2)), None, r"whole numbers from 0 .* Got -2 at \(0, 1\)"),
        (np.array([[1, 2**31]]), np.ones((1, 2)), None, "Got 2147483648"),
        (np.zeros((3, 4), int), np.ones((3, 4), int), None, "truth .* must hold at least 1"),
        (np.ones((3, 4), int), np.ones((3, 4), int), np.zeros((3, 4), bool), "region .* at least 1 pixel"),
        (np.ones((3, 4), int), np.ones((3, 4), int), np.ones((4, 3), bool), r"region .* shape of its image, \(3, 4\)"),
        (np.ones((3, 4), int), np.ones((3, 4), int), np.ones((3, 4), int), "region .* must be boolean"),
        (np.ones(5, int), np.ones(5, int), None, "2 or 3 axes"),
        (np.ones((0, 5), int), np.ones((0, 5), int), None, "at least 1 pixel"),
        (np.array([["a", "b"]]), np.ones((1, 2)), None, "must be numbers"),
        ([np.ones((3, 4), int)] * 2, [np.ones((3, 4), int)], None, "as many, at least 1. Got 2, 1, 2 and 2"),
        ([], [], None, "at least 1"),
    ],
)  # fmt: skip
def test_images_that_cannot_be_compared_are_refused_in_one_sentence(compare, truth, predicted, region, says):
    with pytest.raises(DataError, match=says) as refused:
        compare(truth, predicted, region)
    assert "\n" not in str(refused.value)


def test_the_image_that_does_not_fit_is_named():
    good = np.ones((3, 4), int)
    with pytest.raises(DataError, match="The prediction of image '2' in compare_objects"):
        compare_objects([good, good], [good, good[:2]])
    with pytest.raises(DataError, match="The prediction of image 'b.tif' in compare_segmentations"):
        compare_segmentations([good, good], [good, good - 2], names=["a.tif", "b.tif"])


def test_numbers_of_objects_are_no_classes():
    objects = np.arange(100).reshape(10, 10)
    with pytest.raises(
        DataError, match="at most 64 classes. Got 100 numbers: compare objects by compare_objects"
    ):
        compare_segmentations(objects, objects)
    with pytest.raises(SettingError, match="Did you mean 'foreground'"):
        compare_segmentations(objects, objects, classes="forground")


# ---- real label images ----
def test_nuclei_in_three_dimensions():
    folder = shared("images/platynereis_3d_labels/platynereis_tp7_ground_truth.tif").parent
    truth, predicted = (tifffile.imread(folder / f"platynereis_tp7_{name}.tif") for name in ("ground_truth", "voronoi_otsu"))  # fmt: skip
    pixels = compare_segmentations(truth, predicted, classes="foreground")
    both, either = np.sum((truth > 0) & (predicted > 0)), np.sum((truth > 0) | (predicted > 0))
    assert pixels.metrics["jaccard"].value == both / either == pytest.approx(0.7088, abs=5e-5)
    objects = compare_objects(truth, predicted)
    assert (len(objects.true_label), len(objects.predicted_label)) == (36, 33)
    tp, n_true, n_predicted = slow_tp(truth, predicted, 0.5)
    assert objects.counts[0].tolist() == [tp, n_predicted - tp, n_true - tp]
    assert objects.metrics["panoptic_quality"].value == pytest.approx(
        objects.metrics["segmentation_quality"].value * objects.metrics["recognition_quality"].value
    )


def test_tools_nearly_agree_on_the_blobs():
    folder = shared("images/blobs/segmentations")
    images = {
        file.stem.removeprefix("blobs_labels_"): tifffile.imread(file)
        for file in sorted(folder.glob("*.tif"))
    }
    assert len(images) == 4
    for one, a in images.items():
        for other, b in images.items():
            result = compare_objects(a, b)
            assert result.counts[0].tolist() == [slow_tp(a, b, 0.5)[0], *result.counts[0, 1:]]
            quality = result.metrics["panoptic_quality"].value
            assert quality == 1 if one == other else 0.8 < quality <= 1
            there, back = result.metrics["mean_ap"].value, compare_objects(b, a).metrics["mean_ap"].value
            assert there == back


def test_otsu_on_sparsely_annotated_nuclei():
    from skimage.filters import gaussian, threshold_otsu
    from skimage.measure import label

    folder = shared("images/bbbc007/sparse")
    truths, predictions = [], []
    for file in sorted(folder.glob("*_sparse_instances.tif")):
        smooth = gaussian(tifffile.imread(str(file).replace("_sparse_instances", "")).astype(float), 2)
        truths.append(tifffile.imread(file))
        predictions.append(label(smooth > threshold_otsu(smooth)))
    result = compare_objects(truths, predictions, sparse=True)
    slow = [max((iou for (a, _), iou in slow_pairs(t, p).items() if a == label), default=0) for t, p in zip(truths, predictions) for label in np.unique(t)[1:]]  # fmt: skip
    assert result.metrics["sparse_jaccard"].value == pytest.approx(np.mean(slow), abs=1e-12)
    assert result.left_out > 10
    assert 0.3 < result.metrics["sparse_jaccard"].value < 0.95


def test_otsu_on_fluorescent_nuclei():
    import pandas as pd
    from skimage.filters import gaussian, threshold_otsu
    from skimage.io import imread
    from skimage.measure import label

    folder = shared("images/nuclei_dsb2018/index.csv").parent
    index = pd.read_csv(folder / "index.csv")
    names = index.loc[index["modality"] == "fluorescence", "id"].sort_values()
    truths, predictions = [], []
    for name in names:
        smooth = gaussian(imread(folder / f"{name}_image.png")[..., :3].mean(axis=-1), 1)
        truths.append(tifffile.imread(folder / f"{name}_labels.tif"))
        predictions.append(label(smooth > threshold_otsu(smooth)))
    pixels = compare_segmentations(truths, predictions, classes="foreground")
    per_image = pixels.of_images("jaccard")
    assert per_image.mean() == pytest.approx(0.828, abs=0.005)  # as measured when the collection was made
    jaccard, accuracy = pixels.metrics["jaccard"], pixels.metrics["accuracy"]
    assert jaccard.low < 0.828 < jaccard.high
    assert accuracy.value > jaccard.value + 0.1
    objects = compare_objects(truths, predictions)
    slow = [slow_tp(truth, predicted, 0.5)[0] for truth, predicted in zip(truths, predictions)]
    assert objects.counts[0, 0] == sum(slow)
    assert objects.n_merging > objects.n_split  # a threshold does not part what touches
