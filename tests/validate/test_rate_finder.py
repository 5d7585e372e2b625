"""The learning-rate finder's rule on losses whose course over the rates is known."""

import numpy as np
import pytest

from clew.errors import DataError
from clew.validate import rate_finder
from clew.validate.rate_finder import suggest_rate

LR = np.geomspace(1e-6, 10, 141)


def course(noise=0.02, seed=0, steepest=1e-2, blows=0.3):
    """Fall from 2.3 to 0.5, most steeply at a rate, and blow up from another on."""
    fall = 1.8 / (1 + (steepest / LR) ** 2)
    return 2.3 - fall + (LR / blows) ** 2 + noise * np.random.default_rng(seed).normal(size=LR.size)


@pytest.mark.parametrize("seed", range(5))
def test_the_suggestion_is_where_the_loss_falls_most_steeply(seed):
    found = suggest_rate(LR, course(seed=seed))
    assert found.suggested == pytest.approx(1e-2, rel=0.8)
    assert found.suggested * rate_finder.WELL_BEFORE <= found.lowest < found.diverges
    assert found.lowest == pytest.approx(LR[np.argmin(course(noise=0))], rel=1.0)


def test_the_suggestion_follows_the_course():
    rates = [
        suggest_rate(LR, course(steepest=steepest, blows=30 * steepest)).suggested
        for steepest in (1e-4, 1e-3, 1e-2)
    ]
    np.testing.assert_allclose(np.diff(np.log10(rates)), 1, atol=0.35)


def test_rates_near_the_lowest_loss_are_not_suggested(monkeypatch):
    cliff = np.where(LR < 0.1, 2.3, 0.5 + (LR / 0.5) ** 2)
    assert suggest_rate(LR, cliff).suggested <= suggest_rate(LR, cliff).lowest / 3
    monkeypatch.setattr(rate_finder, "WELL_BEFORE", 1)
    assert suggest_rate(LR, cliff).suggested > 0.05


def test_nothing_is_suggested_where_no_rate_helps():
    noise = 2.3 + 0.1 * np.random.default_rng(0).normal(size=(20, LR.size))
    found = [suggest_rate(LR, one) for one in noise]
    assert np.mean([np.isnan(one.suggested) for one in found]) >= 0.95
    assert found[0].headline().startswith("No learning rate can be suggested")
    assert found[0].summary()["suggested"] is None


def test_a_loss_that_is_not_finite_ends_the_range_and_is_where_it_diverges():
    loss = course(noise=0.0)
    loss[LR > 0.2] = np.nan
    found = suggest_rate(LR, loss)
    assert found.lr[-1] <= 0.2 < found.diverges < 0.25
    assert found.loss.shape == found.lr.shape
    assert f"from {found.diverges:.2g} on it rises" in found.headline()


def test_where_no_rate_is_too_high_it_is_said():
    found = suggest_rate(LR[:90], course()[:90])
    assert np.isnan(found.diverges)
    assert "no rate made it rise" in found.sentence


@pytest.mark.parametrize(
    ("lr", "loss", "what"),
    [
        (LR[::-1], course(), "must be above 0 and rise"),
        (LR[:50], course(), "one for each loss"),
        (LR[:10], course()[:10], "at least 20"),
        (LR, np.r_[course()[:12], np.inf, course()[13:]], "Got 12"),
    ],
)
def test_rates_that_do_not_rise_and_too_few_losses_are_refused(lr, loss, what):
    with pytest.raises(DataError, match=what):
        suggest_rate(lr, loss)
