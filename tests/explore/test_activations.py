"""What a net says of rows, as rows of their own: stand-ins for nets whose answers are known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from clew.errors import DataError
from clew.explore.activations import activations_of
from clew.samples import Samples


def rows(n=6):
    return Samples(
        features=np.arange(2.0 * n).reshape(n, 2),
        feature_names=("b", "a"),
        units=("px", ""),
        sample=np.array([f"r{i}" for i in range(n)]),
        origin=pd.DataFrame({"source": ["s"] * n}),
        group=np.array([f"g{i % 2}" for i in range(n)]),
        labels=np.array(["x", "y"] * (n // 2)),
        distances=np.zeros((n, n)),
    )


class Net:
    """A layer of five units that says a, b, -a and, in two units, the same of every row; it keeps what it was asked."""

    feature_names, sha256, members, target_name = ("a", "b"), "0" * 64, 3, "height"
    kind, architecture = "classification", "mlp"

    def __init__(self, classes=("x", "y"), silent=(1, 3)):
        self.classes, self.silent, self.asked = list(classes), list(silent), []

    def activations(self, samples, cutouts=None):
        self.asked.append((samples.feature_names, samples.sample.tolist(), cutouts))
        b, a = samples.features[:, 0], samples.features[:, -1]
        said = np.stack([a, b, b, a, -a], axis=1)
        said[:, self.silent] = 7.0
        return said

    def predict(self, samples, cutouts=None):
        above = samples.features[:, 0] > samples.features[:, 0].mean()
        return SimpleNamespace(label=np.where(above, *self.classes) if self.classes else None)


def test_units_that_speak_become_features_under_their_own_numbers():
    net = Net()
    found = activations_of(rows(), net)
    assert found.samples.feature_names == ("activation 1", "activation 3", "activation 5")
    assert (found.source["units"], found.source["silent"]) == (5, 2)
    a = rows().select(["a"]).features[:, 0]
    np.testing.assert_array_equal(found.samples.features[:, [0, 2]], np.stack([a, -a], axis=1))
    first_silent = activations_of(rows(), Net(silent=[0])).samples
    assert first_silent.feature_names[0] == "activation 2"  # no renumbering


def test_the_net_reads_its_features_or_the_raw_data_behind_the_rows():
    of_features, of_raw, cutouts = Net(), Net(), object()
    activations_of(rows(), of_features)
    activations_of(rows(), cutouts, of_raw)
    assert of_features.asked[0] == (("b", "a"), rows().sample.tolist(), None)
    assert of_raw.asked[0][2] is cutouts


def test_rows_keep_their_names_groups_and_places_and_nothing_that_would_tell_them_apart_otherwise():
    found = activations_of(rows(), Net()).samples
    assert found.sample.tolist() == rows().sample.tolist() and found.group.tolist() == rows().group.tolist()
    assert found.origin.equals(rows().origin)
    assert found.labels is None and found.distances is None  # "auto" would take given distances


def test_answers_are_classes_or_none_for_numbers():
    assert set(activations_of(rows(), Net()).answers) == {"x", "y"}
    found = activations_of(rows(), Net(classes=()))
    assert found.answers is None and found.source["target"] == "height" and found.source["classes"] == []


def test_a_net_that_says_the_same_of_every_row_is_refused():
    with pytest.raises(DataError, match="from all 5 units of the net"):
        activations_of(rows(), Net(silent=range(5)))


def test_codes_of_an_autoencoder_have_names_of_their_own_and_no_answers():
    net = Net(classes=())
    net.kind, net.architecture = "coding", "autoencoder"
    found = activations_of(rows(), net)
    assert found.samples.feature_names == ("latent 1", "latent 3", "latent 5")
    assert found.answers is None and found.source["kind"] == "coding" and found.source["target"] == ""
