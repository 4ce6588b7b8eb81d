"""`fercli evaluate`."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import console
from fercli.cli.options import (
    DATA_DEFAULT,
    DataOption,
    DeepOption,
    HogOption,
    ModelOption,
    OverwriteOption,
    PriorName,
    PriorOption,
    ShallowOption,
    SplitName,
    TtaOption,
    WeightsOption,
)
from fercli.errors import FercliError, UsageError
from fercli.files import exclusive, refuse_existing, refuse_filled
from fercli.models.registry import ENSEMBLES, find_entry, name_from_flags

if TYPE_CHECKING:
    from fercli.dataset import Dataset
    from fercli.evaluation.measures import Evaluation
    from fercli.models.inference import Labels

EXAMPLES = (
    "fercli evaluate --model compact --tta",
    "fercli evaluate --weights runs/deep-hog --plots figures --json measures.json",
)


def evaluate(
    deep: DeepOption = False,
    shallow: ShallowOption = False,
    hog: HogOption = None,
    model: ModelOption = None,
    weights: WeightsOption = None,
    tta: TtaOption = False,
    prior: PriorOption = PriorName.trained,
    data: DataOption = DATA_DEFAULT,
    shifts: Annotated[
        bool, typer.Option("--shifts", help="Measure after sixteen changes of the images, too, such as noise, blur and JPEG.")
    ] = False,
    split: Annotated[SplitName, typer.Option(help="PrivateTest or PublicTest.")] = SplitName.test,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write every number as JSON.", show_default=False, rich_help_panel="Output"),
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write confusion matrices, reliability, accuracy per class and learning curves as PNG.",
            show_default=False,
            rich_help_panel="Output",
        ),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write each image's probabilities as CSV.", show_default=False, rich_help_panel="Output"),
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option(
            "--card",
            metavar="FOLDER",
            help="Write the model's card, with figures, into this folder.",
            show_default=False,
            rich_help_panel="Output",
        ),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Measure models side by side; without arguments every shipped model and every run under ./runs."""
    name = name_from_flags(model=model, deep=deep, shallow=shallow, hog=hog)
    even = prior is PriorName.even
    if card and even:
        raise UsageError("--card describes a network as it was trained; leave --prior away.")
    for file in (json_file, predictions):
        if file:
            refuse_existing(file, overwrite=overwrite, inputs=[data])
    for folder in (plots, card):
        if folder:
            refuse_filled(folder, overwrite=overwrite)
    from fercli.dataset import read_dataset
    from fercli.evaluation.candidates import candidates

    dataset = read_dataset(data, splits=list(SplitName) if card else [split])  # a card has both
    rejected = []

    def on_reject(title: str, error: FercliError) -> None:
        console.say(f"reject: {title}: {error}")
        rejected.append(title)

    labellers = candidates(name, weights, on_reject)
    if card and len(labellers) != 1:
        raise UsageError(f"--card describes one model and {len(labellers)} are evaluated; name one with --weights.")
    if card and name in ENSEMBLES:
        raise UsageError(f"--card describes one network; name one of {', '.join(ENSEMBLES[name].members)}.")
    from fercli.evaluation.measures import compare_hog
    from fercli.evaluation.measures import evaluate as measure
    from fercli.evaluation.shifts import SHIFTS
    from fercli.models.priors import as_asked

    results: list[Evaluation] = []
    with console.progress("images") as meter:
        meter.expect(len(labellers) * len(dataset.split(split)) * (1 + len(SHIFTS) * shifts))
        for labeller in [as_asked(labeller, tta=tta, even=even) for labeller in labellers]:
            console.say(f"evaluating {labeller.title} …")
            if labeller.trained_on != {dataset.meta["digest"]}:
                console.say(_note(labeller, dataset, data))

            def on_images(count: int, title: str = labeller.title) -> None:
                meter.update(meter.done + count, note=f"at {title}")

            results.append(measure(labeller, dataset, split, shifts=shifts, on_images=on_images))
    published = list(dict.fromkeys(item for result in results for item in find_entry(result.model).published))
    comparisons = compare_hog(results, dataset.split(split).labels)
    from fercli.cli import exports
    from fercli.cli.tables import show_tables

    if json_file:
        exports.write_report(results, comparisons, published, dataset, json_file, overwrite=overwrite)
    if predictions:
        exports.write_predictions(results, dataset, predictions, overwrite=overwrite)
    with contextlib.ExitStack() as held:
        for folder in {folder for folder in (plots, card) if folder}:
            held.enter_context(exclusive(folder))
            refuse_filled(folder, overwrite=overwrite)  # again, for another run may have come first
        if plots:
            exports.write_plots(results, published, labellers, dataset.split(split).labels, plots)
        if card:
            exports.write_card(labellers[0], dataset, card, tta=tta, shifts=shifts, measured=results)
    show_tables(results, comparisons, published, split)
    if rejected:
        raise typer.Exit(3)


def _note(labeller: "Labels", dataset: "Dataset", data: Path) -> str:
    """Say why it is not known which images of the data set a network has seen."""
    if labeller.metadata.get("dataset") == dataset.meta["digest"]:
        return (
            f"note: {labeller.title} was trained on {console.name(data)}, but began with weights that had learnt from another data "
            "set; whether they saw images of this split is not known"
        )
    return (
        f"note: {labeller.title} was trained on another data set than {console.name(data)}, or on one prepared otherwise; leaks "
        "are not known"
    )
