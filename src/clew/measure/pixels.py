"""What is measured of every pixel: filters at several scales, streamed block by block and never kept as a table."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, check, check_choice

Kind = Literal[
    "original",
    "gaussian",
    "difference_of_gaussians",
    "laplacian_of_gaussian",
    "gradient_magnitude",
    "hessian_eigenvalues",
    "structure_tensor_eigenvalues",
    "top_hat",
]
Preset = Literal["small", "medium", "large"]
KINDS: tuple[str, ...] = Kind.__args__  # type: ignore[attr-defined]
SIGMAS = (0.7, 1.0, 1.6, 3.5, 5.0, 10.0)  # ilastik's
# The kinds of each preset, and its scales. Wide filters know how large and how dense things were in training, which
# helps on those images and hurts on others: "small" carries over best.
PRESETS: dict[str, tuple[tuple[str, ...], tuple[float, ...]]] = {
    "small": (KINDS[:-1], SIGMAS[:3]),
    "medium": (KINDS[:-1], SIGMAS),
    "large": (KINDS, SIGMAS),
}
ORDERS = {  # how often the derivative, a product of two counting twice
    "gradient_magnitude": 1,
    "laplacian_of_gaussian": 2,
    "hessian_eigenvalues": 2,
    "structure_tensor_eigenvalues": 2,
}
TRUNCATE = 4.0  # sigmas at which a Gaussian ends, as scipy's and scikit-image's do
WIDE = 24  # radius in px above which Gaussians are kept in float64: their second differences are that small
AXES = ("z", "y", "x")

Emit = Callable[[int, np.ndarray], Any]
Shape = tuple[int, int, int]
Scales = tuple[float, float, float]  # along Z, Y and X, in px; 0 where a filter does not reach along Z


@dataclass(frozen=True)
class PixelFeatures:
    """Which filters are asked for, of which channels, at which scales.

    Parameters
    ----------
    kinds : tuple of str
        Some of `KINDS`.
    sigmas : tuple of float
        The standard deviations of the Gaussians, in ``unit``.
    channel_names : tuple of str
        The channels; each is filtered by itself.
    dimensions : {2, 3}
        Whether filters lie in the plane (Y, X) or in the volume (Z, Y, X).
    unit : {"px", "µm"}
        What sigmas are in. "µm" needs images with a pixel size, and looks at the same size of things in all of them;
        derivatives are then per sigma (the geometric mean of sigma along the axes, in px), so that they have one scale.
    anisotropy : float
        How many times longer a voxel is along Z than along X; with "px" the sigma along Z is divided by it.

    Raises
    ------
    SettingError
        If a kind is unknown, a sigma is not a positive number, or two channels have one name.
    """

    kinds: tuple[str, ...] = PRESETS["medium"][0]
    sigmas: tuple[float, ...] = SIGMAS
    channel_names: tuple[str, ...] = ("gray",)
    dimensions: int = 2
    unit: str = "px"
    anisotropy: float = 1.0

    def __post_init__(self) -> None:
        of = "PixelFeatures"
        check(
            self.kinds,
            SettingError,
            "The kinds of {} must be at least one of: {}. Got none.",
            of,
            ", ".join(KINDS),
        )
        for kind in self.kinds:
            check_choice(kind, KINDS, what="kinds", of=of)
        check(
            set(self.kinds) == {"original"} or self.sigmas,
            SettingError,
            "The sigmas of {} must be at least one. Got none.",
            of,
        )
        for sigma in (*self.sigmas, self.anisotropy):
            check(
                isinstance(sigma, Real) and not isinstance(sigma, bool) and 0 < sigma < math.inf,
                SettingError,
                "The sigmas and the anisotropy of {} must be numbers above 0. Got {} instead.",
                of,
                sigma,
            )
        check_choice(self.unit, ("px", "µm"), what="unit", of=of)
        check(
            self.dimensions in (2, 3),
            SettingError,
            "The dimensions of {} must be 2 or 3. Got {}.",
            of,
            self.dimensions,
        )
        check(
            len(set(self.channel_names)) == len(self.channel_names) > 0,
            SettingError,
            "The channel names of {} must be at least one, and differ. Got: {}.",
            of,
            ", ".join(self.channel_names) or "none",
        )
        object.__setattr__(self, "kinds", tuple(kind for kind in KINDS if kind in self.kinds))
        object.__setattr__(self, "sigmas", tuple(sorted({float(sigma) for sigma in self.sigmas})))
        object.__setattr__(self, "channel_names", tuple(self.channel_names))
        object.__setattr__(self, "anisotropy", float(self.anisotropy))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the name of each feature, in order: of each channel the original, then each kind at each sigma."""
        return tuple(_name(one, self) for one in self._each())

    @property
    def units(self) -> tuple[str, ...]:
        """Return the unit of each feature: none, intensities being counts, or shares of a range after normalising."""
        return ("",) * len(self.names)

    def _each(self) -> list[_Feature]:
        """Return what each feature is, in order."""
        found = []
        for channel in range(len(self.channel_names)):
            if "original" in self.kinds:
                found.append(_Feature(channel, "original", 0.0, 0))
            for sigma, kind in itertools.product(self.sigmas, self.kinds):
                if kind != "original":
                    parts = self.dimensions if kind.endswith("eigenvalues") else 1
                    found += [_Feature(channel, kind, sigma, part) for part in range(parts)]
        return found

    def sigma_px(self, sigma: float, pixel_size: Sequence[float | None] | None) -> Scales:
        """Return a sigma along Z, Y and X in pixels; 0 along Z for planes.

        Parameters
        ----------
        sigma : float
            In `unit`.
        pixel_size : sequence of three floats (or None), in µm
            Of the image, along Z, Y and X.

        Raises
        ------
        DataError
            If sigmas are in µm and the image does not tell how large a pixel is.
        """
        if self.unit == "px":
            return (sigma / self.anisotropy if self.dimensions == 3 else 0.0, sigma, sigma)
        needed = tuple(pixel_size or (None,) * 3)[3 - self.dimensions :]
        check(
            all(needed),
            DataError,
            "The image must tell its pixel size along {}, since the filters are in µm. Got {}.",
            ", ".join(AXES[3 - self.dimensions :]),
            pixel_size,
        )
        sizes = [sigma / float(size) for size in needed]  # type: ignore[arg-type]
        return (0.0, *sizes) if self.dimensions == 2 else tuple(sizes)  # type: ignore[return-value]

    def at(self, pixel_size: Sequence[float | None] | None = None) -> FilterBank:
        """Return the filters for images of one pixel size (Z, Y, X) in µm; it only matters where sigmas are in µm."""
        scales = {sigma: self.sigma_px(sigma, pixel_size) for sigma in self.sigmas}
        return FilterBank(
            tuple(
                dataclasses.replace(one, scale=scale, factor=self._factor(one.kind, scale))
                for one in self._each()
                for scale in [scales.get(one.sigma, (0.0,) * 3)]
            )
        )

    def _factor(self, kind: str, scale: Scales) -> float:
        """Return by what a feature is multiplied: in finer pixels a derivative per pixel is smaller, per sigma it is not."""
        if self.unit == "px":
            return 1.0
        return math.prod(s for s in scale if s) ** (ORDERS.get(kind, 0) / self.dimensions)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON keeps them."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in dataclasses.asdict(self).items()}

    @staticmethod
    def from_dict(settings: dict[str, Any]) -> PixelFeatures:
        """Return the features that `to_dict` described."""
        plain: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in settings.items()}
        return PixelFeatures(**plain)


