"""`clew train --model unet`: a study of images and label images teaches a net to find such objects in new images."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.errors import DataError, SettingError, check
from clew.result import settings_of
from clew.steps.networks import need_torch
from clew.steps.outcome import OnProgress, Outcome, sentences

if TYPE_CHECKING:
    from clew.measure.fields import Fields
    from clew.samples import Samples
    from clew.study.study import Study


def fields_cutter(study: Study) -> Callable[[Samples], Fields]:
    """Return what gives the images behind rows of a study, whole: ``raw`` of `Study.run`.

    Raises
    ------
    DataError
        If the rows are no objects of images.
    """
    study.need_rows()
    kind = study.facts()["kind"]
    check(kind == "image", DataError, "The study '{}' must be of objects in images for a U-Net, which learns to find them. Got one of {}.", study.folder, {"signal": "recordings", "table": "tables"}.get(kind, kind))  # fmt: skip
    return partial(_fields, study)


def _fields(study: Study, samples: Samples) -> Fields:
    from clew.measure.fields import fields_of
    from clew.read.images import read_image
    from clew.steps.cutting import Opened, label_image_of

    sources = {one.name: one for one in study.sources() if one.role == "data"}
    images = Opened(sources, lambda name: read_image(study.locate(sources[name])))
    return fields_of(images, Opened(sources, lambda name: label_image_of(study, name)), samples)


def train_unet(
    study: Study,
    also: Callable[..., None],
    placed: dict[str, str],
    *,
    on_progress: OnProgress | None,
    settings: dict[str, Any],
) -> Outcome:
    """Train a U-Net on the images behind the open rows, put it on record, and say how good it is.

    Parameters
    ----------
    study : Study
    also : callable
        Saves the model in the transaction that records it, and puts its "name" into ``placed``.
    placed : dict
    """
    need_torch()
    from clew.neural.pixel_net_training import train_unet as step
    from clew.neural.pixel_net_validation import table_of

    for name in settings:
        check(name in settings_of(step), SettingError, "The setting --{} must go with another model. Got --model unet.", name.replace("_", "-"))  # fmt: skip
    recorded, made = study.run(step, raw=fields_cutter(study), on_progress=on_progress, also=also, **settings)
    path: Path = study.folder / "models" / placed["name"]
    lines = [
        *sentences([made.headline()]),
        *table_of(made.validation),
        *sentences(made.notes),
        f"Saved as {path} (sha256 {made.sha256[:12]}); trained again on this machine it comes out the same.",
        f"Next: clew pixels predict {path} NEW_IMAGES --out FOLDER --objects {made.classes[1]}",
    ]
    data = {**made.summary(), "model": str(path), "sha256": made.sha256}
    return Outcome(lines, data, recorded, made, made.notes)
