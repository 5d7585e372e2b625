"""The server over real sockets, and the page in a real browser."""

from __future__ import annotations

import http.client
import json
import re
import signal

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from clew.app.server import STATIC, Outgoing, modules
from tests.app.conftest import shot, until

TOKEN = re.compile(r"token=(\S+)")


def get(port, path, method="GET", body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest(method, path, skip_host=True)
    for name, value in (
        {"Host": f"127.0.0.1:{port}"} | {k.replace("_", "-"): v for k, v in headers.items()}
    ).items():
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    return answer, answer.read()


def test_who_may_enter_and_who_may_not(serve, blob_study):
    served = serve(blob_study)
    port, own = served.port, f"http://127.0.0.1:{served.port}"
    token = TOKEN.search(served.address)[1]

    def talk(**headers):
        return connect(
            f"ws://127.0.0.1:{port}/socket", additional_headers=headers, origin=None, open_timeout=20
        )

    # without a cookie nothing is answered: page, modules, pictures, socket, upload
    for path in ("/", "/static/main.js", "/picture/row/0"):
        assert get(port, path)[0].status == 401
    assert get(port, "/upload/1/a.txt", "PUT", b"x")[0].status == 401
    # a stranger's host or origin is refused even with the token, which is not used up by it
    assert get(port, f"/enter?token={token}", Host="evil.example")[0].status == 403
    assert get(port, f"/enter?token={token}", Origin="http://evil.example")[0].status == 403
    assert get(port, "/enter?token=guess")[0].status == 401
    answer, body = get(port, f"/enter?token={token}")
    assert answer.status == 200 and token.encode() not in body
    cookie = answer.headers["set-cookie"]
    assert "httponly" in cookie.lower() and "samesite=strict" in cookie.lower()
    value = cookie.partition(";")[0]
    assert get(port, f"/enter?token={token}")[0].status == 401  # it opens once
    answer, _ = get(port, "/", Cookie=value)
    assert answer.status == 200 and "default-src 'none'" in answer.headers["content-security-policy"]
    assert "server" not in answer.headers
    # the cookie does not help a page of another site
    for wrong in (
        {"Origin": "http://evil.example"},
        {"Host": f"evil.example:{port}"},
        {"Sec_Fetch_Site": "cross-site"},
    ):
        assert get(port, "/", Cookie=value, **wrong)[0].status == 403
    for headers in (
        {},
        {"Cookie": value},
        {"Cookie": value, "Origin": "http://evil.example"},
        {"Origin": own},
    ):
        with pytest.raises(InvalidStatus) as refused, talk(**headers) as socket:
            socket.recv(timeout=20)
        fences = refused.value.response.headers
        assert "default-src 'none'" in fences["content-security-policy"]
    # what is dropped appears whole, once, and says how long it is before it fills a disk
    assert get(port, "/upload/1/a.txt", "PUT", b"x", Cookie=value)[0].status == 200
    assert b"name of its own" in get(port, "/upload/1/a.txt", "PUT", b"y", Cookie=value)[1]
    assert get(port, f"/upload/1/{'x' * 300}", "PUT", b"x", Cookie=value)[0].status == 400
    answer, body = get(port, "/upload/1/b.txt", "PUT", Cookie=value)
    assert answer.status == 400 and b"how long" in body
    assert [one.name for one in (blob_study.parent / "dropped-1").iterdir()] == ["a.txt"]
    # paths lead nowhere else
    for path in (
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static//etc/passwd",
        "/../../etc/passwd",
    ):
        assert get(port, path, Cookie=value)[0].status in (404, 400)

    with talk(Cookie=value, Origin=own) as socket:
        socket.send(json.dumps({"do": "about", "id": 1}))
        assert json.loads(socket.recv(timeout=20))["study"]["name"] == "blobs"
        socket.send(b"\xff\xfe not json")  # malformed frames are told, and the connection lives on
        assert "JSON object" in json.loads(socket.recv(timeout=20))["error"]
        socket.send(json.dumps({"do": "about", "id": 2, "folder": "/etc"}))
        assert "folder" in json.loads(socket.recv(timeout=20))["error"]
        socket.send(json.dumps({"do": "about", "id": 3}))
        assert json.loads(socket.recv(timeout=20))["re"] == 3
        with pytest.raises(ConnectionClosed):  # far too long: cut before it is held
            socket.send("x" * (9 * 1024 * 1024))
            socket.recv(timeout=20)
    assert get(port, "/", Cookie=value)[0].status == 200  # and the server is still there
    # a second server of the same study is told where the first one is, and exits with 2
    import subprocess
    import sys

    second = subprocess.run(
        [sys.executable, "-m", "clew", "serve", str(blob_study), "--no-open", "--port", "0"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode == 2 and f"port {port}" in second.stderr and second.stderr.count("\n") == 1
    served.stop(signal.SIGINT)
    assert served.process.returncode in (0, 130)


def test_the_page_opens_and_asks_nobody_else(opened, context):
    told = opened.evaluate("() => window.clew.state.about.study")
    assert told["name"] == "blobs" and told["counts"]["open"] + told["counts"]["sealed"] == 100
    assert "token" not in opened.url
    asked = []
    opened.on("request", lambda request: asked.append(request.url))
    broken = []
    context.on("weberror", lambda error: broken.append(str(error.error)))
    opened.reload()
    until(lambda: opened.evaluate("() => Boolean(window.clew?.state?.about)"))
    for view in ("explore", "paint", "sort", "label", "validate", "report"):
        opened.evaluate("(view) => window.clew.set({ view })", view)
        opened.wait_for_timeout(400)
        shot(opened, view)
    assert len(asked) > 10
    assert [
        url
        for url in asked
        if not url.startswith((f"http://127.0.0.1:{opened.served.port}/", "blob:", "data:"))
    ] == []
    assert broken == []
    # scripts that are written into the page do not run: the policy holds
    opened.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.evil = 1'; document.body.append(s); }"
    )
    assert opened.evaluate("() => window.evil === undefined")


def test_of_a_page_that_does_not_read_no_more_is_held_than_a_limit():
    for message, most in (("x", 3), (b"x" * 40, 2)):
        outgoing = Outgoing(messages=3, size=100)
        taken = [outgoing.put(message) for _ in range(most + 1)]
        assert taken == [True] * most + [False]
        assert (
            outgoing.queue.qsize() == 1 and outgoing.queue.get_nowait() is None
        )  # all is dropped; the page comes back


def test_the_page_names_every_module_that_it_will_need():
    all_modules = {one.relative_to(STATIC).as_posix() for one in STATIC.rglob("*.js")}
    assert set(modules()) == all_modules - {"map/widget.js"}  # that one is for notebooks
    assert modules("core/frames.js") == ["core/frames.js"]
