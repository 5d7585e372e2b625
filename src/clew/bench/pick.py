"""Picking nets along a day of ground motion, beside SeisBench's annotate: time, memory, and whether the picks are the same."""

from __future__ import annotations

import dataclasses
import importlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from clew.bench.timing import Quality, Side, Sides, Work
from clew.errors import ClewError, check

RATE, COMPONENTS = 100.0, "ZNE"
HOURS, MONTH = 24, 30 * 24
GAPS, GAP = 5_000, 50  # in a day; samples that are missing in each
LEAST = 10  # samples of a piece between gaps
PART = 60_000  # samples, on which both curves are compared
RARE = 0.997  # of the moments of that part lie below the thresholds
BEGAN = 1_700_006_400.0  # a midnight
LOW, LOUD = -3.0, 1.5  # the mean of an EQTransformer's logits in noise, and their standard deviation
USUAL, BEST = 256, 64  # windows that SeisBench asks together unless told otherwise, and where it is fastest
NEEDS = ("seisbench", "obspy", "torch")
Engine = Literal["auto", "torch", "onnx"]


class Kind(NamedTuple):
    """A picking net as SeisBench has it."""

    words: str
    labels: tuple[str, ...]
    window: int
    overlap: int
    blinding: tuple[int, int]
    stacking: Literal["mean", "max"]
    norm_per_component: bool


KINDS = {
    "eqtransformer": Kind("EQTransformer", ("Detection", "P", "S"), 6000, 3000, (500, 500), "max", False),
    "phasenet": Kind("PhaseNet", ("N", "P", "S"), 3001, 1500, (0, 0), "mean", True),
}


def works() -> list[Work]:
    """Return the rows of ``clew bench pick``.

    A day of one station is simulated (`clew.simulate.signals`, seed 0): 3 components at 100 Hz, as a miniSEED file. Both
    sides read it and ask the same net with the same random weights about windows that overlap as SeisBench has them, on all
    cores; ours finds the picks, too. The thresholds are such that 3 in a thousand moments of its first ten minutes lie above them.
    SeisBench is asked as it comes, with batches of 256, and with batches of 64, where it is fastest here. With 5,000 gaps most pieces
    are shorter than a window: SeisBench leaves them out, and so does ours in the row "gappy"; in "padded" it answers them all.
    """
    found = []
    for name, kind in KINDS.items():
        day = f"{HOURS} h of a station, {n_windows(kind):,} windows: read, {kind.words}, picked"
        for row, batch in (("usual", USUAL), ("best", BEST)):
            rival = f"SeisBench annotate, batches of {batch}"
            found.append(Work(f"{name}-{row}", day, partial(_beside, name, batch), rival, NEEDS))
        rival = f"SeisBench annotate, batches of {USUAL}"
        for row, whole, which in (
            ("gappy", True, "pieces of a window or longer"),
            ("padded", False, "all pieces, theirs the long ones"),
        ):
            gaps = f"{HOURS} h with {GAPS:,} gaps, {which}: {kind.words}"
            found.append(Work(f"{row}-{name}", gaps, partial(_gappy, name, whole), rival, NEEDS))
        engines = f"{HOURS} h of a station: {kind.words} in ONNX Runtime, with its export"
        found.append(Work(f"onnx-{name}", engines, partial(_engines, name), "ours in torch", ("torch", "onnx", "onnxruntime")))  # fmt: skip
        month = f"30 days of a station: {kind.words}"
        found.append(Work(f"month-{name}", month, partial(_month, name), needs=("torch",), on_request=True))
    return found


