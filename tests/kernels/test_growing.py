"""Trees, node by node: against plain Python that sorts and counts anew at each node, and against scikit-learn's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import chisquare
from sklearn.tree import DecisionTreeClassifier

from clew.kernels.growing import (
    below,
    draw_rows,
    first_state,
    grow_tree,
    grow_trees,
    room_for_trees,
    room_for_work,
    sort_feature,
)

NAMES = ("feature", "left", "right", "threshold", "counts")


# ---- the twin ----
class Chance:
    """splitmix64 and Lemire's way to numbers below n, in Python's integers."""

    def __init__(self, seed, tree):
        self.state = self.mix(self.mix(seed + 0x9E3779B97F4A7C15) + tree * 0x9E3779B97F4A7C15)

    @staticmethod
    def mix(z):
        z %= 2**64
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        return z ^ (z >> 31)

    def below(self, n):
        while True:
            self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
            product = (self.mix(self.state) >> 32) * n
            if product % 2**32 >= 2**32 % n:
                return product >> 32


class Slowly:
    """One tree, from its definition. A mutant is one thing done wrongly."""

    def __init__(self, X, codes, n_classes, draws, chance, *, tried, depth, min_leaf, mutant=""):
        self.X, self.codes, self.n_classes, self.draws, self.chance = X, codes, n_classes, draws, chance
        self.tried, self.depth, self.min_leaf, self.mutant = tried, depth, min_leaf, mutant
        self.candidates = list(range(X.shape[1]))
        self.nodes = []
        self.add(np.flatnonzero(draws), 0)

    def counts(self, rows):
        weights = np.ones(len(rows)) if self.mutant == "unweighted" else self.draws[rows]
        return np.bincount(self.codes[rows], weights, self.n_classes).astype(int).tolist()

    def add(self, rows, level):
        node, there = len(self.nodes), self.counts(rows)
        self.nodes.append([-1, -1, -1, 0.0, there])
        if level == self.depth or len(rows) < 2 * self.min_leaf or np.count_nonzero(there) == 1:
            return node
        best = self.best(rows)
        if best is not None:
            _, asks, low, threshold = best
            go_left = self.X[rows, asks] < low if self.mutant == "<" else self.X[rows, asks] <= low
            left = self.add(rows[go_left], level + 1)
            right = self.add(rows[~go_left], level + 1)
            self.nodes[node][:4] = [asks, left, right, threshold]
        return node

    def best(self, rows):
        best = None
        for drawn in range(len(self.candidates)):
            if drawn >= self.tried and best:
                break
            pick = drawn + self.chance.below(len(self.candidates) - drawn)
            if self.mutant == "replaced":
                self.candidates[drawn] = pick
            else:
                c = self.candidates
                c[drawn], c[pick] = c[pick], c[drawn]
            f = self.candidates[drawn]
            for score, low, threshold in self.cuts(rows, f):
                if best is None or score > best[0]:
                    best = score, f, low, threshold
        return best

    def cuts(self, rows, f):
        x = self.X[rows, f]
        values = np.unique(x)
        for low, high in itertools.pairwise(values):
            sides = rows[x <= low], rows[x > low]
            if min(len(side) for side in sides) >= self.min_leaf:
                score = sum(sum(n * n for n in self.counts(s)) / sum(self.counts(s)) for s in sides)
                middle = float(low) / 2 + float(high) / 2
                yield score, low, float(high) if self.mutant == "upper" else middle


# ---- ours ----
def table_of(X, codes):
    shape = X.T.shape
    slot, value, says = (np.empty(shape, dtype) for dtype in (np.uint32, np.float32, np.uint16))
    by_class = np.argsort(codes, kind="stable")
    columns = np.ascontiguousarray(X.T)
    n_slots = [
        sort_feature(columns[f], by_class, codes, slot[f], value[f], says[f]) for f in range(X.shape[1])
    ]
    return slot, value, says, np.array(n_slots)


def one_tree(X, codes, n_classes, draws, *, tried, depth, min_leaf, seed=0):
    work = room_for_work(X.shape[1], len(X), n_classes)
    work[6][:], work[7][0] = draws, first_state(seed, 0)
    room = room_for_trees(1, 2 ** (depth + 1) - 1, n_classes)
    n = grow_tree(table_of(X, codes), codes, tried, depth, min_leaf, work, tuple(a[0] for a in room))
    assert not work[2].any()  # found and seen are left empty
    assert not work[3].any()
    return [array[0, :n] for array in room]


def drawn(n_rows, seed=0):
    state, draws = np.array([first_state(seed, 0)], np.uint64), np.empty(n_rows, np.int32)
    draw_rows(state, np.arange(n_rows), np.array([0, n_rows]), draws)
    return draws


def data(n_rows, n_features, n_classes, *, levels=None, seed=0):
    """Classes that features tell apart in part; with few levels, of many equal values."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, n_classes, n_rows).astype(np.int32)
    centre = rng.normal(0, 1, (n_classes, n_features))
    X = centre[codes] + rng.normal(0, 1, (n_rows, n_features))
    return (X if levels is None else np.round(X * levels)).astype(np.float32), codes


