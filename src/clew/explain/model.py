"""Explain a model: SHAP of its answers, permutation on held-out rows, and refits."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from clew.errors import ClewError, SettingError, Stopped, check
from clew.explain.correlated import correlate
from clew.explain.explanation import Explanation, across, disagreements, grouped, mean_size
from clew.explain.importance import Kind, OnProgress, permutation_importance
from clew.samples import Samples
from clew.splits import By, spread_over_groups, units

ADDITIVE = 1e-9  # relative to the largest prediction where that is above 1

Method = Literal["path", "interventional"]


def explain_model(
    forest: Any,
    samples: Samples,
    known: Samples,
    fit: Callable[[Samples, int], Any],
    *,
    kind: Kind,
    fit_fold: Callable[[Samples], Any] | None = None,
    method: Method = "path",
    rows: int = 2000,
    permutations: int = 20,
    refits: int = 10,
    background: int = 100,
    folds: int = 5,
    by: By = "auto",
    gap: float | None = None,
    random_state: int = 0,
    on_progress: OnProgress | None = None,
) -> Explanation:
    """Explain a forest: SHAP of its answers, permutation on held-out rows, and both again by groups and refits.

    Parameters
    ----------
    forest : Forest
        The model.
    samples : Samples
        The rows whose answers are explained, with the features of the forest in its order.
    known : Samples
        Those of them that have a label or a target: they train again, and are held out. They may have more features:
        all those among which the model's own were selected.
    fit : callable
        Takes training samples, with the features of the forest, and a seed, and returns a forest like the model.
    kind : {"classification", "regression"}
    fit_fold : callable, optional
        What the folds train by, on all features of `known`: it must select anew where the model's were selected.
        `fit` by default.
    method : {"path", "interventional"}
        What a feature's value is compared with; see `clew.explain.shapley.shapley_values`.
    rows : int
        The most rows to explain, and to permute; spread over groups.
    permutations, folds, by, gap
        As for `permutation_importance`.
    refits : int
        How often the model is trained again, on groups drawn with replacement and by another seed.
    background : int
        The rows to compare with, spread over groups; only where `method` is "interventional".
    random_state : int
        Decides which rows, permutations and groups are drawn.
    on_progress : callable (done, total), optional
        Called after each fold and refit.

    Raises
    ------
    SettingError
        If a setting is out of range.
    ClewError
        If SHAP values do not add up to the predictions.
    Stopped
        If `on_progress` returned False.

    Notes
    -----
    SHAP: Lundberg et al., Nature Machine Intelligence 2 (2020) 56, doi:10.1038/s42256-019-0138-9.
    """
    for name, value, least in (("rows", rows, 2), ("refits", refits, 2), ("background", background, 1)):
        check(value >= least, SettingError, "The '{}' of explain must be at least {}. Got {}.", name, least, value)  # fmt: skip
    shown = samples.take(spread_over_groups(samples.group, rows, random_state=random_state))
    columns = [known.feature_names.index(name) for name in samples.feature_names]
    own = in_order(known, samples.feature_names)
    compared = own.features[spread_over_groups(own.group, background, random_state=random_state)]
    correlated = correlate(shown.features, list(shown.feature_names), random_state=random_state)
    found = _shap(forest, shown, method, compared)

    def told(done: int, _: int) -> bool | None:
        return None if on_progress is None else on_progress(done, folds + refits)

    blocks = [*([c] for c in columns), *([columns[i] for i in g] for g in correlated.groups if len(g) > 1)]
    permutation = permutation_importance(
        known, fit_fold or (lambda training: fit(training, random_state)), blocks,
        kind=kind, permutations=permutations, rows=rows, n_folds=folds, by=by, gap=gap,
        random_state=random_state, on_progress=told,
    )  # fmt: skip
    random, again, together = np.random.default_rng(random_state), [], []
    for refit in range(refits):
        model = fit(draw_groups(own, kind, random), random_state + 1 + refit)
        values = _shap(model, shown, method, compared).values
        again.append(mean_size(values))
        together.append(mean_size(grouped(values, correlated.groups)))
        go_on = told(folds + refit + 1, 0) is not False
        check(go_on, Stopped, "The explanation was stopped after {} of {} refits.", refit + 1, refits)
    caveat = units(known)[1]
    explanation = Explanation(
        method=method,
        question=found.says,
        outputs=list(found.outputs),
        feature_names=list(shown.feature_names),
        units=list(shown.units),
        sample=shown.sample,
        group=shown.group,
        n_rows=samples.n_rows,
        features=shown.features,
        values=found.values,
        base=found.base,
        prediction=_answers(forest, shown),
        correlated=correlated,
        permutation=permutation,
        refit_shap=np.stack(again),
        refit_group_shap=np.stack(together),
        warnings=[*across(correlated), *permutation.warnings, *([caveat] if caveat else [])],
    )
    warnings = [*disagreements(explanation), *explanation.warnings]
    return dataclasses.replace(explanation, warnings=warnings)


def in_order(samples: Samples, names: Sequence[str]) -> Samples:
    """Return the samples with these features, in this order."""
    columns = [samples.feature_names.index(name) for name in names]
    return dataclasses.replace(
        samples,
        features=samples.features[:, columns],
        feature_names=tuple(names),
        units=tuple(samples.units[column] for column in columns),
    )


# ---- SHAP ----
def _shap(forest: Any, samples: Samples, method: Method, background: np.ndarray) -> Any:
    """Return the SHAP values of rows, which must add up to the predictions."""
    from clew.explain.shapley import shapley_values

    compared = background if method == "interventional" else None
    found = shapley_values(forest, samples.features, method=method, background=compared)
    check_additive(found.base, found.values, _answers(forest, samples))
    return found


def check_additive(base: np.ndarray, values: np.ndarray, prediction: np.ndarray) -> None:
    """Raise ClewError unless base (n_outputs,) plus SHAP values add up to the predictions (n_rows, n_outputs)."""
    apart = float(np.abs(base + values.sum(axis=1) - prediction).max(initial=0))
    most = ADDITIVE * max(1.0, float(np.abs(prediction).max(initial=0)))
    check(apart < most, ClewError, "The SHAP values must add up to the predictions within {:.2g}. They are {:.2g} apart: this is a fault of clew, and nothing is explained.", most, apart)  # fmt: skip


def _answers(forest: Any, samples: Samples) -> np.ndarray:
    """Return what a forest says of rows, float64 (n_rows, n_outputs)."""
    told = forest.predict(samples)
    return told.value[:, None] if told.probability is None else told.probability


def draw_groups(samples: Samples, kind: Kind, random: np.random.Generator) -> Samples:
    """Return groups drawn with replacement, as many as there are, and one more for each class that would be missing."""
    code = np.unique(units(samples)[0], return_inverse=True)[1].reshape(-1)
    members = np.split(np.argsort(code, kind="stable"), np.cumsum(np.bincount(code))[:-1])
    drawn = random.integers(0, len(members), len(members)).tolist()
    if kind == "classification":
        assert samples.labels is not None
        here = np.concatenate([samples.labels[members[g]] for g in drawn])
        for name in np.setdiff1d(samples.labels, here):  # a model without the class would be another model
            drawn.append(int(random.choice(np.unique(code[samples.labels == name]))))
    rows = np.concatenate([members[g] for g in drawn])
    return Samples(
        features=samples.features[rows],
        feature_names=samples.feature_names,
        units=samples.units,
        sample=np.arange(len(rows)).astype(str),  # a row that is drawn twice needs two names
        origin=samples.origin.iloc[rows].reset_index(drop=True),
        group=samples.group[rows],
        labels=None if samples.labels is None else samples.labels[rows],
        target=None if samples.target is None else samples.target[rows],
    )
