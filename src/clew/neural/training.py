"""How a net is trained for a study, and how good it would be: on the rows, labels and folds that a forest would have."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import DataError, SettingError, Stopped, check
from clew.explore.exploration import Exploration
from clew.learn.evaluate import judge
from clew.learn.training import Kind, choose, fitting, like_the_others, resolve_kind
from clew.measure.cutouts import Cutouts
from clew.neural.net_settings import NetSettings, OfTraining, with_net_settings
from clew.result import step
from clew.samples import Samples
from clew.splits import By, Folds, folds
from clew.validate.beside import ValidationBeside, put_beside
from clew.validate.history import History
from clew.validate.label_errors import label_errors_of
from clew.validate.loss_curves import WORST_FIRST, Topic, read_losses
from clew.validate.metrics import Kind as Learns
from clew.validate.metrics import Model, OnProgress, Progress, Validation, cross_validate, labelled

if TYPE_CHECKING:
    from clew.learn.forest import Prediction
    from clew.neural.model import NetModel

DIFFER = {
    "ct": 30,
    "cyx": 4,
}  # times between quiet and loud windows, or pale and vivid images: from there on each has its own scale
CHOOSE_FROM = 100  # rows held out: by fewer an early epoch is often chosen, before anything is learnt
FEWEST_UNITS = 4  # groups or stretches, of which one can be spared
FEW = ", single rows of the few groups that are learnt from: what is read on them flatters"
Doubts = Sequence[tuple[Topic, tuple[str, ...]]]
PERMUTATIONS = 1  # of labels, each with a net a fold


@step(sees="open", verb="train")
@with_net_settings()
def train_net(
    samples: Samples,
    cutouts: Cutouts | None = None,
    *,
    features: str | list[str] = "all",
    target: str | None = None,
    kind: Kind = "auto",
    random_state: int = 0,
    measure: dict[str, Any] | None = None,
    on_progress: OnProgress | None = None,
    net: NetSettings,
) -> NetModel:
    """Train a net on the rows with a label, or with a target.

    Parameters
    ----------
    samples : Samples
        Rows without a label ("") or target (NaN) are left out, and counted in the notes.
    cutouts : Cutouts, optional
        The raw data behind these rows, for nets that look at such.
    features, target, kind
        As for `clew.learn.training.train`.
    random_state : int
        Decides which rows are held out, the first weights, the order of the rows, drop-out and augmentation; each further
        member takes the next one.
    measure : dict, optional
        How the rows were measured; kept with the model, so that new data are measured in the same way.
    on_progress : callable (done, total), optional
        Told after each epoch; returning False stops.
    net
        As for `clew.neural.net_settings.NetSettings`.

    Raises
    ------
    DataError
        If there is nothing to learn from, raw data are lacking, or the loss is not finite.
    SettingError
        If a setting is out of range.
    Stopped
        If `on_progress` returned False.
    """
    chosen = choose(samples, features=features, target=target)
    learns = resolve_kind(chosen, kind)
    net.check_batch(labelled(chosen, learns, of="train", fewest=1).n_rows)
    return fit_net(
        chosen, cutouts, net, kind=learns, random_state=random_state, measure=measure, on_progress=on_progress
    )


@step(sees="open", verb="validate")
@with_net_settings()
def validate_net(
    samples: Samples,
    cutouts: Cutouts | None = None,
    *,
    features: str | list[str] = "all",
    target: str | None = None,
    kind: Kind = "auto",
    folds: int = 5,
    by: By = "auto",
    gap: float | None = None,
    permutations: int = PERMUTATIONS,
    random_state: int = 0,
    on_progress: OnProgress | None = None,
    net: NetSettings,
) -> ValidationBeside:
    """Cross-validate the net that `train_net` would give, and beside it a forest on the measured features.

    Parameters
    ----------
    samples, cutouts
        As for `train_net`.
    features, target, kind
        As for `clew.learn.training.train`; the forest learns from these features whatever the net sees.
    folds : int
        The number of parts; fewer where groups or rows are fewer.
    by, gap
        What is kept together, as for `clew.splits.folds`.
    permutations : int
        Nets: how often labels are exchanged, to see what chance gives: one net a fold, whatever `members` says, as for rows
        dealt at random.
    random_state : int
        As for `train_net`.
    on_progress : callable (done, total), optional
        Told after each fold of the net, of the baselines and of the forest; returning False stops.
    net
        As for `clew.neural.net_settings.NetSettings`.

    Raises
    ------
    DataError, SettingError, Stopped
        As for `train_net` and `clew.learn.training.validate`.
    """
    chosen = choose(samples, features=features, target=target)
    learns = resolve_kind(chosen, kind)
    net.check_batch(labelled(chosen, learns, of="train", fewest=1).n_rows)
    divided: dict[str, Any] = {"n_folds": folds, "by": by, "gap": gap, "random_state": random_state}
    known = labelled(chosen, learns, of="validate")
    parts = _divided(known, **divided)
    rounds = 2 + permutations + (parts.by != "row")  # the forest's is one of them
    progress = Progress(on_progress, rounds * parts.n_folds)

    def fit_of(members: int) -> Callable[[Samples], Model]:
        own = dataclasses.replace(net, members=members)
        return progress.counting(net_fitting(cutouts, own, kind=learns, random_state=random_state))

    found = cross_validate(
        chosen, fit_of(net.members), kind=learns, permutations=permutations, by_chance=fit_of(1), **divided
    )
    beside = put_beside(
        known,
        parts,
        found.predicted,
        progress.counting(fitting(kind=learns, random_state=random_state)),
        kind=learns,
        words=f"the forest on {known.n_features:,} measurement{'s' * (known.n_features != 1)}",
    )
    progress.finish()
    figures = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    figures |= {"representative": like_the_others(chosen, learns, random_state)}
    return ValidationBeside(**figures | {"label_errors": label_errors_of(found)}, beside=beside)


def _divided(known: Samples, **settings: Any) -> Folds:
    return folds(known, **settings)


@step(sees="sealed", verb="test")
def test_net(
    samples: Samples,
    cutouts: Cutouts,
    model: Any,
    exploration: Exploration | None = None,
    *,
    names: dict[str, str] | None = None,
    target: str | None = None,
) -> Validation:
    """Evaluate a net that looks at raw data on the sealed rows.

    Parameters
    ----------
    samples, exploration, names, target
        As for `clew.learn.evaluate.test`.
    cutouts : Cutouts
        The raw data behind these rows.
    model : NetModel

    Raises
    ------
    DataError
        If there is no truth to compare with.
    """
    looking = Looking(model, cutouts)
    return judge(samples, looking, model, exploration, features="all", names=names, target=target)


# ---- a net for rows of a study ----
@dataclass(frozen=True)
class Looking:
    """A net that finds the raw data behind rows by their names, and so answers as any model does.

    Parameters
    ----------
    model : NetModel
    cutouts : Cutouts or None
        Of all rows that it may be asked about.
    """

    model: NetModel
    cutouts: Cutouts | None

    def predict(self, samples: Samples) -> Prediction:
        """Return what the net says of each row."""
        return self.model.predict(samples, None if self.cutouts is None else self.cutouts.of(samples))


def net_fitting(
    cutouts: Cutouts | None, net: NetSettings, *, kind: Learns, random_state: int
) -> Callable[[Samples], Looking]:
    """Return what trains a net on any of the rows that there are cut-outs of."""
    return lambda training: Looking(
        fit_net(training, cutouts, net, kind=kind, random_state=random_state), cutouts
    )


def fit_net(
    samples: Samples,
    cutouts: Cutouts | None,
    net: NetSettings,
    *,
    kind: Learns,
    random_state: int,
    measure: dict[str, Any] | None = None,
    on_progress: OnProgress | None = None,
) -> NetModel:
    """Train the members of a net on rows, all with the same ones held out to choose the best epoch.

    Parameters
    ----------
    samples : Samples
        With the features to learn from.
    cutouts, net, random_state, measure, on_progress
        As for `train_net`.
    kind : {"classification", "regression"}
    """
    from clew.neural.estimators import NetClassifier, NetRegressor
    from clew.neural.model import NetModel, values_for

    known = labelled(samples, kind, of="train", fewest=1)
    seen = _seen(known, cutouts, net)
    X, y = values_for(net.model, seen), known.labels if kind == "classification" else known.target
    assert y is not None
    learn, judge, told = held_out_rows(known, y, net.held_out, kind, random_state)
    scale, why = scale_for(seen, learn, net)
    make = NetClassifier if kind == "classification" else NetRegressor
    settings = net.of_training() | {"scale": scale, "augment": _augment(X, net)}
    choosing = judge.sum() >= CHOOSE_FROM
    settings |= {"patience": net.patience if choosing else None, "keep": "best" if choosing else "last"}
    if kind == "classification":
        settings["class_weight"] = net.class_weight
    settings |= {
        "batch_size": net.batch_of(int(learn.sum())),
        "net_settings": net.of_architecture(X.shape[1]),
    }
    if net.lr == "find":
        settings["lr"], found = _rate(
            make(net.model, random_state=random_state, **settings), X[learn], y[learn]
        )
        why = [*why, found]
    members = []
    for member in range(net.members):
        one = make(net.model, random_state=random_state + member, **settings)
        validation = (X[judge], y[judge]) if judge.any() else None
        one.fit(X[learn], y[learn], validation=validation, on_progress=counted_over(on_progress, member, net))
        members.append(one)
    n = samples.n_rows - known.n_rows
    lacking = "label" if kind == "classification" else "target"
    left_out = [f"{n:,} rows without a {lacking} were left out"] if n else []
    cut = seen.notes if isinstance(seen, Cutouts) else []
    notes = [*_kept(members, y[judge]), *told, *left_out, *cut, *why, *doubts_of(members)]
    shown = None if cutouts is None else seen
    return NetModel.of(members, known, shown, measure=measure, notes=notes)  # type: ignore[arg-type]


def _seen(known: Samples, cutouts: Cutouts | None, net: NetSettings) -> Samples | Cutouts:
    """Return what the net looks at, or say what it lacks."""
    check(net.raw or cutouts is None, SettingError, "The cut-outs of train must go with a net that looks at raw data. Got the model '{}'.", net.model)  # fmt: skip
    if cutouts is None:
        check(not net.raw, DataError, "The model '{}' must be given raw data, such as images of objects or windows. Got a table: mlp takes measured features.", net.model)  # fmt: skip
        return known
    return cutouts.of(known)


def held_out_rows(
    known: Samples, y: np.ndarray, share: float, kind: Learns, random_state: int
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the rows to learn from, those that choose the best epoch, bool (n_rows,), and what to say of that.

    They are a fold of the division that a cross-validation would make: the first whose other rows hold every class. With
    few groups or stretches one of them would be too much to lose: single rows are held out then.
    """
    every, nobody = np.ones(known.n_rows, bool), np.zeros(known.n_rows, bool)
    if not share:
        return every, nobody, []
    n_folds = max(2, round(1 / share))
    few = ""
    try:
        parts = folds(known, n_folds=n_folds, random_state=random_state)
        if parts.n_folds < min(n_folds, FEWEST_UNITS):
            few = "" if parts.by == "row" else FEW
            parts = folds(known, n_folds=n_folds, by="row", random_state=random_state)
    except DataError as error:
        return (
            every,
            nobody,
            [f"No rows were held out to choose the best epoch, so the last is kept: {error}"],
        )
    classes = np.unique(y) if kind == "classification" else y[:0]
    for both in (True, False):
        for train, test in zip(parts.train, parts.test, strict=True):
            if np.isin(classes, y[train]).all() and (not both or np.isin(classes, y[test]).all()):
                whole = f", whole {'groups' if parts.by == 'group' else 'stretches'}"
                by = few if parts.by == "row" else whole
                return (
                    train,
                    test,
                    [f"{int(test.sum()):,} of {known.n_rows:,} rows were held out {_purpose(test)}{by}"],
                )
    return every, nobody, ["No rows were held out to choose the best epoch, so the last is kept: a class stands in one group alone"]  # fmt: skip


