"""Files of object stores and cluster file systems by URI, such as `s3://bucket/photos`: the only module that imports pyarrow's.

A `RemotePath` is a `Path`, so that whoever reads a photo or lists a folder need not know where it is; pyarrow's file systems do
the work. What pathlib does to paths it does to these: `a//b` and `a/./b` are `a/b`, so that an object named so is out of reach.
"""

import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path, PosixPath
from typing import IO, Any, BinaryIO

from fercli.errors import UsageError

SCHEMES = ("s3", "gs", "gcs", "hdfs", "viewfs", "abfs", "abfss")
_WITH_HOST = ("hdfs", "viewfs")  # their first part names a machine; that of the others, a bucket, belongs to the path


def place(text: str) -> Path:
    """Return the path that a text stands for: a `RemotePath` for a URI of one of `SCHEMES`, a path of this machine otherwise.

    `file://` URIs are paths of this machine. UsageError for a remote one if pyarrow is not installed.
    """
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in (*SCHEMES, "file"):
        return Path(text)
    if scheme == "file":
        return Path(rest)
    if find_spec("pyarrow") is None:
        raise UsageError(f"{text} needs pyarrow; install it with: pip install 'fercli[remote]'")
    return RemotePath(text)


class RemotePath(PosixPath):
    """A file or folder behind a URI; reading and asking raise OSError, as for a local one."""

    def __str__(self) -> str:
        scheme, *rest = self.parts
        return f"{scheme}//{'/'.join(rest)}"

    def __fspath__(self) -> str:
        return str(self)

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Return kind, size and time of change; as an inode number, one that no other URI has."""
        info = self.__dict__.get("_info") or self._ask()
        if info.is_file:  # asked once: several parts of fercli look at a photo, one after the other
            self.__dict__["_info"] = info
        if not info.type.value:  # FileType.NotFound
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self))
        mode = stat.S_IFREG | 0o644 if info.is_file else stat.S_IFDIR | 0o755
        changed = info.mtime_ns or 0
        inode = int.from_bytes(hashlib.sha256(str(self).encode("utf-8", "surrogateescape")).digest()[:8])
        ten = (mode, inode, 0, 1, 0, 0, info.size or 0, *[changed // 10**9] * 3)
        return os.stat_result(ten, {"st_mtime_ns": changed})

    def iterdir(self) -> Iterator["RemotePath"]:  # type: ignore[override]
        """Yield what is in the folder; its kind, size and time of change come with it, and are not asked for again."""
        from pyarrow.fs import FileSelector

        system, inside = self._reached()
        for info in system.get_file_info(FileSelector(inside)):
            child = self / info.base_name
            child.__dict__["_info"] = info
            yield child

    def open(self, mode: str = "r", *_: Any, **__: Any) -> IO[Any]:  # type: ignore[override]
        """Open the file for reading bytes."""
        if mode != "rb":
            raise ValueError("a remote file is only read as bytes")
        system, inside = self._reached()
        return system.open_input_file(inside)  # type: ignore[no-any-return]

    def is_symlink(self) -> bool:
        """There are none."""
        return False

    def samefile(self, other_path: "str | os.PathLike[str]") -> bool:
        """Tell whether the other is the same URI."""
        return str(self) == str(other_path)

    def resolve(self, strict: bool = False) -> "RemotePath":
        """Return the path as it is."""
        return self

    @contextmanager
    def published(self) -> Iterator[BinaryIO]:
        """Open a temporary file of this machine; if the block ends without an exception, send it, then put it in place at once."""
        with tempfile.TemporaryFile() as handle:
            yield handle
            handle.seek(0)
            system, inside = self._reached()
            folder, _, name = inside.rpartition("/")
            temporary = f"{folder}/.{name}.fercli-part"
            with system.open_output_stream(temporary) as sent:
                shutil.copyfileobj(handle, sent, 1 << 20)
            system.move(temporary, inside)

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the file."""
        system, inside = self._reached()
        try:
            system.delete_file(inside)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def mkdir(self, *_: Any, **__: Any) -> None:
        """Make the folder and those above it."""
        system, inside = self._reached()
        system.create_dir(inside, recursive=True)

    def _ask(self) -> Any:
        system, inside = self._reached()
        return system.get_file_info(inside)

    def _reached(self) -> tuple[Any, str]:
        scheme, host, *rest = (*self.parts, "")
        name = scheme.removesuffix(":")
        inside = "/".join(part for part in rest if part)
        return _file_system(name, host), f"/{inside}" if name in _WITH_HOST else f"{host}/{inside}".rstrip("/")


@cache
def _file_system(scheme: str, host: str) -> Any:
    from pyarrow.fs import FileSystem

    options = ""
    # pyarrow does not read it: https://github.com/apache/arrow/issues/49643
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if scheme == "s3" and endpoint:
        protocol, _, address = endpoint.rpartition("://")
        options = f"?endpoint_override={address}&scheme={protocol or 'https'}"
    system, _ = FileSystem.from_uri(f"{scheme}://{host}/{options}")
    return system
