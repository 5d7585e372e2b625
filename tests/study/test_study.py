"""The folder: what is acknowledged stays, sealed rows stay sealed, nothing is half-written."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from clew.errors import DataError, SealedError, SettingError, StudyError
from clew.study.record import add_labels, effective_labels
from clew.study.study import Study, file_sha256
from tests.study.worlds import compare, lines_of, look, make, peek, table, unveil, watch

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def trust_our_steps(monkeypatch):
    monkeypatch.setattr("clew.study.study.TRUSTED", ("clew.", "tests."))


def test_a_step_of_foreign_code_is_never_run(tmp_path, monkeypatch):
    study = make(tmp_path / "s.study")
    step, _ = study.run(look)
    monkeypatch.undo()
    with pytest.raises(StudyError, match="must be a function of clew"):
        study.rerun(step)


def test_a_step_is_handed_open_rows_only(tmp_path):
    study = make(tmp_path / "s.study")
    step, result = study.run(look)
    assert result.sample.tolist() == [f"t.csv#{i}" for i in range(1, 10)]
    assert study.samples().n_rows == 9
    assert step.sees == "open"
    assert step.id == 1
    assert study.openings() == []


def test_a_step_that_sees_all_rows_is_told_their_part_and_who_labelled_them(tmp_path):
    study = make(tmp_path / "s.study")
    with study.store.writing() as db:
        add_labels(db, [("t.csv#1", "a"), ("t.csv#12", "b"), ("t.csv#3", None)], how="person", step=None)
        add_labels(db, [("t.csv#2", "x")], how="group", step=None)
    step, result = study.run(compare, reason="both parts")
    assert result.label.tolist() == ["open person", "open group"] + ["open "] * 7 + ["sealed "] * 2 + [
        "sealed person"
    ]
    with study.store.writing() as db:
        add_labels(db, [("t.csv#5", "a")], how="person", step=None)
    assert study.rerun(step).digest() == result.digest()  # with the labels as they stood then
    assert not {"part", "labelled"} & set(study.samples().origin.columns)
    assert [one.shown for one in study.openings()] == [True]


def test_sealed_rows_need_a_reason_and_the_opening_is_on_record_before_they_are_seen(tmp_path):
    study = make(tmp_path / "s.study")
    for reason in (None, "", "  "):
        with pytest.raises(SealedError, match="opened with a reason"):
            study.run(peek, reason=reason)
    assert study.openings() == []

    def crash(samples):
        assert len(study.openings()) == 1
        raise RuntimeError("the step dies")

    crash.step = peek.step
    with pytest.raises(RuntimeError):
        study.run(crash, reason="final figures")
    (opening,) = study.openings()
    assert (opening.reason, opening.verb, opening.shown, opening.independent) == (
        "final figures",
        "peek",
        False,
        True,
    )
    _, result = study.run(peek, reason="again")
    assert result.sample.tolist() == ["t.csv#10", "t.csv#11", "t.csv#12"]
    study.run(peek, reason="a third time")
    assert [one.shown for one in study.openings()] == [False, True, True]
    assert [one.independent for one in study.openings()] == [True, True, False], (
        "nothing was shown the first time"
    )


def test_raw_data_of_sealed_rows_never_reach_an_open_step(tmp_path):
    study = make(tmp_path / "s.study")
    asked = []

    def spy(samples):
        asked.append((samples.sample.tolist(), len(study.openings())))
        return lines_of(samples)

    first, _ = study.run(look)
    step, result = study.run(watch, first, raw=spy, times=2)
    assert asked == [([f"t.csv#{i}" for i in range(1, 10)], 0)]
    lines = 2.0 * sum(range(2, 11))
    assert result.names["0"] == f"{lines} sum 49.5"  # the earlier result goes in behind the raw data
    assert step.inputs["raw"] == lines_of(study.samples()).digest()
    assert "raw" not in first.inputs
    with pytest.raises(SealedError, match="opened with a reason"):
        study.run(unveil, raw=spy)
    assert len(asked) == 1  # the seal is shut, so nothing was cut
    study.run(unveil, raw=spy, reason="final figures")
    assert asked[1:] == [(["t.csv#10", "t.csv#11", "t.csv#12"], 1)]  # on record before anything was cut


def test_an_opening_stays_on_record_where_cutting_fails(tmp_path):
    study = make(tmp_path / "s.study")

    def broken(samples):
        raise DataError("The file must be there.")

    with pytest.raises(DataError, match="must be there"):
        study.run(unveil, raw=broken, reason="final figures")
    assert [one.shown for one in study.openings()] == [False]
    assert study.steps() == []


def test_raw_data_of_other_rows_are_refused(tmp_path):
    study = make(tmp_path / "s.study")
    for rows in ([0, 1], np.arange(9)[::-1]):
        with pytest.raises(StudyError, match="must be of its 9 rows, in their order"):
            study.run(watch, raw=lambda samples, rows=rows: lines_of(samples.take(rows)))
    assert study.steps() == []


def test_a_rerun_sees_the_raw_data_that_the_step_saw_or_is_refused(tmp_path):
    study = make(tmp_path / "s.study")
    step, result = study.run(watch, raw=lines_of)
    assert study.rerun(step, raw=lines_of).digest() == result.digest()
    with pytest.raises(StudyError, match="must be those that it saw. Got none"):
        study.rerun(step)

    def shaken(samples):
        cut = lines_of(samples)
        return dataclasses.replace(cut, values=np.nextafter(cut.values, np.float32(99)))

    with pytest.raises(StudyError, match="must be those that it saw. Got others"):
        study.rerun(step, raw=shaken)
    with pytest.raises(StudyError, match="must be those that it saw. Got others"):
        study.rerun(study.run(look)[0], raw=lines_of)


def test_a_study_without_sealed_rows_says_so(tmp_path):
    with pytest.raises(DataError, match="must have sealed rows"):
        make(tmp_path / "s.study", sealed=0).run(peek, reason="why not")


def test_the_thread_keeps_settings_versions_inputs_and_the_result(tmp_path):
    study = make(tmp_path / "s.study")
    study.run(look, times=2)
    (step,) = study.steps()
    assert step.settings == {"times": 2}
    assert step.versions["numpy"] == np.__version__
    assert step.inputs["samples"] == study.samples().digest()
    assert study.result(step).digest() == step.digest
    assert study.rerun(step).digest() == step.digest


def test_a_rerun_that_would_differ_is_seen(tmp_path):
    study = make(tmp_path / "s.study")
    step, _ = study.run(look)
    with study.store.writing() as db:
        db.execute("UPDATE steps SET settings = '{\"times\": 3}'")
    assert study.rerun(study.steps()[0]).digest() != step.digest


def test_a_rerun_sees_the_labels_of_its_time(tmp_path):
    study = make(tmp_path / "s.study")
    step, _ = study.run(look)
    with study.store.writing() as db:
        add_labels(db, [("t.csv#1", "late")], how="person", step=None)
    assert study.samples().labels[0] == "late"
    assert study.rerun(step).digest() == step.digest
    later, _ = study.run(look)
    assert later.digest != step.digest


def test_a_study_is_made_whole_or_not_at_all(tmp_path):
    with pytest.raises(RuntimeError), Study.create(tmp_path / "s.study") as draft:
        draft.put_rows(table(), np.zeros(12, bool))
        raise RuntimeError("in the middle")
    assert list(tmp_path.iterdir()) == []


def test_what_is_in_the_way_stays_as_it_is(tmp_path):
    study = make(tmp_path / "s.study")
    before = {p: p.read_bytes() for p in study.folder.rglob("*") if p.is_file()}
    with pytest.raises(StudyError, match="must be a new folder"), Study.create(study.folder):
        pass
    assert {p: p.read_bytes() for p in study.folder.rglob("*") if p.is_file()} == before


def test_a_folder_that_is_no_study_is_refused_in_words(tmp_path):
    with pytest.raises(StudyError, match="Got nothing there"):
        Study(tmp_path / "none")
    with pytest.raises(StudyError, match=r"without study\.sqlite"):
        Study(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(StudyError, match="Got a file"):
        Study(tmp_path / "file")
    (tmp_path / "study.sqlite").write_text(
        "this is no database at all, but long enough to be read as one" * 9
    )
    with pytest.raises(StudyError, match="must hold a database that can be read"):
        Study(tmp_path)


def test_a_study_of_a_newer_clew_is_refused(tmp_path):
    study = make(tmp_path / "s.study")
    with study.store.writing() as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StudyError, match="Got format 99; update clew"):
        Study(study.folder)


KEEP_WRITING = """
import sys
from clew.study.study import Study
from clew.study.record import add_labels, effective_labels
from tests.study.worlds import look
study = Study(sys.argv[1])
for i in range(10_000):
    step, _ = study.run(look, times=i, also=lambda db, n, _: add_labels(db, [("t.csv#1", f"w{n}")], how="person", step=n))
    print(step.id, flush=True)
