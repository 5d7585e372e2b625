"""Distances from files: square tables and matrices, or lists of edges, of which they are the shortest paths."""

from __future__ import annotations

import dataclasses
import io
import re
import zipfile
from pathlib import Path

import numpy as np

from clew.distances import Distances, Parts, Symmetrise, shortest_paths, square_distances
from clew.errors import DataError, SettingError, check, did_you_mean
from clew.read.kinds import ARRAYS, PARQUET, TABLES, has_suffix, read_bytes
from clew.read.tables import Cells, Columns, read_columns

# fmt: off
ENDS = (
    ("source", "target"), ("from", "to"), ("origin", "destination"), ("source", "destination"), ("start", "end"),
    ("src", "dst"), ("u", "v"), ("i", "j"),
)
# fmt: on
LENGTHS = {"distance", "length", "time", "duration", "cost"}


def read_distances(
    path: str | Path,
    *,
    symmetrise: Symmetrise = "mean",
    source: str | None = None,
    target: str | None = None,
    length: str | None = None,
    parts: Parts = "refuse",
) -> Distances:
    """Read distances between rows, whole or not at all.

    A square table has the names of the rows in its first line and its first column, or holds nothing but numbers; ``.npy``
    and ``.npz`` hold one square matrix. Any other table is a list of edges: its rows become distances along the shortest
    paths. "weight" is not taken for a length, since in most networks a large weight means near: edges count 1 then.

    Parameters
    ----------
    path : str or Path
        A table as `clew.read.tables.read_table` takes it, ``.npy`` or ``.npz``.
    symmetrise : {"mean", "min", "max"}
        What stands for two directions that differ.
    source, target : str, optional
        The columns with the two ends of each edge; found by names such as source and target otherwise.
    length : str, optional
        The column with the length of each edge; a column called distance, length, time, duration or cost otherwise.
    parts : {"refuse", "largest"}
        What to do where the edges do not join all places.

    Raises
    ------
    DataError
        If the file is missing, damaged, neither square nor a list of edges, or if its values are no distances.
    SettingError
        If a setting names a column that is not there, or does not go with this kind of file.
    """
    path = Path(path)
    check(
        has_suffix(path, (*ARRAYS, *TABLES)),
        DataError,
        "The distances '{}' must be a table or an array ({}). Got the suffix '{}' instead.",
        path,
        ", ".join((*ARRAYS, *TABLES)),
        path.suffix,
    )
    named = {"source": source, "target": target, "length": length}
    asked = [name for name, column in named.items() if column is not None]
    columns = None if has_suffix(path, ARRAYS) else read_columns(path, head="auto")
    if columns is not None and (asked or _ends(columns)):
        found = _edges(columns, named, symmetrise, parts)
    else:
        check(
            not asked,
            SettingError,
            "The column of the {} must be in a list of edges. Got '{}', an array without columns.",
            *asked[:1],
            path,
        )
        names, values = (None, _array(path)) if columns is None else _square(columns)
        found = square_distances(values, names=names, symmetrise=symmetrise, of=f"'{path}'")
    settings = {"symmetrise": symmetrise, **named, "parts": parts}
    notes = [] if columns is None else columns.notes
    return dataclasses.replace(found, notes=[*notes, *found.notes], settings=settings)


def is_distances(path: str | Path) -> bool:
    """Tell whether a table is one of distances: the same names for rows and columns, and zeros on the diagonal."""
    path = Path(path)
    try:
        if not has_suffix(path, TABLES) or not _may_be_square(path):
            return False
        names, values = _square(read_columns(path, head="auto"))
    except DataError:  # whoever reads it as a table says what is wrong
        return False
    return names is not None and not np.diagonal(values).any()


# ---- square ----
def _array(path: Path) -> np.ndarray:
    """Return the one array of a file of NumPy."""
    data = read_bytes(path)
    try:
        loaded = np.load(io.BytesIO(data), allow_pickle=False)
        arrays = [loaded] if isinstance(loaded, np.ndarray) else [loaded[name] for name in loaded.files]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"The distances '{path}' must be a whole array of numbers. Got: {error}.") from error
    check(
        len(arrays) == 1,
        DataError,
        "The distances '{}' must hold one array. Got {} instead.",
        path,
        len(arrays),
    )
    return arrays[0]


