"""Making a study, and what people bring to it: data, and files that were moved."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from clew.errors import DataError, SettingError, check, check_seed
from clew.read.times import read_duration
from clew.steps.labelling import record_labels
from clew.steps.measuring import WORDS, beside, gather, measure
from clew.steps.outcome import OnProgress, Outcome, sentences
from clew.words import listed

if TYPE_CHECKING:
    import numpy as np

    from clew.measure.measured import Measured
    from clew.samples import Samples
    from clew.study.study import Source, Study

MOST_NAMED = 12  # measurements that `new` names
FEWEST_SAMPLES = 100  # rows at equal steps of time that may be a recording,
TIME_NAMES = (
    "time",
    "t_",
    "t [",
    "t (",
    "seconds",
)  # where a column that is called so, or is the time of the rows, says it


def new(
    study: Path,
    paths: Sequence[Path] = (),
    *,
    masks: list[Path] | None = None,
    distances: Path | None = None,
    features: str = "all",
    sealed: float = 0.2,
    by: Literal["auto", "group", "time", "latest", "space", "row"] = "auto",
    group: str | None = None,
    time: str | None = None,
    label: str | None = None,
    identifier: str | None = None,
    target: str | None = None,
    leave_out: list[str] | None = None,
    missing: Literal["drop", "refuse"] = "drop",
    symmetrise: Literal["mean", "min", "max"] = "mean",
    edge_source: str | None = None,
    edge_target: str | None = None,
    edge_length: str | None = None,
    edge_parts: Literal["refuse", "largest"] = "refuse",
    threshold: float | Literal["otsu"] = "otsu",
    channel: int = 0,
    foreground: Literal["bright", "dark"] = "bright",
    split: Literal["none", "distance"] = "none",
    min_area: int = 0,
    border: Literal["keep", "drop"] = "keep",
    window: str | None = None,
    step: str | None = None,
    annotations: Path | None = None,
    everywhere: bool = False,
    rest: str = "",
    trigger: Literal["none", "classic", "recursive", "coincidence"] = "none",
    stations: int = 3,
    sta: float = 0.5,
    lta: float = 10.0,
    on: float = 3.5,
    off: float = 1.0,
    before: float = 2.0,
    rate: float | None = None,
    highpass: float | None = None,
    lowpass: float | None = None,
    phase: Literal["zero", "causal"] = "zero",
    components: str = "auto",
    lacking: Literal["features", "windows"] = "features",
    gaps: float = 0.0,
    flat: float = 2.0,
    network: bool = False,
    response: Path | None = None,
    paint: bool = False,
    random_state: int = 0,
    on_progress: OnProgress | None = None,
) -> Outcome:
    """Make a study: recognise the data, measure them, deal and seal the rows.

    Parameters
    ----------
    study : Path
        The folder to make.
    paths : list of Path
        Images, tables, recordings, or folders of them; none where there are distances only. A table or an array is a
        recording where --window says how it is cut.
    masks : list of Path
        Label images, in the order of the images or named like them; found beside the images otherwise.
    distances : Path
        A file of distances between the rows: a square table, a square array (.npy, .npz), or a list of edges, of which they
        are the shortest paths. Rows of tables are found in it by their names.
    features : str
        The feature set that this study is about: all, shape, size, intensity (of images), amplitude, frequency (of signals) and more, or names with commas.
    sealed : float
        Share of the rows to put aside until the end.
    by : {"auto", "group", "time", "latest", "space", "row"}
        What is sealed as a whole: groups where there are some, else stretches of time or regions of the image. "latest" seals the end of
        the record, for forecasts; "row" seals rows at random, which flatters where they resemble each other.
    group : str
        Tables: the column that says which rows belong together (patient, station, plate). Signals: station, day, event or file, or a
        column of the annotations.
    time : str
        Tables: the column that says when a row was taken: dates, or numbers in the unit that its name ends in (s, h, days); the only
        column of dates otherwise.
    label : str
        Tables, and annotations of signals: the column that holds the classes people gave.
    identifier : str
        Tables: the column that names the rows.
    target : str
        Tables, and annotations of signals: the numeric column to be predicted; it is kept out of the features.
    leave_out : list of str
        Tables: columns that are no measurements.
    missing : {"drop", "refuse"}
        Tables: leave rows with missing measurements out, and say so, or refuse them.
    symmetrise : {"mean", "min", "max"}
        Distances: what stands for two directions that differ.
    edge_source : str
        Distances: the column with one end of each edge.
    edge_target : str
        Distances: the column with the other end of each edge.
    edge_length : str
        Distances: the column with the length of each edge.
    edge_parts : {"refuse", "largest"}
        Distances: refuse edges that do not join all places, or keep the largest part and say so.
    threshold : float or "otsu"
        Images without label images: pixels above it are objects.
    channel : int
        Images: the channel that the threshold is applied to, from 0.
    foreground : {"bright", "dark"}
        Images: are the objects brighter or darker than the ground?
    split : {"none", "distance"}
        Images: cut touching objects apart at their necks? Not those that label images number.
    min_area : int
        Images: objects with fewer pixels are left out, and counted.
    border : {"keep", "drop"}
        Images: what to do with objects that touch the border.
    window : str
        Signals: how long a window is, in s or with a unit (500ms, 5min, 30d); 10 s by default, or the whole of what comes cut already
        (SeisBench, .ts).
    step : str
        Signals: from the start of a window to the start of the next, in s or with a unit; by default the next begins where it ends.
    annotations : Path
        Signals: a table of pieces that people marked (source or station, start, end, label, and more), or QuakeML. Windows are cut there.
    everywhere : bool
        Signals: cut windows everywhere, and let annotations only label those that they cover by half or more.
    rest : str
        Signals: with --everywhere, the class of windows that no annotation touches, such as noise; none by default.
    trigger : {"none", "classic", "recursive", "coincidence"}
        Signals: cut windows around triggers of this kind (STA/LTA) only; "coincidence" asks that several stations agree.
    stations : int
        Signals: how many stations must agree in a coincidence.
    sta : float
        Signals: how long the short average of a trigger is, in s.
    lta : float
        Signals: how long the long average of a trigger is, in s.
    on : float
        Signals: the ratio of the short average to the long one at which a trigger begins.
    off : float
        Signals: the ratio of the short average to the long one at which a trigger ends.
    before : float
        Signals: how long before a trigger, or a marked moment, its window begins, in s.
    rate : float
        Signals: samples per second of a table or array that does not say so, in Hz.
    highpass : float
        Signals: the frequency below which a Butterworth filter takes away, in Hz; nothing by default.
    lowpass : float
        Signals: the frequency above which a Butterworth filter takes away, in Hz; nothing by default.
    phase : {"zero", "causal"}
        Signals: a filter that shifts nothing but looks ahead, or one that does not.
    components : str
        Signals: what is measured: auto (the vertical of seismometers, every component of other sensors), each, or names with commas.
    lacking : {"features", "windows"}
        Signals: where some windows lack components, leave out the features that need them, or these windows.
    gaps : float
        Signals: the share of a window that may be missing; windows with more are left out, and counted.
    flat : float
        Signals: runs of one value for so long (and 100 samples) are padding, and count as missing, in s; 0 keeps them.
    network : bool
        Signals: also measure how a window coheres with those of the other stations at the same time.
    response : Path
        Signals: StationXML; the instruments' response is removed, and amplitudes are in m/s.
    paint : bool
        Images, stacks and time series to paint on in the workbench: nothing is measured, and there are no rows.
    random_state : int
        Seed of the draw of the sealed rows.
    """
    from clew.splits import seal
    from clew.study.intake import Measurement, Sources
    from clew.study.study import Study, refuse_existing

    how: dict[str, dict[str, Any]] = {
        "table": {
            "label": label,
            "group": group,
            "time": time,
            "identifier": identifier,
            "target": target,
            "leave_out": tuple(leave_out or ()),
            "missing": missing,
        },
        "image": {
            "threshold": threshold,
            "channel": channel,
            "foreground": foreground,
            "split": split,
            "min_area": min_area,
            "border": border,
        },
        "signal": {
            "label": label,
            "group": group,
            "time": time,
            "target": target,
            "window": window if window is None else read_duration(window, name="--window"),
            "step": step if step is None else read_duration(step, name="--step"),
            "everywhere": everywhere,
            "rest": rest,
            "trigger": trigger,
            "stations": stations,
            "sta": sta,
            "lta": lta,
            "on": on,
            "off": off,
            "before": before,
            "rate": rate,
            "highpass": highpass,
            "lowpass": lowpass,
            "phase": phase,
            "components": components,
            "lacking": lacking,
            "gaps": gaps,
            "flat": flat,
            "network": network,
        },
        "distances": {
            "symmetrise": symmetrise,
            "edge_source": edge_source,
            "edge_target": edge_target,
            "edge_length": edge_length,
            "edge_parts": edge_parts,
        },
    }
    refuse_existing(study)
    check_seed(random_state, of="new")
    around = {name: file for name, file in (("annotations", annotations), ("response", response)) if file}
    if paint:
        from clew.steps.painting_intake import new_to_paint

        of_rows = {"features": features, "sealed": sealed, "by": by, "random_state": random_state}
        of_rows |= {"masks": masks or None, "distances": distances, **around}
        _refuse_foreign({"paint"}, {**how, "rows": of_rows})
        return new_to_paint(study, list(paths))
    began = perf_counter()
    signals = any(given is not None for given in (window, rate, annotations)) or trigger != "none" or None
    kind, files, remarks = _gather(list(paths), masks or [], distances, signals)
    between = (distances, how["distances"]) if distances is not None and kind == "table" else None
    _refuse_foreign({kind, "distances"} if between else {kind}, how)
    _refuse_around(kind, around)
    measured = measure(kind, files, how[kind], distances=between, around=around, on_progress=on_progress)
    samples = measured.samples
    samples.resolve(features)  # refuses unknown names before anything is written
    dealt = seal(samples, share=sealed, by=by, random_state=random_state)
    notes = [*remarks, *measured.notes, *_copies(samples, dealt.sealed)]
    notes += _even_times(samples) if kind == "table" else []
    settings = {key: list(value) if isinstance(value, tuple) else value for key, value in how[kind].items()}
    measurement = Measurement(
        what={"image": "objects", "signal": "windows"}.get(kind, "rows"),
        n_rows=samples.n_rows,
        features=list(samples.feature_names),
        units=list(samples.units),
        counts=dict(measured.counts),
        notes=notes,
        samples=samples.with_labels(None).digest(),
        settings={**settings, "features": features, **(between[1] if between else {})},
    )
    with Study.create(study) as draft:
        beside_them = {"distances": between[0]} if between else around
        sources = sources_of(files, kind, study, around=beside_them, read=measured.sha256)
        draft.put_rows(samples, dealt.sealed)
        draft.put_sources(sources)
        draft.put_facts(
            kind=kind,
            what=measurement.what,
            features=features,
            measure=settings,
            measured=measured.settings,
            distances=how["distances"] if between else None,
            notes=notes,
        )
        if kind == "image":
            _put_pictures(draft, measured, files)
        common = {"function": "", "sees": "nothing", "inputs": {}}
        raw = Sources(names=[s.name for s in sources], sha256=[s.sha256 for s in sources])
        draft.record(raw, verb="sources", seconds=0.0, **common)
        draft.record(measurement, verb="measure", seconds=perf_counter() - began, **common)
        last = draft.record(dealt, verb="seal", seconds=0.0, **common)
        if samples.labels is not None:
            given = {str(name): str(one) for name, one in zip(samples.sample, samples.labels) if one}
            role = "annotations" if annotations else "data"
            record_labels(draft, given, source=", ".join(s.name for s in sources if s.role == role))
    counts = Study(study).counts()
    data = {
        "rows": samples.n_rows,
        **counts,
        "features": list(samples.feature_names),
        "groups": samples.n_groups,
        "sources": len(sources),
        "counts": dict(measured.counts),
        "distances": measured.distances.summary() if measured.distances is not None else None,
    }
    lines = [
        f"{study}: {measurement.headline()}, {counts['open']} open and {counts['sealed']} sealed.",
        *_measured_features(samples.feature_names),
        *sentences(notes),
        dealt.reason,
        f"Next: clew train {study}, or look for groups: clew explore {study}"
        if samples.labels is not None or samples.target is not None
        else f"Next: clew explore {study}",
    ]
    return Outcome(lines, data, last, dealt, notes)


def _measured_features(names: Sequence[str]) -> list[str]:
    """Say what is measured, by name: a column that is the answer, or a row's number, must not hide in a count."""
    more = [f"{len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []
    return [f"The measurements: {listed([*names[:MOST_NAMED], *more])}."] if names else []


def _gather(
    paths: list[Path], masks: list[Path], distances: Path | None, signals: bool | None
) -> tuple[str, list[tuple[Path, Path | None]], list[str]]:
    """Return the kind of data, the files with their label images, and remarks; a lone table may be one of distances."""
    from clew.read.distances import is_distances

    if not paths and distances is not None:
        check(not masks, SettingError, "The masks must go with images. Got distances instead.")
        return "distances", [(distances, None)], []
    kind, files, remarks = gather(paths, masks, signals=signals)
    check(
        distances is None or kind == "table",
        SettingError,
        "The setting --distances must go with tables, or alone. Got {} instead.",
        WORDS[kind],
    )
    if len(files) > 1 or kind != "table" or not is_distances(files[0][0]):
        return kind, files, remarks
    path = files[0][0]
    check(
        distances is None,
        SettingError,
        "The path beside --distances must be a table of measurements. Got '{}', which holds distances itself.",
        path,
    )
    said = f"{path.name}: holds distances, as rows and columns have the same names and 0 between them."
    return "distances", files, [said]


def _refuse_foreign(kinds: set[str], how: dict[str, dict[str, Any]]) -> None:
    """Refuse settings that are for other kinds of data: nobody should believe that they did something."""
    defaults = {name: one.default for name, one in inspect.signature(new).parameters.items()}
    own = {name for kind in kinds for name in how.get(kind, {})}
    for other in how:
        for name, value in how[other].items():
            check(
                name in own or value in (defaults[name], ()),
                SettingError,
                "The setting --{} must go with {}. Got {} instead.",
                name.replace("_", "-"),
                WORDS[other],
                " and ".join(WORDS[kind] for kind in WORDS if kind in kinds),
            )


def _refuse_around(kind: str, around: dict[str, Path]) -> None:
    """Refuse files beside data that are no recordings."""
    for role in around:
        check(
            kind == "signal",
            SettingError,
            "The setting --{} must go with recordings. Got {} instead.",
            role,
            WORDS[kind],
        )


def _copies(samples: Samples, sealed: np.ndarray) -> list[str]:
    """Say how many rows are copies of others, or nearly, and how many of these lie on both sides of the seal.

    Without measurements, rows at distance 0 are copies; the distances themselves say how many there are.
    """
    import numpy as np

    if samples.n_features:
        from clew.validate.duplicates import near_duplicates

        found = near_duplicates(samples, sealed.astype(int))
        return found.sentences(across="beyond the seal", so="which flatters the final test")
    if samples.distances is None:
        return []
    same = samples.distances[np.ix_(sealed, ~sealed)] == 0
    n_same = int(same.any(axis=0).sum() + same.any(axis=1).sum())
    told = f"{n_same} rows are at distance 0 from one beyond the seal, which flatters the final test."
    return [told] if n_same else []


def _even_times(samples: Samples) -> list[str]:
    """Say that rows at equal steps of time, of one file, may be samples of a recording rather than rows by themselves."""
    import numpy as np

    named = [i for i, name in enumerate(samples.feature_names) if name.casefold().startswith(TIME_NAMES)]
    columns = [samples.features[:, i] for i in named]
    if "start" in samples.origin:
        columns.append(samples.origin["start"].to_numpy(np.float64))
    one_file = samples.n_rows >= FEWEST_SAMPLES and samples.origin["source"].nunique() == 1
    for column in columns if one_file else []:
        steps = np.diff(column)
        if (steps > 0).all() and np.ptp(steps) <= 0.01 * np.median(steps):
            return ["Rows at equal steps of time: if this is a recording, --window says how it is cut."]
    return []


def sources_of(
    files: list[tuple[Path, Path | None]],
    kind: str,
    study: Path,
    *,
    around: dict[str, Path],
    read: dict[str, str],
) -> list[Source]:
    """Name every file as the rows' origin names it, and refuse the same data under two names."""
    from clew.read.kinds import distinct_names
    from clew.study.study import Source

    sources: list[Source] = []
    for (path, mask), name in zip(files, distinct_names([path for path, _ in files])):
        role = "distances" if kind == "distances" else "data"
        sources.append(Source.of(path, name=name, kind=kind, role=role, study=study))
        if mask is not None:
            role = f"labels of {name}"
            sources.append(Source.of(mask, name=role, kind=kind, role=role, study=study))
    for role, path in around.items():
        sources.append(Source.of(path, name=beside(path, role), kind=role, role=role, study=study))
    for one in sources:
        same = read.get(one.name, one.sha256) == one.sha256
        check(
            same,
            DataError,
            "The file '{}' must stay as it is while it is measured. Got another content now.",
            one.path,
        )
    seen: dict[str, str] = {}
    for one in sources:
        if one.role == "data":
            check(
                one.sha256 not in seen,
                DataError,
                "The files of a study must hold different data. Got the same bytes in '{}' and '{}': they would count as independent.",
                seen.get(one.sha256),
                one.name,
            )
            seen[one.sha256] = one.name
    return sources


def _put_pictures(draft: Any, measured: Measured, files: list[tuple[Path, Path | None]]) -> None:
    """Keep the label images, and a small grey picture of every image for the report."""
    from clew.read.images import read_image
    from clew.read.kinds import distinct_names
    from clew.read.pictures import label_image_bytes, picture_bytes

    for (path, _), name in zip(files, distinct_names([path for path, _ in files])):
        if name in measured.label_images:
            draft.put_file(f"arrays/{name}.labels.tif", label_image_bytes(measured.label_images[name]))
            draft.put_file(f"arrays/{name}.png", picture_bytes(read_image(path).pixels))


def relink(study: Study, paths: list[Path]) -> Outcome:
    """Find sources that were moved, by their content.

    Parameters
    ----------
    study : Study
    paths : list of Path
        Files, or folders to look through.
    """
    from clew.study.intake import Relinked

    found = study.relink(paths)
    result = Relinked(names=list(found))
    recorded = study.record(result, verb="relink", function="", sees="nothing", inputs={}, seconds=0.0)
    return Outcome([f"{name}: {path}" for name, path in found.items()], result.summary(), recorded, result)
