"""Results summed up by group: how many photos and faces, the share of each label, and mean probabilities."""

import math
import os
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from fercli.classification.results import Row, once
from fercli.errors import FercliError, UsageError
from fercli.files import readable
from fercli.labels import LABELS, label_from_name

LEVEL = 0.95  # of the intervals
COUNTS = ("photos", "faces", "no_face", "rejected", "unlabelled", "units")
_FIGURES = ("share", "mean", "low", "high")
_OF_VIDEOS = ("person", "minute")

Key = tuple[str, ...]  # the names of a group or of a unit
Part = Callable[[Row], str | None]  # of a group's or a unit's name, by a row; None if the row has none


@dataclass(frozen=True)
class Mean:
    """A mean over units and its 95 % interval, which is None if it rests on a single unit."""

    value: float
    interval: tuple[float, float] | None


@dataclass
class Group:
    """The figures of one group of rows, in which a unit, such as a photo, is one draw, however many faces it has.

    `photos` counts videos, too; `status` counts photos without a face and rejects, and of videos each frame without a face; `units`
    counts those that have faces. `shares` of labels and `means` of probabilities are the means over units of the means over the
    faces in each, from 0 to 1 in the order of `LABELS`; both are empty without faces.
    """

    names: Key
    photos: int = 0
    faces: int = 0
    units: int = 0
    status: Counter[str] = field(default_factory=Counter)
    unlabelled: int = 0

    def __post_init__(self) -> None:
        self._open: dict[Key, list[float]] = {}  # of each unit not yet closed, the sums of its figures and the number of its faces
        self._sums, self._squares = np.zeros((2, 2 * len(LABELS)))

    def add(self, unit: Key, status: str, label: int | None, probabilities: Sequence[float] | None) -> None:
        """Add one row of the unit; the label is an index of `LABELS`, and probabilities are None for a row without a face."""
        if not probabilities:
            self.status[status] += 1
            return
        self.faces += 1
        self.unlabelled += label is None
        sums = self._open.setdefault(unit, [0.0] * (2 * len(LABELS) + 1))
        for position, value in enumerate(probabilities):
            sums[position] += value
        if label is not None:
            sums[len(LABELS) + label] += 1
        sums[-1] += 1

    def close(self) -> None:
        """Close the open units, whose rows have all been added."""
        for *sums, faces in self._open.values():
            means = np.array(sums) / faces
            self._sums += means
            self._squares += means**2
            self.units += 1
        self._open.clear()

    @property
    def shares(self) -> list[float]:
        """The share of the faces with each label."""
        return [float(total) / self.units for total in self._sums[len(LABELS) :]] if self.units else []

    @property
    def means(self) -> list[Mean]:
        """The mean of each probability.

        The interval is Wilson's, which cannot leave the range from 0 to 1, with the number of draws that would give a share the
        variance found between units, and with Student's t for one degree of freedom less than there are units. (Franco, Little,
        Louis and Slud, Comparative Study of Confidence Intervals for Proportions in Complex Sample Surveys, Journal of Survey
        Statistics and Methodology 7, 2019.)
        """
        if not self.units:
            return []
        values = self._sums[: len(LABELS)] / self.units
        if self.units < 2:
            return [Mean(float(value), None) for value in values]
        from scipy.special import stdtrit

        reach = float(stdtrit(self.units - 1, (1 + LEVEL) / 2)) ** 2 / (self.units - 1)
        variances = self._squares[: len(LABELS)] / self.units - values**2
        return [Mean(*_wilson(float(value), reach * float(variance))) for value, variance in zip(values, variances, strict=True)]


def _wilson(mean: float, spread: float) -> tuple[float, tuple[float, float]]:
    """Return a mean, 0 to 1, and its interval, where `spread` is its variance times the square of Student's t."""
    if not 0 < mean < 1 or spread <= 0:  # all values are the same
        return mean, (mean, mean)
    ratio = spread / (mean * (1 - mean))  # the square of t by the number of draws
    middle, half = (mean + ratio / 2) / (1 + ratio), math.sqrt(spread + ratio**2 / 4) / (1 + ratio)
    return mean, (middle - half, middle + half)


