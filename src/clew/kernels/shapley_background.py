"""Shapley values of trees where what is not known comes from the rows of a background, each in turn."""

from __future__ import annotations

import numpy as np
from numba import njit

ROWS = 128  # that pass through all tables while their features and values stay in the cache


@njit(cache=True, nogil=True)
def beta_weights(n):
    """Return the integral of t^(a-1) (1-t)^c over 0 to 1, which is (a-1)! c! / (a+c)!, for a and c below n."""
    weight = np.zeros((n, n))
    for a in range(1, n):
        weight[a, 0] = 1.0 / a
        for c in range(1, n):
            weight[a, c] = weight[a, c - 1] * c / (a + c)
    return weight


@njit(cache=True, nogil=True, error_model="numpy")
def explain_against(rows, background, feature, threshold, left, right, value, roots, weight, scale, out):
    """Add the Shapley values of rows against each row of a background, by the branches that either takes.

    Parameters
    ----------
    rows : ndarray of float32, shape (n_rows, n_features)
    background : ndarray of float32, shape (n_background, n_features)
    feature, threshold, left, right, roots
        As `clew.kernels.shapley.look_up_paths` takes them.
    value : ndarray of float64, shape (n_nodes, n_outputs)
    weight : ndarray of float64, shape (n, n)
        From `beta_weights`; n above the largest number of different features on a path.
    scale : float
        What every leaf is multiplied by.
    out : ndarray of float64, shape (n_rows, n_features, n_outputs)
    """
    follows = np.zeros(
        rows.shape[1], np.int8
    )  # 1: the row, 2: the background, in what came first on this path
    decided = np.zeros(rows.shape[1] + 1, np.int64)
    stack = [(np.int64(0), np.int64(0), np.int64(0), np.int8(0))]
    for row in range(rows.shape[0]):
        for root in roots:
            for other in range(background.shape[0]):
                n_decided = 0
                stack.append((np.int64(root), np.int64(0), np.int64(0), np.int8(0)))
                while len(stack) > 1:
                    node, before, asked, whose = stack.pop()
                    while n_decided > before:
                        n_decided -= 1
                        follows[decided[n_decided]] = 0
                    if whose:
                        follows[asked] = whose
                        decided[n_decided] = asked
                        n_decided += 1
                    while feature[node] >= 0:
                        asked = np.int64(feature[node])
                        mine = left[node] if rows[row, asked] <= threshold[node] else right[node]
                        theirs = left[node] if background[other, asked] <= threshold[node] else right[node]
                        if mine != theirs and follows[asked] == 0:
                            stack.append((np.int64(theirs), np.int64(n_decided), asked, np.int8(2)))
                            follows[asked] = 1
                            decided[n_decided] = asked
                            n_decided += 1
                        node = np.int64(theirs if follows[asked] == 2 else mine)
                    a = 0
                    for i in range(n_decided):
                        a += follows[decided[i]] == 1
                    c = n_decided - a
                    for i in range(n_decided):
                        share = scale * (weight[a, c] if follows[decided[i]] == 1 else -weight[c, a])
                        for k in range(value.shape[1]):
                            out[row, decided[i], k] += share * value[node, k]
                while n_decided > 0:
                    n_decided -= 1
                    follows[decided[n_decided]] = 0


# ---- tables: what a row is told depends on its answers alone, not on the number of background rows ----
@njit(cache=True, nogil=True)
def cut_tree(root, feature, left, right, depth, bits):
    """Return the nodes, int32 (n_pieces,), below which a tree takes at most ``bits`` answers to explain.

    Those are one for each different feature asked above a node, ``depth`` of them, and one for each question at and
    below it; a leaf has as many answers as it has features above it, be they more.
    """
    pieces = [np.int32(0) for _ in range(0)]
    stack = [np.int32(root)]
    while len(stack):
        node = stack.pop()
        if feature[node] < 0 or depth[node] + _count_questions(node, feature, left, right, bits) <= bits:
            pieces.append(node)
        else:
            stack.append(right[node])
            stack.append(left[node])
    return np.array(pieces)


