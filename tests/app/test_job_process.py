"""A worker: runs one verb, says how it ended, and does not outlive its server."""

from __future__ import annotations

import io
import os
import threading

import pytest

from clew.app.forms import VERBS
from clew.app.job_process import Progress, Watch, run
from clew.errors import ClewError, SettingError, Stopped
from clew.steps import Outcome, Verb
from clew.study.study import Study
from tests.app.conftest import until


class Said(list):
    def __call__(self, kind, **data):
        self.append((kind, data))


def quiet():
    return Watch(io.StringIO(""), leave=lambda status: None)


def test_a_verb_is_run_as_on_the_command_line_and_recorded(blob_study):
    said = Said()
    request = {"verb": "state", "settings": {"features": "area", "about": "round"}, "study": str(blob_study)}
    run(request, said, quiet())
    ((kind, told),) = said
    step = Study(blob_study).steps()[-1]
    assert (kind, told["step"], step.verb) == ("done", step.id, "state")
    assert told["lines"][0].startswith("Stated: ") and told["warnings"]


@pytest.mark.parametrize(
    ("raised", "kind", "sentence"),
    [
        (SettingError("The k must be 2."), "refused", "The k must be 2."),
        (Stopped("It was stopped."), "stopped", "It was stopped."),
        (PermissionError(13, "no", "/x/y"), "refused", "'/x/y' must be one that can be read or written. Got: no permission."),
        (ZeroDivisionError("x"), "fault", "clew has failed at fail"),
    ],
)  # fmt: skip
def test_every_way_to_fail_ends_in_a_sentence(monkeypatch, raised, kind, sentence):
    def fail() -> Outcome:
        """Fail."""
        raise raised

    monkeypatch.setitem(VERBS, "fail", Verb("fail", fail))
    said = Said()
    run({"verb": "fail", "settings": {}, "study": None}, said, quiet())
    assert said[0][0] == kind and sentence in said[0][1]["error"]


def test_progress_is_said_and_stops_when_it_is_told_to():
    said, watch = Said(), quiet()
    progress = Progress(said, watch, "explore")
    assert [progress(1, 3), progress(2, 3), progress(3, 3)] == [True] * 3
    assert said[0] == ("progress", {"done": 1, "total": 3}) and said[-1][1]["done"] == 3
    watch.stopping = True
    with pytest.raises(Stopped, match="explore was stopped after 3 of 9; nothing was recorded"):
        progress(3, 9)
    assert issubclass(Stopped, ClewError)


def test_a_line_is_a_wish_to_stop_and_the_end_of_the_pipe_is_the_end():
    left = threading.Event()
    reading, writing = os.pipe()
    with os.fdopen(reading) as orders:
        watch = Watch(orders, leave=lambda status: left.set())
        assert not watch.stopping
        os.write(writing, b"stop\n")
        until(lambda: watch.stopping)
        assert not left.is_set()
        os.close(writing)
        assert left.wait(20)
