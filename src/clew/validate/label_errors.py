"""Which labels look wrong? Rows that models, which never saw them, take for something else. Nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import DataError, check
from clew.result import Result

if TYPE_CHECKING:
    import pandas as pd

    from clew.validate.metrics import Validation

# Possible shares of wrong labels, and powers that sharpen or flatten the probabilities.
SHARES = np.array([0, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.11, 0.15, 0.2, 0.25, 0.3])
POWERS = np.geomspace(0.25, 6, 20)
LEAST = 0.02  # added to each probability: a forest of 100 trees that says 0 has not seen all there is
EVIDENCE = 2.7  # twice the gain in log-likelihood that wrong labels must bring: one-sided 5%
NEIGHBOURS = 50  # rows of similar prediction that give a residual its scale
TWO_SIDED = 200  # rows from which residuals above and below may have tails of their own
ONE_TOO_MANY = 0.5  # rows that may lie beyond the limit of residuals if all numbers are right


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class LabelErrors(Result):
    """Rows whose label, or number, contradicts what models say that were trained without them; the worst first.

    Parameters
    ----------
    kind : str
        "classification" or "regression".
    n_rows : int
        How many rows were looked at; 0 where every class lies in one fold, or the models are not shown to beat chance.
    n_suspected : int
        How many of the first rows look wrong. Some of them will be right all the same, for how many see the Notes of
        `label_errors`.
    sample, group : ndarray of str, shape (n_ranked,)
        The names of the rows, the worst first, and their groups.
    given, said : ndarray, shape (n_ranked,)
        The label (str) or number (float64) that was given, and what the models say.
    p_given, p_said : ndarray of float64, shape (n_ranked,)
        Out-of-fold probability of either; NaN for numbers.
    score : ndarray of float64, shape (n_ranked,)
        Probability that the label is wrong, by the model of the Notes of `label_errors`; for numbers the residual
        in robust standard deviations.
    notes : list of str
        What to mind.
    by_chance : bool
        Whether the models are not shown to be better than one without a look, so that they may doubt no label.
    """

    kind: str
    n_rows: int
    n_suspected: int
    sample: np.ndarray
    group: np.ndarray
    given: np.ndarray
    said: np.ndarray
    p_given: np.ndarray
    p_said: np.ndarray
    score: np.ndarray
    notes: list[str]
    by_chance: bool = False

    def headline(self) -> str:
        """Say how many labels look wrong, and the worst."""
        what = "label" if self.kind == "classification" else "number"
        if self.by_chance:
            return f"No {what}s are named as doubtful, since this model is not shown to be better than chance"
        if not self.n_rows:
            return f"No {what} was looked at"
        if not self.n_suspected:
            none = f"None of {self.n_rows:,} {what}s looks wrong"
            if self.kind == "regression" or not len(self.sample):
                return none
            n = len(self.sample)
            some = "1 contradicts its prediction" if n == 1 else f"{n} contradict their predictions"
            return f"{none}: {some}, no more than hard cases would; the first is {self._told(0)}"
        some = f"{what}s looks" if self.n_suspected == 1 else f"{what}s look"
        return f"{self.n_suspected} of {self.n_rows:,} {some} wrong; the worst is {self._told(0)}"

    def _told(self, i: int) -> str:
        if self.kind == "regression":
            return f"{self.sample[i]}: {self.given[i]:.4g} where {self.said[i]:.4g} was predicted"
        return f"{self.sample[i]}: labelled '{self.given[i]}', {self.p_said[i]:.2f} '{self.said[i]}'"

    def listing(self, *, at_most: int = 8) -> list[str]:
        """Return a short line for each row that looks wrong, the worst first, where there are several; not more than so many."""
        return [self._told(i) for i in range(min(self.n_suspected, at_most))] if self.n_suspected > 1 else []

    def sentences(self) -> list[str]:
        """Return the headline, what to do, and what to mind."""
        return [f"{self.headline()}.", *self._to_do(), *self.notes]

    def _to_do(self) -> list[str]:
        """Say what to do about rows that look wrong, or contradict: no model can say which of them are right."""
        if self.n_suspected > 1:
            return [
                "Look at them; nothing was changed. Some may well be right: hard cases look like this, too."
            ]
        if self.n_suspected == 1:
            return ["Look at it; nothing was changed. It may well be right: hard cases look like this, too."]
        if self.kind == "regression" or not len(self.sample):
            return []
        return [f"{'It is' if len(self.sample) == 1 else 'They are'} worth a look; nothing was changed."]

    def summary(self) -> dict[str, Any]:
        """Return the figures that scripts rely on: the rows that look wrong, or the first ten."""
        shown = self.to_frame().head(max(self.n_suspected, 10))
        return {
            "rows": self.n_rows,
            "suspected": self.n_suspected,
            "ranked": [
                {name: None if value != value else value for name, value in row.items()}
                for row in shown.reset_index().to_dict("records")
            ],
            "sentences": self.sentences(),
        }

    def to_frame(self) -> pd.DataFrame:
        """Return a table with a line for each ranked row, the worst first."""
        import pandas as pd

        columns = {
            name: getattr(self, name) for name in ("group", "given", "said", "p_given", "p_said", "score")
        }
        if self.kind == "regression":
            del columns["p_given"], columns["p_said"]
        frame = pd.DataFrame(columns, index=pd.Index(self.sample, name="sample"))
        frame.insert(0, "rank", np.arange(1, len(frame) + 1))
        frame["looks_wrong"] = np.arange(len(frame)) < self.n_suspected
        return frame


def label_errors_of(validation: Validation) -> LabelErrors:
    """Find the labels, or numbers, that a cross-validation contradicts.

    Parameters
    ----------
    validation : Validation
        Its probabilities, or predicted numbers, must be out of fold. Rows of a class that the other folds lack are
        left out, and said: no model could have known it. Where every class is such, or the models are not shown to be
        better than one without a look, nothing is ranked.
    """
    if validation.no_better:
        kind = "classification" if validation.scores.classes else "regression"
        return replace(_nothing_to_look_at(), kind=kind, by_chance=True)
    if not validation.scores.classes:
        return number_errors(
            validation.truth, validation.predicted, sample=validation.sample, group=validation.group
        )
    known, alone = np.ones(len(validation.truth), bool), []
    for name in np.unique(validation.truth):
        rows = validation.truth == name
        if len(np.unique(validation.fold)) > 1 and len(np.unique(validation.fold[rows])) == 1:
            known &= ~rows
            alone.append(str(name))
    if known.any():
        result = label_errors(
            validation.truth[known],
            validation.probability[known],
            validation.scores.classes,
            sample=validation.sample[known],
            group=validation.group[known],
        )
    else:
        result = _nothing_to_look_at()
    if not alone:
        return result
    note = (
        f"All rows of {', '.join(alone)} were tested in one fold, so that no model could know them: left out."
    )
    return replace(result, notes=[*result.notes, note])


def _nothing_to_look_at() -> LabelErrors:
    words, numbers = np.array([], str), np.array([], np.float64)
    return LabelErrors(
        kind="classification", n_rows=0, n_suspected=0, sample=words, group=words, given=words, said=words,
        p_given=numbers, p_said=numbers, score=numbers, notes=[],
    )  # fmt: skip


def label_errors(
    truth: np.ndarray,
    probability: np.ndarray,
    classes: Sequence[str],
    *,
    sample: np.ndarray,
    group: np.ndarray,
) -> LabelErrors:
    """Rank the rows whose out-of-fold probability contradicts their label, and say how many look wrong.

    Parameters
    ----------
    truth : ndarray of str, shape (n_rows,)
        The labels that were given.
    probability : ndarray of float64, shape (n_rows, n_classes)
        The probability of each class by a model that was trained without the row.
    classes : sequence of str
        The class of each column.
    sample, group : ndarray of str, shape (n_rows,)
        The names and groups of the rows.

    Raises
    ------
    DataError
        If the parts do not fit, there are fewer than two classes, a label is none of them, or a probability is not
        a number from 0 to 1.

    Notes
    -----
    A contradiction is no error: where classes overlap, right labels contradict good models. So two models of the
    labels are held against each other, by their likelihood: all are right, drawn from the probabilities (raised to a
    power, since forests are too shy and trees too sure); or a share of them, to be found, was replaced by another
    class at random (Bootkrajang & Kabán, ECML PKDD 2012,
    doi:10.1007/978-3-642-33460-3_15). If that gains too little, no label looks wrong; otherwise those that are more
    likely wrong than right do.

    Measured with forests of 100 trees, 2 / 5 / 10% of labels flipped at random, on data of seeds that nothing was tuned
    on (8 to 32 sets each): of the labels that look wrong, 64 / 79 / 86% were where two classes of 400 rows lie 4 sigma
    apart, 79 / 90 / 90% of penguins, 72 / 84 / 85% of breast_cancer, 80 / 84% of iris (at 5 and 10%; 3 wrong ones of 150
    are too few to be seen), but 22 / 32 / 49% at 2 sigma, where most wrong labels cannot be told. With all labels right,
    0.2 of 400 look wrong at 4 sigma; at 2 sigma 2.3, none in most sets, but up to 26 in 4 of 32. The models' own count of
    the right ones among them, the sum of 1 minus `score`, is mostly too small and so is not told.

    Confident learning (Northcutt, Jiang & Chuang, JAIR 70 (2021) 1373, doi:10.1613/jair.1.12125), the usual way, takes
    rows near the boundary for errors: with all labels right, 33 of 400 at 2 sigma and 193 where classes do not differ;
    with 5% wrong at 2 sigma, 46, of which 29% were.
    """
    truth, probability = np.asarray(truth).astype(str), np.asarray(probability, float)
    sample, group = np.asarray(sample).astype(str), np.asarray(group).astype(str)
    given = _checked(truth, probability, list(classes), sample)
    rows = np.arange(len(truth))
    p_given, others = probability[rows, given], probability.copy()
    others[rows, given] = -1
    p_said = others.max(axis=1)
    wrong, own = _likely_wrong(probability, given)
    order = np.lexsort((p_given - p_said, own))
    order = order[(p_said > p_given)[order]]
    return _ranked(
        "classification",
        order,
        n_suspected=int((wrong[order] > 0.5).sum()),
        sample=sample,
        group=group,
        given=truth,
        said=np.array(classes)[others.argmax(axis=1)],
        p_given=p_given,
        p_said=p_said,
        score=wrong,
    )


def _checked(
    truth: np.ndarray, probability: np.ndarray, classes: list[str], sample: np.ndarray
) -> np.ndarray:
    """Return the column of each row's label, int64 of shape (n_rows,)."""
    check(len(truth), DataError, "The truth of label_errors must hold at least 1 row. Got {} instead.", 0)
    check(
        len(classes) >= 2,
        DataError,
        "The classes of label_errors must be at least 2. Got {} instead.",
        len(classes),
    )
    check(
        probability.shape == (len(truth), len(classes)),
        DataError,
        "The probability of label_errors must be of shape {}. Got {} instead.",
        (len(truth), len(classes)),
        probability.shape,
    )
    bad = np.argwhere(~((probability >= 0) & (probability <= 1 + 1e-9)))
    if bad.size:
        row, column = bad[0]
        raise DataError(
            f"The probability of '{classes[column]}' for sample '{sample[row]}' must be a number from 0 to 1."
            f" Got {probability[row, column]} instead."
        )
    unknown = sorted(set(truth.tolist()) - set(classes))
    check(not unknown, DataError, "The labels of label_errors must be among {}. Got '{}' instead.", ", ".join(classes), *unknown[:1])  # fmt: skip
    return np.array([classes.index(name) for name in truth.tolist()], np.int64)


