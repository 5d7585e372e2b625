"""Images to look at: small grey pictures for a report, and label images that Fiji, napari and others open."""

from __future__ import annotations

import io

import numpy as np

LONGEST = 1024  # px of a picture's longer side


def picture(pixels: np.ndarray) -> np.ndarray:
    """Return pixels (C, Y, X) as a grey picture (y, x) of uint8, at most 1024 px on its longer side.

    The mean of the channels, each stretched from its 1st to its 99.8th percentile.
    """
    step = max(1, -(-max(pixels.shape[1:]) // LONGEST))
    small = pixels[:, ::step, ::step].astype(np.float64)
    low, high = np.percentile(small, [1, 99.8], axis=(1, 2), keepdims=True)
    grey = np.clip((small - low) / np.where(high > low, high - low, 1), 0, 1).mean(axis=0)
    return np.rint(grey * 255).astype(np.uint8)


def picture_bytes(pixels: np.ndarray) -> bytes:
    """Return `picture` of pixels (C, Y, X) as a PNG file."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture(pixels)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def label_image_bytes(labels: np.ndarray) -> bytes:
    """Return a label image (Y, X) of int32 as a compressed TIFF file, of uint16 where the labels fit."""
    import tifffile

    buffer = io.BytesIO()
    kind = np.uint16 if labels.max(initial=0) < 2**16 else np.uint32
    tifffile.imwrite(buffer, labels.astype(kind), compression="zlib", metadata={"axes": "YX"})
    return buffer.getvalue()
