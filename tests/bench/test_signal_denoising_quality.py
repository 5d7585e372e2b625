"""The judgement of denoisers: ratios that are met, rivals that do something, and measures with known answers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from clew.bench import signal_denoising_quality as quality
from clew.bench.signal_denoising_quality import (
    Window,
    above,
    gains,
    invented,
    mixed_at,
    onsets,
    split_by_station,
    subtracted,
    windows_in,
)
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


def test_events_are_mixed_at_the_ratio_that_was_asked_for():
    for pair in mixed_at(windows(), 5.0):
        energies = [(above(one) ** 2).sum() for one in (pair.truth, pair.noise)]
        assert 10 * np.log10(energies[0] / energies[1]) == pytest.approx(5)
        assert np.abs(pair.truth[:, : pair.p]).max() == 0


def test_what_does_nothing_gains_nothing_and_the_truth_is_all():
    rows = gains({"nothing": above, "all away": np.zeros_like}, windows())
    for row in rows:
        assert row["after_db"] == pytest.approx(
            row["before_db"] if row["method"] == "nothing" else 0, abs=1e-6
        )


def test_wiener_takes_noise_away():
    told = {
        row["method"]: row
        for row in gains({"Wiener": lambda x: subtracted(x, 4.0), "nothing": above}, windows())
        if row["before_db"] == 0
    }
    assert told["Wiener"]["after_db"] > told["nothing"]["after_db"] + 3
    left = {
        row["method"]: row["energy_left"]
        for row in invented({"Wiener": lambda x: subtracted(x, 4.0), "nothing": above}, windows())
    }
    assert left["Wiener"] < 0.2 and left["nothing"] == pytest.approx(1)


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
def test_the_net_beats_the_band_pass_on_stations_that_it_never_heard(capsys):
    told = quality.signal_denoising_quality(shared("signals/phasenet_ncedc"), max_epochs=20)
    with capsys.disabled():
        for part in ("gains", "invented", "onsets"):
            print(*told[part], sep="\n")
    after = {(row["method"].split()[0], row["before_db"]): row["after_db"] for row in told["gains"]}
    for ratio in quality.RATIOS:
        assert after["net", ratio] > after["band-pass", ratio] + 2
        assert after["net,", ratio] < after["net", ratio] - 3
    left = {row["method"].split()[0]: row for row in told["invented"]}
    assert left["net"]["energy_left"] < 0.05
