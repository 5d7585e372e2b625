"""What is done to rows before a net sees them: learnt in training, kept with the model, applied by it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, check, check_choice
from clew.neural.spectra import piece_of, spectra_of
from clew.result import literal_choices

Scale = Literal["training", "each", "peak", "none"]
UNKNOWN, FIRST_LETTER = 1, 2  # codes of letters; 0 is padding
BLOCK = 2**20  # numbers that are computed with at a time, in float64


@dataclass(frozen=True, eq=False)
class Prepared:
    """Rows as a net takes them.

    Parameters
    ----------
    values : ndarray, shape (n, ...)
        Floats, or int64 codes of letters.
    lengths : ndarray of int64, shape (n,), or None
        How many steps of each sequence are real.
    """

    values: np.ndarray
    lengths: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def real(self) -> np.ndarray | None:
        """Return bool (n, steps): the steps that are no padding; None where all are real."""
        return None if self.lengths is None else np.arange(self.values.shape[1]) < self.lengths[:, None]


@dataclass(frozen=True)
class Preprocess:
    """How rows are brought to a common scale.

    Parameters
    ----------
    scale : {"training", "each", "peak", "none"}
        To mean 0 and standard deviation 1 of each feature or channel over the training rows, to 0 where it was constant; of
        each row by itself (all its channels together, so that their ratios stay); to a largest value of 1 around the mean
        of each row; or not.
    mean, spread : tuple of float
        Of each feature or channel, for "training"; a spread of 0 of what was constant.
    letters : str
        The letters of the training rows where these are text, in order; another letter has a code of its own.
    codes : int
        The number of codes where rows are sequences of these (0 to ``codes`` - 1), or of letters; 0 where they are numbers.
    sequences : bool
        Whether rows are steps of features, (n, steps, features) or a list of sequences of different lengths. Otherwise the
        second axis are features, as of tables, or channels, as of images and signals.
    piece : int
        Samples of each piece of a signal whose spectrum is seen in place of its wave: see `clew.neural.spectra`; 0 of waves.
        Each band is brought to mean 0 and standard deviation 1 over the training rows, with "each" and "peak" after the mean
        level of each row was taken off.
    """

    scale: Scale = "training"
    mean: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()
    letters: str = ""
    codes: int = 0
    sequences: bool = False
    piece: int = 0

    @staticmethod
    def learn(X: Any, *, scale: Scale = "training", sequences: bool | None = None, spectra: bool = False) -> Preprocess:  # fmt: skip
        """Learn from training rows what must be known to prepare others alike.

        Parameters
        ----------
        X : ndarray, shape (n, ...); or a list of sequences, ndarray (steps, features) or str
        scale : {"training", "each", "peak", "none"}
        sequences : bool, optional
            As above; whole numbers without features are then codes. A list of rows of different lengths by default.
        spectra : bool
            See the spectra of pieces of signals, (n, channels, T).

        Raises
        ------
        DataError
            If there are no rows, they do not fit each other, or a number is not finite.
        """
        check_choice(scale, literal_choices(Scale)[0], what="'scale' setting", of="a net")
        if _is_text(X):
            letters = "".join(sorted(set("".join(map(str, X)))))
            return Preprocess("none", letters=letters, codes=len(letters) + FIRST_LETTER, sequences=True)
        if sequences is None:
            sequences = _is_list(X) and len({np.shape(one)[:1] for one in X}) > 1
        given = _gathered(X, sequences=sequences)
        if sequences and given.values.ndim == 2:
            return Preprocess("none", codes=int(given.values.max()) + 1, sequences=True)
        made = Preprocess(scale, sequences=sequences, piece=piece_of(given.values.shape) if spectra else 0)
        if not made.of_training:
            return made
        mean, spread = _moments(Prepared(made._levelled(given.values), given.lengths), axis=-1 if sequences else 1)  # fmt: skip
        return dataclasses.replace(made, mean=tuple(mean.tolist()), spread=tuple(spread.tolist()))

    @property
    def of_training(self) -> bool:
        """Return whether features, channels or bands are brought to the scale of the training rows."""
        return self.scale == "training" or (self.piece > 0 and self.scale != "none")

    def seen(self, X: Any) -> np.ndarray:
        """Return rows in the units in which they come back: as they are, or the spectra of their pieces in dB."""
        return spectra_of(X, self.piece) if self.piece else np.asarray(X)

    def _levelled(self, X: np.ndarray) -> np.ndarray:
        """Return what is seen of rows; of spectra without the mean level of each row, where it has a scale of its own."""
        seen = self.seen(X)
        return seen - _level(seen) if self.piece and self.scale in ("each", "peak") else seen

    def apply(self, X: Any, *, dtype: Any = np.float32) -> Prepared:
        """Prepare rows as the training rows were, computed in float64 and kept in ``dtype``.

        Raises
        ------
        DataError
            If they have other features or channels, or a number is not finite.
        """
        if self.letters:
            check(_is_text(X), DataError, "The rows of a net that was trained on text must be text. Got {}.", type(X).__name__)  # fmt: skip
            return _gathered([self._coded(str(one)) for one in X], sequences=True)
        check(not _is_text(X), DataError, "The rows of a net must be numbers, as those that it was trained on. Got text.")  # fmt: skip
        given = _gathered(X, sequences=self.sequences)
        if self.codes:
            self._check_codes(given.values)
            return given
        if self.piece:
            check(given.values.ndim == 3, DataError, "The rows of a net that sees spectra must be signals. Got the shape {}.", given.values.shape)  # fmt: skip
            given = Prepared(self._levelled(given.values), given.lengths)
        if self.scale == "none":
            return Prepared(_narrowed(given.values, dtype), given.lengths)
        self._check_columns(given.values)
        real, scaled = given.real, np.empty(given.values.shape, dtype)
        for rows in _blocks(given.values):
            inside = None if real is None else real[rows, :, None]
            scaled[rows] = self._scaled(given.values[rows].astype(np.float64), inside)
        return Prepared(scaled, given.lengths)

    @np.errstate(over="ignore", invalid="ignore")
    def _scaled(self, values: np.ndarray, real: np.ndarray | None) -> np.ndarray:
        """Return some rows on their scale, 0 where they are padding."""
        mean, size = self._mean_and_size(values, True if real is None else real)
        known = bool(np.isfinite(mean).all() and np.isfinite(size).all())
        check(known, DataError, "The rows of a net must be numbers that can be squared, below 1e150. Got larger ones: use other units.")  # fmt: skip
        scaled: np.ndarray = (values - mean) * np.divide(1.0, size, out=np.zeros(size.shape), where=size > 0)
        return scaled if real is None else np.where(real, scaled, 0.0)

    def _mean_and_size(self, values: np.ndarray, where: Any = True) -> tuple[np.ndarray, np.ndarray]:
        """Return what is taken off rows, and by what they are divided then; each goes with their axes."""
        if self.of_training:
            shape = [1] * values.ndim
            shape[-1 if self.sequences else 1] = -1
            return np.reshape(self.mean, shape), np.reshape(self.spread, shape)
        axes = tuple(range(1, values.ndim))
        mean = values.mean(axis=axes, keepdims=True, where=where)
        far = np.abs(values - mean)
        if self.scale == "peak":
            return mean, far.max(axis=axes, keepdims=True, where=where, initial=0)
        return mean, np.sqrt((far**2).mean(axis=axes, keepdims=True, where=where))

    def undo(self, scaled: np.ndarray, *, like: np.ndarray | None = None) -> np.ndarray:
        """Return rows in their own units, float64, of rows on the scale of `apply`.

        Parameters
        ----------
        scaled : ndarray, shape (n, ...)
            Of a table, or of grids.
        like : ndarray, shape (n, ...) or (m, ...), optional
            Where each row has a scale of its own: the rows whose scale these get, one each; or others, whose median is taken.
            Without them the rows stay on their scale, around 0.
        """
        values = np.asarray(scaled, np.float64)
        if self.scale == "none" or not (self.of_training or like is not None):
            return values
        if self.piece:
            mean, size = self._mean_and_size(values)
            return values * size + mean + self._levels_like(values, like)
        mean, size = self._mean_and_size(values if like is None else np.asarray(like, np.float64))
        if self.scale != "training" and len(mean) != len(values):
            mean, size = (np.median(one, axis=0, keepdims=True) for one in (mean, size))
        return values * size + mean

    def _levels_like(self, values: np.ndarray, like: np.ndarray | None) -> np.ndarray | float:
        """Return the levels that were taken off rows of which some are ``like`` these: one each, or the median."""
        if self.scale == "training" or like is None:
            return 0.0
        level = _level(self.seen(like))
        return level if len(level) == len(values) else np.median(level, axis=0, keepdims=True)

    def _check_codes(self, values: np.ndarray) -> None:
        fits = values.dtype.kind == "i" and values.min() >= 0 and values.max() < self.codes
        check(fits, DataError, "The codes must be whole numbers from 0 to {}, as those that the net was trained on. Got {} to {}.", self.codes - 1, values.min(), values.max())  # fmt: skip

    def _check_columns(self, values: np.ndarray) -> None:
        got = values.shape[-1 if self.sequences else 1]
        what = "channels" if values.ndim > 2 and not self.sequences else "features"
        check(not self.of_training or got == len(self.mean), DataError, "The rows must have {} {}, as those that the net was trained on. Got {}.", len(self.mean), what, got)  # fmt: skip

    def _coded(self, text: str) -> np.ndarray:
        places = {letter: code for code, letter in enumerate(self.letters, FIRST_LETTER)}
        return np.array([places.get(letter, UNKNOWN) for letter in text], np.int64)

    def config(self) -> dict[str, Any]:
        """Return it as JSON can say it."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_config(config: dict[str, Any]) -> Preprocess:
        """Return what `config` was made of."""
        given: Any = {key: tuple(one) if isinstance(one, list) else one for key, one in config.items()}
        return Preprocess(**given)


