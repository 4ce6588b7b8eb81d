"""What `classify` finds, as plain records, and the rows that they become."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fercli.errors import REJECT_CODES
from fercli.files import Identity, readable
from fercli.labels import LABELS
from fercli.photos.geometry import Box

_MOST = 1.001  # of a probability, as 32-bit numbers round

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
    """Return the photo's outcome from the text that `encoded` gave; ValueError for any other."""
    try:
        found = json.loads(text)
        reject = Reject(**found["reject"]) if found["reject"] is not None else None
        identity = Identity(**found["identity"]) if found["identity"] is not None else None
        outcome = Outcome(path, tuple(map(_face, found["faces"])), reject, identity, found["small"])
        whole = identity is None or all(type(value) is int for value in vars(identity).values())
        known = reject is None or (reject.code in REJECT_CODES and isinstance(reject.reason, str))
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no outcome: {type(error).__name__}") from error
    if not (whole and known and isinstance(outcome.small, bool)):
        raise ValueError("an outcome of other values")
    return outcome


def _face(found: dict[str, Any]) -> Face:
    box, score, probabilities = Box(**found["box"]), found["detection_score"], tuple(found["probabilities"])
    if not all(type(value) is int and abs(value) <= 1 << 31 for value in vars(box).values()):
        raise ValueError("a box of other than whole numbers of pixels")
    if score is not None and not (type(score) in {int, float} and math.isfinite(score)):
        raise ValueError("a score that is no number")
    if len(probabilities) != len(LABELS) or not all(type(value) in {int, float} and 0 <= value <= _MOST for value in probabilities):
        raise ValueError(f"other than {len(LABELS)} probabilities")
    return Face(box, score, probabilities)


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