def _square(columns: Columns) -> tuple[list[str] | None, np.ndarray]:
    """Return the names and the values of a square table, float64 of shape (n, n) in the order of its rows."""
    heads, n_rows = list(columns.cells), len(columns.places)
    automatic = heads == [str(i + 1) for i in range(len(heads))]
    if len(heads) == n_rows + 1 and not automatic:
        first = _spelt(columns.cells[heads[0]])
        only = set(first) ^ set(heads[1:])
        check(
            not only,
            DataError,
            "The distances '{}' must name rows and columns alike. Got '{}' for one of them only.",
            columns.path,
            *sorted(only)[:1],
        )
        return first, _values(columns, first)
    if len(heads) == n_rows:
        return None if automatic else heads, _values(columns, heads)
    if automatic and n_rows == len(heads) + 1:  # a first line of 0, 1, 2, ..., as pandas numbers columns
        values = _values(columns, heads)
        if any(np.array_equal(values[0], np.arange(n_rows - 1) + start) for start in (0, 1)):
            return [f"{name:g}" for name in values[0]], values[1:]
    raise DataError(
        f"The distances '{columns.path}' must be a square table, or a list of edges with the columns source and target "
        f"(--edge-source and --edge-target say which they are). Got {n_rows} rows x {len(heads)} columns: {', '.join(heads[:6])}."
    )


def _may_be_square(path: Path) -> bool:
    """Tell by the first line and the number of lines whether it is worth reading a table as distances."""
    if has_suffix(path, PARQUET):
        import pyarrow.parquet as pq

        try:
            about = pq.read_metadata(path)
        except (OSError, ValueError):  # what pyarrow raises is such
            return False
        return about.num_columns == about.num_rows + 1
    data = read_bytes(path)
    if has_suffix(path, (".gz",)) or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    n_lines = data.count(b"\n")
    width = max(data[: data.find(b"\n")].count(sign) for sign in (b",", b";", b"\t", b"|"))
    return width - 2 <= n_lines <= width + 20  # some blank lines may be among them


def _values(columns: Columns, names: list[str]) -> np.ndarray:
    return np.column_stack([_numbers(columns, name, "distances") for name in names])


def _numbers(columns: Columns, name: str, what: str) -> np.ndarray:
    """Return a column as float64; refuse one of text."""
    values = columns.typed(name)
    if values.dtype != np.float64:
        row = int(np.argmax(values != ""))
        raise DataError(
            f"The column '{name}' of '{columns.path}' must hold {what}. Got '{values[row]}' in {columns.places[row]} instead."
        )
    return values.to_numpy(np.float64)


def _spelt(cells: Cells) -> list[str]:
    """Return cells as text; whole numbers without a point."""
    if isinstance(cells, np.ndarray):
        spelt = (str(int(one)) if one == np.floor(one) else repr(float(one)) for one in cells)
        return ["" if name == "nan" else name for name in spelt]
    return list(cells)


# ---- edges ----
def _edges(columns: Columns, named: dict[str, str | None], symmetrise: Symmetrise, parts: Parts) -> Distances:
    """Return the shortest paths along the edges that a table lists."""
    notes: list[str] = []
    for setting, column in named.items():
        if column is not None and column not in columns.cells:
            raise SettingError(
                f"The {setting} column of '{columns.path}' must be one of: {', '.join(columns.cells)}. "
                f"Got '{column}' instead.{did_you_mean(column, columns.cells)}"
            )
    source, target = named["source"], named["target"]
    if source is None and target is None:
        source, target = _ends(columns) or (None, None)
    if source is None or target is None or source == target:
        raise SettingError(
            f"The edges of '{columns.path}' must have two columns for their ends: --edge-source and --edge-target. "
            f"Got '{source}' and '{target}'."
        )
    length = named["length"] or _length(columns, (source, target), notes)
    if named["length"] is None:
        called = "says otherwise" if length else "says which column is their length"
        notes.append(
            f"The column '{length}' is taken as the length of an edge, for its name (--edge-length {called})."
            if length
            else f"Each edge counts 1 (--edge-length {called})."
        )
    found = shortest_paths(
        _spelt(columns.cells[source]),
        _spelt(columns.cells[target]),
        None if length is None else _numbers(columns, length, "lengths"),
        parts=parts,
        symmetrise=symmetrise,
        of=f"'{columns.path}'",
    )
    return dataclasses.replace(found, notes=[*notes, *found.notes])


def _ends(columns: Columns) -> tuple[str, str] | None:
    """Return the columns of the two ends by their names, or None."""
    called = {name.casefold(): name for name in columns.cells}
    return next(((called[a], called[b]) for a, b in ENDS if a in called and b in called), None)


def _length(columns: Columns, ends: tuple[str, str], notes: list[str]) -> str | None:
    """Return the column that is called like a length and holds numbers, or None; note what is not taken for one."""
    words = {name: set(re.findall("[a-z]+", name.casefold())) for name in columns.cells if name not in ends}
    found = [name for name in words if words[name] & LENGTHS and columns.typed(name).dtype == np.float64]
    check(
        len(found) <= 1,
        SettingError,
        "The length of the edges of '{}' must be one column: --edge-length. Got {}.",
        columns.path,
        ", ".join(f"'{name}'" for name in found),
    )
    weights = [name for name in words if "weight" in words[name]]
    if weights and not found:
        notes.append(
            f"The column '{weights[0]}' is not taken for a length: in most networks a large weight means near."
        )
    return found[0] if found else None
