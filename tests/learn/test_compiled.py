"""The compiled forest names the class that scikit-learn and `Forest.predict` name, on every row."""

import dataclasses
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from clew.errors import DataError, SettingError
from clew.learn.compiled import TILE, CompiledForest
from clew.learn.forest import ARRAYS, Forest
from clew.learn.training import train
from tests.learn.test_forest import make

ROWS = 500_000


def rows(n, n_features, seed=0):
    """Return normal columns, every third one in steps, and the last one constant."""
    table = np.random.default_rng(seed).normal(size=(n, n_features)).astype(np.float32)
    table[:, ::3] = np.round(table[:, ::3] * 8) / 8
    table[:, -1] = 1.5
    return table


def grown(n_rows, n_features, n_classes, *, trees, depth, combine="mean", min_leaf=1, seed=0):
    """Return a forest for labels that are half random, and scikit-learn's; thresholds lie on values of other rows."""
    table = rows(n_rows, n_features, seed)
    table[:, ::3] = np.round(table[:, ::3] * 4) / 4  # halves between quarters are eighths, which `rows` has
    random = np.random.default_rng(seed + 1)
    told = np.digitize(table[:, 0] + table[:, 1], np.linspace(-1.5, 1.5, n_classes - 1))
    labels = np.where(random.random(n_rows) < 0.5, told, random.integers(0, n_classes, n_rows))
    names = np.array([f"class {k:02}" for k in range(n_classes)])
    settings = {"max_depth": depth, "min_samples_leaf": min_leaf, "random_state": seed, "n_jobs": 1}
    samples = make(table, names[labels])
    forest = train(samples, trees=trees, depth=depth, min_leaf=min_leaf, combine=combine, random_state=seed)
    return forest, RandomForestClassifier(trees, **settings).fit(table, names[labels])


def ranked(compiled, table):
    planes = compiled.empty_planes(len(table))
    for feature in compiled.used:
        compiled.rank(feature, table[:, feature], planes)
    return planes


def classified(forest, table):
    """Return the classes (n_rows,) and probabilities (n_classes, n_rows)."""
    compiled = forest if isinstance(forest, CompiledForest) else CompiledForest.of(forest)
    labels = np.empty(len(table), np.uint8)
    probability = np.empty((compiled.n_classes, len(table)), np.float32)
    compiled.classify(ranked(compiled, table), labels=labels, probability=probability)
    return labels, probability


def said(forest, table):
    """Return the same of `Forest.predict`."""
    found = forest.predict(table, n_threads=1).probability
    return found.argmax(axis=1), found.T


def by_hand(forest, table):
    """Return the classes by walking each row down each tree, in plain Python."""
    labels = []
    for row in table:
        total = np.zeros(len(forest.classes))
        for node in forest.tree_start:
            while forest.feature[node] >= 0:
                goes_left = float(row[forest.feature[node]]) <= forest.threshold[node]
                node = (forest.left if goes_left else forest.right)[node]
            total = total + forest.value[node]
        labels.append((total / forest.n_trees).argmax())
    return np.array(labels)


# ---- against scikit-learn, Forest.predict and plain Python ----
@pytest.mark.parametrize(
    ("n_features", "n_classes", "trees", "depth"),
    [
        (4, 2, 10, 1),
        (5, 9, 31, 2),
        (7, 4, 50, 3),
        (33, 3, 100, 4),
        (12, 2, 20, 5),
        (9, 5, 15, 6),
        (8, 6, 10, None),
    ],
)
def test_classes_are_scikit_learns_on_every_row(n_features, n_classes, trees, depth):
    forest, rival = grown(1500, n_features, n_classes, trees=trees, depth=depth)
    table = rows(ROWS, n_features, seed=5)
    labels, probability = classified(forest, table)
    of_rival = rival.predict_proba(table)
    assert (labels != of_rival.argmax(axis=1)).sum() == 0
    assert np.abs(probability.T - of_rival).max() < 1e-6
    few = slice(0, 300)
    np.testing.assert_array_equal(labels[few], by_hand(forest, table[few]))
    assert len(np.unique(labels)) > 1


