"""The walk through folders of photos and videos."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fercli.files import Kind, kind_of
from fercli.photos.containers import VIDEO_SUFFIXES, first_bytes, has_video_signature
from fercli.remote import RemotePath

IMAGE_SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".webp", ".gif", ".tif", ".tiff", ".heic", ".heif", ".avif", ".jp2")
)
COPIES = ".fercli-copies"  # a file that says so marks a folder of annotated copies, which are no photos to label


@dataclass
class Walk:
    """Every photo and video under the given files and folders, in a fixed order, each real file once.

    What is named singly is always taken for one. In a folder (recursively, names sorted by their bytes), they are the files
    with a suffix or the first bytes of an image or a video; others are counted in `passed_over`, hidden ones are ignored. Links are
    followed, loops and second links to the same file are not; nor are folders marked by `COPIES` entered, unless they are inputs
    themselves. Folders that cannot be listed are kept in `unreadable`. Iterating raises nothing: what cannot be read is for the
    reader to say.
    """

    inputs: Iterable[Path]
    passed_over: int = 0
    unreadable: list[tuple[Path, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._seen: set[int] = set()

    def __iter__(self) -> Iterator[Path]:
        for path in self.inputs:
            if kind_of(path) is Kind.FOLDER:
                yield from self._folder(path)
            elif self._first_visit(path):
                yield path

    def leave_out(self, folder: Path) -> None:
        """Pass a folder by, such as one that outputs go to; it must exist."""
        self._first_visit(folder)

    def _first_visit(self, path: Path) -> bool:
        try:
            status = path.stat()
        except (OSError, ValueError):  # no identity, so it cannot be a second visit
            return True
        identity = status.st_dev << 64 | status.st_ino  # one number takes half the memory of a pair, and there may be millions
        if identity in self._seen:
            return False
        self._seen.add(identity)
        return True

    def _folder(self, folder: Path) -> Iterator[Path]:
        pending = [iter([folder])]  # a stack, not recursion: a tree may be deeper than Python's call stack
        while pending:
            path = next(pending[-1], None)
            if path is None:
                pending.pop()
            elif kind_of(path) is Kind.FOLDER:
                if self._first_visit(path) and (path == folder or kind_of(path / COPIES) is not Kind.FILE):
                    pending.append(self._entries(path))
            elif not _looks_like_picture(path):
                self.passed_over += 1
            elif self._first_visit(path):
                yield path

    def _entries(self, folder: Path) -> Iterator[Path]:
        """Return the visible entries in order; only their names are kept, for paths take five times the memory.

        Remote ones are kept whole, for what is known of them came with the list and would cost a request each.
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


def _looks_like_picture(path: Path) -> bool:
    if path.suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES:
        return True
    start = first_bytes(path)
    return has_image_signature(start) or has_video_signature(start)


def has_image_signature(start: bytes) -> bool:
    """Tell by its first 12 bytes whether a file is of a format that `images` opens, whatever its name."""
    return (
        start.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*"))
        or (start.startswith(b"RIFF") and start.endswith(b"WEBP"))
        or (start.startswith(b"BM") and start[6:10] == bytes(4))  # BMP's reserved bytes; "BM" alone also begins words
    )
