"""What `classify` finds, as plain records, and the rows they become."""

import json
import sys
from collections.abc import Generator, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fercli.errors import REJECT_CODES
from fercli.files import Identity, readable
from fercli.labels import LABELS
from fercli.photos.geometry import Box, Moment
from fercli.photos.persons import Persons

_MOST = 1.001  # the highest value of a probability, allowing for rounding in 32 bits

COLUMNS = (
    "path", "time", "frame", "face", "person", "status", "reason", "x", "y", "width", "height", "detection_score",
    "label", "confidence", *LABELS, "model",
)  # fmt: skip


SEVERAL = "photos with several faces"
WHOLE = "small images taken whole"
LARGE_WHOLE = "larger pictures taken whole, whose labels mean something only if each is a crop of a face"
SMALL_WITHOUT = "small images without a face"
REMARKS = (SEVERAL, WHOLE, LARGE_WHOLE, SMALL_WITHOUT)


@dataclass(frozen=True)
class Face:
    """One labelled face: probabilities from 0 to 1 in the order of `LABELS`, summing to 1.

    `box` is in pixels of the upright picture. `detection_score` is the detector's own and has no fixed scale; None if the whole
    image was taken as the face. `person` is the number of the person within the video; None in a photo.
    """

    box: Box
    detection_score: float | None
    probabilities: tuple[float, ...]
    person: int | None = None

    def __repr__(self) -> str:
        names = ("label", "confidence", "box", "detection_score", "person", "probabilities")
        return f"Face({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

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
    """Everything known about one picture, a photo or a video's frame: its faces (none if nobody was found), or why it was rejected.

    `identity` tells the file's content from a later one; None if the file could not be looked at. `small` says whether the picture
    is small enough to be the crop of a face, and shows anything. `moment` is the frame's place in its video, None for a photo; a
    video that breaks off ends in a reject with the moment of the last frame that could be read, None if there is none.
    """

    path: Path
    faces: tuple[Face, ...] = ()
    reject: Reject | None = None
    identity: Identity | None = None
    small: bool = False
    moment: Moment | None = None

    @property
    def status(self) -> str:
        """`ok`, `no_face` or `rejected`, as in the results' status column."""
        if self.reject:
            return "rejected"
        return "ok" if self.faces else "no_face"

    @property
    def remark(self) -> str | None:
        """What a report counts about pictures like this, one of `REMARKS`, or None."""
        if len(self.faces) > 1:
            return None if self.moment else SEVERAL
        if self.faces and self.faces[0].detection_score is None:
            return WHOLE if self.small else LARGE_WHOLE
        if self.small and not (self.reject or self.faces):
            return SMALL_WITHOUT
        return None


def encoded(outcome: Outcome) -> str:
    """Return the outcome without its path as JSON text, for a journal or another process."""
    found = asdict(outcome)
    del found["path"]
    return json.dumps(found)


def decoded(path: Path, text: str) -> Outcome:
    """Return the outcome of a picture from the text that `encoded` gave; ValueError for any other text."""
    try:
        found = json.loads(text)
        reject = Reject(**found["reject"]) if found["reject"] is not None else None
        identity = Identity(**found["identity"]) if found["identity"] is not None else None
        moment = Moment(**found["moment"]) if found["moment"] is not None else None
        outcome = Outcome(path, tuple(map(_face, found["faces"])), reject, identity, found["small"], moment)
        numbers = identity is None or all(type(value) is int for value in vars(identity).values())
        known = reject is None or (reject.code in REJECT_CODES and isinstance(reject.reason, str))
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no outcome: {type(error).__name__}") from error
    if not (numbers and known and isinstance(outcome.small, bool)):
        raise ValueError("an outcome of other values")
    if moment and not (_is_whole(moment.frame) and moment.frame >= 0 and _is_number(moment.time) and moment.time >= 0):
        raise ValueError("a moment that is none")
    return outcome


def _face(found: dict[str, Any]) -> Face:
    box, score, probabilities = Box(**found["box"]), found["detection_score"], tuple(found["probabilities"])
    person = found["person"]
    if not all(map(_is_whole, vars(box).values())) or min(box.width, box.height) < 1:
        raise ValueError("a box of other than whole numbers of pixels")
    if score is not None and not _is_number(score):
        raise ValueError("a score that is not a number")
    if len(probabilities) != len(LABELS) or not all(_is_number(value) and 0 <= value <= _MOST for value in probabilities):
        raise ValueError(f"other than {len(LABELS)} probabilities")
    if person is not None and not (_is_whole(person) and person > 0):
        raise ValueError("a person without a number")
    return Face(box, score, probabilities, person)


def _is_whole(value: object) -> bool:
    """Tell whether this is a whole number of 32 bits, as Parquet's columns take it."""
    return type(value) is int and -(2**31) <= value < 2**31


def _is_number(value: object) -> bool:
    return type(value) in {int, float} and abs(value) <= sys.float_info.max  # type: ignore[arg-type]  # whole numbers may be larger


def with_persons(outcomes: Iterable[Outcome]) -> Generator[Outcome, None, None]:
    """Yield the outcomes with the persons in videos numbered; the frames of a video must come one after another."""
    path, persons = None, Persons()
    for outcome in outcomes:
        if outcome.moment is None or outcome.reject:
            yield outcome
            continue
        if outcome.path != path:
            path, persons = outcome.path, Persons()
        numbers = persons.at(outcome.moment.time, [face.box for face in outcome.faces])
        faces = tuple(replace(face, person=number) for face, number in zip(outcome.faces, numbers, strict=True))
        yield replace(outcome, faces=faces)


def rows(outcome: Outcome, model: str, min_confidence: float = 0.0) -> Iterator[dict[str, object]]:
    """Yield the outcome's rows, with `COLUMNS` as keys: one for each face, or one that says why there is none.

    A face whose label is less probable than `min_confidence` keeps its probabilities, but has no label.
    """
    common: dict[str, object] = dict.fromkeys(COLUMNS)
    common |= {"path": readable(outcome.path), "status": outcome.status, "model": model}
    if outcome.moment:
        common |= {"time": round(outcome.moment.time, 3), "frame": outcome.moment.frame}
    if outcome.reject:
        yield common | {"reason": f"{outcome.reject.code}: {outcome.reject.reason}"}
    elif not outcome.faces:
        yield common | {"reason": "no face was found"}
    for number, face in enumerate(outcome.faces, start=1):
        label = face.sure_label(min_confidence)
        yield common | {
            "face": number,
            "person": face.person,
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
