"""What moves a net's answer to a row: Grad-CAM, HiResCAM and integrated gradients, and whether they speak of the net.

The mathematics is in `clew.explain.saliency`; here are the forward and backward passes. What may be said of a map
stands there as well: it is about this net's score, and no causal claim.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from clew.errors import DataError, SettingError, check, check_choice
from clew.explain.saliency import (
    NAMES,
    Saliency,
    Sanity,
    grad_cam,
    hires_cam,
    integrated_gradients,
    similarity,
    unrelated,
)
from clew.neural.inside import as_array, as_input, check_layer, convolutions, evaluating, watching

Method = Literal["grad-cam", "hires-cam", "integrated-gradients"]
Maps = Callable[[nn.Module, np.ndarray], np.ndarray]
CAMS = {"grad-cam": grad_cam, "hires-cam": hires_cam}
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
    method : {"grad-cam", "hires-cam", "integrated-gradients"}
        Grad-CAM shows where a convolutional layer found what speaks for the class, blurred; it fits nets that average places.
        HiResCAM does so place by place, and fits nets that flatten them;
        integrated gradients give each input value its share of the score's rise from a baseline.
    layer : str, optional
        For Grad-CAM and HiResCAM; by default where the last convolution's maps have been normalised and activated, but are
        not yet pooled.
    baseline : ndarray, shape of a row, or float
        For integrated gradients: what "nothing there" looks like, after preprocessing.
    steps : int
        For integrated gradients: points on the way from the baseline; ``completeness`` of the result says whether they
        were enough.

    Raises
    ------
    SettingError
        If there is no such layer or output, or no convolution for Grad-CAM or HiResCAM.
    DataError
        If the rows are tokens, the net answers otherwise than with one line of finite scores a row, or the layer
        otherwise than once, with feature maps.

    Notes
    -----
    What either method can and cannot claim stands in `clew.explain.saliency.CLAIMS`, and in the result's headline.
    """
    check_choice(method, get_args(Method), what="'method' setting", of="saliency")
    x = as_input(net, X)
    check(
        x.is_floating_point(),
        DataError,
        "The rows of saliency must be floats, of which gradients can be taken. Got {} instead.",
        x.dtype,
    )
    with evaluating(net):
        with torch.no_grad():
            scores = torch.cat([_scores(net, part) for part in x.split(BATCH)])
        check(
            scores.isfinite().all(),
            DataError,
            "The scores of rows must be finite. Got {} rows where they are not.",
            int((~scores.isfinite()).any(dim=1).sum()),
        )
        aims = _targets(scores, target)
        if method in CAMS:
            layer = _layer(net, x, method) if layer is None else layer
            values = _activation_map(net, x, aims, layer, method)
            before = np.full(len(x), np.nan)
        else:
            check(
                layer is None,
                SettingError,
                "The 'layer' setting of saliency is for Grad-CAM and HiResCAM; it must be None. Got '{}'.",
                layer,
            )
            values, before = _integrated(net, x, aims, baseline, steps)
        score = scores.gather(1, aims[:, None])[:, 0]
    return Saliency(
        method=method,
        layer=layer or "",
        inputs=as_array(x),
        values=values,
        target=as_array(aims),
        score=as_array(score.double()),
        baseline_score=before,
        settings={"method": method, "steps": steps},
    )


def _scores(net: nn.Module, x: Tensor) -> Tensor:
    """Return the net's answers as (n_rows, n_out)."""
    out = net(x)
    out = out[:, None] if out.ndim == 1 else out
    check(
        out.ndim == 2,
        DataError,
        "The net of saliency must answer with one line of scores a row. Got shape {} instead.",
        tuple(out.shape),
    )
    return out


def _layer(net: nn.Module, x: Tensor, method: str) -> str:
    """Return the last layer whose maps have the places of the last convolution, normalised and activated.

    What follows a normalisation knows neither level nor size of what went into it: before it, gradient times activation sums
    to 0 over the maps that are normalised together, and so do Grad-CAM's weights.
    """
    known = convolutions(net)
    check(
        known,
        SettingError,
        "The net of {} must have a convolutional layer; use method='integrated-gradients'. Got {} instead.",
        NAMES[method],
        type(net).__name__,
    )
    seen: list[tuple[str, Any]] = []

    def watch(name: str, module: nn.Module, out: Any) -> None:
        seen.append((name, getattr(out, "shape", None)))

    with watching(net, watch), torch.no_grad():
        net(x[:1])
    names = [name for name, _ in seen]
    called = [place for place, name in enumerate(names) if name in known]
    if not called:
        return known[-1]
    last, shape = seen[called[-1]]
    alike = [name for name, own in seen[called[-1] :] if own == shape and names.count(name) == 1]
    return alike[-1] if alike else last


