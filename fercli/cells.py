"""Lines of CSV that no spreadsheet runs as formulas."""

import csv
import io
from collections.abc import Sequence


def csv_line(cells: Sequence[object]) -> bytes:
    """Return a line of CSV in UTF-8; text cells that a spreadsheet would run as a formula get a leading apostrophe."""
    line = io.StringIO()
    # The writer quotes only characters of its line end, and a file name may hold a carriage return (Python 3.11).
    csv.writer(line, lineterminator="\r\n").writerow([_without_formula(cell) for cell in cells])
    return line.getvalue().removesuffix("\r\n").encode() + b"\n"


def _without_formula(value: object) -> object:
    # https://owasp.org/www-community/attacks/CSV_Injection
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value
