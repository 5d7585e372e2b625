"""From predictions to files: a table, and objects painted with the number of their class."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.learn.forest import Forest, Prediction
from clew.measure.measured import Measured
from clew.result import write_whole
from clew.samples import Samples

if TYPE_CHECKING:
    import pandas as pd

FORMATS = (".csv", ".parquet", ".jsonl")


def check_measured_alike(forest: Forest, measured: Measured) -> None:
    """Refuse images with other channels or another depth than those that a model was trained on."""
    trained, given = forest.measure, measured.settings
    check(
        trained["channels"] == given["channels"],
        DataError,
        "The model was trained on images with the channels {}, given {}: they must be the same.",
        ", ".join(trained["channels"]),
        ", ".join(given["channels"]),
    )
    check(
        "counts" not in forest.units or trained.get("dtype") == given.get("dtype"),
        DataError,
        "The model was trained on intensities of {} images, given {}: they must be of the same depth.",
        trained.get("dtype"),
        given.get("dtype"),
    )


def prediction_table(samples: Samples, prediction: Prediction) -> pd.DataFrame:
    """Return one row a sample: source, sample, label, probability and one column a class; or source, sample, value."""
    import pandas as pd

    table = pd.DataFrame({"source": samples.origin["source"].to_numpy(), "sample": samples.sample})
    if prediction.label is None or prediction.probability is None:
        return table.assign(value=prediction.value)
    table["label"] = prediction.label
    table["probability"] = prediction.probability.max(axis=1)
    for column, name in enumerate(prediction.classes):
        table[f"probability_{name}"] = prediction.probability[:, column]
    return table


def check_output(
    path: Path,
    paint: Path | None,
    *,
    inputs: Sequence[Path],
    formats: Sequence[str] = FORMATS,
    ours: Callable[[Path], bool] | None = None,
) -> None:
    """Refuse places to write that cannot be, or that hold what is to be read: better before the work than after it.

    Parameters
    ----------
    path : Path
        The table: CSV, Parquet or JSON lines; an earlier one is replaced only if it holds predictions.
    paint : Path, optional
        The folder for painted images.
    inputs : sequence of Path
        What the predictions are made of.
    formats : sequence of str
        What it may end in.
    ours : callable, optional
        Tells whether a file holds earlier predictions; as `write_table` writes them by default.
    """
    check_format(path, formats)
    check(path.parent.is_dir(), SettingError, "The folder of '{}' must exist. Got nothing there.", path)
    check(not path.is_dir(), SettingError, "The file to write, '{}', must not be a folder. Got one.", path)
    read = {one.resolve() for one in inputs}
    check(
        path.resolve() not in read,
        SettingError,
        "The file to write, '{}', must not be one that is read. Got one of the inputs.",
        path,
    )
    check(
        not path.exists() or (ours or _holds_predictions)(path),
        SettingError,
        "The file to write, '{}', must be new or hold earlier predictions. Got something else; nothing was changed.",
        path,
    )
    check(
        paint is None or paint.is_dir() or not paint.exists(),
        SettingError,
        "The place to paint, '{}', must be a folder. Got a file.",
        paint,
    )


def check_format(path: Path | None, formats: Sequence[str] = FORMATS) -> None:
    """Refuse a file to write whose name does not end in one of the formats."""
    check(
        path is None or path.suffix.casefold() in formats,
        SettingError,
        "The file to write, '{}', must end in one of: {}. Got '{}' instead.",
        path,
        ", ".join(formats),
        "" if path is None else path.suffix,
    )


def _holds_predictions(path: Path) -> bool:
    """Tell whether a file begins as `write_table` lets it begin."""
    if path.suffix.casefold() == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.read_schema(path).names[:2] == ["source", "sample"]
        except (OSError, pa.ArrowInvalid):
            return False
    start = {".csv": b"source,sample,", ".jsonl": b'{"source": '}[path.suffix.casefold()]
    with open(path, "rb") as file:
        return file.read(len(start)) == start


def write_table(table: pd.DataFrame, path: Path) -> Path:
    """Write a table whole, as its name says: CSV, Parquet or JSON lines."""
    kind = path.suffix.casefold()
    if kind == ".parquet":
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False)
        return write_whole(path, buffer.getvalue())
    if kind == ".jsonl":
        lines = (json.dumps(row, ensure_ascii=False) for row in table.to_dict(orient="records"))
        return write_whole(path, ("\n".join(lines) + "\n").encode())
    return write_whole(path, table.to_csv(index=False).encode())


def paint_classes(measured: Measured, prediction: Prediction, folder: Path) -> list[Path]:
    """Write one label image a source, in which each object has the number of its class (1 for the first).

    Objects that were left out stay 0, as the background.

    Parameters
    ----------
    measured : Measured
        The objects and their label images.
    prediction : Prediction
        Their classes.
    folder : Path
        Where ``NAME.classes.tif`` are written, below the folders that the name of a source may have.
    """
    from clew.read.pictures import label_image_bytes

    number = {name: i + 1 for i, name in enumerate(prediction.classes)}
    origin = measured.samples.origin
    painted = []
    for source, labels in measured.label_images.items():
        mine = (origin["source"] == source).to_numpy()
        lookup = np.zeros(int(labels.max(initial=0)) + 1, np.int32)
        lookup[origin["label"].to_numpy()[mine]] = [number[str(name)] for name in prediction.label[mine]]  # type: ignore[index]
        path = folder / f"{source}.classes.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        painted.append(write_whole(path, label_image_bytes(lookup[labels])))
    return painted
