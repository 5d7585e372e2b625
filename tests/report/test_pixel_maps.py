"""`clew pixels explain` writes the maps as numbers and as a picture, and says what they are no proof of."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from clew.errors import DataError, SettingError
from clew.learn.pixel_model import PixelModel
from clew.learn.pixel_shapley import PixelExplainer
from clew.read.stacks import open_stack
from clew.report.pixel_maps import explain
from tests.pixel_worlds import forest, write_images


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    forest(depth=3).save_model(folder / "m")
    return folder / "m", write_images(folder / "in", 2, shape=(70, 90))


def test_the_maps_on_disk_are_the_values(made, tmp_path):
    model, paths = made
    told = explain(model, paths, out=tmp_path / "out", of="cell", most=3)
    for path in paths:
        written = tifffile.imread(tmp_path / "out" / f"{path.stem}.tif")
        assert written.shape == (3, 70, 90)
        assert written.dtype == np.float32
        from clew.learn.forest import Forest

        explainer = PixelExplainer(PixelModel(Forest.load_model(model)), open_stack(path), of="cell", most=3)
        maps = np.empty((3, 1, 70, 90), np.float32)
        explainer.write(lambda t, start, tile: maps.__setitem__(slice(None), tile))  # noqa: B023
        np.testing.assert_array_equal(written, maps[:, 0])
        assert (tmp_path / "out" / f"{path.stem}.png").stat().st_size > 5000
    assert [one["source"] for one in told.data["files"]] == [path.name for path in paths]
    assert told.data["files"][0]["of"] == "cell"
    assert any("Correlation is not causation" in line for line in told.lines)


def test_the_class_of_the_highest_number_is_explained_and_said(tmp_path):
    from tests.pixel_worlds import NAMES

    painted = forest(depth=3)
    assert max(NAMES, key=int) == 3 and painted.classes == ["cell", "ground"]  # the last one is the ground
    painted.save_model(tmp_path / "m")
    paths = write_images(tmp_path / "in", 1, shape=(70, 90))
    told = explain(tmp_path / "m", paths, out=tmp_path / "out", most=1)
    assert told.data["files"][0]["of"] == "cell"
    assert told.lines[0].startswith(
        "Explained is 'cell', which was painted with the highest number (3); --of "
    )
    asked = explain(tmp_path / "m", paths, out=tmp_path / "asked", of="ground", most=1)
    assert asked.data["files"][0]["of"] == "ground" and not any("Explained is" in one for one in asked.lines)


def test_nothing_is_replaced_and_nothing_is_written_where_a_class_is_unknown(made, tmp_path):
    model, paths = made
    explain(model, paths[:1], out=tmp_path / "out", most=1)
    before = (tmp_path / "out" / "a.tif").read_bytes()
    with pytest.raises(SettingError, match="must hold no maps yet"):
        explain(model, paths, out=tmp_path / "out", most=2)
    assert (tmp_path / "out" / "a.tif").read_bytes() == before
    with pytest.raises(SettingError, match="'of' setting"):
        explain(model, paths, out=tmp_path / "other", of="nothing")
    assert not (tmp_path / "other").exists()
    with pytest.raises(SettingError, match="in a folder that is there"):
        explain(model, paths, out=tmp_path / "no" / "where")


def test_a_model_of_something_else_is_refused(made, tmp_path):
    from clew import train
    from tests.forest_worlds import iris

    for name in ("study", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "study" / "study.sqlite").touch()
    with pytest.raises(
        DataError, match="must be a folder that `clew pixels train` made. Got a study, whose models are"
    ) as told:
        explain(tmp_path / "study", made[1], out=tmp_path / "out")
    assert "Errno" not in str(told.value)
    with pytest.raises(DataError, match="must be a folder that `clew pixels train` made. Got something else"):
        explain(tmp_path / "empty", made[1], out=tmp_path / "out")
    with pytest.raises(DataError, match="must exist"):
        explain(tmp_path / "nowhere", made[1], out=tmp_path / "out")
    train(iris(), trees=2).save_model(tmp_path / "m")
    with pytest.raises(DataError, match="must be one for pixels"):
        explain(tmp_path / "m", made[1], out=tmp_path / "out")
