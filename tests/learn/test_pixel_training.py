"""The same strokes give the same bytes; what does not fit is refused; strokes are held out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage as ndi
from sklearn.ensemble import RandomForestClassifier

from clew.errors import DataError, SettingError
from clew.learn.forest import Forest
from clew.learn.pixel_model import entropy
from clew.learn.pixels import PixelClassifier
from clew.learn.strokes import validate_strokes
from clew.read.annotations import Annotation
from clew.read.stacks import Stack
from tests.learn.painted_images import FEW, bytes_of, example, refused, three_images, two_images


# ---- the same bytes ----
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


def test_a_saved_model_predicts_the_same_bits(fitted, tmp_path):
    image, *_ = example(seed=3)
    again = PixelClassifier.of(Forest.load_model(fitted.forest_.save_model(tmp_path / "model")))
    np.testing.assert_array_equal(again.predict(image), fitted.predict(image))
    np.testing.assert_array_equal(again.predict_proba(image), fitted.predict_proba(image))
    assert again.feature_names_ == fitted.feature_names_
    assert again.forest_.measure == fitted.forest_.measure


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


# ---- what is refused ----
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


def test_the_model_keeps_the_axes_channels_and_depth_that_it_was_trained_on():
    image, painted, _ = example((60, 80))
    colours = np.stack([image, image[::-1]])
    measure = PixelClassifier(axes="CYX", **FEW).fit([colours], [painted]).forest_.measure
    assert (measure["axes"], measure["dtype"]) == ("CYX", "uint8")
    assert measure["features"]["channel_names"] == ["c1", "c2"]
    series = PixelClassifier(axes="TYX", **FEW).fit([colours], [np.stack([painted, 0 * painted])])
    assert series.forest_.measure["axes"] == "TYX"
