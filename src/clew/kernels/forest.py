"""Rows down the trees of a forest: the same bits for any number of threads and any batch size."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def add_leaves(features, feature, threshold, left, right, value, roots, out):
    """Add the leaf values that each row reaches to ``out``, tree after tree.

    Parameters
    ----------
    features : ndarray of float32, shape (n_rows, n_features)
        Rows; compared with the thresholds as scikit-learn does: float32 against float64.
    feature : ndarray of int32, shape (n_nodes,)
        The feature that a node asks for; -1 at a leaf.
    threshold : ndarray of float64, shape (n_nodes,)
        Rows with ``x <= threshold`` go left.
    left, right : ndarray of int32, shape (n_nodes,)
        The nodes below, counted over all trees.
    value : ndarray of float64, shape (n_nodes, n_values)
        What a leaf says: class shares, a vote, or a number.
    roots : ndarray of int32, shape (n_trees,)
        The first node of each tree.
    out : ndarray of float64, shape (n_rows, n_values)
        Sums over trees, added to in place. The order of the trees is fixed, so the sum has the same bits.
    """
    n_values = value.shape[1]
    for root in roots:  # one tree stays in the cache while all rows pass through it
        for row in range(features.shape[0]):
            node = root
            asks = feature[node]
            while asks >= 0:
                node = left[node] if np.float64(features[row, asks]) <= threshold[node] else right[node]
                asks = feature[node]
            for k in range(n_values):
                out[row, k] += value[node, k]
