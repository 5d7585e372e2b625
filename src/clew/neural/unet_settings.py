"""The settings of a U-Net for classes of pixels, without torch: what signatures and forms are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from clew.errors import SettingError, check

PIECES = {1: 1024, 2: 96, 3: 32}  # the sides of a piece, by the number of axes


@dataclass(frozen=True, kw_only=True)
class UNetSettings:
    """How U-Nets are made and trained.

    Parameters
    ----------
    channels : str or list of int
        U-Net: maps on each level, such as 16,32,64,128; each level sees twice as far, at half the resolution.
    updates : int
        U-Net: how often its weights are changed, each time by 8 pieces of images.
    patch : int, optional
        U-Net: side of the pieces in px; 96 of images, 32 of volumes, 1024 of signals by default.
    lr : float
        U-Net: the highest learning rate, which rises first and then falls to 0.
    class_weight : {"given", "equal"}
        Whether a class weighs as many pixels as it has, or all classes the same: that moves the decision towards rare
        classes, and probabilities no longer say how common they are.
    augment : {"auto", "none"}
        U-Net: whether pieces are changed a little each time: flipped, turned, larger or smaller, brighter or darker, and noisier.
    flips : {"mean", "none"}
        U-Net: whether it answers an image together with its mirror images, of which the mean is taken: surer, in 4 times the
        time (of volumes 8).
    held_out : float
        U-Net: the share of the images that nothing is learnt from, and that tell how it goes; of a single image a region.
        0 holds none out.
    members : int
        U-Net: how many are trained, each with a random state of its own; their mean answers.
    threads : int
        U-Net: threads of torch; the last digits depend on it.
    device : str
        U-Net: cpu, cuda, or auto, a GPU if there is one; the last digits depend on it.
    """

    channels: str | list[int] = "16,32,64,128"
    updates: int = 2000
    patch: int | None = None
    lr: float = 0.004
    class_weight: Literal["given", "equal"] = "given"
    augment: Literal["auto", "none"] = "auto"
    flips: Literal["mean", "none"] = "mean"
    held_out: float = 0.2
    members: int = 1
    threads: int = 1
    device: str = "auto"

    def __post_init__(self) -> None:
        for name, value, most in (("updates", self.updates, np.inf), ("members", self.members, 100), ("patch", self.patch or 1, np.inf)):  # fmt: skip
            whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
            check(whole and 1 <= value <= most, SettingError, "The '{}' of a U-Net must be a whole number of at least 1. Got {} instead.", name, value)  # fmt: skip
        check(0 <= self.held_out <= 0.5, SettingError, "The 'held_out' of a U-Net must be a share from 0 to 0.5. Got {} instead.", self.held_out)  # fmt: skip
        self.widths()

    def widths(self) -> tuple[int, ...]:
        """Return the channels of each level.

        Raises
        ------
        SettingError
            If they are no whole numbers above 0.
        """
        parts = self.channels.split(",") if isinstance(self.channels, str) else list(self.channels)
        told = [str(part).strip() for part in parts]
        whole = all(part.isdigit() and int(part) > 0 for part in told)
        check(told and whole, SettingError, "The 'channels' of a U-Net must be whole numbers above 0, such as 16,32,64. Got {} instead.", self.channels)  # fmt: skip
        return tuple(map(int, told))

    def piece(self, n_axes: int) -> tuple[int, ...]:
        """Return the sides of a piece."""
        return (self.patch or PIECES[n_axes],) * n_axes
