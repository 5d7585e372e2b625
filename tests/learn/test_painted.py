"""The classes that strokes give to objects are those that scipy finds; what was painted in vain is said."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from clew.errors import DataError
from clew.learn.painted import labels_from_annotation
from clew.read.annotations import Annotation
from clew.simulate import blobs


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
