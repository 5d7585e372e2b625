"""A reading of losses as a whole: how often it is right, what early stopping would have done, and real nets."""

import os

import numpy as np
import pytest

from clew.result import Result, differences
from clew.validate.loss_answers import QUESTIONS
from clew.validate.loss_curves import PATIENCE, read_losses
from tests.validate.loss_worlds import decay, drawn, history

RIGHT = {
    "good": {"learning rate": "fine", "overfitting": "no", "underfitting": "no", "converging": "yes"},
    "overfits": {"overfitting": "overfits", "learning rate": "fine", "epochs": "yes"},
    "gap": {"overfitting": "overfits"},
    "diverges": {"learning rate": "too high"},
    "saw-tooth": {"learning rate": "too high"},
    "creeps": {"learning rate": "too low", "epochs": "no"},
    "underfits": {"underfitting": "underfits", "converging": "yes"},
}


SEEDS = int(os.environ.get("CLEW_SIMULATIONS", "15"))


@pytest.mark.parametrize("kind", RIGHT)
def test_the_answers_are_right_in_95_of_100_simulated_histories(kind):
    readings = [
        read_losses(drawn(kind, n, noise=noise, seed=seed))
        for seed in range(SEEDS) for n in (20, 60) for noise in (0.005, 0.02)
    ]  # fmt: skip
    for topic, verdict in RIGHT[kind].items():
        right = np.mean([one.about(topic).answer == verdict for one in readings])
        print(f"\n{kind}, {topic}: right in {right:.1%} of {len(readings)}")
        assert right >= 0.95, topic


@pytest.mark.parametrize("correlation", [0.0, 0.7])
def test_overfitting_is_hardly_ever_told_of_simulated_histories_without_it(correlation):
    kinds = ("good", "underfits", "nothing", "too short", "creeps")
    wrong = np.array([
        [read_losses(drawn(kind, n, noise=0.03, correlation=correlation, seed=seed)).about("overfitting").answer == "overfits"
         for kind in kinds for seed in range(SEEDS + 5)]
        for n in (15, 40)
    ])  # fmt: skip
    for n, told in zip((15, 40), wrong):
        print(
            f"\nno overfitting, {n} epochs, noise correlated {correlation}: told wrongly in {told.mean():.1%} of {len(told)}"
        )
    assert wrong.mean() <= 0.02


def replayed(loss, patience):
    """Stop as a training does: wait, and count."""
    lowest, kept, waited = np.inf, 0, 0
    for epoch, one in enumerate(loss, 1):
        if one < lowest:
            lowest, kept, waited = one, epoch, 0
            continue
        waited += 1
        if waited >= patience:
            return epoch, kept
    return 0, kept


@pytest.mark.parametrize("seed", range(5))
def test_each_patience_stops_where_a_training_would_have(seed):
    found = read_losses(drawn("overfits", 60, noise=0.02, seed=seed))
    loss = found.history.valid_loss
    expected = [replayed(loss, patience) for patience in PATIENCE]
    np.testing.assert_array_equal(np.column_stack([found.stopped_at, found.kept_epoch]), expected)
    np.testing.assert_allclose(found.worse, loss[found.kept_epoch - 1] - loss.min())
    assert (np.diff(found.worse) <= 0).all()


def test_early_stopping_helps_where_it_saves_epochs_at_no_cost():
    found = read_losses(drawn("overfits", noise=0.0))
    assert found.about("early stopping").answer == "yes"
    assert found.about("early stopping").evidence["patience"] == 1
    falling = read_losses(history(decay(40, 0.1, time=30), decay(40, 0.2, time=30)))
    assert falling.about("early stopping").answer == "no"
    assert (falling.stopped_at == 0).all()
    loss = decay(40, 0.1, time=30)
    loss[8:12] += 0.5  # a hill that all but the patient ones stop at
    hilly = read_losses(history(loss, loss))
    assert hilly.about("early stopping").answer == "no"
    assert (hilly.stopped_at[:2] > 0).all() and (hilly.stopped_at[2:] == 0).all()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("good", "The training went well: 40 epochs"),
        ("overfits", "It overfits"),
        ("diverges", "The learning rate is too high"),
        ("creeps", "The learning rate is too low"),
        ("underfits", "It underfits"),
        ("too short", "There were too few epochs"),
    ],
)
def test_the_headline_is_what_most_needs_to_be_known(kind, said):
    assert read_losses(drawn(kind)).headline().startswith(said)


