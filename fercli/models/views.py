"""Faces seen slightly differently, with values between pixels interpolated: for test-time augmentation and for trying networks."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

VIEW_FRAMES = (1.0, 0.92)  # sizes, as shares of the side
VIEWS = 2 * len(VIEW_FRAMES)


def views(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Yield the faces (N,48,48) in each of `VIEW_FRAMES`, then mirrored in each: `VIEWS` arrays (N,48,48) in all.

    They were chosen on PublicTest; more views gave no sure gain.
    """
    for faces in (pixels, pixels[:, :, ::-1]):
        for size in VIEW_FRAMES:
            yield framed(faces, size)


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


def framed(pixels: NDArray[np.uint8], size: float) -> NDArray[np.uint8]:
    """Cut out the centred frame of this size, as a share of the side, and scale it: below 1 is closer, above 1 repeats borders."""
    places, centre = around_centre(pixels)
    places = size * places + centre
    return sampled(pixels, places[0], places[1])


def around_centre(pixels: NDArray[np.uint8]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return how far down and across each pixel lies from the centre (2,H,W), and the centre's own place (2,1,1)."""
    centre = (np.array(pixels.shape[1:]).reshape(2, 1, 1) - 1) / 2
    return np.indices(pixels.shape[1:]) - centre, centre
