"""Forests of shallow trees: statistically those of scikit-learn, and the same bits however they were grown."""

from __future__ import annotations

import hashlib
import itertools
from functools import cache

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import RandomForestClassifier

from clew.errors import DataError, SettingError
from clew.learn.forest import ARRAYS, Forest
from clew.learn.growing import DEEPEST, grow

SEEDS = 40


# ---- help ----
def forest_of(grown, n_features, n_classes):
    names = [f"f{i}" for i in range(n_features)]
    return Forest(
        kind="classification",
        combine="mean",
        classes=[f"class {k:05}" for k in range(n_classes)],
        feature_names=names,
        units=[""] * n_features,
        feature_range=np.zeros((n_features, 2)),
        n_rows=1,
        **grown,
    )


def probability(grown, X):
    return forest_of(grown, X.shape[1], grown["value"].shape[1]).predict(X, n_threads=1).probability


def textures():
    """Pixels of two textures that smoothing tells apart: features of neighbours are alike, as in images."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    sides = [gaussian_filter(rng.standard_normal((60, 30)), sigma) for sigma in (0.8, 1.3)]
    image = np.concatenate([side / side.std() for side in sides], axis=1)
    filtered = [
        gaussian_filter(image, s, order=o) for s in (0.7, 1, 1.6, 3.5) for o in ((0, 0), (0, 1), (2, 0))
    ]
    filtered += [gaussian_filter(one**2, 3) for one in filtered]
    return np.stack(filtered, axis=-1).reshape(3600, -1), np.tile(np.arange(60) >= 30, 60).astype(int)


@cache
def data(name):
    load = {"digits": load_digits, "wine": load_wine, "breast cancer": load_breast_cancer}
    X, codes = textures() if name == "textures" else load[name](return_X_y=True)
    return X.astype(np.float32), codes


@cache
def scored(name, depth=4, trees=60):
    """Accuracy, log-likelihood and importances, ours and theirs, of forests of the same rows, (SEEDS, 2, ...) each."""
    X, codes = data(name)
    score, importance = np.empty((SEEDS, 2, 2)), np.empty((SEEDS, 2, X.shape[1]))
    for seed in range(SEEDS):
        order = np.random.default_rng(seed).permutation(len(X))
        train, test = np.split(order, [min(len(X) // 2, 700)])
        ours = grow(X[train], codes[train], codes.max() + 1, trees=trees, depth=depth, random_state=seed)
        sklearn = RandomForestClassifier(trees, max_depth=depth, random_state=seed).fit(
            X[train], codes[train]
        )
        for i, share in enumerate((probability(ours, X[test]), sklearn.predict_proba(X[test]))):
            right = share[np.arange(len(test)), codes[test]]
            score[seed, i] = (share.argmax(axis=1) == codes[test]).mean(), np.log(right + 0.01).mean()
        importance[seed] = ours["importance"], sklearn.feature_importances_
    return score, importance


# ---- as scikit-learn ----
NAMES = ["digits", "wine", "breast cancer", "textures"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_forests_are_as_good_as_scikit_learns(name):
    difference = np.subtract(*np.moveaxis(scored(name)[0], 1, 0))  # (SEEDS, 2)
    mean, error = difference.mean(axis=0), difference.std(axis=0, ddof=1) / np.sqrt(SEEDS)
    print(name, mean, error)
    assert (np.abs(mean) < 2 * error + 1e-12).all()
    assert abs(mean[0]) < 0.005


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_importances_are_on_average_scikit_learns(name):
    ours, theirs = scored(name)[1].mean(axis=0)
    print(name, np.corrcoef(ours, theirs)[0, 1])
    assert np.corrcoef(ours, theirs)[0, 1] > 0.99
    assert ours.sum() == pytest.approx(1)


@pytest.mark.slow
def test_other_settings_would_be_noticed():  # the mutant: trees of one question less
    X, codes = data("digits")
    train, test = np.split(np.random.default_rng(0).permutation(len(X)), [700])

    def accuracy(depth, seed):
        grown = grow(X[train], codes[train], 10, trees=60, depth=depth, random_state=seed)
        return (probability(grown, X[test]).argmax(axis=1) == codes[test]).mean()

    assert np.mean([accuracy(4, seed) - accuracy(3, seed) for seed in range(8)]) > 0.005


def test_the_importance_of_a_stump_is_its_features():
    X, codes = data("wine")
    grown = grow(X, codes, 3, trees=1, depth=1)
    np.testing.assert_array_equal(grown["importance"], np.eye(13)[grown["feature"][0]])


def test_the_importances_equal_their_definition():
    X, codes = data("wine")
    grown = grow(X, codes, 3, trees=5, depth=4)
    bounds = [*grown["tree_start"], len(grown["feature"])]
    total = np.zeros(13)
    for start, stop in itertools.pairwise(bounds):
        brought = np.zeros(13)
        for i in range(start, stop):
            if grown["feature"][i] >= 0:
                nodes = [i, grown["left"][i], grown["right"][i]]
                gini = [grown["cover"][n] * (1 - sum(v * v for v in grown["value"][n])) for n in nodes]
                brought[grown["feature"][i]] += gini[0] - gini[1] - gini[2]
        total += brought / brought.sum()
    np.testing.assert_allclose(grown["importance"], total / total.sum(), rtol=1e-12)


def test_permuted_labels_score_chance():
    X, codes = data("digits")
    rng, right = np.random.default_rng(0), []
    for seed in range(10):
        train, test = np.split(rng.permutation(len(X)), [900])
        share = probability(
            grow(X[train], rng.permutation(codes[train]), 10, random_state=seed, trees=30), X[test]
        )
        right.append((share.argmax(axis=1) == codes[test]).mean())
    assert abs(np.mean(right) - 0.1) < 3 * np.std(right, ddof=1) / np.sqrt(10)


# ---- the same bits ----
def hashed(grown):
    return hashlib.sha256(
        b"".join(grown[name].astype(kind).tobytes() for name, kind in ARRAYS.items())
    ).hexdigest()


@pytest.mark.parametrize("class_weight", ["given", "equal"])
def test_any_number_of_threads_grows_the_same_forest(class_weight):
    X, codes = data("digits")
    settings = {"trees": 23, "depth": 5, "class_weight": class_weight, "random_state": 7}
    one = grow(X, codes, 10, n_threads=1, **settings)
    for n_threads in (2, 5):
        many = grow(X, codes, 10, n_threads=n_threads, **settings)
        assert all(one[name].tobytes() == many[name].tobytes() for name in one)
    assert hashed(grow(X, codes, 10, **settings | {"random_state": 8})) != hashed(one)


def test_more_trees_begin_with_the_same_ones():
    X, codes = data("wine")
    few, many = (grow(X, codes, 3, trees=trees, depth=4) for trees in (3, 10))
    n = len(few["feature"])
    assert all(
        np.array_equal(few[name], many[name][:n]) for name in ("feature", "threshold", "value", "left")
    )
    assert (
        len({tuple(many["value"][start]) for start in many["tree_start"]}) == 10
    )  # each from rows of its own


def test_a_forest_is_the_same_on_every_machine():
    rng = np.random.default_rng(0)
    X, codes = rng.integers(0, 1000, (300, 9)).astype(np.float32), rng.integers(0, 3, 300)
    X[:, 0] += 200 * codes
    assert hashed(grow(X, codes, 3, trees=20, depth=6, random_state=1)) == PINNED


PINNED = "f120d76e11815e18fe0089dd8b4cb502048018e0ffb33a007b567c27076a5150"


# ---- what comes out ----
@pytest.mark.parametrize("class_weight", ["given", "equal"])
def test_it_is_a_forest_that_can_be_saved_and_read(tmp_path, class_weight):
    X, codes = data("wine")
    grown = grow(X, codes, 3, trees=10, class_weight=class_weight)
    assert {name: array.dtype.str for name, array in grown.items()} == {**ARRAYS, "importance": "<f8"}
    forest = forest_of(grown, 13, 3)
    assert (
        Forest.load_model(forest.save_model(tmp_path / "model")).sha256 == forest.sha256
    )  # checks the nodes
    np.testing.assert_allclose(grown["value"].sum(axis=1), 1, rtol=1e-15)
    assert (grown["cover"][grown["tree_start"]] == len(X)).all()


def test_leaves_hold_the_rows_that_reach_them():
    X, codes = data("wine")
    grown = grow(X, codes, 3, trees=1, depth=8, max_features="all")
    reached = probability(grown, X)[np.arange(len(X)), codes]
    assert 0.6 < (reached == 1).mean() < 1  # pure leaves, wrong only for rows that were not drawn
    inner = grown["feature"] >= 0
    for name in ("cover", "value"):
        held = grown[name] * (1 if name == "cover" else grown["cover"][:, None])
        np.testing.assert_allclose(
            held[inner], held[grown["left"][inner]] + held[grown["right"][inner]], rtol=1e-12
        )


def test_equal_weights_draw_classes_equally_often():
    X, codes = data("textures")
    rare = np.flatnonzero((codes == 0) | (np.arange(len(codes)) % 20 == 0))
    roots = {
        class_weight: grow(X[rare], codes[rare], 2, trees=200, depth=1, class_weight=class_weight)
        for class_weight in ("given", "equal")
    }
    share = {name: grown["value"][grown["tree_start"], 1].mean() for name, grown in roots.items()}
    error = 0.5 / np.sqrt(200 * len(rare))
    assert abs(share["equal"] - 0.5) < 4 * error
    assert abs(share["given"] - codes[rare].mean()) < 4 * error


def test_equal_weights_find_more_of_a_rare_class():
    X, codes = data("textures")
    rare = np.flatnonzero((codes == 0) | (np.random.default_rng(0).random(len(codes)) < 0.02))
    found = {
        class_weight: probability(grow(X[rare], codes[rare], 2, class_weight=class_weight), X[codes == 1])[
            :, 1
        ]
        for class_weight in ("given", "equal")
    }
    assert (found["equal"] > 0.5).mean() > (found["given"] > 0.5).mean() + 0.05


# ---- edges ----
def test_one_class_or_constant_features_give_leaves():
    X = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    for features, codes in ((X, np.ones(20, int)), (X * 0, np.arange(20) % 2)):
        grown = grow(features, codes, 2, trees=3)
        assert (grown["feature"] == -1).all()
        assert len(grown["feature"]) == 3
        assert not grown["importance"].any()
        assert np.isfinite(grown["value"]).all()


def test_two_rows_are_enough():
    grown = grow(np.array([[0.0], [1.0]], np.float32), np.array([0, 1]), 2, trees=50)
    sizes = np.diff([*grown["tree_start"], len(grown["feature"])])
    assert set(sizes) == {1, 3}  # both rows drawn, or one of them twice
    assert (grown["threshold"][grown["feature"] >= 0] == 0.5).all()


def test_one_row_is_a_leaf():
    grown = grow(np.ones((1, 4), np.float32), np.array([1]), 3, trees=2)
    np.testing.assert_array_equal(grown["value"], [[0, 1, 0]] * 2)


def test_leaves_are_never_smaller_than_asked():
    X, codes = data("wine")
    assert (grow(X, codes, 3, min_leaf=90, trees=5)["feature"] == -1).all()  # of 178 rows
    grown = grow(X, codes, 3, min_leaf=15, trees=20, depth=8)
    assert grown["cover"][grown["feature"] < 0].min() >= 15
    assert grow(X, codes, 3, trees=20, depth=8)["cover"].min() < 5


def test_many_classes_and_classes_without_rows():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 32, 2000)
    X = (codes[:, None] * [1, 0] + rng.normal(0, 0.1, (2000, 2))).astype(np.float32)
    grown = grow(X, codes, 40, depth=8, max_features="all", class_weight="equal")
    share = probability(grown, X)
    assert (share.argmax(axis=1) == codes).mean() > 0.95
    assert not share[:, 32:].any()


@pytest.mark.parametrize(
    ("max_features", "tried"), [("auto", 5), ("sqrt", 5), ("log2", 4), ("all", 30), (0.5, 15), (0.01, 1)]
)
def test_as_many_features_are_tried_as_by_scikit_learn(max_features, tried):
    from clew.learn.growing import _tried

    X, codes = data("breast cancer")
    theirs = RandomForestClassifier(
        1, max_features={"auto": "sqrt", "all": 1.0}.get(max_features, max_features)
    )
    assert _tried(max_features, 30) == theirs.fit(X, codes).estimators_[0].max_features_ == tried


@pytest.mark.parametrize(
    "wrong",
    [{"depth": 0}, {"depth": DEEPEST + 1}, {"depth": None}, {"trees": 0}, {"min_leaf": 0}, {"random_state": -1},
     {"class_weight": "even"}, {"max_features": "al"}],
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(SettingError, match=f"'{next(iter(wrong))}'.* of grow"):
        grow(np.ones((4, 2), np.float32), np.arange(4) % 2, 2, **wrong)


def test_codes_that_do_not_fit_are_refused():
    X = np.ones((4, 2), np.float32)
    for features, codes in (
        (X, [0, 1, 2, 0]),
        (X, [0, -1, 0, 0]),
        (X, [0, 1]),
        (X[:0], []),
        (X[:, :0], [0, 1, 0, 1]),
    ):
        with pytest.raises(DataError, match="codes of grow must be one from 0 to 1"):
            grow(features, np.array(codes, int), 2)
