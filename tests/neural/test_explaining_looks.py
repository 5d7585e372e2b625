"""Where a net looks is where the thing is that tells the classes; rows are those that it did not learn from."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from clew.errors import SettingError, Stopped
from clew.explain.net_looks import TYPICAL, WRONG
from clew.measure.cutouts import Cutouts
from clew.neural.explaining_looks import CHANGED, LEARNT_FROM, explain_looks
from clew.neural.score_maps import maps_of_net
from clew.neural.training import held_out_rows, train_net
from tests.neural.test_training import rows, traces

FEW = {"averaged": 12, "draws": 1, "steps": 8}
HELD_OUT = 0.4  # 10 of 20 groups: a perfect net is shown to beat chance on them
FAR = 6.0  # px from the centre, where the spots lie that tell the classes


def spots(samples, *, seed=0) -> Cutouts:
    """Images of two channels: in the first a spot on a ring about the centre where it is "up", as bright at the centre else."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:16, :16] - 7.5
    turn = rng.uniform(0, 2 * np.pi, samples.n_rows)
    far = np.where(samples.labels == "up", FAR, 0.0)
    row, column = (far * one(turn) for one in (np.sin, np.cos))
    image = np.exp(-((y - row[:, None, None]) ** 2 + (x - column[:, None, None]) ** 2) / 3)
    values = (
        50
        + 100 * np.stack([image, np.zeros_like(image)], axis=1)
        + rng.normal(0, 3, (samples.n_rows, 2, 16, 16))
    )
    how = {
        "kind": "image",
        "side": 16,
        "around": "keep",
        "channels": ["A", "B"],
        "pixel_size": 0.5,
        "dtype": "uint8",
    }
    return Cutouts(
        values=values, sample=samples.sample, axes="cyx", channels=["A", "B"], pixel_size=0.5, how=how
    )


@pytest.fixture(scope="module")
def world():
    samples = rows()
    cut = spots(samples)
    return (
        samples,
        cut,
        train_net(samples, cut, model="cnn", epochs=12, members=2, augment="none", held_out=HELD_OUT),
    )


@pytest.fixture(scope="module")
def found(world):
    return explain_looks(*world, **FEW)


def test_the_net_looks_where_the_spot_is_and_at_its_channel(world, found):
    """A place of the layer is 4 px wide, so that maps are blurred; those of other rows have no spot there (mutant)."""
    assert found.placed and found.unit == "µm" and found.saliency.method == "hires-cam"
    many = explain_looks(*world, **FEW | {"examples": 10})
    far = many.said == "up"  # each with its spot elsewhere
    images, maps = many.saliency.inputs[far, 0], many.saliency.values[far, 0]
    y, x = np.mgrid[:16, :16]
    row, column = np.divmod(images.reshape(len(images), -1).argmax(axis=1)[:, None, None], 16)
    near = np.hypot(y - row, x - column) < 5
    shares = np.einsum("iyx,jyx->ij", maps / maps.sum(axis=(1, 2), keepdims=True), near)
    denser = shares / near.mean(axis=(1, 2))
    own = np.diag(denser).mean()
    others = denser[~np.eye(len(maps), dtype=bool)].mean()
    assert len(maps) >= 5 and own > 1.3 and own > 1.2 * others
    assert found.channel_share.sum(axis=1) == pytest.approx(1) and found.channel_share[:, 0].mean() > 0.55
    assert found.missed < 0.2


def test_where_most_maps_are_empty_integrated_gradients_stand_in_and_say_so(world, monkeypatch):
    def empty(net, X, aims, method, steps, **others):
        found = maps_of_net(net, X, aims, method, steps, **others)
        return (
            found if method == "integrated-gradients" else dataclasses.replace(found, values=0 * found.values)
        )

    monkeypatch.setattr("clew.neural.score_maps.maps_of_net", empty)
    found = explain_looks(*world, **FEW)
    assert found.saliency.method == found.sanity.method == "integrated-gradients"
    assert any(one.startswith("HiResCAM is empty in 12 of 12 rows") for one in found.warnings)