def n_windows(kind: Kind) -> int:
    """Return how many windows a day without gaps has."""
    return -(-int(HOURS * 3600 * RATE - kind.window) // (kind.window - kind.overlap)) + 1


class Picked:
    """A station, a net with random weights, and the ways in which it is asked; seed 0.

    Parameters
    ----------
    name : str
        Of `KINDS`.
    gaps : int
        In the recording, at random places.
    hours : int, optional
    """

    def __init__(self, name: str, *, gaps: int = 0, hours: int | None = None) -> None:
        self.kind, self.name, self.gaps = KINDS[name], name, gaps
        self.hours = HOURS if hours is None else hours
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "XX.SIM.mseed"

    @cached_property
    def hour(self) -> np.ndarray:
        """Return an hour of counts, int32 (3, n)."""
        from clew.bench.signals import StationDay

        return StationDay().hour

    def write(self) -> Path:
        """Write the recording: the hour over and over, each turned on a little, so that all differ."""
        obspy = importlib.import_module("obspy")
        n = self.hour.shape[1]
        with open(self.path, "wb") as file:
            for i in range(self.hours):
                values, stream = np.roll(self.hour, i * 1_237, axis=1), obspy.Stream()
                for a, b in self._between_gaps(i, n):
                    start = obspy.UTCDateTime(BEGAN + (i * n + a) / RATE)
                    named = zip(COMPONENTS, values)
                    stream.extend([obspy.Trace(row[a:b], head(one, start)) for one, row in named])
                stream.write(file, format="MSEED", encoding="STEIM2", reclen=512)
        return self.path

    def _between_gaps(self, i: int, n: int) -> list[tuple[int, int]]:
        """Return where the pieces of an hour begin and end."""
        if not self.gaps:
            return [(0, n)]
        cuts = np.sort(np.random.default_rng(i).integers(0, n, self.gaps // self.hours))
        begins, ends = [0, *(cuts + GAP)], [*cuts, n]
        return [(int(a), int(b)) for a, b in zip(begins, ends) if b - a >= LEAST]

    # ---- ours ----
    @cached_property
    def model(self) -> Any:
        """Return ours, with random weights and the thresholds."""
        from clew.neural.architectures import build
        from clew.neural.picking_net import PickingNet
        from clew.neural.place import seeded

        kind = self.kind
        with seeded(0):
            net: Any = build(self.name, (len(COMPONENTS), kind.window), len(kind.labels), {}).eval()
            for one in net.state_dict().values():
                if (
                    one.ndim == 3
                ):  # as torch draws them, an EQTransformer answers the same, whatever it is asked
                    one.normal_(0, (2 / one[0].numel()) ** 0.5)
            if self.name == "eqtransformer":
                _make_rare(net, kind.window)
        made = PickingNet(
            architecture=self.name,
            net_settings=dataclasses.asdict(net.config),
            recipe={},
            seeds=[0],
            weights={f"0.{name}": one.numpy() for name, one in net.state_dict().items()},
            histories=[],
            labels=list(kind.labels),
            rate=RATE,
            window=kind.window,
            components=COMPONENTS,
            norm_per_component=kind.norm_per_component,
            overlap=kind.overlap,
            blinding=list(kind.blinding),
            stacking=kind.stacking,
        )
        curve = self._curve(made)
        high = [float(np.nanquantile(one, RARE)) for one in curve]
        named = {label: one for label, one in zip(kind.labels, high) if label != "N"}
        return dataclasses.replace(made, thresholds=named)

    def _curve(self, model: Any) -> np.ndarray:
        """Return the curves (n_labels, PART) of the first part, without gaps."""
        from clew.neural.scan import curves
        from clew.read.recording import recording_of

        recording = recording_of(self.hour[:, :PART].astype(np.float64), rate=RATE, start=BEGAN)
        probability: np.ndarray = curves(model, recording).probability
        return probability

    def picked(self, i: int, engine: Engine = "auto", shortest: float = 1.0) -> Any:
        """Read the recording and pick in it, as ``clew pick`` does."""
        from clew.kernels.threads import n_threads
        from clew.neural.scan import scan
        from clew.read.recordings import read_recordings

        recordings = read_recordings([self.path]).recordings
        return scan(self.model, recordings, engine=engine, threads=n_threads(), shortest=shortest)

    # ---- SeisBench ----
    @cached_property
    def theirs(self) -> Any:
        """Return SeisBench's net with the same weights."""
        importlib.import_module("seisbench").logger.setLevel("ERROR")
        models = importlib.import_module("seisbench.models")
        net = getattr(models, self.kind.words)(
            norm="std", **({"phases": "NPS"} if self.name == "phasenet" else {})
        )
        net.load_state_dict(self.model.net().state_dict())
        return net.eval()

    def annotated(self, i: int, batch: int = USUAL) -> Any:
        """Read the recording and let SeisBench annotate it."""
        stream = importlib.import_module("obspy").read(str(self.path))
        return self._annotate(stream, batch)

    def _annotate(self, stream: Any, batch: int = USUAL) -> Any:
        from clew.kernels.threads import n_threads
        from clew.neural.place import threads

        kind = self.kind
        stacking = {"mean": "avg", "max": "max"}[kind.stacking]
        with threads(n_threads()):
            return self.theirs.annotate(
                stream, overlap=kind.overlap, blinding=kind.blinding, stacking=stacking, batch_size=batch
            )

    # ---- judged ----
    def judge(self, outcomes: list[Any]) -> Quality:
        """Tell how many picks there are; of ours also how far the curves of a part lie from SeisBench's, at most."""
        if hasattr(outcomes[-1], "phase"):
            return self.count(outcomes) | {"off_annotate": self.off_annotate()}
        return self.count(outcomes)

    def count(self, outcomes: list[Any]) -> Quality:
        """Tell how many picks there are."""
        last = outcomes[-1]
        return {"picks": len(last) if hasattr(last, "phase") else self.picks_of(last)}

    def picks_of(self, stream: Any) -> int:
        """Return how many picks lie in annotations, by ObsPy."""
        onsets = importlib.import_module("obspy.signal.trigger").trigger_onset
        n = 0
        for label, threshold in self.model.thresholds.items():
            for trace in stream.select(channel=f"*_{label}") if label != "Detection" else ():
                n += len(onsets(np.nan_to_num(trace.data), threshold, threshold / 2))
        return n

    def off_annotate(self) -> float:
        """Return by how much the curves of a part differ at most."""
        obspy = importlib.import_module("obspy")
        began = obspy.UTCDateTime(BEGAN)
        values = zip(COMPONENTS, self.hour[:, :PART].astype(np.float64))
        stream = obspy.Stream([obspy.Trace(row, head(one, began)) for one, row in values])
        ours, apart = self._curve(self.model), 0.0
        for trace in self._annotate(stream):
            mine = ours[self.kind.labels.index(trace.stats.channel.rpartition("_")[2])]
            first = round((trace.stats.starttime - began) * RATE)
            away = np.abs(mine[first : first + len(trace.data)] - trace.data)
            apart = max(apart, float(np.nanmax(away)))
        return apart


def _make_rare(net: Any, window: int) -> None:
    """Let an EQTransformer say little most of the time, so that its picks come to an end."""
    import torch

    with torch.no_grad():
        for conv, said in zip((net.conv_d, *net.pick_convs), net(torch.randn(1, len(COMPONENTS), window))[0]):
            factor = LOUD / said.std()
            conv.bias.copy_((conv.bias - said.mean()) * factor + LOW)
            conv.weight *= factor


def head(component: str, start: Any) -> dict[str, Any]:
    """Return what ObsPy is to know of a trace."""
    place = {"network": "XX", "station": "SIM", "channel": f"HH{component}"}
    return place | {"sampling_rate": RATE, "starttime": start}


def _beside(name: str, batch: int) -> Sides:
    data = Picked(name)
    data.write()
    data.model  # noqa: B018  (made before anything is timed; SeisBench is not, lest its memory counts for ours)
    return Sides(Side(data.picked), Side(partial(data.annotated, batch=batch)), data.judge)


def _gappy(name: str, whole: bool) -> Sides:
    data = Picked(name, gaps=GAPS)
    data.write()
    data.model  # noqa: B018
    shortest = data.kind.window / RATE if whole else 1.0
    rival = Side(data.annotated, runs=1, warm=lambda: data.theirs)
    return Sides(Side(partial(data.picked, shortest=shortest)), rival, data.count)


def _engines(name: str) -> Sides:
    data = Picked(name)
    data.write()
    data.model  # noqa: B018
    onnx, torch = (Side(partial(data.picked, engine=one)) for one in ("onnx", "torch"))
    return Sides(onnx, torch, data.count)


def _month(name: str) -> Sides:
    """Pick by the command line, in a process of its own whose memory is told; another one writes the file."""
    data = Picked(name, hours=MONTH)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as another:
        another.submit(_write, name, data.path).result()
    model = "small" if name == "phasenet" else str(data.model.save_model(data.path.with_name("model")))
    out = data.path.with_name("picks.csv")
    return Sides(
        Side(partial(_command, data, model, out), runs=1, fixed=True, warm=lambda: None), judge=_told
    )


def _write(name: str, path: Path) -> None:
    data = Picked(name, hours=MONTH)
    data.path = path
    data.write()


def _command(data: Picked, model: str, out: Path, i: int) -> tuple[int, float]:
    """Run ``clew pick``; return how many picks it wrote, and its peak memory in MB."""
    words = [sys.executable, "-m", "clew", "pick", str(data.path), "--model", model, "--out", str(out)]
    running = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    check(
        running.returncode == 0,
        ClewError,
        "The command 'clew pick' must end with 0. Got {}.",
        running.returncode,
    )
    return len(out.read_text().splitlines()) - 1, usage.ru_maxrss / 1024


def _told(outcomes: list[tuple[int, float]]) -> Quality:
    picks, memory = outcomes[-1]
    return {"picks": picks, "command_mb": round(memory)}
