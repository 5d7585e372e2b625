"""`Study`: a folder that keeps the thread from every figure back to the bytes it came from."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib
import json
import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import DataError, MissingError, SealedError, SettingError, StudyError, check, check_choice
from clew.result import Result, settings_of, settle, write_whole
from clew.samples import Samples
from clew.study import record
from clew.study.record import LabelEvent, Opening, Step
from clew.study.store import Store, said_plainly
from clew.study.table import read_description, read_samples, write_samples

if TYPE_CHECKING:
    import pandas as pd

    from clew.measure.cutouts import Cutouts
    from clew.measure.fields import Fields
    from clew.study.picks import StudyPick

TRUSTED = ("clew.",)  # a study folder from elsewhere must not name code of its own to be run
DAY = 86_400  # seconds
PLACE = ("source", "recording", "station", "start", "end", "label")
SAID = (  # what people said last of each open row
    "SELECT label, max(id) FROM labels JOIN parts USING (sample) WHERE how = 'person' AND part = 'open' "
    f"AND undoes IS NULL AND id NOT IN ({record.UNDONE}) GROUP BY sample"
)
Also = Callable[[sqlite3.Connection, int, Any], None]
Raw = Callable[[Samples], "Cutouts | Fields"]


@dataclass(frozen=True)
class Source:
    """A raw file that the study is about, known by the hash of its content.

    Parameters
    ----------
    name : str
        As rows name it in their origin.
    kind : str
        "image", "table" or "distances".
    role : str
        "data", "labels of NAME" for a label image, or "distances".
    path, relative : str
        Where it was: absolute, and seen from the study folder.
    sha256 : str
        Of its bytes.
    bytes : int
    """

    name: str
    kind: str
    role: str
    path: str
    relative: str
    sha256: str
    bytes: int

    @staticmethod
    def of(path: Path, *, name: str, kind: str, role: str, study: Path) -> Source:
        """Hash a file and note where it lies."""
        sha256 = file_sha256(path)
        relative = os.path.relpath(path.resolve(), study.resolve())
        return Source(name, kind, role, str(path.resolve()), relative, sha256, path.stat().st_size)


class Study:
    """A folder with the sources, the rows, who may see which, the labels and every step that was run.

    Parameters
    ----------
    folder : str or Path
        A folder made by `clew new`.

    Raises
    ------
    StudyError
        If the folder is no study, was made by a newer clew, or cannot be read.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.store = Store(self.folder)

    # ---- making ----
    @staticmethod
    @contextlib.contextmanager
    def create(folder: str | Path) -> Iterator[Draft]:
        """Make a study: what is put into the yielded draft becomes the folder when the block ends, whole or not at all.

        Raises
        ------
        StudyError
            If something is in the way, or the disk is full or read-only.
        """
        folder = Path(folder)
        refuse_existing(folder)
        partial = folder.with_name(f".{folder.name}.{os.getpid()}-{secrets.token_hex(4)}.partial")
        with said_plainly(folder):
            _sweep(folder)
            partial.mkdir(parents=True)
            try:
                for name in ("arrays", "models", "results"):
                    (partial / name).mkdir()
                Store.create(partial)
                yield Draft(partial)
                settle(partial, folder)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise

    # ---- rows and the seal ----
    @property
    def name(self) -> str:
        """Return the folder's name without its ending."""
        return self.folder.resolve().name.removesuffix(".study")

    def samples(self) -> Samples:
        """Return the open rows with the labels that stand; sealed rows are not to be had here."""
        return self._rows("open")

    def _rows(self, sees: str, *, labels_upto: int | None = None) -> Samples:
        """Return the rows that a step may see; of all rows `origin` says their "part", and who "labelled" them."""
        table = read_samples(self.folder / "samples.parquet")
        with self.store.reading() as db:
            names, parts = [], []
            for name, part in db.execute("SELECT sample, part FROM parts ORDER BY position"):
                names.append(name)
                parts.append(part)
        check(
            names == table.sample.tolist(),
            StudyError,
            "The study '{}' must hold the same rows in samples.parquet and study.sqlite. Got {} and {} rows.",
            self.folder,
            len(table),
            len(names),
        )
        dealt = np.array(parts, dtype=str)
        if sees != "all":
            wanted = dealt == sees
            names = [names[row] for row in np.flatnonzero(wanted)]
        standing = self._labels(upto=labels_upto)
        given = [standing.get(name, ("", "")) for name in names] if standing else [("", "")] * len(names)
        label, labelled = (np.array([one[i] for one in given], dtype=str) for i in (0, 1))
        if sees != "all":
            table = table if wanted.all() else table.take(wanted)
            return table.with_labels(label)
        origin = table.origin.assign(part=dealt, labelled=np.where(label == "", "", labelled))
        return dataclasses.replace(table, labels=label, origin=origin)

    def described(self) -> dict[str, Any]:
        """Return names, units and sets of the measurements, whatever the number of rows."""
        return read_description(self.folder / "samples.parquet")

    def rows_digest(self) -> str:
        """Return the SHA-256 of all rows as they lie in the folder, sealed ones included, without labels."""
        return read_samples(self.folder / "samples.parquet").digest()

    def counts(self) -> dict[str, int]:
        """Return how many rows are open and sealed."""
        return dict(self._counts)

    @cached_property
    def _counts(self) -> dict[str, int]:
        """Count the rows: they are dealt once, when the study is made."""
        with self.store.reading() as db:
            found = dict(db.execute("SELECT part, count(*) FROM parts GROUP BY part"))
        return {"open": found.get("open", 0), "sealed": found.get("sealed", 0)}

    def need_rows(self) -> None:
        """Raise DataError where the study has no rows, as it was made to paint on."""
        check(
            not self.facts().get("paint"),
            DataError,
            "The study '{0}' must have rows for this. Got none: it is for painting (clew serve {0}).",
            self.folder,
        )

    def sample_names(self) -> list[str]:
        """Return the names of all rows, in order; a name tells nothing of what was measured."""
        with self.store.reading() as db:
            return [name for (name,) in db.execute("SELECT sample FROM parts ORDER BY position")]

    def places(self) -> pd.DataFrame:
        """Return where each row lies, sealed ones included, by sample; a place tells nothing of what was measured.

        Columns, as far as the kind of rows has them: source, recording, station, start and end (s), label (of an object).
        """
        table = read_samples(self.folder / "samples.parquet")
        kept = [name for name in PLACE if name in table.origin]
        return table.origin[kept].set_axis(table.sample, axis=0)

    def openings(self) -> list[Opening]:
        """Return every opening of the seal, first to last."""
        with self.store.reading() as db:
            rows = db.execute("SELECT * FROM openings ORDER BY id").fetchall()
        shown = [bool(row["shown"]) for row in rows]
        return [
            Opening(**{**dict(row), "shown": shown[i]}, independent=not any(shown[:i]))
            for i, row in enumerate(rows)
        ]

    def _open_seal(self, reason: str | None, verb: str) -> int:
        """Put the opening on record before anybody is handed a sealed row, so that no crash can hide it."""
        check(
            self.counts()["sealed"] > 0,
            DataError,
            "The study '{}' must have sealed rows for {}. Got none: it was made with --sealed 0.",
            self.folder,
            verb,
        )
        check(
            reason and reason.strip(),
            SealedError,
            "The sealed rows of '{}' must be opened with a reason: --reason TEXT. Got none.",
            self.folder,
        )
        with self.store.writing() as db:
            opened = db.execute(
                "INSERT INTO openings (at, who, reason, verb) VALUES (?, ?, ?, ?)",
                (record.now(), record.who(), str(reason).strip(), verb),
            )
        return int(opened.lastrowid or 0)

    # ---- labels ----
    def label_events(self, *, after: int = 0) -> list[LabelEvent]:
        """Return every act of labelling an open row, first to last; those after event ``after``."""
        with self.store.reading() as db:
            rows = db.execute(
                "SELECT labels.* FROM labels CROSS JOIN parts USING (sample) WHERE labels.id > ? AND part = 'open' ORDER BY id",
                (after,),
            )
            return [LabelEvent(*row) for row in rows]

    def words(self) -> list[tuple[str, str, str | None]]:
        """Return ``(sample, who, label)`` of what people said of open rows and nobody took back, first to last."""
        with self.store.reading() as db:
            rows = db.execute(
                "SELECT sample, who, label FROM labels JOIN parts USING (sample) WHERE part = 'open' AND how = 'person' "
                f"AND undoes IS NULL AND id NOT IN ({record.UNDONE}) ORDER BY id"
            )
            return [(sample, who, label) for sample, who, label in rows]

    def labels(self) -> dict[str, tuple[str, str]]:
        """Return ``{sample: (label, "person" or "group")}`` of the open rows, as it stands."""
        with self.store.reading() as db:
            return record.standing_labels(db, part="open")

    def said_by_people(self) -> dict[str, str]:
        """Return ``{sample: label}`` of the open rows that people labelled, as it stands."""
        with self.store.reading() as db:
            rows = db.execute(
                "SELECT labels.* FROM labels JOIN parts USING (sample) WHERE how = 'person' AND part = 'open' ORDER BY id"
            )
            standing = record.effective_labels(LabelEvent(**dict(row)) for row in rows)
        return {sample: label for sample, (label, _) in standing.items() if label}

    def picks(self) -> list[StudyPick]:
        """Return what people say of arrivals in the recordings, as it stands, by recording and time."""
        from clew.study.picks import standing_picks

        return standing_picks(self)

    def count_said(self) -> int:
        """Return how many open rows people have labelled, as it stands."""
        with self.store.reading() as db:
            (n,) = db.execute(f"SELECT count(*) FROM ({SAID}) WHERE label != ''").fetchone()
        return int(n)

    def days_of_labels(self) -> list[tuple[str, int, str]]:
        """Return ``(who, labels, time of the last)`` of each person and day of labelling open rows on a page; none that was taken back."""
        with self.store.reading() as db:
            rows = db.execute(
                "SELECT who, count(*), max(at) FROM labels JOIN parts USING (sample) WHERE part = 'open' AND how = 'person' "
                f"AND step IS NULL AND undoes IS NULL AND id NOT IN ({record.UNDONE}) GROUP BY who, substr(at, 1, 10) ORDER BY min(id)"
            )
            return [(who, n, at) for who, n, at in rows]

    def people(self) -> list[str]:
        """Return who has labelled an open row, in order of their names."""
        with self.store.reading() as db:
            rows = db.execute(
                "SELECT DISTINCT who FROM labels JOIN parts USING (sample) WHERE how = 'person' AND part = 'open' ORDER BY who"
            )
            return [who for (who,) in rows]

    def has_sealed_labels(self) -> bool:
        """Tell whether people have labelled any sealed row, and nothing more."""
        sealed = self._names_of("sealed")
        return any(label for sample, (label, _) in self._labels().items() if sample in sealed)

    def count_sealed(self, *, labelled: bool) -> tuple[int, int]:
        """Count the sealed rows, or those that people labelled, and their groups, and nothing more."""
        names, labels = self._names_of("sealed"), self._labels()
        if labelled:
            names = {name for name in names if labels.get(name, ("", ""))[0]}
        table = read_samples(self.folder / "samples.parquet")
        return len(names), len({group for name, group in zip(table.sample, table.group) if name in names})

    def last_labelling(self) -> LabelEvent | None:
        """Return the last label of a person that has not been taken back, or None."""
        events = self._label_events()
        undone = {event.undoes for event in events}
        return next(
            (
                event
                for event in reversed(events)
                if event.how == "person" and event.undoes is None and event.id not in undone
            ),
            None,
        )

    def _label_events(self) -> list[LabelEvent]:
        with self.store.reading() as db:
            return [LabelEvent(**dict(row)) for row in db.execute("SELECT * FROM labels ORDER BY id")]

    def _labels(self, *, upto: int | None = None) -> dict[str, tuple[str, str]]:
        """Return the labels of all rows as they stand, or as they stood after event ``upto``."""
        with self.store.reading() as db:
            return record.standing_labels(db, upto=upto)

    def _names_of(self, part: str) -> set[str]:
        with self.store.reading() as db:
            return {name for (name,) in db.execute("SELECT sample FROM parts WHERE part = ?", (part,))}

    # ---- steps ----
    def steps(self) -> list[Step]:
        """Return the thread: every step, first to last."""
        with self.store.reading() as db:
            return [Step.of(row) for row in db.execute("SELECT * FROM steps ORDER BY id")]

    def last(self, verb: str) -> Step | None:
        """Return the latest step of a verb, or None."""
        return next((one for one in reversed(self.steps()) if one.verb == verb), None)

    def need(self, verb: str, *, purpose: str) -> Step:
        """Return the latest step of a verb, or say that it must be run first."""
        self.need_rows()
        found = self.last(verb)
        if found is None:
            raise DataError(
                f"The study '{self.folder}' must have run `clew {verb} {self.folder}` before {purpose}. Got no such step on record."
            )
        return found

    def result(self, step: Step) -> Any:
        """Load what a step returned."""
        return Result.load(self.folder / step.result)

    def facts(self) -> dict[str, Any]:
        """Return what was settled when the study was made: kind of data, how to measure, feature set, remarks."""
        with self.store.reading() as db:
            return {key: json.loads(value) for key, value in db.execute("SELECT key, value FROM facts")}

    def hypotheses(self) -> list[dict[str, Any]]:
        """Return all hypotheses on record, in the order in which they were stated."""
        with self.store.reading() as db:
            rows = db.execute("SELECT * FROM hypotheses ORDER BY number").fetchall()
        return [
            {**dict(row), "features": json.loads(row["features"]), "figures": json.loads(row["figures"])}
            for row in rows
        ]

    def models(self) -> list[dict[str, Any]]:
        """Return the models on record with name, path, sha256 and step, first to last."""
        with self.store.reading() as db:
            return [dict(row) for row in db.execute("SELECT * FROM models ORDER BY step")]

    def run(
        self,
        step: Callable[..., Any],
        *inputs: Step,
        raw: Raw | None = None,
        reason: str | None = None,
        also: Also | None = None,
        on_progress: Callable[[int, int], bool | None] | None = None,
        **settings: Any,
    ) -> tuple[Step, Any]:
        """Hand a step the rows that it may see, run it, and put it on record.

        Parameters
        ----------
        step : callable
            A function marked with `clew.result.step`; it gets Samples and settings, never the study.
        *inputs : Step
            Steps on record whose results go in after the samples.
        raw : callable (samples), optional
            Cuts the raw data behind rows out of their sources; it gets just the rows that the step may see, and what it
            returns goes in right after them.
        reason : str, optional
            Why the seal is opened; needed by steps that see sealed rows.
        also : callable (db, step number, result), optional
            Further rows for the same transaction: labels, hypotheses, models.
        on_progress : callable (done, total), optional
        **settings
            The settings of the step.

        Returns
        -------
        tuple of Step and Result
            The step as it stands on record, and what it returned.

        Raises
        ------
        SealedError
            If the step sees sealed rows and no reason was given.
        StudyError
            If nothing could be recorded.
        """
        info = step.step  # type: ignore[attr-defined]
        for name in settings:  # before the seal may be opened
            check_choice(name, settings_of(step), what="name of a setting", of=info.name)
        self.need_rows()
        self.store.check_writable()
        opening = self._open_seal(reason, info.name) if info.sees in ("sealed", "all") else None
        began = time.perf_counter()
        upto = max((event.id for event in self._label_events()), default=0)
        samples = self._rows(info.sees, labels_upto=upto)
        seen = _raw_of(samples, raw)
        watched = on_progress is not None and "on_progress" in settings_of(step)
        extra = {"on_progress": on_progress} if watched else {}
        result = step(samples, *seen, *(self.result(one) for one in inputs), **settings, **extra)
        recorded = self.record(
            result,
            verb=info.name,
            function=f"{step.__module__}:{step.__qualname__}",
            sees=info.sees,
            inputs={
                "samples": samples.digest(),
                "steps": [one.id for one in inputs],
                "labels": upto,
                **({"raw": seen[0].digest()} if seen else {}),
            },
            seconds=time.perf_counter() - began,
            also=also,
            opening=opening,
        )
        return recorded, result

    def record(
        self,
        result: Result,
        *,
        verb: str,
        function: str,
        sees: str,
        inputs: Mapping[str, Any],
        seconds: float,
        also: Also | None = None,
        opening: int | None = None,
    ) -> Step:
        """Write a result and its step: file first, then one transaction, so that a kill leaves all or nothing."""
        digest = result.digest()
        name = f"results/{verb}-{digest[:16]}.zip"
        with said_plainly(self.folder):
            if not (self.folder / name).exists():
                result.save(self.folder / name)
        with self.store.writing() as db:
            number = record.add_step(
                db,
                at=record.now(),
                verb=verb,
                function=function,
                sees=sees,
                settings=dict(result.settings),
                inputs=dict(inputs),
                versions=record.versions(),
                seconds=round(seconds, 3),
                result=name,
                digest=digest,
                headline=result.headline(),
                summary=json.loads(json.dumps(result.summary())),
            )
            if opening is not None:
                db.execute("UPDATE openings SET shown = 1 WHERE id = ?", (opening,))
            if also is not None:
                also(db, number, result)
        return next(one for one in self.steps() if one.id == number)

    def rerun(self, step: Step, *, raw: Raw | None = None) -> Result:
        """Run a step on record again, on the same rows, labels, inputs and settings, without recording anything.

        Parameters
        ----------
        step : Step
        raw : callable (samples), optional
            As for `run`; for steps that saw raw data.

        Raises
        ------
        StudyError
            If the step is no step of clew, or its rows, or the raw data behind them, are not those that it saw.
        SealedError
            If it sees sealed rows that nobody has opened.
        """
        module, _, name = step.function.partition(":")
        check(
            module.startswith(TRUSTED),
            StudyError,
            "The step {} must be a function of clew. Got '{}' instead.",
            step.id,
            step.function,
        )
        function: Any = getattr(importlib.import_module(module), name, None)
        info: Any = getattr(function, "step", None)
        check(
            info is not None,
            StudyError,
            "The step {} must be declared as a step. Got '{}' instead.",
            step.id,
            step.function,
        )
        if info.sees in ("sealed", "all"):
            check(
                any(one.shown for one in self.openings()),
                SealedError,
                "The sealed rows of '{}' must have been opened. Got a closed seal.",
                self.folder,
            )
        before = {one.id: one for one in self.steps()}
        samples = self._rows(info.sees, labels_upto=step.inputs["labels"])
        check(
            samples.digest() == step.inputs["samples"],
            StudyError,
            "The rows of step {} must be those that it saw. Got other measurements or labels in '{}'.",
            step.id,
            self.folder,
        )
        seen = _raw_of(samples, raw)
        check(
            (seen[0].digest() if seen else None) == step.inputs.get("raw"),
            StudyError,
            "The raw data of step {} must be those that it saw. Got {}.",
            step.id,
            "others" if seen else "none",
        )
        inputs = (self.result(before[i]) for i in step.inputs["steps"])
        return function(samples, *seen, *inputs, **step.settings)

    # ---- sources ----
    def sources(self) -> list[Source]:
        """Return the raw files that the study is about."""
        with self.store.reading() as db:
            return [Source(**dict(row)) for row in db.execute("SELECT * FROM sources ORDER BY rowid")]

    def locate(self, source: Source) -> Path:
        """Return where a source lies now, if its content is what was measured.

        Raises
        ------
        DataError
            If it is not there, or has changed: rows and labels are never bound to other data.
        """
        there = [path for path in (self.folder / source.relative, Path(source.path)) if path.is_file()]
        for path in there:
            if file_sha256(path) == source.sha256:
                return path
        check(
            not there,
            DataError,
            "The file '{}' must be what was measured (sha256 {}). Got another content: it has changed.",
            str(there[0]) if there else "",
            source.sha256[:12],
        )
        raise MissingError(
            f"The source '{source.name}' must be where it was ({source.path}). Got nothing there; say where it is now: "
            f"`clew relink {self.folder} PATH`."
        )

    def relink(self, paths: list[Path]) -> dict[str, Path]:
        """Find moved sources among files by their content, and note where they lie now.

        Parameters
        ----------
        paths : list of Path
            Files, or folders to look through.

        Raises
        ------
        SettingError
            If none of the files is a source of this study.
        """
        files = [
            file
            for path in paths
            for file in (sorted(path.rglob("*")) if path.is_dir() else [path])
            if file.is_file()
        ]
        sizes = {source.bytes for source in self.sources()}
        by_hash: dict[str, list[Path]] = {}
        for file in files:
            if file.stat().st_size in sizes:
                by_hash.setdefault(file_sha256(file), []).append(file)
        found = {}
        for source in self.sources():
            same = by_hash.get(source.sha256, [])
            if same:  # of equal files the one that is named like the source
                found[source.name] = next(
                    (file for file in same if file.name == Path(source.path).name), same[0]
                )
        check(
            found,
            SettingError,
            "The paths must hold at least one source of '{}', byte for byte. Got {} files, none of them.",
            self.folder,
            len(files),
        )
        with self.store.writing() as db:
            for name, path in found.items():
                relative = os.path.relpath(path.resolve(), self.folder.resolve())
                db.execute(
                    "UPDATE sources SET path = ?, relative = ? WHERE name = ?",
                    (str(path.resolve()), relative, name),
                )
        return found

    # ---- looks ----
    def __repr__(self) -> str:
        counts = self.counts()
        return f"<Study {self.name}: {counts['open']} open rows, {counts['sealed']} sealed, {len(self.steps())} steps>"

    def _repr_html_(self) -> str:
        import html
        from importlib.util import find_spec

        items = "".join(
            f"<li><b>{one.verb}</b> {html.escape(one.headline)} <code>{one.digest[:8]}</code></li>"
            for one in self.steps()
        )
        plain = find_spec("anywidget") is None
        hint = "<p>With pip install 'clew[notebook]' the linked map stands here.</p>" if plain else ""
        return f"<p>{html.escape(repr(self))}</p><ol>{items}</ol>{hint}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """Return what a notebook shows beside the words: the linked map, where what draws it is installed."""
        from importlib.metadata import entry_points

        for display in entry_points(group="clew.displays", name="study"):
            shown = display.load()(self)
            if shown:
                return shown
        return {}


class Draft:
    """A study in the making; nobody else can see it yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put_rows(self, samples: Samples, sealed: np.ndarray) -> None:
        """Write the rows and deal them: ``sealed`` is bool (n_rows,)."""
        write_samples(samples, self.folder / "samples.parquet")
        with Store(self.folder).writing() as db:
            db.executemany(
                "INSERT INTO parts (position, sample, part) VALUES (?, ?, ?)",
                [
                    (i, str(name), "sealed" if s else "open")
                    for i, (name, s) in enumerate(zip(samples.sample, sealed))
                ],
            )

    def put_sources(self, sources: list[Source]) -> None:
        """Write down the raw files."""
        with Store(self.folder).writing() as db:
            db.executemany(
                "INSERT INTO sources (name, kind, role, path, relative, sha256, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(s.name, s.kind, s.role, s.path, s.relative, s.sha256, s.bytes) for s in sources],
            )

    def put_facts(self, **facts: Any) -> None:
        """Write down what is settled once and for all."""
        with Store(self.folder).writing() as db:
            db.executemany(
                "INSERT INTO facts (key, value) VALUES (?, ?)",
                [(key, json.dumps(value)) for key, value in facts.items()],
            )

    def put_file(self, relative: str, data: bytes) -> None:
        """Write one file into the folder."""
        path = self.folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)

    def record(self, result: Result, **what: Any) -> Step:
        """Put a step on record, as `Study.record`."""
        return Study(self.folder).record(result, **what)


def _raw_of(samples: Samples, raw: Raw | None) -> list[Cutouts | Fields]:
    """Return the raw data behind rows, where it is asked for; refuse what is not of just these rows."""
    if raw is None:
        return []
    seen = raw(samples)
    check(
        seen.sample.tolist() == samples.sample.tolist(),
        StudyError,
        "The raw data that a step sees must be of its {} rows, in their order. Got {} others.",
        len(samples),
        len(seen.sample),
    )
    return [seen]


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_existing(folder: str | Path) -> None:
    """Raise StudyError if something is where a study is to be made."""
    check(
        not Path(folder).exists(),
        StudyError,
        "The study '{}' must be a new folder. Got one that is there already; nothing was changed.",
        folder,
    )


def _sweep(folder: Path) -> None:
    """Remove what killed processes left of studies in the making: drafts of this name that are a day old."""
    for draft in folder.parent.glob(f".{folder.name}.*.partial"):
        if time.time() - draft.stat().st_mtime > DAY:
            shutil.rmtree(draft, ignore_errors=True)
