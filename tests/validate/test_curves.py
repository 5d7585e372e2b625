"""Learning curves of data with known truth come to it, and say what ails the model."""

import itertools

import numpy as np
import pytest
from scipy.stats import norm

from clew.errors import DataError, SettingError, Stopped
from clew.result import Result
from clew.samples import Samples
from clew.validate import curves
from clew.validate.curves import learning_curve
from clew.validate.metrics import cross_validate
from tests.validate.learners import (
    corners,
    discriminant,
    least_squares,
    line,
    nearest,
    net_of,
    one_cut,
    samples_of,
    two_clouds,
)

QUICK = {"repeats": 2, "n_folds": 4}


class Watched:
    """A fitting function that keeps what it was given."""

    def __init__(self, fit):
        self.fit, self.given = fit, []

    def __call__(self, samples: Samples):
        self.given.append(samples)
        return self.fit(samples)


# ---- how rows are added ----
def test_sizes_are_nested_within_an_order_and_hold_every_class():
    watched = Watched(discriminant)
    learning_curve(two_clouds(80), watched, repeats=1, n_folds=4, sizes=[6, 10, 20, 60])
    sets = [{*one.sample.tolist()} for one in watched.given]
    for fold in range(4):
        mine = sets[4 * fold : 4 * fold + 4]
        assert [len(one) for one in mine] == [6, 10, 20, 60]
        assert all(small < large for small, large in itertools.pairwise(mine))
    for one in watched.given:
        share = (one.labels == "a").mean()
        assert abs(share - 0.5) <= 0.5 / len(one.labels) + 1e-9


def test_groups_come_whole_and_never_train_where_they_are_tested():
    watched = Watched(discriminant)
    samples = two_clouds(120, n_groups=12)
    found = learning_curve(samples, watched, repeats=2, n_folds=4)
    assert found.added == "group"
    assert found.split["by"] == "group"
    for one in watched.given:
        _, here = np.unique(one.group, return_counts=True)
        assert (here == 10).all()
        assert len(here) <= 9


def test_groups_of_one_class_each_are_ordered_so_that_both_come_first():
    group = np.repeat([f"g{i}" for i in range(12)], 10)
    labels = np.repeat(["a", "b"] * 6, 10)
    random = np.random.default_rng(0)
    samples = samples_of(
        random.normal(size=(120, 2)) + 3 * (labels == "b")[:, None], labels=labels, group=group
    )
    watched = Watched(discriminant)
    learning_curve(samples, watched, **QUICK)
    assert all(len(np.unique(one.labels)) == 2 for one in watched.given)


def test_the_largest_size_is_plain_cross_validation():
    samples = two_clouds(90, n_groups=15)
    found = learning_curve(samples, nearest, **QUICK)
    whole = cross_validate(samples, nearest, n_folds=4).scores.metrics["balanced_accuracy"]
    np.testing.assert_allclose(found.held_out[-1], [whole.value, whole.low, whole.high])


def test_all_rows_in_any_order_are_fitted_once_a_fold():
    watched = Watched(nearest)
    learning_curve(two_clouds(60), watched, repeats=3, n_folds=3, sizes=[20, 40])
    assert sum(len(one.sample) == 40 for one in watched.given) == 3
    assert sum(len(one.sample) == 20 for one in watched.given) == 9


# ---- known truth ----
def test_the_held_out_figure_comes_to_the_bayes_rate():
    found = learning_curve(two_clouds(1200, apart=2.0), discriminant, **QUICK)
    assert found.held_out[-1, 0] == pytest.approx(norm.cdf(1.0), abs=0.025)
    assert found.held_out[-1, 1] < norm.cdf(1.0) < found.held_out[-1, 2]
    assert found.held_out[0, 0] <= found.held_out[-1, 0] + 0.01


def test_a_straight_line_comes_to_its_noise():
    found = learning_curve(line(600, noise=0.5), least_squares, kind="regression", **QUICK)
    assert found.metric == "r2"
    assert found.held_out[-1, 0] == pytest.approx(1 / 1.25, abs=0.04)
    of_error = learning_curve(line(600, noise=0.5), least_squares, kind="regression", metric="rmse", **QUICK)
    assert of_error.held_out[-1, 0] == pytest.approx(0.5, abs=0.04)


def test_one_question_about_a_slanted_border_is_high_bias():
    random = np.random.default_rng(0)
    X = random.normal(size=(400, 2))
    samples = samples_of(X, labels=np.where(X.sum(axis=1) > 0, "b", "a"))
    found = learning_curve(samples, one_cut, desired=0.95, **QUICK)
    assert found.diagnosis.verdict == "high bias"  # one question: 3 of 4 at best
    assert found.held_out[-1, 0] == pytest.approx(0.75, abs=0.05)
    assert "more complex model" in found.diagnosis.advice


