"""How sure a net is, and whether more rows could make it surer: by drop-out at the time of asking, or by several nets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from clew.errors import DataError, SettingError, check
from clew.measure.cutouts import Cutouts
from clew.neural.estimators import NetClassifier
from clew.neural.members import Estimator, answers_of
from clew.neural.model import NetModel
from clew.neural.nets.recurrent import RecurrentNet
from clew.neural.place import seeded
from clew.result import Result


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Uncertainty(Result):
    """What several answers to the same rows agree on, and where they part.

    Parameters
    ----------
    mean : ndarray of float64, shape (n_rows, n_classes), or (n_rows,)
        The mean probability of each class, or the mean number.
    spread : ndarray of float64, of the same shape
        The standard deviation between the answers.
    total_entropy : ndarray of float64, shape (n_rows,), or None
        The entropy of the mean probabilities, in nat: all that is unsure. None for numbers.
    expected_entropy : ndarray of float64, shape (n_rows,), or None
        The mean entropy of the single answers, in nat: what lies in the rows, and stays with more of them.
    mutual_information : ndarray of float64, shape (n_rows,), or None
        The difference, in nat: what lies in the net, since few rows like these taught it. Active learning asks where it is
        largest (BALD).
    answers : int
        How many there were.
    source : {"drop-out", "members"}
        What made them differ.
    """

    mean: np.ndarray
    spread: np.ndarray
    total_entropy: np.ndarray | None
    expected_entropy: np.ndarray | None
    mutual_information: np.ndarray | None
    answers: int
    source: str

    def headline(self) -> str:
        """Say how far the answers part, in the mean over rows."""
        told = f"{self.answers} answers ({self.source}) to {len(self.mean):,} rows"
        if self.mutual_information is None:
            return f"{told}: standard deviation {self.spread.mean():.3g}"
        assert self.total_entropy is not None
        return f"{told}: entropy {self.total_entropy.mean():.3g} nat, of which {self.mutual_information.mean():.3g} by the net's own doubt"

    def summary(self) -> dict[str, Any]:
        """Return the means over rows."""
        parts = ("spread", "total_entropy", "expected_entropy", "mutual_information")
        means = {name: float(value.mean()) for name in parts if (value := getattr(self, name)) is not None}
        return {"answers": self.answers, "source": self.source, "rows": len(self.mean), **means}


def monte_carlo_dropout(
    model: NetModel | Estimator,
    samples: Any,
    cutouts: Cutouts | None = None,
    *,
    passes: int = 50,
    random_state: int = 0,
) -> Uncertainty:
    """Ask a net about the same rows several times, each time with other units left out.

    Only what drops units out is switched on; everything else, such as batch normalisation, stays as it is for predicting.

    Parameters
    ----------
    model : NetModel, NetClassifier or NetRegressor
        Of a model with several members, each is asked so many times.
    samples, cutouts
        As for `NetModel.predict`, or the X of an estimator.
    passes : int
        The standard deviation is known to about 1 / sqrt(2 passes) of itself: 50 passes are good to 10%.
    random_state : int
        Decides which units are left out.

    Raises
    ------
    DataError
        If no layer of the net drops units out.
    SettingError
        If there are fewer than 2 passes.

    Notes
    -----
    Gal & Ghahramani 2016, arXiv:1506.02142; for recurrent nets, which leave out other units at each step here,
    arXiv:1512.05287 leaves out the same.
    """
    check(passes >= 2, SettingError, "The 'passes' of monte_carlo_dropout must be at least 2. Got {} instead.", passes)  # fmt: skip
    nets, X = _estimators(model, samples, cutouts)
    check(all(map(_droppers, nets)), DataError, "The net for monte_carlo_dropout must have drop-out: train it with net_settings={{'dropout': 0.2}}. Got one without.")  # fmt: skip
    with seeded(random_state):
        answers = (_dropped(one, X) for one in nets for _ in range(passes))
        return _gathered(answers, nets[0], source="drop-out")


def ensemble_uncertainty(
    model: NetModel | Sequence[Estimator], samples: Any, cutouts: Cutouts | None = None
) -> Uncertainty:
    """Ask several nets, which differ in their random state, about the same rows.

    Parameters
    ----------
    model : NetModel, or sequence of NetClassifier or NetRegressor
    samples, cutouts
        As for `NetModel.predict`, or the X of the estimators.

    Raises
    ------
    DataError
        If there is one net only.

    Notes
    -----
    Lakshminarayanan, Pritzel & Blundell 2017, arXiv:1612.01474.
    """
    nets, X = _estimators(model, samples, cutouts)
    check(len(nets) >= 2, DataError, "The nets of ensemble_uncertainty must be at least 2. Got {}: train with more random states.", len(nets))  # fmt: skip
    return _gathered((answers_of(one, X) for one in nets), nets[0], source="members")


def entropy(probability: np.ndarray) -> np.ndarray:
    """Return the entropy along the last axis, in nat; 0 log 0 is 0."""
    logs = np.log(probability, where=probability > 0, out=np.zeros_like(probability))
    return -(probability * logs).sum(axis=-1)


def _gathered(answers: Iterable[np.ndarray], estimator: Estimator, *, source: str) -> Uncertainty:
    """Bring answers together as they come, so that many passes take no more memory than one.

    Mean and spread after Welford, Technometrics 4 (1962), doi:10.1080/00401706.1962.10490022; the parts of the entropy
    after Houlsby et al. 2011, arXiv:1112.5745.
    """
    classes, n = isinstance(estimator, NetClassifier), 0
    mean = squares = expected = np.zeros(1)
    for n, answer in enumerate(answers, 1):
        step = answer - mean
        mean = mean + step / n
        squares = squares + step * (answer - mean)
        expected = expected + (entropy(answer) - expected) / n if classes else expected
    total = entropy(mean) if classes else None
    return Uncertainty(
        mean=mean,
        spread=np.sqrt(squares / (n - 1)),
        total_entropy=total,
        expected_entropy=expected if classes else None,
        mutual_information=None if total is None else np.maximum(total - expected, 0.0),
        answers=n,
        source=source,
    )


# ---- nets ----
def _estimators(model: Any, samples: Any, cutouts: Cutouts | None) -> tuple[list[Estimator], Any]:
    """Return the nets that are asked, and the rows as they take them."""
    if isinstance(model, NetModel):
        return [model.estimator(member) for member in range(model.members)], model.values(samples, cutouts)
    return list(model) if isinstance(model, Sequence) else [model], samples


def _dropped(estimator: Estimator, X: Any) -> np.ndarray:
    """Return one answer with drop-out, which is switched on as the net is entered: the estimator puts all back afterwards."""
    droppers = _droppers(estimator)

    def switch_on(*_: Any) -> None:
        for module in droppers:
            module.training = True  # of this module alone

    hook = estimator.net_.register_forward_pre_hook(switch_on)
    try:
        return answers_of(estimator, X)
    finally:
        hook.remove()


def _droppers(estimator: Estimator) -> list[nn.Module]:
    """Return the modules that drop units out; their mode changes nothing else."""
    return [one for one in estimator.net_.modules() if _drops(one)]


def _drops(module: nn.Module) -> bool:
    if isinstance(module, nn.modules.dropout._DropoutNd):
        return module.p > 0
    if isinstance(module, nn.RNNBase):
        return module.dropout > 0 and module.num_layers > 1
    return isinstance(module, RecurrentNet) and module.config.layers > 1 and module.config.dropout > 0
