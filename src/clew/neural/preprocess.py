"""What is done to rows before a net sees them: learnt in training, kept with the model, applied by it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, check, check_choice
from clew.result import literal_choices

Scale = Literal["training", "each", "peak", "none"]
UNKNOWN, FIRST_LETTER = 1, 2  # codes of letters; 0 is padding


@dataclass(frozen=True, eq=False)
class Prepared:
    """Rows as a net takes them.

    Parameters
    ----------
    values : ndarray, shape (n, ...)
        float64, or int64 codes of letters.
    lengths : ndarray of int64, shape (n,), or None
        How many steps of each sequence are real.
    """

    values: np.ndarray
    lengths: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Preprocess:
    """How rows are brought to a common scale.

    Parameters
    ----------
    scale : {"training", "each", "peak", "none"}
        To mean 0 and standard deviation 1 of each feature or channel over the training rows; of each row by itself (all
        its channels together, so that their ratios stay); to a largest value of 1 around the mean of each row; or not.
    mean, spread : tuple of float
        Of each feature or channel, for "training".
    letters : str
        The letters of the training rows where these are text, in order; another letter has a code of its own.
    codes : int
        The number of codes where rows are sequences of these (0 to ``codes`` - 1), or of letters; 0 where they are numbers.
    """

    scale: Scale = "training"
    mean: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()
    letters: str = ""
    codes: int = 0

    @staticmethod
    def learn(X: Any, *, scale: Scale = "training", sequences: bool = False) -> Preprocess:
        """Learn from training rows what must be known to prepare others alike.

        Parameters
        ----------
        X : ndarray, shape (n, ...); or a list of sequences, ndarray (steps, features) or str
        scale : {"training", "each", "peak", "none"}
        sequences : bool
            Whether rows are steps of features, or of codes where they are whole numbers with 2 axes. Otherwise the second
            axis are features, as of tables, or channels, as of images and signals.

        Raises
        ------
        DataError
            If there are no rows, they do not fit each other, or a number is not finite.
        """
        check_choice(scale, literal_choices(Scale)[0], what="'scale' setting", of="a net")
        if _is_text(X):
            letters = "".join(sorted(set("".join(map(str, X)))))
            return Preprocess(scale="none", letters=letters, codes=len(letters) + FIRST_LETTER)
        given = _padded(X, codes=sequences)
        if given.values.dtype.kind == "i":
            return Preprocess(scale="none", codes=int(given.values.max()) + 1)
        if scale != "training":
            return Preprocess(scale)
        values = given.values if sequences else np.moveaxis(given.values, 1, -1)
        flat = values.reshape(-1, values.shape[-1]) if given.lengths is None else values[_real(given)]
        mean, spread = flat.mean(axis=0, dtype=np.float64), flat.std(axis=0, dtype=np.float64)
        spread = np.where(spread > 1e-12 * np.maximum(1, np.abs(mean)), spread, 1.0)  # constant: only its mean goes
        return Preprocess(scale, tuple(mean.tolist()), tuple(spread.tolist()))

    def apply(self, X: Any, *, sequences: bool = False) -> Prepared:
        """Prepare rows as the training rows were.

        Raises
        ------
        DataError
            If they have other features or channels, or a number is not finite.
        """
        if self.letters:
            check(_is_text(X), DataError, "The rows of a net that was trained on text must be text. Got {}.", type(X).__name__)  # fmt: skip
            return _padded([self._coded(str(one)) for one in X], codes=True)
        check(not _is_text(X), DataError, "The rows of a net must be numbers, as those that it was trained on. Got text.")
        given = _padded(X, codes=bool(self.codes))
        if self.codes:
            largest = int(given.values.max())
            check(given.values.dtype.kind == "i" and given.values.min() >= 0 and largest < self.codes, DataError, "The codes must be whole numbers from 0 to {}, as those that the net was trained on. Got {}.", self.codes - 1, largest)  # fmt: skip
        if self.scale == "none":
            return given
        axis = -1 if sequences else 1
        check(
            self.scale != "training" or given.values.shape[axis] == len(self.mean),
            DataError,
            "The rows must have {} {}, as those that the net was trained on. Got {}.",
            len(self.mean),
            "channels" if given.values.ndim > 2 and not sequences else "features",
            given.values.shape[axis],
        )
        if self.scale == "training":
            shape = [1] * given.values.ndim
            shape[axis] = -1
            mean, spread = (np.reshape(one, shape).astype(given.values.dtype) for one in (self.mean, self.spread))
            scaled = (given.values - mean) / spread
        else:
            scaled = self._each(given)
        if given.lengths is not None:
            scaled = np.where(_real(given)[..., None], scaled, 0.0)
        return Prepared(scaled, given.lengths)

    def _each(self, given: Prepared) -> np.ndarray:
        """Return every row on a scale of its own."""
        axes = tuple(range(1, given.values.ndim))
        real = np.ones(1, bool) if given.lengths is None else _real(given)[..., None]
        mean = given.values.mean(axis=axes, keepdims=True, where=real)
        centred = given.values - mean
        if self.scale == "peak":
            size = np.abs(centred).max(axis=axes, keepdims=True, where=real, initial=0)
        else:
            size = np.sqrt((centred**2).mean(axis=axes, keepdims=True, where=real))
        return np.asarray(centred / np.where(size > 0, size, 1.0), given.values.dtype)

    def _coded(self, text: str) -> np.ndarray:
        places = {letter: code for code, letter in enumerate(self.letters, FIRST_LETTER)}
        return np.array([places.get(letter, UNKNOWN) for letter in text], np.int64)

    def config(self) -> dict[str, Any]:
        """Return it as JSON can say it."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_config(config: dict[str, Any]) -> Preprocess:
        """Return what `config` was made of."""
        return Preprocess(**{key: tuple(value) if isinstance(value, list) else value for key, value in config.items()})


