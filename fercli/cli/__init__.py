"""The command line: a client of the library, and nothing else. Heavy packages load only inside a command's work."""

import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn

import typer

from fercli import __version__
from fercli.cli import classify, console, evaluate, models, prepare, train
from fercli.errors import FercliError, Interrupted

app = typer.Typer(
    name="fercli",
    help="Train, judge and run convolutional networks for facial expressions.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,  # its two options make typer 0.29 load pydantic, which doubles the time of `fercli models`
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (prepare.prepare, train.train, evaluate.evaluate, classify.classify, models.models):
    app.command()(command)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fercli {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    pass


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    raise Interrupted(128 + number)


def main() -> NoReturn:
    """Run the command line and exit with a code of `errors.EXIT_CODES`."""
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    console.silence_native_libraries()
    try:
        app()
    except FercliError as error:
        console.error(str(error))
        sys.exit(error.exit_code)
    except Interrupted as stop:
        console.error("Stopped; nothing half-written was published." if not console.farewell else console.farewell)
        sys.exit(stop.exit_code)
    sys.exit(0)
