"""The sheets say how a model was judged, each part with its figure, and keep what is sealed to themselves."""

from __future__ import annotations

import dataclasses
import html
import re

import numpy as np
import pandas as pd
import pytest

from clew import steps
from clew.report import judged, words
from clew.report.behind import second_sheet
from clew.report.gathered import gather
from clew.report.page import page
from tests.report.studies import (
    EVIL,
    Page,
    image_study,
    judged_study,
    labelled_table,
    read,
    table_study,
    two_clouds,
)

TITLES = [
    "The classifier",
    "True, and the same again?",
    "What the model goes by",
    "Would more labels help?",
    "Another depth?",
    "The labels",
    "Would another model do better?",
    "The hypotheses on sealed rows",
]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return judged_study(tmp_path_factory.mktemp("judged"))


@pytest.fixture(scope="module")
def record(study):
    return gather(study)


@pytest.fixture(scope="module")
def text(study):
    return read(study)


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    return judged_study(tmp_path_factory.mktemp("numbers"), numbers=True)


def without(record, kind):
    return dataclasses.replace(
        record, judged={name: one for name, one in record.judged.items() if name != kind}
    )


# ---- whole ----
def test_all_that_was_asked_has_its_section_with_figures_that_say_what_they_show(text):
    parsed = Page(text)
    for title in TITLES:
        assert f"<h2>{title}" in text, title
    assert "Not asked yet" not in text and 'class="empty"' not in text
    drawings = [attributes for tag, attributes in parsed.tags if tag == "svg" and "role" in attributes]
    assert len(drawings) >= 20 and all(one.get("aria-label") for one in drawings)


def test_a_part_that_was_not_asked_has_no_section_but_its_command(record):
    assert judged.not_asked(record) == ""
    for kind, part in {
        "explain": judged.explained,
        "compare": judged.compared,
        "repeat": judged.repeated_runs,
    }.items():
        less = without(record, kind)
        assert part(less) == "" != part(record)
        assert f"clew {kind} a.study" in judged.not_asked(less)
    less = without(record, "curve")
    assert "Would more labels help?" not in judged.curves(less) and "Another depth?" in judged.curves(less)
    assert "clew curve a.study" in judged.not_asked(less)
    assert judged.not_asked(dataclasses.replace(less, forest=None)) == ""  # a model comes first


def test_numbers_have_all_the_sections_too(numbers):
    parsed = Page(read(numbers))
    for title in [one for one in TITLES if one not in ("The classifier", "The labels")]:
        assert title in parsed.text, title
    assert "The model of answer is off by" in parsed.text
    assert "Half of the " in parsed.text and "R² of the target" in parsed.text
    assert "mean abs. error on open rows: always the mean" in parsed.text


def test_the_same_record_gives_the_same_bytes(study, text):
    assert read(study) == text
    assert page(gather(study)) == text


def test_names_are_only_text_in_every_section(text):
    parsed = Page(text)
    assert not any("onerror" in attributes for _, attributes in parsed.tags)
    assert EVIL in parsed.text
    with pytest.raises(AssertionError):  # the check can fail
        assert not any("onerror" in attributes for _, attributes in Page(f"<p>{EVIL}</p>").tags)


def test_ids_are_given_once_and_nothing_outside_is_asked_for(text):
    tags = Page(text).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert not re.search(r"https?://(?!www\.w3\.org/)", text)
    assert not re.search(r"url\((?!#)", text)


def test_pictures_of_doubtful_labels_and_shap_painted_back_bear_hostile_names(tmp_path):
    made = image_study(tmp_path, name="a<b>&'c $1$.tif")
    samples = made.samples()
    long = samples.features[:, samples.feature_names.index("eccentricity")] > 0.8
    given = pd.DataFrame({"sample": samples.sample, "label": np.where(long, EVIL, "round")})
    given.iloc[::2].to_csv(tmp_path / "labels.csv", index=False)
    steps.label(made, tmp_path / "labels.csv")
    steps.train(made, trees=5)
    steps.validate(made, folds=3)
    steps.explain(made, refits=2, permutations=2, folds=3)
    record = gather(made)
    doubts = dataclasses.replace(record.validation.label_errors, n_suspected=2)
    validation = dataclasses.replace(record.validation, label_errors=doubts)
    shown = Page(judged.labels(dataclasses.replace(record, validation=validation)))
    assert sum(tag == "img" for tag, _ in shown.tags) == 2
    assert f"{doubts.given[0]}, or {doubts.said[0]}?" in shown.text
    assert not any("onerror" in attributes for _, attributes in shown.tags)
    painted = Page(judged.explained(record))
    assert re.search(r"a<b>&'c \$1\$\.tif, \d+ open objects", painted.text)


