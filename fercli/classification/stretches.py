"""Long videos cut into stretches of time that several workers label, and their results joined as if one had."""

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

SECONDS = 120.0  # of a stretch, or some more, so that each begins at a frame to look at

Known = Callable[[Path], Iterable[Outcome]]  # what is known of a file: nothing, a photo, or a video's first frames


@dataclass
class Stretch:
    """The part of a video from the time of `start` to the time `end`; with `after`, the frame at `start` is known already.

    Frames count from the number of `start`. `following` is the number of the first one beyond, once the stretch has been read.
    """

    path: Path
    start: Moment = START
    end: float = math.inf
    after: bool = False
    following: int = 0

    def text(self) -> str:
        """Return all but the path as JSON text."""
        return json.dumps([self.start.time, self.start.frame, self.end, self.after])

    @classmethod
    def of(cls, path: Path, text: str) -> "Stretch":
        """Return the stretch whose `text` is given."""
        time, frame, end, after = json.loads(text)
        return cls(path, Moment(time, frame), end, after)


@dataclass(frozen=True)
class End:
    """Where the results of a stretch end: `following` as it says."""

    path: Path
    following: int


def cut(paths: Iterable[Path], every: float, known: Known) -> Iterator[Outcome | Path | Stretch]:
    """Yield what is known of each file, then what is left to do: the photo, or a video, a long one as several stretches.

    Only what is named as a video is cut: to look into each file would take too long where they are remote. AVI is not, for it has
    no clock by which to begin in the middle.
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
    """Yield the stretches of a video, of which the first begins where that does."""
    length = every * math.ceil(SECONDS / every) if every else SECONDS
    ends = []
    if not is_avi(first_bytes(path)):
        try:
            with Video(path) as video:
                ends = [length * number for number in range(1, int(video.seconds / length))]
        except ImageRejected:
            pass  # for the worker to say
    start = first
    for end in ends:
        if end > start.start.time + 1:
            yield replace(start, end=end)
            start = Stretch(path, Moment(end, 0))
    yield start


def joined(results: Iterable[Outcome | End]) -> Iterator[Outcome]:
    """Yield the outcomes with frames counted through each video, none after the reject of one that broke off."""
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
