"""Autoencoders in the workflow: trained without labels, looked at beside principal components, and asked for new rows."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.learn.training import choose
from clew.measure.cutouts import Cutouts
from clew.neural.coder_settings import LATENT, CoderSettings
from clew.neural.net_settings import with_settings
from clew.neural.reconstruction import Reconstructions
from clew.neural.spectra import can_see_spectra
from clew.neural.training import CHOOSE_FROM, Doubts, counted_over, doubts_of, held_out_rows, scale_for
from clew.result import Result, step
from clew.samples import Samples
from clew.validate.metrics import OnProgress

if TYPE_CHECKING:
    from clew.neural.model import NetModel

DOUBTS: Doubts = (
    ("learning rate", ("too high",)),
    ("overfitting", ("overfits",)),
)  # the others ask for an answer to be learnt
FEWEST = 8  # rows that something can be learnt from
TYPICAL, WORST = 8, 8  # rows that are shown
GRID = {"cyx": 9, "ct": 6}  # decoded rows along a side of the map
EDGES = (0.02, 0.98)  # of the codes, which the map goes out to
COMES_BACK = 0.25  # of the variance of waves, from which on these are seen
MOST_PCA = 5000  # rows that principal components are taken of
MOST_MADE = 10_000  # rows at once


# ---- training ----
@step(sees="open", verb="train")
@with_settings(CoderSettings, together="coder")
def train_coder(
    samples: Samples,
    cutouts: Cutouts | None = None,
    *,
    features: str | list[str] = "all",
    random_state: int = 0,
    measure: dict[str, Any] | None = None,
    on_progress: OnProgress | None = None,
    coder: CoderSettings,
) -> NetModel:
    """Train an autoencoder on all rows; labels are looked at by a conditional one only.

    Parameters
    ----------
    samples : Samples
    cutouts : Cutouts, optional
        The raw data behind these rows, in place of their features.
    features : str or list of str
        As for `clew.learn.training.train`.
    random_state : int
        Decides which rows are held out, the first weights, the order of the rows, and what a vae draws; each further member
        takes the next one.
    measure, on_progress
        As for `clew.neural.training.train_net`.
    coder
        As for `clew.neural.coder_settings.CoderSettings`.

    Raises
    ------
    DataError
        If there are too few rows, or labels are lacking that it is to be given.
    SettingError
        If a setting is out of range.
    Stopped
        If `on_progress` returned False.
    """
    from clew.neural.coders import NetAutoencoder, NetVae
    from clew.neural.model import NetModel, values_for

    known = _known(samples if cutouts is not None else choose(samples, features=features, target=None), coder.conditional)  # fmt: skip
    coder.check_batch(known.n_rows)
    seen = known if cutouts is None else cutouts.of(known)
    X, labels = values_for(coder.model, seen), known.labels
    learn, judge, told = _dealt(known, coder.held_out, random_state)
    scale, why = scale_for(seen, learn, coder)
    see, said = _what_to_see(seen, learn, judge, coder)
    kind = NetVae if coder.model == "vae" else NetAutoencoder
    settings: dict[str, Any] = {
        "net_settings": coder.of_architecture(X.shape[1:]), "see": see, "scale": scale, "max_epochs": coder.epochs_of(int(learn.sum())), "augment": _augment(see), "lr": coder.lr,
        "batch_size": coder.batch_of(int(learn.sum())), "schedule": "one-cycle", "threads": coder.threads, "device": coder.device,
        "keep": "best" if judge.sum() >= CHOOSE_FROM else "last",
    }  # fmt: skip
    members = []
    for member in range(coder.members):
        one = kind(random_state=random_state + member, **settings)
        held = (X[judge], None if labels is None else labels[judge]) if judge.any() else None
        one.fit(X[learn], None if labels is None else labels[learn], validation=held, on_progress=counted_over(on_progress, member, coder))  # fmt: skip
        members.append(one)
    n = samples.n_rows - known.n_rows
    left_out = [f"{n:,} rows without a label were left out: a conditional net is given them"] if n else []
    cut = seen.notes if isinstance(seen, Cutouts) else []
    notes = [*told, *left_out, *cut, *why, *said, *doubts_of(members, DOUBTS)]
    shown = None if cutouts is None else seen
    return NetModel.of(members, known, shown, measure=measure, notes=notes)  # type: ignore[arg-type]


def _what_to_see(seen: Samples | Cutouts, learn: np.ndarray, judge: np.ndarray, coder: CoderSettings) -> tuple[str, list[str]]:  # fmt: skip
    """Return whether windows are seen as waves or spectra, and why: waves where some components can give them back at all."""
    windows = isinstance(seen, Cutouts) and seen.axes == "ct"
    check(windows or coder.see != "spectrum", SettingError, "The setting --see spectrum must go with windows of recordings. Got other rows.")  # fmt: skip
    if not windows or coder.see != "auto" or not can_see_spectra(seen.values.shape[-1]):  # type: ignore[union-attr]
        return "wave" if coder.see == "auto" else coder.see, []
    rows = seen.values.reshape(len(seen), -1).astype(np.float64)  # type: ignore[union-attr]
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.maximum(rows.std(axis=1, keepdims=True), 1e-300)
    judged = rows[judge] if judge.any() else rows[learn]
    spread = float(((judged - rows[learn].mean(axis=0)) ** 2).mean())
    share = 1 - _pca_error(rows[learn], judged, LATENT) / max(spread, 1e-300)
    see = "wave" if share >= COMES_BACK else "spectrum"
    what = (
        "the waves themselves are seen"
        if see == "wave"
        else "the spectra of their pieces are seen, not the waves"
    )
    return see, [f"{LATENT} principal components give back {max(0, share):.0%} of the waves of windows, so {what} (the setting 'see')"]  # fmt: skip


def _augment(see: str) -> Any:
    """Return what shifts spectra in time a little, as an event may lie anywhere in its window."""
    from clew.neural.augment import Shift

    return Shift() if see == "spectrum" else None


def _known(samples: Samples, conditional: bool) -> Samples:
    """Return the rows to learn from: all, without their labels and targets; or those with a label."""
    check(samples.n_rows >= FEWEST, DataError, "The rows for an autoencoder must be at least {}. Got {}.", FEWEST, samples.n_rows)  # fmt: skip
    if not conditional:
        return dataclasses.replace(samples, labels=None, target=None)
    labels = samples.labels
    given = np.zeros(samples.n_rows, bool) if labels is None else labels != ""
    check(given.sum() >= FEWEST, DataError, "The rows for a conditional vae must be at least {} with a label. Got {}.", FEWEST, int(given.sum()))  # fmt: skip
    return dataclasses.replace(samples.take(given), target=None)


def _dealt(known: Samples, share: float, random_state: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the rows to learn from, those held out, bool (n_rows,), and what to say of that."""
    if known.labels is not None:
        return held_out_rows(known, known.labels, share, "classification", random_state)
    return held_out_rows(known, np.zeros(known.n_rows), share, "regression", random_state)


