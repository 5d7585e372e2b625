"""Self-feedback against torch's net with a diagonal matrix."""

from __future__ import annotations

import torch
from torch import nn

from clew.neural.nets.elman import Elman
from clew.neural.nets.recurrent import RecurrentConfig
from clew.neural.nets.self_feedback import SelfFeedback

DEEP = RecurrentConfig(3, 2, hidden=5, layers=2, bidirectional=True)


def test_it_is_the_net_of_elman_with_a_diagonal_matrix():
    torch.manual_seed(0)
    own = SelfFeedback(DEEP).double()
    oracle = nn.RNN(3, 5, 2, batch_first=True, bidirectional=True, dtype=torch.float64)
    weights = own.layers.state_dict()
    assert weights.keys() == oracle.state_dict().keys()
    oracle.load_state_dict({name: w.diag() if "weight_hh" in name else w for name, w in weights.items()})
    x = torch.randn(4, 30, 3, dtype=torch.float64)
    (found, (state,)), (wanted, end) = own.unroll(x), oracle(x)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    torch.testing.assert_close(state, end, rtol=0, atol=1e-12)
    project = torch.randn_like(found)
    for name in weights:
        (mine,) = torch.autograd.grad(
            (found * project).sum(), own.layers.get_parameter(name), retain_graph=True
        )
        (theirs,) = torch.autograd.grad(
            (wanted * project).sum(), oracle.get_parameter(name), retain_graph=True
        )
        theirs = theirs.diag() if "weight_hh" in name else theirs
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)


def heard(net):
    """Which unit hears which: the derivative of a step by the state before, (5, 5)."""
    weights, x = net.layers.all_weights[0], torch.zeros(1, 3)
    return torch.autograd.functional.jacobian(
        lambda before: net.step(x, (before,), *weights)[0][0], torch.zeros(1, 5)
    )[:, 0]


def test_each_unit_hears_itself_and_no_other():
    between = ~torch.eye(5, dtype=torch.bool)
    own = heard(SelfFeedback(DEEP))
    assert (own[between] == 0).all() and (own.diag() != 0).all()
    assert (heard(Elman(DEEP))[between] != 0).all()


def test_the_feedback_begins_between_forgetting_at_once_and_keeping_all():
    weights = SelfFeedback(RecurrentConfig(3, 2, hidden=200)).layers.weight_hh_l0
    assert 0 <= weights.min() < 0.05 and 0.95 < weights.max() <= 1
