"""The kind of division follows from the rows, and is said in words that leave nothing out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from clew.errors import DataError, SettingError
from clew.samples import Samples
from clew.splits.dividing import (
    check_gap,
    count_units,
    gap_of,
    gap_said,
    how_divided,
    missing_classes,
    seal_reason,
    spell_gap,
    torn_groups,
    way_to_divide,
    what_is_alike,
)

N = 12


def make(groups, *, labels=None, **origin):
    names = np.array([f"row {i}" for i in range(N)])
    return Samples(
        features=np.random.default_rng(0).normal(size=(N, 2)),
        feature_names=("a", "b"),
        units=("", ""),
        sample=names,
        origin=pd.DataFrame({"source": "t", **origin}, index=range(N)),
        group=names if groups is None else np.broadcast_to(np.asarray(groups).astype(str), N),
        labels=None if labels is None else np.asarray(labels, str),
    )


TIME = {"start": np.repeat(np.arange(6.0), 2) * 3600}
PLACE = {"centroid_row": np.arange(N), "centroid_col": np.arange(N) % 3}
PAIRS = np.arange(N) // 2


@pytest.mark.parametrize(
    ("groups", "origin", "way"),
    [
        (PAIRS, {**TIME, **PLACE}, "group"),
        (None, {**TIME, **PLACE}, "time"),
        ("one", {**TIME, **PLACE}, "time"),
        ("one", PLACE, "space"),
        (None, {}, "row"),
        (None, PLACE, "row"),
    ],
)
def test_groups_come_before_time_and_time_before_space(groups, origin, way):
    assert way_to_divide(make(groups, **origin), "auto", of="seal") == way


def test_rows_of_one_source_without_time_or_place_need_the_explicit_word():
    with pytest.raises(DataError, match="'by' may be 'row', which flatters the figures"):
        way_to_divide(make("one"), "auto", of="seal")
    assert way_to_divide(make("one"), "row", of="seal") == "row"


@pytest.mark.parametrize("of", ["seal", "folds", "divide"])
def test_rows_that_are_groups_of_their_own_are_not_divided_by_group(of):
    with pytest.raises(DataError, match="groups of several rows. Got 12 rows, each a group of its own"):
        way_to_divide(make(None), "group", of=of)
    assert way_to_divide(make(PAIRS), "group", of=of) == "group"


def test_rows_that_are_the_last_of_their_groups_are_still_divided_by_group():
    last = make(np.arange(N))  # as when one row of each patient has a label
    assert way_to_divide(last, "group", of="folds") == "group"
    with pytest.raises(DataError, match="each a group of its own"):
        way_to_divide(last, "group", of="seal")


def test_a_forecast_has_no_folds():
    assert way_to_divide(make(None, **TIME), "latest", of="seal") == "latest"
    with pytest.raises(SettingError, match="must be one of"):
        way_to_divide(make(None, **TIME), "latest", of="folds")


def test_what_must_not_be_torn_is_counted():
    samples = make(PAIRS, **TIME)
    assert [count_units(samples, way) for way in ("group", "time", "latest", "row")] == [6, 6, 6, 12]


def test_gaps_are_for_time_and_space_only():
    check_gap(3.0, "time", of="folds")
    check_gap(None, "row", of="folds")
    for gap, way in ((3.0, "row"), (-1.0, "time"), (np.nan, "space")):
        with pytest.raises(SettingError, match="The 'gap' of folds must be"):
            check_gap(gap, way, of="folds")


def test_the_gap_is_said_with_its_unit_and_its_reason():
    samples = make(None, **TIME)
    assert gap_of(samples, "row", None) == (0.0, "") and gap_of(samples, "time", 7.0) == (7.0, "as asked")
    gap, why = gap_of(samples, "time", None)
    assert gap == 3600 and gap_said("time", gap, why, "do not train") == (
        "Rows nearer than 1 hour to a test row do not train (for so long rows resemble each other)."
    )
    assert gap_said("space", 3.0, "as asked", "are left out") == "Rows nearer than 3 px to another part are left out (as asked)."  # fmt: skip
    assert gap_said("row", 0.0, "", "do not train") == "" and spell_gap(90, "time") == "1.5 minutes"


@pytest.mark.parametrize(
    ("groups", "origin", "alike"),
    [
        (None, {}, ""),
        (None, TIME, "rows close in time"),
        (PAIRS, PLACE, "rows of one group and neighbours in the image"),
        ("one", {}, "rows of one source"),
    ],
)
def test_what_a_random_division_tears_is_named(groups, origin, alike):
    samples = make(groups, **origin)
    assert what_is_alike(samples) == alike
    assert (alike in how_divided(samples, "row", "")) and ("flatters" in how_divided(samples, "row", "")) == bool(alike)  # fmt: skip
    sealed = np.arange(N) < 3
    assert ("flatters" in seal_reason(samples, "row", sealed, 0.25)) == bool(alike)


def test_torn_groups_and_missing_classes_are_counted_and_named():
    samples = make(PAIRS, labels=np.where(np.arange(N) < 2, "rare", "common"), **TIME)
    early = np.arange(N)[None] < 5
    assert torn_groups(samples, "time", early, ~early).startswith("1 of 6 groups are on both sides, as asked")
    assert torn_groups(samples, "group", early, ~early) == ""
    assert missing_classes(samples, {"train": early, "test": ~early}, "Not every fold could") == [
        "Not every fold could test on: rare."
    ]
    assert missing_classes(make(None), {"train": early}, "It cannot") == []
