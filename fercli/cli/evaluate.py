"""`fercli evaluate`."""

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import console
from fercli.cli.options import DATA_DEFAULT, DataOption, DeepOption, HogOption, ModelOption, ShallowOption, SplitName, WeightsOption
from fercli.errors import UsageError
from fercli.files import write_atomically
from fercli.labels import LABELS
from fercli.registry import MODELS, Published, name_from_flags

if TYPE_CHECKING:
    from fercli.dataset import Dataset
    from fercli.evaluation import Evaluation
    from fercli.inference import Labeller, WeightsFile


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

    results = []
    for item in chosen:
        console.say(f"evaluating {item.title} …")
        labeller = Labeller(item, name)
        results.append(measure(labeller, dataset.split(split), split))
        if cards:
            _write_card(labeller, item, dataset, cards)
    published = _published(results)
    _show_per_class(results, published, split)
    _show_summary(results, published, split)
    for result in results:
        _show_confusion(result)
    if json_file:
        report = {
            "data": dataset.meta["digest"],
            "models": [result.summary() for result in results],
            "published": [vars(item) for item in published],
        }
        write_atomically(json_file, json.dumps(report, indent=2).encode() + b"\n")
    if predictions:
        write_atomically(predictions, _predictions(results, dataset).encode())
    if plots:
        _plot(results, chosen, plots)


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


def _predictions(results: "list[Evaluation]", dataset: "Dataset") -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["model", "split", "row", "name", "leaked", "true", "predicted", *LABELS])
    names = dataset.meta.get("names") or []
    for result in results:
        split = dataset.split(result.split)
        for row, leaked, label, values in zip(split.rows, split.leaked, split.labels, result.probabilities, strict=True):
            where = names[row] if names else ""
            shown = [f"{value:.4f}" for value in values]
            writer.writerow([result.title, result.split, row, where, int(leaked), LABELS[label], LABELS[values.argmax()], *shown])
    return text.getvalue()


def _plot(results: "list[Evaluation]", chosen: "list[WeightsFile]", folder: Path) -> None:
    from fercli.history import read_history
    from fercli.plots import plot_confusion, plot_curves

    for result in results:
        title = f"{result.title}, {result.split}: {_percent(result.measures.accuracy)} %"
        plot_confusion(title, result.measures.confusion, LABELS, folder / f"confusion-{_file_name(result.title)}.png")
    histories = {item.title: read_history(item.history) for item in chosen}
    histories = {title: history for title, history in histories.items() if history}
    if histories:
        plot_curves(histories, folder / "curves.png")
    console.say(f"figures: {console.name(folder)}")


def _file_name(title: str) -> str:
    return title.strip("/").replace("/", "-")


def _write_card(labeller: "Labeller", item: "WeightsFile", dataset: "Dataset", folder: Path) -> None:
    """Measure both splits, whichever is shown, and write the card's files: `weights/` is made this way."""
    from fercli.cards import model_card
    from fercli.evaluation import evaluate as measure
    from fercli.history import read_history, write_history
    from fercli.plots import plot_confusion, plot_curves

    name = labeller.model.name
    results = [measure(labeller, dataset.split(split), split) for split in SplitName]
    history = read_history(item.history)
    figures = {"confusion matrix, test": f"{name}-confusion.png", "learning curves": f"{name}-curves.png"}
    test = results[0]
    plot_confusion(
        f"{name}, {test.split}: {_percent(test.measures.accuracy)} %",
        test.measures.confusion,
        LABELS,
        folder / f"{name}-confusion.png",
    )
    plot_curves({name: history}, folder / f"{name}-curves.png")
    write_history(history, folder / f"{name}-history.csv")
    metrics = {"splits": [result.summary() for result in results], "weights": labeller.metadata}
    write_atomically(folder / f"{name}-metrics.json", json.dumps(metrics, indent=2).encode() + b"\n")
    write_atomically(folder / f"{name}-card.md", model_card(results, labeller.metadata, history, figures).encode())
    console.say(f"card: {console.name(folder / f'{name}-card.md')}")
