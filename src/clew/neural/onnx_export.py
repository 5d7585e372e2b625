"""A net as an ONNX file, with all that is done to rows before it and to its answers after it in the graph."""

from __future__ import annotations

import io
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from clew.errors import DataError, SettingError, check
from clew.neural.architectures import architecture_of
from clew.neural.coders import NetCoder
from clew.neural.estimators import NetClassifier, NetRegressor
from clew.neural.model import NetModel
from clew.neural.preprocess import Preprocess
from clew.result import Result, write_whole

OPSET = 18
CLOSE = 1e-5  # of a probability, or of the spread of the numbers in training
INSTALL = "pip install clew[export]"
TRIED = (1, 5)  # rows at a time, in the check; the graph is traced with 2


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class OnnxExport(Result):
    """A net that was written as ONNX.

    Parameters
    ----------
    path : str
    takes : str
        dtype and shape of the input "rows".
    says : str
        What the output is.
    difference : float or None
        The largest difference of an answer from clew's, of a probability or in spreads of the numbers in training; None
        where onnxruntime was not there to ask.
    """

    path: str
    takes: str
    says: str
    difference: float | None

    def headline(self) -> str:
        """Say where it is and whether it was checked."""
        if self.difference is None:
            return f"{self.path}, not checked: onnxruntime is not installed ({INSTALL})"
        return f"{self.path}, checked: its answers differ from clew's by {self.difference:.1g} at most"

    def summary(self) -> dict[str, Any]:
        """Return all of it."""
        return {"path": self.path, "takes": self.takes, "says": self.says, "difference": self.difference}


def export_onnx(model: NetModel | NetClassifier | NetRegressor | NetCoder, path: str | Path) -> OnnxExport:
    """Write a net as ONNX, for any number of rows, and compare its answers with clew's where onnxruntime is installed.

    The graph takes rows in their own units, brings them to scale, asks every member, and gives the mean: the probability
    of each class, or the number. Classes, features, units and how to cut are in its metadata. Of a coder two graphs are
    written: the encoder, which gives the latent numbers of rows, and beside it ``NAME-decoder.onnx``, which gives rows from
    latent numbers; both of its first member.

    Parameters
    ----------
    model : NetModel, NetClassifier, NetRegressor, NetAutoencoder or NetVae
    path : path
        Ends in .onnx.

    Returns
    -------
    OnnxExport

    Raises
    ------
    SettingError
        If the name does not end in .onnx, or onnx is not installed.
    DataError
        If the net reads text, or is told labels, or onnxruntime answers otherwise than clew: then nothing is written.
    """
    path = Path(path)
    check(path.suffix == ".onnx", SettingError, "The file to export to, '{}', must end in .onnx. Got '{}' instead.", path, path.suffix)  # fmt: skip
    onnx = _imported()
    model = model if isinstance(model, NetModel) else NetModel.of([model])
    if model.kind == "coding":
        return _export_coder(model, path, onnx)
    rows = _rows(model, 2)
    data = _with_metadata(onnx, _traced(_Whole(model), rows), model)
    difference = _difference(data, model)
    write_whole(path, data)
    shape = ", ".join(map(str, ("any", *rows.shape[1:])))
    says = f"the probability of {', '.join(model.classes)}" if model.classes else model.target_name
    takes = f"{rows.numpy().dtype} ({shape})"
    return OnnxExport(path=str(path), takes=takes, says=says, difference=difference)


