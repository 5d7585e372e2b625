"""Features of pixels: equal to SciPy's, and the same bits however an image is cut."""

from __future__ import annotations

import itertools
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.ndimage as ndi
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.errors import DataError, SettingError
from clew.measure import pixels
from clew.measure.pixels import KINDS, Block, Buffers, PixelFeatures, block_of, kinds_of, sigmas_of
from tests.conftest import shared

TOLERANCE = 1e-4  # of the range of a feature
TWICE = (
    "laplacian_of_gaussian",
    "hessian_eigenvalues",
    "structure_tensor_eigenvalues",
)


# ---- what is tested, and its witness ----
def tiles_of(shape, tile):
    for start in itertools.product(*(range(0, n, step) for n, step in zip(shape, tile, strict=True))):
        yield start, tuple(min(a + b, n) for a, b, n in zip(start, tile, shape, strict=True))


def measured(image, features, *, tile=None, wanted=None, pixel_size=None, buffers=None, threads=1):
    """All features (n, Z, Y, X) of an image (C, Z, Y, X), tile by tile; what was not computed is NaN."""
    bank = features.at(pixel_size)
    out = np.full((len(bank), *image.shape[1:]), np.nan, np.float32)

    def do(one):
        start, stop = one
        block = block_of(
            lambda *at: image[(slice(None), *at)], image.shape[1:], start, stop, bank.halo(wanted), buffers
        )
        assert block.shape == tuple(b - a for a, b in zip(start, stop, strict=True))

        def emit(i, values):
            assert values.dtype == np.float32
            out[(i, *map(slice, start, stop))] = values

        bank.apply(block, emit, wanted)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(do, tiles_of(image.shape[1:], tile or image.shape[1:])))
    return out


def scipys(image, kind, scale):
    """One kind of feature of an image with as many axes as ``scale``, as SciPy composes it; float64, largest first."""
    image, axes = image.astype(float), range(image.ndim)
    scale = np.array(scale)
    g = ndi.gaussian_filter(image, scale)

    def half_difference(values, axis):
        return ndi.correlate1d(values, [-0.5, 0, 0.5], axis=axis)

    def eigenvalues(entry):
        matrices = np.stack([np.stack([entry(a, b) for b in axes], -1) for a in axes], -1)
        return list(np.moveaxis(np.linalg.eigvalsh(matrices)[..., ::-1], -1, 0))

    gradient = [half_difference(g, axis) for axis in axes]
    match kind:
        case "original":
            return [image]
        case "gaussian":
            return [g]
        case "difference_of_gaussians":
            return [ndi.gaussian_filter(image, scale / 2) - g]
        case "laplacian_of_gaussian":
            return [ndi.laplace(g)]
        case "gradient_magnitude":
            return [np.sqrt(sum(one**2 for one in gradient))]
        case "hessian_eigenvalues":
            second = [1, -2, 1]
            return eigenvalues(
                lambda a, b: ndi.correlate1d(g, second, axis=a) if a == b else half_difference(gradient[a], b)
            )
        case "structure_tensor_eigenvalues":
            return eigenvalues(lambda a, b: ndi.gaussian_filter(gradient[a] * gradient[b], scale / 2))
        case "top_hat":
            return [ndi.white_tophat(image, size=tuple(2 * max(1, round(2 * s)) + 1 for s in scale))]


def worst(image, features, table=None, pixel_size=None, floor=0.0):
    """The largest deviation from SciPy of each feature of one channel (Z, Y, X), as a share of that feature's range."""
    table = measured(image[None], features, pixel_size=pixel_size) if table is None else table
    kinds = [kind for kind in features.kinds if kind != "original"]
    wanted = {"original": image} if "original" in features.kinds else {}
    order = {"gradient_magnitude": 1} | dict.fromkeys(TWICE, 2)
    for sigma in features.sigmas:
        scale = features.sigma_px(sigma, pixel_size)
        mean = np.exp(np.mean(np.log(scale[3 - features.dimensions :])))
        for kind in kinds:
            if features.dimensions == 2:
                planes = [scipys(plane, kind, scale[1:]) for plane in image]
                parts = [np.stack(part) for part in zip(*planes, strict=True)]
            else:
                parts = scipys(image, kind, scale)
            if features.unit == "µm":
                parts = [part * mean ** order.get(kind, 0) for part in parts]
            for i, part in enumerate(parts):
                which = f"{kind[:-1]}_{i + 1}" if len(parts) > 1 else kind
                wanted[f"{which} {sigma:g} {features.unit}"] = part
    assert tuple(wanted) == features.names  # the order, too
    return {
        name: float(np.abs(got - want).max() / max(np.ptp(want), floor, 1e-9))
        for got, (name, want) in zip(table, wanted.items(), strict=True)
    }


