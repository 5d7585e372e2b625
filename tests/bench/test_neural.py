from __future__ import annotations

import dataclasses

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("skorch")

from clew.bench import neural
from clew.bench.neural import Trained, works
from clew.bench.timing import check_installed, measure

SMALL = {name: task._replace(n_rows=120, epochs=2, batch=40) for name, task in neural.TASKS.items()}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(neural, "TASKS", SMALL)


def test_every_net_is_beside_a_plain_loop_and_skorch_and_is_asked():
    names = [one.name for one in works()]
    assert names == [
        f"{net}-{how}" for net in ("mlp", "cnn", "waves", "lstm") for how in ("loop", "skorch", "ask")
    ]
    check_installed(works())


def test_all_sides_begin_with_the_same_weights_and_end_with_about_the_same_loss():
    data = Trained("mlp")
    first, again = (one.build().head.weight.detach().numpy() for one in (data, Trained("mlp")))
    np.testing.assert_array_equal(first, again)
    losses = [data.ours(0), data.loop(0), data.skorch(0)]
    np.testing.assert_allclose(losses, losses[0], rtol=0.05)
    assert losses[0] < np.log(neural.N_CLASSES) + 0.1  # no side stands still or runs away


def test_the_loss_would_tell_a_side_that_does_not_learn():
    data = Trained("mlp")
    data.task = data.task._replace(epochs=30)
    learnt = data.ours(0)
    data.y = np.random.default_rng(1).permutation(data.y)
    assert data.ours(0) > 1.2 * learnt


def test_what_is_asked_is_answered_alike():
    row = next(one for one in works() if one.name == "cnn-ask")
    told = measure(dataclasses.replace(row, peak=False), repeats=1)
    assert told["quality"]["ours"]["off"] < 1e-6
    assert told["quality"]["rival"]["off"] == 0
