import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from clew.neural.estimators import NetClassifier
from clew.neural.objectives import CrossEntropy, SquaredError
from clew.neural.rate_finder import HIGHEST, LOWEST, find_rate
from clew.neural.recipe import Recipe
from clew.neural.rows import Rows


def test_on_digits_it_is_within_a_factor_of_10_of_the_best_of_a_grid():
    X, y = load_digits(return_X_y=True)
    X, y = X[:700], y[:700]
    settings = {"net_settings": {"hidden": (32,)}, "max_epochs": 4}
    grid = 10.0 ** np.arange(-5, 1.1, 0.5)
    losses = [NetClassifier(lr=rate, **settings).fit(X, y).history_.train_loss_at_best for rate in grid]
    best = grid[int(np.argmin(losses))]
    net = NetClassifier(lr="find", **settings).fit(X, y)
    assert best / 10 <= net.lr_ <= best * 10 and LOWEST < net.lr_ < HIGHEST
    said = net.predict_proba(X)
    assert net.lr_ == net.find_rate(X, y).suggested and net.lr == "find"
    np.testing.assert_array_equal(net.predict_proba(X), said)  # what was fitted stays
    assert net.history_.train_loss_at_best < 2 * min(losses) + 0.2
    assert (
        not best / 10 <= grid[0] <= best * 10 and not best / 10 <= grid[-1] <= best * 10
    )  # the bounds can fail


def test_it_stays_below_the_rate_at_which_a_linear_net_diverges():
    random = torch.Generator().manual_seed(0)
    x = torch.randn(200, 3, generator=random) * torch.tensor([1.0, 2.0, 4.0])
    net = nn.Linear(3, 1)
    before = [one.clone() for one in net.parameters()]
    rows = Rows(x, x @ torch.tensor([[1.0], [0.5], [-2.0]]))
    found = find_rate(
        net, rows, recipe=Recipe(optimizer="sgd", momentum=0.0, batch_size=200), objective=SquaredError()
    )
    curvature = torch.linalg.eigvalsh(2 * x.T @ x / 200).max()
    stable = 2 / float(curvature)  # gradient descent on a quadratic diverges above
    assert found.suggested < stable <= found.diverges * 3 and found.suggested > stable / 100
    assert all(torch.equal(one, other) for one, other in zip(before, net.parameters()))


def test_the_same_rate_every_time_and_the_callers_random_state_stays():
    rows = Rows(torch.randn(64, 4), torch.randint(2, (64,)))
    net, before = nn.Sequential(nn.Linear(4, 2), nn.Dropout(0.3)), torch.get_rng_state()
    found = [find_rate(net, rows, recipe=Recipe(), objective=CrossEntropy()) for _ in range(2)]
    np.testing.assert_array_equal(found[0].loss, found[1].loss)
    assert torch.equal(torch.get_rng_state(), before)
