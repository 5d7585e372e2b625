"""Path-dependent Shapley values of single trees, against the multilinear extension leaf by leaf in plain Python."""

import numpy as np
import pytest

from clew.explain.foreign import Trees
from clew.explain.tables import Frame, path_parts
from clew.kernels import shapley as kernel
from tests.explain.games import N_FEATURES, random_trees, rows_of


def leaf_by_leaf(trees, x, *, output=0):
    """Return the values (n_features,) of a row: each leaf's product, integrated over the share of known features."""
    t, weight = np.polynomial.legendre.leggauss(12)
    t, weight = (t + 1) / 2, weight / 2
    values = np.zeros(len(x))

    def walk(node, agrees, share):
        asks = trees.feature[node]
        if asks < 0:
            factor = {f: share[f] + (agrees[f] - share[f]) * t for f in share}
            for f in share:
                others = np.prod([factor[g] for g in share if g != f], axis=0)
                values[f] += trees.value[node, output] * (agrees[f] - share[f]) * (weight * others).sum()
            return
        left = x[asks] <= trees.threshold[node]
        for below, goes in ((trees.left[node], left), (trees.right[node], not left)):
            part = trees.cover[below] / trees.cover[node]
            seen = agrees | {asks: agrees.get(asks, True) and goes}
            walk(below, seen, share | {asks: share.get(asks, 1.0) * part})

    for root in trees.tree_start:
        walk(root, {}, {})
    return values / len(trees.tree_start)


def explained(trees, rows):
    frame = Frame.of(trees, method="path")
    values = np.zeros((1, len(frame.used), len(rows)))
    features = np.ascontiguousarray(rows[:, frame.used].T)
    for make in path_parts(frame, [0]):
        make().add(features, values)
    out = np.zeros((len(rows), rows.shape[1]))
    out[:, frame.used] = values[0].T
    return out


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("share", [0.6, 0.9, 1.0])
def test_values_are_those_of_the_leaves(depth, share):
    rng = np.random.default_rng(depth)
    trees, rows = random_trees(rng, depth=depth, share=share), rows_of(rng, 30)
    while (trees.feature < 0).all():  # by chance nothing but leaves
        trees = random_trees(rng, depth=depth, share=share)
    expected = [leaf_by_leaf(trees, row) for row in rows]
    np.testing.assert_allclose(explained(trees, rows), expected, atol=1e-14)


def test_a_wrong_share_would_be_noticed():
    rng = np.random.default_rng(4)
    trees, rows = random_trees(rng, share=1.0), rows_of(rng, 5)
    values = explained(trees, rows)
    trees.cover[trees.left[trees.tree_start[0]]] += 0.5 * trees.cover[trees.right[trees.tree_start[0]]]
    assert np.abs([leaf_by_leaf(trees, row) for row in rows] - values).max() > 1e-3


@pytest.mark.parametrize(
    "n", [1, 7, 8, 9, kernel.ROWS - 1, kernel.ROWS, kernel.ROWS + 1, 3 * kernel.ROWS + 5]
)
def test_a_row_gets_the_same_bits_wherever_it_stands(n):
    rng = np.random.default_rng(0)
    trees, rows = random_trees(rng, depth=7, share=0.95), rows_of(rng, n)
    whole = explained(trees, rows)
    alone = np.concatenate([explained(trees, rows[i : i + 1]) for i in range(0, n, 5)])
    assert whole[::5].tobytes() == alone.tobytes()


def test_how_a_tree_is_laid_out_covers_each_question_once():
    rng = np.random.default_rng(2)
    trees = random_trees(rng, n_trees=1, depth=9, share=0.85)
    frame = Frame.of(trees, method="path")
    paths = kernel.look_up_paths(frame.feature, frame.threshold, frame.left, frame.right, frame.cover)
    own = frame.feature, frame.left, frame.right, paths.height
    kind, level, first, place = kernel.plan_tree(0, len(frame.feature), *own)
    asked = np.sort(place[place >= 0])
    questions = np.flatnonzero(frame.feature >= 0)
    ahead = (kind == kernel.ACROSS) | (kind == kernel.UP)  # of places that were counted on the way down
    assert set(questions) == set(asked.tolist()) and len(asked) == len(questions)
    assert (kind == kernel.DOWN).sum() == (kind == kernel.ACROSS).sum() == (kind == kernel.UP).sum() > 0
    assert (kind > kernel.SUBTREE).any()
    assert level.max() <= paths.height[0]
    assert len(place) <= kernel.WASTE * len(questions) + ((kind == kernel.LEAF).sum())
    assert first[~ahead].max() < len(place)


def test_paths_know_what_was_asked_before():
    # x0 <= 1 ? (x0 <= 0 ? a : (x1 <= 5 ? b : c)) : d
    trees = Trees(
        feature=np.array([0, 0, -1, 1, -1, -1, -1], np.int32),
        threshold=np.array([1.0, 0.0, 0, 5.0, 0, 0, 0]),
        left=np.array([1, 2, -1, 4, -1, -1, -1], np.int32),
        right=np.array([6, 3, -1, 5, -1, -1, -1], np.int32),
        value=np.zeros((7, 1)),
        cover=np.array([10.0, 8, 2, 6, 3, 3, 2]),
        tree_start=np.zeros(1, np.int32),
        feature_names=["x0", "x1"],
    )
    threshold = trees.threshold.astype(np.float32)
    paths = kernel.look_up_paths(trees.feature, threshold, trees.left, trees.right, trees.cover)
    np.testing.assert_array_equal(paths.parent, [-1, 0, 1, 1, 3, 3, 0])
    np.testing.assert_array_equal(
        paths.bounds[[0, 1, 3]], [[-np.inf, 1, np.inf], [-np.inf, 0, 1], [-np.inf, 5, np.inf]]
    )
    np.testing.assert_allclose(paths.share[[0, 1, 3]], [[1, 0.8], [0.8, 0.25], [1, 0.5]])
    np.testing.assert_array_equal(paths.height, [3, 2, 0, 1, 0, 0, 0])
    np.testing.assert_array_equal(paths.depth, [0, 1, 1, 1, 2, 2, 1])


def test_rows_go_in_and_out():
    rng = np.random.default_rng(0)
    rows, used = rows_of(rng, 6), np.array([1, 3], np.int32)
    features = np.empty((2, 6), np.float32)
    kernel.take_columns(rows, used, features)
    np.testing.assert_array_equal(features, rows[:, [1, 3]].T)
    values, out = rng.normal(size=(2, 2, 6)), np.ones((6, N_FEATURES, 3))
    kernel.add_columns(values, used, out)
    np.testing.assert_array_equal(out[:, [1, 3], :2], 1 + values.transpose(2, 1, 0))
    np.testing.assert_array_equal(out[:, [0, 2, 4]], 1)
    kernel.fill_last(out)
    np.testing.assert_allclose(out.sum(axis=2), 0, atol=1e-15)
