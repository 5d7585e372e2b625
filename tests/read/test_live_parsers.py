import io
from types import SimpleNamespace

import numpy as np
import pytest

from clew.errors import DataError
from clew.read.live_parsers import Lines, Records, contents, record_length
from clew.read.side_by_side import finite

obspy = pytest.importorskip("obspy")
BEGIN = 1_274_977_473.0


def stream_of(values, names=("BHZ", "BHN", "BHE"), *, rate=20.0, begin=BEGIN, location=""):
    header = {"network": "XX", "station": "A", "location": location, "sampling_rate": rate}
    traces = [
        obspy.Trace(row.astype(np.int32), header | {"channel": name, "starttime": obspy.UTCDateTime(begin)})
        for name, row in zip(names, values)
    ]
    return obspy.Stream(traces)


def records_of(stream, *, length=512, order=">"):
    """The miniSEED records of a stream, in the order of time as a digitiser sends them."""
    out = []
    for trace in stream:
        data = io.BytesIO()
        trace.write(data, format="MSEED", reclen=length, byteorder=order, encoding="STEIM2")
        for at in range(0, len(data.getvalue()), length):
            record = data.getvalue()[at : at + length]
            out.append((obspy.read(io.BytesIO(record), headonly=True)[0].stats.starttime, record))
    return [record for _, record in sorted(out, key=lambda pair: pair[0])]


def noise(n, seed=0):
    return np.random.default_rng(seed).integers(-1000, 1000, (3, n)).astype(float)


def grown(parser, data, step):
    """Push bytes in steps; return the recordings at the end, all that was read of them as it came, and the notes."""
    seen = {}
    for at in range(0, len(data), step):
        recordings, has_grown = parser.push(data[at : at + step])
        before = {name: sum(part.shape[1] for part in parts) for name, parts in seen.items()}
        assert has_grown == any(one.n > before.get(one.name, 0) for one in recordings)
        for one in recordings:
            seen.setdefault(one.name, []).append(one.read(before.get(one.name, 0), one.n))
            one.trim()
    recordings, _ = parser.close(b"")
    for one in recordings:
        one.settle()
        have = sum(part.shape[1] for part in seen.get(one.name, []))
        seen.setdefault(one.name, []).append(one.read(have, one.n))
    return recordings, {name: np.concatenate(parts, axis=1) for name, parts in seen.items()}


@pytest.mark.parametrize("step", [97, 512, 5000, 10**6])
@pytest.mark.parametrize("order", [">", "<"])
def test_records_give_the_same_samples_however_they_come(step, order):
    values = noise(3000)
    notes = []
    data = b"".join(records_of(stream_of(values), order=order))
    (live,), seen = grown(Records("in", 60.0, notes), data, step)
    assert (live.name, live.station, live.components, live.rate) == ("XX.A.BH", "XX.A", ("Z", "N", "E"), 20.0)
    assert live.start == BEGIN and live.dated and notes == []
    np.testing.assert_array_equal(seen["XX.A.BH"], values)


def test_the_samples_are_those_that_obspy_reads_from_a_real_file():
    from tests.conftest import shared

    path = shared("signals/obspy/rjob_20090824_event/BW.RJOB.EH.2009-08-24T00-20-03.mseed")
    witness = obspy.read(str(path))
    (live,), seen = grown(Records("in", 60.0, []), path.read_bytes(), 1000)
    for name, row in zip(live.components, seen["BW.RJOB.EH"]):
        (trace,) = witness.select(component=name)
        first = live.index(trace.stats.starttime.timestamp)
        np.testing.assert_array_equal(row[first : first + trace.stats.npts], trace.data)


def test_gaps_are_missing_and_stations_stay_apart():
    values = noise(4000)
    stream = stream_of(values[:, :1500]) + stream_of(values[:, 1800:], begin=BEGIN + 90)
    stream += stream_of(values[:1], ["HHZ"], rate=100.0, location="00")
    recordings, seen = grown(Records("in", 60.0, []), b"".join(records_of(stream)), 2048)
    assert {one.name for one in recordings} == {"XX.A.BH", "XX.A.00.HH"}
    expected = values.copy()
    expected[:, 1500:1800] = np.nan
    np.testing.assert_array_equal(seen["XX.A.BH"], expected)
    np.testing.assert_array_equal(seen["XX.A.00.HH"], values[:1])


