"""What paths lead to, what must not be written to, and how names are shown."""

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from fercli.errors import UsageError, listed
from fercli.remote import RemotePath

MAX_PIXELS = 100_000_000  # of a photo: the largest cameras on sale; up to 1.6 GB while decoding, as WebP with transparency
_FILLED = "holds files already; add --overwrite to replace those of the same names, or name another folder"


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


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file's content; OSError if it cannot be read."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def refuse_other_endings(path: Path, endings: Sequence[str], hint: str = "") -> None:
    """Raise UsageError for a name without one of the endings, which says the format; the `hint` is what else may be named."""
    suffix = path.suffix.lower()
    if suffix not in endings:
        given = f"as {suffix}" if suffix else "without an ending that tells the format"
        raise UsageError(f"{path} cannot be written {given}; end the name in {listed(endings, 'or')}{hint}.")


def refuse_existing(path: Path, *, overwrite: bool, inputs: Iterable[Path] = ()) -> None:
    """Raise UsageError unless `path` can be written: if it exists without `overwrite`, is one of the inputs, or is not a file."""
    kind = kind_of(path)
    _refuse_missing_bucket(path)
    if kind is Kind.FOLDER:
        raise UsageError(f"{path} is a folder; name a file to write.")
    if kind in {Kind.OTHER, Kind.UNREADABLE}:
        raise UsageError(f"{path} is not a file that can be written; name another.")
    if not overwrite and (kind is Kind.FILE or path.is_symlink()):  # a link that leads nowhere also has the name
        raise already_there(path)
    if kind is Kind.FILE and any(kind_of(item) is Kind.FILE and path.samefile(item) for item in inputs):
        raise UsageError(f"{path} is also an input; name another file to write.")
    if path.is_symlink():  # it would be replaced, and what it leads to stay as it was
        raise UsageError(f"{path} is a link; name the file that it leads to, or delete the link.")


def refuse_filled(folder: Path, *, overwrite: bool, fault: str = _FILLED) -> None:
    """Raise UsageError if `folder` is not a folder, or is not empty and `overwrite` is false; `fault` says what is wrong."""
    kind = kind_of(folder)
    _refuse_missing_bucket(folder)
    if kind not in {Kind.FOLDER, Kind.MISSING}:
        raise UsageError(f"{folder} is not a folder; name another.")
    if kind is Kind.FOLDER and not overwrite and any(folder.iterdir()):
        raise UsageError(f"{folder} {fault}.")


def _refuse_missing_bucket(path: Path) -> None:
    if isinstance(path, RemotePath) and path.bucket and kind_of(path.bucket) is Kind.MISSING:
        raise UsageError(f"{path.bucket} does not exist; create the bucket, or name another.")


def refuse_missing(inputs: Iterable[Path], advice: str) -> None:
    """Raise UsageError, with `advice`, for the first input that does not exist; a link that leads nowhere counts as existing."""
    for path in inputs:
        if kind_of(path) is Kind.MISSING and not path.is_symlink():
            raise UsageError(f"{path} does not exist; {advice}.")


_NO_FILE = {
    Kind.FOLDER: "is a folder",
    Kind.OTHER: "is a pipe or a device, not a file",
    Kind.MISSING: "does not exist",
    Kind.UNREADABLE: "cannot be looked at",
}


def refuse_all_but_files(path: Path, advice: str) -> None:
    """Raise UsageError, with `advice`, unless there is a file; a pipe, such as a shell makes of <(…), can be read only once."""
    if fault := _NO_FILE.get(kind_of(path)):
        raise UsageError(f"{path} {fault}; {advice}.")


def already_there(path: Path) -> UsageError:
    """Return the error of an output that exists and is not to be replaced."""
    return UsageError(f"{path} exists already; add --overwrite to replace it, or name another file.")


def readable(path: Path | str) -> str:
    r"""Return the path as valid Unicode: bytes that are not UTF-8 become `\xff`, so that any text file can hold it."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def from_readable(text: str) -> bytes:
    r"""Return a path whose `readable` form is the text; one that really holds the characters `\xff` has the same form."""
    return re.sub(rb"\\x([89a-f][0-9a-f])", lambda found: bytes.fromhex(found[1].decode()), os.fsencode(text))


def folded(name: str) -> str:
    """Return what a name has in common with all that some file system takes for the same: of other case, or otherwise composed."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def shown_name(path: Path) -> str:
    """Return the path as one line of printable characters, with everything escaped that could control a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in readable(path))
