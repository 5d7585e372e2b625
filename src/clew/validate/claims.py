"""Do the features that a hypothesis names tell people's labels, or the target, on sealed rows?

Never the groups: rows that were put into groups by these features differ in them even where there are no groups, on
sealed rows too (Kriegeskorte et al., Nat. Neurosci. 12:535, 2009, doi:10.1038/nn.2303). So names of groups are no labels
here, and no setting makes them such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import factorial, prod
from typing import Any, Literal

import numpy as np

from clew.errors import SettingError, check, check_choice
from clew.explore.dip import holm
from clew.explore.hypotheses import DEPTH, STAND_IN, spearman
from clew.figures import confusion_tables, even_rows, mean_figure, mean_of_defined, share_of
from clew.intervals import NO_BOUNDS, Interval, number, spell, sums_interval
from clew.result import Result, step
from clew.samples import Samples
from clew.splits import units
from clew.splits.apart import has_times
from clew.validate.metrics import Kind, regression_scores
from clew.validate.replication import ALPHA, Verdict, check_enough
from clew.validate.resemblance import Neighbours, neighbours
from clew.words import listed, spell_p

CIRCULAR = (
    "The rows were put into groups by these features, so they differ in them even where there are no groups, on sealed "
    "rows too. Labels that people give to open and to sealed rows would make it a test (clew label)."
)
OF_NET = (
    "It was stated of what a net says of the rows, which learnt that from labels: sealed rows would say how well the net "
    "carries over. State it of people's labels instead (clew state STUDY FEATURES)."
)
LATE = "It was stated after the sealed rows had been seen."
CAUTION = "Correlation is not causation."
MOSTLY = 2 / 3  # of a group, of a class and of the rest, from where the class stands for the group
LEAF = 5  # rows of the smallest leaf of a tree, which needs two of them
FEWEST_WHOLE = 6  # groups with one label each that are permuted as wholes; two classes take one more
AT_ONCE = 4_000_000  # permuted labels in memory

Exchanged = Literal["within groups", "whole groups", "rows"]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Stated(Result):
    """A hypothesis that a person states.

    Parameters
    ----------
    features : list of str
    about : str
        The class that the features tell from the rest; "" for all labels, or the target.
    statement : str
    """

    features: list[str]
    about: str
    statement: str

    def headline(self) -> str:
        """Say the hypothesis."""
        return self.statement

    def summary(self) -> dict[str, Any]:
        """Return the hypothesis as it goes on record."""
        return {"features": list(self.features), "about": self.about, "statement": self.statement}


@step(sees="open")
def state(
    samples: Samples, *, features: str | list[str], about: str = "", target: str | None = None
) -> Stated:
    """State that some features tell people's labels, or the target.

    Parameters
    ----------
    samples : Samples
        The open rows, for the names of their features.
    features : str or list of str
        Names of features, a named set, or several with commas.
    about : str
        The class that they tell from the rest; all labels, or the target, by default.
    target : str, optional
        A feature that they tell instead of labels.

    Raises
    ------
    SettingError
        If a name is no feature, the target is among the features, or a class is named where numbers are told.
    """
    names, about = _without(samples, features, target), about.strip()
    numbers = samples.target is not None and not np.any(samples.labels != "")
    check(
        not (about and (target or numbers)),
        SettingError,
        "The 'about' of state must be left out where a target is told, which has no classes. Got '{}'.",
        about,
    )
    whom = f"{about} from the rest" if about else target or f"the {'target' if numbers else 'labels'}"
    verb = "tells" if len(names) == 1 else "tell"
    return Stated(features=names, about=about, statement=f"{listed(names)} {verb} {whom}")


def _without(samples: Samples, features: str | list[str], target: str | None) -> list[str]:
    """Return the names of features; a target is taken out of sets such as "all", and refused where it is named."""
    names = samples.resolve(features)
    if target is None:
        return names
    check_choice(target, samples.feature_names, what="'target' setting", of="state")
    given = features.split(",") if isinstance(features, str) else features
    left = [name for name in names if name != target]
    check(
        left and target not in [name.strip() for name in given],
        SettingError,
        "The 'features' of state must be other than the target '{}', which they tell. Got {}.",
        target,
        listed(names),
    )
    return left


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Claim(Result):
    """One hypothesis on record, and what the sealed rows say of it.

    Parameters
    ----------
    number : int
        Its number on record.
    features : list of str
    statement : str
        The hypothesis as it was stated.
    tested_as : str
        What the features were asked to tell: "people's labels", "round from the rest", "the target" or its name.
    verdict : {"confirmed", "not confirmed", "not tested"}
    reason : str
        Why it was not tested, or cannot be confirmed whatever p is; "" otherwise.
    p_value, p_adjusted : float
        By permutation, and after Holm's correction over all different tests on record; NaN if it was not tested.
    n_tests : int
        The number of these tests, also of those that could not be run.
    statistic_name, figure_name : str
        "AUC" and "balanced accuracy", or "Spearman's correlation" and "R2" of a target.
    statistic : float
        What the permutations were compared by, on the sealed rows.
    figure : Interval or None
        How good the tree is on the sealed rows, with its interval over groups.
    effect : Interval or None
        How much of that figure is lost when the named features are shuffled among the rows (in expectation).
    exchanged : str
        What was permuted: labels "within groups", "whole groups" that have one label each, or "rows"; stretches of time
        or blocks of one image may stand for groups. Where neighbours are alike it says how labels moved together.
    n_open, n_sealed : int
        The labelled rows that the tree learnt from, and those that it was scored on.
    stand_ins : dict of str to list of str
        For each feature those that are correlated with it at 0.8 or more on the open rows.
    """

    number: int
    features: list[str]
    statement: str
    verdict: Verdict
    reason: str = ""
    tested_as: str = ""
    p_value: float = np.nan
    p_adjusted: float = np.nan
    n_tests: int = 0
    statistic_name: str = ""
    figure_name: str = ""
    statistic: float = np.nan
    figure: Interval | None = None
    effect: Interval | None = None
    exchanged: str = ""
    n_open: int = 0
    n_sealed: int = 0
    stand_ins: dict[str, list[str]]

    def headline(self) -> str:
        """Say the hypothesis, the verdict, and the figures or the reason."""
        if self.figure is None or self.effect is None:
            return f"{self.statement}: {self.verdict}. {self.reason}"
        told = self.tested_as.removesuffix(" from the rest")
        whom = told if told == self.tested_as else f"'{told}' from the rest"
        figures = (
            f"Asked to tell {whom} on {self.n_sealed:,} sealed rows{self._among()}: {self.figure_name} "
            f"{spell(self.figure.summary())}, p = {spell_p(self.p_adjusted)} after Holm over {self.n_tests}; shuffling "
            f"{listed(self.features)} costs {spell(self.effect.summary())} of it."
        )
        return f"{self.statement}: {self.verdict}. {figures} {self.reason}".rstrip()

    def _among(self) -> str:
        """Say what was exchanged to see what chance would give; nothing for single rows."""
        if self.exchanged in ("", "rows"):
            return ""
        if self.exchanged.startswith("whole "):
            return f" ({self.exchanged} exchanged)"
        return f" ({'labels exchanged ' if self.exchanged.startswith('within ') else ''}{self.exchanged})"

    def instead(self) -> list[str]:
        """Say for each named feature which others could stand in for it, if any."""
        return [
            f"Instead of {name} it could be {listed(some, last='or')}."
            for name, some in self.stand_ins.items()
            if some
        ]

    def caution(self) -> str:
        """Say what could stand in for the named features, and that correlation is not causation."""
        return " ".join([*self.instead(), CAUTION])

    def summary(self) -> dict[str, Any]:
        """Return the figures; None for what was not tested."""
        nothing = {"value": None, "low": None, "high": None}
        return {
            "number": self.number,
            "features": list(self.features),
            "statement": self.statement,
            "tested_as": self.tested_as,
            "verdict": self.verdict,
            "confirmed": self.verdict == "confirmed",
            "reason": self.reason,
            "effect": self.effect.summary() if self.effect else nothing,
            "figure": self.figure_name,
            **(self.figure.summary() if self.figure else nothing),
            "statistic": {"name": self.statistic_name, "value": number(self.statistic)},
            "p_value": number(self.p_value),
            "p_adjusted": number(self.p_adjusted),
            "stand_ins": {name: list(some) for name, some in self.stand_ins.items()},
        }


@dataclass(frozen=True)
class Truth:
    """What people said of open and of sealed rows, or the target of both.

    Parameters
    ----------
    kind : {"classification", "regression"}
    open, sealed : Samples
        The rows with a label of a person, or a target.
    classes : list of str
        The classes of the open ones, sorted.
    by_people : bool
        False where there is neither a target nor a label of a person on both parts.
    reason : str
        Why nothing can be tested; "" where it can.
    notes : list of str
    """

    kind: Kind
    open: Samples
    sealed: Samples
    classes: list[str]
    by_people: bool
    reason: str
    notes: list[str]

    @property
    def open_labels(self) -> np.ndarray:
        """Return the labels of the open rows, str of shape (n_open,)."""
        return np.asarray(self.open.labels)

    @property
    def sealed_labels(self) -> np.ndarray:
        """Return the labels of the sealed rows, str of shape (n_sealed,)."""
        return np.asarray(self.sealed.labels)


def truth_of(samples: Samples, sealed: np.ndarray, by_person: np.ndarray) -> Truth:
    """Return what hypotheses can be tested against: labels of people where there are any, else the target.

    Parameters
    ----------
    samples : Samples
        Open and sealed rows, with all labels.
    sealed, by_person : ndarray of bool, shape (n_rows,)
        Which rows are sealed, and whose labels were given by a person.
    """
    numbers = samples.target is not None and not by_person.any()
    known = np.isfinite(samples.target) if numbers else by_person  # type: ignore[arg-type]
    notes: list[str] = []
    classes: list[str] = []
    if not numbers and samples.labels is not None:
        classes = np.unique(samples.labels[known & ~sealed]).tolist()
        strange = known & sealed & ~np.isin(samples.labels, classes)
        if strange.any() and classes:
            names = listed(np.unique(samples.labels[strange]).tolist())
            notes.append(f"{strange.sum()} labelled sealed rows are of a class that no open row has, and were left out: {names}.")  # fmt: skip
            known = known & ~strange
    open_, closed = samples.take(known & ~sealed), samples.take(known & sealed)
    truth = Truth(
        kind="regression" if numbers else "classification",
        open=open_,
        sealed=closed,
        classes=classes,
        by_people=bool(open_.n_rows and closed.n_rows),
        reason=_why_nothing(sealed, by_person, open_, closed, classes, numbers),
        notes=notes,
    )
    caveat = units(closed)[1] if not truth.reason else ""
    return replace(truth, notes=[*notes, caveat]) if caveat else truth


def _why_nothing(
    in_seal: np.ndarray,
    by_person: np.ndarray,
    open_: Samples,
    sealed: Samples,
    classes: list[str],
    numbers: bool,
) -> str:
    """Say why nothing can be tested, and what people can do where they can do something; "" where it can."""
    what = "a target" if numbers else "a label of a person"
    label = "" if numbers else " Label some by eye (clew label)."
    if not (open_.n_rows or sealed.n_rows):
        return f"None of {in_seal.size} rows has {what}.{label}"
    for part, held, inside in (("open", open_, ~in_seal), ("sealed", sealed, in_seal)):
        given = by_person[inside]
        act = "" if numbers else f" {_to_label(part, given)}"
        if not held.n_rows:
            return f"No {part} row has {what}{' that an open row has' if given.any() else ''}.{act}"
        if part == "open" and held.n_rows < 2 * LEAF:
            return f"{held.n_rows} open rows with {what} are too few to learn from; it takes {2 * LEAF}.{act}"
        if numbers and np.ptp(np.asarray(held.target)) == 0:
            return f"The target is the same on all {part} rows."
        there = classes if part == "open" or numbers else np.unique(np.asarray(held.labels))
        if not numbers and len(there) < 2:
            return f"All labels of {part} rows are '{there[0]}'.{act}"
    return ""


def _to_label(part: str, given: np.ndarray) -> str:
    """Say what people can still do about the labels of a part."""
    if not given.all():
        return f"Label {f'more {part} rows' if given.any() else 'some'} by eye (clew label)."
    fate = "sealed" if part == "sealed" else "left open"
    return f"All {part} rows are labelled, so nothing can be done in this study: other rows would have had to be {fate}."


def with_target(samples: Samples, target: str) -> Samples:
    """Return the samples with one of their features as the target, and no labels."""
    of_feature = samples.features[:, samples.feature_names.index(target)]
    return samples.with_labels(None).with_target(of_feature)


def stands_for(group: str, inside: np.ndarray, labels: np.ndarray) -> tuple[str, str]:
    """Return the class of people's labels that a group stands for, or "" and why none does.

    A class stands for a group where it has two thirds of the group's labelled rows, two thirds of its own lie in that
    group, and two thirds of the rows outside are of other classes (a class that nearly all rows have dominates everywhere).

    Parameters
    ----------
    group : str
        The name of the group, for the reason.
    inside : ndarray of bool, shape (n_labelled,)
        Which of the open rows that people labelled are in the group.
    labels : ndarray of str, shape (n_labelled,)
    """
    there, counts = np.unique(labels[inside], return_counts=True)
    if not there.size:
        return "", f"No class stands for {group}: people labelled none of its open rows."
    likely = there[counts.argmax()]
    of_class = labels == likely
    held, own, other = of_class[inside].mean(), inside[of_class].mean(), (~of_class)[~inside]
    if min(held, own, other.mean() if other.size else 0) >= MOSTLY:
        return str(likely), ""
    shares = f"has {held:.0%} of its {inside.sum()} labelled rows, and {own:.0%} of that class lie in it"
    outside = f"; of the rows outside {1 - other.mean():.0%} have it too" if other.size else ""
    return "", (
        f"People's labels are not these groups: no class stands for {group} ('{likely}' {shares}{outside}). "
        "It takes two thirds each way."
    )


def untestable(
    hypotheses: Sequence[Mapping[str, Any]], known: Samples, *, numbers: bool, n_rows: int, n_groups: int
) -> str:
    """Say why none can be tested, as far as it is known before sealed rows are seen; "" where one may be.

    Parameters
    ----------
    hypotheses : sequence of dict
        As for `judge`, at least one.
    known : Samples
        The open rows with a label of a person, or a target.
    numbers : bool
        Whether the target is told.
    n_rows, n_groups : int
        How many sealed rows have a label or target, and their groups.
    """
    y = np.asarray(known.target if numbers else known.labels)
    if y.size < 2 * LEAF:
        return f"{y.size} open rows with a {'target' if numbers else 'label of a person'} are too few to learn from; it takes {2 * LEAF}."
    classes = np.unique(y).tolist()
    if len(classes) < 2:
        return f"The {'target is the same on' if numbers else 'label is the same on'} all open rows."
    if not numbers:
        truth = Truth("classification", known, known, classes, True, "", [])
        about = [_about(one, truth) for one in hypotheses]
        if all(one is None for one in about):
            return " ".join(dict.fromkeys(_refused(one, None, truth) for one in hypotheses))
        k = 2 if all(about) else len(classes)
    else:
        k = 0
    unit = np.unique(known.group, return_inverse=True)[1].reshape(-1)
    several = (np.bincount(unit) > 1).sum() > 1 and 1 < n_groups < n_rows
    whole = several and _exchanged(np.unique(y, return_inverse=True)[1], unit) == "whole groups"
    if whole and n_groups < _fewest(k, FEWEST_WHOLE):
        return (
            f"Each group has one label only, so that whole groups must be permuted: {n_groups} are sealed, and it takes "
            f"{_fewest(k, FEWEST_WHOLE)} or more, as p could not be below {_best_p(n_groups, k):.2g}. More sealed groups "
            "would tell (clew new --sealed 0.4)."
        )
    if n_rows < _fewest(k):
        return (
            f"{n_rows} sealed rows can be tested, and it takes {_fewest(k)} or more, as p could not be below "
            f"{_best_p(n_rows, k):.2g}. More sealed rows would tell (clew new --sealed 0.4, or more labels)."
        )
    return ""


def judge(
    hypotheses: Sequence[Mapping[str, Any]],
    truth: Truth,
    open_rows: Samples,
    *,
    targets: Mapping[str, Truth] | None = None,
    permutations: int = 999,
    random_state: int = 0,
) -> list[Claim]:
    """Test every hypothesis on record against what people said of the sealed rows.

    Parameters
    ----------
    hypotheses : sequence of dict
        "number", "features", "statement"; "about", the class that they tell from the rest, or ""; "by", "person" or
        "look": then "about" is the class that its group stands for (`stands_for`), or the group's given name, and "why_not"
        says why there is none; a "net" whose activations were looked at is never tested; "late", whether it was stated after the sealed rows had been seen; "target", the feature
        that is told instead of labels, if any.
    truth : Truth
    open_rows : Samples
        All open rows, for the features that could stand in for those named.
    targets : dict of str to Truth, optional
        What is told of each feature that is a "target" of a hypothesis.
    permutations : int
        Of the labels of the sealed rows, for each hypothesis; at least 19.
    random_state : int
        Seed of the permutations.

    Raises
    ------
    SettingError
        If ``permutations`` cannot give a p as small as 0.05.

    Notes
    -----
    A tree of depth 2 (balanced classes, at least 5 rows a leaf) learns from the labelled open rows and the named features,
    and scores the labelled sealed rows once. The statistic is the AUC of its probability (macro, one against the rest), or
    Spearman's correlation with a target. The tree stays; the labels of the sealed rows are permuted within groups, so that
    images that differ both in labels and in features confirm nothing. p = (1 + permutations at or above) /
    (permutations + 1) (Phipson & Smyth, SAGMB 9:39, 2010, doi:10.2202/1544-6115.1585). Where each group has one label,
    whole groups are permuted, if there are 6 and p can be below 0.05 (two classes: 7; Winkler et al., NeuroImage 123:253, 2015,
    doi:10.1016/j.neuroimage.2015.05.092). Where neighbours along time or in one image are alike
    (`clew.validate.resemblance`), labels are turned along stretches of time, or blocks of the image change places, and open
    rows next to sealed ones teach nothing. Holm (Scand. J. Stat. 6:65, 1979) over all different tests on record, those
    that could not be run counted with p = 1; hypotheses that ask the same of the same features are one test.
    """
    check_enough("permutations", permutations)
    correlation = np.abs(spearman(open_rows.features)) if hypotheses else np.empty((0, 0))
    tests: dict[tuple[Any, ...], Claim] = {}
    keys = []
    for one in hypotheses:
        target = one.get("target") or ""
        of = (targets or {})[target] if target else truth
        about = _about(one, of)
        why = (one["by"], one["about"], one.get("why_not", "")) if about is None else ()
        key = (target, about, *why, *sorted(one["features"]))
        keys.append(key)
        if key not in tests:
            tests[key] = _tested(one, about, of, permutations, random_state)
    p = np.array([claim.p_value for claim in tests.values()])
    adjusted = dict(zip(tests, holm(np.nan_to_num(p, nan=1.0))))
    names = list(open_rows.feature_names)
    claims = []
    for one, key in zip(hypotheses, keys):
        asked = tests[key].tested_as and (
            f"{one['about']} from the rest" if one["about"] else one.get("target")
        )
        claim = replace(
            tests[key],
            tested_as=asked or tests[key].tested_as,  # either of two classes is the same test
            number=int(one["number"]),
            statement=one["statement"],
            features=list(one["features"]),
            n_tests=len(tests),
            stand_ins={
                name: [other for other in _stand_ins(name, names, correlation) if other != one.get("target")]
                for name in one["features"]
            },
        )
        claims.append(_with_verdict(claim, float(adjusted[key]), late=one["late"]))
    return claims


def _with_verdict(claim: Claim, p_adjusted: float, *, late: bool) -> Claim:
    if claim.verdict == "not tested":
        return claim
    confirmed = p_adjusted <= ALPHA and not late
    verdict: Verdict = "confirmed" if confirmed else "not confirmed"
    return replace(claim, p_adjusted=p_adjusted, verdict=verdict, reason=LATE if late else "")


def _stand_ins(name: str, names: list[str], correlation: np.ndarray) -> list[str]:
    near = correlation[names.index(name)] >= STAND_IN
    return [other for other, close in zip(names, near) if close and other != name]


def _about(hypothesis: Mapping[str, Any], truth: Truth) -> str | None:
    """Return the class that is told from the rest, "" for all of them (or the target), None for one that is not there."""
    about = hypothesis["about"]
    if hypothesis["by"] == "net":
        return None
    if not about and hypothesis["by"] == "person":
        return ""
    if about not in truth.classes:
        return None
    return "" if len(truth.classes) == 2 else about


def _tested(
    hypothesis: Mapping[str, Any], about: str | None, truth: Truth, permutations: int, random_state: int
) -> Claim:
    """Return the claim with its p value, not yet adjusted, or with the reason why there is none."""
    features = list(hypothesis["features"])
    untested = Claim(
        number=0,
        features=features,
        statement=hypothesis["statement"],
        verdict="not tested",
        stand_ins={},
    )
    reason = _refused(hypothesis, about, truth)
    if reason:
        return replace(untested, reason=reason)
    y_open, y = _asked(truth, about or "")
    if np.ptp(y) == 0:
        whose = "of class" if about in truth.sealed_labels else "of another class than"
        return replace(untested, reason=f"All labelled sealed rows are {whose} '{about}'.")
    classes = truth.kind == "classification"
    X_open, X = (_columns(rows, features, truth.open) for rows in (truth.open, truth.sealed))
    near = neighbours(truth.open, truth.sealed, y_open, X_open, classes=classes)
    if near:
        unit, exchanged, far = near.unit, near.said, near.far
        reason = _too_near(near, y, y_open)
    else:
        unit = np.unique(units(truth.sealed)[0], return_inverse=True)[1].reshape(-1)
        exchanged, far = _exchanged(y, unit), np.ones(y_open.size, bool)
        k = np.unique(y).size if classes else 0
        reason = _too_few(exchanged, unit, _smallest_p(y, unit, exchanged), k)
    if reason:
        return replace(untested, reason=reason)

    score = _scores(X_open[far], y_open[far], X, truth.kind)
    statistic = _aucs if classes else _spearmans
    observed = float(statistic(y[None], score)[0])
    rng = np.random.default_rng(random_state)
    at_or_above = sum(
        int((statistic(block, score) >= observed - 1e-12).sum())
        for block in (
            near.arranged(y, permutations, rng) if near else _permuted(y, unit, exchanged, permutations, rng)
        )
    )
    figure, effect = (_class_effects if classes else _number_effects)(y, score, unit, exchanged)
    return replace(
        untested,
        verdict="not confirmed",
        tested_as=f"{about} from the rest" if about else "people's labels" if classes else "the target",
        p_value=(1 + at_or_above) / (permutations + 1),
        statistic_name="AUC" if classes else "Spearman's correlation",
        figure_name="balanced accuracy" if classes else "R2",
        statistic=observed,
        figure=figure,
        effect=effect,
        exchanged=exchanged.replace("groups", _units_said(truth.sealed)),
        n_open=int(far.sum()),
        n_sealed=truth.sealed.n_rows,
    )


def _units_said(sealed: Samples) -> str:
    """Name the units of `clew.splits.units`."""
    if sealed.n_groups not in (1, sealed.n_rows):
        return "groups"
    return "stretches of time" if has_times(sealed) else "blocks of the image"


def _refused(hypothesis: Mapping[str, Any], about: str | None, truth: Truth) -> str:
    """Say why a hypothesis is not tested, circularity before all else; "" if nothing is in the way."""
    if hypothesis["by"] == "net":
        return OF_NET
    if hypothesis["by"] == "look" and not truth.by_people:  # all that is left are the groups themselves
        return CIRCULAR
    if truth.reason or about is not None:
        return truth.reason
    if hypothesis["by"] == "look":
        number = truth.kind == "regression"
        what = "The target is a number" if number else "People's labels are not these groups"
        return hypothesis.get("why_not") or f"{what}: no class of people's stands for the group."
    there = f"the classes are {listed(truth.classes)}" if truth.classes else "the target has no classes"
    return f"No open row has the label '{hypothesis['about']}': {there}."


def _asked(truth: Truth, about: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the classes, or the target, of the open and the sealed rows, (n_open,) and (n_sealed,)."""
    if truth.kind == "regression":
        return np.asarray(truth.open.target), np.asarray(truth.sealed.target)
    if about:
        return (truth.open_labels == about).astype(np.int64), (truth.sealed_labels == about).astype(np.int64)
    return np.searchsorted(truth.classes, truth.open_labels), np.searchsorted(
        truth.classes, truth.sealed_labels
    )


