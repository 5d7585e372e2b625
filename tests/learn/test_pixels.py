"""The pixel classifier equals scikit-learn's forest, gives the same bytes every time, and refuses what does not fit."""

from __future__ import annotations

import csv
import dataclasses
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage as ndi
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier

from clew.errors import DataError, SettingError, Stopped
from clew.learn.forest import Forest
from clew.learn.pixels import PixelClassifier, PixelModel, entropy, scale_of, tiles_of
from clew.learn.strokes import validate_strokes
from clew.measure.pixels import FilterBank, block_of
from clew.read.annotations import Annotation
from clew.read.stacks import Stack, open_stack
from tests.conftest import shared

FEW = {"grower": "scikit-learn", "features": "small", "trees": 20}  # what most tests need no more than


# ---- images with known truth ----
def truth_of(shape, *, seed=0, coarse=6):
    """Two classes (1, 2) in patches."""
    field = ndi.gaussian_filter(np.random.default_rng(seed).normal(size=shape), coarse)
    return 1 + (field > np.quantile(field, 0.6)).astype(np.uint8)


def image_of(truth, *, seed=1, dtype=np.uint8):
    """Bright and grainy where the truth is 2, dark where it is 1."""
    noise = ndi.gaussian_filter(np.random.default_rng(seed).normal(size=truth.shape), 0.7)
    return (60 + 70 * (truth == 2) + noise * np.where(truth == 2, 40, 15)).clip(0, 255).astype(dtype)


def strokes_of(truth, *, n=12, length=15, seed=2):
    """Short horizontal strokes, as many of each class, of the class that most of the stroke lies on."""
    rng, painted = np.random.default_rng(seed), np.zeros_like(truth)
    for k in np.unique(truth):
        for where in rng.permutation(np.argwhere(truth == k))[:n]:
            *at, x = where
            line = (*at, slice(x, x + length))
            painted[line][truth[line] == k] = k
    return painted


def example(shape=(120, 150), *, seed=0, dtype=np.uint8, **strokes):
    truth = truth_of(shape, seed=seed)
    return image_of(truth, seed=seed + 1, dtype=dtype), strokes_of(truth, seed=seed + 2, **strokes), truth


@pytest.fixture(scope="module")
def fitted():
    image, painted, _ = example()
    return PixelClassifier(**FEW).fit([image], [painted])


def table_of(stack, model):
    """Every feature of every pixel, (n_pixels, n_features) in the order T, Z, Y, X: no tiles, no planes, no ranks."""
    bank, scale, shape = model.bank(stack), scale_of(stack, model.normalise), stack.shape[2:]
    table = np.empty((len(bank), stack.shape[0], *shape), np.float32)
    for t in range(stack.shape[0]):
        block = block_of(
            lambda z, y, x, t=t: scale.apply(stack.read(t, z, y, x)), shape, (0, 0, 0), shape, bank.halo()
        )
        bank.apply(block, lambda i, values, t=t: table[i, t].__setitem__(..., values))
    return table.reshape(len(bank), -1).T


def rival_of(classifier, **settings):
    """scikit-learn's forest on the painted pixels."""
    painted = classifier.painted_
    settings = {"n_estimators": classifier.trees, "max_depth": classifier.depth, "random_state": 0} | settings
    return RandomForestClassifier(**settings).fit(painted.features, painted.labels)


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


# ---- equal to scikit-learn ----
CASES = {
    "as customary": (("YX", (70, 90)), {"trees": 100}),
    "deep": (("YX", (50, 60)), {"depth": None}),
    "wide": (("YX", (50, 60)), {"features": "medium"}),
    "large": (("YX", (50, 60)), {"features": "large", "depth": 6}),
    "channels": (("CYX", (3, 50, 60)), {}),
    "time": (("TYX", (3, 40, 50)), {}),
    "volume": (("ZYX", (7, 30, 40)), {"sigmas": [0.7, 1.6]}),
    "planes": (("ZYX", (7, 30, 40)), {"dimensions": "2"}),
    "all": (("TCZYX", (2, 2, 5, 24, 30)), {"sigmas": [1]}),
    "16 bit": (("YX", (50, 60)), {"dtype": np.uint16}),
    "float": (("YX", (50, 60)), {"dtype": np.float64}),
    "colours": (("YXS", (50, 60, 3)), {"normalise": "percentiles"}),
}


