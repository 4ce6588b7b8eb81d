"""Annotated copies: of photos by several threads, and of videos frame by frame, as their outcomes come."""

import tempfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, suppress
from itertools import chain, groupby
from pathlib import Path

from fercli.classification.job import Options
from fercli.classification.loading import ahead
from fercli.classification.pictures import annotate, marked, refuse_changed, refuse_itself
from fercli.classification.places import Amiss, Places
from fercli.classification.records import Outcome
from fercli.errors import ImageRejected
from fercli.photos.geometry import Moment
from fercli.photos.videos import NewVideo, Video
from fercli.writing import atomic_write

_AHEAD = 8  # photos drawn before they are asked for
_BLOCK = 1 << 20  # bytes


def annotated(
    outcomes: Iterable[Outcome], places: Places, options: Options, min_confidence: float, amiss: Amiss
) -> Generator[Outcome, None, None]:
    """Yield the outcomes, and write copies of photos and videos with their faces marked to their `places`.

    A video's copy is an MP4 of the frames that were looked at, in the same size and played at their own pace. It appears once the
    last frame is drawn. Rejects have no copy; what can no longer be read is told to `amiss`. FercliError if one cannot be written.
    """

    def drawn(item: tuple[Outcome, Path | None]) -> tuple[Outcome, str]:
        outcome, place = item
        if place:
            places.check()
            try:
                annotate(outcome, place, options.max_pixels, min_confidence)
            except ImageRejected as error:
                return outcome, error.reason
        return outcome, ""

    def told(items: Iterable[tuple[Outcome, str]]) -> Iterator[Outcome]:
        for outcome, reason in items:
            if reason:
                amiss(outcome.path, f"has no copy: {reason}")
            yield outcome

    placed = ((outcome, None if outcome.moment or outcome.reject else places.of(outcome.path)) for outcome in outcomes)
    with closing(ahead(drawn, placed, _AHEAD)) as photos_drawn:
        for path, some in groupby(told(photos_drawn), lambda outcome: outcome.path):
            yield from _copied(path, some, places, options, min_confidence, amiss)


def _copied(
    path: Path, outcomes: Iterator[Outcome], places: Places, options: Options, min_confidence: float, amiss: Amiss
) -> Iterator[Outcome]:
    """Write the copy of a video, whose frames are read again; photos are passed on."""
    first = next(outcomes)
    video = _opened(first, options.max_pixels, amiss) if first.moment else None
    if not video:
        yield first
        yield from outcomes
        return
    rate = min(video.rate, 1 / options.every) if options.every else video.rate
    with video, tempfile.TemporaryDirectory(prefix="fercli-") as temporary:
        target, left_out = Path(temporary) / "copy.mp4", 0
        with NewVideo(target, video.width, video.height, rate) as copy:
            for outcome in chain([first], outcomes):
                if outcome.moment and not outcome.reject:
                    left_out += not _add_frame(copy, video, outcome, outcome.moment, min_confidence)
                yield outcome
        if left_out:
            amiss(path, f"has a copy without frames that can no longer be read: {left_out:,}")
        places.check()
        place = places.of(path, video=True)
        refuse_itself(place, path)
        with target.open("rb") as written, atomic_write(place) as handle:
            for block in iter(lambda: written.read(_BLOCK), b""):
                handle.write(block)


def _opened(outcome: Outcome, max_pixels: int, amiss: Amiss) -> Video | None:
    """Return the outcome's video; None if it can no longer be read, which is told to `amiss`."""
    try:
        refuse_changed(outcome.path, outcome.identity)
        return Video(outcome.path, max_pixels)
    except ImageRejected as error:
        amiss(outcome.path, f"has no copy: {error.reason}")
        return None


def _add_frame(copy: NewVideo, video: Video, outcome: Outcome, moment: Moment, min_confidence: float) -> bool:
    """Add the video's frame at a moment, with its faces marked, to the copy; tell whether it could be read again."""
    with suppress(ImageRejected):
        if next(video.moments(start=moment), None) == moment:
            copy.write(marked(video.colour(), outcome, min_confidence))
            return True
    return False