@njit(cache=True, nogil=True)
def _count_questions(node, feature, left, right, most):
    """Return how many questions are at and below a node, or any number above ``most``."""
    count = 0
    stack = [np.int32(node)]
    while len(stack) and count <= most:
        node = stack.pop()
        if feature[node] >= 0:
            count += 1
            stack.append(left[node])
            stack.append(right[node])
    return count


@njit(cache=True, nogil=True)
def list_answers(piece, feature, threshold, left, right, parent):
    """List the answers that tell what a piece of a tree says of a row.

    Returns
    -------
    asked : ndarray of int32, shape (n_answers,)
        The feature: first each one above the piece, once; then those of its questions.
    bounds : ndarray of float32, shape (n_answers, 2)
        The answer is yes where ``bounds[0] < x <= bounds[1]``.
    question : ndarray of int32, shape (n_answers,)
        The node within the piece; -1 for what is above it.
    """
    asked, question = [np.int32(0) for _ in range(0)], [np.int32(0) for _ in range(0)]
    low, high = [np.float32(0) for _ in range(0)], [np.float32(0) for _ in range(0)]
    below, above = np.int32(piece), parent[piece]
    while above >= 0:
        found = -1
        for i in range(len(asked)):
            if asked[i] == feature[above]:
                found = i
        if found < 0:
            found = len(asked)
            asked.append(feature[above])
            question.append(np.int32(-1))
            low.append(np.float32(-np.inf))
            high.append(np.float32(np.inf))
        if left[above] == below:
            high[found] = min(high[found], threshold[above])
        else:
            low[found] = max(low[found], threshold[above])
        below, above = above, parent[above]
    stack = [np.int32(piece)]
    while len(stack):
        node = stack.pop()
        if feature[node] >= 0:
            asked.append(feature[node])
            question.append(node)
            low.append(np.float32(-np.inf))
            high.append(threshold[node])
            stack.append(right[node])
            stack.append(left[node])
    return np.array(asked), np.column_stack((np.array(low), np.array(high))), np.array(question)


@njit(cache=True, nogil=True, error_model="numpy")
def tabulate_piece(
    piece,
    asked,
    question,
    slot,
    background,
    feature,
    threshold,
    left,
    right,
    parent,
    value,
    weight,
    scale,
    table,
):
    """Add what a piece says of rows with any answers, on average over a background, to ``table``.

    Parameters
    ----------
    piece : int
        The node.
    asked, question : ndarray of int32, shape (n_answers,)
        From `list_answers`.
    slot : ndarray of int32, shape (n_answers,)
        The column of the table for the feature of each answer.
    background : ndarray of float32, shape (n_features, n_background)
    feature, threshold, left, right, parent
        As `clew.kernels.shapley.look_up_paths` takes and returns them.
    value : ndarray of float64, shape (n_nodes, n_outputs)
    weight : ndarray of float64, shape (n, n)
        From `beta_weights`.
    scale : float
        What every leaf is multiplied by.
    table : ndarray of float64, shape (2**n_answers, n_outputs, n_slots)
        Added to; answer ``i`` is bit ``i`` of the row.
    """
    n_answers = asked.size
    stack = [np.int32(piece)]
    while len(stack):
        leaf = stack.pop()
        if feature[leaf] >= 0:
            stack.append(left[leaf])
            stack.append(right[leaf])
            continue
        own, bounds, _ = list_answers(leaf, feature, threshold, left, right, parent)
        contribution = _tabulate_leaf(own, bounds, background, weight)
        # which answers have to be yes (or no) for the row to agree with the path on a feature
        yes, no = np.zeros(own.size, np.int64), np.zeros(own.size, np.int64)
        column = np.zeros(own.size, np.int64)
        for j in range(own.size):
            for i in range(n_answers):
                if asked[i] == own[j]:
                    column[j] = slot[i]
                    if question[i] < 0:
                        yes[j] |= 1 << i
        below = leaf
        while below != piece:
            above = parent[below]
            for i in range(n_answers):
                if question[i] == above:
                    for j in range(own.size):
                        if own[j] == feature[above]:
                            if left[above] == below:
                                yes[j] |= 1 << i
                            else:
                                no[j] |= 1 << i
            below = above
        for answers in range(1 << n_answers):
            agrees = 0
            for j in range(own.size):
                if answers & yes[j] == yes[j] and answers & no[j] == 0:
                    agrees |= 1 << j
            for j in range(own.size):
                share = contribution[agrees, j] * scale
                for k in range(value.shape[1]):
                    table[answers, k, column[j]] += share * value[leaf, k]


