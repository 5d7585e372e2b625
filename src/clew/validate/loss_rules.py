"""The questions about a training, each with the rule that answers it.

Losses are compared in shares of the loss that chance makes, so that one rule fits cross-entropies and squared errors, and
with their noise between epochs, so that nothing is said of a wobble. How often the rules are right is measured on drawn
histories: see `clew.validate.loss_curves.read_losses`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clew.validate.history import History
from clew.validate.loss_answers import Answer, Topic, Verdict, answer
from clew.validate.loss_levels import Levels, levels, noise_of

COMPLEX = "more units or layers, less drop-out or weight decay, or other features"
REGULAR = "more rows, more drop-out or weight decay, a smaller net, or augmentation"
RATE_FIRST = "Set the learning rate right first."
FINDER = "let the learning-rate finder suggest one"

FEWEST = 5  # epochs, below which nothing is told but that a loss is not finite
SURE = (
    5  # standard errors of a level; the lowest of many levels is low by chance, too, so that 2 would not do
)
# In shares of the loss of chance:
STILL = 0.002  # a training loss that moves less stands still
SMALL = 0.03  # what is below is of no interest: a rise, a fall that is still to come
RAGGED = 0.1  # a training loss that moves so much from epoch to epoch is thrown about by its updates
LEFT = 0.2  # a fall to come that cannot be told from none is no reason to go on where it is surely less
GAP = 0.2  # a validation loss so far above the training loss: the rows are known by heart rather than understood
HIGH = 0.5  # a training loss that is high, where validation rows do no worse
NEAR = 0.8  # a training loss that is hardly below chance
# In shares of other things:
FALLING = 0.1  # of itself: a training loss that falls by less, and is not small, falls no more
TOSSED = 0.2  # of itself: a training loss that moves by less is not thrown about
STRAIGHT = 0.5  # of the slope of the first half: a second half as steep shows no levelling off
ABOVE = 0.005  # of chance: a loss that never again comes so near to it is kept above by its updates
JUMP = 1.5  # of start and chance: an epoch above was thrown there by its updates
GROWTH = 10  # of the first gradients: if they grow so much while the loss does not fall, they run away


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
    scatter : float
        The standard deviation of the losses of batches in the first epoch, without its trend: how far the start can be
        trusted.
    """

    history: History
    train: Levels | None
    valid: Levels | None
    start: float
    chance: float
    scatter: float

    @staticmethod
    def of(history: History) -> Losses:
        """Take levels and start from a history."""
        train, valid = (
            levels(loss) if np.isfinite(loss).sum() >= FEWEST else None
            for loss in (history.train_loss, history.valid_loss)
        )
        start = float([*history.batch_loss[:1], *history.train_loss[:1], np.nan][0])
        chance = history.chance_loss if history.chance_loss > 0 else abs(start)
        return Losses(
            history, train, valid, start, chance, noise_of(history.batch_loss[: history.updates[:1].sum()])
        )

    @property
    def top(self) -> float:
        """Return the loss that no training should end above: of the start, or of chance."""
        return max(self.start, self.chance)

    def matters(self, change: float, of: Levels) -> bool:
        """Tell whether a change of a level is both of interest and beyond noise."""
        return bool(change > max(SMALL * self.chance, SURE * of.error))

    def moved(self, change: float, train: Levels) -> bool:
        """Tell whether a change since the start matters, and is beyond what tells one batch from the next."""
        return self.matters(change, train) and change > SURE * self.scatter

    def fell(self, train: Levels) -> bool:
        """Tell whether the training loss ends below chance, or below where it began."""
        end = train.level[-1]
        return self.learnt(train) or self.moved(self.start - end, train)

    def learnt(self, train: Levels) -> bool:
        """Tell whether the training loss ends below chance; where that is unknown, below where it began."""
        chance, end = self.history.chance_loss, train.level[-1]
        return self.matters(chance - end, train) if chance > 0 else self.moved(self.start - end, train)

    def rose(self, train: Levels) -> bool:
        """Tell whether the training loss ends above its lowest."""
        rise = train.level[-1] - train.level.min()
        thrown = rise > max(
            GAP * self.chance, SURE * train.between_epochs
        )  # what wanders so far is thrown about
        return thrown or self.matters(rise, train)

    def few(self, topic: Topic) -> Answer:
        """Answer that there are too few epochs."""
        n = self.history.n_epochs
        because = f"{n} {'epoch is' if n == 1 else 'epochs are'} too few, at least {FEWEST} are needed"
        return answer(topic, "cannot tell", because, "Train for more epochs.", epochs=n)

    def not_finite(self, topic: Topic, verdict: Verdict) -> Answer:
        """Answer that the training broke off."""
        failed = self.history.failed_batch
        because = f"the loss was not a finite number at update {failed}"
        advice = "Try a tenth of the learning rate, clip the gradients, or look for values that are far out."
        return answer(topic, verdict, because, advice, failed_batch=failed)

    def unvalidated(self, topic: Topic) -> Answer:
        """Answer that there were no validation rows."""
        advice = "Hold out some groups as validation rows."
        return answer(topic, "cannot tell", "there were no validation rows", advice)


