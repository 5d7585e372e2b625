"""The verb that denoises draws what it did."""

from __future__ import annotations

import inspect

import matplotlib.pyplot as plt

from clew.report import denoising
from clew.steps.outcome import Outcome


def test_the_settings_of_the_verb_are_kept():
    assert {"structure", "method", "out"} <= set(inspect.signature(denoising.denoise).parameters)


def test_recordings_get_a_picture_beside_the_results(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "clew.steps.denoising.denoise", lambda paths, *, out: Outcome(["Done."], {}, result="a result")
    )
    monkeypatch.setattr("clew.plot.figure", lambda result: plt.figure())
    outcome = denoising.denoise(["a.mseed"], out=tmp_path)
    assert (tmp_path / "denoised.png").is_file()
    assert outcome.lines == ["Done.", f"Look: {tmp_path / 'denoised.png'}"] and outcome.data["page"]
