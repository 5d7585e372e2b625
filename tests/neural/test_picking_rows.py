"""Windows to learn picking from: labels in closed form, and picks that stay where the waves are whatever is changed."""

import dataclasses

import numpy as np
import pytest
import torch

from clew.errors import DataError, SettingError
from clew.neural import picking_rows
from clew.neural.picking_net import PickingNet
from clew.neural.picking_rows import PickWindows, Waveform, cut, label_curves, noise_of, trimmed
from clew.neural.picking_settings import PLAIN, Changes
from clew.simulate.seismograms import seismograms

WINDOW = 600
ALL = Changes(noise=0, simulated=0, superposed=0, noisier=0, gaps=0, ends=0, dropped=0, stretched=1, turned=1, gain=1, flipped=1)  # fmt: skip


def picker(labels=("P", "S", "N"), window=WINDOW, architecture="phasenet"):
    return PickingNet(
        architecture=architecture, net_settings={}, recipe={}, seeds=[0], weights={}, histories=[], labels=list(labels),
        window=window,
    )  # fmt: skip


def bumps(n=1800, p=700, s=900, group="A"):
    """Waves that are 0 but around P, where the vertical moves, and S, where the horizontals do."""
    at = np.arange(n)
    values = np.zeros((3, n), np.float32)
    values[0] = np.clip(1 - np.abs(at - p) / 6, 0, None)
    values[1:] = np.clip(1 - np.abs(at - s) / 6, 0, None)
    return Waveform(values, {"P": [float(p)], "S": [float(s)]}, group, "bumps")


def hiss(n=1200, seed=0):
    return np.random.default_rng(seed).normal(size=(3, n)).astype(np.float32)


def drawn(windows, n=24, seed=1):
    return windows.draw(n, torch.Generator().manual_seed(seed))


# ---- labels ----
def test_labels_are_gaussians_and_triangles_in_closed_form():
    at = np.arange(100)
    gaussian = label_curves({"P": [30.0], "S": [80.5]}, 100, "PSN", shape="gaussian", width=4, rate=100)
    p, s = np.exp(-((at - 30) ** 2) / 32), np.exp(-((at - 80.5) ** 2) / 32)
    np.testing.assert_allclose(gaussian, [p, s, 1 - p - s], atol=1e-6)
    triangle = label_curves({"P": [30.0]}, 100, ["Detection", "P", "S"], shape="triangle", width=20, rate=100)
    np.testing.assert_allclose(triangle[1], np.interp(at, [10, 30, 50], [0, 1, 0]), atol=1e-6)
    assert not triangle[2].any()


def test_labels_that_share_1_never_sum_to_more():
    close = label_curves({"P": [30.0, 33.0], "S": [34.0]}, 100, "PSN", shape="gaussian", width=4, rate=100)
    assert close.min() >= 0 and np.allclose(close.sum(axis=0), 1)


def test_an_event_is_heard_from_p_to_1_4_times_s_minus_p_behind_s():
    box = label_curves({"P": [100.0], "S": [150.0]}, 400, ["Detection", "P", "S"], shape="triangle", width=20, rate=10)[0]  # fmt: skip
    assert np.flatnonzero(box).tolist() == list(range(100, 221))
    alone = label_curves({"P": [100.0]}, 400, ["Detection", "P", "S"], shape="triangle", width=20, rate=10)[0]
    assert np.flatnonzero(alone).tolist() == list(range(100, 301))


# ---- changes ----
def misplaced(windows, seed=1):
    """Return how far labels lie from the bumps, at most, over windows that hold them."""
    rows, off = drawn(windows, seed=seed), []
    for x, y in zip(rows.x.abs().numpy(), rows.y.numpy()):
        for row, label in ((slice(0, 1), 0), (slice(1, 3), 1)):
            if 8 < y[label].argmax() < WINDOW - 8 and y[label].max() > 0.9:
                off.append(abs(int(x[row].sum(axis=0).argmax()) - int(y[label].argmax())))
    assert len(off) > 20
    return max(off)


