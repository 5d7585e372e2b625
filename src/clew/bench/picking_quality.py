"""How good is a picker at stations that it never heard, beside STA/LTA and an autoregressive picker on the same windows?

``python -m clew.bench.picking_quality FOLDER --keep KEPT`` prints the table; with ``--ship MODEL`` it then trains the model that
clew comes with, on all stations, with the thresholds that the table's nets chose for stations that they had not heard.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import DataError, check
from clew.measure.picks import Picks
from clew.neural.picking_rows import Waveform, trimmed
from clew.neural.picking_settings import Changes, PickingSettings
from clew.read.picks import KnownPick
from clew.read.recording import Recording, recording_of

if TYPE_CHECKING:
    from clew.neural.picking_net import PickingNet
    from clew.validate.pick_thresholds import ThresholdCurve

RATE, SECONDS = 100.0, 30.0  # Hz; s of the windows that are judged
FOLDS, SHIFTS = 5, 10
EARLIEST, LATEST = (
    10.5,
    1.5,
)  # s: P comes no earlier, as STA/LTA says nothing in the first 10; S no later before the end
QUIET = 2.0  # s before P that are not judged as noise
PHASES, TOLERANCES = ("P", "S"), (0.1, 0.5)
ARMS = ("simulated", "real alone")
LOWEST = 0.02  # probability of a candidate
Log = Callable[[str], None]


def waveforms_in(folder: Path) -> list[Waveform]:
    """Read PhaseNet's windows, ``index.csv`` and one .npz each: Z, N, E in counts, zeros for a dead component."""
    found = []
    with open(folder / "index.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            with np.load(folder / row["fname"]) as one:
                values = one["data"].T[::-1].astype(np.float32)  # E, N, Z
            picks = {"P": [float(row["itp"])], "S": [float(row["its"])]}
            found.append(
                Waveform(values, picks, f"{row['network']}.{row['station']}", Path(row["fname"]).stem)
            )
    check(found, DataError, "The folder '{}' must hold windows. Got none.", folder)
    return found


def folds_of(waveforms: Sequence[Waveform], n: int = FOLDS) -> list[set[str]]:
    """Return the stations that each fold is tested on: every station in one of them."""
    stations = np.random.default_rng(0).permutation(sorted({one.group for one in waveforms})).tolist()
    return [set(stations[i::n]) for i in range(n)]


@dataclasses.dataclass(frozen=True, eq=False)
class Shifted:
    """A window around an event, cut at random.

    Parameters
    ----------
    name : str
    file : str
        The waveform that it is of.
    values : ndarray of float32, shape (3, 3000)
    picks : dict of str to float
        In s from its beginning.
    three : bool
        Whether all components live.
    """

    name: str
    file: str
    values: np.ndarray
    picks: dict[str, float]
    three: bool

    @property
    def recording(self) -> Recording:
        """Return the living components as a recording."""
        return living(self.values, self.name)


def living(values: np.ndarray, name: str) -> Recording:
    """Return the components of an array (3, n) that live as a recording."""
    rows = [row for row in range(3) if np.ptp(values[row]) > 0] or [0]
    return recording_of(values[rows], rate=RATE, name=name, components=["ZNE"[row] for row in rows])


def shifted(one: Waveform, shifts: int = SHIFTS) -> list[Shifted]:
    """Cut windows of 30 s around the event of a waveform, P and S at random places in them, the same for every picker."""
    random = np.random.default_rng([*one.name.encode()])
    p, s = one.picks["P"][0], one.picks["S"][0]
    low, high = EARLIEST * RATE, (SECONDS - LATEST) * RATE - (s - p)
    found, n = [], int(SECONDS * RATE)
    for number in range(shifts):
        first = int(np.clip(p - random.uniform(low, max(low + 1, high)), 0, one.values.shape[1] - n))
        picks = {"P": (p - first) / RATE, "S": (s - first) / RATE}
        found.append(Shifted(f"{one.name} {number}", one.name, one.values[:, first : first + n], picks, bool(one.live.all())))  # fmt: skip
    return found


def quiet(one: Waveform) -> Recording | None:
    """Return what a waveform holds before its event, without padding; None where that is shorter than 10 s."""
    before = trimmed(one)
    stop = int(before.first - QUIET * RATE)
    return living(before.values[:, :stop], one.name) if stop >= 10 * RATE else None


# ---- what pickers say ----
def said_by_net(model: PickingNet, waveforms: Sequence[Waveform], shifts: int = SHIFTS) -> dict[str, Any]:
    """Return what a net says of windows and of noise, as JSON keeps it.

    Returns
    -------
    dict
        "highest": for each window and phase the time in s at which its probability is highest; "picks" and "false": its
        candidates in windows and in noise, each (name, phase, time in s, probability).
    """
    from clew.neural.scan import curves, scan

    lowest = dict.fromkeys(model.phases, LOWEST)
    windows = [window for one in waveforms for window in shifted(one, shifts)]
    highest = {}
    for window in windows:
        told = curves(model, window.recording, engine="torch")
        highest[window.name] = {phase: float(np.nanargmax(told.probability[model.labels.index(phase)]) / told.rate) for phase in PHASES}  # fmt: skip
    noise = [one for one in map(quiet, waveforms) if one is not None]
    picks = scan(model, [one.recording for one in windows], thresholds=lowest, engine="torch")
    false = scan(model, noise, thresholds=lowest, engine="torch")
    return {"highest": highest, "picks": rows_of(picks), "false": rows_of(false)}


def rows_of(picks: Picks) -> list[list[Any]]:
    """Return picks as lists (name, phase, time in s, probability)."""
    columns = (picks.recording, picks.phase, np.round(picks.time, 4), np.round(picks.probability, 5))
    return [list(row) for row in zip(*(one.tolist() for one in columns))]


def said_by_rivals(waveforms: Sequence[Waveform], shifts: int = SHIFTS) -> dict[str, dict[str, Any]]:
    """Return what STA/LTA and the autoregressive picker of ObsPy say of the same windows, and of whole waveforms; the first also of noise."""
    from clew.measure.pick_rivals import pick_window, rival_picks

    found: dict[str, dict[str, Any]] = {}
    for method in ("sta_lta", "ar"):
        cut, whole = dict[str, Any](), dict[str, Any]()
        for one in waveforms:
            told = pick_window(one.values[one.live], RATE, method)
            for window in shifted(one, shifts):
                cut[window.name] = dict(pick_window(window.values[one.live], RATE, method))
                begins = one.picks["P"][0] / RATE - window.picks["P"]
                whole[window.name] = {
                    phase: None if at is None else at - begins for phase, at in told.items()
                }
        found[method], found[f"{method}, 90 s"] = {"highest": cut}, {"highest": whole}
    noise = [one for one in map(quiet, waveforms) if one is not None and one.duration > 11]
    found["sta_lta"]["false"] = rows_of(rival_picks(noise))
    return found


# ---- figures ----
def hits(
    waveforms: Sequence[Waveform], said: Mapping[str, Mapping[str, float | None]], shifts: int = SHIFTS
) -> dict[str, float]:
    """Return of how many events a phase was found within 0.1 and 0.5 s, in the mean over shifts: P of all, S of those with three components.

    Parameters
    ----------
    waveforms : sequence of Waveform
    said : mapping of str to mapping
        For each window the time in s of each phase, or None.
    """
    counts = {f"{phase} {tolerance:g}": 0.0 for phase in PHASES for tolerance in TOLERANCES}
    for one in waveforms:
        for window in shifted(one, shifts):
            for phase in PHASES:
                at = said[window.name].get(phase)
                if at is None or (phase == "S" and not window.three):
                    continue
                for tolerance in TOLERANCES:
                    near = abs(at - window.picks[phase]) <= tolerance + 1e-6
                    counts[f"{phase} {tolerance:g}"] += near / shifts
    return counts | {
        "events": float(len(waveforms)),
        "three": float(sum(one.live.all() for one in waveforms)),
    }


def known_of(waveforms: Sequence[Waveform], shifts: int = SHIFTS) -> list[KnownPick]:
    """Return the picks of all windows, S only of those with three components."""
    return [
        KnownPick(window.name, phase, at, event=window.file)
        for one in waveforms
        for window in shifted(one, shifts)
        for phase, at in window.picks.items()
        if phase == "P" or window.three
    ]


def picks_of(rows: Sequence[Sequence[Any]]) -> Picks:
    """Return the candidates (name, phase, time in s, probability) as picks."""
    names, phases, times, probabilities = zip(*rows) if rows else ((), (), (), ())
    none = np.full(len(rows), np.nan)
    return Picks(
        recording=np.array(names, str), station=np.array(names, str), phase=np.array(phases, str),
        time=np.array(times, np.float64), probability=np.array(probabilities, np.float64), uncertainty=none, start=none,
        end=none, dated=np.zeros(len(rows), bool),
    )  # fmt: skip


def curve(
    waveforms: Sequence[Waveform], said: Mapping[str, Any], phase: str, shifts: int = SHIFTS
) -> ThresholdCurve:
    """Return precision, recall and F1 within 0.1 s of a phase in windows and noise, against the threshold."""
    from clew.validate.pick_thresholds import threshold_curve

    three = {one.name for one in waveforms if one.live.all()}
    files = three if phase == "S" else {one.name for one in waveforms}
    of_window = [row for row in said["picks"] if row[0].rpartition(" ")[0] in files]
    of_noise = [["noise " + row[0], *row[1:]] for row in said["false"] if row[0] in files]
    return threshold_curve(picks_of([*of_window, *of_noise]), known_of(waveforms, shifts), phase=phase)


def at_threshold(
    waveforms: Sequence[Waveform], said: Mapping[str, Any], thresholds: Mapping[str, float], shifts: int = SHIFTS
) -> dict[str, float]:  # fmt: skip
    """Return counts at thresholds: right, found and known picks of each phase within 0.1 and 0.5 s, false alarms in noise."""
    from clew.validate.pick_pairs import judge

    three = {one.name for one in waveforms if one.live.all()}
    counts: dict[str, float] = {}
    kept = [row for row in said["picks"] if row[3] >= thresholds[row[1]]]
    kept = [row for row in kept if row[1] == "P" or row[0].rpartition(" ")[0] in three]
    data = judge(picks_of(kept), known_of(waveforms, shifts), None, "recording", PHASES)
    for phase in PHASES:
        counts[f"{phase} known"] = float((data.phase == phase).sum())
        counts[f"{phase} found"] = float((data.found_phase == phase).sum())
        counts[f"{phase} false"] = float(sum(row[1] == phase and row[3] >= thresholds[phase] for row in said["false"]))  # fmt: skip
        for tolerance in TOLERANCES:
            counts[f"{phase} right {tolerance:g}"] = float((data.pairs(phase, tolerance) >= 0).sum())
    return counts


# ---- all folds ----
def settings_of(arm: str, **more: Any) -> PickingSettings:
    """Return how the nets of an arm are trained: all stations of the fold's other side teach, and thresholds come from other folds."""
    none: dict[str, Any] = (
        {} if arm == ARMS[0] else {"simulated": 0, "pretraining": 0.0, "changes": Changes(simulated=0.0)}
    )
    return PickingSettings(**{"held_out": 0.0} | none | more)


def fold(
    waveforms: Sequence[Waveform], stations: set[str], settings: PickingSettings, shifts: int = SHIFTS
) -> dict[str, Any]:
    """Train without some stations, and return what the net says of them, with the CPU-seconds of training."""
    from clew.neural.picking_training import train_picker

    start = time.process_time()
    model = train_picker([one for one in waveforms if one.group not in stations], settings=settings)
    seconds = time.process_time() - start
    test = [one for one in waveforms if one.group in stations]
    return {"stations": sorted(stations), "seconds": round(seconds, 1), **said_by_net(model, test, shifts)}


def picking_quality(
    folder: Path, *, keep: Path | None = None, arms: Sequence[str] = ARMS, folds: Sequence[int] = tuple(range(FOLDS)),
    shifts: int = SHIFTS, log: Log = lambda _: None, **settings: Any,
) -> dict[str, Any]:  # fmt: skip
    """Test every event once by a net that did not hear its station, and by classical pickers on the same windows.

    Parameters
    ----------
    folder : Path
        PhaseNet's windows: ``signals/phasenet_ncedc`` of the shared data.
    keep : Path, optional
        A folder where what each net said is kept, and taken from where it is there already.
    arms : sequence of str
        "simulated": simulated earthquakes first, and among the real ones; "real alone": without, at as many updates.
    folds : sequence of int
        Which of the five.
    shifts : int
        Windows of each event.
    log : callable
        Told after each net.
    **settings
        Of `PickingSettings`, for all arms.

    Returns
    -------
    dict
        "hits": for each arm and rival `hits`; "at threshold": for each arm what `across` counts, with the thresholds as
        `clew.neural.picking_training.settled_threshold` chooses them, and those of the best F1; "curves" and "thresholds" over
        all folds; "noise": s of noise; "seconds": of CPU for each net.
    """
    from clew.neural.picking_training import settled_threshold

    waveforms = waveforms_in(folder)
    sides = folds_of(waveforms)
    tested = [one for one in waveforms if any(one.group in sides[i] for i in folds)]
    quiet_s = sum(one.duration for one in map(quiet, tested) if one is not None)
    told: dict[str, Any] = {
        "hits": {},
        "at threshold": {},
        "noise": quiet_s,
        "curves": {},
        "thresholds": {},
        "seconds": {},
    }
    for arm in arms:
        said = []
        for i in folds:
            path = None if keep is None else keep / f"{arm.replace(' ', '_')}_{i}.json"
            if path is not None and path.exists():
                said.append(json.loads(path.read_text()))
                continue
            said.append(fold(waveforms, sides[i], settings_of(arm, **settings), shifts))
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(said[-1]))
            own = [one for one in waveforms if one.group in sides[i]]
            log(
                f"{arm}, fold {i}: {said[-1]['seconds']:.0f} CPU-s, {_spell(hits(own, said[-1]['highest'], shifts))}"
            )
        told["hits"][arm] = hits(tested, _joined(said)["highest"], shifts)
        told["seconds"][arm] = [one["seconds"] for one in said]
        tests = [[one for one in waveforms if one.group in sides[i]] for i in folds]
        told["at threshold"][arm] = across(tests, said, settled_threshold, shifts)
        told["at threshold"][f"{arm}, best F1"] = across(tests, said, lambda one: one.chosen, shifts)
        curves = {phase: curve(tested, _joined(said), phase, shifts) for phase in PHASES}
        told["curves"][arm] = {phase: one.summary() for phase, one in curves.items()}
        told["thresholds"][arm] = {phase: settled_threshold(one) for phase, one in curves.items()}
    rivals = said_by_rivals(tested, shifts)
    told["hits"] |= {name: hits(tested, one["highest"], shifts) for name, one in rivals.items()}
    told["false of sta_lta"] = len(rivals["sta_lta"]["false"])
    return told


