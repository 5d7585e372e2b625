"""What asks a picking net about many windows: through torch, or ONNX Runtime, with the same bits for any number of threads."""

from __future__ import annotations

import importlib.util
import io
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Literal

import numpy as np
import torch

from clew.errors import DataError, SettingError, check, check_choice
from clew.kernels.picking_windows import scale_windows
from clew.kernels.threads import n_threads
from clew.neural.picking_graphs import HARD, Graph, graph_of
from clew.neural.picking_net import TAPER, PickingNet
from clew.neural.place import threads as torch_threads

Name = Literal["auto", "torch", "onnx"]
Ask = Callable[[np.ndarray], np.ndarray]
INSTALL = "pip install clew[fast]"
NEEDS = ("onnx", "onnxruntime")
OPSET = 18
WORTH = 5_000  # windows from which on "auto" exports: that takes about a second, and saves a sixth
CLOSE = 1e-4  # of a probability, to what the net itself answers
FAR_ROUNDED = 4  # times what rounding alone makes of the net's answers is close, too
TRIED = 2  # windows, in the check of that


def engine_of(
    model: PickingNet, *, engine: Name = "auto", threads: int | None = 1, windows: int | None = None
) -> Engine:
    """Return what asks a model about windows.

    Parameters
    ----------
    model : PickingNet
    engine : {"auto", "torch", "onnx"}
        What computes; "auto" is ONNX Runtime where that is installed and there is work enough, else torch. Their answers
        differ by rounding, of about 1e-7.
    threads : int or None
        How many windows are computed side by side; None for as many as there are cores. The bits do not depend on it.
    windows : int, optional
        How many there will be, about; unknown is many.

    Raises
    ------
    SettingError
        If there is no such engine, ONNX is asked for and not installed, or ``threads`` is below 1.
    DataError
        If the model is several nets, or the fast form does not answer as the net does, to 1e-4 or what rounding makes of it.
    """
    check_choice(engine, ("auto", "torch", "onnx"), what="'engine' setting", of="picking")
    check(threads is None or threads >= 1, SettingError, "The 'threads' of picking must be at least 1. Got {} instead.", threads)  # fmt: skip
    check(model.members == 1, DataError, "The model to pick with must be one net. Got {}.", model.members)
    lacking = [one for one in NEEDS if importlib.util.find_spec(one) is None]
    check(engine != "onnx" or not lacking, SettingError, "Picking by the engine 'onnx' must have {} installed. Got none: {}.", " and ".join(lacking), INSTALL)  # fmt: skip
    if engine == "auto":
        engine = "onnx" if not lacking and (windows is None or windows >= WORTH) else "torch"
    with torch_threads(1):  # more of torch's would wait for each other, where others compute, too
        made = Engine(model, engine, n_threads() if threads is None else threads)
        _check_answers(made)
    return made


