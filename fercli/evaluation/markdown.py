"""Pieces of Markdown that the parts of a card share."""

from collections.abc import Sequence


def table(header: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """Return a table's lines: the first column is text, the others are numbers."""
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return ["| " + " | ".join(row) + " |" for row in (header, rule, *body)]


def percent(share: float | None) -> str:
    """Return a share, 0 to 1, in percent; a dash for None."""
    return "–" if share is None else f"{100 * share:.2f} %"
