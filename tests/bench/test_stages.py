import importlib
import threading
import time

import numpy as np
import pytest

from clew.bench import stages
from clew.bench.pixels import strokes, textures
from clew.bench.stages import KERNELS, copy_bandwidth, sentence, watched, where_time_goes
from clew.learn.pixels import PixelClassifier


@pytest.fixture(scope="module")
def scene():
    pixels, truth = textures(200)
    classifier = PixelClassifier(sigmas=[1.0, 3.0], trees=20).fit([pixels], [strokes(truth)])
    classifier.predict(pixels)  # compiles
    return classifier, pixels


def plain():
    return {
        (room, name): getattr(importlib.import_module(room), name)
        for room in KERNELS
        for name in KERNELS[room]
    }


def test_every_stage_of_a_prediction_is_booked_and_nothing_stays_behind(scene):
    classifier, pixels = scene
    before, labels = plain(), classifier.predict(pixels)
    with watched() as spending:
        np.testing.assert_array_equal(classifier.predict(pixels), labels)
        assert plain() != before
    assert plain() == before
    assert set(spending.seconds) == {
        "look at intensities", "read, normalise, mirror", "convolve", "derivatives", "eigenvalues", "rank", "trees", "decide",
    }  # fmt: skip
    assert all(seconds > 0 for seconds in spending.seconds.values())
    seconds = dict(spending.seconds)
    classifier.predict(pixels)
    assert spending.seconds == seconds


def test_kernels_are_given_back_after_an_error():
    before = plain()
    with pytest.raises(RuntimeError), watched():
        raise RuntimeError
    assert plain() == before


def test_all_public_kernels_have_a_stage():
    for room, known in KERNELS.items():
        module = importlib.import_module(room)
        compiled = {
            name for name, one in vars(module).items() if hasattr(one, "py_func") and not name.startswith("_")
        }
        assert compiled == set(known)


def test_cpu_seconds_are_those_of_the_thread():
    def spin(seconds):
        began = time.thread_time()
        while time.thread_time() - began < seconds:
            pass

    spending = stages.Spending()
    booked = spending.timed(spin, "spun", False)
    threads = [threading.Thread(target=booked, args=(0.05,)) for _ in range(2)]
    [one.start() for one in threads]
    time.sleep(0.05)
    [one.join() for one in threads]
    assert spending.seconds["spun"] == pytest.approx(0.1, rel=0.2)


def test_bytes_are_those_of_the_arrays_and_of_trees_those_of_their_rows():
    block, out = np.zeros((1, 10, 10), np.float32), np.zeros((1, 6, 10), np.float32)
    assert stages._bytes_of((block, 3, out)) == 4 * 100 + 4 * 60
    planes, sums = np.zeros((7, 640), np.int8), np.zeros((2, 128), np.uint64)
    assert stages._bytes_of((planes, 128, np.zeros((50, 30)), sums)) == 7 * 128 + 8 * 2 * 128


def test_the_limit_is_what_a_plain_copy_needs(monkeypatch, scene):
    classifier, pixels = scene
    monkeypatch.setattr(stages, "copy_bandwidth", lambda: 10e9)
    where = where_time_goes(lambda: classifier.predict(pixels), 20_000_000, 0.5)
    assert (where["limit_ms"], where["times_limit"], where["copy_gb_per_s"]) == (2.0, 250.0, 10.0)
    assert where["between_stages_ms"] == pytest.approx(where["between_stages_mb"] / 10, rel=0.1)
    assert {"convolve", "trees", "the rest"} < set(where["cpu_ms"])
    told = sentence("pixels-2048", where)
    assert told.startswith("pixels-2048: CPU ms of all threads: look at intensities")
    assert "250.0 times" in told
    assert "\n" not in told


def test_copies_have_a_plausible_rate():
    assert 1e8 < copy_bandwidth(n_bytes=2**22, repeats=2) < 1e13
