"""`clew denoise`, from files to files."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from clew.errors import DataError, SettingError, Stopped
from clew.neural.denoiser import Denoiser
from clew.read.stacks import Stack
from clew.steps.denoising import denoise, holds_images, training_pieces


def noisy(seed=0, shape=(70, 80)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    clean = 120 + 60 * np.sin(x / 9) * np.cos(y / 8)
    return np.clip(np.rint(clean + np.random.default_rng(seed).normal(0, 25, shape)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("denoise")
    (folder / "in").mkdir()
    for i in range(2):
        tifffile.imwrite(folder / "in" / f"cell{i}.tif", noisy(i))
    return folder, denoise([folder / "in"], out=folder / "out", updates=4)


def test_every_image_comes_back_in_its_dtype_and_shape(ran):
    folder, outcome = ran
    for i in range(2):
        found = tifffile.imread(folder / "out" / f"cell{i}.tif")
        assert (found.dtype, found.shape) == (np.uint8, (70, 80))
    assert [one["clipped"] for one in outcome.data["files"]] == [0, 0]
    assert not list(folder.glob(".*partial*"))


def test_the_diagnosis_comes_first_and_filters_are_named(ran):
    _, outcome = ran
    assert outcome.lines[0].startswith("The noise is independent")
    assert "error at hidden pixels" in outcome.lines[1]
    assert set(outcome.data["held_out_error"][0]) == {"net", "gaussian", "nl-means", "tv"}
    assert "does better than the net" in outcome.lines[1]  # after four updates it must
    assert any("clipped" in line for line in outcome.lines)
    assert outcome.result.headline().startswith("The noise is")


def test_a_trained_denoiser_is_used_again(ran, tmp_path):
    folder, outcome = ran
    again = denoise([folder / "in" / "cell0.tif"], out=tmp_path / "again", model=folder / "out" / "denoiser")
    assert again.data["model_sha256"] == outcome.data["model_sha256"]
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "again" / "cell0.tif"), tifffile.imread(folder / "out" / "cell0.tif"))  # fmt: skip
    assert Denoiser.load_model(tmp_path / "again" / "denoiser").sha256 == outcome.data["model_sha256"]


def test_what_is_there_stays(ran):
    folder, _ = ran
    before = (folder / "out" / "cell0.tif").read_bytes()
    with pytest.raises(SettingError, match="must be a new folder"):
        denoise([folder / "in"], out=folder / "out")
    assert (folder / "out" / "cell0.tif").read_bytes() == before


def test_a_failure_or_a_stop_leaves_nothing_behind(ran, tmp_path):
    folder, _ = ran
    tifffile.imwrite(tmp_path / "flat.tif", np.full((40, 40), 7, np.uint8))
    with pytest.raises(DataError, match="constant 7"):
        denoise([tmp_path / "flat.tif"], out=tmp_path / "out")
    tifffile.imwrite(
        tmp_path / "two.tif", np.stack([noisy(), noisy(1)]), metadata={"axes": "CYX"}, imagej=True
    )
    with pytest.raises(Stopped):
        denoise(
            [tmp_path / "two.tif"], out=tmp_path / "out", updates=11, on_progress=lambda done, total: False
        )
    with pytest.raises(DataError, match="same channels"):
        denoise([tmp_path / "two.tif", folder / "in" / "cell0.tif"], out=tmp_path / "out")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["flat.tif", "two.tif"]


def test_pixels_that_are_no_numbers_are_refused_with_their_place(tmp_path):
    image = noisy().astype(np.float32)
    image[3, 5] = np.nan
    tifffile.imwrite(tmp_path / "nan.tif", image)
    with pytest.raises(DataError, match="y 3, x 5"):
        denoise([tmp_path / "nan.tif"], out=tmp_path / "out")


def test_large_images_teach_by_evenly_chosen_pieces():
    large = Stack.of(np.zeros((6000, 5000), np.uint8))
    pieces = training_pieces([large])
    assert len(pieces) == 64
    assert all(one.ndim == 3 and max(one.shape[1:]) <= 512 for one in pieces)
    assert training_pieces([Stack.of(np.zeros((12, 90, 80)), axes="ZYX")], volumes=True)[0].shape == (
        1,
        12,
        90,
        80,
    )


def test_images_are_told_from_recordings(ran, tmp_path):
    folder, _ = ran
    assert holds_images(folder / "in")
    (tmp_path / "a.mseed").write_bytes(b"")
    assert not holds_images(tmp_path)
    with pytest.raises(DataError, match="must exist"):
        denoise([tmp_path / "none.tif"], out=tmp_path / "out")
    with pytest.raises(SettingError, match="for images"):
        denoise([folder / "in"], out=tmp_path / "out", method="autoencoder")
