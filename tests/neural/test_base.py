import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from torch import nn

from clew.errors import DataError, SettingError
from clew.neural.augment import Noise
from clew.neural.estimators import NetClassifier, NetRegressor

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 3))
Y = np.where(X[:, 0] + X[:, 1] > 0, "up", "down")
QUICK = {"max_epochs": 3, "net_settings": {"hidden": (8,)}}


def numpys_state():
    """Return the global random state of NumPy, as bytes."""
    return np.random.get_state()[1].tobytes()  # noqa: NPY002


def weights(estimator):
    return torch.cat([one.flatten() for one in estimator.net_.state_dict().values()])


def same(one, other):
    return torch.equal(weights(one), weights(other))


# ---- rows that are held out ----
def seen_by(estimator, X, y, **others):
    """Fit; return the training rows that the net learnt from, by their first column."""
    seen = set()

    def note(rows, random):
        seen.update(np.round(rows.x[:, 0].numpy().astype(float), 4))
        return rows

    estimator.set_params(augment=note, scale="none").fit(X, y, **others)
    return {i for i, row in enumerate(X) if np.round(float(np.float32(row[0])), 4) in seen}


def test_no_group_is_on_both_sides():
    groups = np.arange(60) // 5
    trained = seen_by(NetClassifier(held_out=0.25, **QUICK), X, Y, groups=groups)
    held = set(range(60)) - trained
    assert 10 <= len(held) <= 20 and not {groups[i] for i in trained} & {groups[i] for i in held}
    mutant = seen_by(NetClassifier(held_out=0.25, **QUICK), X, Y)  # rows dealt singly
    assert {groups[i] for i in mutant} & {groups[i] for i in set(range(60)) - mutant}


def test_held_out_rows_are_validation_rows_and_teach_nothing():
    estimator = NetClassifier(held_out=0.25, random_state=3, **QUICK).fit(X, Y)
    train, held = estimator._hold_out(Y, None)
    by_hand = NetClassifier(random_state=3, **QUICK).fit(X[train], Y[train], validation=(X[held], Y[held]))
    assert same(estimator, by_hand) and sorted([*train, *held]) == list(range(60))
    np.testing.assert_array_equal(estimator.history_.valid_loss, by_hand.history_.valid_loss)
    np.testing.assert_allclose(estimator.preprocess_.mean, X[train].mean(0))  # not even their mean
    lists = NetClassifier(held_out=0.25, random_state=3, **QUICK).fit(X.tolist(), Y.tolist())
    assert same(lists, estimator)
    assert np.isnan(NetClassifier(**QUICK).fit(X, Y).history_.valid_loss).all()


@pytest.mark.parametrize(
    ("settings", "others", "error", "told"),
    [
        ({}, {"groups": np.arange(60)}, SettingError, "must go with 'held_out'"),
        ({"held_out": 1.0}, {}, SettingError, "share between 0 and 1. Got 1.0"),
        ({"held_out": 0.3}, {"groups": np.zeros(60)}, DataError, "groups must be at least 2"),
        ({"held_out": 0.3}, {"groups": np.arange(59)}, DataError, "one of each row"),
        ({"patience": 3}, {}, SettingError, "must go with validation rows"),
        ({"batch_size": 61}, {}, SettingError, r"at most the number of training rows \(60\). Got 61"),
        ({"lr": "seek"}, {}, SettingError, "'lr' of a net must be a number above 0. Got seek"),
        ({"net": "mpl"}, {}, SettingError, "Did you mean 'mlp'"),
        ({}, {"sample_weight": np.ones(59)}, DataError, "sample_weight"),
        ({}, {"sample_weight": -np.ones(60)}, DataError, "sample_weight"),
        ({}, {"validation": (X[:, :2], Y)}, DataError, "must have 3 features"),
        ({}, {"validation": (X[:5], Y[:4])}, DataError, r"as many entries as there are rows \(5\). Got 4"),
    ],
)
def test_what_does_not_fit_is_one_sentence(settings, others, error, told):
    with pytest.raises(error, match=told):
        NetClassifier(**{**QUICK, **settings}).fit(X, Y, **others)


# ---- repeatability ----
def test_the_same_seed_gives_the_same_bits_and_touches_no_global_state():
    first = NetClassifier(random_state=4, augment=Noise(0.1), **QUICK).fit(X, Y)
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002  the caller's own
    before = torch.get_rng_state(), numpys_state()
    torch.set_num_threads(2)
    second = clone(first).fit(X, Y)
    assert same(first, second) and torch.get_num_threads() == 2
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    assert torch.equal(torch.get_rng_state(), before[0]) and numpys_state() == before[1]
    assert not same(first, clone(first).set_params(random_state=5).fit(X, Y))


