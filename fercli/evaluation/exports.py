"""The files that `evaluate` writes: every number, predictions, figures, and cards."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.cells import csv_line
from fercli.dataset import FER2013, Dataset
from fercli.errors import IntegrityError
from fercli.evaluation.cards import model_card
from fercli.evaluation.comparisons import Comparison
from fercli.evaluation.measures import Evaluation, Measures, evaluate
from fercli.evaluation.provenance import SHIPPED, training
from fercli.files import folded
from fercli.labels import LABELS
from fercli.models.calibration import reliability
from fercli.models.history import Choice, Epoch, Portraits, Repetition, csv_of, read_lines
from fercli.models.inference import Labels
from fercli.models.lineage import lineage
from fercli.models.recipes import known_recipe
from fercli.models.registry import ENSEMBLES, MODELS, Model, Published
from fercli.plots import plot_confusion, plot_curves, plot_per_class, plot_reliability
from fercli.writing import json_of

Files = dict[str, bytes]  # what they hold, by name
_CARD_SPLITS = ("test", "validation")
_FIGURES = {"confusion matrix, test": "confusion", "learning curves": "curves", "reliability, test": "reliability"}


def report_of(
    results: Sequence[Evaluation], comparisons: Sequence[Comparison], published: Sequence[Published], dataset: Dataset
) -> dict[str, Any]:
    """Return every number that the tables show, for JSON: shares from 0 to 1, lists by class in the order of `labels`."""
    return {
        "data": dataset.meta["digest"],
        "labels": LABELS,
        "models": [result.summary() for result in results],
        "hog": [asdict(comparison) for comparison in comparisons],
        "published": [_as_shares(item) for item in published],
    }


def _as_shares(item: Published) -> dict[str, Any]:
    shares = {"validation": item.validation / 100, "test": item.test / 100}
    return vars(item) | shares | {"per_class": [share / 100 for share in item.per_class]}


def predictions_of(results: Sequence[Evaluation], dataset: Dataset) -> bytes:
    """Return CSV with a row for each image and model: true and predicted label, and the probabilities."""
    lines = [csv_line(["model", "split", "row", "name", "leaked", "true", "predicted", *LABELS])]
    names = dataset.meta.get("names") or []
    for result in results:
        split = dataset.split(result.split)
        for row, leaked, label, values in zip(split.rows, split.leaked, split.labels, result.probabilities, strict=True):
            where = names[row] if names else ""
            labels = LABELS[label], LABELS[values.argmax()]
            lines.append(
                csv_line([result.title, result.split, row, where, int(leaked), *labels, *(f"{value:.4f}" for value in values)])
            )
    return b"".join(lines)


def figures_of(
    results: Sequence[Evaluation],
    published: Sequence[Published],
    labellers: Sequence[Labels],
    labels: NDArray[np.uint8],
) -> Files:
    """Draw a confusion matrix and a reliability diagram for each model, and figures of all together.

    Those are the accuracy per class beside the published ones, and the learning curves of all that had several epochs. `labels`
    (N,) are the true ones.
    """
    files = {}
    for result, name in zip(results, _file_names([result.title for result in results]), strict=True):
        files[f"confusion-{name}.png"] = plot_confusion(result.headline, result.measures.confusion, LABELS)
        bins = reliability(result.probabilities, labels)
        files[f"reliability-{name}.png"] = plot_reliability(_reliability_title(result), bins)
    networks: dict[str, dict[str, Sequence[float | None]]] = {}
    for result in results:
        networks.setdefault(result.model, {})[result.title] = result.measures.per_class
    for item in published:  # each is of a network that was measured
        networks[item.network][item.title] = [share / 100 for share in item.per_class]
    others = [item.title for item in published]
    title = f"Accuracy per class, {results[0].split}{'; hatched or dotted: as published' * bool(others)}"
    files["per-class.png"] = plot_per_class(title, list(networks.values()), LABELS, published=others)
    histories = {labeller.title: read_lines(Epoch, labeller.history) for labeller in labellers if labeller.history}
    histories = {title: history for title, history in histories.items() if _is_curve(history)}
    if histories:
        files["curves.png"] = plot_curves(histories)
    return files


def _reliability_title(result: Evaluation) -> str:
    return f"{result.title}, {result.split}: calibration error {100 * (result.measures.calibration_error or 0):.1f} %"


def _is_curve(history: Sequence[Epoch]) -> bool:
    """Whether there is more than one point to draw: a run that only took the mean of others' weights has one."""
    return len(history) > 1


