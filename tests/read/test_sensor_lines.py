import numpy as np
import pytest

from clew.errors import DataError
from clew.read.sensor_layout import layout_of
from clew.read.times import read_times


def laid_out(text, **settings):
    return layout_of(text.encode(), source="a.csv", **settings)


@pytest.mark.parametrize(
    ("name", "numbers", "seconds"),
    [
        ("time", [0.5, 1.5], [0.5, 1.5]),
        ("time_ms", [10, 20], [0.01, 0.02]),
        ("t (h)", [1, 2], [3600, 7200]),
        ("time", ["20240131", "20240201"], [1706659200, 1706745600]),
    ],
)
def test_numbers_are_times_in_the_unit_that_their_name_ends_in(name, numbers, seconds):
    text = f"{name},x\n" + "".join(f"{number},1\n" for number in numbers)
    layout = laid_out(text)
    rows = layout.rows(text.encode()[layout.begin :], 2)
    np.testing.assert_allclose(rows.seconds, seconds, rtol=1e-15)


@pytest.mark.parametrize(
    "times",
    [
        ["2024-01-31T12:00:00.25", "2024-01-31T12:00:00.5"],
        ["2024-01-31 12:00:00+02:00", "2024-01-31 12:00:01+02:00"],
        ["31.01.2024 12:00", "01.02.2024 12:00"],
        ["1/31/2024 1:05:00 PM", "1/31/2024 1:05:01 PM"],
        ["31 Jan 2024", "1 Feb 2024"],
        ["20240131T120000", "20240131T120001"],
    ],
)
def test_dates_are_what_times_of_tables_are(times):
    text = "when;x\n" + "".join(f"{one};1\n" for one in times)
    layout = laid_out(text)
    assert layout.dated
    rows = layout.rows(text.encode()[layout.begin :], 2)
    np.testing.assert_array_equal(
        rows.seconds, read_times(np.array(times, dtype=object), name="when").seconds
    )


def test_numbers_are_the_nearest_float64():
    texts = ["0.1", "1e-5", "123456789.123456789", "-3.1415926535897932384", "2.2250738585072014e-308"]
    layout = laid_out("x\n1\n2\n")
    rows = layout.rows("\n".join(texts).encode(), 1)
    assert rows.values[:, 0].tolist() == [float(text) for text in texts]


def test_missing_values_may_be_written_in_many_ways():
    layout = laid_out("x,y\n1,2\n")
    rows = layout.rows(b"NA,nan\n?,NULL\n-,\nn/A,nUll\n1,2", 1)
    np.testing.assert_array_equal(rows.values, [[np.nan] * 2] * 4 + [[1, 2]])


def test_lines_that_do_not_fit_are_refused_with_their_number():
    layout = laid_out("x,y\n1,2\n")
    with pytest.raises(DataError, match="Got 3 in line 12"):
        layout.rows(b"1,2\n\n1,2,3\n", 10)
    with pytest.raises(DataError, match="'y' .* Got 'True' in line 11"):
        layout.rows(b"1,2\n1,True\n", 10)
    with pytest.raises(DataError, match="Got 'x' in line 10"):
        layout.rows(b"x,2\n1,3\n", 10)


def test_blank_lines_alone_are_no_rows():
    rows = laid_out("time,x\n1,2\n").rows(b"\n  \n\r\n", 5)
    assert len(rows.values) == 0 and len(rows.seconds) == 0
