"""The server over real sockets, and the page in a real browser."""

from __future__ import annotations

from tests.app.conftest import shot, until


def test_the_page_opens_with_the_printed_address(opened):
    told = opened.evaluate("() => window.clew.state.about.study")
    assert told["name"] == "blobs" and told["counts"]["open"] + told["counts"]["sealed"] == 100
    assert "token" not in opened.url
    until(lambda: opened.evaluate("() => document.querySelector('nav') !== null"))
    shot(opened, "opened")
