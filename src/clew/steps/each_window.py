"""What a model says of each window of recordings of any length, written as it comes: a number, or a class."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from clew.errors import SettingError, Stopped, check
from clew.result import settle
from clew.steps.outcome import OnProgress, Outcome, sentences
from clew.steps.predicted import record_predictions

if TYPE_CHECKING:
    from clew.learn.each_window import WindowsSaid
    from clew.learn.forest import Forest, Prediction
    from clew.learn.window_model import Way

AT_ONCE = 20_000  # rows of Parquet that are held and written together
PLACE = ["recording", "station", "start", "end"]


def predict_windows(
    forest: Forest,
    folder: Path,
    paths: list[Path],
    *,
    out: Path | None = None,
    rate: float | None = None,
    time: str | None = None,
    response: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Outcome:
    """Write what a model says of each window of recordings: its number; or its class, and how probable each class is.

    Parameters
    ----------
    forest : Forest
        For windows.
    folder : Path
        Of the model.
    paths : list of Path
        Recordings, and folders of them.
    out : Path
        CSV, Parquet (.parquet) or JSON lines (.jsonl): recording, station, start, end, and value; or label, probability
        and one column a class.
    rate, time, response
        As for `clew.read.recordings.read_recordings`.
    on_progress : callable, optional
        Takes the numbers of windows done and in all; returning False stops.

    Raises
    ------
    DataError
        If no recording fits the model.
    SettingError
        If the output is QuakeML, or holds anything but windows.
    Stopped
        If ``on_progress`` said so, or Ctrl-C was pressed; nothing is written then.
    """
    from clew.learn.apply import FORMATS, check_output
    from clew.learn.each_window import walk_windows
    from clew.learn.window_model import WindowModel
    from clew.read.recordings import find_recordings, read_recordings
    from clew.steps.detecting import fitting

    check(out is not None, SettingError, "The setting --out must name the file to write. Got none.")
    assert out is not None
    check(
        out.suffix.casefold() != ".xml",
        SettingError,
        "The file to write, '{}', must be a table (.csv, .parquet, .jsonl): QuakeML holds events, and this is {} for each "
        "window. Got '.xml'.",
        out,
        "a class" if forest.kind == "classification" else forest.target_name,
    )
    check_output(out, None, inputs=find_recordings(paths), formats=FORMATS, ours=_holds_windows)
    replaced = [f"Replaced the earlier table in {out}."] if out.exists() and out.stat().st_size else []
    model = WindowModel(forest)
    read = read_recordings(paths, rate=rate, time=time, response=response, lenient=True)
    recordings, misfits = fitting(model, read.recordings)
    misfits = [*(f"Left out: {sentence}" for sentence in read.failed), *misfits]
    dated = [one.dated for one in recordings]
    told, ways = _Told(forest), dict[str, "Way"]()
    try:
        with _table(out, _columns(forest), all(dated) if all(dated) == any(dated) else None) as write:
            for way, said in walk_windows(model, recordings, on_progress=on_progress):
                ways[said.recording.name] = way
                told.add(said.prediction)
                write(said)
    except KeyboardInterrupt as stopped:
        raise Stopped("Stopped; nothing was written.") from stopped
    n = sum(way.used for way in ways.values())
    recorded, own = record_predictions(folder, forest, sha256=read.sha256, n_rows=n, out=out)
    remarks = sentences([*read.notes, *misfits, *model.remarks(list(ways.values())), *replaced, *own])
    left_out = Counter[str]()
    for way in ways.values():
        left_out.update(way.left_out)
    lines = [
        told.headline(n),
        *_left_out(left_out, n),
        f"In {out}, by {folder.name} (sha256 {forest.sha256[:12]}).",
        *remarks,
    ]
    data = {
        "windows": n,
        **told.summary(n),
        "left_out": dict(left_out),
        "clipped": sum(way.clipped for way in ways.values()),
        "out": str(out),
        "model": str(folder),
        "model_sha256": forest.sha256,
    }
    return Outcome(lines, data, recorded, None, remarks, int(bool(misfits)))


def _columns(forest: Forest) -> list[str]:
    if forest.kind != "classification":
        return [*PLACE, "anomaly" if forest.kind == "coding" else "value"]
    return [*PLACE, "label", "probability", *(f"probability_{name}" for name in forest.classes)]


def _rows(said: WindowsSaid, *, spelt: bool) -> list[list[Any]]:
    """Return windows as they stand in a table; times as text, where they are dated and ``spelt``, else in s."""
    from clew.read.recording import spell_time

    one, found = said.recording, said.prediction
    if found.value is not None:
        of_model = [[value] for value in found.value.tolist()]
    else:
        assert found.label is not None and found.probability is not None
        of_model = [
            [label, max(shares), *shares]
            for label, shares in zip(found.label.tolist(), found.probability.tolist())
        ]

    def time(seconds: float) -> float | str:
        return spell_time(seconds, dated=True) if spelt and one.dated else round(seconds, 6)

    place = [one.name, one.station or one.name]
    return [
        [*place, time(start), time(end), *values]
        for start, end, values in zip(said.start.tolist(), said.end.tolist(), of_model)
    ]


# ---- what is written ----
@contextmanager
def _table(path: Path, columns: Sequence[str], dated: bool | None) -> Iterator[Any]:
    """Yield what takes rows and writes them as the name of a file says; it is there once all is, and not before.

    ``dated`` is None where some recordings are and others not: times are then text in Parquet.
    """
    import os

    kind = path.suffix.casefold()
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") as file:
            if kind == ".parquet":
                writer: Any = _Parquet(file, columns, dated)
            else:
                writer = _Csv(file, columns) if kind == ".csv" else _JsonLines(file, columns)
            yield writer.write
            writer.close()
            file.flush()
            os.fsync(file.fileno())
        settle(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


class _Csv:
    def __init__(self, file: IO[bytes], columns: Sequence[str]) -> None:
        import io

        self.text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        self.rows = csv.writer(self.text, lineterminator="\n")
        self.rows.writerow(columns)

    def write(self, said: WindowsSaid) -> None:
        self.rows.writerows(_rows(said, spelt=True))

    def close(self) -> None:
        self.text.flush()
        self.text.detach()


class _JsonLines:
    def __init__(self, file: IO[bytes], columns: Sequence[str]) -> None:
        self.file, self.columns = file, columns

    def write(self, said: WindowsSaid) -> None:
        for row in _rows(said, spelt=True):
            line = json.dumps(dict(zip(self.columns, row)), ensure_ascii=False) + "\n"
            self.file.write(line.encode())

    def close(self) -> None:
        pass


class _Parquet:
    def __init__(self, file: IO[bytes], columns: Sequence[str], dated: bool | None) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        time = {True: pa.timestamp("us", tz="UTC"), False: pa.float64(), None: pa.string()}[dated]
        kinds = {
            "recording": pa.string(),
            "station": pa.string(),
            "start": time,
            "end": time,
            "label": pa.string(),
        }
        self.schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in columns])
        self.dated = dated
        self.writer = pq.ParquetWriter(file, self.schema)
        self.held: list[list[Any]] = []

    def write(self, said: WindowsSaid) -> None:
        self.held += _rows(said, spelt=self.dated is None)
        if len(self.held) >= AT_ONCE:
            self._put()

    def _put(self) -> None:
        import pyarrow as pa

        columns = [list(column) for column in zip(*self.held)]
        for i in (2, 3):
            if self.dated:  # whole microseconds, since floats are refused there
                columns[i] = np.round(np.array(columns[i]) * 1e6).astype(np.int64).tolist()
            elif self.dated is None:
                columns[i] = list(map(str, columns[i]))
        arrays = [pa.array(values, field.type) for values, field in zip(columns, self.schema)]
        self.writer.write_table(pa.Table.from_arrays(arrays, schema=self.schema))
        self.held = []

    def close(self) -> None:
        if self.held:
            self._put()
        self.writer.close()


def _holds_windows(path: Path) -> bool:
    """Tell whether a file begins as `predict_windows` lets it begin; an empty one is nobody's."""
    kind = path.suffix.casefold()
    if not path.stat().st_size:
        return True
    try:
        if kind == ".parquet":
            import pyarrow as pa
            import pyarrow.parquet as pq

            try:
                names = list(pq.read_schema(path).names)
            except pa.ArrowInvalid:
                return False
        else:
            with open(path, encoding="utf-8", newline="") as file:
                line = file.readline(1_000_000)
            names = next(csv.reader([line]), []) if kind == ".csv" else list(json.loads(line))
    except (OSError, ValueError, TypeError):
        return False
    ends = (["value"], ["anomaly"], ["label", "probability"])
    of_class = len(names) > 6 and names[6].startswith("probability_")
    return names[:4] == PLACE and (names[4:] in ends[:2] or (names[4:6] == ends[2] and of_class))


