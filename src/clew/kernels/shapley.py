"""Shapley values of trees: what each feature adds to what a leaf says, over all orders in which features get known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic


# ---- where each question stands ----
class Paths(NamedTuple):
    """What the questions above each node leave open.

    Parameters
    ----------
    parent : ndarray of int32, shape (n_nodes,)
        -1 at a root.
    bounds : ndarray of float32, shape (n_nodes, 3)
        Rows with ``bounds[0] < x <= bounds[2]`` pass all questions above on the node's own feature; ``bounds[1]`` is
        its threshold.
    share : ndarray of float64, shape (n_nodes, 2)
        The share of training rows that pass those questions, and the share that goes left of those at the node.
    height : ndarray of int32, shape (n_nodes,)
        The levels of questions at and below a node.
    depth : ndarray of int32, shape (n_nodes,)
        How many different features are asked above a node.
    """

    parent: np.ndarray
    bounds: np.ndarray
    share: np.ndarray
    height: np.ndarray
    depth: np.ndarray


@njit(cache=True, nogil=True)
def look_up_paths(feature, threshold, left, right, cover):
    """Return the `Paths` of all nodes.

    Parameters
    ----------
    feature : ndarray of int32, shape (n_nodes,)
        The feature that a node asks for; -1 at a leaf.
    threshold : ndarray of float32, shape (n_nodes,)
        Rows with ``x <= threshold`` go left.
    left, right : ndarray of int32, shape (n_nodes,)
        The nodes below, which come after the node itself.
    cover : ndarray of float64, shape (n_nodes,)
        The training rows that reached a node.
    """
    n = feature.size
    parent = np.full(n, -1, np.int32)
    bounds = np.empty((n, 3), np.float32)
    share = np.ones((n, 2))
    height, depth = np.zeros(n, np.int32), np.zeros(n, np.int32)
    for node in range(n):
        if feature[node] >= 0:
            parent[left[node]] = parent[right[node]] = node
    for node in range(n):
        own = feature[node]
        low, high, reached = np.float32(-np.inf), np.float32(np.inf), 1.0
        below, above = node, parent[node]
        while above >= 0:
            if feature[above] == own and own >= 0:
                if left[above] == below:
                    high = min(high, threshold[above])
                else:
                    low = max(low, threshold[above])
                reached *= cover[below] / (cover[left[above]] + cover[right[above]])
            below, above = above, parent[above]
        bounds[node] = (low, threshold[node], high)
        share[node, 0] = reached
        if own >= 0:
            share[node, 1] = cover[left[node]] / (cover[left[node]] + cover[right[node]])
            new = reached == 1.0 and low == -np.inf and high == np.inf
            depth[left[node]] = depth[right[node]] = depth[node] + np.int32(new)
    for node in range(n - 1, -1, -1):
        if feature[node] >= 0:
            height[node] = 1 + max(height[left[node]], height[right[node]])
    return Paths(parent, bounds, share, height, depth)


@njit(cache=True, nogil=True)
def average_leaves(feature, left, right, cover, value):
    """Return what leaves below each node say on average over training rows, float64 (n_nodes, n_outputs)."""
    mean = value.copy()
    for node in range(feature.size - 1, -1, -1):
        if feature[node] >= 0:
            a, b = left[node], right[node]
            share = cover[a] / (cover[a] + cover[b])
            for k in range(mean.shape[1]):
                mean[node, k] = mean[b, k] + share * (mean[a, k] - mean[b, k])
    return mean


# ---- the plan: in which order vectors of rows pass through a tree ----
TALLEST = 4  # levels of a subtree that is passed in registers
DOWN, ACROSS, UP, LEAF, SUBTREE = 0, 1, 2, 3, 4  # SUBTREE + levels
WASTE = 3  # places that a subtree may have for each of its questions


@njit(cache=True, nogil=True)
def _none():
    """Return an empty list of int32."""
    return [np.int32(0) for _ in range(0)]


@njit(cache=True, nogil=True)
def plan_tree(root, end, feature, left, right, height):
    """Lay a tree out as subtrees of up to 4 levels, filled up, and the single questions above them.

    Parameters
    ----------
    root, end : int
        The nodes of the tree are those from ``root`` to ``end`` - 1.
    feature, left, right, height : ndarray of int32, shape (n_nodes,)
        As `look_up_paths` takes and returns them.

    Returns
    -------
    kind, level, first : ndarray of int32, shape (n_steps,)
        What is done, at which level below the root, and the first place that it needs.
    place : ndarray of int32, shape (n_places,)
        The node of each place; ``-1 - leaf`` where a subtree is filled up below a leaf, or at a leaf.
    """
    inner = np.zeros(end - root, np.int32)  # questions at and below a node
    for node in range(end - 1, root - 1, -1):
        if feature[node] >= 0:
            inner[node - root] = 1 + inner[left[node] - root] + inner[right[node] - root]
    kind, level, first, place = _none(), _none(), _none(), _none()
    todo: list = [(np.int64(DOWN), np.int64(root), np.int64(0), np.int64(0))]
    while len(todo):
        what, node, at, where = todo.pop()
        tall = height[node]
        if what != DOWN:
            kind.append(np.int32(what))
            level.append(np.int32(at))
            first.append(np.int32(where))
            continue
        where = np.int64(len(place))
        level.append(np.int32(at))
        first.append(np.int32(where))
        if feature[node] < 0:
            kind.append(np.int32(LEAF))
            place.append(np.int32(-1 - node))
        elif tall <= TALLEST and (1 << tall) - 1 <= WASTE * inner[node - root]:
            kind.append(np.int32(SUBTREE + tall))
            place.append(np.int32(node))
            for i in range(1, (1 << tall) - 1):
                above = place[where + (i - 1) // 2]
                if above >= 0:
                    below = left[above] if i % 2 else right[above]
                    place.append(np.int32(below if feature[below] >= 0 else -1 - below))
                else:
                    place.append(np.int32(above))
        else:
            kind.append(np.int32(DOWN))
            place.append(np.int32(node))
            todo.append((np.int64(UP), node, at, where))
            todo.append((np.int64(DOWN), np.int64(right[node]), at + 1, np.int64(0)))
            todo.append((np.int64(ACROSS), node, at, where))
            todo.append((np.int64(DOWN), np.int64(left[node]), at + 1, np.int64(0)))
    return np.array(kind), np.array(level), np.array(first), np.array(place)


# ---- path-dependent: an integral over the share of features that are known ----
# Say that each feature is known with probability t. A leaf then counts as the product, over the features f on its path,
# of r + (p - r) t: r is the share of training rows that the questions on f let pass, and p whether the row passes them.
# The Shapley value of a feature is the integral, from t = 0 to 1, of what the sum over leaves changes with its p instead
# of its r (Owen 1972); d features on a path make a polynomial in t, which d / 2 points integrate exactly.
#
# At a question the factors of the two children sum to the one above, F = F_left + F_right, so one number a point serves
# both: the factor g = F_left / F. Going down, a path's product splits into g P and P - g P; coming up, what the subtrees
# say becomes S = S_right + g (S_left - S_right), and the question's feature gets c P (S_left - S_right), where c is
# r (1 - q) / F^2 for rows that go left and -r q / F^2 for those that go right, q being the share of training rows that goes
# left; F is at least t there. Rows that failed an earlier question on the feature have g = q and c = 0.
LANES = 8  # rows in one vector
ROWS = 128  # that pass through all trees while their features and values stay in the cache
POINTS = 2  # of the integral, that share the answers of a pass


@njit(cache=True, nogil=True, error_model="numpy")
def tabulate_path(kind, first, place, left, right, share, value, t, out):
    """Write what the answer at each place does to the products of a path, for points of the integral.

    Parameters
    ----------
    kind, first, place : ndarray of int32
        As `plan_tree` returns them.
    left, right : ndarray of int32, shape (n_nodes,)
    share : ndarray of float64, shape (n_nodes, 2)
        As `look_up_paths` returns them.
    value : ndarray of float64, shape (n_nodes,)
        What a leaf says, of one output.
    t : ndarray of float64, shape (n_points,)
        Points from 0 to 1, both excluded.
    out : ndarray of float64, shape (n_places, 5, n_points)
        Overwritten: the factor of the left child for rows that go left, go right, or have left the path before, then
        the weight of the difference between the two children, for rows that go left or right. The lowest places of a
        subtree have the sum of both children in place of the factor, and the weight includes the difference.
    """
    for step in range(kind.size):
        n_places = 1 if kind[step] <= LEAF else (1 << (kind[step] - SUBTREE)) - 1
        lowest = n_places // 2 if kind[step] > SUBTREE else n_places
        for i in range(n_places):
            at = first[step] + i
            node = place[at]
            for q in range(t.size):
                if node < 0:
                    filled = value[-1 - node] if i >= lowest or kind[step] == LEAF else 1.0
                    out[at, 0, q] = out[at, 1, q] = out[at, 2, q] = filled
                    out[at, 3, q] = out[at, 4, q] = 0.0
                    continue
                reached, goes = share[node]
                known = reached + (1.0 - reached) * t[q]
                below = reached * goes
                factor = ((below + (1.0 - below) * t[q]) / known, below * (1.0 - t[q]) / known, goes)
                weight = (reached * (1.0 - goes) / known**2, -below / known**2)
                if i < lowest:
                    for j in range(3):
                        out[at, j, q] = factor[j]
                    for j in range(2):
                        out[at, 3 + j, q] = weight[j]
                else:
                    a, b = value[left[node]], value[right[node]]
                    for j in range(3):
                        out[at, j, q] = b + factor[j] * (a - b)
                    for j in range(2):
                        out[at, 3 + j, q] = weight[j] * (a - b)


def _splat(builder, scalar, kind):
    """Return a vector that holds a scalar in every lane."""
    unset = ir.Constant(kind, ir.Undefined)
    one = builder.insert_element(unset, scalar, ir.Constant(ir.IntType(32), 0))
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), [0] * kind.count)
    return builder.shuffle_vector(one, unset, everywhere)


class _Places:
    """Writes LLVM for what vectors of rows meet at the places of a step; `choose` answers a question.

    Plain loops over so many arrays, any of which might overlap, LLVM does not turn into vectors.
    """

    single, double = ir.VectorType(ir.FloatType(), LANES), ir.VectorType(ir.DoubleType(), LANES)

    def __init__(self, builder, arrays, first, offset):
        self.builder, self.first, self.offset = builder, first, offset
        self.x, self.phi, self.column, self.bounds, self.again, self.table = arrays

    def pointer(self, array, *index):
        """Return where an entry of an array lies, of which two indices mean that it is `ROWS` wide."""
        builder, size = self.builder, self.first.type
        at = index[0]
        if len(index) == 2:
            line = at if at.type == size else builder.sext(at, size)
            at = builder.add(builder.mul(line, size(ROWS)), index[1])
        return builder.gep(array.data, [at])

    def vector(self, array, kind, *index):
        return self.builder.bitcast(self.pointer(array, *index), kind.as_pointer())

    def load(self, array, *index):
        return self.builder.load(self.vector(array, self.double, *index), align=8)

    def store(self, values, array, *index):
        self.builder.store(values, self.vector(array, self.double, *index), align=8)

    def choose(self, place):
        """Return for each point the factor (or sum), and the weight, that the rows' own answers select."""
        builder, size = self.builder, self.first.type
        at = builder.add(self.first, size(place))
        column = builder.load(self.pointer(self.column, at))
        x = builder.load(self.vector(self.x, self.single, column, self.offset), align=4)
        low, here, high = (
            _splat(
                builder,
                builder.load(self.pointer(self.bounds, builder.add(builder.mul(at, size(3)), size(i)))),
                self.single,
            )
            for i in range(3)
        )
        row = builder.mul(at, size(5 * POINTS))

        def constant(j, q):
            place = builder.add(row, size(j * POINTS + q))
            return _splat(builder, builder.load(self.pointer(self.table, place)), self.double)

        left = builder.fcmp_ordered("<=", x, here)
        points = range(POINTS)
        again = builder.icmp_unsigned("!=", builder.load(self.pointer(self.again, at)), ir.IntType(8)(0))
        with builder.if_else(again) as (asked_before, asked_first):
            with asked_before:
                alive = builder.and_(builder.fcmp_ordered(">", x, low), builder.fcmp_ordered("<=", x, high))
                none = ir.Constant(self.double, [0.0] * LANES)
                seen = [builder.select(left, constant(0, q), constant(1, q)) for q in points]
                seen = [builder.select(alive, seen[q], constant(2, q)) for q in points]
                weight = [builder.select(left, constant(3, q), constant(4, q)) for q in points]
                before = seen + [builder.select(alive, weight[q], none) for q in points]
                end_before = builder.basic_block
            with asked_first:
                fresh = [builder.select(left, constant(0, q), constant(1, q)) for q in points]
                fresh += [builder.select(left, constant(3, 0), constant(4, 0))] * POINTS
                end_first = builder.basic_block
        merged = []
        for one, other in zip(before, fresh):
            phi = builder.phi(self.double)
            phi.add_incoming(one, end_before)
            phi.add_incoming(other, end_first)
            merged.append(phi)
        return column, merged[:POINTS], merged[POINTS:]

    def add(self, column, values):
        """Add to the values of a feature."""
        to = self.vector(self.phi, self.double, column, self.offset)
        self.builder.store(self.builder.fadd(self.builder.load(to, align=8), values), to, align=8)

    def total(self, products):
        """Sum over the points."""
        whole = products[0]
        for product in products[1:]:
            whole = self.builder.fadd(whole, product)
        return whole

    def combine(self, column, weight, factor, product, left, right):
        """Book what a question adds, and return what its children say together."""
        builder = self.builder
        apart = [builder.fsub(a, b) for a, b in zip(left, right)]
        added = [builder.fmul(builder.fmul(w, p), d) for w, p, d in zip(weight, product, apart)]
        self.add(column, self.total(added))
        return [builder.fadd(b, builder.fmul(f, d)) for b, f, d in zip(right, factor, apart)]

    def subtree(self, levels, place, product):
        """Pass a filled-up subtree from a place on, given the products of the path; return what it says."""
        builder = self.builder
        column, factor, weight = self.choose(place)
        if levels == 1:
            self.add(column, self.total([builder.fmul(w, p) for w, p in zip(weight, product)]))
            return factor
        to_left = [builder.fmul(p, f) for p, f in zip(product, factor)]
        to_right = [builder.fsub(p, a) for p, a in zip(product, to_left)]
        left = self.subtree(levels - 1, 2 * place + 1, to_left)
        right = self.subtree(levels - 1, 2 * place + 2, to_right)
        return self.combine(column, weight, factor, product, left, right)


