"""The settings of a denoiser, without torch: what signatures and forms are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from clew.errors import SettingError, check, check_choice, check_seed
from clew.result import literal_choices

Method = Literal["median", "n2v2", "n2v"]
Structure = Literal["auto", "none", "x", "y"]
AXES = "zyx"  # the last is the last axis of an image, or of a trace

UPDATES = 1600  # of weights, unasked


@dataclass(frozen=True, kw_only=True)
class DenoiseSettings:
    """How a denoiser is made and trained.

    Parameters
    ----------
    method : {"median", "n2v2", "n2v"}
        What a hidden pixel is replaced by, and the U-Net that goes with it. "n2v2": the median of its neighbours, blurred
        pooling, and no skip at full resolution, as Noise2Void 2 was published. "median": that median, and a U-Net with this
        skip, plain pooling and no batch normalisation, which keeps more detail (28.2 against 26.8 dB on `camera` after 600
        updates each). "n2v": a neighbour drawn at random, and a plain U-Net.
    structure : {"auto", "none", "x", "y"}
        Along which axis noise hangs together, so that a pixel's neighbours along it are hidden, too; "auto" goes by the
        diagnosis of the noise.
    reach : int
        How many neighbours to each side are hidden then, in pixels.
    updates : int
        Of each net, in batches of 8 pieces.
    patch : int
        The sides of a piece in pixels; of a trace, 16 times as many samples.
    channels : tuple of int
        The channels of the U-Net, one number a level.
    masked : float
        The share of the pixels of a piece that are hidden, and learnt from.
    lr : float
        The learning rate, which falls to 0 along half a cosine.
    turns : bool
        Whether an image is denoised in all its flips and quarter turns, of which the mean is taken: better, in 8 times the time.
    threads, device, random_state
        As of every net.

    Notes
    -----
    Noise2Void: Krull, Buchholz & Jug, CVPR (2019), arXiv:1811.10980. N2V2: Höck et al., ECCV workshops (2022),
    arXiv:2211.08512. Structured masks: Broaddus et al., ISBI (2020), doi:10.1109/ISBI45749.2020.9098336.
    """

    method: Method = "median"
    structure: Structure = "auto"
    reach: int = 5
    updates: int = UPDATES
    patch: int = 64
    channels: tuple[int, ...] = (24, 48, 96)
    masked: float = 0.06
    lr: float = 1e-3
    turns: bool = True
    threads: int = 1
    device: str = "auto"
    random_state: int = 0

    def __post_init__(self) -> None:
        for name, choices in (("method", Method), ("structure", Structure)):
            check_choice(
                getattr(self, name), literal_choices(choices)[0], what=f"'{name}' setting", of="denoise"
            )
        for name, least in (("reach", 1), ("updates", 1), ("patch", 16)):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool) and value >= least
            check(whole, SettingError, "The '{}' of denoise must be a whole number of at least {}. Got {} instead.", name, least, value)  # fmt: skip
        check(0 < self.masked <= 0.25, SettingError, "The 'masked' of denoise must be a share above 0, up to 0.25. Got {} instead.", self.masked)  # fmt: skip
        check(self.lr > 0, SettingError, "The 'lr' of denoise must be above 0. Got {} instead.", self.lr)
        check(
            len(self.channels) >= 1 and all(isinstance(n, int) and n >= 1 for n in self.channels),
            SettingError,
            "The 'channels' of denoise must be whole numbers of at least 1, one for each level. Got {} instead.",
            self.channels,
        )
        check_seed(self.random_state, of="denoise")
