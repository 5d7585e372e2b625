"""Are the labelled rows like the others? What a model learns, and every figure of it, holds for rows like them.

A classifier tries to tell labelled rows from the others, on groups that it was not trained on. The answer is held
against labels that were dealt anew, in the way in which rows can have come by theirs: within groups that hold rows of
both kinds, and group by group where all rows of a group have a label, or none.
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
from clew.splits import By, Folds, folds, units
from clew.splits.apart import has_places, has_times
from clew.words import listed, spell_p

How = Literal["within groups", "whole groups", "rows", ""]

LEVEL = 0.05
FEWEST_UNITS = 6  # groups (or rows) that can exchange their labels
N_FOLDS = 5
FEW_UNITS, MORE_FOLDS = 60, 20  # so few have more folds: labelled ones are seldom all in one
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
        How well a classifier tells labelled rows from others of groups (or parts of one group) that it was not trained
        on: 0.5 is not at all. Within groups, where labels were exchanged within them. NaN where no classifier could
        be trained, or there is nothing to compare.
    p_value : float
        The share of permutations with at least this AUC, the data counted among them; twice that, where two tests were
        made (Bonferroni). NaN if none was.
    smallest_p : float
        The smallest value that `p_value` could have had; NaN if nothing was tested.
    how : {"within groups", "whole groups", "rows", ""}
        What exchanged its labels; "" where there was nothing to compare. Of two tests, that of the smaller p, of which
        the AUC and the differences are, too.
    reason : str
        Why there is no p-value; "" where there is one.
    tests : list of dict
        Each comparison: its ``how``, ``groups`` (their number), ``auc``, its own ``p_value`` (not doubled) and ``reason``.
    feature_names, units : list of str
    difference : ndarray of float64, shape (n_features,)
        Mean of the labelled rows minus mean of the others, in standard deviations within either; of the same group,
        where labels were exchanged within groups. 0 for a constant.
    p_feature : ndarray of float64, shape (n_features,)
        p of each difference, adjusted for the largest over all features, and for two tests; NaN if it was not tested.
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
    tests: list[dict[str, Any]]
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
        if np.isnan(self.p_value):
            shown = "" if np.isnan(self.auc) else f" (AUC {self.auc:.2f})"
            return f"Whether labelled rows differ from the others was not tested{shown}: {self.reason}"
        found = f"AUC {self.auc:.2f}, p = {spell_p(self.p_value)}"
        holds = "figures hold for rows like the labelled ones"
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
            "tests": [
                {**one, "auc": number(one["auc"]), "p_value": number(one["p_value"])} for one in self.tests
            ],
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
    their squares, folds that do not depend on the labels, the AUC of out-of-fold scores. Everything that
    depends on labels is repeated in each permutation; by linear algebra, all at once. What is permuted must match how
    rows came by their labels: rows within groups (features less their group's mean) in the groups that hold rows of both
    kinds, in folds by group, or of its rows where there is one such group only; whole groups among those with labels on all
    or none of their rows, of which 6 are needed, in folds of few groups. Where there are both, both are tested, with
    twice the permutations, and the smaller p counts double. If a fold can learn nothing (all labelled rows are in it),
    there is no AUC and no test.

    With 12 groups of 20 rows and 6 features (intra-group correlation 0.3), 300 data sets each, p was at most 0.05 in 6.0%
    where labels came at random, 5.3% where their share differed by group (12% had rows been permuted freely), 4.7% where
    4 groups were labelled as a whole and 5.8% (of 1,200) where 10 of 30 were (27% and 25% freely), 4.7% where 4 groups were
    labelled, 4 not and 4 in part at random (5.0% with 24 groups), 6.3% where labels came at random in 1 of 8 groups only.
    Of 100 each, selection on one feature was seen in 48 and 98 (log-odds slope 0.5 and 1), 4 groups shifted by 1 and 2
    standard deviations in 43 and 99, 8 of 24 groups shifted by 2 beside 8 that were labelled in part in all; the feature
    by itself in 67 and all, 42 and all, and all. Some feature was said to differ where none did in 2.0 to 7.3%.

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
    known: dict[str, Any] = {
        "sample": samples.sample,
        "labelled": labelled,
        "feature_names": list(samples.feature_names),
        "units": list(samples.units),
        "stand_ins": correlated_groups(spearman(samples.features), list(samples.feature_names)),
    }
    if labelled.all() or not labelled.any():
        return _nothing_to_compare(samples, labelled, unit, known)
    blank = dataclasses.replace(samples, group=unit, labels=None, target=None)
    tests, besides = _tests(blank, labelled, random_state)
    n_tests = sum(not one.reason for one in tests)
    draws = n_tests * (int(permutations) + 1) - 1  # so that p of one of two can be as small as p of one alone
    found = _figures(tests, draws, random_state, on_progress)
    best = min(range(len(tests)), key=lambda i: (np.nan_to_num(found[i].p_value, nan=np.inf), i))
    one = found[best]
    return Representative(
        **known,
        auc=one.auc,
        p_value=min(n_tests * one.p_value, 1.0) if n_tests else np.nan,
        smallest_p=_smallest_p(tests, draws),
        how=tests[best].how,
        reason="" if n_tests else "; ".join(each.reason for each in tests),
        tests=[
            {"how": each.how, "groups": each.n_units, "auc": its.auc, "p_value": its.p_value, "reason": each.reason}
            for each, its in zip(tests, found, strict=True)
        ],
        difference=one.difference,
        p_feature=np.minimum(n_tests * one.p_feature, 1.0) if n_tests else one.p_feature,
        notes=[*notes, *besides, *_both_said(tests, found), *_few_ways(tests)],
        **_next(blank, labelled, random_state),
    )  # fmt: skip


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


# ---- the tests ----
@dataclass(frozen=True, eq=False)
class _Test:
    """Rows that labels are dealt to: what they measure, which unit they belong to, and what may be exchanged.

    Arrays: ``labelled`` float64 (n_rows,), 1 or 0; ``unit`` and ``stratum`` int64 (n_rows,); ``features``
    float64 (n_rows, n_features), z-scored less the mean of their stratum; ``train`` and ``test`` bool (n_folds, n_rows).
    ``reason`` says why it cannot be tested.
    """

    labelled: np.ndarray
    unit: np.ndarray
    stratum: np.ndarray
    features: np.ndarray
    how: How
    train: np.ndarray
    test: np.ndarray
    reason: str

    @staticmethod
    def of(samples: Samples, labelled: np.ndarray, how: How, random_state: int) -> _Test:
        """Return the test of samples whose groups are the units, or the strata."""
        code = np.unique(samples.group, return_inverse=True)[1].reshape(-1)
        stratum = code if how == "within groups" else np.zeros_like(code)
        few = _too_few(how, code)
        parts = None if few and samples.n_groups == 1 else _folds(samples, how, random_state)
        none = np.zeros((0, samples.n_rows), bool)
        test = _Test(
            labelled=labelled.astype(np.float64),
            unit=code,
            stratum=stratum,
            features=_scaled(_less_mean(samples.features, stratum), samples.features),
            how=how,
            train=none if parts is None else parts.train,
            test=none if parts is None else parts.test,
            reason=few,
        )
        return test if few or test.can_train() else dataclasses.replace(test, reason=test.untrained())

    @property
    def n_units(self) -> int:
        """Return how many groups (or rows, where each is one) there are."""
        return int(self.unit.max()) + 1

    def can_train(self) -> bool:
        """Tell whether every training part has rows of both kinds, and features that vary: all scores mean something."""
        if not self.features.any():
            return False
        given = _less_mean(self.labelled[:, None], self.stratum)[:, 0]
        return len(self.train) > 0 and all(
            train.any() and np.ptp(given[train]) > 1e-9 for train in self.train
        )

    def untrained(self) -> str:
        """Say why nothing can be learnt in some fold."""
        if not self.features.any():
            return "no feature varies" + " within the groups" * (self.how == "within groups")
        single = self.how != "whole groups"
        first = np.arange(len(self.unit)) if single else np.unique(self.unit, return_index=True)[1]
        given = self.labelled[first]
        n, kind = min((int(given.sum()), "labelled"), (int((1 - given).sum()), "unlabelled"))
        what = f"{n} {kind} {'row' if single else 'group'}"
        lie = f"{what} is too few: without it" if n == 1 else f"{what}s lie in one fold: without them"
        return f"{lie} no model can be trained"

    def ways(self) -> float:
        """Return in how many ways the labels could have been dealt."""
        each = self.unit if self.how == "within groups" else np.unique(self.unit, return_index=True)[1]
        sizes, given = (
            (np.bincount(each), np.bincount(each, self.labelled).astype(int))
            if self.how == "within groups"
            else (np.array([len(each)]), np.array([int(self.labelled[each].sum())]))
        )
        ways = math.prod(math.comb(int(n), int(k)) for n, k in zip(sizes, given, strict=True))
        return float(min(ways, 10**9))

    def figures(
        self, permutations: int, random: np.random.Generator, on_block: Callable[[int], None]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return AUC (1 + permutations,) and differences (n_features, 1 + permutations); the data's come first."""
        auc, difference = [], []
        for start in range(0, permutations + 1, BLOCK):
            n = min(BLOCK, permutations + 1 - start)
            Y = np.column_stack([self.dealt(random) if start + i else self.labelled for i in range(n)])
            centred = _less_mean(Y, self.stratum)
            auc.append(_auc(self.scores(centred), Y, self.stratum))
            difference.append(_differences(self.features, centred, self.stratum))
            on_block(start + n - 1)
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

    def scores(self, Y: np.ndarray) -> np.ndarray:
        """Return out-of-fold scores, shape of Y (n_rows, n), of ridge regression on features and their squares."""
        Z = np.clip(self.features, -WIDEST, WIDEST)
        Z = np.hstack([Z, SQUARES * _less_mean(Z**2, self.stratum)])
        said = np.zeros(Y.shape)
        for train, test in zip(self.train, self.test, strict=True):  # (n_rows,)
            centred = Z[train] - Z[train].mean(axis=0)
            gram = centred.T @ centred / len(centred) + PENALTY * np.eye(Z.shape[1])
            said[test] = Z[test] @ np.linalg.solve(gram, centred.T @ Y[train] / len(centred))
        return said


