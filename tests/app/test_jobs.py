"""Long work in processes of its own: it is recorded, stopped, queued, told to every page, and outlives no server."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from clew.app.jobs import Jobs, jobs_of, running, start
from clew.errors import DataError, SettingError
from clew.study.study import Study
from tests.app.conftest import until
from tests.app.fakes import fake_session

LONG = {"embed": "pca", "runs": 4, "references": 20_000}  # explore for minutes


@pytest.fixture
def session(blob_study):
    session = fake_session(blob_study, who="AK")
    session.workspace.home = blob_study.parent
    yield session
    jobs_of(session.workspace).end()


def state_of(session, job):
    return next(one for one in session.ask("jobs")["jobs"] if one["id"] == job["id"])


def ended(session, job):
    return until(lambda: (one := state_of(session, job))["state"] not in ("waiting", "running") and one)


def started(session, verb, **settings):
    """Start a job, and wait until its process works."""
    job = session.ask("job.start", verb=verb, settings=settings)
    until(lambda: state_of(session, job)["done"])
    return job, jobs_of(session.workspace).one(job["id"])


def test_a_job_is_recorded_by_its_person_and_told_to_every_page(session):
    second = fake_session(None, workspace=session.workspace)
    (session.workspace.home / "json.py").write_text(
        "raise SystemExit('imported from the folder of the data')"
    )
    job = session.ask("job.start", verb="state", settings={"features": "area", "about": "round"})
    told = ended(session, job)
    assert (told["state"], told["who"], told["error"]) == ("done", "AK", "")
    study = session.workspace.study
    assert told["step"] == study.steps()[-1].id and study.steps()[-1].verb == "state"
    until(lambda: any(one["push"] == "job" and one["state"] == "done" for one in second.pushed))
    states = [one["state"] for one in second.pushed if one["push"] == "job"]
    assert states[0] == "waiting" and states[-1] == "done" and "running" in states
    assert [one["what"] for one in second.pushed if one["push"] == "changed"] == ["record"]
    again = fake_session(None, workspace=session.workspace)  # the page after a reload
    assert again.ask("jobs")["jobs"][0]["lines"] == told["lines"]
    session.ask("job.forget", job=job["id"])
    assert again.ask("jobs")["jobs"] == []


def test_a_refusal_of_the_verb_is_the_sentence_of_the_job(session):
    told = ended(session, session.ask("job.start", verb="explore", settings={"k": 1000}))
    assert told["state"] == "failed" and "Got 1000" in told["error"]
    assert len(session.workspace.study.steps()) == 5


def test_what_cannot_be_run_is_refused_at_once(session):
    for verb, settings in (("explore", {"knn": 1}), ("confirm", {}), ("serve", {})):
        with pytest.raises(SettingError):
            session.ask("job.start", verb=verb, settings=settings)
    with pytest.raises(DataError, match="A study must be open"):
        fake_session(None).ask("job.start", verb="explore", settings={})
    with pytest.raises(SettingError, match="one of this server. Got 77"):
        session.ask("job.stop", job=77)
    assert session.ask("jobs")["jobs"] == []


def test_a_stopped_job_leaves_nothing_on_record(session):
    job, _ = started(session, "explore", **LONG)
    session.ask("job.stop", job=job["id"])
    assert ended(session, job)["state"] == "stopped"
    assert len(session.workspace.study.steps()) == 5


def test_a_killed_worker_fails_with_a_sentence_and_neither_study_nor_other_jobs_suffer(session):
    other, _ = started(session, "explore", **LONG)
    job, worker = started(session, "explore", **LONG)
    os.kill(worker.process.pid, signal.SIGKILL)
    told = ended(session, job)
    assert told["state"] == "failed" and "signal 9" in told["error"] and "run it again" in told["error"]
    assert len(Study(session.workspace.study.folder).steps()) == 5
    assert state_of(session, other)["state"] == "running"


def test_a_worker_ends_when_nobody_holds_its_pipe_any_more(session):
    _, worker = started(session, "explore", **LONG)
    worker.process.stdin.close()  # which the system does for a server that was killed
    assert worker.process.wait(20) == 1


def test_no_more_run_at_once_than_there_are_places(session):
    jobs = Jobs(session.workspace, most=1)
    try:
        first, second = (jobs.start("explore", LONG, who="AK") for _ in range(2))
        third = jobs.start("state", {"features": "area", "about": "round"}, who="AK")
        assert [one.state for one in (first, second, third)] == ["running", "waiting", "waiting"]
        jobs.stop(second.id)
        assert second.state == "stopped" and third.state == "waiting"
        until(lambda: first.spawned.is_set())
        jobs.stop(first.id)
        until(lambda: third.state == "done")
        assert first.state == "stopped" and second.process is None
    finally:
        jobs.end()
    assert Jobs(session.workspace).most >= 2


def test_what_was_to_be_done_then_is_done_on_the_writers_thread(session, blob_study):
    done = []
    settings = {"study": str(blob_study.parent / "b.study"), "paths": [str(blob_study.parent / "blobs.tif")]}
    number = start(
        session.workspace, "new", settings, then=lambda: done.append(threading.current_thread().name)
    )
    assert running(session.workspace) == ["new"]
    assert ended(session, {"id": number})["state"] == "done"
    assert done and done[0].startswith("writer") and running(session.workspace) == []
    assert Study(blob_study.parent / "b.study").counts()["open"] == 80


def test_a_study_that_is_made_where_none_is_open_is_opened(blob_study):
    session = fake_session(None)
    session.workspace.home = blob_study.parent
    job = session.ask("job.start", verb="new", settings={"study": "c.study", "paths": ["blobs.tif"]})
    assert ended(session, job)["error"] == ""
    assert session.workspace.has_study and session.workspace.study.name == "c"
