import pytest

from clew.errors import DataError, SettingError
from clew.read.sensor_layout import layout_of


def laid_out(text, **settings):
    return layout_of(text.encode(), source="a.csv", **settings)


@pytest.mark.parametrize(
    ("text", "delimiter", "names", "values", "time"),
    [
        ("time,x,y\n0,1,2\n1,2,3\n", ",", ("time", "x", "y"), (1, 2), 0),
        ("x;t [ms];y\n0,5;1;2\n1,5;2;3\n", ";", ("x", "t [ms]", "y"), (0, 2), 1),
        ("1.5\n2\n", ",", ("",), (0,), None),
        ("1 2  3\n4 5 6\n", " ", ("1", "2", "3"), (0, 1, 2), None),
        ("20240101,1\n20240102,2\n", ",", ("1", "2"), (1,), 0),
        (",x\n0,1\n1,2\n", ",", ("column 1", "x"), (1,), None),
        ("day\tx\tkind\n2024-01-01\t1\ta\n", "\t", ("day", "x", "kind"), (1,), 0),
        ("x,\n1,\n2,\n", ",", ("x", ""), (0, 1), None),
        ("temperature,x\n1,2\n3,4\n", ",", ("temperature", "x"), (0, 1), None),
    ],
)
def test_the_layout_is_found_from_the_head(text, delimiter, names, values, time):
    layout = laid_out(text)
    assert (layout.delimiter, layout.names, layout.values, layout.time) == (delimiter, names, values, time)
    assert layout.has_head == any(name.isalpha() for name in names if name)


def test_samples_begin_behind_remarks_and_names():
    text = "# by hand\n\ntime,x\n0,1\n1,2\n"
    layout = laid_out(text)
    assert (layout.begin, layout.begin_line) == (text.index("0,1"), 4)
    rows = layout.rows(text.encode()[layout.begin :], layout.begin_line)
    assert rows.lines.tolist() == [4, 5] and rows.seconds.tolist() == [0, 1]


def test_the_day_and_the_month_are_told_apart_by_the_end_where_the_head_leaves_a_doubt():
    head = b"day,x\n1/2/2024,1\n2/2/2024,2\n"
    with pytest.raises(DataError, match="must leave no doubt"):
        layout_of(head, source="a.csv")
    assert layout_of(head, b"13/2/2024,5\n", source="a.csv").form == "day/month/year"
    assert layout_of(head, b"2/13/2024,5\n", source="a.csv").form == "month/day/year"


def test_numbers_count_from_1970_only_where_their_name_says_so():
    for name, dated in (("unix_time", True), ("timestamp", True), ("time", False)):
        layout = laid_out(f"{name},x\n1700000000,1\n1700000001,2\n")
        assert layout.dated == dated and layout.time == 0
    assert not laid_out("timestamp,x\n0,1\n1,2\n").dated


def test_the_time_column_may_be_named_and_must_be_one():
    text = "time,t2,word,x\n0,2024-01-01,a,1\n1,2024-01-02,b,2\n"
    assert laid_out(text).time == 1  # dates go before numbers
    assert laid_out(text, time="time").time == 0
    with pytest.raises(SettingError, match="Did you mean 'time'"):
        laid_out(text, time="tim")
    with pytest.raises(DataError, match="'word' of 'a.csv' must hold dates or numbers. Got 'a'"):
        laid_out(text, time="word")


def test_what_is_passed_over_is_said():
    notes = []
    laid_out("# made\ntime,word,x,day\n0,a,1,b\n", notes=notes)
    assert notes == [
        "'a.csv': 1 line of remarks at the top passed over.",
        "'a.csv': word, day: no numbers to measure, passed over.",
    ]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"x\n\0\n", "must be text"),
        (b"", "must hold rows"),
        (b"a,b\n", "column names only"),
        (b"a,a\n1,2\n", "must all differ"),
        (b"a,b\nx,y\n", "must have a column of numbers. Got: a, b"),
        (b"a,b,c\n2024-01-01,2024-01-01,1\n", "--time. Got: a, b"),
    ],
)
def test_what_is_no_table_of_samples_is_refused(data, sentence):
    with pytest.raises(DataError, match=sentence):
        layout_of(data, source="a.csv")