# ---- what comes back ----
@step(sees="open", verb="rebuild")
def reconstruct(samples: Samples, *behind: Any) -> Reconstructions:
    """Look what an autoencoder makes of the rows, beside principal components of the same number.

    Parameters
    ----------
    samples : Samples
    *behind : Cutouts, NetModel
        The raw data behind the rows, if it looks at such, and the net.

    Raises
    ------
    SettingError
        If the net is no autoencoder.
    """
    *cutouts, model = behind
    check_coder(model)
    known = _known(samples, bool(model.classes))
    net, X, axes = _seen(model, known, *cutouts)
    labels = known.labels
    trained: dict[str, Any] = model.settings
    held = _dealt(known, trained.get("held_out", 0.0), trained.get("random_state", 0))[1]
    score = np.asarray(model.predict(_rows(model, known), *cutouts).value)
    codes = net.embed(X, labels)
    scaled = net.preprocess_.apply(X).values.reshape(len(X), -1).astype(np.float64)
    judged = held if held.any() else np.ones(len(X), bool)
    taught = ~held
    spread = float(((scaled[judged] - scaled[taught].mean(axis=0)) ** 2).mean())
    shown = _shown(score)
    plane, plane_share, at, grid = _map(net, X, codes, labels, axes)
    return Reconstructions(
        architecture=model.architecture,
        axes=axes,
        names=list(model.feature_names),
        sample=known.sample,
        held_out=held,
        score=score,
        share=1 - float(net.anomaly(X[judged], None if labels is None else labels[judged]).mean()) / spread,
        pca_share=1 - _pca_error(scaled[taught], scaled[judged], codes.shape[1]) / spread,
        n_latent=codes.shape[1],
        collapse=net.collapse(X, labels) if model.architecture == "vae" else None,
        plane=plane,
        plane_share=plane_share,
        grid_at=at,
        grid=grid,
        shown=shown,
        n_typical=max(0, len(shown) - WORST),
        real=net.preprocess_.seen(X[shown]).astype(np.float32),
        decoded=net.reconstruct(X[shown], None if labels is None else labels[shown]).astype(np.float32),
        labels=list(model.classes),
    )


