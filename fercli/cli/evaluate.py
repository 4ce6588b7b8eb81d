"""`fercli evaluate`."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import console
from fercli.cli.commands import order_of
from fercli.cli.options import (
    WEIGHTS_HELP,
    DataOption,
    DeepOption,
    HogOption,
    OverwriteOption,
    PriorOption,
    ShallowOption,
    TtaOption,
    model_option,
    output_option,
)
from fercli.errors import FercliError, UsageError, listed
from fercli.files import refuse_existing, refuse_filled, refuse_other_endings
from fercli.interface import DATA, EvaluationSplit, Prior
from fercli.models.registry import find_entry, name_from_flags
from fercli.writing import exclusive, json_of, together

if TYPE_CHECKING:
    from fercli.dataset import Dataset
    from fercli.evaluation.measures import Evaluation
    from fercli.models.inference import Labels

EXAMPLES = (
    "fercli evaluate --model compact --model deep --weights runs/mine",
    "fercli evaluate --weights runs/deep-hog --plots figures --json measures.json",
)


def evaluate(
    context: typer.Context,
    deep: DeepOption = False,
    shallow: ShallowOption = False,
    hog: HogOption = None,
    model: Annotated[
        list[str] | None, model_option("--model", metavar="NAME", help="A shipped model by name; may be repeated.")
    ] = None,
    weights: Annotated[
        list[Path] | None, model_option("--weights", metavar="RUN|FILE", help=f"{WEIGHTS_HELP} May be repeated.")
    ] = None,
    tta: TtaOption = False,
    prior: PriorOption = Prior.trained,
    data: DataOption = DATA,
    shifts: Annotated[
        bool, typer.Option("--shifts", help="Also evaluate on changed images: noise, blur, JPEG compression and more.")
    ] = False,
    split: Annotated[
        EvaluationSplit, typer.Option(help="The images to evaluate on; in FER2013, test is PrivateTest and validation PublicTest.")
    ] = EvaluationSplit.test,
    json_file: Annotated[
        Path | None,
        output_option(
            "--json",
            metavar="FILE|-",
            help="Write every number as JSON, shares from 0 to 1; - writes it to standard output, in place of the tables.",
        ),
    ] = None,
    plots: Annotated[
        Path | None,
        output_option(
            metavar="FOLDER", help="Write figures as PNG: confusion matrices, reliability, accuracy per class, learning curves."
        ),
    ] = None,
    predictions: Annotated[Path | None, output_option(metavar="FILE", help="Write the probabilities of each image as CSV.")] = None,
    card: Annotated[
        Path | None,
        output_option("--card", metavar="FOLDER", help="Write the card of one model, with its figures, to this folder."),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Evaluate models side by side: those named or, by default, all shipped models and all runs in ./runs."""
    given: Sequence[str | None] = model or [None]
    names = [name_from_flags(model=name, deep=deep, shallow=shallow, hog=hog) for name in given]
    asked = _in_order(order_of(context), [name for name in names if name], weights or [])
    if card and prior is Prior.even:
        raise UsageError("--card describes a network as it was trained; drop --prior.")
    to_stdout = str(json_file) == "-"
    if to_stdout:
        json_file = None
    for file, ending in ((json_file, ".json"), (predictions, ".csv")):
        if file:
            refuse_other_endings(file, (ending,))
            refuse_existing(file, overwrite=overwrite, inputs=[data])
    folders = list(dict.fromkeys(filter(None, (plots, card))))
    for folder in folders:
        refuse_filled(folder, overwrite=overwrite)
    from fercli.cli.tables import show_tables
    from fercli.dataset import read_dataset
    from fercli.evaluation import exports
    from fercli.evaluation.candidates import candidates
    from fercli.evaluation.comparisons import compare_hog

    dataset = read_dataset(data, splits=list(EvaluationSplit) if card else [split])  # a card has both
    rejected = []

    def on_reject(title: str, error: FercliError) -> None:
        console.warn(f"reject: {title}: {error}")
        rejected.append(title)

    labellers = candidates(asked, on_reject)
    if card and len(labellers) != 1:
        raise UsageError(
            f"--card describes a single model, but {len(labellers)} are evaluated; name one with --model or --weights."
        )
    for note in _notes(labellers, dataset, data):
        console.say(note)
    with ExitStack() as stack:  # before the minutes that measuring may take
        for folder in folders:
            stack.enter_context(exclusive(folder))
            refuse_filled(folder, overwrite=overwrite)  # again, for another run may have come first
        outputs = stack.enter_context(together())
        for file in filter(None, (json_file, predictions)):
            outputs.claim(file, overwrite=overwrite, inputs=[data])
        results = _measured(labellers, dataset, split, tta=tta, even=prior is Prior.even, shifts=shifts)
        published = list(dict.fromkeys(item for result in results for item in find_entry(result.model).published))
        true = dataset.split(split).labels
        comparisons = compare_hog(results, true)
        report = exports.report_of(results, comparisons, published, dataset)
        if json_file:
            outputs.write(json_file, json_of(report))
        if predictions:
            outputs.write(predictions, exports.predictions_of(results, dataset))
        if plots:
            outputs.write_all(plots, exports.figures_of(results, published, labellers, true))
        if card:
            outputs.write_all(card, exports.files_of_card(labellers[0], dataset, card, tta=tta, shifts=shifts, measured=results))
    if to_stdout:
        console.say_result(json.dumps(report, indent=2))
    else:
        show_tables(results, comparisons, published, split)
    for output in filter(None, (json_file, predictions, *folders)):
        console.say(f"written: {console.name(output)}")
    if rejected:
        raise typer.Exit(3)


