"""Results read back row by row: as `writers` wrote them, or as changed by others who kept the names of the columns."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fercli.errors import FercliError, UsageError
from fercli.files import Kind, kind_of, refuse_missing

Row = dict[str, Any]
_TOGETHER = 10_000  # rows of a Parquet file


def read_results(path: Path) -> Iterator[Row]:
    """Yield the rows of a file of results, or of a folder of parts, in their order and in bounded memory.

    Empty cells are None; numbers may be text, as in a CSV. Raises UsageError for what is missing or has another format, FercliError
    for what is broken or has no column `path`.
    """
    refuse_missing([path], "give the results that fercli classify wrote")
    if kind_of(path) is Kind.FOLDER:
        parts = sorted(part for part in path.iterdir() if part.name.startswith("part-") and part.suffix in READERS)
        if not parts:
            raise UsageError(f"{path} has no parts of results; give the file or the folder that fercli classify wrote.")
    else:
        parts = [path]
    for part in parts:
        yield from _rows_of(part)


def _rows_of(path: Path) -> Iterator[Row]:
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        *others, last = READERS
        raise UsageError(f"{path} is not of a format that is read back; give results in {', '.join(others)} or {last}.")
    number = 0
    try:
        for row in reader(path):
            if "path" not in row:
                raise FercliError(f"{path} has no column path; give the results that fercli classify wrote.")
            if not isinstance(row["path"], str | None):
                raise ValueError(f"its path is {row['path']!r}")
            number += 1
            yield row
    except (OSError, ValueError, RecursionError, csv.Error) as error:  # ValueError: JSON, Unicode, and what pyarrow raises
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise FercliError(f"{path} cannot be read after row {number} ({reason}); write it again with fercli classify.") from error


def _csv(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as handle:  # spreadsheets save a byte order mark
        lines = csv.reader(handle, strict=True)
        header = next(lines, [])
        for cells in lines:
            if not cells:
                continue
            if len(cells) != len(header):
                raise csv.Error(f"line {lines.line_num} has {len(cells)} cells, and the header {len(header)}")
            row: Row = {name: cell or None for name, cell in zip(header, cells, strict=True)}
            if row.get("path"):
                row["path"] = with_formula(row["path"])
            yield row


def with_formula(text: str) -> str:
    """Return the text without the apostrophe that `writers` puts before what a spreadsheet would run as a formula."""
    return text[1:] if text.startswith(("'=", "'+", "'-", "'@", "'\t", "'\r")) else text


def _json_lines(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as handle:
        for line in handle:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("a line is no object")
            if "\\ud" in line.lower():  # JSON can name halves of characters, which no file can hold
                json.dumps(row, ensure_ascii=False).encode()
            yield row


def _parquet(path: Path) -> Iterator[Row]:
    try:
        from pyarrow import parquet  # an extra
    except ImportError:
        raise UsageError("Parquet needs pyarrow; install it with: pip install 'fercli[parquet]'") from None
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(_TOGETHER):
            yield from batch.to_pylist()


READERS: dict[str, Callable[[Path], Iterator[Row]]] = {".csv": _csv, ".jsonl": _json_lines, ".parquet": _parquet}
