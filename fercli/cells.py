"""Cells of CSV that no spreadsheet runs as formulas."""

import csv
import io
from collections.abc import Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # https://owasp.org/www-community/attacks/CSV_Injection


def csv_line(cells: Sequence[object]) -> bytes:
    """Return a line of CSV in UTF-8; text cells that a spreadsheet would run as a formula get a leading apostrophe."""
    line = io.StringIO()
    # The writer quotes only characters of its line end, and a file name may hold a carriage return (Python 3.11).
    csv.writer(line, lineterminator="\r\n").writerow([escaped(cell) if isinstance(cell, str) else cell for cell in cells])
    return line.getvalue().removesuffix("\r\n").encode() + b"\n"


def escaped(text: str) -> str:
    """Return the text with an apostrophe before what a spreadsheet would run as a formula, apostrophes of its own included."""
    return f"'{text}" if text.lstrip("'").startswith(_FORMULA) else text


def unescaped(text: str) -> str:
    """Return the text that `escaped` was given."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(_FORMULA) else text
