"""The table of what is measured: every column has a name of its own, a unit, a set and a source."""

from __future__ import annotations

import pytest

from clew.errors import DataError, SettingError
from clew.measure import coherence, polarisation
from clew.measure.spectra import spectral_lines
from clew.measure.waveform_features import (
    NETWORK,
    POLARISATION,
    RATIOS,
    bands_and_cepstra,
    describe,
    of_each_component,
)

USUAL = {"rate": 100.0, "n": 1000, "unit": "m/s"}


def test_every_feature_has_a_name_of_its_own_a_unit_one_set_and_a_source():
    table = describe("ZNE", of=(0, 1, 2), three=(0, 1, 2), **USUAL, network=True)
    assert len(table.names) == len(table.units) == len(set(table.names)) == 3 * 44 + 4 + 2 + 4
    assert sorted(name for names in table.sets.values() for name in names) == sorted(table.names)
    assert list(table.sets) == [
        "amplitude", "shape", "frequency", "position", "trigger", "cepstral", "repetition",
        "polarisation", "ratios", "network",
    ]  # fmt: skip
    assert set(table.sources) == set(table.names)
    assert all(len(source) > 10 for source in table.sources.values())


def test_names_end_in_the_component_where_several_are_measured():
    assert describe("ZNE", of=(0,), three=None, **USUAL).names[1] == "rms_amplitude"
    several = describe(("Z", "Air Temperature"), of=(0, 1), three=None, **USUAL).names
    assert several[1] == "rms_amplitude_z"
    assert several[len(several) // 2 + 1] == "rms_amplitude_air_temperature"


@pytest.mark.parametrize(
    ("unit", "peak", "energy"),
    [("counts", "counts", "counts² s"), ("m/s", "m/s", "(m/s)² s"), ("", "", "")],
)
def test_amplitudes_are_in_the_unit_of_the_samples(unit, peak, energy):
    table = describe(["Z"], of=(0,), three=None, rate=100.0, n=1000, unit=unit)
    units = dict(zip(table.names, table.units))
    assert (units["peak_amplitude"], units["energy"]) == (peak, energy)
    assert units["dominant_frequency"] == "Hz"
    assert units["kurtosis"] == ""


def test_amplitudes_are_all_that_has_the_unit_of_the_samples():
    table = describe(["Z"], of=(0,), three=None, **USUAL)
    with_unit = [name for name, unit in zip(table.names, table.units) if "m/s" in unit]
    assert tuple(with_unit) == table.sets["amplitude"]


def test_three_components_and_stations_follow_at_the_end_under_the_names_of_who_measures_them():
    table = describe("ZNE", of=(0,), three=(0, 1, 2), **USUAL, network=True)
    assert table.names[-10:] == (
        *polarisation.POLARISATION,
        *polarisation.RATIOS,
        *coherence.NETWORK,
    )
    assert table.units[-10:] == (
        *polarisation.POLARISATION_UNITS,
        *polarisation.RATIO_UNITS,
        *coherence.NETWORK_UNITS,
    )
    assert len(POLARISATION + RATIOS + NETWORK) == 10


def test_bands_say_where_they_are():
    names = [one.name for one in bands_and_cepstra(spectral_lines(100.0, 1000, 40.0))]
    assert names[:2] == ["energy_below_0.312_hz", "energy_0.312_to_0.625_hz"]
    assert names[7:] == ["energy_20_to_40_hz", *(f"cepstral_{i}" for i in range(1, 9))]


def test_short_windows_have_fewer_features():
    assert len(of_each_component(spectral_lines(10.0, 16))) == 44 - 5 - 5


def test_components_of_one_name_are_refused():
    with pytest.raises(DataError, match="must have different names. Got Z, z"):
        describe(["Z", "z"], of=(0, 1), three=None, **USUAL)
    assert describe(["Z", "z"], of=(0,), three=None, **USUAL)


def test_windows_without_a_spectrum_are_refused():
    with pytest.raises(SettingError, match="at least 16 samples"):
        describe(["Z"], of=(0,), three=None, rate=100.0, n=10, unit="")
