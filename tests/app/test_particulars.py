from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import percentileofscore

from clew.app import particulars
from clew.app.particulars import (
    counted,
    distance_to_centre,
    kept_look,
    measurements,
    middle_halves,
    ordered,
    telling_first,
    title,
    told,
)
from clew.errors import DataError
from tests.app.fakes import fake_session


@pytest.fixture
def workspace(blob_study):
    return fake_session(blob_study).workspace


def test_a_row_is_told_by_its_name_and_that_of_its_group(workspace):
    view = kept_look(workspace)
    one = told(workspace, view, 4)
    name = str(workspace.samples.sample[4])
    assert one == {
        "row": 4,
        "name": name,
        "group": int(view.groups[4]),
        "words": f"{name}, {['round', 'elongated'][one['group']]}",
    }
    assert title(workspace, 4) == f"Object {name.rpartition('#')[2]}"


def test_the_most_wandering_come_first(workspace):
    view = kept_look(workspace)
    _, look = workspace.look()
    rows = ordered(workspace, view, np.arange(workspace.samples.n_rows), "wandering")
    keeps = dict(zip(look.sample[look.shown], look.embedding.neighbor_overlap))
    kept = [keeps[name] for name in workspace.samples.sample[rows]]
    assert kept == sorted(kept) and kept[0] < kept[-1]


def test_random_rows_are_drawn_from_all_and_are_the_same_each_time(workspace):
    view, rows = kept_look(workspace), np.arange(0, workspace.samples.n_rows, 2)
    drawn = ordered(workspace, view, rows, "random")
    assert sorted(drawn) == rows.tolist() and drawn[: len(rows) // 2].max() > len(rows)
    np.testing.assert_array_equal(drawn, ordered(workspace, view, rows, "random"))


def test_the_most_central_are_nearest_the_mean_of_their_group(workspace):
    view = kept_look(workspace)
    _, look = workspace.look()
    frame = workspace.samples.to_frame()[look.features]
    scaled = (frame - frame.mean()) / frame.std(ddof=0)
    slow = [
        float(np.linalg.norm(scaled.iloc[i] - scaled[view.groups == view.groups[i]].mean()))
        for i in range(len(scaled))
    ]
    np.testing.assert_allclose(distance_to_centre(workspace, view), slow, atol=1e-9)
    rows = ordered(workspace, view, np.arange(len(scaled)), "centre")
    assert rows[0] == int(np.argmin(slow)) and rows[-1] == int(np.argmax(slow))


def test_the_features_of_hypotheses_come_first_and_none_is_left_out(workspace):
    view = kept_look(workspace)
    names = [workspace.samples.feature_names[i] for i in telling_first(workspace, view)]
    assert sorted(names) == sorted(workspace.samples.feature_names)
    assert names[0] == view.look.hypotheses.stated[0].features[0]
    assert set(view.look.features) == set(names[: len(view.look.features)])


def test_the_middle_half_of_a_group_lies_where_its_quartiles_rank(workspace):
    view, features = kept_look(workspace), workspace.samples.features
    middles = middle_halves(workspace, view)
    for group in (0, 1):
        for c in (0, 5):
            own = np.quantile(features[view.groups == group, c], [0.25, 0.75])
            wanted = [percentileofscore(features[:, c], one, kind="weak") / 100 for one in own]
            np.testing.assert_allclose(middles[group, :, c], wanted, atol=1e-12)


def test_measurements_are_those_of_the_row(workspace):
    view, samples = kept_look(workspace), workspace.samples
    for one in measurements(workspace, view, 7):
        column = samples.features[:, samples.feature_names.index(one["name"])]
        assert one["value"] == column[7]
        assert one["rank"] == pytest.approx(percentileofscore(column, column[7], kind="mean") / 100)
        assert [group for group, *_ in one["middles"]] == [0, 1]


def test_counts_are_those_of_numpy():
    rng = np.random.default_rng(2)
    values, groups, chosen = rng.normal(size=300), rng.integers(-1, 3, 300), rng.random(300) < 0.3
    found = counted(values, groups, chosen, n_groups=3, bins=12)
    wanted, edges = np.histogram(values, bins=12)
    assert found["all"] == wanted.tolist()
    np.testing.assert_allclose(found["edges"], edges)
    assert found["chosen"] == np.histogram(values[chosen], bins=edges)[0].tolist()
    assert [sum(one) for one in found["groups"]] == [int((groups == g).sum()) for g in range(3)]


def test_a_feature_of_one_value_has_one_bin_that_is_filled():
    found = counted(np.full(5, 3.0), np.zeros(5, int), np.zeros(5, bool), n_groups=1, bins=4)
    assert sorted(found["all"]) == [0, 0, 0, 5]


def test_rows_that_nobody_has_looked_at_have_no_group(tmp_path):
    from clew import steps

    rows = "\n".join(f"{i},{i % 7}" for i in range(40))
    (tmp_path / "t.csv").write_text(f"a,b\n{rows}\n")
    steps.new(tmp_path / "t.study", [tmp_path / "t.csv"])
    workspace = fake_session(tmp_path / "t.study").workspace
    view = kept_look(workspace)
    assert view.step == 0 and (view.groups == -1).all() and view.names == []
    for order in ("wandering", "random", "centre"):
        assert sorted(ordered(workspace, view, np.arange(9), order)) == list(range(9))
    assert measurements(workspace, view, 0)[0]["middles"] == []
    with pytest.raises(DataError, match="feature"):
        particulars.feature_at(workspace, "c")