class Engine:
    """A model, ready to be asked about windows.

    Parameters
    ----------
    model : PickingNet
    name : {"torch", "onnx"}
    threads : int

    Attributes
    ----------
    versions : dict of str to str
        Of what computes.
    batch : int
        Windows that are computed together: always so many, with zeros behind the last, so that neither the number of
        windows nor that of threads changes a bit.
    """

    def __init__(self, model: PickingNet, name: Literal["torch", "onnx"], threads: int) -> None:
        graph = graph_of(model)
        self.model, self.name = model, str(name)
        self.batch, self.phases = graph.together[name], graph.phases
        self.shape = len(model.components), model.window
        self._inside = (self.batch, self.phases * self.shape[0], -(-self.shape[1] // self.phases))
        self._ask, self.versions = (_by_torch if name == "torch" else _by_onnx)(graph, self._inside)
        self._pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))

    def answer(self, x: np.ndarray) -> np.ndarray:
        """Return the probabilities of windows.

        Parameters
        ----------
        x : ndarray of float32, shape (n, n_components, window)
            In any unit, components in the order of the model.

        Returns
        -------
        ndarray of float32, shape (n, n_labels, window)

        Raises
        ------
        DataError
            If the windows are not of the shape that the model takes.
        """
        check(x.ndim == 3 and x.shape[1:] == self.shape, DataError, "The windows to pick in must have the shape (n, {}, {}). Got {} instead.", *self.shape, x.shape)  # fmt: skip
        x = np.ascontiguousarray(x, np.float32)
        out = np.empty((len(x), len(self.model.labels), self.shape[1]), np.float32)
        blocks = [slice(i, i + self.batch) for i in range(0, len(x), self.batch)]
        for _ in self._pool.map(lambda one: self._write(x[one], out[one]), blocks):
            pass
        return out

    def _write(self, x: np.ndarray, out: np.ndarray) -> None:
        """Bring a block of windows to scale, and write what the net answers."""
        model, inside = self.model, np.empty(self._inside, np.float32)
        taper = TAPER if model.architecture == "eqtransformer" else 0
        here = inside[: len(x)]
        scale_windows(x, here, model.norm == "peak", model.norm_per_component, model.norm_detrend, taper, self.phases)  # fmt: skip
        inside[len(x) :] = 0.0
        out[:] = self._ask(inside)[: len(x)]


def _by_torch(graph: Graph, shape: tuple[int, ...]) -> tuple[Ask, dict[str, str]]:
    graph = graph.to(memory_format=torch.channels_last)

    def ask(inside: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            answer: np.ndarray = graph(torch.from_numpy(inside)).numpy()
        return answer

    return ask, {"torch": torch.__version__}


def _by_onnx(graph: Graph, shape: tuple[int, ...]) -> tuple[Ask, dict[str, str]]:
    import onnxruntime

    buffer = io.BytesIO()
    with warnings.catch_warnings():  # that the tracing exporter is old
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph, (torch.zeros(shape),), buffer, input_names=["x"], opset_version=OPSET, dynamo=False
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # threads are ours, window by window
    data = _with_hard_gates(buffer.getvalue()) if graph.hard else buffer.getvalue()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    def ask(inside: np.ndarray) -> np.ndarray:
        (answer,) = session.run(None, {"x": inside})
        return np.asarray(answer)

    return ask, {"torch": torch.__version__, "onnxruntime": version("onnxruntime")}


def _with_hard_gates(data: bytes) -> bytes:
    """Return a graph whose LSTMs have hard sigmoids as gates: what ONNX can say, and torch cannot."""
    import onnx
    from onnx import helper

    whole = onnx.load_from_string(data)
    slope, middle = HARD
    for node in whole.graph.node:
        if node.op_type == "LSTM":
            ways = 1 + any(helper.get_attribute_value(one) == b"bidirectional" for one in node.attribute)
            gates = {"activations": ["HardSigmoid", "Tanh", "Tanh"] * ways}
            numbers = {"activation_alpha": [slope] * ways, "activation_beta": [middle] * ways}
            node.attribute.extend(helper.make_attribute(name, one) for name, one in (gates | numbers).items())
    return bytes(whole.SerializeToString())


def _check_answers(engine: Engine) -> None:
    """Refuse an engine that does not answer as its net does in float64."""
    model = engine.model
    x = np.random.default_rng(0).normal(size=(TRIED, *engine.shape)).astype(np.float32)
    x[:, :, model.window // 2 :] *= 5.0  # an onset
    with torch.inference_mode():
        plain, exact = (
            model.probabilities(model.net().to(dtype)(model.prepare(torch.from_numpy(x).to(dtype)))).numpy()
            for dtype in (torch.float32, torch.float64)
        )
    rounding = float(np.abs(plain - exact).max())  # of nets that multiply it, such as none that was trained
    apart = float(np.abs(engine.answer(x) - exact).max())
    close = max(CLOSE, FAR_ROUNDED * rounding)
    check(apart <= close, DataError, "The fast form of the model must answer as its net does, to {:g}. Got a difference of {:.2g}.", close, apart)  # fmt: skip
