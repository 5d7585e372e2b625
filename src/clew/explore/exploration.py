"""One look at unlabelled rows: scaled, embedded, clustered, judged, and what would tell the groups apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, Stopped, check
from clew.explore.cluster import Clustering
from clew.explore.cluster import cluster as cluster_rows
from clew.explore.dip import DipTest, dip_test
from clew.explore.embed import Embedding, layout_once
from clew.explore.embed import embed as embed_rows
from clew.explore.evidence import Evidence, evidence
from clew.explore.hypotheses import Hypotheses, hypotheses
from clew.result import Result, step
from clew.samples import Samples

FOLLOWS = 0.5  # of the way from chance to certainty, from where groups are said to follow the sources


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Exploration(Result):
    """What one look at the rows found.

    Parameters
    ----------
    k : int
        Number of groups; 0 for no groups.
    features, units : list of str
        The features that were looked at, constant ones left out.
    center, scale : ndarray of float64, shape (n_features,)
        What was taken off each feature, and what it was divided by.
    group_centers : ndarray of float64, shape (n_groups, n_features)
        Mean of each consensus group in the scaled features.
    sample : ndarray of str, shape (n_rows,)
        Names of the rows.
    embedding : Embedding
        All runs of the map.
    clustering : Clustering
        All runs of the clustering, cut at ``k``, or at 2 where there are no groups, so that the cut can be looked at.
    evidence : Evidence
        Is there more than one population, and how many groups are best separated?
    dip : DipTest
        Which single features have two modes?
    hypotheses : Hypotheses or None
        Which features tell the groups apart; None without groups.
    follows_source : dict or None
        Where the rows come from several sources (images, stations): the "share" of rows in the group that dominates
        their source, and what is expected "by_chance".
    notes : list of str
        What a reader must know: features left out, adaptations made.
    """

    k: int
    features: list[str]
    units: list[str]
    center: np.ndarray
    scale: np.ndarray
    group_centers: np.ndarray
    sample: np.ndarray
    embedding: Embedding
    clustering: Clustering
    evidence: Evidence
    dip: DipTest
    hypotheses: Hypotheses | None
    follows_source: dict[str, float] | None
    notes: list[str]

    @property
    def groups(self) -> np.ndarray:
        """Return the group of each row (n_rows,) of int32; all -1 where there are no groups."""
        return self.clustering.consensus if self.k else np.full(len(self.sample), -1, np.int32)

    @property
    def bimodal(self) -> list[str]:
        """Return the features that have two modes by themselves, at the part of the 5% that the evidence leaves."""
        return self.dip.bimodal(0.05 - self.evidence.alpha)

    def source_warning(self) -> str:
        """Return the sentence that the groups follow the sources of the rows, or "" where they do not."""
        if self.follows_source is None:
            return ""
        share, chance = self.follows_source["share"], self.follows_source["by_chance"]
        if share - chance < FOLLOWS * (1 - chance):
            return ""
        return (
            f"The groups follow the sources of the rows: {share:.0%} lie in the group that dominates their source "
            f"({chance:.0%} by chance). It may be the batch, not the objects."
        )

    def headline(self) -> str:
        """Say whether there are groups, then how far the runs agree."""
        return f"{self.evidence.headline()} {self.clustering.stability.headline()}"

    def summary(self) -> dict[str, Any]:
        """Return what scripts rely on."""
        return {
            "rows": len(self.sample),
            "features": list(self.features),
            "k": self.k,
            "groups": self.clustering.summary()["groups"] if self.k else {},
            "stability": self.clustering.summary()["stability"],
            "evidence": self.evidence.summary(),
            "bimodal_features": self.bimodal,
            "trustworthiness": float(self.embedding.trustworthiness.mean()),
            "hypotheses": self.hypotheses.summary()["hypotheses"] if self.hypotheses else [],
            "follows_source": self.follows_source,
            "warnings": list(self.notes),
        }


@step(sees="open")
def explore(
    samples: Samples,
    *,
    features: str | list[str] = "all",
    embed: Literal["umap", "tsne", "pca"] = "umap",
    cluster: Literal["kmeans", "hdbscan"] = "kmeans",
    k: int | Literal["auto"] = "auto",
    space: Literal["features", "embedding"] = "features",
    scale: Literal["standard", "robust", "none"] = "standard",
    runs: int = 20,
    n_neighbors: int = 15,
    min_dist: float = 0.1,
    perplexity: float = 30.0,
    k_max: int = 10,
    references: int = 199,
    random_state: int = 0,
    on_progress: Callable[[int, int], bool | None] | None = None,
) -> Exploration:
    """Ask whether the rows form groups, how sure that is, and which features tell them apart.

    Parameters
    ----------
    samples : Samples
        The rows; labels are not looked at.
    features : str or list of str
        "all", a named set such as "shape", or names of features.
    embed : {"umap", "tsne", "pca"}
        The map to draw.
    cluster : {"kmeans", "hdbscan"}
        How to cut the rows into groups.
    k : int or "auto"
        Number of groups for k-means; "auto" answers "no groups" unless the evidence is at p <= 0.01.
    space : {"features", "embedding"}
        Cluster the scaled features, or each run's map; the one-population references go the same way.
    scale : {"standard", "robust", "none"}
        Divide by standard deviation, by interquartile range / 1.349, or by nothing.
    runs : int
        Runs of the map and of the clustering, with seeds from ``random_state`` on.
    n_neighbors : int
        Size of UMAP's neighbourhoods, and of those by which maps are judged.
    min_dist : float
        How closely UMAP packs points.
    perplexity : float
        t-SNE's effective number of neighbours.
    k_max : int
        Largest number of groups to look for.
    references : int
        One-population data sets of each of the two kinds that the evidence is held against.
    random_state : int
        First seed. It makes the ensemble repeatable; it makes no single run true.

    Raises
    ------
    SettingError
        If a setting does not fit the rows.
    DataError
        If there are too few rows, or no feature varies.
    """
    _check_settings(samples, k=k, cluster=cluster, runs=runs)
    chosen, notes = _varying(samples.select(features))
    center, spread, Z = _scaled(chosen, scale)
    how: dict[str, Any] = {
        "method": embed,
        "n_neighbors": n_neighbors,
        "min_dist": min_dist,
        "perplexity": perplexity,
    }
    progress = _Progress(on_progress, parts=4)
    embedding = embed_rows(Z, runs=runs, random_state=random_state, on_progress=progress.part(0), **how)
    through = (lambda rows, seed: layout_once(rows, seed, **how)) if space == "embedding" else None
    found = evidence(
        Z,
        k_max=k_max,
        references=references,
        space=through,
        random_state=random_state,
        on_progress=progress.part(1),
    )
    maps = embedding.coordinates.astype(np.float64)
    clustering = cluster_rows(
        [Z if through is None else maps[run % len(maps)] for run in range(runs)],
        method=cluster,
        k=k if k != "auto" else found.k or 2,
        resample=None if through is None else (lambda rows, seed: through(Z[rows], seed).astype(np.float64)),
        random_state=random_state,
        on_progress=progress.part(2),
    )
    groups = clustering.consensus
    n_groups = len(clustering.sizes) if (k != "auto" or found.k) else 0
    stated = hypotheses(chosen, groups, random_state=random_state) if n_groups >= 2 else None
    progress.part(3)(1, 1)
    looked = Exploration(
        k=n_groups,
        features=list(chosen.feature_names),
        units=list(chosen.units),
        center=center,
        scale=spread,
        group_centers=np.reshape(
            [Z[groups == g].mean(axis=0) for g in range(len(clustering.sizes))], (-1, Z.shape[1])
        ),
        sample=chosen.sample,
        embedding=embedding,
        clustering=clustering,
        evidence=found,
        dip=dip_test(chosen.features, names=list(chosen.feature_names), random_state=random_state),
        hypotheses=stated,
        follows_source=_follows_source(chosen.group, groups, random_state) if n_groups >= 2 else None,
        notes=notes,
    )
    return replace(looked, notes=[*notes, *_remarks(looked, cluster=cluster, space=space, scale=scale)])


def _check_settings(samples: Samples, *, k: int | str, cluster: str, runs: int) -> None:
    check(
        runs >= 2,
        SettingError,
        "The 'runs' setting of explore must be at least 2: one run has nothing to agree with. Got {} instead.",
        runs,
    )
    check(
        k == "auto" or (isinstance(k, int) and 2 <= k <= samples.n_rows),
        SettingError,
        "The 'k' setting of explore must be 'auto' or an int from 2 to the number of rows ({}). Got {} instead.",
        samples.n_rows,
        k,
    )
    check(
        k == "auto" or cluster == "kmeans",
        SettingError,
        "The 'k' setting of explore must be 'auto' with hdbscan, which finds the number itself. Got {} instead.",
        k,
    )
    n_rows = samples.n_rows
    check(n_rows >= 6, DataError, "The rows to explore must be at least 6. Got {} instead.", n_rows)


def _remarks(looked: Exploration, *, cluster: str, space: str, scale: str) -> list[str]:
    """Return what a reader must know of a look, the gravest first."""
    remarks = [looked.source_warning()] if looked.source_warning() else []
    if scale != "standard":
        remarks.append(
            f"The clustering saw the features scaled by '{scale}'; the evidence is judged on them divided by their "
            "standard deviations."
        )
    if cluster == "hdbscan" and space == "features":
        remarks.append(
            "HDBSCAN of the same features has no randomness: agreement over seeds is 1 by itself; look at the "
            "resampled rows."
        )
    alone = int((looked.clustering.consensus < 0).sum())
    if alone:
        remarks.append(f"HDBSCAN leaves {alone} of {len(looked.sample)} rows in no group.")
    untold = looked.hypotheses.untold if looked.hypotheses is not None else []
    return [*remarks, *untold, *looked.embedding.notes, *looked.evidence.notes]


def check_rule(exploration: Exploration) -> None:
    """Raise DataError unless the groups give a rule for rows that were not explored: k-means of features does."""
    settings = exploration.settings
    check(
        exploration.k > 0,
        DataError,
        "The exploration must have found groups to put rows into. Got no groups instead.",
    )
    check(
        settings.get("space") == "features" and settings.get("cluster") == "kmeans",
        DataError,
        "The groups must be k-means of features to put new rows into them. Got {} of the {} instead, which gives no rule for new rows: label some of them.",
        settings.get("cluster"),
        settings.get("space"),
    )


def assign(exploration: Exploration, samples: Samples) -> np.ndarray:
    """Return the group (n_rows,) of int32 that rows which were not explored would have been put in.

    The nearest centre in the scaled features, as k-means itself would.

    Parameters
    ----------
    exploration : Exploration
    samples : Samples
        The rows to assign, with the features of the exploration.

    Raises
    ------
    DataError
        If there are no groups, or they were made on a map or by HDBSCAN: these give no rule for new rows.
    """
    check_rule(exploration)
    Z = (samples.select(exploration.features).features - exploration.center) / exploration.scale
    distance = np.linalg.norm(Z[:, None] - exploration.group_centers[None], axis=2)  # (n_rows, k)
    return distance.argmin(axis=1).astype(np.int32)


def _varying(samples: Samples) -> tuple[Samples, list[str]]:
    """Leave out the features that are the same in every row, and say so."""
    varies = np.ptp(samples.features, axis=0) > 0
    check(
        varies.any(),
        DataError,
        "The features to explore must vary. Got the same value in every row of {} instead.",
        ", ".join(samples.feature_names),
    )
    constant = [name for name, v in zip(samples.feature_names, varies) if not v]
    notes = [f"Left out, the same in every row: {', '.join(constant)}."] if constant else []
    return samples.select([name for name, v in zip(samples.feature_names, varies) if v]), notes


def _scaled(samples: Samples, scale: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what is taken off and what is divided by (n_features,), and the scaled features (n_rows, n_features)."""
    X = samples.features
    with np.errstate(over="ignore", invalid="ignore"):
        if scale == "standard":
            center, spread = X.mean(axis=0), X.std(axis=0)
        elif scale == "robust":
            low, center, high = np.percentile(X, [25, 50, 75], axis=0)
            spread = np.where(high > low, (high - low) / 1.349, X.std(axis=0))
        else:
            center, spread = np.zeros(X.shape[1]), np.ones(X.shape[1])
        Z = (X - center) / spread
    bad = ~np.isfinite(Z).all(axis=0)
    worst = int(bad.argmax())
    check(
        not bad.any(),
        DataError,
        "The feature '{}' must have a mean and a spread that can be computed. Got values up to {:.3g}.",
        samples.feature_names[worst],
        np.abs(X[:, worst]).max(),
    )
    return center, spread, Z


