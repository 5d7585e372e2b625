"""Settings of a denoiser are refused where they are wrong."""

from __future__ import annotations

import pytest

from clew.errors import SettingError
from clew.neural.denoise_settings import DenoiseSettings


@pytest.mark.parametrize(
    "wrong",
    [{"method": "n2v3"}, {"structure": "z"}, {"updates": 0}, {"patch": 4}, {"masked": 0.5}, {"lr": 0}, {"channels": ()}, {"reach": 0}, {"random_state": -1}],
)  # fmt: skip
def test_what_is_out_of_range_is_refused_by_name(wrong):
    with pytest.raises(SettingError, match=next(iter(wrong))):
        DenoiseSettings(**wrong)


def test_usual_settings_are_fine():
    assert DenoiseSettings().method == "median"
