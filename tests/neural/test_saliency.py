"""Saliency is captum's, in any number of dimensions, and one that shows only edges is found out."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from clew.errors import DataError, SettingError
from clew.explain.saliency import grad_cam
from clew.neural.estimators import NetClassifier
from clew.neural.nets.cnn import Cnn, CnnConfig
from clew.neural.nets.elman import Elman
from clew.neural.nets.recurrent import RecurrentConfig
from clew.neural.saliency import randomised_sanity, saliency

captum = pytest.importorskip("captum.attr")

SHAPES = [(3, 30), (2, 14, 12), (1, 10, 9, 8)]
MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}


def small(shape, n_out=3, **settings):
    torch.manual_seed(0)
    few = {"channels": (4, 6), "kernel": 5 if len(shape) == 2 else 3, "normalise": "none", "hidden": 8}
    return Cnn(CnnConfig.of(shape, n_out, **few | settings)).eval()


def rows_of(shape, n=3):
    return np.random.default_rng(0).normal(size=(n, *shape)).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("layer", ["blocks.1.0", "blocks.0.1"])
def test_grad_cam_is_captums(shape, layer):
    net, X = small(shape).double(), rows_of(shape).astype(np.float64)
    ours = saliency(net, X, target=1, layer=layer)
    theirs = captum.LayerGradCam(net, net.get_submodule(layer)).attribute(
        torch.tensor(X), target=1, relu_attributions=True
    )
    theirs = captum.LayerAttribution.interpolate(theirs, shape[1:], interpolate_mode=MODES[len(shape) - 1])
    np.testing.assert_allclose(ours.values, theirs.detach(), atol=1e-12)
    assert ours.values.max() > 1e-6 and np.isnan(ours.completeness).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_hires_cam_is_made_of_captums_gradients_times_activations(shape):
    net, X = small(shape).double(), rows_of(shape).astype(np.float64)
    layer = "blocks.1.0"
    parts = captum.LayerGradientXActivation(net, net.get_submodule(layer)).attribute(
        torch.tensor(X), target=1
    )
    theirs = nn.functional.interpolate(
        parts.sum(dim=1, keepdim=True).relu(), shape[1:], mode=MODES[len(shape) - 1]
    )
    ours = saliency(net, X, target=1, method="hires-cam", layer=layer)
    np.testing.assert_allclose(ours.values, theirs.detach(), atol=1e-12)
    assert ours.values.max() > 1e-6 and np.isnan(ours.completeness).all()


def test_hires_cam_is_grad_cam_where_a_net_averages_the_places_before_a_linear_head():
    X = rows_of((2, 16, 12))
    for gather, same in (("average", True), ("flatten", False)):
        net = small((2, 16, 12), gather=gather, hidden=0, normalise="group")
        mean, each = (
            saliency(net, X, method=one, layer="blocks").values for one in ("grad-cam", "hires-cam")
        )
        assert each.max() > 0.01 and np.allclose(mean, each, atol=1e-7) == same


def test_hires_cam_of_flattened_maps_shares_out_the_score():
    """For less against is the score without the head's bias; Grad-CAM, and what goes into a normalisation, miss it (mutants)."""
    net, X = small((2, 16, 12), gather="flatten", hidden=0, normalise="group").double(), rows_of((2, 16, 12))
    against = copy.deepcopy(net)
    against.head.weight.data.neg_()

    def total(method, layer=None):
        up, down = (saliency(one, X, target=1, method=method, layer=layer).values for one in (net, against))
        return (up - down).sum(axis=(1, 2, 3)) / 4  # each place of the layer was stretched to 2 x 2

    found = saliency(net, X, target=1, method="hires-cam")
    share = found.score - net.head.bias[1].item()
    assert found.layer == "blocks.1.2"  # the last activation
    np.testing.assert_allclose(total("hires-cam"), share, atol=1e-12)
    assert np.abs(total("grad-cam") - share).min() > 0.01
    before = total("hires-cam", "blocks.1.0")
    np.testing.assert_allclose(before, 0, atol=1e-3)  # what a normalisation does not see
    assert np.abs(before - share).min() > 0.01