def converging(losses: Losses) -> Answer:
    """Has the training loss fallen, and stayed down?"""
    train, start = losses.train, losses.start
    if losses.history.stopped == "not finite":
        return losses.not_finite("converging", "no")
    if train is None:
        return losses.few("converging")
    end, low = train.level[-1], train.level.min()
    evidence = {"start": start, "lowest": low, "end": end, "error": train.error, "chance": losses.chance}
    if losses.rose(train):
        return answer("converging", "no", _risen(train), "Lower the learning rate.", **evidence)
    if not losses.fell(train):
        because = f"the training loss began at {start:.4g} and ends at {train.ends()}"
        advice = f"{RATE_FIRST} Then ask whether the features can say anything about the answer."
        return answer("converging", "no", because, advice, **evidence)
    because = f"the training loss fell from {start:.4g} to {train.ends()}, and {losses.chance:.4g} is chance"
    return answer("converging", "yes", because, **evidence)


def learning_rate(losses: Losses, overfits: Answer) -> Answer:
    """Is the loss thrown about by its updates, or does it creep?"""
    history, train = losses.history, losses.train
    if history.stopped == "not finite":
        return losses.not_finite("learning rate", "too high")
    if train is None:
        return losses.few("learning rate")
    rate, end, half = history.lr.max(), train.level[-1], _halves(history, train)
    evidence = {"lr": rate, "start": losses.start, "end": end, "highest": train.loss.max(), "noise": train.noise,
                "chance": losses.chance, "gradient_growth": _growth(history.gradient_norm), **half}  # fmt: skip
    if because := _thrown(losses, train, evidence["gradient_growth"]):
        advice = f"Try a tenth, {rate / 10:.2g}, or {FINDER}."
        return answer("learning rate", "too high", because, advice, **evidence)
    if because := _creeping(losses, train, half, overfits):
        advice = f"Try ten times as much, {rate * 10:.2g}, or {FINDER}."
        return answer("learning rate", "too low", because, advice, **evidence)
    if because := _kept_above(losses, train, half):
        advice = f"Try a tenth, {rate / 10:.2g}, or {FINDER}."
        return answer("learning rate", "too high", because, advice, **evidence)
    if not losses.learnt(train):
        because = f"the training loss ends at {end:.4g}, and {losses.chance:.4g} is chance"
        return answer("learning rate", "cannot tell", because, f"{FINDER.capitalize()}.", **evidence)
    return answer("learning rate", "fine", f"with {rate:.2g} the training loss falls steadily", **evidence)


def overfitting(losses: Losses) -> Answer:
    """Does the validation loss rise while the training loss falls, or stay far above it?"""
    train, valid, small = losses.train, losses.valid, SMALL * losses.chance
    if train is None:
        return losses.few("overfitting")
    if valid is None:
        return losses.unvalidated("overfitting")
    low, end, (at, least) = valid.level[valid.lowest], valid.level[-1], valid.least
    trained, trained_end = train.level[min(valid.lowest, len(train.level) - 1)], train.level[-1]
    gap, rise = end - trained_end, end - low
    evidence = {"lowest": least, "lowest_epoch": at, "lowest_median": low, "end": end, "rise": rise,
                "error": valid.error, "gap": gap, "train_at_lowest": trained, "train_end": trained_end, "chance": losses.chance}  # fmt: skip
    if losses.rose(train):
        return answer("overfitting", "cannot tell", "the training loss rises, too", RATE_FIRST, **evidence)
    falls = trained - trained_end > FALLING * abs(trained) or trained_end < small
    if falls and losses.matters(rise, valid):
        because = (
            f"the validation loss was lowest at epoch {at} ({least:.4g}) and rose to {valid.ends()}, "
            f"while the training loss fell on, to {trained_end:.4g}"
        )
        advice = f"Keep the weights of the lowest validation loss, as patience does; {REGULAR} would help."
        return answer("overfitting", "overfits", because, advice, **evidence)
    if gap > max(GAP * losses.chance, SURE * valid.error):
        because = f"the validation loss stays at {end:.4g}, far above the training loss ({trained_end:.4g})"
        return answer("overfitting", "overfits", because, f"{REGULAR.capitalize()} would help.", **evidence)
    if SURE * valid.error > GAP * losses.chance:
        because = f"the validation loss moves by {valid.noise:.2g} from epoch to epoch"
        advice = "Hold out more rows, or lower the learning rate."
        return answer("overfitting", "cannot tell", because, advice, **evidence)
    because = (
        f"the validation loss ends at {valid.ends()}, near its lowest ({least:.4g} at epoch {at}), "
        f"and the training loss at {trained_end:.4g}"
    )
    return answer("overfitting", "no", because, **evidence)


