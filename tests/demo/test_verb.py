"""The verb chooses a walk-through, and refuses others in words."""

from __future__ import annotations

from pathlib import Path

import pytest

import clew.demo.blobs
import clew.demo.signals
from clew.cli import VERBS, main
from clew.demo import demo
from clew.errors import SettingError


def test_blobs_are_the_first_choice_and_signals_are_asked_for(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(clew.demo.blobs, "blobs", lambda **given: asked.append(("blobs", given["out"])))
    monkeypatch.setattr(clew.demo.signals, "signals", lambda **given: asked.append(("signals", given["out"])))
    demo()
    demo("signals", out=tmp_path)
    assert asked == [("blobs", Path("clew-demo")), ("signals", tmp_path)]


def test_another_walk_through_is_refused_with_a_suggestion(capsys):
    with pytest.raises(
        SettingError, match="must be one of: blobs, signals. Got 'signal' instead. Did you mean"
    ):
        demo("signal")
    with pytest.raises(SystemExit) as left:
        main(["demo", "blob"])
    assert left.value.code == 2
    assert "Did you mean 'blobs'?" in capsys.readouterr().err


def test_the_help_names_both(capsys):
    with pytest.raises(SystemExit):
        main(["demo", "--help"])
    told = capsys.readouterr().out
    assert "[WHAT]" in told and "blobs or signals" in told
    assert len(VERBS["demo"].help) < 110
