"""What a picker knows of itself, and how it brings windows to scale."""

import numpy as np
import pytest
import torch

from clew.neural.picking_net import PickingNet
from clew.neural.picking_training import fresh_picker


@pytest.fixture(scope="module")
def model():
    return fresh_picker(net={"filters_root": 1, "depth": 2}, window=200, filter={})


def windows():
    return torch.randn(2, 3, 200, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 5 + 3


def with_(model, **fields):
    import dataclasses

    return dataclasses.replace(model, **fields)


@pytest.mark.parametrize("alone", [False, True])
def test_windows_are_centred_and_divided_as_the_words_say(model, alone):
    x = windows().numpy()
    centred = x - x.mean(axis=2, keepdims=True)
    axes = 2 if alone else (1, 2)
    by_std = with_(model, norm="std", norm_per_component=alone).prepare(windows()).numpy()
    np.testing.assert_allclose(by_std, centred / centred.std(axis=axes, keepdims=True, ddof=1), atol=1e-9)
    by_peak = with_(model, norm="peak", norm_per_component=alone).prepare(windows()).numpy()
    np.testing.assert_allclose(by_peak, centred / np.abs(centred).max(axis=axes, keepdims=True), atol=1e-9)


def test_a_straight_line_is_taken_off_as_scipy_does(model):
    from scipy.signal import detrend

    x = windows() + torch.linspace(0, 50, 200, dtype=torch.float64)
    got = with_(model, norm="peak", norm_per_component=True, norm_detrend=True).prepare(x).numpy()
    flat = detrend(x.numpy(), axis=2)
    np.testing.assert_allclose(got, flat / np.abs(flat).max(axis=2, keepdims=True), atol=1e-9)
    left = with_(model, norm="peak", norm_per_component=True).prepare(x).numpy()
    assert np.abs(left - got).max() > 0.1


def test_a_dead_component_stays_0(model):
    x = windows()
    x[:, 1] = 7.0
    said = with_(model, norm_per_component=True).prepare(x)
    assert said[:, 1].abs().max() == 0 and said.isfinite().all()


def test_answers_are_shares_where_noise_is_among_them_else_each_by_itself(model):
    logits = torch.randn(2, 3, 50)
    torch.testing.assert_close(model.probabilities(logits).sum(dim=1), torch.ones(2, 50))
    eqt = with_(model, labels=["Detection", "P", "S"])
    torch.testing.assert_close(eqt.probabilities(logits), 1 / (1 + torch.exp(-logits)))
    assert eqt.phases == model.phases == ["P", "S"]


def test_it_comes_back_from_its_folder_and_says_what_it_is(model, tmp_path):
    said = with_(model, trained_on=["Nothing at all."], thresholds={"P": 0.25, "S": 0.5})
    said.save_model(tmp_path / "picker")
    back = PickingNet.load_model(tmp_path / "picker")
    assert back.sha256 == said.sha256 and back.thresholds == said.thresholds
    card = (tmp_path / "picker" / "README.md").read_text()
    assert "Nothing at all." in card and "clew pick" in card and "were not trained here" in card
    assert back.headline() == "a PhaseNet for P and S in windows of 2 s at 100 Hz"


def test_thresholds_and_overlap_are_no_part_of_the_hash_but_norm_and_order_are(model):
    assert with_(model, thresholds={"P": 0.9}, overlap=7).sha256 == model.sha256
    for change in (
        {"norm": "peak"},
        {"components": "ENZ"},
        {"labels": ["S", "P", "N"]},
        {"filter": {"args": ["highpass", 1.0]}},
    ):
        assert with_(model, **change).sha256 != model.sha256
