"""Results summed up by group: how many photos and faces, the share of each label, and mean probabilities."""

import math
import os
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

from fercli.errors import FercliError, UsageError
from fercli.files import readable
from fercli.labels import LABELS

LEVEL = 0.95  # of the intervals
COUNTS = ("photos", "faces", "no_face", "rejected", "unlabelled")
_FIGURES = ("share", "mean", "low", "high")

Row = dict[str, Any]
Part = Callable[[Row], str | None]  # of a group's name, by a row; None if the row has none


@dataclass(frozen=True)
class Mean:
    """A mean over faces and its 95 % interval, which is None if it rests on a single photo or video."""

    value: float
    interval: tuple[float, float] | None


@dataclass
class Group:
    """The figures of one group of rows. A photo or a video is one draw, however many faces it has.

    `photos` counts both. `shares` of labels and `means` of probabilities are over faces, 0 to 1, in the order of `LABELS`.
    """

    names: tuple[str, ...]
    photos: int = 0
    status: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    _with_faces: int = 0
    _faces: int = 0
    _faces_squared: float = 0.0
    _open_faces: int = 0  # of the photo whose rows are being read

    def __post_init__(self) -> None:
        self._sums, self._squares, self._products, self._open = ([0.0] * len(LABELS) for _ in range(4))

    def add(self, status: str, label: str, probabilities: Sequence[float] | None) -> None:
        """Add one row of the current photo; probabilities are None for a row without a face."""
        if not probabilities:
            self.status[status] += 1
            return
        self.labels[label] += 1
        self._open_faces += 1
        for position, value in enumerate(probabilities):
            self._open[position] += value

    def end_photo(self) -> None:
        """Close the current photo, whose rows have all been added."""
        self.photos += 1
        count = self._open_faces
        if not count:
            return
        self._with_faces += 1
        self._faces += count
        self._faces_squared += count * count
        for position, value in enumerate(self._open):
            self._sums[position] += value
            self._squares[position] += value * value
            self._products[position] += value * count
        self._open, self._open_faces = [0.0] * len(LABELS), 0

    @property
    def faces(self) -> int:
        """How many faces there are, with a label or without."""
        return self._faces

    @property
    def shares(self) -> list[float]:
        """The share of the faces with each label; empty without faces."""
        return [self.labels[label] / self.faces for label in LABELS] if self.faces else []

    @property
    def means(self) -> list[Mean]:
        """The mean of each probability over the faces; empty without faces.

        The interval is that of a ratio of sums over photos (Cochran, Sampling Techniques, 3rd ed., 6.4: linearised), with Student's
        t for one degree of freedom less than there are photos: faces in one photo are alike, and count as one draw however many.
        """
        if not self.faces:
            return []
        reach = self._reach()
        means = []
        for total, square, product in zip(self._sums, self._squares, self._products, strict=True):
            mean = total / self.faces
            if reach is None:
                means.append(Mean(mean, None))
                continue
            spread = max(0.0, square - 2 * mean * product + mean * mean * self._faces_squared)
            half = reach * math.sqrt(spread)
            means.append(Mean(mean, (max(0.0, mean - half), min(1.0, mean + half))))
        return means

    def _reach(self) -> float | None:
        """Return the factor from the root of the summed squared residuals to half an interval; None for fewer than two photos."""
        count = self._with_faces
        if count < 2:
            return None
        from scipy.special import stdtrit

        return float(stdtrit(count - 1, (1 + LEVEL) / 2)) * math.sqrt(count / (count - 1)) / self.faces


@dataclass
class Summary:
    """Groups by name; `unmatched` counts the photos whose path does not match the expressions, which are in no group."""

    columns: tuple[str, ...]
    groups: list[Group]
    everything: Group
    unmatched: int = 0

    @property
    def table_columns(self) -> tuple[str, ...]:
        """The columns of `table`: those that name the groups, `COUNTS`, then share, mean and interval of each expression."""
        return (*self.columns, *COUNTS, *(f"{figure}_{label}" for label in LABELS for figure in _FIGURES))

    def table(self) -> Iterator[dict[str, object]]:
        """Yield a row for each group; figures that are not known are None."""
        for group in self.groups:
            row: dict[str, object] = dict.fromkeys(self.table_columns)
            row |= dict(zip(self.columns, group.names, strict=True))
            counts = (group.photos, group.faces, group.status["no_face"], group.status["rejected"], group.labels[""])
            row |= dict(zip(COUNTS, counts, strict=True))
            for label, share, mean in zip(LABELS, group.shares, group.means, strict=False):  # or none
                figures = (share, mean.value, *(mean.interval or (None, None)))
                row |= {f"{figure}_{label}": _rounded(value) for figure, value in zip(_FIGURES, figures, strict=True)}
            yield row


