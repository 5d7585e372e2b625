"""Samples on disk: one Parquet file, units and sets in its schema."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np

from clew.errors import StudyError, check
from clew.result import write_whole
from clew.samples import Samples

ORIGIN = "@origin."  # columns of our own start with @, so that no measurement can collide with them


def write_samples(samples: Samples, path: Path) -> None:
    """Write samples (without their labels, which are events in the database) as one Parquet file."""
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
    described = {"features": samples.feature_names, "units": samples.units, "sets": samples.sets}
    table = table.replace_schema_metadata({b"clew": json.dumps(described).encode()})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    write_whole(path, buffer.getvalue())


def read_samples(path: Path) -> Samples:
    """Read what `write_samples` wrote.

    Raises
    ------
    StudyError
        If the file is missing or damaged.
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
    )
