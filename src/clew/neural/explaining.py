"""The step that explains a net on measured features, beside a forest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.explain.correlated import correlate
from clew.explain.importance import OnProgress, permutation_importance
from clew.explain.model import in_order
from clew.explain.net_features import NetExplanation, incomplete
from clew.learn.explaining import check_classes
from clew.learn.training import choose, fitting
from clew.neural.score_maps import Told, inputs_of, kind_of, maps_of, missed_by, outputs_of, settings_of_net
from clew.neural.training import fit_net
from clew.result import step
from clew.samples import Samples
from clew.splits import By, spread_over_groups, units
from clew.validate.metrics import labelled

if TYPE_CHECKING:
    from clew.learn.forest import Prediction
    from clew.neural.model import NetModel

GRADIENT_ROWS = 200  # over which the integrated gradients of features are averaged


@step(sees="open", verb="explain")
def explain_net(
    samples: Samples,
    model: Any,
    *,
    rows: int = 2000,
    permutations: int = 20,
    steps: int = 32,
    folds: int = 5,
    by: By = "auto",
    gap: float | None = None,
    target: str | None = None,
    random_state: int = 0,
    on_progress: OnProgress | None = None,
) -> NetExplanation:
    """Say what a net on measured features goes by: what each is worth on held-out rows, to a forest as well, and gradients.

    Parameters
    ----------
    samples : Samples
        The open rows; those with a label or a target are held out and train again.
    model : NetModel
    rows, permutations, folds, by, gap, target, random_state
        As for `clew.learn.explaining.explain`.
    steps : int
        Nets: points on the way from the baseline, of integrated gradients.
    on_progress : callable (done, total), optional

    Raises
    ------
    DataError
        If the rows have no labels to hold out, or others than the model's.
    SettingError
        If a setting is out of range.
    Stopped
        If `on_progress` returned False.

    Notes
    -----
    Every fold trains nets as the model's were trained. A forest with the usual settings is permuted beside them, on the
    same folds and in the same orders, so that the two can be compared feature by feature.
    """
    own, kind = settings_of_net(model), kind_of(model)
    given = in_order(choose(samples, features=list(model.feature_names), target=target), model.feature_names)
    known = labelled(given, kind, of="explain")
    check_classes(known, model)
    shown = given.take(spread_over_groups(given.group, min(rows, GRADIENT_ROWS), random_state=random_state))
    correlated = correlate(given.features, list(given.feature_names), random_state=random_state)
    blocks = [
        *([c] for c in range(given.n_features)),
        *(group for group in correlated.groups if len(group) > 1),
    ]
    told = Told(on_progress, 2 * folds + model.members)

    def fit(training: Samples) -> Asked:
        return Asked(fit_net(training, None, own, kind=kind, random_state=model.settings["random_state"]))

    lost = [
        permutation_importance(
            known, train, blocks, kind=kind, permutations=permutations, rows=rows, n_folds=folds, by=by, gap=gap,
            random_state=random_state, on_progress=told.fold,
        )
        for train in (fit, fitting(kind=kind, random_state=random_state))
    ]  # fmt: skip
    gradients, missed = _gradients(model, shown, steps, told)
    caveat = units(known)[1]
    return NetExplanation(
        architecture=model.architecture,
        outputs=outputs_of(model),
        feature_names=list(given.feature_names),
        units=list(given.units),
        sample=shown.sample,
        n_rows=given.n_rows,
        gradients=gradients,
        missed=missed,
        correlated=correlated,
        permutation=lost[0],
        beside=lost[1],
        warnings=[*([caveat] if caveat else []), *lost[0].warnings, *incomplete(missed)],
    )


@dataclass(frozen=True)
class Asked:
    """A net as permutation asks it: whatever feature is permuted, its answer may change."""

    model: NetModel

    @property
    def classes(self) -> list[str]:
        return self.model.classes

    @property
    def feature(self) -> np.ndarray:
        """Every column."""
        return np.arange(len(self.model.feature_names))

    def predict(self, X: np.ndarray) -> Prediction:
        return self.model.predict(X)


def _gradients(model: NetModel, shown: Samples, steps: int, told: Told) -> tuple[np.ndarray, float]:
    """Return the mean |integrated gradients| of each member and feature, and how much of the scores' rises they miss."""
    size = float(np.ravel(model.target["spread"])[0]) if model.target else 1.0
    found, missed = [], []
    for member in range(model.members):
        estimator = model.estimator(member)
        one = maps_of(
            estimator, inputs_of(estimator, model.values(shown, None)), None, "integrated-gradients", steps
        )
        found.append(size * np.abs(one.values).mean(axis=0))
        missed.append(missed_by([one]))
        told.one()
    return np.stack(found), float(np.mean(missed))
