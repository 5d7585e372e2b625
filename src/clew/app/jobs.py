"""Long work: each verb in a process of its own, a few at a time, known to every page and kept over its reload."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from clew.app.about import check_host
from clew.app.forms import placed, verb_of
from clew.app.handling import handles
from clew.app.loss_curves import Curves
from clew.errors import SettingError, check
from clew.steps.settings import settings_of_verb, takes_progress

if TYPE_CHECKING:
    from clew.app.session import Session
    from clew.app.workspace import Workspace

GRACE = 5.0  # seconds that a step may take to stop by itself
MOST_WAITING = 20
MOST_KEPT = 50  # jobs that have ended
SECONDS_BETWEEN = 0.25  # of two messages to the pages about one job
State = Literal["waiting", "running", "done", "failed", "stopped"]


@dataclass(eq=False)
class Job:
    """One run of a verb."""

    id: int
    verb: str
    settings: dict[str, Any]
    study: Path | None
    who: str
    then: Callable[[], Any] | None
    state: State = "waiting"
    done: int = 0
    total: int = 0
    began: float = 0.0
    ended: float = 0.0
    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: str = ""
    note: str = ""
    step: int | None = None
    stopping: bool = False
    curves: Curves = field(default_factory=Curves)
    process: subprocess.Popen[str] | None = None
    spawned: threading.Event = field(default_factory=threading.Event)

    @property
    def over(self) -> bool:
        """Return whether it has ended."""
        return self.state in ("done", "failed", "stopped")

    def told(self) -> dict[str, Any]:
        """Return it as the page knows it."""
        seconds = 0.0 if not self.began else (self.ended or time.monotonic()) - self.began
        left = seconds * (self.total - self.done) / self.done if self.done and not self.over else None
        return {
            **{name: getattr(self, name) for name in ("id", "verb", "state", "done", "total", "lines")},
            **{name: getattr(self, name) for name in ("warnings", "error", "note", "step", "who")},
            **{name: getattr(self, name) for name in ("settings", "stopping")},
            "training": self.curves.now(),
            "seconds": round(seconds, 1),
            "left": None if left is None else round(left, 1),
        }


class Jobs:
    """All jobs of one workspace.

    Parameters
    ----------
    workspace : Workspace
    most : int, optional
        How many run at once; as many as there are cores, and 2 at least. The others wait.
    """

    def __init__(self, workspace: Workspace, most: int | None = None) -> None:
        self._workspace = weakref.proxy(workspace)  # which keeps us
        self.most = most or max(2, os.cpu_count() or 2)
        self.all: dict[int, Job] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()

    def start(
        self, verb: str, given: dict[str, Any], *, who: str, then: Callable[[], Any] | None = None
    ) -> Job:
        """Put a verb into the queue.

        Raises
        ------
        SettingError
            If the settings are not those of the verb, or too many jobs wait.
        DataError
            If it needs a study and none is open.
        """
        workspace = self._workspace
        of_study = any(one.kind == "study" for one in settings_of_verb(verb_of(verb)))
        study = workspace.study.folder.resolve() if of_study else None
        settings = placed(workspace, verb, given)
        with self._lock:
            waiting = sum(one.state == "waiting" for one in self.all.values())
            check(waiting < MOST_WAITING, SettingError, "At most {} jobs may wait. Got more.", MOST_WAITING)
            job = Job(next(self._numbers), verb, settings, study, who, then)
            self.all[job.id] = job
            for old in [one.id for one in self.all.values() if one.over][:-MOST_KEPT]:
                del self.all[old]
        self._tell(job)
        self._next()
        return job

    def stop(self, number: int) -> None:
        """Stop a job: it is asked, after a while made to end, and after another killed."""
        job = self.one(number)
        with self._lock:
            if job.state == "waiting":
                job.state = "stopped"
            elif job.state == "running" and not job.stopping:
                job.stopping = True
                threading.Thread(target=self._end, args=(job,), daemon=True).start()
        self._tell(job)

    def one(self, number: int) -> Job:
        """Return a job by its number, or refuse it."""
        check(number in self.all, SettingError, "The 'job' must be one of this server. Got {}.", number)
        return self.all[number]

    def forget(self, number: int) -> None:
        """Put away a job that has ended."""
        check(self.one(number).over, SettingError, "The job {} must have ended. Got one that runs.", number)
        with self._lock:
            del self.all[number]
        self._workspace.broadcast("job.gone", id=number)

    def end(self) -> None:
        """End every worker at once; they also end by themselves when the server's end of their pipes closes."""
        with self._lock:
            for job in self.all.values():
                job.stopping = True
                if job.state == "waiting":
                    job.state = "stopped"
                elif job.process is not None:
                    _signal(job.process, signal.SIGKILL)

    def _next(self) -> None:
        """Start what waits, as far as there is room."""
        with self._lock:
            running = sum(one.state == "running" for one in self.all.values())
            waiting = [one for one in self.all.values() if one.state == "waiting"]
            for job in waiting[: max(0, self.most - running)]:
                job.state, job.began = "running", time.monotonic()
                threading.Thread(target=self._run, args=(job,), name=f"job-{job.id}", daemon=True).start()

    def _run(self, job: Job) -> None:
        self._tell(job)
        ending: dict[str, Any] = {}
        try:
            job.process = _spawned(job, self._workspace.home)
            job.spawned.set()
            told = 0.0
            for line in job.process.stdout or ():
                message = json.loads(line)
                kind = message.pop("kind")
                if kind == "progress":
                    job.done, job.total = message["done"], message["total"]
                elif kind == "note":
                    job.note = message["text"]
                elif kind == "epochs":
                    job.curves.take(message["epochs"])
                else:
                    ending = {"kind": kind, **message}
                if time.monotonic() - told >= SECONDS_BETWEEN:
                    told = time.monotonic()
                    self._tell(job)
            job.process.wait()
        except (OSError, ValueError) as error:
            ending = {"kind": "fault", "error": f"The process of {job.verb} could not be followed: {error}."}
        self._close(job, ending)

    def _close(self, job: Job, ending: dict[str, Any]) -> None:
        kind = ending.get("kind")
        job.ended = time.monotonic()
        job.error = ending.get("error", "")
        if kind == "done":
            job.lines, job.warnings, job.step = ending["lines"], ending["warnings"], ending["step"]
            self._refresh(job)
        elif kind is None and not job.stopping:
            job.error = _died(job)
        with self._lock:
            stopped = kind == "stopped" or (kind is None and job.stopping)
            job.state = "done" if kind == "done" else "stopped" if stopped else "failed"
        with contextlib.suppress(ReferenceError):  # the workspace has gone meanwhile
            self._tell(job)
            self._next()

    def _refresh(self, job: Job) -> None:
        """Let the pages know what is new, and do what was to be done then."""
        workspace = self._workspace
        if job.study is not None and workspace.has_study and workspace.study.folder.resolve() == job.study:
            workspace.changed("record")
            if job.verb in ("name", "label"):
                workspace.changed("labels")
        if job.then is not None:
            try:
                workspace.threads["writer"].submit(job.then).result()
            except Exception as error:  # the study was made; that it cannot be opened is told beside it
                job.warnings = [*job.warnings, str(error)]

    def _end(self, job: Job) -> None:
        """Ask, wait, end, wait, kill."""
        job.spawned.wait(GRACE)
        process = job.process
        if process is None or process.poll() is not None:
            return
        if takes_progress(verb_of(job.verb)):
            with contextlib.suppress(OSError, ValueError):
                process.stdin.write("stop\n")  # type: ignore[union-attr]
                process.stdin.flush()  # type: ignore[union-attr]
            if _gone(process, GRACE):
                return
        _signal(process, signal.SIGTERM)
        if not _gone(process, GRACE):
            _signal(process, signal.SIGKILL)

    def _tell(self, job: Job) -> None:
        self._workspace.broadcast("job", **job.told())


