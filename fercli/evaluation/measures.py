"""How good a model is: per-class accuracy, confusion matrix, intervals, leak-free accuracy; what HOG gave; as plain records."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.dataset import Dataset
from fercli.evaluation.shifts import accuracies_under_shifts
from fercli.labels import LABELS
from fercli.models.calibration import Kept, expected_calibration_error, kept_from, tempered
from fercli.models.inference import BATCH, Labels, begun_with
from fercli.models.recipes import Recipe
from fercli.models.registry import MODELS

SURE_VOTES = 8
_CHUNK = 4 * BATCH  # images between two steps of a progress bar; whole batches, so that the answers stay the same
_Z = 1.959964  # of the normal distribution, two-sided 95 %


@dataclass(frozen=True)
class Measures:
    """Quality on one split; all shares from 0 to 1.

    `confusion` counts images, true label by row, predicted by column. `per_class` is its diagonal's share of each row (the
    paper's per-class accuracy, that is recall), `precision` that of each column, `f1` their harmonic mean; where a share is of
    nothing it is None. `true` and `predicted` count the images of each class, `crowd` those that most people see so: of the
    seven, of the images that anybody saw one of these in. `interval` is Wilson's, 95 %. `crowd_agreement` is the share of labels
    equal to the crowd's majority on the `crowd_images` of which at least `SURE_VOTES` of ten people (FER+) said the same; None
    without votes, as `crowd`. The calibration error is the expected one, with the temperature and before; `kept` says what
    labels of some confidence are worth.
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
        return f"{self.title}, {self.split}: {100 * self.measures.accuracy:.1f} %"

    def summary(self) -> dict[str, Any]:
        """Return everything but the predictions, as JSON values."""
        values = {
            name: getattr(self, name) for name in ("title", "model", "split", "parameters", "multiply_adds", "images_per_second")
        }
        shifts = {"shifts": self.shifts, "mean_over_shifts": self.mean_over_shifts} if self.shifts else {}
        return values | asdict(self.measures) | shifts


@dataclass(frozen=True)
class Comparison:
    """What HOG changed, on the same images: `difference` is accuracy with it minus without it, from -1 to 1.

    `gained` images only the model with HOG labels right, `lost` only the one without; `interval` is Wald's for paired shares,
    95 %; `p_value` is McNemar's exact test that gains and losses are equally likely (McNemar 1947).
    """

    without: str
    with_hog: str
    difference: float
    interval: tuple[float, float]
    gained: int
    lost: int
    p_value: float


def evaluate(
    labeller: Labels, dataset: Dataset, name: str, *, shifts: bool = False, on_images: Callable[[int], None] = lambda _: None
) -> Evaluation:
    """Label all images of the split called `name`, and measure; with `shifts` after each change of these, too.

    `on_images` is told how many images were labelled since it was last called.

    The speed excludes a first batch, which compiles, and the HOG that the labeller's `features` gives. Which images leaked is known
    only if the network has seen this data set alone; otherwise the figure is None.
    """
    split = dataset.split(name)
    trained_here = labeller.trained_on == {dataset.meta.get("digest")}
    hog = labeller.features(split.pixels)
    labeller.label(split.pixels[:BATCH], None if hog is None else hog[:BATCH])
    started = time.perf_counter()
    parts = []
    for start in range(0, len(split), _CHUNK):
        chosen = slice(start, start + _CHUNK)
        parts.append(labeller.label(split.pixels[chosen], None if hog is None else hog[chosen]))
        on_images(len(parts[-1]))
    probabilities = np.concatenate(parts)
    seconds = time.perf_counter() - started
    predicted = probabilities.argmax(axis=1)
    measures = measure(split.labels, predicted, split.leaked if trained_here else None)
    crowd_images, crowd_agreement = agreement_with_crowd(predicted, split.votes)
    return Evaluation(
        title=labeller.title,
        model=labeller.name,
        split=name,
        parameters=labeller.parameters,
        multiply_adds=labeller.multiply_adds,
        images_per_second=round(len(split) / seconds, 1),
        measures=replace(
            measures,
            crowd=None if split.votes is None else majorities(split.votes),
            crowd_images=crowd_images,
            crowd_agreement=crowd_agreement,
            calibration_error=expected_calibration_error(probabilities, split.labels),
            calibration_error_before=expected_calibration_error(tempered(probabilities, 1 / labeller.temperature), split.labels),
            kept=kept_from(probabilities, split.labels),
        ),
        probabilities=probabilities,
        training=_training(labeller.metadata),
        shifts=accuracies_under_shifts(labeller, split, on_images) if shifts else {},
    )


