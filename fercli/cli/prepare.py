"""`fercli prepare`."""

import shlex
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli import interface
from fercli.cli import console
from fercli.cli.numbers import between
from fercli.cli.options import OverwriteOption, StrictOption, output_option
from fercli.errors import listed
from fercli.interface import DATA
from fercli.labels import LABELS, ORDERS
from fercli.surroundings import usable_cores

if TYPE_CHECKING:
    from fercli.dataset import Dataset
    from fercli.preparation.prepare import Drawn, Preparation

_SMALL = 10_000  # training images; with fewer, starting from shipped weights is better than starting from random ones

EXAMPLES = (
    "fercli prepare fer2013.csv --ferplus fer2013new.csv",
    "fercli prepare my-faces/ -o mine.npz --split 80/10/10",
)


_classes_option = partial(typer.Option, rich_help_panel="Classes", show_default=False)
_splits_option = partial(typer.Option, rich_help_panel="Splits")


def prepare(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="FER2013's CSV, or one like it, plain or in .gz, .xz, .zip, .tar.gz; or a folder or .zip of face crops in "
            "folders named after expressions, which may be inside or around folders train, validation and test.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, output_option("--output", "-o", metavar="FILE", help="The data set to write.", show_default=True)
    ] = DATA,
    ferplus: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Add the crowd's votes from FER+'s fer2013new.csv.", show_default=False)
    ] = None,
    flips: Annotated[bool, typer.Option("--flips/--no-flips", help="Double the training images by mirroring them.")] = True,
    hog: Annotated[bool, typer.Option("--hog/--no-hog", help="Compute HOG features.")] = True,
    drop_leaked: Annotated[
        bool, typer.Option("--drop-leaked", help="Drop training images that are also in validation or test.")
    ] = False,
    classes: Annotated[
        str | None,
        _classes_option(
            metavar="NAMES",
            help="Names of the classes: pairs such as 1=surprise,2=fear, or a data set that numbers them in the same way, one of "
            f"{', '.join(ORDERS)}.",
            show_default="FER2013's numbers in a CSV, names in folders",
        ),
    ] = None,
    leave_out: Annotated[
        list[str] | None, _classes_option(metavar="NAME", help="A class to leave out, such as contempt; may be repeated.")
    ] = None,
    split: Annotated[
        str | None,
        _splits_option(
            metavar="SHARES",
            help="Draw train, validation and test anew, in these percentages; 0/0/100 for a set to evaluate on only.",
            show_default="80/10/10 if the source has no splits",
        ),
    ] = None,
    person: Annotated[
        str | None,
        _splits_option(
            metavar="COLUMN|REGEX",
            help="What tells whose face it is: a column of the CSV, or a regular expression for file names, such as 'S[0-9]+'. "
            "Each person is drawn into one split only.",
            show_default="columns called person or subject; folders",
        ),
    ] = None,
    validation_share: Annotated[
        float,
        _splits_option(
            **between(0.01, 0.5), metavar="SHARE", help="Share of each class to take from train if only validation is missing."
        ),
    ] = 0.1,
    seed: Annotated[int, _splits_option(**between(0, whole=True), metavar="NUMBER", help="Random seed for drawing splits.")] = 0,
    strict: StrictOption = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Turn FER2013, or your own face crops, into one file for training and evaluation."""
    started = time.monotonic()
    with console.progress("rows") as meter:

        def on_progress(stage: str, done: int, total: int | None) -> None:
            meter.update(done, total=total, unit="images and mirror images with HOG" if stage == "HOG" and flips else stage)

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
            processes=usable_cores(),
            on_progress=on_progress,
        )
    _report(result, output, time.monotonic() - started)
    if result.rejected:
        raise typer.Exit(3)


def _report(result: "Preparation", output: Path, seconds: float) -> None:
    """Print what was found and made, and the commands that go on from there."""
    from fercli.dataset import PUBLISHED
    from fercli.photos.faces import CROP_SIDE

    _show_counts(result.counts)
    _say_findings(result)
    dataset, sums = result.dataset, {name: sum(counts) for name, counts in result.counts.items()}
    total, rejected = sum(sums.values()), len(result.rejected)
    rows = total + result.dropped + rejected
    if not (dataset.meta["names"] or result.drawn or result.left_out or rows == sum(PUBLISHED)):
        console.say(f"note: FER2013 as published has {sum(PUBLISHED):,} rows, this file {rows:,}; check that it is complete")
    missing = [name for name, count in zip(LABELS, result.counts["train"], strict=True) if not count]
    if missing and sums["train"]:
        console.warn(f"warning: there is no training image of {', '.join(missing)}; a network cannot learn that from this set")
    unmeasured = [
        f"{name} image of {listed(label for label, count in zip(LABELS, counts, strict=True) if not count)}"
        for name, counts in result.counts.items()
        if name != "train" and any(counts) and not all(counts)
    ]
    if unmeasured:
        console.say(f"note: there is no {listed(unmeasured, 'or')}, so accuracy on these is not measured")
    if result.large:
        console.warn(
            f"warning: images of more than {CROP_SIDE} pixels a side, each taken whole: {len(result.large):,}, such as "
            f"{console.safe(result.large[0])}. prepare takes face crops: cut photos to the face first; to compare labels of whole "
            "photos, use fercli classify and then fercli summary --truth."
        )
    size = output.stat().st_size / 1e6
    hog = "with HOG" if dataset.train.hog is not None else "without HOG"
    data = f"--data {shlex.quote(str(output))}"
    console.say(f"{console.name(output)}: {total:,} images, {rejected:,} rejected, {hog}, {size:,.0f} MB, in {seconds:.1f} s")
    for beginning, command in _next(dataset, sums["train"]):
        console.say(f"{beginning}: fercli {command} {data}")


def _show_counts(counts: "dict[str, list[int]]") -> None:
    table = console.table("Images", ["expression", *counts, "all"])
    for label, expression in enumerate(LABELS):
        numbers = [split[label] for split in counts.values()]
        table.add_row(expression, *(f"{number:,}" for number in (*numbers, sum(numbers))))
    sums = [sum(split) for split in counts.values()]
    table.add_section()
    table.add_row("all", *(f"{number:,}" for number in (*sums, sum(sums))))
    console.show(table)


def _say_findings(result: "Preparation") -> None:
    dataset, found = result.dataset, result.duplicates
    if dataset.meta["flips"]:
        console.say(f"training images with their mirror images: {len(dataset.train):,}")
    if result.drawn:
        console.say(_drawn(result.drawn))
    if result.persons:
        console.say(f"persons: {result.persons:,}; images of unknown ones: {result.unknown:,}")
    if result.shared:
        console.warn(
            f"warning: persons with images in several splits: {result.shared:,}; accuracy on new people will be lower "
            "than on this set"
        )
    if result.left_out:
        counted = ", ".join(f"{count:,} of {console.safe(name)}" for name, count in sorted(result.left_out.items()))
        console.say(f"left out: {counted}")
    console.say(
        f"duplicates: {found.groups:,} {'group' if found.groups == 1 else 'groups'} of identical images ({found.rows:,} images), "
        f"{found.conflicting:,} with conflicting labels"
    )
    console.say(
        "leaks, identical to a training image: " + ", ".join(f"{count:,} in {name}" for name, count in found.leaked.items())
    )
    if result.dropped:
        console.say(f"training images dropped because of these leaks: {result.dropped:,}")
    if dataset.train.votes is not None:
        console.say("the crowd's votes (FER+): added")
    for reject in result.rejected:
        console.warn(f"reject: {console.safe(reject.place)}: {reject.code}: {reject.reason}")


def _drawn(drawn: "Drawn") -> str:
    shares = "/".join(f"{100 * drawn.shares.get(name, 0):.0f}" for name in ("train", "validation", "test"))
    evenly = "by person" if drawn.by == "person" else "evenly in each class"
    what = "validation: drawn from train" if drawn.of == "train" else "train, validation and test: drawn"
    return f"{what}, {shares} percent, {evenly}, with seed {drawn.seed}"


def _next(dataset: "Dataset", training: int) -> list[tuple[str, str]]:
    """Return the commands that suit such a data set, each with how to introduce it, and without the data set's name.

    Whether images are FER2013's cannot be told from a part of them. Weights that were trained on those have seen its training
    images, which may be test images here, so they are offered on that condition only.
    """
    if not training:
        return [("Next", "evaluate")]
    found = [("Next", f"train --deep{' --hog' if dataset.train.hog is not None else ''}")]
    if dataset.train.votes is not None:
        found.append(("Or, with the crowd's votes", "train --model compact"))
    elif training < _SMALL:
        start = "train --model compact --start compact --votes 0 --epochs 10 --learning-rate 0.01"
        found.append(("Better with so few images, unless some of them are from FER2013", start))
    return found
