"""What the steps that explain a net share."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import Stopped
from clew.neural.net_settings import NetSettings
from clew.neural.score_maps import Told, inputs_of, maps_of, method_of, missed_by, settings_of_net
from clew.neural.training import train_net
from tests.neural.models import images, samples, trained, windows
from tests.neural.test_training import rows


def test_each_net_is_shown_by_the_method_that_fits_it():
    assert method_of(trained("cnn", images())[0].estimator()) == "hires-cam"  # images are flattened,
    assert method_of(trained("cnn", windows())[0].estimator()) == "grad-cam"  # the places of windows averaged
    assert method_of(trained("lstm", windows())[0].estimator()) == "integrated-gradients"


def test_maps_of_nets_that_read_along_time_have_channels_first():
    model = trained("gru", windows())[0]
    X = inputs_of(model.estimator(), model.values(samples(), windows()))
    found = maps_of(model.estimator(), X, None, "integrated-gradients", 16)
    assert X.shape == (24, 12, 2) and found.values.shape == found.inputs.shape == (24, 2, 12)
    np.testing.assert_array_equal(found.inputs, X.swapaxes(1, 2))


def test_what_an_integral_misses_falls_with_its_steps():
    model = trained("mlp", max_epochs=10, lr=0.1)[0]
    X = inputs_of(model.estimator(), model.values(samples(), None))
    coarse, fine = (
        missed_by([maps_of(model.estimator(), X, None, "integrated-gradients", n)]) for n in (1, 64)
    )
    assert fine < 0.05 and fine < coarse


def test_a_model_knows_the_settings_that_it_was_trained_with():
    given = NetSettings(model="mlp", epochs=1, members=1, hidden="4", dropout=0.1)
    assert settings_of_net(train_net(rows(24), epochs=1, members=1, hidden="4", dropout=0.1)) == given


def test_progress_counts_parts_and_a_stop_is_a_stop():
    heard = []
    told = Told(lambda done, total: heard.append((done, total)), 2)
    for _ in range(3):
        told.one()
    assert heard == [(1, 2), (2, 2), (2, 2)]  # never more than all
    with pytest.raises(Stopped, match="after 1 of 2 parts"):
        Told(lambda done, total: False, 2).one()
