"""A model meets images of every kind, whatever the tile."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from clew.errors import DataError
from clew.learn.pixels import PixelClassifier
from clew.learn.tiling import scale_of
from clew.read.stacks import Stack, open_stack
from tests.conftest import shared
from tests.learn.painted_images import (
    FEW,
    collected,
    example,
    image_of,
    strokes_of,
    table_of,
    three_images,
    truth_of,
    volume,
)


# ---- tiles ----
@pytest.mark.parametrize("tile", [(1, 7, 11), (1, 64, 64), (1, 5, 1000), (4, 1000, 3)])
def test_any_tile_gives_the_same_bits(fitted, tile):
    stack = Stack.of(example((61, 93), seed=7)[0])
    whole, expected = collected(fitted.model_, stack), collected(fitted.model_, stack, tile=tile)
    np.testing.assert_array_equal(whole[0], expected[0])
    np.testing.assert_array_equal(whole[1], expected[1])
    assert len(expected[2]) > len(whole[2]) == 1


def test_any_tile_of_a_volume_gives_the_same_bits_and_its_voxels_are_minded():
    stack, painted, truth = volume()
    classifier = PixelClassifier(**FEW).fit([stack], [painted])
    features = classifier.model_.features
    assert (features.dimensions, features.anisotropy) == (3, 2.0)
    assert features.at(stack.pixel_size).halo()[0] < features.at(stack.pixel_size).halo()[1]
    whole = collected(classifier.model_, stack)
    for tile in [(2, 16, 50), (9, 7, 13), (4, 40, 9)]:
        for one, other in zip(whole[:2], collected(classifier.model_, stack, tile=tile)[:2], strict=True):
            np.testing.assert_array_equal(one, other)
    assert (whole[0][0] + 1 == truth).mean() > 0.9


# ---- axes, channels, sizes ----
@pytest.mark.parametrize("axes", ["TYX", "XYT", "YTX"])
def test_results_have_the_axes_of_the_array(axes):
    truth = truth_of((3, 40, 50))
    image, painted = image_of(truth), strokes_of(truth)
    straight = PixelClassifier(axes="TYX", **FEW).fit([image], [painted])
    turn = ["TYX".index(axis) for axis in axes]
    turned = PixelClassifier(axes=axes, **FEW).fit([image.transpose(turn)], [painted.transpose(turn)])
    assert turned.forest_.sha256 == straight.forest_.sha256
    labels = turned.predict(image.transpose(turn))
    np.testing.assert_array_equal(labels, straight.predict(image).transpose(turn))
    assert turned.predict_proba(image.transpose(turn)).shape == (2, *labels.shape)
    if axes != "TYX":  # the mutant: axes that are taken as they come
        assert labels.shape != straight.predict(image).shape


def test_a_stack_keeps_all_four_axes_and_takes_annotations_of_its_axes():
    stack, painted, _ = volume((3, 30, 40))
    classifier = PixelClassifier(dimensions="2", **FEW).fit([stack], [painted])
    assert classifier.predict(stack).shape == (1, 3, 30, 40)
    assert classifier.predict_proba(stack).shape == (2, 1, 3, 30, 40)
    assert classifier.score(stack, painted) > 0.9


def test_planes_and_times_are_classified_as_if_each_stood_alone(fitted):
    images = [example((40, 50), seed=i)[0] for i in range(3)]
    series = PixelClassifier.of(fitted.forest_, axes="TYX")
    scale = scale_of(Stack.of(np.stack(images), axes="TYX"), "otsu")  # one for all: as it was recorded
    labels = series.predict(np.stack(images))
    for image, found in zip(images, labels, strict=True):
        stack = Stack.of(image)
        alone, _ = fitted.model_.predict_tile(stack, scale, 0, (0, 0, 0), (1, 40, 50))
        np.testing.assert_array_equal(found, alone[0] + 1)


def test_a_model_of_two_channels_refuses_three_in_one_sentence():
    path = shared("images/bbbc022") / "IXMtest_A02_s9_crop.tif"
    three = open_stack(path)
    assert three.shape[1] == 3
    cells = three.read(0, slice(0, 1), slice(100, 220), slice(100, 250))[:, 0]
    painted = np.where(cells[0] > np.quantile(cells[0], 0.9), 2, 1)
    painted[::2] = 0
    two = PixelClassifier(axes="CYX", **FEW).fit([cells[:2]], [painted])
    with pytest.raises(DataError) as refusal:
        two.predict(three)
    sentence = str(refusal.value)
    assert "trained on images with 2 channels" in sentence and "has 3 channels" in sentence
    assert len(sentence.splitlines()) == 1
    every = PixelClassifier(axes="CYX", **FEW).fit([cells], [painted])
    assert len(every.feature_names_) == 3 * len(two.feature_names_) / 2
    assert (every.predict(cells)[painted > 0] == painted[painted > 0]).mean() > 0.95


def test_channels_of_other_names_are_refused(fitted):
    image, *_ = example()
    with pytest.raises(DataError, match=r"1 channel \(gray\), 'image' has 1 channel \(DAPI\)"):
        fitted.predict(Stack.of(image, channel_names=["DAPI"]))
    with pytest.raises(DataError, match="must all have the same channels"):
        PixelClassifier().fit([image, Stack.of(image + 1, channel_names=["DAPI"])], [image > 100] * 2)


@pytest.mark.parametrize("dtype, factor", [(np.uint16, 257), (np.float32, 1 / 255), (np.int32, 1000)])
def test_the_bit_depth_does_not_matter_and_is_said(fitted, caplog, dtype, factor):
    image, *_ = example()
    other = (image.astype(np.float64) * factor).astype(dtype)
    with caplog.at_level(logging.WARNING, "clew"):
        labels = fitted.predict(other)
    assert (labels == fitted.predict(image)).mean() > 0.9995  # numbers round a little differently
    [note] = [record.message for record in caplog.records]
    assert note == (
        f"image: the model was trained on uint8, this is {np.dtype(dtype)}; "
        "each image is normalised by itself (otsu), so the depth does not matter."
    )


def test_without_normalising_another_bit_depth_is_said_to_matter():
    image, painted, _ = example()
    classifier = PixelClassifier(normalise="none", **FEW).fit([image], [painted])
    [note] = classifier.model_.check(Stack.of(image.astype(np.uint16) * 257))
    assert note.endswith("the numbers are taken as they are, so their scale must be the same.")
    assert (classifier.predict(image.astype(np.uint16) * 257) == 2).all()  # as it matters


def magnified(image, times):
    return np.kron(image, np.ones((times, times), image.dtype))


def test_filters_in_micrometres_look_at_the_same_things_at_any_magnification():
    image, painted, _ = example((100, 120))
    near = Stack.of(magnified(image, 3), pixel_size=(0.2, 0.2), name="near")
    far = Stack.of(image, pixel_size=(0.6, 0.6), name="far")
    labels = {}
    kinds = ["gradient_magnitude", "laplacian_of_gaussian"]  # which brightness alone would not tell
    for unit, sigmas in [("µm", [0.6, 1.2, 2.4]), ("px", [1, 2, 4])]:
        classifier = PixelClassifier(features=kinds, sigmas=sigmas, unit=unit)
        classifier.fit([far], [painted])
        labels[unit] = (classifier.predict(far)[0, 0] == classifier.predict(near)[0, 0, 1::3, 1::3]).mean()
        notes = classifier.model_.check(near)
        assert [note.startswith("near: a pixel is 0.2 µm, in training it was 0.6") for note in notes] == [
            True
        ] * (unit == "px")
    assert labels["µm"] > 0.98 and labels["px"] < 0.85
    classifier = PixelClassifier(sigmas=[0.6], unit="µm", **FEW).fit([near], [magnified(painted, 3)])
    with pytest.raises(DataError, match="must tell its pixel size"):
        classifier.predict(image)


@pytest.mark.parametrize("sizes", [(0.2, 0.6), (0.6, 0.2)])
def test_the_gap_is_as_wide_as_filters_reach_in_the_image_of_the_finest_pixels(sizes):
    images, painted = zip(*three_images()[:2], strict=True)
    stacks = [Stack.of(image, pixel_size=(size, size)) for image, size in zip(images, sizes, strict=True)]
    classifier = PixelClassifier(sigmas=[0.6], unit="µm", **FEW).fit(stacks, painted)
    reach = dict(zip(sizes, (classifier.model_.bank(stack).halo() for stack in stacks), strict=True))
    assert classifier.painted_.reach == reach[0.2] > reach[0.6]


def test_images_of_other_pixel_or_voxel_sizes_in_training_are_said_too():
    image, painted, _ = example((60, 70))
    other, more, _ = example((60, 70), seed=5)
    stacks = [Stack.of(image, pixel_size=(1, 1), name="a"), Stack.of(other, pixel_size=(2, 2), name="b")]
    notes = PixelClassifier(**FEW).fit(stacks, [painted, more]).forest_.notes
    assert sum("the filters are in px" in note for note in notes) == 1
    stack, painted, _ = volume()
    classifier = PixelClassifier(**FEW).fit([stack], [painted])
    [note] = classifier.model_.check(volume(size=(3.0, 0.5, 0.5))[0])
    assert "6 times as deep as wide, and the filters are for 2 times" in note
    assert classifier.model_.check(stack) == []


@pytest.mark.parametrize("depth", [4, 8, None])
def test_forests_are_grown_by_clew_where_it_can_and_answer_every_pixel_as_they_would_from_a_table(depth):
    image, painted, truth = example()
    classifier = PixelClassifier(features="small", trees=30, depth=depth).fit([image], [painted])
    expected = classifier.forest_.predict(table_of(Stack.of(image), classifier.model_))
    np.testing.assert_array_equal(classifier.predict(image).ravel() - 1, expected.probability.argmax(axis=1))
    found = classifier.predict_proba(image).reshape(len(classifier.classes_), -1).T
    np.testing.assert_allclose(found, expected.probability, atol=1e-6)
    theirs = PixelClassifier(features="small", trees=30, depth=depth, grower="scikit-learn")
    theirs.fit([image], [painted])
    assert (theirs.forest_.sha256 == classifier.forest_.sha256) == (depth is None)
    right = [(one.predict(image) == truth).mean() for one in (classifier, theirs)]
    assert abs(right[0] - right[1]) < 0.03


def test_a_model_of_volumes_refuses_a_plane():
    stack, painted, _ = volume()
    classifier = PixelClassifier(**FEW).fit([stack], [painted])
    with pytest.raises(DataError, match="must have several planes"):
        classifier.predict(example()[0])
    with pytest.raises(DataError, match="all planes or all volumes"):
        PixelClassifier(**FEW).fit([stack, Stack.of(example()[0])], [painted, example()[1]])


def test_an_image_smaller_than_the_filters_reach_is_classified():
    image, painted, _ = example()
    classifier = PixelClassifier(features="medium", trees=20).fit([image], [painted])
    assert classifier.painted_.reach > (0, 50, 50)
    for shape in [(1, 1), (3, 40), (9, 2)]:
        small = image[: shape[0], : shape[1]]
        expected = classifier.forest_.predict(table_of(Stack.of(small), classifier.model_))
        np.testing.assert_array_equal(
            classifier.predict(small).ravel() - 1, expected.probability.argmax(axis=1)
        )


def test_an_image_of_one_value_is_classified_and_that_is_said(fitted, caplog):
    flat = np.full((30, 40), 77, np.uint8)
    with caplog.at_level(logging.WARNING, "clew"):
        assert len(np.unique(fitted.predict(flat))) == 1
    assert caplog.messages == ["image: all pixels are 77; only that is subtracted."]


def test_a_model_that_learnt_nothing_gives_the_shares_that_were_painted():
    flat, painted = np.full((30, 40), 77, np.uint8), np.zeros((30, 40), np.uint8)
    painted[2, :30], painted[9, :10] = 1, 2
    classifier = PixelClassifier(**FEW).fit([flat], [painted])
    assert (classifier.predict(flat) == 1).all()
    np.testing.assert_allclose(classifier.predict_proba(flat)[1], 0.25, atol=0.05)
    assert (classifier.feature_importances_ == 0).all()
