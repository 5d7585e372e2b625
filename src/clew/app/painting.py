"""The painter's room: images to paint on, their pixels, and the live forest that answers each stroke."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.app.handling import Bulk, handles
from clew.app.painting_studio import Studio, studio_of
from clew.errors import ClewError, DataError, Stopped, check
from clew.learn.easel import STRIDE, TILE, tiles_in, weakest
from clew.read.images import COLOUR

if TYPE_CHECKING:
    from clew.app.session import Session, Ticket
    from clew.learn.easel import Painting
    from clew.read.stacks import Stack

MOST_SIDE = 2048  # pixels along a side of what is sent of an image
BAND = 256  # rows of what is sent that are read at a time
BINS = 64  # of the histogram of a channel
SHOWN_FEATURES = 6  # bars of what speaks for a class
THUMB = 56  # px
Where = tuple[str, int, int]  # image, t, z


@handles("paint.images")
def images(session: Session) -> dict[str, Any]:
    """Return the images that may be painted, with their strokes, the classes, and the models that were saved here."""
    studio = studio_of(session.workspace)
    sources, sealed = studio.sources()
    counts = studio.stroke_counts()
    return {
        "images": [{"name": one.name, "strokes": counts.get(one.sha256, 0)} for one in sources],
        "sealed": sealed,
        "classes": [{"number": n, "name": name} for n, name in studio.classes().items()],
        "models": studio.models(),
    }


@handles("paint.open", on="painter")
def open_image(session: Session, *, image: str) -> dict[str, Any]:
    """Open an image: its axes, channels and pixel size, and for each channel histogram and contrast."""
    studio = studio_of(session.workspace)
    stack = studio.sheet(image).stack
    times, _, depth, height, width = stack.shape
    sample = window_of(stack, times // 2, depth // 2, 0, 0, height, width, max(1, max(height, width) // 512))
    return {
        "image": image,
        "shape": list(stack.shape),
        "channels": list(stack.channel_names),
        "dtype": str(stack.dtype),
        "pixel_size": list(stack.pixel_size or (None,) * 3),
        "contrast": [_contrast(channel, coloured=tuple(stack.channel_names) == COLOUR) for channel in sample],
        "notes": list(stack.notes),
    }


@handles("paint.view")
def view(
    session: Session,
    *,
    image: str,
    t: int = 0,
    z: int = 0,
    top: int = 0,
    left: int = 0,
    height: int,
    width: int,
) -> Bulk:
    """Return the pixels of a window of all channels, every so many so that no side has more than 2,048; floats as 16 bits between "low" and "high"."""  # fmt: skip
    sheet = studio_of(session.workspace).sheet(image)
    check(height > 0 and width > 0, DataError, "The window must have pixels. Got {} x {}.", height, width)
    step = max(1, -(-max(height, width) // MOST_SIDE))
    pixels = window_of(sheet.stack, t, z, top, left, height, width, step)
    low, high = float(pixels.min()), float(pixels.max())
    whole = pixels.dtype.kind in "bui" and low >= 0 and high < 2**16
    if not whole:
        pixels = (pixels.astype(np.float64) - low) * (65_535 / max(high - low, 1e-300))
    sent = pixels.astype(np.uint8 if whole and high < 256 else np.uint16)
    meta = {
        "image": image,
        "t": t,
        "z": z,
        "top": max(0, top),
        "left": max(0, left),
        "step": step,
        "size": list(sent.shape[1:]),
    }
    return Bulk(meta | {"low": 0.0 if whole else low, "high": None if whole else high}, list(sent))


@handles("paint.thumb")
def thumb(session: Session, *, image: str) -> Bulk:
    """Return a small gray picture of an image's middle plane."""
    sheet = studio_of(session.workspace).sheet(image)
    times, _, depth, height, width = sheet.stack.shape
    step = max(1, -(-max(height, width) // THUMB))
    pixels = window_of(sheet.stack, times // 2, depth // 2, 0, 0, height, width, step)
    gray = np.mean([_stretched(channel) for channel in pixels], axis=0)
    return Bulk({"size": list(gray.shape)}, [(gray * 255).astype(np.uint8)])


# ---- the live forest ----
@handles("paint.show", on="painter")
def show(
    session: Session,
    *,
    image: str,
    t: int = 0,
    z: int = 0,
    view: list[float],
    shares: bool = False,
    ticket: Ticket,
) -> dict[str, Any]:
    """Learn what was painted and answer where the page looks: at every fourth pixel at once, then tile by tile.

    Pushes "paint.preview", then "paint.tile" for each tile that this page has not got yet, the middle of the view first;
    a newer request ends it between two tiles.
    """  # fmt: skip
    check(len(view) == 4, DataError, "The view must be top, left, bottom, right. Got {} numbers.", len(view))
    began = time.perf_counter()
    studio = studio_of(session.workspace)
    sheet = studio.sheet(image)
    studio.sync()
    left_out, generation = studio.turn_to(image), studio.generation
    told: dict[str, Any] = {"generation": generation, "left_out": left_out, **studio.totals(image)}
    tiles = tiles_in(sheet.stack, (view[0], view[1], view[2], view[3]))
    key = (image, t, z, generation, shares)
    try:
        studio.easel.prepare(image, t, z, tiles, on_progress=_progress(session, ticket, image))
        if session.kept.get("paint_key") != key:
            session.kept["paint_key"], session.kept["paint_sent"] = key, set[tuple[int, int]]()
            quick = studio.live if studio.current else studio.easel.fit(quick=True)
            assert quick is not None
            _push_preview(session, studio, quick, (image, t, z), tiles, shares)
            told["preview"] = time.perf_counter() - began
    except (DataError, Stopped) as why:
        session.kept.pop("paint_key", None)
        if not ticket.stale:
            studio.easel.warm_up()
        return {**told, "ready": False, "why": "" if isinstance(why, Stopped) else str(why)}
    if ticket.stale:
        return told
    live = studio.fit()
    sent: set[tuple[int, int]] = session.kept["paint_sent"]
    missing = [at for at in tiles if at not in sent]
    _push_tiles(session, studio, live, (image, t, z), missing, shares, ticket)
    told |= {"ready": True, "exact": live.exact, "trees": live.model.forest.n_trees, "tiles": len(tiles)}
    told |= {"done": len([at for at in tiles if at in sent]), "seconds": time.perf_counter() - began}
    return told


def _progress(session: Session, ticket: Ticket, image: str) -> Any:
    def on_progress(done: int, total: int) -> bool:
        session.push("paint.measuring", image=image, done=done, total=total)
        return not ticket.stale

    return on_progress


def _push_preview(
    session: Session, studio: Studio, live: Painting, where: Where, tiles: list[tuple[int, int]], shares: bool
) -> None:
    """Send the classes, and where asked for the probabilities as bytes, at every fourth pixel of the box round all tiles."""
    top, left = (min(at[axis] for at in tiles) for axis in (0, 1))
    _, _, _, height, width = studio.sheet(where[0]).stack.shape
    bottom = min(height, max(at[0] for at in tiles) + TILE)
    right = min(width, max(at[1] for at in tiles) + TILE)
    n = len(live.model.forest.classes)
    size = (-(-(bottom - top) // STRIDE), -(-(right - left) // STRIDE))
    whole, parts = np.zeros(size, np.uint8), np.zeros((n if shares else 0, *size), np.uint8)
    for at in tiles:
        classes, probability = studio.easel.preview(live, *where, at)
        y, x = ((a - b) // STRIDE for a, b in zip(at, (top, left)))
        box = (slice(y, y + classes.shape[0]), slice(x, x + classes.shape[1]))
        whole[box] = classes
        if shares:
            parts[(slice(None), *box)] = _bytes(probability)
    meta = {
        "image": where[0],
        "t": where[1],
        "z": where[2],
        "top": top,
        "left": left,
        "step": STRIDE,
        "size": list(size),
    }
    session.push_bulk(
        "paint.preview", meta | {"classes": _order(live)}, [whole, *parts], generation=studio.generation
    )


def _push_tiles(
    session: Session,
    studio: Studio,
    live: Painting,
    where: Where,
    tiles: list[tuple[int, int]],
    shares: bool,
    ticket: Ticket,
) -> None:
    from clew.learn.tiling import in_threads

    sent: set[tuple[int, int]] = session.kept["paint_sent"]

    def send(at: tuple[int, int]) -> None:
        if ticket.stale:
            return
        classes, probability = studio.easel.tile(live, *where, at)
        meta = {
            "image": where[0],
            "t": where[1],
            "z": where[2],
            "top": at[0],
            "left": at[1],
            "step": 1,
            "size": list(classes.shape),
        }
        arrays = [classes, *(_bytes(probability) if shares else ())]
        session.push_bulk(
            "paint.tile", meta | {"classes": _order(live)}, arrays, generation=studio.generation
        )
        sent.add(at)

    live.model.compiled  # noqa: B018  (made once, before there are threads)
    in_threads(send, tiles, None)


def _bytes(probability: np.ndarray) -> np.ndarray:
    return (probability * 255 + 0.5).astype(np.uint8)


def _order(live: Painting) -> list[int]:
    """Return the class number of each plane of probabilities."""
    return [live.model.values[name] for name in live.model.forest.classes]


@handles("paint.accuracy")
def accuracy(session: Session, *, ticket: Ticket) -> dict[str, Any]:
    """Return how well strokes are told that were not yet drawn, beside what shuffled pixels would have said."""
    studio = studio_of(session.workspace)
    live = studio.live
    if live is None or ticket.stale:
        return {"why": "Paint two classes first."}
    try:
        found = studio.easel.accuracy(live.painted)
    except ClewError as why:
        return {"why": str(why), "generation": studio.generation}
    worst = weakest(found)
    return {
        "generation": studio.generation,
        "honest": found.scores.metrics["balanced_accuracy"].summary(),
        "naive": found.naive.metrics["balanced_accuracy"].summary(),
        "by": found.split["by"],
        "weakest": None if worst is None else {"truth": worst[0], "taken": worst[1], "share": worst[2]},
        "warnings": found.warnings,
    }


@handles("paint.reasons")
def reasons(
    session: Session,
    *,
    image: str,
    t: int = 0,
    z: int = 0,
    view: list[float],
    of: int,
    feature: str = "",
    ticket: Ticket,
) -> dict[str, Any] | Bulk:
    """Return which filters speak for a class where the page looks, and the map of one of them at every fourth pixel."""
    studio = studio_of(session.workspace)
    live = studio.live
    if live is None or ticket.stale or len(view) != 4:
        return {"features": []}
    names = {number: name for name, number in live.model.values.items()}
    check(
        of in names,
        DataError,
        "The class must be one that was painted: {}. Got {}.",
        ", ".join(names.values()),
        of,
    )
    tiles = sorted(tiles_in(studio.sheet(image).stack, (view[0], view[1], view[2], view[3]), most=16))
    found = studio.easel.reasons(live, image, t, z, tiles, of=names[of])
    order = np.argsort(-found.mean_absolute, kind="stable")
    shown = [found.names[i] for i in order[:SHOWN_FEATURES]]
    chosen = found.names.index(feature if feature in shown else shown[0])
    top, left = tiles[0][0], min(at[1] for at in tiles)
    size = [
        max((at[i] - (top, left)[i]) // STRIDE + one.shape[i + 1] for at, one in zip(tiles, found.maps))
        for i in (0, 1)
    ]
    whole = np.zeros(size, np.float32)
    for at, one in zip(tiles, found.maps):
        y, x = (at[0] - top) // STRIDE, (at[1] - left) // STRIDE
        whole[y : y + one.shape[1], x : x + one.shape[2]] = one[chosen]
    group = next((one for one in found.together if found.names[order[0]] in one), [])
    meta = {
        "generation": studio.generation,
        "of": of,
        "feature": found.names[chosen],
        "features": [{"name": found.names[i], "shap": found.mean_absolute[i]} for i in order[:SHOWN_FEATURES]],
        "together": {"names": group, "shap": found.of_group(group)} if len(group) > 1 else None,
        "top": top, "left": left, "step": STRIDE, "size": size, "most": float(np.abs(whole).max()),
    }  # fmt: skip
    return Bulk(meta, [whole])


@handles("paint.spot")
def spot(session: Session, *, image: str, t: int = 0, z: int = 0) -> dict[str, Any]:
    """Return the place, away from strokes, where the live forest is least sure: paint there next."""
    studio = studio_of(session.workspace)
    check(
        studio.live,
        DataError,
        "Paint two classes first: then there is something to be unsure of. Got no live forest.",
    )
    assert studio.live is not None
    stack = studio.sheet(image).stack
    tiles = tiles_in(stack, (0, 0, stack.shape[3], stack.shape[4]))
    row, column, unsure = studio.easel.most_uncertain(studio.live, image, t, z, tiles)
    return {"row": row, "column": column, "uncertainty": unsure}


@handles("paint.save", on="painter")
def save(session: Session) -> dict[str, Any]:
    """Train on all strokes of all images, keep the model and what was painted, and put both on record."""
    studio = studio_of(session.workspace)
    studio.sync()
    told = studio.save()
    session.workspace.changed("record")
    return told


# ---- pixels ----
def window_of(
    stack: Stack, t: int, z: int, top: int, left: int, height: int, width: int, step: int
) -> np.ndarray:
    """Return every so many pixels of a window, (C, rows, columns)."""
    times, _, depth, *_ = stack.shape
    check(
        0 <= t < times and 0 <= z < depth,
        DataError,
        "The plane of '{}' must be one that it has: t up to {}, z up to {}. Got t {}, z {}.",
        stack.name,
        times - 1,
        depth - 1,
        t,
        z,
    )
    top, left = max(0, top), max(0, left)
    bottom, columns = min(top + height, stack.shape[3]), slice(left, left + width)
    bands = range(top, max(bottom, top + 1), BAND * step)  # a large image is never in memory as a whole
    read = (stack.read(t, slice(z, z + 1), slice(at, min(at + BAND * step, bottom)), columns) for at in bands)
    return np.concatenate([band[:, 0, ::step, ::step] for band in read], axis=1)


def _contrast(channel: np.ndarray, *, coloured: bool) -> dict[str, Any]:
    """Return histogram and contrast of a channel; a photograph in colour of 8 bits is shown as it is."""
    as_it_is = coloured and channel.dtype == np.uint8
    low, high = (0.0, 255.0) if as_it_is else (float(x) for x in np.percentile(channel, (1, 99.8)))
    least, most = (low, high) if as_it_is else (float(channel.min()), float(channel.max()))
    counts, _ = np.histogram(channel, BINS, (least, most if most > least else least + 1))
    return {"low": low, "high": high if high > low else most if most > low else low + 1, "least": least, "most": most, "counts": counts}  # fmt: skip


def _stretched(channel: np.ndarray) -> np.ndarray:
    low, high = np.percentile(channel, (1, 99.8))
    return np.clip((channel - low) / max(high - low, 1e-9), 0, 1)
