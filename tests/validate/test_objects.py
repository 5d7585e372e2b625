"""Matching objects: closed forms on rectangles, the Hungarian method, sets of pixels, and real label images."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import tifffile
from scipy.optimize import linear_sum_assignment

from clew.validate.objects import THRESHOLDS, compare_objects
from clew.validate.segmentation import compare_segmentations
from tests.conftest import shared
from tests.validate.test_segmentation import discs, rectangles


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


def boxes_at_random(rng, shape):
    """A label image of up to eight boxes that cover each other, with numbers that leave out some."""
    image = np.zeros(shape, np.int64)
    for label in rng.permutation(40)[: rng.integers(0, 9)]:
        start = rng.integers(0, shape)
        image[tuple(slice(a, a + rng.integers(1, 9)) for a in start)] = label + 1
    return image


def by_sets(truth, predicted, sparse):
    """Every pair by sets of pixels: the table of IoU, the predicted objects that count, splits and merges."""
    places = [
        {n: set(np.flatnonzero(image == n)) for n in np.unique(image) if n} for image in (truth, predicted)
    ]
    everywhere = set().union(*places[0].values())
    true, said = (
        list(places[0].values()),
        [one for one in places[1].values() if not sparse or one & everywhere],
    )
    iou = np.array([[len(a & b) / len(a | b) for b in said] for a in true]).reshape(len(true), len(said))
    split = sum(sum(2 * len(a & b) > len(b) for b in said) >= 2 for a in true)
    merging = sum(sum(2 * len(a & b) > len(a) for a in true) >= 2 for b in said)
    return iou, split, merging, len(places[1]) - len(said)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("n_axes", [2, 3])
@pytest.mark.parametrize("cut", [False, True])
def test_every_figure_equals_that_of_sets_of_pixels_on_any_boxes(n_axes, cut, sparse):
    rng = np.random.default_rng([n_axes, cut, sparse])
    for _ in range(12):
        shapes = [tuple(rng.integers(4, 20, n_axes)) for _ in range(3)]
        truths = [boxes_at_random(rng, shape) for shape in shapes]
        predictions = [
            np.where(rng.random(t.shape) < 0.15, 0, np.roll(t, rng.integers(3), 0)) for t in truths
        ]
        predictions[0] = boxes_at_random(rng, shapes[0])
        truths[2][...] = np.maximum(
            truths[2], np.eye(*shapes[2][-2:], dtype=int) * 50
        )  # never without an object
        regions = [rng.random(shape) < 0.7 for shape in shapes] if cut else None
        inside = [np.ones(shape, bool) for shape in shapes] if regions is None else regions
        tables, splits, merges, left = zip(
            *(by_sets(t[r], p[r], sparse) for t, p, r in zip(truths, predictions, inside))
        )
        n_true, n_said = (sum(table.shape[axis] for table in tables) for axis in (0, 1))
        tp = [sum((m >= iou)[linear_sum_assignment(m < iou)].sum() for m in tables) for iou in THRESHOLDS]
        ap = np.array(tp) / (n_true + n_said - np.array(tp))
        sure = [iou for m in tables for iou in m[m > 0.5]]

        result = compare_objects(truths, predictions, regions, sparse=sparse)
        assert result.counts[:, 0].tolist() == tp and (
            len(result.true_label),
            len(result.predicted_label),
        ) == (n_true, n_said)
        assert (result.n_split, result.n_merging, result.left_out) == (sum(splits), sum(merges), sum(left))
        expected = {
            "precision": tp[0] / n_said if n_said else 0.0,
            "recall": tp[0] / n_true,
            "ap_50": ap[0],
            "mean_ap": ap.mean(),
            "panoptic_quality": 2 * sum(sure) / (n_true + n_said),
            "sparse_jaccard": sum(m.max(axis=1, initial=0).sum() for m in tables) / n_true,
        }
        for name, value in expected.items():
            assert result.metrics[name].value == pytest.approx(value, abs=1e-12), name


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
