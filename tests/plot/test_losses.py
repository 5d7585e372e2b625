"""Figures of losses hold the history's numbers, and tell their lines apart without colour."""

import numpy as np
import pytest

from clew.plot import figure
from clew.plot.losses import losses
from clew.plot.style import svg
from clew.validate.loss_curves import read_losses
from clew.validate.rate_finder import suggest_rate
from tests.validate.loss_worlds import decay, drawn, history


def line(axes, name):
    return next(one for one in axes.lines if one.get_gid() == name)


def texts(drawing):
    return [one.get_text() for one in [*drawing.texts, *drawing.axes[0].texts]]


def test_both_lines_are_the_historys_losses_with_markers_of_their_own():
    found = drawn("overfits")
    axes = figure(found).axes[0]
    np.testing.assert_array_equal(line(axes, "training").get_ydata(), found.train_loss)
    np.testing.assert_array_equal(line(axes, "validation").get_ydata(), found.valid_loss)
    np.testing.assert_array_equal(line(axes, "validation").get_xdata(), np.arange(1, 41))
    assert line(axes, "training").get_marker() != line(axes, "validation").get_marker()
    assert line(axes, "training").get_linestyle() != line(axes, "validation").get_linestyle()
    assert axes.get_ylabel() == "mse"


def test_a_reading_is_drawn_as_its_history_is():
    found = drawn("overfits")
    assert svg(figure(found), salt="a", label="") == svg(figure(read_losses(found)), salt="a", label="")


def test_the_headline_is_the_title_and_every_answer_stands_below():
    reading = read_losses(drawn("overfits"))
    said = texts(figure(reading))
    assert " ".join(said[0].split()) == reading.headline()
    for one in reading.answers:
        assert said[said.index(one.question) + 1] == one.answer


def test_the_kept_epoch_is_ringed_and_chance_is_a_line():
    found = drawn("overfits")
    axes = figure(found).axes[0]
    ring = line(axes, "chosen")
    assert ring.get_xdata()[0] == found.best_epoch
    assert ring.get_ydata()[0] == found.valid_loss.min()
    assert line(axes, "chance").get_ydata()[0] == 1.0
    assert {f"kept: epoch {found.best_epoch}", "chance 1"} <= set(texts(figure(found)))
    unknown = figure(history(decay(20, 0.1), chance=np.nan)).axes[0]
    assert not any(one.get_gid() == "chance" for one in unknown.lines)


def test_early_stopping_is_marked_where_it_was_or_would_have_helped():
    reading = read_losses(drawn("overfits", noise=0.0))
    would = line(figure(reading).axes[0], "early stopping").get_xdata()[0]
    assert would == reading.about("early stopping").evidence["stopped_at"]
    stopped = history(decay(30, 0.1), decay(30, 0.2), stopped="early", patience=5)
    assert line(figure(stopped).axes[0], "early stopping").get_xdata()[0] == 30
    assert any("patience 5" in one for one in texts(figure(stopped)))
    falling = history(decay(30, 0.1), decay(30, 0.2))
    assert not any(one.get_gid() == "early stopping" for one in figure(falling).axes[0].lines)


def covers(axes, name):
    """Tell whether the box of a text that holds ``name`` covers a loss of the validation line."""
    axes.figure.draw_without_rendering()
    box = next(one for one in axes.texts if name in one.get_text()).get_window_extent()
    x, y = line(axes, "validation").get_data()
    fine = np.linspace(x[0], x[-1], 2000)
    return any(box.contains(*place) for place in axes.transData.transform(np.c_[fine, np.interp(fine, x, y)]))


@pytest.mark.parametrize("early", [2, 5, 15, 40, 70])
def test_the_name_of_early_stopping_covers_no_validation_loss(early, monkeypatch):
    epochs = np.arange(1, 81)
    valid = np.where(epochs < early, 0.9 + 0.02 * (early - epochs), 0.9 + 0.3 * np.log(epochs / early))
    found = history(decay(80, 0.002), valid)
    axes = figure(found).axes[0]
    assert not covers(axes, "would stop")
    if early == 5:
        monkeypatch.setattr("clew.plot.losses.TOPS", (0.97,))  # at the top, where it stood, it would
        assert covers(figure(found).axes[0], "would stop")


@pytest.mark.parametrize(("low", "scale"), [(0.2, "linear"), (0.001, "log"), (-0.5, "linear")])
def test_losses_that_span_much_go_on_a_logarithmic_axis(low, scale):
    assert figure(history(decay(40, low, time=3))).axes[0].get_yscale() == scale


def test_without_validation_rows_only_the_training_loss_is_drawn():
    axes = figure(history(decay(20, 0.1))).axes[0]
    assert not any(one.get_gid() == "validation" for one in axes.lines)
    assert "validation" not in [one.get_text() for one in axes.texts]


def test_other_members_are_faint_and_without_markers():
    members = [drawn("good", seed=seed) for seed in (1, 2)]
    axes = losses(drawn("good"), members=members).axes[0]
    faint = [one for one in axes.lines if one.get_gid() == "validation of a member"]
    for one, member in zip(faint, members, strict=True):
        np.testing.assert_array_equal(one.get_ydata(), member.valid_loss)
        assert one.get_alpha() < 0.5 and one.get_marker() == ""


def test_names_at_the_right_do_not_lie_upon_each_other():
    axes = figure(drawn("nothing")).axes[0]  # all three lines end in one place
    places = sorted(one.get_position()[1] for one in axes.texts if one.get_position()[0] == 1.015)
    assert len(places) == 3
    assert (np.diff(places) > 0.07).all()


@pytest.mark.parametrize("kind", ["one epoch", "none", "diverged"])
def test_odd_histories_are_drawn(kind):
    odd = {
        "one epoch": lambda: history([0.8], [0.9]),
        "none": lambda: history([], stopped="not finite", failed_batch=3, best_epoch=0),
        "diverged": lambda: history(
            [0.9, 1e9, 1e20], [1.0, np.inf, np.nan], stopped="not finite", failed_batch=9
        ),
    }[kind]()
    assert svg(figure(odd), salt="a", label="").startswith("<svg")


def test_the_suggested_rate_is_ringed_and_rates_that_are_too_high_are_shaded():
    lr = np.geomspace(1e-6, 10, 141)
    found = suggest_rate(lr, 2.3 - 1.8 / (1 + (1e-2 / lr) ** 2) + (lr / 0.3) ** 2)
    axes = figure(found).axes[0]
    assert line(axes, "chosen").get_xdata()[0] == found.suggested
    shade = next(one for one in axes.patches if one.get_gid() == "diverges")
    assert shade.get_x() == pytest.approx(found.diverges)
    assert axes.get_xscale() == "log"
    exploded = suggest_rate(lr, 2.3 - 1.8 / (1 + (1e-2 / lr) ** 2) + (lr / 0.03) ** 4)
    low, high = figure(exploded).axes[0].get_ylim()
    assert exploded.loss.max() > 1e6 and 0 < high - low < 10  # what diverges does not flatten the rest
    flat = figure(suggest_rate(lr, np.full(141, 2.3))).axes[0]
    assert not any(one.get_gid() == "chosen" for one in flat.lines)
