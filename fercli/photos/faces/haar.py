"""OpenCV's Haar cascades; this module and `videos` alone import cv2."""

import threading
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fercli.errors import FercliError
from fercli.photos.faces import Found, distinct
from fercli.photos.geometry import Box, Frame
from fercli.photos.images import shrunk

SEARCH_SIDE = 1280  # pixels of the longer side at which photos are searched, at most; a face of 24 pixels there is 1/53 of it
_SMALLEST_FACE = 24
# On scikit-image's 26 sample images and two portraits at 12 sizes and brightnesses: all 24 portraits found; beside coins, which
# do show heads, 1 false face (5 neighbours: 1, and 4 instead of 2 beside the portraits). Equalising the histogram first gave 3.
_NEIGHBOURS = 6
_MARGIN = 0.3  # of the shorter side


class Haar:
    """The frontal cascade and, where that finds nobody, both profiles. The box it finds is framed as FER2013's faces are."""

    def __init__(self) -> None:
        self._frontal, self._profile = (_cascade(name) for name in ("frontalface_default", "profileface"))
        self._one_at_a_time = threading.Lock()  # a cascade keeps state while it searches

    def find(self, photo: NDArray[np.uint8]) -> list[Found]:
        """Return every face of at least `_SMALLEST_FACE` pixels at the size of the search."""
        with self._one_at_a_time:
            return self._find(photo)

    def _find(self, photo: NDArray[np.uint8]) -> list[Found]:
        small = shrunk(photo, SEARCH_SIDE)
        scale = max(small.shape) / max(photo.shape)
        found = _search(self._frontal, small)
        if not found:
            # A crop as tight as FER2013's leaves a cascade no room: of 150 such crops it finds 51 % as they are, 74 % this way.
            margin = round(_MARGIN * min(small.shape))
            wide = np.pad(small, margin, mode="edge")
            found = _search(self._frontal, wide) or _search(self._profile, wide) or _mirrored(self._profile, wide)
            found = [_moved(face, -margin) for face in found]
        return distinct([Found(face.frame.scaled(1 / scale), face.score) for face in found])


def _cascade(name: str) -> "cv2.CascadeClassifier":
    if not hasattr(cv2, "CascadeClassifier"):
        raise FercliError(
            f"OpenCV {cv2.__version__} has no cascades; uninstall opencv-python and the like, and install opencv-python-headless 4 "
            "again, or choose another --detector."
        )
    return cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / f"haarcascade_{name}.xml"))


def _search(cascade: "cv2.CascadeClassifier", pixels: NDArray[np.uint8]) -> list[Found]:
    boxes, _, scores = cascade.detectMultiScale3(
        pixels, scaleFactor=1.1, minNeighbors=_NEIGHBOURS, minSize=(_SMALLEST_FACE, _SMALLEST_FACE), outputRejectLevels=True
    )
    return [
        Found(Frame.of(Box(int(left), int(top), int(side), int(side))), float(score))
        for (left, top, side, _), score in zip(boxes, scores, strict=True)
    ]


def _mirrored(cascade: "cv2.CascadeClassifier", pixels: NDArray[np.uint8]) -> list[Found]:
    """Search for the mirror image of what the cascade knows."""
    found = _search(cascade, np.ascontiguousarray(pixels[:, ::-1]))
    return [Found(replace(face.frame, x=pixels.shape[1] - face.frame.x), face.score) for face in found]


def _moved(face: Found, by: int) -> Found:
    return Found(replace(face.frame, x=face.frame.x + by, y=face.frame.y + by), face.score)