def same(ours, twin):
    return len(ours[0]) == len(twin.nodes) and all(
        np.array_equal(array, [node[i] for node in twin.nodes]) for i, array in enumerate(ours)
    )


SETTINGS = [{"tried": 2, "depth": 4, "min_leaf": 1}, {"tried": 6, "depth": 8, "min_leaf": 1}, {"tried": 1, "depth": 5, "min_leaf": 7}]  # fmt: skip


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize(("n_classes", "levels"), [(2, None), (3, 1), (32, None), (5, 3)])
def test_a_tree_equals_its_slow_twin_bit_by_bit(settings, n_classes, levels):
    X, codes = data(150, 6, n_classes, levels=levels)
    X[:, 3] = 1.5  # constant
    draws = drawn(len(X))
    ours = one_tree(X, codes, n_classes, draws, **settings)
    assert same(ours, Slowly(X, codes, n_classes, draws, Chance(0, 0), **settings))


@pytest.mark.parametrize("mutant", ["<", "upper", "replaced", "unweighted"])
def test_a_twin_that_does_one_thing_wrongly_would_be_noticed(mutant):
    X, codes = data(150, 6, 3, levels=3)
    draws, settings = drawn(len(X)), SETTINGS[0]
    ours = one_tree(X, codes, 3, draws, **settings)
    assert same(ours, Slowly(X, codes, 3, draws, Chance(0, 0), **settings))
    assert not same(ours, Slowly(X, codes, 3, draws, Chance(0, 0), mutant=mutant, **settings))


def theirs(X, codes, draws, *, depth, min_leaf):
    tree = DecisionTreeClassifier(max_depth=depth, min_samples_leaf=min_leaf, random_state=0)
    return tree.fit(X, codes, sample_weight=draws).tree_


def assert_nodes_equal(ours, tree):
    inner = tree.children_left >= 0
    np.testing.assert_array_equal(ours[0], np.where(inner, tree.feature, -1))
    np.testing.assert_array_equal(ours[1], tree.children_left)
    np.testing.assert_array_equal(ours[2], tree.children_right)
    np.testing.assert_array_equal(ours[3], np.where(inner, tree.threshold, 0))
    np.testing.assert_array_equal(ours[4].sum(axis=1), tree.weighted_n_node_samples)
    np.testing.assert_allclose(
        ours[4] / ours[4].sum(axis=1, keepdims=True), tree.value[:, 0], rtol=0, atol=1e-15
    )


@pytest.mark.parametrize("bootstrap", [False, True])
@pytest.mark.parametrize(("n_classes", "depth", "min_leaf"), [(2, 4, 25), (3, 4, 40), (6, 5, 30)])
def test_with_all_features_a_tree_equals_scikit_learns(bootstrap, n_classes, depth, min_leaf):
    X, codes = data(3000, 9, n_classes, seed=n_classes)
    draws = drawn(len(X)) if bootstrap else np.ones(len(X), np.int32)
    ours = one_tree(X, codes, n_classes, draws, tried=9, depth=depth, min_leaf=min_leaf)
    assert len(ours[0]) > 15
    assert_nodes_equal(ours, theirs(X, codes, draws, depth=depth, min_leaf=min_leaf))