def _spawned(job: Job, home: Path) -> subprocess.Popen[str]:
    """Start the worker of a job: a fresh process, never a copy of this one with its threads and open files."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "clew.app.job_process"],  # -P: no file of the home folder is imported
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=home,
        env={**os.environ, "CLEW_USER": job.who},
        start_new_session=True,  # Ctrl C at the server is for the server
    )
    study = None if job.study is None else str(job.study)
    request = {"verb": job.verb, "settings": job.settings, "study": study}
    with contextlib.suppress(BrokenPipeError):  # it has died at once; that shows below
        process.stdin.write(json.dumps(request) + "\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
    return process


def _died(job: Job) -> str:
    """Say that a worker ended without a word."""
    status = job.process.returncode if job.process else None
    how = f"signal {-status}" if status is not None and status < 0 else f"exit status {status}"
    why = "; a lack of memory is the usual cause" if status == -signal.SIGKILL else ""
    return f"The process of {job.verb} ended before it was done ({how}{why}). Nothing half done is on record: run it again."


def _signal(process: subprocess.Popen[str], number: int) -> None:
    """Send a signal to a worker and to what it may have started: it leads a group of its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _gone(process: subprocess.Popen[str], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


OF_FILES = (
    "new",
    "demo",
    "predict",
    "denoise",
    "pick",
    "generate",
    "label",
    "export",
    "relink",
)  # which read or write files that a person names

# ---- what the rest of the app asks ----
_OF: weakref.WeakKeyDictionary[Workspace, Jobs] = weakref.WeakKeyDictionary()
_LOCK = threading.Lock()


def jobs_of(workspace: Workspace) -> Jobs:
    """Return the jobs of a workspace; they outlast the study that is open."""
    with _LOCK:
        if workspace not in _OF:
            _OF[workspace] = Jobs(workspace)
        return _OF[workspace]


def start(
    workspace: Workspace,
    verb: str,
    settings: dict[str, Any],
    *,
    who: str = "",
    then: Callable[[], Any] | None = None,
) -> int:
    """Put a verb into the queue, and return the number of the job; ``then`` is called on the writer's thread when it is done.

    Raises
    ------
    SettingError
        If the settings are not those of the verb, or too many jobs wait.
    DataError
        If it needs a study and none is open.
    """
    from clew.study.record import who as person

    return jobs_of(workspace).start(verb, settings, who=who or person(), then=then).id


def running(workspace: Workspace) -> list[str]:
    """Return the verbs that run or wait."""
    return [one.verb for one in jobs_of(workspace).all.values() if not one.over]


@handles("jobs")
def jobs(session: Session) -> dict[str, Any]:
    """Return every job that this server knows, and how many run at once."""
    known = jobs_of(session.workspace)
    return {
        "jobs": [one.told() for one in list(known.all.values())],
        "cores": os.cpu_count() or 1,
        "most": known.most,
    }


@handles("job.start")
def job_start(session: Session, *, verb: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Run a verb in a process of its own; a study that is made where none is open is opened when it is there."""
    workspace = session.workspace
    if verb in OF_FILES:
        check_host(session, act=f"run {verb}")
    then = None
    if verb in ("new", "demo") and not workspace.has_study:
        settings, then = _opening(workspace, verb, settings)
    return jobs_of(workspace).start(verb, settings, who=session.who, then=then).told()


def _opening(
    workspace: Workspace, verb: str, settings: dict[str, Any]
) -> tuple[dict[str, Any], Callable[[], Any]]:
    """Return the settings, with a free folder for a demo, and what opens the study that will be made."""
    from clew.app.starting import turn_to
    from clew.demo.told import free
    from clew.study.study import Study

    folder = workspace.home / str(settings.get("study") or "")
    if verb == "demo":
        out = free(workspace.home / str(settings.get("out") or "clew-demo"))
        settings, folder = {**settings, "out": str(out)}, out / f"{settings.get('what') or 'blobs'}.study"
    return settings, lambda: turn_to(workspace, Study(folder.resolve()))


@handles("job.curves")
def job_curves(session: Session, *, job: int) -> dict[str, Any]:
    """Return the losses of the nets that a job trains, or has trained."""
    return jobs_of(session.workspace).one(job).curves.told()


@handles("job.stop")
def job_stop(session: Session, *, job: int) -> None:
    """Stop a job; what it has not finished is not recorded."""
    jobs_of(session.workspace).stop(job)


@handles("job.forget")
def job_forget(session: Session, *, job: int) -> None:
    """Put away what a job said."""
    jobs_of(session.workspace).forget(job)
