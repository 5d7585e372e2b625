"""Strokes across borders teach which pieces are one; what says nothing, or both, is told."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import label

from clew.errors import DataError
from clew.learn.forest import Forest, Prediction
from clew.learn.merging import MERGE, ObjectMerger


def cut_discs(seed, n=12):
    """Return a picture, discs cut in two halves (some pairs of whole discs touch as well), and what is one disc."""
    random = np.random.default_rng(seed)
    truth, pieces = np.zeros((260, 260), np.int32), np.zeros((260, 260), np.int32)
    y, x = np.mgrid[:260, :260]
    for i in range(n):
        row, column = 35 + 60 * (i // 4), 35 + 60 * (i % 4)
        radius = random.uniform(10, 13)
        for at in (column - radius + 1, column + radius - 1) if i % 2 else (column,):
            disc = (np.hypot(y - row, x - at) < radius) & (truth == 0)
            truth[disc] = truth.max() + 1
            cut = random.uniform(0, np.pi)
            side = (y - row) * np.cos(cut) + (x - at) * np.sin(cut) > 0
            pieces[disc] = pieces.max() + 1 + side[disc] * (i % 3 > 0)
    light = ndimage.gaussian_filter((truth > 0) * 100.0, 1) + random.normal(0, 3, truth.shape) + 20
    return light.clip(0, 255).astype(np.uint8), pieces, truth


def strokes_of(pieces, truth):
    """Return short strokes across every border: 1 within a disc, 2 between discs."""
    annotation = np.zeros(pieces.shape, np.uint8)
    for here, there in (((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
                        ((slice(None), slice(None, -1)), (slice(None), slice(1, None)))):  # fmt: skip
        a, b = pieces[here], pieces[there]
        border = (a != b) & (a > 0) & (b > 0)
        word = np.where(truth[here] == truth[there], 1, 2) * border
        annotation[here] = np.maximum(annotation[here], word)
        annotation[there] = np.maximum(annotation[there], word)
    return annotation


def recovered(truth, labels):
    """Return the share of discs that are one object each, and nothing else."""
    pairs = np.unique(np.column_stack([truth[truth > 0], labels[truth > 0]]), axis=0)
    whole = [np.sum(pairs[:, side] == pairs[:, side, None], axis=1) == 1 for side in (0, 1)]
    return (whole[0] & whole[1]).sum() / truth.max()


@pytest.fixture(scope="module")
def merger():
    made = [cut_discs(seed) for seed in range(5)]
    paint = [strokes_of(pieces, truth) for _, pieces, truth in made]
    return ObjectMerger(trees=50).fit([one[0] for one in made], [one[1] for one in made], paint)


def test_halves_become_discs_again_and_touching_discs_stay_two(merger):
    made = [cut_discs(seed) for seed in range(10, 16)]
    merged = [merger.predict(pixels, pieces).labels for pixels, pieces, _ in made]
    before = np.mean([recovered(truth, pieces) for _, pieces, truth in made])
    after = np.mean([recovered(truth, labels) for (_, _, truth), labels in zip(made, merged)])
    assert before < 0.5 and after > 0.9
    for labels, (_, pieces, _) in zip(merged, made):  # a merged object has the smallest number of its pieces
        assert all(number == pieces[labels == number].min() for number in np.unique(labels))


def test_probabilities_and_pairs_fit_what_was_merged(merger):
    pixels, pieces, _ = cut_discs(12)
    found = merger.predict(pixels, pieces)
    np.testing.assert_array_equal(found.merged, found.probability > 0.5)  # at a tie, apart
    a, b = found.pair[found.merged].T
    number = {int(one): int(found.labels[pieces == one][0]) for one in np.unique(pieces)}
    assert all(number[i] == number[j] for i, j in zip(a, b))
    assert found.summary()["objects"] == len(set(number.values()) - {0})


def test_merging_is_honestly_validated_and_saved(merger, tmp_path):
    found = merger.validate(folds=3)
    assert found.split["by"] == "group" and found.scores.metrics["balanced_accuracy"].value > 0.8
    merger.forest_.save_model(tmp_path / "m")
    pixels, pieces, _ = cut_discs(13)
    loaded = ObjectMerger.of(Forest.load_model(tmp_path / "m"))
    assert loaded.predict(pixels, pieces).digest() == merger.predict(pixels, pieces).digest()
    assert loaded.classes_.tolist() == ["apart", MERGE]


def test_merging_painted_at_random_is_not_learnt():  # null data
    scores = []
    for seed in range(4):
        random, paint, made = np.random.default_rng(seed), [], [cut_discs(20 + seed), cut_discs(30 + seed)]
        for _, pieces, truth in made:
            strokes, n = label(strokes_of(pieces, truth) > 0, return_num=True, connectivity=2)
            paint.append(np.append(0, random.integers(1, 3, n))[strokes])
        model = ObjectMerger(trees=20).fit([one[0] for one in made], [one[1] for one in made], paint)
        scores.append(model.validate(folds=2).scores.metrics["balanced_accuracy"].value)
    assert 0.3 < np.mean(scores) < 0.7


def test_a_stroke_of_one_pixel_crosses_from_corner_to_corner():
    pieces, annotation = np.zeros((20, 40), np.int32), np.zeros((20, 40), np.uint8)
    pieces[2:18, 2:10], pieces[2:18, 10:18], pieces[2:18, 18:26] = 1, 2, 3
    for i in range(4):
        annotation[5 + i, 8 + i] = 1
        annotation[5 + i, 16 + i] = 2
    annotation[12, 30:35] = 1
    pixels = np.random.default_rng(0).integers(0, 9, (20, 40)).astype(np.uint8)
    model = ObjectMerger(trees=5).fit([pixels], [pieces], [annotation])
    assert dict(zip(model.samples_.sample, model.samples_.labels)) == {
        "image_1#1+2": "merge",
        "image_1#2+3": "apart",
    }
    assert "image_1: 1 stroke without a border to cross." in model.forest_.notes


def test_a_pair_crossed_by_both_strokes_is_taken_as_apart():
    pieces, annotation = np.zeros((20, 40), np.int32), np.zeros((20, 40), np.uint8)
    pieces[2:18, 2:10], pieces[2:18, 10:18], pieces[2:18, 18:26] = 1, 2, 3
    annotation[4, 8:12], annotation[10, 8:12], annotation[4, 16:20] = 1, 2, 1
    pixels = np.random.default_rng(0).integers(0, 9, (20, 40)).astype(np.uint8)
    model = ObjectMerger(trees=5).fit([pixels], [pieces], [annotation])
    assert dict(zip(model.samples_.sample, model.samples_.labels))["image_1#1+2"] == "apart"
    assert "image_1: 1 pair crossed by both kinds of stroke: taken as apart." in model.forest_.notes


def test_numbers_of_pieces_may_be_as_large_as_they_like(merger):
    pixels, pieces, _ = cut_discs(10)
    far = np.where(pieces, pieces + 2_000_000_000, 0)
    merged = merger.predict(pixels, pieces).labels
    expected = np.where(merged, merged + 2_000_000_000, 0)
    np.testing.assert_array_equal(merger.predict(pixels, far).labels, expected)


@pytest.mark.parametrize("number", [2**31, 2**40])
def test_numbers_beyond_those_of_a_label_image_are_refused(merger, number):
    pixels, pieces, _ = cut_discs(10)
    with pytest.raises(DataError, match=f"must hold numbers from 0 to 2147483647. Got {number}"):
        merger.predict(pixels, np.where(pieces == 1, number, pieces.astype(np.int64)))


def test_two_that_should_stay_apart_but_are_joined_by_a_third_are_said(monkeypatch, merger):
    pieces = np.zeros((20, 30), np.int32)
    pieces[2:10, 2:14], pieces[10:18, 2:14], pieces[2:18, 14:26] = 1, 2, 3
    words = np.array(["merge", "merge", "apart"])  # of 1+2, 1+3, 2+3
    said = Prediction(label=words, probability=np.eye(2)[[1, 1, 0]], value=None, classes=["apart", "merge"])
    monkeypatch.setattr(Forest, "predict", lambda self, samples: said)
    found = merger.predict(np.ones((20, 30), np.uint8), pieces)
    assert np.unique(found.labels).tolist() == [0, 1]
    assert "1 pair said to be apart became one through a third object." in found.notes


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda m, a: (m, a * 0), "must cross the border between two objects that touch. Got no such stroke"),
        (lambda m, a: (m, (a > 0) * 1), "at least 2 classes. Got only 'merge'"),
        (lambda m, a: (m, a * 2), "and 2 across those that should stay. Got 4"),
        (lambda m, a: (m, a[1:]), r"shape of the label image, \(260, 260\)"),
        (lambda m, a: ((m == 1) * 1, a), "must touch somewhere"),
    ],
)
def test_strokes_that_say_nothing_are_refused(change, sentence):
    pixels, pieces, truth = cut_discs(0)
    pieces, annotation = change(pieces, strokes_of(pieces, truth))
    with pytest.raises(DataError, match=sentence):
        ObjectMerger(trees=5).fit([pixels], [pieces], [annotation])
