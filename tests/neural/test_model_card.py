"""What a saved net says of itself to people."""

from __future__ import annotations

import dataclasses

import pytest
import yaml

from clew.neural.model_card import card_of
from tests.neural.models import images, regressor, trained, windows


@pytest.fixture(scope="module")
def model():
    return trained("cnn", windows())[0]


def test_the_front_matter_is_yaml_as_the_hub_reads_it(model):
    front = yaml.safe_load(card_of(model).split("---")[1])
    assert front == {"library_name": "clew", "tags": ["clew", "cnn", "classification"]}
    pictures = yaml.safe_load(card_of(trained("cnn", images(), members=1)[0]).split("---")[1])
    assert pictures["pipeline_tag"] == "image-classification"
    assert yaml.safe_load(card_of(regressor()[0]).split("---")[1])["pipeline_tag"] == "tabular-regression"


def test_it_says_what_it_takes_says_and_learnt_from(model):
    card = card_of(model)
    for told in (
        "`Z` in nm/s",
        "at 100 Hz",
        "- `large` (12 training rows)",
        "random states 0, 1",
        "Member 1: 2 epochs",
        "predict(samples, cutouts)",
    ):
        assert told in card
    assert "{" not in card and ",," not in card
    assert "A number: a number" in card_of(regressor()[0])


def test_it_says_how_good_it_is_only_as_far_as_anybody_knows(model):
    assert "it flatters" in card_of(model)
    assert "0.91 on 300 unseen rows." in card_of(model, ["0.91 on 300 unseen rows."])
    blind = [dataclasses.replace(one, valid_loss=one.valid_loss * float("nan")) for one in model.histories]
    assert "Nobody said" in card_of(dataclasses.replace(model, histories=blind))
