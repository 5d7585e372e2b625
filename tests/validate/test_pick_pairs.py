"""Known and found picks are paired one to one: as many as can be, and the nearest."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from clew.errors import DataError, SettingError
from clew.read.picks import KnownPick
from clew.read.recording import recording_of
from clew.validate.pick_pairs import Span, judge, match, spans_of, within
from tests.validate.test_picks import known, picks


def by_trying_all(a, b, tolerance):
    """The number of pairs and the least sum of their distances, by every order in which few times can be paired."""
    best = (0, 0.0)
    few, many = (a, b) if len(a) <= len(b) else (b, a)
    for taken in itertools.permutations(range(len(many)), len(few)):
        off = np.abs(few - many[list(taken)])
        near = off <= tolerance
        best = max(best, (int(near.sum()), -float(off[near].sum())))
    return best


def nearest_for_each(a, b, tolerance):
    """The mutant: each known time takes the nearest found one, whoever has it already."""
    got = np.abs(b[None] - a[:, None]).argmin(axis=1)
    return np.where(np.abs(b[got] - a) <= tolerance, got, -1)


def pairs_are_best(rule):
    random = np.random.default_rng(0)
    for _ in range(60):
        a, b = (np.sort(random.uniform(0, 2, random.integers(1, 6))) for _ in range(2))
        got = rule(a, b, 0.3)
        hit = got >= 0
        if np.unique(got[hit]).size < hit.sum():
            return False
        n, least = by_trying_all(a, b, 0.3)
        if hit.sum() != n or abs(np.abs(b[got[hit]] - a[hit]).sum() + least) > 1e-9:
            return False
    return True


def test_pairs_are_as_many_as_can_be_and_then_the_nearest():
    assert pairs_are_best(match)
    assert not pairs_are_best(nearest_for_each)


def test_long_rows_are_paired_as_one_assignment_of_all_would():
    random = np.random.default_rng(1)
    a, b = random.uniform(0, 60, 150), random.uniform(0, 60, 180)
    got = match(a, b, 0.5)
    off = np.abs(a[:, None] - b[None])
    rows, columns = linear_sum_assignment(np.where(off <= 0.5, off, 1e3))
    near = off[rows, columns] <= 0.5
    hit = got >= 0
    assert hit.sum() == near.sum()
    assert off[np.flatnonzero(hit), got[hit]].sum() == pytest.approx(off[rows, columns][near].sum())
    assert off[np.flatnonzero(hit), got[hit]].max() <= 0.5 + 1e-6


def test_the_order_of_the_picks_does_not_matter_and_nothing_pairs_with_nothing():
    a, b = np.array([5.0, 1.0, 3.0]), np.array([3.05, 0.95, 9.0])
    assert match(a, b, 0.1).tolist() == [-1, 1, 0]
    assert match(a, b[:0], 0.1).tolist() == [-1, -1, -1]
    assert match(a[:0], b, 0.1).tolist() == []


def test_a_pick_off_by_just_the_tolerance_is_within_even_in_seconds_since_1970():
    at = 1_700_000_000.3
    assert match(np.array([at]), np.array([at + 0.1]), 0.1).tolist() == [0]
    assert match(np.array([at]), np.array([at + 0.1001]), 0.1).tolist() == [-1]


def test_recordings_are_never_paired_with_one_another():
    random = np.random.default_rng(2)
    names = [f"r{i}" for i in range(12)]
    truth = [known(name, "P", t) for name in names for t in random.uniform(0, 20, 5)]
    found = picks([(name, "P", t, 0.5) for name in names for t in random.uniform(0, 20, 7)])
    data = judge(found, truth, None, "event", None)
    got = data.pairs("P", 0.5)
    expected = 0
    for name in names:
        mine, theirs = np.flatnonzero(data.recording == name), np.flatnonzero(data.found_recording == name)
        one = match(data.known[mine], data.found[theirs], 0.5)
        expected += int((one >= 0).sum())
    hit = got >= 0
    assert hit.sum() == expected > 5
    assert (data.recording[hit] == data.found_recording[got[hit]]).all()


def test_only_what_lies_in_a_span_is_judged_and_its_end_is_not_in_it():
    spans = [Span("a", 0.0, 10.0), Span("b", 5.0, 6.0, noise=True)]
    inside, noise = within(np.array(["b", "a", "a", "a", "c"]), np.array([5.5, 0.0, 10.0, 9.99, 1.0]), spans)
    assert inside.tolist() == [True, True, False, True, False]
    assert noise.tolist() == [True, False, False, False, False]
    with pytest.raises(SettingError, match="must be behind its start"):
        within(np.array(["a"]), np.array([1.0]), [Span("a", 2.0, 2.0)])


def test_a_recording_is_one_span():
    one = recording_of(np.zeros((3, 500)), rate=50.0, name="x", start=100.0)
    assert spans_of([one], noise=True) == [Span("x", 100.0, 110.0, True)]


def test_what_is_left_out_is_said():
    found = picks([("a", "P", 1.0, 0.9), ("a", "T", 2.0, 0.9), ("z", "P", 1.0, 0.9)])
    truth = [known("a", "P", 1.0), known("a", "P", 1.0), known("a", "P", 50.0)]
    data = judge(found, truth, [Span("a", 0.0, 10.0)], "event", None)
    assert (data.known.tolist(), data.found.tolist()) == ([1.0], [1.0])
    assert data.notes == [
        "1 known picks were given twice and count once.",
        "1 known picks lie outside of what is judged and are left out.",
        "1 picks lie outside of what is judged and are left out.",
        "1 picks are of phases that nobody has picked (T) and are left out.",
    ]


def test_pg_and_pn_count_as_p_where_the_picker_does_not_tell_them_apart():
    truth = [known("a", "Pg", 1.0), known("a", "Pn", 9.0), known("a", "Lg", 20.0), known("a", "P", 1.0)]
    data = judge(picks([("a", "P", 1.0, 0.9)]), truth, None, "event", None)
    assert data.phase.tolist() == ["P", "P"]
    assert data.notes == [
        "1 known picks were given twice and count once.",
        "1 known picks of Pn count as P.",
        "1 known picks are of phases that are not scored (Lg) and are left out.",
    ]
    fine = judge(picks([("a", "Pg", 1.0, 0.9)]), truth, None, "event", ["Pg", "Pn"])
    assert fine.phase.tolist() == ["Pg", "Pn"]


def test_known_picks_that_nobody_can_judge_are_refused():
    with pytest.raises(DataError, match="must lie in what is judged"):
        judge(picks([]), [known("a", "P", 1.0)], [Span("b", 0.0, 1.0)], "event", None)
    with pytest.raises(DataError, match="must be a number"):
        judge(picks([]), [KnownPick("a", "P", float("nan"))], None, "event", None)


def test_a_found_pick_belongs_to_the_event_that_is_nearest_in_its_recording():
    truth = [known("a", "P", 10.0, event="one"), known("a", "P", 30.0, event="two"), known("b", "P", 5.0)]
    found = picks([("a", "P", 19.0, 0.9), ("a", "P", 21.0, 0.9), ("b", "P", 1.0, 0.9), ("c", "P", 1.0, 0.9)])
    data = judge(found, truth, None, "event", None)
    one, two, alone = data.group
    assert data.found_group[:3].tolist() == [one, two, alone]
    assert data.found_group[3] not in (one, two, alone)
    assert data.n_groups == 4