@pytest.mark.parametrize("case", CASES)
def test_classes_and_probabilities_of_every_pixel_are_scikit_learns(case):
    (axes, shape), settings = CASES[case]
    settings = dict(settings)
    dtype = settings.pop("dtype", np.uint8)
    plain = axes.replace("S", "C")
    truth = truth_of([n for n, axis in zip(shape, plain, strict=True) if axis != "C"], coarse=4)
    painted = strokes_of(truth, length=6)
    painted[painted == 2] += (np.random.default_rng(5).random(painted.shape) < 0.3)[painted == 2]  # class 3
    image = image_of(truth, dtype=dtype)
    if "C" in plain:
        at = plain.index("C")
        image = np.stack([image_of(truth, seed=c) for c in range(shape[at])], axis=at)
    assert image.shape == shape

    classifier = PixelClassifier(axes=axes, **FEW | settings).fit([image], [painted])
    stack = Stack.of(image, axes=axes)
    expected = rival_of(classifier).predict_proba(table_of(stack, classifier.model_))
    probability = classifier.predict_proba(image)
    labels = classifier.predict(image)
    assert labels.shape == truth.shape and labels.dtype == np.uint8
    assert probability.shape == (3, *truth.shape) and probability.dtype == np.float32
    assert classifier.classes_.tolist() == ["1", "2", "3"]
    np.testing.assert_array_equal(labels.ravel(), 1 + expected.argmax(axis=1))
    np.testing.assert_allclose(probability.reshape(3, -1).T, expected, atol=1e-6)


def test_another_forest_would_be_noticed(fitted):
    image, *_ = example()
    table = table_of(Stack.of(image), fitted.model_)
    expected = rival_of(fitted).predict_proba(table)
    other = rival_of(fitted, random_state=1).predict_proba(table)
    assert np.abs(other - expected).max() > 1e-3
    assert (other.argmax(axis=1) != expected.argmax(axis=1)).any()


def test_sums_in_float32_would_give_some_pixels_another_class(fitted):
    """Leaves that differ by a billionth: what is summed with fewer digits calls them a tie, and the first class wins."""
    image, *_ = example((60, 80))
    forest = fitted.forest_
    close = dataclasses.replace(forest, value=0.5 + 1e-9 * (forest.value - 0.5))
    table = table_of(Stack.of(image), fitted.model_)
    expected = close.predict(table).probability.argmax(axis=1)
    labels = PixelClassifier.of(close).predict(image).ravel()
    np.testing.assert_array_equal(labels - 1, expected)
    assert 0.2 < expected.mean() < 0.8
    hasty = dataclasses.replace(close, value=close.value.astype(np.float32))
    assert (hasty.predict(table).probability.argmax(axis=1) == 0).all()


def test_equal_class_weights_are_scikit_learns_balanced():
    image, _, truth = example((60, 80))
    painted = strokes_of(truth)
    painted[30:] *= painted[30:] == 1
    classifier = PixelClassifier(class_weight="equal", **FEW).fit([image], [painted])
    # scikit-learn 1.9 cannot weigh classes whose names are numbers, so they get other names
    found = classifier.painted_
    rival = RandomForestClassifier(20, max_depth=4, random_state=0, class_weight="balanced")
    rival.fit(found.features, np.char.add("class ", found.labels))
    expected = rival.predict_proba(table_of(Stack.of(image), classifier.model_))
    np.testing.assert_allclose(classifier.predict_proba(image).reshape(2, -1).T, expected, atol=1e-6)


def test_importances_are_scikit_learns(fitted):
    np.testing.assert_allclose(fitted.feature_importances_, rival_of(fitted).feature_importances_, atol=1e-12)
    assert fitted.feature_names_ == fitted.model_.features.names


def test_only_the_features_that_the_forest_asks_for_are_computed(monkeypatch):
    image, painted, _ = example((60, 80))
    classifier = PixelClassifier(features="medium", trees=2, depth=2).fit([image], [painted])
    used = set(classifier.forest_.feature[classifier.forest_.feature >= 0].tolist())
    asked, apply = [], FilterBank.apply

    def watched(self, block, emit, wanted=None):
        asked.append(set(wanted))
        return apply(self, block, emit, wanted)

    monkeypatch.setattr(FilterBank, "apply", watched)
    classifier.predict(image)
    assert asked == [used] and len(used) < 10 < len(classifier.feature_names_)


