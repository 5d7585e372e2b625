"""Lines of samples: how they become times and numbers once it is known how the table is laid out."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import DataError
from clew.read.tables import MISSING
from clew.read.times import FORMS, read_times, seconds_of

if TYPE_CHECKING:
    import pandas as pd

BLANKS = " "
ISO, STAMP = "year-month-day", "stamp"
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
