"""The walk through folders of photos and videos."""

import errno
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from fercli.files import Kind, kind_of
from fercli.photos.containers import VIDEO_SUFFIXES, has_still_brand, has_video_signature
from fercli.remote import RemotePath

IMAGE_SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".webp", ".gif", ".tif", ".tiff", ".heic", ".heif", ".avif", ".jp2")
)
RAW_SUFFIXES = frozenset(
    (".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf",
     ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srw", ".x3f")
)  # fmt: skip
NAMES_KEPT = 1000  # of files passed over: there may be millions
COPIES = ".fercli-copies"  # a file of this name marks a folder of annotated copies, which are not photos to label


@dataclass
class Walk:
    """Every photo and video under the given files and folders, in a fixed order, each real file once.

    A file that is an input itself is always taken for one. Of the files in a folder (and its subfolders, names sorted by their
    bytes), those are taken that have the suffix or the first bytes of an image or a video; the others are counted in
    `passed_over` (cameras' raw files also in `passed_over_raw`), and the first `NAMES_KEPT` named in `first_passed_over`.
    Hidden files are ignored, and links are followed. Whatever else is left out is recorded: `second_names` lists files and
    folders that came before under another name, `copies` the folders that are marked by `COPIES` and are not inputs themselves,
    and `unreadable` what cannot be listed or looked into, with the reason. Iterating raises nothing: a photo or video that
    cannot be read is for its reader to report.
    """

    inputs: Iterable[Path]
    passed_over: int = 0
    first_passed_over: list[Path] = field(default_factory=list)
    passed_over_raw: int = 0
    second_names: list[Path] = field(default_factory=list)
    copies: list[Path] = field(default_factory=list)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._files: set[int] = set()
        self._folders: set[str] = set()
        self._left_out: Path | None = None

    def __iter__(self) -> Iterator[Path]:
        given = set()
        for path in self.inputs:
            if path in given:
                continue
            given.add(path)
            if kind_of(path) is Kind.FOLDER:
                yield from self._folder(path)
            elif self._is_new(path):
                yield path

    def leave_out(self, folder: Path) -> None:
        """Skip a folder, such as one that outputs go to, without recording it."""
        self._left_out = folder

    def _is_new(self, path: Path) -> bool:
        try:
            status = path.stat()
        except (OSError, ValueError):  # no identity, so it cannot be a second name
            return True
        # The inode number alone may have belonged to a file that is gone and been given to a new one since. Packed into one whole
        # number, the three take a third of the memory, and there may be millions of them.
        identity = (status.st_dev << 64 | status.st_ino) << 96 | status.st_ctime_ns & (1 << 96) - 1
        if identity in self._files:
            self.second_names.append(path)
            return False
        self._files.add(identity)
        return True

    def _is_to_enter(self, folder: Path, top: Path) -> bool:
        try:
            real = os.path.realpath(folder)  # not the inode number, as above; nor the time of change, which its files alter
        except OSError as error:  # the current folder is gone
            self.unreadable.append((folder, error.strerror or str(error)))
            return False
        if self._left_out is not None and real == os.path.realpath(self._left_out):
            return False
        if real in self._folders:
            self.second_names.append(folder)
            return False
        if folder != top and kind_of(folder / COPIES) is Kind.FILE:
            self.copies.append(folder)
            return False
        self._folders.add(real)
        return True

    def _folder(self, folder: Path) -> Iterator[Path]:
        pending = [iter([folder])]  # a stack, not recursion: a tree may be deeper than Python's call stack
        while pending:
            path = next(pending[-1], None)
            if path is None:
                pending.pop()
            elif kind_of(path) is Kind.FOLDER:
                if self._is_to_enter(path, folder):
                    pending.append(self._entries(path))
            elif self._is_picture(path) and self._is_new(path):
                yield path

    def _is_picture(self, path: Path) -> bool:
        if path.suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES:
            return True
        try:
            start = _first_bytes(path)
            if has_image_signature(start) or has_video_signature(start):
                return True
        except (OSError, ValueError) as error:
            # A link that leads nowhere is no loss. What is no longer where it was listed may have been a folder full of photos.
            if getattr(error, "errno", None) not in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP} or not path.is_symlink():
                self.unreadable.append((path, getattr(error, "strerror", None) or str(error)))
                return False
        self.passed_over += 1
        if len(self.first_passed_over) < NAMES_KEPT:
            self.first_passed_over.append(path)
        self.passed_over_raw += path.suffix.lower() in RAW_SUFFIXES
        return False

    def _entries(self, folder: Path) -> Iterator[Path]:
        """Return the visible entries in order; only their names are kept, since paths take five times the memory.

        Remote entries are kept whole: what is known about them came with the listing, and would cost a request each.
        """
        try:
            if isinstance(folder, RemotePath):
                entries = sorted(folder.iterdir(), key=lambda entry: os.fsencode(entry.name))
                return (entry for entry in entries if not entry.name.startswith("."))
            names = [name for name in os.listdir(folder) if not name.startswith(".")]
        except OSError as error:
            self.unreadable.append((folder, error.strerror or str(error)))
            return iter(())
        names.sort(key=os.fsencode)
        return (folder / name for name in names)


def opened(path: Path) -> IO[bytes]:
    """Open a regular file for reading, without waiting if it has become a pipe or a device meanwhile; errors are OSError."""
    if type(path).open is not Path.open:  # it is in an object store or an archive
        return path.open("rb")

    def without_waiting(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))

    return open(path, "rb", opener=without_waiting)


def _first_bytes(path: Path) -> bytes:
    if not path.stat().st_size or kind_of(path) is not Kind.FILE:  # opening a pipe would wait for ever
        return b""
    with opened(path) as handle:
        return handle.read(12)


def first_bytes(path: Path) -> bytes:
    """Return the first 12 bytes of a file; b"" if it is not a file or cannot be read."""
    try:
        return _first_bytes(path)
    except (OSError, ValueError):
        return b""


def is_video(path: Path) -> bool:
    """Tell by its content whether a file is a video; False for one that cannot be read."""
    return has_video_signature(first_bytes(path))


def has_image_signature(start: bytes) -> bool:
    """Tell by its first 12 bytes whether a file has a format that `headers` knows, whatever its name."""
    return (
        start.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"))
        or (start.startswith(b"RIFF") and start.endswith(b"WEBP"))
        or has_still_brand(start)
        or (start.startswith(b"BM") and start[6:10] == bytes(4))  # BMP's reserved bytes; "BM" alone also begins words
    )
