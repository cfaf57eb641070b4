"""Small PNG files of pictures, as addresses that stand in a page itself. Pure."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode

import numpy as np

LARGEST = 96
"""Pixels of a side; larger pictures are thinned out."""


def thumbnail(picture: np.ndarray, peak: float) -> str:
    """A `data:` address of a picture of shape (channels, height, width) with 1 or 3 channels and values from 0 to `peak`."""
    step = max(1, -(-max(picture.shape[1:]) // LARGEST))
    small = picture[:, ::step, ::step].astype(np.float64) / peak * 255
    pixels = np.clip(np.nan_to_num(small), 0, 255).astype(np.uint8).transpose(1, 2, 0)
    return "data:image/png;base64," + b64encode(png(pixels)).decode()


def channels_first(values: np.ndarray) -> np.ndarray | None:
    """Pictures with the channels as second axis, from arrays of shape (rows, …); None for what are no pictures."""
    if values.ndim == 3:
        values = values[:, None]
    if values.ndim != 4 or values.dtype.kind not in "biuf":
        return None
    if values.shape[1] not in (1, 3) and values.shape[3] in (1, 3):
        values = values.transpose(0, 3, 1, 2)
    return values if values.shape[1] in (1, 3) and min(values.shape[2:]) > 1 else None


def png(pixels: np.ndarray) -> bytes:
    """A PNG file of 8-bit pixels, shape (height, width, 1 or 3)."""
    height, width, channels = pixels.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, width * channels)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 0 if channels == 1 else 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes())), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )
