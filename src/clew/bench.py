"""Side by side with what one would use instead: the one place where timings live."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import Any, Literal

from clew.errors import SettingError, check
from clew.steps import Outcome

# What one types, and what one would type instead. Whole processes, as a person waits for them.
START: list[tuple[str, list[str], str, list[str]]] = [
    (
        "clew --help",
        [sys.executable, "-m", "clew", "--help"],
        "import sklearn.ensemble",
        [sys.executable, "-c", "import sklearn.ensemble"],
    ),
    (
        "import clew",
        [sys.executable, "-c", "import clew"],
        "import sklearn.cluster",
        [sys.executable, "-c", "import sklearn.cluster"],
    ),
]


WORKS = {"start": START}


def bench(*, work: Literal["start"] = "start", repeats: int = 5) -> Outcome:
    """Measure, side by side with the libraries one would use instead.

    Parameters
    ----------
    work : {"start"}
        What to measure; "start" is the time until a process has imported and answered.
    repeats : int
        Alternating runs of each side, after one that does not count.
    """
    from clew.study.record import versions

    check(repeats >= 1, SettingError, "The 'repeats' of bench must be at least 1. Got {} instead.", repeats)
    rows = [_pair(*one, repeats=repeats) for one in WORKS[work]]
    lines = [f"{'work':<14}{'ours':>10}{'rival':>10}{'ratio':>8}  rival"]
    lines += [
        f"{r['work']:<14}{r['ours_s']:>8.3f} s{r['rival_s']:>8.3f} s{r['ratio']:>8.2f}  {r['rival']}"
        for r in rows
    ]
    lines.append(f"Medians of {repeats} alternating runs of whole processes; the ratio is rival / ours.")
    return Outcome(lines, {"rows": rows, "versions": versions()})


def _pair(
    ours: str, our_command: list[str], rival: str, rival_command: list[str], *, repeats: int
) -> dict[str, Any]:
    """Run two commands in turn and return the medians of wall and CPU seconds, with the range of ours."""
    times: dict[str, list[tuple[float, float]]] = {"ours": [], "rival": []}
    for run in range(repeats + 1):
        for side, command in (("ours", our_command), ("rival", rival_command)):
            measured = _seconds(command)
            if run:
                times[side].append(measured)
    wall = {side: statistics.median(w for w, _ in runs) for side, runs in times.items()}
    cpu = {side: statistics.median(c for _, c in runs) for side, runs in times.items()}
    return {
        "work": ours,
        "rival": rival,
        "ours_s": round(wall["ours"], 4),
        "ours_range_s": [round(f(w for w, _ in times["ours"]), 4) for f in (min, max)],
        "rival_s": round(wall["rival"], 4),
        "ratio": round(wall["rival"] / wall["ours"], 2),
        "cpu_ratio": round(cpu["rival"] / cpu["ours"], 2),
        "peak_mb": None,
        "quality": None,
    }


def _seconds(command: list[str]) -> tuple[float, float]:
    """Run a command; return its wall and CPU seconds."""
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
