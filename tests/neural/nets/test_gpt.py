"""A GPT: its size, what it costs at the start, that it learns, and that it continues as it would with all before its eyes."""

import math

import pytest
import torch
from torch.nn import functional

from clew.neural.nets.gpt import GPT, GPTConfig, drawn


def gpt(seed=0, **settings):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return GPT(
            GPTConfig(**{"n_tokens": 11, "width": 16, "heads": 4, "layers": 2, "longest": 12, **settings})
        ).eval()


def tokens(*shape, n=11, seed=0):
    return torch.randint(0, n, shape, generator=torch.Generator().manual_seed(seed))


def test_it_has_the_parameters_that_are_published():
    small = GPT(GPTConfig(n_tokens=65, width=128, heads=4, layers=4, longest=64))
    assert sum(one.numel() for one in small.parameters()) == 804_096


def test_before_training_each_token_is_as_likely_as_another():
    net, given = gpt(n_tokens=65, width=64), tokens(16, 12, n=65)
    loss = functional.cross_entropy(net(given[:, :-1]).flatten(0, 1), given[:, 1:].flatten())
    assert abs(float(loss.detach()) - math.log(65)) < 0.1


def test_one_batch_can_be_learnt_by_heart():
    net, given = gpt(width=32).train(), tokens(4, 12)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
    for _ in range(120):
        optimizer.zero_grad()
        logits = net(given[:, :-1])[:, 1:]  # after two tokens, by which the four sequences differ
        loss = functional.cross_entropy(logits.flatten(0, 1), given[:, 2:].flatten())
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = (net(given[:, :-1]).argmax(-1) == given[:, 1:])[:, 1:]
    assert float(loss) < 0.1 and bool(right.all())


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary"])
def test_it_continues_as_without_a_cache(positions):
    net, given = gpt(positions=positions), tokens(2, 5)
    slow = given
    with torch.no_grad():
        for _ in range(20):  # beyond the longest, too
            slow = torch.cat([slow, net(slow[:, -12:])[:, -1].argmax(-1, keepdim=True)], 1)
    assert torch.equal(net.generate(given, 20, temperature=0), slow)


def test_nothing_leaks_from_later_tokens():
    net, given = gpt(), tokens(1, 12)
    changed = given.clone()
    changed[0, 7] = (given[0, 7] + 1) % 11
    difference = (net(given) - net(changed)).abs().amax(-1)[0]
    assert float(difference[:7].max()) == 0
    assert float(difference[7:].min()) > 0


def test_the_weights_of_reading_are_those_of_saying():
    net = gpt()
    given = torch.tensor([[1, 2, 4, 5, 6]])  # without the token that changes
    before = net(given)
    net.embedding.tokens.weight.data[3] += torch.randn(
        16, generator=torch.Generator().manual_seed(1)
    )  # hidden values sum to 0
    assert (net(given)[..., 3] - before[..., 3]).abs().min() > 1e-4
    again = GPT(net.config).eval()
    again.load_state_dict(net.state_dict())
    assert torch.equal(again(tokens(1, 5)), net(tokens(1, 5)))


def test_draws_follow_the_likelihoods_and_the_settings():
    logits = torch.tensor([[0.0, 1.0, 2.0, -5.0]]).repeat(20_000, 1)
    random = torch.Generator().manual_seed(0)
    shares = torch.bincount(drawn(logits, generator=random)[:, 0], minlength=4) / len(logits)
    torch.testing.assert_close(shares, logits[0].softmax(0), atol=0.015, rtol=0)
    assert set(drawn(logits, top_k=2, generator=random)[:, 0].tolist()) == {1, 2}
    assert set(drawn(logits, temperature=0)[:, 0].tolist()) == {2}
    hot = torch.bincount(drawn(logits, temperature=100.0, generator=random)[:, 0], minlength=4) / len(logits)
    torch.testing.assert_close(hot, torch.full((4,), 0.25), atol=0.03, rtol=0)


# ---- direct contexts, and both sides ----
def test_direct_contexts_continue_as_with_all_before_their_eyes():
    net = gpt(direct=(2, 3), buckets=64)
    for table in net.direct:
        torch.nn.init.normal_(table.weight, generator=torch.Generator().manual_seed(1))
    x = tokens(2, 5)
    found = net.generate(x, 6, temperature=0)
    for _ in range(6):
        x = torch.cat([x, net(x)[:, -1].argmax(-1, keepdim=True)], 1)
    assert torch.equal(found, x)


def test_a_direct_context_is_that_of_the_last_tokens_alone():
    net = gpt(direct=(3,), buckets=2**20)
    places = net.contexts(tokens(1, 200), 3)[0].tolist()
    said = [(-1, -1, *tokens(1, 200)[0].tolist())[i : i + 3] for i in range(200)]
    assert len(set(said)) > 100
    assert len(dict(zip(said, places))) == len(set(zip(said, places))) == len(set(said))
    assert len(set(places)) == len(set(said))  # no two share a place here


def test_direct_contexts_learn_what_follows_what():
    net = gpt(direct=(1,), buckets=4096)
    x = tokens(8, 12)
    before = [one.clone() for one in net.body.parameters()]
    optimizer = torch.optim.Adam(net.direct.parameters(), 0.5)
    for _ in range(60):
        loss = functional.cross_entropy(net(x[:, :-1]).flatten(0, 1), x[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    counts = torch.zeros(11, 11, dtype=torch.float64)
    for a, b in zip(x[:, :-1].flatten().tolist(), x[:, 1:].flatten().tolist()):
        counts[a, b] += 1
    shares = counts / counts.sum(1, keepdim=True)
    bound = -(counts * shares.clamp(min=1e-300).log()).sum() / counts.sum()
    assert abs(float(loss.detach()) - float(bound)) < 0.1  # as good as the table of counts
    assert all(torch.equal(a, b) for a, b in zip(before, net.body.parameters()))


def test_one_that_sees_both_sides_does():
    x = tokens(1, 8)
    other = x.clone()
    other[0, 7] = (other[0, 7] + 1) % 11
    assert not torch.equal(gpt(causal=False)(x)[0, 0], gpt(causal=False)(other)[0, 0])
    assert torch.equal(gpt()(x)[0, 0], gpt()(other)[0, 0])
