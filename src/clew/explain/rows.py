"""Row by row: which feature pushes it most, and on which other feature that depends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clew.errors import check_choice
from clew.explain.explanation import Explanation
from clew.explore.hypotheses import spearman
from clew.result import Result

ALIKE = 30  # rows that are alike in a feature, in which an interaction is looked for


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Pushes(Result):
    """Which features push each row most, correlated ones as one.

    Parameters
    ----------
    sample : ndarray of str, shape (n_shown,)
    output : ndarray of str, shape (n_shown,)
        The class, or the number, that is explained.
    feature : ndarray of str, shape (n_shown,)
        The feature or group, by its name.
    value : ndarray of float64, shape (n_shown,)
        Its SHAP value: how far it pushes the row up or down.
    """

    sample: np.ndarray
    output: np.ndarray
    feature: np.ndarray
    value: np.ndarray

    def headline(self) -> str:
        """Say what pushes most rows most."""
        names, counts = np.unique(self.feature, return_counts=True)
        first = int(counts.argmax())
        return f"{names[first]} pushes {counts[first]} of {len(self.feature)} rows most"


def per_sample(explanation: Explanation, *, output: str | None = None) -> Pushes:
    """Say for each explained row which feature, correlated ones as one, pushes it most.

    Parameters
    ----------
    explanation : Explanation
    output : str, optional
        The class to explain; of each row the one that is predicted by default.

    Raises
    ------
    SettingError
        If there is no such output.
    """
    if output is None:
        column = explanation.prediction.argmax(axis=1)
    else:
        check_choice(output, explanation.outputs, what="'output' setting", of="per_sample")
        column = np.full(len(explanation.sample), explanation.outputs.index(output))
    rows = np.arange(len(column))
    values = explanation.group_values[rows, :, column]  # (n_shown, n_groups)
    first = np.abs(values).argmax(axis=1)
    return Pushes(
        sample=explanation.sample,
        output=np.array(explanation.outputs)[column],
        feature=np.array(explanation.group_names)[first],
        value=values[rows, first],
    )


def interacting(explanation: Explanation, feature: str, *, output: str | None = None) -> str | None:
    """Return the feature on which the SHAP values of another depend most, among rows where that itself is alike.

    Parameters
    ----------
    explanation : Explanation
    feature : str
    output : str, optional
        The class to explain; the last one by default.

    Returns
    -------
    str or None
        Not one of its own correlated group; None where there is no other.
    """
    check_choice(feature, explanation.feature_names, what="'feature' setting", of="interacting")
    this = explanation.feature_names.index(feature)
    column = -1 if output is None else explanation.outputs.index(output)
    own = next(group for group in explanation.correlated.groups if this in group)
    others = [i for i in range(len(explanation.feature_names)) if i not in own]
    if not others:
        return None
    values, X = explanation.values[:, this, column], explanation.features
    alike = np.array_split(np.argsort(X[:, this], kind="stable"), max(1, min(10, len(X) // ALIKE)))
    strength = np.zeros(len(others))
    for rows in alike:  # either way: an interaction may turn its sign along the feature
        correlation = spearman(np.column_stack([values[rows], X[rows][:, others]]))[0, 1:]
        strength += np.abs(correlation) * values[rows].std()
    return explanation.feature_names[others[int(strength.argmax())]]
