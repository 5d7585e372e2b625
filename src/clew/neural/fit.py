"""The one training loop: epochs of batches, judged after each, and in the end the best weights."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from clew.errors import DataError, SettingError, check
from clew.neural.augment import Augment
from clew.neural.checkpoint import digest, read_checkpoint, write_checkpoint
from clew.neural.crops import Crops
from clew.neural.objectives import Objective, forward
from clew.neural.optimise import WARM_UP, optimizer_of, rate_at
from clew.neural.place import computing, device_of, evaluating, memory_told, seeded, threads
from clew.neural.recipe import Recipe
from clew.neural.rows import Rows, batches, epoch_order
from clew.validate.history import Ended, History

LOOKED_AT = 1024  # training rows by which the weights that are kept are judged once more,
LOOKED_AT_VALUES = 2**21  # fewer where they are large, but 32
NORM_EVERY = 16  # updates after which the gradients are measured, where they need not be for clipping
KEPT = (
    "lowest",
    "best_epoch",
    "waited",
    "slower",
    "epochs",
    "batch_loss",
    "ended",
)  # beside tensors, in a checkpoint

OnProgress = Callable[[int, int], bool | None]
log = logging.getLogger(__name__)


def fit(
    net: nn.Module,
    training: Rows | Crops,
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
    training : Rows or Crops
    recipe : Recipe
    objective : Objective
        The loss, and a score beside it.
    validation : Rows, optional
        Rows that nothing is learnt from: the epoch with their lowest loss is kept, bit for bit. Without them, or where the
        recipe says so, the last is.
    augment : callable (rows, generator) -> Rows, optional
        Changes each batch of training rows; draws from the generator alone.
    checkpoint : Path, optional
        A file that is written after each epoch and from which an interrupted training goes on, to the same bits as if it
        had not been; of another recipe, net or other rows it is refused.
    on_progress : callable (done, total), optional
        Told after each epoch; returning False ends the training, and the best weights so far are kept.

    Raises
    ------
    DataError
        If the loss is not finite before one epoch is completed, or the memory does not hold a batch.
    SettingError
        If the recipe does not go with rows, net or machine.
    """
    size = recipe.batch_of(len(training))
    helps = f"try batch_size={size // 2}" if size > 1 else "the net itself is too large for it"
    with ExitStack() as around:
        around.enter_context(threads(recipe.threads))
        around.enter_context(seeded(recipe.random_state))
        around.enter_context(memory_told(f"a batch of {size} rows", helps))
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
        training: Rows | Crops,
        validation: Rows | None,
        recipe: Recipe,
        objective: Objective,
        augment: Augment | None,
        size: int,
    ) -> None:
        needs = (
            "patience" if recipe.patience is not None else "schedule" if recipe.schedule == "plateau" else ""
        )
        check(recipe.keep == "best" or not needs, SettingError, "The '{}' of a net must go with keep='best'. Got keep='last'.", needs)  # fmt: skip
        check(validation is not None or not needs, SettingError, "The '{}' of a net must go with validation rows. Got none.", needs)  # fmt: skip
        self.device = device_of(recipe.device)
        self.dtype, self.mixed = computing(recipe.precision, self.device)
        self.net = net.to(self.device, self.dtype)
        self.training = training.to(self.device, self.dtype)
        self.validation = None if validation is None else validation.to(self.device, self.dtype)
        self.recipe, self.objective, self.augment, self.size = recipe, objective, augment, size
        self.chance = objective.chance(training if isinstance(training, Rows) else self.looked_at())
        self.parameters = list(net.parameters())
        self.optimizer = optimizer_of(net, recipe)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.mixed == torch.float16)
        self.random = torch.Generator().manual_seed(recipe.random_state)
        self.alone = not any(isinstance(one, nn.modules.batchnorm._BatchNorm) for one in net.modules())
        self.n = recipe.samples_per_epoch or len(training)
        self.updates_per_epoch = len(batches(torch.arange(self.n), size, alone=self.alone))

        self.best = self.weights()
        self.lowest, self.best_epoch, self.waited = math.inf, 0, 0
        self.slower = 1.0  # what "plateau" has made of the rate
        self.epochs: list[list[float]] = []  # train_loss, valid_loss, valid_score, lr, gradient_norm, updates
        self.batch_loss: list[float] = []
        self.ended: Ended | None = None

    # ---- one epoch ----
    def one_epoch(self) -> None:
        """Go once through rows in a new order; stop at a loss that is not finite."""
        self.net.train()
        total = seen = 0.0
        self.norms = list[float]()
        order = epoch_order(len(self.training), self.n, self.random)
        for rows in batches(order, self.size, alone=self.alone):
            batch = self.training.take(rows)
            if self.augment is not None:
                batch = self.augment(batch, self.random)
            batch = batch.to(self.device, self.dtype)  # pieces of images are cut where the images are
            loss, counts = self.train_step(batch), self.objective.size(batch)
            self.batch_loss.append(loss)
            if not math.isfinite(loss):
                self.ended = "not finite"
                return
            total, seen = total + loss * counts, seen + counts
        self.train_loss = total / seen if seen else 0.0

    def train_step(self, batch: Rows) -> float:
        """Make one update; return the loss before it."""
        update = len(self.batch_loss)
        rate = self.slower * rate_at(update, self.recipe.max_epochs * self.updates_per_epoch, self.recipe)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        for one in self.parameters:  # what zero_grad does, without its detours
            one.grad = None
        with self.arithmetic():
            settings = {"scale": self.scaler.scale, "truncate": self.recipe.truncate}
            loss = self.objective.backward(self.net, batch, **settings)
        self.scaler.unscale_(self.optimizer)
        if self.recipe.clip is not None or update % NORM_EVERY == 0:
            self.norms.append(float(nn.utils.clip_grad_norm_(self.parameters, self.recipe.clip or math.inf)))
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return float(loss)

    def arithmetic(self) -> AbstractContextManager[Any]:
        """Return the context of mixed precision, where it is wanted."""
        return nullcontext() if self.mixed is None else torch.autocast(self.device.type, self.mixed)

    # ---- between epochs ----
    def judge(self) -> None:
        """Ask the validation rows, and keep the weights if they are the best so far."""
        if self.ended == "not finite":
            return
        loss, score = (math.nan, math.nan) if self.validation is None else self.judged(self.validation)
        fine = self.validation is None or math.isfinite(loss)
        if not (fine and all(bool(one.isfinite().all()) for one in self.net.state_dict().values())):
            self.ended = "not finite"
            return
        norm = float(np.mean(self.norms)) if self.norms else math.nan
        rate = self.optimizer.param_groups[0]["lr"]
        self.epochs.append([self.train_loss, loss, score, rate, norm, len(self.batch_loss)])
        self.log()
        chosen = self.validation is None or self.recipe.keep == "last"
        if chosen or loss < self.lowest - self.recipe.min_delta:
            self.best, self.lowest, self.best_epoch, self.waited = self.weights(), loss, len(self.epochs), 0
        else:
            self.wait()

    def log(self) -> None:
        """Tell who follows the training, such as the page, of the epoch: losses, and updates so far, as ``epoch`` of the record."""
        names = ("train_loss", "valid_loss", "valid_score", "lr", "gradient_norm", "updates")
        values = [None if math.isnan(one) else one for one in self.epochs[-1]]
        told = dict(zip(names, values, strict=True)) | {
            "number": len(self.epochs),
            "of": self.recipe.max_epochs,
        }
        log.debug(
            "epoch %d of %d: loss %.4g", told["number"], told["of"], self.train_loss, extra={"epoch": told}
        )

    def wait(self) -> None:
        """Note an epoch that was no better; stop, or go on at half the rate, after too many."""
        if self.recipe.schedule == "one-cycle" and len(self.epochs) <= WARM_UP * self.recipe.max_epochs:
            return  # while the rate goes up a loss may well stand
        self.waited += 1
        patience = self.recipe.patience
        if patience is not None and self.waited >= patience:
            self.ended = "early"
        if self.recipe.schedule == "plateau" and self.waited % max(1, (patience or 10) // 2) == 0:
            self.slower /= 2

    def judged(self, rows: Rows) -> tuple[float, float]:
        """Return the mean loss and score of rows, without drop-out."""
        loss = score = size = scored = 0.0
        with evaluating(self.net), self.arithmetic():
            for block in rows.blocks():
                output = forward(self.net, block)
                counts, asked = self.objective.size(block), self.objective.scored(block)
                loss, size = loss + float(self.objective.loss(output, block)) * counts, size + counts
                score, scored = score + self.objective.score(output, block) * asked, scored + asked
        return loss / size, score / scored

    def tell(self, on_progress: OnProgress | None) -> None:
        """Say how far it is; end where all epochs are done, or somebody asked to."""
        if self.ended is None and len(self.epochs) == self.recipe.max_epochs:
            self.ended = "epochs"
        if on_progress is not None and on_progress(len(self.epochs), self.recipe.max_epochs) is False:
            self.ended = self.ended or "asked"

    def weights(self) -> dict[str, torch.Tensor]:
        """Return a copy of the weights."""
        return {name: value.clone() for name, value in self.net.state_dict().items()}

    # ---- the end ----
    def finish(self) -> History:
        """Put the best weights back and say what happened."""
        self.net.load_state_dict(self.best)
        at_best = self.judged(self.looked_at())[0] if self.best_epoch else math.nan
        self.net.to("cpu").eval()
        check(
            self.best_epoch,
            DataError,
            "The loss of a net must be finite. Got {} at update {}, before one epoch was completed: lower lr ({:g}), clip the "
            "gradients, or look for values that are far out.",
            self.batch_loss[-1]
            if not math.isfinite(self.batch_loss[-1])
            else "weights or a validation loss that are not",
            len(self.batch_loss),
            self.recipe.lr,
        )
        columns = np.array(self.epochs, np.float64).T
        assert self.ended is not None
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
            patience=self.recipe.patience,
        )

    def looked_at(self) -> Rows:
        """Return some of the training rows, evenly spaced, as they are."""
        values = self.training.take(torch.zeros(1, dtype=torch.int64)).x.numel()
        most = min(LOOKED_AT, max(32, LOOKED_AT_VALUES // values))
        rows = torch.arange(len(self.training))[:: -(-len(self.training) // most)]
        return self.training.take(rows).to(self.device, self.dtype)

    # ---- going on after an interruption ----
    def save(self, path: Path) -> None:
        """Write all that the next epoch depends on."""
        random = {"order": self.random.get_state(), "torch": torch.get_rng_state()}
        if self.device.type == "cuda":
            random["cuda"] = torch.cuda.get_rng_state(self.device)
        tensors = {
            "net": self.net.state_dict(),
            "best": self.best,
            "optimizer": {str(i): state for i, state in self.optimizer.state_dict()["state"].items()},
            "random": random,
        }
        facts = {name: getattr(self, name) for name in KEPT} | {"scaler": self.scaler.state_dict()}
        write_checkpoint(path, tensors, facts, of=self.identity)

    def resume(self, path: Path) -> None:
        """Go on from where a checkpoint was written, if there is one."""
        found = read_checkpoint(path, of=self.identity)
        if found is None:
            return
        tensors, facts = found
        self.net.load_state_dict(tensors["net"])
        self.best = {name: value.to(self.device) for name, value in tensors["best"].items()}
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

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Return what must be the same for a checkpoint to fit, asked for before the first update."""
        rows = [digest(*one.parts) for one in (self.training, self.validation) if one is not None]
        loss = [self.objective.name, self.chance]
        augment = (
            repr(self.augment) if dataclasses.is_dataclass(self.augment) else type(self.augment).__name__
        )
        return {
            "recipe": dataclasses.asdict(self.recipe),
            "net": [repr(self.net), repr(getattr(self.net, "config", None)), digest(*self.best.values())],
            "loss": loss,
            "augmentation": augment,
            "rows": rows,
        }
