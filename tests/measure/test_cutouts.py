"""Cut-outs fit their rows, or are refused; what would not fit into the memory is never begun."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from clew.errors import DataError
from clew.measure import cutouts
from clew.measure.cutouts import Cutouts, check_memory, memory_of_machine, rows_of_each
from clew.result import Result
from clew.samples import Samples


def made(n=5, **other) -> Cutouts:
    values = np.arange(n * 2 * 3 * 3, dtype=np.float32).reshape(n, 2, 3, 3)
    parts = {
        "values": values,
        "sample": [f"a#{i}" for i in range(n)],
        "axes": "cyx",
        "channels": ["red", "green"],
    }
    return Cutouts(**{**parts, "how": {"side": 3}, **other})


def rows(names) -> Samples:
    origin = pd.DataFrame({"source": ["a"] * len(names)})
    return Samples(np.zeros((len(names), 0)), (), (), np.array(names), origin, np.array(names))


def test_cut_outs_are_given_in_the_order_of_the_rows_that_ask():
    cut = made()
    asked = cut.of(rows(["a#3", "a#0", "a#4"]))
    assert asked.sample.tolist() == ["a#3", "a#0", "a#4"]
    np.testing.assert_array_equal(asked.values, np.asarray(cut.values)[[3, 0, 4]])
    assert asked.how == cut.how
    assert cut.of(rows(cut.sample.tolist())) is cut
    with pytest.raises(DataError, match="Got none of 2, such as 'b#1'"):
        cut.of(rows(["a#1", "b#1", "b#2"]))


def test_rows_are_taken_by_number_and_by_mask():
    cut = made()
    mask = np.array([False, True, False, False, True])
    for wanted in (mask, np.flatnonzero(mask)):
        assert cut.take(wanted).sample.tolist() == ["a#1", "a#4"]
        np.testing.assert_array_equal(cut.take(wanted).values, cut.values[mask])


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"values": np.zeros((4, 2, 3, 3))}, "the first two of 5 rows and 2 channels"),
        ({"values": np.zeros((5, 1, 3, 3))}, "5 rows and 2 channels. Got the shape"),
        ({"values": np.zeros((5, 2, 9))}, "must have 4 dimensions"),
        ({"axes": "ct"}, "must have 3 dimensions"),
        ({"axes": "zyx"}, "axes of cut-outs must be one of: cyx, ct"),
        ({"sample": ["a", "b", "c", "b", "e"]}, "must all differ. Got 4 names of 5 rows"),
    ],
)
def test_what_does_not_fit_is_refused(other, sentence):
    with pytest.raises(DataError, match=sentence):
        made(**other)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e39])  # the last fits into 64 bits only
def test_a_value_that_is_no_finite_number_is_refused_and_its_row_named(wrong, monkeypatch):
    monkeypatch.setattr(cutouts, "AT_ONCE", 40)  # two rows at a time
    values = np.zeros((5, 2, 3, 3))
    values[3, 1, 2, 0] = wrong
    with np.errstate(over="ignore"), pytest.raises(DataError, match="'a#3' must hold finite numbers"):
        made(values=values)


def test_the_callers_array_stays_writable_and_the_result_does_not():
    values = np.zeros((5, 2, 3, 3), np.float32)
    cut = made(values=values)
    with pytest.raises(ValueError, match="read-only"):
        cut.values[0] = 1
    values[0] = 1
    assert np.shares_memory(values, cut.values)  # a gigabyte is not copied


def test_cut_outs_are_saved_and_their_digest_is_of_every_bit(tmp_path):
    cut = made()
    again = Result.load(cut.save(tmp_path / "c.zip"))
    assert again.digest() == cut.digest()
    values = cut.values.copy()
    values[-1, -1, -1, -1] = np.nextafter(values[-1, -1, -1, -1], np.float32(0))
    assert dataclasses.replace(cut, values=values).digest() != cut.digest()
    assert dataclasses.replace(cut, how={"side": 4}).digest() != cut.digest()


def test_cut_outs_say_what_they_are():
    assert made().headline() == "5 cut-outs, each 2 channels of 3 x 3 px"
    windows = made(values=np.zeros((5, 2, 250)), axes="ct", rate=50.0)
    assert windows.headline() == "5 cut-outs, each 2 channels of 250 samples at 50 Hz"
    assert made().summary() == {"rows": 5, "shape": [2, 3, 3], "how": {"side": 3}, "notes": []}


def test_what_would_fill_the_memory_is_refused_with_its_size_and_what_helps(monkeypatch):
    monkeypatch.setattr(cutouts, "memory_of_machine", lambda: 16 * 10**9)
    shape = (100_000, 3, 10_000)
    with pytest.raises(DataError, match=r"8 GB\. Got 100000 rows of 3 x 10000, 12 GB: a nap helps\."):
        check_memory(shape, helps="a nap")
    check_memory((66_666, 3, 10_000), helps="a nap")
    check_memory((2**40, 0), helps="nothing that is large")


def test_a_container_has_the_memory_that_it_may_take(tmp_path, monkeypatch):
    monkeypatch.setattr(cutouts, "CGROUP", tmp_path / "none")
    whole = memory_of_machine()
    assert whole > 2**28
    for written, known in (("max\n", whole), ("1000000\n", 1_000_000), (f"{whole * 2}\n", whole)):
        (tmp_path / "memory.max").write_text(written)
        monkeypatch.setattr(cutouts, "CGROUP", tmp_path / "memory.max")
        assert memory_of_machine() == known


def test_each_name_has_its_rows():
    names = np.random.default_rng(0).choice(["b", "a", "ccc"], 50)
    found = rows_of_each(names)
    wanted = pd.Series(range(50)).groupby(names).indices
    assert list(found) == list(wanted)
    for name in wanted:
        np.testing.assert_array_equal(found[name], wanted[name])
