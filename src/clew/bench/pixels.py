"""Pixel classification beside OpenCV, scikit-image, scipy, scikit-learn and tl2cgen: filters, forest, and both together."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from clew.bench import rivals
from clew.bench.rivals import DEPTH, SIGMAS, TREES
from clew.bench.stages import where_time_goes
from clew.bench.timing import Quality, Side, Sides, Work, peak_mb

SIDE, DISK_SIDE, STROKE_SIDE = 2048, 16_384, 1024
STRIDE = 4  # of the preview after a stroke
ROWS = 2**17  # that go through the forest at a time: a tile's
# Rows of the image whose features are judged, and how far below them a filter may look.
JUDGED, REACH = 64, 64
COARSE = 64  # pixels from which to which textures change
SMALL_SIDE = 256
CV, SK = ("opencv-python-headless",), ("scikit-learn",)
SKIMAGE, TL2CGEN = ("scikit-image",), ("tl2cgen", "treelite", "gcc")
FOREST = f"{TREES} trees of depth {DEPTH}"


def works() -> list[Work]:
    """Return the rows of ``clew bench pixels``.

    The image is simulated (`textures`, seed 0), and painted with 30 strokes. But where a row says otherwise, features
    are the 33 of "medium" at sigma 1, 2, 4 and 8, of intensities as they are; both sides use all threads.
    """
    cv, size = "OpenCV, same 33 features and taps", f"{SIDE:,} x {SIDE:,}"
    features, forest = f"33 features of {size} into a table", f"{FOREST}, 4.2 M x 33, from a table"
    whole = f"33 features and {FOREST}, {size}"
    return [
        Work("pixels-features", features, partial(_features, SIDE, "opencv"), f"{cv}, scales in threads", CV),
        Work(
            "pixels-features-scipy", features, partial(_features, SIDE, "scipy"), "scipy.ndimage, one thread"
        ),
        Work(
            "pixels-features-skimage",
            features,
            partial(_features, SIDE, "skimage"),
            "scikit-image multiscale_basic_features: its own 16, intensity, edges, texture",
            SKIMAGE,
        ),
        Work("pixels-forest", forest, partial(_forest, SIDE, "sklearn"), "scikit-learn predict", SK),
        Work("pixels-forest-tl2cgen", forest, partial(_forest, SIDE, "tl2cgen"), "tl2cgen, gcc", TL2CGEN),
        Work("pixels-2048", whole, partial(_whole, SIDE, "opencv"), f"{cv}; scikit-learn", CV),
        Work(
            "pixels-2048-skimage",
            whole,
            partial(_skimage, SIDE),
            "scikit-image multiscale_basic_features (16); scikit-learn, as its gallery does",
            SKIMAGE,
        ),
        Work("pixels-2048-best", whole, partial(_whole, SIDE, "tl2cgen"), f"{cv}; tl2cgen", (*CV, *TL2CGEN)),
        Work(
            "pixels-grow",
            f"growing {FOREST} on 30 strokes x 33 features",
            partial(_growing, STROKE_SIDE),
            "scikit-learn fit",
            SK,
        ),
        Work(
            "pixels-stroke",
            f"fit to 30 strokes and classify every {STRIDE}th pixel each way of {STROKE_SIDE:,} x {STROKE_SIDE:,}; filters by default",
            partial(_stroke, STROKE_SIDE),
            "scikit-image's 16 features, kept from before; scikit-learn, fit and classify as many pixels",
            SKIMAGE,
        ),
        Work("pixels-start", "first use: all loops compiled", partial(_first_use, again=False), peak=False),
        Work("pixels-start-again", "the second start", partial(_first_use, again=True), peak=False),
        Work(
            "pixels-disk-2048",
            f"a whole process: a TIFF of {size} to labels on disk, as pixels-disk",
            partial(_disk, SIDE),
            needs=("tifffile",),
            peak=False,
        ),
        Work(
            "pixels-disk",
            f"a whole process: a TIFF of {DISK_SIDE:,} x {DISK_SIDE:,} to labels on disk, all by default",
            partial(_disk, DISK_SIDE),
            needs=("tifffile",),
            peak=False,
            on_request=True,
        ),
    ]


# ---- the image ----
def textures(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Simulate an image of three textures: noise of three grains, seed 0.

    Returns
    -------
    pixels : ndarray of uint8, shape (side, side)
    truth : ndarray of uint8, shape (side, side)
        The texture of each pixel: 0, 1 or 2.
    """
    from scipy.ndimage import gaussian_filter, zoom

    rng = np.random.default_rng(0)
    coarse = -(-side // COARSE) + 2
    fields = [zoom(rng.standard_normal((coarse, coarse), np.float32), COARSE, order=1) for _ in range(3)]
    truth = np.argmax([one[:side, :side] for one in fields], axis=0).astype(np.uint8)
    pixels = np.empty((side, side), np.float32)
    for grain, sigma in enumerate((0.8, 1.6, 3.2)):
        noise = gaussian_filter(rng.standard_normal((side, side), np.float32), sigma)
        np.copyto(pixels, 100 + 10 * grain + 25 * noise / noise.std(), where=truth == grain)
    return np.clip(pixels, 0, 255).astype(np.uint8), truth


def strokes(truth: np.ndarray, *, n: int = 30, length: int = 24, width: int = 4) -> np.ndarray:
    """Paint strokes on an image, as many on each texture, seed 0.

    Returns
    -------
    ndarray of int32, the shape of ``truth``
        0 where nothing is painted, else the texture + 1.
    """
    rng, painted = np.random.default_rng(0), np.zeros(truth.shape, np.int32)
    for i in range(n):
        own = np.argwhere(truth[: -width or None, : -length or None] == i % 3)
        y, x = own[rng.integers(len(own))]
        here = slice(y, y + width), slice(x, x + length)
        painted[here][truth[here] == i % 3] = i % 3 + 1
    return painted


class Scene:
    """One image, and what both sides make of it before they are timed; each thing is made when it is first used.

    Parameters
    ----------
    side : int
        Height and width of the image.
    """

    def __init__(self, side: int) -> None:
        self.pixels, self.truth = textures(side)
        self.painted = strokes(self.truth)

    @cached_property
    def ours(self) -> Any:
        """Return our classifier, fitted."""
        from clew.learn.pixels import PixelClassifier

        classifier = PixelClassifier(
            sigmas=list(SIGMAS), normalise="none", trees=TREES, depth=DEPTH, grower="scikit-learn"
        )
        return classifier.fit([self.pixels], [self.painted])

    @cached_property
    def theirs(self) -> Any:
        """Return scikit-learn's forest, fitted to the same pixels: the very same trees."""
        painted = self.ours.painted_
        return rivals.forest_of(painted.features, painted.labels.astype(np.uint8))

    @cached_property
    def room(self) -> np.ndarray:
        """Return memory for a table, float32 of shape (33, Y, X)."""
        room = np.empty(rivals.shape_of_table(self.pixels.shape), np.float32)
        room[:] = 0  # so that the first to write does not wait for the memory
        return room

    @cached_property
    def table(self) -> np.ndarray:
        """Return our features of all pixels, float32 of shape (33, Y, X)."""
        return our_table(self.pixels, self.room)

    @cached_property
    def rows(self) -> np.ndarray:
        """Return our features as scikit-learn takes them, float32 of shape (n_pixels, 33)."""
        return rivals.as_rows(self.table)

    @cached_property
    def answer(self) -> np.ndarray:
        """Return the labels (Y, X) that scikit-learn gives our features: what the quality of labels is held against."""
        table = our_table(self.pixels, np.empty_like(self.room))
        return self.theirs.predict(rivals.as_rows(table)).reshape(self.pixels.shape)

    def judge(self, outcomes: list[np.ndarray]) -> Quality:
        """Count the pixels whose label is not scikit-learn's on our features, and tell how many are as simulated."""
        labels = outcomes[-1].reshape(self.pixels.shape)
        return {"differing_pixels": int((labels != self.answer).sum()), **self.accuracy(outcomes)}

    def accuracy(self, outcomes: list[np.ndarray]) -> Quality:
        """Tell how many pixels are labelled as they were simulated."""
        step = -(-len(self.truth) // len(outcomes[-1])) if outcomes[-1].ndim == 2 else 1
        truth = self.truth[::step, ::step]
        return {"accuracy": round(float((outcomes[-1].reshape(truth.shape) == truth + 1).mean()), 4)}


# ---- filters ----
def our_table(pixels: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Write the 33 features of an image tile by tile on all threads, and return them.

    Parameters
    ----------
    pixels : ndarray, shape (Y, X)
    table : ndarray of float32, shape (33, Y, X)
    """
    from clew.learn.tiling import TILES_2D, tiles_of
    from clew.measure.pixels import Buffers, PixelFeatures, block_of

    bank, shape = PixelFeatures(sigmas=SIGMAS).at(), (1, *pixels.shape)

    def read(z: slice, y: slice, x: slice) -> np.ndarray:
        return pixels[None, None, y, x].astype(np.float32)

    def work(tiles: Sequence[Any]) -> None:
        buffers = Buffers()
        for _, start, stop in tiles:
            block = block_of(read, shape, start, stop, bank.halo(), buffers)
            here = table[:, start[1] : stop[1], start[2] : stop[2]]

            def keep(index: int, values: np.ndarray, here: np.ndarray = here) -> None:
                here[index] = values[0]

            bank.apply(block, keep)

    _on_threads(work, list(tiles_of((1, 1, *shape), TILES_2D[0])))
    return table


def _on_threads(work: Callable[[Sequence[Any]], Any], parts: list[Any]) -> None:
    """Deal parts to threads, one in turn to each."""
    from clew.kernels.threads import n_threads

    with ThreadPoolExecutor(n_threads()) as pool:
        list(pool.map(work, [parts[i :: n_threads()] for i in range(n_threads())]))


def _features(side: int, rival: str) -> Sides:
    """Both write into memory that is there; what is judged is their upper edge and its corners, against scipy in float64."""
    scene = Scene(side)
    image = scene.pixels.astype(np.float32)
    judged = scene.pixels[: JUDGED + REACH].astype(np.float64)
    make: dict[str, Callable[[], np.ndarray]] = {
        "opencv": lambda: rivals.opencv_table(image, scene.room),
        "scipy": lambda: rivals.filter_table(image, rivals.Scipy(), scene.room),
        "skimage": lambda: np.moveaxis(rivals.skimage_features(image), -1, 0),
    }

    def upper(table: np.ndarray) -> np.ndarray:
        return table[:, :JUDGED].copy()

    def judge(outcomes: list[np.ndarray]) -> Quality:
        found: Quality = {"features": len(outcomes[-1])}
        if len(outcomes[-1]) == len(scene.room):
            truth = rivals.filter_table(judged, rivals.Scipy(), np.empty(rivals.shape_of_table(judged.shape)))
            found["off_by"] = float(f"{rivals.within(outcomes[-1], upper(truth)):.1e}")
        return found

    least = scene.pixels.nbytes + scene.room.nbytes
    return Sides(
        Side(lambda i: upper(our_table(scene.pixels, scene.room))),
        Side(
            lambda i: upper(make[rival]()),
            runs=1 if rival == "scipy" else None,
            warm=_nothing if rival == "scipy" else None,
        ),
        judge,
        partial(where_time_goes, lambda: our_table(scene.pixels, scene.room), least)
        if rival == "opencv"
        else None,
    )


def _nothing() -> None:
    """Warm up nothing: there is nothing to compile, and one run is long."""


# ---- forest ----
def our_labels(table: np.ndarray, classifier: Any) -> np.ndarray:
    """Return the labels of a table of features: ranked and classified by blocks of rows on all threads.

    Parameters
    ----------
    table : ndarray of float32, shape (33, n_rows)
    classifier : PixelClassifier

    Returns
    -------
    ndarray of uint8, shape (n_rows,)
    """
    forest, labels = classifier.model_.compiled, np.empty(table.shape[1], np.uint8)

    def work(starts: Iterable[int]) -> None:
        planes = forest.empty_planes(ROWS)
        for start in starts:
            rows = slice(start, start + ROWS)
            for feature in forest.used:
                forest.rank(feature, table[feature, rows], planes)
            forest.classify(planes, labels=labels[rows])

    _on_threads(work, list(range(0, table.shape[1], ROWS)))
    return labels + np.uint8(1)


def _forest(side: int, rival: str) -> Sides:
    """Ours from a table with a feature a row, theirs with a pixel a row: each as it stands where filters end."""
    scene = Scene(side)
    predict = _forest_of(scene, rival)

    def ours() -> np.ndarray:
        return our_labels(scene.table.reshape(len(scene.table), -1), scene.ours)

    least = scene.room.nbytes + scene.pixels.size
    return Sides(
        Side(lambda i: ours()),
        Side(lambda i: predict(scene.rows)),
        scene.judge,
        partial(where_time_goes, ours, least) if rival == "sklearn" else None,
    )


def _forest_of(scene: Scene, rival: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return what predicts rows by the same trees: scikit-learn, or their translation to C."""
    return (
        rivals.compiled_by_tl2cgen(scene.theirs)
        if rival == "tl2cgen"
        else lambda rows: scene.theirs.predict(rows)
    )


# ---- both ----
def _whole(side: int, rival: str) -> Sides:
    """The image to labels; OpenCV's features are stacked as the forest takes them."""
    scene = Scene(side)
    predict = _forest_of(scene, rival)

    def ours() -> np.ndarray:
        return scene.ours.predict(scene.pixels)

    def run(i: int) -> np.ndarray:
        room = np.empty(rivals.shape_of_table(scene.pixels.shape), np.float32)
        return predict(rivals.as_rows(rivals.opencv_table(scene.pixels.astype(np.float32), room)))

    scene.ours  # noqa: B018  (fitted before anything is timed)
    return Sides(
        Side(lambda i: ours()),
        Side(run),
        scene.judge,
        partial(where_time_goes, ours, 2 * scene.pixels.size) if rival == "opencv" else None,
    )


def _skimage(side: int) -> Sides:
    """The image to labels as in scikit-image's gallery, with as many trees of the same depth."""
    from skimage.future import predict_segmenter

    scene = Scene(side)
    scene.ours  # noqa: B018  (fitted before anything is timed)

    @cache
    def forest() -> Any:
        return _skimage_forest(rivals.skimage_features(scene.pixels), scene.painted)

    return Sides(
        Side(lambda i: scene.ours.predict(scene.pixels)),
        Side(lambda i: predict_segmenter(rivals.skimage_features(scene.pixels), forest())),
        scene.accuracy,
    )


def _skimage_forest(features: np.ndarray, painted: np.ndarray) -> Any:
    there = painted > 0
    return rivals.forest_of(features[there], painted[there].astype(np.uint8))


def _stroke(side: int) -> Sides:
    """After one more stroke: fit anew, and look. Theirs has its features already, ours filters what it needs again."""
    from clew.learn.pixels import PixelClassifier

    scene, classifier = Scene(side), PixelClassifier()

    @cache
    def kept() -> tuple[np.ndarray, np.ndarray]:
        features = rivals.skimage_features(scene.pixels)
        return features, np.ascontiguousarray(features[::STRIDE, ::STRIDE]).reshape(-1, features.shape[-1])

    def ours(i: int) -> np.ndarray:
        return classifier.fit([scene.pixels], [scene.painted]).predict(scene.pixels, stride=STRIDE)

    def theirs(i: int) -> np.ndarray:
        features, seen = kept()
        return _skimage_forest(features, scene.painted).predict(seen).reshape(-(-side // STRIDE), -1)

    return Sides(Side(ours), Side(theirs), scene.accuracy)


def _growing(side: int) -> Sides:
    """Grow a forest on painted pixels: the fit without the filters."""
    from clew.learn.growing import grow

    painted = Scene(side).ours.painted_
    classes, codes = np.unique(painted.labels, return_inverse=True)

    def ours(i: int) -> dict[str, np.ndarray]:
        return grow(painted.features, codes, len(classes), trees=TREES, depth=DEPTH, random_state=i)

    return Sides(Side(ours), Side(lambda i: rivals.forest_of(painted.features, codes.astype(np.uint8))))


# ---- whole processes ----
def _python(code: str, *arguments: str, **environment: str) -> dict[str, Any]:
    """Run code in a fresh process, and return the JSON that it prints last."""
    command = [sys.executable, "-c", code, *arguments]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=os.environ | environment)
    return json.loads(told.stdout.splitlines()[-1])


# Counted by numba itself, as `clew.kernels.compiling` does, from before the first of our modules is there.
FIRST_USE = """
import json, logging
from numba.core import event
seconds, compiled, said = event.TimingListener(), event.RecordingListener(), []
event.register("numba:compile", seconds)
event.register("numba:compile", compiled)
class Said(logging.Handler):
    def emit(self, record): said.append(record.getMessage().startswith("Compiling"))
logging.getLogger("clew").addHandler(Said())
logging.getLogger("clew").setLevel(logging.INFO)
from clew.bench.pixels import use_all
use_all()
print(json.dumps({"compile_s": round(seconds.duration if seconds.done else 0.0, 2),
                  "compiled": len(compiled.buffer) // 2, "said": sum(said)}))
"""


def use_all() -> None:
    """Do with small images all that compiled loops are there for: planes, volumes, shallow and deep trees, shares."""
    from clew.learn.pixels import PixelClassifier

    pixels, truth = textures(SMALL_SIDE)
    painted = strokes(truth, n=6)
    volume, deep = np.stack([pixels] * 4), np.stack([painted] * 4)
    for depth in (DEPTH, 6, None):
        classifier = PixelClassifier(features="large", sigmas=[1.0, 8.0], trees=4, depth=depth)
        classifier.fit([pixels], [painted]).predict(pixels)
        classifier.predict_proba(pixels)
        classifier.predict(pixels, stride=STRIDE)
    PixelClassifier(axes="ZYX", features="large", sigmas=[1.0], trees=4).fit([volume], [deep]).predict(volume)


def _first_use(*, again: bool) -> Sides:
    """A whole process with an empty cache of its own each time; or the same process again with a full one."""
    folder = tempfile.TemporaryDirectory(prefix="clew-bench-")
    fresh = itertools.count()

    def run(i: int) -> Quality:
        cache = Path(folder.name) / ("kept" if again else str(next(fresh)))
        return _python(FIRST_USE, NUMBA_CACHE_DIR=str(cache))

    ours = Side(run) if again else Side(run, runs=1, warm=_nothing)
    return Sides(ours, judge=lambda outcomes: outcomes[-1])


CLASSIFY = "import sys; from clew.bench.pixels import classify_file; classify_file(*sys.argv[1:])"


def classify_file(model: str, image: str, out: str) -> None:
    """Classify an image on disk, write its labels, and print what it cost.

    Parameters
    ----------
    model : str
        The folder of a forest.
    image : str
        A file that `clew.read.stacks.open_stack` reads.
    out : str
        Where the labels go: a TIFF.
    """
    from clew.learn.forest import Forest
    from clew.learn.pixel_model import PixelModel
    from clew.read.stack_writer import TiffWriter
    from clew.read.stacks import open_stack

    began, stack = time.perf_counter(), open_stack(image)
    height, width = stack.shape[3:]
    with TiffWriter(out, shape=(1, 1, 1, height, width), dtype=np.uint8) as writer:

        def write(t: int, start: tuple[int, int, int], labels: np.ndarray, shares: object) -> None:
            z, y, x = (slice(first, first + n) for first, n in zip(start, labels.shape, strict=True))
            writer.write(t, z, y, x, labels[None])

        PixelModel(Forest.load_model(model)).predict(stack, write)
    seconds = time.perf_counter() - began
    megapixels = height * width / 1e6
    print(
        json.dumps({"s_per_megapixel": round(seconds / megapixels, 4), "process_peak_mb": round(peak_mb())})
    )


def _disk(side: int) -> Sides:
    """A tiled TIFF that is never in memory as a whole, made of copies of the simulated image."""
    from clew.learn.pixels import PixelClassifier

    folder = tempfile.TemporaryDirectory(prefix="clew-bench-")
    at = Path(folder.name)
    scene = Scene(SIDE)
    classifier = PixelClassifier().fit([scene.pixels], [scene.painted])
    classifier.forest_.save_model(at / "model")
    write_tiled(at / "image.tif", scene.pixels, side)

    def run(i: int) -> Quality:
        assert folder  # lives as long as the sides
        return _python(CLASSIFY, *(str(at / name) for name in ("model", "image.tif", "labels.tif")))

    return Sides(Side(run, runs=1 if side > SIDE else None), judge=lambda outcomes: outcomes[-1])


def write_tiled(path: Path, pixels: np.ndarray, side: int, *, tile: int = 512) -> None:
    """Write a tiled TIFF of ``side`` x ``side`` that repeats an image, with no more of it in memory than that image."""
    import tifffile

    n = len(pixels) // tile
    repeated = (
        pixels[y % n * tile : (y % n + 1) * tile, x % n * tile : (x % n + 1) * tile]
        for y, x in itertools.product(range(side // tile), repeat=2)
    )
    tifffile.imwrite(path, repeated, shape=(side, side), dtype=pixels.dtype, tile=(tile, tile))
