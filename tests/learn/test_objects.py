"""Painted objects teach classes and merging, the same bits each time; what was painted in vain is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy import ndimage
from skimage.measure import label

from clew.errors import DataError, SettingError
from clew.learn.forest import Forest, Prediction
from clew.learn.objects import MERGE, ObjectClassifier, ObjectMerger, labels_from_annotation
from clew.read.annotations import Annotation
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


# ---- what was painted ----
def test_the_class_of_an_object_is_the_maximum_painted_on_it_as_scipy_finds_it():
    labels = blobs(size=400, n_round=30, n_elongated=10).label_image * 3  # numbers need not follow each other
    annotation = (np.random.default_rng(0).random(labels.shape) > 0.995) * np.random.default_rng(1).integers(
        1, 4, labels.shape
    )
    found = labels_from_annotation(labels, annotation)
    numbers = np.unique(labels)[1:]
    np.testing.assert_array_equal(found.object, numbers)
    np.testing.assert_array_equal(found.class_number, ndimage.maximum(annotation, labels, numbers))


def test_two_classes_on_one_object_and_strokes_beside_all_objects_are_said():
    labels = np.zeros((20, 40), np.int32)
    labels[2:8, 2:8], labels[2:8, 20:28] = 4, 9
    annotation = np.zeros((20, 40), np.float64)  # whole numbers of whatever dtype
    annotation[3, 3:5], annotation[5, 3:5], annotation[4, 22], annotation[15, 5:30] = 1, 2, 1, 2
    found = labels_from_annotation(labels, annotation, class_names=["bad", "good"])
    assert found.class_number.tolist() == [2, 1] and found.label.tolist() == ["good", "bad"]
    assert found.notes == [
        "1 object carries several classes, of which the highest counts: 4.",
        "1 stroke touches no object.",
    ]
    assert found.summary()["painted"] == {"bad": 1, "good": 1}


def test_objects_in_space_are_labelled_as_well():
    labels = np.zeros((4, 9, 9), np.int32)
    labels[1:3, 1:4, 1:4], labels[1:3, 6:8, 6:8] = 1, 2
    annotation = np.zeros_like(labels)
    annotation[2, 7, 7] = 3
    assert labels_from_annotation(labels, annotation).class_number.tolist() == [0, 3]


def test_an_annotation_that_was_read_brings_its_names():
    labels = np.zeros((9, 9), np.int32)
    labels[1:4, 1:4], labels[6:8, 6:8] = 1, 2
    painted = np.zeros((9, 9), np.uint8)
    painted[2, 2], painted[7, 7] = 2, 1
    read = Annotation.of(painted, class_names={1: "dust", 2: "cell"})
    assert labels_from_annotation(labels, read).label.tolist() == ["cell", "dust"]


@pytest.mark.parametrize(
    ("annotation", "sentence"),
    [
        (np.zeros((9, 9), int), "must be painted on at least one of the 1 object. Got an empty one"),
        (np.eye(9, dtype=int)[::-1], "Got strokes beside them"),
        (np.ones((9, 8), int), r"must have the shape of the label image, \(9, 9\). Got \(9, 8\)"),
        (np.full((9, 9), -1), "class numbers from 1 to 64, and 0 for nothing painted. Got -1"),
        (np.full((9, 9), 0.5), "Got 0.5"),
        (np.full((9, 9), np.nan), "Got nan"),
    ],
)
def test_annotations_that_do_not_fit_are_refused(annotation, sentence):
    labels = np.zeros((9, 9), int)
    labels[1:3, 1:3] = 1
    with pytest.raises(DataError, match=sentence):
        labels_from_annotation(labels, annotation)


# ---- classes ----
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


def test_numbers_of_objects_may_be_as_large_as_they_like(classifier, merger):
    pixels, labels, _, _ = world(8)
    far = np.where(labels, labels + 2_000_000_000, 0)
    np.testing.assert_array_equal(
        classifier.predict(pixels, far).class_image, classifier.predict(pixels, labels).class_image
    )
    pixels, pieces, _ = cut_discs(10)
    far = np.where(pieces, pieces + 2_000_000_000, 0)
    merged = merger.predict(pixels, pieces).labels
    expected = np.where(merged, merged + 2_000_000_000, 0)
    np.testing.assert_array_equal(merger.predict(pixels, far).labels, expected)


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


# ---- merging ----
def cut_discs(seed, n=12):
    """Return a picture, discs cut in two halves (some pairs of whole discs touch as well), and what is one disc."""
    random = np.random.default_rng(seed)
    truth, pieces = np.zeros((260, 260), np.int32), np.zeros((260, 260), np.int32)
    y, x = np.mgrid[:260, :260]
    for i in range(n):
        row, column = 35 + 60 * (i // 4), 35 + 60 * (i % 4)
        radius = random.uniform(10, 13)
        for at in (column - radius + 1, column + radius - 1) if i % 2 else (column,):
            disc = (np.hypot(y - row, x - at) < radius) & (truth == 0)
            truth[disc] = truth.max() + 1
            cut = random.uniform(0, np.pi)
            side = (y - row) * np.cos(cut) + (x - at) * np.sin(cut) > 0
            pieces[disc] = pieces.max() + 1 + side[disc] * (i % 3 > 0)
    light = ndimage.gaussian_filter((truth > 0) * 100.0, 1) + random.normal(0, 3, truth.shape) + 20
    return light.clip(0, 255).astype(np.uint8), pieces, truth


def strokes_of(pieces, truth):
    """Return short strokes across every border: 1 within a disc, 2 between discs."""
    annotation = np.zeros(pieces.shape, np.uint8)
    for here, there in (((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
                        ((slice(None), slice(None, -1)), (slice(None), slice(1, None)))):  # fmt: skip
        a, b = pieces[here], pieces[there]
        border = (a != b) & (a > 0) & (b > 0)
        word = np.where(truth[here] == truth[there], 1, 2) * border
        annotation[here] = np.maximum(annotation[here], word)
        annotation[there] = np.maximum(annotation[there], word)
    return annotation


def recovered(truth, labels):
    """Return the share of discs that are one object each, and nothing else."""
    pairs = np.unique(np.column_stack([truth[truth > 0], labels[truth > 0]]), axis=0)
    whole = [np.sum(pairs[:, side] == pairs[:, side, None], axis=1) == 1 for side in (0, 1)]
    return (whole[0] & whole[1]).sum() / truth.max()


@pytest.fixture(scope="module")
def merger():
    made = [cut_discs(seed) for seed in range(5)]
    paint = [strokes_of(pieces, truth) for _, pieces, truth in made]
    return ObjectMerger(trees=50).fit([one[0] for one in made], [one[1] for one in made], paint)


def test_halves_become_discs_again_and_touching_discs_stay_two(merger):
    made = [cut_discs(seed) for seed in range(10, 16)]
    merged = [merger.predict(pixels, pieces).labels for pixels, pieces, _ in made]
    before = np.mean([recovered(truth, pieces) for _, pieces, truth in made])
    after = np.mean([recovered(truth, labels) for (_, _, truth), labels in zip(made, merged)])
    assert before < 0.5 and after > 0.9
    for labels, (_, pieces, _) in zip(merged, made):  # a merged object has the smallest number of its pieces
        assert all(number == pieces[labels == number].min() for number in np.unique(labels))


def test_probabilities_and_pairs_fit_what_was_merged(merger):
    pixels, pieces, _ = cut_discs(12)
    found = merger.predict(pixels, pieces)
    np.testing.assert_array_equal(found.merged, found.probability > 0.5)  # at a tie, apart
    a, b = found.pair[found.merged].T
    number = {int(one): int(found.labels[pieces == one][0]) for one in np.unique(pieces)}
    assert all(number[i] == number[j] for i, j in zip(a, b))
    assert found.summary()["objects"] == len(set(number.values()) - {0})


def test_merging_is_honestly_validated_and_saved(merger, tmp_path):
    found = merger.validate(folds=3)
    assert found.split["by"] == "group" and found.scores.metrics["balanced_accuracy"].value > 0.8
    merger.forest_.save_model(tmp_path / "m")
    pixels, pieces, _ = cut_discs(13)
    loaded = ObjectMerger.of(Forest.load_model(tmp_path / "m"))
    assert loaded.predict(pixels, pieces).digest() == merger.predict(pixels, pieces).digest()
    assert loaded.classes_.tolist() == ["apart", MERGE]


def test_merging_painted_at_random_is_not_learnt():  # null data
    scores = []
    for seed in range(4):
        random, paint, made = np.random.default_rng(seed), [], [cut_discs(20 + seed), cut_discs(30 + seed)]
        for _, pieces, truth in made:
            strokes, n = label(strokes_of(pieces, truth) > 0, return_num=True, connectivity=2)
            paint.append(np.append(0, random.integers(1, 3, n))[strokes])
        model = ObjectMerger(trees=20).fit([one[0] for one in made], [one[1] for one in made], paint)
        scores.append(model.validate(folds=2).scores.metrics["balanced_accuracy"].value)
    assert 0.3 < np.mean(scores) < 0.7


def test_a_stroke_of_one_pixel_crosses_from_corner_to_corner():
    pieces, annotation = np.zeros((20, 40), np.int32), np.zeros((20, 40), np.uint8)
    pieces[2:18, 2:10], pieces[2:18, 10:18], pieces[2:18, 18:26] = 1, 2, 3
    for i in range(4):
        annotation[5 + i, 8 + i] = 1
        annotation[5 + i, 16 + i] = 2
    annotation[12, 30:35] = 1
    pixels = np.random.default_rng(0).integers(0, 9, (20, 40)).astype(np.uint8)
    model = ObjectMerger(trees=5).fit([pixels], [pieces], [annotation])
    assert dict(zip(model.samples_.sample, model.samples_.labels)) == {
        "image_1#1+2": "merge",
        "image_1#2+3": "apart",
    }
    assert "image_1: 1 stroke without a border to cross." in model.forest_.notes


def test_a_pair_crossed_by_both_strokes_is_taken_as_apart():
    pieces, annotation = np.zeros((20, 40), np.int32), np.zeros((20, 40), np.uint8)
    pieces[2:18, 2:10], pieces[2:18, 10:18], pieces[2:18, 18:26] = 1, 2, 3
    annotation[4, 8:12], annotation[10, 8:12], annotation[4, 16:20] = 1, 2, 1
    pixels = np.random.default_rng(0).integers(0, 9, (20, 40)).astype(np.uint8)
    model = ObjectMerger(trees=5).fit([pixels], [pieces], [annotation])
    assert dict(zip(model.samples_.sample, model.samples_.labels))["image_1#1+2"] == "apart"
    assert "image_1: 1 pair crossed by both kinds of stroke: taken as apart." in model.forest_.notes


def test_two_that_should_stay_apart_but_are_joined_by_a_third_are_said(monkeypatch, merger):
    pieces = np.zeros((20, 30), np.int32)
    pieces[2:10, 2:14], pieces[10:18, 2:14], pieces[2:18, 14:26] = 1, 2, 3
    words = np.array(["merge", "merge", "apart"])  # of 1+2, 1+3, 2+3
    said = Prediction(label=words, probability=np.eye(2)[[1, 1, 0]], value=None, classes=["apart", "merge"])
    monkeypatch.setattr(Forest, "predict", lambda self, samples: said)
    found = merger.predict(np.ones((20, 30), np.uint8), pieces)
    assert np.unique(found.labels).tolist() == [0, 1]
    assert "1 pair said to be apart became one through a third object." in found.notes


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda m, a: (m, a * 0), "must cross the border between two objects that touch. Got no such stroke"),
        (lambda m, a: (m, (a > 0) * 1), "at least 2 classes. Got only 'merge'"),
        (lambda m, a: (m, a * 2), "and 2 across those that should stay. Got 4"),
        (lambda m, a: (m, a[1:]), r"shape of the label image, \(260, 260\)"),
        (lambda m, a: ((m == 1) * 1, a), "must touch somewhere"),
    ],
)
def test_strokes_that_say_nothing_are_refused(change, sentence):
    pixels, pieces, truth = cut_discs(0)
    pieces, annotation = change(pieces, strokes_of(pieces, truth))
    with pytest.raises(DataError, match=sentence):
        ObjectMerger(trees=5).fit([pixels], [pieces], [annotation])


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
