"""Rows of which one strong feature stands there nine times, a weaker one once, and two are noise."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clew.explain.model import explain_model
from clew.learn.training import train
from clew.samples import Samples

COPIES = [f"strong_{i}" for i in range(9)]
QUICK = {"permutations": 4, "refits": 5}


def named(X, names, labels=None, target=None, group=None, units=None):
    n = len(X)
    sample = np.arange(n).astype(str)
    return Samples(
        features=X,
        feature_names=tuple(names),
        units=units or ("",) * len(names),
        sample=sample,
        origin=pd.DataFrame({"source": ["table"] * n}),
        group=sample if group is None else np.asarray(group).astype(str),
        labels=labels,
        target=target,
    )


def nine_copies(n=240, seed=0, regression=False, groups=None):
    """The truth is 1.0 strong + 0.6 weak + noise: the strong one has nearly three times the variance."""
    random = np.random.default_rng(seed)
    strong, weak, *noise = random.normal(size=(4, n))
    copies = strong[:, None] + 0.05 * random.normal(size=(n, 9))
    X = np.column_stack([copies, weak, *noise])
    truth = strong + 0.6 * weak + 0.3 * random.normal(size=n)
    given = {"target": truth} if regression else {"labels": np.where(truth > 0, "high", "low")}
    group = None if groups is None else np.arange(n) % groups
    units = ("mm",) * 9 + ("kg", "", "")
    return named(X, [*COPIES, "weak", "noise_a", "noise_b"], group=group, units=units, **given)


def fit(samples, seed=0):
    return train(
        samples, trees=30, depth=6 if samples.target is None else None, grower="auto", random_state=seed
    )


def explained(samples, **settings):
    kind = "classification" if samples.target is None else "regression"
    return explain_model(fit(samples), samples, samples, fit, kind=kind, **(QUICK | settings))
