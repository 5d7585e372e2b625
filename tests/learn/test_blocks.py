"""Columns are put together by the endings of their names, and by the sets that the samples have."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clew.learn.blocks import BETWEEN, OTHERS, by_component, by_measurement
from clew.samples import Samples


def named(*names, sets=None):
    rows = np.array(["r0", "r1"])
    return Samples(
        features=np.zeros((2, len(names))), feature_names=names, units=("",) * len(names), sample=rows,
        origin=pd.DataFrame({"source": rows}), group=rows, sets=sets or {},
    )  # fmt: skip


STEMS = ("rms_amplitude", "kurtosis", "energy_1_to_2_hz", "cepstral_1", "cepstral_2")


def test_components_are_known_by_the_endings_of_names():
    names = [f"{stem}_{c}" for c in "zne" for stem in STEMS] + ["rectilinearity", "z_to_h"]
    found = by_component(named(*names))
    assert list(found) == ["Z", "N", "E", BETWEEN]
    assert found["N"] == [5, 6, 7, 8, 9]
    assert found[BETWEEN] == [15, 16]


def test_numbers_of_one_component_are_no_components():
    cepstral = [f"cepstral_{i}" for i in range(1, 9)]
    assert (
        by_component(
            named(
                "rms_amplitude",
                "kurtosis",
                "energy_1_to_2_hz",
                "energy_2_to_4_hz",
                "energy_4_to_8_hz",
                *cepstral,
            )
        )
        == {}
    )
    numbered = by_component(named(*(f"{stem}_{c}" for c in "12" for stem in STEMS)))
    assert list(numbered) == ["1", "2"]  # horizontals may be called so


def test_what_a_recording_measures_is_found_component_by_component():
    from clew.measure.waveforms import describe

    table = describe(
        ["Z", "N", "E"], rate=100.0, n=1000, unit="counts", of=(0, 1, 2), three=(0, 1, 2), highest=40.0
    )
    found = by_component(named(*table.names))
    assert list(found)[:3] == ["Z", "N", "E"]
    assert len(found["Z"]) == len(found["N"]) == len(found["E"])
    one = describe(["Z"], rate=100.0, n=1000, unit="counts", of=(0,), three=None, highest=40.0)
    assert by_component(named(*one.names)) == {}


def test_each_measurement_is_in_the_first_set_that_holds_it():
    sets = {"size": ("area", "length"), "shape": ("length", "roundness")}
    found = by_measurement(named("area", "length", "roundness", "colour", sets=sets))
    assert found == {"size": [0, 1], "shape": [2], OTHERS: [3]}


def test_without_sets_each_feature_stands_for_itself():
    assert by_measurement(named("rain", "wind")) == {"rain": [0], "wind": [1]}
