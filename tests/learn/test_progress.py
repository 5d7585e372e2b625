"""The file beside the output: what it holds, whom it is for, and what a kill leaves of it."""

from __future__ import annotations

import json
from itertools import islice

from clew.learn.detect import Detector, walk
from clew.learn.progress import Progress
from tests.detection_worlds import RATE, model, recording

MADE = {"model": "abc", "recordings": ["BW.UH1.SH"]}


def gone(recordings, steps=1):
    """The ways along recordings after so many blocks, and the events found."""
    pairs = list(islice(walk(Detector(model()), recordings), steps))
    return pairs[-1][0], [event for _, found in pairs for event in found]


def test_what_was_noted_is_there_for_the_same_run(tmp_path):
    path = tmp_path / ".events.csv.progress"
    scan, found = gone([recording()], steps=2)
    first = Progress(path, MADE)
    assert (first.states, first.events, first.notes) == ({}, [], [])
    assert first.is_behind(scan)
    assert first.seconds_behind(scan) == scan.next / RATE
    first.begin()
    first.note([scan], found)
    assert not first.is_behind(scan)
    again = Progress(path, MADE)
    assert again.states == {"BW.UH1.SH": json.loads(json.dumps(scan.state()))}
    assert again.events == found
    assert len(found) == 3
    assert again.notes == ["Went on from an earlier run that had not ended."]
    again.remove()
    assert not path.exists()


def test_a_line_that_was_cut_off_counts_for_nothing_and_does_not_stay(tmp_path):
    path = tmp_path / "progress"
    scan, found = gone([recording()])
    first = Progress(path, MADE)
    first.begin()
    first.note([scan], found)
    whole = path.read_bytes()
    for n in range(len(whole.splitlines(keepends=True)[0]), len(whole)):
        path.write_bytes(whole[:n])
        assert Progress(path, MADE).states == {}
    Progress(path, MADE).begin()
    assert len(path.read_bytes().splitlines()) == 1
    path.write_bytes(whole)
    assert Progress(path, MADE).states  # the mutant: a whole line does count


def test_a_run_of_something_else_finds_nothing_and_one_that_restarts_neither(tmp_path):
    path = tmp_path / "progress"
    scan, found = gone([recording()])
    first = Progress(path, MADE)
    first.begin()
    first.note([scan], found)
    other = Progress(path, MADE | {"model": "def"})
    assert (other.states, other.events) == ({}, [])
    assert other.notes[0].startswith("Began anew: ")
    restarted = Progress(path, MADE, restart=True)
    assert (restarted.states, restarted.events, restarted.notes) == ({}, [], [])
