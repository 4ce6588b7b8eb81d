"""Lists of photos: the names that `find`, a file or the results of an earlier run give."""

import os
import sys
from pathlib import Path
from typing import IO

from fercli.classification.results import READERS, read_results
from fercli.errors import FercliError, UsageError
from fercli.files import from_readable, refuse_missing
from fercli.remote import place

_MOST = 1 << 30  # bytes of a list: ten million names
_ADVICE = "give a table with a column path, or a text file with one name per line"


def read_list(path: Path | None) -> list[Path]:
    """Return the names in a file, or in standard input if `path` is None, in their order, each once.

    If the content has a NUL (`find -print0`), NULs end the names, otherwise line ends do; empty names are left out. A file with the
    suffix of results has the names in its column `path`; its other columns are ignored. Raises UsageError for a missing file and an
    empty list, FercliError for a file that cannot be read.
    """
    shown = "standard input" if path is None else str(path)
    if path and path.suffix.lower() in READERS:
        names = dict.fromkeys(_as_it_was(row["path"]) for row in read_results(path, ["path"], _ADVICE) if row["path"])
    else:
        content = _content(path)
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):  # whose zeros would end names, after each letter
            raise UsageError(f"{shown} is a list in UTF-16, as PowerShell writes it; save it as UTF-8.")
        names = dict.fromkeys(_names(content))
    if not names:
        raise UsageError(f"{shown} lists no photos; give one name per line, or the output of find … -print0.")
    return [place(os.fsdecode(name)) for name in names]


def _as_it_was(name: str) -> bytes:
    r"""Return the name of a file as it was before `readable`, if that is there and no file that is really called `caf\xe9.jpg`."""
    shown, bare = os.fsencode(name), from_readable(name)
    return bare if bare != shown and not os.path.lexists(shown) and os.path.lexists(bare) else shown


def _content(path: Path | None) -> bytes:
    if path is None:
        if not hasattr(sys.stdin, "buffer"):  # closed, or as in a notebook
            raise UsageError("Standard input gives no list here; name a file with --from-file.")
        return _limited(sys.stdin.buffer)
    refuse_missing([path], "give a file with one name per line")
    try:
        with path.open("rb") as handle:
            return _limited(handle)
    except OSError as error:
        raise FercliError(f"{path} cannot be read ({error.strerror or error}); give a file with one name per line.") from error


def _limited(handle: IO[bytes]) -> bytes:
    content = handle.read(_MOST + 1)
    if len(content) > _MOST:
        raise UsageError(f"The list has over {_MOST:,} bytes; give several shorter ones, or the folders that hold the photos.")
    return content


def _names(content: bytes) -> list[bytes]:
    if b"\0" in content:
        return [name for name in content.split(b"\0") if name]
    # Editors on Windows add a byte order mark and carriage returns.
    return [name for line in content.removeprefix(b"\xef\xbb\xbf").split(b"\n") if (name := line.removesuffix(b"\r"))]
