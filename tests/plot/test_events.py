"""Events stand where and when they were, lettered by class; a month is read a piece at a time."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_hex

from clew.plot.events import READ, events_figure, letter, timeline, triggers_figure
from clew.plot.style import GROUPS, svg
from clew.read.recording import Channel, Recording, Stretch, recording_of

DAY = 86400.0
START = 1274918400.0  # 2010-05-27


def happened(*events):
    """Return events of (start, end, label, station)."""
    start, end, label, station = (np.array(column) for column in zip(*events))
    return SimpleNamespace(start=start, end=end, label=label, station=station, recording=station)


class Slow:
    """Samples of any length that are made when they are read, and count how many are asked for at once."""

    def __init__(self):
        self.asked = []

    def read(self, first, stop):
        self.asked.append(stop - first)
        return np.sin(np.arange(first, stop) * 0.1)


def day(seconds=DAY, rate=2.0):
    x = np.random.default_rng(0).normal(size=int(seconds * rate))
    return recording_of(x[None], rate=rate, name="UH1", components=["Z"], start=START)


def test_a_day_has_a_line_of_an_hour_and_its_events_lettered():
    events = happened(
        (START + 3700, START + 3760, "quake", "UH1"), (START + 7190, START + 7300, "train", "UH1"), (START, START + 9, "quake", "UH2")
    )  # fmt: skip
    drawing = events_figure(events, day())
    axes = drawing.axes[0]
    words = [text.get_text() for text in axes.texts]
    assert words[:3] == ["05-27", "01:00", "02:00"]
    assert words.count("A") == words.count("B") == 1  # the other station's is left out
    assert "UH1, Z, from 2010-05-27 00:00:00 UTC; 2 events" in [text.get_text() for text in drawing.texts]
    bars = [
        (to_hex(bar.get_color()), bar.get_xdata()[0], round(bar.get_ydata()[0] + 0.45)) for bar in axes.lines
    ]
    assert sorted(bars) == [(GROUPS[0], 100.0, 22), (GROUPS[1], 0.0, 21), (GROUPS[1], 3590.0, 22)]


def test_an_event_over_midnight_of_a_line_is_on_both():
    events = happened((START + 7190, START + 7300, "train", "UH1"))
    axes = events_figure(events, day()).axes[0]
    bars = sorted((round(line.get_ydata()[0] + 0.45), *line.get_xdata()) for line in axes.lines)
    assert [(row, start) for row, start, _ in bars] == [(21, 0.0), (22, 3590.0)]
    assert bars[0][2] == pytest.approx(100.0)


def test_a_gap_stays_empty():
    recording = day()
    x = recording.read(0, recording.n)[0]
    x[2 * 3600 : 4 * 3600] = np.nan  # the second hour
    gap = recording_of(x[None], rate=2.0, name="UH1", start=START)
    drawing = events_figure(happened((START, START + 9, "a", "UH1")), gap)
    shapes = [one for one in drawing.axes[0].collections if to_hex(one.get_facecolor()[0]) == "#4c4f55"]
    assert len(shapes) == 24
    empty = [i for i, one in enumerate(shapes) if not any(len(path.vertices) for path in one.get_paths())]
    assert empty == [1]


def test_a_month_draws_and_never_holds_more_than_a_piece():
    rate, n = 10.0, int(30 * DAY * 10)
    data = Slow()
    month = Recording("UH1", rate, (Channel("Z", (Stretch(START, n, data),)),), station="UH1")
    drawing = events_figure(happened((START + 5 * DAY, START + 5 * DAY + 60, "quake", "UH1")), month)
    words = [text.get_text() for text in drawing.axes[0].texts]
    assert words[:2] == ["05-27", "05-28"]  # a line a day
    assert max(data.asked) <= READ
    assert sum(data.asked) >= n - 1000  # and yet every sample was looked at


def test_extremes_of_a_line_are_those_of_all_samples():
    from clew.plot.events import _line

    recording = day(seconds=3600)
    low, high = _line(recording, START, 3600.0, 100)
    x = recording.read(0, recording.n)[0].reshape(100, -1)
    middle = np.median((x.min(axis=1) + x.max(axis=1)) / 2)
    np.testing.assert_allclose(low, x.min(axis=1) - middle)
    np.testing.assert_allclose(high, x.max(axis=1) - middle)


def test_what_is_not_dated_counts_from_its_start():
    recording = recording_of(np.sin(np.arange(4000.0)), rate=10.0, name="a.wav")
    drawing = events_figure(happened((5.0, 9.0, "step", "a.wav")), recording)
    assert [text.get_text() for text in drawing.axes[0].texts][:3] == ["0 s", "60 s", "2 min"]
    assert drawing.texts[0].get_text() == "a.wav, from 0 s; 1 event"


def test_a_timeline_has_a_line_a_station_and_a_height_a_class():
    events = happened(
        (START, START + 60, "quake", "UH1"), (START + 3600, START + 3660, "train", "UH1"), (START + 7200, START + 7260, "quake", "UH2")
    )  # fmt: skip
    drawing = timeline(events)
    bars = [(round(bar.get_y(), 3), to_hex(bar.get_facecolor())) for bar in drawing.axes[0].patches]
    assert len(bars) == 3
    assert len({y for y, _ in bars}) == 3
    assert [colour for _, colour in bars] == [GROUPS[0], GROUPS[1], GROUPS[0]]
    assert "3 events, a line a station" in [text.get_text() for text in drawing.texts]
    assert drawing.axes[0].get_xlabel() == "h from 2010-05-27 00:00:00 UTC"
    assert svg(drawing, salt="t", label="x") == svg(timeline(events), salt="t", label="x")


def test_classes_keep_the_order_that_the_page_has():
    events = happened((START, START + 60, "train", "UH1"))
    bars = timeline(events, classes=["quake", "train"]).axes[0].patches
    assert to_hex(bars[0].get_facecolor()) == GROUPS[1]


def test_letters_do_not_end():
    assert [letter(i) for i in (0, 25, 26, 52)] == ["A", "Z", "A2", "A3"]


def test_triggers_stand_where_the_function_crosses_its_threshold():
    x = np.random.default_rng(0).normal(size=2000)
    function = np.ones(2000)
    function[500:600] = 5.0
    drawing = triggers_figure(
        x,
        function,
        [(START + 25.0, START + 30.0)],
        rate=20.0,
        on=3.5,
        off=1.0,
        start=START,
        label="UH1",
        unit="counts",
    )
    upper, lower = drawing.axes
    assert [text.get_text() for text in upper.texts] == [" 1"]
    assert [text.get_text() for text in lower.texts] == ["on 3.5", "off 1"]
    lines = {float(line.get_xdata()[0]) for line in lower.lines if line.get_xdata()[0] == line.get_xdata()[1]}
    assert 25.0 in lines
    assert lower.get_ylim()[1] > 5
    assert "UH1 1 trigger" in drawing.texts[0].get_text()