@njit(cache=True, nogil=True, error_model="numpy")
def _tabulate_leaf(own, bounds, background, weight):
    """Return what each feature adds at a leaf of value 1, float64 (2**n_own, n_own), for every set of features that agree.

    A background row that agrees with the path on the features B counts where the row agrees on all others, A; of the
    features in B the row may agree on some. Then A got the row to the leaf, and each of the c features of B on which
    it does not agree keeps it from there.
    """
    n, n_background = own.size, background.shape[1]
    seen = np.zeros(1 << n)
    for row in range(n_background):
        agrees = 0
        for j in range(n):
            x = background[own[j], row]
            if bounds[j, 0] < x and x <= bounds[j, 1]:
                agrees |= 1 << j
        seen[agrees] += 1.0
    out = np.zeros((1 << n, n))
    for theirs in range(1 << n):
        if seen[theirs] == 0.0:
            continue
        mine = (1 << n) - 1 - theirs
        a, most = _count_bits(mine), _count_bits(theirs)
        share = seen[theirs] / n_background
        also = theirs
        while True:  # all subsets of what they agree on
            c = most - _count_bits(also)
            for j in range(n):
                if mine >> j & 1:
                    out[mine | also, j] += share * weight[a, c]
                elif not also >> j & 1:
                    out[mine | also, j] -= share * weight[c, a]
            if also == 0:
                break
            also = (also - 1) & theirs
    return out


@njit(cache=True, nogil=True)
def _count_bits(number):
    count = 0
    while number:
        number &= number - 1
        count += 1
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def explain_pieces(features, values, pieces, column, bounds, slots, tables):
    """Add interventional Shapley values of rows to ``values``, `ROWS` at a time.

    Parameters
    ----------
    features : ndarray of float32, shape (n_columns, n_rows)
        The features that trees ask for.
    values : ndarray of float64, shape (n_outputs, n_columns, n_rows)
    pieces : ndarray of int64, shape (n_pieces, 5)
        From where to where the answers of a piece, and its slots, lie; and where its table begins.
    column : ndarray of int32, shape (n_answers,)
    bounds : ndarray of float32, shape (n_answers, 2)
        The answer is yes where ``bounds[0] < x <= bounds[1]``.
    slots : ndarray of int32, shape (n_slots,)
        The column of each slot.
    tables : ndarray of float64, shape (n,)
        The tables of `tabulate_piece`, one after the other.
    """
    n_outputs, n_columns, n_rows = values.shape
    phi, at = np.empty((n_outputs, n_columns, ROWS)), np.empty(ROWS, np.int64)
    for start in range(0, n_rows, ROWS):
        size = min(ROWS, n_rows - start)
        phi[:] = 0.0
        for p in range(pieces.shape[0]):
            first, last, first_slot, last_slot, begin = pieces[p]
            n_slots = last_slot - first_slot
            at[:] = 0
            for i in range(first, last):
                x = features[column[i], start : start + size]
                low, high, bit = bounds[i, 0], bounds[i, 1], np.int64(1 << (i - first))
                for row in range(size):
                    at[row] |= np.int64((x[row] > low) & (x[row] <= high)) * bit
            for row in range(size):
                at[row] = begin + at[row] * n_outputs * n_slots
            for k in range(n_outputs):
                for j in range(n_slots):
                    to, place = phi[k, slots[first_slot + j]], k * n_slots + j
                    for row in range(size):
                        to[row] += tables[at[row] + place]
        values[:, :, start : start + size] += phi[:, :, :size]
