"""Filters of blocks: every bit against a slow twin in NumPy, every number against SciPy."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.ndimage as ndi
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.kernels import filters

SINGLE, DOUBLE = np.float32, np.float64
TYPES = [
    (SINGLE, SINGLE, SINGLE),
    (SINGLE, DOUBLE, SINGLE),
    (SINGLE, DOUBLE, DOUBLE),
    (DOUBLE, DOUBLE, DOUBLE),
]


def block(*shape, seed=0, dtype=SINGLE):
    return (np.random.default_rng(seed).normal(size=shape) * 100).astype(dtype)


def taps_of(radius, dtype=SINGLE):
    taps = np.exp(-0.5 * (np.arange(radius + 1) / max(radius / 4, 0.5)) ** 2)
    return (taps / (taps[0] + 2 * taps[1:].sum())).astype(dtype)


def convolved(src, taps, axis, out_type=SINGLE):
    shape = list(src.shape)
    shape[axis] -= 2 * (taps.size - 1)
    out = np.full(shape, np.nan, out_type)
    filters.convolve(src, taps, axis, out)
    return out


# ---- convolve ----
def twin_of_convolve(src, taps, axis, out_type=SINGLE):
    """The same operations in the same order, a whole block at a time."""
    n, radius = src.shape[axis], taps.size - 1
    total = np.zeros((), taps.dtype)
    for j in range(radius, -1, -1):
        shifted = [src.take(np.arange(radius + k, n - radius + k), axis).astype(taps.dtype) for k in (-j, j)]
        total = total + taps[j] * (shifted[0] + shifted[1] if j else shifted[0])
    return total.astype(out_type)


@pytest.mark.parametrize("types", TYPES, ids=lambda t: "-".join(np.dtype(one).name for one in t))
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_convolving_has_the_bits_of_its_twin_at_every_width(types, axis):
    src_type, taps_type, out_type = types
    for width, radius in itertools.product([1, 2, 31, 32, 33, 63, 64, 65, 97, 128, 130], [0, 1, 5]):
        shape = [2, 3, width]
        shape[axis] += 2 * radius
        src, taps = block(*shape, dtype=src_type), taps_of(radius, taps_type)
        np.testing.assert_array_equal(
            convolved(src, taps, axis, out_type), twin_of_convolve(src, taps, axis, out_type)
        )


def test_the_twin_of_convolve_would_notice_another_order():
    src, taps = block(1, 1, 100), taps_of(5)
    inside_out = np.zeros(90, SINGLE)
    for j in range(6):
        pair = src[0, 0, 5 + j : 95 + j] + src[0, 0, 5 - j : 95 - j] if j else src[0, 0, 5:95]
        inside_out = inside_out + taps[j] * pair
    assert (inside_out != twin_of_convolve(src, taps, 2)[0, 0]).any()


def test_the_twin_of_convolve_would_notice_a_fused_multiply_add():
    src, taps = block(1, 1, 100), taps_of(5)
    fused = np.zeros(90, SINGLE)
    for j in range(5, -1, -1):
        pair = src[0, 0, 5 + j : 95 + j] + src[0, 0, 5 - j : 95 - j] if j else src[0, 0, 5:95]
        fused = (fused + DOUBLE(taps[j]) * pair).astype(SINGLE)
    assert (fused != twin_of_convolve(src, taps, 2)[0, 0]).any()


@pytest.mark.parametrize("types", TYPES[::3])
def test_one_pixel_at_a_time_and_many_lanes_give_the_same_bits(types):
    src_type, taps_type, out_type = types
    src, taps = block(5, 30, 170, dtype=src_type), taps_of(9, taps_type)
    for axis in (1, 2):
        wide = convolved(src, taps, axis, out_type)
        for x in (0, 1, 70, wide.shape[2] - 1):  # one pixel wide: no room for lanes
            narrow = src[:, :, x : x + 1 + (18 if axis == 2 else 0)]
            np.testing.assert_array_equal(convolved(narrow, taps, axis, out_type)[:, :, 0], wide[:, :, x])


@pytest.mark.parametrize("radius", [1, 4, 24, 25, 60])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_convolving_equals_scipys(axis, radius):
    shape = [3, 4, 70]
    shape[axis] += 2 * radius
    src, taps = block(*shape), taps_of(radius, DOUBLE)
    whole = ndi.correlate1d(src.astype(DOUBLE), np.concatenate([taps[:0:-1], taps]), axis=axis)
    wanted = whole.take(np.arange(radius, shape[axis] - radius), axis)
    np.testing.assert_allclose(convolved(src, taps, axis, DOUBLE), wanted, atol=1e-11)
    np.testing.assert_allclose(convolved(src, taps.astype(SINGLE), axis), wanted, atol=2e-4)


def test_a_block_cut_from_a_larger_one_gives_the_same_bits():
    large = block(9, 40, 200)
    cut = large[2:7, 3:31, 5:153]
    assert not cut.flags.c_contiguous
    for axis in range(3):
        taps = taps_of(2)
        np.testing.assert_array_equal(convolved(cut, taps, axis), convolved(cut.copy(), taps, axis))


@given(
    st.tuples(*[st.integers(1, 6)] * 2, st.integers(1, 140)),
    st.integers(0, 30),
    st.integers(0, 2),
    st.sampled_from(TYPES),
)
@settings(max_examples=40, deadline=None)
def test_convolving_writes_each_pixel_and_nothing_else(shape, radius, axis, types):
    src_type, taps_type, out_type = types
    grown = tuple(n + 2 * radius * (i == axis) for i, n in enumerate(shape))
    src, taps = block(*grown, dtype=src_type), taps_of(radius, taps_type)
    fence = np.full(tuple(n + 2 for n in shape), 12345.0, out_type)
    filters.convolve(src, taps, axis, fence[1:-1, 1:-1, 1:-1])
    np.testing.assert_array_equal(fence[1:-1, 1:-1, 1:-1], twin_of_convolve(src, taps, axis, out_type))
    fence[1:-1, 1:-1, 1:-1] = 12345.0
    assert (fence == 12345.0).all()


# ---- what loops over addresses must refuse ----
def cut(*shape):
    """A block cut from a larger one, as most are; of one type for the compiler, however it is turned."""
    return block(*(n + 2 for n in shape))[1:-1, 1:-1, 1:-1]


def calls(shape=(4, 5, 70)):
    """Every kernel that works on addresses, with blocks that fit: function, arguments, which of them are blocks."""
    grown = tuple(n + 2 for n in shape)
    z, y, x = (np.ones(n, SINGLE) for n in shape)
    return {
        "convolve": (filters.convolve, [cut(4, 5, 76), taps_of(3), 2, cut(*shape)], (0, 3)),
        "difference": (filters.difference, [cut(*shape), cut(*shape), cut(*shape)], (0, 1, 2)),
        "extreme": (filters.extreme, [cut(4, 8, 70), 1, 3, True, cut(*shape)], (0, 4)),
        "gradient_magnitude": (filters.gradient_magnitude, [cut(*grown), cut(*shape)], (0, 1)),
        "laplacian": (filters.laplacian, [cut(*grown), cut(*shape)], (0, 1)),
        "second_derivative": (filters.second_derivative, [cut(*grown), 0, 2, cut(*shape)], (0, 3)),
        "gradient_product": (filters.gradient_product, [cut(*grown), 1, 2, z, y, x, cut(*shape)], (0, 6)),
        "eigenvalues_2": (filters.eigenvalues_2, [cut(*shape) for _ in range(5)], range(5)),
    }


@pytest.mark.parametrize("name", calls())
def test_a_block_whose_neighbours_do_not_lie_together_is_refused(name):
    function, arguments, blocks = calls()[name]
    function(*arguments)  # fits
    for i in blocks:
        shape = arguments[i].shape
        turned = (
            cut(*shape[::-1]).transpose(),
            cut(*shape[:2], 2 * shape[2])[..., ::2],
            arguments[i][..., ::-1],
        )
        for one in turned:
            assert one.shape == shape
            with pytest.raises(ValueError, match="contiguous along X"):
                function(*arguments[:i], one, *arguments[i + 1 :])


@pytest.mark.parametrize("name", calls())
def test_a_block_of_another_shape_is_refused(name):
    function, arguments, blocks = calls()[name]
    for i, axis, more in itertools.product(blocks, range(3), (-1, 1)):
        other = cut(*(n + more * (k == axis) for k, n in enumerate(arguments[i].shape)))
        with pytest.raises(ValueError, match="larger than the one to be written"):
            function(*arguments[:i], other, *arguments[i + 1 :])


def test_matrices_of_different_shapes_are_refused():
    entries = [block(2, 3, 4) for _ in range(6)]
    for i, shape in itertools.product(range(1, 6), ((2, 3, 5), (1, 3, 4))):
        with pytest.raises(ValueError, match="one shape"):
            filters.eigenvalues_3(*entries[:i], block(*shape), *entries[i + 1 :], block(3, 2, 3, 4))
    with pytest.raises(ValueError, match="one shape"):
        filters.eigenvalues_3(*entries, block(3, 2, 3, 5))


# ---- differences and extremes ----
def at(g, shape, dz=0, dy=0, dx=0):
    """The block of ``shape`` in the middle of ``g``, moved by so much."""
    rim = [(n - m) // 2 for n, m in zip(g.shape, shape, strict=True)]
    return g[tuple(slice(r + d, r + d + n) for r, d, n in zip(rim, (dz, dy, dx), shape, strict=True))]


STEP = {0: (1, 0, 0), 1: (0, 1, 0), 2: (0, 0, 1)}


def half_difference(g, shape, axis):
    return SINGLE(0.5) * (at(g, shape, *STEP[axis]) - at(g, shape, *(-d for d in STEP[axis])))


SHAPES = [(1, 1, 1), (1, 7, 33), (2, 5, 64), (3, 4, 101)]
flat = pytest.mark.parametrize("flat", [True, False], ids=["planes", "volume"])


def smoothed(shape, flat, dtype=SINGLE):
    return block(shape[0] + (0 if flat else 2), shape[1] + 2, shape[2] + 2, dtype=dtype)


def same_bits(function, *arguments, shape, twin):
    out = np.full(shape, np.nan, SINGLE)
    function(*arguments, out)
    np.testing.assert_array_equal(out, twin)


@flat
@pytest.mark.parametrize("shape", SHAPES)
def test_the_gradient_has_the_bits_of_its_twin(shape, flat):
    g = smoothed(shape, flat)
    squares = [half_difference(g, shape, axis) ** 2 for axis in ((1, 2) if flat else (0, 1, 2))]
    twin = np.sqrt(squares[0] + squares[1] if flat else (squares[0] + squares[1]) + squares[2])
    assert twin.dtype == SINGLE
    same_bits(filters.gradient_magnitude, g, shape=shape, twin=twin)


@flat
@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_laplacian_has_the_bits_of_its_twin(shape, dtype, flat):
    g = smoothed(shape, flat, dtype)
    twice = SINGLE(2) * at(g, shape)
    y, x, z = (
        (at(g, shape, *STEP[axis]) + at(g, shape, *(-d for d in STEP[axis]))) - twice
        if axis or not flat
        else 0
        for axis in (1, 2, 0)
    )
    same_bits(filters.laplacian, g, shape=shape, twin=((y + x) + z).astype(SINGLE))


@flat
@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE])
@pytest.mark.parametrize("shape", SHAPES)
def test_second_derivatives_have_the_bits_of_their_twins(shape, dtype, flat):
    g = smoothed(shape, flat, dtype)
    for first, second in itertools.combinations_with_replacement((1, 2) if flat else (0, 1, 2), 2):
        p, q = np.array(STEP[first]), np.array(STEP[second])
        if first == second:
            twin = (at(g, shape, *-p) + at(g, shape, *p)) - SINGLE(2) * at(g, shape)
        else:
            corners = {(i, j): at(g, shape, *(i * p + j * q)) for i in (-1, 1) for j in (-1, 1)}
            twin = SINGLE(0.25) * ((corners[1, 1] - corners[1, -1]) - (corners[-1, 1] - corners[-1, -1]))
        same_bits(filters.second_derivative, g, first, second, shape=shape, twin=twin.astype(SINGLE))


@flat
@pytest.mark.parametrize("shape", SHAPES)
def test_products_of_the_gradient_have_the_bits_of_their_twins(shape, flat):
    g = smoothed(shape, flat)
    rng = np.random.default_rng(1)
    z, y, x = (rng.choice([-1, 1], n).astype(SINGLE) for n in shape)
    for first, second in itertools.combinations_with_replacement((1, 2) if flat else (0, 1, 2), 2):
        products = (
            SINGLE(2) * half_difference(g, shape, first) * (SINGLE(2) * half_difference(g, shape, second))
        )
        twin = SINGLE(0.25) * products * z[:, None, None] * y[:, None] * x
        same_bits(filters.gradient_product, g, first, second, z, y, x, shape=shape, twin=twin)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_extremes_and_differences_equal_numpys(shape, axis):
    src = block(*(n + 3 * (i == axis) for i, n in enumerate(shape)))
    here, there = src.take(range(shape[axis]), axis), src.take(range(3, shape[axis] + 3), axis)
    same_bits(filters.extreme, src, axis, 3, True, shape=shape, twin=np.maximum(here, there))
    same_bits(filters.extreme, src, axis, 3, False, shape=shape, twin=np.minimum(here, there))
    same_bits(filters.difference, here.copy(), there.copy(), shape=shape, twin=here - there)


# ---- eigenvalues ----
def entries_of(matrices):
    n = matrices.shape[-1]
    return [
        np.ascontiguousarray(matrices[..., i, j], SINGLE)
        for i, j in itertools.combinations_with_replacement(range(n), 2)
    ]


def matrices_of(kind, n):
    a = np.random.default_rng(2).normal(size=(2, 5, 67, n, n))
    vector = a[..., 0]
    return {
        "random": a + a.swapaxes(-1, -2),
        "one direction": vector[..., None] * vector[..., None, :],
        "nearly one direction": vector[..., None] * vector[..., None, :] + 1e-6 * np.eye(n),
        "two equal": np.eye(n)
        - 2 * vector[..., None] * vector[..., None, :] / (vector**2).sum(-1)[..., None, None],
        "all equal": np.eye(n) * a[..., :1, :1],
        "none": a * 0,
        "diagonal": np.eye(n) * a,
        "tiny": (a + a.swapaxes(-1, -2)) * 1e-15,
        "huge": (a + a.swapaxes(-1, -2)) * 1e15,
    }[kind].astype(SINGLE)


KINDS = [
    "random",
    "one direction",
    "nearly one direction",
    "two equal",
    "all equal",
    "none",
    "diagonal",
    "tiny",
    "huge",
]


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_eigenvalues_equal_numpys(kind, n):
    matrices = matrices_of(kind, n)
    out = np.full((n, *matrices.shape[:3]), np.nan, SINGLE)
    if n == 2:
        filters.eigenvalues_2(*entries_of(matrices), *out)
    else:
        filters.eigenvalues_3(*entries_of(matrices), out)
    wanted = np.moveaxis(np.linalg.eigvalsh(matrices.astype(DOUBLE))[..., ::-1], -1, 0)
    size = np.abs(wanted).max(axis=0)
    assert (np.abs(out - wanted) <= 3e-7 * size).all()
    assert (np.diff(out, axis=0) <= 0).all()  # largest first


def test_eigenvalues_of_planes_have_the_bits_of_their_twin():
    yy, yx, xx = entries = entries_of(matrices_of("random", 2))
    larger, smaller = np.empty_like(yy), np.empty_like(yy)
    filters.eigenvalues_2(*entries, larger, smaller)
    mean, apart = SINGLE(0.5) * (yy + xx), SINGLE(0.5) * (yy - xx)
    reach = np.sqrt(apart * apart + yx * yx)
    np.testing.assert_array_equal(larger, mean + reach)
    np.testing.assert_array_equal(smaller, mean - reach)


def twin_of_eigenvalues_3(matrices):
    """The same operations in the same order, one matrix at a time, in Python's own numbers."""
    import math

    out = np.empty((3, *matrices.shape[:3]), SINGLE)
    for place in np.ndindex(matrices.shape[:3]):
        (a, d, e), (_, b, f), (_, _, c) = matrices[place].astype(DOUBLE).tolist()
        mean = (a + b + c) / 3
        a, b, c = a - mean, b - mean, c - mean
        size = math.sqrt((a * a + b * b + c * c + 2 * (d * d + e * e + f * f)) / 6)
        det = a * (b * c - f * f) - d * (d * c - f * e) + e * (d * f - b * e)
        q = det / (2 * size * size * size) if size else 0.0
        far = min(abs(q), 1.0)
        t = 2 - (1 - far) * (2 / 9)
        for _ in range(4):
            t = 2 * (t * t * t + far) / (3 * (t * t - 1))
        apart = math.sqrt(max(3 * (2 - t) * (2 + t), 0))
        roots = [size * t, -0.5 * size * (t - apart), -0.5 * size * (t + apart)]
        out[(slice(None), *place)] = sorted(
            (mean + (-root if q < 0 else root) for root in roots), reverse=True
        )
    return out


