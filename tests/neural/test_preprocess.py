import json

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


@pytest.mark.parametrize("scale", ["training", "each", "peak"])
def test_what_fills_up_a_sequence_counts_for_nothing(scale):
    parts = [np.random.default_rng(i).normal(3, 2, (n, 2)) for i, n in enumerate((7, 2, 5))]
    learnt, prepared = both(parts, scale=scale)
    assert learnt.sequences and prepared.lengths.tolist() == [7, 2, 5]
    for values, part in zip(prepared.values, parts):
        alone = learnt.apply([part], dtype=float).values[0]
        np.testing.assert_allclose(values[: len(part)], alone, rtol=1e-12)
        assert (values[len(part) :] == 0).all()
    if scale == "training":
        np.testing.assert_allclose(learnt.mean, np.concatenate(parts).mean(0))
        np.testing.assert_allclose(learnt.spread, np.concatenate(parts).std(0))
        assert not np.allclose(learnt.mean, prepared.values.mean((0, 1)))


def test_text_becomes_codes_and_unknown_letters_one_of_their_own():
    learnt, prepared = both(["ACGT", "CA"])
    assert prepared.values.tolist() == [[2, 3, 4, 5], [3, 2, 0, 0]] and prepared.lengths.tolist() == [4, 2]
    assert learnt.apply(["NAx"]).values.tolist() == [[1, 2, 1]] and learnt.codes == 6
    assert (
        Preprocess.learn(np.array(["AB", "B"], dtype=object)).letters
        == "AB"
        == Preprocess.learn(np.array(["AB", "B"])).letters
    )


def test_whole_numbers_of_sequences_are_codes_and_steps_of_one_number_get_an_axis():
    learnt, prepared = both([[1, 2, 5], [0]], sequences=True)
    assert learnt.codes == 6 and prepared.values.tolist() == [[1, 2, 5], [0, 0, 0]]
    with pytest.raises(DataError, match="whole numbers from 0 to 5, .* Got 6"):
        learnt.apply([[6]])
    counts = np.arange(24).reshape(3, 4, 2)
    assert (
        both(counts, sequences=True)[0].codes == 0
        and abs(both(counts, sequences=True)[1].values.mean()) < 1e-12
    )
    assert both(np.ones((3, 4)), sequences=True)[1].values.shape == (3, 4, 1)
    assert both([np.arange(3.0), np.arange(2.0)])[1].values.shape == (2, 3, 1)


def test_unscaled_rows_are_taken_as_they_are_without_a_copy_where_they_fit():
    rows = X.astype(np.float32)
    learnt = Preprocess.learn(rows, scale="none")
    assert np.shares_memory(learnt.apply(rows).values, rows)
    rows.flags.writeable = False
    assert learnt.apply(rows).values.flags.writeable
    with pytest.raises(DataError, match="finite numbers, without NaN or inf. Got inf in row 2"):
        learnt.apply(np.array([[1.0], [1e300]]))


def test_it_is_what_json_says_it_is():
    for rows in (X, ["AB"], [np.ones((2, 1)), np.zeros((1, 1))]):
        learnt = Preprocess.learn(rows)
        assert Preprocess.from_config(json.loads(json.dumps(learnt.config()))) == learnt


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (np.array([[1.0, np.nan]]), "Got nan in row 1"),
        (np.array([[1.0], [-np.inf]]), "Got -inf in row 2"),
        (np.array([[1j]]), "must be numbers. Got complex128"),
        (np.array([["a", "b"]]), "must be numbers"),
        (np.array([1.0, 2.0]), "at least 2 axes. Got the shape"),
        (np.empty((0, 2)), "at least one. Got none"),
        (np.empty((3, 0)), "0 feature"),
        ([np.ones((2, 1)), np.ones((3, 2))], "the same features"),
        ([np.ones((2, 1)), np.ones((0, 1))], "at least one step. Got an empty one, number 2"),
    ],
)
def test_rows_that_cannot_be_taken_are_refused(rows, told):
    with pytest.raises(DataError, match=told):
        Preprocess.learn(rows)


def test_rows_of_another_kind_are_refused():
    with pytest.raises(DataError, match="must have 3 features, as those that the net was trained on. Got 2"):
        Preprocess.learn(X).apply(X[:, :2])
    with pytest.raises(DataError, match="must be text"):
        Preprocess.learn(["AB"]).apply(X)
    with pytest.raises(DataError, match="Got text"):
        Preprocess.learn(X).apply(["AB"])
    with pytest.raises(SettingError, match="Did you mean 'peak'"):
        Preprocess.learn(X, scale="peek")
