"""Objects in images: find them by a threshold or take them from a label image, and measure each."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, check, check_choice
from clew.measure.measured import Measured, counted, numbered_objects
from clew.measure.segment import Split, connected_pieces, cut_apart, note_of_split
from clew.read.images import COLOUR, Image
from clew.read.kinds import distinct_names
from clew.samples import Samples

if TYPE_CHECKING:
    import pandas as pd

LENGTHS = ("perimeter", "major_axis_length", "minor_axis_length", "feret_diameter", "equivalent_diameter")
SIZE = ("area", *LENGTHS)
RATIOS = ("eccentricity", "solidity", "extent", "circularity", "roundness", "aspect_ratio", "elongation")
# The walk-through counts the minor axis as shape: without it UMAP does not tell the round blobs from the elongated
# ones. Elongation is not in the set, since aspect_ratio says the same and would count twice.
SHAPE = (*(name for name in RATIOS if name != "elongation"), "minor_axis_length")
MIDDLE = 1024  # px of the side of the square that is looked at to tell a label image from a photograph
MANY_SPECKS = 0.3  # share of the objects without extent above which the cut has likely found noise
INTENSITY = ("intensity_mean", "intensity_min", "intensity_max", "intensity_std")

# What scikit-image calls what we measure.
SKIMAGE = {
    "label": "label",
    "area": "area",
    "perimeter": "perimeter",
    "axis_major_length": "major_axis_length",
    "axis_minor_length": "minor_axis_length",
    "feret_diameter_max": "feret_diameter",
    "equivalent_diameter_area": "equivalent_diameter",
    "eccentricity": "eccentricity",
    "solidity": "solidity",
    "extent": "extent",
    "bbox-0": "min_row",
    "bbox-1": "min_col",
    "bbox-2": "max_row",
    "bbox-3": "max_col",
    "centroid-0": "centroid_row",
    "centroid-1": "centroid_col",
}
PLACE = ("min_row", "min_col", "max_row", "max_col", "centroid_row", "centroid_col")


def measure_objects(
    images: Sequence[Image],
    label_images: Sequence[np.ndarray | None],
    *,
    threshold: Literal["otsu"] | float = "otsu",
    channel: int = 0,
    foreground: Literal["bright", "dark"] = "bright",
    split: Split = "none",
    min_area: int = 0,
    border: Literal["keep", "drop"] = "keep",
    fewest: int = 2,
) -> Measured:
    """Measure every object of every image: one row an object.

    Parameters
    ----------
    images : sequence of Image
        What is measured; all with the same channels, and pixel sizes known of all or of none.
    label_images : sequence of (ndarray of int or bool, shape (Y, X), or None)
        The objects of each image, 0 for background. A mask (one value beside 0) is cut into connected pieces;
        None has the image cut by ``threshold``.
    threshold : "otsu" or float
        Bright objects are the pixels above it, dark ones all others; neighbours by side or corner are one object.
    channel : int
        The channel that is cut, from 0. Of a colour picture it is the mean of red, green and blue.
    foreground : {"bright", "dark"}
        Whether objects are brighter or darker than what lies around them.
    split : {"none", "distance"}
        Whether touching objects are cut apart at their necks, as by `clew.measure.segment.segment`; where label images
        number the objects, that settles it.
    min_area : int
        Smaller objects, in pixels, are left out.
    border : {"keep", "drop"}
        Whether objects that touch the image's border, and may be cut by it, stay.
    fewest : int
        Fewer objects than this, in all images together, are refused: 2 to compare them, 1 to have a model name them.

    Returns
    -------
    Measured
        Features in px, or µm where the pixel size is known; intensities in counts. ``origin`` holds source, label,
        touches_border, bounding box (half open) and centroid in pixels. The group is the image.

    Raises
    ------
    DataError
        If images do not fit each other, a label image does not fit its image, or fewer than ``fewest`` objects are left.
    SettingError
        If a setting is out of range.

    Notes
    -----
    scikit-image measures (van der Walt et al., PeerJ 2014, doi:10.7717/peerj.453): axes, eccentricity by second
    moments; perimeter after Benkrid & Crookes (2000), through the centres of border pixels, which is why small round
    objects reach a circularity above 1; Feret diameter on the convex hull. Circularity 4 pi A / P^2 (Cox, J. Paleont.
    1927), roundness 4 A / (pi major^2), aspect ratio major / minor, elongation 1 - minor / major. Otsu, IEEE Trans.
    SMC 9 (1979), doi:10.1109/TSMC.1979.4310076.
    """
    settings: dict[str, Any] = {
        "threshold": threshold,
        "channel": channel,
        "foreground": foreground,
        "split": split,
        "min_area": min_area,
        "border": border,
    }
    _check_settings(images, label_images, settings)
    notes = _notes_of(images)
    names = distinct_names([image.path for image in images])
    _note_label_images(images, names, notes)
    dtypes = sorted({str(image.pixels.dtype) for image in images})
    images = with_equal_channels(images, notes)
    scales = micrometres_per_pixel(images)
    thresholds: dict[str, float] = {}
    labels: dict[str, np.ndarray] = {}
    masks = []
    for name, image, given in zip(names, images, label_images):
        if given is None:
            labels[name], thresholds[name] = _cut(image, threshold, channel, foreground)
        else:
            labels[name], is_mask = _objects_of(given, image, name, notes)
            masks += [name] * is_mask
    _note_thresholds(thresholds, threshold, images[0], notes)
    if split != "none":
        _split(labels, [*thresholds, *masks], notes)
    covered = _much_covered({name: labels[name] for name in thresholds}, foreground)
    notes += [covered] if covered else []

    table = _measure_all(images, labels, scales)
    kept, counts = _keep(table, min_area, border, notes)
    _check_enough(kept, counts, names, settings, covered, fewest)
    empty = [name for name in names if name not in set(kept["source"])]
    if empty:
        have = "has" if len(empty) == 1 else "have"
        notes.append(f"{len(empty)} of {counted(len(names), 'image')} {have} no object: {_some(empty)}.")
    settings |= {
        "label_images": "given" if not thresholds else "made" if len(thresholds) == len(names) else "mixed",
        "channels": list(images[0].channel_names),
        "pixel_sizes": sorted({scale for scale in scales if scale is not None}),
        "unit": "px" if scales[0] is None else "µm",
        "dtype": "/".join(dtypes),
    }
    read = {name: image.sha256 for name, image in zip(names, images)}
    return Measured(_samples(kept, images[0], settings["unit"]), labels, notes, counts, settings, read)


# ---- what comes in ----
def _check_settings(images: Sequence[Image], label_images: Sequence[Any], settings: dict[str, Any]) -> None:
    of = "measure_objects"
    check(images, DataError, "The images of {} must be at least one. Got none.", of)
    check(
        len(images) == len(label_images),
        DataError,
        "The label_images of {} must be one (or None) for each of {} images. Got {}.",
        of,
        len(images),
        len(label_images),
    )
    for name, choices in (
        ("foreground", ("bright", "dark")),
        ("split", ("none", "distance")),
        ("border", ("keep", "drop")),
    ):
        check_choice(settings[name], choices, what=f"'{name}' setting", of=of)
    threshold = settings["threshold"]
    number = isinstance(threshold, (int, float, np.number)) and np.isfinite(threshold)
    check(
        threshold == "otsu" or number,
        SettingError,
        "The 'threshold' setting of {} must be 'otsu' or a finite number. Got '{}' instead.",
        of,
        threshold,
    )
    check(
        settings["min_area"] >= 0,
        SettingError,
        "The 'min_area' setting of {} must be 0 or more pixels. Got {} instead.",
        of,
        settings["min_area"],
    )
    n_channels = min(1 if image.channel_names == COLOUR else len(image.pixels) for image in images)
    check(
        0 <= settings["channel"] < n_channels,
        SettingError,
        "The 'channel' setting of {} must be from 0 to {}, colour pictures being cut by their mean. Got {} instead.",
        of,
        n_channels - 1,
        settings["channel"],
    )


def with_equal_channels(images: Sequence[Image], notes: list[str]) -> list[Image]:
    """Return the images, gray ones among colour pictures with three equal channels; refuse other mixtures."""
    import dataclasses

    kinds = {image.channel_names for image in images}
    if kinds == {("gray",), COLOUR}:
        n = sum(image.channel_names != COLOUR for image in images)
        notes.append(
            f"{counted(n, 'gray image')} among {counted(len(images) - n, 'colour picture')} "
            f"{'counts' if n == 1 else 'count'} as red = green = blue."
        )
        return [
            dataclasses.replace(
                image,
                pixels=np.broadcast_to(image.pixels, (3, *image.pixels.shape[1:])),
                channel_names=COLOUR,
            )
            for image in images
        ]
    first = images[0]
    for image in images:
        check(
            image.channel_names == first.channel_names,
            DataError,
            "The image '{}' must have the channels of '{}': {}. Got {} instead.",
            image.name,
            first.name,
            ", ".join(first.channel_names),
            ", ".join(image.channel_names),
        )
    types = sorted({str(image.pixels.dtype) for image in images})
    if len(types) > 1:
        notes.append(f"The images have pixels of {' and '.join(types)}: are their intensities comparable?")
    return list(images)


def micrometres_per_pixel(images: Sequence[Image]) -> list[float | None]:
    """Return the side of a pixel of each image in µm, or None for all."""
    for image in images:
        check(
            (image.pixel_size is None) == (images[0].pixel_size is None),
            DataError,
            "The pixel size must be known of all images or of none. Got one that is known and one that is not: '{}', '{}'.",
            images[0].name,
            image.name,
        )
        dy, dx = image.pixel_size or (1.0, 1.0)
        check(
            abs(dy - dx) <= 1e-3 * dx,
            DataError,
            "The pixels of '{}' must be square, for perimeters and axes to have a meaning. "
            "Got {:g} x {:g} µm instead: resample the image first.",
            image.name,
            dy,
            dx,
        )
    return [None if image.pixel_size is None else image.pixel_size[1] for image in images]


def _notes_of(images: Sequence[Image]) -> list[str]:
    """Return what was noted when the images were read, each remark once with the images it is about."""
    about: dict[str, list[str]] = {}
    for image in images:
        for note in image.notes:
            about.setdefault(note.removeprefix(f"{image.name}: "), []).append(image.name)
    return [f"{_some(names)}: {remark}" for remark, names in about.items()]


def _note_label_images(images: Sequence[Image], names: list[str], notes: list[str]) -> None:
    alike = [name for name, image in zip(names, images) if _looks_like_labels(image.pixels)]
    if alike:
        look = "looks like a label image" if len(alike) == 1 else "look like label images"
        measured = "is measured as a photograph" if len(alike) == 1 else "are measured as photographs"
        notes.append(
            f"The image{'s' * (len(alike) > 1)} {_some(alike)} {look} and {measured}: give label images by --masks FILE, "
            "or name them NAME_labels.tif beside NAME.tif."
        )


def _looks_like_labels(pixels: np.ndarray) -> bool:
    """Tell whether pixels (C, Y, X) are one plane of whole numbers, each in hardly more than one piece.

    The brightness of a photograph scatters every value over a hundred pieces or so. Pieces of fewer than ten pixels on
    average are noise of many values, each of which comes only once.
    """
    from skimage.measure import label

    if len(pixels) > 1:
        return False
    top, left = (max(0, side - MIDDLE) // 2 for side in pixels.shape[1:])
    middle = pixels[0, top : top + MIDDLE, left : left + MIDDLE]
    values, numbered = np.unique(middle, return_inverse=True)
    if len(values) < 3 or (values != np.floor(values)).any():
        return False
    _, pieces = label(numbered.reshape(middle.shape), background=-1, return_num=True)
    return pieces <= 2 * len(values) and 10 * pieces <= middle.size


def _some(names: Sequence[str]) -> str:
    """Return a few names, and how many more there are."""
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more


# ---- which pixels are an object ----
def _cut(
    image: Image, threshold: Literal["otsu"] | float, channel: int, foreground: str
) -> tuple[np.ndarray, float]:
    """Return the objects of an image, int32 of shape (Y, X), and the threshold that made them."""
    from skimage.filters import threshold_otsu

    plane = image.pixels.mean(axis=0) if image.channel_names == COLOUR else image.pixels[channel]
    if threshold == "otsu":
        # scikit-image counts integers one by one, which a range of 32 bits would not survive.
        wide = plane.dtype.kind in "ui" and int(plane.max()) - int(plane.min()) > 65_535
        threshold = threshold_otsu(plane.astype(np.float64) if wide else plane)
    bright = plane > float(threshold)
    mask = bright if foreground == "bright" else ~bright
    return connected_pieces(mask)[0], float(threshold)


def _objects_of(given: np.ndarray, image: Image, name: str, notes: list[str]) -> tuple[np.ndarray, bool]:
    """Return a given label image as int32, a mask cut into its connected pieces; and whether it was a mask."""
    from skimage.measure import label

    labels = numbered_objects(given, image.pixels.shape[1:], of=name)
    values = np.unique(labels[labels != 0])
    pieces, n_pieces = label(labels, connectivity=2, return_num=True)
    if len(values) == 1 and n_pieces > 1:
        notes.append(
            f"{name}: the label image is a mask (0 and {values[0]}) and is cut into {n_pieces} connected pieces."
        )
        return pieces.astype(np.int32), True
    if n_pieces > len(values):
        notes.append(
            f"{name}: {len(values)} labels lie in {n_pieces} pieces; the pieces of one label are one object."
        )
    return labels, len(values) == 1


def _split(labels: dict[str, np.ndarray], names: list[str], notes: list[str]) -> None:
    """Cut the touching objects of the named images apart, and say so."""
    if names:
        n_pieces = sum(len(np.unique(labels[name][labels[name] > 0])) for name in names)
        labels |= {name: cut_apart((labels[name] > 0).astype(np.int32)) for name in names}
        notes.append(note_of_split(n_pieces, sum(int(labels[name].max()) for name in names)))
    if len(names) < len(labels):
        n = counted(len(labels) - len(names), "label image")
        notes.append(f"The objects of {n} are numbered already and are not cut apart.")


def _note_thresholds(thresholds: dict[str, float], threshold: Any, image: Image, notes: list[str]) -> None:
    if not thresholds:
        return
    low, high = min(thresholds.values()), max(thresholds.values())
    values = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    how = "chosen by Otsu's method" if threshold == "otsu" else "as given"
    plane = "the mean of red, green and blue" if image.channel_names == COLOUR else ""
    notes.append(
        f"Objects are cut at the threshold {values} ({how}){' of ' + plane if plane else ''} in "
        f"{counted(len(thresholds), 'image')}."
    )


def _much_covered(cut: dict[str, np.ndarray], foreground: str) -> str:
    """Return a sentence on the images of which objects cover more than half, as an inverted cut does; or ""."""
    shares = {name: np.count_nonzero(labels) / labels.size for name, labels in cut.items()}
    much = {name: share for name, share in shares.items() if share > 0.5}
    if not much:
        return ""
    this, other = ("darker", "dark") if foreground == "bright" else ("brighter", "bright")
    most = f"{max(much.values()):.0%}"
    of = next(iter(much)) if len(much) == 1 else f"{len(much)} images ({_some(list(much))})"
    return (
        f"The objects cover {most if len(much) == 1 else f'up to {most}'} of {of}: "
        f"if they are {this} than the ground, say --foreground {other}."
    )


# ---- the measurements ----
def _measure_all(
    images: Sequence[Image], labels: dict[str, np.ndarray], scales: Sequence[float | None]
) -> pd.DataFrame:
    import pandas as pd

    tables = [
        _measure_image(image, labels[name], scale or 1.0).assign(source=name)
        for name, image, scale in zip(labels, images, scales)
    ]
    return pd.concat(tables, ignore_index=True)


def _measure_image(image: Image, labels: np.ndarray, scale: float) -> pd.DataFrame:
    """Measure the objects of one image; lengths and areas times ``scale`` µm a pixel (1 for pixels)."""
    import pandas as pd
    from skimage.measure import regionprops_table

    # regionprops makes a list as long as the highest number, so the numbers are made to follow each other.
    values, inverse = np.unique(labels, return_inverse=True)
    consecutive = inverse.reshape(labels.shape) + (0 if values[0] == 0 else 1)
    # Sums in the pixels' own dtype would lose digits in float32, and overflow in float16.
    pixels = image.pixels.astype(np.float64) if image.pixels.dtype.kind == "f" else image.pixels
    wanted = [*dict.fromkeys(name.split("-")[0] for name in SKIMAGE), *INTENSITY]
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore")  # of objects too small for an outline, which are dropped and counted
        table = pd.DataFrame(
            regionprops_table(consecutive, np.moveaxis(pixels, 0, -1), properties=wanted)
        ).rename(columns=SKIMAGE | intensity_columns(image))
        area, major, minor = table["area"], table["major_axis_length"], table["minor_axis_length"]
        table["circularity"] = 4 * np.pi * area / table["perimeter"] ** 2
        table["roundness"] = 4 * area / (np.pi * major**2)
        table["aspect_ratio"] = major / minor
        table["elongation"] = 1 - minor / major
    height, width = labels.shape
    table["touches_border"] = (
        (table["min_row"] == 0)
        | (table["min_col"] == 0)
        | (table["max_row"] == height)
        | (table["max_col"] == width)
    )
    table["n_pixels"] = area
    table["label"] = values[values != 0]
    return table.assign(area=area * scale**2, **{name: table[name] * scale for name in LENGTHS})


def intensity_columns(image: Image) -> dict[str, str]:
    """Return scikit-image's name of each intensity ("intensity_mean-1") with ours ("intensity_mean_DAPI")."""
    # Commas separate names in lists of features.
    names = [re.sub(r"[\s,]+", "_", name) for name in image.channel_names]
    if len(names) == 1:
        return {f"{name}-0": name for name in INTENSITY}
    return {f"{name}-{i}": f"{name}_{channel}" for name in INTENSITY for i, channel in enumerate(names)}


