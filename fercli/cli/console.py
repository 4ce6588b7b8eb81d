"""All talk with the user, on standard error: the only module that imports rich."""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from fercli.records import readable

# Names of files may hold `[/red]` or escape bytes: no markup, no emoji codes, no guessing at highlights.
_console = Console(stderr=True, markup=False, highlight=False, emoji=False)

farewell = ""
"""What to say when the user stops the command: how to go on."""


def say_on_stop(text: str) -> None:
    """Set the sentence to print when SIGINT or SIGTERM stops the command."""
    global farewell
    farewell = text


def silence_native_libraries() -> None:
    """Send what C and C++ code writes to file descriptor 2 nowhere, and keep Python's own standard error.

    TensorFlow 2.21 logs through absl before any level can be set, and libtiff and libpng write there, too.
    FERCLI_DEBUG=1 leaves everything visible.
    """
    if os.environ.get("FERCLI_DEBUG"):
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace")
    with open(os.devnull, "wb") as sink:
        os.dup2(sink.fileno(), 2)


def say(text: str = "") -> None:
    """Print a line as it is, control characters made visible."""
    _console.print(safe(text), soft_wrap=True)


def error(text: str) -> None:
    """Print an error."""
    _console.print(Text("error: ", style="bold red") + Text(safe(text)), soft_wrap=True)


def show(table: Table) -> None:
    """Print a table."""
    _console.print(table)


def name(path: Path) -> str:
    """Return a path as it may be shown."""
    return safe(readable(path))


def safe(text: str) -> str:
    """Return the text with control characters, but for line ends, made visible: they could drive the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def table(title: str, columns: Sequence[str], *, caption: str | None = None) -> Table:
    """Return an empty table; the first column is text, the others are numbers."""
    result = Table(title=title, caption=caption, title_justify="left", caption_justify="left", header_style="bold")
    for position, column in enumerate(columns):
        result.add_column(column, justify="left" if position == 0 else "right", no_wrap=position == 0)
    return result


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


@contextlib.contextmanager
def progress(unit: str) -> Iterator[Progress]:
    """Show bars that count `unit`s while the block runs; only on a terminal, and wiped at the end."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        _RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=_console,
        transient=True,
        disable=not _console.is_terminal,
    ) as bars:
        yield bars
