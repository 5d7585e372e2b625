"""Attention and its layers against torch.nn's with the same weights, and what must hold of any transformer."""

import math

import pytest
import torch
from torch import nn

from clew.neural.nets.transformer import (
    Attention,
    Embedding,
    Layer,
    Transformer,
    TransformerConfig,
    attend,
    causal,
    rotated,
    sinusoids,
)

B, T, S, WIDTH, HEADS = 3, 7, 5, 16, 4


@pytest.fixture(autouse=True)
def slow_path():
    """Torch's own layers have a fast path in evaluation that answers otherwise where masks are."""
    torch.backends.mha.set_fastpath_enabled(False)
    yield
    torch.backends.mha.set_fastpath_enabled(True)


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def config(**settings):
    return TransformerConfig(**{"width": WIDTH, "heads": HEADS, "layers": 2, "positions": "none", **settings})


def seeded(make, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make().eval()


def close(a, b, atol=1e-6):
    torch.testing.assert_close(a, b, atol=atol, rtol=0)


def shaken(net, seed=3):
    """Give biases and norms something to do."""
    random = torch.Generator().manual_seed(seed)
    for one in net.parameters():
        one.data += 0.1 * torch.randn(one.shape, generator=random)
    return net


# ---- against torch.nn ----
@pytest.mark.parametrize("masked", [False, True])
def test_attention_equals_torchs(masked):
    ours = shaken(seeded(lambda: Attention(config())))
    theirs = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True).eval()
    theirs.load_state_dict(ours.state_dict())
    x = drawn(B, T, WIDTH)
    seen = causal(T) if masked else None
    kept = []
    said, scores = theirs(x, x, x, attn_mask=None if seen is None else ~seen, average_attn_weights=False)
    close(ours(x, seen=seen, kept=kept), said)
    close(kept[0], scores)


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_layers_of_an_encoder_equal_torchs(norm, activation):
    ours = shaken(seeded(lambda: Layer(config(norm=norm, activation=activation))))
    theirs = nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, activation=activation, batch_first=True, norm_first=norm == "pre").eval()  # fmt: skip
    theirs.load_state_dict(ours.state_dict())
    x, real = drawn(B, T, WIDTH), torch.arange(T) < torch.tensor([[7], [4], [2]])
    there = theirs(x, src_key_padding_mask=~real)
    close(ours(x, seen=real[:, None, None])[real], there[real])


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_layers_of_a_decoder_equal_torchs(norm):
    ours = shaken(seeded(lambda: Layer(config(norm=norm, activation="relu"), cross=True)))
    theirs = nn.TransformerDecoderLayer(
        WIDTH, HEADS, 4 * WIDTH, batch_first=True, norm_first=norm == "pre"
    ).eval()
    theirs.load_state_dict(ours.state_dict())
    x, memory, real = (
        drawn(B, T, WIDTH),
        drawn(B, S, WIDTH, seed=1),
        torch.arange(S) < torch.tensor([[5], [4], [1]]),
    )
    there = theirs(x, memory, tgt_mask=~causal(T), memory_key_padding_mask=~real)
    close(ours(x, memory, seen=causal(T), memory_seen=real[:, None, None]), there)


def test_a_layer_without_its_mask_does_not_equal_torchs():  # the mutant of the three above
    ours = shaken(seeded(lambda: Layer(config(activation="relu"), cross=True)))
    x, memory = drawn(B, T, WIDTH), drawn(B, S, WIDTH, seed=1)
    assert (ours(x, memory, seen=causal(T)) - ours(x, memory)).abs().max() > 1e-3


def test_gradients_of_attention_are_those_of_finite_differences():
    query, key, value = (drawn(1, 2, 3, 4, seed=i).double().requires_grad_() for i in range(3))
    assert torch.autograd.gradcheck(lambda *given: attend(*given, causal(3))[0], (query, key, value))


# ---- masks ----
def leak(net, x):
    """Return how strongly what is said at each token, (T,), depends on each token, (T,); projected randomly, since sums of norms are constant."""
    x = x.clone().requires_grad_()
    weights = drawn(x.shape[-1], seed=5)
    told = net(x) @ weights
    return torch.stack(
        [
            torch.autograd.grad(told[0, t], x, retain_graph=True)[0][0].abs().amax(-1)
            for t in range(x.shape[1])
        ]
    )


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_nothing_leaks_from_what_comes_later(norm):
    net = seeded(lambda: Transformer(config(norm=norm)))
    found = leak(lambda x: net(x, seen=causal(T)), drawn(1, T, WIDTH))
    assert float(found.triu(1).max()) == 0
    assert float(found.diagonal().min()) > 1e-3
    unmasked = leak(net, drawn(1, T, WIDTH))  # the mutant
    assert float(unmasked.triu(1).max()) > 1e-3