@dataclass(frozen=True)
class _Feature:
    """One feature: of which channel, what, which of several eigenvalues, at which scale (Z, Y, X in px), times what."""

    channel: int
    kind: str
    sigma: float
    part: int
    scale: Scales = (0.0, 0.0, 0.0)
    factor: float = 1.0


def _name(one: _Feature, features: PixelFeatures) -> str:
    several = len(features.channel_names) > 1
    channel = f"{features.channel_names[one.channel]} " if several else ""
    if one.kind == "original":
        return f"{channel}original"
    kind = f"{one.kind.removesuffix('s')}_{one.part + 1}" if one.kind.endswith("eigenvalues") else one.kind
    sigma = f"{one.sigma:g}" if float(f"{one.sigma:g}") == one.sigma else repr(one.sigma)
    return f"{channel}{kind} {sigma} {features.unit}"


def kinds_of(features: str | Iterable[str]) -> tuple[str, ...]:
    """Return the kinds that a preset, or a list of kinds (also with commas), stands for."""
    if isinstance(features, str):
        if features in PRESETS:
            return PRESETS[features][0]
        features = [part.strip() for part in features.split(",")]
    kinds = tuple(features)
    for kind in kinds:
        known = KINDS if len(kinds) > 1 else (*PRESETS, *KINDS)  # a preset stands alone
        check_choice(kind, known, what="'features' setting", of="PixelFeatures")
    return kinds


