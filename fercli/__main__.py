"""The entry point, also of `python -m fercli`: signals first, so that not even a stop during the imports leaves a traceback."""

import signal
import sys
from types import FrameType
from typing import NoReturn

from fercli.errors import Interrupted


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.SIG_IGN)  # a second Ctrl-C must not break the tidying up
    raise Interrupted(128 + number)


def main() -> NoReturn:
    """Run the command line and exit with one of `errors.EXIT_CODES`."""
    farewell = "Stopped; nothing was written."
    try:
        for stop in (signal.SIGINT, signal.SIGTERM):
            signal.signal(stop, _interrupt)
        from fercli.cli import console, run

        console.silence_libraries()
        try:
            code = run()
        finally:
            farewell = console.farewell or farewell
    except Interrupted as stopped:
        print(f"error: {farewell}", file=sys.stderr)  # noqa: T201 (rich may not be there yet)
        code = stopped.exit_code
    sys.exit(code)


if __name__ == "__main__":
    main()