def _purpose(judge: np.ndarray) -> str:
    """Say what rows are held out for: by few of them the luckiest epoch would be chosen, which is often an early one."""
    if judge.sum() >= CHOOSE_FROM:
        return "to choose the best epoch"
    return "to watch the loss, too few to choose an epoch by, so the last is kept"


def scale_for(seen: Samples | Cutouts, learn: np.ndarray, net: OfTraining) -> tuple[str, list[str]]:
    """Return how rows are brought to a common scale, and a sentence where windows were too unlike to choose the usual."""
    if net.scale != "auto":
        return net.scale, []
    if isinstance(seen, Samples):
        return "training", []
    spread = seen.values[learn].std(axis=tuple(range(1, seen.values.ndim)), dtype=np.float64)
    low, high = np.quantile(spread[spread > 0], [0.05, 0.95]) if (spread > 0).any() else (1.0, 1.0)
    if high < DIFFER[seen.axes] * low:
        return "training", []
    what = "Amplitudes of windows" if seen.axes == "ct" else "Contrasts of images"
    return "each", [f"{what} differ {high / low:,.0f}-fold, so each is brought to a scale of its own: the net does not see how large it is (the setting 'scale' with 'training' would show it)"]  # fmt: skip


def _rate(estimator: Any, X: np.ndarray, y: np.ndarray) -> tuple[float, str]:
    """Return the learning rate that trying finds, or the usual one where none makes the loss fall; and say which."""
    found = float(estimator.find_rate(X, y).suggested)
    if np.isfinite(found):
        return found, f"The learning rate that was found: {found:.2g}"
    usual = NetSettings.lr
    return float(
        usual
    ), f"No learning rate that was tried made the loss fall, so it is the usual one, {usual:g}"


