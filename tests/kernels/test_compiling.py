"""The first process says on stderr that it compiles; the second finds the loops on disk, and says nothing."""

from __future__ import annotations

import os
import subprocess
import sys

CODE = (
    "import numpy as np; from clew.cli import _show_log; _show_log();"
    "from clew.kernels.contingency import pair_counts;"
    "labels = np.zeros(3, np.int32); pair_counts(labels, labels, 1, 1); pair_counts(labels, labels.astype(np.int64), 1, 1)"
)


def said_by(code, cache):
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == ""
    return run.stderr


def test_compiling_is_said_once_and_only_by_the_process_that_compiles(tmp_path):
    first, second = said_by(CODE, tmp_path), said_by(CODE, tmp_path)
    assert first.count("\n") == 1
    assert first.startswith("Compiling for this machine")
    assert second == ""


def test_what_others_compile_is_not_announced(tmp_path):
    others = (
        "from clew.cli import _show_log; _show_log(); import clew.kernels, numba; numba.njit(lambda x: x)(1)"
    )
    assert said_by(others, tmp_path) == ""
