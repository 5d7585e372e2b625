import copy
import logging
import math

import numpy as np
import pytest
import torch
from torch import nn

from clew.errors import DataError, SettingError
from clew.neural.augment import Noise
from clew.neural.crops import Crops
from clew.neural.estimators import NetClassifier
from clew.neural.fit import fit
from clew.neural.objectives import CrossEntropy, Objective, SquaredError
from clew.neural.recipe import Recipe
from clew.neural.rows import Rows


def numpys_state():
    """Return the global random state of NumPy, as bytes."""
    return np.random.get_state()[1].tobytes()  # noqa: NPY002


def rows_of(n=60, seed=0):
    """Rows of three classes that have nothing to do with them."""
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 4, generator=random)
    return Rows(x, torch.randint(3, (n,), generator=random))


def clear(n=60, seed=0):
    """Rows of classes that can be learnt."""
    x = rows_of(n, seed).x
    return Rows(x, (x[:, 0] > 0).long() + (x[:, 1] > 0))


def net_of(*, seed=1, dropout=0.0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 3))


def weights(net):
    return {name: value.clone() for name, value in net.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def run(
    net=None,
    training=None,
    *,
    objective=None,
    validation=None,
    augment=None,
    checkpoint=None,
    on_progress=None,
    **recipe,
):
    net = net or net_of()
    recipe = Recipe(**{"max_epochs": 4, "batch_size": 16, "lr": 0.01, **recipe})
    rows = training or rows_of()
    history = fit(net, rows, recipe=recipe, objective=objective or CrossEntropy(), validation=validation, augment=augment,
                  checkpoint=checkpoint, on_progress=on_progress)  # fmt: skip
    return net, history


# ---- what an update is ----
def test_one_step_of_gradient_descent_is_the_one_by_hand():
    net = nn.Linear(2, 1).double()
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[0.5, -1.0]]))
        net.bias.fill_(0.25)
    x, y = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([[1.0], [0.0]])
    answer = x @ [[0.5], [-1.0]] + 0.25  # -1.25, 2.75
    slope = 2 * (answer - y) / 2
    weight, bias = np.array([[0.5, -1.0]]) - 0.1 * slope.T @ x, 0.25 - 0.1 * slope.sum()
    _, history = run(net, Rows(torch.tensor(x), torch.tensor(y)), objective=SquaredError(), max_epochs=1, batch_size=2, lr=0.1,
                     optimizer="sgd", momentum=0.0, precision="float64")  # fmt: skip
    np.testing.assert_allclose(history.train_loss, [((answer - y) ** 2).mean()], rtol=1e-14)
    np.testing.assert_allclose(net.weight.detach(), weight, rtol=1e-13)
    np.testing.assert_allclose(net.bias.detach(), [bias], rtol=1e-13)
    after = ((x @ weight.T + bias - y) ** 2).mean()
    np.testing.assert_allclose(history.train_loss_at_best, after, rtol=1e-13)
    norm = math.sqrt(((slope.T @ x) ** 2).sum() + slope.sum() ** 2)
    np.testing.assert_allclose(history.gradient_norm, [norm], rtol=1e-13)


def plain_loop(net, rows, *, epochs, size, lr, seed):
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.0, fused=True)
    order, losses = torch.Generator().manual_seed(seed), []
    net.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(rows), generator=order).split(size):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(rows.x[batch]), rows.y[batch])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


def test_training_is_the_plain_loop_of_torch_bit_for_bit():
    own, theirs, rows = net_of(dropout=0.3), net_of(dropout=0.3), rows_of()
    with torch.random.fork_rng():
        losses = plain_loop(theirs, rows, epochs=3, size=16, lr=0.01, seed=5)
    _, history = run(own, rows, max_epochs=3, random_state=5)
    assert same(weights(own), weights(theirs))
    assert history.batch_loss.tolist() == losses
    assert not same(
        weights(run(net_of(dropout=0.3), rows, max_epochs=3, random_state=6)[0]), weights(theirs)
    )  # mutant


