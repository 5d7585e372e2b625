import gzip

import numpy as np
import pandas as pd
import pytest

from clew.errors import DataError, SettingError
from clew.read import sensor_tables
from clew.read.recording import Channel, Recording
from clew.read.sensor_tables import Blocks, open_table
from clew.read.side_by_side import Column
from tests.conftest import shared
from tests.read.slicing import differing_parts

BEGIN = pd.Timestamp("2024-03-01", tz="UTC").timestamp()


def written(path, text):
    data = text.encode() if isinstance(text, str) else text
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def recording_of_traces(traces):
    """One recording of the traces of a table, as reading puts them together."""
    names = list(dict.fromkeys(one.component for one in traces))
    channels = tuple(
        Channel(name, tuple(one.stretch for one in traces if one.component == name)) for name in names
    )
    return Recording("a", traces[0].rate, channels, dated=traces[0].dated)


def test_one_number_a_line_at_a_rate_is_an_undated_component(tmp_path):
    whole = np.random.default_rng(0).normal(size=500).round(4)
    path = written(tmp_path / "a.txt", "\n".join(map(str, whole)))
    (one,) = open_table(path, source="a.txt", rate=200)
    assert (one.station, one.component, one.rate, one.dated, one.unit) == ("a.txt", "", 200.0, False, "")
    assert not differing_parts(one.stretch.read, whole)


@pytest.mark.parametrize("letter", "zne")
def test_real_seismograms_in_ascii_are_components_of_one_station(letter):
    path = shared(f"signals/obspy/rjob_20050801_event/loc_RJOB20050801145719850.{letter}")
    (one,) = open_table(path, source=path.name, rate=200)
    assert (one.station, one.component) == ("loc_RJOB20050801145719850", letter.upper())
    np.testing.assert_array_equal(one.stretch.read(0, one.stretch.n), np.loadtxt(path))


def test_a_real_day_of_noise_is_read_from_gzip():
    path = shared("signals/obspy/noise_day/BW.KW1._.EHZ.D.2011.090_downsampled.asc.gz")
    (one,) = open_table(path, source=path.name, rate=100)
    assert one.stretch.n == 936_001
    witness = np.loadtxt(path, max_rows=5000)
    np.testing.assert_array_equal(one.stretch.read(0, 5000), witness)


def test_real_daily_weather_is_a_slow_sensor():
    path = shared("tables/dwd_02932_climate.csv")
    witness = pd.read_csv(path, sep=";", parse_dates=["date"])
    traces = open_table(path, source="weather.csv")
    assert [one.component for one in traces] == [name for name in witness if name != "date"]
    assert {(1 / one.rate, one.stretch.n, one.dated) for one in traces} == {(86400.0, len(witness), True)}
    assert traces[0].stretch.start == witness["date"][0].timestamp()
    for one in traces:
        np.testing.assert_array_equal(one.stretch.read(0, len(witness)), witness[one.component])


FORMS = [
    ("%Y-%m-%dT%H:%M:%S.%f", ","),
    ("%Y-%m-%d %H:%M:%S.%fZ", ";"),
    ("%d.%m.%Y %H:%M:%S.%f", "\t"),
    ("%Y/%m/%d %H:%M:%S.%f", "|"),
]


@pytest.mark.parametrize(("form", "delimiter"), FORMS)
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_times_give_the_start_the_rate_and_the_gaps(tmp_path, form, delimiter, suffix):
    times = pd.date_range("2024-02-28", periods=400, freq="125ms", tz="UTC")
    values = np.random.default_rng(1).normal(size=(400, 2)).round(3)
    keep = np.ones(400, bool)
    keep[100:140] = keep[200] = False
    table = pd.DataFrame(
        {"when": times.strftime(form), "x": values[:, 0], "remark": "fine", "y": values[:, 1]}
    )
    table.loc[keep & (np.arange(400) == 300), "y"] = np.nan
    values[300, 1] = np.nan
    text = table[keep].to_csv(sep=delimiter, index=False, na_rep="NA")
    notes = []
    traces = open_table(written(tmp_path / f"a{suffix}", text), source="a.csv", notes=notes)
    assert notes == ["'a.csv': remark: no numbers to measure, passed over."]
    recording = recording_of_traces(traces)
    assert (recording.components, recording.rate, recording.n) == (("x", "y"), 8.0, 400)
    assert recording.start == pytest.approx(times[0].timestamp(), abs=1e-6)
    expected = np.where(keep[:, None], values, np.nan).T
    np.testing.assert_array_equal(recording.read(0, 400), expected)
    assert recording.gaps()[0] == 4


