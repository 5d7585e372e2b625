"""Rows that a person has chosen: by a line drawn round them, by a rule, by a group, or one by one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from clew.app.handling import Bulk, handles
from clew.app.map_data import map_of
from clew.errors import SettingError, check

if TYPE_CHECKING:
    from clew.app.session import Session

MOST_VERTICES = 10_000  # of a polygon; the page simplifies to some hundred
KEPT = 50  # selections of one page; the oldest are forgotten
PIECE = 100_000  # points that a thread takes at a time


@dataclass
class Selections:
    """What one page has selected: ``rows[id]`` is bool (n_rows,); ``now`` is the number of the latest, 0 for none."""

    rows: dict[int, np.ndarray]
    last: int = 0
    now: int = 0

    def keep(self, chosen: np.ndarray) -> int:
        """Keep a selection and return its number, from 1 on; 0 for one of no rows."""
        self.now = 0
        if chosen.any():
            self.last += 1
            self.now = self.last
            self.rows[self.now] = chosen
            while len(self.rows) > KEPT:
                del self.rows[next(iter(self.rows))]
        return self.now


def selections_of(session: Session) -> Selections:
    """Return the selections of a page."""
    return session.kept.setdefault("selections", Selections({}))


def selected(session: Session, id: int) -> np.ndarray:
    """Return a selection as bool (n_rows,); of number 0 all rows.

    Raises
    ------
    SettingError
        If there is no such selection, or it is of rows that have changed since.
    """
    n_rows = n_open(session)
    if id == 0:
        return np.ones(n_rows, bool)
    chosen = selections_of(session).rows.get(id)
    if chosen is None or len(chosen) != n_rows:
        raise SettingError(
            f"The selection must be one of this page. Got number {id}, which is forgotten: select again."
        )
    return chosen


def selection_rows(session: Session, id: int) -> np.ndarray:
    """Return the numbers (n_selected,) of int64 of the selected rows, rising; of selection 0 all rows.

    Raises
    ------
    SettingError
        If there is no such selection.
    """
    return np.flatnonzero(selected(session, id))


def n_open(session: Session) -> int:
    """Return the number of open rows."""
    given = session.workspace.kept.get("map")
    return given.n_rows if given is not None else session.workspace.samples.n_rows


@handles("select")
def select(
    session: Session,
    *,
    kind: Literal["lasso", "rectangle", "rule", "rows", "group", "nothing"],
    polygon: list[list[float]] | None = None,
    rule: str | None = None,
    rows: list[int] | None = None,
    group: int | None = None,
    step: int | None = None,
    run: int = 0,
    mode: Literal["new", "add", "take"] = "new",
) -> Bulk:
    """Select rows, and return the selection's number, size and bits (bit ``i & 7`` of byte ``i >> 3``).

    ``mode`` "add" and "take" change the latest selection of the page. A selection of no rows has number 0.

    Raises
    ------
    SettingError
        If what is asked for does not fit: a polygon of fewer than 3 or more than 10,000 vertices, a rule that cannot be
        read, a row or group that is not there.
    """
    chosen = np.zeros(n_open(session), bool)
    if kind in ("lasso", "rectangle"):
        chosen = within(
            map_of(session.workspace, step).places(run), checked_polygon(_given(polygon, kind, "polygon"))
        )
    elif kind == "rule":
        from clew.app.rules import rows_of_rule

        chosen = rows_of_rule(session.workspace, _given(rule, kind, "rule"), step=step)
    elif kind == "group":
        groups = map_of(session.workspace, step).groups
        wanted = _given(group, kind, "group")
        check(
            -1 <= wanted <= groups.max(initial=-1),
            SettingError,
            "The group must be from 0 to {}. Got {}.",
            groups.max(initial=-1),
            wanted,
        )
        chosen = groups == wanted
    elif kind == "rows":
        chosen[checked_rows(_given(rows, kind, "rows"), len(chosen))] = True
    now = selections_of(session).now
    if mode != "new" and now:
        before = selected(session, now)
        chosen = before | chosen if mode == "add" else before & ~chosen
    return told(session, chosen, kind)


def told(session: Session, chosen: np.ndarray, how: str) -> Bulk:
    """Keep a selection (n_rows,) of bool and return the answer that the page puts into its state."""
    n, id = int(chosen.sum()), selections_of(session).keep(chosen)
    return Bulk(
        {"selection": id, "n": n, "how": how if n else "", "of": len(chosen)},
        [np.packbits(chosen, bitorder="little")],
    )


@handles("selection.names")
def names(session: Session, *, selection: int) -> dict[str, Any]:
    """Return the names of the selected samples."""
    check(selection > 0, SettingError, "The selection must hold rows to be named. Got none selected.")
    rows = selection_rows(session, selection)
    return {"samples": [str(name) for name in session.workspace.samples.sample[rows]]}


def checked_polygon(polygon: list[list[float]]) -> np.ndarray:
    """Return a polygon (n_vertices, 2) of float64.

    Raises
    ------
    SettingError
        If it has fewer than 3 or more than 10,000 vertices, or one that is no pair of finite numbers.
    """
    check(
        3 <= len(polygon) <= MOST_VERTICES,
        SettingError,
        "The polygon of a selection must have from 3 to {:,} vertices. Got {:,}.",
        MOST_VERTICES,
        len(polygon),
    )
    check(
        all(len(vertex) == 2 for vertex in polygon),
        SettingError,
        "The vertices of a polygon must be pairs [x, y]. Got {}.",
        "others",
    )
    vertices = np.array(polygon, np.float64)
    check(
        np.isfinite(vertices).all(),
        SettingError,
        "The vertices of a polygon must be finite. Got {}.",
        "others",
    )
    return vertices


def checked_rows(rows: Any, n_rows: int) -> np.ndarray:
    """Return row numbers as int64, rising, each once; raise SettingError where one is not there."""
    numbers = np.unique(np.asarray(rows, np.int64))
    wrong = numbers[(numbers < 0) | (numbers >= n_rows)]
    check(
        not wrong.size, SettingError, "The rows must be from 0 to {}. Got {}.", n_rows - 1, [*wrong[:1], 0][0]
    )
    return numbers


def within(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Return which points (n_points, 2) of float32 lie within a polygon (n_vertices, 2), bool (n_points,), on threads."""
    from clew.kernels.polygon import inside
    from clew.kernels.threads import n_threads

    points = np.ascontiguousarray(points, np.float32)
    chosen = np.empty(len(points), bool)
    pieces = [slice(start, start + PIECE) for start in range(0, len(points), PIECE)]
    if len(pieces) == 1 or n_threads() == 1:
        inside(points, polygon, chosen)
        return chosen
    with ThreadPoolExecutor(min(n_threads(), len(pieces))) as pool:
        list(pool.map(lambda piece: inside(points[piece], polygon, chosen[piece]), pieces))
    return chosen


def get_ready(session: Session) -> None:
    """Load the compiled kernel beside other work, so that the first lasso need not wait for it."""
    kept = session.workspace.kept
    if "lasso" not in kept:
        points, triangle = np.zeros((1, 2), np.float32), np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        kept["lasso"] = session.workspace.threads["desk"].submit(within, points, triangle)


def _given(value: Any, kind: str, name: str) -> Any:
    check(value is not None, SettingError, "A selection by {} must have '{}'. Got none.", kind, name)
    return value
