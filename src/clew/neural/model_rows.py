"""Rows for nets: features of samples or cut-outs, as an estimator takes them, and what a model remembers of its training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.measure.cutouts import Cutouts
from clew.measure.cutouts_objects import check_cut_alike
from clew.neural.architectures import architecture_of
from clew.neural.preprocess import Preprocess
from clew.samples import Samples


def values_for(architecture: str, seen: Samples | Cutouts) -> np.ndarray:
    """Return rows as an estimator with this net takes them: features, or cut-outs with their axes in its order.

    Parameters
    ----------
    architecture : str
        One of `ARCHITECTURES`.
    seen : Samples or Cutouts

    Raises
    ------
    DataError
        If it cannot take such rows.
    """
    takes = architecture_of(architecture).takes
    if isinstance(seen, Samples):
        check(takes in ("rows", "either"), DataError, "A net '{}' must be given raw data, such as windows or images of objects. Got a table of features: mlp and perceptron take these.", architecture)  # fmt: skip
        return seen.features
    check(takes != "sequences" or seen.axes == "ct", DataError, "A net '{}' must be given windows of recordings. Got images: cnn takes these.", architecture)  # fmt: skip
    return in_order(seen.values, architecture)


def in_order(values: np.ndarray, architecture: str) -> np.ndarray:
    """Return cut-outs (n, C, ...) with their axes as a net takes them: (n, T, C) for one that reads step by step."""
    return np.swapaxes(values, 1, -1) if architecture_of(architecture).takes == "sequences" else values


def amplitudes(values: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each channel of each cut-out, float64 (n_rows, C)."""
    return values.reshape(*values.shape[:2], -1).std(axis=2, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Seen:
    """What a model remembers of the rows that it was trained on.

    Parameters
    ----------
    names, units : list of str
        Of features or channels.
    shape : list of int
        Of one row.
    n_rows : int
    range : ndarray of float64, shape (n_names, 2)
        The smallest and largest value of each feature, or standard deviation of each channel.
    how : dict
        How cut-outs were cut.
    digest : str
    """

    names: list[str]
    units: list[str]
    shape: list[int]
    n_rows: int
    range: np.ndarray
    how: dict[str, Any]
    digest: str

    @staticmethod
    def of(
        samples: Samples | None, cutouts: Cutouts | None, *, shape: Sequence[int], scale: Preprocess
    ) -> Seen:
        """Look at cut-outs, or else at features; where there are neither, at the ``shape`` of the net's own rows."""
        if cutouts is not None:
            table, size = amplitudes(cutouts.values), list(cutouts.shape)
            how = plain(cutouts.how) or {"rate": cutouts.rate}  # never empty: that tells a model of cut-outs
            channels = list(cutouts.channels)
            return Seen(channels, _units(cutouts), size, len(table), _range(table), how, cutouts.digest())
        if samples is not None:
            names, units, table = list(samples.feature_names), list(samples.units), samples.features
            return Seen(names, units, [len(names)], len(table), _range(table), {}, samples.digest())
        n = len(scale.mean) or shape[0]
        whole = [n, shape[0] // n] if len(shape) == 1 and n < shape[0] else list(shape)
        return Seen([], [], whole, 0, np.empty((0, 2)), {}, "")


def check_cutouts(
    cutouts: Cutouts, channels: Sequence[str], shape: Sequence[int], cut: Mapping[str, Any]
) -> None:
    """Refuse cut-outs that were cut otherwise than those of the training rows.

    Parameters
    ----------
    cutouts : Cutouts
    channels, shape, cut
        What a model knows of the others: their channels, the shape of one, and their ``how``.

    Raises
    ------
    DataError
        If they have other channels, another rate, shape, pixel size or depth.
    """
    rate = cut.get("rate")
    for what, wanted, got in (
        ("channels", ", ".join(channels), ", ".join(cutouts.channels)),
        ("rate", rate and f"{rate:g} Hz", cutouts.rate and f"{cutouts.rate:g} Hz"),
        ("shape", tuple(shape), cutouts.shape),
    ):
        check(wanted == got, DataError, "The cut-outs must have the {} of those that the model was trained on, {}. Got {}.", what, wanted, got)  # fmt: skip
    if "pixel_size" in cut:
        check_cut_alike(cutouts, cut)


def plain(value: Any) -> Any:
    """Return a value as JSON gives it back."""
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value


def _units(cutouts: Cutouts) -> list[str]:
    """Return the unit of each channel: that of the components of windows, and counts of images."""
    known = cutouts.how.get("plan", {}).get("units")
    n = len(cutouts.channels)
    return list(known) if known and len(known) == n else ["counts" if cutouts.axes == "cyx" else ""] * n


def _range(table: np.ndarray) -> np.ndarray:
    return np.stack([table.min(axis=0), table.max(axis=0)], axis=1)
