"""Finding faces, in frames like those of FER2013: one interface, four detectors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fercli.errors import UsageError
from fercli.photos.geometry import Frame
from fercli.photos.images import square_around

CROP_SIDE = 96  # an image no larger on either side is a face already: FER2013's own have 48, CK+ and RAF-DB crops 48 to 100
QUICK_SIDE, CAREFUL_SIDE = 320, 640  # that photos are shrunk to: faces of 1/16 and of 1/32 of the longer side are seen
_SAME_FACE = 0.4  # of the two squares' union lies in both


@dataclass(frozen=True)
class Found:
    """A face's frame, and the detector's score, None if the whole image was taken without a search."""

    frame: Frame
    score: float | None


class Detector(Protocol):
    """Finds the faces in photos."""

    def find(self, photos: Sequence[NDArray[np.uint8]]) -> list[list[Found]]:
        """Return the faces of each grey photo (height, width), each once, from left to right."""


class WholeImage:
    """Takes every image as one face: for folders of crops."""

    def find(self, photos: Sequence[NDArray[np.uint8]]) -> list[list[Found]]:
        """Return the smallest square around each image."""
        return [[Found(square_around(photo), None)] for photo in photos]


class Auto:
    """Takes small images as face crops, whole; searches larger ones quickly, and with more care where that finds nobody."""

    def __init__(self) -> None:
        self._ways: dict[int, Detector] = {}

    def find(self, photos: Sequence[NDArray[np.uint8]]) -> list[list[Found]]:
        """Return the faces found by whichever way fits each image."""
        found: list[list[Found]] = [[] for _ in photos]

        def search(way: Detector, numbers: list[int]) -> None:
            for number, faces in zip(numbers, way.find([photos[number] for number in numbers]), strict=True):
                found[number] = faces

        crops = [number for number, photo in enumerate(photos) if max(photo.shape) <= CROP_SIDE]
        search(WholeImage(), crops)
        for side in (QUICK_SIDE, CAREFUL_SIDE):
            left = [number for number, faces in enumerate(found) if not faces]
            if left:
                search(self._way(side), left)
        return found

    def _way(self, side: int) -> Detector:
        if side not in self._ways:  # loads TensorFlow, which a folder of crops need not wait for
            self._ways[side] = _mtcnn(side)
        return self._ways[side]


def _haar() -> Detector:
    from fercli.photos.faces.haar import Haar

    return Haar()


def _mtcnn(side: int) -> Detector:
    from fercli.photos.faces.mtcnn import Mtcnn

    return Mtcnn(side)


DETECTORS: dict[str, Callable[[], Detector]] = {
    "auto": Auto,
    "haar": _haar,
    "mtcnn": lambda: _mtcnn(CAREFUL_SIDE),
    "none": WholeImage,
}


def detector(name: str) -> Detector:
    """Return a new detector, one of `DETECTORS` by name, UsageError for another; all but `none` and `haar` load TensorFlow."""
    if name not in DETECTORS:
        raise UsageError(f"There is no detector {name!r}; choose one of {', '.join(DETECTORS)}.")
    return DETECTORS[name]()


def distinct(found: Sequence[Found]) -> list[Found]:
    """Return the faces from left to right without second finds of one face: of two that overlap the better score stays."""
    kept: list[Found] = []
    for face in sorted(found, key=lambda face: -(face.score or 0.0)):
        if all(overlap(face.frame, other.frame) < _SAME_FACE for other in kept):
            kept.append(face)
    return sorted(kept, key=lambda face: (face.frame.box.x, face.frame.box.y))


def overlap(first: Frame, second: Frame) -> float:
    """Return the intersection of two squares, set upright, over their union."""
    sides = [
        max(0.0, min(a + first.side / 2, b + second.side / 2) - max(a - first.side / 2, b - second.side / 2))
        for a, b in ((first.x, second.x), (first.y, second.y))
    ]
    shared = sides[0] * sides[1]
    return shared / (first.side**2 + second.side**2 - shared)
