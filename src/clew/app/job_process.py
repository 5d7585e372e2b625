"""A worker: one process that runs one verb as the command line does, and says on a pipe how far it is.

It is started by `clew.app.jobs`, gets one line of JSON, and ends when its work is done, when it is told to stop, or when the
pipe closes because the server has gone.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from clew.app.loss_curves import Epochs
from clew.errors import ClewError, Stopped, place_refused
from clew.steps.outcome import plain

SECONDS_BETWEEN = 0.1  # of two messages of progress
Say = Callable[..., None]


class Watch:
    """What the server says while the work goes on: a line is a wish to stop, the end of the pipe that it has gone."""

    def __init__(self, orders: TextIO, leave: Callable[[int], Any] = os._exit) -> None:
        self.stopping = False
        self._orders, self._leave = orders, leave
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for _ in self._orders:
            self.stopping = True
        self._leave(1)  # nobody waits for the work any more; what is on record is whole


class Progress:
    """The callback of a verb: says how far it is, at most ten times a second, and stops it when that is wished.

    It raises, and does not return False: some steps answer that with what they have so far, which would go on record.
    """

    def __init__(self, say: Say, watch: Watch, verb: str) -> None:
        self._say, self._watch, self._verb = say, watch, verb
        self._last = -SECONDS_BETWEEN

    def __call__(self, done: int, total: int) -> bool:
        """Take note of ``done`` of ``total``."""
        if self._watch.stopping:
            raise Stopped(f"{self._verb} was stopped after {done} of {total}; nothing was recorded.")
        now = time.monotonic()
        if now - self._last >= SECONDS_BETWEEN or done >= total:
            self._last = now
            self._say("progress", done=int(done), total=int(total))
        return True


def run(request: dict[str, Any], say: Say, watch: Watch) -> None:
    """Run one verb, and say how it ended.

    Parameters
    ----------
    request : dict
        "verb", "settings" (as `clew.app.forms.placed` returns them), and "study", a folder or None.
    say : callable (kind, **data)
        Gets "progress", "note", and at the end one of "done", "refused", "stopped", "fault".
    watch : Watch
    """
    from clew.app.forms import arguments, verb_of
    from clew.steps.settings import takes_progress
    from clew.study.study import Study

    name = request["verb"]
    try:
        verb = verb_of(name)
        study = None if request["study"] is None else Study(Path(request["study"]))
        args, settings = arguments(name, request["settings"], study)
        watched = {"on_progress": Progress(say, watch, name)} if takes_progress(verb) else {}
        outcome = verb.run(*args, **settings, **watched)
    except Stopped as stopped:
        say("stopped", error=str(stopped))
    except ClewError as refused:
        say("refused", error=str(refused))
    except OSError as error:
        say("refused", error=place_refused(error))
    except Exception:
        traceback.print_exc(file=sys.stderr)
        say("fault", error=f"clew has failed at {name}; the log of the server says where.")
    else:
        step = None if outcome.step is None else outcome.step.id
        data = {
            key: value for key, value in outcome.data.items() if isinstance(value, (str, int, float, bool))
        }
        say(
            "done",
            lines=outcome.lines,
            warnings=outcome.warnings,
            step=step,
            status=outcome.status,
            data=data,
        )


class _Notes(logging.Handler):
    """Passes on what clew's modules log for people, such as that something is being compiled."""

    def __init__(self, say: Say) -> None:
        super().__init__(logging.INFO)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Say one line."""
        self._say("note", text=record.getMessage())


def main() -> None:
    """Take one request from standard input, and answer on what was standard output; prints of others go to the log."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lock = threading.Lock()

    def say(kind: str, **data: Any) -> None:
        with lock:
            answers.write(json.dumps(plain({"kind": kind, **data}), allow_nan=False) + "\n")
            answers.flush()

    if hasattr(os, "nice"):
        os.nice(5)  # the page goes first
    request = json.loads(sys.stdin.readline())
    log = logging.getLogger("clew")
    log.addHandler(_Notes(say))
    log.setLevel(logging.INFO)
    epochs = Epochs(say)
    epochs.attach()
    run(request, say, Watch(sys.stdin))
    epochs.flush()
    os._exit(0)  # what was recorded is on disk; a thread that still waits for orders must not hold us


if __name__ == "__main__":
    main()
