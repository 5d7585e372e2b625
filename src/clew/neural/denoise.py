"""Train a denoiser on the noisy images themselves: Noise2Void, N2V2, and N2V2 with its skip at full resolution."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from clew.errors import DataError, Stopped, check
from clew.measure.noise import Noise, noise_of
from clew.measure.smoothing import blind_errors, smoother, smoothing
from clew.neural.architectures import build
from clew.neural.augment import Augment, Chain, Flip, Turn
from clew.neural.blind_spot import BlindSpot, BlindSpotError, Fill
from clew.neural.crops import Crops
from clew.neural.denoise_settings import DenoiseSettings
from clew.neural.denoiser import Denoiser
from clew.neural.fit import fit
from clew.neural.objectives import forward
from clew.neural.place import device_of, evaluating, seeded
from clew.neural.recipe import Recipe
from clew.neural.rows import Rows
from clew.neural.stored import weights_of
from clew.validate.history import History

BATCH, EPOCHS = 8, 20
FEWEST_UPDATES = 10  # of an epoch
LONGER = 16  # times the patch of an image: the samples of a piece of a trace
SHORTEST = 8  # pixels of a side: of fewer nothing can be foretold from what is around
VOLUME = 32  # the longest side of a piece of a volume
FEWEST_IMAGES = 5  # so many images leave one for validation; of fewer, a region
HELD, SMALLEST = 8, 64  # one in so many pixels along the longest side is that region, if the side is so long
VALIDATED = 32  # pieces at most
TILE = {1: 16384, 2: 512, 3: 64}
NETS: dict[str, dict[str, Any]] = {
    "median": {"pool": "max", "up": "nearest", "top_skip": True, "normalise": "none"},
    "n2v2": {"pool": "blur", "up": "nearest", "top_skip": False},
    "n2v": {"pool": "max", "up": "nearest", "top_skip": True},
}
OnProgress = Callable[[int, int], Any]


def fit_denoiser(
    images: Sequence[np.ndarray],
    *,
    settings: DenoiseSettings | None = None,
    channel_names: Sequence[str] | None = None,
    on_progress: OnProgress | None = None,
) -> Denoiser:
    """Train one net a channel on noisy images, without a clean one.

    Parameters
    ----------
    images : sequence of ndarray, each of shape (C, sides ...)
        Traces, images or volumes of any sides and of the same channels, in their own units.
    settings : DenoiseSettings, optional
    channel_names : sequence of str, optional
    on_progress : callable (done, total), optional
        Told after each epoch; returning False ends the training: what the last channel has learnt by then is kept.

    Raises
    ------
    DataError
        If images differ in their channels or axes, a value is not finite, or a channel is constant.
    Stopped
        If somebody asked to before the last channel was begun.

    Notes
    -----
    Validated by one image in eight, of fewer than five images by a region that nothing is learnt from, or, where they are
    too small for that, by other hidden pixels of the same ones; which of these is among the notes.
    """
    settings = settings or DenoiseSettings()
    n_channels, n_axes = check_images(images)
    names = list(channel_names or (f"channel {i}" for i in range(n_channels)))
    trained, judged, how = divided(images)
    notes = [how]
    nets, histories, means, spreads, seeds = [], [], [], [], []
    recipe = recipe_of(settings)
    for channel in range(n_channels):
        told = None if on_progress is None else _shifted(on_progress, channel * recipe.max_epochs, n_channels * recipe.max_epochs)  # fmt: skip
        mean, spread = scale_of([one[channel] for one in images])
        check(spread > 0, DataError, "The images to be denoised must vary in each channel. Got the constant {:g} in '{}'.", mean, names[channel])  # fmt: skip
        spot = blind_spot(settings, [one[channel] for one in images])
        seed = recipe.random_state + channel
        with seeded(seed):
            net = build(
                "unet", (1, *[1] * n_axes), 1, {"channels": settings.channels} | NETS[settings.method]
            )
        parts = [[(one[channel : channel + 1] - mean) / spread for one in some] for some in (trained, judged)]
        one = dataclasses.replace(recipe, random_state=seed)
        histories.append(fit_channel(net, *parts, spot=spot, settings=settings, recipe=one, on_progress=told))
        nets.append(net)
        means.append(mean)
        spreads.append(spread)
        seeds.append(seed)
        if spot.along is not None:
            axis = {-1: "x", -2: "y"}[spot.along]
            notes.append(
                f"{names[channel]}: neighbours along {axis} are hidden, too, {spot.reach} px to each side."
            )
        check(histories[-1].stopped != "asked" or channel == n_channels - 1, Stopped, "Stopped before the net of '{}' was trained.", names[min(channel + 1, n_channels - 1)])  # fmt: skip
    learnt = dataclasses.asdict(recipe) | dataclasses.asdict(settings)
    return Denoiser(
        architecture="unet",
        net_settings=dataclasses.asdict(nets[0].config),
        recipe=learnt,
        seeds=seeds,
        weights=weights_of(nets),
        histories=histories,
        notes=notes,
        trained_with={"torch": torch.__version__, "device": str(device_of(settings.device))},
        n_axes=n_axes,
        channel_names=names,
        mean=means,
        spread=spreads,
        tile=[TILE[n_axes]] * n_axes,
        turns=settings.turns,
    )


def fit_channel(
    net: nn.Module,
    trained: Sequence[np.ndarray],
    judged: Sequence[np.ndarray],
    *,
    spot: BlindSpot,
    settings: DenoiseSettings,
    recipe: Recipe,
    on_progress: OnProgress | None = None,
) -> History:
    """Train the net of one channel, on images of shape (1, sides ...) on its scale."""
    n_axes = trained[0].ndim - 1
    if n_axes == 2:
        net.to(memory_format=torch.channels_last)
    pieces = Crops.of(trained, size=piece_of(trained, settings.patch))
    held = Crops.of(judged, size=piece_of(judged, settings.patch), stride=max(1, settings.patch // 2))
    random = torch.Generator().manual_seed(recipe.random_state)
    validation, seen = (_hidden(one, spot, random) for one in (held, pieces))
    objective = BlindSpotError()
    changes: list[Augment] = [] if n_axes == 1 else [Flip()] if spot.along is not None else [Flip(), Turn()]
    augment = Chain((*changes, spot))
    recipe = dataclasses.replace(recipe, batch_size=min(BATCH, len(pieces)))
    history = fit(net, pieces, recipe=recipe, objective=objective, validation=validation, augment=augment, on_progress=on_progress)  # fmt: skip
    with evaluating(net):
        at_best = float(objective.loss(forward(net, seen), seen))
    return dataclasses.replace(history, train_loss_at_best=at_best)


def held_out_errors(
    denoiser: Denoiser, images: Sequence[np.ndarray], noises: Sequence[Noise]
) -> list[dict[str, np.ndarray]]:
    """Return, for each channel, the squared errors of the net and of its classical rivals at the same hidden pixels.

    These pixels lie where nothing was learnt, of the first image that was held out, or of which a region was; each rival
    has the strength that it is best with at other pixels there.

    Parameters
    ----------
    denoiser : Denoiser
    images : sequence of ndarray, each of shape (C, sides ...)
        That it was trained on.
    noises : sequence of Noise
        The diagnosis of each channel.
    """
    _, judged, _ = divided(images)
    region = largest_part(judged[0])
    found = []
    for channel, noise in enumerate(noises):
        image = region[channel].astype(np.float64)
        rivals = smoothing(image, level=noise.level)

        def net(one: np.ndarray, channel: int = channel) -> np.ndarray:
            return denoiser.denoise_channel(one, channel)

        errors = {"net": blind_errors(image, net)}
        for method, strength in zip(rivals.methods, rivals.strengths):
            errors[method] = blind_errors(image, smoother(method, float(strength), level=noise.level))
        found.append(errors)
    return found


# ---- what is trained on ----
def check_images(images: Sequence[np.ndarray]) -> tuple[int, int]:
    """Return how many channels and axes all images have.

    Raises
    ------
    DataError
        If there is none, they differ, one is tiny, or a value is not finite.
    """
    check(len(images), DataError, "The images to be denoised must be at least one. Got none.")
    shapes = [one.shape for one in images]
    same = all(len(one) == len(shapes[0]) and one[0] == shapes[0][0] for one in shapes)
    check(same and 2 <= len(shapes[0]) <= 4, DataError, "The images to be denoised must be of shape (channels, 1 to 3 sides), with the same channels. Got {}.", shapes[:4])  # fmt: skip
    check(all(np.isfinite(one).all() for one in images), DataError, "The pixels to be denoised must be finite numbers. Got others.")  # fmt: skip
    least = min(side for one in shapes for side in one[1:])
    check(least >= SHORTEST, DataError, "The images to be denoised must be at least {} pixels along each side. Got one of {}.", SHORTEST, least)  # fmt: skip
    return shapes[0][0], len(shapes[0]) - 1


def divided(images: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray], str]:
    """Return what is learnt from, what is held out, and a sentence that says which."""
    if len(images) >= FEWEST_IMAGES:
        n = max(1, len(images) // 8)
        return list(images[:-n]), list(images[-n:]), f"Validated on {n} of {len(images)} images."
    trained, judged = [], []
    for one in images:
        axis = 1 + int(np.argmax(one.shape[1:]))
        n = one.shape[axis]
        held = n // HELD if n >= SMALLEST else 0
        trained.append(one.take(range(n - held), axis=axis) if held else one)
        if held:
            judged.append(one.take(range(n - held, n), axis=axis))
    few = "one image only" if len(images) == 1 else f"{len(images)} pieces only"
    if not judged:
        return trained, trained, f"Too small to hold a region out ({few}): validated on other hidden pixels of the same region."  # fmt: skip
    return trained, judged, f"Validated by region: the last eighth of {'each piece' if len(images) > 1 else 'the image'} taught nothing ({few})."  # fmt: skip


def blind_spot(settings: DenoiseSettings, images: Sequence[np.ndarray]) -> BlindSpot:
    """Return what hides pixels of a channel's images: along an axis where noise hangs together along it."""
    along = settings.structure
    if along == "auto":
        found = noise_of(largest_part(max(images, key=np.size)))
        along = found.along if found.along in ("x", "y") else "none"
    n_axes = images[0].ndim
    check(
        along != "y" or n_axes > 1,
        DataError,
        "The noise of a trace must hang together along x, if at all. Got y.",
    )
    axis = {"none": None, "x": -1, "y": -2}[along]
    fill: Fill = "uniform" if settings.method == "n2v" else "median"
    return BlindSpot(fill=fill, share=settings.masked, along=axis, reach=settings.reach)