def test_half_a_record_is_waited_for_and_left_out_at_the_end():
    records = records_of(stream_of(noise(3000)))
    notes = []
    whole = b"".join(records[:-1])
    _, witness = grown(Records("in", 60.0, []), whole, 10**6)
    _, seen = grown(Records("in", 60.0, notes), whole + records[-1][:300], 10**6)
    np.testing.assert_array_equal(seen["XX.A.BH"], witness["XX.A.BH"])
    assert notes == ["'in': the last 300 bytes are no whole record and were left out."]


def test_a_damaged_record_is_missing_and_said():
    values, notes = noise(3000), []
    records = records_of(stream_of(values[:1], ["BHZ"]))
    broken = bytearray(records[2])
    broken[64:512] = bytes([0x55]) * 448
    data = b"".join([*records[:2], bytes(broken), *records[3:]])
    _, seen = grown(Records("in", 1e4, notes), data, 10**6)
    row = seen["XX.A.BH"][0]
    missing = np.isnan(row)
    assert 0 < missing.sum() < 1000 and len(notes) == 1 and "a record is damaged" in notes[0]
    np.testing.assert_array_equal(row[~missing], values[0][: len(row)][~missing])


def test_a_component_that_comes_late_and_another_rate_are_passed_over_and_said(monkeypatch):
    monkeypatch.setattr("clew.read.live_parsers.HELD", 0)  # nothing may wait
    values, notes = noise(2000), []
    first = records_of(stream_of(values[:2], ["BHZ", "BHN"]))
    late = records_of(stream_of(values[2:], ["BHE"], begin=BEGIN + 50))
    fast = records_of(stream_of(values[:1, :100], ["BHZ"], rate=40.0, begin=BEGIN + 200))
    (live,), seen = grown(Records("in", 1e4, notes), b"".join([*first, *late, *late, *fast]), 10**6)
    assert live.components == ("Z", "N", "E")  # all came together here
    (live,), seen = grown(Records("in", 1e4, notes), b"".join([*first, *late, *late, *fast]), 512)
    assert live.components == ("Z", "N")
    np.testing.assert_array_equal(seen["XX.A.BH"], values[:2])
    assert any("the component E came later" in note for note in notes)
    assert sum("samples at 40 Hz instead of 20 Hz" in note for note in notes) == 2


def test_what_is_between_records_is_refused_with_its_place():
    records = records_of(stream_of(noise(3000)))
    with pytest.raises(DataError, match="Got something else at byte 1024"):
        Records("in", 60.0, []).push(records[0] + records[1] + b"no record at all" * 9)


@pytest.mark.parametrize("length", [256, 512, 4096])
def test_the_length_of_a_record_is_in_its_head(length):
    record = records_of(stream_of(noise(300)), length=length)[0]
    assert record_length(record) == length
    assert [record_length(record[:n]) for n in (0, 7, 47, 55)] == [0, 0, 0, 0]
    assert record_length(b"time,x\n1,2\n" * 9) is None


# ---- lines ----
def lines(n, *, rate=10.0, keep=()):
    values = np.random.default_rng(1).normal(size=(n, 2)).round(3)
    text = [f"{i / rate + 5:.4f},{values[i, 0]},{values[i, 1]}\n" for i in range(n) if i not in keep]
    return values.T.copy(), ("time,x,y\n" + "".join(text)).encode()


@pytest.mark.parametrize("step", [1, 13, 1000, 10**6])
def test_lines_give_the_same_samples_however_they_come(step):
    values, data = lines(300, keep=range(100, 120))
    values[:, 100:120] = np.nan
    (live,), seen = grown(Lines("in", 1e4, [], None, None), data, step)
    assert (live.name, live.components, live.rate, live.start, live.dated) == (
        "in",
        ("x", "y"),
        10.0,
        5.0,
        False,
    )
    np.testing.assert_array_equal(seen["in"], values)


def test_a_line_without_an_end_is_never_read():
    values, data = lines(100)
    notes = []
    for cut in range(1, 12):
        (live,), seen = grown(Lines("in", 1e4, notes, None, None), data[:-cut], 500)
        np.testing.assert_array_equal(seen["in"], values[:, :99])
    assert notes == ["'in': the last line has no end and was left out."] * 11
    assert (
        float(data[:-2].rsplit(b",", 1)[1]) != values[1, -1]
    )  # the mutant: a number without its last digit is a number


