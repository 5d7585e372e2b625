"""Training a U-Net to tell classes of pixels apart, from images of which all is known or a few strokes are."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from clew.errors import DataError, check
from clew.neural.augment import Augment, Chain, Flip, Gain, Gamma, Grain, Turn, Zoom
from clew.neural.crops import Crops
from clew.neural.fit import OnProgress, fit
from clew.neural.nets.unet import UNet, UNetConfig
from clew.neural.objectives import PADDING, CrossEntropy
from clew.neural.place import seeded
from clew.neural.recipe import Recipe
from clew.neural.rows import Rows
from clew.neural.unet_settings import UNetSettings
from clew.validate.history import History

GROUND, OBJECT, BORDER = range(3)
EPOCHS, BATCH = 20, 8  # at most so many epochs; pieces of an update
STRIDE = 4  # px from one place of a piece to the next
FEWEST_IMAGES = 5  # of fewer, a region is held out
JUDGED = 64  # pieces, at most, that validate
WEIGHT_DECAY = 0.01


@dataclass(frozen=True, eq=False)
class FittedUNet:
    """Trained U-Nets that differ in their random state, and all that tells how they came to be.

    Parameters
    ----------
    nets : list of UNet
        On the CPU, in evaluation mode.
    histories : list of History
    config : UNetConfig
    seeds : list of int
    notes : list of str
        What was held out.
    recipe : dict
        The recipe of the first, and the settings.
    """

    nets: list[nn.Module]
    histories: list[History]
    config: UNetConfig
    seeds: list[int]
    notes: list[str]
    recipe: dict[str, Any]


class PixelCrossEntropy(CrossEntropy):
    """Cross-entropy of classes at each place, which are the second axis of the output; `PADDING` is not asked about.

    Parameters
    ----------
    class_weight : Tensor of float, shape (n_classes,)
    """

    def __init__(self, class_weight: Tensor) -> None:
        super().__init__(class_weight)

    def loss(self, output: Tensor, rows: Rows) -> Tensor:
        """Return the (weighted) mean over the places that are known."""
        return super().loss(output.movedim(1, -1), rows)

    def score(self, output: Tensor, rows: Rows) -> float:
        """Return the share of right answers at the places that are known."""
        return super().score(output.movedim(1, -1), rows)


def instance_targets(labels: np.ndarray, *, thickness: int = 1) -> np.ndarray:
    """Return what a net learns of numbered objects: background, object, and a border wherever two come close.

    Parameters
    ----------
    labels : ndarray of int, shape (sides ...)
        The object of each pixel, 0 for none.
    thickness : int
        A pixel is border where two objects lie within so many pixels of it along each axis, itself included; so objects
        that touch are kept apart by twice as many.

    Returns
    -------
    ndarray of int64, shape (sides ...)
        0 background, 1 object, 2 border.

    Notes
    -----
    After the classes of Caicedo et al., Cytometry A 95 (2019), doi:10.1002/cyto.a.23863, but with a border only where there
    is a neighbour: elsewhere the background parts objects already.
    """
    from scipy.ndimage import maximum_filter, minimum_filter

    check(labels.dtype.kind in "iu" and (not labels.size or labels.min() >= 0), DataError, "The labels of objects must be whole numbers from 0. Got {} instead.", labels.dtype)  # fmt: skip
    numbers = labels.astype(np.int64)
    around = 2 * thickness + 1
    high = maximum_filter(numbers, around)
    low = minimum_filter(np.where(numbers > 0, numbers, numbers.max(initial=0) + 1), around)
    targets = np.where(numbers > 0, OBJECT, GROUND).astype(np.int64)
    targets[(high > 0) & (high != low)] = BORDER
    return targets


def fit_unet(
    images: Sequence[np.ndarray],
    answers: Sequence[np.ndarray],
    *,
    n_classes: int,
    settings: UNetSettings | None = None,
    validation: tuple[Sequence[np.ndarray], Sequence[np.ndarray]] | None = None,
    random_state: int = 0,
    on_progress: OnProgress | None = None,
) -> FittedUNet:
    """Train U-Nets to say of every pixel which class it is of.

    Parameters
    ----------
    images : sequence of ndarray of float32, each of shape (C, sides ...)
        Of any sides, all on one scale: see `clew.measure.intensity.intensity_scale`.
    answers : sequence of ndarray of int64, each of shape (sides ...)
        The class of each pixel, from 0; `PADDING` where nobody knows.
    n_classes : int
    settings : UNetSettings, optional
    validation : pair of sequences, optional
        Images and answers that nothing is learnt from; by default some of the others: see `divided`.
    random_state : int
        Decides what is held out, the first weights, the pieces and how they are changed; of further members it is one higher.
    on_progress : callable (done, total), optional
        Told after each epoch; returning False ends the training, and what was learnt by then is kept.

    Raises
    ------
    DataError
        If images and answers do not fit, a value is not finite, a class is not there, or fewer than two are known.
    SettingError
        If a setting is out of range.
    """
    settings = settings or UNetSettings()
    _check_images(images, answers, n_classes)
    notes = []
    if validation is None:
        (images, answers), validation, note = divided(images, answers, settings.held_out, random_state)
        notes.append(note)
    n_channels, n_axes = images[0].shape[0], images[0].ndim - 1
    training = Crops.of(images, answers, size=settings.piece(n_axes), stride=STRIDE)
    judging = _pieces_of(*validation, training.size)
    config = UNetConfig(n_channels, n_classes, n_axes, channels=settings.widths())
    objective = PixelCrossEntropy(torch.from_numpy(class_weights(answers, n_classes, settings.class_weight)))
    recipe = recipe_of(settings, len(training), random_state)
    nets, histories = list[nn.Module](), list[History]()
    for member in range(settings.members):
        one = dataclasses.replace(recipe, random_state=random_state + member)
        with seeded(one.random_state):
            net = UNet(config)
        told = _shifted(on_progress, member * recipe.max_epochs, settings.members * recipe.max_epochs)
        changes = changed(n_axes) if settings.augment == "auto" else None
        histories.append(fit(net, training, recipe=one, objective=objective, validation=judging, augment=changes, on_progress=told))  # fmt: skip
        nets.append(net)
        if histories[-1].stopped == "asked":
            break
    seeds = [random_state + member for member in range(len(nets))]
    learnt = dataclasses.asdict(recipe) | dataclasses.asdict(settings)
    return FittedUNet(nets, histories, config, seeds, notes, learnt)


def divided(
    images: Sequence[np.ndarray], answers: Sequence[np.ndarray], share: float, random_state: int = 0
) -> tuple[tuple[list[np.ndarray], list[np.ndarray]], tuple[list[np.ndarray], list[np.ndarray]], str]:
    """Hold out images, or of fewer than 5 the end of each along its longest side; say which.

    Parameters
    ----------
    images, answers
        As for `fit_unet`.
    share : float
        How much is held out.
    random_state : int
        Decides which images.

    Returns
    -------
    training, validation : pairs of lists (images, answers)
        Validation is empty where nothing could be held out: each class must be learnt from, and something known be left.
    note : str
    """
    nothing: tuple[list[np.ndarray], list[np.ndarray]] = [], []
    if share == 0:
        return (list(images), list(answers)), nothing, "Nothing was held out: the history has no validation."
    if len(images) >= FEWEST_IMAGES:
        n = max(1, round(share * len(images)))
        order = np.random.default_rng(random_state).permutation(len(images))
        held, kept = sorted(order[:n]), sorted(order[n:])
        parts = [([images[i] for i in some], [answers[i] for i in some]) for some in (kept, held)]
        note = f"Validated on {n} of {len(images)} images, which taught nothing."
    else:
        both = [_cut(image, answer, share) for image, answer in zip(images, answers)]
        parts = [([one[i][0] for one in both], [one[i][1] for one in both]) for i in (0, 1)]
        which = "the image (one image only)" if len(images) == 1 else f"each of {len(images)} images"
        note = f"Validated by region: the last {share:.0%} of {which} taught nothing."
    if _classes(parts[0][1]) == _classes(answers) and _classes(parts[1][1]):
        return parts[0], parts[1], note
    return (list(images), list(answers)), nothing, "Nothing was held out: too little is known to learn from the rest."  # fmt: skip


def class_weights(answers: Sequence[np.ndarray], n_classes: int, how: str) -> np.ndarray:
    """Return how much a pixel of each class counts, float32 (n_classes,): 1, or so much that all classes weigh the same."""
    if how == "given":
        return np.ones(n_classes, np.float32)
    counts = sum(np.bincount(one[one != PADDING], minlength=n_classes) for one in answers)
    known = np.asarray(counts, np.float64)
    return (known.sum() / n_classes / np.maximum(known, 1)).astype(np.float32)


def changed(n_axes: int) -> Augment:
    """Return how pieces are changed; signals keep their direction and their length.

    In one inner run on training images of nuclei_dsb2018 zooming was worth 0.03 of IoU and of AP: nuclei differ in size from
    image to image.
    """
    light: tuple[Augment, ...] = (Gamma(0.2), Gain(0.25, 0.1), Grain(0.1))
    return Chain(light if n_axes == 1 else (Flip(), Turn(), Zoom(0.2), *light))


def recipe_of(settings: UNetSettings, n_pieces: int, random_state: int) -> Recipe:
    """Return how each net is trained; what is held out only tells how it goes, being too little to choose an epoch by."""
    epochs = min(EPOCHS, settings.updates)
    batch = min(BATCH, n_pieces)
    return Recipe(
        max_epochs=epochs,
        batch_size=batch,
        samples_per_epoch=batch * -(-settings.updates // epochs),
        lr=settings.lr,
        schedule="one-cycle",
        weight_decay=WEIGHT_DECAY,
        keep="last",
        threads=settings.threads,
        device=settings.device,
        random_state=random_state,
    )


def _check_images(images: Sequence[np.ndarray], answers: Sequence[np.ndarray], n_classes: int) -> None:
    check(len(images) and len(images) == len(answers), DataError, "The images of a U-Net must be at least one, with answers for each. Got {} and {}.", len(images), len(answers))  # fmt: skip
    first = images[0]
    for number, (image, answer) in enumerate(zip(images, answers)):
        alike = image.ndim == first.ndim and 2 <= image.ndim <= 4 and len(image) == len(first)
        check(alike, DataError, "The images of a U-Net must be (channels, sides ...) with 1 to 3 sides, and the same channels. Got {} and {}.", first.shape, image.shape)  # fmt: skip
        check(answer.shape == image.shape[1:] and answer.dtype.kind == "i", DataError, "The answers to image {} must be whole numbers of shape {}. Got {} of shape {}.", number, image.shape[1:], answer.dtype, answer.shape)  # fmt: skip
        check(np.isfinite(image).all(), DataError, "The pixels of image {} must be finite numbers. Got NaN or infinity.", number)  # fmt: skip
    known = _classes(answers)
    check(len(known) >= 2, DataError, "The answers must hold at least two classes. Got {}.", sorted(known) or "none")  # fmt: skip
    check(min(known) >= 0 and max(known) < n_classes, DataError, "The classes of pixels must be from 0 to {}. Got {}.", n_classes - 1, sorted(known))  # fmt: skip


def _classes(answers: Sequence[np.ndarray]) -> set[int]:
    return {int(one) for answer in answers for one in np.unique(answer)} - {PADDING}


def _cut(image: np.ndarray, answer: np.ndarray, share: float) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Return an image with its answers in two parts, cut across its longest side."""
    axis = int(np.argmax(answer.shape))
    n = answer.shape[axis]
    at = [max(1, n - round(share * n))]
    return tuple(zip(np.split(image, at, axis=axis + 1), np.split(answer, at, axis=axis)))


def _pieces_of(
    images: Sequence[np.ndarray], answers: Sequence[np.ndarray], size: tuple[int, ...]
) -> Rows | None:
    """Return pieces side by side, evenly chosen where there are many; None of no images."""
    if not images:
        return None
    pieces = Crops.of(images, answers, size=size, stride=max(size))
    return pieces.take(torch.linspace(0, len(pieces) - 1, min(JUDGED, len(pieces))).round().long())


def _shifted(on_progress: OnProgress | None, before: int, total: int) -> Callable[[int, int], Any] | None:
    return None if on_progress is None else lambda done, _: on_progress(before + done, total)