# ---- which rows an epoch sees ----
def seen_in(history_of, **recipe):
    """Return the numbers of the rows of each batch, epoch by epoch."""
    rows = Rows(torch.arange(10.0)[:, None].repeat(1, 4), torch.arange(10) % 3)
    batches, epochs = [], []

    def note(batch, random):
        batches.append(batch.x[:, 0].int().tolist())
        return batch

    def close(done, total):
        epochs.append(list(batches))
        batches.clear()

    _, history = run(training=rows, augment=note, on_progress=close, **recipe)
    return epochs, history


@pytest.mark.parametrize(
    ("n", "size", "updates"), [(None, 4, 3), (10, 5, 2), (7, 4, 2), (24, 10, 3), (3, 8, 1)]
)
def test_an_epoch_draws_so_many_rows_without_replacement(n, size, updates):
    epochs, history = seen_in(None, samples_per_epoch=n, batch_size=size, max_epochs=3)
    for batches in epochs:
        drawn = [row for batch in batches for row in batch]
        counts = np.bincount(drawn, minlength=10)
        assert (
            len(drawn) == (n or 10) and counts.max() - counts.min() <= 1
        )  # each once before any comes twice
        assert len(batches) == updates == math.ceil((n or 10) / size)
    assert (
        history.updates.tolist() == [updates, 2 * updates, 3 * updates]
        and len(history.batch_loss) == 3 * updates
    )
    assert epochs[0] != epochs[1] != epochs[2]
    mutant = np.bincount(np.random.default_rng(0).integers(0, 10, 10), minlength=10)  # with replacement
    assert mutant.max() - mutant.min() > 1


# ---- which weights are kept ----
def overfitting(**settings):
    """Train where the validation rows have other labels, and keep each epoch's weights."""
    net, seen = net_of(), []
    history = run(net, rows_of(40), validation=rows_of(30, seed=9), lr=0.05, max_epochs=40,
                  on_progress=lambda *_: seen.append(weights(net)), **settings)[1]  # fmt: skip
    return net, history, seen


def test_the_weights_of_the_best_epoch_come_back_bit_for_bit():
    net, history, seen = overfitting()
    best = int(np.argmin(history.valid_loss))
    assert history.best_epoch == best + 1 < 40 and history.stopped == "epochs"
    assert same(weights(net), seen[best])
    assert not same(weights(net), seen[-1])  # mutant: the last
    valid = rows_of(30, seed=9)
    with torch.no_grad():
        answer = net(valid.x)
    np.testing.assert_allclose(
        history.valid_loss[best], nn.functional.cross_entropy(answer, valid.y), rtol=1e-6
    )
    np.testing.assert_allclose(
        history.valid_score[best], (answer.argmax(1) == valid.y).double().mean(), rtol=1e-12
    )


@pytest.mark.parametrize(("patience", "min_delta"), [(1, 0.0), (4, 0.0), (3, 0.02)])
def test_patience_ends_the_training_so_many_epochs_after_the_best(patience, min_delta):
    _, full, _ = overfitting()
    net, history, seen = overfitting(patience=patience, min_delta=min_delta)
    lowest, best, waited, end = math.inf, 0, 0, 0
    for end, loss in enumerate(full.valid_loss, 1):  # by hand, along the training that was not stopped
        best, lowest, waited = (end, loss, 0) if loss < lowest - min_delta else (best, lowest, waited + 1)
        if waited == patience:
            break
    assert (history.stopped, history.best_epoch, history.n_epochs) == ("early", best, end)
    assert same(weights(net), seen[best - 1])


def test_of_epochs_that_are_as_good_the_first_is_kept():
    _, history = run(validation=clear(30, seed=9), lr=1e-30, max_epochs=3)
    assert len(set(history.valid_loss)) == 1 and history.best_epoch == 1


