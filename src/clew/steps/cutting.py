"""Cut-outs for nets: of the rows of a study, of newly measured images; sources are opened one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from clew.errors import DataError, SettingError, check

if TYPE_CHECKING:
    import numpy as np

    from clew.measure.cutouts import Cutouts
    from clew.measure.measured import Measured
    from clew.read.images import Image
    from clew.samples import Samples
    from clew.study.study import Study

T = TypeVar("T")


def cutter(
    study: Study, *, side: int | None = None, around: Literal["keep", "blank"] = "blank"
) -> Callable[[Samples], Cutouts]:
    """Return what cuts the raw data behind rows of a study out of its sources: ``raw`` of `Study.run`.

    Objects are squares of their image, windows are as they were measured. Nothing is read before it is called; then each
    source is opened once, if it is what was measured, and one image is held at a time.

    Parameters
    ----------
    study : Study
    side, around
        Objects: as for `clew.measure.cutouts_objects.cut_objects`.

    Raises
    ------
    DataError
        If there is no raw data behind the rows of this study, as behind those of tables.
    SettingError
        If something is set that does not go with windows.
    """
    study.need_rows()
    kind = study.facts()["kind"]
    check(
        kind in ("image", "signal"),
        DataError,
        "The study '{}' must be of objects or windows for a net that looks at raw data. Got {}.",
        study.folder,
        "rows of tables: mlp and perceptron take their measurements" if kind == "table" else kind,
    )
    if kind == "image":
        return partial(_objects, study, side=side, around=around)
    given = "side" if side is not None else "around"
    check(
        side is None and around == "blank",
        SettingError,
        "The '{}' setting must go with objects in images. Got windows of recordings instead.",
        given,
    )
    return partial(_windows, study)


def cutter_like(study: Study, how: Mapping[str, Any]) -> Callable[[Samples], Cutouts]:
    """Return what cuts rows of a study as a model knows them: ``how`` is what `Cutouts.how` held of its rows."""
    return cutter(study, **{name: how[name] for name in ("side", "around") if name in how})


def _objects(
    study: Study, samples: Samples, *, side: int | None, around: Literal["keep", "blank"]
) -> Cutouts:
    from clew.measure.cutouts_objects import cut_objects
    from clew.read.images import read_image

    sources = {one.name: one for one in study.sources() if one.role == "data"}
    images: Mapping[str, Image] = Opened(sources, lambda name: read_image(study.locate(sources[name])))
    labels: Mapping[str, np.ndarray] = Opened(sources, lambda name: label_image_of(study, name))
    channels = study.facts()["measured"]["channels"]
    return cut_objects(images, labels, samples, side=side, around=around, channels=channels)


def label_image_of(study: Study, source: str) -> np.ndarray:
    """Return which object each pixel of a source belongs to, int32 (Y, X), as it was measured."""
    import numpy as np
    import tifffile

    path = study.folder / "arrays" / f"{source}.labels.tif"
    check(path.is_file(), DataError, "The study must keep a label image of '{}'. Got none.", source)
    return np.squeeze(tifffile.imread(path))


def _windows(study: Study, samples: Samples) -> Cutouts:
    from clew.measure.cutouts_windows import cut_windows
    from clew.steps.showing import Windows

    windows = Windows(study)
    return cut_windows(windows.by_name, samples, windows.plan)


def cut_measured(
    files: list[tuple[Path, Path | None]], measured: Measured, how: Mapping[str, Any]
) -> Cutouts:
    """Cut newly measured objects out of their images, as a model knows them; each image is read again, one at a time.

    Windows of recordings never become a table: `clew.measure.cutouts_windows.raw_of` has them, block by block.

    Parameters
    ----------
    files : list of (Path, Path or None)
        As they were given to `clew.steps.measuring.measure`.
    measured : Measured
        What it returned.
    how : mapping
        What `Cutouts.how` held of the model's rows.

    Raises
    ------
    DataError
        If the images have other channels, pixels of another size or depth, or changed since they were measured.
    """
    from clew.measure.cutouts_objects import check_cut_alike, cut_objects
    from clew.read.images import read_image
    from clew.read.kinds import distinct_names

    paths = dict(zip(distinct_names([path for path, _ in files]), (path for path, _ in files)))

    def unchanged(name: str) -> Image:
        image = read_image(paths[name])
        same = image.sha256 == measured.sha256[name]
        check(
            same,
            DataError,
            "The image '{}' must stay as it is while it is looked at. Got another content now.",
            paths[name],
        )
        return image

    settings = {name: how[name] for name in ("side", "around", "channels")}
    cut = cut_objects(Opened(paths, unchanged), measured.label_images, measured.samples, **settings)
    check_cut_alike(cut, how)
    return cut


class Opened(Mapping[str, T], Generic[T]):
    """What lies behind some names, opened each time that it is asked for and held by nobody.

    Parameters
    ----------
    names : mapping
        Whatever has them as keys.
    open_ : callable (name)
    """

    def __init__(self, names: Mapping[str, Any], open_: Callable[[str], T]) -> None:
        self.names, self.open = names, open_

    def __getitem__(self, name: str) -> T:
        return self.open(name)

    def __contains__(self, name: object) -> bool:
        return name in self.names  # to look is not to open

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)
