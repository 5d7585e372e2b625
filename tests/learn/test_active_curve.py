"""Labelling played through: the same start for all, held-out groups, gains with their intervals."""

import numpy as np
import pytest
from scipy import stats

from clew.errors import DataError, SettingError, Stopped
from clew.learn import active_curve
from clew.learn.active_curve import ActiveCurves, simulate_labelling
from tests.learn.active_worlds import clouds

FEW = {"seeds": 3, "start": 10, "per_round": 10, "until": 40}


@pytest.fixture(scope="module")
def rows():
    return clouds(240, n_groups=24)


def test_all_strategies_start_from_the_same_labels_and_end_at_the_number_asked_for(rows):
    found = simulate_labelling(rows, strategies=["margin", "cluster"], **{**FEW, "until": 35})
    assert found.strategies == ["random", "margin", "cluster"]
    assert found.labels.tolist() == [10, 20, 30, 35]
    assert (found.accuracy[:, :, 0] == found.accuracy[0, :, 0]).all()
    assert len(set(found.accuracy[0, :, 0].tolist())) > 1  # other rows for each seed
    assert found.curve("random")[-1, 0] > 0.7


def test_figures_are_means_over_seeds_with_students_interval():
    accuracy = np.random.default_rng(0).random((2, 5, 3))
    found = ActiveCurves(strategies=["random", "margin"], labels=np.array([1, 2, 3]), accuracy=accuracy, learner="forest", held_out="")  # fmt: skip
    for own, got in ((accuracy[1], found.curve("margin")), (accuracy[1] - accuracy[0], found.gain("margin"))):
        want = stats.t.interval(0.95, 4, own.mean(axis=0), stats.sem(own, axis=0))
        np.testing.assert_allclose(got, np.column_stack([own.mean(axis=0), *want]))


@pytest.mark.parametrize(("shift", "said"), [(0.1, "ahead"), (-0.1, "behind"), (0.0, "tie")])
def test_a_tie_is_told_as_a_tie(shift, said):
    random = np.random.default_rng(0).normal(0.8, 0.02, (5, 2))
    own = random + shift + np.array([0.01, -0.01, 0.012, -0.012, 0.0])[:, None]
    found = ActiveCurves(strategies=["random", "margin"], labels=np.array([1, 2]), accuracy=np.stack([random, own]), learner="forest", held_out="")  # fmt: skip
    assert found.verdict("margin") == said
    assert f"({said})" in found.headline()
    assert found.summary()["strategies"]["margin"]["verdict"] == said


def test_whole_groups_are_held_out(rows, monkeypatch):
    taught = []
    learn = active_curve._LEARNERS["forest"]

    def watched(samples, known, seed):
        taught.append(set(samples.group[known]))
        return learn(samples, known, seed)

    monkeypatch.setitem(active_curve._LEARNERS, "forest", watched)
    found = simulate_labelling(rows, strategies=[], **{**FEW, "seeds": 2, "until": 150})
    assert len(set.union(*taught[: len(taught) // 2])) == 17  # of 24 groups, 30% are out
    assert found.held_out.startswith("30 % of the groups")


def test_the_same_seed_gives_the_same_bits_and_the_control_arm_can_be_on(rows):
    one, two = (simulate_labelling(rows, strategies=["hybrid"], **FEW) for _ in range(2))
    assert one.digest() == two.digest()
    mixed = simulate_labelling(rows, strategies=["hybrid"], control_every=3, **FEW)
    assert (mixed.accuracy[:, :, 1:] != one.accuracy[:, :, 1:]).any()


def test_it_stops_when_asked_and_refuses_what_cannot_be(rows):
    with pytest.raises(Stopped, match="after 2 of 6"):
        simulate_labelling(rows, strategies=["margin"], on_progress=lambda done, _: done < 2, **FEW)
    with pytest.raises(DataError, match="must leave 200 rows to label. Got 170"):
        simulate_labelling(rows, seeds=2)
    with pytest.raises(SettingError, match="Did you mean 'margin'"):
        simulate_labelling(rows, strategies=["margn"], **FEW)
    with pytest.raises(SettingError, match="must be at least 2. Got 1"):
        simulate_labelling(rows, **{**FEW, "seeds": 1})


def test_learners_are_taught_the_labels_that_were_asked_for_and_no_others(rows, monkeypatch):
    taught = []
    learn = active_curve._LEARNERS["forest"]
    monkeypatch.setitem(active_curve._LEARNERS, "forest", lambda s, known, seed: taught.append(len(known)) or learn(s, known, seed))  # fmt: skip
    simulate_labelling(rows, strategies=["margin"], **{**FEW, "seeds": 2})
    assert taught == [10, 20, 30, 40] * 4
