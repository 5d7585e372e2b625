"""The judgement of denoisers: ratios that are met, rivals that do something, and measures with known answers."""

from __future__ import annotations

import os

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from clew.bench import signal_denoising_quality as quality
from clew.bench.signal_denoising_quality import (
    Window,
    invented,
    kept,
    onsets,
    split_by_station,
    windows_in,
)
from clew.measure.signal_rivals import passed, subtracted
from tests.conftest import shared


def windows(n=6):
    found = []
    for i in range(n):
        random = np.random.default_rng(i)
        noise = (
            sosfilt(
                butter(2, [2, 4], "bandpass", fs=100.0, output="sos"),
                random.standard_normal((3, 9001)),
                axis=1,
            )
            * 100
        )
        noise[:, 3000:3400] += 2000 * random.standard_normal((3, 400))
        found.append(Window(f"XX.A{i // 2}", noise, 3000))
    return found


def above(x):
    return passed(x, 100.0)


def test_wiener_leaves_little_of_noise():
    rows = invented({"Wiener": lambda x: subtracted(x, 100.0, 4.0), "nothing": above}, windows())
    assert rows[0]["energy_left"] < 0.2 and rows[1]["energy_left"] == pytest.approx(1)


def test_peaks_that_are_lowered_are_told():
    rows = kept({"nothing": above, "half": lambda x: above(x) / 2}, windows())
    assert [row["least"] for row in rows] == pytest.approx([1, 0.5])


def test_an_event_that_is_none_is_counted():
    def inventive(x):
        out = np.zeros_like(x)
        out[:, 500:600] = 10 * x.std()
        return out

    rows = invented({"inventive": inventive, "all away": np.zeros_like}, windows())
    assert [row["loud"] for row in rows] == [1, 0]


def test_onsets_are_those_of_the_analyst():
    (row,) = onsets({"nothing": above}, windows())
    assert row["within_0.5_s"] > 0.8 and abs(row["median_s"]) < 0.2
    (late,) = onsets({"late": lambda x: np.roll(above(x), 200, axis=1)}, windows())
    assert late["within_0.5_s"] == 0


def test_no_station_is_on_both_sides():
    training, test = split_by_station(windows(12))
    assert not {one.station for one in training} & {one.station for one in test}
    assert len(training) + len(test) == 12 and test


def test_constant_padding_is_no_noise():
    one = windows(1)[0]
    one.values[:, :1000] = 7
    assert one.noise.shape == (3, 1800)


def test_the_shared_windows_are_read():
    found = windows_in(shared("signals/phasenet_ncedc"))
    assert len(found) == 77 and len({one.station for one in found}) == 58
    assert sum(len(one.values) == 1 for one in found) == 20


@pytest.mark.slow
@pytest.mark.skipif(
    "CLEW_QUALITY" not in os.environ, reason="trains for minutes: only where CLEW_QUALITY is set"
)
def test_the_net_beats_the_band_pass_on_stations_that_it_never_heard(capsys):
    told = quality.signal_denoising_quality(shared("signals/phasenet_ncedc"))
    with capsys.disabled():
        for part in ("gains", "invented", "onsets", "kept"):
            print(*told[part], sep="\n")
    after: dict = {}
    for row in told["gains"]:
        after.setdefault((row["method"], row["before_db"]), []).append(row["after_db"])
    for ratio in (-5.0, 0.0, 5.0, 10.0):
        assert np.median(after["net", ratio]) > np.median(after["band-pass", ratio]) + 2
        assert after["net, shuffled", ratio][0] < after["net", ratio][0] - 1.5
    assert all(row["energy_left"] < 0.1 for row in told["invented"] if row["method"] == "net")
