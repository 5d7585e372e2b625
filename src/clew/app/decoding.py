"""The latent map with pictures: what an autoencoder makes of the mean of its latent numbers in each cell of the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.app.handling import Bulk, Picture, fetches, handles
from clew.app.map_data import map_of
from clew.app.pictures import blended, held
from clew.app.thumbnails import DARK, GREY, LIGHT, png
from clew.errors import DataError, SettingError, check
from clew.steps.networks import at_net, raw_like

if TYPE_CHECKING:
    from clew.app.map_data import MapData
    from clew.app.session import Session
    from clew.app.workspace import Workspace

CODERS = ("autoencoder", "vae")
FEWEST_CELLS, MOST_CELLS = 6, 16  # along the longer side of the map; the more rows, the more
MOST_MEANT = 24  # rows of a cell that its mean is taken over, evenly among all
EXAMPLES = 4  # rows of a cell that are shown beside its picture
ACROSS = 16  # tiles in a line of the sprite
TRACE = (64, 96)  # px of the picture of a window
MOST_SIDE = 128  # px of the picture of an object
USUAL = (0.5, 99.5)  # percentiles from black to white, over all pictures of a map


@dataclass(frozen=True, eq=False)
class Decoded:
    """What was decoded for one run of a look.

    Parameters
    ----------
    cells : ndarray of int32, shape (n_cells, 2)
        Column from the left, line from below, of the cells that hold rows.
    counts : ndarray of int32, shape (n_cells,)
        Rows in each.
    examples : ndarray of int32, shape (n_cells, 4)
        Some of these rows; -1 where there are fewer.
    side : float
        Of a cell, in units of the map.
    tiles : ndarray of uint8, shape (n_cells, height, width) or (n_cells, height, width, 3)
    """

    cells: np.ndarray
    counts: np.ndarray
    examples: np.ndarray
    side: float
    tiles: np.ndarray


def coder_behind(workspace: Workspace, step: int) -> Any:
    """Return the training on record of the autoencoder whose latent numbers a look was at, if these come of pictures or recordings; else None."""
    if not workspace.has_study:
        return None
    steps = {one.id: one for one in workspace.study.steps()}
    look = steps.get(step)
    if look is None or not at_net(look):
        return None
    trained = [steps[one] for one in look.inputs["steps"] if one in steps]
    coders = [one for one in trained if one.settings.get("model") in CODERS and "raw" in one.inputs]
    return coders[0] if coders else None


@handles("map.decoded")
def decoded(session: Session, *, step: int | None = None, run: int = 0) -> Bulk:
    """Return which cells of the map have pictures: columns and lines (n, 2), counts (n,), examples (n, 4), all int32; and where the pictures are."""
    data = map_of(session.workspace, step)
    found = decoded_of(session.workspace, data, run)
    left, _, low, _ = data.extent
    height, width = found.tiles.shape[1:3]
    meta: dict[str, Any] = {
        "step": data.step,
        "run": run,
        "left": left,
        "low": low,
        "side": found.side,
        "across": ACROSS,
    }
    meta |= {"height": height, "width": width, "picture": f"/picture/decoded?step={data.step}&run={run}"}
    return Bulk(meta, [found.cells, found.counts, found.examples])


@fetches("/picture/decoded")
def sprite(workspace: Workspace, *, step: str, run: str, v: str = "") -> Picture:
    """Return all pictures of a run of a look in one, 16 in a line."""
    for text in (step, run):
        check(text.isdecimal() and len(text) < 10, SettingError, "A picture's numbers must be whole. Got '{}'.", text[:20])  # fmt: skip
    tiles = decoded_of(workspace, map_of(workspace, int(step)), int(run)).tiles
    lines = -(-len(tiles) // ACROSS)
    sheet = np.zeros((lines * ACROSS, *tiles.shape[1:]), np.uint8)
    sheet[: len(tiles)] = tiles
    height, width, *ink = tiles.shape[1:]
    rows = sheet.reshape(lines, ACROSS, height, width, *ink).swapaxes(1, 2)
    return Picture(png(rows.reshape(lines * height, ACROSS * width, *ink)))


def decoded_of(workspace: Workspace, data: MapData, run: int) -> Decoded:
    """Return what was decoded for a run of a look; it is computed once, when it is first asked for.

    Raises
    ------
    DataError
        If the look was not at the latent numbers of an autoencoder of pictures or recordings.
    """
    trained = coder_behind(workspace, data.step)
    check(trained is not None, DataError, "The look must be at an autoencoder that sees pictures or recordings, for its map to have pictures. Got another.")  # fmt: skip
    data.check_run(run)

    def make() -> Decoded:
        places = data.places(run)
        left, right, low, high = data.extent
        along = np.clip(1.2 * np.sqrt(len(data.shown)), FEWEST_CELLS, MOST_CELLS)
        side = max(right - left, high - low) / int(along) * (1 + 1e-6)  # no row lies on the far border
        cells, members = cells_of(places, left=left, low=low, side=side)
        model = workspace.study.result(trained)
        pictures = _pictures(workspace, model, [_some(rows, MOST_MEANT) for rows in members])
        examples = np.full((len(cells), EXAMPLES), -1, np.int32)
        for i, rows in enumerate(members):
            chosen = _some(rows, EXAMPLES)
            examples[i, : len(chosen)] = chosen
        counts = np.array([len(rows) for rows in members], np.int32)
        return Decoded(cells, counts, examples, side, tiles_of(pictures, list(model.feature_names)))

    found: Decoded = held(workspace).get(("decoded", data.step, run), make)
    return found


def cells_of(
    places: np.ndarray, *, left: float, low: float, side: float
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the cells (n_cells, 2) of int32 that hold rows, column and line, and the rows of each, rising.

    Parameters
    ----------
    places : ndarray of float32, shape (n_rows, 2)
        NaN for a row that has no place.
    left, low, side : float
        Where the first cell begins, and how long each is, in units of ``places``.
    """
    rows = np.flatnonzero(np.isfinite(places[:, 0]))
    at = np.floor((places[rows] - np.array([left, low])) / side).astype(np.int32)
    cells, which = np.unique(at, axis=0, return_inverse=True)
    order = np.argsort(which.reshape(-1), kind="stable")
    ends = np.cumsum(np.bincount(which.reshape(-1), minlength=len(cells)))[:-1]
    return cells, np.split(rows[order], ends)


