"""Real recordings through the verbs: earthquakes, a network, a watch, footsteps, the weather."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.metrics import roc_auc_score

from clew import steps
from clew.errors import ClewError
from clew.study.study import Study
from tests.conftest import shared


def event_and_noise(folder, *, seed=0):
    """Draw 3 windows that start 0-8 s before P, and 3 of the noise before, of each of the 77 recordings."""
    random, rows = np.random.default_rng(seed), []
    for one in pd.read_csv(folder / "index.csv").itertuples():
        with np.load(folder / one.fname) as held:
            vertical = held["data"][:2800, -1]
        padding = int(np.argmax(np.diff(vertical) != 0)) + 1
        begin = min(padding / 100, 17.9) if padding > 200 else 0.0
        starts = [*(one.itp / 100 - random.uniform(0, 8, 3)), *random.uniform(begin, 18, 3)]
        rows += [(one.fname, start, one.station, i < 3) for i, start in enumerate(starts)]
    table = pd.DataFrame(rows, columns=["source", "start", "site", "event"])
    table["end"], table["label"] = table.start + 10, np.where(table.pop("event"), "event", "noise")
    return table


@pytest.fixture(scope="module")
def quakes(tmp_path_factory):
    folder, home = shared("signals/phasenet_ncedc"), tmp_path_factory.mktemp("quakes")
    event_and_noise(folder).to_csv(home / "windows.csv", index=False)
    made = steps.new(
        home / "q.study",
        [folder],
        annotations=home / "windows.csv",
        rate=100,
        window="10",
        highpass=1.0,
        phase="causal",
        group="site",
        sealed=0.0,
    )
    return Study(home / "q.study"), made


@pytest.mark.slow
def test_earthquakes_are_told_from_noise_at_stations_that_the_model_has_not_heard(quakes):
    study, made = quakes
    assert made.data["rows"] >= 6 * 77 - 12
    assert made.data["groups"] == 58
    told = steps.validate(study)
    found = told.result
    event, column = found.truth == "event", found.scores.classes.index("event")
    assert found.split["by"] == "group"
    each = [
        roc_auc_score(event[found.fold == fold], found.probability[found.fold == fold, column])
        for fold in np.unique(found.fold)
    ]
    assert np.mean(each) >= 0.965
    assert found.shuffled["roc_auc"] > found.scores.metrics["roc_auc"].value  # what flatters
    assert any("at random instead" in line and "roc_auc" in line for line in told.lines)
    assert found.baselines["permuted"]["roc_auc"] == pytest.approx(0.5, abs=0.08)


@pytest.mark.slow
def test_dead_components_are_said_and_measures_of_three_are_left_out(quakes):
    study, made = quakes
    assert any("20 of 77 recordings have no living horizontals" in line for line in made.lines)
    assert not {"rectilinearity", "planarity"} & set(study.samples().feature_names)


@pytest.mark.slow
def test_what_a_watch_feels_tells_four_activities_apart(tmp_path):
    cases = shared("signals/basic_motions/BasicMotions_TRAIN.ts")
    made = steps.new(tmp_path / "m.study", [cases], rate=10, sealed=0.0)
    assert made.data["rows"] == 40
    found = steps.validate(Study(tmp_path / "m.study")).result
    assert found.scores.classes == ["Badminton", "Running", "Standing", "Walking"]
    assert found.scores.metrics["balanced_accuracy"].value >= 0.95
    assert found.baselines["permuted"]["balanced_accuracy"] < 0.5


@pytest.mark.slow
def test_amplitudes_tell_the_magnitude(tmp_path):
    folder = shared("signals/ipoc_seisbench")
    made = steps.new(
        tmp_path / "i.study",
        [folder],
        target="source_magnitude",
        features="amplitude",
        highpass=1.0,
        sealed=0.0,
    )
    assert made.data["rows"] == 100
    found = steps.validate(Study(tmp_path / "i.study")).result
    assert found.scores.metrics["spearman"].value > 0.5
    assert found.scores.metrics["r2"].low > 0
    assert abs(found.baselines["permuted"]["spearman"]) < 0.25


def test_a_network_gives_its_three_coincidences(tmp_path):
    folder = shared("signals/obspy/coincidence_network")
    steps.new(
        tmp_path / "n.study",
        [folder],
        window="5",
        trigger="coincidence",
        before=1.0,
        highpass=10.0,
        lowpass=20.0,
        phase="causal",
        group="event",
        sealed=0.0,
    )
    samples = Study(tmp_path / "n.study").samples()
    stations = samples.origin.groupby("event")["station"].nunique()
    assert stations.index.tolist() == ["2010-05-27T16:24:33", "2010-05-27T16:27:01", "2010-05-27T16:27:30"]
    assert stations.tolist() == [4, 3, 4]


def test_the_weather_of_fifty_years_is_a_slow_sensor(tmp_path):
    table = shared("tables/dwd_02932_climate.csv")
    told = steps.new(tmp_path / "w.study", [table], window="365d", time="date", gaps=0.05)
    assert 40 <= told.data["rows"] <= 50
    samples = Study(tmp_path / "w.study").samples()
    assert any(name.startswith("rms_amplitude_temperature") for name in samples.feature_names)
    assert samples.origin["start"].is_monotonic_increasing


@pytest.mark.slow
def test_footsteps_and_earthquakes_are_told_apart_across_sensors_which_is_no_evidence(tmp_path):
    """A microphone against seismometers: whatever tells them apart may be the sensor. A demonstration."""
    quakes, steps_heard = shared("signals/phasenet_ncedc"), shared("signals/footsteps_audio")
    clips = [one for one in sorted(steps_heard.glob("*.ogg")) if soundfile.info(one).duration >= 0.2]
    files = sorted(quakes.glob("*.npz"))[: len(clips)]
    rows = [(one.name, 0.0, "footstep") for one in clips] + [(one.name, 30.0, "earthquake") for one in files]
    table = pd.DataFrame(rows, columns=["source", "start", "label"])
    table["end"] = table.start + 0.2
    table.to_csv(tmp_path / "windows.csv", index=False)
    told = steps.new(
        tmp_path / "f.study",
        [*clips, *files],
        annotations=tmp_path / "windows.csv",
        rate=100,
        window="200ms",
        sealed=0.0,
    )
    assert any("rate" in line for line in told.lines)
    found = steps.validate(Study(tmp_path / "f.study")).result
    assert found.scores.metrics["balanced_accuracy"].value > 0.8


@pytest.mark.parametrize(
    ("rate", "said"), [(None, "--rate"), (-1.0, "above 0")], ids=["no rate", "a rate below 0"]
)
def test_arrays_without_a_rate_are_refused_and_leave_nothing(tmp_path, rate, said):
    path = shared("signals/phasenet_ncedc") / "BG_ACR_2012082505145960.npz"
    with pytest.raises(ClewError, match=said):
        steps.new(tmp_path / "x.study", [path], window="10", rate=rate)
    assert not (tmp_path / "x.study").exists()
