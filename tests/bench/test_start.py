import dataclasses
import subprocess
import sys

import pytest

from clew.bench import start
from clew.bench.start import command
from clew.bench.verb import bench


def test_the_bench_says_what_it_measured_beside_what_one_would_use_instead(monkeypatch):
    monkeypatch.setattr(  # each process starts once: timings alone need a warm-up
        start, "command", lambda *words: dataclasses.replace(command(*words), warm=lambda: None)
    )
    outcome = bench(repeats=1)
    assert [row["what"] for row in outcome.data["rows"]] == ["clew --help", "import clew"]
    for row in outcome.data["rows"]:
        assert row["ours_s"] > 0
        assert row["rival_s"] > 0
        assert row["rival"].startswith("import sklearn")
    assert any("clew --help" in line for line in outcome.lines)


def test_a_process_that_fails_is_no_timing():
    with pytest.raises(subprocess.CalledProcessError):
        command(sys.executable, "-c", "raise SystemExit(3)").run(0)
