"""The sentences of the page."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from clew.report.words import (
    _by_chance,
    counted,
    figure,
    in_short,
    listed,
    look_in_short,
    p_value,
    prose,
)


def test_figures_are_written_with_brackets_and_a_true_minus():
    assert figure({"value": 0.876, "low": 0.79, "high": 0.951}) == "0.88 [0.79, 0.95]"
    assert figure({"value": -0.031, "low": None, "high": None}) == "−0.03"
    assert figure({"value": None}) == "not known"
    assert figure({"value": 1234.5, "low": 1200, "high": 1300}) == "1,234 [1,200, 1,300]"


def test_numbers_agree_with_their_nouns():
    assert counted(1, "look") == "1 look" and counted(2, "hypothesis", "hypotheses") == "2 hypotheses"
    assert listed(["a"]) == "a" and listed(["a", "b", "c"]) == "a, b and c" and listed([]) == ""
    assert p_value(0.005) == "p = 0.005" and p_value(0.412) == "p = 0.41"


def test_sentences_have_true_minus_signs_and_names_keep_their_hyphens():
    assert prose("falls by -0.03 [-0.10, 0.04] in forest-2 & t-5.csv") == (
        "falls by −0.03 [−0.10, 0.04] in forest-2 &amp; t-5.csv"
    )


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("group", "whole groups"),
        ("time", "stretches of time"),
        ("latest", "the latest rows"),
        ("space", "regions"),
    ],
)
def test_the_seal_says_what_was_sealed_as_a_whole(by, said):
    step = SimpleNamespace(verb="seal", summary={"by": by, "sealed": 12})
    assert in_short(SimpleNamespace(), step) == f"12 rows, {said}"


def test_a_model_that_is_no_better_than_chance_is_said_to_be():
    def reached(low, *, chance=0.5):
        interval = SimpleNamespace(low=low, high=0.9)
        scores = SimpleNamespace(classes=["a", "b"], metrics={"balanced_accuracy": interval})
        return _by_chance(
            SimpleNamespace(scores=scores, baselines={"commonest_class": {"balanced_accuracy": chance}})
        )

    assert "not shown to be better than always saying the commonest class</b> (0.50)" in reached(0.49)
    assert reached(0.51) == ""
    assert reached(float("nan")) == ""  # without an interval nobody can tell
    scores = SimpleNamespace(classes=[], metrics={"mae": SimpleNamespace(low=2.0, high=3.1)})
    assert "the mean" in _by_chance(SimpleNamespace(scores=scores, baselines={"mean": {"mae": 3.0}}))
    assert _by_chance(SimpleNamespace(scores=scores, baselines={"mean": {"mae": 3.2}})) == ""


def test_a_look_at_many_features_names_the_first():
    step = SimpleNamespace(settings={"features": "a,b,c,d"}, summary={"k": 0})
    assert look_in_short(step) == "a and 3 more: no groups"
    step = SimpleNamespace(settings={"features": ["a", "b"]}, summary={"k": 0})
    assert look_in_short(step) == "a, b: no groups"


def test_looks_differ_by_what_was_not_as_by_default():
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
