"""The walk-through on recordings, as a newcomer runs it; and how what it found is counted against the truth."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clew.cli import main
from clew.demo.signals import _detected, _marked, against_truth
from clew.learn.events import Event, Events
from clew.simulate import sensor_network
from clew.steps import Outcome
from clew.study.study import Study


@pytest.fixture(scope="module")
def told(demonstrated):
    return demonstrated("clew demo signals --out village --no-serve")


def run(*words):
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return left.value.code


# ---- the story ----
@pytest.mark.slow
def test_all_nine_parts_are_told_in_order(told):
    text = " ".join(" ".join(told[1].lines).split())
    places = [text.index(f"({number})") for number in range(1, 10)]
    assert places == sorted(places)
    for said in ("simulated", "Drawn twice, the map differs", "Hypotheses:", "circular", "somebody marked"):
        assert said in text
    assert max(len(line) for line in told[1].lines if "/" not in line) <= 100


@pytest.mark.slow
def test_the_groups_are_mostly_what_people_marked(told):
    text = " ".join(" ".join(told[1].lines).split())
    right, of = map(
        int, re.search(r"(\d+) of (\d+) windows are in a group that holds mostly their kind", text).groups()
    )
    assert 3 <= told[1].data["k"] <= 6
    assert 0.8 < right / of < 1
    assert "SIM1, the noisiest place" in text


@pytest.mark.slow
def test_earthquakes_are_found_and_wind_that_nobody_marked_is_taken_for_something_else(told):
    truth = told[1].data["truth"]
    for kind, one in truth["kinds"].items():
        assert one["found"] >= 0.85 * one["heard"] > 0, kind
        assert one["false"] <= 4, kind
    assert truth["wind"]["heard"] == 8 and sum(truth["wind"]["called"].values()) >= 4


@pytest.mark.slow
def test_the_noisiest_station_is_told_to_be_the_least_reliable(told):
    ranks = told[1].data["sensors"]["station"]["sensors"]
    monday = sensor_network(hours=0.1, earthquakes=0, jumps=0, trains=0, winds=0)
    assert ranks[-1]["name"] == f"XX.{monday.stations[monday.site.argmax()]}"
    kinds = {one["name"]: one["alone"]["value"] for one in told[1].data["sensors"]["measurement"]["sensors"]}
    assert kinds["frequency"] > kinds["amplitude"]


@pytest.mark.slow
def test_the_forest_gives_one_hash_on_any_number_of_threads_and_the_thread_is_on_record(told):
    out, outcome = told
    assert len(set(outcome.data["threads"].values())) == 1
    verbs = [one.verb for one in Study(out / "village.study").steps()]
    assert verbs[-6:] == ["validate", "explain", "sensors", "sensors", "test", "predict"]
    assert (out / "village.study" / "report.html").stat().st_size > 50_000


@pytest.mark.slow
def test_every_command_that_is_told_runs(told, tmp_path, monkeypatch, capsys):
    out, outcome = tmp_path / "village", told[1]
    shutil.copytree(told[0], out)
    monkeypatch.chdir(tmp_path)
    commands = (re.search(r"  (clew (log|verify|predict|new) .*)", line) for line in outcome.lines)
    said = [found[1] for found in commands if found]
    assert [one.split()[1] for one in said] == ["log", "verify", "predict", "new"]
    for one in said:
        one = one.replace(str(told[0]), str(out))
        words = shlex.split(one.replace("RECORDINGS", str(out / "tuesday" / "XX.SIM1.mseed")))
        assert run(*words[1:]) == 0, capsys.readouterr().err
    from obspy import read_events

    events = pd.read_csv(outcome.data["events"])
    assert len(read_events(str(tmp_path / "tuesday.xml"))) == len(events) > 50


# ---- what is marked ----
def test_what_is_marked_is_what_happens_and_silence_is_silent():
    day = sensor_network(hours=3, earthquakes=24, jumps=16, trains=8, winds=0)
    table = _marked(day)
    assert list(table) == ["station", "start", "end", "label", "event"]
    assert table["label"].value_counts().to_dict() == {"earthquake": 96, "silence": 96, "jumping": 16} | {
        "train": (table["label"] == "train").sum()
    }
    start, end = (
        np.array([pd.Timestamp(text).timestamp() for text in table[name]]) for name in ("start", "end")
    )
    assert (end > start + 9.9).all()
    for station in day.stations:
        mine = (table["station"] == f"XX.{station}").to_numpy()
        j = list(day.stations).index(station)
        said = day.truth.kind_of(j, start[mine], end[mine])
        marked = table["label"].to_numpy()[mine]
        assert (said[marked == "silence"] == "silence").all()
        assert (
            said[np.isin(marked, ["jumping", "train"])] == marked[np.isin(marked, ["jumping", "train"])]
        ).all()


# ---- counting ----
def found(*events):
    made = [
        Event(f"{station}.HH", station, start, end, label, 0.9, 0.9, 1)
        for station, start, end, label in events
    ]
    return Events.of(made, classes=["earthquake", "jumping", "train"], windows={}, left_out={})


@pytest.fixture(scope="module")
def day():
    return sensor_network(hours=0.5, earthquakes=2, jumps=1, trains=0, winds=1, smallest=2.5)


def perfect(day):
    truth = day.truth
    return [
        (f"XX.{day.stations[j]}", truth.start[i, j], truth.end[i, j], str(truth.kind[i]))
        for i, j in np.argwhere(np.isfinite(truth.start))
        if truth.kind[i] != "wind"
    ]


def test_the_truth_itself_is_all_found_and_nothing_is_false(day):
    counted = against_truth(found(*perfect(day)), day)
    assert counted["kinds"]["earthquake"] == {"heard": 8, "found": 8, "false": 0}
    assert counted["kinds"]["jumping"] == {"heard": 1, "found": 1, "false": 0}
    assert counted["wind"] == {"heard": 4, "called": {}}
    assert list(counted["by_station"]) == day.stations.tolist()


def test_nothing_found_is_all_missed(day):
    counted = against_truth(found(), day)
    assert [one["found"] for one in counted["kinds"].values()] == [0, 0, 0]
    assert counted["kinds"]["earthquake"]["heard"] == 8


def test_what_is_found_elsewhere_or_called_otherwise_is_false(day):
    (station, start, end, _), *_ = (one for one in perfect(day) if one[3] == "earthquake")
    others = [name for name in day.stations if f"XX.{name}" != station]
    counted = against_truth(found((station, start, end, "train")), day)
    assert counted["kinds"]["train"] == {"heard": 0, "found": 0, "false": 1}
    assert counted["kinds"]["earthquake"]["found"] == 0
    counted = against_truth(found((station, start - 60, start - 50, "earthquake")), day)
    assert counted["kinds"]["earthquake"] == {"heard": 8, "found": 0, "false": 1}
    counted = against_truth(found((f"XX.{others[0]}", start, end, "jumping")), day)
    assert counted["kinds"]["jumping"]["false"] == 1
    near = against_truth(found((station, start - 12, start - 5, "earthquake")), day)  # within 10 s: neither
    assert near["kinds"]["earthquake"] == {"heard": 8, "found": 0, "false": 0}


def test_what_wind_is_called_is_counted_apart(day):
    i = int(np.flatnonzero(day.truth.kind == "wind")[0])
    middle = day.truth.start[i, 0] + 30
    counted = against_truth(found((f"XX.{day.stations[0]}", middle, middle + 10, "train")), day)
    assert counted["wind"]["called"] == {"train": 1}
    assert counted["kinds"]["train"]["false"] == 0


def test_the_table_shows_what_is_false_in_wind_beside_what_is_false_elsewhere(day):
    """Every false event stands in the table: none only in the sentences below it."""
    i = int(np.flatnonzero(day.truth.kind == "wind")[0])
    gust = (f"XX.{day.stations[0]}", day.truth.start[i, 0] + 20, day.truth.start[i, 0] + 50, "train")
    events = found(*perfect(day), gust)
    counted = against_truth(events, day)
    lines = _detected(Outcome(["9 events."], {}), counted, day, Path("tuesday.csv"))
    head = next(line for line in lines if "found" in line and "false" in line)
    assert head.split() == ["found", "false", "in", "wind", "false", "elsewhere"]
    rows = {line.split()[0]: line for line in lines if re.match(r" {4}[a-z]+ +\d+ of", line)}
    assert rows["train"].split()[1:] == ["0", "of", "0", "1", "0"]
    assert rows["earthquake"].split()[1:] == ["8", "of", "8", "0", "0"]
    assert head.index("wind") + len("wind") == rows["train"].rindex("1") + 1  # under its head