def camera(height=160, width=200):
    import skimage.io

    return skimage.io.imread(shared("images/captioned/camera.png"))[None, 40 : 40 + height, 150 : 150 + width]


def everything(*sigmas, **settings):
    return PixelFeatures(kinds=KINDS, sigmas=sigmas or (0.7, 1.6, 3.5, 8), **settings)


def volume(*shape, seed=0):
    return ndi.gaussian_filter(np.random.default_rng(seed).normal(size=shape) * 100, 0.8).astype(np.float32)


# ---- equal to SciPy ----
def test_features_of_a_photograph_equal_scipys_borders_included():
    found = worst(camera(), everything(0.7, 1, 1.6, 3.5, 5, 10, 20))
    assert max(found.values()) < TOLERANCE / 3, found


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_features_of_a_16_bit_image_with_channels_equal_scipys(channel):
    import tifffile

    [path, *_] = sorted(shared("images/bbbc022").glob("*.tif"))
    image = tifffile.imread(path)
    assert image.dtype == np.uint16 and image.shape[0] == 3
    cells = np.ascontiguousarray(image[:, 100:200, 300:430])[:, None]
    features = everything(1, 3.5, channel_names=("one", "two", "three"))
    table = measured(cells, features)
    n = len(features.names) // 3
    found = worst(cells[channel], everything(1, 3.5), table[channel * n : (channel + 1) * n])
    assert max(found.values()) < TOLERANCE, found


def test_features_of_nuclei_equal_scipys():
    import tifffile

    image = tifffile.imread(sorted(shared("images/nuclei_stardist_dsb2018").rglob("*.tif"))[0])[
        None, :90, :110
    ]
    found = worst(image, everything())
    assert max(found.values()) < TOLERANCE, found


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 17), (29, 1), (2, 3), (5, 63), (7, 64), (11, 65), (61, 67), (3, 129)], ids=str
)
def test_features_of_awkward_sizes_equal_scipys(shape):
    image = (np.random.default_rng(3).random((1, *shape)) * 255).astype(np.float32)
    found = worst(
        image, everything(0.7, 3.5, 7), floor=2.55
    )  # what is the same everywhere has no range of its own
    assert max(found.values()) < TOLERANCE, found


@pytest.mark.parametrize("anisotropy", [1.0, 2.5])
def test_features_of_a_volume_equal_scipys(anisotropy):
    found = worst(volume(9, 31, 40), everything(0.7, 1.6, 3.5, dimensions=3, anisotropy=anisotropy))
    assert max(found.values()) < TOLERANCE, found


def test_features_of_a_volume_wider_than_the_image_equal_scipys():
    found = worst(volume(3, 20, 17), everything(1, 7, dimensions=3), floor=0.1)
    assert max(found.values()) < TOLERANCE, found


def test_features_in_micrometres_equal_scipys_at_that_pixel_size():
    size = (0.9, 0.4, 0.5)
    found = worst(volume(8, 30, 33), everything(0.5, 1, dimensions=3, unit="µm"), pixel_size=size)
    assert max(found.values()) < TOLERANCE, found
    found = worst(volume(2, 30, 33), everything(0.5, 1, unit="µm"), pixel_size=size)
    assert max(found.values()) < TOLERANCE, found


@pytest.mark.parametrize("dimensions", [2, 3])
def test_features_in_micrometres_are_the_same_at_any_magnification(dimensions):
    """A smooth image sampled at 1, 2 and 3 times as many pixels: the same numbers, within the errors of sampling."""

    def sampled(times):
        axes = [np.arange(0, n, 1 / times) for n in ((6,) if dimensions == 3 else (1 / times,)) + (30, 40)]
        z, y, x = np.meshgrid(*axes, indexing="ij")
        return (np.sin(x / 4) * np.cos(y / 5 + 1) + 0.3 * np.sin(z / 3 + x / 6)).astype(np.float32)

    def features(unit, times):
        asked = PixelFeatures(kinds=KINDS[:-1], sigmas=(2,), unit=unit, dimensions=dimensions)
        table = measured(sampled(times)[None], asked, pixel_size=(1 / times,) * 3)
        inside = (slice(None), slice(None), slice(10, -10), slice(10, -10))
        return table[:, :: times if dimensions == 3 else 1, ::times, ::times][inside]

    coarse = features("µm", 1)
    span = np.maximum(np.ptp(coarse, axis=(1, 2, 3)), 0.02)
    for times in (2, 3):
        off = np.abs(features("µm", times) - coarse)
        if dimensions == 3:
            off = off[:, 2:4]  # mirrored ends lie elsewhere
        assert (off.max(axis=(1, 2, 3)) < 0.08 * span).all(), off.max(axis=(1, 2, 3)) / span
        mutant = np.abs(features("px", times) - coarse).max(axis=(1, 2, 3)) / span
        assert np.median(mutant) > 0.3, mutant


