"""Loops over windows: each number against a slow twin in NumPy, each row by itself."""

from __future__ import annotations

import numpy as np
import pytest

from clew.kernels import waveforms as kernels

RATE = 50.0


def rows_of(r=5, n=200, *, gaps=False, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.normal(2.0, 1.0, (r, n)) * np.linspace(0.5, 3.0, n)
    if gaps:
        rows[rng.random((r, n)) < 0.1] = np.nan
    return rows


def levels(rows):
    centred, out = np.full_like(rows, 9.0), np.full((len(rows), 8), 9.0)
    kernels.levels(rows, RATE, centred, out)
    return centred, out


def envelopes(rows, turned, reach=2):
    centred, _ = levels(rows)
    envelope, out = np.full_like(rows, 9.0), np.full((len(rows), 8), 9.0)
    kernels.envelopes(rows, centred, turned, RATE, reach, envelope, out)
    return envelope, out


def twin_of_levels(row):
    x = row[~np.isnan(row)]
    c = x - x.mean()
    signs = np.sign(c)[np.sign(c) != 0]
    return [
        np.abs(x).max(),
        np.sqrt((x**2).mean()),
        x.max() - x.min(),
        (x**2).sum() / RATE,
        np.abs(c).max() / c.std(),
        (c**3).mean() / c.std() ** 3,
        (c**4).mean() / c.std() ** 4 - 3,
        (np.diff(signs) != 0).sum() * RATE / len(x),
    ]


def twin_of_smoothing(envelope, known, reach):
    n = len(envelope)
    near = [slice(max(0, i - reach), min(n, i + reach + 1)) for i in range(n)]
    return np.array([envelope[at][known[at]].mean() if known[at].any() else 0.0 for at in near])


def twin_of_envelopes(row, turned, reach):
    known = ~np.isnan(row)
    c = np.where(known, row - row[known].mean(), 0.0)
    envelope = np.where(known, np.hypot(c, turned), 0.0)
    e = envelope[known]
    smooth = twin_of_smoothing(envelope, known, reach)
    top = reach + smooth[reach : len(row) - reach].argmax()
    quiet = [i for i in range(top + 1) if smooth[i] <= 0.2 * smooth[top]]
    energy = np.cumsum(c**2)
    until = next((i + 1 for i in range(top, len(row)) if smooth[i] <= 0.01 * smooth[top]), len(row))
    behind = np.log(np.maximum(smooth[top:until], 0.01 * smooth[top]))
    return [
        e.mean() / e.max(),
        e.std() / e.mean(),
        ((e - e.mean()) ** 4).mean() / e.var() ** 2 - 3,
        (smooth > 0.2 * smooth[top]).sum() / RATE,
        (np.argmax(energy >= 0.95 * energy[-1]) - np.argmax(energy >= 0.05 * energy[-1])) / RATE,
        (top - max(quiet, default=0)) / RATE,
        -np.polyfit(np.arange(len(behind)) / RATE, behind, 1)[0] if len(behind) > 1 else 0.0,
        top / len(row),
    ]


# ---- values ----
@pytest.mark.parametrize("gaps", [False, True])
def test_levels_equal_their_twin(gaps):
    rows = rows_of(gaps=gaps)
    centred, out = levels(rows)
    np.testing.assert_allclose(out, [twin_of_levels(row) for row in rows], rtol=1e-9)
    np.testing.assert_allclose(centred, np.nan_to_num(rows - np.nanmean(rows, 1, keepdims=True)), atol=1e-12)


def test_gaps_that_count_as_zeros_would_be_noticed():
    rows = rows_of(gaps=True)
    _, filled = levels(np.nan_to_num(rows))
    assert (np.abs(filled / [twin_of_levels(row) for row in rows] - 1) > 1e-3).all(axis=0)[[1, 4]].all()


def test_a_touch_of_zero_is_no_crossing():
    rows = np.array([[1.0, 0.0, 1.0, -2.0, 0.0, 0.0, 1.0, -1.0]])  # + + - + -
    _, out = levels(rows)
    assert out[0, 7] == 3 * RATE / 8


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan, 1e-200])
def test_rows_without_two_values_have_no_measurements(value):
    rows = np.full((1, 32), value)
    if value == 1e-200:
        rows[0, ::2] *= -1  # whose squares are 0
    centred, out = levels(rows)
    assert np.isnan(out).all()
    assert (centred == 0).all()
    envelope, out = envelopes(rows, np.zeros_like(rows))
    assert np.isnan(out).all()
    trigger = np.zeros((1, 1))
    kernels.trigger_maxima(centred, 2, 8, trigger)
    assert np.isnan(trigger).all()


