"""Faces on their way into a data set: the good ones of a source, collected one by one, and the rejects."""

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from fercli.models.registry import SIDE
from fercli.preparation.rows import BadRow, parse_pixel_rows, parse_pixels

NO_SPLIT = ""  # of every row, where the source has no splits
_CHUNK_ROWS = 64  # 0.5 MB of text: the vectorised parser stays in the cache


@dataclass(frozen=True)
class RejectedRow:
    """A row or image file that cannot be used: its place, a code and the reason.

    The code is `bad_row` for a row, one of `errors.REJECT_CODES` for an image.
    """

    place: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of an image besides its pixels: its position in the source, from 0, its label, split and, if known, person."""

    number: int
    label: int
    split: str
    person: str = ""


@dataclass
class Faces:
    """The good rows of a source, in its order, and what was rejected or left out.

    `pixels` (N,48,48) uint8, `labels` (N,) uint8, `splits` (N,) names, `rows` (N,) positions among all rows of the source, good or
    bad, `persons` (N,) any text that tells persons apart, or empty, `votes` (N, len(VOTES)) uint8 or None. `names` are the files
    behind all rows, if these are images; `left_out` counts the rows of classes left out, by their texts, `large` the images that
    are larger than crops of faces mostly are.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    splits: NDArray[np.str_]
    rows: NDArray[np.int64]
    persons: NDArray[np.str_]
    rejected: list[RejectedRow] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    large: list[str] = field(default_factory=list)
    votes: NDArray[np.uint8] | None = None

    @property
    def total(self) -> int:
        """How many rows the source has."""
        return len(self.labels) + len(self.rejected) + self.left_out.total()

    def take(self, keep: NDArray[np.bool_]) -> "Faces":
        """Return the faces that the mask `keep` (N,) selects."""
        arrays = {name: getattr(self, name) for name in ("pixels", "labels", "splits", "rows", "persons", "votes")}
        return replace(self, **{name: array[keep] for name, array in arrays.items() if array is not None})


class Collector:
    """Collects rows one by one and parses their pixels in chunks."""

    def __init__(self) -> None:
        self._chunks: list[NDArray[np.uint8]] = []
        self._rows: list[Row] = []
        self._pending: list[tuple[str, Row, str]] = []
        self._rejected: list[tuple[int, RejectedRow]] = []
        self.left_out: Counter[str] = Counter()

    @property
    def rejects(self) -> int:
        """How many rows have been rejected so far."""
        return len(self._rejected)

    def add_row(self, pixels: str, row: Row, place: str) -> None:
        """Add a row with its pixels as text, which is parsed later; if that fails, the row is rejected as the one at `place`."""
        self._pending.append((pixels, row, place))
        if len(self._pending) == _CHUNK_ROWS:
            self._flush()

    def add_image(self, pixels: NDArray[np.uint8], row: Row) -> None:
        """Add a face (48,48)."""
        self._chunks.append(pixels.reshape(1, -1))
        self._rows.append(row)

    def reject(self, number: int, place: str, reason: str, code: str = "bad_row") -> None:
        """Add a row that cannot be used."""
        self._rejected.append((number, RejectedRow(place, code, reason)))

    def faces(self) -> Faces:
        """Return everything that was added."""
        self._flush()
        pixels = np.concatenate(self._chunks) if self._chunks else np.empty((0, SIDE * SIDE), np.uint8)
        return Faces(
            pixels=pixels.reshape(-1, SIDE, SIDE),
            labels=np.array([row.label for row in self._rows], np.uint8),
            splits=np.array([row.split for row in self._rows], "U10"),
            rows=np.array([row.number for row in self._rows], np.int64),
            persons=np.array([row.person for row in self._rows], np.str_),
            rejected=[reject for _, reject in sorted(self._rejected, key=lambda item: item[0])],
            left_out=self.left_out,
        )

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        if not pending:
            return
        parsed = parse_pixel_rows([item[0] for item in pending])
        if parsed is not None:
            self._chunks.append(parsed)
        for text, row, place in pending:
            if parsed is None:
                try:
                    self._chunks.append(parse_pixels(text).reshape(1, -1))
                except BadRow as error:
                    self.reject(row.number, place, str(error))
                    continue
            self._rows.append(row)