@pytest.mark.parametrize("kind", ["random", "one direction", "all equal", "none"])
def test_eigenvalues_of_volumes_have_the_bits_of_their_twin(kind):
    matrices = matrices_of(kind, 3)
    out = np.empty((3, *matrices.shape[:3]), SINGLE)
    filters.eigenvalues_3(*entries_of(matrices), out)
    np.testing.assert_array_equal(out, twin_of_eigenvalues_3(matrices))


# ---- compiled once, and for any machine the same ----
CODE = """
import hashlib, numpy as np
from numba.core import event
with event.install_recorder("numba:compile") as recorder:
    from tests.kernels.test_filters import calls, filters
    sha = hashlib.sha256()
    for name in {names}:
        function, arguments, _ = calls()[name]
        function(*arguments)
        sha.update(arguments[-1].tobytes())
print(sum(one.is_start for _, one in recorder.buffer), sha.hexdigest())
"""


def said_by(cache, names, **environment):
    run = subprocess.run(
        [sys.executable, "-c", CODE.format(names=names)],
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    compiled, sha = run.stdout.split()
    return int(compiled), sha


def test_a_second_process_finds_the_loops_on_disk(tmp_path):
    names = ["convolve", "gradient_magnitude"]  # one for each of the hand-made instructions
    first, second = (said_by(tmp_path, names) for _ in range(2))
    assert first[0] > 0
    assert second[0] == 0
    assert first[1] == second[1]


@pytest.mark.slow
def test_a_machine_without_wide_vectors_gives_the_same_bits(tmp_path):
    names = list(calls())
    here = said_by(os.environ.get("NUMBA_CACHE_DIR", ""), names)  # as the tests above have compiled them
    plain = said_by(tmp_path / "plain", names, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
    assert here[1] == plain[1]
