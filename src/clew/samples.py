"""`Samples`: the one table that everything works on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import DataError, SettingError, check, did_you_mean
from clew.result import frozen_view

if TYPE_CHECKING:
    import pandas as pd

    from clew.distances import Distances


@dataclass(frozen=True, eq=False, repr=False)
class Samples:
    """Rows that can be compared: objects, windows, sequences or table rows, with what was measured of each.

    Parameters
    ----------
    features : ndarray of float64, shape (n_rows, n_features)
        The measurements; finite.
    feature_names : tuple of str
        One name a column, all different.
    units : tuple of str
        One unit a column ("px", "µm", "" for none).
    sample : ndarray of str, shape (n_rows,)
        The name of each row, all different, the same every time the same data are read ("blobs.tif#12").
    origin : pandas.DataFrame of n_rows rows
        Where each row comes from: ``source`` and, by kind, its place there (label and bounding box, line),
        beside columns of the source that are no features.
    group : ndarray of str, shape (n_rows,)
        The unit of independence: image, event, station, patient. Rows of one group may resemble each other.
    labels : ndarray of str, shape (n_rows,), or None
        The class of each row; "" where nobody gave one.
    target : ndarray of float64, shape (n_rows,), or None
        The number to be predicted, for regression; NaN where unknown.
    sets : dict of str to tuple of str
        Named sets of features, such as ``{"shape": ("circularity", ...)}``.
    distances : ndarray of float64, shape (n_rows, n_rows), or None
        How far the rows are from each other, where that was given and is not to be computed from features; symmetric,
        0 on the diagonal, elsewhere not negative. There may be no features then.

    Raises
    ------
    DataError
        If the parts do not fit each other, a name stands twice, or a measurement is infinite or missing.
    """

    features: np.ndarray
    feature_names: tuple[str, ...]
    units: tuple[str, ...]
    sample: np.ndarray
    origin: pd.DataFrame
    group: np.ndarray
    labels: np.ndarray | None = None
    target: np.ndarray | None = None
    sets: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    distances: np.ndarray | None = None

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "features", frozen_view(np.ascontiguousarray(self.features, dtype=np.float64)))
        for name in ("sample", "group", "labels"):
            value = getattr(self, name)
            if value is not None:
                set_(self, name, frozen_view(np.asarray(value, dtype=str)))
        if self.target is not None:
            set_(self, "target", frozen_view(np.asarray(self.target, dtype=np.float64)))
        if self.distances is not None:
            set_(self, "distances", frozen_view(np.ascontiguousarray(self.distances, dtype=np.float64)))
        set_(self, "feature_names", tuple(self.feature_names))
        set_(self, "units", tuple(self.units))
        self._check()

    def _check(self) -> None:
        check(
            self.features.ndim == 2,
            DataError,
            "The features of Samples must be a table of rows and columns. Got {} dimensions instead.",
            self.features.ndim,
        )
        n_rows, n_features = self.features.shape
        sized: list[tuple[str, Any, int]] = [
            ("feature_names", self.feature_names, n_features),
            ("units", self.units, n_features),
            ("sample", self.sample, n_rows),
            ("origin", self.origin, n_rows),
            ("group", self.group, n_rows),
            ("labels", self.labels, n_rows),
            ("target", self.target, n_rows),
        ]
        for name, values, n in sized:
            check(
                values is None or len(values) == n,
                DataError,
                "The {} of Samples must have {} entries. Got {} instead.",
                name,
                n,
                0 if values is None else len(values),
            )
        named: list[tuple[str, Any]] = [("feature", self.feature_names), ("sample", self.sample)]
        for what, names in named:
            twice = _first_repeated(names)
            check(
                twice is None,
                DataError,
                "The {} names of Samples must all differ. Got '{}' twice.",
                what,
                twice,
            )
        bad = np.argwhere(~np.isfinite(self.features))
        if bad.size:
            row, column = bad[0]
            got = self.features[row, column]
            raise DataError(
                f"The feature '{self.feature_names[column]}' of sample '{self.sample[row]}' must be a finite number. Got {got} instead."
            )
        if self.distances is not None:
            self._check_distances(self.distances)

    def _check_distances(self, distances: np.ndarray) -> None:
        n = self.n_rows
        check(
            distances.shape == (n, n),
            DataError,
            "The distances of Samples must be of shape ({0}, {0}). Got {1} instead.",
            n,
            distances.shape,
        )
        for start in range(0, n, 1024):  # in bands, so that checking takes no second matrix
            band = distances[start : start + 1024]
            wrong = ~((band >= 0) & (band < np.inf) & (band == distances[:, start : start + 1024].T))
            wrong[np.arange(len(band)), np.arange(start, start + len(band))] |= band.diagonal(start) != 0
            if wrong.any():
                row, column = np.argwhere(wrong)[0]
                raise DataError(
                    f"The distance from sample '{self.sample[start + row]}' to '{self.sample[column]}' must be finite, not "
                    "negative, the same in both directions, and 0 to itself (square_distances adapts others). "
                    f"Got {band[row, column]} and, back, {distances[column, start + row]}."
                )

    # ---- shape and choice ----
    @property
    def n_rows(self) -> int:
        """Return the number of rows."""
        return self.features.shape[0]

    @property
    def n_features(self) -> int:
        """Return the number of features."""
        return self.features.shape[1]

    @property
    def n_groups(self) -> int:
        """Return the number of different groups."""
        return len(np.unique(self.group))

    def __len__(self) -> int:
        return self.n_rows

    def __repr__(self) -> str:
        groups = f", {self.n_groups} groups" if self.n_groups not in (1, self.n_rows) else ""
        given = ", distances" if self.distances is not None else ""
        return f"<Samples: {self.n_rows} rows x {self.n_features} features{groups}{given}>"

    def _repr_html_(self) -> str:
        return (
            f"<p>{self!r}</p>".replace("<Samples", "&lt;Samples").replace("s></p>", "s&gt;</p>")
            + self.to_frame().head(8).to_html()
        )

    def take(self, rows: Any) -> Samples:
        """Return the samples of the given rows: indices or a boolean mask of shape (n_rows,)."""
        rows = np.asarray(rows)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        return dataclasses.replace(
            self,
            features=self.features[rows],
            sample=self.sample[rows],
            origin=self.origin.iloc[rows].reset_index(drop=True),
            group=self.group[rows],
            labels=None if self.labels is None else self.labels[rows],
            target=None if self.target is None else self.target[rows],
            distances=None if self.distances is None else self.distances[np.ix_(rows, rows)],
        )

    def select(self, features: str | Sequence[str]) -> Samples:
        """Return the samples with the chosen features only.

        Parameters
        ----------
        features : str or list of str
            "all", names of sets or names of features; a str may list several with commas.

        Raises
        ------
        SettingError
            If a name is neither a set nor a feature.
        """
        names = self.resolve(features)
        columns = [self.feature_names.index(name) for name in names]
        return dataclasses.replace(
            self,
            features=self.features[:, columns],
            feature_names=tuple(names),
            units=tuple(self.units[c] for c in columns),
        )

    def resolve(self, features: str | Sequence[str]) -> list[str]:
        """Return the feature names that "all", set names and feature names stand for, in the order of the table."""
        if (
            isinstance(features, str) and features not in self.feature_names
        ):  # a name may have a comma of its own
            features = [part.strip() for part in features.split(",")]
        wanted = [features] if isinstance(features, str) else list(features)
        chosen: set[str] = set()
        for name in wanted:
            if name == "all":
                chosen.update(self.feature_names)
            elif name in self.sets:
                chosen.update(feature for feature in self.sets[name] if feature in self.feature_names)
            elif name in self.feature_names:
                chosen.add(name)
            else:
                known = ["all", *self.sets, *self.feature_names]
                listed = ", ".join(known if len(known) <= 24 else [*known[:24], "..."])
                raise SettingError(
                    f"The features must be among: {listed}. Got '{name}' instead.{did_you_mean(name, known)}"
                )
        check(
            chosen or (wanted == ["all"] and self.distances is not None),  # distances need no features
            SettingError,
            "The features must name at least one measurement. Got '{}' instead.",
            features,
        )
        return [name for name in self.feature_names if name in chosen]

    def with_labels(self, labels: np.ndarray | None) -> Samples:
        """Return the same samples with other labels, shape (n_rows,)."""
        return dataclasses.replace(self, labels=labels)

    def with_target(self, target: np.ndarray | None) -> Samples:
        """Return the same samples with another target, shape (n_rows,)."""
        return dataclasses.replace(self, target=target)

    def with_distances(self, distances: np.ndarray | None) -> Samples:
        """Return the same samples with other distances, shape (n_rows, n_rows)."""
        return dataclasses.replace(self, distances=distances)

    @staticmethod
    def from_distances(distances: Distances, *, source: str = "distances") -> Samples:
        """Make samples without features of distances; rows without names are called "SOURCE#1" and so on.

        Parameters
        ----------
        distances : Distances
        source : str
            Where they come from, for the origin of each row.
        """
        import pandas as pd

        numbers = np.arange(1, distances.n_rows + 1)
        names = [f"{source}#{i}" for i in numbers] if distances.names is None else distances.names
        return Samples(
            features=np.empty((distances.n_rows, 0)),
            feature_names=(),
            units=(),
            sample=np.asarray(names, dtype=str),
            origin=pd.DataFrame({"source": source, "row": numbers}),
            group=np.asarray(names, dtype=str),
            distances=distances.matrix,
        )

    # ---- to and from pandas ----
    def to_frame(self) -> pd.DataFrame:
        """Return one table with the sample names as index: group, labels, then the features."""
        import pandas as pd

        columns: dict[str, Any] = {"group": self.group}
        if self.labels is not None:
            columns["label"] = self.labels
        columns.update({name: self.features[:, i] for i, name in enumerate(self.feature_names)})
        return pd.DataFrame(columns, index=pd.Index(self.sample, name="sample"))

    @staticmethod
    def from_frame(frame: pd.DataFrame, *, group: str | None = None, labels: str | None = None) -> Samples:
        """Make samples of a table whose index names the rows and whose other columns are numbers.

        Parameters
        ----------
        frame : pandas.DataFrame
            One row a sample.
        group, labels : str, optional
            The columns that hold the groups and the labels; each row is a group of its own otherwise.
        """
        import pandas as pd

        special = [name for name in (group, labels) if name is not None]
        names = [str(name) for name in frame.columns if name not in special]
        sample = frame.index.astype(str).to_numpy(dtype=str)
        return Samples(
            features=frame[[name for name in frame.columns if name not in special]].to_numpy(
                dtype=np.float64
            ),
            feature_names=tuple(names),
            units=("",) * len(names),
            sample=sample,
            origin=pd.DataFrame({"source": ["table"] * len(frame)}),
            group=sample if group is None else frame[group].astype(str).to_numpy(dtype=str),
            labels=None if labels is None else frame[labels].fillna("").astype(str).to_numpy(dtype=str),
        )

    def digest(self) -> str:
        """Return the SHA-256 of rows, features, groups, labels, target and distances as 64 hex digits."""
        import hashlib

        sha = hashlib.sha256()
        for part in (
            self.feature_names,
            self.units,
            self.sample.tolist(),
            self.group.tolist(),
            [] if self.labels is None else self.labels.tolist(),
        ):
            sha.update(repr(tuple(part)).encode())
        sha.update(self.features.tobytes())
        if self.target is not None:
            sha.update(self.target.tobytes())
        if self.distances is not None:
            sha.update(b"distances")
            sha.update(self.distances.reshape(-1).data)
        return sha.hexdigest()


def _first_repeated(names: Any) -> str | None:
    names = (
        names.tolist() if isinstance(names, np.ndarray) else names
    )  # a tenth of the time for a million of them
    if len(set(names)) == len(names):
        return None
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return str(name)
        seen.add(name)
    return None
