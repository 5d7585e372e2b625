"""Using a model on new data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tifffile

from clew import steps
from clew.errors import DataError, SettingError
from clew.simulate import blobs
from clew.study.study import Study
from tests.steps.worlds import QUICK, named


def test_groups_are_painted_and_predicted_on_a_new_image(picture, tmp_path):
    study, _ = picture
    fresh = blobs(n_round=25, n_elongated=15, size=320, random_state=9)
    tifffile.imwrite(tmp_path / "new.tif", fresh.pixels)
    model = study.folder / study.models()[-1]["path"]
    told = steps.predict(model, [tmp_path / "new.tif"], out=tmp_path / "p.csv", paint=tmp_path / "painted")
    frame = pd.read_csv(tmp_path / "p.csv")
    assert frame.columns[:4].tolist() == ["source", "sample", "label", "probability"]
    painted = tifffile.imread(tmp_path / "painted" / "new.tif.classes.tif")
    classes = list(study.result(study.last("train")).classes)
    right = 0
    for i, kind in enumerate(fresh.kind):
        inside = fresh.label_image == i + 1
        right += (
            classes[np.bincount(painted[inside])[1:].argmax()]
            == {"round": "round", "elongated": "long"}[kind]
        )
    assert right >= 0.9 * len(fresh.kind)
    assert told.data["rows"] == len(frame)


def test_a_study_stands_for_its_latest_model(picture, tmp_path):
    study, made = picture
    tifffile.imwrite(tmp_path / "new.tif", made.pixels)
    a = steps.predict(study.folder, [tmp_path / "new.tif"], out=tmp_path / "a.csv")
    b = steps.predict(study.folder / "models" / "forest-1", [tmp_path / "new.tif"], out=tmp_path / "b.csv")
    assert a.data["model_sha256"] == b.data["model_sha256"]
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_a_model_refuses_input_of_another_kind_or_with_other_features(picture, table, tmp_path):
    study, _ = picture
    with pytest.raises(DataError, match="was trained on images, given tables"):
        steps.predict(study.folder, [tmp_path / "cells.csv"], out=tmp_path / "p.csv")
    other, _ = table
    steps.explore(other, k=2, **QUICK)
    steps.name(other, ["0=low", "1=high"])
    steps.train(other, trees=5)
    pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 2.0], "z": [0.0, 1.0]}).to_csv(
        tmp_path / "wrong.csv", index=False
    )
    with pytest.raises((DataError, SettingError), match="'c'"):
        steps.predict(other.folder, [tmp_path / "wrong.csv"], out=tmp_path / "p.csv")
    assert not (tmp_path / "p.csv").exists()


def test_predictions_never_replace_what_they_are_made_of(table, tmp_path):
    study, _ = table
    named(study, "0=low", "1=high")
    steps.train(study, trees=5)
    before = (tmp_path / "cells.csv").read_bytes()
    with pytest.raises(SettingError, match="must not be one that is read"):
        steps.predict(study.folder, [tmp_path / "cells.csv"], out=tmp_path / "cells.csv")
    assert (tmp_path / "cells.csv").read_bytes() == before
    with pytest.raises(SettingError, match="--paint must go with"):
        steps.predict(study.folder, [tmp_path / "cells.csv"], out=tmp_path / "p.csv", paint=tmp_path / "x")


def test_rows_unlike_the_training_rows_are_told(table, tmp_path):
    study, _ = table
    named(study, "0=low", "1=high")
    steps.train(study, trees=5)
    frame = pd.read_csv(tmp_path / "cells.csv")
    assert not any(
        "guess" in w
        for w in steps.predict(study.folder, [tmp_path / "cells.csv"], out=tmp_path / "p.csv").warnings
    )
    (frame * 10).to_csv(tmp_path / "centimetres.csv", index=False)
    told = steps.predict(study.folder, [tmp_path / "centimetres.csv"], out=tmp_path / "p.csv")
    assert any("the answer is a guess" in warning for warning in told.warnings)


def test_images_with_other_channels_or_depth_are_refused(tmp_path):
    made = blobs(n_round=20, n_elongated=15, size=300)
    tifffile.imwrite(tmp_path / "one.tif", made.pixels)
    steps.new(tmp_path / "i.study", [tmp_path / "one.tif"], features="all")
    study = Study(tmp_path / "i.study")
    named(study, "0=a", "1=b")
    steps.train(study, trees=5)
    tifffile.imwrite(tmp_path / "deep.tif", made.pixels.astype(np.uint16) * 256)
    with pytest.raises(DataError, match="intensities of uint8 images, given uint16"):
        steps.predict(study.folder, [tmp_path / "deep.tif"], out=tmp_path / "p.csv")
    rgb = np.stack([made.pixels, made.pixels // 2, made.pixels // 3], axis=-1)
    tifffile.imwrite(tmp_path / "rgb.tif", rgb, photometric="rgb")
    with pytest.raises(DataError, match="with the channels .*, given red, green, blue"):
        steps.predict(study.folder, [tmp_path / "rgb.tif"], out=tmp_path / "p.csv")


def test_a_number_is_called_by_its_name(table, tmp_path):
    study, _ = table
    assert "trees for e, trained" in steps.train(study, target="e", trees=5).lines[0]
    assert (
        "e from " in steps.predict(study.folder, [tmp_path / "cells.csv"], out=tmp_path / "p.csv").lines[-1]
    )
