"""`fercli prepare`."""

import os
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli import interface
from fercli.cli import console
from fercli.cli.options import DATA_DEFAULT, OverwriteOption, StrictOption
from fercli.labels import LABELS

if TYPE_CHECKING:
    from fercli.dataset import Dataset
    from fercli.preparation.prepare import Drawn, Preparation

_SMALL = 10_000  # training images, below which it is better to go on from shipped weights than to begin anew

EXAMPLES = (
    "fercli prepare fer2013.csv --ferplus fer2013new.csv",
    "fercli prepare my-faces/ -o mine.npz --split 80/10/10",
)


def prepare(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="FER2013's CSV, or one like it, plain or in .gz, .xz, .zip, .tar.gz; or a folder of images in folders named by "
            "their expressions, alone or in train, validation and test.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The data set to write.", rich_help_panel="Output")
    ] = DATA_DEFAULT,
    ferplus: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Add the crowd's votes from FER+'s fer2013new.csv.", show_default=False)
    ] = None,
    flips: Annotated[bool, typer.Option("--flips/--no-flips", help="Double the training images by mirroring them.")] = True,
    hog: Annotated[bool, typer.Option("--hog/--no-hog", help="Compute HOG features.")] = True,
    drop_leaked: Annotated[
        bool, typer.Option("--drop-leaked", help="Leave out training images that also stand in validation or test.")
    ] = False,
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="What the classes are called, such as 1=surprise,2=fear, or whose numbers they have: rafdb, affectnet, ck+, expw, "
            "ferplus.",
            show_default="fer2013 in a CSV, names of folders",
            rich_help_panel="Classes",
        ),
    ] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A class to leave out, such as contempt; may be given again.",
            show_default=False,
            rich_help_panel="Classes",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="SHARES",
            help="Draw train, validation and test anew, in these per cents; 0/0/100 to evaluate only.",
            show_default="80/10/10 if the source has none",
            rich_help_panel="Splits",
        ),
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN|PATTERN",
            help="The CSV's column, or a pattern of file names such as 'S[0-9]+', that tells whose face it is; nobody is drawn "
            "into two splits.",
            show_default="columns called person or subject; folders",
            rich_help_panel="Splits",
        ),
    ] = None,
    validation_share: Annotated[
        float,
        typer.Option(
            min=0.01,
            max=0.5,
            metavar="SHARE",
            help="Share of each class to draw from train if only validation is missing.",
            rich_help_panel="Splits",
        ),
    ] = 0.1,
    seed: Annotated[int, typer.Option(min=0, metavar="NUMBER", help="Seed of what is drawn.", rich_help_panel="Splits")] = 0,
    strict: StrictOption = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Read FER2013, or your own faces, into one file for training and evaluation."""
    started = time.monotonic()
    with console.progress("rows") as meter:

        def on_progress(stage: str, done: int, total: int | None) -> None:
            meter.update(done, total=total, unit="images with HOG" if stage == "HOG" else stage)

        result = interface.prepare(
            source,
            output,
            ferplus=ferplus,
            flips=flips,
            hog=hog,
            drop_leaked=drop_leaked,
            classes=classes,
            leave_out=leave_out or [],
            split=split,
            person=person,
            validation_share=validation_share,
            seed=seed,
            strict=strict,
            overwrite=overwrite,
            processes=os.cpu_count() or 1,
            on_progress=on_progress,
        )
    _report(result, output, time.monotonic() - started)
    if result.rejected:
        raise typer.Exit(3)


def _report(result: "Preparation", output: Path, seconds: float) -> None:
    from fercli.preparation.prepare import PUBLISHED_ROWS

    counts = result.counts
    table = console.table("Images", ["expression", *counts, "all"])
    for label, expression in enumerate(LABELS):
        numbers = [split[label] for split in counts.values()]
        table.add_row(expression, *(f"{number:,}" for number in (*numbers, sum(numbers))))
    sums = [sum(split) for split in counts.values()]
    table.add_section()
    table.add_row("all", *(f"{number:,}" for number in (*sums, sum(sums))))
    console.show(table)
    dataset, found = result.dataset, result.duplicates
    if dataset.meta["flips"]:
        console.say(f"training images with their mirror images: {len(dataset.train):,}")
    if result.drawn:
        console.say(_drawn(result.drawn))
    if result.left_out:
        counted = ", ".join(f"{count:,} {console.safe(name)}" for name, count in sorted(result.left_out.items()))
        console.say(f"left out: {counted}")
    console.say(
        f"duplicates: {found.groups:,} groups of identical images ({found.rows:,} images), "
        f"{found.conflicting:,} with conflicting labels"
    )
    console.say(
        "leaks, identical to a training image: " + ", ".join(f"{count:,} in {name}" for name, count in found.leaked.items())
    )
    if result.dropped:
        console.say(f"left out of training because of these leaks: {result.dropped:,}")
    for reject in result.rejected:
        console.warn(f"reject: {console.safe(reject.place)}: {reject.code}: {reject.reason}")
    rows = sum(sums) + result.dropped + len(result.rejected)
    if not (dataset.meta["names"] or result.drawn or result.left_out or rows == PUBLISHED_ROWS):
        console.say(f"note: FER2013 as published has {PUBLISHED_ROWS:,} rows, and this file {rows:,}; see that it is whole")
    if dataset.train.votes is not None:
        console.say("the crowd's votes (FER+): added")
    missing = [name for name, count in zip(LABELS, counts["train"], strict=True) if not count]
    if missing and sums[0]:
        console.warn(
            f"warning: there is no training image of {', '.join(missing)}; a network trained on this set will not learn it"
        )
    size = output.stat().st_size / 1e6
    hog = "with HOG" if dataset.train.hog is not None else "without HOG"
    console.say(f"Next: {_next(dataset, sums[0])} --data {shlex.quote(str(output))}")
    rejected = f"{len(result.rejected):,} rejected"
    console.say(f"{console.name(output)}: {sum(sums):,} images, {rejected}, {hog}, {size:,.0f} MB, in {seconds:.1f} s")


def _drawn(drawn: "Drawn") -> str:
    shares = "/".join(f"{100 * drawn.shares.get(name, 0):.0f}" for name in ("train", "validation", "test"))
    evenly = "by person, nobody in two splits" if drawn.by == "person" else "evenly in each class"
    what = "validation: drawn from train" if drawn.of == "train" else "train, validation and test: drawn"
    return f"{what}, {shares} per cent, {evenly}, by seed {drawn.seed}"


def _next(dataset: "Dataset", training: int) -> str:
    """Return the command that makes most of such a data set, but for its name."""
    if not training:
        return "fercli evaluate"
    if dataset.train.votes is not None:
        return "fercli train --model compact"  # whose recipe asks for votes
    if training < _SMALL:
        return "fercli train --model compact --start compact --votes 0 --epochs 10 --learning-rate 0.01"
    return f"fercli train --deep{' --hog' if dataset.train.hog is not None else ''}"