# ---- the same bytes ----
def three_images():
    return [example((60, 80), seed=10 * i)[:2] for i in range(3)]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    images, painted = zip(*three_images(), strict=True)
    folder = tmp_path_factory.mktemp("saved") / "model"
    PixelClassifier(n_jobs=1, **FEW).fit(images, painted).forest_.save_model(folder)
    return bytes_of(folder)


@pytest.mark.parametrize("n_jobs", [1, 2, None])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_the_same_labels_give_the_same_bytes_on_any_threads_and_in_any_order(saved, tmp_path, n_jobs, order):
    chosen = [three_images()[i] for i in order]
    classifier = PixelClassifier(n_jobs=n_jobs, **FEW).fit(*zip(*chosen, strict=True))
    assert bytes_of(classifier.forest_.save_model(tmp_path / "model")) == saved


def test_an_annotation_cut_into_other_pieces_gives_the_same_bytes(saved, tmp_path):
    images, painted = zip(*three_images(), strict=True)

    def in_pieces(labels):
        labels = labels[None, None].astype(np.int32)
        cut = [(0, 0, y, x) for y in range(0, 60, 25) for x in range(0, 80, 33)]
        pieces = [(at, labels[:, :, at[2] : at[2] + 25, at[3] : at[3] + 33]) for at in reversed(cut)]
        return Annotation(tuple(pieces), sha256="of another file")

    classifier = PixelClassifier(**FEW).fit(images, [in_pieces(one) for one in painted])
    assert bytes_of(classifier.forest_.save_model(tmp_path / "model")) == saved


def test_one_label_more_or_another_seed_gives_other_bytes(saved, tmp_path):
    images, painted = zip(*three_images(), strict=True)
    more = [one.copy() for one in painted]
    more[1][tuple(np.argwhere(more[1] == 0)[0])] = 1
    for name, classifier in [
        ("more", PixelClassifier(**FEW).fit(images, more)),
        ("seed", PixelClassifier(random_state=1, **FEW).fit(images, painted)),
    ]:
        other = bytes_of(classifier.forest_.save_model(tmp_path / name))
        assert all(other[file] != saved[file] for file in saved)


SCRIPT = """
import hashlib, sys
from pathlib import Path
from clew.learn.pixels import PixelClassifier
from tests.learn.test_pixels import FEW, example
image, painted, _ = example((300, 560))
classifier = PixelClassifier(**FEW).fit([image], [painted])
folder = classifier.forest_.save_model(Path(sys.argv[1]) / "model")
told = b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
told += classifier.predict(image).tobytes() + classifier.predict_proba(image).tobytes()
print(hashlib.sha256(told).hexdigest())
"""


def test_processes_with_one_and_two_threads_train_and_predict_the_same_bytes(tmp_path):
    told = set()
    for threads in "12":
        (tmp_path / threads).mkdir()
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tmp_path / threads)],
            env=os.environ | {"NUMBA_NUM_THREADS": threads},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        )
        told.add(run.stdout)
    assert len(told) == 1 and len(told.pop().strip()) == 64


def collected(model, stack, **settings):
    """Labels and probabilities of an image, put together from tiles, and how many there were."""
    labels = np.zeros((stack.shape[0], *stack.shape[2:]), np.uint8)
    shares = np.zeros((len(model.forest.classes), *labels.shape), np.float32)
    starts = []

    def write(t, start, tile, share):
        at = (t, *(slice(a, a + n) for a, n in zip(start, tile.shape, strict=True)))
        labels[at], shares[(slice(None), *at)] = tile, share
        starts.append((t, start))

    model.predict(stack, write, probability=True, **settings)
    return labels, shares, starts


@pytest.mark.parametrize("tile", [(1, 7, 11), (1, 64, 64), (1, 5, 1000), (4, 1000, 3)])
def test_any_tile_gives_the_same_bits(fitted, tile):
    stack = Stack.of(example((61, 93), seed=7)[0])
    whole, expected = collected(fitted.model_, stack), collected(fitted.model_, stack, tile=tile)
    np.testing.assert_array_equal(whole[0], expected[0])
    np.testing.assert_array_equal(whole[1], expected[1])
    assert len(expected[2]) > len(whole[2]) == 1


def volume(shape=(9, 40, 50), *, size=(1.0, 0.5, 0.5)):
    truth = truth_of(shape, coarse=(2, 4, 4))
    return Stack.of(image_of(truth), axes="ZYX", pixel_size=size), strokes_of(truth), truth


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


