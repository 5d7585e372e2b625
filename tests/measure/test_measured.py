"""`Measured` keeps what it is given from being changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from clew.errors import DataError, SettingError
from clew.measure.measured import Measured, numbered_objects, sides_of_pixel
from clew.samples import Samples


def test_label_images_are_frozen_and_the_callers_array_is_not():
    labels = np.zeros((2, 2), np.int32)
    samples = Samples.from_frame(pd.DataFrame({"x": [1.0, 2.0]}))
    measured = Measured(samples, {"a.tif": labels}, [], {}, {})
    with pytest.raises(ValueError, match="read-only"):
        measured.label_images["a.tif"][0, 0] = 1
    labels[0, 0] = 1
    assert repr(measured) == "<Measured: 2 rows x 1 features>"


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint32", "int64", "uint64"])
def test_numbers_of_objects_become_int32(dtype):
    given = np.array([[0, 1], [1, 0]]).astype(dtype)
    labels = numbered_objects(given, (2, 2), of="a.tif")
    assert labels.dtype == np.int32 and labels.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("number", "dtype"), [(2**31, "uint32"), (2**31, "int64"), (2**63 + 1, "uint64"), (-1, "int8")]
)
def test_numbers_that_int32_does_not_hold_are_refused_and_not_turned_into_others(number, dtype):
    given = np.zeros((2, 2), dtype)
    given[1, 1] = number
    with pytest.raises(DataError, match=rf"'a\.tif' must hold numbers from 0 to 2147483647. Got {number}\."):
        numbered_objects(given, (2, 2), of="a.tif")
    given[1, 1] = min(abs(number) - 1, 127)
    assert numbered_objects(given, (2, 2), of="a.tif")[1, 1] == given[1, 1]


@pytest.mark.parametrize("size", [(1, 1, 1), (0, 1), (1, np.nan), "ab", (None, 1), (1, np.inf)])
def test_sides_of_a_pixel_are_lengths(size):
    assert sides_of_pixel(None, 3, of="segment") == (1.0, 1.0, 1.0)
    assert sides_of_pixel((2, 0.5), 2, of="segment") == (2.0, 0.5)
    with pytest.raises(SettingError, match="of segment must be 2 lengths above 0: dy, dx. Got "):
        sides_of_pixel(size, 2, of="segment")
