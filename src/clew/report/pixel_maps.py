"""The verb that paints SHAP values back on images: a map for each filter, as numbers and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.steps import Outcome
from clew.steps.outcome import OnProgress

if TYPE_CHECKING:
    from clew.learn.pixel_model import PixelModel
    from clew.learn.pixel_shapley import PixelExplainer
    from clew.read.stacks import Stack

SHOWN = 700  # px along the longer side of a map in the picture
CAUTION = (
    "Correlation is not causation: a contribution says what the model leans on, and filters that are alike divide it "
    "among themselves."
)


def explain(
    model: Path,
    paths: list[Path],
    *,
    out: Path,
    of: str | None = None,
    by: Literal["feature", "group"] = "feature",
    most: int = 7,
    axes: str | None = None,
    on_progress: OnProgress | None = None,
) -> Outcome:
    """Paint back, for every pixel, how far each filter moves the probability of a class (SHAP).

    MODEL is a folder that `clew pixels train` made; PATHS are images, and folders of them.

    Parameters
    ----------
    out : Path
        A folder for the maps (NAME.tif, one channel a map, float32) and a picture of them (NAME.png).
    of : str
        The class whose probability is explained; the one that was painted with the highest number otherwise.
    by : {"feature", "group"}
        A map for each filter, or for each group of filters that can stand in for each other.
    most : int
        How many maps of each image: those that say most.
    axes : str
        What the axes of files are that do not tell, such as TYX, CYX or ZYX.

    Raises
    ------
    SettingError
        If the class is unknown, or maps are there already.
    DataError
        If the model is none for pixels, or an image does not fit it.
    """
    from clew.learn.pixel_shapley import PixelExplainer
    from clew.read.kinds import distinct_names
    from clew.read.stacks import find_stacks, open_stack

    pixel_model = _load(model)
    found, notes = find_stacks(paths)
    names = [Path(name).with_suffix("").as_posix() for name in distinct_names(found)]
    places = [out / f"{name}.tif" for name in names]
    there = next((path for path in places if path.exists()), None)
    check(there is None, SettingError, "The 'out' of pixels explain must hold no maps yet. Got '{}'.", there)
    check(
        out.absolute().parent.is_dir(),
        SettingError,
        "The 'out' of pixels explain must be in a folder that is there. Got '{}'.",
        out,
    )
    stacks = [open_stack(path, axes=axes) for path in found]
    explainers = [PixelExplainer(pixel_model, stack, of=of, by=by, most=most) for stack in stacks]
    lines, files = [], []
    if of is None:
        chosen = explainers[0].of
        lines.append(
            f"Explained is '{chosen}', which was painted with the highest number ({pixel_model.values[chosen]}); --of "
            "names another class."
        )
    for explainer, place in zip(explainers, places):
        place.parent.mkdir(parents=True, exist_ok=True)
        _write(explainer, place, on_progress)
        notes += explainer.notes
        lines += _lines(explainer, place)
        files.append({"source": explainer.stack.name, "out": str(place), **explainer.result.summary()})
    data = {"out": str(out), "model_sha256": pixel_model.forest.sha256, "files": files}
    return Outcome([*lines, CAUTION, *notes], data, warnings=notes)


def _load(model: Path) -> PixelModel:
    """Return the model of a folder; say what it must be where it is a study, or no model at all."""
    from clew.learn.forest import Forest
    from clew.learn.model_file import format_of
    from clew.learn.pixel_model import PixelModel

    is_study = (model / "study.sqlite").is_file()
    check(
        not model.exists() or (model / "config.json").is_file(),
        DataError,
        "The model of pixels explain must be a folder that `clew pixels train` made. Got {} '{}'.",
        "a study, whose models are for objects or rows of tables:" if is_study else "something else:",
        model,
    )
    found = format_of(model) if model.exists() else ""
    check(
        found != "clew pixel net",
        DataError,
        "The model of pixels explain must be a forest, whose filters have names. Got the U-Net '{}'.",
        model,
    )
    return PixelModel(Forest.load_model(model))


def _write(explainer: PixelExplainer, place: Path, on_progress: OnProgress | None) -> None:
    """Write the maps of one image, and a picture of them."""
    from clew.plot.pixel_maps import pixel_maps
    from clew.read.stack_writer import TiffWriter

    stack, names = explainer.stack, explainer.result.channels
    depth, height, width = stack.shape[2:]
    step = max(1, -(-max(height, width) // SHOWN))
    plane = depth // 2
    small = np.zeros((len(names), -(-height // step), -(-width // step)), np.float32)
    with TiffWriter(
        place,
        shape=(stack.shape[0], len(names), *stack.shape[2:]),
        dtype=np.float32,
        channel_names=names,
        pixel_size=stack.pixel_size,
    ) as writer:

        def write(t: int, start: Any, maps: np.ndarray) -> None:
            z, y, x = (slice(a, a + n) for a, n in zip(start, maps.shape[1:]))
            writer.write(t, z, y, x, maps)
            if t == 0 and z.start <= plane < z.stop:
                above, left = -y.start % step, -x.start % step
                chosen = maps[:, plane - z.start, above::step, left::step]
                row, column = -(-y.start // step), -(-x.start // step)
                small[:, row : row + chosen.shape[1], column : column + chosen.shape[2]] = chosen

        explainer.write(write, on_progress=on_progress)
    drawing = pixel_maps(explainer.result, _picture(stack, plane)[::step, ::step], small)
    drawing.savefig(place.with_suffix(".png"), dpi=110, facecolor="white")


def _picture(stack: Stack, plane: int) -> np.ndarray:
    """Return one plane as a grey picture, float64 (Y, X): the mean of its channels."""
    _, _, _, height, width = stack.shape
    pixels = stack.read(0, slice(plane, plane + 1), slice(0, height), slice(0, width))
    grey: np.ndarray = pixels[:, 0].mean(axis=0, dtype=np.float64)
    return grey


def _lines(explainer: PixelExplainer, place: Path) -> list[str]:
    from clew.learn.pixel_shapley import name_of

    found = explainer.result
    width = max(map(len, found.channels))
    known = dict(zip(map(name_of, found.groups), found.group_mean_absolute)) | dict(
        zip(found.feature_names, found.mean_absolute)
    )
    return [
        f"{explainer.stack.name}: what moves the probability of '{found.of}', on average over its pixels (from {found.base:.2f}):",
        *(f"  {name:<{width}}  {known[name]:.4f}" for name in found.channels),
        f"Maps: {place} and {place.with_suffix('.png').name}",
    ]
