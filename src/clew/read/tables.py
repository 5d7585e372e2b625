"""Tables: CSV with whatever delimiter, Parquet, gzip; columns of numbers or of text, nothing in between."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from clew.errors import DataError, check
from clew.read.kinds import PARQUET, has_suffix, read_bytes

if TYPE_CHECKING:
    import pandas as pd

MISSING = frozenset(("", "na", "n/a", "nan", "null", "?", "-"))  # among numbers, in whatever case
NO_TEXT = frozenset(
    ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "?", "-")
)  # as programs write it: "Na" is sodium
DELIMITERS = {"\t": "tab", ";": "semicolon", ",": "comma", "|": "bar"}
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?")
INDEX = "index"  # the name of a column without one: the row names that pandas and R write


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """A table as it was stored.

    Parameters
    ----------
    name : str
        The file's name, without folder.
    path : Path
        Where it was read.
    sha256 : str
        SHA-256 of the file's bytes, 64 hex digits.
    frame : pandas.DataFrame
        One row a data row of the file, in order; columns of float64 (NaN where missing) or text ("" where missing).
    notes : list of str
        How the file was understood, one sentence each.
    gaps : dict of str to dict of str to int
        By column, what was written where something is missing, and how often; empty cells do not count.
    """

    name: str
    path: Path
    sha256: str
    frame: pd.DataFrame
    notes: list[str]
    gaps: dict[str, dict[str, int]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Table {self.name}: {self.frame.shape[0]} rows x {self.frame.shape[1]} columns>"


def read_table(path: str | Path) -> Table:
    """Read a table: CSV (comma, semicolon, tab or bar), Parquet, or CSV in gzip.

    A column is numeric where more than half of its entries are numbers; what is empty, NA, N/A, NaN, null, ``?`` or ``-``
    is missing: among numbers in whatever case, in text only as programs write it, so that Na stays sodium. The layout of scikit-learn's data sets (first line: rows, columns, class names) is recognised.

    Raises
    ------
    DataError
        If the file is missing, empty, cut short, has no rows or no column names, columns of the same name, lines of
        different length, text in a numeric column, or infinite values.
    """
    columns = read_columns(path)
    frame = _frame(columns)
    return Table(columns.path.name, columns.path, columns.sha256, frame, columns.notes, _gaps(columns, frame))


# ---- from bytes to columns of text ----
Cells = list[str] | np.ndarray  # text, or float64 where the file says so
Head = Literal["names", "auto"]


@dataclass(frozen=True, eq=False)
class Columns:
    """The cells of a table as they were written.

    Parameters
    ----------
    path : Path
    sha256 : str
        SHA-256 of the file's bytes, 64 hex digits.
    cells : dict of str to (list of str, or ndarray of float64)
        By column name, all of one length.
    places : list of str
        Where each row stands ("line 7").
    notes : list of str
        How the file was understood, one sentence each.
    """

    path: Path
    sha256: str
    cells: dict[str, Cells]
    places: list[str]
    notes: list[str]

    def typed(self, name: str) -> pd.Series:
        """Return a column as float64 (NaN where missing) or as text ("" where missing).

        Raises
        ------
        DataError
            If there is text among numbers, or something infinite.
        """
        return _typed(name, self.cells[name], self.places, self.path, self.notes)


def read_columns(path: str | Path, *, head: Head = "names") -> Columns:
    """Read the cells of a table, without telling numbers from text.

    Parameters
    ----------
    path : str or Path
    head : {"names", "auto"}
        What the first line must be: column names; or, with "auto", data where it holds numbers only (then columns are called
        "1", "2", ...), or names of all columns but the first. Blanks may separate the columns then.

    Raises
    ------
    DataError
        As `read_table`, but for what is in the cells.
    """
    path = Path(path)
    data = read_bytes(path)
    notes: list[str] = []
    read = _parquet if has_suffix(path, PARQUET) else _text
    cells, places = read(data, path, notes, head)
    check(places, DataError, "The table '{}' must hold rows of data. Got column names only.", path)
    return Columns(path, hashlib.sha256(data).hexdigest(), cells, places, notes)


def _text(data: bytes, path: Path, notes: list[str], head: Head) -> tuple[dict[str, Cells], list[str]]:
    """Return the columns as text, and the place of each row ("line 7")."""
    text = _decoded(_unzipped(data, path), path, notes)
    delimiter = delimiter_of(text)
    rows, places = _rows(text, delimiter, path)
    check(
        rows,
        DataError,
        "The table '{}' must hold a line of column names and data. Got blank lines only.",
        path,
    )
    if len(rows[0]) > 1:
        notes.append(f"{path.name}: columns are separated by {DELIMITERS[delimiter]}.")
    if head == "auto":
        _complete_head(rows, places)
    elif columns := _scikit_learn_layout(rows):
        notes.append(f"{path.name}: has scikit-learn's layout; classes are named by its first line.")
        return dict(columns), places[1:]
    _check_rectangular(rows, places, path)
    names = _column_names(rows[0], rows[1:], path, head)
    columns = {name: [row[i] for row in rows[1:]] for i, name in enumerate(names)}
    if names[-1] == "" and not any(columns[""]):  # a delimiter at the end of every line
        del columns[""]
    return dict(_decimal_points(columns, delimiter, path, notes)), places[1:]


def _complete_head(rows: list[list[str]], places: list[str]) -> None:
    """Give rows of numbers only a head, and a head that lacks the corner its corner; cut lines at blanks."""
    if all(len(row) == 1 for row in rows):
        rows[:] = [row[0].split() for row in rows]
    if len(rows) > 1 and all(len(row) == len(rows[0]) + 1 for row in rows[1:]):  # as R writes a matrix
        rows[0].insert(0, "")
    elif all(map(_is_number, rows[0])):
        rows.insert(0, [str(i + 1) for i in range(len(rows[0]))])
        places.insert(0, "")


def _unzipped(data: bytes, path: Path) -> bytes:
    if not has_suffix(path, (".gz",)):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"The file '{path}' must be a whole gzip file. Got: {error}.") from error


def _decoded(data: bytes, path: Path, notes: list[str]) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):  # what Excel calls Unicode text
        encoding = "utf-16"
    else:
        check(b"\0" not in data, DataError, "The table '{}' must be text. Got bytes of something else.", path)
        encoding = "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        notes.append(
            f"{path.name}: is not valid {encoding.removesuffix('-sig').upper()} and is read as Latin-1."
        )
        return data.decode("latin-1")


def delimiter_of(text: str) -> str:
    """Return the delimiter that cuts the first line, and cuts most of the next hundred into as many fields."""
    lines = [line for line in text[:100_000].splitlines() if line.strip()][:100]
    best, best_score = ",", 0.0
    for delimiter in DELIMITERS:
        widths = [len(fields) for fields in csv.reader(lines, delimiter=delimiter) if fields]
        usual = max(set(widths), key=widths.count, default=1)
        score = widths.count(usual) / len(widths) if widths and widths[0] > 1 and usual > 1 else 0.0
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _rows(text: str, delimiter: str, path: Path) -> tuple[list[list[str]], list[str]]:
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    rows, places = [], []
    try:
        for fields in reader:
            if fields and (len(fields) > 1 or fields[0].strip()):
                rows.append([field.strip() for field in fields])
                places.append(f"line {reader.line_num}")
    except csv.Error as error:
        raise DataError(
            f"The table '{path}' must be whole CSV. Got: {error} (line {reader.line_num})."
        ) from error
    return rows, places


def _scikit_learn_layout(rows: list[list[str]]) -> dict[str, list[str]]:
    """Return the columns of a file such as scikit-learn's iris.csv, or nothing if it is another layout."""
    head, body = rows[0], rows[1:]
    if len(head) < 4 or not (head[0].isdecimal() and head[1].isdecimal()):
        return {}
    n, d, classes = int(head[0]), int(head[1]), head[2:]
    codes = {str(i): name for i, name in enumerate(classes)}
    if len(body) != n or any(len(row) != d + 1 or row[-1] not in codes for row in body):
        return {}
    columns = {f"feature_{i + 1}": [row[i] for row in body] for i in range(d)}
    return columns | {"class": [codes[row[-1]] for row in body]}


