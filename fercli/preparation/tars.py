"""The files in a tar archive, by a reader of our own, since an archive may come from anywhere.

Python's `tarfile` trusts headers: it reads a long name of gigabytes into memory, goes backwards for a negative size, and recurses.
Here nothing is kept but names, and whatever a header says, the reader goes forward. Formats: ustar, GNU and pax (POSIX.1-2001).
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

BLOCK = 512
_EXTENDED_LIMIT = 1 << 16  # bytes of an entry that holds a name or the like; paths have at most 4,096
_ENTRIES = 200_000
_FILE, _LONG_NAME, _EXTENDED, _SKIPPED = b"0\x007", b"L", b"x", b"Kg"  # kinds of entries; the last are headers about other things
_WITHOUT_DATA = b"123456"  # links, devices, folders and pipes: whatever size they state, no data follows
_SPARSE = "it holds a sparse file, which fercli does not read"


class BadTar(Exception):
    """The archive is broken or not supported; the message says how."""


@dataclass(frozen=True)
class Member:
    """A regular file in an archive: its name, and where its bytes are."""

    name: str
    start: int
    size: int


def members(archive: IO[bytes], limit: int) -> Iterator[Member]:
    """Yield the regular files of an archive, from its beginning to its end; BadTar if it is broken, or over `limit` bytes long."""
    place = 0
    name = b""
    size: int | None = None
    for _ in range(_ENTRIES):
        if place:
            archive.seek(place - 1)
            if not archive.read(1):
                raise BadTar("it ends within a file")
        header = archive.read(BLOCK)
        if not header.strip(b"\0"):  # the end; some writers omit it
            return
        declared = _header_size(header)
        place += BLOCK
        kind = header[156:157]
        if kind == b"S":
            raise BadTar(_SPARSE)
        if kind in _LONG_NAME + _EXTENDED + _SKIPPED:
            if declared > _EXTENDED_LIMIT:
                raise BadTar(f"it has a name, or other header, of {declared:,} bytes")
            data = _exactly(archive, declared)
            if kind == _LONG_NAME:
                name = data
            elif kind == _EXTENDED:
                records = _records(data)
                name = records.get(b"path", name)
                size = _decimal(records[b"size"]) if b"size" in records else size
            place += _in_blocks(declared)
        else:
            length = declared if size is None else size
            if kind in _FILE:
                yield Member(_shown(name or _short_name(header)), place, length)
            if kind not in _WITHOUT_DATA:
                place += _in_blocks(length)
            name, size = b"", None
        if place > limit:
            raise BadTar(f"it unpacks to more than {limit >> 20} MiB")
    raise BadTar(f"it has more than {_ENTRIES:,} entries")


def opened(archive: IO[bytes], member: Member) -> IO[bytes]:
    """Return the file's bytes as a stream; reading raises EOFError if the archive ends before the file does."""
    archive.seek(member.start)
    return io.BufferedReader(_Part(archive, member.size))


class _Part(io.RawIOBase):
    """The next `size` bytes of a stream."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        super().__init__()
        self._stream, self._left = stream, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._stream.read(min(len(buffer), self._left))
        if not data and self._left:
            raise EOFError("the archive ends within the file")
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)


def _header_size(header: bytes) -> int:
    if len(header) < BLOCK:
        raise BadTar("it ends within a header")
    unsigned = sum(header) - sum(header[148:156]) + 8 * ord(" ")
    if _octal(header[148:156]) != unsigned:
        raise BadTar("the checksum of a header differs")
    field = header[124:136]
    if not field[0] & 0x80:
        return _octal(field)
    if field[0] != 0x80:  # GNU: a number in base 256; with any other first byte it is negative, or beyond all limits
        raise BadTar("the size of a file is impossible")
    return int.from_bytes(field[1:])


def _octal(field: bytes) -> int:
    text = field.strip(b" \0")
    if text.strip(b"01234567"):
        raise BadTar(f"a header has the number {field!r}")
    return int(text or b"0", 8)


def _decimal(text: bytes) -> int:
    if not text or text.strip(b"0123456789") or len(text) > 20:
        raise BadTar(f"a header has the number {text[:20]!r}")
    return int(text)


def _records(data: bytes) -> dict[bytes, bytes]:
    """Return the keys and values of an extended header: lines `LENGTH KEY=VALUE`, whose length counts itself."""
    records = {}
    start, end = 0, len(data.rstrip(b"\0"))
    while start < end:
        length = _decimal(data[start : start + 20].partition(b" ")[0])
        key, equals, value = data[start : start + length].partition(b" ")[2].partition(b"=")
        if not equals or not value.endswith(b"\n"):
            raise BadTar("an extended header is broken")
        if key.startswith(b"GNU.sparse."):
            raise BadTar(_SPARSE)
        records[key] = value[:-1]
        start += length
    return records


def _exactly(archive: IO[bytes], size: int) -> bytes:
    data = archive.read(size)
    if len(data) < size:
        raise BadTar("it ends within a header")
    return data


def _short_name(header: bytes) -> bytes:
    prefix = header[345:500].partition(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    return b"/".join(part for part in (prefix, header[:100].partition(b"\0")[0]) if part)


def _shown(name: bytes) -> str:
    return name.partition(b"\0")[0].decode("utf-8", "backslashreplace")


def _in_blocks(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
