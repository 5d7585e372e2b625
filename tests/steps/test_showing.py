"""A window is found again where its recording lies, sealed ones by nobody."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from scipy.signal import butter, detrend, sosfiltfilt

from clew.errors import DataError, MissingError, SealedError
from clew.steps.showing import Windows, open_row, values_of
from clew.study.study import Study
from tests.steps.recorded import RATE, START, recorded_study, shaken


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    return recorded_study(folder, labels=False)


def test_a_window_is_what_was_recorded_then(made):
    samples, windows = made.samples(), Windows(made)
    for row in (0, 7, samples.n_rows - 1):
        origin = samples.origin.iloc[row]
        first = round((origin["start"] - START) * RATE)
        whole = shaken(int(origin["station"] == "XX.BBB"))
        np.testing.assert_array_equal(windows.raw(origin), whole[:, first : first + 250])


def test_a_window_as_measured_is_filtered_by_more_than_itself(made):
    samples, windows = made.samples(), Windows(made)
    origin = samples.origin.iloc[7]
    measured = windows.measured(origin)
    first = round((origin["start"] - START) * RATE)
    sos = butter(4, 1.0, "highpass", fs=RATE, output="sos")
    filtered = sosfiltfilt(sos, shaken(0)[0].astype(float))[first : first + 250]
    np.testing.assert_allclose(measured[0], detrend(filtered), atol=1e-2)
    alone = detrend(sosfiltfilt(sos, shaken(0)[0, first : first + 250].astype(float)))
    assert (
        np.abs(measured[0] - alone).max() > 1
    )  # the mutant: a window that is filtered without what lies round it


def test_what_was_measured_of_a_row_can_be_measured_of_its_window_again(made):
    samples, windows = made.samples(), Windows(made)
    column = samples.feature_names.index("peak_amplitude")
    for row in (0, 9):
        peak = np.abs(windows.measured(samples.origin.iloc[row])).max()
        assert peak == pytest.approx(samples.features[row, column], rel=1e-9)


def test_how_it_was_measured_is_said(made):
    assert Windows(made).how() == "above 1 Hz, without its trend"


def test_a_sealed_row_is_shown_to_nobody(made):
    samples = made.samples()
    sealed = next(name for name in made.sample_names() if name not in set(samples.sample))
    with pytest.raises(SealedError, match="which is sealed"):
        open_row(made, sealed)
    assert open_row(made, str(samples.sample[3]))[1] == 3


def test_an_unknown_row_is_refused(made):
    with pytest.raises(DataError, match="Got 'nonsense' instead"):
        open_row(made, "nonsense")


def test_moved_recordings_are_asked_for_by_relink(made, tmp_path):
    shutil.copytree(made.folder.parent, tmp_path / "other")
    study = Study(tmp_path / "other" / "r.study")
    (tmp_path / "other" / "AAA.mseed").rename(tmp_path / "gone.mseed")
    original = made.folder.parent / "AAA.mseed"
    original.rename(original.with_suffix(".kept"))
    try:
        with pytest.raises(MissingError, match="clew relink"):
            Windows(study)
        study.relink([tmp_path / "gone.mseed"])
        assert Windows(study).raw(study.samples().origin.iloc[0]).shape == (1, 250)
    finally:
        original.with_suffix(".kept").rename(original)


def test_a_study_of_tables_has_no_windows(table):
    with pytest.raises(DataError, match="must be about recordings"):
        Windows(table[0])


def test_values_are_told_with_units(made):
    told = values_of(made.samples(), 0)
    assert told.startswith("peak_amplitude ")
    assert " counts" in told
    assert told.endswith(" more")
