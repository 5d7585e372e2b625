import numpy as np
import pytest
from scipy.optimize import nnls
from sklearn.svm import SVC

from clew.errors import DataError, SettingError
from clew.neural.separable import learn_perceptron, separating_plane
from tests.conftest import shared

XOR = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
UNLIKE = np.array(["same", "unlike", "unlike", "same"])


def clouds(n: int, n_features: int, shift: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    return rng.normal(size=(n, n_features)) + shift * y[:, None], y


def hulls_meet(X: np.ndarray, y: np.ndarray) -> bool:
    """Whether a point lies among the rows of both classes, by non-negative least squares: the dual question."""
    high = y == np.unique(y)[1]
    equal = np.where(high, 1.0, -1.0) * np.column_stack([X, np.ones(len(X))]).T
    return nnls(np.vstack([equal, np.ones(len(X))]), [*np.zeros(len(equal)), 1.0])[1] < 1e-9


@pytest.mark.parametrize("seed", range(12))
def test_a_plane_separates_just_where_the_classes_hulls_do_not_meet(seed):
    X, y = clouds(24, 2, shift=[0.5, 2.0, 3.0, 5.0][seed % 4], seed=seed)
    assert separating_plane(X, y).separable == (not hulls_meet(X, y))


def test_both_answers_occurred():
    answers = {separating_plane(*clouds(24, 2, shift=shift, seed=0)).separable for shift in (0.5, 5.0)}
    assert answers == {True, False}


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e9])
def test_the_plane_that_is_found_separates_and_its_margin_is_at_most_the_largest(scale):
    X, y = clouds(60, 3, shift=4.0, seed=1)
    plane = separating_plane(X * scale, y)
    sign = np.where(y == 1, 1, -1)
    distances = sign * (X * scale @ plane.weights + plane.bias) / np.linalg.norm(plane.weights)
    assert plane.separable
    assert distances.min() == pytest.approx(plane.margin)
    svm = SVC(kernel="linear", C=1e10).fit(X, y)  # the plane with the largest margin
    assert 0 < plane.margin <= scale / np.linalg.norm(svm.coef_) * 1.001


def test_touching_and_repeated_rows_are_not_separable():
    assert not separating_plane([[0.0], [1.0], [1.0], [2.0]], [0, 0, 1, 1]).separable
    assert separating_plane([[0.0], [1.0], [1.001], [2.0]], [0, 0, 1, 1]).separable
    assert not separating_plane(np.ones((4, 2)), [0, 0, 1, 1]).separable


def test_more_features_than_rows_are_always_separable():
    X, y = np.random.default_rng(0).normal(size=(10, 12)), np.arange(10) % 2
    assert separating_plane(X, y).separable


def test_on_xor_the_sentence_says_that_it_cannot():
    lesson = learn_perceptron(XOR, UNLIKE)
    assert (lesson.converged, lesson.separable) == (False, False)
    assert lesson.headline().startswith("The perceptron rule made mistakes in each of 100 passes")
    assert "does not converge on these rows, and cannot, since no straight line" in lesson.sentence
    assert lesson.classes.tolist() == ["same", "unlike"]


def test_too_few_passes_are_not_a_proof():
    X, y = clouds(200, 2, shift=4.2, seed=0)
    X = X[(np.abs(X @ [1, 1] - 4.2) > 0.2)]
    y = (X @ [1, 1] > 4.2).astype(int)
    early = learn_perceptron(X, y, max_epochs=1)
    assert (early.converged, early.separable) == (False, True)
    assert "has not converged yet" in early.sentence
    assert "more passes will find one" in early.sentence
    late = learn_perceptron(X, y, max_epochs=10_000)
    assert (late.converged, late.separable) == (True, True)
    assert late.mistakes.sum() <= late.bound
    assert "converged after" in late.sentence


def test_the_weights_classify_and_the_lesson_can_be_saved(tmp_path):
    X, y = clouds(50, 2, shift=8.0, seed=3)
    lesson = learn_perceptron(X, y)
    np.testing.assert_array_equal(lesson.classes[(X @ lesson.weights + lesson.bias > 0).astype(int)], y)
    np.testing.assert_array_equal(lesson.path[-1], [*lesson.weights, lesson.bias])
    assert lesson.summary()["mistakes"] == lesson.mistakes.sum() == len(lesson.path) - 1
    assert type(lesson).load(lesson.save(tmp_path / "lesson.zip")).digest() == lesson.digest()


def test_setosa_is_told_from_the_rest_and_versicolor_is_not():
    """Known of Fisher's irises."""
    table = np.loadtxt(shared("tables/iris.csv"), delimiter=",", skiprows=1)
    X, species = table[:, :4], table[:, 4]
    assert learn_perceptron(X, species == 0).converged
    lesson = learn_perceptron(X, species == 1, max_epochs=20)
    assert (lesson.converged, lesson.separable) == (False, False)


@pytest.mark.parametrize(
    ("X", "y", "sentence"),
    [
        (XOR, [0, 0, 0, 0], r"'y' of learn_perceptron must hold 2 classes\. Got 1 instead"),
        (XOR, [0, 1, 2, 0], r"must hold 2 classes\. Got 3"),
        (XOR, [0, 1], r"one class per row \(4 rows\)\. Got shape \(2,\)"),
        (
            XOR * np.nan,
            UNLIKE,
            r"'X' of learn_perceptron must be a table of finite numbers\. Got .* 8 values",
        ),
        (np.zeros((0, 2)), [], r"table of finite numbers\. Got shape \(0, 2\)"),
        (np.zeros((2, 2, 2)), [0, 1], "table of finite numbers"),
    ],
)
def test_bad_rows_are_refused_in_a_sentence(X, y, sentence):
    with pytest.raises(DataError, match=sentence):
        learn_perceptron(X, y)


def test_bad_settings_are_refused_in_a_sentence():
    with pytest.raises(SettingError, match=r"'max_epochs' of learn_perceptron must be at least 1\. Got 0"):
        learn_perceptron(XOR, UNLIKE, max_epochs=0)
    with pytest.raises(SettingError, match="'random_state' of learn_perceptron"):
        learn_perceptron(XOR, UNLIKE, random_state=-1)