@pytest.mark.parametrize("min_leaf", [1, 3])
@pytest.mark.parametrize("levels", [None, 2])
def test_at_a_tie_the_lowest_threshold_wins_as_in_scikit_learn(levels, min_leaf):
    X, codes = data(400, 1, 3, levels=levels)
    codes = np.random.default_rng(1).permutation(codes)  # so that small nodes, and ties, come
    draws = drawn(len(X))
    ours = one_tree(X, codes, 3, draws, tried=1, depth=8, min_leaf=min_leaf)
    assert len(ours[0]) > (15 if levels else 40)
    assert_nodes_equal(ours, theirs(X, codes, draws, depth=8, min_leaf=min_leaf))


def test_values_that_lie_close_are_told_apart_whatever_their_unit():
    X, codes = data(500, 3, 2)
    settings = {"tried": 3, "depth": 4, "min_leaf": 5}
    ones = np.ones(len(X), np.int32)
    wide = one_tree(X, codes, 2, ones, **settings)
    narrow = one_tree(X * np.float32(2**-60), codes, 2, ones, **settings)
    for i in (0, 1, 2, 4):
        np.testing.assert_array_equal(narrow[i], wide[i])
    np.testing.assert_array_equal(narrow[3], wide[3] * 2.0**-60)
    assert theirs(X * np.float32(2**-60), codes, ones, depth=4, min_leaf=5).node_count == 1  # scikit-learn


def test_no_threshold_overflows_and_neighbouring_floats_are_parted():
    top = np.finfo(np.float32).max
    small = np.float32(1e-45)  # the smallest there is
    codes, ones = np.array([0, 1], np.int32), np.ones(2, np.int32)
    for low, high in [(-top, top), (np.nextafter(top, 0), top), (0, small), (-small, -0.0)]:
        X = np.array([[low], [high]], np.float32)
        nodes = one_tree(X, codes, 2, ones, tried=1, depth=1, min_leaf=1)
        assert nodes[3][0] == float(X[0, 0]) / 2 + float(X[1, 0]) / 2
        assert X[0, 0] <= nodes[3][0] < X[1, 0]
        np.testing.assert_array_equal(nodes[4], [[1, 1], [1, 0], [0, 1]])


def test_zero_and_minus_zero_are_one_value():
    X, codes = np.array([[0.0], [-0.0], [0.0], [-0.0]], np.float32), np.array([0, 1, 1, 0], np.int32)
    assert len(one_tree(X, codes, 2, np.ones(4, np.int32), tried=1, depth=2, min_leaf=1)[0]) == 1


@pytest.mark.parametrize("levels", [None, 1])
def test_rows_in_another_order_give_the_same_tree(levels):
    X, codes = data(500, 5, 4, levels=levels)
    draws, order = drawn(len(X)), np.random.default_rng(1).permutation(len(X))
    settings = {"tried": 2, "depth": 6, "min_leaf": 1}
    here = one_tree(X, codes, 4, draws, **settings)
    there = one_tree(X[order], codes[order], 4, draws[order], **settings)
    other = one_tree(X[order], codes[order], 4, draws, **settings)  # who was drawn is another
    assert all(np.array_equal(a, b) for a, b in zip(here, there))
    assert not all(np.array_equal(a, b) for a, b in zip(here, other))


def test_the_slots_of_a_feature_are_its_values_and_classes_in_order():
    X, codes = data(300, 1, 3, levels=1)
    slot, value, says, n_slots = table_of(X, codes)
    pairs = sorted(set(zip(X[:, 0].tolist(), codes.tolist())))
    assert n_slots[0] == len(pairs)
    assert list(zip(value[0, : len(pairs)].tolist(), says[0].tolist())) == pairs
    assert [pairs[i] for i in slot[0]] == list(zip(X[:, 0].tolist(), codes.tolist()))


