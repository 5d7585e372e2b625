"""A trained net, or several of one kind, as plain arrays beside all that must be known to use them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch

from clew.errors import DataError, SettingError, check
from clew.learn.forest import Prediction, check_features, outside_of
from clew.measure.cutouts import Cutouts
from clew.neural.architectures import architecture_of
from clew.neural.coders import NetCoder
from clew.neural.members import Estimator, answers_of, estimator_of, in_common
from clew.neural.model_card import CardParts, parts_of_rows
from clew.neural.model_rows import Seen, amplitudes, check_cutouts, in_order, plain, values_for
from clew.neural.place import device_of
from clew.neural.stored import StoredNet, weights_of
from clew.samples import Samples

__all__ = ["NetModel", "answers_of", "values_for"]
APART = ("net", "net_settings", "scale", "loss", "augment", "random_state")  # of an estimator, told otherwise


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class NetModel(StoredNet):
    """A trained net, or several that differ in their random state: weights as arrays, and all that must be known to use them.

    Parameters
    ----------
    kind : str
        "classification", "regression" or "coding": an autoencoder, whose answer is how far a row is from what comes back of it.
    classes : list of str
        The classes, in the order of the outputs, or labels that a coder is told; empty for regression.
    feature_names, units : list of str
        The features that it reads, or the channels of the cut-outs, in order, and their units.
    n_rows : int
        The number of rows it was made from; 0 where nobody said.
    n_held_out : int
        How many of these changed no weights: held out, or too near to such.
    class_counts : dict of str to int
        How many of these were of each class.
    measure : dict
        How the rows were measured, for measuring new ones in the same way.
    shape : list of int
        Of one row as it is given: (features,), (channels, sides ...), or (steps, features) of sequences from elsewhere.
    preprocess : dict
        What is done to rows first: see `clew.neural.preprocess.Preprocess`.
    cut : dict
        How the cut-outs were cut that it looks at; empty where it reads features.
    target : dict
        "mean" and "spread" of the numbers that a regressor was trained on; of a coder the "errors" of held-out rows, a list for
        each member; empty for classes.
    feature_range : ndarray of float64, shape (n_features, 2)
        The smallest and the largest value of each feature, or standard deviation of each channel, among the training rows.
    architecture, net_settings, recipe, seeds, weights, histories, notes, trained_with
        As of `StoredNet`.
    """

    FORMAT = "clew net"
    DECIDES = (
        "kind", "classes", "feature_names", "units", "n_rows", "class_counts", "measure", "architecture", "net_settings", "shape",
        "preprocess", "cut", "target",
    )  # fmt: skip

    kind: str
    classes: list[str]
    feature_names: list[str]
    units: list[str]
    n_rows: int
    class_counts: dict[str, int]
    shape: list[int]
    preprocess: dict[str, Any]
    feature_range: np.ndarray
    target: dict[str, Any] = dataclasses.field(default_factory=dict)
    cut: dict[str, Any] = dataclasses.field(default_factory=dict)
    measure: dict[str, Any] = dataclasses.field(default_factory=dict)
    n_held_out: int = 0

    @staticmethod
    def of(
        estimators: Sequence[Estimator],
        samples: Samples | None = None,
        cutouts: Cutouts | None = None,
        *,
        measure: dict[str, Any] | None = None,
        notes: Sequence[str] = (),
    ) -> NetModel:
        """Make a model of fitted estimators that differ in nothing but their random state.

        Parameters
        ----------
        estimators : sequence of NetClassifier, NetRegressor, NetAutoencoder or NetVae
            Fitted to `values_for` of the samples or the cut-outs.
        samples : Samples, optional
            The training rows; without cut-outs, their features are what the model reads.
        cutouts : Cutouts, optional
            What the model looks at.
        measure : dict, optional
            How the rows were measured.
        notes : sequence of str
            What to mind.

        Raises
        ------
        DataError
            If there is no estimator, a net of another kind than clew's, or they were not trained alike.
        """
        check(len(estimators), DataError, "A model must be of at least one net. Got none.")
        first = estimators[0]
        for one in estimators:
            check(isinstance(one.net, str), DataError, "A model must be of a net that clew can build again. Got one of your own: save its weights with clew.neural.weights.write_state.")  # fmt: skip
            check(in_common(one) == in_common(first), DataError, "The nets of a model must be trained alike, on the same rows, but for their random state (give validation=, not held_out). Got others.")  # fmt: skip
        seen = Seen.of(samples, cutouts, shape=first.shape_, scale=first.preprocess_)
        classes = [str(name) for name in getattr(first, "classes_", [])]
        labels = None if samples is None or not classes else samples.labels
        config: Any = first.net_.config
        return NetModel(
            kind="coding" if isinstance(first, NetCoder) else "classification" if classes else "regression",
            classes=classes,
            feature_names=seen.names,
            units=seen.units,
            n_rows=seen.n_rows,
            class_counts={} if labels is None else {name: int((labels == name).sum()) for name in classes},
            architecture=str(first.net),
            net_settings=plain(dataclasses.asdict(config)),
            shape=seen.shape,
            preprocess=plain(first.preprocess_.config()),
            recipe={name: value for name, value in first.get_params().items() if name not in APART},
            seeds=[int(one.random_state) for one in estimators],
            feature_range=seen.range,
            weights=weights_of([one.net_ for one in estimators]),
            histories=[one.history_ for one in estimators],
            target=_target(estimators),
            cut=seen.how,
            measure=dict(measure or {}),
            notes=[*notes, *dict.fromkeys(told for one in estimators for told in one.warnings_)],
            trained_with={"torch": torch.__version__, "device": device_of(first.device).type, "rows": seen.digest},
            n_held_out=max(0, seen.n_rows - getattr(first, "n_trained_", seen.n_rows)),
        )  # fmt: skip

    # ---- what it is ----
    @property
    def target_name(self) -> str:
        """Return the name of the number that it predicts; "a number" where nobody named it."""
        if self.kind == "coding":
            return "reconstruction error"
        return self.settings.get("target") or self.measure.get("how", {}).get("target") or "a number"

    @property
    def looks_at(self) -> str:
        """Say what a row is to it: "3 features", or "cut-outs of 3 channels, 64 x 64 px"."""
        n, sides = len(self.feature_names), self.shape[1:]
        if self.cut:
            size = f"{' x '.join(map(str, sides))} {'samples' if len(sides) == 1 else 'px'}"
            return f"cut-outs of {n} channel{'s' * (n != 1)}, {size}"
        return f"{n} feature{'s' * (n != 1)}" if n else f"rows of shape {tuple(self.shape)}"

    def headline(self) -> str:
        """Say what it tells apart and what it was trained on."""
        what = f"classes {', '.join(self.classes)}" if self.classes else self.target_name
        if self.kind == "coding":
            told = f", told the label ({', '.join(self.classes)})" if self.classes else ""
            n = self.net_settings["latent"]
            what = f"{n} latent number{'s' * (n != 1)}{told}"
        words = architecture_of(self.architecture).words
        which = words if self.members == 1 else f"{self.members} nets, each {words},"
        rows = f"trained on {self.n_rows:,} rows x" if self.n_rows else "for"
        taught = f", of which {self.n_rows - self.n_held_out:,} rows taught it" if self.n_held_out else ""
        return f"{which} for {what}, {rows} {self.looks_at}{taught}"

    def summary(self) -> dict[str, Any]:
        """Return what the model is, how its training ended, and its hash."""
        return {
            "kind": self.kind,
            "classes": list(self.classes),
            "class_counts": dict(self.class_counts),
            "net": self.architecture,
            "members": self.members,
            "parameters": self.n_parameters,
            "rows": self.n_rows,
            "held_out": self.n_held_out,
            "looks_at": self.looks_at,
            "training": [one.summary() for one in self.histories],
            "sha256": self.sha256,
        }

    def card_parts(self) -> CardParts:
        """Return what its card says beside how it was trained."""
        return parts_of_rows(self)

    # ---- answers ----
    def predict(self, samples: Samples | np.ndarray, cutouts: Cutouts | None = None) -> Prediction:
        """Predict the class or the number of each row, of a coder its reconstruction error: the mean over the members.

        Parameters
        ----------
        samples : Samples, or ndarray of shape (n_rows, ...)
            Rows with the features and units of the training rows, in any order; a bare array is taken as it is.
        cutouts : Cutouts, optional
            Of these rows, cut as `cut` says, where the model looks at such; in any order.

        Raises
        ------
        DataError
            If features, units or cut-outs differ from those of the training rows, or a number is not finite.
        """
        mean = self._each(samples, cutouts).mean(axis=0)
        sample = samples.sample if isinstance(samples, Samples) else None
        if self.kind != "classification":
            return Prediction(label=None, probability=None, value=mean, classes=[], sample=sample)
        label = np.array(self.classes)[mean.argmax(axis=-1)]  # argmax takes the first class at a tie
        return Prediction(label=label, probability=mean, value=None, classes=self.classes, sample=sample)

    def predict_raw(self, values: Any) -> np.ndarray:
        """Return the probabilities of each class, float64 (n_rows, n_classes), or the numbers (n_rows,), of bare rows.

        Parameters
        ----------
        values : ndarray, shape (n_rows, ...)
            As the features or cut-outs of the training rows, in their units: (n_rows, C, T) of signals. Text where it was
            trained on such.
        """
        return self._each(values, None).mean(axis=0)

    def rarity(self, samples: Samples | np.ndarray, cutouts: Cutouts | None = None) -> np.ndarray:
        """Return the share of held-out rows with at least the reconstruction error of each row, float64 (n_rows,).

        Of a model of several nets it is the mean over them; see `clew.neural.coder_base.NetCoder.rarity`.

        Raises
        ------
        SettingError
            If the model is no coder.
        """
        coders = [one for one in self._estimators if isinstance(one, NetCoder)]
        check(coders, SettingError, "The model must be an autoencoder for rows to be rare. Got {}.", architecture_of(self.architecture).words)  # fmt: skip
        return np.mean([one.rarity(self.values(samples, cutouts)) for one in coders], axis=0)

    def spread(self, samples: Samples | np.ndarray, cutouts: Cutouts | None = None) -> np.ndarray:
        """Return the standard deviation between members, float64: (n_rows, n_classes) of probabilities, or (n_rows,) of numbers.

        Raises
        ------
        SettingError
            If there is one member only.
        """
        check(self.members > 1, SettingError, "The spread of a model must be between 2 members at least. Got one: train it with more random states.")  # fmt: skip
        return self._each(samples, cutouts).std(axis=0, ddof=1)

    def activations(
        self, samples: Samples | np.ndarray, cutouts: Cutouts | None = None, *, layer: str | None = None
    ) -> np.ndarray:
        """Return what a layer of the first member says of each row, float64 (n_rows, d); of a coder its latent numbers.

        Parameters
        ----------
        samples, cutouts
            As for `predict`.
        layer : str, optional
            A name as `net` names its modules; what goes into the last layer by default.
        """
        return self._estimators[0].embed(self.values(samples, cutouts), layer=layer).astype(np.float64)

    def outside(self, samples: Samples, cutouts: Cutouts | None = None) -> list[str]:
        """Say which features, or amplitudes of which channels, lie outside of what was seen in training, for how many rows.

        Where each row is brought to a scale of its own, amplitudes do not matter.
        """
        if not self.n_rows or (self.cut and self.preprocess["scale"] in ("each", "peak")):
            return []
        values = self.values(samples, cutouts, ordered=False)
        what = "the standard deviation of " if self.cut else ""
        names = [f"{what}{name}" for name in self.feature_names]
        return outside_of(names, self.feature_range, amplitudes(values) if self.cut else values)

    def _each(self, samples: Any, cutouts: Cutouts | None) -> np.ndarray:
        """Return what every member says, float64 (members, n_rows, ...)."""
        values = self.values(samples, cutouts)
        return np.stack([answers_of(one, values) for one in self._estimators])

    # ---- nets ----
    def estimator(self, member: int = 0) -> Estimator:
        """Return a member as a fitted estimator, whose classes are text; it computes on the CPU."""
        return estimator_of(self, member)

    @cached_property
    def _estimators(self) -> list[Estimator]:
        return [self.estimator(member) for member in range(self.members)]

    # ---- rows ----
    def values(self, samples: Any, cutouts: Cutouts | None, *, ordered: bool = True) -> Any:
        """Return rows as the estimators take them (``ordered``), or as they were given, checked."""
        if not isinstance(samples, Samples):
            values, moving = samples, architecture_of(self.architecture).takes == "sequences" and not self.cut
            shape = self.shape if moving else list(np.shape(values)[1:])
            check(shape == self.shape, DataError, "The rows of the model must be of shape {}, as those that it was trained on. Got {}.", tuple(self.shape), tuple(shape))  # fmt: skip
        elif self.cut:
            check(cutouts is not None, DataError, "The model looks at raw data, and must be given the cut-outs of the rows. Got none.")  # fmt: skip
            assert cutouts is not None
            check_cutouts(cutouts, self.feature_names, self.shape, self.cut)
            values = cutouts.of(samples).values
        else:
            check_features(self.feature_names, self.units, samples)
            values = samples.features[:, [samples.feature_names.index(name) for name in self.feature_names]]
        return in_order(values, self.architecture) if ordered and self.cut else values

    # ---- as JSON ----
    def to_config(self) -> dict[str, Any]:
        """Return all but weights, histories and settings as JSON can say it."""
        return super().to_config() | {
            "rate": self.cut.get("rate"),
            "feature_range": self.feature_range.tolist(),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], **rest: Any) -> Self:
        """Return what `to_config` was made of."""
        ranges = np.array(config["feature_range"], np.float64).reshape(-1, 2)
        model = super().from_config(config, feature_range=ranges, **rest)
        wanted = len(model.classes) or model.net_settings["n_out"]
        check(wanted == model.net_settings["n_out"], DataError, "{} classes of {} answers", wanted, model.net_settings["n_out"])  # fmt: skip
        for member in range(model.members):
            model.estimator(member)  # refuses a scale of other rows
        return model


def _target(estimators: Sequence[Estimator]) -> dict[str, Any]:
    """Return what must be known to read the numbers that nets answer: of regressors, and of coders."""
    first = estimators[0]
    if isinstance(first, NetCoder):
        return {"errors": [one.errors_.tolist() for one in estimators if isinstance(one, NetCoder)]}
    if hasattr(first, "classes_"):
        return {}
    return {name: getattr(first, f"target_{name}_").tolist() for name in ("mean", "spread")}
