"""Reading the thread and running it again."""

from __future__ import annotations

import json

import pandas as pd

from clew import steps


def test_every_outcome_can_be_said_as_json(picture):
    study, _ = picture
    for one in study.steps():
        json.dumps(one.summary, allow_nan=False)
    assert json.loads(json.dumps(steps.log(study).data))["looks"] == 1


def test_the_thread_runs_again_to_the_same_bits_and_a_change_is_named(picture):
    study, _ = picture
    again = steps.verify(study)
    assert again.data["same"], again.lines
    with study.store.writing() as db:
        db.execute("UPDATE steps SET digest = 'ff' || substr(digest, 3) WHERE verb = 'validate'")
    changed = steps.verify(study)
    assert {row["verb"] for row in changed.data["steps"] if not row["same"]} == {"validate"}
    with study.store.writing() as db:
        for one in study.steps():
            if one.digest.startswith("ff") and one.verb == "validate":
                db.execute("UPDATE steps SET digest = ? WHERE id = ?", (study.result(one).digest(), one.id))
    assert steps.verify(study).data["same"]


def test_a_changed_raw_file_is_named_by_verify(tmp_path, table):
    study, _ = table
    frame = pd.read_csv(tmp_path / "cells.csv")
    frame.loc[3, "a"] += 1e-6
    frame.to_csv(tmp_path / "cells.csv", index=False)
    told = steps.verify(study)
    assert not told.data["same"]
    assert any("has changed" in row["told"] for row in told.data["steps"])
