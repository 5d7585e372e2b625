"""`Measured` keeps what it is given from being changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from clew.measure.measured import Measured
from clew.samples import Samples


def test_label_images_are_frozen_and_the_callers_array_is_not():
    labels = np.zeros((2, 2), np.int32)
    samples = Samples.from_frame(pd.DataFrame({"x": [1.0, 2.0]}))
    measured = Measured(samples, {"a.tif": labels}, [], {}, {})
    with pytest.raises(ValueError, match="read-only"):
        measured.label_images["a.tif"][0, 0] = 1
    labels[0, 0] = 1
    assert repr(measured) == "<Measured: 2 rows x 1 features>"