def test_decimal_commas_and_marks_of_what_is_missing_are_understood(tmp_path):
    rows = "\n".join(f"{i / 10:.1f};{i},5;?".replace(".", ",") for i in range(30))
    rows = rows.replace("\n0,5;5,5", "\n0,5;N/A")
    notes = []
    (one,) = open_table(written(tmp_path / "a.csv", f"time (s);x;y\n{rows}\n"), source="a.csv", notes=notes)
    expected = np.arange(30) + 0.5
    expected[5] = np.nan
    np.testing.assert_array_equal(one.stretch.read(0, 30), expected)
    assert (one.component, one.rate, one.dated) == ("x", 10.0, False)
    assert notes == ["'a.csv': y: no number in any row, left out."]


def test_blanks_may_separate_columns_and_remarks_may_stand_at_the_top(tmp_path):
    values = np.random.default_rng(0).normal(size=(50, 3))
    np.savetxt(tmp_path / "a.txt", values, header="written by numpy\nx y z")
    notes = []
    traces = open_table(tmp_path / "a.txt", source="a.txt", rate=10, notes=notes)
    assert [one.component for one in traces] == ["1", "2", "3"]
    for one, column in zip(traces, np.loadtxt(tmp_path / "a.txt").T):
        np.testing.assert_array_equal(one.stretch.read(0, 50), column)
    assert notes == ["'a.txt': 2 lines of remarks at the top passed over."]


def test_blank_lines_quotes_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path):
    rows = "\r\n".join(f'"{i / 4}","{i}"' + ("\r\n" if i == 5 else "") for i in range(20))
    path = written(tmp_path / "a.csv", b"\xef\xbb\xbf" + f'\r\n"time","x"\r\n{rows}\r\n\r\n'.encode())
    (one,) = open_table(path, source="a.csv")
    assert (one.component, one.rate) == ("x", 4.0)
    np.testing.assert_array_equal(one.stretch.read(0, 20), np.arange(20.0))


def test_what_excel_calls_unicode_text_is_read(tmp_path):
    text = "time\tdruck µ\n" + "".join(f"{i}\t{i * 2}\n" for i in range(9))
    (one,) = open_table(written(tmp_path / "a.txt", text.encode("utf-16")), source="a.txt")
    assert one.component == "druck µ"
    np.testing.assert_array_equal(one.stretch.read(0, 9), 2.0 * np.arange(9))


def test_seconds_since_1970_are_dates_where_their_column_says_so(tmp_path):
    rows = "".join(f"{1_700_000_000 + i / 2},{i}\n" for i in range(9))
    (one,) = open_table(written(tmp_path / "a.csv", f"unix_time,x\n{rows}"), source="a.csv")
    assert (one.dated, one.rate, one.stretch.start) == (True, 2.0, 1_700_000_000.0)


def test_the_given_column_is_the_time(tmp_path):
    rows = "".join(f"2024-01-{i:02d},2024-02-{i:02d},{i}\n" for i in range(1, 20))
    path = written(tmp_path / "a.csv", f"made,sent,x\n{rows}")
    with pytest.raises(DataError, match="one column of dates, or be told which with --time. Got: made, sent"):
        open_table(path, source="a.csv")
    (one,) = open_table(path, source="a.csv", time="sent")
    assert one.stretch.start == pd.Timestamp("2024-02-01", tz="UTC").timestamp()
    with pytest.raises(SettingError, match="Did you mean 'sent'"):
        open_table(path, source="a.csv", time="snt")


def test_rows_that_stand_there_twice_are_used_once_and_said(tmp_path):
    rows = [f"{i},{i * i}" for i in range(40)]
    text = "time,x\n" + "\n".join([*rows[:10], rows[9], rows[9], *rows[10:]])
    notes = []
    (one,) = open_table(written(tmp_path / "a.csv", text), source="a.csv", notes=notes)
    np.testing.assert_array_equal(one.stretch.read(0, 40), np.arange(40.0) ** 2)
    assert notes == ["'a.csv': 2 rows with the time and values of the row before, used once."]


BAD = [
    ("time,x\n0,1\n1,2\n2,3\n1.9,4\n", r"must rise, one row a step. Got '1.900s' behind '2.000s' in line 5"),
    ("time,x\n0,1\n1,2\n1,3\n2,3\n", r"Got '1.000s' twice with different values in line 4"),
    ("time,x\n" + "".join(f"{i + 0.5 * (i == 30)},1\n" for i in range(60)), r"a step of 1.5 s instead of 1 s .* in line 32"),
    ("time,x\n" + "".join(f"{i**1.7},1\n" for i in range(60)), r"resample it to an even rate first"),
    ("time,x\n" + "".join(f"{i * 11},1\n{i * 11 + 1},1\n" for i in range(60)), r"resample it to an even rate first"),
    ("time,x\n0,1\n1,2\n2,b\n3,4\n4,5\n", r"'x' of 'a.csv' must hold numbers.* Got 'b' in line 4"),
    ("time,x\n0,1\n1,2\n2,inf\n3,4\n", r"must hold finite numbers. Got 'inf' in line 4"),
    ("time,x\n0,1\n1,2\n2\n3,4\n", r"2 fields in every line, as in its first. Got 1 in line 4"),
    ("time,x\n0,1\n,2\n2,3\n3,4\n", r"must have its time in 'time'. Got none in line 3"),
    ("time,x\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\nlater,3\n", r"must be dates as year-month-day, as most are. Got 'later'"),
    ("a,b\n1,2\n", r"must have a column of times, or its rate must be given in Hz with --rate"),
    ("a,a\n1,2\n", r"must all differ. Got 'a' twice"),
    ("time,x\n", r"column names only"),
    ("\n\n", r"must hold rows of samples"),
    ("name,kind\na,b\nc,d\n", r"must have a column of (numbers|times)"),
    ("time,x\n0,1\n", r"must be known. Got one row"),
    ("day,x\n1/2/2024,1\n1/3/2024,2\n", r"must leave no doubt"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), BAD)
