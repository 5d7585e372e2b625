import numpy as np
import pytest

from clew.errors import DataError
from clew.read.sensor_grid import Grid
from clew.read.sensor_layout import layout_of
from clew.read.sensor_lines import Rows


def grid_of(times, *, stated=None, pieces=1, values=None):
    times = np.asarray(times, np.float64)
    layout = layout_of(b"time,x\n0,1\n1,2\n", source="a.csv")
    grid = Grid(layout, stated)
    values = np.zeros(len(times)) if values is None else np.asarray(values, np.float64)
    counts = []
    for part in np.array_split(np.arange(len(times)), pieces):
        counts.append(grid.add(Rows(times[part], values[part, None], part + 2)))
    return grid, np.concatenate(counts)


@pytest.mark.parametrize("rate", [0.1, 1 / 3, 1.0, 12.5, 128.0, 99.7, 1000.0])
@pytest.mark.parametrize("digits", [3, 6])
def test_the_rate_is_exact_even_where_times_are_rounded(rate, digits):
    times = np.round(np.arange(5000) / rate + 1000, digits)
    start, size, found = grid_of(times)[0].settle()
    assert (start.tolist(), size.tolist()) == ([times[0]], [5000])
    assert abs(found / rate - 1) * 5000 < 0.5  # no sample is off by half a step
    if rate in (0.1, 1.0, 128.0, 1000.0):
        assert found == rate


def test_the_most_frequent_step_alone_would_give_another_rate():  # the mutant of the test above
    times = np.round(np.arange(5000) / 128, 3)
    assert abs(1 / np.median(np.diff(times)) / 128 - 1) * 5000 > 0.5


@pytest.mark.parametrize("pieces", [1, 2, 7, 250])
def test_runs_do_not_depend_on_where_the_rows_are_cut(pieces):
    rng = np.random.default_rng(0)
    places = np.flatnonzero(rng.random(2500) > 0.05)
    grid, counts = grid_of(places / 50, pieces=pieces)
    start, size, rate = grid.settle()
    begins = np.flatnonzero(np.append(True, np.diff(places) != 1))
    assert rate == 50 and counts.all()
    np.testing.assert_array_equal(start, places[begins] / 50)
    np.testing.assert_array_equal(size, np.diff(np.append(begins, len(places))))


@pytest.mark.parametrize("pieces", [1, 3, 40])
def test_rows_twice_count_once_wherever_the_rows_are_cut(pieces):
    times = np.repeat(np.arange(60.0), 2)
    values = np.repeat(np.arange(60.0), 2)
    values[4:6] = np.nan
    grid, counts = grid_of(times, pieces=pieces, values=values)
    assert counts.tolist() == [True, False] * 60
    assert grid.notes() == ["'a.csv': 60 rows with the time and values of the row before, used once."]
    values[7] += 1
    with pytest.raises(DataError, match=r"'3.000s' twice with different values in line 9"):
        grid_of(times, pieces=pieces, values=values)


def test_times_that_tremble_less_than_the_tolerance_lie_on_the_grid():
    rng = np.random.default_rng(0)
    times = np.arange(500) + rng.uniform(-0.14, 0.14, 500)
    start, size, rate = grid_of(times)[0].settle()
    assert len(size) == 1 and rate == 1.0
    with pytest.raises(DataError):
        grid_of(np.arange(500) + rng.uniform(-0.3, 0.3, 500))[0].settle()


def test_behind_a_long_gap_the_sensor_may_start_anywhere():
    start, size, _ = grid_of([*range(20), *(np.arange(20) + 100.5)])[0].settle()
    assert (start.tolist(), size.tolist()) == ([0.0, 100.5], [20, 20])
    with pytest.raises(DataError, match="a step of 4.5 s instead of 1 s"):
        grid_of([*range(20), *(np.arange(20) + 23.5)])


def test_a_clock_that_changes_its_pace_is_refused():
    times = np.cumsum(np.append(0, np.where(np.arange(1000) < 500, 1.0, 1.01)))
    assert len(grid_of(times)[0].settle()[1]) == 1  # one run whose ends fit
    halves = np.concatenate([np.arange(500.0), 600 + 1.01 * np.arange(500)])
    with pytest.raises(DataError, match="samples too many or too few from 600.000s"):
        grid_of(halves)[0].settle()


def test_a_stated_rate_must_be_that_of_the_times():
    assert grid_of(np.arange(500) / 100.0001, stated=100)[0].settle()[2] == 100
    with pytest.raises(DataError, match="must be that of its times, 1 Hz. Got 100 Hz"):
        grid_of(np.arange(50), stated=100)


def test_times_that_are_too_coarse_to_tell_the_rows_apart_are_refused():
    with pytest.raises(DataError, match="twice with different values"):
        grid_of(np.round(np.arange(500) / 128, 2), values=np.arange(500))


def test_one_row_has_no_rate():
    with pytest.raises(DataError, match="Got one row"):
        grid_of([1.0])[0].settle()
    assert grid_of([1.0], stated=5)[0].settle()[2] == 5
