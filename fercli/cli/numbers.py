"""Numbers on the command line: read in one place, so that a mistyped one is told in the same words by every command."""

import math
import re
from collections.abc import Callable
from typing import Any

import typer

_UNITS = {"": 1.0, "%": 0.01, "s": 1.0, "sec": 1.0, "seconds": 1.0, "px": 1.0, "pixels": 1.0, "min": 60.0, "ms": 0.001}


def between(low: float, high: float | None = None, *, whole: bool = False) -> dict[str, Any]:
    """Return what makes an option take a number from `low` to `high`: arguments for `typer.Option`."""
    return {"min": low, "max": high, "parser": _parser(low, high, whole)}  # the first two are for the help


def _parser(low: float, high: float | None, whole: bool) -> Callable[[Any], float]:
    def parse(given: Any) -> float:
        number = _number(str(given), whole)  # a default is a number already
        if number is not None and low <= number <= (math.inf if high is None else high):
            return number
        kind = "a whole number" if whole else "a number"
        bounds = f"of at least {_shown(low)}" if high is None else f"from {_shown(low)} to {_shown(high)}"
        meant = f" Did you mean {meant}?" if (meant := _meant(str(given), low, high, whole)) else ""
        if number is not None:
            raise typer.BadParameter(f"{given} is out of range; give {kind} {bounds}.{meant}")
        form = "in digits alone" if whole else "with a decimal point, and without a unit or a percent sign"
        raise typer.BadParameter(f"{given} is not {kind}; give {kind} {bounds}, {form}.{meant}")

    return parse


def _number(text: str, whole: bool) -> float | None:
    if not text.isascii() or "_" in text:  # which Python takes
        return None
    try:
        number = int(text) if whole else float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _meant(text: str, low: float, high: float | None, whole: bool) -> str | None:
    """Return the number as it should have been typed, if it had a decimal comma or a unit, or was a share in percent."""
    found = re.fullmatch(r"([+-]?\d+(?:[.,]\d+)?) ?(%|[a-z]*)", text.strip().lower())
    if not found or found[2] not in _UNITS:
        return None
    number = float(found[1].replace(",", ".")) * _UNITS[found[2]]
    if high is not None and high <= 1 and 2 <= number <= 100 and not found[2]:  # a share in percent; 1.5 is only too much
        number /= 100
    meant = _shown(number)
    fits = low <= number <= (math.inf if high is None else high) and not (whole and number % 1)
    return meant if fits and meant != text else None


def _shown(number: float) -> str:
    return f"{number:.10g}"
