"""From paint, from objects and from the rows of a study to a U-Net for pixels."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from clew.errors import DataError, SettingError
from clew.measure.fields import Fields
from clew.neural.pixel_net import PixelNet
from clew.neural.pixel_net_training import train_object_net, train_pixel_net, train_unet
from clew.neural.pixel_net_validation import numbers_of
from clew.read.annotations import Annotation
from clew.read.stacks import Stack
from clew.samples import Samples

QUICK = {"updates": 40, "channels": "6,8", "patch": 24, "flips": "none"}


def discs(seed, side=48):
    """Return an image of bright discs that may touch, and the number of each."""
    random = np.random.default_rng(seed)
    labels, (row, column) = np.zeros((side, side), np.int32), np.indices((side, side))
    for k in range(1, 7):
        y, x = random.uniform(6, side - 6, 2)
        labels[((row - y) ** 2 + (column - x) ** 2 < 36) & (labels == 0)] = k
    return (100.0 * (labels > 0) + random.normal(50, 10, labels.shape)).astype(np.float32), labels


IMAGES = [discs(seed) for seed in range(3)]
STACKS = [Stack.of(pixels, name=f"{i}.tif") for i, (pixels, _) in enumerate(IMAGES)]
LABELS = [labels[None, None] for _, labels in IMAGES]


@pytest.fixture(scope="module")
def made():
    return train_object_net(STACKS, LABELS, instances="cell", **QUICK)


def test_objects_teach_ground_object_and_border_and_the_rivals_stand_beside_it(made):
    assert made.values == {"background": 1, "cell": 2, "border": 3}
    assert made.border == "border" and len(made.trained_on) == 2
    assert list(made.validation["figures"]) == ["U-Net", "forest", "Otsu"]
    assert made.validation["by"] == "image" and "1 of 3 images" in made.validation["told"]
    foreground = numbers_of(made, STACKS[0])[0, 0] != 1
    assert (foreground == (IMAGES[0][1] > 0)).mean() > 0.85


def test_saved_and_read_it_answers_the_same_and_so_does_another_training_in_another_order(made, tmp_path):
    again = PixelNet.load_model(made.save_model(tmp_path / "m"))
    assert again.sha256 == made.sha256
    np.testing.assert_array_equal(numbers_of(again, STACKS[1]), numbers_of(made, STACKS[1]))
    assert train_object_net(STACKS[::-1], LABELS[::-1], instances="cell", **QUICK).sha256 == made.sha256


def test_a_few_strokes_on_one_image_are_enough_and_validation_is_then_by_region():
    strokes = np.zeros((48, 48), np.int32)
    strokes[::6] = np.where(IMAGES[0][1][::6] > 0, 7, 3)
    painted = Annotation.of(strokes, class_names={3: "soil", 7: "stone"})
    made = train_pixel_net(STACKS[:1], [painted], **QUICK | {"updates": 4})
    assert made.values == {"soil": 3, "stone": 7} and made.border is None
    assert "one image only" in made.validation["told"] or made.validation["by"] == "nothing"


def test_what_cannot_teach_is_refused_in_one_sentence():
    one = Annotation.of(np.ones((48, 48), int))
    with pytest.raises(DataError, match="at least two classes"):
        train_pixel_net(STACKS[:1], [one], **QUICK)
    with pytest.raises(DataError, match="at least one object"):
        train_object_net(STACKS[:1], [LABELS[0] * 0], **QUICK)
    with pytest.raises(DataError, match="same content"):
        train_object_net(STACKS[:1] * 2, LABELS[:1] * 2, **QUICK)
    with pytest.raises(SettingError, match="must name the objects"):
        train_object_net(STACKS, LABELS, instances="border", **QUICK)
    colour = Stack.of(np.zeros((2, 48, 48)), axes="CYX")
    with pytest.raises(DataError, match="same channels"):
        train_object_net([STACKS[0], colour], LABELS[:2], **QUICK)


def fields(labels):
    return Fields(sample=np.array(["a", "b"]), names=["0", "1"], groups=["0", "1"], pixels=[p[None] for p, _ in IMAGES[:2]], labels=labels, channels=["gray"])  # fmt: skip


def rows(*names):
    n = len(names)
    return Samples(features=np.zeros((n, 1)), feature_names=["area"], units=["px"], sample=np.array(names), origin=pd.DataFrame({"source": names}), group=np.array(names))  # fmt: skip


def test_the_pixels_of_rows_that_a_step_may_not_see_teach_nothing():
    quick = QUICK | {"updates": 3, "held_out": 0.0}
    seen = [np.where(labels == 2, -1, labels).astype(np.int32) for _, labels in IMAGES[:2]]
    found = train_unet(rows("a", "b"), fields(seen), **quick)
    everything = train_unet(rows("a", "b"), fields([labels for _, labels in IMAGES[:2]]), **quick)
    known = [sum(one["pixels"].values()) for one in found.trained_on]
    assert all(n < 48 * 48 - (labels == 2).sum() for n, (_, labels) in zip(sorted(known), IMAGES))
    assert everything.sha256 != found.sha256  # so that what is hidden would have made a difference
    with pytest.raises(DataError, match="must be those of the 1 rows"):
        train_unet(rows("a"), fields(seen), **quick)
    assert dataclasses.asdict(found)["settings"]["updates"] == 3
