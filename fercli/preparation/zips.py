"""Images inside a zip archive, read where they are: nothing is unpacked to disk."""

import contextlib
import errno
import io
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path, PosixPath
from typing import IO, Any

from fercli.errors import FercliError
from fercli.photos.walk import IMAGE_SUFFIXES

SIZE_LIMIT = 1 << 36  # bytes of all images, unpacked: 64 GiB


class PackedPath(PosixPath):
    """An image in an archive, by its name there; reading it raises OSError, as for a file."""

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Return the kind and size."""
        return os.stat_result((stat.S_IFREG | 0o444, 0, 0, 1, 0, 0, self._info.file_size, 0, 0, 0))

    def open(self, mode: str = "r", *_: Any, **__: Any) -> IO[Any]:  # type: ignore[override]
        """Open the file for reading bytes."""
        try:
            return io.BytesIO(self._archive.read(self._info))
        except Exception as error:  # for broken bytes, zipfile and the packers' modules raise a dozen kinds
            raise OSError(errno.EIO, " ".join(str(error).split()) or type(error).__name__) from error

    @classmethod
    def of(cls, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> "PackedPath":
        """Return the path of an archive's member, by its name there; some programs separate folders by backslashes."""
        path = cls(info.filename.replace("\\", "/"))
        path._archive, path._info = archive, info
        return path

    _archive: zipfile.ZipFile
    _info: zipfile.ZipInfo


@contextlib.contextmanager
def packed_images(source: Path) -> Iterator[list[PackedPath]]:
    """Yield the images in a zip archive, sorted by name; none if it is something else, broken, or has a single CSV.

    Hidden files are left out, as in folders. Raises FercliError if all images together are too large.
    """
    with contextlib.ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(stack.enter_context(source.open("rb"))))
        except Exception:  # reading it as a CSV will say what is wrong
            yield []
            return
        members = [PackedPath.of(archive, info) for info in archive.infolist() if not info.is_dir()]
        paths = [path for path in members if not _is_hidden(path)]
        if sum(path.suffix.lower() == ".csv" for path in paths) == 1:
            yield []
            return
        images = sorted((path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES), key=os.fsencode)
        if sum(path.stat().st_size for path in images) > SIZE_LIMIT:
            raise FercliError(f"{source} unpacks to more than {SIZE_LIMIT >> 30} GiB; check it, unpack it and name the folder.")
        yield images


def _is_hidden(path: Path) -> bool:
    return any(part == "__MACOSX" or (part.startswith(".") and part != "..") for part in path.parts)
