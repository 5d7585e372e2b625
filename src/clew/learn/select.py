"""Which features tell most? Asked within the rows that train, since asked of all rows the answer knows the test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.errors import SettingError, check
from clew.samples import Samples
from clew.validate.metrics import Kind, Model, labelled

MOST_PAIRED = 200  # features among which the best pair is sought


def select_features(samples: Samples, n: int, *, kind: Kind = "classification") -> list[str]:
    """Choose the features that tell most about the labels, or the target, each by itself.

    Parameters
    ----------
    samples : Samples
        Training rows; those without a label or target do not count. Never the rows that a model is tested on: use
        `selecting` to choose inside a fit.
    n : int
        How many to choose; all of them where there are no more.
    kind : {"classification", "regression"}
        Whether labels or the target are to be told.

    Returns
    -------
    list of str
        The best first; at a tie, in the order of the table.

    Raises
    ------
    DataError
        If there is nothing to learn from.
    SettingError
        If `n` is below 1.

    Notes
    -----
    The score is the share of the variance of a feature's ranks that classes explain (Kruskal & Wallis, JASA 47 (1952)
    583, doi:10.1080/01621459.1952.10483441; their H is n - 1 times it), or its squared rank correlation with the
    target (Spearman). Ranks keep one outlier, or the scale of a feature, from deciding.
    """
    check(
        isinstance(n, (int, np.integer)) and n >= 1,
        SettingError,
        "The 'n' of select_features must be an int of at least 1. Got {} instead.",
        n,
    )
    known = labelled(samples, kind, of="select_features", fewest=1)
    ranks, told = _told(known, kind)
    score = _share((told**2).sum(axis=0), (ranks**2).sum(axis=0))
    order = np.argsort(-np.round(score, 12), kind="stable")  # equal but for the last bits is a tie
    return [known.feature_names[i] for i in order[:n]]


def select_pair(samples: Samples, *, kind: Kind = "classification") -> list[str]:
    """Choose the two features that tell most together, for a picture.

    Two copies of the best feature tell no more than one: the pair with the largest share of the generalized variance of
    its ranks that classes (or the target, linearly) explain is taken, 1 - Wilks' lambda, among the `MOST_PAIRED`
    features that tell most each by itself.

    Parameters
    ----------
    samples, kind
        As for `select_features`.

    Returns
    -------
    list of str
        Two names, in the order of the table.

    Raises
    ------
    SettingError
        If there are fewer than two features.
    """
    check(samples.n_features >= 2, SettingError, "A pair must be chosen among at least 2 features. Got {}.", samples.n_features)  # fmt: skip
    known = labelled(
        samples.select(select_features(samples, MOST_PAIRED, kind=kind)), kind, of="select_pair", fewest=1
    )
    ranks, told = _told(known, kind)
    total = ranks.T @ ranks
    whole = _determinants(total)
    explained = _share(whole - _determinants(total - told.T @ told), whole)
    upper = np.triu_indices(known.n_features, 1)
    best = int(np.argmax(np.round(explained[upper], 12)))
    return [known.feature_names[upper[side][best]] for side in (0, 1)]


def selecting(
    fit: Callable[[Samples], Model], n: int, *, kind: Kind = "classification"
) -> Callable[[Samples], Model]:
    """Return a fit that first chooses the ``n`` features that tell most among its own training rows.

    Handed to `cross_validate`, it chooses anew in every fold.
    """

    def choose_and_fit(training: Samples) -> Selected:
        chosen = select_features(training, n, kind=kind)
        return Selected(fit(training.select(chosen)), chosen)

    return choose_and_fit


@dataclass(frozen=True)
class Selected:
    """A model of some of the features, which finds them in rows that have more."""

    model: Model
    features: list[str]

    def predict(self, samples: Samples) -> Any:
        """Return what the model says of its own features."""
        return self.model.predict(samples.select(self.features))


def _centred_ranks(values: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    ranks = np.asarray(rankdata(values, axis=0))
    return ranks - ranks.mean(axis=0)


def _told(known: Samples, kind: Kind) -> tuple[np.ndarray, np.ndarray]:
    """Return centred ranks (n_rows, n_features), and what is told of them (n, n_features).

    The scatter of the ranks is ``ranks.T @ ranks``; classes, or the target, explain ``told.T @ told`` of it.
    """
    ranks = _centred_ranks(known.features)
    if kind == "regression":
        assert known.target is not None
        target = _centred_ranks(known.target)[None]
        return ranks, target @ ranks / max(
            float(np.linalg.norm(target)), 1.0
        )  # 0 where the target does not vary
    assert known.labels is not None
    code = np.unique(known.labels, return_inverse=True)[1].reshape(-1)
    sums = np.zeros((code.max() + 1, ranks.shape[1]))
    np.add.at(sums, code, ranks)
    return ranks, sums / np.sqrt(np.bincount(code))[:, None]


def _determinants(scatter: np.ndarray) -> np.ndarray:
    """Return the determinant of each pair's 2 x 2 scatter, shape (n, n); copies have 0, whatever their last bits."""
    own = np.outer(np.diagonal(scatter), np.diagonal(scatter))
    found = own - scatter**2
    return np.where(found > 1e-9 * own, found, 0.0)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole; 0 where the whole is 0: what does not vary is told nothing of."""
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)
