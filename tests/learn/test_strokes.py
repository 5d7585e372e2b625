"""Painted pixels are validated on other strokes: what neighbours would give away is measured, and kept out."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from clew.errors import DataError, SettingError
from clew.learn import strokes as module
from clew.learn.forest import train
from clew.learn.strokes import stroke_folds, validate_strokes
from clew.result import Result


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
    division = module._Division(image, place, labels, gap=(1, 1, 1), n_folds=2, random_state=0)
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


# ---- validation ----
def neighbours(features, labels, test):
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(3).fit(features, labels).predict(test)


def smooth_field(seed, size=240, sigma=5):
    rng = np.random.default_rng(seed)
    field = np.stack([ndimage.gaussian_filter(rng.normal(size=(size, size)), sigma) for _ in range(4)], axis=-1)  # fmt: skip
    return field / field.std(axis=(0, 1))


def null(seed, n):
    """Strokes with random classes on a smooth field that knows nothing of them."""
    image, place, labels = pixels(bars(n, seed=seed))
    return smooth_field(seed + 1000)[place[:, 2], place[:, 3]], labels, image, place


def textures():
    """Brick, grass and gravel beside each other, and a dense square painted in each; what lies below is not."""
    import skimage

    pictures = [Path(skimage.__file__).parent / "data" / f"{name}.png" for name in ("brick", "grass", "gravel")]  # fmt: skip
    if not all(path.exists() for path in pictures):
        pytest.skip("needs the textures of scikit-image")  # never downloaded here
    from skimage.io import imread

    parts = [imread(path)[:400, :128].astype(np.float32) for path in pictures]
    image = np.concatenate([(part - part.mean()) / part.std() for part in parts], axis=1)
    measured = [image]
    for sigma in (1, 2, 4):
        smooth = ndimage.gaussian_filter(image, sigma, truncate=3)
        measured += [
            smooth,
            np.hypot(*np.gradient(smooth)),
            ndimage.gaussian_laplace(image, sigma, truncate=3),
        ]
    painting = np.zeros(image.shape, int)
    for k in range(3):
        painting[20:108, 128 * k + 20 : 128 * k + 80] = k + 1
    return np.stack(measured, axis=-1), painting


def test_on_textures_held_out_regions_say_less_than_shuffled_pixels_and_what_new_ground_says():
    features, painting = textures()
    image, place, labels = pixels(painting)
    forest = {"trees": 20, "depth": 10}
    result = validate_strokes(
        features[place[:, 2], place[:, 3]], labels, image, place, classifier=forest, gap=(0, 13, 13), train_pixels=2500, permutations=0,
    )  # fmt: skip
    honest, naive = (s.metrics["balanced_accuracy"].value for s in (result.scores, result.naive))
    assert naive - honest >= 0.05
    assert 0.65 <= honest <= 0.74 and 0.75 <= naive <= 0.82  # reference: 0.71, and 0.77 to 0.81
    assert f"balanced accuracy {honest:.2f} [" in result.headline()
    assert result.headline().endswith(f"on held-out regions; shuffled pixels would have said {naive:.2f}")

    drawn = np.random.default_rng(0).permutation(len(labels))[:2500]
    fitted = train(module._as_samples(features[place[:, 2], place[:, 3]][drawn], labels[drawn]), **forest)
    below = features[130:390:3, ::3]
    said = fitted.predict(below.reshape(-1, 10)).label.reshape(below.shape[:2])
    truth = np.array(["a", "b", "c"])[np.arange(0, 384, 3) // 128]
    new_ground = np.mean([(said[:, truth == name] == name).mean() for name in "abc"])
    assert abs(honest - new_ground) < abs(naive - new_ground)


@pytest.mark.slow
@pytest.mark.parametrize("n", [5, 10])
def test_where_classes_are_chance_held_out_strokes_say_so_and_shuffled_pixels_do_not(n):
    honest, naive, covered = [], [], 0
    for seed in range(300, 360):
        result = validate_strokes(*null(seed, n), classifier=neighbours, gap=(0, 20, 20), permutations=0)
        figure = result.scores.metrics["balanced_accuracy"]
        honest.append(figure.value)
        naive.append(result.naive.metrics["balanced_accuracy"].value)
        covered += figure.low <= 0.5 <= figure.high
    assert abs(np.mean(honest) - 0.5) < 0.025
    assert np.mean(naive) > 0.95
    assert covered / len(honest) >= 0.83  # the docstring says 87 to 93 of 100


def test_one_null_painting_is_seen_through():
    result = validate_strokes(*null(3, 12), classifier=neighbours, gap=(0, 20, 20), permutations=0)
    assert result.scores.metrics["balanced_accuracy"].low < 0.5
    assert result.naive.metrics["balanced_accuracy"].value > 0.95


@pytest.fixture(scope="module")
def told_apart():
    """Classes that differ, in strokes that differ too: three quarters 'a'."""
    painting = bars(8, size=300)
    painting[:, :150][painting[:, :150] == 2] = 1
    image, place, labels = pixels(painting)
    features = smooth_field(2, size=300)[place[:, 2], place[:, 3]] + 1.5 * (labels == "b")[:, None]
    return features, labels, image, place


def test_the_figures_are_those_of_each_pixel_predicted_without_its_fold(told_apart):
    features, labels, image, place = told_apart
    result = validate_strokes(*told_apart, classifier=neighbours, gap=(0, 8, 8), random_state=4)
    folds = stroke_folds(image, place, labels, gap=(0, 8, 8), random_state=4)
    for number, (trains, tested) in enumerate(zip(folds.train, folds.test, strict=True)):
        said = neighbours(features[trains], labels[trains], features[tested])
        np.testing.assert_array_equal(result.predicted[tested], said)
        assert (result.fold[tested] == number).all()
    for i, one in enumerate(result.scores.classes):
        for j, other in enumerate(result.scores.classes):
            assert result.scores.confusion[i, j] == np.sum((labels == one) & (result.predicted == other))
        recall = result.scores.per_class[one]["recall"].value
        assert recall == pytest.approx((result.predicted == labels)[labels == one].mean())


def test_the_naive_figure_is_scikit_learns_with_shuffled_pixels(told_apart):
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.neighbors import KNeighborsClassifier

    features, labels, _, _ = told_apart
    result = validate_strokes(*told_apart, classifier=neighbours, gap=(0, 8, 8), permutations=0)
    shuffled = StratifiedKFold(5, shuffle=True, random_state=0)
    witness = balanced_accuracy_score(labels, cross_val_predict(KNeighborsClassifier(3), features, labels, cv=shuffled))  # fmt: skip
    assert result.naive.metrics["balanced_accuracy"].value == pytest.approx(witness, abs=0.02)
    assert result.scores.metrics["balanced_accuracy"].value < witness - 0.02


def test_classes_keep_their_shares_and_these_are_said(told_apart):
    labels, seen = told_apart[1], []

    def watching(features, taught, test):
        seen.append((taught == "a").mean())
        return neighbours(features, taught, test)

    result = validate_strokes(*told_apart, classifier=watching, gap=(0, 8, 8), permutations=0)
    share = (labels == "a").mean()
    assert share > 0.6
    np.testing.assert_allclose(seen, share, atol=0.1)
    assert result.pixels["a"] == {"pixels": np.sum(labels == "a"), "share": pytest.approx(share), "strokes": numbered_of(told_apart, "a"), "untested": 0}  # fmt: skip


def numbered_of(world, name):
    _, labels, image, place = world
    rows = labels == name
    return numbered(image[rows], place[rows], labels[rows]).max()


def test_labels_that_strokes_exchange_score_chance(told_apart):
    result = validate_strokes(*told_apart, classifier=neighbours, gap=(0, 8, 8), permutations=12)
    assert result.baselines["permuted"]["balanced_accuracy"] == pytest.approx(0.5, abs=0.1)
    assert result.baselines["commonest_class"]["balanced_accuracy"] == 0.5
    without = validate_strokes(*told_apart, classifier=neighbours, gap=(0, 8, 8), permutations=0)
    assert list(without.baselines) == ["commonest_class"]


def test_whole_strokes_exchange_their_labels(told_apart):
    features, labels, image, place = told_apart
    stroke, exchanged = numbered(image, place, labels), []

    def watching(rows, taught, test):
        number = rows[:, -1].astype(int)
        assert all(len(set(taught[number == one])) == 1 for one in set(number))
        of = {one: labels[stroke == one][0] for one in set(number)}
        exchanged.append(any(of[one] != name for one, name in zip(number, taught, strict=True)))
        return np.full(len(test), "a")

    validate_strokes(np.column_stack([features, stroke]), labels, image, place, classifier=watching, gap=(0, 8, 8), permutations=1)  # fmt: skip
    assert not any(exchanged[:10]) and any(
        exchanged[10:]
    )  # five folds held out, five shuffled, then exchanged


def test_settings_of_the_forest_do_what_train_does(told_apart):
    forest = {"trees": 10, "depth": 4}

    def fit(features, labels, test):
        return train(module._as_samples(features, labels), **forest).predict(test).label

    settings = {"gap": (0, 8, 8), "permutations": 0}
    ours = validate_strokes(*told_apart, classifier=forest, **settings)
    np.testing.assert_array_equal(
        ours.predicted, validate_strokes(*told_apart, classifier=fit, **settings).predicted
    )
    assert ours.settings["classifier"] == forest and ours.settings["gap"] == [0, 8, 8]


def test_fewer_training_pixels_are_drawn_from_all_strokes_and_said(told_apart):
    sizes = []

    def watching(features, taught, test):
        sizes.append(len(taught))
        return neighbours(features, taught, test)

    result = validate_strokes(*told_apart, classifier=watching, gap=(0, 8, 8), train_pixels=200, permutations=0)  # fmt: skip
    assert set(sizes) == {200}
    assert any("At most 200" in warning for warning in result.warnings)
    assert (result.predicted != "").all()
    whole = validate_strokes(*told_apart, classifier=neighbours, gap=(0, 8, 8), permutations=0)
    assert not any("At most" in warning for warning in whole.warnings)


def test_untested_pixels_are_in_no_figure():
    painting = bars(8)
    painting[100:103, 100:104] = 3
    image, place, labels = pixels(painting)
    features = smooth_field(1)[place[:, 2], place[:, 3]]
    result = validate_strokes(features, labels, image, place, classifier=neighbours, gap=(0, 6, 6), permutations=1)  # fmt: skip
    assert (result.predicted[labels == "c"] == "").all() and (result.fold[labels == "c"] == -1).all()
    assert result.pixels["c"]["untested"] == np.sum(labels == "c")
    assert result.scores.confusion.sum() == result.naive.confusion.sum() == np.sum(labels != "c")
    assert "Untested" in result.split["reason"]


@pytest.mark.parametrize(
    "paintings, units, says",
    [
        ([bars(8)], 16, "one image"),
        ([bars(5, seed=i) for i in range(5)], 5, ""),
        ([bars(3, seed=i) for i in range(2)], 12, "other images may differ more"),
        ([STRIPES], 15, "regions of one stroke"),
        ([bars(4, length=100, size=320)], 8, "one image"),  # cut, but whole strokes are what is independent
    ],
)
def test_intervals_are_over_what_is_independent_and_say_what_they_do_not_cover(paintings, units, says):
    image, place, labels = pixels(*paintings)
    features = np.random.default_rng(0).normal(size=(len(labels), 2)) + (labels == "a")[:, None]
    result = validate_strokes(features, labels, image, place, classifier=neighbours, gap=(0, 5, 5), permutations=0)  # fmt: skip
    figure = result.scores.metrics["balanced_accuracy"]
    assert figure.n_groups == units == len(np.unique(result.unit))
    assert says.lower() in " ".join(result.warnings).lower()


def test_a_validation_survives_the_disk(told_apart, tmp_path):
    result = validate_strokes(*told_apart, classifier=neighbours, gap=(0, 8, 8), permutations=1)
    again = Result.load(result.save(tmp_path / "result.zip"))
    assert again.digest() == result.digest() and again.headline() == result.headline()
    assert again.summary() == result.summary()


@pytest.mark.parametrize("setting", [{"train_pixels": 1}, {"permutations": -1}])
def test_settings_out_of_range_are_refused(told_apart, setting):
    with pytest.raises(SettingError, match=next(iter(setting))):
        validate_strokes(*told_apart, classifier=neighbours, gap=(0, 8, 8), **setting)


def test_features_must_fit_the_labels(told_apart):
    with pytest.raises(DataError, match="a row for each of the"):
        validate_strokes(told_apart[0][1:], *told_apart[1:], classifier=neighbours, gap=(0, 8, 8))
