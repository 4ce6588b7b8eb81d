"""The history of a training run: a line an epoch."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from fercli.errors import IntegrityError
from fercli.files import write_atomically


@dataclass(frozen=True)
class Epoch:
    """One line: losses with L2, accuracies from 0 to 1, the learning rate at the epoch's end, the duration in seconds."""

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    seconds: float


def write_history(history: Sequence[Epoch], path: Path) -> None:
    """Write the history as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Epoch)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(epoch) for epoch in history)
    write_atomically(path, text.getvalue().encode())


def read_history(path: Path) -> list[Epoch]:
    """Read what `write_history` wrote: an empty list if there is no such file, IntegrityError if it is something else."""
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            return [
                Epoch(int(line.pop("epoch")), **{name: float(value) for name, value in line.items()})
                for line in csv.DictReader(handle)
            ]
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityError(f"{path} is not a history that fercli wrote ({error!r}); move it away.") from error