def test_the_last_weights_are_kept_where_the_recipe_says_so():
    training, other = clear(60), clear(60, seed=3)
    wrong = Rows(other.x, (other.y + 1) % 3)  # its loss is lowest at once
    best, first = run(None, training, validation=wrong, max_epochs=6)
    last, history = run(None, training, validation=wrong, max_epochs=6, keep="last")
    alone, _ = run(None, training, max_epochs=6)
    assert first.best_epoch < 6 == history.best_epoch and np.isfinite(history.valid_loss).all()
    assert same(weights(last), weights(alone)) and not same(weights(last), weights(best))
    with pytest.raises(SettingError, match="'patience' of a net must go with keep='best'"):
        run(None, training, validation=wrong, keep="last", patience=3)


def test_patience_counts_from_where_the_rate_of_one_cycle_is_highest():
    """Rows whose validation loss is lowest at once, since it is of other classes: it stops a patience after the peak."""
    training, other = clear(60), clear(60, seed=3)
    settings = {"max_epochs": 40, "patience": 2, "validation": Rows(other.x, (other.y + 1) % 3), "lr": 0.05}
    _, cycle = run(None, training, schedule="one-cycle", **settings)
    _, level = run(None, training, schedule="constant", **settings)
    assert cycle.stopped == level.stopped == "early"
    assert level.n_epochs == 3 and cycle.n_epochs == 0.3 * 40 + 2


def test_patience_or_plateau_without_validation_rows_is_refused():
    for settings in ({"patience": 3}, {"schedule": "plateau"}):
        with pytest.raises(SettingError, match="must go with validation rows"):
            run(**settings)


def test_plateau_halves_the_rate_as_torchs_does():
    _, history, _ = overfitting(schedule="plateau", patience=40)
    other = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.05)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(other, factor=0.5, patience=19, threshold=0)
    rates = []
    for loss in history.valid_loss:
        rates.append(other.param_groups[0]["lr"])
        schedule.step(loss)
    assert history.lr.tolist() == rates and rates[-1] < 0.05


# ---- repeatability ----
def test_nothing_depends_on_the_callers_random_state_or_threads_which_stay():
    first, _ = run(net_of(dropout=0.4))
    torch.manual_seed(77)
    np.random.seed(3)  # noqa: NPY002  the caller's own
    torch.set_num_threads(2)
    before = torch.get_rng_state(), numpys_state()
    second, _ = run(net_of(dropout=0.4))
    assert same(weights(first), weights(second))
    assert torch.equal(torch.get_rng_state(), before[0]) and numpys_state() == before[1]
    assert torch.get_num_threads() == 2
    third, _ = run(net_of(dropout=0.4), random_state=1)
    assert not same(weights(first), weights(third))


@pytest.mark.parametrize(
    ("choose", "back"),
    [
        (lambda: torch.set_default_dtype(torch.float64), lambda: torch.set_default_dtype(torch.float32)),
        (lambda: torch.set_grad_enabled(False), lambda: torch.set_grad_enabled(True)),
        (lambda: torch.set_float32_matmul_precision("medium"), lambda: torch.set_float32_matmul_precision("highest")),
    ],
    ids=["dtype", "gradients", "matmul"],
)  # fmt: skip
def test_nothing_depends_on_what_the_caller_chose_for_torch_which_stays(choose, back):
    def trained():
        return NetClassifier(max_epochs=2, random_state=3).fit(x, y).answers(x).tobytes()

    x, y = (one.numpy() for one in (rows_of().x, rows_of().y))
    first = trained()
    choose()
    chosen = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_float32_matmul_precision()
    try:
        assert trained() == first
        stays = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_float32_matmul_precision()
        assert stays == chosen
        with torch.inference_mode():
            assert trained() == first
    finally:
        back()


# ---- checkpoints ----
HARD = {"max_epochs": 6, "lr": 0.05, "schedule": "plateau", "patience": 5, "clip": 1.0}