def test_planes_of_a_stack_do_not_see_one_another():
    stack, features = volume(3, 20, 30), everything(1, 3.5)
    whole = measured(stack[None], features)
    for z in range(3):
        np.testing.assert_array_equal(whole[:, z : z + 1], measured(stack[None, z : z + 1], features))


# the mutants: each of these mistakes must be seen by the comparison with SciPy
def test_the_comparison_sees_products_mirrored_with_the_wrong_sign(monkeypatch):
    monkeypatch.setattr(
        Block,
        "signs_around",
        lambda self, margin: [np.ones(n + 2 * m, np.float32) for n, m in zip(self.shape, margin)],
    )
    found = worst(camera(), everything(3.5))
    wrong = {name for name, share in found.items() if share > TOLERANCE}
    assert wrong == {"structure_tensor_eigenvalue_1 3.5 px", "structure_tensor_eigenvalue_2 3.5 px"}


def test_the_comparison_sees_a_mirror_that_does_not_repeat_the_edge():
    image, features = camera(), everything(3.5)
    bank = features.at()
    halo = bank.halo()
    pixels_ = np.pad(image, [(0, 0), *((h, h) for h in halo[1:])], mode="reflect").astype(np.float32)[None]
    table = np.empty((len(bank), *image.shape), np.float32)
    ones = tuple(np.ones(n, np.float32) for n in pixels_.shape[1:])
    bank.apply(Block(pixels_, halo, ones), lambda i, values: table.__setitem__(i, values))
    assert max(worst(image, features, table).values()) > 100 * TOLERANCE


def test_the_comparison_sees_kernels_that_end_at_three_sigmas(monkeypatch):
    monkeypatch.setattr(pixels, "TRUNCATE", 3.0)
    pixels._taps.cache_clear()
    try:
        found = worst(camera(), everything(3.5))
    finally:
        pixels._taps.cache_clear()
    assert found["gaussian 3.5 px"] > TOLERANCE
    assert found["hessian_eigenvalue_1 3.5 px"] > TOLERANCE


def test_wide_gaussians_need_float64(monkeypatch):
    image = camera()
    monkeypatch.setattr(pixels, "WIDE", 10**6)
    found = worst(image, PixelFeatures(kinds=("hessian_eigenvalues",), sigmas=(20,)))
    assert max(found.values()) > TOLERANCE


def test_an_offset_of_several_ranges_costs_digits_as_stated():
    image = camera().astype(np.uint16) * 16 + 20000
    found = worst(image, everything(3.5, 6))
    assert 1e-4 < max(found.values()) < 5e-4
    assert (
        max(share for name, share in found.items() if "hessian" not in name and "laplacian" not in name)
        < 2e-5
    )


# ---- the same bits ----
FEATURES = everything(0.7, 1.4, 3.5, 7)  # 0.7 is half of 1.4, and 3.5 of 7: Gaussians that are shared
FLAT = np.random.default_rng(5).integers(0, 4000, (1, 1, 50, 75)).astype(np.uint16)


@pytest.fixture(scope="module")
def table():
    return measured(FLAT, FEATURES)


@given(st.integers(1, 60), st.integers(1, 90))
@settings(max_examples=15, deadline=None)
def test_any_tile_gives_the_same_bits(height, width):
    tile = (1, max(height, 6), max(width, 6))  # of one pixel each they would take minutes
    np.testing.assert_array_equal(measured(FLAT, FEATURES, tile=tile), measured(FLAT, FEATURES))


def test_tiles_of_one_pixel_give_the_same_bits():
    small = FLAT[:, :, :7, :9]
    np.testing.assert_array_equal(measured(small, FEATURES, tile=(1, 1, 1)), measured(small, FEATURES))


@pytest.mark.parametrize("tile", [(1, 16, 16), (2, 20, 7), (5, 3, 11)])
def test_any_tile_of_a_volume_gives_the_same_bits(tile):
    features = everything(0.7, 1.4, 2, dimensions=3, anisotropy=2)
    stack = volume(5, 20, 23)[None]
    np.testing.assert_array_equal(measured(stack, features, tile=tile), measured(stack, features))


def test_two_threads_give_the_same_bits(table):
    np.testing.assert_array_equal(measured(FLAT, FEATURES, tile=(1, 20, 30), threads=2), table)


