"""Rows down the trees of a forest: the same bits for any number of threads and any batch size."""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic


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


# ---- the fast way: ranks instead of floats, bytes instead of branches, integers instead of float sums ----
# A node asks whether x > threshold. With the thresholds of a feature sorted, it is enough to know how many of them
# lie below x: a byte. Trees of few levels then are a fixed set of comparisons of bytes, 64 rows at a time.
LANES = 64  # rows in one go; as many machine vectors as that takes
BLOCK = 1024  # rows that pass through all trees while their planes stay in the cache
PER_PLANE = 255  # thresholds whose count fits a byte
PAIRED, SINGLE = 4, 6  # levels of trees of which two, or one, fit their answers into a byte
TOGETHER = 16  # rows that walk down a deep tree side by side, so that none waits for the memory


@njit(cache=True, nogil=True, error_model="numpy")
def count_below(values, thresholds, out):
    """Count the thresholds below each value, less 128 so that up to 255 fit a signed byte.

    ``values`` (n_rows,) and ``thresholds`` (a multiple of 4, filled up with inf) are float32; ``out`` (n_rows,) is int8.
    """
    for first in range(0, values.size, BLOCK):
        x, count = values[first : first + BLOCK], out[first : first + BLOCK]
        count[:] = -128
        for j in range(0, thresholds.size, 4):
            a, b, c, d = thresholds[j], thresholds[j + 1], thresholds[j + 2], thresholds[j + 3]
            for i in range(x.size):
                above = np.int8(x[i] > a) + np.int8(x[i] > b) + np.int8(x[i] > c) + np.int8(x[i] > d)
                count[i] = np.int8(count[i] + above)


@intrinsic
def _find_leaves(typing, planes, first, plane, bound, chunks, out):
    """Write which leaves of perfect trees rows ``first`` to ``first + 64 * chunks`` reach, a byte a row.

    ``planes`` are counts, int8 of shape (n_planes, width). ``plane`` and ``bound`` have the shape (2, 15) for two trees
    of 4 levels, the first in the lower 4 bits of ``out`` (uint8), or (63,) for one tree of 6. A node, the children of
    ``i`` being ``2 i + 1`` and ``2 i + 2``, goes right where ``planes[plane] > bound``.

    Written as vectors of LLVM, which fits them to any processor; it gives up on plain loops over so many arrays.
    """
    n_trees, levels = (2, PAIRED) if plane.ndim == 2 else (1, SINGLE)
    nodes = 2**levels - 1
    byte, place = ir.VectorType(ir.IntType(8), LANES), ir.IntType(32)
    unset, everywhere = ir.Constant(byte, ir.Undefined), ir.Constant(ir.VectorType(place, LANES), [0] * LANES)

    def generate(context, builder, signature, given):
        planes, plane, bound, out = (
            context.make_array(signature.args[i])(context, builder, given[i]) for i in (0, 2, 3, 5)
        )
        first, chunks = given[1], given[4]
        size = first.type

        def vector_at(pointer, offset):
            return builder.bitcast(builder.gep(pointer, [offset]), byte.as_pointer())

        stride = cgutils.unpack_tuple(builder, planes.strides)[0]
        start, rows, bounds = builder.gep(planes.data, [first]), [], []
        for node in range(n_trees * nodes):  # the same for all rows, so ahead of the loop
            number, limit = (builder.load(builder.gep(array.data, [size(node)])) for array in (plane, bound))
            rows.append(builder.gep(start, [builder.mul(builder.sext(number, size), stride)]))
            limit = builder.insert_element(unset, limit, place(0))
            bounds.append(builder.shuffle_vector(limit, unset, everywhere))

        with cgutils.for_range(builder, chunks) as loop:
            offset = builder.mul(loop.index, size(LANES))

            def leaf_below(tree, node):  # a choice between the answers of the two nodes below: no branches
                if node >= nodes:
                    return ir.Constant(byte, [(node - nodes) << (levels * tree)] * LANES)
                asked = tree * nodes + node
                count = builder.load(vector_at(rows[asked], offset), align=1)
                right = builder.icmp_signed(">", count, bounds[asked])
                return builder.select(right, leaf_below(tree, 2 * node + 2), leaf_below(tree, 2 * node + 1))

            leaves = leaf_below(0, 0) if n_trees == 1 else builder.or_(leaf_below(0, 0), leaf_below(1, 0))
            builder.store(leaves, vector_at(out.data, offset), align=1)
        return context.get_dummy_value()

    return types.void(planes, first, plane, bound, chunks, out), generate


