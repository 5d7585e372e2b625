"""Weights in files: whole, hashed, without pickle; and nothing in a file from elsewhere can run."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from clew.errors import DataError, SettingError
from clew.learn.training import train
from clew.neural.model import NetModel
from clew.neural.weights import fill, read_net, read_state, signature, state_bytes, ties_of, write_state
from clew.result import differences
from clew.validate.history import COLUMNS
from tests.forest_worlds import blobs
from tests.neural.models import regressor, samples, trained, windows


@pytest.fixture(scope="module")
def model():
    return trained("cnn", windows())[0]


@pytest.fixture
def folder(model, tmp_path):
    return model.save_model(tmp_path / "m")


# ---- a folder ----
@pytest.mark.parametrize(
    "make",
    [
        lambda: trained("cnn", windows())[0],
        lambda: regressor()[0],
        lambda: trained("gru", windows(), scale="each")[0],
    ],
)
def test_a_model_comes_back_to_the_bit(make, tmp_path):
    model = make()
    again = NetModel.load_model(model.save_model(tmp_path / "m"))
    assert differences(model, again) == [] and again.digest() == model.digest()
    cut = windows() if model.cut else None
    first, second = (one.predict(samples(), cut) for one in (model, again))
    assert first.digest() == second.digest()


def test_the_same_training_is_saved_as_the_same_bytes(folder, tmp_path):
    other = trained("cnn", windows())[0].save_model(tmp_path / "other")
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["README.md", "batch_loss.csv", "config.json", "history.csv", "model.safetensors"]
    for name in names:
        assert (folder / name).read_bytes() == (other / name).read_bytes()


def test_the_folder_says_all_that_is_needed_to_use_it_elsewhere(model, folder):
    config = json.loads((folder / "config.json").read_text())
    assert (
        config["format"] == "clew net" and config["rate"] == 100.0 and config["classes"] == ["large", "small"]
    )
    assert config["units"] == ["nm/s", "nm/s"] and config["preprocess"]["scale"] == "training"
    assert config["net_settings"]["channels"] == [2, 3] and config["seeds"] == [0, 1]
    assert config["recipe"]["max_epochs"] == 2 and config["trained_with"]["torch"] == torch.__version__
    assert config["files"].pop("config.json") == signature(config)
    for name, sha in config["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha
    text = "".join((folder / name).read_text() for name in ("config.json", "README.md", "history.csv"))
    assert str(Path.cwd()) not in text  # no paths of this machine


def test_the_history_is_a_table_of_every_epoch_of_every_member(model, folder):
    header, *lines = (folder / "history.csv").read_text().splitlines()
    assert header.split(",") == ["member", *COLUMNS]
    assert [line.split(",")[:2] for line in lines] == [["0", "1"], ["0", "2"], ["1", "1"], ["1", "2"]]
    assert float(lines[3].split(",")[2]) == model.histories[1].train_loss[1]


def test_safetensors_itself_reads_the_members(model, folder):
    nets = nn.ModuleList([model.net(0), model.net(1)])
    for weight in nets.parameters():
        nn.init.zeros_(weight)
    assert safetensors.torch.load_model(nets, folder / "model.safetensors") == (set(), [])
    for name, weight in nets.state_dict().items():
        np.testing.assert_array_equal(weight.numpy(), model.weights[name])


def test_a_model_card_may_be_changed(folder, model):
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    assert NetModel.load_model(folder).digest() == model.digest()


def test_a_history_that_could_not_be_judged_comes_back(model, tmp_path):
    odd = dataclasses.replace(
        model.histories[0], chance_loss=float("nan"), patience=3, stopped="not finite", failed_batch=7
    )
    changed = dataclasses.replace(model, histories=[odd, model.histories[1]])
    assert NetModel.load_model(changed.save_model(tmp_path / "m")).digest() == changed.digest()


def test_a_model_is_never_overwritten_and_a_failed_save_leaves_nothing(model, folder, tmp_path, monkeypatch):
    with pytest.raises(SettingError, match="must be a new one"):
        model.save_model(folder)

    def full(path, data):
        raise OSError("No space left on device")

    monkeypatch.setattr("clew.learn.model_file._write", full)
    with pytest.raises(OSError, match="No space"):
        model.save_model(tmp_path / "other")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m"]


def flip(name):
    def spoil(folder):
        data = bytearray((folder / name).read_bytes())
        data[-1] ^= 1
        (folder / name).write_bytes(bytes(data))

    return spoil


def without(name):
    return lambda folder: (folder / name).unlink()


def config_with(signed=False, **changes):
    def spoil(folder):
        path = folder / "config.json"
        config = json.loads(path.read_text())
        for name, value in changes.items():
            config[name] = config[name] | value if isinstance(value, dict) else value
        if signed:  # as if clew had saved it so
            config["files"]["config.json"] = signature(config)
        path.write_text(json.dumps(config))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (flip("model.safetensors"), "a model.safetensors that is damaged: sha256 .{12} instead of"),
        (flip("history.csv"), "a history.csv that is damaged"),
        (without("model.safetensors"), "Got no model.safetensors there"),
        (without("config.json"), "Got no config.json there"),
        (shutil.rmtree, "must exist. Got a path where nothing is"),
        (config_with(version=2), "one of format 2, made by a newer clew"),
        (config_with(format="clew forest"), "must be a net that clew saved. Got a 'clew forest'"),
        (config_with(architecture="mlp", signed=True), "must be a net that clew saved"),
        (config_with(architecture="gpt", signed=True), "Got 'gpt' instead"),
        (config_with(net_settings={"channels": [2, 4]}, signed=True), "a net 'cnn'. These have in another shape blocks.1"),
        (config_with(net_settings={"convolutions_per_block": 2}, signed=True), "These lack blocks"),
        (config_with(feature_range="?", signed=True), "must be a net that clew saved"),
        (config_with(classes=["a", "b", "c", "d"], signed=True), "Got 4 classes of"),
        (config_with(recipe={"no": 1}, signed=True), "must be a net that clew saved"),
        (config_with(seeds=[], signed=True), "one without a member"),
        (config_with(net_settings={"hidden": 10**12}, signed=True), "must be a net that clew saved"),
        (config_with(classes=["small", "large"]), "config.json was changed after it was saved"),
        (config_with(preprocess={"mean": [0.0, 0.0]}), "config.json was changed after it was saved"),
        (config_with(training=[]), "config.json was changed after it was saved"),
    ],
)  # fmt: skip
def test_a_spoilt_folder_is_refused_in_one_sentence(folder, spoil, sentence):
    NetModel.load_model(folder)
    spoil(folder)
    with pytest.raises(DataError, match=sentence) as caught:
        NetModel.load_model(folder)
    assert "\n" not in str(caught.value)


def test_a_forests_folder_is_no_net(tmp_path):
    forest = train(blobs(), trees=2).save_model(tmp_path / "forest")
    with pytest.raises(DataError, match="Got a 'clew forest'"):
        read_net(NetModel, forest)


# ---- state dicts ----
class Tied(nn.Module):
    """Two layers with one weight, as embeddings of language models have it."""

    def __init__(self):
        super().__init__()
        self.token = nn.Embedding(5, 3)
        self.head = nn.Linear(3, 5, bias=False)
        self.head.weight = self.token.weight


def test_weights_that_two_layers_share_are_written_once_and_stay_shared(tmp_path):
    net = Tied()
    assert ties_of(net) == {"token.weight": "head.weight"}
    path = write_state(net, tmp_path / "tied.safetensors")
    assert list(safetensors.torch.load_file(path)) == ["head.weight"]
    again = fill(Tied(), read_state(path))
    assert again.head.weight is again.token.weight and torch.equal(again.token.weight, net.token.weight)
    theirs = Tied()
    safetensors.torch.load_model(theirs, path)  # and safetensors reads it
    assert torch.equal(theirs.token.weight, net.token.weight)
    safetensors.torch.save_model(net, tmp_path / "theirs.safetensors")  # and what it writes is read here
    assert torch.equal(fill(Tied(), read_state(tmp_path / "theirs.safetensors")).head.weight, net.head.weight)
    with pytest.raises(RuntimeError, match="share memory"):  # which plain saving refuses
        safetensors.torch.save(net.state_dict())


def test_a_net_that_shares_weights_takes_none_that_differ():
    with pytest.raises(DataError, match="hold apart what it shares: token.weight"):
        fill(Tied(), {"head.weight": torch.ones(5, 3), "token.weight": torch.zeros(5, 3)})


def test_the_same_weights_give_the_same_bytes():
    net = Tied()
    assert len({state_bytes(net) for _ in range(20)}) == 1
    once, said = {"a": net.head.weight}, {"format": "pt", "token.weight": "a"}
    assert (
        len({safetensors.torch.save(once, said) for _ in range(20)}) > 1
    )  # safetensors alone writes its header in any order
    with pytest.raises(SettingError, match="must end in .safetensors"):
        write_state(net, "net.pt")


@pytest.mark.parametrize("name", ["net.pt", "net.pth", "net.safetensors"])
def test_a_plain_state_dict_is_read_to_the_bit(tmp_path, name):
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    path = tmp_path / name
    write_state(net, path) if path.suffix == ".safetensors" else torch.save(net.state_dict(), path)
    state = read_state(path)
    assert state.keys() == net.state_dict().keys()
    assert all(
        torch.equal(state[key], value) and state[key].dtype == value.dtype
        for key, value in net.state_dict().items()
    )


class Malicious:
    """What a pickle can do when it is opened: here, make a folder."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize(
    "write",
    [torch.save, lambda thing, path: path.write_bytes(pickle.dumps(thing, protocol=2))],
    ids=["torch", "pickle"],
)
def test_a_malicious_pickle_does_not_run(tmp_path, write):
    path = tmp_path / "net.pt"
    write({"weight": Malicious(tmp_path / "ran")}, path)
    with pytest.raises(DataError, match="not opened, since a pickle can run code") as caught:
        read_state(path)
    assert not (tmp_path / "ran").exists() and "\n" not in str(caught.value)
    torch.load(path, weights_only=False) if write is torch.save else pickle.loads(path.read_bytes())
    assert (tmp_path / "ran").exists()  # opened without care, it would have run