# ---- the tree ----
def _columns(samples: Samples, features: list[str], fitted: Samples) -> np.ndarray:
    """Return the named features, scaled by ``fitted``: trees compare 7 digits, and spend none on an offset."""
    X, of = samples.select(features).features, fitted.select(features).features
    spread = of.std(axis=0)
    return ((X - of.mean(axis=0)) / np.where(spread > 0, spread, 1)).astype(np.float32)


def _scores(X_open: np.ndarray, y_open: np.ndarray, X: np.ndarray, kind: Kind) -> np.ndarray:
    """Return what a tree that learnt from open rows says of others: probabilities (n, n_classes), or numbers (n, 1)."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    shape: dict[str, Any] = {"max_depth": DEPTH, "min_samples_leaf": LEAF, "random_state": 0}
    if kind == "regression":
        return DecisionTreeRegressor(**shape).fit(X_open, y_open).predict(X)[:, None]
    return DecisionTreeClassifier(class_weight="balanced", **shape).fit(X_open, y_open).predict_proba(X)


def _aucs(y: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Return the AUC (n_permutations,) of labels (n_permutations, n), the mean over classes that have rows."""
    from scipy.stats import rankdata

    areas = []
    for c, rank in enumerate(rankdata(score, axis=0).T):
        of_class = y == c
        n = of_class.sum(axis=1)
        above = of_class @ rank - n * (n + 1) / 2
        areas.append(share_of(above, n * (y.shape[1] - n)))
    return mean_of_defined(np.array(areas).T)