def check_coder(model: Any) -> None:
    """Refuse a model that is no autoencoder.

    Raises
    ------
    SettingError
        If it is none.
    """
    check(getattr(model, "kind", "") == "coding", SettingError, "The model must be an autoencoder or a vae. Got one for {}.", getattr(model, "kind", type(model).__name__))  # fmt: skip


def _rows(model: NetModel, samples: Samples) -> Samples:
    return samples if model.cut else samples.select(model.feature_names)


def _seen(model: NetModel, samples: Samples, cutouts: Cutouts | None = None) -> tuple[Any, np.ndarray, Literal["features", "cyx", "ct"]]:  # fmt: skip
    """Return the first net of a model, the rows as it takes them, and what one row is."""
    X = model.values(_rows(model, samples), cutouts)
    axes: Any = cutouts.axes if cutouts is not None and model.cut else "features"
    return model.estimator(0), np.asarray(X), axes


def _pca_error(training: np.ndarray, judged: np.ndarray, n: int) -> float:
    """Return the mean squared error of rows that go through so many principal components of the training rows."""
    from sklearn.decomposition import PCA

    some = training[:: -(-len(training) // MOST_PCA)]
    n = min(n, *some.shape)
    pca = PCA(n, svd_solver="randomized" if min(some.shape) > 500 else "full", random_state=0).fit(some)
    return float(((judged - pca.inverse_transform(pca.transform(judged))) ** 2).mean())


def _shown(score: np.ndarray) -> np.ndarray:
    """Return typical rows, evenly spaced over the lower scores, and then the highest scores, the worst first."""
    order = np.argsort(score, kind="stable")
    worst = order[::-1][:WORST]
    rest = order[: len(order) - len(worst)]
    places = np.linspace(0, len(rest) - 1, min(TYPICAL, len(rest))).round().astype(int)
    return np.r_[rest[places], worst].astype(np.int64)


def _map(net: Any, X: np.ndarray, codes: np.ndarray, labels: np.ndarray | None, axes: str) -> tuple[np.ndarray, float, np.ndarray, np.ndarray]:  # fmt: skip
    """Return the codes on their first two components, the share of these, and what is decoded on a grid of that plane."""
    middle = codes.mean(axis=0)
    _, sizes, ways = np.linalg.svd(codes - middle, full_matrices=False)
    ways = ways[:2] * np.where(
        ways[:2].sum(axis=1, keepdims=True) < 0, -1, 1
    )  # a sign of its own would turn the map
    plane = (codes - middle) @ ways.T
    share = float((sizes[:2] ** 2).sum() / max((sizes**2).sum(), 1e-300))
    if plane.shape[1] < 2:
        plane, ways = np.c_[plane, np.zeros(len(plane))], np.r_[ways, np.zeros_like(ways)]
    if axes == "features":
        return plane, share, np.zeros((2, 0)), np.zeros((0, 0), np.float32)
    low, high = np.quantile(plane, EDGES, axis=0)
    at = np.stack([np.linspace(a, b if b > a else a + 1, GRID[axes]) for a, b in zip(low, high, strict=True)])
    places = np.stack(np.meshgrid(*at), axis=-1).reshape(-1, 2)  # first up, then across
    label = None if labels is None else str(max(np.unique(labels), key=lambda one: (labels == one).sum()))
    grid = net.decode(middle + places @ ways, label, like=X).astype(np.float32)
    return plane, share, at, grid.reshape(GRID[axes], GRID[axes], *grid.shape[1:])


def encode(samples: Samples, cutouts: Cutouts | None, model: NetModel) -> Samples:
    """Return the codes of rows as their features, with origin, group and labels kept.

    Parameters
    ----------
    samples : Samples
        Rows with the features and units of the training rows.
    cutouts : Cutouts or None
        Of these rows, where the model looks at such.
    model : NetModel
        An autoencoder or a vae.

    Raises
    ------
    SettingError
        If the model is no autoencoder.
    DataError
        If it cannot read these rows.
    """
    check_coder(model)
    codes = model.activations(_rows(model, samples), cutouts)
    n = codes.shape[1]
    names = tuple(f"latent {unit}" for unit in range(1, n + 1))
    return dataclasses.replace(samples, features=codes, feature_names=names, units=("",) * n, sets={}, distances=None)  # fmt: skip


# ---- what is made up ----
@step(sees="open", verb="generate")
def generate(
    samples: Samples,
    *behind: Any,
    n: int = 16,
    label: str | None = None,
    between: list[str] | None = None,
    random_state: int = 0,
) -> Result:  # a `clew.neural.generating.Generated`, which needs torch
    """Make up rows, each beside the real row most like it: drawn at random, or on the way from one row to another.

    Parameters
    ----------
    samples : Samples
    *behind : Cutouts, NetModel
        As for `reconstruct`.
    n : int
        How many rows.
    label : str, optional
        What a conditional vae is asked for.
    between : list of str, optional
        The names of two rows.
    random_state : int
        Decides what is drawn.

    Raises
    ------
    SettingError
        If the net is no autoencoder, or has no known distribution to draw from.
    DataError
        If it knows no such label, or there is no such row.
    """
    from clew.neural import generating

    *cutouts, model = behind
    check_coder(model)
    check(isinstance(n, int) and 2 <= n <= MOST_MADE, SettingError, "The 'n' of generate must be a whole number from 2 to {:,}. Got {} instead.", MOST_MADE, n)  # fmt: skip
    rows = _rows(model, samples)
    if between:
        check(len(between) == 2, SettingError, "The 'between' of generate must name two rows. Got {}.", len(between))  # fmt: skip
        check(
            label is None, SettingError, "The 'label' of generate must not be given with 'between'. Got both."
        )
        made = generating.between(model, rows, *cutouts, a=between[0], b=between[1], n=n)
    else:
        check(model.architecture == "vae", SettingError, "An autoencoder has no known distribution to draw from: give it two rows to go between (--between A,B), or take a vae (clew train --model vae). Got neither.")  # fmt: skip
        made = generating.generate(model, rows, *cutouts, n=n, label=label, random_state=random_state)
    place = {name: row for row, name in enumerate(samples.sample.tolist())}
    real: Any = model.estimator()
    real = real.preprocess_.seen(np.asarray(model.values(rows, *(cutouts or [None]))))
    return dataclasses.replace(made, beside=real[[place[name] for name in made.nearest.tolist()]])
