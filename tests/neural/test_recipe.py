import numpy as np
import pytest

from clew.errors import SettingError
from clew.neural.recipe import USUAL_BATCH, Recipe


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("max_epochs", 0), ("max_epochs", 2.5), ("max_epochs", None), ("max_epochs", True), ("batch_size", 0), ("samples_per_epoch", -1),
        ("lr", 0), ("lr", np.nan), ("lr", "fast"), ("lr", np.inf), ("momentum", 1.0), ("weight_decay", -1e-9), ("clip", 0.0),
        ("truncate", 0), ("patience", 0), ("min_delta", -1), ("threads", 0), ("threads", 10**6), ("random_state", -1), ("random_state", 0.5),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named(name, wrong):
    with pytest.raises(SettingError, match=f"'{name}' of a net must be .* Got {wrong}"):
        Recipe(**{name: wrong})


def test_a_misspelt_choice_gets_a_suggestion():
    with pytest.raises(SettingError, match="Did you mean 'adamw'"):
        Recipe(optimizer="adanw")


def test_numbers_of_numpy_are_taken():
    assert Recipe(max_epochs=np.int64(3), lr=np.float32(0.5), momentum=0).max_epochs == 3


def test_a_batch_is_at_most_the_rows():
    assert (
        Recipe().batch_of(1000) == USUAL_BATCH
        and Recipe().batch_of(7) == 7
        and Recipe(batch_size=7).batch_of(7) == 7
    )
    with pytest.raises(SettingError, match=r"at most the number of training rows \(6\). Got 7"):
        Recipe(batch_size=7).batch_of(6)
