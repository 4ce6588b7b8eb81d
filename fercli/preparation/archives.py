"""The one CSV in a file, be it plain, gzip, xz, zip or tar: streamed within limits, never unpacked to disk."""

import contextlib
import gzip
import io
import lzma
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TypeVar, cast

from fercli.errors import FercliError
from fercli.preparation import tars

BYTE_LIMIT = 1 << 30  # FER2013 has 301 MB; what unpacks to more than 1 GiB is something else
LINE_LIMIT = 1 << 16  # a row has at most 9,236 characters
LINES_LIMIT = 1 << 20  # more than fit into BYTE_LIMIT with 2304 pixels each

Member = TypeVar("Member")

_SHOWN = 5
_GZIP, _XZ, _ZIP = b"\x1f\x8b", b"\xfd7zXZ\x00", b"PK"


class CsvLines:
    """The text lines of the CSV in `source`, whose format is recognised by its content, not its suffix.

    `complete` becomes false when the last line has no line end. Bytes that are not UTF-8 become U+FFFD, which no field of the row
    grammar allows. A byte order mark at the beginning of a line, as where files were joined, is removed. Iterating raises
    FercliError for a file that is broken, encrypted, too large or ambiguous.
    """

    def __init__(self, source: Path) -> None:
        self.source = source
        self.complete = True

    def __iter__(self) -> Iterator[str]:
        try:
            with contextlib.ExitStack() as stack:
                text = io.TextIOWrapper(self._open(stack), encoding="utf-8", errors="replace", newline="")
                yield from self._limited(stack.enter_context(text))
        except (FercliError, MemoryError):
            raise
        except Exception as error:  # for broken bytes, the packers' modules raise a dozen kinds
            reason = " ".join(str(error).split()) or type(error).__name__
            raise FercliError(f"{self.source} cannot be read to its end ({reason}); download the file again.") from error

    def _limited(self, text: io.TextIOWrapper) -> Iterator[str]:
        total = number = 0
        while line := text.readline(LINE_LIMIT):
            number += 1
            total += len(line)
            self._refuse_large(total)
            if number > LINES_LIMIT:
                raise FercliError(f"{self.source} is not a FER2013 CSV: it has more than {LINES_LIMIT} lines.")
            if len(line) == LINE_LIMIT:
                raise FercliError(f"{self.source} is not a FER2013 CSV: line {number} has more than {LINE_LIMIT} characters.")
            self.complete = line.endswith(("\n", "\r"))
            yield line.lstrip("\ufeff")

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
        is_tar = stream.read(tars.BLOCK)[257:262] == b"ustar"
        stream.seek(0)
        return self._member_of_tar(stream) if is_tar else stream

    def _member_of_zip(self, archive: zipfile.ZipFile) -> IO[bytes]:
        member = self._only({item: item.filename for item in archive.infolist()})
        if member.flag_bits & 1:
            raise FercliError(f"{self.source} is encrypted; unpack it and name the CSV.")
        self._refuse_large(member.file_size)
        return archive.open(member)

    def _member_of_tar(self, archive: IO[bytes]) -> IO[bytes]:
        return tars.opened(archive, self._only({item: item.name for item in tars.members(archive, BYTE_LIMIT)}))

    def _only(self, names: dict[Member, str]) -> Member:
        bases = {member: name.rsplit("/", 1)[-1].lower() for member, name in names.items()}
        # "._x.csv" is the shadow that macOS adds to x.csv
        found = [member for member, base in bases.items() if base.endswith(".csv") and not base.startswith(".")]
        if len(found) == 1:
            return found[0]
        shown = sorted(names[member] for member in found)[:_SHOWN] + ["…"] * (len(found) > _SHOWN)
        listed = f" ({', '.join(shown)})" if found else ""
        raise FercliError(
            f"{self.source} holds {len(found) or 'no'} CSV files{listed} instead of one; unpack it and name the right one, "
            "or the folder of images."
        )

    def _refuse_large(self, size: int) -> None:
        if size > BYTE_LIMIT:
            raise FercliError(f"{self.source} unpacks to more than {BYTE_LIMIT >> 20} MiB, so it is not FER2013; check the file.")
