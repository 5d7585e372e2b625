"""Interventional Shapley values of single leaves and trees, against the definition and closed forms."""

from math import factorial

import numpy as np

from clew.explain.tables import Frame
from clew.kernels import shapley_background as kernel
from clew.kernels.shapley import look_up_paths
from tests.explain.games import N_FEATURES, by_definition, mixed, random_trees, rows_of


def test_weights_are_those_of_the_orders():
    weight = kernel.beta_weights(9)
    for a in range(1, 9):
        for c in range(9):
            expected = factorial(a - 1) * factorial(c) / factorial(a + c)
            assert abs(weight[a, c] - expected) < 1e-15
    assert np.isfinite(kernel.beta_weights(600)).all()


def test_a_leaf_gives_its_value_to_those_who_lead_there_and_takes_it_from_those_who_do_not():
    own, bounds = np.arange(3, dtype=np.int32), np.array([[-np.inf, 0]] * 3, np.float32)
    background = np.array([[-1, 1], [1, 1], [1, -1]], np.float32)  # agree on feature 0; on feature 2
    table = kernel._tabulate_leaf(own, bounds, background, kernel.beta_weights(4))
    for agrees in range(8):
        row = [bool(agrees >> j & 1) for j in range(3)]
        rows = [[True, False, False], [False, False, True]]

        def game(s, row=row, rows=rows):
            return np.array([np.mean([all(row[j] if j in s else b[j] for j in range(3)) for b in rows])])

        np.testing.assert_allclose(table[agrees], by_definition(game, 3)[:, 0], atol=1e-15)


def test_rows_against_a_background_are_as_defined():
    rng = np.random.default_rng(1)
    trees, rows, background = random_trees(rng, share=0.95), rows_of(rng, 5), rows_of(rng, 4)
    out = np.zeros((5, N_FEATURES, 2))
    nodes = trees.feature, trees.threshold.astype(np.float32), trees.left, trees.right, trees.value
    threshold = Frame.of(trees, method="path").threshold
    nodes = trees.feature, threshold, trees.left, trees.right, trees.value, trees.tree_start
    kernel.explain_against(rows, background, *nodes, kernel.beta_weights(N_FEATURES + 1), 1 / 4 / 3, out)
    for row, values in zip(rows, out):
        expected = by_definition(lambda s, row=row: mixed(trees, row, s, background), N_FEATURES)
        np.testing.assert_allclose(values, expected, atol=1e-15)
    wrong = by_definition(lambda s: mixed(trees, rows[0], s, background[1:]), N_FEATURES)
    assert np.abs(wrong - out[0]).max() > 1e-4  # a background row that is left out would be noticed


def test_pieces_hold_every_leaf_once_and_no_more_answers_than_asked_for():
    rng = np.random.default_rng(3)
    trees = random_trees(rng, n_trees=1, depth=8, share=0.95)
    threshold = trees.threshold.astype(np.float32)
    own = trees.feature, threshold, trees.left, trees.right
    paths = look_up_paths(*own, trees.cover)
    for bits in (1, 5, 9):
        pieces = kernel.cut_tree(0, trees.feature, trees.left, trees.right, paths.depth, bits)
        leaves = []
        for piece in pieces:
            asked, bounds, question = kernel.list_answers(piece, *own, paths.parent)
            assert len(asked) == len(bounds) == len(question)
            assert len(asked) <= max(bits, paths.depth[piece] if trees.feature[piece] < 0 else 0)
            stack = [piece]
            while stack:
                node = stack.pop()
                if trees.feature[node] < 0:
                    leaves.append(node)
                else:
                    stack += [trees.left[node], trees.right[node]]
        assert sorted(leaves) == np.flatnonzero(trees.feature < 0).tolist()