def sigmas_of(features: str | Iterable[str]) -> tuple[float, ...]:
    """Return the scales of a preset; of a list of kinds all of `SIGMAS`."""
    return PRESETS[features][1] if isinstance(features, str) and features in PRESETS else SIGMAS


# ---- one block ----
class FilterBank:
    """Filters with all scales in pixels: gives the features of a block, one at a time.

    Parameters
    ----------
    features : tuple of _Feature

    Notes
    -----
    G is the Gaussian of the block; its kernels end at `TRUNCATE` sigmas, as those of scipy.ndimage. With half differences
    of G: difference of Gaussians is G(sigma / 2) - G(sigma); Laplacian of Gaussian the sum of second differences of G;
    gradient magnitude the length of the gradient of G; Hessian eigenvalues those of the second differences of G, largest
    first; structure tensor eigenvalues those of the products of the gradient of G, themselves smoothed with sigma / 2
    (Förstner & Gülch 1987); top-hat is what an opening with a box of 2 round(2 sigma) + 1 pixels takes away. Beyond its
    border an image is mirrored (d c b a | a b c d | d c b a).

    All is float32 but Gaussians with a radius above `WIDE`, which are float64. Features equal scipy.ndimage's to 1e-5 of
    their range; Laplacian and Hessian, small differences of large numbers, to 5e-5 at sigma 6, and to 1e-7 above. An
    image that is not normalised and lies on an offset of several times its range loses digits there: with 20000 to 24000
    counts it is 1e-4 at sigma 3.5 and 4e-4 at sigma 6.
    """

    def __init__(self, features: tuple[_Feature, ...]) -> None:
        self.features = features

    def __len__(self) -> int:
        return len(self.features)

    def halo(self, wanted: Iterable[int] | None = None) -> Shape:
        """Return how many pixels around a block, along Z, Y and X, the features (all by default) look at."""
        chosen = range(len(self)) if wanted is None else wanted
        reach = [_reach(self.features[i]) for i in chosen]
        return tuple(max((one[axis] for one in reach), default=0) for axis in range(3))  # type: ignore[return-value]

    def apply(self, block: Block, emit: Emit, wanted: Iterable[int] | None = None) -> None:
        """Compute the wanted features (all by default) of a block and hand each to ``emit(index, values)``.

        Parameters
        ----------
        block : Block
            With at least `halo(wanted)` around it.
        emit : callable
            Takes the index of a feature and its values, float32 of shape (Z, Y, X), which are overwritten afterwards.
        wanted : iterable of int, optional
            Only these are computed, and what they share only once.
        """
        chosen = [(i, self.features[i]) for i in sorted(range(len(self)) if wanted is None else set(wanted))]

        def emit_scaled(index: int, values: np.ndarray) -> None:
            if self.features[index].factor != 1:
                values *= np.float32(self.features[index].factor)
            emit(index, values)

        finer = {
            (one.channel, _half(one.scale)) for _, one in chosen if one.kind == "difference_of_gaussians"
        }
        kept: dict[tuple[int, Scales], np.ndarray] = {}
        for key, group in itertools.groupby(chosen, key=lambda each: (each[1].channel, each[1].scale)):
            _Scale(block, *key, kept, keep=key in finer).apply(list(group), emit_scaled)


class Block:
    """A piece of an image with a halo around it, mirrored where the image ends.

    Parameters
    ----------
    pixels : ndarray of float32, shape (C, Z, Y, X)
        The piece with its halo; contiguous.
    halo : tuple of three ints
        How much of it is halo, on each side, along Z, Y and X.
    signs : tuple of three ndarrays of float32, shapes (Z,), (Y,), (X,)
        -1 where a coordinate lies in an odd mirror image of the whole image, else 1.
    buffers : Buffers, optional
        Memory to work in, taken from one block to the next.
    """

    def __init__(
        self, pixels: np.ndarray, halo: Shape, signs: tuple[np.ndarray, ...], buffers: Buffers | None = None
    ) -> None:
        self.pixels, self.halo, self.signs = pixels, halo, signs
        self.buffers = buffers or Buffers()
        depth, height, width = (n - 2 * h for n, h in zip(pixels.shape[1:], halo, strict=True))
        self.shape: Shape = (depth, height, width)

    def around(self, channel: int, margin: Shape) -> np.ndarray:
        """Return the channel with no more than ``margin`` around it."""
        cut = [
            slice(h - m, n - h + m) for n, h, m in zip(self.pixels.shape[1:], self.halo, margin, strict=True)
        ]
        return self.pixels[channel][tuple(cut)]

    def signs_around(self, margin: Shape) -> list[np.ndarray]:
        """Return the signs with no more than ``margin`` around the block."""
        return [s[h - m : len(s) - h + m] for s, h, m in zip(self.signs, self.halo, margin, strict=True)]


