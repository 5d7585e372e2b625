"""From files to measured samples, the same way when a study is made, verified, and when a model is used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.errors import DataError, SettingError, check

if TYPE_CHECKING:
    from clew.measure.measured import Measured


def gather(paths: list[Path], masks: list[Path]) -> tuple[str, list[tuple[Path, Path | None]], list[str]]:
    """Return the kind of data, the files with their label images, and remarks about what was passed over."""
    from clew.read.kinds import kind_of

    check(paths, SettingError, "The paths must name at least one file or folder. Got none.")
    kinds = {kind_of(path) for path in paths if not path.is_dir()}
    check(len(kinds) <= 1, DataError, "The paths of one study must be all images or all tables. Got both.")
    if kinds == {"table"}:
        check(not masks, SettingError, "The masks must go with images. Got tables instead.")
        folders = [path for path in paths if path.is_dir()]
        check(
            not folders,
            DataError,
            "The paths of one study must be all images or all tables. Got tables and the folder '{}'.",
            *folders[:1],
        )
        return "table", [(path, None) for path in paths], []
    from clew.read.images import find_images

    pairs, remarks = find_images(paths, masks=masks)
    return "image", pairs, remarks


def measure(kind: str, files: list[tuple[Path, Path | None]], how: dict[str, Any]) -> Measured:
    if kind == "table":
        from clew.measure.rows import measure_rows
        from clew.read.tables import read_table

        return measure_rows([read_table(path) for path, _ in files], **how)
    from clew.measure.objects import measure_objects
    from clew.read.images import read_image, read_label_image

    images = [read_image(path) for path, _ in files]
    label_images = [
        None if mask is None else read_label_image(mask, shape=image.pixels.shape[1:])
        for image, (_, mask) in zip(images, files)
    ]
    return measure_objects(images, label_images, **how)
