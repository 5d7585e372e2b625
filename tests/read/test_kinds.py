"""What a path holds, and names that moving the data does not change."""

from __future__ import annotations

from pathlib import Path

import pytest

from clew.errors import DataError
from clew.read.kinds import distinct_names, is_zarr, kind_of, read_bytes, some_of


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
    with pytest.raises(DataError, match=r"must hold images .* Got neither"):
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
    with pytest.raises(DataError, match="must be listed once"):
        distinct_names([tmp_path / "a.tif"] * 2)
    (tmp_path / "link.tif").symlink_to(tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"Got '.*a\.tif' and '.*link\.tif', which are one file"):
        distinct_names([tmp_path / "a.tif", tmp_path / "link.tif"])


def test_files_are_named_by_the_link_that_was_given_not_by_what_it_leads_to(tmp_path):
    for name in ("SHA256E-1.tif", "SHA256E-2.tif"):  # as git-annex and DVC keep them
        (tmp_path / name).write_bytes(name.encode())
    links = [tmp_path / folder / "a.tif" for folder in "xy"]
    for link, name in zip(links, ("SHA256E-1.tif", "SHA256E-2.tif")):
        link.parent.mkdir()
        link.symlink_to(tmp_path / name)
    assert distinct_names(links) == ["x/a.tif", "y/a.tif"]
    assert distinct_names([tmp_path / "y" / ".." / "x" / "a.tif", links[1]]) == ["x/a.tif", "y/a.tif"]


def test_names_from_a_working_folder_take_its_parents_where_they_must(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert distinct_names([Path("a.tif"), Path("x/a.tif")]) == [f"{tmp_path.name}/a.tif", "x/a.tif"]


def test_the_way_up_from_a_link_is_the_way_up_from_its_target(tmp_path):
    (tmp_path / "far" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "inner")
    for folder in (tmp_path, tmp_path / "far"):
        (folder / "a.tif").write_bytes(b"x")
    names = distinct_names([tmp_path / "link" / ".." / "a.tif", tmp_path / "a.tif"])
    assert names == ["far/a.tif", f"{tmp_path.name}/a.tif"]


def test_an_array_is_no_data_but_may_hold_distances(tmp_path):
    (tmp_path / "d.npy").write_bytes(b"whatever")
    with pytest.raises(DataError, match="distances between rows go with --distances"):
        kind_of(tmp_path / "d.npy")


def test_a_zarr_is_told_by_its_name_or_by_what_lies_in_it(tmp_path):
    for name, inside, expected in (
        ("a.zarr", None, True),
        ("b.ome.ZARR", None, True),
        ("c", "zarr.json", True),
        ("d", ".zgroup", True),
        ("e", "a.tif", False),
    ):
        (tmp_path / name).mkdir()
        if inside:
            (tmp_path / name / inside).touch()
        assert is_zarr(tmp_path / name) == expected
    (tmp_path / "f.zarr").touch()
    assert not is_zarr(tmp_path / "f.zarr")  # a file


@pytest.mark.parametrize(
    ("n", "said"), [(0, ""), (1, "a"), (6, "a, b, c, d, e, f"), (7, "a, b, c, d, e, f, ...")]
)
def test_of_many_names_six_are_told(n, said):
    assert some_of("abcdefgh"[:n]) == said