"""


@pytest.mark.slow
def test_a_killed_process_loses_nothing_that_was_acknowledged(tmp_path):
    study = make(tmp_path / "s.study")
    acknowledged = 0
    for pause in (0.0, 0.03, 0.011, 0.007, 0.017):
        process = subprocess.Popen(
            [sys.executable, "-c", KEEP_WRITING, str(study.folder)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        first = process.stdout.readline()
        assert first
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        said = [first, *process.stdout.read().split()]
        process.wait()
        acknowledged = max(acknowledged, *(int(line) for line in said))
        steps = Study(study.folder).steps()
        assert [one.id for one in steps] == list(range(1, len(steps) + 1))
        assert len(steps) >= acknowledged
        for one in steps[-3:]:
            assert study.result(one).digest() == one.digest
        assert len(study.label_events()) == len(steps), "a step and its labels stand or fall together"


@pytest.mark.slow
def test_two_processes_that_write_at_once_both_succeed(tmp_path):
    study = make(tmp_path / "s.study")
    code = KEEP_WRITING.replace("10_000", "12")
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(study.folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        for _ in range(2)
    ]
    said = [int(line) for process in both for line in process.communicate(timeout=120)[0].split()]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(said) == list(range(1, 25))
    assert len(study.steps()) == len(study.label_events()) == 24


def test_a_writer_that_never_lets_go_gives_one_clear_error(tmp_path, monkeypatch):
    study = make(tmp_path / "s.study")
    monkeypatch.setattr("clew.study.store.BUSY_SECONDS", 0.05)
    with study.store.writing(), pytest.raises(StudyError, match="another process that has been writing"):
        study.run(look)
    assert study.steps() == []


def test_a_read_only_study_can_be_read_and_says_why_it_cannot_be_written(tmp_path, monkeypatch):
    study = make(tmp_path / "s.study")
    study.run(look)
    monkeypatch.setattr("clew.study.store.os.access", lambda path, mode: False)
    assert study.samples().n_rows == 9
    with pytest.raises(StudyError, match="must be writable"):
        study.run(look)
    assert len(study.steps()) == 1


def disk_of(megabytes: int, folder: Path) -> None:
    """Mount a tiny disk, or skip where that is not allowed."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], capture_output=True
    )
    if done.returncode:
        pytest.skip("needs the right to mount a small disk")


