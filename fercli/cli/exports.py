"""What `fercli evaluate` writes to files."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.classification.writers import csv_line
from fercli.cli import console
from fercli.cli.options import SplitName
from fercli.dataset import Dataset
from fercli.evaluation.cards import CHOICES, PORTRAITS, REPETITIONS, model_card
from fercli.evaluation.measures import Comparison, Evaluation, evaluate
from fercli.files import write_atomically, write_json
from fercli.labels import LABELS
from fercli.models.calibration import reliability
from fercli.models.history import Choice, Epoch, Portraits, Repetition, read_lines, write_lines
from fercli.models.inference import Labels, lineage
from fercli.models.recipes import known_recipe
from fercli.models.registry import Published
from fercli.plots import plot_confusion, plot_curves, plot_per_class, plot_reliability

_FIGURES = {"confusion matrix, test": "confusion", "learning curves": "curves", "reliability, test": "reliability"}


def write_report(
    results: Sequence[Evaluation],
    comparisons: Sequence[Comparison],
    published: Sequence[Published],
    dataset: Dataset,
    path: Path,
    *,
    overwrite: bool,
) -> None:
    """Write every number that the tables show; shares are from 0 to 1, and what is of each class is in the order of `labels`."""
    report = {
        "data": dataset.meta["digest"],
        "labels": LABELS,
        "models": [result.summary() for result in results],
        "hog": [asdict(comparison) for comparison in comparisons],
        "published": [_as_shares(item) for item in published],
    }
    write_json(path, report, overwrite=overwrite)


def _as_shares(item: Published) -> dict[str, Any]:
    shares = {"validation": item.validation / 100, "test": item.test / 100}
    return vars(item) | shares | {"per_class": [share / 100 for share in item.per_class]}


def write_predictions(results: Sequence[Evaluation], dataset: Dataset, path: Path, *, overwrite: bool) -> None:
    """Write a row an image and model: true and predicted label, probabilities."""
    lines = [csv_line(["model", "split", "row", "name", "leaked", "true", "predicted", *LABELS])]
    names = dataset.meta.get("names") or []
    for result in results:
        split = dataset.split(result.split)
        for row, leaked, label, values in zip(split.rows, split.leaked, split.labels, result.probabilities, strict=True):
            where = names[row] if names else ""
            told = [LABELS[label], LABELS[values.argmax()], *(f"{value:.4f}" for value in values)]
            lines.append(csv_line([result.title, result.split, row, where, int(leaked), *told]))
    write_atomically(path, b"".join(lines), overwrite=overwrite)


def write_plots(
    results: Sequence[Evaluation],
    published: Sequence[Published],
    labellers: Sequence[Labels],
    labels: NDArray[np.uint8],
    folder: Path,
) -> None:
    """Draw a confusion matrix and a reliability diagram a model, whose true labels (N,) are given, and figures of all together.

    These are the accuracy per class beside the published ones, and the learning curves of all that had several epochs.
    """
    for result in results:
        plot_confusion(result.headline, result.measures.confusion, LABELS, folder / f"confusion-{_file_name(result.title)}.png")
        bins = reliability(result.probabilities, labels)
        plot_reliability(_reliability_title(result), bins, folder / f"reliability-{_file_name(result.title)}.png")
    columns: dict[str, Sequence[float | None]] = {result.title: result.measures.per_class for result in results}
    others = {item.title: [share / 100 for share in item.per_class] for item in published}
    plot_per_class(f"Accuracy per class, {results[0].split}", columns | others, LABELS, folder / "per-class.png", published=others)
    histories = {labeller.title: read_lines(Epoch, labeller.history) for labeller in labellers if labeller.history}
    histories = {title: history for title, history in histories.items() if _is_curve(history)}
    if histories:
        plot_curves(histories, folder / "curves.png")
    console.say(f"figures: {console.name(folder)}")


def _reliability_title(result: Evaluation) -> str:
    return f"{result.title}, {result.split}: calibration error {100 * (result.measures.calibration_error or 0):.1f} %"


def _is_curve(history: Sequence[Epoch]) -> bool:
    """Whether there is more than one point to draw, as not after a run that only took the mean of others' weights."""
    return len(history) > 1


def _file_name(title: str) -> str:
    return title.strip("/").replace("/", "-")


def write_card(
    labeller: Labels, dataset: Dataset, folder: Path, *, tta: bool, shifts: bool, measured: Sequence[Evaluation] = ()
) -> None:
    """Measure both splits, but for what was `measured` alike, and write the card's files: those in `weights/` are made this way.

    With `tta` the card also says what test-time augmentation gives, with `shifts` what is left after changes of the images.
    """
    known = {(result.title, result.split): result for result in measured}

    def result_of(labels: Labels, split: str, *, shifts: bool) -> Evaluation:
        return known.get((labels.title, split)) or evaluate(labels, dataset, split, shifts=shifts)

    for run in lineage(labeller.metadata):
        known_recipe(run, labeller.title)  # refuses what the card could not tell, before minutes of measuring
    name = labeller.name
    results = [replace(result_of(labeller, split, shifts=shifts), title=name) for split in SplitName]
    augmented = [result_of(labeller.augmented(), split, shifts=False).measures for split in SplitName] if tta else []
    history = read_lines(Epoch, labeller.history) if labeller.history else []
    figures = {caption: f"{name}-{part}.png" for caption, part in _FIGURES.items()}
    test = results[0]
    plot_confusion(test.headline, test.measures.confusion, LABELS, folder / f"{name}-confusion.png")
    if _is_curve(history):
        plot_curves({name: history}, folder / f"{name}-curves.png")
    else:
        del figures["learning curves"]
    bins = reliability(test.probabilities, dataset.test.labels)
    plot_reliability(_reliability_title(test), bins, folder / f"{name}-reliability.png")
    write_lines(Epoch, history, folder / f"{name}-history.csv")
    metrics = {
        "splits": [result.summary() for result in results],
        "test_time_augmentation": [asdict(measures) for measures in augmented],
        "weights": labeller.metadata,
    }
    write_json(folder / f"{name}-metrics.json", metrics)
    choices = read_lines(Choice, folder / CHOICES)
    repetitions = read_lines(Repetition, folder / REPETITIONS)
    portraits = read_lines(Portraits, folder / PORTRAITS)
    data = dataset.name if labeller.metadata.get("dataset") == dataset.meta["digest"] else ""
    card = model_card(results, augmented, labeller.metadata, history, figures, choices, repetitions, portraits, data)
    write_atomically(folder / f"{name}-card.md", card.encode())
    console.say(f"card: {console.name(folder / f'{name}-card.md')}")
