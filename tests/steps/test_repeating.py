"""The verb `repeat` says what kind of errors there are, then trueness, then precision."""

import dataclasses
import json

from clew.steps.exploring import explore, name
from clew.steps.learning import CIRCULAR, train
from clew.steps.repeating import _runs, repeat
from tests.steps.worlds import QUICK


def test_repeated_runs_take_the_latest_models_settings_and_go_on_record(table):
    study, _ = table
    explore(study, **QUICK)
    name(study, ["0=low", "1=high"])
    train(study, trees=4, depth=3, grower="clew")
    told = repeat(study, runs=3, folds=3)
    recorded = study.last("repeat")
    assert (recorded.settings["trees"], recorded.settings["depth"], recorded.settings["runs"]) == (4, 3, 3)
    assert told.lines[0] == told.result.verdict()
    assert told.lines[1].startswith("Trueness")
    assert any("change their answer" in line for line in told.lines)
    assert told.lines[-1].startswith("Next: clew ")
    assert CIRCULAR in told.warnings
    assert any(
        line.startswith("3 runs, each with other seeds and other folds; the first:") for line in told.lines
    )
    assert (
        _runs(dataclasses.replace(told.result, n_divisions=1))
        == "3 runs, each with other seeds but the same folds"
    )
    assert _runs(dataclasses.replace(told.result, n_divisions=2)).endswith(
        "other seeds, on 2 different divisions"
    )
    data = json.loads(json.dumps(told.data))
    assert data["runs"] == 3
    assert set(data["precision"]) == {"agreement", "kappa"}
