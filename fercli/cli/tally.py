"""What a run of `fercli classify` comes to: counted on the way, printed at the end."""

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
from fercli.cli.beside import beside
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
        """How many photos and frames are done; the reject of a broken video counts as one more."""
        return self.status.total()

    def text(self) -> str:
        """Return what progress shows beside the count of pictures."""
        video = f", {timedelta(seconds=int(self._times_before + self._time))} of video" if self.videos else ""
        return f"{self.expressions.total():,} faces, {self.status['rejected']:,} rejected{video}"

    def say_end(self, walk: Walk, output: Path, model: str) -> None:
        """Print what the whole run came to; the last line says how much was done, and how fast."""
        self._show_expressions(model)
        for remark in filter(self.remarks.__getitem__, REMARKS):
            hint = "; to label them whole: --detector none" if remark == SMALL_WITHOUT else ""
            console.say(f"{remark}: {self.remarks[remark]:,}{hint}")
        _say_skipped(walk)
        target = "standard output" if str(output) == "-" else console.name(output)
        faces, seconds = self.expressions.total(), time.monotonic() - self.started
        photos, unit = self.pictures - self.frames, "pictures" if self.videos else "photos"
        done = [f"{photos:,} photos"] if photos or not self.videos else []
        done += [f"{self.frames:,} frames of {self.videos:,} {'video' if self.videos == 1 else 'videos'}"] if self.videos else []
        console.say(
            f"{target}: {', '.join(done)}, {faces:,} faces, {self.status['no_face']:,} {unit} without a face, "
            f"{self.status['rejected']:,} rejected, in {seconds:.1f} s ({self.pictures / seconds:.1f} {unit}/s)"
        )

    def _show_expressions(self, model: str) -> None:
        faces = self.expressions.total()
        table = console.table(f"Expressions of {faces:,} faces, labelled by {model}", ["expression", "faces", "share"])
        for label in (*LABELS, UNSURE) if self.expressions[UNSURE] else LABELS:
            count = self.expressions[label]
            table.add_row(label, f"{count:,}", f"{count / faces:.1%}" if faces else console.NOTHING)
        console.show(table)


def _say_skipped(walk: Walk) -> None:
    """Print what has no row of its own, and why."""
    for folder, reason in walk.unreadable:
        console.warn(f"reject: {console.name(folder)}: unreadable: {reason}")
    if walk.passed_over:
        console.say(f"skipped, neither photos nor videos: {walk.passed_over:,}")
    if walk.passed_over_raw:
        console.say(f"  of these, raw files of cameras: {walk.passed_over_raw:,}; convert them to JPEG or TIFF first")
    for path in walk.second_names:
        console.say(f"skipped, already labelled under another name: {console.name(path)}")
    for path in walk.copies:
        console.say(f"skipped, annotated copies (the folder holds {COPIES}): {console.name(path)}")


@contextlib.contextmanager
def counted(walk: Walk, every: float, on_total: Callable[[int], None]) -> Iterator[None]:
    """Count the pictures while the block works, for the time left; `on_total` receives how many there are."""
    from fercli.classification.loading import expected  # not in the thread: a stop may break off an import that both are at

    def count(ended: threading.Event) -> None:
        total = 0
        for path in walk:
            total += expected(path, every)
            if ended.is_set():
                return
        on_total(total)

    with beside(count):
        yield
