"""What a run of `fercli classify` comes to: counted on the way, said at the end."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from fercli.classification.records import REMARKS, SMALL_WITHOUT, Outcome
from fercli.cli import console
from fercli.labels import LABELS
from fercli.photos.walk import COPIES, Walk

UNSURE = "(unsure)"


@dataclass
class Tally:
    """What the run has come to so far; faces below `min_confidence` count as unsure."""

    min_confidence: float = 0.0
    status: Counter[str] = field(default_factory=Counter)
    expressions: Counter[str] = field(default_factory=Counter)
    frames: int = 0
    videos: int = 0
    remarks: Counter[str] = field(default_factory=Counter)
    started: float = field(default_factory=time.monotonic)
    _video: Path | None = None
    _time: float = 0.0
    _times_before: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        self.status[outcome.status] += 1
        self.remarks.update(filter(None, [outcome.remark]))
        if outcome.moment:
            self._add_frame(outcome.path, outcome.moment.time)
            self.frames += not outcome.reject
        self.expressions.update(face.sure_label(self.min_confidence) or UNSURE for face in outcome.faces)

    def _add_frame(self, video: Path, time: float) -> None:
        if video != self._video:
            self.videos += 1
            self._times_before += self._time
        self._video, self._time = video, time

    @property
    def pictures(self) -> int:
        """How many photos and frames are done; a video that breaks off counts as one more."""
        return self.status.total()

    def text(self) -> str:
        """Return what stands beside the count of pictures."""
        video = f", {timedelta(seconds=int(self._times_before + self._time))} of video" if self.videos else ""
        return f"{self.expressions.total():,} faces, {self.status['rejected']:,} rejected{video}"

    def say_end(self, walk: Walk, output: Path, model: str) -> None:
        """Print what the whole run came to."""
        for folder, reason in walk.unreadable:
            console.warn(f"reject: {console.name(folder)}: unreadable: {reason}")
        faces, seconds = self.expressions.total(), time.monotonic() - self.started
        table = console.table(f"Expressions of {faces:,} faces, by {model}", ["expression", "faces", "share"])
        for label in (*LABELS, UNSURE) if self.expressions[UNSURE] else LABELS:
            count = self.expressions[label]
            table.add_row(label, f"{count:,}", f"{count / faces:.1%}" if faces else "–")
        console.show(table)
        for remark in filter(self.remarks.__getitem__, REMARKS):
            hint = "; to label them whole: --detector none" if remark == SMALL_WITHOUT else ""
            console.say(f"{remark}: {self.remarks[remark]:,}{hint}")
        if walk.passed_over:
            console.say(f"passed over, neither photos nor videos: {walk.passed_over:,}")
        if walk.passed_over_raw:
            console.say(
                f"of these cameras' raw files: {walk.passed_over_raw:,}; save them as JPEG or TIFF in the camera maker's program"
            )
        for path in walk.second_names:
            console.say(f"passed over, has its rows under another name: {console.name(path)}")
        for path in walk.copies:
            console.say(f"passed over, annotated copies, for it holds {COPIES}: {console.name(path)}")
        target = "standard output" if str(output) == "-" else console.name(output)
        photos, unit = self.pictures - self.frames, "pictures" if self.videos else "photos"
        done = [f"{photos:,} photos"] if photos or not self.videos else []
        done += [f"{self.frames:,} frames of {self.videos:,} {'video' if self.videos == 1 else 'videos'}"] if self.videos else []
        console.say(
            f"{target}: {', '.join(done)}, {faces:,} faces, {self.status['no_face']:,} {unit} without a face, "
            f"{self.status['rejected']:,} rejected, in {seconds:.1f} s ({self.pictures / seconds:.1f} {unit}/s)"
        )


@contextlib.contextmanager
def counted(walk: Walk, every: float, tell: Callable[[int], None]) -> Iterator[None]:
    """Count the pictures beside the block's work, for the time left, and `tell` how many there are."""
    stopped = threading.Event()

    def count() -> None:
        from fercli.classification.loading import expected

        total = 0
        for path in walk:
            total += expected(path, every)
            if stopped.is_set():
                return
        tell(total)

    thread = threading.Thread(target=count, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