def test_padding_changes_nothing():
    net = seeded(lambda: Transformer(config()))
    x = drawn(1, T, WIDTH)
    long = torch.cat([x, 100 * drawn(1, 4, WIDTH, seed=8)], 1)
    real = torch.arange(T + 4) < T
    close(net(long, seen=real)[:, :T], net(x), atol=1e-5)
    assert (net(long)[:, :T] - net(x)).abs().max() > 1e-3


def test_who_may_look_at_nothing_gets_zeros_and_no_nan():
    query = drawn(2, HEADS, T, 4).requires_grad_()
    seen = torch.ones(2, 1, 1, T, dtype=torch.bool)
    seen[1] = False
    values, scores = attend(query, query, query, seen)
    assert float(values[1].detach().abs().max()) == float(scores[1].detach().abs().max()) == 0
    close(scores[0].sum(-1), torch.ones(HEADS, T))
    values.sum().backward()
    assert bool(query.grad.isfinite().all())


# ---- positions ----
def test_without_positions_order_does_not_matter_and_with_them_it_does():
    x, order = drawn(1, T, WIDTH), torch.randperm(T, generator=torch.Generator().manual_seed(0))
    plain = seeded(lambda: Transformer(config()))
    close(plain(x[:, order]), plain(x)[:, order], atol=1e-5)
    turned = seeded(lambda: Transformer(config(positions="rotary")))
    assert (turned(x[:, order]) - turned(x)[:, order]).abs().max() > 1e-3


def test_rotary_scores_depend_on_distances_alone():
    query, key = drawn(1, 1, 1, 8), drawn(1, 1, 1, 8, seed=1)
    score = [float((rotated(query, a) * rotated(key, b)).sum()) for a, b in ((0, 3), (10, 13), (10, 14))]
    assert math.isclose(score[0], score[1], abs_tol=1e-5)
    assert not math.isclose(score[0], score[2], abs_tol=1e-3)
    close(rotated(query, 11).norm(), query.norm())


def test_sinusoids_are_those_of_the_paper():
    table = sinusoids(50, 8)
    for at, i in ((0, 0), (7, 2), (49, 6)):
        angle = at / 10_000 ** (i / 8)
        assert math.isclose(float(table[at, i]), math.sin(angle), abs_tol=1e-5)
        assert math.isclose(float(table[at, i + 1]), math.cos(angle), abs_tol=1e-5)


@pytest.mark.parametrize("positions", ["learned", "sinusoidal"])
def test_an_embedding_begins_where_it_is_told(positions):
    one = seeded(lambda: Embedding(config(positions=positions, longest=9), 11))
    tokens = torch.arange(6)[None]
    close(one(tokens[:, 2:], 2), one(tokens)[:, 2:])
    with pytest.raises(ValueError, match="at most 9 tokens. Got 10"):
        one(tokens, 4)


# ---- caches ----
@pytest.mark.parametrize("positions", ["none", "rotary"])
def test_tokens_one_by_one_say_what_all_at_once_say(positions):
    net = seeded(lambda: Transformer(config(positions=positions), cross=True))
    x, memory = drawn(B, T, WIDTH), drawn(B, S, WIDTH, seed=1)
    caches = net.caches()
    one_by_one = [net(x[:, t : t + 1], memory, caches=caches) for t in range(T)]
    whole = net(x, memory, seen=causal(T))
    close(torch.cat(one_by_one, 1), whole, atol=1e-5)
    forgetful = [net(x[:, t : t + 1], memory) for t in range(T)]  # the mutant
    assert (torch.cat(forgetful, 1) - whole).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"width": 10, "heads": 4}, "multiple of its heads"),
        ({"width": 12, "positions": "rotary"}, "even width of each head"),
        ({"layers": 0}, "'layers' of a transformer must be at least 1"),
        ({"dropout": 1.0}, "'dropout'"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, told):
    with pytest.raises(ValueError, match=told):
        config(**settings)
