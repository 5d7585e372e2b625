"""Two sides of one work, timed in turn; their memory, each in a fresh process of its own."""

from __future__ import annotations

import contextlib
import gc
import importlib.metadata
import multiprocessing
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from clew.errors import SettingError, check

Quality = dict[str, float]
MEGABYTE = 1e6


@dataclass(frozen=True)
class Side:
    """One way of doing a work.

    Parameters
    ----------
    run : callable
        ``run(i)`` does the work for the i-th time (i is the seed where one is needed) and returns what came out.
    times : int
        The seconds of one ``run`` count so many times: 20 where one run stands for twenty.
    of : str
        What one run makes, where it is not the whole work: "one seed".
    runs : int, optional
        Timed runs at most, where they are long; or in any case, with ``fixed``.
    fixed : bool
        Make ``runs`` runs whatever the number of repeats.
    warm : callable, optional
        Does a little of the same, so that compilers and caches are warm; ``run(0)`` otherwise.
    """

    run: Callable[[int], Any]
    times: int = 1
    of: str = ""
    runs: int | None = None
    fixed: bool = False
    warm: Callable[[], Any] | None = None

    def count(self, repeats: int) -> int:
        """Return the number of timed runs."""
        if self.runs is None:
            return repeats
        return self.runs if self.fixed else min(self.runs, repeats)

    def how(self, repeats: int) -> str:
        """Say in words what the seconds of this side are."""
        n = self.count(repeats)
        median = f"the median of {n} runs" if n > 1 else "one run"
        return f"{self.times} x {median} of {self.of}" if self.times > 1 else median


@dataclass(frozen=True)
class Sides:
    """Ours and the rival, over data that both share, and a judge of what came out.

    Parameters
    ----------
    ours : Side
    rival : Side or None
    judge : callable, optional
        Takes all that the runs of one side returned, in a list; returns named figures.
    where : callable, optional
        Takes the median seconds of ours; tells where they go, by a run more that is not timed.
    close : callable
        Ends what the runs needed, such as a server.
    """

    ours: Side
    rival: Side | None = None
    judge: Callable[[list[Any]], Quality] | None = None
    where: Callable[[float], dict[str, Any]] | None = None
    close: Callable[[], Any] = lambda: None


@dataclass(frozen=True)
class Work:
    """One row of the bench.

    Parameters
    ----------
    name : str
    what : str
        The work in words, with the size of the data.
    prepare : callable
        Makes the data and returns the `Sides`; a function of a module, so that a fresh process can call it too.
    rival : str or None
        What one would use instead, in words, with its settings.
    needs : tuple of str
        Distributions, or programs such as gcc, that must be installed.
    fresh : bool
        Time every run in a fresh process, too: for works that should leave nothing behind.
    peak : bool
        Measure the peak memory of both sides, by one run each in a fresh process.
    on_request : bool
        Done only where it is named.
    """

    name: str
    what: str
    prepare: Callable[[], Sides]
    rival: str | None = None
    needs: tuple[str, ...] = ()
    fresh: bool = False
    peak: bool = True
    on_request: bool = False


@dataclass(frozen=True)
class Clocked:
    """What came out of a run whose seconds a clock nearer to the work has told, such as that of a page in a browser."""

    seconds: float
    outcome: Any = None


class Spent(NamedTuple):
    """What one run cost, children included: seconds of wall and CPU, and megabytes at the peak."""

    wall: float
    cpu: float
    peak_mb: float
    outcome: Any = None


def measure(work: Work, *, repeats: int) -> dict[str, Any]:
    """Time both sides of a work in turn and return its row.

    Parameters
    ----------
    work : Work
    repeats : int
        Timed runs of each side, after a warm-up that does not count; sides that say so make fewer.
    """
    sides = work.prepare()
    both = {name: side for name, side in (("ours", sides.ours), ("rival", sides.rival)) if side is not None}
    try:
        spent = _in_turn(work, both, repeats)
    finally:
        sides.close()
    peaks: dict[str, float | None] = dict.fromkeys(("ours", "rival"))
    if work.peak:
        alone = {name: spent[name] if work.fresh else [_alone(work, name)] for name in both}
        peaks |= {name: round(max(one.peak_mb for one in runs)) for name, runs in alone.items()}
    judged = None
    if sides.judge is not None:
        judged = {name: sides.judge([one.outcome for one in runs]) for name, runs in spent.items()}
    seconds = _seconds(both, spent)
    return {"work": work.name, "what": work.what, "rival": work.rival} | {
        **seconds,
        "how": {name: side.how(repeats) for name, side in both.items()},
        "peak_mb": peaks if work.peak else None,
        "quality": judged,
        "where": sides.where(seconds["ours_s"]) if sides.where is not None else None,
    }


