"""The memory that classifying takes: what is estimated is what is measured, and what is asked for is kept."""

from __future__ import annotations

import math
import re
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from clew.errors import SettingError
from clew.learn import budget
from clew.learn.budget import Work, choose_tile, duration, estimate, image_bytes, parse_memory
from clew.learn.pixel_model import PixelModel
from clew.measure.pixels import Buffers, block_of
from clew.read.stacks import Stack, open_stack
from tests.pixel_worlds import discs, forest, model, write_images

PROCESS = """
import sys
from clew.cli import main
try:
    main(sys.argv[1:])
except SystemExit as left:
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print("peak", 1024 * int(peak.split()[1]), left.code, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def pixel_model():
    return model()


def peak_of(*args):
    """Run a command line in a process of its own; return the most bytes it held, its exit status and stderr."""
    done = subprocess.run([sys.executable, "-c", PROCESS, *map(str, args)], capture_output=True, text=True)
    peak, status = re.search(r"peak (\d+) (\d)", done.stderr).groups()
    return int(peak), int(status), done.stderr


@pytest.mark.parametrize(
    "text, n", [("2GB", 2e9), ("500 MB", 5e8), ("1.5gib", 1.5 * 2**30), ("700m", 7e8), ("1G", 1e9)]
)
def test_memory_is_read_as_people_write_it(text, n):
    assert parse_memory(text) == n


@pytest.mark.parametrize("text", ["", "2", "GB", "-1GB", "0GB", "nanGB", "infGB", "2TBs", "two GB"])
def test_memory_that_is_none_is_refused(text):
    with pytest.raises(SettingError, match="like 2GB or 500MB"):
        parse_memory(text)


@pytest.mark.parametrize("features", ["small", "medium", "large"])
@pytest.mark.parametrize("volume", [False, True])
def test_the_filters_of_a_tile_hold_what_is_estimated(features, volume):
    image = np.stack([discs(i) for i in range(4)]) if volume else discs()
    pixel_model = PixelModel(forest(image, "ZYX" if volume else "YX", features=features, depth=12, trees=5))
    stack = Stack.of(
        np.zeros((40, 192, 192) if volume else (600, 600), np.uint8), axes="ZYX" if volume else "YX"
    )
    tile, used = pixel_model.tiles[-2], pixel_model.compiled.used
    bank, buffers = pixel_model.bank(stack), Buffers()
    halo = bank.halo(used)
    block = block_of(lambda *s: stack.read(0, *s), stack.shape[2:], (0, 0, 0), tile, halo, buffers)
    bank.apply(block, lambda index, values: None, used)
    padded = math.prod(a + 2 * h for a, h in zip(tile, halo))
    n = math.prod(tile)
    held = sum(one.nbytes for one in buffers.held.values())
    whole = pixel_model.tile_bytes(stack, tile, shares=False)
    filters = whole - 9 * padded - pixel_model.compiled.planes * n - 8 * n
    assert held / 1.1 < filters < 2.5 * held  # most above it where trees ask for a part of the filters
    assert pixel_model.tile_bytes(stack, tile, shares=True) > whole


def test_less_memory_means_a_smaller_tile_until_it_is_refused(pixel_model, tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "held_bytes", lambda: 10**8)
    stack = Stack.of(discs(shape=(1000, 1000)))
    needs = [image_bytes(pixel_model, stack, tile, Work()) for tile in pixel_model.tiles]
    assert needs == sorted(needs, reverse=True)
    fixed = 10**8 + budget.LOADED
    for need in needs:
        largest = pixel_model.tiles[
            needs.index(need)
        ]  # small tiles need no less than the scale of the intensities
        assert choose_tile(pixel_model, stack, Work(), int((fixed + need) / 0.9) + 2) == largest
    with pytest.raises(SettingError, match=r"must be at least (\S+) GB for 'image'") as refused:
        choose_tile(pixel_model, stack, Work(), int(2e8))
    least = float(re.search(r"at least (\S+) GB", str(refused.value))[1])
    assert (
        choose_tile(pixel_model, stack, Work(), int(least * 1e9)) in pixel_model.tiles
    )  # what it says, suffices
    with pytest.raises(SettingError):
        choose_tile(pixel_model, stack, Work(), int((least - 0.01) * 1e9))


def test_what_an_earlier_run_began_must_fit(pixel_model, monkeypatch):
    monkeypatch.setattr(budget, "held_bytes", lambda: 10**8)
    stack, begun = Stack.of(discs(shape=(1000, 1000))), pixel_model.tiles[0]
    small = (
        int((10**8 + budget.LOADED + image_bytes(pixel_model, stack, pixel_model.tiles[-1], Work())) / 0.9)
        + 2
    )
    assert choose_tile(pixel_model, stack, Work(), small) != begun
    with pytest.raises(SettingError, match="at least"):
        choose_tile(pixel_model, stack, Work(), small, begun=begun)
    assert (
        choose_tile(pixel_model, stack, Work(), int(4e9), begun=pixel_model.tiles[-1])
        == pixel_model.tiles[-1]
    )


def test_pictures_decoded_whole_and_objects_count(pixel_model, tmp_path):
    from PIL import Image

    pixels = np.zeros((3000, 4000), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", pixels, tile=(256, 256))
    tile = pixel_model.tiles[0]
    png, tif = (open_stack(tmp_path / f"a.{kind}") for kind in ("png", "tif"))
    more = image_bytes(pixel_model, png, tile, Work()) - image_bytes(pixel_model, tif, tile, Work())
    assert more >= pixels.size
    for cut, least in (("none", 16), ("distance", 120)):
        assert image_bytes(pixel_model, tif, tile, Work(cut=cut)) >= least * pixels.size


def test_the_estimate_counts_images_pixels_and_tiles(pixel_model, tmp_path):
    paths = write_images(tmp_path / "in", 2)
    said = estimate(pixel_model, [(open_stack(path), (1, 64, 128)) for path in paths], Work())
    assert re.match(
        r"2 images, 0\.07 megapixels in 12 tiles: about 1 s on \d+ threads?, in at most [0-9.]+ GB of memory\.",
        said,
    )
    assert [duration(s) for s in (0.1, 80, 600, 7200)] == ["1 s", "80 s", "10 minutes", "2.0 hours"]


@pytest.mark.slow
def test_a_large_image_takes_no_more_memory_than_a_small_one_and_no_more_than_allowed(tmp_path):
    forest(features="medium", trees=100).save_model(tmp_path / "model")
    piece = discs(shape=(512, 512))

    def tiles():
        for i in range(12 * 12):
            yield np.roll(piece, i, axis=1)

    tifffile.imwrite(
        tmp_path / "large.tif",
        tiles(),
        shape=(6144, 6144),
        dtype=np.uint8,
        tile=(512, 512),
        compression="zlib",
    )
    tifffile.imwrite(tmp_path / "small.tif", discs(shape=(1024, 1024)), tile=(512, 512), compression="zlib")
    out = ["pixels", "predict", tmp_path / "model"]
    small, status, _ = peak_of(*out, tmp_path / "small.tif", "--out", tmp_path / "s", "--memory", "700MB")
    assert status == 0
    large, status, said = peak_of(*out, tmp_path / "large.tif", "--out", tmp_path / "l", "--memory", "700MB")
    assert status == 0
    assert large < small + 100e6
    assert large < 700e6
    most = 1e9 * float(re.search(r"at most (\S+) GB", said)[1])
    assert large <= most < 1.5 * large

    _, status, said = peak_of(*out, tmp_path / "large.tif", "--out", tmp_path / "t", "--memory", "200MB")
    assert status == 2
    assert said.count("\n") == 2  # one sentence, and our line
    least = re.search(r"at least (\S+) GB", said)[1]
    tight, status, _ = peak_of(
        *out, tmp_path / "large.tif", "--out", tmp_path / "t", "--memory", f"{least}GB"
    )
    assert status == 0
    assert tight <= float(least) * 1e9
    assert (tmp_path / "t/classes/large.tif").read_bytes() == (tmp_path / "l/classes/large.tif").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("case", ["channels", "float64", "deep", "volume", "split"])
def test_the_estimate_is_the_peak_within_a_half(tmp_path, case):
    image, axes, settings, flags = discs(shape=(1024, 1024)), "YX", {}, []
    rng = np.random.default_rng(0)
    if case == "channels":
        image, axes = np.stack([image.astype(np.uint16) * 9] * 5), "CYX"
    if case == "float64":
        image, flags = image + rng.random(image.shape), ["--probabilities"]
    if case == "deep":
        settings, flags = {"depth": 25, "trees": 100}, ["--probabilities", "--uncertainty"]
    if case == "volume":
        image, axes = np.stack([discs(0, (300, 300))] * 40), "ZYX"
    if case == "split":
        flags = ["--objects", "cell", "--split", "distance"]
    trained = image[..., :192, :192]
    forest(trained, axes, features="medium", **settings).save_model(tmp_path / "model")
    tifffile.imwrite(
        tmp_path / "a.tif",
        image,
        imagej=case != "float64",
        metadata={"axes": axes} if case != "float64" else None,
    )
    peak, status, said = peak_of(
        "pixels", "predict", tmp_path / "model", tmp_path / "a.tif", "--out", tmp_path / "o", *flags
    )
    assert status == 0, said
    most = 1e9 * float(re.search(r"at most (\S+) GB", said)[1])
    assert peak <= most <= 1.5 * peak


HELD = """
from clew.learn.budget import held_bytes
import numpy as np
before = held_bytes()
block = np.ones(10**8, np.uint8)
print(held_bytes() - before)
"""


def test_held_bytes_are_those_of_this_process():  # a new one, which has no freed memory to take the block from
    done = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, check=True)
    assert 0.9e8 < int(done.stdout) < 1.3e8
