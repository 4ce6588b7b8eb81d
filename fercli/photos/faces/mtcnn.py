"""MTCNN as it is usually used: every photo searched once, at one size."""

import numpy as np
from numpy.typing import NDArray

from fercli.photos.faces import Found
from fercli.photos.faces.cascade import Cascade

_SMALLEST = 1 / 32  # of the longer side: 20 pixels of 640


class Mtcnn:
    """Finds faces from 1/32 of a photo's longer side on, of turned and tilted heads, too."""

    def __init__(self) -> None:
        self._cascade = Cascade()

    def find(self, photo: NDArray[np.uint8]) -> list[Found]:
        """Return the faces of the photo."""
        return self._cascade.find(photo, max(photo.shape) * _SMALLEST)
