"""Optimisers, and how the learning rate changes along a training."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from clew.errors import DataError, check
from clew.neural.recipe import Recipe

WARM_UP, FIRST = 0.3, 1 / 25  # of one-cycle: the share of updates on the way up, and where it begins
DROP = 0.1  # of step, at half and at three quarters


def optimizer_of(net: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the optimiser of a recipe; biases and norms do not decay.

    Raises
    ------
    DataError
        If the net has nothing to learn.

    Notes
    -----
    AdamW: Loshchilov & Hutter, arXiv:1711.05101; Adam: Kingma & Ba, arXiv:1412.6980.
    """
    parameters = [one for one in net.parameters() if one.requires_grad]
    check(parameters, DataError, "The net must have weights that can be learnt. Got none.")
    decays = [one for one in parameters if one.ndim > 1 and recipe.weight_decay]
    stays = [
        one for one in parameters if one.ndim <= 1 or not recipe.weight_decay
    ]  # one group is faster than two
    groups = [
        {"params": some, "weight_decay": decay}
        for some, decay in ((decays, recipe.weight_decay), (stays, 0.0))
        if some
    ]
    settings: dict[str, Any] = {"lr": recipe.lr}
    match recipe.optimizer:
        case "adamw":
            return torch.optim.AdamW(groups, fused=True, **settings)
        case "adam":
            return torch.optim.Adam(groups, fused=True, **settings)
        case "sgd":
            return torch.optim.SGD(groups, momentum=recipe.momentum, fused=True, **settings)
        case "rmsprop":
            return torch.optim.RMSprop(groups, momentum=recipe.momentum, **settings)


def rate_at(update: int, total: int, recipe: Recipe) -> float:
    """Return the learning rate of an update (from 0) of ``total``, as far as it does not depend on how the training goes.

    Notes
    -----
    One-cycle after Smith & Topin, arXiv:1708.07120; cosine after Loshchilov & Hutter, arXiv:1608.03983.
    """
    done = update / max(total, 1)
    match recipe.schedule:
        case "cosine":
            return recipe.lr * _half_cosine(done)
        case "one-cycle" if done < WARM_UP:
            return recipe.lr * (FIRST + (1 - FIRST) * (1 - _half_cosine(done / WARM_UP)))
        case "one-cycle":
            return recipe.lr * _half_cosine((done - WARM_UP) / (1 - WARM_UP))
        case "step":
            return recipe.lr * DROP ** ((done >= 0.5) + (done >= 0.75))
        case _:
            return recipe.lr


def _half_cosine(done: float) -> float:
    """Return 1 at the start, 0 at the end, and half a cosine between."""
    return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
