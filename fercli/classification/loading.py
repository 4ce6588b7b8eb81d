"""Files to pictures, photos by several threads and the frames of videos one after another; order kept, memory bounded."""

import ctypes
import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fercli.classification.job import Options
from fercli.classification.records import Outcome, Reject
from fercli.classification.stretches import Known, Stretch
from fercli.errors import ImageRejected
from fercli.files import Identity, identity_of
from fercli.photos.containers import VIDEO_SUFFIXES
from fercli.photos.faces import Found
from fercli.photos.geometry import Moment
from fercli.photos.images import Photo, read_photo, shrunk
from fercli.photos.videos import Video
from fercli.photos.walk import IMAGE_SUFFIXES, is_video
from fercli.remote import RemotePath
from fercli.surroundings import cores

Item = TypeVar("Item")
Result = TypeVar("Result")
WORK_SIDE = 2560  # longer side in pixels that pictures are held at: a face found at 1/4 of it still has the 48 that a network sees
AHEAD = 8  # pictures read, or searched, before they are asked for
_PATIENCE = 0.5  # seconds that threads get to end when a run is stopped
_MMAP_THRESHOLD = -3  # glibc's M_MMAP_THRESHOLD, for mallopt
_REMOTE_READERS = 16  # threads for remote photos, which mostly wait for their servers


@dataclass
class Picture:
    """A photo or a frame of a video on its way: already known, rejected, or read; its pixels are dropped once faces are cut out."""

    path: Path
    moment: Moment | None = None
    known: Outcome | None = None
    identity: Identity | None = None
    photo: Photo | None = None
    reject: Reject | None = None
    small: bool = False
    found: list[Found] = field(default_factory=list)
    crops: list[NDArray[np.uint8]] = field(default_factory=list)


_Video = tuple[Stretch, Iterable[Outcome]]  # a video and what is known about it


def pictures(
    sources: Iterable[Path | Stretch], options: Options, known: Known, threads: int | None = None
) -> Generator[Picture, None, None]:
    """Yield each photo, and the frames of each video to look at, in the order of `sources`.

    Photos are read by `threads` threads or as many as there are cores, but by `_REMOTE_READERS` if the first is remote; videos are
    read by one thread. At most twice `AHEAD` pictures are read before they are taken. A photo that cannot be read is rejected, and
    so is a video, after the last of its frames that can.
    """
    first, remaining = _peeked(sources)
    if isinstance(first, RemotePath):
        threads = _REMOTE_READERS
    opened = ahead(lambda source: _opened(source, options, known), remaining, AHEAD, threads)
    yield from beside(_flat(opened, options), AHEAD)


def expected(source: Path, every: float) -> int:
    """Return how many pictures a file will give, one `every` so many seconds, as far as its name and its container tell."""
    if source.suffix.lower() not in VIDEO_SUFFIXES:
        return 1
    try:
        with Video(source) as video:
            return max(1, round(video.seconds * min(video.rate, 1 / every if every else video.rate)))
    except ImageRejected:
        return 1


def _peeked(sources: Iterable[Item]) -> tuple[Item | None, Iterator[Item]]:
    remaining = iter(sources)
    first = next(remaining, None)
    return first, remaining if first is None else itertools.chain([first], remaining)


def ahead(
    work: Callable[[Item], Result], items: Iterable[Item], limit: int, threads: int | None = None
) -> Generator[Result, None, None]:
    """Yield `work(item)` for each item in order, done by `threads` threads or one a core, at most `limit` items ahead."""
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
    finally:  # also when the consumer stops early; a stop does not wait for a photo that takes long to read
        pool.shutdown(wait=False, cancel_futures=True)
        wait([future for future in waiting if not future.cancelled()], _PATIENCE)


def beside(items: Iterable[Item], limit: int) -> Generator[Item, None, None]:
    """Yield the items, which a thread of their own takes from the iterable, at most `limit` ahead."""
    remaining, end = iter(items), object()
    with closing(ahead(lambda _: next(remaining, end), itertools.count(), limit, threads=1)) as taken:
        for item in taken:
            if item is end:
                return
            yield item  # type: ignore[misc]


def _opened(source: Path | Stretch, options: Options, known: Known) -> Picture | _Video:
    """Return a photo, or a video that is still to be read with what is known about it."""
    if isinstance(source, Stretch):
        return source, ()
    before = iter(known(source))
    if first := next(before, None):
        return (Stretch(source), itertools.chain([first], before)) if first.moment else Picture(source, known=first)
    # By its name first, so that the start of a photo is not read twice, which would cost another request if it is remote.
    if source.suffix.lower() not in IMAGE_SUFFIXES and is_video(source):
        return Stretch(source), ()
    identity = identity_of(source)
    try:
        photo = read_photo(source, options.max_pixels, WORK_SIDE)
    except ImageRejected as error:
        reject = Reject(error.code, error.reason)
        return (Stretch(source), ()) if is_video(source) else Picture(source, identity=identity, reject=reject)
    return Picture(source, identity=identity, photo=photo)


def _flat(opened: Iterable[Picture | _Video], options: Options) -> Iterator[Picture]:
    for source in opened:
        if isinstance(source, Picture):
            yield source
        else:
            yield from _frames(*source, options)


def _frames(stretch: Stretch, known: Iterable[Outcome], options: Options) -> Iterator[Picture]:
    """Yield what is known about the video's frames, then go on after the last of them."""
    path = stretch.path
    identity = identity_of(path)
    for outcome in known:
        yield Picture(path, known=outcome)
        if outcome.moment:
            stretch.start, stretch.after = outcome.moment, True
    try:
        with Video(path, options.max_pixels) as video:
            try:
                for moment in video.moments(options.every, stretch.start, stretch.end):
                    if not (stretch.after and moment == stretch.start):
                        yield Picture(path, moment, identity=identity, photo=_held(video.gray()))
            except ImageRejected as error:
                yield Picture(path, video.last, identity=identity, reject=Reject(error.code, error.reason))
            stretch.following = stretch.start.frame + video.frames
    except ImageRejected as error:
        yield Picture(path, identity=identity, reject=Reject(error.code, error.reason))


def _held(frame: NDArray[np.uint8]) -> Photo:
    small = shrunk(frame, WORK_SIDE)
    return Photo(small, max(small.shape) / max(frame.shape))


def release_blocks(least: int) -> None:
    """Let glibc return blocks of memory of at least so many bytes as they are freed; it would keep up to 32 MB for each thread."""
    with suppress(OSError, TypeError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, least)
