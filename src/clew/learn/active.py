"""What to label next, with a random control arm that is always on: its labels alone say how good the model is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, check, check_choice
from clew.learn.growing import DEEPEST
from clew.learn.strategies import ASK_A_MODEL, STRATEGIES, Chosen, Pool, Strategy, scaled
from clew.learn.training import fitting
from clew.result import Result, step
from clew.samples import Samples
from clew.validate.metrics import Model

Name = Literal["hybrid", "margin", "entropy", "least-confidence", "k-centre", "cluster", "random"]
CONTROL_EVERY = 3


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Next(Result):
    """Rows to label next, in order, and why each was chosen.

    Parameters
    ----------
    rows : ndarray of int64, shape (n,)
    sample : ndarray of str, shape (n,)
    control : ndarray of bool, shape (n,)
        Drawn at random, whatever the model says.
    reason : ndarray of str, shape (n,)
        "margin 0.04, unlike the others", "random control".
    score : ndarray of float64, shape (n,)
        How much the strategy wanted the row; NaN for control rows.
    again : ndarray of int64
        Rows with a label that the control's draw came upon: from now on they are control rows too. Without them, rows
        that the strategy had taken would be missing from the control, which would then be no sample of all rows.
    strategy : str
        The strategy that was used.
    note : str
        Why it is not the one that was asked for, or why rows are fewer; "" otherwise.
    """

    rows: np.ndarray
    sample: np.ndarray
    control: np.ndarray
    reason: np.ndarray
    score: np.ndarray
    again: np.ndarray
    strategy: str
    note: str = ""

    def headline(self) -> str:
        """Say how many rows there are, and how many of them are control."""
        return f"{len(self.rows)} rows by {self.strategy}, {int(self.control.sum())} of them random control"

    def summary(self) -> dict[str, Any]:
        """Return each row with its reason."""
        items = zip(self.sample.tolist(), self.control.tolist(), self.reason.tolist(), strict=True)
        return {
            "strategy": self.strategy,
            "rows": [{"sample": name, "control": bool(c), "reason": why} for name, c, why in items],
            "note": self.note,
        }


@step(sees="open")
def next_items(
    samples: Samples,
    labelled: np.ndarray,
    probability: np.ndarray | None = None,
    activations: np.ndarray | None = None,
    *,
    strategy: Name | Strategy = "hybrid",
    n: int = 20,
    control_every: int = CONTROL_EVERY,
    handed: int = 0,
    random_state: int = 0,
) -> Next:
    """Say which rows to label next: by a strategy, and every ``control_every``-th at random.

    Parameters
    ----------
    samples : Samples
        All rows; their labels are passed to strategies that ask for them.
    labelled : ndarray of bool, shape (n_rows,)
        Rows that are not to be handed out: with a label, skipped, or waiting in the queue.
    probability : ndarray of float64, shape (n_rows, n_classes), optional
        What the model says of each row. Without it, or with fewer than 2 classes, strategies by uncertainty give way to
        cluster sampling, and `Next.note` says so.
    activations : ndarray of float64, shape (n_rows, n_units), optional
        Of a network; distances are then taken in these, and not in scaled features.
    strategy : {"hybrid", "margin", "entropy", "least-confidence", "k-centre", "cluster", "random"} or callable
        A callable takes a `clew.learn.strategies.Pool`, a number and a generator, and returns `Chosen`.
    n : int
        Fewer are returned where fewer are left.
    control_every : int
        Every so many-th row is drawn at random from all rows; at least 2.
    handed : int
        The rows handed out before: the control goes on from there.
    random_state : int
        Deals ties, draws the control and starts k-means.

    Raises
    ------
    DataError
        If no row is left, or arrays do not fit the samples.
    SettingError
        If a setting is out of range.
    """
    _check(samples, labelled, probability, activations, strategy, n, control_every)
    known = probability is not None and probability.shape[1] > 1
    note = ""
    if strategy in ASK_A_MODEL and not known:
        note = f"Fewer than 2 classes have labels, so that {strategy} has no model to ask: representatives of clusters come first."
        strategy = "cluster"
    left = int((~labelled).sum())
    if left < n:
        note = f"{note} Only {left} rows without a label are left.".strip()

    draw, random = np.random.default_rng([random_state, 0]), np.random.default_rng([random_state, 1])
    is_control = (np.arange(handed, handed + min(n, left)) + 1) % control_every == 0
    drawn, again = _draw(labelled, int(is_control.sum()), draw)
    taken = labelled.copy()
    taken[drawn] = True
    labels = np.full(samples.n_rows, "") if samples.labels is None else samples.labels
    points = (
        scaled(samples.features, samples.units)
        if activations is None
        else np.asarray(activations, np.float64)
    )
    choose = STRATEGIES[strategy] if isinstance(strategy, str) else strategy
    chosen = _filled(choose, Pool(points, taken, probability, labels), int((~is_control).sum()), random)

    rows, score = np.empty(len(is_control), np.int64), np.full(len(is_control), np.nan)
    rows[is_control], rows[~is_control], score[~is_control] = drawn, chosen.rows, chosen.score
    why = iter(chosen.why)
    return Next(
        rows=rows,
        sample=samples.sample[rows],
        control=is_control,
        reason=np.array(["random control" if control else next(why) for control in is_control], dtype=str),
        score=score,
        again=again,
        strategy=strategy if isinstance(strategy, str) else getattr(strategy, "__name__", "own strategy"),
        note=note,
    )


def quick_forest(random_state: int = 0) -> Callable[[Samples], Model]:
    """Return what trains a forest of 100 trees, of 8 levels at most, on labels in some 20 ms: to ask for the next ones."""
    return fitting(trees=100, depth=DEEPEST, grower="clew", kind="classification", random_state=random_state)


def _draw(labelled: np.ndarray, n: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw rows until ``n`` without a label are found; return these, and the labelled ones that were met."""
    order = random.permutation(len(labelled))
    free = np.flatnonzero(~labelled[order])[:n]
    before = order[: free[-1]] if len(free) else order[:0]
    return order[free], before[labelled[before]]


