"""Events from files: what is written, what a kill leaves, what is refused, and following what grows."""

from __future__ import annotations

import dataclasses
import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clew.errors import DataError, SettingError, Stopped
from clew.learn.events import COLUMNS, Event, Events
from clew.learn.progress import Progress
from clew.measure import window_stream
from clew.read.miniseed_writer import write_miniseed
from clew.steps import detecting
from clew.steps.detecting import detect_events, write_events
from tests.detection_worlds import RATE, START, model, noise_with_knocks, write

FOUND = ["2010-05-27T16:26:12.000", "2010-05-27T16:29:32.000", "2010-05-27T16:32:00.000"]


def run(tmp_path, *paths, out="events.csv", forest=None, **settings):
    forest = forest or model()
    return detect_events(forest, tmp_path / "forest-1", list(paths), out=tmp_path / out, **settings)


def in_small_steps(monkeypatch):
    """Note the progress every 100 s of data, of blocks of 7 windows."""
    monkeypatch.setattr(detecting, "EVERY", 100.0)
    monkeypatch.setattr(window_stream, "BLOCK", 7)


# ---- what is written ----
def test_events_are_written_as_a_table_with_dates(tmp_path):
    told = run(tmp_path, write(tmp_path / "a.mseed"))
    table = pd.read_csv(tmp_path / "events.csv")
    assert tuple(table.columns) == COLUMNS
    assert table["start"].tolist() == FOUND
    assert table["end"].tolist()[0] == "2010-05-27T16:26:20.000"
    assert table["recording"].unique().tolist() == ["BW.UH1.SH"]
    assert table["station"].unique().tolist() == ["BW.UH1"]
    assert table["n_windows"].tolist() == [2, 1, 2]
    assert told.lines[0] == "3 events in 150 windows: 3 knock."
    assert told.data["labels"] == {"knock": 3}
    assert told.data["windows"] == {"knock": 5, "noise": 145}
    assert told.status == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mseed", "events.csv"]


def test_all_formats_say_the_same(tmp_path):
    import obspy

    path = write(tmp_path / "a.mseed")
    for name in ("events.csv", "events.parquet", "events.jsonl", "events.xml"):
        run(tmp_path, path, out=name)
    table = pd.read_csv(tmp_path / "events.csv")
    parquet, dates = pd.read_parquet(tmp_path / "events.parquet"), table.copy()
    for name in ("start", "end"):
        assert str(parquet[name].dtype) == "datetime64[us, UTC]"
        dates[name] = pd.to_datetime(dates[name], utc=True)
    pd.testing.assert_frame_equal(parquet, dates, check_dtype=False)
    pd.testing.assert_frame_equal(pd.read_json(tmp_path / "events.jsonl", lines=True, dtype=False), table)
    catalogue = obspy.read_events(tmp_path / "events.xml")
    picks = [event.picks[0] for event in catalogue]
    assert [str(pick.time)[:-4] for pick in picks] == FOUND
    assert picks[0].waveform_id.station_code == "UH1"
    assert picks[0].waveform_id.channel_code == "SHZ"
    assert picks[0].time_errors.uncertainty == 4.0


def test_a_table_is_written_as_pandas_writes_it(tmp_path):
    one = Event("a, b", 'the "old" one', 1e9 / 3, 1e9, "ö", 1 / 3, 0.1 + 0.2, 3)
    bare = dataclasses.replace(one, recording="bare", start=0.3, end=12.0, dated=False)
    for several in ([], [one], [bare], [one, bare]):
        events = Events.of(several, classes=["ö"], windows={}, left_out={})
        write_events(events, tmp_path / "events.csv")
        assert (tmp_path / "events.csv").read_text() == events.to_frame().to_csv(index=False)


def test_a_table_needs_no_pandas(tmp_path):
    code = (
        "import sys; from pathlib import Path; from clew.learn.events import Events;"
        "from clew.steps.detecting import write_events;"
        "write_events(Events.of([], classes=['a'], windows={}, left_out={}), Path(sys.argv[1]));"
        "assert 'pandas' in sys.modules"
    )
    for suffix, needs in ((".csv", False), (".parquet", True)):
        done = subprocess.run([sys.executable, "-c", code, tmp_path / f"events{suffix}"], capture_output=True)
        assert (done.returncode == 0) == needs