def _some(rows: np.ndarray, most: int) -> np.ndarray:
    return rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64)]


def _pictures(workspace: Workspace, model: Any, members: list[np.ndarray]) -> np.ndarray:
    """Return one decoded row for each set of rows, float (n, channels, sides ...): that of the mean of their latent numbers."""
    samples = workspace.samples
    rows = np.unique(np.concatenate(members))
    cut = raw_like(workspace.study, model)
    assert cut is not None
    chosen = samples.take(rows)
    latent = model.activations(chosen, cut(chosen))  # (rows, latent)
    means = np.stack([latent[np.searchsorted(rows, own)].mean(axis=0) for own in members])
    coder = model.estimator(0)
    labels = None
    if coder.conditional:  # it must be told a label: the commonest of those it knows among the rows of a cell
        labels = np.array([_commonest(samples.labels, own, coder.classes_) for own in members])
    answer: np.ndarray = coder.decode_scaled(means, labels)
    return answer


def _commonest(labels: np.ndarray | None, rows: np.ndarray, known: np.ndarray) -> str:
    counts = [0 if labels is None else int((labels[rows] == name).sum()) for name in known]
    return str(known[int(np.argmax(counts))])


# ---- pictures of arrays ----
def tiles_of(values: np.ndarray, names: list[str]) -> np.ndarray:
    """Return rows (n, channels, y, x) as gray or coloured pictures, and (n, channels, samples) as traces, at one contrast for all.

    Returns
    -------
    ndarray of uint8, shape (n, height, width) or (n, height, width, 3)
    """
    if values.ndim == 3:
        return np.stack([trace(row) for row in values])
    flat = np.moveaxis(values, 1, 0).reshape(values.shape[1], -1).astype(np.float64)
    levels = np.quantile(flat, np.linspace(0, 1, 1001), axis=1).T
    every = max(1, -(-max(values.shape[2:]) // MOST_SIDE))
    some = values[:, :, ::every, ::every].astype(np.float32)
    low, high = USUAL
    return np.stack([blended(row, tuple(names), levels, low=low, high=high) for row in some])


def trace(row: np.ndarray) -> np.ndarray:
    """Return a window (channels, samples) as lines below each other, uint8 (64, 96, 3), each scaled to its own largest amplitude."""
    from PIL import Image, ImageDraw

    height, width = TRACE
    picture = Image.new("RGB", (width, height), DARK)
    pen = ImageDraw.Draw(picture)
    lane = height / len(row)
    for i, values in enumerate(row):
        middle, values = (i + 0.5) * lane, values - values.mean()
        pen.line([(0, middle), (width, middle)], fill=GREY)
        largest = float(np.abs(values).max()) or 1.0
        x = np.linspace(0, width - 1, len(values))
        y = middle - 0.46 * lane * values / largest
        pen.line(list(zip(x.tolist(), y.tolist())), fill=LIGHT)
    return np.asarray(picture)
