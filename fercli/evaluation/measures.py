"""How good a model is, as plain records: accuracy per class, confusion matrix, intervals, leak-free accuracy, calibration."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.dataset import Dataset
from fercli.evaluation.shifts import accuracies_under_shifts
from fercli.labels import LABELS
from fercli.models.calibration import Kept, expected_calibration_error, kept_from, tempered
from fercli.models.inference import BATCH, Labels
from fercli.models.lineage import begun_with
from fercli.models.recipes import Recipe

SURE_VOTES = 8
_CHUNK = 4 * BATCH  # images between two steps of a progress bar; whole batches, so that the probabilities stay the same


@dataclass(frozen=True)
class Measures:
    """Quality on one split; all shares from 0 to 1.

    `confusion` counts images, true label by row, predicted by column. `per_class` is its diagonal's share of each row (the
    paper's per-class accuracy, that is recall), `precision` that of each column, `f1` their harmonic mean; a share of nothing is
    None. `true` and `predicted` count the images of each class; `crowd` counts the images by the class that most people chose
    for them, leaving out those for which nobody chose any of the seven. `interval` is Wilson's 95 % score interval.
    `crowd_agreement` is the share of labels that agree with the crowd on the `crowd_images`, those for which at least
    `SURE_VOTES` of ten people (FER+) chose the same; `crowd_confusion` counts these images, the crowd's choice by row, predicted
    by column. All that is the crowd's is None without votes. `calibration_error` is the expected calibration error with the
    temperature, `calibration_error_before` without. `kept` says what a confidence is worth.
    """

    images: int
    confusion: list[list[int]]
    per_class: list[float | None]
    precision: list[float | None]
    f1: list[float | None]
    true: list[int]
    predicted: list[int]
    accuracy: float
    interval: tuple[float, float]
    macro_f1: float
    balanced_accuracy: float
    leaked: int | None
    leak_free_accuracy: float | None
    crowd: list[int] | None = None
    crowd_images: int | None = None
    crowd_agreement: float | None = None
    crowd_confusion: list[list[int]] | None = None
    calibration_error: float | None = None
    calibration_error_before: float | None = None
    kept: list[Kept] = field(default_factory=list)


@dataclass(frozen=True)
class Evaluation:
    """One model on one split, with its predictions: probabilities (N,7) in the split's order.

    `shifts` has the accuracy, 0 to 1, after each change of the images that was asked for; see `evaluation.shifts`.
    """

    title: str
    model: str
    split: str
    parameters: int
    multiply_adds: int
    images_per_second: float
    measures: Measures
    probabilities: NDArray[np.float32]
    training: dict[str, Any] = field(default_factory=dict)  # data, recipe, dropout and start, where known
    shifts: dict[str, float] = field(default_factory=dict)

    @property
    def mean_over_shifts(self) -> float | None:
        """The mean accuracy over the `shifts`, 0 to 1; None without any."""
        return sum(self.shifts.values()) / len(self.shifts) if self.shifts else None

    @property
    def headline(self) -> str:
        """Model, split and accuracy, as above a figure."""
        return f"{self.title}, {self.split}: {100 * self.measures.accuracy:.1f} % right"

    def summary(self) -> dict[str, Any]:
        """Return everything but the predictions and how the weights were trained, as JSON values."""
        values = {
            name: getattr(self, name) for name in ("title", "model", "split", "parameters", "multiply_adds", "images_per_second")
        }
        shifts = {"shifts": self.shifts, "mean_over_shifts": self.mean_over_shifts} if self.shifts else {}
        return values | asdict(self.measures) | shifts

    @classmethod
    def from_summary(cls, values: dict[str, Any]) -> "Evaluation":
        """Return the evaluation that gave this `summary`, without its predictions."""
        measured = {item.name: values[item.name] for item in fields(Measures) if item.name in values}
        measured |= _by_class(np.array(values["confusion"]))  # of which version 0.2 wrote less
        measured |= {"interval": tuple(values["interval"]), "kept": [Kept(**item) for item in values.get("kept", [])]}
        own = {item.name: values[item.name] for item in fields(cls) if item.name in values}
        return cls(**own, measures=Measures(**measured), probabilities=np.empty((0, len(LABELS)), np.float32))


def evaluate(
    labeller: Labels, dataset: Dataset, name: str, *, shifts: bool = False, on_images: Callable[[int], None] = lambda _: None
) -> Evaluation:
    """Label all images of the split called `name` and measure the result; with `shifts`, also after each change of the images.

    `on_images` receives the number of images labelled since its last call. The speed, in images a second, excludes a first batch
    to warm up. Which images leaked is known only if the network has seen no other data set; otherwise `leaked` and
    `leak_free_accuracy` are None.
    """
    split = dataset.split(name)
    trained_here = labeller.trained_on == {dataset.meta.get("digest")}
    labeller.label(split.pixels[:BATCH])
    started = time.perf_counter()
    parts = []
    for start in range(0, len(split), _CHUNK):
        parts.append(labeller.label(split.pixels[start : start + _CHUNK]))
        on_images(len(parts[-1]))
    probabilities = np.concatenate(parts)
    seconds = time.perf_counter() - started
    predicted = probabilities.argmax(axis=1)
    measures = measure(split.labels, predicted, split.leaked if trained_here else None)
    crowd = {} if split.votes is None else _against_crowd(predicted, split.votes)
    return Evaluation(
        title=labeller.title,
        model=labeller.name,
        split=name,
        parameters=labeller.parameters,
        multiply_adds=labeller.multiply_adds,
        images_per_second=round(len(split) / seconds, 1),
        measures=replace(
            measures,
            **crowd,
            calibration_error=expected_calibration_error(probabilities, split.labels),
            calibration_error_before=expected_calibration_error(tempered(probabilities, 1 / labeller.temperature), split.labels),
            kept=kept_from(probabilities, split.labels),
        ),
        probabilities=probabilities,
        training=_training(labeller.metadata),
        shifts=accuracies_under_shifts(labeller, split, on_images) if shifts else {},
    )


def measure(labels: NDArray[np.uint8], predicted: NDArray[np.int64], leaked: NDArray[np.bool_] | None) -> Measures:
    """Compare predicted with true labels (N,), at least one; `leaked` (N,) marks images also in the training set, if known."""
    confusion = _confusion(labels, predicted)
    by_class = _by_class(confusion)
    present = confusion.sum(axis=1) > 0
    right = labels == predicted
    clean = right[:0] if leaked is None else right[~leaked]
    return Measures(
        images=len(labels),
        confusion=confusion.tolist(),
        **by_class,
        accuracy=float(right.mean()),
        interval=wilson_interval(int(right.sum()), len(right)),
        macro_f1=_mean_over(by_class["f1"], present),
        balanced_accuracy=_mean_over(by_class["per_class"], present),
        leaked=None if leaked is None else int(leaked.sum()),
        leak_free_accuracy=float(clean.mean()) if len(clean) else None,
    )


def _confusion(labels: NDArray[Any], predicted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many images have each pair of labels (N,), by row, and predicted labels (N,), by column."""
    classes = len(LABELS)
    return np.bincount(labels.astype(np.int64) * classes + predicted, minlength=classes**2).reshape(classes, classes)


