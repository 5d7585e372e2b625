"""Lines of samples: how a table of a sensor is laid out, found from its head, and how its lines become times and numbers."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import DataError, check, check_choice
from clew.read.kinds import some_of
from clew.read.tables import DECIMAL_COMMA, DECIMAL_POINT, MISSING, delimiter_of
from clew.read.times import FORMS, YEAR, is_date, read_times, seconds_of

if TYPE_CHECKING:
    import pandas as pd

BLANKS = " "
ISO, STAMP = "year-month-day", "stamp"
TIMES = re.compile(
    r"(elapsed|unix|posix|epoch)?[_ ]?(time|timestamp|t|epoch|seconds)([ _(\[].*)?", re.IGNORECASE
)
CLOCKS = re.compile(
    r"unix|posix|epoch|timestamp", re.IGNORECASE
)  # numbers in such columns may count from 1970
SINCE_1970 = (6e8, 4.2e9)  # s: from 1989 to 2103
PANDAS_MISSING = [*{form for word in MISSING for form in (word, word.upper(), word.capitalize())}, "NaN"]


@dataclass(frozen=True, eq=False)
class Rows:
    """Lines as numbers.

    Parameters
    ----------
    seconds : ndarray of float64, shape (n,), optional
        When each was taken, in s.
    values : ndarray of float64, shape (n, n_components)
        NaN where missing.
    lines : ndarray of int64, shape (n,)
        The number of each line in the file.
    """

    seconds: np.ndarray | None
    values: np.ndarray
    lines: np.ndarray


@dataclass(frozen=True, eq=False)
class Layout:
    """How the lines of a table are to be read.

    Parameters
    ----------
    source : str
        What the file is called.
    delimiter : str
        One character; a blank stands for any number of blanks.
    names : tuple of str
        One a column.
    has_head : bool
        Whether the table names its columns.
    values : tuple of int
        The columns of samples.
    time : int, optional
        The column of times.
    form : str
        Of the dates in it (a key of `clew.read.times.FORMS`), "stamp" of 20240131 and the like, "" of other numbers.
    scale : tuple of float
        Of other numbers: what is added in s, and how many s their unit has.
    dated : bool
        Whether times count from 1970-01-01 UTC.
    decimal : str
        "." or ",".
    begin, begin_line : int
        The byte and the number of the first line of samples.
    """

    source: str
    delimiter: str
    names: tuple[str, ...]
    has_head: bool
    values: tuple[int, ...]
    time: int | None
    form: str
    scale: tuple[float, float]
    dated: bool
    decimal: str
    begin: int
    begin_line: int

    def rows(self, data: bytes, line: int) -> Rows:
        """Return whole lines as times and numbers; blank ones are passed over.

        Parameters
        ----------
        data : bytes
        line : int
            The number of the first of them.

        Raises
        ------
        DataError
            If a line has too few or too many fields, there is text among numbers, something infinite, or no time.
        """
        whole = data.split(b"\n")
        filled = [i for i, one in enumerate(whole) if not one.isspace() and one]
        numbers = np.array(filled, np.int64) + line
        kept = [whole[i] for i in filled]
        if not kept:
            return Rows(None if self.time is None else np.empty(0), np.empty((0, len(self.values))), numbers)
        self._check_widths(kept, numbers)
        frame = self._frame(kept)
        values = np.column_stack([self._numbers(frame[i], numbers, self.names[i]) for i in self.values])
        return Rows(None if self.time is None else self._seconds(frame[self.time], numbers), values, numbers)

    def _check_widths(self, lines: list[bytes], numbers: np.ndarray) -> None:
        if self.delimiter == BLANKS:
            widths = [len(one.split()) for one in lines]
        elif any(b'"' in one for one in lines):
            texts = [one.decode("latin-1") for one in lines]
            widths = [len(fields) for fields in csv.reader(texts, delimiter=self.delimiter)]
        else:
            sign = self.delimiter.encode()
            widths = [one.count(sign) + 1 for one in lines]
        wrong = [i for i, width in enumerate(widths) if width != len(self.names)]
        if wrong:
            raise DataError(
                f"The table '{self.source}' must have {len(self.names)} fields in every line, as in its first."
                f" Got {widths[wrong[0]]} in line {numbers[wrong[0]]}."
            )

    def _frame(self, lines: list[bytes]) -> pd.DataFrame:
        import pandas as pd

        wanted = sorted({*self.values, *([] if self.time is None else [self.time])})
        return pd.read_csv(
            io.BytesIO(b"\n".join(lines)),
            sep=r"\s+" if self.delimiter == BLANKS else self.delimiter,
            header=None,
            names=list(range(len(self.names))),
            usecols=wanted,
            index_col=False,
            dtype={self.time: str} if self.time is not None and self.form else None,
            decimal=self.decimal,
            na_values=PANDAS_MISSING,
            keep_default_na=False,
            skipinitialspace=True,
            encoding="latin-1",
            low_memory=False,
        )

    def _numbers(self, column: pd.Series, lines: np.ndarray, name: str) -> np.ndarray:
        """Return a column as float64; refuse text and what is infinite."""
        import pandas as pd

        if column.dtype.kind not in "iuf":
            texts = column.astype(object).fillna("").astype(str).str.strip()
            missing = texts.str.casefold().isin(MISSING)
            plain = texts.str.replace(",", ".") if self.decimal == "," else texts
            column = pd.to_numeric(plain.mask(missing), errors="coerce")
            wrong = (column.isna() & ~missing).to_numpy()
            if wrong.any():
                row = int(np.argmax(wrong))
                raise DataError(
                    f"The column '{name}' of '{self.source}' must hold numbers, as most of its entries do."
                    f" Got '{texts.iloc[row]}' in line {lines[row]} instead."
                )
        values = column.to_numpy(np.float64)
        if np.isinf(values).any():
            row = int(np.argmax(np.isinf(values)))
            raise DataError(
                f"The column '{name}' of '{self.source}' must hold finite numbers. Got '{values[row]}' in line {lines[row]}."
            )
        return values

    def _seconds(self, column: pd.Series, lines: np.ndarray) -> np.ndarray:
        """Return the times of rows in s."""
        assert self.time is not None
        name = self.names[self.time]
        if self.form:
            texts = column.fillna("").str.strip().to_numpy(dtype=object)
            seconds = self._dates(texts, lines)
        else:
            seconds = self.scale[0] + self.scale[1] * self._numbers(column, lines, name)
        missing = np.isnan(seconds)
        if missing.any():
            raise DataError(
                f"Every row of '{self.source}' must have its time in '{name}'. Got none in line {lines[np.argmax(missing)]}."
            )
        return seconds

    def _dates(self, texts: np.ndarray, lines: np.ndarray) -> np.ndarray:
        """Return dates in s since 1970-01-01 UTC; NaN where they are missing."""
        import pandas as pd

        assert self.time is not None
        name, places = self.names[self.time], _Places(lines)
        if self.form == STAMP:
            numbers = np.array([float(text) if text else np.nan for text in texts])
            return read_times(numbers, name=name, places=places, dates_only=True).seconds
        if self.form == ISO:
            try:
                found = pd.to_datetime(pd.Series(texts), format="ISO8601", utc=True).dt.as_unit("us")
                return found.astype("int64").where(found.notna()).to_numpy(np.float64) / 1e6
            except (ValueError, OverflowError):
                pass  # not all are what pandas knows; Python may know them
        read = {text: FORMS[self.form](text) for text in set(texts.tolist()) if text}
        wrong = next((i for i, text in enumerate(texts) if text and read[text] is None), None)
        if wrong is not None:
            raise DataError(
                f"The times in '{name}' of '{self.source}' must be dates as {self.form}, as most are."
                f" Got '{texts[wrong]}' in {places[wrong]}."
            )
        seconds = {text: seconds_of(date) for text, date in read.items() if date is not None}
        return np.array([seconds.get(text, np.nan) for text in texts])


class _Places(Sequence[str]):
    """Where rows stand, spelt when it is asked for."""

    def __init__(self, lines: np.ndarray) -> None:
        self.lines = lines

    def __getitem__(self, row: Any) -> Any:
        return f"line {self.lines[row]}"

    def __len__(self) -> int:
        return len(self.lines)


# ---- from the head to the layout ----
def layout_of(
    head: bytes, tail: bytes = b"", *, source: str, time: str | None = None, notes: list[str] | None = None
) -> Layout:
    """Find out how a table is laid out.

    Parameters
    ----------
    head, tail : bytes
        Whole lines from its start, and more from its end, which may tell the day of a date from the month.
    source : str
        What the file is called.
    time : str, optional
        The column of times; else the only one of dates, or one that is called so.
    notes : list of str, optional
        Is added to: what was passed over, one sentence each.

    Raises
    ------
    DataError
        If it is no text, has no line of samples, columns of one name, several of dates, or none of numbers.
    SettingError
        If ``time`` is no column.
    """
    notes = [] if notes is None else notes
    check(b"\0" not in head, DataError, "The table '{}' must be text. Got bytes of something else.", source)
    begin, line = _top(head, source, notes)
    try:
        text = head[begin:].decode("utf-8-sig")
    except UnicodeDecodeError:
        text = head[begin:].decode("latin-1")
    delimiter = _separator(text)
    rows = _fields(text, delimiter)
    check(rows, DataError, "The table '{}' must hold rows of samples. Got none.", source)
    has_head = not all(_is_number(cell) or cell.casefold() in MISSING or is_date(cell) for cell in rows[0])
    names = _names(rows[0], has_head, source)
    if has_head:
        begin, line = _behind_line(head, begin, line)
    body = [row for row in rows[has_head:] if len(row) == len(names)]
    check(body, DataError, "The table '{}' must hold rows of samples. Got column names only.", source)
    cells = {i: [row[i] for row in body] for i in range(len(names))}
    decimal = _decimal(cells, delimiter)
    numeric = {i for i, column in cells.items() if _is_numeric(column, decimal)}
    more = [row for row in _fields(tail.decode("latin-1"), delimiter) if len(row) == len(names)]
    at, form, scale, dated = _time(cells, more, names, numeric, decimal, time, source)
    index = {0} if has_head and not rows[0][0] and at != 0 else set()
    values = tuple(sorted(numeric - index - {at}))
    passed = [names[i] for i in range(len(names)) if i not in (*values, at) and names[i]]
    if passed:
        notes.append(f"'{source}': {some_of(passed)}: no numbers to measure, passed over.")
    check(values, DataError, "The table '{}' must have a column of numbers. Got: {}.", source, some_of(names))
    return Layout(source, delimiter, names, has_head, values, at, form, scale, dated, decimal, begin, line)


def _top(head: bytes, source: str, notes: list[str]) -> tuple[int, int]:
    """Return the byte and the number of the first line that is neither blank nor a remark."""
    at, line, remarks = 3 * head.startswith(b"\xef\xbb\xbf"), 1, 0
    while at < len(head) and (
        not (one := head[at:].split(b"\n", 1)[0].strip()) or one.startswith((b"#", b"%"))
    ):
        remarks += bool(one)
        at, line = _behind_line(head, at, line)
    if remarks:
        notes.append(f"'{source}': {remarks} line{'s' * (remarks > 1)} of remarks at the top passed over.")
    return at, line


def _behind_line(head: bytes, at: int, line: int) -> tuple[int, int]:
    end = head.find(b"\n", at)
    return (len(head) if end < 0 else end + 1), line + 1


def _separator(text: str) -> str:
    """Return what the fields are separated by; a comma where there is but one field a line."""
    found = delimiter_of(text)
    lines = [one for one in text[:100_000].splitlines() if one.strip()][:100]
    alone = all(len(fields) == 1 for fields in csv.reader(lines, delimiter=found))
    in_blanks = bool(lines) and len(lines[-1].split()) > 1 and all(map(_is_number, lines[-1].split()[1:]))
    return BLANKS if alone and in_blanks else found


def _fields(text: str, delimiter: str) -> list[list[str]]:
    lines = [one for one in text.splitlines() if one.strip()]
    if delimiter == BLANKS:
        return [one.split() for one in lines]
    return [
        [field.strip() for field in row]
        for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    ]


def _names(first: list[str], has_head: bool, source: str) -> tuple[str, ...]:
    if not has_head:
        return tuple(str(i + 1) for i in range(len(first))) if len(first) > 1 else ("",)
    twice = [name for i, name in enumerate(first) if name and name in first[:i]]
    check(
        not twice,
        DataError,
        "The column names of '{}' must all differ. Got '{}' twice.",
        source,
        *twice[:1] or [""],
    )
    return tuple(name or ("" if i == len(first) - 1 else f"column {i + 1}") for i, name in enumerate(first))


def _decimal(cells: dict[int, list[str]], delimiter: str) -> str:
    """Return "," where the delimiter is no comma, numbers have a decimal comma, and none has a point."""
    every = [cell for column in cells.values() for cell in column]
    commas = delimiter != "," and any(map(DECIMAL_COMMA.fullmatch, every))
    return "," if commas and not any(map(DECIMAL_POINT.fullmatch, every)) else "."


def _is_numeric(column: list[str], decimal: str) -> bool:
    """Tell whether more than half of what is not missing are numbers."""
    known = [cell for cell in column if cell.casefold() not in MISSING]
    return 2 * sum(_is_number(cell.replace(decimal, ".")) for cell in known) > len(known) or not known


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# ---- times ----
def _time(
    cells: dict[int, list[str]],
    more: list[list[str]],
    names: tuple[str, ...],
    numeric: set[int],
    decimal: str,
    wanted: str | None,
    source: str,
) -> tuple[int | None, str, tuple[float, float], bool]:
    """Return the column of times, the form of its dates, the scale of its numbers, and whether they are dated."""
    dates = [i for i in cells if i not in numeric and _are_dates(cells[i])]
    stamps = [i for i in sorted(numeric) if _are_stamps(cells[i], decimal)]
    if wanted is not None:
        check_choice(wanted, names, what="'time' column", of=source)
        at: int | None = names.index(wanted)
    else:
        found = dates or stamps or [i for i in sorted(numeric) if TIMES.fullmatch(names[i])][:1]
        check(
            len(found) < 2,
            DataError,
            "The table '{}' must have one column of dates, or be told which with --time. Got: {}.",
            source,
            some_of([names[i] for i in found]),
        )
        at = found[0] if found else None
    if at is None:
        return None, "", (0.0, 1.0), False
    if at in numeric:
        if at in stamps:
            return at, STAMP, (0.0, 1.0), True
        scale = _scale(names[at])
        known = [
            float(cell.replace(decimal, ".")) for cell in cells[at] if _is_number(cell.replace(decimal, "."))
        ]
        since = (
            bool(CLOCKS.search(names[at])) and SINCE_1970[0] < scale[0] + scale[1] * known[0] < SINCE_1970[1]
        )
        return at, "", scale, since or scale[1] == YEAR
    every = [*cells[at], *(row[at] for row in more)]
    texts = np.array(
        [text for text in every if is_date(text)], dtype=object
    )  # others are refused with their line
    check(
        texts.size,
        DataError,
        "The time column '{}' of '{}' must hold dates or numbers. Got '{}'.",
        names[at],
        source,
        every[0],
    )
    read_times(texts, name=names[at])  # refuses what leaves a doubt
    form = next(one for one, read in FORMS.items() if all(read(text) is not None for text in texts))
    return at, form, (0.0, 1.0), True


def _are_dates(column: list[str]) -> bool:
    """Tell whether more than half of what is not missing are dates."""
    known = [cell for cell in column if cell.casefold() not in MISSING]
    return 2 * sum(map(is_date, known)) > len(known)


def _are_stamps(column: list[str], decimal: str) -> bool:
    """Tell whether a column holds dates such as 20240131."""
    known = [cell for cell in column if cell.casefold() not in MISSING]
    if not known or not all(cell.isdecimal() for cell in known[:2]):
        return False
    try:
        numbers = np.array([float(cell.replace(decimal, ".")) for cell in known])
        read_times(numbers, name="", dates_only=True)
    except ValueError:
        return False
    return True


def _scale(name: str) -> tuple[float, float]:
    """Return what to add, in s, and how many s the unit has that the name of a column of numbers ends in."""
    low, high = read_times(np.array([0.5, 1.5]), name=name).seconds
    return float(low - 0.5 * (high - low)), float(high - low)
