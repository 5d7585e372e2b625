"""The picker that clew comes with: small, whole, with an honest card, and right about earthquakes."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from clew.errors import SettingError
from clew.neural import pickers
from clew.neural.pickers import PICKERS, shipped_picker
from clew.neural.scan import scan
from clew.read.recording import recording_of
from clew.read.recordings import read_recordings
from clew.simulate.noise import noise
from clew.simulate.seismograms import seismograms
from tests.conftest import shared


def test_it_is_small_whole_and_says_what_it_has_learnt_from():
    assert PICKERS == ("small",)
    folder = Path(pickers.__file__).parent / "small"
    assert sum(one.stat().st_size for one in folder.iterdir()) < 2e6
    card = (folder / "README.md").read_text()
    for said in ("77 windows", "simulated earthquakes", "doi:10.7932/NCEDC", "STA/LTA", "never heard teleseisms", "false alarms"):  # fmt: skip
        assert said in card
    model = shipped_picker()
    assert model.n_parameters == 268_443 and model.phases == ["P", "S"] and model.rate == 100
    for phase in "PS":
        curve = model.validation["curves"][phase]
        assert np.interp(model.thresholds[phase], curve["threshold"], curve["f1"]) >= max(curve["f1"]) - 0.03
    with pytest.raises(SettingError, match="small"):
        shipped_picker("large")


def test_it_picks_the_p_wave_of_a_real_earthquake_that_it_never_heard():
    path = shared("signals/obspy/rjob_20090824_event/BW.RJOB.EH.2009-08-24T00-20-03.mseed")
    (one,) = read_recordings([path]).recordings
    found = scan(shipped_picker(), [one], engine="torch")
    p = found.time[found.phase == "P"]
    expected = datetime(2009, 8, 24, 0, 20, 7, 600_000, tzinfo=UTC).timestamp()
    assert len(p) == 1 and abs(p[0] - expected) <= 0.3


def test_it_finds_simulated_earthquakes_and_little_in_noise_without_any():
    made = seismograms(12, seconds=60.0, random_state=99)
    calm = noise(0, 72_000, seed=(7,), rate=100.0, start=0.0, site=1.0)
    loud = calm + 2500 * made.waves.transpose(1, 0, 2).reshape(3, -1)
    known = np.arange(12) * 60 + made.p / 100
    p, null = (
        scan(shipped_picker(), [recording_of(one, rate=100.0)], engine="torch") for one in (loud, calm)
    )
    times = p.time[p.phase == "P"]
    assert (np.abs(times[None] - known[:, None]).min(axis=1) <= 0.5).sum() >= 10
    assert len(null) <= 2
