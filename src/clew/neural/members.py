"""The nets of a model, one by one: what makes them alike, and how one is built again of its configuration and weights."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from clew.learn.model_file import json_bytes
from clew.neural.architectures import architecture_of
from clew.neural.coders import NetAutoencoder, NetCoder, NetVae
from clew.neural.estimators import NetClassifier, NetRegressor
from clew.neural.preprocess import Preprocess
from clew.neural.spectra import shape_of_spectra

if TYPE_CHECKING:
    from clew.neural.model import NetModel

Estimator = NetClassifier | NetRegressor | NetCoder
CODERS: dict[str, type[NetCoder]] = {"autoencoder": NetAutoencoder, "vae": NetVae}
TOLD_BY_ROWS = ("n_in", "n_out", "size", "vocabulary", "horizon")  # of a configuration, which `fit` fills in


def answers_of(estimator: Estimator, X: Any) -> np.ndarray:
    """Return the probabilities of classes, or the numbers, that an estimator says of rows; of a coder their errors; float64."""
    if isinstance(estimator, NetCoder):
        return estimator.anomaly(X)
    return estimator.predict_proba(X) if isinstance(estimator, NetClassifier) else estimator.predict(X)


def in_common(estimator: Estimator) -> bytes:
    """Return what the members of a model must have in common: net, scale of the rows, and classes or scale of the target."""
    names = ("classes_", "target_mean_", "target_spread_")
    learnt = {name: getattr(estimator, name).tolist() for name in names if hasattr(estimator, name)}
    config: Any = estimator.net_.config
    shared = {
        "net": estimator.net,
        "config": dataclasses.asdict(config),
        "scale": estimator.preprocess_.config(),
    }
    return json_bytes(shared | learnt)


def estimator_of(model: NetModel, member: int) -> Estimator:
    """Return a member as a fitted estimator; on the CPU, so that it answers alike everywhere."""
    net = model.net(member)
    precision = "float64" if next(net.parameters()).dtype == torch.float64 else "float32"
    net_settings = {name: one for name, one in model.net_settings.items() if name not in TOLD_BY_ROWS}
    settings = model.recipe | {"scale": model.preprocess["scale"], "device": "cpu", "precision": precision}
    settings |= {"net_settings": net_settings, "random_state": model.seeds[member]}
    made: Estimator
    match model.kind:
        case "coding":
            made = CODERS[model.architecture](**settings)
        case "classification":
            made = NetClassifier(model.architecture, **settings)
        case _:
            made = NetRegressor(model.architecture, **settings)
    made.net_, made.preprocess_ = net, Preprocess.from_config(model.preprocess)
    made.history_, made.warnings_ = model.histories[member], []
    made.shape_ = _shape_of_net(model)
    made.n_features_in_ = made.shape_[-1 if made.preprocess_.sequences else 0]
    if model.classes:
        made.classes_ = np.array(model.classes)
    if isinstance(made, NetCoder):
        made.errors_ = np.array(model.target["errors"][member])
    elif isinstance(made, NetRegressor):
        made.target_mean_, made.target_spread_ = (
            np.array(model.target["mean"]),
            np.array(model.target["spread"]),
        )
    return made


def _shape_of_net(model: NetModel) -> tuple[int, ...]:
    """Return the shape of one row as the net gets it."""
    match architecture_of(model.architecture).takes:
        case "rows":
            return (int(np.prod(model.shape)),)
        case "sequences" if model.cut:
            return (*model.shape[:0:-1], model.shape[0])
        case _:
            piece = model.preprocess.get("piece", 0)
            return shape_of_spectra(model.shape, piece) if piece else tuple(model.shape)
