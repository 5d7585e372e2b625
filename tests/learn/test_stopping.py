"""The stop light: honest on control labels, silent on labels that mean nothing, and slow to say stop."""

import dataclasses

import numpy as np
import pytest

from clew.errors import DataError, SettingError
from clew.learn import stopping
from clew.learn.stopping import stop_light
from clew.result import Result
from tests.learn.active_worlds import NearestMean, blank, clouds, labelled_along, samples_of


def judge(samples, order, control, **settings):
    return stop_light(blank(samples, order), order, control, **settings)


def permuted(seed):
    samples = clouds(300, n_groups=60, seed=seed)
    return samples.with_labels(np.random.default_rng(seed).permutation(samples.labels))


@pytest.fixture(scope="module")
def easy():
    samples = clouds(400, apart=4.0, n_groups=40)
    return samples, *labelled_along(samples, 140)


@pytest.fixture(scope="module")
def light(easy):
    return judge(*easy, fit=NearestMean, wanted=0.9)


# ---- figures ----
def test_the_gain_is_the_difference_of_the_last_two_points(light):
    assert light.active[-2, 0] == 120
    assert light.gain[0] == pytest.approx(light.active[-1, 1] - light.active[-2, 1])
    assert light.gain[1] < light.gain[0] < light.gain[2]


def test_changed_predictions_are_counted_on_rows_without_a_label(easy):
    samples, order, control = easy
    light = judge(samples, order, control, fit=NearestMean)
    rest = samples.take(np.setdiff1d(np.arange(400), order))
    now, before = (NearestMean(samples.take(rows)).predict(rest).label for rows in (order, order[:-20]))
    assert light.changed == pytest.approx((now != before).mean())
    assert light.by_chance == 0  # it does not care in which order rows come


def test_the_forecast_begins_at_the_labels_and_ends_80_later(light):
    assert light.forecast[[0, -1], 0].tolist() == [140, 220]
    assert (np.diff(light.forecast[:, 1]) >= 0).all()
    assert (
        light.forecast[:, 2] < light.forecast[:, 1] - 0.02
    ).all()  # nobody is sure, although all is told right


# ---- what is said ----
def test_a_flat_curve_with_the_wanted_figure_says_stop_and_why(light):
    assert light.verdict == "stop"
    assert light.sentence.startswith("Stop. The wanted 0.9 is reached: balanced accuracy 1.00 [0.90")
    told = {text: (met, figure) for met, text, figure in light.reasons}
    assert told["Gain of last 20 labels"][0]
    assert told["Predictions they changed"][0]
    assert told["Wanted 0.9 reached"][0]
    assert f"Ahead of control, {light.control_labels} labels" in told


def test_a_figure_that_labels_will_not_bring_says_stop_and_what_else_to_do(easy):
    samples, order, control = easy
    hard = clouds(400, apart=0.3, n_groups=40)
    light = judge(hard, *labelled_along(hard, 200), fit=NearestMean, wanted=0.99)
    assert (light.verdict, "will not bring 0.99" in light.sentence) in [("go on", False), ("stop", True)]
    assert not {text: met for met, text, _ in light.reasons}["Wanted 0.99 reached"]


def test_a_steep_curve_says_go_on():
    samples = clouds(400, apart=2.0)
    order, control = labelled_along(samples, 60)
    light = judge(samples, order, control)
    assert light.verdict == "go on"
    assert light.sentence.startswith("Go on. The next 20 labels should bring about 0.")


def test_labels_that_mean_nothing_say_that_nothing_is_learnt():
    samples = permuted(0)
    light = judge(samples, *labelled_along(samples, 120), fit=NearestMean)
    assert light.chance == pytest.approx(1 / 3)
    assert light.verdict == "go on"
    assert (
        light.sentence == "Go on, or look for other features: nothing better than chance (0.33) is shown yet."
    )


@pytest.mark.parametrize("n_control", [0, 1, 19])
def test_too_few_control_labels_never_say_stop(easy, n_control):
    samples, order, control = easy
    few = control & (np.cumsum(control) <= n_control)
    light = judge(samples, order, few, wanted=0.1)
    assert light.verdict == "go on"
    assert "too few to judge: 20 are needed" in light.sentence
    assert light.reasons == []


def test_twenty_control_labels_judge_but_do_not_say_stop(easy):
    samples, order, control = easy
    some = control & (np.cumsum(control) <= 25)
    light = judge(samples, order, some, wanted=0.5, fit=NearestMean)
    assert light.verdict == "nearly there"
    assert judge(samples, order, control, wanted=0.5, fit=NearestMean).verdict == "stop"


def test_what_cannot_be_judged_yet_is_said_in_words(easy):
    samples, order, control = easy
    nothing = judge(samples, order[:0], control[:0])
    assert nothing.sentence == "Go on. Labels of two classes are needed before anything can be judged."
    one_class = samples.with_labels(np.full(400, "a"))
    assert "two classes" in judge(one_class, order, control).sentence
    assert "30 are needed" in judge(samples, order[control][:25], np.ones(25, bool)).sentence