def _arrays(context, builder, signature, given, which):
    return [context.make_array(signature.args[i])(context, builder, given[i]) for i in which]


@intrinsic(prefer_literal=True)
def _pass_subtree(typing, levels, x, phi, column, bounds, again, table, first, chunks, product, says):
    """Pass rows through a subtree of ``levels`` levels: add to ``phi``, write what it ``says``.

    ``levels`` must be a constant; ``product`` and ``says`` are float64 of shape (POINTS, ROWS).
    """
    if not isinstance(levels, types.IntegerLiteral):
        return None
    arguments = (levels, x, phi, column, bounds, again, table, first, chunks, product, says)

    def generate(context, builder, signature, given):
        arrays = _arrays(context, builder, signature, given, range(1, 7))
        product, says = _arrays(context, builder, signature, given, (9, 10))
        size = given[7].type
        with cgutils.for_range(builder, given[8]) as loop:
            offset = builder.mul(loop.index, size(LANES))
            places = _Places(builder, arrays, given[7], offset)
            above = [places.load(product, size(q), offset) for q in range(POINTS)]
            for q, said in enumerate(places.subtree(levels.literal_value, 0, above)):
                places.store(said, says, size(q), offset)
        return context.get_dummy_value()

    return types.void(*arguments), generate


@intrinsic(prefer_literal=True)
def _go_down(typing, x, phi, column, bounds, again, table, first, chunks, product, below):
    """Write the products of the path to the left child ``below`` a question."""

    def generate(context, builder, signature, given):
        arrays = _arrays(context, builder, signature, given, range(6))
        product, below = _arrays(context, builder, signature, given, (8, 9))
        size = given[6].type
        with cgutils.for_range(builder, given[7]) as loop:
            offset = builder.mul(loop.index, size(LANES))
            places = _Places(builder, arrays, given[6], offset)
            _, factor, _ = places.choose(0)
            for q in range(POINTS):
                reached = builder.fmul(places.load(product, size(q), offset), factor[q])
                places.store(reached, below, size(q), offset)
        return context.get_dummy_value()

    return types.void(x, phi, column, bounds, again, table, first, chunks, product, below), generate


