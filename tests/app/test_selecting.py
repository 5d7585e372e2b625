"""Selections: by the server, with the true places, numbered, and forgotten in time."""

from __future__ import annotations

import numpy as np
import pytest

from clew.app import selecting
from clew.app.map_data import MapData, map_of
from clew.app.selecting import selection_rows, within
from clew.errors import SettingError
from tests.app.fakes import fake_session

LEFT = [[-9.0, -9.0], [0.0, -9.0], [0.0, 9.0], [-9.0, 9.0]]
RIGHT = [[0.0, -9.0], [9.0, -9.0], [9.0, 9.0], [0.0, 9.0]]


@pytest.fixture
def session():
    made = fake_session(None)
    positions = np.random.default_rng(0).normal(size=(2, 500, 2))
    made.workspace.kept["map"] = MapData.of_arrays(positions, groups=np.arange(500) % 3)
    return made


def bits(answer):
    return np.flatnonzero(np.unpackbits(answer["arrays"][0], bitorder="little"))


def test_a_lasso_takes_the_rows_of_the_run_that_is_shown(session):
    data = session.workspace.kept["map"]
    for run in (0, 1):
        answer = session.ask("select", kind="lasso", polygon=LEFT, run=run)
        expected = np.flatnonzero(data.runs[run][:, 0] < 0)
        assert (answer["n"], answer["of"], answer["how"]) == (len(expected), 500, "lasso")
        np.testing.assert_array_equal(bits(answer), expected)
        np.testing.assert_array_equal(selection_rows(session, answer["selection"]), expected)


def test_adding_and_taking_away_change_the_latest_selection(session):
    first = session.ask("select", kind="lasso", polygon=LEFT)
    both = session.ask("select", kind="lasso", polygon=RIGHT, mode="add")
    assert both["n"] == 500
    rest = session.ask("select", kind="group", group=1, mode="take")
    assert rest["n"] == 500 - 167
    assert session.ask("select", kind="rows", rows=[1, 4, 1], mode="add")["n"] == 500 - 165
    assert len(selection_rows(session, first["selection"])) == first["n"]  # older ones stay as they were


def test_no_rows_are_selection_0_which_stands_for_all(session):
    session.ask("select", kind="rows", rows=[3])
    nothing = session.ask("select", kind="nothing")
    assert (nothing["selection"], nothing["n"], nothing["how"]) == (0, 0, "")
    assert len(selection_rows(session, 0)) == 500
    assert session.ask("select", kind="rows", rows=[5], mode="add")["n"] == 1


def test_old_selections_are_forgotten_and_say_so(session, monkeypatch):
    monkeypatch.setattr(selecting, "KEPT", 2)
    numbers = [session.ask("select", kind="rows", rows=[row])["selection"] for row in range(3)]
    assert len(set(numbers)) == 3
    with pytest.raises(SettingError, match="select again"):
        selection_rows(session, numbers[0])
    assert selection_rows(session, numbers[2]).tolist() == [2]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"kind": "lasso", "polygon": LEFT[:2]}, "from 3 to 10,000 vertices"),
        ({"kind": "lasso", "polygon": LEFT * 2501}, "from 3 to 10,000 vertices"),
        ({"kind": "lasso", "polygon": [[0.0], [1.0], [2.0]]}, "pairs"),
        ({"kind": "lasso", "polygon": [[0.0, float("nan")], *LEFT]}, "must be"),
        ({"kind": "lasso"}, "must have 'polygon'"),
        ({"kind": "lasso", "polygon": LEFT, "run": 2}, "from 0 to 1"),
        ({"kind": "rows", "rows": [500]}, "from 0 to 499"),
        ({"kind": "rows", "rows": [-1]}, "from 0 to 499"),
        ({"kind": "group", "group": 3}, "from 0 to 2"),
        ({"kind": "rule", "rule": "size > 3"}, "may name group, confidence"),
        ({"kind": "spell"}, "must be one of"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(session, given, sentence):
    kept = session.ask("select", kind="rows", rows=[7])["selection"]
    with pytest.raises(SettingError, match=sentence):
        session.ask("select", **given)
    assert session.kept["selections"].now == kept


def test_threads_do_not_change_what_is_inside(monkeypatch):
    points = np.random.default_rng(1).normal(size=(1000, 2)).astype(np.float32)
    polygon = np.array(LEFT)
    whole = within(points, polygon)
    monkeypatch.setattr(selecting, "PIECE", 77)
    monkeypatch.setenv("NUMBA_NUM_THREADS", "3")
    np.testing.assert_array_equal(within(points, polygon), whole)
    np.testing.assert_array_equal(whole, points[:, 0] < 0)


def test_rules_know_features_groups_labels_and_names_of_a_study(blob_study):
    session = fake_session(blob_study)
    samples, data = session.workspace.samples, map_of(session.workspace)
    area = samples.features[:, samples.feature_names.index("area")]
    answer = session.ask("select", kind="rule", rule="area > 300 and group == 0 and confidence > 0.5")
    np.testing.assert_array_equal(
        bits(answer), np.flatnonzero((area > 300) & (data.groups == 0) & (data.confidence > 0.5))
    )
    assert session.ask("select", kind="rule", rule="label == 'round'")["n"] == (data.groups == 0).sum()
    name = str(samples.sample[5])
    answer = session.ask("select", kind="rule", rule=f"sample == '{name}'")
    assert bits(answer).tolist() == [5]
    assert session.ask("selection.names", selection=answer["selection"]) == {"samples": [name]}
    with pytest.raises(
        SettingError, match="none selected"
    ):  # never all rows, where a name would become their label
        session.ask("selection.names", selection=0)