def test_sentences_and_summary_answer_every_question():
    found = read_losses(drawn("overfits"))
    assert len(found.sentences()) == len(QUESTIONS) == 6
    summary = found.summary()
    assert set(QUESTIONS) <= set(summary)
    assert [stop["patience"] for stop in summary["stops"]] == list(PATIENCE)
    assert read_losses(drawn("good")).summary()["overfitting"]["evidence"]["chance"] == 1.0
    unvalidated = read_losses(history(decay(20, 0.1))).summary()["stops"][0]
    assert (unvalidated["kept_epoch"], unvalidated["worse"]) == (0, None)


def test_a_reading_comes_back_from_a_file_as_it_was(tmp_path):
    found = read_losses(drawn("good"))
    again = Result.load(found.save(tmp_path / "reading.zip"))
    assert differences(found, again) == []
    assert again.sentences() == found.sentences()


# ---- real nets on real digits: what an expert would say ----
@pytest.fixture(scope="module")
def trained():
    torch = pytest.importorskip("torch")
    from sklearn.datasets import load_digits

    from clew.neural.fit import fit
    from clew.neural.nets.mlp import Mlp, MlpConfig
    from clew.neural.objectives import CrossEntropy
    from clew.neural.recipe import Recipe
    from clew.neural.rows import Rows

    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    training, held_out, few = (Rows(X[a:b], y[a:b]) for a, b in ((0, 1000), (1000, 1400), (0, 50)))
    points = torch.tensor(np.random.default_rng(1).normal(size=(400, 2)), dtype=torch.float32)
    xor = (points[:, 0] * points[:, 1] > 0).long()
    xor_training, xor_held_out = Rows(points[:300], xor[:300]), Rows(points[300:], xor[300:])

    def train(training, held_out, hidden, n_out=10, **recipe):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            net = Mlp(MlpConfig(training.x.shape[1], n_out, hidden))
        return read_losses(
            fit(
                net,
                training,
                recipe=Recipe(device="cpu", **recipe),
                objective=CrossEntropy(),
                validation=held_out,
            )
        )

    return {
        "too low": train(training, held_out, (64, 32), lr=1e-5, max_epochs=15),
        "right": train(training, held_out, (64, 32), lr=2e-3, max_epochs=25),
        "too high": train(training, held_out, (64, 32), lr=10.0, max_epochs=15),
        "few rows": train(few, held_out, (256, 256), lr=1e-3, max_epochs=80),
        "three epochs": train(training, held_out, (64, 32), max_epochs=3),
        "linear on xor": train(xor_training, xor_held_out, (), n_out=2, lr=1e-2, max_epochs=30),
        "net on xor": train(xor_training, xor_held_out, (16,), n_out=2, lr=1e-2, max_epochs=60),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("net", "topic", "verdict"),
    [
        ("too low", "learning rate", "too low"),
        ("too low", "epochs", "no"),
        ("right", "learning rate", "fine"),
        ("right", "converging", "yes"),
        ("right", "overfitting", "no"),
        ("right", "underfitting", "no"),
        ("too high", "learning rate", "too high"),
        ("too high", "converging", "no"),
        ("few rows", "overfitting", "overfits"),
        ("few rows", "underfitting", "no"),
        ("three epochs", "epochs", "cannot tell"),
        ("linear on xor", "underfitting", "underfits"),
        ("linear on xor", "overfitting", "no"),
        ("net on xor", "underfitting", "no"),
        ("net on xor", "overfitting", "no"),
    ],
)
def test_real_nets_get_the_answer_that_an_expert_would_give(trained, net, topic, verdict):
    found = trained[net].about(topic)
    assert found.answer == verdict, found.sentence
