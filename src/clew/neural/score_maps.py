"""What the steps that explain a net share: its maps in one order of axes, how it was trained, and how far they are."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import Stopped, check
from clew.explain.importance import OnProgress
from clew.explain.saliency import Saliency
from clew.neural.net_settings import NetSettings
from clew.validate.metrics import Kind

if TYPE_CHECKING:
    from clew.neural.estimators import NetClassifier, NetRegressor
    from clew.neural.model import NetModel


def settings_of_net(model: NetModel) -> NetSettings:
    """Return the settings by which the nets of a model were trained; the default of one that did not exist then."""
    known = [one.name for one in dataclasses.fields(NetSettings) if one.name in model.settings]
    return NetSettings(**{name: model.settings[name] for name in known})


def kind_of(model: NetModel) -> Kind:
    return "regression" if model.kind == "regression" else "classification"


def outputs_of(model: NetModel) -> list[str]:
    return list(model.classes) or [model.target_name]


def method_of(estimator: NetClassifier | NetRegressor) -> str:
    """Return the method that fits a net: Grad-CAM where it averages places, HiResCAM where it weighs each by itself."""
    from clew.neural.inside import convolutions

    if not convolutions(estimator.net_):
        return "integrated-gradients"
    return "grad-cam" if estimator.net_.config.gather == "average" else "hires-cam"


def inputs_of(estimator: NetClassifier | NetRegressor, values: Any) -> np.ndarray:
    """Return rows on the scale on which the net takes them; 0 is where integrated gradients begin."""
    return estimator.preprocess_.apply(values, dtype=np.float32).values


def maps_of(
    estimator: NetClassifier | NetRegressor, X: np.ndarray, aims: np.ndarray | None, method: str, steps: int
) -> Saliency:
    """Return maps of a member towards some outputs; by default towards what it answers itself."""
    return maps_of_net(estimator.net_, X, aims, method, steps, sequences=estimator.preprocess_.sequences)


def maps_of_net(
    net: Any, X: np.ndarray, aims: np.ndarray | None, method: str, steps: int, *, sequences: bool
) -> Saliency:
    """Return maps with channels before places, whatever the order in which the net takes them; on one thread."""
    from clew.neural.place import threads
    from clew.neural.saliency import saliency

    with threads(1):
        found = saliency(net, X, target=aims, method=method, steps=steps)  # type: ignore[arg-type]
    if not sequences:
        return found
    return dataclasses.replace(found, inputs=found.inputs.swapaxes(1, 2), values=found.values.swapaxes(1, 2))


def missed_by(found: list[Saliency]) -> float:
    """Return how far sums of integrated gradients are from the rises of the scores, as a share of the mean rise."""
    off = np.concatenate([np.abs(one.completeness) for one in found])
    rise = np.concatenate([np.abs(one.score - one.baseline_score) for one in found])
    return float(off.mean() / max(rise.mean(), np.finfo(float).tiny))


class Told:
    """Counts what is done; a stop leaves nothing behind."""

    def __init__(self, on_progress: OnProgress | None, total: int) -> None:
        self.on_progress, self.total, self.done = on_progress, total, 0

    def one(self) -> None:
        self.done += 1
        go_on = (
            self.on_progress is None or self.on_progress(min(self.done, self.total), self.total) is not False
        )
        check(go_on, Stopped, "The explanation was stopped after {} of {} parts.", self.done, self.total)

    def fold(self, done: int, n_folds: int) -> bool:
        self.one()
        return True
