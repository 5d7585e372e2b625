"""Stating hypotheses, and the seal: what is refused before it breaks, and what is marked after."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from clew import steps
from clew.errors import DataError, SealedError, SettingError
from clew.steps import confirming
from clew.steps.confirming import confirm, state
from clew.study.study import Study
from clew.validate.claims import OF_NET
from tests.steps.worlds import QUICK, write_table

FEW = {"references": 39, "permutations": 199}


def explored(study, *names, **settings):
    steps.explore(study, **{**QUICK, "k": 2, **settings})
    if names:
        steps.name(study, list(names))


def label_all(study, kind, folder, *, wrong=0.1, only=None):
    rng = np.random.default_rng(0)
    given = np.array(["ill", "well"])[np.where(rng.random(len(kind)) < wrong, 1 - kind, kind)]
    names = np.array(study.sample_names())
    kept = np.ones(len(names), bool) if only is None else np.isin(names, list(only))
    pd.DataFrame({"sample": names[kept], "label": given[kept]}).to_csv(folder / "l.csv", index=False)
    steps.label(study, folder / "l.csv")


def test_the_whole_way_says_both_answers_and_runs_again_to_the_bit(table, tmp_path):
    study, kind = table
    explored(study, "0=small", "1=large")
    state(study, "a,b")
    label_all(study, kind, tmp_path)
    told = confirm(study, reason="figures for the paper", **FEW)
    assert told.lines[0].startswith("The grouping replicates on 18 sealed rows")
    assert told.data["openings"] == 1 and told.data["independent"]
    assert {"index", "p_value", "prediction_strength"} <= set(told.data["replication"])
    for one in told.data["hypotheses"]:
        assert {"statement", "effect", "p_value", "p_adjusted", "confirmed"} <= set(one)
        assert one["confirmed"] == (one["verdict"] == "confirmed")
    assert [one["statement"] for one in told.data["hypotheses"]][-1] == "a and b tell the labels"
    assert json.loads(json.dumps(told.data)) == told.data
    assert "Correlation is not causation." in told.lines
    assert [(one.verb, one.reason) for one in study.openings()] == [("confirm", "figures for the paper")]
    assert steps.verify(study).data["same"]


def test_what_is_stated_of_a_nets_groups_breaks_no_seal_for_want_of_labels_or_with_a_target(table):
    of_net = {"by": "net", "about": "", "features": ["a"]}
    assert {confirming._why_none(table[0], target, [of_net]) for target in ("", "e")} == {OF_NET}
    assert confirming._why_none(table[0], "e", [of_net | {"by": "person"}]) == ""  # that can be tested


def test_nothing_breaks_the_seal_before_all_is_in_place(table, tmp_path):
    study, kind = table
    with pytest.raises(DataError, match="Nobody has looked for groups yet.*No hypothesis is on record"):
        confirm(study, reason="too early")
    state(study, "a")
    with pytest.raises(DataError, match="People must label some open and some sealed rows"):
        confirm(study, reason="too early")
    opened = set(study.sample_names()) & set(study.samples().sample)
    label_all(study, kind, tmp_path, only=opened)
    with pytest.raises(DataError, match="People must label some open and some sealed rows"):
        confirm(study, reason="too early")
    explored(study, "0=x")
    for reason in (None, " "):
        with pytest.raises(SealedError, match="with a reason"):
            confirm(study, reason=reason)
    for settings in ({"references": 18}, {"permutations": "many"}, {"random_state": -1}):
        with pytest.raises(SettingError, match="of confirm must be an int"):
            confirm(study, reason="a setting that cannot be", **settings)
    assert study.openings() == []


def test_labels_that_are_the_groups_are_refused_before_the_seal_breaks_unless_given_by_eye(table, tmp_path):
    study, kind = table
    explored(study, "0=small", "1=large")
    label_all(study, kind, tmp_path, wrong=0)
    for settings in ({}, {"labels_by_eye": False}):
        with pytest.raises(DataError, match="groups over again.*--labels-by-eye.*--undo.*not broken"):
            confirm(study, reason="clear groups", **FEW, **settings)
    with pytest.raises(SettingError, match="labels_by_ear"):
        confirm(study, reason="a slip", labels_by_eye=True, labels_by_ear=True)
    assert study.openings() == []
    told = confirm(study, reason="clear groups", labels_by_eye=True, **FEW)
    assert told.data["hypotheses"][0]["confirmed"] and any("by eye" in one for one in told.warnings)
    assert steps.verify(study).data["same"]


def test_a_study_without_sealed_rows_is_refused(tmp_path):
    path, _ = write_table(tmp_path)
    steps.new(tmp_path / "open.study", [path], sealed=0)
    with pytest.raises(DataError, match="--sealed 0"):
        confirm(Study(tmp_path / "open.study"), reason="none there")


def test_groups_that_give_no_rule_leave_the_hypotheses_to_be_tested(table, tmp_path):
    study, kind = table
    explored(study, cluster="agglomerative")
    with pytest.raises(DataError, match="gives no rule for new rows.*The seal was not broken"):
        confirm(study, reason="nothing to ask")
    label_all(study, kind, tmp_path)
    told = confirm(study, reason="labels", **FEW)
    assert told.lines[0].startswith("Replication was not tested") and "gives no rule" in told.lines[0]
    assert told.data["replication"]["p_value"] is None
    assert [one["verdict"] for one in told.data["hypotheses"]] == ["confirmed"]


def test_without_labels_of_people_hypotheses_are_circular_and_the_grouping_is_tested(table):
    study, _ = table
    explored(study, "0=small", "1=large")
    told = confirm(study, reason="grouping", **FEW)
    assert told.data["replication"]["verdict"] == "confirmed"
    assert [one["p_value"] for one in told.data["hypotheses"]] == [None]
    assert any("they differ in them even where there are no groups" in line for line in told.lines)


def test_what_is_said_after_the_seal_was_opened_is_marked_and_never_confirmed(table, tmp_path):
    study, kind = table
    explored(study)
    label_all(study, kind, tmp_path)
    confirm(study, reason="first", **FEW)
    late = state(study, "a")
    assert late.data["late"] and "confirm can test it but cannot call it confirmed" in late.warnings[0]
    explored(study, random_state=1)
    again = confirm(study, reason="second", **FEW)
    verdicts = [one["verdict"] for one in again.data["hypotheses"]]
    assert verdicts == ["confirmed", "not confirmed", "not confirmed"]
    assert again.data["hypotheses"][1]["p_adjusted"] <= 0.05
    assert again.data["replication"]["verdict"] == "not confirmed"  # the look was late
    assert "not independent" in again.warnings[0]
    assert again.data["openings"] == 2 and not again.data["independent"]
    assert [one.independent for one in study.openings()] == [True, False]


def test_an_earlier_opening_by_another_verb_counts(table, tmp_path):
    study, kind = table
    explored(study, "0=small", "1=large")
    steps.train(study, trees=5)
    steps.test(study, reason="the test")
    told = confirm(study, reason="afterwards", **FEW)
    assert not told.data["independent"]
    assert told.data["replication"]["verdict"] == "confirmed"  # the look was made before


def test_the_named_look_is_asked_and_not_the_latest(table):
    study, _ = table
    explored(study, "0=small", "1=large")
    explored(study, k=3)
    assert confirm(study, reason="grouping", **FEW).data["replication"]["k"] == 2


def test_a_group_named_like_a_class_of_peoples_is_that_class(table, tmp_path):
    study, kind = table
    explored(study, "0=ill", "1=other")
    names = study.sample_names()
    labels = np.where(kind == 0, "ill", np.where(np.arange(len(kind)) % 4 == 1, "well", "unclear"))
    pd.DataFrame({"sample": names, "label": labels}).to_csv(tmp_path / "l.csv", index=False)
    steps.label(study, tmp_path / "l.csv")
    told = confirm(study, reason="classes", **FEW)
    assert [one["tested_as"] for one in told.data["hypotheses"]] == ["ill from the rest"]


def three_clouds(folder, labels, n=180):
    """Three groups; a tells group 0, b group 1, c group 2."""
    rng = np.random.default_rng(1)
    kind = rng.permutation(np.arange(n) % 3)
    frame = pd.DataFrame(rng.normal(size=(n, 3)) + 9 * np.eye(3)[kind], columns=["a", "b", "c"])
    frame["said"] = labels(kind, rng)
    frame.to_csv(folder / "three.csv", index=False)
    steps.new(folder / "three.study", [folder / "three.csv"], label="said")
    study = Study(folder / "three.study")
    steps.explore(study, **QUICK)
    return study


def test_a_group_is_asked_about_the_class_that_stands_for_it_and_no_other_is_asked(tmp_path):
    """Two clouds are the classes x and y; labels of the third are drawn from x, y and z."""
    study = three_clouds(
        tmp_path,
        lambda kind, rng: np.where(
            kind == 2, rng.choice(["x", "y", "z"], kind.size), np.array([*"xyz"])[kind]
        ),
    )
    told = confirm(study, reason="which", **FEW).data["hypotheses"]
    by_feature = {one["statement"].split()[0]: one for one in told}
    assert by_feature["a"]["tested_as"] == "x from the rest" and by_feature["a"]["confirmed"]
    assert by_feature["b"]["tested_as"] == "y from the rest" and by_feature["b"]["confirmed"]
    coin = by_feature["c"]
    assert coin["verdict"] == "not tested" and coin["p_value"] is None
    assert "no class stands for group" in coin["reason"] and "two thirds" in coin["reason"]


def test_labels_that_are_coin_flips_confirm_no_group(tmp_path):
    study = three_clouds(tmp_path, lambda kind, rng: rng.choice(["x", "y"], kind.size))
    told = confirm(study, reason="coins", **FEW)
    assert {one["verdict"] for one in told.data["hypotheses"]} == {"not tested"}


def test_what_open_rows_and_counts_refuse_does_not_break_the_seal(tmp_path):
    rng = np.random.default_rng(0)
    for n, sealed, breaks in ((30, 0.2, False), (30, 0.4, True)):
        kind = np.repeat(rng.permutation(np.arange(n) % 2), 6)
        frame = pd.DataFrame({"patient": np.repeat(np.arange(n), 6), "x": rng.normal(size=n * 6) + 3 * kind})
        frame["y"], frame["ill"] = rng.normal(size=n * 6), np.array(["no", "yes"])[kind]
        frame.to_csv(tmp_path / "p.csv", index=False)
        folder = tmp_path / f"{breaks}.study"
        steps.new(folder, [tmp_path / "p.csv"], label="ill", group="patient", sealed=sealed)
        study = Study(folder)
        state(study, "x")
        if not breaks:
            with pytest.raises(DataError, match="6 are sealed.*takes 7 or more.*--sealed 0.4.*not broken"):
                confirm(study, reason="for nothing", **FEW)
            assert study.openings() == []
        else:
            told = confirm(study, reason="12 patients", **FEW)
            assert told.data["hypotheses"][0]["confirmed"] and "(whole groups exchanged)" in "".join(
                told.lines
            )


def test_the_target_of_the_latest_model_is_what_is_told(tmp_path):
    path, _ = write_table(tmp_path)
    steps.new(tmp_path / "t.study", [path])
    study = Study(tmp_path / "t.study")
    steps.train(study, trees=3, target="e")
    told = state(study, "a,b")
    assert told.lines[0].startswith("Stated: a and b tell e.") and not told.warnings
    for features in ("e", "a,e"):
        with pytest.raises(SettingError, match="must be other than the target 'e'"):
            state(study, features)
    with pytest.raises(SettingError, match="'about' of state must be left out where a target is told"):
        state(study, "a", about="e")
    with pytest.raises(SettingError, match="Did you mean 'c'"):
        state(study, "a", target="c ")
    assert len(study.hypotheses()) == 1
    told = confirm(study, reason="numbers", **FEW)
    claim = told.data["hypotheses"][0]
    assert claim["confirmed"] and claim["figure"] == "R2" and claim["tested_as"] == "e"
    assert "e" not in claim["stand_ins"]["a"]  # which is nearly a
    assert steps.verify(study).data["same"]


def test_a_class_that_nobody_gave_is_refused_once_there_are_labels(table, tmp_path):
    study, kind = table
    assert "No open row has the label 'il'" in state(study, "a", about="il").warnings[0]
    label_all(study, kind, tmp_path)
    with pytest.raises(SettingError, match="one of: ill, well. Got 'il' instead. Did you mean 'ill'"):
        state(study, "a", about="il")
    assert state(study, "a", about=" ill ").data["about"] == "ill" and len(study.hypotheses()) == 2


def test_a_target_is_told_without_labels(tmp_path):
    path, _ = write_table(tmp_path)
    steps.new(tmp_path / "t.study", [path], target="e")
    study = Study(tmp_path / "t.study")
    assert "tell the target" in state(study, "a,b").lines[0]
    told = confirm(study, reason="numbers", **FEW)
    assert told.data["hypotheses"][0]["confirmed"] and told.data["hypotheses"][0]["figure"] == "R2"


def test_a_stated_hypothesis_is_on_record_like_any_other(table):
    study, _ = table
    explored(study)
    told = state(study, "b,a", about="ill")
    assert told.lines[0] == "Stated: a and b tell ill from the rest. It is 1 of 2 hypotheses on record."
    assert any("'ill'" in warning for warning in told.warnings)
    assert study.hypotheses()[-1]["features"] == ["a", "b"] and study.hypotheses()[-1]["figures"] == {}
    with pytest.raises(SettingError, match="must be among"):
        state(study, "no_such_feature")
    assert len(study.hypotheses()) == 2
    assert steps.verify(study).data["same"]


def test_stopping_shows_nothing_and_the_opening_says_so(table):
    from clew.errors import Stopped

    study, _ = table
    explored(study)
    with pytest.raises(Stopped):
        confirm(study, reason="stopped", on_progress=lambda done, total: False)
    assert [one.shown for one in study.openings()] == [False]
    assert confirm(study, reason="again", **FEW).data["independent"]
