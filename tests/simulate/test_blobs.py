import numpy as np
import pytest
from scipy.ndimage import label

from clew.errors import SettingError
from clew.simulate import blobs, strokes


@pytest.fixture(scope="module")
def made():
    return blobs(n_round=20, n_elongated=15, size=320)


def test_the_truth_fits_the_picture(made):
    assert made.pixels.shape == made.label_image.shape == (320, 320)
    assert made.pixels.dtype == np.uint8
    assert sorted(np.unique(made.label_image)) == list(range(36))
    assert (made.kind == "round").sum() == 20
    inside = made.label_image > 0
    assert made.pixels[inside].mean() > 5 * made.pixels[~inside].mean()


def test_blobs_do_not_touch_even_when_cut_at_half_their_brightness(made):
    assert label(made.pixels > 85, np.ones((3, 3)))[1] == 35


def test_each_blob_has_the_area_and_the_shape_that_it_is_said_to_have(made):
    for i in range(35):
        rows, columns = np.nonzero(made.label_image == i + 1)
        assert len(rows) == pytest.approx(np.pi * made.radius[i] ** 2, rel=0.04)
        low, high = np.linalg.eigvalsh(np.cov(rows, columns))
        assert np.sqrt(high / low) == pytest.approx(made.aspect_ratio[i], rel=0.06)


def test_size_tells_nothing_of_the_kind_but_shape_does():
    many = blobs(random_state=3)
    kinds = many.kind == "round"
    spread = many.radius.std()
    assert abs(many.radius[kinds].mean() - many.radius[~kinds].mean()) < 0.5 * spread
    assert many.aspect_ratio[kinds].max() < np.median(many.aspect_ratio[~kinds])


def test_the_same_seed_gives_the_same_picture_and_another_another(made):
    again = blobs(n_round=20, n_elongated=15, size=320)
    assert again.digest() == made.digest()
    assert blobs(n_round=20, n_elongated=15, size=320, random_state=1).digest() != made.digest()


def test_too_many_blobs_for_the_picture_are_refused():
    with pytest.raises(SettingError, match="must fit into 64 x 64 px"):
        blobs(n_round=40, n_elongated=0, size=64)


def test_strokes_stay_on_what_they_are_painted_on(made):
    painted = strokes(made)
    assert set(np.unique(painted)) == {0, 1, 2}
    assert ((painted == 2) <= (made.label_image > 0)).all()
    assert ((painted == 1) <= (made.label_image == 0)).all()
    assert 0.001 < (painted > 0).mean() < 0.02  # sparse: that is the point of painting
    np.testing.assert_array_equal(painted, strokes(made))
    assert (painted != strokes(made, random_state=1)).any()
