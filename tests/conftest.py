"""What all tests share."""

from __future__ import annotations

import fcntl
import gc
import os
import pickle
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from threadpoolctl import threadpool_limits

# Before any library reads it: OpenMP's threads (scikit-learn, faiss, openTSNE, torch) wait asleep. Awake they take the
# core that the other worker needs: on two busy cores openTSNE's 250 rows then cost 22 CPU seconds instead of 2.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# OpenBLAS is called from threads of our own: two of each cost twice. Where a plugin has loaded it before, it is told.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
threadpool_limits(int(os.environ["OPENBLAS_NUM_THREADS"]), user_api="blas")

# Python looks for cycles after every 700 new objects. Among all that libraries and pytest hold that was a third of the CPU
# time of collecting these tests (20 s, then 13 s), and a seventh of that of some that were measured (plot, splits).
gc.set_threshold(100_000, 10, 10)

FRESH = 400_000_000  # bytes of a process that has only what pixels need
DATA = Path(os.environ.get("CLEW_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def pytest_collection_finish() -> None:
    """Leave what was imported by now out of every search for cycles: it stays as long as the process."""
    gc.collect()
    gc.freeze()


def shared(relative: str) -> Path:
    """Return the path of a real data file, or skip the test where the collection is absent (never in CI)."""
    path = DATA / relative
    if not path.exists():
        if os.environ.get("CI"):
            pytest.fail(f"the shared data set '{relative}' must be there in CI")
        pytest.skip(f"needs the shared data set '{relative}'")
    return path


@pytest.fixture(autouse=True)
def memory_of_a_fresh_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the budget of pixels count what a process of its own would hold, not what hundreds of tests have left in this one."""
    from clew.learn import budget

    held = budget.held_bytes
    monkeypatch.setattr(budget, "held_bytes", lambda: min(held(), FRESH))


@pytest.fixture(scope="session")
def demonstrated(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Any]]:
    """Run a demo's command once for all workers: the folder that it made, not to be changed, and what it told.

    ``demonstrated("clew demo --out clew-demo --no-serve")`` does as the command line would, with the folder elsewhere.
    """
    from clew.app import demonstrating
    from clew.cli import main

    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base  # which all workers of this run share

    def run(line: str) -> tuple[Path, Any]:
        words = shlex.split(line)[1:]
        at = words.index("--out") + 1
        room = base / re.sub(r"\W+", "-", line)
        room.mkdir(exist_ok=True)
        out, kept = room / words[at], room / "told.pickle"
        with open(room / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                told = []
                with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as left:
                    walk = demonstrating.walk_through
                    patch.setattr(
                        demonstrating, "walk_through", lambda *a, **b: told.append(walk(*a, **b)) or told[0]
                    )
                    main([*words[:at], str(out), *words[at + 1 :]])
                assert left.value.code == 0, line
                kept.write_bytes(pickle.dumps(told[0]))
        return out, pickle.loads(kept.read_bytes())

    return run
