"""Folds of painted pixels keep strokes together and surroundings apart, whatever was painted."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from scipy import ndimage

from clew.errors import DataError, SettingError
from clew.learn import stroke_folds as module
from clew.learn.stroke_folds import stroke_folds


# ---- paintings ----
def pixels(*paintings, times=None):
    """Image, place and class of the painted pixels of label images (Y, X) or (Z, Y, X), 0 for unpainted."""
    rows = []
    for number, painting in enumerate(paintings):
        volume = np.asarray(painting).reshape(-1, *np.shape(painting)[-2:])
        z, y, x = np.nonzero(volume)
        t = np.full(z.size, 0 if times is None else times[number])
        image = np.full(z.size, number if times is None else 0)
        rows.append((image, np.column_stack([t, z, y, x]), np.array(["", "a", "b", "c"])[volume[z, y, x]]))
    return tuple(np.concatenate(part) for part in zip(*rows, strict=True))


def bars(n, *, size=240, seed=0, length=20):
    """A label image with n strokes of 3 x 20 px of each of two classes, none touching another."""
    rng, painting = np.random.default_rng(seed), np.zeros((size, size), int)
    side = size // int(np.ceil(np.sqrt(2 * n)))
    cells = list(itertools.product(range(size // side), repeat=2))[: 2 * n]
    for (i, j), k in zip(cells, rng.permutation(np.arange(2 * n) % 2), strict=True):
        y, x = i * side + rng.integers(0, side - 4), j * side + rng.integers(0, side - length)
        painting[y : y + 3, x : x + length] = k + 1
    return painting


STRIPES = np.repeat([[1, 2, 3]], 30, axis=1).repeat(100, axis=0)


def numbered(image, place, labels):
    """The strokes by scipy.ndimage, one label image for each image, time and class."""
    stroke = np.zeros(len(labels), int)
    for i, t, k in sorted(set(zip(image.tolist(), place[:, 0].tolist(), labels.tolist(), strict=True))):
        rows = np.flatnonzero((image == i) & (place[:, 0] == t) & (labels == k))
        at = place[rows, 1:] - place[rows, 1:].min(axis=0)
        dense = np.zeros(at.max(axis=0) + 1, bool)
        dense[tuple(at.T)] = True
        stroke[rows] = ndimage.label(dense, np.ones((3, 3, 3)))[0][tuple(at.T)] + stroke.max()
    return stroke


def near(image, place, tested, gap):
    """The pixels within the gap of a tested one, by scipy.ndimage on a dense grid of each image and time."""
    found = np.zeros(len(image), bool)
    for i, t in {(image[row], place[row, 0]) for row in range(len(image))}:
        rows = np.flatnonzero((image == i) & (place[:, 0] == t))
        at = tuple((place[rows, 1:] - place[rows, 1:].min(axis=0)).T)
        dense = np.zeros([axis.max() + 1 for axis in at], np.uint8)
        dense[at] = tested[rows]
        size = [2 * radius + 1 for radius in gap]
        found[rows] = ndimage.maximum_filter(dense, size, mode="constant")[at] > 0
    return found


def shares_a_stroke(folds, stroke):
    """Whether some fold trains and tests on pixels of one stroke."""
    return any(
        np.isin(stroke[train], stroke[test]).any()
        for train, test in zip(folds.train, folds.test, strict=True)
    )


def leaks(folds, image, place, gap):
    """Whether some fold trains within the gap of what it tests."""
    return any(
        (near(image, place, test, gap) & train).any()
        for train, test in zip(folds.train, folds.test, strict=True)
    )


# ---- strokes ----
@pytest.mark.parametrize("shape", [(60, 70), (9, 25, 20)])
def test_strokes_are_the_connected_components_of_each_class(shape):
    rng = np.random.default_rng(1)
    image, place, labels = pixels(*(rng.choice(4, size=shape, p=[0.6, 0.2, 0.15, 0.05]) for _ in range(2)))
    division = module.Division(image, place, labels, gap=(1, 1, 1), n_folds=2, random_state=0)
    witness = numbered(image, place, labels)
    assert len(set(zip(division.stroke, witness, strict=True))) == witness.max() == division.stroke.max() + 1


def test_a_stroke_at_the_edge_does_not_go_on_in_the_next_line():
    painting = np.zeros((4, 5), int)
    painting[1, 4] = painting[2, 0] = painting[0, 0] = painting[3, 4] = 1
    image, place, labels = pixels(np.stack([painting, np.roll(painting, 2, axis=0) * 0 + (painting > 0) * 2]))
    key = module._keys(np.zeros(len(image), int), place[:, 1:])
    stroke = module._strokes(
        np.sort(key), place[np.argsort(key), 1:], np.unique(labels, return_inverse=True)[1][np.argsort(key)]
    )
    assert stroke.max() + 1 == 8


def test_strokes_far_apart_cost_no_memory_for_what_lies_between():
    image, place, labels = pixels(bars(8))
    far = place * [1, 1, 1, 1] + np.where(labels == "a", 10**9, 0)[:, None] * [0, 1, 1, 1]
    folds = stroke_folds(image, far, labels, gap=(5, 20, 20))
    assert "8 of 'a', 8 of 'b'" in folds.reason


# ---- folds ----
@pytest.mark.parametrize(
    "painting, by",
    [
        (bars(8), "stroke"),
        (bars(30, size=400), "stroke"),
        (STRIPES, "region"),
        (bars(2, length=100), "region"),
    ],
)
def test_no_fold_trains_within_the_gap_of_what_it_tests_and_no_more_is_lost(painting, by):
    image, place, labels = pixels(painting)
    gap = (0, 6, 9)
    folds = stroke_folds(image, place, labels, gap=gap)
    assert folds.by == by and folds.gap == 9
    assert (folds.test.sum(axis=0) == 1).all()
    for trains, tested in zip(folds.train, folds.test, strict=True):
        np.testing.assert_array_equal(trains, ~tested & ~near(image, place, tested, gap))
    if by == "stroke":
        assert not shares_a_stroke(folds, numbered(image, place, labels))


def test_without_a_gap_neighbours_would_train():  # the mutant of the test above
    image, place, labels = pixels(STRIPES)
    assert leaks(stroke_folds(image, place, labels, gap=(0, 0, 0)), image, place, (0, 6, 9))
    assert leaks(stroke_folds(image, place, labels, gap=(0, 5, 9)), image, place, (0, 6, 9))
    assert not leaks(stroke_folds(image, place, labels, gap=(0, 6, 9)), image, place, (0, 6, 9))


def test_folds_that_share_a_stroke_are_seen(monkeypatch):  # the mutant: each pixel a stroke of its own
    image, place, labels = pixels(bars(8))
    stroke = numbered(image, place, labels)
    assert not shares_a_stroke(stroke_folds(image, place, labels, gap=(0, 0, 0)), stroke)
    monkeypatch.setattr(module, "_strokes", lambda key, place, code: np.arange(len(key)))
    assert shares_a_stroke(stroke_folds(image, place, labels, gap=(0, 0, 0)), stroke)


def scribbles(seed):
    """Random dots, bars and wandering lines of two to four classes on one to eight images, times and planes."""
    rng = np.random.default_rng(seed)
    n_images, times, depth = (int(rng.choice(some)) for some in ([1, 2, 6, 8], [1, 1, 2], [1, 1, 3]))
    size, k, rows = rng.integers(8, 60, 2), int(rng.integers(2, 5)), []
    for image in range(n_images):
        painting = np.zeros((times, depth, *size), int)
        for _ in range(int(rng.integers(1, 14))):
            (t, z), at = rng.integers((times, depth)), rng.integers(size)
            if rng.random() < 0.5:
                painting[t, z, at[0] : at[0] + rng.integers(1, 8), at[1] : at[1] + rng.integers(1, 20)] = rng.integers(k) + 1  # fmt: skip
                continue
            label = rng.integers(k) + 1
            for step in rng.integers(-1, 2, (int(rng.integers(1, 40)), 2)):
                painting[t, z, *at] = label
                at = np.clip(at + step, 0, size - 1)
        rows += [(image, at, painting[tuple(at)]) for at in np.argwhere(painting)]
    rows = [rows[i] for i in rng.permutation(len(rows))]
    image, place, labels = (np.array(part) for part in zip(*rows, strict=True))
    return image, place + rng.integers(0, 3, 4) * 1000, labels.astype(str)


def test_no_fold_of_any_scribbles_shares_a_stroke_or_trains_within_the_gap():
    ways = set()
    for seed in range(60):
        rng, (image, place, labels) = np.random.default_rng(seed), scribbles(seed)
        gap = tuple(int(radius) for radius in rng.choice([0, 1, 3, 8, 20], 3))
        try:
            folds = stroke_folds(
                image, place, labels, gap=gap, n_folds=int(rng.integers(2, 7)), random_state=seed
            )
        except DataError as refused:
            assert re.search("at least 2 classes|paint more of", str(refused))
            continue
        ways.add(folds.by)
        assert not (folds.train & folds.test).any() and (folds.test.sum(axis=0) <= 1).all()
        assert all(set(labels[train]) == set(labels) for train in folds.train)
        if folds.by == "image":
            assert not shares_a_stroke(folds, image)
        else:
            assert not leaks(folds, image, place, gap)
            assert folds.by == "region" or not shares_a_stroke(folds, numbered(image, place, labels))
    assert ways == {"stroke", "region", "image"}


def test_the_gap_of_volumes_has_three_radii():
    rng = np.random.default_rng(3)
    volume = 1 + (ndimage.gaussian_filter(rng.normal(size=(12, 30, 30)), 3) > 0)
    image, place, labels = pixels(volume)
    folds = stroke_folds(image, place, labels, gap=(1, 3, 2))
    assert not leaks(folds, image, place, (1, 3, 2))
    assert leaks(folds, image, place, (2, 3, 2)) and leaks(folds, image, place, (1, 4, 2))
    assert "1 x 3 x 2 px (z, y, x)" in folds.reason


@pytest.mark.parametrize("painting", [bars(5), bars(12), bars(40, size=500), STRIPES])
def test_each_class_trains_and_is_tested_in_every_fold(painting):
    image, place, labels = pixels(painting)
    folds = stroke_folds(image, place, labels, gap=(0, 5, 5))
    for name in np.unique(labels):
        tested = (folds.test & (labels == name)).sum(axis=1)
        assert tested.min() >= 0.7 * tested.mean()
        assert (folds.train & (labels == name)).any(axis=1).all()


def test_the_order_of_the_pixels_decides_nothing():
    image, place, labels = pixels(bars(12), STRIPES)
    order = np.random.default_rng(5).permutation(len(image))
    folds = stroke_folds(image, place, labels, gap=(0, 9, 9))
    again = stroke_folds(image[order], place[order], labels[order], gap=(0, 9, 9))
    np.testing.assert_array_equal(again.test, folds.test[:, order])
    np.testing.assert_array_equal(again.train, folds.train[:, order])
    assert again.reason == folds.reason


def test_the_seed_decides_which_strokes_go_together():
    image, place, labels = pixels(bars(12))
    one, same, other = (stroke_folds(image, place, labels, gap=(0, 9, 9), random_state=s) for s in (0, 0, 1))
    assert one.digest() == same.digest()
    assert (one.test != other.test).any()


def test_neighbours_are_tested_together_so_that_the_gap_costs_little(monkeypatch):
    image, place, labels = pixels(STRIPES)
    kept = stroke_folds(image, place, labels, gap=(0, 15, 15)).train.mean()
    deal = module._deal
    monkeypatch.setattr(module, "_deal", lambda counts, cost, *rest: deal(counts, 0 * cost, *rest))
    scattered = stroke_folds(image, place, labels, gap=(0, 15, 15)).train.mean()  # the mutant
    assert kept > scattered + 0.1


def test_whole_images_are_held_out_where_five_hold_each_class():
    image, place, labels = pixels(*(bars(2, seed=i) for i in range(6)))
    folds = stroke_folds(image, place, labels, gap=(0, 50, 50))
    assert folds.by == "image" and folds.gap == 0 and "6 images" in folds.reason
    assert (folds.train | folds.test).all()
    assert not shares_a_stroke(folds, image)
    few = image < 4
    assert stroke_folds(image[few], place[few], labels[few], gap=(0, 5, 5)).by != "image"


def test_names_of_images_are_as_good_as_numbers():
    image, place, labels = pixels(*(bars(4, seed=i) for i in range(2)))
    folds = stroke_folds(image, place, labels, gap=(0, 5, 5))
    named = stroke_folds(np.array(["x.tif", "y.tif"])[image], place, labels, gap=(0, 5, 5))
    np.testing.assert_array_equal(folds.test, named.test)


def test_the_gap_holds_within_one_time_point_only():
    image, place, labels = pixels(bars(4, length=10), bars(4, length=10), times=[0, 7])
    folds = stroke_folds(image, place, labels, gap=(0, 500, 500))
    assert not leaks(folds, image, place, (0, 500, 500))
    assert (folds.test.sum(axis=0) == 1).all()  # at one time point alone, nothing could train


def test_one_large_stroke_among_small_ones_is_cut():
    painting = bars(10)
    painting[:, -20:] = 1
    image, place, labels = pixels(painting)
    folds = stroke_folds(image, place, labels, gap=(0, 5, 5))
    assert folds.by == "region"
    large = place[:, 3] >= 220
    assert ((folds.test & large).any(axis=1)).sum() >= 4
    small = [part[~large] for part in (image, place, labels)]
    alone = stroke_folds(*small, gap=(0, 5, 5))
    assert alone.by == "stroke" and not shares_a_stroke(alone, numbered(*small))


def test_a_class_that_cannot_be_tested_trains_and_is_counted():
    painting = bars(8)
    painting[100:103, 100:104] = 3  # one small stroke: nothing would train while it is tested
    image, place, labels = pixels(painting)
    folds = stroke_folds(image, place, labels, gap=(0, 6, 6))
    untested = ~folds.test.any(axis=0)
    np.testing.assert_array_equal(untested, labels == "c")
    assert (folds.train & (labels == "c")).any(axis=1).all()
    assert (
        "Untested" in folds.reason and f"{untested.sum()} of {untested.sum()} pixels of 'c'" in folds.reason
    )


def test_a_fold_that_cannot_train_on_all_classes_is_not_tested():
    painting = np.zeros((60, 400), int)
    for i in range(12):
        painting[5:8, 30 * i + 2 : 30 * i + 20] = 1 + i % 2
    painting[12:14, 5:9] = 3  # within the gap of the first strokes only
    image, place, labels = pixels(painting)
    folds = stroke_folds(image, place, labels, gap=(0, 10, 10))
    for trains in folds.train:
        assert set(labels[trains]) == {"a", "b", "c"}
    beside = (labels != "c") & near(image, place, labels == "c", (0, 10, 10))
    assert not folds.test[:, beside].any()
    assert folds.test.any(axis=0).sum() > 0.5 * len(labels)


def test_when_nothing_can_be_tested_the_person_is_told_what_to_paint():
    painting = np.zeros((40, 40), int)
    painting[5:8, 5:15], painting[20:23, 5:15] = 1, 2
    with pytest.raises(DataError, match="more than 30 px .*Got 1 stroke of 'a' and 1 stroke of 'b', where none does: paint more of 'a' and 'b', further apart"):  # fmt: skip
        stroke_folds(*pixels(painting), gap=(0, 30, 30))
    with pytest.raises(DataError, match="paint more of 'b'"):
        painting[:, 30:] = 1
        stroke_folds(*pixels(painting), gap=(0, 8, 8))


@pytest.mark.parametrize(
    "change, error, says",
    [
        ({"gap": (1, 2)}, SettingError, "three ints"),
        ({"gap": 3}, SettingError, "three ints"),
        ({"gap": (0, -1, 1)}, SettingError, "three ints"),
        ({"gap": (0, 1.5, 1)}, SettingError, "three ints"),
        ({"n_folds": 1}, SettingError, "at least 2"),
        ({"place": np.zeros((3, 2), int)}, DataError, "t, z, y and x"),
        ({"place": np.zeros((3, 4))}, DataError, "float64"),
        ({"place": np.zeros((2, 4), int)}, DataError, "Got shapes"),
        ({"place": np.array([[0, 0, 1, 1], [0, 0, 5, 5], [0, 0, 1, 1]])}, DataError, "y 1, x 1 of image 0 twice"),
        ({"labels": np.array(["a", "", "b"])}, DataError, "1 without"),
        ({"labels": np.array(["a", "a", "a"])}, DataError, "at least 2 classes"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_sentence(change, error, says):
    given = {
        "image": np.zeros(3, int),
        "place": np.array([[0, 0, 1, 1], [0, 0, 5, 5], [0, 0, 9, 9]]),
        "labels": np.array(["a", "b", "a"]),
        "gap": (0, 1, 1),
    } | change
    with pytest.raises(error, match=says):
        stroke_folds(given.pop("image"), given.pop("place"), given.pop("labels"), **given)
