"""`fercli summary`."""

import io
import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import console
from fercli.cli.options import OverwriteOption, output_option
from fercli.errors import UsageError
from fercli.files import refuse_existing, refuse_other_endings
from fercli.labels import LABELS
from fercli.remote import place
from fercli.writing import Outputs, together

if TYPE_CHECKING:
    from fercli.classification.summary import Mean, Summary

_GROUPS_SHOWN = 50
_NAME_WIDTH = 17  # characters; with it the wider table has 80
_COUNTS = ("photos", "no face", "rejected", "faces", "no label")
_NONE = [console.NOTHING] * len(LABELS)
FORMATS = (".csv", ".jsonl", ".xlsx")

EXAMPLES = (
    "fercli summary results.csv",
    "fercli summary results.csv --by folder --by minute --plot summary.png",
    "fercli summary results.csv --truth by-hand.csv",
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
            metavar="GROUP",
            help="What to group by: folders; for videos, minutes or persons (numbered anew in each video); a column; or what a "
            "regular expression finds in the path, such as participants: 'p(?P<participant>[0-9]+)/'. Its named groups become "
            "columns. May be repeated.",
            show_default="folder",
        ),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN|REGEX",
            help="What counts as one observation, such as a participant with several photos: values are averaged within each unit "
            "first, then over units, and intervals are between units. Named as for --by.",
            show_default="the photo or video",
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Compare the results with labels by hand instead: a table of photos with the columns path and label.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        output_option(
            "--output",
            "-o",
            metavar="FILE",
            help=f"Write the table, with all its numbers, to a file ending in {', '.join(FORMATS)}.",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        output_option(metavar="FILE", help="Draw the mean probabilities with their intervals, as PNG."),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Summarise results by group: counts, shares of the labels, and mean probabilities with 95 % intervals."""
    if truth and (by or unit or plot):
        raise UsageError("--truth compares photo by photo, without groups; drop --by, --unit and --plot.")
    inputs = [results, *filter(None, [truth])]
    for path, suffixes in ((output, FORMATS), (plot, (".png",))):
        if path:
            refuse_other_endings(path, suffixes)
            refuse_existing(path, overwrite=overwrite, inputs=inputs)
    from fercli.classification.outputs import refuse_missing_extra

    if output:
        refuse_missing_extra(output.suffix.lower())
    files = list(filter(None, (output, plot)))
    with together() as outputs:
        for file in files:
            outputs.claim(file, overwrite=overwrite, inputs=inputs)
        if truth:
            show = _compare(results, truth, output, outputs)
        else:
            show = _summarise(results, by or ["folder"], unit, output, plot, outputs)
    show()
    for file in files:
        console.say(f"written: {console.name(file)}")


def _summarise(
    results: Path, by: Sequence[str], unit: str | None, output: Path | None, plot: Path | None, outputs: Outputs
) -> Callable[[], None]:
    """Summarise, and return what shows it."""
    from fercli.classification.results import read_results
    from fercli.classification.summary import summarise

    found = summarise(read_results(results), by, unit)
    if output:
        outputs.write(output, _table(output.suffix.lower(), found.table_columns, found.table()))
    if plot:
        from fercli.plots import plot_means

        means = {_joined(group.names): group.means for group in found.groups}
        drawn = {name: [(mean.value, mean.interval) for mean in values] for name, values in means.items() if values}
        outputs.write(plot, plot_means(drawn, LABELS, ", ".join(found.columns)))
    return partial(_show, found, unit)


def _compare(results: Path, truth: Path, output: Path | None, outputs: Outputs) -> Callable[[], None]:
    """Compare, and return what shows it."""
    from fercli.classification.results import read_results
    from fercli.classification.truth import COLUMNS_COMPARED, compare, read_truth
    from fercli.cli import agreement
    from fercli.evaluation.measures import measure

    compared = compare(read_truth(truth), read_results(results, COLUMNS_COMPARED))
    measures = measure(compared.by_hand, compared.found, None)
    if output:
        outputs.write(output, _table(output.suffix.lower(), agreement.COLUMNS, agreement.table(compared, measures)))
    return partial(agreement.show, compared, measures)


def _table(suffix: str, columns: Sequence[str], rows: Iterable[dict[str, object]]) -> bytes:
    from fercli.classification.writers import WRITERS

    written = io.BytesIO()
    writer = WRITERS[suffix](written, columns)
    for row in rows:
        writer.write(row)
    writer.close()
    return written.getvalue()


def _show(found: "Summary", unit: str | None) -> None:
    heading = ", ".join(found.columns)
    shown = found.groups[:_GROUPS_SHOWN]
    names = _short([group.names for group in shown])
    if len(found.groups) > 1:
        shown, names = [*shown, found.everything], [*names, "all"]
    counts = console.table("Photos or videos, and their faces", [heading, *_COUNTS])
    whose = f"units ({unit})" if unit else "photos or videos"
    means = console.table(f"Mean probability and its 95 % interval, %; n: {whose} with faces", [heading, "n", *LABELS])
    shares = console.table("Share of each label, %", [heading, *LABELS])
    for name, group in zip(names, shown, strict=True):
        numbers = (group.photos, group.status["no_face"], group.status["rejected"], group.faces, group.unlabelled)
        counts.add_row(name, *(f"{number:,}" for number in numbers))
        means.add_row(name, f"{group.units:,}", *(map(_cell, group.means) if group.means else _NONE))
        shares.add_row(name, *(map(console.percent, group.shares) if group.shares else _NONE))
    for table in (counts, means, shares):
        console.show_result(table)
    if len(found.groups) > _GROUPS_SHOWN:
        console.say_result(f"These are the first {_GROUPS_SHOWN} of {len(found.groups):,} groups; -o summary.csv writes all.")
    if found.unmatched:
        console.say_result(f"photos that --by or --unit does not fit, left out of the groups: {found.unmatched:,}")


def _cell(mean: "Mean") -> str:
    interval = "\n{:.0f}–{:.0f}".format(*(100 * bound for bound in mean.interval)) if mean.interval else ""
    return f"{100 * mean.value:.0f}{interval}"


def _short(names: Sequence[Sequence[str]]) -> list[str]:
    """Return names for a table, each made of several parts, of which long ones are cut as far as they stay different."""
    return [_joined(parts) for parts in zip(*map(_shortened, zip(*names, strict=True)), strict=True)]


def _joined(parts: Sequence[str]) -> str:
    """Return one name made of several parts, of which those of a column may be empty."""
    return ", ".join(part or "(empty)" for part in parts)


def _shortened(parts: Sequence[str]) -> list[str]:
    """Return the parts; if one is too long, without what all begin with and without the middle of the longest."""
    parts = [console.safe(part).replace("\n", "\\n") for part in parts]
    longest = max(map(len, parts))
    common = os.path.commonprefix(parts) if len(set(parts)) > 1 else ""  # noqa: RUF071 (by characters: names need be no paths)
    begin = max(0, len(common) - 1)
    ends = [f"…{part[begin:]}" if begin > 1 else part for part in parts]
    for width in range(_NAME_WIDTH, longest):
        half = width // 2
        short = [part if len(part) <= width else f"{part[:half]}…{part[-half:]}" for part in ends]
        if len(set(short)) == len(set(parts)):
            return short
    return parts