def _in_turn(work: Work, both: dict[str, Side], repeats: int) -> dict[str, list[Spent]]:
    """Alternate between the sides, so that both meet the same weather on the machine."""
    if not work.fresh:
        for side in both.values():
            side.warm() if side.warm is not None else side.run(0)
    spent: dict[str, list[Spent]] = {name: [] for name in both}
    for i in range(max(side.count(repeats) for side in both.values())):
        for name, side in both.items():
            if i < side.count(repeats):
                spent[name].append(_alone(work, name, i) if work.fresh else spend(partial(side.run, i)))
    return spent


def _seconds(both: dict[str, Side], spent: dict[str, list[Spent]]) -> dict[str, Any]:
    """Return medians, ranges and ratios; None for a rival that is not there."""
    told: dict[str, Any] = {}
    medians: dict[str, dict[str, float]] = {"wall": {}, "cpu": {}}
    for name in ("ours", "rival"):
        suffixes = ("s", "cpu_s", "range_s")
        if name not in both:
            told |= dict.fromkeys(f"{name}_{suffix}" for suffix in suffixes)
            continue
        times = both[name].times
        walls, cpus = ([times * one[i] for one in spent[name]] for i in (0, 1))
        medians["wall"][name], medians["cpu"][name] = statistics.median(walls), statistics.median(cpus)
        values = (medians["wall"][name], medians["cpu"][name], [min(walls), max(walls)])
        told |= {f"{name}_{suffix}": _rounded(value) for suffix, value in zip(suffixes, values)}
    for ratio, of in (("ratio", "wall"), ("cpu_ratio", "cpu")):
        side = medians[of]
        told[ratio] = round(side["rival"] / max(side["ours"], 1e-9), 2) if "rival" in side else None
    return told


def _rounded(seconds: Any) -> Any:
    return [_rounded(one) for one in seconds] if isinstance(seconds, list) else round(seconds, 4)


def spend(run: Callable[[], Any]) -> Spent:
    """Do something, and return what it cost and what came out; the peak is that of this process so far."""
    gc.collect()
    cpu, began = _cpu_seconds(), time.perf_counter()
    outcome = run()
    wall = time.perf_counter() - began
    if isinstance(outcome, Clocked):
        wall, outcome = outcome.seconds, outcome.outcome
    return Spent(wall, _cpu_seconds() - cpu, peak_mb(), outcome)


def _cpu_seconds() -> float:
    """Return the CPU seconds of all threads of this process and of its children that have ended."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, who))


def peak_mb() -> float:
    """Return the most memory that this process, or the largest of its children, held so far, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    status = Path("/proc/self/status")
    if (
        status.exists()
    ):  # getrusage would tell the peak of the process that started this one, where that was larger
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        own = int(lines["VmHWM"].split()[0]) * 1024
    else:
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return max(own, children) / MEGABYTE


def _forget_peak() -> None:
    """Begin to look for the peak anew, so that making the data does not count where the system can forget (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _alone(work: Work, name: str, i: int = 0) -> Spent:
    """Make one run of one side in a fresh process; its peak holds interpreter, libraries, data and compiling."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(_one_run, work.prepare, name, i, work.fresh).result()


def _one_run(prepare: Callable[[], Sides], name: str, i: int, keep: bool) -> Spent:
    side = getattr(prepare(), name)
    _forget_peak()
    spent = spend(partial(side.run, i))
    return spent if keep else spent._replace(outcome=None)


# ---- what must be there, and where it ran ----
def check_installed(works: Iterable[Work]) -> None:
    """Raise SettingError where a library that a work needs is not installed: nothing is left out in silence."""
    missing = sorted({name for work in works for name in work.needs if not _version(name)})
    check(
        not missing,
        SettingError,
        "The libraries that bench measures beside must be installed. Got no {}; install them with: pip install 'clew[bench,image]' (gcc comes with the system).",
        " and no ".join(missing),
    )


def versions_of(works: Sequence[Work]) -> dict[str, str]:
    """Return the versions of the libraries that works need."""
    return {name: _version(name) for work in works for name in work.needs}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return _program_version(name)


def _program_version(name: str) -> str:
    """Return the version that a program of this name tells, or "" where there is none."""
    if shutil.which(name) is None:
        return ""
    told = subprocess.run([name, "--version"], check=False, capture_output=True, text=True).stdout.split(
        "\n"
    )[0]
    return told.rpartition(" ")[2]


def machine() -> dict[str, Any]:
    """Return the processor, its cores, those that this process may use, and how busy they were before."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "usable_cores": usable,
        "load": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