def _likely_wrong(probability: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability (n_rows,) that each label is wrong, and that of the label had it been right.

    The power and the share of wrong labels are those with the largest likelihood. The share is 0 if it gains too
    little over the best power without any.
    """
    n_classes = probability.shape[1]
    shy = np.log((probability + LEAST) / (1 + LEAST * n_classes))
    shy -= shy.max(axis=1, keepdims=True)
    rows = np.arange(len(given))

    def own(power: float) -> np.ndarray:
        sharp = np.exp(power * shy)
        return sharp[rows, given] / sharp.sum(axis=1)

    def seen(q: np.ndarray, share: float) -> np.ndarray:
        return (1 - share) * q + share * (1 - q) / (n_classes - 1)

    likelihood = np.array([[np.log(seen(q, share)).sum() for share in SHARES] for q in map(own, POWERS)])
    power, share = np.unravel_index(likelihood.argmax(), likelihood.shape)
    if 2 * (likelihood.max() - likelihood[:, 0].max()) < EVIDENCE:
        power, share = likelihood[:, 0].argmax(), np.intp(0)
    q = own(POWERS[power])
    return SHARES[share] * (1 - q) / (n_classes - 1) / seen(q, SHARES[share]), q


def number_errors(
    truth: np.ndarray, predicted: np.ndarray, *, sample: np.ndarray, group: np.ndarray
) -> LabelErrors:
    """Rank rows by how far their number lies from what was predicted without them, and say how many look wrong.

    Parameters
    ----------
    truth, predicted : ndarray of float64, shape (n_rows,)
        The numbers that were given, and those predicted out of fold.
    sample, group : ndarray of str, shape (n_rows,)
        The names and groups of the rows.

    Raises
    ------
    DataError
        If the parts do not fit, or a number is not finite.

    Notes
    -----
    Residuals in robust standard deviations (1.4826 times the median absolute one) of the 50 rows of nearest prediction.
    They are held against Student's t whose tails are as heavy as those of the 85% in the middle; numbers look wrong
    beyond the limit that half a row would pass if all were right.

    With 60 to 1,000 right numbers, 0 to 2 look wrong, be their residuals normal, of Student's t(3), skewed (lognormal), or
    of a scale that grows with the prediction. Of 5% that are off by 8 standard deviations, 76 to 97% are found if the
    others are normal, half if they are lognormal, but hardly any where 1,000 rows have tails as heavy as those of t(3):
    there, such residuals are nothing special.
    """
    truth, predicted = np.asarray(truth, float), np.asarray(predicted, float)
    sample, group = np.asarray(sample).astype(str), np.asarray(group).astype(str)
    check(truth.shape == predicted.shape, DataError, "The predicted of number_errors must have {} entries. Got {} instead.", truth.size, predicted.size)  # fmt: skip
    bad = np.flatnonzero(~np.isfinite(truth + predicted))
    if bad.size:
        raise DataError(
            f"The numbers of sample '{sample[bad[0]]}' must be finite. Got {truth[bad[0]]} and the predicted {predicted[bad[0]]}."
        )
    check(len(truth), DataError, "The truth of number_errors must hold at least 1 row. Got {} instead.", 0)
    residual = truth - predicted
    residual -= np.median(residual)
    size = _robust(residual, predicted)
    far = size / _limits(size, residual > 0)
    order = np.argsort(-far, kind="stable")
    n_suspected = int((far > 1).sum())
    unknown = np.full(len(truth), np.nan)
    return _ranked(
        "regression",
        order,
        n_suspected=n_suspected,
        sample=sample,
        group=group,
        given=truth,
        said=predicted,
        p_given=unknown,
        p_said=unknown,
        score=size,
    )


def _robust(residual: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the size of each residual in robust standard deviations of the rows of nearest prediction."""
    from numpy.lib.stride_tricks import sliding_window_view

    order = np.argsort(predicted, kind="stable")
    sizes = np.abs(residual)[order]
    window = min(NEIGHBOURS, len(sizes))
    middle = np.median(sliding_window_view(sizes, window), axis=1)  # (n_rows - window + 1,)
    nearest = np.clip(np.arange(len(sizes)) - window // 2, 0, len(middle) - 1)
    scale = 1.4826 * middle[nearest]
    found = np.empty(len(sizes))
    found[order] = np.divide(sizes, scale, out=np.where(sizes > 0, np.inf, 0.0), where=scale > 0)
    return found


def _limits(size: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Return the size (n_rows,) beyond which half a row would lie if all numbers were right, on each side by itself."""
    if len(size) < TWO_SIDED:
        return np.full(len(size), _limit(size, ONE_TOO_MANY))
    return np.where(above, *(_limit(size[side], ONE_TOO_MANY / 2) for side in (above, ~above)))


def _limit(size: np.ndarray, beyond: float) -> float:
    """Return the size that so many of these rows would pass by Student's t that has their median and 85% quantile."""
    from scipy.special import stdtrit

    freedom = np.array([2, 2.5, 3, 4, 5, 7, 10, 15, 30, 1000])
    ratio = stdtrit(freedom, 0.925) / stdtrit(freedom, 0.75)
    middle, outer = np.quantile(size, [0.5, 0.85]) if size.size else (0.0, 0.0)
    if middle == 0 or not np.isfinite(outer):
        return np.inf
    nu = float(np.interp(outer / middle, ratio[::-1], freedom[::-1]))
    return float(middle / stdtrit(nu, 0.75) * stdtrit(nu, 1 - beyond / len(size) / 2))


def _ranked(
    kind: str, order: np.ndarray, *, n_suspected: int, group: np.ndarray, **columns: np.ndarray
) -> LabelErrors:
    """Return the rows of ``columns``, each of shape (n_rows,), in their order, and what to say of them."""
    notes = []
    found = np.unique(group[order[:n_suspected]])
    if n_suspected >= 3 and len(found) == 1 and (group == found[0]).mean() < 0.5:
        notes.append(
            f"All of them lie in the group '{found[0]}': perhaps it was labelled by another person, or measured otherwise."
        )
    return LabelErrors(
        kind=kind,
        n_rows=len(group),
        n_suspected=n_suspected,
        group=group[order],
        notes=notes,
        **{name: column[order] for name, column in columns.items()},
    )
