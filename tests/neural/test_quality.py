"""How good nets are on real data, beside what is simpler; with ``-s`` it prints the figures of docs/neural.md."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import entropy
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, train_test_split
from sklearn.svm import SVC

from clew import steps
from clew.intervals import Interval
from clew.measure.boxes import measure_boxes
from clew.measure.cutouts import Cutouts
from clew.neural.comparing import compare_nets
from clew.neural.estimators import NetClassifier, NetRegressor
from clew.neural.net_settings import NetSettings
from clew.neural.training import fit_net
from clew.neural.uncertainty import ensemble_uncertainty, monte_carlo_dropout
from clew.read.images import read_image
from clew.splits import folds
from clew.steps.cutting import cutter
from clew.study.study import Study
from clew.validate.loss_curves import read_losses
from tests.conftest import shared
from tests.steps.test_real_signals import event_and_noise

pytestmark = pytest.mark.slow
USUAL = {name: getattr(NetSettings, name) for name in ("lr", "schedule", "weight_decay")}  # of `clew train`


def net(kind, n_rows, *, epochs, seed=0, **settings):
    """A classifier as `clew train` makes it for so many rows, but trained on all of them for so many epochs."""
    how = USUAL | {"max_epochs": epochs, "batch_size": NetSettings().batch_of(n_rows), "random_state": seed}
    return NetClassifier(kind, net_settings={"dropout": 0.2} | settings, **how)


def spell(figure: Interval) -> str:
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"


def unseen(X, y, parts, make):
    """Predict each row by a model that has not seen it, nor its group."""
    said = np.empty(len(y), y.dtype)
    for train, test in parts:
        said[test] = make(len(train)).fit(some(X, train), y[train]).predict(some(X, test))
    return said


def some(X, rows):
    return [X[i] for i in rows] if isinstance(X, list) else X[rows]


# ---- digits ----
@pytest.fixture(scope="module")
def digits():
    table = np.loadtxt(shared("images/digits/digits_8x8.csv.gz"), delimiter=",")
    assert len(np.unique(table[:, :-1], axis=0)) == len(table)  # none stands on both sides of a split
    return table[:, :-1], table[:, -1].astype(int)


def test_digits_are_read_by_an_mlp(digits):
    X, y = digits
    right = []
    for seed in range(4):
        train, test = train_test_split(np.arange(len(y)), test_size=0.25, stratify=y, random_state=seed)
        made = net("mlp", len(train), epochs=50, seed=seed).fit(X[train], y[train])
        right.append(made.score(X[test], y[test]))
    print(f"\ndigits, mlp: {np.mean(right):.3f}, worst of {len(right)} splits {min(right):.3f}")
    assert np.mean(right) >= 0.97 and min(right) >= 0.96
    wrong = np.random.default_rng(0).permutation(y[train])
    assert net("mlp", len(train), epochs=20).fit(X[train], wrong).score(X[test], y[test]) < 0.2


def test_handwriting_is_read_by_a_cnn():
    with np.load(shared("images/digits/mnist_28x28_uint8.npz")) as held:
        X, y = held["images"][:, None], held["labels"]
    train, test = train_test_split(np.arange(len(y)), test_size=1000, stratify=y, random_state=0)
    right = net("cnn", len(train), epochs=4).fit(X[train], y[train]).score(X[test], y[test])
    print(f"\nMNIST, cnn, 4 epochs: {right:.3f} of {len(test):,} unseen")
    assert right >= 0.965


# ---- a rule that no straight line draws ----
def test_exclusive_or_is_learnt_with_activations_and_not_without():
    X = np.random.default_rng(0).uniform(-1, 1, (1400, 2))
    y = np.where(X[:, 0] * X[:, 1] > 0, "same", "different")

    def right(activation):
        layers = {"hidden": (16, 16), "activation": activation}
        made = NetClassifier("mlp", net_settings=layers, max_epochs=60, lr=0.01)
        return made.fit(X[:400], y[:400]).score(X[400:], y[400:])

    assert right("relu") > 0.95 and right("tanh") > 0.93
    assert right("identity") < 0.6  # layers without activations are one straight line


# ---- signals ----
def cut(home, path, **settings):
    """Return the rows of a new study, and the raw waves behind them."""
    steps.new(home / "w.study", [path], sealed=0.0, **settings)
    study = Study(home / "w.study")
    return study.samples(), cutter(study)(study.samples())


def test_movements_are_told_apart_by_a_cnn_and_an_lstm(tmp_path):
    samples, cutouts = cut(tmp_path, shared("signals/basic_motions/BasicMotions_TRAIN.ts"), rate=10)
    X, y = cutouts.values, samples.labels
    assert X.shape == (40, 6, 100)
    parts = list(StratifiedKFold(5, shuffle=True, random_state=0).split(X, y))
    cnn = (unseen(X, y, parts, lambda n: net("cnn", n, epochs=30)) == y).mean()
    in_steps = X.swapaxes(1, 2)
    strongest = (unseen(in_steps, y, parts, lambda n: net("lstm", n, epochs=30, pool="max")) == y).mean()
    last = (unseen(in_steps, y, parts, lambda n: net("lstm", n, epochs=30, pool="last")) == y).mean()
    print(f"\nmotions: cnn {cnn:.2f}, lstm that pools its steps {strongest:.2f}, by its last step {last:.2f}")
    assert cnn >= 0.95
    assert strongest >= 0.85 > last  # why the workflow's recurrent nets look at all steps


@pytest.fixture(scope="module")
def quakes(tmp_path_factory):
    """459 windows of event or noise of 58 stations, and the raw waves behind them."""
    folder, home = shared("signals/phasenet_ncedc"), tmp_path_factory.mktemp("quakes")
    event_and_noise(folder).to_csv(home / "windows.csv", index=False)
    heard = {"rate": 100, "window": "10", "highpass": 1.0, "phase": "causal"}
    return cut(home, folder, annotations=home / "windows.csv", group="site", **heard)


def test_earthquakes_are_heard_by_a_cnn_at_new_stations_about_as_well_as_by_the_forest(quakes):
    samples, cutouts = quakes
    short = {"members": 1, "held_out": 0.0, "epochs": 12}
    found = compare_nets(samples, cutouts, families="forest,cnn", **short)
    cnn, forest = found.family("cnn"), found.family("forest")
    print(
        f"\nearthquakes: cnn {spell(found.figure(cnn))}, forest {spell(found.figure(forest))}, difference {cnn.to_reference.written(signed=True)}"
    )
    assert found.figure(cnn).value >= 0.95 and found.figure(forest).value >= 0.94
    difference = cnn.to_reference
    assert difference.low < 0 < difference.high and not difference.told_apart  # neither is shown to be better
    assert found.figure(cnn).low < found.figure(cnn).value < found.figure(cnn).high


def test_labels_permuted_within_stations_teach_a_net_nothing(quakes):
    samples, _ = quakes
    random, parts = np.random.default_rng(0), folds(samples, n_folds=3)
    small = NetSettings(members=1, held_out=0.0, epochs=10)

    def found(labels):
        said = labels.copy()
        for train, test in zip(parts.train, parts.test):
            taught = samples.with_labels(labels).take(np.flatnonzero(train))
            model = fit_net(taught, None, small, kind="classification", random_state=0)
            said[test] = model.predict(samples.take(np.flatnonzero(test))).label
        return balanced_accuracy_score(labels, said)

    chance = []
    for _ in range(12):
        mixed = samples.labels.copy()
        for group in np.unique(samples.group):
            rows = np.flatnonzero(samples.group == group)
            mixed[rows] = mixed[random.permutation(rows)]
        chance.append(found(mixed))
    print(f"\npermuted labels, mlp: {np.mean(chance):.3f}, at most {max(chance):.3f} in {len(chance)}")
    assert np.mean(chance) == pytest.approx(0.5, abs=0.02) and max(chance) < 0.6
    assert found(samples.labels) > 0.9


# ---- images of cells ----
def blood_cells(side=96, by=3):
    """Boxes of all white cells and platelets, and of two red cells of each image; and squares round them, made smaller."""
    folder = shared("images/blood_cells_bccd")
    table = pd.read_csv(folder / "boxes.csv")
    among = table.groupby(["image", "cell_type"]).cumcount()
    table = table[(table.cell_type != "RBC") | (among < 2)].sort_values("image", kind="stable")
    each = [part for _, part in table.groupby("image")]
    images = [read_image(folder / part.image.iloc[0]) for part in each]
    boxes = [part[["ymin", "xmin", "ymax", "xmax"]].to_numpy() for part in each]
    samples = measure_boxes(images, boxes).samples.with_labels(table.cell_type.to_numpy(str))
    squares = []
    for image, of_image in zip(images, boxes):
        wide = np.pad(image.pixels, ((0, 0), (side, side), (side, side)), mode="edge")
        for top, left, bottom, right in of_image:
            row, column = (top + bottom + side) // 2, (left + right + side) // 2
            square = wide[:, row : row + side, column : column + side]
            squares.append(square.reshape(3, side // by, by, side // by, by).mean((2, 4)))
    colours = ["red", "green", "blue"]
    return samples, Cutouts(values=np.array(squares), sample=samples.sample, axes="cyx", channels=colours)


def test_blood_cells_are_told_apart_by_a_cnn_in_new_images_and_by_the_forest_from_their_boxes():
    short = {"members": 1, "held_out": 0.0, "epochs": 10}
    found = compare_nets(*blood_cells(), families="forest,cnn", folds=3, **short)
    cnn, forest = (found.figure(found.family(name)) for name in ("cnn", "forest"))
    print(f"\nblood cells: cnn {spell(cnn)}, forest {spell(forest)}")
    assert cnn.value > 0.95
    assert forest.value > 0.97  # the size of the box says nearly all


# ---- sequences ----
def test_promoters_are_known_from_their_letters_by_an_mlp_and_less_well_by_an_lstm():
    lines = shared("dna/promoters/uci_ecoli_promoters_106x57.data").read_text().splitlines()
    parts = [line.split(",") for line in lines if line.strip()]
    text, y = [one[2].strip() for one in parts], np.array([one[0] for one in parts])
    letters = np.array([[letter == base for letter in one for base in "acgt"] for one in text], float)
    apart = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    dealt = list(apart.split(letters, y, alike(text, 20)))
    machine = (unseen(letters, y, dealt, lambda n: SVC(C=10)) == y).mean()
    mlp = (unseen(letters, y, dealt, lambda n: net("mlp", n, epochs=30)) == y).mean()
    both_ways = {"hidden": 32, "bidirectional": True, "pool": "max"}
    lstm = (unseen(text, y, dealt, lambda n: net("lstm", n, epochs=20, **both_ways)) == y).mean()
    print(f"\npromoters: support vectors {machine:.2f}, mlp {mlp:.2f}, lstm {lstm:.2f}")
    assert machine > 0.88 and mlp > 0.88  # each letter has its place, counted from where a gene begins
    assert 0.65 < lstm < mlp  # which an LSTM cannot learn from 85 sequences


def alike(text, n):
    """Give sequences that share n letters in a row the same number: copies must not be on both sides."""
    group = np.arange(len(text))
    words = [{one[i : i + n] for i in range(len(one) - n + 1)} for one in text]
    for i in range(len(text)):
        for j in range(i):
            if words[i] & words[j]:
                group[group == group[i]] = group[j]
    return group


def test_the_temperature_of_a_week_is_foretold_better_than_by_persistence_or_the_season():
    table = pd.read_csv(shared("tables/dwd_02932_climate.csv"), sep=";", parse_dates=["date"])
    degrees = table["temperature_air_mean_2m"].to_numpy()
    year, day = table.date.dt.year.to_numpy(), np.minimum(table.date.dt.day_of_year.to_numpy(), 365) - 1
    known = year < 2015
    season = np.array([degrees[known & (day == one)].mean() for one in range(365)])
    season = np.convolve(np.tile(season, 3), np.ones(31) / 31, "same")[365:730][day]  # of 31 days
    odd = degrees - season
    turn = 2 * np.pi * day / 365
    given = np.stack([degrees, np.sin(turn), np.cos(turn)], axis=1).astype(np.float32)

    def weeks(first, last, step=1):
        at = [i for i in range(30, len(year) - 6) if year[i - 30] >= first and year[i + 6] <= last][::step]
        before, after = (
            np.stack([one[i + a : i + b] for i in at]) for one, a, b in ((given, -30, 0), (degrees, 0, 7))
        )
        return np.array(at), before, after

    _, X, y = weeks(1975, 2012, 2)
    at, X_new, y_new = weeks(2015, 2024)
    how = USUAL | {"net_settings": {"head": "forecast", "hidden": 32}, "max_epochs": 8, "batch_size": 64}
    lstm = NetRegressor("lstm", **how).fit(X, y, validation=weeks(2013, 2014)[1:])

    def error(said):
        return np.sqrt(((said - y_new) ** 2).mean(axis=0)).mean()

    ahead = np.stack([season[i : i + 7] for i in at])
    fade = [(odd[known][:-k] @ odd[known][k:]) / (odd[known] @ odd[known]) for k in range(1, 8)]
    found = error(lstm.predict(X_new))
    still, usual = error(np.repeat(degrees[at - 1, None], 7, axis=1)), error(ahead)
    faded = error(ahead + odd[at - 1, None] * fade)
    print(
        f"\ntemperature, K: lstm {found:.2f}, persistence {still:.2f}, season {usual:.2f}, fading oddity {faded:.2f}"
    )
    assert found < 0.9 * still and found < 0.9 * usual
    assert found == pytest.approx(faded, rel=0.02)  # yesterday's oddity, fading, does as well without a net


# ---- several nets ----
def test_an_ensemble_is_better_than_its_members_and_unsure_where_it_is_wrong(digits):
    X, y = digits
    train, test = train_test_split(np.arange(len(y)), train_size=300, stratify=y, random_state=0)
    nets = [net("mlp", 300, epochs=30, seed=seed).fit(X[train], y[train]) for seed in range(5)]
    alone = [one.score(X[test], y[test]) for one in nets]
    asked = ensemble_uncertainty(nets, X[test])
    wrong = asked.mean.argmax(axis=1) != y[test]
    own = roc_auc_score(nets[0].predict(X[test]) != y[test], entropy(nets[0].predict_proba(X[test]), axis=1))
    sure = roc_auc_score(wrong, asked.total_entropy)
    print(
        f"\n300 digits: one net {np.mean(alone):.3f}, five {1 - wrong.mean():.3f}; entropy finds mistakes, AUC: one {own:.2f}, five {sure:.2f}"
    )
    assert 1 - wrong.mean() > np.mean(alone)
    assert roc_auc_score(wrong, asked.total_entropy) > 0.85
    dropped = monte_carlo_dropout(nets[0], X[test], passes=20)
    assert roc_auc_score(nets[0].predict(X[test]) != y[test], dropped.total_entropy) > 0.85
    mixed = np.random.default_rng(0).permutation(wrong)
    assert roc_auc_score(mixed, asked.total_entropy) == pytest.approx(0.5, abs=0.1)


def test_a_large_net_on_few_doubtful_rows_overfits_which_is_said_and_stopped(digits):
    X, y = digits
    random = np.random.default_rng(0)
    train, rest = train_test_split(np.arange(len(y)), train_size=100, stratify=y, random_state=0)
    held, test, given = rest[:300], rest[300:], y[train].copy()
    given[random.choice(100, 20, replace=False)] = random.integers(0, 10, 20)  # some are wrong
    large = NetClassifier("mlp", net_settings={"hidden": (128, 64)}, max_epochs=150)
    last = large.fit(X[train], given).score(X[test], y[test])
    best = large.fit(X[train], given, validation=(X[held], y[held]))
    assert read_losses(best.history_).about("overfitting").answer == "overfits"
    assert best.history_.best_epoch < 75 and best.score(X[test], y[test]) > last
