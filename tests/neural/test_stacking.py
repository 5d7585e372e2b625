"""From answers of windows to one curve, and from the curve to picks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from clew.neural.stacking import Picker, Stack, n_windows, window_starts


def stacked(
    answers: list[np.ndarray], starts: list[int], n: int, how: str, blinding: list[int]
) -> np.ndarray:
    """Stack as a whole, without a buffer: the slow twin."""
    window = answers[0].shape[1]
    layers = np.full((len(starts), len(answers[0]), n), np.nan)
    for layer, start, one in zip(layers, starts, answers):
        a, b = blinding[0], window - blinding[1]
        layer[:, start + a : start + b] = one[:, a:b]
    known = ~np.isnan(layers).all(axis=0)
    out = np.full(layers.shape[1:], np.nan)
    out[known] = (np.nanmean if how == "mean" else np.nanmax)(layers[:, known], axis=0)
    return out


def test_windows_cover_a_run_and_the_last_is_flush_with_its_end() -> None:
    for n in (1, 49, 50, 51, 79, 80, 81, 1000, 1003):
        starts = list(window_starts(n, 50, 20))
        assert starts[0] == 0 and len(starts) == n_windows(n, 50, 20)
        assert starts == [0] if n <= 50 else starts[-1] == n - 50
        assert all(0 < b - a <= 30 for a, b in itertools.pairwise(starts))


@pytest.mark.parametrize("how", ["mean", "max"])
@pytest.mark.parametrize("blinding", [[0, 0], [7, 4]])
@pytest.mark.parametrize("overlap", [0, 20, 45])
def test_the_curve_is_that_of_the_slow_twin(how: str, blinding: list[int], overlap: int) -> None:
    rng, n, window = np.random.default_rng(0), 333, 50
    starts = list(window_starts(n, window, overlap))
    answers = [rng.random((3, window)).astype(np.float32) for _ in starts]
    stack = Stack(3, window, stacking=how, blinding=blinding)  # type: ignore[arg-type]
    pieces = [stack.add(start, one) for start, one in zip(starts, answers)]
    assert all(piece.shape[1] <= window for piece in pieces)
    curve = np.concatenate([*pieces, stack.close(n)], axis=1)
    assert curve.dtype == np.float32
    np.testing.assert_allclose(curve, stacked(answers, starts, n, how, blinding), atol=1e-7)


def test_a_curve_that_goes_on_from_the_middle_is_the_same_bits() -> None:
    rng, n, window = np.random.default_rng(0), 333, 50
    starts = list(window_starts(n, window, 35))
    answers = [rng.random((1, window)).astype(np.float32) for _ in starts]
    whole, later = (Stack(1, window, stacking="mean", blinding=[3, 3], at=at) for at in (0, 101))
    a = [whole.add(start, one) for start, one in zip(starts, answers)]
    b = [later.add(start, one) for start, one in zip(starts, answers) if start + window > 101]
    first, second = (np.concatenate([*x, y.close(n)], axis=1) for x, y in ((a, whole), (b, later)))
    np.testing.assert_array_equal(first[:, 101:], second)


def test_the_spread_of_a_bell_is_its_standard_deviation() -> None:
    t = np.arange(400)
    for sigma in (4.0, 15.0):
        curve = np.exp(-0.5 * ((t - 200) / sigma) ** 2).astype(np.float32)
        picker = Picker(0.01)
        (peak,) = picker.add(0, curve)
        assert peak.at == 200 and peak.probability == 1.0
        assert peak.spread == pytest.approx(sigma, rel=0.02)


def test_a_pick_that_the_end_cuts_off_is_told() -> None:
    picker = Picker(0.5)
    assert picker.add(10, np.array([0.1, 0.6, 0.8], np.float32)) == []
    (peak,) = picker.close()
    assert (peak.start, peak.end, peak.at) == (11, 12, 12)
    assert picker.close() == []
