"""Why does the forest say so? What each feature adds to its answer, exactly: Shapley values."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clew.errors import DataError, SettingError, Stopped, check, check_choice
from clew.explain.foreign import Trees, from_scikit_learn
from clew.explain.tables import BLOCK, PART, SAYS, Frame, Method, Part, Pieces, path_parts
from clew.result import Result
from clew.samples import Samples

__all__ = [
    "ShapleyTables",
    "ShapleyValues",
    "Trees",
    "estimate_seconds",
    "from_scikit_learn",
    "shapley_values",
]
LARGEST = 2**30  # bytes of tables that are kept
LONG = 10.0  # seconds above which the work is announced
MANY = 3e8  # nodes x rows from which it could take so long
TRIED_TREES, TRIED_ROWS = 8, 128  # by which it is estimated
OnProgress = Callable[[int, int], Any]
log = logging.getLogger("clew.explain")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ShapleyValues(Result):
    """What each feature adds to what a forest says of each row.

    Parameters
    ----------
    values : ndarray of float64, shape (n_rows, n_features, n_outputs)
        In the unit of the answer: a probability, or the target. With `base`, those of a row sum to its answer.
    base : ndarray of float64, shape (n_outputs,)
        The answer where no feature is known.
    feature_names : list of str
    outputs : list of str
        The classes, or the name of the target.
    method : str
        "path" or "interventional".
    says : str
        Which question the values answer.
    sample : ndarray of str, shape (n_rows,), or None
        The names of the rows; None where a bare array was given.
    """

    values: np.ndarray
    base: np.ndarray
    feature_names: list[str]
    outputs: list[str]
    method: str
    says: str
    sample: np.ndarray | None = None

    @property
    def mean_absolute(self) -> np.ndarray:
        """Return how much each feature moves the answer on average, whatever the direction, (n_features, n_outputs)."""
        return np.abs(self.values).mean(axis=0)

    def headline(self) -> str:
        """Say which features move the answer most."""
        mean = self.mean_absolute.max(axis=1)
        first = np.argsort(-mean, kind="stable")[:3]
        told = ", ".join(f"{self.feature_names[i]} {mean[i]:.3g}" for i in first)
        return f"{len(self.values):,} rows, {self.method}; on average {told}"

    def summary(self) -> dict[str, Any]:
        """Return the mean absolute value of each feature, largest first, and what the values mean."""
        mean = self.mean_absolute
        order = np.argsort(-mean.max(axis=1), kind="stable")
        return {
            "method": self.method,
            "says": self.says,
            "rows": len(self.values),
            "base": dict(zip(self.outputs, self.base.tolist(), strict=True)),
            "features": [
                {
                    "name": self.feature_names[i],
                    "shap": dict(zip(self.outputs, mean[i].tolist(), strict=True)),
                }
                for i in order
            ],
        }


def shapley_values(
    forest: Any,
    X: Samples | np.ndarray,
    *,
    method: Method = "path",
    background: Samples | np.ndarray | None = None,
    outputs: Sequence[str] | None = None,
    n_threads: int | None = None,
    on_progress: OnProgress | None = None,
) -> ShapleyValues:
    """Explain what a forest says of rows, by exact Shapley values: the same bits for any number of threads.

    Parameters
    ----------
    forest : Forest or Trees
        Anything with the flat arrays of `Trees`; `from_scikit_learn` makes them of scikit-learn's models.
    X : Samples or ndarray of float, shape (n_rows, n_features)
        The rows; rounded to float32, as trees compare them.
    method : {"path", "interventional"}
        What stands in for features that are not known yet. "path": the training rows that gave the same answers so far
        (Lundberg et al. 2020), so that a feature has a share in what goes together with it. "interventional": the
        background's rows, each in turn, whatever the known features are; this breaks correlations.
    background : Samples or ndarray of float, shape (n_background, n_features)
        For "interventional" only.
    outputs : list of str, optional
        The classes whose values are wanted; all by default.
    n_threads : int, optional
        All cores by default.
    on_progress : callable, optional
        Takes the numbers of pieces of work done and in all; returning False stops.

    Returns
    -------
    ShapleyValues
        ``base + values.sum(axis=1)`` is what the forest says, to rounding.

    Raises
    ------
    DataError
        If rows do not fit the forest, a number is not finite, or the forest is not sound.
    SettingError
        If a background is missing, or given for "path"; or a class is not known.
    Stopped
        If ``on_progress`` said so.

    Notes
    -----
    Path-dependent values after Lundberg et al., Nature Machine Intelligence 2 (2020), doi:10.1038/s42256-019-0138-9, by
    integrating the multilinear extension of the game (Owen, Management Science 18 (1972), doi:10.1287/mnsc.18.5.64),
    all features of a tree in one walk, with as many Gauss-Legendre points as make it exact. The products hold numbers
    from 0 to 1 only, so that deep trees lose no digits. Interventional values by tables of what rows with the same
    answers get on average over the background; or, where that takes longer, by each row of the background. Rows get the
    same values in any company, but for the last digit where another number of rows makes the other way faster.
    """
    rows, others = _rows(forest, X, "rows"), _background(forest, method, background)
    frame, names = Frame.of(forest, method=method), _names(forest)
    for name in outputs or []:
        check_choice(name, names, what="'outputs' setting", of="shapley_values")
    chosen = [names.index(name) for name in outputs] if outputs else list(range(len(names)))
    threads = _threads(n_threads)
    work = _Work.of(frame, chosen, others, len(rows))
    _announce(work, len(rows), threads)
    values = np.empty((*rows.shape, len(chosen)))  # in large pages, where zeros would take long to get
    work.run(rows, values, threads, on_progress)
    return ShapleyValues(
        values=values,
        base=work.base,
        feature_names=list(forest.feature_names),
        outputs=[names[k] for k in chosen],
        method=method,
        says=SAYS[method],
        sample=X.sample if isinstance(X, Samples) else None,
    )


@dataclass(frozen=True, eq=False)
class _Work:
    """What is to be done for rows of any number: the parts of a forest, each made when it is needed.

    Parameters
    ----------
    frame : Frame
    others : ndarray of float32, shape (n_used, n_background), or None
    base : ndarray of float64, shape (n_outputs,)
    makers : list of callables
        Each makes a `Part`.
    n_computed : int
        The outputs that parts add to; one less than there are, where the last follows from the others.
    """

    frame: Frame
    others: np.ndarray | None
    base: np.ndarray
    makers: Sequence[Callable[[], Part]]
    n_computed: int

    @staticmethod
    def of(frame: Frame, chosen: list[int], others: np.ndarray | None, n_rows: int) -> _Work:
        """Prepare to explain some outputs of a forest: by a background, where there is one."""
        every = len(chosen) == frame.value.shape[1] and frame.sums_to_one()
        computed = chosen[:-1] if every else chosen
        if others is None:
            return _Work(frame, None, frame.expected()[chosen], path_parts(frame, computed), len(computed))
        others = np.ascontiguousarray(others[:, frame.used].T, np.float32)
        base = frame.predict(others).mean(axis=0)[chosen]
        return _Work(frame, others, base, Pieces(frame, others, computed).parts(n_rows), len(computed))

    def run(self, rows: np.ndarray, out: np.ndarray, n_threads: int, on_progress: OnProgress | None) -> None:
        """Write ``out``, float64 (n_rows, n_features, n_outputs), part by part, blocks of rows in threads."""
        from clew.kernels.shapley import fill_last

        done = 0
        if not self.makers:  # single leaves depend on no feature
            out[:] = 0
        with ThreadPoolExecutor(n_threads) as pool:
            for number, make in enumerate(self.makers):
                part = make()
                blocks = [slice(i, i + part.rows) for i in range(0, len(rows), part.rows)]
                total = len(blocks) * len(self.makers)
                first = number == 0
                tasks = [pool.submit(self._explain, part, rows[one], out[one], first) for one in blocks]
                for task in tasks:
                    task.result()
                    done += 1
                    if on_progress is not None and on_progress(done, total) is False:
                        for other in tasks:
                            other.cancel()
                        raise Stopped(f"shapley_values was stopped after {done} of {total} pieces of work.")
            if self.n_computed < out.shape[2]:
                fill_last(out)

    def _explain(self, part: Part, rows: np.ndarray, out: np.ndarray, first: bool = False) -> None:
        """Add a part's values of a block to ``out``, or write them where the part is the first."""
        from clew.kernels.shapley import add_columns, take_columns

        features = np.empty((len(self.frame.used), len(rows)), np.float32)
        values = np.zeros((self.n_computed, *features.shape))
        take_columns(np.ascontiguousarray(rows, np.float32), self.frame.used, features)
        part.add(features, values)
        if first:
            out[:] = 0
        add_columns(values, self.frame.used, out)


