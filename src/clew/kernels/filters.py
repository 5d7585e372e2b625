"""Filters of image blocks: the same bits for any tile and any number of threads.

Every filter is "valid": the block that comes in is larger than the one that goes out by what the filter reaches, so
nothing here knows of borders. An output pixel is the same sequence of operations wherever it lies, each rounded by
itself (no fused multiply-adds, no library functions but the square root), which is why tiles fit each other to the
last bit, and machines too.

All blocks are of shape (Z, Y, X), and neighbours along X must be neighbours in memory: cut a block along Z and Y and X
as you like, but do not turn or skip. That, and that the shapes fit, is checked, since loops here work on addresses.
A block that is written must not be one that is read.
"""

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

CARRIED = 256  # bytes of sums that one call carries in registers: 64 pixels in float32, 32 in float64


@intrinsic
def _row(typingctx, block, z, y, x):
    """Take the pixels of one row from ``x`` on; the compiler is told that they are neighbours, and vectorises."""
    row = types.Array(block.dtype, 1, "C")

    def codegen(context, builder, signature, args):
        source = make_array(block)(context, builder, args[0])
        strides = [*cgutils.unpack_tuple(builder, source.strides, 3)[:2], source.itemsize]
        place = ir.Constant(ir.IntType(64), 0)
        for index, stride in zip(args[1:], strides, strict=True):
            place = builder.add(place, builder.mul(index, stride))
        data = builder.gep(builder.bitcast(source.data, cgutils.voidptr_t), [place])
        result = make_array(row)(context, builder)
        width = builder.sub(cgutils.unpack_tuple(builder, source.shape, 3)[2], args[3])
        data = builder.bitcast(data, result.data.type)
        populate_array(result, data, [width], [source.itemsize], source.itemsize, meminfo=None)
        return result._getvalue()

    return row(block, types.int64, types.int64, types.int64), codegen


