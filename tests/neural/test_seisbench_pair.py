"""Weights that go from SeisBench to clew and back, and pairs of files that are refused."""

import json
import shutil

import pytest
import torch

from clew.errors import DataError, SettingError
from clew.neural.seisbench_pair import load_picker, read_seisbench, write_seisbench
from clew.neural.stored import weights_of
from tests.neural.nets.test_phasenet import shaken, windows


@pytest.fixture(scope="module")
def models():
    return pytest.importorskip("seisbench.models")


@pytest.fixture(scope="module")
def pairs(models, tmp_path_factory):
    """Weights of both nets as SeisBench saves them."""
    folder = tmp_path_factory.mktemp("seisbench")
    torch.manual_seed(0)
    nets = {
        "pn": models.PhaseNet(
            phases="PSN", norm="peak", filter_args=["highpass"], filter_kwargs={"freq": 1.0}
        ),
        "eqt": models.EQTransformer(lstm_blocks=2),
    }
    nets["pn"].default_args = {
        "P_threshold": 0.44,
        "S_threshold": 0.45,
        "overlap": 0.5,
        "blinding": (100, 100),
    }
    for name, net in nets.items():
        shaken(net)
        net.save(folder / name, weights_docstring=f"Random weights of {name}.", version_str="2")
    return folder, nets


def asked(model, x):
    with torch.no_grad():
        return model.probabilities(model.net()(model.prepare(x)))


def theirs(net, x):
    with torch.no_grad():
        said = net(net.annotate_batch_pre(x.clone(), {}))
    return torch.stack(said, dim=1) if isinstance(said, tuple) else said


@pytest.mark.parametrize(("name", "n"), [("pn", 3001), ("eqt", 6000)])
def test_weights_of_seisbench_answer_as_they_do_there(pairs, name, n):
    folder, nets = pairs
    x = windows(n)[:1] * torch.tensor([1.0, 5.0, 20.0])[:, None] + 3
    torch.testing.assert_close(
        asked(read_seisbench(folder / name), x), theirs(nets[name], x), atol=1e-5, rtol=0
    )


def test_all_that_the_sidecar_says_is_heeded(pairs):
    folder, _ = pairs
    model = read_seisbench(folder / "pn.json.v2")
    assert model.labels == ["P", "S", "N"] and model.phases == ["P", "S"]
    assert (model.norm, model.norm_per_component, model.components) == ("peak", True, "ZNE")
    assert model.thresholds == {"P": 0.44, "S": 0.45}
    assert (model.overlap, model.blinding, model.stacking) == (1500, [100, 100], "mean")
    assert model.filter == {"args": ["highpass"], "kwargs": {"freq": 1.0}}
    eqt = read_seisbench(folder / "eqt.pt.v2")
    assert eqt.labels == ["Detection", "P", "S"] and eqt.n_parameters == 372_023
    assert eqt.thresholds == {"P": 0.1, "S": 0.1, "Detection": 0.3}
    assert (eqt.overlap, eqt.blinding, eqt.stacking) == (3000, [500, 500], "max")


def test_phases_that_are_taken_in_another_order_would_be_noticed(pairs):
    folder, nets = pairs
    x = windows()[:1]
    swapped = asked(read_seisbench(folder / "pn"), x)[:, [1, 0, 2]]
    assert (swapped - theirs(nets["pn"], x)).abs().max() > 1e-3


@pytest.mark.parametrize("norm", ["std", "peak"])
@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("detrend", [False, True])
@pytest.mark.parametrize("kind", ["PhaseNet", "EQTransformer"])
def test_windows_are_prepared_as_seisbench_does(models, tmp_path, kind, norm, alone, detrend):
    net = getattr(models, kind)(norm=norm, norm_amp_per_comp=alone, norm_detrend=detrend)
    net.save(tmp_path / "w", weights_docstring="", version_str="1")
    model = read_seisbench(tmp_path / "w")
    x = windows(model.window) * torch.tensor([1.0, 5.0, 20.0])[:, None] + torch.linspace(0, 9, model.window)
    torch.testing.assert_close(model.prepare(x.clone()), net.annotate_batch_pre(x, {}), atol=2e-6, rtol=0)


