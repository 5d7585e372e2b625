"""Pairs of touching objects are measured as one would with a ruler."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import ConvexHull

from clew.errors import DataError
from clew.measure.touching import borders, measure_touching
from tests.measure.test_objects import image_of


def two_rectangles():
    """Return 4 x 6 and 4 x 10 pixels side by side, and an object by itself."""
    labels = np.zeros((20, 30), np.int32)
    labels[5:9, 2:8], labels[5:9, 8:18], labels[15:17, 15:20] = 7, 3, 5
    return labels


def table(measured):
    return measured.samples.to_frame().drop(columns="group")


def random_objects(seed=0, size=60):
    """Return blobs of several numbers that touch at random, and a picture."""
    random = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(random.normal(size=(size, size)), 4)
    number = 1 + (ndimage.gaussian_filter(random.normal(size=(size, size)), 3) > 0)
    labels, _ = ndimage.label(field > 0)
    return (labels * 2 + number) * (labels > 0), random.integers(0, 255, (size, size)).astype(np.uint8)


# ---- closed forms ----
def test_two_rectangles_have_the_border_of_their_common_side():
    labels = two_rectangles()
    measured = measure_touching([image_of(np.zeros((20, 30), np.uint8))], [labels])
    assert measured.samples.sample.tolist() == ["a.tif#3+7"]
    row = table(measured).iloc[0]
    assert row["touch_length"] == 4 and row["centroid_distance"] == pytest.approx(8)
    assert row["touch_portion_smaller"] == pytest.approx(4 / 20)  # of the 4 x 6 one, whose border is shorter
    assert row["touch_portion_larger"] == pytest.approx(4 / 28)
    assert row["union_area"] == 64 and row["area_ratio"] == pytest.approx(24 / 40)
    assert row["union_solidity"] == pytest.approx(1)
    origin = measured.samples.origin.iloc[0]
    assert (origin["centroid_row"], origin["centroid_col"]) == (6.5, 7.5)


def test_a_bent_union_is_less_solid_by_the_corner_that_it_lacks():
    labels = np.zeros((20, 20), np.int32)
    labels[2:12, 2:6], labels[8:12, 6:16] = 1, 2  # an L; its hull adds a triangle of 6 x 10 / 2
    row = table(measure_touching([image_of(np.zeros((20, 20), np.uint8))], [labels])).iloc[0]
    assert row["union_solidity"] == pytest.approx(80 / (80 + 30))


def test_pixel_size_turns_lengths_and_areas_into_micrometres():
    pixels, labels = np.zeros((20, 30), np.uint8), two_rectangles()
    measured = measure_touching([image_of(pixels, pixel_size=(0.5, 0.5))], [labels])
    row = table(measured).iloc[0]
    assert (row["touch_length"], row["union_area"], row["centroid_distance"]) == (2, 16, 4)
    units = dict(zip(measured.samples.feature_names, measured.samples.units))
    assert (units["touch_length"], units["union_area"], units["touch_portion_larger"]) == ("µm", "µm²", "")
    assert row["touch_portion_larger"] == pytest.approx(4 / 28)


def test_a_dark_gap_at_the_border_is_a_negative_contrast():
    labels, pixels = two_rectangles(), np.full((20, 30), 100, np.uint8)
    pixels[5:9, 7:9] = 40
    row = table(measure_touching([image_of(pixels)], [labels])).iloc[0]
    inside = pixels[(labels == 3) | (labels == 7)].mean()
    assert row["border_intensity_mean"] == 40 and row["border_intensity_std"] == 0
    assert row["border_contrast"] == pytest.approx(40 - inside)
    assert row["intensity_difference"] == pytest.approx(
        abs(pixels[labels == 3].mean() - pixels[labels == 7].mean())
    )


# ---- a slow twin ----
def test_every_pair_is_measured_as_by_walking_from_pixel_to_pixel():
    labels, pixels = random_objects()
    measured = measure_touching([image_of(pixels)], [labels])
    sides: dict[tuple[int, int], list[float]] = {}
    border_of = dict.fromkeys(np.unique(labels).tolist(), 0)
    height, width = labels.shape
    for r in range(height):
        for c in range(width):
            for r2, c2 in ((r + 1, c), (r, c + 1)):
                if r2 < height and c2 < width and labels[r, c] != labels[r2, c2]:
                    a, b = sorted((int(labels[r, c]), int(labels[r2, c2])))
                    border_of[a], border_of[b] = border_of[a] + 1, border_of[b] + 1
                    if a:
                        sides.setdefault((a, b), []).append((float(pixels[r, c]) + float(pixels[r2, c2])) / 2)
    pairs = sorted(sides)
    assert len(pairs) >= 5
    assert measured.samples.sample.tolist() == [f"a.tif#{a}+{b}" for a, b in pairs]
    found = table(measured)
    for (a, b), (_, row) in zip(pairs, found.iterrows()):
        values = np.array(sides[a, b])
        both = (labels == a) | (labels == b)
        corners = np.concatenate([np.argwhere(both) + step for step in ((0, 0), (0, 1), (1, 0), (1, 1))])
        centre = [np.argwhere(labels == one).mean(axis=0) for one in (a, b)]
        short, long = sorted((border_of[a], border_of[b]))
        assert row["touch_length"] == len(values)
        assert row["touch_portion_smaller"] == pytest.approx(len(values) / short)
        assert row["touch_portion_larger"] == pytest.approx(len(values) / long)
        assert row["border_intensity_mean"] == pytest.approx(values.mean())
        assert row["border_intensity_std"] == pytest.approx(values.std(), abs=1e-9)
        assert row["border_contrast"] == pytest.approx(values.mean() - pixels[both].mean())
        assert row["centroid_distance"] == pytest.approx(np.hypot(*(centre[0] - centre[1])))
        assert row["union_solidity"] == pytest.approx(both.sum() / ConvexHull(corners).volume)


def test_each_channel_has_its_intensities():
    pixels = np.stack([np.full((20, 30), 3, np.uint8), np.full((20, 30), 9, np.uint8)])
    row = table(measure_touching([image_of(pixels, channels=("DAPI", "actin"))], [two_rectangles()])).iloc[0]
    assert (row["border_intensity_mean_DAPI"], row["border_intensity_mean_actin"]) == (3, 9)


def test_borders_meet_at_sides_and_when_asked_at_corners_too():
    labels = np.array([[1, 0], [0, 2]])
    assert len(borders(labels)[0]) == 4
    here, there = borders(labels, corners=True)
    assert (0, 3) in set(zip(here.tolist(), there.tolist())) and len(here) == 5
    cube = np.arange(8).reshape(2, 2, 2)
    assert len(borders(cube)[0]) == 12 and len(borders(cube, corners=True)[0]) == 8 * 7 // 2


# ---- bad input ----
def test_objects_that_lie_apart_are_refused():
    labels = np.zeros((20, 30), np.int32)
    labels[2:4, 2:4], labels[4:6, 4:6] = 1, 2  # they meet at a corner only
    with pytest.raises(
        DataError, match=r"objects in 'a\.tif' must touch somewhere .* Got 2 objects that lie apart"
    ):
        measure_touching([image_of(np.zeros((20, 30), np.uint8))], [labels])


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (np.ones((3, 3), int), r"be whole numbers of shape \(20, 30\)"),
        (np.ones((20, 30)), r"be whole numbers of shape \(20, 30\)"),
        (np.full((20, 30), -1), r"hold numbers from 0 to 2147483647. Got -1"),
    ],
)
def test_label_images_that_do_not_fit_are_refused(labels, says):
    with pytest.raises(DataError, match=rf"label image of 'a\.tif' must {says}"):
        measure_touching([image_of(np.zeros((20, 30), np.uint8))], [labels])
