"""Classical filters of recordings, and events that are mixed into noise."""

from __future__ import annotations

import numpy as np
import pytest

from clew.measure.signal_rivals import fitted_rivals, gains, mixed_at, passed, subtracted

RATE = 50.0


def noises(n=3):
    return [np.random.default_rng(i).standard_normal((3, 1200 - 100 * i)) * 100 for i in range(n)]


def above(x):
    return passed(x, RATE)


def test_events_are_mixed_at_the_ratio_that_was_asked_for():
    for pair in mixed_at(noises(), 5.0, rate=RATE):
        signal, noise = ((above(one) ** 2).sum() for one in (pair.truth, pair.noise))
        assert 10 * np.log10(signal / noise) == pytest.approx(5)
        assert np.abs(pair.truth[:, : pair.p]).max() == 0


def test_what_does_nothing_gains_nothing_and_the_truth_is_all():
    for row in gains({"nothing": above, "all away": np.zeros_like}, noises(), rate=RATE):
        wanted = row["before_db"] if row["method"] == "nothing" else 0
        assert row["after_db"] == pytest.approx(wanted, abs=1e-6)


def test_wiener_takes_noise_away_but_for_the_floor():
    x = noises(1)[0]
    assert (subtracted(x, RATE, 4.0) ** 2).sum() < 0.1 * (above(x) ** 2).sum()
    assert (subtracted(x, RATE, 1e9, 0.2)[:, 100:-100] ** 2).sum() == pytest.approx(0.04 * (above(x)[:, 100:-100] ** 2).sum(), rel=1e-3)  # fmt: skip


def test_rivals_are_chosen_below_half_the_rate_and_gain():
    found = fitted_rivals(noises(), rate=RATE)
    assert [name.split()[0] for name in found] == ["band-pass", "Wiener,"]
    rows = gains(found, noises(), rate=RATE)
    assert all(row["after_db"] > row["before_db"] for row in rows if row["before_db"] <= 0)
