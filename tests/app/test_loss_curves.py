"""Losses of a training: every epoch is said, few messages, and what is kept of many stays small and true."""

from __future__ import annotations

import json
import logging

from clew.app import loss_curves
from clew.app.loss_curves import MOST_EPOCHS, MOST_NETS, TRAINER, Curves, Epochs


def epoch(number, train, valid=None, of=9):
    return {"number": number, "of": of, "train_loss": train, "valid_loss": valid}


def test_every_epoch_that_the_training_loop_logs_is_said_in_few_messages(monkeypatch):
    clock = iter([1.0, 1.0, 1.1, 1.2, 1.3])  # the first is said at once, the others together
    monkeypatch.setattr(loss_curves.time, "monotonic", lambda: next(clock))
    said, log = [], logging.getLogger(TRAINER)
    listening, level = Epochs(lambda kind, **data: said.append((kind, data["epochs"]))), log.level
    listening.attach()
    try:
        for number in (1, 2, 3):
            told = epoch(number, 1 / number, 2 / number) | {"lr": 0.1}
            log.debug("epoch %d", number, extra={"epoch": told})
        log.debug("nothing of an epoch")
        listening.flush()
    finally:
        log.removeHandler(listening)
        log.setLevel(level)
    assert [[one["number"] for one in epochs] for _, epochs in said] == [[1], [2, 3]]
    assert said[0] == ("epochs", [epoch(1, 1.0, 2.0)])


def test_nets_of_one_job_are_told_apart_and_the_latest_are_kept():
    curves = Curves()
    assert curves.now() is None and curves.told() == {"first": 1, "nets": []}
    for net in range(MOST_NETS + 3):
        curves.take([epoch(1, net + 1.0, 3.0), epoch(2, net + 0.5, 2.0), epoch(3, net + 0.2, 2.5)])
    told = curves.told()
    assert curves.now() == {"net": MOST_NETS + 3, "epoch": 3, "of": 9}
    assert told["first"] == 4 and len(told["nets"]) == MOST_NETS
    assert told["nets"][-1] == {
        "of": 9, "best": 2, "number": [1, 2, 3], "train": [15.0, 14.5, 14.2], "valid": [3.0, 2.0, 2.5],
    }  # fmt: skip


def test_of_a_long_training_few_epochs_are_kept_and_the_best_and_the_last_among_them():
    curves, n = Curves(), 10 * MOST_EPOCHS + 7
    losses = [float(abs(number - 1234)) for number in range(1, n + 1)]
    curves.take([epoch(number, 1.0, loss, of=n) for number, loss in enumerate(losses, 1)])
    told = curves.told()["nets"][0]
    assert (
        told["best"] == 1234
        and {1, 1234, n} <= set(told["number"])
        and len(told["number"]) <= MOST_EPOCHS + 2
    )
    assert all(losses[number - 1] == loss for number, loss in zip(told["number"], told["valid"], strict=True))
    assert told["number"] == sorted(told["number"])


def test_without_validation_no_epoch_is_called_the_best():
    curves = Curves()
    curves.take([epoch(1, 2.0), epoch(2, 1.0), epoch(3, None)])  # a loss that is no number comes as None
    assert json.loads(json.dumps(curves.told()))["nets"][0]["best"] is None