def _export_coder(model: NetModel, path: Path, onnx: Any) -> OnnxExport:
    """Write encoder and decoder of the first member as two files."""
    check(not model.classes, DataError, "The coder to export must not be told labels. Got one that is told: {}.", ", ".join(model.classes))  # fmt: skip
    coder, second = model.estimator(), path.with_stem(f"{path.stem}-decoder")
    assert isinstance(coder, NetCoder)
    n_latent, dtype = model.net_settings["latent"], next(coder.net_.parameters()).dtype
    shares = model.net_settings.get("likelihood") == "bernoulli"
    asked = {n: _rows(model, n).clamp(0, 1) if shares else _rows(model, n) for n in (2, *TRIED)}
    latent = {
        n: torch.from_numpy(np.random.default_rng(n).normal(size=(n, n_latent))).to(dtype) for n in asked
    }
    files, differences = {}, []
    for file, part, rows, answer in (
        (path, _Encoder(model), asked, coder.embed),
        (second, _Decoder(model), latent, coder.decode),
    ):
        data = files[file] = _with_metadata(onnx, _traced(part, rows[2]), model)
        said = [(_run(data, rows[n].numpy()), answer(rows[n].numpy())) for n in TRIED]
        differences += [None if a is None else float(np.abs(a - b).max() / np.abs(b).max()) for a, b in said]
    known = None if None in differences else max(one for one in differences if one is not None)
    check(known is None or known < CLOSE, DataError, "The exported coder must answer as clew does, to {:g}. Got a difference of {:.2g}; nothing was written.", CLOSE, known)  # fmt: skip
    for file, data in files.items():
        write_whole(file, data)
    takes = f"{asked[2].numpy().dtype} ({', '.join(map(str, ('any', *asked[2].shape[1:])))})"
    says = f"{n_latent} latent numbers, from which {second.name} gives rows"
    return OnnxExport(path=str(path), takes=takes, says=says, difference=known)


class _Whole(nn.Module):
    """All that a model does to rows."""

    def __init__(self, model: NetModel):
        super().__init__()
        kind = architecture_of(model.architecture)
        self.nets = nn.ModuleList([model.net(member) for member in range(model.members)])
        self.dtype = next(self.nets.parameters()).dtype
        self.preprocess = Preprocess.from_config(model.preprocess)
        self.in_line, self.turned = kind.takes == "rows", kind.takes == "sequences" and bool(model.cut)
        self.classes, self.target = bool(model.classes), model.target
        self.next = model.net_settings.get("head") == "forecast" and model.net_settings["horizon"] == 1

    def forward(self, x: Tensor) -> Tensor:  # (B, ...), as it was measured
        x = x.transpose(1, -1) if self.turned else x
        x = x if self.preprocess.codes else self.scaled(x.double()).to(self.dtype)
        x = x.flatten(1) if self.in_line else x
        answers = torch.stack([self.said(net(x)) for net in self.nets])
        return answers.mean(dim=0)  # (B, n_classes), or as the target

    def scaled(self, x: Tensor) -> Tensor:
        """Do what `Preprocess.apply` does, in float64 as there."""
        p, sides = self.preprocess, list(range(1, x.ndim))
        if p.scale == "none":
            return x
        if p.scale == "training":
            along = [1] * x.ndim
            along[-1 if p.sequences else 1] = -1
            mean, size = (torch.tensor(one, dtype=x.dtype).reshape(along) for one in (p.mean, p.spread))
            return self.divided(x - mean, size)
        centred = x - x.mean(sides, keepdim=True)
        if p.scale == "peak":
            return self.divided(centred, centred.abs().amax(sides, keepdim=True))
        return self.divided(centred, (centred**2).mean(sides, keepdim=True).sqrt())

    def divided(self, x: Tensor, size: Tensor) -> Tensor:
        """Divide by a size, to 0 where that is 0."""
        return torch.where(size > 0, x / torch.where(size > 0, size, 1.0), 0.0)

    def said(self, answers: Tensor) -> Tensor:
        """Make probabilities, or numbers, of what a net answers."""
        if self.classes:
            return answers.softmax(dim=-1)
        mean, spread = (torch.tensor(self.target[name], dtype=torch.float64) for name in ("mean", "spread"))
        if not mean.ndim and answers.shape[-1] == 1:
            answers = answers.squeeze(-1).squeeze(-1) if self.next else answers.squeeze(-1)
        return answers.double() * spread + mean


class _Encoder(_Whole):
    """What makes latent numbers of rows, as they were measured."""

    def forward(self, x: Tensor) -> Tensor:  # (B, ...)
        net: Any = self.nets[0]
        found = net.encode(self.scaled(x.double()).to(self.dtype))
        return found[0] if isinstance(found, tuple) else found  # (B, latent)


