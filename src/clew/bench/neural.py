"""Training and asking nets, beside a plain loop of torch and skorch: the same net, the same rows, one thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np

from clew.bench.timing import Quality, Side, Sides, Work

N_CLASSES, LR, ASKED = 10, 1e-3, 256
TORCH, SKORCH = ("torch",), ("torch", "skorch")


class Task(NamedTuple):
    """A net, its rows, and how long it is trained."""

    net: str
    shape: tuple[int, ...]
    n_rows: int
    batch: int
    epochs: int
    settings: dict[str, Any]


TASKS = {
    "mlp": Task("mlp", (64,), 4000, 32, 10, {"hidden": (64, 32)}),
    "cnn": Task("cnn", (1, 28, 28), 2000, 64, 3, {}),
    "waves": Task("cnn", (3, 1000), 1000, 64, 3, {}),
    "lstm": Task("lstm", (100, 2), 2000, 64, 3, {"hidden": 64}),
}


def works() -> list[Work]:
    """Return the rows of ``clew bench neural``.

    Rows are simulated (`Trained`, seed 0): classes that differ in their mean, in noise. Both sides start from the same
    weights, go through batches of the same size with AdamW in float32 on one thread, and draw the rows of each epoch anew.
    The plain loop is what one writes by hand with tensors in memory; it has no validation, no clipping and no record.
    Asked, they answer rows in blocks of 256, as probabilities.
    """
    found = []
    for name, task in TASKS.items():
        size = " x ".join(map(str, task.shape))
        what = f"{task.epochs} epochs of {task.n_rows:,} rows of {size}, batches of {task.batch}: {task.net}"
        found.append(Work(f"{name}-loop", what, partial(_beside_loop, name), "plain torch loop", TORCH))
        found.append(Work(f"{name}-skorch", what, partial(_beside_skorch, name), "skorch", SKORCH))
        asked = f"{task.n_rows:,} rows of {size} asked: {task.net}"
        found.append(Work(f"{name}-ask", asked, partial(_asked, name), "plain torch", TORCH))
    return found


class Trained:
    """Rows of ten classes, and the ways in which a net learns them; seed 0."""

    def __init__(self, name: str) -> None:
        self.task = TASKS[name]
        random = np.random.default_rng(0)
        self.y = random.integers(0, N_CLASSES, self.task.n_rows)
        means = random.standard_normal((N_CLASSES, *self.task.shape))
        noise = random.standard_normal((self.task.n_rows, *self.task.shape))
        self.X = (0.3 * means[self.y] + noise).astype(np.float32)

    def build(self) -> Any:
        """Return the net with its first weights, the same every time."""
        from clew.neural.architectures import build
        from clew.neural.place import seeded

        with seeded(0):
            return build(self.task.net, self.task.shape, N_CLASSES, self.task.settings)

    def estimator(self) -> Any:
        """Return ours, not yet trained."""
        from clew.neural.estimators import NetClassifier

        recipe: dict[str, Any] = {"max_epochs": self.task.epochs, "batch_size": self.task.batch, "lr": LR}
        return NetClassifier(self.task.net, net_settings=self.task.settings, scale="none", **recipe)

    def ours(self, i: int) -> float:
        """Train by `NetClassifier`; return the loss of the last epoch."""
        return float(self.estimator().fit(self.X, self.y).history_.train_loss[-1])

    def loop(self, i: int) -> float:
        """Train by the loop that one writes by hand; return the loss of the last epoch."""
        import torch
        from torch.nn.functional import cross_entropy

        torch.set_num_threads(1)
        net, X, y = self.build(), torch.from_numpy(self.X), torch.from_numpy(self.y)
        optimizer = torch.optim.AdamW(net.parameters(), lr=LR, weight_decay=0.0)
        for _ in range(self.task.epochs):
            net.train()
            total, order = 0.0, torch.randperm(len(X))
            for start in range(0, len(X), self.task.batch):
                rows = order[start : start + self.task.batch]
                optimizer.zero_grad()
                loss = cross_entropy(net(X[rows]), y[rows])
                loss.backward()
                optimizer.step()
                total += loss.item() * len(rows)
        return total / len(X)

    def skorch(self, i: int) -> float:
        """Train by skorch, without its validation and its table; return the loss of the last epoch."""
        import torch
        from skorch import NeuralNetClassifier

        torch.set_num_threads(1)
        net = NeuralNetClassifier(
            self.build(),
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.AdamW,
            optimizer__weight_decay=0.0,
            lr=LR,
            max_epochs=self.task.epochs,
            batch_size=self.task.batch,
            iterator_train__shuffle=True,
            train_split=None,
            verbose=0,
        )
        net.fit(self.X, self.y)
        return float(net.history[-1, "train_loss"])

    def judge(self, outcomes: list[float]) -> Quality:
        """Tell the loss at the end of training."""
        return {"loss": outcomes[-1]}

    # ---- asked ----
    @cached_property
    def fitted(self) -> Any:
        """Return ours after one epoch."""
        return self.estimator().set_params(max_epochs=1).fit(self.X, self.y)

    def ask_ours(self, i: int) -> np.ndarray:
        """Return the probabilities of `NetClassifier`."""
        return self.fitted.predict_proba(self.X)

    def ask_plain(self, i: int) -> np.ndarray:
        """Return the probabilities of the same net, asked by hand."""
        import torch

        torch.set_num_threads(1)
        net, X = self.fitted.net_.eval(), torch.from_numpy(self.X)
        with torch.no_grad():
            return torch.cat([net(block).softmax(-1) for block in X.split(ASKED)]).numpy()

    def judge_asked(self, outcomes: list[np.ndarray]) -> Quality:
        """Tell how far the probabilities lie from those of the plain way."""
        return {"off": float(np.abs(outcomes[-1] - self.ask_plain(0)).max())}


def _beside(name: str, rival: Callable[[Trained, int], float]) -> Sides:
    data = Trained(name)
    return Sides(Side(data.ours), Side(partial(rival, data)), data.judge)


def _beside_loop(name: str) -> Sides:
    return _beside(name, Trained.loop)


def _beside_skorch(name: str) -> Sides:
    return _beside(name, Trained.skorch)


def _asked(name: str) -> Sides:
    data = Trained(name)
    data.fitted  # noqa: B018  (trained before anything is timed)
    return Sides(Side(data.ask_ours), Side(data.ask_plain), data.judge_asked)
