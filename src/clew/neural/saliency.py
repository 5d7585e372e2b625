"""What moves a net's answer to a row: Grad-CAM and integrated gradients of any net, and whether they speak of the net.

The mathematics is in `clew.explain.saliency`; here are the forward and backward passes. What may be said of a map
stands there as well: it is about this net's score, and no causal claim.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from clew.errors import DataError, SettingError, check, check_choice
from clew.explain.saliency import Saliency, Sanity, grad_cam, integrated_gradients, similarity, unrelated
from clew.neural.inside import as_array, as_input, check_layer, convolutions, watching

Method = Literal["grad-cam", "integrated-gradients"]
Maps = Callable[[nn.Module, np.ndarray], np.ndarray]
BATCH = 64  # rows at a time


def saliency(
    net: nn.Module,
    X: Any,
    *,
    target: int | np.ndarray | None = None,
    method: Method = "grad-cam",
    layer: str | None = None,
    baseline: np.ndarray | float = 0.0,
    steps: int = 64,
) -> Saliency:
    """Find what moves a net's score of one class in each row.

    Parameters
    ----------
    net : nn.Module
        In evaluation mode for this; mode, hooks and gradients are left as they were.
    X : array-like of float, shape (n_rows, n_channels, *places) or (n_rows, n_features)
        Preprocessed as the net takes it.
    target : int or ndarray of int, shape (n_rows,), optional
        The output to explain; in each row the highest by default.
    method : {"grad-cam", "integrated-gradients"}
        Grad-CAM shows where a convolutional layer found what speaks for the class, blurred, in units of its features;
        integrated gradients give each input value its share of the score's rise from a baseline.
    layer : str, optional
        For Grad-CAM; the last convolution by default.
    baseline : ndarray, shape of a row, or float
        For integrated gradients: what "nothing there" looks like, after preprocessing.
    steps : int
        For integrated gradients: points on the way from the baseline; ``completeness`` of the result says whether they
        were enough.

    Raises
    ------
    SettingError
        If there is no such layer or output, or no convolution for Grad-CAM.
    DataError
        If the rows are tokens, or the net answers otherwise than with one line of scores a row.
    """
    check_choice(method, CLEAR, what="'method' setting", of="saliency")
    x = as_input(net, X)
    check(x.is_floating_point(), DataError, "The rows of saliency must be floats, of which gradients can be taken. Got {} instead.", x.dtype)  # fmt: skip
    with watching(net, _unwatched, only=()):
        with torch.no_grad():
            scores = torch.cat([_scores(net, part) for part in x.split(BATCH)])
        aims = _targets(scores, target)
        if method == "grad-cam":
            check(
                layer is not None or convolutions(net), SettingError,
                "The net of Grad-CAM must have a convolutional layer; use method='integrated-gradients'. Got {} instead.",
                type(net).__name__,
            )  # fmt: skip
            layer = layer if layer is not None else convolutions(net)[-1]
            values = _grad_cam(net, x, aims, layer)
            before = np.full(len(x), np.nan)
        else:
            values, before = _integrated(net, x, aims, baseline, steps)
    return Saliency(
        method=method, layer=layer if layer and method == "grad-cam" else "", inputs=as_array(x), values=values,
        target=as_array(aims), score=as_array(scores.gather(1, aims[:, None])[:, 0]).astype(np.float64), baseline_score=before,
        settings={"method": method, "steps": steps},
    )  # fmt: skip


CLEAR: tuple[Method, ...] = ("grad-cam", "integrated-gradients")


def _unwatched(name: str, module: nn.Module, out: Any) -> None:
    """Watch nothing: of `watching`, only the evaluation mode is wanted."""


def _scores(net: nn.Module, x: Tensor) -> Tensor:
    """Return the net's answers as (n_rows, n_out)."""
    out = net(x)
    out = out[:, None] if out.ndim == 1 else out
    check(out.ndim == 2, DataError, "The net of saliency must answer with one line of scores a row. Got shape {} instead.", tuple(out.shape))  # fmt: skip
    return out


def _targets(scores: Tensor, target: int | np.ndarray | None) -> Tensor:
    n, outputs = scores.shape
    if target is None:
        return scores.argmax(dim=1)
    aims = torch.as_tensor(np.broadcast_to(np.asarray(target), (n,)).astype(np.int64), device=scores.device)
    fits = bool(((aims >= 0) & (aims < outputs)).all())
    check(fits, SettingError, "The 'target' setting of saliency must be from 0 to {}. Got {} instead.", outputs - 1, target)  # fmt: skip
    return aims


