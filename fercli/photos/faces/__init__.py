"""Finding faces, and the frames that FER2013 would have cut around them: one interface, four detectors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fercli.errors import UsageError, nearest
from fercli.photos.geometry import Frame
from fercli.photos.images import shrunk, square_around

CROP_SIDE = 128  # pixels; an image with no longer side is a face already: FER2013's have 48, crops of CK+ and RAF-DB 48 to 100
LARGE_CROP_SIDE = 256  # an image with no longer side may be a face: AffectNet's crops have 224
# Grey levels from the darkest to the brightest of an image's 8 x 8 parts: at least 40 in FER2013's faces, 25 in grass.
_FLAT = 32
_SAME_FACE = 0.4  # overlap from which two squares are one face


@dataclass(frozen=True)
class Found:
    """A face's frame, and the detector's score; None if the whole image was taken as a face without a search."""

    frame: Frame
    score: float | None


class Detector(Protocol):
    """Finds the faces in photos; several threads may use it at once."""

    def find(self, photo: NDArray[np.uint8]) -> list[Found]:
        """Return the faces of a grey photo (height, width), each once, from left to right."""


class WholeImage:
    """Takes every image as one face: for folders of crops."""

    def find(self, photo: NDArray[np.uint8]) -> list[Found]:
        """Return the smallest square around the image."""
        return [Found(square_around(photo), None)]


def _auto() -> Detector:
    from fercli.photos.faces.auto import Auto

    return Auto()


def _haar() -> Detector:
    from fercli.photos.faces.haar import Haar

    return Haar()


def _mtcnn() -> Detector:
    from fercli.photos.faces.mtcnn import Mtcnn

    return Mtcnn()


DETECTORS: dict[str, Callable[[], Detector]] = {"auto": _auto, "haar": _haar, "mtcnn": _mtcnn, "none": WholeImage}


def detector(name: str) -> Detector:
    """Return a new detector by its name in `DETECTORS`; UsageError for any other name."""
    if name not in DETECTORS:
        raise UsageError(f"There is no detector {name!r}; choose one of {', '.join(DETECTORS)}.{nearest(name, DETECTORS)}")
    return DETECTORS[name]()


def is_flat(photo: NDArray[np.uint8]) -> bool:
    """Tell whether a grey photo (height, width) shows next to nothing, as a wall or a black frame, and so no face either."""
    parts = shrunk(photo, 8)
    return int(parts.max()) - int(parts.min()) < _FLAT


def distinct(found: Sequence[Found]) -> list[Found]:
    """Return the faces from left to right, each once: of two that overlap, the one with the better score."""
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
