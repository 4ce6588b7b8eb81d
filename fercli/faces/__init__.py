"""Finding faces, in boxes that frame them as FER2013 does: the only module that imports cv2."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from fercli.images import square_around
from fercli.records import Box

CROP_SIDE = (
    96  # an image no larger than this on both sides is a face already: FER2013's own have 48, CK+ and RAF-DB crops 48 to 100
)
_SEARCH_SIDE = 1280  # photos are searched at most at this size; a face of 24 pixels there is 1/53 of the photo's longer side
_SMALLEST_FACE = 24
# On scikit-image's 26 sample images and two portraits at 12 sizes and brightnesses: all 24 portraits found; beside coins, which
# do show heads, 1 false face (5 neighbours: 1, and 4 instead of 2 beside the portraits). Equalising the histogram first gave 3.
_NEIGHBOURS = 6


@dataclass(frozen=True)
class Found:
    """A face's square, and the detector's score, None if the whole image was taken without a search."""

    box: Box
    score: float | None


class Detector(Protocol):
    """Finds the faces in a photo."""

    def find(self, photo: NDArray[np.uint8]) -> list[Found]:
        """Return the faces in a grey photo (height, width), from left to right."""


class WholeImage:
    """Takes every image as one face: for folders of crops."""

    def find(self, photo: NDArray[np.uint8]) -> list[Found]:
        """Return the smallest square around the image."""
        return [Found(square_around(photo), None)]


class Haar:
    """OpenCV's frontal Haar cascade. Its box is the frame that FER2013's faces have."""

    def __init__(self) -> None:
        path = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"
        self._cascade = cv2.CascadeClassifier(str(path))
        self._lock = threading.Lock()  # a cascade keeps state while it searches

    def find(self, photo: NDArray[np.uint8]) -> list[Found]:
        """Return every face of at least 24 pixels, in a photo searched at no more than 1280."""
        height, width = photo.shape
        scale = min(1.0, _SEARCH_SIDE / max(height, width))
        small = photo
        if scale < 1.0:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        with self._lock:
            boxes, _, scores = self._cascade.detectMultiScale3(
                small, scaleFactor=1.1, minNeighbors=_NEIGHBOURS, minSize=(_SMALLEST_FACE, _SMALLEST_FACE), outputRejectLevels=True
            )
        found = []
        for box, score in zip(boxes, scores, strict=True):
            left, top, size = (round(float(value) / scale) for value in box[:3])
            found.append(Found(Box(left, top, size, size), float(score)))
        return sorted(found, key=lambda face: (face.box.x, face.box.y))


class Auto:
    """Takes an image of at most 96 pixels a side as a face crop, whole, and searches any larger one."""

    def __init__(self) -> None:
        self._whole, self._search = WholeImage(), Haar()

    def find(self, photo: NDArray[np.uint8]) -> list[Found]:
        """Return the faces found by whichever way fits the image's size."""
        return (self._whole if max(photo.shape) <= CROP_SIDE else self._search).find(photo)


DETECTORS: dict[str, type[Auto] | type[Haar] | type[WholeImage]] = {"auto": Auto, "haar": Haar, "none": WholeImage}
