"""The verb that takes noise out of images and recordings: a net that learns from the noisy ones alone, beside classical filters."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.measure.noise import Noise, noise_of
from clew.measure.smoothing import WORDS, Smoothing, smoothing
from clew.neural.denoise_settings import UPDATES, DenoiseSettings
from clew.read.kinds import IMAGES, distinct_names, has_suffix, is_zarr
from clew.result import Result, settle
from clew.steps.outcome import OnProgress, Outcome

if TYPE_CHECKING:
    from clew.neural.denoiser import Denoiser
    from clew.read.stacks import Stack

MODEL = "denoiser"  # the folder of the model among the results
SHOWN = 512  # px of each image that are shown, and judged by classical filters, along each side
PIECES, PIECE = 64, 512  # so many pieces, at most, of such sides are learnt from
BEYOND = 2.0  # standard errors by which one error must be below another to be called lower


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Denoised(Result):
    """What became of one channel of one image, in the middle of its middle plane.

    Parameters
    ----------
    name, channel : str
    before, after : ndarray of float32, shape (Y, X)
    noise : Noise
        The diagnosis.
    rivals : Smoothing
        The same part as classical filters leave it.
    """

    name: str
    channel: str
    before: np.ndarray
    after: np.ndarray
    noise: Noise
    rivals: Smoothing

    def headline(self) -> str:
        """Say what the noise of the image is like."""
        return f"{self.name}, {self.channel}: {self.noise.headline()}"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Denoising(Result):
    """A denoiser, what it made of images, and how it compares with classical filters.

    Parameters
    ----------
    images : list of Denoised
    model : Denoiser
    verdicts : list of str
        One sentence a channel on net and filters at held-out pixels; none where a trained denoiser was used again.
    errors : list of dict of str to float
        Root of the mean squared error there, by method, the noise itself included.
    clipped : int
        Values beyond what the dtype holds.
    """

    images: list[Denoised]
    model: Denoiser
    verdicts: list[str]
    errors: list[dict[str, float]]
    clipped: int

    def headline(self) -> str:
        """Say the diagnosis of the first image, and how the net compares."""
        return " ".join([self.images[0].noise.headline(), *self.verdicts])


def denoise(
    paths: list[Path],
    *,
    out: Path,
    method: Literal["auto", "median", "n2v2", "n2v", "autoencoder"] = "auto",
    structure: Literal["auto", "none", "x", "y"] = "auto",
    model: Path | None = None,
    volumes: bool = False,
    updates: int = UPDATES,
    turns: Literal["mean", "none"] = "mean",
    axes: str | None = None,
    rate: float | None = None,
    threads: int = 1,
    random_state: int = 0,
    on_progress: OnProgress | None = None,
) -> Outcome:
    """Take the noise out of images or recordings by a net that learns from the noisy ones alone (Noise2Void).

    PATHS are TIFF, PNG, JPEG or OME-Zarr, recordings, and folders of them; all of one kind, with the same channels.

    Parameters
    ----------
    out : Path
        A new folder: NAME.tif of each image in its own dtype and axes, the model in denoiser/, and denoised.html.
    method : {"auto", "median", "n2v2", "n2v", "autoencoder"}
        Images: what a hidden pixel is replaced by, the median of its neighbours (median, which "auto" takes, and n2v2, whose
        net keeps less detail, without a skip at full resolution) or one of them (n2v).
        Recordings: n2v where noise is independent from sample to sample, else an autoencoder, as "auto" decides.
    structure : {"auto", "none", "x", "y"}
        Along which axis noise hangs together, so that neighbours along it are hidden, too.
    model : Path
        A denoiser that was trained before, to be used again.
    volumes : bool
        Whether planes in depth are denoised together, in 3D; otherwise each for itself.
    updates : int
        Of each channel's net: more are better, and take longer.
    turns : {"mean", "none"}
        Whether the mean over all flips and quarter turns is taken: better, in 8 times the time.
    axes : str
        What the axes of files are that do not tell, such as TYX, CYX or ZYX.
    rate : float
        Recordings: samples a second, in Hz, of files that do not tell.
    threads : int
        Threads of torch; the last digits depend on it.
    random_state : int
        Decides the first weights and which pixels are hidden.

    Raises
    ------
    SettingError
        If the folder exists, or a setting is out of range.
    DataError
        If an image cannot be read or is constant, or their channels differ.
    """
    check(not out.exists(), SettingError, "The 'out' of denoise must be a new folder. '{}' exists.", out)
    check(out.absolute().parent.is_dir(), SettingError, "The 'out' of denoise must be in a folder that is there. Got '{}'.", out)  # fmt: skip
    for path in paths:
        check(
            path.exists(),
            DataError,
            "The image or recording '{}' must exist. Got a path where nothing is.",
            path,
        )
    if not any(map(holds_images, paths)):
        from clew.steps.denoising_signals import denoise_recordings

        check(method not in ("median", "n2v2"), SettingError, "The 'method' of denoise must be auto, n2v or autoencoder for recordings. Got {}.", method)  # fmt: skip
        assert method != "median" and method != "n2v2"
        of_images = {"structure": structure != "auto", "volumes": volumes, "updates": updates != UPDATES, "turns": turns != "mean", "axes": axes}  # fmt: skip
        for name, given in of_images.items():
            check(not given, SettingError, "The '{}' of denoise must go with images. Got recordings.", name)
        return denoise_recordings(
            paths,
            out=out,
            method=method,
            model=model,
            rate=rate,
            random_state=random_state,
            threads=threads,
            on_progress=on_progress,
        )
    check(rate is None, SettingError, "The 'rate' of denoise must go with recordings. Got images.")
    check(method != "autoencoder", SettingError, "The 'method' of denoise must be auto, median, n2v2 or n2v for images. Got autoencoder.")  # fmt: skip
    assert method != "autoencoder"
    settings = DenoiseSettings(
        method="median" if method == "auto" else method,
        structure=structure,
        updates=updates,
        turns=turns == "mean",
        threads=threads,
        random_state=random_state,
    )
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        partial.mkdir()
        outcome = denoise_images(paths, partial, settings=settings, model=model, volumes=volumes, axes=axes, shown_as=out, on_progress=on_progress)  # fmt: skip
        settle(partial, out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return outcome


def denoise_images(
    paths: list[Path],
    out: Path,
    *,
    settings: DenoiseSettings,
    model: Path | None = None,
    volumes: bool = False,
    axes: str | None = None,
    shown_as: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Outcome:
    """Train on images, or take a trained denoiser, and write each without its noise into a folder that is there."""
    from clew.neural.denoise import check_images, fit_denoiser
    from clew.neural.denoiser import Denoiser
    from clew.read.stacks import find_stacks, open_stack

    found, notes = find_stacks(paths)
    stacks = [open_stack(path, axes=axes) for path in found]
    _check_alike(stacks)
    notes += [note for one in stacks for note in one.notes]
    names = list(stacks[0].channel_names)
    verdicts: list[str] = []
    errors: list[dict[str, float]] = []
    if model is None:
        pieces = training_pieces(stacks, volumes=volumes)
        check_images(pieces)
        denoiser = fit_denoiser(pieces, settings=settings, channel_names=names, on_progress=on_progress)
        verdicts, errors = compare(denoiser, pieces)
    else:
        denoiser = Denoiser.load_model(model)
    images, files, clipped = [], [], 0
    for stack, name in zip(stacks, distinct_names(found)):
        place = out / f"{Path(name).with_suffix('').as_posix()}.tif"
        place.parent.mkdir(parents=True, exist_ok=True)
        beyond = write_denoised(denoiser, stack, place)
        clipped += beyond
        files.append(
            {"source": stack.name, "out": str((shown_as or out) / place.relative_to(out)), "clipped": beyond}
        )
        images += _shown(stack, denoiser)
    denoiser.save_model(out / MODEL, quality=verdicts)
    told = _diagnoses(images)
    advice = dict.fromkeys(line for one in images for line in one.noise.advice())
    lines = [
        *told,
        *verdicts,
        *denoiser.notes,
        f"{len(files)} image{'s' * (len(files) != 1)} denoised; {_said_of_clipping(clipped, stacks[0].dtype)}",
        f"Results: {shown_as or out}",
    ]
    result = Denoising(images=images, model=denoiser, verdicts=verdicts, errors=errors, clipped=clipped)
    data = {
        "out": str(shown_as or out),
        "model_sha256": denoiser.sha256,
        "noise": [one.noise.summary() | {"image": one.name, "channel": one.channel} for one in images],
        "held_out_error": errors,
        "files": files,
        "clipped": clipped,
    }
    return Outcome(lines, data, result=result, warnings=[*advice, *notes])


def holds_images(path: Path) -> bool:
    """Return whether a path is an image, or a folder that holds one."""
    if is_zarr(path) or (path.is_file() and has_suffix(path, IMAGES)):
        return True
    return path.is_dir() and any(is_zarr(one) or has_suffix(one, IMAGES) for one in path.iterdir())


def training_pieces(stacks: Sequence[Stack], *, volumes: bool = False) -> list[np.ndarray]:
    """Return what is learnt from, (C, sides ...) each: whole planes, or of large ones evenly chosen pieces of 512 pixels.

    Parameters
    ----------
    stacks : sequence of Stack
    volumes : bool
        Whether pieces are volumes, or planes.
    """
    places = []
    for stack in stacks:
        n_t, _, depth, height, width = stack.shape
        planes = [slice(0, min(depth, PIECE // 8))] if volumes else [slice(z, z + 1) for z in range(depth)]
        side = 128 if volumes else PIECE
        for t in range(n_t):
            for z in planes:
                places += [(stack, t, z, y, x) for y in _parts(height, side) for x in _parts(width, side)]
    chosen = np.unique(np.linspace(0, len(places) - 1, min(PIECES, len(places))).round().astype(int))
    found = []
    for stack, t, z, y, x in (places[i] for i in chosen):
        block = stack.read(t, z, y, x)
        found.append(block if volumes else block[:, 0])
    return found


def compare(denoiser: Denoiser, pieces: Sequence[np.ndarray]) -> tuple[list[str], list[dict[str, float]]]:
    """Say of each channel whether the net or a classical filter errs less at held-out pixels."""
    from clew.neural.denoise import held_out_errors

    noises = [
        noise_of(max((one[channel] for one in pieces), key=np.size)) for channel in range(denoiser.members)
    ]
    said, figures = [], []
    for name, noise, errors in zip(denoiser.channel_names, noises, held_out_errors(denoiser, pieces, noises)):
        figures.append({method: float(np.sqrt(one.mean())) for method, one in errors.items()})
        rival = min((one for one in errors if one != "net"), key=lambda one: figures[-1][one])
        apart = errors["net"] - errors[rival]
        sure = apart.mean() / (apart.std() / np.sqrt(apart.size) or 1.0)
        net, other = (f"{figures[-1][one]:.4g}" for one in ("net", rival))
        of = f"{name}: " if denoiser.members > 1 else ""
        numbers = f"error at hidden pixels, noise included: {net} against {other}"
        if not noise.independent and noise.along != "unknown":
            said.append(
                f"{of}The net and {WORDS[rival]} cannot be compared without a clean image, since the noise is correlated ({numbers})."
            )
        elif sure > BEYOND:
            said.append(f"{of}{WORDS[rival].capitalize()} does better than the net here ({numbers}).")
        elif sure < -BEYOND:
            said.append(
                f"{of}The net does better than {WORDS[rival]}, the best of the classical filters ({numbers})."
            )
        else:
            said.append(
                f"{of}The net and {WORDS[rival]}, the best of the classical filters, are as good ({numbers})."
            )
    return said, figures


def write_denoised(denoiser: Denoiser, stack: Stack, place: Path) -> int:
    """Write a stack without its noise, in the same dtype and axes; return how many values were clipped."""
    from clew.read.stack_writer import IN_TIFF, TiffWriter

    check(stack.dtype.name in IN_TIFF, DataError, "The image '{}' must be of a dtype that TIFF holds ({}). Got {}.", stack.name, ", ".join(IN_TIFF), stack.dtype)  # fmt: skip
    channels = stack.channel_names if stack.shape[1] > 1 else ()
    with TiffWriter(place, shape=stack.shape, dtype=stack.dtype, channel_names=channels, pixel_size=stack.pixel_size) as writer:  # fmt: skip
        return denoiser.write(stack, writer)


def _check_alike(stacks: Sequence[Stack]) -> None:
    """Refuse images with different channels, since each channel has a net of its own."""
    first = stacks[0]
    for one in stacks[1:]:
        check(one.shape[1] == first.shape[1], DataError, "The images of denoise must have the same channels: '{}' has {}. Got {} in '{}'.", first.name, first.shape[1], one.shape[1], one.name)  # fmt: skip


def _shown(stack: Stack, denoiser: Denoiser) -> list[Denoised]:
    """Return each channel of the middle of the middle plane, before and after, beside classical filters."""
    t, (_, _, depth, height, width) = stack.shape[0] // 2, stack.shape
    y, x = (_middle(n) for n in (height, width))
    z = depth // 2
    near = slice(max(0, z - 8), min(depth, z + 8)) if denoiser.n_axes == 3 else slice(z, z + 1)
    block = stack.read(t, near, y, x)
    after = denoiser.apply(block if denoiser.n_axes == 3 else block[:, 0])
    after = after[:, z - near.start] if denoiser.n_axes == 3 else after
    found = []
    for channel, name in enumerate(denoiser.channel_names):
        before = block[channel, z - near.start].astype(np.float32)
        noise = noise_of(before)
        rivals = smoothing(before, level=noise.level)
        found.append(Denoised(name=stack.name, channel=name, before=before, after=after[channel], noise=noise, rivals=rivals))  # fmt: skip
    return found


def _middle(n: int) -> slice:
    first = max(0, (n - SHOWN) // 2)
    return slice(first, min(n, first + SHOWN))


def _parts(n: int, side: int) -> list[slice]:
    """Cut a side into parts of even length, none longer than ``side``."""
    ends = np.linspace(0, n, -(-n // side) + 1).round().astype(int)
    return [slice(int(a), int(b)) for a, b in itertools.pairwise(ends)]


def _diagnoses(images: Sequence[Denoised]) -> list[str]:
    """Return one diagnosis for each way in which noise hangs together; the page and scripts have that of each image."""
    kinds = {(one.noise.slight, one.noise.along): one for one in reversed(images)}
    several = len(kinds) > 1
    return [one.headline() if several else one.noise.headline() for one in reversed(kinds.values())]


def _said_of_clipping(clipped: int, dtype: Any) -> str:
    if np.dtype(dtype).kind == "f":
        return f"written as {dtype}."
    return f"rounded to {dtype}, {clipped:,} value{'s' * (clipped != 1)} beyond its range clipped."
