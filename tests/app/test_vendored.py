"""What the page takes from others is what was published, and it asks nothing of other machines."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

STATIC = Path(__file__).resolve().parents[2] / "src" / "clew" / "app" / "static"


def listed() -> dict[str, str]:
    rows = re.findall(
        r"^\| (vendor/\S+) \|.*\| ([0-9a-f]{64}) \|$", (STATIC / "VENDORED.md").read_text(), re.M
    )
    return dict(rows)


def test_what_is_vendored_is_listed_with_its_hash():
    there = {f"vendor/{file.name}" for file in (STATIC / "vendor").iterdir()}
    assert there - listed().keys() == {"vendor/LICENSES.txt", "vendor/preact-htm.d.ts"}
    for name, sha256 in listed().items():
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == sha256, name


def test_every_licence_is_there_in_full():
    text = (STATIC / "vendor" / "LICENSES.txt").read_text()
    assert "Apache License" in text and text.count("MIT License") >= 1 and "Leon Sorokin" in text


def outside(text: str) -> list[str]:
    """Addresses of other machines that a browser might ask; names of XML are none."""
    return [
        one
        for one in re.findall(r"(?:https?:|wss?:)?//[\w.-]+\.\w{2,}[^\s\"'`)]*", text)
        if "www.w3.org" not in one
    ]


def test_no_module_of_ours_asks_another_machine():
    for file in STATIC.rglob("*"):
        if file.suffix in (".js", ".css", ".html") and "vendor" not in file.parts:
            assert outside(re.sub(r"(?m)^\s*(//|\*|/\*).*$", "", file.read_text())) == [], file
    assert outside('@import url("https://fonts.example.com/x.css")')  # the check can fail