def _file_names(titles: Sequence[str]) -> list[str]:
    """Return a part of a file's name for each title, another for each other title, on any file system."""
    names, taken = [], dict[str, str]()
    for title in titles:
        plain = title.strip("/").replace("/", "-")
        possible = itertools.chain([plain], (f"{plain}-{number}" for number in itertools.count(2)))
        names.append(next(name for name in possible if taken.setdefault(folded(name), title) == title))
    return names


def files_of_card(
    labeller: Labels, dataset: Dataset, folder: Path, *, tta: bool, shifts: bool, measured: Sequence[Evaluation] = ()
) -> Files:
    """Measure both splits and return the files of a card in `folder`, whose tables it quotes; so were those in `weights/` made.

    What is in `measured` is not measured again. With `tta` the card also has the accuracy with test-time augmentation, with
    `shifts` that on changed images. Raises IntegrityError for weights that do not say how they were trained.
    """
    known = {(result.title, result.split): result for result in measured}

    def result_of(labels: Labels, split: str, *, shifts: bool) -> Evaluation:
        return known.get((labels.title, split)) or evaluate(labels, dataset, split, shifts=shifts)

    name = labeller.name
    if name in MODELS:
        _refuse_untold(labeller, MODELS[name])  # before minutes of measuring
    results = [replace(result_of(labeller, split, shifts=shifts), title=name) for split in _CARD_SPLITS]
    augmented = [result_of(labeller.augmented(), split, shifts=False).measures for split in _CARD_SPLITS] if tta else []
    test = results[0]
    bins = reliability(test.probabilities, dataset.test.labels)
    files = {
        f"{name}-confusion.png": plot_confusion(test.headline, test.measures.confusion, LABELS),
        f"{name}-reliability.png": plot_reliability(_reliability_title(test), bins),
    }
    history = read_lines(Epoch, labeller.history) if labeller.history else []
    if _is_curve(history):
        files[f"{name}-curves.png"] = plot_curves({name: history})
    if labeller.history:
        files[f"{name}-history.csv"] = csv_of(Epoch, history)
    metrics = {
        "splits": [result.summary() for result in results],
        "test_time_augmentation": [asdict(measures) for measures in augmented],
        "weights": labeller.metadata,
        "data": {"name": dataset.name, "digest": dataset.meta["digest"]},
        "own_weights": "" if labeller.sha256 in SHIPPED or name in ENSEMBLES else labeller.title,
    }
    written = json_of(metrics)
    card = _card(name, json.loads(written), history, folder)
    return files | {f"{name}-metrics.json": written, f"{name}-card.md": card.encode()}


def _refuse_untold(labeller: Labels, model: Model) -> None:
    """Raise IntegrityError if the card could not tell how the weights were trained."""
    for run in lineage(labeller.metadata):
        known_recipe(run, labeller.title)
    try:
        training(model, labeller.metadata, [], "", [], [])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityError(
            f"{labeller.title} has metadata on its training that fercli never writes ({error!r}); leave --card out, or train again."
        ) from error


def card_text(folder: Path, name: str) -> str:
    """Return the Markdown of a card from its other files in `folder`, without measuring anything."""
    metrics = json.loads((folder / f"{name}-metrics.json").read_bytes())
    return _card(name, metrics, read_lines(Epoch, folder / f"{name}-history.csv"), folder)


def _card(name: str, metrics: dict[str, Any], history: Sequence[Epoch], folder: Path) -> str:
    """Return the Markdown of a card; `folder` has the tables that several cards quote."""
    figures = {caption: f"{name}-{part}.png" for caption, part in _FIGURES.items() if part != "curves" or _is_curve(history)}
    data = metrics.get("data", {"name": FER2013, "digest": metrics["weights"].get("dataset")})  # version 0.2 wrote none
    return model_card(
        [Evaluation.from_summary(values) for values in metrics["splits"]],
        [Measures(**values) for values in metrics["test_time_augmentation"]],
        metrics["weights"],
        history,
        figures,
        read_lines(Choice, folder / "choices.csv"),
        read_lines(Repetition, folder / "repetitions.csv"),
        read_lines(Portraits, folder / "portraits.csv"),
        data=data["name"],
        trained_on_data=data["digest"] == metrics["weights"].get("dataset"),
        own_weights=metrics.get("own_weights", ""),
    )
