"""`fercli classify`."""

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.classification.outputs import Output, publishing, suffix_of
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
from fercli.errors import FercliError, UsageError
from fercli.files import MAX_PIXELS, Kind, kind_of, refuse_existing, refuse_filled, refuse_missing, write_atomically
from fercli.models.registry import name_from_flags
from fercli.photos.walk import COPIES, Walk
from fercli.remote import place

if TYPE_CHECKING:
    from fercli.classification.records import Outcome


def classify(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            parser=place,
            metavar="PHOTOS",
            help="Photos, and folders of photos with all their subfolders; s3://, gs:// and hdfs:// too.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Output,
        typer.Option(
            "--output",
            "-o",
            parser=Output.parse,
            metavar="PLACE",
            help="Results to write: .csv, .jsonl, .parquet; FOLDER/ for parts; or - for CSV on standard output.",
            show_default=False,
        ),
    ],
    deep: DeepOption = False,
    shallow: ShallowOption = False,
    hog: HogOption = None,
    model: ModelOption = None,
    weights: WeightsOption = None,
    tta: TtaOption = False,
    prior: PriorOption = PriorName.trained,
    detector: Annotated[
        DetectorName,
        typer.Option(help="How to find faces; auto takes images of at most 96 pixels a side whole and searches larger ones."),
    ] = DetectorName.auto,
    largest: Annotated[bool, typer.Option("--largest", help="Only the largest face of each photo.")] = False,
    min_face: Annotated[int, typer.Option(min=0, help="Leave out faces smaller than this, in pixels of the photo.")] = 0,
    min_confidence: Annotated[
        float, typer.Option(min=0, max=1, help="Leave the label empty where its probability is lower.")
    ] = 0.0,
    on_no_face: Annotated[
        OnNoFace, typer.Option(help="A photo without a face: a row that says so, the whole photo taken as a face, or nothing.")
    ] = OnNoFace.row,
    annotate: Annotated[
        Path | None,
        typer.Option(
            parser=place, metavar="FOLDER", help="Write copies with faces framed and named into this folder.", show_default=False
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(parser=place, metavar="FILE", help="Write a page about the results, such as report.html.", show_default=False),
    ] = None,
    max_pixels: Annotated[int, typer.Option(min=1, help="Reject photos with more pixels than this.")] = MAX_PIXELS,
    strict: StrictOption = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a stopped run with the same output was; a complete one is left as it is.")
    ] = False,
    overwrite: OverwriteOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but rejects and errors.")] = False,
    engine: Annotated[
        EngineName, typer.Option(help="Label here, or on a cluster that runs Ray (pip install 'fercli\\[ray]').")
    ] = EngineName.local,
    ray_address: Annotated[
        str | None, typer.Option(help="The Ray cluster's address; without, one is started on this machine.", show_default=False)
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="How many Ray workers label; without, as many as fit.", show_default=False)
    ] = None,
    worker_cpus: Annotated[int, typer.Option(min=1, help="Cores of each Ray worker.")] = 1,
    worker_gpus: Annotated[float, typer.Option(min=0, help="Graphics processors of each Ray worker, such as 0.5.")] = 0.0,
) -> None:
    """Find every face in every photo, and label its expression."""
    from fercli.classification.journal import journal_path, open_journal
    from fercli.classification.records import rows

    console.set_quiet(quiet)
    suffix_of(output)  # refuses what cannot be written
    name = name_from_flags(model=model, deep=deep, shallow=shallow, hog=hog)
    refuse_missing(inputs, "give image files or folders of them")
    _refuse_outputs(output, annotate, report, inputs, resume=resume, overwrite=overwrite)
    replacing = output.published
    if resume and replacing and not overwrite and kind_of(journal_path(output.path)) is Kind.MISSING:
        _say_complete(output, [path for path in (annotate, report) if path])
        return
    if engine is EngineName.ray:
        from fercli.classification.cluster import refuse_missing_ray

        refuse_missing_ray()
    elif ray_address or workers or worker_cpus > 1 or worker_gpus:
        raise UsageError("--ray-address and the options of workers go with --engine ray; add it, or leave them away.")
    from fercli.classification.pictures import annotate as draw
    from fercli.classification.pipeline import Job, Options, ahead
    from fercli.classification.report import Report

    options = Options(largest=largest, min_face=min_face, whole=on_no_face is OnNoFace.whole, max_pixels=max_pixels)
    job = Job(name, weights, tta, prior is PriorName.even, str(detector), options)
    labeller = job.labeller()
    settings = job.settings(labeller)
    if annotate:
        write_atomically(annotate / COPIES, b"")
    walk, counting = (_walk(inputs, annotate) for _ in range(2))
    tally = Tally(min_confidence)
    summary = Report(min_confidence)
    with contextlib.ExitStack() as stack:
        journal = None
        if not output.stream:
            journal = stack.enter_context(open_journal(journal_path(output.path), settings, resume=resume, keep=replacing))
            console.say_on_stop("Stopped; what was done is kept. Go on with the same command and --resume.")
        writer = stack.enter_context(publishing(output, sys.stdout.buffer))
        bars = stack.enter_context(console.progress("photos"))
        bar = bars.add_task("classify", total=None)
        if not bars.disable:
            stack.enter_context(counted(counting, lambda total: bars.update(bar, total=total)))
        known = journal.find if journal else lambda _: None
        # Closed before the journal and the output are, so that no thread is still at work for them when the run is stopped.
        if engine is EngineName.ray:
            from fercli.classification.cluster import Workers, classify_on_ray

            pool = Workers(workers, worker_cpus, worker_gpus)
            labelled = classify_on_ray(walk, job, labeller.sha256, known=known, address=ray_address, workers=pool)
        else:
            from fercli.classification.pipeline import classify as label_photos
            from fercli.photos.faces import detector as new_detector

            labelled = label_photos(walk, labeller, new_detector(detector), options, known=known)
        outcomes = stack.enter_context(contextlib.closing(labelled))
        if annotate:
            drawn = ahead(lambda outcome: (draw(outcome, annotate, max_pixels, min_confidence), outcome)[1], outcomes, 8)
            outcomes = stack.enter_context(contextlib.closing(drawn))
        for outcome in outcomes:
            if journal:
                journal.add(outcome)
            if on_no_face is not OnNoFace.skip or outcome.status != "no_face":
                for row in rows(outcome, labeller.title, min_confidence):
                    writer.write(row)
                if output.stream:
                    sys.stdout.buffer.flush()  # whoever reads the stream need not wait for a buffer to fill
            tally.add(outcome)
            _say_reject(outcome)
            if outcome.reject and strict:
                raise FercliError(
                    f"{console.name(outcome.path)} was rejected and --strict allows none, so that no results were published; "
                    "take it away or leave --strict away, and go on with --resume."
                )
            if report:
                summary.add(outcome)
            bars.update(bar, completed=tally.photos, description=tally.text())
        tally.refuse_empty(walk)
        writer.close()
        if report:
            summary.write(report, settings | {"min_confidence": min_confidence}, max_pixels)
    tally.say_end(walk, output.path, labeller.title)
    if tally.status["rejected"] or walk.unreadable:
        raise typer.Exit(3)