# ---- sealed ----
def test_no_sealed_row_is_named_or_measured_though_the_seal_was_broken(study, text):
    frame = labelled_table()
    shown = set(study.samples().sample)
    sealed = ~frame["row"].isin(shown).to_numpy()
    assert sealed.sum() == study.counts()["sealed"] > 20

    def leaks(page_text):
        return [name for name in frame["row"][sealed] if name in page_text] + [
            value
            for value in frame["secret"][sealed]
            if f"{value:.1f}" in page_text or f"{value:,.0f}" in page_text
        ]

    assert leaks(text) == []
    assert any(name in text for name in shown)  # rows are named, where they are open
    assert len(leaks(text + f"{frame['secret'][sealed].iloc[0]:.1f}" + frame["row"][sealed].iloc[1])) == 2


def test_verdicts_stand_on_the_first_sheet_and_every_count_of_what_was_tried(record, text):
    first = Page(text).text
    claims = record.confirmations[0][1].claims
    assert len(claims) == len(record.hypotheses) >= 2
    for claim in claims:
        assert f"H{claim.number}" in first and claim.verdict in first
    tried = words.tried(record)
    n = record.judged["compare"][1].n_candidates
    assert f"{n} candidates compared" in tried and n >= 5
    assert "3 values of a setting tried on a curve" in tried and "3 runs repeated" in tried
    assert all(one in first for one in tried)


def test_a_test_after_confirm_says_whether_the_model_can_have_known(study, record, tmp_path):
    assert record.trained_unseen(record.sealed_test)
    assert "which nobody had seen when it was trained" in words.finding(record)
    assert "though the model was trained before" in page(record)
    late = [one | {"step": record.steps[-1].id + 1} for one in record.models]
    other = dataclasses.replace(record, models=late)
    assert not other.trained_unseen(record.sealed_test)
    assert "which had been looked at before" in words.finding(other)


def test_every_step_is_said_in_a_few_words(record):
    said = {step.verb: words.in_short(record, step) for step in record.steps}
    assert {"state", "confirm", "explain", "compare", "curve", "test"} <= set(said)
    assert all(said.values()) and max(map(len, said.values())) < 60
    assert said["state"] == "width"
    assert re.fullmatch(r"seal opened: \d of \d confirmed", said["confirm"])
    assert "like it" in said["explain"] and said["curve"] == "over depth"
    assert [one for one in said.items() if one[1] == "3 runs"]


# ---- what it goes by ----
def test_the_ranking_says_that_correlation_is_no_cause_and_names_stand_ins(record):
    explained = Page(judged.explained(record)).text
    assert "Correlation is not causation" in explained
    assert f"stand in for each other: {EVIL} len and copy" in explained
    on_sealed = Page(judged.confirmed(record)).text
    assert "Correlation is not causation." in on_sealed and "it could be" in on_sealed


def test_all_pictures_of_shap_values_are_of_one_class_which_is_named(record):
    _, one = record.judged["explain"]
    name = one.outputs[-1]
    assert name == "small"
    said = judged.explained(record)
    pushed = re.search(r"The row that is pushed furthest towards <i>small</i>: <code>(.*?)</code>", said)
    row = one.sample.tolist().index(html.unescape(pushed[1]))
    assert (
        one.outputs[int(one.prediction[row].argmax())] == name
    )  # so that it is predicted as what is explained
    assert said.count("towards <i>small</i>") == 3  # rows, values, and the one row
    first = dataclasses.replace(one, prediction=np.tile([1.0, 0.0], (len(one.sample), 1)))
    assert judged._furthest(first) == int(np.abs(one.values[..., -1]).sum(axis=1).argmax())


def test_a_model_that_does_not_predict_is_not_explained_row_by_row(record):
    step, one = record.judged["explain"]
    assert "SHAP values of every row" in judged.explained(record)
    held = dataclasses.replace(one.permutation, score=dataclasses.replace(one.permutation.score, low=0.3))
    idle = dataclasses.replace(one, permutation=held)
    assert not idle.permutation.predicts
    odd = dataclasses.replace(record, judged=record.judged | {"explain": (step, idle)})
    said = judged.explained(odd)
    assert "nothing to explain" in said
    assert "SHAP values of every row" not in said and "pushed furthest" not in said
    assert "It goes by" not in words.finding(odd)


def test_a_model_of_which_it_cannot_be_told_whether_it_predicts_is_explained_with_that_warning(record):
    step, one = record.judged["explain"]
    few = dataclasses.replace(one.permutation.score, low=np.nan, high=np.nan, n_groups=3)
    unsure = dataclasses.replace(one, permutation=dataclasses.replace(one.permutation, score=few))
    odd = dataclasses.replace(record, judged=record.judged | {"explain": (step, unsure)})
    said = judged.explained(odd)
    assert "cannot be told with 3 groups" in said and "The model predicts" not in said
    assert "SHAP values of every row" in said
    assert "It goes by" not in words.finding(odd)


