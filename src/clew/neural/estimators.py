"""Nets with scikit-learn's contract: `NetClassifier` and `NetRegressor`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from clew.errors import DataError, SettingError, check
from clew.neural.architectures import Architecture, architecture_of, build, check_shape
from clew.neural.fit import JUDGED, Augment, OnProgress, fit
from clew.neural.objectives import PADDING, CrossEntropy, Objective, SquaredError, forward
from clew.neural.place import computing, device_of, evaluating, memory_told, seeded, threads
from clew.neural.preprocess import Prepared, Preprocess, Scale
from clew.neural.recipe import Optimizer, Precision, Recipe, Schedule
from clew.neural.rows import Rows
from clew.splits.dealing import deal_groups, deal_rows, strata
from clew.validate.history import History

Build = Callable[[tuple[int, ...], int], nn.Module]
ClassWeight = Literal["given", "equal"]


class Net(BaseEstimator):
    """What classifier and regressor share; see these."""

    net_: nn.Module
    preprocess_: Preprocess
    history_: History
    n_features_in_: int

    def __init__(
        self,
        net: str | Build = "mlp",
        *,
        net_settings: dict[str, Any] | None = None,
        scale: Scale = "training",
        loss: Callable[[Any, Rows], Tensor] | Objective | None = None,
        class_weight: ClassWeight = "given",
        held_out: float | None = None,
        augment: Augment | None = None,
        max_epochs: int = 50,
        batch_size: int | None = None,
        samples_per_epoch: int | None = None,
        optimizer: Optimizer = "adamw",
        lr: float = 1e-3,
        schedule: Schedule = "constant",
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        clip: float | None = None,
        patience: int | None = None,
        min_delta: float = 0.0,
        precision: Precision = "auto",
        device: str = "auto",
        threads: int = 1,
        random_state: int = 0,
    ) -> None:
        self.net = net
        self.net_settings = net_settings
        self.scale = scale
        self.loss = loss
        self.class_weight = class_weight
        self.held_out = held_out
        self.augment = augment
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.samples_per_epoch = samples_per_epoch
        self.optimizer = optimizer
        self.lr = lr
        self.schedule = schedule
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.clip = clip
        self.patience = patience
        self.min_delta = min_delta
        self.precision = precision
        self.device = device
        self.threads = threads
        self.random_state = random_state

    # ---- fit ----
    def fit(
        self,
        X: Any,
        y: Any,
        *,
        validation: tuple[Any, Any] | None = None,
        groups: Any = None,
        sample_weight: Any = None,
        checkpoint: str | Path | None = None,
        on_progress: OnProgress | None = None,
    ) -> Any:
        """Train the net on rows, from new weights.

        Parameters
        ----------
        X : ndarray, or a list of sequences
            A table (n, features); grids (n, channels, sides ...); sequences (n, steps, features) or a list of them, of
            whatever lengths, or of text.
        y : array of shape (n,), or (n, steps) of classes of steps, or (n, outputs) of numbers
            Steps beyond the end of a sequence are passed over, whatever stands there.
        validation : tuple (X, y), optional
            Rows by which the best epoch is chosen. Without it, ``held_out`` says how many are put aside.
        groups : array of shape (n,), optional
            What belongs together, and so is never on both sides when rows are held out.
        sample_weight : array of shape (n,), optional
        checkpoint : path, optional
            As for `clew.neural.fit.fit`.
        on_progress : callable (done, total), optional
            Told after each epoch; returning False ends the training.

        Raises
        ------
        DataError
            If rows do not fit each other or the net, there is one class only, a class of the validation rows is unknown, or
            the loss is not finite.
        SettingError
            If a setting is out of range.
        """
        recipe = Recipe(**{name: getattr(self, name) for name in Recipe.__dataclass_fields__})
        self.warnings_: list[str] = []
        self.preprocess_ = Preprocess.learn(X, scale=self.scale, sequences=self._takes("sequences"))
        given = self._prepare(X)
        check(len(y) == len(given), DataError, "The y of a net must have as many entries as there are rows ({}). Got {}.", len(given), len(y))  # fmt: skip
        targets = self._learn_targets(y, given)
        weight = None if sample_weight is None else np.asarray(sample_weight, np.float64)
        training = _rows(given, targets, weight)
        held = None
        if validation is not None:
            rows = self._prepare(validation[0])
            held = _rows(rows, self._targets(validation[1], rows), None)
        elif self.held_out is not None:
            training, held = self._hold_out(training, targets, groups)
        self._warn(training, held)
        objective = self._objective(training)
        shape, n_out = tuple(given.values.shape[1:]), self._n_out(targets)
        with seeded(recipe.random_state):
            self._by_step = targets.ndim == 2 and targets.dtype.kind == "i"
            self.net_ = self._build(shape, n_out)
        self.n_features_in_ = int(np.prod(shape)) if self._takes("rows") else shape[0]
        self.shape_ = shape
        self.history_ = fit(
            self.net_,
            training,
            recipe=recipe,
            objective=objective,
            validation=held,
            augment=self.augment,
            checkpoint=None if checkpoint is None else Path(checkpoint),
            on_progress=on_progress,
        )
        if self.history_.stopped == "not finite":
            self.warnings_.append(
                f"The loss was not finite at update {self.history_.failed_batch}, which ended the training: the weights of epoch "
                f"{self.history_.best_epoch} are kept. Lower lr ({self.lr:g}), or clip the gradients."
            )
        return self

    def _build(self, shape: tuple[int, ...], n_out: int) -> nn.Module:
        if not isinstance(self.net, str):
            return self.net(shape, n_out)
        settings = dict(self.net_settings or {})
        if self.preprocess_.codes:
            settings.setdefault("vocabulary", self.preprocess_.codes)
        if self._takes("sequences") and self._by_step:
            settings.setdefault("head", "tag")
        return build(self.net, shape, n_out, settings)

    def _hold_out(self, rows: Rows, targets: np.ndarray, groups: Any) -> tuple[Rows, Rows]:
        """Put a share of the groups, or of the rows, aside."""
        share = self.held_out
        check(isinstance(share, float) and 0 < share < 1, SettingError, "The 'held_out' of a net must be a share between 0 and 1. Got {} instead.", share)  # fmt: skip
        assert share is not None
        random, shares = np.random.default_rng(self.random_state), np.array([1 - share, share])
        flat = targets.reshape(len(targets), -1)[:, 0]
        stratum = strata(flat.astype(str), None) if targets.dtype.kind == "i" else strata(None, flat)
        if groups is None:
            part = deal_rows(stratum, shares, random)
        else:
            n = len(np.unique(groups))
            check(n >= 2, DataError, "The groups must be at least 2 for some to be held out. Got {}.", n)
            part = deal_groups(np.asarray(groups), stratum, shares, random)
        train, held = (torch.from_numpy(np.flatnonzero(part == side)) for side in (0, 1))
        check(len(train) and len(held), DataError, "The rows must be enough for some to be held out. Got {}.", len(rows))
        return rows.take(train), rows.take(held)

    # ---- answers ----
    def answers(self, X: Any) -> np.ndarray:
        """Return what the net says of rows, before classes or numbers are made of it: float (n, ..., n_out)."""
        check_is_fitted(self, "net_")
        return self._through(self._prepare(X), lambda rows: forward(self.net_, rows))

    def embed(self, X: Any, *, layer: str | None = None) -> np.ndarray:
        """Return the activations of a layer for rows, float (n, d), in their order and without drop-out.

        Parameters
        ----------
        X : as for `fit`
        layer : str, optional
            The name of a module of `net_`, whose output is taken; what goes into the last layer by default. Grids and
            steps are averaged, so that each unit or channel gives one number.

        Raises
        ------
        SettingError
            If there is no such layer.
        """
        check_is_fitted(self, "net_")
        from clew.neural.embedding import activations_of

        return self._through(self._prepare(X), lambda rows: activations_of(self.net_, rows, layer=layer))

    def _through(self, given: Prepared, ask: Callable[[Rows], Tensor]) -> np.ndarray:
        """Return what is asked of rows, some at a time."""
        device = device_of(self.device)
        dtype, mixed = computing(self.precision, device)
        rows, found = _rows(given, None, None, dtype), []
        net = self.net_.to(device, dtype)
        try:
            with threads(self.threads), memory_told(JUDGED), evaluating(net), torch.autocast(device.type, mixed, enabled=mixed is not None):  # fmt: skip
                found = [ask(block.to(device)).to("cpu", dtype).numpy() for block in rows.blocks(JUDGED)]
        finally:
            net.to("cpu")
        return np.concatenate(found)

    # ---- rows ----
    @property
    def _architecture(self) -> Architecture | None:
        return architecture_of(self.net) if isinstance(self.net, str) else None

    def _takes(self, what: str) -> bool:
        kind = self._architecture
        return kind is not None and kind.takes == what

    def _prepare(self, X: Any) -> Prepared:
        """Return rows as the net takes them, or say why it does not."""
        if hasattr(X, "to_numpy"):
            X = X.to_numpy()
        given = self.preprocess_.apply(X, sequences=self._takes("sequences"))
        check(len(given), DataError, "The rows of a net must be at least one. Got none.")
        if isinstance(self.net, str):
            check_shape(self.net, given.values.shape)
        if self._takes("rows"):
            given = Prepared(given.values.reshape(len(given), -1))
        known = getattr(self, "shape_", None) if hasattr(self, "net_") else None
        moving = given.lengths is not None or self._takes("sequences")  # sequences may be longer or shorter
        if known is not None:
            wanted, got = (known[1:], given.values.shape[2:]) if moving else (known, given.values.shape[1:])
            check(wanted == got, DataError, "The rows must be of shape {}, as those that the net was trained on. Got {}.", wanted, got)  # fmt: skip
        return given

    # ---- what a subclass says ----
    def _learn_targets(self, y: Any, given: Prepared) -> np.ndarray:
        raise NotImplementedError

    def _targets(self, y: Any, given: Prepared) -> np.ndarray:
        raise NotImplementedError

    def _n_out(self, targets: np.ndarray) -> int:
        raise NotImplementedError

    def _objective(self, training: Rows) -> Objective:
        raise NotImplementedError

    def _warn(self, training: Rows, held: Rows | None) -> None:
        """Say what to mind."""

    def _own(self) -> Objective | None:
        """Return the loss that was given, if one was."""
        return self.loss if isinstance(self.loss, Objective) or self.loss is None else Objective(self.loss)


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
    max_epochs, batch_size, samples_per_epoch, optimizer, lr, schedule, momentum, weight_decay, clip, patience, min_delta,
    precision, device, threads, random_state
        See `clew.neural.recipe.Recipe`.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
    net_ : torch.nn.Module
    history_ : History
    preprocess_ : Preprocess
    warnings_ : list of str
    """

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, float64 (n, n_classes), or (n, steps, n_classes) of steps."""
        logits = self.answers(X).astype(np.float64)
        raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return raised / raised.sum(axis=-1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row, or step; at a tie the first."""
        return self.classes_[self.answers(X).argmax(axis=-1)]

    def _learn_targets(self, y: Any, given: Prepared) -> np.ndarray:
        y, real = _array(y), _asked(given)
        seen = y if real is None or y.ndim == 1 else y[real]
        check(y.dtype.kind in "iubUSO", DataError, "The y of a classifier must be classes. Got numbers with fractions: use NetRegressor.") if not _whole(y) else None  # fmt: skip
        self.classes_ = np.unique(seen)
        check(len(self.classes_) >= 2, DataError, "The y of a net must hold at least 2 classes. Got {}.", len(self.classes_))  # fmt: skip
        return self._targets(y, given)

    def _targets(self, y: Any, given: Prepared) -> np.ndarray:
        y, real = _array(y), _asked(given)
        code = np.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)
        asked = np.ones(y.shape, bool) if real is None or y.ndim == 1 else real
        unknown = asked & (self.classes_[code] != y)
        check(not unknown.any(), DataError, "The classes of the validation rows must be among those of the training rows ({}). Got '{}'.", ", ".join(map(str, self.classes_[:12])), y[unknown][0] if unknown.any() else "")  # fmt: skip
        return np.where(asked, code, PADDING).astype(np.int64)

    def _n_out(self, targets: np.ndarray) -> int:
        return len(self.classes_)

    def _objective(self, training: Rows) -> Objective:
        own = self._own()
        if own is not None:
            return own
        check(self.class_weight in ("given", "equal"), SettingError, "The 'class_weight' of a net must be 'given' or 'equal'. Got {} instead.", self.class_weight)  # fmt: skip
        if self.class_weight == "given":
            return CrossEntropy()
        assert training.y is not None
        counts = torch.bincount(training.y[training.y != PADDING].flatten(), minlength=len(self.classes_)).float()
        return CrossEntropy(counts.sum() / (len(counts) * counts.clamp(min=1)))

    def _warn(self, training: Rows, held: Rows | None) -> None:
        for rows, what in ((training, "training"), (held, "validation")):
            if rows is None or rows.y is None:
                continue
            there = set(rows.y.flatten().tolist())
            lacking = [str(name) for code, name in enumerate(self.classes_) if code not in there]
            check(not lacking or what == "validation", DataError, "The training rows must hold every class after some are held out. Got none of: {}.", ", ".join(lacking))  # fmt: skip
            if lacking:
                self.warnings_.append(f"The validation rows hold none of: {', '.join(lacking)}; the best epoch is chosen without them.")  # fmt: skip


