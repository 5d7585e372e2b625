"""What docs/signals.md says runs, and its table of measurements is that of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clew.cli import VERBS
from clew.measure.waveform_features import describe
from clew.steps import new, predict

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "signals.md").read_text()


def measurements() -> str:
    """Return the table of what is measured of 10 s at 100 Hz, as the page shows it."""
    table = describe(("Z", "N", "E"), of=(0,), three=(0, 1, 2), rate=100, n=1000, unit="counts", network=True)
    units = dict(zip(table.names, table.units, strict=True))
    lines = ["| set | measurement | unit | how |", "|---|---|---|---|"]
    for name, members in table.sets.items():
        for i, one in enumerate(members):
            lines.append(f"| {name if i == 0 else ''} | `{one}` | {units[one]} | {table.sources[one]} |")
    return "\n".join(lines)


def test_the_page_shows_every_measurement_with_its_unit_and_source():
    assert measurements() in PAGE


@pytest.mark.slow
def test_the_blocks_run_one_after_the_other(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(blocks) == 2
    names: dict = {}
    for block in blocks:
        exec(compile(block, "docs/signals.md", "exec"), names)
    printed = capsys.readouterr().out
    assert all(label in printed for label in ("earthquake", "jumping", "train"))
    found = names["model"].detect("SIM1.mseed", ignore=["silence"], threshold=0.7)
    assert found.label.tolist() == names["found"]["label"].tolist()  # from the file as from memory


def test_every_flag_and_verb_of_the_page_is_there():
    import inspect

    known = set(inspect.signature(new).parameters) | set(inspect.signature(predict).parameters)
    known |= {"features", "by"}
    flags = {one.replace("-", "_") for one in re.findall(r"--([a-z]+[a-z-]*)", PAGE)}
    assert flags and flags <= known
    assert set(re.findall(r"`clew (\w+)", PAGE)) <= set(VERBS)
