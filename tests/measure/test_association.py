import dataclasses
import sys

import numpy as np
import pytest

from clew.errors import ClewError, DataError, SettingError
from clew.measure.association import associate
from clew.measure.picks import Picks
from clew.read.stations import Station
from clew.simulate.shaking import VP, VS, Earthquake

BEGIN, HOURS, N_STATIONS, N_EVENTS = 1.3e9, 1.0, 12, 8
LATITUDE, LONGITUDE = 46.0, 12.0
NORTH, EAST = (
    111.15,
    111.41 * np.cos(np.radians(LATITUDE)),
)  # km a degree at 46 degrees north, of WGS 84 to 0.1%
RNG = np.random.default_rng(0)
POSITIONS = RNG.uniform(-25, 25, (N_STATIONS, 2))  # km east and north
STATIONS = [
    Station(f"XX.S{i:02d}", LATITUDE + north / NORTH, LONGITUDE + east / EAST, 0.0)
    for i, (east, north) in enumerate(POSITIONS)
]


def picks_of(rows):
    """Return picks of rows of station, phase and time."""
    rows = sorted(rows, key=lambda row: (row[0], row[2]))
    station, phase, time = (np.array([row[i] for row in rows]) for i in range(3))
    n = len(rows)
    return Picks(
        recording=np.char.add(station, ".HH"),
        station=station,
        phase=phase,
        time=time,
        probability=np.full(n, 0.5),
        uncertainty=np.full(n, 0.1),
        start=np.full(n, np.nan),
        end=np.full(n, np.nan),
        dated=np.ones(n, bool),
    )


def noise_picks(rng, n):
    times = BEGIN + rng.uniform(0, HOURS * 3600, n)
    return [(STATIONS[rng.integers(N_STATIONS)].name, "PS"[rng.integers(2)], float(time)) for time in times]


def earthquakes(rng, *, delayed=0.0):
    """Return the origins (time, earthquake), and the rows of picks with the number of the event of each."""
    origins, rows = [], {}
    for number, begin in enumerate(BEGIN + 60 + (HOURS * 3600 - 120) * np.arange(N_EVENTS) / N_EVENTS):
        quake = Earthquake(1.0, *rng.uniform(-25, 25, 2), rng.uniform(5, 12))
        origins.append((begin, quake))
        for station, position in zip(STATIONS, POSITIONS):
            for phase, velocity, scatter in (("P", VP, 0.05), ("S", VS, 0.1)):
                late = rng.uniform(-delayed, delayed) + rng.normal(0, scatter)
                if rng.random() > 0.1:  # one in ten is missed
                    rows[station.name, phase, float(begin + quake.distance(position) / velocity + late)] = (
                        number
                    )
    return origins, rows


@pytest.fixture(scope="module")
def found():
    pytest.importorskip("pyocto")
    rng = np.random.default_rng(1)
    origins, rows = earthquakes(rng)
    picks = picks_of([*rows, *noise_picks(rng, 300)])
    truth = np.array(
        [rows.get(row, -1) for row in zip(picks.station.tolist(), picks.phase.tolist(), picks.time.tolist())]
    )
    return origins, truth, picks, associate(picks, STATIONS)


def test_simulated_earthquakes_are_found_among_picks_of_noise(found):
    _, truth, _, result = found
    assert len(result) == N_EVENTS  # all, and no others
    right = (result.event == truth) & (truth >= 0)  # events are in the order of time, as the true ones
    assert right.sum() / (result.event >= 0).sum() >= 0.98  # precision of picks in events
    assert right.sum() / (truth >= 0).sum() >= 0.95  # recall
    assert result.n_left == (result.event < 0).sum() >= 290
    assert result.headline().endswith(f"{result.n_left} of none")


def test_origins_are_where_and_when_they_were(found):
    origins, _, _, result = found
    apart = []
    for number, (begin, quake) in enumerate(origins):
        north = (result.latitude[number] - LATITUDE) * NORTH
        east = (result.longitude[number] - LONGITUDE) * EAST
        apart.append(np.hypot(north - quake.north, east - quake.east))
        assert abs(result.time[number] - begin) < 0.5 and abs(result.depth[number] - quake.depth) < 5
    assert np.median(apart) < 1 and max(apart) < 4  # km: PyOcto searches to 1.5 km


def test_residuals_are_observed_less_computed_times(found):
    _, _, picks, result = found
    for i in np.flatnonzero(result.event == 0):
        station = next(one for one in STATIONS if one.name == picks.station[i])
        apart = [
            (station.latitude - result.latitude[0]) * NORTH,
            (station.longitude - result.longitude[0]) * EAST,
            result.depth[0],
        ]
        computed = result.time[0] + np.linalg.norm(apart) / {"P": VP, "S": VS}[str(picks.phase[i])]
        assert result.residual[i] == pytest.approx(picks.time[i] - computed, abs=0.05)  # 0.1% of 50 km
    own = result.residual[result.event == 0]
    assert result.rms[0] == pytest.approx(np.sqrt(np.mean(own**2))) and result.n_picks[0] == own.size
    assert np.isnan(result.residual[result.event < 0]).all()


