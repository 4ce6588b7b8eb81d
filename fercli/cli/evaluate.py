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
    ShallowOption,
    SplitName,
    TtaOption,
    WeightsOption,
)
from fercli.errors import FercliError, IntegrityError, UsageError
from fercli.files import exclusive, refuse_existing, refuse_filled
from fercli.labels import LABELS
from fercli.models.registry import ENSEMBLES, Published, find_entry, name_from_flags

if TYPE_CHECKING:
    from fercli.evaluation.measures import Comparison, Evaluation
    from fercli.models.inference import Labels

Columns = dict[str, list[str]]


def evaluate(
    deep: DeepOption = False,
    shallow: ShallowOption = False,
    hog: HogOption = None,
    model: ModelOption = None,
    weights: WeightsOption = None,
    tta: TtaOption = False,
    data: DataOption = DATA_DEFAULT,
    split: Annotated[SplitName, typer.Option(help="PrivateTest or PublicTest.")] = SplitName.test,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every number as JSON.", show_default=False)] = None,
    plots: Annotated[
        Path | None,
        typer.Option(
            help="Write confusion matrices, reliability, accuracy per class and learning curves as PNG.", show_default=False
        ),
    ] = None,
    predictions: Annotated[Path | None, typer.Option(help="Write each image's probabilities as CSV.", show_default=False)] = None,
    card: Annotated[
        Path | None, typer.Option("--card", help="Write the model's card, with figures, into this folder.", show_default=False)
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Measure models side by side; without arguments every shipped model and every run under ./runs."""
    name = name_from_flags(model=model, deep=deep, shallow=shallow, hog=hog)
    for file in (json_file, predictions):
        if file:
            refuse_existing(file, overwrite=overwrite, inputs=[data])
    for folder in (plots, card):
        if folder:
            refuse_filled(folder, overwrite=overwrite)
    from fercli.dataset import read_dataset

    dataset = read_dataset(data)
    labellers, rejected = _labellers(name, weights)
    if card and len(labellers) != 1:
        raise UsageError(f"--card describes one model and {len(labellers)} are evaluated; name one with --weights.")
    if card and name in ENSEMBLES:
        raise UsageError(f"--card describes one network; name one of {', '.join(ENSEMBLES[name].members)}.")
    from fercli.evaluation.measures import compare_hog
    from fercli.evaluation.measures import evaluate as measure

    results = []
    for labeller in [labeller.augmented() for labeller in labellers] if tta else labellers:
        console.say(f"evaluating {labeller.title} …")
        if labeller.trained_on != {dataset.meta["digest"]}:
            whose = "the weights that it began with were" if dataset.meta["digest"] in labeller.trained_on else "it was"
            console.say(
                f"note on {labeller.title}: {whose} trained on another data set than {console.name(data)}, or on one prepared "
                "otherwise; leaks are not known"
            )
        results.append(measure(labeller, dataset, split))
    published = list(dict.fromkeys(item for result in results for item in find_entry(result.model).published))
    comparisons = compare_hog(results, dataset.split(split).labels)
    from fercli.cli import exports

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
            exports.write_card(labellers[0], dataset, card, tta=tta)
    _show_columns(f"Accuracy per class, {split}, %", ["expression", *LABELS], _per_class(results, published))
    if published:
        console.say_result("The sources do not say on which split they measured their accuracies per class.")
    _show_columns(f"Overall, {split}", ["measure", *_MEASURES], _overall(results, published, split))
    for comparison in comparisons:
        _show_hog(comparison, split)
    for result in results:
        _show_confusion(result)
    if rejected:
        raise typer.Exit(3)


def _labellers(name: str | None, weights: Path | None) -> "tuple[list[Labels], int]":
    """Load the weights named, or all that are found, of the model `name` if given; broken ones among these are reported."""
    from fercli.models.ensembles import EnsembleLabeller
    from fercli.models.inference import Labeller, all_weights, own_weights

    if weights:
        return [Labeller(own_weights(weights), name)], 0
    if name in ENSEMBLES:
        return [EnsembleLabeller(ENSEMBLES[name])], 0
    found: list[Labels] = []
    rejected = 0
    for item in all_weights():
        try:
            labeller = Labeller(item)
        except IntegrityError as error:
            if item.sha256:  # shipped weights that were tampered with are no accident to pass over
                raise
            console.say(f"reject: {item.title}: {error}")
            rejected += 1
            continue
        if name in (None, labeller.name):
            found.append(labeller)
    if rejected and not found:
        raise FercliError("No weights could be read.")
    if not found:
        raise UsageError(f"There are no weights of {name or 'any model'}, shipped or under ./runs; train them with: fercli train")
    return found, rejected


_MEASURES = (
    "accuracy, %",
    "95 % interval",
    "leak-free accuracy, %",
    "balanced accuracy, %",
    "macro-F1, %",
    "as the crowd (FER+), %",
    "calibration error, %",
    "before calibration, %",
    "images",
    "of these leaked",
    "of the crowd's",
    "parameters",
    "multiply-adds, million",
    "images/s",
)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _count(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"


def _per_class(results: "list[Evaluation]", published: list[Published]) -> Columns:
    ours = {result.title: [_percent(share) for share in result.measures.per_class] for result in results}
    return ours | {item.title: [f"{share:.1f}" for share in item.per_class] for item in published}


def _overall(results: "list[Evaluation]", published: list[Published], split: str) -> Columns:
    columns: Columns = {}
    for result in results:
        measures = result.measures
        columns[result.title] = [
            _percent(measures.accuracy),
            f"{_percent(measures.interval[0])} to {_percent(measures.interval[1])}",
            _percent(measures.leak_free_accuracy),
            _percent(measures.balanced_accuracy),
            _percent(measures.macro_f1),
            _percent(measures.crowd_agreement),
            _percent(measures.calibration_error),
            _percent(measures.calibration_error_before),
            f"{measures.images:,}",
            _count(measures.leaked),
            _count(measures.crowd_images),
            f"{result.parameters:,}",
            f"{result.multiply_adds / 1e6:,.0f}",
            f"{result.images_per_second:,.0f}",
        ]
    for item in published:
        accuracy = item.test if split == SplitName.test else item.validation
        columns[item.title] = [f"{accuracy:.1f}"] + ["–"] * (len(_MEASURES) - 1)
    return columns


def _show_columns(title: str, rows: list[str], columns: Columns) -> None:
    """Show a column a model, in as many tables as the terminal's width needs; `rows` are the first column, heading first."""
    first = max(map(len, rows))
    blocks: list[Columns] = [{}]
    used = first
    for name, cells in columns.items():
        heading = name.replace(", ", ",\n")
        needed = 2 + max(len(line) for cell in (heading, *cells) for line in cell.split("\n"))
        if blocks[-1] and used + needed > console.width():
            blocks.append({})
            used = first
        blocks[-1][heading] = cells
        used += needed
    for block in blocks:
        table = console.table(title, [rows[0], *block])
        for row, *cells in zip(rows[1:], *block.values(), strict=True):
            table.add_row(row, *cells)
        console.show_result(table)


def _show_hog(comparison: "Comparison", split: str) -> None:
    table = console.table(f"Does HOG help? {split}, the same images", ["", f"{comparison.with_hog} against {comparison.without}"])
    low, high = (100 * bound for bound in comparison.interval)
    table.add_row("accuracy gained by HOG, points", f"{100 * comparison.difference:+.1f}")
    table.add_row("95 % interval", f"{low:+.1f} to {high:+.1f}")
    table.add_row("images right only with HOG", f"{comparison.gained:,}")
    table.add_row("images right only without", f"{comparison.lost:,}")
    table.add_row("McNemar's exact test, p", f"{comparison.p_value:.2g}")
    if comparison.trained_differently:
        table.add_row("trained differently, in", ", ".join(name.replace("_", " ") for name in comparison.trained_differently))
    console.show_result(table)


def _show_confusion(result: "Evaluation") -> None:
    table = console.table(f"Confusion matrix, {result.headline} (images, share of the true class)", ["true \\ as", *LABELS])
    for expression, counts in zip(LABELS, result.measures.confusion, strict=True):
        shares = [count / (sum(counts) or 1) for count in counts]
        cells = [console.shaded(f"{count}\n{share:.0%}", share) for count, share in zip(counts, shares, strict=True)]
        table.add_row(expression, *cells)
    console.show_result(table)
