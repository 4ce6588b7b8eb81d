"""Atomic writes: the only module that renames files.

Every change of a file goes through this module's `os`, which tests replace by one that fails or kills at the Nth call.
"""

import contextlib
import errno
import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import BinaryIO

from fercli.errors import FercliError, UsageError, advice
from fercli.files import Kind, already_there, kind_of, refuse_existing
from fercli.remote import RemotePath

try:
    import fcntl
except ImportError:  # Windows: two runs on one output are not detected there
    fcntl = None  # type: ignore[assignment]

TEMPORARY_SUFFIX = ".fercli-part"
FORMER_SUFFIX = ".fercli-former"
Opening = Callable[[], contextlib.AbstractContextManager[BinaryIO]]


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[Callable[[], None]]:
    """Create `folder` if need be and hold it for this run; FercliError if another run holds it or it cannot be made.

    What is yielded raises FercliError if the folder is no longer where it was, for then a file would go to another.
    """
    try:
        os.makedirs(folder, exist_ok=True)
        if fcntl is None:
            yield lambda: None
            return
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise cannot_write(folder, error) from error

    def check() -> None:
        try:
            there = os.path.samestat(os.fstat(descriptor), folder.stat())
        except OSError:
            there = False
        if not there:
            raise FercliError(f"{folder} was moved or removed while it was in use; put it back, and run the same command again.")

    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FercliError(f"{folder} is in use by another run of fercli; wait for it or name another folder.") from None
        yield check
    finally:
        os.close(descriptor)


class Outputs:
    """The files of one command, which appear together; see `together`."""

    def __init__(self, claims: contextlib.ExitStack) -> None:
        self._claims = claims
        self._openings: dict[Path, Opening] = {}
        self._written: list[_Aside | _AsideRemote] = []

    def claim(self, path: Path, *, overwrite: bool = True, inputs: Iterable[Path] = ()) -> Opening:
        """Lock `path` for this run; what is returned opens the file for writing, once. Without that, nothing appears there.

        A command that works for long claims its outputs before it begins, and writes them at its end. `path` is checked only once
        it is locked, so that of two runs one wins and the other gets an error. Without `overwrite` nothing is replaced, not even
        what another program puts there in the meantime.

        Raises FercliError if another run holds the path or it cannot be written, and UsageError as `refuse_existing` does. A remote
        file is not locked; without `overwrite` it is checked now, and again before the new one is put in place.
        """
        place = path.resolve()
        if place in self._openings:
            raise UsageError(f"{path} cannot hold two outputs; name two files.")
        aside = _AsideRemote(path, overwrite) if isinstance(path, RemotePath) else _Aside(path, overwrite)
        self._claims.enter_context(aside.claimed(inputs))
        opening = self._openings[place] = lambda: self._writing(aside)
        return opening

    def write(self, path: Path, data: bytes) -> None:
        """Write `data` for `path`, in place of what is there unless it was claimed otherwise before; errors as from `claim`."""
        opening = self._openings.get(path.resolve()) or self.claim(path)
        with opening() as handle:
            handle.write(data)

    def write_all(self, folder: Path, files: Mapping[str, bytes]) -> None:
        """Write files by name for `folder`, as `write` does."""
        for name, data in files.items():
            self.write(folder / name, data)

    @contextlib.contextmanager
    def _writing(self, aside: "_Aside | _AsideRemote") -> Iterator[BinaryIO]:
        try:
            with aside.opened() as handle:
                yield handle
        except OSError as error:
            raise cannot_write(aside.path, error) from error
        self._written.append(aside)

    def _put_in_place(self) -> None:
        several = len(self._written) > 1
        done: list[_Aside | _AsideRemote] = []
        try:
            for aside in self._written:
                done.append(aside)
                try:
                    aside.put_in_place(reversibly=several)
                except OSError as error:
                    raise cannot_write(aside.path, error) from error
        except BaseException:
            for aside in reversed(done):
                aside.take_back()
            raise
        for aside in done:
            aside.settle()


@contextlib.contextmanager
def together() -> Iterator[Outputs]:
    """Yield what writes files aside, beside their places; they are put there when the block ends without an exception.

    At any moment, even after SIGKILL, each file is the old one or the complete new one. If one of several cannot be put in place,
    the others are taken back, as far as the file system has hard links. The files aside have fixed names and are locked while in
    use: what a killed run left is reused by the next, and a second run at the same time is refused. Remote files are written on
    this machine, sent under other names, and renamed.
    """
    with contextlib.ExitStack() as claims:
        outputs = Outputs(claims)
        yield outputs
        outputs._put_in_place()


@contextlib.contextmanager
def atomic_write(path: Path, *, overwrite: bool = True, inputs: Iterable[Path] = ()) -> Iterator[BinaryIO]:
    """Open a file that appears as `path` when the block ends without an exception; see `together`, for errors `Outputs.claim`."""
    with together() as outputs, outputs.claim(path, overwrite=overwrite, inputs=inputs)() as handle:
        yield handle


def write_atomically(path: Path, data: bytes, *, overwrite: bool = True) -> None:
    """Write `data` to `path`; errors as in `atomic_write`."""
    with atomic_write(path, overwrite=overwrite) as handle:
        handle.write(data)


def json_of(value: object) -> bytes:
    """Return `value` as indented JSON."""
    return json.dumps(value, indent=2).encode() + b"\n"


def write_json(path: Path, value: object) -> None:
    """Write `value` to `path` as indented JSON; errors as in `atomic_write`."""
    write_atomically(path, json_of(value))


def move(path: Path, target: Path) -> None:
    """Rename a file of ours within its folder, in place of what is at `target`; FercliError if that fails."""
    try:
        os.replace(path, target)
        _sync_folder(target.parent)
    except OSError as error:
        raise cannot_write(target, error) from error