def test_a_saved_model_predicts_the_same_bits(fitted, tmp_path):
    image, *_ = example(seed=3)
    again = PixelClassifier.of(Forest.load_model(fitted.forest_.save_model(tmp_path / "model")))
    np.testing.assert_array_equal(again.predict(image), fitted.predict(image))
    np.testing.assert_array_equal(again.predict_proba(image), fitted.predict_proba(image))
    assert again.feature_names_ == fitted.feature_names_
    assert again.forest_.measure == fitted.forest_.measure


# ---- a preview ----
@pytest.mark.parametrize("stride", [1, 2, 3, 4, 7, 300])
def test_a_preview_is_every_so_many_pixels_of_the_whole(fitted, stride):
    image, *_ = example((270, 530))  # several tiles, whose sides are no multiples of all strides
    whole, preview = fitted.predict(image), fitted.predict(image, stride=stride)
    np.testing.assert_array_equal(preview, whole[::stride, ::stride])
    if 1 < stride < 10:  # the mutant: from the second pixel on
        shifted = whole[1::stride, 1::stride]
        assert (preview[: shifted.shape[0], : shifted.shape[1]] != shifted).any()


@pytest.mark.parametrize("stride", [0, -1, 1.5])
def test_an_impossible_stride_is_refused(fitted, stride):
    with pytest.raises(SettingError, match="must be an int of at least 1"):
        fitted.predict(example()[0], stride=stride)


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


# ---- classes ----
def test_results_have_the_numbers_that_were_painted_whatever_the_classes_are_called():
    image, painted, truth = example()
    painted[painted == 2] = 5
    named = Annotation.of(painted, class_names={1: "zebra", 5: "apple"})
    classifier = PixelClassifier(**FEW).fit([image], [named])
    assert classifier.classes_.tolist() == ["apple", "zebra"]
    labels = classifier.predict(image)
    assert set(np.unique(labels)) == {1, 5}
    assert ((labels == 5) == (truth == 2)).mean() > 0.9
    probability = classifier.predict_proba(image)
    np.testing.assert_array_equal(labels == 5, probability[0] >= probability[1])
    place = probability.argmax(axis=0)
    assert ((place + 1) != labels).any() and (np.array([1, 5])[place] != labels).any()  # the mutants


def test_a_named_class_that_nobody_painted_is_no_class_of_the_model():
    image, painted, _ = example()
    named = Annotation.of(painted, class_names={1: "back", 2: "cell", 3: "debris"})
    classifier = PixelClassifier(**FEW).fit([image], [named])
    assert classifier.model_.values == {"back": 1, "cell": 2}


def test_uneven_painting_is_reported_and_left_as_it_is_unless_asked():
    image, painted, truth = example((120, 150), n=60)
    noisy = image + np.random.default_rng(0).normal(0, 200, image.shape)
    painted[:, 30:] *= painted[:, 30:] == 1  # few of class 2
    given = PixelClassifier(**FEW).fit([noisy], [painted])
    equal = PixelClassifier(class_weight="equal", **FEW).fit([noisy], [painted])
    [shares] = [note for note in given.forest_.notes if note.startswith("Painted pixels of class 1: ")]
    assert f"class 2: {np.sum(painted == 2):,} (" in shares
    assert any("class_weight='equal'" in note for note in given.forest_.notes)
    p, q = (one.predict_proba(noisy)[1].mean() for one in (given, equal))
    share = (painted == 2).sum() / (painted > 0).sum()
    assert share < 0.15 and p < 0.7 * q and abs(p - share) < abs(q - share)
    assert (equal.predict(noisy) == 2).mean() > (given.predict(noisy) == 2).mean()
    assert equal.forest_.sha256 != given.forest_.sha256


def test_even_painting_is_not_complained_about(fitted):
    assert not any("unevenly" in note for note in fitted.forest_.notes)


def test_entropy_of_known_probabilities():
    shares = np.array([[1, 0.5, 0.25], [0, 0.5, 0.75]], np.float32)
    np.testing.assert_allclose(entropy(shares), [0, 1, 0.8112781], atol=1e-6)
    np.testing.assert_allclose(entropy(np.full((3, 2, 2), 1 / 3, np.float32)), np.ones((2, 2)), atol=1e-6)
    assert entropy(shares).dtype == np.float32


