"""Long videos cut into stretches of time for several workers to label, and their results joined as if one had done it all."""

import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from fercli.classification.records import Outcome
from fercli.errors import ImageRejected
from fercli.photos.containers import VIDEO_SUFFIXES, is_avi
from fercli.photos.geometry import Moment
from fercli.photos.videos import START, Video
from fercli.photos.walk import first_bytes, is_video

SECONDS = 120.0  # in a stretch, or a few more, so that each begins at a frame to look at

Known = Callable[[Path], Iterable[Outcome]]  # what is known about a file: nothing, a photo, or a video's first frames


@dataclass
class Stretch:
    """The part of a video from the time of `start` to `end` in seconds; with `after`, the frame at `start` is known already.

    Frames are numbered from that of `start`. Once the stretch has been read, `following` is the number of the first frame beyond.
    """

    path: Path
    start: Moment = START
    end: float = math.inf
    after: bool = False
    following: int = 0

    def text(self) -> str:
        """Return everything but the path as JSON text."""
        return json.dumps([self.start.time, self.start.frame, self.end, self.after])

    @classmethod
    def of(cls, path: Path, text: str) -> "Stretch":
        """Return the stretch of a path from its `text`."""
        time, frame, end, after = json.loads(text)
        return cls(path, Moment(time, frame), end, after)


@dataclass(frozen=True)
class End:
    """Marks the end of a stretch's results; `following` is the stretch's."""

    path: Path
    following: int


def cut(paths: Iterable[Path], every: float, known: Known) -> Iterator[Outcome | Path | Stretch]:
    """Yield what is known about each file, then what is left to do: a photo, or a video, which is cut if it is long.

    Only files with the suffix of a video are cut, since looking into every file would take too long if they are remote. AVI is not
    cut, since it has no clock by which to begin in the middle.
    """
    for path in paths:
        last: Moment | None = None
        found = False
        for outcome in known(path):
            last, found = outcome.moment, True
            yield outcome
        if last:
            yield from _stretches(path, every, Stretch(path, last, after=True))
        elif not found and path.suffix.lower() in VIDEO_SUFFIXES and is_video(path):
            yield from _stretches(path, every, Stretch(path))
        elif not found:
            yield path


def _stretches(path: Path, every: float, first: Stretch) -> Iterator[Stretch]:
    """Yield the stretches of a video, beginning where `first` does."""
    length = every * math.ceil(SECONDS / every) if every else SECONDS
    ends = []
    if not is_avi(first_bytes(path)):
        try:
            with Video(path) as video:
                ends = [length * number for number in range(1, int(video.seconds / length))]
        except ImageRejected:
            pass  # for the worker to report
    start = first
    for end in ends:
        if end > start.start.time + 1:
            yield replace(start, end=end)
            start = Stretch(path, Moment(end, 0))
    yield start


def joined(results: Iterable[Outcome | End]) -> Iterator[Outcome]:
    """Yield the outcomes with frames numbered through each video; after a video's reject, none of that video."""
    path, before, broken = None, 0, False
    for result in results:
        if result.path != path:
            path, before, broken = result.path, 0, False
        if broken:
            continue
        if isinstance(result, End):
            before += result.following
            continue
        broken = result.reject is not None
        moment = result.moment
        yield replace(result, moment=Moment(moment.time, before + moment.frame)) if moment and before else result
