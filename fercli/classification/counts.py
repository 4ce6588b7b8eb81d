"""What a run of `classify` comes to, in numbers."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fercli.classification.records import Outcome

UNSURE = "unsure"  # what a face below the least confidence is counted as


@dataclass
class Counts:
    """How many outcomes there were of each kind; faces below `min_confidence` count as `UNSURE`.

    `expressions` are those of all faces, `in_frames` of the faces in videos. `frames` are those that could be read,
    `empty_frames` those of them without a face. `first_reject` is the path of the first file that was rejected, with the reason.
    """

    min_confidence: float = 0.0
    status: Counter[str] = field(default_factory=Counter)
    remarks: Counter[str] = field(default_factory=Counter)
    expressions: Counter[str] = field(default_factory=Counter)
    in_frames: Counter[str] = field(default_factory=Counter)
    frames: int = 0
    empty_frames: int = 0
    videos: int = 0
    first_reject: tuple[Path, str] | None = None
    _video: Path | None = None

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        self.status[outcome.status] += 1
        self.remarks.update(filter(None, [outcome.remark]))
        labels = [face.sure_label(self.min_confidence) or UNSURE for face in outcome.faces]
        self.expressions.update(labels)
        if outcome.reject:
            self.first_reject = self.first_reject or (outcome.path, f"{outcome.reject.code}: {outcome.reject.reason}")
        elif outcome.moment:
            self.in_frames.update(labels)
            self.frames += 1
            self.empty_frames += not labels
            self.videos += outcome.path != self._video
            self._video = outcome.path

    @property
    def pictures(self) -> int:
        """How many photos and frames are done; the reject of a broken video counts as one more."""
        return self.status.total()

    @property
    def photos(self) -> int:
        """How many photos could be read."""
        return self.pictures - self.frames - self.status["rejected"]

    @property
    def faces(self) -> int:
        """How many faces were found."""
        return self.expressions.total()

    @property
    def in_photos(self) -> Counter[str]:
        """The expressions of the faces in photos."""
        return self.expressions - self.in_frames
