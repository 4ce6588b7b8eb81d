"""Atomic writes, and what paths lead to: the only module that renames files.

Every change of a file goes through this module's `os`, which tests replace by one that fails or kills at the Nth call.
"""

import contextlib
import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator
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
Opening = Callable[[], contextlib.AbstractContextManager[BinaryIO]]


class Kind(StrEnum):
    """What a path leads to, with links followed."""

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
    """A file's size in bytes, inode number, and times, in ns, of the last change of its content and of its inode, as by renaming.

    Other content has another identity, even if it was moved into the place of the old file.
    """

    size: int
    changed: int
    number: int = 0
    moved: int = 0


def identity_of(path: Path) -> Identity | None:
    """Return the file's identity, with links followed; None if it cannot be read."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return Identity(status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)


def refuse_existing(path: Path, *, overwrite: bool, inputs: Iterable[Path] = ()) -> None:
    """Raise UsageError unless `path` can be written: if it exists without `overwrite`, is no file, or is one of the inputs."""
    kind = kind_of(path)
    _refuse_missing_bucket(path)
    if kind is Kind.FOLDER:
        raise UsageError(f"{path} is a folder; name a file to write.")
    if kind in {Kind.OTHER, Kind.UNREADABLE}:
        raise UsageError(f"{path} is not a file that can be written; name another.")
    if not overwrite and (kind is Kind.FILE or path.is_symlink()):  # a link that leads nowhere also has the name
        raise _already_there(path)
    if kind is Kind.FILE and any(kind_of(item) is Kind.FILE and path.samefile(item) for item in inputs):
        raise UsageError(f"{path} is also an input; name another file to write.")


def refuse_filled(folder: Path, *, overwrite: bool) -> None:
    """Raise UsageError unless `folder` can take outputs: if it is no folder, or is not empty and `overwrite` is false."""
    kind = kind_of(folder)
    _refuse_missing_bucket(folder)
    if kind not in {Kind.FOLDER, Kind.MISSING}:
        raise UsageError(f"{folder} is not a folder; name another.")
    if kind is Kind.FOLDER and not overwrite and any(folder.iterdir()):
        raise UsageError(
            f"{folder} holds files already; add --overwrite to replace those of the same names, or name another folder."
        )


def _refuse_missing_bucket(path: Path) -> None:
    if isinstance(path, RemotePath) and path.bucket and kind_of(path.bucket) is Kind.MISSING:
        raise UsageError(f"{path.bucket} does not exist; create the bucket, or name another.")


def refuse_missing(inputs: Iterable[Path], advice: str) -> None:
    """Raise UsageError, with `advice`, for the first input that does not exist; a link that leads nowhere counts as existing."""
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
def claimed(path: Path, *, overwrite: bool, inputs: Iterable[Path] = ()) -> Iterator[Opening]:
    """Lock `path` for this run during the block; what it yields opens the file for writing, as `atomic_write` does.

    A command that works for long claims its outputs before it begins, and writes them at its end. `path` is checked only once it is
    locked, so that of two runs one wins and the other gets an error. Without `overwrite` nothing is replaced, not even what another
    program puts there during the block.

    Raises FercliError if another run holds the path or it cannot be written, and UsageError as `refuse_existing` does. A remote
    file is not locked; without `overwrite` it is checked before the block, and again before the new one is put in place.
    """
    if isinstance(path, RemotePath):
        if not overwrite:
            refuse_existing(path, overwrite=False)
        yield lambda: _sent(path, overwrite=overwrite)
        return
    temporary = path.with_name(f".{path.name}{TEMPORARY_SUFFIX}")
    try:
        os.makedirs(path.parent, exist_ok=True)
        handle = _open_locked(temporary, path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        refuse_existing(path, overwrite=overwrite, inputs=inputs)
        yield lambda: _published(handle, temporary, path, overwrite=overwrite)
    finally:
        with contextlib.suppress(OSError), contextlib.closing(handle):  # what a full disk left in the buffer has been reported
            if _is_at(handle, temporary):  # not published; and while locked, for a moment later it may be another run's
                os.unlink(temporary)


@contextlib.contextmanager
def atomic_write(path: Path, *, overwrite: bool = True, inputs: Iterable[Path] = ()) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path`; publish it under that name when the block ends without an exception.

    At any moment, even after SIGKILL, `path` is the old file or the complete new one. The temporary file has a fixed name and is
    locked while in use: what a killed run left is reused by the next, and a second run at the same time is refused.

    A remote file is written on this machine, then sent under another name, and renamed. Raises FercliError when the file
    cannot be written or another run is writing it, and UsageError as `refuse_existing` does; `path` is then untouched.
    """
    with claimed(path, overwrite=overwrite, inputs=inputs) as opening, opening() as handle:
        yield handle


