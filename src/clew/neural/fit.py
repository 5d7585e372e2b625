"""The one training loop: epochs of batches, judged after each, and in the end the best weights."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from clew.errors import DataError, check
from clew.neural.checkpoint import digest, read_checkpoint, write_checkpoint
from clew.neural.objectives import Objective, forward
from clew.neural.optimise import optimizer_of, rate_at
from clew.neural.place import computing, device_of, evaluating, memory_told, moved, seeded, threads
from clew.neural.recipe import Recipe
from clew.neural.rows import Rows, batches, epoch_order
from clew.validate.history import Ended, History

LOOKED_AT = 4096  # training rows by which the weights that are kept are judged once more
JUDGED = 256  # rows that are judged at a time
KEPT = ("lowest", "best_epoch", "waited", "slower", "epochs", "batch_loss", "ended")  # beside tensors, in a checkpoint
NORM_EVERY = 16  # updates after which the gradients are measured, where they need not be for clipping

Augment = Callable[[Rows, torch.Generator], Rows]
OnProgress = Callable[[int, int], bool | None]


def fit(
    net: nn.Module,
    training: Rows,
    *,
    recipe: Recipe,
    objective: Objective,
    validation: Rows | None = None,
    augment: Augment | None = None,
    checkpoint: Path | None = None,
    on_progress: OnProgress | None = None,
) -> History:
    """Train a net in place, and leave it with its best weights, on the CPU and in evaluation mode.

    Parameters
    ----------
    net : Module
        Its first weights are where it starts from.
    training : Rows
    recipe : Recipe
    objective : Objective
        The loss, and a score beside it.
    validation : Rows, optional
        Rows that nothing is learnt from: the epoch with their lowest loss is kept, bit for bit. Without them the last is.
    augment : callable (rows, generator) -> Rows, optional
        Changes each batch of training rows; draws from the generator alone.
    checkpoint : Path, optional
        A file that is written after each epoch and from which an interrupted training goes on, to the same bits as if it
        had not been; of another recipe or other rows it is refused.
    on_progress : callable (done, total), optional
        Told after each epoch; returning False ends the training, and the best weights so far are kept.

    Raises
    ------
    DataError
        If the loss is not finite before one epoch is completed, or the memory does not hold a batch.
    SettingError
        If batch, device or precision do not go with rows and machine.
    """
    size = recipe.batch_of(len(training))
    with ExitStack() as around:
        around.enter_context(threads(recipe.threads))
        around.enter_context(seeded(recipe.random_state))
        around.enter_context(memory_told(size))
        run = _Run(net, training, validation, recipe, objective, augment, size)
        if checkpoint is not None:
            run.resume(checkpoint)
        while not run.ended:
            run.one_epoch()
            run.judge()
            run.tell(on_progress)
            if checkpoint is not None:
                run.save(checkpoint)
        return run.finish()


class _Run:
    """One training under way."""

    def __init__(
        self,
        net: nn.Module,
        training: Rows,
        validation: Rows | None,
        recipe: Recipe,
        objective: Objective,
        augment: Augment | None,
        size: int,
    ) -> None:
        self.device = device_of(recipe.device)
        dtype, self.mixed = computing(recipe.precision, self.device)
        self.net = net.to(self.device, dtype)
        self.training, self.validation = (
            None if rows is None else _floating(rows, dtype).to(self.device) for rows in (training, validation)
        )
        self.recipe, self.objective, self.augment, self.size = recipe, objective, augment, size
        self.chance = objective.chance(training)
        self.optimizer = optimizer_of(net, recipe)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.mixed == torch.float16)
        self.random = torch.Generator().manual_seed(recipe.random_state)
        self.alone = not any(isinstance(one, nn.modules.batchnorm._BatchNorm) for one in net.modules())
        self.n = recipe.samples_per_epoch or len(training)
        self.updates_per_epoch = len(batches(torch.arange(self.n), size, alone=self.alone))

        self.best = copy.deepcopy(net.state_dict())
        self.lowest, self.best_epoch, self.waited = math.inf, 0, 0
        self.slower = 1.0  # what "plateau" has made of the rate
        self.epochs: list[list[float]] = []  # of each: train_loss, valid_loss, valid_score, lr, gradient_norm, updates
        self.batch_loss: list[float] = []
        self.ended: Ended | None = None

    # ---- one epoch ----
    def one_epoch(self) -> None:
        """Go once through rows in a new order; stop at a loss that is not finite."""
        self.net.train()
        order = epoch_order(len(self.training), self.n, self.random)
        total, self.norms = 0.0, list[float]()
        for rows in batches(order, self.size, alone=self.alone):
            batch = self.training.take(rows.to(self.device))
            if self.augment is not None:
                batch = self.augment(batch, self.random)
            loss = self.train_step(batch)
            self.batch_loss.append(loss)
            if not math.isfinite(loss):
                self.ended = "not finite"
                return
            total += loss * len(rows)
        self.train_loss = total / len(order)

    def train_step(self, batch: Rows) -> float:
        """Make one update; return the loss before it."""
        update = len(self.batch_loss)
        rate = self.slower * rate_at(update, self.recipe.max_epochs * self.updates_per_epoch, self.recipe)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        with self.arithmetic():
            loss = self.objective.backward(self.net, batch, self.scaler.scale)
        self.scaler.unscale_(self.optimizer)
        if self.recipe.clip is not None or update % NORM_EVERY == 0:
            self.norms.append(float(nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.clip or math.inf)))
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return float(loss)

    def arithmetic(self) -> Any:
        """Return the context of mixed precision, where it is wanted."""
        return torch.autocast(self.device.type, self.mixed, enabled=self.mixed is not None)

    # ---- between epochs ----
    def judge(self) -> None:
        """Ask the validation rows, and keep the weights if they are the best so far."""
        if self.ended == "not finite":
            return
        loss, score = (math.nan, math.nan) if self.validation is None else self.judged(self.validation)
        rate, norm = self.optimizer.param_groups[0]["lr"], float(np.mean(self.norms)) if self.norms else math.nan
        self.epochs.append([self.train_loss, loss, score, rate, norm, len(self.batch_loss)])
        if self.validation is None or loss < self.lowest - self.recipe.min_delta:
            self.best = {name: value.clone() for name, value in self.net.state_dict().items()}
            self.lowest, self.best_epoch, self.waited = loss, len(self.epochs), 0
            return
        self.waited += 1
        patience = self.recipe.patience
        if patience is not None and self.waited >= patience:
            self.ended = "early"
        if self.recipe.schedule == "plateau" and self.waited % max(1, (patience or 10) // 2) == 0:
            self.slower /= 2

    def judged(self, rows: Rows) -> tuple[float, float]:
        """Return the mean loss and score of rows, without drop-out."""
        loss = score = 0.0
        with evaluating(self.net), self.arithmetic():
            for block in rows.blocks(JUDGED):
                output = forward(self.net, block)
                loss += float(self.objective.loss(output, block)) * len(block)
                score += self.objective.score(output, block) * len(block)
        return loss / len(rows), score / len(rows)

    def tell(self, on_progress: OnProgress | None) -> None:
        """Say how far it is; end where all epochs are done, or somebody asked to."""
        if self.ended is None and len(self.epochs) == self.recipe.max_epochs:
            self.ended = "epochs"
        if on_progress is not None and on_progress(len(self.epochs), self.recipe.max_epochs) is False:
            self.ended = self.ended or "asked"

    # ---- the end ----
    def finish(self) -> History:
        """Put the best weights back and say what happened."""
        self.net.load_state_dict(self.best)
        check(
            self.best_epoch,
            DataError,
            "The loss of a net must be finite. Got {} at update {}, before one epoch was completed: lower lr ({:g}), clip the "
            "gradients, or look for values that are far out.",
            self.batch_loss[-1] if self.batch_loss else "none",
            len(self.batch_loss),
            self.recipe.lr,
        )
        looked = torch.arange(len(self.training))[:: -(-len(self.training) // LOOKED_AT)]
        at_best, _ = self.judged(self.training.take(looked.to(self.device)))
        self.net.to("cpu").eval()
        columns = np.array(self.epochs, np.float64).T
        return History(
            train_loss=columns[0],
            valid_loss=columns[1],
            valid_score=columns[2],
            lr=columns[3],
            gradient_norm=columns[4],
            updates=columns[5].astype(np.int64),
            batch_loss=np.array(self.batch_loss),
            loss=self.objective.name,
            score=self.objective.score_name,
            chance_loss=self.chance,
            train_loss_at_best=at_best,
            best_epoch=self.best_epoch,
            stopped=self.ended,
            failed_batch=len(self.batch_loss) if self.ended == "not finite" else 0,
            max_epochs=self.recipe.max_epochs,
            patience=self.recipe.patience if self.validation is not None else None,
        )

    # ---- going on after an interruption ----
    def save(self, path: Path) -> None:
        """Write all that the next epoch depends on."""
        tensors = {
            "net": self.net.state_dict(),
            "best": self.best,
            "optimizer": {str(i): state for i, state in self.optimizer.state_dict()["state"].items()},
            "random": {"order": self.random.get_state(), "torch": torch.get_rng_state()},
        }
        if self.device.type == "cuda":
            tensors["random"]["cuda"] = torch.cuda.get_rng_state(self.device)
        facts = {name: getattr(self, name) for name in KEPT} | {"scaler": self.scaler.state_dict()}
        write_checkpoint(path, tensors, facts, of=self.identity())

    def resume(self, path: Path) -> None:
        """Go on from where a checkpoint was written, if there is one."""
        found = read_checkpoint(path, of=self.identity())
        if found is None:
            return
        tensors, facts = found
        self.net.load_state_dict(tensors["net"])
        self.best = moved(tensors["best"], self.device)
        state = {int(i): one for i, one in tensors.get("optimizer", {}).items()}
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
        self.scaler.load_state_dict(facts.pop("scaler"))
        self.random.set_state(tensors["random"]["order"])
        torch.set_rng_state(tensors["random"]["torch"])
        if "cuda" in tensors["random"]:
            torch.cuda.set_rng_state(tensors["random"]["cuda"], self.device)
        for name, value in facts.items():
            setattr(self, name, value)
        self.ended = None if self.ended == "asked" else self.ended

    def identity(self) -> dict[str, Any]:
        """Return what must be the same for a checkpoint to fit: recipe, net, loss and rows."""
        shapes = {name: list(value.shape) for name, value in self.net.state_dict().items()}
        parts = [] if self.validation is None else [self.validation]
        rows = [digest(one) for one in (self.training, *parts)]
        return {"recipe": dataclasses.asdict(self.recipe), "net": shapes, "loss": self.objective.name, "rows": rows}


def _floating(rows: Rows, dtype: torch.dtype) -> Rows:
    """Return rows whose numbers have the dtype of the weights; codes and tokens stay."""
    x, y, weight = (
        part.to(dtype) if part is not None and part.is_floating_point() else part
        for part in (rows.x, rows.y, rows.weight)
    )
    return Rows(x, y, rows.lengths, weight)  # type: ignore[arg-type]