@pytest.mark.slow
@pytest.mark.parametrize("depth", [4, 6])
def test_features_of_more_than_255_thresholds_have_more_planes(depth):
    forest, rival = grown(6000, 3, 3, trees=300, depth=depth)
    compiled = CompiledForest.of(forest)
    assert compiled.used == (0, 1) and compiled.planes > 3
    table = rows(ROWS, 3, seed=5)
    labels, probability = classified(compiled, table)
    of_rival = rival.predict_proba(table)
    assert (labels != of_rival.argmax(axis=1)).sum() == 0
    assert np.abs(probability.T - of_rival).max() < 1e-6


@pytest.mark.parametrize("depth", [4, 5, None])
def test_a_rank_that_counted_equal_thresholds_would_be_noticed(depth):
    forest, _ = grown(1500, 4, 3, trees=20, depth=depth)
    table = rows(20_000, 4, seed=5)
    truth = said(forest, table)[0]
    assert np.isin(table[:, 0].astype(float), forest.threshold[forest.feature == 0]).mean() > 0.1
    np.testing.assert_array_equal(classified(forest, table)[0], truth)
    at_least = np.nextafter(
        table, np.float32(np.inf)
    )  # above a threshold just where the value is at least it
    assert (classified(forest, at_least)[0] != truth).any()


@pytest.mark.parametrize("threshold", [0.1, 1e300, -1e300, 1e-320, -1e-320, 3e38, 0.0])
def test_float64_thresholds_between_floats_and_beyond_them_part_rows_alike(threshold):
    stump = stumps(np.array([[[1.0, 0.0], [0.0, 1.0]]]), threshold=threshold)
    near = np.float32(min(max(threshold, -3e38), 3e38))
    values = [
        np.nextafter(near, np.float32(-np.inf)),
        near,
        np.nextafter(near, np.float32(np.inf)),
        0.0,
        -0.0,
        1e-45,
    ]
    table = np.array(values, np.float32)[:, None]
    np.testing.assert_array_equal(classified(stump, table)[0], said(stump, table)[0])


# ---- ties and near ties ----
def stumps(value, threshold=0.0):
    """Return trees with one question each; ``value`` (n_trees, 2, n_classes) is what the two leaves say."""
    n_trees, _, n_classes = value.shape
    root = 3 * np.arange(n_trees)
    inner = np.tile([True, False, False], n_trees)
    nodes = np.concatenate([np.full((n_trees, 1, n_classes), 1 / n_classes), value], axis=1)
    arrays = {
        "feature": np.where(inner, 0, -1),
        "threshold": np.where(inner, threshold, 0.0),
        "left": np.where(inner, np.arange(3 * n_trees) + 1, -1),
        "right": np.where(inner, np.arange(3 * n_trees) + 2, -1),
        "value": nodes.reshape(-1, n_classes),
        "cover": np.ones(3 * n_trees),
        "tree_start": root,
    }
    return Forest(
        kind="classification",
        combine="mean",
        classes=[f"class {k:02}" for k in range(n_classes)],
        feature_names=["x"],
        units=[""],
        **{name: np.asarray(array, ARRAYS[name]) for name, array in arrays.items()},
        importance=np.ones(1),
        feature_range=np.array([[-1.0, 1.0]]),
        n_rows=2,
    )


def against_itself(forest):
    """Return a forest with each tree twice, the second saying of the classes in reverse what the first says."""
    n = len(forest.feature)
    twice = {name: np.concatenate([getattr(forest, name)] * 2) for name in ("feature", "threshold", "cover")}
    for name in ("left", "right"):
        side = getattr(forest, name)
        twice[name] = np.concatenate([side, np.where(side < 0, -1, side + n)]).astype(np.int32)
    starts = np.concatenate([forest.tree_start, forest.tree_start + n]).astype(np.int32)
    value = np.concatenate([forest.value, forest.value[:, ::-1]])
    return dataclasses.replace(forest, **twice, tree_start=starts, value=value)