# ---- a block at a time ----
@dataclass(frozen=True, eq=False)
class ShapleyTables:
    """A forest made ready to be explained a block at a time; made by `ShapleyTables.of`, safe to share among threads.

    Memory beyond the tables is a block's, never the data's. Images stream through `explain_planes`: measure the
    features in `used` for a tile, one plane a feature, and get one plane of values for each.

    Parameters
    ----------
    used : tuple of int
        The features that trees ask for, rising; all others have the value 0.
    base : ndarray of float64, shape (n_outputs,)
        The answer where no feature is known.
    n_features : int
    """

    used: tuple[int, ...]
    base: np.ndarray
    n_features: int
    _work: _Work
    _parts: list[Part]

    @staticmethod
    def of(
        forest: Any,
        *,
        method: Method = "path",
        background: Samples | np.ndarray | None = None,
        output: int | None = None,
    ) -> ShapleyTables:
        """Return the tables of a forest.

        Parameters
        ----------
        forest, method, background
            As for `shapley_values`.
        output : int, optional
            The number of the class that is explained; all by default.

        Raises
        ------
        DataError, SettingError
            As for `shapley_values`; or if there is no such output, or tables would take more than 1 GB.
        """
        others = _background(forest, method, background)
        frame = Frame.of(forest, method=method)
        n_outputs = frame.value.shape[1]
        check(
            output is None or 0 <= output < n_outputs,
            SettingError,
            "The 'output' of ShapleyTables must be an int from 0 to {}. Got {} instead.",
            n_outputs - 1,
            output,
        )
        chosen = list(range(n_outputs)) if output is None else [output]
        work = _Work.of(frame, chosen, others, n_rows=2**20)
        check(
            len(work.makers) * PART <= LARGEST,
            SettingError,
            "The tables of a forest must take at most {:.1f} GB to be kept. Got about {:.1f} GB; shapley_values makes and drops them part by part.",
            LARGEST / 1e9,
            len(work.makers) * PART / 1e9,
        )
        parts = [make() for make in work.makers]
        used = tuple(int(i) for i in frame.used)
        return ShapleyTables(used, work.base, len(forest.feature_names), work, parts)

    def explain(self, block: np.ndarray, out: np.ndarray) -> None:
        """Write the Shapley values of rows.

        Parameters
        ----------
        block : ndarray of float32, shape (n_rows, n_features)
        out : ndarray of float64, shape (n_rows, n_features, n_outputs)
            Overwritten.
        """
        from clew.kernels.shapley import fill_last

        out[:] = 0
        for start in range(0, len(block), BLOCK):
            rows, here = block[start : start + BLOCK], out[start : start + BLOCK]
            for part in self._parts:
                self._work._explain(part, rows, here)
            if self._work.n_computed < out.shape[2]:
                fill_last(here)

    def explain_planes(self, planes: np.ndarray, out: np.ndarray) -> None:
        """Write the Shapley values of rows that lie along the second axis, for the first output.

        Parameters
        ----------
        planes : ndarray of float32, shape (n_used, n_rows)
            The features in `used`, in their order.
        out : ndarray of float32 or float64, shape (n_used, n_rows)
            Overwritten.
        """
        for start in range(0, planes.shape[1], BLOCK):
            features = np.ascontiguousarray(planes[:, start : start + BLOCK])
            values = np.zeros((self._work.n_computed, *features.shape))
            for part in self._parts:
                part.add(features, values)
            out[:, start : start + BLOCK] = values[0]


