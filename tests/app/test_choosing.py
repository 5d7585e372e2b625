"""What is learnt from labels, and what a strategy would ask for: with slow twins."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from clew.app.choosing import judged, learn, offer, rows_of, standing
from clew.errors import DataError
from tests.app.fakes import fake_session


@pytest.fixture
def workspace(blob_study):
    return fake_session(blob_study).workspace


def words_of(workspace, n):
    """The first n rows, told by whether they are long: a class that can be learnt."""
    samples = workspace.samples
    long = samples.features[:, samples.feature_names.index("eccentricity")] > 0.75
    return {str(samples.sample[i]): {"ann": "long" if long[i] else "round"} for i in range(n)}


def test_most_people_decide_and_a_tie_is_no_label(workspace):
    names = [str(name) for name in workspace.samples.sample[:5]]
    words = {
        names[0]: {"ann": "a"},
        names[1]: {"ann": "a", "bob": "b", "cem": "b"},
        names[2]: {"ann": "a", "bob": "b"},
        names[3]: {"ann": None},
        names[4]: {"ann": None, "bob": "b"},
        "no such row": {"ann": "a"},
    }
    assert standing(workspace.samples, words, rows_of(workspace))[:6].tolist() == ["a", "b", "", "", "b", ""]


def test_one_class_teaches_nothing(workspace):
    names = [str(name) for name in workspace.samples.sample[:5]]
    learnt = learn(workspace, {name: {"ann": "a"} for name in names})
    assert (learnt.classes, learnt.about, learnt.of_row(0)) == ([], "", {})


def test_two_classes_are_learnt_and_told_of_rows_without_a_label(workspace):
    learnt = learn(workspace, words_of(workspace, 40))
    words = words_of(workspace, workspace.samples.n_rows)
    truth = standing(workspace.samples, words, rows_of(workspace))
    told = np.array(learnt.classes)[learnt.probability.argmax(axis=1)]
    assert (told[40:] == truth[40:]).mean() > 0.85  # the largest class is 0.6 of them
    assert learnt.about == "forest after 40 labels"
    assert sum(learnt.of_row(50).values()) == pytest.approx(1, abs=1e-3)


def test_entropy_asks_for_the_rows_that_a_slow_twin_finds(workspace):
    learnt = learn(workspace, words_of(workspace, 30))
    free = np.arange(workspace.samples.n_rows) >= 30
    offered = offer(workspace, learnt, free, strategy="entropy", n=4)
    p = np.clip(learnt.probability.astype(float), 1e-12, 1)
    twin = np.sort(np.where(free, -(p * np.log(p)).sum(axis=1), -1))[::-1][:4]
    got = [-(p[one.row] * np.log(p[one.row])).sum() for one in offered]
    np.testing.assert_allclose(got, twin, atol=1e-6)
    assert all(free[one.row] and one.short.startswith("entropy") for one in offered)


@pytest.mark.parametrize("strategy", ["hybrid", "cluster", "k-centre", "margin"])
def test_of_very_many_rows_some_are_looked_at_and_only_free_ones_are_offered(
    workspace, monkeypatch, strategy
):
    monkeypatch.setattr("clew.app.choosing.MOST_LEFT", 20)
    learnt = learn(workspace, words_of(workspace, 30))
    free = np.arange(workspace.samples.n_rows) % 3 > 0
    free[:30] = False
    rows = [one.row for one in offer(workspace, learnt, free, strategy=strategy, n=12)]
    assert len(set(rows)) == 12
    assert free[rows].all()


def test_nothing_free_offers_nothing_and_distances_alone_are_refused(workspace):
    free = np.zeros(workspace.samples.n_rows, bool)
    assert offer(workspace, None, free, strategy="hybrid", n=4) == []
    workspace._samples = workspace.samples.select("circularity")
    object.__setattr__(workspace._samples, "features", np.empty((len(free), 0)))
    object.__setattr__(workspace._samples, "feature_names", ())
    with pytest.raises(DataError, match="distances only"):
        offer(workspace, None, ~free, strategy="hybrid", n=4)


def test_the_light_is_judged_by_what_was_drawn_at_random(workspace):
    from clew.study.handed import hand_out

    words = words_of(workspace, 60)
    before = judged(workspace, words, strategy="hybrid")
    assert (before["labels"], before["control_labels"], before["active"]) == (60, 0, [])
    hand_out(workspace.study, [(name, i % 2 == 0) for i, name in enumerate(words)], strategy="hybrid")
    light = judged(workspace, words, strategy="hybrid")
    assert light["control_labels"] == 30
    assert light["active"][-1]["x"] == 60
    assert light["control"][-1]["x"] == 30
    assert len(light["reasons"]) >= 3
    assert Counter(type(met) for met, _, _ in light["reasons"]) == {bool: len(light["reasons"])}


def test_rows_are_found_by_name(workspace):
    names = workspace.samples.sample
    assert [rows_of(workspace)[str(name)] for name in names[:3]] == [0, 1, 2]
