from __future__ import annotations

import pytest

from clew.app.security import HEADERS, MOST_PEOPLE, Door, headers_of

HOSTS = frozenset({"127.0.0.1:8737", "localhost:8737"})


def door() -> Door:
    return Door(HOSTS, 8737, "me")


def test_a_token_opens_once_and_a_cookie_keeps_open():
    one = door()
    token = one.invite()
    cookie = one.enter(token)
    assert cookie and one.knows(cookie) and one.people[cookie] == "me"
    assert one.enter(token) is None
    assert not one.knows(token) and not one.knows(None) and not one.knows("") and not one.knows("é")
    assert one.enter("") is None and one.enter("é") is None


def test_tokens_and_cookies_are_long_and_differ():
    one = door()
    tokens = {one.invite() for _ in range(50)}
    assert len(tokens) == 50 and min(map(len, tokens)) >= 43  # 256 bits


def test_what_is_remembered_is_bounded():
    one = door()
    for _ in range(MOST_PEOPLE + 5):
        one.enter(one.invite())
    assert len(one.people) <= MOST_PEOPLE


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "evil.example"},
        {"host": "127.0.0.1"},
        {"host": "127.0.0.1:9999"},
        {"host": "127.0.0.1:8737.evil.example"},
        {"host": "127.0.0.1:8737", "origin": "http://evil.example"},
        {"host": "127.0.0.1:8737", "origin": "null"},
        {"host": "127.0.0.1:8737", "origin": "https://127.0.0.1:8737"},
        {"host": "127.0.0.1:8737", "origin": "http://127.0.0.1:8888"},
        {"host": "127.0.0.1:8737", "sec-fetch-site": "cross-site"},
        {"host": "127.0.0.1:8737", "sec-fetch-site": "same-site"},
    ],
)
def test_requests_from_elsewhere_are_refused(headers):
    assert door().wrong_origin(headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "localhost:8737"},
        {"host": "127.0.0.1:8737", "origin": "http://127.0.0.1:8737", "sec-fetch-site": "same-origin"},
    ],
)
def test_requests_of_our_own_page_are_let_through(headers):
    assert door().wrong_origin(headers) == ""


def test_who_comes_by_a_link_may_enter_but_no_script_may_ask():
    link = {"host": "127.0.0.1:8737", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert door().wrong_origin({**link, "sec-fetch-dest": "document"}, entering=True) == ""
    assert door().wrong_origin({**link, "sec-fetch-dest": "document"})  # any other page
    assert door().wrong_origin({**link, "sec-fetch-dest": "iframe"}, entering=True)
    assert door().wrong_origin({**link, "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}, entering=True)


def test_an_exposed_server_is_reached_by_the_address_of_its_machine_and_by_no_other_name():
    here = {"host": "192.0.2.7:8737"}
    assert door().wrong_origin(here, here="192.0.2.7:8737") == ""
    assert door().wrong_origin(here | {"origin": "http://192.0.2.7:8737"}, here="192.0.2.7:8737") == ""
    assert door().wrong_origin(here) and door().wrong_origin(
        {"host": "evil.example:8737"}, here="192.0.2.7:8737"
    )
    assert door().wrong_origin({"host": ""}, here="")


def test_the_page_may_load_nothing_from_elsewhere():
    policy = dict(part.strip().split(" ", 1) for part in HEADERS["Content-Security-Policy"].split(";"))
    assert (
        policy["default-src"] == "'none'"
        and policy["script-src"] == "'self'"
        and policy["frame-ancestors"] == "'none'"
    )
    assert not any(
        word in HEADERS["Content-Security-Policy"] for word in ("http:", "https:", "*", "unsafe-eval")
    )


def test_the_report_may_stand_in_our_own_frame_and_do_nothing_there():
    whole, framed = headers_of("/"), headers_of("/report")
    policy = framed["Content-Security-Policy"]
    assert "frame-src 'self'" in whole["Content-Security-Policy"] and whole["X-Frame-Options"] == "DENY"
    assert framed["X-Frame-Options"] == "SAMEORIGIN" and "frame-ancestors 'self'" in policy
    assert policy.endswith("sandbox") and "script-src" not in policy and "default-src 'none'" in policy
    assert headers_of("/report/x") is headers_of("/static/report") is whole  # nothing else gets in
    differ = {name for name in whole if whole[name] != framed[name]}
    assert differ == {"Content-Security-Policy", "X-Frame-Options"}
