"""The settings of a U-Net: refused in one sentence, and known without torch."""

import subprocess
import sys

import pytest

from clew.errors import SettingError
from clew.neural.unet_settings import UNetSettings


@pytest.mark.parametrize("wrong", [{"updates": 0}, {"members": 1.5}, {"held_out": 0.7}, {"channels": "16,x"}, {"patch": -3}], ids=str)  # fmt: skip
def test_what_is_out_of_range_is_refused(wrong):
    with pytest.raises(SettingError, match=f"The '{next(iter(wrong))}' of a U-Net must be"):
        UNetSettings(**wrong)


def test_channels_are_read_as_text_and_as_numbers():
    assert UNetSettings(channels="4, 8").widths() == UNetSettings(channels=[4, 8]).widths() == (4, 8)


def test_a_piece_has_a_side_for_each_axis():
    assert UNetSettings().piece(2) == (96, 96) and UNetSettings(patch=8).piece(3) == (8, 8, 8)


def test_the_settings_are_known_without_torch():
    code = "import sys, clew.neural.unet_settings; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