@pytest.mark.parametrize("depth", [4, 6, None])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_trees_that_contradict_each_other_leave_what_forest_predict_decides(depth, n_classes):
    forest = against_itself(grown(800, 6, n_classes, trees=11, depth=depth, min_leaf=3)[0])
    table = rows(20_000, 6, seed=5)
    truth = said(forest, table)[0]
    assert len(np.unique(truth)) > 1  # nothing but rounding parts the first class from the last
    compiled = CompiledForest.of(forest)
    np.testing.assert_array_equal(classified(compiled, table)[0], truth)
    assert (classified(dataclasses.replace(compiled, margin=-1), table)[0] != truth).any()


@pytest.mark.parametrize(("n_trees", "n_classes"), [(10, 2), (30, 3), (7, 9)])
def test_tied_votes_go_to_the_first_class_and_none_is_in_doubt(n_trees, n_classes):
    forest, _ = grown(600, 5, n_classes, trees=n_trees, depth=3, combine="vote")
    compiled = CompiledForest.of(forest)
    table = rows(50_000, 5, seed=5)
    labels, probability = classified(compiled, table)
    truth, mean = said(forest, table)
    top = np.sort(mean, axis=0)
    assert compiled.margin == -1 and (top[-1] == top[-2]).mean() > 0.005
    np.testing.assert_array_equal(labels, truth)
    np.testing.assert_array_equal(probability, mean.astype(np.float32))


@pytest.mark.parametrize(("n_trees", "n_classes"), [(1, 32), (255, 32), (256, 31), (4095, 32), (4095, 2)])
def test_probabilities_are_within_a_millionth_however_many_trees_and_classes(n_trees, n_classes):
    random = np.random.default_rng(n_trees)
    forest = stumps(random.dirichlet(np.full(n_classes, 0.3), (n_trees, 2)))
    table = np.array([[-1.0], [1.0]], np.float32)
    labels, probability = classified(forest, table)
    truth, mean = said(forest, table)
    assert np.abs(probability - mean).max() < 1e-6
    np.testing.assert_array_equal(labels, truth)


def test_leaves_as_unlucky_as_can_be_stay_within_the_bound():
    """Shares just below half a unit are all rounded the same way: the sums are off by as much as they may be."""
    unit = 2.0**-20
    share = np.full((4095, 2, 4), 10.49 * unit)
    share[..., 3] = 1 - share[..., :3].sum(axis=-1)
    share[..., 1] += 0.001 * unit
    share[..., 3] -= 0.001 * unit
    forest = stumps(share)
    labels, probability = classified(forest, np.zeros((1, 1), np.float32))
    error = np.abs(probability - said(forest, np.zeros((1, 1), np.float32))[1]).max()
    assert 0.4 * unit < error < 1e-6 and labels[0] == 3


# ---- the same bits ----
@pytest.mark.parametrize("depth", [3, 6, None])
def test_tiles_and_threads_do_not_change_a_bit(depth):
    forest, _ = grown(1000, 6, 4, trees=13, depth=depth)
    compiled, table = CompiledForest.of(forest), rows(3 * TILE + 77, 6, seed=5)
    labels, probability = classified(compiled, table)

    def of_tile(start, size):
        return classified(compiled, table[start : start + size])

    for size, n_threads in ((1000, 1), (1000, 2), (TILE, 2), (20_001, 2)):
        starts = range(0, len(table), size)
        with ThreadPoolExecutor(n_threads) as pool:
            parts = list(pool.map(of_tile, starts, [size] * len(starts)))
        assert np.concatenate([part[0] for part in parts]).tobytes() == labels.tobytes()
        assert np.concatenate([part[1] for part in parts], axis=1).tobytes() == probability.tobytes()
    for n_rows in (0, 1, 63, 64, 65):
        few = classified(compiled, table[:n_rows])
        assert few[0].tobytes() == labels[:n_rows].tobytes()


