"""What a file holds before it is followed: the same as the finished file, in whatever order it was written."""

import numpy as np
import pytest

from clew.read import live
from clew.read.live import follow
from clew.read.live_start import already_there
from clew.read.recordings import read_recordings
from tests.read.test_live import QUICK, Writer, samples
from tests.read.test_live_parsers import (
    BEGIN,
    Clock,
    as_they_fill,
    noise,
    one_after_the_other,
    records_of,
    stream_of,
)


def blocks(values, *, size=3000, rate=20.0):
    """Blocks of all samples of each component, one behind the other."""
    return [
        piece
        for at in range(0, values.shape[1], size)
        for piece in one_after_the_other(values[:, at : at + size], begin=BEGIN + at / rate)
    ]


@pytest.mark.parametrize("chunk", [700, 1 << 17])
def test_a_file_written_component_after_component_is_that_of_the_finished_file(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(live, "CHUNK", chunk)
    path, notes = tmp_path / "a.mseed", []
    path.write_bytes(b"".join(one_after_the_other(noise(60_000))))
    held = []

    def watched():
        for some in follow(path, stop=lambda: True, keep=10.0, notes=notes, **QUICK):
            held.append(some[0].n_bytes)
            yield some

    (one,) = read_recordings([path]).recordings
    np.testing.assert_array_equal(samples(watched())["XX.A.BH"], one.read(0, one.n))
    assert notes == []
    if chunk == 700:
        assert max(held) < 0.25 * one.n * 4 * 3  # in the order of time, so that little waits


def test_without_a_look_at_the_whole_file_the_first_component_is_alone(tmp_path, monkeypatch):  # the mutant
    monkeypatch.setattr(live, "already_there", lambda *what: None)
    monkeypatch.setattr(live, "CHUNK", 700)
    monkeypatch.setattr("clew.read.live_parsers.HELD", 0)
    path = tmp_path / "a.mseed"
    path.write_bytes(b"".join(one_after_the_other(noise(12_000))))
    (seen,) = samples(follow(path, stop=lambda: True, keep=10.0, **QUICK)).values()
    assert len(seen) == 1


@pytest.mark.parametrize("there", [3, 4, 5, 7])
def test_a_file_that_grows_by_blocks_of_each_component_is_that_of_the_finished_file(
    tmp_path, monkeypatch, there
):
    Clock(monkeypatch)
    values, path, notes = noise(12_000), tmp_path / "a.mseed", []
    pieces = blocks(values)
    growing = Writer(path, [b"".join(pieces[:there]), *pieces[there:]])
    seen = samples(follow(path, stop=growing, keep=10.0, notes=notes, **QUICK))
    np.testing.assert_array_equal(seen["XX.A.BH"], values)
    assert notes == []


def test_a_component_that_begins_late_or_ends_early_is_no_alarm(tmp_path):
    values, path, notes = noise(12_000), tmp_path / "a.mseed", []
    stream = stream_of(values[:1]) + stream_of(values[1:2, 6000:], ["BHN"], begin=BEGIN + 300)
    stream += stream_of(values[2:, :3000], ["BHE"])
    path.write_bytes(b"".join(records_of(stream)))
    recordings = []

    def watched():
        for some in follow(path, stop=lambda: True, keep=1e4, notes=notes, **QUICK):
            recordings[:] = some
            yield some

    (one,) = read_recordings([path]).recordings
    np.testing.assert_array_equal(samples(watched())["XX.A.BH"], one.read(0, one.n))
    assert notes == [] and all(one.whole for one in recordings)


def test_long_records_in_the_order_in_which_they_were_full_are_no_alarm(tmp_path, monkeypatch):
    monkeypatch.setattr(live, "CHUNK", 4096)
    values, path, notes = noise(40_000), tmp_path / "a.mseed", []
    values[1] = np.rint(values[1] / 30)
    path.write_bytes(b"".join(as_they_fill(stream_of(values, rate=100.0), length=4096)))
    seen = samples(follow(path, stop=lambda: True, keep=1e4, notes=notes, **QUICK))
    np.testing.assert_array_equal(seen["XX.A.BH"], values)
    assert notes == []


def test_the_records_come_in_the_order_of_time_and_what_follows_is_known(tmp_path):
    path = tmp_path / "a.mseed"
    whole = b"".join(one_after_the_other(noise(6000)))
    path.write_bytes(whole + whole[:100])
    there = already_there(path, "a", [])
    assert there.end == len(whole)
    assert b"".join(sorted(b"".join(there.pieces(512))[i : i + 512] for i in range(0, len(whole), 512))) == b"".join(
        sorted(whole[i : i + 512] for i in range(0, len(whole), 512))
    )  # fmt: skip
    assert (np.diff(there.records["time"] + there.records["n"] / 20.0) >= 0).all()
    (known,) = there.known.values()
    assert known.ends == dict.fromkeys("ZNE", BEGIN + 300) and known.start == BEGIN


def test_what_is_no_miniseed_or_hardly_begun_is_left_to_who_follows(tmp_path):
    path = tmp_path / "a.mseed"
    assert already_there(path, "a", []) is None
    path.write_text("time,x\n1,2\n")
    assert already_there(path, "a", []) is None
    record = records_of(stream_of(noise(3000)))[0]
    path.write_bytes(record[:300])
    assert already_there(path, "a", []) is None
    path.write_bytes(record)
    assert already_there(path, "a", []).known == {}
