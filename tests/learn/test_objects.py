"""Painted objects teach classes and merging, the same bits each time; what was painted in vain is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy import ndimage
from skimage.measure import label

from clew.errors import DataError, SettingError
from clew.learn.forest import Forest
from clew.learn.merging import ObjectMerger
from clew.learn.objects import ObjectClassifier
from clew.learn.painted import labels_from_annotation
from clew.read.images import read_image
from clew.simulate import blobs
from tests.conftest import shared

NAMES = ("elongated", "round")


def world(seed, *, painted=1.0):
    """Return pixels, label image, the true class of each object, and dots of these classes on a share of them."""
    made = blobs(n_round=25, n_elongated=15, size=400, random_state=seed)
    truth = np.array([NAMES.index(kind) + 1 for kind in made.kind])
    shown = np.random.default_rng(seed).random(len(truth)) < painted
    annotation = np.zeros(made.label_image.shape, np.uint8)
    for i, (row, column) in enumerate(
        ndimage.center_of_mass(made.label_image > 0, made.label_image, np.arange(1, 41))
    ):
        annotation[int(row) - 1 : int(row) + 2, int(column) - 1 : int(column) + 2] = truth[i] * shown[i]
    return made.pixels, made.label_image, truth, annotation


@pytest.fixture(scope="module")
def worlds():
    return [world(seed, painted=0.5) for seed in range(3)]


@pytest.fixture(scope="module")
def classifier(worlds):
    pixels, labels, _, annotations = zip(*worlds)
    return ObjectClassifier(class_names=NAMES, trees=50).fit(pixels, labels, annotations)


def test_a_few_painted_objects_teach_the_others_of_another_image(classifier):
    pixels, labels, truth, annotation = world(7)
    said = classifier.predict(pixels, labels)
    right = np.array([NAMES.index(one) + 1 for one in said.label]) == truth[said.object - 1]
    assert right.mean() > 0.85
    recall = [right[truth[said.object - 1] == number].mean() for number in (1, 2)]
    assert classifier.score([pixels], [labels], [annotation]) == pytest.approx(np.mean(recall))
    assert classifier.classes_.tolist() == list(NAMES)
    np.testing.assert_array_equal(classifier.predict_proba(pixels, labels), said.probability)


def test_the_class_image_paints_every_object_with_the_number_of_the_annotation(classifier):
    pixels, labels, _, _ = world(8)
    said = classifier.predict(pixels, labels)
    for number, name in zip(said.object, said.label):
        assert set(said.class_image[labels == number]) == {NAMES.index(name) + 1}
    assert not said.class_image[labels == 0].any()


def test_what_tells_shapes_apart_matters_most(classifier):
    importance = classifier.feature_importances_
    assert importance.sum() == pytest.approx(1)
    assert classifier.feature_names_[importance.argmax()] in (
        "aspect_ratio", "eccentricity", "elongation", "roundness", "circularity", "minor_axis_length",
    )  # fmt: skip


def test_validation_holds_out_whole_images_and_tells_each_class(classifier):
    found = classifier.validate(folds=3)
    assert found.split["by"] == "group" and set(found.scores.per_class) == set(NAMES)
    assert all(found.scores.per_class[name]["recall"].value > 0.7 for name in NAMES)


def test_classes_painted_at_random_are_not_recognised():  # null data
    recalls = []
    for seed in range(4):
        pixels, labels, truth, _ = world(seed)
        given = np.random.default_rng(seed + 50).permutation(truth)
        annotation = np.append(0, given)[labels]
        model = ObjectClassifier(trees=30).fit([pixels], [labels], [annotation])
        recalls.append(model.validate().scores.metrics["balanced_accuracy"].value)
    assert 0.35 < np.mean(recalls) < 0.65


def test_the_same_paint_gives_the_same_model_byte_for_byte_and_it_comes_back(tmp_path, worlds, classifier):
    pixels, labels, _, annotations = zip(*worlds)
    again = ObjectClassifier(class_names=NAMES, trees=50).fit(pixels, labels, annotations)
    classifier.forest_.save_model(tmp_path / "a")
    again.forest_.save_model(tmp_path / "b")
    for name in ("arrays.npz", "config.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    forest = Forest.load_model(tmp_path / "a")
    loaded = ObjectClassifier.of(forest)
    assert loaded.predict(pixels[0], labels[0]).digest() == classifier.predict(pixels[0], labels[0]).digest()
    assert loaded.get_params() == classifier.get_params() | {"class_names": None}
    with pytest.raises(SettingError, match="must be fitted to be validated"):
        loaded.validate()
    with pytest.raises(DataError, match="of ObjectMerger must be one that it trained. Got <Forest"):
        ObjectMerger.of(forest)


def test_the_features_to_learn_from_can_be_chosen(worlds):
    pixels, labels, _, annotations = zip(*worlds)
    model = ObjectClassifier(features=["solidity", "area"], trees=5).fit(pixels, labels, annotations)
    assert set(model.feature_names_) == {"solidity", "area"}
    assert len(model.predict(pixels[0], labels[0]).label) == 40


def test_settings_are_kept_as_scikit_learn_keeps_them():
    from sklearn.base import clone

    model = ObjectClassifier(trees=7).set_params(depth=3)
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(SettingError, match="Did you mean 'depth'"):
        model.set_params(dept=3)


def test_clew_predict_takes_the_model(tmp_path, worlds, classifier):
    from clew.steps import predict

    pixels, labels, _, _ = worlds[0]
    classifier.forest_.save_model(tmp_path / "m")
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    tifffile.imwrite(tmp_path / "a_labels.tif", labels.astype(np.uint16))
    predict(tmp_path / "m", [tmp_path / "a.tif"], out=tmp_path / "p.csv", masks=[tmp_path / "a_labels.tif"])
    assert (
        pd.read_csv(tmp_path / "p.csv")["label"].tolist() == classifier.predict(pixels, labels).label.tolist()
    )


def test_numbers_of_objects_may_be_as_large_as_they_like(classifier):
    pixels, labels, _, _ = world(8)
    far = np.where(labels, labels + 2_000_000_000, 0)
    np.testing.assert_array_equal(
        classifier.predict(pixels, far).class_image, classifier.predict(pixels, labels).class_image
    )


@pytest.mark.parametrize("number", [-3, 2**31])
def test_numbers_that_a_label_image_cannot_hold_are_refused(classifier, number):
    pixels, labels, _, _ = world(8)
    with pytest.raises(DataError, match=f"must hold numbers from 0 to 2147483647. Got {number}"):
        classifier.predict(pixels, np.where(labels == 1, number, labels.astype(np.int64)))


def test_a_class_with_one_object_trains_and_is_said_and_is_not_validated():
    pixels, labels, _, annotation = world(1)
    annotation = np.where((annotation == 1) & (labels != labels[annotation == 1][0]), 0, annotation)
    model = ObjectClassifier(trees=5).fit([pixels], [labels], [annotation])
    assert "One example only, too few to validate by: 1." in model.forest_.notes
    with pytest.raises(DataError, match="must have at least 2 rows. Got 1 of '1'"):
        model.validate()


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        (lambda p, m, a: (p, m, a * 0), DataError, "must have labels. Got none"),
        (lambda p, m, a: (p, m, np.minimum(a, 1)), DataError, "at least 2 classes. Got only '1'"),
        (lambda p, m, a: (p, m, a[:9]), DataError, r"shape of the label image, \(400, 400\). Got \(9, 400\)"),
        (lambda p, m, a: (p, m * 0, a), DataError, "objects in 'image_1' must be at least 1. Got 0"),
        (lambda p, m, a: (p[:9], m, a), DataError, r"label image of 'image_1' must be whole numbers of shape"),
        (lambda p, m, a: (np.where(p, np.nan, 1.0), m, a), DataError, "must be finite. Got 160000 that are"),
        (lambda p, m, a: (p.astype(str), m, a), DataError, r"must be numbers of shape \(Y, X\) or \(C, Y, X\)"),
    ],
)  # fmt: skip
def test_what_nobody_can_learn_from_is_refused(change, error, sentence):
    pixels, labels, _, annotation = world(1)
    pixels, labels, annotation = change(np.maximum(pixels, 1), labels, annotation)
    with pytest.raises(error, match=sentence):
        ObjectClassifier(trees=5).fit([pixels], [labels], [annotation])


def test_other_misfits_are_refused(worlds, classifier):
    pixels, labels, _, annotation = worlds[0]
    with pytest.raises(SettingError, match="must be fitted before it is used"):
        ObjectClassifier().predict(pixels, labels)
    with pytest.raises(SettingError, match="must be 2 different names, as many as there are classes"):
        ObjectClassifier(class_names=["one"]).fit([pixels], [labels], [annotation])
    with pytest.raises(DataError, match="one of each for every image. Got 2, 1 and 1"):
        ObjectClassifier().fit([pixels, pixels], [labels], [annotation])
    with pytest.raises(DataError, match="channels gray, given c1, c2"):
        classifier.predict(np.stack([pixels, pixels]), labels)
    with pytest.raises(DataError, match="intensities of uint8 images, given uint16"):
        classifier.predict(pixels.astype(np.uint16), labels)


# ---- real images ----
def test_the_annotated_blobs_are_12_of_64_and_teach_three_classes():
    image = read_image(shared("images/blobs/blobs.tif"))
    labels = label(image.pixels[0] > 120, connectivity=2)
    annotation = tifffile.imread(shared("images/blobs/blobs_object_annotation_3class.tif"))
    painted = labels_from_annotation(labels, annotation)
    assert len(painted.object) == 64 and painted.summary()["painted"] == {"1": 4, "2": 4, "3": 4}
    model = ObjectClassifier().fit([image], [labels], [annotation])
    assert model.score([image], [labels], [annotation]) == 1  # on what it has seen, as in the notebook
    honest = model.validate()
    assert honest.split["by"] == "space" and honest.scores.metrics["accuracy"].value < 1
    said = model.predict(image, labels)
    assert len(said.object) == 63 and any("degenerate" in note for note in said.notes)
