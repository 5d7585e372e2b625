"""The settings that nets share, and how they become settings of steps."""

from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys
import typing

import pytest

from clew.errors import SettingError
from clew.neural.architectures import ARCHITECTURES
from clew.neural.comparing import compare_nets, curve_net
from clew.neural.net_settings import IN_STEPS, NETS, ON_FEATURES, NetSettings
from clew.neural.training import train_net, validate_net
from clew.result import settings_of

FIELDS = {one.name: one for one in dataclasses.fields(NetSettings)}


@pytest.mark.parametrize("step", [train_net, validate_net, compare_nets, curve_net])
def test_every_step_of_nets_has_the_same_settings_with_the_same_defaults(step):
    settings = settings_of(step)
    lacking = {"model"} if step is compare_nets else set()
    assert FIELDS.keys() - settings.keys() == lacking and "net" not in settings
    assert all(settings[name].default == one.default for name, one in FIELDS.items() if name in settings)
    assert typing.get_type_hints(inspect.unwrap(step), localns={"NetModel": object})["epochs"] is int


@pytest.mark.parametrize("name", NETS)
def test_each_net_takes_what_its_configuration_knows(name):
    hidden = None if name == "perceptron" else "8"
    config, _ = ARCHITECTURES[name].classes()
    known = {one.name for one in dataclasses.fields(config)}
    assert NetSettings(model=name, hidden=hidden).of_architecture().keys() <= known
    assert (ARCHITECTURES[name].takes == "rows") == (name in ON_FEATURES)
    assert (ARCHITECTURES[name].takes == "sequences") == (name in IN_STEPS)


def test_hidden_units_are_written_with_commas_or_as_a_list():
    assert NetSettings(hidden="64, 32").of_architecture()["hidden"] == (64, 32)
    assert NetSettings(hidden=[5]).of_architecture()["hidden"] == (5,)
    assert NetSettings(model="lstm", hidden="16,16").of_architecture() == {
        "dropout": 0.2,
        "pool": "max",
        "frame": 1,
        "hidden": 16,
        "layers": 2,
    }


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"hidden": "64;32"}, "'hidden' of a net must be whole numbers above 0"),
        ({"hidden": [0]}, "whole numbers above 0"),
        ({"hidden": "8,8", "model": "cnn"}, "'hidden' of cnn must be one number"),
        ({"hidden": "8,4", "model": "gru"}, "the same number for each layer"),
        ({"hidden": "8", "model": "perceptron"}, "it has no hidden layer"),
        ({"members": 0}, "'members' of a net must be a whole number from 1"),
        ({"held_out": 0.7}, "'held_out' of a net must be a share from 0 to 0.5"),
        ({"frame": 0, "model": "gru"}, "'frame' of a net must be a whole number of samples above 0"),
        ({"dropout": 1.0}, "'dropout' of a net must be from 0 to below 1"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(settings, said):
    with pytest.raises(SettingError, match=said):
        NetSettings(**settings)


@pytest.mark.parametrize(("rows", "batch"), [(5, 5), (60, 8), (400, 16), (1000, 32), (100_000, 64)])
def test_small_data_get_small_batches_so_that_an_epoch_has_updates(rows, batch):
    assert NetSettings().batch_of(rows) == batch
    assert NetSettings(batch_size=7).batch_of(rows) == min(7, rows)


@pytest.mark.parametrize(
    ("samples", "frame", "steps"), [(100, 1, 100), (1000, 8, 125), (3000, 24, 125), (129, 2, 65)]
)
def test_a_window_has_at_most_128_steps_unless_told_otherwise(samples, frame, steps):
    assert NetSettings(model="gru").of_architecture(samples)["frame"] == frame
    assert -(-samples // frame) == steps
    assert NetSettings(model="gru", frame=3).of_architecture(samples)["frame"] == 3


def test_the_settings_of_nets_are_known_without_torch():
    code = "import sys, clew.neural.training, clew.neural.comparing, clew.steps.networks; print('torch' in sys.modules)"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "False"
    )


def test_a_batch_larger_than_all_rows_is_refused_and_one_larger_than_a_fold_is_not():
    NetSettings(batch_size=60).check_batch(60)
    with pytest.raises(SettingError, match=r"at most the number of rows to learn from \(60\)\. Got 61"):
        NetSettings(batch_size=61).check_batch(60)
    NetSettings().check_batch(3)
    assert NetSettings(batch_size=60).batch_of(48) == 48
