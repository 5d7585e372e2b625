from __future__ import annotations

from typing import Any, Literal

import pytest

from clew.app.handling import HANDLERS, handler_of, handles
from clew.errors import SettingError


@pytest.fixture
def handler():
    @handles("test.draw")
    def draw(
        session: Any, *, n: int, how: Literal["fast", "slow"] = "fast", at: list[float] | None = None
    ) -> dict[str, Any]:
        return {}

    yield HANDLERS["test.draw"]
    del HANDLERS["test.draw"]


def test_what_fits_is_passed_on(handler):
    assert handler.checked({"n": 3, "at": [1, 2.5]}) == {"n": 3, "at": [1, 2.5]}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "must have 'n'"),
        ({"n": "3"}, "a whole number"),
        ({"n": True}, "a whole number"),
        ({"n": 2**60}, "a whole number"),
        ({"n": 1, "how": "fsat"}, "one of: fast, slow"),
        ({"n": 1, "hwo": "fast"}, "how"),
        ({"n": 1, "at": [1, "x"]}, "a list, each a number"),
        ({"n": 1, "at": [float("nan")]}, "a list, each a number"),
        ({"n": 1, "at": [10**400]}, "a list, each a number"),
        ({"n": 1, "session": 1}, "session"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(handler, given, told):
    with pytest.raises(SettingError, match=told):
        handler.checked(given)


@pytest.mark.parametrize("name", [None, 3, "no.such", {"a": 1}])
def test_an_unknown_request_is_refused(name):
    with pytest.raises(SettingError, match="request"):
        handler_of(name)


def test_a_sentence_does_not_repeat_a_name_without_end(handler):
    for refused in (lambda: handler.checked({"n": 1, "x" * 10**6: 1}), lambda: handler_of("x" * 10**6)):
        with pytest.raises(SettingError) as told:
            refused()
        assert len(str(told.value)) < 1000
