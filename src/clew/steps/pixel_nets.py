"""The verbs of pixel classification where a net is asked for: training it from paint or from objects, and reading it back."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.read.kinds import IMAGES, has_suffix
from clew.result import settings_of
from clew.steps.networks import need_torch
from clew.steps.outcome import OnProgress, Outcome, sentences

if TYPE_CHECKING:
    from clew.learn.pixel_model import PixelClassifying
    from clew.neural.pixel_net import PixelNet
    from clew.read.annotations import Annotation
    from clew.read.stacks import Stack

PixelModelName = Literal["forest", "unet"]
FOREST, NET = (
    ("clew.learn.pixel_training", "train_pixels"),
    ("clew.neural.pixel_net_training", "train_pixel_net"),
)
REMARKS = 20  # that a person is told of; scripts get all
FEW_NUMBERS = 2  # of all label images together: they look like classes, not like objects


def check_settings(model: PixelModelName, settings: dict[str, Any], instances: str | None) -> None:
    """Refuse settings that only the other kind of model has.

    Raises
    ------
    SettingError
        If there are some, or torch is not installed.
    """
    check(instances is None or model == "unet", SettingError, "The setting --instances must go with a net (--model unet). Got --model {}.", model)  # fmt: skip
    own, other = (FOREST, NET) if model == "forest" else (NET, FOREST)
    strange = settings.keys() - settings_of(getattr(importlib.import_module(own[0]), own[1])).keys()
    if strange:  # what is not asked for is not imported
        known = settings_of(getattr(importlib.import_module(other[0]), other[1]))
        for name in sorted(strange & known.keys()):
            meant = "a net (--model unet)" if model == "forest" else "the forest"
            raise SettingError(
                f"The setting --{name.replace('_', '-')} must go with {meant}. Got --model {model}."
            )
    if model == "unet":
        need_torch()


def train_painted(
    stacks: list[Stack],
    painted_on: list[Annotation],
    out: Path,
    notes: list[str],
    *,
    on_progress: OnProgress | None,
    **settings: Any,
) -> Outcome:
    """Train a net on painted pixels, save it, and say how good it is."""
    from clew.neural.pixel_net_training import train_pixel_net

    return _told(train_pixel_net(stacks, painted_on, on_progress=on_progress, **settings), stacks, out, notes)


def train_objects(
    images: list[Path],
    label_images: list[Path],
    out: Path,
    *,
    instances: str,
    axes: str | None,
    on_progress: OnProgress | None,
    **settings: Any,
) -> Outcome:
    """Train a net on numbered objects, save it, and say how good it is."""
    from clew.neural.pixel_net_training import train_object_net
    from clew.read.images import find_images
    from clew.read.stacks import open_stack

    pairs, notes = find_images(images, masks=label_images)
    having = [(image, labels) for image, labels in pairs if labels is not None]
    stacks = [open_stack(image, axes=axes) for image, _ in having]
    labels = [_numbers(path, stack) for (_, path), stack in zip(having, stacks)]
    _check_objects(labels, instances)
    made = train_object_net(stacks, labels, instances=instances, on_progress=on_progress, **settings)
    return _told(made, stacks, out, [*notes, *(note for stack in stacks for note in stack.notes)])


def _numbers(path: Path, stack: Stack) -> np.ndarray:
    """Return the object that each pixel of an image belongs to, int32 (T, Z, Y, X)."""
    from clew.measure.measured import numbered_objects
    from clew.read.stacks import open_stack

    found, size = open_stack(path), (stack.shape[0], *stack.shape[2:])
    check(found.shape[1] == 1, DataError, "The label image '{}' must have one channel. Got {}.", path, found.shape[1])  # fmt: skip
    every = slice(None)
    whole = np.stack([found.read(t, every, every, every)[0] for t in range(found.shape[0])])
    return numbered_objects(whole.astype(bool) if whole.dtype == bool else whole, size, of=stack.name)


def _check_objects(label_images: list[np.ndarray], instances: str) -> None:
    """Refuse label images whose numbers are classes: everything would be one or two objects."""
    numbers = sorted({int(n) for one in label_images for n in np.unique(one)})
    many = len(numbers) > FEW_NUMBERS + 1 or numbers == [0]
    check(many, DataError, "The label images of --instances {} must number objects, each its own, on a background of 0. Got the numbers {} alone, which looks like classes: leave --instances out, or number the connected pieces.", instances, ", ".join(map(str, numbers)))  # fmt: skip


def _told(model: PixelNet, stacks: list[Stack], out: Path, notes: list[str]) -> Outcome:
    from clew.neural.pixel_net_validation import table_of

    table = table_of(model.validation)
    model.save_model(out, quality=[f"    {line}" for line in table])
    warnings = sentences([*model.notes, *notes])
    objects = f" --objects {model.classes[1]}" if model.border else ""
    lines = [
        *sentences([model.headline()]),
        *table,
        f"Model: {out} (sha256 {model.sha256[:12]}...); trained again on this machine it comes out the same.",
        *few(warnings),
        f"Next: clew pixels predict {out} IMAGES --out FOLDER{objects}",
    ]
    data = model.summary() | {"model": out, "images": [stack.name for stack in stacks]}
    return Outcome(lines, data, warnings=warnings)


def load_pixels(folder: Path) -> PixelClassifying:
    """Read a model for pixels, forest or net.

    Raises
    ------
    DataError
        If the folder holds none, or one for something else.
    SettingError
        If it is a net and torch is not installed.
    """
    from clew.learn.forest import Forest
    from clew.learn.model_file import format_of
    from clew.learn.pixel_model import PixelModel

    if format_of(folder) == "clew forest":
        return PixelModel(Forest.load_model(folder))
    need_torch()
    from clew.neural.pixel_net import PixelNet

    return PixelNet.load_model(folder)


def few(warnings: list[str]) -> list[str]:
    """Return the first remarks, after an empty line, and how many more; what is said of several images is said once."""
    of: dict[str, list[str]] = {}
    for remark in sentences(warnings):
        name, _, what = remark.partition(": ")
        named = what and has_suffix(Path(name), (*IMAGES, ".zarr"))
        of.setdefault(what if named else remark, []).extend([name] * bool(named))
    told = []
    for what, names in of.items():
        several = f"{len(names)} images ({names[0]}, ...)" if len(names) > 1 else "".join(names)
        told.append(f"{several}: {what}" if names else what)
    more = len(told) - REMARKS
    shown = told if more <= 0 else [*told[:REMARKS], f"... and {more} more remarks (--json lists all)."]
    return ["", *shown] if shown else []