def remove(path: Path) -> None:
    """Delete a file of ours, if it is there."""
    if isinstance(path, RemotePath):
        path.unlink(missing_ok=True)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def remove_with_folders(path: Path, top: Path) -> None:
    """Delete a file of ours, and the folders above it, below `top`, that are empty then; OSError if it cannot be deleted."""
    if isinstance(path, RemotePath):
        path.unlink()
    else:
        os.unlink(path)
    with contextlib.suppress(OSError):
        for folder in path.parents[: len(path.relative_to(top).parts) - 1]:
            os.rmdir(folder)


def open_to_append(path: Path) -> BinaryIO:
    """Open a file of ours to read and to append to; what is not a file, or has other names, is not ours and is replaced."""
    try:
        with contextlib.suppress(FileNotFoundError):
            status = path.lstat()
            if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
                os.unlink(path)
        handle = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666), "r+b")
        handle.seek(0, os.SEEK_END)
    except OSError as error:
        raise cannot_write(path, error) from error
    return handle


class _Aside:
    """A file that is written beside its place."""

    def __init__(self, path: Path, overwrite: bool) -> None:
        self.path, self._overwrite = path, overwrite
        self._temporary = path.with_name(f".{path.name}{TEMPORARY_SUFFIX}")
        self._former = path.with_name(f".{path.name}{FORMER_SUFFIX}")
        self._undo: Callable[[], None] = lambda: None

    @contextlib.contextmanager
    def claimed(self, inputs: Iterable[Path]) -> Iterator[None]:
        try:
            os.makedirs(self.path.parent, exist_ok=True)
            self._handle = _open_locked(self._temporary, self.path)
        except OSError as error:
            raise cannot_write(self.path, error) from error
        try:
            refuse_existing(self.path, overwrite=self._overwrite, inputs=inputs)
            with contextlib.suppress(OSError):
                self._keep_private()
            yield
        finally:
            with contextlib.suppress(OSError), contextlib.closing(self._handle):  # what a full disk left there has been reported
                if _is_at(self._handle, self._temporary):  # not put in place; and while locked, or it may be another run's
                    os.unlink(self._temporary)

    def _keep_private(self) -> None:
        """Let those read the new file who may read the one that it replaces, and nobody else."""
        status = self.path.stat()
        mode = stat.S_IMODE(status.st_mode)
        try:
            os.chown(self._temporary, -1, status.st_gid)
        except (OSError, AttributeError):  # not ours to give, or Windows
            mode &= ~stat.S_IRWXG
        os.chmod(self._temporary, mode)

    @contextlib.contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        yield self._handle
        self._handle.flush()
        os.fsync(self._handle.fileno())

    def put_in_place(self, *, reversibly: bool) -> None:
        if not _is_at(self._handle, self._temporary):  # or something else would be put there
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._temporary))
        if self._overwrite:
            undo = self._way_back() if reversibly else self._undo
            os.replace(self._temporary, self.path)
        else:
            undo = partial(os.unlink, self.path)
            _rename_to_nothing(self._temporary, self.path)
        self._undo = undo

    def _way_back(self) -> Callable[[], None]:
        """Return what restores the file that is to be replaced, from a second name; without hard links it does nothing."""
        self._forget_former()  # of a run that was killed
        try:
            os.link(self.path, self._former)
        except FileNotFoundError:
            return partial(os.unlink, self.path)
        except OSError:
            return lambda: None
        return partial(os.replace, self._former, self.path)

    def _forget_former(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self._former)

    def take_back(self) -> None:
        with contextlib.suppress(OSError):
            self._undo()
        self._forget_former()

    def settle(self) -> None:
        """Give up the way back, and make the rename itself durable, where the file system allows that."""
        self._forget_former()
        _sync_folder(self.path.parent)


class _AsideRemote:
    """A file that is sent under another name beside its place."""

    def __init__(self, path: RemotePath, overwrite: bool) -> None:
        self.path, self._overwrite = path, overwrite
        self._sent = self._placed = False

    @contextlib.contextmanager
    def claimed(self, _: Iterable[Path]) -> Iterator[None]:
        if not self._overwrite:
            refuse_existing(self.path, overwrite=False)
        try:
            yield
        finally:
            if self._sent:
                self.path.discard()

    @contextlib.contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        with self.path.sent() as handle:
            yield handle
        self._sent = True

    def put_in_place(self, *, reversibly: bool) -> None:
        if not self._overwrite:
            refuse_existing(self.path, overwrite=False)
        self.path.put_in_place()
        self._sent, self._placed = False, True

    def take_back(self) -> None:
        if self._placed and not self._overwrite:
            with contextlib.suppress(OSError):
                self.path.unlink()

    def settle(self) -> None:
        """Nothing is left to do."""


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
    try:
        return os.path.samestat(os.fstat(handle.fileno()), path.lstat())  # not what a link in its place leads to
    except OSError:
        return False


def _rename_to_nothing(temporary: Path, path: Path) -> None:
    """Rename to `path`, which must not exist; UsageError if it does by now."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise already_there(path) from None
    except OSError:  # a file system without hard links: the lock stops other runs, though not other programs
        refuse_existing(path, overwrite=False)
        os.replace(temporary, path)
    else:
        with contextlib.suppress(OSError):  # a second name does no harm, and the next run removes it
            os.unlink(temporary)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the file system allows that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def cannot_write(path: Path, error: OSError) -> FercliError:
    """Return the error of a file that cannot be written, with what to do about it."""
    return FercliError(f"{path} cannot be written ({error.strerror or error}); nothing there was changed. {advice(error)}")
