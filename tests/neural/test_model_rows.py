"""Rows for nets, and what a model remembers of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from clew.errors import DataError
from clew.neural.model_rows import Seen, amplitudes, check_cutouts, plain, values_for
from clew.neural.preprocess import Preprocess
from tests.neural.models import images, samples, windows


def test_nets_that_read_step_by_step_get_time_before_channels():
    cut = windows()
    np.testing.assert_array_equal(values_for("lstm", cut)[3, 5], cut.values[3, :, 5])
    np.testing.assert_array_equal(values_for("cnn", cut), cut.values)
    np.testing.assert_array_equal(values_for("mlp", samples()), samples().features)


def test_a_net_is_not_given_what_it_cannot_read():
    with pytest.raises(DataError, match="mlp and perceptron take these"):
        values_for("cnn", samples())
    with pytest.raises(DataError, match="Got images: cnn takes these"):
        values_for("gru", images())


def test_what_is_remembered_of_rows_is_what_they_were():
    rows, cut, scale = samples(), windows(), Preprocess()
    table = Seen.of(rows, None, shape=[3], scale=scale)
    assert table.names == ["area", "share", "intensity"] and table.n_rows == 24 and table.how == {}
    np.testing.assert_array_equal(table.range, np.sort(rows.features, axis=0)[[0, -1]].T)
    raw = Seen.of(rows, cut, shape=[24], scale=scale)
    assert raw.units == ["nm/s", "nm/s"] and raw.shape == [2, 12] and raw.digest == cut.digest()
    assert Seen.of(rows, images(), shape=[], scale=scale).units == ["counts", "counts"]
    untold = dataclasses.replace(cut, how={})  # where a model would take no "how" for rows of a table
    assert Seen.of(rows, untold, shape=[24], scale=scale).how == {"rate": 100.0}


def test_grids_in_a_line_are_remembered_by_their_channels():
    bare = Seen.of(None, None, shape=[24], scale=Preprocess(mean=(0.0, 0.0), spread=(1.0, 1.0)))
    assert bare.shape == [2, 12] and bare.n_rows == 0
    assert Seen.of(None, None, shape=[24], scale=Preprocess("none")).shape == [24]


def test_the_amplitude_is_the_standard_deviation_of_a_channel():
    values = images().values
    np.testing.assert_allclose(amplitudes(values)[4, 1], np.std(values[4, 1].astype(float)), rtol=1e-12)


def test_cut_outs_that_were_cut_alike_are_taken_and_others_refused():
    cut = windows()
    check_cutouts(cut, ["Z", "N"], [2, 12], cut.how)
    with pytest.raises(DataError, match="rate"):
        check_cutouts(cut, ["Z", "N"], [2, 12], cut.how | {"rate": 20.0})


def test_plain_values_are_what_json_gives_back():
    assert plain({1: (np.int64(2), {"a": np.float64(0.5)})}) == {"1": [2, {"a": 0.5}]}
