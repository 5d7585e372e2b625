"""Tables are read as pandas and scikit-learn read them, and refused in one sentence where they are not whole."""

from __future__ import annotations

import gzip
import hashlib

import numpy as np
import pandas as pd
import pytest

from clew.errors import DataError
from clew.read import tables
from clew.read.tables import read_columns, read_table
from tests.conftest import shared


@pytest.fixture
def table(tmp_path):
    """Write text (or bytes) to a file and read it as a table."""

    def read(content: str | bytes, name: str = "t.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_table(path)

    return read


# ---- what is read ----
@pytest.mark.parametrize(
    ("delimiter", "word"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "bar")]
)
def test_the_delimiter_is_found_and_said(table, delimiter, word):
    read = table("name,x,y\na,1,2.5\nb,2,3e-1\n".replace(",", delimiter))
    assert list(read.frame) == ["name", "x", "y"]
    assert read.frame["y"].tolist() == [2.5, 0.3]
    assert any(word in note for note in read.notes)


def test_numbers_are_the_very_floats_that_were_written(table):
    values = np.random.default_rng(0).normal(size=(200, 3)) * 10.0 ** np.arange(-9, 12, 7)
    frame = pd.DataFrame(values, columns=list("abc"))
    np.testing.assert_array_equal(table(frame.to_csv(index=False)).frame.to_numpy(), values)


def test_quoted_fields_may_hold_the_delimiter_and_line_breaks(table):
    read = table('name,x\n"a, b",1\n"c\nd",2\ne,3\n')
    assert read.frame["name"].tolist() == ["a, b", "c\nd", "e"]
    with pytest.raises(DataError, match="line 5"):  # the line of the file, not the row of the table
        table('name,x\n"a, b",1\n"c\nd",2\ne,3,4\n')


@pytest.mark.parametrize("gap", ["", "NA", "NaN", "null", "?", "-", "n/a"])
def test_gaps_are_missing_in_numbers_and_empty_in_text(table, gap):
    frame = table(f"x,name\n1,a\n{gap},{gap}\n3,c\n").frame
    assert np.isnan(frame["x"][1]) and frame["name"].tolist() == ["a", "", "c"]


def test_sodium_is_a_class_and_what_programs_write_for_nothing_is_counted_as_it_was_written(table):
    """The mutant is what was done: taking 'Na' for NA, whatever the case."""
    content = "x,ion\n" + "1,Na\n2,K\n3,na\n" * 3 + "4,nan\n5,NA\n6,nan\n7,\n"
    read = table(content)
    assert read.frame["ion"].tolist() == ["Na", "K", "na"] * 3 + [""] * 4
    assert read.gaps == {"ion": {"nan": 2, "NA": 1}}
    assert "na" in tables.MISSING and {"Na", "K", "na", "None", "none"}.isdisjoint(tables.NO_TEXT)


def test_all_rows_of_sodium_are_text_and_na_among_numbers_is_a_gap(table):
    assert table("x,ion\n1,Na\n2,Na\n").frame["ion"].tolist() == ["Na", "Na"]
    read = table("x,y\n1,1\nNa,2\n3,nA\n")
    assert np.isnan(read.frame.to_numpy()).sum() == 2 and read.gaps == {"x": {"Na": 1}, "y": {"nA": 1}}


def test_a_minus_among_plusses_is_no_gap(table):
    assert table("sign,x\n+,1\n-,2\n+,3\n").frame["sign"].tolist() == ["+", "-", "+"]


def test_decimal_commas_are_read_where_they_are_consistent(table):
    read = table("x;y\n1,5;2\n-2,25;3\n")
    assert read.frame["x"].tolist() == [1.5, -2.25] and any("decimal comma" in note for note in read.notes)
    with pytest.raises(DataError, match=r"Got '1,5' in line 2"):
        table("x;y\n1,5;2.5\n2;3.5\n3;3.5\n")


