"""What docs/workbench.md says runs, and its keys and formats are those of the page."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from clew.app.handling import HANDLERS
from clew.app.rooms import load_rooms
from clew.cli import VERBS, command, main
from tests.app.conftest import looked_at  # noqa: F401 (a fixture)
from tests.app.fakes import fake_session

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "workbench.md").read_text()


def test_every_command_of_the_page_runs(looked_at, tmp_path, monkeypatch, capsys):  # noqa: F811
    shutil.copytree(looked_at / "blobs.study", tmp_path / "my.study")
    shutil.copy(looked_at / "blobs.tif", tmp_path)
    monkeypatch.chdir(tmp_path)
    session = fake_session(tmp_path / "my.study")
    for i, sample in enumerate(session.workspace.samples.sample[:8]):
        session.ask(
            "labels.give", client=f"{i:032x}", samples=[str(sample)], label=("round", "elongated")[i % 2]
        )
    lines = [
        line
        for block in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)
        for line in block.strip().splitlines()
    ]
    assert len(lines) >= 3
    for line in lines:
        with pytest.raises(SystemExit) as left:
            main(shlex.split(line)[1:])
        assert left.value.code == 0, (line, capsys.readouterr().err)
    assert (tmp_path / "next.csv").exists() and "round" in (tmp_path / "labels.csv").read_text()


def test_every_flag_and_verb_of_the_page_is_there():
    assert set(re.findall(r"`clew (\w+)", PAGE)) <= {name.partition(" ")[0] for name in VERBS}
    known = {flag for verb in VERBS.values() for param in command(verb).params for flag in param.opts}
    flags = set(re.findall(r"(--[a-z]+[a-z-]*)", PAGE))
    assert flags and flags <= known


def test_every_format_of_the_table_can_be_asked_for():
    load_rooms()
    assert "labels.formats" in HANDLERS
    for name in ("CSV", "COCO", "Label Studio", "QuPath", "QuakeML"):
        assert f"| {name}" in PAGE
