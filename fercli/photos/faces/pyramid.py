"""A photo at ever smaller sizes, and squares cut from it for a network."""

import numpy as np
from numpy.typing import NDArray

from fercli.photos.images import halved, shrunk

Floats = NDArray[np.float32]

_STEP = 2**-0.5  # from one size to the next
_SMALLER = 0.6  # of the photo's side; only what is smaller than that is worth a size of its own
_FROM = 1.5  # each size is made from one at least this many times as large: from less, its pixels would be uneven means
_HALVED = 2.8  # a photo this many times as large as the first size is halved first, which is quick
_TOGETHER = 64  # squares cut out in one go, so that memory is bounded
_ABOVE = 4  # sizes above the one in which the smallest faces fill a cell, up to four times as large, for networks that look closer


class Pyramid:
    """A grey photo (height, width) at ever smaller sizes, its `levels`, with their `scales`, the photo's own being 1.

    `searched` holds the indices of the levels in which faces with sides from `smallest` to `largest` pixels of the photo fill about
    `cell` pixels.
    """

    def __init__(self, photo: NDArray[np.uint8], smallest: float, largest: float, cell: int) -> None:
        longest, side = max(photo.shape), max(photo.shape) * cell / smallest / _STEP**_ABOVE
        self.levels = [photo]
        while max(self.levels[-1].shape) > _HALVED * side:
            self.levels.append(halved(self.levels[-1]))
        while side * min(photo.shape) >= cell * longest:
            if side < _SMALLER * longest:
                source = next(level for level in reversed(self.levels) if max(level.shape) > _FROM * side or level is photo)
                self.levels.append(shrunk(source, round(side)))
            side *= _STEP
        self.scales = np.array([max(level.shape) / longest for level in self.levels], np.float32)
        self.searched = np.flatnonzero((self.scales < 1.01 * cell / smallest) & (self.scales > 1.01 * cell / largest)).tolist()
        self._pixels = np.concatenate([level.ravel() for level in self.levels])
        self._shapes = np.array([level.shape for level in self.levels])
        self._starts = np.cumsum([0, *(level.size for level in self.levels[:-1])])

    def patches(self, squares: Floats, side: int) -> Floats:
        """Return squares of the photo as pixels (N,1,side,side).

        `squares` (N,4) holds for each the x and y of its centre and its side, in pixels of the photo, and its clockwise turn in
        radians. Each is cut from the smallest level that has enough pixels; beyond the photo its border is repeated.
        """
        cut = [self._cut(squares[start : start + _TOGETHER], side) for start in range(0, max(1, len(squares)), _TOGETHER)]
        return np.concatenate(cut)

    def _cut(self, squares: Floats, side: int) -> Floats:
        level = np.clip(np.searchsorted(-self.scales, -0.99 * side / squares[:, 2], side="right") - 1, 0, None)
        x, y, length = (squares[:, :3] * self.scales[level, None]).T[..., None, None]
        along = ((np.arange(side, dtype=np.float32) + 0.5) / side - 0.5) * length
        right, down = along, along.transpose(0, 2, 1)
        if squares[:, 3].any():
            cosine, sine = np.cos(squares[:, 3, None, None]), np.sin(squares[:, 3, None, None])
            x, y = x + right * cosine - down * sine, y + right * sine + down * cosine
        else:  # a pixel's x is that of its column and its y that of its row, so that there is much less to compute
            x, y = x + right, y + down
        height, width = self._shapes[level].T[..., None, None]
        left, beyond, across = _neighbours(x - 0.5, width)
        above, below, deep = _neighbours(y - 0.5, height)
        start = self._starts[level, None, None]
        upper, lower = (self._row(start + row * width, left, beyond, across) for row in (above, below))
        result: Floats = (upper + (lower - upper) * deep)[:, None]
        return result

    def _row(self, start: NDArray[np.intp], left: NDArray[np.intp], right: NDArray[np.intp], across: Floats) -> Floats:
        first: Floats = self._pixels[start + left].astype(np.float32)
        result: Floats = first + (self._pixels[start + right] - first) * across
        return result


def _neighbours(places: Floats, length: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """Return the pixels before and after each place on an axis, and how far between them it lies, 0 to 1."""
    before = np.floor(places)
    first = before.astype(np.intp)
    second = np.minimum(np.maximum(first + 1, 0), length - 1)
    return np.minimum(np.maximum(first, 0), length - 1), second, places - before
