"""What a run of `fercli classify` comes to: counted on the way, printed at the end."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from fercli.classification.counts import UNSURE, Counts
from fercli.classification.records import REMARKS, SMALL_WITHOUT, Outcome
from fercli.cli import console
from fercli.cli.beside import beside
from fercli.labels import LABELS
from fercli.photos.walk import COPIES, Walk

_NAMES_SHOWN = 5  # of files that were skipped; the report has more


@dataclass
class Tally(Counts):
    """What the run has come to so far, and how long it has taken."""

    started: float = field(default_factory=time.monotonic)
    _time: float = 0.0  # of the current video, that has been seen
    _times_before: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        videos = self.videos
        super().add(outcome)
        if outcome.moment:
            self._times_before += self._time if self.videos > videos else 0.0
            self._time = outcome.moment.time

    def text(self) -> str:
        """Return what progress shows beside the count of pictures."""
        video = f", {timedelta(seconds=int(self._times_before + self._time))} of video" if self.videos else ""
        return f"{_number(self.faces, 'face')}, {self.status['rejected']:,} rejected{video}"

    def say_end(self, walk: Walk, output: Path, model: str) -> None:
        """Print what the whole run came to; the last line says how much was done, and how fast."""
        self._show_expressions(model)
        for remark in filter(self.remarks.__getitem__, REMARKS):
            hint = "; if they are crops of faces, label them separately, with --detector none" if remark == SMALL_WITHOUT else ""
            console.say(f"{remark}: {self.remarks[remark]:,}{hint}")
        _say_skipped(walk)
        target = "standard output" if str(output) == "-" else console.name(output)
        faces, seconds = self.faces, time.monotonic() - self.started
        unit = "picture" if self.videos else "photo"
        done = [_number(self.photos, "photo")] if self.photos or not self.videos else []
        done += [f"{_number(self.frames, 'frame')} of {_number(self.videos, 'video')}"] if self.videos else []
        console.say(
            f"{target}: {', '.join(done)}, {_number(faces, 'face')}, {_number(self.status['no_face'], unit)} without a face, "
            f"{_number(self.status['rejected'], 'file')} rejected, in {seconds:.1f} s ({self.pictures / seconds:.1f} {unit}s/s)"
        )

    def _show_expressions(self, model: str) -> None:
        """Show the counts; with shares for photos and for frames apart, which are many of few people."""
        faces, parts = self.faces, {"faces": self.expressions}
        if self.videos and self.photos:
            parts = {"faces in photos": self.in_photos, "in frames of videos": self.in_frames}
        table = console.table(
            f"Expressions of {_number(faces, 'face')}, labelled by {model}",
            ["expression", *(heading for part in parts for heading in (part, "share"))],
        )
        for label in (*LABELS, UNSURE) if self.expressions[UNSURE] else LABELS:
            cells = [
                (f"{part[label]:,}", f"{part[label] / part.total():.1%}" if part else console.NOTHING) for part in parts.values()
            ]
            table.add_row(f"({UNSURE})" if label == UNSURE else label, *(cell for pair in cells for cell in pair))
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
