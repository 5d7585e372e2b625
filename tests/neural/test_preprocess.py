import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from clew.errors import DataError, SettingError
from clew.neural import preprocess
from clew.neural.preprocess import Preprocess

X = np.random.default_rng(0).normal([5, -3, 0.001], [2, 1e-9, 300], (50, 3))


def both(X, **settings):
    learnt = Preprocess.learn(X, **settings)
    return learnt, learnt.apply(X, dtype=np.float64)


def test_features_are_brought_to_the_scale_of_scikit_learn():
    learnt, prepared = both(X)
    scaler = StandardScaler().fit(X)
    np.testing.assert_allclose(prepared.values, scaler.transform(X), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(
        learnt.apply(2 * X, dtype=np.float64).values, scaler.transform(2 * X), rtol=1e-6, atol=1e-9
    )
    assert learnt.apply(X).values.dtype == np.float32


def test_a_large_offset_survives_float32():
    times = (1.7e9 + np.arange(20.0))[:, None]
    np.testing.assert_allclose(
        both(times)[0].apply(times).values, StandardScaler().fit_transform(times), rtol=1e-5
    )
    assert len(np.unique(times.astype(np.float32))) < 3  # mutant: narrowed first


def test_a_constant_feature_says_nothing_of_new_rows_either():
    rows = np.column_stack([X[:, 0], np.full(50, 0.1), np.zeros(50)])
    learnt, prepared = both(rows)
    assert (prepared.values[:, 1:] == 0).all() and learnt.spread[1:] == (0.0, 0.0)
    assert (learnt.apply(rows + 7).values[:, 1:] == 0).all() and (
        learnt.apply(rows + 7).values[:, 0] > 0
    ).any()


@pytest.mark.parametrize("block", [7, 2**20])
def test_channels_share_a_scale_whatever_the_blocks(monkeypatch, block):
    monkeypatch.setattr(preprocess, "BLOCK", block)
    images = np.random.default_rng(1).integers(0, 255, (9, 2, 4, 5)).astype(np.uint8)
    learnt, prepared = both(images)
    axes = (0, 2, 3)
    wanted = (images - images.mean(axes, keepdims=True)) / images.std(axes, keepdims=True)
    np.testing.assert_allclose(prepared.values, wanted, rtol=1e-12)
    sequences = np.moveaxis(images[:, :, :, 0], 1, 2).astype(float)
    np.testing.assert_allclose(both(sequences, sequences=True)[1].values.std((0, 1)), 1)


@pytest.mark.parametrize("block", [7, 2**20])
def test_the_scale_of_sequences_is_that_of_their_real_steps(monkeypatch, block):
    monkeypatch.setattr(preprocess, "BLOCK", block)
    parts = [np.random.default_rng(n).normal([9, -4], [1, 3], (n, 2)) for n in (2, 5, 1, 7)]
    learnt, steps = Preprocess.learn(parts), np.concatenate(parts)
    np.testing.assert_allclose([learnt.mean, learnt.spread], [steps.mean(0), steps.std(0)], rtol=1e-12)


@pytest.mark.parametrize(
    ("scale", "size"), [("each", lambda row: row.std()), ("peak", lambda row: np.abs(row - row.mean()).max())]
)
def test_a_scale_of_each_rows_own_keeps_the_ratio_of_channels(scale, size):
    signals = np.random.default_rng(2).normal(3, [[1], [5]], (6, 2, 40))
    learnt, prepared = both(signals, scale=scale)
    np.testing.assert_allclose(
        prepared.values, [(row - row.mean()) / size(row) for row in signals], rtol=1e-12
    )
    np.testing.assert_allclose(
        learnt.apply(1000 * signals[:1], dtype=float).values, prepared.values[:1], rtol=1e-12
    )
    assert (learnt.apply(np.ones((1, 2, 40))).values == 0).all()


@pytest.mark.parametrize("scale", ["training", "each"])
def test_numbers_whose_squares_overflow_are_refused_rather_than_made_zeros(scale):
    rows = np.array([[1.0, 2.0], [3.0, 5.0]]) * 1e200
    with pytest.raises(DataError, match="below 1e150"):
        Preprocess.learn(rows, scale=scale).apply(rows)
    Preprocess.learn(rows / 1e60, scale=scale).apply(rows / 1e60)


def test_rows_of_another_kind_are_refused():
    with pytest.raises(DataError, match="must have 3 features, as those that the net was trained on. Got 2"):
        Preprocess.learn(X).apply(X[:, :2])
    with pytest.raises(DataError, match="must be text"):
        Preprocess.learn(["AB"]).apply(X)
    with pytest.raises(DataError, match="Got text"):
        Preprocess.learn(X).apply(["AB"])
    with pytest.raises(SettingError, match="Did you mean 'peak'"):
        Preprocess.learn(X, scale="peek")


@pytest.mark.parametrize("scale", ["training", "each", "peak", "none"])
def test_rows_come_back_in_their_units(scale):
    learnt, prepared = both(X[:, [0, 2]], scale=scale)
    np.testing.assert_allclose(learnt.undo(prepared.values, like=X[:, [0, 2]]), X[:, [0, 2]], rtol=1e-9)


def test_rows_from_elsewhere_get_the_median_scale_or_stay_on_theirs():
    learnt, prepared = both(X, scale="each")
    raw = learnt.undo(prepared.values[:7], like=X)
    np.testing.assert_allclose(raw.mean(axis=1), np.median(X.mean(axis=1)))
    np.testing.assert_allclose(raw.std(axis=1), np.median(X.std(axis=1)))
    np.testing.assert_array_equal(learnt.undo(prepared.values), prepared.values)
