"""Models on disk: whole or not at all, plain, and refused where they are spoilt."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from clew.errors import DataError, SettingError
from clew.learn.forest import Forest
from clew.learn.model_file import format_of, write_files
from clew.learn.training import train
from tests.forest_worlds import blobs


def test_the_same_forest_is_saved_as_the_same_bytes(tmp_path):
    a = train(blobs(), n_jobs=1).save_model(tmp_path / "a")
    b = train(blobs(), n_jobs=2).save_model(tmp_path / "b")
    for name in ("arrays.npz", "config.json"):
        assert (a / name).read_bytes() == (b / name).read_bytes()
    assert sorted(path.name for path in a.iterdir()) == ["arrays.npz", "config.json"]
    other = train(blobs(), random_state=1).save_model(tmp_path / "c")
    assert (a / "arrays.npz").read_bytes() != (other / "arrays.npz").read_bytes()


def test_a_saved_forest_needs_no_pickle(tmp_path):
    folder = train(blobs()).save_model(tmp_path / "m")
    with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "if" for name in arrays.files)


def test_a_model_is_never_overwritten(tmp_path):
    forest = train(blobs(), trees=3)
    folder = forest.save_model(tmp_path / "m")
    before = (folder / "config.json").read_bytes()
    with pytest.raises(SettingError, match="must be a new one"):
        train(blobs(), trees=5).save_model(folder)
    assert (folder / "config.json").read_bytes() == before
    with pytest.raises(SettingError, match="must exist to hold"):
        forest.save_model(tmp_path / "nowhere" / "m")


def test_a_failed_save_leaves_nothing_behind(tmp_path, monkeypatch):
    forest = train(blobs(), trees=3)

    def full(path, data):
        path.write_bytes(data[:10])
        raise OSError("No space left on device")

    monkeypatch.setattr("clew.learn.model_file._write", full)
    with pytest.raises(OSError, match="No space"):
        forest.save_model(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def spoil_config(**changes):
    def spoil(folder):
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")

    return spoil


def cut_arrays(folder):
    path = folder / "arrays.npz"
    path.write_bytes(path.read_bytes()[:-200])


def flip_a_bit(folder):
    path = folder / "arrays.npz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def no_config(folder):
    (folder / "config.json").unlink()


def no_json(folder):
    (folder / "config.json").write_text("[1, 2", encoding="utf-8")


def a_list(folder):
    (folder / "config.json").write_text("[]", encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (cut_arrays, "must be a forest"),
        (flip_a_bit, "must be a forest"),
        (no_config, "must be a forest that clew saved .* Got no config.json there"),
        (no_json, "must be a forest"),
        (a_list, "must be a forest"),
        (shutil.rmtree, "must exist. Got a path where nothing is"),
        (spoil_config(format="a net"), "another kind"),
        (spoil_config(version=2), "newer clew"),
        (spoil_config(version="x"), "must be a forest"),
        (spoil_config(units=["m", "", "px", ""]), "do not fit its hash"),
        (spoil_config(surprise=1), "must be a forest"),
    ],
)
def test_a_spoilt_model_folder_is_refused_in_one_sentence(tmp_path, spoil, sentence):
    folder = train(blobs(), trees=3).save_model(tmp_path / "m")
    Forest.load_model(folder)
    spoil(folder)
    with pytest.raises(DataError, match=sentence) as caught:
        Forest.load_model(folder)
    assert "\n" not in str(caught.value)


def test_a_folder_says_what_kind_of_model_it_is(tmp_path):
    folder = train(blobs(), trees=2).save_model(tmp_path / "m")
    assert format_of(folder) == "clew forest"
    for spoil, told in (
        (a_list, "does not say its format"),
        (no_config, "no config.json there"),
        (shutil.rmtree, "must exist"),
    ):
        spoil(folder)
        with pytest.raises(DataError, match=told):
            format_of(folder)


def test_files_of_a_folder_are_written_as_they_are(tmp_path):
    folder = write_files(tmp_path / "m", {"a.bin": b"\x00\xff", "b.txt": b"text"})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "a.bin": b"\x00\xff",
        "b.txt": b"text",
    }
