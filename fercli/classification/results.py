"""Results read back row by row: as `writers` wrote them, or as changed by others who kept the names of the columns."""

import contextlib
import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import IO, Any, TextIO

from fercli.cells import unescaped
from fercli.classification.records import COLUMNS
from fercli.errors import FercliError, UsageError
from fercli.files import Kind, kind_of, readable, refuse_missing
from fercli.labels import LABELS

Row = dict[str, Any]
COMPLETE = "_SUCCESS"  # by which Hadoop and Spark, too, mark a folder that has all of its parts
COLUMNS_NEEDED = ("path", "face", "status", *LABELS)  # of results
RESULTS_ADVICE = "give the results that fercli classify wrote"
_DECIMALS = ("time", "detection_score", "confidence", *LABELS)  # what may have a decimal comma
_VALUES = tuple(column for column in COLUMNS if column != "path")
_TOGETHER = 10_000  # rows of a Parquet file
_LONGEST = 1 << 22  # characters of a line
_UNPACKED, _DENSEST = 1 << 26, 100  # bytes of a workbook that may always be unpacked; beyond, as many times those of its file


def read_results(path: Path, columns: Sequence[str] = COLUMNS_NEEDED, advice: str = RESULTS_ADVICE) -> Iterator[Row]:
    """Yield the rows of a file of results, or of a folder of parts, in their order and in bounded memory.

    Empty cells are None; numbers may be text, as in a CSV. Other tables that have the `columns`, `path` among them, are read in the
    same way, if they have a suffix of `READERS`; `advice` says what to give instead of what cannot be read. Raises UsageError for
    what is missing or has another format, FercliError for what is broken or lacks a column.
    """
    refuse_missing([path], advice)
    if kind_of(path) is Kind.FOLDER:
        parts = sorted(part for part in path.iterdir() if part.name.startswith("part-") and part.suffix in READERS)
        if not parts:
            raise UsageError(f"{path} has no parts of results; {advice}.")
        if kind_of(path / COMPLETE) is Kind.MISSING:
            raise UsageError(f"{path} has no {COMPLETE}, so parts may be missing or of several runs; finish the run with --resume.")
    else:
        parts = [path]
    for part in parts:
        yield from _rows_of(part, columns, advice)


