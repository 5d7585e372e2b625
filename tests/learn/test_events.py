"""Events: windows that hang together, the same however the stream is cut; and their table."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.errors import SettingError
from clew.learn.events import COLUMNS, Event, EventMerger, Events, Span, classes_left_out, merge_windows
from clew.result import Result

CLASSES = ["jump", "noise", "quake"]
RANDOM = np.random.default_rng(0)


def shares(letters: str, p: float = 0.8) -> np.ndarray:
    """Probabilities by the first letters of the classes; "." is a window that cannot be used."""
    rows = np.full((len(letters), 3), np.nan)
    for i, letter in enumerate(letters):
        if letter != ".":
            rows[i] = (1 - p) / 2
            rows[i, "jnq".index(letter)] = p
    return rows


def spans(letters: str, *, length=10, step=10, p=0.8, **settings) -> list[Span]:
    usable = np.array([letter != "." for letter in letters])
    first = np.arange(len(letters)) * step
    made = {"classes": CLASSES, "ignore": ["noise"], "length": length, "step": step} | settings
    return merge_windows(first, shares(letters, p), usable, **made)


def places(letters: str, **settings) -> list[tuple[str, int, int]]:
    return [(one.label[0], one.first, one.stop) for one in spans(letters, **settings)]


# ---- what hangs together ----
def test_neighbouring_windows_of_one_class_are_one_event_from_the_first_to_the_last():
    assert places("nnqqqnjjn") == [("q", 20, 50), ("j", 60, 80)]


def test_windows_that_overlap_are_one_event():
    assert places("nqqqn", length=10, step=4) == [("q", 4, 22)]
    assert places("nqnqn", length=10, step=4) == [("q", 4, 22)]  # 4 to 14 and 12 to 22
    assert places("nqnnqn", length=10, step=4) == [("q", 4, 14), ("q", 16, 26)]


def test_windows_that_follow_each_other_on_a_wide_grid_are_one_event():
    assert places("nqqnq", length=10, step=25) == [("q", 25, 60), ("q", 100, 110)]


def test_a_gap_of_other_windows_is_bridged_as_far_as_asked():
    assert places("qnnq", gap=18) == [("q", 0, 10), ("q", 30, 40)]
    assert places("qnnq", gap=20) == [("q", 0, 40)]


def test_no_gap_is_bridged_over_another_event():
    assert places("qjq", gap=100) == [("q", 0, 10), ("j", 10, 20), ("q", 20, 30)]


def test_what_was_not_recorded_ends_an_event():
    assert places("qq.qq") == [("q", 0, 20), ("q", 30, 50)]
    assert places("qq.qq", gap=100) == [("q", 0, 20), ("q", 30, 50)]
    assert places("qn.nq", gap=100) == [("q", 0, 10), ("q", 40, 50)]


def test_where_two_events_overlap_the_border_is_in_the_middle_of_what_they_share():
    assert places("nqjn", length=10, step=4) == [("q", 4, 11), ("j", 11, 18)]
    assert places("q.q", length=10, step=4) == [("q", 0, 9), ("q", 9, 18)]


def test_an_event_says_the_mean_and_the_highest_probability_of_its_windows():
    probability = shares("qqq")
    probability[1] = [0.02, 0.03, 0.95]
    (one,) = merge_windows(
        np.arange(3) * 10, probability, np.ones(3, bool), classes=CLASSES, length=10, step=10
    )
    assert one.probability == pytest.approx((0.8 + 0.95 + 0.8) / 3, abs=1e-15)
    assert one.highest == 0.95
    assert one.n_windows == 3


def test_without_a_class_that_is_none_every_window_is_of_an_event():
    assert places("nnq", ignore=[]) == [("n", 0, 20), ("q", 20, 30)]


# ---- threshold ----
def test_a_threshold_is_of_the_most_probable_class_that_is_an_event():
    rows = np.array([[0.1, 0.6, 0.3], [0.35, 0.4, 0.25]])

    def found(threshold):
        made = merge_windows(
            np.array([0, 10]), rows, np.ones(2, bool), classes=CLASSES, length=10, step=10,
            ignore=["noise"], threshold=threshold,
        )  # fmt: skip
        return [(one.label, one.first) for one in made]

    assert found(None) == []  # the most probable class is noise
    assert found(0.3) == [("quake", 0), ("jump", 10)]
    assert found(0.35) == [("jump", 10)]
    assert found(0.36) == []


def test_for_two_classes_half_is_the_same_as_the_most_probable_class():
    p = RANDOM.random(300)
    rows, ones = np.column_stack([p, 1 - p]), np.ones(300, bool)
    made = {"classes": ["noise", "quake"], "ignore": ["noise"], "length": 10, "step": 10}
    first = np.arange(300) * 10
    assert merge_windows(first, rows, ones, **made, threshold=0.5) == merge_windows(first, rows, ones, **made)


# ---- any chunks ----
def twin(letters, length, step, gap):
    """The definition, on all windows at once: which event windows hang together, then where the borders are."""
    events = [(i, c) for i, c in enumerate(letters) if c in "jq"]
    runs: list[list[int]] = []
    for (i, c), before in zip(events, [None, *events]):
        if (
            before
            and before[1] == c
            and "." not in letters[before[0] : i]
            and i * step <= before[0] * step + length + max(0, step + 1 - length) + gap
        ):
            runs[-1].append(i)
        else:
            runs.append([i])
    whole = [[letters[run[0]], run[0] * step, run[-1] * step + length] for run in runs]
    first = [one[1] for one in whole]
    for k in range(len(whole) - 1):
        if first[k + 1] < whole[k][2]:
            whole[k][2] = whole[k + 1][1] = (first[k + 1] + whole[k][2]) // 2
    return [tuple(one) for one in whole]


def in_pieces(letters, cuts, merger, through_json=True):
    """Push window by window in pieces; between them only the state is left."""
    made: list[Span] = []
    for a, b in zip([0, *cuts], [*cuts, len(letters)]):
        first = np.arange(a, b) * merger.step
        made += merger.push(first, shares(letters[a:b]), np.array([c != "." for c in letters[a:b]], bool))
        if through_json:
            again = json.loads(json.dumps(merger.state()))
            merger = EventMerger(CLASSES, length=merger.length, step=merger.step, ignore=["noise"], gap=merger.reach - max(0, merger.step + 1 - merger.length), state=again)  # fmt: skip
    return made + merger.flush()


streams = st.tuples(
    st.text("jqqnnn.", min_size=1, max_size=40),
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(0, 30),
    st.lists(st.integers(0, 40), max_size=6),
)


@given(streams)
@settings(deadline=None, max_examples=300)
def test_events_are_those_of_the_definition_in_whatever_pieces_the_windows_come(stream):
    letters, length, step, gap, cuts = stream
    cuts = sorted(min(cut, len(letters)) for cut in cuts)
    whole = spans(letters, length=length, step=step, gap=gap)
    merger = EventMerger(CLASSES, length=length, step=step, ignore=["noise"], gap=gap)
    assert in_pieces(letters, cuts, merger) == whole
    assert [(one.label[0], one.first, one.stop) for one in whole] == twin(letters, length, step, gap)
    assert sum(one.n_windows for one in whole) == sum(c in "jq" for c in letters)
    borders = [edge for one in whole for edge in (one.first, one.stop)]
    assert borders == sorted(borders)  # no moment is in two events
    assert all(one.first < one.stop for one in whole)


def test_a_merger_that_forgets_between_pieces_gives_other_events():
    class Forgetful(EventMerger):
        def push(self, *windows):
            return super().push(*windows) + self.flush()

    merger = Forgetful(CLASSES, length=10, step=10, ignore=["noise"])
    assert in_pieces("nqqn", [2], merger, through_json=False) != spans("nqqn")


def test_a_merger_that_bridges_what_was_not_recorded_gives_other_events():
    letters = "qq.qq"
    merger = EventMerger(CLASSES, length=10, step=10, ignore=["noise"], gap=10)
    made = (
        merger.push(np.arange(5) * 10, shares(letters.replace(".", "n")), np.ones(5, bool)) + merger.flush()
    )
    assert [(one.label[0], one.first, one.stop) for one in made] != twin(letters, 10, 10, 10)


# ---- classes that are no events ----
def test_a_class_called_noise_makes_no_events_and_that_is_said():
    out, told = classes_left_out(["Noise", "quake"], None)
    assert out == ["Noise"]
    assert told == ["Windows of class Noise make no events, by the name; --ignore names others."]
    assert classes_left_out(["car", "quake"], None) == ([], [])


def test_who_names_the_classes_that_are_no_events_is_obeyed():
    assert classes_left_out(["noise", "quake"], []) == ([], [])
    assert classes_left_out(["jump", "noise", "quake"], ["jump", "noise"]) == (["jump", "noise"], [])


def test_a_class_that_the_model_does_not_know_cannot_be_left_out():
    with pytest.raises(SettingError, match="Got 'nois' instead. Did you mean 'noise'"):
        classes_left_out(["noise", "quake"], ["nois"])
    with pytest.raises(SettingError, match="at least one class that is an event"):
        classes_left_out(["noise", "quake"], ["noise", "quake"])


# ---- the table ----
QUAKE = Event("BW.UH1.SH", "BW.UH1", 1274977473.21, 1274977493.21, "quake", 0.875, 0.95, 2)
COUNTED = {"windows": {"noise": 8, "quake": 2}, "left_out": {"gap": 3}}


def of(*events: Event, **counted) -> Events:
    return Events.of(events, classes=["noise", "quake"], **(COUNTED | counted))


def test_dated_events_have_times_as_text_and_others_in_seconds():
    assert QUAKE.row()["start"] == "2010-05-27T16:24:33.210"
    bare = Event("knock.wav", "knock.wav", 0.1 + 0.2, 1.5, "quake", 0.9, 0.9, 1, dated=False)
    assert bare.row()["start"] == 0.3
    assert of(bare).to_frame()["start"].dtype == np.float64
    assert of(QUAKE, bare).to_frame()["start"].tolist() == ["2010-05-27T16:24:33.210", "0.3"]


def test_the_table_has_one_row_an_event_and_its_columns_even_without_events():
    assert tuple(of(QUAKE, QUAKE).to_frame().columns) == COLUMNS
    assert of(QUAKE, QUAKE).to_frame()["n_windows"].tolist() == [2, 2]
    assert tuple(of().to_frame().columns) == COLUMNS


def test_an_event_comes_back_as_it_was_given():
    events = of(QUAKE)
    assert len(events) == 1
    assert events[0] == QUAKE


def test_a_result_without_events_says_why():
    assert of(QUAKE).headline() == "1 event in 13 windows: 1 quake"
    assert of(windows={"noise": 1200, "quake": 0}).headline() == (
        "no events in 1,203 windows: 1,200 are noise and 3 left out (gap)"
    )
    assert of(windows={}, left_out={}).headline() == "no events: not one whole window"


def test_events_are_saved_and_read_again(tmp_path):
    for events in (of(QUAKE), of()):
        again = Result.load(events.save(tmp_path / "events.result"))
        assert again.digest() == events.digest()
        assert again.summary() == events.summary()
