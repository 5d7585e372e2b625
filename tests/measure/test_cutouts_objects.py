"""Squares round objects: as large as they are, in the middle, and what lies beyond the image is background."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from clew.errors import DataError, SettingError
from clew.measure import cutouts, cutouts_objects
from clew.measure.cutouts_objects import BOX, check_cut_alike, chosen_side, cut_objects
from clew.measure.objects import measure_objects
from clew.read.images import Image

COLOUR = ("red", "green", "blue")


def picture(
    name="a.tif", *, seed=0, channels=("gray",), dtype=np.uint8, pixel_size=None
) -> tuple[Image, np.ndarray]:
    """Ellipses, some of which touch the border or each other, on noise; and which pixel is whose."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:90, :120]
    labels = np.zeros((90, 120), np.int32)
    for label in range(1, 13):
        row, column, high, wide = *random.uniform(0, (90, 120)), *random.uniform(4, 13, 2)
        labels[((y - row) / high) ** 2 + ((x - column) / wide) ** 2 < 1] = label
    shades = random.uniform(60, 250, (len(channels), 13))
    shades[:, 0] = 20
    pixels = (shades[:, labels] + random.integers(0, 6, (len(channels), 90, 120))).astype(dtype)
    return Image(name, Path(name), "", pixels, tuple(channels), pixel_size, []), labels


def world(*pictures):
    """Images, label images and measured objects of some pictures."""
    images, labels = zip(*pictures)
    measured = measure_objects(images, labels)
    return {one.name: one for one in images}, measured.label_images, measured.samples


