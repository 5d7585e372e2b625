"""What can be compared: stations side by side, the columns of each component, or those of each kind of measurement."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np

from clew.errors import DataError, check
from clew.learn.side_by_side import side_by_side, stations_of
from clew.samples import Samples
from clew.validate.metrics import labelled

By = Literal["auto", "station", "component", "measurement"]
FEWEST_STEMS = 3  # measurements that components must share, to be known by the endings of names
BETWEEN = "between components"
OTHERS = "other measurements"


@dataclass(frozen=True, eq=False)
class Compared:
    """What is compared, and on which rows.

    Parameters
    ----------
    samples : Samples
        Rows with a label: windows or, by station, times.
    blocks : dict of str to list of int
        The columns of each thing that is compared.
    there : ndarray of bool, shape (n_rows, n_blocks)
        Which of them a row has.
    by : str
        "station", "component" or "measurement".
    notes : list of str
        How the rows came about.
    """

    samples: Samples
    blocks: dict[str, list[int]]
    there: np.ndarray
    by: str
    notes: list[str]


def compared(samples: Samples, by: By) -> Compared:
    """Return what is compared: what was asked for or, where that is left open, what the samples allow.

    Raises
    ------
    DataError
        If there are no labels, a class has one row only, or there are fewer than two things to compare.
    """
    known = labelled(samples, "classification", of="sensors", fewest=1)
    notes: list[str] = []
    if by == "station" or (by == "auto" and len(np.unique(stations_of(known))) > 1):
        try:
            found = side_by_side(samples)
            rows = labelled(found.samples, "classification", of="sensors")
            return Compared(rows, found.blocks, found.there, "station", found.notes)
        except (
            DataError
        ) as why:  # stations without windows of one time: the next question is asked, and that is said
            if by == "station":
                raise
            notes.append(f"Stations are not compared: {str(why)[:1].lower()}{str(why)[1:]}")
    known = labelled(known, "classification", of="sensors")
    if known.n_rows < samples.n_rows:
        notes.append(f"{samples.n_rows - known.n_rows:,} rows without a label were left out.")
    blocks = {} if by == "measurement" else by_component(known)
    what = "component" if blocks else "measurement"
    check(
        blocks or by != "component",
        DataError,
        "The features of sensors by component must be named by it, such as rms_amplitude_z and rms_amplitude_n "
        "(clew new --components each). Got none.",
    )
    blocks = blocks or by_measurement(known)
    check(
        len(blocks) > 1,
        DataError,
        "Sensors must have at least 2 measurements to compare. Got {}.",
        len(blocks),
    )
    return Compared(known, blocks, np.ones((known.n_rows, len(blocks)), bool), what, notes)


def by_component(samples: Samples) -> dict[str, list[int]]:
    """Return the columns of each component, known by the endings of names: rms_amplitude_z, rms_amplitude_n.

    What has no such ending is of several components, such as polarisation: a thing of its own.
    """
    parts = [name.rpartition("_") for name in samples.feature_names]
    stems: dict[str, set[str]] = {}
    for stem, _, ending in parts:
        stems.setdefault(ending, set()).add(stem)
    most = max((len(one) for one in stems.values()), default=0)
    endings = [
        ending for ending, own in stems.items() if "" not in own and len(own) >= max(FEWEST_STEMS, most / 2)
    ]
    of_all = Counter(stem for ending in endings for stem in stems[ending])
    shared = {stem for stem, n in of_all.items() if n > 1}
    endings = [ending for ending in endings if len(stems[ending] & shared) >= FEWEST_STEMS]
    if len(endings) < 2:
        return {}
    blocks: dict[str, list[int]] = {ending.upper(): [] for ending in endings}
    for column, (_, _, ending) in enumerate(parts):
        blocks.setdefault(ending.upper() if ending in endings else BETWEEN, []).append(column)
    return blocks


def by_measurement(samples: Samples) -> dict[str, list[int]]:
    """Return the columns of each named set, a feature in the first that holds it; single features where there are no two sets."""
    blocks: dict[str, list[int]] = {}
    first = {feature: name for name, features in reversed(samples.sets.items()) for feature in features}
    for column, feature in enumerate(samples.feature_names):
        blocks.setdefault(first.get(feature, OTHERS), []).append(column)
    if len(blocks) < 2:
        return {feature: [column] for column, feature in enumerate(samples.feature_names)}
    return blocks
