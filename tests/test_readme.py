"""What README says runs, and its map of the house is true."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from clew.cli import main
from clew.steps import VERBS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(sh|python)\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.slow
def test_every_block_runs_in_an_empty_folder(tmp_path, monkeypatch, capsys, demonstrated):
    monkeypatch.chdir(tmp_path)
    assert len(BLOCKS) >= 3
    for kind, block in BLOCKS:
        if kind == "python":
            exec(compile(block, "README.md", "exec"), {})
            continue
        for line in block.strip().splitlines():
            if line.startswith("clew demo "):  # as tests/demo has run it, or will
                made, _ = demonstrated(line)
                shutil.copytree(made, made.name)
                continue
            with pytest.raises(SystemExit) as left:
                main(shlex.split(line)[1:])
            assert left.value.code == 0, (line, capsys.readouterr().err)
    assert (tmp_path / "predicted.csv").exists()
    assert (tmp_path / "painted" / "simulated-blobs.tif.classes.tif").exists()


def test_the_map_names_every_room_and_no_other():
    rooms = {
        name.rstrip("/")
        for row in re.findall(r"^\| (`.*?) \|", README, flags=re.MULTILINE)
        for name in re.findall(r"`([\w./]+)`", row)
    }
    source = ROOT / "src" / "clew"
    there = {
        p.name
        for p in source.iterdir()
        if (p.suffix == ".py" or (p / "__init__.py").exists()) and not p.name.startswith("__")
    }
    assert rooms == there


def test_the_commands_of_people_are_targets_of_the_makefile():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"`?make (\w+)", README)) - {"d"} <= targets


def test_the_changelog_names_every_verb():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert [verb for verb in VERBS if f"{verb}" not in changelog] == []
