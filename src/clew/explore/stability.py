"""How much do repeated clusterings agree, with each other and row by row?

Agreement says that the answer does not depend on the run; it is no evidence of groups
(see `clew.explore.evidence` for that): one long cloud is cut the same way every time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clew.errors import SettingError, check
from clew.explore.faithfulness import SEEN_AMONG
from clew.result import Result

if TYPE_CHECKING:
    from clew.explore.exploration import Exploration

ABSENT = -2  # the label of a row that a run was not given
SETTLED = ("hdbscan", "agglomerative")  # have no randomness: the same rows are cut the same way every time
SURE = 0.9  # share of runs that agree on the group of a row, below which it changes groups
HOME = 0.5  # of the way from chance to all neighbours in common, from where a row is at home on the map
INDEPENDENT = "does not depend"


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


def agreement_by_row(labels: np.ndarray, consensus: np.ndarray) -> np.ndarray:
    """Return the share of the runs that put each row (n_rows,) where the consensus has it; NaN where no run had it.

    Parameters
    ----------
    labels : ndarray of int32, shape (n_runs, n_rows)
        -1 for rows without a cluster, -2 for rows that the run was not given.
    consensus : ndarray of int32, shape (n_rows,)
    """
    agree = sum((match(run, consensus) == consensus) & (run > ABSENT) for run in labels)
    given = (labels > ABSENT).sum(axis=0)
    return np.where(given > 0, agree / np.maximum(given, 1), np.nan)


def group_jaccard(labels: np.ndarray, consensus: np.ndarray) -> np.ndarray:
    """Find each consensus group again in every run: rows in both it and the most similar cluster, of rows in either.

    Parameters
    ----------
    labels : ndarray of int32, shape (n_runs, n_rows)
        -1 for rows without a cluster, -2 for rows that the run was not given: these count nowhere.
    consensus : ndarray of int32, shape (n_rows,)

    Returns
    -------
    ndarray of float64, shape (n_runs, n_groups)
        1 where the run has that very group; NaN where it was given none of its rows.

    References
    ----------
    Hennig, Computational Statistics & Data Analysis 52 (2007) 258, doi:10.1016/j.csda.2006.11.025.
    """
    from clew.kernels.contingency import pair_counts

    n_groups = int(consensus.max()) + 1
    found = np.full((len(labels), n_groups), np.nan)
    for run, own in enumerate(labels):
        given = own > ABSENT  # +1 makes a class of its own, number 0, of rows without a group
        table = pair_counts(consensus[given] + 1, own[given] + 1, n_groups + 1, int(own.max(initial=-1)) + 2)
        either = table.sum(axis=1)[:, None] + table.sum(axis=0)[None] - table
        likeness = (table / np.maximum(either, 1))[1:, 1:].max(axis=1, initial=0.0)
        found[run] = np.where(table[1:].sum(axis=1) > 0, likeness, np.nan)
    return found


def mean_of_given(values: np.ndarray) -> np.ndarray:
    """Return the means along the first axis of what is not NaN; NaN where all is."""
    given = np.isfinite(values)
    counts = given.sum(axis=0)
    return np.where(counts > 0, np.where(given, values, 0).sum(axis=0) / np.maximum(counts, 1), np.nan)


def together(labels: np.ndarray) -> np.ndarray:
    """Return the share of runs that put two rows together, of those that were given both: (n_rows, n_rows) of float32.

    Parameters
    ----------
    labels : ndarray of int32, shape (n_runs, n_rows)
        -1 for rows without a cluster, -2 for rows that the run was not given. Two rows that no run was given are NaN.

    References
    ----------
    Monti, Tamayo, Mesirov & Golub, Machine Learning 52 (2003) 91, doi:10.1023/A:1023949509487.
    """
    from clew.kernels.contingency import coassociation

    given = (labels > ABSENT).astype(np.float32)
    both = given.T @ given
    shares = coassociation(np.ascontiguousarray(labels)) * (len(labels) / np.maximum(both, 1))
    np.fill_diagonal(shares, 1)
    return np.where(both > 0, shares, np.nan).astype(np.float32)


def map_distances(aligned: np.ndarray) -> np.ndarray:
    """Return how far every two maps differ after turning, mirroring, moving and scaling: (n_runs, n_runs), 0 to 1.

    The part of the squared spread of one map that the other does not explain (the Procrustes statistic).

    Parameters
    ----------
    aligned : ndarray, shape (n_runs, n_rows, 2)

    References
    ----------
    Gower, Psychometrika 40 (1975) 33, doi:10.1007/BF02291478.
    """
    maps = aligned - aligned.mean(axis=1, keepdims=True, dtype=np.float64)
    maps /= np.maximum(np.linalg.norm(maps, axis=(1, 2), keepdims=True), np.finfo(float).tiny)
    stretch = np.linalg.svd(np.einsum("anx,bny->abxy", maps, maps, optimize=True), compute_uv=False)
    distances = np.clip(1 - stretch.sum(axis=2) ** 2, 0, 1)
    np.fill_diagonal(distances, 0)
    return distances


def home_from(k: int, n_rows: int) -> float:
    """Return the share of its ``k`` neighbours from which a row is at home: half-way from chance to all of them."""
    return HOME + (1 - HOME) * k / max(min(n_rows, SEEN_AMONG) - 1, 1)


def wandering(overlap: np.ndarray, k: int) -> np.ndarray:
    """Return which rows (n_rows,) of bool wander: two runs of the map share too few of their neighbours.

    Parameters
    ----------
    overlap : ndarray of float64, shape (n_rows,)
        `clew.explore.embed.Embedding.neighbor_overlap`; where it is not known, no row wanders.
    k : int
        Size of the neighbourhoods.
    """
    return np.nan_to_num(overlap, nan=1.0) < home_from(k, len(overlap))


def in_words(looked: Exploration) -> str:
    """Sum up what repeating a look shows: who wanders on the map, what the cut depends on, and what that does not say."""
    real = "whether the groups are real" if looked.k else "whether there are groups"
    return f"{_map_in_words(looked)}; {_cut_in_words(looked)}. That says nothing about {real}."


def _map_in_words(looked: Exploration) -> str:
    embedding = looked.embedding
    if embedding.method == "pca":
        return "The map has no randomness"
    if len(embedding.coordinates) == 1:
        return "One map was drawn, so nothing is known of who wanders"
    wander, n_rows = int(wandering(embedding.neighbor_overlap, embedding.k).sum()), len(looked.shown)
    shown = " shown" if n_rows < len(looked.sample) else ""
    who = f"{wander:,} of {n_rows:,}{shown} rows" if wander else f"No row of {n_rows:,}{shown}"
    return f"{who} {'wander' if wander > 1 else 'wanders'} between runs of the map"


def _cut_in_words(looked: Exploration) -> str:
    clustering = looked.clustering
    n_groups = len(clustering.sizes)
    if not n_groups:
        return "no row is in a group in most of the clusterings"
    cut = f"the cut into {n_groups}" if n_groups > 1 else "the one group"
    over_seeds = clustering.stability.ari[np.triu_indices(len(clustering.labels), 1)]
    rows, rows_figure = _dependence(clustering.resampled_ari)
    on_rows = f"which rows are drawn ({rows_figure})"
    if clustering.method in SETTLED and looked.settings.get("space", "features") == "features":
        return f"{cut} has no randomness and {rows} on {on_rows}"
    runs, runs_figure = _dependence(over_seeds)
    on_runs = f"{runs} on the run ({runs_figure})"
    if runs == rows:
        return f"{cut} {on_runs} {'nor' if runs == INDEPENDENT else 'and'} on {on_rows}"
    if rows == INDEPENDENT:
        return f"{cut} {on_runs}, but not on {on_rows}"
    return f"{cut} {on_runs}{', but' if runs == INDEPENDENT else ' and'} {rows} on {on_rows}"


def _dependence(ari: np.ndarray) -> tuple[str, str]:
    """Return how far an answer depends on what was changed between runs, and the agreement (n_pairs,) in figures."""
    mean, lowest = f"{ari.mean():.2f}", f"{ari.min():.2f}"
    figure = f"ARI {mean}" if mean == lowest else f"ARI {mean}, lowest {lowest}"
    return (
        INDEPENDENT if ari.mean() >= 0.9 else "depends in part" if ari.mean() >= 0.5 else "depends"
    ), figure


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
