"""Nets with scikit-learn's contract: `NetClassifier` and `NetRegressor`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import r2_score

from clew.errors import DataError, SettingError, check
from clew.neural.answers import answer_array, asked_steps, steps_of, weight_of
from clew.neural.base import Net
from clew.neural.objectives import PADDING, CrossEntropy, NumbersLoss, Objective, SquaredError
from clew.neural.preprocess import Prepared
from clew.neural.rows import Rows

__all__ = ["Net", "NetClassifier", "NetRegressor"]


class NetClassifier(ClassifierMixin, Net):
    """A net for classes, of rows or of the steps of sequences.

    Parameters
    ----------
    net : str or callable
        "perceptron", "mlp", "cnn", "self-feedback", "elman", "fully-recurrent", "lstm" or "gru"; or a function of the shape of
        one row and the number of classes that returns a `torch.nn.Module`, whose output are scores (logits).
    net_settings : dict, optional
        Of the net, such as ``{"hidden": (64, 32), "dropout": 0.2}``: see its configuration in `clew.neural.nets`.
    scale : {"training", "each", "peak", "none"}
        How rows are brought to a common scale: see `clew.neural.preprocess.Preprocess`.
    loss : callable (output, rows) -> Tensor, or Objective, optional
        Cross-entropy by default.
    class_weight : {"given", "equal"}
        Whether a class weighs as many rows as it has, or all classes the same: probabilities then no longer say how common
        they are.
    held_out : float, optional
        The share of the rows, or of the groups, that choose the best epoch where no validation rows are given.
    augment : callable (Rows, generator) -> Rows, optional
        Changes each batch of training rows; see `clew.neural.augment`.
    lr : float or "find"
        The learning rate; or that of `clew.neural.rate_finder.find_rate`.
    max_epochs, batch_size, samples_per_epoch, optimizer, schedule, momentum, weight_decay, clip, truncate, patience, keep, min_delta,
    precision, device, threads, random_state
        See `clew.neural.recipe.Recipe`.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
    net_ : torch.nn.Module
    history_ : History
    preprocess_ : Preprocess
    lr_ : float
        The learning rate that was used.
    warnings_ : list of str
        What to mind; the fitted estimator says it when it is shown, too.
    """

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, float64 (n, n_classes), or (n, steps, n_classes) of steps."""
        logits = self.answers(X).astype(np.float64)
        raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return raised / raised.sum(axis=-1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row, or step; at a tie the first. Beyond the end of a sequence it means nothing."""
        codes = self.answers(X).argmax(axis=-1)
        return self.classes_[codes]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of right answers, of rows or of the steps that are no padding."""
        true = answer_array(y)
        texts = [isinstance(one.flat[0], str) for one in (self.classes_, true)]
        check(texts[1] or not texts[0], DataError, "The y to compare with must be text, as the classes of the net are. Got {}: give y.astype(str).", true.dtype)  # fmt: skip
        if true.ndim == 1:
            return super().score(X, true, sample_weight)
        said, given = self.predict(X), self._prepare(X)
        y = _classes(y, given)
        asked = asked_steps(y, given)
        return float(np.average((said == y)[asked], weights=weight_of(sample_weight, asked)))

    def _learn_targets(self, y: Any, given: Prepared) -> np.ndarray:
        y = _classes(y, given)
        whole = y.dtype.kind != "f" or bool((np.isfinite(y) & (y == np.round(y))).all())
        check(whole, DataError, "The y of a classifier must be classes. Got continuous numbers, or none: NetRegressor takes these.")  # fmt: skip
        try:
            self.classes_ = np.unique(y[asked_steps(y, given)])
        except TypeError as error:
            raise DataError(
                f"The y of a classifier must be classes of one kind, text or numbers. Got {error}."
            ) from error
        n = len(self.classes_)
        check(n >= 2, DataError, "The y of a net must hold at least 2 classes. Got {} class.", n)
        return self._targets(y, given)

    def _targets(self, y: Any, given: Prepared) -> np.ndarray:
        y = _classes(y, given)
        check(len(y) == len(given), DataError, "The y of a net must have as many entries as there are rows ({}). Got {}.", len(given), len(y))  # fmt: skip
        asked = asked_steps(y, given)
        known = asked & np.isin(y, self.classes_)
        unknown = y[asked & ~known]
        check(not unknown.size, DataError, "The classes of the validation rows must be among those of the training rows ({}). Got '{}'.", ", ".join(map(str, self.classes_[:12])), *unknown[:1])  # fmt: skip
        codes = np.full(y.shape, PADDING, np.int64)
        codes[known] = np.searchsorted(self.classes_, y[known])
        return codes

    def _n_out(self, targets: np.ndarray) -> int:
        return len(self.classes_)

    def _for_sequences(self, targets: np.ndarray) -> dict[str, Any]:
        return super()._for_sequences(targets) | ({"head": "tag"} if targets.ndim == 2 else {})

    def _usual_objective(self, training: Rows) -> Objective:
        meant = (
            " Did you mean 'equal'?" if self.class_weight == "balanced" else ""
        )  # as scikit-learn calls it
        check(self.class_weight in ("given", "equal"), SettingError, "The 'class_weight' of a net must be 'given' or 'equal'. Got {} instead.{}", self.class_weight, meant)  # fmt: skip
        if self.class_weight == "given":
            return CrossEntropy(n_classes=len(self.classes_))
        assert training.y is not None
        counts = torch.bincount(training.y[training.y != PADDING]).float()
        return CrossEntropy(counts.sum() / (len(counts) * counts), n_classes=len(counts))

    def _warn(self, judged: Rows | None) -> None:
        super()._warn(judged)
        if judged is None or judged.y is None:
            return
        there = set(judged.y.flatten().tolist())
        lacking = [str(name) for code, name in enumerate(self.classes_) if code not in there]
        if lacking:
            self.warnings_.append(
                f"The validation rows hold none of: {', '.join(lacking)}; the best epoch is chosen without them."
            )


class NetRegressor(RegressorMixin, Net):
    """A net for numbers: of rows, one or several of each; of the steps of sequences; or of the steps to come.

    Parameters
    ----------
    net, net_settings, scale, held_out, augment, lr, max_epochs, batch_size, samples_per_epoch, optimizer, schedule, momentum,
    weight_decay, clip, truncate, patience, keep, min_delta, precision, device, threads, random_state
        As for `NetClassifier`. With ``net_settings={"head": "tag"}`` a recurrent net tells a number at each step, y
        (n, steps); with "forecast" the next ones, y (n, horizon).
    loss : callable (output, rows) -> Tensor, or Objective, optional
        Mean squared error by default; of numbers that were brought to mean 0 and standard deviation 1. A function gets what
        the net answers in the shape of ``rows.y``.

    Attributes
    ----------
    net_, history_, preprocess_, lr_, warnings_
        As of `NetClassifier`.
    target_mean_, target_spread_ : ndarray, shape () or (n_outputs,)
        Of each number, over the training rows.
    """

    def predict(self, X: Any) -> np.ndarray:
        """Return the numbers of each row, float64, of the shape that `y` had."""
        said = self.answers(X).astype(np.float64)
        if not self.target_mean_.ndim and said.ndim > 1 and said.shape[-1] == 1:
            said = said[..., 0]
            said = answer_array(said) if self._head() == "forecast" else said  # of one step to come
        return said * self.target_spread_ + self.target_mean_

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R2, the share of the variance that is foretold; over the steps that are no padding."""
        said = self.predict(X)
        y = self._numbers(y, self._prepare(X))
        asked = ~np.isnan(y)
        if self.target_mean_.ndim == y.ndim - 1:  # the mean over outputs, as everywhere in scikit-learn
            return float(r2_score(y, said, sample_weight=sample_weight))
        return float(r2_score(y[asked], said[asked], sample_weight=weight_of(sample_weight, asked)))

    def _learn_targets(self, y: Any, given: Prepared) -> np.ndarray:
        numbers = self._numbers(y, given)
        axes = tuple(range(numbers.ndim if self._single(numbers) else numbers.ndim - 1))
        asked = ~np.isnan(numbers)
        self.target_mean_ = numbers.mean(axis=axes, where=asked)
        with np.errstate(over="ignore", invalid="ignore"):
            spread = numbers.std(axis=axes, where=asked)
        check(np.isfinite(spread).all(), DataError, "The y of a regressor must be numbers that can be squared, below 1e150. Got larger ones: use other units.")  # fmt: skip
        self.target_spread_ = np.where(spread > 0, spread, 1.0)
        return self._targets(y, given)

    def _targets(self, y: Any, given: Prepared) -> np.ndarray:
        scaled = (self._numbers(y, given) - self.target_mean_) / self.target_spread_
        return scaled.astype(given.values.dtype if given.values.dtype.kind == "f" else np.float32)

    def _numbers(self, y: Any, given: Prepared) -> np.ndarray:
        """Return finite numbers, float64, and NaN at steps that are padding."""
        by_step = self._head() == "tag"
        y = steps_of(y, given) if by_step else answer_array(y)
        check(len(y) == len(given), DataError, "The y of a net must have as many entries as there are rows ({}). Got {}.", len(given), len(y))  # fmt: skip
        check(y.dtype.kind in "fiubO", DataError, "The y of a regressor must be numbers. Got {}: NetClassifier takes classes.", y.dtype)  # fmt: skip
        y = y.astype(np.float64)
        asked = asked_steps(y, given) if by_step else np.ones(y.shape, bool)
        check(np.isfinite(y[asked]).all(), DataError, "The y of a regressor must be finite numbers, without NaN or inf. Got one that is not.")  # fmt: skip
        return np.where(asked, y, np.nan)

    def _head(self) -> str:
        """Return what a recurrent net answers: "classify" (once a sequence), "tag" (at each step) or "forecast"."""
        settings = self.net_settings or {}
        return settings.get("head", "classify") if self._takes("sequences") else "classify"

    def _single(self, numbers: np.ndarray) -> bool:
        """Tell whether y is one number of each row, or of each step of it."""
        return numbers.ndim == 1 or (numbers.ndim == 2 and self._head() in ("tag", "forecast"))

    def _n_out(self, targets: np.ndarray) -> int:
        return 1 if self._single(targets) else targets.shape[-1]

    def _for_sequences(self, targets: np.ndarray) -> dict[str, Any]:
        horizon = {"horizon": targets.shape[1]} if self._head() == "forecast" and targets.ndim > 1 else {}
        return super()._for_sequences(targets) | horizon

    def _usual_objective(self, training: Rows) -> Objective:
        check(self.class_weight == "given", SettingError, "The 'class_weight' of a regressor must be 'given': it has no classes. Got {}.", self.class_weight)  # fmt: skip
        return SquaredError()

    def _objective(self, training: Rows) -> Objective:
        given = super()._objective(training)
        return NumbersLoss(given.own, name=given.name) if type(given) is Objective else given


def _classes(y: Any, given: Prepared) -> np.ndarray:
    """Return the class of each row, or of each step."""
    found = answer_array(y)
    return found if found.ndim == 1 else steps_of(y, given)