@dataclass
class Summary:
    """Groups by name; `unmatched` counts the photos that are in no group, or not with all of their rows, for want of a name."""

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
            row |= {name: group.status[name] if name in ("no_face", "rejected") else getattr(group, name) for name in COUNTS}
            for label, share, mean in zip(LABELS, group.shares, group.means, strict=False):  # or none
                figures = (share, mean.value, *(mean.interval or (None, None)))
                row |= {f"{figure}_{label}": rounded(value) for figure, value in zip(_FIGURES, figures, strict=True)}
            yield row


def summarise(rows: Iterable[Row], by: Sequence[str] = ("folder",), unit: str | None = None) -> Summary:
    """Return the groups that `by` makes of the rows, in natural order (2 before 10); memory holds them, and 8 bytes a photo.

    Each of `by` is `folder`, `person` or `minute` (of a video), the name of a column, or a regular expression to search for in the
    path. The named groups of an expression become columns; without any, its groups, or else its whole match, become one column.
    `unit`, of the same kind, tells which faces are one draw, such as those of a participant, whose sums memory then holds, too; by
    default, those of a photo or a video are. Photos that have no unit are in no group and do not count in `everything`. Raises
    UsageError if `by` makes no group, and FercliError if the rows are not results, or a photo's rows are not adjacent.
    """
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        raise FercliError("There are no rows to sum up; give the results that fercli classify wrote.")
    parts = _parts_of_all(by, first)
    units = {name: _known(part) for name, part in _parts_of("--unit", unit, first).items()} if unit else {"path": _column("path")}
    summary = Summary(tuple(parts), [], Group(()))
    groups: dict[Key, Group] = {}
    at_hand: dict[Key, Group] = {}  # groups of the current photo's rows, by their names
    seen, path, matched = array("q"), None, True

    def end_photo() -> None:
        summary.unmatched += not matched
        for group in at_hand.values():
            group.photos += 1
            if not unit:
                group.close()

    for number, row in enumerate(once(chain([first], rows)), start=1):
        status, label, probabilities = _read(row, number)
        names, whose = _names(row, number, parts), _names(row, number, units)
        if row["path"] != path:
            end_photo()
            path, at_hand, matched = row["path"], {}, True
            seen.append(hash(path))
        matched = matched and None not in (names, whose)
        if whose is None:
            continue
        at_hand[()] = summary.everything
        summary.everything.add(whose, status, label, probabilities)
        if names is not None:
            at_hand[names] = groups.setdefault(names, Group(names))
            at_hand[names].add(whose, status, label, probabilities)
    end_photo()
    if not groups:
        asked = " ".join([*(f"--by {text}" for text in by), *([f"--unit {unit}"] if unit else [])])
        raise UsageError(f"{asked} makes no group of these photos, such as {readable(first['path'])}; {_choices(first)}")
    photos = np.sort(np.frombuffer(seen, np.int64))
    if (photos[1:] == photos[:-1]).any():
        raise FercliError("The rows of each photo must be adjacent; sort the table by the column path.")
    for group in (*groups.values(), summary.everything):
        group.close()
    summary.groups = sorted(groups.values(), key=lambda group: [_natural(name) for name in group.names])
    return summary