def test_what_cannot_be_a_recording_is_refused_with_its_line(tmp_path, text, sentence):
    with pytest.raises(DataError, match=sentence):
        open_table(written(tmp_path / "a.csv", text), source="a.csv")


def test_bytes_empty_files_and_packed_ones_that_were_cut_are_refused(tmp_path):
    with pytest.raises(DataError, match="must be text"):
        open_table(written(tmp_path / "a.csv", b"a\0\0\1"), source="a.csv", rate=1)
    with pytest.raises(DataError, match="empty file"):
        open_table(written(tmp_path / "b.csv", b""), source="b.csv", rate=1)
    path = written(tmp_path / "c.csv.gz", "1\n2\n" * 5000)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="whole gzip file"):
        open_table(path, source="c.csv.gz", rate=1)


def test_a_line_that_leaves_no_doubt_far_down_tells_the_day_from_the_month(tmp_path, monkeypatch):
    monkeypatch.setattr(sensor_tables, "BLOCK", 400)
    days = pd.date_range("2024-01-01", periods=200, freq="D")
    text = "day,x\n" + "".join(f"{day.day}/{day.month}/{day.year},{i}\n" for i, day in enumerate(days))
    (one,) = open_table(written(tmp_path / "a.csv", text), source="a.csv")
    assert (one.stretch.start, one.stretch.n) == (days[0].timestamp(), 200)


def large_table(tmp_path, monkeypatch, n=3000):
    """A table that is held to be large, with gaps, rows twice and missing values, and what it holds."""
    monkeypatch.setattr(sensor_tables, "SMALL", 0)
    monkeypatch.setattr(sensor_tables, "BLOCK", 700)
    monkeypatch.setattr(sensor_tables, "KEPT", 2)
    rng = np.random.default_rng(4)
    values = rng.normal(size=(n, 2)).round(3)
    values[rng.random((n, 2)) < 0.02] = np.nan
    keep = rng.random(n) > 0.02
    keep[[0, -1]] = True
    lines = [f"{i / 100:.2f},{values[i, 0]},{values[i, 1]}".replace("nan", "") for i in range(n) if keep[i]]
    lines = [line for i, line in enumerate(lines) for _ in range(3 if i % 17 == 0 else 1)]
    return written(tmp_path / "a.csv", "time,x,y\n" + "\n".join(lines)), np.where(
        keep[:, None], values, np.nan
    )


def test_any_part_of_a_large_table_is_that_part_of_the_whole(tmp_path, monkeypatch):
    path, whole = large_table(tmp_path, monkeypatch)
    notes = []
    traces = open_table(path, source="a.csv", notes=notes)
    assert isinstance(traces[0].stretch.data, Column)
    recording = recording_of_traces(traces)
    assert (recording.n, recording.rate) == (3000, 100.0)
    for i in range(2):
        assert not differing_parts(
            lambda first, stop, i=i: recording.read(first, stop)[i], whole[:, i], n_draws=6
        )
    assert "used once" in notes[0]
    blocks = traces[0].stretch.data.rows._rows
    assert len(blocks.first) > 20 and len(blocks._kept.value) <= 2


def test_blocks_that_forget_the_rows_that_stand_there_twice_are_found_out(tmp_path, monkeypatch):
    path, whole = large_table(tmp_path, monkeypatch)
    of_blocks = Blocks.__init__

    def mutant(self, lines, layout, blocks):
        of_blocks(self, lines, layout, blocks)
        self.again[:] = False

    monkeypatch.setattr(Blocks, "__init__", mutant)
    recording = recording_of_traces(open_table(path, source="a.csv"))
    assert differing_parts(lambda first, stop: recording.read(first, stop)[0], whole[:, 0], n_draws=2)


def test_large_and_small_tables_give_the_same(tmp_path, monkeypatch):
    path, _ = large_table(tmp_path, monkeypatch)
    large = recording_of_traces(open_table(path, source="a.csv"))
    monkeypatch.setattr(sensor_tables, "SMALL", 1 << 20)
    small = recording_of_traces(open_table(path, source="a.csv"))
    assert (large.start, large.n, large.gaps()) == (small.start, small.n, small.gaps())
    np.testing.assert_array_equal(large.read(0, large.n), small.read(0, small.n))
