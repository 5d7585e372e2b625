"""What docs/neural.md says runs."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from clew.cli import VERBS, command, main
from clew.neural.architectures import ARCHITECTURES
from tests.app.conftest import looked_at  # noqa: F401 (a fixture)

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "neural.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.slow
def test_every_command_of_the_page_runs(looked_at, tmp_path, monkeypatch, capsys):  # noqa: F811
    shutil.copytree(looked_at / "blobs.study", tmp_path / "my.study")
    shutil.copy(looked_at / "blobs.tif", tmp_path / "simulated-blobs.tif")
    monkeypatch.chdir(tmp_path)
    for line in ["clew name my.study 0=round 1=elongated", *"".join(blocks("sh")).strip().splitlines()]:
        with pytest.raises(SystemExit) as left:
            main(shlex.split(line)[1:])
        told = capsys.readouterr()
        assert left.value.code == 0, (line, told.err)
        if "validate" in line:
            assert "Beside it, the forest on" in told.out
    assert (tmp_path / "predicted.csv").exists()


@pytest.mark.slow
def test_the_python_of_the_page_runs_and_shows_what_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile("\n".join(blocks("python")), "neural.md", "exec"), {})
    told = capsys.readouterr().out
    assert "does not converge" in told and "converged after" in told
    assert float(told.split()[0]) > 0.95  # digits
    assert (tmp_path / "digits.onnx").exists()


def test_every_flag_and_net_of_the_page_is_there():
    known = {flag for verb in VERBS.values() for param in command(verb).params for flag in param.opts}
    flags = set(re.findall(r"(--[a-z]+[a-z-]*)", PAGE))
    assert flags and flags <= known
    table = PAGE[PAGE.index("| you have") : PAGE.index("## A classifier")]
    nets = set(re.findall(r"`([a-z-]+)`", table))
    assert nets and nets <= set(ARCHITECTURES)
