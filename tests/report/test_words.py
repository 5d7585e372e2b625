"""The sentences of the page."""

from __future__ import annotations

from clew.report.words import counted, figure, listed, p_value


def test_figures_are_written_with_brackets_and_a_true_minus():
    assert figure({"value": 0.876, "low": 0.79, "high": 0.951}) == "0.88 [0.79, 0.95]"
    assert figure({"value": -0.031, "low": None, "high": None}) == "−0.03"
    assert figure({"value": None}) == "not known"
    assert figure({"value": 1234.5, "low": 1200, "high": 1300}) == "1,234 [1,200, 1,300]"


def test_numbers_agree_with_their_nouns():
    assert counted(1, "look") == "1 look" and counted(2, "hypothesis", "hypotheses") == "2 hypotheses"
    assert listed(["a"]) == "a" and listed(["a", "b", "c"]) == "a, b and c" and listed([]) == ""
    assert p_value(0.005) == "p = 0.005" and p_value(0.412) == "p = 0.41"


def test_looks_differ_by_what_was_not_as_by_default():
    from types import SimpleNamespace

    from clew.report.words import look_in_short

    plain = SimpleNamespace(settings={"features": "all", "k": "auto", "embed": "umap"}, summary={"k": 2})
    assert look_in_short(plain) == "all: 2 groups"
    other = {
        "features": "all",
        "k": 3,
        "metric": "cosine",
        "embed": "tsne",
        "cluster": "hdbscan",
        "space": "embedding",
    }
    asked = SimpleNamespace(settings=other, summary={"k": 3})
    assert look_in_short(asked) == "all, cosine, tsne, hdbscan, embedding: k 3 as asked"
