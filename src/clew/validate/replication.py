"""Do the groups of a look replicate on sealed rows, better than one population would?"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, Stopped, check
from clew.explore.cluster import points_of
from clew.explore.distances import MetricSpace
from clew.explore.evidence import REFERENCES, best_cut
from clew.explore.exploration import Exploration, check_rule, nearest_center
from clew.explore.references import Reference
from clew.intervals import number
from clew.kernels.separation import FEWEST_ROWS, projected_index
from clew.kernels.threads import n_threads
from clew.result import Result
from clew.samples import Samples
from clew.splits import units
from clew.words import spell_p

Verdict = Literal["confirmed", "not confirmed", "not tested"]
ALPHA = 0.05
MOST_ROWS = 5_000  # that are judged, each part its share: more make no p smaller
# Sealed rows, and the separation of two equal groups in standard deviations that is seen in 9 of 10 studies from there
# on (8 features, twice as many open rows).
SEEN_FROM = ((300, 2.5), (100, 3.0), (40, 4.0), (20, 6.0))


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Replication(Result):
    """How well the groups of open rows part sealed rows, and what one population would have given.

    Parameters
    ----------
    verdict : {"confirmed", "not confirmed", "not tested"}
    reason : str
        Why it was not tested or cannot be confirmed; "" otherwise.
    k : int
        The number of groups; 0 where there are none.
    n_open, n_sealed : int
        The rows of either part that were judged.
    index : float
        The projected index of the sealed rows under the groups of the open ones, 0 to 1; NaN if it was not tested.
    p_value : float
        The larger of the next two; NaN if it was not tested.
    p_unimodal, p_ellipsoid : float
        How often one population is parted at least that well: unimodal marginals (M), and a unimodal ellipsoid (E).
    prediction_strength : float
        A description, no evidence: the smallest share, over the clusters of the sealed rows themselves, of pairs of rows
        that the groups of the open rows keep together; NaN if it is not defined.
    draws : ndarray of float64, shape (n_draws, 2)
        The projected index of each draw of M and E.
    sizes : list of int
        The sealed rows in each group.
    notes : list of str
    """

    verdict: Verdict
    reason: str = ""
    k: int = 0
    n_open: int = 0
    n_sealed: int = 0
    index: float = np.nan
    p_value: float = np.nan
    p_unimodal: float = np.nan
    p_ellipsoid: float = np.nan
    prediction_strength: float = np.nan
    draws: np.ndarray
    sizes: list[int]
    notes: list[str]

    def headline(self) -> str:
        """Say whether the grouping replicates."""
        if self.verdict == "not tested":
            return f"Replication was not tested: {self.reason[:1].lower()}{self.reason[1:]}"
        figure = f"on {self.n_sealed:,} sealed rows (p = {spell_p(self.p_value)})"
        if self.verdict == "confirmed":
            beaten = int((self.draws < self.index).sum(axis=0).min())
            than = f"each of {beaten}" if beaten == len(self.draws) else f"{beaten} of {len(self.draws)}"
            return f"The grouping replicates {figure}: they are parted better than in {than} single clouds of either kind."
        if self.reason:
            return f"Replication is not confirmed {figure}: {self.reason[:1].lower()}{self.reason[1:]}"
        return f"The grouping did not replicate {figure}; {seen_from(self.n_sealed)}."

    def summary(self) -> dict[str, Any]:
        """Return the figures; None for what was not tested."""
        return {
            "index": number(self.index),
            "p_value": number(self.p_value),
            "prediction_strength": number(self.prediction_strength),
            "verdict": self.verdict,
            "reason": self.reason,
            "k": self.k,
            "sealed_rows": self.n_sealed,
        }


def why_not(exploration: Exploration | None, n_sealed: int) -> str:
    """Say why the groups of a look cannot be looked for again on so many sealed rows; "" where they can.

    Parameters
    ----------
    exploration : Exploration or None
        None where nobody has looked yet.
    n_sealed : int
    """
    if exploration is None:
        return "Nobody has looked for groups yet (clew explore)."
    if exploration.k < 2:
        return f"The look found {'one group only' if exploration.k else 'no groups'}, so there is nothing to replicate."
    try:
        check_rule(exploration)
    except DataError as error:
        return str(error)
    fewest = FEWEST_ROWS * exploration.k
    if n_sealed < fewest:
        return f"{n_sealed} sealed rows are too few for {exploration.k} groups, which take at least {fewest}."
    return ""


def check_enough(setting: str, n: int) -> None:
    """Raise SettingError unless so many draws or permutations can give a p as small as 0.05."""
    check(
        isinstance(n, (int, np.integer)) and n >= 1 / ALPHA - 1,
        SettingError,
        "The '{}' setting of confirm must be an int of at least {:.0f}, to give a p as small as {}. Got {} instead.",
        setting,
        1 / ALPHA - 1,
        ALPHA,
        n,
    )


def not_tested(reason: str) -> Replication:
    """Return a replication that was not tested, with the reason."""
    return Replication(verdict="not tested", reason=reason, draws=np.empty((0, 2)), sizes=[], notes=[])


def replicate(
    exploration: Exploration,
    samples: Samples,
    sealed: np.ndarray,
    *,
    late: bool = False,
    references: int = 199,
    random_state: int = 0,
    on_progress: Callable[[int, int], Any] | None = None,
) -> Replication:
    """Ask whether sealed rows are parted by the groups of open rows better than one population would be.

    Parameters
    ----------
    exploration : Exploration
        The look at the open rows: its features, their scaling and its centres stay as they are.
    samples : Samples
        Open and sealed rows.
    sealed : ndarray of bool, shape (n_rows,)
    late : bool
        The look was made after the sealed rows had been seen: then nothing is confirmed.
    references : int
        Draws of each of the two one-population references; at least 19.
    random_state : int
        Seed of all draws and of the k-means runs on them.
    on_progress : callable (done, total), optional
        Hears of the draws; returning False stops.

    Raises
    ------
    SettingError
        If ``references`` cannot give a p as small as 0.05.

    Notes
    -----
    Each sealed row goes to the nearest centre of the open rows; the *projected index* is the share of variance that this
    cut explains along the line between two neighbouring centres, where it is smallest. Two references with one population
    each are fitted to all rows (`clew.explore.references`), drawn at full size, split into parts of the same sizes, scaled
    by and clustered anew on the "open" part; so the wandering of the centres is in the reference. p = (1 + draws at or
    above the data) / (draws + 1) (Phipson & Smyth, SAGMB 9:39, 2010, doi:10.2202/1544-6115.1585), the larger of both.
    Testing whether the *features* differ between the groups instead would be circular: they differ on sealed rows of
    pure noise, too. Prediction strength: Tibshirani & Walther, JCGS 14:511 (2005), doi:10.1198/106186005X59243; one
    split with k fixed gives it next to no power.
    """
    check_enough("references", references)
    reason = why_not(exploration, int(sealed.sum()))
    if reason:
        return not_tested(reason)
    of_rows, of_draws, of_own = np.random.SeedSequence(random_state).spawn(3)
    open_rows, sealed_rows = _judged(sealed, np.random.default_rng(of_rows))
    X = samples.select(exploration.features).features
    scaled = [(X[rows] - exploration.center) / exploration.scale for rows in (open_rows, sealed_rows)]
    labels = nearest_center(scaled[1], exploration.group_centers, exploration.metric)
    sizes = np.bincount(labels, minlength=exploration.k).tolist()
    lack = _lacking(sizes)
    if lack and not _speaks_against(exploration, samples, scaled[0], sizes):
        return not_tested(
            f"{lack} Nothing can be done in this study: other rows would have had to be sealed."
        )
    points = points_of(MetricSpace(exploration.metric, scaled[1]))
    index = projected_index(points, labels, exploration.group_centers)
    draws = _draws(_one_draw(exploration, *scaled), of_draws.spawn(references), on_progress)

    p_unimodal, p_ellipsoid = (1 + (draws >= index).sum(axis=0)) / (1 + references)
    p_value = float(max(p_unimodal, p_ellipsoid))
    beaten = p_value <= ALPHA
    own = best_cut(points, exploration.k, int(of_own.generate_state(1)[0]))[0]
    return Replication(
        verdict="confirmed" if beaten and not late else "not confirmed",
        reason="The look was made after the sealed rows had been seen." if late else lack,
        k=exploration.k,
        n_open=len(open_rows),
        n_sealed=len(sealed_rows),
        index=float(index),
        p_value=p_value,
        p_unimodal=float(p_unimodal),
        p_ellipsoid=float(p_ellipsoid),
        prediction_strength=prediction_strength(own, labels),
        draws=draws,
        sizes=sizes,
        notes=_notes(exploration, len(X), len(open_rows) + len(sealed_rows), beaten),
    )


def seen_from(n_sealed: int) -> str:
    """Say how far apart groups must be to be seen reliably on so many sealed rows."""
    for rows, sigma in SEEN_FROM:
        if n_sealed >= rows:
            return (
                f"with {n_sealed:,} sealed rows only separations of about {sigma:g} sigma (standard deviations within a group) "
                "or more would be seen reliably"
            )
    return f"{n_sealed} sealed rows are too few to see any but very clear groups"


def prediction_strength(own: np.ndarray, given: np.ndarray) -> float:
    """Return the smallest share, over clusters, of pairs of their rows that another labelling keeps together.

    Parameters
    ----------
    own : ndarray of int, shape (n_rows,)
        The clusters of the rows themselves; those of one row have no pairs and are left out.
    given : ndarray of int, shape (n_rows,)
        The groups that the rows were put into.

    Returns
    -------
    float
        From 0 to 1; NaN if no cluster has two rows.
    """
    shares = []
    for cluster in np.unique(own):
        n = np.unique(given[own == cluster], return_counts=True)[1]
        if n.sum() > 1:
            shares.append((n * (n - 1)).sum() / (n.sum() * (n.sum() - 1)))
    return float(min(shares, default=np.nan))


def _judged(sealed: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the open and the sealed rows that are judged, at most `MOST_ROWS` in all, each part its share."""
    kept = min(1.0, MOST_ROWS / sealed.size)
    parts = [np.flatnonzero(~sealed), np.flatnonzero(sealed)]
    open_rows, sealed_rows = (
        rows if kept == 1 else np.sort(rng.choice(rows, round(kept * rows.size), replace=False))
        for rows in parts
    )
    return open_rows, sealed_rows


