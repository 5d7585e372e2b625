"""The families of models one would try, and how they compare: same rows, same folds, each tuned within the folds."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from clew.errors import DataError, SettingError, check, check_choice
from clew.intervals import Interval
from clew.learn.forest import Prediction
from clew.learn.select import Selected, select_pair
from clew.learn.training import Kind, choose, resolve_kind, train
from clew.result import step
from clew.samples import Samples
from clew.splits import By
from clew.validate.comparison import Boundaries, Comparison
from clew.validate.metrics import Kind as Learns
from clew.validate.metrics import Model, labelled
from clew.validate.nested import Entry, Fit, OnProgress, compare_fits, in_threads

N_GRID = 60  # points of a picture's side
MARGIN = 0.06  # of the range of a feature, beyond its last row
LARGEST = 1e38  # what single precision holds

Metric = Literal["auto", "balanced_accuracy", "accuracy", "precision", "recall", "f1", "jaccard", "matthews", "kappa", "r2", "rmse", "mae"]  # fmt: skip


class Family(NamedTuple):
    """A family of models: its names in a sentence, the settings that are tried, and how it is made.

    ``words`` are for classes and for numbers. At a tie the first of ``grid`` is chosen.
    """

    words: tuple[str, str]
    grid: dict[str, tuple[Any, ...]]
    make: Callable[..., Any] | None  # (kind, seed, n_rows, **settings) -> an estimator of scikit-learn


# ---- what each family is ----
def _dummy(kind: Learns, seed: int, n_rows: int) -> Any:
    from sklearn.dummy import DummyClassifier, DummyRegressor

    return DummyClassifier(strategy="most_frequent") if kind == "classification" else DummyRegressor()


def _linear(kind: Learns, seed: int, n_rows: int, *, penalty: float) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge

    model = LogisticRegression(C=1 / penalty, max_iter=1000) if kind == "classification" else Ridge(penalty)
    return _scaled(model)


def _tree(kind: Learns, seed: int, n_rows: int, *, depth: int | None) -> Any:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    make = DecisionTreeClassifier if kind == "classification" else DecisionTreeRegressor
    return make(max_depth=depth, random_state=seed)


def _neighbors(kind: Learns, seed: int, n_rows: int, *, neighbors: int) -> Any:
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    make = KNeighborsClassifier if kind == "classification" else KNeighborsRegressor
    return _scaled(make(min(neighbors, n_rows)))


def _boosting(kind: Learns, seed: int, n_rows: int, *, leaves: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    make = HistGradientBoostingClassifier if kind == "classification" else HistGradientBoostingRegressor
    # no early stopping: it would put rows aside without regard to their groups
    return make(max_leaf_nodes=leaves, min_samples_leaf=5, early_stopping=False, random_state=seed)


def _network(kind: Learns, seed: int, n_rows: int, *, decay: float) -> Any:
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.preprocessing import StandardScaler

    make = MLPClassifier if kind == "classification" else MLPRegressor
    model = _scaled(
        make(hidden_layer_sizes=(16,), alpha=decay, solver="lbfgs", max_iter=200, random_state=seed)
    )
    return (
        model if kind == "classification" else TransformedTargetRegressor(model, transformer=StandardScaler())
    )


def _scaled(model: Any) -> Any:
    """Return the model behind a scaling that is learnt with it, and so from the training rows only."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), model)


# From the simplest to the most complex: of several that cannot be told apart, the first is to be preferred.
FAMILIES: dict[str, Family] = {
    "dummy": Family(("the commonest class", "the mean"), {}, _dummy),
    "linear": Family(("logistic regression", "ridge regression"), {"penalty": (1.0, 10.0, 100.0, 0.1, 0.01)}, _linear),
    "tree": Family(("one tree", "one tree"), {"depth": (3, 1, 2, 5, None)}, _tree),
    "neighbors": Family(("nearest neighbours",) * 2, {"neighbors": (5, 15, 31, 3, 1)}, _neighbors),
    "forest": Family(("the forest", "the forest"), {"min_leaf": (1, 5)}, None),
    "boosting": Family(("gradient boosting",) * 2, {"leaves": (4, 2, 15)}, _boosting),
    "network": Family(("a tuned net of 16 units",) * 2, {"decay": (1.0, 10.0, 0.01)}, _network),
}  # fmt: skip


@dataclass(frozen=True)
class Fitted:
    """An estimator of scikit-learn that answers as a `Forest` does."""

    estimator: Any
    kind: Learns

    def predict(self, samples: Samples) -> Prediction:
        """Return the class and probabilities, or the number, of each row.

        Raises
        ------
        DataError
            If an answer is not finite.
        """
        if self.kind == "regression":
            value = np.asarray(self.estimator.predict(samples.features), np.float64).reshape(-1)
            _check_finite(value, self.estimator)
            return Prediction(label=None, probability=None, value=value, classes=[], sample=samples.sample)
        probability = np.asarray(self.estimator.predict_proba(samples.features), np.float64)
        _check_finite(probability, self.estimator)
        classes = np.asarray(self.estimator.classes_, str)
        label = classes[probability.argmax(axis=1)]  # at a tie the first, as everywhere
        return Prediction(
            label=label, probability=probability, value=None, classes=classes.tolist(), sample=samples.sample
        )


