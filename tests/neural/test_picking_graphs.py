"""Picking nets arranged for speed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from clew.neural import picking_graphs
from clew.neural.picking_graphs import EQTransformerGraph, PhaseNetGraph, Plain, graph_of, phased
from tests.neural.picking_models import random_model

CLOSE = 1e-4
SMALL = {"phasenet": {"filters_root": 4, "depth": 3}, "eqtransformer": {"lstm_blocks": 2}}


def model_of(architecture, window, seed=0, **settings):
    return random_model(architecture, window, seed=seed, **(SMALL[architecture] | settings))


def apart(model, graph=None, size=1.0):
    """Return how far the answers of the graph lie from those of the net at most, relative to how much those vary."""
    graph = graph_of(model) if graph is None else graph
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 3, model.window)).astype(np.float32) * size)
    lines = F.pad(x, (0, -model.window % graph.phases))
    inside = lines.reshape(3, 3, -1, graph.phases).permute(0, 3, 1, 2).flatten(1, 2)
    with torch.no_grad():
        truth = model.net()(x)
        return float(
            (graph.logits(inside) - truth).abs().max() / (truth - truth.mean(dim=2, keepdim=True)).std()
        )


@pytest.mark.parametrize("window", [300, 301, 302, 303, 333])
@pytest.mark.parametrize("depth", [2, 4])
def test_phasenet_answers_the_same_for_windows_of_any_length(window, depth):
    model = model_of("phasenet", window, depth=depth)
    assert isinstance(graph_of(model), PhaseNetGraph)
    assert apart(model) < CLOSE


def test_what_lies_behind_the_window_is_kept_from_the_answers(monkeypatch):
    model = model_of("phasenet", 301)
    monkeypatch.setattr(PhaseNetGraph, "kept", lambda self, x: x)  # the mutant
    assert apart(model) > 10 * CLOSE


@pytest.mark.parametrize("original", ["no", "conservative", "non-conservative"])
@pytest.mark.parametrize("window", [600, 640])  # cropped between levels, and not
def test_eqtransformer_answers_the_same_in_all_its_variants(original, window):
    model = model_of("eqtransformer", window, original=original)
    graph = graph_of(model)
    assert isinstance(graph, EQTransformerGraph) and graph.hard == (original == "conservative")
    assert apart(model, graph) < CLOSE
    wrong = graph_of(model_of("eqtransformer", window, seed=1, original=original))  # the mutant
    assert apart(model, wrong) > 10 * CLOSE


def test_gates_are_hard_where_the_model_says_so():
    model = model_of("eqtransformer", 600, original="conservative")
    graph = graph_of(model)
    for one in (*(block.lstm for block in graph.recurrent), graph.pick):
        one.hard = False
    assert apart(model, graph) > 10 * CLOSE


def test_a_window_that_cannot_be_taken_in_fours_is_asked_of_the_net_as_it_is():
    model = model_of("eqtransformer", 602)
    assert isinstance(graph_of(model), Plain) and apart(model) == 0


def test_attention_stays_the_same_where_exponentials_would_not_hold(monkeypatch):
    model = model_of("eqtransformer", 640)
    assert all(one.attention.safe for one in graph_of(model).transformers)
    loud = {
        name: np.asarray(one * 60 if name.endswith((".Wx", ".Wt")) else one)
        for name, one in model.weights.items()
    }
    model = dataclasses.replace(model, weights=loud)
    assert not any(one.attention.safe for one in graph_of(model).transformers)
    assert apart(model) < 100 * CLOSE
    monkeypatch.setattr(picking_graphs, "SAFE", np.inf)  # the mutant
    assert not apart(model) < 100 * CLOSE


@pytest.mark.parametrize("k", [1, 3, 5, 7, 11])
def test_convolutions_between_phases_equal_those_over_samples(k):
    torch.manual_seed(k)
    weight, x = torch.randn(2, 3, k), torch.randn(1, 3, 40)
    truth = F.conv1d(x, weight, padding=k // 2)
    four = x.reshape(1, 3, 10, 4).permute(0, 3, 1, 2).reshape(1, 12, 10)
    made = phased(weight, into=4, out=4, places=lambda q, j: q + j - k // 2)
    found = F.conv1d(four, made, padding=made.shape[-1] // 2)  # (1, 8, 10)
    found = found.reshape(1, 4, 2, 10).permute(0, 2, 3, 1).reshape(1, 2, 40)
    torch.testing.assert_close(found, truth, atol=1e-5, rtol=0)


def test_a_net_that_says_shares_gives_shares_and_one_that_does_not_gives_each_by_itself():
    x = torch.randn(1, 12, 75)
    with torch.no_grad():
        sums = graph_of(model_of("phasenet", 300))(x).sum(dim=1)
        torch.testing.assert_close(sums, torch.ones(1, 300))
        assert (graph_of(random_model("phasenet", 300, labels=["P", "S", "X"], **SMALL["phasenet"]))(x).sum(dim=1) - 1).abs().max() > 0.1  # fmt: skip
