"""What `classify` finds, as plain records, and the rows that they become."""

import json
from collections.abc import Generator, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from fercli.files import Identity, readable
from fercli.labels import LABELS
from fercli.photos.geometry import Box, Moment
from fercli.photos.persons import Persons

COLUMNS = (
    "path", "time", "frame", "face", "person", "status", "reason", "x", "y", "width", "height", "detection_score",
    "label", "confidence", *LABELS, "model",
)  # fmt: skip


@dataclass(frozen=True)
class Face:
    """One labelled face: probabilities from 0 to 1 in the order of `LABELS`, summing to 1.

    `detection_score` is the detector's own and has no fixed scale; it is None when the whole image was taken as the face. `person`
    is the number of whose it is within its video; None in a photo.
    """

    box: Box
    detection_score: float | None
    probabilities: tuple[float, ...]
    person: int | None = None

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
    """All that is known of one picture, a photo or a video's frame: its faces (none if nobody was found), or why it was rejected.

    `moment` is the frame's place in its video; a video that breaks off has a reject with the last that could be read.
    `identity` tells the file's content from a later one; None if the file could not even be asked.
    """

    path: Path
    faces: tuple[Face, ...] = ()
    reject: Reject | None = None
    identity: Identity | None = None
    moment: Moment | None = None

    @property
    def status(self) -> str:
        """`ok`, `no_face` or `rejected`, as in the results' status column."""
        if self.reject:
            return "rejected"
        return "ok" if self.faces else "no_face"


def encoded(outcome: Outcome) -> str:
    """Return the outcome, all but its path, as JSON text, for a journal or another process."""
    found = asdict(outcome)
    del found["path"]
    return json.dumps(found)


def decoded(path: Path, text: str) -> Outcome:
    """Return a picture's outcome from the text that `encoded` gave; KeyError, TypeError or ValueError for any other."""
    found = json.loads(text)
    return Outcome(
        path,
        tuple(
            Face(Box(**face["box"]), face["detection_score"], tuple(face["probabilities"]), face["person"])
            for face in found["faces"]
        ),
        Reject(**found["reject"]) if found["reject"] else None,
        Identity(**found["identity"]) if found["identity"] else None,
        Moment(**found["moment"]) if found["moment"] else None,
    )


def with_persons(outcomes: Iterable[Outcome]) -> Generator[Outcome, None, None]:
    """Yield the outcomes, those of a video's frames one after the other, with the persons whose faces they have."""
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
    """Yield the outcome's rows: one a face, or one that says why there is none. Keys are `COLUMNS`.

    A face whose label has less than `min_confidence` keeps its probabilities, but no label.
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
