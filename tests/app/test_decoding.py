"""Pictures on the map of an autoencoder: of the mean of the rows of their cell, computed once, and of nothing else."""

from __future__ import annotations

import io

import numpy as np
import pytest

from clew.app import decoding
from clew.app.decoding import ACROSS, cells_of, decoded_of, sprite, tiles_of
from clew.app.map_data import map_of
from clew.errors import DataError, SettingError
from clew.steps.networks import raw_like
from tests.app.fakes import fake_session


def test_each_row_is_in_the_cell_in_which_it_lies():
    places = np.random.default_rng(1).uniform(2, 12, (500, 2)).astype(np.float32)
    places[::50] = np.nan
    cells, rows = cells_of(places, left=2.0, low=2.0, side=1.25)
    for (column, line), own in zip(cells, rows, strict=True):
        inside = (np.floor((places[:, 0] - 2) / 1.25) == column) & (
            np.floor((places[:, 1] - 2) / 1.25) == line
        )
        np.testing.assert_array_equal(own, np.flatnonzero(inside))
    assert sorted(np.concatenate(rows)) == np.flatnonzero(np.isfinite(places[:, 0])).tolist()


def test_a_cell_has_the_decoded_mean_of_its_rows_and_other_rows_no_part_in_it(coded, monkeypatch):
    from PIL import Image

    session = fake_session(coded)
    workspace, seen = session.workspace, []
    drawn = decoding.tiles_of
    monkeypatch.setattr(
        decoding, "tiles_of", lambda values, names: (seen.append(values), drawn(values, names))[1]
    )
    assert session.ask("map.look")["decodes"]
    told = session.ask("map.decoded")
    cells, counts, examples = told["arrays"]
    data = map_of(workspace)
    members = cells_of(data.places(0), left=told["left"], low=told["low"], side=told["side"])[1]
    assert counts.sum() == workspace.samples.n_rows and [len(one) for one in members] == counts.tolist()
    assert all(set(own[own >= 0]) <= set(rows) for own, rows in zip(examples, members, strict=True))

    most = int(counts.argmax())
    assert counts[most] > 1
    trained = next(one for one in workspace.study.steps() if one.verb == "train")
    model = workspace.study.result(trained)
    own = workspace.samples.take(members[most])
    mean = model.activations(own, raw_like(workspace.study, model)(own)).mean(axis=0)
    np.testing.assert_allclose(seen[0][most], model.estimator(0).decode_scaled(mean[None])[0], atol=1e-4)
    other = model.estimator(0).decode_scaled(mean[None] + 1)[0]  # the comparison can fail
    assert np.abs(seen[0][most] - other).max() > 1e-3

    session.ask("map.decoded")
    sheet = np.asarray(Image.open(io.BytesIO(sprite(workspace, step=str(data.step), run="0").data)))
    assert len(seen) == 1  # computed once
    line, column = divmod(most, ACROSS)
    height, width = told["height"], told["width"]
    np.testing.assert_array_equal(
        sheet[line * height : (line + 1) * height, column * width : (column + 1) * width],
        decoded_of(workspace, data, 0).tiles[most],
    )
    with pytest.raises(SettingError):
        session.ask("map.decoded", run=7)
    first = next(one for one in workspace.study.steps() if one.verb == "explore")  # at measurements
    assert not session.ask("map.look", step=first.id)["decodes"]
    with pytest.raises(DataError, match="autoencoder"):
        session.ask("map.decoded", step=first.id)


def test_windows_are_traces_and_pictures_of_several_channels_are_coloured():
    time = np.linspace(0, 6, 50)
    traces = tiles_of(np.stack([[np.sin(time)], [np.sin(time)], [np.cos(3 * time)]]), ["Z"])
    assert traces.shape == (3, *decoding.TRACE, 3)
    np.testing.assert_array_equal(traces[0], traces[1])
    assert (traces[0] != traces[2]).any()
    values = np.random.default_rng(0).normal(size=(2, 2, 300, 200))
    assert tiles_of(values, ["a", "b"]).shape == (2, 100, 67, 3) and tiles_of(values[:, :1], ["a"]).ndim == 3