def test_uncertain_is_what_lies_between_the_classes(fitted):
    image, _, truth = example()
    found = fitted.uncertainty(image)
    assert found.shape == image.shape and found.min() >= 0 and found.max() <= 1
    border = ndi.morphological_gradient(truth, 3) > 0
    assert found[border].mean() > 2 * found[~border].mean()


# ---- scikit-learn's contract ----
def test_clone_gives_an_unfitted_classifier_of_the_same_settings(fitted):
    classifier = PixelClassifier(sigmas=[1.0, 2.0], trees=7, axes="CYX")
    other = clone(classifier)
    assert other.get_params() == classifier.get_params() and other is not classifier
    assert not hasattr(clone(fitted), "model_")
    assert other.set_params(trees=3) is other and other.trees == 3
    with pytest.raises(SettingError, match="Did you mean 'trees'"):
        other.set_params(treees=3)


def test_fit_leaves_settings_and_arrays_as_they_were():
    image, painted, _ = example((60, 70))
    before = image.copy(), painted.copy()
    classifier = PixelClassifier(sigmas=[1, 2], trees=5)
    settings = classifier.get_params()
    assert classifier.fit([image], [painted]) is classifier
    assert classifier.get_params() == settings
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(painted, before[1])
    assert repr(classifier).startswith("<PixelClassifier: 5 trees for classes 1, 2")
    assert repr(PixelClassifier()) == "<PixelClassifier>"


def test_nothing_is_predicted_or_validated_before_fit(fitted):
    with pytest.raises(SettingError, match="must be fitted before it predicts"):
        PixelClassifier().predict(example()[0])
    for classifier in (PixelClassifier(), PixelClassifier.of(fitted.forest_)):
        with pytest.raises(SettingError, match="must be fitted before it is validated"):
            classifier.validate()


def test_a_forest_of_other_things_is_refused(fitted):
    other = dataclasses.replace(fitted.forest_, measure={"kind": "table"})
    with pytest.raises(DataError, match="must be one for pixels.*Got one for rows of a table"):
        PixelModel(other)


# ---- scales, progress ----
def test_the_scale_of_a_file_is_found_once_and_of_an_array_every_time(tmp_path, monkeypatch):
    import tifffile

    image, *_ = example()
    tifffile.imwrite(tmp_path / "a.tif", image)
    stack, array = open_stack(tmp_path / "a.tif"), Stack.of(image)
    assert scale_of(stack, "otsu") is scale_of(stack, "otsu")
    assert scale_of(stack, "otsu") is not scale_of(stack, "min-max")
    before = scale_of(array, "min-max")
    image[0, 0] = 255
    assert scale_of(array, "min-max").width > before.width


def test_tiles_cover_every_pixel_once():
    seen = np.zeros((2, 5, 7, 9), int)
    for t, start, stop in tiles_of((2, 3, 5, 7, 9), (2, 3, 4)):
        seen[(t, *map(slice, start, stop))] += 1
    assert (seen == 1).all()


def test_progress_is_told_and_can_stop_the_work(fitted):
    stack = Stack.of(example((64, 64))[0])
    told, done = [], []
    model, tile = fitted.model_, (1, 16, 64)
    model.predict(
        stack, lambda *a: done.append(a[1]), tile=tile, on_progress=lambda *a: told.append(a) or None
    )
    assert sorted(told) == [(i, 4) for i in range(1, 5)] and len(done) == 4
    with pytest.raises(Stopped, match="after 2 of 4 tiles"):
        model.predict(stack, lambda *a: None, tile=tile, on_progress=lambda done, _: done < 2)
    done.clear()
    model.predict(stack, lambda *a: done.append(a[1]), tile=tile, skip=lambda t, start: start[1] < 30)
    assert sorted(done) == [(0, 32, 0), (0, 48, 0)]


# ---- what is refused ----
def two_images():
    (a, painted_a), (b, painted_b), _ = three_images()
    return (Stack.of(a, name="a.tif"), Stack.of(b, name="b.tif")), [painted_a, painted_b]


def refused(images, annotations, sentence, error=DataError, **settings):
    with pytest.raises(error, match=sentence) as refusal:
        PixelClassifier(**FEW | settings).fit(images, annotations)
    assert "\n" not in str(refusal.value)


