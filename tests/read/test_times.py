"""Times are read where their form leaves no doubt, and refused with row and value where it does."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from clew.errors import DataError
from clew.read.times import is_date, read_times


def at(*args):
    return datetime(*args, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("values", "expected", "how"),
    [
        (["2024-01-31", "2024-02-01T12:30"], [at(2024, 1, 31), at(2024, 2, 1, 12, 30)], "year-month-day"),
        (["1961-01", "2024-12"], [at(1961, 1, 1), at(2024, 12, 1)], "year-month-day"),
        (["2024-01-31T12:00+02:00", "2024-01-31T12:00Z"], [at(2024, 1, 31, 10), at(2024, 1, 31, 12)], "with a zone"),
        (["31.01.2024", "1.2.2024 06:15"], [at(2024, 1, 31), at(2024, 2, 1, 6, 15)], "day.month.year"),
        (["2024/1/31", "2024/02/01 23:59:59.5"], [at(2024, 1, 31), at(2024, 2, 1, 23, 59, 59) + 0.5], "year/month/day"),
        (["31/01/2024", "01/02/2024"], [at(2024, 1, 31), at(2024, 2, 1)], "day/month/year"),
        (["01/31/2024 1:05 PM", "02/01/2024 12:00 AM"], [at(2024, 1, 31, 13, 5), at(2024, 2, 1)], "month/day/year"),
        (["31-Jan-2024", "1 February 2024"], [at(2024, 1, 31), at(2024, 2, 1)], "name of the month"),
        (["Jan 31, 2024", "Feb. 1 2024 08:00 +01:00"], None, "both"),
        (["January 31, 2024", "Feb. 1 2024"], [at(2024, 1, 31), at(2024, 2, 1)], "name of the month, day"),
        (["1912-04-14", ""], [at(1912, 4, 14), np.nan], "year-month-day"),
    ],
)  # fmt: skip
def test_dates_are_read_in_the_forms_that_people_write(values, expected, how):
    if expected is None:
        with pytest.raises(DataError, match=how):
            read_times(np.array(values), name="date")
        return
    found = read_times(np.array(values), name="date")
    np.testing.assert_allclose(found.seconds, expected, rtol=0, atol=1e-6)
    assert how in found.how


def test_iso_dates_are_those_of_pandas():
    days = pd.date_range("1899-12-25", periods=400, freq="97h13min")
    found = read_times(days.strftime("%Y-%m-%dT%H:%M:%S").to_numpy(str), name="t").seconds
    np.testing.assert_array_equal(found, days.astype("datetime64[s]").astype(np.int64))


@pytest.mark.parametrize(
    ("values", "name", "expected", "how"),
    [
        ([1.0, 2.5], "time", [1, 2.5], "seconds since its name ends in no unit"),
        ([1.0, 2.5], "elapsed_ms", [0.001, 0.0025], "'ms'"),
        ([1.0, 2.5], "time [min]", [60, 150], "'min'"),
        ([1.0, 2.5], "t (h)", [3600, 9000], "'h'"),
        ([1.0, np.nan], "day", [86400, np.nan], "'day'"),
        ([2007.0, 1969.0], "year", [at(2007, 1, 1), at(1969, 1, 1)], "first day"),
        ([1970.5, 1971.0], "decimal year", [0.5 * 365.2425 * 86400, 365.2425 * 86400], "decimals"),
        ([20240131.0, 20240201.0], "MESS_DATUM", [at(2024, 1, 31), at(2024, 2, 1)], "20240131"),
        ([2024013112.0, 2024020100.0], "x", [at(2024, 1, 31, 12), at(2024, 2, 1)], "dates"),
        ([20240131.0, 20241301.0], "count", [20240131, 20241301], "seconds"),  # no month 13: no dates
        ([1706000000.0, 1706000001.0], "timestamp", [1706000000, 1706000001], "seconds"),
    ],
)
def test_numbers_have_the_unit_of_their_name(values, name, expected, how):
    found = read_times(np.array(values), name=name)
    np.testing.assert_allclose(found.seconds, expected, rtol=1e-12)
    assert how in found.how


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (["01/02/2024", "03/04/2024"], "could be day/month/year or month/day/year: write them as 2024-01-31"),
        (
            ["2024-01-31", "2024-02-30"],
            r"dates as year-month-day, as most are\. Got '2024-02-30' in a\.csv#2",
        ),
        (["soon", "later"], r"such as 2024-01-31 .* Got 'soon' in a\.csv#1"),
        (["12:30", "12:40"], "Got '12:30'"),
        (["31.01.24", "01.02.24"], r"Got '31\.01\.24'"),  # 1924 or 2024?
        (["2024-01-31T12:00Z", "2024-01-31T12:00"], "all have a zone, or none"),
        (["31.01.2024 25:00", "01.02.2024"], "Got '31.01.2024 25:00'"),
        (["", ""], "known of some rows"),
    ],
)
def test_what_leaves_a_doubt_is_refused_with_row_and_value(values, sentence):
    with pytest.raises(DataError, match=sentence):
        read_times(np.array(values), name="date", places=["a.csv#1", "a.csv#2"])


def test_numbers_that_cannot_be_years_are_refused_and_others_where_only_dates_will_do():
    with pytest.raises(DataError, match=r"years from 1 to 9999. Got 0 in row 2"):
        read_times(np.array([2024.0, 0.0]), name="year")
    with pytest.raises(DataError, match="must hold dates"):
        read_times(np.array([1.0, 2.0]), name="time_s", dates_only=True)


@pytest.mark.parametrize(("text", "date"), [("01/02/2024", True), ("2024-01-31", True), ("AB-1-2", False), ("12:30", False), ("7", False)])  # fmt: skip
def test_a_date_is_told_from_other_text(text, date):
    assert is_date(text) is date
