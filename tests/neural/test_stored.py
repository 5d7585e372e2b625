"""A trained net as plain arrays, whatever it is for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from clew.errors import DataError, SettingError
from clew.neural.architectures import build
from clew.neural.fit import fit
from clew.neural.model import NetModel
from clew.neural.model_card import CardParts
from clew.neural.objectives import SquaredError
from clew.neural.place import seeded
from clew.neural.recipe import Recipe
from clew.neural.rows import Rows
from clew.neural.stored import StoredNet, weights_of


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Doubler(StoredNet):
    """A net that is for something of its own."""

    FORMAT = "clew doubler"
    DECIDES = ("architecture", "net_settings", "unit")

    unit: str

    def card_parts(self):
        return CardParts(
            ["Numbers."], ["Twice as many."], "Only positive ones.", ["double(x)"], ("doubling",)
        )


@pytest.fixture(scope="module")
def doubler():
    x = torch.linspace(0, 1, 32)[:, None]
    recipe = Recipe(max_epochs=2)
    nets, histories = [], []
    for seed in (0, 1):
        with seeded(seed):
            nets.append(build("mlp", (1,), 1, {"hidden": (4,)}))
        histories.append(fit(nets[-1], Rows(x, 2 * x), recipe=recipe, objective=SquaredError()))
    return Doubler(
        architecture="mlp", net_settings=dataclasses.asdict(nets[0].config), recipe=dataclasses.asdict(recipe), seeds=[0, 1],
        weights=weights_of(nets), histories=histories, notes=["Twice is not thrice"], trained_with={"torch": torch.__version__},
        unit="px",
    )  # fmt: skip


def test_a_folder_gives_the_model_back_to_the_bit(doubler, tmp_path):
    doubler.save_model(tmp_path / "one")
    again = Doubler.load_model(tmp_path / "one")
    assert again.sha256 == doubler.sha256 and again.unit == "px" and again.members == 2
    assert all(np.array_equal(again.weights[name], one) for name, one in doubler.weights.items())
    np.testing.assert_array_equal(again.histories[1].train_loss, doubler.histories[1].train_loss)
    x = torch.rand(3, 1)
    assert torch.equal(again.net(1)(x), doubler.net(1)(x)) and not torch.equal(
        again.net(0)(x), again.net(1)(x)
    )
    again.save_model(tmp_path / "two")
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_the_hash_is_of_what_decides_the_answers(doubler):
    assert dataclasses.replace(doubler, unit="µm").sha256 != doubler.sha256
    assert dataclasses.replace(doubler, notes=[]).sha256 == doubler.sha256
    other = {**doubler.weights, "0.head.bias": doubler.weights["0.head.bias"] + 1}
    assert dataclasses.replace(doubler, weights=other).sha256 != doubler.sha256


def test_a_net_of_another_kind_is_refused(doubler, tmp_path):
    doubler.save_model(tmp_path / "one")
    with pytest.raises(DataError, match=r"must be a net that clew saved. Got a 'clew doubler'"):
        NetModel.load_model(tmp_path / "one")
    with pytest.raises(SettingError, match="from 0 to 1. Got 2"):
        doubler.net(2)


def test_its_weights_cannot_be_changed(doubler):
    with pytest.raises(ValueError, match="read-only"):
        doubler.weights["0.head.bias"][0] = 1


def test_the_card_says_what_it_is_for(doubler, tmp_path):
    doubler.save_model(tmp_path / "one", quality=["It doubles well."])
    card = (tmp_path / "one" / "README.md").read_text()
    for words in (
        "- doubling",
        "Twice as many.",
        "It doubles well.",
        "Twice is not thrice.",
        "double(x)",
        "random states 0, 1",
    ):
        assert words in card