def _tests(samples: Samples, labelled: np.ndarray, random_state: int) -> tuple[list[_Test], list[str]]:
    """Return what can be compared, one or two tests, and what is to be said of rows that are in none."""
    code = np.unique(samples.group, return_inverse=True)[1].reshape(-1)
    share = np.bincount(code, labelled) / np.bincount(code)
    mixed = (share > 0) & (share < 1)
    if not mixed.any():
        how: How = "rows" if len(share) == len(code) else "whole groups"
        return [_Test.of(samples, labelled, how, random_state)], []
    parts: list[tuple[How, np.ndarray]] = [("within groups", mixed[code])]
    if {0.0, 1.0} <= set(share.tolist()):
        parts.append(("whole groups", ~mixed[code]))
    tests = [_Test.of(samples.take(rows), labelled[rows], how, random_state) for how, rows in parts]
    n, n_whole, said = int(mixed.sum()), int((~mixed).sum()), []
    if n_whole and len(tests) == 1:
        if not tests[0].reason:
            hold = "hold" if n > 1 else "holds"
            said.append(f"Compared within the {n} of {mixed.size} groups that {hold} rows of both kinds.")
        what = f"{n_whole} groups have" if n_whole > 1 else "1 group has"
        which = "no label" if (share == 0).any() else "labels on all rows"
        said.append(f"{what} {which}; whether they are like the others was not tested.")
    if n == 1 and mixed.size > 1 and not tests[0].reason:
        said.append(
            "The rows of the only group with rows of both kinds are taken as independent of each other."
        )
    return tests, said