def test_a_full_disk_is_said_and_what_was_there_stays_whole(tmp_path):
    disk = tmp_path / "disk"
    disk_of(2, disk)
    try:
        study = make(disk / "s.study")
        study.run(look)
        filler = disk / "filler"
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
            while file.write(os.urandom(4096)):
                pass
        with pytest.raises(StudyError, match="Got a full disk"):
            for i in range(200):
                study.run(look, times=i)
        known = len(study.steps())
        filler.unlink()
        again = Study(study.folder)
        assert len(again.steps()) == known
        assert all(again.result(one).digest() == one.digest for one in again.steps())
        again.run(look, times=1000)
        assert len(again.steps()) == known + 1
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_while_writing_a_result_is_said(tmp_path, monkeypatch):
    study = make(tmp_path / "s.study")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("clew.result.os.fsync", full)
    with pytest.raises(StudyError, match="Got a full disk"):
        study.run(look)
    assert study.steps() == []
    assert list((study.folder / "results").iterdir()) == []


def test_a_moved_source_is_found_by_content_and_a_changed_one_is_refused(tmp_path):
    study = make(tmp_path / "s.study")
    (source,) = study.sources()
    assert study.locate(source) == tmp_path / "s.study" / ".." / "t.csv"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "t.csv").rename(tmp_path / "elsewhere" / "renamed.csv")
    with pytest.raises(DataError, match="clew relink"):
        study.locate(source)
    (tmp_path / "other.csv").write_text("nothing of it\n")
    with pytest.raises(SettingError, match="byte for byte"):
        study.relink([tmp_path / "other.csv"])
    study.relink([tmp_path])
    assert study.locate(study.sources()[0]).resolve() == tmp_path / "elsewhere" / "renamed.csv"
    (tmp_path / "elsewhere" / "renamed.csv").write_text("length,width\n9,9\n")
    with pytest.raises(DataError, match="it has changed"):
        study.locate(study.sources()[0])


