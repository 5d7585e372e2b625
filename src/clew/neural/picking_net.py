"""`PickingNet`: a trained net that says at each moment of a recording whether a P or S wave arrives, and how to ask it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from clew.neural.model_card import CardParts
from clew.neural.stored import StoredNet
from clew.words import listed

Norm = Literal["std", "peak"]
Stacking = Literal["mean", "max"]
NOISE, DETECTION = "N", "Detection"  # what is no phase
TINY = 1e-10  # is added to what is divided by, as in SeisBench
TAPER = 6  # samples at both ends of what an EQTransformer sees


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class PickingNet(StoredNet):
    """A net for windows of three-component recordings, with all that its weights were trained with.

    Parameters
    ----------
    labels : list of str
        What the channels of its answer are, in their order: phases ("P", "S", "Pn"), "N" for neither, "Detection".
    rate : float
        Of the recordings that it knows, in Hz; others are resampled to it.
    window : int
        Samples of one window.
    components : str
        In the order in which the net takes them, such as "ZNE".
    norm : {"std", "peak"}
        By what a window is divided, after its mean was taken off.
    norm_per_component : bool
        Whether each component is divided by its own.
    norm_detrend : bool
        Whether a straight line is taken off, too.
    filter : dict
        "args" and "kwargs" of the filter that the recording passes first, as ObsPy's ``Stream.filter`` takes them; {} for none.
    thresholds : dict of str to float
        From which probability a phase, or a detection, counts.
    overlap : int
        Samples that a window shares with the next, unless somebody says otherwise.
    blinding : list of two ints
        Samples at both ends of a window whose answers do not count.
    stacking : {"mean", "max"}
        How the answers of windows that overlap become one.
    trained_on : list of str
        Sentences for the card.
    validation : dict
        How good it is on what was held out, and the curve by which thresholds were chosen.
    origin : dict
        Where weights that were trained elsewhere are from: "docstring", "version", "file", "sha256".
    """

    FORMAT: ClassVar[str] = "clew picking net"
    DECIDES: ClassVar[tuple[str, ...]] = (
        "architecture", "net_settings", "labels", "rate", "window", "components", "norm", "norm_per_component", "norm_detrend",
        "filter",
    )  # fmt: skip

    measure: ClassVar[dict[str, Any]] = {"kind": "picks"}  # as a forest says what its rows are

    labels: list[str]
    rate: float = 100.0
    window: int = 3001
    components: str = "ZNE"
    norm: Norm = "std"
    norm_per_component: bool = False
    norm_detrend: bool = False
    filter: dict[str, Any] = dataclasses.field(default_factory=dict)
    thresholds: dict[str, float] = dataclasses.field(default_factory=dict)
    overlap: int = 1500
    blinding: list[int] = dataclasses.field(default_factory=lambda: [0, 0])
    stacking: Stacking = "mean"
    trained_on: list[str] = dataclasses.field(default_factory=list)
    validation: dict[str, Any] = dataclasses.field(default_factory=dict)
    origin: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def phases(self) -> list[str]:
        """Return the phases that it knows, in the order of its answers."""
        return [one for one in self.labels if one not in (NOISE, DETECTION)]

    def headline(self) -> str:
        """Say what it picks, and in what."""
        name = {"phasenet": "a PhaseNet", "eqtransformer": "an EQTransformer"}[self.architecture]
        return f"{name} for {listed(self.phases)} in windows of {self.window / self.rate:g} s at {self.rate:g} Hz"

    def card_parts(self) -> CardParts:
        """Return what its card says beside how it was trained."""
        return CardParts(
            takes=[f"Recordings of the components {', '.join(self.components)} at {self.rate:g} Hz; others are resampled."],
            says=[f"At each moment the probability of: {', '.join(self.labels)}."],
            limits=" ".join(self.trained_on) or "Nothing is known of what it was trained on.",
            use=["clew pick RECORDING --model FOLDER --out picks.xml"],
            tags=("phase-picking", "seismology"),
        )  # fmt: skip

    def prepare(self, x: Tensor) -> Tensor:
        """Bring windows to the scale that the net knows, of the same shape (n, n_components, n_samples) and dtype."""
        x = x - x.mean(dim=-1, keepdim=True)
        if self.norm_detrend:
            at = torch.linspace(-1, 1, x.shape[-1], dtype=x.dtype)
            x = x - (x * at).mean(dim=-1, keepdim=True) / (at * at).mean() * at
        sides = (-1,) if self.norm_per_component else (-2, -1)
        if self.norm == "peak":
            size = x.abs().amax(dim=sides, keepdim=True)
        else:
            size = x.std(dim=sides, keepdim=True)
        x = x / (size + TINY)
        if self.architecture == "eqtransformer":
            rise = 0.5 * (1 + torch.cos(torch.linspace(np.pi, 2 * np.pi, TAPER, dtype=x.dtype)))
            x = x.clone()
            x[..., :TAPER] *= rise
            x[..., -TAPER:] *= rise.flip(-1)
        return x

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return what the net's answers (n, n_labels, n_samples) say: shares that sum to 1 where "N" is among them, else each by itself."""
        return logits.softmax(dim=1) if NOISE in self.labels else logits.sigmoid()