@pytest.mark.parametrize("shape", [*SHAPES, (6,), (9, 4)])
def test_integrated_gradients_are_captums_and_complete(shape):
    """Of signals, images, volumes, rows of a table, and sequences."""
    if shape == (6,):
        net: nn.Module = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    else:
        net = Elman(RecurrentConfig(n_in=4, n_out=3, hidden=5)) if shape == (9, 4) else small(shape)
    X, baseline = rows_of(shape), np.full(shape, 0.3, np.float32)
    ours = saliency(net, X, method="integrated-gradients", baseline=baseline, steps=40)
    assert ours.values.shape == X.shape
    theirs = captum.IntegratedGradients(net).attribute(
        torch.tensor(X), torch.tensor(baseline)[None], target=torch.tensor(np.array(ours.target)), n_steps=40
    )
    np.testing.assert_allclose(ours.values, theirs.detach(), atol=1e-6)
    with torch.no_grad():
        scores = net(torch.tensor(X))
    np.testing.assert_array_equal(ours.target, scores.argmax(1))  # the highest, where none is named
    np.testing.assert_allclose(ours.score, scores.max(1).values, atol=1e-6)
    np.testing.assert_allclose(ours.completeness, 0, atol=2e-3)


def test_completeness_is_as_good_as_the_steps():
    smooth = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    X = np.random.default_rng(0).normal(size=(3, 6))
    few, many = (
        np.abs(saliency(smooth, X, method="integrated-gradients", steps=n).completeness).max()
        for n in (2, 32)
    )
    assert many < 1e-10 < few


def test_what_changes_activations_in_place_changes_no_map():
    plain = nn.Sequential(
        nn.Conv1d(2, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool1d(2), nn.Flatten(), nn.Linear(8, 2)
    )
    in_place = nn.Sequential(plain[0], nn.ReLU(inplace=True), *plain[2:])
    X = rows_of((2, 20))
    np.testing.assert_array_equal(*(saliency(net, X, layer="0").values for net in (plain, in_place)))
    kept = []  # the mutant: to keep the answer itself, which is changed afterwards
    hook = in_place[0].register_forward_hook(lambda module, given, out: kept.append(out))
    score = in_place(torch.tensor(X)).amax(1).sum()
    hook.remove()
    mutant = grad_cam(kept[0].detach().numpy(), torch.autograd.grad(score, kept[0])[0].numpy(), (20,))
    assert not np.allclose(mutant, saliency(plain, X, layer="0").values[:, 0])


def test_the_net_stays_as_it_was():
    net, X = small((2, 14, 12)), rows_of((2, 14, 12))
    net.train()
    net.requires_grad_(False)
    for method in ("grad-cam", "hires-cam", "integrated-gradients"):
        saliency(net, X, method=method, steps=4)
    assert net.training and not any(module._forward_hooks for module in net.modules())
    assert all(one.grad is None and not one.requires_grad for one in net.parameters())


def test_what_has_no_saliency_is_told():
    for look in (saliency, randomised_sanity):
        with pytest.raises(SettingError, match="as `.net_` of a fitted estimator is. Got NetClassifier"):
            look(NetClassifier("cnn"), rows_of((2, 9)))
    rows = nn.Linear(4, 2)
    with pytest.raises(SettingError, match="use method='integrated-gradients'. Got Linear"):
        saliency(rows, rows_of((4,)))
    with pytest.raises(SettingError, match="net of HiResCAM must have a convolutional layer"):
        saliency(rows, rows_of((4,)), method="hires-cam")
    with pytest.raises(SettingError, match="one int from 0 to 2, or one for each of 3 rows. Got 3"):
        saliency(small((3, 30)), rows_of((3, 30)), target=3)
    with pytest.raises(SettingError, match="Did you mean 'grad-cam'"):
        saliency(rows, rows_of((4,)), method="gradcam")
    with pytest.raises(SettingError, match="layer of the net"):
        saliency(small((3, 30)), rows_of((3, 30)), layer="no")
    with pytest.raises(SettingError, match="for each of 3 rows"):
        saliency(small((3, 30)), rows_of((3, 30)), target=np.array([0, 1]))
    with pytest.raises(SettingError, match="'layer' setting of saliency is for Grad-CAM and HiResCAM"):
        saliency(rows, rows_of((4,)), method="integrated-gradients", layer="x")
    with pytest.raises(DataError, match="must be finite. Got 1 rows"):
        saliency(rows, np.array([[np.nan] * 4, [0.0] * 4]), method="integrated-gradients")
    memory = Elman(RecurrentConfig(n_in=2, n_out=2, hidden=3))
    with pytest.raises(DataError, match="'layers' must answer once, with feature maps"):
        saliency(memory, rows_of((7, 2)), layer="layers")
    conv = nn.Conv1d(2, 2, 3)
    with pytest.raises(DataError, match="'0' must answer once"):
        saliency(nn.Sequential(conv, conv, nn.Flatten(), nn.Linear(6, 2)), rows_of((2, 7)))
    with pytest.raises(DataError, match="must be floats"):
        saliency(rows, np.zeros((2, 4), np.int64))
    with pytest.raises(DataError, match="one line of scores a row"):
        saliency(nn.Conv1d(2, 2, 3), rows_of((2, 9)))
    with pytest.raises(DataError, match=r"feature maps.*Got shape \(3, 8\)"):
        saliency(small((3, 30)), rows_of((3, 30)), layer="layers.0")


# ---- does a map speak of the net? ----
@pytest.fixture(scope="module")
def trained():
    """A net that tells rounded from long spots, and rows of both, at places of their own."""
    rng, y = np.random.default_rng(0), np.arange(200) % 2
    place = np.mgrid[:20, :20].T
    X = rng.normal(0, 0.15, (200, 1, 20, 20))
    for image, long in zip(X[:, 0], y, strict=True):
        offset = (place - rng.uniform(5, 15, 2)) / ([1.2, 5.0] if long else [2.4, 2.4])
        image += np.exp(-((offset**2).sum(axis=2) ** 2))
    x, aim = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    torch.set_num_threads(1)  # before `one_thread`, which is of each test
    with torch.random.fork_rng():
        net = small((1, 20, 20), 2, activation="leaky-relu")
        optimizer = torch.optim.Adam(net.parameters(), 0.01)
        for step in range(80):
            some = slice(40 * (step % 5), 40 * (step % 5) + 40)
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[some]), aim[some]).backward()
            optimizer.step()
    assert (net(x).argmax(1) == aim).float().mean() > 0.95
    return net, x[:8].numpy()


