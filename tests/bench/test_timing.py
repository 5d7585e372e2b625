import os
import platform
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from clew.bench import timing
from clew.bench.timing import (
    Clocked,
    Side,
    Sides,
    Spent,
    Work,
    check_installed,
    machine,
    measure,
    spend,
    versions_of,
)
from clew.errors import SettingError


def of(sides: Sides, **more) -> Work:
    """A work that measures no memory unless asked to."""
    return Work("fake", "nothing", lambda: sides, **({"peak": False} | more))


@pytest.fixture
def scripted(monkeypatch):
    """What a run returns is what it costs: (wall, cpu)."""
    monkeypatch.setattr(timing, "spend", lambda run: Spent(*run(), peak_mb=0.0))


def test_sides_take_turns_after_a_warm_up_of_both():
    calls = []
    sides = Sides(
        Side(lambda i: calls.append(("ours", i)), warm=lambda: calls.append("warm")),
        Side(lambda i: calls.append(("rival", i))),
    )
    measure(of(sides), repeats=2)
    assert calls == ["warm", ("rival", 0), ("ours", 0), ("rival", 0), ("ours", 1), ("rival", 1)]


def test_medians_ranges_and_ratios_are_those_of_what_was_spent(scripted):
    ours, rival = [(1.0, 2.0), (5.0, 3.0), (2.0, 1.0)], [(8.0, 7.0), (4.0, 8.0), (6.0, 9.0)]
    row = measure(of(Sides(Side(lambda i: ours[i]), Side(lambda i: rival[i]))), repeats=3)
    assert (row["ours_s"], row["ours_cpu_s"], row["ours_range_s"]) == (2.0, 2.0, [1.0, 5.0])
    assert (row["rival_s"], row["rival_cpu_s"], row["rival_range_s"]) == (6.0, 8.0, [4.0, 8.0])
    assert (row["ratio"], row["cpu_ratio"]) == (3.0, 4.0)
    assert row["how"] == dict.fromkeys(("ours", "rival"), "the median of 3 runs")


def test_one_run_can_stand_for_twenty_and_the_row_says_so(scripted):
    sides = Sides(Side(lambda i: (2.0, 2.0)), Side(lambda i: (1.0, 0.5), times=20, of="one seed"))
    row = measure(of(sides), repeats=3)
    assert (row["rival_s"], row["rival_cpu_s"], row["rival_range_s"]) == (20.0, 10.0, [20.0, 20.0])
    assert (row["ratio"], row["cpu_ratio"]) == (10.0, 5.0)
    assert row["how"]["rival"] == "20 x the median of 3 runs of one seed"


def test_a_side_makes_at_most_or_exactly_as_many_runs_as_it_says(scripted):
    counts = {"ours": 0, "rival": 0}

    def counting(name):
        def run(i):
            counts[name] += 1
            return (1.0, 1.0)

        return run

    sides = Sides(Side(counting("ours"), runs=2), Side(counting("rival"), runs=7, fixed=True))
    row = measure(of(sides), repeats=3)
    assert counts == {"ours": 1 + 2, "rival": 1 + 7}
    assert row["how"] == {"ours": "the median of 2 runs", "rival": "the median of 7 runs"}
    assert measure(of(sides), repeats=1)["how"] == {"ours": "one run", "rival": "the median of 7 runs"}


def test_without_a_rival_there_is_no_ratio(scripted):
    row = measure(of(Sides(Side(lambda i: (1.0, 1.0)))), repeats=1)
    assert row["ours_s"] == 1.0
    assert {row[name] for name in ("rival", "rival_s", "rival_cpu_s", "ratio", "cpu_ratio")} == {None}


def test_each_side_is_judged_by_all_that_its_runs_returned():
    sides = Sides(Side(lambda i: i), Side(lambda i: 10 * i, runs=2), judge=lambda found: {"sum": sum(found)})
    assert measure(of(sides), repeats=3)["quality"] == {"ours": {"sum": 0 + 1 + 2}, "rival": {"sum": 0 + 10}}


def test_cpu_seconds_count_threads_and_children():
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    child = spend(lambda: subprocess.run([sys.executable, "-c", burn], check=True))
    assert child.cpu >= 0.3

    def spin():
        while time.thread_time() < 0.2:
            pass

    def both():
        pair = [threading.Thread(target=spin) for _ in range(2)]
        [one.start() for one in pair]
        [one.join() for one in pair]

    assert spend(both).cpu >= 0.4
    assert spend(lambda: time.sleep(0.3)).cpu < 0.2


# ---- fresh processes: the sides are made by functions of a module ----
def hungry() -> Sides:
    lost = np.ones(50_000_000 // 8)  # making the data takes as much again, which is not to count
    data = lost + lost
    del lost
    return Sides(
        Side(lambda i: (data + 1).sum() and None), Side(lambda i: np.ones(400_000_000 // 8).sum() and None)
    )


def told_by_a_process() -> Sides:
    return Sides(Side(lambda i: os.getpid()), judge=lambda pids: {"pid": pids[0], "pids": len(set(pids))})


def test_peak_memory_is_that_of_each_side_alone():
    ballast = np.ones(800_000_000 // 8)  # this process is large, and that must not show
    row = measure(Work("hungry", "", hungry), repeats=1)
    assert ballast.size
    assert 100 < row["peak_mb"]["ours"] < 300
    assert 400 < row["peak_mb"]["rival"] < 650


def test_fresh_works_leave_nothing_behind():
    row = measure(Work("fresh", "", told_by_a_process, fresh=True), repeats=2)
    assert row["quality"]["ours"]["pids"] == 2
    assert row["quality"]["ours"]["pid"] != os.getpid()
    assert row["peak_mb"]["ours"] > 10
    here = measure(Work("here", "", told_by_a_process, peak=False), repeats=2)
    assert here["quality"]["ours"] == {"pid": os.getpid(), "pids": 1}


# ---- what must be there ----
def test_missing_rivals_are_said_in_one_sentence_with_how_to_install_them():
    works = [
        of(Sides(Side(print)), needs=("no-such-rival",)),
        of(Sides(Side(print)), needs=("numpy", "nor-this-one")),
    ]
    with pytest.raises(
        SettingError, match=r"Got no no-such-rival and no nor-this-one.*pip install 'clew\[bench"
    ) as e:
        check_installed(works)
    assert "\n" not in str(e.value)
    check_installed([of(Sides(Side(print)), needs=("numpy",))])


def test_programs_can_be_needed_too():
    work = of(Sides(Side(print)), needs=(sys.executable,))
    check_installed([work])
    assert versions_of([work]) == {sys.executable: platform.python_version()}


def test_the_machine_is_said():
    where = machine()
    assert where["cpu"]
    assert 1 <= where["usable_cores"] <= where["cores"]
    assert where["load"] >= 0


def test_a_nearer_clock_tells_the_seconds():
    spent = spend(lambda: Clocked(12.5, "what came out"))
    assert spent.wall == 12.5 and spent.outcome == "what came out"
    assert spend(lambda: "what came out").wall < 12.5


def test_what_the_runs_needed_is_ended_also_after_a_failure():
    ended = []
    work = Work("a", "b", lambda: Sides(Side(lambda i: 1 / 0), close=lambda: ended.append(True)), peak=False)
    with pytest.raises(ZeroDivisionError):
        timing.measure(work, repeats=1)
    assert ended == [True]
