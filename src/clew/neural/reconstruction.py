"""What an autoencoder makes of rows: a result without torch, so that page and plots need none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.result import Result
from clew.validate.posterior_collapse import PosteriorCollapse
from clew.words import listed

MOST_TOLD = 5  # anomalous rows in a sentence
BETTER = 0.01  # of the variance: less is no difference worth a word


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Reconstructions(Result):
    """What an autoencoder makes of the rows, beside principal components of the same number.

    Parameters
    ----------
    architecture : {"autoencoder", "vae"}
    axes : {"features", "cyx", "ct"}
        What one row is: measured features, an image, or a window.
    names : list of str
        Of the features or channels.
    sample : ndarray of str, shape (n_rows,)
        Every row that it was asked about.
    held_out : ndarray of bool, shape (n_rows,)
        Which of them changed no weight.
    score : ndarray of float64, shape (n_rows,)
        The anomaly score: how far a row is from its reconstruction.
    share, pca_share : float
        Share of the variance that comes back, on the rows held out (on all, where none were), by the net and by principal
        components of the rows that taught it.
    n_latent : int
    collapse : PosteriorCollapse or None
        vae: which latent numbers tell rows apart.
    plane : ndarray of float64, shape (n_rows, 2)
        The codes of the rows on their first two principal components.
    plane_share : float
        Share of the variance of the codes on it.
    grid_at : ndarray of float64, shape (2, n_grid)
        Places across and up the plane,
    grid : ndarray of float32, shape (n_grid, n_grid, ...)
        and the row that is decoded at each, first axis up. Empty of features.
    shown : ndarray of int64, shape (n_shown,)
        Rows that are shown: typical ones, then the most anomalous.
    n_typical : int
        How many of these are typical.
    real, decoded : ndarray of float32, shape (n_shown, ...)
        These rows, and what comes back of them, in the units of the data.
    labels : list of str
        The classes that a conditional net was given; empty where labels had no part.
    """

    architecture: str
    axes: Literal["features", "cyx", "ct"]
    names: list[str]
    sample: np.ndarray
    held_out: np.ndarray
    score: np.ndarray
    share: float
    pca_share: float
    n_latent: int
    collapse: PosteriorCollapse | None
    plane: np.ndarray
    plane_share: float
    grid_at: np.ndarray
    grid: np.ndarray
    shown: np.ndarray
    n_typical: int
    real: np.ndarray
    decoded: np.ndarray
    labels: list[str]

    def most_anomalous(self, n: int = MOST_TOLD) -> list[str]:
        """Return the names of the rows that come back worst, the worst first."""
        return [str(name) for name in self.sample[np.argsort(-self.score, kind="stable")[:n]]]

    def headline(self) -> str:
        """Say how much of the variance comes back, beside principal components of the same number."""
        n = int(self.held_out.sum())
        where = f"the {n:,} rows held out" if n else "the rows that taught it (none were held out)"
        units = "1 number" if self.n_latent == 1 else f"{self.n_latent} numbers"
        beside = f"{self.n_latent} principal component{'s' * (self.n_latent != 1)}"
        gain = self.share - self.pca_share
        verdict = "" if gain > BETTER else ": no more than these" if gain > -BETTER else ": less than these"
        back, pca = (f"{one:.0%}" if one > 0 else "none" for one in (self.share, self.pca_share))
        return (
            f"From {units} a row, {back} of the variance comes back on {where}; from {beside} {pca}{verdict}"
        )

    def sentences(self) -> list[str]:
        """Return what to mind: units that tell nothing, and rows that come back worst."""
        said = [] if self.collapse is None else [self.collapse.headline()]
        taught = int((~self.held_out[np.argsort(-self.score, kind="stable")[:MOST_TOLD]]).sum())
        mind = "; rows that taught it are flattered" if taught else ""
        said.append(f"Worst reconstructed, so most unlike the rest: {listed(self.most_anomalous())}{mind}")
        return said

    def summary(self) -> dict[str, Any]:
        """Return what scripts rely on."""
        return {
            "rows": len(self.sample),
            "held_out": int(self.held_out.sum()),
            "variance_reconstructed": self.share,
            "by_pca": self.pca_share,
            "latent": self.n_latent,
            "collapse": None if self.collapse is None else self.collapse.summary(),
            "most_anomalous": self.most_anomalous(),
        }