def edges(net, X):
    """The mutant: a "saliency" that never looks at the net."""
    return np.hypot(*np.gradient(X, axis=(2, 3)))


def test_a_map_that_only_shows_edges_is_found_out(trained):
    found = randomised_sanity(trained[0], trained[1], method=edges, draws=1)
    assert not found.depends and found.likeness == pytest.approx(1)
    assert "edges, not reasons" in found.headline()


@pytest.mark.parametrize("method", ["grad-cam", "hires-cam", "integrated-gradients"])
def test_maps_of_a_trained_net_depend_on_what_was_learnt(trained, method):
    net, X = trained
    before = [one.clone() for one in net.parameters()]
    found = randomised_sanity(
        net, X, method=method, draws=2, **({"steps": 16} if method == "integrated-gradients" else {})
    )
    assert found.depends
    assert found.layers == ["head", "layers.0", "blocks.1.0", "blocks.0.0"]
    assert found.independent.shape == found.cascading.shape == (4, 8, 3)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), before, strict=True))


def test_the_same_seed_finds_the_same_and_leaves_the_callers_random_state(trained):
    net, X = trained
    state = torch.random.get_rng_state()
    first, again, other = (randomised_sanity(net, X[:3], draws=1, random_state=n) for n in (1, 1, 2))
    assert torch.equal(state, torch.random.get_rng_state())
    assert first.digest() == again.digest() != other.digest()


def test_maps_that_are_the_same_everywhere_can_tell_nothing(trained):
    with pytest.raises(DataError, match="differ from place to place"):
        randomised_sanity(*trained, method=lambda net, X: np.zeros_like(X))
