"""Where results go: one file, a folder of parts, or standard output; files are published only when they are whole."""

import contextlib
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from fercli.classification.results import COMPLETE
from fercli.classification.writers import EXTRAS, WRITERS, Rows, StreamWriter, ended
from fercli.errors import UsageError
from fercli.files import Kind, kind_of, refuse_other_endings
from fercli.remote import place
from fercli.writing import Outputs, atomic_write, remove

PART_ROWS = 50_000  # in a part, or a few more, since the rows of a picture stay together


@dataclass(frozen=True)
class Output:
    """Where results go: a file, a folder of parts (a text that ends in `/`), or standard output (`-`)."""

    path: Path
    parts: bool = False

    @classmethod
    def parse(cls, text: str) -> "Output":
        """Return what a text stands for; errors as from `place`, and UsageError for a folder without a name, such as `./`."""
        output = cls(place(text), parts=text.endswith("/"))
        if output.parts and not output.path.name:
            raise UsageError(f"{text} is a folder without a name of its own; name a new one, such as results/.")
        return output

    @property
    def stream(self) -> bool:
        """Whether rows go to standard output."""
        return str(self.path) == "-" and not self.parts

    @property
    def published(self) -> bool:
        """Whether there are complete results of an earlier run."""
        return not self.stream and kind_of(self.path / COMPLETE if self.parts else self.path) is Kind.FILE


def suffix_of(output: Output) -> str:
    """Return the suffix, one of `WRITERS`, that tells the format; `.csv` for standard output and folders without such a suffix.

    Raises UsageError for a file with any other suffix, and if the extra that writes the format is not installed.
    """
    suffix = output.path.suffix.lower()
    if suffix not in WRITERS:
        if not (output.stream or output.parts):
            refuse_other_endings(output.path, tuple(WRITERS), " (for Excel: .xlsx), or in / for a folder of parts")
        suffix = ".csv"
    refuse_missing_extra(suffix)
    return suffix


def refuse_missing_extra(suffix: str) -> None:
    """Raise UsageError if what writes a format is not installed."""
    if suffix in EXTRAS:
        name, package, extra = EXTRAS[suffix]
        if find_spec(package) is None:
            raise UsageError(f"{name} needs {package}; install it with: pip install 'fercli[{extra}]'")


@contextlib.contextmanager
def publishing(
    output: Output, outputs: Outputs, stream: BinaryIO | None = None, *, overwrite: bool = True, inputs: Iterable[Path] = ()
) -> Iterator[Rows]:
    """Open the output for rows, with `stream` in place of standard output; if the block ends well, `outputs` let them appear.

    In a folder, each part appears as soon as it is full, and only `COMPLETE` with the other `outputs`, after the parts of an
    earlier run are removed; the earlier run's `COMPLETE` is removed just before the first new part appears. Errors as from
    `suffix_of` and `Outputs.claim`.
    """
    suffix = suffix_of(output)
    if output.parts:
        with PartsWriter(output.path, suffix) as parts:
            yield parts
        parts.finish()
        outputs.write(output.path / COMPLETE, b"")
        return
    target: contextlib.AbstractContextManager[BinaryIO] = contextlib.nullcontext(stream or sys.stdout.buffer)
    if not output.stream:
        target = outputs.claim(output.path, overwrite=overwrite, inputs=inputs)()
    with target as handle:
        with ended((StreamWriter if output.stream else WRITERS[suffix])(handle)) as writer:
            yield writer
        handle.flush()


class PartsWriter:
    """Files `part-00000.csv` and so on in one folder, of `PART_ROWS` rows each, published one by one."""

    def __init__(self, folder: Path, suffix: str) -> None:
        self._folder, self._suffix = folder, suffix
        self._part: contextlib.ExitStack | None = None
        self._number = self._rows = 0

    def __enter__(self) -> "PartsWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        part, self._part = self._part, None
        if part:  # published, or thrown away if there was an error
            part.__exit__(kind, error, trace)

    def write(self, row: dict[str, object]) -> None:
        """Append one row; to a new part if this one is full and the row is its picture's first."""
        if self._part and self._rows >= PART_ROWS and row["face"] in {None, 1}:
            self.close()
        if not self._part:
            self._begin()
        self._writer.write(row)
        self._rows += 1

    def close(self) -> None:
        """Publish the part that was begun."""
        self.__exit__(None, None, None)

    def finish(self) -> None:
        """Remove what is left over from an earlier run's parts; without rows there is one empty part."""
        if not self._number:
            self._begin()
            self.close()
        ours = {self._name(number) for number in range(self._number)}
        for path in list(self._folder.iterdir()):
            if re.fullmatch(r"part-\d{5,}", path.stem) and path.suffix in WRITERS and path.name not in ours:
                remove(path)

    def _begin(self) -> None:
        with contextlib.ExitStack() as stack:
            handle = stack.enter_context(atomic_write(self._folder / self._name(self._number)))
            if not self._number:
                stack.push(self._withdraw)
            self._writer = stack.enter_context(ended(WRITERS[self._suffix](handle)))
            self._part = stack.pop_all()
        self._number, self._rows = self._number + 1, 0

    def _withdraw(self, kind: type[BaseException] | None, *_: object) -> None:
        """Unmark the folder as complete, just before the first part is published."""
        if not kind:
            remove(self._folder / COMPLETE)

    def _name(self, number: int) -> str:
        return f"part-{number:05}{self._suffix}"