def _slopes(net: nn.Module, x: Tensor, aims: Tensor, layer: str | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Return the scores (n_rows,), where the gradient is taken (a layer's answer, or the input), and the gradient."""
    x = x.detach().clone().requires_grad_()
    at = x
    hook = None
    if layer is not None:

        def keep(module: nn.Module, given: Any, out: Any) -> Any:
            nonlocal at
            at = out[0] if isinstance(out, tuple) else out
            return out if isinstance(out, tuple) else out.clone()  # what follows may change it in place

        hook = check_layer(net, layer).register_forward_hook(keep)
    try:
        with torch.enable_grad():
            scores = _scores(net, x).gather(1, aims[:, None])[:, 0]  # rows do not touch one another in evaluation
            (slope,) = torch.autograd.grad(scores.sum(), at)
    finally:
        if hook is not None:
            hook.remove()
    return scores.detach(), at.detach(), slope


def _grad_cam(net: nn.Module, x: Tensor, aims: Tensor, layer: str) -> np.ndarray:
    """Return one map a row, float64 (n_rows, 1, *places)."""
    maps = []
    for part, own in zip(x.split(BATCH), aims.split(BATCH), strict=True):
        _, answers, slopes = _slopes(net, part, own, layer)
        maps.append(grad_cam(as_array(answers), as_array(slopes), tuple(x.shape[2:])))
    return np.concatenate(maps)[:, None]


def _integrated(
    net: nn.Module, x: Tensor, aims: Tensor, baseline: np.ndarray | float, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the attributions (n_rows, ...) and the scores of the baseline (n_rows,)."""

    def ask(points: np.ndarray, aim: Tensor) -> tuple[np.ndarray, np.ndarray]:
        score, _, slope = _slopes(net, torch.as_tensor(points).to(x), aim.expand(len(points)))
        return as_array(score), as_array(slope)

    rows = [
        integrated_gradients(partial(ask, aim=aim), as_array(row), baseline, steps=steps)
        for row, aim in zip(x, aims, strict=True)
    ]
    return np.stack([row.values for row in rows]), np.array([row.baseline_score for row in rows])


# ---- does a map speak of the net? ----
def randomised_sanity(
    net: nn.Module,
    X: Any,
    *,
    method: Method | Maps = "grad-cam",
    target: int | np.ndarray | None = None,
    draws: int = 3,
    random_state: int = 0,
    **settings: Any,
) -> Sanity:
    """Compare a net's maps with those of the same net with random weights.

    A map that stays as it is was made by the input (its edges, its loud parts), not by what the net has learnt.
    The converse is no proof: a map that changes may still be a bad explanation.

    Parameters
    ----------
    net : nn.Module
        It is not changed.
    X : array-like of float, shape (n_rows, n_channels, *places)
        A dozen rows will do.
    method : {"grad-cam", "integrated-gradients"} or callable
        A callable takes (net, X) and returns maps (n_rows, n_channels, *places).
    target : int or ndarray of int, optional
        What is explained, of the random nets as well; what the trained net answers by default.
    draws : int
        Times that each net is made random; likeness is the mean over them.
    random_state : int
    **settings
        ``layer``, ``baseline`` and ``steps`` of `saliency`.

    Returns
    -------
    Sanity

    Notes
    -----
    After Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018, arXiv:1810.03292: weights are made random
    from the top of the net downwards ("cascading") and each layer alone ("independent"). Here they are drawn from a normal
    distribution of each tensor's own root mean square, so that a random net is as loud as the trained one.
    """
    check(draws >= 1, SettingError, "The 'draws' setting of randomised_sanity must be at least 1. Got {} instead.", draws)  # fmt: skip
    rows = np.asarray(X)
    if callable(method):
        maps, name = method, getattr(method, "__name__", "a method of your own")
    else:
        aims = saliency(net, rows, method=method, target=target, **settings).target
        maps, name = partial(_maps, method=method, target=aims, **settings), method
    own = maps(net, rows)
    layers = _weighted(net, rows)[::-1]
    generator = torch.Generator().manual_seed(random_state)
    likeness = np.zeros((2, len(layers), len(rows), 3))
    for _ in range(draws):
        cascade = copy.deepcopy(net)
        for place, layer in enumerate(layers):
            alone = copy.deepcopy(net)
            for which, other in enumerate((cascade, alone)):
                _randomise(other.get_submodule(layer), generator)
                found = maps(other, rows)
                likeness[which, place] += [similarity(a, b) for a, b in zip(own, found, strict=True)]
    return Sanity(
        method=name, layers=layers, cascading=likeness[0] / draws, independent=likeness[1] / draws,
        null=unrelated(own, random_state=random_state), settings={"draws": draws, "random_state": random_state},
    )  # fmt: skip


def _maps(net: nn.Module, X: np.ndarray, **settings: Any) -> np.ndarray:
    return saliency(net, X, **settings).values


def _weighted(net: nn.Module, X: np.ndarray) -> list[str]:
    """Return the layers that hold weights, in the order in which they are called."""
    called: list[str] = []

    def watch(name: str, module: nn.Module, out: Any) -> None:
        if any(True for _ in module.parameters(recurse=False)) and name not in called:
            called.append(name)

    with watching(net, watch), torch.no_grad():
        net(as_input(net, X[:1]))
    return called


def _randomise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw a layer's own weights anew, each tensor with the root mean square that it had."""
    with torch.no_grad():
        for weight in module.parameters(recurse=False):
            drawn = torch.randn(weight.shape, generator=generator).to(weight)
            weight.copy_(drawn * weight.square().mean().sqrt())
