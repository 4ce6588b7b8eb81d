"""Records of training as CSV, one a line: the epochs of a run, and the other runs that the cards quote."""

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TypeVar

from fercli.errors import IntegrityError
from fercli.writing import write_atomically


@dataclass(frozen=True)
class Epoch:
    """One epoch: losses (with L2 on the training images), accuracies from 0 to 1, the learning rate at its end, and its seconds."""

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class Choice:
    """A run that tried a setting of a registry entry, and its accuracies after the last epoch, from 0 to 1.

    `accuracy` is on the training images, with dropout. `setting` is written as `tests/bench/choices.py` takes it or else as an
    option of `fercli train`, such as `start=compact-1` for a run that began with the weights of another, numbered as in the card.
    """

    model: str
    setting: str
    epochs: int
    accuracy: float
    val_accuracy: float


@dataclass(frozen=True)
class Repetition:
    """A registry entry trained with some seed for some epochs, and the accuracies of the weights that were kept, from 0 to 1."""

    model: str
    seed: int
    epochs: int
    val_accuracy: float
    test_accuracy: float


@dataclass(frozen=True)
class Portraits:
    """How a model labels the portraits with one true label in a group of people: how many `faces`, and how many of them `right`.

    `source` says whose portraits they are. `area` is the area under the curve, 0 to 1: how often the model ranks a face of this
    label above a neutral one of the same group, by this label against neutral; 0.5 is chance, NaN that there is none to compare.
    """

    model: str
    source: str
    group: str
    label: str
    faces: int
    right: int
    area: float


Line = TypeVar("Line", Epoch, Choice, Repetition, Portraits)


def csv_of(kind: type[Line], lines: Sequence[Line]) -> bytes:
    """Return all lines, each a `kind`, as CSV with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(kind))
    writer.writerows(astuple(line) for line in lines)
    return text.getvalue().encode()


def write_lines(kind: type[Line], lines: Sequence[Line], path: Path) -> None:
    """Write all lines, each a `kind`, in place of what the file held; errors as from `write_atomically`."""
    write_atomically(path, csv_of(kind, lines))


def read_lines(kind: type[Line], path: Path) -> list[Line]:
    """Return the lines that `write_lines` wrote: none if there is no such file; IntegrityError if it holds anything else."""
    if not path.is_file():
        return []
    types = {field.name: field.type for field in fields(kind)}
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            return [kind(**{name: types[name](value) for name, value in line.items()}) for line in csv.DictReader(handle)]  # type: ignore[operator]
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise IntegrityError(f"{path} does not hold what fercli wrote ({error!r}); move it away.") from error
