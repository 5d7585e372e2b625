"""Reading the thread and running it again."""

from __future__ import annotations

import dataclasses
import json

import pandas as pd

from clew import steps
from tests.steps.worlds import QUICK


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


def test_a_changed_model_or_table_in_the_study_is_named_by_verify(table):
    from clew.study.table import read_samples, write_samples

    study, _ = table
    steps.explore(study, k=2, **QUICK)
    steps.name(study, ["0=low", "1=high"])
    steps.train(study, trees=5)
    config = study.folder / "models" / "forest-1" / "config.json"
    config.write_text(config.read_text().replace('"low"', '"lwo"'))
    told = steps.verify(study)
    assert [row["verb"] for row in told.data["steps"] if row["same"] is False] == ["train"]
    assert told.status == 1
    config.write_text(config.read_text().replace('"lwo"', '"low"'))
    assert steps.verify(study).data["same"]
    rows = read_samples(study.folder / "samples.parquet")
    write_samples(dataclasses.replace(rows, features=rows.features * 2), study.folder / "samples.parquet")
    told = steps.verify(study)
    assert any("samples.parquet has changed" in row["told"] for row in told.data["steps"])


def test_a_source_that_is_not_there_is_not_called_a_difference(table, tmp_path):
    study, _ = table
    (tmp_path / "cells.csv").rename(tmp_path / "gone.csv")
    told = steps.verify(study)
    assert not any(row["same"] is False for row in told.data["steps"])
    assert "NOT CHECKED: " in "\n".join(told.lines)
    assert told.status == 1
    assert not told.data["same"]


def test_the_log_is_short_unless_asked(table):
    study, _ = table
    steps.explore(study, k=2, **QUICK)
    short, long = (steps.log(study, all_settings=one).lines for one in (False, True))
    assert "n_neighbors" not in "\n".join(short)
    assert "k=2" in "\n".join(short)
    assert "n_neighbors=15" in "\n".join(long)