def _filled(choose: Strategy, pool: Pool, n: int, random: np.random.Generator) -> Chosen:
    """Return ``n`` rows: a strategy that knows of fewer (fewer clusters than rows) is asked again for the rest."""
    found = choose(pool, n, random) if n else Chosen(np.empty(0, np.int64), np.empty(0), [])
    missing = n - len(found.rows)
    if missing and len(found.rows):
        taken = pool.taken.copy()
        taken[found.rows] = True
        more = _filled(choose, dataclasses.replace(pool, taken=taken), missing, random)
        found = Chosen(
            np.concatenate([found.rows, more.rows]), np.concatenate([found.score, more.score]), found.why + more.why
        )  # fmt: skip
    return found


def _check(
    samples: Samples,
    labelled: np.ndarray,
    probability: np.ndarray | None,
    activations: np.ndarray | None,
    strategy: Any,
    n: int,
    control_every: int,
) -> None:
    """Refuse what does not fit, before anything is drawn."""
    if not callable(strategy):
        check_choice(strategy, STRATEGIES, what="'strategy' setting", of="next_items")
    for name, value, least in (("n", n, 1), ("control_every", control_every, 2)):
        check(isinstance(value, (int, np.integer)) and value >= least, SettingError, "The '{}' of next_items must be an int of at least {}. Got {} instead.", name, least, value)  # fmt: skip
    for name, array in (("labelled", labelled), ("probability", probability), ("activations", activations)):
        check(array is None or len(array) == samples.n_rows, DataError, "The '{}' of next_items must have one entry for each of the {} rows. Got {} instead.", name, samples.n_rows, 0 if array is None else len(array))  # fmt: skip
    check(labelled.dtype == bool, DataError, "The 'labelled' of next_items must be of bool. Got {} instead.", labelled.dtype)  # fmt: skip
    check(not labelled.all(), DataError, "The samples of next_items must have a row without a label. Got {} rows that all have one.", samples.n_rows)  # fmt: skip
    check(samples.n_features or activations is not None, DataError, "The samples of next_items must have features. Got distances only.")  # fmt: skip
