"""Nets among the families of models, and their learning curve."""

from __future__ import annotations

import dataclasses

from clew.errors import SettingError, check, check_choice
from clew.learn.curves import whole_number
from clew.learn.families import FAMILIES, Metric, entries, stopping_early
from clew.learn.training import Kind, choose, resolve_kind
from clew.measure.cutouts import Cutouts
from clew.neural.net_settings import NETS, NetName, NetSettings, with_net_settings
from clew.neural.training import net_fitting
from clew.result import step
from clew.samples import Samples
from clew.splits import By
from clew.validate.comparison import Comparison
from clew.validate.curves import LearningCurve, learning_curve
from clew.validate.ground import Metric as CurveMetric
from clew.validate.metrics import OnProgress
from clew.validate.nested import Entry, compare_fits

WORDS: dict[NetName, str] = {"perceptron": "the perceptron", "mlp": "the multilayer perceptron", "cnn": "the convolutional net", "elman": "the Elman net", "lstm": "the LSTM", "gru": "the GRU"}  # fmt: skip
UNTUNED = "Nets are not tuned: their settings stand as they are, and they have no part in the choice of the best on inner folds."


@step(sees="open", verb="compare")
@with_net_settings(without=("model",))
def compare_nets(
    samples: Samples,
    cutouts: Cutouts | None = None,
    *,
    families: str | list[str] = "forest,mlp",
    features: str | list[str] = "all",
    target: str | None = None,
    kind: Kind = "auto",
    metric: Metric = "auto",
    folds: int = 5,
    repeats: int = 1,
    by: By = "auto",
    gap: float | None = None,
    random_state: int = 0,
    on_progress: OnProgress | None = None,
    net: NetSettings,
) -> Comparison:
    """Compare nets with the forest, and with other families of models, on the same folds.

    Parameters
    ----------
    samples, cutouts
        As for `clew.neural.training.train_net`.
    families : str or list of str
        Nets (perceptron, mlp, cnn, elman, lstm, gru) and other families, as for `clew.learn.families.compare`; the forest, with
        which all are compared, is always among them.
    features, target, kind
        As for `clew.learn.training.train`; what is no net, perceptron and mlp learn from these features.
    metric, folds, by, gap
        As for `clew.learn.families.compare`.
    repeats : int
        How often the rows are divided anew.
    random_state : int
        As for `clew.neural.training.train_net`.
    on_progress : callable (done, total), optional
        Returning False stops.
    net
        As for `clew.neural.net_settings.NetSettings`.

    Raises
    ------
    DataError, SettingError, Stopped
        As for `clew.learn.families.compare`.
    """
    nets, others = parted(families)
    chosen = choose(samples, features=features, target=target)
    learns = resolve_kind(chosen, kind)
    tried = entries(others, learns, random_state=random_state)
    for name in nets:
        own = dataclasses.replace(net, model=name)
        fit = net_fitting(cutouts if own.raw else None, own, kind=learns, random_state=random_state)
        tried.append(Entry(name, WORDS[name], [{}], [fit], inner=False))
    with stopping_early():
        found = compare_fits(
            chosen,
            tried,
            reference="forest",
            kind=learns,
            metric=metric,
            n_folds=folds,
            repeats=repeats,
            by=by,
            gap=gap,
            random_state=random_state,
            on_progress=on_progress,
        )
    return dataclasses.replace(found, warnings=[*found.warnings, UNTUNED])


def parted(families: str | list[str]) -> tuple[list[NetName], list[str]]:
    """Return the nets and the other families that are named, each from the simplest to the most complex.

    Raises
    ------
    SettingError
        If a name is unknown, or no net is named.
    """
    wanted = families.split(",") if isinstance(families, str) else list(families)
    wanted = [name.strip() for name in wanted]
    for name in wanted:
        check_choice(name, [*FAMILIES, *NETS, "all"], what="families", of="compare")
    nets = [name for name in NETS if name in wanted]
    check(
        nets,
        SettingError,
        "The 'families' of compare must hold a net here ({}). Got {}.",
        ", ".join(NETS),
        families,
    )
    return nets, [name for name in FAMILIES if name in wanted or name == "forest" or "all" in wanted]


@step(sees="open", verb="curve")
@with_net_settings()
def curve_net(
    samples: Samples,
    cutouts: Cutouts | None = None,
    *,
    values: list[float] | None = None,
    desired: float | None = None,
    metric: CurveMetric = "auto",
    features: str | list[str] = "all",
    target: str | None = None,
    kind: Kind = "auto",
    folds: int = 5,
    by: By = "auto",
    gap: float | None = None,
    repeats: int = 1,
    random_state: int = 0,
    on_progress: OnProgress | None = None,
    net: NetSettings,
) -> LearningCurve:
    """Draw a net's learning curve: training and held-out figures against the number of labelled rows.

    Parameters
    ----------
    samples, cutouts
        As for `clew.neural.training.train_net`.
    values : list of float, optional
        The numbers of training rows; a range by default.
    desired, metric, folds, by, gap
        As for `clew.learn.curves.curve`.
    features, target, kind
        As for `clew.learn.training.train`.
    repeats : int
        The number of orders in which rows are added, in each fold.
    random_state : int
        As for `clew.neural.training.train_net`.
    on_progress : callable (done, total), optional
        Returning False stops.
    net
        As for `clew.neural.net_settings.NetSettings`.

    Raises
    ------
    DataError, SettingError, Stopped
        As for `clew.learn.curves.curve`.
    """
    chosen = choose(samples, features=features, target=target)
    learns = resolve_kind(chosen, kind)
    return learning_curve(
        chosen,
        net_fitting(cutouts, net, kind=learns, random_state=random_state),
        kind=learns,
        model="net",
        sizes=None if values is None else [whole_number(value, "rows") for value in values],
        n_folds=folds,
        by=by,
        gap=gap,
        repeats=repeats,
        metric=metric,
        desired=desired,
        random_state=random_state,
        on_progress=on_progress,
    )
