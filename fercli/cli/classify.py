"""`fercli classify`."""

import contextlib
from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli import interface
from fercli.classification.journal import finished_path, is_begun, journal_path
from fercli.classification.outputs import Output
from fercli.classification.writers import WRITERS
from fercli.cli import console
from fercli.cli.numbers import between
from fercli.cli.options import (
    DeepOption,
    HogOption,
    OverwriteOption,
    PriorOption,
    ShallowOption,
    StrictOption,
    TtaOption,
    WeightsOption,
    named_model,
    output_option,
)
from fercli.cli.tally import Tally, counted
from fercli.errors import UsageError
from fercli.files import MAX_PIXELS
from fercli.interface import Engine, OnNoFace, Prior
from fercli.models.registry import DEFAULT_MODEL, name_from_flags
from fercli.remote import place

if TYPE_CHECKING:
    from fercli.classification.run import Run

EXAMPLES = (
    "fercli classify ./photos -o results.csv",
    "fercli classify ./photos -o results.xlsx --largest --report report.html",
)
# Bytes: pictures of many megapixels are made of larger blocks. Smaller blocks are kept for the next picture, which saves time.
_LARGE = 8 << 20
_STANDARD_INPUT = Path("-")  # recognised by identity: the file ./- has an equal path

_faces_option = partial(typer.Option, rich_help_panel="Faces")
_cluster_option = partial(typer.Option, rich_help_panel="Cluster")


class DetectorName(StrEnum):
    """The detectors of `faces.DETECTORS`, named here, too, so that a usage error does not wait for numpy."""

    auto = "auto"
    haar = "haar"
    mtcnn = "mtcnn"
    none = "none"


def _input(text: str) -> Path:
    return _STANDARD_INPUT if text == "-" else place(text)


