"""How far do two people agree on what both have labelled, beyond what chance would give?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.figures import class_counts
from clew.intervals import Interval
from clew.result import Result


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Agreement(Result):
    """What two people say of the same rows.

    Parameters
    ----------
    names : list of str
        The two people.
    sample : ndarray of str, shape (n_rows,)
        The rows that both have labelled.
    first, second : ndarray of str, shape (n_rows,)
        What each says.
    classes : list of str
        All that either says, in alphabetical order.
    table : ndarray of int64, shape (n_classes, n_classes)
        Rows by what the first says (row) and the second (column).
    kappa, accuracy : Interval
        Cohen's kappa, and the share of rows on which they agree, with intervals over groups.
    """

    names: list[str]
    sample: np.ndarray
    first: np.ndarray
    second: np.ndarray
    classes: list[str]
    table: np.ndarray
    kappa: Interval
    accuracy: Interval

    @property
    def disagreements(self) -> list[dict[str, str]]:
        """Return each row on which they differ, and what each says, in the order of the rows."""
        return [
            {"sample": str(self.sample[i]), "first": str(self.first[i]), "second": str(self.second[i])}
            for i in np.flatnonzero(self.first != self.second)
        ]

    def headline(self) -> str:
        """Say how far they agree, and how often they do not."""
        a, b = self.names
        differ = int((self.first != self.second).sum())
        n = len(self.sample)
        if len(self.classes) < 2:
            return f"{a} and {b} say '{self.classes[0]}' of all {n} rows that both labelled: kappa needs two classes"
        return (
            f"{a} and {b} agree on {n - differ} of {n} rows that both labelled, kappa {self.kappa.headline()}"
        )

    def summary(self) -> dict[str, Any]:
        """Return the figures, the table, and the disagreements."""
        return {
            "names": list(self.names),
            "n": len(self.sample),
            "classes": list(self.classes),
            "table": self.table.tolist(),
            "kappa": self.kappa.summary(),
            "accuracy": self.accuracy.summary(),
            "disagreements": self.disagreements,
        }


def agreement(
    first: Sequence[str] | np.ndarray,
    second: Sequence[str] | np.ndarray,
    *,
    groups: Sequence[str] | np.ndarray | None = None,
    samples: Sequence[str] | np.ndarray | None = None,
    names: tuple[str, str] = ("first", "second"),
) -> Agreement:
    """Compare what two people say of the same rows.

    Parameters
    ----------
    first, second : sequence of str, shape (n_rows,)
        What each says of each row.
    groups : sequence of str, shape (n_rows,), optional
        The unit of independence of each row, over which the intervals go; each row by itself by default.
    samples : sequence of str, shape (n_rows,), optional
        The names of the rows; "1", "2", ... by default.
    names : tuple of two str
        The people.

    Raises
    ------
    DataError
        If there is no row, or not each has what both say.

    Notes
    -----
    Kappa is the agreement beyond chance as a share of what is possible beyond chance: Cohen, Educational and
    Psychological Measurement 20 (1960) 37, doi:10.1177/001316446002000104. It is NaN where both say one class only.
    """
    a, b = np.asarray(first, dtype=str), np.asarray(second, dtype=str)
    sample = np.asarray(samples if samples is not None else np.arange(1, a.size + 1), dtype=str)
    group = sample if groups is None else np.asarray(groups, dtype=str)
    check(
        a.ndim == 1 and a.size > 0 and a.shape == b.shape == sample.shape == group.shape,
        DataError,
        "The labels of two people must be of the same rows, at least one. Got {} and {}, of {} rows in {} groups.",
        a.size,
        b.size,
        sample.size,
        group.size,
    )
    check(
        (a != "").all() and (b != "").all(),
        DataError,
        "Every row must have a label of both people. Got '' for some.",
    )
    classes, number = np.unique(np.concatenate([a, b]), return_inverse=True)
    one, two = number.reshape(2, -1)
    k = len(classes)
    counted = class_counts(one, two, group, k)
    return Agreement(
        names=list(names),
        sample=sample,
        first=a,
        second=b,
        classes=classes.tolist(),
        table=np.bincount(one * k + two, minlength=k * k).reshape(k, k),
        kappa=counted.mean("kappa"),
        accuracy=counted.mean("accuracy"),
    )
