"""Shapley values of forests beside shap's TreeExplainer and woodelf: time, memory, and how exact they are."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import numpy as np

from clew.bench.timing import Quality, Side, Sides, Work

TREES, FEATURES, TRAINED_ON = 100, 20, 4000
JUDGED = 200  # rows, the first ones
AGAINST = 100  # background rows
SHAP, WOODELF = ("shap", "scikit-learn"), ("woodelf_explainer", "shap", "scikit-learn")


def works() -> list[Work]:
    """Return the rows of ``clew bench explain``.

    Tables are simulated (`Table`, seed 0), forests are scikit-learn's. What a rival prepares once (its explainer) is not
    timed; ours makes its tables anew in every run, and uses all threads. shap and woodelf have one thread, so look at the
    ratio of CPU seconds, too. Where shap takes minutes, it explains a part of the rows, and its seconds count as often.
    """
    thousand, million = 10_000, 1_000_000
    shallow = f"{TREES} trees of depth 4, {FEATURES} features, 2 classes"
    deep, classes = shallow.replace("depth 4", "depth 8"), shallow.replace("2 classes", "3 classes")
    number = shallow.replace("2 classes", "a number")
    against = f"{shallow}, against {AGAINST} background rows"

    def shap(name: str, n_rows: int, what: str, part: int, **table: Any) -> Work:
        prepare = partial(_beside_shap, n_rows, part=part, **table)
        return Work(name, f"{n_rows:,} rows: {what}", prepare, "shap.TreeExplainer, one thread", SHAP)

    def woodelf(name: str, n_rows: int, what: str, **table: Any) -> Work:
        prepare = partial(_beside_woodelf, n_rows, **table)
        return Work(name, f"{n_rows:,} rows: {what}", prepare, "woodelf, one thread", WOODELF)

    return [
        shap("shap-10k", thousand, shallow, 5000),
        shap("shap-1m", million, shallow, 5000),
        shap("shap-deep", thousand, deep, 500, depth=8),
        shap("shap-classes", thousand, classes, 5000, n_classes=3),
        shap("shap-regression", thousand, number, 5000, n_classes=1),
        shap("shap-background", thousand, against, 500, background=True),
        woodelf("woodelf-10k", thousand, shallow),
        woodelf("woodelf-1m", million, shallow),
        woodelf("woodelf-deep", thousand, deep, depth=8),
        woodelf("woodelf-background", thousand, against, background=True),
    ]


class Table:
    """Rows of normal features, a forest that learnt from others like them, and what both sides say; seed 0.

    Parameters
    ----------
    n_rows : int
    depth : int
        Of the trees.
    n_classes : int
        1 for a number.
    background : bool
        Explain against background rows, and not by the training rows.
    """

    def __init__(self, n_rows: int, *, depth: int = 4, n_classes: int = 2, background: bool = False) -> None:
        rng = np.random.default_rng(0)
        self.rows = rng.standard_normal((n_rows, FEATURES), np.float32)
        self.trained_on = rng.standard_normal((TRAINED_ON, FEATURES), np.float32)
        self.background = self.trained_on[:AGAINST] if background else None
        self.depth, self.n_classes = depth, n_classes

    @cached_property
    def model(self) -> Any:
        """Return scikit-learn's forest: of numbers, or of classes of equal size; both from interactions."""
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        x = self.trained_on.T
        truth = x[0] * x[1] + x[2] + x[4] * x[5]
        settings = {"n_estimators": TREES, "max_depth": self.depth, "random_state": 0}
        if self.n_classes == 1:
            return RandomForestRegressor(**settings).fit(self.trained_on, truth)
        cuts = np.quantile(truth, np.arange(1, self.n_classes) / self.n_classes)
        return RandomForestClassifier(**settings).fit(self.trained_on, np.searchsorted(cuts, truth))

    def predicted(self, n: int) -> np.ndarray:
        """Return what the forest says of the first rows, float64 (n, n_outputs)."""
        rows = self.rows[:n]
        return self.model.predict(rows)[:, None] if self.n_classes == 1 else self.model.predict_proba(rows)

    def ours(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Explain all rows; return the values (JUDGED, n_features, n_outputs) of the first ones, and the base."""
        from clew.explain.foreign import from_scikit_learn
        from clew.explain.shapley import shapley_values

        against: dict[str, Any] = {}
        if self.background is not None:
            against = {"method": "interventional", "background": self.background}
        found = shapley_values(from_scikit_learn(self.model), self.rows, **against)
        return found.values[:JUDGED].copy(), found.base

    @cached_property
    def explainer(self) -> Any:
        """Return shap's explainer."""
        import shap

        if self.background is None:
            return shap.TreeExplainer(self.model, feature_perturbation="tree_path_dependent")
        background = self.background.astype(np.float64)
        return shap.TreeExplainer(self.model, background, feature_perturbation="interventional")

    def shap(self, i: int, *, part: int) -> tuple[np.ndarray, np.ndarray]:
        """Explain the first rows by shap."""
        values = self.explainer.shap_values(self.rows[:part], check_additivity=False)
        return values.reshape(part, FEATURES, -1)[:JUDGED], np.atleast_1d(self.explainer.expected_value)

    @cached_property
    def woodelf(self) -> Callable[[], np.ndarray]:
        """Return what explains all rows by woodelf, which takes and names them as a table of pandas."""
        import pandas as pd
        from woodelf.explainer import WoodelfExplainer

        names = [f"x{i}" for i in range(FEATURES)]
        rows = pd.DataFrame(self.rows, columns=names)
        if self.background is None:
            explainer = WoodelfExplainer(self.model, feature_perturbation="tree_path_dependent")
        else:
            explainer = WoodelfExplainer(self.model, pd.DataFrame(self.background, columns=names))
        return lambda: explainer.shap_values(rows, verbose=False)

    def woodelf_values(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Explain all rows by woodelf, which tells of the first of two classes; the other has the opposite values."""
        values = self.woodelf()[:JUDGED, :, None].astype(np.float64)
        return np.concatenate([values, -values], axis=2), self.answer[1]

    @cached_property
    def answer(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what shap says of the first rows, and its base: what both are held against."""
        return self.shap(0, part=min(JUDGED, len(self.rows)))

    def judge(self, outcomes: list[tuple[np.ndarray, np.ndarray]]) -> Quality:
        """Tell how far values lie from shap's, and how far base and values together from what the forest says."""
        values, base = outcomes[-1]
        off = float(np.abs(values - self.answer[0]).max())
        sums = base + values.sum(axis=1)
        return {"off_shap": off, "off_sum": float(np.abs(sums - self.predicted(len(values))).max())}


def _beside_shap(n_rows: int, *, part: int, **table: Any) -> Sides:
    data, part = Table(n_rows, **table), min(part, n_rows)
    data.explainer  # noqa: B018  (made, and its forest fitted, before anything is timed)
    theirs = Side(partial(data.shap, part=part), times=n_rows // part, of=f"{part:,} rows")
    return Sides(Side(data.ours), theirs, data.judge)


def _beside_woodelf(n_rows: int, **table: Any) -> Sides:
    data = Table(n_rows, **table)
    data.woodelf  # noqa: B018
    theirs = Side(data.woodelf_values, runs=1 if n_rows > 100_000 else None)
    return Sides(Side(data.ours), theirs, data.judge)