def _one_draw(
    exploration: Exploration, open_rows: np.ndarray, sealed_rows: np.ndarray
) -> Callable[[np.random.SeedSequence], list[float]]:
    """Return what draws once of each reference and tells the projected index of its "sealed" part, M before E.

    A draw goes the way of the data: it is scaled by its open part, and under an angle put on the sphere.
    """
    metric, scale, n_open = exploration.metric, exploration.settings["scale"], len(open_rows)
    fitted: list[Reference] = [fit(np.concatenate((open_rows, sealed_rows))) for fit in REFERENCES]

    def draw(seed: np.random.SeedSequence) -> list[float]:
        return [one(fit, *part.spawn(2)) for fit, part in zip(fitted, seed.spawn(2))]

    def one(fit: Reference, of_rows: np.random.SeedSequence, of_cut: np.random.SeedSequence) -> float:
        X = fit.draw(np.random.default_rng(of_rows))
        center, spread = _scales(X[:n_open], scale)
        points = points_of(MetricSpace(metric, np.ascontiguousarray((X - center) / spread)))
        centers = best_cut(points[:n_open], exploration.k, int(of_cut.generate_state(1)[0]))[1]
        there = points[n_open:]
        return float(projected_index(there, nearest_center(there, centers, "euclidean"), centers))

    return draw