class NetRegressor(RegressorMixin, Net):
    """A net for numbers, of rows, of the steps of sequences, or several of each row.

    Parameters
    ----------
    net, net_settings, scale, held_out, augment, max_epochs, batch_size, samples_per_epoch, optimizer, lr, schedule, momentum,
    weight_decay, clip, patience, min_delta, precision, device, threads, random_state
        As for `NetClassifier`.
    loss : callable (output, rows) -> Tensor, or Objective, optional
        Mean squared error by default; of numbers that were brought to mean 0 and standard deviation 1.

    Attributes
    ----------
    net_, history_, preprocess_, warnings_
        As of `NetClassifier`.
    target_mean_, target_spread_ : ndarray
        Of each number, over the training rows.
    """

    def predict(self, X: Any) -> np.ndarray:
        """Return the numbers of each row, float64, of the shape that `y` had."""
        said = self.answers(X).astype(np.float64)
        said = said.reshape(len(said), *self.target_shape_) if self.target_shape_ is not None else said
        return said * self.target_spread_ + self.target_mean_

    def _learn_targets(self, y: Any, given: Prepared) -> np.ndarray:
        y = _array(y)
        check(y.dtype.kind in "fiub", DataError, "The y of a regressor must be numbers. Got {}: use NetClassifier.", y.dtype)
        y = y.astype(np.float64)
        self.target_shape_ = None if given.lengths is not None and y.ndim > 1 else y.shape[1:]
        self.target_mean_, spread = y.mean(axis=0), y.std(axis=0)
        self.target_spread_ = np.where(spread > 0, spread, 1.0)
        return self._targets(y, given)

    def _targets(self, y: Any, given: Prepared) -> np.ndarray:
        y = _array(y).astype(np.float64)
        check(np.isfinite(y).all(), DataError, "The y of a regressor must be finite numbers. Got one that is not.")
        return (y - self.target_mean_) / self.target_spread_

    def _n_out(self, targets: np.ndarray) -> int:
        return 1 if targets.ndim == 1 else targets.shape[-1]

    def _objective(self, training: Rows) -> Objective:
        return self._own() or SquaredError()


