"""Which learning rate to begin with: a short training of a copy of the net, whose rate rises from update to update."""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from torch import nn

from clew.neural.objectives import Objective
from clew.neural.optimise import optimizer_of
from clew.neural.place import computing, device_of, seeded, threads
from clew.neural.recipe import Recipe
from clew.neural.rows import Rows, batches, epoch_order
from clew.validate.rate_finder import RateSuggestion, suggest_rate

LOWEST, HIGHEST, UPDATES = 1e-6, 10.0, 120


def find_rate(net: nn.Module, training: Rows, *, recipe: Recipe, objective: Objective) -> RateSuggestion:
    """Try learning rates from 1e-6 to 10, a batch each, and suggest the one to begin with.

    Parameters
    ----------
    net : Module
        It is left as it is: a copy is trained.
    training : Rows
    recipe : Recipe
        Its optimiser, batches, precision of weights and random state are used; its rate and schedule are not.
    objective : Objective

    Notes
    -----
    The learning-rate range test of Smith, arXiv:1506.01186, with rates on a logarithmic scale.
    """
    device = device_of(recipe.device)
    dtype, _ = computing(recipe.precision, device)
    size = recipe.batch_of(len(training))
    losses: list[float] = []
    rates = np.geomspace(LOWEST, HIGHEST, UPDATES)
    with threads(recipe.threads), seeded(recipe.random_state):
        random = torch.Generator().manual_seed(recipe.random_state)
        own = copy.deepcopy(net).to(device, dtype).train()
        optimizer = optimizer_of(own, recipe)
        for rate, rows in zip(rates, batches(epoch_order(len(training), UPDATES * size, random), size)):
            for group in optimizer.param_groups:
                group["lr"] = float(rate)
            optimizer.zero_grad(set_to_none=True)
            batch = training.take(rows).to(device, dtype)
            losses.append(float(objective.backward(own, batch, truncate=recipe.truncate)))
            if not math.isfinite(losses[-1]):
                break
            optimizer.step()
    return suggest_rate(rates[: len(losses)], np.array(losses))
