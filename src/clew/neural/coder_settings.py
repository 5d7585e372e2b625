"""The settings of an autoencoder in the workflow: what `clew train --model autoencoder` and `--model vae` take."""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import Any, Literal

from clew.errors import SettingError, check
from clew.neural.net_settings import OfTraining, units_of

CoderName = Literal["autoencoder", "vae"]
CODERS: tuple[CoderName, ...] = typing.get_args(CoderName)
EPOCHS, UPDATES = 50, 1500  # at least, unasked
LATENT = 16  # numbers that images and windows are brought down to unasked


@dataclass(frozen=True, kw_only=True)
class CoderSettings(OfTraining):
    """How autoencoders are made and trained.

    Parameters
    ----------
    model : {"autoencoder", "vae"}
        The kind of net: an autoencoder, or one whose codes follow a known distribution, so that new rows can be drawn.
    latent : int, optional
        Autoencoders: numbers that a row is brought down to; by default 16, of tables 8, and at most half of the features.
    hidden : str or list of int, optional
        Nets: units of the hidden layers, such as 64,32; of an autoencoder on images or windows the channels of its
        convolutions.
    beta : float
        vae: how much codes are drawn towards the known distribution; more than 1 makes them plainer and pictures blurred.
    conditional : bool
        vae: also give it the labels of people, so that rows can be drawn for a label.
    see : {"auto", "wave", "spectrum"}
        Autoencoders on windows: give back the samples of a window, or the spectra of its pieces; "auto" takes waves where 16
        principal components give back a quarter of the variance of rows held out, as of smooth, slow sensors.
    epochs : int, optional
        Nets: how often they see all rows; by default 50, and as many more as make 1,500 updates.
    batch_size, members, side, around, threads, device
        As for `clew.neural.net_settings.NetSettings`.
    lr : float
        Nets: the highest learning rate.
    held_out : float
        Nets: the share of the open rows, whole groups, that it is judged on and that chooses the best epoch; 0 holds none
        out.
    scale : {"auto", "training", "each", "peak", "none"}
        As for `clew.neural.net_settings.NetSettings`.
    """

    model: CoderName = "autoencoder"
    latent: int | None = None
    hidden: str | list[int] | None = None
    beta: float = 1.0
    conditional: bool = False
    see: Literal["auto", "wave", "spectrum"] = "auto"
    epochs: int | None = None
    batch_size: int | None = None
    lr: float = 0.003
    held_out: float = 0.2
    members: int = 1
    side: int | None = None
    around: Literal["keep", "blank"] = "blank"
    scale: Literal["auto", "training", "each", "peak", "none"] = "auto"
    threads: int = 1
    device: str = "auto"

    def __post_init__(self) -> None:
        self.check_shared()
        of_vae = {"beta": self.beta != 1, "conditional": self.conditional}
        for name in of_vae:
            check(self.model == "vae" or not of_vae[name], SettingError, "The setting --{} must go with --model vae. Got --model {}.", name, self.model)  # fmt: skip
        check(
            self.beta >= 0, SettingError, "The 'beta' of a vae must be 0 or more. Got {} instead.", self.beta
        )
        whole = self.latent is None or (isinstance(self.latent, int) and self.latent >= 1)
        check(whole, SettingError, "The 'latent' of an autoencoder must be a whole number above 0. Got {} instead.", self.latent)  # fmt: skip
        units_of(self.hidden)

    def epochs_of(self, n_rows: int) -> int:
        """Return how often so many training rows are seen: 50 times, more where these make too few updates."""
        return self.epochs or max(EPOCHS, -(-UPDATES * self.batch_of(n_rows) // n_rows))

    def of_architecture(self, shape: tuple[int, ...]) -> dict[str, Any]:
        """Return what the net's own configuration takes of these, for rows of a shape; what nobody said is left to it."""
        units, grid = units_of(self.hidden), len(shape) > 1
        found: dict[str, Any] = {"channels" if grid else "hidden": units} if units else {}
        if self.latent or grid:
            found["latent"] = self.latent or LATENT
        return found | ({"beta": self.beta, "conditional": self.conditional} if self.model == "vae" else {})