@pytest.mark.parametrize(("name", "kind", "n"), [("pn", "PhaseNet", 3001), ("eqt", "EQTransformer", 6000)])
def test_what_is_written_seisbench_loads_and_answers_alike(models, pairs, tmp_path, name, kind, n):
    folder, _ = pairs
    model = read_seisbench(folder / name)
    write_seisbench(model, tmp_path, "ours")
    there = getattr(models, kind).load(tmp_path / "ours", version_str="1").eval()
    x = windows(n)[:1]
    torch.testing.assert_close(asked(model, x), theirs(there, x), atol=1e-5, rtol=0)
    assert there.default_args["P_threshold"] == model.thresholds["P"]
    back = read_seisbench(tmp_path / "ours")
    assert back.sha256 == model.sha256 and back.thresholds == model.thresholds
    with pytest.raises(SettingError, match="must not exist yet"):
        write_seisbench(model, tmp_path, "ours")


def test_a_pair_becomes_a_folder_of_clew(pairs, tmp_path):
    folder, _ = pairs
    model = load_picker(folder / "pn")
    model.save_model(tmp_path / "kept")
    assert load_picker(tmp_path / "kept").sha256 == model.sha256


def test_the_newest_of_several_versions_is_read(pairs, tmp_path):
    folder, _ = pairs
    for version in ("2", "10"):
        for ending in ("json", "pt"):
            shutil.copy(folder / f"pn.{ending}.v2", tmp_path / f"w.{ending}.v{version}")
    assert read_seisbench(tmp_path / "w").origin["file"] == "w.pt.v10"
    assert read_seisbench(tmp_path / "w.json.v2").origin["file"] == "w.pt.v2"


def changed(pairs, tmp_path, **args):
    folder, _ = pairs
    shutil.copy(folder / "pn.pt.v2", tmp_path / "w.pt.v1")
    said = json.loads((folder / "pn.json.v2").read_text())
    said["model_args"] |= args
    (tmp_path / "w.json.v1").write_text(json.dumps(said))
    return tmp_path / "w"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"phases": "PSX", "classes": 4}, "as many phases as its net has"),
        ({"phases": "PP"}, "each once"),
        ({"component_order": "ZN"}, "as many components"),
        ({"norm": "rms"}, "must be std or peak"),
        ({"wavelets": 3}, "settings that are known here"),
        ({"filter_factor": 2}, "must be those of"),
    ],
)
def test_a_sidecar_that_does_not_fit_is_refused(pairs, tmp_path, args, told):
    with pytest.raises(DataError, match=told):
        read_seisbench(changed(pairs, tmp_path, **args))


def test_files_that_are_missing_or_damaged_are_named(models, pairs, tmp_path):
    path = changed(pairs, tmp_path)
    (tmp_path / "w.pt.v1").write_bytes(b"PK broken")
    with pytest.raises(DataError, match="w.pt.v1' must"):
        read_seisbench(path)
    (tmp_path / "w.pt.v1").unlink()
    with pytest.raises(DataError, match="The weights '.*w.pt.v1' must stand beside"):
        read_seisbench(path)
    with pytest.raises(DataError, match="Got neither"):
        read_seisbench(tmp_path / "other")
    changed(pairs, tmp_path)
    (tmp_path / "w.json.v1").write_text("{")
    with pytest.raises(DataError, match="must be JSON"):
        read_seisbench(path)
    (tmp_path / "w.json.v1").unlink()
    with pytest.raises(DataError, match="The sidecar '.*w.json.v1' must stand beside"):
        read_seisbench(path)
    models.GPD().save(tmp_path / "gpd", weights_docstring="", version_str="1")
    with pytest.raises(DataError, match="must be of a PhaseNet or an EQTransformer"):
        read_seisbench(tmp_path / "gpd")
    with pytest.raises(DataError, match="one that comes with clew"):
        load_picker(tmp_path / "nothing")


def test_what_seisbench_has_no_words_for_is_not_written(pairs, tmp_path):
    from dataclasses import replace

    folder, _ = pairs
    model = read_seisbench(folder / "pn")
    with pytest.raises(SettingError, match="single letters"):
        write_seisbench(replace(model, labels=["Pn", "S", "N"]), tmp_path, "w")
    with pytest.raises(SettingError, match="divided as SeisBench does"):
        write_seisbench(replace(model, norm="std", norm_per_component=False), tmp_path, "w")
    two = replace(model, seeds=[0, 1], weights=weights_of([model.net(), model.net()]))
    with pytest.raises(SettingError, match="must be one net"):
        write_seisbench(two, tmp_path, "w")
    assert not list(tmp_path.iterdir())
    assert asked(model, windows()[:1]).isfinite().all()
