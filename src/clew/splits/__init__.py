"""Which rows train and which test, and which are sealed: rows that resemble each other stay together."""

from clew.splits.dividing import By, Sealing
from clew.splits.parts import Folds, Parts, Seal, divide, folds, seal, spread_over_groups, units

__all__ = [
    "By",
    "Folds",
    "Parts",
    "Seal",
    "Sealing",
    "divide",
    "folds",
    "seal",
    "spread_over_groups",
    "units",
]
