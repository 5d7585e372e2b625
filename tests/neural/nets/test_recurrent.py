"""All recurrent nets: the loop in the open against torch's kernel, lengths, state, heads, and what they learn."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from clew.neural.nets.elman import Elman
from clew.neural.nets.fully_recurrent import FullyRecurrent
from clew.neural.nets.gru import GRU
from clew.neural.nets.lstm import LSTM
from clew.neural.nets.recurrent import RecurrentConfig, blank, steps_inside
from clew.neural.nets.self_feedback import SelfFeedback

NETS = [SelfFeedback, Elman, FullyRecurrent, LSTM, GRU]
KERNELS = {Elman: nn.RNN, LSTM: nn.LSTM, GRU: nn.GRU}
LENGTHS = torch.tensor([7, 1, 3, 5])


def make(net, dtype=torch.float64, **settings):
    """A small net, of two layers in both directions where it can."""
    deep = {} if net is FullyRecurrent else {"layers": 2, "bidirectional": True}
    torch.manual_seed(0)
    return net(RecurrentConfig(**{"n_in": 3, "n_out": 2, "hidden": 5, **deep, **settings})).to(dtype)


def draw(*shape, dtype=torch.float64, seed=1):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def answers_and_gradients(net, x, lengths=None):
    """The answers, and the gradients of a random projection of them to the weights and to x."""
    x = x.clone().requires_grad_()
    answers = net(x, lengths)
    project = draw(len(x), 20, answers.shape[-1], dtype=x.dtype, seed=2)  # alike for any amount of padding
    project = project[:, 0] if answers.ndim == 2 else project[:, : answers.shape[1]]
    if net.config.head == "tag":
        inside = steps_inside(x, lengths)
        answers, project = answers[inside], project[inside]
    loss = (answers * project).sum()
    return [answers.detach(), *torch.autograd.grad(loss, [x, *net.parameters()], allow_unused=True)]


def close(found, wanted, tolerance, gradients=None):
    assert len(found) == len(wanted)
    for i, (a, b) in enumerate(zip(found, wanted)):
        torch.testing.assert_close(a, b, rtol=0, atol=tolerance if i == 0 else gradients or tolerance)


@pytest.mark.parametrize(
    ("dtype", "forward", "gradients"), [(torch.float64, 1e-12, 1e-12), (torch.float32, 1e-6, 1e-5)]
)
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["even", "padded"])
@pytest.mark.parametrize("net", [Elman, FullyRecurrent, LSTM, GRU])
def test_the_loop_in_the_open_and_the_kernel_give_the_same_answers_and_gradients(
    net, lengths, dtype, forward, gradients
):
    fast = make(net, dtype, head="tag")
    slow = make(net, dtype, head="tag", fast=False)
    slow.load_state_dict(fast.state_dict())
    x = draw(4, 7, 3, dtype=dtype)
    close(
        answers_and_gradients(slow, x, lengths), answers_and_gradients(fast, x, lengths), forward, gradients
    )


@pytest.mark.parametrize("both", [False, True], ids=["forward", "both"])
@pytest.mark.parametrize("net", KERNELS)
def test_weights_are_copied_from_torch_by_name(net, both):
    oracle = KERNELS[net](3, 5, 2, batch_first=True, bidirectional=both, dtype=torch.float64)
    own = make(net, bidirectional=both, fast=False)
    own.layers.load_state_dict(oracle.state_dict())
    oracle.load_state_dict(own.layers.state_dict())
    x = draw(4, 50, 3).requires_grad_()
    (wanted, end), (found, state) = oracle(x), own.unroll(x)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    for mine, theirs in zip(state, end if net is LSTM else (end,)):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)
    project = draw(*wanted.shape, seed=2)
    for mine, theirs in zip(
        torch.autograd.grad((found * project).sum(), [x, *own.layers.parameters()]),
        torch.autograd.grad((wanted * project).sum(), [x, *oracle.parameters()]),
    ):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("head", ["classify", "tag", "forecast"])
@pytest.mark.parametrize("pool", ["last", "mean", "max"])
@pytest.mark.parametrize("net", NETS)
def test_what_stands_in_the_padding_and_how_much_of_it_changes_nothing(net, pool, head):
    own = make(net, pool=pool, head=head, horizon=2)
    x = draw(4, 7, 3)
    other = x.masked_fill(~steps_inside(x, LENGTHS)[..., None], torch.nan)
    longer = torch.cat([other, draw(4, 4, 3, seed=5)], dim=1)
    wanted = answers_and_gradients(own, x, LENGTHS)
    for padded in (other, longer):
        answers, to_x, *to_weights = answers_and_gradients(own, padded, LENGTHS)
        assert (to_x[~steps_inside(padded, LENGTHS)] == 0).all()
        close([answers, to_x[:, :7], *to_weights], wanted, 1e-12)
    alone = [own(x[row : row + 1, :n])[0] for row, n in enumerate(LENGTHS)]  # each sequence without padding
    close([torch.cat(alone) if head == "tag" else torch.stack(alone)], wanted[:1], 1e-12)


@pytest.mark.parametrize("pool", ["last", "mean", "max"])
@pytest.mark.parametrize("net", NETS)
def test_padding_matters_where_lengths_are_ignored(net, pool):  # the mutant
    own = make(net, pool=pool)
    x = draw(4, 7, 3)
    ignored = own(x) - own(x, LENGTHS)
    assert (ignored[LENGTHS < 7].abs().amax(1) > 1e-3).all() and ignored[0].abs().max() < 1e-12


@pytest.mark.parametrize("fast", [True, False])
def test_tokens_in_the_padding_may_be_anything(fast):
    own = make(LSTM, vocabulary=6, fast=fast)
    tokens = torch.randint(6, (4, 7), generator=torch.Generator().manual_seed(0))
    other = tokens.masked_fill(~steps_inside(tokens, LENGTHS), -100)
    torch.testing.assert_close(own(tokens, LENGTHS), own(other, LENGTHS), rtol=0, atol=0)
    assert (blank(other, steps_inside(other, LENGTHS)) >= 0).all()


@pytest.mark.parametrize("net", NETS)
def test_the_state_goes_on_where_it_was_left(net):
    own = make(net, head="tag", bidirectional=False)
    x = draw(4, 9, 3)
    first, state = own.forward_from(x[:, :4], None)
    second, _ = own.forward_from(x[:, 4:], state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), own(x), rtol=0, atol=1e-12)
    forgotten, _ = own.forward_from(x[:, 4:], None)
    assert (forgotten - second).abs().max() > 1e-3


@pytest.mark.parametrize("net", [SelfFeedback, Elman, LSTM, GRU])
def test_the_head_sees_the_last_step_of_each_direction_the_mean_or_the_largest(net):
    own, x = make(net), draw(4, 7, 3)
    hidden, state = own.unroll(x, None, LENGTHS)
    ends = state[0][-2:].transpose(0, 1).flatten(1)  # of the last layer: forward, reverse
    pieces = [hidden[row, :n] for row, n in enumerate(LENGTHS)]
    wanted = {"last": ends, "mean": [p.mean(0) for p in pieces], "max": [p.amax(0) for p in pieces]}
    for pool, rows in wanted.items():
        found = make(net, pool=pool).pool(hidden, LENGTHS)
        torch.testing.assert_close(found, torch.stack(tuple(rows)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("net", NETS)
def test_each_head_answers_in_its_shape(net):
    x = draw(4, 7, 3)
    for head, shape in {"classify": (4, 2), "tag": (4, 7, 2), "forecast": (4, 6, 2)}.items():
        own = make(net, head=head, horizon=6)
        assert own(x).shape == own(x, LENGTHS).shape == shape
        assert isinstance(own.head, nn.Linear) and list(own.children())[-1] is own.head


def test_drop_out_acts_in_training_only_and_between_layers_as_well():
    own, x = make(LSTM, dropout=0.5), draw(4, 7, 3)
    assert (own.eval()(x) == own(x)).all()
    for fast in (True, False):
        again = make(LSTM, dropout=0.5, fast=fast).train()
        assert (again.unroll(x)[0] != again.unroll(x)[0]).any()
        assert (again(x) != again(x)).any()
    single = make(LSTM, dropout=0.5, layers=1).train()
    assert (single.unroll(x)[0] == single.unroll(x)[0]).all() and (single(x) != single(x)).any()


def test_the_config_takes_its_sizes_from_the_data():
    assert RecurrentConfig.of((100, 6), 4, hidden=8) == RecurrentConfig(n_in=6, n_out=4, hidden=8)
    assert RecurrentConfig.of((100,), 4, vocabulary=65) == RecurrentConfig(n_in=32, n_out=4, vocabulary=65)
    for shape, settings in [((100,), {}), ((100, 6), {"vocabulary": 65})]:
        with pytest.raises(ValueError, match=r"must be of shape \(T, F\)"):
            RecurrentConfig.of(shape, 4, **settings)


@pytest.mark.parametrize(
    "wrong",
    [
        {"hidden": 0},
        {"layers": 0},
        {"dropout": 1.0},
        {"head": "regress"},
        {"pool": "sum"},
        {"vocabulary": 0},
        {"horizon": 0},
    ],
)
def test_a_wrong_setting_is_named(wrong):
    with pytest.raises(ValueError, match=f"The '{next(iter(wrong))}' setting of a recurrent net must be"):
        RecurrentConfig(3, 2, **wrong)


@pytest.mark.parametrize("lengths", [[7, 0, 3, 5], [8, 1, 3, 5]])
def test_lengths_that_cannot_be_are_refused(lengths):
    with pytest.raises(ValueError, match=r"from 1 to the number of steps \(7\)"):
        make(LSTM)(draw(4, 7, 3), torch.tensor(lengths))


def test_a_net_that_reads_backwards_takes_no_state():
    own = make(LSTM)
    with pytest.raises(ValueError, match="must read in one direction"):
        own.forward_from(draw(4, 7, 3), own.unroll(draw(4, 7, 3))[1])


def trained(net, x, y, loss, *, updates, lr=0.01):
    adam = torch.optim.Adam(net.parameters(), lr=lr)
    for _ in range(updates):
        adam.zero_grad()
        loss(net(x), y).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        adam.step()
    return net.eval()


def test_the_next_steps_of_a_sine_are_forecast():
    def sines(n, seed):
        frequency, phase = torch.rand(2, n, 1, generator=torch.Generator().manual_seed(seed))
        turns = (0.02 + 0.06 * frequency) * torch.arange(60) + phase
        return torch.sin(2 * torch.pi * turns)[..., None].split([40, 20], dim=1)

    (x, y), (fresh, wanted) = sines(128, 0), sines(256, 1)
    net = make(
        LSTM,
        torch.float32,
        n_in=1,
        n_out=1,
        hidden=32,
        layers=1,
        bidirectional=False,
        head="forecast",
        horizon=20,
    )
    error = nn.functional.mse_loss(trained(net, x, y, nn.functional.mse_loss, updates=200)(fresh), wanted)
    persistence = nn.functional.mse_loss(fresh[:, -1:].expand_as(wanted), wanted)
    assert error < 0.1 < 0.5 < persistence


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["even", "padded"])
def test_frames_are_what_the_same_net_hears_of_steps_that_were_cut_by_hand(lengths):
    framed = make(GRU, n_in=6, frame=2, pool="max")
    plain = make(GRU, n_in=6, pool="max")
    x = draw(4, 7, 3)
    inside = torch.ones(4, 7, dtype=torch.bool) if lengths is None else steps_inside(x, lengths)
    by_hand = torch.zeros(4, 4, 6, dtype=x.dtype)
    for row, step in inside.nonzero().tolist():
        by_hand[row, step // 2, 3 * (step % 2) : 3 * (step % 2) + 3] = x[row, step]
    steps = None if lengths is None else -(-lengths // 2)
    torch.testing.assert_close(framed(x, lengths), plain(by_hand, steps), rtol=0, atol=1e-12)


def test_the_end_that_fills_no_frame_is_heard():
    net, x = make(GRU, n_in=6, frame=2, bidirectional=False), draw(2, 7, 3)
    other = x.clone()
    other[:, -1] += 1
    assert (net(x) - net(other)).abs().min() > 1e-6


@pytest.mark.parametrize("wrong", [{"head": "tag"}, {"n_in": 5}, {"vocabulary": 4}])
def test_frames_do_not_go_with_tags_or_tokens(wrong):
    with pytest.raises(ValueError, match="'frame' setting of a recurrent net must be 1 for tokens"):
        RecurrentConfig(**{"n_in": 6, "n_out": 2, "frame": 2, **wrong})


@pytest.mark.parametrize("both", [True, False], ids=["both", "forward"])
def test_a_tag_that_rests_on_the_next_step_needs_both_directions(both):
    bits = torch.randint(2, (128, 20), generator=torch.Generator().manual_seed(0))
    x, y = bits[..., None].float() - 0.5, bits.roll(-1, dims=1)  # the tag is the next bit
    net = make(GRU, torch.float32, n_in=1, hidden=8, layers=1, bidirectional=both, head="tag")

    def loss(answers, y):
        return nn.functional.cross_entropy(answers[:, :-1].flatten(0, 1), y[:, :-1].flatten())

    net = trained(net, x[:64], y[:64], loss, updates=80, lr=0.03)
    accuracy = (net(x[64:])[:, :-1].argmax(2) == y[64:, :-1]).float().mean()
    assert accuracy > 0.99 if both else accuracy < 0.6