@given(st.sets(st.integers(0, len(FEATURES.names) - 1), min_size=1))
@settings(max_examples=25, deadline=None)
def test_any_choice_of_features_gives_the_same_bits_and_nothing_else(wanted):
    some, every = measured(FLAT, FEATURES, wanted=wanted), measured(FLAT, FEATURES)
    for i in range(len(every)):
        assert np.array_equal(some[i], every[i]) if i in wanted else np.isnan(some[i]).all()


def test_gaussians_that_are_shared_have_the_bits_of_those_that_are_not():
    features = PixelFeatures(
        kinds=("gaussian", "difference_of_gaussians"), sigmas=(2, 4, 8, 16)
    )  # from 8 on in float64
    every = measured(FLAT, features)
    for i in range(len(every)):
        np.testing.assert_array_equal(measured(FLAT, features, wanted=[i])[i], every[i])


def test_no_feature_wanted_computes_nothing():
    assert np.isnan(measured(FLAT, FEATURES, wanted=[])).all()
    assert FEATURES.at().halo([]) == (0, 0, 0)


def test_used_buffers_give_the_same_bits(table):
    buffers = Buffers()
    for image in (FLAT[:, :, :30, :20] * 2, np.tile(FLAT, 2), FLAT):
        last = measured(image, FEATURES, tile=(1, 40, 64), buffers=buffers)
    np.testing.assert_array_equal(last, table)
    deep = everything(1, 2, dimensions=3)
    np.testing.assert_array_equal(
        measured(volume(4, 20, 21)[None], deep, buffers=buffers), measured(volume(4, 20, 21)[None], deep)
    )


@pytest.mark.parametrize(
    "turn",
    [np.asfortranarray, lambda a: np.repeat(a, 2, -1)[..., ::2], lambda a: a[..., ::-1].copy()[..., ::-1]],
)
def test_how_an_image_lies_in_memory_changes_no_bit(turn, table):
    turned = turn(FLAT)
    assert not turned.flags.c_contiguous
    np.testing.assert_array_equal(measured(turned, FEATURES), table)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "original"])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_halo_is_as_large_as_a_feature_looks_and_no_larger(kind, dimensions):
    features = PixelFeatures(kinds=(kind,), sigmas=(1.6,), dimensions=dimensions, anisotropy=2)
    bank = features.at()
    halo = bank.halo()
    shape = tuple(2 * h + 3 for h in halo)
    here = tuple(h + 1 for h in halo)

    def there(changed):
        return measured(changed[None], features)[(slice(None), *here)]

    for axis in range(3 - dimensions, 3):
        image = np.moveaxis(
            np.broadcast_to(
                np.arange(shape[axis], dtype=np.float32),
                [*(n for i, n in enumerate(shape) if i != axis), shape[axis]],
            ),
            2,
            axis,
        )
        assert image.shape == shape
        moved = []
        for away in (halo[axis], halo[axis] + 1):
            changed = image.copy()
            rim = [slice(None)] * 3
            rim[axis] = slice(here[axis] + away, None)
            changed[tuple(rim)] -= 1e5
            moved.append(not np.array_equal(there(changed), there(image)))
        assert moved == [True, False], (axis, moved)


# ---- pixel sizes ----
def test_a_volume_with_thick_planes_has_the_features_of_the_isotropic_one():
    """Every second plane of a smooth volume is left out; filters that know it find nearly the same in the planes left."""
    fine = ndi.gaussian_filter(np.random.default_rng(7).normal(size=(48, 40, 40)), 5).astype(np.float32)
    thick = fine[::2]
    kinds = ("gaussian", "difference_of_gaussians")
    one = PixelFeatures(kinds=kinds, sigmas=(4,), dimensions=3)
    two = PixelFeatures(kinds=kinds, sigmas=(4,), dimensions=3, anisotropy=2)
    isotropic = measured(fine[None], one)[:, ::2]
    inside = (slice(None), slice(8, -8))  # mirrored ends lie elsewhere
    deviation = np.abs(measured(thick[None], two) - isotropic)[inside].max(axis=(1, 2, 3)) / np.ptp(
        isotropic, axis=(1, 2, 3)
    )
    assert (deviation < 0.03).all(), deviation
    blind = np.abs(measured(thick[None], one) - isotropic)[inside].max(axis=(1, 2, 3)) / np.ptp(
        isotropic, axis=(1, 2, 3)
    )
    assert (blind > 0.1).all(), blind  # filters that do not know it find something else
    by_size = PixelFeatures(kinds=kinds, sigmas=(2,), dimensions=3, unit="µm")
    np.testing.assert_array_equal(
        measured(thick[None], by_size, pixel_size=(1.0, 0.5, 0.5)), measured(thick[None], two)
    )


