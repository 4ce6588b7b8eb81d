"""TIFF files of any kind, also of those that nobody should write."""

import struct
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

_LETTERS = {1: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 11: "f"}


def directory(entries: Mapping[int, tuple[int, Sequence[int]]], at: int, order: str = "<") -> bytes:
    """Return the directory of these tags (kind, values), which will stand at a place of its file, with the values behind it."""
    body, behind = struct.pack(f"{order}H", len(entries)), b""
    for tag, (kind, values) in sorted(entries.items()):
        value = struct.pack(f"{order}{len(values)}{_LETTERS[kind]}", *values)
        if len(value) > 4:
            place = at + 6 + 12 * len(entries) + len(behind)
            behind += value + bytes(len(value) % 2)
            value = struct.pack(f"{order}I", place)
        body += struct.pack(f"{order}HHI", tag, kind, len(values)) + value.ljust(4, b"\0")
    return body + bytes(4) + behind


def tiff(
    samples: NDArray[np.generic],
    *,
    photometric: int,
    order: str = "<",
    planes: int = 1,
    extra: Mapping[int, tuple[int, Sequence[int]]] | None = None,
) -> bytes:
    """Return an uncompressed TIFF of samples (height, width) or (height, width, samples), whose type tells bits and format.

    `extra` are more tags, or others in place of those that follow.
    """
    values = np.atleast_3d(samples)
    height, width, count = values.shape
    stored = np.moveaxis(values, -1, 0) if planes == 2 else values
    data = stored.astype(stored.dtype.newbyteorder(order)).tobytes()
    bits = 8 * values.dtype.itemsize
    starts = [8 + plane * len(data) // count for plane in range(count if planes == 2 else 1)]
    tags: dict[int, tuple[int, Sequence[int]]] = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [bits] * count),
        259: (3, [1]),
        262: (3, [photometric]),
        273: (4, starts),
        277: (3, [count]),
        278: (4, [height]),
        279: (4, [len(data) // len(starts)] * len(starts)),
        284: (3, [planes]),
        339: (3, [{"u": 1, "i": 2, "f": 3}[values.dtype.kind]] * count),
    }
    tags |= extra or {}
    data += bytes(len(data) % 2)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(f"{order}I", 8 + len(data)) + data + directory(tags, 8 + len(data), order)
