"""Each answer from losses that were drawn to deserve it, and from the same losses spoilt so that they no longer do."""

import numpy as np
import pytest

from clew.validate import loss_rules
from clew.validate.loss_answers import QUESTIONS, SAID
from clew.validate.loss_curves import read_losses
from tests.validate.loss_worlds import decay, drawn, history

DESERVED = [
    ("good", "converging", "yes"),
    ("good", "learning rate", "fine"),
    ("good", "overfitting", "no"),
    ("good", "underfitting", "no"),
    ("good", "epochs", "yes"),
    ("overfits", "overfitting", "overfits"),
    ("overfits", "learning rate", "fine"),
    ("overfits", "epochs", "yes"),
    ("gap", "overfitting", "overfits"),
    ("diverges", "converging", "no"),
    ("diverges", "learning rate", "too high"),
    ("diverges", "overfitting", "cannot tell"),
    ("diverges", "epochs", "cannot tell"),
    ("saw-tooth", "learning rate", "too high"),
    ("above", "learning rate", "too high"),
    ("above", "converging", "no"),
    ("creeps", "learning rate", "too low"),
    ("creeps", "epochs", "no"),
    ("creeps", "overfitting", "no"),
    ("underfits", "underfitting", "underfits"),
    ("underfits", "overfitting", "no"),
    ("too short", "epochs", "no"),
    ("too short", "learning rate", "fine"),
    ("nothing", "underfitting", "underfits"),
]


@pytest.mark.parametrize(("kind", "topic", "verdict"), DESERVED)
def test_each_history_gets_the_answer_it_was_drawn_for(kind, topic, verdict):
    found = read_losses(drawn(kind)).about(topic)
    assert found.answer == verdict, found.sentence
    assert found.sentence.startswith(SAID[topic, verdict])
    assert found.question == QUESTIONS[topic]
    assert all(isinstance(value, float) for value in found.evidence.values())


@pytest.mark.parametrize(("kind", "topic", "verdict"), DESERVED)
def test_losses_in_other_units_get_the_same_answers(kind, topic, verdict):
    base = drawn(kind)
    scaled = history(40 * base.train_loss, 40 * base.valid_loss, start=40 * base.batch_loss[0], chance=40.0)
    assert read_losses(scaled).about(topic).answer == verdict


def about(topic, *args, **changes):
    return read_losses(history(*args, **changes)).about(topic)


# ---- the same losses, spoilt: the answer must change ----
def test_epochs_in_another_order_no_longer_overfit():
    base = drawn("overfits", noise=0.0)
    order = np.random.default_rng(0).permutation(base.n_epochs)
    assert about("overfitting", base.train_loss, base.valid_loss).answer == "overfits"
    assert about("overfitting", base.train_loss[order], base.valid_loss[order]).answer != "overfits"


def test_a_validation_loss_that_is_raised_at_the_end_overfits():
    base = drawn("good")
    raised = base.valid_loss + np.linspace(0, 0.3, base.n_epochs) ** 1.5
    train = decay(base.n_epochs, 0.02)
    assert about("overfitting", train, base.valid_loss).answer == "no"
    found = about("overfitting", train, raised)
    assert found.answer == "overfits"
    assert found.evidence["lowest_epoch"] == pytest.approx(np.argmin(raised) + 1, abs=4)


def test_a_rising_validation_loss_is_not_overfitting_where_nothing_is_learnt_any_more():
    base = drawn("underfits")
    drifting = base.valid_loss + np.linspace(0, 0.15, base.n_epochs)
    assert about("overfitting", base.train_loss, drifting, start=1.2).answer == "no"
    still_learning = base.train_loss * np.linspace(1, 0.6, base.n_epochs)
    assert about("overfitting", still_learning, drifting, start=1.2).answer == "overfits"


def test_a_single_bad_epoch_at_the_end_is_no_overfitting_and_no_divergence():
    base = drawn("good")
    train, valid = base.train_loss.copy(), base.valid_loss.copy()
    train[-1], valid[-1] = 0.9, 2.0
    found = read_losses(history(train, valid))
    assert found.about("overfitting").answer == "no"
    assert found.about("converging").answer == "yes"
    train[-4:] = 0.9
    assert about("converging", train, valid).answer == "no"


def test_noise_as_large_as_the_gap_leaves_overfitting_open():
    noisy = drawn("good", noise=0.15, seed=3)
    found = about("overfitting", drawn("good").train_loss, noisy.valid_loss)
    assert found.answer == "cannot tell"
    assert "from epoch to epoch" in found.sentence


def test_without_the_margin_of_errors_noise_would_pass_for_overfitting(monkeypatch):
    noisy = [drawn("good", noise=0.1, seed=seed) for seed in range(40)]
    histories = [history(decay(40, 0.02), one.valid_loss) for one in noisy]
    assert sum(read_losses(one).about("overfitting").answer == "overfits" for one in histories) <= 1
    monkeypatch.setattr(loss_rules, "SURE", 1)
    assert sum(read_losses(one).about("overfitting").answer == "overfits" for one in histories) > 10


