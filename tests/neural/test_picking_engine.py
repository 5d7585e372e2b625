"""What asks a picking net: torch or ONNX Runtime."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch

from clew.errors import DataError, SettingError
from clew.neural import picking_engine
from clew.neural.picking_engine import Engine, engine_of
from clew.neural.scan import scan
from clew.read.recording import recording_of
from tests.conftest import shared
from tests.neural.picking_models import random_model

HOW = {"phasenet": {"filters_root": 4, "depth": 3}, "eqtransformer": {"lstm_blocks": 1}}
WINDOWS = {"phasenet": 301, "eqtransformer": 600}


@pytest.fixture(scope="module")
def models():
    return {name: random_model(name, WINDOWS[name], **HOW[name]) for name in HOW}


@pytest.fixture(scope="module")
def windows():
    random = np.random.default_rng(0)
    return {
        name: (200 * random.normal(size=(19, 3, n)) + 5e3).astype(np.float32) for name, n in WINDOWS.items()
    }


@pytest.fixture(scope="module", params=["phasenet", "eqtransformer"])
def asked(request, models, windows):
    """A model, windows, and the answers of both engines, with one and with two threads."""
    pytest.importorskip("onnxruntime")
    name = request.param
    engines = {
        (one, n): engine_of(models[name], engine=one, threads=n) for one in ("torch", "onnx") for n in (1, 2)
    }
    return models[name], windows[name], engines


def test_both_engines_answer_as_the_net_does(asked):
    model, x, engines = asked
    inside = model.prepare(torch.from_numpy(x).double()).float()
    with torch.no_grad():
        truth = model.probabilities(model.net()(inside)).numpy()
    for (name, _), engine in engines.items():
        answer = engine.answer(x)
        assert answer.shape == (19, 3, model.window) and answer.dtype == np.float32
        np.testing.assert_allclose(answer, truth, atol=2e-6)
        assert engine.name == name and ("onnxruntime" in engine.versions) == (name == "onnx")
    assert np.abs(truth[1:] - truth[:-1]).max() > 1e-3  # windows do differ


@pytest.mark.parametrize("name", ["torch", "onnx"])
def test_neither_threads_nor_the_company_of_a_window_change_a_bit(asked, name):
    _, x, engines = asked
    one, two = engines[name, 1], engines[name, 2]
    answer = one.answer(x)
    assert np.array_equal(two.answer(x), answer)
    assert np.array_equal(one.answer(x[::-1])[::-1], answer)
    assert np.array_equal(np.concatenate([two.answer(x[:3]), two.answer(x[3:])]), answer)
    assert one.answer(x[:0]).shape == (0, *answer.shape[1:])


def test_the_test_above_sees_a_bit_that_depends_on_the_place(asked, monkeypatch):
    _, x, engines = asked
    engine = engines["torch", 1]
    ask = engine._ask
    places = np.arange(engine.batch, dtype=np.float32)[:, None, None]
    monkeypatch.setattr(engine, "_ask", lambda inside: ask(inside) + 1e-6 * places)
    answer = engine.answer(x)
    assert not np.array_equal(engine.answer(x[::-1])[::-1], answer)


def test_torch_keeps_the_threads_that_it_had(asked):
    _, x, engines = asked
    torch.set_num_threads(2)
    engines["torch", 2].answer(x)
    assert torch.get_num_threads() == 2


def test_picks_on_real_ground_motion_are_the_same(models):
    pytest.importorskip("onnxruntime")
    files = sorted(shared("signals/phasenet_ncedc").glob("*.npz"))[:2]
    recordings = [
        recording_of(np.load(one)["data"].T.astype(np.float64)[:, 1500:6000], rate=100.0, name=one.stem)
        for one in files
    ]
    for model in models.values():
        sure = {label: 0.4 for label in model.labels if label in ("P", "S")}
        first = scan(model, recordings, engine="torch", thresholds=sure)
        second = scan(model, recordings, engine="onnx", thresholds=sure)
        assert len(first) > 1
        for field in ("recording", "phase", "time", "start", "end"):
            assert np.array_equal(getattr(first, field), getattr(second, field))
        np.testing.assert_allclose(first.probability, second.probability, atol=1e-4)


def test_auto_exports_only_where_it_is_worth_it(models, monkeypatch):
    pytest.importorskip("onnxruntime")
    model = models["phasenet"]
    assert engine_of(model, windows=picking_engine.WORTH - 1).name == "torch"
    assert engine_of(model, windows=picking_engine.WORTH).name == "onnx"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert engine_of(model).name == "torch"
    with pytest.raises(SettingError, match=r"onnx and onnxruntime installed.*pip install clew\[fast\]"):
        engine_of(model, engine="onnx")


def test_bad_settings_and_windows_are_refused_in_a_sentence(models):
    model = models["phasenet"]
    with pytest.raises(SettingError, match="Did you mean 'onnx'"):
        engine_of(model, engine="onx")
    with pytest.raises(SettingError, match="threads' of picking must be at least 1"):
        engine_of(model, engine="torch", threads=0)
    engine = engine_of(model, engine="torch", threads=None)
    with pytest.raises(DataError, match=r"shape \(n, 3, 301\). Got \(2, 3, 300\)"):
        engine.answer(np.zeros((2, 3, 300), np.float32))


def test_a_fast_form_that_answers_otherwise_is_refused(models, monkeypatch):
    model, other = models["phasenet"], random_model("phasenet", 301, seed=1, **HOW["phasenet"])
    graph = picking_engine.graph_of(other)
    monkeypatch.setattr(picking_engine, "graph_of", lambda model: graph)
    with pytest.raises(DataError, match="must answer as its net does, to 0.0001"):
        engine_of(model, engine="torch")
    assert Engine(model, "torch", 1).name == "torch"  # only the check tells
