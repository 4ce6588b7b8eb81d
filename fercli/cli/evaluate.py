"""`fercli evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import console
from fercli.cli.options import DATA_DEFAULT, DataOption, DeepOption, HogOption, ModelOption, ShallowOption, SplitName, WeightsOption
from fercli.errors import UsageError
from fercli.labels import LABELS
from fercli.registry import MODELS, Published, name_from_flags

if TYPE_CHECKING:
    from fercli.evaluation import Evaluation


def evaluate(
    deep: DeepOption = False,
    shallow: ShallowOption = False,
    hog: HogOption = None,
    model: ModelOption = None,
    weights: WeightsOption = None,
    data: DataOption = DATA_DEFAULT,
    split: Annotated[SplitName, typer.Option(help="PrivateTest or PublicTest.")] = SplitName.test,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every number as JSON.", show_default=False)] = None,
    plots: Annotated[
        Path | None, typer.Option(help="Write confusion matrices and learning curves as PNG.", show_default=False)
    ] = None,
    predictions: Annotated[Path | None, typer.Option(help="Write each image's probabilities as CSV.", show_default=False)] = None,
    cards: Annotated[
        Path | None, typer.Option("--cards", help="Write a model card a model, with figures, into this folder.", show_default=False)
    ] = None,
) -> None:
    """Measure models side by side; without arguments every shipped model and every run under ./runs."""
    name = name_from_flags(model=model, deep=deep, shallow=shallow, hog=hog)
    from fercli.dataset import read_dataset
    from fercli.inference import Labeller, all_weights, own_weights, shipped_weights

    if weights:
        chosen = [own_weights(weights)]
    elif name:
        chosen = [shipped_weights(name)]
    else:
        chosen = all_weights()
    if not chosen:
        raise UsageError("There is nothing to evaluate: no weights are shipped and ./runs holds none; train with: fercli train")
    dataset = read_dataset(data)
    from fercli.evaluation import evaluate as measure

    labellers = [Labeller(item, name) for item in chosen]
    results = []
    for labeller in labellers:
        console.say(f"evaluating {labeller.title} …")
        results.append(measure(labeller, dataset.split(split), split))
    published = _published(results)
    _show_per_class(results, published, split)
    _show_summary(results, published, split)
    for result in results:
        _show_confusion(result)
    from fercli.cli import exports

    if json_file:
        exports.write_json(results, published, dataset, json_file)
    if predictions:
        exports.write_predictions(results, dataset, predictions)
    if plots:
        exports.write_plots(results, chosen, plots)
    for labeller, item in zip(labellers, chosen, strict=True):
        if cards:
            exports.write_card(labeller, item, dataset, cards)


def _published(results: "list[Evaluation]") -> list[Published]:
    """Return the published results of all networks shown, each once."""
    return list(dict.fromkeys(item for result in results for item in MODELS[result.model].published))


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _show_per_class(results: "list[Evaluation]", published: list[Published], split: str) -> None:
    titles = [result.title for result in results] + [item.title for item in published]
    table = console.table(
        f"Accuracy per class, {split}, %", ["expression", *titles], caption="The sources do not say on which split."
    )
    for label, expression in enumerate(LABELS):
        ours = [_percent(result.measures.per_class[label]) for result in results]
        table.add_row(expression, *ours, *(f"{item.per_class[label]:.1f}" for item in published))
    console.show_result(table)


def _show_summary(results: "list[Evaluation]", published: list[Published], split: str) -> None:
    titles = [result.title for result in results] + [item.title for item in published]
    table = console.table(f"Overall, {split}", ["measure", *titles])
    measures = [result.measures for result in results]
    theirs = [f"{item.test if split == 'test' else item.validation:.1f}" for item in published]
    nothing = ["–"] * len(published)
    table.add_row("accuracy, %", *(_percent(item.accuracy) for item in measures), *theirs)
    table.add_row(
        "95 % interval", *(f"{_percent(item.interval[0])} to {_percent(item.interval[1])}" for item in measures), *nothing
    )
    table.add_row("leak-free accuracy, %", *(_percent(item.leak_free_accuracy) for item in measures), *nothing)
    table.add_row("balanced accuracy, %", *(_percent(item.balanced_accuracy) for item in measures), *nothing)
    table.add_row("macro-F1, %", *(_percent(item.macro_f1) for item in measures), *nothing)
    table.add_row("images (leaked)", *(f"{item.images:,} ({item.leaked:,})" for item in measures), *nothing)
    table.add_row("parameters", *(f"{result.parameters:,}" for result in results), *nothing)
    table.add_row("images/s", *(f"{result.images_per_second:,.0f}" for result in results), *nothing)
    console.show_result(table)


def _show_confusion(result: "Evaluation") -> None:
    table = console.table(
        f"Confusion matrix of {result.title}, {result.split}: images and share of the row", ["true \\ as", *LABELS]
    )
    for expression, counts in zip(LABELS, result.measures.confusion, strict=True):
        shares = [count / (sum(counts) or 1) for count in counts]
        cells = [console.shaded(f"{count}\n{share:.0%}", share) for count, share in zip(counts, shares, strict=True)]
        table.add_row(expression, *cells)
    console.show_result(table)
