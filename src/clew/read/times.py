"""Times as tables write them: dates with or without a time of day, in one form that leaves no doubt, or numbers with a unit."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import numpy as np

from clew.errors import DataError, SettingError, check

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = 86400.0
YEAR = 365.2425 * DAY
# fmt: off
UNITS = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3,
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), DAY), **dict.fromkeys(("week", "weeks"), 7 * DAY),
    **dict.fromkeys(("yr", "yrs", "year", "years"), YEAR),
}
# fmt: on
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
CLOCK = re.compile(
    r"(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2})([.,]\d+)?)?\s*([AaPp][Mm])?\s*(Z|UTC|[+-]\d{2}:?\d{2})?)?$"
)
STAMPS = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}  # 20240131 and longer
FIRST_YEAR, LAST_YEAR = 1800, 2100  # of dates written as one number


@dataclass(frozen=True, eq=False)
class Times:
    """When rows were taken.

    Parameters
    ----------
    seconds : ndarray of float64, shape (n_rows,)
        Since 1970-01-01 UTC where dates are given, since whatever their zero is otherwise; NaN where missing.
    how : str
        How they were read ("dates as year-month-day").
    """

    seconds: np.ndarray
    how: str


def read_times(
    values: np.ndarray, *, name: str, places: Sequence[str] | None = None, dates_only: bool = False
) -> Times:
    """Read a column of times.

    Parameters
    ----------
    values : ndarray of str or float64, shape (n_rows,)
        Text, "" where missing: all in ISO form, or all in one other form that can be read in one way only. Or numbers,
        NaN where missing: dates such as 20240131, years, or times in the unit that the name ends in (s, h, days),
        seconds without one.
    name : str
        What the column is called.
    places : sequence of str, optional
        Where each row stands, for errors ("a.csv#7").
    dates_only : bool
        Refuse numbers that are no dates.

    Raises
    ------
    DataError
        If a value is no time, or dates could be read with the day or with the month first.

    Notes
    -----
    What has no zone is taken as it stands, as if it were UTC.
    """
    at = [f"row {i + 1}" for i in range(len(values))] if places is None else places
    if np.asarray(values).dtype.kind == "f":
        return _of_numbers(np.asarray(values, np.float64), name, at, dates_only)
    return _of_text([str(value).strip() for value in values], name, at)


def read_duration(value: float | str, *, name: str) -> float:
    """Return a duration in s: a number of seconds, or text with a unit, such as "10", "500ms", "5 min", "30d".

    Parameters
    ----------
    value : float or str
    name : str
        What the setting is called, for errors.

    Raises
    ------
    SettingError
        If it is no duration above 0.
    """
    found = re.fullmatch(r"\s*([0-9.]+(?:[eE][+-]?\d+)?)\s*([A-Za-zµμ]*)\s*", str(value))
    size = UNITS.get(found[2].casefold() or "s") if found else None
    try:
        seconds = float(found[1]) * size if found and size else math.nan
    except ValueError:  # "1.2.3"
        seconds = math.nan
    check(
        0 < seconds < math.inf,
        SettingError,
        "The setting '{}' must be a duration above 0, such as 10 (seconds), 5min or 30d. Got '{}' instead.",
        name,
        value,
    )
    return seconds


def is_date(text: str) -> bool:
    """Tell whether a text can be read as a date, be it in one way or in several."""
    return any(reader(text) is not None for reader in FORMS.values())


# ---- numbers ----
def _of_numbers(values: np.ndarray, name: str, places: Sequence[str], dates_only: bool) -> Times:
    known = np.isfinite(values)
    stamps = _stamps(values[known])
    if stamps is not None:
        seconds = np.full(values.size, np.nan)
        seconds[known] = stamps
        return Times(seconds, "numbers that are dates, such as 20240131")
    words = re.findall(r"[A-Za-zµμ]+", name)
    unit = words[-1] if words and words[-1].casefold() in UNITS else ""
    if dates_only:
        raise DataError(f"The column '{name}' must hold dates. Got {values[known][:1]} instead.")
    if UNITS.get(unit.casefold()) == YEAR and (values[known] % 1 == 0).all():
        return Times(_first_days(values, name, places), "years, each from its first day")
    if not unit:
        return Times(values.copy(), "numbers, taken as seconds since its name ends in no unit of time")
    if UNITS[unit.casefold()] == YEAR:
        return Times((values - 1970) * YEAR, "years with decimals")
    return Times(values * UNITS[unit.casefold()], f"numbers in the unit '{unit}'")


def _first_days(values: np.ndarray, name: str, places: Sequence[str]) -> np.ndarray:
    """Return the start of each year in s since 1970; NaN where missing."""
    wrong = np.isfinite(values) & ((values < 1) | (values > 9999))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"The times in '{name}' must be years from 1 to 9999. Got {values[row]:g} in {places[row]}."
        )
    return np.array(
        [
            np.nan if np.isnan(v) else (datetime(int(v), 1, 1, tzinfo=UTC) - EPOCH).total_seconds()
            for v in values
        ]
    )


def _stamps(values: np.ndarray) -> np.ndarray | None:
    """Return seconds of whole numbers that are all dates of one length, such as 202401311200; None for others."""
    if not values.size or (values % 1 != 0).any() or values.min() < 1e7:
        return None
    texts = [f"{value:.0f}" for value in values]
    form = STAMPS.get(len(texts[0]))
    if form is None or any(len(text) != len(texts[0]) for text in texts):
        return None
    try:
        found = [datetime.strptime(text, form).replace(tzinfo=UTC) for text in texts]
    except ValueError:
        return None
    if not all(FIRST_YEAR <= one.year <= LAST_YEAR for one in found):
        return None
    return np.array([(one - EPOCH).total_seconds() for one in found])


# ---- text ----
def _of_text(values: list[str], name: str, places: Sequence[str]) -> Times:
    different = {value for value in values if value}
    read = {form: {value: reader(value) for value in different} for form, reader in FORMS.items()}
    whole = [form for form, found in read.items() if all(one is not None for one in found.values())]
    if not different:
        raise DataError(f"The times in '{name}' must be known of some rows. Got none.")
    if not whole:
        raise DataError(_misfit(values, read, name, places))
    if len(whole) > 1:
        raise DataError(
            f"The dates in '{name}' must leave no doubt. Got '{max(different)}' and the like, which could be"
            f" {whole[0]} or {whole[1]}: write them as 2024-01-31."
        )
    zones = {found is not None and found.tzinfo is not None for found in read[whole[0]].values()}
    if len(zones) > 1:
        raise DataError(f"The times in '{name}' must all have a zone, or none. Got both.")
    seconds = {value: seconds_of(found) for value, found in read[whole[0]].items()}
    zoned = ", with a zone" if True in zones else ""
    return Times(np.array([seconds.get(value, np.nan) for value in values]), f"dates ({whole[0]}{zoned})")


def _misfit(
    values: list[str], read: dict[str, dict[str, datetime | None]], name: str, places: Sequence[str]
) -> str:
    """Say which is the first value that does not fit the form of most."""
    form = max(read, key=lambda one: sum(found is not None for found in read[one].values()))
    row = next(i for i, value in enumerate(values) if value and read[form][value] is None)
    fits = any(found is not None for found in read[form].values())
    such = f"as {form}, as most are" if fits else "such as 2024-01-31 or 2024-01-31T12:00, or numbers"
    return f"The times in '{name}' must be dates {such}. Got '{values[row]}' in {places[row]}."


def seconds_of(found: datetime | None) -> float:
    """Return a date in s since 1970-01-01 UTC; one without a zone is taken as UTC."""
    assert found is not None
    aware = found if found.tzinfo else found.replace(tzinfo=UTC)
    return (aware - EPOCH).total_seconds()


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(f"{text}-01" if re.fullmatch(r"\d{4}-\d{2}", text) else text)
    except ValueError:
        return None


def _written(pattern: str, order: str) -> Callable[[str], datetime | None]:
    """Return a reader of dates that match a pattern whose three groups are, in order, year, month or day: "dmy"."""
    date = re.compile(pattern)

    def read(text: str) -> datetime | None:
        found = date.match(text)
        clock = CLOCK.match(text, found.end()) if found else None
        if not found or not clock:
            return None
        parts = dict(zip(order, found.groups()))
        month = parts["m"].casefold()[:3]
        try:
            number = int(month) if month.isdecimal() else MONTHS.index(month) + 1
            return _with_clock(datetime(int(parts["y"]), number, int(parts["d"])), *clock.groups())
        except ValueError:
            return None

    return read


def _with_clock(
    day: datetime,
    hour: str | None,
    minute: str | None,
    second: str | None,
    fraction: str | None,
    half: str | None,
    zone: str | None,
) -> datetime:
    """Add the time of day; raise ValueError where there is no such."""
    if hour is None:
        return day
    hours = int(hour)
    if half:
        if not 1 <= hours <= 12:
            raise ValueError("no such hour")
        hours = hours % 12 + 12 * (half.casefold() == "pm")
    micro = round(float(f"0.{fraction[1:]}") * 1e6) if fraction else 0
    found = day.replace(hour=hours, minute=int(minute or 0), second=int(second or 0)) + timedelta(
        microseconds=micro
    )
    if not zone:
        return found
    if zone in ("Z", "UTC"):
        return found.replace(tzinfo=UTC)
    sign, digits = (-1 if zone[0] == "-" else 1), zone[1:].replace(":", "")
    return found.replace(tzinfo=timezone(sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))))


NAMED = r"([A-Za-z]{3,9})\.?"
FORMS: dict[str, Callable[[str], datetime | None]] = {
    "year-month-day": _iso,
    "year/month/day": _written(r"(\d{4})([/.])(\d{1,2})\2(\d{1,2})", "y_md"),
    "day.month.year": _written(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})", "dmy"),
    "day/month/year": _written(r"(\d{1,2})([/-])(\d{1,2})\2(\d{4})", "d_my"),
    "month/day/year": _written(r"(\d{1,2})([/-])(\d{1,2})\2(\d{4})", "m_dy"),
    "day, name of the month, year": _written(rf"(\d{{1,2}})[ -]{NAMED}[ -](\d{{4}})", "dmy"),
    "name of the month, day, year": _written(rf"{NAMED} (\d{{1,2}}),? (\d{{4}})", "mdy"),
}