def _refuse_outputs(
    output: Output, annotate: Path | None, report: Path | None, inputs: list[Path], *, resume: bool, overwrite: bool
) -> None:
    if output.stream:
        if resume:
            raise UsageError("Standard output cannot be resumed; write to a file with -o.")
    else:
        from fercli.classification.journal import journal_path

        if output.parts:
            refuse_filled(output.path, overwrite=overwrite or resume)
        else:
            refuse_existing(output.path, overwrite=overwrite or resume, inputs=inputs)
        if kind_of(journal_path(output.path)) is not Kind.MISSING and not (resume or overwrite):
            raise UsageError(
                f"A run that was stopped has begun {output.path}; add --resume to go on, or --overwrite to begin anew."
            )
    if annotate:
        refuse_filled(annotate, overwrite=overwrite or resume)
    if report:
        if report.resolve() == output.path.resolve():
            raise UsageError(f"{report} cannot be both the results and the report; name two files.")
        refuse_existing(report, overwrite=overwrite or resume, inputs=inputs)


def _say_complete(output: Output, others: list[Path]) -> None:
    """Say that there is nothing to resume; UsageError if others of its outputs are to be written, which takes all work again."""
    for path in others:
        if kind_of(path) is Kind.MISSING:
            raise UsageError(
                f"{output.path} is complete and {path} is missing; add --overwrite to do everything again, or name another output."
            )
    console.say(
        f"{console.name(output.path)} is complete, nothing is left to resume; for photos added since, or with other options, name "
        "another output or add --overwrite."
    )


def _walk(inputs: list[Path], annotate: Path | None) -> Walk:
    walk = Walk(inputs)
    if annotate:
        walk.leave_out(annotate)
    return walk


def _say_reject(outcome: "Outcome") -> None:
    if outcome.reject:
        console.warn(f"reject: {console.name(outcome.path)}: {outcome.reject.code}: {outcome.reject.reason}")
