"""Files in object stores and cluster file systems by URI, such as `s3://bucket/photos`: the only module that imports pyarrow.fs.

A `RemotePath` is a `Path`, so that code that reads a photo or lists a folder need not know where it is; pyarrow's file systems do
the work. As in any path, `a//b` and `a/./b` become `a/b`, so that an object of such a name cannot be reached.
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
_DEFAULT = "default"  # Hadoop's word for the file system that its own settings name


def place(text: str | Path) -> Path:
    """Return the path that a text stands for: a `RemotePath` for a URI of one of `SCHEMES`, a path of this machine otherwise.

    A path stands for itself, and so does what a `file://` URI names. Raises UsageError for other URIs, for one without a bucket's
    name or with a password, and for a remote one if pyarrow is not installed.
    """
    if isinstance(text, Path):
        return text
    if not (uri := re.match(r"([A-Za-z][\w+.-]*)://([^/]*)", text)):
        return Path(text)
    scheme, host = uri.groups()
    if scheme == "file":
        return Path(text.removeprefix("file://"))
    if scheme not in SCHEMES:
        raise UsageError(f"{text} is neither on this machine nor at {', '.join(f'{name}://' for name in SCHEMES)}; copy it here.")
    if find_spec("pyarrow") is None:
        raise UsageError(f"{text} needs pyarrow; install it with: pip install 'fercli[remote]'")
    user, _, _ = host.rpartition("@")
    if ":" in user or (scheme == "s3" and user + host.partition(":")[1]):  # S3's secrets may contain `/`, which ends `host` early
        raise UsageError(
            "A URI must not contain a password or key; remove it, and set environment variables instead: AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or whatever the provider's own tools read."
        )
    if not host and scheme in _HADOOP:
        return RemotePath(f"{scheme}://{_DEFAULT}{text.removeprefix(f'{scheme}://')}")
    if not host:
        raise UsageError(f"{text} names no bucket; write {scheme}://BUCKET/FOLDER.")
    if " " in host:
        raise UsageError(f"{text} has a space in the bucket's name, where none is allowed; write {scheme}://BUCKET/FOLDER.")
    return RemotePath(text)


def local(text: str | Path) -> Path:
    """Return the path of this machine that a text stands for; UsageError for any other, as from `place`."""
    if isinstance(text, str) and text.startswith(tuple(f"{scheme}://" for scheme in SCHEMES)):
        raise UsageError(
            f"{text} is not on this machine; only classify reads and writes in object stores, and summary reads there. Give a path "
            "on this machine."
        )
    return place(text)


class RemotePath(PosixPath):
    """A file or folder behind a URI; its methods raise OSError, as for a local one."""

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
        """Return kind, size, time of change, and an inode number that no other URI has."""
        info = self.__dict__.get("_info") or self._ask()
        if info.is_file:  # asked for once: several parts of fercli look at a photo, one after another
            self.__dict__["_info"] = info
        if not info.type.value:  # FileType.NotFound
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self))
        mode = stat.S_IFREG | 0o644 if info.is_file else stat.S_IFDIR | 0o755
        changed = (info.mtime_ns or 0) // 10**9 * 10**9  # a listing may be more precise than a request for one file
        inode = int.from_bytes(hashlib.sha256(str(self).encode("utf-8", "surrogateescape")).digest()[:8])
        ten = (mode, inode, 0, 1, 0, 0, info.size or 0, *[changed // 10**9] * 3)
        return os.stat_result(ten, {"st_mtime_ns": changed, "st_ctime_ns": changed})

    def iterdir(self) -> Iterator["RemotePath"]:  # type: ignore[override]
        """Yield what is in the folder, with kind, size and time of change, which need not be asked for again."""
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
            raise ValueError("a remote file can only be read as bytes")
        with self._reached() as (system, inside):
            return system.open_input_file(inside)  # type: ignore[no-any-return]

    def is_symlink(self) -> bool:
        """Return False, for there are no links."""
        return False

    def samefile(self, other_path: "str | os.PathLike[str]") -> bool:
        """Return whether the other is the same URI."""
        return str(self) == str(other_path)

    def resolve(self, strict: bool = False) -> "RemotePath":
        """Return the path as it is."""
        return self

    @property
    def bucket(self) -> "RemotePath | None":
        """The bucket that it is in; None for a file system without buckets."""
        return None if self.scheme in _HADOOP else RemotePath(*self.parts[:2])

    @property
    def _aside(self) -> "RemotePath":
        return self.with_name(f".{self.name}.fercli-part")

    @contextmanager
    def sent(self) -> Iterator[BinaryIO]:
        """Open a temporary file on this machine; if the block ends without an exception, upload it under another name."""
        with tempfile.TemporaryFile() as handle:
            yield handle
            handle.seek(0)
            try:
                with self._aside._reached() as (system, inside), system.open_output_stream(inside) as stream:
                    shutil.copyfileobj(handle, stream, 1 << 20)
            except BaseException:
                self.discard()
                raise

    def put_in_place(self) -> None:
        """Rename what was sent.

        HDFS does not rename onto a file: for a moment between the removal of the old one and the renaming there is none, and if
        it fails then, what was sent is left.
        """
        with self._aside._reached() as (system, aside), self._reached() as (_, inside):
            system.move(aside, inside)

    def discard(self) -> None:
        """Delete what was sent, as far as that is possible."""
        with suppress(Exception):
            self._aside.unlink()

    def unlink(self, missing_ok: bool = False) -> None:
        """Delete the file."""
        with self._reached() as (system, inside):
            if missing_ok and not system.get_file_info(inside).type.value:  # not every store says why it cannot delete
                return
            system.delete_file(inside)

    def mkdir(self, *_: Any, **__: Any) -> None:
        """Create the folder and its parents."""
        with self._reached() as (system, inside):
            system.create_dir(inside, recursive=True)

    def _ask(self) -> Any:
        with self._reached() as (system, inside):
            return system.get_file_info(inside)

    @contextmanager
    def _reached(self) -> Iterator[tuple[Any, str]]:
        """Yield the file system and the path there; failures in the block become an OSError with the URI as its file name."""
        _, host, *rest = self.parts
        try:
            system, top = _file_system(self.scheme, host)
            inside = "/".join(part for part in (top, *rest) if part)
            yield system, f"/{inside}" if self.scheme in _HADOOP else inside
        except (
            OSError,
            ValueError,
            NotImplementedError,
            ImportError,
        ) as error:  # the others: not supported
            reason = getattr(error, "strerror", None) or " ".join(str(error).split())
            missing = isinstance(error, FileNotFoundError) or re.search(r"Bucket '.*' not found", reason)  # asked for its region
            number = errno.ENOENT if missing else getattr(error, "errno", None) or errno.EIO
            raise OSError(number, reason, str(self)) from error


@cache
def _file_system(scheme: str, host: str) -> tuple[Any, str]:
    """Return the file system, and the place of the URI's first part in it: a bucket, or an empty text for the root."""
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
        options = f"?retry_limit_seconds={_RETRY_SECONDS}"  # it would retry for 15 minutes, ignoring Ctrl-C
    system, top = FileSystem.from_uri(f"{scheme}://{host}/{options}")
    return system, top.rstrip("/")