@njit(cache=True, nogil=True, error_model="numpy")
def sum_leaves(planes, first, plane, bound, table, sums):
    """Sum what the leaves of trees of at most 6 levels say, in integers: the same for any order of trees and rows.

    Parameters
    ----------
    planes : ndarray of int8, shape (n_planes, width)
        Counts from `count_below`; ``width`` is a multiple of 64.
    first : int
        The row to begin with, a multiple of 64.
    plane : ndarray of int32, shape (n_bytes, 2, 15) or (n_bytes, 63)
        The plane that each node asks for: two trees of 4 levels share a byte, or a tree of 6 has one of its own.
        The children of ``i`` are ``2 i + 1`` and ``2 i + 2``.
    bound : ndarray of int8, as ``plane``
        Rows whose count is above go right.
    table : ndarray of uint64, shape (n_words, n_bytes made up with zeros to a multiple of 4, 256 or 64)
        What leaves say: the first tree's in the lower 4 bits of the place, the second's above. Two classes share a word.
    sums : ndarray of uint64, shape (n_words, n_rows)
        Overwritten.
    """
    n_rows = sums.shape[1]
    leaf = np.zeros((table.shape[1], BLOCK), np.uint8)
    for begin in range(0, n_rows, BLOCK):
        size = min(BLOCK, n_rows - begin)
        chunks = (size + LANES - 1) // LANES
        for i in range(plane.shape[0]):
            _find_leaves(planes, first + begin, plane[i], bound[i], chunks, leaf[i])
        for word in range(table.shape[0]):
            total = sums[word, begin : begin + size]
            total[:] = 0
            for i in range(0, table.shape[1], 4):
                _add_four(table[word, i : i + 4], leaf[i : i + 4], total)


@njit(cache=True, nogil=True, error_model="numpy")
def _add_four(table, leaf, total):
    """Add what four bytes of leaves say; one after the other would load and store the total four times."""
    a, b, c, d = table[0], table[1], table[2], table[3]
    i, j, k, m = leaf[0], leaf[1], leaf[2], leaf[3]
    for row in range(total.size):
        total[row] += a[i[row]] + b[j[row]] + c[k[row]] + d[m[row]]


@njit(cache=True, nogil=True, error_model="numpy")
def sum_walks(values, first, threshold, column, child, roots, says, sums):
    """Sum what the leaves of trees of any depth say, in integers.

    Parameters
    ----------
    values : ndarray of float32, shape (n_columns, width)
        Rows lie along the second axis; ``width`` is a multiple of 64.
    first : int
        The row to begin with; a multiple of 64.
    threshold : ndarray of float32, shape (n_nodes,)
        Rows above go right; inf at a leaf.
    column : ndarray of int32, shape (n_nodes,)
        The column that a node asks for; any at a leaf.
    child : ndarray of int32, shape (n_nodes,)
        The left child, which the right one follows; at a leaf the leaf itself.
    roots : ndarray of int32, shape (n_trees,)
        The first node of each tree.
    says : ndarray of uint64, shape (n_words, n_nodes)
        What a leaf says; two classes a word.
    sums : ndarray of uint64, shape (n_words, n_rows)
        Overwritten.
    """
    n_rows = sums.shape[1]
    at = np.zeros(TOGETHER, np.uint32)
    sums[:] = 0
    for begin in range(0, n_rows, BLOCK):
        for root in roots:
            for row in range(begin, min(begin + BLOCK, n_rows), TOGETHER):
                at[:] = root
                moved = True
                while moved:  # a leaf leads to itself: those who have arrived wait there
                    moves = np.uint32(0)
                    for i in range(TOGETHER):
                        here = at[i]
                        above = values[np.uint32(column[here]), np.uint32(first + row + i)] > threshold[here]
                        at[i] = np.uint32(np.uint32(child[here]) + np.uint32(above))
                        moves |= at[i] ^ here
                    moved = moves != 0
                for word in range(says.shape[0]):
                    for i in range(min(TOGETHER, n_rows - row)):
                        sums[word, row + i] += says[word, at[i]]


# ---- what the sums say ----
@njit(cache=True, nogil=True, error_model="numpy")
def _share(sums, k, row):
    """Return the sum of class ``k``, of which two share a word."""
    return np.int64((sums[k >> 1, row] >> np.uint64(32 * (k & 1))) & np.uint64(0xFFFFFFFF))


@njit(cache=True, nogil=True, error_model="numpy")
def decide(sums, n_classes, total, margin, labels, doubtful):
    """Write the class of the largest sum of each row, at a tie the first; return how many rows are in doubt.

    Parameters
    ----------
    sums : ndarray of uint64, shape (n_words, n_rows)
        All classes but the last, two a word; the last has what they leave of ``total``.
    n_classes, total, margin : int
        Rows whose two largest sums lie no further than ``margin`` apart are in doubt.
    labels : ndarray of an unsigned integer, shape (n_rows,)
        Overwritten.
    doubtful : ndarray of int64, shape (n_rows,)
        Overwritten with the rows in doubt, from the start.
    """
    n_doubtful = 0
    for row in range(sums.shape[1]):
        best = second = -1 - total  # below any share
        left, which = total, 0
        for k in range(n_classes):
            share = _share(sums, k, row) if k < n_classes - 1 else left
            left -= share
            if share > best:
                best, second, which = share, best, k
            elif share > second:
                second = share
        labels[row] = which
        doubtful[n_doubtful] = row
        n_doubtful += best - second <= margin
    return n_doubtful


@njit(cache=True, nogil=True, error_model="numpy")
def shares(sums, total, first, out):
    """Write the sums as shares of ``total`` from column ``first`` on, float32 (n_classes, n); the last class has the rest."""
    n_classes = out.shape[0]
    for row in range(sums.shape[1]):
        left = total
        for k in range(n_classes):
            share = _share(sums, k, row) if k < n_classes - 1 else left
            left -= share
            out[k, first + row] = share / total