def underfitting(losses: Losses, rate: Answer, overfits: Answer, epochs: Answer) -> Answer:
    """Does even the training loss stay high?"""
    history, train, valid = losses.history, losses.train, losses.valid
    if train is None:
        return losses.few("underfitting")
    if not history.chance_loss > 0:
        return answer("underfitting", "cannot tell", "the loss of chance is not known")
    trained = float(np.nanmin([history.train_loss_at_best, train.level.min()]))
    share, gap = trained / losses.chance, np.nan if valid is None else valid.level.min() - trained
    evidence = {"train": trained, "chance": losses.chance, "share": share, "gap": gap}
    kept = " with the weights that were kept" if trained == history.train_loss_at_best else ""
    because = f"the training loss is {trained:.4g}{kept}, and {losses.chance:.4g} is chance"
    if share < HIGH:
        return answer("underfitting", "no", because, "", **evidence)
    advice = f"{COMPLEX.capitalize()} would help."
    if rate.answer != "fine":
        advice = f"{RATE_FIRST} {rate.advice}" if rate.answer == "cannot tell" else RATE_FIRST
    elif epochs.answer == "no":
        advice = f"Train for more epochs first; then try {COMPLEX}."
    alike = valid is not None and gap <= max(SMALL * losses.chance, SURE * valid.error)
    if overfits.answer == "overfits":
        because += ", but what it learns does not hold for validation rows"
        return answer("underfitting", "cannot tell", because, overfits.advice, **evidence)
    if share >= NEAR or alike:
        because += "; validation rows do no worse" if alike else ""
        return answer("underfitting", "underfits", because, advice, **evidence)
    return answer("underfitting", "cannot tell", because, advice, **evidence)


def epochs(losses: Losses, rate: Answer, overfits: Answer) -> Answer:
    """Would as many epochs again bring the loss down, by the slope of the last third and how it lessens?"""
    basis, n = losses.valid or losses.train, losses.history.n_epochs
    if basis is None:
        return losses.few("epochs")
    if rate.answer in ("too high", "too low"):
        verdict: Verdict = "no" if rate.answer == "too low" else "cannot tell"
        return answer("epochs", verdict, f"the learning rate is {rate.answer}", RATE_FIRST, epochs=n)
    which = "validation" if losses.valid else "training"
    seen = {**_foreseen(basis), "chance": losses.chance, "epochs": n}
    if overfits.answer == "overfits" and overfits.evidence["rise"] > SMALL * losses.chance:
        because = f"the validation loss was lowest at epoch {overfits.evidence['lowest_epoch']:.0f} of {n}"
        return answer("epochs", "yes", because, "", **seen)
    if seen["fall"] > SMALL * losses.chance and _falls(basis) and _falls(losses.train):
        ends = f"[{seen['fall_low']:.2g}, {seen['fall_high']:.2g}]"
        because = f"as many again would take about {seen['fall']:.2g} {ends} off the {which} loss"
        return answer("epochs", "no", because, f"Train for {2 * n} epochs or more.", **seen)
    because = f"as many again would take at most {seen['fall_high']:.2g} off the {which} loss"
    if seen["fall_high"] < LEFT * losses.chance:
        return answer("epochs", "yes", because, "", **seen)
    return answer("epochs", "cannot tell", because, f"Train for {2 * n} epochs to see.", **seen)


def _thrown(losses: Losses, train: Levels, growth: float) -> str:
    """Say by what the training loss shows that its updates are too large; "" where it does not."""
    top, end = losses.top, train.level[-1]
    if losses.rose(train):
        return _risen(train)
    if losses.moved(end - top, train):
        return f"the training loss ends at {end:.4g}, above where it began ({top:.4g})"
    if train.loss.max() > JUMP * top:
        return f"the training loss jumped to {train.loss.max():.4g}, and it began at {losses.start:.4g}"
    if train.noise > max(RAGGED * losses.chance, TOSSED * abs(end)):
        return f"the training loss of {end:.2g} moves by {train.noise:.2g} from epoch to epoch"
    if growth > GROWTH and not losses.fell(train):
        return f"the gradients grew {growth:.0f} times, and the loss did not fall"
    return ""