def scale_of(images: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return mean and standard deviation of all pixels of a channel."""
    n = sum(one.size for one in images)
    mean = sum(float(one.sum(dtype=np.float64)) for one in images) / n
    square = sum(float(((one.astype(np.float64) - mean) ** 2).sum()) for one in images) / n
    return mean, float(np.sqrt(square)) if any(np.ptp(one) > 0 for one in images) else 0.0


def piece_of(images: Sequence[np.ndarray], patch: int) -> tuple[int, ...]:
    """Return the sides of a piece: never longer than an image, since what is mirrored would show hidden values again."""
    n_axes = images[0].ndim - 1
    side = {1: LONGER * patch, 2: patch, 3: min(patch, VOLUME)}[n_axes]
    return tuple(min(side, *(one.shape[1 + axis] for one in images)) for axis in range(n_axes))


def largest_part(image: np.ndarray, most: int = 2**18) -> np.ndarray:
    """Return the middle of an image, of at most about so many pixels; an array of shape (..., sides ...) of up to 3 sides."""
    shrink = min(1.0, (most / image.size) ** (1 / image.ndim))
    keep = [max(1, min(n, int(np.ceil(n * shrink)) if n > 64 else n)) for n in image.shape]
    return image[tuple(slice((n - k) // 2, (n - k) // 2 + k) for n, k in zip(image.shape, keep))]


def recipe_of(settings: DenoiseSettings) -> Recipe:
    """Return how each net is trained."""
    epochs = min(EPOCHS, -(-settings.updates // FEWEST_UPDATES))
    return Recipe(
        max_epochs=epochs,
        samples_per_epoch=BATCH * -(-settings.updates // epochs),
        lr=settings.lr,
        schedule="cosine",
        threads=settings.threads,
        device=settings.device,
        random_state=settings.random_state,
    )


def _hidden(pieces: Crops, spot: BlindSpot, random: torch.Generator) -> Rows:
    """Return some pieces, evenly chosen, with pixels hidden once and for all."""
    rows = torch.linspace(0, len(pieces) - 1, VALIDATED).round().long()
    return spot(pieces.take(rows), random)


def _shifted(on_progress: OnProgress, before: int, total: int) -> OnProgress:
    return lambda done, _: on_progress(before + done, total)
