import pytest
import torch

from clew.neural.nets.activations import ACTIVATIONS, DERIVATIVES, activation, derivative

GRID = torch.cat(
    [torch.linspace(-8, 8, 161, dtype=torch.float64), torch.tensor([-40.0, -1e-9, 1e-9, 40.0]).double()]
)
GRID = GRID[GRID != 0]  # the kinks have a test of their own


def by_autograd(name: str, x: torch.Tensor) -> torch.Tensor:
    x = x.clone().requires_grad_(True)
    activation(name)(x).sum().backward()
    return x.grad


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_derivative_in_closed_form_is_autograds(name):
    torch.testing.assert_close(derivative(name, GRID), by_autograd(name, GRID), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"tanh"}))
def test_the_derivative_of_another_function_would_be_told_apart(name):
    assert (derivative("tanh", GRID) - by_autograd(name, GRID)).abs().max() > 0.01


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_at_zero_the_derivative_is_autograds_too(name):
    zero = torch.zeros(1, dtype=torch.float64)
    torch.testing.assert_close(derivative(name, zero), by_autograd(name, zero))


def test_every_activation_has_a_derivative_of_the_same_shape_and_type():
    assert ACTIVATIONS.keys() == DERIVATIVES.keys()
    x = torch.randn(2, 3)
    for name in ACTIVATIONS:
        assert derivative(name, x).shape == x.shape
        assert derivative(name, x).dtype == x.dtype


def test_each_call_makes_a_module_of_its_own_that_leaves_its_input_alone():
    x = torch.randn(5)
    before = x.clone()
    for name in ACTIVATIONS:
        assert activation(name) is not activation(name)
        activation(name)(x)
    assert torch.equal(x, before)


def test_an_unknown_activation_is_refused_in_a_sentence():
    with pytest.raises(
        ValueError, match=r"'activation' of a net must be one of: relu, .* Got 'rely' instead\."
    ):
        activation("rely")
    with pytest.raises(ValueError, match="must be one of"):
        derivative("rely", torch.zeros(1))