def _check_finite(answer: np.ndarray, estimator: Any) -> None:
    name = type(estimator[-1] if hasattr(estimator, "steps") else estimator).__name__
    check(
        np.isfinite(answer).all(), DataError, "The answers of {} must be finite. Got some that are not.", name
    )


def fit_family(
    samples: Samples, *, family: str, kind: Learns, settings: dict[str, Any], random_state: int = 0
) -> Model:
    """Fit one family with one choice of settings on rows that all have a label, or a target.

    Parameters
    ----------
    samples : Samples
    family : str
        One of `FAMILIES`.
    kind : {"classification", "regression"}
    settings : dict
        One value of each setting of the family's grid.
    random_state : int
    """
    make = FAMILIES[family].make
    if make is None:
        return train(samples, kind=kind, random_state=random_state, **settings)
    estimator = make(kind, random_state, samples.n_rows, **settings)
    estimator.fit(samples.features, samples.labels if kind == "classification" else samples.target)
    return Fitted(estimator, kind)


def entries(names: Sequence[str], kind: Learns, *, random_state: int = 0) -> list[Entry]:
    """Return the named families with every choice of their settings."""
    found = []
    for name in names:
        words, grid, _ = FAMILIES[name]
        tried = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
        fits: list[Fit] = [
            functools.partial(
                fit_family, family=name, kind=kind, settings=settings, random_state=random_state
            )
            for settings in tried
        ]
        found.append(Entry(name, words[kind == "regression"], tried, fits))
    return found


# ---- the step ----
@step(sees="open")
def compare(
    samples: Samples,
    *,
    features: str | list[str] = "all",
    target: str | None = None,
    kind: Kind = "auto",
    families: str | list[str] = "all",
    reference: str | None = None,
    metric: Metric = "auto",
    folds: int = 5,
    repeats: int = 3,
    by: By = "auto",
    gap: float | None = None,
    pair: str | list[str] | None = None,
    random_state: int = 0,
    n_jobs: int | None = None,
    on_progress: OnProgress | None = None,
) -> Comparison:
    """Compare families of models on the same folds, each tuned within them, and draw them on two features.

    Parameters
    ----------
    samples : Samples
        Rows without a label or target are left out, and counted.
    features, target, kind
        As for `train`.
    families : str or list of str
        "all", or some of dummy, linear (logistic or ridge regression), tree, neighbors, forest, boosting, network (16 units,
        tuned); `clew compare` also takes perceptron, mlp, cnn, elman, lstm, gru.
    reference : str, optional
        The family that all others are compared with, to be stated beforehand; the forest, which `train` makes, by
        default, or the simplest real one where it is not among them.
    metric : str
        What they are compared by; "auto" is balanced accuracy for classes and R2 for numbers.
    folds : int
        The number of parts; fewer where groups or rows are fewer.
    repeats : int
        How often the rows are divided anew; divisions that come out the same count once.
    by, gap
        What is kept together, as for `clew.splits.folds`.
    pair : str or list of str, optional
        The two features to draw the families on; those that tell most together by default, and then the figures are of
        pairs that each fold chooses by its training rows.
    random_state : int
        Decides the divisions, and what forest and network draw.
    n_jobs : int, optional
        The number of threads; the answer is the same for any.

    Raises
    ------
    DataError
        If there are no features, no labels, fewer than two classes, a class with one row, a target that is always the
        same, or rows that cannot be divided.
    SettingError
        If a setting is out of range, or a family, the reference, the metric or a feature is unknown.
    """
    names = _named(families)
    reference = _stated(reference, names)
    chosen = choose(samples, features=features, target=target)
    learns = resolve_kind(chosen, kind)
    largest = np.abs(chosen.features).max(initial=0)
    check(
        largest <= LARGEST,
        DataError,
        "The features of compare must be at most {:.0e}. Got {:.3g}.",
        LARGEST,
        largest,
    )
    tried = entries(names, learns, random_state=random_state)
    settings: dict[str, Any] = {
        "reference": reference, "kind": learns, "metric": metric, "n_folds": folds, "by": by, "gap": gap,
        "random_state": random_state, "n_jobs": n_jobs,
    }  # fmt: skip
    drawn = _pair(labelled(chosen, learns, of="compare"), pair, learns)
    on_two = tried if pair else _on_a_pair(tried, learns)
    parts = _Parts(on_progress, n_whole=repeats, n_pair=1 if drawn else 0)
    with stopping_early():
        found = compare_fits(chosen, tried, repeats=repeats, on_progress=parts.whole, **settings)
        if drawn:
            two = chosen.select(drawn)
            alone = compare_fits(
                two if pair else chosen, on_two, repeats=1, on_progress=parts.pair, **settings
            )
            found = dataclasses.replace(
                found, boundaries=_boundaries(two, alone, tried, drawn, chosen=pair is None)
            )
    return found


