"""The settings of training a picker: what is refused, and what the papers say where nobody does."""

import pytest

from clew.errors import SettingError
from clew.neural.picking_settings import PLAIN, Changes, PickingSettings


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_epochs": 0},
        {"max_epochs": True},
        {"rows_per_epoch": 1},
        {"batch_size": 1000},
        {"held_out": 1.0},
        {"pretraining": -0.1},
        {"shape": "box"},
        {"lr": 0.0},
        {"width": -1.0},
        {"random_state": -1},
    ],
)
def test_settings_out_of_range_are_refused_by_name(wrong):
    (name,) = wrong
    with pytest.raises(SettingError, match=name):
        PickingSettings(**wrong)


def test_shares_of_changes_are_shares():
    with pytest.raises(
        SettingError, match="'gaps' of the windows to learn picking from must be from 0 to 1. Got 1.5"
    ):
        Changes(gaps=1.5)
    assert not any(vars(PLAIN).values()) and all(vars(Changes()).values())


def test_widths_are_those_of_the_papers_unless_they_are_given():
    assert PickingSettings().half_width == 0.1  # Zhu & Beroza 2019
    assert PickingSettings(shape="triangle").half_width == 0.2  # Mousavi et al. 2020
    assert PickingSettings(width=0.3).half_width == 0.3
