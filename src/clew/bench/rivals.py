"""What one would use instead for pixels, written as well as a good user would: the same filters, taps and borders."""

from __future__ import annotations

import contextlib
import io
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np

SIGMAS = (1.0, 2.0, 4.0, 8.0)
PER_SCALE = 8  # features
TREES, DEPTH = 100, 4


# ---- filters ----
class Filters(Protocol):
    """The three filters of a library that features of pixels are made of; each writes float32 of shape (Y, X)."""

    def gaussian(self, image: np.ndarray, sigma: float, out: np.ndarray) -> None:
        """Smooth, with kernels that end at 4 sigma and the image mirrored beyond its border."""

    def derivative(self, image: np.ndarray, y: int, x: int, out: np.ndarray) -> None:
        """Differentiate ``y`` times along Y and ``x`` times along X by central differences."""

    def length(self, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
        """Write sqrt(a² + b²)."""


class OpenCV:
    """OpenCV's filters. They are not parallel, or gain little from it, so scales go to threads instead."""

    def __init__(self) -> None:
        import cv2

        self.cv2 = cv2
        self.mirrored = {"borderType": cv2.BORDER_REFLECT}

    def gaussian(self, image: np.ndarray, sigma: float, out: np.ndarray) -> None:
        """Smooth by two passes."""
        size = 2 * int(4 * sigma + 0.5) + 1
        self.cv2.GaussianBlur(image, (size, size), sigma, dst=out, **self.mirrored)

    def derivative(self, image: np.ndarray, y: int, x: int, out: np.ndarray) -> None:
        """Differentiate by the smallest of Sobel's kernels, which smooth nothing."""
        scale = 0.5 ** ((y == 1) + (x == 1))
        self.cv2.Sobel(image, self.cv2.CV_32F, x, y, dst=out, ksize=1, scale=scale, **self.mirrored)

    def length(self, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
        """Write the length of vectors."""
        self.cv2.magnitude(a, b, out)


class Scipy:
    """scipy.ndimage's filters, which run in one thread each."""

    def gaussian(self, image: np.ndarray, sigma: float, out: np.ndarray) -> None:
        """Smooth by two passes, summed in float64."""
        from scipy.ndimage import gaussian_filter

        gaussian_filter(image, sigma, output=out, truncate=4.0, mode="reflect")

    def derivative(self, image: np.ndarray, y: int, x: int, out: np.ndarray) -> None:
        """Differentiate along one axis after the other."""
        from scipy.ndimage import correlate1d

        weights = {1: (-0.5, 0.0, 0.5), 2: (1.0, -2.0, 1.0)}
        for axis, times in enumerate((y, x)):
            if times:
                correlate1d(image, weights[times], axis, output=out, mode="reflect")
                image = out.copy() if axis == 0 and x else out

    def length(self, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
        """Write the length of vectors."""
        np.sqrt(a * a + b * b, out=out)


def filter_table(image: np.ndarray, filters: Filters, table: np.ndarray, *, threads: int = 1) -> np.ndarray:
    """Write the same 33 features as `clew.measure.pixels` has for "medium" and `SIGMAS`, and return them.

    Gaussians are shared among scales, differences among features, and scales handed to threads, the longest first.

    Parameters
    ----------
    image : ndarray of float, shape (Y, X)
    filters : Filters
    table : ndarray of float, shape (33, Y, X)
        Overwritten: the image, then for each sigma Gaussian, difference of Gaussians, Laplacian of Gaussian, gradient
        magnitude, eigenvalues of the Hessian and of the structure tensor, the larger ones first.
    threads : int
    """
    table[0] = image
    planes = {sigma: table[1 + i * PER_SCALE : 1 + (i + 1) * PER_SCALE] for i, sigma in enumerate(SIGMAS)}
    smooth = {sigma: planes[sigma][0] for sigma in SIGMAS} | {SIGMAS[0] / 2: np.empty_like(table[0])}
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda s: filters.gaussian(table[0], s, smooth[s]), sorted(smooth, reverse=True)))
        list(
            pool.map(lambda s: _one_scale(filters, s, smooth[s / 2], planes[s]), sorted(SIGMAS, reverse=True))
        )
    return table


def _one_scale(filters: Filters, sigma: float, finer: np.ndarray, out: np.ndarray) -> None:
    """Write all features of one sigma but the Gaussian, which is there; memory is used again where it can be."""
    a, b, c, spare = np.empty((4, *finer.shape), finer.dtype)
    gaussian = out[0]
    np.subtract(finer, gaussian, out=out[1])
    for (y, x), entry in zip(((2, 0), (1, 1), (0, 2)), (a, b, c)):
        filters.derivative(gaussian, y, x, entry)
    np.add(a, c, out=out[2])
    _eigenvalues(filters, a, b, c, out[4], out[5])
    filters.derivative(gaussian, 1, 0, a)
    filters.derivative(gaussian, 0, 1, c)
    filters.length(a, c, out[3])
    for first, second, entry in ((a, c, b), (a, a, a), (c, c, c)):
        np.multiply(first, second, out=spare)
        filters.gaussian(spare, sigma / 2, entry)
    _eigenvalues(filters, a, b, c, out[6], out[7])


def _eigenvalues(
    filters: Filters, yy: np.ndarray, yx: np.ndarray, xx: np.ndarray, larger: np.ndarray, smaller: np.ndarray
) -> None:
    """Write the eigenvalues of symmetric 2 x 2 matrices, whose entries are lost."""
    np.subtract(yy, xx, out=smaller)
    smaller *= 0.5
    filters.length(smaller, yx, larger)
    yy += xx
    yy *= 0.5
    np.subtract(yy, larger, out=smaller)
    larger += yy


@contextlib.contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Keep OpenCV from starting threads of its own."""
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def opencv_table(image: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Write the 33 features of an image with OpenCV on all threads, and return them."""
    from clew.kernels.threads import n_threads

    with one_opencv_thread():
        return filter_table(image, OpenCV(), table, threads=n_threads())


def skimage_features(image: np.ndarray) -> np.ndarray:
    """Return scikit-image's own features, float32 of shape (Y, X, 16): intensity, edges and two of texture a sigma."""
    from skimage.feature import multiscale_basic_features

    from clew.kernels.threads import n_threads

    threads = n_threads()  # by its place, since its name changed with scikit-image 0.26
    return multiscale_basic_features(image, True, True, True, SIGMAS[0], SIGMAS[-1], None, threads)


def as_rows(table: np.ndarray) -> np.ndarray:
    """Return a table (n_features, Y, X) as scikit-learn takes it: float32 of shape (n_rows, n_features), row after row."""
    return np.ascontiguousarray(table.reshape(len(table), -1).T)


# ---- forests ----
def forest_of(features: np.ndarray, labels: np.ndarray) -> Any:
    """Return scikit-learn's forest of 100 trees of depth 4, the one that `clew.learn.pixels` trains, too.

    Parameters
    ----------
    features : ndarray of float32, shape (n_rows, n_features)
    labels : ndarray of uint8, shape (n_rows,)
    """
    from sklearn.ensemble import RandomForestClassifier

    from clew.kernels.threads import n_threads

    forest = RandomForestClassifier(TREES, max_depth=DEPTH, random_state=0, n_jobs=n_threads())
    return forest.fit(features, labels)


def compiled_by_tl2cgen(forest: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Return the prediction of scikit-learn's forest as C, made by tl2cgen and compiled by gcc.

    Without quantising: that was slower. Rows must first be copied into tl2cgen's matrix, and are.
    """
    import tl2cgen
    import treelite

    from clew.kernels.threads import n_threads

    folder = tempfile.TemporaryDirectory(prefix="clew-bench-")
    library = Path(folder.name) / "forest.so"
    with contextlib.redirect_stdout(io.StringIO()):  # they tell their versions there
        model = treelite.sklearn.import_model(forest)
        tl2cgen.export_lib(model, toolchain="gcc", libpath=library, params={})
        allowed = int(
            os.environ.get("OMP_NUM_THREADS") or n_threads()
        )  # it refuses more than OpenMP was told
        predictor = tl2cgen.Predictor(library, nthread=min(n_threads(), allowed))

    def predict(rows: np.ndarray) -> np.ndarray:
        assert folder  # lives as long as the library is used
        shares = predictor.predict(tl2cgen.DMatrix(rows))
        return forest.classes_[shares.reshape(len(rows), -1).argmax(axis=1)]

    return predict


def shape_of_table(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of the table of 33 features of an image."""
    return (1 + PER_SCALE * len(SIGMAS), *shape)


def within(values: np.ndarray, truth: np.ndarray) -> float:
    """Return the largest difference of features (n_features, ...) from the truth, as a share of each feature's range."""
    axes = tuple(range(1, truth.ndim))
    apart = np.abs(values - truth).max(axis=axes) / np.ptp(truth, axis=axes)
    return float(apart.max()) if apart.size else math.nan