def _named(families: str | list[str]) -> list[str]:
    """Return the families that are asked for, from the simplest to the most complex."""
    wanted = [part.strip() for part in families.split(",")] if isinstance(families, str) else list(families)
    if wanted == ["all"]:
        return list(FAMILIES)
    for name in wanted:
        check_choice(name, [*FAMILIES, "all"], what="families", of="compare")
    found = [name for name in FAMILIES if name in wanted or "all" in wanted]
    check(len(found) >= 2, SettingError, "The 'families' of compare must be at least 2. Got {}.", families)
    return found


def _stated(reference: str | None, names: list[str]) -> str:
    if reference is None:
        return "forest" if "forest" in names else next(name for name in names if name != "dummy")
    check_choice(reference, names, what="'reference' setting", of="compare")
    return reference


def _pair(samples: Samples, pair: str | list[str] | None, kind: Learns) -> list[str]:
    """Return the two features to draw the families on; none where there is only one feature."""
    if pair is None:
        return select_pair(samples, kind=kind) if samples.n_features >= 2 else []
    names = samples.resolve(pair)
    check(len(names) == 2, SettingError, "The 'pair' of compare must be two features. Got {}: {}.", len(names), ", ".join(names[:4]))  # fmt: skip
    return names


def _on_a_pair(tried: list[Entry], kind: Learns) -> list[Entry]:
    """Return families that first choose the two features which tell most together among their own training rows."""
    known: dict[bytes, list[str]] = {}  # all families and settings train on the same rows

    def choosing(fit: Fit, training: Samples) -> Selected:
        rows = training.sample.tobytes()
        if rows not in known:
            known[rows] = select_pair(training, kind=kind)
        return Selected(fit(training.select(known[rows])), known[rows])

    return [entry._replace(fits=[functools.partial(choosing, fit) for fit in entry.fits]) for entry in tried]


@contextlib.contextmanager
def stopping_early() -> Iterator[None]:
    """Keep scikit-learn from warning that a network took all of the steps that it was allowed.

    Around all threads: the filters of warnings are those of the process.
    """
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


class _Parts:
    """One progress bar over the comparison on all features and the one on two."""

    def __init__(self, callback: OnProgress | None, *, n_whole: int, n_pair: int) -> None:
        self.callback, self.n_whole, self.n_all = callback, n_whole, n_whole + n_pair

    def _told(self, share: float) -> bool | None:
        return None if self.callback is None else self.callback(round(1000 * share), 1000 * self.n_all)

    def whole(self, done: int, total: int) -> bool | None:
        return self._told(self.n_whole * done / total)

    def pair(self, done: int, total: int) -> bool | None:
        return self._told(self.n_whole + done / total)


# ---- pictures on two features ----
def _boundaries(
    two: Samples, alone: Comparison, tried: list[Entry], features: list[str], *, chosen: bool
) -> Boundaries:
    """Return what every family but the dummy answers on a grid over two features, fitted on all rows."""
    learns: Learns = "classification" if alone.classes else "regression"
    known = labelled(two, learns, of="compare")
    across, up = (_ticks(column) for column in known.features.T)
    grid = _on_grid(known, across, up)
    shown = [entry for entry in tried if entry.name != "dummy"]

    def answer(entry: Entry) -> np.ndarray:
        settings = alone.family(entry.name).settings_chosen
        said = entry.fits[entry.grid.index(settings)](known).predict(grid)
        values = said.probability if learns == "classification" else said.value[:, None]
        return values.reshape(N_GRID, N_GRID, -1)  # (n_up, n_across, n_answers)

    figures: list[Interval] = [alone.figure(alone.family(entry.name)) for entry in shown]
    truth = known.labels if learns == "classification" else known.target
    assert truth is not None
    return Boundaries(
        features=features,
        units=[known.units[known.feature_names.index(name)] for name in features],
        across=across,
        up=up,
        answer=np.stack(in_threads(answer, [(entry,) for entry in shown])),
        names=[entry.name for entry in shown],
        words=[entry.words for entry in shown],
        figures=figures,
        classes=alone.classes,
        rows=known.features,
        truth=truth,
        chosen=chosen,
    )


def _ticks(column: np.ndarray) -> np.ndarray:
    low, high = column.min(), column.max()
    margin = MARGIN * (high - low) or 1.0
    return np.linspace(low - margin, high + margin, N_GRID)


def _on_grid(known: Samples, across: np.ndarray, up: np.ndarray) -> Samples:
    """Return a row for each point of the grid, from left to right, then up."""
    import pandas as pd

    points = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    names = np.arange(len(points)).astype(str)
    return Samples(
        features=points,
        feature_names=known.feature_names,
        units=known.units,
        sample=names,
        origin=pd.DataFrame({"source": ["grid"] * len(points)}),
        group=names,
    )
