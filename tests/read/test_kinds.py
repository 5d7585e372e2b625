"""What a path holds, and names that moving the data does not change."""

from __future__ import annotations

from pathlib import Path

import pytest

from clew.errors import DataError
from clew.read.kinds import distinct_names, kind_of, read_bytes


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.csv", "table"),
        ("a.TSV", "table"),
        ("a.csv.gz", "table"),
        ("a.parquet", "table"),
        ("a.ome.TIF", "image"),
    ],
)
def test_the_suffix_tells_the_kind(tmp_path, name, kind):
    (tmp_path / name).write_bytes(b"x")
    assert kind_of(tmp_path / name) == kind


def test_a_folder_is_of_the_kind_of_its_images(tmp_path):
    with pytest.raises(DataError, match=r"must hold images .* Got none"):
        kind_of(tmp_path)
    (tmp_path / "a.png").write_bytes(b"x")
    assert kind_of(tmp_path) == "image"


def test_a_misspelt_suffix_gets_a_suggestion(tmp_path):
    (tmp_path / "a.tff").write_bytes(b"x")
    with pytest.raises(DataError, match=r"Got the suffix '\.tff' instead\. Did you mean '\.tif"):
        kind_of(tmp_path / "a.tff")


def test_missing_and_empty_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.csv' must exist"):
        kind_of(tmp_path / "nowhere.csv")
    (tmp_path / "empty.csv").touch()
    with pytest.raises(DataError, match=r"empty\.csv' must hold data. Got an empty file"):
        read_bytes(tmp_path / "empty.csv")
    with pytest.raises(DataError, match="must be one that can be read"):
        read_bytes(tmp_path)


def test_names_take_as_many_folders_as_they_need_and_no_more():
    paths = [Path("r/x/a.tif"), Path("r/y/a.tif"), Path("r/y/b.tif"), Path("s/y/a.tif")]
    assert distinct_names(paths) == ["x/a.tif", "r/y/a.tif", "b.tif", "s/y/a.tif"]


def test_names_do_not_depend_on_where_the_folder_lies(tmp_path):
    files = ["x/a.tif", "y/a.tif", "b.tif"]
    here, there = ([tmp_path / root / f for f in files] for root in ("one", "two/deeper"))
    assert distinct_names(here) == distinct_names(there) == files


def test_a_file_that_is_listed_twice_is_refused(tmp_path):
    with pytest.raises(DataError, match="must be listed once"):
        distinct_names([tmp_path / "a.tif", tmp_path / "." / "a.tif"])
