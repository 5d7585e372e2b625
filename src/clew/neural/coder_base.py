"""What `NetAutoencoder` and `NetVae` share: training without answers, errors, decoding, ways between rows, labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from torch import Tensor

from clew.errors import DataError, SettingError, check, check_choice
from clew.neural.answers import length_of, plain
from clew.neural.augment import Augment
from clew.neural.base import Net, Validation
from clew.neural.coding_objectives import errors
from clew.neural.embedding import activations_of
from clew.neural.fit import OnProgress
from clew.neural.preprocess import Prepared, Preprocess, Scale
from clew.neural.recipe import Keep, Optimizer, Precision, Schedule
from clew.neural.rows import Rows
from clew.result import literal_choices

See = Literal["wave", "spectrum"]
LatentPath = Literal["straight", "spherical"]
MOST_ERRORS = 1000  # of held-out rows, that a score is compared with


class NetCoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Net):
    """What `NetAutoencoder` and `NetVae` share; see these."""

    net: str
    loss, class_weight, truncate = None, "given", None  # of nets that answer
    errors_: np.ndarray

    def __init__(
        self,
        *,
        net_settings: dict[str, Any] | None = None,
        see: See = "wave",
        scale: Scale = "training",
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
        patience: int | None = None,
        keep: Keep = "best",
        min_delta: float = 0.0,
        precision: Precision = "auto",
        device: str = "auto",
        threads: int = 1,
        random_state: int = 0,
    ) -> None:
        self.net_settings = net_settings
        self.see = see
        self.scale = scale
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
        y: Any = None,
        *,
        validation: Validation | None = None,
        groups: Any = None,
        sample_weight: Any = None,
        checkpoint: str | Path | None = None,
        on_progress: OnProgress | None = None,
    ) -> Any:
        """Train the net to give rows back, from new weights.

        Parameters
        ----------
        X : ndarray or DataFrame
            A table (n, features), or grids (n, channels, sides ...).
        y : array of shape (n,), optional
            The labels, where the net is told these ("conditional"); else passed over.
        validation : tuple (X, y), optional
            Rows by which the best epoch is chosen, and with whose errors a score is compared; y may be None.
        groups, sample_weight, checkpoint, on_progress
            As for `clew.neural.base.Net.fit`.

        Raises
        ------
        DataError
            If rows do not fit each other, labels are lacking, or the loss is not finite.
        SettingError
            If a setting is out of range.
        """
        self._learn_labels(y)
        codes = self._codes(y, length_of(plain(X)))
        if validation is not None:
            validation = validation[0], self._codes(validation[1], length_of(plain(validation[0])))
        given: dict[str, Any] = {"groups": groups, "sample_weight": sample_weight, "checkpoint": checkpoint}
        super().fit(X, codes, validation=validation, on_progress=on_progress, **given)
        compared = self.__dict__.pop("_compared")
        found = np.sort(self._asked(compared, self._errors).astype(np.float64))
        self.errors_ = found[np.linspace(0, len(found) - 1, min(len(found), MOST_ERRORS)).round().astype(int)]
        return self

    def _learn_scale(self, X: Any) -> Preprocess:
        check_choice(self.see, literal_choices(See)[0], what="'see' setting", of="a coder")
        return Preprocess.learn(X, scale=self.scale, spectra=self.see == "spectrum")

    def _begin(self, *given: Any) -> tuple[Rows, Rows | None]:
        training, held = super()._begin(*given)
        self._compared = training if held is None else held
        return training, held

    def _warn(self, judged: Rows | None) -> None:
        super()._warn(judged)
        if judged is None:
            self.warnings_.append("Scores are compared with those of training rows, as none were held out: new rows seem rarer than they are.")  # fmt: skip

    # ---- answers ----
    def embed(self, X: Any, y: Any = None, *, layer: str | None = None) -> np.ndarray:
        """Return the latent numbers of rows, float (n, latent); of a VAE the means. Or the activations of another ``layer``.

        Parameters
        ----------
        X : as for `fit`
        y : array of shape (n,), optional
            The labels, where the net is told these; by default those under which it finds each row likeliest.
        layer : str, optional
            As for `clew.neural.base.Net.embed`.
        """
        codes = self._codes_for(X, y)
        if layer is None:
            return self._through(X, self._encoded, codes=codes)
        return self._through(X, lambda rows: activations_of(self.net_, rows, layer=layer), codes=codes)

    def transform(self, X: Any) -> np.ndarray:
        """Return the latent numbers of rows, float (n, latent)."""
        return self.embed(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # latent numbers are float32, unless it is told "float64"
        return tags

    @property
    def _n_features_out(self) -> int:
        config: Any = self.net_.config
        return int(config.latent)

    def reconstruct(self, X: Any, y: Any = None) -> np.ndarray:
        """Return what comes back of rows, float64 of the shape and in the units of X; spectra in dB where it sees these."""
        scaled = self._through(X, self._back, codes=self._codes_for(X, y))
        return self.preprocess_.undo(scaled, like=np.asarray(X))

    def anomaly(self, X: Any, y: Any = None) -> np.ndarray:
        """Return the reconstruction error of rows, float64 (n,): the mean squared error on the scale of the net."""
        return self._through(X, self._errors, codes=self._codes_for(X, y)).astype(np.float64)

    def rarity(self, X: Any, y: Any = None) -> np.ndarray:
        """Return the share of held-out rows that have at least the reconstruction error of each row, float64 (n,).

        Notes
        -----
        With the row itself counted among them, of rows like these at most a share s has a rarity of at most s: a p-value
        (Bates et al., Annals of Statistics 51 (2023), doi:10.1214/22-AOS2244). Without held-out rows training rows stand in.
        """
        return self.rarity_of(self.anomaly(X, y))

    def rarity_of(self, errors: np.ndarray) -> np.ndarray:
        """Return the share of held-out rows that have at least these reconstruction errors, float64 (n,)."""
        below = np.searchsorted(self.errors_, errors, side="left")
        return (len(self.errors_) - below + 1) / (len(self.errors_) + 1)

    def decode(self, latent: Any, label: Any = None, *, like: np.ndarray | None = None) -> np.ndarray:
        """Return rows from latent numbers, float64 (n, ...) in the units of the training rows.

        Parameters
        ----------
        latent : ndarray, shape (n, latent)
        label : str, or array of shape (n,), optional
            Where the net is told labels.
        like : ndarray, optional
            As for `clew.neural.preprocess.Preprocess.undo`: rows whose scale they get where each has its own ("each" and
            "peak"); without it they stay on the scale of the net.
        """
        return self.preprocess_.undo(self.decode_scaled(latent, label), like=like)

    def decode_scaled(self, latent: Any, label: Any = None) -> np.ndarray:
        """Return rows from latent numbers, float (n, ...) on the scale of the net; as `decode`."""
        values = np.asarray(latent, np.float64)
        fits = values.ndim == 2 and values.shape[1] == self._n_features_out and np.isfinite(values).all()
        check(fits, DataError, "The latent numbers must be finite, of shape (rows, {}). Got the shape {}.", self._n_features_out, values.shape)  # fmt: skip
        double = self.precision == "float64"
        rows = self._rows(Prepared(values.astype(np.float64 if double else np.float32)), self._codes(label, len(values)))  # fmt: skip
        return self._asked(rows, self._decoded)

    def interpolate(
        self, a: np.ndarray, b: np.ndarray, n: int, label: Any = None, *, path: LatentPath = "straight"
    ) -> np.ndarray:
        """Return ``n`` rows on the way from one row to another, float64 (n, ...): decoded, both ends too.

        Parameters
        ----------
        a, b : ndarray, of the shape of one row
        n : int
        label : str, optional
            Where the net is told labels; that of each end to its half by default.
        path : {"straight", "spherical"}
            In the latent space: along a line; or along an arc, on which the length changes evenly, as draws from a normal
            distribution lie near a sphere (White 2016, arXiv:1609.04468).
        """
        ends = np.stack([np.asarray(a), np.asarray(b)])
        labels = None
        if self.conditional:
            said = [label, label] if label is not None else self.likeliest(ends)
            labels = np.asarray(said)[(np.arange(n) >= n / 2).astype(int)]
        first, last = self.embed(ends, None if label is None else [label] * 2)
        way = between(first, last, n, path=path)
        return self.decode(way, labels, like=ends)

    # ---- labels ----
    @property
    def conditional(self) -> bool:
        """Return whether the net is told the labels of rows."""
        return bool((self.net_settings or {}).get("conditional", False))

    def _learn_labels(self, y: Any) -> None:
        self.__dict__.pop("classes_", None)
        if self.conditional:
            check(y is not None, DataError, "A net that is told labels must be given them, as y. Got none.")
            self.classes_ = np.unique(np.asarray(y))
            check(len(self.classes_) >= 2, DataError, "The y of a net must hold at least 2 labels. Got {}.", len(self.classes_))  # fmt: skip

    def _codes(self, labels: Any, n: int) -> np.ndarray:
        """Return the codes of labels, int64 (n,), of one each or one for all; 0 where the net is told none."""
        if not self.conditional:
            return np.zeros(n, np.int64)
        known = ", ".join(map(str, self.classes_[:12]))
        check(
            labels is not None,
            DataError,
            "A net that is told labels must be given one of: {}. Got none.",
            known,
        )
        given = np.broadcast_to(np.asarray(labels), (n,)) if np.ndim(labels) == 0 else np.asarray(labels)
        check(given.shape == (n,), DataError, "The labels must be one for each row ({}). Got the shape {}.", n, given.shape)  # fmt: skip
        unknown = given[~np.isin(given, self.classes_)]
        check(not unknown.size, DataError, "The labels must be among: {}. Got '{}'.", known, *unknown[:1])
        return np.searchsorted(self.classes_, given).astype(np.int64)

    def _codes_for(self, X: Any, y: Any) -> np.ndarray:
        return self._codes(y, length_of(plain(X)))

    def likeliest(self, X: Any) -> np.ndarray | None:
        """Return the label under which the net finds each row likeliest, (n,); None where it is told none."""
        return self.classes_[self._codes_for(X, None)] if self.conditional else None

    # ---- what the net does with rows ----
    def _encoded(self, rows: Rows) -> Tensor:
        raise NotImplementedError

    def _decoded(self, rows: Rows) -> Tensor:
        raise NotImplementedError

    def _back(self, rows: Rows) -> Tensor:
        return self._decoded(Rows(self._encoded(rows), rows.y))

    def _errors(self, rows: Rows) -> Tensor:
        return errors(rows.x, self._back(rows))

    def _learn_targets(self, y: Any, given: Prepared) -> np.ndarray:
        return self._targets(y, given)

    def _targets(self, y: Any, given: Prepared) -> np.ndarray:
        return np.asarray(y, np.int64)

    def _n_out(self, targets: np.ndarray) -> int:
        return len(self.classes_) if self.conditional else 0


def between(a: np.ndarray, b: np.ndarray, n: int, *, path: LatentPath = "straight") -> np.ndarray:
    """Return ``n`` points from a to b, float64 (n, d), both with them: along a line, or an arc around the origin.

    Raises
    ------
    SettingError
        If there are fewer than 2, or there is no such path.
    """
    check_choice(path, literal_choices(LatentPath)[0], what="'path' setting", of="an interpolation")
    check(n >= 2, SettingError, "The 'n' of an interpolation must be at least 2. Got {} instead.", n)
    share, (a, b) = np.linspace(0, 1, n)[:, None], np.asarray([a, b], np.float64)
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    if path == "straight" or not all(lengths):
        return (1 - share) * a + share * b
    toward = a / lengths[0], b / lengths[1]
    angle = np.arccos(np.clip(toward[0] @ toward[1], -1, 1))
    if not 1e-6 < angle < np.pi - 1e-6:  # no arc, or no one shortest
        return (1 - share) * a + share * b
    direction = (np.sin((1 - share) * angle) * toward[0] + np.sin(share * angle) * toward[1]) / np.sin(angle)
    return direction * ((1 - share) * lengths[0] + share * lengths[1])
