"""What the map shows of one look, or of arrays: places of rows in every run, groups, and who wanders."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from clew.errors import DataError, SettingError, check

if TYPE_CHECKING:
    from clew.app.workspace import Workspace
    from clew.explore.exploration import Exploration
    from clew.study.record import Step

GRID = 65534  # the largest coordinate that is sent; 65535 says that a row has no place


@dataclass(frozen=True, eq=False)
class MapData:
    """Rows as points of the plane, once a run, with what colours them.

    Parameters
    ----------
    runs : ndarray of float32, shape (n_runs, n_shown, 2)
        Places of the shown rows in each run, turned to match.
    shown : ndarray of int64, shape (n_shown,)
        Which rows these are, rising.
    placed : ndarray of float32, shape (n_rows, 2)
        Places of all rows in run 0; NaN for a row that has none.
    groups : ndarray of int32, shape (n_rows,)
        -1 for none.
    names : list of str
        Names of the groups, from group 0 on.
    confidence : ndarray of float64, shape (n_rows,)
        Share of the runs that agree with the group of a row; NaN where that is not known.
    wanders : ndarray of bool, shape (n_rows,)
        Rows whose neighbours on the map change from run to run.
    method : str
        Such as "umap".
    step : int
        Number of the look on record; 0 for none.
    n_clusterings : int
        Runs of the clustering, of which ``confidence`` is the share.
    shared : float
        Share of their ``k`` neighbours that two runs have in common, mean over rows; NaN where that is not known.
    k : int
    """

    runs: np.ndarray
    shown: np.ndarray
    placed: np.ndarray
    groups: np.ndarray
    names: list[str]
    confidence: np.ndarray
    wanders: np.ndarray
    method: str = "map"
    step: int = 0
    n_clusterings: int = 0
    shared: float = float("nan")
    k: int = 15

    @staticmethod
    def of_arrays(
        positions: np.ndarray, *, groups: np.ndarray | None = None, names: list[str] | None = None
    ) -> MapData:
        """Return the map of given places.

        Parameters
        ----------
        positions : ndarray of float, shape (n_rows, 2) or (n_runs, n_rows, 2)
        groups : ndarray of int, shape (n_rows,), optional
            From 0 on; -1 for none.
        names : list of str, optional
            Names of the groups.

        Raises
        ------
        DataError
            If the shapes do not fit, or a place is not finite.
        """
        runs = np.asarray(positions, np.float32)
        runs = runs[None] if runs.ndim == 2 else runs
        check(
            runs.ndim == 3 and runs.shape[2] == 2 and runs.shape[1] > 0,
            DataError,
            "The positions of a map must be of shape (n_rows, 2) or (n_runs, n_rows, 2). Got {} instead.",
            np.shape(positions),
        )
        check(
            np.isfinite(runs).all(),
            DataError,
            "The positions of a map must be finite. Got {}.",
            "one that is not",
        )
        n_rows = runs.shape[1]
        given = np.full(n_rows, -1, np.int32) if groups is None else np.asarray(groups, np.int32)
        check(
            given.shape == (n_rows,),
            DataError,
            "The groups of a map must be one a row ({}). Got {} instead.",
            n_rows,
            given.shape,
        )
        n_groups = int(given.max(initial=-1)) + 1
        return MapData(
            runs=runs,
            shown=np.arange(n_rows),
            placed=runs[0],
            groups=given,
            names=list(names or [f"group {group}" for group in range(n_groups)]),
            confidence=np.full(n_rows, np.nan),
            wanders=np.zeros(n_rows, bool),
        )

    @property
    def n_rows(self) -> int:
        """Return the number of rows, shown or not."""
        return len(self.placed)

    @cached_property
    def extent(self) -> tuple[float, float, float, float]:
        """Return left, right, lowest and highest of all runs, so that a row keeps its place while runs change."""
        each = [self.placed[np.isfinite(self.placed[:, 0])], *self.runs]
        low = np.min([points.min(axis=0) for points in each if len(points)], axis=0).astype(float)
        high = np.max([points.max(axis=0) for points in each if len(points)], axis=0).astype(float)
        high = np.where(high > low, high, low + 1.0)
        return float(low[0]), float(high[0]), float(low[1]), float(high[1])

    def places(self, run: int) -> np.ndarray:
        """Return the places (n_rows, 2) of float32 of a run; NaN for rows that were not drawn in it.

        Raises
        ------
        SettingError
            If there is no such run.
        """
        self.check_run(run)
        if run == 0:
            return self.placed
        places = np.full((self.n_rows, 2), np.nan, np.float32)
        places[self.shown] = self.runs[run]
        return places

    def check_run(self, run: int) -> None:
        """Raise SettingError unless there is such a run."""
        check(
            0 <= run < len(self.runs),
            SettingError,
            "The 'run' of a map must be from 0 to {}. Got {} instead.",
            len(self.runs) - 1,
            run,
        )

    def on_grid(self, places: np.ndarray) -> np.ndarray:
        """Return places (..., 2) as uint16 from 0 to 65534 of the extent, 65535 where there is none."""
        left, right, low, high = self.extent
        origin, size = np.array([left, low], np.float32), np.array([right - left, high - low], np.float32)
        there = (places - origin) * (GRID / size)
        return np.where(np.isfinite(there), np.clip(np.rint(there), 0, GRID), GRID + 1).astype(np.uint16)


def map_of(workspace: Workspace, step: int | None = None) -> MapData:
    """Return the map of a look, by default of the latest; or the one that was given as arrays (``workspace.kept["map"]``).

    Raises
    ------
    DataError
        If nobody has looked yet.
    """
    given = workspace.kept.get("map")
    if given is not None:
        return given
    made: dict[tuple[int, str], MapData] = workspace.kept.setdefault("maps", {})
    looked, look = workspace.look(step)
    names = names_of_groups(workspace.study.steps(), looked, look.k)
    key = (looked.id, "\n".join(names))
    if key not in made:
        while len(made) >= 3:
            made.pop(next(iter(made)), None)
        made[key] = of_look(look, names=names, step=looked.id, sample=workspace.samples.sample)
    return made[key]


def names_of_groups(steps: list[Step], looked: Step, k: int) -> list[str]:
    """Return what the groups of a look were named last; "group 0" and so on where they were not."""
    given: dict[str, str] = {}
    for step in steps:
        if step.verb == "name" and looked.id in step.inputs.get("steps", []):
            given = step.settings.get("names", {})
    return [given.get(str(group), f"group {group}") for group in range(k)]


def of_look(look: Exploration, *, names: list[str], step: int, sample: np.ndarray) -> MapData:
    """Return the map of a look with its rows in the order of ``sample`` (n_rows,) of str; rows that it has not seen have no place."""
    from clew.explore.stability import wandering

    embedding = look.embedding
    at = _order(np.asarray(look.sample), sample)
    n_rows = len(sample)
    shown = at[look.shown]
    rising = np.argsort(shown)
    rising = rising[shown[rising] >= 0]
    known = at >= 0
    placed = np.full((n_rows, 2), np.nan, np.float32)
    groups, confidence = np.full(n_rows, -1, np.int32), np.full(n_rows, np.nan)
    wanders = np.zeros(n_rows, bool)
    placed[at[known]], groups[at[known]] = look.placed[known], look.groups[known]
    confidence[at[known]] = look.confidence[known]
    wanders[shown[rising]] = wandering(embedding.neighbor_overlap, embedding.k)[rising]
    return MapData(
        runs=embedding.aligned[:, rising],
        shown=shown[rising],
        placed=placed,
        groups=groups,
        names=names,
        confidence=confidence,
        wanders=wanders,
        method=embedding.method,
        step=step,
        n_clusterings=len(look.clustering.labels),
        shared=float(embedding.neighbor_overlap.mean()),
        k=embedding.k,
    )


def _order(of: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return the places (n,) of names ``of`` in ``among``, -1 where one is not there."""
    if len(of) == len(among) and (of == among).all():
        return np.arange(len(of))
    known = {str(name): place for place, name in enumerate(among)}
    return np.array([known.get(str(name), -1) for name in of], np.int64)
