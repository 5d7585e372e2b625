"""From labels to a model, and using it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from clew import steps
from clew.errors import DataError, SealedError, Stopped
from clew.steps.learning import CIRCULAR
from clew.study.study import Study
from tests.steps.recorded import recorded_study
from tests.steps.worlds import QUICK, named, write_table


def test_the_walk_through_leaves_its_thread(picture):
    study, _ = picture
    verbs = [one.verb for one in study.steps()]
    assert verbs == ["sources", "measure", "seal", "explore", "name", "train", "validate", "test"]
    assert [one.sees for one in study.steps()] == ["nothing"] * 3 + ["open"] * 4 + ["sealed"]
    assert study.steps()[3].settings["features"] == "shape"
    assert len(study.hypotheses()) == 1
    assert len(study.openings()) == 1


def test_the_classifier_learns_from_the_features_that_made_the_groups(picture):
    study, _ = picture
    assert study.steps()[5].settings["features"] == "shape"
    assert "area" not in study.result(study.steps()[5]).feature_names


def test_figures_on_named_groups_say_that_they_measure_repetition(picture):
    study, _ = picture
    again = steps.validate(study, trees=5)
    assert CIRCULAR in again.warnings


def test_models_are_numbered_and_never_overwritten(table):
    study, _ = table
    steps.explore(study, k=2, **QUICK)
    steps.name(study, ["0=low", "1=high"])
    first = steps.train(study, trees=5)
    kept = {p: p.read_bytes() for p in (study.folder / "models" / "forest-1").iterdir()}
    second = steps.train(study, trees=5)
    third = steps.train(study, trees=6)
    assert [one["name"] for one in study.models()] == ["forest-1", "forest-2", "forest-3"]
    assert first.data["sha256"] == second.data["sha256"] != third.data["sha256"]
    assert {p: p.read_bytes() for p in (study.folder / "models" / "forest-1").iterdir()} == kept


def test_sealed_labels_of_people_are_the_truth_of_the_test(tmp_path, table):
    study, kind = table
    names = study.sample_names()
    pd.DataFrame({"sample": names, "label": np.array(["x", "y"])[kind]}).to_csv(
        tmp_path / "l.csv", index=False
    )
    steps.label(study, tmp_path / "l.csv")
    assert study.samples().n_rows < len(names)
    steps.train(study, trees=20)
    with pytest.raises(SealedError, match="with a reason"):
        steps.test(study)
    assert study.openings() == []
    once = steps.test(study, reason="figures for the paper")
    assert once.data["openings"] == 1
    assert once.data["metrics"]["accuracy"]["value"] > 0.95
    assert not any("nearest" in warning for warning in once.warnings)
    twice = steps.test(study, reason="again")
    assert twice.data["openings"] == 2
    assert "not independent" in twice.warnings[0]


@pytest.mark.parametrize(("step", "said"), [("2.5s", True), ("5s", False)])
def test_the_final_test_says_how_many_open_windows_share_samples_with_sealed_ones(tmp_path, step, said):
    study = recorded_study(tmp_path, by="row", step=step, labels=False)
    names = study.sample_names()
    label = np.where(np.arange(len(names)) % 4 < 2, "x", "y")
    pd.DataFrame({"sample": names, "label": label}).to_csv(tmp_path / "l.csv", index=False)
    steps.label(study, tmp_path / "l.csv")
    steps.train(study, trees=5)
    tested = steps.test(study, reason="figures for the paper")
    told = [one for one in tested.lines if "overlap a sealed one of the same recording" in one]
    assert len(told) == said
    assert all(one[0].isdigit() and one.endswith("another recording would be.") for one in told)


def test_a_numeric_target_gives_a_regressor_by_the_same_road(tmp_path, table):
    study, _ = table
    trained = steps.train(study, target="e", trees=30)
    assert trained.data["kind"] == "regression"
    figures = steps.validate(study, target="e", trees=30).data["metrics"]
    assert figures["r2"]["value"] > 0.9
    out = tmp_path / "p.csv"
    steps.predict(study.folder, [write_table(tmp_path, seed=4, name="new.csv")[0]], out=out)
    frame = pd.read_csv(out)
    truth = pd.read_csv(tmp_path / "new.csv")["e"]
    assert np.corrcoef(frame["value"], truth)[0, 1] > 0.95
    assert steps.test(study, reason="end").data["metrics"]["r2"]["value"] > 0.9
    assert steps.verify(study).data["same"]


def test_a_verb_that_needs_another_says_which(table):
    study, _ = table
    with pytest.raises(DataError, match="clew explore"):
        steps.name(study, ["0=x"])
    with pytest.raises(DataError, match="clew train"):
        steps.test(study, reason="too early")
    with pytest.raises(DataError, match="clew train"):
        steps.predict(study.folder, [study.folder.parent / "cells.csv"], out=study.folder.parent / "p.csv")
    with pytest.raises(DataError, match="must have labels"):
        steps.train(study)
    assert study.openings() == []


def test_the_final_test_compares_with_the_names_that_the_model_learnt(table):
    study, _ = table
    named(study, "0= low ", "1=high")
    steps.train(study, trees=10)
    named(study, "0=p", "1=q")
    told = steps.test(study, reason="end")
    assert told.data["metrics"]["accuracy"]["value"] > 0.9
    assert told.data["classes"] == ["high", "low"]


def test_a_model_learns_from_the_features_of_the_look_that_was_named(table):
    study, _ = table
    named(study, "0=low", "1=high", features="a,b")
    steps.explore(study, features="d", **QUICK)
    steps.train(study, trees=5)
    assert study.result(study.last("train")).feature_names == ["a", "b"]


def test_a_test_that_could_never_run_does_not_break_the_seal(table):
    study, _ = table
    steps.explore(study, cluster="hdbscan", **QUICK)
    steps.name(study, ["0=low", "1=high"])
    steps.train(study, trees=5)
    with pytest.raises(DataError, match="gives no rule for new rows"):
        steps.test(study, reason="end")
    assert study.openings() == []


def test_names_of_two_looks_do_not_mix(table):
    study, _ = table
    named(study, "0=A", "1=B")
    steps.explore(study, k=3, **QUICK)
    steps.name(study, ["0=big", "1=small"])
    assert set(study.samples().labels) == {"big", "small", ""}


def test_validate_judges_the_model_that_was_trained_and_says_when_it_does_not(table):
    study, _ = table
    named(study, "0=low", "1=high")
    steps.train(study, trees=7, features="a,b")
    told = steps.validate(study)
    assert study.last("validate").settings["trees"] == 7
    assert study.last("validate").settings["features"] == "a,b"
    assert "as forest-1 was" in told.lines[1]
    assert "other settings than forest-1" in steps.validate(study, trees=9).lines[1]
    steps.train(study, target="e", trees=5)
    assert "r2" in steps.validate(study).data["metrics"], "a regressor is validated as one"


def test_a_target_is_not_called_a_name_of_a_group(table):
    study, _ = table
    named(study, "0=low", "1=high")
    assert not any(
        "names of groups" in warning for warning in steps.train(study, target="e", trees=5).warnings
    )


def test_what_was_taken_for_what_is_printed(table):
    study, _ = table
    named(study, "0=low", "1=high")
    lines = "\n".join(steps.validate(study, trees=5).lines)
    assert "taken for" in lines


def test_what_chance_gives_is_printed_below_the_figures(table):
    study, _ = table
    named(study, "0=low", "1=high")
    outcome = steps.validate(study, trees=5)
    told = [line.strip() for line in outcome.lines if "By chance" in line]
    assert told[0].startswith("By chance, always the commonest class: balanced_accuracy 0.5")
    chance, spread = outcome.data["baselines"]["permuted"], outcome.data["permuted_spread"]
    assert told[1] == (
        f"By chance, shuffled labels: balanced_accuracy {chance['balanced_accuracy']:.3g}"
        f" (spread about {spread['balanced_accuracy']:.2g})"
    )
    told = [line.strip() for line in steps.validate(study, target="e", trees=5).lines if "By chance" in line]
    assert [line.split(":")[0] for line in told] == [
        "By chance, always the mean",
        "By chance, shuffled targets",
    ]
    assert all("mae" in line and "r2" in line for line in told)
    steps.train(study, trees=5)
    told = [line for line in steps.test(study, reason="end").lines if "By chance" in line]
    assert len(told) == 1 and "always the commonest class" in told[0]  # a final evaluation has no folds


def labelled(study, tmp_path, names):
    """Give every row of a study the label of a person."""
    frame = pd.DataFrame({"sample": study.sample_names(), "label": names})
    frame.to_csv(tmp_path / "l.csv", index=False)
    steps.label(study, tmp_path / "l.csv")


def test_the_first_line_is_the_verdict_against_chance(table, tmp_path):
    study, kind = table
    labelled(study, tmp_path, np.array(["x", "y"])[kind])
    steps.train(study, trees=10)
    for told, where in (
        (steps.validate(study), "On rows that it has not seen"),
        (steps.test(study, reason="end"), "On the sealed rows"),
    ):
        said = told.data["metrics"]["balanced_accuracy"]
        assert told.lines[0] == (
            f"{where} the classifier reaches a balanced accuracy of {said['value']:.2f} "
            f"[{said['low']:.2f}, {said['high']:.2f}]; chance gives 0.50."
        )


def test_labels_that_say_nothing_are_no_better_than_the_commonest_class(table, tmp_path):
    study, kind = table
    labelled(study, tmp_path, np.random.default_rng(1).permutation(np.array(["x", "y"])[kind]))
    told = steps.validate(study, trees=10)
    said = told.lines[0]
    assert said.endswith(", which is not shown to be better than always saying the commonest class (0.50).")
    doubt = "No labels are named as doubtful, since this model is not shown to be better than chance."
    assert doubt in told.lines and told.result.label_errors.n_suspected == 0 and told.result.no_better


def test_the_verdict_on_named_groups_is_about_the_grouping(table):
    study, _ = table
    named(study, "0=low", "1=high")
    steps.train(study, trees=5)
    assert "the classifier repeats the grouping with a balanced accuracy" in steps.validate(study).lines[0]
    assert "the classifier repeats the grouping with" in steps.test(study, reason="end").lines[0]


def test_the_verdict_on_numbers_is_against_the_mean(table):
    study, _ = table
    told = steps.validate(study, target="e", trees=20)
    mae, r2 = told.data["metrics"]["mae"], told.data["metrics"]["r2"]
    assert told.lines[0] == (
        f"On rows that it has not seen the model is off by {mae['value']:.4g} [{mae['low']:.4g}, {mae['high']:.4g}] on "
        f"average (R2 {r2['value']:.2f} [{r2['low']:.2f}, {r2['high']:.2f}]); always saying the mean is off by "
        f"{told.data['baselines']['mean']['mae']:.4g}."
    )
    noise = steps.validate(study, target="e", features="d", trees=20)
    blind = noise.data["baselines"]["mean"]["mae"]
    better = noise.result.scores.metrics["mae"].high < blind
    assert (
        noise.lines[0].endswith(f"not shown to be better than always saying the mean ({blind:.4g}).")
        != better
    )


def test_rows_that_look_wrong_are_listed_up_to_eight(table, tmp_path):
    study, kind = table
    names, wrong = np.array(["x", "y"])[kind], np.arange(0, len(kind), 9)
    names[wrong] = np.array(["y", "x"])[kind[wrong]]
    labelled(study, tmp_path, names)
    told = steps.validate(study, trees=100, min_leaf=3)
    doubts = told.result.label_errors
    assert doubts.n_suspected > 1
    first = next(i for i, line in enumerate(told.lines) if "look wrong" in line)
    listed = [line for line in told.lines[first + 1 :] if line.startswith("  ") and ": labelled '" in line]
    assert listed == [
        f"  {doubts.sample[i]}: labelled '{doubts.given[i]}', {doubts.p_said[i]:.2f} '{doubts.said[i]}'"
        for i in range(min(8, doubts.n_suspected))
    ]
    assert any("--json names all of them" in line and "clew report" in line for line in told.lines)


def test_named_groups_have_no_list_of_wrong_labels(table):
    study, _ = table
    named(study, "0=low", "1=high")
    assert not any("--json names all" in line for line in steps.validate(study, trees=5).lines)


def test_a_test_after_a_confirmation_is_as_good_as_a_first_one_if_the_model_was_there_before(table):
    study, _ = table
    named(study, "0=low", "1=high")
    steps.train(study, trees=5)
    steps.confirm(study, reason="do they replicate")
    told = steps.test(study, reason="end")
    assert told.warnings[0] == (
        "The sealed rows had been opened before, for confirm; this model was trained before that, so this figure is as "
        "good as a first one."
    )
    assert "not independent" in steps.test(study, reason="again").warnings[0]
    steps.train(study, trees=6)
    assert "not independent" in steps.test(study, reason="a new model").warnings[0]


def test_validation_through_the_verb_tells_how_far_it_is(table):
    study, _ = table
    named(study, "0=low", "1=high")
    seen = []
    steps.validate(study, trees=5, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i + 1, 30) for i in range(30)]
    assert "on_progress" not in study.last("validate").settings
    with pytest.raises(Stopped, match="Stopped after 1 of 30 models"):
        steps.validate(study, trees=5, on_progress=lambda *_: False)


def test_what_rows_dealt_at_random_would_have_given_is_printed_where_groups_are_kept_together(
    tmp_path, table
):
    def validated(study):
        rows = study.samples().sample
        frame = pd.DataFrame(
            {"sample": rows, "label": ["x", "y"] * (len(rows) // 2) + ["x"] * (len(rows) % 2)}
        )
        frame.to_csv(tmp_path / "l.csv", index=False)
        steps.label(study, tmp_path / "l.csv")
        return steps.validate(study, trees=5)

    frame = pd.read_csv(write_table(tmp_path)[0]).assign(patient=np.arange(90) // 5)
    frame.to_csv(tmp_path / "patients.csv", index=False)
    steps.new(tmp_path / "p.study", [tmp_path / "patients.csv"])
    told = validated(Study(tmp_path / "p.study"))
    (line,) = [one for one in told.lines if "Dealt at random instead" in one]
    assert f"balanced_accuracy {told.data['shuffled']['balanced_accuracy']:.3g}" in line
    alone = validated(table[0])
    assert alone.data["shuffled"] == {} and not any("Dealt at random" in one for one in alone.lines)


def printed(names):
    """Return the lines of figures of perfect answers to these classes, each two rows."""
    from types import SimpleNamespace

    from clew.steps.learning import _score_lines
    from clew.validate.scores import scores

    found = scores(np.repeat(names, 2), np.repeat(names, 2))
    summary = found.summary() | {"baselines": {}, "permuted_spread": {}, "shuffled": {}}
    return _score_lines(SimpleNamespace(scores=found, summary=lambda: summary))


def test_long_names_of_classes_are_shortened_in_the_middle():
    lines = printed(["a" * 60 + "b" * 60, "short"])
    assert max(map(len, lines)) < 110
    assert any("a" * 12 + "…" + "b" * 11 in line for line in lines)
    assert any("a" * 24 in line for line in printed(["a" * 24, "short"]))


def test_many_classes_leave_their_table_to_json():
    twelve, more = (printed([f"class {i:02d}" for i in range(n)]) for n in (12, 13))
    assert any("taken for " in line for line in twelve)
    assert more[-1] == "  13 classes: --json has the table of what was taken for what."
    assert not any("class 01" in line for line in more)


def test_training_goes_on_after_somebody_deleted_a_model(table):
    import shutil

    study, _ = table
    named(study, "0=low", "1=high")
    steps.train(study, trees=5)
    shutil.rmtree(study.folder / "models" / "forest-1")
    assert steps.train(study, trees=5).data["model"].endswith("forest-2")


def test_the_model_on_record_is_the_model_on_disk(table):
    from clew.learn.forest import Forest

    study, _ = table
    named(study, "0=low", "1=high")
    told = steps.train(study, trees=5)
    (model,) = study.models()
    assert Forest.load_model(study.folder / model["path"]).sha256 == model["sha256"] == told.data["sha256"]
    assert study.last("train").summary["sha256"] == model["sha256"]


def test_a_test_without_sealed_rows_says_just_that(tmp_path):
    path, _ = write_table(tmp_path)
    steps.new(tmp_path / "x.study", [path], sealed=0.0)
    study = Study(tmp_path / "x.study")
    named(study, "0=a", "1=b", space="embedding")
    steps.train(study, trees=5)
    with pytest.raises(DataError, match="made with --sealed 0"):
        steps.test(study, reason="x")