def _targets(scores: Tensor, target: int | np.ndarray | None) -> Tensor:
    n, outputs = scores.shape
    if target is None:
        return scores.argmax(dim=1)
    aims = np.asarray(target)
    check(
        aims.shape in ((), (n,)) and aims.dtype.kind in "iu" and aims.min() >= 0 and aims.max() < outputs,
        SettingError,
        "The 'target' setting of saliency must be one int from 0 to {}, or one for each of {} rows. Got {} instead.",
        outputs - 1,
        n,
        target,
    )
    return torch.as_tensor(np.broadcast_to(aims, n).astype(np.int64), device=scores.device)


def _score(net: nn.Module, x: Tensor, aims: Tensor) -> Tensor:
    """Return the score of each row's own class (n_rows,); in evaluation mode rows do not touch one another."""
    return _scores(net, x).gather(1, aims[:, None])[:, 0]


def _activation_map(net: nn.Module, x: Tensor, aims: Tensor, layer: str, method: str) -> np.ndarray:
    """Return one map a row, float64 (n_rows, 1, *places)."""
    answers: list[Any] = []

    def keep(module: nn.Module, given: Any, out: Any) -> Any:
        answers.append(out)
        return out.clone() if isinstance(out, Tensor) else out  # what follows may change it in place

    maps = []
    hook = check_layer(net, layer).register_forward_hook(keep)
    try:
        for part, own in zip(x.split(BATCH), aims.split(BATCH), strict=True):
            answers.clear()
            with torch.enable_grad():
                score = _score(net, part.clone().requires_grad_(), own).sum()
            check(
                len(answers) == 1 and isinstance(answers[0], Tensor),
                DataError,
                "The layer '{}' must answer once, with feature maps. It does not.",
                layer,
            )
            (slope,) = torch.autograd.grad(score, answers)
            maps.append(CAMS[method](as_array(answers[0]), as_array(slope), tuple(x.shape[2:])))
    finally:
        hook.remove()
    return np.concatenate(maps)[:, None]


def _integrated(
    net: nn.Module, x: Tensor, aims: Tensor, baseline: np.ndarray | float, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the attributions (n_rows, ...) and the scores of the baseline (n_rows,)."""

    def ask(points: np.ndarray, aim: Tensor) -> tuple[np.ndarray, np.ndarray]:
        at = torch.as_tensor(points).to(x).requires_grad_()
        with torch.enable_grad():
            score = _score(net, at, aim.expand(len(at)))
            (slope,) = torch.autograd.grad(score.sum(), at)
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
    method : {"grad-cam", "hires-cam", "integrated-gradients"} or callable
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
    from the top of the net downwards ("cascading") and each layer alone ("independent"). Here they are drawn from
    a normal distribution of each tensor's own root mean square, so that a random net is as loud as the trained one.
    """
    check(
        draws >= 1,
        SettingError,
        "The 'draws' setting of randomised_sanity must be at least 1. Got {} instead.",
        draws,
    )
    rows = np.asarray(X)
    if callable(method):
        maps, name = method, getattr(method, "__name__", "a method of your own")
    else:
        aims = saliency(net, rows, method=method, target=target, **settings).target
        maps, name = partial(_maps, method=method, target=aims, **settings), method
    own = maps(net, rows)
    telling = own.reshape(len(own), -1).std(axis=1) > 0
    check(
        telling.any(),
        DataError,
        "The maps of randomised_sanity must differ from place to place in one row at least. "
        "Got {} that are the same everywhere.",
        len(own),
    )
    layers = [name for name, module in net.named_modules() if [*module.parameters(recurse=False)]][::-1]
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
    likeness = likeness[:, :, telling]
    return Sanity(
        method=name,
        layers=layers,
        cascading=likeness[0] / draws,
        independent=likeness[1] / draws,
        null=unrelated(own[telling], random_state=random_state),
        settings={"draws": draws, "random_state": random_state},
    )


def _maps(net: nn.Module, X: np.ndarray, **settings: Any) -> np.ndarray:
    return saliency(net, X, **settings).values


def _randomise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw a layer's own weights anew, each tensor with the root mean square that it had."""
    with torch.no_grad():
        for weight in module.parameters(recurse=False):
            drawn = torch.randn(weight.shape, generator=generator).to(weight)
            weight.copy_(drawn * weight.square().mean().sqrt())
