"""The step that explains a net on images of objects or windows: where it looks, and whether such maps can be believed."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import SettingError, check
from clew.explain.importance import OnProgress
from clew.explain.net_features import incomplete
from clew.explain.net_looks import TYPICAL, WRONG, NetLooks, densities
from clew.explain.saliency import NAMES, Sanity, rank_correlation
from clew.intervals import Interval
from clew.learn.explaining import check_classes
from clew.learn.training import choose
from clew.measure.cutouts import Cutouts
from clew.neural.score_maps import (
    Told,
    inputs_of,
    kind_of,
    maps_of,
    maps_of_net,
    method_of,
    missed_by,
    outputs_of,
    settings_of_net,
)
from clew.neural.training import held_out_rows
from clew.result import step
from clew.samples import Samples
from clew.splits import spread_over_groups, units
from clew.validate.metrics import labelled, regression_scores, scores

if TYPE_CHECKING:
    from clew.learn.forest import Prediction
    from clew.neural.estimators import NetClassifier, NetRegressor
    from clew.neural.model import NetModel

AT_ONCE = 8  # rows between two reports of progress
# how many rows' maps are made of random nets as well
CHECKED = {"grad-cam": 12, "hires-cam": 12, "integrated-gradients": 4}
ZERO = {
    "training": "the mean of the training rows",
    "each": "a row that stays at its own mean",
    "peak": "a row that stays at its own mean",
    "none": "0 everywhere",
}
LEARNT_FROM = "The net learnt from the rows that are shown: none were held out when it was trained."
EMPTY = (
    "{} is empty in {} of {} rows, as nothing in them speaks for the answer there, only against others; so the maps are "
    "integrated gradients."
)
CHANGED = (
    "Rows or labels have changed since the net was trained, so it may have learnt from any row that is shown."
)


@step(sees="open", verb="explain")
def explain_looks(
    samples: Samples,
    cutouts: Cutouts,
    model: Any,
    *,
    examples: int = 2,
    averaged: int = 40,
    draws: int = 2,
    steps: int = 32,
    target: str | None = None,
    random_state: int = 0,
    on_progress: OnProgress | None = None,
) -> NetLooks:
    """Say where a net looks on images of objects or on windows, on which channels, and whether such maps can be believed.

    Parameters
    ----------
    samples : Samples
        The open rows. Those that the net did not learn from are shown and averaged, where some were held out.
    cutouts : Cutouts
        The raw data behind these rows.
    model : NetModel
    examples : int
        Nets on raw data: how many typical rows of each class are shown, and how many that the net gets wrong.
    averaged : int
        Nets on raw data: over how many rows places and channels are averaged, spread over groups.
    draws : int
        Nets on raw data: how often weights are made random, to see whether the maps change.
    steps : int
        Nets: points on the way from the baseline, of integrated gradients.
    target : str, optional
        As for `clew.learn.explaining.explain`.
    random_state : int
        Decides which rows are averaged, and how weights are made random.
    on_progress : callable (done, total), optional

    Raises
    ------
    DataError
        If there are no rows to explain, or cut-outs of another kind.
    SettingError
        If a setting is out of range.
    Stopped
        If `on_progress` returned False.

    Notes
    -----
    Maps are Grad-CAM of nets with convolutions that average places, HiResCAM of those that flatten them, and integrated
    gradients of other nets, or where a map is empty in most rows. Typical are the rows of a class, answered
    as they are, that lie closest to the mean of its activations; of those that the net gets wrong the surest are shown.
    """
    for name, value in (("examples", examples), ("averaged", averaged), ("draws", draws), ("steps", steps)):
        check(value >= 1, SettingError, "The '{}' of explain must be at least 1. Got {}.", name, value)
    pool, held_out, mind = _pool(samples, cutouts, model, target)
    cut = cutouts.of(pool)
    first = model.estimator()
    X, method = inputs_of(first, model.values(pool, cut)), method_of(first)
    prediction = model.predict(pool, cut)
    aims = (
        np.zeros(len(X), np.int64)
        if prediction.probability is None
        else prediction.probability.argmax(axis=1)
    )
    chosen, why = _choose(pool, prediction, model.activations(pool, cut), examples)
    over = spread_over_groups(pool.group, averaged, random_state=random_state)
    told = Told(on_progress, -(-len(over) // AT_ONCE) + model.members)

    ask = partial(maps_of, steps=steps)
    maps, shares = [], []
    for some in np.split(over, range(AT_ONCE, len(over), AT_ONCE)):
        shares.append(ask(first, X[some], aims[some], "integrated-gradients"))
        of_layer = method != "integrated-gradients"
        maps.append(ask(first, X[some], aims[some], method) if of_layer else shares[-1])
        told.one()
    n_empty = sum(int((~one.values.any(axis=tuple(range(1, one.values.ndim)))).sum()) for one in maps)
    if method != "integrated-gradients" and 2 * n_empty > len(over):
        mind = [*mind, EMPTY.format(NAMES[method], n_empty, len(over))]
        maps, method = shares, "integrated-gradients"
    shown = ask(first, X[chosen], aims[chosen], method)
    alike = []
    for member in range(1, model.members):
        other = ask(model.estimator(member), X[chosen], aims[chosen], method)
        alike += [
            rank_correlation(a, b)
            for a, b in zip(shown.values, other.values, strict=True)
            if a.any() and b.any()
        ]
        told.one()
    sanity = _sanity(first, X[chosen], aims[chosen], method, steps, draws, random_state)
    told.one()
    place, unit = _place(cut)
    edges, density = densities(
        np.concatenate([one.values for one in maps]), size=place, of_windows=cut.axes == "ct"
    )
    sizes = np.concatenate([np.abs(one.values).sum(axis=tuple(range(2, one.values.ndim))) for one in shares])
    missed = missed_by(shares)
    truth = pool.labels if prediction.label is not None else _numbers(pool.target)
    said = prediction.label if prediction.label is not None else _numbers(prediction.value)
    reached, chance = _how_good(pool, prediction) if held_out else (None, np.nan)
    assert truth is not None
    by_gradients = (
        shown.method == "integrated-gradients" or len(model.feature_names) > 1
    )  # those of the channels are
    baseline = f"Integrated gradients begin at {ZERO[model.preprocess['scale']]}."
    return NetLooks(
        architecture=model.architecture,
        outputs=outputs_of(model),
        channels=list(model.feature_names),
        units=list(model.units),
        unit=unit,
        rate=cut.rate,
        saliency=dataclasses.replace(shown, inputs=cut.values[chosen]),
        sample=pool.sample[chosen],
        why=why,
        truth=truth[chosen].astype(str),
        said=said[chosen].astype(str),
        sanity=sanity,
        edges=edges,
        density=density,
        answer=aims[over],
        channel_share=sizes / np.maximum(sizes.sum(axis=1, keepdims=True), np.finfo(float).tiny),
        missed=missed,
        agreement=float(np.mean(alike)) if alike else np.nan,
        members=model.members,
        held_out=held_out,
        warnings=[*mind, *([baseline] if by_gradients else []), *incomplete(missed)],
        reached=reached,
        chance=chance,
    )


def _pool(
    samples: Samples, cutouts: Cutouts, model: NetModel, target: str | None
) -> tuple[Samples, int, list[str]]:
    """Return the rows to explain, how many of them were held out in training, and a warning where they were not.

    Rows are held out by a rule, so that it can be asked again which they were; if rows and labels are those of the training.
    """
    own, kind = settings_of_net(model), kind_of(model)
    chosen = choose(samples, features=model.settings["features"], target=target)
    known = labelled(chosen, kind, of="explain", fewest=1)
    check_classes(known, model)
    y = known.labels if kind == "classification" else known.target
    assert y is not None
    _, judge, _ = held_out_rows(known, y, own.held_out, kind, model.settings["random_state"])
    counts = {name: int((y == name).sum()) for name in model.classes}
    if cutouts.of(known).digest() != model.trained_with["rows"] or counts != model.class_counts:
        return known, 0, [CHANGED]
    return (known.take(judge), int(judge.sum()), []) if judge.any() else (known, 0, [LEARNT_FROM])


def _how_good(pool: Samples, prediction: Prediction) -> tuple[Interval, float]:
    """Return the balanced accuracy, or R2 of numbers, on rows held out, and what always one answer reaches."""
    unit, _ = units(pool)
    if prediction.label is None:
        assert pool.target is not None and prediction.value is not None
        return regression_scores(pool.target, prediction.value, groups=unit).metrics["r2"], 0.0
    assert pool.labels is not None
    classes = sorted({*prediction.classes, *pool.labels.tolist()})
    found = scores(pool.labels, prediction.label, classes=classes, groups=unit)
    return found.metrics["balanced_accuracy"], 1 / len(np.unique(pool.labels))


def _choose(
    pool: Samples, prediction: Prediction, activations: np.ndarray, examples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows are shown, and why: of each class the typical ones, then those that the net gets wrong."""
    if prediction.label is None:
        assert pool.target is not None and prediction.value is not None
        kinds, right = [np.arange(pool.n_rows)], np.ones(pool.n_rows, bool)
        off = np.abs(prediction.value - pool.target)
    else:
        assert pool.labels is not None and prediction.probability is not None
        kinds = [np.flatnonzero(pool.labels == name) for name in np.unique(pool.labels)]
        right, off = prediction.label == pool.labels, prediction.probability.max(axis=1)
    rows: list[int] = []
    why: list[str] = []
    for mine in kinds:
        far = np.linalg.norm(activations[mine] - activations[mine].mean(axis=0), axis=1)
        typical = mine[np.argsort(far, kind="stable")]
        typical = typical[right[typical]][:examples]
        worst = mine[np.argsort(-off[mine], kind="stable")]
        wrong = worst[~right[worst]] if prediction.label is not None else worst[~np.isin(worst, typical)]
        wrong = wrong[:examples]
        rows += [*typical.tolist(), *wrong.tolist()]
        why += [TYPICAL] * len(typical) + [WRONG] * len(wrong)
    return np.array(rows, np.int64), np.array(why)


def _sanity(
    estimator: NetClassifier | NetRegressor, X: np.ndarray, aims: np.ndarray, method: str, steps: int, draws: int, random_state: int
) -> Sanity | None:  # fmt: skip
    """Return whether maps change with the weights; None where they are the same everywhere."""
    from clew.neural.saliency import randomised_sanity

    X, aims = X[: CHECKED[method]], aims[: CHECKED[method]]

    def maps(net: Any, rows: np.ndarray) -> np.ndarray:
        return maps_of_net(net, rows, aims, method, steps, sequences=estimator.preprocess_.sequences).values

    maps.__name__ = method
    if not any(np.ptp(one) for one in maps(estimator.net_, X)):
        return None
    return randomised_sanity(estimator.net_, X, method=maps, draws=draws, random_state=random_state)


def _place(cutouts: Cutouts) -> tuple[float, str]:
    """Return the size of a place, and its unit."""
    if cutouts.axes == "ct":
        assert cutouts.rate is not None
        return 1 / cutouts.rate, "s"
    return (cutouts.pixel_size, "µm") if cutouts.pixel_size else (1.0, "px")


def _numbers(values: np.ndarray | None) -> np.ndarray:
    assert values is not None
    return np.array([f"{one:.4g}" for one in values])