def _spearmans(y: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation (n_permutations,) of numbers (n_permutations, n) with the score; 0 for a constant."""
    from scipy.stats import rankdata

    middle = (y.shape[1] + 1) / 2
    a, b = rankdata(y, axis=1) - middle, rankdata(score[:, 0]) - middle
    return np.nan_to_num(share_of(a @ b, np.sqrt((a**2).sum(axis=1) * (b @ b))))


# ---- permutations ----
def _exchanged(y: np.ndarray, unit: np.ndarray) -> Exchanged:
    """Return what may be permuted: labels within groups, unless each group has one label only."""
    if unit.max() + 1 == unit.size:
        return "rows"
    first = np.zeros(unit.max() + 1, y.dtype)
    first[unit] = y
    return "whole groups" if (first[unit] == y).all() else "within groups"


def _smallest_p(y: np.ndarray, unit: np.ndarray, exchanged: str) -> float:
    """Return 1 over the number of different arrangements of the labels."""
    from scipy.special import gammaln

    if exchanged != "within groups":  # every unit has one label
        y, unit = y[np.unique(unit, return_index=True)[1]], np.zeros(unit.max() + 1, np.int64)
    value = np.unique(y, return_inverse=True)[1].reshape(-1)
    counts = np.unique(unit * (value.max() + 1) + value, return_counts=True)[1]
    logarithm = gammaln(np.bincount(unit) + 1).sum() - gammaln(counts + 1).sum()
    return float(np.exp(-logarithm))


def _too_near(near: Neighbours, y: np.ndarray, y_open: np.ndarray) -> str:
    """Say why rows that resemble their neighbours cannot be tested; "" where they can."""
    reason, learnt = near.too_few(), y_open[near.far]
    if reason:
        return reason
    if learnt.size < 2 * LEAF or np.ptp(learnt) == 0:
        return (
            f"Of {y_open.size} open rows {learnt.size} do not resemble the sealed ones next to them, too few or too much "
            "alike to learn from."
        )
    smallest = near.smallest_p(y)
    return f"The labels of the sealed rows can be arranged in few ways only: p could not be below {smallest:.2g}." if smallest > ALPHA else ""  # fmt: skip


def _best_p(n: int, k: int) -> float:
    """Return the smallest p that n units can give at best, with k classes (0 for numbers): 1 over their arrangements."""
    each = [n // k + (i < n % k) for i in range(k)]
    return prod(map(factorial, each)) / factorial(n)


def _below_alpha(smallest: float) -> bool:
    """Tell whether p can be below 0.05; where it could be 0.05 at best, random arrangements reach that by luck only."""
    return smallest < ALPHA * (1 - 1e-9)


def _fewest(k: int, at_least: int = 2) -> int:
    """Return how many units with k classes (0 for numbers) it takes for a p below 0.05."""
    return next(n for n in range(at_least, 99) if _below_alpha(_best_p(n, k)))


def _too_few(exchanged: str, unit: np.ndarray, smallest: float, k: int) -> str:
    """Say why there are too few arrangements of the labels of k classes; "" where there are enough."""
    n = int(unit.max()) + 1
    if _below_alpha(smallest) and (exchanged != "whole groups" or n >= FEWEST_WHOLE):
        return ""
    if exchanged == "whole groups":
        fewest = _fewest(k, FEWEST_WHOLE)
        why = f"it takes {fewest} or more" if n < fewest else "that can be done in few ways only"
        return (
            f"Each of the {n} sealed groups has one label only, so that whole groups had to be permuted, and {why}: p could "
            f"not be below {smallest:.2g}. More sealed groups with labels would tell (clew new --sealed 0.4)."
        )
    if exchanged == "rows":
        what = f"{n} labelled sealed rows can be arranged in few ways only"
    else:
        what = "Within groups, the labels of the sealed rows can be arranged in few ways only"
    return f"{what}: p could not be below {smallest:.2g}. Label more sealed rows."


def _permuted(
    y: np.ndarray, unit: np.ndarray, exchanged: str, permutations: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yield the labels in blocks (n_permutations of the block, n) of random arrangements."""
    block = max(1, AT_ONCE // y.size)
    order = np.argsort(unit, kind="stable")
    first = np.zeros(unit.max() + 1, y.dtype)
    first[unit] = y
    for start in range(0, permutations, block):
        n = min(block, permutations - start)
        if exchanged == "within groups":
            mixed = np.argsort(unit[order] + rng.random((n, y.size)), axis=1)
            out = np.empty((n, y.size), y.dtype)
            out[:, order] = y[order][mixed]
            yield out
        else:
            yield rng.permuted(np.tile(first, (n, 1)), axis=1)[:, unit]


# ---- effects ----
def _class_effects(
    y: np.ndarray, score: np.ndarray, unit: np.ndarray, exchanged: str
) -> tuple[Interval, Interval]:
    """Return balanced accuracy, and how much of it is lost when the predictions are shuffled as the labels are."""
    k = score.shape[1]
    tables, times = confusion_tables(y, score.argmax(axis=1), unit, k)
    mixed = _shuffled(tables) if exchanged == "within groups" else None
    flat = (tables if mixed is None else np.stack([tables, mixed], axis=1)).reshape(len(tables), -1)
    total = np.tensordot(times, tables, axes=1)
    present = total.sum(axis=-1) > 0

    def loss(sums: np.ndarray) -> np.ndarray:
        parts = sums.reshape(*sums.shape[:-1], -1, k, k)
        kept = parts[..., 0, :, :]
        shuffled = _shuffled(kept) if mixed is None else parts[..., 1, :, :]
        gone = ((kept.sum(axis=-1) > 0) != present).any(axis=-1)  # as for balanced accuracy
        return np.where(gone, np.nan, _balanced(kept) - _balanced(shuffled))

    figure = mean_figure("balanced_accuracy", tables, times)
    by_chance = figure.value - float(loss(times @ flat))
    effect = sums_interval(
        loss,
        flat,
        times=times,
        n_rows=y.size,
        n_most=even_rows(total.sum(axis=-1)),
        n_alike=even_rows(times @ (tables.sum(axis=-1) > 0)),
        bounds=(-by_chance, 1 - by_chance),  # what is left of the scale of balanced accuracy
    )
    return figure, effect


def _shuffled(tables: np.ndarray) -> np.ndarray:
    """Return the expected confusion tables (..., k, k) once the predictions of a table's rows are shuffled."""
    n = np.maximum(tables.sum(axis=(-2, -1), keepdims=True), 1)
    return tables.sum(axis=-1, keepdims=True) * tables.sum(axis=-2, keepdims=True) / n


def _balanced(tables: np.ndarray) -> np.ndarray:
    return mean_of_defined(share_of(np.diagonal(tables, axis1=-2, axis2=-1), tables.sum(axis=-1)))


def _number_effects(
    y: np.ndarray, score: np.ndarray, unit: np.ndarray, exchanged: str
) -> tuple[Interval, Interval]:
    """Return R2, and how much of it is lost when the predictions are shuffled as the target is."""
    p, y = score[:, 0] - y.mean(), y - y.mean()
    sums = np.zeros((unit.max() + 1, 5))
    np.add.at(sums, unit, np.stack([np.ones_like(y), y, y**2, p, y * p], axis=1))
    within = exchanged == "within groups"
    if within:
        sums = np.column_stack([sums, sums[:, 1] * sums[:, 3] / sums[:, 0]])

    def loss(s: np.ndarray) -> np.ndarray:
        mixed = s[..., 5] if within else share_of(s[..., 1] * s[..., 3], s[..., 0])
        return 2 * share_of(s[..., 4] - mixed, s[..., 2] - share_of(s[..., 1] ** 2, s[..., 0]))

    effect = sums_interval(loss, sums, n_rows=y.size, bounds=NO_BOUNDS)
    return regression_scores(y, p, groups=unit).metrics["r2"], effect