def _augment(X: np.ndarray, net: NetSettings) -> Any:
    if net.augment == "none":
        return None
    from clew.neural.architectures import architecture_of
    from clew.neural.augment import usual

    return usual(architecture_of(net.model).takes, X.ndim - 2)


def counted_over(on_progress: OnProgress | None, member: int, net: OfTraining) -> OnProgress | None:
    """Return what counts epochs over all members; a stop leaves nothing behind."""
    if on_progress is None:
        return None

    def count(done: int, total: int) -> None:
        if on_progress(member * total + done, net.members * total) is False:
            raise Stopped("Stopped; nothing was recorded.")

    return count


# ---- what is said of a training ----
def _kept(members: list[Any], judged: np.ndarray) -> list[str]:
    """Say whether the rows held out show that something was learnt, and which epochs they chose."""
    histories: list[History] = [one.history_ for one in members]
    if not histories[0].validated:
        return []
    best = [one.best_epoch - 1 for one in histories]
    loss = np.mean([one.valid_loss[i] for one, i in zip(histories, best)])
    score = [float(one.valid_score[i]) for one, i in zip(histories, best)]
    chance = histories[0].chance_loss
    verdict = "Learnt" if loss < chance else "Nothing learnt"
    apart = f" ({min(score):.2f} to {max(score):.2f})" if f"{min(score):.2f}" != f"{max(score):.2f}" else ""
    epochs = ", ".join(f"{one.best_epoch} of {one.n_epochs}" for one in histories)
    always = ""
    if histories[0].score == "accuracy":
        always = f", where always the commonest class gives {np.unique(judged, return_counts=True)[1].max() / len(judged):.2f}"
    return [
        f"{verdict}: on the rows held out a loss of {loss:.2g} (by chance {chance:.2g}), {histories[0].score} "
        f"{np.mean(score):.2f}{apart}{always}; epoch kept: {epochs}"
    ]


def doubts_of(members: list[Any], among: Doubts = WORST_FIRST) -> list[str]:
    """Return what most members' losses say is wrong, in the words of the first of them; ``among`` topics, each with bad answers."""
    readings = [read_losses(one.history_) for one in members]
    doubts = []
    for topic, bad in among:
        found = [one.about(topic) for one in readings if one.about(topic).answer in bad]
        found = [one for one in found if one.answer != "cannot tell"]
        if 2 * len(found) > len(readings):
            doubts.append(f"{found[0].sentence} {found[0].advice}".strip())
    return doubts
