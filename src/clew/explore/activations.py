"""What a net says of rows, in place of what was measured of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.samples import Samples


@dataclass(frozen=True)
class Activations:
    """The last hidden layer of a net, or the codes of an autoencoder, as the features of rows, and where they come from.

    Parameters
    ----------
    samples : Samples
        The rows, with a column for each unit that is not the same in every row: "activation 7" is the seventh of the layer,
        "latent 7" of the codes.
    answers : ndarray of str, shape (n_rows,), or None
        The class that the net gives each row; None where it gives numbers, or is an autoencoder.
    source : dict
        Of the net: "sha256", "kind", "architecture", "classes" (those that a conditional vae was given, too), "target" (the name
        of the number that it gives, "" for classes), "members"; of the layer: "units", and "silent", which are the same in every
        row.
    """

    samples: Samples
    answers: np.ndarray | None
    source: dict[str, Any]


def activations_of(samples: Samples, *behind: Any) -> Activations:
    """Ask a net what its last hidden layer says of rows, or an autoencoder for their codes.

    Parameters
    ----------
    samples : Samples
        The rows, with the features that the net reads.
    *behind : Cutouts, NetModel
        The raw data behind the rows, if the net looks at such, then the net (`clew.neural.model.NetModel`).

    Raises
    ------
    DataError
        If the net cannot read these rows, or all its units are silent.
    """
    *cutouts, net = behind
    read = samples if cutouts else samples.select(net.feature_names)
    said = net.activations(read, *cutouts)  # (n_rows, n_units)
    coder = net.kind == "coding"
    speaks = np.ptp(said, axis=0) > 0
    n_units = said.shape[1]
    check(speaks.any(), DataError, "The activations to explore must vary. Got the same in every row from all {} units of the net.", n_units)  # fmt: skip
    return Activations(
        samples=Samples(
            features=said[:, speaks],
            feature_names=tuple(
                f"{'latent' if coder else 'activation'} {unit}" for unit in np.flatnonzero(speaks) + 1
            ),
            units=("",) * int(speaks.sum()),
            sample=samples.sample,
            origin=samples.origin,
            group=samples.group,
        ),
        answers=None if coder else net.predict(read, *cutouts).label,
        source={
            "sha256": net.sha256,
            "kind": net.kind,
            "architecture": net.architecture,
            "classes": list(net.classes),
            "target": "" if net.classes or coder else net.target_name,
            "members": net.members,
            "units": n_units,
            "silent": int(n_units - speaks.sum()),
        },
    )