def test_planes_begin_where_vectors_do_and_are_an_odd_number_of_them_wide():
    compiled = CompiledForest.of(grown(1000, 6, 3, trees=10, depth=4)[0])
    for n_rows, width in ((0, 64), (1, 64), (64, 64), (65, 192), (32_768, 32_832)):
        planes = compiled.empty_planes(n_rows)
        assert planes.shape == (compiled.planes, width) and planes.ctypes.data % 64 == 0


def test_what_lies_beyond_the_rows_does_not_matter():
    forest, _ = grown(1000, 6, 3, trees=10, depth=4)
    compiled, table = CompiledForest.of(forest), rows(100, 6, seed=5)
    planes, labels = ranked(compiled, table), np.full(100, 9, np.uint16)
    planes[:, 100:] = 77
    compiled.classify(planes, labels=labels)
    np.testing.assert_array_equal(labels, said(forest, table)[0])
    again = pickle.loads(pickle.dumps(compiled))
    np.testing.assert_array_equal(classified(again, table)[0], labels)


def test_only_used_features_are_asked_for():
    forest, _ = grown(1000, 6, 3, trees=10, depth=2)
    compiled = CompiledForest.of(forest)
    assert compiled.used == tuple(np.unique(forest.feature[forest.feature >= 0]))
    assert 5 not in compiled.used  # the constant one
    with pytest.raises(SettingError, match="must be one of"):
        compiled.rank(5, np.zeros(10, np.float32), compiled.empty_planes(10))


def test_a_forest_that_asks_nothing_says_the_same_of_all_rows():
    forest = dataclasses.replace(stumps(np.array([[[0.2, 0.8]] * 2])), tree_start=np.array([1], "<i4"))
    one = {
        name: getattr(forest, name)[1:2]
        for name in ("feature", "threshold", "left", "right", "value", "cover")
    }
    forest = dataclasses.replace(forest, **one, tree_start=np.array([0], "<i4"))
    compiled = CompiledForest.of(forest)
    assert compiled.used == () and compiled.planes == 1
    assert classified(compiled, np.zeros((100, 1), np.float32))[0].tolist() == [1] * 100


# ---- what is refused ----
def test_what_cannot_be_compiled_is_refused():
    forest = stumps(np.array([[[0.2, 0.8], [0.5, 0.5]]]))
    with pytest.raises(DataError, match="tell classes apart"):
        CompiledForest.of(dataclasses.replace(forest, kind="regression"))
    with pytest.raises(DataError, match="at most 4,095 trees"):
        CompiledForest.of(dataclasses.replace(forest, tree_start=np.zeros(4096, "<i4")))
    with pytest.raises(DataError, match="sum to 1"):
        CompiledForest.of(dataclasses.replace(forest, value=forest.value * 2))


def test_arrays_that_do_not_fit_are_refused():
    compiled = CompiledForest.of(stumps(np.array([[[0.2, 0.8], [0.5, 0.5]]])))
    planes, labels = compiled.empty_planes(100), np.empty(100, np.uint8)
    with pytest.raises(SettingError, match="fit into 1 planes"):
        compiled.rank(0, np.zeros(193, np.float32), planes)
    for wrong_planes, results in (
        (planes, {}),
        (planes[:, :64], {"labels": labels}),
        (planes.astype(np.float32), {"labels": labels}),
        (np.concatenate([planes, planes]), {"labels": labels}),
        (planes, {"labels": labels.astype(np.int64)}),
        (planes, {"labels": labels, "probability": np.empty((2, 99), np.float32)}),
        (planes, {"probability": np.empty((3, 100), np.float32)}),
        (planes, {"probability": np.empty((2, 100))}),
    ):
        with pytest.raises(SettingError, match="arrays of classify must be"):
            compiled.classify(wrong_planes, **results)
