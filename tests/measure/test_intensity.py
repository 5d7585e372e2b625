"""The scale of intensities: what becomes 0 and 1, on any dtype, of images of any size."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from skimage.filters import threshold_otsu

from clew.errors import SettingError
from clew.measure.intensity import MOST, PERCENTILES, UNIMODAL, Scale, intensity_scale, otsu
from tests.conftest import shared

METHODS = ["otsu", "percentiles", "min-max", "none"]


def scale_of(*channels, **settings):
    """The scale of an image of one plane with these channels."""
    image = np.stack([np.atleast_2d(one) for one in channels])[:, None]
    return intensity_scale(lambda t, z, y, x: image[:, z, y, x], (1, *image.shape), **settings)


def two_classes(dtype=np.float64, low=100, high=200, n=4000, seed=0):
    rng = np.random.default_rng(seed)
    return np.where(rng.random((n // 50, 50)) < 0.2, high, low).astype(dtype) + rng.integers(
        0, 9, (n // 50, 50)
    ).astype(dtype)


def photographs():
    import skimage.io

    return [
        skimage.io.imread(shared("images/blobs/blobs.tif")),
        skimage.io.imread(shared("images/captioned/camera.png")),
        skimage.io.imread(shared("images/bbbc007/sparse").glob("*.tif").__next__()),
    ]


# ---- Otsu ----
def test_the_threshold_equals_scikit_images():
    """Which takes the centre of a bin of floats; the largest value below lies in the same bin, or further down if it is empty."""
    rng = np.random.default_rng(1)
    images = [*photographs(), rng.normal(size=5000), rng.exponential(size=5000), -rng.random(5000)]
    for image in images:
        values = image.ravel().astype(float)
        assert otsu(values)[0] == pytest.approx(threshold_otsu(values, 256), abs=np.ptp(values) / 256)


def test_the_classes_of_8_bit_images_are_those_of_scikit_image():
    """Which counts whole numbers one by one."""
    rng = np.random.default_rng(1)
    sparse = np.where(rng.random((100, 100)) < 0.03, 200, 100) + rng.integers(0, 9, (100, 100))
    for image in [photographs()[0], photographs()[1], two_classes(np.uint8), sparse.astype(np.uint8)]:
        ours = image > otsu(image.ravel())[0]
        np.testing.assert_array_equal(ours, image > threshold_otsu(image))
    assert scale_of(sparse.astype(np.uint8)).width[0] == 100
    centre = threshold_otsu(sparse.astype(float), 256)  # the mutant: parts one gray level from the others
    assert np.median(sparse[sparse > centre]) < 150


def slow_share(values, threshold):
    """The variance between two classes as a share of all, without a histogram."""
    values = values.astype(float)
    upper = values > threshold
    means = np.where(upper, values[upper].mean(), values[~upper].mean())
    return means.var() / values.var()


def test_the_share_of_the_variance_is_that_of_the_two_classes():
    rng = np.random.default_rng(2)
    for values in [
        rng.normal(size=20000),
        rng.random(20000),
        two_classes().ravel(),
        photographs()[0].ravel(),
    ]:
        threshold, share = otsu(values)
        assert share == pytest.approx(slow_share(values, threshold), abs=0.005)
        assert 0 < share <= 1
        others = [slow_share(values, place) for place in np.quantile(values, [0.3, 0.6, 0.7])]
        assert max(others) < share + 0.005  # no other threshold parts them better
    assert otsu(np.array([3, 5]))[1] == pytest.approx(1)


def test_the_share_of_known_distributions():
    """Closed form: 2 / pi of a normal distribution cut at its mean, 3 / 4 of a uniform one."""
    rng = np.random.default_rng(3)
    assert otsu(rng.normal(size=400_000))[1] == pytest.approx(2 / np.pi, abs=0.003)
    assert otsu(rng.random(400_000))[1] == pytest.approx(3 / 4, abs=0.003)


@pytest.mark.parametrize(
    "values", [[1e9, 1e9 + 1], [1, np.nextafter(np.float32(1), 2)], [-5, -5 + 1e-12], [0, 1e30]], ids=str
)
def test_two_values_are_parted_however_near_or_far(values):
    both = np.repeat(np.array(values, np.float64), 10)
    threshold, share = otsu(both)
    assert ((both > threshold) == (both == both.max())).all()
    assert share == pytest.approx(1)


# ---- what becomes 0 and 1 ----
DTYPES = [np.uint8, np.uint16, np.int16, np.int32, np.uint32, np.float32, np.float64]


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_medians_of_dark_and_bright_become_0_and_1(dtype):
    image = two_classes(dtype)
    scale = scale_of(image)
    done = scale.apply(image[None])[0]
    bright = image > 150
    assert done.dtype == np.float32
    assert np.median(done[bright]) == pytest.approx(1, abs=1e-6)
    assert np.median(done[~bright]) == pytest.approx(0, abs=1e-6)
    assert scale.notes == []


@pytest.mark.parametrize("dtype", DTYPES)
def test_percentiles_and_ends_are_numpys(dtype):
    image = two_classes(dtype)
    low, high = np.percentile(image, PERCENTILES)
    scale = scale_of(image, normalise="percentiles")
    np.testing.assert_allclose([scale.offset[0], scale.width[0]], [low, high - low], rtol=1e-6)
    done = scale_of(image, normalise="min-max").apply(image[None])
    assert (done.min(), done.max()) == (0, 1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_none_changes_no_number(dtype):
    image = two_classes(dtype)
    np.testing.assert_array_equal(
        scale_of(image, normalise="none").apply(image[None])[0], image.astype(np.float32)
    )


@pytest.mark.parametrize("method", METHODS[:3])
def test_brighter_and_harder_images_come_to_the_same_scale(method):
    image = two_classes(np.float64)
    wanted = scale_of(image, normalise=method).apply(image[None])
    for factor, more in [(2, 0), (1, -5000), (0.01, 3), (300, 17)]:
        other = image * factor + more
        np.testing.assert_allclose(scale_of(other, normalise=method).apply(other[None]), wanted, atol=2e-5)


@pytest.mark.parametrize("dtype", [np.uint32, np.int32, np.float64])
@pytest.mark.parametrize("method", METHODS[:3])
def test_large_numbers_keep_their_small_differences(dtype, method):
    """Float32 counts in steps of 64 at 1e9, so that neither pixels nor their scale may be of that type."""
    small = two_classes(np.float64)
    large = (small + 1_000_000_000).astype(dtype)
    scale = scale_of(large, normalise=method)
    np.testing.assert_allclose(
        scale.apply(large[None]), scale_of(small, normalise=method).apply(small[None]), atol=1e-6
    )
    hasty = (large.astype(np.float32) - np.float32(scale.offset[0])) / np.float32(scale.width[0])
    assert np.abs(hasty - scale.apply(large[None])[0]).max() > 0.05  # the mutant


def test_each_channel_has_its_own_scale():
    a, b = two_classes(), two_classes(low=5, high=1000, seed=4)
    both = scale_of(a, b)
    for i, one in enumerate((a, b)):
        np.testing.assert_array_equal(both.offset[i], scale_of(one).offset[0])
        np.testing.assert_array_equal(both.apply(np.stack([a, b]))[i], scale_of(one).apply(one[None])[0])


def test_a_piece_is_scaled_as_the_whole():
    for dtype in DTYPES:
        image = two_classes(dtype)[None]
        scale = scale_of(image[0])
        whole = scale.apply(image)
        for y, x in itertools.product((0, 3, 41), (0, 7, 19)):
            piece = image[:, y : y + 13, x : x + 29]
            np.testing.assert_array_equal(scale.apply(piece), whole[:, y : y + 13, x : x + 29])
            np.testing.assert_array_equal(
                scale.apply(np.asfortranarray(piece)), whole[:, y : y + 13, x : x + 29]
            )


def test_what_comes_in_is_not_changed():
    image = two_classes(np.float32)[None]
    before = image.copy()
    for method in METHODS:
        scale_of(image[0], normalise=method).apply(image)
    np.testing.assert_array_equal(image, before)


# ---- what to mind ----
@pytest.mark.parametrize("method", METHODS[:3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_an_image_of_one_value_becomes_0_and_that_is_said(method, dtype):
    image = np.full((20, 20), 7, dtype)
    scale = scale_of(image, normalise=method, name="dark.tif")
    assert (scale.apply(image[None]) == 0).all()
    assert scale.notes == ["dark.tif: all pixels are 7; only that is subtracted."]


def test_a_channel_of_one_value_is_named_and_leaves_the_others_alone():
    scale = scale_of(two_classes(), np.zeros((80, 50)), name="cells", channel_names=("DAPI", "GFP"))
    assert scale.notes == ["cells (GFP): all pixels are 0; only that is subtracted."]
    np.testing.assert_array_equal(scale.offset[0], scale_of(two_classes()).offset[0])


def test_percentiles_of_an_image_that_is_nearly_all_one_value_fall_back_and_say_so():
    image = np.zeros((100, 100))
    image[0, 0] = 8
    scale = scale_of(image, normalise="percentiles")
    assert (scale.offset[0], scale.width[0]) == (0, 8)
    assert "nearly all pixels are 0" in scale.notes[0]


def test_noise_has_no_two_brightnesses_and_that_is_said():
    rng = np.random.default_rng(6)
    noises = [
        rng.normal(size=(256, 256)),
        rng.normal(100, 10, (256, 256)).astype(np.uint8),
        rng.poisson(30, (256, 256)),
        rng.exponential(size=(256, 256)),
    ]
    for noise in noises:
        [note] = scale_of(noise, name="noise").notes
        assert note.startswith("noise: has no two brightnesses (Otsu's classes hold 6")
    for method in METHODS[1:]:
        assert scale_of(noises[0], normalise=method).notes == []


def test_images_of_things_on_a_background_are_not_called_noise():
    for image in [two_classes(), *photographs()]:
        assert scale_of(image).notes == []


def test_few_images_of_nuclei_are_called_noise():
    import pandas as pd
    import skimage.io

    index = pd.read_csv(shared("images/nuclei_dsb2018/index.csv"))
    shares = [
        otsu(skimage.io.imread(shared(f"images/nuclei_dsb2018/{name}_image.png"))[..., :3].mean(-1).ravel())[
            1
        ]
        for name in index["id"]
    ]
    assert sum(share < UNIMODAL for share in shares) <= 1  # of 54


def test_a_misspelt_way_is_refused():
    with pytest.raises(SettingError, match="Did you mean 'otsu'"):
        scale_of(two_classes(), normalise="otsus")


# ---- images of any size ----
class Lazy:
    """An image that is never there as a whole; it notes what is read."""

    def __init__(self, shape, dtype=np.uint8):
        self.shape, self.dtype, self.asked = shape, dtype, []

    def read(self, t, z, y, x):
        self.asked.append((t, z.start, z.stop, y.start, y.stop, x.start, x.stop))
        grid = np.ogrid[z, y, x]
        bright = ((grid[1] // 64 + grid[2] // 64 + grid[0]) % 2) * 100
        return np.broadcast_to(bright + 20, (self.shape[1], *bright.shape)).astype(self.dtype)

    @property
    def pixels(self):
        """How many pixels of a channel were read, each as often as it was."""
        return sum((z - a) * (y - b) * (x - c) for _, a, z, b, y, c, x in self.asked)


LARGE = [
    (1, 1, 1, 16384, 16384),
    (1, 3, 1, 2049, 2048),
    (1, 1, 500, 2048, 2048),
    (400, 2, 1, 512, 512),
    (7, 1, 9, 3000, 200),
    (1, 1, 1, 10, 9_000_000),
    (1, 1, 100_000, 8, 8),
]


@pytest.mark.parametrize("shape", LARGE, ids=str)
@pytest.mark.parametrize("method", METHODS)
def test_of_large_images_the_same_few_windows_are_looked_at(shape, method):
    images = [Lazy(shape) for _ in range(2)]
    scales = [intensity_scale(one.read, shape, normalise=method) for one in images]
    assert images[0].pixels <= (0 if method == "none" else MOST)
    assert images[0].asked == images[1].asked
    assert (scales[0].offset == scales[1].offset).all()
    for t, z0, z1, y0, y1, x0, x1 in images[0].asked:
        assert (
            0 <= t < shape[0]
            and 0 <= z0 < z1 <= shape[2]
            and 0 <= y0 < y1 <= shape[3]
            and 0 <= x0 < x1 <= shape[4]
        )
    if method in ("otsu", "min-max"):
        assert (scales[0].offset == 20).all() and (scales[0].width == 100).all()


@pytest.mark.parametrize("shape", LARGE[:4], ids=str)
def test_the_windows_reach_every_end_of_a_large_image(shape):
    image = Lazy(shape)
    intensity_scale(image.read, shape)
    asked = np.array(image.asked)
    assert asked[:, 0].min() == 0 and asked[:, 0].max() == shape[0] - 1
    for axis, n in zip((1, 3, 5), shape[2:], strict=True):
        assert asked[:, axis].min() == 0 and asked[:, axis + 1].max() == n


def test_an_image_that_is_not_large_is_looked_at_whole():
    image = Lazy((2, 1, 4, 256, 2048))
    intensity_scale(image.read, image.shape)
    assert image.pixels == MOST


def test_a_scale_by_hand():
    scale = Scale(np.array([10.0, 0.0]), np.array([2.0, 1.0]), [])
    np.testing.assert_array_equal(scale.apply(np.array([[10, 14], [3, 4]], np.uint8)), [[0, 2], [3, 4]])