def _read(row: Row, number: int) -> tuple[str, int | None, Sequence[float] | None]:
    """Return the status, the label and the probabilities of a row; the last two are None without a face."""
    try:
        if not row["path"]:
            raise ValueError("it has no path")
        if row["face"] in (None, ""):
            return str(row["status"]), None, None
        probabilities = [float(row[label]) for label in LABELS]
    except KeyError as error:
        raise FercliError(f"Row {number} has no column {error.args[0]}; give what fercli classify wrote.") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise _not_results(number, error) from error
    if not all(0 <= value <= 1 for value in probabilities):
        raise FercliError(f"Row {number} has a probability outside 0 to 1; give what fercli classify wrote.")
    word = str(row.get("label") or "")
    label = label_from_name(word)
    if word and label is None:
        raise FercliError(f"Row {number} has the label {word!r}; write one of {', '.join(LABELS)}, or leave it empty.")
    return str(row.get("status")), label, probabilities


def _names(row: Row, number: int, parts: Mapping[str, Part]) -> Key | None:
    """Return the names that the parts have for a row, None if one of them has none."""
    try:
        names = [part(row) for part in parts.values()]
    except (TypeError, ValueError, OverflowError) as error:
        raise _not_results(number, error) from error
    known = tuple(readable(name) for name in names if name is not None)
    return known if len(known) == len(names) else None


def _not_results(number: int, error: Exception) -> FercliError:
    return FercliError(f"Row {number} is not a row of results ({error}); give what fercli classify wrote.")


def _parts_of_all(by: Sequence[str], row: Row) -> dict[str, Part]:
    parts: dict[str, Part] = {}
    for text in dict.fromkeys(by):
        for name, part in _parts_of("--by", text, row).items():
            if (name in parts and name != "path") or name in COUNTS:
                raise UsageError(f"--by {text} makes a second column {name}; name the group otherwise, as in '(?P<week>[0-9]+)'.")
            parts[name] = part
    return parts


def _parts_of(option: str, text: str, row: Row) -> dict[str, Part]:
    if text in _OF_VIDEOS:
        source = "time" if text == "minute" else text
        if source not in row:
            raise UsageError(f"{option} {text} needs the column {source}, which these results do not have; {_choices(row)}")
        return {"path": _column("path"), text: _of_video(_minute if text == "minute" else _person)}
    if text == "folder":
        return {text: lambda row: os.path.dirname(row["path"]) or "."}  # noqa: PTH120 (pathlib remembers every name)
    if text in row:
        return {text: _column(text)}
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise UsageError(f"{option} {text} is neither a column nor a regular expression ({error}); {_choices(row)}") from error
    if pattern.groupindex:
        return {name: _found(pattern, [name]) for name in pattern.groupindex}
    return {"group": _found(pattern, list(range(1, pattern.groups + 1)) or [0])}


def _column(name: str) -> Part:
    return lambda row: "" if row.get(name) is None else str(row[name])


def _known(part: Part) -> Part:
    """Return the part, with None for a name that is missing, in words of R and pandas, too: such rows are no unit."""
    return lambda row: None if (name := part(row)) in {"", "NA", "nan"} else name


def _of_video(part: Part) -> Part:
    return lambda row: None if row.get("time") in {None, ""} else part(row)


def _person(row: Row) -> str | None:
    return None if row["person"] in {None, ""} else str(row["person"])  # of a frame without a face


def _minute(row: Row) -> str:
    return str(int(float(row["time"]) // 60))


def _found(pattern: re.Pattern[str], groups: Sequence[str | int]) -> Part:
    def part(row: Row) -> str | None:
        found = pattern.search(row["path"])
        return " ".join(found[group] or "" for group in groups) if found else None

    return part


def _choices(row: Row) -> str:
    return f"give folder, person or minute (of videos), a regular expression for the path, or a column: {', '.join(row)}."


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Return a key by which numbers in names count as numbers, of any length."""
    parts = [(part.isdecimal(), part) for part in re.split(r"(\d+)", name) if part]
    return [(0, len(text.lstrip("0")), text.lstrip("0")) if number else (1, 0, text) for number, text in parts]


def rounded(value: float | None) -> float | None:
    """Return a share as files show it; None for None."""
    return None if value is None else round(value, 4)
