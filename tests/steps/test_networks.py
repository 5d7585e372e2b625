"""Nets in the workflow: the same verbs, rows, seal and thread, with a forest always beside."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
import tifffile

from clew import steps
from clew.errors import DataError, SealedError, SettingError, StudyError
from clew.report.verb import report
from clew.steps import learning, networks
from clew.study.study import Study
from tests.steps.recorded import START, WINDOW, recorded_study
from tests.steps.worlds import write_table

QUICK = {"epochs": 4, "members": 2, "lr": 0.01}
LOOK = {"embed": "pca", "references": 99, "k_max": 2, "runs": 3}


def labelled(study, of_sample, folder):
    names = study.sample_names()
    pd.DataFrame({"sample": names, "label": [of_sample(name) for name in names]}).to_csv(
        folder / "l.csv", index=False
    )
    steps.label(study, folder / "l.csv")
    return study


@pytest.fixture(scope="module")
def made_table(tmp_path_factory):
    """A table, labelled, with a net, a forest and a net."""
    folder = tmp_path_factory.mktemp("nets")
    path, kind = write_table(folder)
    steps.new(folder / "t.study", [path])
    place = dict(zip([f"cells.csv#{i + 1}" for i in range(len(kind))], kind, strict=True))
    study = labelled(Study(folder / "t.study"), lambda name: "xy"[place[name]], folder)
    steps.train(study, model="mlp", **QUICK)
    steps.train(study, trees=5)
    steps.train(study, model="mlp", hidden="16", **QUICK)
    return study, path


@pytest.fixture
def of_table(made_table, tmp_path):
    study, path = made_table
    shutil.copytree(study.folder, tmp_path / "t.study")
    return Study(tmp_path / "t.study"), path


def spots(folder, name, seed):
    """Write a picture of 40 disks of one size and brightness: half of them bright above, half below."""
    rng, pixels = np.random.default_rng(seed), np.full((160, 256), 20.0)
    y, x = np.mgrid[:160, :256]
    for i in range(40):
        row, column = 16 + 32 * (i // 8), 16 + 32 * (i % 8)
        inside = np.hypot(y - row, x - column) < 9
        pixels[inside] = 120 + (4 if i % 2 else -4) * (y - row)[inside]
    tifffile.imwrite(folder / name, (pixels + rng.normal(0, 2, pixels.shape)).clip(0, 255).astype(np.uint8))
    return folder / name


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Objects whose measurements are alike and whose pixels are not, with a cnn that tells them apart."""
    folder = tmp_path_factory.mktemp("pictures")
    files = [spots(folder, f"s{i}.tif", i) for i in range(5)]
    steps.new(folder / "s.study", files, threshold=60, sealed=0.2)
    study = Study(folder / "s.study")
    labelled(study, lambda name: "top" if int(name.rpartition("#")[2]) % 2 else "bottom", folder)
    steps.train(study, model="cnn", epochs=10, members=1, lr=0.01, augment="none")
    return study, folder


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Windows of two stations, with a cnn that tells bursts from quiet."""
    folder = tmp_path_factory.mktemp("recordings")
    study = recorded_study(folder)
    steps.train(study, model="cnn", epochs=8, members=1, lr=0.01)
    return study, folder


# ---- tables ----
def test_numbers_of_models_go_on_across_kinds_and_each_loads_as_what_it_is(made_table):
    study, _ = made_table
    assert [one["name"] for one in study.models()] == ["mlp-1", "forest-2", "mlp-3"]
    loaded = [networks.load_model(study.folder / one["path"]) for one in study.models()]
    assert [type(one).__name__ for one in loaded] == ["NetModel", "Forest", "NetModel"]
    assert [one.sha256 for one in loaded] == [one["sha256"] for one in study.models()]
    assert [networks.model_of(one) for one in study.steps() if one.verb == "train"] == [
        "mlp",
        "forest",
        "mlp",
    ]


def test_a_training_says_in_a_sentence_how_many_rows_chose_the_epoch(of_table):
    study, _ = of_table
    told = steps.train(study, model="mlp", epochs=2, members=1)
    said = f"{told.result.n_rows} rows x 5 features, of which {told.result.n_rows - told.result.n_held_out} rows taught it."
    assert told.lines[0].startswith("A multilayer perceptron") and told.lines[0].endswith(said)
    assert f"{told.result.n_held_out} of {told.result.n_rows} rows were held out" in told.result.notes[1]


def test_the_latest_net_is_validated_as_it_was_trained_with_a_forest_beside(of_table):
    study, _ = of_table
    told = steps.validate(study)
    assert (
        told.step.verb == "validate"
        and told.step.settings["hidden"] == "16"
        and told.step.settings["lr"] == 0.01
    )
    assert told.lines[1].startswith("Beside it, the forest on 5 measurements: balanced accuracy")
    assert any("the mlp trained as mlp-3 was" in line for line in told.lines)
    assert told.data["beside"]["metrics"]["balanced_accuracy"]["value"] > 0.9
    forest = steps.validate(study, model="forest", trees=5)
    assert type(
        forest.result
    ).__name__ == "Validation" and "forest with other settings than mlp-3" in "".join(forest.lines)


def test_the_forest_cannot_be_left_out_beside_a_net(of_table):
    study, _ = of_table
    told = steps.compare(study, families="mlp", folds=2)
    assert [one.name for one in told.result.families] == ["forest", "mlp"]
    assert told.step.settings["hidden"] == "16"


def test_seal_thread_and_page_know_nets(of_table, tmp_path):
    study, path = of_table
    steps.validate(study, folds=2, permutations=1)
    with pytest.raises(SealedError):
        steps.test(study)
    told = steps.test(study, reason="the test")
    assert told.data["model"] == "mlp-3" and len(told.result.truth) == 18
    out = tmp_path / "p.csv"
    steps.predict(study.folder, [path], out=out)
    table = pd.read_csv(out)
    assert list(table) == [
        "source",
        "sample",
        "label",
        "probability",
        "probability_x",
        "probability_y",
        "spread",
    ]
    model = study.result([one for one in study.steps() if one.verb == "train"][-1])
    both = np.stack([model.estimator(i).predict_proba(study.samples().features)[:, 0] for i in (0, 1)])
    open_ = table.set_index("sample").loc[study.samples().sample]
    np.testing.assert_allclose(open_["spread"], both.std(axis=0, ddof=1), atol=1e-6)
    assert steps.verify(study).data["same"]
    report(study)
    assert "Beside it, on the same folds: the forest" in (study.folder / "report.html").read_text()


def test_a_model_that_was_changed_on_disk_is_found(of_table):
    study, _ = of_table
    weights = study.folder / "models" / "mlp-3" / "model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(changed)
    found = steps.verify(study)
    assert found.status == 1 and [row["same"] for row in found.data["steps"]].count(False) == 1


def test_what_to_label_next_is_asked_of_the_net_and_its_activations(of_table, tmp_path):
    study, _ = of_table
    free = study.samples().sample[:30].tolist()
    pd.DataFrame({"sample": free, "label": ""}).to_csv(tmp_path / "none.csv", index=False)
    with study.store.writing() as db:
        db.execute("DELETE FROM labels WHERE sample IN ({})".format(",".join("?" * len(free))), free)
    told = steps.next_up(study, n=6)
    trained = study.last("train")
    assert told.step.inputs["steps"] == [trained.id]
    assert any("mlp-3 says what is uncertain" in line for line in told.lines)


def test_verbs_that_know_forests_only_say_so(of_table):
    study, _ = of_table
    forest, said = networks.latest_forest(study, of="repeat")
    assert forest.settings["trees"] == 5 and said == [
        "This is about forest-2, not about mlp-3: clew repeat has forests only."
    ]
    told = steps.repeat(study, runs=2, folds=2)
    assert said[0] in told.warnings and told.step.settings["trees"] == 5


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": "mlp", "trees": 3}, "--trees must go with the forest. Got --model mlp"),
        ({"epochs": 3}, "--epochs must go with a net .* Got --model forest"),
        ({"model": "cnn"}, "Got rows of tables: mlp takes their measurements"),
        ({"model": "lstm"}, "Got rows of tables: mlp"),
        ({"model": "mlp", "side": 32}, "--side must go with a net that looks at images. Got --model mlp"),
        (
            {"model": "mlp", "frame": 4},
            "--frame must go with a net that reads windows in steps .* Got --model mlp",
        ),
    ],
)
def test_flags_and_rows_that_do_not_go_with_a_model_are_refused_in_one_sentence(made_table, given, said):
    with pytest.raises((SettingError, DataError), match=said):
        steps.train(made_table[0], **given)


def test_without_torch_one_sentence_says_how_to_get_it(made_table, monkeypatch):
    monkeypatch.setattr(networks, "find_spec", lambda name: None)
    for act in (
        lambda: steps.train(made_table[0], model="mlp"),
        lambda: networks.load_model(made_table[0].folder / "models" / "mlp-1"),
    ):
        with pytest.raises(SettingError, match=r"pip install 'clew\[neural\]'"):
            act()
    rows = {row["verb"]: row for row in steps.verify(made_table[0]).data["steps"]}
    assert rows["train"]["same"] is None and "clew[neural]" in rows["train"]["told"] and rows["label"]["same"]


# ---- objects and windows ----
def test_a_cnn_sees_what_no_measurement_tells(pictures):
    study, folder = pictures
    told = steps.test(study, reason="the test")
    assert told.data["model"] == "cnn-1" and told.result.scores.metrics["accuracy"].value > 0.95
    assert "raw" in told.step.inputs
    with pytest.raises(DataError, match="Got images of objects: cnn takes these"):
        steps.train(study, model="gru")


def test_new_images_are_cut_as_the_models_were_and_painted(pictures, tmp_path):
    study, folder = pictures
    new = spots(tmp_path, "new.tif", 77)
    told = steps.predict(study.folder, [new], out=tmp_path / "p.csv", paint=tmp_path / "painted")
    table = pd.read_csv(tmp_path / "p.csv")
    truth = np.where(table["sample"].str.rpartition("#")[2].astype(int) % 2, "top", "bottom")
    assert len(table) == 40 and (table["label"] == truth).mean() > 0.95 and "spread" not in table
    painted = tifffile.imread(tmp_path / "painted" / "new.tif.classes.tif")
    assert set(np.unique(painted)) == {0, 1, 2} and len(told.data["painted"]) == 1


def test_events_and_windows_of_recordings_are_found_by_a_net(recordings, tmp_path):
    study, folder = recordings
    steps.predict(study.folder, [folder / "AAA.mseed"], out=tmp_path / "e.csv")
    events = pd.read_csv(tmp_path / "e.csv")
    begin = np.array([pd.Timestamp(one, tz="UTC").timestamp() for one in events["start"]]) - START
    assert len(events) == 20 and ((begin // WINDOW) % 2 == 1).all()
    steps.predict(study.folder, [folder / "AAA.mseed"], out=tmp_path / "w.csv", each_window=True)
    table = pd.read_csv(tmp_path / "w.csv")
    model = networks.load_model(study.folder / "models" / "cnn-1")
    rows = study.samples()
    rows = rows.take(rows.origin["station"].to_numpy() == "XX.AAA")
    said = model.predict(rows, networks.raw_like(study, model)(rows))
    window = ((rows.origin["start"].to_numpy() - START) / WINDOW).round().astype(int)
    assert len(window) >= 30
    np.testing.assert_allclose(table["probability_burst"][window], said.probability[:, 0], atol=1e-5)


def test_frames_as_long_as_a_window_are_refused(recordings):
    study, _ = recordings
    length = networks.raw_for(study, "lstm", {})(study.samples()).values.shape[-1]
    assert networks.raw_for(study, "lstm", {"frame": length - 1})(study.samples())
    with pytest.raises(SettingError, match="must leave 2 steps or more"):
        networks.raw_for(study, "lstm", {"frame": length})(study.samples())


def test_the_thread_of_a_net_on_raw_data_gives_the_same_bits_again(recordings):
    study, _ = recordings
    assert "raw" in study.last("train").inputs
    assert steps.verify(study).data["same"]


# ---- looking at activations ----
def asked_of(monkeypatch):
    """Return what collects the names of the rows, and of the cut-outs, that nets are asked to say something of."""
    from clew.neural.model import NetModel

    asked, said = set(), NetModel.activations

    def activations(self, samples, *cutouts, **settings):
        asked.update(samples.sample.tolist(), *(one.sample.tolist() for one in cutouts))
        return said(self, samples, *cutouts, **settings)

    monkeypatch.setattr(NetModel, "activations", activations)
    return asked


def test_a_look_at_activations_is_on_record_with_its_net_and_comes_out_the_same_again(of_table, tmp_path):
    study, _ = of_table
    told = steps.explore(study, activations="mlp-1", **LOOK)
    trained = next(one for one in study.steps() if one.verb == "train")
    assert told.step.inputs["steps"] == [trained.id] and "raw" not in told.step.inputs
    assert told.lines[0].startswith("mlp-1: This is about what a net says of the rows")
    assert "learnt to tell x and y from labels" in told.lines[0]
    assert sum("This is about" in line for line in told.lines) == 1
    assert told.data["agreement_with_net"] > 0.9
    assert all(set(one["features"]) <= set("abcde") for one in told.data["hypotheses"])
    assert any(line.startswith("Stated, not tested: the groups are those that a net") for line in told.lines)
    assert "no evidence of groups in nature" in told.step.headline
    assert study.rerun(told.step).digest() == told.step.digest
    assert steps.verify(study).data["same"]
    report(study, out=tmp_path / "p.html")
    assert "no evidence of groups in nature" in (tmp_path / "p.html").read_text()


def test_the_latest_net_is_asked_though_a_forest_came_after_it(of_table):
    study, _ = of_table
    steps.train(study, trees=3)
    latest = networks.net_named(study, "latest")
    assert networks.name_of(study, latest) == "mlp-3"
    with pytest.raises(SettingError, match="mlp-1, mlp-3.*Got 'mlp-2'"):
        steps.explore(study, activations="mlp-2", **LOOK)
    with pytest.raises(SettingError, match="forest-2"):
        steps.explore(study, activations="forest-2", **LOOK)


def test_a_study_without_a_net_has_no_activations(tmp_path):
    steps.new(tmp_path / "n.study", [write_table(tmp_path)[0]])
    with pytest.raises(DataError, match="must have a net.*--model mlp"):
        steps.explore(Study(tmp_path / "n.study"), activations="latest")


def test_sealed_rows_never_reach_a_net_that_is_looked_into(of_table, monkeypatch):
    study, _ = of_table
    asked, rows = asked_of(monkeypatch), Study._rows
    steps.explore(study, activations="latest", **LOOK)
    assert asked == set(study.samples().sample.tolist()) < set(study.sample_names())
    monkeypatch.setattr(Study, "_rows", lambda self, sees, **kw: rows(self, "all", **kw))  # the mutant
    steps.explore(study, activations="latest", **LOOK)
    assert asked == set(study.sample_names())


def test_a_cnn_is_looked_into_and_what_it_saw_of_open_objects_is_on_record(pictures, monkeypatch, tmp_path):
    made, _ = pictures
    shutil.copytree(made.folder, tmp_path / "s.study")
    study = Study(tmp_path / "s.study")
    asked = asked_of(monkeypatch)
    told = steps.explore(study, activations="cnn-1", **LOOK)
    assert asked == set(study.samples().sample.tolist())
    assert told.step.inputs["raw"] and told.data["agreement_with_net"] > 0.8
    raw = networks.raw_again(study, told.step)
    assert study.rerun(told.step, raw=raw).digest() == told.step.digest
    with pytest.raises(StudyError, match="raw data of step"):
        study.rerun(told.step)


def test_groups_of_a_net_are_neither_confirmed_nor_tested_nor_taken_for_truth(of_table):
    study, _ = of_table
    steps.explore(study, activations="latest", k=2, **LOOK)
    steps.name(study, ["0=low", "1=high"])
    with pytest.raises(DataError, match="what a net says of the rows.*State it of.*labels.*not broken"):
        steps.confirm(study, reason="too soon")
    assert not study.openings()
    steps.state(study, "a")
    told = steps.confirm(study, reason="now", references=39, permutations=99)
    verdicts = [one["verdict"] for one in told.data["hypotheses"]]
    assert verdicts[:-1] == ["not tested"] * len(verdicts[:-1]) and verdicts[-1] == "confirmed"
    assert told.data["replication"]["verdict"] == "not tested"
    assert "carries over" in told.data["replication"]["reason"]


def test_a_look_at_measurements_stays_the_one_that_is_to_replicate(of_table):
    study, _ = of_table
    first = steps.explore(study, k=2, **LOOK).step
    steps.explore(study, activations="latest", k=2, **LOOK)
    steps.name(study, ["0=low", "1=high"])
    assert study.last("name").inputs["steps"] != [first.id]
    with pytest.raises(DataError, match="People's labels of 72 open rows are the groups over again"):
        steps.confirm(study, reason="labels that were copied from groups stay found out")


def test_names_of_a_nets_groups_teach_what_the_net_had_learnt(of_table, tmp_path):
    study, _ = of_table
    steps.explore(study, activations="latest", k=2, **LOOK)
    steps.name(study, ["0=low", "1=high"])
    with study.store.writing() as db:
        db.execute("DELETE FROM labels WHERE how = 'person'")
    told = steps.train(study, trees=3)
    assert told.step.settings["features"] == "all"
    assert learning.CIRCULAR_OF_NET in told.warnings and learning.CIRCULAR not in told.warnings
    assert steps.validate(study, trees=3, folds=2).lines[0].count("repeats the grouping")
    with pytest.raises(DataError, match="must be of measurements"):
        steps.test(study, reason="there is no truth")
    assert not study.openings()
    report(study, out=tmp_path / "p.html")
    assert "how well the classifier repeats the net" in (tmp_path / "p.html").read_text()


# ---- autoencoders ----
@pytest.fixture(scope="module")
def made_coders(tmp_path_factory):
    """A table without labels, with an autoencoder and a vae."""
    folder = tmp_path_factory.mktemp("coders")
    path, kind = write_table(folder)
    steps.new(folder / "c.study", [path])
    study = Study(folder / "c.study")
    said = [steps.train(study, model=model, epochs=2) for model in ("autoencoder", "vae")]
    return study, path, kind, said


@pytest.fixture
def coders(made_coders, tmp_path):
    study, path, kind, said = made_coders
    shutil.copytree(study.folder, tmp_path / "c.study")
    return Study(tmp_path / "c.study"), path, kind, said


def test_an_autoencoder_needs_no_labels_and_stands_beside_principal_components(coders):
    study, _, _, (outcome, of_vae) = coders
    assert (
        "principal component" in outcome.lines[1]
        and "explore" in outcome.lines[-1]
        and "autoencoder-1" in outcome.lines[-1]
    )
    assert any("Worst reconstructed" in line for line in outcome.lines)
    assert {"variance_reconstructed", "by_pca", "most_anomalous", "model", "sha256"} <= outcome.data.keys()
    assert outcome.data["collapse"] is None and len(of_vae.data["collapse"]["divergence"]) == 3
    assert [one.verb for one in study.steps()][-4:] == ["train", "rebuild"] * 2
    assert set(outcome.data["most_anomalous"]) <= set(study.samples().sample)
    assert steps.verify(study).status == 0


def test_its_codes_are_explored_without_a_word_on_labels(coders):
    study = coders[0]
    outcome = steps.explore(study, activations="autoencoder-1", **LOOK)
    assert "learnt from the rows alone, without labels" in outcome.lines[0]
    assert "no evidence of groups in nature" not in " ".join(outcome.lines)
    assert outcome.data["agreement_with_net"] is None and outcome.data["net"]["units"] == 3
    assert outcome.data["features"][0] == "latent 1"
    if outcome.data["k"]:
        steps.name(study, ["0=a", "1=b"])
        assert learning.whose_labels(study, {}) == [learning.CIRCULAR_OF_CODER]


@pytest.mark.parametrize(
    ("verb", "settings", "said"),
    [
        (steps.validate, {}, "must have labels"),
        (steps.validate, {"model": "vae"}, "must be one that learns answers. Got vae"),
        (steps.curve, {}, "must have labels"),
        (steps.compare, {}, "must have labels"),
        (steps.explain, {}, "must have a model that learns answers"),
        (steps.test, {"reason": "why not"}, "must have a model before the seal is broken"),
        (steps.test, {"reason": "why not", "model": "vae-2"}, "must be one that learns answers. Got vae-2"),
        (steps.train, {"model": "vae", "side": 8}, "--side must go with a net that looks at images"),
        (steps.train, {"model": "vae", "trees": 8}, "--trees must go with the forest. Got --model vae"),
        (steps.train, {"latent": 2}, "--latent must go with an autoencoder"),
    ],
)
def test_what_an_autoencoder_cannot_do_is_refused(coders, verb, settings, said):
    study, n = coders[0], len(coders[0].steps())
    with pytest.raises((DataError, SettingError), match=said):
        verb(study, **settings)
    assert len(study.steps()) == n and not study.openings()


def test_the_latest_model_that_learns_answers_is_meant_and_that_is_said(coders, tmp_path):
    study, path, kind, _ = coders
    labelled(study, lambda name: "xy"[kind[int(name.rpartition("#")[2]) - 1]], tmp_path)
    steps.train(study, trees=5)
    assert networks.latest_model(study)[1] == []
    steps.train(study, model="vae", conditional=True, epochs=2)
    told = "This is about forest-3, not about vae-4, which learns no answers."
    outcome = steps.validate(study)
    assert told in outcome.lines and outcome.step.function == "clew.learn.training:validate"
    assert networks.latest_model(study)[0].settings["trees"] == 5
    found = steps.predict(study.folder, [path], out=tmp_path / "p.csv")
    assert found.data["model"].endswith("forest-3")
    explored = steps.explore(study, activations="vae-4", **LOOK)
    assert "that was given the labels x and y" in explored.lines[0]


def test_new_rows_get_an_anomaly_score_and_a_rarity(coders, tmp_path):
    study = coders[0]
    path, _ = write_table(tmp_path, seed=1, name="new.csv")
    table = pd.read_csv(path)
    table.loc[0, ["a", "b"]] = [60.0, -60.0]
    table.to_csv(path, index=False)
    steps.predict(study.folder / "models" / "autoencoder-1", [path], out=tmp_path / "p.csv")
    found = pd.read_csv(tmp_path / "p.csv")
    assert list(found.columns) == ["source", "sample", "anomaly", "rarity"]
    assert found["anomaly"].idxmax() == 0 and found["rarity"].idxmin() == 0
    assert found["rarity"].between(0, 1).all()
    steps.predict(study.folder, [path], out=tmp_path / "p.jsonl")  # the study's only models are autoencoders
