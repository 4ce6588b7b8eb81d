"""Pictures to labelled faces, as a stream: order kept, memory bounded, nothing lost."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from fercli.classification.job import Options
from fercli.classification.loading import AHEAD, Picture, ahead, pictures
from fercli.classification.records import Face, Outcome
from fercli.classification.stretches import Known, Stretch
from fercli.models.inference import BATCH, Labels
from fercli.photos.faces import LARGE_CROP_SIDE, Detector, Found, WholeImage, is_flat
from fercli.photos.geometry import Frame
from fercli.photos.images import Photo, crop

IN_FLIGHT = 64  # pictures waiting for their labels at most: what a stop may cost


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
    """Yield an outcome for each photo, and for each frame of a video that is looked at, in the order of `sources`.

    Pictures are read by `loading.pictures`, searched by `threads` threads or as many as there are cores, and their faces labelled
    `batch_size` at a time, all three side by side. Memory holds at most three times `AHEAD` pictures, and the crops of `IN_FLIGHT`.
    A picture that cannot be read becomes an outcome with the reason. What `known` gives for a path is passed on, and that work is
    not done again.
    """
    pending: list[Picture] = []
    faces, enough = 0, 1  # the first results at once, then whole batches
    side = labeller.input_size
    with (
        closing(pictures(sources, options, known, threads)) as read,
        closing(ahead(lambda picture: _find_faces(picture, detector, options, side), read, AHEAD, threads)) as searched,
    ):
        for picture in searched:
            pending.append(picture)
            faces += len(picture.crops)
            if faces >= enough or len(pending) >= IN_FLIGHT:
                yield from _labelled(pending, labeller)
                pending, faces, enough = [], 0, batch_size
        yield from _labelled(pending, labeller)


def _find_faces(picture: Picture, detector: Detector, options: Options, side: int) -> Picture:
    """Record a picture's faces, in its own pixels, cut them out, and drop the pixels."""
    if photo := picture.photo:
        chosen = _chosen(detector.find(photo.pixels), photo, options)
        picture.crops = [crop(photo.pixels, face.frame, side) for face in chosen]
        picture.found = [Found(face.frame.scaled(1 / photo.scale), face.score) for face in chosen]
        picture.small = max(photo.pixels.shape) <= LARGE_CROP_SIDE * photo.scale and bool(chosen or not is_flat(photo.pixels))
        picture.photo = None
    return picture


def _chosen(found: list[Found], photo: Photo, options: Options) -> list[Found]:
    chosen = [face for face in found if face.frame.side >= options.min_face * photo.scale and _is_inside(face.frame, photo)]
    if options.largest:
        chosen = sorted(chosen, key=lambda face: -face.frame.side)[:1]
    # A label of a wall would be an invention, whatever the option.
    return chosen or (WholeImage().find(photo.pixels) if options.whole and not is_flat(photo.pixels) else [])


def _is_inside(frame: Frame, photo: Photo) -> bool:
    """Tell whether a frame's centre lies within the photo, so that there is something to cut out."""
    height, width = map(int, photo.pixels.shape)
    return 0 <= frame.x < width and 0 <= frame.y < height


def _labelled(pending: Sequence[Picture], labeller: Labels) -> Iterator[Outcome]:
    crops = [face for picture in pending for face in picture.crops]
    probabilities = iter(labeller.label(np.stack(crops)).tolist() if crops else [])
    for picture in pending:
        picture.crops = []
        faces = tuple(Face(found.frame.box, found.score, tuple(next(probabilities))) for found in picture.found)
        outcome = Outcome(picture.path, faces, picture.reject, picture.identity, picture.small, picture.moment)
        yield picture.known or outcome