def test_features_whose_order_is_chance_are_not_ranked_in_the_finding(record):
    step, one = record.judged["explain"]
    assert words.goes_by(record).endswith("most.")
    even = np.ones_like(one.refit_group_shap) * np.random.default_rng(0).random(
        (len(one.refit_group_shap), 1)
    )
    odd = dataclasses.replace(one, values=np.ones_like(one.values), refit_group_shap=even)
    said = words.goes_by(dataclasses.replace(record, judged=record.judged | {"explain": (step, odd)}))
    assert said.endswith("most, in no sure order.")


# ---- stale ----
def test_what_is_about_another_model_says_so(record):
    assert "This is about" not in second_sheet(record)
    step, one = record.judged["explain"]
    other = dataclasses.replace(step, inputs=step.inputs | {"steps": [999]})
    said = judged.outdated(
        dataclasses.replace(record, judged=record.judged | {"explain": (other, one)}), "explain"
    )
    assert "another model than the latest" in said and "clew explain a.study" in said
    step, one = record.judged["curve depth"]
    other = dataclasses.replace(step, inputs=step.inputs | {"samples": "0" * 64})
    odd = dataclasses.replace(record, judged=record.judged | {"curve depth": (other, one)})
    assert "other rows or labels" in judged.curves(odd) and "clew curve a.study" in judged.curves(odd)


def test_names_of_groups_are_said_to_be_learnt_above_all_figures_of_the_model(record):
    assert judged.circular(record) == ""
    only = dataclasses.replace(record, labelled={"group": 9})
    assert "Names of groups were learnt" in judged.circular(only)
    assert judged.circular(dataclasses.replace(only, forest=None)) == ""


# ---- labels ----
def test_labels_are_judged_on_both_sheets(record, text):
    whether, doubts = record.validation.representative, record.validation.label_errors
    first = Page(text).text.partition("Every run")[0]
    assert words.prose(whether.headline()) in words.safe(first)
    assert "Label errors:" in first
    some = dataclasses.replace(doubts, n_suspected=2)
    validation = dataclasses.replace(record.validation, label_errors=some)
    said = Page(judged.labels(dataclasses.replace(record, validation=validation))).text
    assert "Look at them; nothing was changed." in said and str(doubts.sample[1]) in said
    none = dataclasses.replace(validation, label_errors=None, representative=None)
    assert judged.labels(dataclasses.replace(record, validation=none)) == ""


def test_doubts_about_names_of_groups_are_not_spoken_of(record):
    some = dataclasses.replace(record.validation.label_errors, n_suspected=2)
    validation = dataclasses.replace(record.validation, label_errors=some)
    only = dataclasses.replace(record, labelled={"group": 9}, validation=validation)
    assert "Look at them" not in judged.labels(only)
    assert "Label errors" not in dict(words.reviewer(only))


def test_copies_of_rows_are_said_once(tmp_path):
    frame = two_clouds(60).drop(columns="secret")
    frame.iloc[::7, :3] = frame.iloc[0, :3].to_numpy()
    frame["label"] = np.array(["a", "b"])[np.arange(60) % 2]
    made = table_study(tmp_path, frame, label="label")
    steps.explore(made, k=2, runs=2, references=99, embed="umap", k_max=3)
    steps.train(made, trees=4)
    steps.validate(made, folds=3)
    items = dict(words.reviewer(gather(made)))
    assert "equal another row in every measurement; " in items["Copies"]
    assert not any("equal another row" in said for title, said in items.items() if title != "Copies")


# ---- probabilities ----
def test_two_classes_have_their_calibration_on_the_first_sheet_and_three_behind(text, record, tmp_path):
    assert "<h3>calibration, sealed</h3>" in text
    assert judged.calibrated(record) == ""
    rng = np.random.default_rng(0)
    frame = two_clouds(60).drop(columns="secret").assign(label=rng.choice(["a", "b", "c"], 60))
    made = table_study(tmp_path, frame, label="label")
    steps.train(made, trees=4)
    steps.validate(made, folds=3)
    three = gather(made)
    said = page(three)
    assert "<h3>calibration" not in said
    assert Page(judged.calibrated(three)).text.startswith("Are the probabilities true?")
    assert "Nobody has looked for groups" in said and "no look for groups" in said


def test_rows_with_times_are_shown_where_they_lie_in_time(tmp_path):
    rng = np.random.default_rng(0)
    energy = np.repeat(rng.normal(size=20), 10)
    frame = pd.DataFrame(
        {
            "when": pd.date_range("2026-01-01", periods=200, freq="h"),
            "energy": energy + rng.normal(0, 0.2, 200),
            "noise": rng.normal(size=200),
            "state": np.where(energy > 0, "shaking", "quiet"),
        }
    )
    study = table_study(tmp_path, frame, label="state")
    steps.train(study, trees=10, depth=3)
    steps.explain(study, refits=2, permutations=2)
    text = Page(read(study)).text
    n_open = study.counts()["open"]
    assert f"{n_open} open rows where they lie in time" in text
    record = gather(study)
    timeless = dataclasses.replace(
        record,
        samples=dataclasses.replace(record.samples, origin=record.samples.origin.drop(columns="start")),
    )
    assert "where they lie in time" not in second_sheet(timeless)