def _in_order(order: Sequence[str], names: Sequence[str], runs: Sequence[Path]) -> list[str | Path]:
    """Return the models and weights in the `order` of the options that name them; a model named by --deep and the like first."""
    if "model" not in order:
        return [*names, *runs]
    given: dict[str, Iterator[str | Path]] = {"model": iter(names), "weights": iter(runs)}
    return [next(given[option]) for option in order if option in given]


def _measured(
    labellers: "Sequence[Labels]", dataset: "Dataset", split: str, *, tta: bool, even: bool, shifts: bool
) -> "list[Evaluation]":
    from fercli.evaluation.measures import evaluate as measure
    from fercli.evaluation.shifts import SHIFTS
    from fercli.models.priors import as_asked

    results = []
    with console.progress("images") as meter:
        meter.expect(len(labellers) * len(dataset.split(split)) * (1 + len(SHIFTS) * shifts))
        for labeller in [as_asked(labeller, tta=tta, even=even) for labeller in labellers]:
            console.say(f"evaluating {labeller.title} …")

            def on_images(count: int, title: str = labeller.title) -> None:
                meter.update(meter.done + count, note=f"at {title}")

            results.append(measure(labeller, dataset, split, shifts=shifts, on_images=on_images))
    return results


def _notes(labellers: Sequence["Labels"], dataset: "Dataset", data: Path) -> Iterator[str]:
    """Yield which networks may have seen images of the data set, as far as that is known."""
    digest, name = dataset.meta["digest"], console.name(data)
    unsure = [labeller for labeller in labellers if labeller.trained_on != {digest}]
    trained = listed(labeller.title for labeller in unsure if labeller.metadata.get("dataset") == digest)
    if trained:
        yield (
            f"note: trained on {name}, but from weights that were trained on a different data set: {trained}; if that holds images "
            "of this split, the accuracy is too high"
        )
    if others := listed(labeller.title for labeller in unsure if labeller.metadata.get("dataset") != digest):
        yield (
            f"note: trained on a different data set from {name}, or on one prepared differently: {others}; if that holds images of "
            "this split, the accuracy is too high"
        )