def _scales(X: np.ndarray, scale: str) -> tuple[Any, Any]:
    """Return what a look would take off the rows of a draw (n, d), and what it would divide them by."""
    if scale == "none":
        return 0.0, 1.0
    center, spread = X.mean(axis=0), X.std(axis=0)
    if scale == "robust":
        low, center, high = np.percentile(X, [25, 50, 75], axis=0)
        spread = np.where(high > low, (high - low) / 1.349, spread)
    return center, np.where(spread > 0, spread, 1.0)  # a draw may be constant, data are not


def _draws(
    draw: Callable[[np.random.SeedSequence], list[float]],
    seeds: list[np.random.SeedSequence],
    on_progress: Callable[[int, int], Any] | None,
) -> np.ndarray:
    done: list[list[float]] = []
    with ThreadPoolExecutor(n_threads()) as pool:
        for indices in pool.map(draw, seeds):
            done.append(indices)
            if on_progress and on_progress(len(done), len(seeds)) is False:
                pool.shutdown(cancel_futures=True)
                raise Stopped("Stopped as asked; nothing was recorded but the opening of the seal.")
    return np.array(done)


def _lacking(sizes: list[int]) -> str:
    """Say which group has too few sealed rows to be seen; "" where none has."""
    if min(sizes) >= FEWEST_ROWS:
        return ""
    group = int(np.argmin(sizes))
    return f"Group {group} has {sizes[group] or 'none'} of the {sum(sizes):,} sealed rows, and it takes {FEWEST_ROWS} to see it apart."


def _speaks_against(
    exploration: Exploration, samples: Samples, open_rows: np.ndarray, sizes: list[int]
) -> bool:
    """Tell whether a lack of sealed rows is no accident: single rows were sealed, and the open ones promised enough."""
    from scipy.stats import binom

    if len(np.unique(units(samples)[0])) < samples.n_rows:
        return False
    share = np.mean(
        nearest_center(open_rows, exploration.group_centers, exploration.metric) == np.argmin(sizes)
    )
    return bool(binom.cdf(FEWEST_ROWS - 1, sum(sizes), share) <= ALPHA)


def _notes(exploration: Exploration, n_rows: int, judged: int, beaten: bool) -> list[str]:
    notes = []
    if judged < n_rows:
        notes.append(f"Replication was judged by {judged:,} rows of {n_rows:,}, drawn at random.")
    if beaten and exploration.source_warning():
        notes.append(f"{exploration.source_warning()} A batch replicates, too.")
    return notes
