import io
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from clew.errors import DataError, SettingError
from clew.read import live
from clew.read.live import follow
from clew.read.recordings import read_recordings
from tests.read.test_live_parsers import lines, noise, records_of, stream_of

QUICK = {"poll": 1e-6}


class Writer:
    """Adds a piece to a file each time it is asked whether to stop, and stops when there is none left."""

    def __init__(self, path, pieces):
        self.path, self.pieces = path, list(pieces)
        self.path.write_bytes(self.pieces.pop(0))

    def __call__(self):
        if self.pieces:
            with self.path.open("ab") as file:
                file.write(self.pieces.pop(0))
            return False
        return True


def samples(recordings_as_they_come):
    """All samples of each recording, read as they come."""
    parts, n = {}, {}
    for recordings in recordings_as_they_come:
        for one in recordings:
            parts.setdefault(one.name, []).append(one.read(n.get(one.name, 0), one.n))
            n[one.name] = one.n
    return {name: np.concatenate(some, axis=1) for name, some in parts.items()}


def test_a_growing_file_of_records_is_read_as_it_grows(tmp_path):
    values = noise(6000)
    data = b"".join(records_of(stream_of(values)))
    third = len(data) // 3
    pieces = [
        data[:third],
        *(data[at : at + 700] for at in range(third, len(data), 700)),
    ]  # in the middle of records
    path = tmp_path / "a.mseed"
    times = []

    def watched():
        for recordings in follow(path, stop=Writer(path, pieces), keep=30.0, **QUICK):
            times.append(recordings[0].n)
            yield recordings

    np.testing.assert_array_equal(samples(watched())["XX.A.BH"], values)
    assert len(times) > 10 and times == sorted(times)


def test_what_was_followed_is_what_is_read_afterwards(tmp_path):
    values = noise(3000)
    path = tmp_path / "a.mseed"
    path.write_bytes(b"".join(records_of(stream_of(values))))
    (seen,) = samples(follow(path, stop=lambda: True, **QUICK)).values()
    (one,) = read_recordings([path]).recordings
    np.testing.assert_array_equal(seen, one.read(0, one.n))


@pytest.mark.parametrize("size", [5, 64, 1000])
def test_a_growing_table_is_read_as_it_grows(tmp_path, size):
    values, data = lines(300)
    path = tmp_path / "a.csv"
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    seen = samples(follow(path, stop=Writer(path, pieces), **QUICK))
    np.testing.assert_array_equal(seen["a.csv"], values)


def test_patience_ends_when_a_file_has_not_grown(tmp_path):
    values, data = lines(100)
    (tmp_path / "a.csv").write_bytes(data + b"15.0,1")
    notes = []
    seen = samples(follow(tmp_path / "a.csv", patience=3e-6, notes=notes, **QUICK))
    np.testing.assert_array_equal(seen["a.csv"], values)
    assert notes == ["'a.csv': the last line has no end and was left out."]


@pytest.mark.parametrize("kind", ["records", "table", "numbers"])
def test_standard_input_is_read_to_its_end(monkeypatch, kind):
    values, data = lines(500)
    settings = {}
    if kind == "records":
        values = noise(3000)
        data = b"".join(records_of(stream_of(values)))
    elif kind == "numbers":
        values = values[:1]
        data, settings = "".join(f"{one}\n" for one in values[0]).encode(), {"rate": 10.0}
    monkeypatch.setattr(live, "CHUNK", 999)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    (seen,) = samples(follow("-", **settings, **QUICK)).values()
    np.testing.assert_array_equal(seen, values)


def test_a_pipe_that_stays_open_ends_when_told_to(monkeypatch):
    values, data = lines(200)
    reading, writing = os.pipe()
    os.write(writing, data)
    seen_first = []
    with open(reading, "rb") as stream:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))
        seen = samples(follow("-", stop=lambda: bool(seen_first.append(1)) or len(seen_first) > 3, poll=0.01))
        os.close(writing)
    np.testing.assert_array_equal(seen["stdin"], values)


def test_memory_does_not_grow_with_the_input(tmp_path, monkeypatch):
    monkeypatch.setattr(live, "CHUNK", 4096)
    path = tmp_path / "a.txt"
    path.write_bytes(b"".join(b"%d\n" % i for i in range(60_000)))
    held = []
    for (one,) in follow(path, rate=100.0, stop=lambda: True, keep=5.0, **QUICK):
        held.append(sum(len(piece) for _, piece in one._pieces[""]))
        assert one.read(one.n - 500 if one.n > 500 else 0, one.n)[0, -1] == one.n - 1
    assert one.n == 60_000 and max(held) < 8000


def test_files_that_shrink_are_packed_empty_or_missing_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(lines(100)[1])

    def shorten():
        path.write_bytes(b"time,x,y\n")
        return False

    with pytest.raises(DataError, match="must only grow"):
        samples(follow(path, stop=shorten, **QUICK))
    with pytest.raises(DataError, match="Got a packed one"):
        next(follow(tmp_path / "a.csv.gz"))
    with pytest.raises(DataError, match="must be one that can be read"):
        next(follow(tmp_path / "none.csv"))
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(DataError, match="must hold samples. Got none"):
        next(follow(tmp_path / "empty.csv", stop=lambda: True, **QUICK))
    with pytest.raises(SettingError, match="'poll'"):
        next(follow(path, poll=0))


TEXT = """
import sys
from clew.errors import DataError
from clew.read import live
if sys.argv[1] == "buffered":  # the mutant
    live._reader = lambda: lambda: sys.stdin.buffer.read1(live.CHUNK)
try:
    list(live.follow("-", poll=0.01))
except DataError as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize(("how", "status"), [("of the file", 1), ("buffered", -signal.SIGABRT)])
def test_a_refusal_ends_while_standard_input_is_still_open(how, status):
    process = subprocess.Popen(
        [sys.executable, "-c", TEXT, how], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdin.write("hello, this is text\n" * 100)
    process.stdin.flush()
    try:
        assert process.wait(timeout=60) == status  # the thread waits for what never comes
        assert "must have a column of numbers" in process.stderr.read()
    finally:
        process.kill()
        process.communicate()