def test_rows_are_those_that_were_held_out_in_training(world, found):
    samples, cut, _ = world
    _, judge, _ = held_out_rows(samples, samples.labels, HELD_OUT, "classification", 0)
    assert found.held_out == judge.sum() and set(found.sample) <= set(samples.sample[judge])
    place = {name: row for row, name in enumerate(samples.sample)}
    at = [place[name] for name in found.sample]
    np.testing.assert_array_equal(found.saliency.inputs, cut.values[at])  # in their own units
    assert found.truth.tolist() == samples.labels[at].tolist()


def test_typical_rows_are_right_and_wrong_rows_are_wrong(found):
    right = found.truth == found.said
    assert (right == (found.why == TYPICAL)).all()
    assert sum(found.why == TYPICAL) == 4  # two of each class


def test_a_net_that_learnt_noise_is_not_shown_to_beat_chance_and_its_maps_explain_nothing(world, found):
    samples, cut, _ = world
    assert found.verdict().startswith(
        f"On the {found.held_out} rows held out the net reaches a balanced accuracy of "
    )
    labels = np.random.default_rng(0).permutation(samples.labels)
    other = samples.with_labels(labels)
    model = train_net(other, cut, model="cnn", epochs=1, members=1, augment="none", held_out=HELD_OUT)
    blind = explain_looks(other, cut, model, **FEW)
    assert blind.verdict().startswith(
        f"This net is not shown to beat chance on the {blind.held_out} rows held out"
    )
    assert blind.by_chance and not blind.placed and blind.ranked() == [blind.shown()]
    truth = labels[held_out_rows(other, labels, HELD_OUT, "classification", 0)[1]]
    assert blind.reached.n_rows == len(truth) and blind.chance == 0.5


def test_the_same_rows_give_the_same_bits(world, found):
    assert explain_looks(*world, **FEW).digest() == found.digest()


def test_rows_that_may_have_taught_the_net_are_said_to(world):
    samples, cut, model = world
    other = samples.labels.copy()
    other[0] = "up" if other[0] == "down" else "down"
    changed = explain_looks(samples.with_labels(other), cut, model, **FEW)
    assert CHANGED in changed.warnings and changed.held_out == 0 and "training" in changed.shown_of()
    whole = dataclasses.replace(model, settings=model.settings | {"held_out": 0.0})
    assert LEARNT_FROM in explain_looks(samples, cut, whole, **FEW).warnings


def test_recurrent_nets_on_windows_are_explained_along_time():
    samples = rows(48)
    model = train_net(samples, traces(samples), model="gru", hidden="4", epochs=2, members=1)
    found = explain_looks(samples, traces(samples), model, **FEW)
    assert found.of_windows and found.saliency.method == "integrated-gradients"
    assert found.saliency.inputs.shape == found.saliency.values.shape == (len(found.sample), 1, 48)
    assert found.edges[-1] == pytest.approx(4.8) and np.isnan(
        found.agreement
    )  # 48 samples at 10 Hz; one member
    assert found.missed < 0.05


def test_numbers_are_explained_by_the_nearest_and_the_furthest_off():
    samples = rows(48, labels=False)
    cut = traces(rows(48))
    samples = dataclasses.replace(samples, target=samples.features[:, 0])
    model = train_net(samples, cut, model="gru", hidden="4", epochs=2, members=1)
    found = explain_looks(samples, cut, model, **FEW)
    assert len(found.outputs) == 1 and found.why.tolist() == [TYPICAL] * 2 + [WRONG] * 2
    off = np.abs(found.truth.astype(float) - found.said.astype(float))
    assert off[2] >= off[3] - 1e-3  # the furthest off is shown first


def test_it_can_be_stopped_and_settings_are_refused(world):
    with pytest.raises(Stopped):
        explain_looks(*world, on_progress=lambda done, total: False, **FEW)
    with pytest.raises(SettingError, match="'examples' of explain must be at least 1"):
        explain_looks(*world, examples=0)
