"""What a feature is worth on held-out rows: equal to a slow twin, silent on noise, undone by copies."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, r2_score

from clew.errors import SettingError, Stopped
from clew.explain import importance
from clew.explain.importance import permutation_importance
from clew.intervals import NO_BOUNDS, group_interval
from clew.learn.training import train
from clew.splits import folds
from tests.explain.copies import named, nine_copies

CLASSES, NUMBERS = "classification", "regression"


class Rule:
    """A model that needs no training: the sum of the features by given weights, or its sign."""

    def __init__(self, weights, classes):
        self.weights, self.classes = np.asarray(weights, float), list(classes)
        self.feature = np.flatnonzero(self.weights)

    def predict(self, X):
        value = np.asarray(X) @ self.weights

        class Said:
            pass

        said = Said()
        said.value = value
        said.probability = np.column_stack([value <= 0, value > 0]).astype(float) if self.classes else None
        return said


def forest(samples):
    return train(samples, trees=15, depth=6 if samples.target is None else None, grower="auto")


def slow_losses(samples, blocks, kind, permutations, seed):
    """Whole metrics of scikit-learn, permutation by permutation, one column set after the other."""
    parts = folds(samples, random_state=seed)
    random = np.random.default_rng(seed)
    truth = samples.labels if kind == CLASSES else samples.target
    metric = balanced_accuracy_score if kind == CLASSES else r2_score
    plain = np.empty_like(truth)
    mixed = [[np.empty_like(truth) for _ in range(permutations)] for _ in blocks]
    for training, test in zip(parts.train, parts.test):
        model = forest(samples.take(training))
        rows = np.flatnonzero(test)
        orders = [random.permutation(len(rows)) for _ in range(permutations)]

        def say(X, model=model):
            told = model.predict(X)
            return told.label if kind == CLASSES else told.value

        plain[rows] = say(samples.features[rows])
        for b, block in enumerate(blocks):
            for p, order in enumerate(orders):
                X = samples.features[rows].copy()
                for column in block:
                    X[:, column] = X[order, column]
                mixed[b][p][rows] = say(X)
    whole = metric(truth, plain)
    return whole, [whole - np.mean([metric(truth, one) for one in each]) for each in mixed]


@pytest.mark.parametrize("kind", [CLASSES, NUMBERS])
def test_the_losses_are_those_of_a_slow_twin(kind):
    samples = nine_copies(n=90, regression=kind == NUMBERS)
    blocks = [[0], [9], list(range(9)), [10, 11]]
    found = permutation_importance(samples, forest, blocks, kind=kind, permutations=3, random_state=4)
    whole, losses = slow_losses(samples, blocks, kind, permutations=3, seed=4)
    assert found.score.value == pytest.approx(whole, abs=1e-12)
    np.testing.assert_allclose([one.value for one in found.loss], losses, atol=1e-12)


def test_tables_are_cut_into_pieces_without_changing_a_bit(monkeypatch):
    samples = nine_copies(n=60)
    whole = permutation_importance(samples, forest, [[0], [9]], kind=CLASSES, permutations=5)
    monkeypatch.setattr(importance, "CELLS", 1)
    again = permutation_importance(samples, forest, [[0], [9]], kind=CLASSES, permutations=5)
    assert whole.digest() == again.digest()


@pytest.mark.parametrize("kind", [CLASSES, NUMBERS])
def test_intervals_leave_out_a_groups_rows_and_the_values_that_they_gave(kind, monkeypatch):
    kept = []
    original = importance._Pairs.add

    def keep(self, block, rows, orders, lost):
        kept.append((block, np.flatnonzero(rows), orders, lost))
        original(self, block, rows, orders, lost)

    monkeypatch.setattr(importance._Pairs, "add", keep)
    samples = nine_copies(n=80, groups=10, regression=kind == NUMBERS)
    found = permutation_importance(samples, forest, [[9]], kind=kind, permutations=2).loss[0]
    truth = samples.target if kind == NUMBERS else samples.labels
    pairs = [  # (row, the row whose value it got, loss)
        (row, rows[order[i]], lost[p, i])
        for block, rows, orders, lost in kept
        if block == 0
        for p, order in enumerate(orders)
        for i, row in enumerate(rows)
    ]
    assert len(pairs) == 160

    def loss(rows):
        here = set(rows.tolist())
        some = [(row, lost) for row, other, lost in pairs if row in here and other in here]
        if kind == NUMBERS:
            return np.mean([lost for _, lost in some]) / truth[rows].var()
        return np.mean([np.mean([lost for row, lost in some if truth[row] == c]) for c in np.unique(truth)])

    slow = group_interval(loss, samples.group, bounds=NO_BOUNDS)
    np.testing.assert_allclose(
        [found.value, found.low, found.high], [slow.value, slow.low, slow.high], atol=1e-12
    )


def noise_and_signal(seed, kind, groups):
    """A model that goes by one feature that counts and by noise that does not."""
    random = np.random.default_rng(seed)
    n = 120
    of = np.arange(n) % groups
    X = random.normal(size=(n, 2)) + 0.7 * random.normal(size=(groups, 2))[of] * (groups < n)
    truth = X[:, 0] + 0.5 * random.normal(size=n)
    given = {"target": truth} if kind == NUMBERS else {"labels": np.where(truth > 0, "b", "a")}
    samples = named(X, ["signal", "noise"], group=of, **given)
    model = Rule([1, 0.8], [] if kind == NUMBERS else ["a", "b"])
    return permutation_importance(samples, lambda _: model, [[0], [1]], kind=kind, random_state=seed)


@pytest.mark.parametrize("kind,groups", [(CLASSES, 120), (CLASSES, 12), (NUMBERS, 120), (NUMBERS, 12)])
def test_the_interval_of_a_noise_feature_holds_zero_at_about_95_percent(kind, groups):
    losses = [noise_and_signal(seed, kind, groups).loss for seed in range(150)]
    noise = np.mean([one[1].low <= 0 <= one[1].high for one in losses])
    signal = np.mean([one[0].low <= 0 <= one[0].high for one in losses])
    assert 0.89 <= noise <= 0.99
    assert signal < 0.02  # the check can fail


def test_without_its_copies_a_feature_costs_nothing_and_with_them_much():
    samples = nine_copies(n=200)
    found = permutation_importance(samples, forest, [*([i] for i in range(9)), list(range(9))], kind=CLASSES)
    alone, together = [one.value for one in found.loss[:9]], found.loss[9]
    assert max(alone) < 0.06
    assert together.low > 0.15


def test_a_feature_that_no_tree_asks_for_costs_exactly_nothing():
    samples = nine_copies(n=60)
    model = Rule([1, *[0] * 11], ["low", "high"])
    found = permutation_importance(samples, lambda _: model, [[1], [0]], kind=CLASSES)
    assert found.loss[0].value == 0
    assert "same whichever group is left out" in found.loss[0].note
    assert found.loss[1].value != 0


def test_labels_that_mean_nothing_are_not_predicted():
    told = []
    for seed in range(8):
        samples = nine_copies(n=80, seed=seed)
        mixed = samples.with_labels(np.random.default_rng(seed).permutation(samples.labels))
        told.append(permutation_importance(mixed, forest, [[0]], kind=CLASSES, permutations=1).predicts)
    assert sum(told) <= 1
    assert permutation_importance(nine_copies(n=80), forest, [[0]], kind=CLASSES, permutations=1).predicts


def test_a_feature_that_is_constant_where_rows_are_tested_is_not_said_to_be_worth_nothing():
    samples = nine_copies(n=60, groups=5)
    X = samples.features.copy()
    X[:, 0] = samples.group.astype(float)  # the same in all rows of a group, and each fold tests one group
    X[samples.group == "0", 1] = 7.0
    other = named(X, samples.feature_names, samples.labels, group=samples.group)
    found = permutation_importance(other, forest, [[0], [1]], kind=CLASSES)
    assert np.isnan(found.loss[0].value)
    assert found.summary()["loss"][0]["value"] is None
    assert (
        "Permuting cannot say what strong_0 is worth: it is the same in all rows that are tested together."
        in found.warnings
    )
    assert (
        "In 1 of 5 folds all tested rows have the same strong_1: there its loss counts as 0."
        in found.warnings
    )


def test_a_fold_that_trains_on_one_class_says_so():
    X = np.random.default_rng(0).normal(size=(40, 2))
    labels = np.repeat(["a", "b"], 20)
    samples = named(X, ["x", "y"], labels, group=labels)
    found = permutation_importance(samples, forest, [[0]], kind=CLASSES)
    assert any("alone and predicts nothing else" in warning for warning in found.warnings)
    assert found.loss[0].value == 0
    assert not found.predicts


def test_a_class_that_only_one_fold_tests_is_never_right_and_loses_nothing():
    X = np.random.default_rng(0).normal(size=(60, 2))
    labels = np.where(X[:, 0] > 0, "a", "b").astype("U4")
    labels[:5] = "rare"
    samples = named(X, ["x", "y"], labels, group=np.repeat(np.arange(12), 5))
    found = permutation_importance(samples, forest, [[0]], kind=CLASSES)
    assert found.chance == pytest.approx(1 / 3)
    assert found.score.value < 0.67
    assert 0 < found.loss[0].value < 0.67


def test_one_group_in_all_is_taken_row_by_row_only_where_asked():
    samples = nine_copies(n=60, groups=1)
    found = permutation_importance(samples, forest, [[9]], kind=CLASSES, by="row", permutations=2)
    assert found.loss[0].n_groups == 60


def test_two_groups_give_no_interval_and_the_reason():
    found = permutation_importance(nine_copies(n=60, groups=2), forest, [[9]], kind=CLASSES, permutations=2)
    assert np.isnan(found.loss[0].low)
    assert "2 groups are too few" in found.loss[0].note


@pytest.mark.parametrize("groups", [2, 3])
def test_with_two_or_three_groups_it_cannot_be_told_whether_a_model_predicts(groups):
    noise = [
        permutation_importance(
            nine_copies(n=60, groups=groups, seed=seed).with_labels(
                np.random.default_rng(100 + seed).choice(["a", "b"], 60)
            ),
            forest, [[9]], kind=CLASSES, permutations=1,
        )
        for seed in range(8)
    ]  # fmt: skip
    assert sum(one.score.value > one.chance for one in noise) >= 2  # what the figure alone would say
    signal = permutation_importance(nine_copies(n=60, groups=groups), forest, [[9]], kind=CLASSES)
    assert not any(one.predicts or one.decided for one in [*noise, signal])
    enough = permutation_importance(nine_copies(n=60, groups=6), forest, [[9]], kind=CLASSES)
    assert enough.predicts and enough.decided


def test_only_so_many_rows_are_permuted_and_all_train():
    sizes = []

    def fit(training):
        sizes.append(training.n_rows)
        return forest(training)

    found = permutation_importance(nine_copies(n=100), fit, [[9]], kind=CLASSES, rows=40, permutations=2)
    assert found.n_rows == 40
    assert found.loss[0].n_rows == 40
    assert sizes == [80] * 5


def test_it_can_be_stopped():
    with pytest.raises(Stopped, match="after 2 of 5 folds"):
        permutation_importance(
            nine_copies(n=60),
            forest,
            [[0]],
            kind=CLASSES,
            permutations=1,
            on_progress=lambda done, _: done < 2,
        )


@pytest.mark.parametrize("setting", [{"permutations": 0}, {"rows": 1}])
def test_settings_out_of_range_are_refused(setting):
    with pytest.raises(SettingError, match=next(iter(setting))):
        permutation_importance(nine_copies(n=60), forest, [[0]], kind=CLASSES, **setting)


def test_it_saves_and_loads(tmp_path):
    found = permutation_importance(nine_copies(n=60), forest, [[0], [9]], kind=CLASSES, permutations=2)
    assert type(found).load(found.save(tmp_path / "p.zip")).digest() == found.digest()
    assert "balanced_accuracy" in found.headline()
