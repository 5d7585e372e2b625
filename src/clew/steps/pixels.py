"""The verbs of pixel classification: from painted images to a model, and from a model to whole folders."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, Stopped, check
from clew.read.kinds import has_suffix
from clew.steps.outcome import OnProgress, Outcome
from clew.steps.pixel_nets import PixelModelName, few

if TYPE_CHECKING:
    from clew.learn.batch import FileResult
    from clew.learn.forest import Forest
    from clew.learn.pixel_training import PaintedPixels
    from clew.learn.strokes import StrokeValidation
    from clew.read.stacks import Stack

MOST_VALIDATED = 20_000  # painted pixels that train in each fold of a validation, as a figure that is said
SHOWN = 5  # features that a person is told of
SMALL_REACH = 10  # px, of the small filters


def train(
    images: list[Path],
    *,
    annotations: list[Path],
    out: Path,
    model: PixelModelName = "forest",
    instances: str | None = None,
    offset: str | None = None,
    classes: str | None = None,
    axes: str | None = None,
    folds: int = 5,
    on_progress: OnProgress | None = None,
    **settings: Any,
) -> Outcome:
    """Train a pixel classifier on painted images, and say how good it is on strokes it has not seen.

    IMAGES are TIFF, PNG, JPEG or OME-Zarr, and folders of them; only those with an annotation train. A folder may hold
    the annotations, too: cells_annotation.tif beside cells.tif.

    Parameters
    ----------
    annotations : list of Path
        What was painted: a label image (0 unlabelled, 1.. classes), ilastik project (.ilp), QuPath GeoJSON, or a
        folder of them; repeat it for several. Paired with the images by content, or else by name.
    out : Path
        A new folder for the model.
    model : {"forest", "unet"}
        A forest, which learns from a few strokes in seconds, or a net, which takes minutes and needs more, but looks at shapes.
    instances : str
        Nets: the annotations number objects of this name, each its own, on a background of 0; the net learns what is
        between objects that touch, too.
    offset : str
        Where an annotation that covers a part of its image begins: row,column (or plane,row,column).
    classes : str
        Names of the classes, such as 1=background,2=nucleus.
    axes : str
        What the axes of image files are that do not tell, such as TYX, CYX or ZYX.
    folds : int
        The parts of the validation of a forest by strokes; 0 leaves it out. A net is judged on --held-out images.

    Raises
    ------
    DataError
        If images and annotations do not fit, or fewer than two classes are painted.
    SettingError
        If a setting is out of range, or the model folder exists.
    """
    from clew.learn.batch import check_model_folder
    from clew.learn.pixel_training import train_pixels
    from clew.steps.pixel_nets import check_settings, train_objects, train_painted

    check_model_folder(out)
    check_settings(model, settings, instances)
    if instances is not None:
        given = {"--offset": offset, "--classes": classes}
        for name in [name for name, value in given.items() if value is not None]:
            check(False, SettingError, "The setting {} must go without --instances. Got both.", name)
        return train_objects(images, annotations, out, instances=instances, axes=axes, on_progress=on_progress, **settings)  # fmt: skip
    check(
        folds == 0 or folds >= 2,
        SettingError,
        "The 'folds' of pixels train must be 0, or at least 2. Got {}.",
        folds,
    )
    stacks, painted_on, notes = _painted(images, annotations, _offset(offset), _names(classes), axes)
    if model == "unet":
        return train_painted(stacks, painted_on, out, notes, on_progress=on_progress, **settings)
    forest, painted = train_pixels(stacks, painted_on, **settings)
    validation, remark = _validation(forest, painted, folds)
    forest.save_model(out)
    lines = [
        f"Trained on {len(painted):,} painted pixels of {len(stacks)} image{'s' * (len(stacks) != 1)}; "
        f"classes: {', '.join(_called(name, number) for name, number in forest.measure['values'].items())}.",
        *_validation_lines(validation),
        f"Most telling: {', '.join(_told(forest))}. {_cause(forest, painted)}",
        f"Model: {out} (sha256 {forest.sha256[:12]}...)",
        f"Next: clew pixels predict {out} IMAGES --out FOLDER",
    ]
    data = forest.summary() | {
        "model": out,
        "images": [stack.name for stack in stacks],
        "pixels": len(painted),
        "validation": None if validation is None else validation.summary(),
    }
    warnings = [*remark, *(validation.warnings if validation else []), *forest.notes, *notes]
    return Outcome([*lines, *few(warnings)], data, warnings=warnings)


def predict(
    model: Path,
    paths: list[Path],
    *,
    out: Path,
    probabilities: bool = False,
    uncertainty: bool = False,
    objects: str | None = None,
    split: Literal["none", "distance"] = "none",
    min_area: int = 0,
    memory: str = "2GB",
    axes: str | None = None,
    restart: bool = False,
    on_progress: OnProgress | None = None,
) -> Outcome:
    """Classify every pixel of images, of whole folders, or of one image larger than memory.

    MODEL is a folder that `clew pixels train` or `clew train --model unet` made; PATHS are images, and folders of them. A run that was killed
    goes on where it was, if it is started again.

    Parameters
    ----------
    out : Path
        A folder for the results (classes/NAME.tif, ...); or, for one image, an OME-Zarr (.zarr).
    probabilities : bool
        Also write the probability of each class.
    uncertainty : bool
        Also write how uncertain each pixel is: the entropy of its probabilities, 0 (sure) to 1 (a toss-up).
    objects : str
        A class whose connected pixels (of a net that knows borders: each with the border around it) are numbered as objects (objects/NAME.tif), to be measured by clew new --masks; in
        volumes they hang together in depth, too, and each time is numbered for itself.
    split : {"none", "distance"}
        Whether objects that touch are cut apart by a watershed.
    min_area : int
        Objects smaller than this, in pixels, are left out.
    memory : str
        What the process may take at most, such as 2GB; tiles are chosen so that it does. Objects are cut in the image as a
        whole, which takes 20 bytes a pixel, with --split 140.
    axes : str
        What the axes of files are that do not tell, such as TYX, CYX or ZYX.
    restart : bool
        Do again what an earlier run finished.

    Raises
    ------
    SettingError
        If the folder holds results of another model, or the memory is too small.
    DataError
        If the model is none for pixels.
    """
    from clew.learn.batch import Wanted, classify_files
    from clew.learn.budget import parse_memory
    from clew.steps.pixel_nets import load_pixels

    budget = parse_memory(memory)
    pixel_model = load_pixels(model)
    found, notes = _images(paths)
    try:
        results = classify_files(
            pixel_model,
            found,
            out,
            wanted=Wanted(probabilities, uncertainty, objects, split, min_area),
            memory=budget,
            axes=axes,
            restart=restart,
            say=logging.getLogger("clew").info,
            on_progress=on_progress,
        )
    except KeyboardInterrupt as interrupt:
        raise Stopped("Stopped; what is finished stays, and the same command goes on.") from interrupt
    warnings = [*notes, *(note for result in results for note in result.notes)]
    failed = [result for result in results if result.status == "failed"]
    data = {
        "out": out,
        "model_sha256": pixel_model.sha256,
        "classes": dict(pixel_model.values),
        "files": [vars(result) for result in results],
        "failed": len(failed),
    }
    lines = _prediction_lines(results, out, dict(pixel_model.values), objects)
    return Outcome([*lines, *few(warnings)], data, warnings=warnings, status=1 if failed else 0)


# ---- images ----
def _images(paths: list[Path], painted: Sequence[Path] = ()) -> tuple[list[Path], list[str]]:
    """Return the images among files and folders, but what is painted, and what is named as painted on another of them."""
    from clew.read.pairing import stems_of_image
    from clew.read.stacks import find_stacks

    found, notes = find_stacks(paths)
    files = {path.resolve() for path in painted}
    found = [path for path in found if path.resolve() not in files]
    named, stems = {path.resolve() for path in paths}, [stems_of_image(path.name) for path in found]
    own = {stem for first, *_ in stems for stem in (first, first.removesuffix("_image"))}
    alike = [path for path, (_, *of) in zip(found, stems) if own & set(of)]
    astray = [path.name for path in alike if path.resolve() in named]
    check(
        not (painted and astray),
        SettingError,
        "The annotations of pixels train must be named by --annotations, which is repeated for several, or by their folder. "
        "Got '{}' among the images.",
        *astray[:1] or [""],
    )
    aside = [path for path in alike if path.resolve() not in named]
    unused = [path.name for path in aside if path.parent.resolve() not in files]
    if unused:
        listed = ", ".join([*unused[:6], *["..."] * (len(unused) > 6)])
        notes.append(f"Left aside, being named as annotations of other images: {listed}.")
    return [path for path in found if path not in aside], notes


def _painted(
    images: list[Path],
    annotations: list[Path],
    offset: tuple[int, ...] | None,
    names: dict[int, str] | None,
    axes: str | None,
) -> tuple[list[Stack], list[Any], list[str]]:
    """Return the images that have an annotation, these, and what to mind."""
    from clew.read.pairing import pair_annotations
    from clew.read.stacks import open_stack

    for path in annotations:
        check(path.exists(), DataError, "The annotation '{}' must exist. Got a path where nothing is.", path)
    found, notes = _images(images, annotations)
    check(
        found,
        DataError,
        "The images of pixels train must be other files than the annotations. Got only annotations.",
    )
    stacks = [open_stack(path, axes=axes) for path in found]
    pairs, told = pair_annotations(stacks, annotations, offset=offset, class_names=names)
    numbers = {number for _, one in pairs for number in one.counts()}
    unknown = [f"{number}={name}" for number, name in (names or {}).items() if number not in numbers]
    check(
        not unknown or any(has_suffix(path, (".geojson", ".json")) for path in annotations),
        SettingError,
        "The 'classes' of pixels train must be painted ones ({}). Got {}, painted nowhere.",
        ", ".join(map(str, sorted(numbers))),
        ", ".join(unknown),
    )
    chosen = [stacks[i] for i, _ in pairs]
    return chosen, [one for _, one in pairs], [*notes, *(note for one in chosen for note in one.notes), *told]


def _offset(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    check(
        len(parts) in (2, 3, 4) and all(part.isdecimal() for part in parts),
        SettingError,
        "The 'offset' of pixels train must be like 4,106 (row, column) or 2,4,106 (plane, row, column). Got '{}'.",
        text,
    )
    return tuple(int(part) for part in parts)


def _names(text: str | None) -> dict[int, str] | None:
    if text is None:
        return None
    pairs = [
        (number.strip(), name.strip())
        for number, _, name in (part.partition("=") for part in text.split(","))
    ]
    check(
        all(number.isdecimal() and name for number, name in pairs) and len(dict(pairs)) == len(pairs),
        SettingError,
        "The 'classes' of pixels train must be like 1=background,2=nucleus, each number once. Got '{}'.",
        text,
    )
    return {int(number): name for number, name in pairs}


# ---- how good ----
def _validation(
    forest: Forest, painted: PaintedPixels, folds: int
) -> tuple[StrokeValidation | None, list[str]]:
    """Validate by strokes; where that is not possible, the model stays, and the reason is said."""
    if folds == 0:
        return None, []
    from clew.learn.pixel_training import validate_painted

    limit = MOST_VALIDATED if len(painted) > MOST_VALIDATED else None
    try:
        return validate_painted(painted, forest, n_folds=folds, train_pixels=limit), []
    except DataError as error:
        less = (
            " Or choose filters that reach less far, such as --features small."
            if max(painted.reach) > SMALL_REACH
            else ""
        )
        return None, [f"Not validated: {error}{less}"]


def _validation_lines(validation: StrokeValidation | None) -> list[str]:
    if validation is None:
        return []
    from clew.intervals import spell

    honest, naive = validation.scores.metrics, validation.naive.metrics
    width = max(map(len, honest))
    return [
        f"On held-out {validation.split['by']}s{' ' * 10}(what shuffled pixels would have said):",
        *(
            f"  {name:<{width}} {spell(honest[name].summary())}   ({naive[name].value:.2f})"
            for name in honest
        ),
    ]


def _told(forest: Forest) -> list[str]:
    order = np.argsort(-forest.importance, kind="stable")[:SHOWN]
    return [f"{forest.feature_names[i]} ({forest.importance[i]:.0%})" for i in order]


def _cause(forest: Forest, painted: PaintedPixels) -> str:
    """Say that correlation is not causation, and which filters could stand in for those that are told."""
    from clew.explore.hypotheses import correlated_groups, spearman
    from clew.words import listed

    rows = np.linspace(0, len(painted) - 1, min(len(painted), 5000)).astype(int)
    names = np.array(forest.feature_names)
    told = set(names[np.argsort(-forest.importance, kind="stable")[:SHOWN]])
    groups = correlated_groups(spearman(painted.features[rows].astype(np.float64)), names.tolist())
    alike = [
        listed([name for name in group if name in told]) for group in groups if len(told & set(group)) > 1
    ]
    could = f": {'; '.join(alike)} could stand in for each other" if alike else ""
    return f"Correlation is not causation{could}."


# ---- what became of the files ----
def _prediction_lines(
    results: list[FileResult], out: Path, values: dict[str, int], objects: str | None
) -> list[str]:
    done = [one for one in results if one.status != "failed"]
    kept = sum(one.status == "kept" for one in results)
    failed = [one for one in results if one.status == "failed"]
    total = {name: sum(one.pixels.get(name, 0) for one in done) for name in values}
    n = max(sum(total.values()), 1)
    shares = ", ".join(f"{_called(name, values[name])} {count / n:.1%}" for name, count in total.items())
    before = f", {kept} of them before" if kept else ""
    lines = [
        f"{len(done)} of {len(results)} image{'s' * (len(results) != 1)} classified{before}{f': {shares}' * bool(done)}."
    ]
    if objects is not None:
        small = sum(one.small or 0 for one in done)
        left_out = f"; {small:,} smaller ones left out" if small else ""
        lines.append(
            f"{sum(one.objects or 0 for one in done):,} objects of {_called(objects, values[objects])}{left_out}."
        )
    written = (
        [str(out.parent / name) for one in done for name in one.out]
        if out.suffix.casefold() == ".zarr"
        else [str(out)]
    )
    lines.append(f"Results: {', '.join(written)}" if done else "No results.")
    if failed:
        lines += [f"{len(failed)} failed:", *(f"  {one.source}: {one.why}" for one in failed)]
    return lines


def _called(name: str, value: int) -> str:
    """Return a class with its number in the label images."""
    return f"class {value}" if name == str(value) else f"{name} ({value})"
