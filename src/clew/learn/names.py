"""Groups get names from a person, and names become labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.explore.exploration import Exploration
from clew.result import Result, step
from clew.samples import Samples


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Names(Result):
    """Which rows a named group makes into which class.

    Parameters
    ----------
    sample, label : ndarray of str, shape (n_named,)
        The rows of the named groups and the names.
    names : dict of str to str
        Group number to name.
    unnamed : list of int
        Groups that got no name; their rows stay unlabelled.
    """

    sample: np.ndarray
    label: np.ndarray
    names: dict[str, str]
    unnamed: list[int]

    def headline(self) -> str:
        """Say the names and how many rows each stands for."""
        given = ", ".join(f"{number} {name}" for number, name in self.names.items())
        said = f"{given} ({', '.join(f'{n} rows {name}' for name, n in self.summary()['labelled'].items())})"
        return said + (f"; without a name: {', '.join(map(str, self.unnamed))}" if self.unnamed else "")

    def summary(self) -> dict[str, Any]:
        """Return names and counts."""
        counts = {name: int((self.label == name).sum()) for name in dict.fromkeys(self.names.values())}
        return {"names": dict(self.names), "labelled": counts, "unnamed": list(self.unnamed)}


@step(sees="open")
def name(samples: Samples, exploration: Exploration, *, names: Mapping[str, str]) -> Names:
    """Give groups their names; the rows of a named group get the name as label.

    Parameters
    ----------
    samples : Samples
        The open rows.
    exploration : Exploration
        The look whose groups are named.
    names : dict
        Group number to name, as ``{"0": "round", "1": "elongated"}``; two groups may share a name.

    Raises
    ------
    DataError
        If the exploration found no groups.
    SettingError
        If a number is no group, or a name is empty.
    """
    check(
        exploration.k > 0,
        DataError,
        "The exploration must have groups to be named. Got no groups; to name the cut that was looked at all the same, explore with --k 2 first.",
    )
    check(names, SettingError, "The names must be given as NUMBER=NAME for at least one group. Got none.")
    known = [str(g) for g in range(exploration.k)]
    for number, given in names.items():
        check(
            str(number) in known,
            SettingError,
            "The group to be named must be one of: {}. Got '{}' instead.",
            ", ".join(known),
            number,
        )
        check(
            given.strip(),
            SettingError,
            "The name of group {} must not be empty. Got '{}' instead.",
            number,
            given,
        )
    groups = exploration.groups
    labels = np.array([names.get(str(g), "").strip() for g in groups], dtype=str)
    here = set(samples.sample)
    kept = np.array(
        [bool(label) and sample in here for label, sample in zip(labels, exploration.sample)], bool
    )
    return Names(
        sample=exploration.sample[kept],
        label=labels[kept],
        names={str(number): given.strip() for number, given in sorted(names.items())},
        unnamed=[int(g) for g in known if g not in names],
    )