def test_annotations_that_do_not_fit_their_image_are_refused():
    image, painted, _ = example((60, 80))
    refused([image], [painted[:50]], "must have the shape of the image 'image 0', 60 x 80.* Got 50 x 80")
    refused([image], [np.zeros((60, 80, 3), np.uint8)], "must have the axes YX of its image. Got the shape")
    refused([image], [painted + 0.5], "must hold whole numbers.*Got 0.5")
    refused([image], [painted * -1.0], "must hold whole numbers")
    refused([image], [painted * 0], "Got only zeros")
    refused([image, image], [painted], "must be one for each image, at least one. Got 1 for 2")
    refused([image], [painted, painted], "Got 2 for 1")
    refused([], [], "Got 0 for 0")
    refused([image], [painted], "must name the 2 axes.*Got 'CYX'", SettingError, axes="CYX")
    whole = painted.astype(np.float64)
    assert PixelClassifier(**FEW).fit([image], [whole])  # whole numbers of whatever type are classes


def test_an_annotation_of_another_image_is_refused_by_content():
    (a, b), painted = two_images()
    told = Annotation.of(painted[0], name="a.png", image_sha256=a.sha256(), image_name="a.tif")
    assert PixelClassifier(**FEW).fit([a], [told])
    refused([b], [told], "'a.png' must belong to the image 'b.tif'. Got one that was painted on 'a.tif'")


def test_the_same_image_twice_is_refused():
    (a, _), painted = two_images()
    twice = Stack.of(a.read(0, slice(0, 1), slice(0, 60), slice(0, 80))[0, 0], name="copy.tif")
    refused([a, twice], painted, "The images must all differ.*Got 'a.tif' and 'copy.tif' of the same content")


def test_too_few_classes_or_pixels_are_refused():
    image, painted, _ = example((60, 80))
    refused([image], [painted * (painted == 2)], "at least two classes. Got only '2'")
    one = painted * (painted == 2)
    one[5, 5] = 1
    refused([image], [one], "at least 2 painted pixels. Got 1 of '1'")


def test_classes_that_are_called_differently_are_refused():
    (a, b), painted = two_images()
    names = [{1: "back", 2: "cell"}, {1: "back", 2: "nucleus"}]
    named = [Annotation.of(x, class_names=y, name=z) for x, y, z in zip(painted, names, "AB", strict=True)]
    refused([a, b], named, "class 2 must have one name.*'(cell|nucleus)' and, in '[AB]', '(cell|nucleus)'")
    named[1] = Annotation.of(painted[1] + (painted[1] > 0), class_names={2: "back", 3: "cell"})
    refused([a, b], named, "must have one name")
    named[1] = Annotation.of(np.where(painted[1] == 2, 3, painted[1]), class_names={1: "back", 3: "cell"})
    refused([a, b], named, "names of the classes must all differ. Got 1=back, 2=cell, 3=cell")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_are_refused_with_their_place(fitted, value):
    image, painted, _ = example((60, 80))
    broken = image.astype(np.float32)
    broken[7, 9] = value
    refused([broken], [painted], "must be finite numbers. Got .* y 7, x 9")
    with pytest.raises(DataError, match="y 7, x 9"):
        fitted.predict(broken)


def test_an_axis_of_length_zero_is_refused(fitted):
    with pytest.raises(DataError, match="must have a length"):
        fitted.predict(np.zeros((0, 5), np.uint8))
    refused([np.zeros((4, 0))], [np.zeros((4, 0), int)], "must have a length")


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ({"features": "smal"}, "Did you mean 'small'"),
        ({"sigmas": [0]}, "numbers above 0"),
        ({"sigmas": []}, "at least one"),
        ({"unit": "mm"}, "unit"),
        ({"dimensions": "4"}, "dimensions"),
        ({"normalise": "ots"}, "Did you mean 'otsu'"),
        ({"class_weight": "balanced"}, "must be one of: as painted, equal"),
        ({"trees": 0}, "'trees'"),
        ({"depth": 0}, "'depth'"),
        ({"n_jobs": 0}, "'n_jobs'"),
        ({"random_state": -1}, "'random_state'"),
    ],
    ids=str,
)
def test_impossible_settings_are_refused(settings, sentence):
    image, painted, _ = example((60, 80))
    refused([image], [painted], sentence, SettingError, **settings)


# ---- honest validation ----
def test_validation_holds_strokes_out_as_far_apart_as_the_widest_filter_looks(fitted):
    found = fitted.validate()
    assert fitted.painted_.reach == fitted.model_.bank(Stack.of(example()[0])).halo()
    assert found.split["gap"] == max(fitted.painted_.reach) == 10
    assert found.scores.metrics["balanced_accuracy"].value > 0.85
    assert found.truth.size == len(fitted.painted_)


