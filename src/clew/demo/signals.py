"""The whole walk-through on what four simulated seismometers recorded: silence, people jumping, a train, or an earthquake?"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.demo.told import OnProgress, Parts, folded, free, groups, hypothesis, maps, on_threads, why
from clew.steps import Outcome

if TYPE_CHECKING:
    from clew.learn.events import Events
    from clew.simulate import SimulatedSignals

STORY = "what four simulated seismometers round a village recorded one Monday morning"
QUESTION = "Silence, tourists jumping beside a sensor, a train, or an earthquake approaching?"
LOOK = "shape,frequency"  # not amplitude: that depends on how near it was
THRESHOLD = 0.7
KINDS = ("earthquake", "jumping", "train")
CHANNELS = ("HHZ", "HHN", "HHE")
WINDOW = 10.0  # s


def signals(*, out: Path, on_progress: OnProgress | None = None) -> Outcome:
    """Walk through the whole of clew on simulated recordings, and write the report of it.

    Parameters
    ----------
    out : Path
        The folder for recordings, study and report; with a number behind it where something is there already.
    """
    from clew import steps
    from clew.report.verb import report
    from clew.study.study import Study

    out, parts = free(out), Parts(on_progress, total=12)
    monday, tuesday = _days()
    recordings, marked = _recorded(monday, out / "monday"), out / "marked.csv"
    _marked(monday).to_csv(marked, index=False)
    parts.done()
    folder = out / "village.study"
    lines = [f"clew demo signals: {STORY}.", QUESTION, ""]
    made = steps.new(
        folder, [recordings], annotations=marked, group="event", window="10", step="5", highpass=1.0
    )
    study = Study(folder)
    lines += [*_raw(monday, recordings, marked, made), ""]
    parts.done()

    looked = steps.explore(study, features=LOOK)
    parts.done(3)
    lines += [*maps(looked.result, of="windows", by="the shape and the frequency of what they hold"), ""]
    lines += [*groups(looked.result, of="windows"), "", *hypothesis(looked.result, of="windows"), ""]
    lines += [*_against_marks(study, looked.result, monday), ""]

    trained = steps.train(study)
    threads = on_threads(study, trained.result)
    parts.done()
    validated = steps.validate(study)
    parts.done()
    explained = steps.explain(study)
    parts.done()
    measurements, stations = (steps.sensors(study, by=by) for by in ("measurement", "station"))
    parts.done()
    lines += [*_classifier(trained, threads, validated), "", *why(explained.result, part=6), ""]
    lines += [*_sensors(measurements.result, stations.result, monday), ""]

    tested = steps.test(study, reason="the end of the demo")
    lines += [*_sealed(tested), ""]
    parts.done()
    fresh, table = _recorded(tuesday, out / "tuesday"), out / "tuesday.csv"
    model = Path(trained.data["model"])
    found = steps.predict(model, [fresh], out=table, threshold=THRESHOLD)
    truth = against_truth(found.result, tuesday)
    lines += [*_detected(found, truth, tuesday, table), ""]
    parts.done()
    page = report(study).data["report"]
    parts.done()
    lines += [
        f"The report of all this, in one page:  {page}",
        f"The thread of what was done:          clew log {folder}",
        f"Run it all again from the raw files:  clew verify {folder}",
        "The events of Tuesday as a catalogue, for ObsPy and others:",
        f"  clew predict {model} {fresh} --threshold {THRESHOLD} --out tuesday.xml",
        "Now your own data:                    clew new my.study RECORDINGS --window 10 --highpass 1",
    ]
    data = {
        **looked.data,
        "truth": truth,
        "threads": threads,
        "model": str(model),
        "events": str(table),
        "sensors": {"measurement": measurements.data, "station": stations.data},
        "report": page,
    }
    return Outcome(folded(lines), data, tested.step, tested.result)


# ---- the village ----
def _days() -> tuple[SimulatedSignals, SimulatedSignals]:
    """Return the morning that is learnt from, and another one at the same stations: other things happen, and it is windy."""
    from clew.simulate import sensor_network

    return (
        sensor_network(hours=3, earthquakes=24, jumps=16, trains=8, winds=0),
        sensor_network(hours=2, earthquakes=10, jumps=8, trains=3, winds=2, day=1),
    )


def _recorded(day: SimulatedSignals, folder: Path) -> Path:
    """Write a miniSEED file a station."""
    from clew.read.miniseed_writer import write_miniseed

    folder.mkdir(parents=True)
    for j, station in enumerate(day.stations.tolist()):
        counts = day.simulate_span(0, day.n, station=j)
        write_miniseed(
            folder / f"XX.{station}.mseed",
            counts,
            station=station,
            channels=CHANNELS,
            rate=day.rate,
            start=day.start,
        )
    return folder


def _marked(day: SimulatedSignals) -> Any:
    """Return the table of somebody who went along the recordings and marked what was to be heard; most of the silence is not.

    An earthquake is marked at every station, also where it drowns in the noise; a train where it is heard, as it passes.
    """
    import pandas as pd

    truth = day.truth
    rows: list[tuple[int, float, float, str, str]] = []
    for i, kind in enumerate(truth.kind.tolist()):
        where = np.flatnonzero(np.isfinite(truth.start[i]))
        start, end = truth.start[i].copy(), truth.end[i].copy()
        if kind == "earthquake":
            where = np.arange(len(day.stations))
            start[:], end[:] = truth.p_arrival[i].min() - 4, truth.s_arrival[i].max() + 8
        elif kind == "train":
            nearest = int(truth.peak[i].argmax())
            middle = (truth.start[i, nearest] + truth.end[i, nearest]) / 2
            where = where[(start[where] < middle - 15) & (end[where] > middle + 15)]
            start[:], end[:] = middle - 15, middle + 15
        rows += [(int(j), start[j], end[j], kind, f"{kind} {i + 1}") for j in where]
    rng = np.random.default_rng(0)
    for k, i in enumerate(np.sort(rng.choice(len(truth.kind), 24, replace=False))):
        quiet = truth.time[i] - 18.0
        rows += [(j, quiet, quiet + 15, "silence", f"silence {k + 1}") for j in range(len(day.stations))]
    table = pd.DataFrame(rows, columns=["station", "start", "end", "label", "event"])
    table["station"] = [f"XX.{day.stations[j]}" for j in table["station"]]
    for name in ("start", "end"):
        table[name] = (
            pd.to_datetime((table[name] * 1000).round(), unit="ms")
            .dt.strftime("%Y-%m-%dT%H:%M:%S.%f")
            .str[:-3]
        )
    return table.sort_values(["start", "station"])


# ---- what is told ----
def _raw(day: SimulatedSignals, recordings: Path, marked: Path, made: Outcome) -> list[str]:
    hours = day.n / day.rate / 3600
    return [
        f"The raw data: miniSEED of {len(day.stations)} stations in {recordings}: {hours:g} h, components Z, N and E, "
        f"{day.rate:g} samples a second. In {marked} somebody marked pieces of it: where, from when until when, what was heard.",
        f"  {made.lines[0]}",
        f"  {made.result.reason} A group is one event: all windows of it, at all stations.",
    ]


def _against_marks(study: Any, found: Any, day: SimulatedSignals) -> list[str]:
    """Set the groups beside what people marked, which had no part in making them."""
    labels = study.labels()
    told = np.array([labels.get(name, ("", ""))[0] for name in study.samples().sample.tolist()])
    kinds = sorted(set(told.tolist()))
    width = max(map(len, kinds)) + 2
    rows = [
        f"    group {g}"
        + "".join(f"{((found.groups == g) & (told == kind)).sum():>{width}}" for kind in kinds)
        for g in range(found.k)
    ]
    alike = sum(max((told[found.groups == g] == kind).sum() for kind in kinds) for g in range(found.k))
    return [
        "(4) What people had marked, of which nothing above has made use:",
        f"    {'':<7}" + "".join(f"{kind:>{width}}" for kind in kinds),
        *rows,
        f"  {alike} of {len(told)} windows are in a group that holds mostly their kind.{_drowned(study, found, told, day)}",
    ]


def _drowned(study: Any, found: Any, told: np.ndarray, day: SimulatedSignals) -> str:
    """Say at which station most of the earthquakes were marked that lie among the silence."""
    groups = [g for g in range(found.k) if (told[found.groups == g] == "silence").mean() > 0.5]
    among = np.isin(found.groups, groups) & (told == "earthquake")
    if not among.any():
        return ""
    names, counts = np.unique(study.samples().origin["station"].to_numpy(str)[among], return_counts=True)
    most = int(counts.argmax())
    noisiest = f"XX.{day.stations[day.site.argmax()]}"
    where = f"{names[most]}, the noisiest place" if names[most] == noisiest else str(names[most])
    return f" Of the {among.sum()} windows of earthquakes among the silence, {counts[most]} are of {where}."


def _classifier(trained: Outcome, threads: dict[str, str], validated: Outcome) -> list[str]:
    from clew.intervals import spell

    figures = validated.data["metrics"]["balanced_accuracy"]
    return [
        "(5) A forest learns what people marked, from all measurements. It gives the same answer every time:",
        *(
            f"  {n} thread{'s' if n != '1' else ' '}: the probabilities have the hash {sha}"
            for n, sha in threads.items()
        ),
        f"  Balanced accuracy on events that it has not heard: {spell(figures)}. {validated.data['split']['reason']}",
        f"  The model: {trained.data['model']}.",
    ]


def _sensors(measurements: Any, stations: Any, day: SimulatedSignals) -> list[str]:
    """Tell which kind of measurement, and which station, says most; and how noisy its place was made."""
    noisy = ", ".join(f"{name} {site:.2g}" for name, site in zip(day.stations.tolist(), day.site.tolist()))
    return [
        "(7) Which measurements say most? Each kind alone, and what all lose when it is permuted, on events not heard before:",
        *(f"  {line}" for line in measurements.ranked()),
        "  And which station is the most reliable, where several recorded the same?",
        *(f"  {line}" for line in stations.verdict()),
        *(f"  {line}" for line in stations.ranked()),
        f"  (The simulated truth: how strong the noise of the place is. {noisy}.)",
    ]


def _sealed(tested: Outcome) -> list[str]:
    from clew.intervals import spell

    figure = tested.data["metrics"]["balanced_accuracy"]
    return [
        "(8) The seal is opened, which stands on record for ever:",
        f"  Balanced accuracy on the {tested.data['rows']} sealed windows, of events that nobody had looked at: {spell(figure)}.",
    ]


def _detected(found: Outcome, truth: dict[str, Any], day: SimulatedSignals, table: Path) -> list[str]:
    """Tell what was found on the other morning, and what was not, by kind and by station."""
    hours = len(day.stations) * day.n / day.rate / 3600
    wind = truth["wind"]
    rows = [
        f"    {kind:<10}  {one['found']:>6} of {one['heard']:<3}  {wind['called'].get(kind, 0):>13}  {one['false']:>15}"
        for kind, one in truth["kinds"].items()
    ]
    by_station = ", ".join(
        f"{name} {one['found']} of {one['heard']}" for name, one in truth["by_station"].items()
    )
    called = ", ".join(f"{n} {kind}" for kind, n in wind["called"].items()) or "nothing"
    return [
        f"(9) Tuesday morning: {hours:g} h of recordings of the four stations together, which the model has never met:",
        f"  {found.lines[0]}",
        "  Against the truth, which no step had seen. Heard: louder than the noise at a station, each station counted.",
        f"    {'':<10}  {'found':>6}    {'':<3}  {'false in wind':>13}  {'false elsewhere':>15}",
        *rows,
        f"  Earthquakes, station by station: {by_station}.",
        f"  Twice there was wind, of which the model knows nothing: it calls it {called}. A model knows no more than what was "
        "marked: mark some wind, and train again.",
        f"  The table of events: {table}. An event needs a probability of {THRESHOLD}; with more, fewer are false and more missed.",
    ]


def against_truth(events: Events, day: SimulatedSignals) -> dict[str, Any]:
    """Count what was found of what was to be heard, and what was found where nothing of its kind was.

    Parameters
    ----------
    events : Events
    day : SimulatedSignals

    Returns
    -------
    dict
        "kinds": for each kind how often it was heard (one event at one station each), found (an event of its kind there at
        that time), and false (an event of this kind not within 10 s of any, nor in wind); "by_station": heard and found
        earthquakes; "wind": how often it was heard, and what events in it are called.
    """
    kinds = {kind: {"heard": 0, "found": 0, "false": 0} for kind in KINDS}
    by_station: dict[str, dict[str, int]] = {}
    called: Counter[str] = Counter()
    windy = 0
    for j, name in enumerate(day.stations.tolist()):
        here = events.station == f"XX.{name}"
        in_wind = (_apart(events, day, "wind", j) < 0).any(axis=1) & here
        windy += int(np.isfinite(day.truth.start[day.truth.kind == "wind", j]).sum())
        for kind in KINDS:
            mine = here & (events.label == kind)
            apart = _apart(events, day, kind, j)
            false = mine & (apart >= WINDOW).all(axis=1)
            found = int((apart[mine] < 0).any(axis=0).sum())
            called[kind] += int((false & in_wind).sum())
            kinds[kind]["heard"] += apart.shape[1]
            kinds[kind]["found"] += found
            kinds[kind]["false"] += int((false & ~in_wind).sum())
            if kind == "earthquake":
                by_station[name] = {"heard": apart.shape[1], "found": found}
    return {"kinds": kinds, "by_station": by_station, "wind": {"heard": windy, "called": dict(+called)}}


def _apart(events: Events, day: SimulatedSignals, kind: str, station: int) -> np.ndarray:
    """Return how far each event is from each true one of a kind that was heard at a station, float64 (events, true) in s.

    Below 0 where they overlap.
    """
    truth = day.truth
    heard = (truth.kind == kind) & np.isfinite(truth.start[:, station])
    begins, ends = truth.start[heard, station], truth.end[heard, station]
    return np.asarray(np.maximum(events.start[:, None] - ends, begins - events.end[:, None]))
