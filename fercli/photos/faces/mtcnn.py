"""The cascade as a detector: every photo searched at one size."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from fercli.models.sessions import cores
from fercli.photos.faces import Found
from fercli.photos.faces.cascade import Cascade

SMALLEST_FACE = 20  # pixels, in a photo shrunk to the side that is searched


class Mtcnn:
    """Finds turned and tilted heads, too, from `SMALLEST_FACE` pixels on in a photo shrunk to `side`."""

    def __init__(self, side: int) -> None:
        self._side = side
        self._cascade = Cascade()

    def find(self, photos: Sequence[NDArray[np.uint8]]) -> list[list[Found]]:
        """Return the faces in each photo, whatever the others are; several are searched at a time."""
        with ThreadPoolExecutor(cores()) as pool:
            return list(pool.map(self._find, photos))

    def _find(self, photo: NDArray[np.uint8]) -> list[Found]:
        return self._cascade.find(photo, SMALLEST_FACE * max(1.0, max(photo.shape) / self._side))