@pytest.mark.parametrize(
    ("thing", "told"),
    [
        (nn.Linear(2, 2), "pickle of something else"),
        ({"epoch": 3, "state_dict": {}}, "Got the entries epoch, state_dict"),
        ([torch.ones(1)], "or a list"),
        ({}, "plain state dict"),
    ],
)
def test_anything_but_a_plain_state_dict_is_refused(tmp_path, thing, told):
    torch.save(thing, tmp_path / "net.pt")
    with pytest.raises(DataError, match=told):
        read_state(tmp_path / "net.pt")


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("net.safetensors", b"\x10", "must hold the weights"),
        ("net.pt", b"PK\x03\x04 cut short", "must hold the weights|plain state dict"),
        ("net.pt", b"", "must hold the weights"),
        ("net.ckpt", b"", "must end in .safetensors, .pt or .pth. Got '.ckpt'"),
    ],
)
def test_damaged_files_are_refused_in_one_sentence(tmp_path, name, data, told):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=told) as caught:
        read_state(tmp_path / name)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="no such file"):
        read_state(tmp_path / "nothing.pt")


def test_a_file_that_was_cut_short_is_called_damaged(tmp_path):
    torch.save(nn.Linear(40, 40).state_dict(), tmp_path / "whole.pt")
    whole = (tmp_path / "whole.pt").read_bytes()
    (tmp_path / "half.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        DataError, match=r"must hold the weights of a net. Got a damaged file of [\d,]+ bytes.$"
    ):
        read_state(tmp_path / "half.pt")
    assert read_state(tmp_path / "whole.pt")["weight"].shape == (40, 40)


def test_weights_of_another_net_are_refused_with_what_differs():
    net = nn.Linear(3, 2)
    right = net.state_dict()
    fill(net, right)
    for state, told in (
        ({"weight": right["weight"]}, "These lack bias"),
        ({**right, "gate": torch.ones(1)}, "These also have gate"),
        ({**right, "weight": torch.ones(2, 4)}, r"in another shape weight \(2, 4\) instead of \(2, 3\)"),
    ):
        with pytest.raises(DataError, match=told):
            fill(net, state)
