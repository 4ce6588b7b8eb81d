"""OpenCV's Haar cascades: the only module that imports cv2."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fercli.faces import Found, distinct
from fercli.images import shrunk
from fercli.records import Box, Frame

SEARCH_SIDE = 1280  # photos are searched at most at this size; a face of 24 pixels there is 1/53 of the photo's longer side
_SMALLEST_FACE = 24
# On scikit-image's 26 sample images and two portraits at 12 sizes and brightnesses: all 24 portraits found; beside coins, which
# do show heads, 1 false face (5 neighbours: 1, and 4 instead of 2 beside the portraits). Equalising the histogram first gave 3.
_NEIGHBOURS = 6


class Haar:
    """The frontal cascade. Its box is the frame that FER2013's faces have."""

    def __init__(self) -> None:
        path = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"
        self._cascade = cv2.CascadeClassifier(str(path))

    def find(self, photos: Sequence[NDArray[np.uint8]]) -> list[list[Found]]:
        """Return every face of at least 24 pixels, in photos searched at no more than 1280."""
        return [self._find(photo) for photo in photos]

    def _find(self, photo: NDArray[np.uint8]) -> list[Found]:
        small = shrunk(photo, SEARCH_SIDE)
        scale = max(small.shape) / max(photo.shape)
        boxes, _, scores = self._cascade.detectMultiScale3(
            small, scaleFactor=1.1, minNeighbors=_NEIGHBOURS, minSize=(_SMALLEST_FACE, _SMALLEST_FACE), outputRejectLevels=True
        )
        found = []
        for box, score in zip(boxes, scores, strict=True):
            left, top, size = (round(float(value) / scale) for value in box[:3])
            found.append(Found(Frame.of(Box(left, top, size, size)), float(score)))
        return distinct(found)