def test_byte_order_marks_utf16_and_latin1_are_read(table):
    text = "größe,x\nä,1\nß,2\n"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "latin-1"):
        read = table(text.encode(encoding))
        assert list(read.frame) == ["größe", "x"] and read.frame["größe"].tolist() == ["ä", "ß"]
        assert any("Latin-1" in note for note in read.notes) == (encoding == "latin-1")


def test_old_line_ends_blank_lines_and_idle_last_delimiters_do_no_harm(table):
    for content in ("x,y\r\n1,2\r\n3,4\r\n", "x,y\r1,2\r3,4", "\nx,y\n1,2\n\n3,4\n\n", "x,y,\n1,2,\n3,4,\n"):
        np.testing.assert_array_equal(table(content).frame.to_numpy(), [[1, 2], [3, 4]])


def test_row_names_that_pandas_wrote_are_called_index(table):
    frame = pd.DataFrame({"x": [1.0, 2.0]}, index=["a", "b"])
    assert table(frame.to_csv()).frame["index"].tolist() == ["a", "b"]


def test_long_identifiers_are_not_rounded(table):
    read = table("id,x\n12345678901234567,1\n12345678901234568,2\n")
    assert read.frame["id"].tolist() == ["12345678901234567", "12345678901234568"]


def test_gzip_and_parquet_hold_the_same_as_csv(tmp_path, table):
    frame = pd.DataFrame(
        {"x": [1.5, np.nan, 3.0], "n": [1, 2, 3], "name": ["a", None, "c"], "yes": [True, False, True]}
    )
    frame.to_parquet(tmp_path / "t.parquet")
    plain = table(frame.to_csv(index=False)).frame
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.parquet").frame, plain)
    pd.testing.assert_frame_equal(
        table(gzip.compress(frame.to_csv(index=False).encode()), "t.csv.gz").frame, plain
    )


def test_the_hash_is_that_of_the_file(table):
    read = table("x,y\n1,2\n3,4\n")
    assert read.sha256 == hashlib.sha256(read.path.read_bytes()).hexdigest()


# ---- real files ----
@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
def test_scikit_learns_files_are_read_as_scikit_learn_reads_them(name):
    import sklearn.datasets

    theirs = getattr(sklearn.datasets, f"load_{name}")()
    ours = read_table(shared(f"tables/{'wine_data' if name == 'wine' else name}.csv")).frame
    np.testing.assert_array_equal(ours.drop(columns="class").to_numpy(), theirs.data)
    assert ours["class"].tolist() == theirs.target_names[theirs.target].tolist()


def test_a_file_that_is_nearly_scikit_learns_is_no_such_file(table):
    assert list(table("2,1,a,b\n1.5,0\n2.5,1\n").frame) == ["feature_1", "class"]
    for content in ("3,1,a,b\n1.5,0\n2.5,1\n", "2,1,a,b\n1.5,0\n2.5,2\n"):  # a row too few, a class too many
        with pytest.raises(DataError, match="must have 4 fields in every line"):
            table(content)


def test_penguins_have_two_rows_without_a_bill_length():
    frame = read_table(shared("tables/penguins.csv")).frame
    assert frame.shape == (344, 8) and frame["bill_length_mm"].isna().sum() == 2
    assert frame["sex"].value_counts()[""] == 11


def test_the_climate_table_is_cut_at_semicolons():
    path = shared("tables/dwd_02932_climate.csv")
    frame = read_table(path).frame
    theirs = pd.read_csv(path, sep=";")
    np.testing.assert_array_equal(
        frame.drop(columns="date").to_numpy(), theirs.drop(columns="date").to_numpy()
    )