def across(
    tests: Sequence[Sequence[Waveform]],
    said: Sequence[Mapping[str, Any]],
    choose: Callable[[ThresholdCurve], float],
    shifts: int = SHIFTS,
) -> dict[str, Any]:
    """Count for all folds together what `at_threshold` does, each at thresholds that the others chose.

    Parameters
    ----------
    tests : sequence of sequence of Waveform
        Of each fold.
    said : sequence of mapping
        What the net of each fold said of them.
    choose : callable
        Takes a curve, returns the threshold.
    shifts : int
    """
    counts: dict[str, Any] = {"thresholds": []}
    for i, (test, mine) in enumerate(zip(tests, said)):
        others = [one for k, some in enumerate(tests) if k != i for one in some] or test
        theirs = _joined([one for k, one in enumerate(said) if k != i] or said)
        thresholds = {phase: choose(curve(others, theirs, phase, shifts)) for phase in PHASES}
        counts["thresholds"].append(thresholds)
        for name, value in at_threshold(test, mine, thresholds, shifts).items():
            counts[name] = counts.get(name, 0.0) + value
    return counts


def _joined(said: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    highest = {name: one for each in said for name, one in each["highest"].items()}
    return {"highest": highest} | {
        name: [row for each in said for row in each[name]] for name in ("picks", "false")
    }


def _spell(counts: Mapping[str, float]) -> str:
    numbers = ", ".join(f"{name} s {value:.1f}" for name, value in counts.items() if name[0] in "PS")
    return f"{numbers} of {counts['events']:.0f} and {counts['three']:.0f}"


def table(told: Mapping[str, Any]) -> str:
    """Write what `picking_quality` found as lines of text."""
    lines = [
        "Highest probability in windows that hold an event (P of all, S of those with three components):"
    ]
    lines += [f"  {name:20s} {_spell(one)}" for name, one in told["hits"].items()]
    lines += ["At thresholds that other stations chose:"]
    for arm, one in told["at threshold"].items():
        for phase in PHASES:
            for tolerance in TOLERANCES:
                precision, recall, f1 = shares(one, phase, tolerance)
                lines.append(f"  {arm:20s} {phase} {tolerance:g} s: precision {precision:.3f}, recall {recall:.3f}, F1 {f1:.3f}")  # fmt: skip
            hours = told["noise"] / 3600
            lines.append(
                f"  {arm:20s} {phase}: {one[f'{phase} false']:.0f} false alarms in {hours:.2f} h of noise"
            )
    lines.append(
        f"  STA/LTA: {told['false of sta_lta']} false alarms in the same noise, less 10 s of each piece"
    )
    return "\n".join(lines)


def shares(counts: Mapping[str, float], phase: str, tolerance: float) -> tuple[float, float, float]:
    """Return precision, recall and F1 of what `at_threshold` counted."""
    right, found, known = (counts[f"{phase} {what}"] for what in (f"right {tolerance:g}", "found", "known"))
    return right / max(found, 1), right / max(known, 1), 2 * right / max(found + known, 1)


# ---- the model that clew comes with ----
CITED = (
    "Waveforms and picks: Northern California Earthquake Data Center, UC Berkeley Seismological Laboratory, doi:10.7932/NCEDC; "
    "windows as in the repository of PhaseNet (MIT licence, Weiqiang Zhu)."
)


def ship(folder: Path, model: Path, told: Mapping[str, Any], **settings: Any) -> Path:
    """Train on all stations, with thresholds that the folds chose, and write the model with a card that says how good its like was."""
    from clew.neural.picking_training import train_picker

    waveforms = waveforms_in(folder)
    arm = ARMS[0]
    where = f"{len(waveforms)} windows of local earthquakes at {len({one.group for one in waveforms})} stations in northern California. {CITED}"  # fmt: skip
    trained = train_picker(waveforms, settings=settings_of(arm, **settings), trained_on=[where])
    curves = told["curves"][arm]
    validation = {
        "how": "five nets, each trained without a fifth of the stations, on those; this one has learnt from all stations",
        "hits": told["hits"], "curves": curves, "noise seconds": told["noise"],
    }  # fmt: skip
    thresholds = told["thresholds"][arm]
    notes = [
        "Trained on few and local earthquakes of one region: it has never heard teleseisms, tremor, blasts, ocean-bottom sensors "
        "or strong motion, and other rates than 100 Hz only as they are resampled.",
        "It is made anew by `python -m clew.bench.picking_quality WINDOWS --arm simulated --ship FOLDER`, to the same bits with the "
        "same versions on the same kind of machine.",
        "Weights that were trained on millions of picks know more: SeisBench has some, and clew reads them.",
    ]
    done = dataclasses.replace(
        trained, thresholds=thresholds, validation=validation, notes=[*trained.notes, *notes]
    )
    return done.save_model(model, quality=sentences(told))


def sentences(told: Mapping[str, Any]) -> list[str]:
    """Say for the card what the table says."""
    arm = ARMS[0]
    counts, net = told["at threshold"][arm], told["hits"][arm]
    lines = [
        "Measured on nets of the same recipe, each on stations that it had not heard (five folds, every event once, windows of "
        f"30 s cut at random, {CITED.partition(':')[0].lower()} as named above): the highest probability lay within 0.1 s of the "
        f"analyst's P in {net['P 0.1']:.1f} and within 0.5 s in {net['P 0.5']:.1f} of {net['events']:.0f} events, of S in "
        f"{net['S 0.1']:.1f} and {net['S 0.5']:.1f} of {net['three']:.0f} with three components; recursive STA/LTA, P: "
        f"{told['hits']['sta_lta']['P 0.1']:.1f} and {told['hits']['sta_lta']['P 0.5']:.1f}; ObsPy's ar_pick, S: "
        f"{told['hits']['ar']['S 0.1']:.1f} and {told['hits']['ar']['S 0.5']:.1f}, in the whole 90 s "
        f"{told['hits']['ar, 90 s']['S 0.1']:.1f} and {told['hits']['ar, 90 s']['S 0.5']:.1f}."
    ]
    if ARMS[1] in told["hits"]:
        other = told["hits"][ARMS[1]]
        lines.append(
            "Without simulated earthquakes, at as many updates: "
            f"P {other['P 0.1']:.1f} and {other['P 0.5']:.1f}, S {other['S 0.1']:.1f} and {other['S 0.5']:.1f}."
        )
    for phase in PHASES:
        precision, recall, f1 = shares(counts, phase, 0.1)
        lines.append(
            f"{phase} at a threshold that other stations chose, within 0.1 s: precision {precision:.2f}, recall {recall:.2f}, F1 "
            f"{f1:.2f}; {counts[f'{phase} false']:.0f} false alarms in {told['noise'] / 60:.0f} minutes of noise."
        )
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, and train the model where one is to be shipped."""
    import argparse

    parser = argparse.ArgumentParser(prog="python -m clew.bench.picking_quality", description=__doc__)
    parser.add_argument("folder", type=Path, help="PhaseNet's windows, with index.csv")
    parser.add_argument("--keep", type=Path, help="where what each net said is kept")
    parser.add_argument("--arm", action="append", choices=ARMS, help="only this one")
    parser.add_argument("--ship", type=Path, help="a new folder for the model")
    given = parser.parse_args(arguments)
    told = picking_quality(given.folder, keep=given.keep, arms=given.arm or ARMS, log=lambda text: print(text, flush=True))  # fmt: skip
    print(table(told))
    if given.ship:
        print(ship(given.folder, given.ship, told))


if __name__ == "__main__":
    main()
