"""The step: refits and folds are trained as the model was, on the model's own features."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer

from clew.errors import DataError, SettingError
from clew.learn import explaining
from clew.learn.explaining import explain
from clew.learn.training import train, validate
from tests.conftest import shared
from tests.explain.copies import COPIES, named, nine_copies

QUICK = {"permutations": 3, "refits": 3}
TREES = {"trees": 20, "depth": 5, "grower": "auto"}


def test_it_is_a_step_of_open_rows_that_keeps_its_settings():
    assert explain.step.sees == "open"
    samples = nine_copies(n=80)
    found = explain(samples, train(samples, **TREES), **QUICK)
    assert found.settings["permutations"] == 3
    assert found.settings["method"] == "path"
    assert found.groups[0] == COPIES


def noise(seed, n=60, n_features=600):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, n_features))
    return named(X, [f"f{i}" for i in range(n_features)], random.choice(["a", "b"], n))


def test_features_that_were_selected_among_noise_do_not_make_the_model_predict():
    said, flattering = [], []
    for seed in range(4):
        samples = noise(seed)
        forest = train(samples, select=10, **TREES)
        found = explain(samples, forest, permutations=1, refits=2)
        assert found.feature_names == forest.feature_names
        said.append(found.permutation.predicts)
        kept = samples.select(forest.feature_names)  # the mutant: chosen once, on the rows that test
        flattering.append(explain(kept, train(kept, **TREES), permutations=1, refits=2).permutation.predicts)
    assert sum(said) <= 1
    assert all(flattering)


@pytest.mark.parametrize("regression", [False, True])
def test_with_selected_features_the_score_is_the_one_of_validate(regression):
    samples = nine_copies(n=80, groups=10, regression=regression)
    forest = train(samples, select=3, features=[*COPIES, "noise_a", "noise_b"], trees=20)
    score = explain(samples, forest, **QUICK).permutation.score
    same = validate(samples, select=3, features=[*COPIES, "noise_a", "noise_b"], trees=20)
    witness = same.summary()["metrics"]["r2" if regression else "balanced_accuracy"]
    assert score.value == pytest.approx(witness["value"], abs=1e-12)
    assert [score.low, score.high] == pytest.approx([witness["low"], witness["high"]], abs=1e-12)


def test_how_features_were_selected_is_said():
    samples = nine_copies(n=80)
    forest = train(samples, select=3, **TREES)
    found = explain(samples, forest, **QUICK)
    assert found.warnings[0].startswith("The 3 features were selected among 12. Every fold selected anew")
    plain = explain(samples, train(samples, **TREES), **QUICK)
    assert not any("selected" in one for one in plain.warnings)
    alone = explain(samples.select(forest.feature_names), forest, **QUICK)
    assert "the folds could not select anew" in alone.warnings[0]


def test_a_fold_that_did_not_select_a_feature_loses_nothing_by_it(monkeypatch):
    chosen = []

    def watched(training, **settings):
        forest = train(training, **settings)
        if settings.get("select"):
            chosen.append(forest.feature_names)
        return forest

    samples = noise(0, n_features=40)
    random = np.random.default_rng(5)
    X = samples.features.copy()
    X[:, 7] += 3 * (samples.labels == "b")
    X[:, 3] += random.normal(size=60)
    samples = named(X, samples.feature_names, samples.labels)
    forest = train(samples, select=4, **TREES)
    monkeypatch.setattr(explaining, "train", functools.wraps(train)(watched))
    found = explain(samples, forest, **QUICK)
    assert len(chosen) == 5
    assert all("f7" in one for one in chosen)
    assert found.loss_of(["f7"]).low > 0.1
    never = [name for name in forest.feature_names if not any(name in one for one in chosen)]
    assert all(found.loss_of([name]).value == 0 for name in never)
    assert any(set(one) != set(forest.feature_names) for one in chosen)


def test_refits_and_folds_are_trained_as_the_model_was(monkeypatch):
    samples = nine_copies(n=80)
    forest = train(samples, trees=7, depth=3, min_leaf=2, max_features=0.5, combine="vote", grower="auto")
    seen = []

    def watched(training, **settings):
        seen.append(settings)
        return train(training, **settings)

    monkeypatch.setattr(explaining, "train", functools.wraps(train)(watched))
    explain(samples, forest, **QUICK)
    assert len(seen) == 5 + 3
    wanted = {
        "trees": 7,
        "depth": 3,
        "min_leaf": 2,
        "max_features": 0.5,
        "combine": "vote",
        "grower": "auto",
        "class_weight": "given",
    }
    assert all(wanted.items() <= one.items() for one in seen)
    assert len({one["random_state"] for one in seen}) == 4  # the folds share one, each refit has its own


def test_the_models_features_are_found_whatever_their_order():
    samples = nine_copies(n=80)
    forest = train(samples, features=["weak", "strong_0", "noise_a"], **TREES)
    turned = np.arange(12)[::-1]
    other = dataclasses.replace(
        samples,
        features=samples.features[:, turned],
        feature_names=tuple(np.array(samples.feature_names)[turned].tolist()),
        units=tuple(np.array(samples.units)[turned].tolist()),
    )
    assert explain(samples, forest, **QUICK).digest() == explain(other, forest, **QUICK).digest()


def test_rows_without_a_label_are_explained_but_neither_train_nor_test():
    samples = nine_copies(n=90)
    labels = samples.labels.copy()
    labels[::3] = ""
    some = samples.with_labels(labels)
    found = explain(some, train(some, **TREES), **QUICK)
    assert len(found.sample) == 90
    assert found.permutation.n_rows == 60


def test_a_feature_can_be_the_target():
    samples = nine_copies(n=90)
    forest = train(samples.with_labels(None), target="weak", trees=10)
    found = explain(samples, forest, target="weak", **QUICK)
    assert found.outputs == ["weak"]
    assert "weak" not in found.feature_names
    assert found.permutation.metric == "r2"


def test_a_model_for_pixels_and_other_units_are_refused():
    samples = nine_copies(n=60)
    forest = train(samples, **TREES)
    with pytest.raises(DataError, match="Got one for pixels"):
        explain(samples, dataclasses.replace(forest, measure={"kind": "pixels"}), **QUICK)
    with pytest.raises(DataError, match="weak was trained in kg, given in g"):
        units = ("mm",) * 9 + ("g", "", "")
        explain(dataclasses.replace(samples, units=units), forest, **QUICK)
    with pytest.raises(DataError, match="must have labels"):
        explain(samples.with_labels(None), forest, **QUICK)
    labels = np.where(np.arange(60) < 5, "new", samples.labels)
    with pytest.raises(DataError, match=r"classes \(high, low\). Got high, low, new instead"):
        explain(samples.with_labels(labels), forest, **QUICK)
    with pytest.raises(SettingError, match="method"):
        explain(samples, forest, method="tree", **QUICK)


@pytest.mark.slow
def test_in_breast_cancer_no_feature_alone_is_needed_but_the_size_is():
    path = shared("tables/breast_cancer.csv")
    table = pd.read_csv(path, skiprows=1, header=None).to_numpy(float)
    names = [name.replace(" ", "_") for name in load_breast_cancer().feature_names]
    samples = named(table[:, :30], names, np.array(["malignant", "benign"])[table[:, 30].astype(int)])
    found = explain(samples, train(samples, trees=50, depth=8, grower="auto"), refits=4)
    size = found.groups[int(found.ranking[0])]
    assert {"mean_radius", "worst_area", "worst_perimeter"} <= set(size)
    assert found.loss_of(size).low > 0.1
    assert max(found.loss_of([name]).value for name in names) < 0.03
