"""PhaseNet against SeisBench's with the same weights, and what must hold for windows of any length."""

import pytest
import torch

from clew.neural.nets import phasenet
from clew.neural.nets.phasenet import PhaseNet, PhaseNetConfig

LOUDER = 3  # than first weights


@pytest.fixture(scope="module")
def pair():
    models = pytest.importorskip("seisbench.models")
    theirs = shaken(models.PhaseNet())
    ours = PhaseNet(PhaseNetConfig()).eval()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def shaken(net, seed=0):
    """Give batch normalisation something to do, and make the answers of random weights differ from each other."""
    random = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            n = module.num_features
            module.running_mean = torch.randn(n, generator=random)
            module.running_var = 0.5 + torch.rand(n, generator=random)
        if isinstance(module, torch.nn.Conv1d | torch.nn.ConvTranspose1d):
            module.weight.data *= LOUDER
    return net.eval()


def windows(n=3001, seed=1):
    return torch.randn(2, 3, n, generator=torch.Generator().manual_seed(seed))


def test_it_has_the_parameters_of_the_paper():
    assert sum(one.numel() for one in PhaseNet(PhaseNetConfig()).parameters()) == 268_443


@torch.no_grad()
def test_it_answers_as_seisbenchs_with_the_same_weights(pair):
    ours, theirs = pair
    torch.testing.assert_close(ours(windows()).softmax(1), theirs(windows()), atol=1e-5, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize(("name", "value"), [("LEFT", (2, 1)), ("CUT", (2, 1)), ("EPS", 1e-5)])
def test_another_padding_crop_or_eps_would_be_noticed(pair, monkeypatch, name, value):
    _, theirs = pair
    monkeypatch.setattr(phasenet, name, value)
    mutant = PhaseNet(PhaseNetConfig()).eval()
    mutant.load_state_dict(theirs.state_dict())
    assert (mutant(windows()).softmax(1) - theirs(windows())).abs().max() > 1e-5


@torch.no_grad()
@pytest.mark.parametrize("n", [260, *range(1000, 1017), 2800, 3000, 6000])
def test_a_window_of_any_length_gets_an_answer_for_each_sample(n):
    net = PhaseNet(PhaseNetConfig(filters_root=1)).eval()
    assert net(windows(n)).shape == (2, 3, n)


@pytest.mark.parametrize("settings", [{"depth": 1}, {"filters_root": 0}])
def test_measures_that_make_no_net_are_refused(settings):
    with pytest.raises(ValueError, match="must be at least"):
        PhaseNetConfig.of((3, 3001), 3, **settings)