def _level(spectra: np.ndarray) -> np.ndarray:
    return spectra.mean(axis=(1, 2), keepdims=True)


# ---- rows of whatever kind as one array ----
def _is_list(X: Any) -> bool:
    boxes = isinstance(X, np.ndarray) and X.dtype.kind == "O" and X.ndim == 1
    return boxes or isinstance(X, (list, tuple))


def _is_text(X: Any) -> bool:
    strings = getattr(X, "dtype", np.dtype(object)).kind in "UO" and getattr(X, "ndim", 1) == 1
    return strings and hasattr(X, "__len__") and len(X) > 0 and all(isinstance(one, str) for one in X)


def _gathered(X: Any, *, sequences: bool) -> Prepared:
    """Return rows as one array of finite numbers; sequences of different lengths are filled up with 0, their lengths kept."""
    if sequences and _is_list(X):
        return _padded([_numbers(one, sequences=True, n_axes=1) for one in X])
    return Prepared(_numbers(X, sequences=sequences, n_axes=2))


def _padded(parts: list[np.ndarray]) -> Prepared:
    check(len(parts), DataError, "The rows of a net must be at least one. Got none.")
    shapes = sorted({part.shape[1:] for part in parts})
    check(len(shapes) == 1, DataError, "The sequences must all have the same features. Got {}.", " and ".join(map(str, shapes)))  # fmt: skip
    lengths = np.array([len(part) for part in parts], np.int64)
    check(lengths.min(), DataError, "The sequences must have at least one step. Got an empty one, number {}.", int(lengths.argmin()) + 1)  # fmt: skip
    dtype = np.result_type(*{part.dtype for part in parts})
    values = np.zeros((len(parts), lengths.max(), *shapes[0]), dtype)
    for row, part in zip(values, parts, strict=True):
        row[: len(part)] = part
    return Prepared(values, lengths)


