"""The figures and sentences of "How sure is this?" are those of the record, the report and the command line."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import tifffile

from clew import simulate, steps
from clew.app.cards import densities
from clew.app.particulars import kept_look, ordered, telling_first
from clew.app.recorded import record_of
from clew.explore.stability import in_words
from clew.report import words
from clew.report.gathered import gather
from clew.steps.exploring import STATED_OF_NET
from clew.study.study import Study
from clew.validate.claims import CIRCULAR
from tests.app.fakes import fake_session
from tests.steps.worlds import write_table


def spoken(pieces):
    return "".join(text for _, text in pieces)


def test_the_look_speaks_with_the_words_of_report_and_command_line(looked_at):
    study = Study(looked_at / "blobs.study")
    told, record = fake_session(study).ask("cards.look"), gather(study)
    found = record.exploration
    bare = spoken(told["finding"])
    assert bare in words.finding(record).replace("<b>", "").replace("</b>", "")
    assert told["agreement"]["sentence"].replace("−", "-") == in_words(found)
    assert told["evidence"]["headline"] == found.evidence.headline()
    assert told["modes"]["features"] == found.bimodal
    assert told["modes"]["sentence"].rstrip(".") == found.dip.headline(0.05 - found.evidence.alpha)


def test_evidence_and_agreement_are_apart_and_as_recorded(looked_at):
    study = Study(looked_at / "blobs.study")
    told, found = fake_session(study).ask("cards.look"), study.result(study.last("explore"))
    shown = told["evidence"]
    assert shown["ks"] == found.evidence.ks.tolist() and shown["index"] == found.evidence.index.tolist()
    assert shown["cut"] == 2 and shown["p"] == found.evidence.p_value
    for above, index, one_mode, ellipsoid in zip(shown["above"], shown["index"], *shown["high"], strict=True):
        assert above == (index > one_mode and index > ellipsoid)  # of both kinds of cloud
    ari = np.array(told["agreement"]["ari"])
    assert ari.shape == (4, 4) and np.allclose(ari, ari.T) and np.allclose(np.diag(ari), 1)
    assert told["agreement"]["lowest"] == pytest.approx(ari.min(), abs=1e-4)
    assert [(one["name"], one["rows"]) for one in told["groups"]] == [
        ("round", int((found.cut == 0).sum())),
        ("elongated", int((found.cut == 1).sum())),
    ]
    assert told["settings"]["k"] == 2 and "random_state" not in told["settings"]  # what was not as by default


def test_a_look_at_what_a_net_says_is_shown_with_its_caution_first(tmp_path):
    path, kind = write_table(tmp_path)
    steps.new(tmp_path / "t.study", [path], sealed=0)
    study = Study(tmp_path / "t.study")
    given = {"sample": study.sample_names(), "label": np.array(["x", "y"])[kind]}
    pd.DataFrame(given).to_csv(tmp_path / "l.csv", index=False)
    steps.label(study, tmp_path / "l.csv")
    steps.train(study, model="mlp", epochs=4, members=1, lr=0.01)
    looked = steps.explore(study, activations="latest", k=2, embed="pca", references=99, runs=2)
    with study.store.writing() as db:
        db.execute("DELETE FROM labels")  # as if people had taken them back
    session = fake_session(study)
    told = session.ask("cards.look")
    assert spoken(told["finding"]).startswith(looked.result.caution())
    assert told["settings"]["activations"] == "mlp-1"  # to start the next look from
    assert session.ask("cards.hypotheses")["circular"] == STATED_OF_NET
    assert session.ask("map.look") and session.ask("cards.correlations")
    view = kept_look(session.workspace)  # the gallery: near the mean of their group in what was measured
    assert len(ordered(session.workspace, view, np.arange(90), "centre")) == 90
    assert telling_first(session.workspace, view)[0] < 5


def test_without_a_look_there_is_nothing_to_be_sure_of(tmp_path):
    tifffile.imwrite(tmp_path / "blobs.tif", simulate.blobs().pixels)
    steps.new(tmp_path / "blobs.study", [tmp_path / "blobs.tif"])
    session = fake_session(tmp_path / "blobs.study")
    assert session.ask("cards.look") == {"step": None, "what": "objects"}
    assert session.ask("cards.hypotheses")["count"] == "0 stated, 0 confirmed"
    assert session.ask("cards.speaks") == {"explained": False, "trained": False}
    steps.state(Study(tmp_path / "blobs.study"), "area")
    (one,) = session.ask("cards.hypotheses")["hypotheses"]
    assert one["by"] and one["state"] == "stated" and one["said"] == [["", "area tells the labels"]]


def test_groups_that_follow_the_sources_are_said_first_with_the_way_out(looked_at):
    import dataclasses

    from clew.app.cards import _mind

    found = Study(looked_at / "blobs.study").result(Study(looked_at / "blobs.study").last("explore"))
    assert all(not one["way"] for one in _mind(found))
    batch = dataclasses.replace(found, follows_source={"share": 0.99, "by_chance": 0.5}, notes=["a note"])
    first, *others = _mind(batch)
    assert first["way"] == "source" and f"{first['bold']} {first['rest']}" == batch.source_warning()
    assert [one["rest"] for one in others] == ["A note."]


def test_a_density_is_that_of_scipy_and_adds_up_to_one(looked_at):
    from scipy.stats import gaussian_kde

    samples = Study(looked_at / "blobs.study").samples()
    column = samples.feature_names.index("area")
    inside = np.arange(samples.n_rows) % 3 == 0
    values = samples.features[inside, column]
    ends = np.array([values.min() - 3 * values.std(), values.max() + 3 * values.std()])
    found, others = densities(samples, inside, column, ends)
    spread = min(values.std(), np.subtract(*np.quantile(values, [0.75, 0.25])) / 1.34)
    width = 0.9 * spread * len(values) ** -0.2
    grid = np.linspace(*ends, len(found))
    np.testing.assert_allclose(found, gaussian_kde(values, width / values.std(ddof=1))(grid), rtol=1e-9)
    assert np.trapezoid(found, grid) == pytest.approx(1, abs=0.01)
    assert not np.allclose(found, others, rtol=0.05)  # the rest is another curve


def test_a_hypothesis_has_its_sign_figure_and_one_strip_a_feature(looked_at):
    study = Study(looked_at / "blobs.study")
    told = fake_session(study).ask("cards.hypotheses")
    (stated,) = study.hypotheses()
    (one,) = told["hypotheses"]
    assert told["count"] == "1 stated, 0 confirmed" and one["number"] == 1 and one["group"] == 0
    assert ["group", "round"] in one["said"] and one["state"] == "stated"
    assert words.figure(stated["figures"]) in one["figure"] and one["figure"].endswith("by space")
    assert [strip["name"] for strip in one["strips"]] == stated["features"]
    assert max(max(strip["inside"] + strip["outside"]) for strip in one["strips"]) == 1
    assert "circular" in told["circular"] and told["to_label"] == "Label 40 objects" and told["can_confirm"]


def test_what_sealed_rows_refused_is_called_circular(blob_study):
    study = Study(blob_study)
    steps.confirm(study, reason="a test", references=39, permutations=99)
    told = fake_session(study).ask("cards.hypotheses")
    (one,) = told["hypotheses"]
    claim = study.result(study.last("confirm")).claims[0]
    assert one["state"] == "refused (circular)" and one["told"] == claim.reason
    assert CIRCULAR in one["told"] and told["count"].endswith("0 confirmed")
    assert not told["can_confirm"] and told["confirmation"] and not told["circular"]


def test_hypotheses_of_another_look_stand_behind(blob_study):
    study = Study(blob_study)
    steps.explore(study, runs=2, references=99, k=3, embed="pca")
    session = fake_session(study)
    told = session.ask("cards.hypotheses")["hypotheses"]
    assert told[-1]["number"] == 1 and told[-1]["elsewhere"] and not told[0]["elsewhere"]
    first = session.ask("cards.hypotheses", step=session.workspace.looks()[0].id)["hypotheses"]
    assert first[0]["number"] == 1 and not first[0]["elsewhere"]
    look = session.ask("cards.look", step=session.workspace.looks()[0].id)
    assert not look["latest"] and session.ask("cards.look")["latest"]


def test_correlations_are_spearmans(looked_at):
    from scipy.stats import spearmanr

    study = Study(looked_at / "blobs.study")
    told = fake_session(study).ask("cards.correlations")
    between, distance = told["arrays"]
    n = len(told["features"])
    samples = study.samples()
    columns = [samples.feature_names.index(name) for name in told["features"]]
    np.testing.assert_allclose(
        between.reshape(n, n), spearmanr(samples.features[:, columns]).statistic, atol=1e-6
    )
    assert distance.shape == (n, 2) or distance.size == 2 * n
    for g, one in enumerate(told["strongest"]):
        column = distance.reshape(n, 2)[:, g]
        assert one["value"] == pytest.approx(column[np.abs(column).argmax()]) and one["group"] == g


def test_what_speaks_is_the_explanation_on_record(judged):
    study = Study(judged)
    told, found = fake_session(study).ask("cards.speaks"), study.result(study.last("explain"))
    groups = [one for one in told["rows"] if not one["member"]]
    assert [one["name"] for one in groups] == [found.group_names[g] for g in found.ranking[:8]]
    assert [one["value"] for one in groups] == pytest.approx(found.group_sizes[found.ranking[:8], 0])
    members = {one["name"] for one in told["rows"] if one["member"]}
    assert members == {name for group in found.groups if len(group) > 1 for name in group}
    assert told["verdict"] == found.verdict() and not told["outdated"]


def test_what_speaks_of_a_net_stands_beside_the_forests(tmp_path):
    path, _ = write_table(tmp_path, 60)
    steps.new(tmp_path / "t.study", [path], sealed=0)
    study = Study(tmp_path / "t.study")
    names = study.sample_names()
    labels = pd.DataFrame({"sample": names, "label": ["xy"[i % 2] for i in range(len(names))]})
    labels.to_csv(tmp_path / "l.csv", index=False)
    steps.label(study, tmp_path / "l.csv")
    steps.train(study, model="mlp", hidden="6", epochs=8, members=1, lr=0.03)
    found = steps.explain(study, folds=2, permutations=2).result
    session = fake_session(study)
    told = session.ask("cards.speaks")
    assert (
        told["head"] == ["the net", "a forest"]
        and told["measure"] == "loss of balanced accuracy where permuted"
    )
    first = told["rows"][0]
    g = int(found.ranking[0])
    assert first["value"] == found.group_sizes[g, 0]
    assert first["permuted"] == words.figure(found.beside.loss_of(found.groups[g]))
    assert json.loads(json.dumps(told, allow_nan=False))["cause"] == found.cause()
    for view in ("judging.model", "thread", "about", "cards.look"):
        json.dumps(session.ask(view), allow_nan=False)  # a net breaks none of them
    assert "What the model goes by" in session.ask("figures.section", kind="explain")["html"]
    assert "mlp" in session.ask("judging.model")["model"]["name"]


def test_where_a_net_looks_has_no_bars_but_sentences(looked_at):
    import dataclasses

    from tests.explain.test_net_looks import looks, sanity

    session = fake_session(looked_at / "blobs.study")
    record = record_of(session.workspace)
    step = record.steps[-1]
    found = looks(sanity())
    with pytest.MonkeyPatch.context() as patch:
        odd = dataclasses.replace(record, judged={"explain": (step, found)})
        patch.setattr("clew.app.cards.record_of", lambda workspace: odd)
        told = session.ask("cards.speaks")
    assert told["rows"] == [] and told["remarks"] == found.ranked()
    assert told["verdict"] == found.verdict() and told["measure"] == "Grad-CAM"