def slow_twin(image, labels, origin, side, around):
    """Pad the whole image with its background, and slice."""
    out = []
    for channel in image.pixels.astype(np.float64):
        ground = np.median(channel[labels == 0])
        if around == "blank":
            channel = np.where(labels == origin["label"], channel, ground)
        padded = np.pad(channel, side, constant_values=ground)
        row, column = ((origin[a] + origin[b]) // 2 - side // 2 + side for a, b in zip(BOX[:2], BOX[2:]))
        out.append(padded[row : row + side, column : column + side])
    return np.array(out)


@pytest.mark.parametrize("around", ["keep", "blank"])
@pytest.mark.parametrize("channels", [("gray",), ("DAPI", "actin"), COLOUR])
def test_squares_equal_slices_of_the_padded_image(around, channels):
    images, labels, samples = world(*(picture(f"{i}.tif", seed=i, channels=channels) for i in range(3)))
    samples = samples.take(np.random.default_rng(1).permutation(len(samples)))
    for side in (7, 16, 64):  # the last is wider than some image
        cut = cut_objects(images, labels, samples, side=side, around=around)
        assert cut.values.shape == (len(samples), len(channels), side, side)
        assert cut.values.dtype == np.float32
        assert cut.sample.tolist() == samples.sample.tolist()
        for row, origin in samples.origin.iterrows():
            name = origin["source"]
            twin = slow_twin(images[name], labels[name], origin, side, around)
            np.testing.assert_array_equal(cut.values[row], twin.astype(np.float32))


def test_an_object_keeps_its_size_and_lies_in_the_middle():
    image, labels = picture()
    white = dataclasses.replace(image, pixels=np.where(labels > 0, 200, 0).astype(np.uint8)[None])
    images, labels, samples = world((white, labels))
    cut = cut_objects(images, labels, samples, side=40, around="blank")
    area = (cut.values == 200).sum(axis=(1, 2, 3))
    np.testing.assert_array_equal(area, samples.features[:, samples.feature_names.index("area")])
    for square in cut.values[:, 0]:
        for axis in (0, 1):
            inside = np.flatnonzero((square == 200).any(axis=axis))
            assert abs(inside[0] - (39 - inside[-1])) <= 1
    shifted = cut_objects(images, labels, samples, side=42, around="blank").values[:, 0, :40, :40]
    assert not np.array_equal(shifted, cut.values[:, 0])  # the mutant: a pixel off the middle is seen


def test_the_side_holds_95_percent_of_the_boxes_and_no_more_than_it_takes():
    random = np.random.default_rng(0)
    for widest in (9, 30, 55, 80):
        size = random.integers(3, widest, (400, 2))
        corner = random.integers(0, 500, (400, 2))
        side = chosen_side(np.column_stack([corner, corner + size]))
        assert side % 8 == 0
        assert (size.max(axis=1) + 4 <= side).mean() >= 0.95
        assert side == 16 or (size.max(axis=1) + 4 <= side - 8).mean() < 0.95
    assert chosen_side(np.array([[0, 0, 500, 3]])) == 96


def test_objects_larger_than_their_squares_are_counted():
    images, labels, samples = world(picture())
    box = samples.origin[list(BOX)].to_numpy()
    n = int(((box[:, 2] - box[:, 0] > 16) | (box[:, 3] - box[:, 1] > 16)).sum())
    assert n > 1
    (note,) = cut_objects(images, labels, samples, side=16).notes
    assert note.startswith(f"{n} of {len(samples)} objects are larger than their cut-outs")
    assert cut_objects(images, labels, samples, side=64).notes == []
    assert cut_objects(images, labels, samples).how["side"] == chosen_side(box)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
def test_grey_values_stay_as_they_are(dtype):
    image, labels = picture(dtype=dtype)
    image = dataclasses.replace(image, pixels=image.pixels * dtype(251))
    images, label_images, samples = world((image, labels))
    cut = cut_objects(images, label_images, samples, side=24)
    assert cut.how["dtype"] == np.dtype(dtype).name
    assert cut.values.max() == pytest.approx(image.pixels.max(), rel=1e-6)
    assert cut.values.max() > 2**15


def test_gray_images_among_colour_pictures_count_as_colour():
    pictures = [picture("colour.png", channels=COLOUR), picture("gray.png", seed=3)]
    images, labels, samples = world(*pictures)
    cut = cut_objects(images, labels, samples, channels=COLOUR, side=24)
    gray = cut.values[samples.origin["source"] == "gray.png"]
    assert (gray == gray[:, :1]).all()
    alone = cut_objects(images, labels, samples.take(samples.origin["source"] == "gray.png"), side=24)
    np.testing.assert_array_equal(alone.values, gray[:, :1])
    with pytest.raises(DataError, match=r"'colour.png' must have the channels gray. Got red, green and blue"):
        cut_objects(images, labels, samples, channels=("gray",))


def test_where_everything_is_an_object_the_background_is_the_median_of_all():
    image, labels = picture()
    images, _, samples = world((image, labels))
    cut = cut_objects(images, {"a.tif": np.maximum(labels, 99)}, samples, side=64, around="keep")
    touches = samples.origin["min_row"].to_numpy().argmin()
    assert cut.values[touches, 0, 0, 0] == np.median(image.pixels)


def test_the_background_of_a_large_image_is_told_by_some_of_its_pixels(monkeypatch):
    monkeypatch.setattr(cutouts_objects, "LOOKED_AT", 60)  # every second row and column
    images, labels, samples = world(picture())
    cut = cut_objects(images, labels, samples, side=64)
    touches = samples.origin["min_row"].to_numpy().argmin()
    some = images["a.tif"].pixels[0, ::2, ::2][labels["a.tif"][::2, ::2] == 0]
    assert cut.values[touches, 0, 0, 0] == np.median(some)


def test_each_image_is_opened_once_one_after_the_other():
    images, labels, samples = world(*(picture(f"{i}.tif", seed=i) for i in range(3)))
    opened = []

    class Spy(dict):
        def __getitem__(self, name):
            opened.append(name)
            return super().__getitem__(name)

    mixed = samples.take(np.random.default_rng(0).permutation(len(samples)))
    cut_objects(Spy(images), labels, mixed)
    assert opened == ["0.tif", "1.tif", "2.tif"]


def test_images_with_other_pixel_sizes_are_refused():
    sizes = {"same.tif": (0.5, 0.5), "nearly.tif": (0.505, 0.505), "other.tif": (0.25, 0.25)}
    pictures = {name: picture(name, seed=i, pixel_size=size) for i, (name, size) in enumerate(sizes.items())}
    images, labels, samples = world(pictures["nearly.tif"], pictures["same.tif"])
    assert cut_objects(images, labels, samples).pixel_size == 0.505
    images, labels, samples = world(*pictures.values())
    with pytest.raises(DataError, match=r"'nearly.tif' with 0.505 µm and 'other.tif' with 0.25 µm: resample"):
        cut_objects(images, labels, samples)


@pytest.mark.parametrize(
    ("pixel_size", "dtype", "sentence"),
    [
        ((0.5, 0.5), np.uint8, None),
        ((0.504, 0.504), np.uint8, None),
        ((0.6, 0.6), np.uint8, r"\(0.5 µm\). Got 0.6 µm"),
        (None, np.uint8, r"\(0.5 µm\). Got an unknown size"),
        ((0.5, 0.5), np.uint16, r"the depth that the model knows \(uint8\). Got uint16"),
    ],
)
def test_new_images_are_held_against_what_a_model_knows(pixel_size, dtype, sentence):
    how = cut_objects(*world(picture(pixel_size=(0.5, 0.5)))).how
    new = cut_objects(*world(picture(pixel_size=pixel_size, dtype=dtype)))
    if sentence is None:
        check_cut_alike(new, how)
    else:
        with pytest.raises(DataError, match=sentence):
            check_cut_alike(new, how)


def test_what_is_cut_says_how_to_cut_others_alike():
    images, labels, samples = world(picture(channels=COLOUR, pixel_size=(0.5, 0.5)))
    cut = cut_objects(images, labels, samples, around="blank")
    how = {"kind": "image", "side": cut.shape[-1], "around": "blank", "channels": list(COLOUR)}
    assert cut.how == how | {"pixel_size": 0.5, "dtype": "uint8"}
    few = samples.take([3, 1])
    again = cut_objects(images, labels, few, **{name: how[name] for name in ("side", "around", "channels")})
    np.testing.assert_array_equal(again.values, cut.values[[3, 1]])


def test_what_cannot_be_cut_is_refused(monkeypatch):
    images, labels, samples = world(picture())
    with pytest.raises(DataError, match=r"and its label image, to cut objects out of it. Got none"):
        cut_objects(images, {}, samples)
    with pytest.raises(DataError, match="be at least one. Got none"):
        cut_objects(images, labels, samples.take(np.zeros(len(samples), bool)))
    with pytest.raises(DataError, match=r"Got no label"):
        cut_objects(images, labels, dataclasses.replace(samples, origin=samples.origin.drop(columns="label")))
    with pytest.raises(DataError, match=r"must be of shape \(90, 120\). Got \(89, 120\)"):
        cut_objects(images, {"a.tif": labels["a.tif"][1:]}, samples)
    with pytest.raises(DataError, match="must hold the object 1 where it was measured"):
        cut_objects(
            images, {"a.tif": np.where(labels["a.tif"] == 1, 0, labels["a.tif"])}, samples, around="blank"
        )
    for side in (0, 3, 12.5, 5000):
        with pytest.raises(SettingError, match="'side' of cut-outs"):
            cut_objects(images, labels, samples, side=side)
    with pytest.raises(SettingError, match="Did you mean 'blank'"):
        cut_objects(images, labels, samples, around="blanc")
    monkeypatch.setattr(cutouts, "memory_of_machine", lambda: 1000)
    with pytest.raises(DataError, match="a smaller side, or fewer rows, helps"):
        cut_objects(images, labels, samples)