def _risen(train: Levels) -> str:
    """Say from where to where the training loss rose."""
    at, least = train.least
    return f"the training loss rose from {least:.4g} (epoch {at}) to {train.ends()}"


def _kept_above(losses: Losses, train: Levels, half: dict[str, float]) -> str:
    """Say that the training loss moved, but settled above chance, which even a net without a look comes to; "" else."""
    later, chance = train.loss[len(train.loss) // 2 :], losses.chance
    moved = np.ptp(train.loss) > max(SMALL * chance, 2 * SURE * train.noise)
    falls = half["late"] < -2 * half["late_error"]
    if moved and not falls and later.min() > (1 + ABOVE) * chance:
        return f"the training loss stays between {later.min():.4g} and {later.max():.4g}, above chance ({chance:.4g})"
    return ""


def _creeping(losses: Losses, train: Levels, half: dict[str, float], overfits: Answer) -> str:
    """Say by what the training loss shows that its updates are too small; "" where it does not."""
    end = train.level[-1]
    if np.ptp(train.loss) < STILL * losses.chance:
        return f"the training loss stands still at {end:.4g}"
    straight = half["late"] < -2 * half["late_error"] and half["late"] <= STRAIGHT * half["early"] < 0
    if straight and end > HIGH * losses.top and overfits.answer != "overfits":
        return f"the training loss only fell from {train.loss[0]:.4g} (epoch 1) to {train.ends()}, and does not level off"
    return ""


def _thirds(loss: Levels) -> tuple[slice, slice]:
    """Return the last third of the epochs, and the third before it; at least 3 epochs each."""
    n = len(loss.loss)
    third = max(3, n // 3)
    return slice(n - third, n), slice(max(n - 2 * third, 0), max(n - third, 3))


def _falls(loss: Levels | None) -> bool:
    """Tell whether a loss surely falls over its last third."""
    if loss is None:
        return False
    slope, error = loss.slope(_thirds(loss)[0])
    return slope < -2 * error


def _foreseen(loss: Levels) -> dict[str, float]:
    """Return the slopes of the last two thirds, and what as many epochs again would take off, with its 95% interval."""
    last, before = (loss.slope(third) for third in _thirds(loss))
    length = max(3, len(loss.loss) // 3)
    fall = length * _drawn_on(last[0], before[0])
    low, high = (
        fall + way * np.hypot(length * _drawn_on(last[0] - way * 2 * last[1], before[0]) - fall,
                              length * _drawn_on(last[0], before[0] - way * 2 * before[1]) - fall)
        for way in (-1, 1)
    )  # fmt: skip
    room = loss.level[-1] if loss.loss.min() >= 0 else np.inf  # no such loss falls below 0
    fall, low, high = (float(np.clip(one, 0, room)) for one in (fall, low, high))
    return {"slope": last[0], "slope_error": last[1], "slope_before": before[0], "slope_before_error": before[1],
            "fall": fall, "fall_low": low, "fall_high": high}  # fmt: skip


def _drawn_on(slope: float, before: float) -> float:
    """Return what three thirds more take off, in lengths of a third, if each is as much flatter as the last was."""
    lessening = np.clip(slope / before, 0, 1) if before < 0 else 1.0
    return float(max(-slope, 0) * (lessening + lessening**2 + lessening**3))


def _halves(history: History, train: Levels) -> dict[str, float]:
    """Return the slopes of both halves of the training loss, along the sum of the rates: a schedule levels it off."""
    way = np.cumsum(history.lr)[train.epochs - 1]
    middle, n = int(np.searchsorted(way, way[-1] / 2)), len(way)
    early, _ = train.slope(slice(0, max(middle, 3)), way)
    late, error = train.slope(slice(min(middle, n - 3), n), way)
    return {"early": early, "late": late, "late_error": error}


def _growth(norm: np.ndarray) -> float:
    """Return how many times larger the gradients of the last quarter are than those of the first."""
    norm = norm[np.isfinite(norm)]
    quarter = max(1, len(norm) // 4)
    first = np.median(norm[:quarter]) if norm.size else 0
    return float(np.median(norm[-quarter:]) / first) if first > 0 else np.nan
