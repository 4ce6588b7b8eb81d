"""Photos to labelled faces, as a stream: order kept, memory bounded, no photo lost."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.errors import ImageRejected
from fercli.faces import Detector
from fercli.files import MAX_PIXELS
from fercli.images import crop, read_gray
from fercli.inference import BATCH, Labeller
from fercli.records import Box, Face, Outcome, Reject

PHOTOS_IN_FLIGHT = 512


@dataclass
class _Pending:
    """A photo whose faces wait for their labels."""

    path: Path
    boxes: list[tuple[Box, float | None]] = field(default_factory=list)
    reject: Reject | None = None


def classify(
    paths: Iterable[Path],
    labeller: Labeller,
    detector: Detector,
    *,
    batch_size: int = BATCH,
    max_pixels: int = MAX_PIXELS,
) -> Iterator[Outcome]:
    """Yield what is known of each photo, in the order of `paths`.

    Faces are labelled `batch_size` at a time, across photos; only crops wait, never photos, and at most `PHOTOS_IN_FLIGHT`
    photos' worth. A photo that cannot be read becomes an outcome with the reason.
    """
    pending: list[_Pending] = []
    crops: list[NDArray[np.uint8]] = []
    for path in paths:
        photo = _Pending(path)
        try:
            pixels = read_gray(path, max_pixels)
            for found in detector.find(pixels):
                photo.boxes.append((found.box, found.score))
                crops.append(crop(pixels, found.box, labeller.model.input_size))
        except ImageRejected as error:
            photo.reject = Reject(error.code, error.reason)
        pending.append(photo)
        if len(crops) >= batch_size or len(pending) >= PHOTOS_IN_FLIGHT:
            yield from _labelled(pending, crops, labeller)
            pending, crops = [], []
    yield from _labelled(pending, crops, labeller)


def _labelled(pending: list[_Pending], crops: list[NDArray[np.uint8]], labeller: Labeller) -> Iterator[Outcome]:
    probabilities = iter(labeller.label(np.stack(crops)).tolist() if crops else [])
    for photo in pending:
        faces = tuple(Face(box, score, tuple(next(probabilities))) for box, score in photo.boxes)
        yield Outcome(photo.path, faces, photo.reject)
