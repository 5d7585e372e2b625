"""One look at unlabelled rows: scaled, embedded, clustered, judged, and what would tell the groups apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, cast

import numpy as np

from clew.errors import DataError, SettingError, Stopped, check
from clew.explore.activations import Activations, activations_of
from clew.explore.cluster import KEPT_ROWS, Clustering, points_of
from clew.explore.cluster import cluster as cluster_rows
from clew.explore.dip import DipTest, dip_test
from clew.explore.distances import TURNED, Measure, Metric, MetricSpace, metric_space
from clew.explore.embed import Embedding, layout_once
from clew.explore.embed import embed as embed_rows
from clew.explore.evidence import Evidence, evidence
from clew.explore.hypotheses import Hypotheses, hypotheses
from clew.explore.stability import SETTLED, adjusted_rand, match, wandering
from clew.explore.stretches import LASTING, follows_time, p_apart
from clew.explore.transform import transform
from clew.result import Result, step
from clew.samples import Samples
from clew.splits import spread_over_groups
from clew.splits.apart import spell_time
from clew.words import listed

STATED_FROM = 10_000  # rows at most that hypotheses are stated from: their trees gain nothing from more
ROWS_AT_ONCE = 50_000  # of those that are not shown
OF_AMOUNTS = ("braycurtis", "canberra")
FOLLOWS = 0.5  # of the way from chance to certainty, from where groups are said to follow the sources
OVER_AGAIN = 0.9  # adjusted Rand index from where groups of activations are said to be the net's own classes


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Exploration(Result):
    """What one look at the rows found.

    Parameters
    ----------
    k : int
        Number of groups; 0 for no groups.
    metric : str
        What makes rows near.
    features, units : list of str
        The features that were looked at, constant ones left out; none where distances were given alone.
    center, scale : ndarray of float64, shape (n_features,)
        What was taken off each feature, and what it was divided by.
    group_centers : ndarray of float64, shape (n_groups, n_dimensions)
        Mean of each consensus group in the scaled features (under "cosine" and "correlation" of the rows scaled to length
        1; under other metrics in principal coordinates).
    sample : ndarray of str, shape (n_rows,)
        Names of the rows.
    shown : ndarray of int64, shape (n_shown,)
        The rows that were embedded and clustered, rising: all, or of more than ``max_rows`` a share of every group.
    placed : ndarray of float32, shape (n_rows, 2)
        All rows on the map of run 0: those that are not shown were put there by `clew.explore.transform`.
    cut : ndarray of int32, shape (n_rows,)
        The consensus group of every row, also where there is no evidence of groups; -1 for none. Rows that are not shown
        have that of the nearest centre (k-means), or of most of their nearest shown rows.
    confidence : ndarray of float64, shape (n_rows,)
        Share of the runs that agree with it.
    embedding : Embedding
        All runs of the map of the shown rows.
    clustering : Clustering
        All runs of the clustering of the shown rows, cut at ``k``, or at 2 where there are no groups, so that the cut can
        be looked at.
    evidence : Evidence
        Is there more than one population, and how many groups are best separated?
    dip : DipTest
        Which single features have two modes?
    hypotheses : Hypotheses or None
        Which features tell the groups apart; None without groups.
    follows_source : dict or None
        Where the rows come from several sources (images, stations): the "share" of rows in the group that dominates
        their source, and what is expected "by_chance".
    follows_time : dict or None
        Where rows have times: how the cut lasts (`clew.explore.stretches.follows_time`).
    notes : list of str
        What a reader must know: features left out, adaptations made.
    """

    k: int
    metric: str
    features: list[str]
    units: list[str]
    center: np.ndarray
    scale: np.ndarray
    group_centers: np.ndarray
    sample: np.ndarray
    shown: np.ndarray
    placed: np.ndarray
    cut: np.ndarray
    confidence: np.ndarray
    embedding: Embedding
    clustering: Clustering
    evidence: Evidence
    dip: DipTest
    hypotheses: Hypotheses | None
    follows_source: dict[str, float] | None
    notes: list[str]
    follows_time: dict[str, float] | None = None

    @property
    def groups(self) -> np.ndarray:
        """Return the group of each row (n_rows,) of int32; all -1 where there are no groups."""
        return self.cut if self.k else np.full(len(self.sample), -1, np.int32)

    @property
    def bimodal(self) -> list[str]:
        """Return the features that have two modes by themselves, at the part of the 5% that the evidence leaves."""
        return self.dip.bimodal(0.05 - self.evidence.alpha)

    def shown_of(self) -> str:
        """Say how many rows are shown of how many."""
        return f"{len(self.shown):,} shown of {len(self.sample):,}"

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

    def time_warning(self) -> str:
        """Return the sentence that the groups are stretches of time, or "" where they are not."""
        lasting = self.follows_time
        if lasting is None or lasting["rows"] < LASTING:
            return ""
        stretches = (
            f"{lasting['stretches']:,.0f} such {'stretch' if lasting['stretches'] == 1 else 'stretches'}"
        )
        return (
            f"The {'groups are' if self.k else 'cut goes by'} stretches of time: {lasting['share']:.0%} of neighbours in "
            f"time share a group ({lasting['by_chance']:.0%} by chance), as if dealt anew every "
            f"{spell_time(lasting['lasts'])}; the record holds {stretches}. One population that drifts looks just so."
        )

    def headline(self) -> str:
        """Say whether there are groups, then how far the runs agree (`clew.explore.stability.in_words` says more)."""
        agreement = self.clustering.stability
        return f"{self.evidence.headline()} {len(agreement.ari)} runs of the cut agree at ARI {agreement.ari_mean:.2f}."

    def summary(self) -> dict[str, Any]:
        """Return what scripts rely on."""
        return {
            "rows": len(self.sample),
            "shown": len(self.shown),
            "metric": self.metric,
            "features": list(self.features),
            "k": self.k,
            "groups": {str(g): int((self.cut == g).sum()) for g in range(self.k)},
            "stability": self.clustering.summary()["stability"],
            "evidence": self.evidence.summary(),
            "bimodal_features": self.bimodal,
            "trustworthiness": float(self.embedding.trustworthiness.mean()),
            "wandering": int(wandering(self.embedding.neighbor_overlap, self.embedding.k).sum()),
            "stress": float(self.embedding.stress.mean()),
            "hypotheses": self.hypotheses.summary()["hypotheses"] if self.hypotheses else [],
            "follows_source": self.follows_source,
            "follows_time": self.follows_time,
            "warnings": list(self.notes),
        }


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class NetExploration(Exploration):
    """What one look at the activations of a net found; hypotheses and dip are of the measured features.

    Parameters
    ----------
    source : dict
        Which net: as in `clew.explore.activations.Activations`.
    agreement : float or None
        Adjusted Rand index of the cut and the classes that the net gives the rows; None where it gives numbers.
    """

    source: dict[str, Any]
    agreement: float | None

    @staticmethod
    def of(looked: Exploration, activations: Activations) -> NetExploration:
        """Say of a look whose activations it was at."""
        found = {each.name: getattr(looked, each.name) for each in fields(Exploration)}
        answers, agreement = activations.answers, None
        if answers is not None:
            agreement = adjusted_rand(looked.cut, np.unique(answers, return_inverse=True)[1])
        return NetExploration(**found, source=activations.source, agreement=agreement)

    def caution(self) -> str:
        """Say what a group of activations or codes is worth, before all else."""
        classes, target = self.source["classes"], self.source["target"]
        if self.of_codes:
            return self._of_codes()
        learnt = f"to tell {listed(classes)} from labels" if classes else f"to predict {target}"
        way = "pulls its classes apart" if classes else "lays rows out along what it predicts"
        return (
            f"This is about what a net says of the rows, which learnt {learnt}: a net {way}, so groups here are no evidence "
            "of groups in nature."
        )

    @property
    def of_codes(self) -> bool:
        """Return whether it is about the codes of an autoencoder."""
        return self.source.get("kind") == "coding"

    def _of_codes(self) -> str:
        which, classes = self.source["architecture"], self.source["classes"]
        if classes:
            return f"This is about the latent units of a {which} that was given the labels {listed(classes)}: these leave out what the labels tell, so the groups are not independent of them."  # fmt: skip
        drawn = ", which draws codes towards one cloud: groups that show all the same are there, others may be hidden" if which == "vae" else ""  # fmt: skip
        return f"This is about the latent units of {'a' if which == 'vae' else 'an'} {which} that learnt from the rows alone, without labels{drawn}."

    def remarks(self) -> list[str]:
        """Return what a reader must know of the net beside that."""
        units, silent, told = self.source["units"], self.source["silent"], []
        layer = "latent units" if self.of_codes else "units of its last hidden layer"
        if self.agreement is not None:
            over = ": they are its classes over again" if self.agreement >= OVER_AGAIN else ""
            told.append(f"The cut agrees with the classes that the net answers at an adjusted Rand index of {self.agreement:.2f}{over}.")  # fmt: skip
        if silent:
            told.append(f"{silent} of the {units} {layer} are silent, the same in every row: they are left out.")  # fmt: skip
        if self.source["members"] > 1:
            told.append(
                f"These are the {'latent units' if self.of_codes else 'activations'} of the first of its {self.source['members']} members."
            )
        return told

    def headline(self) -> str:
        """Say that it is about a net, then whether there are groups in what it says."""
        if self.of_codes:
            return f"In the latent units of the {self.source['architecture']}: {super().headline()}"
        return f"In the activations of a net, no evidence of groups in nature: {super().headline()}"

    def summary(self) -> dict[str, Any]:
        """Return what scripts rely on."""
        return {**super().summary(), "net": dict(self.source), "agreement_with_net": self.agreement}


@step(sees="open")
def explore(
    samples: Samples,
    *behind: Any,
    features: str | list[str] = "all",
    metric: Metric | Measure = "auto",
    embed: Literal["umap", "tsne", "pca"] = "umap",
    cluster: Literal["kmeans", "hdbscan", "agglomerative", "spectral"] = "kmeans",
    k: int | Literal["auto"] = "auto",
    space: Literal["features", "embedding"] = "features",
    scale: Literal["standard", "robust", "none"] = "standard",
    runs: int = 20,
    max_rows: int = 50_000,
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
    *behind : Cutouts, NetModel
        To look at the activations of a net instead of the features: the raw data behind the rows, if it looks at such, and
        the net. The features then say in which measurements its groups differ.
    features : str or list of str
        "all", a named set such as "shape", or names of features.
    metric : str or callable
        What makes rows near: euclidean, manhattan, chebyshev, cosine, correlation, canberra or braycurtis of the scaled
        features; precomputed: the distances that were given (clew new --distances); auto: these if there are any, else
        euclidean. In Python also a function of two rows.
    embed : {"umap", "tsne", "pca"}
        The map to draw.
    cluster : {"kmeans", "hdbscan", "agglomerative", "spectral"}
        How to cut the rows into groups.
    k : int or "auto"
        Number of groups (hdbscan finds its own); "auto" answers "no groups" unless the evidence is at p <= 0.01.
    space : {"features", "embedding"}
        Cluster the scaled features (or the distances), or each run's map; the one-population references go the same way.
    scale : {"standard", "robust", "none"}
        Divide by standard deviation, by interquartile range / 1.349, or by nothing.
    runs : int
        Runs of the map and of the clustering, with seeds from ``random_state`` on.
    max_rows : int
        Of more rows than this, so many are embedded and clustered, a share of every source; all others are placed among
        them.
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
    activations = activations_of(samples, *behind) if behind else None
    told = samples.select(features)
    seen = activations.samples if activations else told
    metric = ("precomputed" if seen.distances is not None else "euclidean") if metric == "auto" else metric
    _check_settings(seen, k=k, cluster=cluster, runs=runs, metric=metric, max_rows=max_rows)
    chosen, notes = _varying(seen, needed=metric != "precomputed")
    told = _varying(told, needed=False)[0] if activations else chosen
    center, spread = _scales(chosen, scale)
    shown = spread_over_groups(chosen.group, max_rows, random_state=random_state)
    there = _space(chosen.take(shown), center, spread, metric)
    points = points_of(there)
    how: dict[str, Any] = {
        "method": embed,
        "n_neighbors": n_neighbors,
        "min_dist": min_dist,
        "perplexity": perplexity,
    }
    progress = _Progress(on_progress, parts=4)
    embedding = embed_rows(
        there, metric=metric, runs=runs, random_state=random_state, on_progress=progress.part(0), **how
    )
    by_features = there.table is not None and (there.metric not in TURNED or scale == "standard")
    judged = cast(np.ndarray, there.table) if by_features else points
    asked: dict[str, Any] = {
        "k_max": k_max,
        "references": references,
        "standardize": by_features,
        "space": _way(there.metric if by_features else "euclidean", space, how),
        "random_state": random_state,
    }
    found = evidence(judged, **asked, on_progress=progress.part(1))
    maps = embedding.coordinates.astype(np.float64)
    on_maps = space == "embedding"
    known = MetricSpace("euclidean", points) if cluster == "kmeans" else there
    clustering = cluster_rows(
        [maps[run % len(maps)] if on_maps else known for run in range(runs)],
        method=cluster,
        k=k if k != "auto" else found.k or 2,
        resample=(lambda rows, seed: layout_once(there.take(rows), seed, **how)) if on_maps else None,
        random_state=random_state,
        on_progress=progress.part(2),
    )
    consensus = clustering.consensus
    lasting = follows_time(chosen.take(shown), consensus)
    if found.k:  # rows that depend on each other in time may look like groups; those far apart have to, too
        apart = p_apart(
            chosen.take(shown),
            lasting,
            lambda rows: evidence(_varied(judged[rows]), **asked).p_value,
            random_state=random_state,
        )
        found = found.held_against(apart)
    group_centers = np.reshape(
        [points[consensus == g].mean(axis=0) for g in range(len(clustering.sizes))], (-1, points.shape[1])
    )
    rule = group_centers if cluster == "kmeans" and not on_maps and there.euclidean is not None else None
    placed, cut, confidence = _everyone(
        chosen, center, spread, shown, there, embedding, clustering, rule, progress.part(3)
    )
    n_groups = len(clustering.sizes) if (k != "auto" or found.k) else 0
    stated, follows = None, None
    if n_groups >= 2:
        some = shown[spread_over_groups(chosen.group[shown], STATED_FROM, random_state=random_state)]
        if told.n_features:
            stated = hypotheses(told.take(some), cut[some], random_state=random_state)
        follows = _follows_source(_batch(chosen)[shown], consensus, random_state)
    progress.part(3)(1, 1)
    looked = Exploration(
        k=n_groups,
        metric=there.name,
        features=list(chosen.feature_names),
        units=list(chosen.units),
        center=center,
        scale=spread,
        group_centers=group_centers,
        sample=chosen.sample,
        shown=shown,
        placed=placed,
        cut=cut,
        confidence=confidence,
        embedding=embedding,
        clustering=clustering,
        evidence=found,
        dip=dip_test(told.features[shown], names=list(told.feature_names), random_state=random_state),
        hypotheses=stated,
        follows_source=follows,
        follows_time=lasting,
        notes=notes,
    )
    notes = [*notes, *_remarks(looked, cluster=cluster, space=space, scale=scale)]
    if activations:
        looked = NetExploration.of(looked, activations)
        notes = [looked.caution(), *looked.remarks(), *notes]
    return replace(looked, notes=notes)


def _space(samples: Samples, center: np.ndarray, spread: np.ndarray, metric: str | Measure) -> MetricSpace:
    """Return the rows with their scaled features under a metric, or with the distances that were given."""
    if metric == "precomputed":
        return MetricSpace("precomputed", None, samples.distances)
    return metric_space((samples.features - center) / spread, metric=metric, of="explore")


def _varied(X: np.ndarray) -> np.ndarray:
    """Return the columns that vary."""
    return X[:, np.ptp(X, axis=0) > 0]


def _way(metric: Any, space: str, how: dict[str, Any]) -> Callable[[np.ndarray, int], np.ndarray] | None:
    """Return the way by which rows of one population go to where the groups are looked for; None for no way at all.

    The references are of the z-scored features, which rows under an angle leave on the way; where there are none
    (given distances), or they are scaled otherwise under an angle, they are of principal coordinates, and "euclidean".
    """
    if space == "embedding":
        return lambda rows, seed: layout_once(rows, seed, metric=metric, **how)
    if metric in TURNED:
        return lambda rows, seed: points_of(MetricSpace(metric, rows))
    return None


def _everyone(
    samples: Samples,
    center: np.ndarray,
    spread: np.ndarray,
    shown: np.ndarray,
    there: MetricSpace,
    embedding: Embedding,
    clustering: Clustering,
    rule: np.ndarray | None,
    on_progress: Callable[[int, int], bool | None],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return place (n_rows, 2), group (n_rows,) and confidence (n_rows,) of all rows, from those of the shown ones.

    ``rule`` (n_groups, n_dimensions) are the centres whose nearest one is a row's group; without, its nearest shown rows
    vote.
    """
    n_rows = samples.n_rows
    placed, cut = np.empty((n_rows, 2), np.float32), np.empty(n_rows, np.int32)
    confidence = np.empty(n_rows)
    placed[shown], cut[shown], confidence[shown] = (
        embedding.coordinates[0],
        clustering.consensus,
        clustering.confidence,
    )
    others = np.setdiff1d(np.arange(n_rows), shown, assume_unique=True)
    if not others.size:
        return placed, cut, confidence
    assert there.table is not None  # given distances know no other rows: max_rows was checked
    runs = np.stack(
        [match(labels, clustering.consensus) for labels in clustering.labels]
    )  # (n_runs, n_shown)
    for start in range(0, len(others), ROWS_AT_ONCE):
        rows = others[start : start + ROWS_AT_ONCE]
        Z = (samples.features[rows] - center) / spread
        placement = transform(embedding, there.table, Z, metric=cast(Any, there.metric))
        placed[rows] = placement.coordinates
        cut[rows] = (
            _voted(clustering.consensus[placement.nearest])
            if rule is None
            else nearest_center(Z, rule, there.metric)
        )
        agree = runs[:, placement.nearest] == cut[rows][:, None]  # (n_runs, n, k)
        confidence[rows] = agree.mean(axis=(0, 2))
        on_progress(start + len(rows), 2 * len(others))
    return placed, cut, confidence


