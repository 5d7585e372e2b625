"""Labelled rows are told from others only where they differ, whichever way labels came to be."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from clew.errors import DataError, SettingError, Stopped
from clew.result import Result
from clew.samples import Samples
from clew.splits import folds
from clew.validate import representative as module
from clew.validate.representative import representative


def table(X, labelled, group, **more):
    n = len(X)
    return Samples(
        features=X,
        feature_names=tuple(f"f{i}" for i in range(X.shape[1])),
        units=("",) * X.shape[1],
        sample=np.array([f"row{i}" for i in range(n)]),
        origin=pd.DataFrame({"source": ["table"] * n}),
        group=np.asarray(group).astype(str),
        labels=np.where(labelled, "a", ""),
        **more,
    )


def world(how, seed, *, n_groups=12, size=20, d=6, alike=0.3, slope=0.0):
    """Return rows of groups that differ, of which some are labelled; ``slope`` is selection on f0."""
    rng = np.random.default_rng([seed, n_groups])
    group = np.repeat(np.arange(n_groups), size)
    X = rng.normal(size=(len(group), d)) * np.sqrt(1 - alike)
    X += (rng.normal(size=(n_groups, d)) * np.sqrt(alike))[group]
    if how == "whole groups":
        labelled = np.isin(group, rng.permutation(n_groups)[: n_groups // 3])
        X[labelled, 0] += slope
    elif how == "shares":
        labelled = rng.random(len(X)) < rng.beta(1, 1, n_groups)[group]
    else:
        labelled = rng.random(len(X)) < 1 / (1 + np.exp(-slope * X[:, 0]))
    return table(X, labelled, group)


def rejected(worlds, p_of):
    return np.mean([p_of(one) <= 0.05 for one in worlds])


def p_value(samples):
    return representative(samples, permutations=39).p_value


@pytest.mark.parametrize("how", ["random", "shares", "whole groups"])
def test_labels_that_came_by_chance_are_seldom_taken_for_a_selection(how):
    """Of 300 data sets each, with 199 permutations, 4.7 to 6.0% were."""
    worlds = [world(how, seed) for seed in range(120)]
    assert rejected(worlds, p_value) <= 0.11  # 5% of 120 passes 13 once in 200


@pytest.mark.parametrize("how, at_least", [("shares", 0.09), ("whole groups", 0.15)])
def test_permuting_rows_freely_where_groups_decide_takes_chance_for_selection(how, at_least):
    def free(samples):
        labelled = samples.labels != ""
        parts = folds(samples.with_labels(None))
        test = module._Test.of(replace(samples, group=samples.sample), labelled, "rows", 0)
        test = replace(test, train=parts.train, test=parts.test)
        return module._share_at_least(test.figures(39, np.random.default_rng(0), lambda done: None)[0])

    assert rejected([world(how, seed) for seed in range(120)], free) >= at_least


def test_selection_on_a_feature_is_seen_and_the_feature_named():
    worlds = [world("random", seed, slope=1.0) for seed in range(20)]
    found = [representative(one, permutations=99) for one in worlds]
    assert np.mean([one.differs for one in found]) >= 0.85
    assert np.mean([one.feature_names[one.order()[0]] == "f0" for one in found]) >= 0.95
    assert np.mean([(one.p_feature[1:] <= 0.05).any() for one in found]) <= 0.2  # the others are innocent


def test_groups_that_were_chosen_for_a_feature_are_seen():
    worlds = [world("whole groups", seed, slope=2.0) for seed in range(20)]
    assert rejected(worlds, p_value) >= 0.75


def test_rows_from_the_middle_alone_are_seen_though_no_mean_differs():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    labelled = np.abs(X[:, 1]) < rng.uniform(0.2, 1.5, 400)
    result = representative(table(X, labelled, np.arange(400)))
    assert result.differs and result.how == "rows"
    assert result.headline().endswith(
        "in no single feature clearly: figures hold for rows like the labelled ones"
    )


# ---- the figures ----
def test_scores_are_those_of_scikit_learns_ridge_without_the_fold():
    samples = world("random", 3, slope=0.8)
    result = representative(samples, permutations=19)
    labelled, group = samples.labels != "", samples.group
    frame = pd.DataFrame(samples.features)
    Z = (frame - frame.groupby(group).transform("mean")).to_numpy()
    Z = np.clip(Z / Z.std(axis=0), -4, 4)
    squares = pd.DataFrame(Z**2)
    Z = np.hstack([Z, 0.5 * (squares - squares.groupby(group).transform("mean")).to_numpy()])
    y = labelled - pd.Series(labelled.astype(float)).groupby(group).transform("mean").to_numpy()
    score = np.empty(len(y))
    for train, test in zip(*(lambda parts: (parts.train, parts.test))(folds(samples.with_labels(None)))):
        score[test] = Z[test] @ Ridge(alpha=train.sum()).fit(Z[train], y[train]).coef_
    pairs = [
        (np.sign(score[i] - score[j]) + 1) / 2
        for name in np.unique(group)
        for i, j in itertools.product(np.flatnonzero((group == name) & labelled), np.flatnonzero((group == name) & ~labelled))
    ]  # fmt: skip
    assert result.auc == pytest.approx(np.mean(pairs), abs=1e-12)


def test_the_auc_over_all_rows_is_scikit_learns_also_with_ties():
    rng = np.random.default_rng(0)
    score, y = rng.integers(0, 5, (50, 3)).astype(float), (rng.random((50, 3)) < 0.4).astype(float)
    found = module._auc(score, y, np.zeros(50, int))
    np.testing.assert_allclose(found, [roc_auc_score(y[:, i], score[:, i]) for i in range(3)], atol=1e-12)


def test_differences_are_cohens_d_and_within_groups_those_of_a_regression_on_groups():
    samples = world("whole groups", 1, slope=1.0)
    a, b = samples.features[samples.labels != ""], samples.features[samples.labels == ""]
    pooled = np.sqrt((((a - a.mean(0)) ** 2).sum(0) + ((b - b.mean(0)) ** 2).sum(0)) / (len(a) + len(b) - 2))
    np.testing.assert_allclose(
        representative(samples, permutations=19).difference, (a.mean(0) - b.mean(0)) / pooled
    )

    mixed = world("random", 1, slope=1.0)
    design = np.column_stack([mixed.labels != "", pd.get_dummies(mixed.group).to_numpy(float)]).astype(float)
    beta, left, *_ = np.linalg.lstsq(design, mixed.features)
    expected = beta[0] / np.sqrt(left / (len(design) - design.shape[1]))
    np.testing.assert_allclose(representative(mixed, permutations=19).difference, expected)


# ---- groups of both sorts ----
def shifted(n_mixed, *, labelled_in_each=5, n_whole=10, by=3.0):
    """Return groups of 20, half of the whole ones labelled and ``by`` standard deviations off, and mixed ones that are not."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(n_whole + n_mixed), 20)
    X = rng.normal(size=(len(group), 4))
    X[group < n_whole // 2] += by
    some = (group >= n_whole) & (np.arange(len(group)) % 20 < labelled_in_each)
    return table(X, (group < n_whole // 2) | some, group)


@pytest.mark.parametrize("n_mixed, each", [(1, 1), (1, 5), (3, 5)])
def test_a_few_mixed_groups_do_not_hide_that_whole_groups_differ(n_mixed, each):
    alone = representative(shifted(0))
    result = representative(shifted(n_mixed, labelled_in_each=each))
    assert alone.differs and result.differs and result.how == "whole groups"
    assert result.auc == pytest.approx(alone.auc)
    said = " ".join(result.sentences())
    assert "between the 10 groups with labels on all or none of their rows, as wholes: AUC 1.00" in said
    if (
        each == 1
    ):  # the fold of the one labelled row has nothing to learn from: one test, which is not doubled
        assert "not tested, as 1 labelled row is too few" in said and "Bonferroni" not in said
        assert result.p_value == result.tests[1]["p_value"]
    else:
        within, whole = result.tests
        assert result.p_value == pytest.approx(2 * whole["p_value"]) and within["p_value"] > 0.05
        assert f"AUC {within['auc']:.2f}, p = " in said and "doubled (Bonferroni)" in said


def test_training_within_groups_where_all_but_one_are_whole_knows_nothing_and_would_say_half():
    """The behaviour that the tests above exclude: within groups, labels less their mean are 0 in groups that are whole."""
    samples = shifted(1)
    labelled = samples.labels != ""
    test = module._Test.of(samples.with_labels(None), labelled, "within groups", 0)
    centred = module._less_mean(test.labelled[:, None], test.stratum)
    score = test.scores(centred)
    assert (score[samples.group == "10"] == 0).all() and not test.can_train()
    assert module._auc(score, test.labelled[:, None], test.stratum)[0] == 0.5


@pytest.mark.parametrize("places", [False, True])
def test_one_image_of_which_only_large_objects_are_labelled_is_compared_with_itself(places):
    rng = np.random.default_rng(0)
    group, X = np.repeat(np.arange(8), 40), rng.normal(size=(320, 4))
    samples = table(X, (group == 0) & (X[:, 0] > 0.5), group)
    if places:
        origin = pd.DataFrame({"source": group.astype(str), "centroid_row": rng.uniform(0, 99, 320), "centroid_col": rng.uniform(0, 99, 320)})  # fmt: skip
        samples = replace(samples, origin=origin)
    result = representative(samples)
    assert result.differs and result.auc > 0.8 and result.how == "within groups"
    assert result.order()[0] == 0 and "most in f0" in result.headline()
    said = result.sentences()
    assert "Compared within the 1 of 8 groups that holds rows of both kinds." in said
    assert any(one.startswith("7 groups have no label") for one in said)
    own = np.flatnonzero(group == 0)  # the witness: that image by itself
    alone = representative(table(X[own], X[own, 0] > 0.5, np.arange(40)))
    np.testing.assert_allclose(result.difference, alone.difference)


def test_chance_is_seldom_taken_for_a_selection_where_groups_are_of_both_sorts():
    """Of 300 data sets of 12 groups, with 199 permutations, 4.7% were."""
    worlds = []
    for seed in range(120):
        one = world("random", seed)
        kind = (np.random.default_rng(seed).permutation(12) % 3)[one.group.astype(int)]
        worlds.append(
            table(one.features, np.choose(kind, [np.True_, np.False_, one.labels != ""]), one.group)
        )
    assert rejected(worlds, p_value) <= 0.11


def test_an_auc_of_a_classifier_that_could_not_be_trained_is_not_shown():
    samples = world("whole groups", 0, n_groups=8)
    one = representative(table(samples.features, samples.group == "3", samples.group))
    assert np.isnan(one.auc) and np.isnan(one.p_value) and one.summary()["auc"] is None
    assert one.headline().endswith(
        "not tested: 1 labelled group is too few: without it no model can be trained"
    )
    of_groups = world("random", 0)
    X = np.stack([of_groups.group.astype(float)] * 2, axis=1)  # measured once for a group
    said = representative(table(X, of_groups.labels != "", of_groups.group)).headline()
    assert said.endswith("not tested: no feature varies within the groups")
    few = world("random", 0, n_groups=1, size=5)
    group = np.array(["a"] * 3 + ["b", "c"])
    both = representative(table(few.features, np.arange(5) < 1, group))
    assert "not tested: 3 rows of the only group that holds both kinds are too few" in both.headline()
    assert "0.50" not in " ".join(both.sentences()) and "nan" not in " ".join(both.sentences())


def test_two_labelled_groups_are_never_both_left_out_where_groups_are_few():
    """In 5 folds of 12 groups two of them share a fold often; that fold learnt from unlabelled rows alone."""
    samples = world("whole groups", 0)
    for pair in itertools.combinations("02469", 2):
        assert np.isfinite(
            representative(
                table(samples.features, np.isin(samples.group, pair), samples.group), permutations=19
            ).auc
        )


# ---- how labels are dealt ----
def test_labels_are_dealt_anew_within_their_groups_or_group_by_group():
    random = np.random.default_rng(0)
    mixed, whole = world("shares", 0), world("whole groups", 0)
    for samples, keeps in ((mixed, "within groups"), (whole, "whole groups")):
        labelled = samples.labels != ""
        ((test,), _) = module._tests(samples.with_labels(None), labelled, 0)
        assert test.how == keeps
        dealt = [test.dealt(random) for _ in range(20)]
        assert any((one != labelled).any() for one in dealt)
        shares = [np.bincount(test.unit, one) / np.bincount(test.unit) for one in dealt]
        if keeps == "within groups":
            assert all((one == shares[0]).all() for one in shares)
        else:
            assert all(set(one) == {0.0, 1.0} and one.sum() == 4 for one in shares)


def test_adjusted_p_is_that_of_the_largest_feature_in_each_permutation():
    difference = np.array([[3.0, 1, -1, 2, 0.5], [0.1, 1, 4, -1, 0.2]])
    size = np.abs(difference) / np.sqrt((difference**2).mean(axis=1, keepdims=True))
    slow = [np.mean([one >= size[c, 0] for one in [np.inf, *size.max(axis=0)[1:]]]) for c in range(2)]
    np.testing.assert_allclose(module._adjusted(difference), slow)


def test_the_same_seed_gives_the_same_bits_and_it_survives_the_disk(tmp_path):
    samples = world("random", 0, slope=1.0)
    result = representative(samples, random_state=3)
    assert result.digest() == representative(samples, random_state=3).digest()
    again = Result.load(result.save(tmp_path / "result.zip"))
    assert again.sentences() == result.sentences() and again.summary() == result.summary()


# ---- what is said ----
def test_the_sentence_says_verdict_figures_feature_and_what_it_means():
    samples = world("random", 5, slope=1.2)
    result = representative(samples)
    assert result.headline() == (
        f"Labelled rows differ from the others (AUC {result.auc:.2f}, p = 0.005), most in f0 (labelled ones are larger by"
        f" {result.difference[0]:.1f} standard deviations): figures hold for rows like the labelled ones"
    )
    assert "That a feature differs does not say why: correlation is not causation." in result.sentences()
    assert any("smaller f0" in one for one in result.sentences() if one.startswith("Label next: "))


def test_a_feature_that_could_stand_in_for_the_first_is_named():
    samples = world("random", 5, slope=1.2)
    X = np.column_stack([samples.features, samples.features[:, 0] + 1e-3 * samples.features[:, 1]])
    said = representative(table(X, samples.labels != "", samples.group)).sentences()
    assert any("could stand in for" in one and "f6" in one and "f0" in one for one in said)


def test_no_difference_seen_is_not_called_proof():
    said = representative(world("random", 1)).sentences()[0]
    assert (
        said.startswith("Labelled rows were not seen to differ") and "no proof" in said and "AUC 0." in said
    )


def test_a_feature_that_differs_is_named_though_the_whole_is_not_seen_to():
    result = representative(world("random", 5, slope=1.2))
    said = replace(result, p_value=0.2).sentences()[0]
    assert said.startswith("On the whole labelled rows were not seen to differ") and "most in f0" in said


def test_all_rows_labelled_is_a_state_and_no_error():
    samples = world("random", 0)
    result = representative(samples.with_labels(np.full(samples.n_rows, "a")))
    assert result.sentences() == ["All rows are labelled, nothing to compare."] and result.next == []
    assert result.summary()["p_value"] is None


@pytest.mark.parametrize("labels", [None, ""])
def test_where_no_row_is_labelled_it_is_said_where_to_begin(labels):
    samples = world("random", 0)
    result = representative(
        samples.with_labels(labels if labels is None else np.full(samples.n_rows, labels))
    )
    assert result.sentences()[0] == "No row is labelled, nothing to compare." and len(result.next) == 10


def test_whole_groups_that_are_too_few_are_not_tested_but_the_auc_is_said():
    samples = world("whole groups", 0, n_groups=5, slope=3.0)
    result = representative(table(samples.features, np.isin(samples.group, ["1", "4"]), samples.group))
    assert np.isnan(result.p_value) and np.isfinite(result.auc) and not result.differs
    assert (
        f"not tested (AUC {result.auc:.2f}): 5 groups" in result.headline()
        and "6 are needed" in result.headline()
    )
    assert result.next_what == "groups" and "Label next: the groups" in result.sentences()[-1]


def test_few_ways_of_dealing_labels_are_said():
    samples = world("whole groups", 0, n_groups=6)
    first = np.isin(samples.group, ["0", "1"])
    result = representative(table(samples.features, first, samples.group))
    assert result.smallest_p == pytest.approx(1 / 15)
    assert any("in 15 ways only: p cannot be below 0.07" in one for one in result.sentences())


def test_groups_without_any_label_are_said_to_be_untested():
    samples = world("random", 0)
    labelled = (samples.labels != "") & (samples.group.astype(int) < 5)
    said = representative(table(samples.features, labelled, samples.group)).sentences()
    assert any("within the 5 of 12 groups" in one for one in said)
    assert any(one.startswith("7 groups have no label") for one in said)


def test_a_target_counts_as_a_label_for_regression():
    samples = world("random", 0, slope=1.0)
    target = np.where(samples.labels != "", 1.5, np.nan)
    as_numbers = representative(samples.with_labels(None).with_target(target), kind="regression")
    assert as_numbers.p_value == representative(samples).p_value


def test_one_image_is_compared_within_its_blocks_and_that_is_said():
    samples = world("random", 0, n_groups=1, size=200, alike=0.0, slope=1.0)
    rng = np.random.default_rng(0)
    places = pd.DataFrame({"source": "a.tif", "centroid_row": rng.uniform(0, 99, 200), "centroid_col": rng.uniform(0, 99, 200)})  # fmt: skip
    result = representative(
        Samples(samples.features, samples.feature_names, samples.units, samples.sample, places, samples.group, samples.labels)
    )  # fmt: skip
    assert result.how == "within groups" and result.differs
    assert any("its 20 blocks" in note for note in result.notes)
    assert any("one source" in note for note in representative(samples).notes)


def test_constant_features_differ_by_nothing():
    samples = world("random", 0, slope=1.0)
    X = np.column_stack([samples.features, np.full(samples.n_rows, 0.1), samples.group.astype(float)])
    result = representative(table(X, samples.labels != "", samples.group))
    assert (result.difference[6:] == 0).all() and (result.p_feature[6:] > 0.5).all()


# ---- where to label next ----
def test_rows_to_label_next_lie_where_labels_are_missing_and_not_all_in_one_place():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    X[120:160, 0] += 9
    X[160:, 1] += 9
    labelled = np.arange(200) < 60
    result = representative(table(X, labelled, np.arange(200)))
    rows = np.array([int(name[3:]) for name in result.next])
    assert len(rows) == 10 and not labelled[rows].any()
    assert ((rows >= 120) & (rows < 160)).sum() >= 3 and (rows >= 160).sum() >= 3


def test_no_group_gets_more_than_its_share_of_the_rows_to_label():
    samples = world("random", 0, n_groups=5, slope=1.0)
    result = representative(samples)
    groups = samples.group[[int(name[3:]) for name in result.next]]
    assert np.unique(groups, return_counts=True)[1].tolist() == [2] * 5


def test_each_choice_covers_more_than_any_other_row_would():
    rng = np.random.default_rng(1)
    Z, labelled = rng.normal(size=(60, 3)), np.arange(60) < 20
    rows = np.arange(20, 60)
    chosen = module._standing_for(Z, rows, labelled, np.arange(60), 4)
    held = list(np.flatnonzero(labelled))
    for pick in chosen:
        left = [((Z[rows][:, None] - Z[[*held, row]][None]) ** 2).sum(-1).min(1).sum() for row in rows]
        assert left[pick] == pytest.approx(min(left))
        held.append(rows[pick])


# ---- bad input ----
def test_settings_and_data_that_cannot_be_used_are_refused_and_it_can_be_stopped():
    samples = world("random", 0)
    with pytest.raises(SettingError, match="'permutations' of representative"):
        representative(samples, permutations=9)
    with pytest.raises(DataError, match="must have features"):
        representative(table(np.empty((5, 0)), np.arange(5) < 2, np.arange(5)))
    seen = []
    with pytest.raises(Stopped):
        representative(samples, on_progress=lambda done, total: seen.append((done, total)) or len(seen) < 2)
    assert len(seen) == 2 and seen[0][1] == 199
