"""The command line: a client of the library, and nothing else. Heavy packages load only inside a command's work."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from fercli.cli import classify, console, evaluate, models, prepare, summary, train
from fercli.cli.commands import Command, Group, call, examples
from fercli.errors import FercliError, UsageError
from fercli.surroundings import give_up_output
from fercli.version import __version__

app = typer.Typer(
    cls=Group,
    name="fercli",
    help="Train, judge and run convolutional networks for facial expressions.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_COMMANDS: list[tuple[Callable[..., None], Sequence[str]]] = [
    (prepare.prepare, prepare.EXAMPLES),
    (train.train, train.EXAMPLES),
    (evaluate.evaluate, evaluate.EXAMPLES),
    (classify.classify, classify.EXAMPLES),
    (summary.summary, summary.EXAMPLES),
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
    """Raise UsageError for an empty argument, which would stand for the current folder where a script left a variable unset."""
    for position, argument in enumerate(arguments, start=1):
        if not argument or (argument.startswith("--") and argument.endswith("=")):
            raise UsageError(
                f"Argument {position}{f', {argument}' * bool(argument)} is empty; see that the variable it came from is set."
            )


def run() -> int:
    """Run the command line and return its exit code, one of `errors.EXIT_CODES`."""
    try:
        return _run()
    except FercliError as error:
        console.error(str(error))
        return error.exit_code
    except OSError as error:  # such as standard output closed or full
        give_up_output(error)
        where = f"{error.filename} cannot be read or written" if error.filename else "The system refuses what fercli needs"
        console.error(f"{where} ({error.strerror or error}); see that there is room and that you may write there.")
    except MemoryError:
        console.error("The memory is used up; close other programs, or give smaller inputs.")
    except ImportError as error:
        console.error(f"A library cannot be loaded ({error}); install fercli again, or see that there is memory.")
    except Exception as error:
        if os.environ.get("FERCLI_DEBUG"):
            raise
        console.error(f"fercli is at fault, and cannot go on ({type(error).__name__}: {error}); FERCLI_DEBUG=1 shows where.")
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
