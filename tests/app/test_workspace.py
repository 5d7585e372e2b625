from __future__ import annotations

import threading
import time

import pytest

from clew.app.workspace import Gate, Workspace
from clew.errors import DataError, SettingError, StudyError
from clew.study.study import Study
from tests.app.fakes import fake_session


def test_rows_are_found_by_name_and_sealed_ones_are_not(looked_at, tmp_path):
    study = Study(looked_at / "blobs.study")
    workspace = Workspace(study, home=tmp_path)
    samples = study.samples()
    assert workspace.row_of(str(samples.sample[3])) == 3
    (sealed, *_) = set(study.sample_names()) - set(samples.sample)
    with pytest.raises(DataError, match="open row"):
        workspace.row_of(sealed)


def test_a_look_is_the_latest_or_the_one_that_is_asked_for(looked_at, tmp_path):
    workspace = Workspace(Study(looked_at / "blobs.study"), home=tmp_path)
    step, look = workspace.look()
    assert step.verb == "explore" and workspace.look(step.id)[1] is look  # held, not read again
    with pytest.raises(SettingError, match="look on record"):
        workspace.look(999)
    with pytest.raises(DataError, match="must be open"):
        _ = Workspace(None, home=tmp_path).study


def test_every_page_is_told_of_a_change(looked_at):
    first = fake_session(looked_at / "blobs.study")
    second = fake_session(None, workspace=first.workspace)
    before = first.workspace.version
    first.workspace.changed("labels")
    for page in (first, second):
        assert page.pushed[-1] == {"push": "changed", "what": "labels", "version": before + 1}


def test_a_study_that_another_server_holds_leaves_the_open_one_as_it_is(looked_at, blob_study, tmp_path):
    mine = Workspace(Study(looked_at / "blobs.study"), home=tmp_path, port=1)
    other = Workspace(Study(blob_study), home=tmp_path, port=2)
    with pytest.raises(StudyError, match="one server only"):
        mine.open(Study(blob_study))
    assert mine.study.folder == looked_at / "blobs.study"
    other.close()
    mine.open(Study(blob_study))
    mine.close()


def test_another_study_is_opened_when_the_requests_under_way_are_answered_and_none_begins_meanwhile(tmp_path):
    gate, order = Gate(), []
    inside, leave = threading.Event(), threading.Event()

    def request():
        with gate.passing():
            inside.set()
            leave.wait(10)
            with gate.passing():  # what is under way may ask again
                order.append("answered")

    def turn():
        with gate.passing(), gate.alone():  # as a request that opens a study
            order.append("opened")

    def late():
        with gate.passing():
            order.append("late")

    threads = [threading.Thread(target=one) for one in (request, turn, late)]
    threads[0].start()
    inside.wait(10)
    threads[1].start()
    while not gate._closed:
        time.sleep(0.001)
    threads[2].start()
    time.sleep(0.05)
    assert order == []
    leave.set()
    for one in threads:
        one.join(10)
    assert order == ["answered", "opened", "late"]


def test_a_request_that_does_not_end_keeps_the_study_and_the_gate_opens_again():
    gate = Gate()
    inside, leave = threading.Event(), threading.Event()

    def request():
        with gate.passing():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=request)
    thread.start()
    inside.wait(10)
    with pytest.raises(DataError, match="at rest"), gate.alone(patience=0.05):
        pass
    with gate.passing():
        leave.set()
    thread.join(10)
    with gate.alone(patience=5):
        pass
