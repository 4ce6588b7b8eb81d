"""The entry point, also of `python -m fercli`: signals first, so that not even a stop during imports ends in a traceback."""

import contextlib
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

from fercli.errors import Interrupted, shortage
from fercli.surroundings import complete_streams, set_variables

_STOPS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
_AGAIN = 0.01  # seconds
_GRACE = 1.5  # seconds in which a stop tidies up; then the process ends as it is, which `--resume` can deal with


class _Stop:
    """Handles the first signal to stop; later ones must not interrupt the tidying up."""

    def __init__(self) -> None:
        self.begun: Interrupted | None = None
        self._said = threading.Lock()

    def begin(self, number: int, _frame: FrameType | None) -> None:
        if not self.begun:
            self.begun = Interrupted(128 + number)
            raise self.begun

    def overhear(self, lost: "sys.UnraisableHookArgs") -> None:
        """Repeat, a moment later, a stop that arrived where Python lets no exception out, such as in a destructor."""
        if not isinstance(lost.exc_value, Interrupted):
            sys.__unraisablehook__(lost)
        elif hasattr(signal, "pthread_kill"):  # not on Windows, where `end_in_time` ends it
            self.begun = None
            again = [threading.main_thread().ident, lost.exc_value.exit_code - 128]
            threading.Timer(_AGAIN, signal.pthread_kill, again).start()

    def say_farewell(self) -> None:
        """Print how to go on, once."""
        if self._said.acquire(blocking=False):
            console = sys.modules.get("fercli.cli.console")
            farewell = getattr(console, "farewell", "") or "Stopped; nothing was written."
            with contextlib.suppress(OSError, ValueError):
                print(farewell, file=sys.stderr, flush=True)  # noqa: T201 (rich may not be there yet)

    def end_in_time(self, signals: int) -> None:
        """Wait for a signal, and end the process soon after it, whatever the main thread is doing then.

        Some decoders, computations and file systems block it for minutes, during which Python runs no handler.
        """
        number = os.read(signals, 1)[0]
        while number not in _STOPS:
            number = os.read(signals, 1)[0]
        threading.Event().wait(_GRACE)
        self.say_farewell()
        os._exit(128 + number)


def main() -> NoReturn:
    """Run the command line and exit with one of `errors.EXIT_CODES`."""
    stop = _Stop()
    try:
        complete_streams()  # before anything else is opened
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        sys.unraisablehook = stop.overhear
        threading.Thread(target=stop.end_in_time, args=(reading,), daemon=True).start()
        for number in _STOPS:
            if number is signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN:  # as nohup lets SIGHUP be ignored
                signal.signal(number, stop.begin)
        set_variables()
        from fercli.cli import console, run

        console.silence_libraries()
        code = run(lambda: stop.begun)
    except Interrupted as stopped:
        stop.say_farewell()
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(stopped.exit_code)  # without waiting for threads, which may be decoding for long
    except (OSError, MemoryError, ImportError, RuntimeError) as error:  # before there is anybody to tell it
        if os.environ.get("FERCLI_DEBUG"):
            raise
        refused = f"The system refuses what fercli needs to start ({error}); raise its limits, which ulimit -a shows."
        if isinstance(error, ModuleNotFoundError):
            refused = f"A package that fercli needs is missing ({error}); install fercli again, with pip install."
        print(f"error: {shortage(error) or refused}", file=sys.stderr)  # noqa: T201
        code = 1
    sys.exit(code)


if __name__ == "__main__":
    main()
