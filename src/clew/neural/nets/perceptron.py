"""Perceptron: one weighted sum, and the rule by which the first of all nets learned (Rosenblatt 1958)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

LONGEST_PATH = 1000  # mistakes after which the weights are kept for drawing
TINY = 1e-300  # weights of 0, as they may come about again, have a margin of 0


@dataclass(frozen=True)
class PerceptronConfig:
    """The measures of a perceptron: features of a row, and outputs (one per class)."""

    n_in: int
    n_out: int

    @staticmethod
    def of(shape: tuple[int, ...], n_out: int, **settings: Any) -> PerceptronConfig:
        """Fit the measures to rows of ``shape``: (n_features,), or any other, whose numbers are taken in a line."""
        return PerceptronConfig(math.prod(shape), n_out, **settings)


class Perceptron(nn.Module):
    """One layer of weighted sums, trained by gradient as all nets; with cross-entropy it is logistic regression."""

    def __init__(self, config: PerceptronConfig):
        super().__init__()
        self.config = config
        self.head = nn.Linear(config.n_in, config.n_out)

    def forward(self, x: Tensor) -> Tensor:  # (B, ...)
        return self.head(x.flatten(1))  # (B, n_out)


@dataclass(frozen=True, eq=False)
class PerceptronRun:
    """What the perceptron rule learned, and how.

    Parameters
    ----------
    weights : Tensor, float64, shape (n_features + 1,)
        One weight per feature; the last is the bias. A row belongs to `classes[1]` where weights . (x, 1) > 0.
    mistakes : Tensor, int64, shape (n_epochs,)
        Mistakes in each pass over the rows.
    converged : bool
        Whether the last pass was without a mistake: the weights separate the classes.
    path : Tensor, float64, shape (1 + mistakes, n_features + 1)
        The weights at the start and after each of the first 1,000 mistakes.
    radius, margin : float
        Length of the longest row (x, 1), and the smallest distance of a row from the plane that was found,
        both in the space of (x, 1); the margin is negative while rows lie on the wrong side.
    classes : Tensor, shape (2,)
        The two values of y: the negative and the positive class.
    separable : bool or None
        Whether a plane separates the classes; None where nobody checked. A run that converged has shown it.
    """

    weights: Tensor
    mistakes: Tensor
    converged: bool
    path: Tensor
    radius: float
    margin: float
    classes: Tensor
    separable: bool | None = None

    @property
    def bound(self) -> float:
        """Novikoff's bound on the mistakes in all passes, (radius / margin)²; infinite unless converged."""
        return (self.radius / self.margin) ** 2 if self.converged else float("inf")

    @property
    def sentence(self) -> str:
        """Say whether the rule converged, and if not, whether it ever can."""
        passes, mistakes = _count(len(self.mistakes), "pass"), _count(int(self.mistakes.sum()), "mistake")
        if self.converged:
            return (
                f"The perceptron rule converged after {passes} and {mistakes} "
                f"(at most {int(self.bound):,} were possible by Novikoff's bound)."
            )
        made = f"The perceptron rule made mistakes in each of {passes}, {int(self.mistakes[-1]):,} of them in the last"
        if self.separable is False:
            return (
                f"{made}: it does not converge on these rows, and cannot, since no straight line (or plane) "
                "separates the two classes. Use a net with a hidden layer, or other features."
            )
        if self.separable:
            return f"{made}: it has not converged yet. A straight line (or plane) does separate the two classes: more passes will find one."
        return (
            f"{made}: it has not converged. It can only where a straight line (or plane) separates the two "
            "classes; whether one does was not checked."
        )


def perceptron_rule(X: Tensor, y: Tensor, *, max_epochs: int = 100, random_state: int = 0) -> PerceptronRun:
    """Learn two classes by the perceptron rule: on each mistake, add the row to the weights, or subtract it.

    Parameters
    ----------
    X : Tensor, shape (n_rows, n_features)
        The rows; computed with in float64.
    y : Tensor, shape (n_rows,)
        Two different values, such as -1 and 1; the larger is the positive class.
    max_epochs : int
        Passes over all rows, in another random order each time, if no pass without a mistake comes before.
    random_state : int
        Seed of the orders. Not having converged does not prove that no separating plane exists.

    Raises
    ------
    ValueError
        If `y` does not hold two classes.

    Notes
    -----
    Rosenblatt, Psychological Review 65 (1958), doi:10.1037/h0042519. Where a plane separates the classes with
    some margin, the rule makes at most (radius / margin)² mistakes, whatever the order of the rows: Novikoff,
    Symposium on the Mathematical Theory of Automata (1962). It holds for the margin of any separating plane
    through the origin of the space of (x, 1), hence also for that of the plane which was found.
    """
    classes = torch.unique(y)
    if len(classes) != 2:
        raise ValueError(f"The 'y' of perceptron_rule must hold 2 classes. Got {len(classes)} instead.")
    sign = torch.where(y == classes[1], 1.0, -1.0).double()  # (n_rows,)
    ones = torch.ones(len(X), 1, dtype=torch.float64)  # the bias is the weight of a feature that is always 1
    rows = torch.cat([X.double(), ones], dim=1)  # (n_rows, n_features + 1)
    order = torch.Generator().manual_seed(random_state)
    weights = torch.zeros(rows.shape[1], dtype=torch.float64)
    path, mistakes = [weights], []

    for _ in range(max_epochs):
        mistakes.append(0)
        for i in torch.randperm(len(rows), generator=order).tolist():
            if sign[i] * (weights @ rows[i]) <= 0:  # on the wrong side, or on the plane
                weights = weights + sign[i] * rows[i]
                mistakes[-1] += 1
                if len(path) <= LONGEST_PATH:
                    path.append(weights)
        if not mistakes[-1]:
            break

    return PerceptronRun(
        weights=weights,
        mistakes=torch.tensor(mistakes),
        converged=mistakes[-1] == 0,
        path=torch.stack(path),
        radius=float(rows.norm(dim=1).max()),
        margin=float((sign * (rows @ weights)).min() / weights.norm().clamp(min=TINY)),
        classes=classes,
        separable=True if mistakes[-1] == 0 else None,
    )


def _count(n: int, what: str) -> str:
    ending = "" if n == 1 else "es" if what.endswith("s") else "s"
    return f"{n:,} {what}{ending}"
