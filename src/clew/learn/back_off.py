"""Counts of what follows each context, longer ones resting on shorter ones: what a language model must be better than."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clew.errors import DataError, SettingError, check

BETAS = tuple(2.0**k for k in range(-1, 13))
PIECES, CHOSEN_EVERY = (
    80,
    20,
)  # large pieces, since what lies near by is alike: of small ones, long contexts seem too good
LAST = 2**62


@dataclass(frozen=True, eq=False)
class BackOff:
    """How often each token followed the last k, for all k up to ``order``.

    The probability under a context is that under the next shorter one, as if seen ``beta`` times, and the counts: a Dirichlet
    prior (MacKay & Peto 1995, doi:10.1017/S1351324900000218).

    Parameters
    ----------
    order : int
    n_tokens : int
    beta : ndarray of float64, shape (order + 1,)
    contexts, counts : list of ndarray
        For each k the contexts with the token behind them as one number each, in order, and how often they occur.
    """

    order: int
    n_tokens: int
    beta: np.ndarray
    contexts: list[np.ndarray]
    counts: list[np.ndarray]

    def bits(self, tokens: np.ndarray, *, order: int | None = None) -> float:
        """Return the bits that a token costs in the mean, of tokens of int64 (n,)."""
        return float(-np.log2(self.probabilities(tokens, order=order)).mean())

    def probabilities(self, tokens: np.ndarray, *, order: int | None = None) -> np.ndarray:
        """Return how likely each token is after those before it, float64 (n,)."""
        likely = np.full(len(tokens), 1.0 / self.n_tokens)
        for k in range((self.order if order is None else order) + 1):
            likely = _next(likely, *self._seen([tokens], k), self.beta[k])
        return likely

    def _seen(self, documents: list[np.ndarray], k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return of each token how often it followed its context, and how often that occurred; 0 where a document is too young."""
        keys = np.concatenate([_keys(one, k, self.n_tokens) for one in documents])
        known, counts = self.contexts[k], self.counts[k]
        total = np.concatenate([[0], np.cumsum(counts)])
        start = keys // self.n_tokens * self.n_tokens
        sums = total[np.searchsorted(known, start + self.n_tokens)] - total[np.searchsorted(known, start)]
        place = np.searchsorted(known, keys).clip(max=len(known) - 1)
        each = np.where(known[place] == keys, counts[place], 0)
        old = np.concatenate([np.arange(len(one)) >= k for one in documents])
        seen = np.zeros((2, len(old)))
        seen[:, old] = each, sums
        return seen[0], seen[1]


def count_contexts(
    documents: list[np.ndarray], *, order: int, n_tokens: int, complement: np.ndarray | None = None
) -> BackOff:
    """Count what follows each context.

    By how much each length of context counts is chosen on a twentieth of the tokens, a few large pieces, by counts of the
    others; then all are counted.

    Parameters
    ----------
    documents : list of ndarray of int64, each of shape (n,)
        No context goes across two.
    order : int
        Tokens of the longest context; fewer where so many do not fit a whole number of 64 bits.
    n_tokens : int
    complement : ndarray of int64, shape (n_tokens,), optional
        Of DNA, the token on the other strand of each: that strand is counted, too.

    Raises
    ------
    DataError
        If there is no token.
    SettingError
        If the order is below 0.
    """
    check(sum(map(len, documents)), DataError, "The text to count must hold tokens. Got none.")
    check(
        order >= 0, SettingError, "The 'order' of a back-off model must be at least 0. Got {} instead.", order
    )
    while n_tokens ** (order + 1) > LAST:
        order -= 1
    length = -(-sum(map(len, documents)) // PIECES)
    pieces = [one[at : at + length] for one in documents for at in range(0, len(one), length)]
    every = min(CHOSEN_EVERY, len(pieces))
    beta = np.ones(order + 1)
    if every > 1:
        chosen = pieces[every // 2 :: every]
        rest = [one for i, one in enumerate(pieces) if i % every != every // 2]
        beta = _chosen(_counted(rest, order, n_tokens, complement), chosen, order)
    made = _counted(documents, order, n_tokens, complement)
    return BackOff(order, n_tokens, beta, made.contexts, made.counts)


def _chosen(made: BackOff, pieces: list[np.ndarray], order: int) -> np.ndarray:
    """Return the betas, shortest context first, that make pieces likeliest."""
    beta = np.ones(order + 1)
    likely = np.full(sum(map(len, pieces)), 1.0 / made.n_tokens)
    for k in range(order + 1):
        seen = made._seen(pieces, k)
        tried = [_next(likely, *seen, some) for some in BETAS]
        best = int(np.argmin([-np.log(one).sum() for one in tried]))
        beta[k], likely = BETAS[best], tried[best]
    return beta


def _counted(
    documents: list[np.ndarray], order: int, n_tokens: int, complement: np.ndarray | None
) -> BackOff:
    if complement is not None:
        documents = [*documents, *(complement[one[::-1]] for one in documents)]
    found = [
        np.unique(np.concatenate([_keys(one, k, n_tokens) for one in documents]), return_counts=True)
        for k in range(order + 1)
    ]
    return BackOff(order, n_tokens, np.ones(order + 1), [keys for keys, _ in found], [n for _, n in found])


def _keys(tokens: np.ndarray, k: int, n_tokens: int) -> np.ndarray:
    """Return each token with the k before it as one number, int64 (n - k,)."""
    n = max(0, len(tokens) - k)
    keys = np.zeros(n, np.int64)
    for i in range(k + 1):
        keys = keys * n_tokens + tokens[i : i + n]
    return keys


def _next(likely: np.ndarray, each: np.ndarray, total: np.ndarray, beta: float) -> np.ndarray:
    result: np.ndarray = (each + beta * likely) / (total + beta)
    return result