def test_validation_equals_scikit_learns_forest_on_the_same_folds(fitted):
    painted = fitted.painted_

    def fit_predict(features, labels, test):
        forest = RandomForestClassifier(20, max_depth=4, random_state=0).fit(features, labels)
        return forest.predict(test)

    expected = validate_strokes(
        painted.features,
        painted.labels,
        painted.image,
        painted.place,
        classifier=fit_predict,
        gap=(0, 10, 10),
        n_folds=4,
        permutations=1,
        random_state=3,
    )
    found = fitted.validate(n_folds=4, permutations=1, random_state=3)
    np.testing.assert_array_equal(found.predicted, expected.predicted)
    np.testing.assert_array_equal(found.fold, expected.fold)
    assert found.summary() == expected.summary()


def test_on_noise_held_out_strokes_score_chance_where_shuffled_pixels_flatter():
    noise = ndi.gaussian_filter(np.random.default_rng(0).normal(size=(300, 300)), 6).astype(np.float32)
    painted = np.zeros((300, 300), np.uint8)
    for i, (y, x) in enumerate(np.random.default_rng(1).integers(5, 270, (40, 2))):
        painted[y : y + 3, x : x + 20] = 1 + i % 2
    found = PixelClassifier(features="small", trees=30, depth=None).fit([noise], [painted]).validate()
    honest, naive = (one.metrics["balanced_accuracy"].value for one in (found.scores, found.naive))
    assert 0.35 < honest < 0.65 < 0.85 < naive


# ---- real data ----
def test_an_annotation_that_covers_a_part_of_its_image_is_read_with_its_offset():
    import tifffile

    folder = shared("images/nuclei_bbbc038_0bf4b1")
    stack = open_stack(folder / "0bf4b1.tif")
    labels = tifffile.imread(folder / "0bf4b1_pixel_annotation.tif")
    assert labels.shape == (60, 60)
    classifier = PixelClassifier(**FEW).fit([stack], [Annotation.of(labels, offset=(4, 106))])
    found = classifier.predict(stack)[0, 0]
    image = stack.read(0, slice(0, 1), slice(0, 256), slice(0, 256))[0, 0]
    assert 0.02 < (found == 2).mean() < 0.4 and image[found == 2].mean() > 2 * image[found == 1].mean()
    assert classifier.score(stack, Annotation.of(labels, offset=(4, 106))) > 0.95
    assert classifier.painted_.place[:, 2:].min(axis=0).tolist() >= [4, 106]
    refused([stack], [Annotation.of(labels)], "256 x 256 pixels. Got 60 x 60 instead. Give its 'offset'")
    refused([stack], [Annotation.of(labels, offset=(200, 106))], "must lie inside the image")


def test_a_folder_of_crops_trains_one_model():
    from clew.read.pairing import pair_annotations
    from clew.read.stacks import find_stacks

    folder = shared("images/bbbc007/pixel_annotated_crops")
    files = find_stacks([folder])[0]
    images = [open_stack(path) for path in files if "annotation" not in path.name]
    pairs, _ = pair_annotations(images, sorted(folder.glob("*_annotation.tif")))
    assert len(pairs) == 4
    whole = PixelClassifier().fit([images[i] for i, _ in pairs], [one for _, one in pairs])
    assert min(whole.score(images[i], one) for i, one in pairs) > 0.88
    for left_out, painted in pairs:
        rest = [pair for pair in pairs if pair[0] != left_out]
        unseen = PixelClassifier().fit([images[i] for i, _ in rest], [one for _, one in rest])
        assert unseen.score(images[left_out], painted) > 0.78  # their borders were painted by eye


def test_blobs_are_found_from_sparse_strokes():
    import tifffile

    folder = shared("images/blobs")
    stack = open_stack(folder / "blobs.tif")
    painted = tifffile.imread(folder / "blobs_pixel_annotation_sparse.tif")
    reference = tifffile.imread(folder / "blobs_reference_labels_61.tif") > 0
    found = PixelClassifier().fit([stack], [painted]).predict(stack)[0, 0] == 2
    assert iou(found, reference) > 0.85


def iou(found, truth):
    return (found & truth).sum() / (found | truth).sum()


