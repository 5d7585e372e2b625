"""The picture of back-propagation holds the numbers of its trace, and can be read without colour."""

from __future__ import annotations

import numpy as np
import pytest

from clew import plot
from clew.plot.style import svg

torch = pytest.importorskip("torch")
backprop = pytest.importorskip("clew.neural.backprop")

XOR = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0.0, 1, 1, 0])


@pytest.fixture(scope="module")
def trace():
    nn = torch.nn
    net = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid())
    return backprop.trace_backprop(net, *XOR, lr=1.0, random_state=3)


def words(axes):
    return [text.get_text() for text in axes.texts]


def short(value):
    return plot.backprop._short(value)


def test_each_step_shows_its_numbers(trace):
    drawing = plot.figure(trace, row=1)
    start, forward, loss, gradients, update, _ = drawing.axes[:6]
    for layer in trace.layers:
        for panel, values in (
            (start, [*layer.weight.flat]),
            (forward, [*layer.activations[1]]),
            (gradients, [*layer.weight_gradient.flat, *layer.delta[1]]),
            (update, [*layer.weight_after.flat]),
        ):
            assert {short(value) for value in values} <= set(words(panel))
    assert words(forward)[-1] == "2  forward: sums z, activations, row 2 of 4"
    (inner,) = loss.child_axes
    np.testing.assert_allclose(inner.lines[0].get_ydata(), trace.y[:, 0])
    np.testing.assert_allclose(inner.lines[1].get_ydata(), trace.layers[-1].activations[:, 0])


def test_edges_are_as_wide_as_their_values_and_dashed_below_zero(trace):
    start = plot.figure(trace).axes[0]
    edges = [line for line in start.lines if line.get_marker() == "None"]
    values = np.concatenate([layer.weight.ravel() for layer in trace.layers])
    widths = np.array([line.get_linewidth() for line in edges])
    assert (np.argsort(widths) == np.argsort(np.abs(values))).all()
    assert [line.get_linestyle() != "-" for line in edges] == (values < 0).tolist()


def test_a_large_net_loses_its_small_print_and_classes_are_shares():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(12, 9), torch.nn.Tanh(), torch.nn.Linear(9, 3))
    rng = np.random.default_rng(0)
    trace = backprop.trace_backprop(
        net, rng.normal(size=(5, 12)), rng.integers(0, 3, 5), loss="cross-entropy"
    )
    drawing = plot.figure(trace)
    nodes = [line for line in drawing.axes[0].lines if line.get_marker() == "o"]
    assert len(nodes) == 8 + 8 + 3
    assert "b " not in "".join(words(drawing.axes[0])[:16])
    shares = drawing.axes[2].child_axes[0].lines[1].get_ydata()
    assert -np.log(shares).mean() == pytest.approx(trace.loss)


def test_the_same_trace_gives_the_same_bytes(trace):
    first, again = (svg(plot.figure(trace), salt="a", label="") for _ in range(2))
    assert first == again
