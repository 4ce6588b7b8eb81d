"""Everything said to the user; with `progress`, the only module that imports rich.

Messages go to standard error. Only the results that `models`, `evaluate` and `summary` are called for go to standard output.
"""

import functools
import logging
import os
import shutil
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from fercli.cli.meter import Meter

from fercli.files import shown_name
from fercli.surroundings import talk

NOTHING = "–"
"""What a table shows where there is no number."""

_ENDLESS = 10_000
_COLOURLESS = ("dumb", "unknown")


@functools.cache
def _console(*, stderr: bool, width: int | None = None) -> "Console":
    from rich.console import Console  # 30 ms that a usage error need not wait for

    # Names of files may hold `[/red]` or escape bytes: no markup, no emoji codes, no guessing at highlights.
    return Console(stderr=stderr, width=width, markup=False, highlight=False, emoji=False)


def _talk() -> "Console":
    return _console(stderr=True)


farewell = ""
"""What to print when the user stops the command: how to go on."""


def say_on_stop(text: str) -> None:
    """Set the sentence to print when SIGINT or SIGTERM stops the command."""
    global farewell
    farewell = text


class _Say(logging.Handler):
    """Says what the library logs, which is how it tells that something will take long."""

    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())


def silence_libraries() -> None:
    """Send what C and C++ code writes to file descriptor 2 nowhere, and keep Python's own standard error.

    TensorFlow 2.21 logs through absl before any level can be set, and libtiff and libpng write there, too. What Pillow logs about
    odd files is dropped as well. FERCLI_DEBUG=1 leaves everything visible.
    """
    if os.environ.get("FERCLI_DEBUG"):
        return
    logging.getLogger().addHandler(logging.NullHandler())  # without any, Python prints warnings
    ours = logging.getLogger("fercli")
    ours.setLevel(logging.INFO)
    ours.addHandler(_Say())
    warnings.simplefilter("ignore")
    sys.stderr.flush()
    sys.stderr = talk(os.dup(2), sys.stderr.encoding)
    with Path(os.devnull).open("wb") as sink:
        os.dup2(sink.fileno(), 2)


_quiet = False


def set_quiet(quiet: bool) -> None:
    """Say whether `say`, `show` and `progress` are to print nothing."""
    global _quiet
    _quiet = quiet


def say(text: str = "") -> None:
    """Print a line, with control characters made visible."""
    if not _quiet:
        warn(text)


def warn(text: str) -> None:
    """Print a line that must not be missed, even when quiet."""
    _talk().print(safe(text), soft_wrap=True)


def error(text: str) -> None:
    """Print an error."""
    prefix = "\x1b[1;31merror:\x1b[0m" if _in_colour() else "error:"
    print(prefix, safe(text), file=sys.stderr)  # noqa: T201 (without rich: see `_console`)


def _in_colour() -> bool:
    """Whether standard error takes colours, as Rich would say."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "").lower() not in _COLOURLESS


def show(table: "Table") -> None:
    """Print a table that sums up what was written elsewhere."""
    if not _quiet:
        _print(table, stderr=True)


def show_result(table: "Table") -> None:
    """Print a table that is what the command was called for."""
    _print(table, stderr=False)


def _print(table: "Table", *, stderr: bool) -> None:
    console = _console(stderr=stderr, width=_ENDLESS)
    title, table.title = table.title, None  # Rich would break it at the table's width
    if title:
        console.print(title, style="italic")
    console.print(table)


def say_result(text: str) -> None:
    """Print a line that belongs to a result."""
    _console(stderr=False).print(safe(text), soft_wrap=True)


def on_terminal() -> bool:
    """Whether results are read on a terminal, rather than kept in a file or handed to another program."""
    return sys.stdout.isatty()


def width() -> int:
    """Return how many characters a line of results may have: the terminal's width, or very many without a terminal."""
    return shutil.get_terminal_size().columns if on_terminal() else _ENDLESS


name = shown_name  # of a path, as it may be shown


def safe(text: str) -> str:
    """Return the text with control characters, but for line ends, made visible: they could drive the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def table(title: str, columns: Sequence[str]) -> "Table":
    """Return an empty table; the first column is text, the others are numbers.

    It is printed as wide as it needs to be: Rich fits a table to the terminal by cutting numbers off, while a line too long for
    the terminal loses nothing.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    result = Table(
        title=safe(title),
        box=SIMPLE_HEAD,
        padding=(0, 0, 0, 1),
        pad_edge=False,
    )
    for position, column in enumerate(columns):
        result.add_column(safe(column), justify="left" if position == 0 else "right", no_wrap=position == 0)
    return result


def percent(share: float | None) -> str:
    """Return a share, 0 to 1, as a number of percent for a table; a dash for None."""
    return NOTHING if share is None else f"{100 * share:.1f}"


def shaded(text: str, share: float) -> "Text":
    """Return a table's cell on a blue ground, the darker the larger `share`, 0 to 1."""
    from rich.text import Text

    blue = round(255 * (1 - share))
    return Text(text, style=f"{'white' if share > 0.5 else 'black'} on rgb({blue},{blue},255)")


def progress(unit: str) -> "AbstractContextManager[Meter]":
    """Return a context that shows how many `unit`s are done: by a bar on a terminal, by a line every half minute elsewhere."""
    from fercli.cli.progress import metered

    return metered(_talk(), unit, say, hidden=_quiet)
