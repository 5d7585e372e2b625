"""What docs/encoders.md says runs."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from clew.cli import VERBS, command, main
from tests.app.conftest import looked_at  # noqa: F401 (a fixture)

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "encoders.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.slow
def test_every_command_of_the_page_runs(looked_at, tmp_path, monkeypatch, capsys):  # noqa: F811
    shutil.copytree(looked_at / "blobs.study", tmp_path / "my.study")
    shutil.copy(looked_at / "blobs.tif", tmp_path / "simulated-blobs.tif")
    (tmp_path / "truth").mkdir()
    labels = next((tmp_path / "my.study" / "arrays").glob("*.labels.tif"))
    shutil.copy(labels, tmp_path / "truth" / "simulated-blobs.tif")
    monkeypatch.chdir(tmp_path)
    for line in "".join(blocks("sh")).strip().splitlines():
        with pytest.raises(SystemExit) as left:
            main(shlex.split(line)[1:])
        assert left.value.code == 0, (line, capsys.readouterr().err)
    made = {
        "denoised/denoised.html",
        "found/objects/simulated-blobs.tif",
        "unusual.csv",
        "made/generated.png",
    }
    assert all((tmp_path / name).exists() for name in made)


@pytest.mark.slow
def test_the_python_of_the_page_runs(capsys):
    exec(compile("\n".join(blocks("python")), "encoders.md", "exec"), {})
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("(1797, 8)") and told[1] == "True" and told[-1] == "True"


def test_every_flag_of_the_page_is_there():
    known = {flag for verb in VERBS.values() for param in command(verb).params for flag in param.opts}
    flags = set(re.findall(r"(--[a-z]+[a-z-]*)", PAGE))
    assert flags and flags <= known
