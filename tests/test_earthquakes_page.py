"""What docs/earthquakes.md says runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from clew.cli import VERBS, command, main
from tests.steps.picking_worlds import START, shaken
from tests.steps.test_picking_studies import iso

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "earthquakes.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.slow
def test_every_command_of_the_page_runs(tmp_path, monkeypatch, capsys):
    (tmp_path / "recordings").mkdir()
    rows = ["station,phase,time"]
    for i in range(8):
        begin = START + 1000 * i
        shaken(tmp_path / "recordings" / f"{i}.mseed", name=f"BW.S{i}.SH", seconds=120, start=begin, seed=i)
        rows += [f"BW.S{i},{phase},{iso(begin + 30 + at)}" for phase, at in (("P", 0), ("S", 2))]
    (tmp_path / "known.csv").write_text("\n".join(rows) + "\n")
    monkeypatch.chdir(tmp_path)
    for line in "".join(blocks("sh")).strip().splitlines():
        with pytest.raises(SystemExit) as left:
            main(shlex.split(line)[1:])
        assert left.value.code == 0, (line, capsys.readouterr().err)
    assert all(
        (tmp_path / name).exists() for name in ("picks.xml", "picks.csv", "picks.csv.json", "mine.xml")
    )
    assert "within 0.1 s" in capsys.readouterr().out


@pytest.mark.slow
def test_the_python_of_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile("\n".join(blocks("python")), "earthquakes.md", "exec"), {})
    assert capsys.readouterr().out.strip().endswith("True")


def test_every_flag_of_the_page_is_there():
    known = {flag for verb in VERBS.values() for param in command(verb).params for flag in param.opts}
    flags = set(re.findall(r"(--[a-z]+[a-z-]*)", PAGE))
    assert flags and flags <= known
