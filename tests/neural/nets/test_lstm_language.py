"""An LSTM over tokens: no look ahead, continuing is reading on, and it learns."""

import pytest
import torch
from torch.nn import functional

from clew.neural.nets.lstm_language import LSTMLanguage, LSTMLanguageConfig


def net(seed=0, **settings):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LSTMLanguage(
            LSTMLanguageConfig(**{"n_tokens": 7, "width": 12, "layers": 2, **settings})
        ).eval()


def tokens(*shape, seed=0):
    return torch.randint(7, shape, generator=torch.Generator().manual_seed(seed))


def test_it_says_nothing_of_tokens_to_come():
    one, x = net(), tokens(2, 10)
    other = x.clone()
    other[:, 6:] = (other[:, 6:] + 1) % 7
    assert torch.equal(one(x)[:, :6], one(other)[:, :6])
    assert not torch.equal(one(x)[:, 6], one(other)[:, 6])


def test_continuing_is_taking_the_likeliest_again_and_again():
    one, x = net(), tokens(2, 4)
    found = one.generate(x, 8, temperature=0)
    for _ in range(8):
        x = torch.cat([x, one(x)[:, -1].argmax(-1, keepdim=True)], 1)
    assert torch.equal(found, x)


def test_it_learns_one_batch_by_heart():
    one, x = net(width=32), tokens(4, 12, seed=3)
    one.train()
    optimizer = torch.optim.Adam(one.parameters(), 1e-2)
    for _ in range(250):
        loss = functional.cross_entropy(one(x[:, :-1]).flatten(0, 1), x[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.5  # the first token tells nothing of the second


@pytest.mark.parametrize("name, value", [("width", 0), ("layers", 0), ("dropout", 1.0)])
def test_what_cannot_be_built_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        LSTMLanguageConfig(**{name: value})
