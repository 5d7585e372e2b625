"""What `NetClassifier` and `NetRegressor` share: settings, how rows become tensors, training, answers, activations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.utils.validation import _check_feature_names, check_is_fitted
from torch import Tensor, nn

from clew.errors import DataError, SettingError, check
from clew.neural.answers import checked_weight, length_of, plain, some
from clew.neural.architectures import architecture_of, build, check_shape
from clew.neural.augment import Augment
from clew.neural.embedding import activations_of
from clew.neural.fit import OnProgress, fit
from clew.neural.objectives import Objective, forward
from clew.neural.place import computing, device_of, evaluating, memory_told, seeded, threads
from clew.neural.preprocess import Prepared, Preprocess, Scale
from clew.neural.rate_finder import find_rate
from clew.neural.recipe import Keep, Optimizer, Precision, Recipe, Schedule
from clew.neural.rows import Rows
from clew.splits.dealing import deal_groups, deal_rows, strata
from clew.validate.history import History
from clew.validate.rate_finder import RateSuggestion

Build = Callable[[tuple[int, ...], int], nn.Module]
ClassWeight = Literal["given", "equal"]
Validation = tuple[Any, Any]


class Net(BaseEstimator):
    """What classifier and regressor share; see these."""

    net_: nn.Module
    preprocess_: Preprocess
    history_: History
    n_features_in_: int
    shape_: tuple[int, ...]

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
        lr: float | Literal["find"] = 1e-3,
        schedule: Schedule = "constant",
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        clip: float | None = None,
        truncate: int | None = None,
        patience: int | None = None,
        keep: Keep = "best",
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
        self.truncate = truncate
        self.patience = patience
        self.keep = keep
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
        validation: Validation | None = None,
        groups: Any = None,
        sample_weight: Any = None,
        checkpoint: str | Path | None = None,
        on_progress: OnProgress | None = None,
    ) -> Any:
        """Train the net on rows, from new weights.

        Parameters
        ----------
        X : ndarray, DataFrame, or a list of sequences
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
        self.warnings_: list[str] = []
        training, held = self._begin(X, y, validation, groups, sample_weight)
        self.n_trained_ = len(training.x)
        recipe, objective = self._recipe(), self._objective(training)
        if self.lr == "find":
            found = find_rate(self.net_, training, recipe=recipe, objective=objective)
            check(np.isfinite(found.suggested), DataError, "The lr of a net must be given for these rows. {}", found.sentence)  # fmt: skip
            recipe = dataclasses.replace(recipe, lr=found.suggested)
        self.lr_ = recipe.lr
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
                f"{self.history_.best_epoch} are kept. Lower the learning rate ({self.lr_:g})."
            )
        return self

    def find_rate(self, X: Any, y: Any, *, sample_weight: Any = None) -> RateSuggestion:
        """Try learning rates on rows, and suggest the one to begin with; ``lr="find"`` does so before it trains.

        Returns
        -------
        RateSuggestion
            ``suggested`` is the rate; NaN where none made the loss fall.
        """
        own = clone(self)  # what was fitted stays
        own.warnings_ = []
        training, _ = own._begin(X, y, None, None, sample_weight)
        return find_rate(own.net_, training, recipe=own._recipe(), objective=own._objective(training))

    def _recipe(self) -> Recipe:
        settings = {name: getattr(self, name) for name in Recipe.__dataclass_fields__}
        return Recipe(**(settings | ({"lr": 1.0} if self.lr == "find" else {})))

    def _begin(
        self, X: Any, y: Any, validation: Validation | None, groups: Any, sample_weight: Any
    ) -> tuple[Rows, Rows | None]:
        """Learn what rows and answers are like, and build the net; return the rows of training and validation."""
        self._recipe()  # is refused before anything is done
        check(y is not None, DataError, "A net learns from answers: fit requires y to be passed, but the target y is None.")  # fmt: skip
        if self._takes("rows", "either"):
            _check_feature_names(self, X, reset=True)
        X, y = plain(X), plain(y)
        n = length_of(X)
        check(n == length_of(y), DataError, "The y of a net must have as many entries as there are rows ({}). Got {}.", n, length_of(y))  # fmt: skip
        weight = checked_weight(sample_weight, n)
        if self.held_out is not None and validation is None:
            train, held = self._hold_out(y, groups)
            validation = some(X, held), some(y, held)
            X, y, weight = some(X, train), some(y, train), None if weight is None else weight[train]
        else:
            check(groups is None, SettingError, "The 'groups' of a net must go with 'held_out', which deals them. Got groups alone.")  # fmt: skip
        self.preprocess_ = self._learn_scale(X)
        given = self._prepare(X)
        targets = self._learn_targets(y, given)
        self.shape_ = tuple(given.values.shape[1:])
        self.n_features_in_ = self.shape_[-1 if self.preprocess_.sequences else 0]
        with seeded(self.random_state):
            self.net_ = self._build(targets)
        judged = None
        if validation is not None:
            rows = self._prepare_alike(validation[0])
            judged = self._rows(rows, self._targets(plain(validation[1]), rows))
        training = self._rows(given, targets, weight)
        self._warn(judged)
        return training, judged

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        """Return the settings that differ from the default, and below them what to mind since `fit`."""
        return "\n".join([super().__repr__(N_CHAR_MAX), *getattr(self, "warnings_", [])])

    def _hold_out(self, y: Any, groups: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return which rows are trained on and which are put aside: a share of the groups, or of the rows."""
        share: Any = self.held_out
        check(isinstance(share, float) and 0 < share < 1, SettingError, "The 'held_out' of a net must be a share between 0 and 1. Got {} instead.", share)  # fmt: skip
        random, shares = np.random.default_rng(self.random_state), np.array([1 - share, share])
        first = np.array([np.ravel(one)[0] for one in y])  # of several answers
        by = (first.astype(str), None) if is_classifier(self) else (None, first.astype(np.float64))
        stratum = strata(*by)
        if groups is None:
            part = deal_rows(stratum, shares, random)
        else:
            groups = np.asarray(groups)
            check(groups.shape == (len(y),), DataError, "The groups must be one of each row ({}). Got the shape {}.", len(y), groups.shape)  # fmt: skip
            n = len(np.unique(groups))
            check(n >= 2, DataError, "The groups must be at least 2 for some to be held out. Got {}.", n)
            part = deal_groups(groups, stratum, shares, random)
        train, held = np.flatnonzero(part == 0), np.flatnonzero(part == 1)
        check(len(train) and len(held), DataError, "The rows must be enough for some to be held out. Got {}.", len(y))  # fmt: skip
        return train, held

    def _build(self, targets: np.ndarray) -> nn.Module:
        n_out = self._n_out(targets)
        if not isinstance(self.net, str):
            check(not isinstance(self.net, nn.Module), SettingError, "The 'net' of a net must be a name, or a function (shape, n_out) that builds a module. Got a {} that is built already.", type(self.net).__name__)  # fmt: skip
            return self.net(self.shape_, n_out)
        settings = dict(self.net_settings or {})
        if self._takes("sequences"):
            settings = self._for_sequences(targets) | settings
        return build(self.net, self.shape_, n_out, settings)

    # ---- answers ----
    def answers(self, X: Any) -> np.ndarray:
        """Return what the net says of rows, before classes or numbers are made of it: float (n, ..., n_out)."""
        return self._through(X, lambda rows: forward(self.net_, rows))

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
        return self._through(X, lambda rows: activations_of(self.net_, rows, layer=layer))

    def _through(
        self, X: Any, ask: Callable[[Rows], Tensor], *, codes: np.ndarray | None = None
    ) -> np.ndarray:
        """Return what is asked of rows; with the codes of their labels where the net is told these."""
        check_is_fitted(self, "net_")
        if self._takes("rows", "either"):
            _check_feature_names(self, X, reset=False)
        return self._asked(self._rows(self._prepare_alike(X), codes), ask)

    def _asked(self, rows: Rows, ask: Callable[[Rows], Tensor]) -> np.ndarray:
        """Return what is asked of prepared rows, some at a time."""
        device = device_of(self.device)
        dtype, mixed = computing(self.precision, device)
        try:
            net = self.net_.to(device, dtype)
            told = memory_told("some of the rows", "try device='cpu', or a smaller net")
            mixing = torch.autocast(device.type, mixed, enabled=mixed is not None)
            with threads(self.threads), told, evaluating(net), mixing:
                found = [ask(block.to(device, dtype)).to("cpu", dtype).numpy() for block in rows.blocks()]
        finally:
            self.net_.to("cpu")
        return np.concatenate(found)

    # ---- rows ----
    def _takes(self, *what: str) -> bool:
        return isinstance(self.net, str) and architecture_of(self.net).takes in what

    def _learn_scale(self, X: Any) -> Preprocess:
        """Learn from the training rows how rows are brought to a common scale."""
        return Preprocess.learn(X, scale=self.scale, sequences=True if self._takes("sequences") else None)

    def _prepare(self, X: Any) -> Prepared:
        """Return rows as the net takes them, or say why it does not."""
        dtype = np.float64 if self.precision == "float64" else np.float32
        given = self.preprocess_.apply(plain(X), dtype=dtype)
        if isinstance(self.net, str):
            check_shape(self.net, given.values.shape)
        return Prepared(given.values.reshape(len(given), -1)) if self._takes("rows") else given

    def _prepare_alike(self, X: Any) -> Prepared:
        """Return rows as the net takes them, of the shape that it was trained on; sequences may be longer or shorter."""
        given = self._prepare(X)
        start = 1 if self.preprocess_.sequences else 0
        wanted, got = self.shape_[start:], given.values.shape[1 + start :]
        check(wanted == got, DataError, "The rows must be of shape {}, as those that the net was trained on. Got {}.", wanted, got)  # fmt: skip
        return given

    def _rows(self, given: Prepared, y: np.ndarray | None, weight: np.ndarray | None = None) -> Rows:
        """Return arrays as tensors."""
        parts = (given.values, y, given.lengths, weight)
        x, *others = (None if one is None else torch.from_numpy(np.ascontiguousarray(one)) for one in parts)
        assert x is not None
        return Rows(x, *others)

    # ---- what a subclass says ----
    def _learn_targets(self, y: Any, given: Prepared) -> np.ndarray:
        raise NotImplementedError

    def _targets(self, y: Any, given: Prepared) -> np.ndarray:
        raise NotImplementedError

    def _n_out(self, targets: np.ndarray) -> int:
        raise NotImplementedError

    def _for_sequences(self, targets: np.ndarray) -> dict[str, Any]:
        """Return settings of a recurrent net that follow from the rows."""
        return {"vocabulary": self.preprocess_.codes} if self.preprocess_.codes else {}

    def _objective(self, training: Rows) -> Objective:
        """Return the loss that was given, or the usual one."""
        if self.loss is None:
            return self._usual_objective(training)
        check(self.class_weight == "given", SettingError, "The 'class_weight' of a net must be 'given' with a loss of your own. Got {}.", self.class_weight)  # fmt: skip
        if isinstance(self.loss, Objective):
            return self.loss
        fits = callable(self.loss) and not isinstance(self.loss, nn.modules.loss._Loss)
        check(fits, SettingError, "The 'loss' of a net must be a function (output, rows), such as lambda output, rows: loss(output, rows.y). Got {!r}.", self.loss)  # fmt: skip
        return Objective(self.loss)

    def _usual_objective(self, training: Rows) -> Objective:
        raise NotImplementedError

    def _warn(self, judged: Rows | None) -> None:
        """Say what to mind about the rows."""
        n_channels, *sides = self.shape_
        if self.net == "cnn" and len(sides) == 1 and n_channels >= sides[0]:
            self.warnings_.append(
                f"Taken as signals of {n_channels} channels x {sides[0]} samples; images need a channel axis: X[:, None]."
            )
