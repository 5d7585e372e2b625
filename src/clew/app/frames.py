"""Binary frames: what is too large for JSON goes over the socket as typed arrays behind a short header."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

REPLY, PUSH = 1, 2
TYPES = {"u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "i32": np.int32, "f32": np.float32}
NAMES = {np.dtype(kind): name for name, kind in TYPES.items()}


def pack(kind: int, generation: int, meta: dict[str, Any], arrays: Sequence[np.ndarray] = ()) -> bytes:
    """Return one frame.

    Little-endian: u32 kind, u32 generation, u32 length of what follows as JSON, the JSON (padded with spaces to a
    multiple of 4 bytes), then each array, padded with zeros to a multiple of 4 bytes. The JSON has the key "arrays":
    ``[[type, length], ...]``.

    Parameters
    ----------
    kind : int
        REPLY or PUSH.
    generation : int
        Of a reply, the number of the request; of a push, what the receiver compares to drop what is out of date.
    meta : dict
        What JSON can say.
    arrays : sequence of ndarray
        Of uint8, uint16, uint32, int32 or float32, any shape (sent flat, C order).
    """
    flat = [np.ascontiguousarray(array).reshape(-1) for array in arrays]
    told = {**meta, "arrays": [[NAMES[array.dtype], array.size] for array in flat]}
    text = json.dumps(told, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    head = np.array([kind, generation, len(text)], "<u4").tobytes()
    parts = [head, text]
    for array in flat:
        data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        parts += [data, b"\0" * (-len(data) % 4)]
    return b"".join(parts)


def unpack(frame: bytes) -> tuple[int, int, dict[str, Any], list[np.ndarray]]:
    """Return kind, generation, meta and arrays of a frame that `pack` made; the page does the same in JavaScript.

    Raises
    ------
    ValueError
        If the frame is cut short or no such frame.
    """
    if len(frame) < 12:
        raise ValueError("a frame shorter than its header")
    kind, generation, length = (int(n) for n in np.frombuffer(frame, "<u4", 3))
    if 12 + length > len(frame):
        raise ValueError("a frame that ends within its description")
    meta = json.loads(frame[12 : 12 + length])
    at, arrays = 12 + length, []
    for name, size in meta["arrays"]:
        dtype = np.dtype(TYPES[name]).newbyteorder("<")
        if at + size * dtype.itemsize > len(frame):
            raise ValueError("a frame that ends within an array")
        arrays.append(np.frombuffer(frame, dtype, size, at).astype(TYPES[name]))
        at += size * dtype.itemsize + (-(size * dtype.itemsize) % 4)
    return kind, generation, meta, arrays
