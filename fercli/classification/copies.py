"""Annotated copies: of photos by several threads, and of videos frame by frame, as their outcomes come."""

import tempfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, suppress
from itertools import chain, groupby
from pathlib import Path

from fercli.classification.job import Options
from fercli.classification.loading import ahead
from fercli.classification.pictures import annotate, marked, place_of_video, refuse_itself
from fercli.classification.records import Outcome
from fercli.errors import ImageRejected
from fercli.photos.videos import NewVideo, Video
from fercli.writing import atomic_write

_AHEAD = 8  # photos drawn before they are asked for
_BLOCK = 1 << 20  # bytes


def annotated(outcomes: Iterable[Outcome], folder: Path, options: Options, min_confidence: float) -> Generator[Outcome, None, None]:
    """Yield the outcomes, and write copies of photos and videos with their faces marked into `folder`.

    A video's copy is an MP4 of the frames that were looked at, in the same size and played at their own pace. For `a/b.mov` it
    appears as `folder/a/b.mov.mp4` once the last frame is drawn. FercliError if a copy cannot be written.
    """

    def drawn(outcome: Outcome) -> Outcome:
        if not outcome.moment:
            annotate(outcome, folder, options.max_pixels, min_confidence)
        return outcome

    with closing(ahead(drawn, outcomes, _AHEAD)) as photos_drawn:
        for path, some in groupby(photos_drawn, lambda outcome: outcome.path):
            yield from _copied(path, some, folder, options, min_confidence)


def _copied(path: Path, outcomes: Iterator[Outcome], folder: Path, options: Options, min_confidence: float) -> Iterator[Outcome]:
    """Write the copy of a video, whose frames are read again; a frame that can no longer be read is left out."""
    first = next(outcomes)
    video = _opened(first, options.max_pixels)
    if not video:
        yield first
        yield from outcomes
        return
    rate = min(video.rate, 1 / options.every) if options.every else video.rate
    with video, tempfile.TemporaryDirectory(prefix="fercli-") as temporary:
        target = Path(temporary) / "copy.mp4"
        with NewVideo(target, video.width, video.height, rate) as copy:
            for outcome in chain([first], outcomes):
                with suppress(ImageRejected):
                    if outcome.moment and not outcome.reject and next(video.moments(start=outcome.moment), None) == outcome.moment:
                        copy.write(marked(video.colour(), outcome, min_confidence))
                yield outcome
        place = folder / place_of_video(path)
        refuse_itself(place, path)
        with target.open("rb") as written, atomic_write(place) as handle:
            for block in iter(lambda: written.read(_BLOCK), b""):
                handle.write(block)


def _opened(outcome: Outcome, max_pixels: int) -> Video | None:
    """Return the outcome's video; None for a photo, and for a video that can no longer be read."""
    with suppress(ImageRejected):
        if outcome.moment:
            return Video(outcome.path, max_pixels)
    return None
