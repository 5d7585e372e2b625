import pytest
import torch
from safetensors.torch import save

from clew.errors import DataError
from clew.neural.checkpoint import digest, read_checkpoint, write_checkpoint

TENSORS = {
    "net": {"a.weight": torch.arange(6.0).view(2, 3), "n": torch.tensor(3)},
    "random": {"deep": {"x": torch.tensor([1, 2], dtype=torch.uint8)}},
}
FACTS = {"lowest": float("inf"), "epochs": [[0.1, float("nan")]], "ended": None}
OF = {"recipe": {"lr": 0.1}, "rows": ["ab"]}


def test_what_is_written_is_read(tmp_path):
    write_checkpoint(tmp_path / "c", TENSORS, FACTS, of=OF)
    tensors, facts = read_checkpoint(tmp_path / "c", of=OF)
    assert torch.equal(tensors["net"]["a.weight"], TENSORS["net"]["a.weight"]) and tensors["net"]["n"] == 3
    assert torch.equal(tensors["random"]["deep"]["x"], TENSORS["random"]["deep"]["x"])
    assert facts["lowest"] == float("inf") and facts["epochs"][0][0] == 0.1 and facts["ended"] is None
    assert read_checkpoint(tmp_path / "none", of=OF) is None


def test_tied_weights_are_written(tmp_path):
    tied = torch.ones(3)
    write_checkpoint(tmp_path / "c", {"net": {"a": tied, "b": tied}}, {}, of=OF)
    assert torch.equal(read_checkpoint(tmp_path / "c", of=OF)[0]["net"]["b"], tied)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-3],
        lambda data: data[:40],
        lambda data: b"",
        lambda data: b"x" * 200,
        lambda data: data.replace(b"facts", b"fakes"),
        lambda data: data.replace(b"lowest", b"lovest"),
        lambda data: data.replace(b"a.weight", b"a.weeght"),
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: b"\x02" + bytes(7) + b"[]",
    ],
)
def test_a_damaged_file_is_refused(tmp_path, damage):
    path = tmp_path / "c"
    write_checkpoint(path, TENSORS, FACTS, of=OF)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match="must be one that a training of clew wrote"):
        read_checkpoint(path, of=OF)


def test_what_is_no_checkpoint_is_told_from_a_damaged_one(tmp_path):
    path = tmp_path / "c"
    write_checkpoint(path, TENSORS, FACTS, of=OF)
    cut = path.read_bytes()[:-3]
    for data, told in ((b"x" * 200, "another file"), (save({"a": torch.ones(2)}), "another file"), (cut, "one that is damaged")):  # fmt: skip
        path.write_bytes(data)
        with pytest.raises(DataError, match=f"Got {told}.$"):
            read_checkpoint(path, of=OF)


def test_what_differs_is_named(tmp_path):
    write_checkpoint(tmp_path / "c", TENSORS, FACTS, of=OF)
    with pytest.raises(DataError, match="Got another recipe and rows; name another file"):
        read_checkpoint(tmp_path / "c", of={"recipe": {"lr": 0.2}, "rows": []})


def test_a_write_that_breaks_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "c"
    write_checkpoint(path, TENSORS, FACTS, of=OF)
    before = path.read_bytes()

    def full(*args):
        raise OSError(28, "full")

    monkeypatch.setattr("clew.result.os.fsync", full)
    with pytest.raises(OSError):
        write_checkpoint(path, {"net": {"a": torch.zeros(9)}}, FACTS, of=OF)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_the_digest_changes_with_values_shape_and_dtype():
    one = torch.arange(6.0)
    others = [one.view(2, 3), one.double(), one + 1e-6, one.flip(0)]
    assert digest(one) == digest(one.clone()) and len({digest(one), *map(digest, others)}) == 5
    assert digest(torch.tensor(True), torch.zeros(0, 2)) != digest(torch.tensor(False), torch.zeros(0, 2))
