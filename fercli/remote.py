"""Files of object stores and cluster file systems by URI, such as `s3://bucket/photos`: the only module that imports pyarrow's.

A `RemotePath` is a `Path`, so that whoever reads a photo or lists a folder need not know where it is; pyarrow's file systems do
the work. What pathlib does to paths it does to these: `a//b` and `a/./b` are `a/b`, so that an object named so is out of reach.
"""

import errno
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path, PosixPath
from typing import IO, Any, BinaryIO

from fercli.errors import UsageError

SCHEMES = ("s3", "gs", "gcs", "hdfs", "viewfs", "abfs", "abfss")
_HADOOP = ("hdfs", "viewfs")
_RETRY_SECONDS = 30
_DEFAULT = "default"  # what Hadoop's library calls the file system that its own settings name


def place(text: str) -> Path:
    """Return the path that a text stands for: a `RemotePath` for a URI of one of `SCHEMES`, a path of this machine otherwise.

    `file://` URIs are paths of this machine. UsageError for other URIs, for one without a bucket's name or with a password, and
    for a remote one if pyarrow is not installed.
    """
    if not (uri := re.match(r"([A-Za-z][\w+.-]*)://([^/]*)", text)):
        return Path(text)
    scheme, host = uri.groups()
    if scheme == "file":
        return Path(text.removeprefix("file://"))
    if scheme not in SCHEMES:
        raise UsageError(f"{text} is not on this machine nor at {', '.join(f'{name}://' for name in SCHEMES)}; copy it here.")
    if find_spec("pyarrow") is None:
        raise UsageError(f"{text} needs pyarrow; install it with: pip install 'fercli[remote]'")
    user, _, _ = host.rpartition("@")
    if ":" in user or (scheme == "s3" and user + host.partition(":")[1]):  # S3's secrets may hold a `/`, and end `host` too soon
        raise UsageError(
            "A URI is no place for a password or key; leave it away, and set it in the environment: AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or what the provider's own tools read."
        )
    if not host and scheme in _HADOOP:
        return RemotePath(f"{scheme}://{_DEFAULT}{text.removeprefix(f'{scheme}://')}")
    if not host:
        raise UsageError(f"{text} names no bucket; write {scheme}://BUCKET/FOLDER.")
    if " " in host:
        raise UsageError(f"{text} has a blank in the bucket's name, which none has; write {scheme}://BUCKET/FOLDER.")
    return RemotePath(text)


class RemotePath(PosixPath):
    """A file or folder behind a URI; reading and asking raise OSError, as for a local one."""

    def __str__(self) -> str:
        _, *rest = self.parts
        return f"{self.scheme}://{'/'.join(rest)}"

    @property
    def scheme(self) -> str:
        """One of `SCHEMES`."""
        return self.parts[0].removesuffix(":")

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
        changed = (info.mtime_ns or 0) // 10**9 * 10**9  # a list may tell it finer than a question for one file does
        inode = int.from_bytes(hashlib.sha256(str(self).encode("utf-8", "surrogateescape")).digest()[:8])
        ten = (mode, inode, 0, 1, 0, 0, info.size or 0, *[changed // 10**9] * 3)
        return os.stat_result(ten, {"st_mtime_ns": changed, "st_ctime_ns": changed})

    def iterdir(self) -> Iterator["RemotePath"]:  # type: ignore[override]
        """Yield what is in the folder; its kind, size and time of change come with it, and are not asked for again."""
        from pyarrow.fs import FileSelector

        with self._reached() as (system, inside):
            infos = system.get_file_info(FileSelector(inside))
        for info in infos:
            child = self / info.base_name
            child.__dict__["_info"] = info
            yield child

    def open(self, mode: str = "r", *_: Any, **__: Any) -> IO[Any]:  # type: ignore[override]
        """Open the file for reading bytes."""
        if mode != "rb":
            raise ValueError("a remote file is only read as bytes")
        with self._reached() as (system, inside):
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

    @property
    def bucket(self) -> "RemotePath | None":
        """The bucket that it is in; None where there are none."""
        return None if self.scheme in _HADOOP else RemotePath(*self.parts[:2])

    @contextmanager
    def published(self) -> Iterator[BinaryIO]:
        """Open a temporary file of this machine; if the block ends without an exception, send it, then put it in place at once.

        HDFS alone, which renames onto no file, has none in place for the moment between the removal of the old one and that; if it
        fails then, the temporary one, beside it, is left.
        """
        with tempfile.TemporaryFile() as handle:
            yield handle
            handle.seek(0)
            with self._reached() as (system, inside):
                folder, _, name = inside.rpartition("/")
                temporary = f"{folder}/.{name}.fercli-part"
                try:
                    with system.open_output_stream(temporary) as sent:
                        shutil.copyfileobj(handle, sent, 1 << 20)
                except BaseException:
                    with suppress(Exception):
                        system.delete_file(temporary)
                    raise
                system.move(temporary, inside)

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the file."""
        with self._reached() as (system, inside):
            if missing_ok and not system.get_file_info(inside).type.value:  # asked before, for not all say why they cannot delete
                return
            system.delete_file(inside)

    def mkdir(self, *_: Any, **__: Any) -> None:
        """Make the folder and those above it."""
        with self._reached() as (system, inside):
            system.create_dir(inside, recursive=True)

    def _ask(self) -> Any:
        with self._reached() as (system, inside):
            return system.get_file_info(inside)

    @contextmanager
    def _reached(self) -> Iterator[tuple[Any, str]]:
        """Give the file system and the path there; what fails in the block is an OSError with the URI as its file's name."""
        _, host, *rest = self.parts
        try:
            system, top = _file_system(self.scheme, host)
            inside = "/".join(part for part in (top, *rest) if part)
            yield system, f"/{inside}" if self.scheme in _HADOOP else inside
        except (OSError, ValueError, NotImplementedError, ImportError) as error:  # pyarrow has the others for what it cannot use
            reason = getattr(error, "strerror", None) or " ".join(str(error).split())
            missing = isinstance(error, FileNotFoundError) or re.search(r"Bucket '.*' not found", reason)  # asked for its region
            number = errno.ENOENT if missing else getattr(error, "errno", None) or errno.EIO
            raise OSError(number, reason, str(self)) from error


@cache
def _file_system(scheme: str, host: str) -> tuple[Any, str]:
    """Return the file system, and where the URI's first part is in it: a bucket, or the root, as an empty text."""
    from pyarrow.fs import FileSystem

    if scheme in _HADOOP and host == _DEFAULT:
        from pyarrow.fs import HadoopFileSystem  # not in every build

        return HadoopFileSystem(_DEFAULT), ""
    options = ""
    # pyarrow does not read it: https://github.com/apache/arrow/issues/49643
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if scheme == "s3" and endpoint:
        protocol, _, address = endpoint.rpartition("://")
        options = f"?endpoint_override={address}&scheme={protocol or 'https'}"
    elif scheme in ("gs", "gcs"):
        options = f"?retry_limit_seconds={_RETRY_SECONDS}"  # it would try for 15 minutes, deaf to Ctrl-C
    system, top = FileSystem.from_uri(f"{scheme}://{host}/{options}")
    return system, top.rstrip("/")
