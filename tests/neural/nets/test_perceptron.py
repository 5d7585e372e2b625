import numpy as np
import pytest
import torch
from torch import nn

from clew.neural.nets.perceptron import (
    LONGEST_PATH,
    Perceptron,
    PerceptronConfig,
    PerceptronRun,
    perceptron_rule,
)

XOR = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
UNLIKE = torch.tensor([-1, 1, 1, -1])


def two_clouds(n=60, gap=1.0, seed=0):
    """Rows on both sides of a line through (0.3, 0), none nearer than half of `gap`."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    side = x @ [0.6, 0.8] - 0.3
    y = np.where(side > 0, 1, -1)
    return torch.tensor(x + 0.5 * gap * y[:, None] * np.array([0.6, 0.8])), torch.tensor(y)


def plain_rule(x, y, orders):
    """Do the same with lists, an epoch per order: the slow twin."""
    w, mistakes = [0.0] * (x.shape[1] + 1), []
    for order in orders:
        mistakes.append(0)
        for i in order:
            row = [*x[i].tolist(), 1.0]
            if y[i].item() * sum(a * b for a, b in zip(w, row)) <= 0:
                w = [a + y[i].item() * b for a, b in zip(w, row)]
                mistakes[-1] += 1
    return w, mistakes


def test_weights_and_mistakes_are_those_of_a_plain_twin():
    x, y = two_clouds(gap=0.1)
    run = perceptron_rule(x, y, random_state=3)
    draw = torch.Generator().manual_seed(3)
    orders = [torch.randperm(len(x), generator=draw).tolist() for _ in run.mistakes]
    weights, mistakes = plain_rule(x, y, orders)
    np.testing.assert_allclose(run.weights, weights, atol=1e-12)
    assert run.mistakes.tolist() == mistakes


@pytest.mark.parametrize("seed", range(5))
def test_on_separable_rows_it_converges_within_novikoffs_bound(seed):
    x, y = two_clouds(gap=0.2, seed=seed)
    run = perceptron_rule(x, y, random_state=seed)
    assert run.converged
    assert run.separable
    assert run.mistakes[-1] == 0
    assert (y * (x @ run.weights[:-1] + run.weights[-1]) > 0).all()
    # the margin and the bound by another way: of any separating plane, also of the one by which the rows were made
    rows = np.column_stack([x, np.ones(len(x))])
    radius = np.linalg.norm(rows, axis=1).max()
    truth = np.array([0.6, 0.8, -0.3])
    known = (radius / (y.numpy() * (rows @ truth)).min() * np.linalg.norm(truth)) ** 2
    found = run.weights.numpy()
    bound = (radius / (y.numpy() * (rows @ found)).min() * np.linalg.norm(found)) ** 2
    assert run.bound == pytest.approx(bound)
    assert run.mistakes.sum() <= min(known, bound)


def test_a_rule_that_takes_too_small_steps_back_would_break_the_bound():
    """The mutant: rows that are added but never subtracted do not keep to it."""
    x, y = two_clouds(gap=0.2)
    rows = np.column_stack([x, np.ones(len(x))])
    bound, weights, mistakes = perceptron_rule(x, y).bound, np.zeros(3), 0
    for _ in range(1000):
        for row, sign in zip(rows, y.numpy()):
            if sign * (weights @ row) <= 0:
                weights, mistakes = weights + row, mistakes + 1
    assert mistakes > bound


@pytest.mark.parametrize("seed", range(3))
def test_on_xor_it_makes_mistakes_in_every_pass_and_says_so(seed):
    run = perceptron_rule(XOR, UNLIKE, random_state=seed)
    assert not run.converged
    assert run.separable is None  # having tried is no proof
    assert run.mistakes.shape == (100,)
    assert (run.mistakes > 0).all()
    assert run.bound == float("inf")
    assert run.margin <= 0
    assert run.sentence.startswith("The perceptron rule made mistakes in each of 100 passes")
    assert "it has not converged" in run.sentence
    assert "was not checked" in run.sentence


def test_the_sentence_of_a_run_that_converged_counts_what_it_took():
    easy = perceptron_rule(torch.tensor([[1.0], [2.0]]), torch.tensor([0, 1]), random_state=0)
    passes, mistakes = len(easy.mistakes), int(easy.mistakes.sum())
    assert easy.sentence.startswith(
        f"The perceptron rule converged after {passes} passes and {mistakes} mistakes (at most"
    )
    shown_once = PerceptronRun(
        easy.weights, torch.tensor([1]), False, easy.path, 1.0, -1.0, easy.classes, True
    )
    assert shown_once.sentence.startswith(
        "The perceptron rule made mistakes in each of 1 pass, 1 of them in the last"
    )
    assert "more passes will find one" in shown_once.sentence


def test_the_path_leads_from_nothing_to_the_weights_one_row_a_mistake():
    x, y = two_clouds(gap=0.2)
    run = perceptron_rule(x, y)
    assert run.path.shape == (1 + run.mistakes.sum(), 3)
    assert not run.path[0].any()
    assert torch.equal(run.path[-1], run.weights)
    rows = np.column_stack([x, np.ones(len(x))]) * y.numpy()[:, None]
    steps = np.diff(run.path.numpy(), axis=0)
    assert all(np.abs(rows - step).max(axis=1).min() < 1e-12 for step in steps)


def test_the_path_does_not_grow_without_end():
    run = perceptron_rule(XOR, UNLIKE, max_epochs=400)
    assert run.mistakes.sum() > LONGEST_PATH
    assert len(run.path) == 1 + LONGEST_PATH


def test_the_same_seed_gives_the_same_bits_and_leaves_torchs_random_state():
    x, y = two_clouds(gap=0.1)
    state = torch.get_rng_state()
    first, second, other = (perceptron_rule(x, y, random_state=seed) for seed in (1, 1, 2))
    assert torch.equal(first.path, second.path)
    assert not torch.equal(first.weights, other.weights)
    assert torch.equal(torch.get_rng_state(), state)


def test_any_two_values_are_classes_and_the_larger_is_the_positive_one():
    x, y = two_clouds()
    run = perceptron_rule(x, torch.where(y > 0, 7, 3))
    assert run.classes.tolist() == [3, 7]
    assert torch.equal(run.weights, perceptron_rule(x, y).weights)


@pytest.mark.parametrize("y", [[1, 1, 1, 1], [0, 1, 2, 1]])
def test_other_than_two_classes_are_refused(y):
    with pytest.raises(ValueError, match=r"'y' of perceptron_rule must hold 2 classes\. Got \d instead"):
        perceptron_rule(XOR, torch.tensor(y))


def test_the_net_is_one_layer_of_weighted_sums():
    net = Perceptron(PerceptronConfig.of((3,), 2))
    x = torch.randn(5, 3)
    torch.testing.assert_close(net(x), x @ net.head.weight.T + net.head.bias)
    assert sum(p.numel() for p in net.parameters()) == 3 * 2 + 2
    assert isinstance(net.head, nn.Linear)
    assert Perceptron(PerceptronConfig.of((1, 4, 4), 2))(torch.randn(5, 1, 4, 4)).shape == (5, 2)
