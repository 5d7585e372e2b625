"""Predictions on the thread of the study."""

from __future__ import annotations

from clew import steps
from tests.steps.worlds import named, write_table


def test_predictions_stand_on_the_thread_of_the_models_study(table, tmp_path):
    from clew.study.study import file_sha256

    study, _ = table
    named(study, "0=low", "1=high")
    steps.train(study, trees=5)
    told = steps.predict(
        study.folder / "models" / "forest-1", [tmp_path / "cells.csv"], out=tmp_path / "p.csv"
    )
    result = study.result(study.last("predict"))
    assert told.step.id == study.last("predict").id
    assert result.out_sha256 == file_sha256(tmp_path / "p.csv")
    assert result.inputs == {"cells.csv": file_sha256(tmp_path / "cells.csv")}
    assert result.model_sha256 == study.models()[0]["sha256"]
    assert steps.verify(study).data["same"]


def test_a_model_on_its_own_predicts_without_a_record(table, tmp_path):
    import shutil

    study, _ = table
    named(study, "0=low", "1=high")
    steps.train(study, trees=5)
    shutil.copytree(study.folder / "models" / "forest-1", tmp_path / "alone")
    assert steps.predict(tmp_path / "alone", [tmp_path / "cells.csv"], out=tmp_path / "p.csv").step is None


def test_rows_of_the_study_itself_are_told_apart_when_predicted(table, tmp_path):
    study, _ = table
    named(study, "0=low", "1=high")
    steps.train(study, trees=5)
    told = steps.predict(study.folder, [tmp_path / "cells.csv"], out=tmp_path / "p.csv")
    assert any("72 open ones" in w and "18 sealed ones" in w for w in told.warnings)
    fresh, _ = write_table(tmp_path, seed=3, name="fresh.csv")
    assert not any(
        "own rows" in w for w in steps.predict(study.folder, [fresh], out=tmp_path / "p.csv").warnings
    )