class Buffers:
    """Named pieces of memory that are used again, since fresh memory costs as much as filtering it."""

    def __init__(self) -> None:
        self.held: dict[str, np.ndarray] = {}

    def take(self, name: str, shape: Sequence[int], dtype: Any = np.float32) -> np.ndarray:
        """Return an array of unknown contents; what was taken under the same name before is overwritten."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if name not in self.held or self.held[name].size < size:
            self.held[name] = np.empty(size, np.uint8)
        return self.held[name][:size].view(dtype).reshape(shape)

    def made(self, name: str, size: object, make: Callable[[], np.ndarray]) -> np.ndarray:
        """Return what ``make`` made for this size, where it was the last one that was asked for."""
        key = f"{name} {size}"
        if key not in self.held:
            for old in [one for one in self.held if one.startswith(f"{name} ")]:
                del self.held[old]
            self.held[key] = make()
        return self.held[key]


def block_of(
    read: Callable[[slice, slice, slice], np.ndarray],
    shape: Shape,
    start: Shape,
    stop: Shape,
    halo: Shape,
    buffers: Buffers | None = None,
) -> Block:
    """Return a piece of an image with a halo around it, mirrored where the image ends.

    Parameters
    ----------
    read : callable
        Takes three slices (z, y, x) within the image and returns float32 pixels of shape (C, Z, Y, X).
    shape : tuple of three ints
        (Z, Y, X) of the whole image.
    start, stop : tuple of three ints
        The piece, half open.
    halo : tuple of three ints
        How much around it.
    """
    slices, places, signs = [], [], []
    for n, first, last, rim in zip(shape, start, stop, halo, strict=True):
        far = np.arange(first - rim, last + rim)
        inside = far % (2 * n)
        mirrored = inside >= n
        inside[mirrored] = 2 * n - 1 - inside[mirrored]
        low = int(inside.min())
        slices.append(slice(low, int(inside.max()) + 1))
        places.append(None if np.array_equal(inside, far) else inside - low)
        signs.append(np.where(mirrored, np.float32(-1), np.float32(1)))
    pixels = read(*slices)
    for axis, place in enumerate(places):
        if place is not None:
            pixels = pixels.take(place, axis=axis + 1)
    return Block(np.ascontiguousarray(pixels, np.float32), halo, tuple(signs), buffers)


# ---- one channel at one scale ----
class _Scale:
    """What the features of one channel at one sigma share: the Gaussian.

    Parameters
    ----------
    block : Block
    channel : int
    scale : tuple of three floats
        Sigma in px along Z, Y and X.
    kept : dict
        Gaussians that were kept for larger sigmas, by channel and scale.
    keep : bool
        Whether this one is to be kept.
    """

    def __init__(
        self,
        block: Block,
        channel: int,
        scale: Scales,
        kept: dict[tuple[int, Scales], np.ndarray],
        keep: bool,
    ) -> None:
        self.block, self.channel, self.scale, self.kept, self.keep = block, channel, scale, kept, keep
        self.flat = scale[0] == 0
        self.rim: Shape = (0 if self.flat else 1, 1, 1)
        self.axes = (1, 2) if self.flat else (0, 1, 2)

    def apply(self, group: list[tuple[int, _Feature]], emit: Emit) -> None:
        """Compute the features of the group."""
        asked = {
            kind: [(i, one.part) for i, one in group if one.kind == kind]
            for kind in {one.kind for _, one in group}
        }
        if "original" in asked:
            emit(asked["original"][0][0], self.block.around(self.channel, (0, 0, 0)))
        if "top_hat" in asked:
            emit(asked["top_hat"][0][0], self._top_hat())
        shared = set(asked) - {"original", "top_hat"}
        if shared:
            margin = _smooth_margin(shared, self.scale)
            self._of_the_gaussian(asked, self._smooth(self.scale, margin, "smooth"), margin, emit)

    def _of_the_gaussian(
        self, asked: dict[str, list[tuple[int, int]]], smooth: np.ndarray, margin: Shape, emit: Emit
    ) -> None:
        from clew.kernels import filters

        single = self._single(smooth, "single")
        bare, out = _cut(single, margin), self._take("out")
        if "gaussian" in asked:
            emit(asked["gaussian"][0][0], bare)
        if "difference_of_gaussians" in asked:
            filters.difference(self._finer(), bare, out)
            emit(asked["difference_of_gaussians"][0][0], out)
        if self.keep:
            kept = self.kept[self.channel, self.scale] = self._take(f"kept {self.scale}")
            kept[...] = bare
        if "laplacian_of_gaussian" in asked:
            filters.laplacian(self._rimmed(smooth), out)
            emit(asked["laplacian_of_gaussian"][0][0], out)
        if "gradient_magnitude" in asked:
            filters.gradient_magnitude(self._rimmed(single), out)
            emit(asked["gradient_magnitude"][0][0], out)
        if "hessian_eigenvalues" in asked:
            self._eigenvalues(self._hessian(smooth), asked["hessian_eigenvalues"], emit)
        if "structure_tensor_eigenvalues" in asked:
            self._eigenvalues(self._structure(single), asked["structure_tensor_eigenvalues"], emit)

    def _finer(self) -> np.ndarray:
        """Return the Gaussian of half the sigma: the one that was kept, or made for this."""
        half = _half(self.scale)
        if (self.channel, half) in self.kept:
            return self.kept[self.channel, half]
        return self._single(self._smooth(half, (0, 0, 0), "finer"), "finer single")

    def _hessian(self, smooth: np.ndarray) -> list[np.ndarray]:
        """Return the second differences."""
        from clew.kernels import filters

        entries = []
        for first, second in itertools.combinations_with_replacement(self.axes, 2):
            entries.append(self._take(f"entry {first}{second}"))
            filters.second_derivative(self._rimmed(smooth), first, second, entries[-1])
        return entries

    def _structure(self, smooth: np.ndarray) -> list[np.ndarray]:
        """Return the smoothed products of the gradient; ``smooth`` has all the margin that they need.

        Beyond a border lies the image's mirror image, where a derivative across that border points the other way. What
        is mirrored here is the image; scipy.ndimage, which mirrors the product, has it with the sign that it has inside.
        Where just one of the two derivatives is turned, the sign is given back.
        """
        from clew.kernels import filters

        half = _half(self.scale)
        margin = _radii(half)
        shape = _grown(self.block.shape, margin)
        signs, entries = self.block.signs_around(margin), []
        for first, second in itertools.combinations_with_replacement(self.axes, 2):
            turned = [
                s if (axis == first) != (axis == second) else np.ones_like(s) for axis, s in enumerate(signs)
            ]
            product = self.block.buffers.take("product", shape)
            filters.gradient_product(smooth, first, second, *turned, product)
            entries.append(self._gaussian(product, half, f"entry {first}{second}"))
        return entries

    def _eigenvalues(self, entries: list[np.ndarray], asked: list[tuple[int, int]], emit: Emit) -> None:
        from clew.kernels import filters

        values = self.block.buffers.take("eigenvalues", (len(self.axes), *self.block.shape))
        if self.flat:
            filters.eigenvalues_2(*entries, values[0], values[1])
        else:
            filters.eigenvalues_3(*entries, values)
        for i, part in asked:
            emit(i, values[part])

    def _smooth(self, scale: Scales, margin: Shape, name: str) -> np.ndarray:
        """Return the Gaussian with a margin around the block: float32, or float64 where it is `WIDE`."""
        source = self.block.around(self.channel, _plus(margin, _radii(scale)))
        return self._gaussian(source, scale, name, np.float64 if max(_radii(scale)) > WIDE else np.float32)

    def _gaussian(self, source: np.ndarray, scale: Scales, name: str, dtype: Any = np.float32) -> np.ndarray:
        """Return a block smoothed along each axis; it loses the kernels' radii on each side."""
        from clew.kernels.filters import convolve

        for axis, sigma in enumerate(scale):
            if sigma:
                taps = _taps(sigma, dtype)
                shape = list(source.shape)
                shape[axis] -= 2 * (taps.size - 1)
                last = not any(scale[axis + 1 :])
                out = self.block.buffers.take(name if last else f"between {axis}", shape, dtype)
                convolve(source, taps, axis, out)
                source = out
        return source

    def _single(self, smooth: np.ndarray, name: str) -> np.ndarray:
        """Return a Gaussian as float32."""
        if smooth.dtype == np.float32:
            return smooth
        out = self.block.buffers.take(name, smooth.shape)
        out[...] = smooth
        return out

    def _rimmed(self, smooth: np.ndarray) -> np.ndarray:
        """Return a Gaussian with no more than the one pixel around the block that differences need."""
        return _cut(
            smooth, tuple((n - m) // 2 - r for n, m, r in zip(smooth.shape, self.block.shape, self.rim))
        )

    def _top_hat(self) -> np.ndarray:
        """Return what an opening takes away: the smallest in a box, and of these the largest in a box."""
        from clew.kernels import filters

        radii = _box(self.scale)
        source = self.block.around(self.channel, tuple(2 * r for r in radii))  # type: ignore[arg-type]
        for largest in (False, True):
            for axis, radius in enumerate(radii):
                source = self._window(source, axis, 2 * radius + 1, largest)
        out = self._take("out")
        filters.difference(self.block.around(self.channel, (0, 0, 0)), source, out)
        return out

    def _window(self, source: np.ndarray, axis: int, length: int, largest: bool) -> np.ndarray:
        """Return the smallest (or largest) of every ``length`` pixels along an axis, by windows that double."""
        from clew.kernels.filters import extreme

        covered = 1
        while covered < length:
            shift = min(covered, length - covered)
            shape = list(source.shape)
            shape[axis] -= shift
            other = "window b" if source.base is self.block.buffers.held.get("window a") else "window a"
            out = self.block.buffers.take(other, shape)
            extreme(source, axis, shift, largest, out)
            source, covered = out, covered + shift
        return source

    def _take(self, name: str) -> np.ndarray:
        return self.block.buffers.take(name, self.block.shape)


@lru_cache(maxsize=256)
def _taps(sigma: float, dtype: type) -> np.ndarray:
    """Return a Gaussian kernel from its centre outwards, of shape (radius + 1,): scipy.ndimage's. Shared: do not write."""
    radius = int(TRUNCATE * sigma + 0.5)
    taps = np.exp(-0.5 * (np.arange(radius + 1) / sigma) ** 2)
    return (taps / (taps[0] + 2 * taps[1:].sum())).astype(dtype)


def _half(scale: Scales) -> Scales:
    return (scale[0] / 2, scale[1] / 2, scale[2] / 2)


def _radii(scale: Scales) -> Shape:
    """Return where the Gaussians end, along Z, Y and X."""
    z, y, x = scale
    return int(TRUNCATE * z + 0.5), int(TRUNCATE * y + 0.5), int(TRUNCATE * x + 0.5)


def _box(scale: Scales) -> Shape:
    """Return the half width of the box of a top-hat."""
    return tuple(max(1, round(2 * s)) if s else 0 for s in scale)  # type: ignore[return-value]


def _smooth_margin(kinds: set[str], scale: Scales) -> Shape:
    """Return how much of the Gaussian is needed around a block."""
    if "structure_tensor_eigenvalues" in kinds:
        return tuple(r + 1 if s else 0 for r, s in zip(_radii(_half(scale)), scale))  # type: ignore[return-value]
    needs_rim = kinds & {"laplacian_of_gaussian", "gradient_magnitude", "hessian_eigenvalues"}
    return tuple(1 if s and needs_rim else 0 for s in scale)  # type: ignore[return-value]


def _reach(one: _Feature) -> Shape:
    """Return how far around a pixel a feature looks."""
    if one.kind == "original":
        return (0, 0, 0)
    if one.kind == "top_hat":
        return tuple(2 * r for r in _box(one.scale))  # type: ignore[return-value]
    return _plus(_radii(one.scale), _smooth_margin({one.kind}, one.scale))


def _plus(a: Shape, b: Shape) -> Shape:
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


def _grown(shape: Shape, margin: Shape) -> Shape:
    return _plus(shape, _plus(margin, margin))


def _cut(block: np.ndarray, margin: tuple[int, ...]) -> np.ndarray:
    """Return a block without its margin."""
    return block[tuple(slice(m, n - m) for m, n in zip(margin, block.shape, strict=True))]
