"""Are there groups, and how many? A cut must part the rows better than it parts one population."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.explore.dip import dip_test
from clew.explore.distances import finite_table
from clew.explore.references import UnimodalComponents, UnimodalEllipsoid, UnimodalMarginals
from clew.explore.stability import adjusted_rand
from clew.kernels.kmeans import kmeans
from clew.kernels.separation import projected_index, simplified_silhouette
from clew.kernels.threads import n_threads
from clew.result import Result

Space = Callable[[np.ndarray, int], np.ndarray]

REFERENCES = (
    UnimodalMarginals,
    UnimodalEllipsoid,
)  # M and E: each knows a shape that the other takes for groups
REFERENCES_OF_COORDINATES = (UnimodalComponents, UnimodalEllipsoid)  # whose axes could as well be turned
STARTS = 5  # k-means runs for each k; the best is kept
SPACE_SEEDS = 5  # embeddings of the data, whose median counts
RESAMPLES = 10  # clusterings whose agreement is the stability
RESAMPLED_SHARE = 0.8  # of the rows in each of them
BATCH = 20  # draws between two looks at whether the answer can still be "groups"
ENOUGH_ABOVE = 10  # so many draws at or above the data, and the answer is no, with p known well enough
PARTED_ABOVE = 0.9  # a k may be the answer if its index is above this share of the draws of either kind
SMALLEST_SPREAD = 0.001  # of an index over draws, so that none stands out by rounding alone
SMALLEST_SHARE = 1e-12  # of the sum of squares within clusters, where rows are copies of few
WIDE = 3  # with more than a third as many features as rows, any cut parts the rows: judge their leading components
LEADING, ROWS_A_COMPONENT = 10, 10
_WIDE_NOTE = (
    "{1:,} features are many for {0:,} rows: the evidence was judged on the first {2} principal components."
)
FEWEST_ROWS = 6  # two clusters of three
FEW_ROWS = 100  # below, groups must be clearly separate to be seen
FEWEST_VALUES = 10  # a column with fewer different values is heaps by construction
COARSE_FROM = 3 * FEWEST_VALUES  # rows: fewer have few different values, however finely they were measured
MANY_COPIES = 0.1
CURVES = {  # what each curve over k is called in a sentence
    "excess_silhouette": "the excess silhouette",
    "index": "the projected index",
    "stability": "stability",
    "gap": "the gap",
}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Evidence(Result):
    """Whether the rows fall into groups, into how many, and what one population would have given.

    Parameters
    ----------
    k : int
        The number of groups; 0 says that there is no evidence of any.
    best_k : int
        The most separated number of clusters, whether there is evidence of groups or not.
    p_value : float
        The largest of the following; there are groups if it is at most ``alpha``.
    p_unimodal, p_ellipsoid : float
        How often one population is cut at least that well: unimodal marginals (M; of independent components
        where the columns were not standardized), and a unimodal ellipsoid (E).
    p_modes : float or None
        How often rows with one mode have a dip as deep as that between two neighbouring clusters of the best k,
        where it is shallowest; None where the columns were standardized, and this is not asked for.
    p_apart : float or None
        The same of rows so far apart in time that groups no longer last, one a stretch; None where rows have no times or
        groups do not last (`clew.explore.stretches`), and this is not asked for.
    ks : ndarray of int64, shape (n_k,)
        The numbers of clusters looked at; the entries of the arrays below.
    index : ndarray of float64, shape (n_k,)
        The projected index of the data, 0 to 1.
    reference_low, reference_high : ndarray of float64, shape (2, n_k)
        The 5% and 95% quantiles of the projected index over the draws of M and E.
    silhouette, excess_silhouette : ndarray of float64, shape (n_k,)
        The simplified silhouette of the data, and how far it is above the mean of the reference that comes closer.
    standardized_index : ndarray of float64, shape (n_k,)
        The projected index in standard deviations above the mean of data and draws, for the reference that
        comes closer.
    gap, gap_error : ndarray of float64, shape (n_k,)
        How far the within-cluster sum of squares is below that of the reference that comes closer, in
        logarithms, and the standard error; that of one cluster is 0.
    stability : ndarray of float64, shape (n_k,)
        Mean adjusted Rand index between clusterings of random 80% of the rows. A description, no evidence: one
        long cloud, too, is cut the same way every time.
    draws : ndarray of int64, shape (2,)
        Draws done of M and E.
    alpha : float
        There are groups if ``p_value`` is at most this.
    stopped_early : str
        "" if all draws were done; "out of reach" if the answer was no before (then p is sequential);
        "asked" if ``on_progress`` said stop (then nothing is decided unless p was out of reach already).
    also : list of int
        Numbers of clusters nearly as good as ``best_k``; see `evidence` for the rule.
    notes : list of str
        What the reader has to know beside the answer.
    """

    k: int
    best_k: int
    p_value: float
    p_unimodal: float
    p_ellipsoid: float
    p_modes: float | None
    ks: np.ndarray
    index: np.ndarray
    reference_low: np.ndarray
    reference_high: np.ndarray
    silhouette: np.ndarray
    excess_silhouette: np.ndarray
    standardized_index: np.ndarray
    gap: np.ndarray
    gap_error: np.ndarray
    stability: np.ndarray
    draws: np.ndarray
    alpha: float
    stopped_early: str
    also: list[int]
    notes: list[str]
    p_apart: float | None = None

    def held_against(self, p_apart: float | None) -> Evidence:
        """Return the evidence once rows that are far apart in time were asked, too: there are groups if they say so."""
        if p_apart is None:
            return self
        p_value = max(self.p_value, p_apart)
        k = self.k if p_value <= self.alpha else 0
        return replace(self, k=k, p_value=p_value, p_apart=p_apart)

    def headline(self) -> str:
        """Say the answer in one or two sentences."""
        p = f"{self.p_value:.2f}" if self.p_value >= 0.1 else f"{self.p_value:.3f}"
        if self.stopped_early == "asked":
            return f"Not decided: stopped after {self.draws[0]} draws of each reference."
        p_clouds = max(self.p_unimodal, self.p_ellipsoid)
        if not self.k and self.p_apart is not None:
            return (
                "No groups claimed: these rows separate better than single clouds, but in stretches of time, and one row a "
                f"stretch {'does not' if self.p_apart < 1 else 'cannot'} show it (p = {p}; {self.alpha:g} is asked for): one "
                "population that drifts looks just so."
            )
        if not self.k and p_clouds <= self.alpha:
            return (
                "No groups claimed: these rows separate better than single clouds, but their distances do not show "
                f"two modes wherever they are cut (p = {p})."
            )
        if not self.k and self.p_value <= 0.05:
            return (
                "No groups claimed: cut in two, these rows separate better than most single clouds would, but not "
                f"clearly enough (p = {p}; {self.alpha:g} is asked for)."
            )
        if not self.k:
            few = any(note.startswith("Too few rows") for note in self.notes)
            return (
                f"No groups{' seen' if few else ''}: cut in two, these rows separate no better than one cloud with the same "
                f"spread and skew would (p = {p})."
            )
        n = int(self.draws.min())
        beaten = n + 1 - round(p_clouds * (n + 1))
        than = f"each of {n}" if beaten == n else f"{beaten} of {n}"
        sentence = f"{self.k} groups: separated better than in {than} single clouds of either kind (p = {p})."
        if self.also:
            sentence += f" k = {' and '.join(map(str, self.also))} {'is' if len(self.also) == 1 else 'are'} nearly as good."
        return f"{sentence} {self.disagreement()}".rstrip()

    def choices(self) -> dict[str, int]:
        """Return the k that each curve would choose, by the name of the curve; the first is our answer.

        The gap chooses the smallest k whose gap is at least that of k + 1 less its error, which may be 1: one
        population; stability the largest, and of equal ones the finest.
        """
        gap, error = np.append(0.0, self.gap), np.append(self.gap_error, 0.0)
        enough = np.append(gap[:-1] >= gap[1:] - error[:-1], True)
        return {
            "excess_silhouette": self.best_k,
            "index": int(self.ks[self.standardized_index.argmax()]),
            "stability": int(self.ks[::-1][self.stability[::-1].argmax()]),
            "gap": int(enough.argmax()) + 1,
        }

    def disagreement(self) -> str:
        """Say which curve chooses which k, where they differ about groups that were found; else nothing."""
        choices = self.choices()
        if not self.k or len(set(choices.values())) == 1:
            return ""
        said: dict[int, list[str]] = {}
        for curve, k in choices.items():
            said.setdefault(k, []).append(CURVES[curve])
        sentence = "; ".join(_says(curves, k) for k, curves in said.items())
        return f"{sentence[0].upper()}{sentence[1:]}."

    def summary(self) -> dict[str, Any]:
        """Return the projected index at the best k, p, the curves over k, and which k each of them would choose."""
        shown = ("ks", *CURVES, "gap_error")
        return {
            "index": float(self.index[self.ks == self.best_k][0]),
            "p_value": self.p_value,
            "curves": {name.replace("ks", "k"): getattr(self, name).tolist() for name in shown},
            "choices": self.choices(),
        }


def _says(curves: list[str], k: int) -> str:
    who = curves[0] if len(curves) == 1 else f"{', '.join(curves[:-1])} and {curves[-1]}"
    return f"{who} {'says' if len(curves) == 1 else 'say'} {k if k > 1 else '1, one population'}"


def evidence(
    X: np.ndarray,
    *,
    k_max: int = 10,
    references: int = 199,
    alpha: float = 0.01,
    max_rows: int = 2000,
    standardize: bool = True,
    space: Space | None = None,
    random_state: int = 0,
    on_progress: Callable[[int, int], Any] | None = None,
) -> Evidence:
    """Ask whether the rows are several groups or one population, and which number of groups fits best.

    Parameters
    ----------
    X : ndarray of float64, shape (n, d)
        Features, not yet z-scored, without constant columns; n at least 6.
    k_max : int
        The largest number of clusters looked at; never more than n // 3.
    references : int
        Draws of each of the two one-population references; 199 resolve p = 0.005.
    alpha : float
        There are groups if p is at most this. At 0.01 flat clouds are the worst: 6% of balls, 3% of cubes and at
        most 2% of other single populations pass for groups (150 data sets of 200 x 8 each).
    max_rows : int
        With more rows than this, as many are drawn at random and judged; `notes` says so.
    standardize : bool
        Divide every column by its standard deviation. False keeps their common scale, in the data as in the
        draws, for coordinates whose axes have no meaning of their own: principal coordinates of distances. They
        are judged more strictly; see the Notes.
    space : callable (Z of shape (n, d), seed) -> (n, m), optional
        An embedding, through which the scaled data and each draw go before they are clustered. The data go
        through it with 5 seeds, and the median counts; each resample for the stability goes through it once.
    random_state : int
        Seed of all draws and k-means runs.
    on_progress : callable (done, total), optional
        Hears of the draws; returning False stops.

    Returns
    -------
    Evidence

    Raises
    ------
    SettingError
        If ``k_max`` is below 2, or ``references`` cannot give a p as small as ``alpha``.
    DataError
        If there are fewer than 6 rows, or a column is constant or not finite.

    Notes
    -----
    For each k the rows are clustered by k-means (5 starts, the best kept). The *projected index* asks how well
    the worst of the cuts parts the rows along the line between two neighbouring centres. The same is done with
    draws of two references with one population each, fitted to the data: unimodal marginals under a Gaussian
    copula (M), and an ellipsoid whose density falls from the centre (E). The index is standardised at each k
    over the data and the draws, its maximum over k taken in the data as in every draw, so that looking at many
    k does not raise the rate; p = (1 + draws at or above the data) / (draws + 1) (Phipson & Smyth, SAGMB 9:39,
    2010, doi:10.2202/1544-6115.1585), the larger of M and E. When 10 draws of one kind are at or above the data
    the rest is spared; p is then sequential (Besag & Clifford, Biometrika 78:301, 1991,
    doi:10.1093/biomet/78.2.301). That can only turn "groups" into "no groups". With and without the stop, over
    the same 199 draws, it did so in 0 of 450 data sets (200 x 8; two groups 2, 2.5 and 3 sigma apart, 150 each,
    groups found in 9, 72 and 145: at most 1.7% of these 226 by Wilson's 95% interval), and looked at 72, 164
    and 198 draws on average. Stopping at 2 draws above would have lost 21 of the 226, at 3 draws 2, at 4 none.

    *How many.* Candidates are the k whose index is above 90% of the draws of either kind: every cut of the
    answer must part the rows. Of these the smallest one whose excess silhouette (simplified silhouette above
    its mean over the draws, for the reference that comes closer) is within one standard deviation, over these
    draws, of the largest. Per cent right in 80 data sets a column, given that groups were found (200 rows, 8
    features, separations in within-group standard deviations, 99 draws, k = 2 to 10):

    ======================  ===  ===  ===  =======  ==========  =======  =======  ======  ======  ===========
    rule                    3    4    6    10/90 6  20 noise 4  three 4  three 6  five 6  five 4  elongated 4
    ======================  ===  ===  ===  =======  ==========  =======  =======  ======  ======  ===========
    largest excess           88  100  100      100          87       99      100     100     100           64
    within half a sd         99  100  100      100          97       98      100     100     100           87
    within one sd           100  100  100      100          99       99      100     100     100           97
    within two sd           100  100  100      100         100       95       99     100      98           98
    **one sd, candidates**  100  100  100      100         100       99      100     100     100          100
    largest silhouette      100  100  100      100           9       95       99     100     100           51
    largest z of the index  100  100  100      100          99       91       84      80      83          100
    ======================  ===  ===  ===  =======  ==========  =======  =======  ======  ======  ===========

    In 40 data sets each, against the largest excess: two groups at 6 or 8 sigma along one of 2 features 100
    and 100 (55 and 28); three in a row at 0, 5, 10 sigma 90 (100), at 0, 4, 8 sigma 20 (50); five of unequal
    size at 5 sigma 70 (78). What it gets wrong it merges. Groups within groups (a row at 0, 4 and 12 sigma)
    are answered by the coarse cut, by this rule and by all others.

    *The other curves* are descriptions; p and k do not depend on them. The gap (Tibshirani, Walther & Hastie,
    JRSS B 63:411, 2001, doi:10.1111/1467-9868.00293) is taken of the share of the sum of squares that is within
    clusters, so that of one cluster it is 0, against the reference that comes closer. Its rule stops at the
    first k that the next does not beat: at 1 where no two clusters part three groups. Stability is the mean
    adjusted Rand index, on shared rows, over 10 random 80% of the rows; it is high in one long cloud, too, and
    favours coarse cuts (von Luxburg, FnT Mach. Learn. 2:235, 2010, doi:10.1561/2200000008).

    *Wide tables* (more than a third as many features as rows): any cut parts rows that are all far from each other,
    and better than in draws of the references, so that 125 x 1,000 of noise passed for groups 3 times of 3. They
    are judged on their first 10 principal components (one for 10 rows), as coordinates are: groups in 0 of 144
    data sets of one population (normal, lognormal, exponential; 100 to 125 rows, 60 to 1,000 features), in 71 of
    72 of two groups at 6 and 10 sigma, and at 4 sigma in 30 of 48 of 100 x 30 (in 46 by all features).

    *Coordinates* (``standardize=False``). Principal coordinates mix the features, and distances that are not
    Euclidean bend them. So M takes independent components in place of columns, and each line between neighbouring
    clusters must show two modes (dip at ``alpha``, for the best k) beside. Data sets of 200 x 8, in per cent, that
    would be given groups at 0.01 by M of the columns and E, by M of the components and E (each 99 draws, 100
    data sets for Euclidean; 199 draws, 40 to 100 for Manhattan distances, 10 axes), and by the dip alone for
    k = 2 (80 data sets); what both ask for is what is answered, and was run where a number stands:

    ================  =======  ==========  ====  ==========  ====  ========
    distances         Euclid.  Euclid.     Eucl  Manhattan   Manh  Manh.
    population        columns  components  dip   components  dip   answered
    ================  =======  ==========  ====  ==========  ====  ========
    Gaussian                0           0     0          12     2         0
    correlated              0           0     .           6     .         .
    lognormal               1           0     0           4     0         .
    exponential             3           0     0          37     0         0
    t(3)                    0           0     .           1     .         .
    cube                   28           4     1          18    20        10
    ball                    5           3     0          12    10         2
    two, 3 sigma            5          36    14           .     2         .
    two, 4 sigma           93          96    95         100    81        82
    two, 6 sigma          100         100   100           .   100         .
    ================  =======  ==========  ====  ==========  ====  ========

    Not handled: a thin curved sheet or arc of more than a half circle passes for groups; columns with few
    different values and near-copies of rows are heaps by construction (see `notes`).
    """
    X = _checked(X, k_max, references, alpha)
    for_rows, for_data, for_draws, for_resamples = np.random.SeedSequence(random_state).spawn(4)
    Z = (_z_scores if standardize else _centered)(_at_most(max_rows, X, for_rows))
    wide = standardize and Z.shape[1] > len(Z) / WIDE
    by_columns = standardize and not wide
    if wide:
        Z = _leading(Z)
    ks = np.arange(2, min(k_max, len(Z) // 3) + 1)
    of_data = for_data.spawn(SPACE_SEEDS if space else 1)
    data = np.median([_separation(Z, ks, space, seed) for seed in of_data], axis=0)
    index, silhouette, compactness = data
    enough = max(ENOUGH_ABOVE, alpha * (references + 1))
    draw = _one_draw(Z, ks, by_columns, space)
    draws, stopped_early = _draw(index, draw, for_draws.spawn(references), enough, on_progress)

    standardized = _standardized(index, draws[:, :, 0])
    p_unimodal, p_ellipsoid = (1 + _at_or_above(standardized)) / (1 + len(draws))
    nearly_best, excess = _most_separated(index, silhouette, ks, draws)
    p_modes = None if by_columns else _p_of_modes(Z, ks, nearly_best[0], space, of_data[0])
    p_value = max(p_unimodal, p_ellipsoid, p_modes or 0.0)
    gap, gap_error = _gap(compactness, draws[:, :, 2])
    found = p_value <= alpha and not stopped_early
    low, high = np.quantile(draws[:, :, 0], [0.05, 0.95], axis=0)
    return Evidence(
        k=nearly_best[0] if found else 0,
        best_k=nearly_best[0],
        p_value=float(p_value),
        p_unimodal=float(p_unimodal),
        p_ellipsoid=float(p_ellipsoid),
        p_modes=p_modes,
        ks=ks,
        index=index,
        reference_low=low,
        reference_high=high,
        silhouette=silhouette,
        excess_silhouette=excess,
        standardized_index=standardized[0].min(axis=0),
        gap=gap,
        gap_error=gap_error,
        stability=_stability(Z, ks, space, for_resamples.spawn(RESAMPLES)),
        draws=np.full(2, len(draws)),
        alpha=alpha,
        stopped_early=stopped_early,
        also=nearly_best[1:],
        notes=_notes(X, len(Z), found, standardize)
        + ([_WIDE_NOTE.format(*X.shape, Z.shape[1])] if wide else []),
        settings={
            "k_max": k_max,
            "references": references,
            "alpha": alpha,
            "max_rows": max_rows,
            "standardize": standardize,
            "random_state": random_state,
        },
    )


def _leading(Z: np.ndarray) -> np.ndarray:
    """Return the rows along their first principal components (n, at most 10): wide rows are all far from each other."""
    left, size, _ = np.linalg.svd(Z - Z.mean(axis=0), full_matrices=False)
    kept = min(LEADING, max(1, len(Z) // ROWS_A_COMPONENT), int((size > 1e-9 * size[0]).sum()))
    return np.ascontiguousarray(left[:, :kept] * size[:kept])


def _one_draw(
    Z: np.ndarray, ks: np.ndarray, standardize: bool, space: Space | None
) -> Callable[[np.random.SeedSequence], list[np.ndarray]]:
    """Return what draws once of each reference and tells the separations, two of shape (3 measures, n_k)."""
    fitted = [reference(Z) for reference in (REFERENCES if standardize else REFERENCES_OF_COORDINATES)]
    scaled = _z_scores if standardize else _centered

    def draw(seed: np.random.SeedSequence) -> list[np.ndarray]:
        drawn = [fit.draw(np.random.default_rng(one)) for fit, one in zip(fitted, seed.spawn(2))]
        return [_separation(scaled(X), ks, space, one) for X, one in zip(drawn, seed.spawn(2))]

    return draw


def _draw(
    index: np.ndarray,
    draw: Callable[[np.random.SeedSequence], list[np.ndarray]],
    seeds: list[np.random.SeedSequence],
    enough: float,
    on_progress: Callable[[int, int], Any] | None,
) -> tuple[np.ndarray, str]:
    """Return the separation of draws, shape (n_draws, 2 references, 3 measures, n_k), and why they stopped early."""
    done: list[list[np.ndarray]] = []
    with ThreadPoolExecutor(n_threads()) as pool:
        for start in range(0, len(seeds), BATCH):
            for separation in pool.map(draw, seeds[start : start + BATCH]):
                done.append(separation)
                if on_progress and on_progress(len(done), len(seeds)) is False:
                    pool.shutdown(cancel_futures=True)
                    return np.array(done), "asked"
            above = _at_or_above(_standardized(index, np.array(done)[:, :, 0]))
            if len(done) < len(seeds) and above.max() >= enough:
                return np.array(done), "out of reach"
    return np.array(done), ""


def _separation(
    Z: np.ndarray, ks: np.ndarray, space: Space | None, seed: np.random.SeedSequence
) -> np.ndarray:
    """Return projected index, simplified silhouette and compactness at each k, shape (3, n_k).

    The compactness is the logarithm of the share of the sum of squares that is within clusters.
    """
    Z, of_k = _in_space(Z, ks, space, seed)
    whole = ((Z - Z.mean(axis=0)) ** 2).sum()
    measures = np.empty((3, ks.size))
    for i, (k, of_starts) in enumerate(zip(ks, of_k)):
        labels, centers, inertia = best_cut(Z, k, of_starts)
        measures[0, i] = projected_index(Z, labels, centers)
        measures[1, i] = simplified_silhouette(Z, labels, centers)
        measures[2, i] = np.log(max(inertia / whole, SMALLEST_SHARE) if whole > 0 else SMALLEST_SHARE)
    return measures


def _stability(
    Z: np.ndarray, ks: np.ndarray, space: Space | None, seeds: list[np.random.SeedSequence]
) -> np.ndarray:
    """Return the mean adjusted Rand index, on shared rows, between clusterings of random parts of the rows, (n_k,)."""
    part = int(np.ceil(RESAMPLED_SHARE * len(Z)))
    labels = np.full((len(seeds), ks.size, len(Z)), -1, np.int32)
    for resample, seed in zip(labels, seeds):
        of_rows, of_cuts = seed.spawn(2)
        rows = np.sort(np.random.default_rng(of_rows).choice(len(Z), part, replace=False))
        points, of_k = _in_space(Z[rows], ks, space, of_cuts)
        for i, (k, of_starts) in enumerate(zip(ks, of_k)):
            resample[i, rows] = best_cut(points, k, of_starts)[0]
    agreement = []
    for a, b in combinations(labels, 2):
        shared = (a[0] >= 0) & (b[0] >= 0)
        agreement.append([adjusted_rand(*pair) for pair in zip(a[:, shared], b[:, shared])])
    return np.mean(agreement, axis=0)


def _p_of_modes(
    Z: np.ndarray, ks: np.ndarray, k: int, space: Space | None, seed: np.random.SeedSequence
) -> float:
    """Return the largest p of the dips along the lines between neighbouring clusters, where they are cut into k."""
    points, of_k = _in_space(Z, ks, space, seed)
    labels, centers, _ = best_cut(points, k, of_k[int(np.flatnonzero(ks == k)[0])])
    largest = 0.0
    for a in range(k):
        distance = ((centers - centers[a]) ** 2).sum(axis=1)
        b = int(np.where(np.arange(k) == a, np.inf, distance).argmin())
        rows = points[(labels == a) | (labels == b)]
        if len(rows) < FEWEST_ROWS:
            return 1.0
        dip = dip_test(rows @ (centers[b] - centers[a])[:, None], names=["line"])
        largest = max(largest, float(np.nan_to_num(dip.p_value[0], nan=1.0)))
    return largest


def _in_space(
    Z: np.ndarray, ks: np.ndarray, space: Space | None, seed: np.random.SeedSequence
) -> tuple[np.ndarray, list[int]]:
    """Return the rows where they are to be clustered, and the seed of k-means for each k."""
    of_space, *of_k = (int(state) for state in seed.generate_state(1 + ks.size))
    if space:
        Z = np.ascontiguousarray(space(Z, of_space), dtype=np.float64)
    return Z, of_k


def best_cut(Z: np.ndarray, k: int, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return labels (n,), centres (k, d) and inertia of the best of several k-means runs."""
    labels, centers, inertia, _ = kmeans(Z, int(k), seed + np.arange(STARTS))
    best = int(inertia.argmin())
    return labels[best], centers[best], float(inertia[best])


def _standardized(index: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Return the index (n_k,) and that of draws (n_draws, 2, n_k) in sd above their common mean, the data first."""
    everyone = np.concatenate((np.broadcast_to(index, draws[:1].shape), draws))
    spread = np.maximum(everyone.std(axis=0), SMALLEST_SPREAD)
    return (everyone - everyone.mean(axis=0)) / spread


def _at_or_above(standardized: np.ndarray) -> np.ndarray:
    """Count the draws (from the second entry on) whose largest index over k reaches that of the data, shape (2,)."""
    largest = standardized.max(axis=2)
    return (largest[1:] >= largest[0]).sum(axis=0)


def _gap(compactness: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the gap and its standard error (n_k,) of the data (n_k,) against the closer kind of draws (n, 2, n_k)."""
    gap = draws.mean(axis=0) - compactness
    closer = gap.argmin(axis=0), np.arange(compactness.size)
    return gap[closer], (draws.std(axis=0) * np.sqrt(1 + 1 / len(draws)))[closer]


def _most_separated(
    index: np.ndarray, silhouette: np.ndarray, ks: np.ndarray, draws: np.ndarray
) -> tuple[list[int], np.ndarray]:
    """Return the best k with those nearly as good, ascending, and the excess silhouette, shape (n_k,)."""
    above_mean = silhouette - draws[:, :, 1].mean(axis=0)  # (2, n_k)
    closer = above_mean.argmin(axis=0), np.arange(ks.size)
    excess, spread = above_mean[closer], draws[:, :, 1].std(axis=0)[closer]
    parted = (index > np.quantile(draws[:, :, 0], PARTED_ABOVE, axis=0)).all(axis=0)
    candidates = np.flatnonzero(parted) if parted.any() else np.arange(ks.size)
    best = candidates[excess[candidates].argmax()]
    near = candidates[excess[candidates] >= excess[best] - spread[best]]
    return [int(k) for k in ks[near]], excess


def _z_scores(X: np.ndarray) -> np.ndarray:
    spread = X.std(axis=0)
    return _centered(X) / np.where(spread > 0, spread, 1.0)  # a draw may be constant, data are not


def _centered(X: np.ndarray) -> np.ndarray:
    return X - X.mean(axis=0)


def _at_most(rows: int, X: np.ndarray, seed: np.random.SeedSequence) -> np.ndarray:
    if len(X) <= rows:
        return X
    return X[np.sort(np.random.default_rng(seed).choice(len(X), rows, replace=False))]


def _checked(X: np.ndarray, k_max: int, references: int, alpha: float) -> np.ndarray:
    X = finite_table(X, of="evidence")
    check(
        k_max >= 2,
        SettingError,
        "The 'k_max' setting of evidence must be an int from 2. Got {} instead.",
        k_max,
    )
    check(
        1 / (references + 1) <= alpha,
        SettingError,
        "The 'references' setting of evidence must be at least {}, to give a p as small as {}. Got {} instead.",
        int(np.ceil(1 / alpha - 1e-9)) - 1,
        alpha,
        references,
    )
    check(
        len(X) >= FEWEST_ROWS,
        DataError,
        "The data of evidence must be a table of at least {} rows. Got the shape {} instead.",
        FEWEST_ROWS,
        X.shape,
    )
    constant = np.flatnonzero(np.ptp(X, axis=0) == 0)
    check(
        not constant.size,
        DataError,
        "The columns of evidence must vary. Got the same number in every row of column {}.",
        constant[:1],
    )
    return X


def _notes(X: np.ndarray, judged: int, found: bool, standardize: bool) -> list[str]:
    notes = []
    n = len(X)
    if judged < n:
        notes.append(f"Judged by {judged:,} rows of {n:,}, drawn at random.")
    if not found and n < FEW_ROWS:
        notes.append(f"Too few rows to tell: with {n} rows only clearly separate groups would be seen.")
    if not standardize:
        notes.append(
            "Judged as a map of distances: one flat population passes for groups more often there than in a table of "
            "features (10% of simulated ones at worst), and groups less than 4 standard deviations apart are "
            "mostly missed."
        )
    coarse = sum(np.unique(column).size < FEWEST_VALUES for column in X.T)
    if coarse and standardize and n >= COARSE_FROM:
        notes.append(
            f"{coarse} of {X.shape[1]} features {'has' if coarse == 1 else 'have'} fewer than {FEWEST_VALUES} different "
            "values: such values are heaps by construction and can pass for groups."
        )
    copies = n - len(np.unique(X, axis=0))
    if copies > MANY_COPIES * n:
        notes.append(f"{copies:,} rows are exact copies of others: copies make any cluster look real.")
    return notes
