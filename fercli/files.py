"""Atomic writes, and what paths lead to: the only module that renames files.

What changes a file goes through this module's `os`, which the tests replace by one that fails or kills at the Nth call.
"""

import contextlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from fercli.errors import FercliError, UsageError
from fercli.remote import RemotePath

try:
    import fcntl
except ImportError:  # Windows: two runs on one output are not detected there
    fcntl = None  # type: ignore[assignment]

MAX_PIXELS = 100_000_000  # of a photo: the largest cameras on sale; up to 1.2 GB while decoding, with transparency
TEMPORARY_SUFFIX = ".fercli-part"


class Kind(StrEnum):
    """What a path leads to, links followed."""

    FILE = "file"
    FOLDER = "folder"
    OTHER = "other"  # a pipe, a device, a socket
    MISSING = "missing"
    UNREADABLE = "unreadable"  # forbidden, a loop of links, a name too long


def kind_of(path: Path) -> Kind:
    """Tell what `path` leads to; unlike `Path.is_dir` and the like it never raises."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return Kind.MISSING
    except (OSError, ValueError):
        return Kind.UNREADABLE
    if stat.S_ISDIR(mode):
        return Kind.FOLDER
    return Kind.FILE if stat.S_ISREG(mode) else Kind.OTHER


@dataclass(frozen=True)
class Identity:
    """A file's size and time of last change in nanoseconds: another content has, nearly always, another identity."""

    size: int
    changed: int


def identity_of(path: Path) -> Identity | None:
    """Return the file's identity, links followed; None if it cannot be asked."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return Identity(status.st_size, status.st_mtime_ns)


def refuse_existing(path: Path, *, overwrite: bool, inputs: Iterable[Path] = ()) -> None:
    """Raise UsageError if `path` cannot be an output: it exists and `overwrite` is false, is no file, or is one of the inputs."""
    kind = kind_of(path)
    _refuse_missing_bucket(path)
    if kind is Kind.FOLDER:
        raise UsageError(f"{path} is a folder; name a file to write.")
    if kind in {Kind.OTHER, Kind.UNREADABLE}:
        raise UsageError(f"{path} is no file that can be written; name another.")
    if kind is Kind.FILE and not overwrite:
        raise UsageError(f"{path} exists already; add --overwrite to replace it, or name another file.")
    if kind is Kind.FILE and any(kind_of(item) is Kind.FILE and path.samefile(item) for item in inputs):
        raise UsageError(f"{path} is also an input; name another file to write.")


def refuse_filled(folder: Path, *, overwrite: bool) -> None:
    """Raise UsageError if `folder` cannot take outputs: it is no folder, or not empty and `overwrite` is false."""
    kind = kind_of(folder)
    _refuse_missing_bucket(folder)
    if kind not in {Kind.FOLDER, Kind.MISSING}:
        raise UsageError(f"{folder} is no folder; name another.")
    if kind is Kind.FOLDER and not overwrite and any(folder.iterdir()):
        raise UsageError(
            f"{folder} holds files already; add --overwrite to replace those of the same names, or name another folder."
        )


def _refuse_missing_bucket(path: Path) -> None:
    if isinstance(path, RemotePath) and path.bucket and kind_of(path.bucket) is Kind.MISSING:
        raise UsageError(f"{path.bucket} does not exist; make the bucket, or name another.")


def refuse_missing(inputs: Iterable[Path], advice: str) -> None:
    """Raise UsageError, with `advice`, for the first input that does not exist; a link that leads nowhere does."""
    for path in inputs:
        if kind_of(path) is Kind.MISSING and not path.is_symlink():
            raise UsageError(f"{path} does not exist; {advice}.")


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Create `folder` if need be and hold it for this run; FercliError if another run holds it or it cannot be made."""
    try:
        os.makedirs(folder, exist_ok=True)
        if fcntl is None:
            yield
            return
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FercliError(f"{folder} is in use by another run of fercli; wait for it or name another folder.") from None
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path`; publish it under that name when the block ends without an exception.

    At any moment, also after SIGKILL, `path` is the old file or the complete new one. The temporary's name is fixed and
    locked while in use: what a killed run left is taken over by the next, and a second run at the same time is refused.

    A remote file is written on this machine, then sent whole under another name, and renamed. Raises FercliError when the file
    cannot be written or another run is writing it; `path` is then untouched.
    """
    if isinstance(path, RemotePath):
        try:
            with path.published() as handle:
                yield handle
        except OSError as error:
            raise _cannot_write(path, error) from error
        return
    temporary = path.with_name(f".{path.name}{TEMPORARY_SUFFIX}")
    try:
        os.makedirs(path.parent, exist_ok=True)
        handle = _open_locked(temporary, path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        try:
            with handle:
                yield handle
                handle.flush()
                os.fsync(handle.fileno())
                os.replace(temporary, path)  # inside the lock, so that nobody takes the temporary over in between
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error


def write_atomically(path: Path, data: bytes) -> None:
    """Replace the content of `path` by `data`; errors as in `atomic_write`."""
    with atomic_write(path) as handle:
        handle.write(data)


def write_json(path: Path, value: object) -> None:
    """Replace the content of `path` by JSON text for people and programs; errors as in `atomic_write`."""
    write_atomically(path, json.dumps(value, indent=2).encode() + b"\n")


def remove(path: Path) -> None:
    """Remove a file of ours, if it is there."""
    path.unlink(missing_ok=True)


def _open_locked(temporary: Path, path: Path) -> BinaryIO:
    while True:
        handle = os.fdopen(os.open(temporary, os.O_RDWR | os.O_CREAT, 0o666), "w+b", closefd=True)
        try:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another run may have published or removed the file between our open and our lock.
            if temporary.exists() and os.path.samestat(os.fstat(handle.fileno()), temporary.stat()):
                handle.truncate(0)
                return handle
        except BlockingIOError:
            handle.close()
            raise FercliError(f"{path} is being written by another run of fercli; wait for it or name another file.") from None
        handle.close()


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable; some file systems and Windows do not allow it, which costs only durability."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _cannot_write(path: Path, error: OSError) -> FercliError:
    return FercliError(
        f"{path} cannot be written ({error.strerror or error}); nothing there was changed. "
        "Free some space or name a place that you may write to."
    )


def readable(path: Path) -> str:
    r"""Return the path as valid Unicode: bytes that are not UTF-8 become `\xff`, so that every reader can open the file."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def shown_name(path: Path) -> str:
    """Return the path as one line of visible characters: `readable`, and what could drive a terminal or a page escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in readable(path))