def test_few_rows_for_many_features_is_high_variance():
    found = learning_curve(two_clouds(150, apart=3, d=30), discriminant, repeats=3)
    assert found.diagnosis.verdict == "high variance", found.headline()
    assert "More labelled rows will help" in found.diagnosis.advice


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_a_linear_net_on_opposite_corners_and_a_big_net_with_50_rows_are_told_apart():
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    digits = samples_of(X[:400] / 16, labels=y[:400].astype(str))
    slanted, sizes = corners(300, shift=0.7), {"model": "net", "sizes": [40, 120, 240], "repeats": 2}
    bias = learning_curve(slanted, net_of(), **sizes).diagnosis
    of_50 = {"model": "net", "sizes": [15, 25, 50], "n_folds": 4, "repeats": 3}
    variance = learning_curve(digits, net_of(100), **of_50).diagnosis
    assert (bias.verdict, variance.verdict) == ("high bias", "high variance")
    assert "more units or layers), more epochs, less drop-out or weight decay" in bias.advice
    assert "more drop-out or weight decay" in variance.advice and "augmentation" in variance.advice
    assert learning_curve(slanted, net_of(16), **sizes).diagnosis.verdict != "high bias"


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_where_not_even_training_rows_are_learnt_a_more_complex_net_is_named():
    found = learning_curve(corners(200), net_of(), model="net", sizes=[40, 160], repeats=1).diagnosis
    assert found.verdict == "chance"
    assert "Not even training rows" in found.advice and "more units or layers" in found.advice
    by_heart = learning_curve(two_clouds(80, apart=0), nearest, sizes=[20, 60], repeats=1).diagnosis
    assert "Not even training rows" not in by_heart.advice


def test_noise_with_numbers_or_classes_is_said_to_teach_nothing():
    random = np.random.default_rng(1)
    X = random.normal(size=(150, 5))
    classes = learning_curve(samples_of(X, labels=random.choice(["a", "b"], 150)), nearest, **QUICK)
    numbers = learning_curve(
        samples_of(X, target=random.normal(size=150)), nearest, kind="regression", **QUICK
    )
    for found in (classes, numbers):
        assert found.diagnosis.verdict == "chance"
        assert "nothing was learnt" in found.outlook


def verdicts(samples_at, fit, n_runs, **settings):
    return [
        learning_curve(samples_at(seed), fit, random_state=seed, **settings).diagnosis.verdict
        for seed in range(n_runs)
    ]


@pytest.mark.slow
def test_pure_noise_is_hardly_ever_anything_but_chance_or_open():
    found = verdicts(lambda seed: two_clouds(100, apart=0, d=6, seed=seed), discriminant, 40, sizes=[10, 20, 40, 75], **QUICK)  # fmt: skip
    assert np.mean([one == "chance" for one in found]) >= 0.8  # 200 runs: 0.94
    assert "reached" not in found


def test_regression_with_too_few_rows_for_its_features_is_high_variance():
    random = np.random.default_rng(0)
    X = random.normal(size=(150, 40))
    samples = samples_of(X, target=X @ random.normal(size=40) + 3 * random.normal(size=150))
    found = learning_curve(samples, least_squares, kind="regression", sizes=[50, 60, 75, 90, 105, 120], repeats=3)  # fmt: skip
    assert found.diagnosis.verdict in ("high variance", "bias and variance")


@pytest.mark.slow
def test_the_floor_and_twice_the_rows_are_covered_on_gaussian_clouds():
    """Truth by the closed form (floor) and by 60 training sets of twice the rows, tested on 4000 rows."""
    n, apart = 100, 2.0
    test = two_clouds(4000, apart=apart, seed=10_000)
    truth = np.mean(
        [
            (discriminant(two_clouds(2 * n, apart=apart, seed=20_000 + i)).predict(test).label != test.labels).mean()
            for i in range(60)
        ]
    )  # fmt: skip
    held = []
    for seed in range(40):
        samples = two_clouds(n, apart=apart, seed=seed)
        on = learning_curve(samples, discriminant, sizes=[10, 15, 25, 40, 60, 75], **QUICK).extrapolation
        low, high = (np.interp(2 * n, on.rows, on.error[:, j]) for j in (1, 2))
        held.append([low <= truth <= high, on.floor[1] <= norm.cdf(-apart / 2) <= on.floor[2]])
    assert (np.mean(held, axis=0) >= 0.75).all()  # long runs: 0.87 to 0.98