def once(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows; FercliError if a picture's rows have the same face twice, as after joining and sorting tables."""
    picture, faces = None, set[str]()
    for number, row in enumerate(rows, start=1):
        if row.get("face") not in {None, ""} and "frame" in row:  # without that column, frames cannot be told apart
            if picture != (picture := (row["path"], row.get("time"), row["frame"])):
                faces.clear()
            if str(row["face"]) in faces:
                raise FercliError(f"Row {number} repeats an earlier row of {readable(row['path'] or '')}; keep one of them.")
            faces.add(str(row["face"]))
        yield row


def _rows_of(path: Path, columns: Sequence[str], advice: str) -> Iterator[Row]:
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        *others, last = READERS
        raise UsageError(f"{path} is in a format that cannot be read here; give a file in {', '.join(others)} or {last}.")
    number = 0
    try:
        for row in reader(path):
            if missing := [column for column in columns if column not in row]:
                raise FercliError(f"{path} has no column{'s' * (len(missing) > 1)} {', '.join(missing)}; {advice}.")
            if not isinstance(row["path"], str | None):
                raise ValueError(f"its path is {row['path']!r}")
            if several := [column for column in COLUMNS if isinstance(row.get(column), list | dict)]:
                raise ValueError(f"its {several[0]} is not a single value")
            number += 1
            yield row
    except (OSError, ValueError, RecursionError, csv.Error) as error:  # ValueError: JSON, Unicode, and what pyarrow raises
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise FercliError(f"{path} cannot be read after row {number} ({reason}); {advice}.") from error


def _csv(path: Path) -> Iterator[Row]:
    with _text(path, "utf-8-sig", errors="surrogateescape") as handle:  # spreadsheets save a byte order mark
        text = _lines(handle)
        first = next(text, "")
        # Excel separates cells with semicolons where the language has a decimal comma, which then stands in numbers.
        semicolons = first.count(";") > first.count(",")
        lines = csv.reader(chain([first], text), strict=True, delimiter=";" if semicolons else ",")
        header = next(lines, [])
        _refuse_twice(header)
        for cells in lines:
            if not cells:
                continue
            if len(cells) != len(header):
                raise csv.Error(f"line {lines.line_num} has {len(cells)} cells, and the header {len(header)}")
            row: Row = {name: cell or None for name, cell in zip(header, cells, strict=True)}
            if semicolons:
                row |= {name: row[name].replace(",", ".") for name in _DECIMALS if row.get(name)}
            row |= {name: None for name in _VALUES if row.get(name) == "NA"}  # as R writes what is empty
            if row.get("path"):
                row["path"] = unescaped(row["path"])
            yield row


def _lines(handle: TextIO) -> Iterator[str]:
    while line := handle.readline(_LONGEST):
        if len(line) == _LONGEST:
            raise ValueError(f"a line has over {_LONGEST - 1:,} characters")
        yield line


@contextlib.contextmanager
def _text(path: Path, encoding: str, errors: str = "strict") -> Iterator[TextIO]:
    """Open a text, whose lines end as they do in the file; of a remote file only bytes can be had."""
    with path.open("rb") as handle, io.TextIOWrapper(handle, encoding, errors, newline="") as text:
        yield text


def _json_lines(path: Path) -> Iterator[Row]:
    with _text(path, "utf-8") as handle:
        for line in _lines(handle):
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("a line is not an object")
            if "\\ud" in line.lower():  # JSON can name halves of characters, which no file can hold
                json.dumps(row, ensure_ascii=False).encode()
            yield row


def _parquet(path: Path) -> Iterator[Row]:
    try:
        from pyarrow import parquet  # an extra
    except ImportError:
        raise UsageError("Parquet needs pyarrow; install it with: pip install 'fercli[parquet]'") from None
    with path.open("rb") as handle, parquet.ParquetFile(handle) as file:
        for batch in file.iter_batches(_TOGETHER):
            yield from batch.to_pylist()


def _excel(path: Path) -> Iterator[Row]:
    try:
        import openpyxl  # an extra
    except ImportError:
        raise UsageError("Excel needs openpyxl; install it with: pip install 'fercli[xlsx]'") from None
    try:
        with path.open("rb") as handle:
            _refuse_bomb(handle, path.stat().st_size)
            book = openpyxl.load_workbook(handle, read_only=True, data_only=True)  # row by row, and values in place of formulas
            first: tuple[Any, ...] | None = None
            for sheet in book.worksheets:
                rows = sheet.values
                header = next(rows, ())
                first = first or header
                if header != first:  # a sheet of the user's own; results go on in a second one after a million rows
                    continue
                _refuse_twice(header)
                for cells in rows:
                    if any(cell is not None for cell in cells):
                        yield {name: _plain(cell) for name, cell in zip_longest(header, cells) if name is not None}
    except Exception as error:  # openpyxl raises what zipfile, zlib and the XML parser raise, and KeyErrors of its own
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _plain(cell: Any) -> Any:
    """Return a cell without the escape of an underscore, which openpyxl leaves where Excel has not saved the file anew."""
    return cell.replace("_x005F_", "_") if isinstance(cell, str) else cell


def _refuse_twice(header: Sequence[Any]) -> None:
    if twice := [name for name in COLUMNS if header.count(name) > 1]:
        raise ValueError(f"its column {twice[0]} is there twice")


def _refuse_bomb(handle: IO[bytes], size: int) -> None:
    with zipfile.ZipFile(handle) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > max(_UNPACKED, _DENSEST * size):
        raise ValueError(f"it unpacks to {unpacked:,} bytes")


READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".parquet": _parquet,
    ".xlsx": _excel,
}