def test_picks_stay_where_the_waves_are_whatever_is_changed(monkeypatch):
    windows = PickWindows(picker(), [bumps()], [], None, ALL)
    assert misplaced(windows) <= 1

    def careless(
        one, first, n, speed=1.0
    ):  # the mutant: time runs faster for the waves, and not for the picks
        x, _ = cut(one, first, n, speed)
        return x, cut(one, first, n)[1]

    monkeypatch.setattr(picking_rows, "cut", careless)
    assert misplaced(windows) > 5


def test_a_window_may_hold_its_pick_anywhere():
    rows = drawn(PickWindows(picker(), [bumps()], [], None, PLAIN), n=200)
    at = rows.y[:, 0].argmax(dim=1).numpy()[rows.y[:, 0].amax(dim=1).numpy() > 0.9]
    assert np.histogram(at, bins=5, range=(0, WINDOW))[0].min() > 15


def test_the_same_generator_gives_the_same_bits_and_another_one_does_not():
    windows = PickWindows(picker(), [bumps()], [hiss()], None, Changes())
    one, same, other = (drawn(windows, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.x, same.x) and torch.equal(one.y, same.y)
    assert not torch.equal(one.x, other.x)


def test_windows_of_noise_hold_no_pick():
    rows = drawn(PickWindows(picker(), [bumps()], [hiss()], None, Changes(noise=1.0)))
    assert (rows.y[:, 2] == 1).all() and rows.x.std() > 0.5


def test_half_of_what_is_asked_for_is_noise():
    rows = drawn(
        PickWindows(picker(), [bumps()], [hiss()], None, dataclasses.replace(PLAIN, noise=0.5)), n=400
    )
    share = float((rows.y[:, 2].amin(dim=1) == 1).double().mean())
    assert abs(share - 0.5) < 4 * np.sqrt(0.25 / 400)


def test_what_is_drawn_of_noise_has_its_spectrum_and_loudness():
    from scipy.signal import lfilter

    red = lfilter([1], [1, -0.9], hiss(20_000)).astype(np.float32)
    windows = PickWindows(picker(), [bumps()], [red], None, PLAIN)
    random = np.random.default_rng(0)
    made = np.stack([windows.stretch(random) for _ in range(40)])
    assert made.std() == pytest.approx(red.std(), rel=0.1)
    lag = (made[..., 1:] * made[..., :-1]).mean() / (made**2).mean()
    assert lag == pytest.approx(0.9, abs=0.03)


def test_one_component_is_left_where_others_are_dropped():
    rows = drawn(PickWindows(picker(), [dataclasses.replace(bumps(), values=hiss(1800))], [], None, dataclasses.replace(PLAIN, dropped=1.0)))  # fmt: skip
    left = (rows.x.abs().amax(dim=2) > 0).sum(dim=1)
    assert (left == 1).all()


def test_gaps_are_zeros_of_up_to_a_tenth():
    whole = dataclasses.replace(bumps(), values=5 + hiss(1800))
    windows = PickWindows(picker(), [whole], [], None, dataclasses.replace(PLAIN, gaps=1.0))
    random = np.random.default_rng(0)
    for _ in range(20):
        zeros = np.flatnonzero((windows._changed(whole.values[:, :WINDOW], {}, random)[0] == 0).all(axis=0))
        assert WINDOW // 100 <= len(zeros) <= WINDOW // 10 and np.ptp(zeros) == len(zeros) - 1


def test_what_lies_before_and_behind_a_short_recording_is_0_and_holds_no_pick():
    whole = Waveform(5 + hiss(1800), {"P": [700.0], "S": [900.0]})
    windows = PickWindows(picker(), [whole], [], None, dataclasses.replace(PLAIN, ends=1.0))
    rows = drawn(windows, n=100)
    there = (rows.x.abs() > 1e-5).any(dim=1)
    first, last = there.int().argmax(dim=1), WINDOW - 1 - there.flip(1).int().argmax(dim=1)
    assert (there.sum(dim=1) == last - first + 1).all() and ((first > 0) | (last < WINDOW - 1)).all()
    assert first.max() > 0.3 * WINDOW and last.min() < 0.7 * WINDOW
    said = rows.y[:, :2].amax(dim=1) > 0.999  # (n, WINDOW): at a pick
    assert said.any(dim=1).double().mean() > 0.5 and not (said & ~there).any()
    gone = Waveform(whole.values, {"P": [310.0]})
    assert any(
        not windows._changed(*cut(gone, 300, WINDOW), np.random.default_rng(seed))[1] for seed in range(20)
    )


def test_a_second_event_brings_its_picks():
    windows = PickWindows(picker(), [bumps()], [], None, dataclasses.replace(PLAIN, superposed=1.0))
    peaks = (drawn(windows, n=60).y[:, 0] > 0.99).sum(dim=1)
    assert (peaks >= 2).double().mean() > 0.5


def test_noise_that_is_added_touches_no_dead_component():
    one = bumps()
    one.values[1] = 0
    windows = PickWindows(picker(), [one], [hiss()], None, dataclasses.replace(PLAIN, noisier=1.0))
    x = drawn(windows).x
    assert not x[:, 1].any() and (x[:, 0] != 0).all(dim=1).any()


def test_a_simulated_earthquake_begins_at_its_p():
    made = seismograms(6, seconds=40.0)
    how = dataclasses.replace(PLAIN, simulated=1.0)
    rows = drawn(PickWindows(picker(window=3001), [], [0.01 * hiss(3000)], made, how), n=60)
    before, after = [], []
    for x, y in zip(rows.x.numpy(), rows.y.numpy()):
        at = int(y[0].argmax())
        if 400 < at < 2600:
            level = x[:, at - 300 : at - 50].std()
            before.append(x[:, at - 50 : at].std() / level)
            after.append(x[:, at : at + 50].std() / level)
    assert len(before) > 30 and min(before) > 0.8 and max(before) < 1.3
    assert np.quantile(after, 0.75) > 3 and min(after) > 0.8


# ---- pieces ----
def test_a_cut_beyond_the_end_is_padded_with_zeros():
    x, picks = cut(bumps(n=650, p=300, s=400), 100, WINDOW)
    assert x.shape == (3, WINDOW) and not x[:, 550:].any()
    assert picks == {"P": [200.0], "S": [300.0]}


def test_padding_is_cut_off_and_picks_go_along():
    one = bumps()
    padded = np.pad(hiss(1800), ((0, 0), (200, 100)), constant_values=7.0)
    padded[2] = np.nan
    padded[1, 900:905] = np.nan
    found = trimmed(Waveform(padded, {"P": [900.0], "S": [2050.0]}))
    assert found.values.shape[1] in (1801, 1802) and found.picks["P"][0] in (700.0, 701.0)
    assert "S" not in found.picks  # it lay in the padding
    assert not found.values[2].any() and np.isfinite(found.values).all()
    assert trimmed(one).picks["P"][0] < 10


def test_noise_ends_2_s_before_the_first_pick():
    one = dataclasses.replace(bumps(n=3000, p=1700, s=1900), values=hiss(3000))
    (piece,) = noise_of([one], 100.0)
    assert piece.shape[1] == 1500
    assert not noise_of([dataclasses.replace(one, picks={"S": [1100.0]})], 100.0)


def test_what_cannot_be_is_refused_in_a_sentence():
    with pytest.raises(DataError, match="must lie within its 1800 samples"):
        Waveform(bumps().values, {"P": [1800.0]})
    with pytest.raises(DataError, match="shape"):
        Waveform(np.zeros(100, np.float32), {})
    with pytest.raises(SettingError, match="'gaps'"):
        Changes(gaps=1.5)
    with pytest.raises(DataError, match="noise to put simulated earthquakes into"):
        PickWindows(picker(), [], [], seismograms(1, seconds=10.0))