@intrinsic
def _convolve_lanes(typingctx, src, source, step, taps, radius, out, target):
    """Convolve neighbouring pixels, as many as `CARRIED` holds, with one symmetric kernel.

    ``source`` and ``target`` are addresses in ``src`` and ``out``, ``step`` the bytes between two taps. The compiler does
    not keep the sums of such a loop in registers when it must guess whether arrays overlap; here it is told. This is
    portable vector code, written once for every axis, and several times as fast as the loop in `_convolve_pixel`, which
    does the same operations in the same order.
    """
    word, number = ir.IntType(64), {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}
    pixel, total, result = number[src.dtype], number[taps.dtype], number[out.dtype]
    lanes = CARRIED // (taps.dtype.bitwidth // 8)
    vector = ir.VectorType(total, lanes)

    def codegen(context, builder, signature, args):
        _, source, step, taps_value, radius, _, target = args
        first_tap = builder.ptrtoint(make_array(taps)(context, builder, taps_value).data, word)

        def pointer(address, kind):
            return builder.inttoptr(address, kind.as_pointer())

        def pixels(address):
            values = builder.load(
                pointer(address, ir.VectorType(pixel, lanes)), align=src.dtype.bitwidth // 8
            )
            return values if pixel == total else builder.fpext(values, vector)

        def weighted(j, values):
            tap = builder.load(
                pointer(builder.add(first_tap, builder.mul(j, word(taps.dtype.bitwidth // 8))), total)
            )
            one = builder.insert_element(ir.Constant(vector, ir.Undefined), tap, ir.IntType(32)(0))
            same = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
            return builder.fmul(builder.shuffle_vector(one, one, same), values)

        sums = cgutils.alloca_once_value(builder, ir.Constant(vector, [0.0] * lanes))
        with cgutils.for_range(builder, radius) as loop:
            j = builder.sub(radius, loop.index)
            away = builder.mul(j, step)
            pair = builder.fadd(pixels(builder.sub(source, away)), pixels(builder.add(source, away)))
            builder.store(builder.fadd(builder.load(sums), weighted(j, pair)), sums)
        values = builder.fadd(builder.load(sums), weighted(word(0), pixels(source)))
        values = values if result == total else builder.fptrunc(values, ir.VectorType(result, lanes))
        builder.store(values, pointer(target, ir.VectorType(result, lanes)), align=out.dtype.bitwidth // 8)
        return context.get_dummy_value()

    integers = types.int64, types.int64
    return types.void(src, *integers, taps, types.int64, out, types.int64), codegen


@njit(cache=True, nogil=True)
def _convolve_pixel(src, taps, axis, z, y, x):
    """Do for one pixel what the lanes do for many."""
    radius = taps.size - 1
    number = taps.dtype.type
    total = number(0.0)
    az, ay, ax = int(axis == 0), int(axis == 1), int(axis == 2)
    for i in range(radius + 1):
        j = radius - i
        value = number(src[z + az * (radius + j), y + ay * (radius + j), x + ax * (radius + j)])
        if j:
            value += number(src[z + az * i, y + ay * i, x + ax * i])
        total += taps[j] * value
    return total


@njit(cache=True, nogil=True)
def _check(src, out, z, y, x):
    """Refuse a block that is not larger than the one to be written by so much, or either not contiguous along X."""
    if (
        src.shape[0] != out.shape[0] + z
        or src.shape[1] != out.shape[1] + y
        or src.shape[2] != out.shape[2] + x
    ):
        raise ValueError("A block must be larger than the one to be written by what the filter reaches.")
    if src.strides[2] != src.itemsize or out.strides[2] != out.itemsize:
        raise ValueError("Blocks must be contiguous along X.")


@njit(cache=True, nogil=True)
def convolve(src, taps, axis, out):
    """Convolve a block with a symmetric kernel along one axis.

    Parameters
    ----------
    src : ndarray of float32 or float64, shape (Z, Y, X)
        The block, longer along ``axis`` than ``out`` by twice the radius.
    taps : ndarray of float32 or float64, shape (radius + 1,)
        The kernel from its centre outwards; sums are of its type, which is not narrower than that of ``src``. Pairs are
        summed from the outermost inwards, smallest first.
    axis : int
        0 for Z, 1 for Y, 2 for X.
    out : ndarray of float32 or float64, shape (Z, Y, X)
        The result, written in place.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a block is not contiguous along X.
    """
    depth, height, width = out.shape
    radius = taps.size - 1
    _check(src, out, 2 * radius * int(axis == 0), 2 * radius * int(axis == 1), 2 * radius * int(axis == 2))
    lanes = CARRIED // taps.itemsize
    step = src.strides[axis]
    taps = np.ascontiguousarray(taps)
    if width < lanes:
        for z in range(depth):
            for y in range(height):
                for x in range(width):
                    out[z, y, x] = _convolve_pixel(src, taps, axis, z, y, x)
        return
    # along X row by row; along Y and Z in columns as wide as the lanes, whose rows stay in the nearest cache
    across = width if axis == 2 else lanes
    for z in range(depth):
        for left in range(0, width, across):
            for y in range(height):
                source = src.ctypes.data + z * src.strides[0] + y * src.strides[1] + radius * step
                target = out.ctypes.data + z * out.strides[0] + y * out.strides[1]
                for start in range(left, min(left + across, width), lanes):
                    x = min(start, width - lanes)  # the last ones overlap those before
                    _convolve_lanes(
                        src, source + x * src.itemsize, step, taps, radius, out, target + x * out.itemsize
                    )


@njit(cache=True, nogil=True)
def difference(a, b, out):
    """Write ``a - b``; all of shape (Z, Y, X)."""
    _check(a, out, 0, 0, 0)
    _check(b, out, 0, 0, 0)
    for z in range(out.shape[0]):
        for y in range(out.shape[1]):
            p, q, o = _row(a, z, y, 0), _row(b, z, y, 0), _row(out, z, y, 0)
            for x in range(out.shape[2]):
                o[x] = p[x] - q[x]


@njit(cache=True, nogil=True)
def extreme(src, axis, shift, largest, out):
    """Write the larger (or the smaller) of each pixel and the one ``shift`` further along ``axis``.

    Parameters
    ----------
    src : ndarray of float32, shape (Z, Y, X)
        The block, longer along ``axis`` than ``out`` by ``shift``.
    axis, shift : int
    largest : bool
    out : ndarray of float32, shape (Z, Y, X)
    """
    sz, sy, sx = shift * int(axis == 0), shift * int(axis == 1), shift * int(axis == 2)
    _check(src, out, sz, sy, sx)
    for z in range(out.shape[0]):
        for y in range(out.shape[1]):
            p, q, o = _row(src, z, y, 0), _row(src, z + sz, y + sy, sx), _row(out, z, y, 0)
            if largest:
                for x in range(out.shape[2]):
                    o[x] = p[x] if p[x] > q[x] else q[x]
            else:
                for x in range(out.shape[2]):
                    o[x] = p[x] if p[x] < q[x] else q[x]


# ---- derivatives: `g` is a smoothed block, larger than `out` by one pixel on each side; planes (Z = 1) not along Z ----
@njit(cache=True, nogil=True)
def _rim(g, out):
    """Return by how much ``g`` is larger on each side along Z: 0 for planes, 1 for volumes."""
    rim = 1 if g.shape[0] > out.shape[0] else 0
    _check(g, out, 2 * rim, 2, 2)
    return rim


@njit(cache=True, nogil=True)
def gradient_magnitude(g, out):
    """Write the length of the gradient by central differences.

    Parameters
    ----------
    g : ndarray of float32 (or float64), shape (Z + 2, Y + 2, X + 2), or (Z, Y + 2, X + 2) for planes
    out : ndarray of float32, shape (Z, Y, X)
    """
    depth, height, width = out.shape
    rim = _rim(g, out)
    half = np.float32(0.5)
    for z in range(depth):
        for y in range(height):
            o = _row(out, z, y, 0)
            up, down = _row(g, z + rim, y, 1), _row(g, z + rim, y + 2, 1)
            left, right = _row(g, z + rim, y + 1, 0), _row(g, z + rim, y + 1, 2)
            if rim:
                over, under = _row(g, z, y + 1, 1), _row(g, z + 2, y + 1, 1)
                for x in range(width):
                    dy, dx = half * (down[x] - up[x]), half * (right[x] - left[x])
                    dz = half * (under[x] - over[x])
                    o[x] = math.sqrt((dz * dz + dy * dy) + dx * dx)
            else:
                for x in range(width):
                    dy, dx = half * (down[x] - up[x]), half * (right[x] - left[x])
                    o[x] = math.sqrt(dy * dy + dx * dx)


@njit(cache=True, nogil=True)
def laplacian(g, out):
    """Write the sum of the second differences; blocks as for `gradient_magnitude`."""
    depth, height, width = out.shape
    rim = _rim(g, out)
    two = np.float32(2.0)
    for z in range(depth):
        for y in range(height):
            o, middle = _row(out, z, y, 0), _row(g, z + rim, y + 1, 1)
            up, down = _row(g, z + rim, y, 1), _row(g, z + rim, y + 2, 1)
            left, right = _row(g, z + rim, y + 1, 0), _row(g, z + rim, y + 1, 2)
            if rim:
                over, under = _row(g, z, y + 1, 1), _row(g, z + 2, y + 1, 1)
                for x in range(width):
                    twice = two * middle[x]
                    plane = ((up[x] + down[x]) - twice) + ((left[x] + right[x]) - twice)
                    o[x] = plane + ((over[x] + under[x]) - twice)
            else:
                for x in range(width):
                    twice = two * middle[x]
                    o[x] = ((up[x] + down[x]) - twice) + ((left[x] + right[x]) - twice)


@njit(cache=True, nogil=True)
def second_derivative(g, first, second, out):
    """Write a second derivative by differences; blocks as for `gradient_magnitude`.

    Parameters
    ----------
    g : ndarray of float32 or float64
    first, second : int
        The axes: 0 for Z, 1 for Y, 2 for X.
    out : ndarray of float32, shape (Z, Y, X)
    """
    depth, height, width = out.shape
    rim = _rim(g, out)
    two, quarter = np.float32(2.0), np.float32(0.25)
    az, ay, ax = int(first == 0), int(first == 1), int(first == 2)
    bz, by, bx = int(second == 0), int(second == 1), int(second == 2)
    for z in range(depth):
        for y in range(height):
            o, j, i = _row(out, z, y, 0), z + rim, y + 1
            if first == second:
                p, q = _row(g, j - az, i - ay, 1 - ax), _row(g, j + az, i + ay, 1 + ax)
                middle = _row(g, j, i, 1)
                for x in range(width):
                    o[x] = (p[x] + q[x]) - two * middle[x]
            else:
                mm = _row(g, j - az - bz, i - ay - by, 1 - ax - bx)
                mp = _row(g, j - az + bz, i - ay + by, 1 - ax + bx)
                pm = _row(g, j + az - bz, i + ay - by, 1 + ax - bx)
                pp = _row(g, j + az + bz, i + ay + by, 1 + ax + bx)
                for x in range(width):
                    o[x] = quarter * ((pp[x] - pm[x]) - (mp[x] - mm[x]))


@njit(cache=True, nogil=True)
def gradient_product(g, first, second, sign_z, sign_y, sign_x, out):
    """Write the product of two central differences, with a sign; blocks as for `gradient_magnitude`.

    Parameters
    ----------
    g : ndarray of float32
    first, second : int
        The axes: 0 for Z, 1 for Y, 2 for X.
    sign_z, sign_y, sign_x : ndarray of float32, shape (Z,), (Y,), (X,)
        1 or -1; a pixel's product is multiplied by the three of its coordinates.
    out : ndarray of float32, shape (Z, Y, X)
    """
    depth, height, width = out.shape
    rim = _rim(g, out)
    quarter = np.float32(0.25)
    az, ay, ax = int(first == 0), int(first == 1), int(first == 2)
    bz, by, bx = int(second == 0), int(second == 1), int(second == 2)
    for z in range(depth):
        for y in range(height):
            o, j, i = _row(out, z, y, 0), z + rim, y + 1
            p, q = _row(g, j - az, i - ay, 1 - ax), _row(g, j + az, i + ay, 1 + ax)
            r, s = _row(g, j - bz, i - by, 1 - bx), _row(g, j + bz, i + by, 1 + bx)
            factor = quarter * sign_z[z] * sign_y[y]
            for x in range(width):
                o[x] = factor * sign_x[x] * ((q[x] - p[x]) * (s[x] - r[x]))


@njit(cache=True, nogil=True)
def eigenvalues_2(yy, yx, xx, larger, smaller):
    """Write the eigenvalues of symmetric 2 x 2 matrices.

    Parameters
    ----------
    yy, yx, xx : ndarray of float32, shape (Z, Y, X)
        The entries.
    larger, smaller : ndarray of float32, shape (Z, Y, X)
        The eigenvalues.
    """
    depth, height, width = larger.shape
    _check(yy, larger, 0, 0, 0)
    _check(yx, larger, 0, 0, 0)
    _check(xx, smaller, 0, 0, 0)
    _check(larger, smaller, 0, 0, 0)
    half = np.float32(0.5)
    for z in range(depth):
        for y in range(height):
            a, b, c = _row(yy, z, y, 0), _row(yx, z, y, 0), _row(xx, z, y, 0)
            high, low = _row(larger, z, y, 0), _row(smaller, z, y, 0)
            for x in range(width):
                mean, apart, off = half * (a[x] + c[x]), half * (a[x] - c[x]), b[x]
                reach = math.sqrt(apart * apart + off * off)
                high[x], low[x] = mean + reach, mean - reach


@njit(cache=True, nogil=True)
def eigenvalues_3(zz, zy, zx, yy, yx, xx, out):
    """Write the eigenvalues of symmetric 3 x 3 matrices, largest first.

    Parameters
    ----------
    zz, zy, zx, yy, yx, xx : ndarray of float32, shape (Z, Y, X)
        The entries.
    out : ndarray of float32, shape (3, Z, Y, X)

    Notes
    -----
    With the mean taken out and the size divided out, an eigenvalue t solves t³ - 3 t = 2 q with q from -1 to 1 (Smith,
    Commun. ACM 4 (1961), doi:10.1145/355578.366316). The one farthest from the mean lies between √3 and 2 and is found
    by Newton's steps instead of a cosine, whose last bits differ from machine to machine; the others solve what is left,
    a quadratic equation. In float64.
    """
    for shape in (zy.shape, zx.shape, yy.shape, yx.shape, xx.shape, out.shape[1:]):
        if shape != zz.shape:
            raise ValueError("All blocks must be of one shape.")
    for z in range(zz.shape[0]):
        for y in range(zz.shape[1]):
            for x in range(zz.shape[2]):
                a, b, c = np.float64(zz[z, y, x]), np.float64(yy[z, y, x]), np.float64(xx[z, y, x])
                d, e, f = np.float64(zy[z, y, x]), np.float64(zx[z, y, x]), np.float64(yx[z, y, x])
                mean = (a + b + c) / 3.0
                a, b, c = a - mean, b - mean, c - mean
                size = math.sqrt((a * a + b * b + c * c + 2.0 * (d * d + e * e + f * f)) / 6.0)
                q = 0.0
                if size > 0.0:
                    det = a * (b * c - f * f) - d * (d * c - f * e) + e * (d * f - b * e)
                    q = det / (2.0 * size * size * size)
                far = min(abs(q), 1.0)
                t = 2.0 - (1.0 - far) * (2.0 / 9.0)
                for _ in range(4):  # the error goes 0.05, 2e-3, 3e-6, 1e-11, none
                    t = 2.0 * (t * t * t + far) / (3.0 * (t * t - 1.0))
                apart = math.sqrt(max(3.0 * (2.0 - t) * (2.0 + t), 0.0))
                farthest, near, nearer = size * t, 0.5 * size * (t + apart), 0.5 * size * (t - apart)
                if q < 0.0:
                    farthest, near, nearer = -farthest, -near, -nearer
                    out[0, z, y, x], out[2, z, y, x] = mean - near, mean + farthest
                else:
                    out[0, z, y, x], out[2, z, y, x] = mean + farthest, mean - near
                out[1, z, y, x] = mean - nearer