# ---- how long it takes ----
def estimate_seconds(
    forest: Any, n_rows: int, *, method: Method = "path", n_background: int = 0, n_threads: int | None = None
) -> float:
    """Return about how many seconds `shapley_values` takes, by explaining a few made-up rows with a few of the trees.

    Parameters
    ----------
    forest : Forest or Trees
    n_rows : int
    method : {"path", "interventional"}
    n_background : int
        For "interventional".
    n_threads : int, optional
        All cores by default.
    """
    check_choice(method, SAYS, what="'method' setting", of="estimate_seconds")
    check(
        (n_background > 0) == (method == "interventional"),
        SettingError,
        "The 'n_background' of estimate_seconds must be above 0 for 'interventional' and 0 for 'path'. Got {}.",
        n_background,
    )
    frame = Frame.of(forest, method=method)
    others = None
    if n_background:
        others = np.zeros((n_background, len(forest.feature_names)), np.float32)
        others[:, frame.used] = _made_up(frame, n_background).T
    work = _Work.of(frame, list(range(frame.value.shape[1])), others, n_rows)
    return _estimate(work, n_rows, _threads(n_threads))


def _estimate(work: _Work, n_rows: int, n_threads: int) -> float:
    """Time a part of the work, made of trees evenly spread over the forest, after a try that does not count."""
    frame = work.frame
    some = np.unique(np.linspace(0, frame.n_trees - 1, TRIED_TREES).astype(int))
    few = replace(frame, roots=frame.roots[some], ends=frame.ends[some])
    computed = list(range(work.n_computed))
    if work.others is None:
        makers: Sequence[Callable[[], Part]] = path_parts(few, computed)
    else:
        makers = Pieces(few, work.others, computed).parts(n_rows)
    features = _made_up(frame, TRIED_ROWS)
    values = np.zeros((work.n_computed, *features.shape))
    for size in (1, len(features.T)):
        making = adding = 0.0
        block = np.ascontiguousarray(features[:, :size])
        for make in makers:
            began = time.thread_time()
            part = make()
            made = time.thread_time()
            part.add(block, np.ascontiguousarray(values[:, :, :size]))
            making, adding = making + made - began, adding + time.thread_time() - made
    return (making + adding * n_rows / TRIED_ROWS / n_threads) * frame.n_trees / len(some)