# ---- envelopes ----
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("reach", [0, 1, 7])
def test_envelopes_equal_their_twin(gaps, reach):
    rows = rows_of(gaps=gaps, seed=reach)
    turned = np.random.default_rng(1).normal(size=rows.shape)
    rows[0, 120:] *= 0.01  # quiet behind a burst
    rows[1, :80] *= 0.01  # and before one
    rows[2, 150:], turned[2, 150:] = np.nanmean(rows[2, :150]), 0.0  # nothing
    envelope, out = envelopes(rows, turned, reach)
    np.testing.assert_allclose(
        out, [twin_of_envelopes(*both, reach) for both in zip(rows, turned)], rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(envelope.sum(axis=1), 0, atol=1e-9)
    assert (envelope[np.isnan(rows)] == 0).all()


def test_maxima_of_noise_do_not_pile_up_at_the_ends():
    random, reach = np.random.default_rng(0), 10
    rows, turned = random.normal(size=(2, 4000, 1000))
    rows -= rows.mean(axis=1, keepdims=True)
    _, out = envelopes(rows, turned, reach)
    at_ends = np.mean((out[:, 7] < 0.02) | (out[:, 7] >= 0.98))
    smooth = np.apply_along_axis(np.convolve, 1, np.hypot(rows, turned), np.ones(2 * reach + 1), "same")
    fewer = np.minimum(np.arange(1000), np.arange(1000)[::-1]).clip(max=reach) + reach + 1
    before = (smooth / fewer).argmax(axis=1) / 1000
    assert at_ends < 0.03  # 0.02 of what is looked at, had each place the same chance
    assert np.mean((before < 0.02) | (before >= 0.98)) > 0.05


def test_the_rise_is_that_of_the_largest_burst():
    rows, turned = np.array([[0, 5, 0, 0, 0, 3, 6, 9, 0, 0, 0, -5.0, -6, -6, -6]]), np.zeros((1, 15))
    assert rows.sum() == 0
    _, out = envelopes(rows, turned, 0)
    assert (
        out[0, 5] == 3 / RATE
    )  # from sample 4, the last quiet one, to sample 7; the burst before was another
    assert out[0, 7] == 7 / 15


def test_an_even_envelope_has_no_shape():
    rows = np.tile([1.0, 0.0, -1.0, 0.0], (1, 10))
    envelope, out = envelopes(rows, np.tile([0.0, 1.0, 0.0, -1.0], (1, 10)))
    assert (envelope == 0).all()
    np.testing.assert_allclose(out[0, :3], [1, 0, 0], atol=1e-12)


def test_what_is_over_at_once_decays_by_all_that_counts_in_one_sample():
    rows = np.full((1, 40), 1e-5)
    rows[0, ::2] *= -1
    rows[0, [20, 4]] = 1.0, -1.0
    _, out = envelopes(rows, np.zeros_like(rows), 0)
    assert out[0, 7] in (4 / 40, 20 / 40)
    assert out[0, 6] == pytest.approx(np.log(100) * RATE)


def test_what_ends_at_its_maximum_does_not_decay():
    rows = np.exp(np.linspace(-9, 0, 60))[None] * np.tile([1.0, -1.0], 30)
    _, out = envelopes(rows, np.zeros_like(rows), 0)
    assert out[0, 6] == 0


# ---- STA/LTA ----
def test_trigger_maxima_equal_their_twin():
    centred, _ = levels(rows_of(gaps=True))
    out = np.full((5, 1), 9.0)
    kernels.trigger_maxima(centred, 5, 40, out)
    squares = centred**2
    twin = [
        max(row[i - 5 : i].mean() / row[i - 40 : i].mean() for i in range(40, len(row) + 1))
        for row in squares
    ]
    np.testing.assert_allclose(out[:, 0], twin, rtol=1e-9)


# ---- spectra ----
def spectra(power, *, edges=(1, 3, 10, 40), n_filters=6, n_cepstral=4, step=0.5):
    place = np.arange(power.shape[1]) * (n_filters + 1) / (edges[-1] - 1)
    filters = np.floor(place).astype(np.int64)
    cosines = np.random.default_rng(2).normal(size=(n_cepstral, n_filters))
    out = np.full((len(power), 7 + len(edges) - 1 + n_cepstral), 9.0)
    kernels.spectra(power, step, np.array(edges), filters, place - filters, cosines, out)
    return out, place, cosines


def test_spectra_equal_their_twin():
    power = np.random.default_rng(0).gamma(0.5, size=(6, 50)) * 1e-18
    power[1, 20:] = 0.0
    power[2, 5] = 1.0
    out, place, cosines = spectra(power)
    for row, found in zip(power, out):
        p, k = row[1:40], np.arange(1, 40)
        log = np.log(np.maximum(p, 1e-12 * p.max()))
        share = p / p.sum()
        centre = (k * share).sum()
        triangles = np.array([np.interp(place[1:40], [f, f + 1, f + 2], [0, 1, 0], 0, 0) for f in range(6)])
        energies = np.log(np.maximum(triangles @ p, 1e-12 * p.sum()))
        twin = [
            k[p.argmax()] * 0.5,
            centre * 0.5,
            np.sqrt(((k - centre) ** 2 * share).sum()) * 0.5,
            k[np.argmax(np.cumsum(p) >= 0.85 * p.sum())] * 0.5,
            -(share * np.log(np.maximum(share, 1e-300))).sum() / np.log(39),
            np.exp(log.mean()) / p.mean(),
            np.polyfit(np.log(k), log, 1)[0],
            *(np.log10(max(share[a - 1 : b - 1].sum(), 1e-12)) for a, b in [(1, 3), (3, 10), (10, 40)]),
            *(cosines @ energies),
        ]
        np.testing.assert_allclose(found, twin, rtol=1e-8, atol=1e-10)


def test_what_is_not_looked_at_changes_no_spectrum():
    power = np.random.default_rng(0).gamma(1.0, size=(2, 50))
    more = power.copy()
    more[:, 0] = more[:, 40:] = 1e9
    np.testing.assert_array_equal(spectra(power)[0], spectra(more)[0])
    more[:, 39] = 1e9  # the last that is looked at
    assert (spectra(power)[0] != spectra(more)[0]).any()


def test_no_power_has_no_spectrum():
    assert np.isnan(spectra(np.zeros((1, 50)))[0]).all()


def test_powers_are_squared_lengths():
    both = np.random.default_rng(0).normal(size=(2, 3, 7))
    out = np.empty((3, 7))
    kernels.powers(both[0] + 1j * both[1], out)
    np.testing.assert_allclose(out, (both**2).sum(axis=0), rtol=1e-15)


# ---- repetition ----
@pytest.mark.parametrize(
    ("row", "peak", "lag"),
    [
        ([4, 2, -1, 1, 2, 1, 3, 1, 0], 0.75, 6),  # the highest, not the first
        ([4, 2, -1, 1, 2.5, 1, 3, 1, 0], 0.75, 4),  # but the first that is nearly as high
        ([4, 3, 3.5, 2, -1, 1, 2, 1, 0], 0.5, 6),  # behind the zero crossing
        ([4, 3, 3.5, 2, 1, 2, 1, 1, 1], 0.0, 0),  # none where nothing is crossed
        ([4, 2, -1, -3, -2, -3, -1, -1, -1], 0.0, 0),  # and none below 0
        ([4, 2, -1, -1, -1, 0, 1, 2, 3], 0.0, 0),  # nor where it still rises at the end
        ([0, 0, 0, 0, 0, 0, 0, 0, 0], 0.0, 0),
    ],
)
def test_repetitions_are_the_highest_peak_behind_the_zero_crossing(row, peak, lag):
    out = np.full((1, 2), 9.0)
    kernels.repetitions(np.array([row], float), 7, RATE, out)
    np.testing.assert_array_equal(out, [[peak, lag / RATE]])


# ---- rows ----
def test_a_row_has_the_same_bits_alone_and_in_company():
    rows = rows_of(6, gaps=True)
    turned = np.random.default_rng(1).normal(size=rows.shape)
    together = levels(rows) + envelopes(rows, turned)
    for i in range(6):
        alone = levels(rows[i : i + 1]) + envelopes(rows[i : i + 1], turned[i : i + 1])
        for a, b in zip(alone, together):
            np.testing.assert_array_equal(a[0], b[i])
