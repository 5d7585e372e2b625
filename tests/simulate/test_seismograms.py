"""Clean seismograms: silent before P, known onsets, the same ones again."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import SettingError
from clew.simulate.seismograms import seismograms

MADE = seismograms(40, rate=100.0, seconds=20.0)


def test_nothing_comes_before_p_and_the_largest_value_is_1():
    for waves, p in zip(MADE.waves, MADE.p):
        assert np.abs(waves[:, :p]).max() == 0
        assert np.abs(waves[:, p:]).max() == pytest.approx(1, rel=1e-6)


def test_much_comes_with_p_and_more_with_s():
    for waves, p in zip(MADE.waves, MADE.p):
        assert np.abs(waves[:, p : p + 50]).max() > 1e-4
    louder = [
        (waves[1:, s : s + 100] ** 2).mean() > (waves[1:, p:s] ** 2).mean()
        for waves, p, s in zip(MADE.waves, MADE.p, MADE.s)
        if s - p > 100 and s < 1700
    ]
    assert len(louder) > 10 and np.mean(louder) > 0.8


def test_the_same_state_gives_the_same_and_another_others():
    np.testing.assert_array_equal(seismograms(3, seconds=20.0).waves, seismograms(3, seconds=20.0).waves)
    assert not np.array_equal(seismograms(3, seconds=20.0).p, seismograms(3, seconds=20.0, random_state=1).p)


@pytest.mark.parametrize("wrong", [{"n": 0}, {"n": 1, "rate": 10.0}])
def test_none_and_low_rates_are_refused(wrong):
    with pytest.raises(SettingError, match="must be at least"):
        seismograms(**wrong)