# ---- what is said ----
class _Told:
    """The range and the mean of numbers, or the counts of classes, as they come."""

    def __init__(self, forest: Forest) -> None:
        self.forest = forest
        self.counts: Counter[str] = Counter()
        self.low, self.high, self.total = np.inf, -np.inf, 0.0

    def add(self, prediction: Prediction) -> None:
        if prediction.label is not None:
            self.counts.update(prediction.label.tolist())
        elif prediction.value is not None and prediction.value.size:
            self.low = min(self.low, float(prediction.value.min()))
            self.high = max(self.high, float(prediction.value.max()))
            self.total += float(prediction.value.sum())

    def headline(self, n: int) -> str:
        from clew.measure.measured import counted

        if not n:
            return "No window could be used."
        if self.forest.kind == "classification":
            kinds = (f"{self.counts[name]:,} {name}" for name in self.forest.classes if self.counts[name])
            return f"{counted(n, 'window')}: {', '.join(kinds)}."
        name = self.forest.target_name
        return f"{counted(n, 'window')}: {name} from {self.low:.4g} to {self.high:.4g}, mean {self.total / n:.4g}."

    def summary(self, n: int) -> dict[str, Any]:
        if self.forest.kind == "classification":
            return {"labels": {name: self.counts[name] for name in self.forest.classes}}
        return {"low": self.low, "high": self.high, "mean": self.total / n} if n else {}


def _left_out(left_out: Counter[str], n: int) -> list[str]:
    total = left_out.total()
    if not total:
        return [] if n else ["There is not one whole window."]
    parts = ", ".join(f"{count:,} {why}" for why, count in left_out.most_common())
    return [f"{total:,} of {total + n:,} windows left out: {parts}."]
