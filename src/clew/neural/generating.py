"""New rows from a trained coder, always marked as such, beside the real rows that they are nearest to."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.learn.model_file import write_files
from clew.measure.cutouts import Cutouts
from clew.neural.coders import LatentPath, NetCoder, NetVae
from clew.neural.coders import between as way_between
from clew.neural.model import NetModel
from clew.neural.spectra import band_names
from clew.result import Result, frozen_view, step
from clew.samples import Samples

How = Literal["drawn", "between", "decoded"]
NEAR = 0.01  # the share of real rows that would be called copies of another
COMPARED = 1000  # real rows, at most, whose distance to the next one is asked for
WORDS = {
    "drawn": "drawn from the prior",
    "between": "decoded between two rows",
    "decoded": "decoded from real rows",
}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Generated(Result):
    """Rows that a decoder made up: none of them was measured.

    Parameters
    ----------
    values : ndarray of float64, shape (n, ...)
        Features, or channels on a grid, in the units of the training rows.
    how : {"drawn", "between", "decoded"}
        From latent numbers drawn from the prior; on the way from one real row to another; or those of real rows.
    label : ndarray of str, shape (n,)
        The label that was asked for; "" where the net is told none.
    latent : ndarray of float64, shape (n, latent)
    names, units : list of str
        Of the features or channels.
    axes : {"", "ct", "cyx"}
        Of a row: "" of features.
    rate : float or None
        Of windows, in Hz.
    sha256 : str
        Of the model.
    nearest : ndarray of str, shape (n,)
        The real row that is nearest in latent space; of decoded ones the row itself.
    distance : ndarray of float64, shape (n,)
        How far it is there.
    near_copy : ndarray of bool, shape (n,)
        Whether a row is nearer to what comes back of a real row than 99% of these are to each other.
    beside : ndarray, shape (n, ...) or (0,)
        The real row behind each: the decoded one, or (from the workflow) the nearest; spectra where the model sees these.
    notes : list of str
    generated : bool
        Always True.
    """

    values: np.ndarray
    how: How
    label: np.ndarray
    latent: np.ndarray
    names: list[str]
    units: list[str]
    axes: str
    rate: float | None
    sha256: str
    nearest: np.ndarray
    distance: np.ndarray
    near_copy: np.ndarray
    beside: np.ndarray = field(default_factory=lambda: np.empty(0))
    notes: list[str] = field(default_factory=list)
    generated: bool = True

    def __len__(self) -> int:
        return len(self.values)

    def headline(self) -> str:
        """Say how many there are, and how many are hardly new."""
        n, copies = len(self), int(self.near_copy.sum())
        told = f"{n:,} generated row{'s' * (n != 1)}, {WORDS[self.how]}, none of them measured"
        if self.how == "decoded":
            return told
        return f"{told}; {copies or 'none'} nearly a copy of a real row"

    def summary(self) -> dict[str, Any]:
        """Return how the rows came to be, and of each the nearest real one."""
        return {
            "generated": True,
            "rows": len(self),
            "how": self.how,
            "labels": self.label.tolist(),
            "nearest": self.nearest.tolist(),
            "distance": self.distance.tolist(),
            "near_copies": int(self.near_copy.sum()),
            "model": self.sha256,
            "notes": list(self.notes),
        }

    def write(self, folder: str | Path) -> Path:
        """Write the rows into a new folder, each marked as generated.

        Images become TIFF files of float32 whose description says so; windows and features CSV with a column "generated". A
        table ``generated.csv`` tells of each row where it comes from.

        Raises
        ------
        SettingError
            If the folder exists, or the folder to hold it does not.
        """
        told = [
            {"name": name, "generated": True, "how": self.how, "label": label, "nearest": near, "distance": far, "near_copy": copy, "model": self.sha256}
            for name, label, near, far, copy in zip(self._row_names, self.label, self.nearest, self.distance, self.near_copy)
        ]  # fmt: skip
        if not self.axes:
            told = [
                row | dict(zip(self.names, one, strict=True)) for row, one in zip(told, self.values.tolist())
            ]
        files = {"generated.csv": _table(list(told[0]), [list(row.values()) for row in told])}
        for name, values in zip(self._row_names, self.values):
            if self.axes == "ct":
                files[f"{name}.csv"] = self._window(values)
            elif self.axes == "cyx":
                files[f"{name}.tif"] = self._tiff(values)
        return write_files(Path(folder), files)

    @property
    def _row_names(self) -> list[str]:
        return [f"generated-{i:04d}" for i in range(1, len(self) + 1)]

    def _window(self, values: np.ndarray) -> bytes:
        times = np.arange(values.shape[1]) / (self.rate or 1.0)
        rows = [(time, *one, True) for time, one in zip(times.tolist(), values.T.tolist())]
        return _table(["time" if self.rate else "sample", *self.names, "generated"], rows)

    def _tiff(self, values: np.ndarray) -> bytes:
        import tifffile

        file = io.BytesIO()
        said = f"generated by clew, not measured ({WORDS[self.how]}); model {self.sha256}; channels {', '.join(self.names)}"
        tifffile.imwrite(
            file, values.astype(np.float32), description=said, photometric="minisblack", metadata=None
        )
        return file.getvalue()


@step(sees="open")
def generate(
    model: NetModel,
    samples: Samples,
    cutouts: Cutouts | None = None,
    *,
    n: int = 16,
    label: str | None = None,
    random_state: int = 0,
) -> Generated:
    """Make new rows with a variational autoencoder.

    Parameters
    ----------
    model : NetModel
    samples, cutouts
        Real rows, as for `NetModel.predict`, that the new ones are compared with.
    n : int
    label : str, optional
        What they are to be of, where the net was told labels.
    random_state : int

    Raises
    ------
    SettingError
        If the model is no VAE, or ``n`` is below 1.
    DataError
        If there is no such label, or one is lacking.
    """
    coder = _coder(model)
    check(isinstance(coder, NetVae), SettingError, "The model to generate with must be a vae: only that knows what latent numbers are usual. Got an {}.", model.architecture)  # fmt: skip
    assert isinstance(coder, NetVae)
    check(label is None or coder.conditional, SettingError, "The 'label' of generate must go with a vae that is told labels. Got '{}'.", label)  # fmt: skip
    real = _Real(model, coder, samples, cutouts)
    return real.beside(coder.draw(n, random_state=random_state), "drawn", None if label is None else np.repeat(label, n))  # fmt: skip


@step(sees="open")
def between(
    model: NetModel,
    samples: Samples,
    cutouts: Cutouts | None = None,
    *,
    a: str,
    b: str,
    n: int = 8,
    path: LatentPath = "straight",
) -> Generated:
    """Make rows on the way from one real row to another, both ends decoded too.

    Parameters
    ----------
    model, samples, cutouts
        As for `generate`; any coder.
    a, b : str
        The names of two of the rows.
    n : int
    path : {"straight", "spherical"}
        As for `clew.neural.coder_base.NetCoder.interpolate`.

    Raises
    ------
    DataError
        If there are no such rows.
    """
    coder = _coder(model)
    real = _Real(model, coder, samples, cutouts)
    ends = [real.row(name) for name in (a, b)]
    first, last = real.latent[ends]
    labels = None if real.labels is None else real.labels[ends][(np.arange(n) >= n / 2).astype(int)]
    return real.beside(way_between(first, last, n, path=path), "between", labels)


@step(sees="open")
def reconstructions(
    model: NetModel, samples: Samples, cutouts: Cutouts | None = None, *, n: int = 8
) -> Generated:
    """Decode real rows, from the one that comes back best to the worst, evenly spaced between.

    Parameters
    ----------
    model, samples, cutouts
        As for `between`.
    n : int
        All rows, where these are fewer.
    """
    coder = _coder(model)
    check(n >= 1, SettingError, "The 'n' of reconstructions must be at least 1. Got {} instead.", n)
    real = _Real(model, coder, samples, cutouts)
    order = np.argsort(coder.anomaly(real.values, real.labels), kind="stable")
    rows = order[np.linspace(0, len(order) - 1, min(n, len(order))).round().astype(int)]
    return real.beside(real.latent[rows], "decoded", None if real.labels is None else real.labels[rows], rows=rows)  # fmt: skip


class _Real:
    """Real rows, and what a coder makes of them."""

    def __init__(self, model: NetModel, coder: NetCoder, samples: Samples, cutouts: Cutouts | None) -> None:
        self.model, self.coder, self.sample = model, coder, samples.sample
        self.axes, self.rate = (
            (cutouts.axes, cutouts.rate) if cutouts is not None and model.cut else ("", None)
        )
        self.values = np.asarray(model.values(samples, cutouts))
        self.names, self.units = list(model.feature_names), list(model.units)
        if piece := coder.preprocess_.piece:
            self.names = band_names(self.names, piece, self.rate)
            self.units, self.rate = ["dB"] * len(self.names), self.rate and self.rate / piece
        self.labels = coder.likeliest(self.values)
        self.latent = coder.embed(self.values, self.labels).astype(np.float64)

    def row(self, name: str) -> int:
        """Return the place of a row."""
        found = np.flatnonzero(self.sample == name)
        check(len(found), DataError, "The rows to go between must be among the {:,} that are given, such as '{}'. Got '{}'.", len(self.sample), self.sample[0], name)  # fmt: skip
        return int(found[0])

    def beside(
        self, latent: np.ndarray, how: How, labels: np.ndarray | None, *, rows: np.ndarray | None = None
    ) -> Generated:
        """Decode latent numbers, and compare what comes out with the real rows; ``rows`` where they are of these."""
        coder, model = self.coder, self.model
        scaled = coder.decode_scaled(latent, labels)
        like = self.values if rows is None else self.values[rows]
        nearest, distance = _nearest(latent, self.latent)
        if rows is not None:
            nearest, distance = rows, np.zeros(len(rows))
        own = model.preprocess["scale"] in ("each", "peak") and rows is None
        notes = ["Each row has a scale of its own: generated rows get the median one of the real rows"] * own
        return Generated(
            values=coder.preprocess_.undo(scaled, like=like),
            how=how,
            label=np.full(len(latent), "") if labels is None else labels.astype(str),
            latent=latent,
            names=self.names,
            units=self.units,
            axes=self.axes,
            rate=self.rate,
            sha256=model.sha256,
            nearest=self.sample[nearest],
            distance=distance,
            near_copy=self.copies(scaled),
            beside=np.empty(0) if rows is None else frozen_view(coder.preprocess_.seen(self.values[rows])),
            notes=notes,
        )

    def copies(self, scaled: np.ndarray) -> np.ndarray:
        """Return which decoded rows, on the scale of the net, are nearly a decoded real row, bool (n,).

        Real rows hold noise that no decoded row has: like is compared with like.
        """
        if len(self.sample) < 3:
            return np.zeros(len(scaled), bool)
        back = self.coder.decode_scaled(self.latent, self.labels).reshape(len(self.latent), -1)
        some = np.linspace(0, len(back) - 1, min(len(back), COMPARED)).round().astype(int)
        usual = _nearest(back[some], back, among=some)[1]
        return _nearest(scaled.reshape(len(scaled), -1), back)[1] <= np.quantile(usual, NEAR)


def _coder(model: NetModel) -> NetCoder:
    coder = model.estimator()
    check(isinstance(coder, NetCoder), SettingError, "The model to generate with must be an autoencoder or a vae. Got '{}'.", model.architecture)  # fmt: skip
    assert isinstance(coder, NetCoder)
    return coder


def _nearest(
    rows: np.ndarray, real: np.ndarray, *, among: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest real row of each row and its distance, (n,) each; where rows are ``among`` these, the nearest other."""
    from sklearn.neighbors import NearestNeighbors

    own = among is not None
    far, place = NearestNeighbors(n_neighbors=2 if own else 1, algorithm="brute").fit(real).kneighbors(rows)
    column = (place[:, 0] == among).astype(int) if own else np.zeros(len(rows), int)  # a twin may come first
    each = np.arange(len(rows))
    return place[each, column], far[each, column].astype(np.float64)


def _table(columns: list[str], rows: list[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    return text.getvalue().encode()
