import shutil

import numpy as np
import pytest

from clew.bench import rivals
from clew.bench.pixels import our_table, strokes, textures
from clew.bench.rivals import SIGMAS, OpenCV, Scipy, filter_table, opencv_table, shape_of_table, within
from clew.measure.pixels import PixelFeatures


@pytest.fixture(scope="module")
def pixels():
    return textures(160)[0]


@pytest.fixture(scope="module")
def truth(pixels):
    """The features by scipy.ndimage in float64."""
    return filter_table(pixels.astype(float), Scipy(), np.empty(shape_of_table(pixels.shape)))


def table(pixels):
    return np.empty(shape_of_table(pixels.shape), np.float32)


def test_all_sides_make_the_same_features_borders_included(pixels, truth):
    pytest.importorskip("cv2")
    image = pixels.astype(np.float32)
    assert within(our_table(pixels, table(pixels)), truth) < 1e-4
    assert within(opencv_table(image, table(pixels)), truth) < 1e-3
    assert within(filter_table(image, Scipy(), table(pixels)), truth) < 1e-3
    assert len(truth) == 33 == len(PixelFeatures(sigmas=SIGMAS).names)


def test_other_taps_and_other_borders_would_show(pixels, truth):  # the mutants
    cv2 = pytest.importorskip("cv2")
    image = pixels.astype(np.float32)

    class Shorter(OpenCV):
        def gaussian(self, image, sigma, out):
            size = 2 * int(3 * sigma + 0.5) + 1
            cv2.GaussianBlur(image, (size, size), sigma, dst=out, **self.mirrored)

    class Repeated(OpenCV):
        def __init__(self):
            super().__init__()
            self.mirrored = {"borderType": cv2.BORDER_REFLECT_101}

    for mutant in (Shorter(), Repeated()):
        assert within(filter_table(image, mutant, table(pixels)), truth) > 5e-3


def test_threads_change_no_feature_and_opencv_gets_its_own_back(pixels):
    cv2 = pytest.importorskip("cv2")
    image, before = pixels.astype(np.float32), cv2.getNumThreads()
    one, two = (filter_table(image, OpenCV(), table(pixels), threads=n) for n in (1, 2))
    assert within(two, one) < 1e-6  # its last bits depend on where memory begins
    with rivals.one_opencv_thread():
        assert cv2.getNumThreads() == 1
    assert cv2.getNumThreads() == before


def test_scikit_image_makes_16_features_of_its_own(pixels):
    pytest.importorskip("skimage")
    assert rivals.skimage_features(pixels).shape == (*pixels.shape, 16)


def test_rows_are_pixels_in_order(pixels, truth):
    rows = rivals.as_rows(truth)
    assert rows.shape == (pixels.size, 33)
    assert rows.flags.c_contiguous
    np.testing.assert_array_equal(rows[:, 0], pixels.ravel())
    np.testing.assert_array_equal(rows[161], truth[:, 1, 1])


def test_tl2cgen_answers_as_scikit_learn(pixels, truth):
    pytest.importorskip("tl2cgen")
    pytest.importorskip("treelite")
    if not shutil.which("gcc"):
        pytest.skip("needs gcc")
    rows, painted = rivals.as_rows(truth.astype(np.float32)), strokes(textures(160)[1]).ravel()
    forest = rivals.forest_of(rows[painted > 0], painted[painted > 0].astype(np.uint8))
    found = rivals.compiled_by_tl2cgen(forest)(rows)
    np.testing.assert_array_equal(found, forest.predict(rows))
    assert len(np.unique(found)) == 3


def test_the_largest_difference_is_a_share_of_each_features_range():
    truth = np.stack([np.array([[0.0, 1.0]]), np.array([[0.0, 100.0]])])
    found = truth + np.array([0.25, 50.0])[:, None, None]
    assert within(found, truth) == 0.5
    assert within(truth, truth) == 0