def test_events_are_a_table_and_keep_their_settings(found):
    *_, result = found
    table = result.to_dataframe()
    assert table["time"].is_monotonic_increasing and len(table) == N_EVENTS
    assert result.settings["p_velocity"] == 6.0 and "XX.S00" in result.settings["stations"]
    assert result.summary() == {
        "events": N_EVENTS,
        "picks": len(result.event),
        "picks_of_no_event": result.n_left,
    }


def test_picks_at_random_moments_are_no_events():
    """In 20 runs at twice this rate there was none either; the mutant is the test of earthquakes above."""
    pytest.importorskip("pyocto")
    for seed in range(3):
        result = associate(picks_of(noise_picks(np.random.default_rng(seed), 400)), STATIONS)
        assert len(result) == 0 and result.n_left == 400


def test_earthquakes_whose_picks_are_shuffled_in_time_are_none():
    pytest.importorskip("pyocto")
    _, rows = earthquakes(np.random.default_rng(1), delayed=60.0)
    assert len(associate(picks_of(rows), STATIONS)) == 0


def test_crustal_phases_count_and_bare_station_codes_are_understood(found):
    _, _, picks, result = found
    named = np.array([{"P": "Pg", "S": "Sn"}[phase] for phase in picks.phase.tolist()])
    bare = [dataclasses.replace(one, name=one.name[3:]) for one in STATIONS]
    again = associate(dataclasses.replace(picks, phase=named), bare)
    np.testing.assert_array_equal(again.event, result.event)


def test_what_cannot_be_associated_is_counted(found):
    _, truth, picks, _ = found
    some = picks.take(np.flatnonzero(truth == 0))
    phase = some.phase.astype("<U3")
    phase[0] = "Lg"
    left = associate(dataclasses.replace(some, phase=phase), STATIONS[1:])
    lost = int((some.station == "XX.S00").sum())
    assert left.notes == [
        f"{lost} of {len(some)} picks are at stations whose place is not known (XX.S00) and were left out.",
        f"1 of {len(some)} picks are neither of P nor of S waves and were left out.",
    ]
    assert len(left) == 1 and left.event[0] == -1 and (left.event[some.station == "XX.S00"] == -1).all()


def test_no_picks_are_no_events():
    empty = picks_of(noise_picks(np.random.default_rng(0), 3)).take(np.zeros(3, bool))
    assert len(associate(empty, STATIONS)) == 0


@pytest.mark.parametrize(
    ("stations", "settings", "error", "said"),
    [
        ([], {}, DataError, "must know where stations stand: a table with station, latitude.*'coincidences'"),
        ([Station("XX.S0", 46, 12)], {}, DataError, r"must be among those whose place is known: XX.S0. Got: XX.S\d\d.*Did you mean"),
        ([Station("YY.S00", 46, 12)], {}, DataError, "must be among those whose place is known"),
        ([*STATIONS, Station("XX.far", 10, 12)], {}, DataError, "must lie within 15 degrees.*Got 36"),
        (STATIONS, {"p_velocity": 3.0}, SettingError, "that of P above that of S. Got 3.0 and 3.46"),
        (STATIONS, {"tolerance": 0.0}, SettingError, "'tolerance' of association must be above 0. Got 0.0"),
        (STATIONS, {"least_picks": 3}, SettingError, "at least 4 picks"),
    ],
)  # fmt: skip
def test_bad_settings_and_stations_are_refused(stations, settings, error, said):
    picks = picks_of(noise_picks(np.random.default_rng(0), 9))
    with pytest.raises(error, match=said):
        associate(picks, stations, **settings)


def test_undated_picks_are_refused():
    picks = picks_of(noise_picks(np.random.default_rng(0), 9))
    with pytest.raises(DataError, match="must be dated to be associated. Got picks in 'XX"):
        associate(dataclasses.replace(picks, dated=np.zeros(9, bool)), STATIONS)


def test_without_pyocto_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyocto", None)
    with pytest.raises(ClewError, match=r"needs the package 'pyocto': pip install 'clew\[associate\]'"):
        associate(picks_of(noise_picks(np.random.default_rng(0), 50)), STATIONS)


def test_where_there_is_no_event_it_is_said_what_one_needs():
    pytest.importorskip("pyocto")
    few = associate(picks_of(noise_picks(np.random.default_rng(3), 20)), STATIONS, least_picks=9)
    assert len(few) == 0
    assert (
        few.headline()
        == "no event among 20 picks: one must have at least 9 that fit together, 3 of them P and 2 S, and both at 2 stations"
    )