def test_numbers_at_a_rate_need_no_times_and_no_names():
    values = np.random.default_rng(0).normal(size=50).round(3)
    data = "".join(f"{value}\n" for value in values).encode()
    (live,), seen = grown(Lines("in", 1e4, [], 100.0, None), data, 11)
    assert (live.components, live.rate, live.start, live.dated) == (("",), 100.0, 0.0, False)
    np.testing.assert_array_equal(seen["in"][0], values)


def test_rounded_times_that_run_away_from_the_rate_are_put_right():
    rate, n = 100.0, 20_000
    clock = np.round(np.arange(n) / (rate * 1.0005), 3)  # given: 100 Hz; ten samples too many in the end
    data = ("time,x\n" + "".join(f"{time},{i}\n" for i, time in enumerate(clock))).encode()
    (live,), seen = grown(Lines("in", 1e4, [], rate, None), data, 3000)
    row = seen["in"][0]
    known = np.flatnonzero(~np.isnan(row))
    off = known / rate - clock[row[known].astype(int)]
    assert np.abs(off).max() < 3 / rate and len(row) < n


def test_an_input_without_rate_or_samples_is_refused():
    with pytest.raises(DataError, match="--rate"):
        Lines("in", 60.0, [], None, None).push(b"a,b\n" + b"1,2\n" * 99)
    with pytest.raises(DataError, match="must hold samples"):
        Lines("in", 60.0, [], 1.0, None).close(b"")
    with pytest.raises(DataError, match="line 71"):
        parser = Lines("in", 60.0, [], 1.0, None)
        parser.push(b"1\n" * 70)
        parser.push(b"one\n")
    with pytest.raises(DataError, match="finite"):
        finite(np.array([np.inf]), 0, "in")


def as_they_fill(stream, **how):
    """The records of a stream, in the order in which a digitiser has them full."""
    full = []
    for record in records_of(stream, **how):
        stats = obspy.read(io.BytesIO(record), headonly=True)[0].stats
        full.append((stats.endtime, stats.channel, record))
    return [record for _, _, record in sorted(full)]


@pytest.mark.parametrize("rate", [100.0, 1.0])  # of which a record of 4096 bytes lasts 40 s, and over an hour
def test_components_whose_long_records_fill_at_different_times_are_waited_for(rate, monkeypatch):
    values = noise(40_000)
    values[1] /= 30  # is compressed better: longer records
    values = np.rint(values)
    records = as_they_fill(stream_of(values, rate=rate), length=4096)
    assert max(contents(one)[1] for one in records) > 30 * rate

    clock = Clock(monkeypatch)

    def heard():
        notes, parser, seen = [], Records("in", 1e6, []), []
        parser.notes = notes
        for record in records:  # one at a time, as they come
            clock.now = obspy.read(io.BytesIO(record), headonly=True)[0].stats.endtime.timestamp
            recordings, _ = parser.push(record)
            for live in recordings:
                have = sum(part.shape[1] for part in seen)
                seen.append(live.read(have, live.n))
        (live,), _ = parser.close(b"")
        live.settle()
        seen.append(live.read(sum(part.shape[1] for part in seen), live.n))
        return live, np.concatenate(seen, axis=1), notes

    live, seen, notes = heard()
    assert live.components == ("Z", "N", "E") and notes == []
    np.testing.assert_array_equal(seen, values)
    monkeypatch.setattr(Records, "_wait", lambda self, traces: 30.0)  # the mutant: whatever a record lasts
    live, seen, notes = heard()
    assert notes and not (seen.shape == values.shape and np.array_equal(seen, values))


def test_samples_that_come_too_late_are_said(monkeypatch):
    monkeypatch.setattr("clew.read.live_parsers.HELD", 0)  # nothing may wait
    values, notes = noise(4000), []
    both = records_of(stream_of(values[:2, :1000], ["BHZ", "BHN"]))
    ahead = records_of(stream_of(values[:1, 1000:], ["BHZ"], begin=BEGIN + 50))
    behind = records_of(stream_of(values[1:2, 1000:1500], ["BHN"], begin=BEGIN + 50))
    grown(Records("in", 1e4, notes), b"".join([*both, *ahead, *behind]), 512)
    assert notes[1:] == [
        "'XX.A.BH': samples of N came too late: windows of their time were done without them."
    ]
    assert "the component N is " in notes[0]
    notes.clear()
    grown(Records("in", 1e4, notes), b"".join([*both, *both, *ahead]), 512)  # twice the same is not late
    assert not any("too late" in note for note in notes)


