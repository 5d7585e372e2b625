"""What the map is made of: rows keep their numbers, runs their places."""

from __future__ import annotations

import numpy as np
import pytest

from clew.app.map_data import MapData, map_of, names_of_groups, of_look
from clew.errors import DataError, SettingError
from tests.app.fakes import fake_session


def test_places_on_the_grid_come_back_to_within_half_a_step():
    rng = np.random.default_rng(0)
    data = MapData.of_arrays(rng.normal(size=(3, 500, 2)))
    left, right, low, high = data.extent
    for run in range(3):
        grid = data.on_grid(data.places(run)).astype(float)
        back = np.array([left, low]) + grid / 65534 * np.array([right - left, high - low])
        assert np.abs(back - data.runs[run]).max() < 0.51 * max(right - left, high - low) / 65534 + 1e-6
    assert data.on_grid(np.full((1, 2), np.nan)).tolist() == [[65535, 65535]]


def test_the_latest_look_is_shown_with_its_names(blob_study):
    workspace = fake_session(blob_study).workspace
    data = map_of(workspace)
    step, look = workspace.look()
    assert (data.step, data.names, data.n_rows) == (step.id, ["round", "elongated"], 80)
    assert map_of(workspace) is data  # made once
    np.testing.assert_array_equal(data.places(0), look.placed)
    np.testing.assert_array_equal(data.places(2), look.embedding.aligned[2])
    with pytest.raises(SettingError, match="from 0 to 3"):
        data.places(4)
    assert names_of_groups([], step, 2) == ["group 0", "group 1"]


def test_rows_keep_their_numbers_whatever_order_a_look_has_them_in(blob_study):
    workspace = fake_session(blob_study).workspace
    _, look = workspace.look()
    turned = np.concatenate([np.asarray(look.sample)[::-1], ["new.tif#1"]])
    data = of_look(look, names=["a", "b"], step=1, sample=turned)
    np.testing.assert_array_equal(data.placed[:80], look.placed[::-1])
    np.testing.assert_array_equal(data.groups[:80], look.groups[::-1])
    np.testing.assert_array_equal(data.places(1)[:80], look.embedding.aligned[1][::-1])
    assert np.isnan(data.placed[80]).all() and data.groups[80] == -1 and not data.wanders[80]
    assert (np.diff(data.shown) > 0).all()


@pytest.mark.parametrize(
    ("positions", "groups", "sentence"),
    [
        (np.zeros((4, 3)), None, "of shape"),
        (np.full((4, 2), np.inf), None, "finite"),
        (np.zeros((4, 2)), [0], "one a row"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(positions, groups, sentence):
    with pytest.raises(DataError, match=sentence):
        MapData.of_arrays(positions, groups=groups)