def nuclei(modality):
    """Each image, the truth, and how good Gaussian and Otsu's threshold are."""
    import tifffile
    from skimage.filters import threshold_otsu

    folder, found = shared("images/nuclei_dsb2018"), []
    with open(folder / "index.csv") as file:
        names = [row["id"] for row in csv.DictReader(file) if row["modality"] == modality]
    for name in names:
        stack = open_stack(folder / f"{name}_image.png")
        truth = tifffile.imread(folder / f"{name}_labels.tif") > 0
        gray = stack.read(0, slice(0, 1), slice(None), slice(None)).mean(axis=0)[0]
        smooth = ndi.gaussian_filter(gray, 1)
        bright = smooth > threshold_otsu(smooth)
        found.append((stack, truth, iou(bright if modality == "fluorescence" else ~bright, truth)))
    return found


def drawn(data, seed, n_pixels):
    """Five images, and labels of some of their pixels, drawn uniformly from all of them."""
    rng = np.random.default_rng(seed)
    train = rng.choice(len(data), 5, replace=False)
    sizes = [data[i][1].size for i in train]
    chosen = np.zeros(sum(sizes), bool)
    chosen[rng.choice(sum(sizes), n_pixels, replace=False)] = True
    parts = np.split(chosen, np.cumsum(sizes)[:-1])
    return train, [
        np.where(part.reshape(data[i][1].shape), 1 + data[i][1], 0)
        for i, part in zip(train, parts, strict=True)
    ]


def quality(data, n_pixels, **settings):
    """The mean IoU on the other images of the draws 0 to 4, and that of Gaussian and Otsu's threshold."""
    ours, otsus = [], []
    for seed in range(5):
        train, painted = drawn(data, seed, n_pixels)
        classifier = PixelClassifier(**settings).fit([data[i][0] for i in train], painted)
        rest = [data[i] for i in range(len(data)) if i not in train]
        ours.append(np.mean([iou(classifier.predict(one)[0, 0] == 2, truth) for one, truth, _ in rest]))
        otsus.append(np.mean([otsu for *_, otsu in rest]))
    return np.array(ours), np.array(otsus)


@pytest.mark.slow
@pytest.mark.parametrize("n_pixels, mean", [(2_000, 0.85), (10_000, 0.86)])
def test_a_model_of_five_images_of_nuclei_carries_over_to_the_others(n_pixels, mean):
    """Five draws fixed beforehand. Of 45 draws of 2,000 pixels 3 were below 0.84 (the lowest 0.805), of 10,000 one."""
    ours, otsu = quality(nuclei("fluorescence"), n_pixels, features="small")
    assert ours.mean() >= mean and ours.min() >= 0.84, ours
    assert (ours > otsu).all()


@pytest.mark.slow
def test_in_histology_a_model_of_five_images_is_not_below_otsu():
    ours, otsu = quality(nuclei("histology"), 2_000)
    assert (ours > otsu).all() and ours.mean() > 0.77, ours


@pytest.mark.slow
def test_silent_balancing_and_no_normalising_would_cost_what_they_cost():
    """Nuclei cover a seventh of these images; weighing the classes alike gives away 0.05, not normalising 0.1."""
    data = nuclei("fluorescence")
    given, _ = quality(data, 2_000, features="small")
    equal, _ = quality(data, 2_000, features="small", class_weight="equal")
    raw, _ = quality(data, 2_000, features="small", normalise="none")
    assert equal.mean() < given.mean() - 0.03
    assert raw.mean() < given.mean() - 0.08


def test_a_saved_classifier_predicts_the_same_and_says_what_it_lacks(fitted, tmp_path):
    image, _, _ = example()
    fitted.save(tmp_path / "model")
    loaded = PixelClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(image), fitted.predict_proba(image))
    with pytest.raises(SettingError, match="must be fitted before it is validated"):
        loaded.validate()
    with pytest.raises(SettingError, match="must be fitted before it is saved"):
        PixelClassifier().save(tmp_path / "other")


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("file.tif", "open_stack opens files. Got str"),
        (None, "Got NoneType"),
        (np.zeros((4, 5, 3)), "such as 'YXC' .colour last., 'CYX', 'ZYX' or 'TYX'. Got none, which is 'YX'"),
    ],
)
def test_what_is_no_image_is_refused_with_what_to_do(fitted, image, said):
    with pytest.raises((DataError, SettingError), match=said):
        fitted.predict(image)
