"""Would a strategy have paid on rows whose labels are known? Labelling is played through, many times, beside random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, Stopped, check, check_choice
from clew.intervals import number
from clew.learn.active import next_items, quick_forest
from clew.learn.strategies import STRATEGIES, scaled
from clew.result import Result, step
from clew.samples import Samples
from clew.validate.metrics import labelled

Learner = Literal["forest", "mlp"]
LAYERS = (64, 32)  # of the small network
OnProgress = Callable[[int, int], bool | None]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ActiveCurves(Result):
    """Accuracy on held-out rows against the number of labels, by strategy and seed.

    Parameters
    ----------
    strategies : list of str
        "random" is among them.
    labels : ndarray of int64, shape (n_sizes,)
        Numbers of labels.
    accuracy : ndarray of float64, shape (n_strategies, n_seeds, n_sizes)
        A seed holds out other rows, and begins with other labels, the same for all strategies.
    learner : str
    held_out : str
        How rows were held out.
    """

    strategies: list[str]
    labels: np.ndarray
    accuracy: np.ndarray
    learner: str
    held_out: str

    def curve(self, strategy: str) -> np.ndarray:
        """Return the mean accuracy over seeds with the ends of its 95% interval, float64 (n_sizes, 3)."""
        return _over_seeds(self.accuracy[self.strategies.index(strategy)])

    def gain(self, strategy: str) -> np.ndarray:
        """Return by how much a strategy is ahead of random at the same number of labels, and the interval; (n_sizes, 3)."""
        own, random = (self.accuracy[self.strategies.index(name)] for name in (strategy, "random"))
        return _over_seeds(own - random)

    def verdict(self, strategy: str) -> str:
        """Return "ahead", "behind" or "tie" at the last number of labels: a tie where the interval holds 0."""
        _, low, high = self.gain(strategy)[-1]
        return "ahead" if low > 0 else "behind" if high < 0 else "tie"

    def headline(self) -> str:
        """Say which strategies are ahead of random."""
        return f"{self.learner}, at {self.labels[-1]} labels: " + "; ".join(
            f"{name} {self.gain(name)[-1, 0]:+.3f} ({self.verdict(name)})"
            for name in self.strategies
            if name != "random"
        )

    def summary(self) -> dict[str, Any]:
        """Return accuracy and gain of each strategy at the last number of labels."""
        return {
            "learner": self.learner,
            "held_out": self.held_out,
            "labels": int(self.labels[-1]),
            "seeds": self.accuracy.shape[1],
            "strategies": {
                name: {
                    "accuracy": _named(self.curve(name)[-1]),
                    "gain": _named(self.gain(name)[-1]),
                    "verdict": self.verdict(name) if name != "random" else "",
                }
                for name in self.strategies
            },
        }


@step(sees="open")
def simulate_labelling(
    samples: Samples,
    *,
    strategies: Sequence[str] = ("random", "entropy", "margin", "k-centre", "hybrid"),
    learner: Learner = "forest",
    seeds: int = 5,
    start: int = 20,
    per_round: int = 20,
    until: int = 200,
    test: float = 0.3,
    control_every: int | None = None,
    random_state: int = 0,
    on_progress: OnProgress | None = None,
) -> ActiveCurves:
    """Play labelling through on rows whose labels are known: each strategy asks, gets the label, and learns anew.

    Parameters
    ----------
    samples : Samples
        Rows without a label are left out.
    strategies : list of str
        "random" is added where it is missing.
    learner : {"forest", "mlp"}
        The forest that `clew next` asks, or scikit-learn's network with layers of 64 and 32 on scaled features; distances
        are then taken in its last hidden layer.
    seeds : int
        At least 2; 5 for figures to be told.
    start, per_round, until : int
        Labels at the beginning, drawn at random; labels a round; and at the end.
    test : float
        The share of rows that are held out: whole groups where there are several with several rows.
    control_every : int, optional
        Every so many-th label goes to the random control arm, as it does in use; by default none does.
    random_state : int
    on_progress : callable (done, total), optional
        Returning False stops.

    Raises
    ------
    DataError
        If there are fewer than two classes, or fewer rows to label than `until`.
    SettingError
        If a setting is out of range.
    Stopped
        If `on_progress` said so.

    Notes
    -----
    Intervals are over seeds, which share their rows: they tell whether the strategy is ahead on these data, whatever the
    split and the first labels, and not whether it would be on others.
    """
    known = labelled(samples, "classification", of="simulate_labelling", fewest=1)
    names = list(dict.fromkeys(["random", *strategies]))
    for name in names:
        check_choice(name, STRATEGIES, what="'strategies' setting", of="simulate_labelling")
    check(seeds >= 2, SettingError, "The 'seeds' of simulate_labelling must be at least 2. Got {}.", seeds)
    check(0 < start < until and per_round >= 1 and 0 < test < 1, SettingError, "The 'start' of simulate_labelling must be above 0 and below 'until', 'per_round' at least 1, and 'test' a share. Got {}, {}, {} and {}.", start, until, per_round, test)  # fmt: skip
    sizes = np.unique([*range(start, until, per_round), until])
    accuracy = np.empty((len(names), seeds, len(sizes)))
    for seed in range(seeds):
        random = np.random.default_rng([random_state, seed])
        held = _held_out(known, test, random)
        check((~held).sum() >= until, DataError, "The samples of simulate_labelling must leave {} rows to label. Got {}.", until, int((~held).sum()))  # fmt: skip
        first = random.permutation(np.flatnonzero(~held))[:start]
        for place, name in enumerate(names):
            accuracy[place, seed] = _play(known, held, first, name, sizes, learner, control_every, seed)
            done = seed * len(names) + place + 1
            if on_progress is not None and on_progress(done, seeds * len(names)) is False:
                raise Stopped(f"Stopped after {done} of {seeds * len(names)} runs.")
    by_group = 1 < known.n_groups < known.n_rows
    return ActiveCurves(
        strategies=names,
        labels=sizes,
        accuracy=accuracy,
        learner=learner,
        held_out=f"{100 * test:.0f} % of the {'groups' if by_group else 'rows'}, drawn anew for each seed",
    )


def _held_out(samples: Samples, share: float, random: np.random.Generator) -> np.ndarray:
    """Return which rows (n_rows,) of bool are held out: whole groups where there are several with several rows."""
    unit = samples.group if 1 < samples.n_groups < samples.n_rows else samples.sample
    names = random.permutation(np.unique(unit))
    return np.isin(unit, names[: max(1, round(share * len(names)))])


def _play(
    samples: Samples,
    held: np.ndarray,
    first: np.ndarray,
    strategy: str,
    sizes: np.ndarray,
    learner: Learner,
    control_every: int | None,
    seed: int,
) -> np.ndarray:
    """Return the accuracy on held-out rows at each number of labels, float64 (n_sizes,)."""
    learn = _LEARNERS[learner]
    assert samples.labels is not None
    truth, pool = samples.labels, samples.take(~held)
    row_of, given = np.flatnonzero(~held), held.copy()
    given[first] = True
    accuracy = []
    for place, size in enumerate(sizes):
        rows = np.flatnonzero(given & ~held)
        probability, classes, activations = learn(samples, rows, seed)
        accuracy.append((classes[probability[held].argmax(axis=1)] == truth[held]).mean())
        if place + 1 < len(sizes):
            n = int(sizes[place + 1] - size)
            found = next_items(
                pool,
                given[~held],
                probability[~held],
                None if activations is None else activations[~held],
                strategy=strategy,  # type: ignore[arg-type]
                n=n,
                control_every=control_every or n + 1,
                handed=int(size) if control_every else 0,
                random_state=1000 * seed + place,
            )
            given[row_of[found.rows]] = True
    return np.array(accuracy)


# ---- learners: (samples, rows, seed) -> probability (n_rows, n_classes), classes, activations or None ----
Said = tuple[np.ndarray, np.ndarray, np.ndarray | None]


def _forest(samples: Samples, rows: np.ndarray, seed: int) -> Said:
    known = samples.take(rows)
    assert known.labels is not None
    if len(np.unique(known.labels)) == 1:
        return np.ones((samples.n_rows, 1)), known.labels[:1], None
    said: Any = quick_forest(seed)(known).predict(samples)
    return said.probability, np.array(said.classes), None


def _mlp(samples: Samples, rows: np.ndarray, seed: int) -> Said:
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    assert samples.labels is not None
    X = scaled(samples.features, samples.units)
    net = MLPClassifier(LAYERS, learning_rate_init=0.01, max_iter=100, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        net.fit(X[rows], samples.labels[rows])
    hidden = X
    for weight, bias in zip(net.coefs_[:-1], net.intercepts_[:-1], strict=True):
        hidden = np.maximum(hidden @ weight + bias, 0)
    return net.predict_proba(X), net.classes_, hidden


_LEARNERS: dict[str, Callable[[Samples, np.ndarray, int], Said]] = {"forest": _forest, "mlp": _mlp}


def _over_seeds(values: np.ndarray) -> np.ndarray:
    """Return the mean over seeds, values (n_seeds, n_sizes), and the ends of its 95% interval by Student's t."""
    from scipy.special import stdtrit

    n, mean = len(values), values.mean(axis=0)
    half = stdtrit(n - 1, 0.975) * values.std(axis=0, ddof=1) / np.sqrt(n)
    return np.column_stack([mean, mean - half, mean + half])


def _named(figure: np.ndarray) -> dict[str, float | None]:
    return dict(zip(("value", "low", "high"), map(number, figure), strict=True))
