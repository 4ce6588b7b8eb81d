"""Streams and environment variables, set up for this program, before the first heavy import, whatever others left there."""

import contextlib
import io
import math
import os
import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fercli.errors import FercliError, UsageError

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

BACKENDS = ("tensorflow", "jax", "torch")
_OUTPUT = "standard output"
_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
# Variables that are not heard; nor are any of OpenCV's, which choose decoders and clocks, or abort where a number is none. By an
# odd value of the last three, TensorFlow ends the process without a word, and protobuf and typer fail.
_NOT_HEARD = (
    "MATPLOTLIBRC", "TF_USE_LEGACY_KERAS", "KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH", "KERAS_NNX_ENABLED", "TF_XLA_FLAGS",
    "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "TERMINAL_WIDTH"
)  # fmt: skip


class ReaderGone(Exception):
    """Whoever read standard output, such as `head`, has closed the pipe. No OSError, which rich and typer would act on."""


# Gigabytes of addresses that a command's libraries take, though they fill few of them: to begin with, for the threads of each core,
# and for pyarrow. `models` takes next to nothing.
_NEEDS = {"classify": 1.1, "evaluate": 1.1, "prepare": 0.5, "summary": 0.5, "train": 5.0}
_OF_A_CORE, _OF_ARROW = 0.2, 1.5
# How many threads a command has at once, measured with 1 to 8 cores: to begin with, and for each core.
_THREADS = {"classify": (5, 3), "evaluate": (3, 2), "prepare": (3, 1), "summary": (1, 2), "train": (9, 6)}


class _Output(io.FileIO):
    """Standard output, whose errors can be recognised by their file name."""

    def write(self, data: Any) -> int | None:  # type: ignore[override]
        try:
            return super().write(data)
        except BrokenPipeError:
            raise ReaderGone from None
        except OSError as error:
            error.filename = _OUTPUT
            raise


class _Talk(io.FileIO):
    """Standard error. What it does not take is lost, as on a full disk or after a pipe was closed, and the work goes on."""

    def write(self, data: Any) -> int | None:  # type: ignore[override]
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def talk(descriptor: int, encoding: str) -> io.TextIOWrapper:
    """Return a stream for what is said on standard error, a line at a time; what the encoding cannot hold is escaped."""
    return io.TextIOWrapper(
        io.BufferedWriter(_Talk(descriptor, "w", closefd=False)), encoding, "backslashreplace", line_buffering=True
    )


def complete_streams() -> None:
    """Open the standard streams that are closed, so that no file of ours gets their numbers; writing to such a stream fails.

    What an encoding cannot represent is written as an escape.
    """
    for number, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # takes the lowest number that is free: this one
    encoding = sys.stdout.encoding if sys.stdout else "utf-8"
    output = io.BufferedWriter(_Output(1, "w", closefd=False))
    sys.stdout = io.TextIOWrapper(output, encoding, "backslashreplace", line_buffering=output.isatty())
    sys.stderr = talk(2, sys.stderr.encoding if sys.stderr else "utf-8")


def give_up_output(error: OSError | ReaderGone) -> None:
    """If standard output failed, discard what is left to write, or Python would complain at exit."""
    if isinstance(error, ReaderGone) or error.filename == _OUTPUT:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def set_variables() -> None:
    """Set the variables that libraries read, so that no file or variable meant for other programs changes what this one does.

    KERAS_BACKEND is kept if it is set.
    """
    for name in [name for name in os.environ if name in _NOT_HEARD or name.startswith("OPENCV_")]:
        del os.environ[name]
    os.environ["MPLBACKEND"] = "agg"  # a notebook names one that only it has
    os.environ["PYTHONSAFEPATH"] = "1"  # or processes of ours would import a `types.py` that lies in the current folder
    os.environ["KERAS_HOME"] = os.devnull  # a place where no keras.json is or can be made
    os.environ.setdefault("KERAS_BACKEND", BACKENDS[0])
    os.environ.setdefault(_LEVEL, "3")
    if _addresses() is not None:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # which each take room, and have little to do here


@contextlib.contextmanager
def quiet_import() -> Iterator[None]:
    """Drop what TensorFlow writes to file descriptor 2 while the block imports it: it logs there before any level can be set.

    Nothing is dropped, and later messages are as TensorFlow would have them, if it is imported already, or with FERCLI_DEBUG=1 or
    TF_CPP_MIN_LOG_LEVEL set.
    """
    if "tensorflow" in sys.modules or os.environ.get("FERCLI_DEBUG") or _LEVEL in os.environ:
        yield
        return
    os.environ[_LEVEL] = "3"
    try:
        kept = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    try:
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 2)
        os.close(sink)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def refuse_backend() -> None:
    """Raise UsageError if Keras cannot train with the backend that KERAS_BACKEND names."""
    name = os.environ.get("KERAS_BACKEND", BACKENDS[0])
    if name not in BACKENDS or find_spec(name) is None:
        fault = "is not installed" if name in BACKENDS else f"is not one of {', '.join(BACKENDS)}"
        raise UsageError(f"KERAS_BACKEND names {name!r}, which {fault}; install it, or unset that variable.")


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cores() -> int:
    """Return how many cores to compute on: as many as OMP_NUM_THREADS says or, without that, as this process may use."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdecimal() and int(wanted):
        return int(wanted)
    return usable_cores()


def _addresses() -> int | None:
    """Return how many bytes of addresses this process may use (`ulimit -v`); None if there is no limit."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0] if resource else -1
    return None if limit < 0 or limit == resource.RLIM_INFINITY else limit


def refuse_little_memory(command: str, *, arrow: bool = False) -> None:
    """Raise FercliError if a command, with pyarrow or without, has too little address space: its libraries would crash or hang."""
    limit, need = _addresses(), _NEEDS.get(command, 0.0)
    if limit is None or not need:
        return
    need += usable_cores() * _OF_A_CORE + arrow * _OF_ARROW
    if limit < need * 1e9:
        raise FercliError(
            f"Memory is limited to {limit / 1e6:,.0f} MB here (ulimit -v), and {command} needs {need * 1e3:,.0f} MB, most of them "
            f"address space alone; raise the limit, for example with: ulimit -v {math.ceil(need * 1e6)}"
        )


def refuse_few_threads(command: str) -> None:
    """Raise FercliError if a command has too few threads for its libraries: TensorFlow aborts without, OpenBLAS interrupts.

    What limits them may be `ulimit -u` or a container's own limit, so they are tried.
    """
    begin, each = _THREADS.get(command, (0, 0))
    need, end, started = begin + each * (usable_cores() if command == "train" else cores()), threading.Event(), []
    try:
        while threading.active_count() < need:
            started.append(threading.Thread(target=end.wait, daemon=True))
            started[-1].start()
    except RuntimeError as error:
        raise FercliError(
            f"{command} needs {need} threads here, and the system lets it start {threading.active_count()}; raise the limit "
            f"(ulimit -u, or that of the container), or use one core, with: taskset -c 0 fercli {command} …"
        ) from error
    finally:
        end.set()
        for thread in started:
            if thread.ident:
                thread.join()


def refuse_lost_folder() -> None:
    """Raise FercliError if the current folder is gone, by which libraries would fail one by one."""
    try:
        Path.cwd()
    except OSError as error:
        raise FercliError(
            "The current folder is no longer there; go to another with cd, and run the same command again."
        ) from error
