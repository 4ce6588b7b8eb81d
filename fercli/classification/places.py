"""Where annotated copies go in their folder: each to a name of its own, on any file system; and which are left of earlier runs."""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from fercli.errors import FercliError
from fercli.files import folded
from fercli.photos.walk import COPIES, IMAGE_SUFFIXES, opened
from fercli.remote import RemotePath
from fercli.writing import atomic_write, cannot_write, open_to_append, remove_with_folders

Amiss = Callable[[Path, str], None]  # told of a photo or a copy, and what is amiss with it
_LONGEST_NAME = 240  # bytes; file systems allow 255, and the name aside is longer
_LONGEST_PATH = os.pathconf("/", "PC_PATH_MAX") - 96 if hasattr(os, "pathconf") else 4000
_JPEG = frozenset((".jpg", ".jpeg", ".jpe", ".jfif"))


class Places:
    """The places of a run's copies in `folder`, given out in the order in which they are asked for.

    A copy keeps its photo's path within `folder`: a JPEG its name, too, while other photos have `.jpg` appended (`.jpg.jpg` if they
    lack a photo's suffix), and videos `.mp4`. Names that end like `.png.jpg` are therefore those of copies: to a photo of such a
    name another `.jpg` is appended. Folders that are called like copies have `_` appended, so that none is a folder where another
    is a file; parts that lead elsewhere, such as `..`, are renamed. A name has a digest in it if it is too long, or if some file
    system would take it for one that was given out before, from which it differs in case alone, for example.

    Places are written down in `listing`, if there is one. `check` raises FercliError if the folder is no longer there.
    """

    def __init__(self, folder: Path, listing: BinaryIO | None = None, check: Callable[[], None] = lambda: None) -> None:
        self.folder, self.check = folder, check
        self._listing = listing
        self._taken: set[bytes] = set()

    def of(self, path: Path, *, video: bool = False) -> Path:
        """Return the place of the copy of a photo or video."""
        above = Path(*(_folder(part, path.anchor) for part in path.parts[:-1]))
        place = above / f"{path.name}{'.mp4' if video else _suffix_of_copy(path.name)}"
        if not self._is_free(place):
            digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
            short = f"{path.name[:40]}-{digest}{'.mp4' if video else '.jpg.jpg'}"
            place = above / short if self._is_free(above / short) else Path(short)
        self._taken.add(_key(place))
        self.note(_line(str(place)))  # before the copy is there, so that none is forgotten
        return self.folder / place

    def note(self, line: bytes) -> None:
        """Add a line to the listing at once."""
        if self._listing:
            try:
                self._listing.write(line)
                self._listing.flush()
            except OSError as error:
                raise cannot_write(self.folder / COPIES, error) from error

    def has_given(self, place: Path) -> bool:
        """Tell whether a place within the folder was given out."""
        return _key(place) in self._taken

    def _is_free(self, place: Path) -> bool:
        lengths = [len(os.fsencode(part)) for part in place.parts]
        fits = max(lengths) <= _LONGEST_NAME and len(os.fsencode(self.folder / place)) <= _LONGEST_PATH
        return fits and not self.has_given(place)


@contextmanager
def listed(folder: Path, owner: str, amiss: Amiss, check: Callable[[], None] = lambda: None) -> Iterator[Places]:
    """Yield the places of a run's copies in `folder`, which the file `COPIES` there lists.

    If the block ends well, copies that earlier runs of the same `owner` have listed, and this one has not made again, are removed,
    for their photos are gone; those that cannot be are told to `amiss`.
    """
    with _open_listing(folder / COPIES) as listing:
        places = Places(folder, listing, check)
        listing.seek(0)
        if listing.readline() != _line(owner):
            listing.seek(0)
            listing.truncate()
            places.note(_line(owner))
        first = listing.tell()
        listing.seek(0, os.SEEK_END)
        places.note(b"\n")  # ends a line that a killed run may have left half
        ours = listing.tell()
        yield places
        listing.seek(first)
        while listing.tell() < ours:
            _remove_left(listing.readline(), places, amiss)
        with suppress(FercliError), atomic_write(folder / COPIES) as handle:  # a longer list does no harm
            handle.write(_line(owner))
            handle.writelines(listing)


@contextmanager
def _open_listing(path: Path) -> Iterator[BinaryIO]:
    if not isinstance(path, RemotePath):
        with open_to_append(path) as listing:
            yield listing
        return
    with tempfile.TemporaryFile() as listing:
        with suppress(OSError), opened(path) as former:
            listing.writelines(former)
        if not listing.tell():
            with atomic_write(path):
                pass  # marks the folder as one of copies, from the first of them on
        yield listing


def owner_of(output: Path | None, folder: Path) -> str:
    """Return the place of the results beside which the copies are made, so that both may be moved together."""
    try:
        return os.path.relpath(output, folder) if output else ""
    except ValueError:  # on different drives of Windows
        return str(output)


def _remove_left(line: bytes, places: Places, amiss: Amiss) -> None:
    try:
        place = Path(json.loads(line))
        copy = places.folder / place
        ours = not place.is_absolute() and ".." not in place.parts and place.suffix.lower() in {*_JPEG, ".mp4"}
        # A link may lead out of the folder.
        if ours and not places.has_given(place) and copy.parent.resolve().is_relative_to(places.folder.resolve()):
            remove_with_folders(copy, places.folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        amiss(copy, f"is left over from an earlier run and cannot be removed: {error.strerror or error}")
    except (TypeError, ValueError, RecursionError):
        pass  # no line of ours, or half of one


def _line(text: str) -> bytes:
    return json.dumps(text).encode() + b"\n"


def _key(place: Path) -> bytes:
    """Return what all names of a place have in common, shortened; Windows and FAT also ignore dots and spaces at the end."""
    name = "/".join(folded(part).rstrip(" .") for part in place.parts)
    return hashlib.blake2b(os.fsencode(name), digest_size=8).digest()


def _folder(part: str, anchor: str) -> str:
    if part in {"..", anchor}:
        return "__up__" if part == ".." else "__root__"
    if re.fullmatch("_+(up|root)__", part) and part.startswith("__"):
        return f"_{part}"
    return f"{part}_" if _suffix(part.rstrip("_")) in {*_JPEG, ".mp4"} else part


def _suffix(name: str) -> str:
    return Path(name).suffix.lower()


def _suffix_of_copy(name: str) -> str:
    if _suffix(name) in _JPEG and _suffix(Path(name).stem) not in IMAGE_SUFFIXES:
        return ""
    return ".jpg" if _suffix(name) in IMAGE_SUFFIXES else ".jpg.jpg"