# ---- bad input ----
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", r"must hold data. Got an empty file \(0 bytes\)"),
        ("\n \n", "Got blank lines only"),
        ("x,y\n", "must hold rows of data. Got column names only"),
        ("x,y,x\n1,2,3\n4,5,6\n", r"must all differ. Got 'x' twice \(columns 1 and 3\)"),
        ("x,,y\n1,2,3\n4,5,6\n", "column 2 of .* must have a name"),
        ("1,2\n3,4\n5,6\n", "must begin with a line of column names. Got numbers instead: 1, 2"),
        ("x,y\n1,2\n3,4\n5\n", "must have 2 fields in every line, as in its first. Got 1 in line 4"),
        (
            "x,y\n1,2\nabc,4\n5,6\n",
            r"column 'x' of '.*t\.csv' must hold numbers.* Got 'abc' in line 3 instead",
        ),
        ("x,y\n1,2\n3,inf\n", "column 'y' of .* must hold finite numbers. Got 'inf' in line 3 instead"),
        ("x,y\n1,2\n3,1e999\n", "must hold finite numbers. Got '1e999' in line 3"),
        ('x,y\n1,"2\n3,4\n', "must be whole CSV"),
        (b"x,y\n1,2\n\0\0", "must be text"),
    ],
)
def test_bad_tables_are_refused_in_one_sentence_with_the_place(table, content, sentence):
    with pytest.raises(DataError, match=sentence) as error:
        table(content)
    assert "\n" not in str(error.value) and "t.csv" in str(error.value)


def test_half_a_column_of_text_is_text_and_not_refused(table):
    """The mutant of the row above: refusing every text among numbers would fail here."""
    assert table("x,y\n1,2\nabc,4\n").frame["x"].tolist() == ["1", "abc"]


def test_files_that_are_cut_short_are_refused(tmp_path, table):
    whole = gzip.compress(b"x,y\n" + b"1,2\n" * 5000)
    with pytest.raises(DataError, match="must be a whole gzip file"):
        table(whole[:-20], "t.csv.gz")
    pd.DataFrame({"x": np.arange(1000.0)}).to_parquet(tmp_path / "whole.parquet")
    data = (tmp_path / "whole.parquet").read_bytes()
    for cut in (data[:-30], data[: len(data) // 2], b"PAR1"):
        with pytest.raises(DataError, match="must be a whole Parquet file"):
            table(cut, "t.parquet")


def test_parquet_refuses_what_csv_refuses(tmp_path):
    for frame, sentence in [
        (pd.DataFrame({"x": [1.0, np.inf]}), "finite numbers. Got 'inf' in row 2"),
        (pd.DataFrame({"x": ["1", "2", "b"]}), "Got 'b' in row 3"),
        (pd.DataFrame({"x": [[1], [2]]}), "Got lists in 'x'"),
        (pd.DataFrame({"x": np.empty(0)}), "Got column names only"),
    ]:
        frame.to_parquet(tmp_path / "t.parquet")
        with pytest.raises(DataError, match=sentence):
            read_table(tmp_path / "t.parquet")


def test_a_first_line_of_numbers_is_data_only_where_that_is_asked_for(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("1,2.5\n3,4\n")
    read = read_columns(path, head="auto")
    assert read.cells == {"1": ["1", "3"], "2": ["2.5", "4"]}
    assert read.places == ["line 1", "line 2"]
    with pytest.raises(DataError, match="line of column names"):
        read_columns(path)
    path.write_text("x,y\n007,4\n")
    assert read_columns(path, head="auto").cells == read_columns(path).cells == {"x": ["007"], "y": ["4"]}


def test_a_head_without_its_corner_and_columns_cut_by_blanks_are_read_where_that_is_asked_for(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("a,b\nr,1,2\ns,3,4\n")
    assert read_columns(path, head="auto").cells == {"index": ["r", "s"], "a": ["1", "3"], "b": ["2", "4"]}
    with pytest.raises(DataError, match="fields in every line"):
        read_columns(path)
    path.write_text("1   2\n 3 4\n")
    assert read_columns(path, head="auto").cells == {"1": ["1", "3"], "2": ["2", "4"]}


def test_a_column_without_a_name_does_not_take_that_of_another(tmp_path):
    (tmp_path / "a.csv").write_text(
        ",index,x\n0,5,1.5\n1,6,2.5\n"
    )  # as pandas writes what was numbered before
    assert list(read_table(tmp_path / "a.csv").frame.columns) == ["row names", "index", "x"]