def interrupted(path, *, at, **settings):
    def stop(done, total):
        if done == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(path, on_progress=stop, **settings)


def trained(path=None, *, seed=1, rows=0, noise=0.1, dropout=0.3, **settings):
    return run(net_of(seed=seed, dropout=dropout), clear(seed=rows), validation=clear(30, seed=9), augment=Noise(noise),
               checkpoint=path, **{**HARD, **settings})  # fmt: skip


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd", "rmsprop"])
def test_a_killed_training_goes_on_to_the_same_bits(tmp_path, optimizer):
    path = tmp_path / "training"
    interrupted(path, at=4, optimizer=optimizer)
    whole, history = trained(optimizer=optimizer)
    assert history.best_epoch > 3
    epochs = []
    net, resumed = trained(path, optimizer=optimizer, on_progress=lambda done, total: epochs.append(done))
    assert epochs[0] == 4 and same(weights(net), weights(whole))
    for name in ("train_loss", "valid_loss", "lr", "batch_loss", "updates", "gradient_norm"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(history, name))
    assert resumed.best_epoch == history.best_epoch
    again, _ = trained(path, optimizer=optimizer, on_progress=lambda done, total: epochs.append("again"))
    assert same(weights(again), weights(whole)) and "again" not in epochs[:-1]  # it was complete


def test_a_training_that_lost_its_random_state_would_be_another(tmp_path, monkeypatch):  # the mutant
    interrupted(tmp_path / "training", at=4)
    whole = trained()[1]
    with monkeypatch.context() as patch:
        patch.setattr("clew.neural.fit.torch.set_rng_state", lambda state: None)
        lost = trained(tmp_path / "training")[1]
    assert lost.batch_loss.tolist() != whole.batch_loss.tolist()


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    path = tmp_path / "training"
    interrupted(path, at=3)
    others = {"recipe": {"lr": 0.04}, "net": {"seed": 2}, "net and": {"dropout": 0.4, "rows": 4}, "rows": {"rows": 4}, "augmentation": {"noise": 0.2},
              "loss": {"objective": CrossEntropy(torch.tensor([1.0, 2.0, 1.0]))}}  # fmt: skip
    for what, other in others.items():
        with pytest.raises(DataError, match=f"same training. Got another .*{what}"):
            trained(path, **other)
    trained(path)


# ---- clipping, precision, tied weights ----
def test_gradients_are_clipped_to_a_norm():
    net = net_of()
    before = copy.deepcopy(net)
    _, history = run(net, optimizer="sgd", momentum=0.0, lr=1.0, clip=0.01, max_epochs=1, batch_size=60)
    moved = math.sqrt(
        sum(
            float(((one - other) ** 2).sum().detach())
            for one, other in zip(net.parameters(), before.parameters())
        )
    )
    assert math.isclose(moved, 0.01, rel_tol=1e-3) and history.gradient_norm[0] > 0.1


@pytest.mark.parametrize(
    ("precision", "dtype"), [("float64", torch.float64), ("bfloat16", torch.float32), ("auto", torch.float32)]
)
def test_precisions_train(precision, dtype):
    net, history = run(net_of(), clear(), precision=precision, max_epochs=20)
    assert {one.dtype for one in net.parameters()} == {dtype}
    assert history.train_loss[-1] < 0.5 * history.train_loss[0]


def test_a_batch_of_one_row_joins_its_neighbour_under_batch_norm():
    net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    _, history = run(net, rows_of(33), batch_size=16, max_epochs=2)
    assert history.updates.tolist() == [2, 4]


# ---- what goes wrong ----
class Breaks(CrossEntropy):
    def __init__(self, at):
        super().__init__()
        self.left = at

    def backward(self, net, rows, **others):
        self.left -= 1
        loss = super().backward(net, rows, **others)
        return loss if self.left else loss * math.nan