def _rows(given: Prepared, y: np.ndarray | None, weight: np.ndarray | None, dtype: torch.dtype = torch.float32) -> Rows:
    """Return arrays as tensors."""
    x = torch.from_numpy(np.ascontiguousarray(given.values))
    return Rows(
        x.to(dtype) if x.is_floating_point() else x,
        None if y is None else torch.from_numpy(np.ascontiguousarray(y)),
        None if given.lengths is None else torch.from_numpy(given.lengths),
        None if weight is None else torch.from_numpy(weight),
    )


def _array(y: Any) -> np.ndarray:
    """Return y as an array; of a list of sequences one that is filled up at the end."""
    if isinstance(y, Sequence) and len(y) and isinstance(y[0], (list, np.ndarray)):
        parts = [np.asarray(one) for one in y]
        longest = max(map(len, parts))
        filled = [np.concatenate([part, np.repeat(part[-1:], longest - len(part), axis=0)]) for part in parts]
        return np.stack(filled)
    y = np.asarray(y)
    return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y


def _asked(given: Prepared) -> np.ndarray | None:
    """Return bool (n, steps): which steps are real; None where all rows are as long."""
    return None if given.lengths is None else np.arange(given.values.shape[1]) < given.lengths[:, None]


def _whole(y: np.ndarray) -> bool:
    return y.dtype.kind != "f" or bool((np.isfinite(y) & (y == np.round(y))).all())
