"""Active learning pays on digits: at 200 labels, in the mean over seeds, by what was asked of it.

The seeds are none of those by which strategies and scales were chosen, nor of those whose figures the documents name.
"""

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from clew.learn.active_curve import simulate_labelling
from clew.learn.strategies import STRATEGIES, Chosen, margin, most
from tests.learn.active_worlds import samples_of

pytestmark = pytest.mark.slow
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "workbench.md").read_text()


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return samples_of(X, y.astype(str), unit="gray value")


def gains(digits, learner, strategies, seeds=5):
    found = simulate_labelling(digits, strategies=strategies, learner=learner, seeds=seeds, random_state=11)
    return {name: found.gain(name)[-1] for name in strategies}


def test_with_the_forest_margin_and_hybrid_gain_three_points_and_k_centre_two(digits):
    gain = gains(digits, "forest", ["margin", "hybrid", "k-centre"], seeds=16)
    assert gain["margin"][0] >= 0.03
    assert gain["hybrid"][0] >= 0.03
    assert gain["k-centre"][0] >= 0.02
    assert min(low for _, low, _ in gain.values()) > 0


def test_with_the_network_entropy_gains_two_points_as_well(digits):
    gain = gains(digits, "mlp", ["margin", "hybrid", "k-centre", "entropy"])
    assert gain["margin"][0] >= 0.03
    assert gain["hybrid"][0] >= 0.03
    assert gain["k-centre"][0] >= 0.02
    assert gain["entropy"][0] >= 0.02


def test_the_most_certain_rows_teach_less_than_random_ones(digits, monkeypatch):
    """The mutant: a strategy with its sign turned must not pass for one that gains."""

    def certain(pool, n, random):
        free = np.flatnonzero(~pool.taken)
        first = most(-margin(pool.probability[free]), n, random)
        return Chosen(free[first], np.ones(n), ["certain"] * n)

    monkeypatch.setitem(STRATEGIES, "margin", certain)
    value, _, high = gains(digits, "forest", ["margin"])["margin"]
    assert value < 0.03
    assert high < 0


def test_the_lines_of_the_page_run(capsys):
    """With few seeds, and two of its strategies."""
    (lines,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    few = lines.replace("seeds=20", "seeds=2").replace(
        '["entropy", "margin", "k-centre", "hybrid"]', '["margin"]'
    )
    assert few.count("seeds=2,") == few.count('["margin"]') == 1
    exec(compile(few, "docs/workbench.md", "exec"), {})
    assert "forest, at 200 labels: margin +0.0" in capsys.readouterr().out
