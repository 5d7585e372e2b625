import hashlib
import json
import pickle
import zipfile
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest

from clew.errors import DataError, SettingError
from clew.learn.names import Names
from clew.result import Result, settings_of, step, write_whole
from clew.study.intake import Sources


def given(label="round"):
    return Names(
        sample=np.array(["a#1", "a#2"]),
        label=np.array([label, "long"]),
        names={},
        unnamed=[],
        settings={"n": 1},
    )


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Outer(Result):
    numbers: np.ndarray
    inner: Result | None
    many: list
    nothing: float = float("nan")


def test_a_result_cannot_be_changed_but_the_callers_array_can():
    mine = np.arange(3.0)
    result = Outer(numbers=mine, inner=None, many=[])
    with pytest.raises(ValueError, match="read-only"):
        result.numbers[0] = 9
    with pytest.raises(AttributeError):
        result.numbers = mine
    mine[0] = 7
    assert mine[0] == 7


def test_saving_and_loading_gives_the_same_digest_and_type(tmp_path):
    loaded = Result.load(given().save(tmp_path / "one.zip"))
    assert isinstance(loaded, Names)
    assert loaded.digest() == given().digest()
    assert loaded.settings == {"n": 1}
    assert loaded.label.tolist() == ["round", "long"]


def test_the_same_result_is_saved_as_the_same_bytes_and_another_one_as_others(tmp_path):
    a, b, c = (given(name).save(tmp_path / f"{i}.zip").read_bytes() for i, name in enumerate(["x", "x", "y"]))
    assert a == b
    assert a != c


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0)[::2],
        np.zeros((0, 3)),
        np.array(3.0),
        np.array([True]),
        np.array([], "<U3"),
        np.array(["é", "b"]),
    ],
)
def test_the_digest_is_of_the_bytes_of_each_array(array):
    result = Outer(numbers=array, inner=None, many=[], nothing=0.0)
    fields = {
        "numbers": {"__array__": "result.numbers"},
        "inner": None,
        "many": [],
        "nothing": 0.0,
        "settings": {},
    }
    document = {"__result__": f"{__name__}:Outer", "fields": fields}
    flat = np.ascontiguousarray(array)  # a number by itself becomes an array of one
    told = f"result.numbers {array.dtype.str} {flat.shape}"
    sha = hashlib.sha256(json.dumps(document, sort_keys=True).encode() + told.encode() + array.tobytes())
    assert result.digest() == sha.hexdigest()


@pytest.mark.parametrize("change", ["value", "dtype", "shape", "name", "settings"])
def test_the_digest_sees_every_change(change):
    base = Outer(numbers=np.arange(4.0), inner=given(), many=[1, "a"])
    other = {
        "value": Outer(numbers=np.arange(4.0) + 1e-15, inner=given(), many=[1, "a"]),
        "dtype": Outer(numbers=np.arange(4, dtype=np.float32), inner=given(), many=[1, "a"]),
        "shape": Outer(numbers=np.arange(4.0).reshape(2, 2), inner=given(), many=[1, "a"]),
        "name": Outer(numbers=np.arange(4.0), inner=given("oval"), many=[1, "a"]),
        "settings": Outer(numbers=np.arange(4.0), inner=given(), many=[1, "a"], settings={"k": 3}),
    }[change]
    assert base.digest() != other.digest()
    assert base.digest() == Outer(numbers=np.arange(4.0), inner=given(), many=[1, "a"]).digest()


def test_a_damaged_or_foreign_file_is_refused_in_one_sentence(tmp_path):
    path = given().save(tmp_path / "one.zip")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="must be a result that clew saved"):
        Result.load(path)
    with pytest.raises(DataError, match="must be a result that clew saved"):
        Result.load(tmp_path / "nothing.zip")
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("result.json", '{"__result__": "os:system", "fields": {}}')
    with pytest.raises(DataError, match="outside clew"):
        Result.load(tmp_path / "evil.zip")


def test_results_travel_by_pickle_and_look_well_in_notebooks():
    assert pickle.loads(pickle.dumps(given())).digest() == given().digest()
    assert repr(Sources(names=["a.tif"], sha256=["00"])) == "<Sources: a.tif>"
    assert "&lt;b&gt;" in Sources(names=["<b>"], sha256=["00"])._repr_html_()


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = write_whole(tmp_path / "x", b"old")

    def crash(*_):
        raise OSError("no room")

    monkeypatch.setattr("clew.result.os.fsync", crash)
    with pytest.raises(OSError, match="no room"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


@step(sees="open")
def polish(
    samples, *, times: int = 2, with_: Literal["cloth", "sand"] = "cloth", on_progress=None
) -> Sources:
    """Polish."""
    return Sources(names=["x"] * times, sha256=[])


def test_a_step_carries_all_its_settings_defaults_included():
    assert polish(None).settings == {"times": 2, "with_": "cloth"}
    assert polish(None, times=3).settings == {"times": 3, "with_": "cloth"}
    assert polish.step.sees == "open"
    assert step(verb="shine")(polish.__wrapped__).step.name == "shine"
    assert list(settings_of(polish)) == ["times", "with_", "on_progress"]


def test_a_step_refuses_a_misspelt_setting_or_choice():
    with pytest.raises(SettingError, match=r"no setting 'tmes'.*Did you mean 'times'"):
        polish(None, tmes=3)
    with pytest.raises(SettingError, match=r"must be one of: cloth, sand\. Got 'sandy'.*Did you mean 'sand'"):
        polish(None, with_="sandy")


def test_a_finished_file_is_put_in_place_by_renaming_and_leaves_nothing_beside_it(tmp_path, monkeypatch):
    path = write_whole(tmp_path / "x", b"old")
    assert [file.name for file in tmp_path.iterdir()] == ["x"]

    def power_cut(*_):
        raise OSError("power cut")

    monkeypatch.setattr("clew.result.settle", power_cut)
    with pytest.raises(OSError, match="power cut"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"


def test_a_function_as_a_setting_is_recorded_by_its_name():
    @step()
    def measured(X, *, by=len):
        return Sources(names=[str(by(X))], sha256=[])

    assert measured([1, 2]).settings == {"by": "builtins.len"}
