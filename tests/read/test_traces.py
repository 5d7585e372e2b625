import numpy as np
import pytest

from clew.read.recording import InMemory, Stretch
from clew.read.traces import is_seed_channel, nominal_rate, seed_trace

STRETCH = Stretch(0.0, 4, InMemory(np.arange(4.0)))


@pytest.mark.parametrize(
    ("stated", "meant"),
    [
        (99.9999, 100),
        (100.00000223, 100),
        (1 / np.float32(0.05), 20),
        (0.33333332, 1 / 3),
        (1 / 60.0001, 1 / 60),
        (0.1, 0.1),
    ],
)
def test_a_rate_that_was_rounded_is_the_one_that_is_meant(stated, meant):
    assert nominal_rate(float(stated)) == meant


@pytest.mark.parametrize("rate", [62.5, 99.99, 12.5, 0.3, 0.7, 1e-3, 44_100.0, 100.01])
def test_a_rate_that_was_not_rounded_stays(rate):
    assert nominal_rate(rate) == pytest.approx(rate, rel=1e-15)


@pytest.mark.parametrize(
    ("identifier", "station", "sensor", "component"),
    [
        ("BW.UH1..SHZ", "BW.UH1", "SH", "Z"),
        ("IU.ULN.00.LH1", "IU.ULN", "00.LH", "1"),
        (".RNON..Z", "RNON", "", "Z"),
        ("xx.low..bhz", "xx.low", "BH", "Z"),
        ("XX.A.10.VERTICAL", "XX.A", "10", "VERTICAL"),
        ("XX.A..Q_1", "XX.A", "", "Q_1"),
        ("...BHE", "a.sac", "BH", "E"),
        ("XX.A..", "XX.A", "", ""),
    ],
)
def test_a_channel_is_a_component_of_a_sensor_of_a_station(identifier, station, sensor, component):
    trace = seed_trace(identifier, rate=99.9999, stretch=STRETCH, file="a.sac")
    assert (trace.station, trace.sensor, trace.component, trace.identifier) == (
        station,
        sensor,
        component,
        identifier,
    )
    assert trace.rate == 100


def test_codes_are_seeds_where_band_and_instrument_are():
    assert all(map(is_seed_channel, ["BHZ", "ehn", "LH1", "VM0", "HDF"]))
    assert not any(map(is_seed_channel, ["", "Z", "BH", "BHZZ", "YHZ", "B1Z", "B-Z", "ÄHZ"]))
