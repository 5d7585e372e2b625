"""What the tests of picking share: a model without a net, and something that answers in its place."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from clew.neural.picking_net import PickingNet

LABELS = ["P", "S", "N"]


def bare_model(**settings: Any) -> PickingNet:
    """Return a model that has no weights: it says how windows are cut, and `Level` answers."""
    given: dict[str, Any] = {
        "architecture": "phasenet", "net_settings": {}, "recipe": {}, "seeds": [0], "weights": {}, "histories": [],
        "labels": LABELS, "window": 200, "overlap": 100, "rate": 100.0, "thresholds": {"P": 0.5, "S": 0.4},
    }  # fmt: skip
    return PickingNet(**(given | settings))


class Level:
    """An engine whose answer depends on the samples, on where in the window they are, and on all of the window."""

    name, versions, batch = "level", {"level": "1"}, 4

    def __init__(self, labels: int = 3) -> None:
        self.labels = labels
        self.asked: list[int] = []

    def answer(self, x: np.ndarray) -> np.ndarray:
        """Return probabilities (n, n_labels, window)."""
        self.asked.append(len(x))
        size = x.std(axis=(1, 2), keepdims=True) + 1e-6
        at = np.linspace(0.5, 1.0, x.shape[2], dtype=np.float32)
        rows = [np.abs(x[:, i % x.shape[1]]) / size[:, 0] * at for i in range(self.labels)]
        return (1 - np.exp(-0.5 * np.stack(rows, axis=1))).astype(np.float32)


def random_model(
    architecture: str,
    window: int,
    *,
    seed: int = 0,
    labels: list[str] | None = None,
    given: dict[str, Any] | None = None,
    **net_settings: Any,
) -> PickingNet:
    """Return a model with random weights, whose batch normalisation has seen something."""
    import dataclasses

    import torch

    from clew.neural.architectures import build
    from clew.neural.place import seeded

    labels = labels or {"phasenet": ["N", "P", "S"], "eqtransformer": ["Detection", "P", "S"]}[architecture]
    with seeded(seed):
        net: Any = build(architecture, (3, window), len(labels), net_settings)
        with torch.no_grad():
            for name, one in net.state_dict().items():
                if name.endswith("running_mean"):
                    one.normal_(0, 0.2)
                elif name.endswith("running_var"):
                    one.uniform_(0.5, 2.0)
                elif name.endswith(("bh", "ba", "beta")):
                    one.normal_()
                elif (
                    one.ndim == 3
                ):  # as torch draws them, an EQTransformer answers the same whatever it is asked
                    one.normal_(0, (2 / one[0].numel()) ** 0.5)
    return bare_model(
        architecture=architecture,
        net_settings=dataclasses.asdict(net.config),
        weights={f"0.{name}": one.numpy() for name, one in net.state_dict().items()},
        labels=labels,
        window=window,
        overlap=window // 2,
        thresholds={},
        **(given or {}),
    )


def apart(do: Callable[..., Any], *args: Any, **settings: Any) -> Any:
    """Call SeisBench in a thread of its own: it starts an event loop, which it cannot where a browser's tests left one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(do, *args, **settings).result()
