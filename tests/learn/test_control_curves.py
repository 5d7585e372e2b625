"""Curves along the order of labels: control labels test, held out, and of the comparison only those unknown to it."""

import numpy as np
import pytest
from scipy.special import stdtrit

from clew.learn.control_curves import ControlCurves
from clew.learn.stopping import stop_light
from clew.splits import folds
from clew.validate.ground import prepare
from tests.learn.active_worlds import NearestMean, blank, clouds, labelled_along


def test_the_last_point_is_the_accuracy_on_held_out_control_labels_and_on_no_others():
    """The slow twin: every control label is told by a model that saw no label of its fold."""
    samples = clouds(400, apart=1.2, n_groups=40)
    order, control = labelled_along(samples, 140, strategy="margin")
    light, rows = stop_light(blank(samples, order), order, control, fit=NearestMean), samples.take(order)
    parts = folds(rows, n_folds=10, random_state=0)
    told = np.full(len(order), "", dtype=object)
    for train, test in zip(parts.train, parts.test, strict=True):
        assert not set(rows.group[train]) & set(rows.group[test])
        told[test] = NearestMean(rows.take(train)).predict(rows.take(test)).label

    def recall_over(which):
        return np.mean([(told == rows.labels)[which & (rows.labels == k)].mean() for k in "012"])

    assert light.active[-1, 1] == pytest.approx(recall_over(control))
    assert light.active[-1, 1] != pytest.approx(recall_over(np.ones(140, bool)), abs=0.01)
    assert light.active[-1, 0] == 140
    assert light.control[-1, 0] == control.sum() == light.control_labels


def test_the_strategy_is_compared_on_control_labels_of_which_it_did_not_know(monkeypatch):
    samples = clouds(400, n_groups=40)
    order, control = labelled_along(samples, 140)
    tested = []
    along = ControlCurves.along
    monkeypatch.setattr(ControlCurves, "along", lambda self, *a: tested.append(self.control) or along(self, *a))  # fmt: skip
    light = stop_light(blank(samples, order), order, control, fit=NearestMean)
    assert [len(one) for one in tested[:2]] == [control.sum()] * 2
    for later in tested[2:]:
        assert later.tolist() == [i for i in np.flatnonzero(control) if i >= light.control_labels]


def test_a_difference_has_the_jackknifes_interval_and_room_for_one_label_told_otherwise():
    samples = clouds(120, apart=1.0)
    ground = prepare(
        samples, "classification", "accuracy", of="", n_folds=5, by="auto", gap=None, random_state=0
    )
    curves = ControlCurves(ground, NearestMean, np.arange(0, 120, 2))
    curve, moved = curves.along(np.arange(120), np.array([12, 120]))
    value, low, high = curves.difference(curve[1], curve[0], moved[:, 1] - moved[:, 0])
    tables = [curves._tested(np.arange(size)).reshape(-1, 3, 3) for size in (12, 120)]  # of each row
    correct = [np.trace(one, axis1=1, axis2=2)[one.sum(axis=(1, 2)) > 0] for one in tables]
    change = correct[1] - correct[0]
    assert value == pytest.approx(change.mean())
    error = np.sqrt(change.var(ddof=1) / 60 + 1 / 60**2)  # the jackknife of a mean is its standard error
    assert high - value == pytest.approx(stdtrit(59, 0.975) * error)
    assert value - low == pytest.approx(high - value)
    same = curves.difference(curve[1], curve[1], 0 * moved[:, 0])
    assert same == pytest.approx((0, -stdtrit(59, 0.975) / 60, stdtrit(59, 0.975) / 60))
