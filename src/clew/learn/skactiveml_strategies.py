"""scikit-activeml's strategies, used as our own: `next_items(..., strategy=from_skactiveml(CoreSet()))`.

Kottke et al., scikit-activeml: a library and toolbox for active learning algorithms (2021),
doi:10.20944/preprints202103.0194.v1.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.learn.strategies import Chosen, Pool, Strategy

ASKED = (
    "clf",
    "estimator",
    "ensemble",
    "discriminator",
)  # a query that asks for one of these gets a random forest
OURS = ("self", "X", "y", "candidates", "batch_size", "return_utilities")


def from_skactiveml(strategy: Any, **query: Any) -> Strategy:
    """Return one of scikit-activeml's pool strategies as a strategy of ours.

    Parameters
    ----------
    strategy : skactiveml.pool strategy
        It sees the scaled features (or activations) of all rows, and the labels.
    **query
        Further arguments of its ``query``, such as ``clf``; where it asks for a model, a random forest of scikit-learn
        stands in.

    Raises
    ------
    DataError
        When it is used with labels of fewer than two classes, and asks for a model.
    SettingError
        If scikit-activeml is missing, this is none of its pool strategies, or it asks for what was not given.
    """
    try:
        from skactiveml.base import SingleAnnotatorPoolQueryStrategy
        from skactiveml.classifier import SklearnClassifier
    except ImportError as error:
        raise SettingError(
            "The package scikit-activeml must be there for its strategies: pip install scikit-activeml. Got none."
        ) from error
    from sklearn import clone
    from sklearn.ensemble import RandomForestClassifier

    check(isinstance(strategy, SingleAnnotatorPoolQueryStrategy), SettingError, "The strategy of from_skactiveml must be one of skactiveml.pool, such as CoreSet(). Got {!r} instead.", strategy)  # fmt: skip
    name = type(strategy).__name__
    asked = inspect.signature(strategy.query).parameters
    needed = {
        key for key, one in asked.items() if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD
    }  # fmt: skip
    models = {key for key in needed if key in ASKED and key not in query}
    missing = sorted(needed - set(OURS) - models - set(query))
    check(not missing, SettingError, "The strategy {} must be given '{}': from_skactiveml({}(), {}=...). Got nothing.", name, "', '".join(missing), name, (missing or [""])[0])  # fmt: skip

    def choose(pool: Pool, n: int, random: np.random.Generator) -> Chosen:
        classes, code = np.unique(pool.labels, return_inverse=True)
        blank = pool.labels == ""
        y = np.where(blank, np.nan, code - (classes[0] == ""))
        n_classes = len(classes) - bool(blank.any())
        check(not models or n_classes > 1, DataError, "The strategy {} must have labels of at least 2 classes for its model. Got {}.", name, n_classes)  # fmt: skip
        seed = int(random.integers(2**31 - 1))
        forest = SklearnClassifier(RandomForestClassifier(random_state=seed), classes=np.arange(n_classes))
        own = clone(strategy)
        if "random_state" in own.get_params():
            own.set_params(random_state=seed)
        free = np.flatnonzero(~pool.taken)
        rows, utilities = own.query(
            pool.points,
            y,
            candidates=free,
            batch_size=min(n, len(free)),
            return_utilities=True,
            **dict.fromkeys(models, forest),
            **query,
        )
        rows = np.asarray(rows, np.int64)
        score = np.asarray(utilities, np.float64)[np.arange(len(rows)), rows]
        return Chosen(rows, score, [f"{name} {value:.2g}" for value in score])

    choose.__name__ = name
    return choose
