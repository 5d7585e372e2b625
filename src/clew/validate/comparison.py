"""Which family of models is better on the same folds, could that be chance, and how much does choosing flatter?

What `clew.validate.nested` finds, in figures and sentences. Differences are those of the figures of all held-out rows,
paired over folds; since the training rows of folds overlap, their spread is widened before anything is concluded from it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.errors import DataError, check, check_choice
from clew.intervals import FEWEST_GROUPS, Interval, number
from clew.result import Result
from clew.validate.diagnosis import FLAT
from clew.words import spell_p

ERRORS = ("rmse", "mae")  # less is better
WORDS = {"r2": "R2", "f1": "F1", "rmse": "root mean square error", "mae": "mean absolute error"}
LEVEL = 0.05  # two families are told apart below this p, after Holm
FEWEST_FOLDS = FEWEST_GROUPS  # with fewer, hardly any difference is told apart from chance
NOTICED = 0.0005  # flattery below it is not worth a word


# ---- results ----
@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Difference(Result):
    """How much better or worse one family is than another on the same folds.

    Parameters
    ----------
    to : str
        The family that is subtracted.
    value, low, high : float
        The difference of the two figures, with the 95% interval of the corrected resampled t-test over folds.
    p_value, p_adjusted : float
        Of that test, and after Holm's correction over all families that are compared with the same one.
    over_groups : Interval
        The same difference with the jackknife's interval over groups: other rows, but the same models.
    """

    to: str
    value: float
    low: float
    high: float
    p_value: float
    p_adjusted: float
    over_groups: Interval

    @property
    def told_apart(self) -> bool:
        """Return whether more than chance stands between the two."""
        return self.p_adjusted < LEVEL

    def headline(self) -> str:
        """Say the difference with its interval."""
        return f"{self.written(signed=True)} to {self.to}, {p_written(self.p_adjusted)} after Holm"

    def written(self, *, signed: bool = False) -> str:
        """Write the difference with its interval, in digits that show whether the interval holds 0."""
        digits = _digits(self.value, self.low, self.high)
        value, low, high = (
            _short(one, digits, "+" if signed else "") for one in (self.value, self.low, self.high)
        )
        return f"{value} [{low}, {high}]"

    def summary(self) -> dict[str, Any]:
        """Return the difference, both intervals and both p-values."""
        parts = ("value", "low", "high", "p_value", "p_adjusted")
        over = self.over_groups.summary()
        return {"to": self.to} | {name: number(getattr(self, name)) for name in parts} | {"over_groups": over}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Contender(Result):
    """One family of models: how good it is when tuned within the folds.

    Parameters
    ----------
    name, words : str
        Its name as a setting, and in a sentence.
    grid : list of dict
        The settings that were tried.
    chosen : ndarray of int64, shape (n_divisions, n_folds)
        Which of them the inner folds chose, for each fold.
    metrics : dict of str to Interval
        Every figure of the held-out rows, with its interval over groups; the mean over repeated divisions.
    by_fold : ndarray of float64, shape (n_divisions, n_folds)
        The metric in each fold; NaN where a fold alone leaves it undefined.
    candidates : list of float
        The metric of each entry of the grid when it is used in every fold: the largest was chosen by its own test rows.
    to_reference, to_best : Difference or None
        Compared with the stated reference, and with the family of the best figure; None for these themselves.
    """

    name: str
    words: str
    grid: list[dict[str, Any]]
    chosen: np.ndarray
    metrics: dict[str, Interval]
    by_fold: np.ndarray
    candidates: list[float]
    to_reference: Difference | None = None
    to_best: Difference | None = None

    @property
    def settings_chosen(self) -> dict[str, Any]:
        """Return the settings that most folds chose; at a tie, the plainer ones."""
        return self.grid[int(np.bincount(self.chosen.reshape(-1), minlength=len(self.grid)).argmax())]

    def headline(self) -> str:
        """Say the family and its first figure."""
        name, figure = next(iter(self.metrics.items()))
        return f"{self.words}: {name} {figure.headline()}"

    def summary(self) -> dict[str, Any]:
        """Return every figure, the settings and the differences."""
        return {
            "name": self.name,
            "words": self.words,
            "settings": self.settings_chosen,
            "tried": len(self.grid),
            "metrics": {name: figure.summary() for name, figure in self.metrics.items()},
            "difference": self.to_reference.summary() if self.to_reference else None,
            "to_best": self.to_best.summary() if self.to_best else None,
        }


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Boundaries(Result):
    """What each family makes of two features alone, everywhere on a grid: enough to draw it without a fit.

    Parameters
    ----------
    features, units : list of str
        The two features, across and up, and their units.
    across, up : ndarray of float64, shape (n_across,), (n_up,)
        Where the grid lies.
    answer : ndarray of float64, shape (n_families, n_up, n_across, n_classes or 1)
        The probability of each class, or the predicted number.
    names, words : list of str
        The families.
    figures : list of Interval
        The metric of each on held-out rows, with two features only: these, or those that each fold chose for itself.
    classes : list of str
        The classes; none for numbers.
    rows : ndarray of float64, shape (n_rows, 2)
        The two features of each row.
    truth : ndarray, shape (n_rows,)
        The class (str) or number (float64) of each row.
    chosen : bool
        Whether the pair was chosen by what it tells, not named by a person: on all rows for the picture, on the training
        rows of each fold for the figures.
    """

    features: list[str]
    units: list[str]
    across: np.ndarray
    up: np.ndarray
    answer: np.ndarray
    names: list[str]
    words: list[str]
    figures: list[Interval]
    classes: list[str]
    rows: np.ndarray
    truth: np.ndarray
    chosen: bool

    def headline(self) -> str:
        """Say the two features."""
        return f"{len(self.names)} families on two features only, {self.features[0]} and {self.features[1]}"

    def summary(self) -> dict[str, Any]:
        """Return the features and the figures."""
        figures = {name: figure.summary() for name, figure in zip(self.names, self.figures, strict=True)}
        return {"features": list(self.features), "chosen": self.chosen, "figures": figures}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Comparison(Result):
    """Families of models on the same folds: figures, differences, and what choosing among them is worth.

    Parameters
    ----------
    kind : str
        "classification" or "regression".
    metric : str
        What they are compared by.
    families : list of Contender
        From the simplest to the most complex.
    reference : str
        The family that was stated beforehand to compare with.
    choice : Interval
        The metric of the whole procedure: in each fold the candidate that is best on its inner folds.
    n_candidates : int
        Families times their settings: everything that was tried.
    classes : list of str
        The classes; none for numbers.
    split : dict
        How the rows were divided: "by", "reason", "folds", "gap", "repeats".
    n_rows, n_groups : int
        What was learnt from.
    boundaries : Boundaries or None
        The families on two features.
    warnings : list of str
        What to mind when reading the figures.
    """

    kind: str
    metric: str
    families: list[Contender]
    reference: str
    choice: Interval
    n_candidates: int
    classes: list[str]
    split: dict[str, Any]
    n_rows: int
    n_groups: int
    boundaries: Boundaries | None = None
    warnings: list[str] = dataclasses.field(default_factory=list)

    def family(self, name: str) -> Contender:
        """Return one family by its name."""
        check_choice(name, [one.name for one in self.families], what="family", of="the comparison")
        return next(one for one in self.families if one.name == name)

    def figure(self, family: Contender) -> Interval:
        """Return the figure that a family is compared by."""
        return family.metrics[self.metric]

    @property
    def best(self) -> Contender:
        """Return the family with the best figure; at a tie, the simplest."""
        return best_of(self.families, [self.figure(one).value for one in self.families], self.metric)

    @property
    def simplest(self) -> Contender:
        """Return the simplest family that is not told apart from the best one."""
        return next(one for one in self.families if one.to_best is None or not one.to_best.told_apart)

    @property
    def too_few_folds(self) -> bool:
        """Return whether some families are not told apart from the best for want of folds, whatever they are worth."""
        alike = any(one.to_best and not one.to_best.told_apart for one in self.families)
        return alike and self.families[0].by_fold.size < FEWEST_FOLDS

    @property
    def optimistic(self) -> float:
        """Return the figure of the best of all candidates, chosen by the very rows that give the figure."""
        values = [value for one in self.families for value in one.candidates]
        return best_of(values, values, self.metric)

    def headline(self) -> str:
        """Say the verdict, and how many candidates it was chosen from."""
        return f"{self.verdict()[0]} {self._tried()}"

    def _tried(self) -> str:
        return f"{len(self.families)} families, {self.n_candidates} candidates were tried."

    def verdict(self) -> list[str]:
        """Say what can be told apart, what to take, and how much the choice flatters, in sentences."""
        best, word = self.best, spelt_out(self.metric)
        told = [f"{_capital(best.words)} has the best {word}: {written(self.figure(best))}."]
        others = [(one, one.to_best) for one in self.families if one.to_best]
        alike = [f"{one.words} ({_spelt(to)})" for one, to in others if not to.told_apart]
        worse = [f"{one.words} ({_spelt(to)})" for one, to in others if to.told_apart]
        if alike and not self.too_few_folds:
            told.append(f"Cannot be told apart from it: {', '.join(alike)}.")
        if worse:
            told.append(f"Worse than it by more than chance: {', '.join(worse)}.")
        if self.too_few_folds:
            told.append(self._too_few(alike))
        elif self.simplest.name == "dummy":
            told.append(self._no_better_than_the_dummy())
        elif alike:
            told.append(f"The simplest that is not shown to be worse is {self.simplest.words}.")
        return [*told, self._what_choosing_is_worth()]

    @property
    def _what(self) -> str:
        return "groups" if self.n_groups < self.n_rows else "rows"

    def _too_few(self, alike: list[str]) -> str:
        n = self.families[0].by_fold.size
        mend = (
            f"more {self._what} with labels are needed"
            if self.n_groups < FEWEST_FOLDS
            else "take more folds or repeats"
        )
        groups = f"{self.n_groups} {self._what} make " if self.n_groups < FEWEST_FOLDS else ""
        return (
            f"Too few folds to tell whether it is better than {', '.join(alike)}: {groups}{n} folds, where it takes at"
            f" least {FEWEST_FOLDS}; {mend}."
        )

    def _no_better_than_the_dummy(self) -> str:
        """Say that nothing is shown to be learnt; that nothing can be only where the intervals leave no room for it."""
        always = "the commonest class" if self.classes else "the mean"
        said = f"So no family is shown to do better than always saying {always}"
        dummy, sign = self.family("dummy"), -1 if self.metric in ERRORS else 1
        if dummy.to_best is None:  # the dummy is the best: how much better could another be?
            ends = [one.to_best for one in self.families if one.to_best]
            room = max((max(sign * to.low, sign * to.high) for to in ends), default=0.0)
        else:
            room = -min(sign * dummy.to_best.low, sign * dummy.to_best.high)
        value = self.figure(dummy).value
        if room <= FLAT * (value if self.metric in ERRORS else 1 - value):
            return f"{said}: nothing can be learnt from these rows yet."
        return f"{said}, but up to {_short(room, _digits(room))} better is not ruled out: more {self._what} with labels would tell."

    def _what_choosing_is_worth(self) -> str:
        flattered = (self.optimistic - self.choice.value) * (-1 if self.metric in ERRORS else 1)
        least = NOTICED * (abs(self.choice.value) if self.metric in ERRORS else 1.0)
        return (
            f"{self._tried()} The best of them reads {_short(self.optimistic, 3)} where the rows that judge also choose; chosen within"
            f" the folds, the choice gives {written(self.choice, 3)}: "
            + (
                f"the best of many is flattered by about {flattered:.2g}."
                if flattered >= least and flattered > 0
                else "here choosing does not flatter noticeably."
                if flattered > 0
                else "here choosing does not flatter."
            )
        )

    def summary(self) -> dict[str, Any]:
        """Return every family with figures and differences, and how many candidates were tried."""
        return {
            "metric": self.metric,
            "families": [one.summary() for one in self.families],
            "reference": self.reference,
            "best": self.best.name,
            "simplest_not_worse": None if self.too_few_folds else self.simplest.name,
            "too_few_folds": self.too_few_folds,
            "candidates": self.n_candidates,
            "chosen_within_folds": self.choice.summary(),
            "best_of_all": number(self.optimistic),
            "pair": list(self.boundaries.features) if self.boundaries else None,
            "pair_chosen": self.boundaries.chosen if self.boundaries else None,
            "on_pair": self.boundaries.summary()["figures"] if self.boundaries else {},
            "split": dict(self.split),
            "rows": self.n_rows,
            "groups": self.n_groups,
            "warnings": list(self.warnings),
        }


def best_of(what: Sequence[Any], values: Sequence[float], metric: str) -> Any:
    """Return the one with the best value of a metric; the first of equals."""
    return what[int(np.argmax(np.asarray(values) * (-1 if metric in ERRORS else 1)))]


def written(figure: Interval, digits: int = 2) -> str:
    """Write a figure with its interval: ``0.95 [0.90, 0.98]``."""
    text = _short(figure.value, digits)
    return (
        text
        if np.isnan(figure.low)
        else f"{text} [{_short(figure.low, digits)}, {_short(figure.high, digits)}]"
    )


def spelt_out(metric: str) -> str:
    """Return the name of a metric in a sentence."""
    return WORDS.get(metric, metric.replace("_", " "))


def p_written(p: float) -> str:
    """Write a p-value: ``p = 0.03``."""
    return f"p = {spell_p(p)}" if p >= 0.001 else "p < 0.001"


def _short(value: float, digits: int = 2, sign: str = "") -> str:
    return (
        f"{round(value, digits) + 0.0:{sign}.{digits}f}" if abs(value) < 10 else f"{value:{sign}.4g}"
    )  # no -0.00


def _digits(value: float, low: float | None = None, high: float | None = None) -> int:
    """Return how many digits it takes so that a number, and an interval that leaves out 0, do not read as 0."""
    ends = [value] if low is None or high is None else [value, low, high] if low > 0 or high < 0 else []
    least = min((abs(one) for one in ends if one), default=1.0)
    return max(2, math.ceil(-math.log10(least)))


def _spelt(difference: Difference) -> str:
    text = f"difference {difference.written()}"
    alone = (
        difference.p_value < LEVEL <= difference.p_adjusted
    )  # the interval leaves 0 out, but many were compared
    return f"{text}, {p_written(difference.p_adjusted)} after Holm" if alone else text


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


# ---- the test ----
def corrected_t_test(
    differences: np.ndarray, *, test_to_train: float, least_spread: float = 0.0
) -> tuple[float, float, float, float]:
    """Return mean, 95% interval and p-value of differences over folds whose training rows overlap.

    Parameters
    ----------
    differences : ndarray of float64, shape (n,)
        The difference of two models in each fold of each division; at least 2.
    test_to_train : float
        The number of test rows of a fold over its number of training rows.
    least_spread : float
        The standard deviation that the differences have at least: what one row more or less changes in a fold. It keeps
        folds that happen to agree from proving too much.

    Returns
    -------
    tuple of float
        Mean, low, high and two-sided p-value.

    Notes
    -----
    Corrected resampled t-test: the variance of the mean is ``(1 / n + n_test / n_train)`` times the variance of the
    differences, not ``1 / n`` times, with n - 1 degrees of freedom (Nadeau & Bengio, Machine Learning 52 (2003) 239,
    doi:10.1023/A:1024068626366).
    """
    from scipy.special import stdtr, stdtrit

    n = differences.size
    check(
        n >= 2, DataError, "The differences of corrected_t_test must come from at least 2 folds. Got {}.", n
    )
    mean, spread = float(differences.mean()), max(float(differences.std(ddof=1)), least_spread)
    error = spread * np.sqrt(1 / n + test_to_train)
    if error == 0:  # the same to the last bit, in every fold
        return mean, mean, mean, 1.0 if mean == 0 else 0.0
    half = error * float(stdtrit(n - 1, 0.975))
    return mean, mean - half, mean + half, float(2 * stdtr(n - 1, -abs(mean) / error))