def _voted(groups: np.ndarray) -> np.ndarray:
    """Return the most frequent group (n_rows,) of each row's neighbours (n_rows, k), the first of equally frequent ones."""
    candidates = np.arange(-1, groups.max() + 1)
    votes = np.stack([(groups == candidate).sum(axis=1) for candidate in candidates])
    return candidates[votes.argmax(axis=0)].astype(np.int32)


def nearest_center(Z: np.ndarray, centers: np.ndarray, metric: str | Measure) -> np.ndarray:
    """Return the nearest centre (n_rows,) of int32 of scaled rows, as k-means under a metric of Euclidean rows has it."""
    rows = points_of(MetricSpace(metric, Z))
    distance = (centers**2).sum(axis=1) - 2 * rows @ centers.T  # (n_rows, k), but for what all centres share
    return distance.argmin(axis=1).astype(np.int32)


def _check_settings(
    samples: Samples, *, k: int | str, cluster: str, runs: int, metric: str | Measure, max_rows: int
) -> None:
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
        k == "auto" or cluster != "hdbscan",
        SettingError,
        "The 'k' setting of explore must be 'auto' with hdbscan, which finds the number itself. Got {} instead.",
        k,
    )
    n_rows = samples.n_rows
    check(n_rows >= 6, DataError, "The rows to explore must be at least 6. Got {} instead.", n_rows)
    check(
        metric != "precomputed" or samples.distances is not None,
        SettingError,
        "The 'metric' setting of explore must be one of features, such as 'euclidean'. Got 'precomputed', but no distances were given (clew new --distances).",
    )
    check(
        cluster != "agglomerative" or metric == "precomputed" or min(n_rows, max_rows) <= KEPT_ROWS,
        SettingError,
        "The rows for agglomerative must be at most {:,}, since it keeps all distances. Got {:,} instead: use kmeans, or --max-rows.",
        KEPT_ROWS,
        min(n_rows, max_rows),
    )
    check(
        isinstance(max_rows, (int, np.integer)) and max_rows >= 100,
        SettingError,
        "The 'max_rows' setting of explore must be an int of at least 100. Got {} instead.",
        max_rows,
    )
    check(
        metric != "precomputed" or n_rows <= max_rows,
        SettingError,
        "The 'max_rows' setting of explore must be at least the number of rows ({}) with given distances. Got {} instead.",
        n_rows,
        max_rows,
    )


