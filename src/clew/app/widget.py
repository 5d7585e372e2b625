"""The linked map in a notebook: draw round points, and have the rows in Python."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.app.map_data import MapData, names_of_groups, of_look
from clew.app.selecting import checked_polygon, checked_rows, within
from clew.errors import MissingError

if TYPE_CHECKING:
    from clew.explore.exploration import Exploration
    from clew.study.study import Study

MODULES = ("scatter.js", "lasso.js", "widget.js")  # in this order; all they import is one another
PALETTE = ["#0072B2", "#BF7A00", "#008A64", "#B5568D", "#2F8FCB", "#857400"]


def joined() -> str:
    """Return the page's own modules of the map as one ES module."""
    folder = Path(__file__).with_name("static") / "map"
    parts = [(folder / name).read_text(encoding="utf-8") for name in MODULES]
    return "\n".join(re.sub(r"^import .*\n", "", part, flags=re.M) for part in parts)


def linked_map(
    of: Study | Exploration | MapData, *, run: int = 0, width: int = 640, height: int = 480
) -> Any:
    """Show rows as points in a notebook; what is drawn round there is known here.

    Parameters
    ----------
    of : Study, Exploration or MapData
        Of a study its latest look.
    run : int
        Run of the ensemble, from 0.
    width, height : int
        px

    Returns
    -------
    AnyWidget
        With ``selected``, the names of the selected samples, and ``rows``, their numbers, rising; ``select(rows)`` selects from here.

    Raises
    ------
    MissingError
        If anywidget is not installed.
    DataError
        If nobody has looked at the study yet.
    """
    data, sample = _map_of(of)
    return _widget_class()(data, sample, run=run, width=width, height=height)


def display_study(study: Study) -> dict[str, Any] | None:
    """Return what Jupyter shows of a study: its linked map; None where nobody has looked at it yet, or anywidget is missing."""
    if not any(step.verb == "explore" for step in study.steps()):
        return None
    try:
        widget = linked_map(study)
    except MissingError:
        return None
    bundle = widget._repr_mimebundle_()
    return bundle[0] if isinstance(bundle, tuple) else bundle


def packed(rows: np.ndarray, n_rows: int) -> bytes:
    """Return a bit a row, as the page has them: bit ``i & 7`` of byte ``i >> 3``."""
    chosen = np.zeros(n_rows, bool)
    chosen[rows] = True
    return np.packbits(chosen, bitorder="little").tobytes()


def _map_of(of: Any) -> tuple[MapData, np.ndarray]:
    if isinstance(of, MapData):
        return of, np.array([f"row {row}" for row in range(of.n_rows)])
    if hasattr(of, "steps"):
        steps = of.steps()
        looked = of.need("explore", purpose="show a map")
        look, sample = of.result(looked), of.samples().sample
        names = names_of_groups(steps, looked, look.k)
        return of_look(look, names=names, step=looked.id, sample=sample), sample
    names = [f"group {group}" for group in range(of.k)]
    return of_look(of, names=names, step=0, sample=of.sample), np.asarray(of.sample)


def _widget_class() -> Any:
    """Return the class of the widget, made when first needed: anywidget is no part of every installation."""
    global _Widget
    if _Widget is None:
        _Widget = _make_class()
    return _Widget


_Widget: Any = None


def _make_class() -> Any:
    try:
        import anywidget
        import traitlets
    except ImportError as missing:
        raise MissingError(
            f"A map in a notebook needs the extra 'notebook': pip install 'clew[notebook]'. Got no {missing.name}."
        ) from missing

    class LinkedMap(anywidget.AnyWidget):
        """Points of one run; ``polygon`` comes from the browser, ``bits`` and ``says`` go back."""

        _esm = joined()
        positions = traitlets.Bytes().tag(sync=True)
        classes = traitlets.Bytes().tag(sync=True)
        bits = traitlets.Bytes().tag(sync=True)
        extent = traitlets.List().tag(sync=True)
        palette = traitlets.List().tag(sync=True)
        polygon = traitlets.List().tag(sync=True)
        says = traitlets.Unicode().tag(sync=True)
        label = traitlets.Unicode().tag(sync=True)
        width = traitlets.Int(640).tag(sync=True)
        height = traitlets.Int(480).tag(sync=True)

        def __init__(self, data: MapData, sample: np.ndarray, *, run: int, **size: int) -> None:
            self._places, self._sample = data.places(run), sample
            placed = int(np.isfinite(self._places[:, 0]).sum())
            super().__init__(
                positions=data.on_grid(self._places).tobytes(),
                classes=np.where(data.groups < 0, 255, np.minimum(data.groups, 254))
                .astype(np.uint8)
                .tobytes(),
                extent=list(data.extent),
                palette=PALETTE,
                label=f"Map of {placed:,} rows, run {run + 1} of {len(data.runs)}",
                **size,
            )
            self.select([])

        def select(self, rows: Any) -> None:
            """Select rows by their numbers, here and in the browser."""
            self.rows = checked_rows(rows, len(self._sample))
            n, shown = len(self.rows), int(np.isfinite(self._places[:, 0]).sum())
            self.bits = packed(self.rows, len(self._sample)) if n else b""
            of = f"{shown:,} shown of {len(self._sample):,} open rows"
            self.says = f"{n:,} selected, {of}" if n else f"{of}. Draw round some points."

        @property
        def selected(self) -> list[str]:
            """Return the names of the selected samples."""
            return [str(name) for name in self._sample[self.rows]]

        @traitlets.observe("polygon")
        def _drawn(self, change: Any) -> None:
            line = change["new"]
            self.select(np.flatnonzero(within(self._places, checked_polygon(line))) if line else [])

    return LinkedMap
