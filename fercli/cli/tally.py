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
_NAMES_SHOWN = 5  # of files that were skipped; the report has more


@dataclass
class Tally:
    """What the run has come to so far; faces below `min_confidence` count as unsure."""

    min_confidence: float = 0.0
    status: Counter[str] = field(default_factory=Counter)
    expressions: Counter[str] = field(default_factory=Counter)
    in_frames: Counter[str] = field(default_factory=Counter)  # of the expressions, those in videos
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
        labels = [face.sure_label(self.min_confidence) or UNSURE for face in outcome.faces]
        self.expressions.update(labels)
        self.in_frames.update(labels if outcome.moment else ())

    def _add_frame(self, video: Path, time: float) -> None:
        if video != self._video:
            self.videos += 1
            self._times_before += self._time
        self._video, self._time = video, time

    @property
    def pictures(self) -> int:
        """How many photos and frames are done; the reject of a broken video counts as one more."""
        return self.status.total()

    @property
    def _photos(self) -> int:
        """How many photos could be read."""
        return self.pictures - self.frames - self.status["rejected"]

    def text(self) -> str:
        """Return what progress shows beside the count of pictures."""
        video = f", {timedelta(seconds=int(self._times_before + self._time))} of video" if self.videos else ""
        return f"{_number(self.expressions.total(), 'face')}, {self.status['rejected']:,} rejected{video}"

    def say_end(self, walk: Walk, output: Path, model: str) -> None:
        """Print what the whole run came to; the last line says how much was done, and how fast."""
        self._show_expressions(model)
        for remark in filter(self.remarks.__getitem__, REMARKS):
            hint = "; if they are crops of faces, label them separately, with --detector none" if remark == SMALL_WITHOUT else ""
            console.say(f"{remark}: {self.remarks[remark]:,}{hint}")
        _say_skipped(walk)
        target = "standard output" if str(output) == "-" else console.name(output)
        faces, seconds = self.expressions.total(), time.monotonic() - self.started
        unit = "picture" if self.videos else "photo"
        done = [_number(self._photos, "photo")] if self._photos or not self.videos else []
        done += [f"{_number(self.frames, 'frame')} of {_number(self.videos, 'video')}"] if self.videos else []
        console.say(
            f"{target}: {', '.join(done)}, {_number(faces, 'face')}, {_number(self.status['no_face'], unit)} without a face, "
            f"{_number(self.status['rejected'], 'file')} rejected, in {seconds:.1f} s ({self.pictures / seconds:.1f} {unit}s/s)"
        )

    def _show_expressions(self, model: str) -> None:
        """Show the counts; with shares for photos and for frames apart, which are many of few people."""
        faces, parts = self.expressions.total(), {"faces": self.expressions}
        if self.videos and self._photos:
            parts = {"faces in photos": self.expressions - self.in_frames, "in frames of videos": self.in_frames}
        table = console.table(
            f"Expressions of {_number(faces, 'face')}, labelled by {model}",
            ["expression", *(heading for part in parts for heading in (part, "share"))],
        )
        for label in (*LABELS, UNSURE) if self.expressions[UNSURE] else LABELS:
            cells = [
                (f"{part[label]:,}", f"{part[label] / part.total():.1%}" if part else console.NOTHING) for part in parts.values()
            ]
            table.add_row(label, *(cell for pair in cells for cell in pair))
        console.show(table)


def _number(count: int, unit: str) -> str:
    return f"{count:,} {unit}{'s' * (count != 1)}"


def _say_skipped(walk: Walk) -> None:
    """Print what has no row of its own, and why."""
    for folder, reason in walk.unreadable:
        console.warn(f"reject: {console.name(folder)}: unreadable: {reason}")
    if walk.passed_over:
        names = ", ".join(map(console.name, walk.first_passed_over[:_NAMES_SHOWN]))
        more = ", …" if walk.passed_over > _NAMES_SHOWN else ""
        console.say(f"skipped, neither photos nor videos: {walk.passed_over:,} ({names}{more})")
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
