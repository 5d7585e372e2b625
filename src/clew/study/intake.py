"""What is put on record when a study is made: the sources, what was measured, labels that came along."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clew.result import Result


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Sources(Result):
    """The raw files, each known by the SHA-256 of its bytes."""

    names: list[str]
    sha256: list[str]

    def headline(self) -> str:
        """Say how many files."""
        return (
            self.names[0]
            if len(self.names) == 1
            else f"{len(self.names)} files, {self.names[0]} to {self.names[-1]}"
        )

    def summary(self) -> dict[str, Any]:
        """Return the hash of each file."""
        return {"sources": dict(zip(self.names, self.sha256))}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Measurement(Result):
    """What was measured of the sources: how many rows, which features, what was left out and why.

    Parameters
    ----------
    what : str
        What a row is: "objects" or "rows".
    n_rows : int
    features, units : list of str
    counts : dict of str to int
        Found, kept, and left out by reason.
    notes : list of str
        What a reader must know.
    samples : str
        SHA-256 of the samples (`Samples.digest`).
    """

    what: str
    n_rows: int
    features: list[str]
    units: list[str]
    counts: dict[str, int]
    notes: list[str]
    samples: str

    def headline(self) -> str:
        """Say how many rows and features, and whether distances are given."""
        given = ", and distances" if "symmetrise" in self.settings else ""
        measured = f" x {len(self.features)} measurements{given}" if self.features else ", distances only"
        return f"{self.n_rows} {self.what}{measured}"

    def summary(self) -> dict[str, Any]:
        """Return rows, features and what was left out."""
        return {
            "rows": self.n_rows,
            "features": list(self.features),
            "counts": dict(self.counts),
            "notes": list(self.notes),
        }


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Given(Result):
    """Labels that came from people: how many, and from where.

    Which sample got which label stands in the events of the study; a result would show those of sealed rows.

    Parameters
    ----------
    n_labels : int
    source : str
        The file they came from.
    sha256 : str
        Of all pairs of sample and label.
    """

    n_labels: int
    source: str
    sha256: str

    @staticmethod
    def of(labels: Mapping[str, str], *, source: str) -> Given:
        """Sum up labels by sample."""
        pairs = json.dumps(sorted(labels.items()))
        return Given(
            n_labels=len(labels),
            source=source,
            sha256=hashlib.sha256(pairs.encode()).hexdigest(),
            settings={"source": source},
        )

    def headline(self) -> str:
        """Say how many labels from where."""
        return f"{self.n_labels} labels from {self.source}"

    def summary(self) -> dict[str, Any]:
        """Return the number of labels and their source."""
        return {"labels": self.n_labels, "source": self.source}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Undone(Result):
    """An act of labelling that was taken back."""

    step: int

    def headline(self) -> str:
        """Say which act."""
        return f"labels of step {self.step} taken back"

    def summary(self) -> dict[str, Any]:
        """Return the step that brought the labels."""
        return {"undone": self.step}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Predicted(Result):
    """Predictions that a model of the study made: of what, and where they went.

    Parameters
    ----------
    model : str
    model_sha256 : str
    inputs : dict of str to str
        SHA-256 of each file, by name.
    out : str
    out_sha256 : str
    n_rows : int
    """

    model: str
    model_sha256: str
    inputs: dict[str, str]
    out: str
    out_sha256: str
    n_rows: int

    def headline(self) -> str:
        """Say how many rows of how many files."""
        files = "1 file" if len(self.inputs) == 1 else f"{len(self.inputs)} files"
        return f"{self.n_rows} rows of {files} by {self.model}, in {self.out}"

    def summary(self) -> dict[str, Any]:
        """Return model, files and rows."""
        return {"model": self.model, "out": self.out, "rows": self.n_rows}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Relinked(Result):
    """Sources that were found again, by their content, where they lie now."""

    names: list[str]

    def headline(self) -> str:
        """Say which."""
        return f"found again: {', '.join(self.names)}"

    def summary(self) -> dict[str, Any]:
        """Return the names of the sources."""
        return {"relinked": list(self.names)}