class _Decoder(_Whole):
    """What makes rows of latent numbers: in their units, or around 0 where each row has a scale of its own."""

    def forward(self, x: Tensor) -> Tensor:  # (B, latent)
        net: Any = self.nets[0]
        rows = net.decode(x)
        rows = (net.expected(rows) if hasattr(net, "expected") else rows).double()
        if self.preprocess.scale != "training":
            return rows
        along = [1, -1, *[1] * (rows.ndim - 2)]
        mean, spread = (torch.tensor(one, dtype=rows.dtype).reshape(along) for one in (self.preprocess.mean, self.preprocess.spread))  # fmt: skip
        return rows * spread + mean  # (B, ...)


def _rows(model: NetModel, n: int) -> Tensor:
    """Return rows like those of the training, to trace and to check with."""
    random, codes = np.random.default_rng(n), model.preprocess["codes"]
    check(not model.preprocess["letters"], DataError, "The net to export must take numbers. Got one that was trained on text, which ONNX cannot code.")  # fmt: skip
    shape = (n, *model.shape)
    if codes:
        return torch.from_numpy(random.integers(0, codes, shape))
    values = random.normal(size=shape)
    if model.preprocess["scale"] == "training":
        along = [1] * len(shape)
        along[-1 if model.preprocess["sequences"] and not model.cut else 1] = -1
        mean, spread = (np.reshape(model.preprocess[name], along) for name in ("mean", "spread"))
        values = values * spread + mean
    table = len(model.shape) == 1  # features are float64 throughout clew; raw data are float32
    return torch.from_numpy(values if table else values.astype(np.float32))


def _traced(whole: _Whole, rows: Tensor) -> bytes:
    """Return the graph of what is done to rows, for any number of them."""
    buffer = io.BytesIO()
    with (
        warnings.catch_warnings()
    ):  # that the tracing exporter is old, and that recurrent nets have a batch size: see TRIED
        warnings.simplefilter("ignore")
        torch.onnx.export(
            whole.eval(),
            (rows,),
            buffer,
            input_names=["rows"],
            output_names=["answers"],
            dynamic_axes={"rows": {0: "n"}, "answers": {0: "n"}},
            opset_version=OPSET,
            dynamo=False,
        )
    return buffer.getvalue()


def _with_metadata(onnx: Any, data: bytes, model: NetModel) -> bytes:
    graph = onnx.load_from_string(data)
    names = (
        "kind",
        "classes",
        "feature_names",
        "units",
        "architecture",
        "preprocess",
        "cut",
        "target",
        "sha256",
    )
    said = {name: getattr(model, name) for name in names}
    onnx.helper.set_model_props(
        graph, {name: one if isinstance(one, str) else json.dumps(one) for name, one in said.items()}
    )
    graph.producer_name = "clew"
    onnx.checker.check_model(graph)
    return bytes(graph.SerializeToString(deterministic=True))


def _imported() -> Any:
    try:
        import onnx
        import onnx.checker
        import onnx.helper
    except ImportError as error:
        raise SettingError(f"Exporting must have onnx installed. Got none: {INSTALL}.") from error
    return onnx


def _run(data: bytes, rows: np.ndarray) -> np.ndarray | None:
    """Return onnxruntime's answers; None where it is not installed."""
    try:
        import onnxruntime
    except ImportError:
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    (answers,) = session.run(None, {"rows": rows})
    return np.asarray(answers)


def _difference(data: bytes, model: NetModel) -> float | None:
    """Return by how much onnxruntime's answers differ from clew's at most; None where it is not installed."""
    largest = 0.0
    for n in TRIED:
        rows = _rows(model, n).numpy()
        answers = _run(data, rows)
        if answers is None:
            return None
        scale = np.array(model.target["spread"]) if model.target else 1.0
        largest = max(largest, float(np.abs((answers - model.predict_raw(rows)) / scale).max()))
    check(largest < CLOSE, DataError, "The exported net must answer as clew does, to {:g}. Got a difference of {:.2g}; nothing was written.", CLOSE, largest)  # fmt: skip
    return largest
