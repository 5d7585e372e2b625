"""Whole images behind rows: what is no row in them stays unknown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clew.errors import DataError
from clew.measure.fields import UNKNOWN, fields_of
from clew.read.images import Image
from clew.samples import Samples

LABELS = np.array([[1, 1, 0, 2], [0, 0, 0, 2], [3, 0, 0, 0]], np.int32)


def image(name, channels=("gray",)):
    return Image(name, Path(name), "", np.arange(12 * len(channels)).reshape(-1, 3, 4), channels, None, [])


def rows(*places):
    """Return rows of objects (source, label)."""
    origin = pd.DataFrame(places, columns=["source", "label"])
    n = len(places)
    return Samples(features=np.zeros((n, 1)), feature_names=["area"], units=["px"], sample=np.arange(n).astype(str), origin=origin, group=origin.source.to_numpy(str))  # fmt: skip


class Watched(dict):
    def __init__(self, *args):
        super().__init__(*args)
        self.asked = []

    def __getitem__(self, name):
        self.asked.append(name)
        return super().__getitem__(name)


def test_objects_that_are_no_rows_are_unknown_and_images_without_a_row_are_never_opened():
    images = Watched({name: image(name) for name in ("a.png", "b.png")})
    found = fields_of(images, {"a.png": LABELS, "b.png": LABELS}, rows(("a.png", 1), ("a.png", 3)))
    assert images.asked == ["a.png"]
    assert found.names == ["a.png"] == found.groups
    np.testing.assert_array_equal(found.labels[0], np.where(LABELS == 2, UNKNOWN, LABELS))
    assert "1 object" in found.notes[0]


def test_the_digest_tells_which_rows_were_seen():
    images = {"a.png": image("a.png")}
    one, other, again = (fields_of(images, {"a.png": LABELS}, rows(("a.png", k))) for k in (1, 2, 1))
    assert one.digest() == again.digest() != other.digest()


def test_rows_that_are_no_objects_and_other_channels_are_refused():
    table = rows(("a.png", 1))
    bare = Samples(features=np.zeros((1, 1)), feature_names=["x"], units=[""], sample=np.array(["0"]), origin=pd.DataFrame({"source": ["t.csv"]}), group=np.array(["0"]))  # fmt: skip
    with pytest.raises(DataError, match="Got no label"):
        fields_of({}, {}, bare)
    two = {"a.png": image("a.png"), "b.png": image("b.png", ("red", "green"))}
    with pytest.raises(DataError, match="must have the same channels"):
        fields_of(two, dict.fromkeys(two, LABELS), rows(("a.png", 1), ("b.png", 1)))
    with pytest.raises(DataError, match="must be of shape"):
        fields_of(two, {"a.png": LABELS[:2]}, table)
