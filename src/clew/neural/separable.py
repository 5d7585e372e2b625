"""Can a straight line separate two classes? The perceptron rule, and the proof that it can or cannot converge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clew.errors import DataError, SettingError, check, check_seed
from clew.result import Result

FLAT = 1e-9  # a margin below, in units of the columns' ranges, is none


@dataclass(frozen=True, eq=False, repr=False)
class Separation(Result):
    """Whether a plane separates two classes, and one that does.

    Parameters
    ----------
    separable : bool
        Whether some plane has all rows of one class strictly on one side, and those of the other on the other.
    weights, bias : ndarray, float64, shape (n_features,), and float
        A plane that does: `classes[1]` where weights . x + bias > 0. Zeros where none does.
    margin : float
        Distance of the nearest row from that plane, in the units of X; 0 where none separates.
    """

    separable: bool
    weights: np.ndarray
    bias: float
    margin: float

    def headline(self) -> str:
        """Say whether a plane separates the classes."""
        if not self.separable:
            return "no straight line (or plane) separates the two classes"
        return (
            f"a straight line (or plane) separates the two classes; the nearest row is {self.margin:.3g} away"
        )


def separating_plane(X: np.ndarray, y: np.ndarray) -> Separation:
    """Look for a plane that separates two classes, by a linear program; not finding one is a proof that none is.

    Parameters
    ----------
    X : ndarray, shape (n_rows, n_features)
        Finite numbers.
    y : ndarray, shape (n_rows,)
        Two different values; the larger is the positive class.

    Raises
    ------
    DataError
        If X is not a table of finite numbers, or y does not hold two classes.

    Notes
    -----
    The program seeks the weights within [-1, 1] (of columns brought to the range 0 to 1) whose worst row lies
    furthest on its right side; a plane separates the classes if and only if that is more than 0. (Mangasarian,
    Operations Research 13 (1965), doi:10.1287/opre.13.3.444.) Margins below 1e-9 of the range count as none.
    """
    from scipy.optimize import linprog

    X, sign, _ = _two_classes(X, y, of="separating_plane")
    low, span = X.min(axis=0), np.ptp(X, axis=0)
    span = np.where(span > 0, span, 1.0)
    rows = np.column_stack([(X - low) / span, np.ones(len(X))]) * sign[:, None]
    # unknowns: weights, bias, worst distance; the last is to be as large as can be
    n = X.shape[1]
    found = linprog(
        c=[0.0] * (n + 1) + [-1.0],
        A_ub=np.column_stack([-rows, np.ones(len(X))]),
        b_ub=np.zeros(len(X)),
        bounds=[(-1, 1)] * n + [(None, None), (None, 1 + n)],
        method="highs",
    )
    check(
        found.status == 0, DataError, "The rows of separating_plane must be solvable. Got: {}", found.message
    )
    weights = found.x[:n] / span
    bias = float(found.x[n] - weights @ low)
    worst = float(np.min(sign * (X @ weights + bias)))
    if min(found.x[-1], worst) <= 0 or found.x[-1] <= FLAT:
        return Separation(separable=False, weights=np.zeros(n), bias=0.0, margin=0.0)
    return Separation(
        separable=True, weights=weights, bias=bias, margin=worst / float(np.linalg.norm(weights))
    )


@dataclass(frozen=True, eq=False, repr=False)
class PerceptronLesson(Result):
    """What the perceptron rule learned from two classes, and whether it can converge at all.

    Parameters
    ----------
    weights, bias : ndarray, float64, shape (n_features,), and float
        `classes[1]` where weights . x + bias > 0.
    mistakes : ndarray, int64, shape (n_epochs,)
        Mistakes in each pass over the rows.
    converged, separable : bool
        Whether the last pass was without a mistake, and whether a plane separates the classes (proved).
    path : ndarray, float64, shape (1 + mistakes, n_features + 1)
        Weights and bias at the start and after each of the first 1,000 mistakes.
    bound : float
        Novikoff's bound on the number of mistakes; infinite unless converged.
    classes : ndarray, shape (2,)
        The negative and the positive class.
    sentence : str
        The verdict in words.
    """

    weights: np.ndarray
    bias: float
    mistakes: np.ndarray
    converged: bool
    separable: bool
    path: np.ndarray
    bound: float
    classes: np.ndarray
    sentence: str

    def headline(self) -> str:
        """Say whether the rule converged, and whether it can."""
        return self.sentence

    def summary(self) -> dict[str, Any]:
        """Return what scripts rely on."""
        return {
            "converged": self.converged,
            "separable": self.separable,
            "epochs": len(self.mistakes),
            "mistakes": int(self.mistakes.sum()),
            "sentence": self.sentence,
        }


def learn_perceptron(
    X: np.ndarray, y: np.ndarray, *, max_epochs: int = 100, random_state: int = 0
) -> PerceptronLesson:
    """Learn two classes by the perceptron rule, and say whether it converged, has not yet, or cannot.

    Parameters
    ----------
    X : ndarray, shape (n_rows, n_features)
        Finite numbers; columns of one scale make it faster.
    y : ndarray, shape (n_rows,)
        Two different values, numbers or text; the larger is the positive class.
    max_epochs : int
        Passes over all rows at most.
    random_state : int
        Seed of the order of the rows in each pass.

    Raises
    ------
    DataError
        If X is not a table of finite numbers, or y does not hold two classes.
    SettingError
        If `max_epochs` or `random_state` does not fit.

    Notes
    -----
    The rule is `nets.perceptron.perceptron_rule`'s. Only where it has not converged is it asked whether it can,
    by `separating_plane`: many passes with mistakes prove nothing.
    """
    import torch

    from clew.neural.nets.perceptron import perceptron_rule

    check(
        max_epochs >= 1,
        SettingError,
        "The 'max_epochs' of learn_perceptron must be at least 1. Got {} instead.",
        max_epochs,
    )
    check_seed(random_state, of="learn_perceptron")
    X, sign, classes = _two_classes(X, y, of="learn_perceptron")
    run = perceptron_rule(
        torch.from_numpy(X), torch.from_numpy(sign), max_epochs=max_epochs, random_state=random_state
    )
    if not run.converged:
        run = replace(run, separable=separating_plane(X, sign).separable)
    return PerceptronLesson(
        weights=run.weights[:-1].numpy(),
        bias=float(run.weights[-1]),
        mistakes=run.mistakes.numpy(),
        converged=run.converged,
        separable=bool(run.separable),
        path=run.path.numpy(),
        bound=run.bound,
        classes=classes,
        sentence=run.sentence,
    )


def _two_classes(X: np.ndarray, y: np.ndarray, *, of: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return float64 rows, the signs -1 and 1 of their classes, and the two classes; refuse what does not fit."""
    X, y = np.array(X, np.float64, ndmin=2), np.asarray(y)
    check(
        X.ndim == 2 and X.size > 0 and np.isfinite(X).all(),
        DataError,
        "The 'X' of {} must be a table of finite numbers. Got shape {} with {} values that are not finite instead.",
        of,
        X.shape,
        int((~np.isfinite(X)).sum()),
    )
    check(
        y.shape == (len(X),),
        DataError,
        "The 'y' of {} must hold one class per row ({} rows). Got shape {} instead.",
        of,
        len(X),
        y.shape,
    )
    classes = np.unique(y)
    check(
        len(classes) == 2, DataError, "The 'y' of {} must hold 2 classes. Got {} instead.", of, len(classes)
    )
    return X, np.where(y == classes[1], 1.0, -1.0), classes