def _too_few(how: How, code: np.ndarray) -> str:
    """Say why labels cannot be exchanged: there are too few units, or rows in the one group that holds both kinds."""
    n = int(code.max()) + 1
    what = "rows" if how == "rows" else "groups, each with labels on all or none of its rows,"
    if how == "within groups":
        if n > 1:
            return ""
        n, what = len(code), "rows of the only group that holds both kinds"
    enough = n >= FEWEST_UNITS
    return "" if enough else f"{n} {what} are too few to exchange their labels, {FEWEST_UNITS} are needed"


def _folds(samples: Samples, how: How, random_state: int) -> Folds:
    """Return folds by group; of the rows of one group, by time or place where they have one."""
    if samples.n_groups == 1:
        by: By = "auto" if has_times(samples) or has_places(samples) else "row"
        return folds(samples, by=by, n_folds=N_FOLDS, random_state=random_state)
    n_folds = MORE_FOLDS if how != "within groups" and samples.n_groups <= FEW_UNITS else N_FOLDS
    by = "row" if samples.n_groups == samples.n_rows else "group"
    return folds(samples, by=by, n_folds=n_folds, random_state=random_state)


@dataclass(frozen=True, eq=False)
class _Found:
    """What a test found; p-values are its own."""

    auc: float
    p_value: float
    difference: np.ndarray
    p_feature: np.ndarray


