"""The command line: a client of the library, and nothing else. Heavy packages load only inside a command's work."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from fercli.cli import classify, console, evaluate, models, prepare, summary, train
from fercli.cli.commands import Command, Group, call, examples
from fercli.errors import FercliError, UsageError, advice, shortage
from fercli.surroundings import ReaderGone, give_up_output
from fercli.version import __version__

app = typer.Typer(
    cls=Group,
    name="fercli",
    help="Train, evaluate and run convolutional networks that recognise facial expressions.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_COMMANDS: list[tuple[Callable[..., None], Sequence[str]]] = [
    (classify.classify, classify.EXAMPLES),
    (summary.summary, summary.EXAMPLES),
    (prepare.prepare, prepare.EXAMPLES),
    (train.train, train.EXAMPLES),
    (evaluate.evaluate, evaluate.EXAMPLES),
    (models.models, models.EXAMPLES),
]
for command, lines in _COMMANDS:
    app.command(cls=Command, epilog=examples(*lines))(command)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fercli {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def refuse_empty(arguments: Sequence[str]) -> None:
    """Raise UsageError for an empty argument: a script that left a variable unset would mean the current folder by it."""
    for position, argument in enumerate(arguments, start=1):
        if not argument or (argument.startswith("--") and argument.endswith("=")):
            raise UsageError(
                f"Argument {position}{f', {argument}' * bool(argument)} is empty; check that the variable it came from is set."
            )


def run(stop: Callable[[], BaseException | None] = lambda: None) -> int:
    """Run the command line and return its exit code, one of `errors.EXIT_CODES`.

    `stop` returns the exception that a signal to stop has raised, if any. It is raised in place of what a library made of it:
    numpy's import turns whatever arrives during it into an ImportError.
    """
    try:
        return _run()
    except Exception as error:
        if stopped := stop():
            raise stopped from error
        return _told(error)


def _told(error: Exception) -> int:
    """Print what failed as a sentence, and return its exit code."""
    if isinstance(error, FercliError):
        console.error(str(error))
        return error.exit_code
    if missing := shortage(error):
        console.error(missing)
        return 1
    match error:
        case ReaderGone():  # has all it wants, as an output that fits into the pipe cannot tell from one that does not
            give_up_output(error)
            return 0
        case OSError():  # such as standard output closed or full
            give_up_output(error)
            where = f"{error.filename} cannot be read or written" if error.filename else "The system refused what fercli needs"
            console.error(f"{where} ({error.strerror or error}). {advice(error)}")
        case ImportError():
            console.error(f"A library cannot be loaded ({error}); install fercli again, or check that there is enough memory.")
        case _:
            if os.environ.get("FERCLI_DEBUG"):
                raise error
            reason = " ".join(f"{type(error).__name__}: {error}".split())  # in one line, also where a library tells much
            console.error(f"This is a bug in fercli ({reason}); FERCLI_DEBUG=1 shows where.")
    return 1


def _run() -> int:
    arguments = sys.argv[1:]
    refuse_empty(arguments)
    try:
        code = call(app, arguments or ["--help"])
    except SystemExit as end:  # as after completion
        code = end.code if isinstance(end.code, int) else 0
    sys.stdout.flush()
    return code if arguments else UsageError.exit_code  # a script that names no command has a mistake in it
