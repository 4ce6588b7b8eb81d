"""The one CSV inside a file: plain, gzip, xz, zip or tar in gzip or xz. Streamed through a byte limit, never unpacked to disk."""

import contextlib
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TypeVar, cast

from fercli.errors import FercliError

BYTE_LIMIT = 1 << 30  # FER2013 has 301 MB; what unpacks to over 1 GiB is not it
LINE_LIMIT = 1 << 16  # a row has at most 9,236 characters

Member = TypeVar("Member")

_GZIP, _XZ, _ZIP = b"\x1f\x8b", b"\xfd7zXZ\x00", b"PK"


class CsvLines:
    """The text lines of the CSV in `source`, which is told by its content, not by its suffix.

    `complete` is false once a last line without a line end was read. Bytes that are not UTF-8 become U+FFFD, which no field
    of the row grammar allows. Raises FercliError, when iterated, for a file that is broken, encrypted, too large or ambiguous.
    """

    def __init__(self, source: Path) -> None:
        self.source = source
        self.complete = True

    def __iter__(self) -> Iterator[str]:
        try:
            with contextlib.ExitStack() as stack:
                text = io.TextIOWrapper(self._open(stack), encoding="utf-8-sig", errors="replace", newline="")
                yield from self._limited(stack.enter_context(text))
        except (
            OSError,
            EOFError,
            zipfile.BadZipFile,
            tarfile.TarError,
            lzma.LZMAError,
            zlib.error,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise FercliError(f"{self.source} cannot be read to its end ({error}); get the file again.") from error

    def _limited(self, text: io.TextIOWrapper) -> Iterator[str]:
        total = number = 0
        while line := text.readline(LINE_LIMIT):
            number += 1
            total += len(line)
            self._refuse_large(total)
            if len(line) == LINE_LIMIT:
                raise FercliError(f"{self.source} is not a FER2013 CSV: line {number} is over {LINE_LIMIT} characters long.")
            self.complete = line.endswith(("\n", "\r"))
            yield line

    def _open(self, stack: contextlib.ExitStack) -> IO[bytes]:
        stream: IO[bytes] = stack.enter_context(self.source.open("rb"))
        start = stream.read(6)
        stream.seek(0)
        if start.startswith(_ZIP):
            return self._member_of_zip(stack.enter_context(zipfile.ZipFile(stream)))
        if start.startswith(_GZIP):
            stream = cast(IO[bytes], stack.enter_context(gzip.GzipFile(fileobj=stream)))
        elif start == _XZ:
            stream = stack.enter_context(lzma.LZMAFile(stream))  # noqa: SIM115 (the stack closes it)
        else:
            return stream
        is_tar = stream.read(512)[257:262] == b"ustar"
        stream.seek(0)
        return self._member_of_tar(stack.enter_context(tarfile.open(fileobj=stream, mode="r:"))) if is_tar else stream

    def _member_of_zip(self, archive: zipfile.ZipFile) -> IO[bytes]:
        member = self._only({item: item.filename for item in archive.infolist()})
        if member.flag_bits & 1:
            raise FercliError(f"{self.source} is encrypted; unpack it and give the CSV.")
        self._refuse_large(member.file_size)
        return archive.open(member)

    def _member_of_tar(self, archive: tarfile.TarFile) -> IO[bytes]:
        members: dict[tarfile.TarInfo, str] = {}
        total = 0
        for member in archive:  # stepping over a member unpacks it, so the limit counts all of them
            total += member.size
            self._refuse_large(total)
            if member.isfile():
                members[member] = member.name
        opened = archive.extractfile(self._only(members))
        assert opened is not None, "only regular files were kept"
        return opened

    def _only(self, names: dict[Member, str]) -> Member:
        bases = {member: name.rsplit("/", 1)[-1].lower() for member, name in names.items()}
        # "._x.csv" is the shadow that macOS adds to x.csv
        found = [member for member, base in bases.items() if base.endswith(".csv") and not base.startswith(".")]
        if len(found) == 1:
            return found[0]
        listed = f" ({', '.join(sorted(names[member] for member in found))})" if found else ""
        raise FercliError(
            f"{self.source} holds {len(found) or 'no'} CSV files{listed}, where one is needed; unpack it and give the right one."
        )

    def _refuse_large(self, size: int) -> None:
        if size > BYTE_LIMIT:
            raise FercliError(f"{self.source} unpacks to over {BYTE_LIMIT >> 20} MiB, so it is not FER2013; check the file.")
