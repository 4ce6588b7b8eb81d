"""Faces seen slightly differently, with values between pixels interpolated: for test-time augmentation and for trying networks."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

VIEW_SHIFTS = ((0.5, -0.5), (-0.5, 0.5))  # pixels down and across
VIEWS = 2 * len(VIEW_SHIFTS)


def views(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Yield the faces (N,48,48) with each of `VIEW_SHIFTS`, then mirrored with each: `VIEWS` arrays (N,48,48) in all.

    Networks saw interpolated images in training, and half a pixel interpolates most. More views gave no gain on PublicTest.
    """
    for faces in (pixels, pixels[:, :, ::-1]):
        for down, across in VIEW_SHIFTS:
            yield shifted(faces, down, across)


def shifted(pixels: NDArray[np.uint8], down: float, across: float) -> NDArray[np.uint8]:
    """Return faces (N,H,W) moved down and across by so many pixels, bilinearly, with their borders repeated."""
    places = np.indices(pixels.shape[1:])
    return sampled(pixels, places[0] - down, places[1] - across)


def sampled(pixels: NDArray[np.uint8], rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.uint8]:
    """Return faces (N,H,W) at the places `rows` and `columns` (H',W'), in pixels, as (N,H',W'): bilinear, with borders repeated."""
    height, width = pixels.shape[1:]
    rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    top, left = rows.astype(np.intp), columns.astype(np.intp)
    bottom, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    lower, further = (rows - top).astype(np.float32), (columns - left).astype(np.float32)
    upper = (1 - further) * pixels[:, top, left] + further * pixels[:, top, right]
    under = (1 - further) * pixels[:, bottom, left] + further * pixels[:, bottom, right]
    result: NDArray[np.uint8] = np.rint((1 - lower) * upper + lower * under).astype(np.uint8)
    return result