# ---- which objects stay ----
def _keep(
    table: pd.DataFrame, min_area: int, border: str, notes: list[str]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Drop what is too small, degenerate or cut by the border, each with a note; return the rest and the counts."""
    features = [name for name in table if name not in (*PLACE, "label", "touches_border", "source")]
    small = (table["n_pixels"] < min_area).to_numpy()
    degenerate = ~np.isfinite(table[features].to_numpy(np.float64)).all(axis=1)
    degenerate |= (table[["perimeter", "minor_axis_length"]] <= 0).any(axis=1).to_numpy()
    degenerate &= ~small
    at_border = table["touches_border"].to_numpy(bool)
    keep = ~small & ~degenerate & ~(at_border & (border == "drop"))
    counts = {
        "found": len(table),
        "border": int(at_border.sum()),
        "degenerate": int(degenerate.sum()),
        "small": int(small.sum()),
        "kept": int(keep.sum()),
    }
    notes.append(f"{counted(counts['found'], 'object')} found, {counts['kept']} measured.")
    if counts["small"]:
        notes.append(
            f"{counted(counts['small'], 'object')} left out: smaller than {counted(min_area, 'pixel')}."
        )
    if counts["degenerate"]:
        notes.append(
            f"{counted(counts['degenerate'], 'object')} left out as degenerate (no perimeter, or an axis of length 0): "
            f"{_some(_sample_names(table[degenerate]))}."
        )
    if counts["degenerate"] > MANY_SPECKS * counts["found"]:
        notes.append(
            f"{counts['degenerate'] / counts['found']:.0%} of the objects found are such specks: "
            "if it is noise that was cut, --min-area PIXELS leaves out what is small."
        )
    if counts["border"]:
        one = counts["border"] == 1
        what = "left out" if border == "drop" else "kept, and marked as such"
        touch = "touches the border of its image and is" if one else "touch the border of their image and are"
        notes.append(f"{counted(counts['border'], 'object')} {touch} {what}.")
    return table[keep].reset_index(drop=True), counts


def _check_enough(
    kept: pd.DataFrame,
    counts: dict[str, int],
    names: list[str],
    settings: dict[str, Any],
    covered: str,
    fewest: int,
) -> None:
    where = f"'{names[0]}'" if len(names) == 1 else f"all {len(names)} images together"
    how = f"threshold {settings['threshold']}, {settings['foreground']} objects"
    check(
        len(kept) >= fewest,
        DataError,
        "The objects in {} must be at least {}. Got {} ({} found; {}).{}",
        where,
        fewest,
        len(kept),
        counts["found"],
        how,
        f" {covered}" if covered else "",
    )


def _sample_names(table: pd.DataFrame) -> list[str]:
    return [f"{source}#{label}" for source, label in zip(table["source"], table["label"])]


def _samples(kept: pd.DataFrame, image: Image, unit: str) -> Samples:
    intensities = tuple(intensity_columns(image).values())
    units = {"area": f"{unit}²", **dict.fromkeys(LENGTHS, unit), **dict.fromkeys(intensities, "counts")}
    names = (*SIZE, *RATIOS, *intensities)
    sets = {"shape": SHAPE, "size": SIZE, "intensity": intensities}
    return Samples(
        features=kept[list(names)].to_numpy(np.float64),
        feature_names=names,
        units=tuple(units.get(name, "") for name in names),
        sample=np.array(_sample_names(kept)),
        origin=kept[["source", "label", "touches_border", *PLACE]].copy(),
        group=kept["source"].to_numpy(str),
        sets=sets,
    )