def _by_class(confusion: NDArray[np.int64]) -> dict[str, Any]:
    """Return those of the `Measures` that have a value for each class."""
    true, predicted, hits = confusion.sum(axis=1), confusion.sum(axis=0), confusion.diagonal()
    return {
        "per_class": _shares(hits, true),
        "precision": _shares(hits, predicted),
        "f1": _shares(2 * hits, true + predicted),
        "true": true.tolist(),
        "predicted": predicted.tolist(),
    }


def _shares(parts: NDArray[np.int64], wholes: NDArray[np.int64]) -> list[float | None]:
    return [float(part / whole) if whole else None for part, whole in zip(parts, wholes, strict=True)]


def _mean_over(shares: Sequence[float | None], classes: NDArray[np.bool_]) -> float:
    """Return the mean share over the classes marked in `classes` (7,), those that have images."""
    return float(np.mean([share for share, marked in zip(shares, classes, strict=True) if marked and share is not None]))


def _against_crowd(predicted: NDArray[np.int64], votes: NDArray[np.uint8]) -> dict[str, Any]:
    """Return those of the `Measures` that are the crowd's, from its votes (N, len(VOTES)) on the images.

    A vote for anything but the seven classes does not count, and of classes with equally many votes the first wins.
    """
    counts = votes[:, : len(LABELS)]
    most, choice = counts.max(axis=1), counts.argmax(axis=1)
    sure = most >= SURE_VOTES
    confusion = _confusion(choice[sure], predicted[sure])
    return {
        "crowd": np.bincount(choice[most > 0], minlength=len(LABELS)).tolist(),
        "crowd_images": int(sure.sum()),
        "crowd_agreement": float(confusion.trace() / sure.sum()) if sure.any() else None,
        "crowd_confusion": confusion.tolist(),
    }


def cohens_kappa(confusion: Sequence[Sequence[int]]) -> float | None:
    """Return Cohen's kappa of a confusion matrix: agreement beyond chance, 1 if there is no other (Cohen 1960).

    It is None where chance alone would give full agreement, because both sides only ever say the same one word.
    """
    counts = np.array(confusion)
    total = counts.sum()
    agreed, chance = float(counts.trace() / total), float(counts.sum(axis=0) @ counts.sum(axis=1) / total**2)
    return (agreed - chance) / (1 - chance) if chance < 1 else None


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return Wilson's 95 % score interval for a share, 0 to 1 (Wilson 1927); `trials` is at least 1."""
    from scipy.stats import binomtest  # takes a second to import

    interval = binomtest(successes, trials).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def area_under_curve(scores: NDArray[Any], others: NDArray[Any]) -> float:
    """Return the area under the ROC curve, 0 to 1; NaN without pairs.

    That is the share of all pairs in which one of `scores` (N,) is higher than one of `others` (M,); ties count half (Hanley and
    McNeil 1982).
    """
    if not scores.size or not others.size:
        return math.nan
    differences = np.subtract.outer(scores, others)
    return float(((differences > 0) + 0.5 * (differences == 0)).mean())


def _training(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of how weights were trained, without what is empty or a default, which older recipes do not name."""
    runs = {"start": begun_with(metadata), "teachers": metadata.get("teachers", [])}
    told = {
        **metadata.get("recipe", {}),
        **{name: metadata.get(name) for name in ("dataset", "dropout")},
        **{name: [run["sha256"] for run in before] for name, before in runs.items()},
    }
    defaults = {item.name: item.default for item in fields(Recipe)}
    return {name: value for name, value in told.items() if value and value != defaults.get(name)}
