"""Nets for pixels from the command line's side: objects in files, what is refused, and models of both kinds read back."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from clew.errors import DataError, SettingError
from clew.steps import pixels
from clew.steps.pixel_nets import check_settings, load_pixels
from tests.neural.test_pixel_net_training import IMAGES, QUICK

LITTLE = QUICK | {"updates": 3}


@pytest.fixture
def folders(tmp_path):
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for i, (image, labels) in enumerate(IMAGES):
        tifffile.imwrite(tmp_path / "images" / f"{i}.tif", image)
        tifffile.imwrite(tmp_path / "labels" / f"{i}.tif", labels.astype(np.uint16))
    return tmp_path


def test_numbered_objects_teach_a_net_that_numbers_the_objects_of_new_images(folders):
    out = folders / "model"
    told = pixels.train([folders / "images"], annotations=[folders / "labels"], out=out, model="unet", instances="cell", **LITTLE)  # fmt: skip
    assert any("forest" in line for line in told.lines) and "--objects cell" in told.lines[-1]
    assert "IoU" in (out / "README.md").read_text()
    found = pixels.predict(out, [folders / "images"], out=folders / "found", objects="cell")
    numbers = tifffile.imread(folders / "found" / "objects" / "0.tif")
    assert numbers.shape == IMAGES[0][1].shape and found.data["model_sha256"] == load_pixels(out).sha256
    with pytest.raises(SettingError, match="left to the model"):
        pixels.predict(out, [folders / "images"], out=folders / "x", objects="cell", split="distance")


def test_classes_given_as_objects_are_refused_by_what_they_look_like(folders):
    for i, (_, labels) in enumerate(IMAGES):
        tifffile.imwrite(folders / "labels" / f"{i}.tif", (labels > 0).astype(np.uint8))
    with pytest.raises(DataError, match="looks like classes"):
        pixels.train([folders / "images"], annotations=[folders / "labels"], out=folders / "m", model="unet", instances="cell", **LITTLE)  # fmt: skip


def test_settings_of_the_other_model_are_refused():
    with pytest.raises(SettingError, match="--updates must go with a net"):
        check_settings("forest", {"updates": 3}, None)
    with pytest.raises(SettingError, match="--trees must go with the forest"):
        check_settings("unet", {"trees": 3}, None)
    with pytest.raises(SettingError, match="--instances must go with a net"):
        check_settings("forest", {}, "cell")
