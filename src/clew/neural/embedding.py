"""What a layer of a net says of rows, one vector a row."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from clew.errors import SettingError, check, did_you_mean
from clew.neural.objectives import forward
from clew.neural.rows import Rows

MOST_LISTED = 24


def activations_of(net: nn.Module, rows: Rows, *, layer: str | None = None) -> Tensor:
    """Return the activations of a layer, float (n, d): what goes into the last layer, or what comes out of a named one.

    Channels on a grid and steps of a sequence are averaged over all places (steps: over those that are real).

    Parameters
    ----------
    net : Module
    rows : Rows
    layer : str, optional
        A name as `named_modules` gives it.

    Raises
    ------
    SettingError
        If there is no such layer, or the net does not go through it.
    """
    modules = dict(net.named_modules())
    names = [name for name in modules if name]
    if layer is not None:
        check(layer in names, SettingError, "The 'layer' of a net must be one of: {}. Got '{}' instead.{}", ", ".join(names[:MOST_LISTED]), layer, did_you_mean(layer, names))  # fmt: skip
    module = modules[layer] if layer is not None else modules.get("head") or _last(net)
    caught: list[Any] = []
    hook: Any = (
        module.register_forward_hook(lambda _, __, output: caught.append(output))
        if layer is not None
        else module.register_forward_pre_hook(lambda _, given: caught.append(given[0]))
    )
    try:
        forward(net, rows)
    finally:
        hook.remove()
    check(caught, SettingError, "The 'layer' of a net must be one that rows go through. Got '{}', which they do not.", layer)  # fmt: skip
    return _one_vector(caught[-1], rows, recurrent=bool(getattr(net, "takes_lengths", False)))


def _last(net: nn.Module) -> nn.Module:
    """Return the last layer of a net of one's own: the last module with weights."""
    return [one for one in net.modules() if next(one.parameters(recurse=False), None) is not None][-1]


def _one_vector(found: Any, rows: Rows, *, recurrent: bool) -> Tensor:
    while isinstance(found, tuple) and not isinstance(found, PackedSequence):
        found = found[0]
    if isinstance(found, PackedSequence):
        found, _ = pad_packed_sequence(found, batch_first=True)
    tensor: Tensor = found
    if tensor.ndim <= 2:
        return tensor.reshape(len(rows), -1)
    if not recurrent:
        return tensor.flatten(2).mean(dim=2)
    if rows.lengths is None:
        return tensor.mean(dim=1)
    real = (torch.arange(tensor.shape[1]) < rows.lengths[:, None]).to(tensor)[..., None]
    return (tensor * real).sum(dim=1) / real.sum(dim=1)
