from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import numpy as np
import pytest

from clew.app.frames import unpack
from clew.app.handling import HANDLERS, Bulk, handles
from clew.app.session import MOST_MESSAGE, Session, Ticket
from clew.app.workspace import Workspace
from clew.errors import DataError, StudyError
from tests.app.fakes import run_alone


@pytest.fixture
def rooms():
    before = set(HANDLERS)
    gate = threading.Event()

    @handles("test.wait")
    def wait(session: Any, *, mark: str, ticket: Ticket) -> dict[str, Any]:
        gate.wait(10)
        return {"mark": mark, "stale": ticket.stale}

    @handles("test.bulk")
    def bulk(session: Any) -> Bulk:
        return Bulk({"n": 3, "nan": float("nan")}, [np.arange(3, dtype=np.uint16)])

    @handles("test.fault")
    def fault(session: Any) -> None:
        raise RuntimeError("secret inside")

    @handles("test.refuse")
    def refuse(session: Any) -> None:
        raise DataError("The thing must be there. Got none.")

    yield gate
    for name in set(HANDLERS) - before:
        del HANDLERS[name]


def answers(tmp_path, *messages: str, before=lambda: None) -> list[Any]:
    async def talk() -> list[Any]:
        sent: list[Any] = []
        session = Session(Workspace(None, home=tmp_path), sent.append, asyncio.get_running_loop(), "me")
        tasks = [asyncio.create_task(session.take(one)) for one in messages]
        await asyncio.sleep(0.05)
        before()
        await asyncio.gather(*tasks)
        session.workspace.close()
        return sent

    return run_alone(talk())


def test_each_request_is_answered_once_with_its_number(tmp_path, rooms):
    rooms.set()
    (told,) = answers(tmp_path, '{"do": "test.refuse", "id": 9}')
    assert json.loads(told) == {"re": 9, "error": "The thing must be there. Got none.", "kind": "DataError"}
    (frame,) = answers(tmp_path, '{"do": "test.bulk", "id": 10}')
    _, number, meta, (array,) = unpack(frame)
    assert number == 10 and meta["nan"] is None and array.tolist() == [0, 1, 2]


def test_a_fault_is_told_without_its_inside(tmp_path, rooms, caplog):
    (told,) = answers(tmp_path, '{"do": "test.fault", "id": 1}')
    assert json.loads(told)["kind"] == "Fault" and "secret" not in told
    assert "secret inside" in caplog.text  # but the log says it


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "[1]",
        "null",
        '{"id": 3}',
        '{"do": 5}',
        '{"do": "test.bulk", "id": -1}',
        '{"do": "test.bulk", "id": "x"}',
        '{"do": "test.bulk", "lane": 5}',
        '{"do":' * 30000,
        "x" * (MOST_MESSAGE + 1),
        "\ud800",
        '{"do": "test.bulk", "n": "\\uD800"}',
    ],
    ids=lambda text: text[:12] + str(len(text)),
)
def test_malformed_messages_are_refused_and_the_next_one_is_answered(tmp_path, rooms, message):
    told = answers(tmp_path, message, '{"do": "test.bulk", "id": 2}')
    refused = [json.loads(one) for one in told if isinstance(one, str)]
    assert len(refused) == 1 and refused[0]["kind"] == "SettingError"
    assert any(isinstance(one, bytes) for one in told)


def test_of_a_lane_only_the_newest_request_is_answered(tmp_path, rooms):
    wait = [json.dumps({"do": "test.wait", "id": i, "mark": str(i), "lane": "lasso"}) for i in (1, 2, 3)]
    told = sorted(
        (json.loads(one) for one in answers(tmp_path, *wait, before=rooms.set)), key=lambda one: one["re"]
    )
    assert [one.get("stale") for one in told] == [True, True, False]
    assert told[2]["mark"] == "3"
    apart = [json.dumps({"do": "test.wait", "id": i, "mark": str(i), "lane": f"lane {i}"}) for i in (1, 2)]
    assert all(json.loads(one)["mark"] for one in answers(tmp_path, *apart))  # other lanes do not disturb


def test_what_was_said_of_another_study_is_kept_for_it(tmp_path, rooms, blob_study):
    from clew.study.study import Study

    def told(study, of_study):
        workspace = Workspace(study, home=tmp_path)
        session = Session(workspace, lambda _: None, asyncio.new_event_loop(), "me")
        session._check_study(of_study or workspace.identity)

    told(Study(blob_study), None)
    for study in (None, Study(blob_study)):
        with pytest.raises(StudyError, match="said of"):
            told(study, "0123456789abcdef")


def test_the_number_that_is_said_back_is_a_number(tmp_path, rooms):
    for number in ("NaN", "[1]", "true", '"x"', "-1"):
        (told,) = answers(tmp_path, f'{{"do": "test.bulk", "id": {number}}}')
        assert json.loads(told)["re"] == 0


def test_half_a_letter_is_refused_under_its_number(tmp_path, rooms):
    (told,) = answers(tmp_path, '{"do": "test.refuse", "id": 7, "lane": "", "of_study": "\\ud83d"}')
    assert json.loads(told)["re"] == 7
    assert isinstance(answers(tmp_path, '{"do": "test.bulk", "id": 7, "lane": "\\ud83d\\ude00"}')[0], bytes)
    (told,) = answers(tmp_path, json.dumps({"do": "test.wait", "id": 8, "mark": "\ud83d"}), before=rooms.set)
    assert json.loads(told)["re"] == 8 and "half" in json.loads(told)["error"]
