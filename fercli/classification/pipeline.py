"""Pictures to labelled faces, as a stream: order kept, memory bounded, nothing lost."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.classification.job import Options
from fercli.classification.loading import Picture, ahead, pictures
from fercli.classification.records import Face, Outcome
from fercli.classification.stretches import Known, Stretch
from fercli.models.inference import BATCH, Labels
from fercli.photos.faces import Detector, Found, WholeImage
from fercli.photos.geometry import Frame
from fercli.photos.images import Photo, crop

TOGETHER = 16  # pictures searched for faces in one go
IN_FLIGHT = 64  # pictures: what a stop may cost

_Batch = tuple[list[Picture], list[NDArray[np.uint8]]]  # and their faces


def classify(
    sources: Iterable[Path | Stretch],
    labeller: Labels,
    detector: Detector,
    options: Options = Options(),
    *,
    known: Known = lambda _: (),
    batch_size: int = BATCH,
    threads: int | None = None,
) -> Generator[Outcome, None, None]:
    """Yield what is known of each photo, and of each frame of a video that is looked at, in the order of `sources`.

    Pictures are read as by `loading.pictures`, searched `TOGETHER` at a time, and their faces labelled `batch_size` at a time, all
    three side by side; at most three times `TOGETHER` pictures are in memory, and crops of twice `IN_FLIGHT`. One that cannot be
    read becomes an outcome with the reason. What `known` gives for a path is passed on instead of working.
    """
    with closing(pictures(sources, options, known, threads)) as read:
        searched = _searched(read, detector, options, labeller.input_size, batch_size)
        with closing(ahead(lambda batch: list(_labelled(*batch, labeller)), searched, 2, threads=1)) as labelled:
            for outcomes in labelled:
                yield from outcomes


def _searched(
    read: Generator[Picture, None, None], detector: Detector, options: Options, side: int, batch_size: int
) -> Iterator[_Batch]:
    """Yield pictures with their faces cut out: the first at once, then whole batches."""
    pending: list[Picture] = []
    crops: list[NDArray[np.uint8]] = []
    enough = 1
    while together := list(islice(read, TOGETHER)):
        crops += _find_faces(together, detector, options, side)
        pending += together
        if len(crops) >= enough or len(pending) >= IN_FLIGHT:
            yield pending, crops
            pending, crops, enough = [], [], batch_size
    yield pending, crops


def _find_faces(together: Sequence[Picture], detector: Detector, options: Options, side: int) -> list[NDArray[np.uint8]]:
    """Note each picture's faces, in pixels of the picture, drop its pixels, and return the faces cut out."""
    photos = [(picture, picture.photo) for picture in together if picture.photo]
    crops = []
    for (picture, photo), found in zip(photos, detector.find([photo.pixels for _, photo in photos]), strict=True):
        chosen = _chosen(found, photo, options)
        crops += [crop(photo.pixels, face.frame, side) for face in chosen]
        picture.found = [Found(face.frame.scaled(1 / photo.scale), face.score) for face in chosen]
        picture.photo = None
    return crops


def _chosen(found: list[Found], photo: Photo, options: Options) -> list[Found]:
    chosen = [face for face in found if face.frame.side >= options.min_face * photo.scale and _overlaps(face.frame, photo)]
    if options.largest:
        chosen = sorted(chosen, key=lambda face: -face.frame.side)[:1]
    return chosen or (WholeImage().find([photo.pixels])[0] if options.whole else [])


def _overlaps(frame: Frame, photo: Photo) -> bool:
    height, width = map(int, photo.pixels.shape)
    return 0 <= frame.x < width and 0 <= frame.y < height


def _labelled(pending: Sequence[Picture], crops: list[NDArray[np.uint8]], labeller: Labels) -> Iterator[Outcome]:
    probabilities = iter(labeller.label(np.stack(crops)).tolist() if crops else [])
    for picture in pending:
        faces = tuple(Face(found.frame.box, found.score, tuple(next(probabilities))) for found in picture.found)
        yield picture.known or Outcome(picture.path, faces, picture.reject, picture.identity, picture.moment)