def write_atomically(path: Path, data: bytes, *, overwrite: bool = True) -> None:
    """Write `data` to `path`; errors as in `atomic_write`."""
    with atomic_write(path, overwrite=overwrite) as handle:
        handle.write(data)


def write_json(path: Path, value: object, *, overwrite: bool = True) -> None:
    """Write `value` to `path` as indented JSON; errors as in `atomic_write`."""
    write_atomically(path, json.dumps(value, indent=2).encode() + b"\n", overwrite=overwrite)


def move(path: Path, target: Path) -> None:
    """Rename a file of ours within its folder, in place of what is at `target`; FercliError if that fails."""
    try:
        os.replace(path, target)
        _sync_folder(target.parent)
    except OSError as error:
        raise FercliError(f"{target} cannot be written ({error.strerror or error}); free some space, and run it again.") from error


def remove(path: Path) -> None:
    """Delete a file of ours, if it is there."""
    path.unlink(missing_ok=True)


@contextlib.contextmanager
def _published(handle: BinaryIO, temporary: Path, path: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    try:
        yield handle
        handle.flush()
        os.fsync(handle.fileno())
        if overwrite:
            os.replace(temporary, path)
        else:
            _rename_to_nothing(temporary, path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    _sync_folder(path.parent)


@contextlib.contextmanager
def _sent(path: RemotePath, *, overwrite: bool) -> Iterator[BinaryIO]:
    try:
        with path.published() as handle:
            yield handle
            if not overwrite:
                refuse_existing(path, overwrite=False)
    except OSError as error:
        raise _cannot_write(path, error) from error


def _open_locked(temporary: Path, path: Path) -> BinaryIO:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    while True:
        if temporary.is_symlink() or kind_of(temporary) is Kind.OTHER:  # what it leads to is not ours
            os.unlink(temporary)
        handle = os.fdopen(os.open(temporary, flags, 0o666), "w+b", closefd=True)
        try:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another run may have published or removed the file between our open and our lock.
            if _is_at(handle, temporary):
                if os.fstat(handle.fileno()).st_nlink == 1:
                    handle.truncate(0)
                    return handle
                os.unlink(temporary)  # it has two names if its run was killed just after publishing
        except BlockingIOError:
            handle.close()
            raise FercliError(f"{path} is being written by another run of fercli; wait for it or name another file.") from None
        except BaseException:
            handle.close()
            raise
        handle.close()


def _is_at(handle: BinaryIO, path: Path) -> bool:
    return path.exists() and os.path.samestat(os.fstat(handle.fileno()), path.stat())


def _rename_to_nothing(temporary: Path, path: Path) -> None:
    """Rename to `path`, which must not exist; UsageError if it does by now."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise _already_there(path) from None
    except OSError:  # a file system without hard links: the lock stops other runs, though not other programs
        refuse_existing(path, overwrite=False)
        os.replace(temporary, path)
    else:
        os.unlink(temporary)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the file system allows that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _already_there(path: Path) -> UsageError:
    return UsageError(f"{path} exists already; add --overwrite to replace it, or name another file.")


def _cannot_write(path: Path, error: OSError) -> FercliError:
    return FercliError(
        f"{path} cannot be written ({error.strerror or error}); nothing there was changed. "
        "Free some space, or name a place that you have permission to write to."
    )


def readable(path: Path | str) -> str:
    r"""Return the path as valid Unicode: bytes that are not UTF-8 become `\xff`, so that any text file can hold it."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def shown_name(path: Path) -> str:
    """Return the path as one line of printable characters, with everything escaped that could control a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in readable(path))
