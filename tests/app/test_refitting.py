"""The background fit: when it begins, that one runs at a time, and that its failure is said."""

from __future__ import annotations

import threading

from clew.app.refitting import Refitter
from clew.errors import DataError


def refitter(fit, told=lambda learnt: None, **how):
    return Refitter(fit, told, **{"after": 5, "rest": 0.02, **how})


def test_the_first_request_fits_and_tells():
    heard = []
    one = refitter(lambda: "learnt", heard.append)
    one.notice(0)
    assert one.wait()
    assert (one.latest, one.generation, heard) == ("learnt", 1, ["learnt"])


def test_nothing_new_fits_nothing():
    one = refitter(lambda: "learnt")
    for _ in range(3):
        one.notice(7)
    assert one.wait()
    assert one.generation == 1


def test_few_labels_wait_for_rest_and_then_count_once():
    one = refitter(lambda: "learnt", rest=0.05)
    one.notice(0)
    one.wait()
    for events in (1, 2, 3, 4):
        one.notice(events)
    assert one.generation == 1  # nothing has rested yet
    assert one.wait()
    assert one.generation == 2


def test_enough_labels_do_not_wait_for_rest():
    one = refitter(lambda: "learnt", rest=1000.0)
    one.notice(0)
    one.wait()
    one.notice(5)
    assert one.wait()
    assert one.generation == 2


def test_what_comes_during_a_fit_is_one_more_fit_after_it():
    let, begun, running, most = threading.Event(), threading.Event(), [], []

    def fit():
        running.append(1)
        most.append(len(running))
        begun.set()
        let.wait(20)
        running.pop()

    one = refitter(fit, rest=1000.0)
    one.notice(0)
    assert begun.wait(20)
    for events in (5, 10, 15):
        one.notice(events)
    let.set()
    assert one.wait()
    assert one.generation == 2
    assert max(most) == 1


def test_a_refusal_is_kept_as_a_sentence_and_the_next_fit_clears_it():
    wrong = [True]

    def fit():
        if wrong[0]:
            raise DataError("The labels must be of two classes. Got one.")
        return "learnt"

    one = refitter(fit)
    one.notice(0)
    one.wait()
    assert one.trouble == "The labels must be of two classes. Got one."
    assert one.generation == 0
    wrong[0] = False
    one.now()
    one.wait()
    assert (one.trouble, one.latest) == ("", "learnt")