def _check_rectangular(rows: list[list[str]], places: list[str], path: Path) -> None:
    width = len(rows[0])
    for row, place in zip(rows, places):
        check(
            len(row) == width,
            DataError,
            "The table '{}' must have {} fields in every line, as in its first. Got {} in {}.",
            path,
            width,
            len(row),
            place,
        )


def _column_names(first: list[str], body: list[list[str]], path: Path, head: Head = "names") -> list[str]:
    check(
        head == "auto" or not all(map(_is_number, first)),
        DataError,
        "The table '{}' must begin with a line of column names. Got numbers instead: {}.",
        path,
        ", ".join(first[:4]),
    )
    unnamed = "row names" if INDEX in first[1:] else INDEX
    named = [
        unnamed if i == 0 and (not name or re.fullmatch(r"Unnamed: \d+", name)) else name
        for i, name in enumerate(first)
    ]
    for i, name in enumerate(named):
        check(
            name not in named[:i],
            DataError,
            "The column names of '{}' must all differ. Got '{}' twice (columns {} and {}).",
            path,
            name,
            named.index(name) + 1,
            i + 1,
        )
        idle = i == len(named) - 1 and not any(row[i] for row in body)
        check(name or idle, DataError, "The column {} of '{}' must have a name. Got none.", i + 1, path)
    return named


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _decimal_points(
    columns: dict[str, list[str]], delimiter: str, path: Path, notes: list[str]
) -> dict[str, list[str]]:
    """Turn decimal commas into points where the delimiter is no comma and no number has a point."""
    cells = [cell for column in columns.values() for cell in column]
    if (
        delimiter == ","
        or not any(map(DECIMAL_COMMA.fullmatch, cells))
        or any(map(DECIMAL_POINT.fullmatch, cells))
    ):
        return columns
    notes.append(f"{path.name}: numbers have a decimal comma.")
    return {
        name: [cell.replace(",", ".") if DECIMAL_COMMA.fullmatch(cell) else cell for cell in column]
        for name, column in columns.items()
    }


