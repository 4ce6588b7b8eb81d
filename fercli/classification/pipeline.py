"""Photos to labelled faces, as a stream: order kept, memory bounded, no photo lost."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fercli.classification.job import Options
from fercli.classification.records import Face, Outcome, Reject
from fercli.errors import ImageRejected
from fercli.files import Identity, identity_of
from fercli.models.inference import BATCH, Labels
from fercli.models.sessions import cores
from fercli.photos.faces import LARGE_CROP_SIDE, Detector, Found, WholeImage
from fercli.photos.geometry import Frame
from fercli.photos.images import Photo, crop, read_photo
from fercli.remote import RemotePath

Item = TypeVar("Item")
Result = TypeVar("Result")

WORK_SIDE = 2560  # photos are held at most this large: a face found at 1/4 of it still has the 48 pixels that a network sees
PHOTOS_AHEAD = 16  # read, and as many searched, before they are wanted
PHOTOS_IN_FLIGHT = 64  # what a stop may cost
_PATIENCE = 0.5  # seconds for threads to end when a run is stopped
READERS = 16  # threads for remote photos, which wait for their servers most of the time


@dataclass
class _Work:
    """A photo on its way: known already, or read and to be searched; its pixels go as soon as its faces are cut out."""

    path: Path
    known: Outcome | None = None
    identity: Identity | None = None
    photo: Photo | None = None
    reject: Reject | None = None
    small: bool = False
    found: list[Found] = field(default_factory=list)
    crops: list[NDArray[np.uint8]] = field(default_factory=list)


def classify(
    paths: Iterable[Path],
    labeller: Labels,
    detector: Detector,
    options: Options = Options(),
    *,
    known: Callable[[Path], Outcome | None] = lambda _: None,
    batch_size: int = BATCH,
    threads: int | None = None,
) -> Generator[Outcome, None, None]:
    """Yield what is known of each photo, in the order of `paths`.

    Photos are read by `threads` threads, or as many as there are cores (`READERS` if the first is remote), and searched by as many;
    their faces are labelled `batch_size` at a time. At most twice `PHOTOS_AHEAD` photos are in memory, and crops of
    `PHOTOS_IN_FLIGHT`. A photo that cannot be read becomes an outcome with the reason. What `known` returns for a path is passed on
    instead of working.
    """
    first, paths = _peeked(paths)
    readers = READERS if isinstance(first, RemotePath) else threads
    pending: list[_Work] = []
    faces, enough = 0, 1  # the first results at once, then whole batches
    loaded = ahead(lambda path: _load(path, known, options.max_pixels), paths, PHOTOS_AHEAD, readers)
    for work in ahead(lambda work: _find_faces(work, detector, options, labeller.input_size), loaded, PHOTOS_AHEAD, threads):
        pending.append(work)
        faces += len(work.crops)
        if faces >= enough or len(pending) >= PHOTOS_IN_FLIGHT:
            yield from _labelled(pending, labeller)
            pending, faces, enough = [], 0, batch_size
    yield from _labelled(pending, labeller)


def _peeked(paths: Iterable[Path]) -> tuple[Path | None, Iterator[Path]]:
    remaining = iter(paths)
    first = next(remaining, None)
    return first, remaining if first is None else chain([first], remaining)


def ahead(
    work: Callable[[Item], Result], items: Iterable[Item], limit: int, threads: int | None = None
) -> Generator[Result, None, None]:
    """Yield `work` of each item in order, done by `threads` or as many threads as there are cores, at most `limit` items ahead."""
    pool = ThreadPoolExecutor(threads or cores(), thread_name_prefix="fercli")
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= limit:
                yield waiting[0].result()
                waiting.popleft()
        while waiting:
            yield waiting[0].result()
            waiting.popleft()
    finally:  # also when the consumer stops early; a stop does not wait for a photo that takes long
        pool.shutdown(wait=False, cancel_futures=True)
        wait([future for future in waiting if not future.cancelled()], _PATIENCE)


def _load(path: Path, known: Callable[[Path], Outcome | None], max_pixels: int) -> _Work:
    outcome = known(path)
    if outcome:
        return _Work(path, known=outcome)
    identity = identity_of(path)
    try:
        return _Work(path, identity=identity, photo=read_photo(path, max_pixels, WORK_SIDE))
    except ImageRejected as error:
        return _Work(path, identity=identity, reject=Reject(error.code, error.reason))


def _find_faces(work: _Work, detector: Detector, options: Options, side: int) -> _Work:
    """Note a photo's faces, in pixels of the photo, cut them out, and drop its pixels."""
    if photo := work.photo:
        chosen = _chosen(detector.find(photo.pixels), photo, options)
        work.crops = [crop(photo.pixels, face.frame, side) for face in chosen]
        work.found = [Found(face.frame.scaled(1 / photo.scale), face.score) for face in chosen]
        work.small = max(photo.pixels.shape) <= LARGE_CROP_SIDE * photo.scale
        work.photo = None
    return work


def _chosen(found: list[Found], photo: Photo, options: Options) -> list[Found]:
    chosen = [face for face in found if face.frame.side >= options.min_face * photo.scale and _overlaps(face.frame, photo)]
    if options.largest:
        chosen = sorted(chosen, key=lambda face: -face.frame.side)[:1]
    return chosen or (WholeImage().find(photo.pixels) if options.whole else [])


def _overlaps(frame: Frame, photo: Photo) -> bool:
    height, width = map(int, photo.pixels.shape)
    return 0 <= frame.x < width and 0 <= frame.y < height


def _labelled(pending: Sequence[_Work], labeller: Labels) -> Iterator[Outcome]:
    crops = [face for work in pending for face in work.crops]
    probabilities = iter(labeller.label(np.stack(crops)).tolist() if crops else [])
    for work in pending:
        work.crops = []
        faces = tuple(Face(found.frame.box, found.score, tuple(next(probabilities))) for found in work.found)
        yield work.known or Outcome(work.path, faces, work.reject, work.identity, work.small)
