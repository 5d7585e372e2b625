"""Growing the trees of a random forest: the same bits for any number of threads, and on any machine.

Every feature is sorted once for all trees. What a row has in a feature is then its *slot*: the place of its value and
class among those that there are, counted from 0 in ascending order, classes within a value. The rows of a node are put
into their slots, which sorts them without comparing any two: a slot has the number of draws that fell into it, and a
bit that says it is taken; going from one such bit to the next visits the values of the node in ascending order.

All counts are integers, so that no order of rows can change a sum; the score that splits are compared by is two
divisions and a sum of them, each rounded by itself. Chance comes from splitmix64, a state of its own for each tree.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

DIGIT, N_DIGITS = 11, 3  # bits that a pass of the radix sort sorts by, and passes that 32 bits take
ONE_ROW = np.int64(1) << 32  # a count holds draws in its lower half, rows in its upper
DRAWS = ONE_ROW - 1
WORD = np.uint64(6)  # 2**6 bits
GOLDEN, MIX_1, MIX_2 = (
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xBF58476D1CE4E5B9),
    np.uint64(0x94D049BB133111EB),
)

# What the loops hand one another are plain tuples of arrays:
#   table: slot       (n_features, n_rows) of uint32
#          value      (n_features, n_rows) of float32: of each slot, ascending, neighbours may be equal
#          says       (n_features, n_rows) of uint16: the class of each slot
#          n_slots    (n_features,) of int64: only so many slots are there
#   tree:  feature, left, right  (room for nodes,) of int32; -1 at a leaf
#          threshold  (room for nodes,) of float64; 0 at a leaf
#          counts     (room for nodes, n_classes) of int32: draws of each class
#   work:  rows       (n_rows,) of uint32: those of a node lie together, ascending
#          spare      (n_rows,) of uint32: those that go right, while others go left
#          found      (n_rows,) of int64: what is in a slot; all 0 between features
#          seen       (n_rows / 64 + 1,) of uint64: which slots are taken; all 0 between features
#          candidates (n_features,) of int64: a permutation of the features
#          before     (n_classes,) of int64: draws of each class to the left of a cut
#          draws      (n_rows,) of int32: how often each row was drawn, which is how much it weighs
#          state      (1,) of uint64: of the generator


# ---- room ----
def room_for_trees(n_trees, n_nodes, n_classes):
    """Return room for so many trees of so many nodes; see the top of this file."""
    small = [np.empty((n_trees, n_nodes), np.int32) for _ in range(3)]
    return *small, np.empty((n_trees, n_nodes)), np.empty((n_trees, n_nodes, n_classes), np.int32)


def room_for_work(n_features, n_rows, n_classes):
    """Return the room that a thread works in; see the top of this file."""
    rows, spare, draws = np.empty(n_rows, np.uint32), np.empty(n_rows, np.uint32), np.empty(n_rows, np.int32)
    found, seen = np.zeros(n_rows, np.int64), np.zeros(n_rows // 64 + 1, np.uint64)
    candidates, before = np.empty(n_features, np.int64), np.empty(n_classes, np.int64)
    return rows, spare, found, seen, candidates, before, draws, np.empty(1, np.uint64)


# ---- chance ----
@njit(cache=True, nogil=True)
def first_state(seed, tree):
    """Return the state that a tree begins with: seed and number mixed, so that neighbours have nothing in common."""
    return _mix(_mix(np.uint64(seed) + GOLDEN) + np.uint64(tree) * GOLDEN)


@njit(cache=True, nogil=True)
def _mix(z):
    z = (z ^ (z >> np.uint64(30))) * MIX_1
    z = (z ^ (z >> np.uint64(27))) * MIX_2
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def below(state, n):
    """Draw an integer from 0 to ``n`` - 1, each as likely as the others, for ``n`` below 2**32; the state moves on.

    Notes
    -----
    splitmix64 after Steele, Lea & Flood, OOPSLA 2014, doi:10.1145/2660193.2660195; its upper 32 bits, times ``n``, of
    which those are drawn again that would make some numbers likelier, after Lemire, ACM Trans. Model. Comput. Simul. 29
    (2019), doi:10.1145/3230636.
    """
    n = np.uint64(n)
    half, lower = np.uint64(32), np.uint64(0xFFFFFFFF)
    while True:
        state[0] += GOLDEN
        product = (_mix(state[0]) >> half) * n
        rest = product & lower
        if rest >= n or rest >= (lower + np.uint64(1)) % n:
            return np.int64(product >> half)


@njit(cache=True, nogil=True)
def draw_rows(state, members, starts, draws):
    """Draw as many rows as there are, with replacement, and count how often each was drawn.

    Parameters
    ----------
    state : ndarray of uint64, shape (1,)
    members : ndarray of int64, shape (n_rows,)
        The rows, part after part.
    starts : ndarray of int64, shape (n_parts + 1,)
        Where parts begin and the last ends. Each draw is from any part with the same chance: one part are all rows
        alike; where parts are the classes, these come up equally often.
    draws : ndarray of int32, shape (n_rows,)
        Overwritten.
    """
    for row in range(draws.size):
        draws[row] = 0
    n_parts = starts.size - 1
    for _ in range(members.size):
        part = below(state, n_parts) if n_parts > 1 else 0
        draws[members[starts[part] + below(state, starts[part + 1] - starts[part])]] += 1


# ---- sort ----
@njit(cache=True, nogil=True)
def sort_feature(values, by_class, codes, slot, value, says):
    """Sort the rows by value and class, and give each its slot; return how many slots there are.

    Parameters
    ----------
    values : ndarray of float32, shape (n_rows,)
        Finite; 0 and -0 are one value.
    by_class : ndarray of int64, shape (n_rows,)
        The rows in the order of their classes.
    codes : ndarray of int32, shape (n_rows,)
        The class of each row.
    slot : ndarray of uint32, shape (n_rows,)
    value : ndarray of float32, shape (n_rows,)
    says : ndarray of uint16, shape (n_rows,)
        Overwritten: the slot of each row, the value and the class of each slot.
    """
    n = values.size
    keys, rows = np.empty((2, n), np.uint32), np.empty((2, n), np.uint32)
    bits, sign = values.view(np.uint32), np.uint32(0x80000000)
    for i in range(n):  # the bits of floats as integers of the same order
        key = bits[by_class[i]]
        keys[0, i] = ~key if key > sign else key | sign
        rows[0, i] = by_class[i]
    for digit in range(N_DIGITS):  # stable, so that classes stay in order
        _sort_by_digit(keys[digit & 1], rows[digit & 1], keys[~digit & 1], rows[~digit & 1], digit * DIGIT)
    keys, rows = keys[N_DIGITS & 1], rows[N_DIGITS & 1]
    last = -1
    for i in range(n):
        row = rows[i]
        if i == 0 or keys[i] != keys[i - 1] or codes[row] != says[last]:
            last += 1
            value[last] = values[row]
            says[last] = codes[row]
        slot[row] = last
    return last + 1


@njit(cache=True, nogil=True)
def _sort_by_digit(keys, rows, sorted_keys, sorted_rows, shift):
    place = np.zeros(2**DIGIT + 1, np.int64)
    shift, mask = np.uint32(shift), np.uint32(2**DIGIT - 1)
    for key in keys:
        place[((key >> shift) & mask) + 1] += 1
    for digit in range(2**DIGIT):
        place[digit + 1] += place[digit]
    for i in range(keys.size):
        digit = (keys[i] >> shift) & mask
        sorted_keys[place[digit]] = keys[i]
        sorted_rows[place[digit]] = rows[i]
        place[digit] += 1


# ---- grow ----
@njit(cache=True, nogil=True)
def grow_trees(table, codes, members, starts, seed, first, tried, depth, min_leaf, work, trees, n_nodes):
    """Grow trees, each on rows and features of its own.

    Parameters
    ----------
    table : tuple of ndarray
        The sorted features; see the top of this file.
    codes : ndarray of int32, shape (n_rows,)
        The class of each row.
    members, starts : ndarray of int64
        As for `draw_rows`.
    seed, first : int
        The seed of the forest, and the number of the first tree in it.
    tried, depth, min_leaf : int
        As for `grow_tree`.
    work : tuple of ndarray
    trees : tuple of ndarray
        As ``tree``, with an axis of trees before the others; overwritten.
    n_nodes : ndarray of int64, shape (n_trees,)
        Overwritten with the number of nodes of each tree.
    """
    _, _, _, _, _, _, draws, state = work
    for i in range(n_nodes.size):
        state[0] = first_state(seed, first + i)
        draw_rows(state, members, starts, draws)
        tree = trees[0][i], trees[1][i], trees[2][i], trees[3][i], trees[4][i]
        n_nodes[i] = grow_tree(table, codes, tried, depth, min_leaf, work, tree)


@njit(cache=True, nogil=True)
def grow_tree(table, codes, tried, depth, min_leaf, work, tree):
    """Grow one tree by the decrease in Gini impurity, depth first and left first; return how many nodes it has.

    Parameters
    ----------
    table : tuple of ndarray
    codes : ndarray of int32, shape (n_rows,)
    tried : int
        How many features a node draws to choose from; more until it finds one that can split it.
    depth : int
        The largest number of questions from root to leaf.
    min_leaf : int
        The smallest number of different rows in a leaf, however often they were drawn.
    work : tuple of ndarray
        With the draws of this tree, and the state that it draws features with.
    tree : tuple of ndarray
        Overwritten; see the top of this file.

    Notes
    -----
    CART (Breiman et al. 1984) as scikit-learn does it: any split is better than none. Of splits of equal score the
    feature that was drawn first wins, and in it the lowest threshold.
    """
    rows, spare, _, _, candidates, _, draws, _ = work
    feature, left, right, threshold, counts = tree
    waiting, later = 0, np.empty((depth, 4), np.int64)  # right sides: start, stop, level, parent
    n_rows = n_nodes = 0
    for row in range(draws.size):
        if draws[row]:
            rows[n_rows] = row
            n_rows += 1
    for f in range(candidates.size):
        candidates[f] = f
    start, stop, level, parent = 0, n_rows, 0, -1
    while True:
        node, n_nodes = n_nodes, n_nodes + 1
        if parent >= 0:
            right[parent] = node
        inside, of_class = rows[start:stop], counts[node]
        pure = _count(inside, codes, draws, of_class) == 1
        asks, last, cut = -1, np.uint32(0), 0.0
        if not pure and level < depth and inside.size >= 2 * min_leaf:
            asks, last, cut = _best_split(table, inside, of_class, tried, min_leaf, work)
        feature[node], threshold[node], left[node], right[node] = asks, cut, -1, -1
        if asks >= 0:
            middle = start + _part(inside, table[0][asks], last, spare)
            left[node], level = n_nodes, level + 1
            later[waiting, 0], later[waiting, 1] = middle, stop
            later[waiting, 2], later[waiting, 3] = level, node
            waiting += 1
            stop, parent = middle, -1
        elif waiting:
            waiting -= 1
            start, stop, level, parent = later[waiting]
        else:
            return n_nodes


@njit(cache=True, nogil=True)
def _count(rows, codes, draws, counts):
    """Count the draws of each class; return how many classes there are."""
    for k in range(counts.size):
        counts[k] = 0
    for row in rows:
        counts[codes[row]] += draws[row]
    n_classes = 0
    for count in counts:
        n_classes += count > 0
    return n_classes


@njit(cache=True, nogil=True)
def _part(rows, slot, last, spare):
    """Bring the rows up to slot ``last`` to the front, all in the order that they had; return how many these are."""
    n_left = n_right = 0
    for row in rows:  # written to both sides and kept on one: no branch that could be guessed wrong
        goes_right = int(slot[row] > last)
        spare[n_right] = row
        rows[n_left] = row
        n_right += goes_right
        n_left += 1 - goes_right
    for i in range(n_right):
        rows[n_left + i] = spare[i]
    return n_left


@njit(cache=True, nogil=True)
def _best_split(table, rows, counts, tried, min_leaf, work):
    """Return the feature, -1 for none, the last slot that goes left, and the threshold of the best split of a node."""
    slot, value, says, n_slots = table
    _, _, found, seen, candidates, before, draws, state = work
    best, best_feature, best_last, best_cut = -1.0, -1, np.uint32(0), 0.0
    for drawn in range(candidates.size):
        if drawn >= tried and best_feature >= 0:
            break
        pick = drawn + below(state, candidates.size - drawn)
        candidates[drawn], candidates[pick] = candidates[pick], candidates[drawn]
        f = candidates[drawn]
        for row in rows:
            s = slot[f, row]
            found[s] += draws[row] + ONE_ROW
            seen[s >> np.uint32(WORD)] |= np.uint64(1) << np.uint64(s & np.uint32(63))
        words = seen[: (n_slots[f] + 63) // 64]
        score, last, cut = _best_cut(words, found, value[f], says[f], rows.size, counts, min_leaf, before)
        if score > best:
            best, best_feature, best_last, best_cut = score, f, last, cut
    return best_feature, best_last, best_cut


@njit(cache=True, nogil=True, error_model="numpy")
def _best_cut(seen, found, value, says, n_rows, counts, min_leaf, before):
    """Return the score, -1 for none, last slot to the left and threshold of the best cut; leave the slots empty.

    The score is ``sum_k L_k**2 / L + sum_k R_k**2 / R`` for the draws L_k and R_k of class k left and right: the larger,
    the smaller the impurity of both sides together.
    """
    left = square_left = square_right = all_draws = 0  # left: draws and rows
    for k in range(counts.size):
        before[k] = 0
        all_draws += counts[k]
        square_right += int(counts[k]) * counts[k]
    best, best_last, best_cut = -1.0, np.uint32(0), 0.0
    last = np.uint64(0)
    for word in range(seen.size):
        bits = seen[word]
        seen[word] = 0
        while bits:
            s = (np.uint64(word) << WORD) + _lowest_bit(bits)
            bits &= bits - np.uint64(1)
            n_left = left >> 32
            if n_left >= min_leaf and n_rows - n_left >= min_leaf and value[s] != value[last]:
                here = left & DRAWS
                score = square_left / here + square_right / (all_draws - here)
                if score > best:
                    best, best_last = score, np.uint32(last)
                    best_cut = np.float64(value[last]) / 2 + np.float64(value[s]) / 2
            n, k = found[s] & DRAWS, says[s]
            square_left += n * (2 * before[k] + n)
            square_right -= n * (2 * (counts[k] - before[k]) - n)
            before[k] += n
            left += found[s]
            found[s] = 0
            last = s
    return best, best_last, best_cut


@intrinsic
def _lowest_bit(typing, word):
    """Return the place of the lowest bit of a word that is not 0."""

    def codegen(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), codegen