# ---- chance ----
def test_chance_equals_that_of_pythons_integers():
    for seed, tree, n in [(0, 0, 7), (2**31 - 1, 99, 3 * 2**30), (5, 1, 1)]:
        state, slow = np.array([first_state(seed, tree)], np.uint64), Chance(seed, tree)
        assert [below(state, n) for _ in range(50)] == [slow.below(n) for _ in range(50)]


def thirds(draw):
    """How often a number below 3 * 2**30 leaves 0, 1 or 2 by 3."""
    return np.bincount([draw() % 3 for _ in range(6000)], minlength=3)


def test_no_number_is_likelier_than_another():
    state, n = np.array([first_state(3, 0)], np.uint64), 3 * 2**30
    assert chisquare(thirds(lambda: below(state, n))).pvalue > 0.001
    biased = Chance(3, 0)  # the mutant: nothing is drawn again; 4/3 of the numbers for each place
    assert chisquare(thirds(lambda: biased.below(2**32) * n >> 32)).pvalue < 1e-9


def test_each_row_is_drawn_as_often_as_chance_has_it():
    n = 400
    draws = np.array([drawn(n, seed) for seed in range(500)])
    assert (draws.sum(axis=1) == n).all()
    assert chisquare(draws.sum(axis=0)).pvalue > 0.001  # no row before others
    share = np.bincount(draws.ravel(), minlength=8)[:8] / draws.size
    poisson = np.exp(-1) / np.cumprod([1, *range(1, 8)])
    np.testing.assert_allclose(share, poisson, atol=0.003)  # with replacement: 37% of rows are left out


def test_parts_are_drawn_from_equally_often():
    members, starts = np.arange(300), np.array([0, 10, 100, 300])
    total, draws = np.zeros(300), np.empty(300, np.int32)
    for seed in range(300):
        draw_rows(np.array([first_state(seed, 0)], np.uint64), members, starts, draws)
        total += draws
    parts = [total[a:b] for a, b in itertools.pairwise(starts)]
    assert chisquare([part.sum() for part in parts]).pvalue > 0.001
    assert all(chisquare(part).pvalue > 0.001 for part in parts)
    assert chisquare(total).pvalue < 1e-9  # rows of small parts come up more often


def roots(X, codes, tried, n=2000):
    """The feature that the root asks for, in many trees of one question."""
    work, trees = room_for_work(X.shape[1], len(X), 2), room_for_trees(n, 3, 2)
    whole = np.arange(len(X)), np.array([0, len(X)])
    grow_trees(table_of(X, codes), codes, *whole, 0, 0, tried, 1, 1, work, trees, np.empty(n, np.int64))
    return np.bincount(trees[0][:, 0], minlength=X.shape[1])


def test_features_are_drawn_alike_and_each_once():
    codes = np.arange(200, dtype=np.int32) % 2
    alike = np.tile(codes[:, None].astype(np.float32), 5)
    assert chisquare(roots(alike, codes, 3)).pvalue > 0.001  # the first drawn wins: any, equally often
    worse = alike.copy()
    for f in range(5):
        worse[: 10 * f, f] = 0  # the later, the worse
    found = roots(worse, codes, 2)  # the better of two: 4, 3, 2, 1 and 0 of the 10 pairs
    assert found[4] == 0
    assert chisquare(found[:4], 2000 * np.array([0.4, 0.3, 0.2, 0.1])).pvalue > 0.001
    replaced = (
        2000 * np.array([9, 7, 5, 3]) / 24
    )  # the mutant: pairs with replacement, but for those of the last
    assert chisquare(found[:4], replaced).pvalue < 0.01


def test_features_that_cannot_split_a_node_do_not_stop_it():
    X, codes = np.zeros((50, 20), np.float32), (np.arange(50) >= 25).astype(np.int32)
    X[:, 13] = np.arange(50)
    assert (roots(X, codes, 1, n=50)[13]) == 50
    X[:, :13] = (
        np.arange(50)[:, None] == 0
    )  # a split, but with one row to the left of 20 that a leaf must have
    nodes = one_tree(X, codes, 2, np.ones(50, np.int32), tried=1, depth=1, min_leaf=20)
    assert nodes[0][0] == 13