def summarise(rows: Iterable[Row], by: Sequence[str] = ("folder",)) -> Summary:
    """Return the groups that `by` makes of the rows, in natural order (2 before 10); memory holds the groups and 8 bytes a photo.

    Each of `by` is `folder`, `person` or `minute` (of a video), the name of a column, or a regular expression to search for in the
    path. The named groups of an expression become columns; without any, its groups, or else its whole match, become one column.
    Raises UsageError if `by` makes no group, and FercliError if the rows are not results, or a photo's rows are not adjacent.
    """
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        raise FercliError("There are no rows to sum up; give the results that fercli classify wrote.")
    parts = {name: part for text in by for name, part in _parts_of(text, first).items()}
    summary = Summary(tuple(parts), [], Group(()))
    groups: dict[tuple[str, ...], Group] = {}
    at_hand: dict[tuple[str, ...], Group] = {}  # groups of the current photo's rows
    seen, path, matched = array("q"), None, True
    for number, row in enumerate(chain([first], rows), start=1):
        status, label, probabilities = _read(row, number)
        names = _names(row, number, parts.values())
        if row["path"] != path:
            _end_photo(at_hand, summary, matched)
            path, at_hand, matched = row["path"], {}, True
            seen.append(hash(path))
        summary.everything.add(status, label, probabilities)
        if None in names:
            matched = False
            continue
        key = tuple(readable(str(name)) for name in names)
        group = at_hand[key] = groups.setdefault(key, Group(key))
        group.add(status, label, probabilities)
    _end_photo(at_hand, summary, matched)
    if not groups:
        raise UsageError(f"--by {' --by '.join(by)} matches no path, such as {first['path']}; {_choices(first)}")
    photos = np.sort(np.frombuffer(seen, np.int64))
    if (photos[1:] == photos[:-1]).any():
        raise FercliError("The rows of a photo do not stand together; sort them by the column path.")
    summary.groups = sorted(groups.values(), key=lambda group: [_natural(name) for name in group.names])
    return summary


def _end_photo(at_hand: dict[tuple[str, ...], Group], summary: Summary, matched: bool) -> None:
    if at_hand or not matched:
        summary.everything.end_photo()
    summary.unmatched += not matched
    for group in at_hand.values():
        group.end_photo()


def _read(row: Row, number: int) -> tuple[str, str, Sequence[float] | None]:
    try:
        if not row["path"]:
            raise ValueError("it has no path")
        if row["face"] in (None, ""):
            return str(row["status"]), "", None
        probabilities = [float(row[label]) for label in LABELS]
    except (KeyError, TypeError, ValueError) as error:
        raise _not_results(number, error) from error
    if not all(0 <= value <= 1 for value in probabilities):
        raise FercliError(f"Row {number} has a probability outside 0 to 1; give what fercli classify wrote.")
    return str(row.get("status")), str(row.get("label") or ""), probabilities


def _names(row: Row, number: int, parts: Iterable[Part]) -> tuple[str | None, ...]:
    try:
        return tuple(part(row) for part in parts)
    except (TypeError, ValueError, OverflowError) as error:
        raise _not_results(number, error) from error


def _not_results(number: int, error: Exception) -> FercliError:
    return FercliError(f"Row {number} is no row of results ({error}); give what fercli classify wrote.")


def _parts_of(text: str, row: Row) -> dict[str, Part]:
    if text in ("person", "minute"):
        source = "time" if text == "minute" else text
        if source not in row:
            raise UsageError(f"--by {text} needs the column {source}, which these results do not have; {_choices(row)}")
        return {"path": _column("path"), text: _minute if text == "minute" else _column("person")}
    if text == "folder":
        return {text: lambda row: os.path.dirname(row["path"]) or "."}  # noqa: PTH120 (pathlib remembers every name)
    if text in row:
        return {text: _column(text)}
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise UsageError(f"--by {text} is neither a column nor a regular expression ({error}); {_choices(row)}") from error
    if pattern.groupindex:
        return {name: _found(pattern, [name]) for name in pattern.groupindex}
    return {"group": _found(pattern, list(range(1, pattern.groups + 1)) or [0])}


def _column(name: str) -> Part:
    return lambda row: "" if row.get(name) is None else str(row[name])


def _minute(row: Row) -> str:
    return "" if row.get("time") in (None, "") else str(int(float(row["time"]) // 60))


def _found(pattern: re.Pattern[str], groups: Sequence[str | int]) -> Part:
    def part(row: Row) -> str | None:
        found = pattern.search(row["path"])
        return " ".join(found[group] or "" for group in groups) if found else None

    return part


def _choices(row: Row) -> str:
    return f"give folder, person, minute, a regular expression for the path, or a column: {', '.join(row)}."


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Return a key by which numbers in names count as numbers."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