def test_a_creeping_loss_is_too_low_a_rate_only_while_it_stays_straight_and_high():
    n = 40
    assert about("learning rate", np.linspace(1.04, 0.8, n)).answer == "too low"
    assert about("learning rate", decay(n, 0.8)).answer == "fine"
    assert about("learning rate", np.linspace(1.04, 0.1, n)).answer == "fine"
    assert about("learning rate", np.full(n, 1.04) - 1e-5 * np.arange(n)).sentence.endswith(
        "stands still at 1.04."
    )


def test_a_schedule_that_ends_at_nothing_does_not_hide_a_rate_that_is_too_low():
    n = 40
    rates = 1e-5 * 0.5 * (1 + np.cos(np.pi * np.arange(n) / n))
    creeping = 1.04 - 0.2 * np.cumsum(rates) / rates.sum()  # straight along the sum of the rates
    assert about("learning rate", creeping, lr=rates).answer == "too low"
    assert about("learning rate", creeping, lr=1e-5).answer != "too low"


def test_gradients_that_run_away_tell_of_a_rate_that_is_too_high():
    stuck = np.full(20, 1.04) + 0.01 * np.sin(np.arange(20))
    assert about("learning rate", stuck, gradient_norm=np.geomspace(1, 500, 20)).answer == "too high"
    assert about("learning rate", stuck, gradient_norm=np.ones(20)).answer == "cannot tell"
    assert about("learning rate", stuck, gradient_norm=np.full(20, np.nan)).answer == "cannot tell"


def about_rate(train, lr, **changes):
    return read_losses(history(np.array(train) / 2.3, start=2.281 / 2.3, lr=lr, **changes))


def test_a_loss_that_settles_above_chance_tells_of_a_rate_that_is_too_high():
    """Training losses of digits (SGD, momentum 0.9, lr 0.5): chance is what even a net without a look comes to."""
    dead = [
        2.443,
        2.54,
        2.485,
        2.403,
        2.39,
        2.37,
        2.36,
        2.35,
        2.35,
        2.34,
        2.35,
        2.36,
        2.33,
        2.35,
        2.345,
        2.34,
        2.36,
    ]
    found = about_rate(dead, 0.5)
    assert found.about("learning rate").answer == "too high"
    assert "above chance" in found.headline() and "0.05" in found.about("learning rate").advice
    assert "units or layers" not in found.about("underfitting").advice
    to_chance = np.array(dead) - 0.06 * (np.arange(17) > 5)  # the same, but down to chance
    assert about_rate(to_chance, 0.5).about("learning rate").answer == "cannot tell"
    falling = np.linspace(2.6, 2.33, 17)  # above chance, but on its way
    assert about_rate(falling, 0.5).about("learning rate").answer != "too high"


def test_a_training_loss_that_wanders_up_by_a_fifth_of_chance_is_thrown_about():
    """Training losses of digits (AdamW, lr 0.1), whose windows differ so much that their error hid the rise."""
    wild = [1.7, 0.92, 0.87, 0.95, 1.04, 1.43, 1.27, 1.37, 1.52, 1.35, 1.5, 1.57, 1.9, 2.23, 1.99, 1.84, 1.8, 2.33, 1.92, 1.84]  # fmt: skip
    found = about_rate(wild, 0.1)
    assert found.about("learning rate").answer == "too high"
    assert found.about("converging").answer == "no"


def test_where_the_rate_cannot_be_told_it_comes_before_a_larger_net():
    found = read_losses(drawn("nothing"))
    assert found.about("learning rate").answer == "cannot tell"
    advice = found.about("underfitting").advice
    assert advice.startswith("Set the learning rate right first") and "finder" in advice
    assert "units or layers" not in advice


@pytest.mark.parametrize("first", [0.7, 1.4])
def test_one_batch_to_begin_with_is_trusted_no_further_than_batches_agree(first):
    still = 1.1 + 0.01 * np.sin(np.arange(20))
    batches = np.r_[first, 1.1 + 0.2 * np.sin(2.0 * np.arange(1, 30)), np.full(19, 1.1)]
    scattered = {"batch_loss": batches, "updates": 30 + np.arange(20)}
    assert about("learning rate", still, **scattered).answer == "cannot tell"
    assert about("converging", still, **scattered).answer == "no"
    alone = read_losses(history(still, start=first))  # what that batch alone would say
    assert alone.about("learning rate").answer == ("too high" if first < 1 else "cannot tell")
    assert alone.about("converging").answer == ("no" if first < 1 else "yes")


