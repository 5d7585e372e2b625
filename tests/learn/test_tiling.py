"""Tiles cover an image once; scales and progress."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import Stopped
from clew.learn.tiling import scale_of, tiles_of
from clew.read.stacks import Stack, open_stack
from tests.learn.painted_images import example


# ---- scales, progress ----
def test_the_scale_of_a_file_is_found_once_and_of_an_array_every_time(tmp_path, monkeypatch):
    import tifffile

    image, *_ = example()
    tifffile.imwrite(tmp_path / "a.tif", image)
    stack, array = open_stack(tmp_path / "a.tif"), Stack.of(image)
    assert scale_of(stack, "otsu") is scale_of(stack, "otsu")
    assert scale_of(stack, "otsu") is not scale_of(stack, "min-max")
    before = scale_of(array, "min-max")
    image[0, 0] = 255
    assert scale_of(array, "min-max").width > before.width


def test_tiles_cover_every_pixel_once():
    seen = np.zeros((2, 5, 7, 9), int)
    for t, start, stop in tiles_of((2, 3, 5, 7, 9), (2, 3, 4)):
        seen[(t, *map(slice, start, stop))] += 1
    assert (seen == 1).all()


def test_progress_is_told_and_can_stop_the_work(fitted):
    stack = Stack.of(example((64, 64))[0])
    told, done = [], []
    model, tile = fitted.model_, (1, 16, 64)
    model.predict(
        stack, lambda *a: done.append(a[1]), tile=tile, on_progress=lambda *a: told.append(a) or None
    )
    assert sorted(told) == [(i, 4) for i in range(1, 5)] and len(done) == 4
    with pytest.raises(Stopped, match="after 2 of 4 tiles"):
        model.predict(stack, lambda *a: None, tile=tile, on_progress=lambda done, _: done < 2)
    done.clear()
    model.predict(stack, lambda *a: done.append(a[1]), tile=tile, skip=lambda t, start: start[1] < 30)
    assert sorted(done) == [(0, 32, 0), (0, 48, 0)]
