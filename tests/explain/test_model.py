"""SHAP adds up, refits draw whole groups, and the same seed gives the same bits."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from clew.errors import ClewError, SettingError, Stopped
from clew.explain.model import check_additive, draw_groups, explain_model, in_order
from tests.explain.copies import QUICK, explained, fit, named, nine_copies


def test_predictions_are_the_forests_own(copies):
    samples = nine_copies()
    np.testing.assert_array_equal(copies.prediction, fit(samples).predict(samples).probability)


def test_values_that_do_not_add_up_are_an_error_never_silent(monkeypatch):
    import clew.explain.shapley as shapley

    base, values = np.array([0.5]), np.zeros((3, 2, 1))
    check_additive(base, values, np.full((3, 1), 0.5))
    check_additive(base, values + 1e-12, np.full((3, 1), 0.5))
    with pytest.raises(ClewError, match="must add up to the predictions"):
        check_additive(base, values, np.full((3, 1), 0.5 + 1e-8))
    original = shapley.shapley_values

    def wrong(*args, **settings):
        found = original(*args, **settings)
        return dataclasses.replace(found, values=found.values * (1 + 1e-6))

    monkeypatch.setattr(shapley, "shapley_values", wrong)
    with pytest.raises(ClewError, match="must add up"):
        explained(nine_copies(n=60))


def test_groups_drawn_anew_are_whole_and_hold_every_class():
    samples = nine_copies(n=60, groups=12)
    drawn = draw_groups(samples, "classification", np.random.default_rng(0))
    names, counts = np.unique(drawn.group, return_counts=True)
    assert len(names) < 12  # with replacement
    assert (counts % 5 == 0).all()
    assert drawn.n_rows == 60
    assert set(drawn.labels) == {"high", "low"}
    of = {tuple(row): label for row, label in zip(samples.features, samples.labels)}
    assert all(of[tuple(row)] == label for row, label in zip(drawn.features, drawn.labels))


def test_a_class_of_one_group_is_drawn_all_the_same():
    X = np.random.default_rng(0).normal(size=(40, 2))
    labels = np.array(["a"] * 38 + ["rare"] * 2)
    samples = named(X, ["x", "y"], labels, group=np.repeat(np.arange(20), 2))
    drawn = [draw_groups(samples, "classification", np.random.default_rng(seed)) for seed in range(20)]
    assert all("rare" in one.labels for one in drawn)
    groups = [one.n_rows // 2 for one in drawn]
    assert set(groups) == {20, 21}  # one group more where the draw lacked the class: about 0.95**20 of draws
    assert all(np.sum(one.labels == "rare") == 2 for one, n in zip(drawn, groups) if n == 21)


def test_many_rare_classes_are_explained_not_refused_after_the_work():
    code = np.repeat(np.arange(60), 2)  # a plain draw of 120 rows holds all 60 once in 6,000 times
    X = np.random.default_rng(0).normal(size=(120, 3)) + 0.1 * code[:, None]
    samples = named(X, ["x", "y", "z"], np.array([f"c{i:02d}" for i in code]))
    for seed in range(5):
        drawn = draw_groups(samples, "classification", np.random.default_rng(seed))
        assert len(np.unique(drawn.labels)) == 60
        assert 120 < drawn.n_rows < 145
        assert len(np.unique(drawn.features[:, 0])) < 100  # with replacement
    found = explained(samples, permutations=1, refits=2)
    assert found.refit_shap.shape == (2, 3)


def test_folds_may_train_on_more_features_than_the_model_has():
    samples = nine_copies(n=80)
    own = in_order(samples, ["noise_a", "strong_0", "weak"])
    model = fit(own)
    seen = []

    def fit_fold(training):
        seen.append(training.feature_names)
        return fit(training)

    found = explain_model(model, own, samples, fit, kind="classification", fit_fold=fit_fold, **QUICK)
    assert seen == [samples.feature_names] * 5
    assert found.feature_names == ["noise_a", "strong_0", "weak"]
    assert found.permutation.names == [["noise_a"], ["strong_0"], ["weak"]]
    whole = explained(samples)  # permuted among the same rows in the same orders
    assert found.permutation.score.value == whole.permutation.score.value
    for name in found.feature_names:
        assert found.loss_of([name]).value == whole.loss_of([name]).value
    assert found.refit_shap.shape == (5, 3)


def test_the_same_seed_gives_the_same_bits(copies):
    assert explained(nine_copies()).digest() == copies.digest()


def test_many_rows_are_stood_for_by_some_and_that_is_said():
    samples = nine_copies(n=120, groups=12)
    found = explained(samples, rows=48)
    assert found.values.shape == (48, 12, 2)
    assert found.shown_of() == "48 of 120"
    assert set(found.group) == set(samples.group)
    at = [samples.sample.tolist().index(name) for name in found.sample]
    np.testing.assert_array_equal(found.features, samples.features[at])


def test_interventional_and_path_differ_and_both_add_up(copies):
    other = explained(nine_copies(), method="interventional", background=30, refits=2)
    assert np.abs(other.values - copies.values).max() > 1e-3
    np.testing.assert_allclose(other.base + other.values.sum(axis=1), other.prediction, atol=1e-12)
    assert other.question != copies.question


def test_three_classes_have_three_outputs(copies):
    samples = nine_copies(n=150)
    labels = np.digitize(samples.features[:, 0], [-0.5, 0.5]).astype(str)
    found = explained(samples.with_labels(labels))
    assert found.values.shape == (150, 12, 3)
    assert found.shap_of_outputs.shape == (12, 3)
    np.testing.assert_allclose(found.shap_of_outputs.mean(axis=1), found.shap)
    np.testing.assert_allclose(
        copies.shap_of_outputs[:, 0], copies.shap, atol=1e-12
    )  # two classes mirror each other


@pytest.mark.parametrize("setting", [{"rows": 1}, {"refits": 1}, {"background": 0}, {"permutations": 0}])
def test_settings_out_of_range_are_refused(setting):
    with pytest.raises(SettingError, match=next(iter(setting))):
        explained(nine_copies(n=60), **setting)


def test_it_can_be_stopped_and_says_how_far_it_is():
    seen = []
    explained(nine_copies(n=60), on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 10) for done in range(1, 11)]
    with pytest.raises(Stopped, match="after 2 of 5 refits"):
        explained(nine_copies(n=60), on_progress=lambda done, _: done < 7)
