"""The ways to fool oneself in docs/pitfalls.md do fool, and what clew does instead does not; the page prints what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "pitfalls.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```\n+```text\n(.*?)```", PAGE, flags=re.DOTALL)
NUMBER = r"(\d+(?:\.\d+)?)"


def printed(number, capsys):
    """Run a block by itself; return what it prints, which must be what the page says, but for the last digits."""
    block, said = BLOCKS[number]
    exec(compile(block, "docs/pitfalls.md", "exec"), {})
    text = capsys.readouterr().out
    assert re.sub(NUMBER, "?", text) == re.sub(NUMBER, "?", said)
    ours, page = ([float(one) for one in re.findall(NUMBER, each)] for each in (text, said))
    for one, other in zip(ours, page, strict=True):
        assert one == pytest.approx(other, rel=0.1, abs=0.03)
    return text, ours


def test_every_block_of_the_page_is_run_here():
    assert len(BLOCKS) == PAGE.count("```python") == 5
    assert all("shared" not in block for block, _ in BLOCKS)


@pytest.mark.slow
def test_features_chosen_before_cross_validation_find_what_is_not_there(capsys):
    _, (before, inside) = printed(0, capsys)
    assert before >= 0.8 and abs(inside - 0.5) <= 0.06


@pytest.mark.slow
def test_groups_differ_in_what_made_them_and_clew_says_that_there_are_none(capsys):
    text, figures = printed(1, capsys)
    assert figures[1:3] == [50, 50]
    assert "No groups" in text


def test_copies_share_the_credit_of_the_best_feature_and_together_they_have_it(capsys):
    text, figures = printed(2, capsys)
    assert "one by one: weaker" in text
    together, weaker = figures[-2:]
    assert together >= 2 * weaker


@pytest.mark.slow
def test_shuffled_pixels_flatter(capsys):
    pytest.importorskip("skimage")
    _, figures = printed(3, capsys)
    honest, naive = figures[0], figures[-1]
    assert 0.05 <= naive - honest <= 0.15


def test_intervals_over_rows_miss_the_truth_far_too_often(capsys):
    _, (rows, groups) = printed(4, capsys)
    assert 60 <= rows <= 75 and groups >= 93