@intrinsic(prefer_literal=True)
def _come_up(typing, x, phi, column, bounds, again, table, first, chunks, product, left, right, says):
    """Add to ``phi`` what a question adds, given what its children say, and write what they say together."""
    arguments = (x, phi, column, bounds, again, table, first, chunks, product, left, right, says)

    def generate(context, builder, signature, given):
        arrays = _arrays(context, builder, signature, given, range(6))
        product, left, right, says = _arrays(context, builder, signature, given, (8, 9, 10, 11))
        size = given[6].type
        with cgutils.for_range(builder, given[7]) as loop:
            offset = builder.mul(loop.index, size(LANES))
            places = _Places(builder, arrays, given[6], offset)
            column, factor, weight = places.choose(0)
            above, a, b = (
                [places.load(one, size(q), offset) for q in range(POINTS)] for one in (product, left, right)
            )
            for q, said in enumerate(places.combine(column, weight, factor, above, a, b)):
                places.store(said, says, size(q), offset)
        return context.get_dummy_value()

    return types.void(*arguments), generate


@njit(cache=True, nogil=True, error_model="numpy")
def _pass_tree(x, phi, chunks, kind, level, first, column, bounds, again, table, product, says, left):
    """Add the Shapley values of one tree, at two points of the integral, to ``phi``."""
    for step in range(kind.size):
        what, at, here = kind[step], level[step], np.int64(first[step])
        above, said = product[at], says[at]
        if what == SUBTREE + 4:
            _pass_subtree(4, x, phi, column, bounds, again, table, here, chunks, above, said)
        elif what == SUBTREE + 3:
            _pass_subtree(3, x, phi, column, bounds, again, table, here, chunks, above, said)
        elif what == SUBTREE + 2:
            _pass_subtree(2, x, phi, column, bounds, again, table, here, chunks, above, said)
        elif what == SUBTREE + 1:
            _pass_subtree(1, x, phi, column, bounds, again, table, here, chunks, above, said)
        elif what == DOWN:
            _go_down(x, phi, column, bounds, again, table, here, chunks, above, product[at + 1])
        elif what == ACROSS:
            for q in range(POINTS):
                left[at, q] = says[at + 1, q]
                product[at + 1, q] = above[q] - product[at + 1, q]
        elif what == UP:
            _come_up(x, phi, column, bounds, again, table, here, chunks, above, left[at], says[at + 1], said)
        else:
            for q in range(POINTS):
                said[q] = table[here, q]


