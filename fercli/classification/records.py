"""What `classify` finds, as plain records, and the rows that they become."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from fercli.files import Identity, readable
from fercli.labels import LABELS
from fercli.photos.geometry import Box

COLUMNS = (
    "path", "face", "status", "reason", "x", "y", "width", "height", "detection_score", "label", "confidence",
    *LABELS, "model",
)  # fmt: skip


SEVERAL = "photos with several faces"
WHOLE = "small images taken whole"
SMALL_WITHOUT = "small images without a face"
REMARKS = (SEVERAL, WHOLE, SMALL_WITHOUT)


@dataclass(frozen=True)
class Face:
    """One labelled face: probabilities from 0 to 1 in the order of `LABELS`, summing to 1.

    `detection_score` is the detector's own and has no fixed scale; it is None when the whole image was taken as the face.
    """

    box: Box
    detection_score: float | None
    probabilities: tuple[float, ...]

    @property
    def label(self) -> str:
        """The most probable expression."""
        return LABELS[self.probabilities.index(max(self.probabilities))]

    @property
    def confidence(self) -> float:
        """The probability of `label`."""
        return max(self.probabilities)

    def sure_label(self, min_confidence: float) -> str | None:
        """Return the label, or None if its probability is below `min_confidence`."""
        return self.label if self.confidence >= min_confidence else None


@dataclass(frozen=True)
class Reject:
    """Why a file could not be read: a code from `errors.REJECT_CODES` and a sentence."""

    code: str
    reason: str


@dataclass(frozen=True)
class Outcome:
    """All that is known of one photo: its faces (none if nobody was found), or why it was rejected.

    `identity` tells the file's content from a later one; None if the file could not even be asked. `small` says whether the photo
    is so small that it may be the crop of a face.
    """

    path: Path
    faces: tuple[Face, ...] = ()
    reject: Reject | None = None
    identity: Identity | None = None
    small: bool = False

    @property
    def status(self) -> str:
        """`ok`, `no_face` or `rejected`, as in the results' status column."""
        if self.reject:
            return "rejected"
        return "ok" if self.faces else "no_face"

    @property
    def remark(self) -> str | None:
        """What else a summary counts of photos like this: one of `REMARKS`, or None."""
        if len(self.faces) > 1:
            return SEVERAL
        if self.small and not self.reject and all(face.detection_score is None for face in self.faces):
            return WHOLE if self.faces else SMALL_WITHOUT
        return None


def encoded(outcome: Outcome) -> str:
    """Return the outcome, all but its path, as JSON text, for a journal or another process."""
    found = asdict(outcome)
    del found["path"]
    return json.dumps(found)


def decoded(path: Path, text: str) -> Outcome:
    """Return the photo's outcome from the text that `encoded` gave; KeyError, TypeError or ValueError for any other."""
    found = json.loads(text)
    return Outcome(
        path,
        tuple(Face(Box(**face["box"]), face["detection_score"], tuple(face["probabilities"])) for face in found["faces"]),
        Reject(**found["reject"]) if found["reject"] else None,
        Identity(**found["identity"]) if found["identity"] else None,
        bool(found["small"]),
    )


def rows(outcome: Outcome, model: str, min_confidence: float = 0.0) -> Iterator[dict[str, object]]:
    """Yield the outcome's rows: one a face, or one that says why there is none. Keys are `COLUMNS`.

    A face whose label has less than `min_confidence` keeps its probabilities, but no label.
    """
    common: dict[str, object] = dict.fromkeys(COLUMNS)
    common |= {"path": readable(outcome.path), "status": outcome.status, "model": model}
    if outcome.reject:
        yield common | {"reason": f"{outcome.reject.code}: {outcome.reject.reason}"}
    elif not outcome.faces:
        yield common | {"reason": "no face was found"}
    for number, face in enumerate(outcome.faces, start=1):
        label = face.sure_label(min_confidence)
        yield common | {
            "face": number,
            "reason": None if label else f"no label: the confidence is below {min_confidence:g}",
            "x": face.box.x,
            "y": face.box.y,
            "width": face.box.width,
            "height": face.box.height,
            "detection_score": None if face.detection_score is None else round(face.detection_score, 3),
            "label": label,
            "confidence": round(face.confidence, 4),
            **{name: round(value, 4) for name, value in zip(LABELS, face.probabilities, strict=True)},
        }
