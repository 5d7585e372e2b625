"""The questions about a training, each with the rule that answers it.

Losses are compared in shares of the loss that chance makes, so that one rule fits cross-entropies and squared errors, and
with their noise between epochs, so that nothing is said of a wobble. How often the rules are right is measured on drawn
histories: see `clew.validate.loss_curves.read_losses`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.intervals import number
from clew.result import Result
from clew.validate.history import History
from clew.validate.loss_levels import Levels, levels

Topic = Literal["converging", "learning rate", "overfitting", "underfitting", "epochs", "early stopping"]
Verdict = Literal["yes", "no", "too high", "too low", "fine", "underfits", "overfits", "cannot tell"]
QUESTIONS: dict[Topic, str] = {
    "converging": "Is it converging?",
    "learning rate": "Is the learning rate right?",
    "overfitting": "Does it overfit?",
    "underfitting": "Does it underfit?",
    "epochs": "Were there enough epochs?",
    "early stopping": "Would early stopping have helped?",
}
FEWEST = 5  # epochs, below which nothing is told but that a loss is not finite
SURE = 5  # standard errors of a level: the lowest of many levels is low by chance, too, so that 2 would not do
# In shares of the loss of chance:
SMALL = 0.03  # what is below is of no interest: a rise, a fall that is still to come
GAP = 0.25  # a validation loss so far above the training loss: the rows are known by heart rather than understood
HIGH = 0.5  # a training loss that is high, where validation rows do no worse
NEAR = 0.8  # a training loss that is hardly below chance
LEFT = 0.15  # a fall that could still come, and cannot be told from none: where it is surely less, nobody would wait for it
RAGGED = 0.1  # a training loss that moves so much from epoch to epoch is thrown about by its updates
# In shares of other things:
JUMP = 1.5  # of start and chance: an epoch above was thrown there by its updates
GROWTH = 10  # of the first gradients: gradients that grow so much while the loss does not fall run away
FALLING = 0.1  # of itself: a training loss that falls by less, and is not small either, falls no more
STRAIGHT = 0.5  # of the slope of the first half: a second half as steep shows no levelling off

COMPLEX = "more units or layers, less drop-out or weight decay, or other features"
REGULAR = "more rows, more drop-out or weight decay, a smaller net, or augmentation"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Answer(Result):
    """One question about a training, answered.

    Parameters
    ----------
    topic : str
        "converging", "learning rate", "overfitting", "underfitting", "epochs" or "early stopping".
    answer : str
        "yes", "no", "too high", "too low", "fine", "underfits", "overfits" or "cannot tell".
    sentence : str
        The answer with its numbers.
    advice : str
        What would help; "" where nothing needs to.
    evidence : dict of str to float
        The numbers that the rule went by.
    """

    topic: Topic
    answer: Verdict
    sentence: str
    advice: str
    evidence: dict[str, float]

    @property
    def question(self) -> str:
        """Return the question in words."""
        return QUESTIONS[self.topic]

    def headline(self) -> str:
        """Say the answer with its numbers."""
        return self.sentence

    def summary(self) -> dict[str, Any]:
        """Return question, answer, what would help, and the numbers behind."""
        return {
            "question": self.question,
            "answer": self.answer,
            "sentence": self.sentence,
            "advice": self.advice,
            "evidence": {name: number(value) for name, value in self.evidence.items()},
        }


def answer(topic: Topic, verdict: Verdict, sentence: str, advice: str = "", **evidence: float) -> Answer:
    """Return an answer, its evidence as plain numbers."""
    numbers = {name: float(value) for name, value in evidence.items()}
    return Answer(topic=topic, answer=verdict, sentence=sentence, advice=advice, evidence=numbers)


@dataclass(frozen=True)
class Losses:
    """The losses of a history as the rules see them.

    Parameters
    ----------
    history : History
    train, valid : Levels, optional
        None where there are fewer than `FEWEST` epochs.
    start : float
        The loss of the first batch, before anything was learnt.
    chance : float
        The loss of chance; that of the start where it is unknown.
    """

    history: History
    train: Levels | None
    valid: Levels | None
    start: float
    chance: float

    @staticmethod
    def of(history: History) -> Losses:
        """Take levels and start from a history."""
        train, valid = (
            levels(loss) if np.isfinite(loss).sum() >= FEWEST else None
            for loss in (history.train_loss, history.valid_loss)
        )
        first = [*history.batch_loss[:1], *history.train_loss[:1]]
        start = float(first[0]) if first else np.nan
        chance = history.chance_loss if history.chance_loss > 0 else abs(start)
        return Losses(history, train, valid, start, chance)

    def matters(self, change: float, of: Levels) -> bool:
        """Tell whether a change of a level is both of interest and beyond noise."""
        return change > max(SMALL * self.chance, SURE * of.error)

    def rose(self) -> bool:
        """Tell whether the training loss ends above its lowest."""
        return self.train is not None and self.matters(self.train.level[-1] - self.train.level.min(), self.train)

    def few(self, topic: Topic) -> Answer:
        """Answer that there are too few epochs."""
        n = self.history.n_epochs
        said = f"Cannot tell: {n} {'epoch is' if n == 1 else 'epochs are'} too few, at least {FEWEST} are needed."
        return answer(topic, "cannot tell", said, "Train for more epochs.", epochs=n)


def converging(losses: Losses) -> Answer:
    """Has the training loss fallen, and stayed down?"""
    history, train = losses.history, losses.train
    if history.stopped == "not finite":
        said = f"No: the loss was not a finite number at update {history.failed_batch}."
        advice = "Lower the learning rate, clip the gradients, or look for values that are far out."
        return answer("converging", "no", said, advice, failed_batch=history.failed_batch)
    if train is None:
        return losses.few("converging")
    end, low = train.level[-1], train.level.min()
    evidence = {"start": losses.start, "lowest": low, "end": end, "error": train.error, "chance": losses.chance}
    if losses.rose():
        said = f"No: the training loss rose from {low:.3g} (epoch {train.epoch(train.lowest)}) to {end:.3g} at the end."
        return answer("converging", "no", said, "Lower the learning rate.", **evidence)
    if not losses.matters(losses.start - end, train):
        said = f"No: the training loss hardly moved, from {losses.start:.3g} to {end:.3g}."
        advice = "Look at the learning rate first, then whether the features can say anything about the answer."
        return answer("converging", "no", said, advice, **evidence)
    said = f"Yes: the training loss fell from {losses.start:.3g} to {end:.3g} (chance: {losses.chance:.3g})."
    return answer("converging", "yes", said, **evidence)


def learning_rate(losses: Losses, overfits: Answer) -> Answer:
    """Is the loss thrown about by its updates, or does it creep?"""
    history, train = losses.history, losses.train
    if history.stopped == "not finite":
        said = f"Too high: the loss was not a finite number at update {history.failed_batch}."
        advice = f"Try a tenth of it, {history.lr[-1] / 10:.2g}, or clip the gradients." if history.n_epochs else "Try a tenth of it."
        return answer("learning rate", "too high", said, advice, failed_batch=history.failed_batch)
    if train is None:
        return losses.few("learning rate")
    rate, end, top = history.lr.max(), train.level[-1], max(losses.start, losses.chance)
    half = _halves(history, train)
    evidence = {"lr": rate, "start": losses.start, "end": end, "highest": train.loss.max(), "noise": train.noise,
                "chance": losses.chance, "gradient_growth": _growth(history.gradient_norm), **half}  # fmt: skip
    thrown = _thrown(losses, train, evidence)
    if thrown:
        advice = f"Try a tenth of it, {rate / 10:.2g}, or let the learning-rate finder suggest one."
        return answer("learning rate", "too high", f"Too high: {thrown}.", advice, **evidence)
    straight = half["late"] < -2 * half["late_error"] and half["late"] <= STRAIGHT * half["early"] < 0
    if straight and end > HIGH * top and overfits.answer != "overfits":
        said = (
            f"Too low: the training loss only fell from {train.level[0]:.3g} to {end:.3g}, by as little in the second half "
            "as in the first."
        )
        advice = f"Try ten times as much, {rate * 10:.2g}, or let the learning-rate finder suggest one."
        return answer("learning rate", "too low", said, advice, **evidence)
    if not losses.matters(top - end, train):
        said = f"Cannot tell: the training loss stays at {end:.3g}, and {losses.chance:.3g} is chance."
        return answer("learning rate", "cannot tell", said, "Let the learning-rate finder suggest one.", **evidence)
    return answer("learning rate", "fine", f"Fine: with {rate:.2g} the training loss falls steadily.", **evidence)


def overfitting(losses: Losses) -> Answer:
    """Does the validation loss rise while the training loss falls, or stay far above it?"""
    train, valid = losses.train, losses.valid
    if train is None:
        return losses.few("overfitting")
    if valid is None:
        said = "Cannot tell: there were no validation rows."
        return answer("overfitting", "cannot tell", said, "Hold out some groups as validation rows.")
    low, end = valid.lowest, valid.level[-1]
    trained, trained_end = train.level[min(low, len(train.level) - 1)], train.level[-1]
    rise = end - valid.level[low]
    evidence = {"lowest": valid.level[low], "lowest_epoch": valid.epoch(low), "end": end, "rise": rise, "error": valid.error,
                "train_at_lowest": trained, "train_end": trained_end, "gap": end - trained_end, "chance": losses.chance}  # fmt: skip
    if losses.rose():
        said = "Cannot tell: the training loss rises, too."
        return answer("overfitting", "cannot tell", said, "Set the learning rate right first.", **evidence)
    falls = trained - trained_end > FALLING * abs(trained) or trained_end < SMALL * losses.chance
    if falls and losses.matters(rise, valid):
        said = (
            f"Overfits from about epoch {valid.epoch(low)} on: the validation loss rose from {valid.level[low]:.3g} to {end:.3g}"
            f" (by {rise:.2g} ± {2 * valid.error:.1g}), while the training loss fell to {trained_end:.3g}."
        )
        advice = f"Keep the weights of its lowest validation loss, by a patience; {REGULAR} would help."
        return answer("overfitting", "overfits", said, advice, **evidence)
    if evidence["gap"] > max(GAP * losses.chance, SURE * valid.error):
        said = (
            f"Overfits: the training loss is {trained_end:.3g} and the validation loss {end:.3g}, though that does not rise."
        )
        advice = f"{REGULAR.capitalize()} would help."
        return answer("overfitting", "overfits", said, advice, **evidence)
    if SURE * valid.error > GAP * losses.chance:
        said = f"Cannot tell: the validation loss moves by {valid.noise:.2g} from epoch to epoch."
        return answer("overfitting", "cannot tell", said, "Hold out more rows, or lower the learning rate.", **evidence)
    said = f"No: the validation loss ends at {end:.3g}, near its lowest ({valid.level[low]:.3g}), and {trained_end:.3g} in training."
    return answer("overfitting", "no", said, **evidence)


def underfitting(losses: Losses, rate: Answer, epochs: Answer) -> Answer:
    """Does even the training loss stay high?"""
    history, train, valid = losses.history, losses.train, losses.valid
    if train is None:
        return losses.few("underfitting")
    if not history.chance_loss > 0:
        return answer("underfitting", "cannot tell", "Cannot tell: the loss of chance is not known.")
    trained = float(np.nanmin([history.train_loss_at_best, train.level.min()]))
    share = trained / losses.chance
    gap = np.nan if valid is None else valid.level.min() - trained
    evidence = {"train": trained, "chance": losses.chance, "share": share, "gap": gap}
    so = f"the training loss is {trained:.3g}, and {losses.chance:.3g} is chance"
    meet = gap <= max(SMALL * losses.chance, 0 if valid is None else SURE * valid.error)
    if share >= NEAR or (share >= HIGH and meet):
        alike = "; validation rows do no worse" if meet else ""
        return answer("underfitting", "underfits", f"Underfits: {so}{alike}.", _for_underfitting(rate, epochs), **evidence)
    if share >= HIGH:
        return answer("underfitting", "cannot tell", f"Cannot tell: {so}.", _for_underfitting(rate, epochs), **evidence)
    return answer("underfitting", "no", f"No: {so}.", **evidence)


def epochs(losses: Losses, rate: Answer, overfits: Answer) -> Answer:
    """Would more epochs bring the loss down, by the slope of the last quarter and how it lessens?"""
    basis, n = losses.valid or losses.train, losses.history.n_epochs
    if basis is None or n < FEWEST + 1:
        return losses.few("epochs")
    if rate.answer == "too high":
        said = "Cannot tell: the learning rate is too high."
        return answer("epochs", "cannot tell", said, "Set the learning rate right first.", epochs=n)
    if rate.answer == "too low":
        said = "No: the loss still falls as it did at the start."
        return answer("epochs", "no", said, "Set the learning rate right first.", epochs=n)
    which = "validation" if losses.valid else "training"
    third = max(3, len(basis.loss) // 3)
    before, _ = basis.slope(slice(-2 * third, -third))
    slope, error = basis.slope(slice(-third, None))
    lessening = float(np.clip(slope / before, 0, 1)) if before < 0 else 1.0
    to_come = third * (lessening ** np.arange(1, 4)).sum()  # epochs of the present slope, in as many epochs again
    fall, doubt = -slope * to_come, 2 * error * to_come
    evidence = {"slope": slope, "slope_error": error, "lessening": lessening, "fall": fall,
                "fall_low": fall - doubt, "fall_high": fall + doubt, "chance": losses.chance, "epochs": n}  # fmt: skip
    if overfits.answer == "overfits" and overfits.evidence["rise"] > SMALL * losses.chance:
        said = f"Yes: the validation loss was lowest at about epoch {overfits.evidence['lowest_epoch']:.0f} of {n}."
        return answer("epochs", "yes", said, **evidence)
    foreseen = f"as many again would take about {max(fall, 0):.2g} [{max(fall - doubt, 0):.2g}, {max(fall + doubt, 0):.2g}] off the {which} loss"
    if fall > SMALL * losses.chance and fall - doubt > 0:
        return answer("epochs", "no", f"No: {foreseen}.", f"Train for {2 * n} epochs or more.", **evidence)
    if fall + doubt < LEFT * losses.chance:
        return answer("epochs", "yes", f"Yes: {foreseen}.", **evidence)
    return answer("epochs", "cannot tell", f"Cannot tell: {foreseen}.", f"Train for {2 * n} epochs to see.", **evidence)


def _thrown(losses: Losses, train: Levels, evidence: dict[str, float]) -> str:
    """Say by what the training loss shows that its updates are too large; "" where it does not."""
    top = max(losses.start, losses.chance)
    if losses.rose():
        return f"the training loss rose from {train.level.min():.3g} to {train.level[-1]:.3g}"
    if losses.matters(train.level[-1] - top, train):
        return f"the training loss ends at {train.level[-1]:.3g}, above where it began ({top:.3g})"
    if train.loss.max() > JUMP * top:
        return f"the training loss jumped to {train.loss.max():.3g}, and it began at {losses.start:.3g}"
    if train.noise > RAGGED * losses.chance:
        return f"the training loss moves by {train.noise:.2g} from epoch to epoch"
    if evidence["gradient_growth"] > GROWTH and not losses.matters(top - train.level[-1], train):
        return f"the gradients grew {evidence['gradient_growth']:.0f} times, and the loss did not fall"
    return ""


def _halves(history: History, train: Levels) -> dict[str, float]:
    """Return the slopes of both halves of the training loss, along the sum of the learning rates: schedules level it off."""
    way = np.cumsum(history.lr)[train.epochs - 1]
    middle, n = int(np.searchsorted(way, way[-1] / 2)), len(way)
    early, _ = train.slope(slice(0, max(middle, 3)), way)
    late, error = train.slope(slice(min(middle, n - 3), n), way)
    return {"early": early, "late": late, "late_error": error}


def _growth(norm: np.ndarray) -> float:
    """Return how many times larger the gradients of the last quarter are than those of the first."""
    norm = norm[np.isfinite(norm)]
    quarter = max(1, len(norm) // 4)
    return float(np.median(norm[-quarter:]) / np.median(norm[:quarter])) if norm.size and norm[0] > 0 else np.nan


def _for_underfitting(rate: Answer, epochs: Answer) -> str:
    if rate.answer in ("too high", "too low"):
        return "Set the learning rate right first."
    if epochs.answer == "no":
        return f"More epochs first; then {COMPLEX}."
    return f"{COMPLEX.capitalize()} would help."
