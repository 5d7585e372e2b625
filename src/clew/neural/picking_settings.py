"""The settings of training a picker, without torch: what signatures and forms are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from clew.errors import SettingError, check, check_choice, check_seed
from clew.result import literal_choices

LabelShape = Literal["gaussian", "triangle"]
Picker = Literal["phasenet", "eqtransformer"]
WIDTHS = {"gaussian": 0.1, "triangle": 0.2}  # s, of the papers: standard deviation, and half of the base
WEIGHTS = {
    "eqtransformer": {"Detection": 0.05, "P": 0.40, "S": 0.55}
}  # of the losses: Mousavi et al. 2020; PhaseNet's are all 1
LR, FINE_LR = 1.5e-3, 5e-4  # from scratch, and of weights that are trained already


@dataclass(frozen=True, kw_only=True)
class Changes:
    """In what shares of windows something is changed.

    Parameters
    ----------
    noise : float
        Windows that are noise and nothing else.
    simulated : float
        Of the others: simulated earthquakes in real noise.
    superposed : float
        A second event is added, a tenth to as large.
    noisier : float
        Noise is added, of 0.3 to 6 % of the largest value.
    gaps : float
        A stretch of up to a tenth is 0.
    ends : float
        The recording begins, or ends, or both, within the window, and the rest is 0, as short recordings are padded.
    dropped : float
        Only one component is left, most often the first, the vertical one.
    stretched : float
        Time runs slower or faster, by a third at most.
    turned : float
        The horizontals are turned by any angle.
    gain : float
        The components are louder and fainter than each other, by up to a factor of 2.
    flipped : float
        Up is down.
    """

    noise: float = 0.15
    simulated: float = 0.25
    superposed: float = 0.06
    noisier: float = 0.25
    gaps: float = 0.05
    ends: float = 0.15
    dropped: float = 0.25
    stretched: float = 0.5
    turned: float = 0.5
    gain: float = 0.3
    flipped: float = 0.5

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            check(0 <= value <= 1, SettingError, "The share '{}' of the windows to learn picking from must be from 0 to 1. Got {} instead.", name, value)  # fmt: skip


PLAIN = Changes(**dict.fromkeys(Changes.__dataclass_fields__, 0.0))


@dataclass(frozen=True, kw_only=True)
class PickingSettings:
    """How a picker is trained.

    Parameters
    ----------
    max_epochs : int
        Of ``rows_per_epoch`` windows, all of them cut and changed anew.
    rows_per_epoch, batch_size : int
    lr : float, optional
        The highest learning rate; it falls to 0 along half a cosine. 0.0015, and 0.0005 of weights that are trained already,
        by default.
    simulated : int
        How many simulated earthquakes there are; 0 for none.
    pretraining : float
        The share of the epochs that come first, with simulated earthquakes alone; none where weights are trained already.
    held_out : float
        The share of stations that nothing is learnt from, and that choose the thresholds; 0 for none.
    shape : {"gaussian", "triangle"}
        What is to be said around a pick.
    width : float, optional
        The standard deviation, or half the base, in s; 0.1 and 0.2 by default.
    changes : Changes
    net : dict
        Settings of the net, such as ``{"filters_root": 8}``.
    threads, device, random_state
        As of every net.
    """

    max_epochs: int = 120
    rows_per_epoch: int = 512
    batch_size: int = 16
    lr: float | None = None
    simulated: int = 400
    pretraining: float = 0.2
    held_out: float = 0.2
    shape: LabelShape = "gaussian"
    width: float | None = None
    changes: Changes = field(default_factory=Changes)
    net: dict[str, Any] = field(default_factory=dict)
    threads: int = 1
    device: str = "auto"
    random_state: int = 0

    def __post_init__(self) -> None:
        check_choice(self.shape, literal_choices(LabelShape)[0], what="'shape' setting", of="a picker")
        check_seed(self.random_state, of="a picker")
        for name, least in (("max_epochs", 1), ("rows_per_epoch", 2), ("batch_size", 1), ("simulated", 0), ("threads", 1)):  # fmt: skip
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            check(whole and value >= least, SettingError, "The '{}' of a picker must be a whole number of at least {}. Got {} instead.", name, least, value)  # fmt: skip
        check(self.batch_size <= self.rows_per_epoch, SettingError, "The 'batch_size' of a picker must be at most 'rows_per_epoch' ({}). Got {} instead.", self.rows_per_epoch, self.batch_size)  # fmt: skip
        for name in ("pretraining", "held_out"):
            value = getattr(self, name)
            check(0 <= value < 1, SettingError, "The '{}' of a picker must be a share from 0 to below 1. Got {} instead.", name, value)  # fmt: skip
        for name in ("lr", "width"):
            value = getattr(self, name)
            check(value is None or value > 0, SettingError, "The '{}' of a picker must be above 0. Got {} instead.", name, value)  # fmt: skip

    @property
    def half_width(self) -> float:
        """Return the standard deviation, or half the base, of what is said around a pick, in s."""
        return WIDTHS[self.shape] if self.width is None else self.width