# ---- what is refused, and what is said ----
def test_flat_and_short_curves_and_few_groups_are_not_drawn_on():
    short = learning_curve(two_clouds(80), discriminant, sizes=[10, 30, 60], **QUICK)
    assert "at least 4 sizes" in short.outlook
    few = learning_curve(two_clouds(90, n_groups=3), discriminant, repeats=2)
    assert few.diagnosis.verdict == "cannot tell"
    assert "3 groups are too few" in few.outlook
    assert np.isnan(few.held_out[:, 1]).all()


def test_a_curve_that_is_surely_flat_says_that_labels_will_hardly_help():
    random = np.random.default_rng(0)
    X = random.normal(size=(1500, 2))
    labels = np.where(X.sum(axis=1) > 0, "b", "a")
    found = learning_curve(samples_of(X, labels=labels), one_cut, sizes=[200, 400, 800, 1125], **QUICK)
    assert found.outlook.startswith("More labels of this kind will hardly help")
    assert f"at most {found.held_out[-1, 2]:.2f} is in sight" in found.outlook


def test_one_image_is_divided_by_space_and_said():
    places = np.random.default_rng(0).random((120, 2)) * 100
    base = two_clouds(120)
    samples = samples_of(
        base.features, labels=base.labels, group=["one"] * 120,
        origin={"centroid_row": places[:, 0], "centroid_col": places[:, 1]},
    )  # fmt: skip
    found = learning_curve(samples, discriminant, **QUICK)
    assert found.split["by"] == "space"
    assert found.added == "row"
    assert any("one image" in one for one in found.warnings)


def test_a_class_with_fewer_rows_than_folds_is_still_in_every_training_set_that_can_hold_it():
    samples = two_clouds(60)
    labels = np.where(np.arange(60) < 3, "rare", samples.labels)
    watched = Watched(nearest)
    found = learning_curve(samples.with_labels(labels), watched, n_folds=5, repeats=1)
    assert all("rare" in one.labels for one in watched.given)
    assert "rare" in found.split["reason"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sizes": [10, 61]}, "from 1 to 60"),
        ({"sizes": []}, "from 1 to 60"),
        ({"repeats": 0}, "'repeats'"),
        ({"desired": 1.2}, "above 0 and at most 1"),
        ({"desired": 0}, "above 0"),
        ({"metric": "rmse"}, "'metric'"),
        ({"model": "nets"}, "Did you mean 'net'"),
    ],
)
def test_settings_out_of_range_are_refused_before_any_fit(settings, message):
    watched = Watched(discriminant)
    with pytest.raises(SettingError, match=message):
        learning_curve(two_clouds(80), watched, n_folds=4, **settings)
    assert not watched.given


def test_rows_without_labels_are_refused_and_stopping_stops():
    with pytest.raises(DataError, match="must have labels"):
        learning_curve(two_clouds(20).with_labels(None), discriminant)
    with pytest.raises(Stopped):
        learning_curve(two_clouds(60), discriminant, on_progress=lambda done, total: done < 3)


def test_the_same_seed_gives_the_same_bits_and_they_are_saved(tmp_path):
    one, two, other = (
        learning_curve(two_clouds(80), discriminant, random_state=seed, **QUICK) for seed in (0, 0, 1)
    )
    assert one.digest() == two.digest()
    assert one.digest() != other.digest()
    again = Result.load(one.save(tmp_path / "curve"))
    assert again.digest() == one.digest()
    assert again.summary() == one.summary()


def test_the_gain_is_paired_and_narrower_than_the_figures_own_interval():
    found = learning_curve(two_clouds(200), discriminant, repeats=4)
    assert (found.gain[-1] == 0).all()
    near = found.gain[-2, 2] - found.gain[-2, 1]
    assert near < 0.7 * (found.held_out[-2, 2] - found.held_out[-2, 1])


def test_the_spread_of_orders_widens_what_is_drawn_on(monkeypatch):
    settings = {"sizes": [10, 15, 25, 40, 60, 80], "repeats": 3}
    whole = learning_curve(two_clouds(100), discriminant, **settings).extrapolation
    keep = curves._deviations
    monkeypatch.setattr(curves, "_deviations", lambda *a: ([keep(*a)[0][0]], keep(*a)[1]))
    blind = learning_curve(two_clouds(100), discriminant, **settings).extrapolation
    assert (whole.error[0, 2] - whole.error[0, 1]) > (blind.error[0, 2] - blind.error[0, 1])


def test_two_groups_make_no_curve_whatever_the_sizes_and_it_says_what_would():
    few = learning_curve(two_clouds(80, n_groups=2), discriminant, **QUICK)
    assert few.diagnosis.sentence == "Cannot tell: one size makes no curve."
    assert few.diagnosis.advice.startswith("More groups with labels are needed")
    one = learning_curve(two_clouds(80), discriminant, sizes=[30], **QUICK)
    assert one.diagnosis.advice == "Give at least two sizes."
