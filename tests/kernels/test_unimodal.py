"""Minorants, majorants, the closest unimodal CDF and the dip, against brute force, PAVA and linear programs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog
from sklearn.isotonic import IsotonicRegression

from clew.kernels.unimodal import (
    closest_unimodal,
    concave_majorant,
    convex_minorant,
    dip_statistic,
    dips_of_uniform,
    falling_density,
)


def lowest_chord(x, y):
    """The greatest convex minorant at each point: the lowest chord that spans it."""
    n = len(x)
    return np.array(
        [
            min(
                y[i] if a == b else y[a] + (y[b] - y[a]) * (x[i] - x[a]) / (x[b] - x[a])
                for a in range(i + 1)
                for b in range(i, n)
            )
            for i in range(n)
        ]
    )


def test_convex_minorant_is_the_lowest_chord_everywhere():
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 8, 25):
        x, y = np.sort(rng.normal(size=n)), np.sort(rng.normal(size=n))
        corners = convex_minorant(x, y)
        np.testing.assert_allclose(np.interp(x, x[corners], y[corners]), lowest_chord(x, y), atol=1e-12)
        corners = concave_majorant(x, y)
        np.testing.assert_allclose(
            np.interp(x, x[corners], y[corners]), -lowest_chord(-x[::-1], -y[::-1])[::-1], atol=1e-12
        )


def test_falling_density_is_isotonic_regression():
    rng = np.random.default_rng(0)
    v = np.sort(rng.weibull(1.4, size=300))
    log_density = np.empty(v.size)
    corners = falling_density(np.log(v), log_density)
    widths = np.diff(np.concatenate(([0.0], v)))
    pava = IsotonicRegression(increasing=False).fit_transform(
        np.arange(v.size), 1 / (v.size * widths), sample_weight=widths
    )
    ours = np.exp(log_density[: corners.size])[np.searchsorted(corners, np.arange(v.size))]
    np.testing.assert_allclose(ours, pava, rtol=1e-9)
    assert corners.size < 60  # the mutant: without pooling there would be 300


def test_falling_density_works_far_outside_the_range_of_floats():
    log_v = np.sort(np.random.default_rng(0).normal(size=200))
    near, far = np.empty(200), np.empty(200)
    corners = falling_density(log_v, near)
    np.testing.assert_array_equal(corners, falling_density(log_v + 5000.0, far))
    np.testing.assert_allclose(far[: corners.size], near[: corners.size] - 5000.0, atol=1e-9)


def densities(x, corners):
    return np.diff(corners / (x.size - 1)) / np.diff(x[corners])


def has_one_mode(density):
    """Rises, then falls."""
    top = density.argmax()
    return bool((np.diff(density[: top + 1]) > 0).all() and (np.diff(density[top:]) < 0).all())


def test_closest_unimodal_has_one_mode_whatever_the_data():
    rng = np.random.default_rng(0)
    for x in (
        rng.normal(size=200),
        np.r_[rng.normal(size=90), rng.normal(9, 2, 110)],
        rng.lognormal(size=60),
    ):
        x = np.sort(x)
        assert has_one_mode(densities(x, closest_unimodal(x, np.arange(x.size))))
    assert not has_one_mode(densities(x, np.arange(x.size)))  # the mutant: the empirical CDF itself


def test_closest_unimodal_tries_every_mode():
    x = np.sort(np.random.default_rng(3).gamma(2, size=25))
    share = np.arange(25) / 24
    distances = []
    for mode in range(25):
        left = lowest_chord(x[: mode + 1], share[: mode + 1])
        right = -lowest_chord(-x[mode:][::-1], -share[mode:][::-1])[::-1]
        distances.append(max((share[: mode + 1] - left).max(), (right - share[mode:]).max()))
    corners = closest_unimodal(x, np.arange(25))
    distance = np.abs(np.interp(x, x[corners], share[corners]) - share).max()
    assert distance == pytest.approx(min(distances), abs=1e-12)
    assert distance < max(distances) - 0.02  # the mutant: any mode


def test_closest_unimodal_of_mirrored_data_is_mirrored():  # many modes come equally close; the first is no choice
    for x in samples(40, 60):
        corners = closest_unimodal(x, np.arange(x.size))
        mirrored = closest_unimodal(-x[::-1], np.arange(x.size))
        np.testing.assert_array_equal(corners, (x.size - 1 - mirrored)[::-1])


def test_rows_that_tie_at_the_mode_keep_their_jump():
    x = np.concatenate((np.zeros(50), np.sort(np.random.default_rng(0).exponential(size=50))))
    corners = closest_unimodal(x, np.arange(100))
    assert x[corners[0]] == x[corners[1]] == 0.0
    assert corners[1] == 49


def dip_by_linear_programs(x):
    """The smallest band around the empirical CDF that holds a unimodal CDF: one linear program a mode.

    Variables: the height at each row, at the mode below and above its jump, and the half width of the band.
    """
    n = len(x)
    low, high = np.arange(n) / n, (np.arange(n) + 1) / n
    best = 1.0
    for mode in range(n):
        rows, limits = [], []

        def add(coefficients, limit, rows=rows, limits=limits):
            row = np.zeros(n + 2)
            for place, value in coefficients:
                row[place] += value
            rows.append(row)
            limits.append(limit)

        def slope(i, sign, mode=mode):
            width = x[i + 1] - x[i]
            return [(i + 1, sign / width), (n if i == mode else i, -sign / width)]

        for i in range(n):
            above = n if i == mode else i
            add([(i, 1), (n + 1, -1)], low[i])  # at most the band above the CDF just left of the row
            add([(above, -1), (n + 1, -1)], -high[i])  # at least the band below the CDF at the row
        add([(mode, -1), (n + 1, -1)], -low[mode])
        add([(n, 1), (n + 1, -1)], high[mode])
        add([(mode, 1), (n, -1)], 0.0)
        for i in range(n - 1):
            add(slope(i, -1), 0.0)
            if i + 1 < n - 1 and i + 1 != mode:
                sign = 1 if i + 1 < mode else -1
                add(slope(i, sign) + slope(i + 1, -sign), 0.0)
        solved = linprog(np.eye(n + 2)[-1], A_ub=np.array(rows), b_ub=limits, bounds=(0, 1))
        best = min(best, solved.fun) if solved.success else best
    return best


def samples(count, largest):
    rng = np.random.default_rng(0)
    for i in range(count):
        n = int(rng.integers(2, largest))
        kinds = [
            rng.normal(size=n),
            rng.uniform(size=n),
            np.r_[rng.normal(size=n // 2), rng.normal(5, size=n - n // 2)],
            rng.exponential(size=n) ** 2,
        ]
        yield np.sort(kinds[i % 4])


def test_dip_equals_the_linear_programs():
    ours, theirs = np.array([(dip_statistic(x), dip_by_linear_programs(x)) for x in samples(60, 12)]).T
    np.testing.assert_allclose(ours, theirs, atol=1e-7)
    trivial = [1 / (2 * x.size) for x in samples(60, 12)]
    assert (ours > np.array(trivial) + 1e-7).mean() > 0.3  # else the mutant 1 / (2 n) would pass


@pytest.mark.parametrize(
    ("x", "dip"),
    [
        ([1.0, 1.0, 1.0], 0.0),
        (range(10), 1 / 20),  # even spacing: the smallest dip that n rows can have
        ([0, 0, 1, 1], 1 / 4),  # two equal heaps: the largest
        ([0, 0, 0, 1, 1], 1 / 5),  # half the smaller heap
        ([0, 1, 1, 1, 2], 1 / 10),  # a heap at the mode costs nothing
    ],
)
def test_dip_of_known_cases(x, dip):
    assert dip_statistic(np.array(x, dtype=float)) == pytest.approx(dip, abs=1e-15)


def test_dip_knows_neither_scale_nor_direction():
    for x in samples(40, 200):
        dip = dip_statistic(x)
        assert dip_statistic(5 + 3 * x) == pytest.approx(dip, abs=1e-12)
        assert dip_statistic(-x[::-1]) == pytest.approx(dip, abs=1e-12)


def test_uniform_dips_from_spacings_follow_those_from_sorted_rows():
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(0)
    from_rows = [dip_statistic(np.sort(rng.random(50))) for _ in range(3000)]
    assert ks_2samp(dips_of_uniform(50, 3000, rng), from_rows).pvalue > 0.001
    normal = [dip_statistic(np.sort(rng.normal(size=50))) for _ in range(3000)]
    assert ks_2samp(dips_of_uniform(50, 3000, rng), normal).pvalue < 1e-6  # the mutant
