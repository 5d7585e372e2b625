"""Repeated runs: trueness and precision told apart, against scikit-learn's kappa and the split of the squared error."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score

from clew.errors import DataError, SettingError, Stopped
from clew.intervals import group_interval
from clew.result import Result
from clew.validate.repeats import repeat
from tests.validate.test_metrics import Said, make

CLASSES = ["a", "b"]


class Answers:
    """Right but for some rows: those that are wrong in every run, and those that each run draws anew."""

    def __init__(self, seed, *, always=0.0, by_chance=0.0):
        self.random, self.always, self.by_chance = np.random.default_rng(seed), always, by_chance

    def predict(self, samples):
        number = np.array([int(name.split()[1]) for name in samples.sample])
        wrong = (number * 37 % 100 < 100 * self.always) ^ (self.random.random(number.size) < self.by_chance)
        if samples.target is not None:
            bias = 2.0 if self.always else 0.0
            return Said(value=samples.target + bias + self.by_chance * self.random.normal(size=number.size))
        label = np.where(wrong, np.where(samples.labels == "a", "b", "a"), samples.labels)
        return Said(label, (label[:, None] == CLASSES).astype(float), CLASSES)


def rows(n=200, *, numbers=False):
    random = np.random.default_rng(0)
    if numbers:
        return make(random.normal(size=(n, 2)), groups=np.arange(n) % 10, target=random.normal(size=n))
    labels = np.array(CLASSES)[random.integers(0, 2, n)]
    return make(random.normal(size=(n, 2)), labels, groups=np.arange(n) % 10)


def repeated(*, kind="classification", **how):
    return repeat(rows(numbers=kind == "regression"), lambda _, seed: Answers(seed, **how), kind=kind, runs=6)


def test_runs_that_err_alike_are_precise_and_not_true():
    found = repeated(always=0.3)
    assert found.precision["agreement"].value == 1
    assert found.precision["kappa"].value == 1
    assert found.trueness["accuracy"].value == pytest.approx(0.7, abs=0.02)
    assert found.systematic == 1
    assert "systematic: 100%" in found.verdict()
    assert found.summary()["rows_that_change"] == 0


def test_runs_that_err_by_chance_are_as_true_but_less_precise():
    found = repeated(by_chance=0.15)
    assert found.trueness["accuracy"].value == pytest.approx(0.85, abs=0.02)
    assert found.precision["agreement"].value == pytest.approx(0.85**2 + 0.15**2, abs=0.03)
    assert found.systematic < 0.2
    assert "mostly chance" in found.verdict()
    assert found.summary()["rows_that_change"] > 80


def test_every_figure_is_the_mean_of_scikit_learns_over_runs_or_pairs():
    found = repeated(always=0.2, by_chance=0.1)
    truth, said = found.truth, found.predicted
    pairs = [(i, j) for i in range(6) for j in range(i)]
    expected = {
        "balanced_accuracy": np.mean([balanced_accuracy_score(truth, one) for one in said]),
        "kappa": np.mean([cohen_kappa_score(truth, one) for one in said]),
    }
    for name, value in expected.items():
        assert found.trueness[name].value == pytest.approx(value, abs=1e-12), name
        assert np.mean(found.figures[name]) == pytest.approx(value, abs=1e-12), name
    between = {
        "agreement": np.mean([(said[i] == said[j]).mean() for i, j in pairs]),
        "kappa": np.mean([cohen_kappa_score(said[i], said[j]) for i, j in pairs]),
    }
    for name, value in between.items():
        assert found.precision[name].value == pytest.approx(value, abs=1e-12), name
    for i, j in pairs:
        assert found.pairs[i, j] == pytest.approx(cohen_kappa_score(said[i], said[j]), abs=1e-12)


def test_intervals_are_those_of_the_slow_jackknife_over_groups():
    found = repeated(always=0.2, by_chance=0.1)
    said, pairs = found.predicted, [(i, j) for i in range(6) for j in range(i)]

    def kappa(chosen):
        return np.mean([cohen_kappa_score(said[i, chosen], said[j, chosen]) for i, j in pairs])

    slow = group_interval(kappa, found.group, bounds=(-1.0, 1.0))
    assert found.precision["kappa"].summary() == pytest.approx(slow.summary(), abs=1e-9)


def test_rows_are_same_and_right_same_and_wrong_or_changing():
    found = repeated(always=0.2, by_chance=0.05)
    summary = found.summary()
    kinds = [summary[f"rows_{kind}"] for kind in ("same_and_right", "same_and_wrong", "that_change")]
    assert sum(kinds) == 200 and min(kinds) > 0
    changing = np.array([len(set(column)) > 1 for column in found.predicted.T])
    np.testing.assert_array_equal(~found.steady, changing)
    assert {one["sample"] for one in summary["changing"]} <= set(found.sample[changing].tolist())


def test_the_squared_error_of_numbers_is_that_of_their_mean_and_their_spread():
    found = repeated(kind="regression", always=0.5, by_chance=1.0)
    assert found.trueness["bias"].value == pytest.approx(2.0, abs=0.1)
    assert found.precision["repeatability_sd"].value == pytest.approx(1.0, abs=0.1)
    mean_squared = ((found.predicted - found.truth) ** 2).mean()
    spread = found.predicted.var(axis=0).mean()
    assert found.systematic == pytest.approx(1 - spread / mean_squared)
    assert found.trueness["bias"].low < 2 < found.trueness["bias"].high
    assert "mean squared error" in found.verdict()


def test_runs_differ_in_seeds_and_folds_and_come_again_the_same():
    seen = []

    def fit(training, seed):
        seen.append((seed, tuple(training.sample)))
        return Answers(seed, by_chance=0.2)

    once, again = (repeat(rows(), fit, runs=3, random_state=4) for _ in range(2))
    assert once.digest() == again.digest()
    assert len({seed for seed, _ in seen}) == 3
    assert len({names for _, names in seen}) > 5  # three runs of five folds
    assert repeat(rows(), fit, runs=3, random_state=5).digest() != once.digest()


def test_divisions_that_come_out_the_same_are_said():
    two = rows()
    labels = np.where(np.arange(200) % 4 < 2, "a", "b")
    grouped = make(two.features, labels, groups=np.arange(200) % 2)
    few = repeat(grouped, lambda _, seed: Answers(seed, by_chance=0.2), runs=3)
    assert (few.n_divisions, few.summary()["divisions"]) == (1, 1)
    assert any("1 of 3 divisions differ, so precision shows what other seeds change, and nothing of what other folds would" in one for one in few.warnings)  # fmt: skip
    many = repeat(two, lambda _, seed: Answers(seed, by_chance=0.2), runs=3)
    assert many.n_divisions == 3
    assert not any("divisions differ" in one for one in many.warnings)


def test_a_target_that_teaches_nothing_is_refused():
    flat = rows(numbers=True).with_target(np.full(200, 4.0))
    with pytest.raises(
        DataError, match=r"The target of repeat must differ between rows\. Got 4 for all of 200"
    ):
        repeat(flat, lambda _, seed: Answers(seed), kind="regression", runs=2)
    huge = flat.with_target(1e200 * np.arange(200.0))
    with pytest.raises(DataError, match=r"must lie within 1e\+150 of 0"):
        repeat(huge, lambda _, seed: Answers(seed), kind="regression", runs=2)


def test_no_error_at_all_is_said():
    found = repeated()
    assert found.verdict() == "No run makes any error here."
    assert found.summary()["systematic"] is None


def test_one_run_is_refused_and_a_long_step_stops():
    with pytest.raises(SettingError, match=r"at least 2: one run has nothing to agree with\. Got 1"):
        repeat(rows(), lambda _, seed: Answers(seed), runs=1)
    with pytest.raises(Stopped, match="after 2 of 5 runs"):
        repeat(rows(), lambda _, seed: Answers(seed), runs=5, on_progress=lambda done, total: done < 2)


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_repeats_survive_saving(tmp_path, kind):
    found = repeated(kind=kind, always=0.2, by_chance=0.1)
    loaded = Result.load(found.save(tmp_path / "repeats.clew"))
    assert loaded.digest() == found.digest()
    assert loaded.summary() == found.summary()
    assert loaded.headline() == found.headline()
