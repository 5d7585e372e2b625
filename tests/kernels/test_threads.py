import os

from clew.kernels.threads import n_threads


def test_the_environment_says_how_many_threads_there_are(monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "3")
    assert n_threads() == 3
    monkeypatch.setenv("NUMBA_NUM_THREADS", "0")
    assert n_threads() == 1


def test_without_a_word_of_it_all_cores_that_may_be_used_are(monkeypatch):
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    assert n_threads() == len(os.sched_getaffinity(0))
