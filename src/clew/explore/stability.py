"""How much do repeated clusterings agree, with each other and row by row?

Agreement says that the answer does not depend on the run; it is no evidence of groups
(see `clew.explore.evidence` for that): one long cloud is cut the same way every time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clew.errors import SettingError, check
from clew.result import Result


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Stability(Result):
    """Agreement between repeated clusterings of the same rows.

    Parameters
    ----------
    ari : ndarray of float64, shape (n_runs, n_runs)
        Adjusted Rand index of every pair of runs.
    consensus : ndarray of int32, shape (n_rows,)
        The group that most runs give a row, numbered by size from 0; -1 where most runs give none.
    confidence : ndarray of float64, shape (n_rows,)
        Share of the runs that agree with the consensus.
    coassociation : ndarray of float32, shape (n_shown, n_shown)
        Share of the runs that put two rows together.
    shown : ndarray of int64, shape (n_shown,)
        The rows of ``coassociation``, sorted by group and confidence: all rows, or 400 drawn at random.
    """

    ari: np.ndarray
    consensus: np.ndarray
    confidence: np.ndarray
    coassociation: np.ndarray
    shown: np.ndarray

    @property
    def ari_mean(self) -> float:
        """Return the mean adjusted Rand index over all pairs of runs."""
        return float(self.ari[np.triu_indices(len(self.ari), 1)].mean())

    @property
    def ari_min(self) -> float:
        """Return the adjusted Rand index of the two runs that differ most."""
        return float(self.ari[np.triu_indices(len(self.ari), 1)].min())

    def headline(self) -> str:
        """Say the agreement, and what it does not show."""
        agree = "agree" if self.ari_mean >= 0.9 else "agree in part" if self.ari_mean >= 0.5 else "disagree"
        return (
            f"{len(self.ari)} runs {agree} (ARI {self.ari_mean:.2f}, lowest {self.ari_min:.2f}). "
            "Agreement shows that the answer does not depend on the run, not that the groups are real."
        )

    def summary(self) -> dict:
        """Return mean and minimum of the pairwise adjusted Rand index."""
        return {"ari_mean": self.ari_mean, "ari_min": self.ari_min}


def stability(labels: np.ndarray, *, show: int = 400, random_state: int = 0) -> Stability:
    """Compare repeated clusterings of the same rows.

    Parameters
    ----------
    labels : ndarray of int, shape (n_runs, n_rows)
        One clustering a row; -1 marks rows without a cluster.
    show : int
        Largest number of rows in the co-association matrix; more are drawn at random.
    random_state : int
        Seed of that draw.

    Raises
    ------
    SettingError
        If fewer than two runs are given: one run has nothing to agree with.

    Notes
    -----
    Adjusted Rand index after Hubert & Arabie, J. Classification 2 (1985), doi:10.1007/BF01908075. Consensus by
    matching every run's clusters to the run that agrees best with all others (Hungarian method) and a vote.
    """
    from clew.kernels.contingency import coassociation

    labels = np.ascontiguousarray(labels, dtype=np.int32)
    check(
        labels.ndim == 2 and len(labels) >= 2,
        SettingError,
        "The 'labels' of stability must hold at least 2 runs. Got {} instead.",
        len(labels) if labels.ndim == 2 else 1,
    )
    ari = pairwise_ari(labels)
    consensus, confidence = vote(labels, reference=int(ari.mean(axis=1).argmax()))
    rows = np.arange(labels.shape[1])
    if len(rows) > show:
        rows = np.sort(np.random.default_rng(random_state).choice(rows, show, replace=False))
    shown = rows[np.lexsort((-confidence[rows], consensus[rows]))]
    return Stability(
        ari=ari,
        consensus=consensus,
        confidence=confidence,
        coassociation=coassociation(np.ascontiguousarray(labels[:, shown])),
        shown=shown,
    )


def adjusted_rand(a: np.ndarray, b: np.ndarray) -> float:
    """Return the adjusted Rand index of two labelings (n_rows,); -1 counts as a cluster of its own."""
    from clew.kernels.contingency import pair_counts

    _, a = np.unique(a, return_inverse=True)
    _, b = np.unique(b, return_inverse=True)
    table = pair_counts(a.astype(np.int32), b.astype(np.int32), int(a.max()) + 1, int(b.max()) + 1).astype(
        float
    )
    pairs = (table * (table - 1)).sum() / 2
    in_a, in_b = ((s * (s - 1)).sum() / 2 for s in (table.sum(axis=1), table.sum(axis=0)))
    expected = in_a * in_b / max(len(a) * (len(a) - 1) / 2, 1)
    most = (in_a + in_b) / 2
    return 1.0 if most == expected else float((pairs - expected) / (most - expected))


def pairwise_ari(labels: np.ndarray) -> np.ndarray:
    """Return the adjusted Rand index (n_runs, n_runs) of every pair of runs (n_runs, n_rows)."""
    n_runs = len(labels)
    ari = np.eye(n_runs)
    for i in range(n_runs):
        for j in range(i + 1, n_runs):
            ari[i, j] = ari[j, i] = adjusted_rand(labels[i], labels[j])
    return ari


def vote(labels: np.ndarray, *, reference: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the consensus (n_rows,) of int32 and the share of runs that agree with it (n_rows,).

    Parameters
    ----------
    labels : ndarray of int32, shape (n_runs, n_rows)
    reference : int
        The run whose clusters the others are matched to at first; then to the consensus, until it rests.
    """
    consensus = labels[reference]
    for _ in range(10):
        matched = np.stack([match(run, consensus) for run in labels])
        candidates = np.arange(-1, max(int(consensus.max()), 0) + 1)
        votes = np.stack(
            [(matched == candidate).sum(axis=0) for candidate in candidates]
        )  # (n_candidates, n_rows)
        updated = candidates[votes.argmax(axis=0)].astype(np.int32)
        if np.array_equal(updated, consensus):
            break
        consensus = updated
    confidence = votes.max(axis=0) / len(labels)
    return by_size(consensus), confidence


def match(labels: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return ``labels`` renamed to overlap most with ``reference``; clusters without a partner become -2."""
    from scipy.optimize import linear_sum_assignment

    from clew.kernels.contingency import pair_counts

    n_a, n_b = int(labels.max()) + 1, int(reference.max()) + 1
    renamed = np.where(labels < 0, -1, -2).astype(np.int32)
    both = (labels >= 0) & (reference >= 0)
    if n_a <= 0 or n_b <= 0:
        return renamed
    table = pair_counts(labels[both].astype(np.int32), reference[both].astype(np.int32), n_a, n_b)
    for a, b in zip(*linear_sum_assignment(-table)):
        renamed[labels == a] = b
    return renamed


def by_size(labels: np.ndarray) -> np.ndarray:
    """Return ``labels`` renumbered from 0 by falling size; equal sizes by first row; -1 stays."""
    names, first, counts = np.unique(labels[labels >= 0], return_index=True, return_counts=True)
    renumbered = np.full(len(labels), -1, np.int32)
    for number, at in enumerate(np.lexsort((first, -counts))):
        renumbered[labels == names[at]] = number
    return renumbered
