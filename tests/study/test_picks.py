"""Picks by people: recorded once, moved, deleted, taken back, and refused where there is nothing or nobody may look."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from clew.errors import DataError, SealedError, SettingError
from clew.samples import Samples
from clew.study.journal import Journal
from clew.study.picks import is_sealed, pick_events, spans_of
from clew.study.study import Source, Study

SPAN = (1000.0, 1040.0)


@pytest.fixture
def study(tmp_path):
    """A study of one recording of 40 s in windows of 10 s that begin every 5 s; from the sixth on they are sealed."""
    starts = 1000.0 + 5.0 * np.arange(7)
    names = [f"A@{one}" for one in starts]
    samples = Samples(
        features=np.arange(7.0)[:, None], feature_names=("f",), units=("",), sample=names,
        origin=pd.DataFrame({"source": "a.mseed", "recording": "A", "station": "A", "start": starts, "end": starts + 10}),
        group=["A"] * 7, sets={"all": ("f",)},
    )  # fmt: skip
    (tmp_path / "a.mseed").write_bytes(b"waves")
    folder = tmp_path / "s.study"
    with Study.create(folder) as draft:
        draft.put_rows(samples, np.arange(7) >= 5)
        draft.put_sources([Source.of(tmp_path / "a.mseed", name="a.mseed", kind="signal", role="data", study=folder)])  # fmt: skip
        draft.put_facts(kind="signal")
    return Study(folder)


def put(journal, client="pick-0001", **changed):
    given = {"recording": "A", "phase": "P", "time": 1012.5, "span": SPAN, "who": "anna"}
    return journal.put_pick(client, **(given | changed))


def said(study):
    return [(one.client, one.phase, one.time, one.kind) for one in study.picks()]


def test_a_pick_stands_as_it_was_put_and_one_sent_twice_is_recorded_once(study):
    assert study.picks() == pick_events(study) == []  # before any page has been
    journal = Journal(study)
    told = {"model": "ab12", "probability": 0.625, "asked": 1012.25, "sha256": study.sources()[0].sha256}
    first = put(journal, **told)
    again = put(journal, **told)
    assert (first.again, again.again, again.at) == (False, True, first.at)
    (one,) = study.picks()
    assert (one.recording, one.phase, one.time, one.kind, one.who, one.at) == ("A", "P", 1012.5, "put", "anna", first.at)  # fmt: skip
    assert {name: getattr(one, name) for name in told} == told
    assert [(one.client, one.kind) for one in pick_events(study)] == [("pick-0001", "put")]


def test_picks_are_moved_deleted_and_rejected_and_each_act_can_be_taken_back(study):
    journal = Journal(study)
    put(journal)
    put(journal, "pick-0002", phase="S", time=1016.0, who="ben")
    journal.reject_pick("reject-01", recording="A", phase="P", time=1003.0, span=SPAN, model="m", probability=0.4, who="anna")  # fmt: skip
    journal.move_pick("move-0001", "pick-0001", 1013.0, span=SPAN, who="ben")
    moved = [("reject-01", "P", 1003.0, "rejected"), ("pick-0001", "P", 1013.0, "put"), ("pick-0002", "S", 1016.0, "put")]  # fmt: skip
    assert said(study) == moved
    assert study.picks()[1].who == "ben"
    journal.delete_pick("delete-01", "pick-0001", "anna")
    assert [one[0] for one in said(study)] == ["reject-01", "pick-0002"]
    with pytest.raises(DataError, match="one that stands"):
        journal.move_pick("move-0002", "pick-0001", 1014.0, span=SPAN)
    undone = journal.undo_pick("undo-0001", None, "anna")  # her last act was to delete
    assert undone.answer["of"] == "delete-01"
    assert said(study) == moved
    journal.undo_pick("undo-0002", "move-0001", "anna")  # by name, another's too
    assert said(study)[1] == ("pick-0001", "P", 1012.5, "put")
    assert journal.undo_pick("undo-0003", None, "anna").answer["of"] == "reject-01"
    assert journal.undo_pick("undo-0004", None, "anna").answer["of"] == "pick-0001"
    for of in (None, "pick-0001"):
        with pytest.raises(DataError, match="must stand"):
            journal.undo_pick(f"undo-9{of}", of, "anna")
    assert [one[0] for one in said(study)] == ["pick-0002"]
    assert len(pick_events(study)) == 9  # nothing is ever removed
    with pytest.raises(DataError, match="a rejection"):
        journal.reject_pick("reject-02", recording="A", phase="P", time=1003.0, span=SPAN)
        journal.move_pick("move-0003", "reject-02", 1004.0, span=SPAN)


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"time": 999.9}, DataError, "1000.000 to 1040.000"),
        ({"time": float("nan")}, DataError, "must lie in 'A'"),
        ({"phase": ""}, SettingError, "phase"),
        ({"phase": "P wave"}, SettingError, "phase"),
        ({"phase": "P12345678"}, SettingError, "phase"),
        ({"time": 1037.0}, SealedError, "sealed row: nobody looks"),
        ({"probability": float("inf")}, SettingError, "probability"),
    ],
)
def test_what_is_no_pick_or_lies_where_nobody_looks_is_refused_and_nothing_recorded(study, changed, error, said):  # fmt: skip
    journal = Journal(study)
    with pytest.raises(error, match=said):
        put(journal, **changed)
    assert study.picks() == []
    assert journal.deliveries() == []
    put(journal, "pick-0003")
    if error is SealedError:  # a pick is not moved there, either
        with pytest.raises(SealedError):
            journal.move_pick("move-0001", "pick-0003", changed["time"], span=SPAN)


def test_a_moment_in_an_open_row_is_open_though_a_sealed_one_begins_in_it(study):
    spans = spans_of(study)
    found = [is_sealed(spans, "A", one) for one in (1024.9, 1027.0, 1029.9, 1030.0, 1039.0)]
    assert found == [False, False, False, True, True]  # the last open row ends at 1030
    assert not is_sealed(spans, "B", 1039.0)
    assert [len(one["A"]) for one in (spans.opened, spans.sealed)] == [5, 2]


def test_a_killed_process_loses_no_pick_that_was_acknowledged(study):
    code = f"""
import sys
from clew.study.journal import Journal
from clew.study.study import Study
journal = Journal(Study({str(study.folder)!r}))
for i in range(10_000):
    journal.put_pick(f"pick-{{i:05d}}", recording="A", phase="P", time=1000 + i * 1e-3, span=(1000, 1040))
    print(i, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    told = -1
    for line in process.stdout:
        told = int(line)
        if told == 30:
            os.kill(process.pid, signal.SIGKILL)
            break
    rest = process.stdout.read().split()
    process.wait(20)
    told = int(rest[-1]) if rest else told
    assert len(study.picks()) in (told + 1, told + 2)  # the one that was under way may have come through
    assert {f"pick-{i:05d}" for i in range(told + 1)} <= {one.client for one in study.picks()}


def test_an_act_on_many_picks_plays_only_the_lines_of_its_own(study):
    """The mutant plays another pick's lines, too, and so moves the wrong one."""
    journal = Journal(study)
    for i in range(3):
        put(journal, f"pick-100{i}", time=1010.0 + i)
    journal.undo_pick("undo-1001", "pick-1000", "anna")
    journal.move_pick("move-1001", "pick-1002", 1015.0, span=SPAN)
    with pytest.raises(DataError, match="one that stands"):
        journal.delete_pick("delete-11", "pick-1000")  # was taken back
    assert [(one[0], one[2]) for one in said(study)] == [("pick-1001", 1011.0), ("pick-1002", 1015.0)]
