"""What is known of single rows among all others: what they are called, in which order they are shown, where their values rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from clew.app.map_data import map_of
from clew.app.thumbnails import ranks
from clew.errors import DataError
from clew.read.recording import spell_time

if TYPE_CHECKING:
    from clew.app.workspace import Workspace
    from clew.explore.exploration import Exploration

Order = Literal["wandering", "random", "centre"]
WHAT = {"image": "Object", "signal": "Window"}


@dataclass(frozen=True, eq=False)
class Looked:
    """A look as the column beside the map needs it, row by row of the open rows; nothing but rows where nobody has looked.

    Parameters
    ----------
    look : Exploration or None
    step : int
        Its number on record; 0 for none.
    groups : ndarray of int32, shape (n_rows,)
        -1 for none.
    names : list of str
        Of the groups.
    confidence : ndarray of float64, shape (n_rows,)
        Share of the runs that agree with the group; NaN where that is not known.
    overlap : ndarray of float64, shape (n_rows,)
        Share of its neighbours that a row keeps from run to run of the map: low for rows that wander; NaN where not known.
    runs : int
        Of the clustering.
    """

    look: Exploration | None
    step: int
    groups: np.ndarray
    names: list[str]
    confidence: np.ndarray
    overlap: np.ndarray
    runs: int


def looked(workspace: Workspace, step: int | None = None) -> Looked:
    """Return a look, the latest by default."""
    n_rows = workspace.samples.n_rows
    if step is None and not workspace.looks():
        unknown = np.full(n_rows, np.nan)
        return Looked(None, 0, np.full(n_rows, -1, np.int32), [], unknown, unknown, 0)
    shown = map_of(workspace, step)
    found, look = workspace.look(step)
    overlap = np.full(n_rows, np.nan)
    at = {str(name): i for i, name in enumerate(look.sample[look.shown])}
    own = [at[str(name)] for name in workspace.samples.sample[shown.shown]]
    overlap[shown.shown] = look.embedding.neighbor_overlap[own]
    return Looked(look, found.id, shown.groups, shown.names, shown.confidence, overlap, shown.n_clusterings)


def kept_look(workspace: Workspace, step: int | None = None) -> Looked:
    """Return `looked`, worked out once for each look and its names."""
    key = (step, workspace.version)
    held = workspace.kept.get("looked")
    if held is None or held[0] != key:
        held = workspace.kept["looked"] = (key, looked(workspace, step))
    found: Looked = held[1]
    return found


# ---- words ----
def title(workspace: Workspace, row: int) -> str:
    """Say which row it is: "Object 30", "Window of BK.HAST at 12:25:01", or its name."""
    origin, kind = workspace.samples.origin.iloc[row], kind_of(workspace)
    if kind == "image" and "label" in origin:
        return f"Object {int(origin['label'])}"
    if kind == "signal" and {"recording", "start"} <= set(origin.index):
        dated = "T" in str(workspace.samples.sample[row]).rpartition("@")[2]
        time = spell_time(float(origin["start"]), dated=dated).rpartition("T")[2]
        return f"{origin['recording']} at {time.removesuffix('.000')}"
    return str(workspace.samples.sample[row])


def kind_of(workspace: Workspace) -> str:
    """Return "image", "signal", "table" or "distances"."""
    kind: str = workspace.kept.get("kind") or workspace.kept.setdefault(
        "kind", workspace.study.facts().get("kind", "table")
    )
    return kind


def told(workspace: Workspace, view: Looked, row: int) -> dict[str, Any]:
    """Return row, name, group and words of a row."""
    name, group = str(workspace.samples.sample[row]), int(view.groups[row])
    of = [view.names[group]] if 0 <= group < len(view.names) else []
    return {"row": int(row), "name": name, "group": group, "words": ", ".join([name, *of])}


# ---- order ----
def ordered(workspace: Workspace, view: Looked, rows: np.ndarray, order: Order) -> np.ndarray:
    """Return rows (n,) in the order of the gallery; random ones are drawn from all, the same each time."""
    if order == "random":
        return np.random.default_rng(0).permutation(rows)
    if order == "wandering":
        unsure = np.nan_to_num(1 - view.confidence[rows], nan=-1)
        return rows[np.lexsort((-unsure, np.nan_to_num(view.overlap[rows], nan=2.0)))]
    return rows[np.argsort(distance_to_centre(workspace, view)[rows], kind="stable")]


def distance_to_centre(workspace: Workspace, view: Looked) -> np.ndarray:
    """Return how far each row lies from the mean of its group, in standard deviations of the features looked at, (n_rows,).

    Rows without a group: from the mean of all of them.
    """
    samples = workspace.samples
    looked = view.look.features if view.look is not None else []
    names = [name for name in looked if name in samples.feature_names] or list(samples.feature_names)
    x = samples.features[:, [samples.feature_names.index(name) for name in names]]
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1)
    away = np.empty(len(x))
    for group in np.unique(view.groups):
        own = view.groups == group
        away[own] = np.sqrt(((x[own] - x[own].mean(axis=0)) ** 2).sum(axis=1))
    return away


# ---- measurements ----
def telling_first(workspace: Workspace, view: Looked) -> list[int]:
    """Return the features, those of the hypotheses first, then by how far they part the groups, then all others."""
    names = list(workspace.samples.feature_names)
    found: list[str] = []
    stated = view.look.hypotheses if view.look is not None else None
    if stated is not None:
        found += [name for one in stated.stated for name in one.features]
        found += [
            stated.feature_names[i] for i in np.argsort(-np.abs(stated.effect).max(axis=1), kind="stable")
        ]
    elif view.look is not None:
        found += view.look.features
    return [names.index(name) for name in dict.fromkeys([*found, *names]) if name in names]


def middle_halves(workspace: Workspace, view: Looked) -> np.ndarray:
    """Return where the first and third quartile of each group rank among all open rows, float64 (n_groups, 2, n_features)."""
    held = workspace.kept.get("middles")
    if held is None or held[0] is not view:
        features = workspace.samples.features
        middles = np.full((len(view.names), 2, features.shape[1]), np.nan)
        for group in range(len(view.names)):
            own = features[view.groups == group]
            if len(own):
                quartiles = np.quantile(own, [0.25, 0.75], axis=0)
                middles[group] = [(features <= one).mean(axis=0) for one in quartiles]
        held = workspace.kept["middles"] = (view, middles)
    found: np.ndarray = held[1]
    return found


def measurements(workspace: Workspace, view: Looked, row: int) -> list[dict[str, Any]]:
    """Return name, unit, value, rank and the middle halves of the groups for each feature, most telling first."""
    samples = workspace.samples
    rank, middles = ranks(samples.features, row), middle_halves(workspace, view)
    return [
        {
            "name": samples.feature_names[i],
            "unit": samples.units[i],
            "value": float(samples.features[row, i]),
            "rank": float(rank[i]),
            "middles": [
                [g, *map(float, middles[g, :, i])]
                for g in range(len(middles))
                if np.isfinite(middles[g, 0, i])
            ],
        }
        for i in telling_first(workspace, view)
    ]


def feature_at(workspace: Workspace, name: str) -> int:
    """Return the place of a feature.

    Raises
    ------
    DataError
        If there is none of that name.
    """
    names = workspace.samples.feature_names
    if name not in names:
        raise DataError(f"The feature must be one of the study. Got '{name[:80]}'.")
    return names.index(name)


def counted(
    values: np.ndarray, groups: np.ndarray, chosen: np.ndarray, *, n_groups: int, bins: int
) -> dict[str, Any]:
    """Count values (n_rows,) in equal bins: of all rows, of those chosen (bool), and of each group.

    Returns
    -------
    dict
        "edges" (bins + 1,), "all" and "chosen" (bins,), "groups" (n_groups, bins); plain lists.
    """
    low, high = float(values.min(initial=0.0, where=np.isfinite(values))), float(values.max(initial=0.0))
    if len(values):
        low, high = float(values.min()), float(values.max())
    high = high if high > low else low + 1.0
    edges = np.linspace(low, high, bins + 1)
    at = np.minimum(((values - low) * (bins / (high - low))).astype(int), bins - 1)
    by_group = [np.bincount(at[groups == g], minlength=bins).tolist() for g in range(n_groups)]
    return {
        "edges": edges.tolist(),
        "all": np.bincount(at, minlength=bins).tolist(),
        "chosen": np.bincount(at[chosen], minlength=bins).tolist(),
        "groups": by_group,
    }
