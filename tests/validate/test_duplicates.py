"""Copies across a division are found, and rows that resemble each other by chance are left alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import clew.validate.duplicates
from clew.errors import DataError
from clew.result import Result
from clew.samples import Samples
from clew.splits import folds, seal
from clew.validate.duplicates import near_duplicates
from tests.conftest import shared


def make(X, groups=None):
    names = np.array([f"r{i}" for i in range(len(X))])
    return Samples(
        features=X,
        feature_names=tuple(f"f{i}" for i in range(X.shape[1])),
        units=("",) * X.shape[1],
        sample=names,
        origin=pd.DataFrame({"source": ["t"] * len(X)}),
        group=names if groups is None else groups,
    )


def halves(n, seed=0):
    return np.random.default_rng(seed).integers(0, 2, n)


NULLS = {
    "normal": lambda r, n, d: r.normal(size=(n, d)),
    "lognormal": lambda r, n, d: r.lognormal(size=(n, d)),
    "uniform": lambda r, n, d: r.uniform(size=(n, d)),
    "heavy tails": lambda r, n, d: r.standard_t(2, size=(n, d)),
    "correlated": lambda r, n, d: r.normal(size=(n, 2)) @ r.normal(size=(2, d)) + 0.1 * r.normal(size=(n, d)),
    "rounded": lambda r, n, d: np.round(r.normal(size=(n, d)), 1),
    "coarse and fine": lambda r, n, d: np.where(np.arange(d) < d - 2, np.round(r.normal(size=(n, d))), r.normal(size=(n, d))),
    "half zero": lambda r, n, d: r.lognormal(size=(n, d)) * (r.random((n, d)) < 0.5),
    "rare cluster": lambda r, n, d: r.normal(size=(n, d)) + 6 * (np.arange(n) < 6)[:, None],
    "clusters": lambda r, n, d: 5 * r.normal(size=(5, d))[r.integers(0, 5, n)] + r.normal(size=(n, d)),
}  # fmt: skip


@pytest.mark.parametrize("kind", NULLS)
def test_independent_rows_are_no_near_duplicates(kind):
    """Long run: in 15 of 6,720 data sets of 14 kinds, 50 to 1,000 rows, 2 to 50 features, something was reported."""
    reported = 0
    for seed in range(16):
        random = np.random.default_rng(seed)
        n, d = (50, 200)[seed % 2], (2, 4, 10, 50)[seed // 2 % 4]
        reported += near_duplicates(make(NULLS[kind](random, n, d)), halves(n, seed)).n_near > 0
    assert reported <= 1


@pytest.mark.parametrize("n_copies", [1, 10, 200])
@pytest.mark.parametrize("kind", ["normal", "lognormal"])
def test_jittered_copies_are_found_be_it_one_or_all(kind, n_copies):
    recall, found_others = [], 0
    for seed in range(6):
        random = np.random.default_rng(seed)
        X = NULLS[kind](random, 200, 8)
        copied = random.choice(200, n_copies, replace=False)
        jittered = X[copied] + 0.01 * X.std(axis=0) * random.normal(size=(n_copies, 8))
        part = halves(200, seed)
        found = near_duplicates(make(np.concatenate([X, jittered])), np.append(part, 1 - part[copied]))
        true = {(int(a), 200 + i) for i, a in enumerate(copied)}
        got = {tuple(pair) for pair in found.pairs.tolist()}
        recall.append(len(true & got) / n_copies)
        found_others += len(got - true)
        assert found.n_near == len(np.unique(found.pairs)) and (np.diff(found.distance) >= 0).all()
    assert np.mean(recall) >= 0.95 and found_others <= 1


def test_copies_within_one_part_do_no_harm_and_are_not_reported():
    X = np.random.default_rng(0).normal(size=(100, 6))
    samples = make(np.concatenate([X, X + 1e-4]))
    assert near_duplicates(samples, np.tile(halves(100), 2)).n_near == 0
    assert near_duplicates(samples, np.repeat([0, 1], 100)).n_near == 200  # across parts, all of them


def test_equal_rows_are_counted_apart():
    X = np.random.default_rng(1).normal(size=(60, 5))
    X[50:] = X[:10]
    X[0, 0] = X[50, 0] = 0.0
    X[50, 0] = -0.0  # the same number
    part = np.zeros(60, int)
    part[50:55] = 1
    found = near_duplicates(make(X), part)
    assert (found.n_equal, found.n_equal_across, found.n_near) == (20, 10, 0)
    assert found.sentences() == [
        "20 rows equal another row in every measurement; 10 of them have a copy in another part, which flatters the figures."
    ]


def test_coarse_tables_have_equal_rows_by_chance_and_nothing_is_called_nearly_equal():
    X = np.random.default_rng(2).integers(0, 3, (200, 4)).astype(float)
    found = near_duplicates(make(X), halves(200))
    assert found.n_equal > 150 and found.n_near == 0
    assert found.note == "Rows are too coarsely measured to tell copies from chance."


def test_a_coarse_feature_must_be_near_too():
    random = np.random.default_rng(3)
    X = np.column_stack([random.normal(size=(150, 6)), random.integers(0, 2, 150)])
    part = np.append(halves(150), 1 - halves(150)[:1])
    same, other = X[:1] + 1e-3, X[:1] + 1e-3
    same[0, -1], other[0, -1] = X[0, -1], 1 - X[0, -1]
    assert near_duplicates(make(np.concatenate([X, same])), part).pairs.tolist() == [[0, 150]]
    assert near_duplicates(make(np.concatenate([X, other])), part).n_near == 0


def test_rows_that_do_not_train_while_their_like_is_tested_do_no_harm():
    X = np.random.default_rng(4).normal(size=(100, 6))
    X[99] = X[0] + 1e-4
    X[98] = X[1]
    part = np.append(np.zeros(50, int), np.ones(50, int))
    train = part != np.arange(2)[:, None]
    found = near_duplicates(make(X), part, train=train)
    assert found.n_near == 2 and (found.n_equal, found.n_equal_across) == (2, 2)
    train[0, [98, 99]] = train[1, [0, 1]] = False  # left out by a gap
    without = near_duplicates(make(X), part, train=train)
    assert without.n_near == 0 and (without.n_equal, without.n_equal_across) == (2, 0)


def test_sentences_name_some_pairs_and_nothing_is_said_of_nothing():
    X = np.random.default_rng(5).normal(size=(80, 6))
    X[70:] = X[:10] + 1e-4
    found = near_duplicates(make(X), (np.arange(80) >= 40).astype(int))
    (said,) = found.sentences(across="beyond the seal", so="which flatters the final test")
    assert said.startswith("20 rows are nearly equal to one beyond the seal (such as ") and "r7" in said
    assert said.endswith("keep its rows together (as a group), or drop one; which flatters the final test.")
    assert near_duplicates(make(X[:70]), (np.arange(70) >= 40).astype(int)).sentences() == []


def test_of_too_many_rows_a_stated_part_is_compared_with_all(monkeypatch):
    random = np.random.default_rng(6)
    X = random.normal(size=(400, 6))
    both, part = np.concatenate([X, X + 1e-4]), np.repeat([0, 1], 400)
    monkeypatch.setattr(clew.validate.duplicates, "MOST_PAIRS", 80_000)
    found = near_duplicates(make(both), part)
    assert found.n_compared == 100 and 95 <= len(found.pairs) <= 100
    assert "of 100, picked at random, that were compared with all" in found.sentences()[0]
    assert near_duplicates(make(both), part).digest() == found.digest()


@pytest.mark.parametrize("n", [0, 1, 2, 19, 25])
def test_few_rows_are_no_trouble(n):
    X = np.random.default_rng(7).normal(size=(n, 3))
    assert near_duplicates(make(X), np.arange(n) % 2).n_near == 0
    assert near_duplicates(make(X), np.zeros(n, int)).n_near == 0
    assert near_duplicates(make(np.ones((n, 3))), np.arange(n) % 2).n_near == 0


def test_parts_must_be_one_for_each_row():
    with pytest.raises(DataError, match="one for each of 5 rows. Got shape"):
        near_duplicates(make(np.eye(5)), np.zeros(4, int))


def test_the_result_survives_saving(tmp_path):
    X = np.random.default_rng(8).normal(size=(60, 6))
    X[59] = X[0] + 1e-4
    found = near_duplicates(make(X), (np.arange(60) >= 30).astype(int))
    assert Result.load(found.save(tmp_path / "n.clew")).digest() == found.digest()
    assert found.summary()["pairs"] == [["r0", "r59"]] and "2 nearly do" in found.headline()


@pytest.mark.parametrize("name", ["iris", "wine_data", "breast_cancer", "penguins", "dwd_02932_climate"])
def test_real_tables_raise_no_absurd_alarm(name):
    from clew.measure.rows import measure_rows
    from clew.read.tables import read_table

    samples = measure_rows([read_table(shared(f"tables/{name}.csv"))]).samples
    if samples.n_rows > 3000:
        samples = samples.take(np.arange(3000))
    assert near_duplicates(samples, seal(samples).sealed.astype(int)).n_near == 0
    parts = folds(samples)
    assert near_duplicates(samples, parts.test.argmax(axis=0), train=parts.train).n_near <= 2
