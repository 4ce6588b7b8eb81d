"""The command line: a client of the library, and nothing else. Heavy packages load only inside a command's work."""

from typing import Annotated

import typer

from fercli import __version__
from fercli.cli import classify, console, evaluate, models, prepare, train
from fercli.errors import FercliError

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


def run() -> int:
    """Run the command line and return its exit code, one of `errors.EXIT_CODES`."""
    try:
        app()
    except FercliError as error:
        console.error(str(error))
        return error.exit_code
    except OSError as error:  # such as standard output closed or full
        console.error(f"{error.filename or 'standard output'} cannot be read or written ({error.strerror or error}).")
        return 1
    except MemoryError:
        console.error("The memory is used up; close other programs, or give smaller inputs.")
        return 1
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0
