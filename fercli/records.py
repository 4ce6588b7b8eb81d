"""What `classify` finds, as plain records, and the files they are written to."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from fercli.errors import UsageError
from fercli.files import readable
from fercli.labels import LABELS

COLUMNS = (
    "path", "face", "status", "reason", "x", "y", "width", "height", "detection_score", "label", "confidence",
    *LABELS, "model",
)  # fmt: skip


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the upright photo; it may reach beyond the photo's edges."""

    x: int
    y: int
    width: int
    height: int


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


@dataclass(frozen=True)
class Reject:
    """Why a file could not be read: a code from `errors.REJECT_CODES` and a sentence."""

    code: str
    reason: str


@dataclass(frozen=True)
class Outcome:
    """All that is known of one photo: its faces (none if nobody was found), or why it was rejected."""

    path: Path
    faces: tuple[Face, ...] = ()
    reject: Reject | None = None

    @property
    def status(self) -> str:
        """`ok`, `no_face` or `rejected`, as in the results' status column."""
        if self.reject:
            return "rejected"
        return "ok" if self.faces else "no_face"


def rows(outcome: Outcome, model: str) -> Iterator[dict[str, object]]:
    """Yield the outcome's rows: one a face, or one that says why there is none. Keys are `COLUMNS`."""
    common: dict[str, object] = dict.fromkeys(COLUMNS)
    common |= {"path": readable(outcome.path), "status": outcome.status, "model": model}
    if outcome.reject:
        yield common | {"reason": f"{outcome.reject.code}: {outcome.reject.reason}"}
    elif not outcome.faces:
        yield common | {"reason": "no face was found"}
    for number, face in enumerate(outcome.faces, start=1):
        yield common | {
            "face": number,
            "x": face.box.x,
            "y": face.box.y,
            "width": face.box.width,
            "height": face.box.height,
            "detection_score": None if face.detection_score is None else round(face.detection_score, 3),
            "label": face.label,
            "confidence": round(face.confidence, 4),
            **{name: round(value, 4) for name, value in zip(LABELS, face.probabilities, strict=True)},
        }


@dataclass
class CsvWriter:
    """CSV in UTF-8, with a header; text cells that a spreadsheet would run as a formula get a leading apostrophe."""

    handle: BinaryIO
    _started: bool = field(default=False, init=False)

    def write(self, row: dict[str, object]) -> None:
        """Append one row."""
        if not self._started:
            self._write_cells(COLUMNS)
            self._started = True
        self._write_cells([_without_formula(row[column]) for column in COLUMNS])

    def _write_cells(self, cells: Sequence[object]) -> None:
        line = io.StringIO()
        # Only characters of the line end are quoted, and a file's name may hold a carriage return (Python 3.11).
        csv.writer(line, lineterminator="\r\n").writerow(cells)
        self.handle.write(line.getvalue().removesuffix("\r\n").encode() + b"\n")


@dataclass
class JsonLinesWriter:
    """One JSON object a line, text unchanged."""

    handle: BinaryIO

    def write(self, row: dict[str, object]) -> None:
        """Append one row."""
        self.handle.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")


WRITERS: dict[str, type[CsvWriter] | type[JsonLinesWriter]] = {".csv": CsvWriter, ".jsonl": JsonLinesWriter}


def writer_for(output: Path) -> type[CsvWriter] | type[JsonLinesWriter]:
    """Return the writer that the output's suffix asks for, CSV for standard output (`-`); UsageError for another suffix."""
    if str(output) == "-":
        return CsvWriter
    try:
        return WRITERS[output.suffix.lower()]
    except KeyError:
        known = " or ".join(WRITERS)
        raise UsageError(f"{output} has no suffix that fercli can write; end the name in {known}.") from None


def _without_formula(value: object) -> object:
    # https://owasp.org/www-community/attacks/CSV_Injection
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value
