"""The settings of autoencoders, and how they become settings of a step."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from clew.errors import SettingError
from clew.neural.coder_settings import CODERS, CoderSettings
from clew.neural.net_settings import NetSettings
from clew.result import settings_of


def test_the_step_has_every_setting_with_its_default():
    from clew.neural.coding import train_coder

    settings = settings_of(train_coder)
    fields = {one.name: one.default for one in dataclasses.fields(CoderSettings)}
    assert {name: settings[name].default for name in fields} == fields and "coder" not in settings


def test_what_nets_have_too_has_the_same_default():
    shared = {one.name for one in dataclasses.fields(CoderSettings)} & {one.name for one in dataclasses.fields(NetSettings)}  # fmt: skip
    differ = {name for name in shared if getattr(CoderSettings(), name) != getattr(NetSettings(), name)}
    assert {"side", "around", "scale", "lr", "held_out"} <= shared and differ == {
        "model",
        "members",
        "epochs",
    }


def test_the_settings_come_without_torch():
    said = "import sys; import clew.neural.coder_settings, clew.neural.reconstruction; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", said], check=False).returncode == 0


def test_what_nobody_said_is_left_to_the_net():
    assert CoderSettings().of_architecture((13,)) == {}
    assert CoderSettings(latent=3, hidden="8,4").of_architecture((13,)) == {"hidden": (8, 4), "latent": 3}
    assert CoderSettings(hidden="8,4").of_architecture((1, 28, 28)) == {"channels": (8, 4), "latent": 16}
    told = CoderSettings(model="vae", beta=4.0, conditional=True).of_architecture((13,))
    assert told == {"beta": 4.0, "conditional": True}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"beta": 2.0}, "The setting --beta must go with --model vae. Got --model autoencoder"),
        ({"conditional": True}, "The setting --conditional must go with --model vae"),
        ({"model": "vae", "beta": -1.0}, "'beta' of a vae must be 0 or more. Got -1.0"),
        ({"latent": 0}, "'latent' of an autoencoder must be a whole number above 0. Got 0"),
        ({"hidden": "8,x"}, "'hidden' of a net must be whole numbers"),
        ({"held_out": 0.9}, "'held_out' of a net must be a share from 0 to 0.5"),
        ({"members": 0}, "'members' of a net must be a whole number"),
    ],
)
def test_what_cannot_be_is_refused(settings, said):
    assert CODERS == ("autoencoder", "vae")
    with pytest.raises(SettingError, match=said):
        CoderSettings(**settings)
