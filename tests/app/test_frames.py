from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from clew.app.frames import PUSH, REPLY, pack, unpack


def test_a_frame_comes_back_as_it_went():
    arrays = [
        np.arange(5, dtype=np.uint8),
        np.arange(3, dtype=np.uint16),
        np.array([[1.5, -2.5]], np.float32),
        np.arange(-2, 2, dtype=np.int32),
    ]
    kind, generation, meta, back = unpack(pack(PUSH, 2**32 - 1, {"push": "µ"}, arrays))
    assert (kind, generation, meta["push"]) == (PUSH, 2**32 - 1, "µ")
    for sent, got in zip(arrays, back, strict=True):
        assert got.dtype == sent.dtype
        np.testing.assert_array_equal(got, sent.reshape(-1))


def test_every_part_lies_on_a_multiple_of_four_bytes_little_endian():
    frame = pack(REPLY, 7, {"a": "xyz"}, [np.array([1], np.uint8), np.array([258], np.uint32)])
    kind, generation, length = struct.unpack("<III", frame[:12])
    assert (kind, generation) == (REPLY, 7) and length % 4 == 0
    meta = json.loads(frame[12 : 12 + length])
    assert meta["arrays"] == [["u8", 1], ["u32", 1]]
    assert frame[12 + length :] == b"\x01\0\0\0" + struct.pack("<I", 258)


@pytest.mark.parametrize("cut", [3, 11, 20, -3])
def test_a_frame_that_is_cut_short_is_refused(cut):
    frame = pack(REPLY, 1, {"name": "x" * 40}, [np.arange(100, dtype=np.uint32)])
    with pytest.raises(ValueError):
        unpack(frame[:cut])