def test_all_answers_name_the_same_lowest_loss():
    """The lowest validation loss is that of epoch 2, whatever the medians over windows say."""
    valid = np.r_[1.0, 0.896, np.linspace(1.2, 1.9, 78)] / 1.5
    found = read_losses(history(decay(80, 0.01), valid))
    least = f"{valid.min():.4g}"
    assert f"lowest at epoch 2 ({least})" in found.about("overfitting").sentence
    assert "lowest at epoch 2 of 80" in found.about("epochs").sentence
    assert f"is {least} (epoch 2)" in found.about("early stopping").sentence
    rising = read_losses(history(valid, valid)).about("converging").sentence
    assert f"rose from {least} (epoch 2)" in rising


def test_one_epoch_thrown_far_above_the_start_is_told():
    loss = decay(30, 0.1)
    loss[4] = 8.0
    found = about("learning rate", loss)
    assert found.answer == "too high"
    assert "jumped to 8" in found.sentence


def test_a_loss_that_is_not_finite_is_told_with_its_update_however_early():
    for train in ([], [0.9, 0.8], decay(20, 0.1)):
        found = read_losses(history(train, stopped="not finite", failed_batch=37, best_epoch=len(train)))
        assert found.about("converging").answer == "no"
        assert found.about("learning rate").answer == "too high"
        assert "update 37" in found.headline()


def test_underfitting_waits_for_the_learning_rate_and_for_the_epochs():
    assert "learning rate" in read_losses(drawn("creeps")).about("underfitting").advice
    assert "units or layers" in read_losses(drawn("underfits")).about("underfitting").advice
    slow = about("underfitting", decay(40, 0.5, time=25), decay(40, 0.5, time=25))
    assert slow.answer == "underfits"
    assert slow.advice.startswith("Train for more epochs first")


def test_a_training_loss_that_is_high_by_drop_out_alone_is_not_underfitting():
    base = drawn("underfits")
    assert about("underfitting", base.train_loss, base.valid_loss).answer == "underfits"
    assert about("underfitting", base.train_loss, base.valid_loss, train_loss_at_best=0.2).answer == "no"


def test_a_net_that_learns_what_does_not_hold_is_not_told_to_grow():
    found = about("underfitting", np.linspace(1.0, 0.82, 40), 1 + np.linspace(0, 0.3, 40))
    assert found.answer == "cannot tell"
    assert "more units" not in found.advice


def test_the_fall_that_is_foreseen_is_that_of_the_curve_drawn_on():
    time, n = 40, 60
    curve = decay(2 * n, 0.1, time=time)
    found = about("epochs", curve[:n], curve[:n])
    assert found.answer == "no"
    assert found.evidence["fall_low"] < curve[n - 1] - curve[-1] < found.evidence["fall_high"]
    longer = decay(4 * n, 0.1, time=time)
    assert about("epochs", longer, longer).answer == "yes"


def test_the_interval_of_the_foreseen_fall_holds_it_nine_times_in_ten():
    curve, random = decay(120, 0.1, time=40), np.random.default_rng(5)
    held = []
    for _ in range(200):
        loss = curve[:60] + 0.01 * random.normal(size=60)
        evidence = about("epochs", loss, loss).evidence
        held.append(evidence["fall_low"] <= curve[59] - curve[-1] <= evidence["fall_high"])
    assert np.mean(held) >= 0.9


def test_epochs_are_enough_where_the_training_loss_stands_even_if_the_validation_loss_wanders():
    valid = 0.3 + 0.05 * np.cos(np.arange(40) / 6)
    assert about("epochs", decay(40, 0.25, time=3), valid).answer != "no"


def test_without_chance_underfitting_is_left_open():
    assert about("underfitting", decay(20, 0.1), chance=np.nan).answer == "cannot tell"
    assert about("converging", decay(20, 0.1), chance=np.nan).answer == "yes"


@pytest.mark.parametrize("topic", QUESTIONS)
def test_four_epochs_are_too_few_for_any_answer(topic):
    found = about(topic, [1.0, 0.7, 0.5, 0.4], [1.0, 0.8, 0.6, 0.7])
    assert found.answer == "cannot tell"
    assert "4 epochs are too few" in found.sentence


@pytest.mark.parametrize("topic", ["overfitting", "early stopping"])
def test_without_validation_rows_groups_are_to_be_held_out(topic):
    found = about(topic, decay(30, 0.1))
    assert found.answer == "cannot tell"
    assert "Hold out some groups" in found.advice


def test_no_more_is_foreseen_than_is_left_of_a_loss():
    """A validation loss near 0 that fell steeply from a bump cannot fall by ten times itself."""
    valid = (
        np.array([1.5, 0.4, 0.15, 0.15, 0.19, 0.09, 0.04, 0.05, 0.06, 0.11, 0.23, 0.09, 0.06, 0.05, 0.03])
        / 2.3
    )
    told = read_losses(history(decay(15, 0.002), valid)).about("epochs")
    assert told.evidence["fall_high"] <= valid[-3:].max()
    assert told.answer == "yes"
    below = read_losses(history(decay(15, 0.002) - 3, valid - 3, chance=1.0)).about("epochs")
    assert below.evidence["fall_high"] > valid[-3:].max()  # a loss that can be negative has no floor
