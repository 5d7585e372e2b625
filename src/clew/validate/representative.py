"""Are the labelled rows like the others? What a model learns, and every figure of it, holds for rows like them.

A classifier tries to tell labelled rows from the others, on groups that it was not trained on. The answer is held
against labels that were dealt anew, in the way in which rows can have come by theirs.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, Stopped, check
from clew.explore.hypotheses import correlated_groups, spearman
from clew.intervals import number
from clew.result import Result, step
from clew.samples import Samples
from clew.splits import folds, units
from clew.words import listed, spell_p

How = Literal["within groups", "whole groups", "rows", ""]

LEVEL = 0.05
FEWEST_UNITS = 6  # groups (or rows) that can exchange their labels
WIDEST = 4.0  # standard deviations at which features are cut off: one stray row is not to decide
SQUARES = 0.5  # weight of squared features, which see rows from the middle alone, or from the ends
PENALTY = 1.0  # of the ridge, in variances of a feature
BLOCK = 32  # permutations at a time
SHARE_NEXT, MOST_CANDIDATES = 1 / 3, 2000  # of unlabelled rows, those that are least like labelled ones
NEXT_ROWS, NEXT_GROUPS = 10, 3
BAND = 4096  # labelled rows to which distances are taken at a time
WORTH_SAYING = 0.5  # standard deviations


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Representative(Result):
    """Whether labelled rows differ from the others, in which features, and where to label next.

    Parameters
    ----------
    sample : ndarray of str, shape (n_rows,)
        The names of the rows.
    labelled : ndarray of bool, shape (n_rows,)
        Which of them have a label, or a target.
    auc : float
        How well a classifier tells labelled rows from others of groups that it was not trained on: 0.5 is not at
        all. Within groups, where labels were exchanged within them. NaN where there is nothing to compare.
    p_value : float
        The share of permutations with at least this AUC, the data counted among them; NaN if it was not tested.
    smallest_p : float
        The smallest value that `p_value` could have had.
    how : {"within groups", "whole groups", "rows", ""}
        What exchanged its labels; "" where there was nothing to compare.
    reason : str
        Why there is no p-value; "" where there is one.
    feature_names, units : list of str
    difference : ndarray of float64, shape (n_features,)
        Mean of the labelled rows minus mean of the others, in standard deviations within either; of the same group,
        where labels were exchanged within groups. 0 for a constant.
    p_feature : ndarray of float64, shape (n_features,)
        p of each difference, adjusted for the largest over all features; NaN if it was not tested.
    stand_ins : list of list of str
        Features that are correlated (0.8 or more) and could stand in for each other.
    next : list of str
        The rows, or groups, to label next, the most useful first.
    next_what : str
        "rows" or "groups".
    next_side : list of str
        Where they lie, such as "larger area": the features in which they differ most from labelled rows.
    notes : list of str
        What to mind.
    """

    sample: np.ndarray
    labelled: np.ndarray
    auc: float
    p_value: float
    smallest_p: float
    how: How
    reason: str
    feature_names: list[str]
    units: list[str]
    difference: np.ndarray
    p_feature: np.ndarray
    stand_ins: list[list[str]]
    next: list[str]
    next_what: str
    next_side: list[str]
    notes: list[str]

    @property
    def differs(self) -> bool:
        """Return whether the labelled rows were seen to differ from the others."""
        return bool(self.p_value <= LEVEL)

    def order(self) -> np.ndarray:
        """Return the columns of the features, those that differ most first: int64 of shape (n_features,)."""
        return np.argsort(-np.abs(self.difference), kind="stable")

    def headline(self) -> str:
        """Say whether labelled rows differ from the others, most in what, and what that means."""
        if not self.how:
            return self.reason
        found = f"AUC {self.auc:.2f}"
        if np.isnan(self.p_value):
            return f"Whether labelled rows differ from the others was not tested ({found}): {self.reason}"
        found, holds = f"{found}, p = {spell_p(self.p_value)}", "figures hold for rows like the labelled ones"
        if self.differs:
            return f"Labelled rows differ from the others ({found}){self._most()}: {holds}"
        text = f"Labelled rows were not seen to differ from the others ({found})"
        if len(self._clear()):
            return f"On the whole l{text[1:]}, but they may{self._most()}: {holds}"
        return f"{text}, which is no proof that they do not: {holds}"

    def _clear(self) -> list[int]:
        """Return the columns of the features that differ by themselves, those that differ most first."""
        return [int(c) for c in self.order() if self.p_feature[c] <= LEVEL]

    def _most(self) -> str:
        if not self._clear():
            return ", in no single feature clearly"
        first, *others = self._clear()
        way = "larger" if self.difference[first] > 0 else "smaller"
        also = [self.feature_names[c] for c in others[:3]]
        text = f", most in {self.feature_names[first]} (labelled ones are {way} by {abs(self.difference[first]):.1f} standard deviations)"
        return f"{text}, also in {listed(also)}" if also else text

    def sentences(self) -> list[str]:
        """Return the headline, what it does not say, and where to label next."""
        said = [f"{self.headline()}."]
        if self._clear():
            first = self.feature_names[self._clear()[0]]
            alike = [name for names in self.stand_ins if first in names for name in names if name != first]
            if alike:
                said.append(f"{listed(alike)} could stand in for {first} (correlated at 0.8 or more).")
            said.append("That a feature differs does not say why: correlation is not causation.")
        if self.next:
            where = f", where there is {listed(self.next_side)}" if self.next_side else ""
            what = "the groups " if self.next_what == "groups" else ""
            said.append(f"Label next: {what}{', '.join(self.next)}{where}.")
        return [*said, *self.notes]

    def summary(self) -> dict[str, Any]:
        """Return the figures that scripts rely on."""
        return {
            "labelled": int(self.labelled.sum()),
            "unlabelled": int((~self.labelled).sum()),
            "auc": number(self.auc),
            "p_value": number(self.p_value),
            "how": self.how,
            "features": [
                {
                    "name": self.feature_names[c],
                    "difference": number(self.difference[c]),
                    "p_adjusted": number(self.p_feature[c]),
                }
                for c in self.order()
            ],
            "next": {"what": self.next_what, "names": list(self.next), "side": list(self.next_side)},
            "sentences": self.sentences(),
        }


@step(sees="open")
def representative(
    samples: Samples,
    *,
    kind: Literal["classification", "regression"] = "classification",
    permutations: int = 199,
    random_state: int = 0,
    on_progress: Callable[[int, int], Any] | None = None,
) -> Representative:
    """Ask whether the rows with a label are like the rows without, and say which to label next.

    Parameters
    ----------
    samples : Samples
        All rows, labelled or not; their features and groups are used, and whether there is a label, not which.
    kind : {"classification", "regression"}
        Whether a row is labelled if it has a label, or a finite target.
    permutations : int
        How often labels are dealt anew; 199 resolve p = 0.005.
    random_state : int
        Decides the folds and the permutations.
    on_progress : callable (done, total), optional
        Hears of the permutations; returning False stops.

    Raises
    ------
    SettingError
        If `permutations` is below 19, which could not give p = 0.05.
    DataError
        If there are no features.
    Stopped
        If `on_progress` returned False.

    Notes
    -----
    Classifier two-sample test (Lopez-Paz & Oquab, ICLR 2017, arXiv:1610.06545): ridge regression on features and
    their squares, folds by group that do not depend on the labels, the AUC of out-of-fold scores. Everything that
    depends on labels is repeated in each permutation; by linear algebra, all at once. What is permuted
    must match how rows came by their labels: within groups (features less their group's mean) where some group has
    rows of both kinds; whole groups otherwise, of which 6 are needed. With 12 groups of 20 rows and 6 features (intra-group
    correlation 0.3), 300 data sets each, p was at most 0.05 in 5.0% where labels came at random, 3.3% where their share
    differed by group (12% had rows been permuted freely), 3.3% where 4 groups were labelled as a whole and 6.0% where
    10 of 30 were (27% and 25% freely). Selection on one feature was seen in 47% and 97% (log-odds slope 0.5 and 1), 4
    groups shifted by 1 and 2 standard deviations in 42% and 98%; the feature by itself in 68% and all, 40% and 99%.
    Some feature was said to differ where none did in 5.7 to 7.7%.

    Rows to label next: of the third of unlabelled rows that are least like labelled ones, those that stand for the
    most of them, greedily (each brings the largest decrease of squared distances to the nearest labelled or chosen
    row), not more from one group than its share.
    """
    check(
        isinstance(permutations, (int, np.integer)) and permutations >= 19,
        SettingError,
        "The 'permutations' of representative must be an int of at least 19. Got {} instead.",
        permutations,
    )
    check(
        samples.n_features, DataError, "The samples of representative must have features. Got {} instead.", 0
    )
    labelled = _labelled(samples, kind)
    unit, notes = _independent(samples)
    test = _Test.of(samples.features, labelled, unit)
    known: dict[str, Any] = {
        "sample": samples.sample,
        "labelled": labelled,
        "feature_names": list(samples.feature_names),
        "units": list(samples.units),
        "stand_ins": correlated_groups(spearman(samples.features), list(samples.feature_names)),
    }
    if labelled.all() or not labelled.any():
        return _nothing_to_compare(samples, labelled, test, known)
    parts = folds(
        dataclasses.replace(samples, group=unit, labels=None, target=None),
        by="row" if test.how == "rows" else "group",
        random_state=random_state,
    )
    draws = 0 if test.reason else int(permutations)
    random = np.random.default_rng(random_state)
    auc, difference = test.figures(parts.test, draws, random, on_progress)
    return Representative(
        **known,
        auc=float(auc[0]),
        p_value=_share_at_least(auc) if draws else np.nan,
        smallest_p=max(1 / (permutations + 1), 1 / test.arrangements()),
        how=test.how,
        reason=test.reason,
        difference=difference[:, 0],
        p_feature=_adjusted(difference) if draws else np.full(samples.n_features, np.nan),
        notes=[*notes, *test.notes()],
        **_next(samples, test, -test.scores(test.wide, test.labelled[:, None] - 1.0, parts.test)[:, 0]),
    )


def _labelled(samples: Samples, kind: str) -> np.ndarray:
    given = samples.target if kind == "regression" else samples.labels
    if given is None:
        return np.zeros(samples.n_rows, bool)
    return np.isfinite(given) if kind == "regression" else given != ""


def _independent(samples: Samples) -> tuple[np.ndarray, list[str]]:
    """Return what may exchange labels as a whole, or within: groups, blocks of one image, or single rows."""
    unit, _ = units(samples)
    if samples.n_groups > 1:
        return unit, []
    if len(np.unique(unit)) < samples.n_rows:
        return unit, [f"All rows come from one image: its {len(np.unique(unit))} blocks are taken as groups."]
    return unit, ["All rows come from one source, and are taken as independent of each other."]


# ---- the test ----
@dataclass(frozen=True, eq=False)
class _Test:
    """Rows that labels are dealt to: what they measure, which unit they belong to, and what may be exchanged.

    Arrays: ``labelled`` float64 (n_rows,), 1 or 0; ``unit`` and ``stratum`` int64 (n_rows,); ``wide`` and ``narrow``
    float64 (n_rows, n_features), z-scored over all rows and, less the mean of their stratum, within strata.
    """

    labelled: np.ndarray
    unit: np.ndarray
    stratum: np.ndarray
    wide: np.ndarray
    narrow: np.ndarray
    how: How
    reason: str

    @staticmethod
    def of(features: np.ndarray, labelled: np.ndarray, unit: np.ndarray) -> _Test:
        code = np.unique(unit, return_inverse=True)[1].reshape(-1)
        share = np.bincount(code, labelled) / np.bincount(code)
        within = bool(((share > 0) & (share < 1)).any())
        how: How = "within groups" if within else "rows" if len(share) == len(code) else "whole groups"
        stratum = code if within else np.zeros_like(code)
        few = len(share) < FEWEST_UNITS and not within
        what = "rows" if how == "rows" else "groups, each with labels on all or none of its rows,"
        reason = f"{len(share)} {what} are too few to exchange their labels, {FEWEST_UNITS} are needed"
        return _Test(
            labelled=labelled.astype(np.float64),
            unit=code,
            stratum=stratum,
            wide=_scaled(_less_mean(features, np.zeros_like(code)), features),
            narrow=_scaled(_less_mean(features, stratum), features),
            how=how,
            reason=reason if few else "",
        )

    def arrangements(self) -> float:
        """Return in how many ways the labels could have been dealt."""
        each = self.unit if self.how == "within groups" else np.unique(self.unit, return_index=True)[1]
        sizes, given = (
            (np.bincount(each), np.bincount(each, self.labelled).astype(int))
            if self.how == "within groups"
            else (np.array([len(each)]), np.array([int(self.labelled[each].sum())]))
        )
        ways = math.prod(math.comb(int(n), int(k)) for n, k in zip(sizes, given, strict=True))
        return float(min(ways, 10**9))

    def notes(self) -> list[str]:
        """Say what the p-value rests on, where that is less than all rows."""
        notes = []
        if self.how == "within groups":
            share = np.bincount(self.unit, self.labelled) / np.bincount(self.unit)
            both = (share > 0) & (share < 1)
            if not both.all():
                notes.append(
                    f"Compared within the {both.sum()} of {both.size} groups that hold rows of both kinds."
                )
            if (share == 0).any():
                notes.append(
                    f"{(share == 0).sum()} groups have no label; whether they are like the others was not tested."
                )
        if not self.reason and self.arrangements() * LEVEL < 1:
            notes.append(
                f"The labels could have been dealt in {self.arrangements():.0f} ways only: p cannot be below"
                f" {1 / self.arrangements():.2f}, whatever the rows are like."
            )
        return notes

    def figures(
        self,
        tested: np.ndarray,
        permutations: int,
        random: np.random.Generator,
        on_progress: Callable[[int, int], Any] | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return AUC (1 + permutations,) and differences (n_features, 1 + permutations); the data's come first."""
        auc, difference = [], []
        for start in range(0, permutations + 1, BLOCK):
            n = min(BLOCK, permutations + 1 - start)
            Y = np.column_stack([self.dealt(random) if start + i else self.labelled for i in range(n)])
            centred = _less_mean(Y, self.stratum)
            auc.append(_auc(self.scores(self.narrow, centred, tested), Y, self.stratum))
            difference.append(_differences(self.narrow, centred, self.stratum))
            if on_progress is not None and permutations and on_progress(start + n - 1, permutations) is False:
                raise Stopped("representative was asked to stop.")
        return np.concatenate(auc), np.concatenate(difference, axis=1)

    def dealt(self, random: np.random.Generator) -> np.ndarray:
        """Return the labels (n_rows,) dealt anew: among the rows of each group, or among whole groups (or rows)."""
        if self.how != "within groups":
            first = np.unique(self.unit, return_index=True)[1]
            return random.permutation(self.labelled[first])[self.unit]
        dealt = np.empty_like(self.labelled)
        shuffled = np.lexsort((random.random(self.unit.size), self.unit))
        dealt[np.argsort(self.unit, kind="stable")] = self.labelled[shuffled]
        return dealt

    def scores(self, features: np.ndarray, Y: np.ndarray, tested: np.ndarray) -> np.ndarray:
        """Return out-of-fold scores, shape of Y (n_rows, n), of ridge regression on features and their squares."""
        Z = np.clip(features, -WIDEST, WIDEST)
        Z = np.hstack([Z, SQUARES * _less_mean(Z**2, self.stratum)])
        said = np.empty(Y.shape)
        for test in tested:  # (n_rows,)
            train = Z[~test] - Z[~test].mean(axis=0)
            gram = train.T @ train / len(train) + PENALTY * np.eye(Z.shape[1])
            said[test] = Z[test] @ np.linalg.solve(gram, train.T @ Y[~test] / len(train))
        return said


def _less_mean(values: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Return the columns of a table less their mean over the rows of the same code."""
    order = np.argsort(code, kind="stable")
    sizes = np.bincount(code)
    sums = np.add.reduceat(values[order], np.cumsum(sizes) - sizes, axis=0)
    return values - (sums / sizes[:, None])[code]


def _scaled(centred: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Return centred columns in their standard deviations; 0 where they are constant but for rounding."""
    spread = centred.std(axis=0)
    varies = spread > 1e-12 * np.abs(features).max(axis=0, initial=0)
    return np.where(varies, centred / np.where(varies, spread, 1), 0.0)


def _auc(scores: np.ndarray, Y: np.ndarray, stratum: np.ndarray) -> np.ndarray:
    """Return for each column how often a labelled row scores above another of its stratum; ties count half."""
    from scipy.stats import rankdata

    rank = rankdata(scores, axis=0)
    sizes = np.bincount(stratum)
    if len(sizes) > 1:  # ranks within strata: strata one after the other, less where each begins
        rank = rankdata(stratum[:, None] * (len(rank) + 1.0) + rank, axis=0)
        rank -= (np.cumsum(sizes) - sizes)[stratum][:, None]
    n_labelled = np.zeros((len(sizes), Y.shape[1]))
    np.add.at(n_labelled, stratum, Y)
    above = (rank * Y).sum(axis=0) - (n_labelled * (n_labelled + 1) / 2).sum(axis=0)
    return above / (n_labelled * (sizes[:, None] - n_labelled)).sum(axis=0)


def _differences(features: np.ndarray, centred: np.ndarray, stratum: np.ndarray) -> np.ndarray:
    """Return standardised differences (n_features, n) for labels less their mean, (n_rows, n), within strata."""
    weight = (centred**2).sum(axis=0)
    difference = features.T @ centred / weight
    left = (features**2).sum(axis=0)[
        :, None
    ] - difference**2 * weight  # squares that the labels do not explain
    spread = np.sqrt(np.maximum(left, 0) / max(len(features) - len(np.unique(stratum)) - 1, 1))
    return np.divide(difference, spread, out=np.zeros_like(difference), where=spread > 0)


def _share_at_least(values: np.ndarray) -> float:
    """Return p of the first value among all (Phipson & Smyth, SAGMB 9:39, 2010, doi:10.2202/1544-6115.1585)."""
    return float(np.mean(values >= values[0] - 1e-12))


def _adjusted(difference: np.ndarray) -> np.ndarray:
    """Return p of each feature's difference, against the largest of all features in each permutation.

    Each is divided by its own spread over permutations, so that a feature that varies much between groups does not
    make the others invisible.
    """
    spread = np.sqrt((difference**2).mean(axis=1, keepdims=True))
    size = np.divide(np.abs(difference), spread, out=np.zeros_like(difference), where=spread > 0)
    largest = size.max(axis=0)  # (1 + permutations,)
    return (1 + (largest[1:] >= size[:, :1] - 1e-12).sum(axis=1)) / largest.size


# ---- where to label next ----
def _next(samples: Samples, test: _Test, unlike: np.ndarray) -> dict[str, Any]:
    """Return the rows or groups to label next, and on which side of which features they lie."""
    Z, labelled, unit, names = test.wide, test.labelled > 0, test.unit, samples.sample
    whole = test.how == "whole groups" and bool(test.labelled.any())
    if whole:  # a group is a row, of its means
        _, first, sizes = np.unique(unit, return_index=True, return_counts=True)
        Z = np.stack([np.bincount(unit, column) / sizes for column in Z.T], axis=1)
        unlike = np.bincount(unit, unlike) / sizes
        labelled, unit, names = labelled[first], np.arange(len(first)), samples.group[first]
    wanted = NEXT_GROUPS if whole else NEXT_ROWS
    rows = np.flatnonzero(~labelled)
    n = min(max(round(SHARE_NEXT * len(rows)), 3 * wanted), MOST_CANDIDATES)
    rows = rows[np.argsort(-unlike[rows], kind="stable")[:n]]
    chosen = rows[_standing_for(np.clip(Z, -WIDEST, WIDEST), rows, labelled, unit, wanted)]
    away = Z[chosen].mean(axis=0) - Z[labelled].mean(axis=0) if labelled.any() else np.zeros(Z.shape[1])
    most = [c for c in np.argsort(-np.abs(away), kind="stable")[:2] if abs(away[c]) >= WORTH_SAYING]
    return {
        "next": names[chosen].tolist(),
        "next_what": "groups" if whole else "rows",
        "next_side": [f"{'larger' if away[c] > 0 else 'smaller'} {samples.feature_names[c]}" for c in most],
    }


def _standing_for(
    Z: np.ndarray, rows: np.ndarray, labelled: np.ndarray, unit: np.ndarray, wanted: int
) -> list[int]:
    """Return places in ``rows`` of those that stand for most of them, beside the labelled rows, the best first."""
    from scipy.spatial.distance import cdist

    apart = cdist(Z[rows], Z[rows], "sqeuclidean")
    near = apart.max(axis=1) + 1
    held = np.flatnonzero(labelled)
    for start in range(0, len(held), BAND):  # in bands, for memory
        near = np.minimum(near, cdist(Z[rows], Z[held[start : start + BAND]], "sqeuclidean").min(axis=1))
    of, group = np.unique(unit[rows], return_inverse=True)
    room = np.full(len(of), math.ceil(wanted / len(of)))
    chosen: list[int] = []
    free = np.ones(len(rows), bool)
    while len(chosen) < wanted and free.any():
        gain = np.maximum(near[:, None] - apart, 0).sum(axis=0)
        best = int(np.argmax(np.where(free, gain, -1)))
        chosen.append(best)
        near = np.minimum(near, apart[best])
        room[group[best]] -= 1
        free &= room[group] > 0
        free[best] = False
    return chosen


def _nothing_to_compare(
    samples: Samples, labelled: np.ndarray, test: _Test, known: dict[str, Any]
) -> Representative:
    all_labelled = bool(labelled.all())
    where: dict[str, Any] = {"next": [], "next_what": "rows", "next_side": []}
    return Representative(
        **known,
        auc=np.nan,
        p_value=np.nan,
        smallest_p=np.nan,
        how="",
        reason="All rows are labelled, nothing to compare"
        if all_labelled
        else "No row is labelled, nothing to compare",
        difference=np.full(samples.n_features, np.nan),
        p_feature=np.full(samples.n_features, np.nan),
        notes=[],
        **(where if all_labelled else _next(samples, test, np.zeros(samples.n_rows))),
    )
