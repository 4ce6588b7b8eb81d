"""Kill a command at each of its operations on files, and see what is left; run by `tests/test_faults.py` in a process of its own.

    python -m tests.killing 1 prepare in.csv -o out/d.npz --overwrite

The number says whether at each operation, at each second, and so on. Each kill is a real SIGKILL of a forked child, which is
quick, since the command has run in this process before, so that no child imports anything. Afterwards, outputs are the old files
or the new ones, and the same command (`classify` with --resume) ends in the same bytes as if nobody had been killed. Prints the
number of kills.
"""

import os
import signal
import sys
import threading
from pathlib import Path

from fercli.cli import run
from fercli.models import ensembles, inference
from fercli.models.inference import WeightsFile
from tests.fakes import FakeLabeller
from tests.seam import Seam, contents, kills

OUT = Path("out")


def here(arguments: list[str]) -> int:
    """Run a command in this process and return its exit code."""
    sys.argv = ["fercli", *arguments]
    return run()


def child(arguments: list[str], seam: Seam | None = None) -> int:
    """Run a command in a forked child and return how it ended, as `os.waitstatus_to_exitcode` does."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            if seam:
                with seam.in_place():
                    code = here(arguments)
            else:
                code = here(arguments)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main() -> None:
    """Kill at the first operation, at the second, and so on."""
    step, command = int(sys.argv[1]), sys.argv[2:]
    inference.Labeller = FakeLabeller  # type: ignore[assignment, misc]
    ensembles.labeller_for = FakeLabeller  # type: ignore[assignment]
    inference.all_weights = lambda: [WeightsFile("fake", Path("w"), Path("h.csv"))]  # type: ignore[assignment, misc]
    assert here(command) == 0
    for thread in threading.enumerate():  # the one that draws progress may be about to end
        if thread is not threading.current_thread():
            thread.join(10)
    assert threading.active_count() == 1  # a thread would be missing from the children
    whole = contents(OUT)
    again = [*command, "--resume"] if command[0] == "classify" else command
    at, killed = 1, 0
    while True:
        for path in whole:
            (OUT / path).write_bytes(b"old")
        ended = child(command, Seam(at, kills))
        if ended == 0:
            break
        assert ended == -signal.SIGKILL, ended
        for path, data in contents(OUT).items():
            assert data in (b"old", whole.get(path)) or Path(path).name.startswith("."), (at, path)
        assert child(again) == 0, at
        assert contents(OUT) == whole, (at, contents(OUT).keys() ^ whole.keys())
        at += step
        killed += 1
    print(killed)


if __name__ == "__main__":
    main()