def test_an_interrupted_fit_goes_on_to_the_same_bits(tmp_path):
    settings = {
        "held_out": 0.25,
        "augment": Noise(0.1),
        "max_epochs": 5,
        "net_settings": {"hidden": (8,), "dropout": 0.3},
    }
    whole = NetClassifier(**settings).fit(X, Y)

    def stop(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        NetClassifier(**settings).fit(X, Y, checkpoint=tmp_path / "c", on_progress=stop)
    told = []
    resumed = NetClassifier(**settings).fit(
        X, Y, checkpoint=tmp_path / "c", on_progress=lambda done, total: told.append(done)
    )
    assert told == [3, 4, 5] and same(resumed, whole)
    with pytest.raises(DataError, match="Got another rows"):
        NetClassifier(**settings).fit(X + 1, np.where(Y == "up", "down", "up"), checkpoint=tmp_path / "c")


# ---- rows of whatever kind ----
def test_dtypes_and_containers_give_the_same_answers():
    whole = np.round(10 * X).astype(int)
    wanted = NetClassifier(**QUICK).fit(whole, Y).predict_proba(whole)
    for given in (
        whole.astype(np.float32),
        whole.astype(object),
        whole.tolist(),
        pd.DataFrame(whole, columns=list("abc")),
        np.asfortranarray(whole),
    ):
        found = NetClassifier(**QUICK).fit(given, Y).predict_proba(given)
        np.testing.assert_array_equal(found, wanted)
    assert NetClassifier(**QUICK).fit(X > 0, Y).predict(X > 0).shape == (60,)


def test_columns_in_another_order_are_refused():
    table = pd.DataFrame(X, columns=list("abc"))
    net = NetClassifier(**QUICK).fit(table, Y)
    with pytest.raises(ValueError, match="feature names"):
        net.predict(table[["b", "a", "c"]])


def test_fitting_again_takes_rows_of_another_shape():
    net = NetClassifier(**QUICK).fit(X, Y)
    assert net.fit(X[:, :2], Y).predict(X[:, :2]).shape == (60,) and net.n_features_in_ == 2
    with pytest.raises(DataError, match="2 features"):
        net.predict(X)


@pytest.mark.parametrize("precision", ["float64", "bfloat16"])
def test_precisions_of_answers(precision):
    net = NetClassifier(precision=precision, **QUICK).fit(X, Y)
    assert net.answers(X).dtype == (np.float64 if precision == "float64" else np.float32)
    plain = NetClassifier(**QUICK).fit(X, Y)
    np.testing.assert_allclose(net.predict_proba(X), plain.predict_proba(X), atol=0.02)


def test_memory_that_is_full_in_prediction_is_told():
    net = NetClassifier(**QUICK).fit(X, Y)

    def full(*args):
        raise torch.OutOfMemoryError("CUDA")

    net.net_.head.forward = full
    with pytest.raises(
        DataError, match="The GPU must have memory for some of the rows. Got none left: try device='cpu'"
    ):
        net.predict(X)


# ---- nets of one's own ----
class Own(nn.Module):
    """No `head`, drop-out, two inputs to a layer."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.first, self.second, self.drop = nn.Linear(n_in, 6), nn.Linear(6, n_out), nn.Dropout(0.5)

    def forward(self, x):
        return self.second(self.drop(torch.tanh(self.first(x))))


def own_net(shape, n_out):
    return Own(shape[0], n_out)


def test_a_net_of_ones_own_is_trained_and_embeds():
    net = NetClassifier(own_net, max_epochs=30, lr=0.02).fit(X, Y)
    assert net.score(X, Y) > 0.85
    np.testing.assert_allclose(net.embed(X), np.tanh(net.embed(X, layer="first")), atol=1e-6)
    assert net.embed(X).shape == (60, 6)


def test_a_net_of_ones_own_with_other_answers_is_refused():
    with pytest.raises(DataError, match="answers of the net must be of shape"):
        NetClassifier(lambda shape, n_out: nn.Sequential(nn.Linear(3, 4), nn.Unflatten(1, (2, 2)))).fit(X, Y)
    for n in (1, 7):
        with pytest.raises(DataError, match=rf"must be of shape \(32, 2\), to fit y. Got \(32, {n}\)"):
            NetClassifier(lambda shape, n_out, n=n: nn.Linear(3, n)).fit(X, Y)
    with pytest.raises(DataError, match="must have weights that can be learnt"):
        NetClassifier(lambda shape, n_out: nn.Identity()).fit(X, Y)


def test_embeddings_keep_the_order_and_are_the_same_in_any_batch():
    net = NetClassifier(max_epochs=2, net_settings={"hidden": (8, 5), "dropout": 0.5}).fit(X, Y)
    many = np.tile(X, (10, 1))
    whole = net.embed(many)
    assert whole.shape == (600, 5)
    np.testing.assert_allclose(whole, np.tile(net.embed(X), (10, 1)), atol=1e-6)
    np.testing.assert_allclose(whole[7], net.embed(X[7:8])[0], atol=1e-6)
    shuffled = np.random.default_rng(0).permutation(60)
    np.testing.assert_allclose(net.embed(X[shuffled]), net.embed(X)[shuffled], atol=1e-6)
    assert not np.allclose(net.embed(X[shuffled]), net.embed(X), atol=1e-3)  # mutant: another order
    net.net_.train()
    np.testing.assert_array_equal(net.embed(many), whole)  # drop-out is off all the same
    assert net.net_.training


# ---- sequences ----
LENGTHS = RANDOM.integers(2, 9, 40)
PARTS = [RANDOM.normal(size=(n, 2)) for n in LENGTHS]
KINDS = np.array([part[-1, 0] > 0 for part in PARTS])


@pytest.mark.parametrize("net", ["elman", "lstm", "gru", "self-feedback", "fully-recurrent"])
def test_a_list_of_sequences_is_answered_as_each_alone(net):
    model = NetClassifier(net, max_epochs=2, net_settings={"hidden": 6}).fit(PARTS, KINDS)
    alone = np.concatenate([model.predict_proba([part]) for part in PARTS])
    np.testing.assert_allclose(model.predict_proba(PARTS), alone, atol=1e-6)
    np.testing.assert_allclose(
        model.embed(PARTS), np.concatenate([model.embed([part]) for part in PARTS]), atol=1e-6
    )
    filled = np.zeros((40, LENGTHS.max(), 2))
    for row, part in zip(filled, PARTS):
        row[: len(part)] = part
    assert np.abs(model.predict_proba(filled) - alone).max() > 1e-3  # mutant: padding taken for steps


def test_sequences_are_held_out_and_truncated():
    whole = NetClassifier("gru", max_epochs=3, net_settings={"hidden": 6}, held_out=0.25, precision="float64")
    full = clone(whole).fit(PARTS, KINDS)
    longest = clone(whole).set_params(truncate=int(LENGTHS.max())).fit(PARTS, KINDS)
    torch.testing.assert_close(weights(longest), weights(full), rtol=1e-10, atol=1e-12)
    short = clone(whole).set_params(truncate=1).fit(PARTS, KINDS)
    assert (weights(short) - weights(full)).abs().max() > 1e-4
    with pytest.raises(SettingError, match="'truncate' of a net must go with a recurrent one"):
        NetClassifier(truncate=2, **QUICK).fit(X, Y)


def test_text_is_read_letter_by_letter():
    texts = ["".join(RANDOM.choice(list("ACGT"), n)) for n in RANDOM.integers(3, 9, 60)]
    ends = [text[-1] in "AC" for text in texts]
    model = NetClassifier("gru", max_epochs=25, lr=0.02, net_settings={"hidden": 12}).fit(texts, ends)
    assert model.score(texts, ends) > 0.95 and model.predict(["NNA"]).shape == (1,)
    np.testing.assert_allclose(model.predict_proba(texts)[3], model.predict_proba([texts[3]])[0], atol=1e-6)


def test_a_net_of_ones_own_gets_lists_of_sequences_too():
    class Mean(nn.Module):
        takes_lengths = True

        def __init__(self, n_in, n_out):
            super().__init__()
            self.head = nn.Linear(n_in, n_out)

        def forward(self, x, lengths=None):
            return self.head(x.sum(1) / lengths[:, None])

    model = NetClassifier(lambda shape, n_out: Mean(shape[-1], n_out), max_epochs=2).fit(PARTS, KINDS)
    np.testing.assert_allclose(model.predict_proba(PARTS[:1]), model.predict_proba(PARTS)[:1], atol=1e-6)


def test_images_without_a_channel_axis_are_told_apart_from_signals():
    images, y = RANDOM.normal(size=(12, 8, 8)), np.arange(12) % 2
    quick = {"max_epochs": 1, "net_settings": {"channels": (4,)}}
    net = NetClassifier("cnn", **quick).fit(images, y)
    told = "Taken as signals of 8 channels x 8 samples; images need a channel axis: X[:, None]."
    assert net.warnings_ == [told] and repr(net).splitlines()[-1] == told
    regressor = NetRegressor("cnn", **quick)
    assert regressor.fit(images, y).warnings_ == [told] and told not in repr(clone(regressor))
    for fine in (images[:, None], images[:, :7]):
        assert NetClassifier("cnn", **quick).fit(fine, y).warnings_ == []
    assert NetClassifier("gru", max_epochs=1).fit(images, y).warnings_ == []


def test_signals_and_images_go_through_a_convolutional_net():
    for shape in ((2, 20), (1, 8, 8)):
        values = RANDOM.normal(size=(30, *shape))
        values[::2] += np.linspace(0, 4, shape[-1])
        net = NetRegressor("cnn", max_epochs=2, net_settings={"channels": (4,)}).fit(
            values, np.arange(30) % 2
        )
        assert net.predict(values).shape == (30,) and net.n_features_in_ == shape[0]
        with pytest.raises(DataError, match="must be of shape"):
            net.predict(values[..., :-1])


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"net": nn.Linear(3, 2)}, "builds a module. Got a Linear that is built already"),
        ({"loss": nn.CrossEntropyLoss()}, r"loss\(output, rows.y\). Got CrossEntropyLoss"),
        ({"loss": "huber"}, "Got 'huber'"),
    ],
)
def test_what_other_libraries_take_as_net_or_loss_is_refused_in_a_sentence(settings, told):
    with pytest.raises(SettingError, match=told):
        NetClassifier(max_epochs=1, **settings).fit(X, Y)
