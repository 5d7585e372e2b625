"""A net as ONNX: the same answers elsewhere, for any number of rows, from rows in their own units."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch

from clew.errors import DataError, SettingError
from clew.neural import onnx_export
from clew.neural.coders import NetAutoencoder, NetVae
from clew.neural.estimators import NetClassifier, NetRegressor
from clew.neural.onnx_export import export_onnx
from tests.neural.models import images, regressor, samples, trained, windows

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def ask(path, rows):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"rows": rows})[0]


@pytest.mark.parametrize(
    ("net", "cutouts", "settings"),
    [
        ("mlp", None, {}),
        ("mlp", windows(), {}),
        ("mlp", images(), {"scale": "none", "net_settings": {"hidden": ()}}),
        ("cnn", windows(), {"scale": "each"}),
        ("cnn", images(), {}),
        ("lstm", windows(), {"scale": "peak"}),
        (
            "gru",
            windows(),
            {"net_settings": {"hidden": 3, "layers": 2, "bidirectional": True, "pool": "mean"}},
        ),
        ("lstm", windows(), {"net_settings": {"hidden": 3, "fast": False}}),
        ("elman", windows(), {}),
    ],
)
def test_onnxruntime_answers_as_clew_does_to_one_row_and_to_many(tmp_path, net, cutouts, settings):
    model, _ = trained(net, cutouts, **settings)
    done = export_onnx(model, tmp_path / "net.onnx")
    rows = samples().features if cutouts is None else cutouts.values
    for n in (1, 2, 5, 24):
        answers = ask(tmp_path / "net.onnx", rows[:n])
        np.testing.assert_allclose(answers, model.predict_raw(rows[:n]), atol=1e-5)
    assert answers.shape == (24, 2) and done.difference < 1e-5 and "checked" in done.headline()
    assert (
        np.abs(answers[1:] - answers[:-1]).max() > 1e-5
    )  # rows that all get the same answer would show nothing


def test_numbers_come_in_the_scale_of_the_target(tmp_path):
    model, made = regressor()
    export_onnx(model, tmp_path / "net.onnx")
    np.testing.assert_allclose(
        ask(tmp_path / "net.onnx", samples().features), model.predict(samples()).value, rtol=1e-6
    )
    export_onnx(made[0], tmp_path / "one.onnx")  # an estimator as well
    np.testing.assert_allclose(
        ask(tmp_path / "one.onnx", samples().features), made[0].predict(samples().features), rtol=1e-6
    )


def test_a_forecast_of_one_step_is_one_number_a_row(tmp_path):
    X = np.random.default_rng(0).normal(size=(20, 6, 1)).astype(np.float32)
    settings = {"max_epochs": 1, "net_settings": {"hidden": 3, "head": "forecast"}}
    net = NetRegressor("gru", **settings).fit(X, X[:, 0, 0])
    export_onnx(net, tmp_path / "net.onnx")
    assert ask(tmp_path / "net.onnx", X).shape == net.predict(X).shape == (20,)


def test_what_was_constant_in_training_is_passed_over_in_the_graph_too(tmp_path):
    X = samples().features.copy()
    X[:, 1] = 7.0
    one = NetClassifier("mlp", net_settings={"hidden": (3,)}, max_epochs=2).fit(X, samples().labels)
    export_onnx(one, tmp_path / "net.onnx")
    other = X + np.array([0.0, 5.0, 0.0])
    np.testing.assert_allclose(ask(tmp_path / "net.onnx", other), one.predict_proba(X), atol=1e-5)


def test_a_graph_without_the_scaling_is_refused_and_not_written(tmp_path, monkeypatch):
    model, _ = trained("cnn", windows(), members=1)
    monkeypatch.setattr(onnx_export._Whole, "scaled", lambda self, x: x)
    with pytest.raises(DataError, match="must answer as clew does.* nothing was written"):
        export_onnx(model, tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []


def test_the_file_says_what_it_takes_and_says(tmp_path):
    model, _ = trained("cnn", windows(), members=1)
    done = export_onnx(model, tmp_path / "net.onnx")
    graph = onnx.load(tmp_path / "net.onnx")
    said = {one.key: one.value for one in graph.metadata_props}
    assert json.loads(said["classes"]) == ["large", "small"] and json.loads(said["units"]) == ["nm/s", "nm/s"]
    assert json.loads(said["cut"])["rate"] == 100.0 and said["sha256"] == model.sha256
    (given,), shape = graph.graph.input, graph.graph.input[0].type.tensor_type.shape.dim
    assert (
        given.name == "rows" and shape[0].dim_param == "n" and [one.dim_value for one in shape[1:]] == [2, 12]
    )
    assert (
        done.takes == "float32 (any, 2, 12)" and done.summary()["says"] == "the probability of large, small"
    )
    assert b"site-packages" not in (tmp_path / "net.onnx").read_bytes()  # no places of this machine


def test_the_same_model_is_exported_as_the_same_bytes(tmp_path):
    for name in ("a.onnx", "b.onnx"):
        export_onnx(trained("mlp")[0], tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_codes_go_in_as_they_are_and_text_is_refused(tmp_path):
    codes = np.random.default_rng(0).integers(0, 4, (12, 6))
    one = NetClassifier("gru", net_settings={"hidden": 3}, max_epochs=1).fit(codes, np.arange(12) % 2)
    export_onnx(one, tmp_path / "codes.onnx")
    np.testing.assert_allclose(ask(tmp_path / "codes.onnx", codes), one.predict_proba(codes), atol=1e-5)
    words = NetClassifier("gru", net_settings={"hidden": 3}, max_epochs=1).fit(["ab", "ba"] * 4, [0, 1] * 4)
    with pytest.raises(DataError, match="trained on text"):
        export_onnx(words, tmp_path / "text.onnx")


def test_it_says_so_where_it_could_not_be_checked_or_not_be_made(tmp_path, monkeypatch):
    model, _ = trained("perceptron", members=1)
    with pytest.raises(SettingError, match="must end in .onnx"):
        export_onnx(model, tmp_path / "net.pt")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    done = export_onnx(model, tmp_path / "net.onnx")
    assert (
        done.difference is None
        and "not checked: onnxruntime is not installed (pip install clew[export])" in done.headline()
    )
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(SettingError, match=r"pip install clew\[export\]"):
        export_onnx(model, tmp_path / "other.onnx")


def test_exporting_leaves_the_callers_generator_alone(tmp_path):
    model, _ = trained("perceptron", members=1)
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    export_onnx(model, tmp_path / "net.onnx")
    assert torch.equal(torch.rand(1), wanted)


@pytest.mark.parametrize("scale", ["training", "none", "each"])
def test_encoder_and_decoder_are_two_files_that_answer_as_clew_does(tmp_path, scale):
    X = np.random.default_rng(0).random((30, 2, 9, 7)).astype(np.float32)
    coders = [NetAutoencoder(net_settings={"latent": 3}, scale=scale, max_epochs=1)]
    if scale != "each":
        likelihood = "bernoulli" if scale == "none" else "gaussian"
        coders.append(NetVae(net_settings={"latent": 3, "likelihood": likelihood}, scale=scale, max_epochs=1))
    for coder in coders:
        path = tmp_path / f"{coder.net}.onnx"
        told = export_onnx(coder.fit(X), path)
        assert told.difference < 1e-5 and "3 latent numbers" in told.says
        latent = ask(path, X)
        np.testing.assert_allclose(latent, coder.embed(X), atol=1e-5)
        back = ask(path.with_stem(f"{path.stem}-decoder"), latent)
        np.testing.assert_allclose(back, coder.decode(latent), atol=1e-5)


def test_a_coder_that_is_told_labels_is_refused(tmp_path):
    X, y = np.random.default_rng(0).normal(size=(30, 4)), np.tile(["a", "b"], 15)
    vae = NetVae(net_settings={"conditional": True}, max_epochs=1).fit(X, y)
    with pytest.raises(DataError, match="told labels"):
        export_onnx(vae, tmp_path / "vae.onnx")
