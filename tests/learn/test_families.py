"""Families of models: one contract, scaled and tuned within the folds, drawn on two features."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from clew.errors import DataError, SettingError, Stopped
from clew.learn.families import FAMILIES, compare, entries, fit_family
from clew.learn.training import train
from clew.result import Result
from clew.samples import Samples
from tests.conftest import shared

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
QUICK = {"families": "dummy,linear,tree", "repeats": 1, "folds": 3}


def rows(n=90, d=3, *, shift=2.0, seed=0, classes=3, groups=None):
    random = np.random.default_rng(seed)
    y = np.arange(n) % classes
    X = random.normal(size=(n, d))
    X[:, 0] += shift * y
    names = np.array([f"row{i}" for i in range(n)])
    return Samples(
        features=X,
        feature_names=tuple(f"f{i}" for i in range(d)),
        units=("mm",) * d,
        sample=names,
        origin=pd.DataFrame({"source": ["table"] * n}),
        group=names if groups is None else groups.astype(str),
        labels=np.array(["red", "green", "blue"])[y],
    )


def numbers(n=90, **settings):
    samples = rows(n, **settings)
    return samples.with_labels(None).with_target(
        100 + 10 * samples.features[:, 0] - 5 * samples.features[:, 1]
    )


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):  # as `in_threads` does
        yield


@pytest.mark.parametrize("kind", ["classification", "regression"])
@pytest.mark.parametrize("name", FAMILIES)
def test_every_candidate_answers_as_the_forest_does(name, kind):
    samples = rows() if kind == "classification" else numbers()
    for fit in entries([name], kind)[0].fits:
        said, witness = fit(samples).predict(samples), train(samples).predict(samples)
        assert said.classes == witness.classes
        if kind == "classification":
            assert said.probability.shape == (90, 3)
            np.testing.assert_allclose(said.probability.sum(axis=1), 1)
            assert (said.label == np.array(said.classes)[said.probability.argmax(axis=1)]).all()
        else:
            assert said.label is None
            assert said.value.shape == (90,)


@pytest.mark.parametrize("kind", ["classification", "regression"])
@pytest.mark.parametrize("name", FAMILIES)
def test_few_rows_and_constant_features_do_no_harm(name, kind):
    samples = rows(6) if kind == "classification" else numbers(6)
    flat = dataclasses.replace(
        samples, features=np.column_stack([samples.features[:, 0], np.full((6, 2), 1e9)])
    )
    for fit in entries([name], kind)[0].fits:
        said = fit(flat).predict(flat)
        assert np.isfinite(said.probability if kind == "classification" else said.value).all()


def test_the_linear_family_is_scikit_learns():
    samples = rows()
    ours = fit_family(samples, family="linear", kind="classification", settings={"penalty": 10.0})
    theirs = make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(samples.features, samples.labels)
    np.testing.assert_allclose(
        ours.predict(samples).probability, theirs.predict_proba(samples.features), atol=1e-4
    )
    samples = numbers()
    ours = fit_family(samples, family="linear", kind="regression", settings={"penalty": 10.0})
    theirs = make_pipeline(StandardScaler(), Ridge(10)).fit(samples.features, samples.target)
    np.testing.assert_allclose(ours.predict(samples).value, theirs.predict(samples.features))


@pytest.mark.parametrize("name", ["linear", "neighbors", "network"])
def test_the_unit_of_a_feature_does_not_matter(name):
    samples = rows()
    other = dataclasses.replace(samples, features=samples.features * [1, 1024, 1])  # exact in binary
    fit = entries([name], "classification")[0].fits[0]
    assert (fit(samples).predict(samples).label == fit(other).predict(other).label).all()
    bare = [make_bare().fit(one.features, one.labels).predict(one.features) for one in (samples, other)]
    assert (bare[0] != bare[1]).any()  # without scaling it does


def make_bare():
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(5)


def test_the_better_family_wins_and_the_reference_is_the_forest():
    found = compare(rows(d=1, shift=4.0), repeats=1, folds=4, families="dummy,linear,forest")
    assert found.reference == "forest"
    assert found.family("dummy").to_reference.told_apart
    assert found.simplest.name == "linear"
    assert found.n_candidates == 1 + 5 + 2
    assert found.summary()["families"][1]["difference"]["to"] == "forest"


def test_noise_is_no_better_than_the_commonest_class():
    few, many = (
        compare(
            samples.with_labels(np.random.default_rng(2).permutation(samples.labels)),
            families="dummy,linear",
            repeats=1,
        )
        for samples in (rows(60, d=1, shift=0.0), rows(900, d=1, shift=0.0))
    )
    assert few.simplest.name == many.simplest.name == "dummy"
    assert "better is not ruled out" in " ".join(few.verdict())  # 60 rows do not show that there is nothing
    assert "nothing can be learnt" in " ".join(many.verdict())


def test_numbers_are_compared_too():
    found = compare(numbers(), **QUICK)
    assert (found.metric, found.best.name) == ("r2", "linear")
    assert found.figure(found.family("linear")).value > 0.95
    assert abs(found.figure(found.family("dummy")).value) < 0.1
    assert found.boundaries.answer.shape == (2, 60, 60, 1)


def test_a_feature_can_be_the_target():
    found = compare(rows(), target="f2", features="f0,f1", **QUICK)
    assert found.kind == "regression"
    assert found.boundaries.features == ["f0", "f1"]


def test_the_same_bits_for_any_number_of_threads():
    settings = {"families": "forest,boosting,network", "repeats": 1, "folds": 2}
    one, three = (compare(rows(45, d=1), n_jobs=n, **settings) for n in (1, 3))
    assert dataclasses.replace(one, settings={}).digest() == dataclasses.replace(three, settings={}).digest()


def test_pictures_hold_what_the_families_answer():
    samples = rows()
    found = compare(samples, pair="f0,f2", **QUICK).boundaries
    assert (found.features, found.units, found.chosen) == (["f0", "f2"], ["mm", "mm"], False)
    assert found.names == ["linear", "tree"]
    two = samples.select(["f0", "f2"])
    settings = compare(two, **QUICK).family("linear").settings_chosen
    model = fit_family(two, family="linear", kind="classification", settings=settings)
    at = dataclasses.replace(
        two.take([0]), features=np.array([[found.across[7], found.up[50]]])
    )  # 7 across, 50 up
    np.testing.assert_allclose(found.answer[0, 50, 7], model.predict(at).probability[0])
    np.testing.assert_allclose(found.answer.sum(axis=-1), 1)


def test_a_chosen_pair_is_said_to_be_and_one_feature_has_no_picture():
    assert compare(rows(), **QUICK).boundaries.chosen
    assert compare(rows(d=1), **QUICK).boundaries is None


def test_on_the_best_pair_of_many_features_noise_scores_chance():
    told, flattered = [], []
    for seed in range(3):
        random = np.random.default_rng(seed)
        noise = rows(60, 200, shift=0.0, seed=seed).with_labels(random.choice(["green", "red"], 60))
        settings = {"families": "dummy,neighbors", "repeats": 1, "folds": 3}
        told.append(compare(noise, **settings).boundaries)
        named = compare(noise, pair=told[-1].features, **settings).boundaries
        flattered.append(named.figures[0].value)
        np.testing.assert_array_equal(told[-1].rows, noise.select(told[-1].features).features)  # of all rows
    assert np.mean([one.figures[0].value for one in told]) < 0.58
    assert np.mean(flattered) > 0.62  # the mutant: the pair that all rows chose, judged by the same rows


def test_a_class_of_two_rows_and_groups_that_hold_a_class_do_no_harm():
    samples = rows(60, classes=2)
    labels = samples.labels.copy()
    labels[:2] = "rare"
    assert compare(samples.with_labels(labels), **QUICK).classes == ["green", "rare", "red"]
    grouped = rows(60, groups=np.arange(60) % 3)  # each group is all of one class
    found = compare(grouped, **QUICK)
    assert found.figure(found.best).value == 0
    assert found.simplest.name == "dummy"


def test_bad_input_gets_a_sentence():
    with pytest.raises(SettingError, match="Did you mean 'forest'"):
        compare(rows(), families="dummy,forrest")
    with pytest.raises(SettingError, match="at least 2"):
        compare(rows(), families="forest")
    with pytest.raises(SettingError, match="'reference' setting"):
        compare(rows(), families="dummy,tree", reference="forest")
    with pytest.raises(SettingError, match="must be two features"):
        compare(rows(), pair="f0", **QUICK)
    with pytest.raises(SettingError, match="'metric' setting"):
        compare(rows(), metric="r2", **QUICK)
    with pytest.raises(DataError, match="The target of compare must differ"):
        compare(rows().with_target(np.ones(90)), kind="regression", **QUICK)
    with pytest.raises(DataError, match="must have labels"):
        compare(rows().with_labels(None), kind="classification", **QUICK)
    with pytest.raises(DataError, match="must be at most"):
        compare(dataclasses.replace(rows(), features=rows().features * 1e60), **QUICK)


def test_progress_runs_from_start_to_end_and_can_stop():
    told = []
    compare(rows(), on_progress=lambda done, total: told.append((done, total)), **QUICK)
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
    with pytest.raises(Stopped):
        compare(rows(), on_progress=lambda done, total: False, **QUICK)


def test_a_comparison_with_pictures_comes_back_from_disk(tmp_path):
    found = compare(rows(), **QUICK)
    assert Result.load(found.save(tmp_path / "c.clew")).digest() == found.digest()


@pytest.mark.slow
def test_all_families_on_penguins():
    frame = pd.read_csv(shared("tables/penguins.csv")).dropna()
    columns = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
    table = frame[[*columns, "species"]].reset_index(drop=True)
    found = compare(Samples.from_frame(table, labels="species"), repeats=1, folds=3)
    assert found.n_candidates == 24
    assert found.simplest.name == "linear"
    assert all(found.figure(one).value > 0.93 for one in found.families if one.name != "dummy")
    assert all(
        one.to_reference.told_apart == (one.name == "dummy") for one in found.families if one.to_reference
    )
