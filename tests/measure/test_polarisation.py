"""Polarisation and ratios of components against ObsPy, and against waves whose direction is known."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import DataError
from clew.measure.polarisation import (
    POLARISATION,
    POLARISATION_UNITS,
    RATIO_UNITS,
    RATIOS,
    component_ratios,
    polarisation,
)
from tests.conftest import shared


def noise(n_windows=200, n=1000, seed=0):
    return np.random.default_rng(seed).normal(size=(n_windows, 3, n))


def wave(azimuth, incidence, n=1000):
    """A motion along one line: up, north, east."""
    at, from_up = np.radians(azimuth), np.radians(incidence)
    line = np.array([np.cos(from_up), np.sin(from_up) * np.cos(at), np.sin(from_up) * np.sin(at)])
    return line[:, None] * np.sin(np.arange(n) / 7) * np.exp(-np.arange(n) / 300)


def obspys(block):
    flinn = pytest.importorskip("obspy.signal.polarization").flinn
    azimuth, incidence, rectilinearity, planarity = np.array([flinn(list(window)) for window in block]).T
    return np.stack([rectilinearity, planarity, azimuth % 180, incidence], axis=1)


def assert_alike(found, expected, atol=1e-5):
    apart = np.abs(found - expected)
    apart[:, 2] = np.minimum(apart[:, 2], 180 - apart[:, 2])  # 0 and 180 are one line
    assert apart.max() < atol


def test_polarisation_of_noise_and_waves_equals_obspys():
    some = np.random.default_rng(1).uniform([0, 1], [360, 89], size=(200, 2))
    waves = np.stack([wave(*one) for one in some])
    for block in (noise(), waves + 0.1 * noise(), waves + 1e-3 * noise(), waves):
        assert_alike(polarisation(block), obspys(block))
    with pytest.raises(AssertionError):  # the mutant: north and east in the other order
        assert_alike(polarisation((waves + 0.1 * noise())[:, [0, 2, 1]]), obspys(waves + 0.1 * noise()))


def test_polarisation_of_an_earthquake_equals_obspys():
    file = shared("signals/obspy/rjob_20090824_event/BW.RJOB.EH.2009-08-24T00-20-03.mseed")
    stream = pytest.importorskip("obspy").read(str(file))
    traces = np.stack([stream.select(component=one)[0].data for one in "ZNE"]).astype(float)
    block = np.stack([traces[:, first : first + 200] for first in range(0, traces.shape[1] - 200, 100)])
    block += 0.25  # flinn leaves out what is 0 in all three
    assert_alike(polarisation(block), obspys(block))


@pytest.mark.parametrize(("azimuth", "incidence"), [(37, 20), (0.5, 45), (123, 89), (179, 3), (89.9, 60)])
def test_a_wave_has_the_direction_it_was_made_with(azimuth, incidence):
    for away in (azimuth, azimuth + 180):  # the two ends of a line on the map
        found = polarisation(np.stack([wave(away, incidence), -wave(away, incidence)]))
        np.testing.assert_allclose(found, [[1, 1, azimuth, incidence]] * 2, atol=1e-6)


def test_motion_in_a_circle_is_in_a_plane_and_along_no_line():
    t = np.arange(2000) * (2 * np.pi / 100)
    circle = np.stack([np.sin(t), np.cos(t), 1e-5 * np.sin(3 * t)])
    rectilinearity, planarity, _, _ = polarisation(circle[None])[0]
    assert rectilinearity == pytest.approx(0, abs=1e-9) and planarity == pytest.approx(1, abs=1e-9)


def test_noise_alike_in_all_directions_has_the_documented_shape():
    found = polarisation(noise(1000))
    assert found[:, :2].mean(axis=0) == pytest.approx([0.033, 0.095], abs=0.005)
    assert found[:, 2:].mean(axis=0) == pytest.approx([90, np.degrees(1)], abs=3)


def test_size_and_offset_change_nothing():
    block = noise(20) + wave(37, 20)
    for changed in (block * 1e-9, block * 1e9, block + np.array([[5.0], [-3], [1000]])):
        np.testing.assert_allclose(polarisation(changed), polarisation(block), rtol=1e-8)


def test_a_window_alone_has_the_bits_it_has_among_others():
    block = noise(20)
    for measure in (polarisation, component_ratios):
        np.testing.assert_array_equal(np.concatenate([measure(one[None]) for one in block]), measure(block))


@pytest.mark.parametrize("measure", [polarisation, component_ratios])
@pytest.mark.parametrize("dead", [0.0, 7.0, np.nan])
def test_a_dead_component_gives_no_numbers(measure, dead):
    block = noise(3)
    block[1, 2] = dead
    found = measure(block)
    assert np.isnan(found[1]).all() and np.isfinite(found[[0, 2]]).all()


def test_a_gap_in_one_component_leaves_the_rest():
    block = noise(1) + wave(37, 20)
    block[0, 0, 100:200] = np.nan
    rest = np.delete(block, np.s_[100:200], axis=2)
    np.testing.assert_array_equal(polarisation(block), polarisation(rest))


def test_ratios_equal_their_definition():
    block = noise(10) * np.array([[2.0], [3], [6]]) + 11
    up, north, east = block.std(axis=2).T
    expected = np.stack([np.sqrt((north**2 + east**2) / 2) / up, north / east], axis=1)
    np.testing.assert_allclose(component_ratios(block), expected, rtol=1e-12)


def test_every_column_has_a_name_and_a_unit():
    assert polarisation(noise(2)).shape[1] == len(POLARISATION) == len(POLARISATION_UNITS)
    assert component_ratios(noise(2)).shape[1] == len(RATIOS) == len(RATIO_UNITS)


def test_windows_without_three_components_are_refused():
    with pytest.raises(DataError, match=r"polarisation must be of shape .* Got \(5, 2, 100\)"):
        polarisation(np.zeros((5, 2, 100)))