def test_a_loss_that_is_not_finite_ends_the_training_with_the_best_weights():
    seen, net = [], net_of()
    _, history = run(
        net, objective=Breaks(11), on_progress=lambda *_: seen.append(weights(net)), max_epochs=9
    )
    assert (history.stopped, history.failed_batch, history.n_epochs, history.best_epoch) == (
        "not finite",
        11,
        2,
        2,
    )
    assert same(weights(net), seen[1])
    assert len(history.batch_loss) == 11 and math.isnan(history.batch_loss[-1])


def test_a_loss_that_is_not_finite_at_first_is_refused():
    with pytest.raises(DataError, match="Got nan at update 2, before one epoch"):
        run(objective=Breaks(2))


def test_a_norm_that_broke_is_seen_though_losses_and_learnt_weights_are_fine():
    rows = clear()
    rows.x[3] *= 1e30  # the variance of its batch is inf, and so is what the norm remembers
    net = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3))
    with pytest.raises(DataError, match="Got weights or a validation loss that are not at update 4"):
        run(net, training=rows)


def test_weights_that_break_in_the_last_update_are_not_kept():
    class LastUpdate(CrossEntropy):
        left = 8

        def backward(self, net, rows, **others):
            loss = super().backward(net, rows, **others)
            self.left -= 1
            if not self.left:
                next(net.parameters()).grad.fill_(math.inf)
            return loss

    net, history = run(objective=LastUpdate(), max_epochs=2)
    assert history.stopped == "not finite" and history.best_epoch == 1
    assert all(bool(one.isfinite().all()) for one in net.parameters())


def test_a_training_ends_when_asked():
    _, history = run(max_epochs=9, on_progress=lambda done, total: done < 3)
    assert (history.stopped, history.n_epochs) == ("asked", 3)


def test_memory_that_is_full_is_told_in_a_sentence():
    class Large(nn.Module):
        def __init__(self, error):
            super().__init__()
            self.head, self.error = nn.Linear(4, 3), error

        def forward(self, x):
            raise self.error

    with pytest.raises(
        DataError, match="GPU must have memory for a batch of 16 rows. Got none left: try batch_size=8"
    ):
        run(Large(torch.OutOfMemoryError("CUDA out of memory")))
    with pytest.raises(DataError, match="machine must have memory"):
        run(Large(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")))
    with pytest.raises(RuntimeError, match="something else"):
        run(Large(RuntimeError("something else")))


def test_a_loss_of_ones_own():
    def hinge(output, rows):
        return (1 - output.gather(1, rows.y[:, None])).clamp(min=0).mean()

    _, history = run(objective=Objective(hinge), max_epochs=10)
    assert (
        history.loss == "hinge"
        and history.train_loss[-1] < history.train_loss[0]
        and math.isnan(history.chance_loss)
    )


def test_each_epoch_is_told_to_whoever_follows(caplog):
    with caplog.at_level(logging.DEBUG, "clew.neural.fit"):
        _, history = run(max_epochs=3)
    told = [one.epoch for one in caplog.records]
    assert [one["number"] for one in told] == [1, 2, 3] and {one["of"] for one in told} == {3}
    assert [one["train_loss"] for one in told] == history.train_loss.tolist()
    assert told[-1]["updates"] == history.updates[-1] and told[0]["valid_loss"] is None


def test_pieces_of_images_teach_as_rows_do():
    image = torch.randn(1, 16, 16, generator=torch.Generator().manual_seed(0)).numpy()
    crops = Crops.of([image], size=(4, 4))
    rows = crops.take(torch.arange(len(crops)))
    objective = Objective(lambda output, rows: ((output - rows.x) ** 2).mean())
    trained = []
    for training in (crops, rows):
        torch.manual_seed(0)
        net = nn.Conv2d(1, 1, 3, padding=1)
        fit(net, training, recipe=Recipe(max_epochs=2, samples_per_epoch=32), objective=objective)
        trained.append(net.weight.detach())
    assert torch.equal(*trained)
