"""How long until a process has started and answered: whole processes, as a person waits for them."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from clew.bench.timing import Side, Sides, Work

PYTHON = [sys.executable, "-c"]


def works() -> list[Work]:
    """Return the rows of ``clew bench start``."""
    return [
        Work(
            "start-help",
            "clew --help",
            partial(
                _commands, [sys.executable, "-m", "clew", "--help"], [*PYTHON, "import sklearn.ensemble"]
            ),
            rival="import sklearn.ensemble",
            peak=False,
        ),
        Work(
            "start-import",
            "import clew",
            partial(_commands, [*PYTHON, "import clew"], [*PYTHON, "import sklearn.cluster"]),
            rival="import sklearn.cluster",
            peak=False,
        ),
    ]


def command(*arguments: str) -> Side:
    """Return a side that runs a whole process; CalledProcessError tells where it failed."""
    return Side(
        lambda i: subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    )


def _commands(ours: list[str], rival: list[str]) -> Sides:
    return Sides(command(*ours), command(*rival))