def test_recordings_without_dates_have_seconds_and_no_quakeml(tmp_path):
    np.save(tmp_path / "a.npy", noise_with_knocks())
    forest = model()
    how = forest.measure["plan"] | {"components": [""], "units": [""]}
    forest = dataclasses.replace(forest, measure=forest.measure | {"plan": how})
    run(tmp_path, tmp_path / "a.npy", rate=RATE, forest=forest)
    run(tmp_path, tmp_path / "a.npy", rate=RATE, forest=forest, out="events.parquet")
    for table in (pd.read_csv(tmp_path / "events.csv"), pd.read_parquet(tmp_path / "events.parquet")):
        assert table["start"].tolist() == [100.0, 300.0, 448.0]
    with pytest.raises(SettingError, match="must be dated. Got 'a.npy'.* write a .csv"):
        run(tmp_path, tmp_path / "a.npy", rate=RATE, forest=forest, out="events.xml")


def test_no_events_have_a_reason_and_a_table_with_a_head(tmp_path):
    quiet = write(tmp_path / "a.mseed", noise_with_knocks(knocks=(), seed=3))
    for name, content in (("events.csv", ",".join(COLUMNS) + "\n"), ("events.jsonl", "")):
        told = run(tmp_path, quiet, out=name)
        assert told.lines[0] == "No events in 150 windows: 150 are noise."
        assert (tmp_path / name).read_text() == content
        run(tmp_path, quiet, out=name)  # it is ours, and may be replaced


def test_recordings_that_do_not_fit_are_named_and_the_others_searched(tmp_path):
    write(tmp_path / "a.mseed")
    write(tmp_path / "b.mseed", noise_with_knocks(3), station="UH2")
    told = run(tmp_path, tmp_path / "a.mseed", tmp_path / "b.mseed")
    assert told.data["events"] == 3
    assert told.status == 1
    assert (
        "Left out: The recording 'BW.UH2.SH' must be as long as one window of the model (4 s). Got 3 s."
        in told.warnings
    )
    with pytest.raises(DataError, match="BW.UH2.SH.* Got 3 s"):
        run(tmp_path, tmp_path / "b.mseed")


# ---- going on ----
def killed(script: str, *args) -> None:
    """Run a script in a process that kills itself where the script says so."""
    code = f"import os, signal\nfrom tests.steps.test_detecting import *\ndie = lambda: os.kill(os.getpid(), signal.SIGKILL)\n{script}"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, args)], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


KILL = """
window_stream.BLOCK, detecting.EVERY = 7, 100.0
folder, times = Path(sys.argv[1]), int(sys.argv[2])
note, noted = Progress.note, []
def note_and_die(self, *what):
    note(self, *what)
    noted.append(what)
    if len(noted) == times:
        die()
Progress.note = note_and_die
run(folder, folder / "a.mseed", folder / "b.mseed")
"""