def _follows_source(source: np.ndarray, groups: np.ndarray, random_state: int) -> dict[str, float] | None:
    """Share of rows in the group that dominates their source, and what chance gives; None without several sources."""
    _, of = np.unique(source[groups >= 0], return_inverse=True)
    member = groups[groups >= 0]
    n_sources = of.max(initial=0) + 1
    if n_sources < 2 or n_sources > len(of) / 2:
        return None

    def dominated(labels: np.ndarray) -> float:
        table = np.zeros((n_sources, member.max() + 1))
        np.add.at(table, (of, labels), 1)
        return float(table.max(axis=1).sum() / len(labels))

    rng = np.random.default_rng(random_state)
    by_chance = float(np.mean([dominated(rng.permutation(member)) for _ in range(20)]))
    return {"share": dominated(member), "by_chance": by_chance}


class _Progress:
    """One progress bar over parts of equal weight; stops the step when the callback returns False."""

    def __init__(self, callback: Callable[[int, int], bool | None] | None, *, parts: int) -> None:
        self.callback, self.parts = callback, parts

    def part(self, number: int) -> Callable[[int, int], bool | None]:
        def report(done: int, total: int) -> bool | None:
            if self.callback is None:
                return None
            going = self.callback(round(1000 * (number + done / max(total, 1))), 1000 * self.parts)
            check(going is not False, Stopped, "Stopped as asked; nothing was recorded.")
            return going

        return report
