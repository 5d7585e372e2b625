"""Training a picker as a step on record: waveforms behind the open rows of a study, and what people picked in them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.neural.picking_settings import LabelShape, Picker, PickingSettings
from clew.result import step
from clew.samples import Samples

if TYPE_CHECKING:
    from clew.neural.picking_rows import Waveform

OnProgress = Callable[[int, int], bool | None]


@dataclass(frozen=True, eq=False)
class PickedWaveforms:
    """Waveforms with picks, cut out of the recordings behind rows.

    Parameters
    ----------
    sample : ndarray of str, shape (n,)
        The rows.
    waveforms : list of Waveform
    rate : float
        In Hz.
    components : str
    notes : list of str
        What was left out in cutting.
    """

    sample: np.ndarray
    waveforms: list[Waveform]
    rate: float
    components: str
    notes: list[str]

    def digest(self) -> str:
        """Return the hash of what is learnt from."""
        sha = hashlib.sha256(f"{self.rate} {self.components}".encode())
        for one in self.waveforms:
            picks = sorted((name, list(map(float, some))) for name, some in one.picks.items())
            sha.update(f"{one.name} {one.group} {picks}".encode())
            sha.update(np.ascontiguousarray(one.values).tobytes())
        return sha.hexdigest()


@step(verb="train")
def train_picks(
    samples: Samples,
    waveforms: PickedWaveforms,
    *,
    model: Picker = "phasenet",
    from_: str = "",
    epochs: int = 120,
    rows_per_epoch: int = 512,
    batch_size: int = 16,
    lr: float | None = None,
    simulated: int = 400,
    label_shape: LabelShape = "gaussian",
    label_width: float | None = None,
    held_out: float = 0.2,
    threads: int = 1,
    device: str = "auto",
    random_state: int = 0,
    on_progress: OnProgress | None = None,
) -> Any:  # a PickingNet: hints are looked at where torch is not imported
    """Train a net to pick P and S on what people picked in the recordings of the open rows.

    Parameters
    ----------
    samples : Samples
    waveforms : PickedWaveforms
    model : {"phasenet", "eqtransformer"}
    from_ : str
        Weights to start from, where a picker is trained: "small", a folder that clew saved, or a pair of SeisBench.
    epochs : int
    rows_per_epoch : int
        Windows of each epoch of a picker, all cut and changed anew.
    batch_size : int
    lr : float
    simulated : int
        Simulated earthquakes that a picker learns from, too, in the noise of the recordings; 0 for none.
    label_shape : {"gaussian", "triangle"}
        What a picker is to say around a pick.
    label_width : float
        The standard deviation, or half the base, of that in s; 0.1 and 0.2 by default.
    held_out : float
        The share of stations from which a picker learns nothing, and which choose its thresholds.
    threads : int
    device : str
    random_state : int
    """
    from clew.neural.picking_training import train_picker
    from clew.neural.seisbench_pair import load_picker

    settings = PickingSettings(
        max_epochs=epochs, rows_per_epoch=rows_per_epoch, batch_size=batch_size, lr=lr, simulated=simulated,
        shape=label_shape, width=label_width, held_out=held_out, threads=threads, device=device, random_state=random_state,
    )  # fmt: skip
    stations = sorted({one.group for one in waveforms.waveforms})
    return train_picker(
        waveforms.waveforms,
        architecture=model,
        start_from=load_picker(Path(from_)) if from_ else None,
        settings=settings,
        rate=waveforms.rate,
        components=waveforms.components,
        trained_on=[f"Picks of people at {len(stations)} station{'s' * (len(stations) != 1)} of one study."],
        notes=waveforms.notes,
        on_progress=on_progress,
    )
