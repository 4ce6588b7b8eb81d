"""`fercli classify`."""

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from fercli.cli import console
from fercli.cli.options import (
    DeepOption,
    DetectorName,
    HogOption,
    ModelOption,
    OverwriteOption,
    ShallowOption,
    StrictOption,
    WeightsOption,
)
from fercli.errors import FercliError
from fercli.files import MAX_PIXELS, Walk, atomic_write, refuse_existing, refuse_missing
from fercli.labels import LABELS
from fercli.registry import DEFAULT_MODEL, name_from_flags

if TYPE_CHECKING:
    from fercli.records import Outcome


def classify(
    inputs: Annotated[
        list[Path], typer.Argument(help="Photos, and folders of photos with all their subfolders.", show_default=False)
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Results to write: .csv, .jsonl, or - for CSV on standard output.", show_default=False),
    ],
    deep: DeepOption = False,
    shallow: ShallowOption = False,
    hog: HogOption = None,
    model: ModelOption = None,
    weights: WeightsOption = None,
    detector: Annotated[
        DetectorName, typer.Option(help="How to find faces; auto takes images of at most 96 pixels a side whole.")
    ] = DetectorName.auto,
    max_pixels: Annotated[int, typer.Option(min=1, help="Reject photos with more pixels than this.")] = MAX_PIXELS,
    strict: StrictOption = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Find every face in every photo, and label its expression."""
    from fercli.records import rows, writer_for

    to_stdout = str(output) == "-"
    make_writer = writer_for(output)
    name = name_from_flags(model=model, deep=deep, shallow=shallow, hog=hog)
    refuse_missing(inputs, "give image files or folders of them")
    if not to_stdout:
        refuse_existing(output, overwrite=overwrite, inputs=inputs)
    walk = Walk(inputs)
    from fercli.inference import Labeller, own_weights, shipped_weights

    labeller = Labeller(own_weights(weights) if weights else shipped_weights(name or DEFAULT_MODEL), name)
    from fercli.classification import classify as label_photos
    from fercli.faces import DETECTORS

    tally: Counter[str] = Counter()
    expressions: Counter[str] = Counter()
    started = time.monotonic()
    console.say_on_stop("Stopped; nothing was written.")
    with _opened(output, to_stdout=to_stdout) as handle, console.progress("photos") as bars:
        bar = bars.add_task("classify", total=None)
        writer = make_writer(handle)
        for outcome in label_photos(walk, labeller, DETECTORS[detector](), max_pixels=max_pixels):
            for row in rows(outcome, labeller.title):
                writer.write(row)
            tally[outcome.status] += 1
            expressions.update(face.label for face in outcome.faces)
            _say_reject(outcome)
            if outcome.reject and strict:
                raise FercliError("A photo was rejected and --strict allows none; nothing was written.")
            bars.update(bar, completed=tally.total(), description=f"classify  {expressions.total()} faces")
        _refuse_empty(tally, walk)
    _report(tally, expressions, walk, output, labeller.title, time.monotonic() - started)
    if tally["rejected"] or walk.unreadable:
        raise typer.Exit(3)


@contextlib.contextmanager
def _opened(output: Path, *, to_stdout: bool) -> Iterator[BinaryIO]:
    if to_stdout:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with atomic_write(output) as handle:
            yield handle


def _say_reject(outcome: "Outcome") -> None:
    if outcome.reject:
        console.say(f"reject: {console.name(outcome.path)}: {outcome.reject.code}: {outcome.reject.reason}")


def _refuse_empty(tally: Counter[str], walk: Walk) -> None:
    """Raise FercliError if no photo could be read: there is nothing to publish."""
    if tally["rejected"] and tally.total() == tally["rejected"]:
        raise FercliError(f"None of the {tally.total()} photos could be read; nothing was written.")
    if not tally:
        found = f"only {walk.passed_over} of other kinds" if walk.passed_over else "no files"
        raise FercliError(
            f"There are no photos in {', '.join(console.name(path) for path in walk.inputs)}: {found}; nothing was written."
        )


def _report(tally: Counter[str], expressions: Counter[str], walk: Walk, output: Path, model: str, seconds: float) -> None:
    for folder, reason in walk.unreadable:
        console.say(f"reject: {console.name(folder)}: unreadable: {reason}")
    faces = expressions.total()
    table = console.table(f"Expressions of {faces:,} faces, by {model}", ["expression", "faces", "share"])
    for label in LABELS:
        table.add_row(label, f"{expressions[label]:,}", f"{expressions[label] / faces:.1%}" if faces else "–")
    console.show(table)
    if walk.passed_over:
        console.say(f"passed over, no photos: {walk.passed_over:,}")
    target = "standard output" if str(output) == "-" else console.name(output)
    console.say(
        f"{target}: {tally.total():,} photos, {faces:,} faces, {tally['no_face']:,} photos without a face, "
        f"{tally['rejected']:,} rejected, in {seconds:.1f} s ({tally.total() / seconds:.1f} photos/s)"
    )