@njit(cache=True, nogil=True, error_model="numpy")
def explain_path(features, values, passes, weight, tables, steps, column, bounds, again, deepest):
    """Add path-dependent Shapley values of rows to ``values``, `ROWS` at a time.

    Parameters
    ----------
    features : ndarray of float32, shape (n_columns, n_rows)
        The features that trees ask for.
    values : ndarray of float64, shape (n_outputs, n_columns, n_rows)
    passes : ndarray of int64, shape (n_passes, 6)
        The output; then from where to where the steps, and the places, of its tree lie; and where its table begins.
    weight : ndarray of float64, shape (n_passes, POINTS)
        The weights of the points of the integral.
    tables : ndarray of float64, shape (n, 5 * POINTS)
        What `tabulate_path` wrote.
    steps : ndarray of int32, shape (3, n_steps)
        kind, level and first place of each step, as `plan_tree` returns them.
    column : ndarray of int32, shape (n_places,)
        The column that each place asks for; any where a subtree is filled up.
    bounds : ndarray of float32, shape (n_places, 3)
        As `look_up_paths` returns them.
    again : ndarray of uint8, shape (n_places,)
        Whether the same feature is asked above.
    deepest : int
        The largest level of a step.
    """
    n_outputs, n_columns, n_rows = values.shape
    x, phi = np.zeros((n_columns, ROWS), np.float32), np.empty((n_outputs, n_columns, ROWS))
    product = np.empty((deepest + 1, POINTS, ROWS))
    says, left = np.empty_like(product), np.empty_like(product)
    for start in range(0, n_rows, ROWS):
        size = min(ROWS, n_rows - start)
        chunks = (size + LANES - 1) // LANES
        x[:, :size] = features[:, start : start + size]
        phi[:] = 0.0
        for i in range(passes.shape[0]):
            output, step, last_step, place, last_place, begin = passes[i]
            for q in range(POINTS):
                product[0, q] = weight[i, q]
            _pass_tree(
                x,
                phi[output],
                chunks,
                steps[0, step:last_step],
                steps[1, step:last_step],
                steps[2, step:last_step],
                column[place:last_place],
                bounds[place:last_place],
                again[place:last_place],
                tables[begin : begin + last_place - place],
                product,
                says,
                left,
            )
        values[:, :, start : start + size] += phi[:, :, :size]


# ---- rows in, rows out ----
@njit(cache=True, nogil=True)
def take_columns(rows, used, out):
    """Write the used columns of rows (n_rows, n_features), float32, to ``out``, (n_used, n_rows)."""
    for j in range(used.size):
        column = used[j]
        for i in range(rows.shape[0]):
            out[j, i] = rows[i, column]


@njit(cache=True, nogil=True)
def add_columns(values, used, out):
    """Add values (n_computed, n_used, n_rows) to the used columns of ``out``, float64 (n_rows, n_features, n_outputs)."""
    for k in range(values.shape[0]):
        for j in range(used.size):
            column = used[j]
            for i in range(out.shape[0]):
                out[i, column, k] += values[k, j, i]


@njit(cache=True, nogil=True)
def fill_last(out):
    """Write to the last output of ``out``, (n_rows, n_features, n_outputs), what makes their sum 0."""
    last = out.shape[2] - 1
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            total = 0.0
            for k in range(last):
                total += out[i, j, k]
            out[i, j, last] = -total
