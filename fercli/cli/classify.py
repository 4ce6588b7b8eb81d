"""`fercli classify`."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli import interface
from fercli.classification.job import Workers
from fercli.classification.journal import finished_path
from fercli.classification.outputs import Output
from fercli.classification.writers import WRITERS
from fercli.cli import console
from fercli.cli.options import (
    DeepOption,
    DetectorName,
    EngineName,
    HogOption,
    ModelOption,
    OnNoFace,
    OverwriteOption,
    PriorName,
    PriorOption,
    ShallowOption,
    StrictOption,
    TtaOption,
    WeightsOption,
)
from fercli.cli.tally import Tally, counted
from fercli.errors import UsageError
from fercli.files import MAX_PIXELS
from fercli.models.registry import name_from_flags
from fercli.remote import place

if TYPE_CHECKING:
    from fercli.classification.records import Outcome


_STANDARD_INPUT = Path("-")  # told by identity: the file ./- is an equal path


def _input(text: str) -> Path:
    return _STANDARD_INPUT if text == "-" else place(text)


EXAMPLES = (
    "fercli classify ./photos -o results.csv",
    "fercli classify ./photos -o results.xlsx --largest --min-confidence 0.5 --report report.html",
)


def classify(
    output: Annotated[
        Output,
        typer.Option(
            "--output",
            "-o",
            parser=Output.parse,
            metavar="PLACE",
            help=f"Results to write: {', '.join(WRITERS)}; FOLDER/ for parts; or - for CSV on standard output.",
            show_default=False,
            rich_help_panel="Output",
        ),
    ],
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(
            parser=_input,
            metavar="INPUTS",
            help="Photos, videos, and folders of them with all their subfolders; s3://, gs:// and hdfs:// too; - for a list on "
            "standard input, such as of find … -print0.",
            show_default=False,
        ),
    ] = None,
    from_file: Annotated[
        Path | None,
        typer.Option(
            "--from-file",
            metavar="FILE",
            help="A list of more inputs: names ended by lines or NUL, or a .csv with a column path.",
            show_default=False,
        ),
    ] = None,
    deep: DeepOption = False,
    shallow: ShallowOption = False,
    hog: HogOption = None,
    model: ModelOption = None,
    weights: WeightsOption = None,
    tta: TtaOption = False,
    prior: PriorOption = PriorName.trained,
    detector: Annotated[
        DetectorName,
        typer.Option(
            help="How to find faces; auto takes images of at most 96 pixels a side whole and searches larger ones.",
            rich_help_panel="Faces",
        ),
    ] = DetectorName.auto,
    largest: Annotated[
        bool, typer.Option("--largest", help="Only the largest face of each photo.", rich_help_panel="Faces")
    ] = False,
    min_face: Annotated[
        int,
        typer.Option(
            min=0, metavar="PIXELS", help="Leave out faces smaller than this, in pixels of the photo.", rich_help_panel="Faces"
        ),
    ] = 0,
    min_confidence: Annotated[
        float,
        typer.Option(
            min=0, max=1, metavar="SHARE", help="Leave the label empty where its probability is lower.", rich_help_panel="Faces"
        ),
    ] = 0.0,
    on_no_face: Annotated[
        OnNoFace,
        typer.Option(
            help="A photo without a face: a row that says so, the whole photo taken as a face, or nothing.", rich_help_panel="Faces"
        ),
    ] = OnNoFace.row,
    annotate: Annotated[
        Path | None,
        typer.Option(
            parser=place,
            metavar="FOLDER",
            help="Write copies with faces framed and named into this folder.",
            show_default=False,
            rich_help_panel="Output",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            parser=place,
            metavar="FILE",
            help="Write a page about the results, such as report.html.",
            show_default=False,
            rich_help_panel="Output",
        ),
    ] = None,
    max_pixels: Annotated[
        int, typer.Option(min=1, metavar="PIXELS", help="Reject photos, and videos with frames, of more pixels.")
    ] = MAX_PIXELS,
    every: Annotated[
        float,
        typer.Option(min=0, metavar="SECONDS", help="Look at a frame of a video every so many seconds; 0 looks at each."),
    ] = 1.0,
    strict: StrictOption = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on where a stopped run with the same output was; a complete one is left as it is.",
            rich_help_panel="Output",
        ),
    ] = False,
    update: Annotated[
        bool,
        typer.Option(
            "--update",
            help="Bring results up to date: label only photos that were added or changed since, drop what is gone.",
            rich_help_panel="Output",
        ),
    ] = False,
    overwrite: OverwriteOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but rejects and errors.")] = False,
    engine: Annotated[
        EngineName,
        typer.Option(help="Label here, or on a cluster that runs Ray (pip install 'fercli\\[ray]').", rich_help_panel="Cluster"),
    ] = EngineName.local,
    ray_address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="The Ray cluster's address; without, one is started on this machine.",
            show_default=False,
            rich_help_panel="Cluster",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="COUNT",
            help="How many Ray workers label; without, as many as fit.",
            show_default=False,
            rich_help_panel="Cluster",
        ),
    ] = None,
    worker_cpus: Annotated[
        int, typer.Option(min=1, metavar="CORES", help="Cores of each Ray worker.", rich_help_panel="Cluster")
    ] = 1,
    worker_gpus: Annotated[
        float,
        typer.Option(
            min=0, metavar="COUNT", help="Graphics processors of each Ray worker, such as 0.5.", rich_help_panel="Cluster"
        ),
    ] = 0.0,
) -> None:
    """Find every face in every photo and video, and label its expression."""
    console.set_quiet(quiet)
    name = name_from_flags(model=model, deep=deep, shallow=shallow, hog=hog)
    pool = Workers(workers, worker_cpus, worker_gpus)
    if engine is EngineName.local and (ray_address or pool != Workers()):
        raise UsageError("--ray-address and the options of workers go with --engine ray; add it, or leave them away.")
    if not inputs and not from_file:
        raise UsageError("There is nothing to label; give photos, folders of them, or a list with --from-file.")
    from fercli.classification.lists import read_list

    listed = read_list(None) if any(path is _STANDARD_INPUT for path in inputs or ()) else []
    listed += read_list(from_file) if from_file else []
    run = interface.classify(
        [path for path in inputs or () if path is not _STANDARD_INPUT],
        model=name,
        weights=weights,
        tta=tta,
        prior=str(prior),
        detector=str(detector),
        largest=largest,
        min_face=min_face,
        min_confidence=min_confidence,
        on_no_face=str(on_no_face),
        max_pixels=max_pixels,
        every=every,
        output=output,
        annotate=annotate,
        report=report,
        strict=strict,
        resume=resume,
        overwrite=overwrite,
        workers=pool if engine is EngineName.ray else None,
        ray_address=ray_address,
        update=update,
        listed=listed,
    )
    if run.complete:
        console.say(
            f"{console.name(output.path)} is complete, nothing is left to resume; for photos added or changed since, add --update."
        )
        return
    tally = Tally(min_confidence)
    title = run.labeller.title
    if not output.stream:
        again = "the same command" if update else "the same command and --resume"
        console.say_on_stop(f"Stopped; what was done is kept. Go on with {again}.")
    with console.progress("pictures") as meter, contextlib.ExitStack() as stack:
        if not quiet:
            stack.enter_context(counted(run.new_walk(), every, meter.expect))
        for outcome in stack.enter_context(contextlib.closing(iter(run))):
            if run.redone and not tally.pictures:
                console.say(f"Everything is labelled again: {run.redone}.")
            tally.add(outcome)
            _say_reject(outcome)
            meter.update(tally.pictures, known=run.kept, note=tally.text())
    tally.say_end(run.walk, output.path, title)
    if run.kept:
        console.say(f"of these known from before: {run.kept:,}")
    if not output.stream:
        _say_kept(finished_path(output.path))
    if tally.status["rejected"] or run.walk.unreadable:
        raise typer.Exit(3)


def _say_reject(outcome: "Outcome") -> None:
    if outcome.reject:
        console.warn(f"reject: {console.name(outcome.path)}: {outcome.reject.code}: {outcome.reject.reason}")


def _say_kept(path: Path) -> None:
    size = path.stat().st_size / 1e6
    console.say(f"kept for --update: {console.name(path)} ({size:,.1f} MB); delete it if no photos will be added or changed")