# ---- components that come one after the other ----
class Clock:
    """A clock that goes on only when it is told to."""

    def __init__(self, monkeypatch, module="clew.read.live_parsers"):
        self.now = 0.0
        monkeypatch.setattr(f"{module}.clock", SimpleNamespace(monotonic=lambda: self.now))


def one_after_the_other(values, **how):
    """The records of each component behind those of the one before."""
    names = ("BHZ", "BHN", "BHE")
    return [b"".join(records_of(stream_of(row[None], [name], **how))) for name, row in zip(names, values)]


@pytest.mark.parametrize("step", [512, 5000])
def test_components_that_come_one_after_the_other_are_waited_for(step, monkeypatch):
    Clock(monkeypatch)
    values, notes = noise(6000), []
    (live,), seen = grown(Records("in", 60.0, notes), b"".join(one_after_the_other(values)), step)
    np.testing.assert_array_equal(seen["XX.A.BH"], values)
    assert notes == [] and live.whole


def test_components_that_come_one_after_the_other_in_blocks_are_waited_for(monkeypatch):
    Clock(monkeypatch)
    values, notes = noise(12_000), []
    blocks = [
        piece
        for at in range(0, 12_000, 3000)
        for piece in one_after_the_other(values[:, at : at + 3000], begin=BEGIN + at / 20)
    ]
    (live,), seen = grown(Records("in", 60.0, notes), b"".join(blocks), 700)
    np.testing.assert_array_equal(seen["XX.A.BH"], values)
    assert notes == [] and live.whole


def test_what_waits_is_bounded_and_giving_up_is_said(monkeypatch):  # and shows what waiting prevents
    Clock(monkeypatch)
    monkeypatch.setattr("clew.read.live_parsers.HELD", 30_000)
    values, notes = noise(6000), []
    (live,), seen = grown(Records("in", 1.0, notes), b"".join(one_after_the_other(values)), 512)
    assert live.components == ("Z",) and not live.whole
    np.testing.assert_array_equal(seen["XX.A.BH"], values[:1])
    assert any("the component N came later than the others" in note for note in notes)
    begun = b"".join(records_of(stream_of(values[:, :1200])))
    rest = b"".join(one_after_the_other(values[:, 1200:], begin=BEGIN + 60))
    notes.clear()
    parser, held = Records("in", 1.0, notes), []
    for at in range(0, len(begun + rest), 512):
        for live in parser.push((begun + rest)[at : at + 512])[0]:
            held.append(live.n_bytes)
            live.trim()
    assert max(held) < 80_000 and not live.whole
    assert any("the component N is " in note and "waited for no longer" in note for note in notes)


def test_a_component_that_ends_is_given_up_as_fast_as_the_others_are_recorded(monkeypatch):
    clock, notes = Clock(monkeypatch), []
    values = noise(6000)
    both = as_they_fill(stream_of(values[:2, :2000], ["BHZ", "BHN"]))
    alone = as_they_fill(stream_of(values[:1, 2000:], ["BHZ"], begin=BEGIN + 100))
    parser = Records("in", 1e6, notes)
    for record in [*both, *alone]:
        stats = obspy.read(io.BytesIO(record), headonly=True)[0].stats
        clock.now = stats.endtime.timestamp - BEGIN
        recordings, _ = parser.push(record)
        if clock.now < 100:
            assert not any(one.left for one in recordings)
    (live,) = recordings
    behind = (live.ends["Z"] - live.n) / 20
    assert live.left == {"N"} and behind == pytest.approx(live.wait, abs=0.1) and not live.whole
    assert len(notes) == 1 and "the component N is " in notes[0]


def test_a_stub_of_a_record_is_refused_and_nothing_else_is_lost():
    record = records_of(stream_of(noise(3000)), length=4096)[0]
    parser = Records("in", 60.0, [])
    parser.push(record[:3000])
    with pytest.raises(DataError, match=r"at least one whole miniSEED record.* Got 3,000 bytes without one"):
        parser.close(b"")
    parser = Records("in", 60.0, [])
    parser.push(record)
    assert len(parser.close(b"")[0]) == 1


def test_a_rate_that_is_not_the_recordings_own_is_said():
    data = b"".join(records_of(stream_of(noise(3000))))
    for rate, said in (
        (50.0, ["'in' tells its rate itself, 20 Hz; the 50 Hz of --rate were not used."]),
        (20.0, []),
    ):
        notes = []
        grown(Records("in", 60.0, notes, rate), data, 10**6)
        assert notes == said
