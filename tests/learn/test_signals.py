"""`SignalClassifier`: scikit-learn's contract for arrays and recordings, and the model folder that clew predict reads."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from clew.errors import DataError, SettingError
from clew.learn.detect import detect
from clew.learn.forest import Forest
from clew.learn.signals import SignalClassifier
from clew.read.given import Given
from clew.read.miniseed_writer import write_miniseed
from clew.read.recording import recording_of
from clew.read.recordings import read_recordings
from tests.conftest import shared
from tests.detection_worlds import RATE, START, model, noise_with_knocks, recording
from tests.learn.test_detect import offsets


def hums(n: int, seed: int = 0) -> tuple[list[np.ndarray], list[str]]:
    """Simulated sensors with two components, 4 s at 50 Hz: low ones at 3 Hz and high ones at 8 Hz, in noise."""
    random = np.random.default_rng(seed)
    time = np.arange(200) / RATE
    made, labels = [], []
    for i in range(n):
        high = i % 2
        wave = np.sin(2 * np.pi * (3, 8)[high] * time + random.uniform(0, 6, (2, 1)))
        made.append(wave + random.normal(0, 0.5, (2, 200)))
        labels.append(("low", "high")[high])
    return made, labels


@pytest.fixture(scope="module")
def fitted():
    return SignalClassifier(rate=RATE, window=None, trees=20).fit(*hums(40))


def said(name="BW.UH1.SH") -> list[Given]:
    quiet = [Given(name, START + at, START + at + 60, "noise", {}) for at in (0, 120, 200, 360, 500)]
    return [*quiet, *(Given(name, START + at, START + at + 4, "knock", {}) for at in (100, 104, 300, 450))]


# ---- the contract ----
def test_arrays_with_one_class_each_are_learnt_and_told_apart(fitted):
    others, truth = hums(30, seed=1)
    assert fitted.score(others, truth) == 1.0
    assert fitted.predict(others).tolist() == truth
    shares = fitted.predict_proba(others)
    assert shares.shape == (30, 2)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-12)
    assert fitted.classes_.tolist() == ["high", "low"]
    assert fitted.samples_.n_rows == 40
    assert len(fitted.feature_names_) == len(fitted.feature_importances_) == fitted.samples_.n_features


def test_shuffled_labels_teach_nothing():
    arrays, truth = hums(60, seed=2)
    wrong = np.random.default_rng(1).permutation(truth)
    lost = SignalClassifier(rate=RATE, window=None, trees=20).fit(arrays, wrong)
    assert 0.25 < lost.score(*hums(60, seed=3)) < 0.75


def test_settings_are_got_set_and_cloned():
    made = SignalClassifier(window=4.0, highpass=1.0, trees=7)
    assert clone(made).get_params() == made.get_params()
    assert made.set_params(trees=9).trees == 9
    with pytest.raises(SettingError, match="Did you mean 'highpass'"):
        made.set_params(highpas=2.0)


def test_fitting_changes_no_setting(fitted):
    assert fitted.window is None
    assert fitted.get_params() == SignalClassifier(rate=RATE, window=None, trees=20).get_params()


def test_windows_shorter_than_a_recording_are_averaged():
    arrays, labels = hums(20)
    shorter = SignalClassifier(rate=RATE, window=2.0, trees=20).fit(arrays, labels)
    assert shorter.samples_.n_rows == 40
    long = np.concatenate([arrays[0], arrays[2], arrays[1]], axis=1)  # low, low, high
    parts = np.split(long, 6, axis=1)
    np.testing.assert_allclose(
        shorter.predict_proba([long])[0], shorter.predict_proba(parts).mean(axis=0), atol=1e-12
    )
    assert shorter.predict([long]) == ["low"]


# ---- recordings ----
def test_pieces_of_a_recording_are_learnt_and_events_found_in_another():
    learnt = SignalClassifier(window=4.0, trees=20).fit([recording()], said())
    assert learnt.forest_.class_counts == {"knock": 4, "noise": 75}
    other = recording(noise_with_knocks(knocks=(40.0, 200.0), seed=4))
    events = learnt.detect(other)
    assert offsets(events) == [(40.0, 44.0), (200.0, 204.0)]
    assert learnt.detect([other]).digest() == events.digest() == detect(learnt.forest_, [other]).digest()


def test_validation_is_on_windows_that_were_held_out():
    learnt = SignalClassifier(window=4.0, trees=10).fit([recording()], said())
    found = learnt.validate(folds=2, by="row")
    assert len(found.truth) == 79
    with pytest.raises(SettingError, match="must be fitted to be validated"):
        SignalClassifier.of(model()).validate()


def test_real_motions_are_told_apart_where_half_of_them_are_learnt():
    """40 recordings of 4 activities; every second one is learnt, the others are predicted."""
    read = read_recordings([shared("signals/basic_motions/BasicMotions_TRAIN.ts")], rate=10.0)
    labels = [one.label for one in read.given]
    learnt = SignalClassifier(window=None).fit(read.recordings[1::2], labels[1::2])
    assert learnt.score(read.recordings[::2], labels[::2]) >= 0.85
    wrong = np.random.default_rng(0).permutation(labels[1::2])
    lost = SignalClassifier(window=None).fit(read.recordings[1::2], wrong)
    assert lost.score(read.recordings[::2], labels[::2]) <= 0.6


# ---- whatever holds a recording ----
def files_of(folder, seeds=(4, 5)):
    """Write the simulated noise with knocks as miniSEED, a file a station."""
    for seed in seeds:
        counts = np.round(1000 * noise_with_knocks(knocks=(40.0, 200.0), seed=seed)).astype(np.int32)
        write_miniseed(
            folder / f"S{seed}.mseed",
            np.atleast_2d(counts),
            station=f"S{seed}",
            channels=["SHZ"],
            rate=RATE,
            start=START,
        )
    return sorted(folder.glob("*.mseed"))


def test_paths_streams_traces_and_recordings_give_the_same_events(tmp_path):
    obspy = pytest.importorskip("obspy")
    files = files_of(tmp_path)
    read = read_recordings(files)
    said = [
        Given(one.name, START + at, START + at + 4, label, {})
        for one in read.recordings
        for at, label in [(40, "knock"), (200, "knock"), *((t, "noise") for t in (0, 80, 120, 240, 300))]
    ]
    learnt = SignalClassifier(window=4.0, trees=20).fit(read, said)
    assert SignalClassifier(window=4.0, trees=20).fit(files, said).forest_.sha256 == learnt.forest_.sha256
    stream = obspy.read(files[0]) + obspy.read(files[1])
    events = learnt.detect(read.recordings)
    assert len(events.to_frame()) >= 4
    for given in (files, [str(one) for one in files], tmp_path, read, stream, list(stream)):
        assert learnt.detect(given).digest() == events.digest()
    one = learnt.detect(read.recordings[0]).digest()
    for given in (files[0], str(files[0]), stream[0], obspy.read(files[0])):
        assert learnt.detect(given).digest() == one
    assert learnt.predict([str(files[0])]).tolist() == learnt.predict([stream[0]]).tolist()
    with pytest.raises(
        DataError, match="Each of the 1 recordings must be of one sensor. Got number 1 with 2: XX.S4"
    ):
        learnt.predict([stream])


def test_whole_streams_of_one_station_are_learnt_apart():
    obspy = pytest.importorskip("obspy")
    arrays, labels = hums(20)
    header = {"station": "S", "sampling_rate": RATE, "channel": "BHZ"}
    streams = [obspy.Stream([obspy.Trace(one[0].copy(), header)]) for one in arrays]
    learnt = SignalClassifier(window=None, trees=20).fit(streams, labels)
    assert learnt.samples_.n_rows == 20
    assert learnt.score(streams, labels) == 1.0


def test_what_holds_no_recording_is_refused_in_one_sentence_that_says_what_does(fitted):
    for wrong in ({}, None, 3.0, [{}], np.array([[1j]])):
        with pytest.raises(
            DataError, match="must be a Recording, an array .* ObsPy, the path of a file.* Got: "
        ):
            fitted.detect(wrong)
    with pytest.raises(DataError, match="must exist"):
        fitted.detect("nowhere.mseed")


# ---- scikit-learn ----
def test_scikit_learn_validates_and_tunes_it_alone_and_in_a_pipeline():
    """The hums differ by frequency: below 6 Hz both are lost, so a low-pass filter is what a search must not choose."""
    from sklearn.base import is_classifier
    from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    arrays, labels = hums(24)
    made = SignalClassifier(rate=RATE, window=None, trees=10)
    assert is_classifier(made)
    scores = cross_val_score(made, arrays, labels, cv=3)
    by_hand = []
    for learn, held in StratifiedKFold(3).split(arrays, labels):
        again = SignalClassifier(rate=RATE, window=None, trees=10)
        again.fit([arrays[i] for i in learn], [labels[i] for i in learn])
        by_hand.append(again.score([arrays[i] for i in held], [labels[i] for i in held]))
    assert scores.tolist() == by_hand
    assert cross_val_score(made, np.array(arrays), np.array(labels), cv=3).tolist() == by_hand
    lost = cross_val_score(made, arrays, np.random.default_rng(0).permutation(labels), cv=3)
    assert lost.mean() < 0.8 < scores.mean()
    search = GridSearchCV(made, {"highpass": [None, 1.0]}, cv=2).fit(arrays, labels)
    assert set(search.cv_results_["param_highpass"]) == {None, 1.0}
    assert search.best_estimator_.score(*hums(10, seed=1)) == 1.0
    line = Pipeline([("half", FunctionTransformer(np.asarray)), ("learn", made)])
    assert cross_val_score(line, np.array(arrays), labels, cv=3).tolist() == by_hand


# ---- on disk ----
def test_a_model_comes_back_with_all_its_settings(tmp_path):
    arrays, labels = hums(20)
    settings = {
        "rate": RATE, "window": 2.0, "step": 1.0, "before": 0.5, "highpass": 1.0, "lowpass": 20.0, "phase": "causal",
        "detrend": "mean", "components": "1", "highest": 18.0, "features": ["frequency"], "trees": 7, "depth": 3,
        "class_weight": "equal", "random_state": 5,
    }  # fmt: skip
    learnt = SignalClassifier(**settings).fit(arrays, labels)
    again = SignalClassifier.load(learnt.save(tmp_path / "model"))
    assert again.get_params() == settings
    others, _ = hums(10, seed=5)
    np.testing.assert_array_equal(again.predict_proba(others), learnt.predict_proba(others))
    assert again.detect(others[0]).digest() == learnt.detect(others[0]).digest()
    assert again.fit(arrays, labels).forest_.sha256 == learnt.forest_.sha256


def test_a_model_of_the_command_line_looks_at_arrays(tmp_path):
    from clew.steps import new, train
    from clew.study.study import Study

    for at, (values, label) in enumerate(zip(*hums(20))):
        np.save(tmp_path / f"{label} {at:02}.npy", values)
    rows = [f"{path.name},0,4,{path.name.split()[0]}" for path in sorted(tmp_path.glob("*.npy"))]
    (tmp_path / "said.csv").write_text("\n".join(["source,start,end,label", *rows]))
    study = tmp_path / "hums.study"
    new(
        study,
        sorted(tmp_path.glob("*.npy")),
        rate=RATE,
        window=4.0,
        annotations=tmp_path / "said.csv",
        sealed=0.0,
    )
    train(Study(study), trees=20)
    (folder,) = (study / "models").iterdir()
    model = SignalClassifier.load(folder)
    assert (model.rate, model.window) == (RATE, 4.0)
    others, truth = hums(10, seed=1)
    assert model.predict(others).tolist() == truth


def test_a_model_comes_back_from_its_folder_and_says_the_same(fitted, tmp_path):
    folder = fitted.save(tmp_path / "model")
    again = SignalClassifier.load(folder, rate=RATE)
    others, _ = hums(10, seed=5)
    np.testing.assert_array_equal(again.predict_proba(others), fitted.predict_proba(others))
    kept = Forest.load_model(folder)
    assert kept.measure["kind"] == "signal"
    assert kept.measure["plan"]["window"] == 4.0
    assert kept.measure["plan"]["highpass"] is None


def test_the_same_windows_give_the_same_bytes(fitted, tmp_path):
    fitted.save(tmp_path / "a")
    SignalClassifier(rate=RATE, window=None, trees=20).fit(*hums(40)).save(tmp_path / "b")
    for name in ("config.json", "arrays.npz"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_number_of_threads_changes_no_bit(fitted, monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    alone = SignalClassifier(rate=RATE, window=None, trees=20).fit(*hums(40))
    monkeypatch.setenv("NUMBA_NUM_THREADS", "5")
    many = SignalClassifier(rate=RATE, window=None, trees=20).fit(*hums(40))
    assert alone.forest_.sha256 == many.forest_.sha256 == fitted.forest_.sha256
    assert alone.samples_.digest() == many.samples_.digest()


# ---- what is refused ----
def test_what_cannot_be_learnt_or_used_is_refused_in_one_sentence(fitted):
    arrays, labels = hums(4)
    with pytest.raises(SettingError, match="must be the samples per second of arrays"):
        SignalClassifier().fit(arrays, labels)
    with pytest.raises(DataError, match="one for each of the 4 recordings.* Got 3"):
        SignalClassifier(rate=RATE).fit(arrays, labels[:3])
    with pytest.raises(DataError, match="at least one. Got none"):
        SignalClassifier(rate=RATE).fit([], [])
    with pytest.raises(SettingError, match="must be fitted before it is used"):
        SignalClassifier().predict([recording()])
    with pytest.raises(DataError, match="must have a window that can be used. Got none: gap"):
        fitted.predict([np.full((2, 200), np.nan)])
    with pytest.raises(DataError, match="must have the component '2'. Got '1'"):
        fitted.predict([recording_of(arrays[0][0], rate=RATE, components=["1"])])