def test_study_and_data_moved_together_still_find_each_other(tmp_path):
    (tmp_path / "a").mkdir()
    study = make(tmp_path / "a" / "s.study")
    sha = file_sha256(tmp_path / "a" / "t.csv")
    (tmp_path / "a").rename(tmp_path / "b")
    moved = Study(tmp_path / "b" / study.folder.name)
    assert file_sha256(moved.locate(moved.sources()[0])) == sha


def test_a_study_shows_itself(tmp_path):
    study = make(tmp_path / "s.study")
    study.run(look)
    assert repr(study) == "<Study s: 9 open rows, 3 sealed, 1 steps>"
    assert "<b>look</b>" in study._repr_html_()


def test_a_notebook_shows_what_an_installed_display_draws(tmp_path, monkeypatch):
    class Display:
        def __init__(self, shown):
            self.shown = shown

        def load(self):
            return lambda study: self.shown and {"text/plain": f"{self.shown} {study.name}"}

    study = make(tmp_path / "s.study")
    for found, expected in (([], {}), ([Display(""), Display("map of")], {"text/plain": "map of s"})):
        monkeypatch.setattr("importlib.metadata.entry_points", lambda group, name, found=found: found)
        assert study._repr_mimebundle_() == expected
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "clew[notebook]" in study._repr_html_()


def test_labels_of_sealed_rows_stay_sealed(tmp_path):
    study = make(tmp_path / "s.study")
    with study.store.writing() as db:
        add_labels(db, [("t.csv#1", "seen"), ("t.csv#12", "secret")], how="person", step=None)
    assert study.labels() == {"t.csv#1": ("seen", "person")}
    assert [event.label for event in study.label_events()] == ["seen"]
    assert study.has_sealed_labels()
    assert "secret" not in study.samples().labels


def test_counts_of_labels_made_by_the_database_are_those_of_the_events(tmp_path):
    study, rng = make(tmp_path / "s.study"), np.random.default_rng(0)
    for number in range(1, 121):
        sample, who = f"t.csv#{rng.integers(1, 13)}", ["AK", "MK"][rng.integers(2)]
        how, label = ("group", "x") if number % 5 == 0 else ("person", [None, "a", "b"][rng.integers(3)])
        undoes = int(rng.integers(1, number)) if number % 7 == 0 else None
        with study.store.writing() as db:
            db.execute(
                "INSERT INTO labels (at, who, how, sample, label, undoes) VALUES (?, ?, ?, ?, ?, ?)",
                (f"2026-11-{20 + number // 50}T09:{number % 50:02}:00+00:00", who, how, sample, None if undoes else label, undoes),
            )  # fmt: skip
        events = study.label_events()
        undone = {one.undoes for one in events}
        given = [one for one in events if one.how == "person" and not one.undoes and one.id not in undone]
        assert study.words() == [(one.sample, one.who, one.label) for one in given]
        assert study.label_events(after=number - 1) == [one for one in events if one.id == number]
        assert study.count_said() == len(study.said_by_people())
        assert study.people() == sorted({one.who for one in events if one.how == "person"})
        days = Counter((one.who, one.at[:10]) for one in given)
        assert {(who, at[:10]): n for who, n, at in study.days_of_labels()} == days
        last = {(one.who, one.at[:10]): one.at for one in given}
        assert {(who, at[:10]): at for who, _, at in study.days_of_labels()} == last
        assert study.labels() == effective_labels(events)


def test_a_rerun_cannot_reach_behind_the_seal(tmp_path):
    import dataclasses

    study = make(tmp_path / "s.study")
    looked, _ = study.run(look)
    asked = dataclasses.replace(looked, sees="sealed")
    assert study.rerun(asked).sample.tolist() == looked_at(study), "what a step may see is what it declares"
    peeked = dataclasses.replace(looked, function="tests.study.worlds:peek")
    with pytest.raises(SealedError, match="must have been opened"):
        study.rerun(peeked)
    with pytest.raises(StudyError, match="declared as a step"):
        study.rerun(dataclasses.replace(looked, function="tests.study.worlds:table"))


def looked_at(study):
    return study.samples().sample.tolist()


