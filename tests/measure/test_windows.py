"""Windows of recordings as rows: what is kept, what is left out, what is said, on simulated and real ground."""

from __future__ import annotations

import json

import numpy as np
import pytest

from clew.errors import DataError, SettingError, Stopped
from clew.measure.waveforms import measure_waveforms
from clew.measure.window_plan import WindowPlan
from clew.measure.windows import measure_windows, stream_windows
from clew.read.given import Given
from clew.read.recording import recording_of
from tests.conftest import shared

RATE = 50.0


def one(name="A", *, components="ZNE", seconds=100.0, start=1274976000.0, seed=0, rate=RATE):
    x = np.random.default_rng(seed).normal(size=(len(components), int(seconds * rate))).cumsum(axis=1)
    return recording_of(x, rate=rate, name=name, components=components, start=start, unit="counts")


def changed(recording, change):
    x = recording.read(0, recording.n)
    change(x)
    return recording_of(
        x, rate=recording.rate, name=recording.name, components=recording.components, start=recording.start, unit="counts"
    )  # fmt: skip


def test_windows_are_filtered_levelled_and_measured():
    """Against scipy on the whole record, and the measurements of those windows."""
    from scipy.signal import butter, detrend, sosfiltfilt

    recording = one(seconds=200)
    measured = measure_windows([recording], highpass=1.0, taper=0.1)
    whole = sosfiltfilt(butter(4, 1.0, "highpass", fs=RATE, output="sos"), recording.read(0, recording.n))
    block = np.stack([detrend(whole[:, i : i + 500]) for i in measured.samples.origin["first"]])
    wanted = measure_waveforms(
        block, np.ones(block.shape[:2], bool), rate=RATE, of=(0,), three=(0, 1, 2), highest=20.0, taper=0.1
    )
    inner = slice(2, -2)
    np.testing.assert_allclose(measured.samples.features[inner], wanted[inner], rtol=1e-5, atol=1e-7)
    assert measured.counts["kept"] == 20


def test_a_model_measures_the_same_from_its_settings():
    recording = one()
    measured = measure_windows([recording], highpass=1.0, window=8, step=3)
    kept = json.loads(json.dumps(measured.settings))
    plan = WindowPlan.from_settings(kept["plan"])
    again = np.concatenate([block.features for block in stream_windows(recording, plan=plan)])
    np.testing.assert_array_equal(again, measured.samples.features)
    assert (kept["rate"], kept["components"], kept["unit"], kept["highest"]) == (
        RATE,
        ["Z", "N", "E"],
        "counts",
        20.0,
    )
    assert plan.features(RATE).names == measured.samples.feature_names


def test_gaps_flat_and_dead_windows_are_left_out_and_counted():
    def spoil(x):
        x[1, 1010:1020] = np.nan
        x[:, 2000:2200] = 5.0
        x[0, 3000:3500] = 0.0

    measured = measure_windows([changed(one(), spoil)])
    assert measured.counts == {
        "recordings": 1, "windows": 10, "kept": 7, "gap": 1, "flat": 1, "dead": 1, "clipped": 0, "too short": 0,
    }  # fmt: skip
    assert "Left out: 1 window of 10 with samples that were not recorded." in measured.notes
    assert measure_windows([changed(one(), spoil)], missing=0.1, flat=0).counts["kept"] == 9


def test_dead_horizontals_cost_features_or_windows_as_asked():
    def kill(x):
        x[1:] = 0.0

    recordings = [one("A"), changed(one("B"), kill), one("C", components="Z")]
    features = measure_windows(recordings)
    assert features.counts["kept"] == 30
    assert "rectilinearity" not in features.samples.feature_names
    assert any("2 of 3 recordings have no living horizontals" in note for note in features.notes)
    assert features.samples.origin.components.tolist() == ["ZNE"] * 10 + ["Z"] * 20
    assert WindowPlan.from_settings(features.settings["plan"]).three is None
    windows = measure_windows(recordings, lacking="windows")
    assert (windows.counts["kept"], windows.counts["lacking"]) == (10, 20)
    assert "rectilinearity" in windows.samples.feature_names
    with pytest.raises(SettingError, match="'lacking' setting"):
        measure_windows(recordings, lacking="rows")


def test_a_gap_in_the_horizontals_costs_its_windows_not_all_features():
    def spoil(x):
        x[1, 1000:2000] = np.nan

    measured = measure_windows([changed(one(), spoil)])
    assert (measured.counts["kept"], measured.counts["gap"]) == (8, 2)
    assert "rectilinearity" in measured.samples.feature_names


def test_a_living_component_stands_in_for_a_dead_vertical_and_that_is_said():
    def kill(x):
        x[[0, 2]] = 0.0

    measured = measure_windows([one("A"), changed(one("B"), kill)])
    assert measured.counts["kept"] == 20
    assert measured.samples.origin.components.tolist() == ["ZNE"] * 10 + ["N"] * 10
    assert any("In 10 windows the vertical is dead" in note for note in measured.notes)


def test_clipped_windows_are_kept_and_said():
    def clip(x):
        wave = 1000 * np.sin(np.arange(500) / 20)
        x[0, 500:1000] = np.clip(wave, -700, 700)

    measured = measure_windows([changed(one(), clip)])
    assert (measured.counts["clipped"], measured.counts["kept"]) == (1, 10)
    assert any(note.startswith("1 window looks clipped") for note in measured.notes)


def test_different_rates_are_measured_alike_and_said():
    measured = measure_windows([one("A"), one("B", rate=100.0)])
    assert measured.settings["rate"] == [50.0, 100.0]
    assert any(
        "different rates (50, 100 Hz): spectra are looked at up to 20 Hz" in note for note in measured.notes
    )


