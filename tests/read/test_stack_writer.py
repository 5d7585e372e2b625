"""A TIFF that is written tile by tile is what tifffile reads; cut short, it is not there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
import tifffile

from clew.errors import SettingError, WriteError
from clew.read.stack_writer import TiffWriter
from clew.read.stacks import open_stack

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 200, (2, 3, 4, 40, 50)).astype(np.uint8)  # T, C, Z, Y, X
SIZE = (2.0, 0.5, 0.25)


def tiles_of(shape, step=(2, 16, 32)):
    starts = [range(0, n, s) for n, s in zip(shape[2:], step)]
    return [
        (t, *(slice(a, min(a + s, n)) for a, s, n in zip((z, y, x), step, shape[2:])))
        for t in range(shape[0])
        for z in starts[0]
        for y in starts[1]
        for x in starts[2]
    ]


def block_of(pixels, tile):
    t, z, y, x = tile
    return pixels[t, :, z, y, x]


def write_tiles(writer, pixels, tiles=None, n_threads=4):
    with writer, ThreadPoolExecutor(n_threads) as threads:
        tiles = tiles_of(pixels.shape) if tiles is None else tiles
        tiles = [tiles[i] for i in RNG.permutation(len(tiles))]
        for _ in threads.map(lambda tile: writer.write(*tile, block_of(pixels, tile)), tiles):
            pass


@contextmanager
def no_file_above(n_bytes):
    """Let the system itself refuse files of more than so many bytes, as a full disk does."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# ---- whole files ----
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int16", "float32"])
@pytest.mark.parametrize("kept", ["YX", "CYX", "ZYX", "TYX", "TCZYX"])
def test_tiffs_are_what_tifffile_reads(tmp_path, kept, dtype):
    pixels = PIXELS[tuple(slice(None) if axis in kept else slice(0, 1) for axis in "TCZYX")].astype(dtype)
    write_tiles(TiffWriter(tmp_path / "a.tif", shape=pixels.shape, dtype=dtype, pixel_size=SIZE), pixels)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        series = tiff.series[0]
        assert series.axes == "".join(axis for axis in "TZCYX" if axis in kept)
        assert tiff.is_imagej == (dtype in ("uint8", "uint16", "float32")) != tiff.is_ome
        expected = pixels.swapaxes(1, 2).squeeze(
            tuple(i for i, axis in enumerate("TZCYX") if axis not in kept)
        )
        np.testing.assert_array_equal(series.asarray(), expected)
        assert series.asarray().dtype == dtype
    stack = open_stack(tmp_path / "a.tif")
    assert stack.pixel_size == pytest.approx(SIZE)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


@pytest.mark.parametrize("dtype", ["float32", "int32"])  # of ImageJ, and of OME
@pytest.mark.parametrize("kept", ["CYX", "CZYX", "TCYX", "TCZYX"])
def test_channel_names_of_a_tiff_come_back(tmp_path, kept, dtype):
    names = ("background", "cell", "edge")
    pixels = PIXELS[tuple(slice(None) if axis in kept else slice(0, 1) for axis in "TCZYX")].astype(dtype)
    writer = TiffWriter(tmp_path / "a.tif", shape=pixels.shape, dtype=dtype, channel_names=names)
    write_tiles(writer, pixels)
    assert open_stack(tmp_path / "a.tif").channel_names == names


def test_a_tiff_is_there_whole_or_not_at_all(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"what was there before")
    tiles = tiles_of(PIXELS.shape)
    with (
        pytest.raises(KeyboardInterrupt),
        TiffWriter(tmp_path / "a.tif", shape=PIXELS.shape, dtype="uint8") as writer,
    ):
        writer.write(*tiles[0], block_of(PIXELS, tiles[0]))
        raise KeyboardInterrupt
    with pytest.raises(SettingError, match=r"must be written once. Got \d+ missing"):
        write_tiles(TiffWriter(tmp_path / "a.tif", shape=PIXELS.shape, dtype="uint8"), PIXELS, tiles[1:])
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]
    assert (tmp_path / "a.tif").read_bytes() == b"what was there before"


def test_a_tiff_too_large_for_imagej_is_a_big_ome_tiff(tmp_path, monkeypatch):
    monkeypatch.setattr("clew.read.stack_writer.LARGEST_IMAGEJ", 1000)
    write_tiles(TiffWriter(tmp_path / "a.tif", shape=PIXELS.shape, dtype="uint8", pixel_size=SIZE), PIXELS)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.is_bigtiff and tiff.is_ome
        np.testing.assert_array_equal(tiff.asarray(), PIXELS.swapaxes(1, 2))


# ---- bad tiles, a full disk ----
def tiles_that_do_not_fit(writer):
    """Hand a writer of PIXELS tiles that it must refuse."""
    good = (slice(0, 1), slice(0, 16), slice(0, 16))
    block = PIXELS[0, :, :1, :16, :16]
    beyond, open_ended = (slice(0, 1), slice(32, 48), slice(0, 16)), (slice(None),) * 3
    for t, tile in ((2, good), (-1, good), (0, beyond), (0, open_ended)):
        with pytest.raises(SettingError, match="must lie inside"):
            writer.write(t, *tile, block)
    for wrong in (block[:1], block[..., :8], block.astype(np.int64)):
        with pytest.raises(SettingError, match="must be of uint8 and of shape"):
            writer.write(0, *good, wrong)


def test_tiles_and_settings_that_do_not_fit_are_refused(tmp_path):
    writer = TiffWriter(tmp_path / "a.tif", shape=PIXELS.shape, dtype="uint8")
    tiles_that_do_not_fit(writer)
    writer.abandon()
    for wrong in (
        {"shape": (1, 1, 5, 5)},
        {"shape": (1, 1, 1, 0, 5)},
        {"dtype": "complex64"},
        {"dtype": "int64"},
    ):
        with pytest.raises(SettingError):
            TiffWriter(tmp_path / "a.tif", **({"shape": PIXELS.shape, "dtype": "uint8"} | wrong))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_takes_a_part_at_a_time_gets_the_rest(tmp_path):
    class Sparing:
        def __init__(self, file):
            self.file = file

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, data):
            return self.file.write(data[:7])

    writer = TiffWriter(tmp_path / "a.tif", shape=PIXELS.shape, dtype=PIXELS.dtype)
    writer.file = Sparing(writer.file)
    write_tiles(writer, PIXELS)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), PIXELS.swapaxes(1, 2))


def test_a_disk_that_is_full_leaves_no_tiff(tmp_path):
    with (
        no_file_above(20_000),
        pytest.raises(WriteError, match=r"The disk must take the image '.*a\.tif'. Got: .*too large"),
    ):
        TiffWriter(tmp_path / "a.tif", shape=PIXELS.shape, dtype="uint8")
    writer = TiffWriter(tmp_path / "a.tif", shape=PIXELS.shape, dtype="uint8")
    with no_file_above(20_000), pytest.raises(OSError, match="The disk must take what is written"):
        write_tiles(writer, PIXELS)
    assert list(tmp_path.iterdir()) == []