def measure(labels: NDArray[np.uint8], predicted: NDArray[np.int64], leaked: NDArray[np.bool_] | None) -> Measures:
    """Compare predicted with true labels (N,); `leaked` (N,) marks images that stand in the training set, too, if known."""
    classes = len(LABELS)
    confusion = np.bincount(labels.astype(np.int64) * classes + predicted, minlength=classes**2).reshape(classes, classes)
    right = labels == predicted
    images_of, predicted_as, hits = confusion.sum(axis=1), confusion.sum(axis=0), confusion.diagonal()
    recalls, f1 = _shares(hits, images_of), _shares(2 * hits, images_of + predicted_as)
    present = images_of > 0
    clean = right[:0] if leaked is None else right[~leaked]
    return Measures(
        images=len(labels),
        confusion=confusion.tolist(),
        per_class=recalls,
        precision=_shares(hits, predicted_as),
        f1=f1,
        true=images_of.tolist(),
        predicted=predicted_as.tolist(),
        accuracy=float(right.mean()),
        interval=wilson_interval(int(right.sum()), len(right)),
        macro_f1=_mean_over(f1, present),
        balanced_accuracy=_mean_over(recalls, present),
        leaked=None if leaked is None else int(leaked.sum()),
        leak_free_accuracy=float(clean.mean()) if len(clean) else None,
    )


def _shares(parts: NDArray[np.int64], wholes: NDArray[np.int64]) -> list[float | None]:
    return [float(part / whole) if whole else None for part, whole in zip(parts, wholes, strict=True)]


def _mean_over(shares: Sequence[float | None], classes: NDArray[np.bool_]) -> float:
    """Return the mean over the classes marked (7,), which have images."""
    return float(np.mean([share for share, marked in zip(shares, classes, strict=True) if marked and share is not None]))


def majorities(votes: NDArray[np.uint8]) -> list[int]:
    """Return for each of the seven how many images have most votes for it, the first of equals; votes are (N, len(VOTES))."""
    counts = votes[:, : len(LABELS)]
    seen = counts[counts.max(axis=1) > 0]
    images: list[int] = np.bincount(seen.argmax(axis=1), minlength=len(LABELS)).tolist()
    return images


def agreement_with_crowd(predicted: NDArray[np.int64], votes: NDArray[np.uint8] | None) -> tuple[int | None, float | None]:
    """Return how many images the crowd is sure of, from votes (N, len(VOTES)), and the share of these labelled (N,) alike."""
    if votes is None:
        return None, None
    sure = votes[:, : len(LABELS)].max(axis=1) >= SURE_VOTES
    return int(sure.sum()), float((predicted == votes.argmax(axis=1))[sure].mean()) if sure.any() else None


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return Wilson's score interval for a share, 95 % (Wilson 1927); `trials` is at least 1."""
    from scipy.stats import binomtest  # takes a second to import

    interval = binomtest(successes, trials).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def area_under_curve(scores: NDArray[Any], others: NDArray[Any]) -> float:
    """Return the share of all pairs in which the one of `scores` (N,) is higher than that of `others` (M,), equals as half.

    That is the area under the receiver operating characteristic (Hanley and McNeil 1982); NaN without pairs.
    """
    if not scores.size or not others.size:
        return math.nan
    differences = np.subtract.outer(scores, others)
    return float(((differences > 0) + 0.5 * (differences == 0)).mean())


def compare_hog(results: Sequence[Evaluation], labels: NDArray[np.uint8]) -> list[Comparison]:
    """Compare each two of the results that differ by HOG alone, not in data or recipe; the split has these labels (N,)."""
    networks = [(MODELS[result.model], result) for result in results if result.model in MODELS]
    return [
        _compare(first, second, labels)
        for (plain, first), (hybrid, second) in product(networks, networks)
        if plain.network == hybrid.network and hybrid.uses_hog and not plain.uses_hog and first.training == second.training
    ]


def _compare(without: Evaluation, with_hog: Evaluation, labels: NDArray[np.uint8]) -> Comparison:
    right_without, right_with = (result.probabilities.argmax(axis=1) == labels for result in (without, with_hog))
    gained, lost, images = int((right_with & ~right_without).sum()), int((right_without & ~right_with).sum()), len(labels)
    difference = (gained - lost) / images
    half = _Z * math.sqrt(gained + lost - (gained - lost) ** 2 / images) / images
    return Comparison(
        without=without.title,
        with_hog=with_hog.title,
        difference=difference,
        interval=(difference - half, difference + half),
        gained=gained,
        lost=lost,
        p_value=mcnemar(gained, lost),
    )


def _training(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of how weights were trained, by what is neither zero nor empty: an older recipe has fewer names."""
    runs = {"start": begun_with(metadata), "teachers": metadata.get("teachers", [])}
    told = {
        **metadata.get("recipe", {}),
        **{name: metadata.get(name) for name in ("dataset", "dropout")},
        **{name: [run["sha256"] for run in before] for name, before in runs.items()},
    }
    defaults = {item.name: item.default for item in fields(Recipe)}
    return {name: value for name, value in told.items() if value and value != defaults.get(name)}


def mcnemar(gained: int, lost: int) -> float:
    """Return the two-sided p of McNemar's exact test, that gains and losses are equally likely; 1 where there are none."""
    from scipy.stats import binomtest

    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
