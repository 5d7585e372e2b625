"""Samples on disk: one Parquet file, units and sets in its schema, and given distances as an array beside it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from clew.errors import StudyError, check
from clew.result import write_whole
from clew.samples import Samples

DISTANCES = "arrays/distances.npy"
ORIGIN = "@origin."  # columns of our own start with @, so that no measurement can collide with them


def write_samples(samples: Samples, path: Path) -> None:
    """Write samples (without their labels, which are events in the database) as one Parquet file.

    Distances, where there are any, go into ``arrays/distances.npy`` beside it, before it.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    reserved = [name for name in samples.feature_names if name.startswith("@")]
    check(not reserved, StudyError, "A feature's name must not start with '@'. Got '{}'.", *reserved[:1])
    columns = {"@sample": samples.sample, "@group": samples.group}
    if samples.target is not None:
        columns["@target"] = samples.target
    columns.update({f"{ORIGIN}{name}": samples.origin[name].to_numpy() for name in samples.origin})
    columns.update({name: samples.features[:, i] for i, name in enumerate(samples.feature_names)})
    table = pa.Table.from_pandas(pd.DataFrame(columns), preserve_index=False)
    described = {
        "features": samples.feature_names,
        "units": samples.units,
        "sets": samples.sets,
        "distances": samples.distances is not None,
    }
    table = table.replace_schema_metadata({b"clew": json.dumps(described).encode()})
    if samples.distances is not None:
        _write_distances(samples.distances, path.parent / DISTANCES)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    write_whole(path, buffer.getvalue())


def read_samples(path: Path) -> Samples:
    """Read what `write_samples` wrote.

    Raises
    ------
    StudyError
        If the file, or that of its distances, is missing or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        described = json.loads((table.schema.metadata or {})[b"clew"])
    except (OSError, KeyError, pa.ArrowInvalid) as error:
        raise StudyError(
            f"The file '{path}' must hold the samples of a study. Got {error} instead."
        ) from error
    frame = table.to_pandas()
    origin = frame[[name for name in frame.columns if name.startswith(ORIGIN)]]
    origin.columns = [name.removeprefix(ORIGIN) for name in origin.columns]
    return Samples(
        features=frame[described["features"]].to_numpy(dtype=np.float64),
        feature_names=tuple(described["features"]),
        units=tuple(described["units"]),
        sample=frame["@sample"].to_numpy(dtype=str),
        origin=origin,
        group=frame["@group"].to_numpy(dtype=str),
        target=frame["@target"].to_numpy(dtype=np.float64) if "@target" in frame else None,
        sets={name: tuple(members) for name, members in described["sets"].items()},
        distances=_read_distances(path.parent / DISTANCES) if described.get("distances") else None,
    )


def read_description(path: Path) -> dict[str, Any]:
    """Read names, units and sets of the features ("features", "units", "sets") alone, whatever the number of rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        described: dict[str, Any] = json.loads((pq.read_schema(path).metadata or {})[b"clew"])
    except (OSError, KeyError, pa.ArrowInvalid) as error:
        raise StudyError(
            f"The file '{path}' must hold the samples of a study. Got {error} instead."
        ) from error
    return described


def _write_distances(distances: np.ndarray, path: Path) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, distances, allow_pickle=False)
    path.parent.mkdir(exist_ok=True)
    write_whole(path, buffer.getvalue())


def _read_distances(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise StudyError(
            f"The file '{path}' must hold the distances of a study. Got {error} instead."
        ) from error