def test_a_recording_shorter_than_a_window_is_counted_and_said():
    measured = measure_windows([one("A"), one("B", seconds=5)])
    assert measured.counts["too short"] == 1
    assert any("1 recording of 2 is shorter than a window of 10 s: B." in note for note in measured.notes)


def test_nothing_usable_is_refused_with_reasons():
    def spoil(x):
        x[:, ::100] = np.nan

    with pytest.raises(
        DataError, match="usable window. Got 10 windows: 10 with samples that were not recorded"
    ):
        measure_windows([changed(one(), spoil)])
    with pytest.raises(DataError, match="at least one window. Got none"):
        measure_windows([one()], given=[])
    with pytest.raises(DataError, match="different names. Got 'A' twice"):
        measure_windows([one("A"), one("A", seed=1)])


def test_stations_are_compared_where_there_are_others():
    a, b, apart = one("A"), one("B", seed=1), one("C", rate=100.0, seed=2)
    measured = measure_windows([a, b, apart], network=True)
    assert measured.counts["alone"] == 10
    assert set(measured.samples.origin.recording) == {"A", "B"}
    assert any("on another station: C. Their windows are left out" in note for note in measured.notes)
    alone = measure_windows([a], network=True)
    assert "network" not in alone.samples.sets
    assert any("Stations are not compared" in note for note in alone.notes)


def test_progress_is_told_and_may_stop():
    seen = []
    measure_windows([one("A"), one("B")], on_progress=lambda *at: seen.append(at))
    assert seen == [(10, 20), (20, 20)]
    with pytest.raises(Stopped, match="after 10 of 20 windows"):
        measure_windows([one("A"), one("B")], on_progress=lambda done, total: False)


def real(name):
    data = np.load(name)["data"].T[::-1]  # E, N, Z in the files
    return recording_of(data, rate=100.0, name=name.stem, components="ZNE", unit="counts")


def test_the_padding_of_real_files_is_not_measured_and_dead_components_are_not_either():
    folder = shared("signals/phasenet_ncedc")
    recordings = [real(file) for file in sorted(folder.glob("*.npz"))]
    measured = measure_windows(recordings, highpass=1.0)
    padded, lone = set(), set()
    for recording in recordings:  # by NumPy alone
        x = recording.read(0, recording.n)
        start = int(np.argmax((np.diff(x) != 0).any(axis=0))) + 1
        if start >= 252:
            padded.add((recording.name, -(-start // 1000)))
        if (np.ptp(x, axis=1) > 0).sum() == 1:
            lone.add(recording.name)
    assert (len(padded), len(lone)) == (12, 20)
    origin = measured.samples.origin
    for name, n in padded:
        assert origin["first"][origin.recording == name].min() == 1000 * n
    assert set(origin.recording[origin.components == "Z"]) == lone
    assert measured.samples.n_features == len(measured.samples.feature_names) < 50
    assert np.isfinite(measured.samples.features).all()
    assert any("20 of 77 recordings have no living horizontals" in note for note in measured.notes)


def test_how_many_windows_have_which_label_is_said():
    spans = [
        Given("A", 1274976000.0 + at, 1274976000.0 + at + 10, label, {})
        for at, label in ((20, "P"), (43, "P"))
    ]
    measured = measure_windows([one()], given=spans, everywhere=True, rest="noise")
    assert measured.samples.labels.tolist() == ["noise"] * 2 + ["P", "", "P", ""] + ["noise"] * 4
    assert "Labels: 6 noise and 2 P; 2 windows without." in measured.notes
    assert not any("Labels" in note for note in measure_windows([one()]).notes)


@pytest.mark.parametrize(("step", "share", "alone"), [(5.0, "50%", 10), (2.5, "75%", 10), (7.5, "25%", 10)])
def test_windows_that_overlap_count_as_no_more_than_their_samples(step, share, alone):
    measured = measure_windows([one(seconds=100)], step=step)
    (said,) = [note for note in measured.notes if "overlap" in note]
    covered = np.zeros(5000, bool)  # by brute force: the samples that some window holds
    for first in measured.samples.origin["first"]:
        covered[first : first + 500] = True
    assert covered.sum() / 500 == pytest.approx(alone, abs=0.3)
    assert said == f"Windows overlap by {share}: {measured.samples.n_rows} windows hold the samples of {round(covered.sum() / 500)}, and count as no more."  # fmt: skip
    assert not any("overlap" in note for note in measure_windows([one()]).notes)


def test_the_horizontal_that_is_dead_is_named_and_one_recording_has():
    def kill(x):
        x[1] = 0.0

    dead = changed(one("B"), kill)
    assert any(
        "1 of 1 recording has no two living horizontals (N is dead):" in n
        for n in measure_windows([dead]).notes
    )
    both = measure_windows([one("A"), dead], lacking="windows")
    assert any("of recordings, with no two living horizontals (N is dead)." in note for note in both.notes)
    with pytest.raises(DataError, match="Got 10 windows: 10 of recordings, with no two .*N is dead"):
        measure_windows([dead], lacking="windows")


def test_dead_components_are_named_with_what_helps():
    def kill(x):
        x[2, 1000:1500] = 0.0

    measured = measure_windows([changed(one(), kill)], components="each")
    assert any("in which nothing moved (E in 1; --components measures others)." in n for n in measured.notes)


def test_components_of_which_none_is_known_as_the_vertical_are_said():
    said = "Which of the components A, B and C is the vertical is not known"
    assert any(said in note for note in measure_windows([one(components="ABC")]).notes)
    for components in ("ZNE", "AB", "Z"):
        assert not any("not known" in note for note in measure_windows([one(components=components)]).notes)
