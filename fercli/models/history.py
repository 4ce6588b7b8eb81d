"""What is kept of training as CSV, a line each: the epochs of a run, and the runs beside it that the cards quote."""

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TypeVar

from fercli.errors import IntegrityError
from fercli.files import write_atomically


@dataclass(frozen=True)
class Epoch:
    """One epoch: losses, that of training with L2; accuracies from 0 to 1; the learning rate at its end; the seconds it took."""

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class Choice:
    """A run that tried a setting of a registry entry: shares right after its last epoch, 0 to 1.

    `accuracy` is of the training images, with dropout. `setting` is as `tests/bench/choices.py` takes it; or else as an option of
    `fercli train` has it, `start=compact-1` of a run that began with the weights of another, which the card numbers so.
    """

    model: str
    setting: str
    epochs: int
    accuracy: float
    val_accuracy: float


@dataclass(frozen=True)
class Repetition:
    """A registry entry trained with some seed for so many epochs: shares right of the weights kept, 0 to 1."""

    model: str
    seed: int
    epochs: int
    val_accuracy: float
    test_accuracy: float


@dataclass(frozen=True)
class Portraits:
    """What a model said of the portraits of one label in a group of people: how many faces there are, and how many it has right.

    `source` is whose portraits these are. `area` is that under the curve, 0 to 1: how often a face of this label looks more like
    it, against neutral, than a neutral one of the group does; 0.5 is chance, and NaN where there are none to compare.
    """

    model: str
    source: str
    group: str
    label: str
    faces: int
    right: int
    area: float


Line = TypeVar("Line", Epoch, Choice, Repetition, Portraits)


def write_lines(kind: type[Line], lines: Sequence[Line], path: Path) -> None:
    """Write all lines, each a `kind`, in place of what the file held."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(kind))
    writer.writerows(astuple(line) for line in lines)
    write_atomically(path, text.getvalue().encode())


def read_lines(kind: type[Line], path: Path) -> list[Line]:
    """Read what `write_lines` wrote: an empty list if there is no such file, IntegrityError if it holds something else."""
    if not path.is_file():
        return []
    types = {field.name: field.type for field in fields(kind)}
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            return [kind(**{name: types[name](value) for name, value in line.items()}) for line in csv.DictReader(handle)]  # type: ignore[operator]
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise IntegrityError(f"{path} does not hold what fercli wrote ({error!r}); move it away.") from error
