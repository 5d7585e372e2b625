"""Settings to get and to set, of every classifier of images."""

import pytest
from sklearn.base import clone

from clew.errors import SettingError
from clew.learn.merging import ObjectMerger
from clew.learn.objects import ObjectClassifier
from clew.learn.pixels import PixelClassifier

ALL = [PixelClassifier, ObjectClassifier, ObjectMerger]


@pytest.mark.parametrize("kind", ALL)
def test_settings_are_what_the_signature_says_and_a_clone_has_them_all(kind):
    made = kind(trees=7, random_state=3)
    assert made.get_params()["trees"] == 7
    other = clone(made.set_params(depth=2))
    assert other is not made and other.get_params() == made.get_params()
    assert (other.trees, other.depth, other.random_state) == (7, 2, 3)
    assert repr(other) == f"<{kind.__name__}>"


@pytest.mark.parametrize("kind", ALL)
def test_a_misspelt_setting_is_refused_with_a_suggestion(kind):
    with pytest.raises(SettingError, match=f"of {kind.__name__} must be one of.*Did you mean 'trees'"):
        kind().set_params(tres=3)
    assert kind().get_params() == kind().set_params().get_params()
