"""`fercli summary`."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import console
from fercli.cli.options import OverwriteOption, output_option
from fercli.errors import UsageError
from fercli.files import atomic_write, refuse_existing
from fercli.labels import LABELS
from fercli.remote import place

if TYPE_CHECKING:
    from fercli.classification.summary import Group, Summary

_GROUPS_SHOWN = 50
_NAME_WIDTH = 17  # characters; with it the wider table has 80
FORMATS = (".csv", ".jsonl", ".xlsx")

EXAMPLES = (
    "fercli summary results.csv",
    "fercli summary results.csv --by folder --by minute -o summary.csv --plot summary.png",
)


def summary(
    results: Annotated[
        Path,
        typer.Argument(parser=place, metavar="RESULTS", help="What fercli classify wrote: a file, or a folder of parts."),
    ],
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="folder|person|minute|COLUMN|REGEX",
            help="What to group by; may be repeated. A regular expression is searched for in the path, and its named groups become "
            "columns.",
            show_default="folder",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        output_option("--output", "-o", metavar="FILE", help=f"Write every figure to a file ending in {', '.join(FORMATS)}."),
    ] = None,
    plot: Annotated[
        Path | None,
        output_option(metavar="FILE", help="Draw the mean probabilities with their intervals, as PNG."),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Summarise results by group: counts, shares of the labels, and mean probabilities with 95 % intervals."""
    for path, suffixes in ((output, FORMATS), (plot, (".png",))):
        if path and path.suffix.lower() not in suffixes:
            known = " or ".join(filter(None, [", ".join(suffixes[:-1]), suffixes[-1]]))
            raise UsageError(f"{path} has no suffix that can be written here; end the name in {known}.")
        if path:
            refuse_existing(path, overwrite=overwrite, inputs=[results])
    from fercli.classification.outputs import refuse_missing_extra
    from fercli.classification.results import read_results
    from fercli.classification.summary import summarise
    from fercli.classification.writers import WRITERS

    if output:
        refuse_missing_extra(output.suffix.lower())
    found = summarise(read_results(results), by or ["folder"])
    if output:
        with atomic_write(output, overwrite=overwrite) as handle:
            writer = WRITERS[output.suffix.lower()](handle, found.table_columns)
            for row in found.table():
                writer.write(row)
            writer.close()
    if plot:
        from fercli.plots import plot_means

        means = {" ".join(group.names): group.means for group in found.groups}
        plot_means(
            {name: [(mean.value, mean.interval) for mean in values] for name, values in means.items() if values}, LABELS, plot
        )
    _show(found)
    for path in (output, plot):
        if path:
            console.say(f"written: {console.name(path)}")


def _show(found: "Summary") -> None:
    heading = ", ".join(found.columns)
    shown = found.groups[:_GROUPS_SHOWN]
    if len(found.groups) > 1:
        shown = [*shown, found.everything]
    counts = console.table("Photos and faces", [heading, "photos", "faces", "no face", "rejected"])
    means = console.table("Mean probability, %, and half its 95 % interval", [heading, *LABELS])
    names = _short([" ".join(group.names) for group in found.groups])[:_GROUPS_SHOWN]
    for name, group in zip([*names, "all"], shown, strict=False):
        numbers = (group.photos, group.faces, group.status["no_face"], group.status["rejected"])
        counts.add_row(name, *(f"{number:,}" for number in numbers))
        means.add_row(name, *_cells(group))
    console.show_result(counts)
    console.show_result(means)
    if len(found.groups) > _GROUPS_SHOWN:
        console.say_result(f"These are the first {_GROUPS_SHOWN} of {len(found.groups):,} groups; -o summary.csv writes all.")
    if found.unmatched:
        console.say_result(f"photos in no group, because --by does not match their paths: {found.unmatched:,}")


def _cells(group: "Group") -> list[str]:
    if not group.means:
        return [console.NOTHING] * len(LABELS)
    cells = []
    for mean in group.means:
        half = f"±{100 * max(abs(bound - mean.value) for bound in mean.interval):.0f}" if mean.interval else ""
        cells.append(f"{100 * mean.value:.0f}{half}")
    return cells


def _short(names: Sequence[str]) -> list[str]:
    """Return the names; if one is too long for a table, without what all begin with and without the middle of the longest."""
    names = [console.safe(name).replace("\n", "\\n") for name in names]
    if max(map(len, names)) > _NAME_WIDTH:
        begin = max(0, len(os.path.commonprefix(names)) - 1)  # noqa: RUF071 (by characters: names need be no paths)
        names = [f"…{name[begin:]}" if begin > 1 else name for name in names]
    half = _NAME_WIDTH // 2
    return [name if len(name) <= _NAME_WIDTH else f"{name[:half]}…{name[-half:]}" for name in names]
