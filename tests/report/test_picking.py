"""What `clew pick` draws beside the picks where they are scored."""

from __future__ import annotations

import numpy as np

from clew.report.picking import pick
from tests.steps.picking_worlds import keen_picker, shaken


def test_scores_and_the_largest_residuals_are_drawn_where_there_are_known_picks(tmp_path):
    model, path = keen_picker(tmp_path / "picker"), shaken(tmp_path / "a.mseed", seconds=60)
    how = {"model": str(model), "engine": "torch"}
    plain = pick([path], out=tmp_path / "p.csv", **how)
    assert not list(tmp_path.glob("*.png")) and len(plain.result) > 3
    rows = ["station,phase,time"]
    for phase, time in zip(plain.result.phase, plain.result.time):
        moved = str(np.datetime64(round((time + 0.2) * 1000), "ms"))
        rows.append(f"BW.UH1,{phase},{moved}")
    (tmp_path / "known.csv").write_text("\n".join(rows) + "\n")
    told = pick([path], out=tmp_path / "q.csv", truth=tmp_path / "known.csv", **how)
    assert sorted(one.name for one in tmp_path.glob("*.png")) == ["q-outliers.png", "q-scores.png"]
    assert next(line for line in told.lines if line.startswith("Look")).endswith("q-scores.png")