def test_micrometres_need_a_pixel_size():
    features = PixelFeatures(unit="µm")
    assert features.sigma_px(1.0, (None, 0.5, 0.25)) == (0.0, 2.0, 4.0)
    for size in (None, (None, None, None), (1.0, None, 0.5)):
        with pytest.raises(DataError, match="pixel size along y, x"):
            features.at(size)
    with pytest.raises(DataError, match="pixel size along z, y, x"):
        PixelFeatures(unit="µm", dimensions=3).at((None, 0.5, 0.5))


# ---- names and settings ----
@pytest.mark.parametrize("channels", [("gray",), ("DAPI", "GFP")])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_names_differ_and_can_be_read(channels, dimensions):
    features = PixelFeatures(kinds=KINDS, channel_names=channels, dimensions=dimensions)
    names = features.names
    assert len(set(names)) == len(names) == len(features.at()) == len(features.units)
    assert not any("," in name for name in names)
    if len(channels) > 1:
        assert all(name.startswith(("DAPI ", "GFP ")) for name in names)
        assert "GFP hessian_eigenvalue_2 3.5 px" in names
    else:
        assert names[:3] == ("original", "gaussian 0.7 px", "difference_of_gaussians 0.7 px")


def test_sigmas_that_differ_have_names_that_differ():
    names = PixelFeatures(sigmas=(1.00000001, 1.00000002)).names
    assert len(set(names)) == len(names)


def test_the_benchmark_has_33_features():
    assert len(PixelFeatures(sigmas=(1, 2, 4, 8)).names) == 33


def test_settings_survive_json():
    for features in (
        PixelFeatures(),
        everything(1, 2.5, channel_names=("a", "b"), dimensions=3, unit="µm", anisotropy=3.1),
    ):
        again = PixelFeatures.from_dict(json.loads(json.dumps(features.to_dict())))
        assert again == features
        assert again.names == features.names


def test_kinds_and_sigmas_are_put_in_order():
    a = PixelFeatures(kinds=("top_hat", "gaussian", "gaussian"), sigmas=(np.int64(3), np.float32(1), 3.0))
    assert a == PixelFeatures(kinds=("gaussian", "top_hat"), sigmas=(1, 3))


@pytest.mark.parametrize(
    "settings",
    [
        {"kinds": ()},
        {"kinds": ("gausian",)},
        {"sigmas": ()},
        {"sigmas": (0,)},
        {"sigmas": (-1.0,)},
        {"sigmas": (float("nan"),)},
        {"sigmas": (float("inf"),)},
        {"sigmas": ("1",)},
        {"sigmas": (True,)},
        {"anisotropy": 0},
        {"unit": "mm"},
        {"dimensions": 4},
        {"channel_names": ()},
        {"channel_names": ("DAPI", "DAPI")},
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_refused(settings):
    with pytest.raises(SettingError):
        PixelFeatures(**settings)


def test_presets_and_lists_of_kinds_are_understood():
    assert kinds_of("small") == kinds_of("medium") == KINDS[:-1] and kinds_of("large") == KINDS
    assert KINDS[-1] == "top_hat"
    assert kinds_of("gaussian, top_hat") == ("gaussian", "top_hat") == kinds_of(["gaussian", "top_hat"])
    with pytest.raises(SettingError, match="Did you mean 'gaussian'"):
        kinds_of("gausian")
    with pytest.raises(SettingError, match="Did you mean 'small'"):
        kinds_of("smal")
    with pytest.raises(SettingError, match="Got 'small'"):
        kinds_of(["small", "top_hat"])


def test_a_preset_has_its_scales_and_a_list_of_kinds_those_of_ilastik():
    assert sigmas_of("small") == (0.7, 1, 1.6)
    six = (0.7, 1, 1.6, 3.5, 5, 10)
    assert (
        sigmas_of("medium") == sigmas_of("large") == sigmas_of("gaussian") == sigmas_of(["gaussian"]) == six
    )


# ---- buffers ----
def test_buffers_are_used_again_and_grow():
    buffers = Buffers()
    a = buffers.take("a", (2, 3))
    assert np.shares_memory(a, buffers.take("a", (6,)))
    assert not np.shares_memory(a, buffers.take("b", (6,)))
    assert buffers.take("a", (7,)).size == 7
    assert buffers.take("a", (2,), np.float64).dtype == np.float64
    made = [buffers.made("c", n, lambda: np.zeros(3)) for n in (1, 1, 2)]
    assert made[0] is made[1] is not made[2]
