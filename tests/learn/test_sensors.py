"""The sensor that tells the classes is found, noise is not, and what cannot be told apart is not ranked."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from clew.errors import DataError, SettingError, Stopped
from clew.figures import class_counts
from clew.learn import sensors as module
from clew.learn.sensors import SHARED, SensorComparison, sensors
from clew.result import Result
from clew.samples import Samples
from clew.splits import folds, units
from tests.learn.sensor_worlds import world

QUICK = {"trees": 20, "depth": 3, "grower": "auto", "permutations": 3}


@pytest.fixture(scope="module")
def found():
    return sensors(world(0, (0, 2.5, 0, 0)), **QUICK)


def test_it_is_a_step_of_open_rows_that_keeps_its_settings(found):
    assert sensors.step.sees == "open"
    assert found.settings["permutations"] == 3
    assert found.settings["by"] == "auto"


def test_the_one_informative_station_of_four_is_found(found):
    assert found.by == "station"
    assert found.names[found.best] == "S1"
    assert [found.informs(i) for i in range(4)] == [False, True, False, False]
    assert [found.told_apart(i) for i in range(4)] == [True, False, True, True]
    assert found.permutation.loss[1].low > 0.1
    assert all(abs(found.permutation.loss[i].value) < 0.05 for i in (0, 2, 3))
    assert found.verdict()[0].startswith("S1 carries most information about the classes: alone it reaches")
    assert found.verdict()[1].startswith("Behind it by more than chance: ")
    assert found.verdict()[2].startswith("Not shown to carry information: ")


def test_labels_that_belong_to_other_times_say_nothing():
    samples = world(0, (0, 2.5, 0, 0))
    shuffled = np.tile(np.random.default_rng(0).permutation(samples.labels[:120]), 4)
    result = sensors(samples.with_labels(shuffled), **QUICK)
    assert not any(result.informs(i) for i in range(4))
    assert result.verdict()[0].startswith("No station is shown to carry information")
    assert result.summary()["best"] is None


def rates(strengths, n, **settings):
    """Say how often any sensor is told to inform, any to be worse than the best, and any to be missed when permuted."""
    told = np.zeros(3)
    for seed in range(n):
        one = sensors(world(1000 + seed, strengths, **settings), **QUICK)
        each = range(len(strengths))
        told += [
            any(one.informs(i) for i in each),
            any(one.told_apart(i) for i in each),
            any(one.permutation.loss[i].low > 0 for i in each),
        ]
    return told / n


def test_noise_is_not_told_to_inform():
    informs, apart, _ = rates((0, 0, 0, 0), 30)  # over 200 worlds: 0.005, 0.005, and 0.04 for the loss
    assert informs <= 0.1
    assert apart <= 0.1


@pytest.mark.slow
def test_equal_sensors_are_told_apart_no_more_often_than_stated():
    informs, apart, _ = rates((1.5, 1.5, 1.5, 1.5), 150)  # over 200 worlds: 1.0 and 0.04
    assert informs == 1
    assert apart <= 0.09


def test_the_rate_can_be_missed(
    monkeypatch,
):  # the mutant: single intervals of fixed models, for a best that was chosen
    monkeypatch.setattr(module, "MISSED", 1.9)
    monkeypatch.setattr(module, "_widening", lambda n_folds: 1.0)
    assert rates((1.5, 1.5, 1.5, 1.5), 20)[1] > 0.5


def test_a_station_alone_is_judged_as_other_libraries_would(found):
    samples = world(0, (0, 2.5, 0, 0))
    rows = samples.take(samples.origin["station"].to_numpy() == "S1")
    rows = dataclasses.replace(rows, feature_names=("S1 a", "S1 b", "S1 c"))
    parts, said = folds(rows), np.empty(rows.n_rows, object)
    for train_rows, test_rows in zip(parts.train, parts.test):
        forest = module.train(rows.take(train_rows), kind="classification", trees=20, depth=3, grower="auto")
        said[test_rows] = forest.predict(rows.features[test_rows]).label
    assert found.alone[1].value == pytest.approx(
        balanced_accuracy_score(rows.labels, said.astype(str)), abs=1e-12
    )
    code = np.unique(rows.labels, return_inverse=True)[1], np.unique(said.astype(str), return_inverse=True)[1]
    witness = class_counts(*code, units(rows)[0], 2).mean("balanced_accuracy")
    for name in ("value", "low", "high"):
        assert getattr(found.alone[1], name) == pytest.approx(getattr(witness, name), abs=1e-12)


def test_how_far_one_is_behind_equals_the_difference_of_both(found):
    for i in range(4):  # all rows are shared here
        assert found.behind[i].value == pytest.approx(found.alone[1].value - found.alone[i].value, abs=1e-12)
    assert found.behind[1].value == 0


def test_rows_of_one_time_are_never_on_both_sides():
    seen = []
    fit = module.train

    def spy(training, **settings):
        seen.append(set(training.sample))
        return fit(training, **settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "train", spy)
        result = sensors(world(0, (0, 2.5), n=60), **QUICK)
    assert result.n_rows == 60  # a row holds all windows of its time
    assert all(len(names) <= 48 for names in seen)


def test_correlated_sensors_share_credit_and_that_is_said():
    twin = world(3, (2.5, 2.5), together=0.95)
    single = sensors(world(3, (2.5, 0.0)), **QUICK)
    result = sensors(twin, **QUICK)
    assert max(one.value for one in result.permutation.loss) < 0.8 * single.permutation.loss[0].value
    assert result.informs(0) and result.informs(1)
    assert "cannot be told apart from" in result.verdict()[0]
    assert result.caveats()[0] == SHARED


def test_a_station_that_is_seldom_there_is_judged_where_it_is():
    samples = world(0, (2.5, 2.5), n=80)
    samples = samples.take(np.r_[0:80, 80:110])  # S1 only at the first 30 times
    samples = dataclasses.replace(samples.take(np.arange(110)))
    third = world(9, (0, 0, 0), n=80)
    more = third.take(third.origin["station"].to_numpy() == "S2")
    whole = Samples(
        features=np.vstack([samples.features, more.features]), feature_names=samples.feature_names, units=samples.units,
        sample=np.r_[samples.sample, more.sample], group=np.r_[samples.group, more.group],
        origin=pd.concat([samples.origin, more.origin], ignore_index=True),
        labels=np.r_[samples.labels, samples.labels[:80]],
    )  # fmt: skip
    result = sensors(whole, **QUICK)
    assert result.n_rows == 80
    assert [one.n_rows for one in result.alone] == [80, 30, 80]
    assert result.behind[1].n_rows == 30


def components(seed, *, n=150):
    """Return rows whose component N alone tells the class."""
    random = np.random.default_rng(seed)
    kind = random.integers(0, 2, n)
    names = [f"{stem}_{c}" for c in "zne" for stem in ("rms_amplitude", "kurtosis", "centroid_frequency")]
    X = random.normal(size=(n, 9))
    X[:, 3] += 2.5 * kind
    sample = np.array([f"r{i}" for i in range(n)])
    sets = {"amplitude": tuple(names[::3]), "shape": tuple(names[1::3]), "frequency": tuple(names[2::3])}
    return Samples(
        features=X, feature_names=tuple(names), units=("",) * 9, sample=sample, sets=sets,
        origin=pd.DataFrame({"source": sample}), group=np.array([f"g{i % 15}" for i in range(n)]), labels=np.array(["a", "b"])[kind],
    )  # fmt: skip


def test_the_component_that_tells_is_found():
    result = sensors(components(0), **QUICK)
    assert result.by == "component"
    assert [name for i, name in enumerate(result.names) if result.informs(i)] == ["N"]
    assert result.headline().startswith("Component N carries most information about the classes")


def test_the_measurement_that_tells_is_found_with_its_features():
    result = sensors(components(0), by="measurement", **QUICK)
    assert result.names == ["amplitude", "shape", "frequency"]
    assert [result.informs(i) for i in range(3)] == [True, False, False]
    assert len(result.singles) == 9
    assert result.strongest()[0].startswith("rms_amplitude_n (")
    assert {one["name"] for one in result.summary()["features"]} == set(result.singles)


def test_stations_that_share_no_times_make_room_for_another_question():
    samples = world(0, (0, 2.5), n=40)
    apart = dataclasses.replace(
        samples, origin=samples.origin.assign(start=np.arange(80) * 100.0, end=np.arange(80) * 100.0 + 10)
    )
    result = sensors(apart, **QUICK)
    assert result.by == "measurement"
    assert result.notes[0].startswith(
        "Stations are not compared: at least 2 stations must have labelled windows"
    )
    with pytest.raises(DataError, match="At least 2 stations must have labelled windows"):
        sensors(apart, by="station", **QUICK)


@pytest.mark.parametrize(
    ("labels", "match"),
    [(np.full(80, ""), "must have labels"), (np.full(80, "a"), "at least 2 classes")],
)
def test_without_two_classes_there_is_nothing_to_compare(labels, match):
    with pytest.raises(DataError, match=match):
        sensors(world(0, (0, 1), n=40).with_labels(labels), **QUICK)


def test_what_cannot_be_compared_is_refused():
    samples = components(0)
    with pytest.raises(DataError, match="must be named by it"):
        sensors(samples.select(["rms_amplitude_z", "kurtosis_z"]), by="component", **QUICK)
    with pytest.raises(DataError, match="at least 2 measurements"):
        sensors(samples.select(["rms_amplitude_z"]), by="measurement", **QUICK)
    with pytest.raises(SettingError, match="did you mean|Did you mean"):
        sensors(samples, by="stations", **QUICK)


def test_a_person_who_watches_can_stop_it():
    calls = []
    sensors(world(0, (0, 1), n=40), on_progress=lambda done, total: calls.append((done, total)), **QUICK)
    assert calls == [(i, 15) for i in range(1, 16)]
    for last in (2, 8):
        with pytest.raises(Stopped):
            sensors(world(0, (0, 1), n=40), on_progress=lambda done, total, last=last: done < last, **QUICK)


def test_the_result_is_the_same_again_and_comes_back_from_disk(found, tmp_path):
    again = sensors(world(0, (0, 2.5, 0, 0)), **QUICK)
    assert again.digest() == found.digest()
    loaded = Result.load(found.save(tmp_path / "found.zip"))
    assert isinstance(loaded, SensorComparison)
    assert loaded.digest() == found.digest()
    assert loaded.verdict() == found.verdict()


def test_a_sensor_whose_figure_is_wide_is_not_said_to_be_behind(found):
    wide = dataclasses.replace(found, behind=[dataclasses.replace(one, low=-0.1) for one in found.behind])
    told = wide.verdict()[0]
    assert told.startswith("S1 is ahead, but cannot be told apart from S2 (behind by ")
    for i in (
        0,
        2,
        3,
    ):  # the difference, which decides, stands beside each: two intervals side by side do not tell
        one = wide.behind[i]
        assert f"{wide.names[i]} (behind by {one.value:.2f} [-0.10, {one.high:.2f}])" in told


def test_a_sensor_without_every_class_is_not_known_alone():
    samples = world(0, (2.5, 2.5, 2.5), n=60)
    quiet = (samples.origin["station"].to_numpy() == "S2") & (samples.labels == "quake")
    result = sensors(samples.take(~quiet), **QUICK)
    assert np.isnan(result.alone[2].value)
    assert "Not known alone, as their rows do not hold every class: S2." in result.verdict()
    assert not result.informs(2)
