"""The context nodes, and a rule that needs them."""

from __future__ import annotations

import torch
from torch import nn

from clew.neural.nets.elman import Elman
from clew.neural.nets.recurrent import RecurrentConfig


def test_a_step_is_that_of_torch():
    cell = nn.RNNCell(3, 5, dtype=torch.float64)
    net = Elman(RecurrentConfig(3, 2, hidden=5))
    x, before = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 5, dtype=torch.float64)
    (hidden,) = net.step(x, (before,), *cell.parameters())
    torch.testing.assert_close(hidden, cell(x, before), rtol=0, atol=1e-12)


def learn_xor(net, *, updates=150):
    """Train to tag each bit with whether it differs from the one before; return the accuracy on fresh bits."""
    generator = torch.Generator().manual_seed(0)
    adam = torch.optim.Adam(net.parameters(), lr=0.02)
    for update in range(updates + 1):
        bits = torch.randint(2, (32, 20), generator=generator)
        differs = bits[:, 1:] ^ bits[:, :-1]
        answers = net(bits[..., None].float() - 0.5)[:, 1:]
        if update < updates:
            adam.zero_grad()
            nn.functional.cross_entropy(answers.flatten(0, 1), differs.flatten()).backward()
            adam.step()
    return float((answers.argmax(2) == differs).float().mean())


def test_context_nodes_learn_to_compare_with_the_step_before():
    torch.manual_seed(0)
    net = Elman(RecurrentConfig(1, 2, hidden=8, head="tag"))
    assert learn_xor(net) > 0.99


def test_without_context_nodes_the_rule_stays_at_chance():  # the mutant
    torch.manual_seed(0)
    net = Elman(RecurrentConfig(1, 2, hidden=8, head="tag"))
    net.layers.weight_hh_l0.requires_grad_(False).zero_()
    assert learn_xor(net) < 0.6
