"""How a table of samples is laid out, found from its head: what separates its fields, and which columns are times and numbers."""

from __future__ import annotations

import csv
import re

import numpy as np

from clew.errors import DataError, check, check_choice
from clew.read.kinds import some_of
from clew.read.sensor_lines import BLANKS, STAMP, Layout
from clew.read.tables import DECIMAL_COMMA, DECIMAL_POINT, MISSING, delimiter_of
from clew.read.times import FORMS, YEAR, is_date, read_times

TIMES = re.compile(
    r"(elapsed|unix|posix|epoch)?[_ ]?(time|timestamp|t|epoch|seconds)([ _(\[].*)?", re.IGNORECASE
)
CLOCKS = re.compile(
    r"unix|posix|epoch|timestamp", re.IGNORECASE
)  # numbers in such columns may count from 1970
SINCE_1970 = (6e8, 4.2e9)  # s: from 1989 to 2103


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