def _remarks(looked: Exploration, *, cluster: str, space: str, scale: str) -> list[str]:
    """Return what a reader must know of a look, the gravest first."""
    remarks = [said for said in (looked.source_warning(), looked.time_warning()) if said]
    if len(looked.shown) < len(looked.sample):
        remarks.append(
            f"{looked.shown_of()} rows, of every source its share, drawn at random; the others were placed among them."
        )
    if looked.hypotheses is not None and len(looked.shown) > STATED_FROM:
        remarks.append(
            f"Hypotheses are stated from {STATED_FROM:,} of the shown rows, of every source its share."
        )
    if scale != "standard" and looked.metric != "precomputed":
        remarks.append(
            f"The clustering saw the features scaled by '{scale}'; the evidence is judged on them divided by their "
            "standard deviations."
        )
    if cluster in SETTLED and space == "features":
        remarks.append(
            f"{'HDBSCAN' if cluster == 'hdbscan' else 'Agglomerative clustering'} of the same rows has no randomness: "
            "agreement over seeds is 1 by itself; look at the resampled rows."
        )
    if looked.metric in OF_AMOUNTS and scale != "none":
        remarks.append(
            f"The metric '{looked.metric}' is meant for amounts that are not negative, and saw scaled features: --scale none "
            "leaves them as they are."
        )
    if looked.metric not in ("euclidean", "precomputed", *TURNED) and space == "features":
        remarks.append(
            "The evidence was judged on the scaled features by Euclidean distances, whatever the metric."
        )
    if cluster == "kmeans" and space == "features" and looked.metric not in ("euclidean", *TURNED):
        remarks.append(
            "k-means saw the distances as principal coordinates; agglomerative, spectral and hdbscan see them as they are."
        )
    alone = int((looked.cut < 0).sum())
    if alone:
        remarks.append(f"HDBSCAN leaves {alone} of {len(looked.sample)} rows in no group.")
    untold = looked.hypotheses.untold if looked.hypotheses is not None else []
    return [*remarks, *untold, *looked.embedding.notes, *looked.evidence.notes]


