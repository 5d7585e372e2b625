"""How rows are said, where objects lie, and how windows sound: closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from clew.app.items import audible, sped_up
from clew.errors import DataError, SettingError
from tests.app.fakes import fake_session
from tests.conftest import shared


@pytest.fixture
def session(blob_study):
    return fake_session(blob_study)


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    """A study of one real recording in windows of 10 s."""
    from clew import steps

    folder = tmp_path_factory.mktemp("windows")
    steps.new(
        folder / "quake.study", [shared("signals/obspy/sac/II.TLY.BHZ.SAC")], window="60s", highpass=1.0
    )
    return fake_session(folder / "quake.study")


def test_an_object_is_said_by_image_number_and_place(session):
    item = session.ask("queue.item", row=0)["item"]
    origin = session.workspace.samples.origin.iloc[0]
    assert (item["title"], item["tag"]) == ("blobs", f"#{origin['label']}")
    assert (
        item["about"] == f"blobs.tif, row {origin['centroid_row']:.0f}, column {origin['centroid_col']:.0f}"
    )


def test_an_object_lies_within_the_piece_and_its_outline_goes_round_its_centre(session):
    for row in (0, 17, 79):
        origin = session.workspace.samples.origin.iloc[row]
        told = session.ask("item.place", row=row)
        points, starts = told["arrays"]
        points = points.reshape(-1, 2)
        x0, y0, x1, y1 = told["box"]
        assert x0 <= origin["min_col"] and origin["max_col"] <= x1
        assert y0 <= origin["min_row"] and origin["max_row"] <= y1
        assert starts[0] == 0 and starts[-1] == len(points)
        centre = np.array([origin["centroid_col"], origin["centroid_row"]]) + 0.5
        angle = np.unwrap(np.arctan2(*(np.vstack([points, points[:1]]) - centre).T))
        assert abs(angle[-1] - angle[0]) == pytest.approx(
            2 * np.pi
        )  # once round; 0 if the centre lay outside


def test_neighbours_are_those_of_the_image_in_order(session):
    told = session.ask("item.around", row=20)
    labels = session.workspace.samples.origin["label"].to_numpy()[told["rows"]]
    assert told["rows"][told["at"]] == 20
    assert (np.diff(labels) > 0).all()
    assert told["what"] == "objects of blobs"


def test_objects_cannot_be_heard(session):
    with pytest.raises(DataError, match="windows of recordings can be heard"):
        session.ask("item.sound", row=0)
    with pytest.raises(SettingError, match="from 0 to 79"):
        session.ask("item.place", row=80)


def test_a_window_is_said_by_station_time_and_band(windows):
    item = windows.ask("queue.item", row=1)["item"]
    assert item["title"] == "II.TLY"
    assert (
        item["about"] == "2011-03-11 05:48:59.9 UTC, 60 s, above 1 Hz"
    )  # the header's 05:47:30.033, and 1,799 samples at 20 Hz


def test_a_window_sounds_as_it_was_measured_but_faster(windows):
    told = windows.ask("item.sound", row=0)
    (samples,) = told["arrays"]
    assert told["rate"] == 20.0 * told["faster"]
    assert len(samples) == 60 * 20
    assert np.abs(samples).max() == pytest.approx(0.9, abs=0.1)
    with pytest.raises(DataError, match="Only objects"):
        windows.ask("item.place", row=0)


def test_ten_hertz_at_100_samples_a_second_is_heard_as_400():
    assert sped_up(100.0) * 10 == 400
    assert [sped_up(rate) for rate in (1.0, 50.0, 4000.0, 44100.0)] == [4000.0, 80.0, 1.0, 1.0]


def test_sound_keeps_its_tone_and_has_quiet_ends():
    t = np.arange(5000) / 100
    heard = audible(7 + 3 * np.sin(2 * np.pi * 5 * t))
    tone = np.abs(np.fft.rfft(heard)).argmax() * 100 / 5000
    assert tone == pytest.approx(5, abs=0.02)
    assert abs(heard[0]) < 0.02 and abs(heard[-1]) < 0.02
    assert heard.dtype == np.float32
    assert np.abs(heard).max() == pytest.approx(0.9, abs=0.01)


def test_a_dead_window_is_silent():
    assert not audible(np.full(100, 4.0)).any()
    assert not audible(np.full(100, np.nan)).any()
