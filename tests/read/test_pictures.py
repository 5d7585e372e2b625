import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from clew.read.pictures import label_image_bytes, picture, picture_bytes


def test_a_picture_spans_black_to_white_whatever_the_depth():
    ramp = np.linspace(0, 60_000, 100 * 80).reshape(1, 100, 80)
    for pixels in (ramp.astype(np.uint16), ramp, ramp / 1e6):
        grey = picture(pixels)
        assert grey.dtype == np.uint8
        assert (grey.min(), grey.max()) == (0, 255)
        assert (np.diff(grey.astype(int).ravel()) >= 0).all()


def test_a_large_image_becomes_small_and_a_flat_one_does_not_fail():
    assert max(picture(np.zeros((2, 3000, 10))).shape) <= 1024
    assert picture(np.full((1, 5, 5), 7)).max() == 0


def test_the_png_holds_the_picture():
    pixels = np.random.default_rng(0).integers(0, 4000, (3, 30, 40))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(picture_bytes(pixels)))), picture(pixels))


@pytest.mark.parametrize(("most", "dtype"), [(65_535, np.uint16), (65_536, np.uint32)])
def test_label_images_come_back_as_they_went(most, dtype):
    labels = np.array([[0, 1], [2, most]], np.int32)
    back = tifffile.imread(io.BytesIO(label_image_bytes(labels)))
    np.testing.assert_array_equal(back, labels)
    assert back.dtype == dtype
