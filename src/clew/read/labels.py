"""Labels that people made elsewhere: a table with the columns sample and label, as CSV, TSV or Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clew.errors import DataError, check, did_you_mean

if TYPE_CHECKING:
    import pandas as pd


def read_labels(path: str | Path, *, samples: list[str]) -> list[tuple[str, str]]:
    """Read labels, whole or not at all.

    Parameters
    ----------
    path : str or Path
        CSV, TSV or Parquet with the columns ``sample`` and ``label``; rows with an empty label are passed over.
    samples : list of str
        The names that a sample may have.

    Returns
    -------
    list of (sample, label)

    Raises
    ------
    DataError
        If the file cannot be read, lacks a column, names an unknown sample, or gives one sample two labels.
    """
    path = Path(path)
    check(path.is_file(), DataError, "The labels '{}' must be a file. Got nothing there.", path)
    try:
        frame = _parquet(path) if path.suffix.casefold() == ".parquet" else _text_table(path)
    except ValueError as error:  # what pandas, PyArrow and the decoder raise are such
        raise DataError(
            f"The labels '{path}' must be a table with the columns sample and label. Got: {error}."
        ) from error
    for column in ("sample", "label"):
        check(
            column in frame,
            DataError,
            "The labels '{}' must have a column '{}'. Got the columns {} instead.{}",
            path,
            column,
            ", ".join(map(str, frame.columns)),
            did_you_mean(column, map(str, frame.columns)),
        )
    known = set(samples)
    given: dict[str, str] = {}
    for line, (sample, label) in enumerate(
        zip(frame["sample"].str.strip(), frame["label"].str.strip()), start=2
    ):
        if not label:
            continue
        if sample not in known:  # what is meant is looked for only then: among many names that takes long
            raise DataError(
                f"The sample in line {line} of '{path}' must be one of the study's {len(samples)} rows, such as "
                f"'{samples[0]}'. Got '{sample}' instead.{did_you_mean(sample, samples)}"
            )
        check(
            given.get(sample, label) == label,
            DataError,
            "The sample '{}' must have one label in '{}'. Got '{}' and '{}'.",
            sample,
            path,
            given.get(sample),
            label,
        )
        given[sample] = label
    check(given, DataError, "The labels '{}' must label at least one sample. Got none.", path)
    return list(given.items())


def _text_table(path: Path) -> pd.DataFrame:
    import pandas as pd

    with open(path, encoding="utf-8-sig") as file:
        head = file.readline()
    sign = max(",;\t", key=head.count)
    return pd.read_csv(
        path, sep=sign, dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False
    )


def _parquet(path: Path) -> pd.DataFrame:
    import pandas as pd

    frame = pd.read_parquet(path)
    return frame.where(frame.notna(), "").astype(str)