def test_rows_that_were_changed_on_disk_are_noticed(tmp_path):
    from clew.study.table import write_samples

    study = make(tmp_path / "s.study")
    step, _ = study.run(look)
    write_samples(dataclass_replace(table(), features=table().features + 1), study.folder / "samples.parquet")
    with pytest.raises(StudyError, match="must be those that it saw"):
        study.rerun(step)


def dataclass_replace(samples, **changes):
    import dataclasses

    return dataclasses.replace(samples, **changes)


def test_of_two_studies_made_at_once_one_stands_and_one_is_told(tmp_path):
    with pytest.raises(StudyError, match="there already"), Study.create(tmp_path / "s.study") as draft:
        draft.put_rows(table(), np.zeros(12, bool))
        make(tmp_path / "s.study")
    assert Study(tmp_path / "s.study").counts() == {"open": 9, "sealed": 3}
    assert not list(tmp_path.glob(".*.partial"))


def test_an_unrelated_file_in_the_place_of_a_source_does_not_hide_the_true_one(tmp_path):
    study = make(tmp_path / "s.study")
    (tmp_path / "far").mkdir()
    study.folder.rename(tmp_path / "far" / "s.study")
    (tmp_path / "far" / "t.csv").write_text("another table\n")
    moved = Study(tmp_path / "far" / "s.study")
    assert moved.locate(moved.sources()[0]) == tmp_path / "t.csv"


def test_drafts_of_killed_processes_are_swept_after_a_day_and_young_ones_are_left(tmp_path):
    old, young, other = (
        tmp_path / name for name in (".s.study.1-a.partial", ".s.study.2-b.partial", ".t.study.1-a.partial")
    )
    for draft in (old, young, other):
        draft.mkdir()
    for draft in (old, other):
        os.utime(draft, (time.time() - 90_000, time.time() - 90_000))
    make(tmp_path / "s.study")
    assert (old.exists(), young.exists(), other.exists()) == (False, True, True)


def test_open_steps_never_see_a_distance_to_a_sealed_row(tmp_path):
    x = np.random.default_rng(0).random(12)
    far = np.abs(x[:, None] - x)
    with Study.create(tmp_path / "s.study") as draft:
        draft.put_rows(table().with_distances(far), np.arange(12) >= 9)
        draft.put_facts(kind="table", features="all")
    study = Study(tmp_path / "s.study")
    np.testing.assert_array_equal(study.samples().distances, far[:9, :9])
    seen = {}

    def watch(samples):
        seen[samples.n_rows] = samples.distances
        return peek.__wrapped__(samples)

    for kind in (look, peek):
        watch.step = kind.step
        study.run(watch, reason="final")
    np.testing.assert_array_equal(seen[9], far[:9, :9])
    np.testing.assert_array_equal(seen[3], far[9:, 9:])
    for given in (seen[9], study.samples().distances):
        while given.base is not None:
            given = given.base
        assert given.shape == (9, 9), "nothing leads back to the others"
    assert study.rows_digest() == table().with_distances(far).digest() != table().digest()


def test_a_misspelt_setting_is_refused_before_the_seal_is_broken(tmp_path):
    study = make(tmp_path / "s.study")
    with pytest.raises(SettingError, match="name of a setting of .* must be one of"):
        study.run(peek, reason="to see", no_such_setting=1)
    assert study.openings() == []


def test_what_people_said_is_told_apart_from_names_of_groups(tmp_path):
    study = make(tmp_path / "a.study")
    first, second, third = study.samples().sample[:3]
    with study.store.writing() as db:
        add_labels(db, [(str(first), "a"), (str(second), "b")], how="person", step=None)
        add_labels(db, [(str(third), "c")], how="group", step=None)
        add_labels(db, [(str(second), None)], how="person", step=None)  # cannot tell
    assert study.said_by_people() == {str(first): "a"}
    assert {name: label for name, (label, how) in study.labels().items() if how == "person" and label} == {
        str(first): "a"
    }


def test_measurements_are_described_without_reading_a_row(tmp_path):
    study = make(tmp_path / "a.study")
    told, samples = study.described(), study.samples()
    assert tuple(told["features"]) == samples.feature_names and tuple(told["units"]) == samples.units
    (study.folder / "samples.parquet").write_bytes(b"PAR1")
    with pytest.raises(StudyError, match=r"samples\.parquet"):
        study.described()