def _numbers(X: Any, *, sequences: bool, n_axes: int) -> np.ndarray:
    """Return finite numbers as they are, or int64 where sequences are codes; steps of one number get an axis for it."""
    check(not hasattr(X, "toarray"), DataError, "The rows of a net must be a dense array: sparse input is not supported. Call its toarray().")  # fmt: skip
    try:
        values = np.asarray(X)
        values = values.astype(np.float64) if values.dtype == object else values
    except (TypeError, ValueError) as error:
        raise DataError(f"The rows of a net must be numbers, as many in each row. Got {error}.") from error
    check(values.dtype.kind in "fiub", DataError, "The rows of a net must be numbers. Got {}.", values.dtype)
    check(values.ndim >= n_axes, DataError, "The rows of a net must have at least {} axes. Got the shape {}. Reshape your data with X.reshape(-1, 1) if it has a single feature.", n_axes, values.shape)  # fmt: skip
    check(n_axes == 1 or len(values), DataError, "The rows of a net must be at least one. Got none.")
    check(n_axes == 1 or values[:1].size, DataError, "The rows of a net must hold numbers. Got 0 feature(s) (shape={}) while a minimum of 1 is required.", values.shape)  # fmt: skip
    if values.dtype.kind == "f":
        _check_finite(values)
    if sequences and values.ndim == n_axes:
        return values.astype(np.int64) if values.dtype.kind in "iu" else values[..., None]
    return values


def _check_finite(values: np.ndarray) -> None:
    if not np.isfinite(values).all():
        row, *place = np.argwhere(~np.isfinite(values))[0].tolist()
        raise DataError(
            f"The rows of a net must be finite numbers, without NaN or inf. Got {values[row, *place]} in row {row + 1}."
        )


def _narrowed(values: np.ndarray, dtype: Any) -> np.ndarray:
    """Return numbers in another dtype; refuse what it cannot hold."""
    with np.errstate(over="ignore"):
        found = values.astype(dtype, copy=False)
    if found is not values and values.dtype.kind == "f":
        _check_finite(found)
    return np.require(found, requirements=["C", "W"])  # torch takes no array that must not be written to


# ---- arithmetic in blocks, so that no second copy in float64 is held ----
def _blocks(values: np.ndarray) -> Iterator[slice]:
    size = max(1, BLOCK // max(1, values[:1].size))
    for start in range(0, len(values), size):
        yield slice(start, start + size)


@np.errstate(over="ignore", invalid="ignore")
def _moments(given: Prepared, *, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation along an axis, float64, over all rows and places that are no padding."""
    real = given.real

    def mean_of(do: Any) -> np.ndarray:
        total, n = 0.0, 0
        for rows in _blocks(given.values):
            block = np.moveaxis(given.values[rows], axis, -1).astype(np.float64)
            flat = block.reshape(-1, block.shape[-1]) if real is None else block[real[rows]]
            total, n = total + do(flat).sum(axis=0), n + len(flat)
        return np.asarray(total) / n

    mean = mean_of(lambda flat: flat)
    spread = np.sqrt(mean_of(lambda flat: (flat - mean) ** 2))
    return mean, np.where(spread > 1e-12 * np.abs(mean), spread, 0.0)