def test_rows_that_cannot_be_held_out_are_not_judged_and_it_is_said(easy):
    samples, order, control = easy
    one_group = dataclasses.replace(samples, group=["g"] * 400)
    light = judge(one_group, order, control)
    assert light.verdict == "go on"
    assert light.sentence.startswith(
        "Go on. It cannot be judged. The rows of folds must come from several groups"
    )


def test_few_groups_give_figures_without_intervals_and_never_stop(easy):
    samples, order, control = easy
    few = dataclasses.replace(samples, group=[f"g{i % 3}" for i in range(400)])
    light = judge(few, order, control, fit=NearestMean)
    assert light.verdict == "go on"
    assert light.sentence == "Go on. The curve cannot be drawn on yet."
    assert np.isnan(light.gain[1])
    assert "groups are too few to say how sure that is" in light.helps


def test_the_curve_is_drawn_on_to_the_rows_that_there_are(easy):
    samples, order, control = easy
    few = samples.take(np.r_[order, np.setdiff1d(np.arange(400), order)[:15]])
    assert judge(few, np.arange(140), control).forecast[-1, 0] == 155
    light = judge(few.take(np.arange(140)), np.arange(140), control)
    assert (light.verdict, light.sentence) == ("stop", "Stop. Every row has a label.")


def test_a_class_with_one_label_waits(easy):
    samples, order, control = easy
    labels = samples.labels.astype("<U9")
    labels[order[3]] = "rare"
    light = judge(samples.with_labels(labels), order, control, fit=NearestMean)
    assert light.labels == 139
    assert light.notes[0] == "Classes with one label are not judged yet: 'rare'."


def test_control_labels_alone_have_nothing_to_be_compared_with(easy):
    samples, order, _ = easy
    light = judge(samples, order, np.ones(len(order), bool), fit=NearestMean)
    assert light.helps == ""
    assert np.isnan(light.ahead[0])
    assert not any(text.startswith("Ahead") for _, text, _ in light.reasons)


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        ((0.06, -0.01, 0.13), "At 54 labels hybrid is ahead by 0.06 [-0.01, 0.13]: likely helpful, not certain."),
        ((0.06, 0.02, 0.10), "At 54 labels hybrid is ahead by 0.06 [0.02, 0.10]: it helps."),
        ((-0.06, -0.10, -0.02), "At 54 labels hybrid is behind by 0.06 [0.02, 0.10]: label at random instead."),
        ((-0.06, -0.13, 0.01), "At 54 labels hybrid is behind by 0.06 [-0.01, 0.13]: likely harmful, not certain."),
        ((0.01, -0.06, 0.08), "Hybrid and random labels do equally well as far as 54 labels can tell: difference 0.01 [-0.06, 0.08]."),
    ],
)  # fmt: skip
def test_whether_the_strategy_helps_is_said_with_its_certainty(ahead, said):
    assert stopping._helps("hybrid", 54, ahead) == said


def test_the_result_is_saved_and_repeats_itself(easy, light, tmp_path):
    again = Result.load(light.save(tmp_path / "light.zip"))
    assert again.digest() == light.digest() == judge(*easy, fit=NearestMean, wanted=0.9).digest()
    assert light.summary()["forecast"][0] == 220


def test_a_history_that_does_not_fit_is_refused(easy):
    samples, order, control = easy
    with pytest.raises(DataError, match="each with a label. Got 140 rows, 139 of them"):
        stop_light(blank(samples, order[1:]), order, control)
    with pytest.raises(DataError, match="must name 141 different rows"):
        judge(samples, np.r_[order, order[0]], np.r_[control, True])
    with pytest.raises(SettingError, match="above 0 and at most 1. Got 93"):
        judge(samples, order, control, wanted=93)


# ---- rates ----
def rates(samples_of_seed, n_runs, strategy):
    claims = []
    for seed in range(n_runs):
        samples = samples_of_seed(seed)
        light = judge(samples, *labelled_along(samples, 120, strategy=strategy, seed=seed), random_state=seed)
        claims.append((light.gain[1] > 0, light.ahead[1] > 0, light.verdict == "stop", light.ahead[2] < 0))
    return np.mean(claims, axis=0)


@pytest.mark.slow
def test_on_permuted_labels_gains_are_claimed_at_the_rate_of_chance():
    gain, ahead, stop, _ = rates(permuted, 30, "hybrid")
    assert gain <= 0.1  # 2.5 % is expected; 4 of 30 or more has a chance of 0.6 %
    assert ahead <= 0.1
    assert stop <= 0.1


@pytest.mark.slow
def test_a_strategy_that_does_help_is_seen_and_one_that_does_harm_as_well():
    """The check of the check: five rare kinds, that farthest-first finds at once, and most certain rows do not."""

    def rare(seed):
        random = np.random.default_rng(seed)
        kind = np.where(random.random(900) < 0.25, random.integers(1, 6, 900), 0)
        X = random.normal(size=(900, 6))
        X[np.arange(900), kind] += 8
        return samples_of(X, kind.astype(str))

    lights = [judge(samples, *labelled_along(samples, 120, strategy="k-centre", seed=seed)) for seed in range(6) for samples in [rare(seed)]]  # fmt: skip
    assert np.mean([light.ahead[0] for light in lights]) > 0.05
    assert any(light.ahead[1] > 0 for light in lights)
    assert not any(light.ahead[2] < 0 for light in lights)
