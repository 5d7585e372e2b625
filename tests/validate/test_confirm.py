"""One opening of the seal: what is asked, of which rows, and what a reader is told."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from clew.errors import DataError
from clew.explore.exploration import explore
from clew.result import Result
from clew.validate.confirm import confirm, same_as_groups
from tests.validate.confirm_worlds import clouds, table


@pytest.fixture(scope="module")
def world():
    """150 rows of two groups, 50 of them sealed; all labelled by people, two of ten against the groups."""
    rng = np.random.default_rng(0)
    X = clouds("two", 150, 4, rng, sigma=6.0)
    kind = (X.sum(axis=1) > X.sum(axis=1).mean()).astype(int)
    labels = np.array(["a", "b"])[kind ^ (rng.random(150) < 0.2)]
    return rows(table(X, labels=labels), "person"), kind


@pytest.fixture(scope="module")
def looked(world):
    return explore(world[0].take(np.arange(100)), embed="pca", runs=2, references=99, k=2)


def rows(samples, labelled):
    origin = samples.origin.assign(
        part=np.where(np.arange(len(samples)) < 100, "open", "sealed"), labelled=labelled
    )
    return dataclasses.replace(samples, origin=origin)


def on_record(looked, about, **change):
    return [
        {"number": i + 1, "features": one.features, "statement": one.statement, "about": about, "by": "look", "late": False, **change}
        for i, one in enumerate(looked.hypotheses.stated)
    ]  # fmt: skip


def test_the_step_sees_all_rows_and_says_both_answers(world, looked, tmp_path):
    found = confirm(world[0], looked, hypotheses=on_record(looked, "a"), references=39, permutations=199)
    assert confirm.step.sees == "all"
    assert found.replication.verdict == "confirmed"
    assert (found.replication.n_open, found.replication.n_sealed) == (100, 50)
    assert [claim.verdict for claim in found.claims] == ["confirmed"]
    assert "1 hypothesis on record: 1 confirmed." in found.headline()
    summary = found.summary()
    assert {"index", "p_value", "prediction_strength"} <= set(summary["replication"])
    assert summary["hypotheses"][0]["confirmed"] and summary["independent"]
    assert Result.load(found.save(tmp_path / "c.zip")).digest() == found.digest()


def test_open_rows_alone_decide_what_is_asked(world, looked):
    """Other sealed rows change the answer and not the question: centres and scaling are the look's."""
    samples, _ = world
    found = confirm(samples, looked, references=19)
    sealed = np.arange(100, 150)
    turned = samples.features.copy()
    turned[sealed] = turned[sealed].mean(axis=0) + np.random.default_rng(1).normal(size=(50, 4)) * 0.3
    noise = confirm(dataclasses.replace(samples, features=turned), looked, references=19)
    assert found.replication.verdict == "confirmed" and noise.replication.verdict == "not confirmed"


@pytest.mark.parametrize("settings", [{}, {"permutations": 4999}, {"opening": 2}, {"random_state": 3}])
def test_names_of_groups_are_no_labels_whatever_the_settings(world, looked, settings):
    samples, kind = world
    named = rows(samples.with_labels(np.array(["round", "long"])[kind]), "group")
    found = confirm(named, looked, hypotheses=on_record(looked, about="round"), references=19, **settings)
    assert [claim.verdict for claim in found.claims] == ["not tested"]
    assert np.isnan(found.claims[0].p_value)
    assert "put into groups by these features" in found.claims[0].reason


def test_labels_that_are_the_groups_over_again_test_nothing_unless_given_by_eye(world, looked):
    samples, _ = world
    groups = np.r_[np.array(["x", "y"])[looked.groups], world[0].labels[100:]]
    groups[100:] = np.where(groups[100:] == "a", "x", "y")
    copied = samples.with_labels(groups)
    asked = {"hypotheses": on_record(looked, "x"), "references": 19}
    found = confirm(copied, looked, **asked)
    assert [claim.verdict for claim in found.claims] == ["not tested"]
    assert "--labels-by-eye" in found.claims[0].reason and np.isnan(found.claims[0].p_value)
    by_eye = confirm(copied, looked, labels_by_eye=True, **asked)
    assert by_eye.claims[0].verdict != "not tested" and by_eye.settings["labels_by_eye"]
    assert any("said to be given by eye" in note for note in by_eye.notes)
    assert not confirm(samples, looked, **asked).notes[1:]


def test_a_handful_of_labels_is_no_copy(world, looked):
    samples, names = world[0].take(np.arange(100)), np.array(["x", "y"])[looked.groups]
    for n, same in ((9, False), (10, True)):
        assert bool(same_as_groups(samples.sample[:n], names[:n], looked)) == same
    other = names.copy()
    other[:2] = names[:2][::-1] if names[0] != names[1] else ["z", "z"]
    assert not same_as_groups(samples.sample, other, looked)


def test_without_a_look_or_a_hypothesis_that_part_says_so(world, looked):
    found = confirm(world[0], hypotheses=on_record(looked, "a"))
    assert "nobody has looked" in found.headline() and found.replication.draws.shape == (0, 2)
    assert found.claims[0].verdict == "confirmed"
    alone = confirm(world[0], looked, references=19)
    assert alone.claims == [] and alone.headline().endswith("No hypothesis is on record.")


def test_a_second_opening_is_marked_and_gives_the_same_p(world, looked):
    once, twice = (confirm(world[0], looked, references=19, opening=n) for n in (1, 2))
    assert once.replication.p_value == twice.replication.p_value
    assert "not independent" in twice.headline() and "not independent" not in once.headline()
    assert not twice.summary()["independent"]


def test_rows_that_do_not_say_their_part_are_refused(world):
    with pytest.raises(DataError, match="must say their part"):
        confirm(table(world[0].features))