def _made_up(frame: Frame, n_rows: int) -> np.ndarray:
    """Return features, float32 (n_used, n_rows), drawn from the thresholds: they go every way."""
    rng = np.random.default_rng(0)
    drawn = [rng.choice(frame.threshold[frame.feature == i], n_rows) for i in range(len(frame.used))]
    return np.array(drawn, np.float32).reshape(len(drawn), n_rows)


def _announce(work: _Work, n_rows: int, n_threads: int) -> None:
    """Log how long it takes, where that is long."""
    against = 1 if work.others is None else work.others.shape[1]
    if float(n_rows) * len(work.frame.feature) * against < MANY:
        return
    seconds = _estimate(work, n_rows, n_threads)
    if seconds > LONG:
        log.info("Explaining %s rows takes about %s.", f"{n_rows:,}", _duration(seconds))


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


# ---- what comes in ----
def _names(forest: Any) -> list[str]:
    return list(forest.classes) or [forest.target_name]


def _threads(n_threads: int | None) -> int:
    from clew.kernels.threads import n_threads as all_threads

    check(
        n_threads is None or n_threads >= 1,
        SettingError,
        "The 'n_threads' of shapley_values must be at least 1. Got {} instead.",
        n_threads,
    )
    return n_threads or all_threads()


def _background(forest: Any, method: str, background: Samples | np.ndarray | None) -> np.ndarray | None:
    """Return the background (n_background, n_features); None for "path"."""
    check_choice(method, SAYS, what="'method' setting", of="shapley_values")
    check(
        (background is not None) == (method == "interventional"),
        SettingError,
        "The 'background' of shapley_values must be given for 'interventional', and not for 'path'. Got {} for '{}'.",
        "none" if background is None else "one",
        method,
    )
    if background is None:
        return None
    rows = _rows(forest, background, "background")
    check(len(rows), DataError, "The background of shapley_values must have at least one row. Got none.")
    return rows


def _rows(forest: Any, X: Samples | np.ndarray, what: str) -> np.ndarray:
    """Return rows with the columns of the forest, (n_rows, n_features), all of which float32 can hold."""
    names = list(forest.feature_names)
    if isinstance(X, Samples):
        missing = [name for name in names if name not in X.feature_names]
        check(
            not missing,
            DataError,
            "The {} of shapley_values must have all features of the forest. Got none called {}.",
            what,
            ", ".join(f"'{name}'" for name in missing),
        )
        X = X.features[:, [X.feature_names.index(name) for name in names]]
    X = np.asarray(X)
    check(
        X.ndim == 2 and X.shape[1] == len(names),
        DataError,
        "The {} of shapley_values must be a table of {} columns. Got the shape {} instead.",
        what,
        len(names),
        X.shape,
    )
    most = np.finfo(np.float32).max
    check(
        not X.size
        or (X.min() >= -most and X.max() <= most),  # no array of a million answers; NaN says no, too
        DataError,
        "The {} of shapley_values must be finite and at most {:.2g}. Got numbers that are not.",
        what,
        most,
    )
    return X