def _is_text(X: Any) -> bool:
    return len(X) > 0 and all(isinstance(one, str) for one in X)


def _padded(X: Any, *, codes: bool = False) -> Prepared:
    """Return rows as one array; sequences of different lengths are filled up with 0, and their lengths kept."""
    if not isinstance(X, (list, tuple)) and getattr(X, "dtype", None) != object:
        return Prepared(_numbers(np.asarray(X), codes=codes))
    check(len(X), DataError, "The rows of a net must be at least one. Got none.")
    parts = [_numbers(np.asarray(one), codes=codes) for one in X]
    shapes = {part.shape[1:] for part in parts}
    check(len(shapes) == 1, DataError, "The sequences must all have the same features. Got {}.", " and ".join(map(str, sorted(shapes))))  # fmt: skip
    if parts[0].ndim == 0 or (not codes and parts[0].ndim == 1):
        same = len({part.shape for part in parts}) == 1
        check(same, DataError, "The rows of a net must all have as many features. Got {} and others.", parts[0].shape)
        return Prepared(np.stack(parts))
    lengths = np.array([len(part) for part in parts], np.int64)
    check(lengths.min(), DataError, "The sequences must have at least one step. Got an empty one, number {}.", int(lengths.argmin()) + 1)  # fmt: skip
    values = np.zeros((len(parts), lengths.max(), *parts[0].shape[1:]), parts[0].dtype)
    for row, part in zip(values, parts, strict=True):
        row[: len(part)] = part
    return Prepared(values, lengths)


def _numbers(values: np.ndarray, *, codes: bool) -> np.ndarray:
    """Return floats, or int64 codes where whole numbers without features are such; refuse what is not finite."""
    check(values.dtype.kind in "fiub", DataError, "The rows of a net must be numbers. Got {}.", values.dtype)
    if codes and values.dtype.kind in "iu" and values.ndim <= 2:
        return values.astype(np.int64)
    values = values if values.dtype.kind == "f" else values.astype(np.result_type(values.dtype, np.float32))
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, *place = bad[0].tolist()
        raise DataError(f"The rows of a net must be finite numbers. Got {values[row, *place]} in row {row + 1}.")
    return values


def _real(given: Prepared) -> np.ndarray:
    """Return bool (n, steps): the steps that are no padding."""
    assert given.lengths is not None
    return np.arange(given.values.shape[1]) < given.lengths[:, None]