def check_rule(exploration: Exploration) -> None:
    """Raise DataError unless the groups give a rule for rows that were not explored: k-means of features does."""
    settings = exploration.settings
    check(
        not isinstance(exploration, NetExploration),
        DataError,
        "The groups must be of measurements to put new rows into them. Got groups of what a net says of the rows: that they "
        "come again would say that the net carries over (clew test), not that there are groups.",
    )
    check(
        exploration.k > 0,
        DataError,
        "The exploration must have found groups to put rows into. Got no groups instead.",
    )
    check(
        settings.get("space") == "features"
        and settings.get("cluster") == "kmeans"
        and exploration.metric in ("euclidean", *TURNED),
        DataError,
        "The groups must be k-means of features to put new rows into them. Got {} of the {} ({}) instead, which gives no rule for new rows: label some of them.",
        settings.get("cluster"),
        settings.get("space"),
        exploration.metric,
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
    return nearest_center(Z, exploration.group_centers, exploration.metric)


def _varying(samples: Samples, *, needed: bool) -> tuple[Samples, list[str]]:
    """Leave out the features that are the same in every row, and say so; there must be others, if they are needed."""
    varies = np.ptp(samples.features, axis=0) > 0
    check(
        samples.n_features or not needed,
        DataError,
        "The rows to explore must have features for this metric. Got distances alone: explore them with --metric precomputed.",
    )
    check(
        varies.any() or not needed,
        DataError,
        "The features to explore must vary. Got the same value in every row of {} instead.",
        ", ".join(samples.feature_names),
    )
    constant = [name for name, v in zip(samples.feature_names, varies) if not v]
    notes = [f"Left out, the same in every row: {', '.join(constant)}."] if constant else []
    kept = [name for name, v in zip(samples.feature_names, varies) if v]
    return (samples if len(kept) == samples.n_features else samples.select(kept)), notes


def _scales(samples: Samples, scale: str) -> tuple[np.ndarray, np.ndarray]:
    """Return what is taken off the features, and what they are divided by, (n_features,) each: column by column."""
    center, spread = np.zeros(samples.n_features), np.ones(samples.n_features)
    for i, name in enumerate(samples.feature_names):
        x = np.ascontiguousarray(samples.features[:, i])
        with np.errstate(over="ignore", invalid="ignore"):
            if scale == "standard":
                center[i], spread[i] = x.mean(), x.std()
            elif scale == "robust":
                low, center[i], high = np.percentile(x, [25, 50, 75])
                spread[i] = (high - low) / 1.349 if high > low else x.std()
            usable = np.isfinite(center[i]) and np.isfinite(spread[i]) and spread[i] > 0
        check(
            usable,
            DataError,
            "The feature '{}' must have a mean and a spread that can be computed. Got values up to {:.3g}.",
            name,
            np.abs(x).max(),
        )
    return center, spread


def _batch(samples: Samples) -> np.ndarray:
    """Return what each row may have its looks from: its group; of windows the station, since an event is one kind of thing."""
    windows = {"recording", "station"} <= set(samples.origin)
    return samples.origin["station"].to_numpy(dtype=str) if windows else samples.group


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