def _parquet(data: bytes, path: Path, notes: list[str], head: Head) -> tuple[dict[str, Cells], list[str]]:
    """Return the columns as text or numbers, and the place of each row ("row 7")."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(io.BytesIO(data))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"The table '{path}' must be a whole Parquet file. Got: {error}.") from error
    check(table.num_columns, DataError, "The table '{}' must have at least one column. Got none.", path)
    names = [INDEX if re.fullmatch(r"__index_level_\d+__", name) else name for name in table.column_names]
    names = _column_names(names, [], path, head)
    nested = [name for name, column in zip(names, table.columns) if pa.types.is_nested(column.type)]
    check(
        not nested,
        DataError,
        "The columns of '{}' must hold numbers or text. Got lists in '{}'.",
        path,
        *nested[:1],
    )
    columns = {name: _arrow_cells(column) for name, column in zip(names, table.columns)}
    return columns, [f"row {i + 1}" for i in range(table.num_rows)]


def _arrow_cells(column: Any) -> Cells:
    """Return a column of Parquet as float64 where that keeps its values, and as text otherwise."""
    import pyarrow as pa

    if pa.types.is_floating(column.type):
        return column.to_pandas().to_numpy(np.float64)
    values = column.to_pylist()
    exact = pa.types.is_integer(column.type) and all(abs(v or 0) <= 2**53 for v in values)
    if exact:
        return np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    return ["" if v is None else str(v) for v in values]


# ---- from text to numbers ----
def _frame(columns: Columns) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({name: columns.typed(name) for name in columns.cells})


def _gaps(columns: Columns, frame: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Return by column what was written where something is missing, and how often, the most frequent first."""
    gaps = {}
    for name, cells in columns.cells.items():
        if not isinstance(cells, np.ndarray):
            missing = np.flatnonzero(frame[name].isna() | (frame[name] == ""))
            gaps[name] = dict(Counter(cells[row] for row in missing if cells[row]).most_common())
    return {name: words for name, words in gaps.items() if words}


def _typed(name: str, cells: Cells, places: list[str], path: Path, notes: list[str]) -> pd.Series:
    """Return a column as float64 or as text; refuse text among numbers, and what is infinite."""
    import pandas as pd

    cells = np.asarray(cells, dtype=None if isinstance(cells, np.ndarray) else object)
    if cells.dtype == object:
        missing = np.array([cell.casefold() in MISSING for cell in cells])
        numbers = pd.to_numeric(pd.Series(cells), errors="coerce").to_numpy(np.float64, copy=True)
        numbers[missing] = np.nan
        no_text = np.array([cell in NO_TEXT for cell in cells])
    else:
        numbers, missing = cells, np.isnan(cells)
        no_text = missing
    text = ~missing & np.isnan(numbers)
    numeric = no_text.all() or 2 * text.sum() < (~missing).sum()
    if numeric and _rounded(numbers, cells, missing):
        notes.append(f"{path.name}: the column '{name}' holds whole numbers beyond 2^53 and is kept as text.")
        numeric = False
    if not numeric:
        if "+" in cells:  # then "-" is its opposite, and no gap
            no_text &= cells != "-"
        return pd.Series(np.where(no_text, "", cells), dtype=str)
    wrong = text | np.isinf(numbers)
    if wrong.any():
        row = int(np.argmax(wrong))
        what = "numbers, as most of its entries do" if text[row] else "finite numbers"
        raise DataError(
            f"The column '{name}' of '{path}' must hold {what}. Got '{cells[row]}' in {places[row]} instead."
        )
    return pd.Series(numbers, dtype=np.float64)


def _rounded(numbers: np.ndarray, cells: np.ndarray, missing: np.ndarray) -> bool:
    """Tell whether a column holds whole numbers too long for float64: identifiers, no measurements."""
    large = bool((np.abs(numbers[~missing]) > 2**53).any()) and cells.dtype == object
    return large and all(cell.lstrip("+-").isdecimal() for cell in cells[~missing])
