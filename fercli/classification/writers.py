"""Rows of results as files: CSV, JSON Lines, Parquet, Excel."""

import contextlib
import datetime
import io
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from fercli.cells import csv_line
from fercli.classification.records import COLUMNS
from fercli.errors import FercliError
from fercli.labels import LABELS


class Rows(Protocol):
    """Takes rows; calling `close` again does nothing."""

    def write(self, row: dict[str, object]) -> None:
        """Append one row, with the columns as keys."""

    def close(self) -> None:
        """Write what is still to be written."""


class Writer(Rows, Protocol):
    """Writes rows to a binary stream, which it leaves open."""

    def discard(self) -> None:
        """Release everything at once; what was written will not be read."""


@contextlib.contextmanager
def ended(writer: Writer) -> Iterator[Writer]:
    """Close the writer when the block ends well, and discard it otherwise."""
    try:
        yield writer
    except BaseException:
        writer.discard()
        raise
    writer.close()


@dataclass
class CsvWriter:
    """CSV in UTF-8, with a header; text cells that a spreadsheet would run as a formula get a leading apostrophe."""

    handle: BinaryIO
    columns: Sequence[str] = COLUMNS

    def __post_init__(self) -> None:
        self.handle.write(csv_line(self.columns))

    def write(self, row: dict[str, object]) -> None:
        """Append one row."""
        self.handle.write(csv_line([row[column] for column in self.columns]))

    def close(self) -> None:
        """Nothing is left to write."""

    discard = close


@dataclass
class StreamWriter(CsvWriter):
    """CSV for a stream that receives nothing before the first row of a file that could be read, or the end.

    So a run that fails before that has published nothing, like one that writes to a file.
    """

    def __post_init__(self) -> None:
        self._target, self._held = self.handle, io.BytesIO()
        self.handle = self._held
        super().__post_init__()

    def write(self, row: dict[str, object]) -> None:
        """Append one row."""
        super().write(row)
        if row["status"] != "rejected":
            self.close()

    def close(self) -> None:
        """Write what was held back."""
        if self.handle is self._held:
            self._target.write(self._held.getvalue())
            self.handle = self._target


@dataclass
class JsonLinesWriter:
    """One JSON object a line, text unchanged."""

    handle: BinaryIO
    columns: Sequence[str] = COLUMNS

    def write(self, row: dict[str, object]) -> None:
        """Append one row."""
        self.handle.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")

    def close(self) -> None:
        """Nothing is left to write."""

    discard = close


class ParquetWriter:
    """Parquet in groups of `_ROWS_TOGETHER` rows, so that memory is bounded; text unchanged, empty cells null."""

    _ROWS_TOGETHER = 10_000

    def __init__(self, handle: BinaryIO) -> None:
        import pyarrow  # an extra
        from pyarrow import parquet

        whole = dict.fromkeys(("frame", "face", "person", "x", "y", "width", "height"), pyarrow.int32())
        shares = dict.fromkeys(("detection_score", "confidence", *LABELS), pyarrow.float32())
        types = whole | shares | {"time": pyarrow.float64()}
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

    discard = close  # pyarrow writes when it is collected, at the latest

    def _flush(self) -> None:
        self._writer.write_table(self._table_of(self._rows))
        self._rows = []


class ExcelWriter:
    """An Excel workbook: numbers as numbers, text as text whatever it begins with, the header frozen; empty cells stay empty.

    A sheet holds 1,048,576 rows; further rows go to further sheets. Rows are kept in temporary files, so that memory is bounded.
    """

    _ROWS = 1_048_576  # in a sheet

    def __init__(self, handle: BinaryIO, columns: Sequence[str] = COLUMNS) -> None:
        import xlsxwriter  # an extra

        self._handle, self._columns = handle, columns
        self._temporary = tempfile.TemporaryDirectory(prefix="fercli-")
        self._path = Path(self._temporary.name, "results.xlsx")
        self._book = xlsxwriter.Workbook(self._path, {"constant_memory": True, "tmpdir": self._temporary.name})
        self._book.set_properties({"created": datetime.datetime(1980, 1, 1)})  # the same rows, the same bytes
        self._bold = self._book.add_format({"bold": True})
        self._begin_sheet()

    def write(self, row: dict[str, object]) -> None:
        """Append one row."""
        with self._in_temporary_files():
            self._write(row)

    def _write(self, row: dict[str, object]) -> None:
        if self._row == self._ROWS:
            self._begin_sheet()
        for position, column in enumerate(self._columns):
            value = row[column]
            if isinstance(value, str):
                self._sheet.write_string(self._row, position, _no_markup(value))
            elif value is not None:
                self._sheet.write_number(self._row, position, value)
        self._row += 1

    def close(self) -> None:
        """Assemble the workbook, once."""
        if self._book.fileclosed:
            return
        try:
            with self._in_temporary_files():
                self._assemble()
            with self._path.open("rb") as whole:
                while chunk := whole.read(1 << 20):
                    self._handle.write(chunk)
        finally:
            self.discard()

    @contextlib.contextmanager
    def _in_temporary_files(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FercliError(
                f"The workbook cannot be put together in {tempfile.gettempdir()} ({error.strerror or error}); free some space "
                "there, or set TMPDIR to another folder."
            ) from error

    def _assemble(self) -> None:
        from xlsxwriter.exceptions import FileCreateError

        try:
            self._book.close()
        except FileCreateError as error:  # wraps the OSError, such as of a full disk
            raise error.args[0] from error

    def discard(self) -> None:
        """Remove the temporary files, without taking the time to assemble the workbook."""
        self._book.fileclosed = True
        for sheet in self._book.worksheets():
            sheet._opt_close()
        self._temporary.cleanup()

    def _begin_sheet(self) -> None:
        self._sheet = self._book.add_worksheet()
        self._sheet.freeze_panes(1, 0)
        self._sheet.set_column(0, 0, 40)
        for position, column in enumerate(self._columns):
            self._sheet.write_string(0, position, column, self._bold)
        self._row = 1


WRITERS: dict[str, Callable[..., Writer]] = {
    ".csv": CsvWriter,
    ".jsonl": JsonLinesWriter,
    ".parquet": ParquetWriter,
    ".xlsx": ExcelWriter,
}
EXTRAS = {
    ".parquet": ("Parquet", "pyarrow", "parquet"),
    ".xlsx": ("Excel", "xlsxwriter", "xlsx"),
}  # formats that need a package: their name, the package, and the extra that installs it


def _no_markup(text: str) -> str:
    return f"{text} " if text.startswith("<r>") and text.endswith("</r>") else text  # XlsxWriter takes such text for XML
