"""A study of images teaches a U-Net, and its sealed images are not opened for that."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from clew import steps
from clew.errors import DataError, SettingError
from clew.steps.pixel_nets import load_pixels
from clew.steps.segmenting import fields_cutter
from clew.study.study import Study
from tests.neural.test_pixel_net_training import IMAGES, QUICK


@pytest.fixture
def study(tmp_path):
    (tmp_path / "images").mkdir()
    for i, (image, labels) in enumerate(IMAGES):
        tifffile.imwrite(tmp_path / "images" / f"{i}.tif", image)
        tifffile.imwrite(tmp_path / "images" / f"{i}_labels.tif", labels.astype(np.uint16))
    steps.new(tmp_path / "study", [tmp_path / "images"], sealed=0.3)
    return Study(tmp_path / "study")


def test_a_study_teaches_a_net_without_its_sealed_images_and_verify_makes_it_again(study):
    sealed = set(study.places().source) - set(study.samples().origin.source)
    assert sealed  # or the test shows nothing
    fields = fields_cutter(study)(study.samples())
    assert set(fields.names).isdisjoint(sealed)
    told = steps.train(study, model="unet", **QUICK | {"updates": 3})
    assert load_pixels(study.folder / "models" / "unet-1").sha256 == told.data["sha256"]
    assert steps.verify(study).status == 0


def test_settings_of_other_models_and_studies_without_images_are_refused(study, monkeypatch):
    with pytest.raises(SettingError, match="--trees must go with another model"):
        steps.train(study, model="unet", trees=3)
    monkeypatch.setattr(study, "facts", lambda: {"kind": "table"})
    with pytest.raises(DataError, match="must be of objects in images"):
        fields_cutter(study)
