"""How good a model is: per-class accuracy, confusion matrix, intervals, leak-free accuracy, as plain records."""

import math
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.dataset import Dataset
from fercli.inference import BATCH, Labeller
from fercli.labels import LABELS


@dataclass(frozen=True)
class Measures:
    """Quality on one split; all shares from 0 to 1.

    `confusion` counts images, true label by row, predicted by column; `per_class` is its diagonal's share of each row (the
    paper's per-class accuracy, that is recall), NaN-free: a class without images has None. `interval` is Wilson's, 95 %.
    """

    images: int
    confusion: list[list[int]]
    per_class: list[float | None]
    accuracy: float
    interval: tuple[float, float]
    macro_f1: float
    balanced_accuracy: float
    leaked: int | None
    leak_free_accuracy: float | None


@dataclass(frozen=True)
class Evaluation:
    """One model on one split, with its predictions: probabilities (N,7) in the split's order."""

    title: str
    model: str
    split: str
    parameters: int
    images_per_second: float
    measures: Measures
    probabilities: NDArray[np.float32]

    @property
    def headline(self) -> str:
        """Model, split and accuracy, as above a figure."""
        return f"{self.title}, {self.split}: {100 * self.measures.accuracy:.1f} %"

    def summary(self) -> dict[str, Any]:
        """Return everything but the predictions, as JSON values."""
        values = {name: getattr(self, name) for name in ("title", "model", "split", "parameters", "images_per_second")}
        return values | asdict(self.measures)


def evaluate(labeller: Labeller, dataset: Dataset, name: str) -> Evaluation:
    """Label all images of the split called `name`, and measure. The speed excludes a first batch, which compiles, and HOG.

    Which images leaked is known only of the data set that the network was trained on; on another the figure is None.
    """
    split = dataset.split(name)
    trained_here = labeller.metadata.get("dataset") == dataset.meta.get("digest")
    hog = labeller.features(split.pixels)
    labeller.label(split.pixels[:BATCH], None if hog is None else hog[:BATCH])
    started = time.perf_counter()
    probabilities = labeller.label(split.pixels, hog)
    seconds = time.perf_counter() - started
    return Evaluation(
        title=labeller.title,
        model=labeller.model.name,
        split=name,
        parameters=labeller.parameters,
        images_per_second=round(len(split) / seconds, 1),
        measures=measure(split.labels, probabilities.argmax(axis=1), split.leaked if trained_here else None),
        probabilities=probabilities,
    )


def measure(labels: NDArray[np.uint8], predicted: NDArray[np.int64], leaked: NDArray[np.bool_] | None) -> Measures:
    """Compare predicted with true labels (N,); `leaked` (N,) marks images that stand in the training set, too, if known."""
    classes = len(LABELS)
    confusion = np.bincount(labels.astype(np.int64) * classes + predicted, minlength=classes**2).reshape(classes, classes)
    right = labels == predicted
    images_of, predicted_as, hits = confusion.sum(axis=1), confusion.sum(axis=0), confusion.diagonal()
    recalls = [float(hit / images) if images else None for hit, images in zip(hits, images_of, strict=True)]
    present = images_of > 0
    f1 = 2 * hits[present] / (images_of + predicted_as)[present]
    clean = right[:0] if leaked is None else right[~leaked]
    return Measures(
        images=len(labels),
        confusion=confusion.tolist(),
        per_class=recalls,
        accuracy=float(right.mean()),
        interval=wilson_interval(int(right.sum()), len(right)),
        macro_f1=float(f1.mean()),
        balanced_accuracy=float(np.mean([recall for recall in recalls if recall is not None])),
        leaked=None if leaked is None else int(leaked.sum()),
        leak_free_accuracy=float(clean.mean()) if len(clean) else None,
    )


def wilson_interval(successes: int, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """Return Wilson's score interval for a share, at 95 % by default (Wilson 1927); `trials` is at least 1."""
    share = successes / trials
    scale = 1 + z**2 / trials
    centre = (share + z**2 / (2 * trials)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    return centre - half, centre + half