def test_a_run_that_was_killed_goes_on_and_writes_the_same_bytes(tmp_path, monkeypatch):
    in_small_steps(monkeypatch)
    for name, station, seed in (("a", "UH1", 0), ("b", "UH2", 5)):
        write(tmp_path / f"{name}.mseed", noise_with_knocks(seed=seed), station=station)
    both = [tmp_path / "a.mseed", tmp_path / "b.mseed"]
    run(tmp_path, *both, out="whole.csv")
    killed(KILL, tmp_path, 8)  # in the second recording
    progress = tmp_path / ".events.csv.progress"
    assert progress.exists()
    assert not (tmp_path / "events.csv").exists()
    with open(progress, "ab") as file:
        file.write(b'{"states": {"BW.UH2.SH": {"ne')  # as a power cut may leave it
    streamed: list[str] = []
    real = window_stream.stream_windows

    def stream(recording, **settings):
        streamed.append(recording.name)
        assert settings["first"] > 0
        return real(recording, **settings)

    monkeypatch.setattr("clew.learn.window_model.stream_windows", stream)
    told = run(tmp_path, *both)
    assert streamed == ["BW.UH2.SH"]  # the first one was done
    assert "Went on from an earlier run that had not ended." in told.warnings
    assert (tmp_path / "events.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert not progress.exists()


def test_ctrl_c_keeps_what_was_found(tmp_path, monkeypatch):
    in_small_steps(monkeypatch)
    path = write(tmp_path / "a.mseed")

    def interrupt(done, total):
        if done > 90:
            raise KeyboardInterrupt

    with pytest.raises(Stopped, match="what was found is kept, and the same command goes on"):
        run(tmp_path, path, on_progress=interrupt)
    assert "Went on from an earlier run that had not ended." in run(tmp_path, path).warnings
    assert pd.read_csv(tmp_path / "events.csv")["start"].tolist() == FOUND


def test_a_run_goes_on_from_any_note_with_the_same_bytes(tmp_path, monkeypatch):
    in_small_steps(monkeypatch)
    paths = [
        write(tmp_path / f"{i}.mseed", noise_with_knocks(seconds, seed=i), station=f"UH{i}")
        for i, seconds in enumerate(
            [600.0, 480.0, 60.0, 40.0, 30.0, 480.0]
        )  # some shorter than from note to note
    ]
    progress = tmp_path / ".events.csv.progress"
    with monkeypatch.context() as kept:
        kept.setattr(Progress, "remove", lambda progress: None)
        run(tmp_path, *paths)
    whole, lines = (tmp_path / "events.csv").read_bytes(), progress.read_bytes().splitlines(keepends=True)
    assert len(lines) > 12
    for n in range(len(lines) + 1):
        progress.write_bytes(b"".join(lines[:n]))
        run(tmp_path, *paths)
        assert (tmp_path / "events.csv").read_bytes() == whole


@pytest.mark.parametrize("change", ["recording", "threshold", "model", "restart"])
def test_a_run_of_something_else_begins_anew_and_says_so(tmp_path, monkeypatch, change):
    in_small_steps(monkeypatch)
    path = write(tmp_path / "a.mseed")
    with pytest.raises(Stopped, match="the same command goes on"):
        run(tmp_path, path, on_progress=lambda done, total: done < 90)
    assert len((tmp_path / ".events.csv.progress").read_text().splitlines()) == 4
    changed = {
        "threshold": {"threshold": 0.5},
        "model": {"forest": model(trees=11)},
        "restart": {"restart": True},
    }
    if change == "recording":
        write(path, noise_with_knocks(knocks=(8.0,), seed=4))
    told = run(tmp_path, path, **changed.get(change, {}))
    assert any("Began anew" in one for one in told.warnings) == (change != "restart")
    fresh = run(tmp_path, path, out="fresh.csv", **changed.get(change, {}))
    assert (tmp_path / "events.csv").read_bytes() == (tmp_path / "fresh.csv").read_bytes()
    assert told.data["events"] == fresh.data["events"]


def test_a_run_that_trusted_any_earlier_one_would_write_other_bytes(tmp_path, monkeypatch):  # the mutant
    in_small_steps(monkeypatch)
    path = write(tmp_path / "a.mseed")
    with pytest.raises(Stopped):
        run(tmp_path, path, on_progress=lambda done, total: done < 90)
    write(path, noise_with_knocks(knocks=(8.0,), seed=4))
    monkeypatch.setattr(detecting, "_made", lambda *what: {"any": "thing"})
    progress = tmp_path / ".events.csv.progress"
    lines = progress.read_text().splitlines(keepends=True)
    progress.write_text('{"made": {"any": "thing"}}\n' + "".join(lines[1:]))
    run(tmp_path, path)
    run(tmp_path, path, out="fresh.csv")
    assert (tmp_path / "events.csv").read_bytes() != (tmp_path / "fresh.csv").read_bytes()


# ---- live ----
def listened(monkeypatch, capsys, data: bytes, tmp_path, **settings):
    """What is printed, and told, when these bytes come at standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    forest = settings.pop("forest", model())
    told = detect_events(forest, tmp_path / "forest-1", [Path("-")], live=True, **settings)
    return capsys.readouterr().out, told


@pytest.mark.parametrize("plan", [(), (("highpass", 1.0),), (("highpass", 1.0), ("phase", "causal"))])
def test_what_comes_at_standard_input_gives_the_events_of_the_finished_file(
    tmp_path, monkeypatch, capsys, plan
):
    forest = model(plan=plan)
    path = write(tmp_path / "a.mseed")
    finished = run(tmp_path, path, forest=forest, out="events.jsonl")
    said, told = listened(
        monkeypatch, capsys, path.read_bytes(), tmp_path, forest=forest, out=tmp_path / "live.jsonl"
    )
    assert said == (tmp_path / "events.jsonl").read_text()
    assert said == (tmp_path / "live.jsonl").read_text()
    assert len(said.splitlines()) >= 3
    assert told.data["windows"] == finished.data["windows"]
    assert told.lines == []  # events alone are on stdout


def test_a_zero_phase_filter_is_said_to_delay_and_a_causal_one_is_not(tmp_path, monkeypatch, capsys, caplog):
    data = write(tmp_path / "a.mseed").read_bytes()
    for plan, because in (((("highpass", 1.0),), True), ((("highpass", 1.0), ("phase", "causal")), False)):
        caplog.clear()
        with caplog.at_level("INFO", logger="clew"):
            listened(monkeypatch, capsys, data, tmp_path, forest=model(plan=plan))
        assert "Listening to BW.UH1.SH; a window is known " in caplog.text
        assert ("zero-phase" in caplog.text) == because
        assert "3 events in 150 windows" in caplog.text


def test_a_live_recording_that_does_not_fit_is_named_and_the_others_listened_to(
    tmp_path, monkeypatch, capsys
):
    other = np.random.default_rng(0).normal(0, 100, (1, 6000)).astype(np.int32)
    slow = write_miniseed(
        tmp_path / "b.mseed", other, network="BW", station="UH2", channels=["BHZ"], rate=10.0, start=START
    )
    good = write(tmp_path / "a.mseed")
    said, told = listened(monkeypatch, capsys, slow.read_bytes() + good.read_bytes(), tmp_path)
    assert len(said.splitlines()) == 3
    assert told.status == 1
    assert any("Left out: The recording 'BW.UH2.BH' must reach 20 Hz" in one for one in told.warnings)
    with pytest.raises(DataError, match="No recording fits the model. Left out: The recording 'BW.UH2.BH'"):
        listened(monkeypatch, capsys, slow.read_bytes(), tmp_path)


INTERRUPT = """
folder = Path(sys.argv[1])
told = detect_events(model(), folder, [folder / "grows.mseed"], live=True, out=folder / "live.csv")
print(told.result.headline(), file=sys.stderr)
"""


@pytest.mark.parametrize("ends", [signal.SIGINT, signal.SIGTERM])
def test_a_growing_file_is_followed_until_ctrl_c_or_sigterm(tmp_path, ends):
    whole = write(tmp_path / "a.mseed", noise_with_knocks(knocks=(100.0, 104.0, 300.0, *range(560, 600, 4))))
    data, grows = whole.read_bytes(), tmp_path / "grows.mseed"
    half = len(data) // 2 // 4096 * 4096
    grows.write_bytes(data[:half])
    code = f"from tests.steps.test_detecting import *\n{INTERRUPT}"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        first = process.stdout.readline()
        assert json.loads(first)["start"] == FOUND[0]  # it was told while the file was still growing
        with open(grows, "ab") as file:
            file.write(data[half:])
        second = process.stdout.readline()
        assert json.loads(second)["start"] == FOUND[1]
        process.send_signal(ends)
        rest, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    (last,) = map(json.loads, rest.splitlines())
    assert last["start"] == "2010-05-27T16:33:52.000"  # it was still open
    assert "3 events" in errors
    assert pd.read_csv(tmp_path / "live.csv")["start"].tolist() == [*FOUND[:2], last["start"]]


def test_a_file_of_which_nothing_fits_is_refused_at_once(tmp_path):
    slow = np.random.default_rng(0).normal(0, 100, (1, 60_000)).astype(np.int32)
    about = {"network": "BW", "station": "UH2", "rate": 10.0, "start": START}
    write_miniseed(tmp_path / "a.mseed", slow, channels=["BHZ"], **about)
    write_miniseed(tmp_path / "b.mseed", slow, channels=["BHN"], **(about | {"rate": RATE}))
    for name, why in (("a", "must reach 20 Hz"), ("b", "must have the component 'Z'. Got 'N'")):
        with pytest.raises(
            DataError, match=f"No recording fits the model.*{why}"
        ):  # or it would listen for ever
            detect_events(model(), tmp_path, [tmp_path / f"{name}.mseed"], live=True)


def test_what_is_given_up_is_said_at_once_and_in_the_status(tmp_path, monkeypatch, capsys, caplog):
    about = {"network": "BW", "station": "UH1", "rate": RATE, "start": START}
    values = noise_with_knocks()[None].astype(np.int32)
    first = write_miniseed(tmp_path / "z.mseed", values, channels=["SHZ"], **about).read_bytes()
    data = first + write_miniseed(tmp_path / "n.mseed", values, channels=["SHN"], **about).read_bytes()
    monkeypatch.setattr("clew.read.live.CHUNK", 4096)
    for held, status in ((10**8, 0), (10_000, 1)):
        monkeypatch.setattr("clew.read.live_parsers.HELD", held)
        caplog.clear()
        said, told = listened(monkeypatch, capsys, data, tmp_path)
        assert len(said.splitlines()) == 3  # of the vertical alone
        assert told.status == status
        warned = [one.message for one in caplog.records if one.levelname == "WARNING"]
        assert any("the component N came later" in one for one in warned) == bool(status)


def test_files_that_cannot_be_read_are_named_and_the_others_searched(tmp_path):
    write(tmp_path / "b.mseed")
    (tmp_path / "a.mseed").write_bytes((tmp_path / "b.mseed").read_bytes()[:100])
    told = run(tmp_path, tmp_path)
    assert (told.data["events"], told.status) == (3, 1)
    assert any("Left out: The file" in one and "a.mseed" in one for one in told.warnings)
    with pytest.raises(DataError, match="a.mseed"):
        run(tmp_path, tmp_path / "a.mseed")


def test_a_live_run_follows_one_thing(tmp_path):
    with pytest.raises(SettingError, match="must follow one file.* Got 2 paths"):
        detect_events(model(), tmp_path, [Path("a"), Path("b")], live=True)
    with pytest.raises(SettingError, match="Got 1 path and a response"):
        detect_events(model(), tmp_path, [Path("-")], live=True, response=Path("a.xml"))


# ---- what is refused ----
@pytest.mark.parametrize(
    ("name", "content"), [("events.csv", "a,b\n1,2\n"), ("events.jsonl", "{}"), ("events.xml", "<quakeml/>")]
)
def test_a_file_that_holds_something_else_is_not_replaced(tmp_path, name, content):
    path = write(tmp_path / "a.mseed")
    (tmp_path / name).write_text(content)
    with pytest.raises(SettingError, match="must be new or hold earlier predictions"):
        run(tmp_path, path, out=name)
    assert (tmp_path / name).read_text() == content


def test_earlier_events_are_replaced(tmp_path):
    path = write(tmp_path / "a.mseed")
    for name in ("events.csv", "events.parquet", "events.jsonl", "events.xml"):
        run(tmp_path, path, out=name)
        before = (tmp_path / name).read_bytes()
        told = run(tmp_path, path, out=name, ignore=["knock"])
        assert (tmp_path / name).read_bytes() != before
        assert f"Replaced the earlier events in {tmp_path / name}." in told.warnings
    assert not any("Replaced" in one for one in run(tmp_path, path, out="new.csv").warnings)


def test_an_output_must_be_named_and_of_a_known_kind(tmp_path):
    path = write(tmp_path / "a.mseed")
    with pytest.raises(SettingError, match="--out must name the file to write"):
        detect_events(model(), tmp_path, [path])
    with pytest.raises(SettingError, match=r"must end in one of: .csv, .parquet, .jsonl, .xml. Got '.txt'"):
        run(tmp_path, path, out="events.txt")


def test_predictions_go_on_the_thread_of_the_models_study(tmp_path, monkeypatch):
    seen = {}

    def record(folder, forest, **what):
        seen.update(what, folder=folder)
        return None, ["These are the study's own recordings."]

    monkeypatch.setattr(detecting, "record_predictions", record)
    told = run(tmp_path, write(tmp_path / "a.mseed"))
    assert seen["n_rows"] == 3
    assert list(seen["sha256"]) == ["a.mseed"]
    assert seen["out"] == tmp_path / "events.csv"
    assert "These are the study's own recordings." in told.warnings


def test_a_bar_has_something_to_draw(tmp_path, monkeypatch):
    monkeypatch.setattr(window_stream, "BLOCK", 70)
    seen = []
    run(tmp_path, write(tmp_path / "a.mseed"), on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (150, 150)
    assert len(seen) > 2


def test_clipped_windows_are_said(tmp_path):
    values = noise_with_knocks()
    values[10_000:10_200] = np.clip(np.rint(2000 * np.sin(np.arange(200) / 5)), -1500, 1500)  # one window
    told = run(tmp_path, write(tmp_path / "a.mseed", values))
    assert told.data["clipped"] == told.result.clipped == 1
    assert any(
        one.startswith("1 window looks clipped, with many samples at the very top") for one in told.warnings
    )
    told = run(tmp_path, write(tmp_path / "b.mseed", station="UH2"), out="b.csv")
    assert told.data["clipped"] == 0
    assert not any("clipped" in one for one in told.warnings)
