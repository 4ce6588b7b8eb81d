"""Rows of results as files: CSV, JSON Lines, Parquet."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from fercli.classification.records import COLUMNS
from fercli.labels import LABELS


class Writer(Protocol):
    """Writes rows to a binary stream; `close`, which may be called again, ends the file, but leaves the stream open."""

    def write(self, row: dict[str, object]) -> None:
        """Append one row, with the keys `COLUMNS`."""

    def close(self) -> None:
        """Write what is still to be written."""


@dataclass
class CsvWriter:
    """CSV in UTF-8, with a header; text cells that a spreadsheet would run as a formula get a leading apostrophe."""

    handle: BinaryIO

    def __post_init__(self) -> None:
        self.handle.write(csv_line(COLUMNS))

    def write(self, row: dict[str, object]) -> None:
        """Append one row."""
        self.handle.write(csv_line([row[column] for column in COLUMNS]))

    def close(self) -> None:
        """Nothing is left to write."""


@dataclass
class JsonLinesWriter:
    """One JSON object a line, text unchanged."""

    handle: BinaryIO

    def write(self, row: dict[str, object]) -> None:
        """Append one row."""
        self.handle.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")

    def close(self) -> None:
        """Nothing is left to write."""


class ParquetWriter:
    """Parquet in groups of `_ROWS_TOGETHER` rows, so that memory stays bounded; text unchanged, empty cells null."""

    _ROWS_TOGETHER = 10_000

    def __init__(self, handle: BinaryIO) -> None:
        import pyarrow  # an extra
        from pyarrow import parquet

        whole = dict.fromkeys(("face", "x", "y", "width", "height"), pyarrow.int32())
        shares = dict.fromkeys(("detection_score", "confidence", *LABELS), pyarrow.float32())
        types = whole | shares
        schema = pyarrow.schema([(name, types.get(name, pyarrow.string())) for name in COLUMNS])
        self._table_of: Callable[[list[dict[str, object]]], Any] = lambda rows: pyarrow.Table.from_pylist(rows, schema)
        self._writer = parquet.ParquetWriter(handle, schema, compression="zstd")
        self._rows: list[dict[str, object]] = []
        self._closed = False

    def write(self, row: dict[str, object]) -> None:
        """Append one row."""
        self._rows.append(row)
        if len(self._rows) >= self._ROWS_TOGETHER:
            self._flush()

    def close(self) -> None:
        """Write the last group and the footer, once."""
        if self._closed:
            return
        self._closed = True
        if self._rows:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        self._writer.write_table(self._table_of(self._rows))
        self._rows = []


WRITERS: dict[str, Callable[[BinaryIO], Writer]] = {".csv": CsvWriter, ".jsonl": JsonLinesWriter, ".parquet": ParquetWriter}


def csv_line(cells: Sequence[object]) -> bytes:
    """Return a line of CSV in UTF-8; text cells that a spreadsheet would run as a formula get a leading apostrophe."""
    line = io.StringIO()
    # Only characters of the line end are quoted, and a file's name may hold a carriage return (Python 3.11).
    csv.writer(line, lineterminator="\r\n").writerow([_without_formula(cell) for cell in cells])
    return line.getvalue().removesuffix("\r\n").encode() + b"\n"


def _without_formula(value: object) -> object:
    # https://owasp.org/www-community/attacks/CSV_Injection
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value
