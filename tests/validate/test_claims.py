"""Named features are confirmed where they tell people's labels, and never where that would be circular."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from math import factorial

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import balanced_accuracy_score, r2_score, roc_auc_score

from clew.errors import SettingError
from clew.result import Result
from clew.validate import claims as module
from clew.validate.claims import CAUTION, CIRCULAR, LATE, OF_NET, judge, stands_for, state, truth_of
from tests.validate.confirm_worlds import table


def hypothesis(*features, number=1, about="", by="person", late=False):
    return {
        "number": number,
        "features": list(features),
        "statement": f"{' and '.join(features)} tell",
        "about": about,
        "by": by,
        "late": late,
    }


def world(seed=0, *, n_open=200, n_sealed=100, slope=0.0, confounded=0.0, groups=(8, 4), kind="labels"):
    """Rows of images; labels follow f0 with ``slope``, and the image, as the features do, if ``confounded``."""
    rng = np.random.default_rng(seed)
    image = np.r_[rng.integers(groups[0], size=n_open), groups[0] + rng.integers(groups[1], size=n_sealed)]
    of_image = rng.normal(size=sum(groups))[image]
    X = rng.normal(size=(image.size, 4)) + confounded * of_image[:, None]
    eta = slope * X[:, 0] + 1.5 * confounded * of_image
    sealed = image >= groups[0]
    if kind == "target":
        return (
            table(X, groups=image, target=eta + rng.normal(size=eta.size)),
            sealed,
            np.zeros(eta.size, bool),
        )
    if kind == "three":
        labels = np.array(["a", "b", "c"])[np.digitize(eta + rng.logistic(size=eta.size), [-0.8, 0.8])]
    elif kind == "whole":
        labels = np.where(of_image > 0, "a", "b")
    else:
        labels = np.where(rng.random(eta.size) < 1 / (1 + np.exp(-eta)), "a", "b")
    return table(X, groups=image, labels=labels), sealed, np.ones(eta.size, bool)


def asked(made, *stated, **settings):
    samples, sealed, by_person = made
    return judge(stated, truth_of(samples, sealed, by_person), samples.take(~sealed), **settings)


ALL = [hypothesis(f"f{i}", number=i + 1) for i in range(4)]


# ---- the figures ----
def test_the_statistic_is_scikit_learns_auc_and_scipys_correlation():
    rng = np.random.default_rng(0)
    score = rng.dirichlet(np.ones(3), size=60)
    y = rng.integers(3, size=60)
    wanted = roc_auc_score(y, score, multi_class="ovr")
    assert module._aucs(np.stack([y, y]), score) == pytest.approx([wanted, wanted], abs=1e-12)
    half = rng.integers(9, size=60) / 8  # with ties
    two = np.column_stack([1 - half, half])
    assert module._aucs((y == 1)[None].astype(int), two)[0] == pytest.approx(roc_auc_score(y == 1, half))
    numbers = np.round(rng.normal(size=60), 1)
    assert module._spearmans(numbers[None], score[:, :1])[0] == pytest.approx(
        spearmanr(numbers, score[:, 0])[0]
    )
    assert module._spearmans(numbers[None], np.ones((60, 1)))[0] == 0


def test_balanced_accuracy_r2_and_the_statistic_are_those_of_the_tree_on_sealed_rows():
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    shape = {"max_depth": 2, "min_samples_leaf": 5, "random_state": 0}
    samples, sealed, _ = made = world(1, slope=2.0)
    tree = DecisionTreeClassifier(class_weight="balanced", **shape)
    tree.fit(samples.features[~sealed][:, [0, 2]], samples.labels[~sealed])
    claim = asked(made, hypothesis("f2", "f0"))[0]
    X, y = samples.features[sealed][:, [0, 2]], samples.labels[sealed]
    assert claim.figure.value == pytest.approx(balanced_accuracy_score(y, tree.predict(X)))
    assert claim.statistic == pytest.approx(roc_auc_score(y, tree.predict_proba(X)[:, 1]))
    assert (claim.n_open, claim.n_sealed) == (200, 100)

    samples, sealed, _ = made = world(1, slope=2.0, kind="target")
    tree = DecisionTreeRegressor(**shape).fit(samples.features[~sealed][:, :1], samples.target[~sealed])
    claim = asked(made, hypothesis("f0"))[0]
    says = tree.predict(samples.features[sealed][:, :1])
    assert claim.figure.value == pytest.approx(r2_score(samples.target[sealed], says))
    assert claim.statistic == pytest.approx(spearmanr(samples.target[sealed], says)[0])
    assert claim.statistic_name == "Spearman's correlation" and claim.figure_name == "R2"


@pytest.mark.parametrize("kind", ["labels", "three", "target", "whole"])
def test_the_effect_is_what_shuffling_the_features_costs_on_average(kind):
    samples, sealed, _ = made = world(3, slope=2.0, confounded=0.5, kind=kind, groups=(8, 10))
    claim = asked(made, hypothesis("f0"))[0]
    assert claim.exchanged == ("whole groups" if kind == "whole" else "within groups")
    fitted, rows = samples.take(~sealed), samples.take(sealed)
    numbers = kind == "target"
    y_open, y = (
        one.target if numbers else np.unique(one.labels, return_inverse=True)[1] for one in (fitted, rows)
    )
    columns = [module._columns(one, ["f0"], fitted) for one in (fitted, rows)]
    score = module._scores(columns[0], y_open, columns[1], "regression" if numbers else "classification")
    says = score[:, 0] if numbers else score.argmax(axis=1)
    figure = r2_score if numbers else balanced_accuracy_score
    rng = np.random.default_rng(0)
    costs = []
    for _ in range(150):
        mixed = says.copy()
        for group in np.unique(rows.group) if kind != "whole" else [None]:
            of = np.flatnonzero(rows.group == group) if group is not None else np.arange(len(says))
            mixed[of] = says[rng.permutation(of)]
        costs.append(figure(y, says) - figure(y, mixed))
    assert claim.effect.value == pytest.approx(np.mean(costs), abs=4 * np.std(costs) / np.sqrt(150))
    assert claim.effect.low <= claim.effect.value <= claim.effect.high


# ---- what is permuted ----
def test_labels_stay_in_their_groups_or_groups_stay_whole():
    rng = np.random.default_rng(0)
    unit = rng.integers(5, size=40)
    y = rng.integers(3, size=40)
    for block in module._permuted(y, unit, "within groups", 50, rng):
        assert block.shape == (50, 40)
        for row in block:
            assert all(sorted(row[unit == u]) == sorted(y[unit == u]) for u in range(5))
        assert (block != y).any(axis=1).all()
    of_unit = np.array([0, 0, 1, 1, 2])[unit]
    for row in next(module._permuted(of_unit, unit, "whole groups", 50, rng)):
        first = [row[unit == u][0] for u in range(5)]
        assert sorted(first) == [0, 0, 1, 1, 2] and (np.array(first)[unit] == row).all()


def test_every_arrangement_is_as_likely_as_any_other(monkeypatch):
    y, unit = np.array([0, 1, 2, 0, 1]), np.array([0, 0, 0, 1, 1])
    monkeypatch.setattr(module, "AT_ONCE", 1000)  # many blocks
    rows = np.concatenate(list(module._permuted(y, unit, "within groups", 6000, np.random.default_rng(1))))
    arrangements, counts = np.unique(rows, axis=0, return_counts=True)
    assert len(rows) == 6000 and len(arrangements) == factorial(3) * 2
    assert ((counts - 500) ** 2 / 500).sum() < 31  # chi-square of 11: p = 0.001


def test_the_smallest_p_counts_the_different_arrangements():
    y, unit = np.array([0, 0, 1, 1, 1, 0]), np.array([0, 0, 0, 0, 1, 1])
    within = {(*a, *b) for a in permutations(y[:4].tolist()) for b in permutations(y[4:].tolist())}
    assert module._smallest_p(y, unit, "within groups") == pytest.approx(1 / len(within))
    unit = np.array([0, 0, 0, 1, 2, 3])
    y = np.array([1, 1, 1, 0, 0, 1])
    whole = set(permutations([1, 0, 0, 1]))
    assert module._smallest_p(y, unit, "whole groups") == pytest.approx(1 / len(whole))
    assert module._smallest_p(y, np.arange(6), "rows") == pytest.approx(1 / 15)


def test_p_is_that_of_all_arrangements():
    """The slow twin: every arrangement of the sealed labels within their groups, scored pair by pair."""
    samples, sealed, by_person = world(5, n_open=60, n_sealed=12, slope=2.0, groups=(3, 2))
    truth = truth_of(samples, sealed, by_person)
    claim = judge([hypothesis("f0")], truth, samples.take(~sealed), permutations=9999)[0]
    rows = truth.sealed
    columns = [module._columns(one, ["f0"], truth.open) for one in (truth.open, rows)]
    y_open = (truth.open.labels == "b").astype(int)
    score = module._scores(columns[0], y_open, columns[1], "classification")[:, 1]
    parts = [np.flatnonzero(rows.group == g) for g in np.unique(rows.group)]
    y = (rows.labels == "b").astype(int)
    areas = []

    def area(y):  # by pairs
        more = score[y == 1][:, None] - score[y == 0]
        return np.mean((more > 0) + 0.5 * (more == 0))

    for one in set(permutations(y[parts[0]].tolist())):
        for other in set(permutations(y[parts[1]].tolist())):
            mixed = y.copy()
            mixed[parts[0]], mixed[parts[1]] = one, other
            areas.append(area(mixed))
    exact = np.mean(np.array(areas) >= area(y) - 1e-12)
    assert 1 / len(areas) == pytest.approx(module._smallest_p(y, np.unique(rows.group, return_inverse=True)[1], "within groups"))  # fmt: skip
    assert claim.p_value == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 9999) + 2e-4)


# ---- what is confirmed ----
def confirmed(n, **how):
    """The share of studies in which each of the four hypotheses is confirmed, shape (n, 4)."""
    found = [asked(world(seed, **how), *ALL, permutations=199, random_state=seed) for seed in range(n)]
    return np.array([[claim.verdict == "confirmed" for claim in four] for four in found])


@pytest.mark.parametrize(
    "how", [{}, {"confounded": 1.0}, {"kind": "target", "confounded": 1.0}, {"kind": "three"}]
)
def test_nothing_is_confirmed_where_nothing_is_told_even_if_images_differ(how):
    """Any of four, after Holm, in 200 studies each: 3.5, 1.5, 4.5 and 5.0% of them."""
    assert confirmed(20, **how).any(axis=1).sum() <= 3


def test_the_mutant_that_permutes_freely_confirms_what_images_do(monkeypatch):
    monkeypatch.setattr(module, "units", lambda samples: (samples.sample, ""))
    assert confirmed(10, confounded=1.0).any(axis=1).sum() >= 4


@pytest.mark.parametrize(
    "how", [{"slope": 2.0}, {"slope": 2.0, "kind": "target"}, {"slope": 3.0, "kind": "three"}]
)
def test_only_the_feature_that_tells_the_labels_is_confirmed(how):
    found = confirmed(12, **how)
    assert found[:, 0].sum() >= 11
    assert found[:, 1:].any(axis=1).sum() <= 3


def test_holm_counts_every_different_test_on_record():
    made = world(2, slope=2.0)
    again = [
        *ALL,
        hypothesis("f0", number=5),
        hypothesis("f0", "f1", number=6),
        hypothesis("f1", "f0", number=7),
    ]
    found = asked(made, *again)
    assert {claim.n_tests for claim in found} == {5}
    p = sorted({claim.number: claim.p_value for claim in found if claim.number not in (5, 7)}.items(), key=lambda one: one[1])  # fmt: skip
    adjusted, highest = {}, 0.0
    for rank, (number, value) in enumerate(p):
        highest = max(highest, min(1.0, (5 - rank) * value))
        adjusted[number] = highest
    for claim in found:
        same = {5: 1, 7: 6}.get(claim.number, claim.number)
        assert claim.p_adjusted == pytest.approx(adjusted[same])


def test_a_hypothesis_that_could_not_be_tested_still_counts():
    found = asked(world(2, slope=2.0), hypothesis("f0"), hypothesis("f1", number=2, about="no such class"))
    assert found[0].n_tests == 2 and found[0].p_adjusted == pytest.approx(2 * found[0].p_value)
    assert found[1].verdict == "not tested" and "No open row has the label 'no such class'" in found[1].reason


# ---- what is refused ----
def test_what_was_stated_of_a_nets_groups_is_refused_and_the_same_of_labels_is_tested():
    of_net, own = asked(world(2, slope=2.0), hypothesis("f0", by="net"), hypothesis("f0", number=2))
    assert of_net.verdict == "not tested" and of_net.reason == OF_NET and np.isnan(of_net.p_value)
    assert own.verdict == "confirmed" and own.n_tests == 2  # stated twice, it counts twice


@pytest.mark.parametrize("part", ["nobody", "open", "sealed"])
def test_groups_are_never_tested_on_the_features_that_made_them(part):
    samples, sealed, _ = world(0, slope=8.0)
    by_person = {"nobody": sealed & ~sealed, "open": ~sealed, "sealed": sealed}[part]
    claim = asked((samples, sealed, by_person), hypothesis("f0", by="look"), permutations=9999)[0]
    assert claim.verdict == "not tested" and claim.reason == CIRCULAR
    assert np.isnan(claim.p_value) and np.isnan(claim.p_adjusted) and claim.summary()["p_value"] is None
    assert "in them even where there are no groups, on sealed rows too" in claim.headline()
    own = asked((samples, sealed, by_person), hypothesis("f0"))[0]
    assert own.verdict == "not tested" and "clew label" in own.reason


def test_a_look_is_asked_about_peoples_labels_and_its_named_group_about_their_class():
    made = world(0, slope=3.0, kind="three")
    found = asked(
        made,
        hypothesis("f0"),
        hypothesis("f0", by="look", about="a", number=2),
        hypothesis("f0", by="look", about="round", number=3),
        hypothesis("f0", about="b", number=4),
    )
    assert [one.tested_as for one in found] == [
        "people's labels", "a from the rest", "", "b from the rest",
    ]  # fmt: skip
    assert found[0].n_tests == 4 and "Asked to tell 'a' from the rest on" in found[1].headline()
    assert found[2].verdict == "not tested" and "no class of people's stands for the group" in found[2].reason
    assert found[0].verdict == found[1].verdict == "confirmed"
    two = asked(world(0, slope=3.0), hypothesis("f0", about="a"))[0]
    assert two.tested_as == "a from the rest"
    both = asked(world(0, slope=3.0), hypothesis("f0", about="a"), hypothesis("f0", about="b", number=2))
    assert [one.n_tests for one in both] == [1, 1]  # one question


def test_a_class_stands_for_a_group_by_two_thirds_each_way():
    inside = np.repeat([True, False], [30, 60])
    for held, own_outside, stands in ((30, 0, True), (20, 10, True), (19, 0, False), (30, 16, False), (20, 11, False)):  # fmt: skip
        labels = np.where(np.r_[np.arange(30) < held, np.arange(60) < own_outside], "x", "y")
        about, why = stands_for("group 0", inside, labels)
        assert (about, bool(why)) == (("x", False) if stands else ("", True))
    big = np.arange(100) < 90  # a class that nearly all rows have is no group, whichever it dominates
    labels = np.where(np.arange(100) % 20 == 0, "rare", "common")
    assert stands_for("group 0", big, labels)[0] == ""
    assert "none of its open rows" in stands_for("group 0", ~big & big, labels)[1]


def test_six_groups_of_two_classes_give_a_p_of_a_twentieth_at_best_which_is_too_few():
    assert module._best_p(6, 2) == pytest.approx(1 / 20) and module._best_p(5, 0) == pytest.approx(1 / 120)
    assert [module._fewest(k, 6) for k in (2, 3, 0)] == [7, 6, 6] and module._fewest(2) == 7
    unit, y = np.repeat(np.arange(6), 4), np.repeat([0, 0, 0, 1, 1, 1], 4)
    why = module._too_few("whole groups", unit, module._smallest_p(y, unit, "whole groups"), 2)
    assert "takes 7 or more" in why and "--sealed 0.4" in why


def test_a_hypothesis_stated_late_has_a_p_value_and_is_never_confirmed():
    claim = asked(world(0, slope=4.0), hypothesis("f0", late=True))[0]
    assert claim.p_adjusted <= 0.01
    assert claim.verdict == "not confirmed" and claim.reason == LATE and LATE in claim.headline()


def test_classes_that_no_open_row_has_are_left_out_and_said():
    samples, sealed, by_person = world(0, slope=3.0)
    labels = samples.labels.copy()
    labels[np.flatnonzero(sealed)[:7]] = "z"
    truth = truth_of(samples.with_labels(labels), sealed, by_person)
    assert truth.sealed.n_rows == 93
    assert "7 labelled sealed rows are of a class that no open row has, and were left out: z." in truth.notes


def test_without_two_classes_or_rows_to_learn_from_the_reason_is_given():
    samples, sealed, by_person = world(0)
    for labels, said in [
        (np.where(sealed, samples.labels, "a"), "All labels of open rows are 'a'"),
        (np.where(sealed, "b", samples.labels), "All labels of sealed rows are 'b'"),
    ]:
        claim = asked((samples.with_labels(labels), sealed, by_person), hypothesis("f0"))[0]
        assert claim.verdict == "not tested" and said in claim.reason
        assert "nothing can be done" in claim.reason and "clew label" not in claim.reason  # all have one
    few = by_person & (sealed | (np.arange(len(sealed)) < 9))
    assert "too few to learn from" in asked((samples, sealed, few), hypothesis("f0"))[0].reason
    some = by_person & (~sealed | (samples.labels == "a"))
    claim = asked((samples, sealed, some), hypothesis("f0"))[0]
    assert claim.reason == "All labels of sealed rows are 'a'. Label more sealed rows by eye (clew label)."
    strange = samples.with_labels(np.where(sealed, "z", samples.labels))
    claim = asked((strange, sealed, by_person), hypothesis("f0"))[0]
    assert claim.reason.startswith(
        "No sealed row has a label of a person that an open row has. All sealed rows"
    )
    three = world(0, kind="three")
    labels = np.where(three[1] & (three[0].labels == "c"), "b", three[0].labels)
    claim = asked((three[0].with_labels(labels), *three[1:]), hypothesis("f0", about="c"))[0]
    assert claim.reason == "All labelled sealed rows are of another class than 'c'."
    constant, sealed, nobody = world(0, kind="target")
    flat = constant.with_target(np.where(sealed, 1.0, constant.target))
    assert "same on all sealed rows" in asked((flat, sealed, nobody), hypothesis("f0"))[0].reason


def test_whole_groups_are_permuted_from_six_on_and_below_the_smallest_p_is_printed():
    few = asked(world(1, kind="whole", groups=(8, 5)), hypothesis("f0"))[0]
    assert few.verdict == "not tested"
    assert (
        "Each of the 5 sealed groups has one label only" in few.reason
        and "p could not be below 0." in few.reason
    )
    many = asked(world(1, kind="whole", groups=(8, 12), n_sealed=240), hypothesis("f0"))[0]
    assert many.exchanged == "whole groups" and "(whole groups exchanged)" in many.headline()


def test_rows_that_stand_for_themselves_are_permuted_as_rows():
    samples, sealed, by_person = world(0, slope=3.0)
    alone = table(samples.features, labels=samples.labels)
    claim = asked((alone, sealed, by_person), hypothesis("f0"))[0]
    assert claim.exchanged == "rows" and claim.verdict == "confirmed"
    few = by_person & (~sealed | (np.cumsum(sealed) <= 5))
    assert "5 labelled sealed rows can be arranged in few ways only" in asked((alone, sealed, few), hypothesis("f0"))[0].reason  # fmt: skip


def test_blocks_are_the_groups_of_one_image():
    samples, sealed, by_person = world(0, slope=3.0)
    places = np.random.default_rng(0).random((len(sealed), 2)) * 500
    origin = samples.origin.assign(centroid_row=places[:, 0], centroid_col=places[:, 1])
    one = replace(samples, origin=origin, group=np.full(len(sealed), "image"))
    truth = truth_of(one, sealed, by_person)
    claim = judge([hypothesis("f0")], truth, one.take(~sealed))[0]
    assert claim.exchanged == "within blocks of the image" and claim.verdict == "confirmed"
    assert "on 100 sealed rows (labels exchanged within blocks of the image):" in claim.headline()
    assert truth.notes[0].startswith("All rows come from one image")


def test_too_few_permutations_are_refused():
    with pytest.raises(SettingError, match="at least 19"):
        asked(world(0), hypothesis("f0"), permutations=18)


# ---- what goes with a claim ----
def test_each_claim_names_its_stand_ins_and_says_that_correlation_is_not_causation():
    samples, sealed, by_person = world(0, slope=3.0)
    X = samples.features.copy()
    X[:, 3] = -X[:, 0] + 0.1 * X[:, 3]
    X[:, 2] = X[:, 0] + 0.1 * X[:, 2]
    made = table(X, labels=samples.labels, groups=samples.group), sealed, by_person
    first, second = asked(made, hypothesis("f0", "f1"), hypothesis("f3", number=2))
    assert first.stand_ins == {"f0": ["f2", "f3"], "f1": []}
    assert first.caution() == f"Instead of f0 it could be f2 or f3. {CAUTION}"
    assert first.verdict == second.verdict == "confirmed"  # it predicts; it need not be the cause


def test_a_claim_says_its_figures_and_comes_back_from_disk(tmp_path):
    claim = asked(world(0, slope=3.0), hypothesis("f0"))[0]
    for part in (
        "confirmed",
        "100 sealed rows (labels exchanged within groups)",
        "balanced accuracy",
        "after Holm over 1",
        "costs",
    ):
        assert part in claim.headline()
    assert {"statement", "effect", "p_value", "p_adjusted", "confirmed"} <= set(claim.summary())
    assert Result.load(claim.save(tmp_path / "c.zip")).digest() == claim.digest()


def test_a_hypothesis_is_stated_in_words():
    samples = world(0)[0]
    assert state(samples, features="f0").statement == "f0 tells the labels"
    assert state(samples, features="f2,f0,f1", about=" a ").statement == "f0, f1 and f2 tell a from the rest"
    assert state(world(0, kind="target")[0], features=["f1", "f0"]).headline() == "f0 and f1 tell the target"
    with pytest.raises(SettingError, match="Did you mean 'f0'"):
        state(samples, features="f0x")
