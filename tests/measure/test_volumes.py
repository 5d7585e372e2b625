"""Objects in space have the sizes of geometry, whatever the proportions of the voxels."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from scipy import ndimage
from skimage.measure import regionprops_table

from clew.errors import DataError, SettingError
from clew.measure.volumes import measure_volumes
from tests.conftest import shared


def ellipsoid(half_axes, *, spacing=(1, 1, 1), shape=(60, 80, 100)):
    """Return a label image with one ellipsoid, number 7, of half axes (z, y, x) in units of the spacing."""
    places = np.meshgrid(*(s * (np.arange(n) - n // 2) for s, n in zip(spacing, shape)), indexing="ij")
    return (sum((place / half) ** 2 for place, half in zip(places, half_axes)) < 1) * 7


@pytest.mark.parametrize("spacing", [(1, 1, 1), (2, 1, 1), (1.5, 0.5, 1)])
def test_an_ellipsoid_has_the_axes_and_volume_of_geometry(spacing):
    labels = ellipsoid((25, 15, 20), spacing=spacing)
    row = measure_volumes([labels], [labels], pixel_size=spacing, unit="µm").samples.to_frame().iloc[0]
    assert row["volume"] == pytest.approx(4 / 3 * np.pi * 25 * 15 * 20, rel=0.02)
    axes = row[["major_axis_length", "middle_axis_length", "minor_axis_length"]].to_numpy(float)
    assert axes == pytest.approx([50, 40, 30], rel=0.02)
    assert row["equivalent_diameter"] == pytest.approx(2 * (25 * 15 * 20) ** (1 / 3), rel=0.01)
    assert row["elongation"] == pytest.approx(0.2, abs=0.02) and row["flatness"] == pytest.approx(
        0.25, abs=0.02
    )
    assert row["extent"] == pytest.approx(np.pi / 6, rel=0.1) and row["solidity"] > 0.9


def test_a_wrong_pixel_size_is_seen_in_the_axes():  # the mutant
    labels = ellipsoid((25, 15, 20), spacing=(2, 1, 1))
    row = measure_volumes([labels], [labels]).samples.to_frame().iloc[0]
    assert abs(row["major_axis_length"] - 50) > 5


def test_a_box_fills_its_box_and_its_hull():
    labels = np.zeros((20, 20, 20), np.uint16)
    labels[3:9, 4:12, 5:15] = 1
    measured = measure_volumes([labels], [labels], pixel_size=(3, 1, 1))
    row = measured.samples.to_frame().iloc[0]
    assert row["volume"] == 3 * 6 * 8 * 10 and row["extent"] == 1
    place = measured.samples.origin.iloc[0]
    assert place[["min_plane", "max_plane", "min_row", "max_col"]].tolist() == [3, 9, 4, 15]
    assert place[["centroid_plane", "centroid_row", "centroid_col"]].tolist() == [5.5, 7.5, 9.5]


def test_nuclei_of_platynereis_are_measured_as_scipy_counts_and_scikit_image_measures():
    labels = tifffile.imread(shared("images/platynereis_3d_labels/platynereis_tp7_ground_truth.tif"))
    stack = np.random.default_rng(0).integers(0, 255, (2, *labels.shape)).astype(np.uint8)
    measured = measure_volumes([stack], [labels], channel_names=("a", "b"))
    numbers = measured.samples.origin["label"].to_numpy()
    assert len(numbers) == 36 and measured.samples.n_groups == 1
    frame = measured.samples.to_frame()
    np.testing.assert_array_equal(frame["volume"], np.bincount(labels.ravel())[numbers])
    np.testing.assert_allclose(frame["intensity_mean_b"], ndimage.mean(stack[1], labels, numbers))
    np.testing.assert_allclose(
        frame["intensity_std_a"], ndimage.standard_deviation(stack[0], labels, numbers)
    )
    theirs = regionprops_table(labels, properties=("axis_major_length", "axis_minor_length"))
    np.testing.assert_allclose(frame["major_axis_length"], theirs["axis_major_length"], rtol=1e-6)
    np.testing.assert_allclose(frame["minor_axis_length"], theirs["axis_minor_length"], rtol=1e-6)


def test_specks_and_flat_objects_are_left_out_and_counted():
    labels = np.zeros((20, 20, 20), np.int32)
    labels[3:9, 3:9, 3:9], labels[12, 2:8, 2:8], labels[15:17, 15:17, 15:17] = 1, 2, 3
    measured = measure_volumes([labels], [labels], min_volume=9)
    assert measured.counts == {"found": 3, "small": 1, "degenerate": 1, "kept": 1}
    assert measured.notes[1:] == [
        "1 object left out: smaller than 9 voxels.",
        "1 object left out: degenerate (flat, or too small for a hull).",
    ]
    assert measured.samples.sample.tolist() == ["stack_1#1"]


@pytest.mark.parametrize(
    ("change", "settings", "error", "sentence"),
    [
        (lambda s, m: (s, m[1:]), {}, DataError, "must have 1 channels, and its label image"),
        (lambda s, m: (s, m.astype(float)), {}, DataError, "Got .* and float64"),
        (lambda s, m: (s, -m), {}, DataError, "must not be negative. Got -7"),
        (lambda s, m: (s, m * 0), {}, DataError, r"must be at least 1. Got none \(0 found"),
        (lambda s, m: (np.where(m, np.nan, 0.0), m), {}, DataError, "voxels of 'stack_1' must be finite"),
        (lambda s, m: (s, m), {"pixel_size": (1, 1)}, SettingError, r"3 lengths above 0: dz, dy, dx. Got \(1, 1\)"),
        (lambda s, m: (s, m), {"names": ["a", "b"]}, DataError, "must be as many. Got 1, 1 and 2"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(change, settings, error, sentence):
    labels = ellipsoid((4, 4, 4), shape=(12, 12, 12))
    stack, labels = change(labels, labels)
    with pytest.raises(error, match=sentence):
        measure_volumes([stack], [labels], **settings)