def _figures(
    tests: list[_Test], draws: int, random_state: int, on_progress: Callable[[int, int], Any] | None
) -> list[_Found]:
    """Return what each test finds; of one that cannot be made, the differences and, where it was trained, the AUC."""
    total = draws * sum(not one.reason for one in tests)
    before, found = 0, []
    random = np.random.default_rng(random_state)

    def on_block(done: int) -> None:
        if on_progress is not None and total and on_progress(before + done, total) is False:
            raise Stopped("representative was asked to stop.")

    for one in tests:
        n = 0 if one.reason else draws
        auc, difference = one.figures(n, random, on_block)
        unknown = np.full(len(difference), np.nan)
        found.append(
            _Found(
                float(auc[0]) if one.can_train() else np.nan,
                _share_at_least(auc) if n else np.nan,
                difference[:, 0],
                _adjusted(difference) if n else unknown,
            )
        )
        before += n
    return found


def _smallest_p(tests: list[_Test], draws: int) -> float:
    made = [one for one in tests if not one.reason]
    return min((min(len(made) * max(1 / (draws + 1), 1 / one.ways()), 1.0) for one in made), default=np.nan)


def _both_said(tests: list[_Test], found: list[_Found]) -> list[str]:
    """Say what each of two tests found, or why one was not made."""
    if len(tests) == 1 or all(one.reason for one in tests):
        return []
    said = []
    for one, its in zip(tests, found, strict=True):
        n = "only group" if one.n_units == 1 else f"{one.n_units} groups"
        where = (
            f"within the {n} with rows of both kinds"
            if one.how == "within groups"
            else f"between the {n} with labels on all or none of their rows, as wholes"
        )
        figures = f"AUC {its.auc:.2f}, p = {spell_p(its.p_value)}"
        said.append(f"{where}: {f'not tested, as {one.reason}' if one.reason else figures}")
    text = "; ".join(said)
    text = f"{text[0].upper()}{text[1:]}."
    two = not any(one.reason for one in tests)
    return [f"{text} Of these two tests the smaller p counts, doubled (Bonferroni)." if two else text]


def _few_ways(tests: list[_Test]) -> list[str]:
    """Say where the labels could have been dealt in so few ways that p could not be small."""
    made = [one for one in tests if not one.reason]
    ways = max((one.ways() for one in made), default=np.inf)
    if ways * LEVEL >= len(made):
        return []
    least = f"{min(len(made) / ways, 1):.2f}"
    return [
        f"The labels could have been dealt in {ways:.0f} ways only: p cannot be below {least}, whatever the rows are like."
    ]


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
def _next(samples: Samples, labelled: np.ndarray, random_state: int) -> dict[str, Any]:
    """Return the rows or groups to label next, and on which side of which features they lie."""
    unit = np.unique(samples.group, return_inverse=True)[1].reshape(-1)
    Z, names = _scaled(_less_mean(samples.features, np.zeros_like(unit)), samples.features), samples.sample
    share = np.bincount(unit, labelled) / np.bincount(unit)
    whole = len(share) < len(unit) and bool(np.isin(share, (0, 1)).all() and labelled.any())
    unlike = _unlike(samples, labelled, random_state) if labelled.any() else np.zeros(len(unit))
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


def _unlike(samples: Samples, labelled: np.ndarray, random_state: int) -> np.ndarray:
    """Return how unlike labelled rows each row is, (n_rows,), by a model that was not trained on its group."""
    test = _Test.of(samples, labelled, "rows", random_state)
    return -test.scores(test.labelled[:, None])[:, 0]


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
    samples: Samples, labelled: np.ndarray, unit: np.ndarray, known: dict[str, Any]
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
        tests=[],
        difference=np.full(samples.n_features, np.nan),
        p_feature=np.full(samples.n_features, np.nan),
        notes=[],
        **(where if all_labelled else _next(dataclasses.replace(samples, group=unit), labelled, 0)),
    )