def classify(
    output: Annotated[
        Output,
        output_option(
            "--output",
            "-o",
            parser=Output.parse,
            metavar="FILE|FOLDER/|-",
            help=f"Where to write the results: a file ending in {', '.join(WRITERS)}; FOLDER/ for a folder of parts, such as "
            "results.csv/; - for CSV on standard output.",
        ),
    ],
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(
            parser=_input,
            metavar="INPUTS",
            help="Photos, videos, and folders, which are searched with all their subfolders; also s3://, gs:// and hdfs://. - "
            "reads a list from standard input, such as the output of find … -print0.",
            show_default=False,
        ),
    ] = None,
    from_file: Annotated[
        Path | None,
        typer.Option(
            "--from-file",
            metavar="FILE",
            help="A list of more inputs: one a line, or separated by NUL, or a table with a column path.",
            show_default=False,
        ),
    ] = None,
    deep: DeepOption = False,
    shallow: ShallowOption = False,
    hog: HogOption = None,
    model: Annotated[str | None, named_model(show_default=DEFAULT_MODEL)] = None,
    weights: WeightsOption = None,
    tta: TtaOption = False,
    prior: PriorOption = Prior.trained,
    detector: Annotated[
        DetectorName,
        _faces_option(
            help="How to find faces. auto takes images of up to 128 pixels a side as crops of faces, and searches larger ones."
        ),
    ] = DetectorName.auto,
    largest: Annotated[bool, _faces_option("--largest", help="Keep only the largest face of each photo.")] = False,
    min_face: Annotated[
        int,
        _faces_option(
            **between(0, whole=True), metavar="PIXELS", help="Leave out faces smaller than this, in pixels of the photo."
        ),
    ] = 0,
    min_confidence: Annotated[
        float,
        _faces_option(**between(0, 1), metavar="SHARE", help="Leave the label empty where its probability is lower than this."),
    ] = 0.0,
    on_no_face: Annotated[
        OnNoFace,
        _faces_option(
            help="What to do with a photo without a face: write a row that says so; take the whole photo as a face, which is for "
            "crops of faces only; or skip it."
        ),
    ] = OnNoFace.row,
    annotate: Annotated[
        Path | None,
        output_option(parser=place, metavar="FOLDER", help="Write copies with faces framed and labelled to this folder."),
    ] = None,
    report: Annotated[
        Path | None, output_option(parser=place, metavar="FILE", help="Write an HTML page about the results, such as report.html.")
    ] = None,
    max_pixels: Annotated[
        int,
        typer.Option(
            **between(1, whole=True),
            metavar="PIXELS",
            help="Reject photos with more pixels than this, and videos with such frames.",
        ),
    ] = MAX_PIXELS,
    every: Annotated[
        float,
        typer.Option(**between(0), metavar="SECONDS", help="Label a frame of a video every so many seconds; 0 labels every frame."),
    ] = 1.0,
    strict: StrictOption = False,
    resume: Annotated[
        bool,
        output_option("--resume", help="Resume a stopped run with the same output; results that are complete stay as they are."),
    ] = False,
    update: Annotated[
        bool,
        output_option(
            "--update",
            help="Update results that exist: label only photos that are new or changed, drop those gone or no longer named.",
        ),
    ] = False,
    overwrite: OverwriteOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but rejects and errors.")] = False,
    engine: Annotated[
        Engine, _cluster_option(help="Label on this machine, or on a Ray cluster (pip install 'fercli\\[ray]').")
    ] = Engine.local,
    ray_address: Annotated[
        str | None,
        _cluster_option(
            metavar="ADDRESS", help="Address of the Ray cluster; without it, one is started on this machine.", show_default=False
        ),
    ] = None,
    workers: Annotated[
        int | None,
        _cluster_option(
            **between(1, whole=True), metavar="COUNT", help="Number of Ray workers; without it, as many as fit.", show_default=False
        ),
    ] = None,
    worker_cpus: Annotated[
        int, _cluster_option(**between(1, whole=True), metavar="CORES", help="CPU cores of each Ray worker.")
    ] = 1,
    worker_gpus: Annotated[
        float, _cluster_option(**between(0), metavar="COUNT", help="GPUs of each Ray worker; a share, such as 0.5, is possible.")
    ] = 0.0,
) -> None:
    """Find every face in photos and videos, and label its expression."""
    console.set_quiet(quiet)
    name = name_from_flags(model=model, deep=deep, shallow=shallow, hog=hog)
    if not inputs and not from_file:
        raise UsageError("There is nothing to label; name photos, folders of them, or a list with --from-file.")
    run = interface.classify(
        [path for path in inputs or () if path is not _STANDARD_INPUT],
        model=name,
        weights=weights,
        tta=tta,
        prior=prior,
        detector=detector,
        largest=largest,
        min_face=min_face,
        min_confidence=min_confidence,
        on_no_face=on_no_face,
        max_pixels=max_pixels,
        every=every,
        output=output,
        annotate=annotate,
        report=report,
        strict=strict,
        resume=resume,
        overwrite=overwrite,
        update=update,
        from_file=from_file,
        listed=_standard_input(inputs or ()),
        engine=engine,
        ray_address=ray_address,
        workers=workers,
        worker_cpus=worker_cpus,
        worker_gpus=worker_gpus,
    )
    if run.complete:
        console.say(
            f"{console.name(output.path)} is complete, nothing is left to resume; to add photos that are new or changed: --update"
        )
        return
    again = "run the same command again" if update else "run the same command with --resume"
    farewell = None if output.stream else f"Stopped; finished work is kept. To continue, {again}."
    if farewell and (resume or update) and is_begun(journal_path(output.path)):
        console.say_on_stop(farewell)
    from fercli.classification.loading import release_blocks

    release_blocks(_LARGE)
    tally = Tally(min_confidence)
    title = run.labeller.title
    _label(run, tally, None if quiet else every, farewell)
    tally.say_end(run.walk, output.path, title)
    if run.kept:
        console.say(f"  of these, known from before: {run.kept:,}")
    if run.gone:
        console.say(f"  photos and videos that are gone, whose rows were dropped: {run.gone:,}")
    if run.unnamed:
        console.warn(
            f"photos and videos that the inputs no longer include, whose rows were dropped: {run.unnamed:,}; "
            "name all inputs each time, spelled the same way"
        )
    if run.outdated:
        names = ", ".join(console.name(place(name)) for name in run.outdated)
        console.say(f"made of earlier results and not updated: {names}; name them with --report or --annotate, or delete them")
    if not output.stream:
        _say_kept(finished_path(output.path))
    for path, amiss in run.amiss:
        console.warn(f"annotated copies: {console.name(path)} {amiss}")
    if tally.status["rejected"] or run.walk.unreadable or run.amiss:
        raise typer.Exit(3)


def _standard_input(inputs: Sequence[Path]) -> list[Path]:
    """Return what the list on standard input names, if it is among the inputs."""
    from fercli.classification.lists import read_list

    return read_list(None) if any(path is _STANDARD_INPUT for path in inputs) else []


def _label(run: "Run", tally: Tally, every: float | None, farewell: str | None) -> None:
    """Run to the end, with rejects as they come; without `every`, seconds, the pictures are not counted for the time left.

    `farewell` is what to print on a stop once there is something to resume.
    """
    with console.progress("pictures") as meter, contextlib.ExitStack() as stack:
        if every is not None:
            stack.enter_context(counted(run.new_walk(), every, meter.expect))
        for outcome in stack.enter_context(contextlib.closing(iter(run))):
            if run.redone and not tally.pictures:
                console.say(f"Everything is labelled again: {run.redone}.")
            if farewell and not outcome.reject:  # rejects are not kept
                console.say_on_stop(farewell)
            tally.add(outcome)
            if outcome.reject:
                console.warn(f"reject: {console.name(outcome.path)}: {outcome.reject.code}: {outcome.reject.reason}")
            meter.update(tally.pictures, known=run.kept, note=tally.text())


def _say_kept(path: Path) -> None:
    size = path.stat().st_size / 1e6
    large = f" of {size:,.0f} MB" if size >= 1 else ""
    console.say(
        f"kept for --update, in a hidden file{large}: {console.name(path)}; delete it if no photos will be added or changed"
    )
