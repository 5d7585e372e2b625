"""Label Studio's JSON: regions of images and spans of time series, as it exports them ("JSON" and "JSON-MIN").

The format as its documentation tells it: https://labelstud.io/guide/task_format and https://labelstud.io/guide/export.
Regions are in per cent of the image's width and height.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.read.kinds import one_line
from clew.read.marks import Mark, box
from clew.read.outlines import is_hole, rings_of
from clew.read.times import read_times

ELLIPSE = 64  # corners that stand for an ellipse


def is_label_studio(document: Any) -> bool:
    """Return whether a JSON document looks like an export of Label Studio."""
    tasks = document if isinstance(document, list) else [document]
    first = next(iter(tasks), None)
    return isinstance(first, dict) and (
        ("data" in first and ("annotations" in first or "completions" in first))
        or any(_is_regions(value) for value in first.values())
    )


def _is_regions(value: Any) -> bool:
    """Return whether a value of JSON-MIN holds regions."""
    return (
        isinstance(value, list)
        and bool(value)
        and isinstance(value[0], dict)
        and _classes_key(value[0]) is not None
    )


def _classes_key(value: Mapping[str, Any]) -> str | None:
    return next((key for key in value if key.endswith("labels")), None)


def read_label_studio(document: Any, name: str) -> list[Mark]:
    """Return what an export of Label Studio says of regions and spans; cancelled annotations are passed over.

    Parameters
    ----------
    document : list or dict
        The tasks, or one.
    name : str
        What the file is called in sentences.

    Raises
    ------
    DataError
        If it is not whole, or holds regions of a kind that lies on no place (choices, texts) or is a brush's.
    """
    try:
        tasks = document if isinstance(document, list) else [document]
        return [mark for task in tasks for mark in _marks(task, name)]
    except DataError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise DataError(
            f"The labels '{name}' must be whole JSON of Label Studio. Got: {one_line(error)}."
        ) from error


def _marks(task: dict[str, Any], name: str) -> Iterator[Mark]:
    data = task.get("data", task)
    of = next((str(data[key]) for key in data if isinstance(data[key], str) and _is_file(key, data[key])), "")
    for value, size in _values(task):
        key = _classes_key(value)
        if key is None:
            kind = next(
                (one for one in ("choices", "text", "taxonomy", "rating", "number") if one in value),
                "unknown",
            )
            raise DataError(
                f"The regions of '{name}' must lie somewhere: boxes, polygons, ellipses, points or spans. Got '{kind}'."
            )
        check(
            key != "brushlabels",
            DataError,
            "The regions of '{}' must be boxes, polygons, ellipses, points or spans. Got brush labels: export them as a label image, "
            "or as COCO.",
            name,
        )
        for label in value[key]:
            yield _mark(str(label), of, value, size, name)


def _is_file(key: str, value: str) -> bool:
    """Return whether a task's datum is the file that the task is about."""
    return key not in ("id", "label", "annotator", "created_at", "updated_at", "lead_time") and "." in value


def _values(task: dict[str, Any]) -> Iterator[tuple[dict[str, Any], tuple[float, float]]]:
    """Yield the value of each region, and the width and height of its image (0 where untold)."""
    if "data" not in task:  # JSON-MIN
        for regions in task.values():
            if _is_regions(regions):
                yield from (
                    (one, (one.get("original_width", 0), one.get("original_height", 0))) for one in regions
                )
        return
    for annotation in task.get("annotations", task.get("completions", [])):
        if annotation.get("was_cancelled"):
            continue
        for one in annotation.get("result", []):
            if one.get("type") == "relation" or "value" not in one:
                continue
            yield one["value"], (one.get("original_width", 0), one.get("original_height", 0))


def _mark(label: str, of: str, value: dict[str, Any], size: tuple[float, float], name: str) -> Mark:
    if "start" in value:
        start, end = (_time(value.get(key, value["start"])) for key in ("start", "end"))
        return Mark(label, of, start=start, end=end)
    check(
        min(size) > 0,
        DataError,
        "The regions of '{}' must tell the size of their image (original_width, original_height). Got none.",
        name,
    )
    scale = np.array(size, float) / 100
    if "points" in value:
        return Mark(label, of, (np.array(value["points"], float) * scale,))
    at = np.array([value["x"], value["y"]], float) * scale
    if "radiusX" in value:
        angle = 2 * np.pi * np.arange(ELLIPSE) / ELLIPSE
        radii = np.array([value["radiusX"], value["radiusY"]]) * scale
        corners = at + np.column_stack([np.cos(angle), np.sin(angle)]) * radii
    elif "height" in value:
        width, height = np.array([value["width"], value["height"]]) * scale
        corners = box(float(at[0]), float(at[1]), width, height)
    else:  # a key point
        return Mark(label, of, (at[None],))
    return Mark(label, of, (_turned(corners, at, float(value.get("rotation", 0))),))


def _turned(corners: np.ndarray, about: np.ndarray, degrees: float) -> np.ndarray:
    """Return corners turned clockwise in the image about a point."""
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return about + (corners - about) @ np.array([[cos, sin], [-sin, cos]])


def _time(told: Any) -> float:
    """Return a time in s: a number as it is, a date since 1970-01-01 UTC."""
    if isinstance(told, (int, float)):
        return float(told)
    return float(read_times(np.array([str(told)]), name="start").seconds[0])


# ---- writing ----
def studio_images(images: Sequence[tuple[str, np.ndarray]], given: Mapping[tuple[str, int], str]) -> str:
    """Return labelled objects as tasks with polygons; holes are filled, which Label Studio's polygons do not have.

    Parameters
    ----------
    images : sequence of (name, ndarray of int, shape (Y, X))
        The objects of each image.
    given : mapping of (image, object) to label
    """
    tasks: list[dict[str, Any]] = []
    for name, labels in images:
        height, width = labels.shape
        result: list[dict[str, Any]] = []
        for number in sorted(n for image, n in given if image == name):
            for ring in rings_of(labels == number):
                if is_hole(ring):
                    continue
                points = (ring * [100 / width, 100 / height]).tolist()
                value = {"points": points, "closed": True, "polygonlabels": [given[name, number]]}
                sizes = {"original_width": width, "original_height": height, "image_rotation": 0}
                result.append(_region(f"{number}-{len(result)}", "polygonlabels", "image", value) | sizes)
        tasks.append(_task(len(tasks) + 1, {"image": name}, result))
    return json.dumps(tasks, indent=1) + "\n"


def studio_spans(spans: Sequence[tuple[str, float, float, str]]) -> str:
    """Return labelled windows as tasks with spans, one task a file.

    Parameters
    ----------
    spans : sequence of (source, start, end, label)
        Times in s.
    """
    tasks: list[dict[str, Any]] = []
    for source in dict.fromkeys(one[0] for one in spans):
        result = [
            _region(
                f"{at}",
                "timeserieslabels",
                "ts",
                {"start": a, "end": b, "instant": False, "timeserieslabels": [label]},
            )
            for at, (of, a, b, label) in enumerate(spans)
            if of == source
        ]
        tasks.append(_task(len(tasks) + 1, {"ts": source}, result))
    return json.dumps(tasks, indent=1) + "\n"


def _region(key: str, kind: str, to: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"id": key, "type": kind, "from_name": "label", "to_name": to, "origin": "manual", "value": value}


def _task(number: int, data: dict[str, str], result: list[dict[str, Any]]) -> dict[str, Any]:
    annotation = {"id": number, "was_cancelled": False, "ground_truth": False, "result": result}
    return {"id": number, "data": data, "annotations": [annotation], "predictions": []}
